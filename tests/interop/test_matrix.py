"""zarrcy and each peer read the arrays of each other bit for bit, for all settings of an array."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .cases import Case, matrix, of_objects, with_filters
from .left_out import NOT_CHANGED, NOT_CREATED, NOT_READ, exchanges
from .peers import Zarrcy
from .values import assert_same_bits

CASES = [*matrix(), *with_filters(), *of_objects()]


def each_exchange(*left_out: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(("peer", "case"), exchanges(CASES, *left_out), indirect=["peer"])


def first_region(peer: Any, case: Case) -> tuple[slice, ...]:
    """Return half of the array, or all of it if the peer reads other values from unwritten chunks."""
    return case.whole if peer.unwritten_differs(case) else case.half


@pytest.fixture(autouse=True)
def _codecs_are_installed(request: pytest.FixtureRequest, case: Case) -> None:
    if case.object_codec is not None and case.object_codec["id"] == "msgpack2":
        pytest.importorskip("msgpack")
        if "msgpack2" not in request.getfixturevalue("peer").codecs():
            pytest.skip("the environment of zarr-python 2 does not have msgpack")


@each_exchange(NOT_READ)
def test_the_peer_reads_an_array_of_zarrcy(ours: Zarrcy, peer: Any, case: Case, place: Path) -> None:
    expected, region = case.unwritten(), first_region(peer, case)
    expected[region] = case.values()[region]
    ours.create(place, case)
    ours.write(place, region, expected[*region, ...])
    assert_same_bits(peer.read(place), expected)
    assert_same_bits(peer.read(place, case.middle), expected[*case.middle, ...])


@each_exchange(NOT_READ, NOT_CHANGED, NOT_CREATED)
def test_zarrcy_reads_an_array_of_the_peer(ours: Zarrcy, peer: Any, case: Case, place: Path) -> None:
    expected, region = case.unwritten(), first_region(peer, case)
    expected[region] = case.values()[region]
    peer.create(place, case)
    peer.write(place, region, expected[*region, ...])
    assert_same_bits(ours.read(place), expected)
    assert_same_bits(ours.read(place, case.middle), expected[*case.middle, ...])


@each_exchange(NOT_READ, NOT_CHANGED)
def test_each_sees_a_region_that_the_other_changes(ours: Zarrcy, peer: Any, case: Case, place: Path) -> None:
    values, region = case.values(1), case.middle
    ours.create(place, case)
    peer.write(place, case.whole, values)
    values[region] = case.values(2)[region]
    ours.write(place, region, values[*region, ...])
    assert_same_bits(peer.read(place), values)
    values[case.half] = case.values(3)[case.half]
    peer.write(place, case.half, values[*case.half, ...])
    assert_same_bits(ours.read(place), values)
