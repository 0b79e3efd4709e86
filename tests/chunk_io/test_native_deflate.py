"""Chunks of gzip and zlib that the native path encodes: other programs read them, and on average they are no longer
than those of zlib."""

import gzip
import threading
import zlib

import numcodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrcy
from zarrcy import _kernels
from zarrcy.chunk_io import native

pytestmark = pytest.mark.skipif("gzip" not in native.codecs(), reason="deflate was not built in")

PEERS = {"gzip": numcodecs.GZip, "zlib": numcodecs.Zlib}
LEVELS = _kernels.native.DEFLATE_LEVELS if _kernels.native is not None else ()
OTHERS = [level for level in range(10) if level not in LEVELS]
WINDOW = 32768
RNG = np.random.default_rng(0)
N = 100_000


def fibonacci():
    """Return bytes whose best Huffman code is longer than the 15 bits that the format allows."""
    counts = [1, 1]
    while sum(counts) < 15_000:
        counts.append(counts[-1] + counts[-2])
    return RNG.permutation(np.repeat(np.arange(len(counts)), counts)).astype("u1")


def far_apart(distance):
    """Return noise that repeats after `distance` bytes."""
    return np.resize(RNG.integers(0, 256, distance), 2 * distance + 99).astype("u1")


KINDS = {
    "zeros": np.zeros(N, "u1"),
    "one repeated byte": np.full(N, 7, "u1"),
    "noise": RNG.integers(0, 256, N).astype("u1"),
    "noise, then zeros": np.append(RNG.integers(0, 256, N), np.zeros(N)).astype("u1"),
    "numbers in a row": np.arange(N // 4, dtype="<i4"),
    "smooth integers": np.cumsum(RNG.integers(0, 3, N // 4)).astype("<i4"),
    "smooth integers of 8 bytes": np.cumsum(RNG.integers(-9, 10, N // 8)).astype("<i8"),
    "small integers": RNG.integers(0, 100, N // 8).astype("<i8"),
    "four values": RNG.integers(0, 4, N).astype("u1"),
    "smooth floats with noise": (280 + np.sin(np.arange(N // 4) / 999) + RNG.normal(0, 0.001, N // 4)).astype("<f4"),
    "rounded floats": np.round(RNG.normal(280, 9, N // 4), 1).astype("<f4"),
    "steps of ten": (np.arange(N) // 10).astype("u1"),
    "labels": np.repeat(RNG.integers(0, 50, N // 10), 10).astype("u1"),
    "a slow wave in bytes": (100 * np.sin(np.arange(N) / 1000)).astype("u1"),
    "differences of a slow wave": np.diff((1e5 * np.sin(np.linspace(0, 1, N // 4))).astype("<i4")),
    "few that are not zero": np.where(RNG.random(N) < 0.02, RNG.integers(0, 256, N), 0).astype("u1"),
    "text": np.frombuffer(b"".join(b"the row %d has %d, " % (n, n * n % 97) for n in range(N // 20)), "u1"),
    "codes that are too long": fibonacci(),
    "noise that repeats inside the window": far_apart(WINDOW - 1),
    "noise that repeats at the end of the window": far_apart(WINDOW),
    "noise that repeats after the window": far_apart(WINDOW + 1),
}  # fmt: skip


def codec_for(name, nbytes, level, checksums=()):
    return _kernels.native.ChunkCodec(nbytes, 1, name, checksums, {"level": level})


def inflated(name, encoded):
    return gzip.decompress(encoded) if name == "gzip" else zlib.decompress(encoded)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("kind", KINDS)
def test_zlib_decodes_what_the_native_path_encodes(kind, name, level):
    chunk = np.ascontiguousarray(KINDS[kind]).view("u1")
    encoded = codec_for(name, chunk.nbytes, level).encode(chunk)
    assert inflated(name, encoded) == chunk.tobytes()
    assert bytes(PEERS[name]().decode(encoded)) == chunk.tobytes()
    assert _kernels.native.decode(encoded, name, chunk.nbytes).tobytes() == chunk.tobytes()
    if name == "gzip":
        assert encoded[4:8] == bytes(4), "the header has no time"


@pytest.mark.parametrize("level", LEVELS)
def test_chunks_of_all_kinds_are_on_average_as_short_as_those_of_zlib(level):
    ratios = []
    for kind in KINDS.values():
        chunk = np.ascontiguousarray(kind).view("u1")
        ratios.append(
            len(codec_for("zlib", chunk.nbytes, level).encode(chunk)) / len(zlib.compress(chunk, level))
        )
    assert np.exp(np.mean(np.log(ratios))) <= 1.02
    assert max(ratios) <= 1.1


@pytest.mark.parametrize("name", PEERS)
@given(data=st.data(), level=st.sampled_from(LEVELS))
@settings(max_examples=300)
def test_any_bytes_are_decoded_to_what_was_encoded(name, data, level):
    n = data.draw(
        st.one_of(st.integers(1, 40), st.integers(1, 3000), st.sampled_from([16_384, 65_535, 70_000]))
    )
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32)))
    chunk = rng.integers(0, data.draw(st.sampled_from([1, 2, 3, 17, 256])), n).astype("u1")
    period = data.draw(st.sampled_from([0, 1, 2, 3, 4, 7, 8, 258, 1000]))
    if 0 < period < n:
        is_noise = rng.random(n) < data.draw(st.sampled_from([0, 0.01, 0.3]))
        chunk = np.where(is_noise, chunk, np.resize(chunk[:period], n))
    encoded = codec_for(name, n, level).encode(chunk)
    assert inflated(name, encoded) == chunk.tobytes()
    assert len(encoded) <= n * 1.001 + 23


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("name", PEERS)
def test_encoded_bytes_depend_on_the_chunk_alone(name, level):
    chunks = [np.ascontiguousarray(np.resize(kind, N // 4).view("u1")[: N // 4]) for kind in KINDS.values()]
    codec = codec_for(name, N // 4, level)
    expected = [codec_for(name, N // 4, level).encode(chunk) for chunk in chunks]
    assert [codec.encode(chunk) for chunk in chunks] == expected
    assert [codec.encode(chunk) for chunk in reversed(chunks)] == expected[::-1]
    found = [None] * 4

    def encode(number):
        found[number] = [codec.encode(chunk) for chunk in chunks]

    threads = [threading.Thread(target=encode, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 4


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("nbytes", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17])
def test_tiny_chunks_take_no_more_than_their_bytes_and_a_frame(nbytes, level):
    for chunk in (
        np.zeros(nbytes, "u1"),
        np.arange(nbytes, dtype="u1"),
        RNG.integers(0, 256, nbytes).astype("u1"),
    ):
        encoded = codec_for("gzip", nbytes, level).encode(chunk)
        assert gzip.decompress(encoded) == chunk.tobytes()
        assert len(encoded) <= nbytes + 5 + 18


@pytest.mark.parametrize("level", LEVELS)
def test_encoded_noise_is_at_most_a_thousandth_longer_than_the_noise(level):
    chunk = RNG.integers(0, 256, 2**20).astype("u1")
    assert len(codec_for("zlib", chunk.nbytes, level).encode(chunk)) <= chunk.nbytes * 1.001


@pytest.mark.parametrize("name", PEERS)
def test_a_checksum_follows_the_chunk_if_requested(name):
    chunk = KINDS["smooth integers"].view("u1")
    encoded = codec_for(name, chunk.nbytes, 6, (("crc32c", "end", 0),)).encode(chunk)
    assert _kernels.default.crc32c(encoded[:-4]).to_bytes(4, "little") == encoded[-4:]
    assert inflated(name, encoded[:-4]) == chunk.tobytes()
    assert _kernels.native.decode(encoded, name, chunk.nbytes, True).tobytes() == chunk.tobytes()


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("level", [-1, *LEVELS])
def test_arrays_of_every_level_are_written_on_the_native_path(name, level, tmp_path):
    values = np.cumsum(RNG.integers(0, 9, 5000)).astype("i4").reshape(50, 100)
    a = zarrcy.array(values, chunks=(20, 30), compressor=PEERS[name](level), store=tmp_path)
    assert a.chunk_io.context.native_path.encodes
    assert np.array_equal(zarrcy.open_array(tmp_path)[:], values)
    if level == -1:
        b = zarrcy.array(values, chunks=(20, 30), compressor=PEERS[name](6))
        assert bytes(b.store["1.1"]) == (tmp_path / "1.1").read_bytes(), "level -1 means level 6"


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("level", [10, -2, 2**40, None, 1.5])
def test_an_invalid_level_is_refused_when_the_array_is_created(name, level):
    with pytest.raises(ValueError, match="'level' of the codec"):
        zarrcy.zeros(100, chunks=10, compressor=PEERS[name](level))


@pytest.mark.parametrize("name", PEERS)
@pytest.mark.parametrize("level", OTHERS)
def test_other_levels_are_written_on_the_fallback_path_and_read_on_the_native_path(name, level, tmp_path):
    values = np.arange(5000)
    a = zarrcy.array(values, chunks=999, compressor=PEERS[name](level), store=tmp_path)
    assert not a.chunk_io.context.native_path.encodes
    assert (tmp_path / "0").read_bytes()[-8:] == PEERS[name](level).encode(values[:999])[-8:]
    assert np.array_equal(zarrcy.open_array(tmp_path)[:], values)


@pytest.mark.parametrize("level", [10, -1, *OTHERS])
def test_the_kernel_refuses_an_invalid_level(level):
    with pytest.raises(ValueError, match="cannot encode"):
        codec_for("gzip", 10, level)
