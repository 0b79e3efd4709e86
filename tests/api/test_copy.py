"""A copy reads the same as its source; chunks are decoded only if the encoding differs."""

import io
import pickle

import h5py
import numpy as np
import pytest

import zarrcy as zarr
from zarrcy import errors
from zarrcy.testing import CountingStore


def tree_in(store):
    root = zarr.open_group(store, mode="w")
    root.create_dataset("x", data=np.arange(6), chunks=2)
    root.create_dataset("a/y", data=np.ones((4, 3), "f4"), chunks=(3, 2), order="F")
    root.create_group("b/c")
    root["a"].attrs["k"] = [1]
    root["x"].attrs["unit"] = "K"
    return root


@pytest.fixture
def source():
    return tree_in({})


@pytest.fixture
def dest():
    return zarr.group()


def paths_in(group):
    paths = []
    group.visit(paths.append)
    return paths


def assert_same(copied, original):
    assert (copied.shape, copied.dtype, copied.chunks, copied.order) == (
        original.shape, original.dtype, original.chunks, original.order,
    )  # fmt: skip
    assert (copied.compressor, copied.filters) == (original.compressor, original.filters)
    np.testing.assert_array_equal(copied[...], original[...])
    assert dict(copied.attrs) == dict(original.attrs)


def test_the_copy_of_an_array_has_the_same_properties(source, dest):
    assert zarr.copy(source["x"], dest) == (1, 0, 48)
    assert_same(dest["x"], source["x"])
    assert zarr.copy(source["a/y"], dest, name="deep/er") == (1, 0, 48)
    assert_same(dest["deep/er"], source["a/y"])


def test_a_group_is_copied_with_its_members(source, dest):
    assert zarr.copy(source, dest, name="n") == (6, 0, 96)
    assert paths_in(dest["n"]) == paths_in(source)
    assert_same(dest["n/a/y"], source["a/y"])
    assert dict(dest["n/a"].attrs) == {"k": [1]}
    assert zarr.copy(source["a"], dest, without_attrs=True) == (2, 0, 48)
    assert dict(dest["a"].attrs) == {}
    assert zarr.copy(source, dest, name="m", shallow=True) == (2, 0, 48)
    assert list(dest["m"]) == ["x"]


def test_copy_all_copies_members_and_attributes(source, dest):
    source.attrs["title"] = "all"
    dest.attrs["other"] = 1
    assert zarr.copy_all(source, dest) == (5, 0, 96)
    assert paths_in(dest) == paths_in(source)
    assert dict(dest.attrs) == {"title": "all", "other": 1}
    plain = zarr.group()
    assert zarr.copy_all(source, plain, shallow=True, without_attrs=True) == (1, 0, 48)
    assert (list(plain), dict(plain.attrs)) == (["x"], {})


def test_a_root_needs_a_name_for_its_copy(source, dest):
    for thing in (source, zarr.zeros(3)):
        with pytest.raises(TypeError, match="name"):
            zarr.copy(thing, dest)
    with pytest.raises(ValueError, match="must be a group"):
        zarr.copy(source["x"], source["x"])
    with pytest.raises(ValueError, match="must be a group"):
        zarr.copy_all(source, {})


# -- objects that exist already --------------------------------------------------------------------------


@pytest.fixture
def full():
    """Return a destination with another array "x", a group "a" and an array instead of the group "b"."""
    group = zarr.group()
    group["x"], group["a/y"], group["b"] = [7], [8], [9]
    return group


def test_an_existing_object_is_an_error_by_default(source, full):
    for name, what in (("x", "object 'x'"), ("a", "object 'a/y'"), ("b", "array 'b'")):
        with pytest.raises(errors.CopyError, match=f"an {what} already exists in destination '/'"):
            zarr.copy(source[name], full)
    assert [full[name][0] for name in ("x", "a/y", "b")] == [7, 8, 9]
    with pytest.raises(RuntimeError, match="if_exists"):
        zarr.copy_all(source, full)


def test_replace_replaces_existing_objects(source, full):
    assert zarr.copy_all(source, full, if_exists="replace") == (5, 0, 96)
    assert paths_in(full) == paths_in(source)
    assert_same(full["x"], source["x"])


