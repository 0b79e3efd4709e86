"""Partial chunk iteration: move elements between chunks and a result, along the pieces of a plan.

A piece is a strided box in its chunk and another one in the result. The kernel sorts and merges the axes, then moves
runs of elements: with memcpy if a run is contiguous on both sides, word by word otherwise.

Before the first byte moves, a piece is compared with the chunk layout, the length of the chunk's memory and the shape
of the result. Functions raise IndexError or ValueError if they do not fit. `_reference` is the same in NumPy.
"""

from typing import final

from zarrcy._kernels import protocols
from zarrcy._kernels.protocols import AnyArray, Buffer, Item, Plan

@final
class ChunkLayout:
    """Where the elements of a chunk lie in a flat buffer.

    Parameters
    ----------
    chunk_shape : tuple of int
        Lengths of the axes, in elements.
    itemsize : int
        Number of bytes that are moved per element.
    order : tuple of int, optional
        The axes from the slowest to the fastest in memory: ``(0, 1, 2)`` is C order, the default, and
        ``(2, 1, 0)`` is Fortran order.
    field : tuple of int, optional
        If only one field of each element is moved: its offset in the element and the size of the element, in bytes.

    Raises
    ------
    ValueError
        If a field is not inside its element, if `order` is not a permutation of the axes, or if the chunk has
        2**62 bytes or more.
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

def gather(plan: Plan, number: int, chunk: Buffer, layout: protocols.ChunkLayout, out: AnyArray) -> bool:
    """Move one piece from a chunk to its place in a result.

    Parameters
    ----------
    plan : Plan
        The pieces.
    number : int
        Number of the piece.
    chunk : buffer
        The decoded chunk, contiguous.
    layout : ChunkLayout
        Where the elements lie in `chunk`.
    out : ndarray
        The result, in the shape of the selection.

    Returns
    -------
    bool
        False, and nothing is moved, if `chunk` does not have the length of a chunk.
    """

def scatter(plan: Plan, number: int, chunk: Buffer, layout: protocols.ChunkLayout, value: AnyArray) -> bool:
    """Move one piece from its place in a value to a chunk.

    Parameters
    ----------
    plan : Plan
        The pieces.
    number : int
        Number of the piece.
    chunk : buffer
        The decoded chunk, contiguous and writable.
    layout : ChunkLayout
        Where the elements lie in `chunk`.
    value : ndarray
        The elements to write, in the shape of the selection.

    Returns
    -------
    bool
        False, and nothing is moved, if `chunk` does not have the length of a chunk.
    """

def fill_piece(
    plan: Plan, number: int, layout: protocols.ChunkLayout, out: AnyArray, item: Item | None
) -> None:
    """Set the place of one piece in a result to one element.

    Parameters
    ----------
    plan : Plan
        The pieces.
    number : int
        Number of the piece.
    layout : ChunkLayout
        The layout of chunks.
    out : ndarray
        The result, in the shape of the selection.
    item : bytes or None
        The bytes of the element; None leaves `out` as it is.
    """

def gather_many(
    plan: Plan,
    first: int,
    chunks: list[Buffer | None],
    layout: protocols.ChunkLayout,
    out: AnyArray,
    item: Item | None,
) -> int:
    """Move consecutive pieces from a list of chunks to their places in a result.

    Parameters
    ----------
    plan : Plan
        The pieces.
    first : int
        Number of the first piece.
    chunks : list of buffer or None
        The decoded chunks of the pieces. None means a missing chunk: its piece is set to `item`.
    layout : ChunkLayout
        Where the elements lie in a chunk.
    out : ndarray
        The result, in the shape of the selection.
    item : bytes or None
        The element of missing chunks; None leaves `out` as it is.

    Returns
    -------
    int
        -1, or the position in the list of the first chunk that does not have the length of a chunk.
    """

def run_of_piece(plan: Plan, number: int, layout: protocols.ChunkLayout, out: AnyArray) -> int:
    """Return the byte offset in `out` of a piece that is a whole chunk.

    Returns -1 unless the piece is one run of `out` that has the layout of the chunk.
    """
