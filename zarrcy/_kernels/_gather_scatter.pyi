"""Partial chunk iteration: move elements between chunks and a result, along the pieces of a plan.

Every piece is checked against the chunk's layout, the length of the chunk's memory and the shape of
the result before a byte is moved: IndexError or ValueError where they do not fit.
"""

from typing import Any, final

from numpy.typing import NDArray

from zarrcy._kernels import protocols
from zarrcy._kernels.protocols import Buffer, Item, Plan

@final
class ChunkLayout:
    """Where the elements of a chunk lie in a flat buffer.

    `order` lists the axes from the slowest to the fastest in memory; C order where it is None. `field`
    is the offset of what is moved in an element, and the size of an element, where not the whole is moved.
    """

    @property
    def ndim(self) -> int: ...
    @property
    def chunk_shape(self) -> tuple[int, ...]: ...
    @property
    def order(self) -> tuple[int, ...]: ...
    @property
    def itemsize(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def nbytes(self) -> int: ...
    def __new__(
        cls,
        chunk_shape: tuple[int, ...],
        itemsize: int,
        order: tuple[int, ...] | None = None,
        field: tuple[int, int] | None = None,
    ) -> ChunkLayout: ...

def gather(plan: Plan, number: int, chunk: Buffer, layout: protocols.ChunkLayout, out: NDArray[Any]) -> bool:
    """Move one piece from a chunk, any contiguous buffer, to its place in `out`.

    False, and nothing is moved, where `chunk` has not the length of a chunk.
    """

def scatter(
    plan: Plan, number: int, chunk: Buffer, layout: protocols.ChunkLayout, value: NDArray[Any]
) -> bool:
    """Move one piece from its place in `value` to a chunk, any writable contiguous buffer.

    False, and nothing is moved, where `chunk` has not the length of a chunk.
    """

def fill_piece(
    plan: Plan, number: int, layout: protocols.ChunkLayout, out: NDArray[Any], item: Item | None
) -> None:
    """Set the place of one piece in `out` to one element, given by its bytes; None leaves it as it is."""

def gather_many(
    plan: Plan,
    first: int,
    chunks: list[Any],
    layout: protocols.ChunkLayout,
    out: NDArray[Any],
    item: Item | None,
) -> int:
    """Gather the pieces from `first` on from a list of chunks; None stands for a chunk of `item`, see `fill_piece`.

    Returns -1, or the place in the list of the first chunk that has not the length of a chunk.
    """

def run_of_piece(plan: Plan, number: int, layout: protocols.ChunkLayout, out: NDArray[Any]) -> int:
    """Byte offset in `out` of a piece that is a whole chunk in one run, in the layout of the chunk.

    -1 where the piece is no such run.
    """
