"""The compiled kernels and the NumPy kernels, on plain memory."""

import numpy as np

from zarrcy import _kernels

KERNELS = {"compiled": _kernels.compiled, "numpy": _kernels.reference}


def kernels(name):
    if KERNELS[name] is None:
        raise NotImplementedError("pure build: the kernels are not compiled")
    return KERNELS[name]


class MoveAPiece:
    """Copy one chunk of 64^3 elements, or every third of them, to a result and back."""

    param_names = ("kernels", "itemsize", "step")
    params = (list(KERNELS), [1, 4, 16], [1, 3])

    def setup(self, name, itemsize, step):
        self.kernels = kernels(name)
        shape = (64, 64, 64)
        grid = self.kernels.Grid(shape, shape)
        box = self.kernels.parse_box((slice(None, None, step),) * 3, grid)
        self.plan = self.kernels.split_outer(box, grid)
        self.layout = self.kernels.ChunkLayout(shape, itemsize)
        self.chunk = np.ones(64**3 * itemsize, "u1")
        self.out = np.zeros(box.shape, f"V{itemsize}")

    def time_gather(self, *_):
        self.kernels.gather(self.plan, 0, self.chunk, self.layout, self.out)

    def time_scatter(self, *_):
        self.kernels.scatter(self.plan, 0, self.chunk, self.layout, self.out)


class IsFilled:
    """Test whether 1 MiB repeats one element: the slowest case, where it does, and the usual case."""

    param_names = ("kernels", "content")
    params = (list(KERNELS), ["filled", "first element differs"])

    def setup(self, name, content):
        self.kernels = kernels(name)
        self.chunk = np.zeros(2**20, "u1")
        if content != "filled":
            self.chunk[0] = 1

    def time_is_filled(self, *_):
        self.kernels.is_filled(self.chunk, bytes(4))


class Checksum:
    param_names = ("kernels",)
    params = (list(KERNELS),)

    def setup(self, name):
        self.kernels = kernels(name)
        self.data = bytes(64 * 1024)

    def time_crc32c(self, _):
        self.kernels.crc32c(self.data)
