"""Metadata documents <-> `ArrayMetadata`. Only this package knows the formats of Zarr."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING, cast

from zarrcy import settings
from zarrcy.metadata import v2, v3
from zarrcy.metadata.array_metadata import ArrayMetadata, ChunkKeys, NodeEntry, Parse
from zarrcy.storage import access
from zarrcy.types import Key, Store, ZarrFormat

if TYPE_CHECKING:
    from zarrcy.metadata.array_spec import ArraySpec
    from zarrcy.metadata.format import Format

__all__ = [
    "DEFAULT",
    "FORMATS",
    "NODE_BY_NODE",
    "ArrayMetadata",
    "ArraySpec",
    "ChunkKeys",
    "NodeEntry",
    "Parse",
    "asked_format",
    "detect",
    "is_document_key",
    "is_draft",
    "keeps_one_document",
    "of_store",
    "of_version",
    "owns_store",
]


class _Draft:
    """The draft of v3, whose module is imported when something asks more of it than its version."""

    ZARR_FORMAT = "3-draft"

    def __getattr__(self, name: str) -> object:
        value: object = getattr(import_module("zarrcy.metadata.v3_draft"), name)
        # the next use takes no call
        setattr(self, name, value)
        return value


v3_draft = cast("Format", _Draft())


def __getattr__(name: str) -> object:
    if name == "ArraySpec":
        # only creating an array needs it
        return import_module("zarrcy.metadata.array_spec").ArraySpec
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


# The formats that nodes of one store can mix. If a node has documents of both, the newer version counts.
NODE_BY_NODE: tuple[Format, ...] = (v3, v2)
# All formats, in the order in which nodes are looked for.
FORMATS: tuple[Format, ...] = (*NODE_BY_NODE, v3_draft)
DEFAULT: Format = v2


def detect(store: Store, prefixes: Iterable[str]) -> Format:
    """Return the format of the first node that exists; if none does, that of the store, or the default.

    >>> detect({"a/.zgroup": b'{"zarr_format": 2}'}, ["a/b/", "a/"]).ZARR_FORMAT
    2
    """
    for prefix in prefixes:
        for format in NODE_BY_NODE:
            if format.exists(store, prefix):
                return format
    return v3_draft if owns_store(store) else DEFAULT


def owns_store(store: Store) -> bool:
    """Return whether one format determines the layout of a whole store, with keys outside of the paths of nodes."""
    return v3_draft.exists(store, "")


def of_version(version: ZarrFormat | None, argument: str = "zarr_format") -> Format | None:
    """Return the format of a version; None for None.

    Parameters
    ----------
    version : ZarrFormat or None
        2, 3 or "3-draft".
    argument : str
        Name of the argument, for the error message.

    Raises
    ------
    ValueError
        If there is no such version.
    """
    if version is None:
        return None
    for format in FORMATS:
        if version == format.ZARR_FORMAT:
            return format
    raise ValueError(
        f"{argument}={version!r} is not supported; this version reads and writes formats 2, 3 and '3-draft'"
    )


def of_store(store: Store) -> Format | None:
    """Return the only format that the nodes of a store can have; None if they can have any."""
    return v3_draft if access.store_version(store) == 3 else None


def is_draft(format: Format) -> bool:
    """Return whether a format is the draft of v3."""
    return format.ZARR_FORMAT == v3_draft.ZARR_FORMAT


def keeps_one_document(format: Format) -> bool:
    """Return whether a format has one document for all metadata of a node, with shards and dimension names."""
    return format.document_key("", "array") == format.document_key("", "group")


def is_document_key(key: Key) -> bool:
    """Return whether a key is that of a document of any format, or of consolidated metadata.

    >>> is_document_key("a/.zattrs"), is_document_key("a/zarr.json"), is_document_key("a/0.0")
    (True, True, False)
    """
    name = key.rpartition("/")[2]
    return any(name in format.documents_at("") for format in NODE_BY_NODE) or (
        v3_draft.prefix_of_document(key) is not None
    )


def asked_format(
    zarr_format: ZarrFormat | None = None, zarr_version: ZarrFormat | None = None
) -> ZarrFormat | None:
    """Return the version that a user requests with one of the two names of the argument.

    If ``ZARR_V3_EXPERIMENTAL_API`` is set, ``zarr_version=3`` is the draft, as for zarr-python 2, which does not know
    the final version.
    """
    if zarr_version is None and zarr_format is None:
        return None
    if zarr_version == 3 and settings.V3_DRAFT.value():
        warnings.warn(
            "zarr_version=3 is the withdrawn draft of Zarr v3 here, since ZARR_V3_EXPERIMENTAL_API is set; give "
            "zarr_format=3 for the final version, or zarr_format='3-draft' for the draft without this warning",
            FutureWarning,
            stacklevel=3,
        )
        zarr_version = v3_draft.ZARR_FORMAT
    of_version(zarr_version, "zarr_version")
    of_version(zarr_format)
    return zarr_version if zarr_format is None else zarr_format
