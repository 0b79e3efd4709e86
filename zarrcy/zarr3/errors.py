"""The names of zarr-python 3's module ``errors``: classes of zarrcy, and those that only zarr-python 3 has."""

from __future__ import annotations

from zarrcy.errors import (
    ArrayIndexError,
    ArrayNotFoundError,
    BoundsCheckError,
    ContainsArrayError,
    ContainsGroupError,
    GroupNotFoundError,
    NegativeStepError,
    VindexInvalidSelectionError,
)
from zarrcy.errors import CodecNotAvailableError as UnknownCodecError
from zarrcy.errors import MetadataError as MetadataValidationError
from zarrcy.errors import MissingChunkError as ChunkNotFoundError
from zarrcy.errors import PathNotFoundError as NodeNotFoundError
from zarrcy.errors import UnsafeCodecError as PickleCodecDisabledError
from zarrcy.errors import ZarrcyError as BaseZarrError

__all__ = [
    "ArrayIndexError",
    "ArrayNotFoundError",
    "BaseZarrError",
    "BoundsCheckError",
    "ChunkNotFoundError",
    "ContainsArrayAndGroupError",
    "ContainsArrayError",
    "ContainsGroupError",
    "DataTypeValidationError",
    "GroupNotFoundError",
    "MetadataValidationError",
    "NegativeStepError",
    "NodeNotFoundError",
    "NodeTypeValidationError",
    "PickleCodecDisabledError",
    "UnknownCodecError",
    "UnstableSpecificationWarning",
    "VindexInvalidSelectionError",
    "ZarrDeprecationWarning",
    "ZarrFutureWarning",
    "ZarrRuntimeWarning",
    "ZarrUserWarning",
]


class ContainsArrayAndGroupError(BaseZarrError, ValueError):
    """There are documents of an array and of a group at one path."""


class NodeTypeValidationError(BaseZarrError, ValueError):
    """A document describes another kind of node than the caller expects."""


class DataTypeValidationError(ValueError):
    """A data type is not the one that is asked for, or its description is not valid."""


class ZarrFutureWarning(FutureWarning):
    """A feature will change."""


class UnstableSpecificationWarning(ZarrFutureWarning):
    """A feature has no specification yet, so other libraries may not read the data."""


class ZarrDeprecationWarning(DeprecationWarning):
    """A feature will be removed."""


class ZarrUserWarning(UserWarning):
    """The caller may have made a mistake."""


class ZarrRuntimeWarning(RuntimeWarning):
    """Something works, but probably not as the caller expects."""
