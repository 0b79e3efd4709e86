"""The backend that xarray finds by the entry point ``zarrcy``."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from xarray.backends import BackendEntrypoint, StoreBackendEntrypoint
from xarray.backends.common import datatree_from_dict_with_io_cleanup

from zarrcy.types import Option, StoreLike, Synchronizer, ZarrFormat
from zarrcy.xarray.store import ZarrcyStore

if TYPE_CHECKING:
    from xarray import Dataset, DataTree


class ZarrcyBackendEntrypoint(BackendEntrypoint):
    """Open Zarr stores in xarray with zarrcy: ``xarray.open_dataset(place, engine="zarrcy")``.

    See Also
    --------
    ZarrcyStore : The store of a group.
    """

    description = "Open Zarr stores (.zarr) with zarrcy"
    url = "https://pypi.org/project/zarrcy"
    supports_groups = True

    def guess_can_open(self, filename_or_obj: Option) -> bool:
        """Return whether xarray opens a place with zarrcy if the user names no engine.

        Parameters
        ----------
        filename_or_obj : object
            What the user opens.

        Returns
        -------
        bool
            True for a path or URL that ends in ``.zarr``, if zarr-python is not installed. If it is, xarray asks it
            first.
        """
        return is_named_zarr(filename_or_obj) and not _has_zarr_python()

    def open_dataset(  # type: ignore[override, unused-ignore]
        self,
        filename_or_obj: StoreLike,
        *,
        mask_and_scale: bool = True,
        decode_times: bool = True,
        concat_characters: bool = True,
        decode_coords: bool = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: bool | None = None,
        decode_timedelta: bool | None = None,
        group: str | None = None,
        mode: str = "r",
        consolidated: bool | None = None,
        storage_options: dict[str, Option] | None = None,
        zarr_format: ZarrFormat | None = None,
        store: ZarrcyStore | None = None,
        engine: str | None = None,
        use_zarr_fill_value_as_mask: bool | None = None,
        cache_members: bool = True,
        synchronizer: Synchronizer | None = None,
        chunk_store: StoreLike = None,
        zarr_version: ZarrFormat | None = None,
    ) -> Dataset:
        """Open a group as a dataset, whose elements are read when they are needed.

        Parameters
        ----------
        filename_or_obj : mapping, store, str or PathLike
            A mapping of str to bytes, a store object, a path or a URL.
        mask_and_scale, decode_times, concat_characters, decode_coords, drop_variables, use_cftime, decode_timedelta
            See ``xarray.open_dataset``.
        group, mode, consolidated, storage_options, zarr_format, cache_members, synchronizer, chunk_store
            See `ZarrcyStore.open_group`.
        store : ZarrcyStore, optional
            An open store, instead of the first parameter.
        engine : str, optional
            Not used.
        use_zarr_fill_value_as_mask : bool, optional
            Whether the fill value of an array means "missing". The default is true for format 2, false for format 3.
        zarr_version : {2, 3}, optional
            The old name of `zarr_format`.

        Returns
        -------
        xarray.Dataset
            The dataset.
        """
        if store is None:
            store = ZarrcyStore.open_group(
                filename_or_obj,
                mode,
                group,
                consolidated,
                storage_options=storage_options,
                zarr_format=zarr_format,
                zarr_version=zarr_version,
                use_zarr_fill_value_as_mask=use_zarr_fill_value_as_mask,
                cache_members=cache_members,
                synchronizer=synchronizer,
                chunk_store=chunk_store,
            )
        return _decoded(
            store,
            mask_and_scale=mask_and_scale,
            decode_times=decode_times,
            concat_characters=concat_characters,
            decode_coords=decode_coords,
            drop_variables=drop_variables,
            use_cftime=use_cftime,
            decode_timedelta=decode_timedelta,
        )

    def open_datatree(  # type: ignore[override, unused-ignore]
        self,
        filename_or_obj: StoreLike,
        *,
        mask_and_scale: bool = True,
        decode_times: bool = True,
        concat_characters: bool = True,
        decode_coords: bool = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: bool | None = None,
        decode_timedelta: bool | None = None,
        group: str | None = None,
        mode: str = "r",
        consolidated: bool | None = None,
        storage_options: dict[str, Option] | None = None,
        zarr_format: ZarrFormat | None = None,
    ) -> DataTree:
        """Open a group and all groups below it as a tree of datasets.

        Parameters
        ----------
        filename_or_obj, mask_and_scale, decode_times, concat_characters, decode_coords, drop_variables, use_cftime, \
        decode_timedelta, group, mode, consolidated, storage_options, zarr_format
            See `open_dataset`.

        Returns
        -------
        xarray.DataTree
            The tree.
        """
        groups = self.open_groups_as_dict(
            filename_or_obj,
            mask_and_scale=mask_and_scale,
            decode_times=decode_times,
            concat_characters=concat_characters,
            decode_coords=decode_coords,
            drop_variables=drop_variables,
            use_cftime=use_cftime,
            decode_timedelta=decode_timedelta,
            group=group,
            mode=mode,
            consolidated=consolidated,
            storage_options=storage_options,
            zarr_format=zarr_format,
        )
        return datatree_from_dict_with_io_cleanup(groups)

    def open_groups_as_dict(  # type: ignore[override, unused-ignore]
        self,
        filename_or_obj: StoreLike,
        *,
        mask_and_scale: bool = True,
        decode_times: bool = True,
        concat_characters: bool = True,
        decode_coords: bool = True,
        drop_variables: str | Iterable[str] | None = None,
        use_cftime: bool | None = None,
        decode_timedelta: bool | None = None,
        group: str | None = None,
        mode: str = "r",
        consolidated: bool | None = None,
        storage_options: dict[str, Option] | None = None,
        zarr_format: ZarrFormat | None = None,
    ) -> dict[str, Dataset]:
        """Open a group and all groups below it as datasets.

        Parameters
        ----------
        filename_or_obj, mask_and_scale, decode_times, concat_characters, decode_coords, drop_variables, use_cftime, \
        decode_timedelta, group, mode, consolidated, storage_options, zarr_format
            See `open_dataset`.

        Returns
        -------
        dict of str to xarray.Dataset
            The datasets by the absolute paths of the groups in the tree.
        """
        stores = ZarrcyStore.open_store(
            filename_or_obj,
            mode,
            group,
            consolidated=consolidated,
            storage_options=storage_options,
            zarr_format=zarr_format,
        )
        root = "/" + (group or "").strip("/")
        groups = {}
        for path, store in stores.items():
            name = "/" + path.removeprefix(root).lstrip("/")
            groups[name] = _decoded(
                store,
                mask_and_scale=mask_and_scale,
                decode_times=decode_times,
                concat_characters=concat_characters,
                decode_coords=decode_coords,
                drop_variables=drop_variables,
                use_cftime=use_cftime,
                decode_timedelta=decode_timedelta,
            )
        return groups


def is_named_zarr(place: Option) -> bool:
    """Return whether the name of a place ends in ``.zarr``.

    Parameters
    ----------
    place : object
        What the user opens.

    Returns
    -------
    bool
        Whether it is such a path or URL.
    """
    if not isinstance(place, (str, os.PathLike)):
        return False
    return os.path.splitext(os.fspath(place).rstrip("/"))[1] == ".zarr"


def _decoded(store: ZarrcyStore, **options: Option) -> Dataset:
    """Return the dataset of a store; close the store if there is an error."""
    try:
        return StoreBackendEntrypoint().open_dataset(store, **options)
    except Exception:
        store.close()
        raise


def _has_zarr_python() -> bool:
    """Return whether zarr-python is installed; a stand-in by `zarrcy.compat` does not count."""
    loaded = sys.modules.get("zarr")
    if loaded is not None:
        return "zarrcy" not in str(getattr(loaded, "__version__", ""))
    return find_spec("zarr") is not None
