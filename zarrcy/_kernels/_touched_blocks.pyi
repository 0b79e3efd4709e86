"""Find the blocks of a chunk that hold a byte of a piece, for reading a part of a chunk.

A chunk is cut into blocks of one length. The kernel visits selected elements only, not the elements between them.
`_reference` is the same in NumPy.
"""

from zarrcy._kernels.protocols import ChunkLayout, Plan

def touched_blocks(plan: Plan, number: int, layout: ChunkLayout, block_nbytes: int) -> list[tuple[int, int]]:
    """Return the runs of blocks of a chunk that hold a byte of a piece.

    Parameters
    ----------
    plan : Plan
        The pieces.
    number : int
        Number of the piece.
    layout : ChunkLayout
        Where the elements lie in the chunk.
    block_nbytes : int
        Length of a block, in bytes. The last block of a chunk may be shorter.

    Returns
    -------
    list of tuple of int
        Runs of blocks ``(first, last)`` in ascending order. They hold the blocks ``first <= block < last``.

    Raises
    ------
    ValueError
        If `block_nbytes` is less than 1.
    """
