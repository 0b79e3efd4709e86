"""Clear what a new shape of an array cuts off, and what it would reveal.

Elements beyond the shape are not necessarily the fill value. A stored value at the edge holds more than the array
shows, and a writer that failed while it appended leaves elements that no shape ever showed. All of them must be the
fill value before a document with a longer shape is written.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from zarrcy import _kernels
from zarrcy.hierarchy import array_indexing
from zarrcy.hierarchy.array_state import ArrayState
from zarrcy.hierarchy.document_change import DocumentChange
from zarrcy.hierarchy.stored_chunks import boxes_between, coords_at_edge, keys_between, stored_counts
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.indexing.regions import Region
from zarrcy.storage import access
from zarrcy.types import AnyArray, Shape

Extent = list[tuple[int, int]]
"""First element and end of a box along each axis."""
# Elements that are compared with the fill value at a time. More saves requests of far stores, but needs memory.
_COMPARED_NBYTES = 32 * 2**20


def clear_outside(state: ArrayState, shape: Shape, change: DocumentChange) -> None:
    """Give all stored elements the fill value that are not both in the array and in `shape`.

    The caller holds the lock under which the document of the array is changed, and writes the shape afterwards.
    Stored values of which nothing remains are deleted. Elements beyond the present shape are cleared only where
    `shape` would reveal them: in particular a shape that is shorter along all axes leaves them alone.

    Parameters
    ----------
    state : ArrayState
        The present state of the array.
    shape : Shape
        The new shape, in elements.
    change : DocumentChange
        The change of the document.

    Raises
    ------
    NotErasableError
        If values would have to be deleted and the store cannot do that. Nothing has changed then.
    ChunkDecodeError
        If a stored value at the edge is damaged. Nothing has changed then.
    """
    node, metadata = state.node, state.metadata
    kept = tuple(map(min, metadata.shape, shape))
    union = tuple(map(max, metadata.shape, shape))
    if kept == union:
        return
    outside = list(keys_between(node, metadata, kept, union))
    is_erasable = access.is_erasable(node.chunk_store)
    writer = _state_to_clear(state, union, write_empty_chunks=not is_erasable)
    dirty: list[Extent] = []
    if outside and not is_erasable:
        counts = stored_counts(metadata, metadata.shape)
        for key, coords in outside:
            if all(map(int.__lt__, coords, counts)):
                raise access.refusal_to_delete(node.chunk_store, key)
            axes = zip(metadata.stored_axes, coords, union, strict=True)
            dirty.append([(axis.start_of(i), min(axis.start_of(i + 1), n)) for axis, i, n in axes])
        outside = []
    dirty += _dirty_edges(writer, kept, union)
    if kept != metadata.shape and (dirty or outside):
        # if the document cannot be written, nothing is cut off
        change.save_and_go_on(metadata)
    fill = np.empty((1,) * len(shape), metadata.dtype)
    _kernels.for_dtype(metadata.dtype).fill(_flat(fill), writer.chunk_io.fill_bytes)
    for box in dirty:
        array_indexing.set_basic_selection(writer, _slices(box), fill)
    if outside:
        node.delete_chunks([key for key, _ in outside])


def _state_to_clear(state: ArrayState, shape: Shape, write_empty_chunks: bool) -> ArrayState:
    """Return a state of the same array with another shape, without options that change what a read or write does."""
    config = replace(
        state.config,
        write_empty_chunks=state.config.write_empty_chunks or write_empty_chunks,
        meta_array=None,
        read_missing="fill",
        unaligned="lock",
        cache_bytes=0,
    )
    return ArrayState(state.node, config, state.metadata.with_shape(shape))


def _dirty_edges(state: ArrayState, kept: Shape, union: Shape) -> Iterator[Extent]:
    """Iterate over boxes outside `kept` that are not filled, of the stored values that hold elements of `kept`."""
    if 0 in kept or not state.dtype.itemsize:
        return
    axes = state.metadata.stored_axes
    for box in _edges(state, kept, union):
        values = np.asarray(array_indexing.get_basic_selection(state, _slices(box)))
        if _is_filled(state, values):
            continue
        parts = list(_parts(box, axes, 0))
        dirty = [part for part in parts if not _is_filled(state, values[_slices(part, box)])]
        # one write of many values is faster
        yield from [box] if len(dirty) == len(parts) else dirty


def _edges(state: ArrayState, kept: Shape, union: Shape) -> Iterator[Extent]:
    """Iterate over boxes of at most `_COMPARED_NBYTES`, or of one stored value, for `_dirty_edges`."""
    axes = state.metadata.stored_axes
    ends = tuple(
        min(axis.start_of(axis.count(n)), end) for axis, n, end in zip(axes, kept, union, strict=True)
    )
    boxes = list(boxes_between(kept, ends))
    found = coords_at_edge(state.node, state.metadata, kept, union)
    if found is None:
        most = _COMPARED_NBYTES // state.dtype.itemsize
        for box in boxes:
            yield from _parts(box, axes, most)
        return
    for coords in found:
        value = [(axis.start_of(i), axis.start_of(i + 1)) for axis, i in zip(axes, coords, strict=True)]
        for box in boxes:
            common = [(max(a, c), min(b, d)) for (a, b), (c, d) in zip(box, value, strict=True)]
            if all(start < stop for start, stop in common):
                yield common


def _parts(box: Extent, axes: tuple[AxisChunks, ...], most: int) -> Iterator[Extent]:
    """Cut a box along borders of stored values into parts of at most `most` elements, or of one stored value."""
    if math.prod(b - a for a, b in box) > most:
        for number, (axis, (start, stop)) in enumerate(zip(axes, box, strict=True)):
            first, last = axis.chunk_at(start), axis.chunk_at(stop - 1)
            if first < last:
                border = axis.start_of((first + last + 1) // 2)
                for half in ((start, border), (border, stop)):
                    yield from _parts([*box[:number], half, *box[number + 1 :]], axes, most)
                return
    yield box


def _is_filled(state: ArrayState, values: AnyArray) -> bool:
    return _kernels.for_dtype(state.dtype).is_filled(
        _flat(np.ascontiguousarray(values)), state.chunk_io.fill_bytes
    )


def _flat(values: AnyArray) -> AnyArray:
    """Return the memory of a contiguous array as the kernels take it."""
    return values.reshape(-1) if values.dtype.hasobject else values.reshape(-1).view("u1")


def _slices(box: Extent, within: Extent | None = None) -> Region:
    """Return the key that selects a box, in the array or in the elements of the box `within`."""
    origins = [0] * len(box) if within is None else [start for start, _ in within]
    return tuple(slice(a - origin, b - origin) for (a, b), origin in zip(box, origins, strict=True))
