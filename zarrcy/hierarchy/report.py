"""Reports about arrays and groups: aligned text for a terminal, a table for a notebook."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from zarrcy.hierarchy.file_counts import n_files
from zarrcy.hierarchy.stored_chunks import stored_counts
from zarrcy.storage import access

if TYPE_CHECKING:
    from zarrcy.hierarchy.arrays import Array
    from zarrcy.hierarchy.node import Node
    from zarrcy.indexing.axis_chunks import AxisChunks
    from zarrcy.types import Shape

Rows = list[tuple[str, str]]
# Runs of equal chunks along an axis that a report shows.
_MOST_RUNS = 5


class InfoReport:
    """Rows of names and values that print as text, and as a table in a notebook.

    Parameters
    ----------
    rows : callable
        Returns the rows. It is called each time the report is printed.
    """

    def __init__(self, rows: Callable[[], Rows]) -> None:
        self._rows = rows

    def __repr__(self) -> str:
        return text_table(self._rows())

    def _repr_html_(self) -> str:
        return html_table(self._rows())


def text_table(rows: Sequence[tuple[str, str]]) -> str:
    """Return rows of names and values as aligned text.

    >>> print(text_table([("Name", "a"), ("Data type", "int32")]))
    Name      : a
    Data type : int32
    """
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}} : {value}" for name, value in rows)


def html_table(rows: Iterable[tuple[str, str]]) -> str:
    """Return rows of names and values as a table for a notebook.

    >>> "a&lt;b" in html_table([("Name", "a<b")])
    True
    """
    import html

    cells = "".join(
        f'<tr><th style="text-align: left">{html.escape(name)}</th>'
        f'<td style="text-align: left">{html.escape(value)}</td></tr>'
        for name, value in rows
    )
    return f'<table class="zarrcy-info"><tbody>{cells}</tbody></table>'


def bytes_text(nbytes: int) -> str:
    """Return a number of bytes and, from 1024 on, the rounded number in a larger unit.

    >>> bytes_text(40000), bytes_text(337)
    ('40000 (39.1K)', '337')
    """
    if nbytes < 1024:
        return str(nbytes)
    rounded, unit = float(nbytes), ""
    for unit in "KMGTPE":  # noqa: B007
        rounded /= 1024
        if rounded < 1024:
            break
    return f"{nbytes} ({rounded:.1f}{unit})"


def type_name(value: object) -> str:
    """Return the full name of the type of `value`."""
    return f"{type(value).__module__}.{type(value).__qualname__}"


# -- arrays ------------------------------------------------------------------------------------------


# Names of stored values that a report lists without being asked: a few milliseconds on a local disk.
_MOST_NAMES = 10_000


def counts_fast(array: Array) -> bool:
    """Return whether an array has so few chunks, or shards, that a report counts those that are stored.

    The values of a mapping that cannot measure them would be read: a report does that only in memory.
    """
    store = array.chunk_store
    measures = access.is_in_memory(store) or hasattr(store, "getsize")
    return measures and math.prod(stored_counts(array.description, array.shape)) < _MOST_NAMES


def array_rows(array: Array, counts: bool = True) -> Rows:
    """Return the rows of `zarrcy.Array.info_items`. With `counts` false, no chunk is listed."""
    rows = array_metadata_rows(array)
    if not counts:
        return [*rows, ("Chunks initialized", f"not counted, of {array.nchunks}; info_complete() counts")]
    stored = array.nbytes_stored
    if stored > 0:
        rows.append(("No. bytes stored", bytes_text(stored)))
        rows.append(("Storage ratio", f"{array.nbytes / stored:.1f}"))
    rows.append(("Chunks initialized", f"{array.nchunks_initialized}/{array.nchunks}"))
    return rows


def file_rows(array: Array) -> Rows:
    """Return a row with the number of files that an array in a directory has once it is full, or no row."""
    n = n_files(array.description, array.chunk_store)
    return [] if n is None else [("Files if full", f"{n:,}")]


def outdated_rows(node: Node) -> Rows:
    """Return a row about consolidated metadata whose copy of a node differs from what is stored, or no row."""
    from zarrcy.hierarchy.outdated_copies import outdated_copies

    names = ", ".join(map(repr, outdated_copies(node)))
    return [("Consolidated", f"outdated in {names}; consolidate the metadata again")] if names else []


def array_metadata_rows(array: Array) -> Rows:
    """Return the rows of `zarrcy.Array.info` that do not depend on the stored chunks."""
    # in a rectilinear grid, stored values differ in shape: chunks or, if there are any, shards
    has_equal_chunks = array.description.rectilinear_axes is None or array.shards is not None
    synchronizer, chunk_store = array.synchronizer, array.chunk_store
    rows: list[tuple[str, object]] = [
        ("Name", array.name),
        ("Type", "zarrcy.Array"),
        ("Data type", array.dtype),
        ("Shape", array.shape),
        ("Chunk shape", array.chunks if has_equal_chunks else f"up to {array.chunks}"),
        *_shard_rows(array),
        *_length_rows(array),
        ("Order", array.order),
        ("Read-only", array.read_only),
        *((f"Filter [{i}]", codec) for i, codec in enumerate(array.filters or ())),
        ("Compressor", array.compressor),
        ("Synchronizer type", None if synchronizer is None else type_name(synchronizer)),
        ("Store type", type_name(array.store)),
        ("Chunk store type", None if chunk_store is array.store else type_name(chunk_store)),
        ("No. bytes", bytes_text(array.nbytes)),
    ]
    # as in zarr-python 2, "Compressor : None" is a row, and other rows without a value are left out
    return [(name, str(value)) for name, value in rows if value is not None or name == "Compressor"]


def _shard_rows(array: Array) -> list[tuple[str, object]]:
    """Return the rows about shards. Sizes are without compression."""
    if array.shards is None:
        return []
    chunk_nbytes, shard_nbytes = (
        math.prod(lengths) * array.itemsize for lengths in (array.chunks, array.shards)
    )
    up_to = "" if array.description.rectilinear_axes is None else "up to "
    return [
        ("Shard shape", f"{up_to}{array.shards}"),
        ("Chunk size", bytes_text(chunk_nbytes)),
        ("Shard size", up_to + bytes_text(shard_nbytes)),
    ]


def _length_rows(array: Array) -> list[tuple[str, object]]:
    """Return a row about the lengths of chunks, or shards, that differ in length."""
    axes = array.description.rectilinear_axes
    if axes is None:
        return []
    label = "Chunk lengths" if array.shards is None else "Shard lengths"
    return [(label, lengths_text(axes, array.shape))]


def lengths_text(axes: Sequence[AxisChunks], shape: Shape) -> str:
    """Return the lengths of the chunks along each axis, as text that is short even if they are many.

    Parameters
    ----------
    axes : sequence of AxisChunks
        The chunks of each axis.
    shape : tuple of int
        Shape of the array, in elements. Chunks beyond it are left out.

    Examples
    --------
    >>> from zarrcy.indexing.axis_chunks import AxisChunks
    >>> lengths_text([AxisChunks(((10, 1), (20, 1), (10, 2))), AxisChunks(((5, 20),))], (50, 100))
    '(10, 20, 2 x 10) x (20 x 5)'
    >>> lengths_text([AxisChunks(tuple((n, 1) for n in range(1, 9)))], (36,))
    '(1, 2, 3, 4, ... 8; 8 chunks)'
    """
    return " x ".join(f"({_axis_text(axis, n)})" for axis, n in zip(axes, shape, strict=True))


def _axis_text(axis: AxisChunks, n: int) -> str:
    n_left = n_chunks = axis.count(n)
    runs = []
    for length, count in axis.runs:
        if n_left:
            runs.append(f"{min(count, n_left)} x {length}" if min(count, n_left) > 1 else str(length))
            n_left -= min(count, n_left)
    if len(runs) <= _MOST_RUNS:
        return ", ".join(runs)
    return f"{', '.join(runs[: _MOST_RUNS - 1])}, ... {runs[-1]}; {n_chunks} chunks"


def array_html(array: Array) -> str:
    """Return what a notebook shows for an array: a table beside a picture of the chunk grid. No chunk is read."""
    from zarrcy.hierarchy.chunk_grid_svg import grid_svg

    table = html_table([*array_metadata_rows(array), ("No. chunks", str(array.nchunks))])
    picture = grid_svg(array.shape, array.chunks, array.description.chunk_axes)
    return f'<table class="zarrcy-array"><tbody><tr><td>{table}</td><td>{picture}</td></tr></tbody></table>'
