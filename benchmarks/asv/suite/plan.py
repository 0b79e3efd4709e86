"""Plan a selection, without store and chunks."""

import numpy as np

from zarrcy import _kernels

SHAPE, CHUNKS = (4096, 4096), (64, 64)


class Box:
    """Parse and plan a selection of slices."""

    param_names = ("selection",)
    params = (["element", "window", "all"],)

    def setup(self, selection):
        self.kernels = _kernels.default
        self.grid = self.kernels.Grid(SHAPE, CHUNKS)
        self.key = {"element": (7, 7), "window": (slice(60, 70), slice(60, 70)), "all": Ellipsis}[selection]

    def time_plan(self, _):
        self.kernels.split_outer(self.kernels.parse_box(self.key, self.grid), self.grid)


class Lists:
    """Plan points and a mask."""

    def setup(self):
        self.kernels = _kernels.default
        self.grid = self.kernels.Grid(SHAPE, CHUNKS)
        random = np.random.default_rng(0)
        self.points = [*random.integers(0, 4096, (2, 10_000)), 10_000]
        self.mask = random.random(SHAPE, np.float32) < 0.01

    def time_points(self):
        self.kernels.split_points(self.points, self.grid)

    def time_mask(self):
        self.kernels.split_mask(self.mask, self.grid)


class Keys:
    def setup(self):
        kernels = _kernels.default
        grid = kernels.Grid(SHAPE, CHUNKS)
        self.plan = kernels.split_outer(kernels.parse_box(..., grid), grid)

    def time_4096_keys(self):
        self.plan.keys(0, self.plan.n_pieces, "a/", ".")
