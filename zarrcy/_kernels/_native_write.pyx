"""The native path for writes: gather, encode, write and rename many chunks in one call, without the GIL.

Several threads share one queue (see `_native_read`) to write whole chunks. A chunk that is written in part is read,
changed and written alone, because the caller must hold its lock.
"""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals, PyErr_Occurred, PyErr_SetFromErrno
from libc.errno cimport errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcmp, memcpy, strlen

from zarrcy._kernels._locks cimport lock_open_file
from zarrcy._kernels._native_codec cimport StoredChunk, Workspace, give_back
from zarrcy._kernels._gather_scatter cimport ChunkLayout, Side, fill_run, move_piece, place_outer, whole_run
from zarrcy._kernels._fill cimport repeats
from zarrcy._kernels._native_read cimport ChunkDir, Latency, PieceQueue, Sample
from zarrcy._kernels._plan_outer cimport OuterPlan, Plan
from zarrcy._kernels._types cimport LOOK_NBYTES, MAX_NDIM, index_t, look_for_signals, room_for

cnp.import_array()

cdef extern from "file_io.h":
    bint zarrcy_is_absent() nogil
    index_t zarrcy_fetch_add(index_t* counter, index_t step) nogil
    index_t zarrcy_now_ns() nogil
    int zarrcy_replace_file(char* partial, const char* target, const char* at, size_t n) nogil
    int zarrcy_replace_file_in(int dir, char* partial, const char* target, const char* at, size_t n) nogil
    int zarrcy_open_directory(const char* path) nogil
    int zarrcy_write_at(int fd, const char* at, size_t n, index_t start) nogil
    bint zarrcy_is_missing(const char* path) nogil
    int zarrcy_open_read(const char* path) nogil
    int zarrcy_claim_file(char* partial, const char* target, const char* at, size_t n) nogil
    int c_close "close"(int fd) nogil
    int c_unlink "unlink"(const char* path) nogil
    int (*zarrcy_look)() noexcept nogil

cdef extern from "Python.h":
    int c_check_signals "PyErr_CheckSignals"() noexcept

cdef extern from "file_locks.h":
    int zarrcy_open_to_lock(const char* path) nogil
    int zarrcy_try_lock(int fd, int64_t place) nogil
    int zarrcy_unlock(int fd, int64_t place, int kind) nogil
    int zarrcy_is_still_at(int fd, const char* path, int64_t* nbytes) nogil

cdef enum:
    # a call ends after this time and the chunk that is then written: signals are handled between two calls
    CALL_NS = 20000000
    # for a uniform value, which is encoded once in each call
    UNIFORM_CALL_NS = 100000000
    SLASH = 47
    # most bytes of one call
    CALL_NBYTES = 268435456
    # files in a row in one directory before it is opened, so that the paths of the next ones are short
    MANY_IN_DIRECTORY = 16
    # instead of the length of an encoded chunk
    NOT_KNOWN = -1
    EMPTY = -2                       # only the fill value, and such chunks are not stored
    FALLBACK = -3                    # the fallback path must write the piece
    # how a change of a part ended; the values are those that `zarrcy_claim_file` returns
    DONE = 1
    AGAIN = 0
    FALLBACK_PATH = -1
    # instead of the kind of a lock
    NO_LOCK = -1

# offset and length, in a shard index, of a chunk that is not stored
cdef uint64_t ABSENT = <uint64_t> -1


cdef int _look() noexcept with gil:
    """Run the signal handlers that wait. Returns 0, or -1 if one raised an exception."""
    return c_check_signals()


cdef int _raise_pending() except -1:
    """Raise the exception that a signal handler raised during a write, if any."""
    return -1 if PyErr_Occurred() != NULL else 0


zarrcy_look = _look


