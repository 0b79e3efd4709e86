"""Write datasets and trees of xarray, and let programs that name zarr use zarrcy."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TYPE_CHECKING, TypeVar

import xarray as xr
from xarray import backends
from xarray.backends import api, writers
from xarray.backends.common import ArrayWriter, _normalize_path

from zarrcy.types import Option, StoreLike, Synchronizer, ZarrFormat
from zarrcy.xarray.entrypoint import ZarrcyBackendEntrypoint, is_named_zarr
from zarrcy.xarray.store import ZarrcyStore

if TYPE_CHECKING:
    from dask.delayed import Delayed

_F = TypeVar("_F", bound=Callable[..., object])
_MODES = ("w", "w-", "a", "a-", "r+")


def to_zarr(
    dataset: xr.Dataset | xr.DataArray,
    store: StoreLike = None,
    mode: str | None = None,
    group: str | None = None,
    encoding: Mapping[Hashable, Mapping[str, Option]] | None = None,
    *,
    compute: bool = True,
    consolidated: bool | None = None,
    append_dim: Hashable = None,
    region: Mapping[Hashable, slice | str] | str | None = None,
    safe_chunks: bool = True,
    align_chunks: bool = False,
    storage_options: dict[str, Option] | None = None,
    zarr_format: ZarrFormat | None = None,
    write_empty_chunks: bool | None = None,
    chunkmanager_store_kwargs: dict[str, Option] | None = None,
    synchronizer: Synchronizer | None = None,
    chunk_store: StoreLike = None,
    zarr_version: ZarrFormat | None = None,
) -> ZarrcyStore | Delayed:
    """Write a dataset to a Zarr group. The parameters are those of ``xarray.Dataset.to_zarr``.

    Parameters
    ----------
    dataset : xarray.Dataset or xarray.DataArray
        What is written.
    store : mapping, store, str or PathLike, optional
        A mapping of str to bytes, a store object, a path or a URL. The default is memory.
    mode : {"w-", "w", "a", "a-", "r+"}, optional
        "w-" creates a group and fails if there is one; "w" deletes what is there first; "a" replaces variables that
        exist; "a-" only appends to those with `append_dim`; "r+" changes elements of arrays that exist. The default
        is "a" with `append_dim`, "r+" with `region`, and otherwise "w-".
    group : str, optional
        Path of the group. The default is the root.
    encoding : Mapping, optional
        For each variable: ``chunks``, ``shards``, ``compressors``, ``filters``, ``serializer``, ``dtype``,
        ``_FillValue``, ``scale_factor``, ``add_offset``, ``fill_value`` (format 3), ``write_empty_chunks`` and
        ``chunk_key_encoding``. Codecs are objects of numcodecs or zarr-python, or configurations.
    compute : bool, optional
        If false, write the metadata and coordinates only, and return a ``dask.delayed`` object that writes the rest.
    consolidated : bool, optional
        Consolidate the metadata afterwards. The default does it, except in mode "r+".
    append_dim : hashable, optional
        Dimension along which the variables that exist grow.
    region : Mapping or "auto", optional
        Part of the arrays that is written: a slice for each dimension, or "auto" to find it by the coordinates.
    safe_chunks : bool, optional
        Refuse chunks of dask of which several share a stored chunk or shard.
    align_chunks : bool, optional
        Change the chunks of dask instead, so that none shares a stored chunk or shard with another.
    storage_options : dict, optional
        Options of the store, if `store` is a URL.
    zarr_format : {2, 3}, optional
        Version of the format of a new group. By default that of its parents, or 3.
    write_empty_chunks : bool, optional
        Store chunks that consist of the fill value. By default they are not stored.
    chunkmanager_store_kwargs : dict, optional
        Passed to ``dask.array.store``.
    synchronizer : mapping, optional
        Gives the locks of parallel writers, see `zarrcy.open_group`.
    chunk_store : mapping, store, str or PathLike, optional
        Store of the chunks, if they are not stored with the metadata.
    zarr_version : {2, 3}, optional
        The old name of `zarr_format`.

    Returns
    -------
    ZarrcyStore or dask.delayed.Delayed
        The store; with ``compute=False``, what writes the elements.

    Raises
    ------
    FileExistsError
        If the mode is "w-" and there is a group.
    ValueError
        If the dataset does not fit the arrays that exist, or the chunks of dask are not safe.

    See Also
    --------
    datatree_to_zarr : Write a tree of datasets.

    Examples
    --------
    >>> import xarray
    >>> import zarrcy.xarray
    >>> store = {}
    >>> _ = zarrcy.xarray.to_zarr(xarray.Dataset({"t": ("x", [1.0, 2.0])}), store)
    >>> xarray.open_dataset(store, engine="zarrcy")["t"].values
    array([1., 2.])
    """
    dataset = _as_dataset(dataset)
    writers._validate_dataset_names(dataset)
    encoding = {} if encoding is None else encoding
    target = _open_to_write(
        store,
        mode,
        group,
        consolidated=consolidated,
        append_dim=append_dim,
        region=region,
        safe_chunks=safe_chunks,
        align_chunks=align_chunks,
        storage_options=storage_options,
        zarr_format=zarr_format,
        zarr_version=zarr_version,
        write_empty=write_empty_chunks,
        synchronizer=synchronizer,
        chunk_store=chunk_store,
    )
    dataset = target._validate_and_autodetect_region(dataset)
    target._validate_encoding(encoding)
    writer = ArrayWriter()
    try:
        writers.dump_to_store(dataset, target, writer, encoding=encoding)
        writes = writer.sync(compute=compute, chunkmanager_store_kwargs=chunkmanager_store_kwargs)
    finally:
        if compute:
            target.close()
    return target if compute else api.delayed_close_after_writes(writes, target)


def datatree_to_zarr(
    dt: xr.DataTree,
    store: StoreLike = None,
    mode: str = "w-",
    encoding: Mapping[str, Mapping[Hashable, Mapping[str, Option]]] | None = None,
    group: str | None = None,
    write_inherited_coords: bool = False,
    *,
    compute: bool = True,
    consolidated: bool | None = None,
    append_dim: Hashable = None,
    region: Mapping[Hashable, slice | str] | str | None = None,
    safe_chunks: bool = True,
    align_chunks: bool = False,
    storage_options: dict[str, Option] | None = None,
    zarr_format: ZarrFormat | None = None,
    write_empty_chunks: bool | None = None,
    chunkmanager_store_kwargs: dict[str, Option] | None = None,
) -> ZarrcyStore | Delayed:
    """Write a tree of datasets, each to a group. The parameters are those of ``xarray.DataTree.to_zarr``.

    Parameters
    ----------
    dt : xarray.DataTree
        What is written.
    store : mapping, store, str or PathLike, optional
        A mapping of str to bytes, a store object, a path or a URL. The default is memory.
    mode : {"w-", "w", "a", "a-", "r+"}, optional
        See `to_zarr`.
    encoding : Mapping, optional
        For each path of the tree, the encoding as in `to_zarr`.
    group : None
        Must be None: xarray does not implement it for trees.
    write_inherited_coords : bool, optional
        Store coordinates that a group inherits from a parent in the group too.
    compute, consolidated : bool, optional
        See `to_zarr`.
    append_dim : None
        Must be None.
    region, safe_chunks, align_chunks, storage_options, zarr_format, write_empty_chunks : optional
        See `to_zarr`.
    chunkmanager_store_kwargs : dict, optional
        See `to_zarr`.

    Returns
    -------
    ZarrcyStore or dask.delayed.Delayed
        The store of the root; with ``compute=False``, what writes the elements.

    Raises
    ------
    NotImplementedError
        If `group` or `append_dim` is given.
    ValueError
        If `encoding` names a group that the tree does not have.

    See Also
    --------
    to_zarr : Write a dataset.
    """
    if group is not None:
        raise NotImplementedError("specifying a root group for the tree has not been implemented")
    if append_dim is not None:
        raise NotImplementedError(
            "specifying ``append_dim`` with ``DataTree.to_zarr`` has not been implemented"
        )
    encoding = {} if encoding is None else encoding
    if unknown := set(encoding) - set(dt.groups):
        raise ValueError(f"unexpected encoding group name(s) provided: {unknown}")
    root = _open_to_write(
        store,
        mode,
        None,
        consolidated=consolidated,
        append_dim=None,
        region=region,
        safe_chunks=safe_chunks,
        align_chunks=align_chunks,
        storage_options=storage_options,
        zarr_format=zarr_format,
        write_empty=write_empty_chunks,
    )
    consolidates = root.defer_consolidation()
    writer = ArrayWriter()
    try:
        for path, node in dt.subtree_with_keys:
            at_root = node is dt
            dataset = node.to_dataset(inherit=write_inherited_coords or at_root)
            target = root if at_root else root.get_child_store(path)
            dataset = target._validate_and_autodetect_region(dataset)
            target._validate_encoding(encoding)
            writers.dump_to_store(dataset, target, writer, encoding=encoding.get(node.path))
        if consolidates:
            root.consolidate()
        writes = writer.sync(compute=compute, chunkmanager_store_kwargs=chunkmanager_store_kwargs)
    finally:
        if compute:
            root.close()
    return root if compute else api.delayed_close_after_writes(writes, root)


def _open_to_write(
    store: StoreLike, mode: str | None, group: str | None, *, consolidated: bool | None, **options: Option
) -> ZarrcyStore:
    append_dim, region = options["append_dim"], options.pop("region")
    if mode is None:
        mode = "a" if append_dim is not None else "r+" if region is not None else "w-"
    if mode not in _MODES:
        raise ValueError(
            f"The only supported options for mode are 'w', 'w-', 'a', 'a-', and 'r+', but mode={mode!r}"
        )
    if append_dim is not None and mode not in ("a", "a-"):
        raise ValueError("cannot set append_dim unless mode='a' or mode=None")
    if region is not None and mode not in ("a", "a-", "r+"):
        raise ValueError("cannot set region unless mode='a', mode='a-', mode='r+' or mode=None")
    changes_elements = mode == "r+"
    return ZarrcyStore.open_group(
        _normalize_path(store),
        mode,
        group,
        consolidated=consolidated if changes_elements else False,
        consolidate_on_close=not changes_elements and consolidated is not False,
        write_region=region,
        **options,
    )


def _as_dataset(data: xr.Dataset | xr.DataArray) -> xr.Dataset:
    """Return a dataset; an array without a name gets the names that xarray gives it."""
    if not isinstance(data, xr.DataArray):
        return data
    if data.name is None:
        return data.to_dataset(name=api.DATAARRAY_VARIABLE)
    if data.name in data.coords or data.name in data.dims:
        dataset = data.to_dataset(name=api.DATAARRAY_VARIABLE)
        dataset.attrs[api.DATAARRAY_NAME] = data.name
        return dataset
    return data.to_dataset()


# -- names of xarray ---------------------------------------------------------------------------------


class _Accessor:
    """What ``.zarrcy`` of a dataset, an array or a tree offers.

    Parameters
    ----------
    data : xarray.Dataset, xarray.DataArray or xarray.DataTree
        The object.
    """

    def __init__(self, data: xr.Dataset | xr.DataArray | xr.DataTree) -> None:
        self._data = data

    def to_zarr(self, store: StoreLike = None, *args: Option, **kwargs: Option) -> ZarrcyStore | Delayed:
        """Write to a Zarr store.

        Parameters
        ----------
        store : mapping, store, str or PathLike, optional
            A mapping of str to bytes, a store object, a path or a URL. The default is memory.
        *args, **kwargs
            As for `zarrcy.xarray.to_zarr` or `zarrcy.xarray.datatree_to_zarr`.

        Returns
        -------
        ZarrcyStore or dask.delayed.Delayed
            As these functions.
        """
        write = datatree_to_zarr if isinstance(self._data, xr.DataTree) else to_zarr
        return write(self._data, store, *args, **kwargs)


def register_accessors() -> None:
    """Give datasets, arrays and trees of xarray the attribute ``zarrcy``."""
    registrations = (
        (xr.Dataset, xr.register_dataset_accessor),
        (xr.DataArray, xr.register_dataarray_accessor),
        (xr.DataTree, xr.register_datatree_accessor),
    )
    for kind, register in registrations:
        if not hasattr(kind, "zarrcy"):
            register("zarrcy")(_Accessor)


_of_zarr_python: dict[str, Option] = {}


def set_default(enable: bool = True) -> None:
    """Let ``engine="zarr"``, ``open_zarr``, ``to_zarr`` and paths that end in ``.zarr`` mean zarrcy in this process.

    For programs that cannot be changed. zarr-python need not be installed.

    Parameters
    ----------
    enable : bool, optional
        If false, undo an earlier call.

    Examples
    --------
    >>> import xarray  # doctest: +SKIP
    >>> import zarrcy.xarray  # doctest: +SKIP
    >>> zarrcy.xarray.set_default()  # doctest: +SKIP
    >>> xarray.open_dataset("example.zarr")  # doctest: +SKIP
    """
    engines = backends.common.BACKEND_ENTRYPOINTS
    if enable and not _of_zarr_python:
        _of_zarr_python.update(engine=engines.get("zarr"), store=backends.ZarrStore)
        engines["zarr"] = (None, _DefaultEntrypoint)
        backends.ZarrStore = ZarrcyStore
    elif not enable and _of_zarr_python:
        engines["zarr"] = _of_zarr_python["engine"]
        backends.ZarrStore = _of_zarr_python["store"]
        _of_zarr_python.clear()
    backends.refresh_engines()


class _DefaultEntrypoint(ZarrcyBackendEntrypoint):
    """The backend in the place of the one of zarr-python."""

    def guess_can_open(self, filename_or_obj: Option) -> bool:
        """Return whether the name of a place ends in ``.zarr``.

        Parameters
        ----------
        filename_or_obj : object
            What the user opens.

        Returns
        -------
        bool
            Whether it is the path or URL of a Zarr store.
        """
        return is_named_zarr(filename_or_obj)
