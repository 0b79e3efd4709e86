"""Which metadata and attributes are cached, and how often their documents are read and written."""

import pickle
from contextlib import contextmanager

import numpy as np
import pytest

import zarrcy
from zarrcy.testing import CountingStore

MASK = np.arange(24).reshape(6, 4) % 5 == 0
READS = {
    "a[...]": lambda a: a[...],
    "a[0, 0]": lambda a: a[0, 0],
    "a[mask]": lambda a: a[MASK],
    "a[points]": lambda a: a[[0, 5], [3, 0]],
    "a[list]": lambda a: a[[5, 0]],
    "oindex": lambda a: a.oindex[[5, 0], [1]],
    "vindex": lambda a: a.vindex[[5, 0], [3, 0]],
    "vindex mask": lambda a: a.vindex[MASK],
    "blocks": lambda a: a.blocks[2, 0],
    "get_basic_selection": lambda a: a.get_basic_selection((slice(None), 0)),
    "get_orthogonal_selection": lambda a: a.get_orthogonal_selection(([5], [0])),
    "get_coordinate_selection": lambda a: a.get_coordinate_selection(([5], [0])),
    "get_mask_selection": lambda a: a.get_mask_selection(MASK),
    "get_block_selection": lambda a: a.get_block_selection((2, 1)),
    "asarray": np.asarray,
    "list": list,
    "islice": lambda a: list(a.islice(1, 5)),
    "view": lambda a: a.view()[...],
    "astype": lambda a: a.astype("f4")[...],
}
WRITES = {
    "a[...]": lambda a: a.__setitem__(..., 7),
    "a[mask]": lambda a: a.__setitem__(MASK, 7),
    "a[points]": lambda a: a.__setitem__(([0, 5], [3, 0]), 7),
    "oindex": lambda a: a.oindex.__setitem__(([5, 0], [1]), 7),
    "vindex": lambda a: a.vindex.__setitem__(([5, 0], [3, 0]), 7),
    "blocks": lambda a: a.blocks.__setitem__((2, 0), 7),
    "set_basic_selection": lambda a: a.set_basic_selection((slice(None), 0), 7),
    "set_orthogonal_selection": lambda a: a.set_orthogonal_selection(([5], [0]), 7),
    "set_coordinate_selection": lambda a: a.set_coordinate_selection(([5], [0]), 7),
    "set_mask_selection": lambda a: a.set_mask_selection(MASK, 7),
    "set_block_selection": lambda a: a.set_block_selection((2, 1), 7),
}
FACTS = {
    "shape": lambda a: a.shape,
    "size": lambda a: a.size,
    "nbytes": lambda a: a.nbytes,
    "nchunks": lambda a: a.nchunks,
    "cdata_shape": lambda a: a.cdata_shape,
    "nchunks_initialized": lambda a: a.nchunks_initialized,
    "len": len,
    "repr": repr,
    "info": lambda a: a.info_items(),
    "digest": lambda a: a.digest(),
}
ALL = [(f"{kind} {name}", do) for kind, ways in
       {"read": READS, "write": WRITES, "fact": FACTS}.items() for name, do in ways.items()]  # fmt: skip
# One read of the document. Accesses that are made of several others may read it more often.
ONCE = {
    "read a[...]",
    "read a[0, 0]",
    "read oindex",
    "read get_basic_selection",
    "read asarray",
    "write a[...]",
}
ONCE |= {f"fact {name}" for name in FACTS if name not in ("info", "digest")}


@pytest.fixture(params=[False, True], ids=["one store", "chunk_store"])
def stores(request):
    """A store of documents, and a store of chunks or None if it is the same."""
    return CountingStore(), CountingStore() if request.param else None


def make(stores, shape=(6, 4), **kwargs):
    store, chunk_store = stores
    return zarrcy.create(
        shape, chunks=(2, 2), dtype="i4", store=store, chunk_store=chunk_store, path="x", **kwargs
    )


def again(stores, **kwargs):
    """Return another handle of the same array."""
    store, chunk_store = stores
    return zarrcy.Array(store, path="x", chunk_store=chunk_store, **kwargs)


def documents(store, do):
    """Call `do`, and return how many documents it read and wrote."""
    store.counts.clear()
    do()
    return store.counts["get", "document"], store.counts["set", "document"]


@pytest.mark.parametrize(("name", "do"), ALL, ids=[name for name, _ in ALL])
def test_an_array_that_caches_its_metadata_does_not_read_documents(stores, name, do):
    make(stores)
    a = again(stores)
    # a digest covers the documents; the report compares them with consolidated metadata of this group and the root, and
    # measures the values of a mapping in memory, this document too
    expected = {"fact digest": (2, 0), "fact info": (3, 0)}.get(name, (0, 0))
    assert documents(stores[0], lambda: do(a)) == expected


