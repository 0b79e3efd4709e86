"""How groups and arrays come into a group: `zarrcy.Group` adds finding, walking and moving them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from zarrcy.errors import ContainsArrayError, ContainsGroupError
from zarrcy.hierarchy import creation
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.node import Node, refuse_read_only
from zarrcy.hierarchy.node_properties import NodeProperties
from zarrcy.indexing.chunk_shapes import normalize_shape
from zarrcy.keys import normalize_path
from zarrcy.settings import ArrayConfig, take_options

if TYPE_CHECKING:
    from zarrcy.hierarchy.groups import Group


class GroupCreation(NodeProperties, ABC):
    """The methods that create; names may be paths, and a leading slash begins at the root of the store."""

    _options: ArrayConfig

    @abstractmethod
    def _group_at(self, node: Node) -> Group: ...

    def _at(self, name: Any) -> Node:
        """Return the place that a name means, seen from here."""
        path = normalize_path(name)
        if isinstance(name, str) and name[:1] == "/":
            return self._node.at(path)
        return self._node.at(self._node.prefix + path if path else self._node.path)

    def _change(self) -> AbstractContextManager[Any]:
        """Return the lock under which the hierarchy may be changed.

        Raises
        ------
        ReadOnlyError : it may not
        """
        refuse_read_only(self._options.read_only, self._node.path)
        return self._node.hierarchy_lock()

    def _make(self, make: Callable[..., Array], name: Any, *args: Any, **kwargs: Any) -> Array:
        with self._change():
            return self._make_unlocked(make, name, *args, **kwargs)

    def _make_unlocked(self, make: Callable[..., Array], name: Any, *args: Any, **kwargs: Any) -> Array:
        kwargs.setdefault("synchronizer", self._node.synchronizer)
        kwargs.setdefault("cache_attrs", self._options.cache_attrs)
        kwargs.setdefault("meta_array", self._options.meta_array)
        kwargs = {**self._options.more(), **kwargs}
        return make(
            *args,
            store=self._node.store,
            path=self._at(name).path,
            chunk_store=self._node.own_chunk_store,
            **kwargs,
        )

    # -- groups ----------------------------------------------------------------------------------

    def create_group(
        self, name: str, overwrite: bool = False, *, attributes: dict[str, Any] | None = None
    ) -> Group:
        """Create a group, and the groups above it that are missing.

        Parameters
        ----------
        name : name or path
        overwrite : delete what is there first
        attributes : user attributes of the new group

        Raises
        ------
        ContainsArrayError, ContainsGroupError : something is there, and `overwrite` is false; or an array
            is above it
        ReadOnlyError : this group is read-only

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g.create_group("a/b")
        <zarrcy.Group '/a/b'>
        >>> list(g)
        ['a']
        """
        with self._change():
            node = self._at(name)
            node.create_group(overwrite, attributes)
            return self._group_at(node)

    def create_groups(self, *names: str, **kwargs: Any) -> tuple[Group, ...]:
        """Create several groups, as `create_group` does.

        >>> import zarrcy
        >>> zarrcy.group().create_groups("a", "b")
        (<zarrcy.Group '/a'>, <zarrcy.Group '/b'>)
        """
        return tuple(self.create_group(name, **kwargs) for name in names)

    def require_group(self, name: str, overwrite: bool = False) -> Group:
        """Return a group; create it where there is none.

        Parameters
        ----------
        name : name or path
        overwrite : delete an array that is there

        Raises
        ------
        ContainsArrayError : an array is there, and `overwrite` is false; or it is above
        ReadOnlyError : this group is read-only

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g.require_group("a") == g.require_group("a")
        True
        """
        with self._change():
            node = self._at(name)
            node.require_group(overwrite)
            return self._group_at(node)

    def require_groups(self, *names: str) -> tuple[Group, ...]:
        """Return several groups, as `require_group` does.

        >>> import zarrcy
        >>> zarrcy.group().require_groups("a", "b")
        (<zarrcy.Group '/a'>, <zarrcy.Group '/b'>)
        """
        return tuple(self.require_group(name) for name in names)

    # -- arrays, as h5py spells it -----------------------------------------------------------------

    def create_dataset(self, name: str, data: Any = None, **kwargs: Any) -> Array:
        """Create an array, and the groups above it that are missing.

        Parameters
        ----------
        name : name or path
        data : array-like that it shall hold; it is not needed where ``shape`` is given
        **kwargs : see `zarrcy.create`

        Raises
        ------
        ContainsArrayError, ContainsGroupError : something is there, and ``overwrite`` is not given
        ReadOnlyError : this group is read-only

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g.create_dataset("a/b", shape=(100, 100), chunks=10, dtype="i4")
        <zarrcy.Array '/a/b' (100, 100) int32>
        >>> g.create_dataset("c", data=[1, 2, 3])[1:]
        array([2, 3])
        """
        return (
            self._make(creation.create, name, **kwargs) if data is None else self.array(name, data, **kwargs)
        )

    def require_dataset(
        self, name: str, shape: Any, dtype: Any = None, exact: bool = False, **kwargs: Any
    ) -> Array:
        """Return an array; create it where there is none.

        Parameters
        ----------
        name : name or path
        shape : that it must have
        dtype : that can be cast to that of the array without a loss
        exact : `dtype` must be that of the array
        **kwargs : see `create_dataset`; used where the array is created

        Raises
        ------
        TypeError : there is an array of another shape, or of a type that does not do
        ContainsGroupError : there is a group
        ReadOnlyError : this group is read-only

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g.require_dataset("a", shape=3, dtype="f8")
        <zarrcy.Array '/a' (3,) float64>
        >>> g.require_dataset("a", shape=3, dtype="f4")
        <zarrcy.Array '/a' (3,) float64>
        """
        with self._change():
            node = self._at(name)
            found = node.load()
            if found is None:
                try:
                    data = kwargs.pop("data", None)
                    if data is not None:
                        return self._make_unlocked(creation.array, name, data, dtype=dtype, **kwargs)
                    return self._make_unlocked(creation.create, name, shape=shape, dtype=dtype, **kwargs)
                except ContainsArrayError as exc:
                    # somebody created it just now
                    if exc.path != node.path:
                        raise
                    found = "array", node.load_array
            parse = found[1]
            if parse is None:
                raise ContainsGroupError(node.path)
            node.synchronizer = kwargs.get("synchronizer", node.synchronizer)
            asked: dict[str, Any] = {**take_options(kwargs)}
            asked |= {name: kwargs[name] for name in ("cache_metadata", "cache_attrs") if name in kwargs}
            array = Array._opened(node, parse(), replace(self._options, **asked))
        _check_required(array, normalize_shape(shape), np.dtype(dtype), exact)
        return array

    # -- arrays, as NumPy spells it ----------------------------------------------------------------

    def create(self, name: str, **kwargs: Any) -> Array:
        """Create an array. See `zarrcy.create`.

        >>> import zarrcy
        >>> zarrcy.group().create("a", shape=3, dtype="i4")
        <zarrcy.Array '/a' (3,) int32>
        """
        return self._make(creation.create, name, **kwargs)

    def empty(self, name: str, **kwargs: Any) -> Array:
        """Create an array without a fill value. See `zarrcy.empty`."""
        return self._make(creation.empty, name, **kwargs)

    def zeros(self, name: str, **kwargs: Any) -> Array:
        """Create an array of zeros. See `zarrcy.zeros`."""
        return self._make(creation.zeros, name, **kwargs)

    def ones(self, name: str, **kwargs: Any) -> Array:
        """Create an array of ones. See `zarrcy.ones`."""
        return self._make(creation.ones, name, **kwargs)

    def full(self, name: str, fill_value: Any, **kwargs: Any) -> Array:
        """Create an array of one value. See `zarrcy.full`.

        >>> import zarrcy
        >>> zarrcy.group().full("a", 7, shape=2, dtype="i4")[:]
        array([7, 7], dtype=int32)
        """
        return self._make(creation.full, name, fill_value=fill_value, **kwargs)

    def array(self, name: str, data: Any, **kwargs: Any) -> Array:
        """Create an array that holds `data`. See `zarrcy.array`.

        >>> import zarrcy
        >>> zarrcy.group().array("a", [1, 2])[:]
        array([1, 2])
        """
        return self._make(creation.array, name, data, **kwargs)

    def empty_like(self, name: str, data: Any, **kwargs: Any) -> Array:
        """Create an array like another, without a fill value. See `zarrcy.empty_like`."""
        return self._make(creation.empty_like, name, data, **kwargs)

    def zeros_like(self, name: str, data: Any, **kwargs: Any) -> Array:
        """Create an array of zeros like another. See `zarrcy.zeros_like`."""
        return self._make(creation.zeros_like, name, data, **kwargs)

    def ones_like(self, name: str, data: Any, **kwargs: Any) -> Array:
        """Create an array of ones like another. See `zarrcy.ones_like`."""
        return self._make(creation.ones_like, name, data, **kwargs)

    def full_like(self, name: str, data: Any, **kwargs: Any) -> Array:
        """Create an array of one value like another. See `zarrcy.full_like`."""
        return self._make(creation.full_like, name, data, **kwargs)


def _check_required(array: Array, shape: tuple[int, ...], dtype: np.dtype[Any], exact: bool) -> None:
    if shape != array.shape:
        raise TypeError(
            f"the array at {array.path!r} has shape {array.shape}, not {shape}; "
            "delete or resize it, or take another name"
        )
    if exact and dtype != array.dtype:
        raise TypeError(f"the array at {array.path!r} has data type {array.dtype}, not exactly {dtype}")
    if not np.can_cast(dtype, array.dtype):
        raise TypeError(
            f"the array at {array.path!r} has data type {array.dtype}, to which {dtype} can't be cast "
            "without a loss"
        )
