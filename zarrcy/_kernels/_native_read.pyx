"""The native path for reads: open, read, decode and scatter many chunks in one call, without the GIL.

A queue has the pieces of a read. Several threads may work on one queue: they take pieces from a shared counter, and
each has a workspace of its own, so that memory is not allocated per chunk. Stored chunks come from files, from memory,
or from spans of one open file (a shard). If a piece cannot be read here, its number is returned, and the caller reads
it on the fallback path.
"""

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

from zarrcy._kernels._native_codec cimport ChunkCodec, StoredChunk, Workspace, give_back
from zarrcy._kernels._gather_scatter cimport (
    ChunkLayout,
    Side,
    check_layout,
    check_outer,
    fill_box,
    line_of,
    move_piece,
    place_outer,
    stream_piece,
    whole_run,
)
from zarrcy._kernels._plan_outer cimport OuterPlan, Plan, write_number
from zarrcy._kernels._types cimport MAX_NDIM, index_t, look_for_signals, room_for

cnp.import_array()

cdef extern from "file_io.h":
    index_t zarrcy_fetch_add(index_t* counter, index_t step) nogil
    index_t zarrcy_cpu_ns() nogil
    index_t zarrcy_n_waits() nogil
    index_t zarrcy_now_ns() nogil
    index_t zarrcy_read_at(int fd, char* at, size_t n, index_t start) nogil
    bint zarrcy_is_missing(const char* path) nogil
    int zarrcy_open_read(const char* path) nogil
    int c_close "close"(int fd) nogil

cdef enum:
    NUMBER_LENGTH = 20               # digits of the largest coordinate
    # a call ends after this time and the chunk that is then read: signals are handled between two calls
    CALL_NS = 20000000
    # most bytes and pieces of one call
    CALL_NBYTES = 268435456
    CALL_PIECES = 65536
    # neighbouring chunks of a shard are read at once, up to this many bytes and pieces
    RUN_NBYTES = 262144
    RUN_PIECES = 64
    # longer chunks are read one by one, directly to their place
    RUN_CHUNK_NBYTES = 32768
    # reading this many unwanted bytes costs no more than one more system call
    RUN_GAP_NBYTES = 16384
    # on a local disk with a warm cache, no thread waits this long for a file
    SUSPECT_NS = 200000
    # a result that no cache holds is written past the caches
    STREAMED_NBYTES = 33554432
    MISSING = -2                     # instead of a file descriptor: there is no stored value

# offset and length, in a shard index, of a chunk that is not stored
cdef uint64_t ABSENT = <uint64_t> -1


cdef class Latency:
    """How long threads wait for the stored values of one place, as the first piece of each call shows.

    On a local disk a value comes at once, and this costs four looks at a clock per call. If the first value is late,
    the next one shows how long the thread was off the CPU, and whether it waited or other threads took the CPU.

    Attributes
    ----------
    wait_ns : int
        How long a thread waits for one value; 0 if the values come at once.
    work_ns : int
        How long it then works on one value.
    """

    cdef void begin(self, Sample* sample) noexcept nogil:
        """Begin to measure one piece."""
        sample.by_cpu = self.is_suspect
        if sample.by_cpu:
            sample.cpu_ns, sample.n_waits = zarrcy_cpu_ns(), zarrcy_n_waits()
        sample.since_ns = zarrcy_now_ns()

    cdef bint end(self, Sample* sample, index_t waited_ns) noexcept nogil:
        """Take one piece into account. Returns whether the next one must be measured as well.

        `waited_ns` is how long the calls took that bring the value.
        """
        cdef index_t wall_ns, cpu_ns, n_waits
        cdef bint has_waited
        if waited_ns < SUSPECT_NS:
            self.is_suspect = False
            self.wait_ns = 0
        elif sample.by_cpu:
            wall_ns, cpu_ns = zarrcy_now_ns() - sample.since_ns, zarrcy_cpu_ns() - sample.cpu_ns
            n_waits = zarrcy_n_waits()
            self.is_suspect = False
            self.work_ns = cpu_ns if cpu_ns > 0 else 1
            # on a busy host, a thread that never waits is off the CPU, too
            has_waited = n_waits != sample.n_waits or n_waits == 0
            self.wait_ns = wall_ns - cpu_ns if has_waited and wall_ns - cpu_ns >= SUSPECT_NS else 0
        elif waited_ns > 2 * self.wait_ns:
            # the files have become slow, or slower than they were
            self.is_suspect = True
        return self.is_suspect


