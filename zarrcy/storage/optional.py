"""Optional packages: imported when a store needs them, and named where they are missing."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from zarrcy.errors import MissingExtraError


def load(module: str, extra: str, purpose: str) -> Any:
    """Import a module of an optional package.

    Raises
    ------
    MissingExtraError : the package is not installed

    >>> load("no_such_package", "moon", "MoonStore")
    Traceback (most recent call last):
    zarrcy.errors.MissingExtraError: MoonStore needs the package 'no_such_package': pip install 'zarrcy[moon]'
    """
    try:
        return import_module(module)
    except ImportError as exc:
        raise MissingExtraError(module, extra, purpose) from exc
