"""The libraries that exchange arrays, each behind the same few methods."""

from __future__ import annotations

import itertools
import json
import os
import selectors
import subprocess
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
from numpy.typing import NDArray

import zarrcy

from .cases import Case
from .programs.families import Program
from .zarr2_worker import as_array, run_program

Region = tuple[slice, ...]
ANSWER_TIMEOUT = 60.0


def codec_of(config: Any) -> Any:
    return None if config is None else numcodecs.get_codec(dict(config))


def filters_of(case: Case) -> list[Any] | None:
    """Return the filters as in a document, where the object codec is the first filter."""
    return [codec_of(config) for config in (case.object_codec, *case.filters) if config] or None


class _InProcess:
    """The methods that are the same for zarrcy and zarr-python 3."""

    def unwritten_differs(self, case: Case) -> bool:
        """Return whether this library reads other values than zarrcy from unwritten chunks."""
        return False

    def _open(self, path: Path, mode: str) -> Any:
        raise NotImplementedError

    def read(self, path: Path, region: Region | None = None) -> NDArray[Any]:
        array = self._open(path, "r")
        return as_array(array[... if region is None else region], array.dtype)

    def append(self, path: Path, values: NDArray[Any], axis: int) -> None:
        self._open(path, "r+").append(values, axis=axis)

    def resize(self, path: Path, shape: tuple[int, ...]) -> None:
        self._open(path, "r+").resize(shape)

    def put_attrs(self, path: Path, attrs: dict[str, Any]) -> None:
        self._open(path, "r+").attrs.put(attrs)

    def attrs(self, path: Path) -> dict[str, Any]:
        return dict(self._open(path, "r").attrs.asdict())


class Zarrcy(_InProcess):
    """The library under test.

    Parameters
    ----------
    path : str, optional
        Path of the arrays in their stores.
    **settings
        Further arguments for `zarrcy.create`.
    """

    def __init__(self, path: str = "", **settings: Any) -> None:
        self._path, self._settings = path, settings

    def _open(self, path: Path, mode: str, **options: Any) -> zarrcy.Array:
        return zarrcy.open_array(str(path), mode=mode, path=self._path, **options)

    def create(self, path: Path, case: Case) -> None:
        zarrcy.create(
            case.shape,
            chunks=case.chunks,
            dtype=case.dtype,
            compressor=codec_of(case.compressor),
            fill_value=case.fill,
            order=case.order,
            store=str(path),
            filters=[codec_of(config) for config in case.filters] or None,
            object_codec=codec_of(case.object_codec),
            dimension_separator=case.separator,
            path=self._path,
            **self._settings,
        )

    def write(self, path: Path, region: Region, values: NDArray[Any], empty_chunks: bool = True) -> None:
        self._open(path, "r+", write_empty_chunks=empty_chunks)[region] = values

    def program(self, program: Program, place: Path) -> Any:
        return run_program(zarrcy, program.run, str(place))

    def run(self, function: Callable[..., Any], place: Path, **arguments: Any) -> Any:
        """Run a function of the package `programs`, and describe its outcome."""
        return run_program(zarrcy, partial(function, **arguments), str(place))


class Zarr2Error(Exception):
    """An operation of zarr-python 2 raised an exception."""

    def __init__(self, message: str, classes: list[str]) -> None:
        super().__init__(message, classes)
        self.classes = classes


