"""``zarrcy info``: print the properties of an array or a group, as text or as JSON."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping

from zarrcy.cli.arguments import add_json, add_location
from zarrcy.cli.hdf5_values import json_value
from zarrcy.cli.locations import in_hierarchy, open_location, require_kind
from zarrcy.cli.text import format_nbytes, format_ratio, printable
from zarrcy.cli.tree import nodes_below
from zarrcy.hierarchy.arrays import Array
from zarrcy.hierarchy.creation import open_array
from zarrcy.hierarchy.file_counts import n_files
from zarrcy.hierarchy.node import Node
from zarrcy.hierarchy.outdated_copies import outdated_copies
from zarrcy.hierarchy.report import counts_fast, lengths_text
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.metadata.v2.dtypes import encode_dtype, encode_fill_value
from zarrcy.storage.listing import getsize_deep
from zarrcy.types import JSON

__all__ = ["add_arguments", "info_lines", "node_info", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the description and the arguments of ``zarrcy info``."""
    parser.description = "Print the properties, the stored size and the attributes of an array or a group."
    add_location(parser, "an array or a group")
    parser.add_argument(
        "--count",
        action="store_true",
        help="count the stored chunks and bytes of an array, whose names must be listed for that; otherwise only an "
        "array of less than 10,000 chunks or shards is counted",
    )
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    """Print the properties of a node."""
    info = node_info(args.path, counts=args.count)
    print(json.dumps(info, indent=2, allow_nan=False) if args.json else "\n".join(info_lines(info)))


# -- collect ---------------------------------------------------------------------------------------


def node_info(location: str, counts: bool = False) -> dict[str, JSON]:
    """Return the properties of the array or the group at a location, as values that JSON can represent.

    Parameters
    ----------
    location : str
        Path or URL of the node.
    counts : bool, optional
        Whether the stored chunks of an array are counted however many there can be.

    Raises
    ------
    CommandError
        If the location contains neither an array nor a group.
    MetadataError
        If its metadata cannot be used.
    """
    with open_location(location) as node:
        kind = require_kind(node, location)
        whole = in_hierarchy(location, node)
        info = (
            _group_info(node)
            if kind == "group"
            else _array_info(open_array(node.store, "r", path=node.path), counts)
        )
        outdated = outdated_copies(whole)
        return {"name": f"/{whole.path}"} | info | ({"outdated_copies": outdated} if outdated else {})


def _array_info(array: Array, counts: bool) -> dict[str, JSON]:
    counts = counts or counts_fast(array)
    nbytes_stored = array.nbytes_stored if counts else None
    info = {
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
        # a store that does not know its size reports -1
        "ratio": array.nbytes / nbytes_stored if nbytes_stored is not None and nbytes_stored > 0 else None,
        "nchunks": array.nchunks,
        # null if it is not counted
        "nchunks_initialized": array.nchunks_initialized if counts else None,
        # null if the store does not keep each chunk, or shard, in a file
        "nfiles_if_full": n_files(array.description, array.chunk_store),
        "attributes": json_value(array.attrs.asdict()),
    }
    axes = array.description.rectilinear_axes
    if axes is not None:
        # pairs of a number of chunks and their length, in the order of the axis
        lengths = [[[count, length] for length, count in axis.runs] for axis in axes]
        info["chunk_lengths" if array.shards is None else "shard_lengths"] = lengths
    if array.shards is not None:
        info["shard_shape"] = list(array.shards)
    if array.dimension_names is not None:
        info["dimension_names"] = list(array.dimension_names)
    return info


def _group_info(node: Node) -> dict[str, JSON]:
    kinds = [kind for _, kind in nodes_below(node)]
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


# -- print -----------------------------------------------------------------------------------------


