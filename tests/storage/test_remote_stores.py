"""Remote stores pass the store contract, with real servers where possible."""

import itertools
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import mongomock
import numpy as np
import obstore
import obstore.store
import pytest
import s3fs
from fsspec.implementations.memory import MemoryFileSystem
from servers import redis_port_fixture, s3_endpoint_fixture  # noqa: F401

import zarrcy
from zarrcy.errors import ReadOnlyError, ValueLengthError
from zarrcy.storage import access
from zarrcy.storage.remote.fsspec import FSStore
from zarrcy.storage.remote.fsspec_files import FsspecFiles
from zarrcy.storage.remote.mongodb import MongoDBStore
from zarrcy.storage.remote.obstore import ObjectStore
from zarrcy.storage.remote.redis import RedisStore
from zarrcy.testing.store_contract import StoreContract

_numbers = itertools.count()


def new_name():
    return f"s{next(_numbers)}-{uuid.uuid4().hex[:8]}"


class ContractInS3(StoreContract):
    """The contract of a store in a bucket; `of` makes a store for the endpoint of a server."""

    n_values = 40
    machine_examples = 1

    @pytest.fixture(autouse=True)
    def _bucket(self, s3_endpoint):
        self.endpoint = s3_endpoint

    def make_store(self):
        return self.of(self.endpoint)


class TestFSStoreInADirectory(StoreContract):
    machine_examples = 5

    def make_store(self):
        return FSStore(self.new_path())


class TestFSStoreInMemory(StoreContract):
    machine_examples = 5
    # the file system has no locks, so a listing fails while another thread writes
    is_thread_safe = False

    def make_store(self):
        return FSStore(f"memory://{new_name()}")

    @pytest.fixture(autouse=True)
    def _forget(self):
        yield
        MemoryFileSystem.store.clear()


class TestFSStoreInS3(ContractInS3):
    @staticmethod
    def of(endpoint):
        return FSStore(f"s3://zarrcy/{new_name()}", endpoint_url=endpoint, key="test", secret="test")


class TestObjectStoreInMemory(StoreContract):
    machine_examples = 5
    survives_pickling = False

    def make_store(self):
        return ObjectStore(obstore.store.MemoryStore())


class TestObjectStoreInADirectory(StoreContract):
    machine_examples = 5

    def make_store(self):
        return ObjectStore(obstore.store.LocalStore(self.new_path(), mkdir=True))


class TestObjectStoreInS3(ContractInS3):
    @staticmethod
    def of(endpoint):
        return ObjectStore(
            obstore.store.S3Store(
                "zarrcy",
                prefix=new_name(),
                endpoint=endpoint,
                access_key_id="test",
                secret_access_key="test",
                region="us-east-1",
                client_options={"allow_http": True},
            )
        )


class TestRedisStore(StoreContract):
    machine_examples = 5

    @pytest.fixture(autouse=True)
    def _server(self, redis_port):
        self.port = redis_port

    def make_store(self):
        return RedisStore(prefix=f"[{new_name()}]*", port=self.port)


class TestMongoDBStore(StoreContract):
    knows_sizes = False
    n_values = 120
    machine_examples = 2

    @pytest.fixture(autouse=True)
    def _server(self):
        with mongomock.patch():
            yield

    def make_store(self):
        return MongoDBStore(collection=new_name())


# -- properties of single stores ---------------------------------------------------------------------


def ten_by_ten(store):
    a = zarrcy.create((10, 10), chunks=(1, 5), store=store, dtype="i4", compressor=None)
    a[...] = np.arange(100).reshape(10, 10)
    return a


class Recorder(MemoryFileSystem):
    """A file system in memory that records calls, and raises the errors of `errors` by path."""

    cachable = False
    calls: ClassVar[list] = []
    errors: ClassVar[dict] = {}

    def cat(self, path, *args, **kwargs):
        self.calls.append(("cat", len(path)))
        return super().cat(path, *args, **kwargs)

    def pipe(self, path, *args, **kwargs):
        self.calls.append(("pipe", len(path)))
        return super().pipe(path, *args, **kwargs)

    def cat_file(self, path, *args, **kwargs):
        if path in self.errors:
            raise self.errors[path]
        return super().cat_file(path, *args, **kwargs)


@pytest.fixture
def recorder():
    fs = Recorder()
    yield fs
    fs.calls.clear()
    fs.errors.clear()
    MemoryFileSystem.store.clear()


def test_many_chunks_are_one_call_of_the_file_system(recorder):
    store = FSStore("/a", fs=recorder)
    a = ten_by_ten(store)
    recorder.calls.clear()
    a[...] = 1
    a[...]
    assert recorder.calls == [("pipe", 20), ("cat", 20)]


