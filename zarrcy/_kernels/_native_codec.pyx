"""Encode and decode chunks with the built-in codecs, without the GIL.

If a chunk cannot be read or decoded here, the functions only report that. The caller repeats the work on the fallback
path, which raises an error that says what is wrong. `decode.h` decodes, `encode.h` encodes, and both use `deflate.h`.
"""

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from zarrcy._kernels._chunk_steps cimport Steps, parse_checksum
from zarrcy._kernels._gather_scatter cimport ChunkLayout
from zarrcy._kernels._plan_outer cimport Plan
from zarrcy._kernels._touched_blocks cimport mark_piece
from zarrcy._kernels._types cimport RELEASE_GIL_NBYTES, Blocks, index_t, look_for_signals, room_for

cnp.import_array()

cdef extern from "checksums.h":
    ctypedef struct zarrcy_checksum:
        int kind, at_start
        uint32_t seed
    ctypedef struct zarrcy_checksums:
        int n, n_at_start
        zarrcy_checksum each[4]
    void zarrcy_checksums_init() nogil
    index_t zarrcy_take_checksums(
        const zarrcy_checksums* sums, const char* src, size_t n, const char** payload
    ) nogil

cdef extern from "decode.h":
    ctypedef struct zarrcy_decoder:
        pass
    int zarrcy_decode(
        zarrcy_decoder* decoder, int codec, const zarrcy_checksums* sums, const char* src, size_t n, char* dst,
        size_t nbytes
    ) nogil
    void zarrcy_decoder_free(zarrcy_decoder* decoder) nogil
    index_t zarrcy_decoder_nbytes(const zarrcy_decoder* decoder) nogil
    ctypedef struct zarrcy_blosc_frame:
        uint32_t nbytes, block_nbytes, stored, n_blocks
        uint64_t used
        int copied, shuffle, typesize
    int zarrcy_blosc_read_header(zarrcy_blosc_frame* frame, const unsigned char* src, size_t n, size_t nbytes) nogil
    int zarrcy_blosc_sort_starts(const zarrcy_blosc_frame* frame, const unsigned char* src, uint32_t* sorted) nogil
    int zarrcy_blosc_block_span(
        const zarrcy_blosc_frame* frame, const unsigned char* src, const uint32_t* sorted, uint32_t number,
        uint32_t* start, uint32_t* end
    ) nogil
    int zarrcy_blosc_decode_block(
        zarrcy_decoder* decoder, zarrcy_blosc_frame* frame, const unsigned char* src, uint32_t number, char* dst
    ) nogil
    int zarrcy_blosc_decode_rows(
        zarrcy_decoder* decoder, zarrcy_blosc_frame* frame, const unsigned char* src, uint32_t number, char* dst,
        const char** rows
    ) nogil

cdef extern from "deflate.h":
    bint zarrcy_can_deflate(int level) nogil

cdef extern from "encode.h":
    ctypedef struct zarrcy_encoder:
        pass
    ctypedef struct zarrcy_encoding:
        int codec, level, own_checksum, inner, shuffle, typesize, block_nbytes
        zarrcy_checksums sums
    void zarrcy_encoder_free(zarrcy_encoder* encoder) nogil
    index_t zarrcy_encoder_nbytes(const zarrcy_encoder* encoder) nogil
    index_t zarrcy_encode(
        zarrcy_encoder* encoder, const zarrcy_encoding* encoding, const char* src, size_t n, char* dst, size_t room
    ) nogil

cdef extern from "file_io.h":
    index_t zarrcy_read_all(int fd, char* at, size_t room) nogil
    index_t zarrcy_read_at(int fd, char* at, size_t n, index_t start) nogil
    index_t zarrcy_file_nbytes(int fd) nogil
    index_t zarrcy_now_ns() nogil

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

