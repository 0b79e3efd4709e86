"""The exceptions of zarrcy. Each message says what happened, where, and what to do.

Each class is also a subclass of the exception that users of zarr-python 2 catch (KeyError, IndexError,
ValueError ...). The parameters of each class are attributes of its instances. They are not changed, so an
error can be pickled and sent to another process.
"""

from __future__ import annotations

import errno
import sys
from importlib import import_module
from typing import TypeAlias

from zarrcy.types import Key, Shape

__all__ = [
    "AccessDeniedError",
    "AccessWarning",
    "ArchiveError",  # noqa: F822 - see `__getattr__`
    "ArchiveInUseError",
    "ArrayIndexError",
    "ArrayNotFoundError",
    "BadCompressorError",
    "BoundsCheckError",
    "ChunkDecodeError",
    "ChunkEncodeError",
    "ChunkMemoryError",
    "CodecNotAvailableError",
    "ConcurrentChangeError",
    "ContainsArrayError",
    "ContainsGroupError",
    "ConversionError",
    "CopyError",
    "FSPathExistNotDir",
    "FieldNotFoundError",
    "ForeignDataError",
    "GroupNotFoundError",
    "KeyPathError",
    "LockWarning",
    "MetadataError",
    "MissingChunkError",
    "MissingExtraError",
    "MissingPiecesError",
    "NegativeStepError",
    "NotAFileError",
    "NotConsolidatedError",
    "NotErasableError",
    "NotSupportedError",
    "OverlapError",
    "PartlyDoneError",
    "PathNotFoundError",
    "PlaceError",
    "ReadOnlyError",
    "RegionError",
    "SelectionError",
    "StoreArgumentError",
    "StoredTypeError",
    "StrictJSONError",
    "UnalignedWriteError",
    "UnsafeCodecError",
    "ValueLengthError",
    "ValueShapeError",
    "ViewError",
    "VindexInvalidSelectionError",
    "ZarrcyError",
]

Region: TypeAlias = tuple[slice, ...]

# The packages of codecs that other tools write, by the beginning of the name of a codec.
_PACKAGE_OF_CODEC = {
    # tifffile
    "imagecodecs_": "imagecodecs",
    # netCDF-C and HDF5
    "szip": "imagecodecs",
    # the indexes of kerchunk and of gribscan
    "FITS": "kerchunk",
    "fill_hdf_strings": "kerchunk",
    "record_member": "kerchunk",
    "gribscan": "gribscan",
    "grib": "kerchunk",
    # SpikeInterface
    "flac": "flac-numcodecs",
    "wavpack": "wavpack-numcodecs",
    # optional parts of numcodecs
    "msgpack2": "msgpack",
    "pcodec": "pcodec",
    "zfpy": "zfpy",
}
_MAX_PROBLEMS_SHOWN = 5
_MAX_PROBLEM_LENGTH = 1000


def _name_of(path: str) -> str:
    return f"{path!r}" if path else "the root of the store"


def __getattr__(name: str) -> object:
    if name == "ArchiveError":
        # its base is a class of `zipfile`, whose import takes longer than that of all errors
        return import_module("zarrcy.archive_error").ArchiveError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class ZarrcyError(Exception):
    """Base class of the errors that zarrcy raises."""


class MetadataError(ZarrcyError, ValueError):
    """A metadata document is not valid.

    Parameters
    ----------
    key : str
        Key of the document in the store.
    problem : str
        What is wrong with the document.
    """

    def __init__(self, key: Key, problem: str) -> None:
        super().__init__(key, problem)
        self.key, self.problem = key, problem

    def __str__(self) -> str:
        problem = self.problem
        # the problem may quote the document, which can be long
        if len(problem) > _MAX_PROBLEM_LENGTH:
            problem = f"{problem[:_MAX_PROBLEM_LENGTH]}..."
        return f"the metadata document {self.key!r} can't be used: {problem}"


