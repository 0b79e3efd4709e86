"""Tell someone at a terminal how far a long piece of work is, and nobody else anything."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["Advance", "byte_progress"]

Advance = Callable[[int], None]


def _ignore(nbytes: int) -> None:
    """Take a report of progress that nobody wants to see."""


@contextmanager
def byte_progress(
    total: int | None, label: str, stream: TextIO | None = None, quiet: bool = False
) -> Iterator[Advance]:
    """Show a progress bar while the block runs.

    There is a bar only where `stream` is a terminal and the package rich is installed; the block runs
    the same without one. The bar is wiped when the block ends.

    Parameters
    ----------
    total : of the work, in bytes; None if nobody knows
    label : what the work is, in a few words
    stream : where the bar is drawn; standard error by default
    quiet : show nothing, wherever we are

    Yields
    ------
    Advance : a function to be called with the number of bytes that were done since the last call

    Examples
    --------
    >>> with byte_progress(10, "copying") as advance:
    ...     advance(10)
    """
    stream = sys.stderr if stream is None else stream
    if quiet or not stream.isatty() or importlib.util.find_spec("rich") is None:
        yield _ignore
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TimeRemainingColumn(),
        console=Console(file=stream),
        transient=True,
    )
    with bar:
        task = bar.add_task(label, total=total)
        yield lambda nbytes: bar.advance(task, nbytes)
