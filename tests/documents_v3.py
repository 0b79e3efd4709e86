"""Documents of arrays in Zarr v3, and arrays that have them."""

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
    """Return the document of a plain array with some members changed."""
    return json.dumps({**PLAIN, **changes}).encode()


def opened(**changes):
    """Open the array of such a document."""
    return zarrcy.open_array({"zarr.json": text(**changes)}, mode="r+")


def document(array):
    """Return the members of the document of an array, as it is stored."""
    return json.loads(array.store["zarr.json"])
