"""Zarr v3: the document ``zarr.json``.

Source: the Zarr v3 core specification, version 3.1, and the registered extensions (zarr-specs,
``docs/v3``; zarr-extensions). Reading is liberal: see `zarrcy.metadata.tolerated_spellings`. Documents are written in
the form that most readers accept: objects with their complete configuration.

The package implements `zarrcy.metadata.format.Format`. Looking for a node does not import what parses the document of
an array, creates, translates or consolidates.
"""

from typing import TYPE_CHECKING

from zarrcy._lazy import lazy_names
from zarrcy.metadata.v3.discovery import (
    attributes_key,
    document_key,
    documents_at,
    exists,
    kinds_at,
    load_array,
    load_at,
    load_attributes,
    load_one,
    prefix_of_document,
    prepare,
    save_attributes,
    storage_prefixes,
)
from zarrcy.metadata.v3.document import ZARR_FORMAT, group_documents, names_below, parent_documents

if TYPE_CHECKING:
    from zarrcy.metadata.v3.array_document import (
        array_documents,
        as_stored,
        codecs_of,
        parse_array,
        save_array,
    )
    from zarrcy.metadata.v3.consolidated import (
        consolidate,
        consolidated_among,
        drop_consolidated,
        held_copies,
        open_consolidated,
    )
    from zarrcy.metadata.v3.convert import translate
    from zarrcy.metadata.v3.create import (
        apply_conventions,
        create_kwargs_like,
        describe_array,
        normalize_fill_value,
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
        f"{__name__}.array_document": "array_documents as_stored codecs_of parse_array save_array",
        f"{__name__}.consolidated": (
            "consolidate consolidated_among drop_consolidated held_copies open_consolidated"
        ),
        f"{__name__}.convert": "translate",
        f"{__name__}.create": "create_kwargs_like describe_array normalize_fill_value apply_conventions",
    },
)[1]


def __getattr__(name: str) -> object:
    value: object = _find(name)
    globals()[name] = value
    return value
