"""A place in a store: path, documents, and the ways to find, load, save, create and erase them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, TypeAlias

from zarrcy import metadata
from zarrcy.errors import (
    ArrayNotFoundError,
    ContainsArrayError,
    ContainsGroupError,
    GroupNotFoundError,
    ReadOnlyError,
)
from zarrcy.keys import normalize_path, prefix_of
from zarrcy.metadata import ArrayMetadata, ArraySpec
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.listing import getsize, getsize_deep, listdir, rename, rmdir
from zarrcy.types import JSON, Store, Synchronizer, ZarrFormat

if TYPE_CHECKING:
    from zarrcy.metadata.format import Format


Parse: TypeAlias = Callable[[], ArrayMetadata]
"""Parses the documents of an array, which were loaded."""
Found: TypeAlias = tuple[str, Parse | None]
"""What stands at a place: "array" or "group", and how to parse an array."""

# How long the creator of a group waits for the creator of an array in the same place to give way.
_PATIENCE = 0.2
_POLL = 0.005
# As zarr-python 2 names it; in any format.
_HIERARCHY_LOCK = ".zgroup"


class Node:
    """A path in a store, with the documents that stand there.

    Several processes may create nodes at once without a synchronizer. A document is claimed: it is
    written only where it is not there yet, in one step where the store has one. An array and a group
    in the same place are two documents, so whoever wrote one looks for the other afterwards, and of
    two who write and then look one at least sees both. The array gives way at once. The group waits
    for that a little, and gives way if the array stays, since that was there first.

    Parameters
    ----------
    store : of the documents
    path : normalized here; the root is the empty path
    chunk_store : of the chunks; the same store where None
    synchronizer : gives the lock under which documents are changed
    zarr_format : 2, 3 or "3-draft", which the documents must follow; found by looking where None
    """

    __slots__ = ("_format", "own_chunk_store", "path", "prefix", "store", "synchronizer")

    def __init__(
        self,
        store: Store,
        path: Any = None,
        chunk_store: Store | None = None,
        synchronizer: Synchronizer | None = None,
        zarr_format: ZarrFormat | None = None,
    ) -> None:
        self.store = store
        self.path = normalize_path(path)
        self.prefix = prefix_of(self.path)
        self.own_chunk_store = chunk_store
        self.synchronizer = synchronizer
        self._format = metadata.of_version(zarr_format)

    def __reduce__(self) -> tuple[Any, ...]:
        # a format is a module, which pickle does not take; the copy finds it again
        number = None if self._format is None else self._format.ZARR_FORMAT
        return type(self), (self.store, self.path, self.own_chunk_store, self.synchronizer, number)

    def at(self, path: str) -> Node:
        """Return the node at another path of the same stores, which must be a normalized one.

        The nodes of a hierarchy share a format.
        """
        other = object.__new__(Node)
        other.store = self.store
        other.path = path
        other.prefix = path + "/" if path else ""
        other.own_chunk_store = self.own_chunk_store
        other.synchronizer = self.synchronizer
        other._format = self._format
        return other

    @property
    def chunk_store(self) -> Store:
        return self.store if self.own_chunk_store is None else self.own_chunk_store

    @property
    def format(self) -> Format:
        """The format that the documents follow: the one that was asked for or found, or that of a new node."""
        if self._format is None:
            # a new node is like the nearest one above
            line = [node for node in (self, *reversed(self._parents())) if not node._is_nowhere]
            self._format = (
                metadata.detect(self.store, [node.prefix for node in line]) if line else metadata.DEFAULT
            )
        return self._format

    @property
    def _candidates(self) -> tuple[Format, ...]:
        """The formats in which a node may stand here."""
        return metadata.FORMATS if self._format is None else (self._format,)

    @property
    def _is_nowhere(self) -> bool:
        """Does one look at the store tell that no document is here? Not of formats that lay out a whole store."""
        return access.has_no_prefix(self.store, self.prefix)

    def lock(self, key: str) -> AbstractContextManager[Any]:
        """Return the lock of a key; one that is always free where there is no synchronizer."""
        if self.synchronizer is None:
            return nullcontext()
        lock: AbstractContextManager[Any] = self.synchronizer[key]
        return lock

    def hierarchy_lock(self) -> AbstractContextManager[Any]:
        """Return the lock under which nodes are created, moved and deleted: one for the whole store."""
        return self.lock(_HIERARCHY_LOCK)

    @property
    def metadata_key(self) -> str:
        return self.format.document_key(self.prefix, "array")

    @property
    def attributes_key(self) -> str:
        return self.format.attributes_key(self.store, self.prefix)

    # -- finding and loading -----------------------------------------------------------------------

    @property
    def _default_separator(self) -> str:
        return getattr(self.store, "_dimension_separator", None) or "."

    def kind(self) -> str | None:
        """Return what stands here: "array", "group" or None."""
        for format in self._candidates:
            (kind,) = format.kinds_at(self.store, [self.prefix])
            if kind is not None:
                self._format = format
                return kind
        return None

    def load(self) -> Found | None:
        """Load what stands here; None if there is nothing.

        Raises
        ------
        MetadataError : the document of a group is malformed; that of an array is not looked at yet
        """
        fetched: dict[str, Any] | None = None
        if offers(self.store, "getitems"):
            # one trip for the documents of most formats
            wanted = {
                format.document_key(self.prefix, kind)
                for format in self._candidates
                if format in metadata.NODE_BY_NODE
                for kind in ("array", "group")
            }
            keys = sorted(wanted)
            answers = zip(keys, access.reader(self.store)(keys), strict=True)
            fetched = {key: document for key, document in answers if document is not None}
        for format in self._candidates:
            store = self.store if fetched is None or format not in metadata.NODE_BY_NODE else fetched
            found = format.load_one(store, self.prefix, self._default_separator)
            if found is not None:
                self._format = format
                return found
        return None

    def load_array(self) -> ArrayMetadata:
        """Load the description of the array here.

        Raises
        ------
        ArrayNotFoundError : there is none
        MetadataError : its document is malformed
        """
        for format in self._candidates:
            description = format.load_array(self.store, self.prefix, self._default_separator)
            if description is not None:
                self._format = format
                return description
        raise ArrayNotFoundError(self.path)

    def describe_array(self, request: ArraySpec) -> ArrayMetadata:
        """Describe a new array in the words of this node's format."""
        return self.format.describe_array(request)

    def load_group(self) -> None:
        """Make sure that a group stands here.

        Raises
        ------
        ContainsArrayError : it is an array
        GroupNotFoundError : there is nothing
        MetadataError : its document is malformed
        """
        found = self.load()
        if found is None:
            raise GroupNotFoundError(self.path)
        if found[0] == "array":
            raise ContainsArrayError(self.path)

    def _names(self) -> tuple[list[str], list[str]]:
        """Return the names below this place that may be those of nodes, and the prefixes of their keys."""
        names = self.format.names_below(self.store, self.prefix)
        return names, [f"{self.prefix}{name}/" for name in names]

    def members(self) -> Iterator[tuple[str, str]]:
        """Iterate over name and kind of the nodes directly below, in the order of their names."""
        names, prefixes = self._names()
        for name, kind in zip(names, self.format.kinds_at(self.store, prefixes), strict=True):
            if kind is not None:
                yield name, kind

    def load_members(self) -> Iterator[tuple[str, Node, Found]]:
        """Load the nodes directly below, in the order of their names."""
        names, prefixes = self._names()
        found = self.format.load_at(self.store, prefixes, self._default_separator)
        for name, there in zip(names, found, strict=True):
            if there is not None:
                yield name, self.at(self.prefix + name), there

    def load_attributes(self) -> dict[str, JSON]:
        return self.format.load_attributes(self.store, self.prefix)

    # -- saving ------------------------------------------------------------------------------------

    def save_array(self, description: ArrayMetadata) -> None:
        self._outdate()
        self.format.save_array(self.store, self.prefix, description)

    def save_group(self) -> None:
        self.format.prepare(self.store)
        self._save(self.format.group_documents(self.prefix))

    def save_attributes(self, attributes: dict[str, JSON]) -> None:
        self._outdate()
        self.format.save_attributes(self.store, self.prefix, attributes)

    def _outdate(self) -> None:
        """Drop the consolidated metadata above, before what is here changes: others would believe them."""
        above = self._parents()
        for prefix in self.format.consolidated_among(self.store, [node.prefix for node in above]):
            with self.lock(self.format.attributes_key(self.store, prefix)):
                self.format.drop_consolidated(self.store, prefix)

    def _save(self, documents: dict[str, bytes]) -> None:
        for key, document in documents.items():
            self.store[key] = document

    # -- creating ----------------------------------------------------------------------------------

    def create_array(
        self,
        description: ArrayMetadata,
        overwrite: bool = False,
        attributes: Mapping[str, JSON] | None = None,
    ) -> ArrayMetadata:
        """Write the documents of a new array, and of the groups above it that are missing.

        Returns
        -------
        description : as it reads from the documents

        Raises
        ------
        ContainsArrayError, ContainsGroupError : one is here already, and `overwrite` is false; or an
            array is at a parent, below which nothing can be
        """
        key = self.metadata_key
        documents = self.format.array_documents(self.prefix, description, attributes)
        written = self.format.parse_array(documents[key], key, self._default_separator)
        with self.lock(key):
            self._create("array", documents, overwrite)
        return written if access.keeps_documents(self.store) else self.load_array()

    def create_group(self, overwrite: bool = False, attributes: Mapping[str, JSON] | None = None) -> bool:
        """Write the documents of a new group, and of the groups above it that are missing, and return True.

        Raises
        ------
        ContainsArrayError, ContainsGroupError : as for `create_array`
        """
        self._create("group", self.format.group_documents(self.prefix, attributes), overwrite)
        return True

    def require_group(self, overwrite: bool = False, attributes: Mapping[str, JSON] | None = None) -> bool:
        """Make this a group if it is none yet, and every parent too.

        Parameters
        ----------
        overwrite : an array that is here makes room
        attributes : of the group, if it is created

        Returns
        -------
        created : False if it was here already

        Raises
        ------
        ContainsArrayError : an array is here, and `overwrite` is false; or at a parent
        ContainsGroupError : a group is here, of another format than was asked for
        """
        if self.kind() == "group":
            return False
        try:
            return self.create_group(overwrite, attributes)
        except ContainsGroupError as exc:
            # somebody was faster, and a group is what was asked for; but not one of another format
            if exc.path != self.path or self.kind() != "group":
                raise
            return False

    def require_parents(self) -> None:
        """Make every parent a group that is none yet."""
        for parent in self._parents()[-1:]:
            parent.require_group()

    def _create(self, kind: str, documents: dict[str, bytes], overwrite: bool) -> None:
        line = [*self._parents(), self]
        # what is overwritten may be damaged: it is not looked at
        kinds = self._kinds(line[:-1] if overwrite else line)
        above = _first_array(line[:-1], kinds[: len(line) - 1])
        if above is not None:
            raise ContainsArrayError(above.path)
        if not overwrite and kinds[-1] is not None:
            raise _contains(kinds[-1], self.path)
        self._outdate()
        if overwrite:
            self.erase()
        self.format.prepare(self.store)
        written: dict[str, list[str]] = {}
        for parent, there in zip(line[:-1], kinds, strict=False):
            if there is None:
                written[parent.prefix] = parent._claim(self.format.group_documents(parent.prefix))
        if overwrite:
            self._save(documents)
            written[self.prefix] = list(documents)
        else:
            written[self.prefix] = self._claim(documents)
            if not written[self.prefix]:
                raise _contains(kind, self.path)
        self._settle(kind, line, written)

    def _claim(self, documents: dict[str, bytes]) -> list[str]:
        """Write documents, if the first of them is not there yet, and return their keys."""
        claimed: list[str] = []
        for key, document in documents.items():
            if not access.set_if_absent(self.store, key, document) and not claimed:
                break
            claimed.append(key)
        return claimed

    def _settle(self, kind: str, line: Sequence[Node], written: dict[str, list[str]]) -> None:
        """Look whether somebody else created another kind of node in the same place meanwhile.

        Raises
        ------
        ContainsArrayError, ContainsGroupError : so it is, and what was written is deleted again
        """
        give_way = time.monotonic() + _PATIENCE
        while (conflict := self._conflict(kind, line)) is not None:
            if isinstance(conflict, ContainsGroupError) or time.monotonic() >= give_way:
                below = prefix_of(conflict.path)
                doomed = [keys for prefix, keys in written.items() if prefix.startswith(below)]
                access.deleter(self.store)(itertools.chain.from_iterable(doomed))
                raise conflict
            time.sleep(_POLL)

    def _conflict(self, kind: str, line: Sequence[Node]) -> ContainsArrayError | ContainsGroupError | None:
        """Return the error for a node that is here, or above, and can't be together with this one."""
        key_of = self.format.document_key
        if key_of(self.prefix, "array") == key_of(self.prefix, "group"):
            # whose document it is was settled when it was claimed; an array above is left to find
            above = _first_array(line[:-1], self._kinds(line[:-1]))
            return None if above is None else ContainsArrayError(above.path)
        rivals: dict[str, ContainsArrayError | ContainsGroupError] = {}
        for node in line:
            own = kind if node is self else "group"
            other = "group" if own == "array" else "array"
            rivals[key_of(node.prefix, other)] = _contains(other, node.path)
        there = access.finder(self.store)(list(rivals))
        return next(itertools.compress(rivals.values(), there), None)

    def _kinds(self, nodes: Sequence[Node]) -> list[str | None]:
        """Return what stands at nodes, the root first, in any format."""
        kinds: list[str | None] = [None] * len(nodes)
        nowhere = {number for number, node in enumerate(nodes) if node._is_nowhere}
        if 0 in nowhere:
            # there is no store yet
            return kinds
        for format in (self.format, *(other for other in metadata.FORMATS if other is not self.format)):
            if any(kinds[:1]) and format not in metadata.NODE_BY_NODE:
                # it takes whole stores, and this one is of another
                continue
            skipped = nowhere if format in metadata.NODE_BY_NODE else ()
            unknown = [number for number, kind in enumerate(kinds) if kind is None and number not in skipped]
            asked = format.kinds_at(self.store, [nodes[number].prefix for number in unknown])
            for number, kind in zip(unknown, asked, strict=True):
                kinds[number] = kind
        return kinds

    def _parents(self) -> list[Node]:
        if not self.path:
            return []
        segments = self.path.split("/")
        return [self.at("/".join(segments[:n])) for n in range(len(segments))]

    # -- moving and erasing ------------------------------------------------------------------------

    @property
    def _stores(self) -> tuple[Store, ...]:
        return (self.store,) if self.own_chunk_store is None else (self.store, self.own_chunk_store)

    def move(self, path: str) -> None:
        """Move the node, and all that is below it, to another path, where nothing is."""
        self._outdate()
        self.at(path)._outdate()
        (folders, keys), (new_folders, new_keys) = map(self.format.storage_prefixes, (self.path, path))
        for store in self._stores:
            for key, new_key in zip(keys, new_keys, strict=True):
                if key in store:
                    store[new_key] = store.pop(key)
            for folder, new_folder in zip(folders, new_folders, strict=True):
                # an array without chunks is not in their store
                if listdir(store, folder):
                    rename(store, folder, new_folder)

    def erase(self) -> None:
        """Delete the node, and all that is below it."""
        self._outdate()
        folders, keys = self.format.storage_prefixes(self.path)
        for store in self._stores:
            if keys:
                access.deleter(store)(keys)
            for folder in folders:
                rmdir(store, folder)

    def nbytes_stored(self, deep: bool) -> int:
        """Return the bytes stored for the node, or -1 if a store can't tell.

        Parameters
        ----------
        deep : chunks are in folders of folders
        """
        folders, keys = self.format.storage_prefixes(self.path)
        size_of = getsize_deep if deep else getsize
        sizes = [size_of(store, folder) for store in self._stores for folder in folders]
        sizes += [getsize(self.store, key) for key in keys if key in self.store]
        return -1 if min(sizes) < 0 else sum(sizes)

    def delete_chunks(self, keys: list[str]) -> None:
        access.deleter(self.chunk_store)(keys)


def _contains(kind: str, path: str) -> ContainsArrayError | ContainsGroupError:
    return ContainsArrayError(path) if kind == "array" else ContainsGroupError(path)


def _first_array(nodes: Sequence[Node], kinds: Iterable[str | None]) -> Node | None:
    return next((node for node, kind in zip(nodes, kinds, strict=True) if kind == "array"), None)


def refuse_read_only(read_only: bool, path: str) -> None:
    if read_only:
        raise ReadOnlyError(path)
