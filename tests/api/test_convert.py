"""A conversion is complete or changes nothing visible, and the hierarchy can be read at every moment."""

import json

import ml_dtypes
import numcodecs
import numpy as np
import pytest

import zarrcy as zarr
from zarrcy import errors

VALUES = np.arange(30, dtype="f4").reshape(6, 5)
GZIP = numcodecs.GZip(1)


def fill(store, zarr_format=2):
    root = zarr.group(store, zarr_format=zarr_format, attributes={"title": "sea"})
    root.create_dataset(
        "x", data=VALUES, chunks=2, attributes={"_ARRAY_DIMENSIONS": ["y", "x"], "units": "K"}
    )
    root.create_dataset("a/b/z", data=VALUES, chunks=(4, 3), order="F", compressor=GZIP)
    root.create_group("a/empty", attributes={"k": [1, {"z": None}]})
    return root


def assert_holds(root, zarr_format):
    assert root.zarr_format == zarr_format
    assert dict(root.attrs) == {"title": "sea"}
    assert dict(root["a/empty"].attrs) == {"k": [1, {"z": None}]}
    for path in ("x", "a/b/z"):
        assert root[path].zarr_format == zarr_format
        np.testing.assert_array_equal(root[path][:], VALUES)
    names = (None, {"_ARRAY_DIMENSIONS": ["y", "x"]}) if zarr_format == 2 else (("y", "x"), {})
    attributes = root["x"].attrs.asdict()
    if zarr_format == 3:
        # in format 2, the fill value 0 means "missing" to xarray
        assert attributes.pop("_FillValue", "AAAAAAAAAAA=") == "AAAAAAAAAAA="
    assert (root["x"].dimension_names, attributes) == (names[0], {**names[1], "units": "K"})


STORES = {
    "dict": lambda path: {},
    "memory": lambda path: zarr.MemoryStore(),
    "directory": zarr.DirectoryStore,
    "nested": zarr.NestedDirectoryStore,
    "sqlite": lambda path: zarr.SQLiteStore(f"{path}.db"),
}


@pytest.fixture(params=list(STORES.values()), ids=list(STORES))
def store(request, tmp_path):
    return request.param(tmp_path / "a")


def test_conversion_in_place_adds_documents_beside_the_old_ones(store):
    fill(store)
    before = {key: bytes(store[key]) for key in store}
    zarr.convert(store)
    after = {key: bytes(store[key]) for key in store}
    assert {key: after.pop(key) for key in before} == before
    prefixes = ("", "a/", "a/b/", "a/b/z/", "a/empty/", "x/")
    assert sorted(after) == sorted(f"{prefix}zarr.json" for prefix in prefixes)
    assert_holds(zarr.open_group(store), 3)
    assert_holds(zarr.open_group(store, zarr_format=2), 2)


def test_a_converted_hierarchy_can_be_changed(store):
    fill(store)
    zarr.convert(store, remove_old=True)
    root = zarr.open_group(store)
    root["x"].append(VALUES)
    root["a/n"] = [1, 2]
    again = zarr.open_group(store)
    np.testing.assert_array_equal(again["x"][:], np.concatenate([VALUES, VALUES]))
    assert again["a/n"].zarr_format == 3


def test_remove_old_deletes_the_old_documents(store):
    fill(store)
    zarr.consolidate_metadata(store)
    preview = zarr.convert(store, remove_old=True, dry_run=True)
    assert "zarr.json" not in store
    done = zarr.convert(store, remove_old=True)
    assert done.removed == preview.removed
    assert sorted(done.removed) == sorted(
        [".zattrs", ".zgroup", ".zmetadata", "a/.zgroup", "a/b/.zgroup", "a/b/z/.zarray", "a/empty/.zattrs"]
        + ["a/empty/.zgroup", "x/.zarray", "x/.zattrs"]
    )
    assert not [key for key in store if key.rsplit("/", 1)[-1].startswith(".z")]
    assert_holds(zarr.open_group(store), 3)
    assert_holds(zarr.open_consolidated(store), 3)
    assert zarr.convert(store, remove_old=True).nodes == []


def test_old_documents_are_deleted_later_only_for_converted_nodes():
    store = {}
    fill(store)
    zarr.convert(store)
    zarr.group(store, path="new", zarr_format=2)["y"] = [1]
    done = zarr.convert(store, remove_old=True)
    assert done.nodes == []
    assert {key for key in store if "/.z" in f"/{key}"} == {"new/.zgroup", "new/y/.zarray"}


