"""Stores in databases: dbm, LMDB and SQLite."""

import contextlib
import dbm.dumb
import pickle
import sqlite3
import sys
import threading
from functools import partial
from multiprocessing import get_context

import lmdb
import numpy as np
import pytest
from forks import in_a_fork

import zarrcy
from zarrcy import errors
from zarrcy.storage import DBMStore, LMDBStore, SQLiteStore, access


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "data.db")


# -- dbm -------------------------------------------------------------------------------------------


def test_the_flag_decides_whether_a_dbm_database_is_created_read_or_replaced(path):
    with DBMStore(path, open=dbm.dumb.open) as store:
        store["a"] = b"1"
    with DBMStore(path, "r", open=dbm.dumb.open) as store:
        assert store["a"] == b"1"
        assert not store.is_writeable()
        for change in (
            lambda: store.__setitem__("b", b""),
            lambda: store.__delitem__("a"),
            lambda: store.setdefault("b", b""),
            store.clear,
        ):
            with pytest.raises(errors.ReadOnlyError):
                change()
        store.flush()
    with DBMStore(path, "n", open=dbm.dumb.open) as store:
        assert list(store) == []
        store["b"] = b"2"
        # a pickled copy opens the new database and does not create another one
        with pickle.loads(pickle.dumps(store)) as again:
            assert dict(again) == {"b": b"2"}


def test_a_function_of_the_user_can_open_a_dbm_database(path):
    calls = []

    def opener(*args, **kwargs):
        calls.append((args, kwargs))
        return {}

    store = DBMStore(path, mode=0o600, open=opener, cache=5)
    assert calls == [((path, "c", 0o600), {"cache": 5})]
    store["a"] = b"1"
    assert store.db == {b"a": b"1"}


def test_dbm_detects_the_kind_of_an_existing_database(path):
    with DBMStore(path, open=dbm.dumb.open) as store:
        store["a"] = b"1"
    with DBMStore(path) as store:
        assert dict(store) == {"a": b"1"}


class WithoutSync:
    """A dbm database that writes its values only when it is closed."""

    written: dict

    def __init__(self, path, flag, mode):
        if flag == "n":
            type(self).written = {}
        self.values = dict(type(self).written)

    def __setitem__(self, key, value):
        self.values[key] = value

    def close(self):
        type(self).written = dict(self.values)


def test_flush_reopens_a_dbm_database_that_has_no_sync(path):
    store = DBMStore(path, "n", open=WithoutSync)
    store["a"] = b"1"
    assert WithoutSync.written == {}
    store.flush()
    assert WithoutSync.written == store.db.values == {b"a": b"1"}
    store.close()
    store.close()
    store.flush()


def test_dbm_stores_with_equal_arguments_are_equal(path):
    first = DBMStore(path, open=dbm.dumb.open)
    assert first == DBMStore(path, open=dbm.dumb.open, write_lock=False)
    assert first != DBMStore(path + "2", open=dbm.dumb.open)
    assert first != path
    assert len({first, DBMStore(path, open=dbm.dumb.open)}) == 1


# -- LMDB ------------------------------------------------------------------------------------------


def test_an_error_names_the_extra_that_installs_lmdb(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "lmdb", None)
    with pytest.raises(
        errors.MissingExtraError, match=r"LMDBStore needs the package 'lmdb': .*zarrcy\[lmdb\]"
    ):
        LMDBStore(path)


def test_lmdb_stores_of_one_path_share_its_environment_until_the_last_is_closed(path):
    first, second = LMDBStore(path), LMDBStore(path)
    assert first.db is second.db
    assert first == second
    first["a"] = b"1"
    assert second["a"] == b"1"
    first.close()
    first.close()
    with pytest.raises(ValueError, match=r"data\.db' is closed"):
        first["a"]
    assert second["a"] == b"1"
    with pytest.raises(lmdb.Error, match="already open"):
        LMDBStore(path, map_size=2**30)
    assert second["a"] == b"1"
    second.close()
    with LMDBStore(path, map_size=2**30) as third:
        assert third["a"] == b"1"
        assert third.db.info()["map_size"] == 2**30


def test_a_closed_lmdb_store_can_be_pickled(path):
    store = LMDBStore(path, dimension_separator="/", map_size=2**20)
    store["a"] = b"1"
    store.close()
    with pickle.loads(pickle.dumps(store)) as again:
        assert again["a"] == b"1"
        assert access.dimension_separator(again) == "/"
        assert again.db.info()["map_size"] == 2**20


def test_lmdb_can_be_opened_read_only(path):
    with LMDBStore(path) as store:
        store["a"] = b"1"
    with LMDBStore(path, readonly=True) as store:
        assert not store.is_writeable()
        assert store["a"] == b"1"
        with pytest.raises(lmdb.ReadonlyError):
            store["a"] = b"2"


def test_a_key_that_is_too_long_for_lmdb_is_refused(path):
    with LMDBStore(path) as store:
        longest = "é" * 255 + "k"
        store[longest] = b"1"
        assert store[longest] == b"1"
        with pytest.raises(errors.KeyPathError, match="it has 512 bytes; LMDB allows at most 511"):
            store["é" * 256] = b"1"


