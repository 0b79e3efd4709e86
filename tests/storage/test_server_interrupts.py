"""An exception of a signal handler ends a call of a store at once, although the server does not answer."""

import contextlib
import http.server
import signal
import threading
import time

import numpy as np
import obstore.store
import pytest
from servers import HOST

import zarrcy
from zarrcy.storage.remote.azure import ABSStore
from zarrcy.storage.remote.fsspec import FSStore
from zarrcy.storage.remote.obstore import ObjectStore

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="needs a POSIX system")

# Far less than the client waits for a server: 30 s for obstore, which then repeats the request, 5 minutes for fsspec.
AT_ONCE = 20.0


class Interrupt(Exception):
    pass


class Handler(http.server.BaseHTTPRequestHandler):
    """Keeps objects in memory like S3, and does not answer while the server is silent."""

    protocol_version = "HTTP/1.1"

    def handle_one_request(self):
        with contextlib.suppress(ConnectionError):
            super().handle_one_request()

    def answer(self):
        server, key = self.server, self.path.partition("?")[0].removeprefix("/bucket").lstrip("/")
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if server.is_silent:
            server.waiting.release()
            server.talks.wait()
        status, body = 200, b""
        if self.command == "PUT":
            server.values[key] = content
        elif self.command == "DELETE":
            status = 204
            server.values.pop(key, None)
        elif self.command == "POST":
            body = b"<DeleteResult></DeleteResult>"
        elif not key:
            body = b"<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>"
        elif key not in server.values:
            status = 404
        else:
            body = server.values[key]
            asked = self.headers.get("Range")
            if asked:
                first, last = asked.removeprefix("bytes=").split("-")
                start = int(first) if first else len(body) - int(last)
                stop = int(last) + 1 if first and last else len(body)
                status, n = 206, len(body)
                body = body[start:stop]
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{n}")
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 00:00:00 GMT")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_DELETE = do_POST = answer

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    server = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    server.daemon_threads = True
    server.values, server.is_silent = {}, False
    server.waiting, server.talks = threading.Semaphore(0), threading.Event()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.talks.set()
        server.shutdown()
        thread.join()
        server.socket.close()


def interrupted(server, call, n_requests=1):
    """Call a function, interrupt it when its requests wait, and return the exception; then the server talks again."""

    def handler(*_):
        raise Interrupt

    def interrupt():
        for _ in range(n_requests):
            server.waiting.acquire()
        signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, handler)
    thread = threading.Thread(target=interrupt)
    server.is_silent = True
    start = time.monotonic()
    try:
        thread.start()
        with pytest.raises(Interrupt) as caught:
            call()
        assert time.monotonic() - start < AT_ONCE
        return caught.value
    finally:
        # a call that failed early must not keep the thread
        server.waiting.release(n_requests)
        thread.join()
        signal.signal(signal.SIGALRM, before)
        server.is_silent = False
        server.waiting = threading.Semaphore(0)


def on_s3(server):
    return ObjectStore(
        obstore.store.S3Store(
            "bucket",
            endpoint=f"http://{HOST}:{server.server_port}",
            skip_signature=True,
            region="us-east-1",
            client_options={"allow_http": True},
        )
    )


def on_http(server):
    return FSStore(f"http://{HOST}:{server.server_port}/bucket")


CALLS = {
    "a value": lambda store: store.get("0"),
    "a value with a limit": lambda store: store.read_values(["0"], 100),
    "a look for a key": lambda store: "0" in store,
    "a part": lambda store: store.get_partial_values([("0", (0, 1))]),
    "a listing": lambda store: store.listdir("a"),
    "all keys": list,
    "a write": lambda store: store.__setitem__("0", b"new"),
    "a new value": lambda store: store.setdefault("new", b"new"),
    "a deletion": lambda store: store.__delitem__("0"),
    "a deletion of many": lambda store: store.delitems(["0"]),
    "a size": lambda store: store.getsize("0"),
}


@pytest.mark.parametrize("name", CALLS)
def test_a_single_request_of_obstore_to_a_silent_server_can_be_interrupted(server, name):
    store = on_s3(server)
    server.values["0"] = b"12345"
    exc = interrupted(server, lambda: CALLS[name](store))
    notes = getattr(exc, "__notes__", [])
    changed = {"a write": "0", "a deletion of many": "0", "a new value": "new"}
    if name in changed:
        assert f"1 requests that were sent may still be carried out: {changed[name]}" in notes[0]
    else:
        # it had only read
        assert not notes
    assert store.get("0") == b"12345"
    store["1"] = b"6"
    assert store.getitems(["0", "1"]) == {"0": b"12345", "1": b"6"}


@pytest.mark.parametrize("n", [1, 5])
def test_many_writes_to_a_silent_server_are_named_after_a_second(server, n):
    store = on_s3(server)
    exc = interrupted(server, lambda: store.setitems({f"a/{i}": b"1" for i in range(n)}), n)
    assert f"{n} requests that were sent may still be carried out: a/0" in exc.__notes__[0]
    store["b"] = b"2"
    assert store["b"] == b"2"


@pytest.mark.parametrize("make_store", [on_s3, on_http])
@pytest.mark.parametrize("shape", [2, 8])
def test_a_read_of_an_array_from_a_silent_server_can_be_interrupted(server, make_store, shape):
    values = {}
    zarrcy.create(shape, chunks=2, store=values, dtype="i4")[...] = np.arange(shape)
    server.values.update(values)
    a = zarrcy.open_array(make_store(server), mode="r")
    exc = interrupted(server, lambda: a[...], shape // 2)
    assert not getattr(exc, "__notes__", [])
    assert a[...].tolist() == list(range(shape))


def test_a_write_of_many_chunks_to_a_silent_server_is_named(server):
    a = zarrcy.zeros((8, 2**16), chunks=(1, 2**16), dtype="i8", store=on_s3(server))
    exc = interrupted(server, lambda: a.__setitem__(..., 1), 8)
    assert "8 requests that were sent may still be carried out: 0.0, 1.0" in exc.__notes__[-1]
    assert list(server.values) == [".zarray"]


def test_an_array_on_a_silent_server_can_be_opened_later(server):
    zarrcy.create(2, store=server.values)[...] = 5
    store = on_s3(server)
    interrupted(server, lambda: zarrcy.open_array(store, mode="r"))
    assert zarrcy.open_array(store, mode="r")[...].tolist() == [5, 5]


class SilentContainer:
    """A client of a container of Azure whose service does not answer."""

    url, container_name = "https://example", "c"

    def __init__(self, server):
        self.server = server

    def upload_blob(self, name, value, overwrite):
        if self.server.is_silent:
            self.server.waiting.release()
            self.server.talks.wait()
        self.server.values[name] = value

    def list_blobs(self, name_starts_with=None):
        return []


def test_a_write_to_azure_that_was_sent_is_named(server):
    store = ABSStore(client=SilentContainer(server))
    exc = interrupted(server, lambda: store.__setitem__("0", b"1"))
    assert "may still be carried out: 0" in exc.__notes__[0]
    store["1"] = b"2"
    assert server.values["1"] == b"2"
