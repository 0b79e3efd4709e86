"""Collections of live objects, which many threads fill, forget the dead and never lose the living."""

import sys
import threading
import tracemalloc

import pytest

from zarrcy.sync.key_locks import LiveObjects


class Item:
    """An object that can be referred to weakly."""


@pytest.fixture
def eager_threads():
    """Switch threads so often that a race shows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def test_threads_that_add_objects_at_once_get_no_error_and_lose_none(eager_threads):
    for _ in range(10):
        known, alive, failures = LiveObjects(), [], []
        barrier = threading.Barrier(8)

        def add(known=known, alive=alive, failures=failures, barrier=barrier):
            try:
                barrier.wait()
                for i in range(1000):
                    item = Item()
                    known.add(item)
                    if i % 50 == 0:
                        alive.append(item)
                        list(known)
            except Exception as exc:
                failures.append(exc)

        threads = [threading.Thread(target=add) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert len(alive) == 160
        assert {id(item) for item in known} == {id(item) for item in alive}


def test_dead_objects_are_forgotten():
    known = LiveObjects()
    kept = [Item() for _ in range(10)]
    for item in kept:
        known.add(item)
        known.add(item)
    tracemalloc.start()
    for _ in range(10_000):
        known.add(Item())
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert grown < 20_000
    assert sorted(map(id, known)) == sorted(map(id, kept))
