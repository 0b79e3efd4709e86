"""The cases cover all pairs of settings."""

from __future__ import annotations

import itertools

from .cases import COMPRESSORS, DTYPES, LAYOUTS, ORDERS, SEPARATORS, choices, meetings


def test_every_pair_of_settings_occurs_in_a_case() -> None:
    met = set().union(*map(meetings, choices()))
    settings = enumerate([DTYPES, COMPRESSORS, LAYOUTS, ORDERS, SEPARATORS])
    for (i, some), (j, others) in itertools.combinations(settings, 2):
        assert {((i, a), (j, b)) for a in some for b in others} <= met
    assert {(dtype, fill) for dtype, (_, fills) in DTYPES.items() for fill in fills} <= met
