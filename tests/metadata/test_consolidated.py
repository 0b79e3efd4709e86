"""One document holds the metadata of a whole hierarchy: it is written without listing chunks, and read once."""

import json

import numpy as np
import pytest

import zarrcy as zarr
from zarrcy import errors
from zarrcy.metadata import json_writer
from zarrcy.metadata.v2 import consolidated


def tree_in(store):
    root = zarr.open_group(store, mode="w")
    root.create_dataset("x", data=np.arange(6), chunks=2)
    root.create_dataset("a/y", shape=(2, 3), dtype="f4").attrs["unit"] = "K"
    root.create_group("b/c")
    root["a"].attrs["k"] = [1, {"z": None}]
    return root


STORES = {
    "dict": lambda path: {},
    "memory": lambda path: zarr.MemoryStore(),
    "directory": zarr.DirectoryStore,
    "nested": zarr.NestedDirectoryStore,
    "batched": lambda path: Batched(),
    "zip": lambda path: zarr.ZipStore(f"{path}.zip"),
}
in_any_store = pytest.mark.parametrize("make_store", list(STORES.values()), ids=list(STORES))
# members of a zip file cannot be changed
in_any_other_store = pytest.mark.parametrize("make_store", list(STORES.values())[:-1], ids=list(STORES)[:-1])


@pytest.fixture
def store(make_store, tmp_path):
    return make_store(tmp_path / "a")


class Batched(zarr.MemoryStore):
    """A store with requests for many keys, like remote stores; it records the requests."""

    def __init__(self):
        super().__init__()
        self.requests = []

    def getitems(self, keys):
        self.requests.append(list(keys))
        return {key: value for key in keys if (value := super(Batched, self).get(key)) is not None}

    def __getitem__(self, key):
        self.requests.append([key])
        return super().__getitem__(key)

    def __contains__(self, key):
        self.requests.append([key])
        return super().__contains__(key)

    def listdir(self, path=""):
        self.requests.append([f"{path}/*"])
        return super().listdir(path)


def same(left, right):
    """Check that two groups have equal members."""
    paths, others = [], []
    left.visit(paths.append)
    right.visit(others.append)
    assert paths == others
    for path in paths:
        assert dict(left[path].attrs) == dict(right[path].attrs)
        if isinstance(left[path], zarr.Array):
            np.testing.assert_array_equal(left[path][...], right[path][...])
            assert left[path].chunks == right[path].chunks
    return True


@in_any_store
def test_a_consolidated_hierarchy_equals_the_plain_one(store):
    root = tree_in(store)
    made = zarr.consolidate_metadata(store)
    assert same(made, root)
    opened = zarr.open_consolidated(store, mode="r")
    assert same(opened, root)
    assert opened.read_only
    assert opened["x"].read_only
    assert dict(opened.arrays())["x"][:].tolist() == list(range(6))
    assert [name for name, _ in opened.groups()] == ["a", "b"]
    assert str(opened.tree()) == str(root.tree())
    assert list(opened.array_keys(recurse=True)) == ["y", "x"]


def test_the_document_has_the_bytes_that_zarr_python_2_writes_except_that_it_is_utf_8():
    store = {}
    root = zarr.open_group(store, mode="w")
    root.create_group("a").attrs["k"] = ["\u0153", {"z": None}]
    zarr.consolidate_metadata(store)
    expected = {
        "metadata": {
            ".zgroup": {"zarr_format": 2},
            "a/.zattrs": {"k": ["\u0153", {"z": None}]},
            "a/.zgroup": {"zarr_format": 2},
        },
        "zarr_consolidated_format": 1,
    }
    assert store[".zmetadata"] == json.dumps(expected, indent=4, sort_keys=True, ensure_ascii=False).encode()


def test_documents_of_other_writers_are_consolidated_unchanged():
    store = {".zgroup": b' {"zarr_format":\t2}\n', "a/.zgroup": b'{\r\n"zarr_format": 2, "more": "\xc5\x93"}'}
    opened = zarr.consolidate_metadata(store)
    assert list(opened) == ["a"]
    documents = json.loads(store[".zmetadata"])["metadata"]
    assert documents == {".zgroup": {"zarr_format": 2}, "a/.zgroup": {"zarr_format": 2, "more": "\u0153"}}


def test_a_damaged_document_is_not_consolidated():
    store = {".zgroup": b'{"zarr_format": 2}', "a/.zattrs": b"{"}
    with pytest.raises(errors.MetadataError, match=r"a/\.zattrs"):
        zarr.consolidate_metadata(store)
    assert ".zmetadata" not in store


@in_any_other_store
def test_a_consolidated_hierarchy_accepts_elements_and_refuses_other_changes(store):
    tree_in(store)
    opened = zarr.consolidate_metadata(store)
    opened["x"][1:3] = 9
    assert zarr.open_group(store)["x"][:].tolist() == [0, 9, 9, 3, 4, 5]
    documents_before = {key: store[key] for key in store if key.rsplit("/", 1)[-1].startswith(".z")}
    changes = [
        lambda: opened.create_group("n"),
        lambda: opened.require_group("n"),
        lambda: opened.zeros("n", shape=3),
        lambda: opened.__delitem__("x"),
        lambda: opened.move("x", "z"),
        lambda: opened.attrs.put({"n": 1}),
        lambda: opened["x"].attrs.put({"n": 1}),
        lambda: opened["x"].resize(3),
        lambda: opened["x"].append([3]),
    ]
    for change in changes:
        with pytest.raises(errors.ReadOnlyError):
            change()
    after = {key: store[key] for key in store if key.rsplit("/", 1)[-1].startswith(".z")}
    assert after == documents_before


