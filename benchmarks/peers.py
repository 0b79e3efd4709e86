"""The libraries that are compared: one small class each. `peer.py` says what each has to offer."""

from __future__ import annotations

import importlib
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numcodecs import blosc
from numpy.typing import NDArray
from peer import (
    ARRAY_NAME,
    BLOSC,
    BLOSC_OPTIONS,
    DIRECTORY,
    MEMORY,
    RAW,
    Layout,
    NotOfferedError,
    Peer,
    Stored,
    ZarrPeer,
)


class Zarrcy(ZarrPeer):
    name, distribution, import_statement = "zarrcy", "zarrcy", "import zarrcy"

    def __init__(self) -> None:
        import zarrcy
        from zarrcy import _kernels

        self._zarrcy = zarrcy
        # in a source tree it is not installed, so it is asked itself
        self.version = zarrcy.__version__
        if not _kernels.COMPILED:
            self.version += " (pure)"

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        store: Any = stored.path
        if place == MEMORY:
            store = self._zarrcy.MemoryStore()
            store.update(stored.values)
        return self._zarrcy.open_array(store, mode="r+" if writable else "r")

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        return self._zarrcy.create(
            layout.shape,
            chunks=layout.chunks,
            dtype=layout.dtype,
            compressor=layout.compressor(),
            store=None if place == MEMORY else str(group / ARRAY_NAME),
            write_empty_chunks=layout.write_empty_chunks,
            shards=layout.shards,
            zarr_format=2 if layout.shards is None else 3,
        )


class Zarr2(ZarrPeer):
    name, distribution, import_statement = "zarr 2", "zarr", "import zarr"
    shards = False

    def __init__(self) -> None:
        super().__init__()
        if not self.version.startswith("2."):
            raise ImportError(f"zarr is {self.version}")
        self._zarr = importlib.import_module("zarr")

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        store: Any = dict(stored.values) if place == MEMORY else self._zarr.DirectoryStore(stored.path)
        return self._zarr.open_array(store, mode="r+" if writable else "r")

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        return self._zarr.create(
            layout.shape,
            chunks=layout.chunks,
            dtype=layout.dtype,
            compressor=layout.compressor(),
            fill_value=0,
            store={} if place == MEMORY else self._zarr.DirectoryStore(str(group / ARRAY_NAME)),
            write_empty_chunks=layout.write_empty_chunks,
        )


class Zarr3(ZarrPeer):
    name, distribution, import_statement = "zarr 3", "zarr", "import zarr"
    pipeline: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__()
        if self.version.startswith("2."):
            raise ImportError(f"zarr is {self.version}")
        self._zarr = importlib.import_module("zarr")
        self._buffer = importlib.import_module("zarr.core.buffer").default_buffer_prototype().buffer

    def settle(self) -> None:
        # its import sets this for the whole process; the others shall have what they have without it
        blosc.use_threads = False

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        storage = self._zarr.storage
        if place == MEMORY:
            store = storage.MemoryStore({k: self._buffer.from_bytes(v) for k, v in stored.values.items()})
        else:
            store = storage.LocalStore(stored.path, read_only=not writable)
        with self._zarr.config.set(self.pipeline):
            version = 2 if stored.layout.shards is None else 3
            return self._zarr.open_array(store, mode="r+" if writable else "r", zarr_format=version)

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        storage = self._zarr.storage
        compressors: Any = layout.compressor()
        if layout.shards is not None:
            compressors = layout.v3_codecs()[1:]
        with self._zarr.config.set(self.pipeline):
            return self._zarr.create_array(
                storage.MemoryStore() if place == MEMORY else storage.LocalStore(group / ARRAY_NAME),
                shape=layout.shape,
                chunks=layout.chunks,
                dtype=layout.dtype,
                compressors=compressors,
                shards=layout.shards,
                filters=None,
                fill_value=0,
                zarr_format=2 if layout.shards is None else 3,
                config={"write_empty_chunks": layout.write_empty_chunks},
            )

    def field_reader(self, stored: Stored, place: str, field: str) -> Callable[[], Any]:
        call = super().field_reader(stored, place, field)
        try:
            call()
        except (TypeError, ValueError) as exc:
            # 3.1 parses the name of the field, but then casts the whole elements to its type
            raise NotOfferedError(f"{type(exc).__name__}: {exc}") from exc
        return call


