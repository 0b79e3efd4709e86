"""Change the elements of a chunk before a codec encodes its bytes, and after it decoded them, without the GIL.

`steps.h` has one loop for each kind of step. A row of steps changes whole chunks in memory. If a step fails, nothing is
reported but that: the caller repeats the work on the fallback path, which raises an error that says what is wrong.
`_reference_chunk_steps` is the same in NumPy.
"""

from math import frexp

cimport numpy as cnp
from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport int64_t, uint32_t
from libc.stdlib cimport calloc, free, malloc

from zarrcy._kernels._types cimport index_t, room_for

cnp.import_array()

cdef extern from "steps.h":
    enum:
        ZARRCY_SWAP, ZARRCY_SHUFFLE, ZARRCY_UNSHUFFLE, ZARRCY_DIFFERENCE, ZARRCY_CUMULATE, ZARRCY_CAST, ZARRCY_SCALE
        ZARRCY_UNSCALE, ZARRCY_RINT, ZARRCY_QUANTIZE, ZARRCY_ROUND_BITS, ZARRCY_PACK_BITS, ZARRCY_UNPACK_BITS
        ZARRCY_TRANSPOSE, ZARRCY_ADD_CHECKSUM, ZARRCY_TAKE_CHECKSUM
        ZARRCY_WRAPS, ZARRCY_COMES_BACK, ZARRCY_IS_EQUAL
        ZARRCY_NO_PADDING_BYTE, ZARRCY_PADDING_FIRST, ZARRCY_PADDING_LAST
        ZARRCY_F4, ZARRCY_STEP_MOST_NDIM, ZARRCY_MOST_STEPS, ZARRCY_N_PLACES
    ctypedef struct zarrcy_checksum:
        int kind, at_start
        uint32_t seed
    ctypedef struct zarrcy_step:
        int kind
        int to
        int flag, padding, bits, ndim, place
        int64_t size, n_in, n_out
        double a, b
        int64_t shape[8]
        int64_t strides[8]
        zarrcy_checksum sum
        int from_ "from"
    void zarrcy_checksums_init() nogil
    int zarrcy_steps_choose_places(zarrcy_step* steps, int n) nogil
    int zarrcy_steps_run(
        const zarrcy_step* steps, int n, const char* src, char* const* places, size_t nbytes
    ) nogil
    uint32_t zarrcy_checksum_of(const zarrcy_checksum* sum, const unsigned char* p, size_t n, int by_tables) nogil

cdef enum:
    MOST_TYPESIZE = 65536

# no chunk is longer, so the length after any cast fits in 64 bits
cdef index_t MOST_NBYTES = <index_t> 1 << 56

CHECKSUMS = {name: i for i, name in enumerate(("crc32c", "crc32", "adler32", "fletcher32", "lookup3"))}
NUMBERS = {name: i for i, name in enumerate(("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"))}

cdef dict _KINDS = {
    "swap": ZARRCY_SWAP, "shuffle": ZARRCY_SHUFFLE, "unshuffle": ZARRCY_UNSHUFFLE,
    "difference": ZARRCY_DIFFERENCE, "cumulate": ZARRCY_CUMULATE, "cast": ZARRCY_CAST,
    "scale": ZARRCY_SCALE, "unscale": ZARRCY_UNSCALE, "rint": ZARRCY_RINT, "quantize": ZARRCY_QUANTIZE,
    "round_bits": ZARRCY_ROUND_BITS, "pack_bits": ZARRCY_PACK_BITS, "unpack_bits": ZARRCY_UNPACK_BITS,
    "transpose": ZARRCY_TRANSPOSE, "add_checksum": ZARRCY_ADD_CHECKSUM, "take_checksum": ZARRCY_TAKE_CHECKSUM,
}
cdef dict _CAST_MODES = {"wraps": ZARRCY_WRAPS, "comes_back": ZARRCY_COMES_BACK, "is_equal": ZARRCY_IS_EQUAL}
cdef dict _PADDINGS = {
    "none": ZARRCY_NO_PADDING_BYTE, "first_byte": ZARRCY_PADDING_FIRST, "last_byte": ZARRCY_PADDING_LAST,
}

zarrcy_checksums_init()


cdef int parse_checksum(tuple checksum, int* kind, bint* at_start, unsigned int* seed) except -1:
    """Read a checksum: its name, "start" or "end", and its seed."""
    name, location, number = checksum
    kind[0] = CHECKSUMS[name]
    if location not in ("start", "end"):
        raise ValueError(f"a checksum is at the start or the end, not at {location!r}")
    at_start[0], seed[0] = location == "start", number
    return 0


