"""Inventory: which array or group each key of a store belongs to, found with one listing of the keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

from zarrcy import metadata
from zarrcy.errors import MetadataError, NotAFileError
from zarrcy.hierarchy.progress_records import is_record
from zarrcy.hierarchy.unfinished import MARKER, is_unfinished
from zarrcy.hierarchy.verification import Problem
from zarrcy.keys import QUARANTINE, prefix_of
from zarrcy.metadata import ArrayMetadata
from zarrcy.metadata.consolidated_copies import stale_keys
from zarrcy.metadata.format import Format
from zarrcy.storage import access
from zarrcy.storage.listing import keys_of
from zarrcy.types import Buffer, Coords, Key, Shape, Store

_BATCH_KEYS = 1000
_UNFINISHED = "a copy to this place was not completed; copy again, or delete this key to keep what is there"


@dataclass(slots=True)
class StoredArray:
    """An array, and the keys of its stored chunks.

    Attributes
    ----------
    path : str
        Path in the store.
    descriptions : list of ArrayMetadata
        Metadata of the array; two if there are documents of two formats.
    keys : list of list of str
        For each of the descriptions, the keys of the stored chunks or shards.
    root : str
        Folder of the chunks of all arrays, with a slash; empty if chunks are stored below the path of their array.
    """

    path: str
    descriptions: list[ArrayMetadata]
    keys: list[list[Key]]
    root: str = ""

    @property
    def prefix(self) -> str:
        """Prefix of the keys of the array, without `root`."""
        return prefix_of(self.path)

    def coords_of(self, key: Key, description: ArrayMetadata) -> Coords:
        """Return the coordinates in the key of a chunk of this array."""
        name = key[len(self.root) + len(self.prefix) :]
        coords = description.chunk_keys.coords(name, len(description.shape))
        assert coords is not None, "only keys of chunks are added"
        return coords

    def add_key(self, key: Key) -> Problem | None:
        """Add a key below the array to the keys of its chunks; return a problem if it is not the key of a chunk."""
        name = key[len(self.root) + len(self.prefix) :]
        outside: Shape | None = None
        for description, keys in zip(self.descriptions, self.keys, strict=True):
            coords = description.chunk_keys.coords(name, len(description.shape))
            if coords is None:
                continue
            axes = zip(coords, description.stored_axes, description.shape, strict=True)
            if all(i < axis.count(n) for i, axis, n in axes):
                keys.append(key)
                return None
            outside = description.shape
        if outside is None:
            return Problem("stray", key, "it is not the key of a chunk of the array", self.path)
        text = f"the chunk is outside the shape {outside}; its elements appear if the array is enlarged"
        return Problem("outside", key, text, self.path)


@dataclass(slots=True)
class Inventory:
    """The arrays, groups and problems below a path of a store.

    Attributes
    ----------
    arrays : dict of str to StoredArray
        Arrays, by the prefixes of their keys.
    groups : list of str
        Paths of the groups.
    unclear : set of str
        Prefixes of nodes whose documents can't be used. Keys below them are not judged.
    problems : list of Problem
        What is wrong.
    """

    arrays: dict[str, StoredArray] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    unclear: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)

    def report(self, kind: str, key: Key, text: str, prefix: str | None = None) -> None:
        """Add a problem; `prefix` is that of the node that the key belongs to."""
        self.problems.append(Problem(kind, key, text, None if prefix is None else prefix[:-1]))


def take_inventory(store: Store, path: str, chunk_store: Store | None = None) -> Inventory:
    """List all keys below a path and read all documents; chunks are not read.

    Parameters
    ----------
    store : mapping
        Store of the metadata.
    path : str
        A normalized path.
    chunk_store : mapping, optional
        Store of the chunks, if it is not `store`.

    Returns
    -------
    Inventory
        The arrays, groups and problems.

    """
    inventory = Inventory()
    try:
        owns_store = metadata.owns_store(store)
    except (MetadataError, NotAFileError):
        # it is reported with the other documents
        owns_store = False
    if owns_store:
        _take_draft_inventory(store, path, chunk_store, inventory)
        return inventory
    names, chunk_keys = _list_keys(store, path)
    documents = _read_documents(
        store, [prefix + name for prefix in names for name in names[prefix]], inventory
    )
    separator = access.dimension_separator(store) or "."
    for prefix in sorted(names):
        if all(prefix + name in documents for name in names[prefix]):
            _add_node(documents, prefix, names[prefix], separator, inventory)
        else:
            inventory.unclear.add(prefix)
    if chunk_store is not None:
        for key in chunk_keys:
            inventory.report("stray", key, "chunks are stored in another store")
        misplaced, chunk_keys = _list_keys(chunk_store, path)
        for prefix in misplaced:
            for name in misplaced[prefix]:
                inventory.report("stray", prefix + name, "documents are stored in another store")
    for key in chunk_keys:
        problem = _add_chunk_key(key, inventory)
        if problem is not None:
            inventory.problems.append(problem)
    _report_unfinished(store, path, inventory)
    for one in [store] if chunk_store is None else [store, chunk_store]:
        for denied in access.denied_below(one, path):
            inventory.report("unchecked", denied, "this user may not look into the directory")
        for leftover in sorted(access.leftovers(one)):
            if not path or leftover.startswith(prefix_of(path)):
                inventory.report("leftover", leftover, "a writer was killed, or is writing at the moment")
    return inventory


def _take_draft_inventory(store: Store, path: str, chunk_store: Store | None, inventory: Inventory) -> None:
    """Fill the inventory of a hierarchy in the draft of version 3: documents and chunks have folders of their own."""
    draft = metadata.v3_draft
    (meta, data), _ = draft.storage_prefixes("-")
    root = data[:-1]
    prefixes = {prefix for key in keys_of(store) if (prefix := draft.prefix_of_document(key)) is not None}
    for prefix in sorted(prefixes):
        if not prefix.startswith(prefix_of(path)):
            continue
        keys = [key for key in draft.documents_at(prefix) if key in store]
        if not keys:
            # another writer deleted the node since
            continue
        if len(keys) > 1:
            inventory.report("metadata", keys[1], "a node is an array or a group, not both", prefix)
        try:
            description = _load(store, prefix, draft, ".")
        except Exception as exc:
            key = exc.key if isinstance(exc, MetadataError) else keys[0]
            inventory.report("metadata", key, _text_of(exc), prefix)
            inventory.unclear.add(prefix)
            continue
        if description is None:
            inventory.groups.append(prefix[:-1])
        else:
            inventory.arrays[prefix] = StoredArray(prefix[:-1], [description], [[]], root)
    if not path:
        keys = [key for key in keys_of(store) if key.startswith(meta[:-2])]
        values = zip(keys, access.documents(store)(keys), strict=True)
        documents = {key: value for key, value in values if value is not None}
        _compare_consolidated(documents, "", draft, inventory)
    chunks = store if chunk_store is None else chunk_store
    for key in sorted(keys_of(chunks)):
        if not key.startswith(root + prefix_of(path)) or is_record(key):
            continue
        place = key[len(root) :]
        above = [prefix for prefix in _prefixes_above(place) if prefix in inventory.arrays]
        problem: Problem | None = None
        if above:
            problem = inventory.arrays[above[0]].add_key(key)
        elif not any(prefix in inventory.unclear for prefix in _prefixes_above(place)):
            problem = Problem("stray", key, "there is no array above it that it could belong to")
        if problem is not None:
            inventory.problems.append(problem)
    _report_unfinished(store, "", inventory)
    for leftover in sorted(access.leftovers(store)):
        inventory.report("leftover", leftover, "a writer was killed, or is writing at the moment")


def _report_unfinished(store: Store, path: str, inventory: Inventory) -> None:
    """Report the markers of unfinished copies at and above a path; those below it are found by their keys."""
    for prefix in (prefix_of(path), *_prefixes_above(prefix_of(path))):
        if is_unfinished(store, prefix):
            inventory.report("unfinished", prefix + MARKER, _UNFINISHED)


def _document_names() -> set[str]:
    return {name for format in metadata.NODE_BY_NODE for name in format.documents_at("")}


def _list_keys(store: Store, path: str) -> tuple[dict[str, set[str]], list[Key]]:
    """Return the names of the documents by their prefixes, and all other keys, sorted."""
    names, prefix = _document_names(), prefix_of(path)
    documents: defaultdict[str, set[str]] = defaultdict(set)
    others = []
    for key in sorted(key for key in keys_of(store) if key.startswith(prefix)):
        if QUARANTINE in key.split("/") or is_record(key):
            continue
        above, slash, name = key.rpartition("/")
        if name in names:
            documents[above + slash].add(name)
        else:
            others.append(key)
    return documents, others


def _read_documents(store: Store, keys: list[Key], inventory: Inventory) -> dict[Key, Buffer]:
    """Read documents in few requests; those that can't be read are reported and left out."""
    fetch = access.documents(store)
    documents: dict[Key, Buffer | None] = {}
    for first in range(0, len(keys), _BATCH_KEYS):
        batch = keys[first : first + _BATCH_KEYS]
        try:
            documents.update(zip(batch, fetch(batch), strict=True))
        except Exception:
            # read one by one, to find out which of them fail
            for key in batch:
                try:
                    documents[key] = fetch([key])[0]
                except Exception as exc:
                    inventory.report("unchecked", key, f"{type(exc).__name__}: {exc}")
    # None: the document was deleted since the keys were listed
    return {key: document for key, document in documents.items() if document is not None}


