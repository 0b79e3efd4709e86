"""A group is a mapping of names to arrays and groups, in any store."""

import copy
import pickle

import numpy as np
import pytest

import zarrcy as zarr
from zarrcy import errors
from zarrcy.testing import CountingStore


@pytest.fixture(params=["dict", "memory", "directory", "mapping"])
def store(request, tmp_path):
    return {
        "dict": dict,
        "memory": zarr.MemoryStore,
        "directory": lambda: zarr.DirectoryStore(tmp_path / "store"),
        "mapping": CountingStore,
    }[request.param]()


def tree_in(store):
    """Return a root with an array "x", a group "a" with an array "y", and a group "b/c"."""
    root = zarr.open_group(store, mode="w")
    root.create_dataset("x", data=np.arange(6), chunks=2)
    root.create_dataset("a/y", shape=(2, 3), dtype="f4")
    root.create_group("b/c")
    root["a"].attrs["k"] = 1
    return root


def test_a_group_finds_its_members_by_name_and_path(store):
    root = tree_in(store)
    assert list(root) == ["a", "b", "x"]
    assert len(root) == 3
    assert [member.name for member in root.values()] == ["/a", "/b", "/x"]
    assert [(name, member.path) for name, member in root.items()] == [("a", "a"), ("b", "b"), ("x", "x")]
    assert root["a/y"] == root["a"]["y"] == root["/a//y/"] == root["b/c"]["/a/y"]
    assert isinstance(root["a"], zarr.Group)
    assert isinstance(root["x"], zarr.Array)
    np.testing.assert_array_equal(root["x"][:], np.arange(6))
    assert "a/y" in root
    assert "/x" in root["a"]
    assert "y" not in root
    assert root.get("y") is None
    with pytest.raises(KeyError, match="nonesuch"):
        root["nonesuch"]


def test_groups_and_arrays_are_listed_separately_and_recursively():
    root = tree_in({})
    assert list(root.group_keys()) == ["a", "b"]
    assert list(root.array_keys()) == ["x"]
    assert list(root.array_keys(recurse=True)) == ["y", "x"]
    assert [(name, group.path) for name, group in root.groups()] == [("a", "a"), ("b", "b")]
    assert [(name, array.path) for name, array in root.arrays()] == [("x", "x")]
    assert [(name, array.path) for name, array in root.arrays(recurse=True)] == [("y", "a/y"), ("x", "x")]


def test_a_group_has_a_name_a_report_and_properties():
    root = tree_in({})
    inner = root["b/c"]
    assert (root.name, root.path, root.basename) == ("/", "", "")
    assert (inner.name, inner.path, inner.basename) == ("/b/c", "b/c", "c")
    assert repr(inner) == "<zarrcy.Group '/b/c'>"
    assert repr(zarr.Group(root.store, read_only=True)) == "<zarrcy.Group '/' read-only>"
    assert inner.store is inner.chunk_store is root.store
    assert inner.zarr_format == 2
    assert inner.synchronizer is None
    assert inner.meta_array.shape == ()
    rows = dict(root.info_items())
    assert (rows["No. members"], rows["Arrays"], rows["Groups"]) == (3, "x", "a, b")
    assert "Name        : /\n" in repr(root.info)
    assert "<td" in root.info._repr_html_()


def test_members_are_attributes_and_special_names_cause_no_store_access():
    root = tree_in(CountingStore())
    assert root.a.y.shape == (2, 3)
    assert {"a", "x", "tree"} <= set(dir(root))
    root.create_group("not an identifier")
    assert "not an identifier" not in dir(root)
    assert "not an identifier" in root._ipython_key_completions_()
    with pytest.raises(AttributeError, match="nonesuch"):
        root.nonesuch
    before = dict(root.store.counts)
    for name in ("__array__", "_ipython_display_", "__fspath__"):
        assert not hasattr(root, name)
    # notebooks show the text of a group
    assert root._repr_html_() is None
    assert root._repr_mimebundle_(include=[], exclude=[]) is None
    assert root.store.counts == before


