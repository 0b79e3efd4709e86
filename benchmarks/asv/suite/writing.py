"""Whole writes, from the value to the store."""

import numpy as np

import zarrcy

from .data import CODECS, Places, cube


class Write(Places):
    param_names = ("codec", "chunk_side", "place")
    params = (list(CODECS), [16, 64], ["memory", "directory"])

    def setup(self, codec, chunk_side, place):
        self.array = self.stored(place, codec, chunk_side)
        self.values = cube()

    def time_whole(self, *_):
        self.array[...] = self.values

    def time_window(self, *_):
        self.array[37:53, 69:85, 101:117] = 1


class WriteFill(Places):
    """Write chunks that hold only the fill value and are not stored."""

    def setup(self):
        self.array = zarrcy.create(
            (128,) * 3, chunks=64, dtype="f4", store=self.new_folder(), write_empty_chunks=False
        )
        self.values = np.zeros((128,) * 3, "f4")

    def time_fill(self):
        self.array[...] = self.values


class Append(Places):
    def setup(self):
        self.array = zarrcy.create(0, chunks=10_000, dtype="i8", store=self.new_folder())
        self.values = np.arange(1000)

    def time_append(self):
        self.array.append(self.values)
