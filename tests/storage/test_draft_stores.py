"""The store classes that zarr-python 2 has for the draft of v3, which exist where ZARR_V3_EXPERIMENTAL_API is set."""

import importlib
import pickle

import numpy as np
import pytest
from numcodecs import Zlib

import zarrcy as zarr
from zarrcy.errors import KeyPathError, MetadataError

NAMES = [
    "ABSStoreV3",
    "ConsolidatedMetadataStoreV3",
    "DBMStoreV3",
    "DirectoryStoreV3",
    "FSStoreV3",
    "KVStoreV3",
    "LMDBStoreV3",
    "LRUStoreCacheV3",
    "MemoryStoreV3",
    "MongoDBStoreV3",
    "RedisStoreV3",
    "SQLiteStoreV3",
    "StoreV3",
    "ZipStoreV3",
]
STORES = {
    "KVStoreV3": lambda path: zarr.storage.KVStoreV3({}),
    "MemoryStoreV3": lambda path: zarr.storage.MemoryStoreV3(),
    "DirectoryStoreV3": lambda path: zarr.storage.DirectoryStoreV3(str(path / "s")),
    "SQLiteStoreV3": lambda path: zarr.storage.SQLiteStoreV3(str(path / "s.db")),
    "DBMStoreV3": lambda path: zarr.storage.DBMStoreV3(str(path / "s")),
    "FSStoreV3": lambda path: zarr.storage.FSStoreV3(f"memory://{path.name}"),
    "LRUStoreCacheV3": lambda path: zarr.storage.LRUStoreCacheV3(zarr.storage.KVStoreV3({}), max_size=None),
}


@pytest.fixture
def draft(monkeypatch):
    monkeypatch.setenv("ZARR_V3_EXPERIMENTAL_API", "1")


@pytest.fixture(params=STORES)
def store(request, draft, tmp_path):
    with STORES[request.param](tmp_path) as made:
        yield made


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("module", ["zarrcy", "zarrcy.storage"])
def test_a_class_exists_only_where_the_variable_is_set(monkeypatch, module, name):
    monkeypatch.delenv("ZARR_V3_EXPERIMENTAL_API", raising=False)
    assert zarr.v3_api_available is False
    assert not hasattr(importlib.import_module(module), name)
    monkeypatch.setenv("ZARR_V3_EXPERIMENTAL_API", "1")
    assert zarr.v3_api_available is True
    made = getattr(importlib.import_module(module), name)
    assert made.__name__ == name
    assert issubclass(made, zarr.storage.StoreV3)
    assert pickle.loads(pickle.dumps(made)) is made


def test_a_node_in_such_a_store_has_the_format_of_the_draft(store):
    g = zarr.group(store, path="g")
    z = g.create_dataset("x", data=np.arange(10), chunks=3)
    assert z.zarr_format == g.zarr_format == "3-draft"
    assert {"zarr.json", "meta/root/g.group.json", "meta/root/g/x.array.json", "data/root/g/x/c0"} <= set(
        store
    )
    assert zarr.open(store, mode="r", path="g/x")[:].tolist() == list(range(10))
    z.resize(5)
    g.attrs["units"] = "K"
    again = zarr.open_group(store, path="g", mode="r")
    assert dict(again.attrs) == {"units": "K"}
    assert again["x"][:].tolist() == list(range(5))
    zarr.storage.init_array(store, 3, path="g/y")
    zarr.storage.init_group(store, path="g/h")
    assert (list(again.array_keys()), list(again.group_keys())) == (["x", "y"], ["h"])
    del g["x"]
    assert not any(key.startswith(("meta/root/g/x", "data/root/g/x")) for key in store)


def test_a_group_in_such_a_store_can_be_moved_and_copied(store):
    g = zarr.group(store, path="g")
    g["a/x"] = [1, 2, 3]
    g.move("a", "b")
    assert g["b/x"][:].tolist() == [1, 2, 3]
    zarr.copy(g["b"], g, name="c")
    assert g["c/x"][:].tolist() == [1, 2, 3]
    if not store.can_move():
        # as in other object stores, the elements must be loaded first
        return
    g.create_dataset("c/x", data=g["c/x"], overwrite=True)
    assert g["c/x"][:].tolist() == [1, 2, 3]
    root = zarr.array(g["c/x"], store=store, overwrite=True)
    assert root[:].tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    "key", ["foo", "zar.json", ".zarray", "meta/root/a/", "meta/root/~", "data/root/ä", "/meta/root/a"]
)
def test_a_key_that_the_draft_does_not_have_is_refused(store, key):
    with pytest.raises(KeyPathError):
        store[key] = b"x"
    assert list(store) == []


