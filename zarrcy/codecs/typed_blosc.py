"""Blosc: with the item size that the metadata state, in every version of numcodecs, and without its lock.

numcodecs takes a lock of the process when Blosc runs in the main thread. An exception of a signal handler can leave it
held, and a handler that encodes a chunk itself can wait for it for ever; so can the forks of a process that was killed.
The functions `encode` and `decode` never take it: they call the kernels, or numcodecs in another thread.
"""

from __future__ import annotations

import sys
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels
from zarrcy.codecs.configured import ConfiguredCodec, actual
from zarrcy.codecs.elements import contiguous
from zarrcy.types import AnyArray, Buffer, Codec

if TYPE_CHECKING:
    import zarrcy._kernels.native as _native
    from zarrcy._kernels._native_codec import ChunkCodec
else:
    _native = _kernels.native
if TYPE_CHECKING or _kernels.COMPILED:
    from zarrcy._kernels._locks import uninterrupted
else:
    from zarrcy._kernels._reference_locks import uninterrupted


def blosc_shuffle(typesize: int) -> int:
    """Return the shuffle that Blosc's automatic mode, ``shuffle=-1``, chooses for an item size in bytes.

    >>> import numcodecs
    >>> blosc_shuffle(1) == numcodecs.Blosc.BITSHUFFLE, blosc_shuffle(8) == numcodecs.Blosc.SHUFFLE
    (True, True)
    """
    bitshuffle, shuffle = 2, 1
    return bitshuffle if typesize == 1 else shuffle


def blosc(cname: str, clevel: int, shuffle: int, typesize: int, blocksize: int) -> Codec:
    """Return numcodecs' Blosc codec with an item size, in bytes.

    >>> blosc("lz4", 5, 1, typesize=4, blocksize=0).decode(blosc("lz4", 5, 1, 4, 0).encode(b"abcd" * 100))[:6]
    b'abcdab'
    """
    config = {"id": "blosc", "cname": cname, "clevel": clevel, "shuffle": shuffle, "blocksize": blocksize}
    return ConfiguredCodec(config, typesize)


def is_own(codec: Codec) -> bool:
    """Return whether a codec is one of numcodecs or zarrcy. Another one of the same name may differ."""
    return type(codec).__module__.startswith(("numcodecs.", "zarrcy."))


def encode(codec: Codec, chunk: AnyArray | Buffer) -> Buffer:
    """Return what a codec makes of a chunk.

    >>> import numcodecs
    >>> encode(numcodecs.Blosc(), np.zeros(100)) == encode(numcodecs.Blosc(), bytes(800))
    False
    """
    if not is_own(codec):
        from zarrcy.codecs.foreign import checked  # few arrays have such a codec

        takes_lock = _is_blosc(type(codec))
        encoded = uninterrupted(codec.encode, chunk) if takes_lock else codec.encode(chunk)
        return checked(codec, chunk, encoded, decode)
    is_configured = type(codec) is ConfiguredCodec
    if not (codec.codec_id == "blosc" if is_configured else _is_blosc(type(codec))):
        return actual(codec).encode(chunk) if is_configured else codec.encode(chunk)
    if isinstance(chunk, bytes) and chunk:
        # what an object codec or a filter returned
        chunk = np.frombuffer(chunk, np.uint8)
    encoded = _encode_natively(codec, chunk) if isinstance(chunk, np.ndarray) else None
    if encoded is not None:
        return encoded
    encoded = uninterrupted(actual(codec).encode, chunk)
    return encoded


def decode(codec: Codec, data: Buffer, out: NDArray[np.uint8] | None = None) -> Buffer:
    """Return what a codec decodes, in the memory `out` if it is given.

    >>> import numcodecs
    >>> bytes(decode(numcodecs.Blosc(), numcodecs.Blosc().encode(b"abc")))
    b'abc'
    """
    codec = actual(codec)
    options = {} if out is None else {"out": out}
    if _is_blosc(type(codec)):
        return uninterrupted(codec.decode, data, **options)
    return contiguous(codec.decode(data, **options))


@lru_cache(maxsize=64)
def _is_blosc(kind: type) -> bool:
    # an abstract class checks instances slowly; without the module, no object of the class exists
    module = sys.modules.get("numcodecs.blosc")
    return module is not None and issubclass(kind, module.Blosc)


def native_parameters(
    cname: object, clevel: object, shuffle: object, typesize: object, blocksize: object
) -> dict[str, int | str] | None:
    """Return the parameters with which the kernels encode as Blosc does; None if they cannot.

    The values come from metadata, so each is checked.
    """
    if (
        _kernels.native is None
        or "blosc" not in _native.CODECS
        or not (isinstance(cname, str) and cname in _native.INNER)
        or not (isinstance(clevel, int) and 0 <= clevel <= 9)
        or not (isinstance(shuffle, int) and -1 <= shuffle <= 2)
        or not (isinstance(typesize, int) and 1 <= typesize < 2**31)
        or not (isinstance(blocksize, int) and 0 <= blocksize <= 2**30)
    ):
        return None
    return {
        "cname": cname,
        "level": clevel,
        "shuffle": blosc_shuffle(typesize) if shuffle == -1 else shuffle,
        "typesize": typesize,
        "blocksize": blocksize,
    }


# Modules of the classes that encode as the kernels do.
_MODULES = ("numcodecs.blosc", "zarrcy.codecs.configured", "zarrcy.codecs.sized_blosc")


def _encode_natively(codec: Codec, chunk: AnyArray) -> bytes | None:
    """Return an encoded chunk; None if numcodecs must encode it."""
    if (
        # a class of another package may encode in another way
        type(codec).__module__ not in _MODULES or not chunk.flags.c_contiguous or chunk.dtype.hasobject
    ):
        return None
    typesize = getattr(codec, "typesize", None) or chunk.itemsize
    config = codec.get_config()
    native = _native_codec(
        config["cname"], config["clevel"], config["shuffle"], typesize, config["blocksize"], chunk.nbytes
    )
    if native is None:
        return None
    # arrays of times do not have the buffer protocol
    return native.encode(chunk.reshape(-1).view(np.uint8) if chunk.dtype.kind in "mM" else chunk)


@lru_cache(maxsize=64)
def _native_codec(
    cname: object, clevel: object, shuffle: object, typesize: object, blocksize: object, nbytes: int
) -> ChunkCodec | None:
    parameters = native_parameters(cname, clevel, shuffle, typesize, blocksize)
    return None if parameters is None else _native.ChunkCodec(nbytes, 1, "blosc", (), parameters)
