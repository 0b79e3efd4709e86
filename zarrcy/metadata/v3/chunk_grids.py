"""Rectilinear chunk grids: chunks may differ in length along an axis."""

from __future__ import annotations

from itertools import groupby
from operator import itemgetter

from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.metadata.json_member import Extension, Member
from zarrcy.types import Shape

_LONGEST = 2**62 - 1
# Most runs of equal chunks along an axis; more are refused, so that a document cannot exhaust the memory.
_MOST_RUNS = 2**24


def parse_rectilinear(grid: Extension, shape: Shape) -> tuple[AxisChunks, ...]:
    """Parse a rectilinear grid to the chunks of each axis.

    Raises
    ------
    MetadataError
        If the grid is malformed, or its chunks do not cover the array.
    """
    config = grid.allow_only("kind", "chunk_shapes")
    kind = config.get("kind")
    if kind is not None:
        kind.choice("inline")
    member = config.require("chunk_shapes")
    axes = list(member.items())
    if len(axes) != len(shape):
        member.fail(f"it must have an item for each axis of the shape {list(shape)}")
    return tuple(_parse_axis(axis, n) for axis, n in zip(axes, shape, strict=True))


def _parse_axis(axis: Member, n: int) -> AxisChunks:
    if not isinstance(axis.value, list):
        return AxisChunks.regular(axis.integer(1, _LONGEST))
    runs: list[tuple[int, int]] = []
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
    equal = groupby(runs, key=itemgetter(0))
    return AxisChunks(tuple((length, sum(count for _, count in group)) for length, group in equal))