class StrictJSONError(ZarrcyError, ValueError):
    """A metadata document would contain NaN or an infinity, and ``ZARRCY_STRICT_JSON`` is set.

    Parameters
    ----------
    member : str
        What has the value, such as "the attribute 'missing_value'".
    value : float
        NaN or an infinity.
    key : str
        Key of the document in the store; empty if it is not known.
    """

    def __init__(self, member: str, value: float, key: Key = "") -> None:
        super().__init__(member, value, key)
        self.member, self.value, self.key = member, value, key

    def __str__(self) -> str:
        where = f" of {self.key!r}" if self.key else ""
        return (
            f"{self.member}{where} cannot be stored: {self.value} is not a number of JSON, and ZARRCY_STRICT_JSON is "
            "set. Replace it, for example by text or None, or unset ZARRCY_STRICT_JSON"
        )


class NotSupportedError(MetadataError, NotImplementedError):
    """The metadata are valid but need a feature that this version does not have.

    Parameters
    ----------
    key : str
        Key of the document in the store.
    problem : str
        The feature that is missing.
    """


class CodecNotAvailableError(MetadataError):
    """The metadata name a codec that is not installed.

    Parameters
    ----------
    key : str
        Key of the document in the store.
    problem : str
        Name of the codec.
    """

    @property
    def package(self) -> str | None:
        """Name of the package that is known to provide the codec, or None."""
        name = self.problem.removeprefix("numcodecs.")
        return next((package for start, package in _PACKAGE_OF_CODEC.items() if name.startswith(start)), None)

    def __str__(self) -> str:
        package = self.package
        how = "Install the package that provides it" if package is None else f"Install the package {package}"
        if self.problem == "szip":
            how += " and register a codec 'szip' that calls imagecodecs.szip_decode"
        elif package == "imagecodecs":
            how += " and call imagecodecs.numcodecs.register_codecs()"
        return (
            f"the metadata document {self.key!r} names the codec {self.problem!r}, which is not available. "
            f"{how}; if it is your own, register it with "
            "numcodecs.register_codec before opening the array."
        )


class BadCompressorError(ZarrcyError, ValueError):
    """The argument `compressor` is not a codec.

    Parameters
    ----------
    compressor : object
        The argument as it was passed.
    problem : str
        What is wrong with it.
    """

    def __init__(self, compressor: object, problem: str) -> None:
        super().__init__(compressor, problem)
        self.compressor, self.problem = compressor, problem

    def __str__(self) -> str:
        return (
            f"bad compressor {self.compressor!r}: {self.problem}. Pass a numcodecs codec, its configuration, "
            "None, or 'default'."
        )


class StoreArgumentError(ZarrcyError, TypeError, ValueError):
    """The argument `store` is not a store.

    Parameters
    ----------
    store : object
        The argument as it was passed.
    """

    def __init__(self, store: object) -> None:
        super().__init__(store)
        self.store = store

    def __str__(self) -> str:
        return (
            f"{self.store!r} ({type(self.store).__name__}) is not a store; pass a mapping of str to bytes, "
            "a store object or a path"
        )


class _NodeError(ZarrcyError, ValueError):
    """A problem with one node.

    Parameters
    ----------
    path : str
        Path of the node in the store; empty for the root.
    """

    def __init__(self, path: str, *more: str) -> None:
        # programs that were written for zarr-python 3 give a store and a path
        path = more[-1] if more else path
        super().__init__(path)
        self.path = path


class ArrayNotFoundError(_NodeError, KeyError, FileNotFoundError):
    """There is no array at the path.

    Parameters
    ----------
    path : str
        Path in the store; empty for the root.
    *more : str
        The last of these is the path, if there are any: programs for zarr-python 3 give a store and a path.
    """

    def __str__(self) -> str:
        return (
            f"there is no array at {_name_of(self.path)}. Check the path and the store; "
            "to create an array there, open it with mode 'a' or 'w' and pass its shape."
        )


