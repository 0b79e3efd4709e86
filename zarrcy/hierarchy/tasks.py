"""Task: a part of the work of filling an array, which may be killed at any moment and started again."""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from typing import Literal, TypeAlias

import numpy as np

from zarrcy.errors import MissingPiecesError, PlaceError, RegionError, SelectionError
from zarrcy.hierarchy import array_indexing
from zarrcy.hierarchy.array_state import ArrayState
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.progress_bar import byte_progress
from zarrcy.hierarchy.progress_records import ProgressRecords, task_name
from zarrcy.indexing import regions
from zarrcy.indexing import selection as selections
from zarrcy.indexing.boxes import Boxes, add_box, as_boxes, overlapping, uncovered
from zarrcy.indexing.regions import Extent, Region
from zarrcy.storage import access
from zarrcy.sync.key_locks import KeyLock
from zarrcy.sync.ranks import PartLike, part_of
from zarrcy.types import Elements, Key, Selection

OnError: TypeAlias = Literal["raise", "skip"] | Callable[[Region, Exception], object]
Progress: TypeAlias = bool | Callable[[int, int], object]

# Stored values that are written until they are flushed and recorded, even if the time has not come yet. Their keys are
# kept in memory, and what was not recorded is written again after a kill.
_MOST_VALUES = 4096


