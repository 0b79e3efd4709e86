"""Writers that share a chunk lose nothing where a synchronizer gives them locks."""

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


def test_threads_that_share_chunks_lose_nothing():
    a = zarrcy.zeros(8, chunks=8, dtype="i4", synchronizer=zarrcy.ThreadSynchronizer())
    threads = [threading.Thread(target=add_one, args=(a, [n], 50)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert a[:].tolist() == [50] * 8


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_that_share_chunks_lose_nothing(method, tmp_path):
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


def test_threads_and_processes_may_share_a_process_synchronizer(tmp_path):
    a = zarrcy.create(4, chunks=4, dtype="i4", synchronizer=zarrcy.ProcessSynchronizer(tmp_path))
    threads = [threading.Thread(target=add_one, args=(a, [n], 30)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert a[:].tolist() == [30] * 4


def test_attributes_are_changed_under_their_lock():
    held = []

    class Locks:
        def __getitem__(self, key):
            held.append(key)
            return threading.Lock()

    a = zarrcy.create(3, path="x", store={}, synchronizer=Locks())
    held.clear()
    a.attrs["a"] = 1
    a.resize(4)
    assert held == ["x/.zattrs", "x/.zarray"]


def test_synchronizers_travel_between_processes(tmp_path):
    a = zarrcy.create(3, store=str(tmp_path / "a"), synchronizer=zarrcy.ProcessSynchronizer(tmp_path / "l"))
    again = pickle.loads(pickle.dumps(a))
    assert again.synchronizer.path == a.synchronizer.path
    again[0] = 1
    assert np.asarray(a)[0] == 1
    assert isinstance(pickle.loads(pickle.dumps(zarrcy.ThreadSynchronizer())), zarrcy.ThreadSynchronizer)


def test_a_lock_never_leaves_its_directory(tmp_path):
    locks = zarrcy.ProcessSynchronizer(tmp_path / "locks")
    with pytest.raises(errors.KeyPathError), locks["../escape"]:
        pass
    assert not (tmp_path / "escape").exists()


def test_a_missing_package_is_named_with_its_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "fasteners", None)
    with pytest.raises(errors.MissingExtraError, match=r"pip install 'zarrcy\[locks\]'") as caught:
        zarrcy.ProcessSynchronizer(tmp_path)
    assert isinstance(caught.value, ImportError)