def test_a_chunk_that_cannot_be_read_is_an_error_and_not_the_fill_value(recorder):
    store = FSStore("/a", fs=recorder)
    a = ten_by_ten(store)
    recorder.errors["/a/3.1"] = OSError("the connection is lost")
    for read in (
        lambda: a[...],
        lambda: a[3, 7],
        lambda: store["3.1"],
        lambda: store.getitems(["3.1", "0.0"]),
    ):
        with pytest.raises(OSError, match="the connection is lost"):
            read()
    assert a[2, 7] == 27
    # the user can declare more errors as missing keys, as zarr-python 2 does for all errors
    lenient = FSStore("/a", fs=recorder, exceptions=(KeyError, OSError))
    assert zarrcy.open_array(lenient, mode="r")[3, 7] == 0
    recorder.errors["/a/3.1"] = FileNotFoundError()
    assert zarrcy.open_array(store, mode="r")[3, 7] == 0


def test_keys_with_pattern_characters_of_fsspec_are_not_patterns(recorder):
    store = FSStore("/[a]*", fs=recorder)
    values = {
        f"{name}/{i}": f"{name}{i}".encode() for name in ("[a]", "a", "*", "a?", "ab") for i in range(3)
    }
    store.setitems(values)
    assert store.getitems([*values, "*/9"]) == values
    store.delitems(["*/0", "*/9"])
    store.rmdir("a?")
    store.rmdir("[a]")
    assert set(store) == {"*/1", "*/2", *(f"{name}/{i}" for name in ("a", "ab") for i in range(3))}


def test_a_read_only_url_refuses_all_changes(recorder):
    store = FSStore("/a", fs=recorder)
    ten_by_ten(store)
    before = dict(store)
    closed = FSStore("/a", fs=recorder, mode="r")
    assert not closed.is_writeable()
    changes = [
        lambda: closed.__setitem__("x", b"1"),
        lambda: closed.__delitem__("0.0"),
        lambda: closed.setdefault("x", b"1"),
        lambda: closed.setitems({"x": b"1"}),
        lambda: closed.delitems(["0.0"]),
        closed.rmdir,
        lambda: closed.rename("0.0", "x"),
        closed.clear,
    ]
    for change in changes:
        with pytest.raises(ReadOnlyError, match="/a"):
            change()
    assert dict(store) == before


def test_an_fsstore_has_the_options_of_zarr_python_2(recorder, tmp_path):
    assert access.dimension_separator(FSStore("memory://a", key_separator="/")) == "/"
    assert FSStore("memory://a").key_separator == "."
    store = FSStore("memory://a", normalize_keys=True)
    store["FOO/0"] = b"x"
    assert list(store) == ["foo/0"]
    assert store["Foo/0"] == store.getitems(["fOO/0"])["fOO/0"] == b"x"
    with pytest.raises(ValueError, match=r"\['auto_mkdir'\] can't be combined with fs"):
        FSStore("/a", fs=recorder, auto_mkdir=True)
    with pytest.raises(ValueError, match="does not exist"):
        FSStore(f"{tmp_path}/new", check=True)
    FSStore(f"{tmp_path}/new", create=True, check=True)
    assert (tmp_path / "new").is_dir()
    assert FSStore(str(tmp_path)) == FSStore(str(tmp_path)) != FSStore(str(tmp_path), mode="r")


def test_a_store_in_a_bucket_does_not_delete_the_bucket(s3_endpoint):
    fs = s3fs.S3FileSystem(endpoint_url=s3_endpoint, key="test", secret="test", use_listings_cache=False)
    fs.mkdir("whole-bucket")
    store = FSStore("whole-bucket", fs=fs)
    store.setitems({"a/0": b"1", "b": b"2"})
    store.clear()
    assert fs.exists("whole-bucket")
    assert list(store) == []


def test_redis_reads_and_writes_many_chunks_with_one_command(redis_port):
    store = RedisStore(prefix=new_name(), port=redis_port)
    a = ten_by_ten(store)
    store.client.config_resetstat()
    a[...] = 1
    a[...]
    store.get_partial_values([(f"{i}.0", (0, 4)) for i in range(10)])
    calls = {
        name.removeprefix("cmdstat_"): n["calls"] for name, n in store.client.info("commandstats").items()
    }
    assert (calls["mset"], calls["mget"], calls["getrange"]) == (1, 1, 10)
    assert "set" not in calls
    assert "get" not in calls
    store.close()


