"""What a user asks of a new array, before a format says how it is written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zarrcy.types import AnyDtype, Shape, ZarrFormat


@dataclass(frozen=True, slots=True)
class ArraySpec:
    """The words of `zarrcy.create`, shapes and data type made plain.

    Attributes
    ----------
    shape, chunk_shape : in elements; where there are shards, the chunks are those in a shard
    dtype : of the elements
    fill_value, order, filters, compressor, object_codec, dimension_separator, codecs, chunk_key_encoding,
    dimension_names, shards, checksum : as `zarrcy.create` has them
    default_separator : what the store puts between coordinates, where that is not said
    """

    shape: Shape
    chunk_shape: Shape
    dtype: AnyDtype
    fill_value: Any = 0
    order: Any = "C"
    filters: Any = None
    compressor: Any = "default"
    object_codec: Any = None
    dimension_separator: str | None = None
    default_separator: str | None = None
    codecs: Any = None
    chunk_key_encoding: Any = None
    dimension_names: Any = None
    shards: Any = None
    checksum: bool = False

    def refuse(self, *names: str, version: ZarrFormat, remedy: str) -> None:
        """Refuse words that a version of the format has no place for."""
        for name in names:
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name}={getattr(self, name)!r}: Zarr v{version} has no place for it; {remedy}"
                )
