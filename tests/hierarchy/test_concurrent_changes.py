"""A change of a document is never overwritten by another one where the store has conditional puts."""

import json

import numpy as np
import obstore.store
import pytest
from far_stores import FarStoreWithVersions

import zarrcy
from zarrcy.errors import ConcurrentChangeError
from zarrcy.storage.remote.obstore import ObjectStore

FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])


class MeanwhileObjectStore(ObjectStore):
    """A store of obstore in which another writer acts before a conditional put."""

    meanwhile = None

    def replace_value(self, key, value, version):
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile(key)
        return super().replace_value(key, value, version)


@pytest.fixture(params=["far", "obstore"])
def store(request, zarr_format):
    if request.param == "far":
        store = FarStoreWithVersions(zarr_format)
    else:
        store = MeanwhileObjectStore(obstore.store.MemoryStore())
    group = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    group.attrs["old"] = 1
    group.array("a", np.arange(10), chunks=5, attributes={"old": 1})
    return store


def changed(store, key, change):
    """Change a document as another process does."""
    document = json.loads(bytes(store[key])) if key in store else {}
    change(document)
    store[key] = json.dumps(document).encode()


def set_their_attribute(store, zarr_format):
    def meanwhile(key):
        if zarr_format == 2:
            key = key.replace(".zarray", ".zattrs")
        changed(store, key, lambda d: (d if zarr_format == 2 else d["attributes"]).update(theirs=2))

    return meanwhile


def set_their_shape(store):
    return lambda key: changed(store, key, lambda d: d.update(shape=[20]))


CHANGES_OF_ATTRIBUTES = {
    "set": lambda attrs: attrs.__setitem__("ours", 3),
    "update": lambda attrs: attrs.update(ours=3),
    "delete": lambda attrs: attrs.__delitem__("old"),
}
CHANGES_OF_ARRAYS = {
    "append": lambda a: a.append([7]),
    "grow": lambda a: a.resize(15),
    "shrink": lambda a: a.resize(5),
    "fill value": lambda a: setattr(a, "fill_value", 4),
}


@FORMATS
@pytest.mark.parametrize("path", ["a", ""], ids=["array", "group"])
@pytest.mark.parametrize("change", CHANGES_OF_ATTRIBUTES)
def test_two_writers_change_attributes_and_both_changes_are_kept(store, zarr_format, path, change):
    node = zarrcy.open(store, path=path, mode="r+")
    store.meanwhile = set_their_attribute(store, zarr_format)
    CHANGES_OF_ATTRIBUTES[change](node.attrs)
    expected = {"old": 1, "theirs": 2, "ours": 3}
    expected.pop("ours" if change == "delete" else None, None)
    expected.pop("old" if change == "delete" else None, None)
    assert dict(node.attrs) == dict(zarrcy.open(store, path=path).attrs) == expected


@FORMATS
def test_the_first_attribute_of_another_writer_is_kept(store, zarr_format):
    zarrcy.open_group(store).zeros("new", shape=3)
    a = zarrcy.open_array(store, path="new")
    store.meanwhile = set_their_attribute(store, zarr_format)
    a.attrs["ours"] = 3
    assert dict(a.attrs) == dict(zarrcy.open_array(store, path="new").attrs) == {"theirs": 2, "ours": 3}


@FORMATS
@pytest.mark.parametrize("change", CHANGES_OF_ARRAYS)
def test_a_change_of_an_array_keeps_attributes_that_were_set_meanwhile(store, zarr_format, change):
    a = zarrcy.open_array(store, path="a")
    store.meanwhile = set_their_attribute(store, zarr_format)
    CHANGES_OF_ARRAYS[change](a)
    other = zarrcy.open_array(store, path="a")
    assert dict(other.attrs) == {"old": 1, "theirs": 2}
    assert (other.shape, other.fill_value) == (a.shape, a.fill_value)


@FORMATS
@pytest.mark.parametrize("change", CHANGES_OF_ARRAYS)
def test_a_change_of_an_array_does_not_overwrite_a_shape_that_was_changed_meanwhile(
    store, zarr_format, change
):
    a = zarrcy.open_array(store, path="a")
    store.meanwhile = set_their_shape(store)
    with pytest.raises(ConcurrentChangeError, match=r"'a/(\.zarray|zarr\.json)'.*repeat the change"):
        CHANGES_OF_ARRAYS[change](a)
    assert a.shape == zarrcy.open_array(store, path="a").shape == (20,), "the array shows what is stored"
    CHANGES_OF_ARRAYS[change](a)
    assert a.shape == zarrcy.open_array(store, path="a").shape != (10,)


def test_a_change_of_attributes_keeps_a_shape_that_was_changed_meanwhile():
    store = FarStoreWithVersions(3)
    a = zarrcy.zeros(10, store=store, zarr_format=3)
    store.meanwhile = set_their_shape(store)
    a.attrs["ours"] = 3
    other = zarrcy.open_array(store)
    assert (other.shape, dict(other.attrs)) == ((20,), {"ours": 3})


def test_writers_that_change_a_document_again_and_again_end_in_an_error():
    store = FarStoreWithVersions(3)
    a = zarrcy.zeros(10, store=store, zarr_format=3)

    def always(key):
        changed(store, key, lambda d: d["attributes"].update(n=d["attributes"].get("n", 0) + 1))
        store.meanwhile = always

    store.meanwhile = always
    with pytest.raises(ConcurrentChangeError):
        a.attrs["ours"] = 3
    assert "ours" not in zarrcy.open_array(store).attrs


# -- consolidated metadata ---------------------------------------------------------------------------


class ConsolidatingStore(FarStoreWithVersions):
    """A store in which another thread consolidates the metadata after the first read of documents."""

    consolidates = False

    def _ask(self, verb, *keys):
        super()._ask(verb, *keys)
        if self.consolidates and verb.startswith("put") and "zarr.json" not in keys[0]:
            self.consolidate()

    def read_versions(self, keys, most=-1):
        found = super().read_versions(keys, most)
        if self.consolidates and any(key.startswith("new") for key in keys):
            self.consolidate()
        return found

    def consolidate(self):
        self.consolidates = False
        zarrcy.consolidate_metadata(self)


@pytest.mark.parametrize(
    "change",
    [
        lambda group: group["a"].append(np.arange(7)),
        lambda group: group["a"].resize(3),
        lambda group: group.zeros("new", shape=3),
        lambda group: group.create_group("new"),
        lambda group: group.zeros("new/below", shape=3),
    ],
    ids=["append", "shrink", "create an array", "create a group", "create both"],
)
def test_a_change_removes_metadata_that_were_consolidated_after_its_first_read(change):
    store = ConsolidatingStore(3)
    group = zarrcy.open_group(store, mode="w", zarr_format=3)
    group.array("a", np.arange(10), chunks=5)
    store.consolidates = True
    change(group)
    assert not store.consolidates, "the metadata were consolidated meanwhile"
    assert "consolidated_metadata" not in json.loads(store["zarr.json"])
