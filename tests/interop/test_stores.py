"""zarrcy and zarr-python 2 read and change archives and databases of each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from .peers import Zarr2, Zarrcy
from .programs.stores import STORES, change_store, import_lmdb, read_store, write_store

# zarr-python 2 warns about deprecated stores, and zipfile about members that are written twice
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("maker", ["ours", "zarr2"])
def test_each_reads_and_changes_the_store_of_the_other(
    ours: Zarrcy, zarr2: Zarr2, maker: str, store: str, place: Path
) -> None:
    if store == "LMDBStore" and "raises" in zarr2.run(import_lmdb, place):
        pytest.skip("the environment of zarr-python 2 does not have lmdb")
    first, second = (ours, zarr2) if maker == "ours" else (zarr2, ours)
    for function, peer in ((write_store, first), (change_store, second)):
        assert "raises" not in peer.run(function, place, name=store)
        own, theirs = (side.run(read_store, place, name=store) for side in (ours, zarr2))
        assert "raises" not in own
        assert own == theirs
