"""Group: the arrays and groups below a path, by name."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterator, MutableMapping, ValuesView
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias, Unpack

import numpy as np

from zarrcy.errors import ContainsArrayError, ContainsGroupError, KeyPathError, PathNotFoundError
from zarrcy.hierarchy import creation
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.attributes import Attributes
from zarrcy.hierarchy.creation import normalize_stores
from zarrcy.hierarchy.node import Found, Node, refuse_read_only
from zarrcy.hierarchy.node_properties import NodeProperties
from zarrcy.indexing.chunk_shapes import normalize_shape
from zarrcy.keys import normalize_path, prefix_of
from zarrcy.settings import ArrayConfig, ExtraOptions, take_options
from zarrcy.types import Synchronizer, ZarrFormat

if TYPE_CHECKING:
    from zarrcy.hierarchy.report import InfoReport
    from zarrcy.hierarchy.tree import TreeView


Member: TypeAlias = "Array | Group"
# What notebooks and NumPy look for in any object. To look for it in a store would only take time.
_NO_MEMBER = ("__", "_repr_", "_ipython_")


class Group(NodeProperties, MutableMapping[str, Any]):
    """A group that exists in a store: a mapping of names to arrays and groups.

    A name may be a path of several names with slashes between; one that begins with a slash is seen
    from the root of the store.

    Parameters
    ----------
    store : a mapping of str to bytes, one of our stores, a path or a URL
    path : of the group in the store
    read_only : refuse changes, also to its members
    chunk_store : of the chunks, where they are not with the metadata
    cache_attrs : keep the attributes; otherwise they are loaded before each access
    synchronizer : gives the locks of parallel writers
    zarr_version : kept for users of zarr-python 2; the format is found by looking
    meta_array : see `Array`
    **options : ``read_missing``, ``unaligned``, ``threads`` and ``cache_bytes`` of its arrays, see `Array`

    Raises
    ------
    GroupNotFoundError : there is no group at `path`
    ContainsArrayError : there is an array

    Examples
    --------
    >>> import zarrcy
    >>> g = zarrcy.group()
    >>> g["a/b"] = [1, 2, 3]
    >>> g["a"]
    <zarrcy.Group '/a'>
    >>> g["a"]["b"][:], "a/b" in g, list(g)
    (array([1, 2, 3]), True, ['a'])
    """

    def __init__(
        self,
        store: Any,
        path: str | None = None,
        read_only: bool = False,
        chunk_store: Any = None,
        cache_attrs: bool = True,
        synchronizer: Synchronizer | None = None,
        zarr_version: ZarrFormat | None = None,
        *,
        meta_array: Any = None,
        **options: Unpack[ExtraOptions],
    ) -> None:
        store, chunk_store = normalize_stores(store, chunk_store, None, "r")
        node = Node(store, path, chunk_store, synchronizer)
        node.load_group()
        self._open(
            node, ArrayConfig(bool(read_only), cache_attrs=cache_attrs, meta_array=meta_array, **options)
        )

    @classmethod
    def _opened(cls, node: Node, options: ArrayConfig) -> Group:
        """Return the group at `node`, where one is known to be."""
        group = object.__new__(cls)
        group._open(node, options)
        return group

    def _open(self, node: Node, options: ArrayConfig) -> None:
        self._node = node
        self._options = options
        self._attrs = Attributes(node, options.read_only, options.cache_attrs)

    def __reduce__(self) -> tuple[Any, ...]:
        return _open_again, (type(self), self._node, self._options)

    # -- what it is --------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Path with one leading slash."""
        return f"/{self.path}"

    @property
    def basename(self) -> str:
        """Last part of the name; empty at the root."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def read_only(self) -> bool:
        """Are changes refused?"""
        return self._options.read_only

    @property
    def meta_array(self) -> Any:
        """What results are allocated like: an array without axes."""
        like = self._options.meta_array
        return np.empty(()) if like is None else np.empty_like(like, shape=())

    @property
    def info(self) -> InfoReport:
        """Report on the store and the members: text, or a table in a notebook.

        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a"] = [1, 2]
        >>> g.info
        Name        : /
        Type        : zarrcy.Group
        Read-only   : False
        Store type  : zarrcy.storage.memory.MemoryStore
        No. members : 1
        No. arrays  : 1
        No. groups  : 0
        Arrays      : a
        """
        from zarrcy.hierarchy.report import InfoReport

        return InfoReport(lambda: [(name, str(value)) for name, value in self.info_items()])

    def info_items(self) -> list[tuple[str, Any]]:
        """Return the rows of `info`."""
        from zarrcy.hierarchy.report import type_name

        kinds = dict(self._node.members())
        arrays = [name for name, kind in kinds.items() if kind == "array"]
        groups = [name for name, kind in kinds.items() if kind == "group"]
        own_chunk_store = self._node.own_chunk_store
        rows: list[tuple[str, Any]] = [
            ("Name", self.name),
            ("Type", "zarrcy.Group"),
            ("Read-only", str(self.read_only)),
            ("Synchronizer type", None if self.synchronizer is None else type_name(self.synchronizer)),
            ("Store type", type_name(self.store)),
            ("Chunk store type", None if own_chunk_store is None else type_name(own_chunk_store)),
            ("No. members", len(kinds)),
            ("No. arrays", len(arrays)),
            ("No. groups", len(groups)),
            ("Arrays", ", ".join(arrays) or None),
            ("Groups", ", ".join(groups) or None),
        ]
        return [(name, value) for name, value in rows if value is not None]

    def __repr__(self) -> str:
        return f"<zarrcy.Group {self.name!r}{' read-only' if self.read_only else ''}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Group)
            and self.store == other.store
            and self.read_only == other.read_only
            and self.path == other.path
        )

    __hash__ = None  # type: ignore[assignment]

    def __enter__(self) -> Group:
        return self

    def __exit__(self, *exc_info: object) -> None:
        # any mapping is a store, and most have nothing to close
        close = getattr(self.store, "close", None)
        if close is not None:
            close()

    # -- finding a member --------------------------------------------------------------------------

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

    def _group_at(self, node: Node) -> Group:
        return Group._opened(node, self._options)

    def _member(self, node: Node, found: Found, parse_late: bool = False) -> Member:
        parse = found[1]
        if parse is None:
            return self._group_at(node)
        return Array._opened(node, parse if parse_late else parse(), self._options)

    def _members(self) -> Iterator[tuple[str, Member]]:
        """Load all members, in the order of their names; who walks looks at few, so parse what they look at."""
        for name, node, found in self._node.load_members():
            yield name, self._member(node, found, parse_late=True)

    def __getitem__(self, name: str) -> Any:
        node = self._at(name)
        found = node.load()
        if found is None:
            raise KeyError(name)
        return self._member(node, found)

    def __contains__(self, name: object) -> bool:
        return self._at(name).kind() is not None

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._node.members())

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def values(self) -> ValuesView[Any]:
        return _Values(self)

    def items(self) -> ItemsView[str, Any]:
        return _Items(self)

    def __getattr__(self, name: str) -> Any:
        if name.startswith(_NO_MEMBER) or "_node" not in self.__dict__:
            raise AttributeError(f"a group has no attribute {name!r}", name=name, obj=self)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"{self!r} has neither an attribute nor a member {name!r}", name=name, obj=self
            ) from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *(name for name in self if name.isidentifier())})

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def group_keys(self) -> Iterator[str]:
        """Iterate over the names of the groups.

        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a"], _ = [1, 2], g.create_group("b")
        >>> list(g.group_keys()), list(g.array_keys())
        (['b'], ['a'])
        """
        return (name for name, kind in self._node.members() if kind == "group")

    def groups(self) -> Iterator[tuple[str, Group]]:
        """Iterate over names and groups.

        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> _ = g.create_groups("b", "a")
        >>> list(g.groups())
        [('a', <zarrcy.Group '/a'>), ('b', <zarrcy.Group '/b'>)]
        """
        for name in self.group_keys():
            yield name, self._group_at(self._node.at(self._node.prefix + name))

    def array_keys(self, recurse: bool = False) -> Iterator[str]:
        """Iterate over the names of the arrays.

        Parameters
        ----------
        recurse : also of those in the groups below; their names are without the path, as in zarr-python
        """
        for name, kind in self._node.members():
            if kind == "array":
                yield name
            elif recurse:
                yield from self._group_at(self._node.at(self._node.prefix + name)).array_keys(recurse=True)

    def arrays(self, recurse: bool = False) -> Iterator[tuple[str, Array]]:
        """Iterate over names and arrays.

        Parameters
        ----------
        recurse : also over those in the groups below

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a"], g["b/c"] = [1, 2], [3]
        >>> [(name, a.path) for name, a in g.arrays(recurse=True)]
        [('a', 'a'), ('c', 'b/c')]
        """
        for name, member in self._members():
            if isinstance(member, Array):
                yield name, member
            elif recurse:
                yield from member.arrays(recurse=True)

    # -- walking -----------------------------------------------------------------------------------

    def visitvalues(self, func: Callable[[Any], Any]) -> Any:
        """Call `func` with each array and group below, until it returns something.

        Parameters
        ----------
        func : is given one object; a group before what is in it

        Returns
        -------
        found : the first that `func` returned and that is not None

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a/b"] = [1, 2]
        >>> g.visitvalues(print)
        <zarrcy.Group '/a'>
        <zarrcy.Array '/a/b' (2,) int64>
        """
        return _first(func, self._walk())

    def visit(self, func: Callable[[str], Any]) -> Any:
        """Call `func` with the path of each array and group below, seen from here. See `visitvalues`.

        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a/b"] = [1, 2]
        >>> g.visit(print)
        a
        a/b
        """
        return _first(func, _paths_below(self._node, len(self._node.prefix)))

    def visitkeys(self, func: Callable[[str], Any]) -> Any:
        """Do what `visit` does."""
        return self.visit(func)

    def visititems(self, func: Callable[[str, Any], Any]) -> Any:
        """Call `func` with path and object of each array and group below. See `visitvalues`.

        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a/b"] = [1, 2]
        >>> g.visititems(lambda path, found: path if isinstance(found, zarrcy.Array) else None)
        'a/b'
        """
        skip = len(self._node.prefix)
        return _first(lambda member: func(member.path[skip:], member), self._walk())

    def _walk(self) -> Iterator[Member]:
        for _, member in self._members():
            yield member
            if isinstance(member, Group):
                yield from member._walk()

    def tree(self, expand: bool | int = False, level: int | None = None) -> TreeView:
        """Return a drawing of all that is below: text, or a list that folds in a notebook.

        Parameters
        ----------
        expand : unfold all of the list in a notebook, or so many levels of it
        level : how deep to go

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a/b"], _ = [1, 2], g.create_group("c")
        >>> g.tree()
        /
         ├── a
         │   └── b (2,) int64
         └── c
        """
        from zarrcy.hierarchy.tree import TreeView

        return TreeView(self, expand=expand, level=level)

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

    # -- changing ----------------------------------------------------------------------------------

    def __setitem__(self, name: str, value: Any) -> None:
        self._make(creation.array, name, value, overwrite=True)

    def __delitem__(self, name: str) -> None:
        with self._change():
            node = self._at(name)
            if node.kind() is None:
                raise KeyError(name)
            node.erase()

    def move(self, source: str, dest: str) -> None:
        """Move an array, or a group with all that is in it, to another place in the same store.

        Parameters
        ----------
        source : name or path of what is moved
        dest : its new name or path; groups above it that are missing are created

        Raises
        ------
        PathNotFoundError : there is nothing at `source`
        ContainsArrayError, ContainsGroupError : something is at `dest`
        KeyPathError : `dest` is below `source`
        ReadOnlyError : this group is read-only

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a"] = [1, 2]
        >>> g.move("a", "b/c")
        >>> g["b/c"]
        <zarrcy.Array '/b/c' (2,) int64>
        """
        with self._change():
            node, target = self._at(source), self._at(dest)
            if node.kind() is None:
                raise PathNotFoundError(node.path)
            there = target.kind()
            if there is not None:
                raise (ContainsArrayError if there == "array" else ContainsGroupError)(target.path)
            if target.path.startswith(prefix_of(node.path)):
                raise KeyPathError(target.path, f"it is below {node.path!r}, which was to be moved there")
            target.require_parents()
            node.move(target.path)


def _open_again(kind: type[Group], node: Node, options: ArrayConfig) -> Group:
    """Open the group that was pickled."""
    node.load_group()
    return kind._opened(node, options)


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


def _first(func: Callable[[Any], Any], things: Iterator[Any]) -> Any:
    """Return the first answer of a function that is not None."""
    return next((answer for thing in things if (answer := func(thing)) is not None), None)


def _paths_below(node: Node, skip: int) -> Iterator[str]:
    for name, kind in node.members():
        path = node.prefix + name
        yield path[skip:]
        if kind == "group":
            yield from _paths_below(node.at(path), skip)


class _Values(ValuesView[Any]):
    """The members, loaded with as few questions to the store as there can be."""

    _mapping: Group

    def __iter__(self) -> Iterator[Any]:
        return (member for _, member in self._mapping._members())


class _Items(ItemsView[str, Any]):
    """Names and members, loaded likewise."""

    _mapping: Group

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        return self._mapping._members()
