"""The withdrawn draft of Zarr v3: zarr-python 2, told to use it, reads what we write and we read what it writes."""

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
from .test_changes import LESS, MORE, resized
from .test_documents import files_of
from .test_hierarchies import succeeds
from .test_matrix import first_region
from .values import assert_same_bits

SWITCH = {"ZARR_V3_EXPERIMENTAL_API": "1"}


def _is_left_out(case: Case) -> bool:
    """Is this something that zarr-python 2 has in format 2, and not in the draft?"""
    # it reads bytes without fields back as a field
    return case.dtype.kind == "V" and not case.dtype.names


def exchanged(*left_out: Any) -> list[Any]:
    cases = [case for case in [*matrix(), *with_filters(), *of_objects()] if not _is_left_out(case)]
    cases = [case for case in cases if "msgpack2" not in case.name]
    found = [param.values[1] for param in exchanges(cases, *left_out, peers=("zarr2",))]
    # coprime to the settings that are repeated, so that each comes up
    return [
        pytest.param(case, id=str(case), marks=[] if number % 5 == 0 else [pytest.mark.slow])
        for number, case in enumerate(found)
    ]


@pytest.fixture(scope="module")
def drafts() -> Zarrcy:
    return Zarrcy(where="in/x", zarr_format="3-draft")


@pytest.fixture(scope="module")
def zarr2_draft() -> Iterator[Zarr2]:
    peer = start_zarr2(**SWITCH)
    yield peer
    peer.close()


@pytest.mark.parametrize("case", exchanged(NOT_READ))
def test_zarr_python_2_reads_what_we_write(
    drafts: Zarrcy, zarr2_draft: Zarr2, case: Case, place: Path
) -> None:
    expected, region = case.unwritten(), first_region(zarr2_draft, case)
    expected[region] = case.values()[region]
    drafts.create(place, case)
    drafts.write(place, region, expected[*region, ...])
    assert_same_bits(zarr2_draft.read(place), expected)


