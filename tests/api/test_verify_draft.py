"""Hierarchies in the draft of format 3 are verified like others."""

import numpy as np
import pytest

import zarrcy


@pytest.fixture(params=["dict", "directory"])
def root(request, tmp_path):
    root = zarrcy.open_group(
        {} if request.param == "dict" else str(tmp_path / "d"), mode="w", zarr_format="3-draft"
    )
    root.create_dataset("a", data=np.arange(6), chunks=2)
    root.create_dataset("g/b", data=np.ones((4, 4)), chunks=(2, 4))
    root.create_dataset("g/scalar", data=np.float64(3))
    return root


def kinds_in(report):
    return sorted((problem.kind, problem.key) for problem in report.problems)


def test_a_complete_hierarchy_has_no_problems(root):
    report = zarrcy.verify(root.store)
    assert report.ok, report
    assert [(a.path, a.n_values) for a in report.arrays] == [("a", 3), ("g/b", 2), ("g/scalar", 1)]
    assert report.n_groups == 2
    assert [a.path for a in zarrcy.verify(root.store, "g").arrays] == ["g/b", "g/scalar"]
    assert root["a"].verify().ok


def test_damaged_missing_and_strange_keys_are_reported(root):
    root.store["data/root/a/c1"] = b"nonsense"
    root.store["data/root/a/c7"] = bytes(root.store["data/root/a/c0"])
    root.store["data/root/none/c0"] = b"x"
    root.store["meta/root/g/b.array.json"] = b"{"
    assert kinds_in(zarrcy.verify(root.store)) == [
        ("chunk", "data/root/a/c1"),
        ("metadata", "meta/root/g/b.array.json"),
        ("outside", "data/root/a/c7"),
        ("stray", "data/root/none/c0"),
    ]


def test_an_array_at_the_root_is_verified():
    store = {}
    zarrcy.save_array(store, np.arange(4), chunks=2, zarr_format="3-draft")
    assert zarrcy.verify(store).ok
    store["data/root/c1"] = b"x"
    assert kinds_in(zarrcy.verify(store)) == [("chunk", "data/root/c1")]
