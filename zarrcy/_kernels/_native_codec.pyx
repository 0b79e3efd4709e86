"""What turns stored bytes into a chunk and back, without the GIL: the codecs that were built in.

A chunk that is odd in any way - a file that can't be read, a frame that does not decode - is refused: the general
way does it again and says what is wrong. `decode.h` decodes, `encode.h` encodes; both with `deflate.h`.
"""

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint32_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from zarrcy._kernels._gather_scatter cimport ChunkLayout
from zarrcy._kernels._plan_outer cimport Plan
from zarrcy._kernels._touched_blocks cimport touch_piece
from zarrcy._kernels._types cimport Blocks, index_t

cnp.import_array()

cdef extern from "crc32c.h":
    void zarrcy_crc32c_init() nogil

cdef extern from "decode.h":
    ctypedef struct zarrcy_decoder:
        pass
    int zarrcy_decode(
        zarrcy_decoder* decoder, int codec, bint checksum, const char* src, size_t n, char* dst, size_t nbytes
    ) nogil
    int zarrcy_check(bint checksum, const char* src, size_t n) nogil
    void zarrcy_decoder_free(zarrcy_decoder* decoder) nogil
    ctypedef struct zarrcy_blosc:
        uint32_t nbytes, block_nbytes, stored, n_blocks
        int copied, shuffle, typesize
    int zarrcy_blosc_open(zarrcy_blosc* frame, const unsigned char* src, size_t n, size_t nbytes) nogil
    int zarrcy_blosc_span(
        const zarrcy_blosc* frame, const unsigned char* src, uint32_t number, uint32_t* start, uint32_t* end
    ) nogil
    int zarrcy_blosc_block(
        zarrcy_decoder* decoder, const zarrcy_blosc* frame, const unsigned char* src, uint32_t number, char* dst
    ) nogil
    int zarrcy_blosc_rows(
        zarrcy_decoder* decoder, const zarrcy_blosc* frame, const unsigned char* src, uint32_t number, char* dst,
        const char** rows
    ) nogil

cdef extern from "deflate.h":
    bint zarrcy_can_deflate(int level) nogil

cdef extern from "encode.h":
    ctypedef struct zarrcy_encoder:
        pass
    ctypedef struct zarrcy_encoding:
        int codec, checksum, level, own_checksum, inner, shuffle, typesize, block_nbytes
    void zarrcy_encoder_free(zarrcy_encoder* encoder) nogil
    index_t zarrcy_encode(
        zarrcy_encoder* encoder, const zarrcy_encoding* encoding, const char* src, size_t n, char* dst, size_t room
    ) nogil

cdef extern from "file_io.h":
    index_t zarrcy_read_all(int fd, char* at, size_t room) nogil
    index_t zarrcy_read_at(int fd, char* at, size_t n, index_t start) nogil
    index_t zarrcy_file_nbytes(int fd) nogil

cdef extern from *:
    """
    #if defined(ZARRCY_CODECS) && (defined(ZARRCY_ARCHIVE) || defined(ZARRCY_LIBDEFLATE))
    #define ZARRCY_BUILT_IN 6
    #elif defined(ZARRCY_CODECS)
    #define ZARRCY_BUILT_IN 4
    #else
    #define ZARRCY_BUILT_IN 1
    #endif
    #if defined(ZARRCY_LIBDEFLATE)
    #define ZARRCY_DEFLATE_LIBRARY "libdeflate"
    #elif defined(ZARRCY_ARCHIVE)
    #define ZARRCY_DEFLATE_LIBRARY "zlib-ng"
    #else
    #define ZARRCY_DEFLATE_LIBRARY ""
    #endif
    """
    int ZARRCY_BUILT_IN
    const char* ZARRCY_DEFLATE_LIBRARY

cdef enum:
    RAW = 0
    BLOSC = 1
    GZIP = 4
    ZLIB = 5
    PAGE = 4096                      # raw chunks are read in part by pages
    GAP = 4                          # as many pages are as cheap to read as one more range
    HEAD = 8192                      # of a Blosc frame: header and offsets of two thousand blocks
    WORTH_PARTS = 65536              # bytes of a chunk from which it is worth to look for parts
    SPARSE = 8                       # one element in so many, or fewer, is picked without unshuffling the others
    RELEASE = 32768                  # bytes from which letting go of the GIL is worth its price
    MOST_TYPESIZE = 255

CODECS = {name: i for i, name in enumerate(("raw", "blosc", "zstd", "lz4", "gzip", "zlib")[:ZARRCY_BUILT_IN])}
DEFLATE_LEVELS = tuple([level for level in range(10) if zarrcy_can_deflate(level)])
DEFLATE_LIBRARY = ZARRCY_DEFLATE_LIBRARY.decode()
INNER = {"lz4": 0, "lz4hc": 1, "zstd": 2}

