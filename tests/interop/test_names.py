"""Every public name of zarr-python 2 is in zarrcy, or in `LEFT_OUT` with a reason and in the documentation."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import zarrcy
import zarrcy.compat

from .conftest import ROOT
from .peers import Zarr2
from .programs.names import existing_names, public_classes, public_names

_MODULE = "a module of numcodecs that `from numcodecs import *` lets through"
_LEAK = "a function, or a module of the standard library, that `from numcodecs import *` lets through"
_CLIENT = "deprecated there; use `client`"
_BATCH = "N5 blocks are encoded one by one; use `getitems`"

LEFT_OUT: dict[str, dict[str, str]] = {
    "zarr": {
        **dict.fromkeys(
            ["abc", "astype", "base64", "bitround", "bz2", "categorize", "checksum32", "compat_ext", "delta"],
            _MODULE,
        ),
        **dict.fromkeys(
            ["fixedscaleoffset", "fletcher32", "gzip", "jenkins", "json", "lz4", "lzma"], _MODULE
        ),
        **dict.fromkeys(["msgpacks", "ndarray_like", "packbits", "pickles", "quantize", "registry"], _MODULE),
        **dict.fromkeys(["shuffle", "vlen", "zfpy", "zlib", "zstd"], _MODULE),
        **dict.fromkeys(["atexit", "multiprocessing", "ncores", "suppress"], _LEAK),
        "context": "its only class is a type hint for `getitems`",
        "version": "a module; use `__version__`",
    },
    "zarr.core.Array": {},
    "zarr.hierarchy.Group": {},
    "zarr.attrs.Attributes": {},
    "zarr.storage.ABSStore": dict.fromkeys(["account_key", "account_name", "container"], _CLIENT),
    "zarr.n5.N5FSStore": dict.fromkeys(["delitems", "setitems"], _BATCH),
}
STORES = [
    *(f"zarr.storage.{name}" for name in zarrcy.compat.MODULES["storage"]["zarrcy.storage"].split() if "Store" in name),
    "zarr.storage.DictStore",
    "zarr.n5.N5Store",
    "zarr.n5.N5FSStore",
]  # fmt: skip
SYNCHRONIZERS = ["zarr.sync.ThreadSynchronizer", "zarr.sync.ProcessSynchronizer"]
THINGS = [
    "zarr", "zarr.core.Array", "zarr.hierarchy.Group", "zarr.attrs.Attributes", "zarr.convenience.LazyLoader",
    *STORES, *SYNCHRONIZERS,
]  # fmt: skip


def names_in_zarr2(zarr2: Zarr2, function: Callable[..., str], place: Path, **arguments: Any) -> set[str]:
    answer = zarr2.run(function, place, **arguments)
    assert "str" in answer, answer
    return set(ast.literal_eval(answer["str"]).split())


def ours(thing: str) -> Any:
    """Return the object that `zarrcy.compat` has for a dotted name."""
    if thing == "zarr":
        return zarrcy
    _, module, name = thing.split(".")
    (source,) = (s for s, items in zarrcy.compat.MODULES[module].items() if name in items.split())
    return getattr(__import__(source, fromlist=[name]), name)


@pytest.mark.parametrize("thing", THINGS)
def test_every_public_name_exists_or_has_a_reason_to_be_left_out(
    zarr2: Zarr2, thing: str, place: Path
) -> None:
    theirs = names_in_zarr2(zarr2, public_names, place, dotted=thing)
    assert theirs
    missing = {name for name in theirs if not hasattr(ours(thing), name)}
    assert missing == set(LEFT_OUT.get(thing, {}))


@pytest.mark.parametrize("module", list(zarrcy.compat.MODULES))
def test_every_name_of_a_stand_in_module_exists_in_zarr_python_2(
    zarr2: Zarr2, module: str, place: Path
) -> None:
    names = {name for items in zarrcy.compat.MODULES[module].values() for name in items.split()}
    assert names
    assert names_in_zarr2(zarr2, existing_names, place, module=module, names=sorted(names)) == names


@pytest.mark.parametrize("module", ["errors", "sync"])
def test_every_error_and_synchronizer_of_zarr_python_2_exists(zarr2: Zarr2, module: str, place: Path) -> None:
    names = {name for items in zarrcy.compat.MODULES[module].values() for name in items.split()}
    theirs = names_in_zarr2(zarr2, public_classes, place, module=module)
    assert theirs
    assert theirs <= names


def test_the_documentation_lists_every_name_that_is_left_out() -> None:
    text = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    assert [name for names in LEFT_OUT.values() for name in names if f"`{name}`" not in text] == []
