"""How often each verb waits for a far store: the number of rounds of requests, one after the other.

Requests that are sent together are one round: a batch of keys, whatever its length.
"""

from collections.abc import MutableMapping

import numpy as np
import pytest

import zarrcy

N_ARRAYS = 50


class FarStore(MutableMapping):
    """A store in memory that keeps a record of its rounds of requests, one line each."""

    def __init__(self, zarr_format):
        self.zarr_format = zarr_format
        self.values_by_key = {}
        self.rounds = []

    def _ask(self, verb, *keys):
        self.rounds.append(" ".join([verb, *keys]))

    def keeps_documents(self):
        return True

    def __getitem__(self, key):
        self._ask("get", key)
        return self.values_by_key[key]

    def get(self, key, default=None):
        self._ask("get", key)
        return self.values_by_key.get(key, default)

    def __setitem__(self, key, value):
        self._ask("put", key)
        self.values_by_key[key] = bytes(value)

    def setdefault(self, key, default=None):
        self._ask("put if absent", key)
        return self.values_by_key.setdefault(key, default)

    def __delitem__(self, key):
        self._ask("delete", key)
        del self.values_by_key[key]

    def __contains__(self, key):
        self._ask("look for", key)
        return key in self.values_by_key

    def __iter__(self):
        self._ask("list all")
        return iter(list(self.values_by_key))

    def __len__(self):
        self._ask("list all")
        return len(self.values_by_key)

    def listdir(self, path=""):
        self._ask("list", path)
        prefix = f"{path}/" if path else ""
        below = (key for key in self.values_by_key if key.startswith(prefix))
        return sorted({key[len(prefix) :].split("/")[0] for key in below})


class FarStoreWithBatches(FarStore):
    """A far store that also reads, writes and deletes many keys in one round."""

    def getitems(self, keys):
        self._ask("get", *keys)
        return {key: self.values_by_key[key] for key in keys if key in self.values_by_key}

    def setitems(self, values):
        self._ask("put", *values)
        self.values_by_key.update({key: bytes(value) for key, value in values.items()})

    def delitems(self, keys):
        self._ask("delete", *keys)
        for key in keys:
            self.values_by_key.pop(key, None)

    def rmdir(self, path=""):
        # as in object stores: a listing, and one request that deletes many keys
        self._ask("list below", path)
        prefix = f"{path}/" if path else ""
        self.delitems([key for key in self.values_by_key if key.startswith(prefix)])


def fill(store):
    group = zarrcy.open_group(store, mode="w", zarr_format=store.zarr_format)
    for i in range(N_ARRAYS):
        name = f"a{i:02}"
        group.create_dataset(name, shape=1000, chunks=100, dtype="f4", attributes={"number": i})
    zarrcy.open_array(store, path="a00")[:] = 1


def group_of(store):
    return zarrcy.open_group(store, mode="r+")


def array_of(store):
    return zarrcy.open_array(store, path="a00", mode="r+")


def consolidated(store):
    zarrcy.consolidate_metadata(store)


def nothing(store):
    pass


def empty(store):
    store.values_by_key.clear()