def _prefixes_above(place: str) -> Iterable[str]:
    """Iterate over the prefixes above a key, or above a prefix, the nearest first.

    >>> list(_prefixes_above("a/b/0.0")), list(_prefixes_above("a/b/"))
    (['a/b/', 'a/', ''], ['a/', ''])
    """
    while place:
        # a prefix ends with a slash, which does not count
        above = place.rstrip("/").rpartition("/")[0]
        place = f"{above}/" if above else ""
        yield place


def _add_node(
    documents: dict[Key, Buffer], prefix: str, names: set[str], separator: str, inventory: Inventory
) -> None:
    """Add the node with documents at a prefix of keys, and its problems."""
    if any(above in inventory.arrays for above in _prefixes_above(prefix)):
        for name in sorted(names):
            inventory.report(
                "stray", prefix + name, "there is an array above it, and an array has no members", prefix
            )
        inventory.unclear.add(prefix)
        return
    array = StoredArray(prefix[:-1], [], [])
    is_group = False
    for format in metadata.NODE_BY_NODE:
        if names & {*format.documents_at("")}:
            _compare_consolidated(documents, prefix, format, inventory)
        kinds = _kinds_of(prefix, names, format, inventory)
        if not kinds:
            continue
        try:
            description = _load(documents, prefix, format, separator)
        except Exception as exc:
            key = exc.key if isinstance(exc, MetadataError) else format.document_key(prefix, kinds[0])
            inventory.report("metadata", key, _text_of(exc), prefix)
            inventory.unclear.add(prefix)
            continue
        if description is None:
            is_group = True
        else:
            array.descriptions.append(description)
            array.keys.append([])
    if array.descriptions:
        inventory.arrays[prefix] = array
    elif is_group:
        inventory.groups.append(prefix[:-1])


