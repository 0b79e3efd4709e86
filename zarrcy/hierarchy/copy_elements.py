"""Copy the elements of one array to another: the chunks as stored if possible, else decoded and encoded again."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import numpy as np

from zarrcy.codecs import Compressor, Filter, Pipeline, Shard, Stage, StageError, fill_bytes
from zarrcy.errors import Region
from zarrcy.hierarchy.array_state import open_state
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.stored_chunks import stored_values
from zarrcy.storage import access
from zarrcy.types import JSON, AnyArray, AnyDtype, Coords, Elements, Shape

Advance: TypeAlias = Callable[[int], None]
"""Called with the number of bytes that were processed since the last call."""
Piece: TypeAlias = tuple[Region, "list[Region] | None"]
"""What is copied at once and, if the source stores few parts of it, these."""

_PIECE_NBYTES = 32 * 2**20
_BATCH_KEYS = 256
# A piece of which the source stores fewer values than one in this many is assembled from them.
_FEW_PARTS = 4


def copy_elements(source: Elements, target: Elements, advance: Advance, as_text: bool = False) -> None:
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
        and (target.write_empty_chunks or not target.description.fill_is_stated)
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
    stays_missing = _must_stay_missing(source, target)
    if stays_missing and target.description.fill_is_stated:
        target = _without_empty_chunks(target)
    elif stays_missing:
        # one chunk at a time, so that those which are not stored are left out
        lengths = chunks
    pieces = _stored_pieces(source, target, lengths, stays_missing)
    n_left = math.prod(target.shape)
    for piece, parts in _all_pieces(target.shape, lengths) if pieces is None else pieces:
        target[piece] = reader[piece] if parts is None else _assembled(source, piece, parts)
        n_elements = math.prod(part.stop - part.start for part in piece)
        n_left -= n_elements
        advance(n_elements * itemsize)
    # what is not stored needs no work
    advance(n_left * itemsize)


def _all_pieces(shape: Shape, lengths: Shape) -> Iterator[Piece]:
    starts = (range(0, n, length) for n, length in zip(shape, lengths, strict=True))
    for corner in itertools.product(*starts):
        yield tuple(slice(a, min(a + b, n)) for a, b, n in zip(corner, lengths, shape, strict=True)), None


def _assembled(source: Array, piece: Region, parts: list[Region]) -> AnyArray:
    """Return the elements of a piece, of which the source stores only parts."""
    fill, dtype = source.description.fill_value_or_zero, source.dtype
    values: AnyArray = np.zeros(tuple(s.stop - s.start for s in piece), dtype)
    if fill is not None:
        values.fill(fill)
    for part in parts:
        common = [(max(a.start, b.start), min(a.stop, b.stop)) for a, b in zip(piece, part, strict=True)]
        inside = tuple(slice(a - s.start, b - s.start) for (a, b), s in zip(common, piece, strict=True))
        values[inside] = source[tuple(slice(a, b) for a, b in common)]
    return values


# -- what is stored ----------------------------------------------------------------------------------


def _must_stay_missing(source: Elements, target: Elements) -> bool:
    """Return whether missing elements read the same in two arrays, but not if they are written to the target.

    Filters such as FixedScaleOffset, Quantize and BitRound round elements, the fill value too.
    """
    if not (isinstance(source, Array) and isinstance(target, Array)) or target.dtype.hasobject:
        return False
    metadata = target.description
    if not any(isinstance(stage, Filter) for stage in metadata.chunk_stages):
        return False
    if not _missing_read_alike(source, target):
        return False
    fill = fill_bytes(metadata.fill_value_or_zero, metadata.dtype)
    chunk = np.frombuffer(fill * math.prod(metadata.chunks), np.uint8)
    pipeline = Pipeline(metadata.chunk_stages, metadata.chunks, metadata.dtype)
    try:
        decoded = pipeline.decode(pipeline.encode(chunk), np.empty(chunk.nbytes, np.uint8))
    except StageError:
        return True
    return np.asarray(decoded).reshape(-1).view(np.uint8).tobytes() != chunk.tobytes()


def _without_empty_chunks(array: Array) -> Array:
    """Return an object of the same array that stores no chunks of the fill value."""
    state = array.current_state()
    config = replace(state.config, write_empty_chunks=False)
    return Array.from_state(open_state(state.node, config, state.metadata))


def _stored_pieces(
    source: Elements, target: Elements, lengths: Shape, stays_missing: bool
) -> Iterator[Piece] | None:
    """Return the pieces that hold stored elements of a source of which most elements were never written.

    None if most are stored, unless the others must stay missing, or if elements that were never written would read
    differently in the target. The pieces cover each written chunk of the target once, as a whole.
    """
    if not (isinstance(source, Array) and isinstance(target, Array) and _missing_read_alike(source, target)):
        return None
    stored = [coords for _, coords in stored_values(source.node, source.description)]
    if 2 * len(stored) >= source.description.count_stored_values() and not stays_missing:
        return None
    return _pieces_of(stored, source, target, lengths)


def _pieces_of(stored: list[Coords], source: Array, target: Array, lengths: Shape) -> Iterator[Piece]:
    axes = target.description.stored_axes
    # numbers of target chunks: in a small piece about as long as a chunk of the source, and in a large piece
    small, large = [], []
    for axis, theirs, length in zip(axes, source.description.stored_axes, lengths, strict=True):
        most = max(1, length // axis.longest) if axis.is_regular else 1
        small.append(min(most, -(-theirs.longest // axis.longest)))
        large.append(most // small[-1] * small[-1])
    boxes: dict[Coords, _Box] = {}
    for coords in stored:
        part = _stored_region(source, coords)
        # first and last chunk of the target, by axis, that hold elements of a stored value
        first = [axis.chunk_at(s.start) for axis, s in zip(axes, part, strict=True)]
        last = [axis.chunk_at(s.stop - 1) for axis, s in zip(axes, part, strict=True)]
        places = (range(a // step, b // step + 1) for a, b, step in zip(first, last, small, strict=True))
        for place in itertools.product(*places):
            low = [max(a, p * step) for a, p, step in zip(first, place, small, strict=True)]
            high = [min(b, p * step + step - 1) for b, p, step in zip(last, place, small, strict=True)]
            box = boxes.setdefault(place, _Box(low, high))
            box.low, box.high = list(map(min, box.low, low)), list(map(max, box.high, high))
            box.parts.append(part)
    groups: dict[Coords, list[_Box]] = {}
    for place in sorted(boxes):
        group = tuple(p * step // many for p, step, many in zip(place, small, large, strict=True))
        groups.setdefault(group, []).append(boxes[place])
    for group, members in groups.items():
        low = [g * many for g, many in zip(group, large, strict=True)]
        whole = _Box(low, [a + many - 1 for a, many in zip(low, large, strict=True)])
        is_dense = len(members) > 1 and 2 * sum(box.n_chunks for box in members) >= whole.n_chunks
        if is_dense:
            whole.parts = [part for box in members for part in box.parts]
        for box in [whole] if is_dense else members:
            region = _region(target, box)
            lengths_there = (theirs.longest for theirs in source.description.stored_axes)
            n_there = math.prod(
                (s.stop - s.start) // n + 1 for s, n in zip(region, lengths_there, strict=True)
            )
            yield region, box.parts if _FEW_PARTS * len(box.parts) < n_there else None


@dataclass(slots=True)
class _Box:
    """Neighbouring chunks of the target: the first and the last along each axis, and what the source stores there."""

    low: list[int]
    high: list[int]
    parts: list[Region] = field(default_factory=list)

    @property
    def n_chunks(self) -> int:
        return math.prod(b - a + 1 for a, b in zip(self.low, self.high, strict=True))


def _stored_region(array: Array, coords: Coords) -> Region:
    """Return the elements that the stored value with these coordinates holds."""
    axes = zip(array.description.stored_axes, coords, array.shape, strict=True)
    return tuple(slice(axis.start_of(i), min(axis.start_of(i + 1), n)) for axis, i, n in axes)


def _region(array: Array, box: _Box) -> Region:
    axes = zip(array.description.stored_axes, box.low, box.high, array.shape, strict=True)
    return tuple(slice(axis.start_of(a), min(axis.start_of(b + 1), n)) for axis, a, b, n in axes)


def _missing_read_alike(source: Array, target: Array) -> bool:
    """Return whether elements that were never written read the same in both arrays, by all readers."""
    if source.is_view or source.current_state().config.read_missing != "fill":
        return False
    ours, theirs = source.description, target.description
    value, other = ours.fill_value_or_zero, theirs.fill_value_or_zero
    if ours.dtype.hasobject or theirs.dtype.hasobject:
        is_same = ours.dtype == theirs.dtype and type(value) is type(other) and bool(value == other)
    else:
        is_same = _missing_element(value, ours.dtype, theirs.dtype) == _missing_element(
            other, theirs.dtype, theirs.dtype
        )
    return is_same and (theirs.fill_is_stated or ours.fill_is_stated == theirs.fill_is_stated)


def _missing_element(fill: Elements, dtype: AnyDtype, shown: AnyDtype) -> bytes:
    """Return the bytes of an element that was never written, as a data type; without a fill value it is zero."""
    value = np.zeros((), dtype) if fill is None else np.asarray(fill, dtype)
    with np.errstate(all="ignore"):
        return value.astype(shown).tobytes()


# -- pieces ------------------------------------------------------------------------------------------


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
    metadata = array.description
    fill = metadata.fill_value
    if fill is not None and not metadata.dtype.hasobject:
        fill = np.asarray(fill, metadata.dtype).tobytes()
    return metadata.shape, metadata.stored_axes, metadata.dtype, fill, _comparable(metadata.stages)


def _comparable(stages: Sequence[Stage]) -> list[Hashable | JSON]:
    """Return codec stages in a form that can be compared, with the configuration instead of each codec."""
    return [
        (stage.chunk_shape, stage.index_at_end, _comparable(stage.stages), _comparable(stage.index_stages))
        if isinstance(stage, Shard)
        else (stage.name, stage.configured.get_config())
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
    nbytes = math.prod(source.description.chunk_shape) * source.itemsize
    stored = list(stored_values(source.node, source.description))
    size = max(1, min(_BATCH_KEYS, _PIECE_NBYTES // max(1, nbytes)))
    chunk_keys = target.description.chunk_keys
    prefix = chunk_keys.root + target.node.prefix
    for first in range(0, len(stored), size):
        batch = stored[first : first + size]
        values = fetch([key for key, _ in batch])
        keys = [prefix + chunk_keys.name(coords) for _, coords in batch]
        write({key: value for key, value in zip(keys, values, strict=True) if value is not None})
        advance(len(batch) * nbytes)
