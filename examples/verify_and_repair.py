"""Find damaged chunks, move them aside, and compute them again: ``python verify_and_repair.py``."""

from pathlib import Path

import numpy as np

import zarrcy


def compute(region):
    """Return the values of a region."""
    rows, columns = (np.arange(part.start, part.stop) for part in region)
    return rows[:, None] + columns


def run(path):
    """Damage a chunk, as a disk may, and mend it."""
    z = zarrcy.open_array(path, mode="w", shape=(100, 100), chunks=(25, 25), dtype="i8", checksum=True)
    z[:] = compute((slice(0, 100), slice(0, 100)))
    chunk = Path(path, "1.2")
    stored = bytearray(chunk.read_bytes())
    stored[len(stored) // 2] ^= 0x10
    chunk.write_bytes(stored)
    for problem in zarrcy.verify(path).problems:
        print("problem:", problem)
    for repair in zarrcy.repair(path, quarantine=True):
        print("repair:", repair)
    z = zarrcy.open_array(path, mode="r+")
    # the chunk is missing now: compute the elements of each chunk that is not stored
    for row, column in np.argwhere(~z.initialized_chunks()):
        region = (slice(25 * row, 25 * row + 25), slice(25 * column, 25 * column + 25))
        z[region] = compute(region)
    return zarrcy.verify(path).ok and bool((z[:] == compute((slice(0, 100), slice(0, 100)))).all())


if __name__ == "__main__":
    print("mended:", run("damaged.zarr"))