def test_groups_are_equal_if_store_path_and_mode_are_equal():
    root = tree_in({})
    assert root == zarr.Group(root.store)
    assert root != zarr.Group(root.store, read_only=True)
    assert root["a"] != root["b"]
    assert root != root["x"]
    assert root != 5
    with pytest.raises(TypeError):
        hash(root)


def test_groups_can_be_pickled_and_copied(store):
    synchronizer = zarr.ThreadSynchronizer()
    root = zarr.Group(tree_in(store).store, path="a", cache_attrs=False, synchronizer=synchronizer)
    for again in (pickle.loads(pickle.dumps(root)), copy.deepcopy(root)):
        assert again == root
        assert list(again) == ["y"]
        assert again.attrs.cache is False
        assert type(again.synchronizer) is zarr.ThreadSynchronizer


def test_a_group_closes_its_store_when_the_block_ends(tmp_path):
    with zarr.open_group(str(tmp_path / "a.zip"), mode="w") as root:
        root["a/x"] = [1, 2]
        assert list(root) == ["a"]
    with zarr.open(str(tmp_path / "a.zip"), mode="r") as root:
        assert root["a/x"][:].tolist() == [1, 2]
        assert list(root["a"]) == ["x"]
    with zarr.group({}) as root:
        root["x"] = [1]
    assert list(root) == ["x"]


def test_assignment_creates_an_array_and_replaces_a_member(store):
    root = tree_in(store)
    root["a"] = [1.5, 2.5]
    root["new/er"] = 7
    assert root["a"][:].tolist() == [1.5, 2.5]
    assert root["new/er"][()] == 7
    root.update(u=[1], v=[2])
    assert list(root) == ["a", "b", "new", "u", "v", "x"]
    root.clear()
    assert list(root) == []
    assert sorted(root.store) == [".zgroup"]


def test_deletion_removes_everything_below_and_the_chunks(store):
    root = tree_in(store)
    del root["a"]
    assert list(root) == ["b", "x"]
    assert not any(key.startswith("a") for key in root.store)
    with pytest.raises(KeyError, match="nonesuch"):
        del root["nonesuch"]
    chunks = {}
    apart = zarr.group({}, chunk_store=chunks)
    apart["z"] = [1]
    del apart["z"]
    assert chunks == {}


def test_move_keeps_data_and_creates_parent_groups(store):
    root = tree_in(store)
    root.move("a", "b/d/e")
    assert "a" not in root
    assert dict(root["b/d/e"].attrs) == {"k": 1}
    assert root["b/d/e/y"].shape == (2, 3)
    root["b"].move("/x", "x")
    np.testing.assert_array_equal(root["b/x"][:], np.arange(6))


def test_move_also_moves_chunks_in_another_store(tmp_path):
    for chunks in ({}, zarr.DirectoryStore(tmp_path)):
        root = zarr.group({}, chunk_store=chunks)
        root["a/x"] = [1, 2]
        root.zeros("empty", shape=3)
        root.move("a", "b/c")
        root.move("empty", "b/d")
        assert sorted(chunks) == ["b/c/x/0"]
        assert root["b/c/x"][:].tolist() == [1, 2]
        assert root["b/d"][:].tolist() == [0, 0, 0]


@pytest.mark.parametrize(
    ("source", "dest", "error"),
    [
        ("nonesuch", "n", errors.PathNotFoundError),
        ("a", "x", errors.ContainsArrayError),
        ("x", "a", errors.ContainsGroupError),
        ("a", "a", errors.ContainsGroupError),
        ("a", "a/n", errors.KeyPathError),
        ("/", "n", errors.KeyPathError),
        ("a", "x/n", errors.ContainsArrayError),
        ("a", "../n", errors.KeyPathError),
    ],
)
def test_an_impossible_move_is_refused_and_changes_nothing(source, dest, error):
    root = tree_in({})
    before = dict(root.store)
    with pytest.raises(error):
        root.move(source, dest)
    assert dict(root.store) == before


