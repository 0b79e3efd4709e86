"""What a peer can't do, and why: the cases that are not exchanged with it."""

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


# The peer does not read these, or not rightly.
NOT_READ: dict[str, list[Reason]] = {
    "zarr2": [
        (
            lambda case: isinstance(case.fill, complex) and cmath.isinf(case.fill),
            "it makes real + 1j * imaginary of a complex fill value, which is NaN where one is infinite",
        ),
    ],
    "zarr3": [
        (
            lambda case: _object_codec(case) not in (None, "vlen-utf8", "vlen-bytes"),
            "it finds no data type for objects of this codec",
        ),
        (
            lambda case: _object_codec(case) == "vlen-bytes" and case.fill == 0,
            "it does not take 0, which zarr-python 2 writes, for a fill value of bytes",
        ),
        (
            lambda case: _object_codec(case) == "vlen-bytes" and not case.shape,
            "it gives the one value back as an array of S, without the NULs at its end",
        ),
        (
            lambda case: (
                case.dtype.names is not None
                and any(case.dtype[name].subdtype or case.dtype[name].names for name in case.dtype.names)
            ),
            "it finds no data type for fields that have fields, or are arrays",
        ),
    ],
    "tensorstore": [
        (lambda case: case.dtype.kind in "UMmO", "it has no such data type"),
        (lambda case: case.dtype.names is not None, "it opens one field at a time"),
        (lambda case: case.dtype.kind in "SV", "it gives bytes back as numpy arrays of S0, without content"),
        (lambda case: bool(_codec_ids(case) & {"lz4", "lzma"}), "it does not have the codec"),
        (lambda case: bool(case.filters), "it has no filters"),
    ],
}

# It reads them, but can't change them.
_FORGETS_ORDER: Reason = (
    lambda case: (
        bool(_codec_ids(case) & {"bitround", "json2", "msgpack2"})
        and case.order == "F"
        and len(case.shape) > 1
    ),
    "it hands these codecs a chunk in Fortran order, which they store in C order",
)
NOT_CHANGED: dict[str, list[Reason]] = {
    "zarr2": [
        _FORGETS_ORDER,
        (
            lambda case: _object_codec(case) in ("json2", "msgpack2", "vlen-array") and not case.shape,
            "it can't assign a list or an array to the one element of an array without axes",
        ),
        (
            lambda case: _object_codec(case) == "vlen-bytes" and case.fill == "",
            "it fills chunks with the text that spells the bytes",
        ),
    ],
    "zarr3": [_FORGETS_ORDER],
    "tensorstore": [],
}

# It reads and changes them, but can't create them.
NOT_CREATED: dict[str, list[Reason]] = {
    "zarr2": [(lambda case: _is_minus_zero(case.fill), "it makes 0.0 of a fill value of -0.0")],
    "zarr3": [],
    "tensorstore": [
        (
            lambda case: case.order == "F" and len(case.shape) < 2,
            "it writes C for F where there is one axis or none, and then refuses its own document",
        ),
    ],
}


def exchanges(
    cases: list[Case], *left_out: dict[str, list[Reason]], peers: tuple[str, ...] = PEERS
) -> list[Any]:
    """Return a parameter for each peer and each case, but those to which a reason applies."""
    return [
        pytest.param(peer, case, id=f"{peer}-{case}")
        for peer in peers
        for case in cases
        if not any(applies(case) for reasons in left_out for applies, _ in reasons[peer])
    ]
