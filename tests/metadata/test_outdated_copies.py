"""Consolidated metadata that no longer agree with their documents are removed, or reported by `verify` and `info`."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

import zarrcy
from zarrcy import errors
from zarrcy.cli import main

FORMATS = [2, 3]
in_each_format = pytest.mark.parametrize("zarr_format", FORMATS)


def tree_in(store, zarr_format):
    root = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    root.create_dataset("x", data=np.arange(6), chunks=2)
    root.create_dataset("a/b/y", shape=(2, 3), dtype="f4", attributes={"unit": "K"})
    root.create_group("c/d", attributes={"k": [1, {"z": None}]})
    return root


def copy_into(root):
    zarrcy.copy_store(zarrcy.array([1, 2], zarr_format=root.zarr_format).store, root.store, dest_path="c/n")


# what is changed -> the node whose `info` shows it
CHANGES = {
    "append": (lambda root: root["a/b/y"].append(np.ones((1, 3), "f4")), "a/b/y"),
    "resize": (lambda root: root["x"].resize(3), "x"),
    "fill value": (lambda root: setattr(root["x"], "fill_value", 7), "x"),
    "set an attribute": (lambda root: root["x"].attrs.__setitem__("n", 1), "x"),
    "put attributes": (lambda root: root["a/b/y"].attrs.put({"n": 1}), "a/b/y"),
    "update attributes": (lambda root: root["a"].attrs.update(n=1), "a"),
    "delete an attribute": (lambda root: root["a/b/y"].attrs.__delitem__("unit"), "a/b/y"),
    "attributes become NaN": (lambda root: root["x"].attrs.update(n=float("nan")), "x"),
    "create an array": (lambda root: root.zeros("c/d/n", shape=3), "c/d"),
    "create a group": (lambda root: root.create_group("c/n"), "c"),
    "create at the root": (lambda root: root.zeros("n", shape=3), ""),
    "overwrite an array by another": (lambda root: root.__setitem__("x", [1.5]), "x"),
    "overwrite an array by a group": (lambda root: root.create_group("x", overwrite=True), "x"),
    "delete an array": (lambda root: root.__delitem__("a/b/y"), "a/b"),
    "delete a group": (lambda root: root.__delitem__("c"), ""),
    "move": (lambda root: root.move("x", "c/d/z"), "c/d"),
    "move a group": (lambda root: root.move("a/b", "c/b"), "a"),
    "copy into": (lambda root: zarrcy.copy(root["x"], root["c"], name="n"), "c"),
    "copy keys into": (copy_into, "c"),
}
each_change = pytest.mark.parametrize(("change", "path"), list(CHANGES.values()), ids=list(CHANGES))


def stale(report):
    return [problem for problem in report.problems if "consolidate the metadata again" in problem.text]


def rows(node):
    return dict(node.info_items())


def change_below(place, change, path):
    """Change a hierarchy by a program that does not look at consolidated metadata, then consolidate nothing."""
    kept = {file: file.read_bytes() for file in place.rglob(".zmetadata")}
    kept |= {file: file.read_bytes() for file in [place / "zarr.json"] if file.exists()}
    change(zarrcy.open_group(place, mode="r+"))
    for file, value in kept.items():
        file.write_bytes(value)


@in_each_format
@each_change
def test_a_change_by_a_program_that_leaves_the_copies_is_reported(
    zarr_format, change, path, tmp_path, capsys
):
    root = tree_in(tmp_path, zarr_format)
    opened = zarrcy.consolidate_metadata(tmp_path)
    assert zarrcy.verify(tmp_path).ok
    for name in ["", *(name for name, _ in _walk(root))]:
        assert "Consolidated" not in rows(root[name] if name else root)
        assert "Consolidated" not in rows(opened[name] if name else opened)
    change_below(tmp_path, change, path)

    key = "zarr.json" if zarr_format == 3 else ".zmetadata"
    (problem,) = stale(zarrcy.verify(tmp_path))
    assert (problem.kind, problem.key) == ("metadata", key)
    if path or zarr_format == 2:
        plain = zarrcy.open_group(tmp_path, mode="r")
        node = plain[path] if path else plain
        assert rows(node)["Consolidated"] == f"outdated in {key!r}; consolidate the metadata again"
        assert "outdated" in repr(node.info)
        assert "outdated" in node.info._repr_html_()
        shown = tmp_path / path
        assert main(["info", str(shown), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["outdated_copies"] == [key]
        assert main(["info", str(shown)]) == 0
        assert f"outdated in '{key}'" in capsys.readouterr().out
    # the copy in memory of those who opened the hierarchy before
    assert "Consolidated" in rows(opened[path] if path else opened)

    zarrcy.consolidate_metadata(tmp_path)
    assert stale(zarrcy.verify(tmp_path)) == []
    assert "Consolidated" not in rows(zarrcy.open_consolidated(tmp_path))


def _walk(group):
    found = []
    group.visititems(lambda name, node: found.append((name, node)))
    return found


@pytest.mark.parametrize("nested", [False, True], ids=["root", "nested"])
@each_change
def test_a_change_removes_the_copies_that_the_store_of_the_writer_holds(change, path, nested):
    store = {}
    root = tree_in(store, 3)
    for name in ["a", "c", "c/d"] if nested else []:
        zarrcy.consolidate_metadata(store, path=name)
    zarrcy.consolidate_metadata(store)
    assert zarrcy.verify(store).ok
    change(root)
    assert stale(zarrcy.verify(store)) == []
    assert "consolidated_metadata" not in json.loads(bytes(store["zarr.json"]))
    assert "Consolidated" not in rows(root)


@pytest.mark.parametrize("command", ["copy", "import", "convert"])
def test_a_command_that_writes_into_a_consolidated_hierarchy_removes_the_copies_above(command, tmp_path):
    root = tree_in(tmp_path / "root", 3)
    zarrcy.consolidate_metadata(tmp_path / "root")
    target = str(tmp_path / "root" / "c" / "n")
    if command == "import":
        h5py = pytest.importorskip("h5py")
        with h5py.File(tmp_path / "a.h5", "w") as file:
            file["v"] = [1, 2]
        root.create_group("c/n")
        zarrcy.consolidate_metadata(tmp_path / "root")
        arguments = ["import", str(tmp_path / "a.h5"), target, "--overwrite"]
    else:
        number = 3 if command == "copy" else 2
        zarrcy.save(str(tmp_path / "other"), v=[1, 2], zarr_format=number)
        arguments = [command, str(tmp_path / "other"), target]
    assert main(arguments) == 0
    assert stale(zarrcy.verify(tmp_path / "root")) == []
    assert "consolidated_metadata" not in json.loads((tmp_path / "root" / "zarr.json").read_bytes())
    assert zarrcy.open_group(target, mode="r")["v"][:].tolist() == [1, 2]


@in_each_format
def test_a_hierarchy_opened_by_its_copies_refuses_changes_that_would_outdate_them(zarr_format):
    store = {}
    tree_in(store, zarr_format)
    opened = zarrcy.consolidate_metadata(store)
    before = dict(store)
    for name, (change, _) in CHANGES.items():
        if name not in ("copy keys into",):
            with pytest.raises(errors.ReadOnlyError):
                change(opened)
    assert store == before
    assert zarrcy.verify(store).ok


def test_copies_that_spell_the_same_metadata_differently_are_not_outdated():
    store = {}
    tree_in(store, 3)
    zarrcy.consolidate_metadata(store)
    document = json.loads(store["x/zarr.json"])
    for codec in document["codecs"]:
        if codec["name"] == "bytes":
            codec["configuration"] = {"endian": "little"}
    del document["attributes"]
    document["fill_value"] = 0
    store["x/zarr.json"] = json.dumps(document, separators=(",", ":")).encode()
    assert zarrcy.verify(store).ok
    assert "Consolidated" not in rows(zarrcy.open_group(store)["x"])

    store = {}
    tree_in(store, 2)
    zarrcy.consolidate_metadata(store)
    consolidated = json.loads(store[".zmetadata"])
    # zarr-python 3 writes attributes of each node, and a member into the documents of groups
    consolidated["metadata"]["x/.zattrs"] = {}
    consolidated["metadata"]["a/.zgroup"]["consolidated_metadata"] = {"kind": "inline", "metadata": {}}
    del consolidated["metadata"]["x/.zarray"]["filters"]
    consolidated["metadata"]["x/.zarray"]["filters"] = None
    consolidated["metadata"]["x/.zarray"]["dimension_separator"] = "."
    store[".zmetadata"] = json.dumps(consolidated).encode()
    assert zarrcy.verify(store).ok


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("shape", [5]),
        ("fill_value", 1),
        ("data_type", "int32"),
        ("chunk_grid", {"name": "regular", "configuration": {"chunk_shape": [3]}}),
        ("codecs", [{"name": "bytes", "configuration": {"endian": "big"}}]),
        ("dimension_names", ["t"]),
        ("attributes", {"n": 1}),
        ("chunk_key_encoding", {"name": "v2"}),
        ("node_type", "group"),
        ("data_type", 5),
    ],
)
def test_each_difference_in_meaning_makes_a_copy_outdated(member, value):
    store = {}
    tree_in(store, 3)
    zarrcy.consolidate_metadata(store)
    document = json.loads(store["zarr.json"])
    document["consolidated_metadata"]["metadata"]["x"][member] = value
    store["zarr.json"] = json.dumps(document).encode()
    (problem,) = zarrcy.verify(store).problems
    assert (problem.kind, problem.key) == ("metadata", "zarr.json")
    assert "its copy of 'x/zarr.json' differs from the document" in problem.text
    assert "Consolidated" in rows(zarrcy.open_group(store)["x"])


def test_copies_that_cannot_be_read_are_reported():
    store = {}
    tree_in(store, 3)
    document = json.loads(store["zarr.json"])
    store["zarr.json"] = json.dumps({**document, "consolidated_metadata": {"kind": "x"}}).encode()
    (problem,) = zarrcy.verify(store).problems
    assert problem.key == "zarr.json"
    assert "outdated in 'zarr.json'" in rows(zarrcy.open_group(store)["x"])["Consolidated"]


# -- consolidation at the same time as changes -----------------------------------------------------


class Paused(zarrcy.MemoryStore):
    """A store whose first write of consolidated metadata waits until a change of the same time has begun."""

    def __init__(self):
        super().__init__()
        self.waits_before = None
        self.is_waiting, self.may_go_on = threading.Event(), threading.Event()

    def __setitem__(self, key, value):
        if self.waits_before == key and b"metadata" in bytes(value):
            self.waits_before = None
            self.is_waiting.set()
            self.may_go_on.wait(600)
        super().__setitem__(key, value)


@pytest.mark.parametrize("has_synchronizer", [False, True])
@each_change
def test_a_consolidation_never_writes_documents_that_were_read_before_a_change(
    change, path, has_synchronizer
):
    if has_synchronizer and change is copy_into:
        pytest.skip("copy_store takes no synchronizer")
    store = Paused()
    synchronizer = zarrcy.ThreadSynchronizer() if has_synchronizer else None
    tree_in(store, 3)
    root = zarrcy.open_group(store, mode="r+", synchronizer=synchronizer)
    store.waits_before = "zarr.json"
    consolidation = threading.Thread(
        target=zarrcy.consolidate_metadata, args=(store,), kwargs={"synchronizer": synchronizer}
    )
    consolidation.start()
    assert store.is_waiting.wait(600)
    changing = threading.Thread(target=change, args=(root,))
    changing.start()
    # if the change did not wait, this gives it the time to be complete
    changing.join(0.05)
    store.may_go_on.set()
    consolidation.join()
    changing.join()
    assert stale(zarrcy.verify(store)) == []


@pytest.mark.parametrize("zarr_format", FORMATS)
def test_the_later_of_two_consolidations_is_the_one_that_is_kept(zarr_format):
    store = Paused()
    root = tree_in(store, zarr_format)
    store.waits_before = "zarr.json" if zarr_format == 3 else ".zmetadata"
    first = threading.Thread(target=zarrcy.consolidate_metadata, args=(store,))
    first.start()
    assert store.is_waiting.wait(600)
    if zarr_format == 2:
        # in format 3, the change would wait for the first consolidation
        root["x"].resize(3)
    second = threading.Thread(target=zarrcy.consolidate_metadata, args=(store,))
    second.start()
    second.join(0.05)
    store.may_go_on.set()
    first.join()
    second.join()
    assert stale(zarrcy.verify(store)) == []
    assert "x" in zarrcy.open_consolidated(store)


WORKER = Path(__file__).parent / "consolidating_worker.py"


def test_processes_with_a_synchronizer_never_leave_outdated_copies(tmp_path):
    root = tree_in(tmp_path / "root", 3)
    arguments = [sys.executable, str(WORKER), str(tmp_path / "root"), str(tmp_path / "locks")]
    workers = [
        subprocess.Popen([*arguments, part]) for part in ("append", "attributes", "consolidate", "create")
    ]
    assert [worker.wait() for worker in workers] == [0] * 4
    assert root["x"].shape == (6 + 15,)
    assert zarrcy.open_group(tmp_path / "root")["a"].attrs.asdict() == {str(n): n for n in range(15)}
    assert stale(zarrcy.verify(tmp_path / "root")) == []
