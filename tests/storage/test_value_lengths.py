"""A stored value that is far longer than it can be is refused by its length, before it is read."""

import contextlib
import dbm.dumb
import errno
import http.server
import os
import sys
import threading
import tracemalloc
import uuid
import zipfile

import mongomock
import numcodecs
import numpy as np
import obstore.store
import pytest
import s3fs
import test_versions_of_values as watched_azure
from fsspec.implementations.memory import MemoryFileSystem
from servers import HOST, redis_port_fixture, s3_endpoint_fixture  # noqa: F401

import zarrcy
from zarrcy.errors import ChunkDecodeError, ValueLengthError
from zarrcy.storage import (
    DBMStore,
    DirectoryStore,
    LMDBStore,
    LRUStoreCache,
    MongoDBStore,
    N5FSStore,
    N5Store,
    NestedDirectoryStore,
    SQLiteStore,
    ZipStore,
)
from zarrcy.storage.local import atomic_files
from zarrcy.storage.remote.azure import ABSStore
from zarrcy.storage.remote.fsspec import FSStore
from zarrcy.storage.remote.obstore import ObjectStore
from zarrcy.storage.remote.redis import RedisStore

HUGE = 8 * 2**40  # more than memory and disk: files are sparse
ARRAYS = {
    "raw": {"compressor": None},
    "compressed": {"compressor": numcodecs.GZip(1)},
    "filtered": {"filters": [numcodecs.Delta("i4")]},
    "v3": {"zarr_format": 3},
    "shards": {"zarr_format": 3, "chunks": 16, "shards": 64, "codecs": ["bytes", "zstd", "crc32c", "gzip"]},
}


def lengthen(path):
    try:
        os.truncate(path, HUGE)
    except OSError:
        os.truncate(path, 2**40)


@pytest.mark.parametrize("kind", ARRAYS)
def test_a_chunk_far_longer_than_it_can_be_is_not_read(tmp_path, kind):
    options = {"shape": 128, "chunks": 64, "dtype": "i4", "store": DirectoryStore(tmp_path), **ARRAYS[kind]}
    a = zarrcy.create(**options)
    a[...] = 1
    key = min(key for key in a.store if not key.endswith(("json", ".zarray")))
    lengthen(tmp_path / key)
    for read in (lambda: a[0], lambda: a[:], lambda: a.vindex[[3, 4]]):
        with pytest.raises(ChunkDecodeError, match=key):
            read()
    with pytest.raises(ChunkDecodeError, match=key):
        a[3] = 5
    assert (a[64:] == 1).all()


@pytest.mark.parametrize("name", [".zarray", ".zattrs", "zarr.json"])
def test_a_document_far_longer_than_it_can_be_is_not_read(tmp_path, name):
    zarr_format = 3 if name == "zarr.json" else 2
    a = zarrcy.create(4, store=DirectoryStore(tmp_path), zarr_format=zarr_format)
    a.attrs["x"] = 1
    lengthen(tmp_path / name)
    with pytest.raises(ValueError, match=name):
        zarrcy.open_array(str(tmp_path), mode="r").attrs.asdict()


def test_a_member_of_a_zip_archive_far_longer_than_it_can_be_is_not_read(tmp_path):
    path = tmp_path / "a.zip"
    with ZipStore(path, mode="w") as store:
        zarrcy.create(64, chunks=64, dtype="i4", compressor=None, store=store)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", bytes(2**25))
    with ZipStore(path, mode="r") as store:
        with pytest.raises(ChunkDecodeError, match="'0'"):
            zarrcy.open_array(store, mode="r")[...]
        with pytest.raises(ValueLengthError, match="'0' has 33554432 bytes; at most 10 are read"):
            store.read_value("0", 10)
        assert len(store.read_value("0")) == 2**25


@pytest.mark.parametrize("codec", [numcodecs.GZip(0), numcodecs.BZ2(1), numcodecs.LZMA(), numcodecs.Blosc()])
def test_data_that_cannot_be_compressed_is_never_too_long(tmp_path, codec):
    noise = np.random.default_rng(0).integers(0, 256, 3_000_000, "u1")
    for chunk in (1, 100, 3_000_000):
        part = noise[: 100 * chunk]
        a = zarrcy.array(part, chunks=chunk, compressor=codec, store=DirectoryStore(tmp_path / str(chunk)))
        assert (a[...] == part).all()


# -- stores behind a network, and databases ------------------------------------------------------------

