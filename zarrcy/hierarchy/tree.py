"""Draw a hierarchy: lines of text, or a list that folds in a notebook. Groups of h5py do too."""

from __future__ import annotations

import html
from collections.abc import Iterator
from typing import Any

_UNICODE = ("├── ", "│   ", "└── ", "    ")
_ASCII = ("+-- ", "|   ", "+-- ", "    ")


class TreeView:
    """What is below a group, drawn when it is printed.

    Parameters
    ----------
    group : of ours or of h5py
    expand : unfold all of the list in a notebook, or so many levels of it
    level : how deep to go; None goes to the end

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

    def __init__(self, group: Any, expand: bool | int = False, level: int | None = None) -> None:
        self.group, self.expand, self.level = group, expand, level

    def __repr__(self) -> str:
        return "\n".join(self._lines(_UNICODE))

    def __bytes__(self) -> bytes:
        return "\n".join(self._lines(_ASCII)).encode()

    def _lines(self, branches: tuple[str, str, str, str]) -> Iterator[str]:
        yield _label(self.group)
        yield from self._lines_below(self.group, " ", branches, 0)

    def _lines_below(
        self, group: Any, indent: str, branches: tuple[str, str, str, str], depth: int
    ) -> Iterator[str]:
        fork, bar, corner, blank = branches
        children = self._children(group, depth)
        for number, child in enumerate(children, 1):
            last = number == len(children)
            yield indent + (corner if last else fork) + _label(child)
            yield from self._lines_below(child, indent + (blank if last else bar), branches, depth + 1)

    def _children(self, node: Any, depth: int) -> list[Any]:
        """Return what is in a node at some depth, as far as it is to be shown."""
        if not _is_group(node) or (self.level is not None and depth >= self.level):
            return []
        return list(node.values())

    def _repr_html_(self) -> str:
        return f'<div class="zarrcy-tree">{self._html(self.group, 0)}</div>'

    def _html(self, node: Any, depth: int) -> str:
        label = html.escape(_label(node))
        children = self._children(node, depth)
        if not children:
            return label
        unfolded = depth == 0 or (self.expand if isinstance(self.expand, bool) else depth < self.expand)
        items = "".join(f"<li>{self._html(child, depth + 1)}</li>" for child in children)
        return (
            f"<details{' open' if unfolded else ''}><summary>{label}</summary>"
            f'<ul style="list-style: none">{items}</ul></details>'
        )


def _is_group(node: Any) -> bool:
    return hasattr(node, "values") and not hasattr(node, "shape")


def _label(node: Any) -> str:
    """Return the name of a node, and what is known of an array."""
    # an array at the root has no name
    name = (node.name or "").rsplit("/", 1)[-1] or "/"
    return name if _is_group(node) else f"{name} {node.shape} {node.dtype}"
