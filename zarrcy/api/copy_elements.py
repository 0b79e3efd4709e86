"""Move the elements of one array to another: as they are stored, or decoded and encoded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from zarrcy.api.progress import Advance
from zarrcy.codecs import Compressor, Filter, Shard, Stage
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.stored_chunks import stored_values
from zarrcy.storage import access
from zarrcy.types import Shape

_PIECE_NBYTES = 32 * 2**20
_BATCH_KEYS = 256


def copy_elements(source: Any, target: Any, advance: Advance, asstr: bool = False) -> None:
    """Copy all elements of an array to another of the same shape; as they are stored, where that is the same.

    Parameters
    ----------
    source, target : arrays of ours, or datasets of h5py
    advance : is told how many bytes were done
    asstr : read a dataset of h5py as texts
    """
    if (
        isinstance(source, Array)
        and isinstance(target, Array)
        and target.write_empty_chunks
        and not source.is_view
        and _encoding(source) == _encoding(target)
    ):
        move_chunks(source, target, advance)
        return
    itemsize = int(target.dtype.itemsize)
    # no shard is written twice
    chunks = getattr(target, "shards", None) or target.chunks
    lengths = _piece_shape(target.shape, chunks, getattr(source, "chunks", None), itemsize)
    read = source.asstr() if asstr else source
    starts = (range(0, n, length) for n, length in zip(target.shape, lengths, strict=True))
    for corner in itertools.product(*starts):
        stops = [min(a + b, n) for a, b, n in zip(corner, lengths, target.shape, strict=True)]
        piece = tuple(slice(a, b) for a, b in zip(corner, stops, strict=True))
        target[piece] = read[piece]
        advance(math.prod(b - a for a, b in zip(corner, stops, strict=True)) * itemsize)


def _piece_shape(shape: Shape, chunks: Shape | None, source_chunks: Shape | None, itemsize: int) -> Shape:
    """Return the shape of pieces that are whole chunks, as large as memory should be used for.

    They are made as long as the chunks of the source first, so that each is decoded once, and then
    longer, from the last axis on.

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


def _encoding(array: Array) -> tuple[Any, ...]:
    """Return all on which the stored bytes of an array depend, but its elements."""
    about = array.metadata
    fill = about.fill_value
    if fill is not None and not about.dtype.hasobject:
        fill = np.asarray(fill, about.dtype).tobytes()
    return about.shape, about.stored_axes, about.dtype, fill, _spelled(about.stages)


def _spelled(stages: Sequence[Stage]) -> list[Any]:
    """Return stages in a form that can be compared; codecs can't be."""
    return [
        (stage.chunk_shape, stage.index_at_end, _spelled(stage.stages), _spelled(stage.index_stages))
        if isinstance(stage, Shard)
        else (stage.name, stage.codec.get_config())
        if isinstance(stage, (Filter, Compressor))
        else stage
        for stage in stages
    ]


def move_chunks(source: Array, target: Array, advance: Advance) -> None:
    """Copy the chunks of an array as they are stored; those that are not stay so."""
    fetch, put = access.reader(source.chunk_store), access.writer(target.chunk_store)
    nbytes = math.prod(source.metadata.chunk_shape) * source.itemsize
    found = list(stored_values(source.node, source.metadata))
    size = max(1, min(_BATCH_KEYS, _PIECE_NBYTES // max(1, nbytes)))
    chunk_keys = target.metadata.chunk_keys
    prefix = chunk_keys.root + target.node.prefix
    for first in range(0, len(found), size):
        batch = found[first : first + size]
        values = fetch([key for key, _ in batch])
        keys = [prefix + chunk_keys.name(coords) for _, coords in batch]
        put({key: value for key, value in zip(keys, values, strict=True) if value is not None})
        advance(len(batch) * nbytes)
