"""A read of one value in parts returns one version of it, although another writer replaces it meanwhile."""

import contextlib
import http.server
import threading
import types
import uuid
import zipfile
from typing import ClassVar

import numpy as np
import obstore
import obstore.store
import pytest
import s3fs
from azure.core.exceptions import HttpResponseError, ResourceModifiedError, ResourceNotFoundError
from fsspec.implementations.memory import MemoryFileSystem
from servers import HOST, s3_endpoint_fixture  # noqa: F401

import zarrcy
from zarrcy.chunk_io.policy import IOPolicy, overriding
from zarrcy.storage import byte_ranges
from zarrcy.storage.local.lmdb import LMDBStore
from zarrcy.storage.local.sqlite import SQLiteStore
from zarrcy.storage.local.zip import ZipStore
from zarrcy.storage.remote.azure import ABSStore
from zarrcy.storage.remote.fsspec import FSStore
from zarrcy.storage.remote.obstore import ObjectStore


class Writer:
    """Another writer, which replaces values before some of the requests of a reader.

    Parameters
    ----------
    put : callable
        Stores a value under a key.
    """

    def __init__(self, put):
        self.put = put
        self.versions = []
        self.when = set()
        self.n_requests = 0

    def start(self, versions, when):
        """Store the first of `versions`, and the next ones before the requests of the numbers `when`."""
        self.versions, self.when, self.n_requests = [*versions], set(when), 0
        self.replace()

    def replace(self):
        values = self.versions.pop(0)
        self.versions.append(values)
        for key, value in values.items():
            self.put(key, value)

    def before_request(self):
        if self.n_requests in self.when:
            self.replace()
        self.n_requests += 1


class WatchedFiles(MemoryFileSystem):
    cachable = False
    protocol = "watched"
    writer: ClassVar[Writer | None] = None

    def cat_file(self, path, start=None, end=None, **kwargs):
        if self.writer is not None:
            self.writer.before_request()
        return super().cat_file(path, start, end, **kwargs)


@pytest.fixture
def on_fsspec():
    MemoryFileSystem.store.clear()
    fs = WatchedFiles()
    WatchedFiles.writer = Writer(lambda key, value: MemoryFileSystem.pipe_file(fs, f"/a/{key}", value))
    yield FSStore("/a", fs=fs), WatchedFiles.writer
    WatchedFiles.writer = None
    MemoryFileSystem.store.clear()


@pytest.fixture
def on_obstore(monkeypatch):
    theirs = obstore.store.MemoryStore()
    writer = Writer(lambda key, value: obstore.put(theirs, key, value))
    for name in ("get", "get_ranges", "head"):
        request = getattr(obstore, name)

        def watched(*args, request=request, **kwargs):
            writer.before_request()
            return request(*args, **kwargs)

        monkeypatch.setattr(obstore, name, watched)
    return ObjectStore(theirs), writer


class Container:
    """A client of a container of Azure, in memory."""

    url = "https://example"

    def __init__(self):
        self.blobs = {}
        self.n_puts = 0
        self.writer = Writer(self.put)

    def put(self, name, value):
        self.n_puts += 1
        self.blobs[name] = (value, f'"{self.n_puts}"')

    def _blob(self, name):
        if name not in self.blobs:
            raise ResourceNotFoundError
        return self.blobs[name]

    def download_blob(self, name, offset=0, length=None, etag=None, match_condition=None):
        self.writer.before_request()
        value, own = self._blob(name)
        if etag is not None and etag != own:
            raise ResourceModifiedError
        if offset and offset >= len(value):
            error = HttpResponseError()
            error.status_code = 416
            raise error
        part = value[offset:][:length]
        properties = types.SimpleNamespace(etag=own)
        return types.SimpleNamespace(size=len(part), readall=lambda: part, properties=properties)

    def get_blob_client(self, name):
        self.writer.before_request()
        value, etag = self._blob(name)
        properties = types.SimpleNamespace(size=len(value), etag=etag)
        return types.SimpleNamespace(get_blob_properties=lambda: properties)

    def list_blobs(self, name_starts_with=None):
        return [types.SimpleNamespace(name=name) for name in self.blobs]


