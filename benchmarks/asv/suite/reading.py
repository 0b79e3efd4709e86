"""Whole reads, from the store to the result."""

import numpy as np

import zarrcy

from .data import SIDE, Places

SELECTIONS = {
    "element": (37, 69, 101),
    "window": tuple(slice(start, start + 16) for start in (37, 69, 101)),
    "strided": (slice(None, None, 3),) * 3,
    "all": Ellipsis,
}


class Read(Places):
    param_names = ("selection", "codec", "chunk_side", "place")
    params = (list(SELECTIONS), ["raw", "blosc"], [16, 64], ["memory", "directory"])

    def setup(self, selection, codec, chunk_side, place):
        self.array = self.stored(place, codec, chunk_side)
        self.key = SELECTIONS[selection]

    def time_read(self, *_):
        self.array[self.key]

    def track_decoded_bytes(self, *_):
        return self.array.explain(self.key).decoded_nbytes

    track_decoded_bytes.unit = "bytes"


class Select(Places):
    """Read points, rows and a mask from chunks of 64^3 in a directory."""

    param_names = ("codec",)
    params = (["raw", "blosc"],)

    def setup(self, codec):
        self.array = self.stored("directory", codec, 64)
        random = np.random.default_rng(2)
        self.points = tuple(random.integers(0, SIDE, (3, 10_000)))
        self.rows = random.integers(0, SIDE, 50)
        self.mask = random.random((SIDE,) * 3, np.float32) < 0.01

    def time_points(self, _):
        self.array.vindex[self.points]

    def time_rows(self, _):
        self.array.oindex[self.rows]

    def time_mask(self, _):
        self.array[self.mask]


class Cached(Places):
    """Read the same window again from an array that caches decoded chunks."""

    def setup(self):
        folder = self.stored("directory", "blosc", 64).store.path
        self.array = zarrcy.open_array(folder, mode="r", cache_bytes=2**26)
        self.array[SELECTIONS["window"]]

    def time_window_again(self):
        self.array[SELECTIONS["window"]]


class PeakMemory(Places):
    params = (["raw", "blosc"],)
    param_names = ("codec",)

    def setup(self, codec):
        self.array = self.stored("directory", codec, 64)

    def peakmem_read_all(self, _):
        self.array[...]
