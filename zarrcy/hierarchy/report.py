"""Reports for people: aligned text, and a table in a notebook."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any


class InfoReport:
    """Rows of names and values that print well."""

    def __init__(self, rows: Callable[[], list[tuple[str, str]]]) -> None:
        self._rows = rows

    def __repr__(self) -> str:
        rows = self._rows()
        width = max(len(name) for name, _ in rows)
        return "\n".join(f"{name:<{width}} : {value}" for name, value in rows)

    def _repr_html_(self) -> str:
        return html_table(self._rows())


def html_table(rows: Iterable[tuple[str, str]]) -> str:
    """Return rows of names and values as a table for a notebook.

    >>> "a&lt;b" in html_table([("Name", "a<b")])
    True
    """
    import html

    cells = "".join(
        f'<tr><th style="text-align: left">{html.escape(name)}</th>'
        f'<td style="text-align: left">{html.escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<table class="zarrcy-info"><tbody>{cells}</tbody></table>'


def bytes_text(nbytes: int) -> str:
    """Return a number of bytes, with a rounded one in a larger unit where that helps.

    >>> bytes_text(40000), bytes_text(337)
    ('40000 (39.1K)', '337')
    """
    if nbytes < 1024:
        return str(nbytes)
    rounded, unit = float(nbytes), ""
    for unit in "KMGTPE":  # noqa: B007
        rounded /= 1024
        if rounded < 1024:
            break
    return f"{nbytes} ({rounded:.1f}{unit})"


def type_name(value: Any) -> str:
    """Return the full name of the type of `value`."""
    return f"{type(value).__module__}.{type(value).__qualname__}"
