"""The compiled kernels and the NumPy kernels, for tests that must pass with both."""

from contextlib import contextmanager

import pytest

from zarrcy import _kernels

BUILDS = {"reference": _kernels.reference} | ({"compiled": _kernels.compiled} if _kernels.COMPILED else {})

on_both_kernels = pytest.mark.parametrize("kernels", list(BUILDS.values()), ids=list(BUILDS))


@contextmanager
def using(kernels):
    """Use these kernels for arrays that are opened in a ``with`` block."""
    before = _kernels.default
    _kernels.default = kernels
    try:
        yield
    finally:
        _kernels.default = before