@pytest.mark.parametrize(("name", "do"), ALL, ids=[name for name, _ in ALL])
def test_an_array_that_does_not_cache_its_metadata_loads_them_for_each_access(stores, name, do):
    make(stores)
    a = again(stores, cache_metadata=False)
    read, written = documents(stores[0], lambda: do(a))
    assert written == 0
    if name in ONCE:
        assert read == 1
    elif name == "read list":
        assert 1 <= read <= 2 + a.cdata_shape[0] * 2
    else:
        assert 1 <= read <= 8
    if stores[1] is not None:
        assert stores[1].counts["get", "document"] == stores[1].counts["set", "document"] == 0
        # the report measures what is stored at the path of the array in both stores
        assert (stores[0].gets, stores[0].sets) == (int(name == "fact info"), 0), (
            "chunks are in the other store"
        )


@pytest.mark.parametrize("name", READS)
def test_a_read_sees_the_shape_that_another_handle_set(stores, name):
    writer = make(stores, (2, 2))
    fresh, cached = again(stores, cache_metadata=False), again(stores)
    writer.resize(6, 4)
    writer[...] = np.arange(24).reshape(6, 4)
    assert str(READS[name](fresh)) == str(READS[name](writer))
    assert cached.shape == (2, 2)
    assert cached[...].tolist() == [[0, 1], [4, 5]]


@pytest.mark.parametrize("name", WRITES)
def test_a_write_uses_the_shape_that_another_handle_set(stores, name):
    writer = make(stores, (2, 2))
    fresh = again(stores, cache_metadata=False)
    writer.resize(6, 4)
    WRITES[name](fresh)
    alone = make((CountingStore(), None))
    WRITES[name](alone)
    assert writer[...].tolist() == alone[...].tolist()
    assert alone[...].any()


@pytest.mark.parametrize("name", FACTS)
def test_properties_describe_the_shape_that_another_handle_set(stores, name):
    writer = make(stores, (2, 2))
    fresh = again(stores, cache_metadata=False)
    writer.resize(6, 4)
    writer[...] = 1
    assert FACTS[name](fresh) == FACTS[name](writer)


@pytest.mark.parametrize(
    ("change", "shape"),
    [
        (lambda a: a.append(np.ones((2, 4))), (8, 4)),
        (lambda a: a.append(np.ones((6, 1)), axis=1), (6, 5)),
        (lambda a: a.resize(None, 5), (6, 5)),
        (lambda a: setattr(a, "fill_value", 7), (6, 4)),
    ],
    ids=["append", "append-1", "resize", "fill_value"],
)
def test_a_change_starts_from_the_shape_that_another_handle_set(stores, change, shape):
    writer = make(stores, (2, 2))
    fresh = again(stores, cache_metadata=False)
    writer.resize(6, 4)
    writer[...] = 1
    assert documents(stores[0], lambda: change(fresh)) == (1, 1)
    assert again(stores).shape == fresh.shape == shape
    assert (fresh[:6, :4] == 1).all()


def test_a_deleted_array_is_an_error_if_its_metadata_are_not_cached(stores):
    make(stores)
    fresh, cached = again(stores, cache_metadata=False), again(stores)
    del stores[0]["x/.zarray"]
    with pytest.raises(zarrcy.ArrayNotFoundError, match="'x'"):
        fresh[...]
    assert cached.shape == (6, 4)


def test_a_view_keeps_its_shape_and_reads_no_document(stores):
    writer = make(stores)
    view = again(stores, cache_metadata=False).view()
    writer.resize(2, 2)
    assert documents(stores[0], lambda: view[...]) == (0, 0)
    assert view.shape == (6, 4)


@pytest.mark.parametrize("cached", [True, False])
def test_a_pickled_array_caches_the_same(stores, cached):
    make(stores)
    a = pickle.loads(pickle.dumps(again(stores, cache_metadata=cached, cache_attrs=cached)))
    assert documents(a.store, lambda: (a.shape, a[0, 0])) == ((0, 0) if cached else (2, 0))
    assert a.attrs.cache is cached
    assert (a.chunk_store is a.store) == (stores[1] is None)


# -- attributes ------------------------------------------------------------------------------------

ACCESSES = {
    "asdict": lambda attrs: attrs.asdict(),
    "[]": lambda attrs: attrs["a"],
    "get": lambda attrs: attrs.get("a"),
    "in": lambda attrs: "a" in attrs,
    "len": len,
    "repr": repr,
}


@pytest.mark.parametrize("access", ACCESSES.values(), ids=ACCESSES)
def test_cached_attributes_are_read_once(stores, access):
    make(stores).attrs["a"] = 1
    attrs = again(stores).attrs
    assert documents(stores[0], lambda: access(attrs)) == (1, 0)
    assert documents(stores[0], lambda: access(attrs)) == (0, 0)
    assert documents(stores[0], attrs.refresh) == (1, 0)
    assert documents(stores[0], lambda: access(attrs)) == (0, 0)


@pytest.mark.parametrize("access", ACCESSES.values(), ids=ACCESSES)
def test_attributes_that_are_not_cached_are_read_for_each_access(stores, access):
    make(stores).attrs["a"] = 1
    attrs = again(stores, cache_attrs=False).attrs
    for _ in range(3):
        assert documents(stores[0], lambda: access(attrs)) == (1, 0)


