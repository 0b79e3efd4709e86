"""Look at what is in a directory: the facts about one array, or the tree below a group."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from zarrcy.api import open_array
from zarrcy.array import Array
from zarrcy.cli.failure import CommandError, one_line
from zarrcy.cli.text import format_nbytes, format_ratio, printable
from zarrcy.cli.values import json_value
from zarrcy.errors import MetadataError
from zarrcy.formats.scalars import encode_dtype, encode_fill_value
from zarrcy.node import Node
from zarrcy.storage.directory import DirectoryStore
from zarrcy.types import JSON

__all__ = ["facts_of", "facts_text", "open_at", "tree_lines"]


def open_at(path: str) -> Array:
    """Open the array in a directory, with the directory as its store.

    Raises
    ------
    CommandError : there is no array
    """
    if _kind_at(path) == "group":
        raise CommandError(f"{path} is a group; 'zarrcy tree {path}' shows the arrays in it")
    return open_array(DirectoryStore(path), mode="r")


def _kind_at(path: str) -> str:
    if not os.path.lexists(path):
        raise CommandError(f"{path}: there is no such directory")
    if not os.path.isdir(path):
        raise CommandError(f"{path} is no directory; arrays in directories are all that can be looked at")
    kind = Node(DirectoryStore(path)).kind()
    if kind is None:
        raise CommandError(f"{path} is neither an array nor a group: it holds neither .zarray nor .zgroup")
    return kind


def _name_in_store(path: str) -> str:
    """Return the path of an array below the topmost of the groups that it lies in."""
    place = Path(path).resolve()
    root = place
    while (root.parent / ".zgroup").is_file():
        root = root.parent
    return "/" if root == place else f"/{place.relative_to(root).as_posix()}"


# -- facts ---------------------------------------------------------------------------------------


def facts_of(path: str) -> dict[str, JSON]:
    """Return the facts about the array in a directory, as JSON can hold them.

    Raises
    ------
    CommandError : there is no array
    MetadataError : its metadata can't be used
    """
    array = open_at(path)
    nbytes_stored = array.nbytes_stored
    return {
        "name": _name_in_store(path),
        "type": f"{type(array).__module__.partition('.')[0]}.{type(array).__qualname__}",
        "zarr_format": array.zarr_format,
        "dtype": encode_dtype(array.dtype),
        "shape": list(array.shape),
        "chunk_shape": list(array.chunks),
        "order": array.order,
        "fill_value": json_value(encode_fill_value(array.fill_value, array.dtype)),
        "filters": [json_value(codec.get_config()) for codec in array.filters or []],
        "compressor": None if array.compressor is None else json_value(array.compressor.get_config()),
        "dimension_separator": array.dimension_separator,
        "store_type": type(array.store).__name__,
        "nbytes": array.nbytes,
        "nbytes_stored": nbytes_stored,
        "ratio": array.nbytes / nbytes_stored,
        "nchunks": array.nchunks,
        "nchunks_initialized": array.nchunks_initialized,
        "attributes": json_value(array.attrs.asdict()),
    }


def facts_text(facts: Mapping[str, JSON]) -> list[str]:
    """Return facts as aligned lines."""
    rows = {
        "Name": facts["name"],
        "Type": facts["type"],
        "Data type": facts["dtype"] if isinstance(facts["dtype"], str) else _compact(facts["dtype"]),
        "Shape": _tuple_text(facts["shape"]),
        "Chunk shape": _tuple_text(facts["chunk_shape"]),
        "Order": facts["order"],
        "Fill value": _compact(facts["fill_value"]),
        "Filters": ", ".join(map(_codec_text, facts["filters"])) or "none",
        "Compressor": "none" if facts["compressor"] is None else _codec_text(facts["compressor"]),
        "Store type": facts["store_type"],
        "Bytes": _nbytes_text(facts["nbytes"]),
        "Bytes stored": _nbytes_text(facts["nbytes_stored"]),
        "Ratio": format_ratio(facts["nbytes"], facts["nbytes_stored"]),
        "Chunks stored": f"{facts['nchunks_initialized']} of {facts['nchunks']}",
        "Attributes": "" if facts["attributes"] else "none",
    }
    width = max(map(len, rows)) + 2
    lines = [f"{label:{width}}{printable(text)}".rstrip() for label, text in rows.items()]
    names = {name: printable(name) for name in sorted(facts["attributes"])}
    inner = max(map(len, names.values()), default=0) + 2
    return lines + [f"  {names[name]:{inner}}{_compact(facts['attributes'][name])}" for name in names]


def _compact(value: JSON) -> str:
    return printable(json.dumps(value, ensure_ascii=False))


def _tuple_text(lengths: list[int]) -> str:
    return str(tuple(lengths))


def _nbytes_text(nbytes: int) -> str:
    return f"{nbytes} ({format_nbytes(nbytes)})" if nbytes >= 1024 else str(nbytes)


def _codec_text(config: dict[str, JSON]) -> str:
    options = ", ".join(f"{name}={_compact(value)}" for name, value in config.items() if name != "id")
    return f"{config['id']}({options})"


# -- tree ----------------------------------------------------------------------------------------

_BRANCHES = ("├── ", "│   ", "└── ", "    ")
_PLAIN_BRANCHES = ("|-- ", "|   ", "`-- ", "    ")


def tree_lines(path: str, encoding: str = "utf-8") -> Iterator[str]:
    """Iterate over the lines of a tree: an array is one line, a group is followed by what lies in it.

    Parameters
    ----------
    path : of a directory that holds an array or a group
    encoding : of the output; box-drawing characters are used where it has them

    Raises
    ------
    CommandError : there is neither
    """
    name = os.path.basename(os.path.abspath(path))
    if _kind_at(path) == "array":
        yield f"{printable(name)} {_facts_line(path)}"
        return
    try:
        "".join(_BRANCHES).encode(encoding)
        branches = _BRANCHES
    except UnicodeEncodeError:
        branches = _PLAIN_BRANCHES
    yield printable(name)
    yield from _lines_below(path, "", branches, {os.path.realpath(path)})


def _lines_below(
    path: str, indent: str, branches: tuple[str, str, str, str], above: set[str]
) -> Iterator[str]:
    fork, bar, corner, blank = branches
    store = DirectoryStore(path)
    kinds = {
        name: Node(store, name).kind() for name in store.listdir() if os.path.isdir(store.dir_path(name))
    }
    names = [name for name, kind in kinds.items() if kind is not None]
    for name in names:
        last = name == names[-1]
        lead = indent + (corner if last else fork)
        child = store.dir_path(name)
        real = os.path.realpath(child)
        if kinds[name] == "array":
            yield f"{lead}{printable(name)} {_facts_line(child)}"
        elif real in above:
            yield f"{lead}{printable(name)} (a link back to a group above)"
        else:
            yield f"{lead}{printable(name)}"
            yield from _lines_below(child, indent + (blank if last else bar), branches, {*above, real})


def _facts_line(path: str) -> str:
    try:
        array = open_array(DirectoryStore(path), mode="r")
    except MetadataError as exc:
        return f"({printable(one_line(exc))})"
    return f"{array.shape} {printable(str(array.dtype))}"
