"""Arrays of objects that are changed on one side are changed on the other, pickled objects too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from .cases import COMPRESSORS, OBJECT_CODECS, Case
from .peers import Zarr2, Zarrcy
from .values import assert_same_bits

SWITCH = "import numcodecs.pickles; numcodecs.pickles.ALLOW_UNSAFE_PICKLE_DECODE = {}"
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
    # zarr-python 2 makes wrong chunks of these two in Fortran order
    for order in ("C" if name in ("json2", "msgpack2") else "CF")
]
each_case = pytest.mark.parametrize("case", CASES, ids=str)


@pytest.fixture(autouse=True)
def _codecs_are_there(
    case: Case, zarr2: Zarr2, place: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Let both sides unpickle, and skip what needs a package that is not there."""
    if "msgpack2" in str(case):
        pytest.importorskip("msgpack")
        if "msgpack2" not in zarr2.codecs():
            pytest.skip("the environment of zarr-python 2 has no package msgpack")
    monkeypatch.setenv("ZARRCY_ALLOW_PICKLE", "1")
    zarr2.snippet(SWITCH.format(True), place)
    yield
    zarr2.snippet(SWITCH.format(False), place)


def assert_both_hold(ours: Zarrcy, zarr2: Zarr2, place: Path, known: np.ndarray) -> None:
    """Both sides read these objects, and the same where an array that grew is not written yet."""
    found, inside = ours.read(place), tuple(slice(n) for n in known.shape)
    assert_same_bits(found[inside], known)
    assert_same_bits(zarr2.read(place)[inside], known)
    assert_same_bits(zarr2.read(place), found)


@each_case
@pytest.mark.parametrize("we_create", [True, False])
def test_objects_of_each_side_are_read_by_the_other(
    ours: Zarrcy, zarr2: Zarr2, case: Case, we_create: bool, place: Path
) -> None:
    first, second = (ours, zarr2) if we_create else (zarr2, ours)
    values = case.values(1)
    first.create(place, case)
    first.write(place, case.whole, values)
    assert_both_hold(ours, zarr2, place, values)
    values[case.middle] = case.values(2)[case.middle]
    second.write(place, case.middle, values[case.middle])
    assert_both_hold(ours, zarr2, place, values)


@each_case
def test_objects_that_are_left_out_are_fill_value_for_both(
    ours: Zarrcy, zarr2: Zarr2, case: Case, place: Path
) -> None:
    ours.create(place, case)
    ours.write(place, case.half, case.values()[case.half])
    found, theirs = ours.read(place), zarr2.read(place)
    assert_same_bits(found[case.half], case.values()[case.half])
    assert_same_bits(theirs[case.half], found[case.half])
    if case.fill is not None:
        assert_same_bits(theirs, found)


@each_case
@pytest.mark.parametrize("we_resize", [True, False])
def test_a_shape_that_one_side_changes_is_changed_for_the_other(
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
def test_objects_that_each_side_appends_are_read_by_both(
    ours: Zarrcy, zarr2: Zarr2, case: Case, axis: int, place: Path
) -> None:
    first, second, third = case.values(1), case.values(2), case.values(3)
    ours.create(place, case)
    ours.write(place, case.whole, first)
    zarr2.append(place, second, axis=axis)
    ours.append(place, third, axis=axis)
    assert_both_hold(ours, zarr2, place, np.concatenate([first, second, third], axis=axis))