@pytest.mark.parametrize("case", exchanged(NOT_READ, NOT_CHANGED, NOT_CREATED))
def test_we_read_what_zarr_python_2_writes(
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
def test_documents_and_the_names_of_chunks_are_those_of_zarr_python_2(
    drafts: Zarrcy, zarr2_draft: Zarr2, case: Case, place: Path
) -> None:
    for side, folder in ((drafts, place / "ours"), (zarr2_draft, place / "theirs")):
        side.create(folder, case)
        side.write(folder, case.whole, case.values())
    found, expected = files_of(place / "ours"), files_of(place / "theirs")
    # zarr-python 2 does not write the groups above
    assert found.keys() - expected.keys() == {"meta/root.group.json", "meta/root/in.group.json"}
    assert expected.keys() <= found.keys()
    assert found["zarr.json"] == expected["zarr.json"]
    ours, theirs = (json.loads(files["meta/root/in/x.array.json"]) for files in (found, expected))
    # said twice where it was given, until the array is resized
    assert theirs.pop("dimension_separator", None) in (None, theirs["chunk_grid"]["separator"])
    # what says nothing is left out, as in format 2
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
def test_what_each_side_changes_of_an_array_is_changed_for_the_other(
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
def test_attributes_of_each_side_are_read_by_the_other(
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
        drafts._open(place, "r").filters
        == zarrcy.create(1, dtype=case.dtype, filters=list(case.filters), store={}).filters
    )


WRITE = """
g = zarr.open_group(place, mode='w', zarr_version=3)
g.attrs.update(title='\\u0153', levels=[1, {'deep': None}])
a = g.create_group('a')
a.create_dataset('x', data=np.arange(20, dtype='<i4').reshape(4, 5), chunks=(3, 2))
a['x'].attrs['unit'] = 'K'
a.create_dataset('y', shape=(3,), dtype='<f8', fill_value=np.nan)
g.create_group('e')
g.create_dataset('e/deep/er/z', data=np.arange(3))
g.create_group('b').attrs['n'] = 1
g['b'].create_dataset('text', data=np.array(['a', 'bc'], dtype=object), dtype=str)
del g['e/deep/er']
"""
READ = """
g = zarr.open_group(place, mode='r', zarr_version=3)
seen = []
g.visititems(lambda k, v: seen.append(
    (k, repr(v[...].tolist()) if hasattr(v, 'shape') else sorted(v), dict(v.attrs) if k != 'b/text' else 0)
))
(dict(g.attrs), sorted(g), sorted(seen))
"""
CHANGE = """
g = zarr.open_group(place, mode='r+', zarr_version=3)
g.move('a', 'moved/far')
g['moved/far'].attrs['there'] = True
del g['b']
g.create_dataset('moved/far/x', data=np.arange(2), overwrite=True)
g['moved/far/y'].resize(5)
g['moved/far/y'][3:] = 1
"""


@pytest.mark.filterwarnings("ignore:zarr_version=3:FutureWarning")
@pytest.mark.parametrize("first", ["ours", "theirs"])
def test_a_hierarchy_of_each_side_is_read_and_changed_by_the_other(
    ours: Zarrcy, zarr2_draft: Zarr2, first: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(*next(iter(SWITCH.items())))
    sides = (ours, zarr2_draft) if first == "ours" else (zarr2_draft, ours)
    tree = place / "tree"
    succeeds(sides[0], WRITE, tree)
    written = succeeds(sides[0], READ, tree)
    assert written == succeeds(sides[1], READ, tree)
    assert "'a/x'" in str(written)
    succeeds(sides[1], CHANGE, tree)
    changed = succeeds(sides[1], READ, tree)
    assert changed == succeeds(sides[0], READ, tree)
    assert "'moved/far/x'" in str(changed)
    assert "'a/x'" not in str(changed)


def test_a_hierarchy_of_zarr_python_2_is_found_without_being_told_what_it_is(
    ours: Zarrcy, zarr2_draft: Zarr2, place: Path
) -> None:
    succeeds(zarr2_draft, WRITE, place)
    root = zarrcy.open(str(place), mode="r")
    assert root.zarr_format == "3-draft"
    assert zarrcy.open(str(place), mode="r", path="a/x")[1, 2] == 7
    assert zarrcy.open_group(str(place), mode="r", path="a").attrs.asdict() == {}


CONSOLIDATE = """
from zarr._storage.v3 import DirectoryStoreV3
zarr.consolidate_metadata(DirectoryStoreV3(place))
"""
READ_CONSOLIDATED = """
from zarr._storage.v3 import DirectoryStoreV3
g = zarr.open_consolidated(DirectoryStoreV3(place), mode='r', path='a')
(sorted(g), g['x'][...].tolist(), dict(g['x'].attrs))
"""


def test_consolidated_metadata_of_each_side_are_read_by_the_other(zarr2_draft: Zarr2, place: Path) -> None:
    succeeds(zarr2_draft, WRITE + CONSOLIDATE, place)
    theirs = zarrcy.open_consolidated(str(place), mode="r")
    # zarr-python 2 makes a group for its document
    assert list(theirs) == ["a", "b", "consolidated", "e"]
    assert theirs["a/x"].attrs.asdict() == {"unit": "K"}
    assert theirs["a/x"][1, 2] == 7
    del zarrcy.open_group(str(place), mode="r+")["consolidated"]
    assert list(zarrcy.consolidate_metadata(str(place))) == ["a", "b", "e"]
    found = succeeds(zarr2_draft, READ_CONSOLIDATED, place)
    assert "'x'" in str(found)
    assert "'K'" in str(found)


def test_zarr_python_3_reads_what_is_converted_from_the_draft_of_zarr_python_2(
    zarr2_draft: Zarr2, zarr3: Zarr3, place: Path
) -> None:
    succeeds(zarr2_draft, WRITE, place / "draft")
    zarrcy.convert(str(place / "draft"), str(place / "final"))
    found = zarr3._zarr.open_group(str(place / "final"), mode="r", zarr_format=3)
    np.testing.assert_array_equal(found["a/x"][...], np.arange(20).reshape(4, 5))
    assert np.isnan(found["a/y"][...]).all()
    assert list(found["b/text"][...]) == ["a", "bc"]
    assert (dict(found["a/x"].attrs), found.attrs["title"]) == ({"unit": "K"}, "\u0153")
