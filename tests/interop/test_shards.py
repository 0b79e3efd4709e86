"""zarrcy, tensorstore and zarr-python 3 read and change the shards of each other."""

import numpy as np
import pytest
import tensorstore
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrcy

CODECS = {
    "raw": [],
    "zstd": [{"name": "zstd", "configuration": {"level": 1, "checksum": False}}],
    "blosc": [
        {
            "name": "blosc",
            "configuration": {
                "cname": "lz4", "clevel": 1, "shuffle": "shuffle", "typesize": 4, "blocksize": 0,
            },
        }
    ],
    "crc32c": [{"name": "crc32c"}],
}  # fmt: skip
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
BIG = {"name": "bytes", "configuration": {"endian": "big"}}


def metadata(shape, shard, chunk, codecs, location="end", before=(), index=None, fill=0):
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": "int32",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": list(shard)}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": fill,
        "codecs": [
            *before,
            {
                "name": "sharding_indexed",
                "configuration": {
                    "chunk_shape": list(chunk),
                    "codecs": codecs,
                    "index_codecs": index or [LITTLE, {"name": "crc32c"}],
                    "index_location": location,
                },
            },
        ],
    }


def by_tensorstore(path, document, create=True):
    members = {k: v for k, v in document.items() if k not in ("zarr_format",)}
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path)}}
    if create:
        return tensorstore.open({**spec, "metadata": members}, create=True).result()
    return tensorstore.open(spec, open=True).result()


CASES = {
    **{name: metadata((20, 30), (8, 12), (4, 3), [LITTLE, *codecs]) for name, codecs in CODECS.items()},
    "index at the start": metadata((20, 30), (8, 12), (4, 3), [LITTLE], "start"),
    "big-endian": metadata((20, 30), (8, 12), (4, 3), [BIG, *CODECS["zstd"]]),
    "index without checksum": metadata((9,), (4,), (2,), [LITTLE], index=[LITTLE]),
    "fill value": metadata((20, 30), (8, 12), (4, 3), [LITTLE], fill=7),
    "transposed inside": metadata(
        (20, 30), (8, 12), (4, 3), [{"name": "transpose", "configuration": {"order": [1, 0]}}, LITTLE]
    ),
    "transposed outside": metadata(
        (20, 30),
        (8, 12),
        (3, 4),
        [LITTLE],
        before=[{"name": "transpose", "configuration": {"order": [1, 0]}}],
    ),
    "in a shard": metadata(
        (20, 30), (16, 12), (8, 6), metadata((), (), (4, 3), [LITTLE, *CODECS["zstd"]])["codecs"]
    ),
    "three axes": metadata((9, 9, 9), (6, 6, 3), (3, 2, 3), [LITTLE, *CODECS["blosc"]]),
}


def numbers(shape):
    return np.arange(1, 1 + np.prod(shape), dtype="i4").reshape(shape)


@pytest.mark.parametrize("case", CASES)
def test_tensorstore_and_zarrcy_read_and_change_the_shards_of_each_other(case, tmp_path):
    document = CASES[case]
    model = numbers(document["shape"])
    theirs = by_tensorstore(tmp_path, document)
    theirs[...] = model
    ours = zarrcy.open_array(str(tmp_path), mode="r+")
    np.testing.assert_array_equal(ours[...], model)
    part = tuple(slice(1, n - 1) for n in model.shape)
    ours[part] = model[part] = -model[part]
    np.testing.assert_array_equal(np.asarray(by_tensorstore(tmp_path, document, create=False)), model)
    first = tuple(slice(0, 5) for _ in model.shape)
    theirs = by_tensorstore(tmp_path, document, create=False)
    theirs[first] = model[first] = 3
    np.testing.assert_array_equal(ours[...], model)
    ours[...] = document["fill_value"]
    assert sorted(p.name for p in tmp_path.rglob("*") if p.is_file()) == ["zarr.json"], (
        "a shard of fill value is deleted"
    )


@pytest.mark.parametrize(
    "case", [case for case in CASES if case not in ("index without checksum", "transposed outside")]
)
def test_zarr_python_3_and_zarrcy_read_and_change_the_shards_of_each_other(case, tmp_path):
    import json

    document = CASES[case]
    model = numbers(document["shape"])
    (tmp_path / "zarr.json").write_text(json.dumps(document | {"attributes": {}}))
    ours = zarrcy.open_array(str(tmp_path), mode="r+")
    ours[...] = model
    theirs = zarr.open_array(str(tmp_path), mode="r+")
    np.testing.assert_array_equal(theirs[...], model)
    part = tuple(slice(1, n - 1) for n in model.shape)
    theirs[part] = model[part] = -model[part]
    np.testing.assert_array_equal(ours[...], model)
    ours.append(np.full((3, *model.shape[1:]), 5))
    theirs = zarr.open_array(str(tmp_path), mode="r")
    np.testing.assert_array_equal(theirs[-3:], np.full((3, *model.shape[1:]), 5))


@settings(max_examples=20)
@given(data=st.data())
def test_tensorstore_reads_any_shards_of_zarrcy(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("a")
    shape = tuple(data.draw(st.lists(st.integers(1, 12), min_size=1, max_size=3)))
    chunks = tuple(data.draw(st.integers(1, 4)) for _ in shape)
    shards = tuple(n * data.draw(st.integers(1, 3)) for n in chunks)
    model = np.zeros(shape, "i4")
    a = zarrcy.create(shape, chunks=chunks, shards=shards, dtype="i4", zarr_format=3, store=str(path))
    for value in range(1, 4):
        part = tuple(slice(*sorted(data.draw(st.tuples(*[st.integers(0, n)] * 2)))) for n in shape)
        a[part] = model[part] = value
    np.testing.assert_array_equal(np.asarray(by_tensorstore(path, {}, create=False)), model)


@pytest.mark.parametrize("dtype", [str, bytes])
def test_zarr_python_3_and_zarrcy_read_and_change_text_in_shards(dtype, tmp_path):
    model = np.array([f"{i}é" * (i % 4) for i in range(100)], object).reshape(10, 10)
    if dtype is bytes:
        model = np.vectorize(str.encode, otypes=[object])(model)
    options = {"chunks": (2, 3), "shards": (6, 6), "dtype": dtype, "fill_value": dtype()}
    ours = zarrcy.create((10, 10), zarr_format=3, store=str(tmp_path / "ours"), **options)
    ours[...] = model
    theirs = zarr.open_array(str(tmp_path / "ours"), mode="r+")
    np.testing.assert_array_equal(theirs[...], model)
    theirs[2:5, 3:8] = model[2:5, 3:8] = model[9, 9]
    np.testing.assert_array_equal(ours[...], model)
    if dtype is str:
        theirs = zarr.create_array(str(tmp_path / "theirs"), shape=(10, 10), **options)
        theirs[...] = model
        np.testing.assert_array_equal(zarrcy.open_array(str(tmp_path / "theirs"))[...], model)
