"""Each parameter of a function or method of zarr-python 2.18.7 is a parameter of ours, too.

It has the same name, position, kind and default. Ours may have a default where theirs has none, and more parameters.
`DIFFERENCES` lists the intended differences with their reasons.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from .peers import Zarr2
from .test_names import STORES, THINGS, ours
from .zarr2_worker import signatures_of

_ROOT = "None and '' both mean the root of the store, in both libraries"
_KEYWORD = "ours takes it among `**kwargs`"
_STATED = "ours states its parameters instead of passing on any arguments"

# Method and parameter -> why ours differs.
DIFFERENCES: dict[tuple[str, str], str] = {
    (
        "zarr.attrs.Attributes.__init__",
        "cached_dict",
    ): "arrays and groups create their attributes, from a node",
    ("zarr.open", "zarr_version"): _KEYWORD,
    ("zarr.save_array", "zarr_version"): _KEYWORD,
    ("zarr.consolidate_metadata", "path"): _ROOT,
    ("zarr.storage.FSStore.__init__", "exceptions"): (
        "ours treats neither PermissionError nor every other OSError as a missing key: a value that could not be read "
        "may exist"
    ),
    ("zarr.storage.LMDBStore.update", "other"): "ours takes all positional arguments, as dict.update does",
    **{("zarr.storage.DictStore.__init__", name): _STATED for name in ("args", "kwargs")},
    **{("zarr.n5.N5Store.__init__", name): _STATED for name in ("args", "kwargs")},
    ("zarr.n5.N5FSStore.__init__", "args"): _STATED,
    **{
        (f"{store}.{method}", "path"): _ROOT
        for store in STORES
        for method in {
            "zarr.storage.LRUStoreCache": ["rmdir"],
            "zarr.storage.MemoryStore": ["getsize", "listdir", "rmdir"],
            "zarr.storage.DictStore": ["getsize", "listdir", "rmdir"],
            "zarr.storage.MongoDBStore": ["listdir", "rmdir"],
            "zarr.storage.RedisStore": ["listdir", "rmdir"],
        }.get(store, [])
    },
}


@pytest.fixture(scope="module")
def signatures(zarr2: Zarr2) -> dict[str, Any]:
    """The signatures of zarr-python 2: function or method -> parameters, by the module or class that has them."""
    return zarr2.signatures(THINGS)


def parameters_that_differ(theirs: list[list[Any]], own: list[list[Any]]) -> list[str]:
    """Return the names of the parameters of zarr-python 2 that ours do not match.

    Parameters
    ----------
    theirs, own : list
        Lists of name, kind and default, see `signatures_of`.
    """
    by_name = {name: (position, kind, default) for position, (name, kind, default) in enumerate(own)}
    kinds = [kind for _, kind, _ in own]
    differ = []
    for position, (name, kind, default) in enumerate(theirs):
        if kind in ("VAR_POSITIONAL", "VAR_KEYWORD"):
            same = kind in kinds
        elif name not in by_name:
            same = False
        else:
            own_position, own_kind, own_default = by_name[name]
            has_same_default = default is None or _without_address(own_default) == _without_address(default)
            takes_keyword = own_kind in ("KEYWORD_ONLY", "POSITIONAL_OR_KEYWORD")
            same = has_same_default and (
                takes_keyword if kind == "KEYWORD_ONLY" else (own_kind, own_position) == (kind, position)
            )
        if not same:
            differ.append(name)
    return differ


def _without_address(default: str | None) -> str | None:
    """Return the text of a default without the address of an object."""
    return default and re.sub(r" at 0x[0-9a-f]+", "", default)


@pytest.mark.parametrize(
    ("theirs", "own", "differ"),
    [
        ([["a", "POSITIONAL_OR_KEYWORD", None]], [["a", "POSITIONAL_OR_KEYWORD", "1"]], []),
        ([["a", "POSITIONAL_OR_KEYWORD", "1"]], [["a", "POSITIONAL_OR_KEYWORD", None]], ["a"]),
        ([["a", "POSITIONAL_OR_KEYWORD", "1"]], [["a", "KEYWORD_ONLY", "1"]], ["a"]),
        ([["a", "KEYWORD_ONLY", "1"]], [["a", "POSITIONAL_OR_KEYWORD", "1"]], []),
        ([["a", "KEYWORD_ONLY", "1"]], [["b", "KEYWORD_ONLY", "1"]], ["a"]),
        ([["a", "VAR_KEYWORD", None]], [["b", "VAR_KEYWORD", None]], []),
        ([["a", "VAR_KEYWORD", None]], [], ["a"]),
        (
            [["a", "POSITIONAL_OR_KEYWORD", None]],
            [["b", "POSITIONAL_OR_KEYWORD", None], ["a", "POSITIONAL_OR_KEYWORD", None]],
            ["a"],
        ),
    ],
)
def test_a_parameter_differs_by_name_position_kind_or_default(
    theirs: list[list[Any]], own: list[list[Any]], differ: list[str]
) -> None:
    assert parameters_that_differ(theirs, own) == differ


@pytest.mark.parametrize("thing", THINGS)
def test_each_parameter_of_zarr_python_2_is_a_parameter_of_ours(
    signatures: dict[str, Any], thing: str
) -> None:
    own = signatures_of(ours(thing))
    differ = {
        (f"{thing}.{function}", name)
        for function, parameters in signatures[thing].items()
        if function in own
        for name in parameters_that_differ(parameters, own[function])
    }
    assert differ == {place for place in DIFFERENCES if place[0].rpartition(".")[0] == thing}


def test_the_functions_and_methods_of_users_are_compared(signatures: dict[str, Any]) -> None:
    """The comparison must not pass because it finds nothing to compare."""
    compared = {
        f"{thing}.{name}"
        for thing in THINGS
        for name in set(signatures[thing]) & set(signatures_of(ours(thing)))
    }
    assert len(compared) > 300
    assert {
        "zarr.create", "zarr.open", "zarr.copy_store", "zarr.core.Array.resize", "zarr.hierarchy.Group.create_dataset",
        "zarr.storage.FSStore.__init__", "zarr.sync.ProcessSynchronizer.__init__",
    } <= compared  # fmt: skip
