"""The arrays that the suite reads and writes, and their folders."""

import shutil
import tempfile
from pathlib import Path

import numcodecs
import numpy as np

import zarrcy

SIDE = 128
CODECS = {
    "raw": None,
    "blosc": numcodecs.Blosc("lz4", 5, 1),
    "zstd": numcodecs.Zstd(1),
    "gzip": numcodecs.GZip(1),
}


def cube():
    """Return numbers that compress like a measured field."""
    x = np.linspace(0, 6, SIDE)
    smooth = np.sin(x)[:, None, None] * np.cos(2 * x)[None, :, None] + np.sin(3 * x)[None, None, :] / 3
    noise = np.random.default_rng(0).standard_normal((SIDE,) * 3, np.float32)
    return (280 + 15 * smooth + 0.015 * noise).astype("f4")


class Places:
    """A temporary directory, in memory if the system has /dev/shm; removed after the benchmark."""

    def new_folder(self):
        root = "/dev/shm" if Path("/dev/shm").is_dir() else None
        self.folder = tempfile.mkdtemp(prefix="zarrcy-asv-", dir=root)
        return self.folder

    def teardown(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def stored(self, place, codec, chunk_side):
        folder = self.new_folder()
        store = folder if place == "directory" else zarrcy.MemoryStore()
        return zarrcy.array(cube(), chunks=chunk_side, compressor=CODECS[codec], store=store)
