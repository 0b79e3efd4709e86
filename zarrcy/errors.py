"""Every exception: what happened, where, and what to do. The parts are attributes.

Each class is also one that users of zarr-python 2 catch (KeyError, IndexError, ValueError ...).
The arguments are kept as they came, so an error survives pickling on its way home from a worker.
"""

from __future__ import annotations

import zipfile
from typing import Any

from zarrcy.types import Key, Shape

__all__ = [
    "ArchiveError",
    "ArrayIndexError",
    "ArrayNotFoundError",
    "BadCompressorError",
    "BoundsCheckError",
    "ChunkDecodeError",
    "ChunkEncodeError",
    "ChunkMemoryError",
    "CodecNotAvailableError",
    "ContainsArrayError",
    "ContainsGroupError",
    "ConversionError",
    "CopyError",
    "FSPathExistNotDir",
    "FieldNotFoundError",
    "GroupNotFoundError",
    "KeyPathError",
    "MetadataError",
    "MissingChunkError",
    "MissingExtraError",
    "NegativeStepError",
    "NotConsolidatedError",
    "NotErasableError",
    "NotSupportedError",
    "PathNotFoundError",
    "ReadOnlyError",
    "RegionError",
    "SelectionError",
    "StoreArgumentError",
    "UnalignedWriteError",
    "UnsafeCodecError",
    "ValueShapeError",
    "ViewError",
    "VindexInvalidSelectionError",
    "ZarrcyError",
]

# Problems that a message names; the error holds them all.
_SHOWN = 5


_LONGEST_PROBLEM = 1000


def _place(path: str) -> str:
    return f"{path!r}" if path else "the root of the store"


class ZarrcyError(Exception):
    """The base of all errors that zarrcy raises on its own account."""


class MetadataError(ZarrcyError, ValueError):
    """A metadata document that can't be used.

    Attributes
    ----------
    key : the document's key in the store
    problem : what is wrong with it
    """

    def __init__(self, key: Key, problem: str) -> None:
        super().__init__(key, problem)
        self.key, self.problem = key, problem

    def __str__(self) -> str:
        # what a document says may be any number of pages
        problem = (
            self.problem if len(self.problem) <= _LONGEST_PROBLEM else f"{self.problem[:_LONGEST_PROBLEM]}..."
        )
        return f"the metadata document {self.key!r} can't be used: {problem}"


class NotSupportedError(MetadataError, NotImplementedError):
    """The metadata are right, and ask for something that this version does not have."""


class CodecNotAvailableError(MetadataError):
    """The metadata name a codec that is not installed."""

    def __str__(self) -> str:
        return (
            f"the metadata document {self.key!r} names the codec {self.problem!r}, which is not available. "
            "Install the package that provides it; if it is your own, register it with "
            "numcodecs.register_codec before opening the array."
        )


class BadCompressorError(ZarrcyError, ValueError):
    """What was given as a compressor is none."""

    def __init__(self, compressor: Any, problem: str) -> None:
        super().__init__(compressor, problem)
        self.compressor, self.problem = compressor, problem

    def __str__(self) -> str:
        return (
            f"bad compressor {self.compressor!r}: {self.problem}. Give a numcodecs codec, its configuration, "
            "None, or 'default'."
        )


class StoreArgumentError(ZarrcyError, TypeError, ValueError):
    """What was given as a store is none."""

    def __init__(self, store: Any) -> None:
        super().__init__(store)
        self.store = store

    def __str__(self) -> str:
        return (
            f"{self.store!r} ({type(self.store).__name__}) is no store: give a mapping of str to bytes, "
            "a store, or a path"
        )


class _NodeError(ZarrcyError, ValueError):
    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class ArrayNotFoundError(_NodeError, KeyError):
    """There is no array at the path."""

    def __str__(self) -> str:
        return (
            f"there is no array at {_place(self.path)}. Look at the path and the store; "
            "to create an array there, open it with mode 'a' or 'w' and give its shape."
        )


