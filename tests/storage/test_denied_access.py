"""Only "not found" means that a key does not exist; a key that may not be read is an error, on every store."""

import contextlib
import http.server
import json
import pickle
import re
import threading
from typing import ClassVar

import mongomock
import numpy as np
import obstore.store
import pytest
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ResourceNotFoundError
from fsspec.implementations.memory import MemoryFileSystem
from servers import HOST, redis_port_fixture  # noqa: F401

import zarrcy
from zarrcy.errors import AccessDeniedError, NotConsolidatedError
from zarrcy.storage.remote.azure import ABSStore
from zarrcy.storage.remote.fsspec import FSStore
from zarrcy.storage.remote.mongodb import MongoDBStore
from zarrcy.storage.remote.obstore import ObjectStore
from zarrcy.storage.remote.redis import RedisStore
from zarrcy.storage.remote.server_errors import is_overloaded, retried, retried_each

DOCUMENT = json.dumps(
    {
        "zarr_format": 2,
        "shape": [10],
        "chunks": [5],
        "dtype": "<i4",
        "compressor": None,
        "filters": None,
        "order": "C",
        "fill_value": 0,
    }
).encode()
CHUNKS = {"0": np.full(5, 7, "<i4").tobytes(), "1": np.full(5, 8, "<i4").tobytes()}
VALUES = {".zarray": DOCUMENT, **CHUNKS}


class Faulty(MemoryFileSystem):
    """A file system in memory that raises errors for paths that end with certain names."""

    cachable = False
    protocol = "faulty"
    # end of a path -> the errors of the next requests; the last one stays
    errors: ClassVar[dict[str, list[Exception]]] = {}
    requests: ClassVar[list[str]] = []

    def check(self, path):
        self.requests.append(path)
        for end, errors in self.errors.items():
            if path.endswith(end) and errors:
                raise errors.pop(0) if len(errors) > 1 or errors[0].args == ("once",) else errors[0]

    def cat_file(self, path, *args, **kwargs):
        self.check(path)
        return super().cat_file(path, *args, **kwargs)

    def info(self, path, **kwargs):
        self.check(path)
        return super().info(path, **kwargs)

    def pipe_file(self, path, value, mode="overwrite", **kwargs):
        self.check(path)
        return super().pipe_file(path, value, mode, **kwargs)


@pytest.fixture
def faulty():
    MemoryFileSystem.store.clear()
    yield Faulty()
    Faulty.errors.clear()
    Faulty.requests.clear()
    MemoryFileSystem.store.clear()


