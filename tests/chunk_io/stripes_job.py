"""Write every n-th row of arrays, so that processes share chunks: a program of `test_locks_between_processes`.

The arguments are a directory, the number of this process, and names of arrays in the directory.
"""

import os
import sys

import zarrcy

N_PROCESSES = 4


def write_stripes(a, k):
    """Write rows k, k + 4, ... of an array: at last the row number modulo 5, or the row number plus 1."""
    for i in range(k, len(a), N_PROCESSES):
        if a.dtype == object:
            a[i] = str(i + 1)
        elif a.dtype.names:
            # fields are written one after the other, so each row is changed twice
            a[i, :, "n"], a[i, :, "x"] = i + 1, i + 1
        else:
            # an element that is not the fill value, and then one that may be
            a[i] = -1
            a[i] = i % 5


if __name__ == "__main__":
    for name in sys.argv[3:]:
        array = zarrcy.open_array(os.path.join(sys.argv[1], name), mode="r+", write_empty_chunks=False)
        write_stripes(array, int(sys.argv[2]))
