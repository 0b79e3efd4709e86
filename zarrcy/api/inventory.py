"""Which document accounts for each key of a store: one listing, sorted by the arrays that it belongs to."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from zarrcy import metadata
from zarrcy.errors import MetadataError
from zarrcy.hierarchy.verification import Problem
from zarrcy.keys import prefix_of
from zarrcy.metadata import ArrayMetadata
from zarrcy.metadata.format import Format
from zarrcy.storage import access
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.storage.json_reader import parse_json
from zarrcy.types import Key, Shape, Store

QUARANTINE = "__quarantine__"
"""First part of the keys of what was moved aside; no key with such a part is looked at again."""

_BATCH_KEYS = 1000


@dataclass(slots=True)
class FoundArray:
    """An array, and the keys that it accounts for.

    Attributes
    ----------
    path : in the store
    descriptions : what its documents say; two where it is described in two formats
    keys : of the chunks that are stored, those of each description
    """

    path: str
    descriptions: list[ArrayMetadata]
    keys: list[list[Key]]

    @property
    def prefix(self) -> str:
        return prefix_of(self.path)

    def account(self, key: Key) -> Problem | None:
        """Take a key that lies below the array as that of a chunk; tell why it is none."""
        name = key[len(self.prefix) :]
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
            return Problem("stray", key, "it is the key of no chunk of the array", self.path)
        text = f"the chunk lies outside the shape {outside}; if the array grows, it will be seen there"
        return Problem("outside", key, text, self.path)


@dataclass(slots=True)
class Inventory:
    """What was found below a path of a store.

    Attributes
    ----------
    arrays : by the prefixes of their keys
    groups : their paths
    unclear : prefixes of nodes whose documents can't be used: what lies below them is not judged
    problems : what was wrong
    """

    arrays: dict[str, FoundArray] = field(default_factory=dict)
    groups: list[str] = field(default_factory=list)
    unclear: set[str] = field(default_factory=set)
    problems: list[Problem] = field(default_factory=list)


def take_inventory(store: Store, path: str, chunk_store: Store | None = None) -> Inventory:
    """Look at all keys and documents below a path; chunks are not read.

    Parameters
    ----------
    store : of the documents
    path : a normalized one
    chunk_store : of the chunks, where they are not with the documents
    """
    if metadata.owns_store(store):
        raise NotImplementedError(
            "a hierarchy in the withdrawn draft of Zarr v3 can't be verified; convert it, see zarrcy.convert"
        )
    account = Inventory()
    names, others = _listed(store, path)
    documents = _fetched(store, [prefix + name for prefix in names for name in names[prefix]], account)
    separator = access.dimension_separator(store) or "."
    for prefix in sorted(names):
        if all(prefix + name in documents for name in names[prefix]):
            _look(documents, prefix, names[prefix], separator, account)
        else:
            account.unclear.add(prefix)
    if chunk_store is not None:
        account.problems += [Problem("stray", key, "chunks are kept in another store") for key in others]
        misplaced, others = _listed(chunk_store, path)
        account.problems += [
            Problem("stray", prefix + name, "documents are kept in another store")
            for prefix in misplaced
            for name in misplaced[prefix]
        ]
    for key in others:
        problem = _place(key, account)
        if problem is not None:
            account.problems.append(problem)
    places = [store] if chunk_store is None else [store, chunk_store]
    for place in places:
        account.problems += [
            Problem("leftover", left, "a writer was killed, or is writing just now")
            for left in sorted(access.leftovers(place))
            if not path or left.startswith(prefix_of(path))
        ]
    return account


def _document_names() -> set[str]:
    return {name for format in metadata.NODE_BY_NODE for name in format.documents_at("")}


def _listed(store: Store, path: str) -> tuple[dict[str, set[str]], list[Key]]:
    """Return the names of the documents by their prefixes, and all other keys, sorted."""
    names, prefix = _document_names(), prefix_of(path)
    documents: defaultdict[str, set[str]] = defaultdict(set)
    others = []
    for key in sorted(key for key in store if key.startswith(prefix)):
        if QUARANTINE in key.split("/"):
            continue
        above, slash, name = key.rpartition("/")
        if name in names:
            documents[above + slash].add(name)
        else:
            others.append(key)
    return documents, others


def _fetched(store: Store, keys: list[Key], account: Inventory) -> dict[Key, Any]:
    """Read documents, in few trips to a store; those that can't be read are told, and left out."""
    fetch = access.reader(store)
    found: dict[Key, Any] = {}
    for first in range(0, len(keys), _BATCH_KEYS):
        batch = keys[first : first + _BATCH_KEYS]
        try:
            found.update(zip(batch, fetch(batch), strict=True))
        except Exception:
            # one of them: which one, is found out by asking for each
            for key in batch:
                try:
                    found[key] = fetch([key])[0]
                except Exception as exc:
                    account.problems.append(Problem("unchecked", key, f"{type(exc).__name__}: {exc}"))
    # what is None was deleted since the keys were listed
    return {key: value for key, value in found.items() if value is not None}