def test_ranges_of_one_object_are_one_request(monkeypatch):
    store = ObjectStore(obstore.store.MemoryStore())
    store["a"] = bytes(range(100))
    ranges = [(2, 3), (90, 100), (50, 1)]
    expected = [bytes(range(100))[start : start + n] for start, n in ranges]
    requests = []
    get_ranges = obstore.get_ranges

    def counted(store, path, **ranges):
        requests.append(path)
        return get_ranges(store, path, **ranges)

    monkeypatch.setattr(obstore, "get_ranges", counted)
    assert store.get_partial_values([("a", part) for part in ranges]) == expected
    assert requests == ["a"]


def test_a_read_only_object_store_refuses_all_changes():
    theirs = obstore.store.MemoryStore()
    ObjectStore(theirs)["a"] = b"1"
    closed = ObjectStore(theirs, read_only=True)
    changes = [
        lambda: closed.__setitem__("x", b"1"),
        lambda: closed.__delitem__("a"),
        lambda: closed.setdefault("x", b"1"),
        lambda: closed.setitems({"x": b"1"}),
        lambda: closed.delitems(["a"]),
        closed.rmdir,
        lambda: closed.rename("a", "x"),
    ]
    for change in changes:
        with pytest.raises(ReadOnlyError):
            change()
    assert dict(closed) == {"a": b"1"}


def test_exactly_one_of_several_writers_creates_a_key(redis_port):
    for store in (ObjectStore(obstore.store.MemoryStore()), RedisStore(prefix=new_name(), port=redis_port)):
        values = [str(i).encode() * 1000 for i in range(8)]
        for turn in range(5):
            barrier = threading.Barrier(len(values))

            def claim(value, store=store, barrier=barrier, turn=turn):
                barrier.wait()
                return access.set_if_absent(store, f"a/{turn}", value)

            with ThreadPoolExecutor(len(values)) as pool:
                won = list(pool.map(claim, values))
            assert sum(won) == 1
            assert store[f"a/{turn}"] == values[won.index(True)]
        store.close()


def test_a_late_writer_does_not_overwrite_a_key_in_s3(s3_endpoint, monkeypatch):
    for store in (TestFSStoreInS3.of(s3_endpoint), TestObjectStoreInS3.of(s3_endpoint)):
        store["a"] = b"first"
        for kind in (FsspecFiles, ObjectStore):
            # the writer looks for the key before the other writer creates it
            monkeypatch.setattr(kind, "__contains__", lambda store, key: False)
        assert access.set_if_absent(store, "a", b"second") is False
        assert access.set_if_absent(store, "b", b"second") is True
        assert dict(store) == {"a": b"first", "b": b"second"}


@pytest.mark.parametrize("index_location", ["start", "end"])
@pytest.mark.parametrize("counts_from_end", [True, False])
def test_the_index_of_a_shard_needs_one_request(index_location, counts_from_end, monkeypatch):
    """Its length is not asked for first, unless the server can't count bytes from the end of an object."""
    sharding = {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": [1000],
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}],
            "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
            "index_location": index_location,
        },
    }
    store = ObjectStore(obstore.store.MemoryStore())
    a = zarrcy.create(
        20000, chunks=10000, dtype="i4", store=store, zarr_format=3, codecs=[sharding], compressor=None
    )
    values = np.arange(20000, dtype="i4")
    a[:] = values
    requests = []
    get, head = obstore.get, obstore.head

    def counted_get(client, key, *, options=None):
        requests.append("get")
        if options and not counts_from_end and "suffix" in options["range"]:
            raise obstore.exceptions.NotSupportedError("no suffix")
        return get(client, key, options=options)

    def counted_head(client, key):
        requests.append("head")
        return head(client, key)

    monkeypatch.setattr(obstore, "get", counted_get)
    monkeypatch.setattr(obstore, "head", counted_head)
    for _ in range(2):
        requests.clear()
        assert np.array_equal(a[5:10], values[5:10])
    # the index and the chunk: both name the version of the object, so the index is read once
    n_heads = int(index_location == "end" and not counts_from_end)
    assert sorted(requests) == ["get"] * 2 + ["head"] * n_heads
    store["empty"] = b""
    store["short"] = b"abc"
    ranges = [
        ("empty", (-4, 4)),
        ("short", (-9, 9)),
        ("short", (-2, 2)),
        ("none", (-1, 1)),
        ("short", (-3, 1)),
    ]
    assert store.get_versioned_values(ranges[2:], {})[0] == [b"bc", None, b"a"]
    for part in ranges:
        expected = {"empty": b"", "short": b"abc"}.get(part[0])
        if expected is not None:
            start, nbytes = part[1]
            begin = max(0, len(expected) + start)
            expected = expected[begin : begin + nbytes]
        assert store.get_versioned_values([part], {})[0] == [expected]


