"""The memory in which the native path decodes and encodes is shared by all arrays of a process, and bounded."""

import subprocess
import sys

import numcodecs
import numpy as np
import pytest
from cases import same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrcy

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")

SCRIPT = """
import sys
import numpy as np
import zarrcy

def resident():
    return int(open("/proc/self/statm").read().split()[1]) * 4096

path, n_arrays = sys.argv[1], int(sys.argv[2])
group = zarrcy.open_group(path, mode="w")
x = np.random.default_rng(0).integers(0, 9, 2**20)
names = [f"a{number}" for number in range(n_arrays)]
group.create_dataset("first", data=x, chunks=x.shape)[...]
before = resident()
arrays = [group.create_dataset(name, shape=x.shape, chunks=x.shape, dtype=x.dtype) for name in names]
for array in arrays:
    array[...] = x
    assert (array[...] == x).all()
    array[3] = 1
print(resident() - before)
"""


def test_the_memory_of_workspaces_does_not_grow_with_the_number_of_open_arrays(tmp_path):
    command = [sys.executable, "-c", SCRIPT, str(tmp_path), "20"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    # each chunk has 8 MiB; twenty workspaces would have 340 MiB
    assert int(done.stdout) < 80 * 2**20


SCRIPT_OF_MANY_THREADS = """
import ctypes
import numcodecs
import numpy as np
import zarrcy

trim = getattr(ctypes.CDLL(None), "malloc_trim", lambda nbytes: None)

def resident():
    trim(0)
    return int(open("/proc/self/statm").read().split()[1]) * 4096

x = np.random.default_rng(0).integers(0, 3, (8, 2**20), "u1")
a = zarrcy.create(x.shape, chunks=(1, 2**20), dtype="u1", compressor=numcodecs.Zstd(22), store={})
small = zarrcy.create(200, chunks=10, dtype="i4", compressor=numcodecs.Zstd(1), store={})
small[:] = 1
before = resident()
with zarrcy.use_threads(8):
    a[:] = x
for number in range(3000):
    small[:] = number
print(resident() - before)
"""


def test_the_memory_of_many_threads_is_not_kept_for_the_few_that_come_later():
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT_OF_MANY_THREADS], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # the state of Zstandard at level 22 has 17 MiB for each thread
    assert int(done.stdout) < 50 * 2**20


CODECS = [
    None,
    *(numcodecs.GZip(level) for level in (0, 1, 4, 6, 9)),
    *(numcodecs.Zlib(level) for level in (0, 1, 4, 6, 9)),
    *(numcodecs.Zstd(level, checksum=checksum) for level in (-3, 1, 9) for checksum in (False, True)),
    *(numcodecs.LZ4(acceleration) for acceleration in (1, 9)),
    *(
        numcodecs.Blosc(cname, level, shuffle)
        for cname in ("lz4", "lz4hc", "zstd", "zlib", "blosclz")
        for level in (1, 9)
        for shuffle in (0, 1, 2)
    ),
]
MODELS = [np.arange(n).astype(dtype) for n in (5, 3000, 70_000) for dtype in ("i2", "f8")]


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(CODECS), st.sampled_from(MODELS)), min_size=2, max_size=12))
def test_arrays_with_any_codecs_take_turns_in_one_workspace(kinds):
    stores = [{} for _ in kinds]
    for store, (codec, model) in zip(stores, kinds, strict=True):
        zarrcy.array(model, chunks=max(1, len(model) // 2), compressor=codec, store=store)
    for store, (codec, model) in zip(stores, kinds, strict=True):
        a = zarrcy.open_array(store)
        assert same_bits(a[...], model)
        a[1:3] = a[1:3]
        assert same_bits(a[1:-1:7], model[1:-1:7])
        # what was encoded here is what the codec of numcodecs decodes
        first = store["0"] if codec is None else codec.decode(store["0"])
        assert bytes(memoryview(first)) == model[: max(1, len(model) // 2)].tobytes()