class GroupNotFoundError(_NodeError, KeyError):
    """There is no group at the path."""

    def __str__(self) -> str:
        return f"there is no group at {_place(self.path)}. Look at the path and the store."


class PathNotFoundError(_NodeError, KeyError):
    """There is neither an array nor a group at the path."""

    def __str__(self) -> str:
        return f"there is nothing at {_place(self.path)}: neither an array nor a group."


class NotConsolidatedError(_NodeError, KeyError):
    """There are no consolidated metadata for the path."""

    def __str__(self) -> str:
        return (
            f"there are no consolidated metadata for {_place(self.path)}: call consolidate_metadata to write them, or "
            "open it without. A change takes them away where other readers would believe them."
        )


class ContainsArrayError(_NodeError):
    """An array is already where another node was to be created."""

    def __str__(self) -> str:
        return (
            f"{_place(self.path)} already holds an array. Open it with mode 'r+' or 'a', "
            "or pass overwrite=True (mode 'w') to delete it first."
        )


class ContainsGroupError(_NodeError):
    """A group is already where another node was to be created."""

    def __str__(self) -> str:
        return (
            f"{_place(self.path)} already holds a group. Choose another path, "
            "or pass overwrite=True (mode 'w') to delete it and all that it holds first."
        )


class ConversionError(ZarrcyError, ValueError):
    """A hierarchy can't be converted; nothing of it was.

    Attributes
    ----------
    problems : path of each node that is in the way, and why
    remedy : what to do
    """

    def __init__(self, problems: list[tuple[str, str]], remedy: str) -> None:
        super().__init__(problems, remedy)
        self.problems, self.remedy = problems, remedy

    def __str__(self) -> str:
        shown = "; ".join(f"{path or '/'}: {why}" for path, why in self.problems[:_SHOWN])
        more = len(self.problems) - _SHOWN
        return f"nothing was converted: {shown}{f'; and {more} more' if more > 0 else ''}. {self.remedy}"


class CopyError(ZarrcyError, RuntimeError):
    """Something is already where something was to be copied to.

    Attributes
    ----------
    what : "an array", "an object" or "a key"
    name : of it, in the destination
    destination : name of the group that it is in, or the type of the store
    """

    def __init__(self, what: str, name: str, destination: str) -> None:
        super().__init__(what, name, destination)
        self.what, self.name, self.destination = what, name, destination

    def __str__(self) -> str:
        return (
            f"{self.what} {self.name!r} already exists in destination {self.destination!r}. Pass "
            "if_exists='replace' to delete it first, or if_exists='skip' to leave it as it is."
        )


class ReadOnlyError(ZarrcyError, PermissionError):
    """Something was to be changed through a read-only object."""

    def __init__(self, path: str = "") -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"object is read-only: {_place(self.path)}. Open it with mode 'r+' or 'a' to change it."


class ViewError(ReadOnlyError):
    """Something that a view can't do: the array that it looks at can."""

    def __str__(self) -> str:
        return f"operation not permitted for views: {_place(self.path)}. Do it on the array itself."


class SelectionError(ZarrcyError, IndexError):
    """A selection that this array can't answer.

    Attributes
    ----------
    problem : what is wrong with it
    shape : shape of the array, in elements
    """

    def __init__(self, problem: str, shape: Shape) -> None:
        super().__init__(problem, shape)
        self.problem, self.shape = problem, shape

    def __str__(self) -> str:
        return f"{self.problem} (the array has shape {self.shape})"


class BoundsCheckError(SelectionError):
    """An index beyond the end of an axis.

    Attributes
    ----------
    index : the index as it was given
    axis : the axis that it was given for
    shape : shape of the array, in elements
    """

    def __init__(self, index: int, axis: int, shape: Shape) -> None:
        problem = f"index {index} is out of bounds for axis {axis} with size {shape[axis]}"
        super().__init__(problem, shape)
        self.args = (index, axis, shape)
        self.index, self.axis = index, axis


class NegativeStepError(SelectionError):
    """A selection that does not take negative steps was given one."""


