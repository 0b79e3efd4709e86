"""Parallel writers that change parts of one chunk lose no write if they use a synchronizer."""

import multiprocessing
import os
import pickle
import sys
import threading

import numpy as np
import pytest

import zarrcy
from zarrcy import errors


def add_one(array, positions, times):
    for _ in range(times):
        for i in positions:
            array[i] = array[i] + 1


def test_threads_that_write_parts_of_one_chunk_lose_no_write():
    a = zarrcy.zeros(8, chunks=8, dtype="i4", synchronizer=zarrcy.ThreadSynchronizer())
    threads = [threading.Thread(target=add_one, args=(a, [n], 50)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert a[:].tolist() == [50] * 8


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_write_parts_of_one_chunk_lose_no_write(method, tmp_path):
    locks = zarrcy.ProcessSynchronizer(tmp_path / "locks")
    a = zarrcy.create(4, chunks=4, dtype="i4", store=str(tmp_path / "a"), synchronizer=locks)
    a[:] = 0
    context = multiprocessing.get_context(method)
    processes = [context.Process(target=add_one, args=(a, [n], 20)) for n in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0] * 4
    assert a[:].tolist() == [20] * 4


def test_a_process_synchronizer_also_excludes_threads(tmp_path):
    a = zarrcy.create(4, chunks=4, dtype="i4", synchronizer=zarrcy.ProcessSynchronizer(tmp_path))
    threads = [threading.Thread(target=add_one, args=(a, [n], 30)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert a[:].tolist() == [30] * 4


def add_ones_to_row(array, row, times):
    for _ in range(times):
        array[row, ::2] = array[row, ::2] + 1


SHAPES = {"1-D": ((8,), (4,)), "2-D": ((8, 8), (8, 4)), "3-D": ((8, 8, 2), (8, 4, 2))}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize(
    "order",
    [("1-D", "2-D"), ("2-D", "1-D", "2-D"), ("3-D", "1-D", "2-D"), ("1-D", "3-D", "2-D")],
    ids="->".join,
)
@pytest.mark.parametrize("make", [zarrcy.NestedDirectoryStore, dict], ids=["files", "memory"])
def test_a_process_synchronizer_works_when_arrays_of_other_dimensions_had_the_name(make, order, tmp_path):
    """The lock file of a key of one array is a directory of lock files of the other."""
    locks = zarrcy.ProcessSynchronizer(tmp_path / "locks")
    store = make(tmp_path / "store") if make is not dict else {}
    for kind in order:
        shape, chunks = SHAPES[kind]
        a = zarrcy.create(
            shape, chunks=chunks, dtype="i4", store=store, path="a", dimension_separator="/", overwrite=True,
            synchronizer=locks, fill_value=0,
        )  # fmt: skip
        # changes parts of chunks, which takes their locks
        a[1:-1] = 1
        a[1:-1] = 0
        assert not a[...].any()
    with locks["a/0/0"], locks["a/1/0"], locks["a/0"]:
        pass
    context = multiprocessing.get_context("fork")
    run = threading.Thread if make is dict else context.Process
    workers = [run(target=add_ones_to_row, args=(a, row, 10)) for row in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(600)
    expected = np.zeros((8, 8), "i4")
    expected[:4, ::2] = 10
    np.testing.assert_array_equal(a[...], expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.parametrize("key", ["a/0", "a/0/0", "a/0/0/1", "b/1"])
def test_lock_files_that_are_directories_of_others_exclude_other_processes(key, tmp_path):
    locks = zarrcy.ProcessSynchronizer(tmp_path / "locks")
    for other in ("a/0", "a/0/0", "a/0/0/1", "b/1/2", "b/1"):
        with locks[other]:
            pass
    context = multiprocessing.get_context("fork")
    held, may_end = context.Event(), context.Event()

    def hold():
        with zarrcy.ProcessSynchronizer(tmp_path / "locks")[key]:
            held.set()
            may_end.wait(600)
            (tmp_path / "released").touch()

    child = context.Process(target=hold)
    child.start()
    assert held.wait(600)
    seen = []

    def take():
        with locks[key]:
            seen.append((tmp_path / "released").exists())

    waiting = threading.Thread(target=take)
    waiting.start()
    may_end.set()
    waiting.join(600)
    child.join(600)
    assert seen == [True]


def test_changes_of_attributes_and_shape_hold_the_lock_of_the_document():
    keys = []

    class Locks:
        def __getitem__(self, key):
            keys.append(key)
            return threading.Lock()

    a = zarrcy.create(3, path="x", store={}, synchronizer=Locks())
    keys.clear()
    a.attrs["a"] = 1
    a.resize(4)
    assert keys == ["x/.zattrs", "x/.zarray"]


def test_synchronizers_can_be_pickled(tmp_path):
    a = zarrcy.create(3, store=str(tmp_path / "a"), synchronizer=zarrcy.ProcessSynchronizer(tmp_path / "l"))
    again = pickle.loads(pickle.dumps(a))
    assert again.synchronizer.path == a.synchronizer.path
    again[0] = 1
    assert np.asarray(a)[0] == 1
    assert isinstance(pickle.loads(pickle.dumps(zarrcy.ThreadSynchronizer())), zarrcy.ThreadSynchronizer)


def test_a_lock_file_never_leaves_its_directory(tmp_path):
    locks = zarrcy.ProcessSynchronizer(tmp_path / "locks")
    with pytest.raises(errors.KeyPathError), locks["../escape"]:
        pass
    assert not (tmp_path / "escape").exists()


def test_an_error_names_the_missing_package_and_its_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "fasteners", None)
    with pytest.raises(errors.MissingExtraError, match=r"pip install 'zarrcy\[locks\]'") as caught:
        zarrcy.sync.file_locks_work(tmp_path)
    assert isinstance(caught.value, ImportError)
