"""The codec classes of zarr-python 3: values that describe codecs, and that arrays take and return."""

import pickle

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.codecs import (
    BloscCodec,
    BytesCodec,
    CastValue,
    Crc32cCodec,
    GzipCodec,
    ScaleOffset,
    ShardingCodec,
    TransposeCodec,
    VLenBytesCodec,
    VLenUTF8Codec,
    ZstdCodec,
)
from zarrcy.zarr3 import numcodecs as of_numcodecs
from zarrcy.zarr3 import registry

CODECS = [
    BytesCodec(), BytesCodec(endian="big"), BytesCodec(endian=None), BloscCodec(), BloscCodec(cname="lz4", typesize=2),
    GzipCodec(level=1), ZstdCodec(level=3, checksum=True), Crc32cCodec(), TransposeCodec(order=(1, 0)),
    VLenUTF8Codec(), VLenBytesCodec(), ScaleOffset(offset=2, scale=0.5),
    CastValue(data_type="uint8", rounding="towards-zero"),
    ShardingCodec(chunk_shape=(2, 2), codecs=[BytesCodec(), GzipCodec()], index_location="start"),
    of_numcodecs.Delta(dtype="<i4"), of_numcodecs.LZ4(acceleration=2),
]  # fmt: skip


@pytest.mark.parametrize("codec", CODECS, ids=str)
def test_a_codec_equals_what_its_description_makes(codec):
    described = codec.to_dict()
    assert registry.get_codec_class(described["name"]) is type(codec)
    assert type(codec).from_dict(described) == codec
    assert pickle.loads(pickle.dumps(codec)) == codec
    assert hash(pickle.loads(pickle.dumps(codec))) == hash(codec)
    assert codec != GzipCodec(level=9)


@pytest.mark.parametrize(
    "make",
    [
        lambda: GzipCodec(level=10), lambda: ZstdCodec(level=30), lambda: BloscCodec(cname="zip"),
        lambda: BloscCodec(typesize=0), lambda: BloscCodec(shuffle="no"), lambda: BytesCodec(endian="middle"),
        lambda: ShardingCodec(chunk_shape=(0,)), lambda: ShardingCodec(chunk_shape=2, index_codecs=[GzipCodec()]),
        lambda: CastValue(data_type="bool"), lambda: GzipCodec.from_dict({"name": "zstd"}),
    ],
)  # fmt: skip
def test_a_parameter_out_of_range_is_refused(make):
    with pytest.raises(ValueError, match=r"\w"):
        make()


@pytest.mark.parametrize(
    "make", [lambda: GzipCodec(level="1"), lambda: ZstdCodec(checksum=1), lambda: TransposeCodec(order="C")]
)
def test_a_parameter_of_another_type_is_refused(make):
    with pytest.raises(TypeError, match=r"\w"):
        make()


@pytest.mark.parametrize(
    ("compressors", "filters", "serializer"),
    [
        (GzipCodec(), None, "auto"),
        ([ZstdCodec(), Crc32cCodec()], TransposeCodec(order=(1, 0)), "auto"),
        ({"name": "blosc", "configuration": {"cname": "lz4"}}, "auto", BytesCodec(endian="big")),
        (numcodecs.Blosc("zstd", 3), [of_numcodecs.Delta(dtype="<i4")], "auto"),
        (None, ScaleOffset(offset=1), "auto"),
        (None, None, ShardingCodec(chunk_shape=(2, 3), codecs=[BytesCodec(), GzipCodec()])),
        ([of_numcodecs.Zlib(level=2)], None, "auto"),
    ],
)
def test_an_array_takes_codecs_in_each_form_and_returns_objects(compressors, filters, serializer):
    data = np.arange(48, dtype="i4").reshape(6, 8)
    store = {}
    array = zarrcy.create_array(
        store, shape=(6, 9), chunks=(4, 3), dtype="i4", compressors=compressors, filters=filters,
        serializer=serializer, zarr_format=3,
    )  # fmt: skip
    array[:, :8] = data
    again = zarrcy.open_array(store, mode="r")
    assert np.array_equal(again[:, :8], data)
    described = again.metadata
    assert all(
        hasattr(codec, "to_dict") for codec in (*described.codecs, *again.compressors, again.serializer)
    )
    copied = zarrcy.create_array(
        {}, shape=(6, 9), chunks=again.shards or (4, 3), dtype="i4", zarr_format=3, compressors=None,
        serializer=described.codecs[0],
    ) if again.shards else zarrcy.from_array({}, data=again)  # fmt: skip
    assert copied.metadata.codecs == described.codecs


def test_a_codec_in_the_wrong_place_is_refused():
    for arguments in ({"compressors": BytesCodec()}, {"filters": GzipCodec()}, {"serializer": GzipCodec()}):
        with pytest.raises(TypeError, match="codec"):
            zarrcy.create_array({}, shape=3, dtype="i4", zarr_format=3, **arguments)


def test_format_2_takes_one_compressor_and_filters_of_numcodecs():
    array = zarrcy.create_array(
        {},
        data=np.arange(9, dtype="i4"),
        compressors=GzipCodec(level=2),
        filters=numcodecs.Delta("<i4"),
        zarr_format=2,
    )
    assert array.compressors == (numcodecs.GZip(2),)
    assert array[:].tolist() == list(range(9))
    with pytest.raises(ValueError, match="one compressor"):
        zarrcy.create_array({}, shape=3, dtype="i4", compressors=[GzipCodec(), ZstdCodec()], zarr_format=2)
