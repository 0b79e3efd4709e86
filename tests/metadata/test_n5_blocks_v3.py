"""The codec n5_default of zarr-extensions: N5 blocks in arrays of format 3."""

import gzip
import json
import struct

import numpy as np
import pytest

import zarrcy
from zarrcy.errors import MetadataError
from zarrcy.storage.n5.store import N5Store

BIG = {"name": "bytes", "configuration": {"endian": "big"}}
COMPRESSORS = [
    [],
    [{"name": "gzip", "configuration": {"level": 1}}],
    [{"name": "zstd", "configuration": {"level": 0}}],
]


def reversal(ndim):
    return {"name": "transpose", "configuration": {"order": list(range(ndim))[::-1]}}


def document(shape, chunks, data_type, inner, **members):
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": data_type,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(chunks)}},
        "chunk_key_encoding": {"name": "v2", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "n5_default", "configuration": {"codecs": inner}}],
        **members,
    }


@pytest.mark.parametrize("more", COMPRESSORS, ids=str)
@pytest.mark.parametrize(
    ("shape", "chunks"), [((5,), (2,)), ((4, 6), (2, 3)), ((5, 7), (2, 3)), ((3, 4, 5), (2, 2, 2))]
)
@pytest.mark.parametrize("data_type", ["uint8", "int16", "float64"])
def test_blocks_are_those_of_n5(tmp_path, data_type, shape, chunks, more):
    inner = [reversal(len(shape)), BIG, *more]
    final = {"zarr.json": json.dumps(document(shape, chunks, data_type, inner)).encode()}
    compression = {"type": more[0]["name"], "level": 1} if more else {"type": "raw"}
    n5 = {
        # N5 has the same order of axes as this codec; zarrcy reverses it in N5 containers
        "dimensions": list(shape),
        "blockSize": list(chunks),
        "dataType": data_type,
        "compression": compression,
    }
    (tmp_path / "attributes.json").write_text(json.dumps(n5))
    values = np.arange(np.prod(shape)).reshape(shape).astype(data_type)
    container = zarrcy.open_array(N5Store(tmp_path), mode="r+")
    container[...] = values.T
    blocks = zarrcy.DirectoryStore(tmp_path)
    final.update({key: value for key, value in blocks.items() if key != "attributes.json"})
    array = zarrcy.open_array(final, mode="r+")
    np.testing.assert_array_equal(array[...], values)
    np.testing.assert_array_equal(array[1], values[1])
    array[...] = values[::-1]
    part = (slice(1, 3), *(0 for _ in shape[1:]))
    array[part] = 9
    expected = values[::-1].copy()
    expected[part] = 9
    blocks.update({key: value for key, value in final.items() if key != "zarr.json"})
    np.testing.assert_array_equal(container[...].T, expected)
    np.testing.assert_array_equal(array[...], expected)


@pytest.mark.parametrize("compressed", [False, True])
def test_truncated_blocks_are_padded(compressed):
    inner = [reversal(2), BIG, *([{"name": "gzip", "configuration": {"level": 1}}] if compressed else [])]
    store = {"zarr.json": json.dumps(document((3, 5), (2, 4), "int16", inner)).encode()}
    values = np.arange(1, 16, dtype=">i2").reshape(3, 5)
    for i, j in np.ndindex(2, 2):
        block = values[2 * i : 2 * i + 2, 4 * j : 4 * j + 4]
        data = block.tobytes("F")
        header = struct.pack(">HHII", 0, 2, *block.shape)
        store[f"{i}/{j}"] = header + (gzip.compress(data) if compressed else data)
    array = zarrcy.open_array(store, mode="r+")
    np.testing.assert_array_equal(array[...], values)
    array[2, 4] = 7
    assert array[2].tolist() == [11, 12, 13, 14, 7]


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        ([BIG], "transpose that reverses all axes"),
        ([reversal(2)], "second codec must be 'bytes'"),
        (
            [{"name": "transpose", "configuration": {"order": [0, 1]}}, BIG],
            "transpose that reverses all axes",
        ),
        ([reversal(2), {"name": "bytes", "configuration": {"endian": "little"}}], "endian 'big'"),
        ([reversal(2), BIG, {"name": "gzip"}, {"name": "crc32c"}], "one codec bytes -> bytes at most"),
        (5, "must be a list"),
    ],
    ids=str,
)
def test_other_lists_of_codecs_are_refused(inner, words):
    with pytest.raises(MetadataError, match=words):
        zarrcy.open_array({"zarr.json": json.dumps(document((4, 6), (2, 3), "int16", inner)).encode()})


def test_the_configuration_stays_when_the_array_grows_and_copies_state_it():
    inner = [reversal(2), BIG]
    store = {"zarr.json": json.dumps(document((4, 6), (2, 3), "int16", inner)).encode()}
    array = zarrcy.open_array(store)
    array[...] = 3
    array.append(np.full((2, 6), 4))
    codecs = [{"name": "n5_default", "configuration": {"codecs": inner}}]
    assert json.loads(store["zarr.json"])["codecs"] == codecs
    copied = zarrcy.zeros_like(array, zarr_format=3)
    copied[...] = array
    for again in (zarrcy.open_array(store), copied):
        assert again[:, 0].tolist() == [3, 3, 3, 3, 4, 4]
    assert zarrcy.create((4, 6), chunks=(2, 3), dtype="i2", zarr_format=3, codecs=codecs).codecs == codecs
    group = zarrcy.group()
    zarrcy.copy(array, group, name="a")
    assert group["a"][:, 0].tolist() == [3, 3, 3, 3, 4, 4]
