cimport numpy as cnp

from zarrcy._kernels._native_codec cimport ChunkCodec
from zarrcy._kernels._gather_scatter cimport ChunkLayout
from zarrcy._kernels._plan_outer cimport Plan
from zarrcy._kernels._types cimport index_t


cdef struct Sample:
    index_t since_ns
    index_t cpu_ns
    index_t n_waits
    bint by_cpu


cdef class Latency:
    cdef readonly index_t wait_ns
    cdef readonly index_t work_ns
    cdef bint is_suspect

    cdef void begin(self, Sample* sample) noexcept nogil
    cdef bint end(self, Sample* sample, index_t waited_ns) noexcept nogil


cdef class PieceQueue:
    cdef readonly index_t n_places   # number of pieces in the queue
    cdef ChunkCodec codec
    cdef Plan plan
    cdef ChunkLayout layout
    cdef cnp.ndarray array           # result or value
    cdef bytes item
    cdef const char* item_at
    cdef const index_t[::1] numbers  # of the pieces; None if they are consecutive
    cdef bint is_listed              # numbers were given
    cdef index_t first
    cdef index_t following           # the next place that no thread has taken
    cdef index_t step
    cdef bint is_outer
    cdef bint streams                # whether the result is too large for caches
    cdef bint has_lists
    cdef char* line                  # memory and stride of a result that has one axis
    cdef index_t line_step

    cdef index_t number_of(self, index_t place) noexcept nogil
    cdef bint take(self, index_t* first, index_t* last) noexcept nogil
    cdef bint take_one(self, index_t* place) noexcept nogil


cdef class ChunkDir:
    cdef bytes prefix
    cdef bytes separator
    cdef const char* prefix_at       # the same bytes, for use without the GIL
    cdef const char* separator_at
    cdef index_t n_prefix
    cdef index_t n_separator
    cdef readonly Latency reads
    cdef readonly Latency writes
    cdef readonly Latency changes

    cdef char* new_path(self, int ndim, index_t n_more) except NULL
    cdef char* write_path(self, char* path, Plan plan, index_t number) except NULL nogil
