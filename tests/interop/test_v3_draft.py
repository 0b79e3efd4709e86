"""zarrcy and zarr-python 2 read and change the arrays of each other in the withdrawn draft of Zarr v3."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zarrcy

from .cases import COMPRESSORS, Case, matrix, of_objects, with_filters
from .conftest import start_zarr2
from .left_out import NOT_CHANGED, NOT_CREATED, NOT_READ, exchanges
from .peers import Zarr2, Zarr3, Zarrcy
from .programs.trees import (
    change_draft_tree,
    consolidate_draft_tree,
    read_consolidated_draft_tree,
    read_draft_tree,
    write_draft_tree,
)
from .test_changes import LESS, MORE, resized
from .test_documents import files_of
from .test_hierarchies import succeeds
from .test_matrix import first_region
from .values import assert_same_bits

SWITCH = {"ZARR_V3_EXPERIMENTAL_API": "1"}


def _is_left_out(case: Case) -> bool:
    """Return whether zarr-python 2 supports this case in format 2, but not in the draft."""
    # it reads raw bytes without fields as a structured type
    return case.dtype.kind == "V" and not case.dtype.names


def exchanged(*left_out: Any) -> list[Any]:
    cases = [case for case in [*matrix(), *with_filters(), *of_objects()] if not _is_left_out(case)]
    cases = [case for case in cases if "msgpack2" not in case.name]
    selected = [param.values[1] for param in exchanges(cases, *left_out, peers=("zarr2",))]
    # 5 is coprime to the periods of the settings, so every setting is tested
    return [
        pytest.param(case, id=str(case), marks=[] if number % 5 == 0 else [pytest.mark.slow])
        for number, case in enumerate(selected)
    ]


@pytest.fixture(scope="module")
def drafts() -> Zarrcy:
    return Zarrcy(path="in/x", zarr_format="3-draft")


@pytest.fixture(scope="module")
def zarr2_draft() -> Iterator[Zarr2]:
    peer = start_zarr2(**SWITCH)
    yield peer
    peer.close()


@pytest.mark.parametrize("case", exchanged(NOT_READ))
def test_zarr_python_2_reads_an_array_of_zarrcy(
    drafts: Zarrcy, zarr2_draft: Zarr2, case: Case, place: Path
) -> None:
    expected, region = case.unwritten(), first_region(zarr2_draft, case)
    expected[region] = case.values()[region]
    drafts.create(place, case)
    drafts.write(place, region, expected[*region, ...])
    assert_same_bits(zarr2_draft.read(place), expected)


@pytest.mark.parametrize("case", exchanged(NOT_READ, NOT_CHANGED, NOT_CREATED))
def test_zarrcy_reads_and_changes_an_array_of_zarr_python_2(
    drafts: Zarrcy, zarr2_draft: Zarr2, case: Case, place: Path
) -> None:
    expected, region = case.unwritten(), first_region(zarr2_draft, case)
    expected[region] = case.values()[region]
    zarr2_draft.create(place, case)
    zarr2_draft.write(place, region, expected[*region, ...])
    assert_same_bits(drafts.read(place), expected)
    values, part = expected, case.middle
    values[part] = case.values(2)[part]
    drafts.write(place, part, values[*part, ...])
    assert_same_bits(zarr2_draft.read(place), values)


@pytest.mark.parametrize("case", exchanged(NOT_READ, NOT_CHANGED, NOT_CREATED)[::3])
def test_documents_and_chunk_keys_equal_those_of_zarr_python_2(
    drafts: Zarrcy, zarr2_draft: Zarr2, case: Case, place: Path
) -> None:
    for side, folder in ((drafts, place / "ours"), (zarr2_draft, place / "theirs")):
        side.create(folder, case)
        side.write(folder, case.whole, case.values())
    actual, expected = files_of(place / "ours"), files_of(place / "theirs")
    # zarr-python 2 does not write the parent group
    assert actual.keys() - expected.keys() == {"meta/root/in.group.json"}
    assert expected.keys() <= actual.keys()
    assert actual["zarr.json"] == expected["zarr.json"]
    ours, theirs = (json.loads(files["meta/root/in/x.array.json"]) for files in (actual, expected))
    # zarr-python 2 stores a given separator twice until the array is resized
    assert theirs.pop("dimension_separator", None) in (None, theirs["chunk_grid"]["separator"])
    # zarrcy omits this default, as in format 2
    assert theirs.get("compressor", {}).get("configuration", {}).pop("checksum", False) is False
    assert ours == theirs


CASES = [
    Case(np.dtype("<i4"), (5, 4), (2, 3), fill=7, name="plain"),
    Case(np.dtype(">f8"), (5, 4), (2, 3), fill=np.nan, order="F", separator=".", name="dot-F"),
    Case(
        np.dtype("<u2"),
        (5, 4),
        (8, 1),
        compressor=COMPRESSORS["zlib"],
        filters=({"id": "delta", "dtype": "<u2", "astype": "<u2"},),
        name="zlib-delta",
    ),
]
each_case = pytest.mark.parametrize("case", CASES, ids=str)


@each_case
def test_each_sees_the_changes_of_the_other_to_an_array(
    drafts: Zarrcy, zarr2_draft: Zarr2, case: Case, place: Path
) -> None:
    values = case.values()
    zarr2_draft.create(place, case)
    zarr2_draft.write(place, case.whole, values)
    drafts.put_attrs(place, {"unit": "K", "n": [1, None]})
    drafts.resize(place, MORE)
    values = resized(values, MORE, case)
    assert_same_bits(zarr2_draft.read(place), values)
    zarr2_draft.resize(place, LESS)
    values = resized(values, LESS, case)
    assert_same_bits(drafts.read(place), values)
    more = case.values(5)[:, : LESS[1]]
    drafts.append(place, more, axis=0)
    zarr2_draft.append(place, more, axis=0)
    values = np.concatenate([values, more, more]).astype(case.dtype)
    assert_same_bits(zarr2_draft.read(place), values)
    assert_same_bits(drafts.read(place), values)
    assert drafts.attrs(place) == {"unit": "K", "n": [1, None]}


@each_case
def test_each_reads_the_attributes_of_the_other(
    drafts: Zarrcy, zarr2_draft: Zarr2, case: Case, place: Path
) -> None:
    # zarr-python 2 shows the filters among the attributes
    shown = {"filters": list(case.filters)} if case.filters else {}
    drafts.create(place, case)
    drafts.put_attrs(place, {"unit": "K"})
    assert zarr2_draft.attrs(place) == {"unit": "K"} | shown
    zarr2_draft.put_attrs(place, {"theirs": ["\u0153", None]})
    assert drafts.attrs(place) == {"theirs": ["\u0153", None]}
    drafts.put_attrs(place, {})
    assert zarr2_draft.attrs(place) == shown
    assert (
        zarrcy.open_array(str(place), mode="r", path="in/x").filters
        == zarrcy.create(1, dtype=case.dtype, filters=list(case.filters), store={}).filters
    )


@pytest.mark.filterwarnings("ignore:zarr_version=3:FutureWarning")
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_each_reads_and_changes_the_hierarchy_of_the_other(
    ours: Zarrcy, zarr2_draft: Zarr2, first: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*next(iter(SWITCH.items())))
    sides = (ours, zarr2_draft) if first == "ours" else (zarr2_draft, ours)
    tree = place / "tree"
    succeeds(sides[0], write_draft_tree, tree)
    written = succeeds(sides[0], read_draft_tree, tree)
    assert written == succeeds(sides[1], read_draft_tree, tree)
    assert "'a/x'" in str(written)
    succeeds(sides[1], change_draft_tree, tree)
    changed = succeeds(sides[1], read_draft_tree, tree)
    assert changed == succeeds(sides[0], read_draft_tree, tree)
    assert "'moved/far/x'" in str(changed)
    assert "'a/x'" not in str(changed)


def test_the_format_of_a_hierarchy_of_zarr_python_2_is_recognized(
    ours: Zarrcy, zarr2_draft: Zarr2, place: Path
) -> None:
    succeeds(zarr2_draft, write_draft_tree, place)
    root = zarrcy.open(str(place), mode="r")
    assert root.zarr_format == "3-draft"
    assert zarrcy.open(str(place), mode="r", path="a/x")[1, 2] == 7
    assert zarrcy.open_group(str(place), mode="r", path="a").attrs.asdict() == {}


def test_each_reads_the_consolidated_metadata_of_the_other(zarr2_draft: Zarr2, place: Path) -> None:
    succeeds(zarr2_draft, write_draft_tree, place)
    succeeds(zarr2_draft, consolidate_draft_tree, place)
    theirs = zarrcy.open_consolidated(str(place), mode="r")
    # zarr-python 2 creates a group for the consolidated document
    assert list(theirs) == ["a", "b", "consolidated", "e"]
    assert theirs["a/x"].attrs.asdict() == {"unit": "K"}
    assert theirs["a/x"][1, 2] == 7
    del zarrcy.open_group(str(place), mode="r+")["consolidated"]
    assert list(zarrcy.consolidate_metadata(str(place))) == ["a", "b", "e"]
    contents = succeeds(zarr2_draft, read_consolidated_draft_tree, place)
    assert "'x'" in str(contents)
    assert "'K'" in str(contents)


def test_zarr_python_3_reads_a_hierarchy_that_is_converted_from_the_draft(
    zarr2_draft: Zarr2, zarr3: Zarr3, place: Path
) -> None:
    succeeds(zarr2_draft, write_draft_tree, place / "draft")
    zarrcy.convert(str(place / "draft"), str(place / "final"))
    group = zarr3.zarr.open_group(str(place / "final"), mode="r", zarr_format=3)
    np.testing.assert_array_equal(group["a/x"][...], np.arange(20).reshape(4, 5))
    assert np.isnan(group["a/y"][...]).all()
    assert list(group["b/text"][...]) == ["a", "bc"]
    assert (dict(group["a/x"].attrs), group.attrs["title"]) == ({"unit": "K"}, "\u0153")