def test_a_read_only_group_and_its_members_can_not_be_changed():
    root = tree_in({})
    before = dict(root.store)
    reader = zarr.open_group(root.store, mode="r")
    changes = [
        lambda: reader.create_group("n"),
        lambda: reader.require_group("a"),
        lambda: reader.create_dataset("n", shape=3),
        lambda: reader.require_dataset("x", shape=6),
        lambda: reader.array("n", [1]),
        lambda: reader.move("a", "n"),
        lambda: reader.__setitem__("n", [1]),
        lambda: reader.__delitem__("a"),
        lambda: reader.attrs.put({"n": 1}),
        lambda: reader["a"].attrs.put({"n": 1}),
        lambda: reader["a"].create_group("n"),
        lambda: reader["x"].__setitem__(0, 1),
        lambda: dict(reader.groups())["a"].create_group("n"),
        lambda: dict(reader.arrays())["x"].resize(3),
    ]
    for change in changes:
        with pytest.raises(PermissionError, match="read-only"):
            change()
    assert dict(root.store) == before


def test_visiting_stops_at_the_first_result():
    root = tree_in({})
    paths = []
    assert root.visit(paths.append) is None
    assert paths == ["a", "a/y", "b", "b/c", "x"]
    assert root["b"].visitkeys(lambda path: path) == "c"
    assert root.visitvalues(lambda member: member.shape if isinstance(member, zarr.Array) else None) == (2, 3)
    assert root.visititems(lambda path, member: (path, member.name) if "c" in path else None) == (
        "b/c",
        "/b/c",
    )
    assert root["a"].visititems(lambda path, member: path) == "y"


def test_members_can_be_deleted_during_iteration():
    root = tree_in({})
    for name in root:
        del root[name]
    assert list(root) == []
    root = tree_in({})
    seen = []
    for name, member in root.items():
        seen.append(name)
        root.pop("x", None)
        assert member.name == f"/{name}"
    assert seen[:2] == ["a", "b"]


def test_keys_that_are_not_nodes_are_not_members():
    root = tree_in({})
    root.store.update({"readme.txt": b"", "plain/file": b"", ".zmetadata": b"{}", "a/.zmetadata": b"{}"})
    assert list(root) == ["a", "b", "x"]
    assert list(root["a"]) == ["y"]
    root.create_group(".hidden")
    assert ".hidden" in list(root)


def test_attributes_are_cached_only_with_cache_attrs():
    root = tree_in({})
    cached, fresh = root["a"], zarr.Group(root.store, cache_attrs=False)["a"]
    assert cached.attrs["k"] == fresh.attrs["k"] == 1
    root["a"].attrs["k"] = 2
    assert (cached.attrs["k"], fresh.attrs["k"]) == (1, 2)
    cached.attrs.refresh()
    assert cached.attrs["k"] == 2


def test_members_inherit_the_options_of_their_group():
    class Special(np.ndarray):
        pass

    like = np.empty(3).view(Special)
    chunks, locks = {}, zarr.ThreadSynchronizer()
    root = zarr.group({}, chunk_store=chunks, synchronizer=locks, cache_attrs=False, meta_array=like)
    made = root.create_dataset("a/x", data=[1.0, 2.0])
    for array in (made, root["a/x"], dict(root["a"].arrays())["x"], root.require_dataset("a/x", shape=2)):
        assert array.synchronizer is locks
        assert array.attrs.cache is False
        assert type(array[:]) is Special
        assert array.chunk_store == zarr.KVStore(chunks)
    for group in (root["a"], root.require_group("a"), root.create_group("b"), dict(root.groups())["a"]):
        assert group.synchronizer is locks
        assert group.attrs.cache is False
        assert type(group.meta_array) is Special
        assert group.meta_array.shape == ()
    assert set(chunks) == {"a/x/0"}