def info_lines(info: Mapping[str, JSON]) -> list[str]:
    """Return the result of `node_info` as aligned lines."""
    rows = _array_rows(info) if "shape" in info else _group_rows(info)
    if "outdated_copies" in info:
        keys = ", ".join(map(repr, info["outdated_copies"]))
        rows["Consolidated"] = f"outdated in {keys}; consolidate the metadata again"
    rows["Attributes"] = "" if info["attributes"] else "none"
    width = max(map(len, rows)) + 2
    lines = [f"{label:{width}}{printable(text)}".rstrip() for label, text in rows.items()]
    names = {name: printable(name) for name in sorted(info["attributes"])}
    name_width = max(map(len, names.values()), default=0) + 2
    return lines + [f"  {names[name]:{name_width}}{_json_text(info['attributes'][name])}" for name in names]


def _array_rows(info: Mapping[str, JSON]) -> dict[str, str]:
    up_to = "up to " if "shard_lengths" in info else ""
    shards = {"Shard shape": up_to + _tuple_text(info["shard_shape"])} if "shard_shape" in info else {}
    lengths = {
        f"{label} lengths": _lengths_text(info[f"{label.lower()}_lengths"], info["shape"])
        for label in ("Chunk", "Shard")
        if f"{label.lower()}_lengths" in info
    }
    names = {"Dimensions": _json_text(info["dimension_names"])} if "dimension_names" in info else {}
    return {
        "Name": info["name"],
        "Type": info["type"],
        "Data type": info["dtype"] if isinstance(info["dtype"], str) else _json_text(info["dtype"]),
        "Shape": _tuple_text(info["shape"]),
        "Chunk shape": ("up to " if "chunk_lengths" in info else "") + _tuple_text(info["chunk_shape"]),
        **shards,
        **lengths,
        **names,
        "Zarr format": str(info["zarr_format"]),
        "Order": info["order"],
        "Fill value": _json_text(info["fill_value"]),
        "Filters": ", ".join(map(_codec_text, info["filters"])) or "none",
        "Compressor": "none" if info["compressor"] is None else _codec_text(info["compressor"]),
        "Store type": info["store_type"],
        "Bytes": _nbytes_text(info["nbytes"]),
        "Bytes stored": _nbytes_text(info["nbytes_stored"]),
        "Ratio": (
            _NOT_COUNTED
            if info["nbytes_stored"] is None
            else format_ratio(info["nbytes"], info["nbytes_stored"])
        ),
        "Chunks stored": (
            f"{_NOT_COUNTED if info['nchunks_initialized'] is None else info['nchunks_initialized']} of "
            f"{info['nchunks']}"
        ),
        **({} if info["nfiles_if_full"] is None else {"Files if full": f"{info['nfiles_if_full']:,}"}),
    }


def _group_rows(info: Mapping[str, JSON]) -> dict[str, str]:
    return {
        "Name": info["name"],
        "Type": info["type"],
        "Zarr format": str(info["zarr_format"]),
        "Store type": info["store_type"],
        "Members": ", ".join(info["members"]) or "none",
        "Arrays below": str(info["narrays"]),
        "Groups below": str(info["ngroups"]),
        "Bytes stored": _nbytes_text(info["nbytes_stored"]),
    }


def _json_text(value: JSON) -> str:
    return printable(json.dumps(value, ensure_ascii=False))


def _tuple_text(lengths: list[int]) -> str:
    return str(tuple(lengths))


def _lengths_text(runs: list[list[list[int]]], shape: list[int]) -> str:
    axes = [AxisChunks(tuple((length, count) for count, length in axis)) for axis in runs]
    return lengths_text(axes, tuple(shape))


_NOT_COUNTED = "not counted (--count)"


def _nbytes_text(nbytes: int | None) -> str:
    if nbytes is None:
        return _NOT_COUNTED
    if nbytes < 0:
        return "unknown"
    return f"{nbytes} ({format_nbytes(nbytes)})" if nbytes >= 1024 else str(nbytes)


def _codec_text(config: dict[str, JSON]) -> str:
    options = ", ".join(f"{name}={_json_text(value)}" for name, value in config.items() if name != "id")
    return f"{config['id']}({options})"
