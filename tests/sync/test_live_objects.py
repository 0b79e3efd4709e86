"""Collections of live objects, which many threads fill, forget the dead and never lose the living."""

import tracemalloc

from concurrency import run_together

from zarrcy.sync.key_locks import LiveObjects


class Item:
    """An object that can be referred to weakly."""


def test_threads_that_add_objects_at_once_get_no_error_and_lose_none(eager_threads):
    for _ in range(10):
        known, alive = LiveObjects(), []

        def add(known=known, alive=alive):
            for i in range(1000):
                item = Item()
                known.add(item)
                if i % 50 == 0:
                    alive.append(item)
                    list(known)

        run_together([add] * 8)
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
