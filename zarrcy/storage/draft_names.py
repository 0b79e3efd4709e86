"""The names that zarr-python 2 offers only if ``ZARR_V3_EXPERIMENTAL_API`` is set."""

from __future__ import annotations

from importlib import import_module

from zarrcy import settings


def find_draft_class(module: str, name: str) -> object:
    """Return a store class of the draft of v3.

    Parameters
    ----------
    module : str
        Full name of the module that is asked for it.
    name : str
        Name of the class, such as ``"DirectoryStoreV3"``.

    Raises
    ------
    AttributeError
        If there is no such class, or the variable is not set.
    """
    home = f"zarrcy.storage.draft_{'transformers' if name == 'StorageTransformer' else 'stores'}"
    stores = import_module(home) if settings.V3_DRAFT.value() else None
    if stores is None or not hasattr(stores, name):
        raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name)
    found: object = getattr(stores, name)
    return found
