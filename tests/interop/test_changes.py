"""Each library sees the changes of the other to an existing array: shape, attributes, omitted chunks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from .cases import COMPRESSORS, Case
from .peers import Zarrcy
from .values import assert_same_bits

each_peer = pytest.mark.parametrize("peer", ["zarr2", "zarr3", "tensorstore"], indirect=True)
# tensorstore supports neither attributes nor append
each_zarr = pytest.mark.parametrize("peer", ["zarr2", "zarr3"], indirect=True)
each_case = pytest.mark.parametrize(
    "case",
    [
        Case(np.dtype("<i4"), (5, 4), (2, 3), fill=7, name="plain"),
        Case(np.dtype(">f8"), (5, 4), (2, 3), fill=np.nan, order="F", separator="/", name="slash-F"),
        Case(np.dtype("<u2"), (5, 4), (8, 1), separator=".", compressor=COMPRESSORS["zlib"], name="zlib-dot"),
        Case(np.dtype("|b1"), (5, 4), (1, 4), fill=True, compressor=COMPRESSORS["blosc-lz4-1"], name="blosc"),
    ],
    ids=str,
)
LESS, MORE = (3, 2), (7, 9)


def resized(values: np.ndarray, shape: tuple[int, ...], case: Case) -> np.ndarray:
    out = np.full(shape, case.unwritten_item(), case.dtype)
    kept = tuple(slice(0, min(n, m)) for n, m in zip(shape, values.shape, strict=True))
    out[kept] = values[kept]
    return out


@each_peer
@each_case
def test_the_peer_sees_a_shape_that_zarrcy_changes(ours: Zarrcy, peer: Any, case: Case, place: Path) -> None:
    values = case.values()
    peer.create(place, case)
    peer.write(place, case.whole, values)
    ours.resize(place, MORE)
    assert_same_bits(peer.read(place), resized(values, MORE, case))
    ours.resize(place, LESS)
    assert_same_bits(peer.read(place), resized(values, LESS, case))


@each_peer
@each_case
def test_zarrcy_sees_a_shape_that_the_peer_changes(ours: Zarrcy, peer: Any, case: Case, place: Path) -> None:
    values = case.values()
    ours.create(place, case)
    ours.write(place, case.whole, values)
    peer.resize(place, MORE)
    assert_same_bits(ours.read(place), resized(values, MORE, case))
    peer.resize(place, LESS)
    assert_same_bits(ours.read(place), resized(values, LESS, case))


@each_peer
@each_case
def test_after_shrinking_to_chunk_edges_the_peer_grows_the_array_with_fill_value(
    ours: Zarrcy, peer: Any, case: Case, place: Path
) -> None:
    """Elements of deleted chunks are gone. Whether cut-off elements of a kept chunk reappear is undefined."""
    values = case.values()
    edge = tuple(min(n, c) for n, c in zip(case.shape, case.chunks, strict=True))
    ours.create(place, case)
    ours.write(place, case.whole, values)
    ours.resize(place, edge)
    peer.resize(place, case.shape)
    assert_same_bits(peer.read(place), resized(values[: edge[0], : edge[1]], case.shape, case))
    assert_same_bits(ours.read(place), resized(values[: edge[0], : edge[1]], case.shape, case))


@each_zarr
@each_case
@pytest.mark.parametrize("axis", [0, 1])
def test_both_read_the_values_that_each_appends(
    ours: Zarrcy, peer: Any, case: Case, axis: int, place: Path
) -> None:
    first, second, third = case.values(1), case.values(2), case.values(3)
    ours.create(place, case)
    ours.write(place, case.whole, first)
    peer.append(place, second, axis=axis)
    ours.append(place, third, axis=axis)
    expected = np.concatenate([first, second, third], axis=axis).astype(case.dtype)
    assert_same_bits(peer.read(place), expected)
    assert_same_bits(ours.read(place), expected)


@each_zarr
def test_each_reads_the_attributes_of_the_other(ours: Zarrcy, peer: Any, place: Path) -> None:
    case = Case(np.dtype("<i4"), (2,), (2,))
    attributes = {"units": "K", "\u0153": ["\U0001f600", 1.5, None, True], "nested": {"b": [], "a": -1}}
    ours.create(place, case)
    assert peer.attrs(place) == {}
    ours.put_attrs(place, attributes)
    assert peer.attrs(place) == attributes
    peer.put_attrs(place, {"theirs": [attributes]})
    assert ours.attrs(place) == {"theirs": [attributes]}


@each_peer
@each_case
def test_the_peer_reads_fill_value_from_chunks_that_zarrcy_omits(
    ours: Zarrcy, peer: Any, case: Case, place: Path
) -> None:
    values = case.values()
    values[: case.chunks[0]] = case.unwritten_item()
    ours.create(place, case)
    ours.write(place, case.whole, case.values())
    ours.write(place, case.whole, values, empty_chunks=False)
    assert not (place / f"0{case.separator or '.'}0").exists()
    assert_same_bits(peer.read(place), values)


@each_peer
@each_case
def test_zarrcy_reads_fill_value_from_chunks_that_the_peer_omits(
    ours: Zarrcy, peer: Any, case: Case, place: Path
) -> None:
    values = case.values()
    values[: case.chunks[0]] = case.unwritten_item()
    peer.create(place, case)
    peer.write(place, case.whole, case.values())
    peer.write(place, case.whole, values, empty_chunks=False)
    assert not (place / f"0{case.separator or '.'}0").exists()
    assert_same_bits(ours.read(place), values)
