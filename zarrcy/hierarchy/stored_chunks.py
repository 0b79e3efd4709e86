"""Find which chunks of an array are stored, and compute a checksum over them. No chunk is decoded."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels
from zarrcy.chunk_io.pieces import batches
from zarrcy.hierarchy.node import Node
from zarrcy.metadata import ArrayMetadata
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.listing import listdir
from zarrcy.types import Coords, Key, Shape, Store

_DIGEST_BATCH_KEYS = 1024


def stored_values(node: Node, metadata: ArrayMetadata) -> Iterator[tuple[Key, Coords]]:
    """Iterate over the stored values of an array.

    Parameters
    ----------
    node : Node
        The node of the array.
    metadata : ArrayMetadata
        Its metadata.

    Yields
    ------
    tuple
        The key of a stored value, and its coordinates: those of the chunk, or of the shard if the array has shards.
    """
    chunk_keys, ndim = metadata.chunk_keys, len(metadata.shape)
    counts = stored_counts(metadata, metadata.shape)
    prefix = chunk_keys.root + node.prefix
    for name in _names_below(node.chunk_store, prefix, metadata):
        coords = chunk_keys.coords(name, ndim)
        if coords is not None and all(i < n for i, n in zip(coords, counts, strict=False)):
            yield prefix + name, coords


def _names_below(store: Store, prefix: str, metadata: ArrayMetadata) -> Iterator[str]:
    """Iterate over the ends of the keys below a prefix. Those of all chunks are among them."""
    chunk_keys, ndim = metadata.chunk_keys, len(metadata.shape)
    if chunk_keys.separator == "." or not ndim:
        yield from listdir(store, prefix)
    elif access.is_in_memory(store) or not offers(store, "listdir"):
        yield from (key[len(prefix) :] for key in list(store) if key.startswith(prefix))
    else:
        # do not list the whole store: it may hold many arrays
        names = [chunk_keys.lead]
        for _ in range(ndim - 1):
            names = [f"{name}{n}/" for name in names for n in _numbers_after(store, prefix + name)]
        yield from (f"{name}{n}" for name in names for n in _numbers_after(store, prefix + name))


def _numbers_after(store: Store, beginning: str) -> Iterator[str]:
    """Iterate over the numbers that follow `beginning` in the keys of a store."""
    folder, _, start = beginning.rpartition("/")
    ends = (name.removeprefix(start) for name in listdir(store, folder) if name.startswith(start))
    return (end for end in ends if end.isdecimal())


def stored_counts(metadata: ArrayMetadata, shape: Shape) -> Shape:
    """Return how many stored values an array of `shape` has along each axis, if all are stored."""
    return tuple(axis.count(n) for axis, n in zip(metadata.stored_axes, shape, strict=True))


def keys_outside(node: Node, metadata: ArrayMetadata, shape: Shape) -> list[Key]:
    """Return the keys of the stored values that hold no element of an array of `shape`."""
    counts = stored_counts(metadata, shape)
    return [
        key
        for key, coords in list(stored_values(node, metadata))
        if any(i >= n for i, n in zip(coords, counts, strict=True))
    ]


def count_initialized(node: Node, metadata: ArrayMetadata) -> int:
    """Return the number of chunks that are stored: see `zarrcy.Array.nchunks_initialized`."""
    values = stored_values(node, metadata)
    if metadata.shards is None:
        return sum(1 for _ in values)
    axes = list(zip(metadata.stored_axes, metadata.chunks, metadata.shape, strict=True))
    return sum(
        math.prod(
            -(-(min(axis.start_of(i + 1), n) - axis.start_of(i)) // chunk)
            for (axis, chunk, n), i in zip(axes, coords, strict=True)
        )
        for _, coords in values
    )


def initialized_chunks(node: Node, metadata: ArrayMetadata) -> NDArray[np.bool_]:
    """Return which chunks are stored: see `zarrcy.Array.initialized_chunks`."""
    counts = tuple(axis.count(n) for axis, n in zip(metadata.chunk_axes, metadata.shape, strict=True)) or (1,)
    is_stored = np.zeros(counts, bool)
    for _, coords in stored_values(node, metadata):
        axes = zip(metadata.stored_axes, metadata.chunk_axes, coords, metadata.shape, strict=True)
        chunks = tuple(
            slice(chunk.chunk_at(axis.start_of(i)), chunk.count(min(axis.start_of(i + 1), n)))
            for axis, chunk, i, n in axes
        )
        is_stored[chunks or ...] = True
    return is_stored


def digest(node: Node, metadata: ArrayMetadata, hashname: str) -> bytes:
    """Return a checksum over the chunks, the metadata and the attributes: see `zarrcy.Array.digest`."""
    checksum = hashlib.new(hashname)
    # a grid with one element for each stored value
    counts, kernels = stored_counts(metadata, metadata.shape), _kernels.default
    grid = kernels.Grid(counts, (1,) * len(counts))
    box = kernels.parse_box(..., grid)
    assert box is not None, "an ellipsis selects everything"
    plan = kernels.split_outer(box, grid)
    chunk_keys, chunk_store = metadata.chunk_keys, node.chunk_store
    prefix = chunk_keys.prefix(node.prefix, len(counts))
    fetch = access.reader(chunk_store)
    nbytes = math.prod(metadata.chunk_shape) * metadata.dtype.itemsize
    batch = max(1, min(_DIGEST_BATCH_KEYS, access.batch_nbytes(chunk_store) // max(1, nbytes)))
    for first, last in batches(plan.n_pieces, batch):
        for value in fetch(plan.keys(first, last, prefix, chunk_keys.separator)):
            checksum.update(b"" if value is None else value)
    # in some formats, metadata and attributes are one document
    for key in dict.fromkeys((node.metadata_key, node.attributes_key)):
        checksum.update(access.get(node.store, key) or b"")
    return checksum.digest()