MOST = 4 * 256 + 2**20  # of a chunk of 64 integers
FAR_TOO_LONG = 2**25


class Container(watched_azure.Container):
    """A client of a container of Azure that counts the bytes that are downloaded."""

    n_downloads = n_read = 0

    def download_blob(self, name, **options):
        self.n_downloads += 1
        blob = super().download_blob(name, **options)
        read = blob.readall

        def readall():
            self.n_read += blob.size
            return read()

        blob.readall = readall
        return blob


class WatchedFiles(MemoryFileSystem):
    cachable = False
    protocol = "watched-lengths"
    n_calls = n_read = 0

    def cat_file(self, path, start=None, end=None, **kwargs):
        value = super().cat_file(path, start, end, **kwargs)
        self.n_calls += 1
        self.n_read += len(value)
        return value


class LongValues(http.server.BaseHTTPRequestHandler):
    """Serves values; an integer in place of a value is a number of zeros. It counts requests and sent bytes."""

    protocol_version = "HTTP/1.1"
    serves_ranges = True

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        server, value = self.server, self.server.values.get(self.path.lstrip("/"))
        server.requests.append(f"{self.command} {self.path}")
        if value is None:
            self.send_response(404)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        start, nbytes = 0, value if isinstance(value, int) else len(value)
        ranges = self.headers.get("Range") if server.serves_ranges else None
        stop = nbytes
        if ranges:
            first, last = ranges.removeprefix("bytes=").split("-")
            start, stop = int(first), min(int(last) + 1, nbytes)
            if start >= nbytes:
                self.send_response(416)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{nbytes}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(stop - start))
        self.send_header("Last-Modified", "Mon, 30 Nov 2026 00:00:00 GMT")
        self.send_header("Accept-Ranges", "bytes")
        self.end_headers()
        if self.command == "HEAD":
            return
        with contextlib.suppress(ConnectionError):
            for at in range(start, stop, 2**16):
                n = min(2**16, stop - at)
                self.wfile.write(bytes(n) if isinstance(value, int) else value[at : at + n])
                server.n_sent += n

    def log_message(self, *args):
        pass


@pytest.fixture
def long_values():
    server = http.server.ThreadingHTTPServer((HOST, 0), LongValues)
    server.values, server.requests, server.n_sent, server.serves_ranges = {}, [], 0, True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def array_values(**options):
    """Return the stored values of an array whose chunks are 0 ... 63 and 64 ... 127."""
    values = {}
    a = zarrcy.create(128, chunks=64, dtype="i4", store=values, compressor=None, **options)
    a[...] = np.arange(128)
    a.attrs["x"] = 1
    return {key: bytes(value) for key, value in values.items()}


def check_refusal(store, counters=None):
    """Read an array whose second chunk is far too long, and return how much each counter grew meanwhile."""
    a = zarrcy.open_array(store, mode="r")
    assert (a[:64] == np.arange(64)).all()
    before = None if counters is None else counters()
    with pytest.raises(ChunkDecodeError, match="'1'") as caught:
        a[64:]
    grew = None if counters is None else [after - n for n, after in zip(before, counters(), strict=True)]
    assert f"a stored value has at most {MOST} bytes" in str(caught.value)
    assert caught.value.nbytes >= FAR_TOO_LONG
    with pytest.raises(ChunkDecodeError, match="'1'"):
        a[...]
    return grew


@pytest.mark.parametrize("kind", [SQLiteStore, LMDBStore])
def test_a_database_refuses_a_value_that_is_too_long(tmp_path, kind):
    with kind(tmp_path / "a") as store:
        store.update({**array_values(), "1": bytes(FAR_TOO_LONG)})
        check_refusal(store)
        assert store.read_values(["0", "none", "1"])[1] is None
        check_refusal(zarrcy.LRUStoreCache(store, None))


def test_a_blob_of_azure_that_is_too_long_is_not_downloaded():
    container = Container()
    for key, value in {**array_values(), "1": bytes(FAR_TOO_LONG)}.items():
        container.put(key, value)
    store = ABSStore(client=container)
    assert check_refusal(store, lambda: (container.n_downloads, container.n_read)) == [1, 0]


def test_a_file_of_fsspec_that_is_too_long_is_not_read():
    fs = WatchedFiles()
    store = FSStore(f"/lengths-{uuid.uuid4().hex}", fs=fs)
    store.setitems({**array_values(), "1": bytes(FAR_TOO_LONG), "empty": b""})
    assert check_refusal(store, lambda: (fs.n_calls, fs.n_read)) == [1, MOST + 1]
    assert store.read_values(["none", "empty", "0"], 500) == [None, b"", store["0"]]
    fs.store.clear()