class Zarr3Fused(Zarr3):
    """zarr 3 with the pipeline that runs a chunk through all of its codecs at once, from 3.2 on."""

    name = "zarr 3 fused"
    pipeline: ClassVar[dict[str, Any]] = {
        "codec_pipeline.path": "zarr.core.codec_pipeline.FusedCodecPipeline",
    }

    def __init__(self) -> None:
        super().__init__()
        if not hasattr(importlib.import_module("zarr.core.codec_pipeline"), "FusedCodecPipeline"):
            raise ImportError(f"zarr {self.version} has no fused pipeline")


class Zarrs(Zarr3):
    """zarr 3 with the codec pipeline of zarrs, in Rust, where that does not fall back to Python."""

    name, distribution, import_statement = "zarr 3+zarrs", "zarrs", "import zarr, zarrs"
    places = (DIRECTORY,)
    # strict: an error where it would fall back, instead of another measurement of zarr 3
    pipeline: ClassVar[dict[str, Any]] = {
        "codec_pipeline.path": "zarrs.ZarrsCodecPipeline",
        "codec_pipeline.strict": True,
    }

    def __init__(self) -> None:
        super().__init__()
        importlib.import_module("zarrs")
        utils = importlib.import_module("zarrs.utils")
        self.refusals = (utils.DiscontiguousArrayError, utils.UnsupportedVIndexingError)

    def field_reader(self, stored: Stored, place: str, field: str) -> Callable[[], Any]:
        raise NotOfferedError("no structured types")


class TensorStore(Peer):
    name, distribution, import_statement = "tensorstore", "tensorstore", "import tensorstore"
    note = "no fsync (by default it syncs each file); chunk cache 0 bytes (its default)"

    def __init__(self) -> None:
        super().__init__()
        self._ts = importlib.import_module("tensorstore")

    def open(self, stored: Stored, place: str, writable: bool = False, field: str | None = None) -> Any:
        context = self._context()
        kvstore = self._kvstore(place, stored.path)
        if place == MEMORY:
            values = self._ts.KvStore.open(kvstore, context=context).result()
            for key, value in stored.values.items():
                values[key] = value
        driver = "zarr" if stored.layout.shards is None else "zarr3"
        spec = {"driver": driver, "kvstore": kvstore}
        if field is not None:
            spec["field"] = field
        return self._ts.open(spec, context=context, open=True, read=True, write=writable).result()

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        spec = {
            "driver": "zarr" if layout.shards is None else "zarr3",
            "kvstore": self._kvstore(place, str(group / ARRAY_NAME)),
            "metadata": self._metadata(layout) if layout.shards is None else self._v3_metadata(layout),
            "store_data_equal_to_fill_value": layout.write_empty_chunks,
        }
        return self._ts.open(spec, context=self._context(), create=True).result()

    @staticmethod
    def _metadata(layout: Layout) -> dict[str, Any]:
        return {
            "shape": layout.shape,
            "chunks": layout.chunks,
            "dtype": layout.dtype,
            "compressor": None if layout.codec == RAW else {"id": "blosc", **BLOSC_OPTIONS},
            "fill_value": 0,
        }

    @staticmethod
    def _v3_metadata(layout: Layout) -> dict[str, Any]:
        sharding = {
            "name": "sharding_indexed",
            "configuration": {"chunk_shape": layout.chunks, "codecs": layout.v3_codecs()},
        }
        return {
            "shape": layout.shape,
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": layout.shards}},
            "data_type": np.dtype(layout.dtype).name,
            "codecs": [sharding],
            "fill_value": 0,
        }

    def _context(self) -> Any:
        return self._ts.Context({"file_io_sync": False})

    @staticmethod
    def _kvstore(place: str, path: str) -> dict[str, str]:
        return {"driver": "memory"} if place == MEMORY else {"driver": "file", "path": path + "/"}

    def reader(self, array: Any, key: Any) -> Callable[[], Any]:
        return lambda: array[key].read().result()

    def points_reader(self, array: Any, points: tuple[NDArray[Any], ...]) -> Callable[[], Any]:
        return lambda: array.vindex[points].read().result()

    def mask_reader(self, array: Any, mask: NDArray[np.bool_]) -> Callable[[], Any]:
        return lambda: array.vindex[mask].read().result()

    def rows_reader(self, array: Any, rows: NDArray[Any]) -> Callable[[], Any]:
        return lambda: array.oindex[rows].read().result()

    def field_reader(self, stored: Stored, place: str, field: str) -> Callable[[], Any]:
        array = self.open(stored, place, field=field)
        return lambda: array.read().result()

    def writer(self, array: Any, key: Any, value: NDArray[Any]) -> Callable[[], None]:
        return lambda: array[key].write(value).result()

    def appender(self, array: Any, pieces: Sequence[NDArray[Any]]) -> Callable[[], Any]:
        def append() -> Any:
            grown = array
            for piece in pieces:
                start = grown.shape[0]
                grown = grown.resize(exclusive_max=[start + len(piece)], expand_only=True).result()
                grown[start:].write(piece).result()
            return grown

        return append


