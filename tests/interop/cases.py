"""Arrays to exchange: they cover every value of each setting, and every pair of values of two settings."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .values import make_objects, make_quarters, make_values

JSON = Any


@dataclass(frozen=True)
class Case:
    """The settings of one array."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    chunks: tuple[int, ...]
    fill: Any = 0
    order: str = "C"
    separator: str | None = None
    compressor: JSON = None
    filters: tuple[JSON, ...] = ()
    object_codec: JSON = None
    name: str = ""

    def __str__(self) -> str:
        return self.name

    @property
    def whole(self) -> tuple[slice, ...]:
        return tuple(slice(0, n) for n in self.shape)

    @property
    def half(self) -> tuple[slice, ...]:
        """A region that does not touch some chunks and ends inside others."""
        return tuple(slice(0, math.ceil(n / 2)) for n in self.shape)

    @property
    def middle(self) -> tuple[slice, ...]:
        """A region that does not cover any edge chunk completely, if there are several chunks."""
        return tuple(slice(min(1, n - 1) if n else 0, max(1, n - 1) if n else 0) for n in self.shape)

    def values(self, seed: int = 0) -> NDArray[Any]:
        """Return values for the whole array; the same seed gives the same values."""
        rng = np.random.default_rng(seed)
        if self.object_codec is not None:
            return make_objects(self.object_codec["id"], self.shape, rng)
        return (
            make_quarters(self.dtype, self.shape, rng)
            if self.filters
            else make_values(self.dtype, self.shape, rng)
        )

    def unwritten_item(self) -> Any:
        """Return the element that zarrcy reads from an unwritten chunk; zero for a fill value of None."""
        if self.dtype.hasobject:
            # 0, the default fill value, is not a string
            return self.fill or {"vlen-utf8": "", "vlen-bytes": b""}.get(self.object_codec["id"], self.fill)
        item = np.zeros((), self.dtype)
        if self.fill is not None and not (isinstance(self.fill, int) and self.fill == 0):
            item[()] = self.fill
        return item[()]

    def unwritten(self) -> NDArray[Any]:
        """Return the elements of an unwritten array."""
        return np.full(self.shape, self.unwritten_item(), self.dtype)


# Each data type with its fill values. 0 is the default.
INT_FILLS = {"0": 0, "null": None, "7": 7}
FLOAT_FILLS = {
    "0": 0,
    "null": None,
    "1.5": 1.5,
    "nan": math.nan,
    "inf": math.inf,
    "-inf": -math.inf,
    "-0.0": -0.0,
}
COMPLEX_FILLS = {
    "0": 0,
    "null": None,
    "1-2j": 1 - 2j,
    "nan": complex(math.nan, 0),
    "inf": complex(1, math.inf),
}
NESTED = np.dtype([("x", "<f4"), ("y", [("p", "|u1"), ("q", ">i2")]), ("s", "S3"), ("u", "<U2")])
GRID_FIELD = np.dtype([("x", "<f4", (2, 3)), ("y", "|u1")])
RECORD = np.dtype([("a", "<i4"), ("b", ">f8")])


def _limits(dtype_text: str) -> dict[str, Any]:
    info = np.iinfo(dtype_text)
    return {**INT_FILLS, "max": int(info.max), "min": int(info.min)}


DTYPES: dict[str, tuple[Any, dict[str, Any]]] = {
    "b1": ("|b1", {"0": 0, "null": None, "true": True}),
    **{
        dtype_text.strip("|"): (dtype_text, _limits(dtype_text))
        for dtype_text in ("|i1", "|u1", *(o + k for k in ("i2", "i4", "i8", "u2", "u4", "u8") for o in "<>"))
    },
    **{o + k: (o + k, FLOAT_FILLS) for k in ("f2", "f4", "f8") for o in "<>"},
    **{o + k: (o + k, COMPLEX_FILLS) for k in ("c8", "c16") for o in "<>"},
    "S5": ("|S5", {"0": 0, "null": None, "empty": b"", "short": b"ab", "long": b"ab\xffde"}),
    **{o + "U7": (o + "U7", {"0": 0, "null": None, "empty": "", "text": "a\u0153\U0001f600"}) for o in "<>"},
    **{
        dtype_text: (
            dtype_text,
            {
                "0": 0,
                "null": None,
                "time": np.array(10**9, "i8").view(dtype_text[1:])[()],
                "nat": np.array("NaT", dtype_text[1:])[()],
            },
        )
        for dtype_text in ("<M8[ns]", ">M8[ns]", "<M8[D]", "<m8[s]")
    },
    "V3": ("|V3", {"0": 0, "null": None, "bytes": np.void(b"\x01\x00\xff")}),
    "record": (RECORD, {"0": 0, "null": None, "some": np.array((7, -0.5), RECORD)[()]}),
    "nested": (
        NESTED,
        {"0": 0, "null": None, "some": np.array((math.nan, (2, -3), b"s", "\xe9"), NESTED)[()]},
    ),
    "grid-field": (
        GRID_FIELD,
        {"0": 0, "null": None, "some": np.array((np.arange(6).reshape(2, 3), 1), GRID_FIELD)[()]},
    ),
}


