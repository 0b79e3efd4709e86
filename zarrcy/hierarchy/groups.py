"""Group: a mapping of names to the arrays and groups below a path."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, Iterable, Iterator, KeysView, MutableMapping, ValuesView
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias, TypeVar, Unpack
from weakref import ref

import numpy as np

from zarrcy.errors import ContainsArrayError, ContainsGroupError, KeyPathError, PathNotFoundError
from zarrcy.hierarchy import creation
from zarrcy.hierarchy.array_state import open_plain_state, open_state
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.attributes import Attributes
from zarrcy.hierarchy.creation import normalize_stores
from zarrcy.hierarchy.node import Node, refuse_read_only
from zarrcy.hierarchy.node_properties import ZARR3_GROUP, NodeProperties, find_zarr3_attribute
from zarrcy.indexing.chunk_shapes import normalize_shape
from zarrcy.keys import normalize_path, prefix_of
from zarrcy.metadata import NodeEntry, asked_format, is_draft
from zarrcy.settings import ArrayConfig, ExtraOptions, array_config, take_options
from zarrcy.types import (
    JSON,
    AnyArray,
    AnyDtype,
    AnyMember,
    Elements,
    Option,
    Shape,
    StoreLike,
    Synchronizer,
    ZarrFormat,
)

if TYPE_CHECKING:
    from numpy.typing import DTypeLike

    from zarrcy.hierarchy.report import InfoReport
    from zarrcy.hierarchy.tree import TreeView


Member: TypeAlias = "Array | Group"


class _CreatesArray(Protocol):
    """A function such as `zarrcy.create`."""

    def __call__(self, *args: Option, **kwargs: Option) -> Array: ...


_T = TypeVar("_T")
_Answer = TypeVar("_Answer")
# Prefixes of names that notebooks and NumPy look up in any object; looking for them in the store only takes time.
_NOT_MEMBERS = ("__", "_repr_", "_ipython_")


def _no_form(**kwargs: Option) -> None:
    """Return no form of a group for a notebook."""


class GroupState:
    """Where a group that exists is stored, its attributes if they were loaded, and the options of its members."""

    __slots__ = ("attributes", "config", "node")

    def __init__(
        self, node: Node, config: ArrayConfig, attributes: Callable[[], dict[str, JSON]] | None = None
    ) -> None:
        self.node = node
        self.config = config
        self.attributes = attributes

    def at(self, node: Node, attributes: Callable[[], dict[str, JSON]] | None = None) -> GroupState:
        """Return the state of another group of the same hierarchy."""
        return GroupState(node, self.config, attributes)


class Group(NodeProperties, MutableMapping[str, AnyMember]):
    """A group that exists in a store: a mapping of names to arrays and groups.

    A name may be a path: several names with slashes between them. A path that begins with a slash starts at
    the root of the store.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    path : str, optional
        Path of the group in the store. The default is the root.
    read_only : bool, optional
        Refuse changes to the group and its members.
    chunk_store : mapping, store, str or PathLike, optional
        Store of the chunks, if they are not stored with the metadata.
    cache_attrs : bool, optional
        Keep the attributes in memory. If false, each access loads them.
    synchronizer : mapping, optional
        Gives the locks of parallel writers: `ThreadSynchronizer` or `ProcessSynchronizer`.
    zarr_version : {2, 3}, optional
        Has no effect: the format is detected. Users of zarr-python 2 may pass it.
    meta_array : array_like, optional
        Results of reads are allocated like this array, see `Array`.
    **options
        Options of its arrays: ``read_missing``, ``unaligned``, ``threads`` and ``cache_bytes``, see `Array`.

    Raises
    ------
    GroupNotFoundError
        If there is no node at `path`.
    ContainsArrayError
        If there is an array at `path`.

    See Also
    --------
    zarrcy.open_group : Open a group, or create it.
    zarrcy.group : Create a group, or open it.

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

    array_class: ClassVar[type[Array]] = Array
    """Class of the arrays in the group."""

    def __init__(
        self,
        store: StoreLike,
        path: str | None = None,
        read_only: bool = False,
        chunk_store: StoreLike = None,
        cache_attrs: bool = True,
        synchronizer: Synchronizer | None = None,
        zarr_version: ZarrFormat | None = None,
        *,
        meta_array: AnyArray | None = None,
        **options: Unpack[ExtraOptions],
    ) -> None:
        if isinstance(store, GroupState):
            # the caller knows that the group exists
            state = store
        else:
            version = asked_format(zarr_version=zarr_version)
            store, chunk_store = normalize_stores(store, chunk_store, None, "r", version)
            node = Node(store, path, chunk_store, synchronizer, version)
            node.load_group()
            config = array_config(
                read_only=bool(read_only), cache_attrs=cache_attrs, meta_array=meta_array, **options
            )
            state = GroupState(node, config)
        self._state = state
        self._node = state.node
        config = state.config
        self._attrs = Attributes(
            self._node.store,
            read_only=config.read_only,
            cache=config.cache_attrs,
            node=self._node,
            loaded=state.attributes,
        )
        # `list` asks for an iterator and then for the length; both come from one listing
        self._latest: Callable[[], _Listed[str] | None] = _nothing

    def __reduce__(self) -> tuple[object, ...]:
        return _open_again, (type(self), self._state.at(self._node))

    # -- what it is --------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Path with one leading slash."""
        return f"/{self.path}"

    @property
    def basename(self) -> str:
        """Last part of the path; empty for the root."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def read_only(self) -> bool:
        """Whether changes are refused."""
        return self._state.config.read_only

    @property
    def meta_array(self) -> AnyArray:
        """Array without axes; results of reads are of its type."""
        like = self._state.config.meta_array
        return np.empty(()) if like is None else np.empty_like(like, shape=())

    @property
    def info(self) -> InfoReport:
        """Report on the store and the members: text, or a table in a notebook.

        Examples
        --------
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

    def info_items(self) -> list[tuple[str, object]]:
        """Return the rows of `info`.

        Returns
        -------
        list of tuple
            Pairs of a label and a value.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.group().info_items()[0]
        ('Name', '/')
        """
        from zarrcy.hierarchy.report import outdated_rows, type_name

        kinds = dict(self._node.members(past_denied=True))
        arrays = [name for name, kind in kinds.items() if kind == "array"]
        groups = [name for name, kind in kinds.items() if kind == "group"]
        own_chunk_store = self._node.own_chunk_store
        rows: list[tuple[str, object]] = [
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
            *outdated_rows(self._node),
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
        # any mapping can be a store, and most mappings have no close()
        close = getattr(self.store, "close", None)
        if close is not None:
            close()

    # -- finding members ---------------------------------------------------------------------------

    def _at(self, name: object) -> Node:
        """Return the node with a name or path, which is relative to this group without a leading slash."""
        path = normalize_path(name)
        if isinstance(name, str) and name[:1] == "/":
            return self._node.at(path)
        return self._node.at(self._node.prefix + path if path else self._node.path)

    def __getitem__(self, name: str) -> AnyMember:
        node = self._at(name)
        entry = node.load()
        if entry is None:
            raise KeyError(name)
        if entry.kind == "group":
            return self._group_at(node)
        return self.array_class.from_state(open_state(node, self._state.config, entry.parse()))

    def __contains__(self, name: object) -> bool:
        return self._at(name).kind() is not None

    def __iter__(self) -> Iterator[str]:
        names = _Listed(self._names)
        self._latest = ref(names)
        return names

    def _names(self) -> list[str]:
        return [name for name, _ in self._node.members(past_denied=True)]

    def __len__(self) -> int:
        latest = self._latest()
        self._latest = _nothing
        names = self._names()
        if latest is not None:
            latest.take(names)
        return len(names)

    def keys(self) -> KeysView[str]:
        """Return a view of the names.

        Returns
        -------
        KeysView
            The names, sorted.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a"], _ = [1, 2], g.create_group("b")
        >>> list(g.keys())
        ['a', 'b']
        """
        return _Keys(self)

    def values(self) -> ValuesView[AnyMember]:
        """Return a view of the members; iterating over it loads them together.

        Returns
        -------
        ValuesView
            Arrays and groups, sorted by name.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a"], _ = [1, 2], g.create_group("b")
        >>> list(g.values())
        [<zarrcy.Array '/a' (2,) int64>, <zarrcy.Group '/b'>]
        """
        return _Values(self, self._state)

    def items(self) -> ItemsView[str, AnyMember]:
        """Return a view of the names and members; iterating over it loads them together.

        Returns
        -------
        ItemsView
            Pairs of a name, and an array or group, sorted by name.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a"] = [1, 2]
        >>> dict(g.items())
        {'a': <zarrcy.Array '/a' (2,) int64>}
        """
        return _Items(self, self._state)

    def __getattr__(self, name: str) -> AnyMember:
        # called for names that are not attributes: also for those of __init__ if it did not run
        if name.startswith("_repr_") and name.endswith("_"):
            # a form for notebooks: none, so that they show the text
            return _no_form
        if name.startswith(_NOT_MEMBERS) or name in ("_state", "_node", "_attrs", "_latest"):
            raise AttributeError(f"a group has no attribute {name!r}", name=name, obj=self)
        if name in ZARR3_GROUP:
            return find_zarr3_attribute("groups", self, name)
        try:
            return self[name]
        except KeyError:
            raise AttributeError(
                f"{self!r} has neither an attribute nor a member {name!r}", name=name, obj=self
            ) from None

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *ZARR3_GROUP, *(name for name in self if name.isidentifier())})

    def _ipython_key_completions_(self) -> list[str]:
        return list(self)

    def group_keys(self) -> Iterator[str]:
        """Iterate over the names of the groups.

        Returns
        -------
        iterator of str
            Names, sorted.

        See Also
        --------
        array_keys : Iterate over the names of the arrays.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a"], _ = [1, 2], g.create_group("b")
        >>> list(g.group_keys()), list(g.array_keys())
        (['b'], ['a'])
        """
        return (name for name, kind in self._node.members(past_denied=True) if kind == "group")

    def groups(self) -> Iterator[tuple[str, Group]]:
        """Iterate over the names and groups.

        Yields
        ------
        name : str
            Name of the group.
        group : Group
            The group.

        See Also
        --------
        arrays : Iterate over the names and arrays.

        Examples
        --------
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
        recurse : bool, optional
            Include the arrays in the groups below. Their names are without the path, as in zarr-python.

        Yields
        ------
        str
            Name of an array.

        See Also
        --------
        group_keys : Iterate over the names of the groups.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a"], g["b/c"] = [1, 2], [3]
        >>> list(g.array_keys()), list(g.array_keys(recurse=True))
        (['a'], ['a', 'c'])
        """
        for name, kind in self._node.members(past_denied=True):
            if kind == "array":
                yield name
            elif recurse:
                yield from self._group_at(self._node.at(self._node.prefix + name)).array_keys(recurse=True)

    def arrays(self, recurse: bool = False) -> Iterator[tuple[str, Array]]:
        """Iterate over the names and arrays.

        Parameters
        ----------
        recurse : bool, optional
            Include the arrays in the groups below.

        Yields
        ------
        name : str
            Name of the array, without the path.
        array : Array
            The array.

        See Also
        --------
        groups : Iterate over the names and groups.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a"], g["b/c"] = [1, 2], [3]
        >>> [(name, a.path) for name, a in g.arrays(recurse=True)]
        [('a', 'a'), ('c', 'b/c')]
        """
        for name, member in _load_members(self._state, type(self)):
            if isinstance(member, Array):
                yield name, member
            elif recurse:
                yield from member.arrays(recurse=True)

    # -- walking through the hierarchy -------------------------------------------------------------

    def visitvalues(self, func: Callable[[AnyMember], _Answer | None]) -> _Answer | None:
        """Call a function with each array and group below, until it returns something else than None.

        Parameters
        ----------
        func : callable
            Called with one array or group. A group comes before its members.

        Returns
        -------
        object
            The first result of `func` that is not None; None if there is none.

        See Also
        --------
        visititems : Call a function with paths and members.
        visit : Call a function with paths; the members are not loaded.

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

    def visit(self, func: Callable[[str], _Answer | None]) -> _Answer | None:
        """Call a function with the path of each array and group below, until it returns something else than None.

        Parameters
        ----------
        func : callable
            Called with the path relative to this group. A group comes before its members.

        Returns
        -------
        object
            The first result of `func` that is not None; None if there is none.

        See Also
        --------
        visititems : Call a function with paths and members.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a/b"] = [1, 2]
        >>> g.visit(print)
        a
        a/b
        """
        return _first(func, _paths_below(self._node, len(self._node.prefix)))

    def visitkeys(self, func: Callable[[str], _Answer | None]) -> _Answer | None:
        """Call a function with the path of each array and group below: the same as `visit`.

        Parameters
        ----------
        func : callable
            Called with the path relative to this group.

        Returns
        -------
        object
            The first result of `func` that is not None; None if there is none.

        See Also
        --------
        visit : The same function.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a/b"] = [1, 2]
        >>> g.visitkeys(lambda path: path if path.endswith("b") else None)
        'a/b'
        """
        return self.visit(func)

    def visititems(self, func: Callable[[str, AnyMember], _Answer | None]) -> _Answer | None:
        """Call a function with each path and array or group below, until it returns something else than None.

        Parameters
        ----------
        func : callable
            Called with the path relative to this group, and the array or group.

        Returns
        -------
        object
            The first result of `func` that is not None; None if there is none.

        See Also
        --------
        visit : Call a function with paths; the members are not loaded.
        visitvalues : Call a function with members.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a/b"] = [1, 2]
        >>> g.visititems(lambda path, member: path if isinstance(member, zarrcy.Array) else None)
        'a/b'
        """
        skip = len(self._node.prefix)
        return _first(lambda member: func(member.path[skip:], member), self._walk())

    def _walk(self) -> Iterator[Member]:
        for _, member in _load_members(self._state, type(self)):
            yield member
            if isinstance(member, Group):
                yield from member._walk()

    def tree(self, expand: bool | int = False, level: int | None = None) -> TreeView:
        """Return a drawing of the hierarchy below: text, or a nested list in a notebook.

        Parameters
        ----------
        expand : bool or int, optional
            Levels of the list that are unfolded in a notebook; True unfolds all.
        level : int, optional
            Number of levels to draw. The default is all.

        Returns
        -------
        TreeView
            A drawing that is made when it is printed.

        See Also
        --------
        zarrcy.tree : Draw a group of zarrcy or h5py.

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

    # -- creating groups ---------------------------------------------------------------------------

    def _group_at(self, node: Node) -> Group:
        return type(self)(self._state.at(node))

    def _changing(self) -> AbstractContextManager[object]:
        """Return the lock under which the hierarchy may be changed.

        Raises
        ------
        ReadOnlyError
            If the group is read-only.
        """
        refuse_read_only(self._state.config.read_only, self._node.path)
        return self._node.hierarchy_lock()

    def create_group(
        self, name: str, overwrite: bool = False, *, attributes: dict[str, JSON] | None = None
    ) -> Group:
        """Create a group, and the groups above it that do not exist.

        Parameters
        ----------
        name : str
            Name or path.
        overwrite : bool, optional
            Delete the array or group that is there first.
        attributes : dict, optional
            User attributes of the new group.

        Returns
        -------
        Group
            The new group.

        Raises
        ------
        ContainsArrayError, ContainsGroupError
            If there is an array or a group at `name`, or an array above it, and `overwrite` is false.
        ReadOnlyError
            If this group is read-only.

        See Also
        --------
        require_group : Return a group, and create it if it does not exist.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g.create_group("a/b")
        <zarrcy.Group '/a/b'>
        >>> list(g)
        ['a']
        """
        with self._changing():
            node = self._at(name)
            node.create_group(overwrite, attributes)
            return self._group_at(node)

    def create_groups(self, *names: str, **kwargs: Option) -> tuple[Group, ...]:
        """Create several groups.

        Parameters
        ----------
        *names : str
            Names or paths.
        **kwargs
            Passed on to `create_group`.

        Returns
        -------
        tuple of Group
            The new groups.

        See Also
        --------
        create_group : Create one group.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.group().create_groups("a", "b")
        (<zarrcy.Group '/a'>, <zarrcy.Group '/b'>)
        """
        return tuple(self.create_group(name, **kwargs) for name in names)

    def require_group(self, name: str, overwrite: bool = False) -> Group:
        """Return a group; create it if it does not exist.

        Parameters
        ----------
        name : str
            Name or path.
        overwrite : bool, optional
            Delete an array that is there.

        Returns
        -------
        Group
            The group that exists, or the new one.

        Raises
        ------
        ContainsArrayError
            If there is an array at `name` or above it, and `overwrite` is false.
        ReadOnlyError
            If this group is read-only.

        See Also
        --------
        create_group : Create a group.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g.require_group("a") == g.require_group("a")
        True
        """
        with self._changing():
            node = self._at(name)
            node.require_group(overwrite)
            return self._group_at(node)

    def require_groups(self, *names: str) -> tuple[Group, ...]:
        """Return several groups; create those that do not exist.

        Parameters
        ----------
        *names : str
            Names or paths.

        Returns
        -------
        tuple of Group
            The groups.

        See Also
        --------
        require_group : Return one group.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.group().require_groups("a", "b")
        (<zarrcy.Group '/a'>, <zarrcy.Group '/b'>)
        """
        return tuple(self.require_group(name) for name in names)

    # -- creating arrays, with the names of h5py ---------------------------------------------------

    def _create_array(self, create: _CreatesArray, name: str, **kwargs: Option) -> Array:
        with self._changing():
            return self._create_array_unlocked(create, name, **kwargs)

    def _create_array_unlocked(self, create: _CreatesArray, name: str, **kwargs: Option) -> Array:
        config = self._state.config
        kwargs.setdefault("synchronizer", self._node.synchronizer)
        kwargs.setdefault("cache_attrs", config.cache_attrs)
        kwargs.setdefault("meta_array", config.meta_array)
        kwargs = {**config.more(), **kwargs}
        return create(
            store=self._node.store,
            path=self._at(name).path,
            chunk_store=self._node.own_chunk_store,
            **kwargs,
        )

    def create_dataset(self, name: str, data: Elements = None, **kwargs: Option) -> Array:
        """Create an array, and the groups above it that do not exist.

        Parameters
        ----------
        name : str
            Name or path.
        data : array_like, optional
            Elements of the array. Without them, ``shape`` is required.
        **kwargs
            Keywords of `zarrcy.create`.

        Returns
        -------
        Array
            The new array.

        Raises
        ------
        ContainsArrayError, ContainsGroupError
            If there is an array or a group at `name` and ``overwrite`` is false.
        ReadOnlyError
            If this group is read-only.

        See Also
        --------
        require_dataset : Return an array, and create it if it does not exist.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g.create_dataset("a/b", shape=(100, 100), chunks=10, dtype="i4")
        <zarrcy.Array '/a/b' (100, 100) int32>
        >>> g.create_dataset("c", data=[1, 2, 3])[1:]
        array([2, 3])
        """
        if data is None:
            return self._create_array(creation.create, name, **kwargs)
        return self._create_array(creation.array, name, data=data, **kwargs)

    def require_dataset(
        self,
        name: str,
        shape: int | Iterable[int],
        dtype: DTypeLike | None = None,
        exact: bool = False,
        **kwargs: Option,
    ) -> Array:
        """Return an array; create it if it does not exist.

        Parameters
        ----------
        name : str
            Name or path.
        shape : int or tuple of int
            Shape that the array must have, in elements.
        dtype : data type, optional
            Data type that can be cast to that of the array without loss. The default is float64.
        exact : bool, optional
            Require that `dtype` equals the data type of the array.
        **kwargs
            Keywords of `zarrcy.create`, for an array that is created.

        Returns
        -------
        Array
            The array that exists, or the new one.

        Raises
        ------
        TypeError
            If the array has another shape, or a data type that does not fit.
        ContainsGroupError
            If there is a group at `name`.
        ReadOnlyError
            If this group is read-only.

        See Also
        --------
        create_dataset : Create an array.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g.require_dataset("a", shape=3, dtype="f8")
        <zarrcy.Array '/a' (3,) float64>
        >>> g.require_dataset("a", shape=3, dtype="f4")
        <zarrcy.Array '/a' (3,) float64>
        """
        with self._changing():
            node = self._at(name)
            entry = node.load()
            if entry is None:
                try:
                    data = kwargs.pop("data", None)
                    if data is not None:
                        return self._create_array_unlocked(
                            creation.array, name, data=data, dtype=dtype, **kwargs
                        )
                    return self._create_array_unlocked(
                        creation.create, name, shape=shape, dtype=dtype, **kwargs
                    )
                except ContainsArrayError as exc:
                    # another process created the array meanwhile
                    if exc.path != node.path:
                        raise
                    entry = NodeEntry("array", node.load_array)
            if entry.kind == "group":
                raise ContainsGroupError(node.path)
            node.synchronizer = kwargs.get("synchronizer", node.synchronizer)
            given: dict[str, Option] = {**take_options(kwargs)}
            given |= {name: kwargs[name] for name in ("cache_metadata", "cache_attrs") if name in kwargs}
            array = self.array_class.from_state(
                open_state(node, replace(self._state.config, **given), entry.parse())
            )
        _check_required(array, normalize_shape(shape), np.dtype(dtype), exact)
        return array

    # -- creating arrays, with the names of NumPy --------------------------------------------------

    def create(self, name: str, **kwargs: Option) -> Array:
        """Create an array.

        Parameters
        ----------
        name : str
            Name or path.
        **kwargs
            Keywords of `zarrcy.create`.

        Returns
        -------
        Array
            The new array.

        See Also
        --------
        zarrcy.create : The function that this method calls.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.group().create("a", shape=3, dtype="i4")
        <zarrcy.Array '/a' (3,) int32>
        """
        return self._create_array(creation.create, name, **kwargs)

    def empty(self, name: str, **kwargs: Option) -> Array:
        """Create an array without a fill value.

        Parameters
        ----------
        name : str
            Name or path.
        **kwargs
            Keywords of `zarrcy.empty`.

        Returns
        -------
        Array
            The new array.

        See Also
        --------
        zarrcy.empty : The function that this method calls.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.group().empty("a", shape=3).fill_value is None
        True
        """
        return self._create_array(creation.empty, name, **kwargs)

    def zeros(self, name: str, **kwargs: Option) -> Array:
        """Create an array of zeros.

        Parameters
        ----------
        name : str
            Name or path.
        **kwargs
            Keywords of `zarrcy.zeros`.

        Returns
        -------
        Array
            The new array.

        See Also
        --------
        zarrcy.zeros : The function that this method calls.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.group().zeros("a", shape=3)[:]
        array([0., 0., 0.])
        """
        return self._create_array(creation.zeros, name, **kwargs)

    def ones(self, name: str, **kwargs: Option) -> Array:
        """Create an array of ones.

        Parameters
        ----------
        name : str
            Name or path.
        **kwargs
            Keywords of `zarrcy.ones`.

        Returns
        -------
        Array
            The new array.

        See Also
        --------
        zarrcy.ones : The function that this method calls.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.group().ones("a", shape=3)[:]
        array([1., 1., 1.])
        """
        return self._create_array(creation.ones, name, **kwargs)

    def full(self, name: str, fill_value: Elements, **kwargs: Option) -> Array:
        """Create an array of one value.

        Parameters
        ----------
        name : str
            Name or path.
        fill_value : scalar
            Value of the elements.
        **kwargs
            Keywords of `zarrcy.full`.

        Returns
        -------
        Array
            The new array.

        See Also
        --------
        zarrcy.full : The function that this method calls.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.group().full("a", 7, shape=2, dtype="i4")[:]
        array([7, 7], dtype=int32)
        """
        return self._create_array(creation.full, name, fill_value=fill_value, **kwargs)

    def array(self, name: str, data: Elements, **kwargs: Option) -> Array:
        """Create an array that holds `data`.

        Parameters
        ----------
        name : str
            Name or path.
        data : array_like
            Elements of the array.
        **kwargs
            Keywords of `zarrcy.array`.

        Returns
        -------
        Array
            The new array.

        See Also
        --------
        zarrcy.array : The function that this method calls.

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.group().array("a", [1, 2])[:]
        array([1, 2])
        """
        return self._create_array(creation.array, name, data=data, **kwargs)

    def empty_like(self, name: str, data: Elements, **kwargs: Option) -> Array:
        """Create an array like another, without a fill value.

        Parameters
        ----------
        name : str
            Name or path.
        data : array_like
            Array whose shape, data type, chunks and codecs the new one has.
        **kwargs
            Keywords of `zarrcy.empty_like`.

        Returns
        -------
        Array
            The new array.

        See Also
        --------
        zarrcy.empty_like : The function that this method calls.

        Examples
        --------
        >>> import zarrcy
        >>> import numpy as np
        >>> zarrcy.group().empty_like("a", np.arange(2)).fill_value is None
        True
        """
        return self._create_array(creation.empty_like, name, a=data, **kwargs)

    def zeros_like(self, name: str, data: Elements, **kwargs: Option) -> Array:
        """Create an array of zeros like another.

        Parameters
        ----------
        name : str
            Name or path.
        data : array_like
            Array whose shape, data type, chunks and codecs the new one has.
        **kwargs
            Keywords of `zarrcy.zeros_like`.

        Returns
        -------
        Array
            The new array.

        See Also
        --------
        zarrcy.zeros_like : The function that this method calls.

        Examples
        --------
        >>> import zarrcy
        >>> import numpy as np
        >>> zarrcy.group().zeros_like("a", np.arange(2))[:]
        array([0, 0])
        """
        return self._create_array(creation.zeros_like, name, a=data, **kwargs)

    def ones_like(self, name: str, data: Elements, **kwargs: Option) -> Array:
        """Create an array of ones like another.

        Parameters
        ----------
        name : str
            Name or path.
        data : array_like
            Array whose shape, data type, chunks and codecs the new one has.
        **kwargs
            Keywords of `zarrcy.ones_like`.

        Returns
        -------
        Array
            The new array.

        See Also
        --------
        zarrcy.ones_like : The function that this method calls.

        Examples
        --------
        >>> import zarrcy
        >>> import numpy as np
        >>> zarrcy.group().ones_like("a", np.arange(2))[:]
        array([1, 1])
        """
        return self._create_array(creation.ones_like, name, a=data, **kwargs)

    def full_like(self, name: str, data: Elements, **kwargs: Option) -> Array:
        """Create an array of one value like another.

        Parameters
        ----------
        name : str
            Name or path.
        data : array_like
            Array whose shape, data type, chunks and codecs the new one has.
        **kwargs
            Keywords of `zarrcy.full_like`; ``fill_value`` is that of `data` by default.

        Returns
        -------
        Array
            The new array.

        See Also
        --------
        zarrcy.full_like : The function that this method calls.

        Examples
        --------
        >>> import zarrcy
        >>> import numpy as np
        >>> zarrcy.group().full_like("a", np.arange(2), fill_value=7)[:]
        array([7, 7])
        """
        return self._create_array(creation.full_like, name, a=data, **kwargs)

    # -- changing ----------------------------------------------------------------------------------

    def __setitem__(self, name: str, value: Elements) -> None:
        node = self._at(name)
        if "/" in node.path.removeprefix(self._node.prefix) and (array := node.array_above()) is not None:
            # only a caller that asks for overwriting deletes an array above
            raise ContainsArrayError(array.path)
        self._create_array(creation.array, name, data=value, overwrite=True)

    def __delitem__(self, name: str) -> None:
        with self._changing():
            if not self._at(name).erase_found():
                raise KeyError(name)

    def move(self, source: str, dest: str) -> None:
        """Move an array, or a group and everything below it, to another path in the same store.

        Parameters
        ----------
        source : str
            Name or path of the array or group.
        dest : str
            New name or path. Groups above it that do not exist are created.

        Raises
        ------
        PathNotFoundError
            If there is nothing at `source`.
        ContainsArrayError, ContainsGroupError
            If there is an array or a group at `dest`.
        KeyPathError
            If `dest` is below `source`.
        ReadOnlyError
            If this group is read-only.

        Examples
        --------
        >>> import zarrcy
        >>> g = zarrcy.group()
        >>> g["a"] = [1, 2]
        >>> g.move("a", "b/c")
        >>> g["b/c"]
        <zarrcy.Array '/b/c' (2,) int64>
        """
        with self._changing():
            node, target = self._at(source), self._at(dest)
            if node.kind() is None:
                raise PathNotFoundError(node.path)
            kind = target.kind()
            if kind is not None:
                raise (ContainsArrayError if kind == "array" else ContainsGroupError)(target.path)
            if target.path.startswith(prefix_of(node.path)):
                raise KeyPathError(
                    target.path, f"it is below {node.path!r}, which can't be moved into itself"
                )
            node.move(target.path)


