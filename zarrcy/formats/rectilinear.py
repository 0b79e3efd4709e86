"""Chunk grids whose chunks differ in length: checked, and opened where they are regular after all."""

from __future__ import annotations

from itertools import groupby
from typing import Any

from zarrcy.errors import NotSupportedError
from zarrcy.formats.members import Extension, Member
from zarrcy.types import Shape

_LONGEST = 2**62 - 1
# An axis may have as many chunks as elements; a document that lists more of them is refused, since a short
# one could state a list that no memory holds.
_MOST_RUNS = 2**24

Runs = list[tuple[int, int]]


def parse_rectilinear(grid: Extension, shape: Shape) -> list[int | Runs]:
    """Parse a rectilinear grid: for each axis the length of all chunks, or runs of (length, count).

    Raises
    ------
    MetadataError : it is malformed, or its chunks do not cover the array
    """
    config = grid.only("kind", "chunk_shapes")
    kind = config.get("kind")
    if kind is not None:
        kind.choice("inline")
    member = config.need("chunk_shapes")
    axes = list(member.items())
    if len(axes) != len(shape):
        member.fail(f"it must have an item for each axis of the shape {list(shape)}")
    return [_parse_axis(axis, n) for axis, n in zip(axes, shape, strict=True)]


def _parse_axis(axis: Member, n: int) -> int | Runs:
    if not isinstance(axis.value, list):
        return axis.integer(1, _LONGEST)
    runs: Runs = []
    for item in axis.items():
        if isinstance(item.value, list):
            pair = item.integers(1, _LONGEST)
            if len(pair) != 2:
                item.fail("it must be a pair of a length and a count")
            runs.append((pair[0], pair[1]))
        else:
            runs.append((item.integer(1, _LONGEST), 1))
        if len(runs) > _MOST_RUNS:
            axis.fail(f"it has more than {_MOST_RUNS} items")
    if sum(length * count for length, count in runs) < n:
        axis.fail(f"the lengths must cover the {n} elements of the axis")
    return [(length, sum(count for _, count in group)) for length, group in groupby(runs, key=_length)]


def _length(run: tuple[int, int]) -> Any:
    return run[0]


def regular_shape_of(grid: Extension, shape: Shape) -> Shape:
    """Return the chunk shape of a rectilinear grid all of whose chunks have one.

    Raises
    ------
    MetadataError : it is malformed
    NotSupportedError : the lengths differ along an axis
    """
    lengths = []
    for i, axis in enumerate(parse_rectilinear(grid, shape)):
        if isinstance(axis, list) and len(axis) > 1:
            raise NotSupportedError(
                grid.member.key,
                f"it has chunks of different lengths along axis {i}, and this version reads grids that are regular. "
                "Open it with another library, and store it in regular chunks",
            )
        lengths.append(axis if isinstance(axis, int) else axis[0][0] if axis else 1)
    return tuple(lengths)
