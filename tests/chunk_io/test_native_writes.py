"""The native path writes what the fallback path writes, and leaves what it cannot write to it."""

import os
import stat
from pathlib import Path

import numcodecs
import numpy as np
import pytest
from builds import needs_codecs
from cases import LANE_CODECS, lane_layouts, same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import Blosc

import zarrcy
from zarrcy import _kernels
from zarrcy.chunk_io import native
from zarrcy.chunk_io.policy import IOPolicy, overriding
from zarrcy.testing import strategies

pytestmark = pytest.mark.skipif("raw" not in native.codecs(), reason="this build has no native path")
with_codecs = pytest.mark.skipif("blosc" not in native.codecs(), reason="no codec library was built in")


def files_of(folder):
    return {path.name: path.read_bytes() for path in Path(folder).iterdir() if path.is_file()}


@needs_codecs
@pytest.mark.parametrize("codec", LANE_CODECS)
@pytest.mark.parametrize("in_files", [True, False], ids=["directory", "memory"])
def test_every_selection_writes_the_same_on_both_paths(codec, in_files, tmp_path_factory):
    @settings(max_examples=20)
    @given(
        data=st.data(),
        layout=lane_layouts([(), (13,), (300, 500), (20, 30, 40)]),
        keep_empty=st.booleans(),
    )
    def check(data, layout, keep_empty):
        shape, chunks, dtype = layout["shape"], layout["chunks"], layout["dtype"]
        arrays = []
        for is_native in (True, False):
            with overriding(IOPolicy(use_native_path=is_native)):
                arrays.append(
                    zarrcy.create(
                        **{**layout, "chunks": chunks or True}, compressor=LANE_CODECS[codec],
                        store=zarrcy.DirectoryStore(tmp_path_factory.mktemp("store")) if in_files else {},
                        write_empty_chunks=keep_empty,
                    )
                )  # fmt: skip
                assert arrays[-1].chunk_io.context.native_path is not None or not is_native
        model = np.zeros(shape, dtype)
        rng = np.random.default_rng(0)
        for _ in range(3):
            selection = data.draw(strategies.selections(shape, chunks))
            positions = selection.positions
            value = rng.integers(0, 2 if data.draw(st.booleans()) else 1, positions.shape).astype("i8")
            value = value.astype(dtype) if np.dtype(dtype).kind != "S" else value.astype("S1").astype(dtype)
            if data.draw(st.booleans()):
                value = (
                    np.broadcast_to(value.reshape(-1)[:1].reshape(()), value.shape) if value.size else value
                )
            model.reshape(-1)[positions] = value
            for a in arrays:
                getattr(a, f"set_{selection.kind}_selection")(selection.key, value)
        for a in arrays:
            assert same_bits(np.asarray(a[...], dtype), model)
        keys = [sorted(a.store) for a in arrays]
        assert keys[0] == keys[1]
        # versions of Zstandard encode the same bytes differently, and so do implementations of deflate
        if "zstd" not in str(LANE_CODECS[codec]) and codec not in ("gzip", "zlib", "blosc of zlib"):
            for key in keys[0]:
                assert bytes(arrays[0].store[key]) == bytes(arrays[1].store[key]), "stored values differ"

    threads, numcodecs.blosc.use_threads = numcodecs.blosc.use_threads, False
    try:
        check()
    finally:
        numcodecs.blosc.use_threads = threads