def test_a_file_of_fsspec_in_a_file_system_that_keeps_copies_is_refused_after_it_was_copied(tmp_path):
    fs = MemoryFileSystem()
    for key, value in {**array_values(), "1": bytes(FAR_TOO_LONG)}.items():
        fs.pipe_file(f"/copies/{key}", value)
    check_refusal(FSStore("simplecache::memory://copies", simplecache={"cache_storage": str(tmp_path)}))
    fs.store.clear()


def test_a_value_of_an_http_server_that_is_too_long_is_not_sent(long_values):
    long_values.values = {**array_values(), "1": 6 * 2**30, "empty": b""}
    url = f"http://{HOST}:{long_values.server_port}"
    counters = lambda: (len(long_values.requests), long_values.n_sent)  # noqa: E731
    http_store = obstore.store.HTTPStore.from_url(url, client_options={"allow_http": True})
    for store, most_requests in ((FSStore(url), 2), (ObjectStore(http_store), 1)):
        n_requests, n_sent = check_refusal(store, counters)
        # FSStore asks for the length, for the message
        assert n_requests == most_requests
        # what the sockets hold is sent in vain
        assert n_sent < 64 * 2**20
        long_values.requests.clear()
        assert store.read_values(["0"], MOST) == [long_values.values["0"]]
        assert len(long_values.requests) == 1
        assert store.read_values(["empty", "none"], MOST) == [b"", None]


def test_a_server_without_ranges_sends_a_value_that_is_too_long_before_it_is_refused(long_values):
    long_values.values = {**array_values(), "1": FAR_TOO_LONG}
    long_values.serves_ranges = False
    check_refusal(FSStore(f"http://{HOST}:{long_values.server_port}"))


def test_an_object_of_s3_that_is_too_long_is_not_read(s3_endpoint):
    prefix = uuid.uuid4().hex
    fs = s3fs.S3FileSystem(endpoint_url=s3_endpoint, key="test", secret="test")
    store = FSStore(f"zarrcy/{prefix}", fs=fs)
    store.setitems({**array_values(), "1": bytes(FAR_TOO_LONG), "empty": b""})
    calls = []
    call = fs._call_s3

    async def counted(method, *args, **kwargs):
        calls.append(method)
        return await call(method, *args, **kwargs)

    fs._call_s3 = counted
    check_refusal(store)
    calls.clear()
    assert store.read_values(["0", "none"], MOST) == [store["0"], None]
    assert calls.count("get_object") == 3
    assert len(calls) == 3
    assert store.read_values(["empty"], MOST) == [b""]


def test_a_value_of_redis_that_is_too_long_is_not_read(redis_port):
    store = RedisStore(prefix=uuid.uuid4().hex, port=redis_port)
    store.setitems({**array_values(), "1": bytes(FAR_TOO_LONG), "empty": b""})
    check_refusal(store)
    assert store.read_values(["empty", "none", "0"], MOST) == [b"", None, store["0"]]


def test_a_document_on_a_server_far_longer_than_it_can_be_is_not_read(long_values):
    url = f"http://{HOST}:{long_values.server_port}"
    http_store = obstore.store.HTTPStore.from_url(url, client_options={"allow_http": True})
    for key, values in ((".zarray", array_values()), ("zarr.json", array_values(zarr_format=3))):
        long_values.values = {**values, key: 2**40}
        for store in (FSStore(url), ObjectStore(http_store)):
            long_values.n_sent = 0
            with pytest.raises(ValueError, match=key):
                store.read_values([key], 2**22)
            assert long_values.n_sent < 64 * 2**20


