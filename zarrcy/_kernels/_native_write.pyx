"""The native path for writes: gather, encode, write and rename many chunks in one call, without the GIL.

Several threads share one job (see `_native_read`) to write whole chunks. A chunk that is written in part is read,
changed and written alone, because the caller must hold its lock.
"""

cimport numpy as cnp
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_SetFromErrno
from libc.stdint cimport uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

from zarrcy._kernels._native_codec cimport Stored, Workspace
from zarrcy._kernels._gather_scatter cimport ChunkLayout, Side, fill_run, move_piece, place_outer, whole_run
from zarrcy._kernels._fill cimport repeats
from zarrcy._kernels._native_read cimport Folder, Job
from zarrcy._kernels._plan_outer cimport OuterPlan, Plan
from zarrcy._kernels._types cimport MAX_NDIM, index_t

cnp.import_array()

cdef extern from "file_io.h":
    bint zarrcy_is_absent() nogil
    index_t zarrcy_take(index_t* counter, index_t step) nogil
    int zarrcy_replace_file(char* part, const char* target, const char* at, size_t n) nogil
    int zarrcy_write_at(int fd, const char* at, size_t n, index_t start) nogil
    int c_open "open"(const char* path, int flags) nogil
    int c_close "close"(int fd) nogil
    int c_unlink "unlink"(const char* path) nogil
    int O_RDONLY, O_CLOEXEC

cdef enum:
    CALL_NBYTES = 268435456          # encoded in one call: signals are answered between two calls
    NOT_KNOWN = -1
    EMPTY = -2                       # nothing but the fill value, and such chunks are not stored
    REFUSED = -3


cdef class Writing:
    """What one thread needs to write the pieces of a job."""
    cdef Job job
    cdef Workspace space
    cdef bint keep_empty             # chunks that hold nothing but the fill value are stored
    cdef bint uniform                # the value is one element everywhere
    cdef const char* same            # the encoded chunk of a uniform value, where it is known
    cdef index_t same_nbytes

    def __cinit__(self, Job job not None, bint keep_empty, bint uniform=False):
        self.job, self.keep_empty, self.uniform = job, keep_empty, uniform
        self.same_nbytes = NOT_KNOWN
        self.space = job.codec.borrow()

    cdef int finish(self) except -1:
        """Give the workspace back. Not when this is deallocated: the garbage collector may have cleared the job."""
        self.job.codec.idle.append(self.space)
        return 0

    cdef index_t encode(
        self, Job job, OuterPlan plan, ChunkLayout layout, index_t number, char* place, const char** encoded
    ) except -4 nogil:
        """Make the chunk of a piece that is written whole, and encode it. Returns its length, or why there is none.

        `place` has room for a chunk that is not one run of the value.
        """
        cdef Side chunk
        cdef Side side
        cdef index_t counts[MAX_NDIM]
        cdef index_t coords[MAX_NDIM]
        cdef index_t length, inside, n
        cdef int axis
        cdef bint overhangs = False
        cdef const char* made
        place_outer(
            plan, number, layout, cnp.PyArray_BYTES(job.array), cnp.PyArray_STRIDES(job.array), &chunk, &side, counts
        )
        plan.find_chunk(number, coords)
        for axis in range(plan.ndim):
            length = plan.grid._lengths[plan.ndim + axis]
            inside = plan.grid._lengths[axis] - coords[axis] * length
            if inside < length:
                overhangs = True
            else:
                inside = length
            if counts[axis] != inside:
                return REFUSED
        if self.uniform and not overhangs and self.same_nbytes != NOT_KNOWN:
            encoded[0] = self.same
            return self.same_nbytes
        self.same_nbytes = NOT_KNOWN
        if whole_run(plan, layout, &chunk, &side, counts):
            made = side.base
        else:
            made = place
            if overhangs:
                fill_run(
                    place, layout.nbytes // layout.itemsize, job.item_at,
                    layout.itemsize,
                )
            chunk.base = place + (chunk.base - <char*> NULL)
            move_piece(&side, &chunk, counts, plan.ndim, layout.itemsize, False)
        n = self.encode_chunk(layout, made, encoded)
        if self.uniform and not overhangs and n != REFUSED:
            self.same, self.same_nbytes = encoded[0], n
        return n

    cdef index_t encode_chunk(self, ChunkLayout layout, const char* chunk, const char** encoded) noexcept nogil:
        cdef index_t n
        if not self.keep_empty and repeats(
            chunk, layout.nbytes, self.job.item_at, layout.itemsize
        ):
            return EMPTY
        n = self.job.codec.encode_into(chunk, self.space, encoded)
        return n if n >= 0 else REFUSED

    cdef int change(
        self, Job job, Plan plan, ChunkLayout layout, const Stored* stored, index_t number
    ) except -1 nogil:
        """Put a piece into a chunk, in the workspace; NULL: there is no such chunk. False if it does not decode."""
        cdef Side chunk
        cdef Side side
        cdef index_t counts[MAX_NDIM]
        cdef char* place = self.space.chunk
        if stored == NULL:
            fill_run(
                place, layout.nbytes // layout.itemsize, job.item_at, layout.itemsize
            )
        elif job.codec.chunk_of(stored, plan, number, layout, place, self.space) == NULL:
            return False
        if job.outer:
            place_outer(
                <OuterPlan> plan, number, layout, cnp.PyArray_BYTES(job.array),
                cnp.PyArray_STRIDES(job.array), &chunk, &side, counts,
            )
            chunk.base = place + (chunk.base - <char*> NULL)
            move_piece(&side, &chunk, counts, plan.ndim, layout.itemsize, job.has_lists)
        else:
            plan.move(
                number, place + layout.offset, layout._strides + layout.ndim, layout.itemsize,
                job.line, job.line_step, True,
            )
        return True


