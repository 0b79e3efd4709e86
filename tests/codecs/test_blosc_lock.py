"""Blosc is used without the lock of numcodecs, which an exception of a signal handler can leave held."""

import contextlib
import re
import signal
import threading

import numcodecs
import numcodecs.blosc
import numpy as np
import pytest

import zarrcy
from zarrcy.chunk_io.policy import IOPolicy, overriding
from zarrcy.codecs import Compressor, Filter
from zarrcy.codecs.typed_blosc import decode

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="the system has no interval timers")
CNAMES = numcodecs.blosc.list_compressors()
ARRAYS = {
    "chunks": {"dtype": "i4"},
    "filter": {"dtype": "i4", "filters": [numcodecs.Delta("<i4")]},
    "objects": {"dtype": str},
    "shards": {"dtype": "i4", "zarr_format": 3, "shards": (32, 32)},
}


@pytest.fixture
def held():
    """Return a block in which the lock of numcodecs is held. A wait for it ends as an error after a minute."""

    def fail(*_):
        raise TimeoutError("a call waits for the lock of numcodecs")

    before = signal.signal(signal.SIGALRM, fail)

    @contextlib.contextmanager
    def block():
        with numcodecs.blosc.get_mutex():
            signal.setitimer(signal.ITIMER_REAL, 60)
            try:
                yield
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)

    yield block
    signal.signal(signal.SIGALRM, before)


def of_another_thread(function, *args):
    """Return the result of a call in a thread, where numcodecs uses neither threads of Blosc nor its lock."""
    results = []
    thread = threading.Thread(target=lambda: results.append(function(*args)))
    thread.start()
    thread.join()
    return results[0]


@pytest.mark.parametrize("kind", ARRAYS)
@pytest.mark.parametrize("cname", CNAMES)
def test_arrays_are_written_and_read_while_the_lock_is_held(cname, kind, held, tmp_path):
    compressor = numcodecs.Blosc(cname=cname)
    with held():
        with overriding(IOPolicy(use_native_path=False)):
            a = zarrcy.create(
                (64, 64), chunks=(16, 16), store=tmp_path, compressor=compressor, **ARRAYS[kind]
            )
            values = np.arange(64 * 64).reshape(64, 64).astype(ARRAYS[kind]["dtype"]).astype(a.dtype)
            a[...] = values
            a[3:50, 5:61] = values[3:50, 5:61]
            a.append(values)
            found = a[...]
        report = zarrcy.verify(tmp_path)
    assert (found == np.concatenate([values, values])).all()
    assert not report.problems


@pytest.mark.parametrize("cname", CNAMES)
def test_blocks_of_n5_are_written_and_read_while_the_lock_is_held(cname, held, tmp_path):
    values = np.arange(30 * 30, dtype="i4").reshape(30, 30)
    with held():
        a = zarrcy.create(
            (30, 30), chunks=(16, 16), dtype="i4", store=zarrcy.N5Store(tmp_path / "a.n5"),
            compressor=numcodecs.Blosc(cname=cname),
        )  # fmt: skip
        a[...] = values
        np.testing.assert_array_equal(a[...], values)


class OwnBlosc(numcodecs.Blosc):
    """A codec of a user, made of one of numcodecs."""

    codec_id = "own_blosc"

    def encode(self, buf):
        return b"own" + super().encode(buf)

    def decode(self, buf, out=None):
        return super().decode(bytes(buf)[3:], out)


def test_a_user_codec_that_extends_blosc_does_not_wait_for_the_lock(held):
    chunk = np.arange(1000)
    with held():
        encoded = Compressor(OwnBlosc()).encode(chunk)
        decoded = Compressor(OwnBlosc()).decoder(chunk.nbytes, chunk.size).decode(encoded)
    assert encoded[:3] == b"own"
    np.testing.assert_array_equal(np.frombuffer(decoded, chunk.dtype), chunk)


VALUES = {
    "integers": np.arange(5000, dtype="<i4"),
    "large": np.arange(600_000, dtype="<i8") // 7,
    "floats": np.linspace(0, 1, 3000),
    "booleans": np.arange(999) % 3 == 0,
    "times": np.arange(1000).astype("M8[s]"),
    "text": np.array(["a", "bcd"] * 300),
    "bytes": np.array([b"a", b"bcd"] * 300),
    "fields": np.zeros(500, [("a", "<i4"), ("b", "<f8")]),
    "long elements": np.zeros(5, "V300"),
    "byte order": np.arange(1000, dtype=">i2"),
    "short": np.arange(3, dtype="u1"),
    "columns": np.asfortranarray(np.arange(600).reshape(20, 30)),
}


@pytest.mark.parametrize("shuffle", [-1, 0, 1, 2])
@pytest.mark.parametrize("cname", CNAMES)
@pytest.mark.parametrize("values", VALUES)
def test_the_encoded_bytes_are_those_of_blosc_on_one_thread(values, cname, shuffle):
    chunk, codec = VALUES[values], numcodecs.Blosc(cname=cname, shuffle=shuffle)
    expected = of_another_thread(codec.encode, chunk)
    for stage in (Compressor(codec), Filter(codec)):
        encoded = bytes(stage.encode(chunk))
        # implementations of deflate encode the same bytes differently
        assert encoded == expected or cname == "zlib"
        assert codec.decode(encoded) == codec.decode(expected)
    np.testing.assert_array_equal(
        np.frombuffer(decode(codec, expected), np.uint8), np.frombuffer(codec.decode(expected), np.uint8)
    )


def test_errors_of_blosc_stay_those_of_numcodecs():
    codec = numcodecs.Blosc()
    for chunk in (np.array([None, "a"], object), np.arange(100)[::3]):
        with pytest.raises((TypeError, ValueError)) as expected:
            codec.encode(chunk)
        with pytest.raises(expected.type, match=re.escape(str(expected.value))):
            Compressor(codec).encode(chunk)
    for frame in (Compressor(codec).encode(np.zeros(0)), b"no frame of Blosc, but long enough"):
        with pytest.raises(RuntimeError, match="error during blosc decompression"):
            decode(codec, frame)


def test_a_signal_handler_can_write_arrays_at_any_moment_of_a_write():
    # codecs that the native path does not encode
    other = zarrcy.create(100, chunks=10, dtype="i4", compressor=numcodecs.Blosc(cname="blosclz"))
    a = zarrcy.create(
        1000,
        chunks=10,
        dtype="i4",
        filters=[numcodecs.FixedScaleOffset(0, 1, "<i4")],
        compressor=numcodecs.Blosc(),
    )
    counts = []

    def handler(*_):
        other[...] = len(counts)
        counts.append(int(other[50]))
        signal.setitimer(signal.ITIMER_REAL, 2e-3)

    before = signal.signal(signal.SIGALRM, handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 2e-3)
        while len(counts) < 30:
            a[...] = len(counts)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert counts == list(range(len(counts)))