def _open_again(kind: type[Group], state: GroupState) -> Group:
    """Open a group that was pickled."""
    state.node.load_group()
    return kind(state)


def _load_members(state: GroupState, kind: type[Group]) -> Iterator[tuple[str, Member]]:
    """Load all members, sorted by name; callers look at few of many arrays, so these are parsed on first use."""
    config, new_array = state.config, kind.array_class.from_state
    open_array = open_state if is_draft(state.node.format) else open_plain_state
    for name, node, entry in state.node.load_members(past_denied=True):
        is_group = entry.kind == "group"
        if is_group:
            yield name, kind(state.at(node, entry.attributes))
        elif entry.attributes is None:
            yield name, new_array(open_array(node, config, entry.parse))
        else:
            attributes = Attributes(
                node.store,
                read_only=config.read_only,
                cache=config.cache_attrs,
                node=node,
                loaded=entry.attributes,
            )
            yield name, new_array(open_array(node, config, entry.parse), attributes)


def _check_required(array: Array, shape: Shape, dtype: AnyDtype, exact: bool) -> None:
    if shape != array.shape:
        raise TypeError(
            f"the array at {array.path!r} has shape {array.shape}, not {shape}; "
            "delete or resize it, or choose another name"
        )
    if exact and dtype != array.dtype:
        raise TypeError(
            f"the array at {array.path!r} has data type {array.dtype}, not exactly {dtype}; "
            "delete it, or pass exact=False"
        )
    if not np.can_cast(dtype, array.dtype):
        raise TypeError(
            f"the array at {array.path!r} has data type {array.dtype}, to which {dtype} can't be cast "
            "without loss; delete it, or choose another name or data type"
        )