cdef class PieceQueue:
    """The pieces of one read or write, from which threads take the next `step` pieces.

    Parameters
    ----------
    codec : ChunkCodec
        The codec of the chunks.
    plan : Plan
        The pieces of the selection.
    layout : ChunkLayout
        Where the elements lie in a chunk.
    array : ndarray
        The result of a read, or the value of a write, in the shape of the selection.
    item : bytes or None
        The element of missing chunks. None, for reads only, leaves their places in `array` as they are.
    step : int
        Number of pieces that a thread takes at once.
    first, last : int, optional
        The queue has the pieces ``first <= number < last``; all by default.
    numbers : ndarray of int64, optional
        The numbers of the pieces in the queue, instead of `first` and `last`.

    Raises
    ------
    IndexError
        If the plan does not have these pieces, or does not fit the layout or the array.
    ValueError
        If codec, layout, array and item differ in the size of an element or of a chunk.
    """

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
        self.is_listed = numbers is not None
        if self.is_listed:
            self.numbers = numbers
            self.n_places = self.numbers.shape[0]
        else:
            self.n_places = (plan.n_pieces if last < 0 else last) - first
        if not 0 <= first <= first + self.n_places <= plan.n_pieces and not self.is_listed:
            raise IndexError(f"pieces {first} to {last} of a plan that has {plan.n_pieces} pieces")
        if layout.nbytes != codec.nbytes or layout.itemsize != cnp.PyArray_ITEMSIZE(array):
            raise ValueError(
                f"the layout has chunks of {layout.nbytes} bytes and elements of {layout.itemsize} bytes, the codec "
                f"has chunks of {codec.nbytes} bytes, and the array has elements of {cnp.PyArray_ITEMSIZE(array)} bytes"
            )
        if item is not None and len(item) != layout.itemsize:
            raise ValueError(f"the fill item has {len(item)} bytes, an element has {layout.itemsize}")
        self.is_outer = type(plan) is OuterPlan
        if self.is_outer:
            self.has_lists = (<OuterPlan> plan).has_lists
            self.streams = cnp.PyArray_NBYTES(array) >= STREAMED_NBYTES and not self.has_lists
            check_outer(<OuterPlan> plan, layout, array)
        else:
            check_layout(plan, layout)
            self.line = line_of(plan, array, &self.line_step)

    @property
    def done(self):
        """Whether threads have taken all pieces."""
        return self.following >= self.n_places

    def stop(self):
        """Let no thread take a further piece."""
        if self.following < self.n_places:
            self.following = self.n_places

    cdef index_t number_of(self, index_t place) noexcept nogil:
        """Return the number of the piece at a place in the queue."""
        return self.numbers[place] if self.is_listed else self.first + place

    cdef bint take(self, index_t* first, index_t* last) noexcept nogil:
        """Take the next places. False if there are none left."""
        # read once: another thread may change it meanwhile
        cdef index_t step = self.step
        first[0] = zarrcy_fetch_add(&self.following, step)
        if first[0] >= self.n_places:
            return False
        last[0] = first[0] + step if step < self.n_places - first[0] else self.n_places
        return True

    cdef bint take_one(self, index_t* place) noexcept nogil:
        """Take one place. False if there are none left."""
        place[0] = zarrcy_fetch_add(&self.following, 1)
        return place[0] < self.n_places


