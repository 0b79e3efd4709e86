"""A partial write to a store with conditional puts never overwrites what another writer stored since it was read."""

import numcodecs
import numpy as np
import obstore.store
import pytest
from far_stores import FarStoreWithVersions

import zarrcy
from zarrcy.errors import ConcurrentChangeError
from zarrcy.storage.remote.obstore import ObjectStore

LAYOUTS = {
    "chunks": {"chunks": 8},
    "raw": {"chunks": 8, "compressor": None},
    "format 3": {"chunks": 8, "zarr_format": 3},
    "shards": {"chunks": 2, "shards": 8, "zarr_format": 3},
    "a filter in Python": {"chunks": 8, "filters": [numcodecs.Delta("i4")]},
}


class MeanwhileObjectStore(ObjectStore):
    """A store of obstore in which another writer acts before conditional puts."""

    meanwhile = None

    def replace_values(self, values):
        if self.meanwhile is not None:
            self.meanwhile()
        return super().replace_values(values)


class MeanwhileFarStore(FarStoreWithVersions):
    """A far store that sends one conditional put at a time."""

    def replace_value(self, key, value, version):
        meanwhile = self.__dict__.get("acts")
        if meanwhile is not None:
            meanwhile()
        return super().replace_value(key, value, version)


def once(store, act):
    """Let another writer act before the next conditional put."""
    name = "acts" if isinstance(store, MeanwhileFarStore) else "meanwhile"

    def act_once():
        setattr(store, name, None)
        act()

    setattr(store, name, act_once)


@pytest.fixture(params=["obstore", "far"])
def store(request):
    if request.param == "obstore":
        return MeanwhileObjectStore(obstore.store.MemoryStore())
    return MeanwhileFarStore(3)


def opened(store, **options):
    return zarrcy.open_array(store, path="a", mode="r+", **options)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("window", [slice(1, 3), slice(3, 70)], ids=["one chunk", "many chunks"])
def test_what_another_writer_stored_meanwhile_stays(store, layout, exists, window):
    a = zarrcy.create(80, store=store, path="a", dtype="i4", fill_value=0, **LAYOUTS[layout])
    expected = np.zeros(80, "i4")
    if exists:
        a[:] = expected[:] = 1
    # it takes no locks, as another process
    other = opened(store, unaligned="allow")
    once(store, lambda: (other.__setitem__(0, 7), other.__setitem__(79, 8)))
    a[window] = 5
    expected[0], expected[79] = 7, 8
    expected[window] = 5
    np.testing.assert_array_equal(a[:], expected)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_chunk_that_becomes_the_fill_value_is_put_and_not_deleted(store, layout):
    a = zarrcy.create(
        8, store=store, path="a", dtype="i4", fill_value=0, write_empty_chunks=False, **LAYOUTS[layout]
    )
    a[2] = 3
    keys = set(store)
    other = opened(store, unaligned="allow")
    once(store, lambda: other.__setitem__(5, 4))
    a[2] = 0
    assert a[:].tolist() == [0, 0, 0, 0, 0, 4, 0, 0]
    a[5] = 0
    assert set(store) == keys
    assert a[:].tolist() == [0] * 8


def test_a_part_that_is_the_fill_value_of_a_chunk_that_is_missing_stores_nothing(store):
    a = zarrcy.create(8, chunks=8, store=store, path="a", dtype="i4", fill_value=0, write_empty_chunks=False)
    keys = set(store)
    a[2] = 0
    assert set(store) == keys


def test_a_write_that_always_comes_too_late_ends_with_an_error(store, monkeypatch):
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    a = zarrcy.create(8, chunks=8, store=store, path="a", dtype="i4")
    a[:] = 1
    other = opened(store, unaligned="allow")
    numbers = iter(range(10**6))

    def act():
        other[7] = next(numbers)

    store.meanwhile = store.acts = act
    if isinstance(store, MeanwhileFarStore):
        store.meanwhile = None
    with pytest.raises(ConcurrentChangeError, match="a/0"):
        a[2] = 3


def test_writers_that_count_in_one_chunk_through_two_stores_lose_nothing():
    """The second one takes no locks, as another process."""
    memory = obstore.store.MemoryStore()
    first, second = MeanwhileObjectStore(memory), ObjectStore(memory)
    a = zarrcy.create(8, chunks=8, store=first, path="a", dtype="i4")
    b = opened(second, unaligned="allow")
    for _ in range(20):
        once(first, lambda: b.__setitem__(1, b[1] + 1))
        a[0] = a[0] + 1
    assert a[:2].tolist() == [20, 20]
