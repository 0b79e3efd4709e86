"""What is made on first use: names of a package, modules without a file, and attributes.

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
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec
    from types import FrameType

Loaded: TypeAlias = Any
"""What a name that is loaded on first use stands for: a class, a function or a module."""


T = TypeVar("T")


class LazyAttribute(Generic[T]):
    """An attribute that is computed when it is first used, and then kept.

    It differs from `functools.cached_property` in one point: that one, in Python 3.11, holds a lock of all instances
    while it computes. So threads would wait for each other, and a process that is forked meanwhile would wait for ever.
    Two threads that use the attribute first at the same time both compute it.

    Parameters
    ----------
    compute : callable
        Called with the object; returns the value of the attribute.

    Examples
    --------
    >>> class Circle:
    ...     radius = 2
    ...     @LazyAttribute
    ...     def area(self): return 3 * self.radius**2
    >>> Circle().area
    12
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self.__doc__ = compute.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type | None = None) -> T:
        if instance is None:
            # help() and documentation programs ask the class
            return self  # type: ignore[return-value]
        value = self._compute(instance)
        setattr(instance, self._name, value)
        return value

    if TYPE_CHECKING:

        def __set__(self, instance: object, value: T) -> None: ...


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


class Zarr2ModuleFinder:
    """Import hook for the modules of zarr-python 2 that zarrcy does not have as files, such as ``zarrcy.core``.

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

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        """Return the spec of a module of zarr-python 2; None for any other module."""
        return import_module("zarrcy._zarr2_modules").spec_of(name) if name in self.names else None


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
        if _imports_anything(frames.pop(own)):
            # the other threads may wait for a module that this thread imports
            return
        if not any(_imports_for_zarrcy(frame) for frame in frames.values()) or time.monotonic() > deadline:
            return
        del frames
        time.sleep(_PAUSE_SECONDS)


def _imports_anything(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__") == _IMPORT_SYSTEM:
            return True
        frame = frame.f_back
    return False


def _imports_for_zarrcy(frame: FrameType | None) -> bool:
    """Return whether a thread with this frame imports a module of zarrcy, or another module for zarrcy."""
    imports = False
    while frame is not None:
        name = str(frame.f_globals.get("__name__"))
        if name == _IMPORT_SYSTEM:
            imports = True
            # the argument of the functions of the import system
            if str(frame.f_locals.get("name")).partition(".")[0] == "zarrcy":
                return True
        elif imports and name.partition(".")[0] == "zarrcy":
            return True
        frame = frame.f_back
    return False


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_wait_for_imports)