# Kind -> a function that opens the store below a path.
STORES = {
    "directory": DirectoryStore,
    "nested": NestedDirectoryStore,
    "zip": lambda path: ZipStore(path, mode="a"),
    "sqlite": SQLiteStore,
    "lmdb": LMDBStore,
    "dbm": lambda path: DBMStore(path, open=dbm.dumb.open),
    "mongodb": lambda path: MongoDBStore(collection=path.replace("/", "-")),
    "fsspec": lambda path: FSStore(f"file://{path}"),
    "fsspec memory": lambda path: FSStore(f"memory:/{path}"),
    "obstore": lambda path: ObjectStore(obstore.store.LocalStore(path, mkdir=True)),
    "obstore memory": lambda path: ObjectStore(obstore.store.MemoryStore()),
    "n5": N5Store,
    "n5 fsspec": lambda path: N5FSStore(f"file://{path}"),
    "cache": lambda path: LRUStoreCache(DirectoryStore(path), None),
    "cache of fsspec": lambda path: LRUStoreCache(FSStore(f"file://{path}"), None),
    "cache of sqlite": lambda path: LRUStoreCache(SQLiteStore(path), None),
}
# Stores of which no length is known before a value is read. MongoDB stores at most 16 MB under a key.
READ_FIRST = {"dbm", "mongodb"}


def memory_of(action):
    """Return the most memory that a call uses at a moment, in bytes."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("kind", STORES)
def test_every_store_refuses_a_long_chunk_and_those_that_know_lengths_do_not_read_it(tmp_path, kind):
    with mongomock.patch() if kind == "mongodb" else contextlib.nullcontext():
        store = STORES[kind](str(tmp_path / "a"))
        a = zarrcy.create(128, chunks=64, dtype="i4", compressor=None, store=store)
        a[:64] = np.arange(64)
        raw = {"n5": DirectoryStore, "n5 fsspec": STORES["fsspec"]}.get(kind, lambda path: store)
        raw(str(tmp_path / "a"))["1"] = bytes(FAR_TOO_LONG if kind != "mongodb" else 2**23)
        if kind.startswith("cache"):
            store.invalidate()
        a = zarrcy.open_array(store, mode="r" if kind == "zip" else "r+")

        def read():
            with pytest.raises(ChunkDecodeError, match="'1'"):
                a[64:]
            with pytest.raises(ChunkDecodeError, match="'1'"):
                a[...]
            with pytest.raises(ChunkDecodeError, match="'1'"):
                a[70:90:3]

        def write():
            with pytest.raises(ChunkDecodeError, match="'1'"):
                a[65] = 3

        for action in (read, write)[: 1 if kind == "zip" else 2]:
            used = memory_of(action)
            assert kind in READ_FIRST or used < FAR_TOO_LONG / 4
        assert (a[:64] == np.arange(64)).all()
        assert [problem.key for problem in zarrcy.verify(store).problems] == ["1"]


def test_an_inner_chunk_far_longer_than_it_can_be_is_not_read(tmp_path):
    """An index without a checksum may state any length."""
    codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
    configuration = {
        "chunk_shape": [64],
        "codecs": codecs,
        "index_codecs": codecs,
        "index_location": "start",
    }
    sharding = [{"name": "sharding_indexed", "configuration": configuration}]
    for store in (DirectoryStore(tmp_path), {}):
        a = zarrcy.create(128, chunks=128, codecs=sharding, dtype="i4", zarr_format=3, store=store)
        a[...] = 1
        shard = bytearray(store["c/0"]) + bytes(FAR_TOO_LONG)
        shard[8:16] = FAR_TOO_LONG.to_bytes(8, "little")
        store["c/0"] = bytes(shard)
        for selection in (slice(0, 3), slice(None), slice(64)):
            with pytest.raises(ChunkDecodeError, match="c/0"):
                a[selection]


def test_a_value_that_the_host_cannot_address_is_an_error():
    """A host of 32 bits addresses less than 2 GiB: a file of 2**32 + 10 bytes is not one of 10."""
    for nbytes in (2**31, 2**32, 2**32 + 10):
        with pytest.raises(OSError, match=f"{nbytes} bytes are more than this host can address") as raised:
            atomic_files.check_addressable("a", nbytes, 2**31 - 1)
        assert (raised.value.errno, raised.value.filename) == (errno.EFBIG, "a")
        atomic_files.check_addressable("a", nbytes, 2**63 - 1)
    with pytest.raises(OSError, match="more than this host can address"):
        atomic_files.check_addressable("a", sys.maxsize + 1)


def test_the_length_of_a_file_keeps_all_its_bits(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"0123456789")
    for nbytes in (2**31 + 10, 2**32 + 10, 2**33 + 10):
        os.truncate(path, nbytes)
        assert atomic_files.read_file(str(path), 20) == nbytes
        with DirectoryStore(tmp_path).open_value("a") as opened:
            assert opened.nbytes == nbytes
            assert opened.read(-10, None) == bytes(10)
            assert opened.read(2**31, 5) == bytes(5)