class GroupNotFoundError(_NodeError, KeyError, FileNotFoundError):
    """There is no group at the path.

    Parameters
    ----------
    path : str
        Path in the store; empty for the root.
    *more : str
        The last of these is the path, if there are any: programs for zarr-python 3 give a store and a path.
    """

    def __str__(self) -> str:
        return f"there is no group at {_name_of(self.path)}. Check the path and the store."


class OverlapError(ZarrcyError, ValueError):
    """What is to be replaced is also what would be read, and the store can't keep both until the end.

    Parameters
    ----------
    path : str
        Path of the array or group that is to be replaced.
    source : str
        Path of the array or group that would be read.
    store : str
        Name of the store's class.
    """

    def __init__(self, path: str, source: str, store: str) -> None:
        super().__init__(path, source, store)
        self.path, self.source, self.store = path, source, store

    def __str__(self) -> str:
        return (
            f"{_name_of(self.path)} can't be replaced by data that are read from {_name_of(self.source)} in the same "
            f"place: a {self.store} can't move keys, so the data would be deleted before they are copied. Nothing was "
            "changed. Write to another path first, or load the data into memory."
        )


class PathNotFoundError(_NodeError, KeyError, FileNotFoundError):
    """There is neither an array nor a group at the path.

    Parameters
    ----------
    path : str
        Path in the store; empty for the root.
    *more : str
        The last of these is the path, if there are any: programs for zarr-python 3 give a store and a path.
    """

    def __str__(self) -> str:
        return (
            f"there is nothing at {_name_of(self.path)}: neither an array nor a group. "
            "Check the path and the store."
        )


class NotConsolidatedError(_NodeError, KeyError):
    """The path has no consolidated metadata.

    Parameters
    ----------
    path : str
        Path in the store; empty for the root.
    """

    def __str__(self) -> str:
        return (
            f"there are no consolidated metadata for {_name_of(self.path)}. Call consolidate_metadata to write them, "
            "or open the hierarchy without them. A change to a node deletes consolidated metadata that would no "
            "longer be true."
        )


class ContainsArrayError(_NodeError, FileExistsError):
    """A node can't be created because the path holds an array.

    Parameters
    ----------
    path : str
        Path in the store; empty for the root.
    *more : str
        The last of these is the path, if there are any: programs for zarr-python 3 give a store and a path.
    """

    def __str__(self) -> str:
        return (
            f"{_name_of(self.path)} already holds an array. Open it with mode 'r+' or 'a', "
            "or pass overwrite=True (mode 'w') to delete it first."
        )


class ContainsGroupError(_NodeError, FileExistsError):
    """A node can't be created because the path holds a group.

    Parameters
    ----------
    path : str
        Path in the store; empty for the root.
    *more : str
        The last of these is the path, if there are any: programs for zarr-python 3 give a store and a path.
    """

    def __str__(self) -> str:
        return (
            f"{_name_of(self.path)} already holds a group. Choose another path, "
            "or pass overwrite=True (mode 'w') to delete the group and everything in it first."
        )


class ConversionError(ZarrcyError, ValueError):
    """A hierarchy can't be converted. Nothing was changed.

    Parameters
    ----------
    problems : list of tuple of str
        A path and a reason for each node that can't be converted.
    remedy : str
        What to do.
    """

    def __init__(self, problems: list[tuple[str, str]], remedy: str) -> None:
        super().__init__(problems, remedy)
        self.problems, self.remedy = problems, remedy

    def __str__(self) -> str:
        shown = "; ".join(f"{path or '/'}: {why}" for path, why in self.problems[:_MAX_PROBLEMS_SHOWN])
        n_more = len(self.problems) - _MAX_PROBLEMS_SHOWN
        more = f"; and {n_more} more" if n_more > 0 else ""
        return f"nothing was converted: {shown}{more}. {self.remedy}"