class FieldNotFoundError(ZarrcyError, IndexError, KeyError):
    """A field that the elements of an array do not have."""

    def __init__(self, name: Any, names: tuple[str, ...]) -> None:
        super().__init__(name, names)
        self.name, self.names = name, names

    def __str__(self) -> str:
        if not self.names:
            return f"there is no field {self.name!r}: the array is not structured"
        return f"there is no field {self.name!r}; the fields are {', '.join(map(repr, self.names))}"


class VindexInvalidSelectionError(SelectionError):
    """A selection of points that is none."""


class ValueShapeError(ZarrcyError, ValueError):
    """A value that does not have the shape of the selection it is assigned to."""

    def __init__(self, value_shape: Shape, selection_shape: Shape, path: str = "") -> None:
        super().__init__(value_shape, selection_shape, path)
        self.value_shape, self.selection_shape, self.path = value_shape, selection_shape, path

    def __str__(self) -> str:
        return (
            f"a value of shape {self.value_shape} can't be broadcast to the selection of shape "
            f"{self.selection_shape} in the array at {_place(self.path)}. Nothing was written."
        )


class ChunkDecodeError(ZarrcyError, ValueError, RuntimeError):
    """A stored chunk that is not what the metadata promise.

    Attributes
    ----------
    key : the chunk's key in the store
    stage : name of the codec that refused it
    nbytes : length of the stored value, in bytes
    expected : decoded length of a chunk, in bytes
    """

    def __init__(self, key: Key, stage: str, nbytes: int, expected: int, problem: str = "") -> None:
        super().__init__(key, stage, nbytes, expected, problem)
        self.key, self.stage, self.nbytes, self.expected = key, stage, nbytes, expected
        self.problem = problem

    def __str__(self) -> str:
        why = f" ({self.problem})" if self.problem else ""
        return (
            f"cannot decode chunk {self.key!r}: codec {self.stage!r} did not get the {self.expected} bytes of a "
            f"chunk from its {self.nbytes} stored bytes{why}. The value is damaged, or was written by another "
            "codec than the metadata name; restore it from a copy, or delete the key to let the chunk "
            "read as fill value."
        )


def _region_text(region: Any) -> str:
    return f"[{', '.join(f'{s.start}:{s.stop}' for s in region) or '()'}]"


class RegionError(ZarrcyError, ValueError):
    """A region that can't be written while others are.

    Attributes
    ----------
    number : of the region, among those that were given
    region : slices
    nearest : slices that would do instead; None if there are none
    problem : what is wrong with it
    stored_shape : shape of what is stored as one value, a chunk or a shard, in elements
    """

    def __init__(self, number: int, region: Any, nearest: Any, problem: str, stored_shape: Shape) -> None:
        super().__init__(number, region, nearest, problem, stored_shape)
        self.number, self.region, self.nearest = number, region, nearest
        self.problem, self.stored_shape = problem, stored_shape

    def __str__(self) -> str:
        instead = f"{_region_text(self.nearest)} would do" if self.nearest is not None else "leave it out"
        return (
            f"region {self.number}, {_region_text(self.region)}, {self.problem} where stored values have shape "
            f"{self.stored_shape}: {instead}. write_regions() gives regions that are safe."
        )


class UnalignedWriteError(ZarrcyError, ValueError):
    """A write that covers a chunk, or a shard, only in part, in an array that was opened to refuse that.

    Attributes
    ----------
    nearest : slices of whole chunks, or shards, that hold what was to be written
    stored_shape : shape of what is stored as one value, in elements
    path : of the array
    """

    def __init__(self, nearest: Any, stored_shape: Shape, path: str) -> None:
        super().__init__(nearest, stored_shape, path)
        self.nearest, self.stored_shape, self.path = nearest, stored_shape, path

    def __str__(self) -> str:
        return (
            f"a write to the array at {_place(self.path)} covers a stored value of shape {self.stored_shape} only in "
            f"part, and the array was opened with unaligned='error'. The nearest aligned selection is "
            f"{_region_text(self.nearest)}, of all fields. Nothing was written."
        )


