"""Serve zarr-python 2 to the tests: one JSON request per line on stdin, one JSON answer per line on stdout.

zarr-python 2 and 3 cannot be installed in one environment, so this script runs in a second one. It uses only the
standard library, numpy, numcodecs and zarr-python 2. Arrays are exchanged as ``.npy`` files. The tests import
`run_program` and `describe` too, so both sides describe outcomes in the same way.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
import warnings
from collections.abc import Callable
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

# An environment variable makes zarr-python 2 use the draft of Zarr v3, in which arrays are not at the root.
_LOCATION: dict[str, Any] = (
    {"zarr_version": 3, "path": "in/x"} if os.environ.get("ZARR_V3_EXPERIMENTAL_API") else {}
)


def main() -> None:
    import zarr

    # for the package `programs`
    sys.path.insert(0, str(Path(__file__).parent))
    answers, sys.stdout = sys.stdout, sys.stderr  # printed text must not mix with the answers
    # the tests compare outcomes, not warnings
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": _OPERATIONS[request.pop("op")](zarr, **request)}
        except Exception as exc:
            answer = {"error": f"{type(exc).__name__}: {exc}", "classes": classes_of(exc)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


# -- operations ------------------------------------------------------------------------------------


def _create(
    zarr: ModuleType, path: str, dtype: str, fill: Any, compressor: Any, filters: Any, **options: Any
) -> None:
    from numcodecs import get_codec

    array_dtype: Any = np.load(dtype, allow_pickle=True).dtype
    options = {name: value for name, value in options.items() if value is not None}
    if options.get("object_codec"):
        options["object_codec"] = get_codec(options["object_codec"])
    zarr.create(
        store=path,
        dtype=array_dtype,
        fill_value=fill_of(fill),
        compressor=None if compressor is None else get_codec(compressor),
        filters=None if filters is None else [get_codec(config) for config in filters],
        **options,
        **_LOCATION,
    )


def _write(zarr: ModuleType, path: str, values: str, region: list[list[int]], empty_chunks: bool) -> None:
    array = zarr.open_array(path, mode="r+", write_empty_chunks=empty_chunks, **_LOCATION)
    elements = np.load(values, allow_pickle=True)
    # zarr-python 2 would store an array without axes as the object
    array[selection_of(region)] = elements if region else elements[()]


def _read(zarr: ModuleType, path: str, region: Any, out: str) -> None:
    array = zarr.open_array(path, mode="r", **_LOCATION)
    np.save(
        out, as_array(array[... if region is None else selection_of(region)], array.dtype), allow_pickle=True
    )


def _resize(zarr: ModuleType, path: str, shape: list[int]) -> None:
    zarr.open_array(path, mode="r+", **_LOCATION).resize(*shape)


def _append(zarr: ModuleType, path: str, values: str, axis: int) -> list[int]:
    return list(
        zarr.open_array(path, mode="r+", **_LOCATION).append(np.load(values, allow_pickle=True), axis=axis)
    )


def _put_attrs(zarr: ModuleType, path: str, attrs: dict[str, Any]) -> None:
    zarr.open_array(path, mode="r+", **_LOCATION).attrs.put(attrs)


def _attrs(zarr: ModuleType, path: str) -> dict[str, Any]:
    return dict(zarr.open_array(path, mode="r", **_LOCATION).attrs.asdict())


def _codecs(zarr: ModuleType) -> list[str]:
    from numcodecs.registry import codec_registry

    return sorted(codec_registry)


def _program(zarr: ModuleType, address: list[Any], place: str) -> Any:
    from programs.families import find_program

    return run_program(zarr, find_program(*address).run, place)


def _signatures(zarr: ModuleType, names: list[str]) -> dict[str, Any]:
    return {name: signatures_of(found_by_name(name)) for name in names}


def _run(zarr: ModuleType, module: str, name: str, place: str, arguments: dict[str, Any]) -> Any:
    function = getattr(import_module(f"programs.{module}"), name)
    return run_program(zarr, partial(function, **arguments), place)


_OPERATIONS = {
    "create": _create,
    "write": _write,
    "read": _read,
    "resize": _resize,
    "append": _append,
    "put_attrs": _put_attrs,
    "attrs": _attrs,
    "codecs": _codecs,
    "program": _program,
    "signatures": _signatures,
    "run": _run,
}


def selection_of(region: list[list[int]]) -> tuple[slice, ...]:
    return tuple(slice(*item) for item in region)


def fill_of(value: Any) -> Any:
    """Return a fill value that was sent as JSON, or as the path of a ``.npy`` file in a list."""
    return np.load(value[0], allow_pickle=True)[()] if isinstance(value, list) else value


# -- functions that both sides use -----------------------------------------------------------------


def as_array(elements: Any, dtype: Any) -> np.ndarray:
    """Return the result of a read as an array, also the single element of an array without axes."""
    if isinstance(elements, np.ndarray) and elements.dtype == dtype:
        return elements
    out = np.empty((), dtype)
    out[()] = elements
    return out


def run_program(zarr: ModuleType, program: Callable[[ModuleType, str], Any], place: str) -> Any:
    """Describe the result of a program, or the exception that it raises.

    Parameters
    ----------
    zarr : module
        The library: zarr-python 2 or zarrcy.
    program : callable
        Called with the library and `place`.
    place : str
        Path of a folder that the program may create.
    """
    try:
        return describe(program(zarr, place))
    except Exception as exc:
        return {"raises": classes_of(exc)}


def found_by_name(name: str) -> Any:
    """Return a module, or a class that is named with its module."""
    module, _, last = name.rpartition(".")
    return getattr(importlib.import_module(module), last) if module else importlib.import_module(name)


def signatures_of(thing: Any) -> dict[str, Any]:
    """Return the signatures of the public functions of a module, or of the public methods of a class.

    A signature is a list of parameters: name, kind, and the default as text, or None if there is none. The first
    parameter of methods is left out.
    """
    is_class = isinstance(thing, type)
    names = [name for name in dir(thing) if not name.startswith("_") or (is_class and name == "__init__")]
    signatures = {}
    for name in sorted(names):
        # names of a module may be loaded on first use
        value = inspect.getattr_static(thing, name) if is_class else getattr(thing, name)
        skipped = is_class and not isinstance(value, staticmethod)
        function = getattr(value, "__func__", value)
        if inspect.isfunction(function):
            parameters = list(inspect.signature(function).parameters.values())[skipped:]
            signatures[name] = [
                [p.name, p.kind.name, None if p.default is p.empty else repr(p.default)] for p in parameters
            ]
    return signatures


def classes_of(exc: BaseException) -> list[str]:
    """Return the names of the classes of an exception, without the most general ones."""
    return [c.__name__ for c in type(exc).__mro__ if c not in (Exception, BaseException, object)]


def describe(value: Any) -> Any:
    """Return the type and the bits of a value as JSON."""
    if isinstance(value, np.ndarray):
        content = describe(value.tolist()) if value.dtype.hasobject else value.tobytes().hex()
        return {"array": repr(value.dtype), "shape": list(value.shape), "content": content}
    if isinstance(value, np.generic):
        return {"scalar": repr(value.dtype), "content": value.tobytes().hex(), "reads": repr(value)}
    if isinstance(value, (list, tuple)):
        return {type(value).__name__: [describe(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[describe(k), describe(v)] for k, v in value.items()]}
    if isinstance(value, type):
        return {"type": value.__name__}
    return {type(value).__name__: repr(value)}


if __name__ == "__main__":
    main()
