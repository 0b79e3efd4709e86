"""The keys of a copy between two stores of the draft of v3, in which a path is that of a node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from zarrcy.keys import normalize_path
from zarrcy.metadata.v3_draft import ENTRY_KEY, documents_at
from zarrcy.types import Key, Store


def moved_keys(source: Store, dest: Store, source_path: str, dest_path: str) -> dict[Key, Key]:
    """Return the keys of the source that are copied, and their keys in the destination.

    The document that states the layout is left out if the destination has one, unless the whole store is copied.
    """
    path, new_path = normalize_path(source_path), normalize_path(dest_path)
    moves = dict(_moves(source, path, new_path))
    if (path or new_path) and ENTRY_KEY in dest:
        moves.pop(ENTRY_KEY, None)
    return moves


def _moves(keys: Iterable[Key], path: str, new_path: str) -> Iterator[tuple[Key, Key]]:
    (folders, documents), (new_folders, new_documents) = map(_places, (path, new_path))
    for key in keys:
        if key == ENTRY_KEY or not (path or new_path):
            yield key, key
        elif key in documents:
            yield key, new_documents[documents.index(key)]
        else:
            for folder, new_folder in zip(folders, new_folders, strict=True):
                if key.startswith(folder):
                    yield key, new_folder + key[len(folder) :]


def _places(path: str) -> tuple[list[str], list[Key]]:
    """Return the prefixes of the keys below a node, and the keys of its documents."""
    prefix = path + "/" if path else ""
    return [f"meta/root/{prefix}", f"data/root/{prefix}"], documents_at(prefix)