def test_paths_are_those_of_nodes(store):
    for key in (
        "meta/root/c.group.json",
        "meta/root/c/d.array.json",
        "data/root/c/d/c0",
        "meta/root/e.array.json",
    ):
        store[key] = b"xx"
    assert store.getsize("c") == 6
    assert store.getsize("c/d") == 4
    assert store.getsize("meta/root/e.array.json") == 2
    assert store.getsize("nonesuch") == 0
    assert store.getsize() == 8
    store.rename("c", "f/g")
    moved = [
        "data/root/f/g/d/c0",
        "meta/root/e.array.json",
        "meta/root/f/g.group.json",
        "meta/root/f/g/d.array.json",
    ]
    assert sorted(store) == moved
    with pytest.raises(ValueError, match="nonesuch"):
        store.rename("nonesuch", "b")
    store.rmdir("nonesuch")
    store.rmdir("f/g/d")
    assert sorted(store) == ["meta/root/e.array.json", "meta/root/f/g.group.json"]
    store.rmdir("f")
    assert sorted(store) == ["meta/root/e.array.json"]
    store.rmdir()
    assert sorted(store) == []


def test_keys_are_listed_by_prefix(store):
    for key in ("zarr.json", "meta/root/a.array.json", "meta/root/b/c.array.json", "data/root/a/c0"):
        store[key] = b"x"
    assert sorted(store.list()) == sorted(store)
    assert sorted(store.list_prefix("meta/root/")) == ["meta/root/a.array.json", "meta/root/b/c.array.json"]
    assert store.list_dir("meta/root/") == (["meta/root/a.array.json"], ["meta/root/b/"])
    with pytest.raises(ValueError, match="slash"):
        store.list_prefix("/meta")
    store.erase("zarr.json")
    store.erase_prefix("meta/root/b/")
    assert sorted(store) == ["data/root/a/c0", "meta/root/a.array.json"]
    store.erase_prefix("/")
    assert sorted(store) == []


def test_parts_of_values_are_read_and_written(store):
    store["data/root/a"], store["data/root/b"] = b"abcdefg", b"z"
    ranges = [
        ("data/root/a", (3, 1)),
        ("data/root/b", (0, 1)),
        ("data/root/a", (-3, 2)),
        ("data/root/a", (4, None)),
    ]
    assert [bytes(part) for part in store.get_partial_values(ranges)] == [b"d", b"z", b"ef", b"efg"]
    assert store.get_partial_values([("data/root/nonesuch", (0, 1))]) == [None]
    store.set_partial_values(
        [
            ("data/root/a", 1, b"oo"),
            ("data/root/b", 1, b"yx"),
            ("data/root/a", 6, b"done"),
            ("data/root/c", 0, b"new"),
        ]
    )
    assert [bytes(store[f"data/root/{name}"]) for name in "abc"] == [b"aoodefdone", b"zyx", b"new"]
    store.set_partial_values([("data/root/a", -2, b"NE"), ("data/root/b", -3, b"q")])
    assert [bytes(store[f"data/root/{name}"]) for name in "ab"] == [b"aoodefdoNE", b"q"]
    with pytest.raises(ValueError, match="nothing can be written at 5"):
        store.set_partial_values([("data/root/b", 5, b"x")])


def test_a_copy_of_keys_takes_the_paths_of_nodes(draft):
    source, dest = zarr.storage.KVStoreV3({}), zarr.storage.KVStoreV3({})
    for path in ("g/a", "g/h/b", "other"):
        zarr.array(np.arange(4), chunks=2, store=source, path=path)
    zarr.copy_store(source, dest, source_path="g", dest_path="new/place")
    assert sorted(dest) == [
        "data/root/new/place/a/c0",
        "data/root/new/place/a/c1",
        "data/root/new/place/h/b/c0",
        "data/root/new/place/h/b/c1",
        "meta/root/new/place.group.json",
        "meta/root/new/place/a.array.json",
        "meta/root/new/place/h.group.json",
        "meta/root/new/place/h/b.array.json",
        "zarr.json",
    ]
    assert zarr.open_array(dest, path="new/place/h/b", mode="r")[:].tolist() == [0, 1, 2, 3]
    zarr.copy_store(source, dest, source_path="other", dest_path="again")
    assert zarr.open_array(dest, path="again", mode="r")[:].tolist() == [0, 1, 2, 3]
    whole = zarr.storage.KVStoreV3({})
    zarr.copy_store(source, whole)
    assert dict(whole) == dict(source)


def test_stores_of_the_draft_and_others_are_not_mixed(draft):
    ours, other = zarr.storage.KVStoreV3({}), zarr.storage.KVStore({})
    zarr.zeros(3, store=ours, path="a")
    zarr.zeros(3, store=other, path="a")
    for call in (
        lambda: zarr.Array(ours, path="a", chunk_store=other),
        lambda: zarr.Array(other, path="a", chunk_store=ours),
        lambda: zarr.open_group(ours, chunk_store=other),
        lambda: zarr.zeros(3, store=other, chunk_store=ours),
        lambda: zarr.copy_store(ours, other),
    ):
        with pytest.raises(ValueError, match="only one of them holds the draft"):
            call()


