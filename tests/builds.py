"""The compiled kernels and the NumPy kernels, for tests that must pass with both."""

from contextlib import contextmanager

import pytest

from zarrcy import _kernels

BUILDS = {"reference": _kernels.reference} | ({"compiled": _kernels.compiled} if _kernels.COMPILED else {})

# A build without C-Blosc2 decodes only chunks without a compressor on the native path.
HAS_CODECS = _kernels.native is None or len(_kernels.native.CODECS) > 1
needs_codecs = pytest.mark.skipif(not HAS_CODECS, reason="this build has no codec libraries")

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
