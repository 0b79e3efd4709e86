"""Consolidated metadata in the document of a v3 group: written, read, and deleted before they become stale."""

import json

import numpy as np
import pytest

import zarrcy as zarr
from zarrcy import errors

SEEN = {"_seen": {"must_understand": False, "by": "a writer"}}


def tree_in(store):
    root = zarr.group(store, zarr_format=3, attributes={"title": "sea", "text": "a\nb {}\n  }\n}"})
    root.create_dataset("x", data=np.arange(6), chunks=2)
    root.create_dataset(
        "a/y", shape=(2, 3), dtype="f4", dimension_names=["u", None], attributes={"unit": "K"}
    )
    root.create_group("b/c", attributes={"k": [1, {"z": None}]})
    return root


STORES = {
    "dict": lambda path: {},
    "memory": lambda path: zarr.MemoryStore(),
    "directory": zarr.DirectoryStore,
    "nested": zarr.NestedDirectoryStore,
}


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
def store(request, tmp_path):
    return request.param(tmp_path / "a")


def document(store, path=""):
    return json.loads(bytes(store[f"{path}/zarr.json".lstrip("/")]))


def held(store, path=""):
    """Return the consolidated documents that a group holds."""
    return document(store, path)["consolidated_metadata"]["metadata"]


def test_the_document_of_a_group_holds_the_documents_below_unchanged(store):
    tree_in(store)
    before = document(store)
    zarr.consolidate_metadata(store)
    after = document(store)
    consolidated = after.pop("consolidated_metadata")
    assert after == before
    assert {name: consolidated[name] for name in ("kind", "must_understand")} == {
        "kind": "inline",
        "must_understand": False,
    }
    assert list(consolidated["metadata"]) == ["a", "a/y", "b", "b/c", "x"]
    for path, copy in consolidated["metadata"].items():
        if path in ("x", "a/y"):
            assert copy == document(store, path)
        else:
            empty = {"kind": "inline", "must_understand": False, "metadata": {}}
            assert copy == {**document(store, path), "consolidated_metadata": empty}
    # json would write the same text
    text = bytes(store["zarr.json"]).decode()
    assert text == json.dumps(json.loads(text), indent=2)


def test_a_consolidated_hierarchy_equals_the_plain_one(store):
    root = tree_in(store)
    for opened in (zarr.consolidate_metadata(store), zarr.open_consolidated(store, mode="r")):
        assert str(opened.tree()) == str(root.tree())
        assert dict(opened.attrs) == dict(root.attrs)
        assert dict(opened["b/c"].attrs) == {"k": [1, {"z": None}]}
        assert opened["x"][:].tolist() == list(range(6))
        assert opened["a"]["y"].dimension_names == ("u", None)
    assert opened.read_only
    assert zarr.open_consolidated(store, path="a/y").attrs["unit"] == "K"


def test_opening_reads_the_document_of_the_group_only():
    class Counting(zarr.MemoryStore):
        def __getitem__(self, key):
            asked.append(key)
            return super().__getitem__(key)

    asked = []
    store = Counting()
    tree_in(store)
    zarr.consolidate_metadata(store)
    asked.clear()
    opened = zarr.open_consolidated(store)
    assert opened["x"].shape == (6,)
    assert len(list(opened.arrays(recurse=True))) == 2
    assert asked == ["zarr.json"]


def test_a_plain_open_does_not_use_consolidated_metadata(store):
    tree_in(store)
    zarr.consolidate_metadata(store)
    changed = document(store)
    changed["consolidated_metadata"]["metadata"]["x"]["shape"] = [99]
    store["zarr.json"] = json.dumps(changed).encode()
    assert zarr.open_group(store)["x"].shape == (6,)
    assert zarr.open_consolidated(store)["x"].shape == (99,)


CHANGES = {
    "attributes of an array": lambda root: root["a/y"].attrs.put({"n": 1}),
    "attributes of a group": lambda root: root["a"].attrs.update(n=1),
    "a new array": lambda root: root.zeros("b/c/n", shape=3),
    "a new group": lambda root: root.create_group("b/n"),
    "a required group": lambda root: root.require_group("a/n"),
    "resize": lambda root: root["x"].resize(3),
    "append": lambda root: root["a/y"].append(np.ones((1, 3), "f4")),
    "fill value": lambda root: setattr(root["x"], "fill_value", 7),
    "delete": lambda root: root.__delitem__("a/y"),
    "move": lambda root: root.move("x", "a/z"),
    "overwrite": lambda root: root.create_group("x", overwrite=True),
}


@pytest.mark.parametrize("change", list(CHANGES.values()), ids=list(CHANGES))
def test_a_change_deletes_the_consolidated_metadata_that_it_makes_stale(change, store):
    root = tree_in(store)
    zarr.consolidate_metadata(store)
    before = document(store)
    change(root)
    del before["consolidated_metadata"]
    assert document(store) == before
    with pytest.raises(errors.NotConsolidatedError, match="Call consolidate_metadata"):
        zarr.open_consolidated(store)
    opened = zarr.consolidate_metadata(store)
    assert str(opened.tree()) == str(zarr.open_group(store).tree())


def test_writing_elements_keeps_the_consolidated_metadata(store):
    root = tree_in(store)
    zarr.consolidate_metadata(store)
    root["x"][:] = 5
    root.attrs["more"] = 1
    assert root.require_group("a") == root["a"]
    assert list(held(store)) == ["a", "a/y", "b", "b/c", "x"]
    opened = zarr.open_consolidated(store)
    assert opened.attrs["more"] == 1
    assert opened["x"][:].tolist() == [5] * 6