class CopyError(ZarrcyError, RuntimeError):
    """The destination of a copy already exists.

    Parameters
    ----------
    what : str
        "an array", "an object" or "a key".
    name : str
        Name of the array or object in the destination, or the key.
    destination : str
        Name of the destination group, or the type of the destination store.
    """

    def __init__(self, what: str, name: str, destination: str) -> None:
        super().__init__(what, name, destination)
        self.what, self.name, self.destination = what, name, destination

    def __str__(self) -> str:
        return (
            f"{self.what} {self.name!r} already exists in destination {self.destination!r}. Pass "
            "if_exists='replace' to delete it first, or if_exists='skip' to leave it as it is."
        )


class ReadOnlyError(ZarrcyError, PermissionError, ValueError):
    """A read-only array, group or store can't be changed.

    Parameters
    ----------
    path : str, default ""
        Path in the store; empty for the root.
    """

    def __init__(self, path: str = "") -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"object is read-only: {_name_of(self.path)}. Open it with mode 'r+' or 'a' to change it."


class AccessDeniedError(ZarrcyError, PermissionError):
    """A server or file system does not let this program read a key or list a path.

    The key may exist, so it is never treated as missing.

    Parameters
    ----------
    key : str
        The key or path.
    problem : str
        The message of the client or the server.
    remedy : str, default ""
        What to do.
    """

    def __init__(self, key: Key, problem: str, remedy: str = "") -> None:
        super().__init__(errno.EACCES, problem)
        self.key, self.problem, self.remedy = key, problem, remedy

    def __reduce__(self) -> tuple[type[AccessDeniedError], tuple[Key, str, str]]:
        # an OSError would be made again from its number and its text
        return type(self), (self.key, self.problem, self.remedy)

    def __str__(self) -> str:
        return f"access to {self.key!r} is denied ({self.problem}), so it may exist. {self.remedy}".rstrip()


class NotAFileError(ZarrcyError, OSError):
    """Where a stored value is expected, there is something else than a file.

    Nothing can be said about the value, so it is never treated as missing.

    Parameters
    ----------
    key : str
        The key.
    path : str
        Where the file is expected.
    problem : str
        What is there.
    """

    def __init__(self, key: Key, path: str, problem: str) -> None:
        super().__init__(errno.EINVAL, problem)
        self.key, self.path, self.problem = key, path, problem

    def __reduce__(self) -> tuple[type[NotAFileError], tuple[Key, str, str]]:
        # an OSError would be made again from its number and its text
        return type(self), (self.key, self.path, self.problem)

    def __str__(self) -> str:
        return (
            f"the value {self.key!r} can't be read: {self.problem}. Restore the file {self.path!r}, or remove what "
            "is there so that the key counts as missing"
        )


class StoredTypeError(ZarrcyError, TypeError):
    """A store returned something else than bytes.

    Parameters
    ----------
    key : str
        The key; empty if a method for many keys returned something that has no values of keys.
    store : str
        Name of the class of the store.
    found : str
        What it returned, in words.
    """

    def __init__(self, key: Key, store: str, found: str) -> None:
        super().__init__(key, store, found)
        self.key, self.store, self.found = key, store, found

    def __str__(self) -> str:
        what = f"for the key {self.key!r}" if self.key else "for many keys"
        return (
            f"the store {self.store} returned {self.found} {what}. A value must be bytes, or another object with "
            "contiguous or strided bytes (the buffer protocol); raise KeyError if a key does not exist"
        )


class ValueLengthError(ZarrcyError, ValueError):
    """A stored value is much longer than it can be, so it is not read.

    Parameters
    ----------
    key : str
        The key.
    nbytes : int
        Length of the stored value, in bytes.
    most : int
        Length of the longest value that is read under this key, in bytes.
    """

    def __init__(self, key: Key, nbytes: int, most: int) -> None:
        super().__init__(key, nbytes, most)
        self.key, self.nbytes, self.most = key, nbytes, most

    def __str__(self) -> str:
        return (
            f"the value {self.key!r} has {self.nbytes} bytes; at most {self.most} are read. It is damaged, or "
            "something else: restore it from a copy, or delete the key"
        )


