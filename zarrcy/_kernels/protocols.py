"""The interface that the compiled kernels and their NumPy twins share, as protocols for type checkers.

Both modules, `compiled` and `_reference`, satisfy `Kernels`. The stubs of the compiled modules document the functions
in full; here each member has one line.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Shape: TypeAlias = tuple[int, ...]
Item: TypeAlias = Any
"""The bytes of one element, or the object itself where elements are Python objects."""
Buffer: TypeAlias = Any
"""Anything with the buffer protocol; `collections.abc.Buffer` exists from Python 3.12 on."""
AnyArray: TypeAlias = "NDArray[Any]"
"""A NumPy array of any data type: elements that users read or write, or a chunk in memory."""
Selection: TypeAlias = Any
"""What a user puts between brackets, or an item of it: integers, slices, lists, arrays, masks, field names."""


Step: TypeAlias = tuple[object, ...]
"""What changes a chunk before a codec encodes it, or after it decoded it: a kind and its parameters."""


class ChunkGrid(Protocol):
    """The shape of an array and the shape of its chunks, in elements."""

    @property
    def shape(self) -> Shape: ...
    @property
    def chunk_shape(self) -> Shape: ...
    @property
    def ndim(self) -> int: ...


class Box(Protocol):
    """One strided range per axis: the selection of integers and slices."""

    @property
    def ndim(self) -> int: ...
    @property
    def starts(self) -> Shape: ...
    @property
    def counts(self) -> Shape: ...
    @property
    def steps(self) -> Shape: ...
    @property
    def dropped(self) -> tuple[bool, ...]: ...
    @property
    def flipped(self) -> tuple[bool, ...]: ...
    @property
    def shape(self) -> Shape:
        """Shape of the result, in elements."""


class ChunkLayout(Protocol):
    """Where the elements of a chunk, or one field of them, lie in a flat buffer."""

    @property
    def ndim(self) -> int: ...
    @property
    def chunk_shape(self) -> Shape: ...
    @property
    def order(self) -> tuple[int, ...]: ...
    @property
    def itemsize(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def nbytes(self) -> int: ...


class Plan(Protocol):
    """The pieces of a selection, numbered. A piece is what the selection takes of one chunk."""

    @property
    def n_pieces(self) -> int: ...
    @property
    def grid(self) -> ChunkGrid: ...
    def coords(self, number: int) -> tuple[int, ...]:
        """Return the coordinates of the chunk of a piece."""

    def coords_table(self, first: int, last: int) -> NDArray[np.int64]:
        """Return the chunk coordinates of the pieces ``first <= number < last``, one row per piece."""

    def complete(self, number: int) -> bool:
        """Return whether a piece covers every element of its chunk that is inside the array."""

    def sparse(self, number: int) -> bool:
        """Return whether a piece covers at most half of the elements of its chunk that are inside the array."""

    def overhangs(self, number: int) -> bool:
        """Return whether the chunk of a piece reaches beyond the edge of the array."""

    def keys(self, first: int, last: int, prefix: str, separator: str) -> list[str]:
        """Return the chunk keys of the pieces ``first <= number < last``."""


class FlatPlan(Plan, Protocol):
    """A plan whose result has one axis: points or a mask."""

    @property
    def shape(self) -> Shape: ...


class OuterPlan(Plan, Protocol):
    """The outer product of ranges and lists, one for each axis."""

    @property
    def has_lists(self) -> bool: ...
    def slices(self, number: int) -> tuple[tuple[int | slice, ...], tuple[slice, ...]]:
        """Return the NumPy indices of a piece in its chunk and in the result; TypeError if there are lists."""


# in the bodies of `Planner` and `Kernels` these two names are methods
_Box: TypeAlias = Box
_Layout: TypeAlias = ChunkLayout


class Planner(Protocol):
    """The functions that turn a selection into a plan.

    Each build of the kernels plans for regular grids. `zarrcy.chunk_io.rectilinear` has a planner for rectilinear
    grids, whose plans cut a selection into regular parts.
    """

    def Grid(self, shape: Shape, chunk_shape: Shape) -> ChunkGrid: ...  # noqa: N802
    def Box(  # noqa: N802
        self,
        starts: Shape | None = None,
        counts: Shape = (),
        steps: Shape = (),
        dropped: tuple[bool, ...] = (),
        flipped: tuple[bool, ...] = (),
    ) -> _Box: ...
    def parse_box(self, selection: Selection, grid: ChunkGrid) -> _Box | None:
        """Parse integers, slices and one Ellipsis; None for any other selection."""

    def split_outer(
        self, box: _Box, grid: ChunkGrid, lists: tuple[NDArray[np.int64] | None, ...] | None = None
    ) -> Plan:
        """Cut a box, or an outer product of ranges and lists, at the chunk edges."""

    def split_points(self, coords: list[Any], grid: ChunkGrid) -> FlatPlan:
        """Sort points by chunk."""

    def split_mask(self, mask: NDArray[np.bool_], grid: ChunkGrid) -> FlatPlan:
        """Cut a Boolean mask at the chunk edges."""


class Kernels(Planner, Protocol):
    """The functions of one build of the kernels: the compiled ones or the NumPy twins."""

    def ChunkLayout(  # noqa: N802
        self,
        chunk_shape: Shape,
        itemsize: int,
        order: tuple[int, ...] | None = None,
        field: tuple[int, int] | None = None,
    ) -> _Layout: ...
    def gather(self, plan: Plan, number: int, chunk: Buffer, layout: _Layout, out: AnyArray) -> bool:
        """Move one piece from a chunk to its place in `out`. False if the chunk has another length."""

    def gather_many(
        self,
        plan: Plan,
        first: int,
        chunks: list[Buffer | None],
        layout: _Layout,
        out: AnyArray,
        item: Item | None,
    ) -> int:
        """Move pieces from a list of chunks to their places in `out`."""

    def scatter(self, plan: Plan, number: int, chunk: Buffer, layout: _Layout, value: AnyArray) -> bool:
        """Move one piece from its place in `value` to a chunk. False if the chunk has another length."""

    def fill_piece(self, plan: Plan, number: int, layout: _Layout, out: AnyArray, item: Item | None) -> None:
        """Set the place of one piece in `out` to one element."""

    def run_of_piece(self, plan: Plan, number: int, layout: _Layout, out: AnyArray) -> int:
        """Return the byte offset in `out` of a piece that is a whole chunk in one run, or -1."""

    def fill(self, chunk: Buffer, item: Item) -> None:
        """Fill a buffer with copies of one element."""

    def is_filled(self, chunk: Buffer, item: Item) -> bool:
        """Return whether a buffer consists of copies of one element."""

    def touched_blocks(
        self, plan: Plan, number: int, layout: _Layout, block_nbytes: int
    ) -> list[tuple[int, int]]:
        """Return the runs of blocks of a chunk that hold a byte of a piece."""

    def group_by_shard(
        self, plan: Plan, counts: Sequence[int], axes: Sequence[int]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], list[int], list[tuple[int, ...]], list[int]]:
        """Sort the pieces of a plan by the shard that holds their chunks."""

    def crc32c(self, data: Buffer, before: int = 0, by_tables: bool = False) -> int:
        """Return the CRC-32C of a buffer that follows bytes whose checksum is `before`."""

    def scan_members(
        self, document: bytes, path: tuple[str, ...], most_levels: int
    ) -> tuple[int, int, dict[str, int]] | None:
        """Check a JSON document, and find the members of one of its objects."""


class OnWait(Protocol):
    """What is called when another process has locked a file for long."""

    @property
    def seconds(self) -> float:
        """How long to wait before the call."""

    def __call__(self, path: bytes, /) -> object:
        """Take note that the file at a path is locked."""