def _blosc(cname: str, shuffle: int) -> JSON:
    return {"id": "blosc", "cname": cname, "clevel": 5, "shuffle": shuffle, "blocksize": 0}


COMPRESSORS: dict[str, JSON] = {
    "raw": None,
    **{f"blosc-lz4-{shuffle}": _blosc("lz4", shuffle) for shuffle in (0, 1, 2)},
    "blosc-zstd-2": _blosc("zstd", 2),
    "blosc-zlib-1": _blosc("zlib", 1),
    "zstd": {"id": "zstd", "level": 1},
    "lz4": {"id": "lz4", "acceleration": 1},
    "zlib": {"id": "zlib", "level": 6},
    "gzip": {"id": "gzip", "level": 2},
    "bz2": {"id": "bz2", "level": 1},
    "lzma": {"id": "lzma", "format": 1, "check": -1, "preset": None, "filters": None},
}

LAYOUTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "no-axes": ((), ()),
    "no-elements": ((0,), (1,)),
    "empty-axis": ((0, 3), (2, 2)),
    "one-element": ((1,), (1,)),
    "edge-chunk": ((10,), (3,)),
    "chunk-too-long": ((5,), (8,)),
    "exact": ((4, 6), (2, 3)),
    "edge-chunks": ((7, 5), (3, 2)),
    "thin": ((6, 1), (4, 1)),
    "three-axes": ((3, 4, 5), (2, 3, 2)),
    "four-axes": ((3, 2, 4, 3), (2, 2, 3, 2)),
}
ORDERS = {"C": "C", "F": "F"}
SEPARATORS: dict[str, str | None] = {"dot": ".", "slash": "/", "default": None}


Choice = tuple[str, str, str, str, str, str]


def choices() -> Iterator[Choice]:
    """Combine each data type with each compressor, and add the settings that form the most new pairs."""
    layouts = list(LAYOUTS)
    met: set[Any] = set()
    for i, dtype in enumerate(DTYPES):
        for j, compressor in enumerate(COMPRESSORS):
            # shift by one for each data type, so that each layout occurs with all data types and all compressors
            both = (dtype, compressor, layouts[(i + j) % len(layouts)])
            others = itertools.product(ORDERS, SEPARATORS, DTYPES[dtype][1])
            best = max(
                ((*both, *settings) for settings in others), key=lambda choice: len(meetings(choice) - met)
            )
            met |= meetings(best)
            yield best


def meetings(choice: Choice) -> set[Any]:
    """Return the pairs of settings in a choice; a fill value is paired with its data type and with the order."""
    dtype, *_, order, _, fill = choice
    return {*itertools.combinations(enumerate(choice[:-1]), 2), (dtype, fill), (dtype, fill, order)}


def matrix() -> list[Case]:
    """Return cases that contain every pair of values of two settings."""
    cases = []
    for choice in choices():
        dtype, compressor, layout, order, separator, fill = choice
        dtype_text, fills = DTYPES[dtype]
        shape, chunks = LAYOUTS[layout]
        cases.append(
            Case(
                dtype=np.dtype(dtype_text),
                shape=shape,
                chunks=chunks,
                fill=fills[fill],
                order=ORDERS[order],
                separator=SEPARATORS[separator],
                compressor=COMPRESSORS[compressor],
                name="-".join((*choice[:-1], f"fill_{fill}")),
            )
        )
    return cases


def _delta(dtype: str, astype: str | None = None) -> JSON:
    return {"id": "delta", "dtype": dtype, "astype": astype or dtype}


