"""ArrayState: where an array is, its options and metadata, and what reads and writes its chunks."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np

from zarrcy import _kernels
from zarrcy.chunk_io import ChunkIO
from zarrcy.chunk_io.open_chunks import open_chunk_io
from zarrcy.chunk_io.policy import IOPolicy, default_policy
from zarrcy.hierarchy.node import Node
from zarrcy.metadata import ArrayMetadata, Parse, is_draft
from zarrcy.settings import ArrayConfig
from zarrcy.storage import access
from zarrcy.types import AnyArray, AnyDtype, ChunkGrid, LazyAttribute, Planner, Shape, Synchronizer

if TYPE_CHECKING:
    from zarrcy.chunk_io.chunk_cache import CacheView


class ArrayState:
    """An open array with one version of its metadata.

    A program that walks through a large group looks at few of its arrays, and reads or writes fewer. So metadata are
    parsed, and chunk I/O is opened, on first use. If the metadata change, the array gets another state.

    Parameters
    ----------
    node : Node
        The node of the array.
    config : ArrayConfig
        The options of the open array.
    metadata : ArrayMetadata or callable
        The metadata, or a function that parses them when they are needed.
    cache : CacheView, optional
        The cache of decoded chunks. An array shares it with its views.
    is_view : bool, optional
        Whether the array was made by `zarrcy.Array.view` or `zarrcy.Array.astype`.

    Attributes
    ----------
    reloads : bool
        Whether the metadata are loaded before the next access.
    is_outdated : bool
        Whether the document is being written, or a write of it failed: see `outdated`.
    """

    def __init__(
        self,
        node: Node,
        config: ArrayConfig,
        metadata: ArrayMetadata | Parse,
        *,
        cache: CacheView | None = None,
        is_view: bool = False,
    ) -> None:
        self.node = node
        self.config = config
        self.cache = cache
        self.is_view = is_view
        self.reloads = not (config.cache_metadata or is_view)
        self.is_outdated = False
        if isinstance(metadata, ArrayMetadata):
            self.metadata = metadata
        else:
            self._parse = metadata

    @LazyAttribute
    def metadata(self) -> ArrayMetadata:
        """The metadata of the array, or what a view makes of them."""
        return self._parse()

    @LazyAttribute
    def dtype(self) -> AnyDtype:
        """Data type of the elements."""
        return self.metadata.dtype

    @LazyAttribute
    def order(self) -> Literal["C", "F"]:
        """Order of the elements in a chunk and in results."""
        return self.metadata.order

    @LazyAttribute
    def like(self) -> AnyArray | None:
        """Array that results are allocated like; None for plain NumPy arrays."""
        like: AnyArray | None = self.config.like
        return like

    @LazyAttribute
    def policy(self) -> IOPolicy:
        """Thresholds and batch sizes: the default policy at the time of the first read or write."""
        return default_policy()

    @LazyAttribute
    def chunk_io(self) -> ChunkIO:
        """Reads and writes the chunks."""
        return open_chunk_io(
            self.metadata,
            self.node.chunk_store,
            self.node.prefix,
            self.node.synchronizer,
            self.config,
            cache=self.cache,
            policy=self.policy,
        )

    @LazyAttribute
    def refuses_parts(self) -> bool:
        """Whether a write is refused that changes a part of a stored value."""
        return self.config.unaligned == "error" or self.lock_problem != ""

    @LazyAttribute
    def lock_problem(self) -> str:
        """Why locks do not exclude tasks of this job that may run on other nodes; empty if they do."""
        node = self.node
        if self.config.unaligned != "lock" or node.synchronizer is not None:
            return ""
        from zarrcy.sync.ranks import several_nodes

        nodes = several_nodes()
        file_of = access.files_to_lock(node.chunk_store) if nodes else None
        if file_of is None:
            return ""
        from zarrcy.sync.lock_reach import known_problem

        problem, _ = known_problem(file_of(node.prefix))
        return f"the file system is {problem}, and {nodes}" if problem else ""

    @LazyAttribute
    def planner(self) -> Planner:
        """The functions that turn a selection into a plan for `chunk_io`."""
        return self.chunk_io.planner

    @LazyAttribute
    def grid(self) -> ChunkGrid:
        """Shape of the array and of its chunks; if the array has shards, of the inner chunks."""
        return self.planner.Grid(self.metadata.shape, self.chunk_io.layout.chunk_shape)

    def with_metadata(self, metadata: ArrayMetadata) -> ArrayState:
        """Return the state of the array with other metadata.

        If another writer replaced the array by one with other chunks, the cached chunks are not those of the array.
        """
        cache = self.cache
        if cache is not None and not metadata.decodes_like(self.metadata):
            cache.cache.clear()
            cache = cache.cache.decoded_as(object())
        return ArrayState(self.node, self.config, metadata, cache=cache, is_view=self.is_view)

    def reloaded(self, metadata: ArrayMetadata) -> ArrayState:
        """Return the state of the array with metadata that were loaded again."""
        known = self.metadata
        is_alike = metadata.fill_is_stated == known.fill_is_stated and metadata.decodes_like(known)
        return self.with_shape(metadata) if is_alike else self.with_metadata(metadata)

    def outdated(self) -> ArrayState:
        """Return a state in whose place each access loads the stored metadata.

        An array has it while its document is written: if that fails or is interrupted, it is not known which metadata
        are stored. The next change ends this.
        """
        state = self.with_metadata(self.metadata)
        state.reloads = state.is_outdated = True
        return state

    def with_shape(self, metadata: ArrayMetadata) -> ArrayState:
        """Return the state of the array with metadata that differ in the shape only.

        Chunk I/O that is open stays open: it does not depend on the shape, unless the chunk grid is rectilinear.
        """
        state = self.with_metadata(metadata)
        if metadata.rectilinear_axes is None and "chunk_io" in vars(self):
            state.policy, state.chunk_io = self.policy, self.chunk_io
        return state

    def as_view(
        self,
        metadata: ArrayMetadata,
        *,
        read_only: bool | None = None,
        synchronizer: Synchronizer | None = None,
        decodes_alike: bool = True,
    ) -> ArrayState:
        """Return the state of a view of the array.

        Parameters
        ----------
        metadata : ArrayMetadata
            What the view makes of the metadata.
        read_only : bool, optional
            Whether the view refuses changes; as the array does by default.
        synchronizer : Synchronizer, optional
            Gives the locks of parallel writers; that of the array by default.
        decodes_alike : bool, optional
            Whether the view decodes chunks to the same bytes. If not, its chunks in the cache are its own.
        """
        node, config, cache = self.node, self.config, self.cache
        if read_only is not None:
            config = replace(config, read_only=bool(read_only))
        if cache is not None and not decodes_alike:
            cache = cache.cache.decoded_as(object())
        own_node = node.with_synchronizer(synchronizer or node.synchronizer)
        return ArrayState(own_node, config, metadata, cache=cache, is_view=True)

    def new_result(self, shape: Shape, dtype: AnyDtype) -> AnyArray:
        """Return memory for a result: a plain array, a masked array, or one like `meta_array`."""
        like = self.like
        if like is None:
            return np.empty(shape, dtype, self.order)
        if isinstance(like, np.ma.MaskedArray):
            from zarrcy.chunk_io.missing_chunks import new_masked

            return new_masked(shape, dtype, self.order)
        return np.empty_like(like, shape=shape, dtype=dtype, order=self.order)

    def new_large_result(self, shape: Shape, dtype: AnyDtype) -> tuple[AnyArray, bool] | None:
        """Return memory for a large result, and whether missing chunks need no work; None if it is not large.

        The memory comes fresh from the operating system. Such memory consists of zeros, and takes no time until it is
        touched. So the result is made of zeros if that is the fill value.
        """
        if (
            math.prod(shape) * dtype.itemsize < self.policy.fresh_result_nbytes
            or self.like is not None
            or dtype.hasobject
        ):
            return None
        prezeroed = not any(self.chunk_io.fill_bytes)
        out: AnyArray = _kernels.large_array.new_array(tuple(shape), dtype, self.order, prezeroed)
        return out, prezeroed


def open_state(node: Node, config: ArrayConfig, metadata: ArrayMetadata | Parse) -> ArrayState:
    """Return the state of an array that is opened, with the cache that its options ask for.

    Parameters
    ----------
    node, config, metadata
        As for `ArrayState`.
    """
    if is_draft(node.format):
        # programs that do not use the draft do not need this import
        from zarrcy.hierarchy.transformed_node import transformed

        metadata = metadata if isinstance(metadata, ArrayMetadata) else metadata()
        node = transformed(node, metadata)
    return open_plain_state(node, config, metadata)


def open_plain_state(node: Node, config: ArrayConfig, metadata: ArrayMetadata | Parse) -> ArrayState:
    """Do what `open_state` does for an array that is not in the draft of v3."""
    if not config.cache_bytes:
        return ArrayState(node, config, metadata)
    from zarrcy.chunk_io.chunk_cache import ChunkCache

    cache = ChunkCache(config.cache_bytes).decoded_as("stored")
    return ArrayState(node, config, metadata, cache=cache)
