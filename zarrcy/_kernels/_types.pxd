"""Types, constants and small structs that several kernels share."""

from cpython.exc cimport PyErr_CheckSignals
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

ctypedef int64_t index_t

cdef enum:
    # the largest rank that NumPy 2 supports; also the length of arrays on the stack
    MAX_NDIM = 64
    # work on fewer bytes takes less time than releasing and taking the GIL
    RELEASE_GIL_NBYTES = 32768
    # between two stages of the work on a chunk of more bytes, signals are checked
    LOOK_NBYTES = 0x1000000

# Kernels move elements and never interpret them, so only the width matters.
ctypedef fused word_t:
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef inline index_t ceil_div(index_t a, index_t b) noexcept nogil:
    """Return a / b, rounded up; `a` is at least 0."""
    return (a + b - 1) // b


cdef inline size_t room_for(index_t n, index_t size) noexcept nogil:
    """Return how many bytes to allocate for `n` items of `size` bytes each.

    If the host cannot address this length, the allocation of the returned number fails. Without this, a number above
    2^32 would lose its upper bits on hosts of 32 bits.
    """
    cdef index_t most = <index_t> (<size_t> -1 // 2)
    return <size_t> (n * size) if 0 <= n <= most // size else <size_t> -1


cdef inline int look_for_signals(index_t nbytes) except -1 nogil:
    """Run the signal handlers that wait, if this is the main thread, after work on more than a few bytes.

    The caller must own nothing that an exception of a handler would leave behind.
    """
    if nbytes > LOOK_NBYTES:
        with gil:
            PyErr_CheckSignals()
    return 0


# -- blocks of a chunk -----------------------------------------------------------------------------

cdef struct Blocks:
    index_t nbytes                   # length of one block
    unsigned char* touched           # one flag per block: 1 if it holds a wanted byte


cdef inline void mark_run(Blocks* blocks, index_t start, index_t nbytes) noexcept nogil:
    """Mark the blocks of a run of bytes, which is not empty and lies inside the chunk."""
    cdef index_t block
    for block in range(start // blocks.nbytes, (start + nbytes - 1) // blocks.nbytes + 1):
        blocks.touched[block] = 1


# -- odometer: a position that runs over several axes, the last axis fastest -----------------------

cdef struct Track:
    index_t offset                   # of the present position
    index_t strides[MAX_NDIM]
    const index_t* lists[MAX_NDIM]   # per axis: positions, in strides; NULL means 0, 1, 2 ...


cdef struct Odometer:
    int ndim
    index_t counts[MAX_NDIM]         # number of positions along each axis, at least 1
    index_t at[MAX_NDIM]             # present position along each axis
    Track source
    Track target


cdef inline index_t distance(
    const index_t* positions, index_t stride, index_t start, index_t stop
) noexcept nogil:
    """Return the distance between two entries of a list of positions; NULL means 0, 1, 2 ..."""
    return (stop - start if positions == NULL else positions[stop] - positions[start]) * stride


cdef inline bint advance(Odometer* odometer) noexcept nogil:
    """Move to the next position, on axes without lists. False after the last position."""
    cdef int axis = odometer.ndim - 1
    while axis >= 0:
        odometer.at[axis] += 1
        odometer.source.offset += odometer.source.strides[axis]
        odometer.target.offset += odometer.target.strides[axis]
        if odometer.at[axis] < odometer.counts[axis]:
            return True
        odometer.at[axis] = 0
        odometer.source.offset -= odometer.source.strides[axis] * odometer.counts[axis]
        odometer.target.offset -= odometer.target.strides[axis] * odometer.counts[axis]
        axis -= 1
    return False


cdef inline bint advance_listed(Odometer* odometer) noexcept nogil:
    """Move to the next position, on axes with or without lists. False after the last position."""
    cdef index_t i, before
    cdef int axis = odometer.ndim - 1
    cdef Track* source = &odometer.source
    cdef Track* target = &odometer.target
    while axis >= 0:
        before = odometer.at[axis]
        i = before + 1 if before + 1 < odometer.counts[axis] else 0
        odometer.at[axis] = i
        source.offset += distance(source.lists[axis], source.strides[axis], before, i)
        target.offset += distance(target.lists[axis], target.strides[axis], before, i)
        if i:
            return True
        axis -= 1
    return False
