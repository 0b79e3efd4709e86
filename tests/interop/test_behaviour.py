"""Programs have the same outcome on zarrcy as on zarr-python 2: equal values and types, or equivalent exceptions."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from . import programs
from .peers import Zarr2, Zarrcy
from .programs.families import Program, families_of

# Both libraries warn about lossy casts. The test compares outcomes, not warnings.
pytestmark = pytest.mark.filterwarnings("ignore")


def all_programs() -> Iterator[Program]:
    for info in pkgutil.iter_modules(programs.__path__):
        for family in families_of(import_module(f"{programs.__name__}.{info.name}")):
            yield from family


SAME = [program for program in all_programs() if not program.family.reason]
DIFFERENT = [program for program in all_programs() if program.family.reason]


def is_equivalent(theirs: Any, ours: Any) -> bool:
    """Return whether the values are equal, or whether each handler that catches their exception catches ours.

    Classes are compared by name. Those with a leading underscore are private, so users cannot catch them.
    """
    if "raises" not in theirs:
        return bool(theirs == ours)
    return {name for name in theirs["raises"] if not name.startswith("_")} <= set(ours.get("raises", ()))


@pytest.mark.parametrize("program", SAME, ids=str)
def test_the_outcome_equals_that_of_zarr_python_2(
    ours: Zarrcy, zarr2: Zarr2, program: Program, place: Path
) -> None:
    theirs, own = zarr2.program(program, place / "theirs"), ours.program(program, place / "ours")
    assert is_equivalent(theirs, own), f"{program}: zarr-python 2 gives {theirs}, zarrcy gives {own}"


@pytest.mark.parametrize("program", DIFFERENT, ids=str)
def test_a_documented_difference_exists(ours: Zarrcy, zarr2: Zarr2, program: Program, place: Path) -> None:
    theirs, own = zarr2.program(program, place / "theirs"), ours.program(program, place / "ours")
    assert not is_equivalent(theirs, own), (
        f"{program}: both give {theirs}; it does not belong to the differences"
    )


def test_there_are_as_many_programs_as_before() -> None:
    """A program that is lost, for example because a family is defined twice, must not go unnoticed."""
    assert len(SAME) >= 3133
    assert len(DIFFERENT) >= 135
