"""Find which chunks of an array are stored, and compute a checksum over them. No chunk is decoded."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Callable, Iterable, Iterator

from zarrcy import _kernels
from zarrcy.chunk_io.pieces import batches
from zarrcy.hierarchy.node import Node
from zarrcy.metadata import ArrayMetadata, is_draft
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.listing import keys_of, listdir
from zarrcy.types import Buffer, Coords, Key, Shape, Store

_DIGEST_BATCH_KEYS = 1024
# Of a larger chunk grid, stored values are listed before a checksum reads them.
_MOST_DIGEST_KEYS = 2**20
# Up to this many keys are tried without a listing. To list a directory of 10,000 files takes as long as to look for
# about 1,000 files; a far store deletes 1,000 keys in one request, and lists 1,000 keys in one.
_MOST_TRIED_KEYS = 256


def stored_values(
    node: Node, metadata: ArrayMetadata, may_hold: Callable[[Coords], bool] | None = None
) -> Iterator[tuple[Key, Coords]]:
    """Iterate over the stored values of an array.

    Parameters
    ----------
    node : Node
        The node of the array.
    metadata : ArrayMetadata
        Its metadata.
    may_hold : callable, optional
        Takes the first of the coordinates of a stored value; returns whether values that begin with them are wanted.
        Folders of others are not listed.

    Yields
    ------
    tuple
        The key of a stored value, and its coordinates: those of the chunk, or of the shard if the array has shards.
    """
    chunk_keys, ndim = metadata.chunk_keys, len(metadata.shape)
    counts = stored_counts(metadata, metadata.shape)
    prefix = chunk_keys.root + node.prefix
    for name in _names_below(node.chunk_store, prefix, metadata, may_hold):
        coords = chunk_keys.coords(name, ndim)
        if coords is not None and all(i < n for i, n in zip(coords, counts, strict=False)):
            yield prefix + name, coords


def _names_below(
    store: Store, prefix: str, metadata: ArrayMetadata, may_hold: Callable[[Coords], bool] | None
) -> Iterator[str]:
    """Iterate over the ends of the keys below a prefix. Those of all wanted chunks are among them."""
    chunk_keys, ndim = metadata.chunk_keys, len(metadata.shape)
    if chunk_keys.separator == "." or not ndim:
        yield from listdir(store, prefix)
    elif access.is_in_memory(store) or not offers(store, "listdir"):
        yield from (key[len(prefix) :] for key in keys_of(store) if key.startswith(prefix))
    else:
        # do not list the whole store: it may hold many arrays
        starts: list[tuple[str, Coords]] = [(chunk_keys.lead, ())]
        for _ in range(ndim - 1):
            starts = [
                (f"{name}{n}/", (*coords, int(n)))
                for name, coords in starts
                if may_hold is None or may_hold(coords)
                for n in _numbers_after(store, prefix + name)
            ]
        for name, coords in starts:
            if may_hold is None or may_hold(coords):
                yield from (f"{name}{n}" for n in _numbers_after(store, prefix + name))


def _numbers_after(store: Store, beginning: str) -> Iterator[str]:
    """Iterate over the numbers that follow `beginning` in the keys of a store."""
    folder, _, start = beginning.rpartition("/")
    ends = (name.removeprefix(start) for name in listdir(store, folder) if name.startswith(start))
    return (end for end in ends if end.isdecimal())


def stored_counts(metadata: ArrayMetadata, shape: Shape) -> Shape:
    """Return how many stored values an array of `shape` has along each axis, if all are stored."""
    return tuple(axis.count(n) for axis, n in zip(metadata.stored_axes, shape, strict=True))


def keys_between(
    node: Node, metadata: ArrayMetadata, kept: Shape, union: Shape
) -> Iterator[tuple[Key, Coords]]:
    """Iterate over the stored values of an array of shape `union` that hold no element of one of shape `kept`.

    If there can be few such values, the keys of those that are not stored may be among them.

    Parameters
    ----------
    node, metadata
        As for `stored_values`.
    kept, union : Shape
        The shapes, in elements. `kept` is not longer than `union` along any axis.

    Yields
    ------
    tuple
        Key and coordinates of a stored value.
    """
    counts, kept_counts = stored_counts(metadata, union), stored_counts(metadata, kept)
    n_possible = math.prod(counts) - math.prod(kept_counts)
    if not n_possible:
        return
    store = node.chunk_store
    if n_possible <= _MOST_TRIED_KEYS and (access.is_local(store) or access.is_erasable(store)):
        chunk_keys = metadata.chunk_keys
        prefix, is_local = chunk_keys.root + node.prefix, access.is_local(store)
        for box in boxes_between(kept_counts, counts):
            for coords in itertools.product(*(range(*ends) for ends in box)):
                key = prefix + chunk_keys.name(coords)
                if not is_local or key in store:
                    yield key, coords
        return

    def may_hold(coords: Coords) -> bool:
        n = len(coords)
        return all(map(int.__lt__, coords, counts)) and (
            any(map(int.__ge__, coords, kept_counts)) or counts[n:] != kept_counts[n:]
        )

    for key, coords in list(stored_values(node, metadata.with_shape(union), may_hold)):
        if may_hold(coords):
            yield key, coords


def coords_at_edge(node: Node, metadata: ArrayMetadata, kept: Shape, union: Shape) -> list[Coords] | None:
    """Return the coordinates of the stored values that hold elements both of an array of shape `kept` and beyond it.

    Parameters
    ----------
    node, metadata, kept, union
        As for `keys_between`.

    Returns
    -------
    list of Coords or None
        None if most of the possible values are stored, or if there can be few of them: try all.
    """
    axes, counts = metadata.stored_axes, stored_counts(metadata, kept)
    is_cut = [
        n < end and axis.start_of(count) > n
        for axis, n, end, count in zip(axes, kept, union, counts, strict=True)
    ]
    last = tuple(count - 1 if cut else count for count, cut in zip(counts, is_cut, strict=True))
    n_possible = math.prod(counts) - math.prod(last)
    if n_possible <= _MOST_TRIED_KEYS:
        return None

    def may_hold(coords: Coords) -> bool:
        return any(map(int.__ge__, coords, last)) or any(is_cut[len(coords) :])

    values = stored_values(node, metadata.with_shape(kept), may_hold)
    found = [coords for _, coords in values if may_hold(coords)]
    return found if 2 * len(found) < n_possible else None


def boxes_between(inner: Shape, outer: Shape) -> Iterator[list[tuple[int, int]]]:
    """Iterate over boxes that together cover what `outer` has and `inner` does not, each as start and stop by axis.

    Examples
    --------
    >>> list(boxes_between((2, 3), (4, 5)))
    [[(2, 4), (0, 5)], [(0, 2), (3, 5)]]
    """
    for axis, (start, stop) in enumerate(zip(inner, outer, strict=True)):
        if start < stop:
            before = [(0, n) for n in inner[:axis]]
            yield [*before, (start, stop), *((0, n) for n in outer[axis + 1 :])]


def digest(node: Node, metadata: ArrayMetadata, hashname: str) -> bytes:
    """Return a checksum over the chunks, the metadata and the attributes: see `zarrcy.Array.digest`."""
    checksum = hashlib.new(hashname)
    for value in _values_in_order(node, metadata):
        checksum.update(value)
    # in format 3, metadata and attributes are one document; zarr-python 2 reads that of the draft twice
    keys: Iterable[Key] = (node.metadata_key, node.attributes_key)
    for key in keys if is_draft(node.format) else dict.fromkeys(keys):
        checksum.update(access.document(node.store, key) or b"")
    return checksum.digest()


def _values_in_order(node: Node, metadata: ArrayMetadata) -> Iterator[Buffer]:
    """Iterate over the stored values of an array, in C order of their coordinates."""
    counts, kernels = stored_counts(metadata, metadata.shape), _kernels.default
    nbytes = math.prod(metadata.chunk_shape) * metadata.dtype.itemsize
    chunk_store = node.chunk_store
    fetch = access.checked_reader(chunk_store, access.value_reader(chunk_store))
    batch = max(1, min(_DIGEST_BATCH_KEYS, access.batch_nbytes(chunk_store) // max(1, nbytes)))
    if math.prod(counts) > _MOST_DIGEST_KEYS:
        # most of them can't be stored: list those that are
        found = sorted(stored_values(node, metadata), key=lambda value: value[1])
        for first in range(0, len(found), batch):
            values = fetch([key for key, _ in found[first : first + batch]])
            yield from (value for value in values if value is not None)
        return
    # a grid with one element for each stored value
    grid = kernels.Grid(counts, (1,) * len(counts))
    box = kernels.parse_box(..., grid)
    assert box is not None, "an ellipsis selects everything"
    plan = kernels.split_outer(box, grid)
    chunk_keys = metadata.chunk_keys
    prefix = chunk_keys.prefix(node.prefix, len(counts))
    for first, last in batches(plan.n_pieces, batch):
        values = fetch(plan.keys(first, last, prefix, chunk_keys.separator))
        yield from (value for value in values if value is not None)
