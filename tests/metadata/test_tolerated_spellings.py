"""Each tolerated spelling is read like the form that zarrcy writes, and each ambiguous spelling is refused."""

import json
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from documents_v3 import PLAIN

import zarrcy
from zarrcy.errors import MetadataError
from zarrcy.metadata import tolerated_spellings as table

PAGE = Path(__file__).parents[2] / "docs" / "tolerated-spellings.md"
V2_ARRAY = {
    "zarr_format": 2,
    "shape": [4, 6],
    "chunks": [2, 3],
    "dtype": "<i4",
    "compressor": None,
    "fill_value": 7,
    "filters": None,
    "order": "C",
}
BASES = {
    (2, "array"): (".zarray", V2_ARRAY),
    (3, "array"): ("zarr.json", PLAIN),
    (3, "group"): ("zarr.json", {"zarr_format": 3, "node_type": "group", "attributes": {}}),
}
ROWS = [(2, row) for row in table.V2] + [(3, row) for row in table.V3]
REFUSED = [(2, row) for row in table.V2_REFUSED] + [(3, row) for row in table.V3_REFUSED]


def name_of(value):
    return (
        json.dumps(dict(value.spelling), default=lambda missing: "missing")
        if hasattr(value, "spelling")
        else None
    )


def store_of(format_number, kind, context, members):
    key, base = BASES[format_number, kind]
    document = {**base, **context, **members}
    document = {name: value for name, value in document.items() if value is not table.MISSING}
    return {key: json.dumps(document).encode()}


def test_the_table_has_the_fields_that_a_reader_needs():
    assert {field.name for field in fields(table.Spelling)} == {
        "kind",
        "spelling",
        "meaning",
        "writer",
        "context",
    }
    assert all(row.writer for _, row in ROWS)
    assert all(row.reason for _, row in REFUSED)


@pytest.mark.parametrize(("format_number", "row"), ROWS, ids=name_of)
def test_a_tolerated_spelling_is_read_as_its_meaning(format_number, row):
    stores = [
        store_of(format_number, row.kind, row.context, members) for members in (row.spelling, row.meaning)
    ]
    if row.kind == "group":
        tolerated, plain = (zarrcy.open_group(store, mode="r") for store in stores)
        assert dict(tolerated.attrs) == dict(plain.attrs)
        assert list(tolerated) == list(plain)
        return
    tolerated, plain = (zarrcy.open_array(store, mode="r") for store in stores)
    for name in ("shape", "chunks", "shards", "dtype", "order", "dimension_names"):
        assert getattr(tolerated, name) == getattr(plain, name), name
    assert dict(tolerated.attrs) == dict(plain.attrs)
    assert repr(tolerated.fill_value) == repr(plain.fill_value)
    values = np.full(plain.shape, plain.fill_value, plain.dtype) if plain.fill_value is not None else None
    if values is None or 0 in plain.shape:
        return
    # what is written with one document is read with the other
    writable = zarrcy.open_array(stores[0], mode="r+", write_empty_chunks=True)
    writable[...] = values
    chunks = {key: value for key, value in stores[0].items() if key not in (".zarray", "zarr.json")}
    stores[1].update(chunks)
    np.testing.assert_array_equal(zarrcy.open_array(stores[1], mode="r")[...], tolerated[...])


@pytest.mark.parametrize(("format_number", "row"), REFUSED, ids=name_of)
def test_a_spelling_with_two_meanings_is_refused_with_its_key(format_number, row):
    store = store_of(format_number, "array", row.context, row.spelling)
    with pytest.raises(MetadataError, match=r"\.zarray|zarr\.json"):
        zarrcy.open_array(store, mode="r")


def test_the_documentation_shows_the_table():
    if not PAGE.parent.exists():
        pytest.skip("there is no source tree")
    assert PAGE.read_text() == table.markdown(), (
        "write the page again: python -m zarrcy.metadata.tolerated_spellings > docs/tolerated-spellings.md"
    )