@pytest.mark.parametrize("number", range(6))
def test_an_interrupted_conversion_keeps_the_old_hierarchy_and_can_be_completed(number):
    class Dying(dict):
        left = number

        def __setitem__(self, key, value):
            if self.left == 0 and key.endswith("zarr.json"):
                raise KeyboardInterrupt
            self.left -= key.endswith("zarr.json")
            super().__setitem__(key, value)

    store = Dying()
    fill(store)
    with pytest.raises(KeyboardInterrupt):
        zarr.convert(store, remove_old=True)
    assert sum(key.endswith("zarr.json") for key in store) == number
    assert_holds(zarr.open_group(store), 2)
    # nodes below the root can be opened too
    for path in ("x", "a/b/z"):
        np.testing.assert_array_equal(zarr.open(store, path=path)[:], VALUES)
    assert list(zarr.open(store, path="a")) == ["b", "empty"]
    store.left = 100
    zarr.convert(store)
    assert_holds(zarr.open_group(store), 3)


def test_a_destination_can_not_be_opened_before_it_is_complete(tmp_path):
    class Dying(zarr.MemoryStore):
        def __setitem__(self, key, value):
            if len(self) == self.most:
                raise KeyboardInterrupt
            super().__setitem__(key, value)

    source = {}
    fill(source)
    before = dict(source)
    whole = {}
    zarr.convert(source, whole)
    for most in range(len(whole)):
        target = Dying()
        target.most = most
        with pytest.raises(KeyboardInterrupt):
            zarr.convert(source, target)
        with pytest.raises(errors.PathNotFoundError):
            zarr.open(target, mode="r")
        target.most = 1000
        if most:
            with pytest.raises(errors.ConversionError, match="not empty"):
                zarr.convert(source, target)
        zarr.convert(source, target, overwrite=True)
        assert_holds(zarr.open_group(target), 3)
    assert source == before


def test_chunks_are_copied_without_decoding_in_both_directions(store):
    fill(store)
    three, two = {}, {}
    assert {node.how for node in zarr.convert(store, three).nodes} == {"as stored"}
    assert_holds(zarr.open_group(three), 3)
    assert zarr.convert(three, two, zarr_format=2).source_format == 3
    assert_holds(zarr.open_group(two), 2)
    chunks = {key: bytes(store[key]) for key in store if key[-1].isdigit()}
    for other in (three, two):
        found = {key.replace("/", "."): other[key] for key in other if key[-1].isdigit()}
        assert found == {key.replace("/", "."): value for key, value in chunks.items()}


def test_a_group_below_the_root_is_converted_alone():
    store, target = {}, {}
    fill(store)
    zarr.convert(store, target, path="a")
    assert sorted(zarr.open_group(target)) == ["b", "empty"]
    zarr.convert(store, path="a/b/z")
    assert [key for key in store if key.endswith("zarr.json")] == ["a/b/z/zarr.json"]
    np.testing.assert_array_equal(zarr.open(store, path="a/b/z")[:], VALUES)


def test_documents_changed_after_a_conversion_are_not_overwritten():
    store = {}
    fill(store)
    zarr.convert(store, path="a")
    changed = zarr.open(store, path="a/b/z")
    changed.resize(9, 9)
    assert changed.zarr_format == 3
    before = dict(store)
    with pytest.raises(errors.ConversionError, match=r"a/b/z/zarr\.json: it exists already") as caught:
        zarr.convert(store)
    assert caught.value.problems == [("a/b/z/zarr.json", "it exists already and has other contents")]
    assert store == before
    zarr.convert(store, overwrite=True)
    assert zarr.open_group(store)["a/b/z"].shape == (6, 5)


def test_consolidated_metadata_stay_consolidated():
    store, target = {}, {}
    fill(store)
    zarr.convert(store, target)
    with pytest.raises(errors.NotConsolidatedError):
        zarr.open_consolidated(target)
    zarr.consolidate_metadata(store)
    zarr.convert(store)
    assert_holds(zarr.open_consolidated(store), 3)
    back = {}
    zarr.convert(store, back, zarr_format=2)
    assert_holds(zarr.open_consolidated(back), 2)


