"""Large arrays whose memory begins at a page. `_reference_large_array` is the same without that."""

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

def new_array(
    shape: tuple[int, ...], dtype: np.dtype[Any], order: Literal["C", "F"], zeroed: bool
) -> NDArray[Any]:
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
