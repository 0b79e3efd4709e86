"""The one exception of the console script: what a user can put right, in one line."""

from __future__ import annotations


class CommandError(Exception):
    """A command can't do what it was asked for; the text says why and what to do, in one line."""


def one_line(exc: BaseException) -> str:
    """Return the message of an exception on one line, without numbers that only a programmer reads.

    >>> one_line(FileNotFoundError(2, "No such file or directory", "a.nc"))
    'a.nc: No such file or directory'
    """
    if isinstance(exc, OSError) and exc.strerror and exc.filename is not None:
        text = f"{exc.filename}: {exc.strerror}"
    elif type(exc) is KeyError and exc.args:
        # a KeyError quotes its message
        text = str(exc.args[0])
    else:
        text = str(exc) or type(exc).__name__
    return " ".join(text.split())
