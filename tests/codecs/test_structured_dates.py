"""Structures with dates and durations, of which NumPy gives no buffer, go through each codec."""

import numcodecs
import numpy as np
import pytest
from numcodecs.abc import Codec

import zarrcy
from zarrcy.codecs import register_codec


class TakesBuffers(Codec):
    codec_id = "test-takes-buffers"

    def encode(self, buf):
        return bytes(memoryview(buf).cast("B"))

    def decode(self, buf, out=None):
        return buf


register_codec(TakesBuffers)

DTYPES = {
    "date": [("i", "<i4"), ("t", "<M8[s]")],
    "nested": [("i", "<i4"), ("n", [("d", "<m8[D]"), ("s", "S3")])],
    "not aligned": np.dtype(
        {"names": ["t", "b"], "formats": ["<M8[ns]", "u1"], "offsets": [1, 0], "itemsize": 11}
    ),
}
CODECS = [
    numcodecs.Blosc(),
    numcodecs.Zstd(),
    numcodecs.LZ4(),
    numcodecs.GZip(),
    numcodecs.LZMA(),
    TakesBuffers(),
]


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec.codec_id)
@pytest.mark.parametrize("dtype", DTYPES.values(), ids=DTYPES)
def test_structures_with_dates_go_through_each_codec(dtype, codec):
    dtype = np.dtype(dtype)
    values = np.random.default_rng(0).integers(0, 99, (7, dtype.itemsize), "u1").view(dtype)[:, 0]
    a = zarrcy.create(7, chunks=3, dtype=dtype, compressor=codec, store={})
    a[:] = values
    a[1:3] = values[1:3]
    found = zarrcy.open_array(a.store)[:]
    for name in dtype.names:
        assert found[name].tobytes() == values[name].tobytes()