class Z5py(Peer):
    name, distribution, import_statement = "z5py", "z5py", "import z5py"
    shards = False
    places = (DIRECTORY,)
    skips_fill = False
    appends = False

    def __init__(self, n_threads: int = 1) -> None:
        super().__init__()
        self._z5py = importlib.import_module("z5py")
        self._n_threads = n_threads
        self.note = f"n_threads={n_threads}{' (its default)' if n_threads == 1 else ''}"

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        file = self._z5py.File(str(stored.group), "r+" if writable else "r", use_zarr_format=True)
        array = file[ARRAY_NAME]
        array.n_threads = self._n_threads
        return array

    def reader(self, array: Any, key: Any) -> Callable[[], Any]:
        if isinstance(key, tuple) and any(isinstance(k, slice) and k.step not in (None, 1) for k in key):
            raise NotOfferedError("no slices with a step")
        return super().reader(array, key)

    def field_reader(self, stored: Stored, place: str, field: str) -> Callable[[], Any]:
        raise NotOfferedError("no structured types")

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        options: dict[str, Any] = {"compression": "raw"}
        if layout.codec == BLOSC:
            options = {"compression": "blosc", **BLOSC_OPTIONS}
            options["codec"] = options.pop("cname")
        return self._z5py.File(str(group), "a", use_zarr_format=True).create_dataset(
            ARRAY_NAME,
            shape=layout.shape,
            dtype=layout.dtype,
            chunks=layout.chunks,
            n_threads=self._n_threads,
            **options,
        )


class H5py(Peer):
    name, distribution, import_statement = "h5py", "h5py", "import h5py"
    shards = False
    note = "one HDF5 file of the same chunks; LZF and shuffle stand for blosc; chunk cache off"
    places = (DIRECTORY,)
    skips_fill = False
    writes_zarr = False

    def __init__(self) -> None:
        super().__init__()
        self._h5py = importlib.import_module("h5py")

    def _file(self, path: Path, mode: str) -> Any:
        # with its cache it would answer from memory what the others are asked from files
        return self._h5py.File(path, mode, rdcc_nbytes=0)

    def adopt(self, stored: Stored) -> None:
        path = stored.group / "h5py.h5"
        if path.exists():
            return
        with self._file(path, "w") as file:
            array = self._create(file, stored.layout)
            if stored.numbers is not None:
                array[...] = stored.numbers

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        return self._file(stored.group / "h5py.h5", "r+" if writable else "r")[ARRAY_NAME]

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        group.mkdir(parents=True, exist_ok=True)
        return self._create(self._file(group / "h5py.h5", "w"), layout)

    @staticmethod
    def _create(file: Any, layout: Layout) -> Any:
        options = {} if layout.codec == RAW else {"compression": "lzf", "shuffle": True}
        # HDF5 refuses chunks that are larger than the array, unless it can grow
        chunks = tuple(min(c, n or c) for c, n in zip(layout.chunks, layout.shape, strict=True))
        grows = tuple(n or None for n in layout.shape)
        return file.create_dataset(
            ARRAY_NAME, layout.shape, layout.dtype, chunks=chunks, maxshape=grows, **options
        )

    def points_reader(self, array: Any, points: tuple[NDArray[Any], ...]) -> Callable[[], Any]:
        raise NotOfferedError("takes a list for one axis only, not points")

    def mask_reader(self, array: Any, mask: NDArray[np.bool_]) -> Callable[[], Any]:
        return lambda: array[mask]

    def rows_reader(self, array: Any, rows: NDArray[Any]) -> Callable[[], Any]:
        raise NotOfferedError("takes lists that rise only")

    def writer(self, array: Any, key: Any, value: NDArray[Any]) -> Callable[[], None]:
        file = array.file

        def write() -> None:
            array[key] = value
            file.flush()

        return write

    def appender(self, array: Any, pieces: Sequence[NDArray[Any]]) -> Callable[[], Any]:
        file = array.file

        def append() -> Any:
            for piece in pieces:
                start = len(array)
                array.resize(start + len(piece), axis=0)
                array[start:] = piece
                file.flush()
            return array

        return append