@pytest.fixture
def on_azure():
    container = Container()
    return ABSStore(client=container), container.writer


class Values(http.server.BaseHTTPRequestHandler):
    """Serves the values of the server, or ranges of them."""

    protocol_version = "HTTP/1.1"
    # without these, a response waits for 40 ms between its headers and its body
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        server = self.server
        with server.lock:
            server.writer.before_request()
            server.requests.append(f"{self.command} {self.headers.get('Range', 'all')}")
            value = server.values.get(self.path.lstrip("/"))
        if value is None:
            self.answer(404, b"", {})
            return
        value, etag = value
        first, _, last = self.headers.get("Range", "").removeprefix("bytes=").partition("-")
        headers = {"ETag": etag} if server.has_etags else {}
        if not first + last or not server.serves_ranges:
            self.answer(200, value, headers)
            return
        start = int(first) if first else max(0, len(value) - int(last))
        stop = min(int(last) + 1, len(value)) if first and last else len(value)
        if start >= len(value):
            self.answer(416, b"", headers | {"Content-Range": f"bytes */{len(value)}"})
            return
        self.answer(
            206, value[start:stop], headers | {"Content-Range": f"bytes {start}-{stop - 1}/{len(value)}"}
        )

    def answer(self, status, body, headers):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            with contextlib.suppress(ConnectionError):
                self.wfile.write(body)

    def log_message(self, *args):
        pass


@pytest.fixture
def http_server():
    server = http.server.ThreadingHTTPServer((HOST, 0), Values)
    server.values, server.requests, server.lock = {}, [], threading.Lock()
    server.serves_ranges = server.has_etags = True

    def put(key, value):
        server.values[key] = (bytes(value), f'"{uuid.uuid4().hex}"')

    server.writer = Writer(put)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def store_over_http(server):
    return FSStore(f"http://{HOST}:{server.server_port}", skip_instance_cache=True)


@pytest.fixture
def on_http(http_server):
    store = store_over_http(http_server)
    store.server = http_server
    return store, http_server.writer


@pytest.fixture(params=["fsspec", "obstore", "azure", "http"])
def watched(request):
    """A store, and a writer that may replace its values before each request."""
    return request.getfixturevalue(f"on_{request.param}")


ALWAYS = range(10**6)
SCHEDULES = [(), *((n,) for n in range(8)), (1, 2), (1, 3, 5), (2, 4, 6, 8, 10), ALWAYS]


@pytest.mark.parametrize("when", SCHEDULES, ids=lambda when: "always" if when is ALWAYS else str(when))
def test_parts_of_a_value_are_of_one_version(watched, when):
    store, writer = watched
    versions = [{"a": bytes([n]) * 2**22} for n in range(1, 9)]
    requests = [
        [("a", (0, 4)), ("a", (2**21, 4)), ("a", (2**22 - 4, 4))],
        [("a", (-4, None)), ("a", (0, 4)), ("a", (2**22, 9)), ("a", (5, 0)), ("b", (0, 1))],
        [("a", (0, 2)), ("a", (2**21, None))],
    ]
    for key_ranges in requests:
        writer.start(versions, when)
        parts = store.get_partial_values(key_ranges)
        lengths = [
            None if key == "b" else len(versions[0]["a"][start:][:n]) for key, (start, n) in key_ranges
        ]
        assert [None if part is None else len(part) for part in parts] == lengths
        assert len({byte for part in parts if part is not None for byte in bytes(part[:9])}) == 1


