"""Metadata documents of Zarr v3 arrays, and arrays with these documents."""

import json

import zarrcy

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
PLAIN = {
    "zarr_format": 3,
    "node_type": "array",
    "shape": [4, 6],
    "data_type": "int32",
    "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 3]}},
    "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
    "fill_value": 7,
    "codecs": [LITTLE],
    "attributes": {"u": 1},
}


def text(**changes):
    """Return the document of a plain array with changed members."""
    return json.dumps({**PLAIN, **changes}).encode()


def opened(**changes):
    """Open the array of a plain document with changed members."""
    return zarrcy.open_array({"zarr.json": text(**changes)}, mode="r+")


def document(array):
    """Return the stored document of an array, parsed."""
    return json.loads(array.store["zarr.json"])
