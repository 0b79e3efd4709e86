"""zarrcy under xarray: a backend that opens Zarr stores, and functions that write them.

Importing this module gives datasets, arrays and trees of xarray the attribute ``zarrcy``, so that
``dataset.zarrcy.to_zarr(place)`` works. xarray finds the backend by itself: ``xarray.open_dataset(place,
engine="zarrcy")``. zarr-python need not be installed.
"""

from zarrcy.errors import MissingExtraError

try:
    import xarray as _xarray  # noqa: F401
except ImportError as exc:
    raise MissingExtraError("xarray", "xarray", "zarrcy.xarray") from exc

from zarrcy.xarray.entrypoint import ZarrcyBackendEntrypoint
from zarrcy.xarray.store import ZarrcyStore
from zarrcy.xarray.writers import datatree_to_zarr, register_accessors, set_default, to_zarr

__all__ = ["ZarrcyBackendEntrypoint", "ZarrcyStore", "datatree_to_zarr", "set_default", "to_zarr"]

register_accessors()