def test_lmdb_stores_all_values_of_a_batch_or_none(path):
    with LMDBStore(path, map_size=2**20) as store:
        store["a"] = b"old"
        with pytest.raises(lmdb.MapFullError):
            store.setitems({"a": b"new", "b": b"new", "c": bytes(2**21)})
        assert dict(store) == {"a": b"old"}


def set_and_get(store, key):
    store[key] = key.encode()
    return store["a"]


@pytest.mark.parametrize("kind", [LMDBStore, SQLiteStore])
def test_forked_children_and_their_parent_can_use_one_database(path, kind):
    with kind(path) as store:
        store["a"] = b"1"
        answers = [in_a_fork(set_and_get, store, f"child/{i}") for i in range(3)]
        store["b"] = b"2"
        assert [answer() for answer in answers] == [b"1"] * 3
        assert sorted(store) == ["a", "b", "child/0", "child/1", "child/2"]
        assert store["child/1"] == b"child/1"


def test_a_forked_child_has_a_connection_of_its_own(path):
    with SQLiteStore(path) as store:
        assert in_a_fork(lambda: id(store.db))() != id(store.db)


def race(store, barrier, number):
    barrier.wait(600)
    return [store.setdefault(f"k/{i}", bytes([number])) for i in range(30)]


@pytest.mark.parametrize("kind", [LMDBStore, SQLiteStore, zarrcy.DirectoryStore])
def test_exactly_one_of_several_processes_stores_its_default(path, kind):
    store = kind(path)
    barrier = get_context("fork").Barrier(4)
    answers = [in_a_fork(race, store, barrier, number) for number in range(4)]
    outcomes = {tuple(map(bytes, answer())) for answer in answers}
    assert len(outcomes) == 1, "all processes see the value of the first one"
    assert outcomes == {tuple(bytes(store[f"k/{i}"]) for i in range(30))}
    getattr(store, "close", lambda: None)()


@pytest.mark.parametrize(
    "kind",
    # the default backend of Python 3.13 works in one thread only
    [LMDBStore, SQLiteStore, pytest.param(partial(DBMStore, open=dbm.dumb.open), id="DBMStore")],
)
def test_exactly_one_of_several_threads_stores_its_default(path, kind):
    with kind(path) as store:
        barrier = threading.Barrier(4)
        outcomes = []
        threads = [
            threading.Thread(target=lambda n=n: outcomes.append(race(store, barrier, n))) for n in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert outcomes == [[store[f"k/{i}"] for i in range(30)]] * 4


# -- SQLite ----------------------------------------------------------------------------------------


def test_sqlite_stores_values_in_the_table_of_zarr_python_2(path):
    with SQLiteStore(path) as store:
        store["a/0"] = np.arange(3, dtype="u1")
    with contextlib.closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT k, v, typeof(k), typeof(v) FROM zarr").fetchall()
    assert rows == [("a/0", b"\0\1\2", "text", "blob")]


def test_sqlite_stores_all_values_of_a_batch_or_none(path):
    with SQLiteStore(path) as store:
        store["a"] = b"old"
        store.db.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 1000)
        for change, kind in (
            ({"b": "text"}, TypeError),
            ({"../b": b"new"}, errors.KeyPathError),
            ({"b": bytes(2000)}, sqlite3.DataError),
        ):
            with pytest.raises(kind):
                store.update({"a": b"new", **change})
            assert dict(store) == {"a": b"old"}


def test_using_a_closed_sqlite_store_is_an_error(path):
    store = SQLiteStore(path)
    store.close()
    store.close()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        store["a"]


def test_sqlite_stores_of_one_file_are_equal(path):
    first = SQLiteStore(path)
    assert first == SQLiteStore(path, timeout=9)
    assert first != SQLiteStore(path + "2")
    assert SQLiteStore(":memory:") != SQLiteStore(":memory:")
    assert SQLiteStore(":memory:").path == ":memory:"


def test_a_sqlite_store_passes_options_to_its_connection(path):
    with SQLiteStore(path) as store:
        store["a"] = b"1"
    with SQLiteStore(f"file:{path}?mode=ro", uri=True, timeout=1) as store:
        assert store["a"] == b"1"
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            store["b"] = b"2"
        with pickle.loads(pickle.dumps(store)) as again:
            assert again["a"] == b"1"


@pytest.mark.parametrize("kind", [LMDBStore, SQLiteStore])
def test_arrays_write_to_a_database_in_few_transactions(path, kind, monkeypatch):
    batches = []
    setitems = kind.setitems

    def counted(self, values):
        batches.append(len(values))
        setitems(self, values)

    monkeypatch.setattr(kind, "setitems", counted)
    with kind(path) as store:
        array = zarrcy.zeros(1000, chunks=1, store=store, compressor=None, dtype="u1")
        batches.clear()
        array[:] = np.arange(1000) % 200
        assert sum(batches) == 1000
        assert len(batches) <= 2
        np.testing.assert_array_equal(array[:], np.arange(1000) % 200)
