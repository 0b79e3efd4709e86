"""Copy arrays, groups and whole stores; from and to h5py too.

An array whose copy has the same chunks, codecs, type, order and fill value is copied as it is stored:
nothing is decoded.
"""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias

import numpy as np

from zarrcy.api.copy_elements import copy_elements
from zarrcy.api.progress import Advance, byte_progress
from zarrcy.errors import CopyError
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import opened_store
from zarrcy.keys import normalize_path, prefix_of
from zarrcy.storage import access
from zarrcy.types import JSON

Counts: TypeAlias = tuple[int, int, int]
"""How many were copied, how many were left out, and the bytes of what was copied."""
Log: TypeAlias = Callable[[str], Any]

_NODE_RULES = ("raise", "replace", "skip", "skip_initialized")
_KEY_RULES = ("raise", "replace", "skip")
_BATCH_KEYS = 256


# -- arrays and groups -----------------------------------------------------------------------------


def copy(
    source: Any,
    dest: Any,
    name: str | None = None,
    shallow: bool = False,
    without_attrs: bool = False,
    log: Any = None,
    if_exists: str = "raise",
    dry_run: bool = False,
    **create_kws: Any,
) -> Counts:
    """Copy an array, or a group with all that is in it, into a group.

    Parameters
    ----------
    source : array or group of ours, or dataset or group of h5py
    dest : group of ours or of h5py
    name : of the copy in `dest`; that of `source` by default
    shallow : leave out the groups in a group
    without_attrs : leave out the attributes
    log : what is done is told to it: a function, a path, or a file to write to
    if_exists : what to do where an object is already: "raise" an error, "replace" it, "skip" it, or
        "skip_initialized", which replaces an array that lacks chunks
    dry_run : do nothing, but tell what would be done
    **create_kws : how arrays are created, see `Group.create_dataset`; by default like their source

    Returns
    -------
    n_copied, n_skipped : how many arrays and groups
    n_bytes_copied : of elements, as they are in memory

    Raises
    ------
    CopyError : an object is there already
    TypeError : `source` is a root, which has no name, and no `name` is given

    Examples
    --------
    >>> import sys, zarrcy
    >>> source, dest = zarrcy.group(), zarrcy.group()
    >>> source["a/b"] = [1, 2]
    >>> zarrcy.copy(source["a"], dest, log=sys.stdout)
    copy /a
    copy /a/b (2,) int64
    all done: 2 copied, 0 skipped, 16 bytes copied
    (2, 0, 16)
    """
    if name is None:
        name = (source.name or "").rsplit("/", 1)[-1]
        if not name:
            raise TypeError("the source is a root, which has no name: give one with the parameter 'name'")
    with _Copier(dest, shallow, without_attrs, log, if_exists, dry_run, create_kws) as copier:
        copier.run([(name, source)], root=True)
    return copier.counts


def copy_all(
    source: Any,
    dest: Any,
    shallow: bool = False,
    without_attrs: bool = False,
    log: Any = None,
    if_exists: str = "raise",
    dry_run: bool = False,
    **create_kws: Any,
) -> Counts:
    """Copy all that is in a group into another group, and the attributes of the group.

    See `copy` for the parameters, and for what is returned and raised.

    Examples
    --------
    >>> import zarrcy
    >>> source, dest = zarrcy.group(), zarrcy.group()
    >>> source["a/b"] = [1, 2]
    >>> zarrcy.copy_all(source, dest)
    (2, 0, 16)
    >>> dest["a/b"][:]
    array([1, 2])
    """
    with _Copier(dest, shallow, without_attrs, log, if_exists, dry_run, create_kws) as copier:
        copier.run(list(source.items()), root=False)
        if not dry_run and not without_attrs:
            copier.copy_attributes(source, dest)
    return copier.counts


