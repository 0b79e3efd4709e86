"""Node: a path in a store, and the operations on its metadata documents."""

from __future__ import annotations

import errno
import itertools
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar

from zarrcy import metadata
from zarrcy.errors import (
    ArrayNotFoundError,
    ConcurrentChangeError,
    ContainsArrayError,
    ContainsGroupError,
    GroupNotFoundError,
    KeyPathError,
    NotAFileError,
    ReadOnlyError,
)
from zarrcy.keys import is_own_name, normalize_path, prefix_of
from zarrcy.metadata import ArrayMetadata, NodeEntry
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.listing import getsize, getsize_deep, listdir, rename, rmdir, warn_denied
from zarrcy.storage.local.atomic_files import PARTIAL, partial_ending
from zarrcy.sync.key_locks import FilesLock, KeyLock
from zarrcy.types import JSON, Buffer, Key, Store, Synchronizer, ZarrFormat

if TYPE_CHECKING:
    from zarrcy.metadata import ArraySpec
    from zarrcy.metadata.format import Format
    from zarrcy.storage.read_once import ReadOnce


_T = TypeVar("_T")

# Seconds that the creator of a group waits for an array at the same path to be withdrawn, and between two looks.
_MOST_WAIT = 0.2
_POLL = 0.005
# The name that zarr-python 2 gives to this lock, whatever the format of the hierarchy.
_HIERARCHY_LOCK = ".zgroup"
# Members of a group in a far store that are loaded together: three documents each, if there are few of them. Of more,
# the documents of groups are read when it is known that there is no array.
_BATCH_NODES = 500
_FEW_NODES = 32
_CONSOLIDATION_LOCK = _CONSOLIDATED_KEY = ".zmetadata"
_UNLOCKED = nullcontext()


class _Consolidations:
    """What this process has consolidated."""

    latest: ClassVar[object] = None


