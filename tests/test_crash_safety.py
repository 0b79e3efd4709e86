"""Writers that are killed at random moments lose no reported step and leave no torn value."""

import os

import pytest
from crashes import SCENARIOS, kill_many

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_killed_writer_loses_no_reported_step_and_leaves_no_torn_value(name):
    cases = [(name, "directory", zarr_format) for zarr_format in SCENARIOS[name].formats]
    counts = kill_many(2 * len(cases), seed=os.getpid(), cases=cases)
    assert sum(count["kills"] for count in counts.values()) == 2 * len(cases)


def test_a_killed_writer_leaves_an_intact_sqlite_database():
    kill_many(2, seed=os.getpid(), cases=[("Overwrite", "sqlite", 2), ("Append", "sqlite", 3)])


@pytest.mark.slow
def test_five_hundred_kills_lose_no_reported_step():
    counts = kill_many(500, seed=os.getpid())
    assert sum(count["kills"] for count in counts.values()) == 500
    assert sum(count["steps"] for count in counts.values()) > 500