class Task(AbstractContextManager["Task"]):
    """A part of the work of filling an array. `zarrcy.Array.task` makes it.

    A record below ``.zarrcy-progress/`` at the path of the array says which regions were written. It is written after
    the files of these regions are flushed to the disk: every few seconds, and at the end of the block. A task that is
    killed at any moment, and started again, writes what is not recorded.

    Parameters
    ----------
    state : ArrayState
        The present state of the array.
    records : ProgressRecords
        The records of the job.
    number, of : int
        Number of the task, from 0, and number of all tasks.
    part : Extent
        The part of the array that this task fills, in elements.
    file : str
        Name of the record of this task.
    every : float
        Seconds between two records.

    Attributes
    ----------
    number : int
        Number of the task, from 0.
    of : int
        Number of all tasks.
    """

    def __init__(
        self,
        state: ArrayState,
        records: ProgressRecords,
        *,
        number: int,
        of: int,
        part: Extent,
        file: str,
        every: float,
    ) -> None:
        self.number, self.of = number, of
        self._state, self._records, self._part, self._file, self._every = state, records, part, file, every
        self._axes = state.metadata.stored_axes
        self._written: deque[Extent] = deque()
        self._n_values = 0
        self._last = time.monotonic()
        self._lock = KeyLock([f"{id(self)}:record"])
        records.begin()
        self._others: Boxes = records.load()
        self._done = records.load_one(file)
        # a partial write replaces a file of which parts may be recorded, also by other tasks
        self._durable = _durable(state)

    @property
    def region(self) -> Region:
        """The part of the array that this task fills, as a selection."""
        return tuple(slice(start, stop) for start, stop in self._part)

    def __repr__(self) -> str:
        return f"<Task {self.number} of {self.of}, region {self.region}>"

    def __exit__(self, kind: type[BaseException] | None, *args: object) -> None:
        if kind is None:
            self.record()
        else:
            # the exception of the block is the one to raise
            with suppress(Exception):
                self.record()

    def remaining(self) -> Iterator[Region]:
        """Iterate over the regions of this task that are not recorded as written yet.

        Each lies in one stored value (a chunk, or a shard if the array has shards), so tasks never write to the same
        value, unless the region of the job cuts through it.

        Yields
        ------
        tuple of slice
            A selection, to pass to `write`.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(10, chunks=4)
        >>> with a.task(0, 2) as task:
        ...     list(task.remaining())
        [(slice(0, 4, None),)]
        """
        return iter(self.missing())

    def missing(self) -> regions.Pieces:
        """Return the regions of this task that are not recorded as written yet.

        Returns
        -------
        sequence of tuple of slice
            What `remaining` iterates over.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.zeros(10, chunks=4).task(0, 2).missing()
        [(slice(0, 4, None),)]
        """
        return regions.Pieces(uncovered(self._part, self._known()), self._axes)

    def _known(self) -> Boxes:
        """Return all boxes that were written."""
        own = as_boxes([*self._done, *self._written], len(self._part))
        return np.concatenate((self._others, own))

    def write(self, region: Selection, values: Elements) -> None:
        """Write the elements of a region, and note that it is done.

        Parameters
        ----------
        region : selection
            Slices of step 1, integers and Ellipsis: as a rule one of `remaining`, but any region of the array may be
            written.
        values : scalar or array_like
            The elements. After a kill the same elements must be passed for a region again.

        Raises
        ------
        ReadOnlyError
            If the array is read-only.
        RegionError
            If the region has a step.
        ValueShapeError
            If the value does not fit the region. Nothing was written then.

        See Also
        --------
        Task.remaining : The regions to write.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(10, chunks=4)
        >>> with a.task(0, 1) as task:
        ...     for region in task.remaining():
        ...         task.write(region, 1)
        >>> a.missing()
        []
        """
        extent = extent_of(self._state, region)
        shape = self._state.metadata.shape
        is_whole = regions.is_aligned(extent, shape, self._axes)
        is_new = not (overlapping(self._others, extent).any() or self._is_recorded(extent))
        state = self._state if is_whole and is_new else self._durable
        array_indexing.set_basic_selection(state, region, values)
        if all(start < stop for start, stop in extent):
            self._written.append(extent)
            self._n_values += len(regions.Pieces([extent], self._axes))
        if self._n_values >= _MOST_VALUES or time.monotonic() >= self._last + self._every:
            self.record()

    def _is_recorded(self, extent: Extent) -> bool:
        return bool(overlapping(as_boxes(self._done, len(extent)), extent).any())

    def record(self) -> None:
        """Flush what was written to the disk, and record it. `write` and the end of the block call this.

        Raises
        ------
        OSError
            If the system can't flush a file. It counts as not written then.

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros(10, chunks=4)
        >>> task = a.task(0, 1)
        >>> task.write(slice(0, 4), 1)
        >>> task.record()
        >>> a.missing()
        [(slice(4, 8, None),), (slice(8, 10, None),)]
        """
        with self._lock:
            written = list(itertools.islice(self._written, len(self._written)))
            if written:
                keys = [key for extent in written for key in self._keys_of(extent)]
                access.sync_values(self._state.node.chunk_store, keys)
                done = list(self._done)
                for extent in written:
                    add_box(done, extent)
                self._records.save(self._file, done)
                self._done = done
                for _ in written:
                    self._written.popleft()
            self._n_values = 0
            self._last = time.monotonic()

    def _keys_of(self, extent: Extent) -> Iterator[Key]:
        """Iterate over the keys of the stored values that hold an extent."""
        chunk_keys = self._state.metadata.chunk_keys
        prefix = chunk_keys.root + self._state.node.prefix
        cells = regions.cells_of(extent, self._axes)
        for coords in itertools.product(*(range(*cell) for cell in cells)):
            yield prefix + chunk_keys.name(coords)


def _durable(state: ArrayState) -> ArrayState:
    """Return a state of the same array in which a file is flushed before it replaces another one."""
    node = state.node
    store = access.with_durability(node.chunk_store, "data")
    if store is node.chunk_store:
        return state
    own = Node(node.store, node.path, store, node.synchronizer, node.format.ZARR_FORMAT)
    return ArrayState(own, state.config, state.metadata, cache=state.cache)