cdef class ChunkDir:
    """A directory of chunk files.

    Parameters
    ----------
    prefix : bytes
        The path of a chunk's file is the prefix and the coordinates of the chunk.
    separator : bytes
        The separator between coordinates.

    Attributes
    ----------
    reads, writes, changes : Latency
        How long threads wait for files that are read, written, or read and written.
    """

    def __cinit__(self, bytes prefix not None, bytes separator not None):
        self.reads, self.writes, self.changes = Latency(), Latency(), Latency()
        self.prefix, self.separator = prefix, separator
        self.prefix_at, self.n_prefix = <const char*> prefix, len(prefix)
        self.separator_at, self.n_separator = <const char*> separator, len(separator)

    cdef char* new_path(self, int ndim, index_t n_more) except NULL:
        """Allocate memory for the path of a file and `n_more` bytes. The caller frees it."""
        cdef char* path = <char*> malloc(self.n_prefix + ndim * (NUMBER_LENGTH + self.n_separator) + 1 + n_more)
        if path == NULL:
            raise MemoryError()
        memcpy(path, self.prefix_at, self.n_prefix)
        return path

    cdef char* write_path(self, char* path, Plan plan, index_t number) except NULL nogil:
        """Write the path of a piece's file to memory from `new_path`, and return its end."""
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


cdef class ValueBuffers:
    """Stored values in memory.

    The buffers of the values are held, so that their memory does not move, until this object is deleted.

    Parameters
    ----------
    values : list of buffer or None
        The values; None if a chunk is not stored.
    """
    cdef list values
    cdef StoredChunk* chunks
    cdef Py_buffer* views
    cdef index_t n

    def __cinit__(self, list values not None):
        cdef index_t k
        self.values, self.n = values, len(values)
        self.chunks = <StoredChunk*> calloc(self.n + 1, sizeof(StoredChunk))
        self.views = <Py_buffer*> calloc(self.n + 1, sizeof(Py_buffer))
        if self.chunks == NULL or self.views == NULL:
            raise MemoryError()
        for k in range(self.n):
            value = values[k]
            self.chunks[k].fd = -1 if value is not None else MISSING
            if type(value) is bytes:
                self.chunks[k].base, self.chunks[k].nbytes = PyBytes_AS_STRING(value), PyBytes_GET_SIZE(value)
            elif value is not None:
                PyObject_GetBuffer(value, &self.views[k], PyBUF_SIMPLE)
                self.chunks[k].base = <const char*> self.views[k].buf
                self.chunks[k].nbytes = self.views[k].len
            if self.chunks[k].base == NULL:
                self.chunks[k].base = b""

    def __dealloc__(self):
        cdef index_t k
        if self.views != NULL:
            for k in range(self.n):
                if self.views[k].buf != NULL:
                    PyBuffer_Release(&self.views[k])
        free(self.chunks)
        free(self.views)


cdef class _ReadState:
    """The state of one call in one thread: a workspace, and the numbers of pieces for the fallback path."""
    cdef PieceQueue queue
    cdef Workspace workspace
    cdef index_t* fallback_pieces
    cdef index_t n_fallback
    cdef index_t most                # pieces to read in this call
    cdef char* path
    cdef int fd                      # of the file that is read, or -1

    def __cinit__(self, PieceQueue queue not None):
        self.queue, self.fd = queue, -1
        self.most = CALL_NBYTES // (queue.codec.nbytes + 1) + 1
        if self.most > CALL_PIECES:
            self.most = CALL_PIECES
        if self.most > queue.n_places:
            self.most = queue.n_places
        self.fallback_pieces = <index_t*> malloc(room_for(self.most + queue.step + 1, sizeof(index_t)))
        if self.fallback_pieces == NULL:
            raise MemoryError()
        self.workspace = queue.codec.borrow()

    def __dealloc__(self):
        if self.fd >= 0:
            # a signal handler raised an exception
            c_close(self.fd)
        free(self.fallback_pieces)
        free(self.path)

    cdef list finish(self):
        """Give the workspace back, and return the numbers of pieces for the fallback path."""
        cdef index_t i
        give_back(self.workspace)
        return [self.fallback_pieces[i] for i in range(self.n_fallback)]


cdef inline void _leave(_ReadState state, index_t number) noexcept nogil:
    """Leave a piece to the fallback path."""
    state.fallback_pieces[state.n_fallback] = number
    state.n_fallback += 1


cdef inline bint _read_piece(
    PieceQueue queue, index_t number, const StoredChunk* stored, Workspace workspace
) except -1 nogil:
    """Read one piece to its place. False if the fallback path must read it.

    `stored` is NULL if the chunk is missing.
    """
    if stored == NULL and queue.item_at == NULL:
        return True
    if queue.is_outer:
        return _read_outer(queue, <OuterPlan> queue.plan, queue.layout, number, stored, workspace)
    return _read_line(queue, queue.plan, queue.layout, number, stored, workspace)