cdef class EncodeState:
    """The state of one thread that writes pieces of a queue.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to write.
    keep_empty : bool
        Whether chunks are stored that hold only the fill value.
    uniform : bool, optional
        Whether all elements of the value are the same. Whole chunks inside the array are then encoded once.
    """
    cdef PieceQueue queue
    cdef Workspace workspace
    cdef bint keep_empty
    cdef bint uniform
    cdef const char* same            # the encoded chunk of a uniform value
    cdef index_t same_nbytes         # its length, EMPTY or NOT_KNOWN

    def __cinit__(self, PieceQueue queue not None, bint keep_empty, bint uniform=False):
        self.queue, self.keep_empty, self.uniform = queue, keep_empty, uniform
        self.same_nbytes = NOT_KNOWN
        self.workspace = queue.codec.borrow()

    cdef int finish(self) except -1:
        """Give the workspace back. `__dealloc__` cannot: the garbage collector may have cleared the queue."""
        give_back(self.workspace)
        return 0

    cdef index_t encode(
        self, PieceQueue queue, OuterPlan plan, ChunkLayout layout, index_t number, char* place, const char** encoded
    ) except -4 nogil:
        """Encode the chunk that a piece replaces. Returns the encoded length, EMPTY or FALLBACK.

        `place` has room for the chunk, which is made there if it is not one run of the value.
        """
        cdef Side chunk
        cdef Side side
        cdef index_t counts[MAX_NDIM]
        cdef index_t n
        cdef const char* made
        cdef int overhang
        place_outer(
            plan, number, layout, cnp.PyArray_BYTES(queue.array), cnp.PyArray_STRIDES(queue.array), &chunk, &side,
            counts,
        )
        overhang = _compare_with_chunk(plan, number, counts)
        if overhang < 0:
            return FALLBACK
        if self.uniform and not overhang and self.same_nbytes != NOT_KNOWN:
            encoded[0] = self.same
            return self.same_nbytes
        self.same_nbytes = NOT_KNOWN
        if whole_run(plan, layout, &chunk, &side, counts):
            made = side.base
            if queue.codec.reads_twice:
                # another thread may change the value meanwhile: matches and checksums would not fit what is stored
                _copy(place, made, layout.nbytes)
                made = place
        else:
            made = place
            if overhang:
                fill_run(place, layout.nbytes // layout.itemsize, queue.item_at, layout.itemsize)
            chunk.base = place + (chunk.base - <char*> NULL)
            move_piece(&side, &chunk, counts, plan.ndim, layout.itemsize, False)
        look_for_signals(layout.nbytes)
        n = self.encode_chunk(layout, made, encoded)
        look_for_signals(layout.nbytes)
        if self.uniform and not overhang and n != FALLBACK:
            self.same, self.same_nbytes = encoded[0], n
        return n

    cdef index_t encode_chunk(self, ChunkLayout layout, const char* chunk, const char** encoded) noexcept nogil:
        """Encode a chunk. Returns the encoded length, EMPTY or FALLBACK."""
        cdef index_t n
        if not self.keep_empty and repeats(chunk, layout.nbytes, self.queue.item_at, layout.itemsize):
            return EMPTY
        n = self.queue.codec.encode_into(chunk, self.workspace, encoded)
        return n if n >= 0 else FALLBACK

    cdef bint change(
        self, PieceQueue queue, Plan plan, ChunkLayout layout, const StoredChunk* stored, index_t number
    ) except -1 nogil:
        """Decode a chunk to the workspace, and put a piece into it. False if the chunk does not decode.

        `stored` is NULL if there is no such chunk: it then has the fill value.
        """
        cdef Side chunk
        cdef Side side
        cdef index_t counts[MAX_NDIM]
        cdef char* place = self.workspace.chunk
        if stored == NULL:
            fill_run(place, layout.nbytes // layout.itemsize, queue.item_at, layout.itemsize)
        elif queue.codec.decode_for_piece(stored, plan, number, layout, place, self.workspace) == NULL:
            return False
        look_for_signals(layout.nbytes)
        if queue.is_outer:
            place_outer(
                <OuterPlan> plan, number, layout, cnp.PyArray_BYTES(queue.array),
                cnp.PyArray_STRIDES(queue.array), &chunk, &side, counts,
            )
            chunk.base = place + (chunk.base - <char*> NULL)
            move_piece(&side, &chunk, counts, plan.ndim, layout.itemsize, queue.has_lists)
        else:
            plan.move(
                number, place + layout.offset, layout._strides + layout.ndim, layout.itemsize,
                queue.line, queue.line_step, True,
            )
        return True


cdef inline void _copy(char* target, const char* source, index_t nbytes) noexcept nogil:
    """Copy memory. The C library copies parts of this length with wide registers, which takes few instructions."""
    cdef index_t at, part = 2048
    for at in range(0, nbytes, 2048):
        if part > nbytes - at:
            part = nbytes - at
        memcpy(target + at, source + at, part)


cdef int _compare_with_chunk(OuterPlan plan, index_t number, const index_t* counts) except -2 nogil:
    """Return 0 if a piece is all of its chunk, 1 if it is all that is inside the array, -1 if it is less."""
    cdef index_t coords[MAX_NDIM]
    cdef index_t chunk_len, inside
    cdef int axis, overhang = 0
    plan.find_chunk(number, coords)
    for axis in range(plan.ndim):
        chunk_len = plan.grid._lengths[plan.ndim + axis]
        inside = plan.grid._lengths[axis] - coords[axis] * chunk_len
        if inside < chunk_len:
            overhang = 1
        else:
            inside = chunk_len
        if counts[axis] != inside:
            return -1
    return overhang


def encodes(PieceQueue queue not None):
    """Return whether the native path can write whole chunks of a queue.

    It needs a codec that encodes, a fill value, and a selection without lists, points or masks.
    """
    return queue.codec.encodes and queue.is_outer and not queue.has_lists and queue.item_at != NULL


def encode_values(PieceQueue queue not None, list made not None, bint keep_empty, bint uniform):
    """Encode the chunks of a queue.

    Parameters
    ----------
    queue : PieceQueue
        The pieces.
    made : list
        Has an entry for each piece. The entry becomes the encoded chunk, or None if the chunk is empty and not kept.
        It stays as it is if the fallback path must encode the chunk.
    keep_empty : bool
        Whether chunks are kept that hold only the fill value.
    uniform : bool
        Whether all elements of the value are the same.
    """
    cdef EncodeState state = EncodeState(queue, keep_empty, uniform)
    cdef index_t first, last, place, n
    cdef const char* encoded = NULL
    cdef char* at
    cdef bytes value = None
    cdef object known = None         # the encoded chunk of a uniform value
    if len(made) != queue.n_places or not encodes(queue):
        raise ValueError(f"{len(made)} entries for a queue of {queue.n_places} pieces; or they cannot be encoded here")
    try:
        while queue.take(&first, &last):
            for place in range(first, last):
                PyErr_CheckSignals()
                at = state.workspace.chunk
                if queue.codec.is_raw and not uniform:
                    # make the chunk in the memory where it stays
                    value = PyBytes_FromStringAndSize(NULL, queue.codec.nbytes)
                    at = PyBytes_AS_STRING(value)
                with nogil:
                    n = state.encode(queue, <OuterPlan> queue.plan, queue.layout, queue.number_of(place), at, &encoded)
                if n == EMPTY:
                    made[place] = None
                elif n >= 0:
                    if state.same_nbytes == NOT_KNOWN or known is None:
                        if not queue.codec.is_raw or uniform:
                            value = PyBytes_FromStringAndSize(NULL, n)
                            at = PyBytes_AS_STRING(value)
                        if encoded != at:
                            with nogil:
                                memcpy(at, encoded, n)
                        known = value if state.same_nbytes != NOT_KNOWN else None
                    made[place] = value
    finally:
        state.finish()


cdef class FileWriter:
    """Writes chunks to files, one at a time. A file is written under another name and renamed when it is complete.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to write.
    chunk_dir : ChunkDir
        The files of the chunks.
    partial_name : bytes
        Name of each file until it is complete. No other writer may use it.
    keep_empty : bool
        Whether chunks are stored that hold only the fill value. Otherwise their files are removed.
    uniform : bool, optional
        Whether all elements of the value are the same.

    Attributes
    ----------
    lock_error : int
        The error number of a file system that has no locks; 0 if all files were locked that had to be.
    """
    cdef PieceQueue queue
    cdef ChunkDir chunk_dir
    cdef bint keep_empty
    cdef bint uniform
    cdef char* path
    cdef char* partial
    cdef bytes partial_name
    cdef const char* partial_name_at
    cdef index_t n_partial_name
    cdef index_t n_directory         # length of the path of the directory of the last file
    cdef index_t n_in_directory      # files in a row that were written there
    cdef int directory               # its descriptor, or -1
    cdef readonly int lock_error

    def __cinit__(
        self, PieceQueue queue not None, ChunkDir chunk_dir not None, bytes partial_name not None, bint keep_empty,
        bint uniform=False
    ):
        self.chunk_dir, self.partial_name = chunk_dir, partial_name
        self.partial_name_at, self.n_partial_name = <const char*> partial_name, len(partial_name)
        self.n_directory, self.n_in_directory, self.directory = -1, 0, -1
        self.path = chunk_dir.new_path(queue.plan.ndim, self.n_partial_name)
        self.partial = chunk_dir.new_path(queue.plan.ndim, self.n_partial_name)
        self.queue, self.keep_empty, self.uniform = queue, keep_empty, uniform

    def __dealloc__(self):
        self.leave_directory()
        free(self.path)
        free(self.partial)

    cdef void leave_directory(self) noexcept nogil:
        """Close the directory of the last file."""
        if self.directory >= 0:
            c_close(self.directory)
        self.directory, self.n_in_directory, self.n_directory = -1, 0, -1

    cdef void enter_directory(self, index_t length) noexcept nogil:
        """Note that a file is written to the directory whose path are the first bytes of `self.path`.

        After many files there it is opened.
        """
        if length != self.n_directory or memcmp(self.path, self.partial, length) != 0:
            self.leave_directory()
            self.n_directory = length
            memcpy(self.partial, self.path, length)
            memcpy(self.partial + length, self.partial_name_at, self.n_partial_name + 1)
        self.n_in_directory += 1
        if self.n_in_directory == MANY_IN_DIRECTORY and length > 0:
            self.partial[length] = 0
            self.directory = zarrcy_open_directory(self.partial)
            self.partial[length] = self.partial_name_at[0]

    cdef bint store(self, index_t number, const char* encoded, index_t n) except -1 nogil:
        """Write a chunk, or remove it if `n` is EMPTY. False if that failed."""
        cdef char* end = self.chunk_dir.write_path(self.path, self.queue.plan, number)
        cdef index_t length = end - self.path
        cdef int failed
        if n == EMPTY:
            return c_unlink(self.path) == 0 or zarrcy_is_absent()
        if n < 0:
            return False
        while length > 0 and self.path[length - 1] != SLASH:
            length -= 1
        self.enter_directory(length)
        if self.directory < 0:
            failed = zarrcy_replace_file(self.partial, self.path, encoded, n)
        else:
            failed = zarrcy_replace_file_in(
                self.directory, self.partial + length, self.path + length, encoded, n
            )
        if failed and n > LOOK_NBYTES:
            with gil:
                _raise_pending()
        return failed == 0

    cdef bint write_piece(
        self, EncodeState state, PieceQueue queue, index_t number, index_t* waited_ns
    ) except -1 nogil:
        """Encode the chunk that a piece replaces, and write it. False if the fallback path must do that.

        `waited_ns` is NULL, or it is set to how much longer the system calls took than a copy in memory.
        """
        cdef const char* encoded = NULL
        cdef index_t start
        cdef bint is_written
        cdef index_t n = state.encode(
            queue, <OuterPlan> queue.plan, queue.layout, number, state.workspace.chunk, &encoded
        )
        if n == FALLBACK:
            return False
        if waited_ns == NULL:
            return self.store(number, encoded, n)
        start = zarrcy_now_ns()
        is_written = self.store(number, encoded, n)
        waited_ns[0] = zarrcy_now_ns() - start - (n if n > 0 else 0)
        return is_written

    def write(self):
        """Write the pieces that replace their chunks.

        The call returns after some 20 ms, even if the queue is not done, so that signals are handled: call it again
        until then. Several threads may work on one queue, each with a writer of its own.

        Returns
        -------
        list of int
            Numbers of the pieces that change a part of their chunk, or that the fallback path must write.
        """
        cdef index_t first, last, place, number, n, n_fallback = 0, done = 0, waited_ns = 0
        cdef PieceQueue queue = self.queue
        cdef EncodeState state
        cdef Latency latency = self.chunk_dir.writes
        cdef Sample sample
        cdef bint was_slow = latency.wait_ns > 0, is_sampled = queue.n_places > 1
        cdef index_t deadline
        cdef index_t most = CALL_NBYTES // (queue.codec.nbytes + 1) + 1
        cdef index_t* fallback_pieces
        if not encodes(queue):
            raise ValueError("the native path cannot write whole chunks of this queue")
        most = most if most < queue.n_places else queue.n_places
        # one or two pieces are written before the step of the queue counts
        fallback_pieces = <index_t*> malloc(room_for(most + queue.step + 2, sizeof(index_t)))
        if fallback_pieces == NULL:
            raise MemoryError()
        state = EncodeState(queue, self.keep_empty, self.uniform)
        try:
            with nogil:
                while is_sampled and done < 2 and queue.take_one(&place):
                    latency.begin(&sample)
                    number = queue.number_of(place)
                    if not self.write_piece(state, queue, number, &waited_ns):
                        fallback_pieces[n_fallback] = number
                        n_fallback += 1
                    is_sampled = latency.end(&sample, waited_ns)
                    done += 1
                if latency.wait_ns:
                    # several threads share even a few pieces; the caller asks for more threads first
                    queue.step = 1
                    most = most if was_slow else 0
                deadline = zarrcy_now_ns() + (UNIFORM_CALL_NS if self.uniform else CALL_NS)
                while done < most and queue.take(&first, &last):
                    for place in range(first, last):
                        number = queue.number_of(place)
                        if not self.write_piece(state, queue, number, NULL):
                            fallback_pieces[n_fallback] = number
                            n_fallback += 1
                    done += last - first
                    if zarrcy_now_ns() >= deadline:
                        break
            return [fallback_pieces[n] for n in range(n_fallback)]
        finally:
            free(fallback_pieces)
            self.leave_directory()
            state.finish()

    cdef int claim(self, const char* encoded, index_t n) except -2 nogil:
        """Write a chunk to `self.path` unless it exists. Returns 1, 0 if it exists, or -1 if that failed."""
        cdef index_t length = strlen(self.path)
        cdef int result
        if n == EMPTY:
            # it did not exist when that was checked, which is as if it had been removed then
            return 1
        if n < 0:
            return -1
        while length > 0 and self.path[length - 1] != SLASH:
            length -= 1
        self.enter_directory(length)
        result = zarrcy_claim_file(self.partial, self.path, encoded, n)
        if result < 0 and n > LOOK_NBYTES:
            with gil:
                _raise_pending()
        return result

    def change(self, index_t number, on_wait=None):
        """Change a part of the chunk of one piece. The caller must hold the lock of the chunk in this process.

        Returns False if the fallback path must write the piece.

        Parameters
        ----------
        number : int
            The number of the piece.
        on_wait : callable, optional
            Called with the path of the file (bytes) if another process has locked it for `on_wait.seconds`. None: the
            file is not locked.
        """
        cdef int state = AGAIN
        cdef EncodeState encode_state = EncodeState(self.queue, self.keep_empty)
        try:
            while state == AGAIN:
                state = self.change_once(encode_state, self.queue, number, on_wait)
            return state == DONE
        finally:
            encode_state.finish()

    cdef int change_once(self, EncodeState state, PieceQueue queue, index_t number, object on_wait) except -2:
        """Change a part of a chunk. Returns DONE, AGAIN if another process has replaced the file, or FALLBACK_PATH."""
        cdef StoredChunk stored
        cdef const char* encoded = NULL
        cdef Latency latency = self.chunk_dir.changes
        cdef Sample sample
        cdef index_t n, start, waited_ns
        cdef int64_t nbytes = -1
        cdef int kind = NO_LOCK, is_same = 1, result = FALLBACK_PATH
        cdef bint is_locked = on_wait is not None, is_missing = False, has_waited = False
        with nogil:
            latency.begin(&sample)
            start = zarrcy_now_ns()
            self.chunk_dir.write_path(self.path, queue.plan, number)
            stored.fd = zarrcy_open_to_lock(self.path) if is_locked else zarrcy_open_read(self.path)
            if stored.fd < 0:
                is_missing = zarrcy_is_missing(self.path)
            elif is_locked:
                kind = zarrcy_try_lock(stored.fd, 0)
            waited_ns = zarrcy_now_ns() - start
        if stored.fd < 0 and not is_missing:
            return FALLBACK_PATH
        if is_locked and stored.fd >= 0 and kind <= 0:
            has_waited = True
            try:
                kind = lock_open_file(stored.fd, self.path, 0, on_wait) if kind == 0 else kind
            except BaseException:
                c_close(stored.fd)
                raise
            if kind < 0:
                self.lock_error = errno
        stored.base, stored.start, stored.nbytes = NULL, 0, -1
        try:
            with nogil:
                if is_locked and not is_missing:
                    is_same = zarrcy_is_still_at(stored.fd, self.path, &nbytes)
                    stored.nbytes = nbytes
                if is_same == 0:
                    result = AGAIN
                elif is_same > 0 and state.change(
                    queue, queue.plan, queue.layout, NULL if is_missing else &stored, number
                ):
                    look_for_signals(queue.layout.nbytes)
                    n = state.encode_chunk(queue.layout, state.workspace.chunk, &encoded)
                    look_for_signals(queue.layout.nbytes)
                    start = zarrcy_now_ns()
                    if is_missing and is_locked:
                        result = self.claim(encoded, n)
                    elif n != FALLBACK and self.store(number, encoded, n):
                        result = DONE
                    waited_ns += zarrcy_now_ns() - start - (n if n > 0 else 0)
        finally:
            if stored.fd >= 0:
                with nogil:
                    if kind > 0:
                        zarrcy_unlock(stored.fd, 0, kind)
                    c_close(stored.fd)
        if result == DONE and not has_waited:
            latency.end(&sample, waited_ns)
        return result


def write_shard(
    PieceQueue queue not None, int fd, uint64_t[:, ::1] index not None, const index_t[::1] chunks not None,
    index_t[::1] end not None, bint uniform
):
    """Encode the pieces that replace their chunks, and write them one after the other to an open file.

    The call returns after some 20 ms, even if the queue is not done, so that signals are handled: call it again until
    then. Several threads may work on one queue.

    Parameters
    ----------
    queue : PieceQueue
        The pieces to write.
    fd : int
        Descriptor of the file.
    index : ndarray of uint64
        The rows of the written chunks are set to ``(offset, nbytes)``; both are 2**64 - 1 for an empty chunk, which is
        not written.
    chunks : ndarray of int64
        For each piece in the queue, the row of its chunk in `index`.
    end : ndarray of int64
        One element: the offset of the next chunk. It is moved.
    uniform : bool
        Whether all elements of the value are the same.

    Returns
    -------
    list of int
        Numbers of the pieces that change a part of their chunk, or that the fallback path must write.

    Raises
    ------
    OSError
        If the file cannot be written.
    """
    cdef EncodeState state
    cdef index_t first, last, place, number, n, start, n_fallback = 0, k
    cdef const char* encoded = NULL
    cdef index_t* fallback_pieces
    cdef bint has_failed = False
    cdef index_t deadline = zarrcy_now_ns() + (UNIFORM_CALL_NS if uniform else CALL_NS)
    if chunks.shape[0] != queue.n_places or index.shape[1] != 2 or not encodes(queue):
        raise ValueError(f"the queue has {queue.n_places} pieces, but there are {chunks.shape[0]} chunk numbers")
    for k in range(chunks.shape[0]):
        if not 0 <= chunks[k] < index.shape[0]:
            raise IndexError(f"chunk {chunks[k]} of a shard that has {index.shape[0]} chunks")
    fallback_pieces = <index_t*> malloc(room_for(queue.n_places + 1, sizeof(index_t)))
    if fallback_pieces == NULL:
        raise MemoryError()
    state = EncodeState(queue, False, uniform)
    try:
        with nogil:
            while not has_failed and queue.take(&first, &last):
                for place in range(first, last):
                    number = queue.number_of(place)
                    n = state.encode(
                        queue, <OuterPlan> queue.plan, queue.layout, number, state.workspace.chunk, &encoded
                    )
                    if n == FALLBACK:
                        fallback_pieces[n_fallback] = number
                        n_fallback += 1
                        continue
                    if n == EMPTY:
                        index[chunks[place], 0] = index[chunks[place], 1] = ABSENT
                        continue
                    start = zarrcy_fetch_add(&end[0], n)
                    index[chunks[place], 0], index[chunks[place], 1] = <uint64_t> start, <uint64_t> n
                    if zarrcy_write_at(fd, encoded, n, start) != 0:
                        has_failed = True
                        break
                if zarrcy_now_ns() >= deadline:
                    break
        if has_failed:
            _raise_pending()
            PyErr_SetFromErrno(OSError)
        return [fallback_pieces[k] for k in range(n_fallback)]
    finally:
        free(fallback_pieces)
        state.finish()