class Node:
    """A path in a store: finds, loads, saves, creates, moves and deletes the documents of an array or a group.

    Several processes may create nodes at the same time without a synchronizer. Each writes its document only
    if the key does not exist yet, in one atomic step if the store has one. An array and a group at the same path may
    have different document keys, so each creator looks for the other document after it wrote its own: at least one of
    the two sees both. The creator of the array withdraws at once. The creator of the group waits for that a short
    time, and withdraws too if the array remains, because then the array was there first.

    Parameters
    ----------
    store : mapping
        Store of the metadata documents.
    path : str, optional
        Path of the node; it is normalized. The default is the root.
    chunk_store : mapping, optional
        Store of the chunks, if it is not `store`.
    synchronizer : mapping, optional
        Gives the locks under which documents are changed.
    zarr_format : {2, 3, "3-draft"}, optional
        Version of the format. By default it is detected.
    prefix : str, optional
        Prefix of the keys, if the caller knows that `path` is normalized. The format is not set then.
    """

    __slots__ = ("_format", "own_chunk_store", "path", "prefix", "store", "synchronizer")

    def __init__(
        self,
        store: Store,
        path: str | None = None,
        chunk_store: Store | None = None,
        synchronizer: Synchronizer | None = None,
        zarr_format: ZarrFormat | None = None,
        prefix: str | None = None,
    ) -> None:
        self.store = store
        self.own_chunk_store = chunk_store
        self.synchronizer = synchronizer
        self._format: Format | None = None
        if prefix is None:
            self.path = normalize_path(path)
            self.prefix = prefix_of(self.path)
            self._format = metadata.of_version(zarr_format) or metadata.of_store(store)
        else:
            # one of many members of a group
            self.path = path or ""
            self.prefix = prefix

    def __reduce__(self) -> tuple[type[Node], tuple[object, ...]]:
        # a format is a module, which pickle does not accept; the copy finds it by its number
        number = None if self._format is None else self._format.ZARR_FORMAT
        return type(self), (self.store, self.path, self.own_chunk_store, self.synchronizer, number)

    def at(self, path: str) -> Node:
        """Return the node at another path of the same hierarchy; `path` must be normalized.

        The nodes of a hierarchy share a format.
        """
        prefix = path + "/" if path else ""
        node = Node(self.store, path, self.own_chunk_store, self.synchronizer, None, prefix)
        node._format = self._format
        return node

    def with_synchronizer(self, synchronizer: Synchronizer | None) -> Node:
        """Return the same node with another synchronizer."""
        number = self.format.ZARR_FORMAT
        return Node(self.store, self.path, self.own_chunk_store, synchronizer, number)

    @property
    def chunk_store(self) -> Store:
        """Store of the chunks."""
        return self.store if self.own_chunk_store is None else self.own_chunk_store

    @property
    def format(self) -> Format:
        """Format of the documents: the given or detected one, or the one that a new node at this path has."""
        if self._format is None:
            # a new node has the format of its nearest parent
            line = [node for node in (self, *reversed(self._parents())) if not node._has_no_keys]
            self._format = (
                metadata.detect(self.store, [node.prefix for node in line]) if line else metadata.DEFAULT
            )
        return self._format

    @property
    def _candidates(self) -> tuple[Format, ...]:
        """Formats in which to look for a node at this path."""
        return metadata.FORMATS if self._format is None else (self._format,)

    @property
    def _has_no_keys(self) -> bool:
        """Whether the store is known to have no key with the prefix of this node.

        Formats that lay out a whole store keep their documents elsewhere, so it says nothing about them.
        """
        return access.has_no_prefix(self.store, self.prefix)

    def lock(self, key: Key) -> AbstractContextManager[object]:
        """Return the lock of a key; without a synchronizer, a context manager that does nothing."""
        return _UNLOCKED if self.synchronizer is None else self.synchronizer[key]

    def change_lock(self, key: Key) -> AbstractContextManager[object]:
        """Return the lock under which a document of this node is read, changed and written.

        Without a synchronizer, threads of this process exclude each other, whichever way each of them opened the node,
        and so do processes if documents are files.
        """
        if self.synchronizer is not None:
            return self.synchronizer[key]
        documents = {key: key}
        if self._format is not None and key != self.metadata_key:
            # attributes may have no document of their own yet; the one of the node is there
            kinds = ("array", "group")
            documents = {
                name: name for name in (self._format.document_key(self.prefix, kind) for kind in kinds)
            }
        return self._lock_of_documents([key], documents, 0)

    def _lock_of_documents(
        self, keys: list[Key], documents: dict[Key, Key], place: int
    ) -> KeyLock | FilesLock:
        """Return a lock of keys in this process, and of files between processes.

        Parameters
        ----------
        keys : list of str
            The keys.
        documents : dict of str to str
            For more keys, the key of the file that is locked as well. A file that does not exist is not locked.
        place : int
            Different places in one file have different locks.
        """
        places, start = access.identities(self.store, self.prefix), len(self.prefix)
        keys = list(dict.fromkeys([*keys, *documents]))
        names = [name + key[start:] for name in places for key in keys]
        file_of = access.files_to_lock(self.store)
        if file_of is None:
            return KeyLock(names)
        from zarrcy.sync.file_locks import on_wait

        files = {places[0] + key[start:]: os.fsencode(file_of(name)) for key, name in documents.items()}
        return FilesLock(names, files, place, on_wait)

    def hierarchy_lock(self) -> AbstractContextManager[object]:
        """Return the lock under which nodes are created, moved and deleted; the whole store has one."""
        return self.lock(_HIERARCHY_LOCK)

    @property
    def metadata_key(self) -> Key:
        """Key of the document of an array at this path."""
        return self.format.document_key(self.prefix, "array")

    @property
    def attributes_key(self) -> Key:
        """Key of the document that holds the attributes."""
        return self.format.attributes_key(self.store, self.prefix)

    # -- finding and loading -----------------------------------------------------------------------

    def kind(self, documents: Store | None = None) -> str | None:
        """Return "array", "group", or None if there is no node at this path.

        Parameters
        ----------
        documents : Store, optional
            What `look` returned.
        """
        try:
            store = self._own_documents() if documents is None else documents
            for format in self._candidates:
                (kind,) = format.kinds_at(store, [self.prefix])
                if kind is not None:
                    self._format = format
                    return kind
        except PermissionError as denial:
            with self._readable_part(denial) as node:
                kind = node.kind()
            if kind is None:
                raise
            return kind
        return None

    def load(self, documents: Store | None = None) -> NodeEntry | None:
        """Load the documents of the node; return None if there is none at this path.

        Parameters
        ----------
        documents : Store, optional
            What `look` returned.

        Raises
        ------
        MetadataError
            If the document of a group is malformed. The document of an array is not parsed yet.
        """
        try:
            return self._load(self._own_documents() if documents is None else documents)
        except PermissionError as denial:
            with self._readable_part(denial) as node:
                entry = node.load()
            if entry is None:
                raise
            return entry

    def _load(self, documents: Store) -> NodeEntry | None:
        separator = _default_separator(self.store)
        for format in self._candidates:
            entry = format.load_one(documents, self.prefix, separator)
            if entry is not None:
                self._format = format
                return entry
        return None

    def load_array(self, past_caches: bool = False, documents: Store | None = None) -> ArrayMetadata:
        """Load and parse the metadata of the array at this path.

        Parameters
        ----------
        past_caches : bool, optional
            Read what is stored now, also if the store keeps copies: for a caller that changes the metadata.
        documents : Store, optional
            A store of documents that were read already.

        Raises
        ------
        ArrayNotFoundError
            If there is no array at this path.
        MetadataError
            If its document is malformed.
        """
        store = access.past_caches(self.store) if past_caches else self.store
        store = store if documents is None else documents
        try:
            for format in self._candidates:
                array = format.load_array(store, self.prefix, _default_separator(self.store))
                if array is not None:
                    self._format = format
                    return array
        except PermissionError as denial:
            with self._readable_part(denial) as node:
                return node.load_array()
        raise ArrayNotFoundError(self.path)

    def _document_keys(self) -> list[Key]:
        """Return the keys of the documents of arrays and groups, in the formats with one document per node."""
        return _keys_of_nodes([self], self._candidates)

    def _own_documents(self) -> Store:
        """Return a store that reads the documents of this node with one request, if the store can do that."""
        if not offers(self.store, "getitems"):
            return self.store
        return self._read_once(self._document_keys())

    def _read_once(self, keys: Iterable[Key] = (), *, past_caches: bool = False) -> ReadOnce:
        # programs that use near stores do not need this import
        from zarrcy.storage.read_once import ReadOnce

        return ReadOnce(self.store, keys, past_caches=past_caches)

    def look(self, with_attributes: bool = False) -> Store:
        """Find out the format of a new node, and return a store of the documents that decide about its creation.

        Of a far store, the documents of this node and those above are read with one request. Near stores are asked
        later, for what is needed.
        """
        if not access.is_far(self.store):
            return self.store
        line = [*self._parents(), self]
        keys = _keys_of_nodes(line, metadata.NODE_BY_NODE)
        if with_attributes:
            keys += [format.attributes_key(self.store, self.prefix) for format in metadata.NODE_BY_NODE]
        try:
            documents = self._read_once(keys, past_caches=True)
        except PermissionError:
            # some servers deny access to keys that do not exist; not all of these may be needed
            return self.store
        if self._format is None:
            self._format = metadata.detect(documents, [node.prefix for node in reversed(line)])
        return documents

    @contextmanager
    def _readable_part(self, denial: PermissionError) -> Iterator[Node]:
        """Yield a node of those documents that may be read, and keep the format that it finds.

        Some servers deny access to keys that do not exist. So an existing node may have all its documents, although
        the store denied one. A node that is created may not: the denied document may be that of another node.

        Raises
        ------
        PermissionError
            The denial, if no document was read.
        """
        documents = _ReadableDocuments(access.dimension_separator(self.store))
        for key in self._document_keys():
            with suppress(PermissionError):
                document = access.document(self.store, key)
                if document is not None:
                    documents[key] = document
        if not documents:
            raise denial
        node = Node(documents, self.path)
        node._format = self._format
        yield node
        self._format = node._format

    def describe_array(self, spec: ArraySpec) -> ArrayMetadata:
        """Return the metadata of a new array in the format of this node."""
        return self.format.describe_array(spec)

    def load_group(self) -> None:
        """Raise an error unless there is a group at this path.

        Raises
        ------
        ContainsArrayError
            If there is an array.
        GroupNotFoundError
            If there is no node.
        MetadataError
            If the document of the group is malformed.
        """
        entry = self.load()
        if entry is None:
            raise GroupNotFoundError(self.path)
        if entry.kind == "array":
            raise ContainsArrayError(self.path)

    def _names(self, past_denied: bool) -> tuple[list[str], list[str]]:
        """Return the names below this path that may be those of nodes, and the prefixes of their keys."""
        try:
            names = self.format.names_below(self.store, self.prefix)
        except PermissionError:
            if not past_denied:
                raise
            warn_denied(self.path)
            names = []
        return names, [f"{self.prefix}{name}/" for name in names]

    def members(self, past_denied: bool = False) -> Iterator[tuple[str, str]]:
        """Iterate over the names and kinds of the nodes directly below, sorted by name.

        Parameters
        ----------
        past_denied : bool, optional
            Leave out what may not be looked into, with a warning.

        Raises
        ------
        PermissionError
            If a node may not be looked into, and `past_denied` is false.
        """
        names, prefixes = self._names(past_denied)
        kinds = self._each(names, self.format.kinds_at(self.store, prefixes), Node.kind, past_denied)
        return ((name, kind) for name, kind in zip(names, kinds, strict=True) if kind is not None)

    def load_members(self, past_denied: bool = False) -> Iterator[tuple[str, Node, NodeEntry]]:
        """Load the documents of the nodes directly below, sorted by name; see `members`.

        Of a far store, the documents of attributes are loaded with the others.
        """
        names, prefixes = self._names(past_denied)
        entries: Iterator[NodeEntry | None]
        if access.is_far(self.store) and self.format in metadata.NODE_BY_NODE:
            entries = self._load_with_attributes(prefixes)
        else:
            entries = self.format.load_at(self.store, prefixes, _default_separator(self.store))
        for name, entry in zip(names, self._each(names, entries, Node.load, past_denied), strict=True):
            if entry is not None:
                yield name, self.at(self.prefix + name), entry

    def _load_with_attributes(self, prefixes: Sequence[str]) -> Iterator[NodeEntry | None]:
        """Load nodes and their attributes; None for each prefix without a node."""
        format, separator = self.format, _default_separator(self.store)
        for first in range(0, len(prefixes), _BATCH_NODES):
            batch = prefixes[first : first + _BATCH_NODES]
            kinds = ("array", "group") if len(batch) <= _FEW_NODES else ("array",)
            keys = {prefix: [format.document_key(prefix, kind) for kind in kinds] for prefix in batch}
            for prefix in batch:
                keys[prefix].append(format.attributes_key(self.store, prefix))
            documents = self._read_once(itertools.chain.from_iterable(keys.values()))
            for prefix, entry in zip(batch, format.load_at(documents, batch, separator), strict=True):
                # a member that is kept does not keep the documents of the others
                own = documents.getitems(keys[prefix])
                load = partial(format.load_attributes, own, prefix)
                yield None if entry is None else entry.with_attributes(load)

    def _each(
        self,
        names: list[str],
        answers: Iterable[_T | None],
        one: Callable[[Node], _T | None],
        past_denied: bool,
    ) -> Iterator[_T | None]:
        """Yield the answers for nodes directly below. After a denied request, ask for the others one by one."""
        n_answered = 0
        try:
            for answer in answers:
                if answer is None:
                    self.at(self.prefix + names[n_answered])._refuse_denied()
                n_answered += 1
                yield answer
        except OSError as exc:
            if not _is_unreachable(exc):
                raise
            for name in names[n_answered:]:
                node = self.at(self.prefix + name)
                try:
                    answer = one(node)
                    if answer is None:
                        node._refuse_denied()
                except OSError as exc:
                    if not (past_denied and _is_unreachable(exc)):
                        raise
                    warn_denied(node.path)
                    answer = None
                yield answer

    def _refuse_denied(self) -> None:
        """Raise PermissionError if documents may exist that the store does not report, because it may not look."""
        if access.is_denied(self.store, self.path):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), self.path)

    def load_attributes(self) -> dict[str, JSON]:
        """Load the user attributes."""
        return self.format.load_attributes(self.store, self.prefix)

    # -- saving ------------------------------------------------------------------------------------

    def save_group(self) -> None:
        """Write the documents of a group, whatever is at this path."""
        self.format.prepare(self.store)
        self._save(self.format.group_documents(self.prefix))

    def change_attributes(
        self, change: Callable[[dict[str, JSON]], dict[str, JSON]], *, reads: bool = True
    ) -> None:
        """Change the user attributes; see `zarrcy.hierarchy.document_change.change_attributes`."""
        # reading does not need this import
        from zarrcy.hierarchy.document_change import change_attributes

        change_attributes(self, change, reads=reads)

    def save_attributes(self, attributes: dict[str, JSON]) -> None:
        """Replace the user attributes. Their values must be those of JSON, see `json_attributes`."""
        self.change_attributes(lambda _: attributes, reads=False)

    def consolidate(self, metadata_key: str = _CONSOLIDATED_KEY) -> dict[Key, bytes]:
        """Write the documents of all nodes below this one into one document; return it by its key."""
        with self._consolidation_lock():
            _Consolidations.latest = object()
            written = self._consolidate(metadata_key)
        return written

    def _consolidate(self, metadata_key: str) -> dict[Key, bytes]:
        documents = self.look(with_attributes=True)
        return self.format.consolidate(documents, self.path, metadata_key)

    def drop_outdated(self) -> None:
        """Remove the consolidated metadata of the groups above, before keys of this node change in another way."""
        with self.documents_lock() as lock:
            self.drop_consolidated(lock=lock)

    def latest_consolidation(self) -> object:
        """Return an object that is another one after this process has consolidated metadata."""
        return _Consolidations.latest

    def keys_of_copies(self) -> list[Key]:
        """Return the keys of the documents above that may hold copies of the document of this node."""
        if not metadata.keeps_one_document(self.format):
            return []
        return [self.format.document_key(parent.prefix, "group") for parent in self._parents()]

    def _consolidation_lock(self) -> AbstractContextManager[object]:
        """Return the lock under which metadata are consolidated; the whole store has one.

        It is taken after all other locks of documents, so it can't cause a deadlock.
        """
        root = self.at("")
        if self.synchronizer is not None or access.files_to_lock(self.store) is None:
            # the format is not looked for where it would take requests
            return root.change_lock(_CONSOLIDATION_LOCK)
        # Consolidated metadata of format 3 are in the document of the root, which another lock is for, too.
        document = self.format.document_key("", "group")
        return root._lock_of_documents([], {_CONSOLIDATION_LOCK: document}, 1)

    def documents_lock(self) -> AbstractContextManager[object]:
        """Return the lock under which documents change that may have copies in consolidated metadata.

        A consolidation waits until the change is complete. Otherwise it could write a document that it read before.
        Consolidated metadata of other formats are snapshots, which a change does not concern.
        """
        return self._consolidation_lock() if metadata.keeps_one_document(self.format) else _UNLOCKED

    def drop_consolidated(self, documents: Store | None = None, *others: Node, lock: object = None) -> None:
        """Remove the consolidated metadata that changes of this node, and of others, would make wrong.

        The caller holds `documents_lock`, and changes the documents afterwards, so that no reader sees outdated
        consolidated metadata. `documents` is a store of documents that were read already, and `lock` the lock.
        """
        parents = {parent.prefix for node in (self, *others) for parent in node._parents()}
        if not parents:
            return
        store = access.past_caches(self.store) if documents is None else documents
        while self._drop_consolidated(store, parents) and isinstance(lock, FilesLock):
            # The file that was locked is another one now, and another process may have consolidated meanwhile.
            lock.lock_again()
            store = access.past_caches(self.store)

    def _drop_consolidated(self, store: Store, prefixes: set[str]) -> bool:
        """Remove the consolidated metadata of some groups, and return whether there were any."""
        found = list(self.format.consolidated_among(store, sorted(prefixes)))
        for prefix in found:
            try:
                self.format.drop_consolidated(store, prefix)
            except ConcurrentChangeError:
                # another writer changed the group; its document is read again
                self.format.drop_consolidated(access.past_caches(self.store), prefix)
        return bool(found)

    def _save(self, documents: dict[Key, bytes]) -> None:
        for key, document in documents.items():
            self.store[key] = document

    # -- creating ----------------------------------------------------------------------------------

    def create_array(
        self,
        array: ArrayMetadata,
        overwrite: bool = False,
        attributes: Mapping[str, JSON] | None = None,
        documents: Store | None = None,
    ) -> ArrayMetadata:
        """Write the documents of a new array, and of the parent groups that do not exist.

        Parameters
        ----------
        array : ArrayMetadata
            Metadata of the array, as `describe_array` returns them.
        overwrite : bool, optional
            Delete the node that is at this path first, and an array above with all that is below it.
        attributes : mapping, optional
            User attributes of the new array.
        documents : Store, optional
            What `look` returned.

        Returns
        -------
        ArrayMetadata
            The metadata as a reader parses them from the documents.

        Raises
        ------
        ContainsArrayError, ContainsGroupError
            If there is a node at this path, or a parent is an array, and `overwrite` is false.
        """
        format = self.format
        key = format.document_key(self.prefix, "array")
        if attributes:
            from zarrcy.metadata.json_writer import json_attributes

            attributes = json_attributes(attributes, key)
        new = format.array_documents(self.prefix, array, attributes)
        written = format.as_stored(array, new[key], key, _default_separator(self.store))
        with self.lock(key):
            # what was read before the lock was taken may be old
            found = documents if documents is not None and self.synchronizer is None else self.look()
            self._create("array", new, overwrite, found)
        return written if access.keeps_documents(self.store) else self.load_array()

    def create_group(
        self,
        overwrite: bool = False,
        attributes: Mapping[str, JSON] | None = None,
        documents: Store | None = None,
    ) -> None:
        """Write the documents of a new group, and of the parent groups that do not exist.

        Raises
        ------
        ContainsArrayError, ContainsGroupError
            If there is a node at this path, or a parent is an array, and `overwrite` is false.
        """
        found = self.look() if documents is None else documents
        if attributes:
            from zarrcy.metadata.json_writer import json_attributes

            attributes = json_attributes(attributes, self.format.document_key(self.prefix, "group"))
        self._create("group", self.format.group_documents(self.prefix, attributes), overwrite, found)

    def require_group(self, overwrite: bool = False, attributes: Mapping[str, JSON] | None = None) -> bool:
        """Create a group, and its parents, unless there is a group at this path.

        Parameters
        ----------
        overwrite : bool, optional
            Delete an array that is at this path.
        attributes : mapping, optional
            User attributes of the group, if it is created.

        Returns
        -------
        bool
            True if the group was created, False if it existed.

        Raises
        ------
        ContainsArrayError
            If there is an array at this path or above, and `overwrite` is false.
        ContainsGroupError
            If there is a group of another format than the one that this node was given.
        """
        found = self.look()
        return self.kind(found) != "group" and self._create_unless_group(overwrite, attributes, found)

    def open_or_create_group(self, attributes: Mapping[str, JSON] | None = None) -> bool:
        """Do what `require_group` does, under the hierarchy lock if the group has to be created."""
        found: Store | None = self.look()
        # reading a document takes no longer than finding out whether it exists
        entry = self.load(found)
        if entry is not None and entry.kind == "group":
            return False
        if self.synchronizer is not None:
            # what was read before the lock was taken may be old
            found = None
        with self.hierarchy_lock():
            return self._create_unless_group(False, attributes, found)

    def _create_unless_group(
        self, overwrite: bool, attributes: Mapping[str, JSON] | None, documents: Store | None
    ) -> bool:
        try:
            self.create_group(overwrite, attributes, documents)
        except ContainsGroupError as exc:
            # another process created the group meanwhile; that is an error only if the format differs
            if exc.path != self.path or self.kind() != "group":
                raise
            return False
        return True

    def require_parents(self) -> None:
        """Create the parent groups that do not exist."""
        for parent in self._parents()[-1:]:
            parent.require_group()

    def refuse_reserved_names(self) -> None:
        """Raise KeyPathError if a name in the path is that of a document, or of our own files.

        The keys of the node would hide the document; names of our own files are never listed.
        """
        for name in self.path.split("/"):
            if metadata.is_document_key(name):
                raise KeyPathError(
                    self.path, f"{name!r} is the name of a metadata document; choose another name"
                )
            if is_own_name(name):
                raise KeyPathError(
                    self.path, f"{name!r} is the name of something that is never listed; choose another name"
                )

    def _create(self, kind: str, documents: dict[Key, bytes], overwrite: bool, found: Store) -> None:
        """Write the documents of a new node; `found` is what `look` returned."""
        self.refuse_reserved_names()
        parents = self._parents()
        line = [*parents, self]
        is_nowhere = self._is_nowhere
        # a node that is overwritten may be damaged, so it is not read
        kinds = self._kinds(parents if overwrite or is_nowhere else line, found)
        array_above = _first_array(parents, kinds[: len(parents)])
        if array_above is not None and not overwrite:
            raise ContainsArrayError(array_above.path)
        if len(kinds) == len(line) and kinds[-1] is not None:
            raise _contains(kinds[-1], self.path)
        # an array above becomes a group, so nothing below it may remain
        erased, is_nowhere = (self, is_nowhere) if array_above is None else (array_above, False)
        if overwrite:
            is_nowhere = erased._check_erasable(is_nowhere, found)
        # no consolidated metadata can have copies of the first document of a store
        with self.documents_lock() if parents or not is_nowhere else _UNLOCKED as lock:
            self.drop_consolidated(None if found is self.store else found, lock=lock)
            if overwrite and not is_nowhere:
                erased._erase()
            self.format.prepare(self.store)
            if self.own_chunk_store is not None and access.store_version(self.own_chunk_store) == 3:
                self.format.prepare(self.own_chunk_store)
            written: dict[str, list[Key]] = {}
            for parent, parent_kind in zip(line[:-1], kinds, strict=False):
                if parent_kind is None or (array_above and parent.prefix.startswith(array_above.prefix)):
                    written[parent.prefix] = parent._claim(self.format.parent_documents(parent.prefix))
            if overwrite:
                self._save(documents)
                written[self.prefix] = list(documents)
            else:
                written[self.prefix] = self._claim(documents)
                if not written[self.prefix]:
                    raise _contains(kind, self.path)
            after = self._settle(kind, line, written)
            if after is not None:
                # they were read before the lock was taken
                self.drop_consolidated(after, lock=lock)

    def _claim(self, documents: dict[Key, bytes]) -> list[Key]:
        """Write documents unless the first of them exists, and return the keys of those that were written."""
        claimed: list[Key] = []
        for key, document in documents.items():
            if not access.set_if_absent(self.store, key, document) and not claimed:
                break
            claimed.append(key)
        return claimed

    def _settle(self, kind: str, line: Sequence[Node], written: dict[str, list[Key]]) -> Store | None:
        """Check that no other process created a conflicting node meanwhile; else delete what was written.

        Return a store of the documents above as they are now, if the store is far.

        Parameters
        ----------
        kind : str
            Kind of this node.
        line : sequence of Node
            The parents, the root first, and this node.
        written : dict
            Keys of the written documents, by the prefix of their node.

        Raises
        ------
        ContainsArrayError, ContainsGroupError
            If there is such a node.
        """
        deadline = time.monotonic() + _MOST_WAIT
        while (conflict := self._conflict(kind, line, store := self._now(line[:-1]))) is not None:
            if isinstance(conflict, ContainsGroupError) or time.monotonic() >= deadline:
                below = prefix_of(conflict.path)
                doomed = [keys for prefix, keys in written.items() if prefix.startswith(below)]
                access.deleter(self.store)(itertools.chain.from_iterable(doomed))
                raise conflict
            time.sleep(_POLL)
        return None if store is self.store else store

    def _now(self, nodes: Sequence[Node]) -> Store:
        """Return a store of the documents of nodes as they are now; of a near store, the store itself."""
        return self._read_once(past_caches=True) if nodes and access.is_far(self.store) else self.store

    def _conflict(
        self, kind: str, line: Sequence[Node], store: Store
    ) -> ContainsArrayError | ContainsGroupError | None:
        """Return the error for a node at this path, or above, that can't exist beside this one."""
        key_of = self.format.document_key
        if key_of(self.prefix, "array") == key_of(self.prefix, "group"):
            # the claim of the one document excluded other nodes at this path; only an array above may conflict
            array_above = _first_array(line[:-1], self._kinds(line[:-1], store))
            return None if array_above is None else ContainsArrayError(array_above.path)
        rivals: dict[Key, ContainsArrayError | ContainsGroupError] = {}
        for node in line:
            own = kind if node is self else "group"
            other = "group" if own == "array" else "array"
            rivals[key_of(node.prefix, other)] = _contains(other, node.path)
        # links to nothing were looked for before the documents were written
        exist = access.finder(store, strict=False)(list(rivals))
        return next(itertools.compress(rivals.values(), exist), None)

    def _kinds(self, nodes: Sequence[Node], documents: Store | None = None) -> list[str | None]:
        """Return the kinds of nodes, in any format; the root must come first.

        `documents` is a store of documents that were read already.
        """
        store = self.store if documents is None else documents
        if not nodes:
            return []
        kinds: list[str | None] = [None] * len(nodes)
        without_keys = {number for number, node in enumerate(nodes) if node._has_no_keys}
        if 0 in without_keys:
            # the store is empty
            return kinds
        for format in (self.format, *(other for other in metadata.FORMATS if other is not self.format)):
            if any(kinds[:1]) and format not in metadata.NODE_BY_NODE:
                # this format lays out a whole store, and the root of this one has another format
                continue
            skipped = without_keys if format in metadata.NODE_BY_NODE else ()
            unknown = [number for number, kind in enumerate(kinds) if kind is None and number not in skipped]
            answers = format.kinds_at(store, [nodes[number].prefix for number in unknown])
            for number, kind in zip(unknown, answers, strict=True):
                kinds[number] = kind
        return kinds

    def _parents(self) -> list[Node]:
        """Return the nodes above this one, the root first."""
        if not self.path:
            return []
        segments = self.path.split("/")
        return [self.at("/".join(segments[:n])) for n in range(len(segments))]

    # -- moving and erasing ------------------------------------------------------------------------

    @property
    def stores(self) -> tuple[Store, ...]:
        """The store of the metadata and, if it is another one, the store of the chunks."""
        return (self.store,) if self.own_chunk_store is None else (self.store, self.own_chunk_store)

    def move(self, path: str) -> None:
        """Move the node and everything below it to another normalized path, at which no node may be."""
        for store in self.stores:
            refuse_read_only(not access.is_writeable(store), self.path)
            if not access.is_erasable(store):
                raise access.refusal_to_delete(store, self.path)
        self.at(path).refuse_reserved_names()
        self.at(path).require_parents()
        with self.documents_lock() as lock:
            self.drop_consolidated(None, self.at(path), lock=lock)
            self._move(path)

    def _move(self, path: str) -> None:
        (folders, keys), (new_folders, new_keys) = map(self.format.storage_prefixes, (self.path, path))
        moved: list[tuple[Store, str, str]] = []
        try:
            for store in self.stores:
                for key, new_key in zip(keys, new_keys, strict=True):
                    if key in store:
                        store[new_key] = store.pop(key)
                for folder, new_folder in zip(folders, new_folders, strict=True):
                    # an array without chunks has no folder in their store
                    if listdir(store, folder):
                        rename(store, folder, new_folder)
                        moved.append((store, folder, new_folder))
        except BaseException:
            for store, folder, new_folder in reversed(moved):
                with suppress(KeyError, OSError):
                    rename(store, new_folder, folder)
            raise

    def temporary_path(self) -> str:
        """Return a path beside this node, or below it if it is the root, under which no node is listed."""
        return self.path + partial_ending()

    def has_keys(self) -> bool:
        """Return whether anything is stored at or below this node."""
        folders, keys = self.format.storage_prefixes(self.path)
        return any(
            any(key in store for key in keys) or any(listdir(store, folder) for folder in folders)
            for store in self.stores
        )

    def array_above(self) -> Node | None:
        """Return the parent that is an array; None if there is none."""
        parents = self._parents()
        return _first_array(parents, self._kinds(parents))

    def replace_by(self, path: str) -> None:
        """Delete the node and everything below it, and move there what is below a temporary path.

        The old keys are first moved aside, so that an error or a killed process loses nothing. Documents are the
        first keys that are moved away and the last that are moved here: a reader does not see parts of two nodes.
        The format of the node must keep all keys of a node below its path.
        """
        for store in self.stores:
            access.check_rmdir(store, self.path)
        self.require_parents()
        with self.documents_lock() as lock:
            self.drop_consolidated(lock=lock)
            self._replace_by(path)

    def _replace_by(self, path: str) -> None:
        aside = self.temporary_path()
        moved: list[tuple[Store, str, str]] = []
        try:
            # documents are in the first store, chunks may be in another
            for source, target, stores in (
                (self.path, aside, self.stores),
                (path, self.path, reversed(self.stores)),
            ):
                for store in stores:
                    for old, new in self._moves(store, source, target):
                        moved.append((store, old, new))
                        rename(store, old, new)
        except BaseException:
            for store, old, new in reversed(moved):
                with suppress(KeyError, FileNotFoundError):
                    rename(store, new, old)
            raise
        for store in self.stores:
            rmdir(store, aside)
            rmdir(store, path)

    def _moves(self, store: Store, source: str, target: str) -> list[tuple[str, str]]:
        """Return the keys and folders to rename, and their new names, so that everything below a path is moved."""
        names = listdir(store, source)
        if source and target:
            return [(source, target)] if names else []
        # the keys of the root are moved one by one, and temporary paths below it stay
        names = [name for name in names if not PARTIAL.search(name)]
        documents = set(self.format.documents_at(""))
        names.sort(key=lambda name: (name in documents) == bool(source))
        return [(prefix_of(source) + name, prefix_of(target) + name) for name in names]

    def discard(self) -> None:
        """Delete all keys below the path of this node, where errors only leave keys under a temporary name."""
        for store in self.stores:
            with suppress(Exception):
                rmdir(store, self.path)

    def refuse_foreign(self, documents: Store | None = None) -> bool:
        """Raise ForeignDataError if there is no node at this path, but something that is not a part of a hierarchy.

        `documents` is a store of documents that were read already. Return whether there is anything.
        """
        # programs that only read do not need this import
        from zarrcy.hierarchy.foreign_keys import refuse_foreign

        if self.path and self.format not in metadata.NODE_BY_NODE:
            return True
        return refuse_foreign(self.stores, self.path, documents)

    def erase(self) -> None:
        """Delete the node and everything below it.

        Raises
        ------
        ForeignDataError
            If there is no node at this path, and something that is not a part of a hierarchy.
        ReadOnlyError, NotErasableError, OSError
            If that is not possible. Nothing is changed then.
        """
        self._erase_checked(None)

    def erase_found(self) -> bool:
        """Do what `erase` does if there is a node at this path, else return False."""
        consolidation, documents = self.latest_consolidation(), self.look()
        if self.kind(documents) is None:
            return False
        self._erase_checked(None if documents is self.store else documents, consolidation)
        return True

    def _erase_checked(self, documents: Store | None, consolidation: object = None) -> None:
        """Erase the node. Documents may have been read after this process had consolidated metadata."""
        is_nowhere = self._is_nowhere
        is_nowhere = self._check_erasable(is_nowhere, documents) or is_nowhere
        with self.documents_lock() as lock:
            if consolidation is not self.latest_consolidation() or self.synchronizer is not None:
                # they were read before the lock was taken
                documents = None
            self.drop_consolidated(documents, lock=lock)
            if not is_nowhere:
                self._erase()

    def _check_erasable(self, is_nowhere: bool, documents: Store | None = None) -> bool:
        """Raise an error if the node can't be deleted; return whether nothing is there."""
        if not is_nowhere:
            is_nowhere = not self.refuse_foreign(documents)
        folders = [] if is_nowhere else self.format.storage_prefixes(self.path)[0]
        for store in self.stores:
            refuse_read_only(not access.is_writeable(store), self.path)
            for folder in folders:
                access.check_rmdir(store, folder)
        return is_nowhere

    def _erase(self) -> None:
        folders, keys = self.format.storage_prefixes(self.path)
        for store in self.stores:
            if keys:
                access.deleter(store)(keys)
            for folder in folders:
                rmdir(store, folder)

    @property
    def _is_nowhere(self) -> bool:
        """Whether nothing at all is stored for this node and below it, so that nothing can be in the way."""
        if self.path and self.format not in metadata.NODE_BY_NODE:
            return False
        return all(access.has_no_prefix(store, self.prefix) for store in self.stores)

    def nbytes_stored(self, deep: bool) -> int:
        """Return the number of bytes stored for the node, or -1 if a store does not know it.

        Parameters
        ----------
        deep : bool
            Whether chunk keys have slashes, so that chunks are in nested folders.
        """
        folders, keys = self.format.storage_prefixes(self.path)
        size_of = getsize_deep if deep else getsize
        sizes = [size_of(store, folder) for store in self.stores for folder in folders]
        sizes += [getsize(self.store, key) for key in keys if key in self.store]
        return -1 if min(sizes) < 0 else sum(sizes)

    def delete_chunks(self, keys: list[Key]) -> None:
        """Delete keys from the chunk store."""
        access.deleter(self.chunk_store)(keys)