class ViewError(ReadOnlyError):
    """The operation works on an array but not on a view of it.

    Parameters
    ----------
    path : str, default ""
        Path in the store; empty for the root.
    """

    def __str__(self) -> str:
        return f"operation not permitted for views: {_name_of(self.path)}. Do it on the array itself."


class SelectionError(ZarrcyError, IndexError):
    """The selection is not valid for the array.

    Parameters
    ----------
    problem : str
        What is wrong with the selection.
    shape : tuple of int
        Shape of the array, in elements.
    """

    def __init__(self, problem: str, shape: Shape) -> None:
        super().__init__(problem, shape)
        self.problem, self.shape = problem, shape

    def __str__(self) -> str:
        return f"{self.problem} (the array has shape {self.shape})"


class BoundsCheckError(SelectionError):
    """An index is beyond the end of its axis.

    Parameters
    ----------
    index : int
        The index as it was passed.
    axis : int
        Number of the axis, from 0.
    shape : tuple of int
        Shape of the array, in elements.
    """

    def __init__(self, index: int, axis: int, shape: Shape) -> None:
        problem = f"index {index} is out of bounds for axis {axis} with size {shape[axis]}"
        super().__init__(problem, shape)
        self.args = (index, axis, shape)
        self.index, self.axis = index, axis


class NegativeStepError(SelectionError):
    """The selection has a negative step where only positive steps are supported.

    Parameters
    ----------
    problem : str
        What is wrong with the selection.
    shape : tuple of int
        Shape of the array, in elements.
    """


class FieldNotFoundError(ZarrcyError, IndexError, KeyError):
    """The elements of the array do not have a field of this name.

    Parameters
    ----------
    name : object
        The name as it was passed.
    names : tuple of str
        Names of the fields; empty if the data type is not structured.
    """

    def __init__(self, name: object, names: tuple[str, ...]) -> None:
        super().__init__(name, names)
        self.name, self.names = name, names

    def __str__(self) -> str:
        if not self.names:
            return f"there is no field {self.name!r}: the array is not structured"
        return f"there is no field {self.name!r}; the fields are {', '.join(map(repr, self.names))}"


class VindexInvalidSelectionError(SelectionError):
    """The selection is not a selection of points.

    Parameters
    ----------
    problem : str
        What is wrong with the selection.
    shape : tuple of int
        Shape of the array, in elements.
    """


class ValueShapeError(ZarrcyError, ValueError, TypeError):
    """A value can't be broadcast to the selection that it is assigned to.

    It is a TypeError too: NumPy raises that for a list as the value of one element.

    Parameters
    ----------
    value_shape : tuple of int
        Shape of the value, in elements.
    selection_shape : tuple of int
        Shape of the selection, in elements.
    path : str, default ""
        Path of the array in the store; empty for the root.
    """

    def __init__(self, value_shape: Shape, selection_shape: Shape, path: str = "") -> None:
        super().__init__(value_shape, selection_shape, path)
        self.value_shape, self.selection_shape, self.path = value_shape, selection_shape, path

    def __str__(self) -> str:
        return (
            f"a value of shape {self.value_shape} can't be broadcast to the selection of shape "
            f"{self.selection_shape} in the array at {_name_of(self.path)}. Nothing was written."
        )


class ChunkDecodeError(ZarrcyError, ValueError, RuntimeError):
    """A stored chunk can't be decoded as the metadata describe it.

    Parameters
    ----------
    key : str
        Key of the chunk in the store.
    stage : str
        Name of the codec that failed.
    nbytes : int
        Length of the stored value, in bytes.
    expected : int
        Decoded length of a chunk, in bytes.
    problem : str, default ""
        The message of the codec.
    """

    def __init__(self, key: Key, stage: str, nbytes: int, expected: int, problem: str = "") -> None:
        super().__init__(key, stage, nbytes, expected, problem)
        self.key, self.stage, self.nbytes, self.expected = key, stage, nbytes, expected
        self.problem = problem

    def __str__(self) -> str:
        why = f" ({self.problem})" if self.problem else ""
        return (
            f"cannot decode chunk {self.key!r}: codec {self.stage!r} did not get the {self.expected} bytes of a "
            f"chunk from its {self.nbytes} stored bytes{why}. The value is damaged, or was written with a "
            "codec that differs from the metadata. Restore the value from a copy, or delete the key so that the "
            "chunk reads as fill value."
        )


