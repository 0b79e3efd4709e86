"""Both builds of the kernels, for tests that must hold on each."""

from contextlib import contextmanager

import pytest

from zarrcy import _kernels

BUILDS = {"reference": _kernels.reference} | ({"compiled": _kernels.compiled} if _kernels.COMPILED else {})

on_both_kernels = pytest.mark.parametrize("kernels", list(BUILDS.values()), ids=list(BUILDS))


@contextmanager
def using(kernels):
    """Let arrays that are opened inside use these kernels."""
    before = _kernels.default
    _kernels.default = kernels
    try:
        yield
    finally:
        _kernels.default = before