class _ReadableDocuments(dict[Key, Buffer]):
    """Documents of a store, with its separator of chunk keys."""

    def __init__(self, dimension_separator: str | None) -> None:
        super().__init__()
        self._dimension_separator = dimension_separator


def _default_separator(store: Store) -> str:
    """Return the separator of chunk keys whose document does not state one; a store may prefer "/"."""
    return access.dimension_separator(store) or "."


def _keys_of_nodes(nodes: Sequence[Node], formats: Iterable[Format]) -> list[Key]:
    """Return the keys of the documents of arrays and groups, in those formats that have one document per node."""
    known = [format for format in formats if format in metadata.NODE_BY_NODE]
    kinds = ("array", "group")
    return sorted(
        {format.document_key(node.prefix, kind) for node in nodes for format in known for kind in kinds}
    )


def _is_unreachable(exc: OSError) -> bool:
    """Return whether a directory can't be looked into: access is denied, or a link in its place leads to nothing."""
    if isinstance(exc, NotAFileError):
        # the document itself is not there
        return not os.path.lexists(exc.path)
    return isinstance(exc, PermissionError) or exc.errno == errno.ELOOP


def _contains(kind: str, path: str) -> ContainsArrayError | ContainsGroupError:
    return ContainsArrayError(path) if kind == "array" else ContainsGroupError(path)


def _first_array(nodes: Sequence[Node], kinds: Iterable[str | None]) -> Node | None:
    return next((node for node, kind in zip(nodes, kinds, strict=True) if kind == "array"), None)


def refuse_read_only(read_only: bool, path: str) -> None:
    """Raise ReadOnlyError if the array or group at `path` was opened read-only."""
    if read_only:
        raise ReadOnlyError(path)
