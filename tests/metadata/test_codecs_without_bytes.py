"""Documents of GDAL before 3.11, which leaves out the codec "bytes" for elements in little-endian order."""

import gzip
import json

import numpy as np
import pytest
from documents_v3 import PLAIN

import zarrcy
from zarrcy.metadata.tolerated_spellings import MISSING

GZIP = {"name": "gzip", "configuration": {"level": 6}}
FORTRAN = {"name": "transpose", "configuration": {"order": "F"}}
SHAPE = (4, 6)
DTYPES = ["int8", "uint16", "int32", "float64", "complex64", "bool"]


def store_of(codecs, data_type, **members):
    fill = {"bool": False, "complex64": [0, 0]}.get(data_type, 0)
    grid = {"name": "regular", "configuration": {"chunk_shape": list(SHAPE)}}
    document = {
        **PLAIN,
        "shape": list(SHAPE),
        "chunk_grid": grid,
        "data_type": data_type,
        "fill_value": fill,
        "codecs": codecs,
        **members,
    }
    return {"zarr.json": json.dumps({k: v for k, v in document.items() if v is not MISSING}).encode()}


@pytest.mark.parametrize("data_type", DTYPES)
@pytest.mark.parametrize(
    "codecs", [MISSING, [], [GZIP], [FORTRAN], [FORTRAN, GZIP], [GZIP, {"name": "crc32c"}]], ids=str
)
def test_the_elements_are_read_in_little_endian_order(codecs, data_type):
    store = store_of(codecs, data_type)
    values = np.arange(24).reshape(SHAPE).astype(data_type)
    names = [] if codecs is MISSING else [codec["name"] for codec in codecs]
    ordered = values.T if "transpose" in names else values
    stored = np.ascontiguousarray(ordered.astype(ordered.dtype.newbyteorder("<"))).tobytes()
    if "gzip" in names:
        stored = gzip.compress(stored)
    if "crc32c" not in names:
        store["c/0/0"] = stored
        np.testing.assert_array_equal(zarrcy.open_array(store, mode="r")[...], values)
    z = zarrcy.open_array(store, mode="r+")
    z[...] = values
    z[1:3, 2] = values[:2, 0]
    assert z.dtype == values.dtype
    assert zarrcy.open_array(store)[1, 2] == values[0, 0]


@pytest.mark.parametrize("codecs", [MISSING, [], [GZIP]], ids=str)
def test_copies_state_the_codec_and_changes_keep_what_was_stated(codecs):
    store = store_of(codecs, "int32")
    zarrcy.open_array(store)[...] = 5
    target = zarrcy.group(zarr_format=3)
    zarrcy.copy(zarrcy.open_array(store), target, name="a")
    assert any(codec["name"] == "bytes" for codec in zarrcy.open_array(target.store, path="a").codecs)
    zarrcy.convert(store, v2 := {}, zarr_format=2)
    like = zarrcy.zeros_like(zarrcy.open_array(store), zarr_format=3)
    like[...] = 5
    for array in (target["a"], zarrcy.open_array(v2), like):
        assert array[...].tolist() == [[5] * 6] * 4
    zarrcy.open_array(store).resize(8, 6)
    after = json.loads(store["zarr.json"])
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    assert after["codecs"] == ([little] if codecs is MISSING else codecs)
    assert zarrcy.open_array(store)[:4].sum() == 120


@pytest.mark.parametrize("inner", [[], [GZIP]], ids=str)
def test_shards_have_them_too(inner):
    little = {"name": "bytes", "configuration": {"endian": "little"}}
    index = [little, {"name": "crc32c"}]
    stores = []
    for codecs in (inner, [little, *inner]):
        configuration = {"chunk_shape": [2, 3], "codecs": codecs, "index_codecs": index}
        store = store_of([{"name": "sharding_indexed", "configuration": configuration}], "int32")
        zarrcy.open_array(store)[...] = np.arange(24).reshape(SHAPE)
        stores.append(store)
    stores[0]["c/0/0"], stores[1]["c/0/0"] = stores[1]["c/0/0"], stores[0]["c/0/0"]
    for store in stores:
        np.testing.assert_array_equal(zarrcy.open_array(store)[...], np.arange(24).reshape(SHAPE))
