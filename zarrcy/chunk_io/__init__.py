"""Chunks between memory and the store: fetch, decode and copy out; copy in, encode and store.

`ChunkIO` is the interface that arrays use.

==================================  ===================================================================================
`open_chunks`                       chooses the implementation for an array, the only place that does
`context`, `policy`                 what readers and writers know about an array; thresholds and batch sizes
`unsharded`, `reader`, `writer`     chunks that are stored one per key: the two loops, one thread of a read, of a write
`native`                            the native path: read, decode, encode and write without the GIL
`sharding`                          chunks in shards, and their indexes
`rectilinear`                       chunks that differ in length
`n5_blocks`                         chunks that are stored as N5 blocks
`missing_chunks`                    report missing chunks, by an error or a mask
`cached`, `chunk_cache`             keep decoded chunks
`threaded`                          a number of threads for one array
`chunk_locks`, `pieces`             locks of values that are changed in part; batches of the pieces of a plan
==================================  ===================================================================================
"""

from __future__ import annotations

from typing import Protocol

from zarrcy.types import AnyArray, Buffer, ChunkLayout, Field, Plan, Planner


class ChunkIO(Protocol):
    """Reads and writes the chunks of one array.

    Attributes
    ----------
    planner : Planner
        The functions that turn a selection into a plan for `read` and `write`.
    layout : ChunkLayout
        The layout of a decoded chunk; of an inner chunk if the array has shards.
    fill_bytes : Buffer
        The bytes of an element that was never written, or the object itself if elements are Python objects.
    """

    @property
    def planner(self) -> Planner: ...
    @property
    def layout(self) -> ChunkLayout: ...
    @property
    def fill_bytes(self) -> Buffer: ...

    def read(self, plan: Plan, out: AnyArray, field: Field | None = None, prezeroed: bool = False) -> None:
        """Read the pieces of a plan into `out`.

        Parameters
        ----------
        plan : Plan
            The pieces, planned with `planner`.
        out : AnyArray
            The result. It has the shape of the plan's selection, and the data type of the array or of `field`.
        field : Field, optional
            The field to read of each element; whole elements by default.
        prezeroed : bool, optional
            Whether `out` consists of zeros and so does the fill value: missing chunks need no work then.

        Raises
        ------
        ChunkDecodeError
            If a stored chunk does not decode to the chunk that the metadata describe.
        MissingChunkError
            If a chunk is not stored and the array was opened with ``read_missing="raise"``.
        """

    def write(self, plan: Plan, value: AnyArray, field: Field | None = None) -> None:
        """Write `value` along a plan.

        A piece that covers all of its chunk inside the array is written without a read. Elements beyond the
        edge of the array are stored as fill value.

        Parameters
        ----------
        plan : Plan
            The pieces, planned with `planner`.
        value : AnyArray
            The elements. It has the shape of the plan's selection, and the data type of the array or of `field`.
            If the plan has no lists, another data type is possible: each piece is cast on its own.
        field : Field, optional
            The field to write of each element; whole elements by default.

        Raises
        ------
        ChunkDecodeError
            If a stored chunk that is changed in part does not decode.
        ChunkEncodeError
            If a codec cannot encode a chunk.
        """

    def is_aligned(self, plan: Plan) -> bool:
        """Return whether a plan covers all of each stored value that it touches, as far as inside the array."""
