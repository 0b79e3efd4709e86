"""Read and write whole small files, mostly metadata documents, without the GIL.

The caller must pass validated paths. `zarrcy.storage.local.atomic_files` does the same in Python, and raises errors
that say what went wrong.
"""

from zarrcy._kernels.protocols import Buffer

def read_file(path: str, most: int = -1, strict: bool = False) -> bytes | int | None:
    """Return the bytes of a file.

    Parameters
    ----------
    path : str
        Path of the file.
    most : int, optional
        Length of the longest file that is read, in bytes; -1 for any length.
    strict : bool, optional
        Whether None means that nothing is at the path. Otherwise it also stands for a directory, for a link to nothing,
        and for a path that leads through a file.

    Returns
    -------
    bytes, int or None
        The length of a file that is longer than `most`; None for a missing file.

    Raises
    ------
    OSError
        If there is something else than a regular file, or the file cannot be read. A FIFO or device does not block.
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
