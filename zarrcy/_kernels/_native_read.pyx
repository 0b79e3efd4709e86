"""The native lane: open, read, decode and scatter for many chunks in one call, without the GIL.

A job is a read, or a part of one. Several threads may work on the same job: they take places from a common
counter, and each has a workspace of its own, so nothing is allocated per chunk. Stored chunks come from files,
from memory, or from parts of one open file (a shard). A piece that is odd in any way is left to the general
way: its number is returned.
"""

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from zarrcy._kernels._native_codec cimport ChunkCodec, Stored, Workspace
from zarrcy._kernels._gather_scatter cimport (
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
from zarrcy._kernels._plan_outer cimport OuterPlan, Plan, write_number
from zarrcy._kernels._types cimport MAX_NDIM, index_t

cnp.import_array()

cdef extern from "file_io.h":
    bint zarrcy_is_absent() nogil
    index_t zarrcy_take(index_t* counter, index_t step) nogil
    index_t zarrcy_read_at(int fd, char* at, size_t n, index_t start) nogil
    int c_open "open"(const char* path, int flags) nogil
    int c_close "close"(int fd) nogil
    int O_RDONLY, O_CLOEXEC

cdef enum:
    NUMBER_LENGTH = 20               # digits of the longest coordinate
    CALL_NBYTES = 268435456          # decoded in one call: signals are answered between two calls
    CALL_PIECES = 65536
    RUN_NBYTES = 262144              # of neighbouring chunks of a shard are read at once
    RUN_CHUNK = 32768                # longer chunks are read one by one, to their place
    RUN_PIECES = 64
    MISSING = -2
    RUN_GAP = 16384                  # so many bytes are as cheap to read as one more range

cdef uint64_t ABSENT = <uint64_t> -1


cdef class Job:
    """The pieces of one read or write: who asks gets the next ones."""

    def __cinit__(
        self, ChunkCodec codec not None, Plan plan not None, ChunkLayout layout not None, cnp.ndarray array not None,
        bytes item, index_t step, index_t first=0, index_t last=-1, numbers=None
    ):
        self.codec, self.plan, self.layout, self.array, self.item = codec, plan, layout, array, item
        self.item_at = NULL
        if item is not None:
            self.item_at = <const char*> item
        self.step = step if step > 0 else 1
        self.first = first
        self.listed = numbers is not None
        if self.listed:
            self.numbers = numbers
            self.n_places = self.numbers.shape[0]
        else:
            self.n_places = (plan.n_pieces if last < 0 else last) - first
        if not 0 <= first <= first + self.n_places <= plan.n_pieces and not self.listed:
            raise IndexError(f"pieces {first} to {last} of a plan that has {plan.n_pieces}")
        if layout.nbytes != codec.nbytes or layout.itemsize != cnp.PyArray_ITEMSIZE(array):
            raise ValueError(f"a chunk of {layout.nbytes} bytes, where the codec makes chunks of {codec.nbytes}")
        if item is not None and len(item) != layout.itemsize:
            raise ValueError(f"a fill item of {len(item)} bytes where elements have {layout.itemsize}")
        self.outer = type(plan) is OuterPlan
        if self.outer:
            self.has_lists = (<OuterPlan> plan).has_lists
            check_outer(<OuterPlan> plan, layout, array)
        else:
            check_layout(plan, layout)
            self.line = line_of(plan, array, &self.line_step)

    @property
    def done(self):
        return self.following >= self.n_places

    cdef index_t number_of(self, index_t place) noexcept nogil:
        return self.numbers[place] if self.listed else self.first + place

    cdef bint take(self, index_t* first, index_t* last) noexcept nogil:
        """Take the next places; False if there are none."""
        first[0] = zarrcy_take(&self.following, self.step)
        if first[0] >= self.n_places:
            return False
        last[0] = first[0] + self.step if self.step < self.n_places - first[0] else self.n_places
        return True


cdef class Folder:
    """A directory: the path of a chunk's file is `prefix` and its coordinates, with the separator between."""

    def __cinit__(self, bytes prefix not None, bytes separator not None):
        self.prefix, self.separator = prefix, separator
        self.prefix_at, self.n_prefix = <const char*> prefix, len(prefix)
        self.separator_at, self.n_separator = <const char*> separator, len(separator)

    cdef char* new_path(self, int ndim, index_t more) except NULL:
        """Return memory for the path of a file, and so many more bytes; free it."""
        cdef char* path = <char*> malloc(self.n_prefix + ndim * (NUMBER_LENGTH + self.n_separator) + 1 + more)
        if path == NULL:
            raise MemoryError()
        memcpy(path, self.prefix_at, self.n_prefix)
        return path

    cdef char* write_path(self, char* path, Plan plan, index_t number) except NULL nogil:
        """Write the path of the file of a piece, and return its end."""
        cdef index_t coords[MAX_NDIM]
        cdef char* at = path + self.n_prefix
        cdef int axis
        plan.find_chunk(number, coords)
        for axis in range(plan.ndim):
            if axis:
                memcpy(at, self.separator_at, self.n_separator)
                at += self.n_separator
            at = write_number(at, coords[axis])
        at[0] = 0
        return at


cdef class Values:
    """Stored values in memory, which stay where they are as long as this lives; None where there is none."""
    cdef list values
    cdef Stored* places
    cdef Py_buffer* views
    cdef index_t n

    def __cinit__(self, list values not None):
        cdef index_t k
        self.values, self.n = values, len(values)
        self.places = <Stored*> calloc(self.n + 1, sizeof(Stored))
        self.views = <Py_buffer*> calloc(self.n + 1, sizeof(Py_buffer))
        if self.places == NULL or self.views == NULL:
            raise MemoryError()
        for k in range(self.n):
            value = values[k]
            self.places[k].fd = -1 if value is not None else MISSING
            if type(value) is bytes:
                self.places[k].base, self.places[k].nbytes = PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)
            elif value is not None:
                PyObject_GetBuffer(value, &self.views[k], PyBUF_SIMPLE)
                self.places[k].base = <const char*> self.views[k].buf
                self.places[k].nbytes = self.views[k].len
            if self.places[k].base == NULL:
                self.places[k].base = b""

    def __dealloc__(self):
        cdef index_t k
        if self.views != NULL:
            for k in range(self.n):
                if self.views[k].buf != NULL:
                    PyBuffer_Release(&self.views[k])
        free(self.places)
        free(self.views)


