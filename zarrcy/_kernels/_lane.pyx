"""The native lane: open, read, decode and scatter for many chunks in one call, without the GIL.

A lane knows one kind of chunks in one directory. Several threads may run it for the same job: they take
piece numbers from a common counter, and each has a workspace of its own, so nothing is allocated per
chunk. A piece that is odd in any way - a file that can't be read, a frame that does not decode - is left to
the general way, which does it again and says what is wrong.
"""

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.errno cimport ENOENT, ENOTDIR, errno
from libc.stdint cimport uint32_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

from zarrcy._kernels._copy cimport (
    ChunkLayout,
    Side,
    check_layout,
    check_outer,
    fill_box,
    line_of,
    move_piece,
    place_outer,
    whole_run,
)
from zarrcy._kernels._split cimport OuterPlan, Plan, write_number
from zarrcy._kernels._touch cimport touch_piece
from zarrcy._kernels._types cimport MAX_NDIM, Blocks, index_t

cnp.import_array()

cdef extern from "crc32c.h":
    void zarrcy_crc32c_init() nogil

cdef extern from "frames.h":
    ctypedef struct zarrcy_decoder:
        pass
    int zarrcy_decode(
        zarrcy_decoder* decoder, int codec, bint checksum, const char* src, size_t n, char* dst, size_t nbytes
    ) nogil
    void zarrcy_decoder_free(zarrcy_decoder* decoder) nogil
    ctypedef struct zarrcy_blosc:
        uint32_t nbytes, block_nbytes, stored, n_blocks
        int copied
    int zarrcy_blosc_open(zarrcy_blosc* frame, const unsigned char* src, size_t n, size_t nbytes) nogil
    int zarrcy_blosc_span(
        const zarrcy_blosc* frame, const unsigned char* src, uint32_t number, uint32_t* start, uint32_t* end
    ) nogil
    int zarrcy_blosc_block(
        zarrcy_decoder* decoder, const zarrcy_blosc* frame, const unsigned char* src, uint32_t number, char* dst
    ) nogil

cdef extern from *:
    """
    #include <fcntl.h>
    #include <sys/stat.h>
    #include <sys/uio.h>
    #include <unistd.h>

    static int64_t zarrcy_take(int64_t *counter, int64_t step) {
        return __atomic_fetch_add(counter, step, __ATOMIC_RELAXED);
    }

    /* Read a whole file; one byte more than fits tells that it is longer. */
    static int64_t zarrcy_read_all(int fd, char *at, size_t room) {
        char more;
        struct iovec parts[2] = {{at, room}, {&more, 1}};
        return readv(fd, parts, 2);
    }

    static int64_t zarrcy_file_nbytes(int fd) {
        struct stat status;
        return fstat(fd, &status) == 0 && S_ISREG(status.st_mode) ? (int64_t) status.st_size : -1;
    }

    #if defined(ZARRCY_ARCHIVE)
    #define ZARRCY_BUILT_IN 6
    #elif defined(ZARRCY_CODECS)
    #define ZARRCY_BUILT_IN 4
    #else
    #define ZARRCY_BUILT_IN 1
    #endif
    """
    index_t zarrcy_take(index_t* counter, index_t step) nogil
    index_t zarrcy_read_all(int fd, char* at, size_t room) nogil
    index_t zarrcy_file_nbytes(int fd) nogil
    index_t pread(int fd, void* at, size_t nbytes, index_t start) nogil
    int c_open "open"(const char* path, int flags) nogil
    int c_close "close"(int fd) nogil
    int O_RDONLY, O_CLOEXEC
    int ZARRCY_BUILT_IN

cdef enum:
    RAW = 0
    BLOSC = 1
    PAGE = 4096                      # raw chunks are read in part by pages
    GAP = 4                          # as many pages are as cheap to read as one more range
    HEAD = 8192                      # of a Blosc frame: header and offsets of two thousand blocks
    WORTH_PARTS = 65536              # bytes of a chunk from which it is worth to look for parts
    NUMBER_LENGTH = 20               # digits of the longest coordinate
    RELEASE = 32768                  # bytes from which letting go of the GIL is worth its price
    CALL_NBYTES = 268435456          # decoded in one call: signals are answered between two calls
    CALL_PIECES = 65536

CODECS = {name: i for i, name in enumerate(("raw", "blosc", "zstd", "lz4", "gzip", "zlib")[:ZARRCY_BUILT_IN])}

zarrcy_crc32c_init()


