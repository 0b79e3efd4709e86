"""Parallel writers that change parts of one chunk lose no write if they use a synchronizer."""

import multiprocessing
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
        process.join(60)
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
