"""Inputs that were once not borne, and a few thousand new ones: `make fuzz` tries more."""

import signal
from pathlib import Path

import pytest
from fuzz.run import run
from fuzz.targets import TARGETS, check

CASES = sorted(path for path in (Path(__file__).parent / "fuzz" / "cases").rglob("*") if path.is_file())

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_input_that_was_found_is_borne(path):
    # what is right is accepted, all else raises one of our errors; anything else is a FaultError
    check(TARGETS[path.parent.name], path.read_bytes())


def test_right_inputs_are_accepted():
    rejected = {
        name: exc for name in ("chunk", "objects", "shard", "zip", "consolidated", "attributes", "v2", "v3")
        for data in TARGETS[name].seeds() if (exc := check(TARGETS[name], data)) is not None
    }  # fmt: skip
    assert rejected == {}


def test_changed_inputs_are_accepted_or_rejected_by_name(tmp_path):
    before = signal.getsignal(signal.SIGALRM)
    try:
        counts = run(list(TARGETS), 3000, 60, 0, tmp_path)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert {name: count["faults"] for name, count in counts.items()} == dict.fromkeys(TARGETS, 0)
    assert all(count["accepted"] and count["rejected"] for count in counts.values())
