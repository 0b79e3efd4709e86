"""Zarr v2: the documents ``.zarray``, ``.zgroup`` and ``.zattrs``, and consolidated metadata.

Source: the Zarr v2 specification (zarr-specs, ``docs/v2/v2.0.rst``). Documents are written byte for byte as
zarr-python 2 writes them: sorted keys, an indent of 4, ASCII.

The package implements `zarrcy.metadata.format.Format`. Reading an array does not import what creates, translates or
consolidates.
"""

from typing import TYPE_CHECKING

from zarrcy._lazy import lazy_names
from zarrcy.metadata.v2.discovery import (
    exists,
    kinds_at,
    load_array,
    load_at,
    load_one,
    names_below,
)
from zarrcy.metadata.v2.documents import (
    ZARR_FORMAT,
    array_documents,
    as_stored,
    attributes_key,
    codecs_of,
    document_key,
    documents_at,
    group_documents,
    load_attributes,
    parent_documents,
    parse_array,
    prefix_of_document,
    prepare,
    save_array,
    save_attributes,
    storage_prefixes,
)

if TYPE_CHECKING:
    from zarrcy.metadata.v2.consolidated import (
        consolidate,
        consolidated_among,
        drop_consolidated,
        held_copies,
        open_consolidated,
    )
    from zarrcy.metadata.v2.create import (
        apply_conventions,
        create_kwargs_like,
        describe_array,
        normalize_fill_value,
        translate,
    )

__all__ = [
    "ZARR_FORMAT",
    "apply_conventions",
    "array_documents",
    "as_stored",
    "attributes_key",
    "codecs_of",
    "consolidate",
    "consolidated_among",
    "create_kwargs_like",
    "describe_array",
    "document_key",
    "documents_at",
    "drop_consolidated",
    "exists",
    "group_documents",
    "held_copies",
    "kinds_at",
    "load_array",
    "load_at",
    "load_attributes",
    "load_one",
    "names_below",
    "normalize_fill_value",
    "open_consolidated",
    "parent_documents",
    "parse_array",
    "prefix_of_document",
    "prepare",
    "save_array",
    "save_attributes",
    "storage_prefixes",
    "translate",
]

_find = lazy_names(
    __name__,
    {
        f"{__name__}.consolidated": (
            "consolidate consolidated_among drop_consolidated held_copies open_consolidated"
        ),
        f"{__name__}.create": (
            "create_kwargs_like describe_array normalize_fill_value apply_conventions translate"
        ),
    },
)[1]


def __getattr__(name: str) -> object:
    value: object = _find(name)
    globals()[name] = value
    return value