def _region_text(region: Region) -> str:
    return f"[{', '.join(f'{s.start}:{s.stop}' for s in region) or '()'}]"


class RegionError(ZarrcyError, ValueError):
    """Two writers can't write these regions at the same time.

    Parameters
    ----------
    number : int
        Position of the region in the list that was passed.
    region : tuple of slice
        The region.
    nearest : tuple of slice or None
        The nearest region that is safe; None if there is none.
    problem : str
        What is wrong with the region.
    stored_shape : tuple of int or None
        Shape of one stored value (a chunk or a shard), in elements; None if stored values differ in shape.
    """

    def __init__(
        self, number: int, region: Region, nearest: Region | None, problem: str, stored_shape: Shape | None
    ) -> None:
        super().__init__(number, region, nearest, problem, stored_shape)
        self.number, self.region, self.nearest = number, region, nearest
        self.problem, self.stored_shape = problem, stored_shape

    def __str__(self) -> str:
        instead = f"{_region_text(self.nearest)} would do" if self.nearest is not None else "leave it out"
        shape = "differ in shape" if self.stored_shape is None else f"have shape {self.stored_shape}"
        return (
            f"region {self.number}, {_region_text(self.region)}, {self.problem} where stored values {shape}: "
            f"{instead}. write_regions() gives regions that are safe."
        )


class UnalignedWriteError(ZarrcyError, ValueError):
    """A write covers only a part of a chunk or shard, and such writes are refused.

    They are refused if the array was opened with ``unaligned="error"``, and if tasks of a job may run on several nodes
    while locks of files do not reach other nodes.

    Parameters
    ----------
    nearest : tuple of slice
        The smallest selection of whole chunks, or shards, that contains the selection.
    stored_shape : tuple of int or None
        Shape of one stored value (a chunk or a shard), in elements; None if stored values differ in shape.
    path : str
        Path of the array in the store; empty for the root.
    problem : str, optional
        Why locks do not exclude other tasks; empty if the array was opened with ``unaligned="error"``.
    """

    def __init__(self, nearest: Region, stored_shape: Shape | None, path: str, problem: str = "") -> None:
        super().__init__(nearest, stored_shape, path, problem)
        self.nearest, self.stored_shape, self.path, self.problem = nearest, stored_shape, path, problem

    def __str__(self) -> str:
        shape = "" if self.stored_shape is None else f" of shape {self.stored_shape}"
        why = "the array was opened with unaligned='error'"
        remedy = ""
        if self.problem:
            why = (
                f"tasks on other nodes can do the same at the same time and are not excluded: {self.problem}"
            )
            remedy = " A synchronizer excludes them; unaligned='allow' means that no other task writes to these chunks."
        return (
            f"a write to the array at {_name_of(self.path)} covers a stored value{shape} only in part, and {why}. The "
            f"nearest aligned selection is {_region_text(self.nearest)}, of all fields. Nothing was written.{remedy}"
        )


class MissingChunkError(ZarrcyError, KeyError):
    """A chunk or shard is not stored, and the array was opened to refuse missing chunks.

    Parameters
    ----------
    key : str
        Key of the chunk in the store.
    """

    def __init__(self, key: Key) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return (
            f"there is no chunk {self.key!r} in the store, and the array was opened with read_missing='raise'. "
            "Write the chunk first (initialized_chunks() lists the chunks that exist), or open the array with "
            "read_missing='fill' or 'mask'."
        )


