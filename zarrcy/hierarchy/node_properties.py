"""Properties that arrays and groups share: their place in a store, their attributes, and names of zarr-python 3."""

from __future__ import annotations

from importlib import import_module

from zarrcy._lazy import Loaded
from zarrcy.hierarchy.attributes import Attributes
from zarrcy.hierarchy.node import Node
from zarrcy.types import Store, Synchronizer, ZarrFormat


class NodeProperties:
    """The place of an array or group in its store, and its attributes."""

    _node: Node
    _attrs: Attributes

    @property
    def store(self) -> Store:
        """Store of the metadata."""
        return self._node.store

    @property
    def chunk_store(self) -> Store:
        """Store of the chunks."""
        return self._node.chunk_store

    @property
    def path(self) -> str:
        """Path in the store; empty for the root."""
        return self._node.path

    @property
    def synchronizer(self) -> Synchronizer | None:
        """Mapping of keys to the locks of parallel writers, or None."""
        return self._node.synchronizer

    @property
    def attrs(self) -> Attributes:
        """User attributes."""
        return self._attrs

    @property
    def _version(self) -> int:
        # programs of zarr-python 2 ask for it
        return 2 if self._node.format.ZARR_FORMAT == 2 else 3

    @property
    def zarr_format(self) -> ZarrFormat:
        """Version of the format of the metadata: 2, 3 or "3-draft"."""
        return self._node.format.ZARR_FORMAT


# Attributes of zarr-python 3 that arrays and groups have beside their own; `zarrcy.zarr3` defines them.
ZARR3_ARRAY = frozenset(
    [
        "async_array",
        "compressors",
        "config",
        "metadata",
        "serializer",
        "store_path",
        "update_attributes",
        "with_config",
        "write_chunk_sizes",
    ]
)
ZARR3_GROUP = frozenset(
    [
        "array_values",
        "create_array",
        "create_hierarchy",
        "from_store",
        "get_array",
        "get_group",
        "group_values",
        "info_complete",
        "members",
        "metadata",
        "nmembers",
        "require_array",
        "store_path",
        "update_attributes",
    ]
)


def find_zarr3_attribute(module: str, owner: object, name: str) -> Loaded:
    """Return an attribute of an array or a group that zarr-python 3 has and zarr-python 2 has not.

    Parameters
    ----------
    module : str
        The module of `zarrcy.zarr3` whose class defines the attribute: ``"arrays"`` or ``"groups"``.
    owner : Array or Group
        The object that has the attribute.
    name : str
        Its name.
    """
    home = import_module(f"zarrcy.zarr3.{module}")
    kind = getattr(home, {"arrays": "Array", "groups": "Group"}[module])
    return kind.__dict__[name].__get__(owner, type(owner))


class Zarr3Attribute:
    """An attribute of a class that `find_zarr3_attribute` finds.

    It is looked up only if a program uses it. A method ``__getattr__`` would make every attribute of the class slower.

    Parameters
    ----------
    module, name
        As for `find_zarr3_attribute`.
    """

    def __init__(self, module: str, name: str) -> None:
        self._module, self._name = module, name

    def __get__(self, owner: object, kind: type | None = None) -> Loaded:
        return self if owner is None else find_zarr3_attribute(self._module, owner, self._name)