def test_later_changes_are_visible_after_consolidating_again():
    store = {}
    root = tree_in(store)
    zarr.consolidate_metadata(store)
    root["n"] = [1]
    root["x"].resize(3)
    assert "n" not in zarr.open_consolidated(store)
    assert zarr.open_consolidated(store)["x"].shape == (6,)
    assert "n" in zarr.open(store)
    opened = zarr.consolidate_metadata(store)
    assert opened["n"][:].tolist() == [1]
    assert opened["x"].shape == (3,)


def test_the_key_of_the_document_and_the_path_of_the_group_can_be_chosen():
    store = {}
    tree_in(store)
    assert zarr.consolidate_metadata(store, metadata_key="other", path="a").name == "/a"
    assert ".zmetadata" not in store
    assert list(zarr.open_consolidated(store, metadata_key="other", path="b")) == ["c"]
    assert zarr.open_consolidated(store, metadata_key="other", path="x").shape == (6,)
    with pytest.raises(KeyError):
        zarr.open_consolidated(store)


def test_an_array_at_the_root_can_be_consolidated():
    store = zarr.array([1, 2, 3]).store
    assert zarr.consolidate_metadata(store)[:].tolist() == [1, 2, 3]


@in_any_other_store
def test_documents_below_missing_groups_are_found(store):
    zarr.create(3, store=store, path="a/b/c")
    del store["a/b/.zgroup"]
    opened = zarr.consolidate_metadata(store)
    assert opened["a/b/c"].shape == (3,)
    assert set(opened.store) == {".zgroup", "a/.zgroup", "a/b/c/.zarray"}


@pytest.mark.parametrize("mode", ["a", "w", "w-", "x", "rw"])
def test_modes_that_create_are_refused(mode):
    with pytest.raises(ValueError, match="'r' or 'r"):
        zarr.open_consolidated({}, mode=mode)


def test_chunks_can_be_in_a_separate_store():
    metadata, chunks = {}, {}
    zarr.open_group(metadata, mode="w", chunk_store=chunks)["x"] = [1, 2]
    zarr.consolidate_metadata(metadata)
    assert zarr.open_consolidated(metadata, chunk_store=chunks)["x"][:].tolist() == [1, 2]


def test_a_path_is_accepted_as_a_store(tmp_path):
    path = str(tmp_path / "a.zip")
    with zarr.open_group(path, mode="w") as root:
        root["x"] = [1, 2]
    assert zarr.consolidate_metadata(path)["x"][:].tolist() == [1, 2]
    opened = zarr.open_consolidated(path, mode="r")
    assert opened["x"][:].tolist() == [1, 2]
    opened["x"].chunk_store.close()
    tree_in(tmp_path / "b")
    zarr.consolidate_metadata(tmp_path / "b")
    assert list(zarr.open_consolidated(str(tmp_path / "b"))) == ["a", "b", "x"]


# -- requests --------------------------------------------------------------------------------------


def test_chunks_are_neither_listed_nor_read():
    store = Batched()
    root = zarr.open_group(store, mode="w")
    for i in range(5):
        root.create_dataset(f"g/x{i}", data=np.arange(100), chunks=1).attrs["i"] = i
    store.requests.clear()
    list(consolidated.documents_of(store))
    listed = [request for request in store.requests if request[0].endswith("*")]
    assert listed == [["/*"], ["g/*"]]
    names = {key.rsplit("/", 1)[-1] for request in store.requests for key in request}
    assert names <= {".zarray", ".zgroup", ".zattrs", "*"}
    assert len(store.requests) <= 2 + 3 * 3


def test_a_batched_store_gets_few_requests():
    store = Batched()
    root = zarr.open_group(store, mode="w")
    for i in range(50):
        root.create_dataset(f"x{i}", shape=3)
    root.create_groups("a", "b")

    def n_requests(call):
        store.requests.clear()
        call()
        return len(store.requests)

    assert n_requests(lambda: zarr.open_group(store, mode="r")) == 1
    assert n_requests(lambda: root["x3"]) == 1
    assert n_requests(lambda: root["a"]) == 1
    assert n_requests(lambda: "x3" in root) <= 2
    # one listing, then arrays, then groups
    assert n_requests(lambda: len(root)) == 3
    assert n_requests(lambda: dict(root.arrays())) == 3
    assert n_requests(lambda: dict(root.groups())) == 3
    assert n_requests(lambda: dict(zip(root.keys(), root.values(), strict=True))) <= 7
    # the nodes above, the node itself, the new documents, and a check for concurrent creation
    assert n_requests(lambda: root.create_group("c/d/e")) <= 8


def test_the_json_writer_gives_the_bytes_of_the_json_module():
    values = [
        {}, [], {"a": {}}, [[]], {"b": 1, "a": 2.5, "c": None, "d": True, "e": "\u0153\n\t\"\\/"}, "text", 5, -0.0,
        1e300, 5e-324, float("nan"), float("inf"), [-float("inf")], {"x": (1, [2, {"y": ()}])}, 2**70,
        {"10": 1, "9": 2},
        {1: 2}, {None: 1}, {True: [1]}, {"n": np.int64(5), "f": np.float32(1.5)}, {"deep": [[[[{"a": [1, 2]}]]]]},
    ]  # fmt: skip
    for value in values:
        plain = json.dumps(
            value,
            indent=4,
            sort_keys=True,
            separators=(",", ": "),
            ensure_ascii=False,
            default=lambda number: number.item(),
        )
        assert json_writer.dump_json(value) == plain.encode()
    for bad in ({"a": {1, 2}}, [b"x"], {(1, 2): 3}, {"a": 1, 2: 3}):
        with pytest.raises(TypeError):
            json_writer.dump_json(bad)
    endless = []
    endless.append(endless)
    with pytest.raises((ValueError, RecursionError)):
        json_writer.dump_json(endless)
