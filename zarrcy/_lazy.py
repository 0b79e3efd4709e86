"""Names of a package, and modules without a file, that are imported on first use.

A fork waits until the imports of zarrcy that other threads have begun are complete: in the child, the locks of these
modules would stay held, and the first use of one would wait for ever.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import FrameType

Loaded: TypeAlias = Any
"""What a name that is loaded on first use stands for: a class, a function or a module."""


def lazy_names(
    package: str, homes: Mapping[str, str], modules: str = ""
) -> tuple[list[str], Callable[[str], Loaded]]:
    """Return the names that a package offers from its modules, and a function that imports one of them.

    Parameters
    ----------
    package : str
        Full name of the package.
    homes : mapping of str to str
        Module -> names that it defines, separated by spaces.
    modules : str, optional
        Modules of the package itself, separated by spaces. The function imports these too.

    Returns
    -------
    list of str
        The names, sorted.
    callable
        Returns the object or module with a name; raises AttributeError for any other name.

    Examples
    --------
    >>> names, find = lazy_names("zarrcy", {"zarrcy.types": "Shape Coords"}, "sync errors")
    >>> names, find("Coords"), find("sync").__name__
    (['Coords', 'Shape'], tuple[int, ...], 'zarrcy.sync')
    """
    home_of = {name: home for home, names in homes.items() for name in names.split()}

    def find(name: str) -> Loaded:
        if name in home_of:
            return getattr(import_module(home_of[name]), name)
        if name in modules.split():
            return import_module(f"{package}.{name}")
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return sorted(home_of), find


def zarr2_names(module: str) -> tuple[list[str], Callable[[str], Loaded]]:
    """Return the names that zarr-python 2 has in the module of the same name, as `lazy_names` does.

    Parameters
    ----------
    module : str
        Full name of a module of zarrcy, such as ``"zarrcy.indexing"``.

    Returns
    -------
    list of str
        The names.
    callable
        Loads one of the names; raises AttributeError for any other.

    Examples
    --------
    >>> names, find = zarr2_names("zarrcy.indexing")
    >>> find("OIndex").__name__
    'OIndex'
    """
    modules = import_module("zarrcy._zarr2_modules").MODULES
    return lazy_names(module, modules[module.rpartition(".")[2]])


def find_zarr2_name(package: str, folder: str, name: str) -> Loaded:
    """Return what zarr-python 2 calls `name` in the module that has the same name as a package of zarrcy.

    The import system asks a package for the name of each submodule before it looks for a file. Such a name raises
    AttributeError without a look at the table, which most programs never need.

    Parameters
    ----------
    package : str
        Full name of the package.
    folder : str
        Folder of the package.
    name : str
        Name of the attribute.

    Raises
    ------
    AttributeError
        If zarr-python 2 has no such name, or if it is a submodule of the package.

    Examples
    --------
    >>> import zarrcy.indexing
    >>> find_zarr2_name("zarrcy.indexing", zarrcy.indexing.__path__[0], "OIndex").__name__
    'OIndex'
    """
    path = os.path.join(folder, name)
    if os.path.isfile(f"{path}.py") or os.path.isdir(path):
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    return zarr2_names(package)[1](name)


def zarr2_module_finder(names: frozenset[str]) -> SimpleNamespace:
    """Return the import hook for the modules of zarr-python 2 that zarrcy does not have as files.

    It is not an object of a class of its own, because making a class takes a part of the time of importing zarrcy.

    Parameters
    ----------
    names : frozenset of str
        Full names of the modules.

    Examples
    --------
    >>> import zarrcy.core
    >>> zarrcy.core.Array is zarrcy.Array
    True
    """

    def find_spec(name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        return import_module("zarrcy._zarr2_modules").spec_of(name) if name in names else None

    return SimpleNamespace(find_spec=find_spec)


_IMPORT_SYSTEM = "importlib._bootstrap"
# A fork that waited so long is not delayed any more: the import may wait for the thread that forks.
_MOST_SECONDS = 10.0
_PAUSE_SECONDS = 0.001


def _wait_for_imports() -> None:
    """Wait until no other thread imports a module of zarrcy, or any module for zarrcy."""
    own = threading.get_ident()
    deadline = time.monotonic() + _MOST_SECONDS
    while True:
        # a thread that releases the GIL once has it for some milliseconds afterwards: no import begins before the fork
        time.sleep(0)
        frames = sys._current_frames()
        if _imports(frames.pop(own)):
            # the other threads may wait for a module that this thread imports
            return
        if not any(_imports(frame, "zarrcy") for frame in frames.values()) or time.monotonic() > deadline:
            return
        del frames
        time.sleep(_PAUSE_SECONDS)


def _imports(frame: FrameType | None, package: str = "") -> bool:
    """Return whether a thread with this frame imports a module of a package, or another module for it.

    Without a package, return whether it imports any module.
    """
    imports = False
    while frame is not None:
        module = frame.f_globals.get("__name__")
        if module == _IMPORT_SYSTEM:
            imports = True
            # the argument of the functions of the import system
            module = frame.f_locals.get("name")
        if imports and (not package or str(module).partition(".")[0] == package):
            return True
        frame = frame.f_back
    return False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait_for_imports)