cdef extern from *:
    """
    /* In the archive, the function that returns the version would add all of C-Blosc2, and plugins, to this module. */
    #if defined(ZARRCY_ARCHIVE)
    #define ZARRCY_BLOSC_VERSION BLOSC2_VERSION_STRING
    #else
    #define ZARRCY_BLOSC_VERSION blosc2_get_version_string()
    #endif

    /* Set the name and the version of a library that this build uses; return 0 after the last one. */
    static int zarrcy_library(int i, const char **name, const char **version) {
        switch (i) {
    #ifdef ZARRCY_CODECS
        case 0: *name = "C-Blosc2", *version = ZARRCY_BLOSC_VERSION; return 1;
        case 1: *name = "BloscLZ", *version = NULL; return 1;
        case 2: *name = "bitshuffle", *version = NULL; return 1;
        case 3: *name = "LZ4", *version = LZ4_versionString(); return 1;
        case 4: *name = "Zstandard", *version = ZSTD_versionString(); return 1;
        case 5:
    #ifdef ZARRCY_ARCHIVE
            *name = "zlib-ng", *version = zlibng_version(); return 1;
        case 6:
    #endif
    #ifdef ZARRCY_LIBDEFLATE
            *name = "libdeflate", *version = LIBDEFLATE_VERSION_STRING; return 1;
    #endif
    #endif
        default: return 0;
        }
    }
    """
    int zarrcy_library(int i, const char** name, const char** version)

cdef enum:
    RAW = 0
    BLOSC = 1
    GZIP = 4
    ZLIB = 5
    PAGE = 4096                      # a part of a raw chunk is a number of pages
    # reading this many unwanted pages costs no more than one more system call
    GAP_PAGES = 4
    BLOSC_HEADER = 16
    # read first of a Blosc frame: the header, and the offsets of two thousand blocks
    HEAD_NBYTES = 8192
    # reading all of a smaller chunk costs no more than finding the parts that a piece touches
    PARTS_MIN_NBYTES = 65536
    # if at most one element in this many is wanted, elements are picked one by one from shuffled bytes
    SPARSE = 8
    MOST_TYPESIZE = 255
    MOST_CHECKSUMS = 4
    STEP_SLACK = 64                  # bytes between the places of steps
    # most workspaces that wait for the next call, and most bytes of them: enough for the threads of a large machine,
    # or for four threads with chunks of 16 MiB
    MOST_IDLE = 128
    MOST_IDLE_NBYTES = 160 * 1024 * 1024
    # workspaces that were not needed while this many were given back are freed, so that the memory of many threads
    # is not kept for the few that come later
    IDLE_PERIOD = 1024
    # outcomes of an attempt to decode a part of a chunk
    FAILED = -1                      # the fallback path must decode the chunk
    WHOLE = 0                        # nothing was done: decode the whole chunk
    DONE = 1

CODECS = {name: i for i, name in enumerate(("raw", "blosc", "zstd", "lz4", "gzip", "zlib")[:ZARRCY_BUILT_IN])}
DEFLATE_LEVELS = tuple([level for level in range(10) if zarrcy_can_deflate(level)])
DEFLATE_LIBRARY = ZARRCY_DEFLATE_LIBRARY.decode()
INNER = {"lz4": 0, "lz4hc": 1, "zstd": 2}
if ZARRCY_BUILT_IN > ZLIB and DEFLATE_LEVELS == tuple(range(10)):
    INNER["zlib"] = 3

zarrcy_checksums_init()


def libraries():
    """Return the version of each library that this module uses, by name.

    BloscLZ and bitshuffle are parts of C-Blosc2.
    """
    cdef const char* name = NULL
    cdef const char* version = NULL
    cdef int i = 0
    found = {}
    while zarrcy_library(i, &name, &version):
        found[name.decode()] = version.decode() if version != NULL else found["C-Blosc2"]
        i += 1
    return found


