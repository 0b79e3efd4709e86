"""Stores that keep arrays and groups in the N5 format, in the words of Zarr v2 to those who use them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from zarrcy.errors import KeyPathError
from zarrcy.keys import normalize_path, prefix_of
from zarrcy.storage import access
from zarrcy.storage.base import Store, flat
from zarrcy.storage.json_reader import parse_json
from zarrcy.storage.listing import getsize_deep
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.storage.n5 import documents
from zarrcy.storage.n5.documents import Document
from zarrcy.storage.remote.fsspec import FSStore
from zarrcy.types import Buffer

_DOCUMENT = "attributes.json"
_ZARRAY, _ZGROUP, _ZATTRS = _DOCUMENTS = (".zarray", ".zgroup", ".zattrs")
_CHUNK = re.compile(r"\d+(?:\.\d+)+\Z", re.ASCII)


class N5Files(Store):
    """Keys of Zarr v2 around a store whose keys are those of N5.

    What is written under ``.zarray``, ``.zgroup`` and ``.zattrs`` comes together in ``attributes.json``;
    the chunk ``0.1.2`` is the block ``2/1/0``. Arrays that a group of this kind holds have the fill
    value 0, the order C and no filters: N5 knows no others.

    Parameters
    ----------
    files : the store of the N5 keys
    """

    consumes_values: ClassVar[bool] = True

    def __init__(self, files: Any) -> None:
        self._files = files
        self.durability: str = getattr(files, "durability", "none")
        # of the keys that this store takes; the keys of the blocks have "/"
        self._dimension_separator = "."

    def keeps_documents(self) -> bool:
        """Does a document read as it was written? No: N5 has no byte order, and blocks have a codec of their own."""
        return False

    # -- documents ---------------------------------------------------------------------------------

    def _load(self, prefix: str) -> Document | None:
        """Return the N5 document of a node, or None."""
        key = prefix + _DOCUMENT
        document = access.get(self._files, key)
        return None if document is None else parse_json(document, key)

    def _zarr_document(self, prefix: str, name: str) -> Document | None:
        """Return one of the documents of Zarr, or None if the node has none of the kind."""
        n5 = self._load(prefix)
        if n5 is None:
            return None
        if name == _ZATTRS:
            return documents.attributes_of(n5) or None
        if documents.is_array(n5):
            return documents.array_to_zarr(n5, prefix + _DOCUMENT) if name == _ZARRAY else None
        return {"zarr_format": 2} if name == _ZGROUP else None

    def _save(self, prefix: str, name: str, document: Document) -> None:
        """Put one of the documents of Zarr into the N5 document of a node."""
        n5 = self._load(prefix) or {}
        if name == _ZARRAY:
            n5.update(documents.array_to_n5(document, is_root=not prefix))
        elif name == _ZGROUP:
            n5["n5"] = documents.N5_FORMAT
        else:
            documents.check_attributes(document)
            n5 = {name: value for name, value in n5.items() if name in documents.N5_KEYWORDS}
            n5.update(document)
        self._files[prefix + _DOCUMENT] = documents.dump(n5)

    def _ndim(self, prefix: str) -> int | None:
        """Return how many axes the array at a prefix of keys has; None if there is none."""
        n5 = self._load(prefix)
        if not n5 or not documents.is_array(n5):
            return None
        return len(documents.lengths_of(n5, "dimensions", prefix + _DOCUMENT))

    # -- the mapping -------------------------------------------------------------------------------

    def __getitem__(self, key: str) -> bytes:
        prefix, name = _split(key)
        if name not in _DOCUMENTS:
            value: bytes = self._files[_block_key(key)]
            return value
        document = self._zarr_document(prefix, name)
        if document is None:
            raise KeyError(key)
        return documents.dump(document)

    def __setitem__(self, key: str, value: Buffer) -> None:
        prefix, name = _split(key)
        if name == _DOCUMENT:
            raise KeyPathError(
                key, "in an N5 store this key is that of .zarray, .zgroup and .zattrs together"
            )
        if name in _DOCUMENTS:
            self._save(prefix, name, parse_json(flat(value), key))
        else:
            self._files[_block_key(key)] = value

    def __delitem__(self, key: str) -> None:
        prefix, name = _split(key)
        if name not in _DOCUMENTS:
            del self._files[_block_key(key)]
        elif key not in self:
            raise KeyError(key)
        elif name == _ZATTRS:
            self._save(prefix, _ZATTRS, {})
        else:
            # what remained would be a node still
            del self._files[prefix + _DOCUMENT]

    def __contains__(self, key: object) -> bool:
        if not isinstance(key, str):
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
        """Return the key of the chunk in a block; the key itself if it is not that of one."""
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

    def getitems(self, keys: Sequence[str], *, contexts: Mapping[str, Any] | None = None) -> dict[str, bytes]:
        """Return the values of those `keys` that are there; `contexts` has no effect."""
        blocks = {key: _block_key(key) for key in keys if _split(key)[1] not in _DOCUMENTS}
        values = access.reader(self._files)(list(blocks.values()))
        found = {key: value for key, value in zip(blocks, values, strict=True) if value is not None}
        documents = ((key, self.get(key)) for key in keys if key not in blocks)
        return found | {key: value for key, value in documents if value is not None}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, N5Files) and type(self) is type(other) and self._files == other._files

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path!r}>"

    # -- places ------------------------------------------------------------------------------------

    @property
    def path(self) -> str:
        return str(self._files.path)

    @property
    def normalize_keys(self) -> bool:
        return bool(self._files.normalize_keys)

    def dir_path(self, path: str | None = None) -> str:
        """Return the directory in which the keys below `path` are files."""
        return str(self._files.dir_path(path))

    def listdir(self, path: str | None = None) -> list[str]:
        """Return the names directly below `path`, sorted; of an array, the keys of its chunks."""
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
        """Yield the chunks whose blocks are below some directories, the first of `n_axes` levels of them."""
        if n_axes == 1:
            yield from coords
            return
        for coord in coords:
            inner = f"{prefix}{coord}/"
            below = [name for name in self._files.listdir(inner[:-1]) if name.isdecimal()]
            for chunk in self._chunks_below(inner, below, n_axes - 1):
                yield f"{chunk}.{coord}"

    def rmdir(self, path: str | None = None) -> None:
        """Delete all keys below `path`."""
        self._files.rmdir(path)

    def rename(self, src_path: str, dst_path: str) -> None:
        """Move all keys below `src_path` to below `dst_path`."""
        self._files.rename(src_path, dst_path)

    def getsize(self, path: str | None = None) -> int:
        """Return the bytes of the values directly below `path`, or of its own; of an array, with its chunks."""
        path = normalize_path(path)
        if self._ndim(prefix_of(path)):
            return getsize_deep(self._files, path)
        return int(self._files.getsize(_block_key(path) if path else path))

    def leftovers(self, older_than: float = 0) -> Iterator[str]:
        """Iterate over files that killed writers left; see `DirectoryStore.leftovers`."""
        return access.leftovers(self._files, older_than)

    def remove_leftover(self, path: str) -> None:
        """Delete a file that `leftovers` returned."""
        access.remove_leftover(self._files, path)

    def clear(self) -> None:
        self._files.clear()


class N5Store(N5Files):
    """An N5 container in a directory, as a store of Zarr v2.

    Needs no package. Attributes and description of a node are one file, so the attributes of an array
    must not be written by one process while another resizes it.

    Parameters
    ----------
    path : directory of the container; made when the first value is written
    normalize_keys : make keys lower case
    dimension_separator : kept for users of zarr-python 2; has no effect

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
    """An N5 container at a URL, as a store of Zarr v2.

    Needs ``zarrcy[fsspec]``. See `N5Store`, and `FSStore` for the parameters.

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
        **options: Any,
    ) -> None:
        super().__init__(FSStore(url, normalize_keys, mode=mode, **options))
        self.map, self.fs, self.mode = self._files.map, self._files.fs, mode
        self.exceptions = self._files.exceptions
        self.key_separator = "."

    def is_writeable(self) -> bool:
        """Can values be written? Not with the mode "r"."""
        return bool(self._files.is_writeable())


def _split(key: str) -> tuple[str, str]:
    """Return what comes before the last part of a key, with the slash behind it, and that part."""
    head, slash, name = key.rpartition("/")
    return head + slash, name


def _block_key(key: str) -> str:
    """Return the key of the block of a chunk; of another key, the key itself.

    >>> _block_key("a/0.1.2"), _block_key("a/b.c")
    ('a/2/1/0', 'a/b.c')
    """
    prefix, name = _split(key)
    return prefix + "/".join(reversed(name.split("."))) if _CHUNK.match(name) else key
