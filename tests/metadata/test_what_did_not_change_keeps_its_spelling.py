"""A change of an array or its attributes leaves all other members as another writer spelled and ordered them."""

import json

import numpy as np
import pytest

import zarrcy

V2 = {
    "zarr_format": 2,
    "written_by": {"name": "é", "at": [1, {"z": 1, "a": 2}]},
    "shape": [4, 2],
    "order": "C",
    "fill_value": 0,
    "filters": None,
    "dtype": "|u1",
    "compressor": None,
    "chunks": [2, 2],
}
V2_SPELLINGS = [
    {"filters": [{"id": "delta", "dtype": "u1"}]},
    {"filters": [{"dtype": "<u1", "id": "delta"}], "dtype": "<u1"},
    {"filters": []},
    {"filters": [{"id": "shuffle", "elementsize": "1"}]},
    {"compressor": {"id": "zlib"}},
    {"compressor": {"id": "zlib", "level": "5"}},
    {"compressor": {"id": "gzip", "level": 5, "useZlib": False}},
    {"compressor": {"id": "zstd", "level": 3, "nbWorkers": 0}},
    {"compressor": {"shuffle": "BIT", "id": "blosc", "clevel": 5, "cname": "lz4"}},
    {"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "nthreads": 1}},
    {"fill_value": "0"},
    {"fill_value": None},
    {"fill_value": 7.0},
    {"fill_value": [7]},
    {"dtype": "f8", "fill_value": -0.0},
    {"dtype": "<f8", "fill_value": "NaN"},
    {"dtype": "<M8[s]", "fill_value": "NaT"},
    {"dtype": "<U3", "fill_value": "é"},
    {"dtype": [["x", "i4", 2]], "fill_value": None},
    {"dimension_separator": None},
    {"dimension_separator": "/"},
]
V3 = {
    "node_type": "array",
    "fill_value": 0,
    "_é": {"must_understand": False, "z": 1, "a": "é"},
    "zarr_format": 3,
    "data_type": "int32",
    "shape": [4, 2],
    "chunk_key_encoding": {"name": "default"},
    "codecs": [{"configuration": {"endian": "little"}, "name": "bytes"}],
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 2]}},
}
V3_SPELLINGS = [
    {},
    {"fill_value": None},
    {"fill_value": 7.0},
    {"data_type": "float32", "fill_value": "0x7fc00001"},
    {"data_type": "bool", "fill_value": 0, "codecs": ["bytes"]},
    {"data_type": "string", "fill_value": None, "codecs": ["vlen-utf8"]},
    {"data_type": {"name": "int32"}},
    {"attributes": None},
    {"attributes": {"z": 1, "a": "é"}},
    {"storage_transformers": []},
    {"dimension_names": None},
    {"codecs": [{"name": "endian", "configuration": {"endian": "little"}}, {"name": "gzip"}]},
    {
        "codecs": [
            {"name": "transpose", "configuration": {"order": "F"}},
            {"name": "bytes", "configuration": {"endian": "little"}},
        ]
    },
]
CHANGES = {
    "resize": lambda array: array.resize(6, 2),
    "append": lambda array: array.append(np.zeros((2, 2), array.dtype)),
    "shrink": lambda array: array.resize(2, 2),
    "append and shrink again": lambda array: (
        array.append(np.zeros((2, 2), array.dtype)),
        array.resize(4, 2),
    ),
}
ROWS = [(".zarray", V2 | members) for members in V2_SPELLINGS]
ROWS += [("zarr.json", V3 | members) for members in V3_SPELLINGS]


def name_of(value):
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value


def text_of(document):
    return json.dumps(document, ensure_ascii=False)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize(("key", "document"), ROWS, ids=name_of)
def test_a_change_of_the_shape_changes_the_shape_only(key, document, change):
    store = {key: text_of(document).encode()}
    array = zarrcy.open_array(store, mode="r+")
    CHANGES[change](array)
    # the order and the types of all values count
    assert text_of(json.loads(store[key])) == text_of({**document, "shape": list(array.shape)})
    assert "\\u" not in store[key].decode()
    again = zarrcy.open_array(store, mode="r")
    assert again.shape == array.shape
    assert again.dtype == array.dtype


@pytest.mark.parametrize(("key", "document"), [(".zarray", V2), ("zarr.json", V3)], ids=name_of)
def test_a_change_of_the_fill_value_changes_the_fill_value_only(key, document):
    store = {key: text_of(document).encode()}
    zarrcy.open_array(store, mode="r+").fill_value = 5
    assert text_of(json.loads(store[key])) == text_of({**document, "fill_value": 5})


@pytest.mark.parametrize(("key", "document"), ROWS, ids=name_of)
def test_a_change_of_an_attribute_changes_the_attribute_only(key, document):
    store = {key: text_of(document).encode()}
    array = zarrcy.open_array(store, mode="r+")
    array.attrs["new"] = "ü"
    if key == ".zarray":
        assert store[key] == text_of(document).encode()
        return
    attributes = {**(document.get("attributes") or {}), "new": "ü"}
    assert text_of(json.loads(store[key])) == text_of({**document, "attributes": attributes})