def test_changes_are_made_under_one_lock():
    held = []

    class Locks:
        def __getitem__(self, key):
            class Lock:
                def __enter__(self):
                    held.append(key)

                def __exit__(self, *rest):
                    held.append(f"-{key}")

            return Lock()

    root = zarr.open_group({}, mode="w", synchronizer=Locks())
    assert held == [".zgroup", "-.zgroup"]
    held.clear()
    zarr.open_group(root.store, synchronizer=root.synchronizer)
    assert held == [], "a group that exists is opened without a lock"
    root.create_group("a")
    assert held == [".zgroup", "-.zgroup"]
    held.clear()
    root["a"].zeros("x", shape=3)
    assert held == [".zgroup", "a/x/.zarray", "-a/x/.zarray", "-.zgroup"]
    held.clear()
    root.move("a", "b")
    del root["b"]
    assert held == [".zgroup", "-.zgroup"] * 2


def test_a_tree_is_drawn_to_any_depth():
    root = tree_in({})
    assert str(root.tree()) == "\n".join(
        [
            "/",
            " ├── a",
            " │   └── y (2, 3) float32",
            " ├── b",
            " │   └── c",
            " └── x (6,) int64",
        ]
    )
    assert str(zarr.tree(root["a"])) == "a\n └── y (2, 3) float32"
    assert str(root.tree(level=1)) == "/\n ├── a\n ├── b\n └── x (6,) int64"
    assert str(root.tree(level=0)) == "/"
    assert bytes(root.tree(level=1)) == b"/\n +-- a\n +-- b\n +-- x (6,) int64"
    assert str(zarr.tree(zarr.zeros(3))) == "/ (3,) float64"


@pytest.mark.parametrize("name", ["shape", "dtype", "values", "name"])
def test_a_member_with_the_name_of_an_attribute_of_arrays_does_not_make_its_group_an_array(name):
    root = zarr.group()
    root["a"] = [1]
    root[f"b/{name}"] = [1, 2]
    assert str(root.tree()) == f"/\n ├── a (1,) int64\n └── b\n     └── {name} (2,) int64"
    assert f"<li>{name} (2,) int64</li>" in root.tree()._repr_html_()
    copied = zarr.group()
    zarr.copy(root["b"], copied)
    zarr.copy_all(root, zarr.group())
    assert str(copied.tree()) == f"/\n └── b\n     └── {name} (2,) int64"


def test_expand_sets_how_far_a_tree_is_unfolded_in_a_notebook():
    root = zarr.group()
    root.create_group("a/<b>/c/d")
    folded = root.tree()._repr_html_()
    assert "&lt;b&gt;" in folded
    assert "<b>" not in folded
    assert (folded.count("<details"), folded.count(" open")) == (4, 1)
    assert root.tree(expand=True)._repr_html_().count(" open") == 4
    assert root.tree(expand=2)._repr_html_().count(" open") == 2
    assert root.tree(level=1)._repr_html_().count("<details") == 1


def test_a_malformed_group_document_is_an_error():
    with pytest.raises(errors.GroupNotFoundError, match="root"):
        zarr.Group({})
    with pytest.raises(errors.ContainsArrayError):
        zarr.Group(zarr.zeros(3).store)
    for document in (b"{", b'{"zarr_format": 3}', b"[]"):
        with pytest.raises(errors.MetadataError, match=r"\.zgroup"):
            zarr.Group({".zgroup": document})
    broken = tree_in({})
    broken.store["x/.zarray"] = b"{"
    with pytest.raises(errors.MetadataError, match=r"x/\.zarray"):
        broken["x"]
    members = dict(broken.items())
    assert dict(members["x"].attrs) == {}
    for look in (lambda: members["x"].shape, lambda: members["x"][:], lambda: str(broken.tree())):
        with pytest.raises(errors.MetadataError, match=r"x/\.zarray"):
            look()
    assert members["a"].tree()


# -- creating --------------------------------------------------------------------------------------


def test_creating_a_group_creates_its_parents(store):
    root = zarr.open_group(store, mode="w")
    assert root.create_group("a/b").name == "/a/b"
    assert [group.name for group in root.create_groups("c", "d/e")] == ["/c", "/d/e"]
    assert set(root.store) == {
        ".zgroup", "a/.zgroup", "a/b/.zgroup", "c/.zgroup", "d/.zgroup", "d/e/.zgroup",
    }  # fmt: skip
    with pytest.raises(errors.ContainsGroupError, match="'a'"):
        root.create_group("a")
    assert root.require_group("a") == root["a"]
    assert [group.name for group in root.require_groups("a", "n/m")] == ["/a", "/n/m"]


