"""A read of a shard shows one version of it, and a cached index is never used for another version."""

import itertools
import os
import threading

import numpy as np
import obstore.store
import pytest
from cases import same_bits

import zarrcy
from zarrcy.chunk_io.policy import IOPolicy, overriding
from zarrcy.storage import DirectoryStore, ZipStore
from zarrcy.storage.remote.fsspec import FSStore
from zarrcy.storage.remote.obstore import ObjectStore

CODECS = {
    "native": ["bytes"],
    "native, compressed": ["bytes", "zstd"],
    "fallback": ["bytes", "zstd", "crc32c", "gzip"],
}
INDEXES = {
    "at the end": {},
    "at the start": {"index_location": "start"},
    "without a checksum": {"index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}]},
}


def sharding(codecs, index, chunk=4):
    names = {
        "bytes": {"name": "bytes", "configuration": {"endian": "little"}},
        "zstd": {"name": "zstd", "configuration": {"level": 1, "checksum": False}},
        "gzip": {"name": "gzip", "configuration": {"level": 1}},
        "crc32c": {"name": "crc32c"},
    }
    checked = [names["bytes"], names["crc32c"]]
    configuration = {
        "chunk_shape": [chunk],
        "codecs": [names[name] for name in codecs],
        "index_codecs": checked,
        **index,
    }
    return [{"name": "sharding_indexed", "configuration": configuration}]


def shard_file(store):
    (key,) = [key for key in store if not key.endswith("json")]
    return os.path.join(store.path, key)


def versions(path, codecs, index, shape=64, chunk=4):
    """Two values of a shard with the same length, and the arrays that they hold."""
    noise = np.random.default_rng(0).integers(0, 2**31, chunk, "i4")
    found = []
    for missing in (0, 1):
        model = np.tile(noise, shape // chunk)
        model[missing * chunk : (missing + 1) * chunk] = 0
        a = zarrcy.create(
            shape, chunks=shape, codecs=sharding(codecs, index, chunk), dtype="i4", fill_value=0,
            zarr_format=3, store=DirectoryStore(path), overwrite=True,
        )  # fmt: skip
        a[...] = model
        with open(shard_file(a.store), "rb") as file:
            found.append((file.read(), model))
    assert len(found[0][0]) == len(found[1][0])
    assert found[0][0] != found[1][0]
    return a, found


def put(path, value):
    """Replace the content of a file. Its number, its length and its times stay."""
    with open(path, "r+b") as file:
        file.write(value)
    os.utime(path, (1000, 1000))


@pytest.mark.parametrize("index", INDEXES)
@pytest.mark.parametrize("codecs", CODECS)
@pytest.mark.parametrize("shape", [64, 4 * 2000])
def test_a_shard_that_looks_like_its_old_version_is_read_anew(tmp_path, codecs, index, shape):
    a, found = versions(tmp_path, CODECS[codecs], INDEXES[index], shape)
    path = shard_file(a.store)
    for n, (value, model) in enumerate(itertools.islice(itertools.cycle(found), 6)):
        put(path, value)
        assert same_bits(a[:8], model[:8])
        assert same_bits(a[...], model)
        assert same_bits(a[5], model[5])
        if n > 2:
            # a partial write copies the other chunks of the present version
            a[2] = -n
            changed = model.copy()
            changed[2] = -n
            assert same_bits(a[...], changed)
            assert same_bits(zarrcy.open_array(a.store.path, mode="r")[...], changed)
            path = shard_file(a.store)
            os.utime(path, (1000, 1000))
            with open(path, "r+b") as file:
                file.truncate(len(value))


@pytest.mark.parametrize("index", INDEXES)
def test_a_shard_in_memory_that_changed_in_place_is_read_anew(tmp_path, index):
    for codecs in CODECS.values():
        a, found = versions(tmp_path, codecs, INDEXES[index])
        store = {key: bytearray(value) for key, value in a.store.items()}
        (key,) = [key for key in store if not key.endswith("json")]
        b = zarrcy.open_array(store)
        for value, model in itertools.islice(itertools.cycle(found), 4):
            store[key][:] = value
            assert same_bits(b[:8], model[:8])
            assert same_bits(b[...], model)


class ReplacedFiles(DirectoryStore):
    """Each time a shard was opened, another writer replaces it."""

    values = itertools.cycle([b""])
    n_opened = 0

    def open_value(self, key):
        value = super().open_value(key)
        self.n_opened += 1
        self[key] = next(self.values)
        return value


class ReplacedValues(dict):
    """Each time a shard was read, another writer replaces it."""

    values = itertools.cycle([b""])

    def __getitem__(self, key):
        value = super().__getitem__(key)
        if not key.endswith("json"):
            self[key] = next(self.values)
        return value


def contents(codecs, n=64):
    """Versions of a shard; each holds one number."""
    store = {}
    a = zarrcy.create(
        n, chunks=n, codecs=sharding(codecs, {}), dtype="i4", fill_value=0, zarr_format=3, store=store
    )
    found = []
    for number in range(1, 6):
        a[...] = number
        found.append(bytes(store["c/0"]))
    return store, found


SMALL_BATCHES = IOPolicy(
    shard_batch_nbytes=32, remote_shard_batch_nbytes=32, shard_file_pieces=2, threads_min_nbytes=0
)


@pytest.mark.parametrize("n_threads", [1, 4])
@pytest.mark.parametrize("codecs", CODECS)
@pytest.mark.parametrize("options", [{}, {"cache_bytes": 10**6}, {"read_missing": "raise"}])
@pytest.mark.parametrize("kind", ["files", "memory", "zip"])
def test_a_read_in_several_batches_and_threads_shows_one_version_of_a_shard(
    tmp_path, kind, options, codecs, n_threads
):
    stored, found = contents(CODECS[codecs])
    if kind == "files":
        store = ReplacedFiles(tmp_path / "a")
    elif kind == "memory":
        store = ReplacedValues()
    else:
        store = ReplacedMembers(tmp_path / "a.zip", mode="w")
    store.update(stored)
    store.values = itertools.cycle(found)
    for _ in range(3):
        with overriding(SMALL_BATCHES), zarrcy.use_threads(n_threads):
            a = zarrcy.open_array(store, mode="r", **options)
            for selection in [..., slice(3, 61), slice(None, None, -5)]:
                values = a[selection]
                assert len(set(values.ravel().tolist())) == 1
                assert values.ravel()[0] in range(1, 6)
    if kind == "files":
        assert store.n_opened <= 9
        assert not [name for name in os.listdir("/proc/self/fd") if _is_below(name, tmp_path)]


LOCAL_STORES = {
    "a directory": DirectoryStore,
    "fsspec": lambda path: FSStore(f"file://{path}"),
    "fsspec, read-only": lambda path: FSStore(str(path), mode="r"),
    "obstore": lambda path: ObjectStore(obstore.store.LocalStore(path)),
    "obstore, read-only": lambda path: ObjectStore(obstore.store.LocalStore(path), read_only=True),
}


@pytest.mark.parametrize("codecs", CODECS)
@pytest.mark.parametrize("kind", LOCAL_STORES)
def test_a_shard_in_a_local_directory_is_read_in_one_version_while_a_thread_replaces_it(
    tmp_path, kind, codecs
):
    stored, found = contents(CODECS[codecs])
    DirectoryStore(tmp_path).update(stored)
    store = LOCAL_STORES[kind](tmp_path)
    reads, stop = threading.Semaphore(0), threading.Event()

    def replace():
        writer = DirectoryStore(tmp_path)
        for value in itertools.cycle(found):
            reads.acquire()
            if stop.is_set():
                return
            writer["c/0"] = value

    thread = threading.Thread(target=replace)
    thread.start()
    try:
        with overriding(SMALL_BATCHES):
            for n in range(1, 25):
                a = zarrcy.open_array(store, mode="r")
                # the thread replaces the shard some time during the next reads
                reads.release(n % 5 + 1)
                for selection in [..., slice(None, None, 3)]:
                    assert len(set(a[selection].tolist())) == 1
    finally:
        stop.set()
        reads.release()
        thread.join()


def _is_below(name, path):
    try:
        return os.readlink(f"/proc/self/fd/{name}").startswith(str(path))
    except OSError:
        return False


class ReplacedMembers(ZipStore):
    """Each time a member was opened, it is written again."""

    values = itertools.cycle([b""])

    def open_value(self, key):
        value = super().open_value(key)
        self._write_again(key)
        return value

    def _write_again(self, key):
        import warnings

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self[key] = next(self.values)


def test_the_index_cache_keeps_no_shard_alive_and_counts_its_bytes():
    import tracemalloc

    store = {}
    a = zarrcy.create(
        2**20,
        chunks=2**16,
        shards=2**20,
        dtype="i8",
        fill_value=0,
        zarr_format=3,
        store=store,
        codecs=["bytes"],
    )
    a[...] = 1
    a[0]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(2, 6):
        a[...] = number
        assert a[0] == number
    store.clear()
    # each shard has 8 MiB
    assert tracemalloc.get_traced_memory()[0] - before < 2**20
    tracemalloc.stop()
