"""zarrcy and zarr-python 2 read and change arrays of objects of each other, also with the codec pickle."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from .cases import COMPRESSORS, OBJECT_CODECS, Case
from .peers import Zarr2, Zarrcy
from .programs.names import allow_pickle
from .values import assert_same_bits

CASES = [
    Case(
        np.dtype(object),
        (5, 4),
        (2, 3),
        fill=fill,
        order=order,
        compressor=COMPRESSORS["zlib"],
        object_codec=config,
        name=f"{name}-{order}",
    )
    for name, (config, fill) in {
        **{
            name: (config, {"vlen-array": None, "vlen-bytes": None}.get(name, ""))
            for name, (config, _) in OBJECT_CODECS.items()
        },
        "pickle": ({"id": "pickle", "protocol": 4}, ""),
    }.items()
    # zarr-python 2 writes wrong chunks with these two codecs in Fortran order
    for order in ("C" if name in ("json2", "msgpack2") else "CF")
]
each_case = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.fixture(autouse=True)
def _codecs_exist(case: Case, zarr2: Zarr2, place: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let both libraries unpickle; skip cases that need a missing package."""
    if "msgpack2" in str(case):
        pytest.importorskip("msgpack")
        if "msgpack2" not in zarr2.codecs():
            pytest.skip("the environment of zarr-python 2 does not have msgpack")
    monkeypatch.setenv("ZARRCY_ALLOW_PICKLE", "1")
    zarr2.run(allow_pickle, place, allowed=True)
    yield
    zarr2.run(allow_pickle, place, allowed=False)


def assert_both_read(ours: Zarrcy, zarr2: Zarr2, place: Path, known: np.ndarray) -> None:
    """Check that both libraries read these objects, and the same elements from unwritten chunks of a grown array."""
    own, inside = ours.read(place), tuple(slice(n) for n in known.shape)
    assert_same_bits(own[inside], known)
    assert_same_bits(zarr2.read(place)[inside], known)
    assert_same_bits(zarr2.read(place), own)


@each_case
@pytest.mark.parametrize("we_create", [True, False])
def test_each_reads_the_objects_of_the_other(
    ours: Zarrcy, zarr2: Zarr2, case: Case, we_create: bool, place: Path
) -> None:
    first, second = (ours, zarr2) if we_create else (zarr2, ours)
    values = case.values(1)
    first.create(place, case)
    first.write(place, case.whole, values)
    assert_both_read(ours, zarr2, place, values)
    values[case.middle] = case.values(2)[case.middle]
    second.write(place, case.middle, values[case.middle])
    assert_both_read(ours, zarr2, place, values)


@each_case
def test_both_read_fill_value_from_unwritten_chunks_of_objects(
    ours: Zarrcy, zarr2: Zarr2, case: Case, place: Path
) -> None:
    ours.create(place, case)
    ours.write(place, case.half, case.values()[case.half])
    own, theirs = ours.read(place), zarr2.read(place)
    assert_same_bits(own[case.half], case.values()[case.half])
    assert_same_bits(theirs[case.half], own[case.half])
    if case.fill is not None:
        assert_same_bits(theirs, own)


@each_case
@pytest.mark.parametrize("we_resize", [True, False])
def test_each_sees_a_shape_that_the_other_changes(
    ours: Zarrcy, zarr2: Zarr2, case: Case, we_resize: bool, place: Path
) -> None:
    first, second = (zarr2, ours) if we_resize else (ours, zarr2)
    values = case.values()
    first.create(place, case)
    first.write(place, case.whole, values)
    for shape in [(3, 2), (2, 3), (6, 6)]:
        second.resize(place, shape)
        values = values[tuple(slice(n) for n in shape)]
        assert_same_bits(ours.read(place)[tuple(slice(n) for n in values.shape)], values)
        assert_same_bits(zarr2.read(place)[tuple(slice(n) for n in values.shape)], values)


@each_case
@pytest.mark.parametrize("axis", [0, 1])
def test_both_read_the_objects_that_each_appends(
    ours: Zarrcy, zarr2: Zarr2, case: Case, axis: int, place: Path
) -> None:
    first, second, third = case.values(1), case.values(2), case.values(3)
    ours.create(place, case)
    ours.write(place, case.whole, first)
    zarr2.append(place, second, axis=axis)
    ours.append(place, third, axis=axis)
    assert_both_read(ours, zarr2, place, np.concatenate([first, second, third], axis=axis))
