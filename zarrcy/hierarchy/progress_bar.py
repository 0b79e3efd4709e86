"""A progress bar for work that takes long, shown only on a terminal."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

__all__ = ["Advance", "byte_progress"]

Advance = Callable[[int], None]
"""Called with the number of bytes that were processed since the last call."""


def _ignore(nbytes: int) -> None:
    """Do nothing with a report of progress."""


@contextmanager
def byte_progress(
    total: int | None, label: str, stream: TextIO | None = None, quiet: bool = False
) -> Iterator[Advance]:
    """Show a progress bar while a block of code runs.

    The bar is shown only if `stream` is a terminal and the package rich is installed. It is removed when the block
    ends.

    Parameters
    ----------
    total : int or None
        Size of the work, in bytes; None if it is not known.
    label : str
        What is done, in a few words.
    stream : text file, optional
        Where the bar is drawn. The default is standard error.
    quiet : bool, optional
        Do not show a bar.

    Yields
    ------
    callable
        Call it with the number of bytes that were processed since the last call.

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
