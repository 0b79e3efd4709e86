"""What readers and writers of shards know about an array, beyond its inner chunks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from zarrcy.chunk_io.context import ChunkContext
from zarrcy.chunk_io.sharding.index_cache import IndexCache
from zarrcy.codecs.shard_index import CHECKSUM_NBYTES, IndexFormat
from zarrcy.errors import ChunkDecodeError
from zarrcy.storage import byte_ranges
from zarrcy.storage.capabilities import OpenFile
from zarrcy.types import Buffer, Key, Shape


class ShardFiles(Protocol):
    """A store whose values are files that the native path can read and write."""

    def open_value(self, key: Key) -> OpenFile | None:
        """Open the file of a shard; None if there is none."""

    def write_value(self, key: Key, fill: Callable[[int], bool]) -> None:
        """Store what `fill` writes to a file descriptor; delete the key if it returns False."""


@dataclass(frozen=True, slots=True)
class ShardLayout:
    """How inner chunks are numbered in a shard.

    Attributes
    ----------
    counts : tuple of int
        Inner chunks of a shard along each axis.
    axes : tuple of int
        The axes, from the slowest to the fastest in the numbering.
    index : IndexFormat
        How the index of a shard is stored.
    most_chunk_nbytes : int
        Length of the longest inner chunk that is read, in bytes; -1 for any length.
    """

    counts: Shape
    axes: tuple[int, ...]
    index: IndexFormat
    most_chunk_nbytes: int


class ShardContext(ChunkContext):
    """The inner chunks of one array, and the shards that hold them.

    Attributes
    ----------
    shards : ShardLayout
        How inner chunks are numbered in a shard.
    index_cache : IndexCache
        Indexes of shards that were read.
    read_values : callable
        Reads parts of shards, see `zarrcy.storage.byte_ranges`.
    pin_values : callable
        Takes how often each shard will be used, the keys of those that several batches read, and whether to read whole
        shards. It returns a reader that keeps one version of each; see `zarrcy.storage.byte_ranges.PinnedValues`.
    splits_shards : bool
        Whether several batches may read one shard: all of them then read one version of it.
    shards_at_once : int
        How many shards a write sends to the store together.
    whole_shard_nbytes : int
        More bytes than a shard usually has: as many are requested to read a shard at once. 0 if the index is always
        read first.
    reads_inner_parts : bool
        Whether parts of an inner chunk are read, if a selection touches little of it.
    files : ShardFiles or None
        The store, if shards are files that the native path reads and writes.
    """

    shards: ShardLayout
    index_cache: IndexCache
    read_values: byte_ranges.PartsReader
    pin_values: Callable[[dict[Key, int], Collection[Key], bool], byte_ranges.PinnedValues]
    splits_shards: bool
    shards_at_once: int
    whole_shard_nbytes: int
    reads_inner_parts: bool
    files: ShardFiles | None

    @classmethod
    def extend(
        cls,
        chunks: ChunkContext,
        *,
        batch: int,
        shards: ShardLayout,
        index_cache: IndexCache,
        read_values: byte_ranges.PartsReader,
        pin_values: Callable[[dict[Key, int], Collection[Key], bool], byte_ranges.PinnedValues],
        splits_shards: bool,
        shards_at_once: int,
        whole_shard_nbytes: int,
        reads_inner_parts: bool,
        files: ShardFiles | None,
    ) -> Self:
        """Return a context with the values of that of inner chunks, except `batch`, and those of shards."""
        values = {name: getattr(chunks, name) for name in chunks.field_names}
        # a missing inner chunk costs nothing, and a shard without chunks is not stored
        values.update(batch=batch, write_empty_chunks=False)
        return cls(
            **values,
            shards=shards,
            index_cache=index_cache,
            read_values=read_values,
            pin_values=pin_values,
            splits_shards=splits_shards,
            shards_at_once=shards_at_once,
            whole_shard_nbytes=whole_shard_nbytes,
            reads_inner_parts=reads_inner_parts,
            files=files,
        )

    def index_of(self, key: Key, shard: OpenFile, must_be_whole: bool = False) -> NDArray[np.uint64]:
        """Return the index of a shard that is an open file. The index is read, or its checksum if it is large.

        Parameters
        ----------
        key : Key
            The key of the shard.
        shard : OpenFile
            The shard.
        must_be_whole : bool, default False
            Whether the whole index is read, whatever its size: what is written must not depend on a checksum.

        Raises
        ------
        ChunkDecodeError
            If the index is damaged.
        """
        form = self.shards.index
        if not must_be_whole and form.nbytes > self.policy.checked_index_nbytes and form.ends_with_checksum:
            entry = self.index_cache.last(key)
            if entry is not None and entry.nbytes == shard.nbytes and entry.identity == shard.identity:
                end = shard.nbytes if form.at_end else form.nbytes
                if shard.read(end - CHECKSUM_NBYTES, CHECKSUM_NBYTES) == entry.raw[-CHECKSUM_NBYTES:]:
                    return entry.entries
        raw = shard.read(*form.span)
        entry = self.index_cache.last(key)
        if entry is not None and entry[:3] == (raw, shard.nbytes, shard.identity):
            return entry.entries
        return self.parse_index(key, raw, shard.nbytes, shard.identity)

    def parse_index(
        self, key: Key, raw: Buffer, shard_nbytes: int | None, identity: Hashable = None
    ) -> NDArray[np.uint64]:
        """Parse the index of a shard, unless it was parsed before.

        Parameters
        ----------
        key : Key
            The key of the shard.
        raw : Buffer
            The stored index.
        shard_nbytes : int or None
            Length of the shard, in bytes; None if the store does not know it.
        identity : hashable, optional
            See `zarrcy.chunk_io.sharding.index_cache.ParsedIndex`.

        Raises
        ------
        ChunkDecodeError
            If the index is damaged.
        """
        form, most = self.shards.index, self.shards.most_chunk_nbytes
        try:
            return self.index_cache.parsed(
                key, raw, shard_nbytes, identity, lambda data: form.parse(data, shard_nbytes, most)
            )
        except ValueError as exc:
            nbytes = len(raw) if shard_nbytes is None else shard_nbytes
            raise self.damaged_shard(key, nbytes, str(exc)) from None

    def damaged_shard(self, key: Key, nbytes: int, problem: str) -> ChunkDecodeError:
        """Return the error for a damaged shard of `nbytes` bytes, -1 if that is not known."""
        return ChunkDecodeError(key, "sharding_indexed", nbytes, self.layout.nbytes, problem)