cdef class Workspace:
    """The memory of one thread: an encoded chunk, a decoded chunk, and the state of the codecs."""

    def __cinit__(self):
        self.room = self.chunk_nbytes = -1
        self.decoder = calloc(1, sizeof(zarrcy_decoder))
        self.encoder = calloc(1, sizeof(zarrcy_encoder))
        if self.decoder == NULL or self.encoder == NULL:
            raise MemoryError("cannot allocate memory for the state of a codec")

    cdef int reserve(self, index_t room, index_t nbytes, index_t scratch_nbytes) except -1:
        """Make room for an encoded chunk of `room` bytes, a decoded one of `nbytes`, and steps. What they hold is lost.

        Steps between chunk and codec have three places of `scratch_nbytes`; 0 if there are no steps.
        """
        if self.room < room:
            free(self.encoded)
            self.room = -1
            self.encoded = <char*> malloc(room_for(room + 1, 1))
            if self.encoded == NULL:
                raise MemoryError(f"cannot allocate memory for an encoded chunk of {room} bytes")
            self.room = room
        if self.chunk_nbytes < nbytes:
            free(self.chunk)
            self.chunk_nbytes = -1
            self.chunk = <char*> malloc(room_for(nbytes + 1, 1))
            if self.chunk == NULL:
                raise MemoryError(f"cannot allocate memory for a chunk of {nbytes} bytes")
            self.chunk_nbytes = nbytes
        if self.scratch_nbytes < 3 * scratch_nbytes:
            free(self.scratch)
            self.scratch_nbytes = 0
            self.scratch = <char*> malloc(room_for(scratch_nbytes, 3))
            if self.scratch == NULL:
                raise MemoryError(f"cannot allocate memory for the steps of a chunk of {nbytes} bytes")
            self.scratch_nbytes = 3 * scratch_nbytes
        return 0

    def __dealloc__(self):
        free(self.encoded)
        free(self.chunk)
        free(self.touched)
        free(self.places)
        free(self.scratch)
        if self.decoder != NULL:
            zarrcy_decoder_free(<zarrcy_decoder*> self.decoder)
        if self.encoder != NULL:
            zarrcy_encoder_free(<zarrcy_encoder*> self.encoder)
        free(self.decoder)
        free(self.encoder)


# Workspaces that wait for the next call, of whatever array; one list for the process, so that memory does not grow with
# the number of open arrays. The GIL protects it.
cdef list _idle = []
cdef index_t _idle_nbytes = 0
# How many workspaces at the start of the list were not needed in this period, and how many were given back in it.
cdef index_t _n_unneeded = 0
cdef index_t _n_given_back = 0


cdef Workspace _borrow(index_t room, index_t nbytes, index_t scratch_nbytes):
    """Return a workspace for one thread. The caller gives it back with `give_back`."""
    global _idle_nbytes, _n_unneeded
    cdef Workspace workspace
    try:
        workspace = _idle.pop()
    except IndexError:
        workspace = Workspace()
    if len(_idle) < _n_unneeded:
        _n_unneeded = len(_idle)
    _idle_nbytes -= workspace.kept_nbytes
    workspace.kept_nbytes = 0
    workspace.reserve(room, nbytes, scratch_nbytes)
    return workspace


cdef int give_back(Workspace workspace) except -1:
    """Keep a workspace for the next call, unless many bytes are kept already. The caller must not use it any more."""
    global _idle_nbytes, _n_unneeded, _n_given_back
    cdef Workspace unneeded
    cdef index_t nbytes = (
        workspace.room + workspace.chunk_nbytes + workspace.scratch_nbytes + workspace.n_flags
        + workspace.n_places * <index_t> sizeof(index_t)
        + zarrcy_decoder_nbytes(<const zarrcy_decoder*> workspace.decoder)
        + zarrcy_encoder_nbytes(<const zarrcy_encoder*> workspace.encoder)
    )
    if len(_idle) < MOST_IDLE and _idle_nbytes + nbytes <= MOST_IDLE_NBYTES:
        _idle_nbytes += nbytes
        workspace.kept_nbytes = nbytes
        _idle.append(workspace)
    _n_given_back += 1
    if _n_given_back >= IDLE_PERIOD:
        for unneeded in _idle[:_n_unneeded]:
            _idle_nbytes -= unneeded.kept_nbytes
        del _idle[:_n_unneeded]
        _n_given_back, _n_unneeded = 0, len(_idle)
    return 0


