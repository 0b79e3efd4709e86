"""The native path gives the results of the fallback path, bit for bit, and leaves what it cannot read to it."""

import os
import threading

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
from zarrcy.errors import ChunkDecodeError, NotAFileError
from zarrcy.testing import strategies

pytestmark = pytest.mark.skipif("raw" not in native.codecs(), reason="this build has no native path")
with_codecs = pytest.mark.skipif("blosc" not in native.codecs(), reason="no codec library was built in")

CODECS = LANE_CODECS | {
    "blosc in small blocks": Blosc("lz4", 5, Blosc.SHUFFLE, 256),
    "zlib": numcodecs.Zlib(1),
}


def smooth(shape, dtype):
    rng = np.random.default_rng(0)
    return np.cumsum(rng.integers(0, 3, int(np.prod(shape)))).astype(dtype).reshape(shape)


@needs_codecs
@pytest.mark.parametrize("codec", CODECS)
def test_every_selection_reads_the_same_on_both_paths(codec, tmp_path_factory):
    @settings(max_examples=30)
    @given(
        data=st.data(),
        # of the chunks of the largest arrays, parts are read
        layout=lane_layouts([(), (0, 3), (13,), (300, 500), (40, 50, 60)]),
        missing=st.booleans(),
    )
    def check(data, layout, missing):
        shape, chunks, dtype = layout["shape"], layout["chunks"], layout["dtype"]
        separator = data.draw(st.sampled_from("./"))
        model = smooth(shape, "i8").astype(dtype)
        store = zarrcy.DirectoryStore(tmp_path_factory.mktemp("store"))
        a = zarrcy.array(
            model, chunks=chunks or True, order=layout["order"], compressor=CODECS[codec], store=store, path="p/q",
            dimension_separator=separator,
        )  # fmt: skip
        if missing and a.nchunks_initialized > 1:
            del store["p/q/" + separator.join("0" * len(shape))]
            model[tuple(slice(0, n) for n in chunks)] = np.zeros((), dtype)
        assert a.chunk_io.read_dir is not None
        for _ in range(3):
            selection = data.draw(strategies.selections(shape, chunks))
            read = getattr(a, f"get_{selection.kind}_selection")
            found = np.asarray(read(selection.key), dtype)
            assert same_bits(found, np.asarray(model.reshape(-1)[selection.positions], dtype))

    check()


def test_a_policy_turns_the_native_path_off(tmp_path):
    with overriding(IOPolicy(use_native_path=False)):
        assert zarrcy.zeros(3, store=tmp_path).chunk_io.read_dir is None


@pytest.mark.parametrize(
    "options",
    [
        {"filters": [numcodecs.FixedScaleOffset(0, 2, "i4")]},
        {"compressor": numcodecs.BZ2()},
        {"dtype": str},
        {"store": {}},
    ],
    ids=["filter", "unknown codec", "objects", "mapping"],
)
def test_arrays_that_the_native_path_does_not_support_use_the_fallback_path(options, tmp_path):
    options = {"store": tmp_path, "dtype": "i4"} | options
    a = zarrcy.zeros(3, **options)
    assert a.chunk_io.read_dir is None
    a[:] = 1 if options["dtype"] is not str else "1"
    assert [str(x) for x in a[:]] == ["1", "1", "1"]


@with_codecs
@pytest.mark.parametrize("codec", [name for name in CODECS if name != "raw"])
@given(data=st.data())
def test_a_damaged_chunk_never_crashes_and_never_has_another_shape(codec, data):
    """The chunk is in memory; the same code decodes chunks from files."""
    model = smooth(data.draw(st.sampled_from([(5,), (400,), (3000,)])), "i4")
    encoded = bytearray(CODECS[codec].encode(model))
    for _ in range(data.draw(st.integers(1, 4))):
        encoded[data.draw(st.integers(0, len(encoded) - 1))] = data.draw(st.integers(0, 255))
    encoded = bytes(encoded[: data.draw(st.integers(0, len(encoded)))])
    decoded = _kernels.native.decode(encoded, CODECS[codec].codec_id, model.nbytes)
    assert decoded is None or decoded.nbytes == model.nbytes


@with_codecs
def test_a_checksum_is_compared_before_a_chunk_is_decoded():
    model = smooth((500,), "i4")
    encoded = bytes(numcodecs.Zstd(1).encode(model))
    whole = encoded + _kernels.default.crc32c(encoded).to_bytes(4, "little")
    assert _kernels.native.decode(whole, "zstd", model.nbytes, True).tobytes() == model.tobytes()
    for at in (0, len(whole) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[at] ^= 1
        assert _kernels.native.decode(bytes(damaged), "zstd", model.nbytes, True) is None


@pytest.mark.parametrize("codec", ["raw", "blosc", "blosc in small blocks", "zstd", "gzip"])
@pytest.mark.parametrize("length", [20, 40_000])
def test_a_truncated_file_gives_the_error_of_the_fallback_path(codec, length, tmp_path):
    a = zarrcy.array(smooth((length,), "i4"), chunks=length, compressor=CODECS[codec], store=tmp_path)
    whole = (tmp_path / "0").read_bytes()
    for n in (0, 3, 15, 17, len(whole) // 2, len(whole) - 1):
        (tmp_path / "0").write_bytes(whole[:n])
        with pytest.raises(ChunkDecodeError, match="'0'"):
            a[length - 2 :]
    if codec == "raw":
        (tmp_path / "0").write_bytes(whole + b"x")
        with pytest.raises(ChunkDecodeError, match="'0'"):
            a[:]


def test_a_file_that_cannot_be_opened_is_an_error_instead_of_the_fill_value(tmp_path):
    a = zarrcy.array([1, 2, 3, 4], chunks=2, store=tmp_path)
    (tmp_path / "0").unlink()
    (tmp_path / "0").symlink_to("0")
    with pytest.raises(OSError, match="symbolic links"):
        a[:]
    (tmp_path / "0").unlink()
    (tmp_path / "0").mkdir()
    with pytest.raises(NotAFileError, match="there is a directory"):
        a[:]


def test_no_file_stays_open(tmp_path):
    a = zarrcy.array(smooth((200, 300), "f8"), chunks=(50, 300), store=tmp_path)
    before = len(os.listdir("/dev/fd"))
    (tmp_path / "1.0").write_bytes(b"bad")
    for selection in (0, (slice(None), 3), slice(150, None)):
        a[selection] if selection != (slice(None), 3) else None
    with pytest.raises(ChunkDecodeError):
        a[:]
    assert len(os.listdir("/dev/fd")) == before


def test_many_threads_of_the_user_read_at_once(tmp_path):
    model = smooth((400, 400), "f4")
    a = zarrcy.array(model, chunks=(30, 30), store=tmp_path)
    wrong = []

    def read(seed):
        rng = np.random.default_rng(seed)
        for _ in range(30):
            low, high = sorted(rng.integers(0, 401, 2).tolist())
            if not same_bits(a[low:high, ::2], model[low:high, ::2]):
                wrong.append((low, high))

    users = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for user in users:
        user.start()
    for user in users:
        user.join()
    assert not wrong