cdef bint _put(
    Job job, Plan plan, ChunkLayout layout, index_t number, const Stored* stored, Workspace space
) except -1 nogil:
    """Bring one piece to its place; False if that must be done in the general way. NULL: the chunk is missing."""
    cdef Side chunk
    cdef Side side
    cdef index_t counts[MAX_NDIM]
    cdef const char* item = job.item_at
    cdef const char* found
    cdef char* target = NULL
    cdef int picked
    if stored == NULL and item == NULL:
        return True
    if not job.outer:
        if stored == NULL:
            # every element of the chunk is the same one: strides of 0
            memset(counts, 0, sizeof(counts))
            plan.move(number, <char*> item, counts, layout.itemsize, job.line, job.line_step, False)
            return True
        picked = job.codec.pick(stored, plan, number, layout, job.line, job.line_step, space)
        if picked:
            return picked > 0
        found = job.codec.chunk_of(stored, plan, number, layout, NULL, space)
        if found == NULL:
            return False
        plan.move(
            number, <char*> found + layout.offset, layout._strides + layout.ndim, layout.itemsize, job.line,
            job.line_step, False,
        )
        return True
    place_outer(
        <OuterPlan> plan, number, layout, cnp.PyArray_BYTES(job.array), cnp.PyArray_STRIDES(job.array), &chunk, &side,
        counts,
    )
    if stored == NULL:
        fill_box(&side, counts, plan.ndim, item, layout.itemsize, job.has_lists)
        return True
    if whole_run(<OuterPlan> plan, layout, &chunk, &side, counts):
        target = side.base
    found = job.codec.chunk_of(stored, plan, number, layout, target, space)
    if found == NULL:
        return False
    if target == NULL:
        chunk.base = <char*> found + (chunk.base - <char*> NULL)
        move_piece(&chunk, &side, counts, plan.ndim, layout.itemsize, job.has_lists)
    return True


cdef class _Call:
    """What one call of one thread needs: a workspace, and a list of what it leaves."""
    cdef Job job
    cdef Workspace space
    cdef index_t* left
    cdef index_t n_left
    cdef index_t most
    cdef char* path

    def __cinit__(self, Job job not None):
        self.job = job
        self.most = CALL_NBYTES // (job.codec.nbytes + 1) + 1
        if self.most > CALL_PIECES:
            self.most = CALL_PIECES
        if self.most > job.n_places:
            self.most = job.n_places
        self.left = <index_t*> malloc((self.most + job.step + 1) * sizeof(index_t))
        if self.left == NULL:
            raise MemoryError()
        self.space = job.codec.borrow()

    def __dealloc__(self):
        free(self.left)
        free(self.path)

    cdef list end(self):
        cdef index_t i
        self.job.codec.idle.append(self.space)
        return [self.left[i] for i in range(self.n_left)]