cdef class ChunkCodec:
    """Encodes and decodes the chunks of an array. Several threads may use it at once.

    Parameters
    ----------
    nbytes : int
        Length of a decoded chunk.
    itemsize : int
        Length of an element, in bytes.
    codec : str
        A key of `CODECS`.
    checksums : tuple of tuple, optional
        The checksums of each encoded chunk, in the order of encoding: name, "start" or "end", and seed.
    encoding : dict, optional
        The parameters for encoding: "level"; "checksum" for Zstandard; "cname", "shuffle", "typesize" and "blocksize"
        for Blosc. Without it, the codec only decodes.
    before, after : Steps, optional
        What changes a chunk before it is encoded, and after it is decoded.

    Raises
    ------
    ValueError
        If the codec cannot encode with these parameters, or the steps do not fit together.
    """

    def __cinit__(
        self, index_t nbytes, index_t itemsize, str codec, tuple checksums=(), dict encoding=None,
        Steps before=None, Steps after=None
    ):
        cdef zarrcy_encoding* parameters
        self.nbytes, self.itemsize = nbytes, itemsize
        self.codec = CODECS[codec]
        self.before, self.after, self.has_steps = before, after, after is not None
        self.codec_nbytes = after.nbytes_in if self.has_steps else nbytes
        self.most_nbytes = after.most_nbytes if self.has_steps else nbytes
        if self.has_steps and (
            after.nbytes_out != nbytes or before is None or before.nbytes_in != nbytes
            or before.nbytes_out != self.codec_nbytes
        ):
            raise ValueError(f"these steps do not change chunks of {nbytes} bytes and change them back")
        if self.has_steps and before.most_nbytes > self.most_nbytes:
            self.most_nbytes = before.most_nbytes
        parameters = <zarrcy_encoding*> calloc(1, sizeof(zarrcy_encoding))
        if parameters == NULL:
            raise MemoryError()
        self.encoding = parameters
        parameters.codec = self.codec
        _parse_checksums(&parameters.sums, checksums)
        self.has_checksums = parameters.sums.n > 0
        self.is_raw = self.codec == RAW and not self.has_checksums and not self.has_steps
        self.encodes = encoding is not None
        # a difference reads each number twice
        self.reads_twice = self.codec != RAW or self.has_steps
        if encoding is None:
            return
        parameters.level = encoding.get("level", 0)
        parameters.own_checksum = encoding.get("checksum", False)
        if self.codec == BLOSC:
            parameters.inner, parameters.shuffle = INNER[encoding["cname"]], encoding["shuffle"]
            parameters.typesize, parameters.block_nbytes = encoding["typesize"], encoding["blocksize"]
            # the shuffle moves each block to memory of its own
            self.reads_twice = self.has_steps or parameters.shuffle != 1 or not 1 < parameters.typesize < 256
            if not 0 <= parameters.level <= 9 or not 0 <= parameters.shuffle <= 2 or parameters.block_nbytes < 0:
                raise ValueError(f"Blosc cannot encode with {encoding}")
        if self.codec in (GZIP, ZLIB) and not zarrcy_can_deflate(parameters.level):
            raise ValueError(f"{codec} cannot encode with {encoding} in this build")

    def __dealloc__(self):
        free(self.encoding)

    cdef Workspace borrow(self):
        """Return a workspace for one thread and a chunk. The caller gives it back with `give_back`."""
        cdef index_t most = self.most_nbytes
        return _borrow(most + most // 8 + 65536, self.nbytes, most + STEP_SLACK if self.has_steps else 0)

    cdef const char* decode_for_piece(
        self, const StoredChunk* stored, Plan plan, index_t number, ChunkLayout layout, char* target,
        Workspace workspace
    ) except? NULL nogil:
        """Return a decoded chunk, or NULL if the fallback path must decode it.

        The chunk is decoded to `target`. If that is NULL, it may be anywhere: in the workspace, or in its stored bytes;
        and only the parts that the piece touches may be decoded.
        """
        cdef const char* at = stored.base
        cdef index_t n = stored.nbytes
        cdef int parts
        if target == NULL and self.nbytes >= PARTS_MIN_NBYTES and not (self.has_checksums or self.has_steps) and (
            self.codec in (RAW, BLOSC)
        ):
            if 2 * plan.size_of(number) * self.itemsize <= self.nbytes and (at == NULL or self.codec == BLOSC):
                if self.codec == RAW:
                    parts = _read_pages(self, stored, plan, number, layout, workspace)
                else:
                    parts = _read_blosc_blocks(self, stored, plan, number, layout, workspace)
                if parts != WHOLE:
                    return workspace.chunk if parts == DONE else NULL
        if at == NULL and self.is_raw:
            if target == NULL:
                target = workspace.chunk
            if workspace.is_timed:
                n = _read_timed(stored, target, self.nbytes, workspace)
            else:
                n = _read(stored, target, self.nbytes)
            return target if n == self.nbytes else NULL
        if at == NULL:
            at = workspace.encoded
            if workspace.is_timed:
                n = _read_timed(stored, workspace.encoded, workspace.room, workspace)
            else:
                n = _read(stored, workspace.encoded, workspace.room)
            if n < 0 or n > workspace.room:
                return NULL
            look_for_signals(n)
        if self.has_steps:
            return self.decode_with_steps(at, n, workspace.chunk if target == NULL else target, workspace)
        if target == NULL:
            if self.codec == RAW:
                if n >= 0 and self.has_checksums:
                    n = zarrcy_take_checksums(&(<zarrcy_encoding*> self.encoding).sums, at, n, &at)
                return at if n == self.nbytes else NULL
            target = workspace.chunk
        if zarrcy_decode(
            <zarrcy_decoder*> workspace.decoder, self.codec, &(<zarrcy_encoding*> self.encoding).sums, at, n, target,
            self.nbytes,
        ) != 0:
            return NULL
        return target

    cdef const char* decode_with_steps(
        self, const char* at, index_t n, char* target, Workspace workspace
    ) noexcept nogil:
        """Decode `n` stored bytes to a chunk at `target`, with the steps after it. Returns `target`, or NULL."""
        cdef char* places[3]
        cdef const zarrcy_checksums* sums = &(<zarrcy_encoding*> self.encoding).sums
        places[0], places[1] = target, workspace.scratch
        places[2] = workspace.scratch + self.most_nbytes + STEP_SLACK
        if self.codec == RAW:
            if sums.n:
                n = zarrcy_take_checksums(sums, at, n, &at)
            if n != self.codec_nbytes:
                return NULL
        else:
            if zarrcy_decode(
                <zarrcy_decoder*> workspace.decoder, self.codec, sums, at, n, places[self.after.first_place],
                self.codec_nbytes,
            ) != 0:
                return NULL
            at = places[self.after.first_place]
        return target if self.after.run(at, places) == 0 else NULL

    cdef int pick_from_shuffled(
        self, const StoredChunk* stored, Plan plan, index_t number, ChunkLayout layout, char* line, index_t step,
        Workspace workspace
    ) except? -2 nogil:
        """Move a few elements from a Blosc frame of shuffled bytes in memory to a line, without unshuffling the others.

        Returns DONE; WHOLE if the chunk must be decoded instead; FAILED if the fallback path must decode it.
        """
        cdef zarrcy_blosc_frame frame
        cdef const unsigned char* encoded = <const unsigned char*> stored.base
        cdef index_t n = plan.size_of(number), i, offset, block, nbytes = self.nbytes, needed
        cdef index_t* offsets
        cdef index_t* targets
        cdef const char** rows
        cdef const char** row
        cdef char* at
        cdef int size = <int> layout.itemsize, k
        if self.codec != BLOSC or nbytes < PARTS_MIN_NBYTES or SPARSE * n * self.itemsize > nbytes:
            return WHOLE
        if self.has_checksums or self.has_steps:
            return WHOLE
        if layout.itemsize != self.itemsize or size > MOST_TYPESIZE or stored.base == NULL:
            return WHOLE
        if zarrcy_blosc_read_header(&frame, encoded, stored.nbytes, nbytes) != 0:
            return FAILED
        if frame.copied or not frame.shuffle or frame.typesize != size or frame.block_nbytes % size:
            return WHOLE
        # offsets and targets of the elements, then pointers to the rows of each block; NULL if it is not decoded yet
        needed = 2 * n + <index_t> frame.n_blocks * size
        _reserve_places(workspace, needed)
        offsets, targets = workspace.places, workspace.places + n
        rows = <const char**> (workspace.places + 2 * n)
        memset(rows, 0, <size_t> frame.n_blocks * size * sizeof(index_t))
        plan.list_places(number, layout.offset, layout._strides + layout.ndim, offsets, targets)
        for i in range(n):
            block = offsets[i] // frame.block_nbytes
            offset = (offsets[i] - block * frame.block_nbytes) // size
            row = rows + block * size
            if row[0] == NULL and zarrcy_blosc_decode_rows(
                <zarrcy_decoder*> workspace.decoder, &frame, encoded, <uint32_t> block,
                workspace.chunk + block * frame.block_nbytes, row,
            ) != 0:
                return FAILED
            at = line + targets[i] * step
            for k in range(size):
                at[k] = row[k][offset]
        return DONE

    cdef index_t encode_into(self, const char* chunk, Workspace workspace, const char** encoded) noexcept nogil:
        """Encode a chunk. Returns its encoded length, or -1.

        `encoded` is set to the encoded bytes: in the workspace or, for a raw codec, those of the chunk itself.
        """
        cdef char* places[3]
        cdef const zarrcy_encoding* encoding = <const zarrcy_encoding*> self.encoding
        if not self.encodes:
            return -1
        if self.is_raw:
            encoded[0] = chunk
            return self.nbytes
        encoded[0] = workspace.encoded
        if self.has_steps:
            places[0] = workspace.scratch
            if self.codec == RAW:
                # the last step leaves the chunk where it is stored from
                places[0] = workspace.encoded + 4 * encoding.sums.n_at_start
            places[1] = workspace.scratch + self.most_nbytes + STEP_SLACK
            places[2] = places[1] + self.most_nbytes + STEP_SLACK
            if self.before.run(chunk, places) != 0:
                return -1
            chunk = places[0]
        return zarrcy_encode(
            <zarrcy_encoder*> workspace.encoder, encoding, chunk, self.codec_nbytes, workspace.encoded, workspace.room
        )

    def encode(self, chunk):
        """Return the encoded bytes of one chunk; None if the fallback path must encode it."""
        cdef Py_buffer view
        cdef Workspace workspace = self.borrow()
        cdef const char* encoded = NULL
        cdef index_t n = -1
        PyObject_GetBuffer(chunk, &view, PyBUF_SIMPLE)
        try:
            if view.len == self.nbytes and self.encodes:
                with nogil:
                    n = self.encode_into(<const char*> view.buf, workspace, &encoded)
            return None if n < 0 else encoded[:n]
        finally:
            PyBuffer_Release(&view)
            give_back(workspace)


cdef int _parse_checksums(zarrcy_checksums* sums, tuple checksums) except -1:
    cdef bint at_start = False
    cdef zarrcy_checksum* each
    if len(checksums) > MOST_CHECKSUMS:
        raise ValueError(f"{len(checksums)} checksums; a chunk has at most {MOST_CHECKSUMS}")
    for checksum in checksums:
        each = &sums.each[sums.n]
        parse_checksum(checksum, &each.kind, &at_start, &each.seed)
        each.at_start = at_start
        sums.n += 1
        sums.n_at_start += at_start
    return 0


cdef int _reserve_places(Workspace workspace, index_t n) except -1 nogil:
    """Make room for `n` integers in `workspace.places`."""
    if n > workspace.n_places:
        free(workspace.places)
        workspace.n_places = 0
        workspace.places = <index_t*> malloc(room_for(n, sizeof(index_t)))
        if workspace.places == NULL:
            with gil:
                raise MemoryError()
        workspace.n_places = n
    return 0


cdef index_t _count_touched(
    Plan plan, index_t number, ChunkLayout layout, Workspace workspace, index_t block_nbytes, index_t n_blocks
) except -1 nogil:
    """Mark the blocks of a chunk that hold a byte of a piece in `workspace.touched`, and return their number."""
    cdef Blocks blocks
    cdef index_t k, n_touched = 0
    if n_blocks + 1 > workspace.n_flags:
        free(workspace.touched)
        workspace.n_flags = 0
        workspace.touched = <unsigned char*> malloc(room_for(n_blocks + 1, 1))
        if workspace.touched == NULL:
            with gil:
                raise MemoryError()
        workspace.n_flags = n_blocks + 1
    memset(workspace.touched, 0, n_blocks + 1)
    blocks.nbytes, blocks.touched = block_nbytes, workspace.touched
    mark_piece(plan, number, layout, &blocks)
    for k in range(n_blocks):
        n_touched += workspace.touched[k]
    return n_touched


cdef int _read_pages(
    ChunkCodec codec, const StoredChunk* stored, Plan plan, index_t number, ChunkLayout layout, Workspace workspace
) except? -2 nogil:
    """Read the pages of a raw chunk in a file that a piece touches, each to its place in the chunk of the workspace.

    Returns DONE, WHOLE or FAILED.
    """
    cdef index_t n_pages = (codec.nbytes + PAGE - 1) // PAGE, first = 0, last, length
    cdef index_t nbytes = stored.nbytes if stored.nbytes >= 0 else zarrcy_file_nbytes(stored.fd)
    if nbytes != codec.nbytes:
        return FAILED
    if 2 * _count_touched(plan, number, layout, workspace, PAGE, n_pages) > n_pages:
        return WHOLE
    while first < n_pages:
        if not workspace.touched[first]:
            first += 1
            continue
        last = first + 1
        while last < n_pages and (workspace.touched[last] or _is_near(workspace.touched, last, n_pages)):
            last += 1
        length = (last * PAGE if last < n_pages else codec.nbytes) - first * PAGE
        if zarrcy_read_at(
            stored.fd, workspace.chunk + first * PAGE, length, stored.start + first * PAGE
        ) != length:
            return FAILED
        first = last
    return DONE


cdef inline bint _is_near(const unsigned char* touched, index_t at, index_t n) noexcept nogil:
    """Return whether one of the next pages is wanted, so that reading on costs less than another system call."""
    cdef index_t k
    for k in range(at + 1, at + 1 + GAP_PAGES if n - at > GAP_PAGES + 1 else n):
        if touched[k]:
            return True
    return False


cdef int _read_blosc_blocks(
    ChunkCodec codec, const StoredChunk* stored, Plan plan, index_t number, ChunkLayout layout, Workspace workspace
) except? -2 nogil:
    """Decode the blocks of a Blosc frame that a piece touches, each to its place in the chunk of the workspace.

    Of a frame in a file, only the header and these blocks are read. Returns DONE, WHOLE or FAILED.
    """
    cdef zarrcy_blosc_frame frame
    cdef uint32_t k, start, end
    cdef uint32_t frame_nbytes
    cdef uint32_t* sorted = NULL
    cdef const unsigned char* encoded = <const unsigned char*> stored.base
    cdef index_t length
    if not _read_blosc_header(codec, stored, workspace, &frame):
        return FAILED
    frame_nbytes = frame.stored
    if frame.copied or frame.n_blocks < 2:
        return WHOLE
    if encoded == NULL:
        encoded = <const unsigned char*> workspace.encoded
        length = BLOSC_HEADER + 4 * <index_t> frame.n_blocks
        if length > HEAD_NBYTES and zarrcy_read_at(
            stored.fd, workspace.encoded + HEAD_NBYTES, length - HEAD_NBYTES, stored.start + HEAD_NBYTES
        ) != length - HEAD_NBYTES:
            return FAILED
    if _count_touched(plan, number, layout, workspace, frame.block_nbytes, frame.n_blocks) >= frame.n_blocks:
        return WHOLE
    if stored.base == NULL:
        _reserve_places(workspace, frame.n_blocks)
        sorted = <uint32_t*> workspace.places
        if zarrcy_blosc_sort_starts(&frame, encoded, sorted) != 0:
            return FAILED
    for k in range(frame.n_blocks):
        if not workspace.touched[k]:
            continue
        if stored.base == NULL:
            if zarrcy_blosc_block_span(&frame, encoded, sorted, k, &start, &end) != 0:
                return FAILED
            # the streams of a block must be in the bytes that were read
            frame.stored, frame.used = end, 0
            length = <index_t> end - start
            if zarrcy_read_at(stored.fd, workspace.encoded + start, length, stored.start + start) != length:
                return FAILED
        if zarrcy_blosc_decode_block(
            <zarrcy_decoder*> workspace.decoder, &frame, encoded, k,
            workspace.chunk + <index_t> k * frame.block_nbytes,
        ) != 0:
            return FAILED
        frame.stored = frame_nbytes
    return DONE


cdef bint _read_blosc_header(
    ChunkCodec codec, const StoredChunk* stored, Workspace workspace, zarrcy_blosc_frame* frame
) noexcept nogil:
    """Read and check the header of a Blosc frame. If the frame is in a file, read its head to the workspace."""
    cdef const char* encoded = stored.base
    cdef index_t nbytes = stored.nbytes, head
    if nbytes < 0:
        nbytes = zarrcy_file_nbytes(stored.fd)
    head = HEAD_NBYTES if nbytes > HEAD_NBYTES else nbytes
    if head < BLOSC_HEADER:
        return False
    if encoded == NULL:
        encoded = workspace.encoded
        if nbytes > workspace.room or zarrcy_read_at(stored.fd, workspace.encoded, head, stored.start) != head:
            return False
    return zarrcy_blosc_read_header(frame, <const unsigned char*> encoded, nbytes, codec.nbytes) == 0


cdef index_t _read_timed(const StoredChunk* stored, char* at, index_t room, Workspace workspace) noexcept nogil:
    """Read all of a stored chunk as `_read`, and add up how long the thread waits for it."""
    cdef index_t start = zarrcy_now_ns()
    cdef index_t n = _read(stored, at, room)
    # copies in memory, with the first use of each page of the target, take less than a nanosecond per byte
    workspace.waited_ns += zarrcy_now_ns() - start - (n if n > 0 else 0)
    return n


cdef inline index_t _read(const StoredChunk* stored, char* at, index_t room) noexcept nogil:
    """Read all of a stored chunk in a file. Returns its length, which is more than `room` if it does not fit, or -1."""
    if stored.nbytes < 0:
        return zarrcy_read_all(stored.fd, at, room)
    return zarrcy_read_at(stored.fd, at, stored.nbytes, stored.start) if stored.nbytes <= room else room + 1


cdef class Decoder:
    """Decodes chunks in memory, with one codec. Several threads may use it at once.

    Parameters
    ----------
    codec : str
        A key of `CODECS`.
    checksum : bool, optional
        Whether a CRC-32C follows each chunk.
    """
    cdef int codec
    cdef zarrcy_checksums sums

    def __cinit__(self, str codec, bint checksum=False):
        self.codec, self.sums.n = CODECS[codec], 0
        _parse_checksums(&self.sums, (("crc32c", "end", 0),) if checksum else ())

    cdef int decode_view(self, const Py_buffer* view, Workspace workspace, char* out, index_t nbytes) noexcept nogil:
        return zarrcy_decode(
            <zarrcy_decoder*> workspace.decoder, self.codec, &self.sums, <const char*> view.buf, view.len, out, nbytes
        )

    def decode_into(self, data, cnp.ndarray out not None):
        """Decode a chunk to memory of the right length.

        Parameters
        ----------
        data : buffer
            The encoded chunk.
        out : ndarray
            Contiguous and writable memory, as long as the decoded chunk.

        Returns
        -------
        bool
            False if the chunk does not decode to this length. The content of `out` is undefined then.
        """
        cdef Py_buffer view
        cdef Workspace workspace
        cdef int failed
        if not cnp.PyArray_IS_C_CONTIGUOUS(out) or not cnp.PyArray_ISWRITEABLE(out):
            raise ValueError("out must be contiguous and writable")
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            workspace = _borrow(0, 0, 0)
        except BaseException:
            PyBuffer_Release(&view)
            raise
        try:
            if cnp.PyArray_NBYTES(out) >= RELEASE_GIL_NBYTES:
                with nogil:
                    failed = self.decode_view(&view, workspace, cnp.PyArray_BYTES(out), cnp.PyArray_NBYTES(out))
            else:
                failed = self.decode_view(&view, workspace, cnp.PyArray_BYTES(out), cnp.PyArray_NBYTES(out))
        finally:
            give_back(workspace)
            PyBuffer_Release(&view)
        return failed == 0


def decode(data, str codec, index_t nbytes, bint checksum=False):
    """Return the `nbytes` bytes of a decoded chunk; None if it does not decode to this length."""
    cdef cnp.ndarray out
    if <index_t> <cnp.npy_intp> nbytes != nbytes:
        raise MemoryError(f"a chunk of {nbytes} bytes is larger than the memory of this host can be")
    out = cnp.PyArray_EMPTY(1, [<cnp.npy_intp> nbytes], cnp.NPY_UINT8, 0)
    return out if Decoder(codec, checksum).decode_into(data, out) else None
