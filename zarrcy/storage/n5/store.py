"""Stores that present an N5 container as a hierarchy of Zarr v2."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from zarrcy.errors import KeyPathError
from zarrcy.keys import is_key, normalize_path, prefix_of
from zarrcy.storage import access
from zarrcy.storage.base import Store, flat
from zarrcy.storage.json_reader import parse_json
from zarrcy.storage.listing import getsize_deep
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.storage.n5 import documents
from zarrcy.storage.n5.documents import Document
from zarrcy.storage.optional import Option
from zarrcy.storage.remote.fsspec import FSStore
from zarrcy.storage.strict_json import refuse_bare_nan
from zarrcy.sync.key_locks import KeyLock
from zarrcy.types import JSON, Buffer

_DOCUMENT = "attributes.json"
_ZARRAY, _ZGROUP, _ZATTRS = _DOCUMENTS = (".zarray", ".zgroup", ".zattrs")
_CHUNK = re.compile(r"\d+(?:\.\d+)+\Z", re.ASCII)


class N5Files(Store):
    """Base of the N5 stores: keys of Zarr v2 for a store that has keys of N5.

    The documents ``.zarray``, ``.zgroup`` and ``.zattrs`` are stored together in ``attributes.json``, and the chunk
    ``0.1.2`` is stored as the block ``2/1/0``. Arrays have the fill value 0, the order C and no filters, because N5
    does not support others.

    Parameters
    ----------
    files : DirectoryStore or FSStore
        Store with the keys of N5.
    """

    consumes_values: ClassVar[bool] = True

    def __init__(self, files: DirectoryStore | FSStore) -> None:
        self._files = files
        self.durability = access.durability(files)
        # for the keys of chunks; the keys of blocks have "/"
        self._dimension_separator = "."

    def keeps_documents(self) -> bool:
        """Return False: N5 has no byte order, and its blocks have a codec of their own."""
        return False

    def identities(self, prefix: str = "") -> tuple[str, ...]:
        """Return the names of the place in the store of the container."""
        return access.identities(self._files, prefix)

    # -- documents ---------------------------------------------------------------------------------

    def _load(self, prefix: str) -> Document | None:
        """Return the N5 document of a node; None if it does not exist."""
        key = prefix + _DOCUMENT
        document = access.document(self._files, key)
        return None if document is None else parse_json(document, key)

    def _zarr_document(self, prefix: str, name: str) -> Document | None:
        """Return a document of Zarr v2; None if the node does not have it."""
        n5 = self._load(prefix)
        if n5 is None:
            return None
        if name == _ZATTRS:
            return documents.attributes_of(n5) or None
        if documents.is_array(n5):
            return documents.array_to_zarr(n5, prefix + _DOCUMENT) if name == _ZARRAY else None
        return {"zarr_format": 2} if name == _ZGROUP else None

    def _save(self, prefix: str, name: str, document: Document) -> None:
        """Store a document of Zarr v2 in the N5 document of a node."""
        with self._lock(prefix):
            n5 = self._load(prefix) or {}
            if name == _ZARRAY:
                members = documents.array_to_n5(document, is_root=not prefix)
                n5.update(documents.restated(n5, members, prefix + _DOCUMENT))
            elif name == _ZGROUP:
                n5["n5"] = documents.N5_FORMAT
            else:
                documents.check_attributes(document)
                n5 = {name: value for name, value in n5.items() if name in documents.N5_KEYWORDS}
                n5.update(document)
            refuse_bare_nan(n5, prefix + _DOCUMENT)
            self._files[prefix + _DOCUMENT] = documents.dump(n5)

    def _lock(self, prefix: str) -> KeyLock:
        """Return the lock under which threads change an N5 document, which holds several documents of Zarr v2."""
        return KeyLock([name + _DOCUMENT for name in access.identities(self._files, prefix)])

    def _ndim(self, prefix: str) -> int | None:
        """Return the number of axes of the array at a prefix; None if there is no array."""
        n5 = self._load(prefix)
        if not n5 or not documents.is_array(n5):
            return None
        return len(documents.lengths_of(n5, "dimensions", prefix + _DOCUMENT))

    # -- the mapping -------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> bytes:
        prefix, name = _split(key)
        if name not in _DOCUMENTS:
            return self._files[_block_key(key)]
        document = self._zarr_document(prefix, name)
        if document is None:
            raise KeyError(key)
        return documents.dump(document)

    def __setitem__(self, key: str, value: Buffer) -> None:
        prefix, name = _split(key)
        if name == _DOCUMENT:
            raise KeyPathError(
                key,
                "an N5 store keeps .zarray, .zgroup and .zattrs under this key; write to one of these keys",
            )
        if name in _DOCUMENTS:
            self._save(prefix, name, parse_json(flat(value), key))
        else:
            self._files[_block_key(key)] = value

    def setdefault(self, key: str, default: Buffer | None = None) -> Buffer:
        """Store `default` if the key does not exist, atomically for threads, and return the stored value."""
        prefix, name = _split(key)
        if name not in _DOCUMENTS:
            return self._files.setdefault(_block_key(key), default)
        with self._lock(prefix):
            return super().setdefault(key, default)

    def __delitem__(self, key: str) -> None:
        prefix, name = _split(key)
        if name not in _DOCUMENTS:
            del self._files[_block_key(key)]
        elif key not in self:
            raise KeyError(key)
        elif name == _ZATTRS:
            self._save(prefix, _ZATTRS, {})
        else:
            # any other member of the document would still make it a node
            del self._files[prefix + _DOCUMENT]

    def __contains__(self, key: object) -> bool:
        if not is_key(key):
            return False
        prefix, name = _split(key)
        if name in _DOCUMENTS:
            return self._zarr_document(prefix, name) is not None
        return _block_key(key) in self._files

    def __iter__(self) -> Iterator[str]:
        ndims: dict[str, int | None] = {}
        for key in list(self._files):
            prefix, name = _split(key)
            if name == _DOCUMENT:
                yield from (prefix + document for document in self._documents_at(prefix))
            else:
                yield self._chunk_key(key, ndims)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def _documents_at(self, prefix: str) -> list[str]:
        return [name for name in _DOCUMENTS if self._zarr_document(prefix, name) is not None]

    def _chunk_key(self, key: str, ndims: dict[str, int | None]) -> str:
        """Return the key of the chunk that a block stores; the key itself if it is not a block of an array."""
        segments = key.split("/")
        coords: list[str] = []
        while segments and segments[-1].isdecimal():
            coords.append(segments.pop())
            prefix = prefix_of("/".join(segments))
            if prefix not in ndims:
                ndims[prefix] = self._ndim(prefix)
            if ndims[prefix] is not None:
                return prefix + ".".join(coords)
        return key

    def getitems(
        self, keys: Sequence[str], *, contexts: Mapping[str, JSON] | None = None
    ) -> dict[str, bytes]:
        blocks = {key: _block_key(key) for key in keys if _split(key)[1] not in _DOCUMENTS}
        values = access.reader(self._files)(list(blocks.values()))
        chunks = {key: value for key, value in zip(blocks, values, strict=True) if value is not None}
        documents = ((key, self.get(key)) for key in keys if key not in blocks)
        return chunks | {key: value for key, value in documents if value is not None}

    def read_values(self, keys: Sequence[str], most: int = -1, strict: bool = True) -> list[Buffer | None]:
        """Return the values of `keys`; see `zarrcy.storage.capabilities.ReadsManyValues`."""
        chunks = {key: _block_key(key) for key in keys if _split(key)[1] not in _DOCUMENTS}
        read = access.value_reader(self._files, most, strict)
        values = dict(zip(chunks, read(list(chunks.values())), strict=True)) if chunks else {}
        return [values[key] if key in values else self.get(key) for key in keys]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, N5Files) and type(self) is type(other) and self._files == other._files

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r}>"

    # -- paths -------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        """Path of the container, in its file system."""
        return self._files.path

    @property
    def normalize_keys(self) -> bool:
        """Whether keys are converted to lower case."""
        return self._files.normalize_keys

    def dir_path(self, path: str | None = None) -> str:
        """Return the path in the file system for a path in the container.

        Parameters
        ----------
        path : str, optional
            Path of a node; the root by default.

        Returns
        -------
        str
            Path in the file system.
        """
        return self._files.dir_path(path)

    def listdir(self, path: str | None = None) -> list[str]:
        """Return the names directly below `path`, sorted; for an array, these include the keys of its chunks."""
        prefix = prefix_of(normalize_path(path))
        names = set(self._files.listdir(prefix[:-1]))
        if _DOCUMENT not in names:
            return sorted(names)
        names.discard(_DOCUMENT)
        ndim = self._ndim(prefix)
        if ndim:
            coords = {name for name in names if name.isdecimal()}
            names -= coords
            names.update(self._chunks_below(prefix, sorted(coords), ndim))
        return sorted(names.union(self._documents_at(prefix)))

    def _chunks_below(self, prefix: str, coords: list[str], n_axes: int) -> Iterator[str]:
        """Yield the keys of the chunks whose blocks are below `coords`, the first of `n_axes` levels of directories."""
        if n_axes == 1:
            yield from coords
            return
        for coord in coords:
            inner = f"{prefix}{coord}/"
            below = [name for name in self._files.listdir(inner[:-1]) if name.isdecimal()]
            for chunk in self._chunks_below(inner, below, n_axes - 1):
                yield f"{chunk}.{coord}"

    def rmdir(self, path: str | None = None) -> None:
        self._files.rmdir(path)

    def check_rmdir(self, path: str | None = None) -> None:
        """Raise OSError if `rmdir` can't delete the keys below a path."""
        access.check_rmdir(self._files, normalize_path(path))

    def can_move(self) -> bool:
        """Return whether the store of the container can move keys."""
        return access.can_move(self._files)

    def rename(self, src_path: str, dst_path: str) -> None:
        self._files.rename(src_path, dst_path)

    def getsize(self, path: str | None = None) -> int:
        """Return the stored bytes directly below `path`, or of its value. Includes the chunks of an array."""
        path = normalize_path(path)
        if self._ndim(prefix_of(path)):
            return getsize_deep(self._files, path)
        return self._files.getsize(_block_key(path) if path else path)

    def leftovers(self, older_than: float = 0) -> Iterator[str]:
        """Iterate over the files that interrupted writers left; see `DirectoryStore.leftovers`."""
        return access.leftovers(self._files, older_than)

    def leftover_target(self, path: str) -> str | None:
        """Return where `remove_leftover` keeps what is at a path; see `DirectoryStore.leftover_target`."""
        return access.leftover_target(self._files, path)

    def remove_leftover(self, path: str) -> None:
        """Delete a file that `leftovers` returned, or move a directory to its `leftover_target`."""
        access.remove_leftover(self._files, path)

    def clear(self) -> None:
        self._files.clear()


