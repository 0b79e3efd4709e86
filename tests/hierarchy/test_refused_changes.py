"""A change that a store cannot carry out is refused before anything is written."""

import numpy as np
import pytest

import zarrcy
from zarrcy.errors import NotErasableError
from zarrcy.storage import LRUStoreCache, Store, ZipStore


class Growing(Store):
    """A store that can't delete keys."""

    _erasable = False

    def __init__(self):
        self.values = {}

    def __getitem__(self, key):
        return self.values[key]

    def __setitem__(self, key, value):
        self.values[key] = bytes(value)

    def __delitem__(self, key):
        if key not in self.values:
            raise KeyError(key)
        raise NotErasableError(key, "Growing")

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)


STORES = {
    "zip": lambda folder: ZipStore(folder / "a.zip", mode="w"),
    "own": lambda _: Growing(),
    "cached": lambda _: LRUStoreCache(Growing(), max_size=None),
}
FORMATS = {"2": {}, "3": {"zarr_format": 3}, "shards": {"zarr_format": 3, "shards": (4, 4)}}
CHANGES = {
    "shrink": lambda g: g["a"].resize(1, 1),
    "shrink one axis": lambda g: g["a"].resize(2, 9),
    "delete": lambda g: g.__delitem__("a"),
    "move": lambda g: g.move("a", "new/place"),
    "overwrite": lambda g: g.create_dataset("a", shape=3, overwrite=True),
    "overwrite with itself": lambda g: g.__setitem__("a", g["a"]),
    "overwrite by a group": lambda g: g.create_group("a", overwrite=True),
    "replace the root": lambda g: zarrcy.open_group(g.store, mode="w"),
    "save": lambda g: zarrcy.save(g.store, [1]),
    "convert": lambda g: zarrcy.convert(g.store, remove_old=True, zarr_format=5 - g.zarr_format),
    "repair": lambda g: zarrcy.repair(g.store, quarantine=True),
}


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("how", CHANGES)
def test_a_store_that_cannot_delete_keys_is_unchanged_after_a_refused_change(tmp_path, kind, form, how):
    options = FORMATS[form]
    values = np.arange(1, 37).reshape(6, 6)
    with STORES[kind](tmp_path) as store:
        g = zarrcy.open_group(store, mode="a", **({"zarr_format": 3} if options else {}))
        a = g.create_dataset("a", data=values, chunks=(2, 2), **options)
        if how == "repair":
            store["a/c/9/9" if options else "a/9.9"] = b"outside"
        before = dict(store)
        with pytest.raises((NotErasableError, zarrcy.errors.ZarrcyError)):
            CHANGES[how](g)
        assert dict(store) == before
        assert a.shape == g["a"].shape == (6, 6)
        assert np.array_equal(a[...], values)


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("form", FORMATS)
def test_a_store_that_cannot_delete_keys_keeps_chunks_that_are_filled_again(tmp_path, kind, form, recwarn):
    with STORES[kind](tmp_path) as store:
        a = zarrcy.create((8, 8), chunks=(2, 2), dtype="i4", fill_value=7, store=store, write_empty_chunks=False,
                          **FORMATS[form])  # fmt: skip
        a[:4] = 1
        n_keys = len(store)
        a[...] = 7
        a[5, 5] = 2
        a[5, 5] = 7
        want = np.full((8, 8), 7)
        assert np.array_equal(a[...], want)
        assert np.array_equal(zarrcy.open_array(store, mode="r")[...], want)
        assert len(store) == n_keys + 1, "only the chunk or shard of one element is new"


def test_a_node_whose_chunks_cannot_be_moved_stays_where_it_is():
    class Fixed(dict):
        def rename(self, source, target):
            raise OSError(18, "not on the same device", source)

    store, chunks = {}, Fixed()
    g = zarrcy.group(store, chunk_store=chunks)
    g["a"] = [1, 2, 3]
    with pytest.raises(OSError, match="not on the same device"):
        g.move("a", "b")
    assert g["a"][:].tolist() == [1, 2, 3]
    assert "b" not in g
