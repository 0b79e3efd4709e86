"""The class `Attributes` with the argument of zarr-python 3: the array or group that has the attributes."""

from __future__ import annotations

from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.attributes import Attributes as BaseAttributes
from zarrcy.hierarchy.groups import Group


class Attributes(BaseAttributes):
    """The attributes of an array or a group.

    Parameters
    ----------
    obj : Array or Group
        What has the attributes.
    """

    def __init__(self, obj: Array | Group) -> None:
        node = obj.node if isinstance(obj, Array) else obj._node
        super().__init__(node.store, read_only=obj.read_only, node=node)
