"""The integer and word types that the kernels share."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

ctypedef int64_t index_t

cdef enum:
    MAX_NDIM = 64                    # what NumPy 2 can hold; the stack arrays of _gather_scatter have this length

# Elements are moved, never interpreted: only their width matters.
ctypedef fused word_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef struct Blocks:
    index_t nbytes                   # of a block; the chunk is cut into blocks of this size
    unsigned char* touched           # per block: is a byte of it wanted?


cdef inline void touch(Blocks* blocks, index_t start, index_t nbytes) noexcept nogil:
    """Mark the blocks of a run of bytes, which is not empty and inside the chunk."""
    cdef index_t block
    for block in range(start // blocks.nbytes, (start + nbytes - 1) // blocks.nbytes + 1):
        blocks.touched[block] = 1