def test_an_array_can_not_have_members():
    root = tree_in({})
    before = dict(root.store)
    for make in (root.create_group, root.require_group, lambda name: root.zeros(name, shape=3)):
        for name in ("x/n", "a/y/n/m"):
            with pytest.raises(errors.ContainsArrayError):
                make(name)
    assert dict(root.store) == before


def test_overwriting_needs_the_keyword_overwrite():
    root = tree_in({})
    with pytest.raises(errors.ContainsArrayError):
        root.create_group("x")
    with pytest.raises(errors.ContainsArrayError):
        root.require_group("x")
    with pytest.raises(errors.ContainsGroupError):
        root.zeros("a", shape=3)
    root.create_group("x", overwrite=True)
    root.zeros("a", shape=3, overwrite=True)
    assert sorted(key for key in root.store if key[0] in "ax") == ["a/.zarray", "x/.zgroup"]
    root.zeros("b/z", shape=3)
    root.require_group("b/z", overwrite=True)
    assert list(root["b"].groups())


@pytest.mark.parametrize("name", ["create", "empty", "zeros", "ones", "create_dataset"])
def test_methods_create_arrays_like_the_functions_of_the_same_name(name):
    root = zarr.group()
    array = getattr(root, name)("a/x", shape=(4, 3), chunks=2, dtype="i2")
    like = zarr.create if name == "create_dataset" else getattr(zarr, name)
    assert array.fill_value == like((4, 3), dtype="i2").fill_value
    assert (array.name, array.shape, array.chunks, array.dtype) == ("/a/x", (4, 3), (2, 2), np.int16)


def test_methods_create_arrays_like_other_arrays():
    root = zarr.group()
    model = root.array("m", np.arange(6, dtype="i2"), chunks=4, compressor=None)
    for name in ("empty_like", "zeros_like", "ones_like", "full_like"):
        array = getattr(root, name)(name, model)
        assert (array.shape, array.chunks, array.dtype, array.compressor) == ((6,), (4,), np.int16, None)
    assert root["ones_like"][:].tolist() == [1] * 6
    assert root.full_like("seven", model, fill_value=7)[:].tolist() == [7] * 6
    assert root.full("eight", 8, shape=2)[:].tolist() == [8, 8]


def test_shape_and_data_type_come_from_the_data_unless_given():
    root = zarr.group()
    array = root.create_dataset("a", data=np.arange(4, dtype="i2"), shape=9, dtype=None, chunks=None)
    assert (array.shape, array.dtype) == ((4,), np.int16)
    assert root.create_dataset("b", data=[1, 2], dtype="f4", chunks=1)[:].dtype == np.float32
    with pytest.raises(TypeError):
        root.create_dataset("c")


def test_require_dataset_checks_shape_and_data_type():
    root = tree_in({})
    assert root.require_dataset("x", shape=6, dtype="i4") == root["x"]
    assert root.require_dataset("x", shape=(6,), dtype="i8", exact=True) == root["x"]
    assert root.require_dataset("n", shape=3, dtype="i2", fill_value=5)[:].tolist() == [5] * 3
    assert root.require_dataset("d", shape=2, data=[1, 2])[:].tolist() == [1, 2]
    with pytest.raises(TypeError, match=r"shape \(6,\), not \(7,\)"):
        root.require_dataset("x", shape=7, dtype="i8")
    with pytest.raises(TypeError, match="exactly"):
        root.require_dataset("x", shape=6, dtype="i4", exact=True)
    with pytest.raises(TypeError, match="loss"):
        root.require_dataset("x", shape=6, dtype="f8")
    with pytest.raises(errors.ContainsGroupError):
        root.require_dataset("a", shape=6)
    with pytest.raises(errors.ContainsArrayError):
        root.require_dataset("x/n", shape=6)