class N5Store(N5Files):
    """Store that presents an N5 container in a directory as a hierarchy of Zarr v2.

    The attributes and the metadata of a node are in the same file. Threads of one process may change both at the same
    time, but one process must not write attributes of an array while another process resizes it.

    Parameters
    ----------
    path : str or os.PathLike
        Directory of the container. It is created when the first value is written.
    normalize_keys : bool, default False
        Convert keys to lower case.
    dimension_separator : str, optional
        Ignored; kept for compatibility with zarr-python 2.

    See Also
    --------
    N5FSStore : The same at a URL.

    Examples
    --------
    >>> import pathlib, tempfile, zarrcy
    >>> with tempfile.TemporaryDirectory() as path:
    ...     a = zarrcy.zeros((2, 4), chunks=2, dtype="u2", compressor=None, store=N5Store(path))
    ...     a[:, 2:] = 5
    ...     sorted(a.store), pathlib.Path(path, "1", "0").read_bytes()[12:].hex()
    (['.zarray', '0.1'], '0005000500050005')
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        normalize_keys: bool = False,
        dimension_separator: str | None = None,
    ) -> None:
        super().__init__(DirectoryStore(path, normalize_keys))


class N5FSStore(N5Files):
    """Store that presents an N5 container at a URL as a hierarchy of Zarr v2.

    Needs ``zarrcy[fsspec]``.

    Parameters
    ----------
    url : str or os.PathLike
        URL of the container; see `FSStore`.
    normalize_keys : bool, default False
        Convert keys to lower case.
    key_separator : str, optional
        Ignored; kept for compatibility with zarr-python 2.
    mode : str, default "w"
        "r" refuses changes; all other modes allow them.
    dimension_separator : str, optional
        Ignored; kept for compatibility with zarr-python 2.
    **options : Option
        More arguments of `FSStore`.

    See Also
    --------
    N5Store : The same in a directory.

    Examples
    --------
    >>> import zarrcy
    >>> store = N5FSStore("memory://example.n5")
    >>> a = zarrcy.array([1, 2, 3], store=store)
    >>> store.fs.ls(store.path, detail=False)
    ['/example.n5/0', '/example.n5/attributes.json']
    """

    def __init__(
        self,
        url: str | os.PathLike[str],
        normalize_keys: bool = False,
        key_separator: str | None = None,
        mode: str = "w",
        dimension_separator: str | None = None,
        **options: Option,
    ) -> None:
        files = FSStore(url, normalize_keys, mode=mode, **options)
        super().__init__(files)
        self.map, self.fs, self.mode = files.map, files.fs, mode
        self.exceptions = files.exceptions
        self.key_separator = "."

    def is_writeable(self) -> bool:
        return self._files.is_writeable()


def _split(key: str) -> tuple[str, str]:
    """Return the prefix of a key, with its slash, and the last segment."""
    head, slash, name = key.rpartition("/")
    return head + slash, name


def _block_key(key: str) -> str:
    """Return the key of the block that stores a chunk; another key is returned unchanged.

    Examples
    --------
    >>> _block_key("a/0.1.2"), _block_key("a/b.c")
    ('a/2/1/0', 'a/b.c')
    """
    prefix, name = _split(key)
    return prefix + "/".join(reversed(name.split("."))) if _CHUNK.match(name) else key
