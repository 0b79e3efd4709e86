"""The tolerated spellings of metadata documents, with the writers that produce them.

Reading is liberal and writing is conservative: a spelling is read if a known writer has produced it, or if it can
have one meaning only. A spelling with two possible meanings is refused. ``tests/metadata/test_tolerated_spellings.py``
reads each row of the tables; ``python -m zarrcy.metadata.tolerated_spellings`` prints them for the documentation.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from zarrcy.types import JSON

NO_WRITER = "none known; there is one possible meaning"
_SPEC_3 = "allowed by the core specification 3.1"
_BYTES: JSON = {"name": "bytes", "configuration": {"endian": "little"}}
_BLOSC: Mapping[str, JSON] = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "blocksize": 0}
_STRING: Mapping[str, JSON] = {"data_type": "string", "codecs": ["vlen-utf8"]}
_VARIABLE_BYTES: Mapping[str, JSON] = {"data_type": "variable_length_bytes", "codecs": ["vlen-bytes"]}
_STRUCT: JSON = {
    "name": "struct",
    "configuration": {"fields": [{"name": "x", "data_type": "int8"}, {"name": "y", "data_type": "int16"}]},
}
_INDEX_CODECS: list[JSON] = [_BYTES, {"name": "crc32c"}]


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """One tolerated spelling.

    Attributes
    ----------
    kind : str
        The document: "array" or "group".
    spelling : Mapping
        Members of a document as a writer spells them; `MISSING` for a member that is left out.
    meaning : Mapping
        The same members in the form that has the same meaning, and that zarrcy writes.
    writer : str
        The writer that produces the spelling.
    context : Mapping
        Other members that the example needs.
    """

    kind: str = "array"
    spelling: Mapping[str, JSON]
    meaning: Mapping[str, JSON]
    writer: str
    context: Mapping[str, JSON] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Refused:
    """One spelling that is refused, because it has two possible meanings.

    Attributes
    ----------
    spelling, context : Mapping
        As in `Spelling`.
    reason : str
        The possible meanings.
    """

    spelling: Mapping[str, JSON]
    reason: str
    context: Mapping[str, JSON] = field(default_factory=dict)


MISSING = object()
"""Stands for a member that a document leaves out."""

V2 = (
    Spelling(
        spelling={"filters": []},
        meaning={"filters": None},
        writer="early zarr-python 3 (#2842), early zarrs (#147), n5-zarr (#51), VirtualiZarr (#695)",
    ),
    Spelling(spelling={"filters": MISSING}, meaning={"filters": None}, writer=NO_WRITER),
    Spelling(spelling={"compressor": MISSING}, meaning={"compressor": None}, writer=NO_WRITER),
    Spelling(
        spelling={"fill_value": MISSING},
        meaning={"fill_value": None},
        writer="netcdf-c before the fix of its issue #2059",
    ),
    Spelling(spelling={"order": MISSING}, meaning={"order": "C"}, writer=NO_WRITER),
    Spelling(
        spelling={"dimension_separator": MISSING},
        meaning={"dimension_separator": "."},
        writer="zarr-python 2 by default; optional in the specification. A store may prefer another separator",
    ),
    Spelling(
        spelling={"chunks": [2, 0]},
        meaning={"chunks": [2, 1]},
        context={"shape": [4, 0]},
        writer="zarr-python, for an axis without elements",
    ),
    Spelling(
        spelling={"fill_value": 0},
        meaning={"fill_value": ""},
        context={"dtype": "|S3"},
        writer="early zarr-python 2",
    ),
    Spelling(
        spelling={"fill_value": "a"},
        meaning={"fill_value": "YQ=="},
        context={"dtype": "|S3"},
        writer="early zarr-python 2, which wrote the text itself; text that is valid base64 is read as base64",
    ),
    Spelling(
        spelling={"fill_value": 0},
        meaning={"fill_value": "AAAA"},
        context={"dtype": "|V3"},
        writer="early zarr-python 2",
    ),
    Spelling(
        spelling={"fill_value": 0},
        meaning={"fill_value": False},
        context={"dtype": "|b1"},
        writer="zarr-python 2, for a fill value given as a number",
    ),
    Spelling(
        spelling={"fill_value": 7.0},
        meaning={"fill_value": 7},
        writer="writers with one type of numbers, such as those in JavaScript",
    ),
    Spelling(
        spelling={"fill_value": "0"},
        meaning={"fill_value": 0},
        writer="bioformats2raw, jzarr, n5-zarr (most OME-Zarr images), GDAL",
    ),
    Spelling(
        spelling={"fill_value": "18446744073709551615"},
        meaning={"fill_value": 2**64 - 1},
        context={"dtype": "<u8"},
        writer="GDAL, jzarr: JSON readers round large numbers",
    ),
    Spelling(
        spelling={"fill_value": "-1.5"},
        meaning={"fill_value": -1.5},
        context={"dtype": "<f4"},
        writer="jzarr, n5-zarr",
    ),
    Spelling(spelling={"fill_value": [7]}, meaning={"fill_value": 7}, writer="netcdf-c"),
    Spelling(
        spelling={"fill_value": "NaT"},
        meaning={"fill_value": -(2**63)},
        context={"dtype": "<M8[s]"},
        writer="zarr-python 3.0",
    ),
    Spelling(
        spelling={"dimension_separator": None},
        meaning={"dimension_separator": "."},
        writer="writers that store null for optional members; as if the member were missing",
    ),
    Spelling(
        spelling={"shape": [4.0, 6.0], "chunks": [2.0, 3.0]},
        meaning={"shape": [4, 6], "chunks": [2, 3]},
        writer="writers with one type of numbers, such as those in R; as in Zarr v3",
    ),
    Spelling(
        spelling={"shape": 4, "chunks": 2},
        meaning={"shape": [4], "chunks": [2]},
        writer="none known; zarr-python 2 reads it",
    ),
    Spelling(
        spelling={"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": "BIT"}},
        meaning={"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 2}},
        writer="GDAL; also NONE (0) and BYTE (1)",
    ),
    Spelling(
        spelling={"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "nthreads": 1}},
        meaning={"compressor": {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1}},
        writer="jzarr; n5-zarr writes `numThreads`",
    ),
    Spelling(
        spelling={"compressor": {"id": "zstd", "level": 3, "nbWorkers": 0}},
        meaning={"compressor": {"id": "zstd", "level": 3}},
        writer="n5-zarr",
    ),
    Spelling(
        spelling={"compressor": {"id": "gzip", "level": 5, "useZlib": False}},
        meaning={"compressor": {"id": "gzip", "level": 5}},
        writer="n5-zarr",
    ),
    Spelling(
        spelling={"compressor": {"id": "lzma", "preset": 6, "delta": 1}},
        meaning={"compressor": {"id": "lzma", "preset": 6}},
        writer="GDAL: a plain .xz stream, which states its filters",
    ),
    Spelling(
        spelling={"dtype": [["x", "<i4", 2]]},
        meaning={"dtype": [["x", "<i4", [2]]]},
        context={"fill_value": None},
        writer=NO_WRITER,
    ),
    Spelling(
        spelling={"filters": [{"id": "shuffle", "elementsize": 0}]},
        meaning={"filters": [{"id": "shuffle", "elementsize": 4}]},
        writer="netcdf-c 4.10: the size of the elements at this point of the pipeline",
    ),
    Spelling(
        spelling={"filters": [{"id": "shuffle", "elementsize": "4"}]},
        meaning={"filters": [{"id": "shuffle", "elementsize": 4}]},
        writer="netcdf-c; each number among the parameters of a codec may be text",
    ),
    Spelling(
        spelling={"compressor": {"id": "zlib", "level": "5"}},
        meaning={"compressor": {"id": "zlib", "level": 5}},
        writer="netcdf-c",
    ),
    Spelling(
        spelling={"written_by": "a writer"},
        meaning={},
        writer="netcdf-c (`_NCZARR_ARRAY`); members outside of the specification are kept and ignored",
    ),
)

V3 = (
    Spelling(spelling={"data_type": {"name": "int32"}}, meaning={"data_type": "int32"}, writer=_SPEC_3),
    Spelling(
        spelling={"data_type": "complex_float32"},
        meaning={"data_type": "complex64"},
        context={"fill_value": [0, 0]},
        writer="registered alias (zarr-extensions)",
    ),
    Spelling(
        spelling={"data_type": "bytes"},
        meaning={"data_type": "variable_length_bytes"},
        context={"fill_value": "", "codecs": ["vlen-bytes"]},
        writer="zarrs, zarr-python 3.0; zarr-python 3.1 writes the other name",
    ),
    Spelling(
        spelling={
            "data_type": {
                "name": "structured",
                "configuration": {"fields": [["x", "int8"], ["y", "int16"]]},
            }
        },
        meaning={"data_type": _STRUCT},
        context={"fill_value": "AAAA"},
        writer="zarr-python 3.1",
    ),
    Spelling(
        spelling={"fill_value": "AQIA"},
        meaning={"fill_value": {"x": 1, "y": 2}},
        context={"data_type": _STRUCT},
        writer="zarr-python 3.1: the bytes of an element in base64, little-endian",
    ),
    Spelling(
        spelling={"fill_value": 0},
        meaning={"fill_value": {"x": 0, "y": 0}},
        context={"data_type": _STRUCT},
        writer="zarr-python 3, for a fill value given as 0",
    ),
    Spelling(
        spelling={"fill_value": []},
        meaning={"fill_value": ""},
        context=_STRING,
        writer="zarr-python 3.0",
    ),
    Spelling(
        spelling={"fill_value": 0},
        meaning={"fill_value": ""},
        context=_STRING,
        writer="early versions of zarr-python 3",
    ),
    Spelling(
        spelling={"fill_value": 0},
        meaning={"fill_value": ""},
        context=_VARIABLE_BYTES,
        writer="early versions of zarr-python 3",
    ),
    Spelling(
        spelling={"fill_value": [1, 2]},
        meaning={"fill_value": "AQI="},
        context=_VARIABLE_BYTES,
        writer="zarrs; allowed by the data type's specification",
    ),
    Spelling(
        spelling={"fill_value": "NaT"},
        meaning={"fill_value": -(2**63)},
        context={
            "data_type": {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 1}}
        },
        writer="allowed by the data type's specification",
    ),
    Spelling(
        spelling={"fill_value": 7.0},
        meaning={"fill_value": 7},
        writer="writers with one type of numbers, such as those in JavaScript",
    ),
    Spelling(
        spelling={"fill_value": None},
        meaning={"fill_value": 0},
        writer="GDAL 3.12, zarrita.js: zero, as in v2",
    ),
    Spelling(
        spelling={"fill_value": None},
        meaning={"fill_value": ""},
        context=_STRING,
        writer="zarrita.js",
    ),
    Spelling(
        spelling={"fill_value": 0},
        meaning={"fill_value": False},
        context={"data_type": "bool", "codecs": ["bytes"]},
        writer="GDAL: 0 or 1",
    ),
    Spelling(
        spelling={
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 0]}},
        },
        meaning={"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 1]}}},
        context={"shape": [4, 0]},
        writer="zarr-python, for an axis without elements",
    ),
    Spelling(
        spelling={"fill_value": "18446744073709551615"},
        meaning={"fill_value": 18446744073709551615},
        context={"data_type": "uint64"},
        writer="none known; as in Zarr v2",
    ),
    Spelling(
        spelling={"chunk_key_encoding": {"name": "default", "configuration": None}},
        meaning={"chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}},
        writer="writers that store null for optional members",
    ),
    Spelling(
        spelling={"chunk_key_encoding": {"name": "default"}},
        meaning={"chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}},
        writer="tensorstore",
    ),
    Spelling(
        spelling={"chunk_key_encoding": "v2"},
        meaning={"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "."}}},
        writer=_SPEC_3,
    ),
    Spelling(
        spelling={"codecs": [_BYTES, "crc32c"]},
        meaning={"codecs": [_BYTES, {"name": "crc32c"}]},
        writer="early zarrs; allowed by the core specification 3.1",
    ),
    Spelling(
        spelling={"codecs": [{"name": "endian", "configuration": {"endian": "big"}}]},
        meaning={"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]},
        writer="writers of drafts of the core specification",
    ),
    Spelling(
        spelling={"codecs": []},
        meaning={"codecs": [_BYTES]},
        writer="early zarrita (Python), for elements in little-endian order",
    ),
    Spelling(
        spelling={"codecs": MISSING},
        meaning={"codecs": [_BYTES]},
        writer="GDAL before 3.11",
    ),
    Spelling(
        spelling={"codecs": [{"name": "gzip", "configuration": {"level": 6}}]},
        meaning={"codecs": [_BYTES, {"name": "gzip", "configuration": {"level": 6}}]},
        writer="GDAL before 3.11",
    ),
    Spelling(
        spelling={
            "codecs": [
                {"name": "transpose", "configuration": {"order": "F"}},
                {"name": "gzip", "configuration": {"level": 6}},
            ]
        },
        meaning={
            "codecs": [
                {"name": "transpose", "configuration": {"order": [1, 0]}},
                _BYTES,
                {"name": "gzip", "configuration": {"level": 6}},
            ]
        },
        writer="GDAL before 3.11",
    ),
    Spelling(
        spelling={"codecs": [{"name": "transpose", "configuration": {"order": "F"}}, _BYTES]},
        meaning={"codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, _BYTES]},
        writer="GDAL, WEBKNOSSOS; the spelling of a draft, which tensorstore reads too",
    ),
    Spelling(
        spelling={"codecs": [{"name": "transpose", "configuration": {"order": "C"}}, _BYTES]},
        meaning={"codecs": [_BYTES]},
        writer="GDAL, WEBKNOSSOS",
    ),
    Spelling(
        spelling={"codecs": [{"name": "bytes", "configuration": {"endian": None}}]},
        meaning={"codecs": [{"name": "bytes"}]},
        context={"data_type": "int8"},
        writer="writers that store null for optional members",
    ),
    Spelling(
        spelling={"codecs": [_BYTES, {"name": "crc32c", "configuration": None}]},
        meaning={"codecs": [_BYTES, {"name": "crc32c"}]},
        writer="writers that store null for optional members",
    ),
    Spelling(
        spelling={"codecs": [_BYTES, {"name": "blosc", "configuration": {**_BLOSC, "typesize": 0}}]},
        meaning={"codecs": [_BYTES, {"name": "blosc", "configuration": {**_BLOSC, "typesize": 4}}]},
        writer="none known; a frame states the size itself",
    ),
    Spelling(
        spelling={"codecs": [_BYTES, {"name": "blosc", "configuration": _BLOSC}]},
        meaning={"codecs": [_BYTES, {"name": "blosc", "configuration": {**_BLOSC, "typesize": 4}}]},
        writer="early zarrita (Python); a frame states the size itself",
    ),
    Spelling(
        spelling={"codecs": [_BYTES, {"name": "gzip"}]},
        meaning={"codecs": [_BYTES, {"name": "gzip", "configuration": {"level": 1}}]},
        writer=NO_WRITER,
    ),
    Spelling(
        spelling={"codecs": [_BYTES, {"name": "zstd", "configuration": {"level": 3}}]},
        meaning={"codecs": [_BYTES, {"name": "zstd", "configuration": {"level": 3, "checksum": False}}]},
        writer="tensorstore; the checksum is optional in the codec's specification",
    ),
    Spelling(
        spelling={"codecs": [_BYTES, {"name": "zlib", "configuration": {"level": 3}}]},
        meaning={"codecs": [_BYTES, {"name": "numcodecs.zlib", "configuration": {"level": 3}}]},
        writer="zarrs, for codecs of numcodecs",
    ),
    Spelling(
        spelling={"codecs": [_BYTES, {"name": "numcodecs.shuffle", "configuration": {"elementsize": 0}}]},
        meaning={"codecs": [_BYTES, {"name": "numcodecs.shuffle", "configuration": {"elementsize": 4}}]},
        writer="none known; as in Zarr v2",
    ),
    Spelling(
        spelling={"codecs": [_BYTES, {"name": "gzip", "configuration": {"level": "5"}}]},
        meaning={"codecs": [_BYTES, {"name": "gzip", "configuration": {"level": 5}}]},
        writer="none known; as in Zarr v2",
    ),
    Spelling(
        spelling={"codecs": [{"name": "numcodecs.delta"}, _BYTES]},
        meaning={"codecs": [{"name": "numcodecs.delta", "configuration": {"dtype": "<i4"}}, _BYTES]},
        writer="zarr-python 3, which adds the data type of the array when it reads",
    ),
    Spelling(
        spelling={"codecs": [_BYTES, {"name": "numcodecs.crc32c", "configuration": {"location": "end"}}]},
        meaning={"codecs": [_BYTES, {"name": "crc32c"}]},
        writer="zarr-python 3, for the codec of numcodecs",
    ),
    Spelling(
        spelling={
            "codecs": [
                {
                    "name": "sharding_indexed",
                    "configuration": {
                        "chunk_shape": [1, 1],
                        "codecs": [_BYTES],
                        "index_codecs": _INDEX_CODECS,
                    },
                }
            ]
        },
        meaning={
            "codecs": [
                {
                    "name": "sharding_indexed",
                    "configuration": {
                        "chunk_shape": [1, 1],
                        "codecs": [_BYTES],
                        "index_codecs": _INDEX_CODECS,
                        "index_location": "end",
                    },
                }
            ]
        },
        writer="writers of version 1.0 of the codec, before `index_location` was added",
    ),
    Spelling(
        spelling={"dimension_names": None}, meaning={"dimension_names": MISSING}, writer="zarr-python 3.0"
    ),
    Spelling(spelling={"attributes": MISSING}, meaning={"attributes": {}}, writer="tensorstore"),
    Spelling(spelling={"attributes": None}, meaning={"attributes": {}}, writer="early writers of v3"),
    Spelling(
        spelling={"storage_transformers": []},
        meaning={"storage_transformers": MISSING},
        writer="zarr-python 3",
    ),
    Spelling(
        spelling={"storage_transformers": None},
        meaning={"storage_transformers": MISSING},
        writer="writers that store null for optional members",
    ),
    Spelling(
        spelling={"_zarrs": {"must_understand": False}},
        meaning={},
        writer="zarrs; optional members are kept and ignored",
    ),
    Spelling(
        kind="group",
        spelling={"consolidated_metadata": None},
        meaning={"consolidated_metadata": MISSING},
        writer="zarr-python 3.0.0 to 3.1.3 (zarr-python #3535)",
    ),
    Spelling(
        kind="group", spelling={"attributes": None}, meaning={"attributes": {}}, writer="early writers of v3"
    ),
)

V2_REFUSED = (
    Refused(spelling={"dtype": "int32, float32"}, reason="a structure, or two alternatives"),
    Refused(spelling={"dtype": "|S"}, reason="the length of an element is unknown"),
    Refused(spelling={"dtype": "<M8"}, reason="the unit of time is unknown"),
    Refused(
        spelling={"fill_value": "Bw=="}, reason="base64 is the form of bytes only, and it is not a number"
    ),
)

V3_REFUSED = (
    Refused(spelling={"codecs": ["bytes"]}, reason="elements of several bytes in either byte order"),
    Refused(spelling={"more": None}, reason="a member that must be understood, or an optional one"),
)


def _example(members: Mapping[str, JSON]) -> str:
    parts = [
        f"no `{name}`" if value is MISSING else f"`{json.dumps(name)}: {json.dumps(value)}`"
        for name, value in members.items()
    ]
    return ", ".join(parts) or "ignored"


def _context(members: Mapping[str, JSON]) -> str:
    return f" (with {_example(members)})" if members else ""


def markdown() -> str:
    """Return the page of the documentation that shows the tables."""
    lines = [
        "# Tolerated spellings",
        "",
        "zarrcy reads metadata liberally and writes them conservatively. It reads a spelling if a known writer has",
        "produced it, or if it can have one meaning only. It refuses a spelling with two possible meanings: the error",
        "names the key, the member and the value. A member that was read in a tolerated spelling is written again as",
        "it was, unless the array changes in that member.",
        "",
        "This page is made from `zarrcy/metadata/tolerated_spellings.py`; a test reads each row.",
    ]
    for title, spellings, refused in (
        ("Zarr v2", V2, V2_REFUSED),
        ("Zarr v3", V3, V3_REFUSED),
    ):
        lines += ["", f"## {title}", "", "| document | spelling | read as | writer |", "|---|---|---|---|"]
        lines += [
            f"| {row.kind} | {_example(row.spelling)}{_context(row.context)} | {_example(row.meaning)} "
            f"| {row.writer} |"
            for row in spellings
        ]
        lines += ["", f"Refused in {title}:", "", "| spelling | possible meanings |", "|---|---|"]
        lines += [f"| {_example(row.spelling)}{_context(row.context)} | {row.reason} |" for row in refused]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    print(markdown(), end="")