def test_a_group_below_can_be_consolidated_separately(store):
    root = tree_in(store)
    zarr.consolidate_metadata(store)
    assert zarr.consolidate_metadata(store, path="a").path == "a"
    assert list(held(store, "a")) == ["y"]
    # a nested snapshot would be a second copy of the same metadata
    zarr.consolidate_metadata(store)
    assert held(store)["a"]["consolidated_metadata"]["metadata"] == {}
    root["a"].attrs["n"] = 1
    assert list(held(store, "a")) == ["y"], "what is below that group did not change"
    assert "consolidated_metadata" not in document(store)
    root["a/y"].resize(5, 3)
    assert "consolidated_metadata" not in document(store, "a")


def test_a_consolidated_hierarchy_accepts_elements_and_refuses_other_changes(store):
    tree_in(store)
    opened = zarr.consolidate_metadata(store)
    opened["x"][1:3] = 9
    assert zarr.open_group(store)["x"][:].tolist() == [0, 9, 9, 3, 4, 5]
    before = bytes(store["zarr.json"])
    for change in CHANGES.values():
        with pytest.raises(errors.ReadOnlyError):
            change(opened)
    with pytest.raises(errors.ReadOnlyError):
        opened.attrs["n"] = 1
    assert "n" not in opened.attrs
    assert bytes(store["zarr.json"]) == before


def test_unknown_members_are_kept_by_consolidation_and_changes(store):
    root = tree_in(store)
    for path in ("", "a", "x"):
        store[f"{path}/zarr.json".lstrip("/")] = json.dumps({**document(store, path), **SEEN}).encode()
    zarr.consolidate_metadata(store)
    assert {document(store)["_seen"]["by"], held(store)["a"]["_seen"]["by"]} == {"a writer"}
    root["x"].resize(3)
    root["a"].attrs["n"] = 1
    root.attrs["n"] = 1
    assert all(document(store, path)["_seen"] == SEEN["_seen"] for path in ("", "a", "x"))


@pytest.mark.parametrize("nothing", [None, "absent"])
def test_null_is_read_as_not_consolidated(nothing):
    # zarr-python 3.0.0 to 3.1.3 wrote null
    store = {}
    tree_in(store)
    if nothing is None:
        store["zarr.json"] = json.dumps({**document(store), "consolidated_metadata": None}).encode()
    assert len(zarr.open_group(store)) == 3
    with pytest.raises(KeyError):
        zarr.open_consolidated(store)


@pytest.mark.parametrize(
    ("member", "place"),
    [
        ({"kind": "outline", "metadata": {}}, "consolidated_metadata.kind"),
        ({"kind": "inline"}, "consolidated_metadata"),
        ({"kind": "inline", "metadata": []}, "consolidated_metadata.metadata"),
        ({"kind": "inline", "metadata": {"x": 5}}, "consolidated_metadata.metadata.x"),
        (7, "consolidated_metadata"),
    ],
)
def test_malformed_consolidated_metadata_are_named_in_the_error(member, place):
    store = {}
    tree_in(store)
    store["zarr.json"] = json.dumps({**document(store), "consolidated_metadata": member}).encode()
    with pytest.raises(errors.MetadataError, match=f"'zarr.json' can't be used: '{place}'"):
        zarr.open_consolidated(store)


def test_a_damaged_document_is_not_consolidated():
    store = {}
    tree_in(store)
    store["b/c/zarr.json"] = b"{"
    before = store["zarr.json"]
    with pytest.raises(errors.MetadataError, match=r"b/c/zarr\.json"):
        zarr.consolidate_metadata(store)
    assert store["zarr.json"] == before


def test_consolidating_an_array_is_refused():
    store = {}
    zarr.create(3, store=store, zarr_format=3)
    with pytest.raises(errors.MetadataError, match="'node_type' is 'array'"):
        zarr.consolidate_metadata(store)


def test_consolidated_metadata_of_v2_are_ignored_if_the_store_has_v3_too(tmp_path):
    zarr.group(tmp_path, zarr_format=2)["x"] = [1, 2]
    zarr.consolidate_metadata(tmp_path)
    (tmp_path / "zarr.json").write_text('{"zarr_format": 3, "node_type": "group"}')
    with pytest.raises(errors.NotConsolidatedError):
        zarr.open_consolidated(tmp_path)


def test_a_zip_archive_can_be_consolidated(tmp_path):
    path = str(tmp_path / "a.zip")
    with zarr.ZipStore(path, mode="w") as store:
        tree_in(store)
        # an archive keeps overwritten members: the document of the root is in it twice
        with pytest.warns(UserWarning, match="Duplicate name: 'zarr.json'"):
            zarr.consolidate_metadata(store)
    with zarr.ZipStore(path, mode="r") as store:
        assert zarr.open_consolidated(store, mode="r")["x"][:].tolist() == list(range(6))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_creating_a_node_with_attributes_writes_its_document_once(zarr_format):
    class Counting(zarr.MemoryStore):
        def __setitem__(self, key, value):
            written.append(key)
            super().__setitem__(key, value)

    written = []
    store = Counting()
    root = zarr.group(store, zarr_format=zarr_format, attributes={"a": 1})
    root.create_group("g", attributes={"b": 2})
    root.create_dataset("g/x", shape=3, attributes={"c": 3})
    assert len(written) == len(set(written)) == (3 if zarr_format == 3 else 6)
    opened = zarr.open_group(store)
    assert [dict(node.attrs) for node in (opened, opened["g"], opened["g/x"])] == [
        {"a": 1},
        {"b": 2},
        {"c": 3},
    ]
    assert dict(zarr.group(store, attributes={"more": 4}).attrs) == {"a": 1, "more": 4}
    assert dict(zarr.group(store, overwrite=True, zarr_format=zarr_format, attributes={"n": 5}).attrs) == {
        "n": 5
    }
