"""Stores as other tools write them: they are opened, read, verified, written, resized, copied and converted."""

import itertools
import json
import lzma
import zlib

import numcodecs
import numpy as np
import pytest

import zarrcy

DATA = np.arange(12, dtype="<u2").reshape(3, 4)
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}


def v2(**members):
    document = {
        "zarr_format": 2,
        "shape": [3, 4],
        "chunks": [3, 4],
        "dtype": "<u2",
        "compressor": None,
        "fill_value": 0,
        "filters": None,
        "order": "C",
        **members,
    }
    return {".zarray": json.dumps(document).encode()}


def v3(**members):
    document = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [3, 4],
        "data_type": "uint16",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [3, 4]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [LITTLE],
        "attributes": {},
        **members,
    }
    return {"zarr.json": json.dumps(document).encode()}


def blosc(shuffle):
    return numcodecs.Blosc("lz4", 5, shuffle).encode(DATA)


RAW = DATA.tobytes()
# writer -> documents, key and value of the only chunk
STORES = {
    "bioformats2raw 0.4": (
        v2(
            fill_value="0",
            dimension_separator="/",
            compressor={"clevel": 5, "blocksize": 0, "shuffle": 1, "cname": "lz4", "id": "blosc"},
        ),
        "0/0",
        blosc(1),
    ),
    "jzarr 0.3": (
        v2(
            fill_value="0",
            compressor={
                "id": "blosc",
                "cname": "lz4",
                "clevel": 5,
                "blocksize": 0,
                "shuffle": 1,
                "nthreads": 1,
            },
        ),
        "0.0",
        blosc(1),
    ),
    "n5-zarr, gzip": (
        v2(
            fill_value="0",
            filters=[],
            compressor={"id": "gzip", "level": 5, "useZlib": False},
            dimension_separator="/",
        ),
        "0/0",
        numcodecs.GZip(5).encode(RAW),
    ),
    "n5-zarr, zstd": (
        v2(fill_value="0", filters=[], compressor={"id": "zstd", "level": 3, "nbWorkers": 0}),
        "0.0",
        numcodecs.Zstd(3).encode(RAW),
    ),
    "n5-zarr, blosc": (
        v2(
            fill_value="0",
            compressor={
                "id": "blosc",
                "cname": "lz4",
                "clevel": 5,
                "shuffle": 1,
                "blocksize": 0,
                "numThreads": 1,
            },
        ),
        "0.0",
        blosc(1),
    ),
    **{
        f"GDAL, blosc {name}": (
            v2(compressor={"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": name, "blocksize": 0}),
            "0.0",
            blosc(number),
        )
        for name, number in (("NONE", 0), ("BYTE", 1), ("BIT", 2))
    },
    "GDAL, lzma": (v2(compressor={"id": "lzma", "preset": 6, "delta": 1}), "0.0", lzma.compress(RAW)),
    "GDAL, large fill value": (
        v2(dtype="<u8", fill_value="18446744073709551615"),
        "0.0",
        DATA.astype("<u8").tobytes(),
    ),
    "netcdf-c, fill value in a list": (v2(fill_value=[0]), "0.0", RAW),
    "netcdf-c, numbers as text": (v2(compressor={"id": "zlib", "level": "1"}), "0.0", zlib.compress(RAW, 1)),
    "null separator": (v2(dimension_separator=None), "0.0", RAW),
    "numcodecs 0.16, blosc with the size of an element": (
        v2(
            compressor={
                "id": "blosc",
                "cname": "lz4",
                "clevel": 5,
                "shuffle": 1,
                "blocksize": 0,
                "typesize": 2,
            }
        ),
        "0.0",
        blosc(1),
    ),
    "GDAL 3.12 and zarrita.js, format 3": (v3(fill_value=None), "c/0/0", RAW),
    "GDAL 3.12, format 3, order F": (
        v3(codecs=[{"name": "transpose", "configuration": {"order": "F"}}, LITTLE]),
        "c/0/0",
        DATA.tobytes("F"),
    ),
    "WEBKNOSSOS": (
        v3(
            fill_value=None,
            codecs=[
                {
                    "name": "sharding_indexed",
                    "configuration": {
                        "chunk_shape": [3, 4],
                        "codecs": [{"name": "transpose", "configuration": {"order": "F"}}, LITTLE],
                        "index_codecs": [LITTLE],
                    },
                }
            ],
        ),
        "c/0/0",
        DATA.tobytes("F") + np.array([0, len(RAW)], "<u8").tobytes(),
    ),
    "GDAL, Booleans": (
        v3(data_type="bool", fill_value=0, codecs=["bytes"]),
        "c/0/0",
        (DATA > 5).tobytes(),
    ),
    "order C": (
        v3(codecs=[{"name": "transpose", "configuration": {"order": "C"}}, LITTLE]),
        "c/0/0",
        RAW,
    ),
}