def _above(place: str) -> Iterable[str]:
    """Iterate over the prefixes above a key, or above a prefix, the nearest first.

    >>> list(_above("a/b/0.0")), list(_above("a/b/"))
    (['a/b/', 'a/', ''], ['a/', ''])
    """
    while place:
        # a slash at the end is that of the prefix itself
        above = place.rstrip("/").rpartition("/")[0]
        place = f"{above}/" if above else ""
        yield place


def _look(
    documents: dict[Key, Any], prefix: str, names: set[str], separator: str, account: Inventory
) -> None:
    """Look at the documents at one prefix of keys."""
    if any(above in account.arrays for above in _above(prefix)):
        account.problems += [
            Problem("stray", prefix + name, "an array is above it, and nothing can be below an array")
            for name in sorted(names)
        ]
        account.unclear.add(prefix)
        return
    found = FoundArray(prefix[:-1], [], [])
    is_group = False
    for format in metadata.NODE_BY_NODE:
        kinds = [kind for kind in ("array", "group") if format.document_key("", kind) in names]
        attributes = format.attributes_key({}, "")
        if format.CONSOLIDATED_KEY in names:
            _compare_consolidated(documents, prefix, format, account)
        if not kinds:
            if attributes in names:
                text = "there is neither an array nor a group whose attributes they could be"
                account.problems.append(Problem("stray", prefix + attributes, text))
            continue
        if len(kinds) > 1 and not metadata.keeps_one_document(format):
            key = format.document_key(prefix, "group")
            text = "a place is an array or a group, and here is the document of an array too"
            account.problems.append(Problem("metadata", key, text, prefix[:-1]))
        try:
            description = _load(documents, prefix, format, separator)
        except Exception as exc:
            key = exc.key if isinstance(exc, MetadataError) else format.document_key(prefix, kinds[0])
            account.problems.append(Problem("metadata", key, _said(exc), prefix[:-1]))
            account.unclear.add(prefix)
            continue
        if description is None:
            is_group = True
        else:
            found.descriptions.append(description)
            found.keys.append([])
    if found.descriptions:
        account.arrays[prefix] = found
    elif is_group:
        account.groups.append(prefix[:-1])


def _load(documents: dict[Key, Any], prefix: str, format: Format, separator: str) -> ArrayMetadata | None:
    """Parse all documents of a node; return the description of an array, or None for a group."""
    (found,) = format.load_at(documents, [prefix], separator)
    format.load_attributes(documents, prefix)
    return found.parse() if found is not None and found.kind == "array" else None


def _said(exc: Exception) -> str:
    if type(exc) is MetadataError:
        return exc.problem
    return str(exc) if isinstance(exc, MetadataError) else f"{type(exc).__name__}: {exc}"


def _compare_consolidated(documents: dict[Key, Any], prefix: str, format: Format, account: Inventory) -> None:
    """Compare consolidated metadata with the documents that they are copies of."""
    key = prefix + str(format.CONSOLIDATED_KEY)
    try:
        copies = ConsolidatedMetadataStore(documents, key)
    except MetadataError as exc:
        account.problems.append(Problem("metadata", key, exc.problem, prefix[:-1]))
        return
    copied = {*format.documents_at("")} - {format.CONSOLIDATED_KEY}
    originals = {
        found[len(prefix) :]: document
        for found, document in documents.items()
        if found.startswith(prefix) and found.rpartition("/")[2] in copied
    }
    stale = [
        name
        for name in sorted({*originals, *copies})
        if name not in originals or name not in copies or not _is_same(originals[name], copies[name], name)
    ]
    if stale:
        more = f" and {len(stale) - 1} more" if len(stale) > 1 else ""
        text = f"what it says of {stale[0]!r}{more} is not what stands there; consolidate the metadata again"
        account.problems.append(Problem("metadata", key, text, prefix[:-1]))


def _is_same(document: object, copy: object, key: Key) -> bool:
    try:
        parsed = parse_json(document, key)
    except MetadataError:
        # that is told of the document itself
        return True
    # as text: NaN is not equal to itself
    return json.dumps(parsed, sort_keys=True) == json.dumps(copy, sort_keys=True)


def _place(key: Key, account: Inventory) -> Problem | None:
    """Give a key to the array that it belongs to; tell why it belongs to none."""
    for prefix in _above(key):
        problem = account.arrays[prefix].account(key) if prefix in account.arrays else None
        if prefix in account.unclear:
            # another document, which can't be used, might account for it
            return None
        if prefix in account.arrays:
            return problem
    return Problem("stray", key, "no array is above it that it could belong to")
