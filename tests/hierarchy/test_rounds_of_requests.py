"""How often each verb waits for a far store: the number of rounds of requests, one after the other.

Requests that are sent together are one round: a batch of keys, whatever its length.
"""

import pickle

import numpy as np
import pytest
from far_stores import FarStoreWithBatches, FarStoreWithVersions

import zarrcy

N_ARRAYS = 50


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
    "open a group to change it": (nothing, lambda store, _: zarrcy.open_group(store, mode="a"), 1, 1),
    "open whatever it is": (nothing, lambda store, _: zarrcy.open(store, mode="r"), 1, 1),
    "open an array": (nothing, lambda store, _: zarrcy.open_array(store, path="a00", mode="r"), 1, 1),
    "open a member": (group_of, lambda _, g: g["a07"], 1, 1),
    "look for a member": (group_of, lambda _, g: "a07" in g, 1, 1),
    "list the names": (group_of, lambda _, g: list(g), 2, 2),
    "count the members": (group_of, lambda _, g: len(g), 2, 2),
    "list the members": (group_of, lambda _, g: list(g.values()), 2, 2),
    "shapes of all members": (
        nothing,
        lambda store, _: [a.shape for _, a in zarrcy.open_group(store, mode="r").arrays()],
        3,
        3,
    ),
    "attributes of all members": (
        nothing,
        lambda store, _: [a.attrs["number"] for _, a in zarrcy.open_group(store, mode="r").arrays()],
        3,
        3,
    ),
    "create an array": (
        empty,
        lambda store, _: zarrcy.zeros(10, store=store, zarr_format=store.zarr_format),
        3,
        2,
    ),
    "create an array in any format": (empty, lambda store, _: zarrcy.zeros(10, store=store), 3, 3),
    "overwrite what may be there": (
        empty,
        lambda store, _: zarrcy.zeros(10, store=store, zarr_format=store.zarr_format, overwrite=True),
        4,
        3,
    ),
    "create an array in a group": (group_of, lambda _, g: g.zeros("new", shape=10), 3, 3),
    "create an array with attributes": (
        group_of,
        lambda _, g: g.zeros("new", shape=10, attributes={"a": 1}),
        4,
        3,
    ),
    "create an array and a group": (group_of, lambda _, g: g.zeros("new/below", shape=10), 4, 4),
    "create an array of data": (group_of, lambda _, g: g.array("new", data=np.arange(10)), 4, 4),
    "assign an array": (group_of, lambda _, g: g.__setitem__("new", np.arange(10)), 5, 5),
    "replace an array": (group_of, lambda _, g: g.zeros("a00", shape=10, overwrite=True), 5, 5),
    "create a group": (group_of, lambda _, g: g.create_group("new"), 3, 3),
    "require a new group": (group_of, lambda _, g: g.require_group("new"), 3, 3),
    "require a new array": (group_of, lambda _, g: g.require_dataset("new", shape=10), 4, 4),
    "require an array": (group_of, lambda _, g: g.require_dataset("a00", shape=1000, dtype="f4"), 1, 1),
    "set an attribute": (array_of, lambda _, a: a.attrs.update(x=1), 2, 2),
    "set an attribute of a group": (group_of, lambda _, g: g.attrs.update(x=1), 2, 2),
    "set the fill value": (array_of, lambda _, a: setattr(a, "fill_value", 3), 2, 2),
    "append": (array_of, lambda _, a: a.append(np.ones(100, "f4")), 3, 4),
    "grow": (array_of, lambda _, a: a.resize(1500), 3, 4),
    "shrink": (array_of, lambda _, a: a.resize(250), 8, 10),
    "consolidate": (nothing, lambda store, _: zarrcy.consolidate_metadata(store), 4, 4),
    "open consolidated, shapes": (
        consolidated,
        lambda store, _: [a.shape for _, a in zarrcy.open_consolidated(store).arrays()],
        1,
        1,
    ),
    "open consolidated, attributes": (
        consolidated,
        lambda store, _: [a.attrs["number"] for _, a in zarrcy.open_consolidated(store).arrays()],
        1,
        1,
    ),
    "delete a member": (group_of, lambda _, g: g.__delitem__("a00"), 3, 3),
    "draw the tree": (group_of, lambda _, g: repr(g.tree()), 2, 2),
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