@pytest.fixture(params=STORES)
def store(request, tmp_path):
    documents, key, value = STORES[request.param]
    directory = zarrcy.DirectoryStore(tmp_path / "a")
    directory.update({**documents, key: bytes(value)})
    return directory


def expected(array):
    return DATA > 5 if array.dtype == bool else DATA.astype(array.dtype)


def test_it_is_read_and_verified(store):
    array = zarrcy.open_array(store, mode="r")
    np.testing.assert_array_equal(array[...], expected(array))
    np.testing.assert_array_equal(array[1:, 2], expected(array)[1:, 2])
    assert array.fill_value in (0, 2**64 - 1)
    assert zarrcy.verify(store).ok
    assert str(array.info)


def test_missing_chunks_have_the_fill_value(store):
    array = zarrcy.open_array(store, mode="r+")
    for key in [key for key in store if not key.endswith((".zarray", "zarr.json"))]:
        del store[key]
    assert (array[...] == array.fill_value).all()


def test_it_is_written_appended_and_resized(store):
    array = zarrcy.open_array(store, mode="r+")
    values = expected(array).copy()
    array[0, 1:3] = values[0, 1:3] = 1
    array.append(values[:1])
    array.attrs["unit"] = "m"
    again = zarrcy.open_array(store, mode="r")
    np.testing.assert_array_equal(again[...], np.concatenate([values, values[:1]]))
    array.resize(2, 6)
    again = zarrcy.open_array(store, mode="r")
    np.testing.assert_array_equal(again[:, :4], values[:2])
    assert (again[:, 4:] == again.fill_value).all()
    assert zarrcy.verify(store).ok


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_it_is_copied_and_converted(store, zarr_format):
    array = zarrcy.open_array(store, mode="r")
    group = zarrcy.group({}, zarr_format=zarr_format)
    zarrcy.copy(array, group, name="a")
    np.testing.assert_array_equal(group["a"][...], array[...])
    assert group["a"].fill_value == array.fill_value
    if zarr_format != array.zarr_format:
        target = {}
        zarrcy.convert(store, target, zarr_format=zarr_format)
        np.testing.assert_array_equal(zarrcy.open_array(target, mode="r")[...], array[...])


@pytest.mark.parametrize(
    "members",
    [
        {"fill_value": "0x"},
        {"fill_value": "1.5"},
        {"fill_value": "-1"},
        {"fill_value": "65536"},
        {"fill_value": [1, 2]},
        {"fill_value": []},
        {"fill_value": "9" * 5000},
        {"dtype": "<M8[s]", "fill_value": "now"},
        {"dimension_separator": ""},
        {"shape": True, "chunks": 1},
        {"shape": 4, "chunks": [2, 2]},
        {"compressor": {"id": "blosc", "shuffle": "SOME"}},
        {"compressor": {"id": "zstd", "nbWorkers": 0, "level": "high"}},
    ],
    ids=str,
)
def test_what_has_no_meaning_is_refused(members):
    with pytest.raises(zarrcy.MetadataError, match=r"\.zarray"):
        zarrcy.open_array(v2(**members), mode="r")


INDEXES = {ndim: list(itertools.permutations(range(ndim + 1))) for ndim in (1, 2, 3)}


