"""TreeView: a drawing of a hierarchy, as lines of text or as a nested list in a notebook."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Protocol, TypeAlias

from zarrcy.types import AnyDtype, Shape

if TYPE_CHECKING:
    from typing_extensions import TypeIs


class ArrayNode(Protocol):
    """An array of zarrcy, or a dataset of h5py."""

    @property
    def name(self) -> str | None: ...
    @property
    def shape(self) -> Shape: ...
    @property
    def dtype(self) -> AnyDtype: ...


class GroupNode(Protocol):
    """A group of zarrcy or h5py."""

    @property
    def name(self) -> str | None: ...
    def values(self) -> Iterable[ArrayNode | GroupNode]: ...


AnyNode: TypeAlias = ArrayNode | GroupNode
Branches: TypeAlias = tuple[str, str, str, str]
"""What is drawn left of a member, below it, left of the last member, and below that."""

_UNICODE: Branches = ("├── ", "│   ", "└── ", "    ")
_ASCII: Branches = ("+-- ", "|   ", "+-- ", "    ")


class TreeView:
    """The arrays and groups below a group; they are drawn when the view is printed.

    Parameters
    ----------
    group : Group or Array
        A group of zarrcy or h5py, or an array.
    expand : bool or int, optional
        Levels of the list that are unfolded in a notebook; True unfolds all.
    level : int, optional
        Number of levels to draw. The default is all.

    Examples
    --------
    >>> import zarrcy
    >>> g = zarrcy.group()
    >>> g["a/b"] = [1, 2]
    >>> TreeView(g, level=1)
    /
     └── a
    >>> print(bytes(TreeView(g)).decode())
    /
     +-- a
         +-- b (2,) int64
    """

    def __init__(self, group: AnyNode, expand: bool | int = False, level: int | None = None) -> None:
        self.group, self.expand, self.level = group, expand, level

    def __repr__(self) -> str:
        return "\n".join(self._lines(_UNICODE))

    def __bytes__(self) -> bytes:
        return "\n".join(self._lines(_ASCII)).encode()

    def _lines(self, branches: Branches) -> Iterator[str]:
        yield _label(self.group)
        yield from self._lines_below(self.group, " ", branches, 0)

    def _lines_below(self, group: AnyNode, indent: str, branches: Branches, depth: int) -> Iterator[str]:
        fork, bar, corner, blank = branches
        members = self._members(group, depth)
        for number, member in enumerate(members, 1):
            is_last = number == len(members)
            yield indent + (corner if is_last else fork) + _label(member)
            yield from self._lines_below(member, indent + (blank if is_last else bar), branches, depth + 1)

    def _members(self, node: AnyNode, depth: int) -> list[AnyNode]:
        """Return the members of a group at some depth that are to be drawn."""
        if _is_array(node) or (self.level is not None and depth >= self.level):
            return []
        return list(node.values())

    def _repr_html_(self) -> str:
        return f'<div class="zarrcy-tree">{self._html(self.group, 0)}</div>'

    def _html(self, node: AnyNode, depth: int) -> str:
        label = html.escape(_label(node))
        members = self._members(node, depth)
        if not members:
            return label
        unfolded = depth == 0 or (self.expand if isinstance(self.expand, bool) else depth < self.expand)
        items = "".join(f"<li>{self._html(member, depth + 1)}</li>" for member in members)
        return (
            f"<details{' open' if unfolded else ''}><summary>{label}</summary>"
            f'<ul style="list-style: none">{items}</ul></details>'
        )


def _is_array(node: AnyNode) -> TypeIs[ArrayNode]:
    # asked of the class: a group looks for a member of an unknown name in its store
    return not hasattr(type(node), "values")


def _label(node: AnyNode) -> str:
    """Return the last part of the name of a node, and the shape and data type of an array."""
    # an array at the root has no name
    name = (node.name or "").rsplit("/", 1)[-1] or "/"
    return f"{name} {node.shape} {node.dtype}" if _is_array(node) else name
