"""Another thread changes a value while it is written: what is stored decodes, and the other elements are right."""

import threading
import zlib

import numcodecs
import numpy as np
import pytest
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes

import zarrcy

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
V2 = {
    "zlib": {"compressor": numcodecs.Zlib(6)},
    "zlib on the fallback path": {"compressor": numcodecs.Zlib(1)},
    "gzip": {"compressor": numcodecs.GZip(6)},
    "zstd": {"compressor": numcodecs.Zstd(1)},
    "zstd with a checksum": {"compressor": numcodecs.Zstd(1, checksum=True)},
    "lz4": {"compressor": numcodecs.LZ4()},
    "blosc without shuffle": {"compressor": numcodecs.Blosc("lz4", 5, numcodecs.Blosc.NOSHUFFLE)},
    "blosc": {"compressor": numcodecs.Blosc("zstd", 1, numcodecs.Blosc.SHUFFLE)},
    "blosc of bits": {"compressor": numcodecs.Blosc("lz4", 5, numcodecs.Blosc.BITSHUFFLE)},
    "blosc of zlib": {"compressor": numcodecs.Blosc("zlib", 1, numcodecs.Blosc.NOSHUFFLE)},
    "bz2": {"compressor": numcodecs.BZ2(1)},
    "lzma": {"compressor": numcodecs.LZMA(preset=0)},
    **{
        checksum.codec_id: {"compressor": None, "filters": [checksum]}
        for checksum in (
            numcodecs.CRC32(),
            numcodecs.Adler32(),
            numcodecs.Fletcher32(),
            numcodecs.JenkinsLookup3(),
        )
    },
    "delta and crc32": {"compressor": None, "filters": [numcodecs.Delta("<i4"), numcodecs.CRC32()]},
}
V3 = {
    "crc32c": {"codecs": [LITTLE, "crc32c"]},
    "big-endian and crc32c": {"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}, "crc32c"]},
    "gzip and crc32c": {"codecs": [LITTLE, {"name": "gzip", "configuration": {"level": 6}}, "crc32c"]},
    "shards": {"chunks": 2**14, "shards": 2**16, "compressor": numcodecs.Zlib(6), "checksum": True},
}
CASES = {**V2, **{name: {"zarr_format": 3, **options} for name, options in V3.items()}}
N, PERIOD, N_WRITES = 2**16, 2**12, 12


@pytest.mark.parametrize("in_memory", [True, False], ids=["memory", "files"])
@pytest.mark.parametrize("name", CASES)
def test_a_value_that_changes_while_it_is_written_is_stored_as_something_that_decodes(
    tmp_path, name, in_memory
):
    """Each period of the value is the same, so that codecs refer to the first one, which another thread changes."""
    pattern = np.random.default_rng(1).integers(0, 2**12, PERIOD, dtype="<i4")
    value = np.tile(pattern, N // PERIOD)
    options = {"chunks": N, **CASES[name]}
    array = zarrcy.create(
        N, dtype="<i4", store={} if in_memory else tmp_path / "a", overwrite=True, **options
    )
    stop = threading.Event()

    def change():
        while not stop.is_set():
            value[:PERIOD] ^= 1

    changer = threading.Thread(target=change)
    changer.start()
    try:
        for _ in range(N_WRITES):
            array[...] = value
            stored = array[...]
            assert ((stored[:PERIOD] ^ pattern) < 2).all()
            np.testing.assert_array_equal(stored[PERIOD:], np.tile(pattern, N // PERIOD - 1))
    finally:
        stop.set()
        changer.join()


class ChangesItsInput(Codec):
    """A checksum that, like another thread, changes the value of the user between its two passes over the chunk."""

    codec_id = "test_changes_its_input"
    value = None

    def encode(self, buf):
        checksum = zlib.crc32(ensure_bytes(buf))
        self.value[...] += 1
        return ensure_bytes(buf) + checksum.to_bytes(4, "little")

    def decode(self, buf, out=None):
        data = ensure_bytes(buf)
        if zlib.crc32(data[:-4]) != int.from_bytes(data[-4:], "little"):
            raise ValueError("the checksum is wrong")
        return data[:-4]


@pytest.mark.parametrize("filters", [[], [numcodecs.Delta("<i4")], [numcodecs.Shuffle(4)]], ids=repr)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(8, 8), (4, 8), (8, 5)])
def test_a_codec_gets_memory_that_only_the_library_changes(order, shape, filters):
    value = np.arange(64, dtype="<i4").reshape(8, 8, order=order)
    ChangesItsInput.value = value
    numcodecs.register_codec(ChangesItsInput)
    array = zarrcy.zeros(
        (8, 8),
        chunks=shape,
        dtype="<i4",
        order=order,
        filters=filters,
        compressor=ChangesItsInput(),
        store={},
    )
    before = value.copy()
    array[...] = value
    stored = array[...]
    n_chunks = array.nchunks
    assert (value == before + n_chunks).all()
    assert ((stored >= before) & (stored < before + n_chunks)).all()
    assert (stored[: shape[0], : shape[1]] == before[: shape[0], : shape[1]]).all()