class MissingChunkError(ZarrcyError, KeyError):
    """A chunk, or a shard, that is not stored, in an array that was opened to refuse that.

    Attributes
    ----------
    key : of the chunk in the store
    """

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return (
            f"there is no chunk {self.key!r} in the store, and the array was opened with read_missing='raise'. "
            "Write it first (initialized_chunks() tells which are there), or open the array with "
            "read_missing='fill' or 'mask'."
        )


class ChunkMemoryError(MemoryError, ZarrcyError):
    """A chunk that does not fit into memory.

    Attributes
    ----------
    key : the chunk's key in the store
    nbytes : decoded length of a chunk, in bytes
    """

    def __init__(self, key: Key, nbytes: int) -> None:
        super().__init__(key, nbytes)
        self.key, self.nbytes = key, nbytes

    def __str__(self) -> str:
        return (
            f"there is no memory for chunk {self.key!r}: the metadata state chunks of {self.nbytes} bytes. If that "
            "is meant, read the array where there is more memory, and store it in smaller chunks."
        )


class ChunkEncodeError(ZarrcyError, TypeError, ValueError, RuntimeError):
    """A chunk that a codec would not take."""

    def __init__(self, key: Key, stage: str, problem: str) -> None:
        super().__init__(key, stage, problem)
        self.key, self.stage, self.problem = key, stage, problem

    def __str__(self) -> str:
        return (
            f"cannot encode chunk {self.key!r}: codec {self.stage!r} refused it ({self.problem}). "
            "The chunk was not written; what the store held before is still there."
        )


class UnsafeCodecError(ZarrcyError, RuntimeError, ValueError):
    """A codec that runs what it decodes, on data that may come from anywhere."""

    def __init__(self, codec: str) -> None:
        super().__init__(codec)
        self.codec = codec

    def __str__(self) -> str:
        return (
            f"the codec {self.codec!r} runs code that it finds in the stored data, so chunks are not decoded with it. "
            "If you trust whoever wrote them, set ZARRCY_ALLOW_PICKLE=1 in the environment."
        )


class KeyPathError(ZarrcyError, ValueError):
    """A key or path that would leave the root of the store, or that no store can hold."""

    def __init__(self, key: Any, problem: str) -> None:
        super().__init__(key, problem)
        self.key, self.problem = key, problem

    def __str__(self) -> str:
        return f"bad key or path {self.key!r}: {self.problem}"


class ArchiveError(ZarrcyError, zipfile.BadZipFile):
    """A zip archive, or a member of one, that is damaged or states what can't be.

    Attributes
    ----------
    archive : its path
    key : of the member; empty for the archive as a whole
    problem : what is wrong with it
    """

    def __init__(self, archive: str, key: Key, problem: str) -> None:
        super().__init__(archive, key, problem)
        self.archive, self.key, self.problem = archive, key, problem

    def __str__(self) -> str:
        where = f"the member {self.key!r} of the zip archive" if self.key else "the zip archive"
        return f"{where} {self.archive!r} can't be read: {self.problem}. Restore the archive from a copy."


class NotErasableError(ZarrcyError, NotImplementedError):
    """Something was to be deleted, or moved, in a store that can only grow."""

    def __init__(self, path: str, store: str) -> None:
        super().__init__(path, store)
        self.path, self.store = path, store

    def __str__(self) -> str:
        return (
            f"{self.path!r} can't be deleted or moved: a {self.store} is not erasable. "
            "Copy what you want to keep to a new store."
        )


class MissingExtraError(ZarrcyError, ImportError):
    """An optional package is needed and not installed."""

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(package, extra, purpose)
        self.package, self.extra, self.purpose = package, extra, purpose

    def __str__(self) -> str:
        return f"{self.purpose} needs the package {self.package!r}: pip install 'zarrcy[{self.extra}]'"


# Names that code written for zarr-python 2 catches.
ArrayIndexError = SelectionError
FSPathExistNotDir = NotADirectoryError
