"""Strategies for hypothesis: arrays, their parameters, their elements, and every kind of selection."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numcodecs
import numpy as np
from numpy.typing import DTypeLike, NDArray

import zarrcy
from zarrcy.errors import MissingExtraError
from zarrcy.testing.model import Grid, chunk_borders, data_of
from zarrcy.types import JSON, AnyArray, AnyDtype, Codec, Elements, Shape
from zarrcy.types import Selection as Key

try:
    from hypothesis import strategies as st
    from hypothesis.extra import numpy as npst
except ImportError as exc:
    raise MissingExtraError("hypothesis", "testing", "zarrcy.testing") from exc

__all__ = [
    "COMPRESSORS",
    "DTYPES",
    "FLAT_STRUCTURED",
    "STRUCTURED",
    "Selection",
    "arrays",
    "basic_keys",
    "block_keys",
    "chunk_shapes",
    "coordinates",
    "fill_values",
    "filters",
    "json_values",
    "key_in_memory",
    "key_nbytes",
    "layouts",
    "masks",
    "orthogonal_keys",
    "selections",
    "values",
]

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
# Fields without inner axes, for formats that support no others.
FLAT_STRUCTURED: AnyDtype = np.dtype([("x", ">f4"), ("z", [("a", "i1"), ("b", "S2")])])
STRUCTURED: AnyDtype = np.dtype([("x", "<f4"), ("y", "<i2", (2,)), ("z", [("a", "i1"), ("b", "S2")])])
COMPRESSORS = [
    None,
    numcodecs.Blosc(),
    numcodecs.Zlib(1),
    numcodecs.Zstd(1),
    numcodecs.LZ4(),
    numcodecs.BZ2(1),
]
# Fill values that libraries have handled wrongly.
_FILLS: dict[str, list[Elements]] = {
    "b": [True],
    "i": [1, -1],
    "u": [1, 200],
    "f": [1.5, -0.0, math.nan, -math.inf],
    "c": [1 - 2j, complex(math.nan, -0.0)],
    "S": [b"ab"],
    "U": ["é"],
}


def chunk_shapes(shape: Shape) -> st.SearchStrategy[Shape]:
    """Generate chunk shapes, from one element to more than the length of the axis.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(chunk_shapes((3, 0)), lambda chunks: True)
    (1, 1)
    """
    return st.tuples(*(st.integers(1, n + 2) for n in shape))


def fill_values(dtype: DTypeLike) -> st.SearchStrategy[Elements]:
    """Generate fill values of a data type: 0, None, and values whose bits are easily lost.

    Examples
    --------
    >>> from hypothesis import find
    >>> find(fill_values("f4"), lambda fill: fill != fill)
    nan
    """
    dtype = np.dtype(dtype)
    if dtype.kind in "mM":
        special = [np.array("NaT", dtype)[()], np.array(5, dtype)[()]]
    elif dtype.kind == "V":
        special = [data_of((), dtype)[()]]
    else:
        special = _FILLS[dtype.kind]
    return st.sampled_from([0, None, *special])


def filters(dtype: DTypeLike) -> st.SearchStrategy[list[Codec] | None]:
    """Generate lossless filters: None, and Delta for integers."""
    dtype = np.dtype(dtype)
    return st.sampled_from([None, [numcodecs.Delta(dtype.str)]] if dtype.kind in "iu" else [None])


@st.composite
def layouts(
    draw: st.DrawFn,
    min_dims: int = 0,
    max_dims: int = 4,
    max_side: int = 8,
    dtypes: Sequence[DTypeLike] = (*DTYPES, STRUCTURED),
) -> dict[str, Any]:
    """Generate the arguments of `zarrcy.create`: shape, chunk shape, data type, codecs and fill value.

    Parameters
    ----------
    min_dims, max_dims : int
        Smallest and largest number of axes.
    max_side : int
        Largest length of an axis, in elements; the smallest is 0.
    dtypes : sequence of data types
        Data types to choose from.

    Examples
    --------
    >>> import zarrcy
    >>> from hypothesis import find
    >>> zarrcy.create(**find(layouts(), lambda layout: len(layout["shape"]) == 2))
    <zarrcy.Array (0, 0) bool>
    """
    shape = draw(npst.array_shapes(min_dims=min_dims, max_dims=max_dims, min_side=0, max_side=max_side))
    dtype = draw(st.sampled_from(list(dtypes)))
    return {
        "shape": shape,
        "chunks": draw(chunk_shapes(shape)),
        "dtype": dtype,
        "order": draw(st.sampled_from("CF")),
        "compressor": draw(st.sampled_from(COMPRESSORS)),
        "filters": draw(filters(dtype)),
        "dimension_separator": draw(st.sampled_from([None, ".", "/"])),
        "fill_value": draw(fill_values(dtype)),
    }


@st.composite
def arrays(draw: st.DrawFn, /, **kwargs: Any) -> tuple[zarrcy.Array, AnyArray]:
    """Generate arrays in memory, with their elements as a NumPy array.

    Parameters
    ----------
    **kwargs
        Passed to `layouts`.

    Examples
    --------
    >>> from hypothesis import find
    >>> array, values = find(arrays(), lambda pair: pair[1].size > 2)
    >>> array[...].tobytes() == values.tobytes()
    True
    """
    layout = draw(layouts(**kwargs))
    array = zarrcy.create(**layout)
    values = data_of(array.shape, array.dtype)
    array[...] = values
    return array, values


@st.composite
def basic_keys(draw: st.DrawFn, shape: Shape) -> Key:
    """Generate basic indices of NumPy: integers, slices with any step, Ellipsis, newaxis."""
    if not shape:
        return draw(st.sampled_from([(), Ellipsis, (Ellipsis,), None, (None, Ellipsis), (Ellipsis, None)]))
    return draw(npst.basic_indices(shape, allow_newaxis=True, allow_ellipsis=True, max_dims=len(shape) + 2))


@st.composite
def _axis_items(draw: st.DrawFn, n: int) -> Key:
    """Generate indices that an orthogonal selection accepts for an axis of `n` elements."""
    kind = draw(st.sampled_from(["slice", "mask", "list"] + (["integer"] if n else [])))
    if kind == "integer":
        return draw(st.integers(-n, n - 1))
    if kind == "slice":
        return draw(st.slices(n))
    if kind == "mask":
        mask = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
        return mask.tolist() if n and draw(st.booleans()) else mask
    numbers = draw(st.lists(st.integers(-n, n - 1), max_size=7)) if n else []
    if draw(st.booleans()):
        numbers = sorted(i % n for i in numbers)
    return np.array(numbers, draw(st.sampled_from(["i8", "i2"]))) if draw(st.booleans()) else numbers


@st.composite
def orthogonal_keys(draw: st.DrawFn, shape: Shape) -> tuple[Key, ...]:
    """Generate orthogonal selections: for each axis an integer, a slice, or a list of integers or Booleans."""
    key = tuple(draw(_axis_items(n)) for n in shape)
    return key[: draw(st.integers(0, len(key)))] if draw(st.integers(0, 4)) == 0 else key


@st.composite
def coordinates(draw: st.DrawFn, shape: Shape) -> tuple[AnyArray, ...]:
    """Generate coordinates of points that broadcast against each other; no axis of `shape` may be empty."""
    result = draw(st.sampled_from([(), (1,), (5,), (2, 3)]))
    coords = []
    for n in shape:
        own = draw(st.sampled_from([result, (1,) * len(result), ()]))
        count = math.prod(own)
        numbers = draw(st.lists(st.integers(-n, n - 1), min_size=count, max_size=count))
        coords.append(np.array(numbers, draw(st.sampled_from(["i8", "i4"]))).reshape(own))
    return tuple(coords)


def masks(shape: Shape) -> st.SearchStrategy[NDArray[np.bool_]]:
    """Generate Boolean masks of a shape."""
    return npst.arrays(np.bool_, shape)


@st.composite
def block_keys(draw: st.DrawFn, shape: Shape, chunks: Grid) -> tuple[int | slice, ...]:
    """Generate selections of whole chunks: integers and slices with step 1."""
    key: list[int | slice] = []
    for length, lengths in zip(shape, chunks, strict=True):
        n = len(chunk_borders(length, lengths)) - 1
        start = draw(st.integers(0, n))
        stop = draw(st.integers(start, n))
        if stop == start + 1 and draw(st.booleans()):
            key.append(start - n if draw(st.booleans()) else start)
        else:
            key.append(slice(start, stop))
    return tuple(key)


@dataclass(frozen=True)
class Selection:
    """A selection with its expected result.

    Parameters
    ----------
    kind : {"basic", "orthogonal", "coordinate", "mask", "block"}
        Kind of the selection.
    key : object
        Index between the brackets.
    positions : array of int
        Positions of the selected elements in C order, in the shape of the result.
    """

    kind: str
    key: Key
    positions: NDArray[np.intp]


@st.composite
def selections(draw: st.DrawFn, shape: Shape, chunks: Grid) -> Selection:
    """Generate selections of every kind.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array, in elements.
    chunks : tuple of int or sequence of int
        For each axis, the length of all chunks or of each chunk, in elements.

    Examples
    --------
    >>> from hypothesis import find
    >>> selection = find(selections((2, 2), (1, 1)), lambda s: s.kind == "mask" and s.key.all())
    >>> selection.positions
    array([0, 1, 2, 3])
    """
    numbers = np.arange(math.prod(shape)).reshape(shape)
    kinds = ["basic", "orthogonal", "mask", "block"] + (["coordinate"] if all(shape) else [])
    kind = draw(st.sampled_from(kinds))
    if kind == "basic":
        key = draw(basic_keys(shape))
        return Selection(kind, key, np.asarray(numbers[key]))
    if kind == "mask":
        key = draw(masks(shape))
        return Selection(kind, key, numbers[key])
    if kind == "coordinate":
        key = draw(coordinates(shape))
        # a coordinate selection always has an axis, even if each coordinate is one integer
        return Selection(kind, key, np.atleast_1d(numbers[key]))
    if kind == "orthogonal":
        key = draw(orthogonal_keys(shape))
        return Selection(kind, key, _outer(numbers, key))
    key = draw(block_keys(shape, chunks))
    edges = []
    for item, n, lengths in zip(key, shape, chunks, strict=True):
        borders = chunk_borders(n, lengths)
        first = range(len(borders) - 1)[item] if isinstance(item, int) else item.start
        last = first + 1 if isinstance(item, int) else item.stop
        edges.append(slice(borders[first], borders[last]))
    return Selection(kind, key, np.asarray(numbers[tuple(edges)]))


def key_nbytes(key: Key) -> int:
    """Return the size of the arrays in a selection, in bytes; each starts at a multiple of 8.

    Examples
    --------
    >>> import numpy as np
    >>> key_nbytes((np.array([True]), slice(3), np.array([1, 2])))
    24
    """
    return sum(-(-item.nbytes // 8) * 8 for item in _key_arrays(key))


def key_in_memory(key: Key, memory: NDArray[np.uint8]) -> Key:
    """Copy the arrays in a selection to some memory, and return a selection that uses them there.

    Parameters
    ----------
    key : object
        A selection.
    memory : array of uint8
        At least `key_nbytes` bytes. The arrays fill the first bytes.

    Examples
    --------
    >>> import numpy as np
    >>> memory = np.zeros(8, np.uint8)
    >>> key = key_in_memory(np.array([True, False]), memory)
    >>> memory[1] = 1
    >>> key
    array([ True,  True])
    """
    if not _key_arrays(key):
        return key
    items = key if isinstance(key, tuple) else (key,)
    moved: list[Key] = []
    start = 0
    for item in items:
        if isinstance(item, np.ndarray):
            there = memory[start : start + item.nbytes].view(item.dtype).reshape(item.shape)
            there[...] = item
            start += -(-item.nbytes // 8) * 8
            moved.append(there)
        else:
            moved.append(item)
    return tuple(moved) if isinstance(key, tuple) else moved[0]


def _key_arrays(key: Key) -> list[AnyArray]:
    items = key if isinstance(key, tuple) else (key,)
    return [item for item in items if isinstance(item, np.ndarray)]


def _outer(numbers: NDArray[np.intp], key: tuple[Key, ...]) -> NDArray[np.intp]:
    """Index one axis after the other. Starting at the last axis keeps the numbers of the others valid."""
    for axis, item in reversed(list(enumerate(key))):
        index: Key = item
        if isinstance(item, list):
            index = np.array(item, bool if item and isinstance(item[0], bool) else np.intp)
        numbers = numbers[(slice(None),) * axis + (index,)]
    return np.asarray(numbers)


@st.composite
def values(draw: st.DrawFn, shape: Shape, dtype: AnyDtype, fill: Elements = 0) -> Elements:
    """Generate values to assign to a selection, including values that must be broadcast or cast.

    Parameters
    ----------
    shape : tuple of int
        Shape of the selection.
    dtype : numpy.dtype
        Data type of the array.
    fill : scalar
        Element that is generated often, such as the fill value.
    """
    kinds = ["elements", "one element", "fill", "broadcast", "Fortran", "strided"]
    if dtype.kind in "biufc":
        # a nested list cannot express a second axis if the first is empty
        kinds += ["another type", "Python number"] + (["list"] if all(shape) else [])
    if dtype.kind in "fc":
        kinds.append("special")
    kind = draw(st.sampled_from(kinds))
    start = draw(st.integers(0, 60))
    if kind == "fill":
        return np.full(shape, fill, dtype) if draw(st.booleans()) else np.array(fill, dtype)
    if kind == "one element":
        element = data_of((), dtype, start)
        return element[()] if draw(st.booleans()) else element
    if kind == "special":
        return np.resize(np.array([math.nan, -0.0, math.inf, 1.0], dtype), shape)
    if kind == "another type":
        return data_of(shape, draw(st.sampled_from(["?", "i1", ">i8", "f4", ">f8"])), start)
    if kind == "Python number":
        return draw(st.sampled_from([start, float(start), start % 2 == 0]))
    if kind == "list":
        return data_of(shape, "i4", start).tolist()
    if kind == "broadcast":
        shape = tuple(draw(st.sampled_from([n, 1])) for n in shape)
        shape = shape[draw(st.integers(0, next((i for i, n in enumerate(shape) if n != 1), len(shape)))) :]
        # NumPy ignores any number of leading axes of length 1
        return data_of((1,) * draw(st.integers(0, 2)) + shape, dtype, start)
    if kind == "Fortran":
        return np.asfortranarray(data_of(shape, dtype, start)) if shape else data_of(shape, dtype, start)
    if kind == "strided" and shape:
        return data_of((*shape[:-1], 2 * shape[-1]), dtype, start)[..., ::-2]
    return data_of(shape, dtype, start)


def json_values() -> st.SearchStrategy[JSON]:
    """Generate values of attributes that JSON returns unchanged."""
    leaves = (
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(max_size=5)
    )
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    )
