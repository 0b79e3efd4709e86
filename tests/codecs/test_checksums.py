"""``checksum=True``: changed bits are detected, and other readers can read the chunks."""

import json

import numpy as np
import pytest

import zarrcy
from zarrcy.errors import ChunkDecodeError

DTYPES = ["u1", "i4", ">f8", "M8[s]", "S3", [("a", "i2"), ("b", "f4")]]
OPTIONS = {
    "v2": {"zarr_format": 2},
    "v2 raw": {"zarr_format": 2, "compressor": None},
    "v2 filtered": {"zarr_format": 2, "filters": [zarrcy.Delta("i4")], "order": "F"},
    "v3": {"zarr_format": 3},
    "v3 raw": {"zarr_format": 3, "compressor": None},
    "v3 codecs": {"zarr_format": 3, "codecs": ["bytes", "gzip"]},
    "shards": {"zarr_format": 3, "shards": (4, 6)},
}


@pytest.fixture(params=OPTIONS.values(), ids=OPTIONS)
def options(request):
    return request.param


def values_for(dtype):
    return np.arange(48, dtype="i4").astype(dtype).reshape(6, 8) if isinstance(dtype, str) else None


def test_arrays_with_a_checksum_survive_a_round_trip(options, tmp_path):
    values = values_for("i4")
    z = zarrcy.array(values, chunks=(2, 3), store=tmp_path / "a", checksum=True, **options)
    np.testing.assert_array_equal(z[:], values)
    z[1:4, ::2] = 99
    values[1:4, ::2] = 99
    np.testing.assert_array_equal(zarrcy.open_array(tmp_path / "a", mode="r")[:], values)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("format_number", [2, 3])
def test_every_data_type_can_have_a_checksum(dtype, format_number, tmp_path):
    values = np.zeros((6, 8), dtype)
    values[1:3] = np.ones((), dtype) if not isinstance(dtype, str) or dtype[0] != "M" else np.ones((), "i8")
    z = zarrcy.array(values, chunks=4, store={}, checksum=True, zarr_format=format_number)
    np.testing.assert_array_equal(z[:], values)


@pytest.mark.parametrize("format_number", [2, 3])
def test_strings_can_have_a_checksum(format_number):
    z = zarrcy.create(3, dtype=str, chunks=2, store={}, checksum=True, zarr_format=format_number)
    z[:] = ["a", "bc", ""]
    assert z[:].tolist() == ["a", "bc", ""]
    z.store["c/0" if format_number == 3 else "0"] = b"x" * 40
    with pytest.raises(ChunkDecodeError):
        z[0]


def test_a_changed_bit_never_gives_a_wrong_number(options):
    store = {}
    values = values_for("i4")
    z = zarrcy.array(values, chunks=(2, 3), store=store, checksum=True, **options)
    key = next(key for key in store if key.endswith("0"))
    good = store[key]
    for at in range(len(good)):
        for bit in (0, 7):
            store[key] = good[:at] + bytes([good[at] ^ (1 << bit)]) + good[at + 1 :]
            try:
                result = z[:]
            except ChunkDecodeError:
                continue
            np.testing.assert_array_equal(result, values)


def test_the_checksum_codec_is_the_last_one_and_is_added_once():
    store = {}
    zarrcy.create(4, store=store, zarr_format=3, codecs=["bytes", "zstd", "crc32c"], checksum=True)
    codecs = json.loads(store["zarr.json"])["codecs"]
    assert [codec["name"] for codec in codecs] == ["bytes", "zstd", "crc32c"]
    zarrcy.create(4, chunks=2, shards=4, store=store, zarr_format=3, checksum=True, overwrite=True)
    (shard,) = json.loads(store["zarr.json"])["codecs"]
    inner = [codec["name"] for codec in shard["configuration"]["codecs"]]
    assert inner == ["bytes", "blosc", "crc32c"]


def test_a_checksum_in_v2_does_not_worsen_compression_much():
    values = np.arange(100_000, dtype="i8")
    plain, checked = (zarrcy.array(values, store={}, checksum=checksum) for checksum in (False, True))
    assert checked.nbytes_stored < 1.5 * plain.nbytes_stored


def test_a_format_that_cannot_store_a_checksum_refuses_it(tmp_path):
    with pytest.raises(ValueError, match="N5 does not support filters, including checksums"):
        zarrcy.create(4, store=zarrcy.N5Store(tmp_path), checksum=True)


def test_a_group_creates_arrays_with_a_checksum():
    group = zarrcy.group({})
    z = group.create_dataset("a", data=np.arange(4), checksum=True)
    assert [codec.codec_id for codec in z.filters] == ["shuffle", "crc32"]
