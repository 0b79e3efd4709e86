"""How many files an array has in a directory once all its elements are written, and a warning if these are many."""

from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

from zarrcy import settings
from zarrcy.errors import ManyFilesWarning, level_of_user
from zarrcy.storage import access

if TYPE_CHECKING:
    from zarrcy.hierarchy.node import Node
    from zarrcy.metadata import ArrayMetadata
    from zarrcy.types import Shape, Store

# The number of files that the suggested shards lead to, at most. No directory is slow with a thousand files.
_FEW = 1000


def n_files(metadata: ArrayMetadata, store: Store) -> int | None:
    """Return how many chunks, or shards, are files once the array is full; None if the store has no file for each.

    Parameters
    ----------
    metadata : ArrayMetadata
        The array.
    store : Store
        The store of its chunks.
    """
    if access.directory_of(store) is None:
        return None
    return metadata.count_stored_values()


def warn_of_many_files(node: Node, metadata: ArrayMetadata) -> None:
    """Warn if a new array will have at least ``ZARRCY_WARN_FILES`` files.

    Warns
    -----
    ManyFilesWarning
        The message names shards that lead to about a thousand files.
    """
    limit = settings.WARN_FILES.value()
    assert isinstance(limit, int)
    n = n_files(metadata, node.chunk_store)
    if n is None or not limit or n < limit:
        return
    name = f"the array {node.path!r}" if node.path else "the array"
    unit = "files" if metadata.shards is None else "files, one for each shard,"
    warnings.warn(
        f"{name} has {n:,} {unit} once it is full, which makes file systems slow. "
        f"{_advice(node, metadata)} To turn this warning off, filter zarrcy.errors.ManyFilesWarning or set "
        f"{settings.WARN_FILES.name}=0.",
        ManyFilesWarning,
        stacklevel=level_of_user(),
    )


def _advice(node: Node, metadata: ArrayMetadata) -> str:
    """Return a sentence about shards, or chunks, with which the array has few files."""
    if metadata.rectilinear_axes is not None:
        return (
            "Create it with longer shards." if metadata.shards else "Create it with shards or longer chunks."
        )
    shards = few_shards(metadata.shape, metadata.chunk_shape)
    n = math.prod(-(-length // shard) for length, shard in zip(metadata.shape, shards, strict=True))
    version = "" if node.format.ZARR_FORMAT == 3 else ", zarr_format=3"
    return f"Create it with shards={shards}{version}: then it has {n:,}."


def few_shards(shape: Shape, too_short: Shape) -> Shape:
    """Return the shape of shards of which an array has about a thousand.

    Parameters
    ----------
    shape : tuple of int
        Shape of the array, in elements.
    too_short : tuple of int
        Shape of its chunks, or shards, in elements.

    Returns
    -------
    tuple of int
        Multiples of these lengths.

    Examples
    --------
    >>> few_shards((100_000, 100_000), (100, 100))
    (3300, 3200)
    >>> few_shards((10**9, 5), (100, 5))
    (1000000, 5)
    """
    counts = [max(1, -(-n // length)) for n, length in zip(shape, too_short, strict=True)]
    lengths, few = list(too_short), _FEW
    # the shortest axis first: what it leaves over is for the others
    axes = sorted(range(len(counts)), key=counts.__getitem__)
    for n_left, axis in zip(range(len(axes), 0, -1), axes, strict=True):
        factor = -(-counts[axis] // int(few ** (1 / n_left) + 1e-9))
        lengths[axis] *= factor
        few //= -(-counts[axis] // factor)
    return tuple(lengths)
