"""Faults of zarr-python 2 that zarrcy does not have. Each section begins with the fault."""

import json
import os
import shutil
import subprocess
import sys
from fractions import Fraction
from math import ceil

import numcodecs
import numpy as np
import pytest
from builds import on_both_kernels, using
from cases import STRUCTURED, same_bits
from hypothesis import given
from hypothesis import strategies as st

import zarrcy
from zarrcy import errors
from zarrcy.chunk_io import native


class Watching(dict):
    """A store that records the keys that were read and written, in order."""

    def __init__(self):
        self.read, self.written = [], []

    def get(self, key, default=None):
        self.read.append(key)
        return super().get(key, default)

    def __getitem__(self, key):
        self.read.append(key)
        return super().__getitem__(key)

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        self.written.append(key)

    def forget(self):
        self.read.clear()
        self.written.clear()


# 1: rewriting the metadata dropped the separator, so that the data read as fill value


@pytest.mark.parametrize("separator", [None, ".", "/"])
@pytest.mark.parametrize(
    "rewrite",
    [
        lambda a: a.resize(4, 6),
        lambda a: setattr(a, "shape", (4, 6)),
        lambda a: a.append(np.zeros((2, 4))),
        lambda a: a.append(np.zeros((4, 2)), axis=1),
        lambda a: setattr(a, "fill_value", 9),
        lambda a: a.attrs.put({"a": 1}),
    ],
    ids=["resize", "shape", "append", "append-1", "fill_value", "attrs"],
)
def test_resizing_and_appending_keep_the_dimension_separator(rewrite, separator):
    a = zarrcy.zeros((4, 4), chunks=(2, 2), store={}, dimension_separator=separator)
    a[...] = 1
    rewrite(a)
    assert json.loads(a.store[".zarray"]).get("dimension_separator") == separator
    assert ("0/0" if separator == "/" else "0.0") in a.store
    again = zarrcy.open_array(a.store)
    assert again.dimension_separator == (separator or ".")
    assert again[:4, :4].sum() == 16


# 2: partial reads used the chunk length of the first axis for every axis


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressor", [None, numcodecs.Blosc(), numcodecs.Blosc(blocksize=4096)], ids=str)
@pytest.mark.parametrize("kind", ["memory", "directory"])
def test_partial_reads_use_the_chunk_length_of_each_axis(kind, compressor, order, tmp_path):
    shape, chunks = (7, 130, 90), (3, 70, 50)  # chunks of 84,000 bytes: several Blosc blocks
    store = {} if kind == "memory" else tmp_path / "a"
    model = np.arange(np.prod(shape), dtype="<f8").reshape(shape)
    a = zarrcy.create(shape, chunks=chunks, dtype="<f8", compressor=compressor, order=order, store=store)
    a[...] = model
    a = zarrcy.Array(a.store, read_only=True, partial_decompress=True)
    rng = np.random.default_rng(0)
    for _ in range(40):
        edges = [sorted(rng.integers(0, n + 1, 2)) for n in shape]
        key = tuple(slice(first, last, rng.integers(1, 4)) for first, last in edges)
        assert same_bits(a[key], model[key])
        points = tuple(rng.integers(0, n, 5) for n in shape)
        assert same_bits(a.vindex[points], model[points])
        assert same_bits(a[tuple(at[0] for at in points)], model[tuple(at[0] for at in points)])


# 3: with write_empty_chunks=False, chunks were compared by value, so that -0.0 became 0.0


@on_both_kernels
@pytest.mark.parametrize("dtype", ["<f2", ">f4", "<f8", ">c8", "<c16"])
@pytest.mark.parametrize("as_one_value", [True, False])
def test_negative_zero_survives_write_empty_chunks_false(kernels, as_one_value, dtype):
    with using(kernels):
        a = zarrcy.zeros(6, chunks=2, dtype=dtype, write_empty_chunks=False)
    value = np.array(-0.0, dtype)
    a[:4] = value if as_one_value else np.full(4, value)
    assert a.nchunks_initialized == 2
    assert same_bits(a[:], np.array([value] * 4 + [0] * 2, dtype))
    a[:2] = 0.0
    assert a.nchunks_initialized == 1
    assert same_bits(a[:2], np.zeros(2, dtype))


