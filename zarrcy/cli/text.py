"""Text that the commands print: sizes with units, shapes, printable names, tables, messages."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "count",
    "format_nbytes",
    "format_ratio",
    "format_shape",
    "print_message",
    "print_table",
    "printable",
]

_UNITS = ("KiB", "MiB", "GiB", "TiB", "PiB")


def count(n: int, noun: str) -> str:
    """Return a number with its noun, in the plural if needed.

    Examples
    --------
    >>> count(1, "array"), count(2, "array")
    ('1 array', '2 arrays')
    """
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def format_nbytes(nbytes: int) -> str:
    """Return a number of bytes with a unit.

    Examples
    --------
    >>> format_nbytes(1740800), format_nbytes(17)
    ('1.7 MiB', '17 B')
    """
    if nbytes < 1024:
        return f"{nbytes} B"
    # compare the rounded value: 1023.96 KiB must become 1.0 MiB, not 1024.0 KiB
    power = next((n for n in range(1, len(_UNITS)) if round(nbytes / 1024**n, 1) < 1024), len(_UNITS))
    return f"{nbytes / 1024**power:.1f} {_UNITS[power - 1]}"


def format_ratio(nbytes: int, nbytes_stored: int) -> str:
    """Return the compression ratio, or "-" if the stored size is not known.

    Examples
    --------
    >>> format_ratio(300, 100)
    '3.0'
    """
    return f"{nbytes / nbytes_stored:.1f}" if nbytes_stored > 0 else "-"


def format_shape(shape: Sequence[int]) -> str:
    """Return a shape as ``AxBxC``, the form that the option ``--chunks`` accepts.

    Examples
    --------
    >>> format_shape((240, 37, 49)), format_shape(())
    ('240x37x49', 'scalar')
    """
    return "x".join(map(str, shape)) if shape else "scalar"


def printable(text: str) -> str:
    r"""Return `text` with control characters escaped, because names come from untrusted files.

    Examples
    --------
    >>> printable("a\x1b[2Jb é")
    'a\\x1b[2Jb é'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def print_message(text: str) -> None:
    """Print one line to standard error."""
    print(f"zarrcy: {printable(text)}", file=sys.stderr)


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    left: int = 1,
    title: str | None = None,
    stream: TextIO | None = None,
) -> None:
    """Print a table: with the package rich if it is installed and `stream` is a terminal, else as aligned text.

    Parameters
    ----------
    headings : sequence of str
        Heading of each column.
    rows : sequence of sequence of str
        One cell per column.
    left : int, default 1
        Number of columns that are aligned to the left. The others hold numbers and are aligned to the right.
    title : str, optional
        Line above the table.
    stream : text file, optional
        Standard output by default.
    """
    stream = sys.stdout if stream is None else stream
    cells = [[printable(cell) for cell in row] for row in rows]
    lines = _plain_lines(headings, cells, left, title)
    if stream.isatty() and importlib.util.find_spec("rich") is not None:
        from rich.console import Console

        console = Console(file=stream)
        # rich cuts columns that do not fit; plain text only wraps
        if max(map(len, lines)) <= console.width:
            console.print(_rich_table(headings, cells, left, title))
            return
    print("\n".join(lines), file=stream)


def _plain_lines(
    headings: Sequence[str], rows: Sequence[Sequence[str]], left: int, title: str | None
) -> list[str]:
    widths = [max(map(len, column)) for column in zip(headings, *rows, strict=True)]
    lines = [] if title is None else [title]
    for row in (headings, *rows):
        padded = (
            cell.ljust(width) if number < left else cell.rjust(width)
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(padded).rstrip())
    return lines


def _rich_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], left: int, title: str | None
) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=title,
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        show_edge=False,
        padding=(0, 1, 0, 0),
    )
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < left else "right", no_wrap=True)
    for row in rows:
        # Text instead of str: rich would interpret brackets in a name as markup
        table.add_row(*map(Text, row))
    return table