def test_a_dry_run_writes_nothing_and_returns_the_whole_plan(tmp_path):
    store = {}
    root = fill(store)
    root.create_dataset("t", data=np.array([{}, 1], object), object_codec=numcodecs.JSON())
    root.create_dataset("m", shape=2, dtype=[("a", ">i4"), ("b", "<i4")])
    before = dict(store)
    for destination in (None, str(tmp_path / "b.zip")):
        conversion = zarr.convert(store, destination, dry_run=True)
        assert {node.path: node.how for node in conversion.arrays} == {
            "a/b/z": "as stored",
            "m": "encoded anew",
            "t": "impossible",
            "x": "as stored",
        }
    assert store == before
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("kwargs", "zarr_format", "problem"),
    [
        ({"dtype": object, "object_codec": numcodecs.JSON()}, 3, "json2"),
        ({"dtype": object, "object_codec": numcodecs.Pickle()}, 3, "pickle"),
        ({"dtype": [("a", "<i4", (2,))]}, 3, r"shape \(2,\)"),
        ({"dtype": "<f16"}, 3, "float128|longdouble"),
        ({"dtype": ml_dtypes.bfloat16}, 2, "bfloat16"),
        ({"dtype": "f8", "fill_value": np.array(0x7FF8000000000123, "u8").view("f8")[()]}, 2, "all bits"),
    ],
)
def test_the_error_names_what_a_format_can_not_represent(kwargs, zarr_format, problem):
    store, target = {}, {}
    zarr.group(store, zarr_format=5 - zarr_format).create_dataset("a/b", shape=3, chunks=2, **kwargs)
    with pytest.raises(errors.ConversionError, match=rf"a/b: .*({problem})"):
        zarr.convert(store, target, zarr_format=zarr_format)
    assert target == {}


def test_the_error_names_a_reserved_node_name():
    store, array = {}, {}
    zarr.group(store)
    zarr.save_array(array, np.array([1]))
    store.update({f"zarr.json/{key}": value for key, value in array.items()})
    with pytest.raises(errors.ConversionError, match=r"zarr\.json: format 3 reserves the name"):
        zarr.convert(store)
    assert "zarr.json" not in store


