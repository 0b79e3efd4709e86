"""Read and write whole small files, mostly metadata documents, without the GIL.

The caller must pass validated paths. `zarrcy.storage.local.atomic_files` does the same in Python, and raises errors
that say what went wrong.
"""

from zarrcy._kernels.protocols import Buffer

def read_file(path: str) -> bytes | None:
    """Return the bytes of a file.

    Returns None if the file does not exist or is a directory, and raises OSError for any other failure.
    """

def replace_file(partial: str, target: str, value: Buffer) -> bool:
    """Write a new file and rename it, so that readers of `target` see the old value or the new one.

    Creates missing directories.

    Parameters
    ----------
    partial : str
        Path of the new file until it is complete.
    target : str
        Path of the complete file.
    value : buffer
        What to write.

    Returns
    -------
    bool
        False if any step failed; no file is left at `partial`.
    """

def claim_file(partial: str, target: str, value: Buffer) -> int:
    """Write a new file and rename it, unless `target` exists.

    Parameters
    ----------
    partial, target, value
        As for `replace_file`.

    Returns
    -------
    int
        1 if `target` is the new file, 0 if it existed, -1 if any step failed or the system cannot rename without
        replacing. No file is left at `partial`.
    """
