"""Large arrays whose memory begins at a page. `_reference_large_array` is the same without that."""

cimport numpy as cnp

import numpy as np

cnp.import_array()

cdef extern from "numpy/arrayobject.h":
    object PyDataMem_SetHandler(object handler)

cdef extern from "large_array.h":
    object zarrcy_handler()

cdef object _handler = zarrcy_handler()


def new_array(tuple shape not None, dtype, str order not None, bint zeroed):
    """Return a new array. On Linux, its memory is fresh from the system and begins at a page.

    The array owns its memory, as those of NumPy do. The kernel is asked for huge pages.

    Parameters
    ----------
    shape : tuple of int
        The shape.
    dtype : dtype
        The data type, without Python objects.
    order : {"C", "F"}
        The order of the elements in memory.
    zeroed : bool
        Whether the array consists of zeros; else its elements are arbitrary.
    """
    cdef object before, make = np.zeros if zeroed else np.empty
    if _handler is None:
        return make(shape, dtype, order)
    before = PyDataMem_SetHandler(_handler)
    try:
        return make(shape, dtype, order)
    finally:
        PyDataMem_SetHandler(before)
