"""What one library wrote into an archive or a database the other one reads, changes and adds to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .peers import Zarr2, Zarrcy

# zarr-python 2 warns that some stores will go, and zipfile of members that are written twice
pytestmark = pytest.mark.filterwarnings("ignore")

STORES = {
    "ZipStore": "zarr.storage.ZipStore(place + '.zip', mode={mode!r})",
    "ZipStore, compressed": "zarr.storage.ZipStore(place + '.zip', mode={mode!r}, compression=8)",
    "DBMStore": "zarr.storage.DBMStore(place, flag={flag!r}, open=__import__('dbm.dumb').dumb.open)",
    "LMDBStore": "zarr.storage.LMDBStore(place)",
    "SQLiteStore": "zarr.storage.SQLiteStore(place)",
    "NestedDirectoryStore": "zarr.storage.NestedDirectoryStore(place)",
}
MODES = {
    "make": {"mode": "w", "flag": "n"},
    "change": {"mode": "a", "flag": "c"},
    "look": {"mode": "r", "flag": "r"},
}

MAKE = """
store = {store}
a = zarr.create((7, 5), chunks=(3, 2), dtype='<i4', store=store, path='group/a')
a[...] = np.arange(35).reshape(7, 5)
a.attrs['unit'] = 'é'
b = zarr.create(4, chunks=2, dtype='f8', store=store, path='group/b', dimension_separator='/', compressor=None)
b[1:] = [1.5, 2.5, 3.5]
store['text'] = b'as it is'
store.close()
"""
CHANGE = """
store = {store}
a = zarr.open_array(store, path='group/a', mode='r+')
a[2:4, 1:3] = -1
a.append(np.ones((2, 5), 'i4'))
store['text'] = b'changed'
store.close()
"""
LOOK = """
store = {store}
a = zarr.open_array(store, path='group/a', mode='r')
b = zarr.open_array(store, path='group/b', mode='r')
found = [a[...], b[...], dict(a.attrs), sorted(set(store)), bytes(store['text'])]
store.close()
found
"""


def run(peer: Zarrcy | Zarr2, code: str, verb: str, store: str, place: Path) -> Any:
    return peer.snippet(code.format(store=STORES[store].format(**MODES[verb])), place)


@pytest.mark.parametrize("store", list(STORES))
@pytest.mark.parametrize("maker", ["ours", "zarr2"])
def test_what_one_stored_the_other_reads_and_changes(
    ours: Zarrcy, zarr2: Zarr2, maker: str, store: str, place: Path
) -> None:
    if store == "LMDBStore" and "raises" in zarr2.snippet("import lmdb\n0", place):
        pytest.skip("the environment of zarr-python 2 has no lmdb")
    first, second = (ours, zarr2) if maker == "ours" else (zarr2, ours)
    for verb, code, peer in (("make", MAKE, first), ("change", CHANGE, second)):
        assert "raises" not in run(peer, code, verb, store, place)
        own, theirs = (run(each, LOOK, "look", store, place) for each in (ours, zarr2))
        assert "raises" not in own
        assert own == theirs
