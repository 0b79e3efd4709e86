"""Programs about the chunk shapes that are guessed, and those that are requested."""

from __future__ import annotations

import numcodecs
import numpy as np

from .families import family


@family(
    shape=[
        1, 10, 17, 1000, 10**5, 10**6, 10**7 + 1, 10**9, (), (300, 7), (1, 1), (10, 10), (100, 100), (1000, 1000),
        (10000, 10000), (10**6, 3), (3, 10**6), (1, 10**7), (100, 200, 300), (365, 180, 360), (7, 11, 13, 17),
        (50, 60, 70, 80), (1, 1, 1, 1), (100000, 1, 100000), (2, 3, 5, 7, 11, 13), (2**31,), (1, 2**40),
    ],
    options=[
        *({"dtype": dtype} for dtype in ("u1", "<f4", "<f8", "<c16", "S100", "<U1000", [("a", "<i4"), ("b", "S3")])),
        {"dtype": object, "object_codec": numcodecs.JSON()},
    ],
)  # fmt: skip
def guessed_chunks(zarr, shape, options):
    yield zarr.empty(shape, **options).chunks


@family()
def requested_chunks(zarr):
    yield zarr.zeros((10, 20), chunks=True).chunks
    yield zarr.zeros((10, 20), chunks=False).chunks
    yield zarr.zeros((10, 20), chunks=None).chunks
    yield zarr.zeros((10, 20), chunks=3).chunks
    yield zarr.zeros((10, 20), chunks=(3, 4)).chunks
    yield zarr.zeros((10, 20), chunks=[3, 4]).chunks
    yield zarr.zeros((10, 20), chunks=np.array([3, 4])).chunks
    yield zarr.zeros((10, 20), chunks=np.int64(3)).chunks
    yield zarr.zeros((10, 20), chunks=(3, None)).chunks
    yield zarr.zeros((10, 20), chunks=(None, -1)).chunks
    yield zarr.zeros((10, 20), chunks=(-1, 4)).chunks
    yield zarr.zeros((10, 20), chunks=(3,)).chunks
    yield zarr.zeros((10, 20), chunks=()).chunks
    yield zarr.zeros((10, 20), chunks=(100, 100)).chunks
    yield zarr.zeros((10, 20), chunks=(3, 4, 5)).chunks
    yield zarr.zeros((10, 20), chunks=(True, True)).chunks
    yield zarr.zeros((10, 20), chunks=2.5).chunks
    yield zarr.zeros(10, chunks=3).chunks
    yield zarr.zeros(10, chunks=(3, 4)).chunks
    yield zarr.zeros(10, chunks=()).chunks
    yield zarr.zeros((), chunks=3).chunks
    yield zarr.zeros((), chunks=()).chunks