@pytest.fixture
def server():
    """An HTTP server of `VALUES` that answers with other statuses for the paths of `statuses`."""

    class Handler(http.server.BaseHTTPRequestHandler):
        statuses: ClassVar[dict[str, list[int]]] = {}

        def do_GET(self):
            name = self.path.rsplit("/", 1)[-1]
            statuses = self.statuses.get(name)
            value = VALUES.get(name, b"")
            status = (statuses.pop(0) if len(statuses) > 1 else statuses[0]) if statuses else 200
            status = 404 if status == 200 and name not in VALUES else status
            self.send_response(status)
            self.send_header("Content-Length", str(len(value)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(value)

        do_HEAD = do_GET

        def log_message(self, *args):
            pass

    handler = http.server.ThreadingHTTPServer((HOST, 0), Handler)
    thread = threading.Thread(target=handler.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield f"http://{HOST}:{handler.server_port}/a", Handler.statuses
    finally:
        handler.shutdown()
        thread.join()
        handler.server_close()


class FakeContainer:
    """A client of a container of Azure, with an error for each blob."""

    url = "https://example"

    def __init__(self, errors):
        self.errors = errors

    def download_blob(self, name, offset=0, length=None):
        raise self.errors.get(name, ResourceNotFoundError())

    def get_blob_client(self, name):
        return self.FakeBlob(self.errors.get(name, ResourceNotFoundError()))

    class FakeBlob:
        def __init__(self, error):
            self.error = error

        def get_blob_properties(self):
            raise self.error


def azure_error(kind, status):
    error = kind("AuthenticationFailed")
    error.status_code = status
    return error


READS = {
    "[]": lambda store, key: store[key],
    "get": lambda store, key: store.get(key),
    "in": lambda store, key: key in store,
    "getitems": lambda store, key: store.getitems([key, "9"]),
    "get_partial_values": lambda store, key: store.get_partial_values([(key, (0, 4)), (key, (-4, None))]),
    "an empty range": lambda store, key: store.get_partial_values([(key, (0, 0))]),
}


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_key_that_may_not_be_read_is_an_error_that_names_it(read, faulty, server):
    url, statuses = server
    # a wrong signature, a wrong clock, a revoked key
    for denial in (PermissionError("Forbidden"), PermissionError(13, "RequestTimeTooSkewed", "/a/0")):
        Faulty.errors["/0"] = [denial]
        with pytest.raises(AccessDeniedError, match=r"(?s)'0' is denied.*PermissionError.*`exceptions`"):
            read(FSStore("/a", fs=faulty), "0")
    for status in (401, 403):
        statuses["0"] = [status]
        for store in (
            FSStore(url),
            ObjectStore(obstore.store.HTTPStore.from_url(url, client_options={"allow_http": True})),
        ):
            with pytest.raises(PermissionError, match="'0' is denied"):
                read(store, "0")
        container = FakeContainer({"0": azure_error(HttpResponseError, status)})
        with pytest.raises(PermissionError, match="'0' is denied"):
            read(ABSStore(client=container), "0")
    container = FakeContainer({"0": azure_error(ClientAuthenticationError, 403)})
    with pytest.raises(PermissionError, match="'0' is denied"):
        read(ABSStore(client=container), "0")


@pytest.mark.parametrize("read", READS.values(), ids=READS)
def test_a_key_whose_read_fails_is_not_missing(read, server):
    url, statuses = server
    statuses["0"] = [500]
    with pytest.raises(Exception, match="500"):
        read(FSStore(url), "0")
    nobody = FSStore(re.sub(r":\d+/", ":1/", url))
    with pytest.raises(OSError, match=r"connect|Connect"):
        read(nobody, "0")


def test_a_missing_key_is_missing_on_each_store(faulty, server):
    url, _ = server
    obstore_http = obstore.store.HTTPStore.from_url(url, client_options={"allow_http": True})
    for store in (
        FSStore("/a", fs=faulty),
        FSStore(url),
        ObjectStore(obstore_http),
        ABSStore(client=FakeContainer({})),
    ):
        assert "9" not in store
        assert store.get("9") is None
        assert store.getitems(["9"]) == {}
        assert store.get_partial_values([("9", (0, 4)), ("9", (0, 0))]) == [None, None]
        with pytest.raises(KeyError):
            store["9"]


def test_a_denied_chunk_is_neither_the_fill_value_nor_overwritten(faulty):
    store = FSStore("/a", fs=faulty)
    store.setitems(VALUES)
    a = zarrcy.open_array(store, mode="r+")
    Faulty.errors["/0"] = [PermissionError("Forbidden")]
    for access in (lambda: a[...], lambda: a[2], lambda: a.__setitem__(slice(0, 2), 3)):
        with pytest.raises(PermissionError, match="exceptions"):
            access()
    Faulty.errors.clear()
    assert a[...].tolist() == [7] * 5 + [8] * 5


def test_a_user_may_declare_denied_keys_as_missing(faulty, server):
    url, statuses = server
    statuses["0"] = [403]
    Faulty.errors["/0"] = [PermissionError("Forbidden")]
    FSStore("/a", fs=faulty)[".zarray"] = DOCUMENT
    for store in (
        FSStore("/a", fs=faulty, exceptions=(KeyError, FileNotFoundError, PermissionError)),
        FSStore("/a", fs=faulty, missing_exceptions=(PermissionError,)),
        FSStore(url, exceptions=(KeyError, FileNotFoundError, PermissionError)),
    ):
        assert zarrcy.open_array(store, mode="r")[:5].tolist() == [0] * 5
        assert "0" not in store
        assert store.getitems(["0"]) == {}
        assert store.get_partial_values([("0", (0, 4))]) == [None]


def test_the_error_of_a_denied_key_can_be_pickled():
    error = AccessDeniedError("a/0", "Forbidden", "Check the clock.")
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.key, again.errno) == (str(error), "a/0", error.errno)


# -- documents ---------------------------------------------------------------------------------------


def made(faulty, zarr_format, make):
    store = FSStore("/a", fs=faulty)
    make(store, zarr_format)
    return store


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("kind", ["array", "group"])
def test_an_existing_node_is_found_where_missing_documents_are_denied(faulty, kind, zarr_format):
    """A bucket answers 403 for keys that do not exist if the client may not list it."""
    store = FSStore("/a", fs=faulty)
    g = zarrcy.group(store, zarr_format=zarr_format)
    g.create_dataset("n/x", data=np.arange(4), chunks=2) if kind == "array" else g.create_group("n/x")
    for name in ("zarr.json", ".zarray", ".zgroup", ".zmetadata", ".zattrs"):
        for path in ("", "n/", "n/x/"):
            if f"{path}{name}" not in store:
                Faulty.errors[f"/a/{path}{name}"] = [PermissionError("Forbidden")]
    root = zarrcy.open_group(store, mode="r")
    assert list(root) == ["n"]
    assert [name for name, _ in root["n"].items()] == ["x"]
    assert "n/x" in root
    assert type(root["n/x"]).__name__ == kind.capitalize()
    opened = zarrcy.open(store, path="n/x", mode="r+")
    assert type(opened).__name__ == kind.capitalize()
    assert type(zarrcy.open_group(store, path="n", mode="a")).__name__ == "Group"
    if kind == "array":
        assert zarrcy.open_array(store, path="n/x", mode="r")[...].tolist() == [0, 1, 2, 3]
        assert zarrcy.open_array(store, path="n/x", mode="a")[1] == 1
    with pytest.raises(NotConsolidatedError):
        zarrcy.open_consolidated(store)


def test_consolidated_metadata_are_found_where_other_documents_are_denied(faulty):
    store = FSStore("/a", fs=faulty)
    zarrcy.group(store).create_dataset("x", data=np.arange(4))
    zarrcy.consolidate_metadata(store)
    Faulty.errors["zarr.json"] = [PermissionError("Forbidden")]
    assert zarrcy.open_consolidated(store)["x"][1] == 1


def test_a_node_with_no_readable_document_is_denied_and_not_missing(faulty):
    store = FSStore("/a", fs=faulty)
    zarrcy.group(store).create_dataset("x", data=np.arange(4))
    for name in ("zarr.json", ".zarray", ".zgroup", ".zmetadata"):
        Faulty.errors[name] = [PermissionError("Forbidden")]
    opens = [
        lambda: zarrcy.open(store, mode="r"),
        lambda: zarrcy.open_array(store, path="x", mode="r"),
        lambda: zarrcy.open_array(store, path="x", mode="a", shape=1),
        lambda: zarrcy.open_group(store, mode="a"),
        lambda: zarrcy.open_consolidated(store),
        lambda: "x" in zarrcy.Group(store),
    ]
    before = dict(MemoryFileSystem.store)
    for opening in opens:
        with pytest.raises(PermissionError, match="exceptions"):
            opening()
    assert MemoryFileSystem.store == before


@pytest.mark.parametrize("denied", ["zarr.json", ".zarray", ".zgroup"])
def test_a_node_is_not_created_where_a_document_is_denied(faulty, denied):
    store = FSStore("/a", fs=faulty)
    zarrcy.group(store)
    Faulty.errors[f"/a/x/{denied}"] = [PermissionError("Forbidden")]
    creations = [
        lambda: zarrcy.create(4, store=store, path="x"),
        lambda: zarrcy.open_array(store, path="x", mode="w-", shape=4),
        lambda: zarrcy.open_array(store, path="x", mode="a", shape=4),
        lambda: zarrcy.open_group(store, mode="r+").create_group("x"),
        lambda: zarrcy.open_group(store, mode="r+").require_group("x"),
    ]
    before = dict(MemoryFileSystem.store)
    for create in creations:
        with pytest.raises(PermissionError):
            create()
    assert MemoryFileSystem.store == before


# -- values that are not strings ------------------------------------------------------------------------


def test_a_key_of_redis_that_holds_another_type_is_not_missing(redis_port):
    store = RedisStore(prefix="denied", port=redis_port)
    store["b"] = b"1"
    store.client.rpush("denied:a", b"1")
    for read in (lambda: store["a"], lambda: store.get("a"), lambda: store.getitems(["a", "b", "c"])):
        with pytest.raises(Exception, match="WRONGTYPE"):
            read()
    assert store.getitems(["b", "c"]) == {"b": b"1"}
    store.client.delete("denied:a")
    store.close()


def test_a_document_of_mongodb_without_a_value_is_not_missing():
    with mongomock.patch():
        store = MongoDBStore(collection="denied")
        store.collection.insert_one({"key": "a"})
        for read in (lambda: store["a"], lambda: store.get("a"), lambda: store.getitems(["a"])):
            with pytest.raises(ValueError, match="'a' has no field"):
                read()


# -- overloaded servers ----------------------------------------------------------------------------------


class Overloaded(Exception):
    """An error as clients of HTTP raise it."""

    def __init__(self, status=503):
        super().__init__("refused")
        self.status = status


class BotoError(Exception):
    def __init__(self):
        super().__init__("An error occurred")
        self.response = {"ResponseMetadata": {"HTTPStatusCode": 503}, "Error": {"Code": "SlowDown"}}


OVERLOADS = [Overloaded(503), Overloaded(429), BotoError(), OSError(16, "Please reduce your request rate.")]


@pytest.mark.parametrize("error", OVERLOADS, ids=repr)
def test_a_request_that_an_overloaded_server_refuses_is_sent_again(faulty, error):
    store = FSStore("/a", fs=faulty)
    store.setitems(VALUES)
    requests = [
        (lambda: store["0"], CHUNKS["0"]),
        (lambda: store.getitems(["0", "1"]), CHUNKS),
        (lambda: "0" in store, True),
        (lambda: store.get_partial_values([("0", (0, 4))]), [CHUNKS["0"][:4]]),
        (lambda: store.setitems({"0": CHUNKS["0"]}), None),
    ]
    for request, expected in requests:
        once = OSError("once")
        once.__cause__ = error
        Faulty.errors["/0"] = [once]
        assert request() == expected


def test_requests_are_repeated_a_bounded_number_of_times():
    calls = []

    def request(items=(1,)):
        calls.append(list(items))
        raise Overloaded

    with pytest.raises(Overloaded) as caught:
        retried(request, delays=(0, 0))
    assert len(calls) == 3
    assert "refused the request 3 times" in caught.value.__notes__[0]
    calls.clear()

    def request_each(items):
        calls.append(list(items))
        return [Overloaded() if item % 2 else item for item in items]

    answers = retried_each(request_each, [1, 2, 3], delays=(0, 0))
    assert calls == [[1, 2, 3], [1, 3], [1, 3]]
    assert [is_overloaded(answer) for answer in answers] == [True, False, True]


def test_other_errors_are_not_repeated(faulty):
    store = FSStore("/a", fs=faulty)
    for error in (OSError(5, "the disk failed"), PermissionError("Forbidden"), ValueError("bad")):
        Faulty.errors["/0"] = [error]
        Faulty.requests.clear()
        with contextlib.suppress(OSError, ValueError):
            store["0"]
        assert Faulty.requests == ["/a/0"]


def test_an_overloaded_http_server_is_asked_again(server):
    url, statuses = server
    for read in (lambda store: store["0"], lambda store: store.getitems(["0"])["0"]):
        statuses["0"] = [503, 429, 200]
        assert read(FSStore(url)) == CHUNKS["0"]
    statuses["0"] = [503, 503, 200]
    assert "0" in FSStore(url)
