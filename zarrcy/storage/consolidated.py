"""The documents of a hierarchy, from the one document that holds copies of them all."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any, ClassVar, Never, Self

from zarrcy.errors import KeyPathError, MetadataError, ReadOnlyError
from zarrcy.keys import are_harmless, check_key, normalize_path
from zarrcy.storage.base import Store
from zarrcy.storage.json_reader import MAX_CONSOLIDATED_NBYTES, cut_json, parse_json, parse_spans
from zarrcy.storage.listing import list_sorted

CONSOLIDATED_FORMAT = 1
# Documents that are parsed one by one: so many, or this part of all.
_FEW = 32


class ConsolidatedMetadataStore(Store):
    """The documents that ``consolidate_metadata`` put together; they can be read only.

    Values are parsed JSON, not bytes. The whole is checked when the store is made; each document is parsed
    when it is first asked for, or when many of its kind were, and kept.

    Parameters
    ----------
    store : holds the key
    metadata_key : of the consolidated metadata

    Raises
    ------
    KeyError : there is no such key
    MetadataError : what it holds is no consolidated metadata, or of another version

    Examples
    --------
    >>> document = b'{"zarr_consolidated_format": 1, "metadata": {".zgroup": {"zarr_format": 2}}}'
    >>> dict(ConsolidatedMetadataStore({".zmetadata": document}))
    {'.zgroup': {'zarr_format': 2}}
    """

    _writeable: ClassVar[bool] = False
    _erasable: ClassVar[bool] = False

    def __init__(self, store: Any, metadata_key: str = ".zmetadata") -> None:
        self._hold(*_documents(store[metadata_key], metadata_key))

    @classmethod
    def of(cls, documents: dict[str, Any]) -> Self:
        """Return a store of documents that were found in another way, parsed and by their keys.

        >>> dict(ConsolidatedMetadataStore.of({"zarr.json": {"zarr_format": 3, "node_type": "group"}}))
        {'zarr.json': {'zarr_format': 3, 'node_type': 'group'}}
        """
        made = object.__new__(cls)
        made._hold(documents)
        return made

    def _hold(self, documents: dict[str, Any], whole: bytes | None = None) -> None:
        # parsed, or the span of one in the whole
        self._documents = documents
        # None when all are parsed
        self._whole = whole
        self._n_asked = 0
        # made when names are first listed
        self._sorted: list[str] | None = None

    @property
    def meta_store(self) -> dict[str, Any]:
        """All documents by their keys, parsed."""
        whole = self._whole
        if whole is not None:
            self._parse_all(whole, "")
            self._whole = None
        return self._documents

    def _parse_all(self, whole: bytes, end: str) -> None:
        """Parse all documents whose keys end alike. At once they take less time, and share the names of members."""
        documents = self._documents
        left = {key: span for key, span in documents.items() if type(span) is int and key.endswith(end)}
        for key, document in zip(left, parse_spans(whole, left.values()), strict=True):
            documents[key] = document

    def __getitem__(self, key: str) -> Any:
        # in this order: another thread may parse the last document and let go of the whole in between
        whole = self._whole
        document = self._documents[key]
        if whole is not None and type(document) is int:
            # who asks for many documents of a kind asks for all of them
            self._n_asked += 1
            if self._n_asked > max(_FEW, len(self._documents) // _FEW):
                self._n_asked = 0
                self._parse_all(whole, key.rpartition("/")[2])
                return self._documents[key]
            (document,) = parse_spans(whole, (document,))
            self._documents[key] = document
        return document

    def peek(self, key: str) -> Any:
        """Return a document, or a function that parses it; None if it is not there."""
        document = self._documents.get(key)
        return partial(self.__getitem__, key) if type(document) is int else document

    def get(self, key: str, default: Any = None) -> Any:
        return self[key] if key in self._documents else default

    def __contains__(self, key: object) -> bool:
        return key in self._documents

    def __iter__(self) -> Iterator[str]:
        return iter(self._documents)

    def __len__(self) -> int:
        return len(self._documents)

    def __setitem__(self, key: str, value: Any) -> Never:
        raise ReadOnlyError

    def __delitem__(self, key: str) -> Never:
        raise ReadOnlyError

    def rename(self, src_path: str, dst_path: str) -> Never:
        raise ReadOnlyError

    def rmdir(self, path: str = "") -> Never:
        raise ReadOnlyError

    def listdir(self, path: str | None = None) -> list[str]:
        """Return the names directly below `path`, sorted."""
        if self._sorted is None:
            self._sorted = sorted(self._documents)
        return list_sorted(self._sorted, normalize_path(path))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ConsolidatedMetadataStore) and self.meta_store == other.meta_store

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} with {len(self)} keys>"


def _documents(value: Any, key: str) -> tuple[dict[str, Any], bytes | None]:
    """Return the documents by their keys; where they are spans, also what these are in."""
    cut = cut_json(value, key, ("metadata",), MAX_CONSOLIDATED_NBYTES)
    parsed = parse_json(value, key, MAX_CONSOLIDATED_NBYTES) if cut is None else cut[0]
    version = parsed.get("zarr_consolidated_format")
    if version != CONSOLIDATED_FORMAT:
        raise MetadataError(
            key, f"'zarr_consolidated_format' is {version!r}; only {CONSOLIDATED_FORMAT} is known"
        )
    documents: Any = parsed.get("metadata") if cut is None else cut[1]
    if not isinstance(documents, dict):
        raise MetadataError(key, f"'metadata' is {documents!r}, not an object of documents")
    # what was cut is an object of objects
    if cut is None and set(map(type, documents.values())) - {dict}:
        name, document = next(item for item in documents.items() if not isinstance(item[1], dict))
        raise MetadataError(key, f"what it holds for {name!r} is {document!r}, and no document")
    if not are_harmless(documents):
        for name in documents:
            try:
                check_key(name)
            except KeyPathError as exc:
                raise MetadataError(key, f"it holds a document for a {exc}") from None
    return documents, None if cut is None else value