class _Copier:
    """Copies what is in one group to another, and counts."""

    def __init__(
        self,
        dest: Any,
        shallow: bool,
        without_attrs: bool,
        log: Any,
        if_exists: str,
        dry_run: bool,
        create_kws: dict[str, Any],
    ) -> None:
        if not hasattr(dest, "create_dataset"):
            raise ValueError(f"dest is {dest!r}; it must be a group")
        _check_rule(if_exists, _NODE_RULES)
        self.to_h5py = _is_h5py(dest)
        if self.to_h5py and if_exists == "skip_initialized":
            raise ValueError("if_exists='skip_initialized' is for copies to zarr only")
        self.dest, self.shallow, self.without_attrs = dest, shallow, without_attrs
        self.if_exists, self.dry_run, self.create_kws = if_exists, dry_run, create_kws
        self.n_copied = self.n_skipped = self.n_bytes_copied = 0
        self._opening = _logger(log)
        self._quiet = log is not None or dry_run

    @property
    def counts(self) -> Counts:
        return self.n_copied, self.n_skipped, self.n_bytes_copied

    def __enter__(self) -> _Copier:
        self.log = self._opening.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: Any) -> None:
        if kind is None:
            self.log(_summary(self.dry_run, self.counts))
        self._opening.__exit__(kind, *rest)

    def run(self, things: list[tuple[str, Any]], root: bool) -> None:
        """Copy objects to paths in the destination."""
        # all that is to be copied, before anything is: the destination may lie within the source
        steps = [step for path, thing in things for step in self._survey(path, thing, root)]
        total = sum(_nbytes(thing) for _, thing in steps)
        skipped = None
        with byte_progress(total, "copying", quiet=self._quiet) as advance:
            for path, thing in steps:
                if skipped is not None and path.startswith(skipped):
                    continue
                copied = (self._copy_array if _is_array(thing) else self._copy_group)(path, thing, advance)
                if copied:
                    self.n_copied += 1
                else:
                    self.n_skipped += 1
                    self.log(f"skip {_label(thing)}")
                    skipped = prefix_of(path)

    def _survey(self, path: str, thing: Any, root: bool) -> Iterator[tuple[str, Any]]:
        if _is_array(thing):
            yield path, thing
        elif root or not self.shallow:
            yield path, thing
            for name, child in thing.items():
                yield from self._survey(f"{path}/{name}", child, False)

    def _copy_array(self, path: str, source: Any, advance: Advance) -> bool:
        exists = path in self.dest
        if exists and not self._replaces(path, "an object"):
            return False
        self.log(f"copy {_label(source)}")
        if self.dry_run:
            return True
        if exists:
            del self.dest[path]
        kws = (_kws_for_h5py if self.to_h5py else words_like)(source, self.dest, self.create_kws)
        if "compression" in self.create_kws:
            # the options of another compression
            kws.pop("compression_opts", None)
        kws |= {"shape": source.shape} | self.create_kws
        array = self.dest.create_dataset(path, **kws)
        copy_elements(source, array, advance, asstr=_is_text(source))
        self.n_bytes_copied += array.size * array.dtype.itemsize
        if not self.without_attrs:
            self.copy_attributes(source, array)
        return True

    def _copy_group(self, path: str, source: Any, advance: Advance) -> bool:
        array_is_there = path in self.dest and _is_array(self.dest[path])
        if array_is_there and self.if_exists != "skip_initialized" and not self._replaces(path, "an array"):
            return False
        self.log(f"copy {_label(source)}")
        if self.dry_run:
            return True
        if array_is_there:
            del self.dest[path]
        group = self.dest.require_group(path)
        if not self.without_attrs:
            self.copy_attributes(source, group)
        return True

    def _replaces(self, path: str, what: str) -> bool:
        """Is what is at a path to make room?"""
        if self.if_exists == "raise":
            raise CopyError(what, path, self.dest.name)
        if self.if_exists == "skip_initialized":
            there = self.dest[path]
            return not _is_array(there) or there.nchunks_initialized < there.nchunks
        return self.if_exists == "replace"

    def copy_attributes(self, source: Any, target: Any) -> None:
        attributes = dict(source.attrs)
        if _is_h5py(source) and not self.to_h5py:
            attributes = {name: _json_of(value) for name, value in attributes.items()}
        elif isinstance(source, Array) and isinstance(target, Array):
            format = target._node.format
            if format is not source._node.format:
                _, attributes = format.place_names(source.dimension_names, attributes, source.ndim)
        if attributes:
            target.attrs.update(attributes)