def read_files(Job job not None, Folder folder not None):
    cdef _Call call = _Call(job)
    call.path = folder.new_path(job.plan.ndim, 0)
    with nogil:
        _read_files(call, job, folder)
    return call.end()


cdef int _read_files(_Call call, Job job, Folder folder) except -1 nogil:
    cdef index_t first, last, place, number, done = 0
    cdef Stored stored
    cdef bint fine
    stored.base, stored.start, stored.nbytes = NULL, 0, -1
    while done < call.most and job.take(&first, &last):
        for place in range(first, last):
            number = job.number_of(place)
            folder.write_path(call.path, job.plan, number)
            stored.fd = c_open(call.path, O_RDONLY | O_CLOEXEC)
            if stored.fd >= 0:
                fine = _put(job, job.plan, job.layout, number, &stored, call.space)
                c_close(stored.fd)
            else:
                fine = zarrcy_is_absent() and _put(job, job.plan, job.layout, number, NULL, call.space)
            if not fine:
                call.left[call.n_left] = number
                call.n_left += 1
        done += last - first
    return 0


def read_values(Job job not None, Values values not None):
    cdef _Call call
    if values.n != job.n_places:
        raise ValueError(f"{values.n} values for {job.n_places} pieces")
    call = _Call(job)
    with nogil:
        _read_values(call, job, values)
    return call.end()


cdef int _read_values(_Call call, Job job, Values values) except -1 nogil:
    cdef index_t first, last, place, number, done = 0
    cdef Stored* stored
    while done < call.most and job.take(&first, &last):
        for place in range(first, last):
            number = job.number_of(place)
            stored = &values.places[place]
            if not _put(job, job.plan, job.layout, number, stored if stored.fd != MISSING else NULL, call.space):
                call.left[call.n_left] = number
                call.n_left += 1
        done += last - first
    return 0


def read_spans(
    Job job not None, int fd, const uint64_t[:, ::1] index not None, const index_t[::1] chunks not None
):
    cdef _Call call
    cdef index_t k
    if chunks.shape[0] != job.n_places or index.shape[1] != 2:
        raise ValueError(f"{chunks.shape[0]} chunks of a shard for {job.n_places} pieces")
    for k in range(chunks.shape[0]):
        if not 0 <= chunks[k] < index.shape[0]:
            raise IndexError(f"chunk {chunks[k]} of a shard that has {index.shape[0]}")
    job.step = job.step if job.step < RUN_PIECES else RUN_PIECES
    call = _Call(job)
    with nogil:
        _read_spans(call, job, fd, index, chunks)
    return call.end()


cdef int _read_spans(
    _Call call, Job job, int fd, const uint64_t[:, ::1] index, const index_t[::1] chunks
) except -1 nogil:
    cdef index_t first, last, done = 0
    cdef index_t k, j, n, number, end
    cdef index_t order[RUN_PIECES]   # places, as their chunks follow one another in the file
    cdef Stored stored
    cdef index_t start, at, nbytes, most = RUN_NBYTES if call.space.room > RUN_NBYTES else call.space.room
    cdef bint together, fine
    stored.fd = fd
    while done < call.most and job.take(&first, &last):
        n = 0
        for k in range(first, last):
            if index[chunks[k], 0] == ABSENT and index[chunks[k], 1] == ABSENT:
                _put(job, job.plan, job.layout, job.number_of(k), NULL, call.space)
                continue
            j = n
            while j and index[chunks[order[j - 1]], 0] > index[chunks[k], 0]:
                order[j] = order[j - 1]
                j -= 1
            order[j] = k
            n += 1
        k = 0
        while k < n:
            # the run of chunks that is read at once, from the first to the end
            start = <index_t> index[chunks[order[k]], 0]
            end = start + <index_t> index[chunks[order[k]], 1]
            j = k + 1
            while j < n and (j > k + 1 or end - start <= RUN_CHUNK):
                at, nbytes = <index_t> index[chunks[order[j]], 0], <index_t> index[chunks[order[j]], 1]
                if nbytes > RUN_CHUNK or at > end + RUN_GAP or at + nbytes - start > most:
                    break
                end = at + nbytes if at + nbytes > end else end
                j += 1
            together = j > k + 1
            fine = not together or zarrcy_read_at(fd, call.space.encoded, end - start, start) == end - start
            while k < j:
                number = job.number_of(order[k])
                stored.start = <index_t> index[chunks[order[k]], 0]
                stored.nbytes = <index_t> index[chunks[order[k]], 1]
                stored.base = call.space.encoded + (stored.start - start) if together else NULL
                if not fine or not _put(job, job.plan, job.layout, number, &stored, call.space):
                    call.left[call.n_left] = number
                    call.n_left += 1
                k += 1
        done += last - first
    return 0
