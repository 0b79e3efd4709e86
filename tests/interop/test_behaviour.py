"""User code that runs on zarr-python 2 runs alike on us: same values, same types, errors caught alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from .differences import DIFFERENT
from .differences_groups import DIFFERENT_GROUPS
from .peers import Zarr2, Zarrcy
from .selecting import SELECTING
from .snippets import SAME
from .snippets_copying import SAME_COPYING
from .snippets_facts import ABOUT
from .snippets_groups import SAME_GROUPS
from .snippets_more import MORE

# The outcome is compared, not what is said on the way: both sides warn of casts that lose something.
pytestmark = pytest.mark.filterwarnings("ignore")


def is_alike(theirs: Any, ours: Any) -> bool:
    """Is it the same value, or an exception that is caught by whatever catches theirs?

    Classes are compared by name; those with a leading underscore are not for users to catch.
    """
    if "raises" not in theirs:
        return bool(theirs == ours)
    return {name for name in theirs["raises"] if not name.startswith("_")} <= set(ours.get("raises", ()))


@pytest.mark.parametrize("code", [*SAME, *SELECTING, *MORE, *ABOUT, *SAME_GROUPS, *SAME_COPYING])
def test_the_outcome_is_that_of_zarr_python_2(ours: Zarrcy, zarr2: Zarr2, code: str, place: Path) -> None:
    theirs, own = zarr2.snippet(code, place / "theirs"), ours.snippet(code, place / "ours")
    assert is_alike(theirs, own), f"{code}: theirs is {theirs}, ours is {own}"


@pytest.mark.parametrize(
    ("reason", "code"),
    [(reason, code) for reason, codes in (DIFFERENT | DIFFERENT_GROUPS).items() for code in codes],
)
def test_a_difference_that_is_listed_is_there(
    ours: Zarrcy, zarr2: Zarr2, reason: str, code: str, place: Path
) -> None:
    theirs, own = zarr2.snippet(code, place / "theirs"), ours.snippet(code, place / "ours")
    assert not is_alike(theirs, own), f"{code}: both are {theirs} ({reason}); move it to SAME"
