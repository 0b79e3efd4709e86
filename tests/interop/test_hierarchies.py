"""Hierarchies and consolidated metadata that one library writes, the others read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import zarrcy

from .peers import Zarr2, Zarr3, Zarrcy
from .test_documents import assert_same_files

WRITE = """
g = zarr.open_group(place, mode='w')
g.attrs.update(title='\\u0153', levels=[1, {'deep': None}])
a = g.create_group('a')
a.create_dataset('x', data=np.arange(20, dtype='<i4').reshape(4, 5), chunks=(3, 2), compressor=None)
a['x'].attrs['unit'] = 'K'
a.create_dataset('y', shape=(3,), dtype='<f8', fill_value=np.nan, compressor=None)
g.create_groups('b/c/d', 'e')
g['b/c'].create_dataset('text', data=np.array(['a', 'bc'], dtype=object), dtype=str, compressor=None)
g['b'].move('c/text', 'moved')
del g['e']
"""
CONSOLIDATE = "zarr.consolidate_metadata(place)"
READ = """
seen = []
g.visititems(lambda k, v: seen.append(
    (k, repr(v[...].tolist()) if hasattr(v, 'shape') else list(v), dict(v.attrs))
))
(dict(g.attrs), list(g), seen)
"""
OPEN = f"g = zarr.open_group(place, mode='r'){READ}"
OPEN_CONSOLIDATED = f"g = zarr.open_consolidated(place, mode='r'){READ}"


def succeeds(side: Any, code: str, place: Path) -> Any:
    outcome = side.snippet(code, place)
    assert "raises" not in outcome, f"{code}: {outcome}"
    return outcome


@pytest.fixture(params=["ours", "theirs"])
def written(request: pytest.FixtureRequest, ours: Zarrcy, zarr2: Zarr2, place: Path) -> Path:
    """A hierarchy that one of the two wrote, with consolidated metadata."""
    side: Any = ours if request.param == "ours" else zarr2
    for code in (WRITE, CONSOLIDATE):
        succeeds(side, code, place / "tree")
    return place / "tree"


@pytest.mark.parametrize("code", [OPEN, OPEN_CONSOLIDATED], ids=["plain", "consolidated"])
def test_zarr_python_2_and_we_read_the_same(ours: Zarrcy, zarr2: Zarr2, written: Path, code: str) -> None:
    assert succeeds(zarr2, code, written) == succeeds(ours, code, written)


@pytest.mark.parametrize("consolidated", [False, True], ids=["plain", "consolidated"])
def test_zarr_python_3_reads_what_we_read(zarr3: Zarr3, written: Path, consolidated: bool) -> None:
    zarr = zarr3._zarr
    theirs = zarr.open_group(str(written), mode="r", zarr_format=2, use_consolidated=consolidated)
    ours = zarrcy.open_group(str(written), mode="r")
    members = dict(theirs.members(max_depth=None))
    paths: list[str] = []
    ours.visit(paths.append)
    assert sorted(members) == sorted(paths)
    assert dict(theirs.attrs) == dict(ours.attrs)
    for path, member in members.items():
        own = ours[path]
        assert dict(member.attrs) == dict(own.attrs)
        assert isinstance(member, zarr.Group) == isinstance(own, zarrcy.Group)
        if isinstance(own, zarrcy.Array):
            assert repr(member[...].tolist()) == repr(own[...].tolist())


@pytest.mark.filterwarnings("ignore:.*Consolidated metadata:UserWarning")
def test_we_read_what_zarr_python_3_writes(ours: Zarrcy, zarr2: Zarr2, zarr3: Zarr3, place: Path) -> None:
    zarr = zarr3._zarr
    root = zarr.open_group(str(place), mode="w", zarr_format=2)
    root.attrs["title"] = "\u0153"
    inner = root.create_group("a/b")
    inner.attrs["n"] = [1, None]
    array = inner.create_array("x", shape=(4, 5), chunks=(3, 2), dtype="i4")
    array[...] = 7
    array.attrs["unit"] = "K"
    zarr.consolidate_metadata(str(place), zarr_format=2)
    for code in (OPEN, OPEN_CONSOLIDATED):
        found = succeeds(ours, code, place)
        assert found == succeeds(zarr2, code, place)
        assert "'a/b/x'" in str(found)


def test_the_files_of_a_hierarchy_are_those_of_zarr_python_2(ours: Zarrcy, zarr2: Zarr2, place: Path) -> None:
    for side, folder in ((ours, place / "ours"), (zarr2, place / "theirs")):
        for code in (WRITE, CONSOLIDATE):
            succeeds(side, code, folder)
    assert_same_files(place / "ours", place / "theirs")