def test_skip_keeps_existing_objects(source, full):
    assert zarr.copy_all(source, full, if_exists="skip") == (1, 3, 0)
    assert [full[name][0] for name in ("x", "a/y", "b")] == [7, 8, 9]
    assert dict(full["a"].attrs) == {"k": [1]}


def test_skip_initialized_replaces_arrays_that_lack_chunks(source, full):
    full.create_dataset("x", shape=6, chunks=2, overwrite=True)[:2] = 5
    assert zarr.copy_all(source, full, if_exists="skip_initialized")[:2] == (4, 1)
    assert_same(full["x"], source["x"])
    assert full["a/y"][0] == 8
    assert list(full["b"]) == ["c"]


def test_the_copy_error_can_be_pickled():
    error = errors.CopyError("an array", "x", "/a")
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), vars(back)) == (errors.CopyError, str(error), vars(error))


def test_an_unknown_rule_is_refused(source, dest):
    for function in (zarr.copy, zarr.copy_all):
        with pytest.raises(ValueError, match="if_exists is 'maybe'"):
            function(source["a"], dest, if_exists="maybe")
    with pytest.raises(ValueError, match="if_exists is 'skip_initialized'"):
        zarr.copy_store({}, {}, if_exists="skip_initialized")


def test_a_dry_run_logs_the_plan_and_changes_nothing(source, full):
    before = dict(full.store)
    said = []
    assert zarr.copy_all(source, full, if_exists="skip", dry_run=True, log=said.append) == (1, 3, 0)
    assert said == [
        "copy /a", "skip /a/y (4, 3) float32", "skip /b", "skip /x (6,) int64", "dry run: 1 copied, 3 skipped",
    ]  # fmt: skip
    assert zarr.copy(source, full, name="n", dry_run=True) == (6, 0, 0)
    assert dict(full.store) == before


def test_a_group_can_be_copied_into_itself(source):
    assert zarr.copy(source, source, name="a/all") == (6, 0, 96)
    assert paths_in(source["a/all"]) == ["a", "a/y", "b", "b/c", "x"]
    assert_same(source["a/all/x"], source["x"])


# -- how it is copied ------------------------------------------------------------------------------


def test_equal_encodings_are_copied_without_decoding(dest):
    store = CountingStore()
    source = zarr.create(10, chunks=2, store=store, path="x", dtype="i4")
    source[2:6] = 1
    store["x/1"] = b"damaged"
    store.counts.clear()
    assert zarr.copy(source, dest) == (1, 0, 40)
    assert dest.store["x/1"] == b"damaged"
    assert dest.store["x/2"] == store["x/2"]
    assert "x/0" not in dest.store
    assert store.gets == 2 + 1, "each stored chunk once, and one here"


@pytest.mark.parametrize(
    "changed",
    [
        {"chunks": 5},
        {"compressor": None},
        {"compressor": zarr.Zlib()},
        {"dtype": "f8"},
        {"dtype": ">i4"},
        {"filters": [zarr.Delta("i4")]},
        {"fill_value": 3},
        {"write_empty_chunks": False},
        {"dimension_separator": "/"},
    ],
    ids=str,
)
def test_arrays_with_other_encodings_are_decoded_and_read_the_same(dest, changed):
    source = zarr.group().create_dataset("x", shape=(7, 9), chunks=(3, 2), dtype="i4")
    source[1:5, 2:] = np.arange(28).reshape(4, 7)
    source[0, 0] = 0
    zarr.copy(source, dest, **changed)
    np.testing.assert_array_equal(dest["x"][...], source[...])
    for name, value in changed.items():
        if name == "write_empty_chunks":
            assert "x/0.0" in source.store
            assert "x/0.0" not in dest.store
        elif name not in ("chunks", "filters"):
            assert getattr(dest["x"], name) == value


def test_the_copy_of_a_view_has_the_elements_of_the_view(source, dest):
    zarr.copy(source["x"].astype("f4"), dest)
    assert dest["x"].dtype == np.float32
    assert dest["x"][:].tolist() == [0, 1, 2, 3, 4, 5]
    zarr.copy(source["x"].view(dtype="M8[s]"), dest, name="times")
    assert dest["times"][1] == np.datetime64("1970-01-01T00:00:01")