def _kinds_of(prefix: str, names: set[str], format: Format, inventory: Inventory) -> list[str]:
    """Return the kinds of the nodes with documents at a prefix of keys; report documents that can't be together."""
    kinds = [kind for kind in ("array", "group") if format.document_key("", kind) in names]
    attributes = format.attributes_key({}, "")
    if not kinds and attributes in names:
        text = "there is neither an array nor a group with these attributes"
        inventory.report("stray", prefix + attributes, text)
    if len(kinds) > 1 and not metadata.keeps_one_document(format):
        text = "a node is an array or a group, but there is also the document of an array"
        inventory.report("metadata", format.document_key(prefix, "group"), text, prefix)
    return kinds


def _load(documents: Store, prefix: str, format: Format, separator: str) -> ArrayMetadata | None:
    """Parse all documents of a node; return the metadata of an array, or None for a group."""
    (entry,) = format.load_at(documents, [prefix], separator)
    format.load_attributes(documents, prefix)
    return entry.parse() if entry is not None and entry.kind == "array" else None


def _text_of(exc: Exception) -> str:
    if type(exc) is MetadataError:
        return exc.problem
    return str(exc) if isinstance(exc, MetadataError) else f"{type(exc).__name__}: {exc}"


def _compare_consolidated(
    documents: dict[Key, Buffer], prefix: str, format: Format, inventory: Inventory
) -> None:
    """Report consolidated metadata at a prefix that differ from the documents of the nodes."""
    try:
        held = format.held_copies(documents, prefix)
    except MetadataError as exc:
        inventory.report("metadata", exc.key, exc.problem, prefix)
        return
    if held is None:
        return
    key, copies = held
    originals = {
        original: document
        for original, document in documents.items()
        if original != key and original.startswith(prefix) and format.prefix_of_document(original) is not None
    }
    stale = stale_keys(format, originals, copies)
    if stale:
        more = f" and {len(stale) - 1} more" if len(stale) > 1 else ""
        text = f"its copy of {stale[0]!r}{more} differs from the document; consolidate the metadata again"
        inventory.report("metadata", key, text, prefix)


def _add_chunk_key(key: Key, inventory: Inventory) -> Problem | None:
    """Add a key to the array that it belongs to; return a problem if there is none."""
    if key.rpartition("/")[2] == MARKER:
        return Problem("unfinished", key, _UNFINISHED)
    for prefix in _prefixes_above(key):
        array = inventory.arrays.get(prefix)
        problem = None if array is None else array.add_key(key)
        if prefix in inventory.unclear:
            # it may belong to the node whose document can't be used
            return None
        if array is not None:
            return problem
    return Problem("stray", key, "there is no array above it that it could belong to")