@pytest.mark.parametrize("length", [0, 3, 5])
@pytest.mark.parametrize(
    ("key", "document"),
    [
        (".zarray", {**V2, "shape": [4, 0], "chunks": [2, 0]}),
        (
            "zarr.json",
            {
                **V3,
                "shape": [4, 0],
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 0]}},
            },
        ),
    ],
    ids=name_of,
)
def test_an_axis_that_gets_elements_gets_chunks_too(key, document, length):
    store = {key: text_of(document).encode()}
    array = zarrcy.open_array(store, mode="r+")
    array.resize(4, length)
    again = zarrcy.open_array(store, mode="r+")
    assert again.shape == (4, length)
    again[...] = 1
    assert int(again[...].sum()) == 4 * length


ATTRIBUTES = {
    "sorted": {"a": "é", "b": {"c": 1, "d": [{"e": 2}]}},
    "unsorted": {"z": "é", "b": 1},
    "unsorted inside": {"a": {"z": 1, "b": "日本"}},
    "none": {},
}


@pytest.mark.parametrize("attributes", ATTRIBUTES.values(), ids=ATTRIBUTES)
@pytest.mark.parametrize("kind", ["group", "array", "v3 group", "v3 array"])
def test_attributes_keep_their_order_and_are_utf_8(kind, attributes):
    zarr_format = 3 if "v3" in kind else 2
    store = {}
    if "array" in kind:
        node = zarrcy.create(2, store=store, zarr_format=zarr_format)
    else:
        node = zarrcy.group(store, zarr_format=zarr_format)
    key = "zarr.json" if zarr_format == 3 else ".zattrs"
    if zarr_format == 3:
        store[key] = text_of({**json.loads(store[key]), "attributes": attributes}).encode()
    else:
        store[key] = text_of(attributes).encode()
    node.attrs.refresh()
    node.attrs["zz"] = "ü"
    stored = json.loads(store[key])
    stored = stored["attributes"] if zarr_format == 3 else stored
    assert text_of(stored) == text_of({**attributes, "zz": "ü"})
    assert "\\u" not in store[key].decode()
    del node.attrs["zz"]
    stored = json.loads(store[key])
    assert text_of(stored["attributes"] if zarr_format == 3 else stored) == text_of(attributes)


def test_sorted_attributes_stay_sorted_as_zarr_python_2_writes_them():
    store = {}
    group = zarrcy.group(store)
    group.attrs.update(b=1, c={"z": 1, "a": 2})
    group.attrs["a"] = 0
    expected = json.dumps({"a": 0, "b": 1, "c": {"a": 2, "z": 1}}, indent=4)
    assert store[".zattrs"].decode() == expected


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize(
    "text", ["é", "日本", "\u2028", "😀", "\x00\x7f", "\ud800", "a\udfff😀", '"\\'], ids=ascii
)
def test_documents_are_utf_8_and_hold_every_text(zarr_format, text):
    store = {}
    group = zarrcy.group(store, zarr_format=zarr_format)
    group.attrs[text] = [text]
    group.create("a", shape=2, attributes={text: {text: text}})
    is_text = not any("\ud800" <= letter <= "\udfff" for letter in text)
    zarrcy.consolidate_metadata(store)
    for document in store.values():
        assert not (is_text and "\\ud" in bytes(document).decode())
    for opened in (zarrcy.open_group(store, mode="r"), zarrcy.open_consolidated(store, mode="r")):
        assert dict(opened.attrs) == {text: [text]}
        assert dict(opened["a"].attrs) == {text: {text: text}}


@pytest.mark.parametrize("ensure_ascii", [False, True])
def test_text_that_was_escaped_stays_escaped(ensure_ascii):
    document = {**V2, "dtype": "<U2", "fill_value": "é😀"}
    store = {".zarray": json.dumps(document, ensure_ascii=ensure_ascii).encode()}
    zarrcy.open_array(store, mode="r+").resize(6, 2)
    assert json.loads(store[".zarray"]) == {**document, "shape": [6, 2]}
    assert bytes(store[".zarray"]).isascii() is ensure_ascii


def test_n5_documents_keep_members_and_their_spelling(tmp_path):
    document = {
        "blockSize": [2, 2],
        "compression": {"level": 3, "nbWorkers": 0, "type": "zstd"},
        "dataType": "uint8",
        "dimensions": [2, 4],
        "n5": "4.0.0",
        "unit": "é",
    }
    (tmp_path / "attributes.json").write_text(json.dumps(document, indent=1, ensure_ascii=False), "utf-8")
    array = zarrcy.open_array(zarrcy.N5Store(tmp_path), mode="r+")
    array.resize(6, 2)
    array.attrs["ü"] = 1
    written = (tmp_path / "attributes.json").read_text("utf-8")
    assert json.loads(written) == {**document, "dimensions": [2, 6], "ü": 1}
    assert "\\u" not in written
