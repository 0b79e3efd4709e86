"""Small files, read and written whole without the GIL."""

from typing import Any

def read_file(path: str) -> bytes | None:
    """Read a file; None if there is none, or a directory. Raises OSError for all else that goes wrong."""

def replace_file(part: str, target: str, value: Any) -> bool:
    """Write a value as `part`, and rename that to `target`. False if any step failed: nothing is left behind then.

    Directories that are missing are made.
    """

def claim_file(part: str, target: str, value: Any) -> int:
    """Do the same unless `target` is there: 1, or 0 if it is, or -1 if that failed or can't be told."""
