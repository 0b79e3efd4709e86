"""What the property tests share: `zarrcy.testing`, narrowed, and an oracle for store traffic."""

import numpy as np
from hypothesis import strategies as st

from zarrcy.testing import CountingStore, strategies
from zarrcy.testing.model import data_of, same_bits
from zarrcy.testing.strategies import COMPRESSORS, DTYPES, STRUCTURED, basic_keys

__all__ = [
    "COMPRESSORS",
    "DTYPES",
    "STRUCTURED",
    "CountingStore",
    "basic_keys",
    "chunk_shapes",
    "chunks_partly_touched",
    "chunks_touched",
    "data_of",
    "layouts",
    "same_bits",
]


def chunk_shapes(draw, shape):
    """One element up to wider than the axis."""
    return draw(strategies.chunk_shapes(shape))


@st.composite
def layouts(draw, **kwargs):
    """Shape, chunk shape and the rest of what makes an array of zeros, without filters."""
    return draw(strategies.layouts(**kwargs)) | {
        "filters": None,
        "fill_value": draw(st.sampled_from([0, None])),
    }


def chunks_touched(key, shape, chunks):
    """Coordinates of the chunks that hold a selected element, by looking at each element."""
    selected = np.zeros(shape, bool)
    selected[key] = True
    return {
        tuple(i // n for i, n in zip(at, chunks, strict=True)) for at in np.ndindex(shape) if selected[at]
    }


def chunks_partly_touched(key, shape, chunks):
    """Coordinates of the chunks of which some elements inside the array are selected and some are not."""
    selected = np.zeros(shape, bool)
    selected[key] = True
    partly = set()
    for coords in chunks_touched(key, shape, chunks):
        region = tuple(slice(c * n, (c + 1) * n) for c, n in zip(coords, chunks, strict=True))
        if not selected[region].all():
            partly.add(coords)
    return partly