cdef bint _read_line(
    PieceQueue queue, Plan plan, ChunkLayout layout, index_t number, const StoredChunk* stored, Workspace workspace
) except -1 nogil:
    """Read one piece of points or of a mask."""
    cdef index_t strides[MAX_NDIM]
    cdef const char* chunk
    cdef int picked
    if stored == NULL:
        # strides of 0: every element of the chunk is `item`
        memset(strides, 0, sizeof(strides))
        plan.move(number, <char*> queue.item_at, strides, layout.itemsize, queue.line, queue.line_step, False)
        return True
    picked = queue.codec.pick_from_shuffled(stored, plan, number, layout, queue.line, queue.line_step, workspace)
    if picked:
        return picked > 0
    chunk = queue.codec.decode_for_piece(stored, plan, number, layout, NULL, workspace)
    if chunk == NULL:
        return False
    look_for_signals(layout.nbytes)
    plan.move(
        number, <char*> chunk + layout.offset, layout._strides + layout.ndim, layout.itemsize, queue.line,
        queue.line_step, False,
    )
    return True


cdef bint _read_outer(
    PieceQueue queue, OuterPlan plan, ChunkLayout layout, index_t number, const StoredChunk* stored,
    Workspace workspace
) except -1 nogil:
    """Read one piece of ranges and lists; a whole chunk is decoded to its place if it is one run there."""
    cdef Side side
    cdef Side out
    cdef index_t counts[MAX_NDIM]
    cdef const char* chunk
    cdef char* target = NULL
    place_outer(
        plan, number, layout, cnp.PyArray_BYTES(queue.array), cnp.PyArray_STRIDES(queue.array), &side, &out, counts
    )
    if stored == NULL:
        fill_box(&out, counts, plan.ndim, queue.item_at, layout.itemsize, queue.has_lists)
        return True
    if whole_run(plan, layout, &side, &out, counts):
        target = out.base
    chunk = queue.codec.decode_for_piece(stored, plan, number, layout, target, workspace)
    if chunk == NULL:
        return False
    if target == NULL:
        look_for_signals(layout.nbytes)
        side.base = <char*> chunk + (side.base - <char*> NULL)
        if not queue.streams or not stream_piece(&side, &out, counts, plan.ndim, layout.itemsize):
            move_piece(&side, &out, counts, plan.ndim, layout.itemsize, queue.has_lists)
    return True


# -- files -----------------------------------------------------------------------------------------

def read_files(PieceQueue queue not None, ChunkDir chunk_dir not None):
    """Read pieces of a queue from chunk files; fill the pieces whose file is missing.

    The call returns after some 20 ms, even if the queue is not done, so that signals are handled: call it again until
    then. Several threads may work on one queue.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to read.
    chunk_dir : ChunkDir
        The files of the chunks.

    Returns
    -------
    list of int
        Numbers of the pieces that the caller must read on the fallback path.
    """
    cdef _ReadState state = _ReadState(queue)
    cdef Latency latency = chunk_dir.reads
    state.path = chunk_dir.new_path(queue.plan.ndim, 0)
    with nogil:
        _read_files(state, queue, chunk_dir, latency)
    return state.finish()


cdef int _read_files(_ReadState state, PieceQueue queue, ChunkDir chunk_dir, Latency latency) except -1 nogil:
    cdef index_t first, last, place, done = 0
    cdef index_t deadline
    cdef bint was_slow = latency.wait_ns > 0
    if queue.n_places > 1:
        done = _read_samples(state, queue, chunk_dir, latency)
        if latency.wait_ns:
            # several threads share even a few pieces
            queue.step = 1
            if not was_slow:
                # the caller asks for more threads first
                return 0
    deadline = zarrcy_now_ns() + CALL_NS
    while done < state.most and queue.take(&first, &last):
        for place in range(first, last):
            _read_file(state, queue, chunk_dir, place)
        done += last - first
        if zarrcy_now_ns() >= deadline:
            break
    return 0