def extent_of(state: ArrayState, region: Selection | None) -> Extent:
    """Return the extent of a selection of slices of step 1, integers and Ellipsis; None selects the whole array.

    Raises
    ------
    RegionError
        If a slice has another step, and more than one element.
    SelectionError
        If it is not such a selection.
    """
    if region is None:
        return tuple((0, n) for n in state.metadata.shape)
    box, new_axes = selections.normalize_basic(state.planner, region, state.grid)
    if new_axes is not None:
        raise SelectionError("a region has no new axes: leave out None", state.metadata.shape)
    ranges = list(zip(box.starts, box.counts, box.steps, strict=True))
    if 0 in box.counts:
        return ((0, 0),) * len(ranges)
    extent = tuple((start, start + (n - 1) * step + 1) for start, n, step in ranges)
    if any(n > 1 and step != 1 for _, n, step in ranges):
        shape, axes = state.metadata.shape, state.metadata.stored_axes
        slices = tuple(slice(start, start + n * step, step) for start, n, step in ranges)
        raise RegionError(0, slices, regions.cover(extent, shape, axes), "has a step", None)
    return extent


def extent_of_part(state: ArrayState, region: Selection | None, part: PartLike | None) -> Extent:
    """Return the extent of a part of a region, by default of the whole array."""
    extent = extent_of(state, region)
    if part is None:
        return extent
    number, of = part_of(part)
    shape, axes = state.metadata.shape, state.metadata.stored_axes
    if of > 1 and not axes:
        raise PlaceError(f"an array without axes cannot be cut into {of} parts")
    return tuple((one.start, one.stop) for one in regions.cut_one(shape, axes, of, number, extent))


def pieces(state: ArrayState, region: Selection | None, n: int | None) -> Sequence[Region]:
    """Return the parts of a region that follow the write grid: see `zarrcy.Array.pieces`."""
    shape, axes = state.metadata.shape, state.metadata.stored_axes
    extent = extent_of(state, region)
    if n is None:
        return regions.Pieces([extent], axes)
    if n < 1:
        raise ValueError(f"n is {n}; the number of regions must be 1 or more")
    n = min(n, len(regions.Pieces([extent], axes)))
    return [regions.cut_one(shape, axes, n, number, extent) for number in range(n)]


def open_task(
    state: ArrayState, place: tuple[int, int], region: Selection | None, name: str, every: float
) -> Task:
    """Return a task: see `zarrcy.Array.task`."""
    store = state.node.store
    if not access.is_erasable(store):
        raise access.refusal_to_delete(store, state.node.path)
    number, of = place
    extent = extent_of(state, region)
    part = regions.cut_one(state.metadata.shape, state.metadata.stored_axes, of, number, extent)
    return Task(
        state,
        ProgressRecords(state.node, state.metadata, name),
        number=number,
        of=of,
        part=tuple((one.start, one.stop) for one in part),
        file=task_name(number, of, None if region is None else extent),
        every=every,
    )


def missing(state: ArrayState, region: Selection | None, name: str) -> regions.Pieces:
    """Return the regions that no record covers: see `zarrcy.Array.missing`."""
    extent = extent_of(state, region)
    done = ProgressRecords(state.node, state.metadata, name).load()
    return regions.Pieces(uncovered(extent, done), state.metadata.stored_axes)


def fill(
    task: Task, itemsize: int, compute: Callable[[Region], Elements], progress: Progress, on_error: OnError
) -> list[Region]:
    """Write what a function returns for the missing regions: see `zarrcy.Array.fill_missing`."""
    wanted = task.missing()
    failed = []
    with task, byte_progress(itemsize * wanted.size, "filling", quiet=progress is not True) as advance:
        for number, region in enumerate(wanted, 1):
            try:
                task.write(region, compute(region))
            except Exception as exc:
                if on_error == "raise":
                    raise
                if callable(on_error):
                    on_error(region, exc)
                failed.append(region)
            advance(itemsize * math.prod(part.stop - part.start for part in region))
            if callable(progress):
                progress(number, len(wanted))
    return failed


def finish(state: ArrayState, region: Selection | None, name: str, force: bool) -> None:
    """Remove the records of a job: see `zarrcy.Array.finish`."""
    if not force:
        left = missing(state, region, name)
        if left:
            raise MissingPiecesError(state.node.path, left[0], len(left))
    ProgressRecords(state.node, state.metadata, name).remove()
