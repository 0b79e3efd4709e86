"""Each library reads the hierarchies and the consolidated metadata of the others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zarrcy

from .peers import Zarr2, Zarr3, Zarrcy
from .programs.trees import consolidate_tree, read_consolidated_tree, read_tree, write_tree
from .test_documents import assert_same_files


def succeeds(side: Any, function: Callable[..., Any], place: Path) -> Any:
    """Run a function on one side, and return its outcome, which must not be an exception."""
    outcome = side.run(function, place)
    assert "raises" not in outcome, f"{function.__name__}: {outcome}"
    return outcome


@pytest.fixture(params=["ours", "theirs"])
def written(request: pytest.FixtureRequest, ours: Zarrcy, zarr2: Zarr2, place: Path) -> Path:
    """A hierarchy that one of the two libraries wrote, with consolidated metadata."""
    side: Any = ours if request.param == "ours" else zarr2
    for function in (write_tree, consolidate_tree):
        succeeds(side, function, place / "tree")
    return place / "tree"


@pytest.mark.parametrize("read", [read_tree, read_consolidated_tree], ids=["plain", "consolidated"])
def test_zarr_python_2_and_zarrcy_read_the_same_hierarchy(
    ours: Zarrcy, zarr2: Zarr2, written: Path, read: Callable[..., Any]
) -> None:
    assert succeeds(zarr2, read, written) == succeeds(ours, read, written)


@pytest.mark.parametrize("consolidated", [False, True], ids=["plain", "consolidated"])
def test_zarr_python_3_and_zarrcy_read_the_same_hierarchy(
    zarr3: Zarr3, written: Path, consolidated: bool
) -> None:
    zarr = zarr3.zarr
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
def test_zarrcy_reads_a_hierarchy_of_zarr_python_3(
    ours: Zarrcy, zarr2: Zarr2, zarr3: Zarr3, place: Path
) -> None:
    zarr = zarr3.zarr
    root = zarr.open_group(str(place), mode="w", zarr_format=2)
    root.attrs["title"] = "\u0153"
    inner = root.create_group("a/b")
    inner.attrs["n"] = [1, None]
    array = inner.create_array("x", shape=(4, 5), chunks=(3, 2), dtype="i4")
    array[...] = 7
    array.attrs["unit"] = "K"
    zarr.consolidate_metadata(str(place), zarr_format=2)
    for read in (read_tree, read_consolidated_tree):
        nodes = succeeds(ours, read, place)
        assert nodes == succeeds(zarr2, read, place)
        assert "'a/b/x'" in str(nodes)


def test_a_hierarchy_has_the_same_files_as_with_zarr_python_2(
    ours: Zarrcy, zarr2: Zarr2, place: Path
) -> None:
    for side, folder in ((ours, place / "ours"), (zarr2, place / "theirs")):
        for function in (write_tree, consolidate_tree):
            succeeds(side, function, folder)
    assert_same_files(place / "ours", place / "theirs")
