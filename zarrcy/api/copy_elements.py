"""Copy the elements of one array to another: the chunks as stored if possible, else decoded and encoded again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np

from zarrcy.api.progress import Advance
from zarrcy.codecs import Compressor, Filter, Shard, Stage
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.stored_chunks import stored_values
from zarrcy.storage import access
from zarrcy.types import JSON, Shape

ArrayLike: TypeAlias = Any
"""An array of zarrcy, or a dataset of h5py, which has no type stubs."""

_PIECE_NBYTES = 32 * 2**20
_BATCH_KEYS = 256


def copy_elements(source: ArrayLike, target: ArrayLike, advance: Advance, as_text: bool = False) -> None:
    """Copy all elements of an array to another of the same shape.

    Parameters
    ----------
    source, target : Array or h5py.Dataset
        If both have the same encoding, the chunks are copied as stored.
    advance : callable
        Called with the number of bytes that were copied.
    as_text : bool, optional
        Read the texts of an h5py dataset as str.
    """
    if (
        isinstance(source, Array)
        and isinstance(target, Array)
        and target.write_empty_chunks
        and not source.is_view
        and _encoding(source) == _encoding(target)
    ):
        copy_stored_chunks(source, target, advance)
        return
    itemsize = int(target.dtype.itemsize)
    # pieces of whole shards, so that each shard is written once
    chunks = getattr(target, "shards", None) or target.chunks
    lengths = _piece_shape(target.shape, chunks, getattr(source, "chunks", None), itemsize)
    reader = source.asstr() if as_text else source
    starts = (range(0, n, length) for n, length in zip(target.shape, lengths, strict=True))
    for corner in itertools.product(*starts):
        stops = [min(a + b, n) for a, b, n in zip(corner, lengths, target.shape, strict=True)]
        piece = tuple(slice(a, b) for a, b in zip(corner, stops, strict=True))
        target[piece] = reader[piece]
        advance(math.prod(b - a for a, b in zip(corner, stops, strict=True)) * itemsize)


def _piece_shape(shape: Shape, chunks: Shape | None, source_chunks: Shape | None, itemsize: int) -> Shape:
    """Return the shape of pieces that consist of whole chunks and have at most about 32 MiB.

    They are first made as long as the chunks of the source, so that each of these is decoded once, and then
    longer, beginning with the last axis.

    >>> _piece_shape((10**6, 10**6), (100, 1), (1, 1000), 8)
    (100, 41943)
    """
    chunks = chunks or shape
    lengths = [max(1, n) for n in chunks]
    for wanted in (source_chunks or chunks, shape):
        for axis in reversed(range(len(shape))):
            step = max(1, chunks[axis])
            most = max(1, _PIECE_NBYTES // (math.prod(lengths) // lengths[axis] * step * max(1, itemsize)))
            lengths[axis] = max(lengths[axis], min(most, -(-wanted[axis] // step)) * step)
    return tuple(lengths)


def _encoding(array: Array) -> tuple[object, ...]:
    """Return everything, except the elements, that determines the stored bytes of an array."""
    metadata = array.metadata
    fill = metadata.fill_value
    if fill is not None and not metadata.dtype.hasobject:
        fill = np.asarray(fill, metadata.dtype).tobytes()
    return metadata.shape, metadata.stored_axes, metadata.dtype, fill, _comparable(metadata.stages)


def _comparable(stages: Sequence[Stage]) -> list[Hashable | JSON]:
    """Return codec stages in a form that can be compared, with the configuration instead of each codec."""
    return [
        (stage.chunk_shape, stage.index_at_end, _comparable(stage.stages), _comparable(stage.index_stages))
        if isinstance(stage, Shard)
        else (stage.name, stage.codec.get_config())
        if isinstance(stage, (Filter, Compressor))
        else stage
        for stage in stages
    ]


def copy_stored_chunks(source: Array, target: Array, advance: Advance) -> None:
    """Copy the stored chunks, or shards, of an array without decoding them."""
    fetch, write = (
        access.checked_reader(source.chunk_store, access.value_reader(source.chunk_store)),
        access.writer(target.chunk_store),
    )
    nbytes = math.prod(source.metadata.chunk_shape) * source.itemsize
    stored = list(stored_values(source.node, source.metadata))
    size = max(1, min(_BATCH_KEYS, _PIECE_NBYTES // max(1, nbytes)))
    chunk_keys = target.metadata.chunk_keys
    prefix = chunk_keys.root + target.node.prefix
    for first in range(0, len(stored), size):
        batch = stored[first : first + size]
        values = fetch([key for key, _ in batch])
        keys = [prefix + chunk_keys.name(coords) for _, coords in batch]
        write({key: value for key, value in zip(keys, values, strict=True) if value is not None})
        advance(len(batch) * nbytes)
