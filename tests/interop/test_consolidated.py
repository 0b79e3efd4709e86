"""zarrcy and zarr-python 3 read and update the consolidated metadata of each other."""

import json
import warnings

import numpy as np
import pytest

import zarrcy

zarr3 = pytest.importorskip("zarr", minversion="3")


@pytest.fixture(autouse=True)
def _no_warnings():
    with warnings.catch_warnings():
        # zarr-python 3 warns that consolidated metadata are not in the specification
        warnings.simplefilter("ignore")
        yield


def make(library, path):
    root = library.open_group(str(path), mode="w", zarr_format=3)
    root.attrs["title"] = "sea"
    inner = root.create_group("a").create_group("b")
    inner.attrs["k"] = [1, {"z": None}]
    for group, name in ((root, "x"), (inner, "y")):
        create = group.create_dataset if library is zarrcy else group.create_array
        create(name, shape=(4, 3), chunks=(2, 2), dtype="f4")[:] = np.arange(12).reshape(4, 3)
    return root


def assert_same(theirs, ours):
    assert dict(theirs.attrs) == dict(ours.attrs)
    assert sorted(theirs.keys()) == sorted(ours.keys())
    for name, member in theirs.members():
        if isinstance(member, zarr3.Array):
            np.testing.assert_array_equal(member[:], ours[name][:])
            assert dict(member.attrs) == dict(ours[name].attrs)
        else:
            assert_same(member, ours[name])


def test_zarr_python_3_reads_consolidated_metadata_of_zarrcy(tmp_path):
    make(zarrcy, tmp_path)
    zarrcy.consolidate_metadata(tmp_path)
    theirs = zarr3.open_consolidated(tmp_path, zarr_format=3)
    assert sorted(theirs.metadata.consolidated_metadata.flattened_metadata) == ["a", "a/b", "a/b/y", "x"]
    assert_same(theirs, zarrcy.open_group(tmp_path))


def test_zarr_python_3_finds_nodes_whose_documents_were_deleted(tmp_path):
    make(zarrcy, tmp_path)
    zarrcy.consolidate_metadata(tmp_path)
    for path in ("a", "a/b", "a/b/y", "x"):
        (tmp_path / path / "zarr.json").unlink()
    assert zarr3.open_consolidated(tmp_path)["a/b/y"][3, 2] == 11
    assert zarrcy.open_consolidated(tmp_path)["a/b/y"][3, 2] == 11


def test_zarrcy_reads_consolidated_metadata_of_zarr_python_3(tmp_path):
    make(zarr3, tmp_path)
    zarr3.consolidate_metadata(tmp_path, zarr_format=3)
    for ours in (zarrcy.open_consolidated(tmp_path), zarrcy.open_group(tmp_path)):
        assert_same(zarr3.open_consolidated(tmp_path), ours)


def test_both_write_the_same_consolidated_document(tmp_path):
    make(zarr3, tmp_path)
    zarr3.consolidate_metadata(tmp_path, zarr_format=3)
    theirs = json.loads((tmp_path / "zarr.json").read_text())
    zarrcy.consolidate_metadata(tmp_path)
    assert json.loads((tmp_path / "zarr.json").read_text()) == theirs


@pytest.mark.parametrize("writer", [zarrcy, zarr3], ids=["ours", "theirs"])
def test_zarr_python_3_sees_changes_of_zarrcy(writer, tmp_path):
    make(writer, tmp_path)
    writer.consolidate_metadata(tmp_path)
    root = zarrcy.open_group(tmp_path)
    root["a/b/y"].attrs["units"] = "K"
    root["new"] = [1, 2]
    root["x"].resize(2, 2)
    root.attrs["n"] = 1
    theirs = zarr3.open_group(tmp_path)
    assert theirs["a/b/y"].attrs["units"] == "K"
    assert theirs["new"][:].tolist() == [1, 2]
    assert theirs["x"].shape == (2, 2)
    assert_same(theirs, root)
    zarrcy.consolidate_metadata(tmp_path)
    assert_same(zarr3.open_consolidated(tmp_path), root)


def test_zarrcy_sees_later_changes_of_zarr_python_3(tmp_path):
    make(zarrcy, tmp_path)
    zarrcy.consolidate_metadata(tmp_path)
    theirs = zarr3.open_group(tmp_path)
    theirs["a"].attrs["n"] = 1
    theirs.attrs["m"] = 2
    theirs.create_array("new", shape=(2,), dtype="i4")
    root = zarrcy.open_group(tmp_path)
    assert (root["a"].attrs["n"], root.attrs["m"], root["new"].shape) == (1, 2, (2,))
