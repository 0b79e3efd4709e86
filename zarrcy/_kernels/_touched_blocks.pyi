"""Which bytes of a chunk does a piece touch?"""

from zarrcy._kernels.protocols import ChunkLayout, Plan

def touched_blocks(plan: Plan, number: int, layout: ChunkLayout, block_nbytes: int) -> list[tuple[int, int]]:
    """Cut a chunk into blocks of so many bytes, and find those that hold a byte of a piece.

    Returns runs of blocks, ``(first, one behind the last)``, in ascending order.
    """
