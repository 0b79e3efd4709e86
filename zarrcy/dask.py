"""Arrays of dask that read Zarr arrays, and write them without more locks than are needed.

The chunks of dask are whole stored values: shards, or the chunks of an array without shards. So no two tasks read or
write the same stored value, unless the caller asks for other chunks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from zarrcy.errors import MissingExtraError
from zarrcy.hierarchy.array_state import open_state
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import create, open_array
from zarrcy.hierarchy.node import Node
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.storage import access
from zarrcy.types import Option, Selection, StoreLike

try:
    import dask
    import dask.array as da
except ImportError as exc:
    raise MissingExtraError("dask", "dask", "zarrcy.dask") from exc

if TYPE_CHECKING:
    from dask.delayed import Delayed

__all__ = ["aligned_chunks", "from_zarr", "to_zarr"]

# Bytes that an object is counted as: dask refuses to choose chunks of objects.
_OBJECT_NBYTES = 64


def aligned_chunks(array: Array, nbytes: int | str | None = None) -> tuple[tuple[int, ...], ...]:
    """Return lengths of chunks for dask whose borders are borders of stored values.

    Parameters
    ----------
    array : Array
        The array.
    nbytes : int or str, optional
        About how long the elements of one chunk may be, in bytes; at least one stored value is taken. The default is
        dask's setting ``array.chunk-size``. 0 takes each stored value alone.

    Returns
    -------
    tuple of tuple of int
        The lengths along each axis.

    Examples
    --------
    >>> import zarrcy, zarrcy.dask
    >>> a = zarrcy.zeros((1000, 1000), chunks=(100, 100), shards=(300, 500), dtype="i1", zarr_format=3)
    >>> zarrcy.dask.aligned_chunks(a, 0)
    ((300, 300, 300, 100), (500, 500))
    >>> zarrcy.dask.aligned_chunks(a, 320_000)
    ((300, 300, 300, 100), (1000,))
    """
    limit = dask.config.get("array.chunk-size") if nbytes is None else nbytes
    most = dask.utils.parse_bytes(limit) if isinstance(limit, str) else int(limit)
    itemsize = _OBJECT_NBYTES if array.dtype.hasobject else max(1, array.itemsize)
    axes = list(zip(array.description.stored_axes, array.shape, strict=True))
    longest = [min(n, axis.lengths[0] if axis.is_regular else max(axis.sizes(n))) or 1 for axis, n in axes]
    lengths: list[tuple[int, ...]] = [()] * len(axes)
    # the last axes first: neighbours along them are near each other in memory and in the store
    for number in reversed(range(len(axes))):
        axis, n = axes[number]
        others = math.prod(longest) // longest[number]
        lengths[number] = _merged(axis, n, most // (others * itemsize))
        longest[number] = max(lengths[number], default=1) or 1
    return tuple(lengths)


def _merged(axis: AxisChunks, n: int, most: int) -> tuple[int, ...]:
    """Return the lengths of stored values along an axis, neighbours added up to at most `most` elements."""
    if axis.is_regular:
        length = axis.lengths[0] * max(1, most // axis.lengths[0])
        return tuple(min(length, n - start) for start in range(0, n, length)) or (0,)
    merged: list[int] = []
    for size in axis.sizes(n):
        if merged and merged[-1] + size <= most:
            merged[-1] += size
        else:
            merged.append(size)
    return tuple(merged) or (0,)


def from_zarr(
    place: Array | StoreLike,
    path: str | None = None,
    chunks: Option = "auto",
    storage_options: dict[str, Option] | None = None,
    **kwargs: Option,
) -> da.Array:
    """Return an array of dask that reads a Zarr array.

    Parameters
    ----------
    place : Array, mapping, store, str or PathLike
        An array, or where it is: a mapping of str to bytes, a store object, a path or a URL.
    path : str, optional
        Path of the array in the store.
    chunks : "auto", None or what dask takes, optional
        "auto" joins stored values (shards or chunks) up to dask's setting ``array.chunk-size``; None takes each stored
        value alone. Other values are passed to dask as they are: they may read a stored value more than once.
    storage_options : dict, optional
        Options of the store, if `place` is a URL.
    **kwargs
        Keywords of ``dask.array.from_array``.

    Returns
    -------
    dask.array.Array
        The array. Its tasks hold the place of the Zarr array, not its elements.

    Raises
    ------
    ArrayNotFoundError
        If there is no array.

    See Also
    --------
    to_zarr : Write an array of dask.
    aligned_chunks : The chunks that "auto" and None choose.

    Examples
    --------
    >>> import zarrcy, zarrcy.dask
    >>> store = {}
    >>> zarrcy.open_array(store, mode="w", shape=(6, 4), chunks=(2, 4), dtype="i4")[:] = 1
    >>> a = zarrcy.dask.from_zarr(store, chunks=None)
    >>> a.chunks, int(a.sum().compute())
    (((2, 2, 2), (4,)), 24)
    """
    array = (
        place
        if isinstance(place, Array)
        else open_array(place, mode="r", path=path, storage_options=storage_options)
    )
    if chunks is None or (isinstance(chunks, str) and chunks == "auto"):
        chunks = aligned_chunks(array, 0 if chunks is None else None)
    kwargs.setdefault("meta", np.empty((0,) * array.ndim, array.dtype))
    kwargs.setdefault("name", f"from-zarr-{dask.base.tokenize(array, chunks)}")
    return da.from_array(array, chunks=chunks, **kwargs)


def to_zarr(
    x: da.Array,
    place: Array | StoreLike,
    path: str | None = None,
    *,
    region: Selection | None = None,
    append: int | None = None,
    compute: bool = True,
    lock: Option = None,
    return_stored: bool = False,
    storage_options: dict[str, Option] | None = None,
    scheduler_options: dict[str, Option] | None = None,
    **kwargs: Option,
) -> Array | Delayed | da.Array:
    """Write an array of dask to a Zarr array, which is created unless it exists.

    Chunks of dask whose borders are borders of stored values (shards, or chunks of an array without shards) are
    written without locks. Others take the locks of zarrcy, which hold between threads, and between processes that
    write to a directory. In a dask cluster that writes to another store, they take locks of the cluster.

    Parameters
    ----------
    x : dask.array.Array
        What is written.
    place : Array, mapping, store, str or PathLike
        An array, or where it is: a mapping of str to bytes, a store object, a path or a URL.
    path : str, optional
        Path of the array in the store.
    region : tuple of slice, optional
        Part of an array that exists, to be written to.
    append : int, optional
        Axis along which an array that exists grows by the length of `x`. It grows at once, also with
        ``compute=False``.
    compute : bool, optional
        If false, create the array only, and return what writes the elements.
    lock : bool or lock, optional
        Passed to ``dask.array.store``. By default, locks are taken as described above.
    return_stored : bool, optional
        Return an array of dask that reads what was written.
    storage_options : dict, optional
        Options of the store, if `place` is a URL.
    scheduler_options : dict, optional
        Keywords of ``compute``, such as ``scheduler`` and ``num_workers``.
    **kwargs
        Keywords of `zarrcy.create` for a new array: ``chunks``, ``shards``, ``zarr_format``, ``overwrite`` and so on.
        By default, its chunks are those of `x`.

    Returns
    -------
    Array, dask.delayed.Delayed or dask.array.Array
        The Zarr array; with ``compute=False`` or ``return_stored=True``, what ``dask.array.store`` returns.

    Raises
    ------
    ContainsArrayError
        If there is an array, and neither `region`, `append` nor ``overwrite=True`` is given.
    ValueError
        If the shape of `x` is not known, or does not fit; if its chunks differ in length and no ``chunks`` are given;
        or if workers in other processes would write to the memory of this one.

    See Also
    --------
    from_zarr : Read a Zarr array.

    Examples
    --------
    >>> import dask.array
    >>> import zarrcy.dask
    >>> store = {}
    >>> z = zarrcy.dask.to_zarr(dask.array.ones((6, 4), chunks=(2, 4)), store)
    >>> z = zarrcy.dask.to_zarr(dask.array.zeros((3, 4), chunks=(2, 4)), store, append=0)
    >>> z.shape, z.chunks, float(z[:].sum())
    ((9, 4), (2, 4), 24.0)
    """
    if any(math.isnan(n) for n in x.shape):
        raise ValueError(
            f"the shape {x.shape} is not known; call compute_chunk_sizes() of the array before it is written"
        )
    if region is not None and append is not None:
        raise ValueError("region and append exclude each other; give one of them")
    target = place if isinstance(place, Array) else None
    if target is None and (region is not None or append is not None):
        target = open_array(place, mode="r+", path=path, storage_options=storage_options)
    if target is None:
        target = _create(x, place, path, storage_options, kwargs)
    elif kwargs:
        raise ValueError(f"{sorted(kwargs)} are for a new array, but the array at {target.path!r} exists")
    starts = _starts(x, target, region, append)
    target = _with_locks(target, x, starts, lock)
    slices = tuple(slice(start, start + n) for start, n in zip(starts, x.shape, strict=True))
    written = da.store(
        x,
        target,
        lock=False if lock is None else lock,
        regions=slices,
        compute=compute,
        return_stored=return_stored,
        **(scheduler_options or {}),
    )
    return target if compute and not return_stored else written


def _create(
    x: da.Array,
    place: StoreLike,
    path: str | None,
    storage_options: dict[str, Option] | None,
    options: dict[str, Option],
) -> Array:
    """Create the array for an array of dask."""
    if "chunks" not in options and options.get("shards") is None:
        if any(len(set(lengths[:-1])) > 1 or lengths[-1] > lengths[0] for lengths in x.chunks):
            raise ValueError(
                f"chunks of Zarr have one length, those of the array differ: {x.chunks}; give chunks=, or rechunk()"
            )
        options = {**options, "chunks": tuple(max(1, lengths[0]) for lengths in x.chunks)}
    return create(x.shape, store=place, path=path, dtype=x.dtype, storage_options=storage_options, **options)


def _starts(x: da.Array, target: Array, region: Selection | None, append: int | None) -> tuple[int, ...]:
    """Return where the first element of an array of dask goes; the target grows first, if it is to."""
    shape = target.shape
    if x.ndim != len(shape):
        raise ValueError(
            f"an array of {x.ndim} axes does not fit the array of {len(shape)} at {target.path!r}"
        )
    if append is not None:
        axis = range(len(shape))[append]
        fits = all(n == m for i, (n, m) in enumerate(zip(x.shape, shape, strict=True)) if i != axis)
        if not fits:
            raise ValueError(f"shape {x.shape} can't be appended to shape {shape} along axis {append}")
        target.resize(tuple(n + x.shape[i] if i == axis else n for i, n in enumerate(shape)))
        return tuple(shape[axis] if i == axis else 0 for i in range(len(shape)))
    parts: Sequence[Option] = () if region is None else region if isinstance(region, tuple) else (region,)
    slices = [*parts, *[slice(None)] * (len(shape) - len(parts))]
    if not all(isinstance(part, slice) and part.step in (None, 1) for part in slices):
        raise ValueError(f"region is {region!r}; it must have a slice with step 1 for each axis")
    ranges = [part.indices(n)[:2] for part, n in zip(slices, shape, strict=True)]
    if tuple(max(0, stop - start) for start, stop in ranges) != x.shape:
        raise ValueError(f"shape {x.shape} does not fit the region {region!r} of shape {shape}")
    return tuple(start for start, _ in ranges)


def _with_locks(target: Array, x: da.Array, starts: tuple[int, ...], lock: Option) -> Array:
    """Return the array, with the locks of the dask cluster if they are needed."""
    client = _client()
    if client is None:
        return target
    if access.is_in_memory(target.chunk_store) and not _is_in_this_process(client):
        raise ValueError(
            "the workers of the dask cluster can't write to a store in the memory of this process; give a path or URL"
        )
    if lock is not None or target.synchronizer is not None or _is_aligned(target, x, starts):
        return target
    if access.directory_of(target.chunk_store) is not None:
        # zarrcy locks the files
        return target
    from zarrcy.sync.synchronizers import DaskSynchronizer

    node, state = target.node, target.current_state()
    locked = Node(node.store, node.path, node.own_chunk_store, DaskSynchronizer(), target.zarr_format)
    return Array.from_state(open_state(locked, state.config, state.metadata))


def _client() -> Option:
    """Return the client of the dask cluster that computes by default; None if there is none."""
    try:
        from distributed import default_client

        return default_client()
    except (ImportError, ValueError):
        return None


def _is_in_this_process(client: Option) -> bool:
    workers: dict[str, Option] = getattr(getattr(client, "cluster", None), "workers", None) or {}
    return bool(workers) and all(type(worker).__name__ == "Worker" for worker in workers.values())


def _is_aligned(target: Array, x: da.Array, starts: tuple[int, ...]) -> bool:
    """Return whether no two chunks of dask share a stored value."""
    for axis, n, start, lengths in zip(
        target.description.stored_axes, target.shape, starts, x.chunks, strict=True
    ):
        position = start
        for length in lengths[:-1]:
            position += length
            if position < n and axis.start_of(axis.chunk_at(position)) != position:
                return False
    return True