# Where the store has conditional puts, what was read at the beginning of a change need not be read again.
VERBS_WITH_VERSIONS = {
    "set an attribute": (2, 2),
    "set an attribute of a group": (2, 2),
    "set the fill value": (2, 2),
    "append": (3, 3),
    "grow": (3, 3),
    "create an array in a group": (3, 3),
    "consolidate": (4, 4),
    "delete a member": (3, 3),
}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("verb", VERBS_WITH_VERSIONS)
def test_a_verb_reads_no_document_twice_where_puts_are_conditional(verb, zarr_format):
    prepare, run, *_ = VERBS[verb]
    store = FarStoreWithVersions(zarr_format)
    fill(store)
    prepared = prepare(store)
    store.rounds.clear()
    run(store, prepared)
    assert len(store.rounds) == VERBS_WITH_VERSIONS[verb][zarr_format - 2], "\n".join(store.rounds)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("names", [["x"], [f"x{i:03}" for i in range(70)]], ids=["one", "many"])
def test_groups_are_loaded_with_the_arrays_beside_them(zarr_format, names):
    store = FarStoreWithBatches(zarr_format)
    root = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    for name in names:
        root.create_group(name, attributes={"kind": "group"})
        root.zeros(name + "a", shape=3, attributes={"kind": "array"})
    store.rounds.clear()
    members = root.items()
    assert {name: member.attrs["kind"] for name, member in members} == {
        name + end: kind for name in names for end, kind in (("", "group"), ("a", "array"))
    }
    # of many members in format 2, the documents of groups are asked for where there is no array
    assert len(store.rounds) == (3 if len(names) > 1 and zarr_format == 2 else 2)


@pytest.mark.parametrize("zarr_format", [2, 3])
class TestAttributesThatWereLoadedWithTheMembers:
    @pytest.fixture
    def store(self, zarr_format):
        store = FarStoreWithBatches(zarr_format)
        root = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
        root.zeros("a", shape=3, attributes={"x": 1})
        root.create_group("b", attributes={"x": 1})
        root.zeros("c", shape=3)
        return store

    def test_are_not_read_again(self, store):
        members = list(zarrcy.open_group(store).values())
        store.rounds.clear()
        assert [dict(member.attrs) for member in members] == [{"x": 1}, {"x": 1}, {}]
        assert store.rounds == []

    def test_are_read_after_refresh(self, store):
        for name, member in zarrcy.open_group(store).items():
            zarrcy.open_group(store)[name].attrs["x"] = 2
            member.attrs.refresh()
            assert member.attrs["x"] == 2

    def test_are_those_that_the_member_wrote(self, store):
        for member in zarrcy.open_group(store).values():
            member.attrs["y"] = 3
            assert member.attrs["y"] == 3

    def test_are_read_for_each_access_if_they_are_not_cached(self, store):
        for name, member in zarrcy.open_group(store, cache_attrs=False).items():
            zarrcy.open_group(store)[name].attrs["x"] = 2
            assert member.attrs["x"] == 2

    def test_do_not_hide_a_change_from_a_change(self, store):
        for name, member in zarrcy.open_group(store).items():
            zarrcy.open_group(store)[name].attrs["y"] = 2
            member.attrs["z"] = 3
            assert (member.attrs["y"], member.attrs["z"]) == (2, 3)

    def test_are_read_again_after_pickling(self, store):
        for name, member in zarrcy.open_group(store).items():
            zarrcy.open_group(store)[name].attrs["x"] = 2
            assert pickle.loads(pickle.dumps(member)).attrs["x"] == 2
