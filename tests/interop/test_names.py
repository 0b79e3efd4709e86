"""Every public name of zarr-python 2 is in zarrcy, or in `LEFT_OUT` with the reason, and in the documentation."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import pytest

import zarrcy
import zarrcy.compat

from .conftest import ROOT
from .peers import Zarr2

_MODULE = "a module of numcodecs that `from numcodecs import *` lets through"
_LEAK = "a function, or a module of the standard library, that `from numcodecs import *` lets through"
_CLIENT = "deprecated there; `client` knows it"
_BATCH = "N5 blocks are encoded one by one; `getitems` is there"

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
        "context": "its one class is a type hint for `getitems`",
        "v3_api_available": "the switch of an experiment that zarr-python 3 ended",
        "version": "a module; `__version__` is there",
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
# these belong to how a class is made or pickled, not to what users call
MACHINERY = [
    "__setstate__",
    "__slots__",
    "__dict__",
    "__parameters__",
    "__abstractmethods__",
    "__class_getitem__",
    # pickle writes its own name into a class that it has seen
    "__slotnames__",
]
NAMES = """
import importlib
module, _, name = {thing!r}.rpartition('.')
thing = getattr(importlib.import_module(module), name) if module else zarr
own = set(dir(thing)) - set(dir(object) if module else []) - set({machinery})
' '.join(n for n in own if not n.startswith('_') or (module and n.startswith('__')))
"""


def names_in_zarr2(zarr2: Zarr2, code: str, place: Path) -> set[str]:
    answer = zarr2.snippet(code, place)
    assert "str" in answer, answer
    return set(ast.literal_eval(answer["str"]).split())


def ours(thing: str) -> Any:
    """Return what `zarrcy.compat` gives for a dotted name."""
    if thing == "zarr":
        return zarrcy
    _, module, name = thing.split(".")
    (source,) = (s for s, items in zarrcy.compat.MODULES[module].items() if name in items.split())
    return getattr(__import__(source, fromlist=[name]), name)


@pytest.mark.parametrize("thing", THINGS)
def test_every_public_name_is_there_or_left_out_for_a_reason(zarr2: Zarr2, thing: str, place: Path) -> None:
    theirs = names_in_zarr2(zarr2, NAMES.format(thing=thing, machinery=MACHINERY), place)
    assert theirs
    missing = {name for name in theirs if not hasattr(ours(thing), name)}
    assert missing == set(LEFT_OUT.get(thing, {}))


@pytest.mark.parametrize("module", list(zarrcy.compat.MODULES))
def test_a_module_of_the_stand_in_has_no_name_that_the_original_lacks(
    zarr2: Zarr2, module: str, place: Path
) -> None:
    given = {name for items in zarrcy.compat.MODULES[module].values() for name in items.split()}
    assert given
    code = f"import zarr.{module} as m\n' '.join(n for n in {sorted(given)!r} if hasattr(m, n))"
    assert names_in_zarr2(zarr2, code, place) == given


@pytest.mark.parametrize("module", ["errors", "sync"])
def test_no_class_of_the_errors_and_the_synchronizers_is_left_out(
    zarr2: Zarr2, module: str, place: Path
) -> None:
    code = (
        f"import zarr.{module} as m\n' '.join(n for n, v in vars(m).items() "
        "if isinstance(v, type) and v.__module__ == m.__name__ and n[0] != '_')"
    )
    given = {name for items in zarrcy.compat.MODULES[module].values() for name in items.split()}
    theirs = names_in_zarr2(zarr2, code, place)
    assert theirs
    assert theirs <= given


def test_the_documentation_lists_every_name_that_is_left_out() -> None:
    text = (ROOT / "docs" / "differences.md").read_text(encoding="utf-8")
    assert [name for names in LEFT_OUT.values() for name in names if f"`{name}`" not in text] == []
