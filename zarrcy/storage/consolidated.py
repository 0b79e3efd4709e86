"""A read-only store of metadata documents, read from consolidated metadata."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import ClassVar, Never, Self

from zarrcy.errors import KeyPathError, MetadataError, ReadOnlyError, StoreArgumentError
from zarrcy.keys import are_harmless, check_key, normalize_path
from zarrcy.storage.base import Store
from zarrcy.storage.json_reader import MAX_CONSOLIDATED_NBYTES, cut_json, parse_json, parse_spans
from zarrcy.storage.listing import list_sorted
from zarrcy.types import JSON, Buffer, Key
from zarrcy.types import Store as StoreLike

CONSOLIDATED_FORMAT = 1
# This many documents, or one in this many, are parsed one by one before all documents of the kind are parsed.
_FEW = 32


class ConsolidatedMetadataStore(Store):
    """Read-only store of the metadata documents that ``consolidate_metadata`` collected.

    Values are parsed JSON, not bytes. The constructor checks the whole document. Each inner document is parsed
    on first use, or together with all documents of its kind after many of them were used.

    Parameters
    ----------
    store : mapping
        Store that has the key `metadata_key`.
    metadata_key : str, default ".zmetadata"
        Key of the consolidated metadata.
    documents : dict, optional
        Parsed documents by key. If given, `store` is not read.
    source : mapping, optional
        Store of the documents that were copied, if it is not `store`.

    Raises
    ------
    KeyError
        If the store does not have the key.
    MetadataError
        If the value is not consolidated metadata of a known version.
    StoreArgumentError
        If `store` is a path, or something else that is not a mapping.

    See Also
    --------
    zarrcy.consolidate_metadata : Write consolidated metadata.

    Examples
    --------
    >>> document = b'{"zarr_consolidated_format": 1, "metadata": {".zgroup": {"zarr_format": 2}}}'
    >>> dict(ConsolidatedMetadataStore({".zmetadata": document}))
    {'.zgroup': {'zarr_format': 2}}
    """

    _writeable: ClassVar[bool] = False
    _erasable: ClassVar[bool] = False

    def __init__(
        self,
        store: StoreLike,
        metadata_key: str = ".zmetadata",
        *,
        documents: dict[Key, JSON] | None = None,
        source: StoreLike | None = None,
    ) -> None:
        if not hasattr(store, "keys"):
            raise StoreArgumentError(store)
        self.metadata_key = metadata_key
        self._source = store if source is None else source
        # a parsed document, or its position in the whole document, which is None when all are parsed
        self._documents, self._whole = (
            _parse(store[metadata_key], metadata_key) if documents is None else (documents, None)
        )
        self._n_parsed = 0
        # sorted keys, for the first listing
        self._sorted: list[Key] | None = None

    @classmethod
    def of(
        cls, documents: dict[Key, JSON], metadata_key: str = ".zmetadata", source: StoreLike | None = None
    ) -> Self:
        """Return a store of parsed documents.

        Parameters
        ----------
        documents : dict
            Parsed documents by key.
        metadata_key : str, default ".zmetadata"
            Key of the document that has the copies.
        source : mapping, optional
            Store of the documents that were copied.

        Returns
        -------
        ConsolidatedMetadataStore
            The store.

        Examples
        --------
        >>> dict(ConsolidatedMetadataStore.of({"zarr.json": {"zarr_format": 3, "node_type": "group"}}))
        {'zarr.json': {'zarr_format': 3, 'node_type': 'group'}}
        """
        return cls({}, metadata_key, documents=documents, source=source)

    @property
    def source(self) -> StoreLike:
        """Store of the documents that were copied."""
        return self._source

    @property
    def meta_store(self) -> dict[Key, JSON]:
        """Parsed documents by key."""
        whole = self._whole
        if whole is not None:
            self._parse_all(whole, "")
            self._whole = None
        return self._documents

    def _parse_all(self, whole: bytes, end: str) -> None:
        """Parse all documents whose key ends with `end`. That is faster, and they share member names."""
        documents = self._documents
        spans = {key: span for key, span in documents.items() if type(span) is int and key.endswith(end)}
        for key, document in zip(spans, parse_spans(whole, spans.values()), strict=True):
            documents[key] = document

    def __getitem__(self, key: str) -> JSON:
        # keep this order: another thread may parse the last document and drop the whole document in between
        whole = self._whole
        document = self._documents[key]
        if whole is not None and type(document) is int:
            # a caller that has used many documents of a kind will probably use all of them
            self._n_parsed += 1
            if self._n_parsed > max(_FEW, len(self._documents) // _FEW):
                self._n_parsed = 0
                self._parse_all(whole, key.rpartition("/")[2])
                return self._documents[key]
            (document,) = parse_spans(whole, (document,))
            self._documents[key] = document
        return document

    def peek(self, key: str) -> JSON:
        """Return a parsed document, or a function that parses and returns it; None if the key does not exist."""
        document = self._documents.get(key)
        return partial(self.__getitem__, key) if type(document) is int else document

    def get(self, key: str, default: JSON = None) -> JSON:
        return self[key] if key in self._documents else default

    def __contains__(self, key: object) -> bool:
        return key in self._documents

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def __setitem__(self, key: str, value: Buffer) -> Never:
        raise ReadOnlyError

    def __delitem__(self, key: str) -> Never:
        raise ReadOnlyError

    def can_move(self) -> bool:
        """Return False: metadata that were consolidated are only read."""
        return False

    def rename(self, src_path: str, dst_path: str) -> Never:
        raise ReadOnlyError

    def rmdir(self, path: str = "") -> Never:
        raise ReadOnlyError

    def listdir(self, path: str | None = None) -> list[str]:
        if self._sorted is None:
            self._sorted = sorted(self._documents)
        return list_sorted(self._sorted, normalize_path(path))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConsolidatedMetadataStore) and self.meta_store == other.meta_store

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self)} keys>"


def _parse(value: Buffer, key: Key) -> tuple[dict[Key, JSON], bytes | None]:
    """Return the documents by key. If they are positions in the whole document, also return that, else None."""
    cut = cut_json(value, key, ("metadata",), MAX_CONSOLIDATED_NBYTES)
    parsed = parse_json(value, key, MAX_CONSOLIDATED_NBYTES) if cut is None else cut[0]
    version = parsed.get("zarr_consolidated_format")
    if version != CONSOLIDATED_FORMAT:
        raise MetadataError(
            key, f"'zarr_consolidated_format' is {version!r}; only {CONSOLIDATED_FORMAT} is supported"
        )
    documents: JSON = parsed.get("metadata") if cut is None else cut[1]
    if not isinstance(documents, dict):
        raise MetadataError(key, f"'metadata' is {documents!r}, not an object that contains documents")
    # `cut_json` has already checked that all members are objects
    if cut is None and set(map(type, documents.values())) - {dict}:
        name, document = next(item for item in documents.items() if not isinstance(item[1], dict))
        raise MetadataError(key, f"its member {name!r} is {document!r}, not a document")
    if not are_harmless(documents):
        for name in documents:
            try:
                check_key(name)
            except KeyPathError as exc:
                raise MetadataError(key, f"it contains a document with a {exc}") from None
    return documents, None if cut is None else value