def encodes(Job job not None):
    return job.codec.encoding != NULL and job.outer and not job.has_lists and job.item_at != NULL


def encode_values(Job job not None, list made not None, bint keep_empty, bint uniform):
    cdef Writing writing = Writing(job, keep_empty, uniform)
    cdef index_t first, last, place, n
    cdef const char* encoded = NULL
    cdef char* at
    cdef bytes value = None
    cdef object known = None         # the value of all chunks of a uniform value
    if len(made) != job.n_places or not encodes(job):
        raise ValueError(f"{len(made)} places for the values of {job.n_places} pieces")
    try:
        while job.take(&first, &last):
            for place in range(first, last):
                at = writing.space.chunk
                if job.codec.is_raw and not uniform:
                    # the chunk is made where it will stay
                    value = PyBytes_FromStringAndSize(NULL, job.codec.nbytes)
                    at = PyBytes_AS_STRING(value)
                with nogil:
                    n = writing.encode(job, <OuterPlan> job.plan, job.layout, job.number_of(place), at, &encoded)
                if n == EMPTY:
                    made[place] = None
                elif n >= 0:
                    if writing.same_nbytes == NOT_KNOWN or known is None:
                        if not job.codec.is_raw or uniform:
                            value = PyBytes_FromStringAndSize(NULL, n)
                            at = PyBytes_AS_STRING(value)
                        if encoded != at:
                            with nogil:
                                memcpy(at, encoded, n)
                        known = value if writing.same_nbytes != NOT_KNOWN else None
                    made[place] = value
    finally:
        writing.finish()


