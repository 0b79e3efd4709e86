"""Change the elements of a chunk before a codec encodes its bytes, and after it decoded them, without the GIL.

`steps.h` has one loop for each kind of step. A row of steps changes whole chunks in memory. If a step fails, nothing is
reported but that: the caller repeats the work on the fallback path, which raises an error that says what is wrong.
`_reference_chunk_steps` is the same in NumPy.
"""

from collections.abc import Sequence
from typing import final

import numpy as np
from numpy.typing import NDArray

from zarrcy._kernels.protocols import Buffer, Step

CHECKSUMS: dict[str, int]
"""The checksums by name."""

NUMBERS: dict[str, int]
"""The types of numbers by name."""

def checksum(data: Buffer, name: str, seed: int = 0, by_tables: bool = False) -> int:
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

@final
class Steps:
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

    @property
    def nbytes_in(self) -> int: ...
    @property
    def nbytes_out(self) -> int: ...
    @property
    def most_nbytes(self) -> int: ...
    @property
    def n_steps(self) -> int: ...
    def __new__(cls, nbytes: int, steps: Sequence[Step]) -> Steps: ...
    def apply(self, chunk: Buffer) -> NDArray[np.uint8] | None:
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
