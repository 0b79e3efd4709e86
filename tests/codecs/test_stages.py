"""Every stage of a pipeline has two directions, and an error names the codec that failed."""

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.codecs import Compressor, Filter, Pack, Pipeline, Shard, StageError, Transpose
from zarrcy.codecs.crc32c import CRC32C
from zarrcy.codecs.stages import NamedDecoder, as_codec
from zarrcy.errors import ChunkDecodeError

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
VALUES = np.arange(24, dtype="<i4").reshape(4, 6)
INDEX = (Pack(), Compressor(CRC32C()))


@pytest.mark.parametrize(
    "stage",
    [
        Transpose((1, 0)),
        Filter(numcodecs.Delta("<i4")),
        Pack(),
        Pack(np.dtype(">i4"), np.dtype("<i4")),
        Shard((2, 3), (Pack(), Compressor(numcodecs.Zlib())), INDEX).codec((4, 6), VALUES.dtype),
        Compressor(numcodecs.Zlib()),
        Compressor(numcodecs.Zstd()),
        Compressor(CRC32C()),
    ],
    ids=lambda stage: stage.name,
)
def test_decode_returns_what_encode_was_given(stage):
    decoded = np.frombuffer(stage.decode(stage.encode(VALUES)), np.uint8)
    assert decoded.tobytes() == VALUES.tobytes()


@pytest.mark.parametrize("stage", [Filter(numcodecs.Delta("<i4")), Compressor(numcodecs.Zlib())])
def test_a_decoder_of_a_stage_has_its_name_and_refuses_other_lengths(stage):
    encoded = stage.encode(VALUES)
    decoder = stage.decoder(VALUES.nbytes, VALUES.size)
    assert isinstance(decoder, NamedDecoder)
    assert decoder.name == stage.name
    assert bytes(memoryview(decoder.decode(encoded)).cast("B")) == VALUES.tobytes()
    with pytest.raises(ValueError, match=r"bytes"):
        stage.decoder(VALUES.nbytes - 4, VALUES.size - 1).decode(encoded)


class Failing:
    """A codec that refuses everything."""

    def __init__(self, codec_id):
        self.codec_id = codec_id

    def get_config(self):
        return {"id": self.codec_id}

    def encode(self, buf):
        raise ValueError("refused")

    def decode(self, buf, out=None):
        raise ValueError("refused")


@pytest.mark.parametrize("position", range(4))
def test_an_error_names_the_codec_that_failed(position):
    delta, zlib = numcodecs.Delta("<i4"), numcodecs.Zlib()
    stages = [Filter(delta), Filter(delta), Pack(), Compressor(zlib), Compressor(zlib)]
    working = Pipeline(tuple(stages), (4, 6), VALUES.dtype)
    encoded = working.encode(VALUES.reshape(-1).view(np.uint8))
    number = position if position < 2 else position + 1
    stages[number] = type(stages[number])(Failing(f"failing-{position}"))
    pipeline = Pipeline(tuple(stages), (4, 6), VALUES.dtype)
    for run in (
        lambda: pipeline.encode(VALUES.reshape(-1).view(np.uint8)),
        lambda: pipeline.decode(encoded, np.empty(VALUES.nbytes, np.uint8)),
    ):
        with pytest.raises(StageError) as info:
            run()
        assert info.value.stage == f"failing-{position}"
        assert info.value.problem == "ValueError: refused"


def test_an_error_inside_a_shard_names_the_codec_of_the_inner_chunk():
    inner = (Pack(), Compressor(Failing("failing")))
    working = Pipeline((Shard((2, 3), (Pack(),), INDEX), Compressor(numcodecs.Zlib())), (4, 6), VALUES.dtype)
    pipeline = Pipeline((Shard((2, 3), inner, INDEX), Compressor(numcodecs.Zlib())), (4, 6), VALUES.dtype)
    flat = VALUES.reshape(-1).view(np.uint8)
    with pytest.raises(StageError) as info:
        pipeline.decode(working.encode(flat), np.empty(VALUES.nbytes, np.uint8))
    assert info.value.stage == "failing"
    with pytest.raises(StageError) as info:
        pipeline.encode(flat)
    assert info.value.stage == "failing"