def _is_h5py(thing: Any) -> bool:
    return type(thing).__module__.startswith("h5py.")


def _is_array(thing: Any) -> bool:
    return hasattr(thing, "shape")


def _nbytes(thing: Any) -> int:
    return math.prod(thing.shape) * int(thing.dtype.itemsize) if _is_array(thing) else 0


def _label(thing: Any) -> str:
    return f"{thing.name} {thing.shape} {thing.dtype}" if _is_array(thing) else str(thing.name)


def _json_of(value: Any) -> JSON:
    """Return an attribute of h5py as JSON has it."""
    if isinstance(value, np.ndarray):
        return [_json_of(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


# -- elements --------------------------------------------------------------------------------------


def words_like(source: Any, dest: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return how to create an array of ours that is like another of ours, or of h5py, but for what was asked."""
    kws: dict[str, Any] = {"dtype": source.dtype, "chunks": getattr(source, "chunks", None)}
    if isinstance(source, Array):
        kws |= {
            "compressor": source.compressor,
            "filters": source.filters,
            "order": source.order,
            "fill_value": source.fill_value,
        }
        format = source._node.format
        if format is dest._node.format:
            kws |= format.create_kwargs_like(source.metadata, asked)
        else:
            names, _ = dest._node.format.place_names(
                source.dimension_names, source.attrs.asdict(), source.ndim
            )
            kws |= {} if names is None else {"dimension_names": names}
        said = "chunk_key_encoding" in kws or access.dimension_separator(dest.store) is not None
        if not said and source.dimension_separator != ".":
            kws["dimension_separator"] = source.dimension_separator
    elif _is_text(source):
        kws |= {"dtype": str, "fill_value": ""}
    else:
        kws["fill_value"] = getattr(source, "fillvalue", 0)
    return kws


def _kws_for_h5py(source: Any, dest: Any, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return how to create a dataset of h5py that is like another, or like an array of ours."""
    kws: dict[str, Any] = {"dtype": source.dtype}
    if _is_h5py(source):
        own = ("chunks", "compression", "compression_opts", "shuffle", "fletcher32", "fillvalue")
        return kws | {name: getattr(source, name) for name in own}
    if source.dtype.hasobject:
        import h5py

        kws["dtype"] = h5py.string_dtype()
    else:
        kws["fillvalue"] = source.fill_value
    if source.size and source.shape:
        # HDF5 wants no chunk to reach beyond the array, and none where there is nothing to cut
        chunks = tuple(min(n, m) for n, m in zip(source.chunks, source.shape, strict=True))
        kws |= {"chunks": chunks, "compression": "gzip", "compression_opts": 1}
    return kws


def _is_text(source: Any) -> bool:
    """Is this a dataset of h5py that holds texts of any length?"""
    if not _is_h5py(source) or not source.dtype.hasobject:
        return False
    import h5py

    return h5py.check_string_dtype(source.dtype) is not None


# -- stores ----------------------------------------------------------------------------------------


def copy_store(
    source: Any,
    dest: Any,
    source_path: str = "",
    dest_path: str = "",
    excludes: str | Sequence[str] | None = None,
    includes: str | Sequence[str] | None = None,
    flags: int = 0,
    if_exists: str = "raise",
    dry_run: bool = False,
    log: Any = None,
) -> Counts:
    """Copy keys and values from store to store, as they are.

    Parameters
    ----------
    source, dest : mappings, our stores, paths or URLs
    source_path : copy what is below it
    dest_path : copy to below it
    excludes : regular expressions; a key in which one is found is left out
    includes : regular expressions; a key in which one is found is not left out after all
    flags : of the regular expressions, see `re`
    if_exists : what to do where a key is already: "raise" an error, "replace" its value or "skip" it
    dry_run : do nothing, but tell what would be done
    log : what is done is told to it: a function, a path, or a file to write to

    Returns
    -------
    n_copied, n_skipped : how many keys
    n_bytes_copied : of values

    Raises
    ------
    CopyError : a key is there already

    Examples
    --------
    >>> import sys, zarrcy
    >>> source, dest = {}, {}
    >>> zarrcy.save(source, a=[1, 2])
    >>> zarrcy.copy_store(source, dest, dest_path="b", log=sys.stdout)
    copy .zgroup -> b/.zgroup
    copy a/.zarray -> b/a/.zarray
    copy a/0 -> b/a/0
    all done: 3 copied, 0 skipped, ... bytes copied
    (3, 0, ...)
    """
    _check_rule(if_exists, _KEY_RULES)
    from_prefix, to_prefix = prefix_of(normalize_path(source_path)), prefix_of(normalize_path(dest_path))
    left_out, kept = _patterns(excludes, flags), _patterns(includes, flags)
    quiet = log is not None or dry_run
    if dry_run and isinstance(dest, (str, os.PathLike)) and not os.path.exists(dest):
        # to open a zip file would make it
        dest = {}
    n_copied = n_skipped = n_bytes = 0
    with (
        opened_store(source, "r") as giver,
        opened_store(dest, "a") as taker,
        _logger(log) as tell,
        byte_progress(None, "copying", quiet=quiet) as advance,
    ):
        fetch, put = access.reader(giver), access.writer(taker)
        keys = (
            key
            for key in sorted(giver)
            if key.startswith(from_prefix)
            and (not any(p.search(key) for p in left_out) or any(p.search(key) for p in kept))
        )
        while batch := list(itertools.islice(keys, _BATCH_KEYS)):
            chosen = {}
            for key in batch:
                target = to_prefix + key[len(from_prefix) :]
                label = key if key == target else f"{key} -> {target}"
                if if_exists != "replace" and target in taker:
                    if if_exists == "raise":
                        raise CopyError("a key", target, type(taker).__name__)
                    tell(f"skip {label}")
                    n_skipped += 1
                    continue
                tell(f"copy {label}")
                n_copied += 1
                chosen[target] = key
            if dry_run:
                continue
            fetched = zip(chosen, fetch(list(chosen.values())), strict=True)
            values = {target: value for target, value in fetched if value is not None}
            put(values)
            nbytes = sum(memoryview(value).nbytes for value in values.values())
            n_bytes += nbytes
            advance(nbytes)
        counts = (n_copied, n_skipped, n_bytes)
        tell(_summary(dry_run, counts))
    return counts


def _patterns(given: str | Sequence[str] | None, flags: int) -> list[re.Pattern[str]]:
    texts = [given] if isinstance(given, str) else given or []
    return [re.compile(text, flags) for text in texts]


# -- what is told ----------------------------------------------------------------------------------


def _check_rule(if_exists: str, rules: tuple[str, ...]) -> None:
    if if_exists not in rules:
        raise ValueError(f"if_exists is {if_exists!r}; it must be one of {', '.join(map(repr, rules))}")


def _summary(dry_run: bool, counts: Counts) -> str:
    done = f"{counts[0]:,} copied, {counts[1]:,} skipped"
    return f"dry run: {done}" if dry_run else f"all done: {done}, {counts[2]:,} bytes copied"


@contextmanager
def _logger(log: Any) -> Iterator[Log]:
    """Make a function that tells lines to a function, a path, a file, or nobody."""
    if log is None:
        yield lambda line: None
    elif callable(log):
        yield log
    elif isinstance(log, (str, os.PathLike)):
        with open(log, "w", encoding="utf-8") as file:
            yield lambda line: _write_line(file, line)
    elif hasattr(log, "write"):
        yield lambda line: _write_line(log, line)
    else:
        raise TypeError(f"log is {log!r}; it must be a function, a path, or a file to write to")


def _write_line(file: Any, line: str) -> None:
    print(line, file=file)
    # who watches wants to see each line at once
    if hasattr(file, "flush"):
        file.flush()
