"""Inputs that were once not borne, and a few thousand new ones: `make fuzz` tries more."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
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
    # in a process of its own: a crash would end this one
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
