"""The libraries that read and write Zarr: zarrcy, zarr-python 2 and 3, zarrs, tensorstore and z5py."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numcodecs import blosc
from numpy.typing import NDArray

from benchmarks.compare.peers.peer import (
    ARRAY_NAME,
    BLOSC,
    BLOSC_OPTIONS,
    DIRECTORY,
    GZIP,
    GZIP_LEVEL,
    MEMORY,
    RAW,
    ZSTD,
    ZSTD_LEVEL,
    Layout,
    NotOfferedError,
    Peer,
    Stored,
    ZarrPeer,
)


class Zarrcy(ZarrPeer):
    name, distribution, import_statement = "zarrcy", "zarrcy", "import zarrcy"
    first_read = "zarrcy.open_array({path!r}, mode='r')[0, 0, 0]"

    def __init__(self) -> None:
        import zarrcy
        from zarrcy import _kernels

        self.library = zarrcy
        # a source tree has no installed distribution
        self.version = zarrcy.__version__
        if not _kernels.COMPILED:
            self.version += " (pure)"

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        store: Any = stored.path
        if place == MEMORY:
            store = self.library.MemoryStore()
            store.update(stored.values)
        return self.library.open_array(store, mode="r+" if writable else "r")

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        return self.library.create(
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
    first_read = "zarr.open_array({path!r}, mode='r')[0, 0, 0]"
    shards = False

    def __init__(self) -> None:
        super().__init__()
        if not self.version.startswith("2."):
            raise ImportError(f"zarr is {self.version}")
        self.library = importlib.import_module("zarr")

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        store: Any = dict(stored.values) if place == MEMORY else self.library.DirectoryStore(stored.path)
        return self.library.open_array(store, mode="r+" if writable else "r")

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        return self.library.create(
            layout.shape,
            chunks=layout.chunks,
            dtype=layout.dtype,
            compressor=layout.compressor(),
            fill_value=0,
            store={} if place == MEMORY else self.library.DirectoryStore(str(group / ARRAY_NAME)),
            write_empty_chunks=layout.write_empty_chunks,
        )


class Zarr3(ZarrPeer):
    name, distribution, import_statement = "zarr 3", "zarr", "import zarr"
    first_read = "zarr.open_array({path!r}, mode='r')[0, 0, 0]"
    pipeline: ClassVar[dict[str, Any]] = {}

    def __init__(self) -> None:
        super().__init__()
        if self.version.startswith("2."):
            raise ImportError(f"zarr is {self.version}")
        self.library = importlib.import_module("zarr")
        self._buffer = importlib.import_module("zarr.core.buffer").default_buffer_prototype().buffer

    def settle(self) -> None:
        # The import of zarr-python 3 sets this for the whole process; for other libraries it is reset.
        blosc.use_threads = False

    def open(self, stored: Stored, place: str, writable: bool = False) -> Any:
        storage = self.library.storage
        if place == MEMORY:
            store = storage.MemoryStore({k: self._buffer.from_bytes(v) for k, v in stored.values.items()})
        else:
            store = storage.LocalStore(stored.path, read_only=not writable)
        with self.library.config.set(self.pipeline):
            version = 2 if stored.layout.shards is None else 3
            return self.library.open_array(store, mode="r+" if writable else "r", zarr_format=version)

    def create(self, layout: Layout, place: str, group: Path) -> Any:
        storage = self.library.storage
        compressors: Any = layout.compressor()
        if layout.shards is not None:
            compressors = layout.v3_codecs()[1:]
        with self.library.config.set(self.pipeline):
            return self.library.create_array(
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
            # 3.1 parses the name of the field, and then casts whole elements to its data type.
            raise NotOfferedError(f"{type(exc).__name__}: {exc}") from exc
        return call


class Zarr3Fused(Zarr3):
    """zarr-python 3 with the pipeline that runs all codecs of a chunk at once (from version 3.2)."""

    name = "zarr 3 fused"
    pipeline: ClassVar[dict[str, Any]] = {
        "codec_pipeline.path": "zarr.core.codec_pipeline.FusedCodecPipeline",
    }

    def __init__(self) -> None:
        super().__init__()
        if not hasattr(importlib.import_module("zarr.core.codec_pipeline"), "FusedCodecPipeline"):
            raise ImportError(f"zarr {self.version} has no fused pipeline")


class Zarrs(Zarr3):
    """zarr-python 3 with the codec pipeline of zarrs, which is written in Rust."""

    name, distribution, import_statement = "zarr 3+zarrs", "zarrs", "import zarr, zarrs"
    first_read = (
        "zarr.config.set({{'codec_pipeline.path': 'zarrs.ZarrsCodecPipeline'}}); "
        "zarr.open_array({path!r}, mode='r')[0, 0, 0]"
    )
    places = (DIRECTORY,)
    # strict: an error instead of a fallback to Python, which would measure zarr-python 3 again
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
    first_read = (
        "tensorstore.open({{'driver': 'zarr', 'kvstore': {{'driver': 'file', 'path': {path!r}}}}}).result()"
        "[0, 0, 0].read().result()"
    )
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
            "compressor": {
                RAW: None,
                BLOSC: {"id": "blosc", **BLOSC_OPTIONS},
                ZSTD: {"id": "zstd", "level": ZSTD_LEVEL},
                GZIP: {"id": "gzip", "level": GZIP_LEVEL},
            }[layout.codec],
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
    first_read = "z5py.File({group!r}, 'r', use_zarr_format=True)[{name!r}][0, 0, 0]"
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
        blosc_options: dict[str, Any] = {"compression": "blosc", **BLOSC_OPTIONS}
        blosc_options["codec"] = blosc_options.pop("cname")
        choices: dict[str, dict[str, Any]] = {
            RAW: {"compression": "raw"},
            BLOSC: blosc_options,
            ZSTD: {"compression": "zstd", "level": ZSTD_LEVEL},
        }
        if layout.codec == GZIP:
            raise NotOfferedError("writes zlib instead of gzip")
        options = choices[layout.codec]
        return self._z5py.File(str(group), "a", use_zarr_format=True).create_dataset(
            ARRAY_NAME,
            shape=layout.shape,
            dtype=layout.dtype,
            chunks=layout.chunks,
            n_threads=self._n_threads,
            **options,
        )
