"""Threads that read metadata or attributes through the object by which another thread changes them."""

import sys
import threading

import numpy as np
import pytest

import zarrcy
from zarrcy.errors import NotErasableError

CHANGES = {
    "append": lambda z: z.append([7, 7]),
    "grow": lambda z: z.resize(9),
    "shrink": lambda z: z.resize(2),
    "fill value": lambda z: setattr(z, "fill_value", 5),
    "set an attribute": lambda z: z.attrs.update(k=2),
    "delete an attribute": lambda z: z.attrs.pop("k"),
    "put attributes": lambda z: z.attrs.put({"other": 1}),
}


def seen(z):
    return z.shape, int(z.fill_value), z.attrs.asdict(), z[:].tolist()


class SlowStore(zarrcy.MemoryStore):
    """A store in which one thread reads a document before another thread replaces it, and gets it afterwards."""

    def __init__(self):
        super().__init__()
        self.reader = self.on_write = None
        self.has_read, self.may_return = threading.Event(), threading.Event()

    def unwrapped(self):
        return self

    def __getitem__(self, key):
        value = super().__getitem__(key)
        if threading.current_thread() is self.reader and not self.has_read.is_set():
            self.has_read.set()
            assert self.may_return.wait(600)
        return value

    def get(self, key, default=None):
        try:
            return self[key]
        except KeyError:
            return default

    def __setitem__(self, key, value):
        if self.on_write is not None and key.endswith((".zarray", ".zattrs", "zarr.json")):
            call, self.on_write = self.on_write, None
            call()
        super().__setitem__(key, value)


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("name", CHANGES)
def test_a_thread_that_read_the_old_document_does_not_undo_the_change_of_an_object(name, zarr_format):
    store = SlowStore()
    zarrcy.array([1, 2, 3, 4], chunks=2, store=store, zarr_format=zarr_format, attributes={"k": 1})
    z = zarrcy.open_array(store, mode="r+")
    answers = []

    def read():
        answers.append(seen(z))

    def begin_to_read():
        store.reader = threading.Thread(target=read)
        store.reader.start()
        assert store.has_read.wait(600)

    # the reader loads the documents when the change is just about to write one
    store.on_write = begin_to_read
    z.attrs.refresh()
    CHANGES[name](z)
    changed = seen(z)
    store.may_return.set()
    store.reader.join()
    assert answers
    assert seen(z) == changed == seen(zarrcy.open_array(store, mode="r"))


def test_attributes_can_be_read_while_another_thread_drops_them():
    z = zarrcy.zeros(3, attributes={"k": 1})
    failures, stop = [], threading.Event()

    def read():
        try:
            while not stop.is_set():
                assert (
                    z.attrs.asdict(),
                    [*z.attrs.items()] == [("k", 1)],
                    [*z.attrs.values()],
                    "k" in z.attrs,
                    z.attrs["k"],
                    len(z.attrs),
                ) == ({"k": 1}, True, [1], True, 1, 1)
        except BaseException as exc:
            failures.append(exc)

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=read) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(3000):
            z.attrs.refresh()
        stop.set()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not failures


def test_a_refused_change_leaves_the_metadata_in_memory(tmp_path):
    class Counting(zarrcy.ZipStore):
        n_reads = 0

        def read_value(self, key, most=-1, strict=True):
            Counting.n_reads += key.endswith(".zarray")
            return super().read_value(key, most, strict)

    with Counting(tmp_path / "a.zip", mode="w") as store:
        z = zarrcy.array(np.arange(4), chunks=2, store=store)
        with pytest.raises(NotErasableError):
            z.resize(1)
        before = Counting.n_reads
        assert z.shape == (4,)
        assert z[:].tolist() == [0, 1, 2, 3]
        assert Counting.n_reads == before