@pytest.mark.parametrize(
    ("ndim", "order"), [(ndim, order) for ndim, orders in INDEXES.items() for order in orders], ids=str
)
@pytest.mark.parametrize("kind", ["memory", "directory"])
def test_the_index_of_a_shard_may_have_any_order_of_axes(ndim, order, kind, tmp_path):
    inner, shard = ((2,), (6,)) if ndim == 1 else ((2, 2), (4, 6)) if ndim == 2 else ((1, 2, 2), (2, 4, 6))
    store = {} if kind == "memory" else zarrcy.DirectoryStore(tmp_path)
    shape = tuple(2 * n for n in shard)
    zarrcy.create(shape, chunks=inner, shards=shard, dtype="i4", zarr_format=3, store=store)
    document = json.loads(bytes(store["zarr.json"]))
    configuration = document["codecs"][0]["configuration"]
    transpose = {"name": "transpose", "configuration": {"order": list(order)}}
    configuration["index_codecs"] = [transpose, *configuration["index_codecs"]]
    store["zarr.json"] = json.dumps(document).encode()
    values = np.arange(np.prod(shape), dtype="i4").reshape(shape)
    array = zarrcy.open_array(store, mode="r+")
    array[...] = values
    array[..., :1] = values[..., :1] = -1
    again = zarrcy.open_array(store, mode="r")
    np.testing.assert_array_equal(again[...], values)
    box = (slice(1, 3),) * ndim
    np.testing.assert_array_equal(again[box], values[box])
    assert zarrcy.verify(store).ok


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", [".zarray", ".zgroup", ".zattrs", ".zmetadata", "zarr.json"])
def test_a_member_named_like_a_document_is_refused_before_anything_is_written(zarr_format, name, tmp_path):
    store = zarrcy.DirectoryStore(tmp_path)
    root = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    root["a"] = [1]
    before = dict(store)
    for create in (
        lambda: root.create_group(name),
        lambda: root.zeros(f"g/{name}", shape=3),
        lambda: root.zeros(f"{name}/b", shape=3),
        lambda: root.__setitem__(name, [1]),
        lambda: root.require_group(f"g/{name}/h"),
        lambda: root.move("a", name),
        lambda: root.move("a", f"g/{name}"),
        lambda: zarrcy.create(3, store=store, path=name),
        lambda: zarrcy.copy(root["a"], root, name=name),
    ):
        with pytest.raises(zarrcy.errors.KeyPathError, match="is the name of a metadata document"):
            create()
    assert dict(store) == before
    root.create_group("b")
    assert list(root) == ["a", "b"]


@pytest.mark.parametrize("order", ["c", "", "FC", [1], None])
def test_other_orders_are_refused(order):
    codecs = [{"name": "transpose", "configuration": {"order": order}}, LITTLE]
    with pytest.raises(zarrcy.MetadataError, match=r"codecs\[0\].configuration.order"):
        zarrcy.open_array(v3(codecs=codecs), mode="r")


@pytest.mark.parametrize("fill", [2, -1, 0.5, "0", "false", []])
def test_other_fill_values_of_booleans_are_refused(fill):
    with pytest.raises(zarrcy.MetadataError, match="fill_value"):
        zarrcy.open_array(v3(data_type="bool", fill_value=fill, codecs=["bytes"]), mode="r")


@pytest.mark.parametrize(
    ("data_type", "codecs", "value"),
    [
        ("bool", ["bytes"], False),
        ("int8", ["bytes"], 0),
        ("float64", [LITTLE], 0.0),
        ("complex64", [LITTLE], 0j),
        ("string", ["vlen-utf8"], ""),
        ("variable_length_bytes", ["vlen-bytes"], b""),
        ("r16", ["bytes"], b"\0\0"),
    ],
)
def test_null_is_zero_for_each_data_type_of_format_3(data_type, codecs, value):
    array = zarrcy.open_array(v3(data_type=data_type, fill_value=None, codecs=codecs), mode="r")
    fill = array.fill_value.tobytes() if data_type == "r16" else array.fill_value
    assert fill == value
    assert array[0, 0] == array.fill_value