def _first(func: Callable[[_T], _Answer | None], items: Iterator[_T]) -> _Answer | None:
    """Return the first result of a function that is not None."""
    return next((answer for item in items if (answer := func(item)) is not None), None)


def _paths_below(node: Node, skip: int) -> Iterator[str]:
    for name, kind in node.members(past_denied=True):
        path = node.prefix + name
        yield path[skip:]
        if kind == "group":
            yield from _paths_below(node.at(path), skip)


class _Listed(Iterator[_T]):
    """The names or members of a group, which are listed when the first of them is asked for."""

    def __init__(self, listing: Callable[[], Iterable[_T]]) -> None:
        self._listing = listing
        self._items: Iterator[_T] | None = None

    def take(self, items: list[_T]) -> None:
        """Iterate over items that were listed since the iterator was made, unless it has begun."""
        if self._items is None:
            self._items = iter(items)

    def __next__(self) -> _T:
        if self._items is None:
            self._items = iter(self._listing())
        return next(self._items)


def _nothing() -> None:
    """Return None, as a weak reference to an iterator does that no longer exists."""


class _Keys(KeysView[str]):
    """The names of the members of a group."""

    def __init__(self, group: Group) -> None:
        super().__init__(group)
        self._group = group

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)


class _Values(ValuesView[AnyMember]):
    """The members of a group, loaded with few requests to the store."""

    def __init__(self, group: Group, state: GroupState) -> None:
        super().__init__(group)
        self._state, self._kind = state, type(group)
        # as for the names of a group
        self._latest: Callable[[], _Listed[AnyMember] | None] = _nothing

    def _members(self) -> Iterator[AnyMember]:
        return (member for _, member in _load_members(self._state, self._kind))

    def __iter__(self) -> Iterator[AnyMember]:
        members: _Listed[AnyMember] = _Listed(self._members)
        self._latest = ref(members)
        return members

    def __len__(self) -> int:
        latest = self._latest()
        if latest is None:
            return super().__len__()
        self._latest = _nothing
        members = list(self._members())
        latest.take(members)
        return len(members)


class _Items(ItemsView[str, AnyMember]):
    """The names and members of a group, loaded with few requests to the store."""

    def __init__(self, group: Group, state: GroupState) -> None:
        super().__init__(group)
        self._state, self._kind = state, type(group)
        self._latest: Callable[[], _Listed[tuple[str, AnyMember]] | None] = _nothing

    def __iter__(self) -> Iterator[tuple[str, AnyMember]]:
        members: _Listed[tuple[str, AnyMember]] = _Listed(partial(_load_members, self._state, self._kind))
        self._latest = ref(members)
        return members

    def __len__(self) -> int:
        latest = self._latest()
        if latest is None:
            return super().__len__()
        self._latest = _nothing
        members = list(_load_members(self._state, self._kind))
        latest.take(members)
        return len(members)
