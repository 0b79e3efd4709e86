"""Arrays that xarray reads when their elements are needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
from xarray.backends import BackendArray
from xarray.coding.strings import create_vlen_dtype
from xarray.core import indexing

from zarrcy.hierarchy.array_state import open_state
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.node import Node
from zarrcy.storage import access
from zarrcy.types import AnyArray, Buffer, Elements, Key, Option, Shape

if TYPE_CHECKING:
    from xarray.core.indexing import ExplicitIndexer

_OF_TEXTS = {"vlen-utf8": str, "vlen-bytes": bytes}
# Coordinates of a far store that are read together, in bytes without compression.
_MOST_TOGETHER = 2**26


class LazyArray(BackendArray):
    """An array of zarrcy whose selections xarray reads: basic, outer and vectorised ones.

    Parameters
    ----------
    array : Array
        The array.
    coordinates : Coordinates, optional
        The coordinates that are read together with this one.
    """

    def __init__(self, array: Array, coordinates: Coordinates | None = None) -> None:
        self._array = array
        self._coordinates = coordinates
        self.shape: Shape = array.shape
        self.dtype = array.dtype
        if self.dtype.kind == "O" and array.filters:
            kind = _OF_TEXTS.get(str(array.filters[0].codec_id))
            if kind is not None:
                self.dtype = create_vlen_dtype(kind)

    def __reduce__(self) -> tuple[object, ...]:
        # a copy in another process reads what it needs itself
        return type(self), (self._array,)

    def get_array(self) -> Array:
        """Return the array.

        Returns
        -------
        Array
            The array of zarrcy.
        """
        return self._array

    def __getitem__(self, key: ExplicitIndexer) -> Elements:
        return indexing.explicit_indexing_adapter(
            key, self.shape, indexing.IndexingSupport.VECTORIZED, self._method(key)
        )

    async def async_getitem(self, key: ExplicitIndexer) -> Elements:
        """Read a selection in a thread, while other coroutines run.

        Parameters
        ----------
        key : ExplicitIndexer
            The selection.

        Returns
        -------
        array or scalar
            The elements.
        """
        return await asyncio.to_thread(self.__getitem__, key)

    def _method(self, key: ExplicitIndexer) -> Callable[[Option], Elements]:
        if isinstance(key, indexing.VectorizedIndexer):
            return self._read_points
        if isinstance(key, indexing.OuterIndexer):
            return self._read_outer
        return self._read

    def _read(self, key: Option) -> Elements:
        coordinates = self._coordinates
        if coordinates is not None:
            self._coordinates = None
            if key == (slice(None),) or key == (slice(None, None, 1),):
                known = coordinates.take(self._array.path)
                if known is not None:
                    return known
        return self._array[key]

    def _read_outer(self, key: Option) -> Elements:
        return self._array.oindex[key]

    def _read_points(self, key: Option) -> Elements:
        return self._array.vindex[key]


class Coordinates:
    """The coordinates of a dataset that have an index, which xarray reads whole, one after the other.

    When the first of them is read, the chunks of all of them are fetched together, if the store is far. So they take
    as many rounds of requests as one array with all of their chunks.

    Parameters
    ----------
    arrays : iterable of Array
        The coordinates.
    """

    def __init__(self, arrays: Iterable[Array]) -> None:
        self._waiting = {array.path: array for array in arrays if array.nbytes <= _MOST_TOGETHER}
        self._fetched: dict[Key, Buffer] | None = None

    def take(self, path: str) -> AnyArray | None:
        """Return the elements of a coordinate; None if it is not one of those that are read together.

        Parameters
        ----------
        path : str
            Path of the coordinate.

        Returns
        -------
        array or None
            All elements.
        """
        array = self._waiting.get(path)
        if array is None:
            return None
        if self._fetched is None:
            self._fetched = self._fetch(array)
        self._waiting.pop(path, None)
        chunks = {key: self._fetched.pop(key) for key in _chunk_keys(array) if key in self._fetched}
        state = array.current_state()
        node = Node(array.store, path, chunks, zarr_format=array.zarr_format)
        return np.asarray(Array.from_state(open_state(node, state.config, state.metadata))[...])

    def _fetch(self, first: Array) -> dict[Key, Buffer]:
        """Fetch the chunks of as many coordinates as fit into memory; the first one is read now."""
        total = 0
        together = []
        for array in [first, *(other for other in self._waiting.values() if other is not first)]:
            total += array.nbytes
            if total <= _MOST_TOGETHER:
                together.append(array)
        self._waiting = {array.path: array for array in together}
        keys = [key for array in together for key in _chunk_keys(array)]
        found = zip(keys, access.reader(first.chunk_store)(keys), strict=True)
        return {key: value for key, value in found if value is not None}


def _chunk_keys(array: Array) -> list[Key]:
    """Return the keys of the stored values of an array with one axis."""
    keys = array.description.chunk_keys
    prefix = keys.root + array.node.prefix
    return [prefix + keys.name((i,)) for i in range(array.description.count_stored_values())]
