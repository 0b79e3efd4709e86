"""What is written down: the only place that knows the formats of Zarr."""

from __future__ import annotations

from zarrcy.formats import v2, v3
from zarrcy.formats.description import ArrayDescription, ChunkKeys
from zarrcy.formats.protocol import Format
from zarrcy.formats.request import ArrayRequest
from zarrcy.types import Store

__all__ = [
    "DEFAULT",
    "FORMATS",
    "ArrayDescription",
    "ArrayRequest",
    "ChunkKeys",
    "Format",
    "by_number",
    "detect",
    "keeps_one_document",
]

# In the order in which they are looked for: where a node is described in both, the newer version counts.
FORMATS: tuple[Format, ...] = (v3, v2)
DEFAULT: Format = v2


def detect(store: Store, prefix: str) -> Format | None:
    """Return the format of the node at a prefix of keys; None if there is no node.

    >>> detect({"a/.zgroup": b'{"zarr_format": 2}'}, "a/").ZARR_FORMAT
    2
    """
    return next((format for format in FORMATS if format.is_at(store, prefix)), None)


def by_number(zarr_format: int | None, word: str = "zarr_format") -> Format | None:
    """Return the format of a version; None for None, where no version was asked for.

    Parameters
    ----------
    zarr_format : number of the version
    word : for which it was given, for the error

    Raises
    ------
    ValueError : there is no such version
    """
    if zarr_format is None:
        return None
    for format in FORMATS:
        if zarr_format == format.ZARR_FORMAT:
            return format
    raise ValueError(
        f"{word}={zarr_format!r} is not supported; this version reads and writes formats 2 and 3"
    )


def keeps_one_document(format: Format) -> bool:
    """Has a format one document for all metadata of a node, with shards and the names of dimensions?"""
    return format.DOCUMENT_OF["array"] == format.DOCUMENT_OF["group"]
