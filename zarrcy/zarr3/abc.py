"""The base class of stores in zarr-python 3's module ``abc.store``: any object with its interface is an instance."""

from __future__ import annotations

from zarrcy.storage.remote.zarr3_store import is_asynchronous
from zarrcy.storage.zarr3.interface import AsyncStore


class _StoreType(type(AsyncStore)):  # type: ignore[misc]
    def __instancecheck__(cls, instance: object) -> bool:
        return super().__instancecheck__(instance) or isinstance(instance, AsyncStore)


class Store(AsyncStore, metaclass=_StoreType):
    """Base class of stores."""


__all__ = ["Store", "is_asynchronous"]
