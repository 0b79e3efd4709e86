"""Look at what is at a place: the facts about an array or a group, or the tree below a group."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping

from zarrcy.api.consolidate import consolidate_metadata
from zarrcy.cli.failure import CommandError, one_line
from zarrcy.cli.locations import kind_of, local_path, opened_place
from zarrcy.cli.text import format_nbytes, format_ratio, printable
from zarrcy.cli.values import json_value
from zarrcy.errors import MetadataError
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import open_array
from zarrcy.hierarchy.node import Node
from zarrcy.metadata import keeps_one_document
from zarrcy.metadata.v2.dtypes import encode_dtype, encode_fill_value
from zarrcy.storage.listing import getsize_deep
from zarrcy.storage.local.directory import DirectoryStore
from zarrcy.types import JSON

__all__ = ["consolidate", "facts_of", "facts_text", "tree_lines"]


def _name_in_store(place: str, node: Node) -> str:
    """Return the path of a node below the topmost of the groups that it lies in."""
    local = local_path(place)
    if node.path or local is None or not local.is_dir():
        return f"/{node.path}"
    root = local
    while Node(DirectoryStore(root.parent)).kind() == "group":
        root = root.parent
    return "/" if root == local else f"/{local.relative_to(root).as_posix()}"


# -- facts ---------------------------------------------------------------------------------------


def facts_of(place: str) -> dict[str, JSON]:
    """Return the facts about the array or the group at a place, as JSON can hold them.

    Raises
    ------
    CommandError : there is neither
    MetadataError : its metadata can't be used
    """
    with opened_place(place) as node:
        kind = kind_of(node, place)
        name = _name_in_store(place, node)
        if kind == "group":
            return {"name": name} | _facts_of_group(node)
        return {"name": name} | _facts_of_array(open_array(node.store, mode="r", path=node.path))


def _facts_of_array(array: Array) -> dict[str, JSON]:
    nbytes_stored = array.nbytes_stored
    facts = {
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
        # a store that can't tell says -1
        "ratio": array.nbytes / nbytes_stored if nbytes_stored > 0 else None,
        "nchunks": array.nchunks,
        "nchunks_initialized": array.nchunks_initialized,
        "attributes": json_value(array.attrs.asdict()),
    }
    if array.shards is not None:
        facts["shard_shape"] = list(array.shards)
    if array.dimension_names is not None:
        facts["dimension_names"] = list(array.dimension_names)
    return facts


def _facts_of_group(node: Node) -> dict[str, JSON]:
    kinds = [kind for _, kind in _nodes_below(node, set())]
    return {
        "type": "zarrcy.Group",
        "zarr_format": node.format.ZARR_FORMAT,
        "store_type": type(node.store).__name__,
        "members": [name for name, _ in node.members()],
        "narrays": kinds.count("array"),
        "ngroups": kinds.count("group"),
        "nbytes_stored": getsize_deep(node.store, node.path),
        "attributes": json_value(node.load_attributes()),
    }


def facts_text(facts: Mapping[str, JSON]) -> list[str]:
    """Return facts as aligned lines."""
    rows = _rows_of_array(facts) if "shape" in facts else _rows_of_group(facts)
    rows["Attributes"] = "" if facts["attributes"] else "none"
    width = max(map(len, rows)) + 2
    lines = [f"{label:{width}}{printable(text)}".rstrip() for label, text in rows.items()]
    names = {name: printable(name) for name in sorted(facts["attributes"])}
    inner = max(map(len, names.values()), default=0) + 2
    return lines + [f"  {names[name]:{inner}}{_compact(facts['attributes'][name])}" for name in names]


def _rows_of_array(facts: Mapping[str, JSON]) -> dict[str, str]:
    shards = {"Shard shape": _tuple_text(facts["shard_shape"])} if "shard_shape" in facts else {}
    names = {"Dimensions": _compact(facts["dimension_names"])} if "dimension_names" in facts else {}
    return {
        "Name": facts["name"],
        "Type": facts["type"],
        "Data type": facts["dtype"] if isinstance(facts["dtype"], str) else _compact(facts["dtype"]),
        "Shape": _tuple_text(facts["shape"]),
        "Chunk shape": _tuple_text(facts["chunk_shape"]),
        **shards,
        **names,
        "Zarr format": str(facts["zarr_format"]),
        "Order": facts["order"],
        "Fill value": _compact(facts["fill_value"]),
        "Filters": ", ".join(map(_codec_text, facts["filters"])) or "none",
        "Compressor": "none" if facts["compressor"] is None else _codec_text(facts["compressor"]),
        "Store type": facts["store_type"],
        "Bytes": _nbytes_text(facts["nbytes"]),
        "Bytes stored": _nbytes_text(facts["nbytes_stored"]),
        "Ratio": format_ratio(facts["nbytes"], facts["nbytes_stored"]),
        "Chunks stored": f"{facts['nchunks_initialized']} of {facts['nchunks']}",
    }


def _rows_of_group(facts: Mapping[str, JSON]) -> dict[str, str]:
    return {
        "Name": facts["name"],
        "Type": facts["type"],
        "Zarr format": str(facts["zarr_format"]),
        "Store type": facts["store_type"],
        "Members": ", ".join(facts["members"]) or "none",
        "Arrays below": str(facts["narrays"]),
        "Groups below": str(facts["ngroups"]),
        "Bytes stored": _nbytes_text(facts["nbytes_stored"]),
    }


def _compact(value: JSON) -> str:
    return printable(json.dumps(value, ensure_ascii=False))


def _tuple_text(lengths: list[int]) -> str:
    return str(tuple(lengths))


def _nbytes_text(nbytes: int) -> str:
    if nbytes < 0:
        return "unknown"
    return f"{nbytes} ({format_nbytes(nbytes)})" if nbytes >= 1024 else str(nbytes)


def _codec_text(config: dict[str, JSON]) -> str:
    options = ", ".join(f"{name}={_compact(value)}" for name, value in config.items() if name != "id")
    return f"{config['id']}({options})"


# -- tree ----------------------------------------------------------------------------------------

_BRANCHES = ("├── ", "│   ", "└── ", "    ")
_PLAIN_BRANCHES = ("|-- ", "|   ", "`-- ", "    ")


def tree_lines(place: str, encoding: str = "utf-8", level: int | None = None) -> Iterator[str]:
    """Iterate over the lines of a tree: an array is one line, a group is followed by what lies in it.

    Unlike `zarrcy.tree`, which opens all that it draws, this goes on after damaged metadata, and ends
    where a link of the file system leads back.

    Parameters
    ----------
    place : of an array or a group
    encoding : of the output; box-drawing characters are used where it has them
    level : how deep to go; None goes to the end

    Raises
    ------
    CommandError : there is neither
    """
    with opened_place(place) as node:
        local = local_path(place)
        # a link is called by its own name, not by that of what it leads to
        name = printable(os.path.basename(place.rstrip("/") if local is None else os.path.abspath(place)))
        if kind_of(node, place) == "array":
            yield f"{name} {_facts_line(node)}"
            return
        try:
            "".join(_BRANCHES).encode(encoding)
            branches = _BRANCHES
        except UnicodeEncodeError:
            branches = _PLAIN_BRANCHES
        yield name
        yield from _lines_below(node, "", branches, {_identity(node)}, level)


def _lines_below(
    node: Node, indent: str, branches: tuple[str, str, str, str], above: set[str], level: int | None
) -> Iterator[str]:
    if level is not None and level <= 0:
        return
    fork, bar, corner, blank = branches
    members = list(node.members())
    for number, (name, kind) in enumerate(members, 1):
        last = number == len(members)
        lead = indent + (corner if last else fork)
        child = node.at(node.prefix + name)
        if kind == "array":
            yield f"{lead}{printable(name)} {_facts_line(child)}"
        elif _identity(child) in above:
            yield f"{lead}{printable(name)} (a link back to a group above)"
        else:
            yield f"{lead}{printable(name)}"
            deeper = None if level is None else level - 1
            yield from _lines_below(
                child, indent + (blank if last else bar), branches, {*above, _identity(child)}, deeper
            )


def consolidate(place: str) -> int:
    """Write the metadata of a hierarchy into one document, and return of how many nodes they are.

    Raises
    ------
    CommandError : there is none, or its format can't be consolidated
    """
    with opened_place(place, "r+") as node:
        if kind_of(node, place) == "array" or (node.path and not keeps_one_document(node.format)):
            raise CommandError(f"{place} is no group at the root of a store, and only such are consolidated")
        consolidate_metadata(node.store, path=node.path)
        return 1 + sum(1 for _ in _nodes_below(node, set()))


def _nodes_below(node: Node, above: set[str]) -> Iterator[tuple[str, str]]:
    """Iterate over path and kind of all nodes below one; a link back to a group above is left out."""
    here = {*above, _identity(node)}
    for name, kind in node.members():
        child = node.at(node.prefix + name)
        if kind == "array":
            yield child.path, kind
        elif _identity(child) not in here:
            yield child.path, kind
            yield from _nodes_below(child, here)


def _identity(node: Node) -> str:
    """Return what two paths have in common that lead to the same group."""
    if isinstance(node.store, DirectoryStore):
        return os.path.realpath(node.store.dir_path(node.path))
    return node.path


def _facts_line(node: Node) -> str:
    try:
        array = open_array(node.store, mode="r", path=node.path)
    except MetadataError as exc:
        return f"({printable(one_line(exc))})"
    return f"{array.shape} {printable(str(array.dtype))}"
