"""The integer and word types that the kernels share."""

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

ctypedef int64_t index_t

cdef enum:
    MAX_NDIM = 64                    # what NumPy 2 can hold; the stack arrays of _copy have this length

# Elements are moved, never interpreted: only their width matters.
ctypedef fused word_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t