cdef inline int _read_file(_ReadState state, PieceQueue queue, ChunkDir chunk_dir, index_t place) except -1 nogil:
    """Read the piece at a place in the queue from its file."""
    cdef StoredChunk stored
    cdef index_t number = queue.number_of(place), start
    cdef bint is_read
    stored.base, stored.start, stored.nbytes = NULL, 0, -1
    chunk_dir.write_path(state.path, queue.plan, number)
    if state.workspace.is_timed:
        start = zarrcy_now_ns()
        stored.fd = zarrcy_open_read(state.path)
        state.workspace.waited_ns += zarrcy_now_ns() - start
    else:
        stored.fd = zarrcy_open_read(state.path)
    if stored.fd >= 0:
        state.fd = stored.fd
        is_read = _read_piece(queue, number, &stored, state.workspace)
        state.fd = -1
        c_close(stored.fd)
    else:
        is_read = zarrcy_is_missing(state.path) and _read_piece(queue, number, NULL, state.workspace)
    if not is_read:
        _leave(state, number)
    return 0


cdef index_t _read_samples(
    _ReadState state, PieceQueue queue, ChunkDir chunk_dir, Latency latency
) except -1 nogil:
    """Read one piece or a few, measure how long the thread waits for them, and return their number."""
    cdef Sample sample
    cdef index_t place, done = 0
    cdef bint goes_on = True
    state.workspace.is_timed = True
    while goes_on and done < 2 and queue.take_one(&place):
        state.workspace.waited_ns = 0
        latency.begin(&sample)
        _read_file(state, queue, chunk_dir, place)
        goes_on = latency.end(&sample, state.workspace.waited_ns)
        done += 1
    state.workspace.is_timed = False
    return done


# -- values in memory ------------------------------------------------------------------------------

def read_values(PieceQueue queue not None, ValueBuffers values not None):
    """Read pieces of a queue from stored values in memory.

    Call it again until the queue is done, as `read_files`.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to read.
    values : ValueBuffers
        The stored values of their chunks.

    Returns
    -------
    list of int
        Numbers of the pieces that the caller must read on the fallback path.
    """
    cdef _ReadState state
    if values.n != queue.n_places:
        raise ValueError(f"the queue has {queue.n_places} pieces, but there are {values.n} values")
    state = _ReadState(queue)
    with nogil:
        _read_values(state, queue, values)
    return state.finish()


cdef int _read_values(_ReadState state, PieceQueue queue, ValueBuffers values) except -1 nogil:
    cdef index_t first, last, place, number, done = 0
    cdef index_t deadline = zarrcy_now_ns() + CALL_NS
    cdef StoredChunk* stored
    while done < state.most and queue.take(&first, &last):
        for place in range(first, last):
            number = queue.number_of(place)
            stored = &values.chunks[place]
            if not _read_piece(queue, number, stored if stored.fd != MISSING else NULL, state.workspace):
                _leave(state, number)
        done += last - first
        if zarrcy_now_ns() >= deadline:
            break
    return 0


# -- spans of one open file ------------------------------------------------------------------------

cdef struct _Spans:
    # chunks that are read from one file
    int fd
    index_t n
    index_t places[RUN_PIECES]       # in the queue, sorted by offset in the file
    index_t starts[RUN_PIECES]
    index_t lengths[RUN_PIECES]


def read_spans(
    PieceQueue queue not None, int fd, const uint64_t[:, ::1] index not None, const index_t[::1] chunks not None
):
    """Read pieces of a queue from spans of one open file.

    Call it again until the queue is done, as `read_files`.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to read.
    fd : int
        Descriptor of the file.
    index : ndarray of uint64
        One row ``(offset, nbytes)`` per chunk of the file. Both are 2**64 - 1 for a missing chunk.
    chunks : ndarray of int64
        For each piece in the queue, the row of its chunk in `index`.

    Returns
    -------
    list of int
        Numbers of the pieces that the caller must read on the fallback path.
    """
    cdef _ReadState state
    cdef index_t k
    if chunks.shape[0] != queue.n_places or index.shape[1] != 2:
        raise ValueError(f"the queue has {queue.n_places} pieces, but there are {chunks.shape[0]} chunk numbers")
    for k in range(chunks.shape[0]):
        if not 0 <= chunks[k] < index.shape[0]:
            raise IndexError(f"chunk {chunks[k]} of a shard that has {index.shape[0]} chunks")
    queue.step = queue.step if queue.step < RUN_PIECES else RUN_PIECES
    state = _ReadState(queue)
    with nogil:
        _read_spans(state, queue, fd, index, chunks)
    return state.finish()


