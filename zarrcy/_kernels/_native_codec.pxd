from zarrcy._kernels._chunk_steps cimport Steps
from zarrcy._kernels._gather_scatter cimport ChunkLayout
from zarrcy._kernels._plan_outer cimport Plan
from zarrcy._kernels._types cimport index_t


# an encoded chunk, in memory or in an open file
cdef struct StoredChunk:
    const char* base                 # the bytes in memory; NULL if the chunk is in a file
    int fd
    index_t start                    # offset in the file
    index_t nbytes                   # -1 means the whole file


cdef class Workspace:
    cdef char* encoded
    cdef index_t room                # of `encoded`, in bytes
    cdef char* chunk
    cdef index_t chunk_nbytes        # of `chunk`
    cdef unsigned char* touched      # a flag per block, and one more that is never set
    cdef index_t n_flags
    cdef index_t* places             # of elements that are picked one by one, and the rows of shuffled blocks
    cdef index_t n_places
    cdef char* scratch               # of steps between chunk and codec
    cdef index_t scratch_nbytes
    cdef void* decoder
    cdef void* encoder
    cdef index_t kept_nbytes         # of all memory, while the workspace is idle
    cdef bint is_timed               # reads of whole chunks are timed
    cdef index_t waited_ns           # how much longer they took than a copy in memory

    cdef int reserve(self, index_t room, index_t nbytes, index_t scratch_nbytes) except -1


cdef int give_back(Workspace workspace) except -1


cdef class ChunkCodec:
    cdef readonly index_t nbytes
    cdef readonly index_t itemsize
    cdef int codec
    cdef readonly bint encodes       # whether the codec can encode
    cdef bint has_checksums
    cdef bint has_steps
    cdef bint is_raw                 # chunks are stored as they lie in memory
    cdef bint reads_twice            # the codec reads a byte of a chunk more than once
    cdef void* encoding              # a zarrcy_encoding
    cdef Steps before                # None if there are no steps
    cdef Steps after
    cdef index_t codec_nbytes        # of the bytes that the codec encodes
    cdef index_t most_nbytes         # of a chunk between two steps

    cdef Workspace borrow(self)
    cdef const char* decode_for_piece(
        self, const StoredChunk* stored, Plan plan, index_t number, ChunkLayout layout, char* target,
        Workspace workspace
    ) except? NULL nogil
    cdef const char* decode_with_steps(
        self, const char* at, index_t n, char* target, Workspace workspace
    ) noexcept nogil
    cdef int pick_from_shuffled(
        self, const StoredChunk* stored, Plan plan, index_t number, ChunkLayout layout, char* line, index_t step,
        Workspace workspace
    ) except? -2 nogil
    cdef index_t encode_into(self, const char* chunk, Workspace workspace, const char** encoded) noexcept nogil
