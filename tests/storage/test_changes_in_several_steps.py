"""Changes of one store by several threads at the same time, in places where a store needs more than one step."""

import numpy as np
import pytest
from concurrency import run_together

import zarrcy
from zarrcy.storage import access
from zarrcy.storage.remote.concurrent import map_requests


def test_attributes_and_shape_of_an_n5_array_are_changed_by_threads_at_the_same_time(tmp_path, eager_threads):
    """Both are in one file."""
    store = zarrcy.N5Store(tmp_path / "a.n5")
    group = zarrcy.open_group(store, mode="w")
    group.create_dataset("x", shape=(0,), chunks=(8,), dtype="u2", compressor=None)
    arrays = [zarrcy.open_array(store, path="x", mode="r+") for _ in range(3)]

    def append():
        for n in range(40):
            arrays[0].append(np.full(1, n, "u2"))

    def set_attributes(number):
        for n in range(40):
            arrays[number].attrs[f"k{number}"] = n

    run_together([append, lambda: set_attributes(1), lambda: set_attributes(2)])
    again = zarrcy.open_array(store, path="x")
    assert again[:].tolist() == list(range(40))
    assert again.attrs.asdict() == {"k1": 39, "k2": 39}


def test_threads_create_each_node_of_an_n5_container_once(tmp_path, eager_threads):
    store = zarrcy.N5Store(tmp_path / "a.n5")
    zarrcy.open_group(store, mode="w")
    won = []

    def create(number):
        for n in range(20):
            try:
                zarrcy.open_array(
                    store, path=f"x{n}", mode="w-", shape=number + 1, dtype="u2", compressor=None
                )
            except zarrcy.errors.ContainsArrayError:
                continue
            won.append((n, number))

    run_together([lambda number=number: create(number) for number in range(3)])
    assert sorted(n for n, _ in won) == list(range(20))
    assert all(zarrcy.open_array(store, path=f"x{n}").shape == (number + 1,) for n, number in won)


def far_stores(tmp_path):
    fsspec = pytest.importorskip("fsspec")
    obstore = pytest.importorskip("obstore")
    return {
        "fsspec in memory": zarrcy.storage.FSStore(f"memory://{tmp_path}"),
        "fsspec, files": zarrcy.storage.FSStore(str(tmp_path / "a"), fs=fsspec.filesystem("file")),
        "obstore in memory": zarrcy.storage.ObjectStore(obstore.store.MemoryStore()),
        "obstore, files": zarrcy.storage.ObjectStore(obstore.store.LocalStore(tmp_path / "b", mkdir=True)),
    }


@pytest.mark.parametrize("kind", ["fsspec in memory", "fsspec, files", "obstore in memory", "obstore, files"])
def test_threads_that_delete_the_same_key_see_a_key_error_or_nothing(kind, tmp_path, eager_threads):
    store = far_stores(tmp_path)[kind]

    def delete():
        for n in range(60):
            store[f"a/{n % 3}"] = b"1"
            try:
                del store[f"a/{n % 3}"]
            except KeyError:
                continue

    def delete_in_the_other_way():
        for n in range(60):
            store.update({f"a/{n % 3}": b"1", "b": b"2"})
            access.deleter(store)([f"a/{n % 3}", "a/none"])
            access.discard(store, f"a/{n % 3}")
            assert all(part in (None, b"1") for part in store.get_partial_values([(f"a/{n % 3}", (0, 1))]))

    run_together([delete, delete, delete_in_the_other_way])
    assert store["b"] == b"2"


def test_a_value_is_created_although_others_delete_it_at_the_same_time():
    class Racing(zarrcy.MemoryStore):
        """In the first attempts, another writer creates the value first, and then deletes it."""

        n_attempts = 0

        def unwrapped(self):
            return self

        def setdefault(self, key, default=None):
            self.n_attempts += 1
            if self.n_attempts < 5:
                raise KeyError(key)
            return super().setdefault(key, default)

    store = Racing()
    assert access.set_if_absent(store, "a", b"1")
    assert store["a"] == b"1"
    assert zarrcy.zeros(3, store=Racing()).shape == (3,)


def test_requests_that_send_requests_themselves_do_not_wait_for_each_other_for_ever():
    """There are more of them than threads for requests."""

    def outer(n):
        return map_requests(lambda m: (n, m), range(3))

    results = map_requests(outer, range(300), at_once=150)
    assert results == [[(n, m) for m in range(3)] for n in range(300)]
