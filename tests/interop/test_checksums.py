"""Peers read chunks with a checksum that zarrcy writes, and detect a changed bit."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import zarrcy

from .values import assert_same_bits

OLDER = {
    "blosc": {},
    "raw": {"compressor": None},
    "delta": {"filters": [zarrcy.Delta("<i4")], "order": "F"},
    "zstd": {"compressor": zarrcy.Zstd(1)},
}
NEWER = {
    "blosc": {},
    "raw": {"compressor": None},
    "gzip": {"codecs": [{"name": "bytes", "configuration": {"endian": "big"}}, "gzip"]},
    "shards": {"shards": (4, 6)},
}


def check(read: Callable[[Path], Any], options: dict[str, Any], place: Path) -> None:
    values = np.arange(48, dtype="<i4").reshape(6, 8)
    z = zarrcy.array(values, chunks=(2, 3), store=place, checksum=True, **options)
    assert_same_bits(read(place), values)
    key = next(key for key in z.store if key.endswith("0"))
    value = bytearray(z.store[key])
    value[5] ^= 1
    z.store[key] = value
    assert [problem.key for problem in z.verify().problems] == [key]
    with pytest.raises(Exception, match=r"(?i)checksum|crc|digest|decompress|corrupt|blosc error"):
        read(place)


@pytest.mark.parametrize("peer", ["zarr2", "zarr3"], indirect=True)
@pytest.mark.parametrize("options", OLDER.values(), ids=OLDER)
def test_a_peer_verifies_a_checksum_in_format_2(peer: Any, options: dict[str, Any], place: Path) -> None:
    check(peer.read, {"zarr_format": 2, **options}, place)


def read_with_zarr(place: Path) -> Any:
    return pytest.importorskip("zarr", minversion="3.1").open_array(place, mode="r")[...]


def read_with_tensorstore(place: Path) -> Any:
    spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(place)}}
    return pytest.importorskip("tensorstore").open(spec).result().read().result()


@pytest.mark.parametrize("read", [read_with_zarr, read_with_tensorstore])
@pytest.mark.parametrize("options", NEWER.values(), ids=NEWER)
def test_a_peer_verifies_a_checksum_in_format_3(
    read: Callable[[Path], Any], options: dict[str, Any], place: Path
) -> None:
    check(read, {"zarr_format": 3, **options}, place)
