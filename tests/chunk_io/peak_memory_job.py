"""Prints how much memory reads and writes need at most beyond the result; test_peak_memory.py runs this program."""

import json
import re
import sys
from pathlib import Path

import numcodecs
import numpy as np
from numcodecs.abc import Codec

import zarrcy

MIB = 2**20
N, CHUNK = 96, 2**18
SHARD = 8


class Copied(Codec):
    """A codec of a user."""

    codec_id = "zarrcy-test-copied"

    def encode(self, buf):
        return bytes(buf)

    def decode(self, buf, out=None):
        return bytes(buf)


class FarFiles(dict):
    """Files that pose as a server."""

    def __init__(self, path):
        super().__init__()
        self.files = zarrcy.DirectoryStore(path)

    def has_latency(self):
        return True

    def getitems(self, keys):
        return {key: self.files[key] for key in keys if key in self.files}

    def get(self, key, default=None):
        return self.files.get(key, default)

    def __getitem__(self, key):
        return self.files[key]

    def __contains__(self, key):
        return key in self.files

    def setitems(self, values):
        for key, value in values.items():
            self.files[key] = value

    def __setitem__(self, key, value):
        self.files[key] = value


numcodecs.register_codec(Copied)
LAYOUTS = {
    "raw": {"compressor": None},
    "raw-f": {"compressor": None, "order": "F"},
    "blosc": {"compressor": numcodecs.Blosc()},
    "zstd": {"compressor": numcodecs.Zstd(1)},
    "gzip": {"compressor": numcodecs.GZip(1)},
    "lz4": {"compressor": numcodecs.LZ4()},
    "shuffle": {"compressor": numcodecs.Zstd(1), "filters": [numcodecs.Shuffle(4)]},
    "delta": {"compressor": numcodecs.Zstd(1), "filters": [numcodecs.Delta("<i4")]},
    "crc32": {"compressor": None, "filters": [numcodecs.CRC32()]},
    "user": {"compressor": Copied()},
    "v3": {"zarr_format": 3, "codecs": ["bytes", "zstd"]},
    "shards": {"zarr_format": 3, "shards": (SHARD, CHUNK), "codecs": ["bytes", "zstd"]},
    "shards-raw": {"zarr_format": 3, "shards": (SHARD, CHUNK), "codecs": ["bytes"]},
}
STORES = {
    "directory": zarrcy.DirectoryStore,
    "dict": lambda _: {},
    "zip": lambda path: zarrcy.ZipStore(f"{path}.zip", mode="w"),
    "far": FarFiles,
}


def in_use(name):
    """Return a number of bytes that the kernel counts for this process."""
    return 1024 * int(re.search(rf"{name}:\s+(\d+)", Path("/proc/self/status").read_text())[1])


def peak_of(call):
    """Call a function, and return how many bytes of memory it needed at most, and its result."""
    Path("/proc/self/clear_refs").write_text("5")
    before = in_use("VmRSS")
    result = call()
    return in_use("VmHWM") - before, result


def peaks(store, layout, value):
    """Return the bytes that each operation needs beyond its result and beyond what a store in memory keeps."""

    def stored():
        return sum(map(len, store.values())) if type(store) is dict else 0

    a = zarrcy.zeros(value.shape, chunks=(1, CHUNK), dtype="i4", store=store, **LAYOUTS[layout])
    a[:SHARD] = value[:SHARD]
    before = stored()
    found = {}
    found["write"] = peak_of(lambda: a.__setitem__(..., value))[0] - (stored() - before)
    nbytes, result = peak_of(lambda: a[...])
    assert (result == value).all()
    found["read"] = nbytes - result.nbytes
    del result
    changed = value[:, 1:]
    before = stored()
    found["partial write"] = peak_of(lambda: a.__setitem__((slice(None), slice(1, None)), changed))[0]
    assert stored() == before or layout in ("shards", "user")
    return found


if __name__ == "__main__":
    kind, folder, *layouts = sys.argv[1:]
    # half of the bits are noise, so that what is stored is not small
    value = np.random.default_rng(0).integers(0, 2**16, (N, CHUNK), "i4")
    print(
        json.dumps({layout: peaks(STORES[kind](f"{folder}/{layout}"), layout, value) for layout in layouts})
    )
