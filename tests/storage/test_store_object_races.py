"""Store objects that threads use while another thread closes them, while they fork, or in a forked child."""

import dbm.dumb
import signal
import threading

import pytest
from concurrency import run_together
from forks import in_a_fork

import zarrcy

# Python 3.12 and later warn about a fork while threads run, which these tests do on purpose
pytestmark = pytest.mark.filterwarnings("ignore:This process .*fork:DeprecationWarning")

VALUES = {f"a/{n}": bytes([n]) * 100 for n in range(10)}


def new_zip(path):
    with zarrcy.ZipStore(path / "a.zip", mode="w") as store:
        store.update(VALUES)
    return zarrcy.ZipStore(path / "a.zip", mode="r")


def filled(store):
    store.update(VALUES)
    return store


def new_lmdb(path):
    pytest.importorskip("lmdb")
    return filled(zarrcy.LMDBStore(path / "a.lmdb", map_size=2**26))


STORES = {
    "sqlite": lambda path: filled(zarrcy.SQLiteStore(path / "a.sqlite", durability="none")),
    "sqlite in memory": lambda path: filled(zarrcy.SQLiteStore(":memory:")),
    "lmdb": new_lmdb,
    "dbm": lambda path: filled(zarrcy.DBMStore(path / "a.dbm", open=dbm.dumb.open)),
    "zip": new_zip,
}


@pytest.mark.parametrize("kind", [kind for kind in STORES if kind not in ("zip", "dbm")])
def test_a_database_may_be_closed_while_other_threads_use_it(kind, tmp_path, eager_threads):
    for _ in range(20):
        store = STORES[kind](tmp_path)
        has_begun = [threading.Event() for _ in range(3)]

        def use(begun, store=store):
            try:
                while True:
                    store.setitems({f"b/{n}": b"x" * 3000 for n in range(5)})
                    assert store["a/1"] == VALUES["a/1"]
                    assert set(VALUES) <= set(store)
                    begun.set()
            except Exception as exc:
                # a thread may see that the database is closed, and nothing else
                assert "close" in str(exc), exc  # noqa: PT017
            finally:
                begun.set()

        def close(store=store, has_begun=has_begun):
            for begun in has_begun:
                begun.wait()
            store.close()

        run_together([close, *(lambda begun=begun: use(begun) for begun in has_begun)])


def test_an_lmdb_database_can_be_opened_while_another_thread_closes_it(tmp_path, eager_threads):
    pytest.importorskip("lmdb")

    def use(n):
        for k in range(100):
            store = zarrcy.LMDBStore(tmp_path / "a.lmdb", map_size=2**26)
            store[f"{n}"] = b"%d" % k
            assert store[f"{n}"] == b"%d" % k
            if k % 2:
                store.close()

    run_together([lambda n=n: use(n) for n in range(4)])


@pytest.mark.parametrize("kind", STORES)
def test_a_forked_child_can_use_a_store_that_another_thread_was_using(kind, tmp_path, eager_threads):
    store = STORES[kind](tmp_path)
    stop = threading.Event()

    def use():
        while not stop.is_set():
            assert store["a/1"] == VALUES["a/1"]
            assert len(list(store)) == 10

    def child():
        # several threads use the store first at the same time
        def read():
            for key, value in VALUES.items():
                assert store[key] == value
                assert key in store

        run_together([read] * 4)

    thread = threading.Thread(target=use)
    thread.start()
    try:
        for _ in range(10):
            in_a_fork(child)()
    finally:
        stop.set()
        thread.join()
        store.close()


def test_a_fork_during_a_write_to_an_archive_leaves_a_child_that_works(tmp_path, eager_threads):
    store = zarrcy.ZipStore(tmp_path / "a.zip", mode="w")
    stop, n_written = threading.Event(), 0

    def write():
        nonlocal n_written
        while not stop.is_set() and n_written < 20_000:
            store[f"a/{n_written}"] = b"x" * (20_000 + n_written % 5)
            n_written += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(10):
            assert in_a_fork(lambda: 5)() == 5
    finally:
        stop.set()
        thread.join()
        store.close()
    with zarrcy.ZipStore(tmp_path / "a.zip", mode="r") as store:
        assert len(store) == n_written


def test_a_signal_handler_may_write_to_a_database_during_a_transaction_of_its_thread(tmp_path):
    store = zarrcy.SQLiteStore(tmp_path / "a.sqlite", durability="none")
    n_calls = 0

    def handle(number, frame):
        nonlocal n_calls
        n_calls += 1
        store.setitems({"h/0": b"%d" % n_calls, "h/1": b"%d" % n_calls})
        assert store.setdefault("h/0", b"new") == b"%d" % n_calls
        store.delitems(["h/1"])
        if n_calls < 200:
            signal.setitimer(signal.ITIMER_REAL, 1e-4)

    before = signal.signal(signal.SIGALRM, handle)
    try:
        signal.setitimer(signal.ITIMER_REAL, 1e-4)
        while n_calls < 200:
            store.setitems(VALUES)
            store.setdefault("a/0", b"")
            store.delitems(["b/0"])
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert dict(store) == {**VALUES, "h/0": b"200"}
    store.close()


def test_parts_of_a_value_can_be_read_while_another_connection_replaces_it(tmp_path, eager_threads):
    store = zarrcy.SQLiteStore(tmp_path / "a.sqlite", durability="none")
    store["a"] = b"0" * 5000
    stop = threading.Event()

    def write():
        other = zarrcy.SQLiteStore(tmp_path / "a.sqlite", durability="none")
        for n in range(10**9):
            if stop.is_set():
                break
            other["a"] = b"%d" % (n % 10) * 5000
        other.close()

    def read():
        try:
            for _ in range(300):
                ((part,),) = [store.get_partial_values([("a", (10, 20))])]
                assert len(set(part)) == 1
                assert len(part) == 20
        finally:
            stop.set()

    run_together([write, read])
    store.close()