# Verb -> what is there before, what is counted, and the rounds of formats 2 and 3.
VERBS = {
    "open a group": (nothing, lambda store, _: zarrcy.open_group(store, mode="r"), 1, 1),
    "open a group to change it": (nothing, lambda store, _: zarrcy.open_group(store, mode="a"), 2, 1),
    "open whatever it is": (nothing, lambda store, _: zarrcy.open(store, mode="r"), 2, 2),
    "open an array": (nothing, lambda store, _: zarrcy.open_array(store, path="a00", mode="r"), 1, 1),
    "open a member": (group_of, lambda _, g: g["a07"], 1, 1),
    "look for a member": (group_of, lambda _, g: "a07" in g, 1, 1),
    "list the names": (group_of, lambda _, g: list(g), 2, 2),
    "count the members": (group_of, lambda _, g: len(g), 2, 2),
    "list the members": (group_of, lambda _, g: list(g.values()), 4, 4),
    "shapes of all members": (
        nothing,
        lambda store, _: [a.shape for _, a in zarrcy.open_group(store, mode="r").arrays()],
        3,
        3,
    ),
    "attributes of all members": (
        nothing,
        lambda store, _: [a.attrs["number"] for _, a in zarrcy.open_group(store, mode="r").arrays()],
        53,
        53,
    ),
    "create an array": (
        empty,
        lambda store, _: zarrcy.zeros(10, store=store, zarr_format=store.zarr_format),
        5,
        4,
    ),
    "create an array in any format": (empty, lambda store, _: zarrcy.zeros(10, store=store), 8, 8),
    "overwrite what may be there": (
        empty,
        lambda store, _: zarrcy.zeros(10, store=store, zarr_format=store.zarr_format, overwrite=True),
        7,
        6,
    ),
    "create an array in a group": (group_of, lambda _, g: g.zeros("new", shape=10), 8, 8),
    "create an array with attributes": (
        group_of,
        lambda _, g: g.zeros("new", shape=10, attributes={"a": 1}),
        9,
        8,
    ),
    "create an array and a group": (group_of, lambda _, g: g.zeros("new/below", shape=10), 11, 11),
    "create an array of data": (group_of, lambda _, g: g.array("new", data=np.arange(10)), 9, 9),
    "assign an array": (group_of, lambda _, g: g.__setitem__("new", np.arange(10)), 13, 13),
    "replace an array": (group_of, lambda _, g: g.zeros("a00", shape=10, overwrite=True), 8, 8),
    "create a group": (group_of, lambda _, g: g.create_group("new"), 4, 5),
    "require a new group": (group_of, lambda _, g: g.require_group("new"), 5, 6),
    "require a new array": (group_of, lambda _, g: g.require_dataset("new", shape=10), 9, 9),
    "require an array": (group_of, lambda _, g: g.require_dataset("a00", shape=1000, dtype="f4"), 1, 1),
    "set an attribute": (array_of, lambda _, a: a.attrs.update(x=1), 2, 4),
    "set an attribute of a group": (group_of, lambda _, g: g.attrs.update(x=1), 2, 3),
    "set the fill value": (array_of, lambda _, a: setattr(a, "fill_value", 3), 2, 4),
    "append": (array_of, lambda _, a: a.append(np.ones(100, "f4")), 3, 5),
    "grow": (array_of, lambda _, a: a.resize(1500), 3, 5),
    "shrink": (array_of, lambda _, a: a.resize(250), 8, 12),
    "consolidate": (nothing, lambda store, _: zarrcy.consolidate_metadata(store), 10, 6),
    "open consolidated, shapes": (
        consolidated,
        lambda store, _: [a.shape for _, a in zarrcy.open_consolidated(store).arrays()],
        2,
        1,
    ),
    "open consolidated, attributes": (
        consolidated,
        lambda store, _: [a.attrs["number"] for _, a in zarrcy.open_consolidated(store).arrays()],
        2,
        1,
    ),
    "delete a member": (group_of, lambda _, g: g.__delitem__("a00"), 4, 5),
    "draw the tree": (group_of, lambda _, g: repr(g.tree()), 6, 6),
    "information about a group": (group_of, lambda _, g: repr(g.info), 3, 3),
    "information about an array": (array_of, lambda _, a: repr(a.info), 3, 3),
    "show a group": (group_of, lambda _, g: repr(g), 0, 0),
    "show an array": (array_of, lambda _, a: repr(a), 0, 0),
}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_waits_for_this_many_rounds_of_requests(verb, zarr_format):
    prepare, run, *numbers = VERBS[verb]
    store = FarStoreWithBatches(zarr_format)
    fill(store)
    prepared = prepare(store)
    store.rounds.clear()
    run(store, prepared)
    assert len(store.rounds) == numbers[zarr_format - 2], "\n".join(store.rounds)
