"""Inputs that once caused faults, and a few thousand mutated ones. `make fuzz` tries more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from fuzz.targets import TARGETS, check

CASES = sorted(path for path in (Path(__file__).parent / "fuzz" / "cases").rglob("*") if path.is_file())

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_an_input_that_once_caused_a_fault_is_accepted_or_rejected(path):
    # A valid input is accepted; an invalid one raises an error of zarrcy. `check` raises FaultError otherwise.
    check(TARGETS[path.parent.name], path.read_bytes())


def test_valid_inputs_are_accepted():
    rejected = {
        name: exc for name in ("chunk", "objects", "shard", "zip", "consolidated", "attributes", "v2", "v3")
        for data in TARGETS[name].seeds() if (exc := check(TARGETS[name], data)) is not None
    }  # fmt: skip
    assert rejected == {}


def test_mutated_inputs_are_accepted_or_rejected_with_a_name(tmp_path):
    # In a process of its own, because a crash would end this one.
    command = [
        sys.executable,
        "-X",
        "faulthandler",
        "-m",
        "fuzz.run",
        "--inputs",
        "3000",
        "--findings",
        str(tmp_path),
    ]
    path = os.pathsep.join((str(Path(__file__).parent), *sys.path))
    done = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
