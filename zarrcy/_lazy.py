"""Names of a package that are loaded when they are first asked for."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazy_names(
    package: str, homes: Mapping[str, str], modules: str = ""
) -> tuple[list[str], Callable[[str], Any]]:
    """Return the names that modules have for a package, and a function that loads what one of them names.

    Parameters
    ----------
    package : its ``__name__``
    homes : modules, and the names of each with spaces between
    modules : of the package itself, which are found too

    Examples
    --------
    >>> names, find = lazy_names("zarrcy", {"zarrcy.types": "Shape Coords"}, "sync errors")
    >>> names, find("Coords"), find("sync").__name__
    (['Coords', 'Shape'], tuple[int, ...], 'zarrcy.sync')
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def find(name: str) -> Any:
        if name in home_of:
            return getattr(import_module(home_of[name]), name)
        if name in modules.split():
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return sorted(home_of), find
