"""Writes to a store with latency: values are encoded while others are sent, and many requests are in flight."""

import contextlib
import os
import signal
import threading
import time

import numcodecs
import numpy as np
import pytest
from numcodecs.abc import Codec

import zarrcy

# long enough for any machine: it ends a test that would wait for ever
TIMEOUT = 120
MODEL = np.random.default_rng(0).integers(0, 99, (64, 2**13), "i4")


class Encoding(Codec):
    """A filter of a user that counts the chunks which were encoded, and the threads that did it."""

    codec_id = "zarrcy-test-encoding"
    encoded = threading.Semaphore(0)
    threads = set()  # noqa: RUF012

    def encode(self, buf):
        self.encoded.release()
        self.threads.add(threading.get_ident())
        return buf

    def decode(self, buf, out=None):
        return buf


numcodecs.register_codec(Encoding)


class OneByOne(dict):
    """A dictionary that poses as a server, and counts the values that are on the way."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()
        self.n_now = self.n_most = 0
        self.puts, self.deleted, self.met = [], [], None
        self.before = self.before_reads = lambda keys: None

    def has_latency(self):
        return True

    @contextlib.contextmanager
    def counted(self, keys):
        with self.lock:
            self.n_now += len(keys)
            self.n_most = max(self.n_most, self.n_now)
        try:
            yield
        finally:
            with self.lock:
                self.n_now -= len(keys)

    def __getitem__(self, key):
        with self.counted([key]):
            if self.met is not None and not key.endswith(".zarray"):
                # answered when many chunks have been requested
                if self.n_now == 16:
                    self.met.set()
                assert self.met.wait(TIMEOUT)
            return super().__getitem__(key)

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    def __setitem__(self, key, value):
        with self.counted([key]):
            self.before([key])
            super().__setitem__(key, value)


class FarStore(OneByOne):
    """A store that also takes many values at once."""

    def has_latency(self):
        return True

    def getitems(self, keys):
        keys = list(keys)
        with self.counted(keys):
            self.before_reads(keys)
            return {key: dict.__getitem__(self, key) for key in keys if key in self}

    def setitems(self, values):
        with self.counted(values):
            self.puts.append(list(values))
            self.before(list(values))
            for key, value in values.items():
                assert type(value) is bytes
                dict.__setitem__(self, key, value)

    def delitems(self, keys):
        keys = list(keys)
        with self.counted(keys):
            self.deleted += keys
            for key in keys:
                self.pop(key, None)


def far_array(**options):
    store = FarStore()
    a = zarrcy.array(MODEL, store=store, **options)
    store.n_most = 0
    store.puts.clear()
    return store, a


LAYOUTS = {
    "blosc": {"chunks": (1, 2**13), "compressor": zarrcy.Blosc()},
    "raw": {"chunks": (1, 2**13), "compressor": None},
    "raw-fortran": {"chunks": (8, 2**10), "compressor": None, "order": "F"},
    "bz2": {"chunks": (4, 2**11), "compressor": zarrcy.BZ2()},
    "filter": {"chunks": (4, 2**11), "compressor": zarrcy.BZ2(), "filters": [Encoding()]},
    "edges": {"chunks": (7, 1500), "compressor": zarrcy.Blosc()},
    "large": {"chunks": (32, 2**13), "compressor": zarrcy.Blosc()},
    "v3": {"chunks": (1, 2**13), "zarr_format": 3},
    "shards": {"chunks": (1, 2**11), "shards": (4, 2**13), "zarr_format": 3},
    "shards-edges": {"chunks": (3, 2**10), "shards": (9, 2**12), "zarr_format": 3},
    "shards-bz2": {
        "chunks": (4, 2**11), "shards": (8, 2**13), "zarr_format": 3,
        "codecs": ["bytes", {"name": "numcodecs.bz2"}],
    },
    "one shard": {"chunks": (1, 2**11), "shards": (64, 2**13), "zarr_format": 3},
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("n_threads", "depth"), [(1, None), (3, None), (1, "1"), (3, "5")])
def test_stored_values_do_not_depend_on_the_depth_or_the_number_of_threads(
    layout, n_threads, depth, monkeypatch
):
    store, a = far_array(**LAYOUTS[layout])
    near_store = {}
    near = zarrcy.array(MODEL, store=near_store, **LAYOUTS[layout])
    if depth is not None:
        monkeypatch.setenv("ZARRCY_IO_DEPTH", depth)
    writes = [
        (..., MODEL[::-1]),
        ((slice(1, 62), slice(5, -5)), MODEL[1:62, 5:-5]),
        ((slice(None), slice(0, None, 3)), MODEL[:, ::3]),
        ((slice(2, 50), slice(None)), 7),
        ((slice(10, 40), slice(7)), 7.5),
        ((slice(None), slice(2**12)), MODEL[:, : 2**12].astype("f8")),
        (slice(20, 41), 0),
    ]
    with zarrcy.use_threads(n_threads):
        for where, value in writes:
            a[where] = near[where] = value
            assert store == near_store
        a.oindex[[60, 3, 5], ::3] = near.oindex[[60, 3, 5], ::3] = MODEL[:3, ::3]
        mask = MODEL > 50
        a.set_mask_selection(mask, -1)
        near.set_mask_selection(mask, -1)
    assert store == near_store
    assert store.n_now == 0


def test_fields_and_objects_are_written():
    dtype = np.dtype([("n", "i4"), ("x", "f8", (512,))])
    store = FarStore()
    a = zarrcy.zeros(2**10, chunks=64, dtype=dtype, store=store)
    a["n"] = np.arange(2**10)
    a["x"] = 3
    assert (a["n"] == np.arange(2**10)).all()
    assert (a["x"] == 3).all()
    texts = np.array(["text" * i for i in range(2**10)], object)
    b = zarrcy.array(texts, chunks=8, dtype=str, store=FarStore())
    assert (b[...] == texts).all()


@pytest.mark.parametrize("kind", ["chunks", "shards"])
def test_values_are_on_the_way_while_others_are_encoded(kind):
    options = {"chunks": (1, 2**13), "filters": [Encoding()], "compressor": None}
    if kind == "shards":
        codecs = [{"name": "numcodecs.zarrcy-test-encoding"}, "bytes"]
        options = {"chunks": (1, 2**13), "shards": (4, 2**13), "zarr_format": 3, "codecs": codecs}
    store, a = far_array(**options)
    first_ends = threading.Event()
    n_waited = []

    def before(keys):
        if len(store.puts) == 1:
            # the server takes the first values when all others are encoded or on the way
            for _ in range(64):
                assert Encoding.encoded.acquire(timeout=TIMEOUT)
                n_waited.append(keys)
            first_ends.set()

    while Encoding.encoded.acquire(blocking=False):
        pass
    Encoding.threads.clear()
    store.before = before
    a[...] = MODEL + 1
    assert first_ends.is_set()
    # no other thread calls the codec of a user
    assert Encoding.threads == {threading.get_ident()}
    assert (a[...] == MODEL + 1).all()


@pytest.mark.parametrize("layout", ["blosc", "bz2", "shards"])
def test_partial_writes_read_many_values_at_once(layout):
    store, a = far_array(**LAYOUTS[layout])
    met = threading.Event()
    most = len(store) - 1

    def before_reads(keys):
        # answered when all chunks have been requested
        if store.n_now == min(most, 64):
            met.set()
        assert met.wait(TIMEOUT)

    store.before_reads = before_reads
    a[:, ::2] = MODEL[:, ::2] + 1
    store.before_reads = lambda keys: None
    expected = MODEL.copy()
    expected[:, ::2] += 1
    assert (a[...] == expected).all()


def test_values_are_sent_side_by_side_to_a_store_that_takes_one_at_a_time():
    store, met = OneByOne(), threading.Event()
    a = zarrcy.zeros(MODEL.shape, chunks=(1, 2**13), dtype="i4", store=store)

    def before(keys):
        if store.n_now == 16:
            met.set()
        assert met.wait(TIMEOUT)

    store.before = before
    a[...] = MODEL
    store.met, store.before = threading.Event(), lambda keys: None
    assert (a[...] == MODEL).all()
    assert store.met.is_set()


@pytest.mark.parametrize("depth", [1, 4, 20])
def test_the_setting_bounds_the_values_on_the_way(depth, monkeypatch):
    store, a = far_array(chunks=(1, 2**13))
    monkeypatch.setenv("ZARRCY_IO_DEPTH", str(depth))
    store.n_most = 0
    a[...] = MODEL + 1
    assert store.n_most <= max(depth, 2)


def test_values_on_the_way_are_bounded_in_bytes():
    model = np.zeros((16, 2**22), "i4")
    store = FarStore()
    a = zarrcy.zeros(model.shape, chunks=(1, model.shape[1]), dtype="i4", store=store, compressor=None)
    a[...] = 1
    # 64 MiB are four chunks of 16 MiB
    assert store.n_most <= 4
    assert (a[5] == 1).all()


@pytest.mark.parametrize("layout", ["blosc", "raw", "bz2", "shards"])
@pytest.mark.parametrize("failing", [0, 1, 2])
def test_after_a_request_failed_nothing_is_sent_and_nothing_is_on_the_way(layout, failing):
    store, a = far_array(**LAYOUTS[layout])

    def before(keys):
        if len(store.puts) > failing:
            raise ConnectionError("gone")

    store.before = before
    with contextlib.suppress(ConnectionError):
        a[...] = MODEL + 1
    n_puts = len(store.puts)
    assert store.n_now == 0
    # at most one request of each group failed
    assert failing < n_puts <= failing + 4
    found = a[...]
    assert ((found == MODEL) | (found == MODEL + 1)).all()
    assert len(store.puts) == n_puts
    store.before = lambda keys: None
    a[...] = MODEL + 1
    assert (a[...] == MODEL + 1).all()


def test_a_chunk_that_cannot_be_encoded_ends_the_write():
    class Broken(Codec):
        codec_id = "zarrcy-test-broken"

        def encode(self, buf):
            if np.asarray(buf).view("i4").flat[0] == 40:
                raise RuntimeError("broken")
            return buf

        def decode(self, buf, out=None):
            return buf

    numcodecs.register_codec(Broken)
    store = FarStore()
    a = zarrcy.zeros((64, 2**13), chunks=(1, 2**13), dtype="i4", store=store, filters=[Broken()])
    with pytest.raises(zarrcy.errors.ChunkEncodeError, match=r"40\.0"):
        a[...] = np.arange(64)[:, None]
    assert store.n_now == 0
    assert {key for keys in store.puts for key in keys} <= {".zarray", *(f"{i}.0" for i in range(40))}


@pytest.mark.parametrize("layout", ["blosc", "shards"])
def test_writes_that_an_interrupt_cannot_stop_are_named_and_nothing_is_sent_after_them(layout):
    store, a = far_array(**LAYOUTS[layout])
    continues, begun = threading.Event(), threading.Semaphore(0)

    def before(keys):
        begun.release()
        continues.wait(TIMEOUT)

    def interrupt():
        begun.acquire()
        os.kill(os.getpid(), signal.SIGINT)

    store.before = before
    value = MODEL + 1
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt) as caught:
        a[...] = value
    thread.join()
    named = {key for keys in store.puts for key in keys}
    assert f"{len(named)} requests that were sent may still be carried out: " in caught.value.__notes__[0]
    assert caught.value.__notes__[0].split(": ")[1].split(", ")[0] in named
    # the store gets what was encoded, not what the caller's memory holds later
    value[...] = -1
    continues.set()
    deadline = time.monotonic() + TIMEOUT
    while store.n_now and time.monotonic() < deadline:
        time.sleep(0.01)
    assert {key for keys in store.puts for key in keys} == named
    found = a[...]
    assert ((found == MODEL) | (found == MODEL + 1)).all()
    store.before = lambda keys: None
    a[...] = MODEL
    assert (a[...] == MODEL).all()


@pytest.mark.parametrize("layout", ["blosc", "shards"])
@pytest.mark.parametrize("synchronizer", [None, zarrcy.ThreadSynchronizer()])
def test_writers_of_parts_of_the_same_chunks_lose_nothing_and_end(layout, synchronizer):
    store, _ = far_array(**LAYOUTS[layout])
    a = zarrcy.open_array(store, mode="r+", synchronizer=synchronizer)
    failures = []

    def write(column):
        try:
            for _ in range(3):
                rows = slice(None) if column % 2 else slice(10, 50)
                a[rows, column] = column
        except BaseException as exc:
            failures.append(exc)

    threads = [threading.Thread(target=write, args=(column,)) for column in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT)
        assert not thread.is_alive()
    assert not failures
    expected = MODEL.copy()
    for column in range(4):
        expected[slice(None) if column % 2 else slice(10, 50), column] = column
    assert (a[...] == expected).all()


def test_chunks_of_fill_values_are_deleted_in_the_same_rounds():
    store, _ = far_array(chunks=(1, 2**13))
    a = zarrcy.open_array(store, mode="r+", write_empty_chunks=False)
    a[...] = 0
    assert sorted(store) == [".zarray"]
    assert len(store.deleted) == 64