class Zarr2:
    """zarr-python 2.18.7 in another process with another environment.

    Parameters
    ----------
    interpreter : str
        Python interpreter of the environment.
    **variables : str
        Environment variables for the process, in addition to those of this process.
    """

    def unwritten_differs(self, case: Case) -> bool:
        # for a fill value of None it returns uninitialized memory; for objects, the value in the document
        return case.fill is None or (case.dtype.hasobject and case.fill != case.unwritten_item())

    def __init__(self, interpreter: str, **variables: str) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="zarr2-")
        self._numbers = itertools.count()
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [interpreter, "-I", str(Path(__file__).with_name("zarr2_worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            bufsize=1,
            env=os.environ | variables,
        )
        self._ready = selectors.DefaultSelector()
        self._ready.register(self._process.stdout, selectors.EVENT_READ)

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(ANSWER_TIMEOUT)
        self._process.stdout.close()
        self._ready.close()
        self._log.close()
        self._folder.cleanup()

    def _ask(self, op: str, **request: Any) -> Any:
        self._process.stdin.write(json.dumps({"op": op, **request}) + "\n")
        # each request has one answer, so the buffer of the reader is empty here and select sees all data
        line = self._process.stdout.readline() if self._ready.select(ANSWER_TIMEOUT) else ""
        if not line:
            self._process.kill()
            self._log.seek(0)
            raise RuntimeError(f"the worker did not answer {op!r}; it wrote: {self._log.read()}")
        answer = json.loads(line)
        if "error" in answer:
            raise Zarr2Error(answer["error"], answer["classes"])
        return answer["result"]

    def _put(self, values: NDArray[Any]) -> str:
        path = os.path.join(self._folder.name, f"{next(self._numbers)}.npy")
        np.save(path, values, allow_pickle=True)
        return path

    def _encode_fill(self, fill: Any) -> Any:
        if fill is None or (isinstance(fill, (bool, int, float, str)) and not isinstance(fill, np.generic)):
            return fill
        return [self._put(np.asarray(fill))]

    def create(self, path: Path, case: Case) -> None:
        self._ask(
            "create",
            path=str(path),
            shape=case.shape,
            chunks=case.chunks,
            dtype=self._put(np.empty(0, case.dtype)),
            fill=self._encode_fill(case.fill),
            order=case.order,
            compressor=case.compressor,
            filters=list(case.filters) or None,
            object_codec=case.object_codec,
            dimension_separator=case.separator,
        )

    def write(self, path: Path, region: Region, values: NDArray[Any], empty_chunks: bool = True) -> None:
        self._ask(
            "write",
            path=str(path),
            values=self._put(values),
            region=_bounds(region),
            empty_chunks=empty_chunks,
        )

    def read(self, path: Path, region: Region | None = None) -> NDArray[Any]:
        out = os.path.join(self._folder.name, f"{next(self._numbers)}.npy")
        self._ask("read", path=str(path), region=None if region is None else _bounds(region), out=out)
        values: NDArray[Any] = np.load(out, allow_pickle=True)
        os.unlink(out)
        return values

    def resize(self, path: Path, shape: tuple[int, ...]) -> None:
        self._ask("resize", path=str(path), shape=shape)

    def append(self, path: Path, values: NDArray[Any], axis: int) -> None:
        self._ask("append", path=str(path), values=self._put(values), axis=axis)

    def put_attrs(self, path: Path, attrs: dict[str, Any]) -> None:
        self._ask("put_attrs", path=str(path), attrs=attrs)

    def attrs(self, path: Path) -> dict[str, Any]:
        return self._ask("attrs", path=str(path))

    def codecs(self) -> list[str]:
        return self._ask("codecs")

    def program(self, program: Program, place: Path) -> Any:
        return self._ask("program", address=program.address, place=str(place))

    def signatures(self, names: list[str]) -> dict[str, Any]:
        """Return the signatures of modules and classes, see `zarr2_worker.signatures_of`."""
        return self._ask("signatures", names=names)

    def run(self, function: Callable[..., Any], place: Path, **arguments: Any) -> Any:
        """Run a function of the package `programs` in the other process, and describe its outcome."""
        module = function.__module__.rpartition(".")[2]
        return self._ask("run", module=module, name=function.__name__, place=str(place), arguments=arguments)


def _bounds(region: Region) -> list[list[int | None]]:
    return [[item.start, item.stop, item.step] for item in region]


class Zarr3(_InProcess):
    """zarr-python 3, used for Zarr v2 arrays."""

    def unwritten_differs(self, case: Case) -> bool:
        # it reads NaT for times without a fill value, and "0" for the fill value 0 that zarr-python 2 gives to strings
        return case.dtype.kind in "mMO" and case.fill in (None, 0)

    def __init__(self, zarr: Any) -> None:
        self.zarr = zarr

    def _open(self, path: Path, mode: str) -> Any:
        return self.zarr.open_array(str(path), mode=mode, zarr_format=2)

    def create(self, path: Path, case: Case) -> None:
        self.zarr.create_array(
            str(path),
            shape=case.shape,
            chunks=case.chunks,
            dtype=self._dtype(case),
            zarr_format=2,
            compressors=codec_of(case.compressor),
            filters=filters_of(case),
            # for strings, 0 would become "0"
            fill_value=None if case.fill is None else case.unwritten_item(),
            order=case.order,
            chunk_key_encoding={"name": "v2", "separator": case.separator or "."},
        )

    def _dtype(self, case: Case) -> Any:
        if case.object_codec is None:
            return case.dtype
        types = self.zarr.dtype
        return {"vlen-utf8": types.VariableLengthUTF8, "vlen-bytes": types.VariableLengthBytes}[
            case.object_codec["id"]
        ]()

    def read(self, path: Path, region: Region | None = None) -> NDArray[Any]:
        values = super().read(path, region)
        return values.astype(object) if values.dtype.kind == "T" else values

    def write(self, path: Path, region: Region, values: NDArray[Any], empty_chunks: bool = True) -> None:
        with self.zarr.config.set({"array.write_empty_chunks": empty_chunks}):
            self._open(path, "r+")[region] = values


class TensorStore:
    """The driver "zarr" of tensorstore. Its data types do not have a byte order."""

    def unwritten_differs(self, case: Case) -> bool:
        """Return whether this library reads other values than zarrcy from unwritten chunks."""
        return False

    def __init__(self, tensorstore: Any) -> None:
        self._tensorstore = tensorstore

    def _open(self, path: Path, members: dict[str, Any] | None = None, **options: Any) -> Any:
        spec = {"driver": "zarr", "kvstore": {"driver": "file", "path": str(path)}, **(members or {})}
        return self._tensorstore.open(spec, **options).result()

    def create(self, path: Path, case: Case) -> None:
        document = {
            "zarr_format": 2,
            "shape": case.shape,
            "chunks": case.chunks,
            "dtype": case.dtype.str,
            "fill_value": None if case.fill is None else _json_fill(case.unwritten_item()),
            "order": case.order,
            "compressor": case.compressor,
            "filters": None,
        }
        if case.separator is not None:
            document["dimension_separator"] = case.separator
        self._open(path, {"metadata": document}, create=True)

    def write(self, path: Path, region: Region, values: NDArray[Any], empty_chunks: bool = True) -> None:
        array = self._open(path, {"store_data_equal_to_fill_value": empty_chunks})
        array[region].write(values.astype(values.dtype.newbyteorder("="))).result()

    def read(self, path: Path, region: Region | None = None) -> NDArray[Any]:
        array = self._open(path)
        dtype = np.dtype(json.loads((path / ".zarray").read_bytes())["dtype"])
        values = (array if region is None else array[region]).read().result()
        return np.asarray(values).astype(dtype)

    def resize(self, path: Path, shape: tuple[int, ...]) -> None:
        self._open(path).resize(exclusive_max=shape).result()


def _json_fill(fill: np.generic) -> Any:
    """Return a fill value as JSON, as the Zarr v2 specification defines it."""
    if fill.dtype.kind == "c":
        return [_json_fill(fill.real), _json_fill(fill.imag)]
    if fill.dtype.kind != "f" or np.isfinite(fill):
        return fill.item()
    return "NaN" if np.isnan(fill) else "Infinity" if fill > 0 else "-Infinity"