cdef class Workspace:
    """What one thread needs: room for an encoded and a decoded chunk, and the contexts of the decoders."""
    cdef char* encoded
    cdef index_t room
    cdef char* chunk
    cdef unsigned char* touched      # a flag per block, and one more that is never set
    cdef index_t n_flags
    cdef zarrcy_decoder decoder

    def __cinit__(self, index_t room, index_t nbytes):
        memset(&self.decoder, 0, sizeof(zarrcy_decoder))
        self.room = room
        self.encoded = <char*> malloc(room + 1)
        self.chunk = <char*> malloc(nbytes + 1)
        if self.encoded == NULL or self.chunk == NULL:
            raise MemoryError(f"no memory for a chunk of {nbytes} bytes")

    def __dealloc__(self):
        free(self.encoded)
        free(self.chunk)
        free(self.touched)
        zarrcy_decoder_free(&self.decoder)


cdef class Job:
    """The pieces of one read: who asks gets the next ones."""
    cdef Plan plan
    cdef index_t following
    cdef index_t step

    def __cinit__(self, Plan plan not None, index_t step):
        self.plan = plan
        self.step = step if step > 0 else 1

    @property
    def done(self):
        return self.following >= self.plan.n_pieces


cdef class Lane:
    """Chunks of one kind in one directory."""
    cdef readonly index_t nbytes
    cdef index_t n_elements
    cdef bytes prefix
    cdef bytes separator
    cdef int codec
    cdef bint checksum
    cdef list idle

    def __cinit__(
        self, bytes prefix, bytes separator, index_t nbytes, index_t itemsize, str codec, bint checksum=False
    ):
        self.prefix, self.separator, self.nbytes, self.checksum = prefix, separator, nbytes, checksum
        self.n_elements = nbytes // itemsize if itemsize else 1
        self.codec = CODECS[codec]
        self.idle = []

    def read(self, Job job not None, ChunkLayout layout not None, cnp.ndarray out not None, bytes item):
        cdef Plan plan = job.plan
        cdef Workspace space
        cdef index_t step = 0, n_left, most = CALL_NBYTES // (self.nbytes + 1) + 1
        cdef index_t* left
        cdef char* path
        cdef char* line = NULL
        if layout.nbytes != self.nbytes or layout.itemsize != cnp.PyArray_ITEMSIZE(out):
            raise ValueError(f"a chunk of {layout.nbytes} bytes, where the lane reads chunks of {self.nbytes}")
        if len(item) != layout.itemsize:
            raise ValueError(f"a fill item of {len(item)} bytes where elements have {layout.itemsize}")
        if type(plan) is OuterPlan:
            check_outer(<OuterPlan> plan, layout, out)
        else:
            check_layout(plan, layout)
            line = line_of(plan, out, &step)
        most = CALL_PIECES if most > CALL_PIECES else most
        space = self.idle.pop() if self.idle else Workspace(self.nbytes + self.nbytes // 8 + 65536, self.nbytes)
        path = <char*> malloc(len(self.prefix) + plan.ndim * (NUMBER_LENGTH + len(self.separator)) + 1)
        left = <index_t*> malloc((most + job.step) * sizeof(index_t))
        try:
            if path == NULL or left == NULL:
                raise MemoryError()
            memcpy(path, <const char*> self.prefix, len(self.prefix))
            n_left = _read_pieces(
                self, job, layout, cnp.PyArray_BYTES(out), cnp.PyArray_STRIDES(out), line, step, item, space, path,
                len(self.prefix), self.separator, len(self.separator), left, most,
            )
            return [left[i] for i in range(n_left)]
        finally:
            free(path)
            free(left)
            self.idle.append(space)


cdef index_t _read_pieces(
    Lane lane, Job job, ChunkLayout layout, char* out, const cnp.npy_intp* out_strides, char* line, index_t step,
    const char* item, Workspace space, char* path, index_t n_prefix, const char* separator, index_t n_separator,
    index_t* left, index_t most
) except -1:
    cdef Plan plan = job.plan
    cdef index_t first, number, last, done = 0, n_left = 0
    with nogil:
        while done < most:
            first = zarrcy_take(&job.following, job.step)
            if first >= plan.n_pieces:
                break
            last = first + job.step if job.step < plan.n_pieces - first else plan.n_pieces
            for number in range(first, last):
                if not _read_piece(
                    lane, plan, number, layout, out, out_strides, line, step, item, space, path, n_prefix, separator,
                    n_separator
                ):
                    left[n_left] = number
                    n_left += 1
            done += last - first
    return n_left


cdef bint _read_piece(
    Lane lane, Plan plan, index_t number, ChunkLayout layout, char* out, const cnp.npy_intp* out_strides, char* line,
    index_t step, const char* item, Workspace space, char* path, index_t n_prefix, const char* separator,
    index_t n_separator
) except -1 nogil:
    """Read one piece; False if it must be read in the general way."""
    cdef Side chunk
    cdef Side side
    cdef index_t counts[MAX_NDIM]
    cdef index_t coords[MAX_NDIM]
    cdef index_t n = 0, axis
    cdef bint outer = line == NULL, listed = outer and (<OuterPlan> plan).has_lists
    cdef char* at = path + n_prefix
    cdef char* target = space.chunk
    cdef int fd
    plan.find_chunk(number, coords)
    for axis in range(plan.ndim):
        if axis:
            memcpy(at, separator, n_separator)
            at += n_separator
        at = write_number(at, coords[axis])
    at[0] = 0
    if outer:
        place_outer(<OuterPlan> plan, number, layout, out, out_strides, &chunk, &side, counts)
    fd = c_open(path, O_RDONLY | O_CLOEXEC)
    if fd < 0:
        if errno != ENOENT and errno != ENOTDIR:
            return False
        if outer:
            fill_box(&side, counts, plan.ndim, item, layout.itemsize, listed)
            return True
        # every element of the chunk is the same one: strides of 0
        memset(coords, 0, sizeof(coords))
        plan.move(number, <char*> item, coords, layout.itemsize, line, step, False)
        return True
    if outer and whole_run(<OuterPlan> plan, layout, &chunk, &side, counts):
        target = side.base
    if lane.nbytes >= WORTH_PARTS and not lane.checksum and lane.codec in (RAW, BLOSC):
        n = 2 * plan.size_of(number) * (lane.nbytes // lane.n_elements if lane.n_elements else 0)
        n = _read_parts(lane, plan, number, layout, space, fd) if n <= lane.nbytes else 0
        if n < 0:
            c_close(fd)
            return False
    if n > 0:
        c_close(fd)
    elif lane.codec == RAW and not lane.checksum:
        n = zarrcy_read_all(fd, target, lane.nbytes)
        c_close(fd)
        if n != lane.nbytes:
            return False
    else:
        n = zarrcy_read_all(fd, space.encoded, space.room)
        c_close(fd)
        if n < 0 or n > space.room:
            return False
        if zarrcy_decode(&space.decoder, lane.codec, lane.checksum, space.encoded, n, target, lane.nbytes) != 0:
            return False
    if target != space.chunk:
        return True
    if outer:
        chunk.base = target + (chunk.base - <char*> NULL)
        move_piece(&chunk, &side, counts, plan.ndim, layout.itemsize, listed)
    else:
        plan.move(
            number, target + layout.offset, layout._strides + layout.ndim, layout.itemsize, line, step, False
        )
    return True


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
    Lane lane, Plan plan, index_t number, ChunkLayout layout, Workspace space, int fd
) except? -2 nogil:
    """Read what a piece touches of a large chunk to its place in the chunk of the workspace.

    Returns 1 if that was done, 0 if all of it should be read, -1 if the file is odd.
    """
    cdef zarrcy_blosc frame
    cdef uint32_t k, start, end
    cdef const unsigned char* encoded = <const unsigned char*> space.encoded
    cdef index_t size = zarrcy_file_nbytes(fd), head, n_blocks, first, last, length
    if lane.codec == RAW:
        if size != lane.nbytes:
            return -1
        n_blocks = (lane.nbytes + PAGE - 1) // PAGE
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
            length = (last * PAGE if last < n_blocks else lane.nbytes) - first * PAGE
            if pread(fd, space.chunk + first * PAGE, length, first * PAGE) != length:
                return -1
            first = last
        return 1
    head = HEAD if size > HEAD else size
    if size > space.room or head < 16 or pread(fd, space.encoded, head, 0) != head:
        return -1
    if zarrcy_blosc_open(&frame, encoded, size, lane.nbytes) != 0:
        return -1
    if frame.copied or frame.n_blocks < 2:
        return 0
    length = 16 + 4 * <index_t> frame.n_blocks
    if length > head and pread(fd, space.encoded + head, length - head, head) != length - head:
        return -1
    if _mark(plan, number, layout, space, frame.block_nbytes, frame.n_blocks) >= <int> frame.n_blocks:
        return 0
    for k in range(frame.n_blocks):
        if not space.touched[k]:
            continue
        if zarrcy_blosc_span(&frame, encoded, k, &start, &end) != 0:
            return -1
        if pread(fd, space.encoded + start, end - start, start) != <index_t> end - start:
            return -1
        if zarrcy_blosc_block(
            &space.decoder, &frame, encoded, k, space.chunk + <index_t> k * frame.block_nbytes
        ) != 0:
            return -1
    return 1


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
        space = self.idle.pop() if self.idle else Workspace(0, 0)
        try:
            if cnp.PyArray_NBYTES(out) >= RELEASE:
                with nogil:
                    failed = zarrcy_decode(
                        &space.decoder, self.codec, self.checksum, <const char*> view.buf, view.len,
                        cnp.PyArray_BYTES(out), cnp.PyArray_NBYTES(out),
                    )
            else:
                failed = zarrcy_decode(
                    &space.decoder, self.codec, self.checksum, <const char*> view.buf, view.len,
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
