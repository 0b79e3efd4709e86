"""Encode with filters that lose nothing, and refuse the values that would not come back.

Filters of numcodecs cast without a check: a difference that does not fit into the stored type wraps around. Filters of
floats, and those that lose precision by design (``quantize``, ``bitround``, ``categorize``), encode as numcodecs does.
``fixedscaleoffset`` of integers may round, but not wrap around.
"""

from __future__ import annotations

import numpy as np

from zarrcy.codecs.typed_blosc import encode, is_own
from zarrcy.types import AnyArray, AnyDtype, Buffer, Codec

_REMEDY = {
    "astype": "choose an 'encode_dtype' that holds all elements",
    "delta": "choose an 'astype' that holds all differences",
    "fixedscaleoffset": "choose an 'astype' that holds all scaled elements",
    "packbits": "it stores Booleans, or the bits that its configuration states",
    "vlen-array": "choose a data type that holds all elements",
}


def encode_without_loss(codec: Codec, chunk: AnyArray | Buffer) -> Buffer:
    """Return the output of a filter.

    Parameters
    ----------
    codec : Codec
        A codec that may change a value which does not fit: ``astype``, ``delta``, ``fixedscaleoffset``,
        ``packbits`` or ``vlen-array``.
    chunk : ndarray or bytes-like
        The elements.

    Returns
    -------
    ndarray or bytes-like
        The output of the codec.

    Raises
    ------
    ValueError
        If an element would decode to another one.

    >>> import numcodecs
    >>> encode_without_loss(numcodecs.Delta("<i4", "i1"), np.array([0, 1000], "<i4"))
    Traceback (most recent call last):
    ...
    ValueError: 1000 would be read as -24; choose an 'astype' that holds all differences
    """
    if not is_own(codec):
        return encode(codec, chunk)
    name = str(codec.codec_id)
    if name == "vlen-array":
        _check_items(codec, np.asarray(chunk))
        return codec.encode(chunk)
    elements = chunk if isinstance(chunk, np.ndarray) else np.frombuffer(chunk, np.uint8)
    dtype = _compared_dtype(codec, elements.dtype)
    if dtype is None:
        return codec.encode(chunk)
    try:
        # a cast out of range returns different numbers on different processors
        with np.errstate(invalid="raise"):
            encoded = codec.encode(chunk)
            decoded = np.asarray(codec.decode(encoded))
    except (FloatingPointError, OverflowError) as exc:
        raise ValueError(f"an element would be read as another one; {_REMEDY[name]}") from exc
    old, new = (_flat(array, dtype) for array in (elements, decoded))
    if name == "fixedscaleoffset":
        lost = np.flatnonzero(_rounding_error(old, new) > _most_rounding(codec, old))
    else:
        lost = np.flatnonzero(_octets(old) != _octets(new)) // dtype.itemsize
    if len(lost):
        raise ValueError(f"{old[lost[0]]} would be read as {new[lost[0]]}; {_REMEDY[name]}")
    return encoded


def _flat(array: AnyArray, dtype: AnyDtype) -> AnyArray:
    flat: AnyArray = np.ascontiguousarray(array.reshape(-1, order="A")).view(dtype)
    return flat


def _octets(array: AnyArray) -> AnyArray:
    # compares not-a-times too
    return array.view(np.uint8)


def _rounding_error(old: AnyArray, new: AnyArray) -> AnyArray:
    return np.abs(old.astype(np.float64) - new.astype(np.float64))


def _most_rounding(codec: Codec, elements: AnyArray) -> AnyArray:
    """Return how much each integer may change when it is scaled, rounded and scaled back."""
    # the result is truncated to an integer, and large integers are inexact as floats
    of_scale = 0.5 / abs(float(codec.get_config()["scale"]))
    return 1 + of_scale + np.abs(elements.astype(np.float64)) * 2.0**-50


def _compared_dtype(codec: Codec, dtype: AnyDtype) -> AnyDtype | None:
    """Return the data type of the elements of a filter; None if no element can be lost, or floats are."""
    name = str(codec.codec_id)
    if name == "packbits":
        own: AnyDtype = getattr(codec, "dtype", dtype)
        return None if own.kind in "bfc" else own
    stored, memory = _types(codec)
    if memory.kind in "fc":
        return None
    if name == "fixedscaleoffset":
        return memory
    if memory.kind in "iu" and (stored == memory or (name == "astype" and _holds(stored, memory))):
        # differences of one type wrap around and back
        return None
    return memory


def _holds(stored: AnyDtype, memory: AnyDtype) -> bool:
    """Return whether each integer of one type is one of another."""
    return stored.kind in "iu" and np.can_cast(memory, stored, "safe")


def _types(codec: Codec) -> tuple[AnyDtype, AnyDtype]:
    """Return the data types of the elements in the store and in memory."""
    config = codec.get_config()
    names = ("encode_dtype", "decode_dtype") if codec.codec_id == "astype" else ("astype", "dtype")
    stored, memory = (np.dtype(config[name]) for name in names)
    return stored, memory


def _check_items(codec: Codec, items: AnyArray) -> None:
    """Raise an error if an array among the elements does not fit into the data type of the codec."""
    dtype = np.dtype(codec.get_config()["dtype"])
    if dtype.kind in "fc":
        return
    for item in items.reshape(-1):
        if item is None or (getattr(item, "dtype", None) == dtype):
            continue
        array = np.asarray(item)
        with np.errstate(invalid="ignore"):
            cast = array.astype(dtype)
        if array.size and not np.array_equal(cast, array):
            lost = np.flatnonzero(np.asarray(cast != array).reshape(-1))
            at = int(lost[0]) if len(lost) else 0
            raise ValueError(
                f"{array.reshape(-1)[at]} would be read as {cast.reshape(-1)[at]}; {_REMEDY['vlen-array']}"
            )
