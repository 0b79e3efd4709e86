"""Listing the members of a group: one look at each name, whichever function asks."""

import os
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import zarrcy
from zarrcy.keys import is_listed, only_listed
from zarrcy.storage import DirectoryStore

FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])


@pytest.fixture
def listings(monkeypatch):
    """Count the listings of directories, by their names."""
    counts = Counter()
    listdir = os.listdir

    def counted(path):
        counts[os.path.basename(os.fspath(path).rstrip("/"))] += 1
        return listdir(path)

    monkeypatch.setattr(os, "listdir", counted)
    return counts


def group_with(names, zarr_format, store):
    group = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    for name in names:
        group.create_group(name) if name < "c" else group.zeros(name, shape=3)
    return group


@FORMATS
@pytest.mark.parametrize(
    "names_of",
    [list, sorted, tuple, set, len, lambda group: list(group.keys()), lambda group: [*group]],
    ids=["list", "sorted", "tuple", "set", "len", "keys", "star"],
)
def test_a_group_is_listed_once(tmp_path, listings, zarr_format, names_of):
    group = group_with("dacb", zarr_format, str(tmp_path / "g"))
    listings.clear()
    names = names_of(group)
    assert names == 4 if isinstance(names, int) else sorted(names) == ["a", "b", "c", "d"]
    assert listings == {"g": 1}


@FORMATS
def test_names_are_those_of_the_moment_of_the_first_step(zarr_format):
    group = group_with("ab", zarr_format, {})
    names = iter(group)
    group.create_group("c")
    assert len(group) == 3
    assert list(names) == ["a", "b", "c"]
    begun, other = iter(group), iter(group)
    assert next(begun) == "a"
    del group["b"]
    assert len(group) == len(group) == 2
    assert list(other) == list(group) == ["a", "c"]
    assert "c" in [*begun]


@FORMATS
def test_a_length_after_a_listing_is_counted_again(zarr_format):
    group = group_with("ab", zarr_format, {})
    assert list(group) == ["a", "b"]
    group.create_group("c")
    assert (len(group), list(group), "c" in group) == (3, ["a", "b", "c"], True)


NAMES = st.text("a0.\\ls/é\udc80", max_size=4) | st.sampled_from(
    [".nfs01", ".fuse_hidden1", "lost+found", ".snapshot", ".snapshots", ".DS_Store", ".zarray", "x.nfs1"]
)


@given(st.lists(NAMES))
def test_many_names_are_listed_as_each_of_them(names):
    assert only_listed(iter(names)) == list(filter(is_listed, names))


def test_temporary_files_are_not_listed(tmp_path):
    names = ["a", "b.partial", f"c.{'0' * 32}.partial", ".nfs1"]
    for name in names:
        (tmp_path / name).touch()
    assert DirectoryStore(tmp_path).listdir() == sorted(DirectoryStore(tmp_path)) == ["a", "b.partial"]


@pytest.mark.parametrize("options", [{}, {"normalize_keys": True}, {"follow_symlinks": False}], ids=str)
def test_many_keys_are_found_as_each_of_them(tmp_path, options):
    store = DirectoryStore(tmp_path, **options)
    store["a/b"] = store["c"] = b""
    keys = ["a/b", "c", "C", "d", "a/b/c", "é"]
    assert store.has_each(iter(keys)) == [key in store for key in keys]
    for bad in ("../c", "a//b", "/c", "a/./b"):
        with pytest.raises(zarrcy.errors.KeyPathError):
            store.has_each(["c", bad])
