"""The arguments of a new array, before a format turns them into metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

from zarrcy.types import JSON, AnyDtype, Codec, Elements, Shape, ZarrFormat

CodecLike: TypeAlias = Codec | Mapping[str, JSON] | str
"""A codec of numcodecs, its configuration, or the name or the object of a codec in v3."""


class ArraySpec(NamedTuple):
    """The arguments of `zarrcy.create`, with normalized shapes and data type. Give them as keywords.

    A dataclass that is frozen would take four times as long to make, and most calls of create make one.

    Attributes
    ----------
    shape, chunk_shape : Shape
        Shape of the array and of a chunk, in elements. If the array has shards, the chunks are those inside.
    dtype : AnyDtype
        Data type of the elements.
    fill_value, order, filters, compressor, object_codec, dimension_separator, codecs, chunk_key_encoding, \
    dimension_names, shards, checksum
        As in `zarrcy.create`.
    default_separator : str or None
        The separator of chunk coordinates that the store prefers, if `dimension_separator` is None.
    """

    shape: Shape
    chunk_shape: Shape
    dtype: AnyDtype
    fill_value: Elements = 0
    order: str = "C"
    filters: Sequence[CodecLike] | None = None
    compressor: CodecLike | None = "default"
    object_codec: CodecLike | None = None
    dimension_separator: str | None = None
    default_separator: str | None = None
    codecs: Sequence[CodecLike] | None = None
    chunk_key_encoding: Mapping[str, JSON] | str | None = None
    dimension_names: Sequence[str | None] | None = None
    shards: JSON = None
    checksum: bool = False

    def without_filters(self) -> ArraySpec:
        """Return the arguments of the same array without filters."""
        return self._replace(filters=None)

    def refuse(self, *names: str, version: ZarrFormat, remedy: str) -> None:
        """Raise an error if one of the named arguments, which a version of the format does not have, is given.

        Raises
        ------
        ValueError
            If one is given. The message ends with `remedy`.
        """
        for name in names:
            if getattr(self, name) is not None:
                raise ValueError(f"{name}={getattr(self, name)!r}: Zarr v{version} cannot store it; {remedy}")
