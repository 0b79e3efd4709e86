"""Every store keeps the same promises."""

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
    """What must be written of any mapping."""

    def __init__(self):
        self.held = {}

    def __getitem__(self, key):
        return self.held[key]

    def __setitem__(self, key, value):
        assert type(value) is bytes, "a store that says nothing of copying is given bytes"
        self.held[key] = value

    def __delitem__(self, key):
        del self.held[key]

    def __iter__(self):
        return iter(list(self.held))

    def __len__(self):
        return len(self.held)


class MinimalMapping(FiveMethods, MutableMapping):
    """A mapping of somebody who knows nothing of us."""


class MinimalStore(FiveMethods, Store):
    """A store of somebody who adds nothing to what must be."""


class TestMapping(InMemory):
    knows_sizes = False

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


# to write a value again leaves waste in an archive, and zipfile says so
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

    @pytest.mark.skip("this Python was built without gdbm: of DBMStore's backends only dbm.dumb is tried")
    def test_gdbm_is_there():
        pass
else:

    class TestDBMStoreGnu(StoreContract):
        # who may write is alone with the database
        survives_pickling = False

        def make_store(self):
            return DBMStore(self.new_path(), open=dbm.gnu.open)

        def test_it_can_be_opened_elsewhere_once_it_is_closed(self, store):
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

    def test_it_says_that_it_can_not_be_pickled(self, store):
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
