"""Reading or writing an array needs memory for the array and a few chunks, not for a second array."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from zarrcy import _kernels

MIB = 2**20
CHUNK = 4 * MIB
SLACK = 32 * MIB

pytestmark = [
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak is read from /proc"),
    pytest.mark.skipif(not _kernels.COMPILED, reason="the NumPy twins index with lists, which copies chunks"),
]

# The script reads the high-water mark from /proc. That of getrusage is inherited by child processes, so a large test
# process would hide what its child needs.
SCRIPT = """
import sys
import numpy as np
import zarrcy

def status(name):
    lines = open("/proc/self/status").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name + ":")) * 1024

path, codec, action, length, kind = *sys.argv[1:4], int(sys.argv[4]), sys.argv[5]
options = {"chunks": 2**19, "dtype": "f8", "compressor": None if codec == "raw" else "default"}
a = zarrcy.open_array(path, mode="a", shape=length, **options)
value = np.arange(length, dtype=kind) if action.startswith("write") else None
before = status("VmRSS")
if action == "write":
    a[:] = value
elif action == "write reversed":
    a[:] = value[::-1]
elif action == "read":
    found = a[:]
elif action == "read every second":
    found = a[::2]
print(status("VmHWM") - before)
if action == "read":
    assert found[-1] == length - 1 and found[length // 2] == length // 2
"""


def peak(path, codec, action, nbytes, dtype="f8"):
    """Return how many bytes of memory a process needs for an action, in addition to what it had before."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), codec, action, str(nbytes // 8), dtype],
        capture_output=True,
        text=True,
        check=False,
        # on a busy machine files look slow to open, and more of them are written at the same time
        env={**os.environ, "ZARRCY_IO_DEPTH": "1"},
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def check_all(path, codec, nbytes):
    two_chunks = 2 * CHUNK + SLACK
    # a value to write exists before the measurement, a result is allocated during it
    assert peak(path, codec, "write", nbytes) <= two_chunks
    assert peak(path, codec, "write reversed", nbytes) <= two_chunks
    assert peak(path, codec, "write", nbytes, "f4") <= two_chunks, "the value is cast piece by piece"
    assert peak(path, codec, "write", nbytes) <= two_chunks
    whole = peak(path, codec, "read", nbytes)
    assert nbytes <= whole <= nbytes + two_chunks, "the result is measured"
    assert peak(path, codec, "read every second", nbytes) <= nbytes // 2 + two_chunks


@pytest.mark.parametrize("codec", ["raw", "blosc"])
def test_at_most_two_chunks_are_in_memory_besides_the_array(codec, tmp_path):
    check_all(tmp_path, codec, 256 * MIB)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["raw", "blosc"])
def test_at_most_two_chunks_are_in_memory_besides_a_large_array(codec, tmp_path):
    check_all(tmp_path, codec, 1024 * MIB)