@with_codecs
@pytest.mark.parametrize("shuffle", [Blosc.NOSHUFFLE, Blosc.SHUFFLE, Blosc.BITSHUFFLE])
@pytest.mark.parametrize("cname", ["lz4", "lz4hc", "zstd", "zlib"])
@given(
    n=st.sampled_from([1, 9, 130, 1000, 33_001, 150_000]),
    typesize=st.sampled_from([1, 2, 3, 4, 8, 12, 16, 17]),
    level=st.sampled_from([0, 1, 3, 5, 8]),
    block=st.sampled_from([0, 512, 5000]),
    spread=st.sampled_from([1, 3, 2**30]),
)
@settings(max_examples=40)
def test_blosc_frames_have_the_bytes_that_numcodecs_writes(cname, shuffle, n, typesize, level, block, spread):
    rng = np.random.default_rng(n)
    chunk = np.cumsum(rng.integers(0, spread, max(1, n // 8))).view(np.uint8)
    chunk = np.ascontiguousarray(chunk[: len(chunk) // typesize * typesize])
    if not chunk.size:
        return
    config = {"cname": cname, "level": level, "shuffle": shuffle, "typesize": typesize, "blocksize": block}
    codec = _kernels.native.ChunkCodec(chunk.nbytes, typesize, "blosc", (), config)
    threads, numcodecs.blosc.use_threads = numcodecs.blosc.use_threads, False
    try:
        expected = Blosc(cname, level, shuffle, block).encode(chunk.view(f"V{typesize}"))
    finally:
        numcodecs.blosc.use_threads = threads
    found = codec.encode(chunk)
    # versions of Zstandard encode the same bytes differently, and so do implementations of deflate
    assert found == bytes(expected) or cname in ("zstd", "zlib")
    assert found[:2] + found[3:12] == bytes(expected)[:2] + bytes(expected)[3:12], (
        "the blocks have the same length"
    )
    assert codec.encode(chunk) == found, "the second call gives the same bytes"
    assert Blosc().decode(found) == chunk.tobytes()


def test_a_chunk_of_the_fill_value_is_removed_if_empty_chunks_are_not_kept(tmp_path):
    a = zarrcy.create(
        (40, 40), chunks=(10, 10), dtype="f8", fill_value=np.nan, store=tmp_path, write_empty_chunks=False
    )
    a[:] = 1
    assert a.nchunks_initialized == 16
    a[:20] = np.full((20, 40), np.nan)
    assert a.nchunks_initialized == 8
    a[25:, :] = np.nan
    assert a.nchunks_initialized == 4, "chunks that were changed in part still have other values"
    a[20:25] = np.nan
    assert a.nchunks_initialized == 0


def test_missing_directories_of_chunks_are_created(tmp_path):
    a = zarrcy.zeros((6, 6, 6), chunks=2, store=tmp_path, path="deep/er", dimension_separator="/")
    model = np.arange(216).reshape(6, 6, 6)
    a[:] = model
    assert (tmp_path / "deep" / "er" / "2" / "1" / "0").is_file()
    assert np.array_equal(zarrcy.open_array(tmp_path, path="deep/er")[:], model)


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser can write everywhere")
def test_writing_to_a_read_only_directory_is_an_error_and_keeps_the_data(tmp_path):
    a = zarrcy.array(np.arange(8), chunks=4, store=tmp_path)
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(PermissionError):
            a[:] = 1
        assert a[:].tolist() == list(range(8))
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_a_failed_write_leaves_no_temporary_file(tmp_path):
    a = zarrcy.array(np.arange(8), chunks=4, store=tmp_path)
    (tmp_path / "1").unlink()
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "below").write_bytes(b"")
    before = sorted(files_of(tmp_path))
    with pytest.raises(zarrcy.errors.KeyPathError, match="'1'"):
        a[:] = 7
    assert sorted(files_of(tmp_path)) == before
    assert a[:4].tolist() == [7] * 4


def test_a_damaged_chunk_is_not_changed_in_part(tmp_path):
    a = zarrcy.array(np.arange(40_000), chunks=20_000, store=tmp_path)
    (tmp_path / "1").write_bytes(b"bad")
    with pytest.raises(zarrcy.errors.ChunkDecodeError, match="'1'"):
        a[30_000] = 1
    assert (tmp_path / "1").read_bytes() == b"bad"
    a[20_000:] = 5
    assert a[20_000:].min() == 5, "replacing the chunk does not decode it"


def test_a_write_keeps_no_reference_to_its_value(tmp_path):
    import sys

    a = zarrcy.zeros((100, 100), chunks=(10, 100), dtype="f8", store=tmp_path)
    value = np.ones((100, 100))
    before = sys.getrefcount(value)
    a[:] = value
    a[3:50] = value[:47]
    assert sys.getrefcount(value) == before
