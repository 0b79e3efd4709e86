"""All stores pass the tests of the store contract."""

import dbm.dumb
import pickle
import zipfile
from collections.abc import MutableMapping

import pytest

import zarrcy
from zarrcy.storage.base import Store
from zarrcy.storage.local.dbm import DBMStore
from zarrcy.storage.local.lmdb import LMDBStore
from zarrcy.storage.local.nested import NestedDirectoryStore
from zarrcy.storage.local.sqlite import SQLiteStore
from zarrcy.storage.local.temporary import TempStore
from zarrcy.storage.local.zip import ZipStore
from zarrcy.storage.lru_cache import LRUStoreCache
from zarrcy.testing import StoreContract


class InMemory(StoreContract):
    refuses_bad_keys = False
    persists = False


class TestDict(InMemory):
    def make_store(self):
        return {}


class TestKVStore(InMemory):
    def make_store(self):
        return zarrcy.KVStore({})


class TestMemoryStore(InMemory):
    def make_store(self):
        return zarrcy.MemoryStore()


class FiveMethods:
    """The five methods that a mapping must define."""

    def __init__(self):
        self.data = {}

    def __getitem__(self, key):
        return self.data[key]

    def __setitem__(self, key, value):
        assert type(value) is bytes, "a store without `consumes_values` gets bytes"
        self.data[key] = value

    def __delitem__(self, key):
        del self.data[key]

    def __iter__(self):
        return iter(list(self.data))

    def __len__(self):
        return len(self.data)


class MinimalMapping(FiveMethods, MutableMapping):
    """A mapping that is not a subclass of `Store`."""


class MinimalStore(FiveMethods, Store):
    """A subclass of `Store` with only the required methods."""


class TestMapping(InMemory):
    def make_store(self):
        return MinimalMapping()


class TestStore(InMemory):
    knows_sizes = False

    def make_store(self):
        return MinimalStore()


class TestDirectoryStore(StoreContract):
    def make_store(self):
        return zarrcy.DirectoryStore(self.new_path())


class TestNestedDirectoryStore(StoreContract):
    def make_store(self):
        return NestedDirectoryStore(self.new_path())


class TestTempStore(StoreContract):
    def make_store(self):
        return TempStore(dir=self.folder)


# writing a value again leaves waste in the archive, and zipfile warns about it
@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
class TestZipStore(StoreContract):
    erases = False

    def make_store(self):
        return ZipStore(self.new_path(".zip"), mode="w")


@pytest.mark.filterwarnings("ignore:Duplicate name:UserWarning")
class TestZipStoreCompressed(StoreContract):
    erases = False
    knows_sizes = None
    machine_examples = 5

    def make_store(self):
        return ZipStore(self.new_path(".zip"), compression=zipfile.ZIP_DEFLATED, mode="a")


class TestDBMStore(StoreContract):
    def make_store(self):
        return DBMStore(self.new_path(), open=dbm.dumb.open)


try:
    import dbm.gnu
except ImportError:

    @pytest.mark.skip("this Python was built without gdbm; DBMStore is tested with dbm.dumb only")
    def test_gdbm_is_available():
        pass
else:

    class TestDBMStoreGnu(StoreContract):
        # a writer has exclusive access to the database
        survives_pickling = False

        def make_store(self):
            return DBMStore(self.new_path(), open=dbm.gnu.open)

        def test_a_pickled_store_can_be_opened_after_the_first_is_closed(self, store):
            store["a/0"] = b"x"
            pickled = pickle.dumps(store)
            store.close()
            with pickle.loads(pickled) as again:
                assert dict(again) == {"a/0": b"x"}


class TestLMDBStore(StoreContract):
    def make_store(self):
        return LMDBStore(self.new_path(".lmdb"))


class TestSQLiteStore(StoreContract):
    def make_store(self):
        return SQLiteStore(self.new_path(".sqlite"))


class TestSQLiteStoreInMemory(StoreContract):
    survives_pickling = False
    persists = False

    def make_store(self):
        return SQLiteStore(":memory:")

    def test_pickling_a_database_in_memory_is_an_error(self, store):
        with pytest.raises(pickle.PicklingError, match="memory"):
            pickle.dumps(store)


class TestLRUStoreCache(InMemory):
    def make_store(self):
        return LRUStoreCache(zarrcy.MemoryStore(), max_size=2**20)


class TestLRUStoreCacheOfNothing(InMemory):
    def make_store(self):
        return LRUStoreCache({}, max_size=0)


class TestLRUStoreCacheOfADirectory(StoreContract):
    def make_store(self):
        return LRUStoreCache(zarrcy.DirectoryStore(self.new_path()), max_size=None)
