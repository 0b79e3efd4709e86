"""Random arrays and selections, and a store that counts: what the property tests are made of."""

import math
from collections import Counter
from collections.abc import MutableMapping

import numcodecs
import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

DTYPES = [
    "?",
    "i1",
    "u1",
    "<i2",
    ">i4",
    "<u8",
    "<f2",
    ">f4",
    "<f8",
    "<c8",
    ">c16",
    "S3",
    "<U2",
    "<M8[ns]",
    ">m8[s]",
]
STRUCTURED = np.dtype([("x", "<f4"), ("y", "<i2", (2,)), ("z", [("a", "i1"), ("b", "S2")])])
COMPRESSORS = [
    None,
    numcodecs.Blosc(),
    numcodecs.Zlib(1),
    numcodecs.Zstd(1),
    numcodecs.LZ4(),
    numcodecs.BZ2(1),
]


class CountingStore(MutableMapping):
    """A store that counts what is asked of it, chunk keys apart from documents."""

    def __init__(self):
        self.values = {}
        self.counts = Counter()

    def _count(self, what, key):
        self.counts[what, "document" if key.rsplit("/", 1)[-1].startswith(".z") else "chunk"] += 1

    def __getitem__(self, key):
        self._count("get", key)
        return self.values[key]

    def __setitem__(self, key, value):
        self._count("set", key)
        assert type(value) is bytes, "a store that keeps values must be given bytes"
        self.values[key] = value

    def __delitem__(self, key):
        self._count("delete", key)
        del self.values[key]

    def __contains__(self, key):
        return key in self.values

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)

    @property
    def gets(self):
        return self.counts["get", "chunk"]

    @property
    def sets(self):
        return self.counts["set", "chunk"]


def data_of(shape, dtype):
    """Values of which any two near each other differ, so that a misplaced one shows."""
    dtype = np.dtype(dtype)
    numbers = np.arange(math.prod(shape), dtype="<i8").reshape(shape)
    if dtype.kind == "V":
        raw = (numbers[..., None] * 7 + np.arange(dtype.itemsize) + 1) % 251
        return np.ascontiguousarray(raw.astype("u1")).view(dtype).reshape(shape)
    if dtype.kind in "SU":
        values = (numbers % 99).astype(str)
    elif dtype.kind == "c":
        values = numbers - 1j * numbers
    elif dtype.kind == "b":
        values = numbers * 2654435761 % 7 < 3
    else:
        values = numbers
    # of an array without axes numpy's arithmetic makes a scalar: make it an array again
    return np.array(np.asarray(values).astype(dtype), dtype).reshape(shape)


def chunk_shapes(draw, shape):
    """One element up to wider than the axis."""
    return tuple(draw(st.integers(1, n + 2)) for n in shape)


@st.composite
def layouts(draw, min_dims=0, max_dims=4, max_side=8):
    """Shape, chunk shape and the rest of what makes an array."""
    shape = draw(npst.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=0, max_side=max_side))
    return {
        "shape": shape,
        "chunks": chunk_shapes(draw, shape),
        "dtype": draw(st.sampled_from([*DTYPES, STRUCTURED])),
        "order": draw(st.sampled_from("CF")),
        "compressor": draw(st.sampled_from(COMPRESSORS)),
        "dimension_separator": draw(st.sampled_from([None, ".", "/"])),
        "fill_value": draw(st.sampled_from([0, None])),
    }


@st.composite
def basic_keys(draw, shape):
    """Any basic index of NumPy's: integers, slices of any step, Ellipsis, newaxis."""
    if not shape:
        return draw(st.sampled_from([(), Ellipsis, (Ellipsis,), None, (None, Ellipsis), (Ellipsis, None)]))
    return draw(npst.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True, max_dims=len(shape) + 2))


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


def same_bits(ours, theirs):
    """Same type, shape and bits: NaN payloads and signs of zero count; a scalar where numpy has one."""
    theirs = np.asarray(theirs)
    if isinstance(ours, np.generic):
        # numpy's scalars have the byte order of the machine
        theirs = np.asarray(theirs[()]) if theirs.dtype.fields is None else theirs
    ours = np.asarray(ours)
    return ours.dtype == theirs.dtype and ours.shape == theirs.shape and ours.tobytes() == theirs.tobytes()
