"""zarrcy, zarr-python 3, tensorstore and zarrs read and change the Zarr v3 arrays of each other, bit for bit."""

from __future__ import annotations

import json
import math
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numcodecs
import numpy as np
import pytest
from numpy.typing import NDArray

import zarrcy

from .values import OBJECTS, assert_same_bits, make_values

JSON = Any
Region = tuple[slice, ...]
BIG = {"name": "bytes", "configuration": {"endian": "big"}}
ZSTD = {"name": "zstd", "configuration": {"level": 3, "checksum": False}}
RECORD = np.dtype([("a", "<i4"), ("b", "<f8"), ("s", "S3")])

DTYPES: dict[str, tuple[Any, list[Any]]] = {
    "bool": ("?", [False, True]),
    **{
        k: (k, [0, 7, np.iinfo(k).max, np.iinfo(k).min])
        for k in ("i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8")
    },
    **{
        k: (k, [0, -0.0, 1.5, math.nan, math.inf, -math.inf, np.array(bits, f"u{k[1]}").view(k)[()]])
        for k, bits in (("f2", 0x7E01), ("f4", 0xFFC00001), ("f8", 0x7FF8000000000123))
    },
    **{k: (k, [0, 1 - 2j, complex(math.nan, -0.0), complex(-math.inf, 1)]) for k in ("c8", "c16")},
    "V3": ("V3", [0, np.void(b"\x01\x00\xff")]),
    "S5": ("S5", [b"", b"ab\xffde"]),
    "U7": ("U7", ["", "aœ\U0001f600"]),
    "M8[ns]": ("M8[ns]", [0, np.datetime64("NaT", "ns"), np.datetime64(10**9, "ns")]),
    "m8[25s]": ("m8[25s]", [0, np.timedelta64("NaT", "s")]),
    "text": (str, ["", "œ"]),
    "bytes": (bytes, [b"", b"\x00\xff"]),
    "record": (RECORD, [0, np.array((7, -0.5, b"x"), RECORD)[()]]),
    "bfloat16": ("bfloat16", [0, 1.5, math.nan]),
    "int4": ("int4", [0, -3]),
}
CODECS: dict[str, dict[str, Any]] = {
    "raw": {"compressor": None},
    "default": {},
    "F": {"order": "F"},
    "big": {"codecs": [BIG]},
    "big-crc": {"codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, BIG, ZSTD, "crc32c"]},
    "crc-gzip": {"codecs": ["crc32c", {"name": "gzip", "configuration": {"level": 2}}]},
    **{
        f"blosc-{cname}-{shuffle}": {"compressor": numcodecs.Blosc(cname, 5, shuffle)}
        for cname, shuffle in (("lz4", 0), ("lz4hc", 1), ("zstd", 2), ("zlib", 1), ("blosclz", -1))
    },
    "zstd": {"compressor": numcodecs.Zstd(1)},
    "zstd-checksum": {"compressor": numcodecs.Zstd(1, checksum=True)},
    "gzip": {"compressor": numcodecs.GZip(1)},
    "lz4": {"compressor": numcodecs.LZ4()},
    "bz2": {"compressor": numcodecs.BZ2(1)},
    "shuffle-zlib": {"filters": [numcodecs.Shuffle(4)], "compressor": numcodecs.Zlib(1)},
    "adler": {"filters": [numcodecs.Adler32()]},
    "packbits": {"codecs": ["packbits"]},
}
KEYS: dict[str, JSON] = {
    "c/": "default",
    "c.": {"name": "default", "configuration": {"separator": "."}},
    "v2.": "v2",
    "v2/": {"name": "v2", "configuration": {"separator": "/"}},
}
LAYOUTS: dict[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "edges": ((7, 5), (3, 2)),
    "exact": ((4, 6), (2, 3)),
    "one": ((5, 4), (8, 9)),
    "thin": ((6, 1), (4, 1)),
}
OF_NUMCODECS = {"lz4", "bz2", "shuffle-zlib", "adler"}


@dataclass(frozen=True)
class Case:
    """The settings of one array, as names in the tables above."""

    dtype: str
    codecs: str
    keys: str
    layout: str
    fill: int

    def __str__(self) -> str:
        return f"{self.dtype}-{self.codecs}-{self.keys.replace('/', '_')}-{self.layout}-{self.fill}"

    def numpy_dtype(self) -> Any:
        name = DTYPES[self.dtype][0]
        if self.dtype in ("bfloat16", "int4"):
            return np.dtype(getattr(pytest.importorskip("ml_dtypes"), name))
        return name

    def create(self, path: Path) -> zarrcy.Array:
        shape, chunks = LAYOUTS[self.layout]
        return zarrcy.create(
            shape,
            chunks=chunks,
            dtype=self.numpy_dtype(),
            fill_value=DTYPES[self.dtype][1][self.fill],
            chunk_key_encoding=KEYS[self.keys],
            store=str(path),
            zarr_format=3,
            attributes={"made": "by zarrcy"},
            **CODECS[self.codecs],
        )

    def values(self, array: zarrcy.Array, seed: int, shape: tuple[int, ...] | None = None) -> NDArray[Any]:
        rng = np.random.default_rng(seed)
        shape = array.shape if shape is None else shape
        if array.dtype.kind == "O":
            flat = np.empty(math.prod(shape), object)
            choice = OBJECTS["vlen-utf8" if self.dtype == "text" else "vlen-bytes"]
            for i in range(flat.size):
                flat[i] = choice[rng.integers(len(choice))]
            return flat.reshape(shape)
        if self.dtype == "int4":
            return rng.integers(-8, 8, shape).astype(array.dtype)
        if self.dtype == "bfloat16":
            return rng.integers(-8, 8, shape).astype("f4").astype(array.dtype)
        return make_values(array.dtype, shape, rng)


def cases() -> Iterator[Case]:
    """Combine each data type with each chain of codecs, and the other settings in turn."""
    for i, (dtype, (_, fills)) in enumerate(DTYPES.items()):
        for j, codecs in enumerate(CODECS):
            case = Case(
                dtype, codecs, list(KEYS)[(i + j) % 4], list(LAYOUTS)[(i + 3 * j) % 4], j % len(fills)
            )
            if _has_codecs(case):
                yield case


def _has_codecs(case: Case) -> bool:
    if case.codecs == "packbits":
        return case.dtype in ("bool", "int4")
    if case.codecs == "shuffle-zlib":
        # the size of a chunk must be a multiple of the shuffled element size
        return case.dtype in ("i4", "u8", "f8", "c16", "U7")
    # codecs with a byte order do not support elements of variable length
    return not (case.codecs.startswith("big") and case.dtype in ("text", "bytes"))


class Zarr3:
    """zarr-python 3."""

    def __init__(self, zarr: Any) -> None:
        self._zarr = zarr

    def reads(self, case: Case) -> bool:
        if case.dtype in ("bfloat16", "int4", "record") or case.codecs == "packbits":
            # it does not support these; for structured types it supports only the older form
            return False
        if case.dtype in ("f2", "f4", "f8") and case.fill == len(DTYPES[case.dtype][1]) - 1:
            # it loses the payload of a NaN in a fill value
            return False
        # it does not read its own arrays of this kind correctly
        return not (case.codecs == "F" and case.dtype in ("text", "bytes"))

    def _settings(self) -> AbstractContextManager[Any]:
        return nullcontext()

    def _open(self, path: Path) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return self._zarr.open_array(str(path), mode="r+", zarr_format=3)

    def rewrite(self, path: Path) -> None:
        """Rewrite the document in the form of this library."""
        with self._settings(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._open(path).update_attributes({"made": "by a peer"})

    def read(self, path: Path) -> NDArray[Any]:
        with self._settings(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = np.asarray(self._open(path)[...])
        return values.astype(object) if values.dtype.kind == "T" else values

    def write(self, path: Path, region: Region, values: NDArray[Any]) -> None:
        with self._settings(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._open(path)[region] = values

    def resize(self, path: Path, shape: tuple[int, ...]) -> None:
        with self._settings(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self._open(path).resize(shape)


class Zarrs(Zarr3):
    """zarrs, as the codec pipeline of zarr-python 3."""

    def reads(self, case: Case) -> bool:
        if case.codecs.startswith("big") and case.dtype in ("c8", "c16"):
            # it reverses the bytes of both parts together, which swaps the parts
            return False
        return super().reads(case) and case.codecs not in OF_NUMCODECS

    def _settings(self) -> AbstractContextManager[Any]:
        settings: AbstractContextManager[Any] = self._zarr.config.set(
            {"codec_pipeline.path": "zarrs.ZarrsCodecPipeline"}
        )
        return settings


class TensorStore:
    """The driver "zarr3" of tensorstore."""

    def __init__(self, tensorstore: Any) -> None:
        self._tensorstore = tensorstore

    def reads(self, case: Case) -> bool:
        return (
            case.dtype not in ("V3", "S5", "U7", "M8[ns]", "m8[25s]", "text", "bytes", "record")
            and case.codecs not in OF_NUMCODECS
            and case.codecs != "packbits"
        )

    def _open(self, path: Path, members: dict[str, Any] | None = None, **options: Any) -> Any:
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path)}, **(members or {})}
        return self._tensorstore.open(spec, **options).result()

    def rewrite(self, path: Path) -> None:
        document = json.loads((path / "zarr.json").read_bytes())
        (path / "zarr.json").unlink()
        self._open(path, {"metadata": document}, create=True)

    def read(self, path: Path) -> NDArray[Any]:
        return np.asarray(self._open(path).read().result())

    def write(self, path: Path, region: Region, values: NDArray[Any]) -> None:
        self._open(path)[region].write(values).result()

    def resize(self, path: Path, shape: tuple[int, ...]) -> None:
        self._open(path).resize(exclusive_max=shape).result()


@pytest.fixture(scope="module")
def v3_peers() -> dict[str, Any]:
    zarr = pytest.importorskip("zarr", minversion="3.1")
    pytest.importorskip("zarrs")
    return {
        "zarr3": Zarr3(zarr),
        "zarrs": Zarrs(zarr),
        "tensorstore": TensorStore(pytest.importorskip("tensorstore")),
    }


# Instances without a library: they only answer `reads`.
UNUSABLE = {"zarr3": Zarr3(None), "zarrs": Zarrs(None), "tensorstore": TensorStore(None)}
EXCHANGES = [
    pytest.param(name, case, id=f"{name}-{case}")
    for name, peer in UNUSABLE.items()
    for case in cases()
    if peer.reads(case)
]
each_exchange = pytest.mark.parametrize(("name", "case"), EXCHANGES)


def assert_same(actual: NDArray[Any], expected: NDArray[Any]) -> None:
    """Check that two arrays have the same bits; for int4, only the used bits count."""
    if expected.dtype.name == "int4":
        assert actual.dtype == expected.dtype
        actual, expected = actual.astype("i1"), expected.astype("i1")
    assert_same_bits(actual, expected)


def half(shape: tuple[int, ...]) -> Region:
    return tuple(slice(0, math.ceil(n / 2)) for n in shape)


def middle(shape: tuple[int, ...]) -> Region:
    return tuple(slice(min(1, n - 1), max(1, n - 1)) for n in shape)


@each_exchange
def test_a_peer_reads_and_changes_an_array_of_zarrcy(
    v3_peers: dict[str, Any], name: str, case: Case, place: Path
) -> None:
    peer = v3_peers[name]
    a = case.create(place)
    expected = np.full(a.shape, np.asarray(a.fill_value, a.dtype), a.dtype)
    region, values = half(a.shape), case.values(a, 1)
    a[region] = expected[region] = values[region]
    assert_same(peer.read(place), expected)
    region, values = middle(a.shape), case.values(a, 2)
    peer.write(place, region, values[region])
    expected[region] = values[region]
    assert_same(zarrcy.open_array(str(place), mode="r")[...], expected)


@each_exchange
def test_zarrcy_reads_and_changes_an_array_of_a_peer(
    v3_peers: dict[str, Any], name: str, case: Case, place: Path
) -> None:
    peer = v3_peers[name]
    expected = case.values(case.create(place), 3)
    peer.rewrite(place)
    peer.write(place, tuple(map(slice, expected.shape)), expected)
    a = zarrcy.open_array(str(place), mode="r+")
    assert_same(a[...], expected)
    more = case.values(a, 4, (2, a.shape[1]))
    a.append(more)
    expected = np.concatenate([expected, more])
    a[1, :] = expected[1, :] = case.values(a, 5)[1, :]
    a.attrs["added"] = [1, "\u0153"]
    assert_same(peer.read(place), expected)
    n = min(2, a.shape[1])
    a.resize(4, n)
    expected = expected[:4, :n]
    assert_same(peer.read(place), expected)
    peer.resize(place, (3, n))
    again = zarrcy.open_array(str(place), mode="r")
    assert_same(again[...], expected[:3])
    assert again.attrs["added"] == [1, "\u0153"]


def test_zarrcy_reads_and_changes_structured_types_in_their_older_form(
    v3_peers: dict[str, Any], place: Path
) -> None:
    """zarr-python 3.1 supports only this form."""
    zarr, peer = pytest.importorskip("zarr"), v3_peers["zarr3"]
    values = make_values(RECORD, (6,), np.random.default_rng(0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        zarr.create_array(str(place), shape=6, chunks=4, dtype=RECORD, fill_value=values[0], zarr_format=3)
    a = zarrcy.open_array(str(place), mode="r+")
    assert_same(a[...], np.full(6, values[0]))
    a[...] = values
    a.resize(5)
    assert_same(peer.read(place), values[:5])


def test_xarray_reads_dimension_names(place: Path) -> None:
    xarray = pytest.importorskip("xarray")
    a = zarrcy.create(
        (2, 3),
        dtype="f4",
        store=str(place),
        path="t",
        zarr_format=3,
        dimension_names=["y", "x"],
        fill_value=-1,
    )
    a[...] = np.arange(6).reshape(2, 3)
    with xarray.open_zarr(str(place), consolidated=False, zarr_format=3) as dataset:
        assert dataset["t"].dims == ("y", "x")
        assert (dataset["t"].values == a[...]).all()