@pytest.mark.parametrize("bits", [0x7FF8000000000001, 0xFFF8000000000000])
def test_another_nan_survives_write_empty_chunks_false(bits):
    a = zarrcy.full(4, np.nan, chunks=2, write_empty_chunks=False)
    value = np.array(bits, "<u8").view("<f8")[()]
    a[:2] = value
    assert a.nchunks_initialized == 1
    assert same_bits(a[:], np.array([value] * 2 + [np.nan] * 2))


# 4: append published the new shape before it wrote the data


def test_append_publishes_the_shape_after_the_data():
    store = Watching()
    a = zarrcy.array([1, 2], chunks=2, store=store)
    store.forget()
    a.append([3, 4, 5])
    assert store.written == ["1", "2", ".zarray"]


def test_an_append_that_fails_leaves_the_shape_as_it_was():
    a = zarrcy.create(2, chunks=2, dtype=str, store={})
    a[:] = "old"
    with pytest.raises(errors.ChunkEncodeError):
        a.append(np.array(["new", "new", 5], object))
    assert a.shape == zarrcy.open_array(a.store).shape == (2,)
    assert a[:].tolist() == ["old", "old"]


# 5: arrays with fill_value null read as uninitialised memory


@on_both_kernels
@pytest.mark.parametrize(
    "dtype", ["?", "<i4", ">f8", "<c8", "S3", ">U2", "<M8[s]", "V5", STRUCTURED], ids=str
)
def test_a_null_fill_value_reads_as_zeros(kernels, dtype):
    with using(kernels):
        a = zarrcy.empty((50, 50), chunks=(7, 7), dtype=dtype, store={})
    assert json.loads(a.store[".zarray"])["fill_value"] is None
    for read in (
        lambda: a[...],
        lambda: a[3:48:2, ::-1],
        lambda: a.oindex[[3, 1]],
        lambda: a.vindex[[3, 1], [0, 49]],
        lambda: a.vindex[np.eye(50, dtype=bool)],
        lambda: a.blocks[7, 7],
    ):
        # the next result is likely to be allocated in the memory that is freed here
        np.full((50, 50), 1, "u8").fill(0xA5A5A5A5A5A5A5A5)
        values = read()
        assert values.tobytes() == bytes(values.nbytes)
    a[1, 1] = a[0, 0]
    assert a.nchunks_initialized == 1
    assert a[:7, :7].tobytes() == bytes(49 * a.itemsize), "the unwritten part of a chunk must read as zeros"


# 6: __array__ without copy=, islice past its end, wrong nchunks_initialized, inexact ceil


def test_array_protocol_takes_dtype_and_copy_of_numpy_2():
    a = zarrcy.array([1, 2, 3], dtype="i4")
    assert np.asarray(a).dtype == np.int32
    assert np.asarray(a, dtype="f4").dtype == np.float32
    copied = np.array(a, copy=True)
    copied[0] = 9
    assert a[:].tolist() == a.__array__(None, copy=None).tolist() == [1, 2, 3]
    assert a.__array__("i8", copy=True).dtype == np.int64
    for without_copy in (lambda: a.__array__(copy=False), lambda: np.array(a, copy=False)):
        with pytest.raises(ValueError, match="copy"):
            without_copy()


@on_both_kernels
@pytest.mark.parametrize(
    ("start", "end", "chunks_read"),
    [
        (0, 1, "0"),
        (1, 3, "0"),
        (3, 5, "01"),
        (4, 8, "1"),
        (2, 10, "012"),
        (9, None, "2"),
        (5, 5, ""),
        (7, 2, ""),
    ],
)
def test_islice_reads_nothing_past_its_end(kernels, start, end, chunks_read):
    store, model = Watching(), np.arange(30).reshape(10, 3)
    with using(kernels):
        a = zarrcy.array(model, chunks=(4, 3), store=store)
    store.forget()
    assert [row.tolist() for row in a.islice(start, end)] == model[start:end].tolist()
    assert store.read == [f"{n}.0" for n in chunks_read], (
        "each chunk with a row of the range must be read once, and no other chunk"
    )


