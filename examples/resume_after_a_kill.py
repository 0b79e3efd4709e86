"""Kill a writer, start it again, and get the exact array: ``python resume_after_a_kill.py``.

The program starts itself as a writer, kills it in the middle of its work, and starts it again.
"""

import subprocess
import sys
import time

import numpy as np

import zarrcy

SHAPE, CHUNKS = (640, 640), (40, 40)


def compute(region):
    """Return the values of a region, slowly."""
    time.sleep(0.01)
    rows, columns = (np.arange(part.start, part.stop) for part in region)
    return rows[:, None] * 1000 + columns


def write(path):
    """Write what is missing."""
    z = zarrcy.open_array(path, mode="r+")
    with z.task(0, 1) as task:
        for region in task.remaining():
            task.write(region, compute(region))
    z.finish()


def run(path):
    """Kill the writer once, then let it finish."""
    z = zarrcy.open_array(path, mode="w", shape=SHAPE, chunks=CHUNKS, dtype="i8")
    command = [sys.executable, __file__, path]
    first = subprocess.Popen(command)
    while z.nchunks_initialized < 20 and first.poll() is None:
        time.sleep(0.01)
    first.kill()
    first.wait()
    print("chunks after the kill:", z.nchunks_initialized, "of", z.nchunks)
    subprocess.run(command, check=True)
    expected = np.arange(SHAPE[0])[:, None] * 1000 + np.arange(SHAPE[1])
    return bool((zarrcy.open_array(path, mode="r")[:] == expected).all())


if __name__ == "__main__":
    if len(sys.argv) > 1:
        write(sys.argv[1])
    else:
        print("exact:", run("killed.zarr"))
