from zarrcy._kernels._gather_scatter cimport ChunkLayout
from zarrcy._kernels._plan_outer cimport Plan
from zarrcy._kernels._types cimport Blocks, index_t


cdef int mark_piece(Plan plan, index_t number, ChunkLayout layout, Blocks* blocks) except -1 nogil
