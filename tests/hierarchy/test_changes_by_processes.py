"""Processes that change one document in a directory exclude each other, without a synchronizer."""

import os
import warnings

import numpy as np
import pytest
from forks import in_a_fork

import zarrcy
from zarrcy.errors import LockWarning

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .*fork:DeprecationWarning"),
    pytest.mark.skipif(os.name != "posix", reason="Windows has no locks of open files"),
]
FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])
N_PROCESSES, N_CHANGES = 3, 15


def run_in_processes(*tasks):
    """Run each function in a forked process of its own."""
    for outcome in [in_a_fork(task) for task in tasks]:
        outcome()


@FORMATS
def test_processes_that_append_keep_the_rows_of_all(zarr_format, tmp_path):
    a = zarrcy.create((0, 4), chunks=(8, 4), dtype="i4", store=str(tmp_path), zarr_format=zarr_format)

    def append(k):
        for i in range(N_CHANGES):
            a.append(np.full((3, 4), 100 * k + i))

    run_in_processes(*(lambda k=k: append(k) for k in range(N_PROCESSES)))
    rows = zarrcy.open_array(str(tmp_path), mode="r")[:]
    assert rows.shape == (3 * N_PROCESSES * N_CHANGES, 4)
    expected = [100 * k + i for k in range(N_PROCESSES) for i in range(N_CHANGES) for _ in range(3)]
    assert sorted(rows[:, 0]) == expected
    assert (rows == rows[:, :1]).all()


@FORMATS
@pytest.mark.parametrize("path", ["", "g", "g/a"], ids=["root", "group", "array"])
def test_processes_that_set_attributes_keep_those_of_all(zarr_format, path, tmp_path):
    root = zarrcy.open_group(str(tmp_path), mode="w", zarr_format=zarr_format)
    root.create_group("g").zeros("a", shape=4)

    def change(k):
        attrs = zarrcy.open(str(tmp_path), path=path, mode="r+").attrs
        for i in range(N_CHANGES):
            attrs[f"{k}/{i}"] = i
            attrs["count"] = attrs.get("count", 0)

    run_in_processes(*(lambda k=k: change(k) for k in range(N_PROCESSES)))
    attrs = zarrcy.open(str(tmp_path), path=path, mode="r").attrs.asdict()
    del attrs["count"]
    assert attrs == {f"{k}/{i}": i for k in range(N_PROCESSES) for i in range(N_CHANGES)}


@FORMATS
def test_attributes_a_fill_value_and_a_shape_that_processes_change_are_all_kept(zarr_format, tmp_path):
    a = zarrcy.create((8, 4), chunks=(8, 4), dtype="i4", store=str(tmp_path), zarr_format=zarr_format)
    a[:] = 1

    def set_attributes():
        for i in range(N_CHANGES):
            a.attrs[str(i)] = i

    def set_fill_value():
        for i in range(N_CHANGES):
            a.fill_value = i + 1

    def append():
        for _ in range(N_CHANGES):
            a.append(np.ones((1, 4)))

    run_in_processes(set_attributes, set_fill_value, append)
    b = zarrcy.open_array(str(tmp_path), mode="r")
    assert b.attrs.asdict() == {str(i): i for i in range(N_CHANGES)}
    assert (b.shape, b.fill_value) == ((8 + N_CHANGES, 4), N_CHANGES)
    assert (b[:] == 1).all()


@FORMATS
def test_changes_and_a_consolidation_exclude_each_other(zarr_format, tmp_path):
    root = zarrcy.open_group(str(tmp_path), mode="w", zarr_format=zarr_format)
    for name in "abc":
        root.zeros(name, shape=4)

    def consolidate():
        for _ in range(N_CHANGES):
            zarrcy.consolidate_metadata(str(tmp_path))

    def change(name):
        node = zarrcy.open(str(tmp_path), path=name, mode="r+")
        for i in range(N_CHANGES):
            node.attrs[str(i)] = i

    run_in_processes(consolidate, lambda: change("a"), lambda: change("b"), lambda: change(""))
    for name in ("a", "b", ""):
        assert len(zarrcy.open(str(tmp_path), path=name, mode="r").attrs) == N_CHANGES
    if zarr_format == 3:
        # nothing outdated is left
        assert not zarrcy.verify(str(tmp_path)).problems


@FORMATS
def test_shrinking_that_writes_its_document_twice_excludes_appends(zarr_format, tmp_path):
    a = zarrcy.create((8, 4), chunks=(4, 4), dtype="i4", store=str(tmp_path), zarr_format=zarr_format)
    a[:] = 1

    def shrink():
        for _ in range(N_CHANGES):
            try:
                a.resize(6, None)
            except zarrcy.errors.ConcurrentChangeError:
                # another process was faster between the two writes; nothing was lost
                continue

    def append():
        for _ in range(N_CHANGES):
            a.append(np.ones((3, 4)))

    run_in_processes(shrink, append)
    b = zarrcy.open_array(str(tmp_path), mode="r")
    # each element is one that was appended: none was cut off and then shown again
    assert (b[:] == 1).all()
    assert len(b) >= 6


def test_a_change_of_a_document_waits_and_leaves_no_file(tmp_path, monkeypatch):
    monkeypatch.setenv("ZARRCY_LOCK_WARNING", "0")
    a = zarrcy.create(8, chunks=8, dtype="i4", store=str(tmp_path / "a"), zarr_format=3)
    values = np.ones(4)

    class Values:
        """Elements that are asked for while the lock of the document is held."""

        shape, dtype, ndim = values.shape, values.dtype, 1

        def __array__(self, dtype=None, copy=None):
            with warnings.catch_warnings():
                warnings.simplefilter("error", LockWarning)
                with pytest.raises(LockWarning):
                    in_a_fork(lambda: a.attrs.__setitem__("b", 1))()
            return values

    a.append(Values())
    assert a.shape == (12,)
    assert sorted(a.store) == sorted(
        str(path.relative_to(tmp_path / "a")) for path in (tmp_path / "a").rglob("*") if path.is_file()
    )
