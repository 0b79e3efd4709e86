"""Reads need memory for the result, a few chunks for each thread, and the values in flight; writes for the last two."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from peak_memory_job import LAYOUTS, MIB, SHARD

ROOT = Path(__file__).parents[2]
N_THREADS = 2
# encoded and decoded, with the buffers of the codec, and what malloc keeps for the next chunk
OF_THREAD = 12 * MIB
# what the interpreter and the libraries need for the first call
REST = 12 * MIB
# see `zarrcy.storage.access.batch_nbytes` and `IOPolicy`: the whole value has 96 MiB
IN_FLIGHT = {"directory": 0, "dict": 0, "zip": 2 * 8 * MIB, "far": 64 * MIB}


def is_measured():
    return os.access("/proc/self/clear_refs", os.W_OK)


def check(kind, layouts, folder):
    env = {**os.environ, "ZARRCY_THREADS": str(N_THREADS), "PYTHONPATH": str(ROOT)}
    job = [sys.executable, "-W", "ignore", str(Path(__file__).with_name("peak_memory_job.py"))]
    command = [*job, kind, str(folder), *layouts]
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    too_much = {}
    for layout, peaks in json.loads(done.stdout).items():
        most = N_THREADS * OF_THREAD + REST + IN_FLIGHT[kind]
        if layout.startswith("shards"):
            # shards that are not files are assembled in memory, some of them at once
            most += {"directory": 0, "dict": N_THREADS * 3 * SHARD * MIB, "zip": 64 * MIB, "far": 64 * MIB}[
                kind
            ]
        for name, n in peaks.items():
            # values are read and written at the same time
            bound = most + IN_FLIGHT[kind] * (name == "partial write")
            if n > bound:
                too_much[f"{layout}, {name}"] = (round(n / MIB, 1), round(bound / MIB, 1))
    assert too_much == {}


@pytest.mark.skipif(not is_measured(), reason="the system does not measure the peak of a call")
@pytest.mark.parametrize("kind", IN_FLIGHT)
def test_memory_is_bounded_with_usual_codecs(kind, tmp_path):
    check(kind, ["raw", "zstd", "user", "shards"], tmp_path)


@pytest.mark.slow
@pytest.mark.skipif(not is_measured(), reason="the system does not measure the peak of a call")
@pytest.mark.parametrize("kind", IN_FLIGHT)
def test_memory_is_bounded_with_every_codec(kind, tmp_path):
    check(kind, list(LAYOUTS), tmp_path)