SCALED = {"id": "fixedscaleoffset", "offset": 3, "scale": 4, "dtype": "<f8", "astype": "<i2"}

# Data type, and the filters in the order of encoding. They are lossless for the values of these cases.
FILTERS: dict[str, tuple[str, list[JSON]]] = {
    "delta": ("<i4", [_delta("<i4")]),
    "delta-wider": (">i2", [_delta(">i2", "<i8")]),
    "delta-float": ("<f8", [_delta("<f8")]),
    "scale": ("<f8", [SCALED]),
    "quantize": ("<f8", [{"id": "quantize", "digits": 2, "dtype": "<f8", "astype": "<f4"}]),
    "bitround": ("<f4", [{"id": "bitround", "keepbits": 9}]),
    "packbits": ("|b1", [{"id": "packbits"}]),
    "shuffle": ("<i4", [{"id": "shuffle", "elementsize": 4}]),
    "astype": ("<f8", [{"id": "astype", "encode_dtype": "<f4", "decode_dtype": "<f8"}]),
    "fletcher32": ("<u4", [{"id": "fletcher32"}]),
    "crc32": ("<f4", [{"id": "crc32"}]),
    "adler32": ("|u1", [{"id": "adler32"}]),
    "lookup3": ("<i8", [{"id": "jenkins_lookup3", "initval": 7, "prefix": None}]),
    "base64": ("<M8[s]", [{"id": "base64"}]),
    "chain": ("<f8", [SCALED, _delta("<i2"), {"id": "shuffle", "elementsize": 2}, {"id": "fletcher32"}]),
}


def with_filters() -> list[Case]:
    """Return cases with filters, in both orders, with and without a compressor."""
    separators = itertools.cycle(SEPARATORS.items())
    return [
        Case(
            dtype=np.dtype(dtype),
            shape=LAYOUTS[layout][0],
            chunks=LAYOUTS[layout][1],
            fill=fill,
            order=order,
            separator=separator,
            compressor=COMPRESSORS[compressor],
            filters=tuple(filters),
            name=f"{name}-{compressor}-{layout}-{order}-{separator_name}-fill_{fill}",
        )
        for (name, (dtype, filters)), (layout, compressor, fill), order in itertools.product(
            FILTERS.items(),
            [("edge-chunk", "zlib", 0), ("edge-chunks", "raw", 1), ("three-axes", "blosc-lz4-1", None)],
            ORDERS,
        )
        for separator_name, separator in [next(separators)]
    ]


JSON2 = {
    "id": "json2",
    "encoding": "utf-8",
    "skipkeys": False,
    "ensure_ascii": True,
    "check_circular": True,
    "allow_nan": True,
    "indent": None,
    "separators": [",", ":"],
    "sort_keys": True,
    "strict": True,
}
OBJECT_CODECS: dict[str, tuple[JSON, list[Any]]] = {
    "vlen-utf8": ({"id": "vlen-utf8"}, [0, None, "", "f\u0153"]),
    "vlen-bytes": ({"id": "vlen-bytes"}, [0, None, ""]),
    "vlen-array": ({"id": "vlen-array", "dtype": "<i4"}, [None]),
    "json2": (JSON2, [0, None, "", "foo"]),
    "msgpack2": (
        {"id": "msgpack2", "raw": False, "use_single_float": False, "use_bin_type": True},
        [0, None, ""],
    ),
    "categorize": (
        {"id": "categorize", "labels": ["a", "\u0153", "foo"], "dtype": "|O", "astype": "|u1"},
        ["", "foo", None],
    ),
}


def of_objects() -> list[Case]:
    """Return cases with Python objects, each codec in both orders, with and without a compressor."""
    return [
        Case(
            dtype=np.dtype(object),
            shape=LAYOUTS[layout][0],
            chunks=LAYOUTS[layout][1],
            fill=fill,
            order=order,
            separator=separator,
            compressor=COMPRESSORS[compressor],
            object_codec=codec,
            name=f"{name}-{compressor}-{layout}-{order}-fill_{fill!r}",
        )
        for name, (codec, fills) in OBJECT_CODECS.items()
        for fill, (layout, compressor, separator), order in itertools.product(
            fills,
            [("no-axes", "raw", "."), ("edge-chunk", "zlib", None), ("three-axes", "blosc-lz4-1", "/")],
            ORDERS,
        )
    ]
