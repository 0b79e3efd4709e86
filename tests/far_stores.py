"""Stores in memory that behave like object stores, for tests of the requests that are sent to them."""

from collections.abc import MutableMapping


class FarStore(MutableMapping):
    """A store in memory that keeps a record of its rounds of requests, one line each."""

    def __init__(self, zarr_format):
        self.zarr_format = zarr_format
        self.values_by_key = {}
        self.rounds = []

    def _ask(self, verb, *keys):
        self.rounds.append(" ".join([verb, *keys]))

    def keeps_documents(self):
        return True

    def __getitem__(self, key):
        self._ask("get", key)
        return self.values_by_key[key]

    def get(self, key, default=None):
        self._ask("get", key)
        return self.values_by_key.get(key, default)

    def __setitem__(self, key, value):
        self._ask("put", key)
        self.values_by_key[key] = bytes(value)

    def setdefault(self, key, default=None):
        self._ask("put if absent", key)
        return self.values_by_key.setdefault(key, default)

    def __delitem__(self, key):
        self._ask("delete", key)
        del self.values_by_key[key]

    def __contains__(self, key):
        self._ask("look for", key)
        return key in self.values_by_key

    def __iter__(self):
        self._ask("list all")
        return iter(list(self.values_by_key))

    def __len__(self):
        self._ask("list all")
        return len(self.values_by_key)

    def listdir(self, path=""):
        self._ask("list", path)
        prefix = f"{path}/" if path else ""
        below = (key for key in self.values_by_key if key.startswith(prefix))
        return sorted({key[len(prefix) :].split("/")[0] for key in below})


class FarStoreWithBatches(FarStore):
    """A far store that also reads, writes and deletes many keys in one round."""

    def getitems(self, keys):
        self._ask("get", *keys)
        return {key: self.values_by_key[key] for key in keys if key in self.values_by_key}

    def setitems(self, values):
        self._ask("put", *values)
        self.values_by_key.update({key: bytes(value) for key, value in values.items()})

    def delitems(self, keys):
        self._ask("delete", *keys)
        for key in keys:
            self.values_by_key.pop(key, None)

    def rmdir(self, path=""):
        # as in object stores: a listing, and one request that deletes many keys
        self._ask("list below", path)
        prefix = f"{path}/" if path else ""
        self.delitems([key for key in self.values_by_key if key.startswith(prefix)])

    def getsize(self, path=""):
        self._ask("list sizes", path)
        if path in self.values_by_key:
            return len(self.values_by_key[path])
        prefix = f"{path}/" if path else ""
        below = ((key, value) for key, value in self.values_by_key.items() if key.startswith(prefix))
        return sum(len(value) for key, value in below if "/" not in key[len(prefix) :])

    def getsize_below(self, path):
        self._ask("list sizes below", path)
        return sum(len(value) for key, value in self.values_by_key.items() if key.startswith(f"{path}/"))


class FarStoreWithVersions(FarStoreWithBatches):
    """A far store with conditional puts: the version of a value is the value itself.

    Parameters
    ----------
    zarr_format : {2, 3}
        The format of what tests create in it.

    Attributes
    ----------
    meanwhile : callable or None
        What another writer does before the next conditional put; called once, with the key.
    """

    def __init__(self, zarr_format):
        super().__init__(zarr_format)
        self.meanwhile = None

    def read_versions(self, keys, most=-1):
        self._ask("get", *keys)
        return [(self.values_by_key.get(key), self.values_by_key.get(key)) for key in keys]

    def replace_value(self, key, value, version):
        self._ask("put if unchanged", key)
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile(key)
        if self.values_by_key.get(key) != version:
            return None
        self.values_by_key[key] = bytes(value)
        return self.values_by_key[key]
