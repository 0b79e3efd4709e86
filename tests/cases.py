"""Strategies of `zarrcy.testing` with fewer options, and an oracle for store traffic, for property tests."""

import numcodecs
import numpy as np
from hypothesis import strategies as st
from numcodecs import Blosc

from zarrcy.testing import CountingStore, strategies
from zarrcy.testing.model import data_of, same_bits
from zarrcy.testing.strategies import COMPRESSORS, DTYPES, STRUCTURED, basic_keys

__all__ = [
    "COMPRESSORS",
    "DTYPES",
    "LANE_CODECS",
    "STRUCTURED",
    "CountingStore",
    "basic_keys",
    "chunk_shapes",
    "chunks_partly_touched",
    "chunks_touched",
    "data_of",
    "lane_layouts",
    "layouts",
    "same_bits",
]

# Codecs that the native path encodes and decodes itself.
LANE_CODECS = {
    "raw": None,
    "blosc": Blosc(),
    "blosc of bits": Blosc("zstd", 1, Blosc.BITSHUFFLE, 512),
    "blosc plain": Blosc("lz4hc", 1, Blosc.NOSHUFFLE),
    "blosclz": Blosc("blosclz", 9, Blosc.SHUFFLE),
    "blosc of zlib": Blosc("zlib", 1, Blosc.SHUFFLE),
    "zstd": numcodecs.Zstd(1),
    "lz4": numcodecs.LZ4(),
    "gzip": numcodecs.GZip(1),
}


def chunk_shapes(draw, shape):
    """Draw chunk shapes from one element to more than the axis."""
    return draw(strategies.chunk_shapes(shape))


@st.composite
def layouts(draw, **kwargs):
    """Draw the keyword arguments that create an array of zeros without filters."""
    return draw(strategies.layouts(**kwargs)) | {
        "filters": None,
        "fill_value": draw(st.sampled_from([0, None])),
    }


@st.composite
def lane_layouts(draw, shapes):
    """Draw one of the shapes, at most five chunks along each axis, and an order and data type for the native path."""
    shape = draw(st.sampled_from(shapes))
    return {
        "shape": shape,
        "chunks": tuple(draw(st.integers(max(1, n // 4), max(1, n))) for n in shape),
        "order": draw(st.sampled_from("CF")),
        "dtype": draw(st.sampled_from(["u1", "<i2", ">f4", "f8", "S3", "M8[s]"])),
    }


def chunks_touched(key, shape, chunks):
    """Return the coordinates of the chunks that hold a selected element, by testing each element."""
    selected = np.zeros(shape, bool)
    selected[key] = True
    return {
        tuple(i // n for i, n in zip(at, chunks, strict=True)) for at in np.ndindex(shape) if selected[at]
    }


def chunks_partly_touched(key, shape, chunks):
    """Return the coordinates of the chunks that are selected in part, elements outside the array not counted."""
    selected = np.zeros(shape, bool)
    selected[key] = True
    partly = set()
    for coords in chunks_touched(key, shape, chunks):
        region = tuple(slice(c * n, (c + 1) * n) for c, n in zip(coords, chunks, strict=True))
        if not selected[region].all():
            partly.add(coords)
    return partly
