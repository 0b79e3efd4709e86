"""A drawing of a hierarchy in the form that zarr-python 3 prints."""

from __future__ import annotations

import html
import sys
from collections.abc import Iterator
from itertools import islice

from zarrcy.hierarchy.groups import Group as BaseGroup
from zarrcy.types import AnyMember

_BOLD, _NORMAL = "\x1b[1m", "\x1b[0m"


class GroupTree:
    """The arrays and groups below a group; they are drawn when the tree is printed.

    Parameters
    ----------
    group : Group
        The group.
    expand : bool, optional
        Has no effect.
    level : int, optional
        Levels below the members of the group. The default is all.
    max_nodes : int, optional
        Most arrays and groups that are drawn.
    plain : bool, optional
        Without bold names in a terminal.
    """

    def __init__(
        self,
        group: BaseGroup,
        *,
        expand: bool = False,
        level: int | None = None,
        max_nodes: int = 500,
        plain: bool = False,
    ) -> None:
        if expand:
            raise NotImplementedError("a tree is drawn with all its levels; leave out expand")
        self._group, self._level, self._max_nodes, self._plain = group, level, max_nodes, plain

    def _draw(self, begin: str, end: str, escape: bool = False) -> str:
        lines = [f"{begin}/{self._group.path}{end}"]
        drawn = list(islice(self._below(self._group, "", 0), self._max_nodes + 1))
        for indent, name, what in drawn[: self._max_nodes]:
            label = html.escape(name) if escape else name
            lines.append(f"{indent}{begin}{label}{end}{what}")
        if len(drawn) > self._max_nodes:
            lines.insert(
                0, f"Truncated at max_nodes={self._max_nodes}, some nodes and their children may be missing"
            )
        return "\n".join(lines) + "\n"

    def _below(self, group: BaseGroup, indent: str, depth: int) -> Iterator[tuple[str, str, str]]:
        members: list[tuple[str, AnyMember]] = list(group.items())
        for number, (name, member) in enumerate(members, 1):
            is_last = number == len(members)
            is_group = isinstance(member, BaseGroup)
            what = "" if is_group else f" {member.shape} {member.dtype}"
            yield indent + ("└── " if is_last else "├── "), name, what
            if is_group and (self._level is None or depth < self._level):
                yield from self._below(member, indent + ("    " if is_last else "│   "), depth + 1)

    def __repr__(self) -> str:
        is_bold = not self._plain and sys.stdout.isatty()
        return self._draw(_BOLD, _NORMAL) if is_bold else self._draw("", "")

    def _repr_mimebundle_(self, **kwargs: object) -> dict[str, str]:
        return {
            "text/plain": self._draw("", ""),
            "text/html": f"<pre>{self._draw('<b>', '</b>', escape=True)}</pre>",
        }
