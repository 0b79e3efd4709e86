"""The token by which dask recognizes an array: equal for two arrays only if they have the same elements to read."""

from __future__ import annotations

import os
import uuid
from contextlib import suppress
from weakref import ref

from zarrcy.hierarchy.array_state import ArrayState
from zarrcy.storage import access
from zarrcy.types import Store

# Names of stores without a place, by the numbers of the objects, while these exist.
_names: dict[int, tuple[ref[Store], str]] = {}


def token_of(state: ArrayState) -> tuple[object, ...]:
    """Return where an array is, its metadata document as it is stored now, and what the reader made of it.

    The elements are not read. A write of elements does not change the token; a new shape, a new fill value and a new
    array at the same place do.

    Parameters
    ----------
    state : ArrayState
        The state of the array.

    Returns
    -------
    tuple
        Texts, bytes and numbers.
    """
    node, metadata, config = state.node, state.metadata, state.config
    key = node.metadata_key
    document = access.document(node.store, key)
    return (
        "zarrcy.Array",
        _place(node.chunk_store, node.prefix),
        node.path,
        # of consolidated metadata, a text or JSON values
        repr(document) if document is None or isinstance(document, (str, dict)) else bytes(document),
        _version(node.store, key),
        metadata.shape,
        str(metadata.dtype),
        repr(metadata.fill_value),
        state.is_view and repr((metadata.stages, metadata.chunk_keys)),
        config.read_missing,
        config.meta_array is None or type(config.meta_array).__qualname__,
    )


def _place(store: Store, prefix: str) -> tuple[str, ...]:
    """Return names of a place that no other place has."""
    names = () if access.is_in_memory(store) else access.identities(store, prefix)
    return tuple(sorted(names)) if names and names != (prefix,) else (_name_of(store),)


def _name_of(store: Store) -> str:
    """Return a name of a store object that no other one gets, not even after this one is gone."""
    number = id(store)
    known = _names.get(number)
    if known is not None and known[0]() is store:
        return known[1]
    name = uuid.uuid4().hex
    # without weak references, a new name each time, which is never wrong
    with suppress(TypeError):
        _names[number] = ref(store, lambda _: _names.pop(number, None)), name
    return name


def _version(store: Store, key: str) -> tuple[int, ...]:
    """Return what tells a document from an equal one that replaced it; empty if the store does not have files."""
    directory = access.directory_of(store)
    if directory is None:
        return ()
    try:
        status = os.stat(os.path.join(directory, key))
    except OSError:
        return ()
    return status.st_ino, status.st_mtime_ns
