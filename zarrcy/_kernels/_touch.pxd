from zarrcy._kernels._copy cimport ChunkLayout
from zarrcy._kernels._split cimport Plan
from zarrcy._kernels._types cimport Blocks, index_t


cdef int touch_piece(Plan plan, index_t number, ChunkLayout layout, Blocks* blocks) except -1 nogil
