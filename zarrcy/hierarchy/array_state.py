"""What an array is: everything that can be told of it without reading a chunk."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from zarrcy import _kernels
from zarrcy.chunk_io import ChunkIO
from zarrcy.chunk_io.open_chunks import open_chunk_io
from zarrcy.chunk_io.pieces import batches
from zarrcy.codecs import Compressor, Filter
from zarrcy.errors import ViewError
from zarrcy.hierarchy.node import refuse_read_only
from zarrcy.hierarchy.node_properties import NodeProperties
from zarrcy.metadata import ArrayMetadata
from zarrcy.settings import ArrayConfig
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.listing import listdir
from zarrcy.types import JSON, AnyDtype, Coords, Key, Planner, Shape

if TYPE_CHECKING:
    from zarrcy.chunk_io.chunk_cache import CacheInfo, ChunkCache
    from zarrcy.hierarchy.report import InfoReport

_PARSED_LATE = ("_description", "_dtype", "_result_order")
_MADE_LATE = ("_grid", "_kernels", "_chunk_io")
_OUTDATED = ("_parse", *_MADE_LATE)


class ArrayFacts(NodeProperties, ABC):
    """The facts about an array; `zarrcy.Array` adds reading, writing and changing."""

    _options: ArrayConfig
    _reload: bool
    _like: Any
    _is_view: bool = False
    # From so many bytes on, memory comes fresh from the operating system: glibc keeps and reuses what is smaller.
    _fresh_nbytes: float = 2**25 + 2**16
    # the array and its views share one cache; a view that decodes otherwise has chunks of its own there
    _cache: ChunkCache | None = None
    _decoding: Hashable = "stored"

    def _adopt(self, description: ArrayMetadata) -> None:
        """Be what `description` describes."""
        self._description = description
        self._dtype = description.dtype
        self._result_order = description.order
        made = self.__dict__
        for name in _OUTDATED:
            if name in made:
                del made[name]

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # who walks through a large group looks at few of its arrays, and reads or writes fewer
            made = self.__dict__
            parse = made.get("_parse")
            if name in _PARSED_LATE and parse is not None:
                self._adopt(parse())
            elif name in _MADE_LATE and (parse is not None or "_description" in made):
                self._get_ready()
            if name in made:
                return made[name]
            kind = type(self).__name__
            raise AttributeError(f"{kind!r} object has no attribute {name!r}", name=name, obj=self)

    def _get_ready(self) -> None:
        """Make what reading and writing need."""
        description = self._description
        self._chunk_io: ChunkIO = open_chunk_io(
            description,
            self._node.chunk_store,
            self._node.prefix,
            self._node.synchronizer,
            self._options,
            cache=None if self._cache is None else self._cache.decoded_as(self._decoding),
        )
        self._kernels: Planner = self._chunk_io.planner
        self._grid = self._kernels.Grid(description.shape, self._chunk_io.layout.chunk_shape)

    def _refresh(self) -> None:
        """Load the metadata again if they are not to be kept."""
        if self._reload:
            self._adopt(self._node.load_array())

    def _refuse_views(self) -> None:
        if self._is_view:
            raise ViewError(self.path)

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """KeyLock the lock of the metadata from before they are read until after they are written."""
        self._refuse_views()
        refuse_read_only(self._options.read_only, self.path)
        with self._node.lock(self._node.metadata_key):
            self._refresh()
            yield

    def _save(self, description: ArrayMetadata) -> None:
        self._node.save_array(description)
        self._adopt(description)
        if self._cache is not None:
            self._cache.clear()

    def _save_shape(self, description: ArrayMetadata) -> None:
        """Save a description that differs in its shape alone; what reads and writes chunks needs not be made anew."""
        made = self.__dict__
        kept = {name: made[name] for name in ("_chunk_io", "_kernels") if name in made}
        self._save(description)
        if len(kept) == 2 and description.rectilinear_axes is None:
            self._chunk_io, self._kernels = kept["_chunk_io"], kept["_kernels"]
            self._grid = self._kernels.Grid(description.shape, self._chunk_io.layout.chunk_shape)

    def _new_result(self, shape: Shape, dtype: AnyDtype) -> Any:
        """Return memory for a result, of the kind that was asked for."""
        like = self._like
        if like is None:
            return np.empty(shape, dtype, self._result_order)
        if isinstance(like, np.ma.MaskedArray):
            from zarrcy.chunk_io.missing_chunks import new_masked

            return new_masked(shape, dtype, self._result_order)
        return np.empty_like(like, shape=shape, dtype=dtype, order=self._result_order)

    def _is_cheaper_blank(self, shape: Shape, dtype: AnyDtype) -> bool:
        """Shall a result be made of zeros, which is what it reads where nothing is stored?

        Memory that comes from the operating system is zeros, and takes no time until it is touched.
        """
        return (
            math.prod(shape) * dtype.itemsize >= self._fresh_nbytes
            and self._like is None
            and not dtype.hasobject
            and not any(self._chunk_io.fill_bytes)
        )

    @abstractmethod
    def resize(self, *args: Any) -> None: ...

    @property
    def name(self) -> str | None:
        """Path with one leading slash; None at the root."""
        return f"/{self.path}" if self.path else None

    @property
    def basename(self) -> str | None:
        """Last part of the name; None at the root."""
        return self.path.rsplit("/", 1)[-1] if self.path else None

    @property
    def read_only(self) -> bool:
        """Are changes refused?"""
        return self._options.read_only

    @read_only.setter
    def read_only(self, value: bool) -> None:
        self._options = replace(self._options, read_only=bool(value))
        self._attrs.read_only = bool(value)

    @property
    def is_view(self) -> bool:
        """Is this another look at the data of an array, made by `view` or `astype`?"""
        return self._is_view

    @property
    def meta_array(self) -> Any:
        """What results are allocated like: an array without axes."""
        like = self._options.meta_array
        return np.empty(()) if like is None else like

    @property
    def write_empty_chunks(self) -> bool:
        """Are chunks stored that hold nothing but the fill value?"""
        return self._options.write_empty_chunks

    def cache_info(self) -> CacheInfo:
        """Return what the cache of decoded chunks has done, and what it holds; see ``cache_bytes`` of `Array`.

        >>> import zarrcy
        >>> a = zarrcy.array([1, 2, 3, 4], chunks=2, cache_bytes=10_000)
        >>> int(a[0]), int(a[1])
        (1, 2)
        >>> a.cache_info()
        CacheInfo(hits=1, misses=1, evictions=0, n_chunks=1, nbytes=272, max_nbytes=10000)
        """
        from zarrcy.chunk_io.chunk_cache import CacheInfo

        return CacheInfo() if self._cache is None else self._cache.info()

    @property
    def shape(self) -> Shape:
        """Lengths of the axes, in elements. Setting it resizes the array."""
        self._refresh()
        return self._description.shape

    @shape.setter
    def shape(self, value: Any) -> None:
        self.resize(value)

    @property
    def chunks(self) -> Shape:
        """Lengths of a chunk along the axes, in elements. Where there are shards, of a chunk in a shard.

        Where chunks differ in length, the longest count; `read_chunk_sizes` has all.
        """
        return self._description.chunks

    @property
    def read_chunk_sizes(self) -> tuple[tuple[int, ...], ...]:
        """How many elements each chunk has along each axis, as dask has it: the last one ends where the axis does.

        >>> import zarrcy
        >>> zarrcy.zeros((5, 4), chunks=(2, 4)).read_chunk_sizes
        ((2, 2, 1), (4,))
        """
        return tuple(
            tuple(axis.sizes(n)) for axis, n in zip(self._description.chunk_axes, self.shape, strict=True)
        )

    @property
    def shards(self) -> Shape | None:
        """Lengths of a shard along the axes, in elements; None where each chunk is stored for itself."""
        return self._description.shards

    @property
    def dtype(self) -> AnyDtype:
        """Data type of the elements."""
        return self._dtype

    @property
    def fill_value(self) -> Any:
        """Value of elements that were never written. Setting it writes the metadata."""
        return self._description.fill_value

    @fill_value.setter
    def fill_value(self, value: Any) -> None:
        with self._changing():
            fill_value = self._node.format.normalize_fill_value(self._description, value)
            self._save(self._description.with_fill_value(fill_value))

    @property
    def order(self) -> Literal["C", "F"]:
        """Order of the elements in a chunk: "C" or "F"."""
        return self._description.order

    @property
    def compressor(self) -> Any:
        """Codec of the encoded chunks, or None."""
        return next((s.codec for s in self._description.chunk_stages if isinstance(s, Compressor)), None)

    @property
    def compression(self) -> str | None:
        """Name of the compressor, as h5py has it."""
        return None if self.compressor is None else str(self.compressor.codec_id)

    @property
    def compression_opts(self) -> Any:
        """Configuration of the compressor, or None."""
        return None if self.compressor is None else self.compressor.get_config()

    @property
    def filters(self) -> list[Any] | None:
        """Codecs of the elements, in the order of encoding, or None."""
        return [s.codec for s in self._description.chunk_stages if isinstance(s, Filter)] or None

    @property
    def codecs(self) -> list[JSON]:
        """Configurations of all codecs, in the order of encoding, as the metadata have them."""
        return self._node.format.codecs_of(self._description)

    @property
    def dimension_names(self) -> tuple[str | None, ...] | None:
        """Name of each axis, None for one without; None where the metadata have none."""
        return self._description.dimension_names

    @property
    def dimension_separator(self) -> str:
        """What stands between the coordinates in the key of a chunk."""
        return self._description.chunk_keys.separator

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._description.shape)

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def itemsize(self) -> int:
        """Size of an element, in bytes."""
        return self._dtype.itemsize

    @property
    def nbytes(self) -> int:
        """Size of all elements without compression, in bytes."""
        return self.size * self.itemsize

    @property
    def nbytes_stored(self) -> int:
        """Size of what is stored, metadata included, in bytes; -1 if the store can't tell."""
        return self._node.nbytes_stored(deep=self.dimension_separator == "/")

    @property
    def cdata_shape(self) -> Shape:
        """Number of chunks along each axis; ``(1,)`` without axes."""
        axes = self._description.chunk_axes
        return tuple(axis.count(n) for axis, n in zip(axes, self.shape, strict=True)) or (1,)

    @property
    def nchunks(self) -> int:
        """Number of chunks."""
        return math.prod(self.cdata_shape)

    @property
    def nchunks_initialized(self) -> int:
        """Number of chunks that are stored; of a shard that is stored, all chunks count."""
        found = self._initialized()
        if self.shards is None:
            return sum(1 for _ in found)
        stored, lengths, shape = self._description.stored_axes, self.chunks, self.shape
        return sum(
            math.prod(
                -(-(min(axis.start_of(at + 1), n) - axis.start_of(at)) // chunk)
                for axis, at, chunk, n in zip(stored, coords, lengths, shape, strict=True)
            )
            for _, coords in found
        )

    initialized = nchunks_initialized

    def initialized_chunks(self) -> NDArray[np.bool_]:
        """Tell which chunks are stored, by one listing of the store: for jobs that go on where they were stopped.

        Of a shard that is stored all chunks count. Chunks that hold nothing but the fill value are not
        stored if ``write_empty_chunks`` is false, and such shards never are.

        Returns
        -------
        stored : Booleans in the shape of the chunk grid, `cdata_shape`

        Examples
        --------
        >>> import zarrcy
        >>> a = zarrcy.zeros((4, 6), chunks=2)
        >>> a[2:, :3] = 1
        >>> a.initialized_chunks()
        array([[False, False, False],
               [ True,  True, False]])
        >>> for i, j in np.argwhere(~a.initialized_chunks()):
        ...     a.blocks[int(i), int(j)] = 2
        >>> bool(a.initialized_chunks().all())
        True
        """
        self._refresh()
        grid = np.zeros(self.cdata_shape, bool)
        about = self._description
        for _, coords in self._initialized():
            axes = zip(about.stored_axes, about.chunk_axes, coords, about.shape, strict=True)
            grid[
                tuple(
                    slice(chunk.chunk_at(axis.start_of(at)), chunk.count(min(axis.start_of(at + 1), n)))
                    for axis, chunk, at, n in axes
                )
                or ...
            ] = True
        return grid

    def _initialized(self) -> Iterator[tuple[Key, Coords]]:
        """Iterate over the values that are stored, chunks or shards: their keys, and their coordinates."""
        chunk_keys = self._description.chunk_keys
        counts = self._stored_counts(self.shape)
        prefix = chunk_keys.root + self._node.prefix
        for name in self._names_below(prefix):
            coords = chunk_keys.coords(name, self.ndim)
            if coords is not None and all(i < n for i, n in zip(coords, counts, strict=False)):
                yield prefix + name, coords

    def _names_below(self, prefix: str) -> Iterator[str]:
        """Iterate over the ends of keys that begin with a prefix, those of all chunks among them."""
        store, chunk_keys = self.chunk_store, self._description.chunk_keys
        if chunk_keys.separator == "." or not self.ndim:
            yield from listdir(store, prefix)
        elif access.is_in_memory(store) or not offers(store, "listdir"):
            yield from (key[len(prefix) :] for key in list(store) if key.startswith(prefix))
        else:
            # not the whole store: there may be many arrays
            names = [chunk_keys.lead]
            for _ in range(self.ndim - 1):
                names = [f"{name}{n}/" for name in names for n in self._numbers_after(prefix + name)]
            yield from (f"{name}{n}" for name in names for n in self._numbers_after(prefix + name))

    def _numbers_after(self, begun: str) -> Iterator[str]:
        """Iterate over the numbers with which keys go on that begin so."""
        folder, _, start = begun.rpartition("/")
        names = listdir(self.chunk_store, folder)
        ends = (name.removeprefix(start) for name in names if name.startswith(start))
        return (end for end in ends if end.isdecimal())

    def _stored_counts(self, shape: Shape) -> Shape:
        """Return how many stored values each axis has, were the array of `shape`."""
        return tuple(axis.count(n) for axis, n in zip(self._description.stored_axes, shape, strict=True))

    def digest(self, hashname: str = "sha1") -> bytes:
        """Return a checksum over the stored chunks in C order, then metadata, then attributes.

        Parameters
        ----------
        hashname : of an algorithm that `hashlib` knows

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.empty(shape=(10000, 10000), chunks=(1000, 1000)).hexdigest()
        '041f90bc7a571452af4f850a8ca2c6cddfa8a1ac'
        """
        self._refresh()
        import hashlib

        checksum = hashlib.new(hashname)
        # a grid with an element for each stored value
        counts, kernels = self._stored_counts(self.shape), _kernels.default
        grid = kernels.Grid(counts, (1,) * len(counts))
        box = kernels.parse_box(..., grid)
        assert box is not None, "an ellipsis selects everything"
        plan = kernels.split_outer(box, grid)
        chunk_keys, chunk_store = self._description.chunk_keys, self._node.chunk_store
        prefix = chunk_keys.prefix(self._node.prefix, len(counts))
        fetch = access.reader(chunk_store)
        nbytes = math.prod(self._description.chunk_shape) * self._dtype.itemsize
        batch = max(1, min(1024, access.batch_nbytes(chunk_store) // max(1, nbytes)))
        for first, last in batches(plan.n_pieces, batch):
            for value in fetch(plan.keys(first, last, prefix, chunk_keys.separator)):
                checksum.update(b"" if value is None else value)
        # in some formats they are one document
        for key in dict.fromkeys((self._node.metadata_key, self._attrs.key)):
            checksum.update(access.get(self.store, key) or b"")
        return checksum.digest()

    def hexdigest(self, hashname: str = "sha1") -> str:
        """Return `digest` as hexadecimal digits."""
        return self.digest(hashname).hex()

    @property
    def info(self) -> InfoReport:
        """Report on type, sizes, codecs and storage: text, or a table in a notebook.

        >>> import zarrcy
        >>> zarrcy.zeros((100, 100), chunks=50, dtype="i4").info
        Type               : zarrcy.Array
        Data type          : int32
        Shape              : (100, 100)
        Chunk shape        : (50, 50)
        Order              : C
        Read-only          : False
        Compressor         : Blosc(cname='lz4', clevel=5, shuffle=SHUFFLE, blocksize=0)
        Store type         : zarrcy.storage.memory.MemoryStore
        No. bytes          : 40000 (39.1K)
        No. bytes stored   : 337
        Storage ratio      : 118.7
        Chunks initialized : 0/4
        """
        from zarrcy.hierarchy.report import InfoReport

        return InfoReport(self.info_items)

    def info_items(self) -> list[tuple[str, str]]:
        """Return the rows of `info`."""
        from zarrcy.hierarchy.report import bytes_text

        stored = self.nbytes_stored
        rows = [
            ("No. bytes stored", bytes_text(stored) if stored > 0 else None),
            ("Storage ratio", f"{self.nbytes / stored:.1f}" if stored > 0 else None),
            ("Chunks initialized", f"{self.nchunks_initialized}/{self.nchunks}"),
        ]
        return self._described() + [(name, value) for name, value in rows if value is not None]

    def _described(self) -> list[tuple[str, str]]:
        """Return the rows of `info` that need no look at the chunks."""
        from zarrcy.hierarchy.report import bytes_text, type_name

        rows: list[tuple[str, Any]] = [
            ("Name", self.name),
            ("Type", "zarrcy.Array"),
            ("Data type", self._dtype),
            ("Shape", self.shape),
            (
                "Chunk shape",
                self.chunks if self._description.rectilinear_axes is None else f"up to {self.chunks}",
            ),
            *self._described_shards(),
            ("Order", self.order),
            ("Read-only", self.read_only),
            *((f"Filter [{i}]", codec) for i, codec in enumerate(self.filters or ())),
            ("Compressor", self.compressor),
            ("Synchronizer type", None if self.synchronizer is None else type_name(self.synchronizer)),
            ("Store type", type_name(self.store)),
            ("Chunk store type", None if self.chunk_store is self.store else type_name(self.chunk_store)),
            ("No. bytes", bytes_text(self.nbytes)),
        ]
        # as zarr-python 2 does: a missing compressor is told, other missing things are left out
        return [(name, str(value)) for name, value in rows if value is not None or name == "Compressor"]

    def _described_shards(self) -> list[tuple[str, Any]]:
        """Return the rows of `info` on shards; sizes are those without compression."""
        if self.shards is None:
            return []
        from zarrcy.hierarchy.report import bytes_text

        sizes = [math.prod(lengths) * self.itemsize for lengths in (self.chunks, self.shards)]
        return [
            ("Shard shape", self.shards),
            ("Chunk size", bytes_text(sizes[0])),
            ("Shard size", bytes_text(sizes[1])),
        ]

    def _repr_html_(self) -> str:
        """Return what a notebook shows: facts beside a picture of the chunks. No chunk is looked for."""
        from zarrcy.hierarchy.chunk_grid_svg import grid_svg
        from zarrcy.hierarchy.report import html_table

        facts = html_table([*self._described(), ("No. chunks", str(self.nchunks))])
        picture = grid_svg(self.shape, self.chunks, self._description.chunk_axes)
        return (
            f'<table class="zarrcy-array"><tbody><tr><td>{facts}</td><td>{picture}</td></tr></tbody></table>'
        )

    def __repr__(self) -> str:
        name = f" {self.name!r}" if self.name else ""
        read_only = " read-only" if self.read_only else ""
        return f"<zarrcy.Array{name} {self.shape} {self._dtype}{read_only}>"

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, ArrayFacts)
            and self.store == other.store
            and self.read_only == other.read_only
            and self.path == other.path
            and not self._is_view
            and not other._is_view
        )

    __hash__ = None  # type: ignore[assignment]
