"""The error that a command raises for a problem that the user can solve, exit codes, and one-line error messages."""

from __future__ import annotations

__all__ = ["EXIT_PARTLY", "CommandError", "one_line"]

EXIT_PARTLY = 3
"""Exit code of a command that did everything except what it named: objects left out, places without permission."""


class CommandError(Exception):
    """A command cannot do what the user requested. The message gives the reason and the remedy in one line."""


def one_line(exc: BaseException) -> str:
    """Return the message of an exception on one line, without error numbers.

    Examples
    --------
    >>> one_line(FileNotFoundError(2, "No such file or directory", "a.nc"))
    'a.nc: No such file or directory'
    """
    if isinstance(exc, OSError) and exc.strerror and exc.filename is not None:
        text = f"{exc.filename}: {exc.strerror}"
    elif type(exc) is KeyError and exc.args:
        # str(KeyError) puts quotes around the message
        text = str(exc.args[0])
    else:
        text = str(exc) or type(exc).__name__
    return " ".join(text.split())