@pytest.mark.parametrize("when", SCHEDULES, ids=lambda when: "always" if when is ALWAYS else str(when))
@pytest.mark.parametrize("compressor", [None, "zlib"])
def test_a_read_of_a_shard_returns_one_version(watched, when, compressor):
    store, writer = watched
    store.range_gap = 0
    # without a compressor, the index of all versions is the same
    codecs = None if compressor is None else [{"name": "gzip", "configuration": {"level": 1}}]
    versions = []
    for n in range(1, 6):
        values = {}
        kwargs = {} if codecs is None else {"codecs": codecs}
        a = zarrcy.create(
            64, chunks=8, shards=64, dtype="i4", store=values, zarr_format=3, fill_value=0, **kwargs
        )
        # other inner chunks are missing in each version
        a[:] = np.where(np.arange(64) // 8 % 5 == n % 5, 0, n)
        versions.append(values)
    for selection in (slice(None), slice(0, 64, 9), slice(20, 60)):
        expected = [zarrcy.open_array(values, mode="r")[selection].tolist() for values in versions]
        writer.start(versions, ())
        a = zarrcy.open_array(store, mode="r")
        writer.start(versions, when)
        assert a[selection].tolist() in expected


def shard_versions():
    """Stored values of an array of one shard; in each version all elements are its number, or are missing."""
    versions = []
    for n in range(1, 6):
        values = {}
        a = zarrcy.create(64, chunks=4, shards=64, dtype="i4", store=values, zarr_format=3, fill_value=0)
        a[:] = np.where(np.arange(64) // 4 % 5 == n % 5, 0, n)
        versions.append(values)
    return versions


SMALL_BATCHES = IOPolicy(remote_shard_batch_nbytes=32, shard_batch_nbytes=32)
SPLIT_SCHEDULES = [*((n,) for n in range(0, 24, 3)), (1, 2), (3, 9, 15), range(0, 200, 7), ALWAYS]


@pytest.mark.parametrize("when", SPLIT_SCHEDULES, ids=str)
@pytest.mark.parametrize("options", [{}, {"cache_bytes": 2**20}, {"read_missing": "mask"}], ids=str)
def test_all_batches_that_read_one_shard_read_one_version(watched, when, options):
    store, writer = watched
    store.range_gap = 0
    versions = shard_versions()
    with overriding(SMALL_BATCHES):
        for selection in (slice(None), slice(0, 64, 5)):
            expected = [zarrcy.open_array(values, mode="r")[selection].tolist() for values in versions]
            writer.start(versions, ())
            a = zarrcy.open_array(store, mode="r", **options)
            writer.start(versions, when)
            found = a[selection]
            assert np.asarray(found).tolist() in expected
            assert not np.ma.getmaskarray(found).any()
            assert writer.n_requests < 200


@pytest.mark.parametrize("n_threads", [1, 4])
def test_batches_of_a_shard_that_is_not_replaced_need_no_repetition(watched, n_threads):
    store, writer = watched
    versions = shard_versions()
    writer.start(versions, ())
    with overriding(SMALL_BATCHES), zarrcy.use_threads(n_threads):
        a = zarrcy.open_array(store, mode="r")
        writer.start(versions, ())
        assert a[...].tolist() == zarrcy.open_array(versions[0], mode="r")[...].tolist()
    # what each of the 8 batches takes: the index, and the index together with the chunks
    n_ranges = {"FSStore": 24, "ObjectStore": 25, "ABSStore": 40}[type(store).__name__]
    assert writer.n_requests <= n_ranges


def test_a_shard_that_is_deleted_or_created_between_two_batches_is_read_again(watched):
    store, writer = watched
    versions = shard_versions()[:1]
    put = writer.put
    for number in range(1, 20):
        for is_deleted in (True, False):
            writer.put = put
            writer.start(versions, ())
            with overriding(SMALL_BATCHES):
                a = zarrcy.open_array(store, mode="r", read_missing="mask")
                if not is_deleted:
                    forget(store, "c/0")

                def change(key, value, is_deleted=is_deleted):
                    if key != "c/0" or not writer.n_requests:
                        return
                    forget(store, key) if is_deleted else put(key, value)

                writer.put = change
                writer.start(versions, (number,))
                found = a[...]
            model = zarrcy.open_array(versions[0], mode="r")[...]
            mask = np.ma.getmaskarray(found)
            assert mask.all() or not mask.any()
            if not mask.any():
                assert (found == model).all()


def test_a_shard_of_a_store_that_cannot_pin_versions_is_read_in_one_batch():
    """Such a store reads all ranges of a call from one version, like a transaction of Redis."""

    class Ranges(dict):
        def get_partial_values(self, key_ranges):
            self.requests.append([key for key, _ in key_ranges])
            parts = [self[key][start:][: nbytes and max(nbytes, 0)] for key, (start, nbytes) in key_ranges]
            self.update(self.others.pop(0) if self.others else {})
            return parts

    versions = shard_versions()
    store = Ranges(versions[0])
    store.requests, store.others = [], versions[1:]
    with overriding(SMALL_BATCHES):
        a = zarrcy.open_array(store, mode="r")
        found = a[...].tolist()
    assert found in [zarrcy.open_array(values, mode="r")[...].tolist() for values in versions]


@pytest.mark.parametrize("when", SCHEDULES, ids=lambda when: "always" if when is ALWAYS else str(when))
@pytest.mark.parametrize("compressor", [None, "blosc"])
def test_a_read_of_parts_of_a_chunk_returns_one_version(watched, when, compressor):
    store, writer = watched
    store.range_gap = 0
    options = {"compressor": None if compressor is None else zarrcy.Blosc(cname="lz4", blocksize=4096)}
    versions = []
    for n in range(1, 6):
        values = {}
        zarrcy.array(np.full(2**18, n, "i4"), chunks=2**18, store=values, **options)
        versions.append({key: bytes(value) for key, value in values.items()})
    writer.start(versions, ())
    a = zarrcy.open_array(store, mode="r")
    writer.start(versions, when)
    assert len(set(a[:: 2**17].tolist())) == 1
    assert len(set(a.oindex[[5, 2**16, 2**18 - 1]].tolist())) == 1


def test_a_value_that_is_deleted_between_two_requests_is_missing_or_whole(watched):
    store, writer = watched
    store.range_gap = 0
    values = {}
    a = zarrcy.create(
        64, chunks=8, shards=64, dtype="i4", store=values, zarr_format=3, fill_value=0, compressor=None
    )
    a[:] = 7
    backend = writer.put
    for number in range(6):
        writer.put = backend
        writer.start([values], ())
        read = zarrcy.open_array(store, mode="r")

        def delete(key, value, writer=writer):
            if key == "c/0" and writer.n_requests:
                forget(store, key)

        writer.start([values], (number,))
        writer.put = delete
        assert set(read[::9].tolist()) in ({7}, {0})


def forget(store, key):
    """Delete a key behind the back of a store."""
    if hasattr(store, "server"):
        store.server.values.pop(key, None)
    elif isinstance(store, FSStore):
        MemoryFileSystem.store.pop(f"/a/{key}", None)
    elif isinstance(store, ObjectStore):
        obstore.delete(store.store, key)
    else:
        store.client.blobs.pop(key, None)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_of_a_zip_archive_are_read_in_one_version(tmp_path):
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        path = tmp_path / f"{compression}.zip"

        class Rewritten(ZipStore):
            """A store in which another thread replaces the value after each request."""

            n_requests = 0

            def get_versioned_values(self, key_ranges, versions):
                answer = super().get_versioned_values(key_ranges, versions)
                self.n_requests += 1
                self["a"] = bytes([self.n_requests]) * 100
                return answer

        with Rewritten(path, compression, mode="w") as store:
            store["a"] = bytes(100)
            read = byte_ranges.PartsReader(store)
            results = []

            def begin(place, nbytes, is_one_version):
                (first,) = yield [(0, 4)]
                (second,) = yield [(50, 4)]
                return bytes(first) + bytes(second)

            def done(place, present, result, results=results):
                results.append(result)

            read(["a"], begin, done)
            assert len(set(results[0])) == 1


@pytest.mark.parametrize("kind", [SQLiteStore, LMDBStore])
def test_a_database_notices_a_value_that_was_replaced_between_two_reads(kind, tmp_path):
    with kind(tmp_path / "a") as store, kind(tmp_path / "a") as other:
        store["a"] = b"1" * 100
        spans = [("a", (0, 2)), ("a", (-2, None)), ("b", (0, 1))]
        for writer in (store, other):
            parts, versions = store.get_versioned_values(spans, {})
            assert parts[2] is None
            assert versions["a"] is not None
            assert store.get_versioned_values(spans, versions) == (parts, versions)
            writer["a"] = b"2" * 100
            assert store.get_versioned_values(spans, versions)[1]["a"] is None
            assert store.get_partial_values(spans) == [b"22", b"22", None]


def test_s3_reads_the_version_that_the_bucket_names(s3_endpoint):
    options = {"endpoint_url": s3_endpoint, "key": "test", "secret": "test"}
    fs = s3fs.S3FileSystem(**options, version_aware=True, use_listings_cache=False)
    bucket = f"versions-{uuid.uuid4().hex[:8]}"
    fs.mkdir(bucket, enable_versioning=True)
    fs.make_bucket_versioned(bucket, True)
    store = FSStore(f"{bucket}/a", fs=fs)
    store["0"] = b"1" * 100
    parts, versions = store.get_versioned_values([("0", (0, 4)), ("0", (50, 4))], {})
    assert parts == [b"1111", b"1111"]
    store["0"] = b"2" * 100
    again, same = store.get_versioned_values([("0", (0, 4)), ("0", (50, 4))], versions)
    assert (again, same) == (parts, versions)
    assert store.get_partial_values([("0", (0, 4)), ("0", (-4, None))]) == [b"2222", b"2222"]


def test_a_large_object_in_s3_is_read_with_one_request(s3_endpoint):
    """Concurrent requests for parts of it might return parts of different versions."""
    fs = s3fs.S3FileSystem(endpoint_url=s3_endpoint, key="test", secret="test", default_block_size=2**16)
    store = FSStore("zarrcy/large", fs=fs)
    value = bytes(range(256)) * 2048
    store["a"] = value
    calls = []
    call = fs._call_s3

    async def counted(method, *args, **kwargs):
        calls.append(method)
        return await call(method, *args, **kwargs)

    fs._call_s3 = counted
    assert store["a"] == value
    assert store.getitems(["a"]) == {"a": value}
    assert calls == ["get_object", "get_object"]


def test_spans_of_one_value_are_read_from_each_store(watched):
    store, writer = watched
    assert byte_ranges.read_spans(store, "nonesuch", [(0, 4), (-4, None)]) is None
    writer.put("a", b"0123456789")
    assert [bytes(part) for part in byte_ranges.read_spans(store, "a", [(0, 2), (-2, None)])] == [
        b"01",
        b"89",
    ]


def test_a_range_over_http_takes_one_request(http_server):
    store = store_over_http(http_server)
    http_server.writer.put("a", bytes(range(100)))
    http_server.writer.put("empty", b"")
    cases = [
        ("a", (0, 4), "bytes=0-3"),
        ("a", (96, None), "bytes=96-"),
        ("a", (-4, None), "bytes=-4"),
        ("a", (-4, 2), "bytes=-4"),
        ("a", (98, 9), "bytes=98-106"),
        ("a", (5, 0), "bytes=5-5"),
        ("a", (200, 4), "bytes=200-203"),
        ("empty", (-4, None), "bytes=-4"),
        ("none", (0, 4), "bytes=0-3"),
    ]
    for key, (start, nbytes), header in cases:
        http_server.requests.clear()
        value = {"a": bytes(range(100)), "empty": b"", "none": None}[key]
        expected = None if value is None else value[start:][:nbytes]
        assert store.get_partial_values([(key, (start, nbytes))]) == [expected]
        assert http_server.requests == [f"GET {header}"]


def test_ranges_of_a_server_that_sends_whole_files_are_cut(http_server):
    http_server.serves_ranges = False
    store = store_over_http(http_server)
    http_server.writer.put("a", bytes(range(100)))
    key_ranges = [
        ("b", (0, 4)),
        ("a", (10, 4)),
        ("a", (-4, None)),
        ("a", (200, 4)),
        ("a", (0, 0)),
        ("a", (0, 100)),
    ]
    expected = [None, bytes(range(10, 14)), bytes(range(96, 100)), b"", b"", bytes(range(100))]
    for _ in range(3):
        assert store.get_partial_values(key_ranges) == expected
    http_server.requests.clear()
    assert store.get_partial_values(key_ranges) == expected
    # the whole file once, and what tells its version apart before and after
    assert http_server.requests.count("GET all") == 2


def test_a_server_without_etags_serves_ranges(http_server):
    http_server.has_etags = False
    store = store_over_http(http_server)
    http_server.writer.put("a", bytes(range(100)))
    assert store.get_partial_values([("a", (0, 4)), ("a", (-4, None))]) == [
        bytes(range(4)),
        bytes(range(96, 100)),
    ]


def put_array(server, n=2**18, **options):
    """Store an array on a server, and return its elements."""
    values = {}
    model = np.random.default_rng(0).integers(0, 2**60, n)
    zarrcy.array(model, store=values, **options)
    for key, value in values.items():
        server.writer.put(key, value)
    return model


def test_a_window_of_a_large_shard_over_http_takes_its_index_and_its_chunks(http_server):
    model = put_array(http_server, chunks=2**12, shards=2**18, zarr_format=3, compressor=None)
    a = zarrcy.open_array(store_over_http(http_server), mode="r")
    for place in range(0, 2**18, 2**15):
        http_server.requests.clear()
        assert a[place] == model[place]
        assert len(http_server.requests) == 2
        assert http_server.requests[0].startswith("GET bytes=-")
        first, last = http_server.requests[1].removeprefix("GET bytes=").split("-")
        assert int(last) - int(first) < 2**15


@pytest.mark.parametrize("selection", [slice(None), slice(0, 3 * 2**16), slice(5, 2**17, 7)], ids=str)
def test_shards_that_are_needed_for_the_most_part_are_read_with_one_request_each(http_server, selection):
    options = {"chunks": 2**14, "shards": 2**16, "zarr_format": 3}
    model = put_array(http_server, **options, compressor=zarrcy.Blosc())
    del http_server.values["c/1"]
    model[2**16 : 2**17] = 0
    a = zarrcy.open_array(store_over_http(http_server), mode="r")
    http_server.requests.clear()
    assert (a[selection] == model[selection]).all()
    n_shards = -(-min(selection.stop or 2**18, 2**18) // 2**16)
    assert len(http_server.requests) == n_shards


def test_a_window_of_a_small_shard_or_chunk_over_http_takes_one_request(http_server):
    for options in ({"chunks": 2**13, "shards": 2**16, "zarr_format": 3}, {"chunks": 2**16}):
        model = put_array(http_server, **options, compressor=zarrcy.Blosc(blocksize=2**12))
        a = zarrcy.open_array(store_over_http(http_server), mode="r")
        for place in (0, 2**17):
            http_server.requests.clear()
            assert a[place + 7] == model[place + 7]
            assert len(http_server.requests) == 1


def test_a_shard_with_bytes_that_no_chunk_uses_is_read_in_parts(http_server):
    model = put_array(http_server, 2**12, chunks=2**8, shards=2**12, zarr_format=3, compressor=None)
    (value, _) = http_server.values["c/0"]
    http_server.writer.put("c/0", value[:-260] + bytes(2**20) + value[-260:])
    a = zarrcy.open_array(store_over_http(http_server), mode="r")
    assert (a[...] == model).all()


def test_a_shard_that_is_damaged_is_reported_with_its_key(http_server):
    put_array(http_server, 2**12, chunks=2**8, shards=2**12, zarr_format=3, compressor=zarrcy.Zlib())
    (value, _) = http_server.values["c/0"]
    for damaged in (bytes(9) + value[9:], value[:-1], value[100:], b"", b"x"):
        http_server.writer.put("c/0", damaged)
        a = zarrcy.open_array(store_over_http(http_server), mode="r")
        with pytest.raises(zarrcy.errors.ChunkDecodeError, match="c/0"):
            a[...]