@pytest.mark.parametrize("before", [".", "/"])
@pytest.mark.parametrize("after", [".", "/", None])
def test_chunks_are_copied_to_keys_with_another_separator(dest, before, after):
    source = zarr.group().create_dataset("x", shape=(4, 4), chunks=2, dimension_separator=before)
    source[1:3, 2:] = 5
    zarr.copy(source, dest, **({} if after is None else {"dimension_separator": after}))
    assert dest["x"].dimension_separator == (after or before)
    np.testing.assert_array_equal(dest["x"][...], source[...])
    assert f"x/1{after or before}1" in dest.store


def test_the_destination_store_decides_the_separator_of_the_copy(tmp_path):
    source = zarr.group().create_dataset("x", shape=(4, 4), chunks=2, dimension_separator="/")
    source[...] = 1
    flat = zarr.group(zarr.DirectoryStore(tmp_path / "a", dimension_separator="."))
    zarr.copy(source, flat)
    assert flat["x"].dimension_separator == "."
    assert (flat["x"][...] == 1).all()


@pytest.mark.parametrize(
    "array",
    [
        zarr.array(5),
        zarr.zeros((0, 3)),
        zarr.array(["a", "bc"], dtype=str),
        zarr.array(np.array([{"a": 1}, None], dtype=object), object_codec=zarr.JSON()),
        zarr.array(np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")])),
        zarr.full(3, np.nan, dtype="f4"),
        zarr.empty(3, dtype="i2"),
    ],
    ids=lambda array: str(array.dtype) + str(array.shape),
)
@pytest.mark.parametrize("changed", [{}, {"chunks": 1}], ids=["moved", "decoded"])
def test_arrays_of_any_kind_are_copied(array, dest, changed):
    zarr.copy(array, dest, name="n", **(changed if array.shape else {}))
    np.testing.assert_array_equal(dest["n"][...], array[...])
    assert dest["n"].dtype == array.dtype


def test_pieces_are_whole_chunks_of_the_copy_and_each_source_chunk_is_decoded_once(dest):
    store = CountingStore()
    source = zarr.create((64, 64), chunks=(64, 1), store=store, dtype="u1", compressor=None)
    source[...] = np.arange(64)
    store.counts.clear()
    dest = zarr.group(CountingStore())
    zarr.copy(source, dest, name="n", chunks=(1, 64))
    assert store.gets == 64
    assert (dest.store.gets, dest.store.sets) == (0, 64)
    np.testing.assert_array_equal(dest["n"][...], source[...])


# -- h5py ------------------------------------------------------------------------------------------


@pytest.fixture
def hdf5(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        yield file


def fill_hdf5(file):
    file.create_dataset("g/x", data=np.arange(20, dtype="i2").reshape(4, 5), chunks=(2, 3), fillvalue=7)
    file["g"].attrs.update(
        n=np.int64(3), name="text", many=np.arange(3.0), flag=np.bool_(True), raw=np.bytes_(b"a")
    )
    file["g/x"].attrs["words"] = np.array(["a", "b"], dtype=h5py.string_dtype())
    file["text"] = np.array(["a", "b\u0153"], dtype=h5py.string_dtype())
    file["fixed"] = np.array([b"a", b"bc"])
    file["scalar"] = 2.5
    file["plain"] = np.ones(3, "?")
    return file


def test_hdf5_is_copied_to_zarr(hdf5, dest):
    fill_hdf5(hdf5)
    assert zarr.copy_all(hdf5, dest)[:2] == (6, 0)
    assert_array = np.testing.assert_array_equal
    assert_array(dest["g/x"][...], hdf5["g/x"][...])
    assert (dest["g/x"].chunks, dest["g/x"].fill_value, dest["g/x"].dtype) == ((2, 3), 7, np.int16)
    assert dict(dest["g"].attrs) == {
        "n": 3,
        "name": "text",
        "many": [0.0, 1.0, 2.0],
        "flag": True,
        "raw": "a",
    }
    assert dict(dest["g/x"].attrs) == {"words": ["a", "b"]}
    assert dest["text"][:].tolist() == ["a", "b\u0153"]
    assert_array(dest["fixed"][:], hdf5["fixed"][:])
    assert dest["scalar"][()] == 2.5
    assert dest["plain"].dtype == bool
    assert zarr.copy(hdf5["g/x"], dest, compressor=zarr.Zlib(), chunks=1) == (1, 0, 40)
    assert (dest["x"].compressor, dest["x"].chunks) == (zarr.Zlib(), (1, 1))
    assert str(zarr.tree(hdf5["g"])) == "g\n └── x (4, 5) int16"


def test_zarr_is_copied_to_hdf5(hdf5):
    source = tree_in({})
    source["text"] = zarr.array(["a", "b\u0153"], dtype=str)
    source["scalar"] = 5
    source.zeros("nothing", shape=(0, 3))
    source.full("wide", 7, shape=3, chunks=10, dtype="i2")
    assert zarr.copy_all(source, hdf5)[:2] == (9, 0)
    np.testing.assert_array_equal(hdf5["a/y"][...], source["a/y"][...])
    assert (hdf5["a/y"].chunks, hdf5["a/y"].compression) == ((3, 2), "gzip")
    assert hdf5["x"].attrs["unit"] == "K"
    assert hdf5["a"].attrs["k"].tolist() == [1]
    assert hdf5["text"].asstr()[:].tolist() == ["a", "b\u0153"]
    assert hdf5["scalar"][()] == 5
    assert hdf5["nothing"].shape == (0, 3)
    assert hdf5["wide"][:].tolist() == [7, 7, 7]
    with pytest.raises(ValueError, match="only to zarrcy"):
        zarr.copy(source["x"], hdf5, if_exists="skip_initialized")
    with pytest.raises(errors.CopyError):
        zarr.copy(source["x"], hdf5)
    assert zarr.copy(source["x"], hdf5, if_exists="replace", compression="lzf") == (1, 0, 48)
    assert hdf5["x"].compression == "lzf"


def test_hdf5_is_copied_to_hdf5(hdf5, tmp_path):
    fill_hdf5(hdf5)
    hdf5.create_dataset("z", data=np.arange(100), chunks=10, compression="gzip", shuffle=True)
    with h5py.File(tmp_path / "b.h5", "w") as other:
        zarr.copy_all(hdf5, other)
        assert (other["z"].compression, other["z"].shuffle, other["z"].chunks) == ("gzip", True, (10,))
        np.testing.assert_array_equal(other["z"][:], np.arange(100))
        np.testing.assert_array_equal(other["g/x"][...], hdf5["g/x"][...])
        assert other["text"].asstr()[:].tolist() == ["a", "b\u0153"]
        assert other["g"].attrs["many"].tolist() == [0.0, 1.0, 2.0]


# -- stores ----------------------------------------------------------------------------------------


def test_copy_store_copies_keys_and_values_unchanged(source):
    dest = {}
    n = len(source.store)
    nbytes = sum(map(len, source.store.values()))
    assert zarr.copy_store(source.store, dest) == (n, 0, nbytes)
    assert dest == dict(source.store)
    nested = {}
    assert zarr.copy_store(source.store, nested, source_path="/a/", dest_path="n//m")[0] == 7
    assert set(nested) == {f"n/m{key[1:]}" for key in dest if key.startswith("a/")}


def test_patterns_include_and_exclude_keys(source):
    def copied(**chosen):
        dest = {}
        zarr.copy_store(source.store, dest, **chosen)
        return set(dest)

    everything = set(source.store)
    assert copied(excludes=r"\.z") == {key for key in everything if ".z" not in key}
    assert copied(excludes=[r"zgroup", r"zattrs"]) == {
        k for k in everything if k[-6:] not in ("zgroup", "zattrs")
    }
    assert copied(excludes=".", includes="^a/") == {key for key in everything if key.startswith("a/")}
    assert copied(excludes="ZGROUP", flags=2) == {key for key in everything if "zgroup" not in key}


def test_if_exists_decides_about_existing_keys(source):
    def copied(**rule):
        dest = {"x/0": b"old"}
        counts = zarr.copy_store(source.store, dest, **rule)
        return counts[:2], dest["x/0"]

    n = len(source.store)
    assert copied(if_exists="skip") == ((n - 1, 1), b"old")
    assert copied(if_exists="replace") == ((n, 0), source.store["x/0"])
    assert copied(if_exists="replace", dry_run=True) == ((n, 0), b"old")
    with pytest.raises(errors.CopyError, match="a key 'x/0' already exists"):
        copied()


def test_copy_store_accepts_paths_and_completes_a_zip_file(tmp_path):
    tree_in(tmp_path / "a")
    n, _, nbytes = zarr.copy_store(tmp_path / "a", str(tmp_path / "a.zip"))
    with zarr.open_group(str(tmp_path / "a.zip"), mode="r") as copied:
        assert paths_in(copied) == ["a", "a/y", "b", "b/c", "x"]
        np.testing.assert_array_equal(copied["x"][:], np.arange(6))
        assert (len(copied.store), nbytes) == (n, sum(map(len, copied.store.values())))
    assert zarr.copy_store(tmp_path / "a", tmp_path / "b.zip", dry_run=True) == (n, 0, 0)
    assert not (tmp_path / "b.zip").exists()


def test_many_keys_are_read_in_one_request():
    class Batched(zarr.MemoryStore):
        n_asked = 0

        def getitems(self, keys):
            self.n_asked += 1
            return {key: self[key] for key in keys if key in self}

    store = Batched()
    zarr.array(np.arange(1000), chunks=1, store=store)
    dest = {}
    store.n_asked = 0
    assert zarr.copy_store(store, dest)[0] == 1001
    assert dest == dict(store)
    assert store.n_asked < 10


# -- logs and progress -----------------------------------------------------------------------------


def test_a_log_can_be_a_function_a_path_or_a_file(source, dest, tmp_path):
    expected = ["copy /a", "copy /a/y (4, 3) float32", "all done: 2 copied, 0 skipped, 48 bytes copied"]
    said, file = [], io.StringIO()
    for number, log in enumerate((said.append, file, str(tmp_path / "log"), tmp_path / "other")):
        zarr.copy(source["a"], dest.create_group(f"n{number}"), log=log)
    assert said == expected
    for text in (file.getvalue(), (tmp_path / "log").read_text(), (tmp_path / "other").read_text()):
        assert text.splitlines() == expected
    with pytest.raises(TypeError, match="log is 5"):
        zarr.copy(source["a"], dest, log=5)
    assert "a" not in dest


def test_a_terminal_shows_the_progress_of_a_copy(source, dest, monkeypatch):
    pytest.importorskip("rich")

    class Terminal(io.StringIO):
        def isatty(self):
            return True

    def shown(call):
        terminal = Terminal()
        monkeypatch.setattr("sys.stderr", terminal)
        call()
        return terminal.getvalue()

    assert "copying" in shown(lambda: zarr.copy_all(source, dest))
    assert "copying" in shown(lambda: zarr.copy_store(source.store, {}))
    assert shown(lambda: zarr.copy_all(source, zarr.group(), log=[].append)) == ""
    assert shown(lambda: zarr.copy_all(source, zarr.group(), dry_run=True)) == ""


# -- refused copies --------------------------------------------------------------------------------


def source_tree():
    root = zarr.group({})
    root["foo/a"], root["foo/bar"], root["foo/z"] = [1], [2, 3], [4]
    return root


REFUSED = {
    "copy": lambda root, dest, **kwargs: zarr.copy(root["foo"], dest, **kwargs),
    "copy_all": zarr.copy_all,
    "copy_store": lambda root, dest, **kwargs: zarr.copy_store(root.store, dest.store, **kwargs),
}


@pytest.mark.parametrize("verb", REFUSED)
def test_a_copy_that_is_refused_changes_nothing_and_is_refused_again(verb):
    root, dest = source_tree(), zarr.group({})
    dest.create_dataset("foo/bar", shape=(10,))
    before = dict(dest.store)
    for kwargs in ({}, {"if_exists": "raise"}, {}):
        with pytest.raises(errors.CopyError, match="exists"):
            REFUSED[verb](root, dest, **kwargs)
        assert dict(dest.store) == before
    assert zarr.verify(dest.store).ok
    REFUSED[verb](root, dest, if_exists="replace")
    assert dest["foo/bar"][:].tolist() == [2, 3]
    assert dest["foo/z"][:].tolist() == [4]
    assert ".zarrcy-unfinished" not in str(list(dest.store))
