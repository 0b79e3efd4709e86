"""Functions of zarr-python 2 that create nodes of format 2 in any mapping, and look for them.

Users import them from `zarrcy.storage`. They are here because that package does not know metadata documents.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from zarrcy.hierarchy.creation import normalize_compressor, normalize_elements, normalize_stores
from zarrcy.hierarchy.node import Node
from zarrcy.metadata import ArraySpec, of_store
from zarrcy.storage import access
from zarrcy.types import Elements, Option, Store, StoreLike, ZarrFormat

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import DTypeLike

    from zarrcy.storage.draft_transformers import StorageTransformer

__all__ = ["contains_array", "contains_group", "init_array", "init_group"]


def contains_array(store: Store, path: str | None = None) -> bool:
    """Return whether there is an array at a path.

    Parameters
    ----------
    store : mapping
        A mapping of str to bytes, or a store object.
    path : str, optional
        Path in the store. The default is the root.

    Returns
    -------
    bool
        True if there is an array.

    See Also
    --------
    contains_group : Return whether there is a group.

    Examples
    --------
    >>> import zarrcy
    >>> g = zarrcy.group()
    >>> g["a"] = [1, 2]
    >>> contains_array(g.store, "a"), contains_array(g.store)
    (True, False)
    """
    return Node(store, path).kind() == "array"


def contains_group(store: Store, path: str | None = None, explicit_only: bool = True) -> bool:
    """Return whether there is a group at a path.

    Parameters
    ----------
    store : mapping
        A mapping of str to bytes, or a store object.
    path : str, optional
        Path in the store. The default is the root.
    explicit_only : bool, optional
        Has no effect. Users of zarr-python 2 may pass it.

    Returns
    -------
    bool
        True if there is a group.

    See Also
    --------
    contains_array : Return whether there is an array.

    Examples
    --------
    >>> import zarrcy
    >>> contains_group(zarrcy.group().store), contains_group({})
    (True, False)
    """
    return Node(store, path).kind() == "group"


def init_array(
    store: StoreLike,
    shape: Option,
    chunks: Option = True,
    dtype: DTypeLike | None = None,
    compressor: Option = "default",
    fill_value: Elements = None,
    order: str = "C",
    overwrite: bool = False,
    path: str | None = None,
    chunk_store: StoreLike = None,
    filters: Option = None,
    object_codec: Option = None,
    dimension_separator: str | None = None,
    storage_transformers: Sequence[StorageTransformer] = (),
) -> None:
    """Write the documents of a new array of format 2, and of its parent groups that do not exist.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    shape : int or tuple of int
        Length of each axis, in elements.
    chunks : int, tuple of int or bool, optional
        Length of a chunk along each axis, in elements, see `zarrcy.create`.
    dtype : data type, optional
        Data type of the elements. The default is float64.
    compressor : codec, optional
        Codec that compresses chunks; None or an empty list for no compression.
    fill_value : scalar, optional
        Value of elements that were never written. By default there is none.
    order : {"C", "F"}, optional
        Order of the elements in a chunk.
    overwrite : bool, optional
        Delete the array or group that is at `path` first.
    path : str, optional
        Path of the array in the store. The default is the root.
    chunk_store : mapping, store, str or PathLike, optional
        Store of the chunks, if they are not stored with the metadata.
    filters : list of codec, optional
        Codecs that are applied before the compressor.
    object_codec : codec, optional
        Codec that encodes Python objects, if `dtype` is object.
    dimension_separator : {".", "/"}, optional
        Separator of the chunk coordinates in a chunk key.
    storage_transformers : sequence of StorageTransformer, optional
        The draft of v3: stores between the array and the store of its chunks. Must be empty in other formats.

    Raises
    ------
    ContainsArrayError, ContainsGroupError
        If there is an array or a group at `path` and `overwrite` is false.
    ValueError
        If an argument is not valid.

    See Also
    --------
    zarrcy.create : Create an array and return it.

    Examples
    --------
    >>> store = {}
    >>> init_array(store, shape=100, chunks=10, path="a")
    >>> sorted(store)
    ['.zgroup', 'a/.zarray']
    """
    store, chunk_store = normalize_stores(store, chunk_store, None, "a")
    node = Node(store, path, chunk_store, zarr_format=_version_of(store))
    lengths, chunk_shape, element_dtype, object_codec = normalize_elements(
        shape, chunks, dtype, object_codec, grows=access.store_version(store) != 3
    )
    spec = ArraySpec(
        shape=lengths,
        chunk_shape=chunk_shape,
        dtype=element_dtype,
        fill_value=fill_value,
        order=order,
        filters=filters,
        # as in zarr-python 2, an empty list means no compressor
        compressor=normalize_compressor(compressor or None),
        object_codec=object_codec,
        dimension_separator=dimension_separator,
        default_separator=access.dimension_separator(store),
    )
    array = node.describe_array(spec)
    if storage_transformers:
        from zarrcy.metadata.v3_draft_transformers import with_transformers  # only the draft has any

        array = with_transformers(array, storage_transformers, node.format.ZARR_FORMAT)
    node.create_array(array, overwrite)


def init_group(
    store: StoreLike, overwrite: bool = False, path: str | None = None, chunk_store: StoreLike = None
) -> None:
    """Write the document of a new group of format 2, and of its parent groups that do not exist.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    overwrite : bool, optional
        Delete the array or group that is at `path` first.
    path : str, optional
        Path of the group in the store. The default is the root.
    chunk_store : mapping, store, str or PathLike, optional
        Store of the chunks, if they are not stored with the metadata.

    Raises
    ------
    ContainsArrayError, ContainsGroupError
        If there is an array or a group at `path` and `overwrite` is false.

    See Also
    --------
    zarrcy.group : Create a group and return it.

    Examples
    --------
    >>> store = {}
    >>> init_group(store, path="a")
    >>> sorted(store)
    ['.zgroup', 'a/.zgroup']
    """
    store, chunk_store = normalize_stores(store, chunk_store, None, "a")
    Node(store, path, chunk_store, zarr_format=_version_of(store)).create_group(overwrite)


def _version_of(store: Store) -> ZarrFormat:
    """Return the version of the only format that a store can hold, else 2."""
    format = of_store(store)
    return 2 if format is None else format.ZARR_FORMAT
