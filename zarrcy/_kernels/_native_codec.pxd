from zarrcy._kernels._gather_scatter cimport ChunkLayout
from zarrcy._kernels._plan_outer cimport Plan
from zarrcy._kernels._types cimport index_t


cdef struct Stored:
    const char* base                 # where the bytes of a stored chunk are in memory; NULL: in a file
    int fd
    index_t start                    # in the file
    index_t nbytes                   # -1: all that the file has


cdef class Workspace:
    cdef char* encoded
    cdef index_t room                # for encoded bytes
    cdef char* chunk
    cdef unsigned char* touched      # a flag per block, and one more that is never set
    cdef index_t n_flags
    cdef index_t* places             # of elements that are picked one by one, and the rows of a shuffled block
    cdef index_t n_places
    cdef void* decoder
    cdef void* encoder


cdef class ChunkCodec:
    cdef readonly index_t nbytes
    cdef readonly index_t itemsize
    cdef int codec
    cdef bint checksum
    cdef bint is_raw                 # chunks are stored as they lie in memory
    cdef void* encoding              # how it encodes; NULL if it only decodes
    cdef list idle

    cdef Workspace borrow(self)
    cdef const char* chunk_of(
        self, const Stored* stored, Plan plan, index_t number, ChunkLayout layout, char* target, Workspace space
    ) except? NULL nogil
    cdef int pick(
        self, const Stored* stored, Plan plan, index_t number, ChunkLayout layout, char* line, index_t step,
        Workspace space
    ) except? -2 nogil
    cdef index_t encode_into(self, const char* chunk, Workspace space, const char** encoded) noexcept nogil
