"""Check what codecs of other packages encode, before it is stored."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from zarrcy.codecs.elements import contiguous
from zarrcy.types import AnyArray, Buffer, Codec


def checked(
    codec: Codec, given: AnyArray | Buffer, encoded: Buffer, decode: Callable[[Codec, Buffer], Buffer]
) -> Buffer:
    """Return the output of a codec in memory of its own, after a check that it decodes to the length of the input.

    Parameters
    ----------
    codec : Codec
        A codec of another package.
    given : ndarray or bytes-like
        What the codec encoded.
    encoded : ndarray or bytes-like
        What it returned.
    decode : callable
        Decodes with a codec.

    Raises
    ------
    ValueError
        If the output decodes to another length.
    """
    output = contiguous(encoded)
    if isinstance(output, np.ndarray):
        output = output.copy("A")
    elif type(output) is not bytes:
        try:
            output = memoryview(output).tobytes()
        except TypeError:
            # the pipeline reports an object without the buffer protocol
            return output
    # a codec may change its input, and use its memory again
    decoded = decode(codec, output.copy("A") if isinstance(output, np.ndarray) else output)
    if isinstance(given, np.ndarray) and given.dtype.hasobject:
        what, wanted, length = "objects", given.size, np.asarray(decoded).size
    else:
        what, wanted, length = "bytes", _nbytes(given), _nbytes(decoded)
    if length != wanted:
        raise ValueError(f"it was given {wanted} {what}, and what it made of them decodes to {length}")
    return output


def _nbytes(data: Buffer) -> int:
    # arrays of times do not have the buffer protocol
    return data.nbytes if isinstance(data, np.ndarray) else memoryview(data).nbytes