@pytest.mark.parametrize("cached", [True, False])
def test_a_change_of_attributes_reads_and_writes_their_document_once(stores, cached):
    attrs = make(stores, cache_attrs=cached).attrs
    for change, reads in [
        (lambda: attrs.__setitem__("a", 1), 1),
        (lambda: attrs.update(b=2, c=3), 1),
        (lambda: attrs.__delitem__("b"), 1),
        (lambda: attrs.put({"d": 4}), 0),
    ]:
        assert documents(stores[0], change) == (reads, 1)
    assert documents(stores[0], lambda: attrs["d"]) == (0 if cached else 1, 0), (
        "written attributes are cached"
    )


def test_attributes_of_another_handle_are_seen_if_they_are_not_cached(stores):
    writer = make(stores)
    fresh, cached = again(stores, cache_attrs=False), again(stores)
    assert fresh.attrs.asdict() == cached.attrs.asdict() == {}
    writer.attrs["a"] = [1]
    assert fresh.attrs.asdict() == {"a": [1]}
    assert cached.attrs.asdict() == {}
    writer.attrs["a"] = 2
    assert fresh.attrs["a"] == 2
    del writer.attrs["a"]
    assert "a" not in fresh.attrs
    cached.attrs["b"] = 3
    assert writer.attrs.asdict() == {}, "it caches what it wrote"
    assert fresh.attrs.asdict() == {"b": 3}


def test_metadata_and_attributes_are_cached_independently(stores):
    make(stores).attrs["a"] = 1
    fresh = again(stores, cache_metadata=False)
    fresh.attrs.asdict()
    assert documents(stores[0], lambda: fresh.attrs["a"]) == (0, 0)
    assert documents(stores[0], lambda: fresh.shape) == (1, 0)
    attrs = again(stores, cache_attrs=False).attrs
    assert documents(stores[0], lambda: attrs["a"]) == (1, 0)


# -- chunk_store -----------------------------------------------------------------------------------


def test_documents_and_chunks_stay_in_their_stores():
    store, chunk_store = stores = CountingStore(), CountingStore()
    a = make(stores)
    a[...] = 1
    a.attrs["a"] = 1
    a.append(np.ones((2, 4)))
    a.fill_value = 5
    a.resize(2, 4)
    assert set(store) == {".zgroup", "x/.zarray", "x/.zattrs"}
    assert set(chunk_store) == {"x/0.0", "x/0.1"}
    assert a.nchunks_initialized == 2
    assert a.chunk_store is chunk_store
    assert a.store is store
    assert (
        zarrcy.open_array(store, mode="r", path="x", chunk_store=chunk_store)[...].tolist() == [[1] * 4] * 2
    )
    assert zarrcy.open_array(store, mode="r", path="x")[...].tolist() == [[5] * 4] * 2
    assert a == again(stores), "arrays with the same documents are equal"


def test_overwriting_empties_both_stores():
    store, chunk_store = stores = CountingStore(), CountingStore()
    make(stores)[...] = 1
    chunk_store["y/0"] = b"other"
    make(stores, (1, 1), overwrite=True)
    assert set(chunk_store) == {"y/0"}
    assert set(store) == {".zgroup", "x/.zarray"}


# -- under a lock ----------------------------------------------------------------------------------


class Recorder:
    """Locks and a store that record the order of events."""

    def __init__(self):
        self.events = []

    def __getitem__(self, key):
        @contextmanager
        def lock():
            self.events.append(f"lock {key}")
            yield
            self.events.append(f"unlock {key}")

        return lock()

    def store(self):
        recorder = self

        class Store(CountingStore):
            def __getitem__(self, key):
                recorder.events.append(f"read {key}")
                return super().__getitem__(key)

            def __setitem__(self, key, value):
                recorder.events.append(f"write {key}")
                super().__setitem__(key, value)

        return Store()


@pytest.mark.parametrize(
    ("change", "events"),
    [
        (lambda a: a.append([1, 2]), ["read .zarray", "write 1", "write .zarray"]),
        (lambda a: a.resize(4), ["read .zarray", "write .zarray"]),
        (lambda a: setattr(a, "fill_value", 3), ["read .zarray", "write .zarray"]),
    ],
    ids=["append", "resize", "fill_value"],
)
def test_the_metadata_are_locked_from_before_they_are_read_until_they_are_written(change, events):
    """Otherwise, two writers that append at once would write to the same place."""
    recorder = Recorder()
    store = recorder.store()
    zarrcy.create(2, chunks=2, store=store)
    a = zarrcy.Array(store, cache_metadata=False, synchronizer=recorder)
    recorder.events.clear()
    change(a)
    assert recorder.events == ["lock .zarray", *events, "unlock .zarray"]


def test_attributes_are_locked_from_before_they_are_read_until_they_are_written():
    recorder = Recorder()
    a = zarrcy.create(2, store=recorder.store(), synchronizer=recorder)
    for change in (lambda: a.attrs.update(a=1), lambda: a.attrs.__delitem__("a")):
        recorder.events.clear()
        change()
        assert recorder.events == ["lock .zattrs", "read .zattrs", "write .zattrs", "unlock .zattrs"]
