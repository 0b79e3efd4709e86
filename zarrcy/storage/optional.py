"""Optional packages: imported when a store needs them. An error names the package that is missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any, TypeAlias

from zarrcy.errors import MissingExtraError

Client: TypeAlias = Any
"""An object of an optional package: a connection, a file system, a database. Most of these packages have no types."""
Option: TypeAlias = Any
"""A keyword argument that is passed on to an optional package."""


def import_optional(module: str, extra: str, purpose: str) -> ModuleType:
    """Import a module of an optional package.

    Parameters
    ----------
    module : str
        Name of the module.
    extra : str
        The extra of zarrcy that installs the package.
    purpose : str
        The class or function that needs the package, for the error.

    Raises
    ------
    MissingExtraError
        If the package is not installed.

    Examples
    --------
    >>> import_optional("no_such_package", "moon", "MoonStore")
    Traceback (most recent call last):
    zarrcy.errors.MissingExtraError: MoonStore needs the package 'no_such_package': pip install 'zarrcy[moon]'
    """
    try:
        return import_module(module)
    except ImportError as exc:
        raise MissingExtraError(module, extra, purpose) from exc
