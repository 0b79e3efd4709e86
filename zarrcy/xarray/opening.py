"""Open and create groups with the modes and the errors that users of xarray expect."""

from __future__ import annotations

import warnings

from zarrcy.api.consolidate import open_consolidated
from zarrcy.api.open import open_group
from zarrcy.errors import (
    ArrayNotFoundError,
    ContainsArrayError,
    ContainsGroupError,
    GroupNotFoundError,
    NotConsolidatedError,
    PathNotFoundError,
    level_of_user,
)
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.groups import Group
from zarrcy.hierarchy.node import Node
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.types import Option, Store, StoreLike, Synchronizer, ZarrFormat

# The format of new stores, as in xarray with zarr-python 3.
DEFAULT_FORMAT: ZarrFormat = 3
_NOT_CONSOLIDATED = (
    "Failed to open Zarr store with consolidated metadata, but successfully read with non-consolidated metadata. "
    "This is typically much slower for opening a dataset. To silence this warning, consider:\n"
    "1. Consolidating metadata in this existing store with zarrcy.consolidate_metadata().\n"
    "2. Explicitly setting consolidated=False, to avoid trying to read consolidate metadata, or\n"
    "3. Explicitly setting consolidated=True, to raise an error in this case instead of falling back to try reading "
    "non-consolidated metadata."
)


def open_or_create(
    given: StoreLike,
    mode: str,
    path: str | None,
    consolidated: bool | None,
    storage_options: dict[str, Option] | None,
    zarr_format: ZarrFormat | None,
    synchronizer: Synchronizer | None,
    chunk_store: StoreLike,
) -> Group:
    """Open or create a group, with the errors that users of xarray expect."""
    mode = "a" if mode == "a-" else mode
    options: dict[str, Option] = {"path": path, "synchronizer": synchronizer, "chunk_store": chunk_store}
    store = normalize_store_arg(given, storage_options=storage_options, mode=mode)
    if consolidated is not False and mode in ("r", "r+"):
        try:
            opened = open_consolidated(store, mode=mode, **options)
        except NotConsolidatedError as exc:
            if consolidated:
                raise ValueError(f"{exc} (store {given!r})") from exc
        except (PathNotFoundError, GroupNotFoundError, ArrayNotFoundError) as exc:
            raise FileNotFoundError(f"No such file or directory: {given!r}: {exc}") from exc
        else:
            if isinstance(opened, Array):
                raise ContainsArrayError(opened.path)
            return opened
    if mode not in ("r", "r+"):
        zarr_format = zarr_format or _format_of_new(store, mode, path)
    try:
        group = open_group(store, mode, zarr_format=zarr_format, **options)
    except (GroupNotFoundError, PathNotFoundError) as exc:
        raise FileNotFoundError(f"No such file or directory: {given!r}: {exc}") from exc
    except (ContainsGroupError, ContainsArrayError) as exc:
        if mode != "w-":
            raise
        raise FileExistsError(f"{given!r}: {exc}") from exc
    if consolidated is None and mode in ("r", "r+"):
        warnings.warn(_NOT_CONSOLIDATED, RuntimeWarning, stacklevel=level_of_user("zarrcy", "xarray"))
    return group


def _format_of_new(store: Store, mode: str, path: str | None) -> ZarrFormat | None:
    """Return the format of a group that may be created: that of the nearest node that stays, or the default."""
    node = Node(store, path)
    line = [node.path.rsplit("/", n)[0] for n in range(1, node.path.count("/") + 1)]
    line = [*([] if mode == "w" else [node.path]), *line, *([""] if node.path else [])]
    for place in line:
        above = Node(store, place)
        if above.kind() is not None:
            return above.format.ZARR_FORMAT
    return DEFAULT_FORMAT