zarrcy_crc32c_init()


cdef class Workspace:
    """What one thread needs: room for an encoded and a decoded chunk, and the contexts of the codecs."""

    def __cinit__(self, index_t room, index_t nbytes):
        self.room = room
        self.encoded = <char*> malloc(room + 1)
        self.chunk = <char*> malloc(nbytes + 1)
        self.decoder = calloc(1, sizeof(zarrcy_decoder))
        self.encoder = calloc(1, sizeof(zarrcy_encoder))
        if self.encoded == NULL or self.chunk == NULL or self.decoder == NULL or self.encoder == NULL:
            raise MemoryError(f"no memory for a chunk of {nbytes} bytes")

    def __dealloc__(self):
        free(self.encoded)
        free(self.chunk)
        free(self.touched)
        free(self.places)
        if self.decoder != NULL:
            zarrcy_decoder_free(<zarrcy_decoder*> self.decoder)
        if self.encoder != NULL:
            zarrcy_encoder_free(<zarrcy_encoder*> self.encoder)
        free(self.decoder)
        free(self.encoder)


cdef class ChunkCodec:
    """What the chunks of an array are made of. Several threads may use it, each with a workspace of its own."""

    def __cinit__(self, index_t nbytes, index_t itemsize, str codec, bint checksum=False, dict encoding=None):
        cdef zarrcy_encoding* how
        self.nbytes, self.itemsize, self.checksum = nbytes, itemsize, checksum
        self.codec = CODECS[codec]
        self.is_raw = self.codec == RAW and not checksum
        self.idle = []
        if encoding is None:
            return
        how = <zarrcy_encoding*> calloc(1, sizeof(zarrcy_encoding))
        if how == NULL:
            raise MemoryError()
        self.encoding = how
        how.codec, how.checksum = self.codec, checksum
        how.level = encoding.get("level", 0)
        how.own_checksum = encoding.get("checksum", False)
        if self.codec == BLOSC:
            how.inner, how.shuffle = INNER[encoding["cname"]], encoding["shuffle"]
            how.typesize, how.block_nbytes = encoding["typesize"], encoding["blocksize"]
            if not 0 <= how.level <= 9 or not 0 <= how.shuffle <= 2 or how.block_nbytes < 0:
                raise ValueError(f"Blosc can't encode with {encoding}")
        if self.codec in (GZIP, ZLIB) and not zarrcy_can_deflate(how.level):
            raise ValueError(f"deflate can't encode with {encoding}")

    def __dealloc__(self):
        free(self.encoding)

    @property
    def encodes(self):
        return self.encoding != NULL

    cdef Workspace borrow(self):
        """Return a workspace that no other thread has; it is given back by `self.idle.append`."""
        try:
            return self.idle.pop()
        except IndexError:
            return Workspace(self.nbytes + self.nbytes // 8 + 65536, self.nbytes)

    cdef const char* chunk_of(
        self, const Stored* stored, Plan plan, index_t number, ChunkLayout layout, char* target, Workspace space
    ) except? NULL nogil:
        """Decode what a piece wants of a chunk; NULL if that must be done in the general way.

        The chunk lies at `target` where that is given, or else where it takes least: in the workspace, or in its
        stored bytes. Of large chunks there is only what the piece touches, unless a target was given.
        """
        cdef const char* at = stored.base
        cdef index_t n = stored.nbytes
        cdef int parts
        if target == NULL and self.nbytes >= WORTH_PARTS and not self.checksum and self.codec in (RAW, BLOSC):
            if 2 * plan.size_of(number) * self.itemsize <= self.nbytes and (at == NULL or self.codec == BLOSC):
                parts = _read_parts(self, stored, plan, number, layout, space)
                if parts:
                    return space.chunk if parts > 0 else NULL
        if at == NULL and self.is_raw:
            if target == NULL:
                target = space.chunk
            return target if _read(stored, target, self.nbytes) == self.nbytes else NULL
        if at == NULL:
            at = space.encoded
            n = _read(stored, space.encoded, space.room)
            if n < 0 or n > space.room:
                return NULL
        if target == NULL:
            if self.codec == RAW:
                n = zarrcy_check(self.checksum, at, n) if n >= 0 else -1
                return at if n == self.nbytes else NULL
            target = space.chunk
        if zarrcy_decode(<zarrcy_decoder*> space.decoder, self.codec, self.checksum, at, n, target, self.nbytes) != 0:
            return NULL
        return target

    cdef int pick(
        self, const Stored* stored, Plan plan, index_t number, ChunkLayout layout, char* line, index_t step,
        Workspace space
    ) except? -2 nogil:
        """Pick few elements out of a frame of shuffled bytes in memory, without unshuffling the others.

        Returns 1 if that was done, 0 if it is no such chunk, -1 if it is odd.
        """
        cdef zarrcy_blosc frame
        cdef const unsigned char* encoded = <const unsigned char*> stored.base
        cdef index_t n = plan.size_of(number), i, offset, block, nbytes = self.nbytes, needed
        cdef index_t* offsets
        cdef index_t* targets
        cdef const char** rows
        cdef const char** row
        cdef char* at
        cdef int size = <int> layout.itemsize, k
        if self.codec != BLOSC or self.checksum or nbytes < WORTH_PARTS or SPARSE * n * self.itemsize > nbytes:
            return 0
        if layout.itemsize != self.itemsize or size > MOST_TYPESIZE or stored.base == NULL:
            return 0
        if zarrcy_blosc_open(&frame, encoded, stored.nbytes, nbytes) != 0:
            return -1
        if frame.copied or not frame.shuffle or frame.typesize != size or frame.block_nbytes % size:
            return 0
        # offsets and targets of the elements, then pointers to the rows of each block: NULL until it is decoded
        needed = 2 * n + <index_t> frame.n_blocks * size
        if needed > space.n_places:
            free(space.places)
            space.n_places = 0
            space.places = <index_t*> malloc(needed * sizeof(index_t))
            if space.places == NULL:
                with gil:
                    raise MemoryError()
            space.n_places = needed
        offsets, targets = space.places, space.places + n
        rows = <const char**> (space.places + 2 * n)
        memset(rows, 0, <size_t> frame.n_blocks * size * sizeof(index_t))
        plan.list_places(number, layout.offset, layout._strides + layout.ndim, offsets, targets)
        for i in range(n):
            block = offsets[i] // frame.block_nbytes
            offset = (offsets[i] - block * frame.block_nbytes) // size
            row = rows + block * size
            if row[0] == NULL and zarrcy_blosc_rows(
                <zarrcy_decoder*> space.decoder, &frame, encoded, <uint32_t> block,
                space.chunk + block * frame.block_nbytes, row,
            ) != 0:
                return -1
            at = line + targets[i] * step
            for k in range(size):
                at[k] = row[k][offset]
        return 1

    cdef index_t encode_into(self, const char* chunk, Workspace space, const char** encoded) noexcept nogil:
        """Encode a chunk, and return its length and where it is: in the workspace, or where it was; -1 if it fails."""
        if self.encoding == NULL:
            return -1
        if self.is_raw:
            encoded[0] = chunk
            return self.nbytes
        encoded[0] = space.encoded
        return zarrcy_encode(
            <zarrcy_encoder*> space.encoder, <const zarrcy_encoding*> self.encoding, chunk, self.nbytes,
            space.encoded, space.room,
        )

    def encode(self, chunk):
        """Encode the bytes of one chunk; None if that must be done in the general way."""
        cdef Py_buffer view
        cdef Workspace space = self.borrow()
        cdef const char* encoded = NULL
        cdef index_t n = -1
        PyObject_GetBuffer(chunk, &view, PyBUF_SIMPLE)
        try:
            if view.len == self.nbytes and self.encoding != NULL:
                with nogil:
                    n = self.encode_into(<const char*> view.buf, space, &encoded)
            return None if n < 0 else encoded[:n]
        finally:
            PyBuffer_Release(&view)
            self.idle.append(space)


cdef int _mark(
    Plan plan, index_t number, ChunkLayout layout, Workspace space, index_t block, index_t n
) except -1 nogil:
    """Mark the blocks of a chunk that hold a byte of a piece, and return how many they are."""
    cdef Blocks blocks
    cdef index_t k, n_touched = 0
    if n + 1 > space.n_flags:
        free(space.touched)
        space.n_flags = 0
        space.touched = <unsigned char*> malloc(n + 1)
        if space.touched == NULL:
            with gil:
                raise MemoryError()
        space.n_flags = n + 1
    memset(space.touched, 0, n + 1)
    blocks.nbytes, blocks.touched = block, space.touched
    touch_piece(plan, number, layout, &blocks)
    for k in range(n):
        n_touched += space.touched[k]
    return n_touched


cdef int _read_parts(
    ChunkCodec codec, const Stored* stored, Plan plan, index_t number, ChunkLayout layout, Workspace space
) except? -2 nogil:
    """Read what a piece touches of a large chunk to its place in the chunk of the workspace.

    Returns 1 if that was done, 0 if all of it should be read, -1 if the chunk is odd.
    """
    cdef zarrcy_blosc frame
    cdef uint32_t k, start, end
    cdef const unsigned char* encoded = <const unsigned char*> stored.base
    cdef index_t size = stored.nbytes, head, n_blocks, first, last, length
    if size < 0:
        size = zarrcy_file_nbytes(stored.fd)
    if codec.codec == RAW:
        if size != codec.nbytes:
            return -1
        n_blocks = (codec.nbytes + PAGE - 1) // PAGE
        if 2 * _mark(plan, number, layout, space, PAGE, n_blocks) > n_blocks:
            return 0
        first = 0
        while first < n_blocks:
            if not space.touched[first]:
                first += 1
                continue
            last = first + 1
            while last < n_blocks and (space.touched[last] or _is_near(space.touched, last, n_blocks)):
                last += 1
            length = (last * PAGE if last < n_blocks else codec.nbytes) - first * PAGE
            if zarrcy_read_at(
                stored.fd, space.chunk + first * PAGE, length, stored.start + first * PAGE
            ) != length:
                return -1
            first = last
        return 1
    head = HEAD if size > HEAD else size
    if head < 16:
        return -1
    if encoded == NULL:
        encoded = <const unsigned char*> space.encoded
        if size > space.room or zarrcy_read_at(stored.fd, space.encoded, head, stored.start) != head:
            return -1
    if zarrcy_blosc_open(&frame, encoded, size, codec.nbytes) != 0:
        return -1
    if frame.copied or frame.n_blocks < 2:
        return 0
    length = 16 + 4 * <index_t> frame.n_blocks
    if stored.base == NULL and length > head:
        if zarrcy_read_at(stored.fd, space.encoded + head, length - head, stored.start + head) != length - head:
            return -1
    if _mark(plan, number, layout, space, frame.block_nbytes, frame.n_blocks) >= <int> frame.n_blocks:
        return 0
    for k in range(frame.n_blocks):
        if not space.touched[k]:
            continue
        if stored.base == NULL:
            if zarrcy_blosc_span(&frame, encoded, k, &start, &end) != 0:
                return -1
            length = <index_t> end - start
            if zarrcy_read_at(stored.fd, space.encoded + start, length, stored.start + start) != length:
                return -1
        if zarrcy_blosc_block(
            <zarrcy_decoder*> space.decoder, &frame, encoded, k, space.chunk + <index_t> k * frame.block_nbytes
        ) != 0:
            return -1
    return 1


cdef inline index_t _read(const Stored* stored, char* at, index_t room) noexcept nogil:
    """Read all of a stored chunk; more than `room` tells that it is longer."""
    if stored.nbytes < 0:
        return zarrcy_read_all(stored.fd, at, room)
    return zarrcy_read_at(stored.fd, at, stored.nbytes, stored.start) if stored.nbytes <= room else room + 1


cdef inline bint _is_near(const unsigned char* touched, index_t at, index_t n) noexcept nogil:
    """Is one of the next pages wanted, so that it is cheaper to read on than to read again?"""
    cdef index_t k
    for k in range(at + 1, at + 1 + GAP if n - at > GAP + 1 else n):
        if touched[k]:
            return True
    return False


cdef class Decoder:
    """Decodes chunks of one codec that are in memory already."""
    cdef int codec
    cdef bint checksum
    cdef list idle

    def __cinit__(self, str codec, bint checksum=False):
        self.codec, self.checksum = CODECS[codec], checksum
        self.idle = []

    def decode_into(self, data, cnp.ndarray out not None):
        cdef Py_buffer view
        cdef Workspace space
        cdef int failed
        if not cnp.PyArray_IS_C_CONTIGUOUS(out) or not cnp.PyArray_ISWRITEABLE(out):
            raise ValueError("a chunk is decoded to one contiguous run of memory that can be written to")
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            space = self.idle.pop()
        except IndexError:
            space = Workspace(0, 0)
        try:
            if cnp.PyArray_NBYTES(out) >= RELEASE:
                with nogil:
                    failed = zarrcy_decode(
                        <zarrcy_decoder*> space.decoder, self.codec, self.checksum, <const char*> view.buf, view.len,
                        cnp.PyArray_BYTES(out), cnp.PyArray_NBYTES(out),
                    )
            else:
                failed = zarrcy_decode(
                    <zarrcy_decoder*> space.decoder, self.codec, self.checksum, <const char*> view.buf, view.len,
                    cnp.PyArray_BYTES(out), cnp.PyArray_NBYTES(out),
                )
        finally:
            self.idle.append(space)
            PyBuffer_Release(&view)
        return failed == 0


def decode(data, str codec, index_t nbytes, bint checksum=False):
    """Decode one chunk to new memory; None if that can't be done."""
    cdef cnp.ndarray out = cnp.PyArray_EMPTY(1, [<cnp.npy_intp> nbytes], cnp.NPY_UINT8, 0)
    return out if Decoder(codec, checksum).decode_into(data, out) else None