@pytest.mark.filterwarnings("ignore:zarr_version=3 is the withdrawn draft:FutureWarning")
def test_an_array_like_one_in_the_draft_is_in_the_draft(draft, tmp_path):
    like = zarr.zeros(4, chunks=2, path="a", zarr_version=3)
    for made in (zarr.zeros_like(like), zarr.empty_like(like, path="b"), zarr.open_like(like, str(tmp_path))):
        assert made.zarr_format == "3-draft"
        assert made.chunks == (2,)
    assert zarr.ones_like(like, zarr_version=2).zarr_format == 2
    assert zarr.ones_like(like, store={}).zarr_format == 2


def test_chunks_of_an_axis_without_elements_are_those_of_zarr_python_2(store):
    assert zarr.zeros(0, store=store, path="a").chunks == (1,)
    assert zarr.zeros((10, 0), store=store, path="b").chunks == (10, 1)


def test_consolidated_metadata_need_a_path_and_are_opened_in_a_store_of_the_draft(store):
    zarr.group(store, path="g")["x"] = [1, 2]
    for path in (None, "", "/"):
        with pytest.raises(ValueError, match="path is missing"):
            zarr.consolidate_metadata(store, path=path)
    g = zarr.consolidate_metadata(store, path="g")
    assert type(g.store).__name__ == "ConsolidatedMetadataStoreV3"
    assert zarr.open_consolidated(store, path="g")["x"][:].tolist() == [1, 2]


def test_documents_are_dictionaries_as_in_zarr_python_2(store):
    codec = store._metadata_class
    z = zarr.create(
        (4, 6), chunks=(2, 3), dtype="i2", store=store, path="a", compressor=Zlib(3), fill_value=7
    )
    document = store["meta/root/a.array.json"]
    meta = codec.decode_array_metadata(document)
    assert (meta["shape"], meta["chunk_grid"]["chunk_shape"]) == (z.shape, z.chunks)
    assert (meta["data_type"], meta["compressor"], meta["fill_value"]) == (z.dtype, Zlib(3), 7)
    assert "storage_transformers" not in meta
    assert codec.encode_array_metadata(meta) == bytes(document)
    del store["meta/root/a.array.json"]
    store["meta/root/b.array.json"] = codec.encode_array_metadata(
        {**meta, "compressor": None, "shape": (8, 6)}
    )
    assert zarr.open_array(store, path="b", mode="r")[:].sum() == 7 * 48
    assert codec.decode_group_metadata(codec.encode_group_metadata({"attributes": {"n": 1}})) == {
        "attributes": {"n": 1}
    }
    entry = codec.decode_hierarchy_metadata(store["zarr.json"])
    assert codec.encode_hierarchy_metadata(entry) == bytes(store["zarr.json"])
    for wrong in ({}, {**entry, "more": 1}):
        with pytest.raises(MetadataError):
            codec.encode_hierarchy_metadata(wrong)


@pytest.mark.parametrize(
    "dtype", ["b1", "<i4", ">f8", "<c16", "<M8[s]", "|S4", "<U3", [("a", "i1"), ("b", "<f4", (2,))]]
)
def test_data_types_are_decoded_as_they_were_encoded(store, dtype):
    codec = store._metadata_class
    assert codec.decode_dtype(codec.encode_dtype(np.dtype(dtype))) == np.dtype(dtype)


@pytest.mark.filterwarnings("ignore:zarr_version=3 is the withdrawn draft:FutureWarning")
def test_version_3_opens_paths_in_stores_of_the_draft(draft, tmp_path):
    for path, name in [("s", "DirectoryStoreV3"), ("s.zip", "ZipStoreV3")]:
        z = zarr.open_array(str(tmp_path / path), mode="w", shape=3, path="a", zarr_version=3)
        z[:] = 1
        assert type(z.store).__name__ == name
        z.store.close()
        again = zarr.open_array(str(tmp_path / path), mode="r", path="a", zarr_version=3)
        assert again[:].tolist() == [1, 1, 1]
    assert type(zarr.open_group({}, mode="w", zarr_version=3).store).__name__ == "KVStoreV3"
    assert type(zarr.zeros(3, path="a", zarr_version=3).store).__name__ == "KVStoreV3"
    with pytest.raises(NotImplementedError):
        zarr.storage.normalize_store_arg(str(tmp_path / "s.n5"), zarr_version=3)


def test_the_final_version_does_not_use_them(draft, tmp_path):
    z = zarr.open_array(str(tmp_path / "s"), mode="w", shape=3, zarr_format=3)
    assert type(z.store) is zarr.DirectoryStore
    assert z.zarr_format == 3


def test_without_the_variable_version_3_is_the_final_one(monkeypatch, tmp_path):
    monkeypatch.delenv("ZARR_V3_EXPERIMENTAL_API", raising=False)
    z = zarr.open_array(str(tmp_path / "s"), mode="w", shape=3, zarr_version=3)
    assert type(z.store) is zarr.DirectoryStore
    assert z.zarr_format == 3
