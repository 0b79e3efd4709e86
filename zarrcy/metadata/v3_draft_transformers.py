"""The member ``storage_transformers`` of an array in the draft of v3."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from zarrcy.errors import MetadataError
from zarrcy.metadata.array_metadata import ArrayMetadata
from zarrcy.metadata.json_member import Member
from zarrcy.storage.draft_transformers import StorageTransformer
from zarrcy.types import JSON, ZarrFormat

_SHARDS = "https://purl.org/zarr/spec/storage_transformers/sharding/1.0"


def with_transformers(
    array: ArrayMetadata, transformers: Sequence[StorageTransformer], version: ZarrFormat
) -> ArrayMetadata:
    """Return the metadata of a new array with storage transformers.

    Raises
    ------
    ValueError
        If the format is not the draft of v3.
    """
    if version != "3-draft":
        raise ValueError(
            f"storage_transformers is {transformers!r}; only the draft of v3 has any, so leave it out"
        )
    configs = [config_of(transformer) for transformer in transformers]
    return replace(array, extra_fields={**array.extra_fields, "storage_transformers": configs})


def config_of(transformer: StorageTransformer) -> dict[str, JSON]:
    """Return how a document spells a storage transformer."""
    return {
        "extension": transformer.extension_uri,
        "type": transformer.type,
        "configuration": transformer.get_config(),
    }


def transformers_of(members: Member) -> list[StorageTransformer]:
    """Return the storage transformers that the document of an array names.

    Raises
    ------
    MetadataError
        If there is no class for one of them, or the class does not take its configuration.
    """
    return [_transformer_of(item) for item in members.require("storage_transformers").items()]


def _transformer_of(item: Member) -> StorageTransformer:
    extension = item.require("extension").string()
    for kind in _subclasses(StorageTransformer):
        if getattr(kind, "extension_uri", None) == extension:
            configuration = item.get("configuration")
            arguments = {} if configuration is None else configuration.object()
            try:
                return kind(item.require("type").string(), **arguments)
            except (TypeError, ValueError) as exc:
                raise MetadataError(item.key, f"{item.place!r} does not fit {kind.__name__}: {exc}") from exc
    if extension == _SHARDS:
        item.fail("shards of the draft are not supported; open the array with zarr-python 2")
    item.fail(
        "there is no storage transformer with this extension; import the subclass of StorageTransformer that has it"
    )


def _subclasses(kind: type[StorageTransformer]) -> Iterator[type[StorageTransformer]]:
    for below in kind.__subclasses__():
        yield below
        yield from _subclasses(below)
