"""Consolidated metadata: one document with the metadata of a whole hierarchy."""

from __future__ import annotations

from contextlib import suppress

from zarrcy import metadata
from zarrcy.api.open import open  # noqa: A004
from zarrcy.errors import NotConsolidatedError
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import opened_store
from zarrcy.hierarchy.groups import Group
from zarrcy.hierarchy.node import Node
from zarrcy.keys import normalize_path, prefix_of
from zarrcy.storage import access
from zarrcy.storage.read_once import ReadOnce
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.types import Option, Store, StoreLike, Synchronizer


def consolidate_metadata(
    store: StoreLike,
    metadata_key: str = ".zmetadata",
    *,
    path: str | None = None,
    storage_options: dict[str, Option] | None = None,
    synchronizer: Synchronizer | None = None,
) -> Array | Group:
    """Write the metadata of all arrays and groups in a store into one document.

    `open_consolidated` then opens the hierarchy with one read, however many arrays it has.

    In format 2, the document has its own key at the root and describes the whole store. It does not show later changes
    until this function is called again. In format 3, the metadata are in the document of the group at
    `path`, where zarr-python 3 reads them whenever it opens the group. Therefore a change below the group removes them
    from the document; call this function again after the last change.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    metadata_key : str, optional
        Key of the document, in format 2.
    path : str, optional
        Path of the group that is returned. In format 3 it is the group whose metadata are consolidated.
    storage_options : dict, optional
        Options of the store, if `store` is a URL.
    synchronizer : mapping, optional
        Gives the lock that excludes other processes which consolidate the metadata, or change the hierarchy, with
        the same synchronizer. Threads of this process need none.

    Returns
    -------
    Array or Group
        What `open_consolidated` returns for the same store and path.

    Raises
    ------
    MetadataError
        If a document is malformed.
    ValueError
        If the class of the store is one for the draft of v3, and `path` is missing.

    See Also
    --------
    open_consolidated : Open a hierarchy whose metadata are consolidated.

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> zarrcy.group(store)["a"] = [1, 2]
    >>> zarrcy.consolidate_metadata(store)["a"][:]
    array([1, 2])
    >>> ".zmetadata" in store
    True
    """
    with opened_store(store, "a", storage_options) as target:
        if access.store_version(target) == 3 and not normalize_path(path):
            raise ValueError(
                "path is missing: a store of the draft of v3 needs the path of a group, as in zarr-python 2"
            )
        node = Node(target, path, synchronizer=synchronizer)
        written = node.consolidate(metadata_key)
        access.refuse_denied(target, node.path, "consolidated")
        is_kept = access.keeps_documents(target)
    source = normalize_store_arg(store, storage_options=storage_options, mode="r+")
    if not is_kept:
        with suppress(NotConsolidatedError):
            return _open_by_copies(source, source, metadata_key, path, "r+")
    # what was written is known; a change of another writer may already have removed it
    return _open_by_copies(written, source, metadata_key, path, "r+")


def open_consolidated(
    store: StoreLike, metadata_key: str = ".zmetadata", mode: str = "r+", **kwargs: Option
) -> Array | Group:
    """Open a hierarchy by its consolidated metadata: one read finds all arrays and groups.

    Parameters
    ----------
    store : mapping, store, str or PathLike
        A mapping of str to bytes, a store object, a path or a URL.
    metadata_key : str, optional
        Key of the document that `consolidate_metadata` wrote, in format 2.
    mode : {"r", "r+"}, optional
        "r" only reads. "r+" also writes elements, but does not create, delete or resize arrays.
    **kwargs
        Keywords of `open`. In format 3, the group at ``path`` may be below the group that was consolidated.

    Returns
    -------
    Array or Group
        The array or group at ``path``.

    Raises
    ------
    NotConsolidatedError
        If the store has no consolidated metadata; the error is also a KeyError.
    MetadataError
        If the consolidated metadata are malformed.
    ValueError
        If `mode` is not "r" or "r+".

    See Also
    --------
    consolidate_metadata : Consolidate the metadata of a hierarchy.

    Examples
    --------
    >>> import zarrcy
    >>> store = {}
    >>> _ = zarrcy.group(store).create_dataset("a", data=[1, 2])
    >>> _ = zarrcy.consolidate_metadata(store)
    >>> g = zarrcy.open_consolidated(store)
    >>> g["a"][0] = 7
    >>> g["a"][:]
    array([7, 2])
    """
    if mode not in ("r", "r+"):
        raise ValueError(f"mode is {mode!r}; consolidated metadata are opened with mode 'r' or 'r+'")
    store = normalize_store_arg(
        store,
        storage_options=kwargs.pop("storage_options", None),
        mode=mode,
        zarr_version=kwargs.get("zarr_version"),
    )
    return _open_by_copies(store, store, metadata_key, kwargs.pop("path", None), mode, **kwargs)


def _open_by_copies(
    store: Store, source: Store, metadata_key: str, path: str | None, mode: str, **kwargs: Option
) -> Array | Group:
    """Open a hierarchy by the consolidated metadata in a store, which are those of the nodes in another one."""
    documents = _find_consolidated(store, normalize_path(path), metadata_key, source)
    if documents is None:
        raise NotConsolidatedError(normalize_path(path))
    chunk_store = kwargs.pop("chunk_store", None)
    chunk_store = source if chunk_store is None else chunk_store
    return open(documents, mode=mode, path=path, chunk_store=chunk_store, **kwargs)


def _find_consolidated(store: Store, path: str, metadata_key: str, source: Store) -> Store | None:
    """Return the consolidated documents of the first format that has some; None if there are none.

    A document to which the store denies access counts as missing if another document of the node was read.
    """
    if access.is_far(store):
        # one round of requests: the separate document, and those of the groups that may hold copies
        documents_read = ReadOnce(store)
        segments = path.split("/") if path else []
        holders = [format for format in metadata.FORMATS if metadata.keeps_one_document(format)]
        line = [prefix_of("/".join(segments[:n])) for n in range(len(segments) + 1)]
        with suppress(PermissionError):
            keys = [format.document_key(prefix, "group") for format in holders for prefix in line]
            documents_read.fetch([*keys, metadata_key])
        store = documents_read
    denial: PermissionError | None = None
    for format in metadata.FORMATS:
        try:
            documents = format.open_consolidated(store, path, metadata_key, source)
        except PermissionError as exc:
            denial = denial or exc
            continue
        if documents is not None:
            return documents
    if denial is not None and Node(store, path).kind() is None:
        raise denial
    return None