def checksum(data, str name, unsigned int seed=0, bint by_tables=False):
    """Return the checksum of a buffer.

    Parameters
    ----------
    data : buffer
        The bytes.
    name : str
        A key of `CHECKSUMS`.
    seed : int, optional
        The initial value of lookup3. The other checksums ignore it.
    by_tables : bool, optional
        Whether to use no library and no special instruction of the processor.

    Returns
    -------
    int
        The checksum, a number of 32 bits.
    """
    cdef Py_buffer view
    cdef zarrcy_checksum sum_
    cdef uint32_t value
    sum_.kind, sum_.at_start, sum_.seed = CHECKSUMS[name], False, seed
    PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            value = zarrcy_checksum_of(&sum_, <const unsigned char*> view.buf, view.len, by_tables)
        return value
    finally:
        PyBuffer_Release(&view)


cdef index_t _itemsize(int number):
    """Return the length of a number, given its place in `NUMBERS`."""
    return 1 << (number // 2) if number < ZARRCY_F4 else 4 << (number - ZARRCY_F4)


cdef class Steps:
    """A row of steps that change a chunk. Several threads may use it at once.

    A step is a tuple of its kind and its parameters:

    ================================  =================================================================================
    swap, size                        reverse the bytes of each element of `size` bytes
    shuffle, size                     first all first bytes of the elements, then all second ones, and so on
    unshuffle, size                   the reverse of that
    difference, type                  each number minus the one before it; integers wrap around
    cumulate, type                    the reverse of that
    cast, type, type, mode            cast numbers. Fails for floats out of range. If `mode` is "comes_back", it fails
                                      for integers that are not the same when they are cast back; if "is_equal", for
                                      integers that do not equal their cast; if "wraps", for no integer
    scale, type, a, b, rounds         ``(x - a) * b``, rounded to the nearest integer if `rounds`
    unscale, type, a, b               ``x / b + a``
    rint, type                        round floats to integers, halves to even
    quantize, type, a                 ``rint(a * x) / a``, where `a` is a power of two
    round_bits, size, n               round away the lowest `n` bits of floats of `size` bytes, halves to even
    pack_bits, highest_first, where   eight Booleans to a byte. The number of padding bits is stored as `where` says:
                                      "none", "first_byte" or "last_byte"
    unpack_bits, highest_first, where, n  the reverse of that, to `n` Booleans
    transpose, size, shape, order     change the order of the axes of a chunk with this shape
    add_checksum, name, where, seed   add a checksum at the "start" or the "end"
    take_checksum, name, where, seed  remove it. Fails if it is wrong
    ================================  =================================================================================

    A type is a key of `NUMBERS`. Steps on floats fail if a finite number becomes infinite.

    Parameters
    ----------
    nbytes : int
        Length of a chunk before the first step, in bytes.
    steps : sequence of tuple
        The steps, at most 16.

    Raises
    ------
    ValueError
        If a step does not exist, or a chunk of this length is not a number of its elements.
    """

    def __cinit__(self, index_t nbytes, steps):
        cdef zarrcy_step* row
        cdef int k
        if len(steps) > ZARRCY_MOST_STEPS or not 0 <= nbytes < MOST_NBYTES:
            raise ValueError(f"{len(steps)} steps for a chunk of {nbytes} bytes; there are at most {ZARRCY_MOST_STEPS}")
        self.n_steps = len(steps)
        row = <zarrcy_step*> calloc(self.n_steps + 1, sizeof(zarrcy_step))
        if row == NULL:
            raise MemoryError()
        self.steps = row
        self.nbytes_in = self.nbytes_out = self.most_nbytes = nbytes
        for k in range(self.n_steps):
            self.nbytes_out = _parse(&row[k], self.nbytes_out, steps[k])
            self.most_nbytes = max(self.most_nbytes, self.nbytes_out)
        self.first_place = zarrcy_steps_choose_places(row, self.n_steps)

    def __dealloc__(self):
        free(self.steps)

    cdef int run(self, const char* source, char* const* places) noexcept nogil:
        """Do all steps. Returns 0, or -1 if a step fails. The result is at the first of three places.

        The others are scratch memory of `most_nbytes`. The source may be at the place `first_place`.
        """
        return zarrcy_steps_run(<const zarrcy_step*> self.steps, self.n_steps, source, places, self.nbytes_out)

    def apply(self, chunk):
        """Return a chunk after all steps; None if a step fails.

        Parameters
        ----------
        chunk : buffer
            The chunk, of `nbytes_in` bytes.

        Returns
        -------
        ndarray of uint8, or None
            The chunk of `nbytes_out` bytes.
        """
        cdef Py_buffer view
        cdef cnp.ndarray out
        cdef char* scratch = <char*> malloc(room_for(self.most_nbytes + 1, 2))
        cdef char* places[3]
        cdef int failed = -1
        if scratch == NULL:
            raise MemoryError()
        try:
            # there is scratch memory of this length, so it is one that the host can address
            out = cnp.PyArray_EMPTY(1, [<cnp.npy_intp> self.nbytes_out], cnp.NPY_UINT8, 0)
            places[0], places[1], places[2] = cnp.PyArray_BYTES(out), scratch, scratch + self.most_nbytes
            PyObject_GetBuffer(chunk, &view, PyBUF_SIMPLE)
            try:
                if view.len != self.nbytes_in:
                    raise ValueError(f"the chunk has {view.len} bytes; the steps take {self.nbytes_in}")
                with nogil:
                    failed = self.run(<const char*> view.buf, places)
            finally:
                PyBuffer_Release(&view)
        finally:
            free(scratch)
        return None if failed else out


cdef index_t _parse(zarrcy_step* step, index_t nbytes, tuple description) except -1:
    """Fill a step from its description. Returns the length of its output."""
    cdef index_t n
    cdef int kind = _KINDS.get(description[0], -1)
    cdef tuple parameters = description[1:]
    if kind < 0:
        raise ValueError(f"{description[0]!r} is not a step")
    step.kind, step.n_in, step.n_out, step.size = kind, nbytes, nbytes, 1
    if kind in (ZARRCY_SWAP, ZARRCY_SHUFFLE, ZARRCY_UNSHUFFLE):
        (step.size,) = parameters
        if not 1 <= step.size <= MOST_TYPESIZE or (kind == ZARRCY_SWAP and step.size not in (1, 2, 4, 8)):
            raise ValueError(f"{description}: elements of {step.size} bytes")
    elif kind in (ZARRCY_DIFFERENCE, ZARRCY_CUMULATE):
        step.from_ = NUMBERS[parameters[0]]
        step.size = _itemsize(step.from_)
    elif kind == ZARRCY_CAST:
        step.from_, step.to, step.flag = NUMBERS[parameters[0]], NUMBERS[parameters[1]], _CAST_MODES[parameters[2]]
        step.size = _itemsize(step.from_)
        step.n_out = nbytes // step.size * _itemsize(step.to)
    elif kind in (ZARRCY_SCALE, ZARRCY_UNSCALE, ZARRCY_RINT, ZARRCY_QUANTIZE):
        step.from_ = NUMBERS[parameters[0]]
        if step.from_ < ZARRCY_F4:
            raise ValueError(f"{description}: only floats are scaled and rounded")
        step.size = _itemsize(step.from_)
        step.a = parameters[1] if len(parameters) > 1 else 0
        step.b = parameters[2] if len(parameters) > 2 else 1
        step.flag = len(parameters) > 3 and parameters[3]
        if kind == ZARRCY_QUANTIZE:
            # the inverse of a power of two is exact
            if not 2.0 ** -100 <= step.a <= 2.0 ** 100 or frexp(step.a)[0] != 0.5:
                raise ValueError(f"{description}: {step.a} is not a power of two")
            step.b = 1 / step.a
    elif kind == ZARRCY_ROUND_BITS:
        step.size, step.bits = parameters
        if step.size not in (2, 4, 8) or not 1 <= step.bits < 8 * step.size - 1:
            raise ValueError(f"{description}: a float of {step.size} bytes, rounded by {step.bits} bits")
    elif kind == ZARRCY_PACK_BITS:
        step.flag, step.padding = bool(parameters[0]), _PADDINGS[parameters[1]]
        step.n_out = (nbytes + 7) // 8 + (step.padding != ZARRCY_NO_PADDING_BYTE)
    elif kind == ZARRCY_UNPACK_BITS:
        step.flag, step.padding, step.n_out = bool(parameters[0]), _PADDINGS[parameters[1]], parameters[2]
        if step.n_out < 0 or nbytes != (step.n_out + 7) // 8 + (step.padding != ZARRCY_NO_PADDING_BYTE):
            raise ValueError(f"{description}: {nbytes} bytes are not {step.n_out} packed Booleans")
    elif kind == ZARRCY_TRANSPOSE:
        step.size, shape, order = parameters
        step.ndim = len(shape)
        if not 1 <= step.ndim <= ZARRCY_STEP_MOST_NDIM or sorted(order) != list(range(step.ndim)):
            raise ValueError(f"{description}: the order must have each axis once, and there are 1 to 8 axes")
        strides = [step.size] * step.ndim
        for axis in range(step.ndim - 1, 0, -1):
            strides[axis - 1] = strides[axis] * shape[axis]
        for axis in range(step.ndim):
            step.shape[axis], step.strides[axis] = shape[order[axis]], strides[order[axis]]
        if step.size < 1 or min(shape) < 0 or strides[0] * shape[0] != nbytes:
            raise ValueError(f"{description}: the chunk has {nbytes} bytes")
    else:
        _parse_checksum_step(step, parameters)
        n = 4 if kind == ZARRCY_ADD_CHECKSUM else -4
        if nbytes + n < 0:
            raise ValueError(f"{nbytes} bytes are shorter than a checksum")
        step.n_out = nbytes + n
    if nbytes % step.size:
        raise ValueError(f"{description}: {nbytes} bytes are not a number of elements")
    return step.n_out


cdef int _parse_checksum_step(zarrcy_step* step, tuple parameters) except -1:
    cdef bint at_start = False
    parse_checksum(parameters, &step.sum.kind, &at_start, &step.sum.seed)
    step.sum.at_start = at_start
    return 0