cdef int _read_spans(
    _ReadState state, PieceQueue queue, int fd, const uint64_t[:, ::1] index, const index_t[::1] chunks
) except -1 nogil:
    cdef _Spans spans
    cdef index_t first, last, place, k, stop, chunk, done = 0
    cdef uint64_t start, nbytes
    cdef index_t deadline = zarrcy_now_ns() + CALL_NS
    spans.fd = fd
    while done < state.most and queue.take(&first, &last):
        spans.n = 0
        for place in range(first, last):
            # each number is read once and checked here too: another thread may change it meanwhile
            chunk = chunks[place]
            if not 0 <= chunk < index.shape[0]:
                _leave(state, queue.number_of(place))
                continue
            start, nbytes = index[chunk, 0], index[chunk, 1]
            if start == ABSENT and nbytes == ABSENT:
                _read_piece(queue, queue.number_of(place), NULL, state.workspace)
            else:
                _insert_span(&spans, place, <index_t> start, <index_t> nbytes)
        k = 0
        while k < spans.n:
            stop = _end_of_run(&spans, k, state.workspace.room)
            _read_run(state, queue, &spans, k, stop)
            k = stop
        done += last - first
        if zarrcy_now_ns() >= deadline:
            break
    return 0


cdef void _insert_span(_Spans* spans, index_t place, index_t start, index_t nbytes) noexcept nogil:
    """Insert a span so that they are sorted by offset. They usually are already."""
    cdef index_t k = spans.n
    # an offset of 2**63 or more is damage: as a negative number it would be sorted first, so compare as unsigned
    while k and <uint64_t> spans.starts[k - 1] > <uint64_t> start:
        spans.places[k], spans.starts[k] = spans.places[k - 1], spans.starts[k - 1]
        spans.lengths[k] = spans.lengths[k - 1]
        k -= 1
    spans.places[k], spans.starts[k], spans.lengths[k] = place, start, nbytes
    spans.n += 1


cdef index_t _end_of_run(const _Spans* spans, index_t first, index_t room) noexcept nogil:
    """Return the end of the run of spans, from `first` on, that are read with one system call."""
    cdef index_t start = spans.starts[first], end = start + spans.lengths[first], span_end
    cdef index_t most = RUN_NBYTES if room > RUN_NBYTES else room
    cdef index_t k = first + 1
    if end - start > RUN_CHUNK_NBYTES:
        return k
    while k < spans.n:
        span_end = spans.starts[k] + spans.lengths[k]
        if (spans.lengths[k] > RUN_CHUNK_NBYTES or spans.starts[k] > end + RUN_GAP_NBYTES
                or span_end - start > most):
            break
        end = span_end if span_end > end else end
        k += 1
    return k


cdef int _read_run(
    _ReadState state, PieceQueue queue, const _Spans* spans, index_t first, index_t last
) except -1 nogil:
    """Read the pieces of a run of spans. A run of several spans is read at once, to the workspace."""
    cdef StoredChunk stored
    cdef index_t k, number, start = spans.starts[first], end = start
    cdef bint together = last > first + 1, is_read = True
    if together:
        for k in range(first, last):
            if spans.starts[k] + spans.lengths[k] > end:
                end = spans.starts[k] + spans.lengths[k]
        is_read = zarrcy_read_at(spans.fd, state.workspace.encoded, end - start, start) == end - start
    stored.fd = spans.fd
    for k in range(first, last):
        number = queue.number_of(spans.places[k])
        stored.start, stored.nbytes = spans.starts[k], spans.lengths[k]
        stored.base = state.workspace.encoded + (stored.start - start) if together else NULL
        if not is_read or not _read_piece(queue, number, &stored, state.workspace):
            _leave(state, number)
    return 0