FILTERS = {
    "scale_offset": ({"name": "scale_offset", "configuration": {"offset": 5, "scale": 2}}, "<i4"),
    "cast_value": ({"name": "cast_value", "configuration": {"data_type": "int16"}}, "<i2"),
    "delta": ({"name": "numcodecs.delta", "configuration": {"dtype": "<i4", "astype": "<i2"}}, "<i2"),
}


@pytest.mark.parametrize(("codec", "stored"), FILTERS.values(), ids=FILTERS)
@pytest.mark.parametrize("fill_value", [0, 7])
def test_a_codec_before_the_shards_is_undone(codec, stored, fill_value):
    shard = {
        "name": "sharding_indexed",
        "configuration": {
            "chunk_shape": [2, 3],
            "codecs": [LITTLE],
            "index_codecs": [LITTLE, {"name": "crc32c"}],
        },
    }
    array = zarrcy.create(
        (4, 6),
        chunks=(4, 6),
        dtype="<i4",
        store={},
        zarr_format=3,
        codecs=[codec, shard],
        fill_value=fill_value,
    )
    values = np.full((4, 6), fill_value, "<i4")
    values[:2, :4] = np.arange(8).reshape(2, 4)
    array[...] = values
    np.testing.assert_array_equal(zarrcy.open_array(array.store, mode="r")[...], values)
    array[3, 5] = values[3, 5] = 11
    np.testing.assert_array_equal(zarrcy.open_array(array.store, mode="r")[...], values)
    assert len(array.store["c/0/0"]) < 24 * np.dtype(stored).itemsize + 4 * 16 + 4 + 1


def test_a_damaged_chunk_error_names_key_and_codec():
    array = zarrcy.create((4, 6), chunks=(2, 3), dtype="<i4", store={}, filters=[numcodecs.Delta("<i4")])
    array[...] = VALUES
    array.store["0.1"] = b"damaged"
    with pytest.raises(ChunkDecodeError, match=r"'0\.1'.*blosc"):
        array[...]


@pytest.mark.parametrize("value", [5, "zlib", object()])
def test_a_value_that_is_not_a_codec_is_refused_with_the_remedy(value):
    with pytest.raises(ValueError, match="is not a codec; pass a numcodecs codec"):
        as_codec(value)


@pytest.mark.parametrize("host", ["<", ">"])
@pytest.mark.parametrize("declared", ["<", ">"])
def test_the_index_of_a_shard_has_the_declared_byte_order_on_each_host(declared, host):
    """A stage without a swap has the order of memory, which is not little-endian on each host."""
    memory, stored = np.dtype(f"{host}u8"), np.dtype(f"{declared}u8")
    pack = Pack() if stored == memory else Pack(stored, memory)
    assert pack.byteorder(memory) == declared
    assert pack.byteorder(np.dtype(f"{host}M8[s]")) == declared
    # on this host, with the documents of each order
    document = [{"name": "bytes", "configuration": {"endian": {"<": "little", ">": "big"}[declared]}}]
    store = {}
    z = zarrcy.create(
        4,
        chunks=2,
        dtype="u1",
        store=store,
        zarr_format=3,
        codecs=[
            {
                "name": "sharding_indexed",
                "configuration": {
                    "chunk_shape": [1],
                    "codecs": [{"name": "bytes"}],
                    "index_codecs": document,
                    "index_location": "start",
                },
            }
        ],
    )
    z[:] = [7, 8, 9, 10]
    assert np.frombuffer(bytes(store["c/0"])[:32], f"{declared}u8").tolist() == [32, 1, 33, 1]
    assert zarrcy.open(store)[:].tolist() == [7, 8, 9, 10]