@dataclass(frozen=True)
class _PlainFile:
    path: Path
    view: NDArray[Any]


class Numpy(Peer):
    """Not a peer but the limit: copies in memory, and one plain file in the page cache."""

    name, distribution, import_statement = "numpy", "numpy", "import numpy, numcodecs"
    note = "the limit: copies in memory; one plain file for a directory; no chunks, no codec"
    writes_zarr = False
    appends = False
    is_limit = True

    def adopt(self, stored: Stored) -> None:
        path = self._path(stored.group)
        if not path.exists():
            stored.expected().tofile(path)

    @staticmethod
    def _path(group: Path) -> Path:
        return group / "numpy.raw"

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        if place == MEMORY or stored.numbers is None:
            return stored.expected().copy() if writable else stored.expected()
        path = self._path(stored.group)
        # the view without the class memmap, whose indexing takes longer than the copy of an element
        mapped = np.memmap(path, stored.layout.dtype, "r+", shape=stored.layout.shape)
        return _PlainFile(path, np.asarray(mapped))

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        memory = np.empty(layout.shape, layout.dtype)
        if place == MEMORY:
            return memory
        group.mkdir(parents=True, exist_ok=True)
        return _PlainFile(self._path(group), memory)

    def reader(self, array: Any, key: Any) -> Callable[[], Any]:
        if isinstance(array, np.ndarray):
            return lambda: np.array(array[key], order="C")
        if key is Ellipsis:
            path, dtype, shape = array.path, array.view.dtype, array.view.shape
            return lambda: np.fromfile(path, dtype).reshape(shape)
        view = array.view
        return lambda: np.array(view[key], order="C")

    @staticmethod
    def _lister(array: Any, key: Any) -> Callable[[], Any]:
        view = array if isinstance(array, np.ndarray) else array.view
        # what a list or a mask selects is a copy already
        return lambda: view[key]

    def points_reader(self, array: Any, points: tuple[NDArray[Any], ...]) -> Callable[[], Any]:
        return self._lister(array, points)

    def mask_reader(self, array: Any, mask: NDArray[np.bool_]) -> Callable[[], Any]:
        return self._lister(array, mask)

    def rows_reader(self, array: Any, rows: NDArray[Any]) -> Callable[[], Any]:
        return self._lister(array, rows)

    def field_reader(self, stored: Stored, place: str, field: str) -> Callable[[], Any]:
        return self.reader(self.open(stored, place), field)

    def writer(self, array: Any, key: Any, value: NDArray[Any]) -> Callable[[], None]:
        if isinstance(array, _PlainFile):
            if key is Ellipsis:
                return lambda: value.tofile(array.path)
            array = array.view
        return super().writer(array, key, value)


def load_peers(z5py_threads: int = 1) -> tuple[list[Peer], dict[str, str]]:
    """Import what is installed.

    Returns
    -------
    the peers, zarrcy first, and why the others are not there, by name
    """
    try:
        peers: list[Peer] = [Zarrcy()]
    except ModuleNotFoundError as exc:
        if exc.name != "zarrcy":
            raise
        remedy = "install it, or set PYTHONPATH to the source tree"
        raise SystemExit(f"zarrcy is not importable: {remedy}") from exc
    missing = {}
    for kind in (Zarr2, Zarr3, Zarr3Fused, Zarrs, TensorStore, Z5py, H5py, Numpy):
        try:
            peers.append(Z5py(z5py_threads) if kind is Z5py else kind())
        except ImportError as exc:
            missing[kind.name] = str(exc)
    return peers, missing


def working_directory(root: str | None) -> tempfile.TemporaryDirectory[str]:
    """Return a new directory below `root`; by default in memory, where the system has that."""
    if root is None and Path("/dev/shm").is_dir():
        root = "/dev/shm"
    return tempfile.TemporaryDirectory(prefix="zarrcy-bench-", dir=root)
