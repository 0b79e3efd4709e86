"""Records of what the tasks of a job have written to an array: which boxes of elements need not be written again.

The records of a job lie below ``.zarrcy-progress/`` at the prefix of the array: a document of the job, and one
document for each task, which only this task writes. The document of the job names a random token and what the records
depend on (shape, chunks, data type, fill value). A record counts only if it has the token of the document: so records
of a job that was finished, or of an array that was replaced or resized, never count, even if a task that was started
before that still writes its record.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress

import numpy as np

from zarrcy.errors import MetadataError
from zarrcy.hierarchy.node import Node
from zarrcy.indexing.boxes import Boxes, as_boxes
from zarrcy.indexing.regions import Extent
from zarrcy.keys import prefix_of
from zarrcy.metadata import ArrayMetadata
from zarrcy.storage import access
from zarrcy.storage.json_reader import parse_json
from zarrcy.storage.listing import listdir, rmdir
from zarrcy.types import JSON, Buffer, Key

FOLDER = ".zarrcy-progress"
"""Part of the keys of records, after the prefix of the array."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ABOUT = "zarrcy: parts of this array that tasks have written; Array.finish() removes the folder"


class ProgressRecords:
    """The records of one job of an array.

    Parameters
    ----------
    node : Node
        The node of the array.
    metadata : ArrayMetadata
        Its metadata.
    name : str
        Name of the job.

    Raises
    ------
    ValueError
        If the name has characters that are not letters, digits, "-" or "_".
    """

    def __init__(self, node: Node, metadata: ArrayMetadata, name: str) -> None:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"name is {name!r}; it must consist of at most 64 letters, digits, '-' and '_'")
        self._store = access.past_caches(node.store)
        self._folder = _folder_of(node, metadata)
        self._name = name
        self._n_axes = len(metadata.shape)
        self._kind = _kind_of(metadata)
        self._token: str | None = None

    @property
    def _job_key(self) -> Key:
        return f"{self._folder}/{self._name}.job"

    def begin(self) -> None:
        """Create the document of the job unless it exists. Records of this object are those of this job.

        It is on the disk before anything else is written: a failure of the machine must not bring back the records
        of an earlier job.
        """
        if self._stored_token() is None:
            token = os.urandom(16).hex()
            document = json.dumps({"about": _ABOUT, "job": token, "kind": self._kind}).encode()
            if (
                not access.set_if_absent(self._store, self._job_key, document)
                and self._stored_token() is None
            ):
                # the document of an array that was resized, or one that a failure of the machine damaged
                self._store[self._job_key] = document
        # tasks that start at the same time use the document that was written last
        self._token = self._stored_token()
        access.sync_values(self._store, [self._job_key])

    def _stored_token(self) -> str | None:
        """Return the token of the job; None if there is no job of the array as it is now."""
        members = _parsed(access.document(self._store, self._job_key), self._job_key)
        token = members.get("job")
        return token if isinstance(token, str) and members.get("kind") == self._kind else None

    def load(self) -> Boxes:
        """Return the boxes that the tasks of the job have written."""
        token = self._token or self._stored_token()
        if token is None:
            return as_boxes((), self._n_axes)
        keys = [key for key in self._keys() if key != self._job_key]
        documents = zip(keys, access.documents(self._store)(keys), strict=True)
        parts = [self._boxes_in(_parsed(document, key), token) for key, document in documents]
        return np.concatenate([as_boxes((), self._n_axes), *parts])

    def load_one(self, task: str) -> list[Extent]:
        """Return the boxes that one task has written."""
        key = self._key_of(task)
        boxes = self._boxes_in(_parsed(access.document(self._store, key), key), self._token)
        return [tuple(map(tuple, box)) for box in boxes.tolist()]

    def save(self, task: str, boxes: Sequence[Extent]) -> None:
        """Write the record of a task. What it states must be on the disk."""
        record = {"about": _ABOUT, "job": self._token, "done": boxes}
        self._store[self._key_of(task)] = json.dumps(record).encode()

    def remove(self) -> None:
        """Delete all records of the job; those of tasks that still run do not count from now on."""
        keys = self._keys()
        if keys:
            # first, so that the others do not count if this is interrupted
            access.discard(self._store, self._job_key)
            access.sync_values(self._store, [self._job_key])
            access.deleter(self._store)(keys)
            if not listdir(self._store, self._folder):
                rmdir(self._store, self._folder)

    def _key_of(self, task: str) -> Key:
        return f"{self._folder}/{self._name}.{task}.json"

    def _keys(self) -> list[Key]:
        names = listdir(self._store, self._folder)
        return [f"{self._folder}/{name}" for name in names if name.startswith(f"{self._name}.")]

    def _boxes_in(self, members: dict[str, JSON], token: str | None) -> Boxes:
        """Return the boxes of a record; none if it belongs to another job, or is damaged."""
        done = members.get("done")
        if token is not None and members.get("job") == token and isinstance(done, list):
            with suppress(TypeError, ValueError, OverflowError):
                return as_boxes(done, self._n_axes)
        return as_boxes((), self._n_axes)


def forget_progress(node: Node, metadata: ArrayMetadata) -> None:
    """Delete the records of all jobs of an array, before some of its elements are cleared."""
    store, folder = access.past_caches(node.store), _folder_of(node, metadata)
    if not access.is_erasable(store) or access.has_no_prefix(store, prefix_of(folder)):
        return
    names = listdir(store, folder)
    if names:
        jobs = sorted(names, key=lambda name: not name.endswith(".job"))
        access.deleter(store)([f"{folder}/{name}" for name in jobs])
        access.sync_values(store, [f"{folder}/{jobs[0]}"])
        rmdir(store, folder)


def is_record(key: Key) -> bool:
    """Return whether a key is that of a record of progress."""
    return FOLDER in key and FOLDER in key.split("/")


def _folder_of(node: Node, metadata: ArrayMetadata) -> str:
    return f"{metadata.chunk_keys.root}{node.prefix}{FOLDER}"


def _kind_of(metadata: ArrayMetadata) -> str:
    """Return a checksum over what the meaning of a record depends on."""
    axes = [axis.runs for axis in metadata.stored_axes]
    about = metadata.shape, axes, metadata.chunk_shape, metadata.dtype, metadata.fill_value
    return hashlib.sha256(repr(about).encode()).hexdigest()[:32]


def _parsed(document: Buffer | None, key: Key) -> dict[str, JSON]:
    """Return the members of a document; none if it does not exist, or a failure of the machine damaged it."""
    if document is None:
        return {}
    try:
        return parse_json(document, key)
    except (MetadataError, ValueError):
        return {}


def task_name(number: int, of: int, extent: Iterable[tuple[int, int]] | None) -> str:
    """Return a name for the record of a task: of a part of the array, or of a part of an extent."""
    name = f"{number}-of-{of}"
    if extent is None:
        return name
    return f"{name}-{hashlib.sha256(repr(list(extent)).encode()).hexdigest()[:8]}"