cdef class FileWriter:
    """Writes chunks to files of a folder, under another name first: `ending` is what that has more."""
    cdef Job job
    cdef Folder folder
    cdef bint keep_empty
    cdef bint uniform
    cdef char* path
    cdef char* part
    cdef bytes ending                # of the name of a file until it is complete
    cdef const char* ending_at
    cdef index_t n_ending

    def __cinit__(
        self, Job job not None, Folder folder not None, bytes ending not None, bint keep_empty, bint uniform=False
    ):
        cdef index_t more = len(ending)
        self.folder, self.ending = folder, ending
        self.ending_at, self.n_ending = <const char*> ending, more
        self.path = folder.new_path(job.plan.ndim, more)
        self.part = folder.new_path(job.plan.ndim, more)
        self.job, self.keep_empty, self.uniform = job, keep_empty, uniform

    def __dealloc__(self):
        free(self.path)
        free(self.part)

    cdef int store(self, index_t number, const char* encoded, index_t n) except -1 nogil:
        """Write a chunk, or remove it if it is empty; False if that failed."""
        cdef char* end = self.folder.write_path(self.path, self.job.plan, number)
        cdef index_t length = end - self.path
        if n == EMPTY:
            return c_unlink(self.path) == 0 or zarrcy_is_absent()
        if n < 0:
            return False
        memcpy(self.part, self.path, length)
        memcpy(self.part + length, self.ending_at, self.n_ending + 1)
        return zarrcy_replace_file(self.part, self.path, encoded, n) == 0

    def write(self):
        """Write pieces that are written whole, as long as the job has some; return the numbers of the others."""
        cdef index_t first, last, place, number, n, n_left = 0, done = 0
        cdef index_t room
        cdef Job job = self.job
        cdef Writing writing
        cdef const char* encoded = NULL
        cdef index_t most = CALL_NBYTES // (job.codec.nbytes + 1) + 1
        cdef index_t* left
        if not encodes(job):
            raise ValueError("pieces of this job are not written whole")
        room = (most if most < job.n_places else job.n_places) + job.step
        left = <index_t*> malloc(room * sizeof(index_t))
        if left == NULL:
            raise MemoryError()
        writing = Writing(job, self.keep_empty, self.uniform)
        try:
            with nogil:
                while done < most and job.take(&first, &last):
                    for place in range(first, last):
                        number = job.number_of(place)
                        n = writing.encode(
                            job, <OuterPlan> job.plan, job.layout, number, writing.space.chunk, &encoded
                        )
                        if n == REFUSED or not self.store(number, encoded, n):
                            left[n_left] = number
                            n_left += 1
                    done += last - first
            return [left[n] for n in range(n_left)]
        finally:
            free(left)
            writing.finish()

    def change(self, index_t number):
        """Change the chunk of one piece in part: its lock is held by the caller. False if that failed."""
        cdef Stored stored
        cdef const char* encoded = NULL
        cdef Job job = self.job
        cdef Writing writing = Writing(job, self.keep_empty)
        cdef index_t n
        cdef bint fine
        try:
            with nogil:
                self.folder.write_path(self.path, self.job.plan, number)
                stored.base, stored.start, stored.nbytes = NULL, 0, -1
                stored.fd = c_open(self.path, O_RDONLY | O_CLOEXEC)
                if stored.fd >= 0:
                    fine = writing.change(job, job.plan, job.layout, &stored, number)
                    c_close(stored.fd)
                else:
                    fine = zarrcy_is_absent() and writing.change(job, job.plan, job.layout, NULL, number)
                if fine:
                    n = writing.encode_chunk(job.layout, writing.space.chunk, &encoded)
                    fine = n != REFUSED and self.store(number, encoded, n)
            return fine
        finally:
            writing.finish()


def write_shard(
    Job job not None, int fd, uint64_t[:, ::1] index not None, const index_t[::1] chunks not None,
    index_t[::1] end not None, bint uniform
):
    cdef Writing writing = Writing(job, False, uniform)
    cdef index_t first, last, place, number, n, start, n_left = 0, k
    cdef const char* encoded = NULL
    cdef index_t* left
    cdef bint failed = False
    if chunks.shape[0] != job.n_places or index.shape[1] != 2 or not encodes(job):
        raise ValueError(f"{chunks.shape[0]} chunks of a shard for {job.n_places} pieces")
    for k in range(chunks.shape[0]):
        if not 0 <= chunks[k] < index.shape[0]:
            raise IndexError(f"chunk {chunks[k]} of a shard that has {index.shape[0]}")
    left = <index_t*> malloc((job.n_places + 1) * sizeof(index_t))
    if left == NULL:
        raise MemoryError()
    try:
        with nogil:
            while not failed and job.take(&first, &last):
                for place in range(first, last):
                    number = job.number_of(place)
                    n = writing.encode(
                        job, <OuterPlan> job.plan, job.layout, number, writing.space.chunk, &encoded
                    )
                    if n == REFUSED:
                        left[n_left] = number
                        n_left += 1
                        continue
                    if n == EMPTY:
                        index[chunks[place], 0] = index[chunks[place], 1] = <uint64_t> -1
                        continue
                    start = zarrcy_take(&end[0], n)
                    index[chunks[place], 0], index[chunks[place], 1] = <uint64_t> start, <uint64_t> n
                    if zarrcy_write_at(fd, encoded, n, start) != 0:
                        failed = True
                        break
        if failed:
            PyErr_SetFromErrno(OSError)
        return [left[k] for k in range(n_left)]
    finally:
        free(left)
        writing.finish()
