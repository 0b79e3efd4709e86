"""Writers that are killed at random moments lose nothing that they reported, and leave nothing torn."""

import os

import pytest
from crashes import SCENARIOS, kill_many

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


@pytest.mark.parametrize("name", list(SCENARIOS))
def test_a_writer_that_is_killed_leaves_what_it_reported_and_nothing_torn(name):
    cases = [(name, "directory", zarr_format) for zarr_format in SCENARIOS[name].formats]
    seen = kill_many(2 * len(cases), seed=os.getpid(), cases=cases)
    assert sum(count["kills"] for count in seen.values()) == 2 * len(cases)


def test_a_writer_to_sqlite_that_is_killed_leaves_a_sound_database():
    kill_many(2, seed=os.getpid(), cases=[("Overwrite", "sqlite", 2), ("Append", "sqlite", 3)])


@pytest.mark.slow
def test_five_hundred_kills_lose_nothing():
    seen = kill_many(500, seed=os.getpid())
    assert sum(count["kills"] for count in seen.values()) == 500
    assert sum(count["steps"] for count in seen.values()) > 500
