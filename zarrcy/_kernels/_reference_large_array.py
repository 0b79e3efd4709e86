"""The same as `_large_array` without compiled code: the memory of an array begins anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def new_array(
    shape: tuple[int, ...], dtype: np.dtype[Any], order: Literal["C", "F"], zeroed: bool
) -> NDArray[Any]:
    """Return a new array: see ``_large_array.new_array``."""
    return np.zeros(shape, dtype, order) if zeroed else np.empty(shape, dtype, order)