@pytest.mark.parametrize("separator", [".", "/"])
def test_nchunks_initialized_counts_over_all_axes(separator):
    a = zarrcy.zeros((20, 20), chunks=(2, 2), dimension_separator=separator, store={})
    a[:4, :2] = 1
    a[18:, 18:] = 1
    for stray in ("x", "1", "0|10", "0|99", "00|1", "-1|0", "1|1|1", "1|", "+1|1", "\u0661|1"):
        a.store[stray.replace("|", separator)] = b""
    assert a.nchunks_initialized == a.initialized == 3
    assert dict(a.info_items())["Chunks initialized"] == "3/100"


def test_nchunks_initialized_counts_the_chunk_of_an_array_without_axes():
    a = zarrcy.zeros((), store={})
    assert (a.cdata_shape, a.nchunks, a.nchunks_initialized) == ((1,), 1, 0)
    a[...] = 5
    assert a.nchunks_initialized == 1


@on_both_kernels
@given(n=st.integers(1, 2**62 - 1), chunk_len=st.integers(1, 1000))
def test_ceil_division_is_exact_for_huge_shapes(kernels, n, chunk_len):
    with using(kernels):
        a = zarrcy.create(n, chunks=chunk_len, dtype="u1", store={})
    count = ceil(Fraction(n, chunk_len))
    assert a.cdata_shape == (count,)
    assert a.nchunks == count
    a[n - 1] = 7
    assert set(a.store) == {".zarray", str(count - 1)}
    assert a[-1] == 7


# 7: reading a chunk took eleven system calls


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("compressor", [None, "default"])
@pytest.mark.parametrize("path", ["native", "fallback"])
def test_a_chunk_read_takes_three_or_four_system_calls(compressor, path, tmp_path):
    place = str(tmp_path / "a")
    zarrcy.array(np.arange(100.0), chunks=10, store=place, compressor=compressor)
    script = (
        f"import os, zarrcy; a = zarrcy.open_array({place!r}, mode='r'); a[5]; "
        "os.write(2, b'begin'); a[35]; os.write(2, b'end')"
    )
    done = subprocess.run(
        ["strace", sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"ZARRCY_NATIVE": "1" if path == "native" else "0"},
    )
    inside = done.stderr.split("begin")[-1].split("end")[0].splitlines()
    names = [line.split("(")[0] for line in inside if "(" in line]
    # of this script, of the memory allocator, and of the check for a fork
    ignored = ("write", "brk", "mmap", "munmap", "getpid")
    calls = [name for name in names if name not in ignored]
    if path == "native" and native.codecs():
        assert calls == ["openat", "preadv", "close"]
    else:
        assert calls == ["openat", "newfstatat" if "newfstatat" in names else "fstat", "read", "close"]


# 8: chunks of the pickle codec ran any code in them


def test_the_pickle_codec_is_refused_unless_allowed(monkeypatch):
    ran = []

    class Trap:
        def __reduce__(self):
            return ran.append, (1,)

    a = zarrcy.create(1, dtype=object, object_codec=numcodecs.Pickle(), store={}, fill_value="")
    a[0] = Trap()
    for forbidding in (None, "", "0"):
        if forbidding is None:
            monkeypatch.delenv("ZARRCY_ALLOW_PICKLE", raising=False)
        else:
            monkeypatch.setenv("ZARRCY_ALLOW_PICKLE", forbidding)
        with pytest.raises(errors.UnsafeCodecError, match="ZARRCY_ALLOW_PICKLE=1"):
            a[0]
    assert ran == []
    a[:] = "harmless"
    monkeypatch.setenv("ZARRCY_ALLOW_PICKLE", "1")
    assert a[0] == "harmless"
