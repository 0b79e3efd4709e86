"""The same calls write the same keys and bytes as with zarr-python 2."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest

from .cases import Case, matrix, of_objects, with_filters
from .left_out import NOT_CHANGED, NOT_CREATED, NOT_READ, exchanges
from .peers import Zarr2, Zarrcy

CASES = [case for case in [*matrix(), *with_filters(), *of_objects()] if "msgpack2" not in str(case)]
each_case = pytest.mark.parametrize(
    "case",
    [
        pytest.param(param.values[1], id=str(param.values[1]))
        for param in exchanges(CASES, NOT_READ, NOT_CHANGED, NOT_CREATED, peers=("zarr2",))
    ],
)
# The bytes of these compressors depend on their version, which may differ between the environments.
VERSIONED = {"blosc", "zstd", "lz4", "zlib", "gzip"}
SIMPLE = Case(np.dtype("<i4"), (5, 4), (2, 3), fill=7)


def files_of(place: Path) -> dict[str, bytes]:
    return {
        path.relative_to(place).as_posix(): path.read_bytes() for path in place.rglob("*") if path.is_file()
    }


def comparable(key: str, value: bytes, compressor: Any) -> Any:
    """Return the part of a stored value that must be the same."""
    kind = compressor["id"] if compressor else None
    if key == ".zarray" and kind == "zstd":
        # zarrcy omits only this member, because tensorstore rejects it
        document = json.loads(value)
        assert (document["compressor"] or {}).pop("checksum", False) is False
        return document
    if key.startswith("."):
        return value
    if kind in VERSIONED:
        return bytes(numcodecs.get_codec(dict(compressor)).decode(value))
    return value


def in_utf_8(key: str, document: bytes) -> bytes:
    """Return attributes of zarr-python 2, which escapes them, as zarrcy writes them; other values as they are."""
    if key.rsplit("/", 1)[-1] not in (".zattrs", ".zmetadata"):
        return document
    return json.dumps(json.loads(document), indent=4, ensure_ascii=False).encode()


def assert_same_files(ours: Path, theirs: Path, compressor: Any = None) -> None:
    actual, expected = files_of(ours), files_of(theirs)
    assert sorted(actual) == sorted(expected)
    for key in sorted(actual):  # documents come first
        theirs_now = in_utf_8(key, expected[key])
        assert comparable(key, actual[key], compressor) == comparable(key, theirs_now, compressor), key


@each_case
def test_a_new_array_and_its_chunks_have_the_same_files(
    ours: Zarrcy, zarr2: Zarr2, case: Case, place: Path
) -> None:
    for side, folder in ((ours, place / "ours"), (zarr2, place / "theirs")):
        side.create(folder, case)
        side.write(folder, case.half, case.values(1)[*case.half, ...])
        side.write(folder, case.middle, case.values(2)[*case.middle, ...])
    # arrays without axes are not compressed
    assert_same_files(place / "ours", place / "theirs", case.compressor if case.shape else None)


# Without a separator, zarr-python 2 adds the default one when it rewrites a document; zarrcy does not.
@pytest.mark.parametrize("separator", [".", "/"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_changed_array_has_the_same_files(
    ours: Zarrcy, zarr2: Zarr2, order: str, separator: str, place: Path
) -> None:
    case = Case(np.dtype("<i4"), (5, 4), (2, 3), fill=7, order=order, separator=separator)
    for side, folder in ((ours, place / "ours"), (zarr2, place / "theirs")):
        side.create(folder, case)
        side.write(folder, case.whole, case.values())
        # along chunk borders: elsewhere zarrcy clears what is cut off, and zarr-python 2 leaves it
        side.resize(folder, (4, 6))
        side.append(folder, np.arange(12, dtype="<i4").reshape(4, 3), axis=1)
        side.put_attrs(folder, {"changed": True})
        side.resize(folder, (8, 3))
        side.append(folder, np.arange(9, dtype="<i4").reshape(3, 3), axis=0)
    assert_same_files(place / "ours", place / "theirs")


@pytest.mark.parametrize("fill", [0, 7, None], ids=["zero", "seven", "null"])
def test_the_same_empty_chunks_are_omitted(ours: Zarrcy, zarr2: Zarr2, fill: int | None, place: Path) -> None:
    case = Case(np.dtype("<i4"), (6, 6), (2, 3), fill=fill)
    values = np.full(case.shape, fill or 0, "<i4")
    values[3, 1] = 5
    for side, folder in ((ours, place / "ours"), (zarr2, place / "theirs")):
        side.create(folder, case)
        side.write(folder, case.whole, case.values(), empty_chunks=False)
        side.write(folder, case.whole, values, empty_chunks=False)
    assert_same_files(place / "ours", place / "theirs")


ATTRIBUTES = {
    "nothing": {},
    "order of keys": {"b": 1, "a": 2, "A": 3, "\u0153": 4, "10": 5, "9": 6},
    "text": {"ascii": "plain", "other": "\u0153\U0001f600", "control": 'tab\tline\nnul\0quote"back\\slash/'},
    "numbers": {"int": -(2**63), "big": 2**70, "float": 0.1, "small": 5e-324, "whole": 1.0, "minus": -0.0},
    "not finite": {"nan": math.nan, "inf": math.inf, "minus": -math.inf},
    "nested": {"list": [1, [2, []], {}], "dict": {"z": None, "y": {"x": [True, False]}}, "tuple": (1, 2)},
}


@pytest.mark.parametrize("attributes", ATTRIBUTES.values(), ids=ATTRIBUTES)
def test_attributes_have_the_same_bytes(
    ours: Zarrcy, zarr2: Zarr2, attributes: dict[str, Any], place: Path
) -> None:
    for side, folder in ((ours, place / "ours"), (zarr2, place / "theirs")):
        side.create(folder, SIMPLE)
        side.put_attrs(folder, attributes)
    assert_same_files(place / "ours", place / "theirs")
