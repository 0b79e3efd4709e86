"""Group with the meaning that zarr-python 3 gives to names which zarr-python 2 has too, and with its other names."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, Self

from zarrcy.errors import ArrayNotFoundError, ContainsArrayError, ContainsGroupError, GroupNotFoundError
from zarrcy.hierarchy.arrays import Array as BaseArray
from zarrcy.hierarchy.groups import Group as BaseGroup
from zarrcy.hierarchy.groups import _load_members
from zarrcy.hierarchy.node import Node
from zarrcy.keys import normalize_path
from zarrcy.storage.zarr3.store_path import StorePath
from zarrcy.types import JSON, AnyMember, Elements, Option
from zarrcy.zarr3.arrays import Array, NodeInfo
from zarrcy.zarr3.metadata import GroupMetadata, group_metadata


class Group(BaseGroup):
    """A group as zarr-python 3 has it.

    It differs from `zarrcy.Group` in what the names mean that both versions of zarr-python have; see
    ``docs/compat.md``.
    """

    array_class: ClassVar[type[BaseArray]] = Array

    def __init__(
        self, store: Option = None, *args: Option, _async_group: Option = None, **kwargs: Option
    ) -> None:
        # zarr-python 3 makes a group of an asynchronous one
        wrapped = getattr(store if _async_group is None else _async_group, "wrapped", None)
        super().__init__(wrapped._state if isinstance(wrapped, BaseGroup) else store, *args, **kwargs)

    @classmethod
    def of(cls, group: BaseGroup) -> Self:
        """Return a group of zarrcy as zarr-python 3 has it.

        Parameters
        ----------
        group : Group
            The group of zarrcy.

        Returns
        -------
        Group
            The group.
        """
        return cls(group._state)

    # -- contradictions ----------------------------------------------------------------------------

    def _at(self, name: object) -> Node:
        # a leading slash means this group, not the root of the store
        return super()._at(normalize_path(name))

    @property
    def store(self) -> Option:
        """Store of the group."""
        store = self._node.store
        return self._node.chunk_store if hasattr(store, "metadata_key") else store

    @property
    def read_only(self) -> bool:
        """Whether changes are refused."""
        return self._state.config.read_only or bool(getattr(self._node.chunk_store, "read_only", False))

    def __repr__(self) -> str:
        return f"<Group {self.store}/{self.path}>" if self.path else f"<Group {self.store}>"

    @property
    def info(self) -> Option:
        """Report on the store and the members."""
        return NodeInfo(lambda: _rows(self, counts=False), self.zarr_format)

    def arrays(self, recurse: bool = False) -> Iterator[tuple[str, Option]]:
        return super().arrays(recurse)

    def create_group(
        self,
        name: str,
        overwrite: bool = False,
        *,
        attributes: dict[str, JSON] | None = None,
        **kwargs: Option,
    ) -> BaseGroup:
        return super().create_group(name, overwrite, attributes=attributes)

    def require_group(self, name: str, overwrite: bool = False, **kwargs: Option) -> BaseGroup:
        return super().require_group(name, overwrite)

    def tree(  # type: ignore[override]
        self,
        expand: bool | None = None,
        level: int | None = None,
        *,
        max_nodes: int = 500,
        plain: bool = False,
    ) -> Option:
        """Return a drawing of the hierarchy below.

        Parameters
        ----------
        expand : bool, optional
            Unfold all levels in a notebook.
        level : int, optional
            Levels below the members of this group. The default is all.
        max_nodes : int, optional
            Most arrays and groups that are drawn.
        plain : bool, optional
            Without bold names in a terminal.

        Returns
        -------
        GroupTree
            The drawing.
        """
        from zarrcy.zarr3.tree import GroupTree

        return GroupTree(self, expand=bool(expand), level=level, max_nodes=max_nodes, plain=plain)

    def create(self, name: str, **kwargs: Option) -> Option:
        return create_array(self, name, **kwargs)

    def empty(self, *, name: str, shape: Option, **kwargs: Option) -> Option:  # type: ignore[override]
        return _made(self, "empty", name, shape=shape, **kwargs)

    def zeros(self, *, name: str, shape: Option, **kwargs: Option) -> Option:  # type: ignore[override]
        return _made(self, "zeros", name, shape=shape, **kwargs)

    def ones(self, *, name: str, shape: Option, **kwargs: Option) -> Option:  # type: ignore[override]
        return _made(self, "ones", name, shape=shape, **kwargs)

    def full(self, *, name: str, shape: Option, fill_value: Elements, **kwargs: Option) -> Option:  # type: ignore[override]
        return _made(self, "full", name, shape=shape, fill_value=fill_value, **kwargs)

    def array(self, name: str, data: Elements, **kwargs: Option) -> Option:
        return _made(self, "array", name, data=data, **kwargs)

    def empty_like(self, *, name: str, data: Elements, **kwargs: Option) -> Option:  # type: ignore[override]
        return _made(self, "empty_like", name, a=data, **kwargs)

    def zeros_like(self, *, name: str, data: Elements, **kwargs: Option) -> Option:  # type: ignore[override]
        return _made(self, "zeros_like", name, a=data, **kwargs)

    def ones_like(self, *, name: str, data: Elements, **kwargs: Option) -> Option:  # type: ignore[override]
        return _made(self, "ones_like", name, a=data, **kwargs)

    def full_like(self, *, name: str, data: Elements, **kwargs: Option) -> Option:  # type: ignore[override]
        return _made(self, "full_like", name, a=data, **kwargs)

    def create_dataset(self, name: str, data: Elements = None, **kwargs: Option) -> Option:
        return create_array(self, name, data=data, **kwargs)

    def require_dataset(self, name: str, *, shape: Option, **kwargs: Option) -> Option:  # type: ignore[override]
        return require_array(self, name, shape=shape, **kwargs)

    def __setitem__(self, name: str, value: Elements) -> None:
        from zarrcy.zarr3 import functions

        functions.from_array(self.store, name=self._at(name).path, data=value, overwrite=True,
                             zarr_format=self.zarr_format)  # fmt: skip

    # -- names that only zarr-python 3 has ---------------------------------------------------------

    @property
    def metadata(self) -> GroupMetadata:
        """The metadata, with the names of zarr-python 3."""
        return group_metadata(self)

    @property
    def store_path(self) -> StorePath:
        """The store and the path in it."""
        return StorePath(self.store, self.path)

    def update_attributes(self, new_attributes: dict[str, JSON]) -> BaseGroup:
        """Set attributes; the others stay.

        Parameters
        ----------
        new_attributes : dict
            The attributes.

        Returns
        -------
        Group
            The group.
        """
        self.attrs.update(new_attributes)
        return self

    def members(
        self, max_depth: int | None = 0, *, use_consolidated_for_children: bool = True
    ) -> tuple[tuple[str, AnyMember], ...]:
        """Return the members, and those of the groups below.

        Parameters
        ----------
        max_depth : int or None, optional
            Levels below the members of this group; None for all levels.
        use_consolidated_for_children : bool, optional
            Has no effect.

        Returns
        -------
        tuple of tuple
            Pairs of a path, relative to this group, and an array or a group.
        """
        if max_depth is not None and max_depth < 0:
            raise ValueError(f"max_depth is {max_depth}; it must be None or 0 or greater")
        return tuple(_members(self, max_depth, ""))

    def nmembers(self, max_depth: int | None = 0) -> int:
        """Return the number of members, and of those of the groups below.

        Parameters
        ----------
        max_depth : int or None, optional
            Levels below the members of this group; None for all levels.

        Returns
        -------
        int
            The number.
        """
        return len(Group.members(self, max_depth))

    def array_values(self) -> Iterator[BaseArray]:
        """Iterate over the arrays.

        Yields
        ------
        Array
            An array.
        """
        for _, array in self.arrays():
            yield array

    def group_values(self) -> Iterator[BaseGroup]:
        """Iterate over the groups.

        Yields
        ------
        Group
            A group.
        """
        for _, group in self.groups():
            yield group

    def get_array(self, path: str) -> BaseArray:
        """Return an array.

        Parameters
        ----------
        path : str
            Its path, relative to this group.

        Returns
        -------
        Array
            The array.

        Raises
        ------
        ArrayNotFoundError
            If there is nothing.
        ContainsGroupError
            If there is a group.
        """
        found = self.get(path)
        if found is None:
            raise ArrayNotFoundError(self._at(path).path)
        if not isinstance(found, BaseArray):
            raise ContainsGroupError(self._at(path).path)
        return found

    def get_group(self, path: str) -> BaseGroup:
        """Return a group.

        Parameters
        ----------
        path : str
            Its path, relative to this group.

        Returns
        -------
        Group
            The group.

        Raises
        ------
        GroupNotFoundError
            If there is nothing.
        ContainsArrayError
            If there is an array.
        """
        found = self.get(path)
        if found is None:
            raise GroupNotFoundError(self._at(path).path)
        if not isinstance(found, BaseGroup):
            raise ContainsArrayError(self._at(path).path)
        return found

    def create_array(self, name: str, **kwargs: Option) -> Option:
        """Create an array.

        Parameters
        ----------
        name : str
            Name or path.
        **kwargs
            Keywords of `zarr.create_array`, and ``compressor`` for one of the ``compressors``.

        Returns
        -------
        Array
            The array.
        """
        return create_array(self, name, **kwargs)

    def require_array(self, name: str, *, shape: Option, **kwargs: Option) -> Option:
        """Return an array; create it if it does not exist.

        Parameters
        ----------
        name : str
            Name or path.
        shape : int or tuple of int
            Shape that the array must have, in elements.
        **kwargs
            ``dtype`` and ``exact``, and keywords of `zarr.create_array`.

        Returns
        -------
        Array
            The array.

        Raises
        ------
        TypeError
            If the array has another shape, or a data type that does not fit.
        """
        return require_array(self, name, shape=shape, **kwargs)

    def create_hierarchy(
        self, nodes: dict[str, Option], *, overwrite: bool = False
    ) -> Iterator[tuple[str, AnyMember]]:
        """Create groups and arrays.

        Parameters
        ----------
        nodes : dict
            Metadata by path, relative to this group.
        overwrite : bool, optional
            Delete what is there first.

        Yields
        ------
        path : str
            A path.
        member : Array or Group
            What was created.
        """
        from zarrcy.zarr3 import functions

        yield from functions.create_hierarchy(
            store=StorePath(self.store, self.path), nodes=nodes, overwrite=overwrite
        )

    @classmethod
    def from_store(
        cls,
        store: Option,
        *,
        attributes: dict[str, JSON] | None = None,
        zarr_format: Option = 3,
        overwrite: bool = False,
    ) -> Option:
        """Create a group.

        Parameters
        ----------
        store : mapping, store, str or PathLike
            The store.
        attributes : dict, optional
            User attributes.
        zarr_format : {2, 3}, optional
            Version of the format.
        overwrite : bool, optional
            Delete what is there first.

        Returns
        -------
        Group
            The group.
        """
        from zarrcy.zarr3 import functions

        return functions.create_group(
            store, attributes=attributes, zarr_format=zarr_format, overwrite=overwrite
        )

    @classmethod
    def open(cls, store: Option, zarr_format: Option = None) -> Option:
        """Open a group.

        Parameters
        ----------
        store : mapping, store, str or PathLike
            The store.
        zarr_format : {2, 3}, optional
            Version of the format; by default it is detected.

        Returns
        -------
        Group
            The group.
        """
        from zarrcy.zarr3 import functions

        return functions.open_group(store, mode="r+", zarr_format=zarr_format)

    def info_complete(self) -> Option:
        """Return a report on the store and all members below.

        Returns
        -------
        InfoReport
            The report.
        """
        return NodeInfo(lambda: _rows(self, counts=True), self.zarr_format)

    @property
    def _async_group(self) -> Option:
        from zarrcy.zarr3.asynchronous import AsyncGroup

        return AsyncGroup(self)


def _members(group: BaseGroup, depth: int | None, prefix: str) -> Iterator[tuple[str, AnyMember]]:
    for name, member in _load_members(group._state, type(group)):
        yield prefix + name, member
        if isinstance(member, BaseGroup) and depth != 0:
            yield from _members(member, None if depth is None else depth - 1, f"{prefix}{name}/")


def _rows(group: BaseGroup, counts: bool) -> list[tuple[str, str]]:
    rows: list[tuple[str, Option]] = [
        ("Name", group.path),
        ("Type", "Group"),
        ("Zarr format", group.zarr_format),
        ("Read-only", group.read_only),
        ("Store type", type(group.store).__name__),
    ]
    if counts:
        below = [member for _, member in _members(group, None, "")]
        n_arrays = sum(isinstance(member, BaseArray) for member in below)
        rows += [
            ("No. members", len(below)),
            ("No. arrays", n_arrays),
            ("No. groups", len(below) - n_arrays),
        ]
    return [(label, str(value)) for label, value in rows]


def create_array(group: BaseGroup, name: str, **kwargs: Option) -> Option:
    """Create an array in a group, in the format of the group."""
    from zarrcy.zarr3 import functions

    path = group._at(name).path
    kwargs.setdefault("zarr_format", group.zarr_format)
    if "compressor" in kwargs:
        if "compressors" in kwargs:
            raise ValueError("give compressors or compressor, not both")
        kwargs["compressors"] = kwargs.pop("compressor")
    with group._changing():
        created = functions.create_array(group.store, name=path, **kwargs)
    return created if isinstance(group, Group) else functions.as_plain(created)


def require_array(
    group: BaseGroup, name: str, *, shape: Option, dtype: Option = None, exact: bool = False, **kwargs: Option
) -> Option:
    """Return an array in a group; create it if it does not exist."""
    if name not in group:
        return create_array(group, name, shape=shape, dtype=dtype, **kwargs)
    return BaseGroup.require_dataset(group, name, shape, dtype, exact)


def _made(group: Group, function: str, name: str, **kwargs: Option) -> Option:
    from zarrcy.zarr3 import functions

    kwargs.setdefault("zarr_format", group.zarr_format)
    with group._changing():
        return getattr(functions, function)(store=group.store, path=group._at(name).path, **kwargs)
