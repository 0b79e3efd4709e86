"""A hypothesis state machine that applies random operations to a hierarchy and to a dictionary, and compares them."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import TypeVar

import numpy as np

import zarrcy
from zarrcy.errors import (
    ContainsArrayError,
    ContainsGroupError,
    KeyPathError,
    MissingExtraError,
    PathNotFoundError,
)
from zarrcy.types import JSON, Store, ZarrFormat

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
except ImportError as exc:
    raise MissingExtraError("hypothesis", "testing", "zarrcy.testing") from exc

_Result = TypeVar("_Result")
_NAMES = ("a", "b", "ab")
_PATHS = st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3).map("/".join)
_ATTRIBUTE_NAMES = st.sampled_from(("k", "unit"))
_ATTRIBUTES = st.integers(0, 9) | st.just("text") | st.lists(st.integers(0, 9), max_size=2)


class _Node:
    """An array or a group of the model. The values of a group are None."""

    def __init__(self, values: list[int] | None = None) -> None:
        self.values = values
        self.attributes: dict[str, JSON] = {}

    @property
    def kind(self) -> str:
        return "group" if self.values is None else "array"


class HierarchyMachine(RuleBasedStateMachine):
    """A state machine that creates, moves, deletes and overwrites nodes of a hierarchy and of a dictionary.

    After each step, all nodes of the hierarchy are compared with the dictionary, and the store must not contain keys
    of deleted nodes. To test your own store, override `make_store`.

    Attributes
    ----------
    survives_pickling : bool, default True
        Also pickle and unpickle groups in this store.
    zarr_format : {2, 3, "3-draft"}, default 2
        Version of the format.

    See Also
    --------
    hierarchy_machine_for : Make a machine from a function that creates stores.

    Examples
    --------
    >>> from zarrcy.testing import HierarchyMachine
    >>> class MyMachine(HierarchyMachine):
    ...     def make_store(self):
    ...         return {}
    >>> TestMyStore = MyMachine.TestCase
    """

    survives_pickling = True
    zarr_format: ZarrFormat = 2

    def make_store(self) -> Store:
        """Return a new, empty store."""
        return {}

    def drop_store(self, store: Store) -> None:
        """Release a store that `make_store` created."""

    def teardown(self) -> None:
        if hasattr(self, "root"):
            self.drop_store(self.root.store)

    @initialize()
    def open_root(self) -> None:
        self.root = zarrcy.open_group(self.make_store(), mode="w", zarr_format=self.zarr_format)
        self.model: dict[str, _Node] = {"": _Node()}

    # -- the model ---------------------------------------------------------------------------------

    def _parents(self, path: str) -> list[str]:
        parts = path.split("/")
        return ["/".join(parts[:n]) for n in range(len(parts))]

    def _below(self, path: str) -> list[str]:
        return [other for other in self.model if other == path or other.startswith(f"{path}/")]

    def _groups(self) -> list[str]:
        return [path for path, node in self.model.items() if node.kind == "group"]

    def _expected_error(self, path: str, overwrite: bool) -> type[Exception] | None:
        """Return the error that creating a node at a path must raise, or None. Arrays above are overwritten, too."""
        if not overwrite and self._is_below_array(path):
            return ContainsArrayError
        if path not in self.model or overwrite:
            return None
        return ContainsArrayError if self.model[path].kind == "array" else ContainsGroupError

    def _is_below_array(self, path: str) -> bool:
        above = (self.model.get(parent) for parent in self._parents(path))
        return any(node is not None and node.kind == "array" for node in above)

    def _put(self, path: str, node: _Node) -> None:
        for other in self._below(path):
            del self.model[other]
        for parent in self._parents(path):
            if parent not in self.model or self.model[parent].kind == "array":
                self.model[parent] = _Node()
        self.model[path] = node

    def _draw_start(self, data: st.DataObject, path: str) -> tuple[zarrcy.Group, str]:
        """Return an existing group, and the path relative to it or absolute."""
        start = data.draw(st.sampled_from(self._groups()), label="start")
        group = self.root[start] if start else self.root
        if path.startswith(f"{start}/") and data.draw(st.booleans(), label="relative path"):
            return group, path[len(start) + 1 :]
        return group, f"/{path}"

    # -- creating ----------------------------------------------------------------------------------

    @rule(data=st.data(), path=_PATHS, overwrite=st.booleans())
    def create_group(self, data: st.DataObject, path: str, overwrite: bool) -> None:
        group, name = self._draw_start(data, path)
        error = self._expected_error(path, overwrite)
        created = _outcome(error, lambda: group.create_group(name, overwrite=overwrite))
        if error is None:
            assert created is not None
            assert created.path == path, f"created at {created.path!r} instead of {path!r}"
            self._put(path, _Node())

    @rule(data=st.data(), path=_PATHS)
    def require_group(self, data: st.DataObject, path: str) -> None:
        group, name = self._draw_start(data, path)
        exists = path in self.model and self.model[path].kind == "group"
        error = None if exists else self._expected_error(path, False)
        required = _outcome(error, lambda: group.require_group(name))
        if error is None:
            assert required is not None
            assert required.path == path, f"required at {required.path!r} instead of {path!r}"
            if not exists:
                self._put(path, _Node())

    @rule(
        data=st.data(), path=_PATHS, overwrite=st.booleans(), values=st.lists(st.integers(0, 9), max_size=4)
    )
    def create_array(self, data: st.DataObject, path: str, overwrite: bool, values: list[int]) -> None:
        group, name = self._draw_start(data, path)
        error = self._expected_error(path, overwrite)
        chunks = data.draw(st.integers(1, 5), label="chunk length")

        def create() -> zarrcy.Array:
            data = np.array(values, "i4")
            return group.create_dataset(name, data=data, chunks=chunks, overwrite=overwrite, fill_value=7)

        _outcome(error, create)
        if error is None:
            self._put(path, _Node(values))

    @rule(data=st.data(), path=_PATHS, length=st.integers(0, 4))
    def require_array(self, data: st.DataObject, path: str, length: int) -> None:
        group, name = self._draw_start(data, path)
        node = self.model.get(path)
        error = self._expected_error(path, False)
        if node is not None and node.values is not None:
            error = None if len(node.values) == length else TypeError
        _outcome(error, lambda: group.require_dataset(name, shape=length, dtype="i4", fill_value=7))
        if error is None and node is None:
            self._put(path, _Node([7] * length))

    @rule(data=st.data(), path=_PATHS, value=st.integers(0, 9))
    def assign(self, data: st.DataObject, path: str, value: int) -> None:
        group, name = self._draw_start(data, path)
        # an assignment does not delete an array above
        error = ContainsArrayError if self._is_below_array(path) else None
        _outcome(error, lambda: group.__setitem__(name, np.array([value], "i4")))
        if error is None:
            self._put(path, _Node([value]))

    # -- changing ----------------------------------------------------------------------------------

    @rule(data=st.data(), path=_PATHS)
    def delete(self, data: st.DataObject, path: str) -> None:
        group, name = self._draw_start(data, path)
        _outcome(None if path in self.model else KeyError, lambda: group.__delitem__(name))
        for other in self._below(path):
            del self.model[other]

    @rule(data=st.data(), path=_PATHS, dest=_PATHS)
    def move(self, data: st.DataObject, path: str, dest: str) -> None:
        group, name = self._draw_start(data, path)
        error: type[Exception] | None = None
        if path not in self.model:
            error = PathNotFoundError
        elif dest.startswith(f"{path}/"):
            error = self._expected_error(dest, False) if dest in self.model else KeyPathError
        else:
            error = self._expected_error(dest, False)
        _outcome(error, lambda: group.move(name, f"/{dest}"))
        if error is None:
            moved = {dest + other[len(path) :]: self.model.pop(other) for other in self._below(path)}
            self._put(dest, moved.pop(dest))
            self.model |= moved

    @rule(data=st.data(), name=_ATTRIBUTE_NAMES, value=_ATTRIBUTES)
    def set_attribute(self, data: st.DataObject, name: str, value: JSON) -> None:
        path = data.draw(st.sampled_from(list(self.model)), label="path")
        (self.root[path] if path else self.root).attrs[name] = value
        self.model[path].attributes[name] = value

    @rule(data=st.data(), attributes=st.dictionaries(_ATTRIBUTE_NAMES, _ATTRIBUTES))
    def put_attributes(self, data: st.DataObject, attributes: dict[str, JSON]) -> None:
        path = data.draw(st.sampled_from(list(self.model)), label="path")
        (self.root[path] if path else self.root).attrs.put(attributes)
        self.model[path].attributes = attributes

    @rule(how=st.sampled_from(["opened", "pickled", "required"]))
    def reopen(self, how: str) -> None:
        if how == "opened":
            self.root = zarrcy.open_group(self.root.store, mode="r+")
        elif how == "required":
            self.root = zarrcy.group(self.root.store)
        elif self.survives_pickling:
            self.root = pickle.loads(pickle.dumps(self.root))

    # -- comparing ---------------------------------------------------------------------------------

    @invariant()
    def contents_equal_the_model(self) -> None:
        self._compare(self.root)

    @rule()
    def consolidated_metadata_equal_the_model(self) -> None:
        store = self.root.store
        opened = zarrcy.consolidate_metadata(store)
        assert isinstance(opened, zarrcy.Group)
        self._compare(opened)
        for key in (".zmetadata", "meta/root/consolidated/.zmetadata"):
            store.pop(key, None)

    def _compare(self, root: zarrcy.Group) -> None:
        members: dict[str, zarrcy.Array | zarrcy.Group] = {"": root}
        root.visititems(members.__setitem__)
        assert sorted(members) == sorted(self.model), f"has {sorted(members)} instead of {sorted(self.model)}"
        paths: list[str] = []
        root.visit(paths.append)
        assert paths == list(members)[1:], "a group comes before its members, and members are sorted by name"
        for path, member in members.items():
            node = self.model[path]
            assert member.path == path
            assert dict(member.attrs) == node.attributes, f"{path!r} has the attributes {dict(member.attrs)}"
            if isinstance(member, zarrcy.Group):
                self._compare_group(member, node)
            else:
                assert member[...].tolist() == node.values, f"{path!r} contains {member[...]}"

    def _compare_group(self, group: zarrcy.Group, node: _Node) -> None:
        assert node.kind == "group", f"{group.path!r} is a group instead of an array"
        prefix = f"{group.path}/" if group.path else ""
        kinds = {
            path[len(prefix) :]: node.kind
            for path, node in self.model.items()
            if path and path.startswith(prefix) and "/" not in path[len(prefix) :]
        }
        names = sorted(kinds)
        assert list(group) == names == [name for name, _ in group.items()]
        assert len(group) == len(names)
        assert list(group.group_keys()) == [name for name in names if kinds[name] == "group"]
        assert [name for name, _ in group.arrays()] == [name for name in names if kinds[name] == "array"]
        for name in _NAMES:
            assert (name in group) == (name in kinds)

    @invariant()
    def no_key_is_left_behind(self) -> None:
        for key in self.root.store:
            assert _path_of(key) in self.model, f"{key!r} was left behind"


def _path_of(key: str) -> str:
    """Return the path of the node that owns a key."""
    root, _, below = key.partition("/root")
    if root == "meta":
        return below.removesuffix(".json").rpartition(".")[0].lstrip("/")
    return (below if root == "data" else key).rpartition("/")[0].lstrip("/")


def _outcome(error: type[Exception] | None, change: Callable[[], _Result]) -> _Result | None:
    """Return the result of a change, or check that it raises; the invariants check that nothing changed."""
    if error is None:
        return change()
    try:
        change()
    except error:
        return None
    raise AssertionError(f"{error.__name__} was not raised")


def hierarchy_machine_for(make_store: Callable[[], Store]) -> type[HierarchyMachine]:
    """Return a `HierarchyMachine` that creates its hierarchies in the stores of a function.

    Parameters
    ----------
    make_store : callable
        Called without arguments; returns a new, empty store.

    Returns
    -------
    type
        Subclass of `HierarchyMachine`; its attribute ``TestCase`` is a test that pytest collects.

    See Also
    --------
    machine_for : The same for arrays.

    Examples
    --------
    >>> from zarrcy.testing import hierarchy_machine_for
    >>> TestMyStore = hierarchy_machine_for(dict).TestCase
    """

    class Machine(HierarchyMachine):
        def make_store(self) -> Store:
            return make_store()

    Machine.__name__ = Machine.__qualname__ = f"HierarchyMachine_{getattr(make_store, '__name__', 'store')}"
    return Machine