OF_V3 = {
    "shards": {"chunks": (2, 2), "shards": (4, 6), "compressor": numcodecs.Zstd(1)},
    "three codecs": {"chunks": 3, "codecs": ["bytes", "zstd", "crc32c"]},
    "big": {"chunks": 3, "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}]},
    "packbits": {"chunks": 3, "codecs": ["packbits"]},
    "another order": {"chunks": 3, "codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, "bytes"]},
    "transposed late": {
        "chunks": (3, 2),
        "codecs": [
            {"name": "scale_offset", "configuration": {"offset": 0, "scale": 2}},
            {"name": "transpose", "configuration": {"order": [1, 0]}},
            "bytes",
        ],
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("kwargs", "how"),
    [
        (kwargs, "as stored" if name in ("three codecs", "big", "another order") else "encoded anew")
        for name, kwargs in OF_V3.items()
    ],
    ids=list(OF_V3),
)
def test_arrays_with_features_of_v3_are_encoded_again_for_v2(kwargs, how):
    store, target = {}, {}
    zarr.group(store, zarr_format=3).create_dataset("a", data=VALUES, **kwargs)
    conversion = zarr.convert(store, target, zarr_format=2)
    assert [node.how for node in conversion.arrays] == [how]
    found = zarr.open_group(target)["a"]
    assert (found.zarr_format, found.chunks) == (2, zarr.open_group(store)["a"].chunks)
    np.testing.assert_array_equal(found[:], VALUES)


def test_conversion_in_place_works_only_to_the_newer_format():
    store = {}
    fill(store, 3)
    with pytest.raises(errors.ConversionError, match="readers look for format 3 first"):
        zarr.convert(store, zarr_format=2)
    with pytest.raises(ValueError, match="not supported"):
        zarr.convert(store, zarr_format=4)
    with pytest.raises(errors.PathNotFoundError):
        zarr.convert({})


def test_a_destination_that_overlaps_the_source_is_refused(tmp_path):
    fill(tmp_path / "a")
    zarr.group(tmp_path / "a", path="more")
    for destination in (
        tmp_path / "a",
        tmp_path / "a" / "inner",
        str(tmp_path),
        zarr.DirectoryStore(tmp_path),
    ):
        with pytest.raises(errors.ConversionError, match="same place"):
            zarr.convert(tmp_path / "a", destination, overwrite=True)
    archive = str(tmp_path / "b.zip")
    zarr.copy_store(tmp_path / "a", archive)
    url = f"memory://{tmp_path.name}"
    zarr.copy_store(tmp_path / "a", url)
    store = {}
    fill(store)
    for place in (store, archive, url):
        for destination in (place, f"{place}/inner") if place is url else (place,):
            with pytest.raises(errors.ConversionError, match="same place"):
                zarr.convert(place, destination, overwrite=True)
        assert_holds(zarr.open_group(place, mode="r"), 2)
    assert_holds(zarr.open_group(tmp_path / "a"), 2)
    zarr.convert(tmp_path / "a", tmp_path / "ab", overwrite=True)


def test_an_archive_gets_each_key_once(tmp_path):
    import zipfile

    source, target = str(tmp_path / "a.zip"), str(tmp_path / "b.zip")
    with zarr.ZipStore(source, mode="w") as store:
        root = zarr.group(store)
        root.create_dataset("x", data=VALUES, chunks=2, attributes={"units": "K"})
    zarr.convert(source, target)
    names = zipfile.ZipFile(target).namelist()
    assert len(names) == len(set(names)) == 2 + 9
    with zarr.ZipStore(target, mode="r") as store:
        np.testing.assert_array_equal(zarr.open_group(store, mode="r")["x"][:], VALUES)
    zarr.convert(source)
    with zarr.ZipStore(source, mode="r") as store:
        assert zarr.open_group(store, mode="r")["x"].zarr_format == 3


def test_chunks_that_are_not_stored_are_not_stored_in_the_copy():
    store = {}
    array = zarr.create((6, 4), chunks=2, store=store, dtype=[("a", ">i4"), ("b", "<i4")], fill_value=None)
    array[:2, :2] = (7, 8)
    target = {}
    assert zarr.convert(store, target).arrays[0].how == "encoded anew"
    assert sorted(target) == ["c/0/0", "zarr.json"]
    assert zarr.open_array(target)[:].tolist() == array[:].tolist()


def test_a_damaged_chunk_is_copied_unchanged():
    store = {}
    zarr.create(6, chunks=2, store=store, dtype="i4")[:] = 1
    store["0"] = b"damaged"
    zarr.convert(store)
    opened = zarr.open_array(store)
    assert opened[2:].tolist() == [1] * 4
    with pytest.raises(errors.ChunkDecodeError):
        opened[0]


def test_n5_can_be_a_source_but_not_a_destination(tmp_path):
    path = str(tmp_path / "a.n5")
    zarr.group(path)["x"] = VALUES
    with pytest.raises(errors.ConversionError, match="N5"):
        zarr.convert(path)
    target = {}
    zarr.convert(path, target)
    np.testing.assert_array_equal(zarr.open_group(target)["x"][:], VALUES)
    with pytest.raises(errors.ConversionError, match="N5"):
        zarr.convert(target, str(tmp_path / "b.n5"), zarr_format=2)


@pytest.mark.parametrize("bits", [0x8000000000000000, 0x7FF8000000000000, 0x7FF0000000000000, 1])
def test_fill_values_keep_their_bits(bits):
    value = np.array(bits, "u8").view("f8")[()]
    two, three, back = {}, {}, {}
    zarr.create(3, store=two, fill_value=value)
    zarr.convert(two, three)
    zarr.convert(three, back, zarr_format=2)
    for store in (three, back):
        assert zarr.open_array(store)[:].view("u8").tolist() == [bits] * 3


def test_the_written_documents_have_the_expected_members():
    store = {}
    array = zarr.create(
        (4, 6),
        chunks=(2, 3),
        dtype=">f4",
        order="F",
        store=store,
        dimension_separator="/",
        fill_value=float("nan"),
    )
    array[:] = 1
    zarr.convert(store)
    document = json.loads(store["zarr.json"])
    assert document["chunk_key_encoding"] == {"name": "v2", "configuration": {"separator": "/"}}
    assert document["codecs"][:2] == [
        {"name": "transpose", "configuration": {"order": [1, 0]}},
        {"name": "bytes", "configuration": {"endian": "big"}},
    ]
    assert document["codecs"][2]["name"] == "blosc"
    assert (document["data_type"], document["fill_value"]) == ("float32", "NaN")