class ChunkMemoryError(MemoryError, ZarrcyError):
    """A chunk does not fit into memory.

    Parameters
    ----------
    key : str
        Key of the chunk in the store.
    nbytes : int
        Decoded length of a chunk, in bytes.
    """

    def __init__(self, key: Key, nbytes: int) -> None:
        super().__init__(key, nbytes)
        self.key, self.nbytes = key, nbytes

    def __str__(self) -> str:
        return (
            f"there is not enough memory for chunk {self.key!r}: the metadata state chunks of {self.nbytes} bytes. If "
            "this size is correct, read the array on a machine with more memory, or store it in smaller chunks."
        )


class ChunkEncodeError(ZarrcyError, TypeError, ValueError, RuntimeError):
    """A codec can't encode a chunk.

    Parameters
    ----------
    key : str
        Key of the chunk in the store.
    stage : str
        Name of the codec.
    problem : str
        The message of the codec.
    """

    def __init__(self, key: Key, stage: str, problem: str) -> None:
        super().__init__(key, stage, problem)
        self.key, self.stage, self.problem = key, stage, problem

    def __str__(self) -> str:
        return (
            f"cannot encode chunk {self.key!r}: codec {self.stage!r} refused it ({self.problem}). "
            "The chunk was not written; the store still has the previous value."
        )


class UnsafeCodecError(ZarrcyError, RuntimeError, ValueError):
    """The codec runs code that is part of the stored data, so it is not used.

    Parameters
    ----------
    codec : str
        Name of the codec.
    """

    def __init__(self, codec: str) -> None:
        super().__init__(codec)
        self.codec = codec

    def __str__(self) -> str:
        return (
            f"the codec {self.codec!r} runs code that it finds in the stored data, so chunks are not decoded with it. "
            "If you trust the author of the data, set ZARRCY_ALLOW_PICKLE=1 in the environment."
        )


class KeyPathError(ZarrcyError, ValueError):
    """A key or path leaves the root of the store, or can't be a key of this store.

    Parameters
    ----------
    key : object
        The key or path as it was passed.
    problem : str
        What is wrong with it.
    """

    def __init__(self, key: object, problem: str) -> None:
        super().__init__(key, problem)
        self.key, self.problem = key, problem

    def __str__(self) -> str:
        return f"bad key or path {self.key!r}: {self.problem}"


class ArchiveInUseError(ZarrcyError, RuntimeError):
    """Another writer changes a zip archive, or has changed it, so it is not written to.

    Parameters
    ----------
    archive : str
        Path of the archive.
    problem : str
        What the other writer does or did.
    """

    def __init__(self, archive: str, problem: str) -> None:
        super().__init__(archive, problem)
        self.archive, self.problem = archive, problem

    def __str__(self) -> str:
        return (
            f"the zip archive {self.archive!r} is not written to: {self.problem}. Let one store write to an archive, "
            "and close or flush it before another one does; to write from several processes, use a directory."
        )


class ConcurrentChangeError(ZarrcyError, RuntimeError):
    """Another writer changed a metadata document after it was read for a change, so it was not overwritten.

    Only stores with conditional puts notice that. What the change wrote to chunks before may be stored.

    Parameters
    ----------
    key : str
        Key of the document.
    """

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key

    def __str__(self) -> str:
        return (
            f"another writer changed {self.key!r} after it was read, so it was not overwritten; open the node again "
            "and repeat the change. Writers that change one node at the same time need a synchronizer that they share"
        )


class PartlyDoneError(ZarrcyError, PermissionError):
    """A call did all but what it was not permitted to look into.

    Parameters
    ----------
    action : str
        What was done with the rest.
    denied : list of str
        Paths in the store.
    """

    def __init__(self, action: str, denied: list[str]) -> None:
        super().__init__(action, denied)
        self.action, self.denied = action, denied

    def __str__(self) -> str:
        names = ", ".join(map(repr, self.denied[:_MAX_PROBLEMS_SHOWN]))
        return (
            f"partly done: everything else is {self.action}, but {names} may not be looked into "
            f"({len(self.denied)} in all). Ask for the permission, and repeat the call."
        )


