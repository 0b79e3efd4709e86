"""Serve zarr-python 2 to the tests: one JSON request a line on stdin, one JSON answer a line on stdout.

zarr-python 2 and 3 can't be in one environment, so this script runs in a second one. It uses the standard
library, numpy and zarr-python 2 alone. Arrays travel as ``.npy`` files. `run_snippet` and `describe` are
imported by the tests too, so that both sides say in the same words what they saw.
"""

from __future__ import annotations

import ast
import json
import os
import sys
import warnings
from types import ModuleType
from typing import Any

import numpy as np

# In the draft of Zarr v3, which zarr-python 2 has if it is told so, an array is not at the root of its store.
_WHERE: dict[str, Any] = (
    {"zarr_version": 3, "path": "in/x"} if os.environ.get("ZARR_V3_EXPERIMENTAL_API") else {}
)


def main() -> None:
    import zarr

    answers, sys.stdout = sys.stdout, sys.stderr  # whatever prints must not stand between the answers
    # what zarr-python 2 warns of is not under test; its answers are
    warnings.simplefilter("ignore")
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = {"result": _OPERATIONS[request.pop("op")](zarr, **request)}
        except Exception as exc:
            answer = {"error": f"{type(exc).__name__}: {exc}", "classes": classes_of(exc)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


# -- what a request can ask for ------------------------------------------------------------------


def _create(
    zarr: ModuleType, path: str, dtype: str, fill: Any, compressor: Any, filters: Any, **rest: Any
) -> None:
    from numcodecs import get_codec

    made: Any = np.load(dtype, allow_pickle=True).dtype
    options = {name: value for name, value in rest.items() if value is not None}
    if options.get("object_codec"):
        options["object_codec"] = get_codec(options["object_codec"])
    zarr.create(
        store=path,
        dtype=made,
        fill_value=fill_of(fill),
        compressor=None if compressor is None else get_codec(compressor),
        filters=None if filters is None else [get_codec(config) for config in filters],
        **options,
        **_WHERE,
    )


def _write(zarr: ModuleType, path: str, values: str, region: list[list[int]], empty_chunks: bool) -> None:
    array = zarr.open_array(path, mode="r+", write_empty_chunks=empty_chunks, **_WHERE)
    given = np.load(values, allow_pickle=True)
    # zarr-python 2 would store the array as the object
    array[selection_of(region)] = given if region else given[()]


def _read(zarr: ModuleType, path: str, region: Any, out: str) -> None:
    array = zarr.open_array(path, mode="r", **_WHERE)
    np.save(
        out, as_array(array[... if region is None else selection_of(region)], array.dtype), allow_pickle=True
    )


def _resize(zarr: ModuleType, path: str, shape: list[int]) -> None:
    zarr.open_array(path, mode="r+", **_WHERE).resize(*shape)


def _append(zarr: ModuleType, path: str, values: str, axis: int) -> list[int]:
    return list(
        zarr.open_array(path, mode="r+", **_WHERE).append(np.load(values, allow_pickle=True), axis=axis)
    )


def _put_attrs(zarr: ModuleType, path: str, attrs: dict[str, Any]) -> None:
    zarr.open_array(path, mode="r+", **_WHERE).attrs.put(attrs)


def _attrs(zarr: ModuleType, path: str) -> dict[str, Any]:
    return dict(zarr.open_array(path, mode="r", **_WHERE).attrs.asdict())


def _codecs(zarr: ModuleType) -> list[str]:
    from numcodecs.registry import codec_registry

    return sorted(codec_registry)


def _snippet(zarr: ModuleType, code: str, place: str) -> Any:
    return run_snippet(zarr, code, place)


_OPERATIONS = {
    "create": _create,
    "write": _write,
    "read": _read,
    "resize": _resize,
    "append": _append,
    "put_attrs": _put_attrs,
    "attrs": _attrs,
    "codecs": _codecs,
    "snippet": _snippet,
}


def selection_of(region: list[list[int]]) -> tuple[slice, ...]:
    return tuple(slice(*item) for item in region)


def fill_of(spelled: Any) -> Any:
    """Return a fill value that came as JSON, or as the path of a ``.npy`` file in a list."""
    return np.load(spelled[0], allow_pickle=True)[()] if isinstance(spelled, list) else spelled


# -- the same on both sides ----------------------------------------------------------------------


def as_array(read: Any, dtype: Any) -> np.ndarray:
    """Return what was read as an array, also where it is the one element of an array without axes."""
    if isinstance(read, np.ndarray) and read.dtype == dtype:
        return read
    out = np.empty((), dtype)
    out[()] = read
    return out


def run_snippet(zarr: ModuleType, code: str, place: str) -> Any:
    """Run lines of Python and describe the value of the last one, or the exception that ended them.

    They see `zarr`, whichever library that is, `np`, `numcodecs` and `place`, a folder of their own.
    """
    import numcodecs

    lines = ast.parse(code).body
    last = lines.pop() if isinstance(lines[-1], ast.Expr) else ast.parse("None").body[0]
    names: dict[str, Any] = {"zarr": zarr, "np": np, "numcodecs": numcodecs, "place": place}
    try:
        exec(compile(ast.Module(lines, []), "<snippet>", "exec"), names)
        return describe(eval(compile(ast.Expression(last.value), "<snippet>", "eval"), names))
    except Exception as exc:
        return {"raises": classes_of(exc)}


def classes_of(exc: BaseException) -> list[str]:
    """Return the names of the classes that catch an exception, without those that catch nearly all."""
    return [c.__name__ for c in type(exc).__mro__ if c not in (Exception, BaseException, object)]


def describe(value: Any) -> Any:
    """Return JSON that tells the type and the bits of a value."""
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
