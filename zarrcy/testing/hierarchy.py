"""Do anything to a hierarchy, do the same to a dictionary, and compare: a state machine for hypothesis."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

import zarrcy
from zarrcy.errors import (
    ContainsArrayError,
    ContainsGroupError,
    KeyPathError,
    MissingExtraError,
    PathNotFoundError,
)
from zarrcy.types import Store, ZarrFormat

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
except ImportError as exc:
    raise MissingExtraError("hypothesis", "testing", "zarrcy.testing") from exc

_NAMES = ("a", "b", "ab")
_PATHS = st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3).map("/".join)
_ATTRIBUTE_NAMES = st.sampled_from(("k", "unit"))
_ATTRIBUTES = st.integers(0, 9) | st.just("text") | st.lists(st.integers(0, 9), max_size=2)


class _Node:
    """An array or a group of the model; a group has no values."""

    def __init__(self, values: list[int] | None = None) -> None:
        self.values = values
        self.attributes: dict[str, Any] = {}

    @property
    def kind(self) -> str:
        return "group" if self.values is None else "array"


class HierarchyMachine(RuleBasedStateMachine):
    """A hierarchy and a dictionary of its nodes that are created, moved, deleted, overwritten ... side by side.

    After each step everything that can be found in the hierarchy is compared with the dictionary, and
    no key may be left of what was deleted. To try a store of your own, override `make_store`.

    Attributes
    ----------
    survives_pickling : groups in this store are pickled and loaded too
    zarr_format : 2, 3 or "3-draft"

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

    def make_store(self) -> Any:
        """Return a new, empty store."""
        return {}

    def drop_store(self, store: Any) -> None:
        """Clean up after a store that `make_store` made."""

    def teardown(self) -> None:
        if hasattr(self, "root"):
            self.drop_store(self.root.store)

    @initialize()
    def open_root(self) -> None:
        self.root = zarrcy.open_group(self.make_store(), mode="w", zarr_format=self.zarr_format)
        self.model: dict[str, _Node] = {"": _Node()}

    # -- what the model knows ----------------------------------------------------------------------

    def _above(self, path: str) -> list[str]:
        parts = path.split("/")
        return ["/".join(parts[:n]) for n in range(len(parts))]

    def _below(self, path: str) -> list[str]:
        return [other for other in self.model if other == path or other.startswith(f"{path}/")]

    def _groups(self) -> list[str]:
        return [path for path, node in self.model.items() if node.kind == "group"]

    def _refusal(self, path: str, overwrite: bool) -> type[Exception] | None:
        """Return the error that there must be if a node is created at a path."""
        if any(self.model[above].kind == "array" for above in self._above(path) if above in self.model):
            return ContainsArrayError
        if path not in self.model or overwrite:
            return None
        return ContainsArrayError if self.model[path].kind == "array" else ContainsGroupError

    def _put(self, path: str, node: _Node) -> None:
        for other in self._below(path):
            del self.model[other]
        for above in self._above(path):
            self.model.setdefault(above, _Node())
        self.model[path] = node

    def _from_somewhere(self, data: st.DataObject, path: str) -> tuple[zarrcy.Group, str]:
        """Return a group that exists, and the name of a path seen from there."""
        start = data.draw(st.sampled_from(self._groups()), label="seen from")
        group = self.root[start] if start else self.root
        if path.startswith(f"{start}/") and data.draw(st.booleans(), label="as a relative path"):
            return group, path[len(start) + 1 :]
        return group, f"/{path}"

    # -- creating ----------------------------------------------------------------------------------

    @rule(data=st.data(), path=_PATHS, overwrite=st.booleans())
    def create_group(self, data: st.DataObject, path: str, overwrite: bool) -> None:
        group, name = self._from_somewhere(data, path)
        refusal = self._refusal(path, overwrite)
        made = _outcome(refusal, lambda: group.create_group(name, overwrite=overwrite))
        if refusal is None:
            assert made.path == path, f"made at {made.path!r}, not at {path!r}"
            self._put(path, _Node())

    @rule(data=st.data(), path=_PATHS)
    def require_group(self, data: st.DataObject, path: str) -> None:
        group, name = self._from_somewhere(data, path)
        is_there = path in self.model and self.model[path].kind == "group"
        refusal = None if is_there else self._refusal(path, False)
        required = _outcome(refusal, lambda: group.require_group(name))
        if refusal is None:
            assert required.path == path, f"found at {required.path!r}, not at {path!r}"
            if not is_there:
                self._put(path, _Node())

    @rule(
        data=st.data(), path=_PATHS, overwrite=st.booleans(), values=st.lists(st.integers(0, 9), max_size=4)
    )
    def create_array(self, data: st.DataObject, path: str, overwrite: bool, values: list[int]) -> None:
        group, name = self._from_somewhere(data, path)
        refusal = self._refusal(path, overwrite)
        chunks = data.draw(st.integers(1, 5), label="chunk length")

        def create() -> zarrcy.Array:
            given = np.array(values, "i4")
            return group.create_dataset(name, data=given, chunks=chunks, overwrite=overwrite, fill_value=7)

        _outcome(refusal, create)
        if refusal is None:
            self._put(path, _Node(values))

    @rule(data=st.data(), path=_PATHS, length=st.integers(0, 4))
    def require_array(self, data: st.DataObject, path: str, length: int) -> None:
        group, name = self._from_somewhere(data, path)
        there = self.model.get(path)
        refusal = self._refusal(path, False)
        if there is not None and there.values is not None:
            refusal = None if len(there.values) == length else TypeError
        _outcome(refusal, lambda: group.require_dataset(name, shape=length, dtype="i4", fill_value=7))
        if refusal is None and there is None:
            self._put(path, _Node([7] * length))

    @rule(data=st.data(), path=_PATHS, value=st.integers(0, 9))
    def assign(self, data: st.DataObject, path: str, value: int) -> None:
        group, name = self._from_somewhere(data, path)
        refusal = self._refusal(path, True)
        _outcome(refusal, lambda: group.__setitem__(name, np.array([value], "i4")))
        if refusal is None:
            self._put(path, _Node([value]))

    # -- changing ----------------------------------------------------------------------------------

    @rule(data=st.data(), path=_PATHS)
    def delete(self, data: st.DataObject, path: str) -> None:
        group, name = self._from_somewhere(data, path)
        _outcome(None if path in self.model else KeyError, lambda: group.__delitem__(name))
        for other in self._below(path):
            del self.model[other]

    @rule(data=st.data(), path=_PATHS, dest=_PATHS)
    def move(self, data: st.DataObject, path: str, dest: str) -> None:
        group, name = self._from_somewhere(data, path)
        refusal: type[Exception] | None = None
        if path not in self.model:
            refusal = PathNotFoundError
        elif dest.startswith(f"{path}/"):
            refusal = self._refusal(dest, False) if dest in self.model else KeyPathError
        else:
            refusal = self._refusal(dest, False)
        _outcome(refusal, lambda: group.move(name, f"/{dest}"))
        if refusal is None:
            moved = {dest + other[len(path) :]: self.model.pop(other) for other in self._below(path)}
            self._put(dest, moved.pop(dest))
            self.model |= moved

    @rule(data=st.data(), name=_ATTRIBUTE_NAMES, value=_ATTRIBUTES)
    def set_attribute(self, data: st.DataObject, name: str, value: Any) -> None:
        path = data.draw(st.sampled_from(list(self.model)), label="path")
        (self.root[path] if path else self.root).attrs[name] = value
        self.model[path].attributes[name] = value

    @rule(data=st.data(), attributes=st.dictionaries(_ATTRIBUTE_NAMES, _ATTRIBUTES))
    def put_attributes(self, data: st.DataObject, attributes: dict[str, Any]) -> None:
        path = data.draw(st.sampled_from(list(self.model)), label="path")
        (self.root[path] if path else self.root).attrs.put(attributes)
        self.model[path].attributes = attributes

    @rule(how=st.sampled_from(["opened", "pickled", "required"]))
    def begin_again(self, how: str) -> None:
        if how == "opened":
            self.root = zarrcy.open_group(self.root.store, mode="r+")
        elif how == "required":
            self.root = zarrcy.group(self.root.store)
        elif self.survives_pickling:
            self.root = pickle.loads(pickle.dumps(self.root))

    # -- comparing ---------------------------------------------------------------------------------

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        self._compare(self.root)

    @rule()
    def is_the_same_by_consolidated_metadata(self) -> None:
        store = self.root.store
        opened = zarrcy.consolidate_metadata(store)
        assert isinstance(opened, zarrcy.Group)
        self._compare(opened)
        for key in (".zmetadata", "meta/root/consolidated/.zmetadata"):
            store.pop(key, None)

    def _compare(self, root: zarrcy.Group) -> None:
        found: dict[str, Any] = {"": root}
        root.visititems(found.__setitem__)
        assert sorted(found) == sorted(self.model), f"holds {sorted(found)}, not {sorted(self.model)}"
        paths: list[str] = []
        root.visit(paths.append)
        assert paths == list(found)[1:], "groups come before what is in them, in the order of their names"
        for path, member in found.items():
            node = self.model[path]
            assert member.path == path
            assert dict(member.attrs) == node.attributes, f"{path!r} has the attributes {dict(member.attrs)}"
            if isinstance(member, zarrcy.Group):
                self._compare_group(member, node)
            else:
                assert member[...].tolist() == node.values, f"{path!r} holds {member[...]}"

    def _compare_group(self, group: zarrcy.Group, node: _Node) -> None:
        assert node.kind == "group", f"{group.path!r} is a group"
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
    def leaves_nothing_behind(self) -> None:
        for key in self.root.store:
            assert _path_of(key) in self.model, f"{key!r} was left behind"


def _path_of(key: str) -> str:
    """Return the path of the node to which a key belongs."""
    root, _, below = key.partition("/root")
    if root == "meta":
        return below.removesuffix(".json").rpartition(".")[0].lstrip("/")
    return (below if root == "data" else key).rpartition("/")[0].lstrip("/")


def _outcome(refusal: type[Exception] | None, change: Callable[[], Any]) -> Any:
    """Return what a change returns, or check that it is refused; the invariants see that nothing changed."""
    if refusal is None:
        return change()
    try:
        change()
    except refusal:
        return None
    raise AssertionError(f"{refusal.__name__} was not raised")


def hierarchy_machine_for(make_store: Callable[[], Store]) -> type[HierarchyMachine]:
    """Return a `HierarchyMachine` whose hierarchies are in the stores that a function makes.

    >>> from zarrcy.testing import hierarchy_machine_for
    >>> TestMyStore = hierarchy_machine_for(dict).TestCase
    """

    class Machine(HierarchyMachine):
        def make_store(self) -> Any:
            return make_store()

    Machine.__name__ = Machine.__qualname__ = f"HierarchyMachine_{getattr(make_store, '__name__', 'store')}"
    return Machine