# -- requests ----------------------------------------------------------------------------------------


def test_a_value_is_created_with_one_request_in_an_object_store(monkeypatch):
    requests = []

    def counted(name, function):
        def request(*args, **kwargs):
            requests.append(name)
            return function(*args, **kwargs)

        return request

    for name in ("get", "head", "put", "list", "list_with_delimiter"):
        monkeypatch.setattr(obstore, name, counted(name, getattr(obstore, name)))
    store = ObjectStore(obstore.store.MemoryStore())
    assert store.setdefault("a", b"1") == b"1"
    assert requests == ["put"]
    assert store.setdefault("a", b"2") == b"1"
    assert requests == ["put", "put", "get"]


def test_a_value_is_created_without_a_look_in_a_file_system_that_creates_files():
    class Files(MemoryFileSystem):
        cachable = False
        protocol = "s3"
        requests: ClassVar[list[str]] = []

        def pipe_file(self, path, value, mode="overwrite", **kwargs):
            self.requests.append("put")
            super().pipe_file(path, value, mode=mode)

        def info(self, path, **kwargs):
            # asked by the file system in memory to find out whether it may create the file
            self.requests.append("look")
            return super().info(path, **kwargs)

    store = FSStore("requests", fs=Files())
    assert store.setdefault("a", b"1") == b"1"
    assert Files.requests[0] == "put"
    Files.requests.clear()
    assert store.setdefault("a", b"2") == b"1"
    assert Files.requests[0] == "put"


def test_a_value_is_not_replaced_in_a_file_system_that_ignores_that_it_exists():
    class Files(MemoryFileSystem):
        cachable = False
        protocol = "ignoring"

        def pipe_file(self, path, value, mode="overwrite", **kwargs):
            super().pipe_file(path, value)

    store = FSStore("ignoring", fs=Files())
    assert store.setdefault("a", b"1") == store.setdefault("a", b"2") == store["a"] == b"1"


@pytest.mark.parametrize(
    "make_store",
    [lambda: ObjectStore(obstore.store.MemoryStore()), lambda: FSStore(f"memory://{new_name()}")],
    ids=["obstore", "fsspec"],
)
def test_the_bytes_of_chunks_in_nested_folders_are_measured(make_store):
    expected, measured = zarrcy.MemoryStore(), make_store()
    for store in (expected, measured):
        zarrcy.ones((4, 6), chunks=(2, 2), store=store, path="ab", zarr_format=3)[:] = 2
        a = zarrcy.zeros((4, 6), chunks=(2, 2), store=store, path="a", zarr_format=3)
        assert a.nbytes_stored == len(store["a/zarr.json"])
        a[:] = 1
    assert a.nbytes_stored == zarrcy.open_array(expected, path="a").nbytes_stored > 0


class TestConditionalPutsOfObstore:
    @pytest.fixture
    def store(self):
        return ObjectStore(obstore.store.MemoryStore())

    def test_replace_only_the_version_that_was_read(self, store):
        store["a"] = b"1"
        ((value, version), missing) = store.read_versions(["a", "b"])
        assert (value, missing) == (b"1", (None, None))
        newer = store.replace_value("a", b"2", version)
        assert newer is not None
        assert store.replace_value("a", b"3", version) is None
        assert store["a"] == b"2"
        assert store.replace_value("a", b"4", newer) is not None
        assert store["a"] == b"4"

    def test_create_only_what_is_missing(self, store):
        assert store.replace_value("a", b"1", None) is not None
        assert store.replace_value("a", b"2", None) is None
        assert store["a"] == b"1"

    def test_do_not_create_what_was_deleted(self, store):
        store["a"] = b"1"
        ((_, version),) = store.read_versions(["a"])
        del store["a"]
        assert store.replace_value("a", b"2", version) is None
        assert "a" not in store

    @pytest.mark.parametrize("e_tag", [None, 'W/"0"'])
    def test_have_no_condition_without_a_strong_etag(self, store, e_tag):
        store["a"] = b"1"
        assert store.replace_value("a", b"2", (e_tag, None)) is not None
        assert store["a"] == b"2"

    def test_refuse_long_values_and_changes_of_read_only_stores(self, store):
        store["a"] = b"123"
        with pytest.raises(ValueLengthError):
            store.read_versions(["a"], 2)
        with pytest.raises(ReadOnlyError):
            ObjectStore(store.store, read_only=True).replace_value("a", b"1", None)
