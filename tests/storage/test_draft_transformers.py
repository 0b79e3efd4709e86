"""Storage transformers of the draft of v3: stores of users between an array and the store of its chunks."""

import pickle

import numpy as np
import pytest

import zarrcy as zarr
from zarrcy.errors import MetadataError


@pytest.fixture(autouse=True)
def draft(monkeypatch):
    monkeypatch.setenv("ZARR_V3_EXPERIMENTAL_API", "1")


# the class exists only where the variable is set
with pytest.MonkeyPatch.context() as patch:
    patch.setenv("ZARR_V3_EXPERIMENTAL_API", "1")
    Base = zarr.storage.StorageTransformer


class Mask(Base):
    """Changes all bits of chunks."""

    extension_uri = "https://example.org/mask"
    valid_types = ("xor",)

    def __init__(self, _type, bits=255):
        super().__init__(_type)
        self.bits = bits

    def __getitem__(self, key):
        return bytes(byte ^ self.bits for byte in super().__getitem__(key))

    def __setitem__(self, key, value):
        super().__setitem__(key, bytes(byte ^ self.bits for byte in bytes(value)))


def make(store=None, transformers=(Mask("xor", 15), Mask("xor", 240)), **options):
    store = zarr.storage.KVStoreV3({}) if store is None else store
    return zarr.create(
        10, chunks=3, dtype="i2", store=store, path="g/a", storage_transformers=transformers, **options
    )


@pytest.mark.parametrize("chunks", [None, {}])
def test_chunks_go_through_the_transformers(chunks):
    chunks = None if chunks is None else zarr.storage.KVStoreV3(chunks)
    plain, changed = make(transformers=(), compressor=None), make(chunk_store=chunks, compressor=None)
    for z in (plain, changed):
        z[:] = np.arange(10)
        z[4:6] = 70
        assert z[:].tolist() == [0, 1, 2, 3, 70, 70, 6, 7, 8, 9]
    stored = changed.store if chunks is None else chunks
    for key in ("data/root/g/a/c0", "data/root/g/a/c3"):
        assert stored[key] == bytes(byte ^ 255 for byte in plain.store[key])
    assert changed.nchunks_initialized == 4
    documents = len(changed.store["meta/root/g/a.array.json"]) - len(plain.store["meta/root/g/a.array.json"])
    assert changed.nbytes_stored == plain.nbytes_stored + documents


def test_every_way_to_open_the_array_finds_them():
    z = make()
    z[:] = np.arange(10)
    store, expected = z.store, list(range(10))
    g = zarr.open_group(store, path="g")
    for again in (
        zarr.open_array(store, path="g/a", mode="r"),
        zarr.open(store, path="g/a", mode="r"),
        zarr.Array(store, path="g/a"),
        g["a"],
        dict(g.arrays())["a"],
        z.view(),
        z.astype("i2"),
        pickle.loads(pickle.dumps(z)),
        pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(z)))),
    ):
        assert again[:].tolist() == expected
        assert isinstance(again.chunk_store, Mask)
        assert again.chunk_store.bits == 15
        assert again.chunk_store.inner_store.bits == 240
    z.resize(12)
    z.append([5])
    assert zarr.open_array(store, path="g/a")[:].tolist() == [*expected, 0, 0, 5]
    del g["a"]
    assert not any("/g/a" in key for key in store)


def test_the_document_has_their_configuration():
    z = make(transformers=[Mask("xor", bits=3)])
    meta = z.store._metadata_class.decode_array_metadata(z.store["meta/root/g/a.array.json"])
    (found,) = meta["storage_transformers"]
    assert (type(found), found.type, found.get_config()) == (Mask, "xor", {"bits": 3})


def test_init_array_takes_them():
    store = zarr.storage.KVStoreV3({})
    zarr.storage.init_array(store, 4, path="a", storage_transformers=[Mask("xor")])
    assert isinstance(zarr.open_array(store, path="a").chunk_store, Mask)


@pytest.mark.parametrize("version", [2, "final 3"])
def test_other_formats_have_none(version):
    with pytest.raises(ValueError, match="only the draft of v3 has any"):
        zarr.create(3, storage_transformers=[Mask("xor")], zarr_format=3 if version == "final 3" else 2)


def test_a_type_that_the_class_does_not_have_is_refused():
    with pytest.raises(ValueError, match="must be one of xor"):
        Mask("other")
    z = make()
    key = "meta/root/g/a.array.json"
    z.store[key] = bytes(z.store[key]).replace(b'"xor"', b'"other"')
    with pytest.raises(MetadataError, match="does not fit Mask"):
        zarr.open_array(z.store, path="g/a")


def test_a_transformer_without_a_store_says_so():
    with pytest.raises(ValueError, match="not around a store"):
        Mask("xor")["data/root/a/c0"]