class MissingPiecesError(ZarrcyError, ValueError):
    """Regions of an array were not filled yet, or no record of progress shows it.

    Parameters
    ----------
    path : str
        Path of the array in the store; empty for the root.
    first : tuple of slice
        The first of these regions.
    n : int
        Number of these regions.
    """

    def __init__(self, path: str, first: Region, n: int) -> None:
        super().__init__(path, first, n)
        self.path, self.first, self.n = path, first, n

    def __str__(self) -> str:
        return (
            f"the array at {_name_of(self.path)} is not complete: {self.n} regions are missing, the first is "
            f"{_region_text(self.first)}. Run the tasks again; missing() lists the regions."
        )


class PlaceError(ZarrcyError, ValueError):
    """It is not known which of several tasks this process is, or the numbers contradict each other.

    Parameters
    ----------
    problem : str
        What is wrong, and what to do.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


class NotErasableError(ZarrcyError, NotImplementedError):
    """A key can't be deleted or moved because the store only grows.

    Parameters
    ----------
    path : str
        The key or path.
    store : str
        Name of the store's class.
    """

    def __init__(self, path: str, store: str) -> None:
        super().__init__(path, store)
        self.path, self.store = path, store

    def __str__(self) -> str:
        return (
            f"{self.path!r} can't be deleted or moved: a {self.store} is not erasable. "
            "Copy what you want to keep to a new store."
        )


class AccessWarning(UserWarning):
    """A listing leaves out a directory that the user may not look into."""


class LockWarning(UserWarning):
    """Another process holds the lock of a value for long, or a file system has no locks that exclude all writers."""


class ManyFilesWarning(UserWarning):
    """A new array will have a million files or more, and file systems are slow with these."""


def level_of_user(*packages: str) -> int:
    """Return the `stacklevel` with which a warning of the caller is shown at the line of the program.

    Parameters
    ----------
    *packages : str
        The packages whose frames are skipped; zarrcy by default.
    """
    skipped = packages or ("zarrcy",)
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and str(frame.f_globals.get("__name__")).partition(".")[0] in skipped:
        frame, level = frame.f_back, level + 1
    return level


class ForeignDataError(ZarrcyError, FileExistsError, ValueError):
    """A place that is to be replaced is not a node, and holds something that Zarr did not write.

    Parameters
    ----------
    path : str
        Path of the node in the store; empty for the root.
    key : str
        What is in the way: a key, or the name of a file.
    """

    def __init__(self, path: str, key: str) -> None:
        super().__init__(path, key)
        self.path, self.key = path, key

    def __str__(self) -> str:
        where = f"{self.path!r}" if self.path else "the root of the store"
        return (
            f"{where} is not an array or a group, and it holds {self.key!r}, which Zarr did not write and which would "
            "be deleted. Move it away, or choose another path."
        )


class MissingExtraError(ZarrcyError, ImportError):
    """An optional package is needed but not installed.

    Parameters
    ----------
    package : str
        Name of the package.
    extra : str
        The extra of zarrcy that installs the package.
    purpose : str
        The class or function that needs the package.
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(package, extra, purpose)
        self.package, self.extra, self.purpose = package, extra, purpose

    def __str__(self) -> str:
        return f"{self.purpose} needs the package {self.package!r}: pip install 'zarrcy[{self.extra}]'"


class FSPathExistNotDir(ZarrcyError, NotADirectoryError, ValueError):  # noqa: N818 - as in zarr-python 2
    """The directory of a store is a file.

    Parameters
    ----------
    path : str
        The path.
    """

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path!r} exists and is not a directory. Choose another path for the store."


# a name that zarr-python 2 has
ArrayIndexError = SelectionError
