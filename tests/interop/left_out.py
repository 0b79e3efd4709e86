"""The cases that are not exchanged with a peer, because it does not support them, with the reason."""

from __future__ import annotations

import cmath
from collections.abc import Callable
from typing import Any

import pytest

from .cases import Case

PEERS = ("zarr2", "zarr3", "tensorstore")
Reason = tuple[Callable[[Case], bool], str]


def _codec_ids(case: Case) -> set[str]:
    return {config["id"] for config in (case.object_codec, *case.filters, case.compressor) if config}


def _object_codec(case: Case) -> str | None:
    return case.object_codec["id"] if case.object_codec else None


def _is_minus_zero(fill: Any) -> bool:
    return isinstance(fill, float) and str(fill) == "-0.0"


# The peer cannot read these, or reads them wrongly.
NOT_READ: dict[str, list[Reason]] = {
    "zarr2": [
        (
            lambda case: isinstance(case.fill, complex) and cmath.isinf(case.fill),
            "it computes real + 1j * imaginary for a complex fill value, which is NaN if a part is infinite",
        ),
    ],
    "zarr3": [
        (
            lambda case: _object_codec(case) not in (None, "vlen-utf8", "vlen-bytes"),
            "it does not have a data type for objects of this codec",
        ),
        (
            lambda case: _object_codec(case) == "vlen-bytes" and case.fill == 0,
            "it rejects the fill value 0 for bytes, which zarr-python 2 writes",
        ),
        (
            lambda case: _object_codec(case) == "vlen-bytes" and not case.shape,
            "it returns the only value as an array of S, without trailing NULs",
        ),
        (
            lambda case: (
                case.dtype.names is not None
                and any(case.dtype[name].subdtype or case.dtype[name].names for name in case.dtype.names)
            ),
            "it does not have a data type for fields that have fields or are arrays",
        ),
    ],
    "tensorstore": [
        (lambda case: case.dtype.kind in "UMmO", "it does not have the data type"),
        (lambda case: case.dtype.names is not None, "it opens one field at a time"),
        (lambda case: case.dtype.kind in "SV", "it returns bytes as empty arrays of S0"),
        (lambda case: bool(_codec_ids(case) & {"lz4", "lzma"}), "it does not have the codec"),
        (lambda case: bool(case.filters), "it does not support filters"),
    ],
}

# The peer reads these, but cannot change them.
_FORGETS_ORDER: Reason = (
    lambda case: (
        bool(_codec_ids(case) & {"bitround", "json2", "msgpack2"})
        and case.order == "F"
        and len(case.shape) > 1
    ),
    "it passes a chunk in Fortran order to these codecs, which store it in C order",
)
NOT_CHANGED: dict[str, list[Reason]] = {
    "zarr2": [
        _FORGETS_ORDER,
        (
            lambda case: _object_codec(case) in ("json2", "msgpack2", "vlen-array") and not case.shape,
            "it cannot assign a list or an array to the only element of an array without axes",
        ),
        (
            lambda case: _object_codec(case) == "vlen-bytes" and case.fill == "",
            "it fills chunks with the string form of the bytes",
        ),
    ],
    "zarr3": [_FORGETS_ORDER],
    "tensorstore": [],
}

# The peer reads and changes these, but cannot create them.
NOT_CREATED: dict[str, list[Reason]] = {
    "zarr2": [(lambda case: _is_minus_zero(case.fill), "it changes a fill value of -0.0 to 0.0")],
    "zarr3": [],
    "tensorstore": [
        (
            lambda case: case.order == "F" and len(case.shape) < 2,
            "it writes C instead of F for fewer than two axes, and then rejects its own document",
        ),
    ],
}


def exchanges(
    cases: list[Case], *left_out: dict[str, list[Reason]], peers: tuple[str, ...] = PEERS
) -> list[Any]:
    """Return a parameter for each peer and each case, except those to which a reason applies."""
    return [
        pytest.param(peer, case, id=f"{peer}-{case}")
        for peer in peers
        for case in cases
        if not any(applies(case) for reasons in left_out for applies, _ in reasons[peer])
    ]
