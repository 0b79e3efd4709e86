"""What creating an array asks of the store: nothing about a place where nothing is stored."""

import os
from collections import Counter

import pytest

import zarrcy

FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])
CALLS = ("access", "listdir", "lstat", "mkdir", "open", "rename", "replace", "scandir", "stat", "unlink")


@pytest.fixture
def calls(monkeypatch):
    """Count the system calls that are made through ``os``; those of kernels are not counted."""
    counts = Counter()

    def counted(name, function):
        def call(*args, **kwargs):
            counts[name] += 1
            return function(*args, **kwargs)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, counted(name, getattr(os, name)))
    # the counting functions take the same arguments
    monkeypatch.setattr(os, "supports_follow_symlinks", {*os.supports_follow_symlinks, os.access})
    return counts


@FORMATS
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_new_directory_is_looked_at_once_before_it_is_made(tmp_path, calls, zarr_format, overwrite):
    zarrcy.zeros(3, store=str(tmp_path / "first"), zarr_format=zarr_format)
    calls.clear()
    zarrcy.zeros(3, store=str(tmp_path / "new"), zarr_format=zarr_format, overwrite=overwrite)
    for kernels in ("mkdir", "open", "rename", "replace"):
        calls.pop(kernels, None)
    # once by the store, once by the creation; the document of a group that is created at the same time is looked for
    expected = {"stat": 2, "access": 1} if zarr_format == 2 else {"stat": 2}
    assert calls == expected


@FORMATS
def test_overwriting_where_nothing_is_replaces_an_array_that_appears_meanwhile(tmp_path, zarr_format):
    path = str(tmp_path / "a")
    first = zarrcy.open(path, mode="w", shape=3, zarr_format=zarr_format)
    second = zarrcy.open(path, mode="w", shape=4, zarr_format=zarr_format)
    assert zarrcy.open_array(path).shape == second.shape != first.shape


@FORMATS
def test_overwriting_an_empty_read_only_place_is_refused(tmp_path, zarr_format):
    store = zarrcy.storage.ZipStore(tmp_path / "a.zip", mode="w")
    store.close()
    with (
        zarrcy.storage.ZipStore(tmp_path / "a.zip", mode="r") as archive,
        pytest.raises(zarrcy.errors.ReadOnlyError),
    ):
        zarrcy.zeros(3, store=archive, overwrite=True, zarr_format=zarr_format)
