"""Zarr v3's list of codecs -> the stages of a pipeline."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import numcodecs
import numpy as np

from zarrcy.codecs import Compressor, Filter, Pack, Shard, Stage, Transpose
from zarrcy.codecs.array_codecs import (
    ROUNDINGS,
    CastValue,
    PackBits,
    Reorder,
    ScaleOffset,
    is_ml_dtype,
    plain,
)
from zarrcy.codecs.crc32c import CRC32C
from zarrcy.codecs.typed_blosc import blosc
from zarrcy.errors import CodecNotAvailableError
from zarrcy.metadata.json_member import MAX_CODECS, MAX_DEPTH, Extension, Member
from zarrcy.metadata.v3 import fill_values
from zarrcy.metadata.v3.data_types import DataType, has_byte_order, parse_dtype
from zarrcy.types import AnyDtype, Shape

ENTRY_POINTS = "zarrcy.codecs"
PREFIX = "numcodecs."
ARRAY, PACK, BYTES = "array -> array", "array -> bytes", "bytes -> bytes"
CNAMES = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
_KINDS = {
    **dict.fromkeys(("delta", "fixedscaleoffset", "quantize", "bitround", "astype", "packbits"), ARRAY),
    **dict.fromkeys(("pcodec", "zfpy", "vlen-utf8", "vlen-bytes"), PACK),
    **dict.fromkeys(
        (
            "blosc",
            "lz4",
            "zstd",
            "zlib",
            "gzip",
            "bz2",
            "lzma",
            "shuffle",
            "crc32",
            "crc32c",
            "adler32",
            "fletcher32",
        ),
        BYTES,
    ),
    "jenkins_lookup3": BYTES,
}
# They make bytes of Python objects, for which v3 has no data type; one of them runs what it decodes.
OF_OBJECTS = ("pickle", "json2", "msgpack2", "categorize", "vlen-array")
_BIT_COUNTS = {"bool": 1, "int2": 2, "uint2": 2, "int4": 4, "uint4": 4, "float4_e2m1fn": 4}


@dataclass(frozen=True, slots=True)
class ChunkSpec:
    """What a codec is given: the shape of a chunk, in elements, and their data type."""

    shape: Shape
    kind: DataType
    depth: int = 0

    @property
    def dtype(self) -> AnyDtype:
        return self.kind.dtype


@dataclass(frozen=True, slots=True)
class ParsedCodec:
    """What a codec becomes: its kind, the stages, and what the next codec is given."""

    kind: str
    stages: tuple[Stage, ...]
    given: ChunkSpec


def parse_codecs(member: Member, given: ChunkSpec) -> tuple[Stage, ...]:
    """Parse a list of codecs.

    Parameters
    ----------
    member : the list
    given : what the first codec is given

    Raises
    ------
    MetadataError : the list is malformed
    CodecNotAvailableError : it names a codec that is not installed
    """
    if given.depth > MAX_DEPTH:
        member.fail("it is nested too deeply")
    stages: list[Stage] = []
    packed = False
    items = list(member.items())
    if len(items) > MAX_CODECS:
        member.fail(f"there may be at most {MAX_CODECS} codecs")
    for item in items:
        step = parse_codec(item, given, packed)
        if step is None:
            continue
        if (step.kind == BYTES) != packed:
            item.fail(
                f"it is a codec {step.kind}; exactly one codec array -> bytes must stand between those of "
                "arrays and those of bytes"
            )
        packed = packed or step.kind == PACK
        stages.extend(step.stages)
        given = step.given
    if not packed:
        member.fail("it must hold one codec array -> bytes, such as 'bytes'")
    return _with_first_transposes_joined(stages)


def _with_first_transposes_joined(stages: list[Stage]) -> tuple[Stage, ...]:
    """Make one layout, which costs nothing, of the transposes at the beginning."""
    order: tuple[int, ...] | None = None
    rest = list(stages)
    while rest and isinstance(rest[0], Filter) and isinstance(rest[0].codec, Reorder):
        after = rest.pop(0).codec.order  # type: ignore[union-attr]
        order = after if order is None else tuple(order[axis] for axis in after)
    if order is None or order == tuple(range(len(order))):
        return tuple(rest)
    return (Transpose(order), *rest)


def parse_codec(item: Member, given: ChunkSpec, packed: bool) -> ParsedCodec | None:
    """Parse one codec; None for an unknown one that need not be understood.

    `packed` says that what stands here must take bytes.
    """
    ext = item.extension()
    build = _OWN.get(ext.name)
    if build is not None:
        return build(ext, given)
    name = ext.name.removeprefix(PREFIX)
    if name in OF_OBJECTS:
        item.fail("Zarr v3 has no data type for what it makes; store the array in Zarr v2")
    # a codec of our users comes before one of that name in numcodecs
    if ext.name in _entry_points():
        return _installed(ext, given, _entry_points()[ext.name].load())
    if _is_registered(name):
        return _of_numcodecs(ext, name, given, packed)
    if ext.must_understand:
        raise CodecNotAvailableError(item.key, ext.name)
    return None


def _is_registered(name: str) -> bool:
    return name in numcodecs.registry.codec_registry or name in numcodecs.registry.entries


@cache
def _entry_points() -> dict[str, EntryPoint]:
    """Return what installed packages offer: to look costs some milliseconds, so it is done once."""
    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


# -- codecs of arrays ------------------------------------------------------------------------------


def _filter(
    codec: Any, given: ChunkSpec, dtype: AnyDtype | None = None, shape: Shape | None = None
) -> ParsedCodec:
    after = replace(
        given,
        shape=given.shape if shape is None else shape,
        kind=given.kind if dtype is None else DataType(dtype),
    )
    return ParsedCodec(ARRAY, (Filter(codec),), after)


def _transpose(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    member = ext.allow_only("order").require("order")
    if isinstance(member.value, str):
        member.fail("it must be a list of all axes; letters are of an older version")
    order = member.integers(0)
    if sorted(order) != list(range(len(given.shape))):
        member.fail(f"it must hold each of the {len(given.shape)} axes once")
    reorder = Reorder(order, given.shape, given.dtype)
    return _filter(reorder, given, shape=tuple(given.shape[axis] for axis in order))


def _numbers_only(ext: Extension, given: ChunkSpec) -> None:
    if given.kind.variable or given.dtype.kind not in "iuf" or is_ml_dtype(given.dtype):
        ext.member.fail(f"it takes whole numbers and floats, not {given.dtype}")


def _scale_offset(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    _numbers_only(ext, given)
    config = ext.allow_only("offset", "scale")
    offset, scale = (fill_values.parse(config.require(name), given.kind) for name in ("offset", "scale"))
    if scale == 0 or not (np.isfinite(scale) and np.isfinite(offset)):
        config.fail("the scale must not be 0, and both must be finite")
    return _filter(ScaleOffset(offset, scale, given.dtype), given)


def _cast_value(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    _numbers_only(ext, given)
    config = ext.allow_only("data_type", "rounding", "out_of_range", "scalar_map")
    kind = parse_dtype(config.require("data_type"))
    _numbers_only(Extension(config.require("data_type"), ext.name, config, True), ChunkSpec((), kind))
    rounding, outside = config.get("rounding"), config.get("out_of_range")
    pairs = config.get("scalar_map")
    if pairs is not None:
        pairs.object(("encode", "decode"))
    codec = CastValue(
        given.dtype,
        kind.dtype,
        "nearest-even" if rounding is None else rounding.choice(*ROUNDINGS),
        "error" if outside is None else outside.choice("clamp", "wrap", "error"),
        _pairs(pairs and pairs.get("encode"), given.kind, kind),
        _pairs(pairs and pairs.get("decode"), kind, given.kind),
    )
    return _filter(codec, given, kind.dtype)


def _pairs(member: Member | None, old: DataType, new: DataType) -> tuple[tuple[Any, Any], ...]:
    found = []
    for item in member.items() if member is not None else ():
        pair = list(item.items())
        if len(pair) != 2:
            item.fail("it must be a pair: what is mapped, and to what")
        found.append((fill_values.parse(pair[0], old), fill_values.parse(pair[1], new)))
    return tuple(found)


# -- codecs that make bytes of arrays --------------------------------------------------------------


def _pack(given: ChunkSpec, *stages: Stage) -> ParsedCodec:
    return ParsedCodec(PACK, stages, given)


def _bytes(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    config = ext.allow_only("endian")
    if given.kind.variable:
        ext.member.fail(f"elements of type {given.kind.variable!r} need {_VLEN[given.kind.variable]!r}")
    member = config.get("endian")
    order = "little" if member is None or member.value is None else member.choice("little", "big")
    if not has_byte_order(given.dtype):
        return _pack(given, Pack())
    if member is None and given.dtype.fields is None:
        ext.member.fail(f"it lacks 'endian', and elements of {given.dtype} have a byte order")
    memory = plain(given.dtype)
    stored = memory.newbyteorder("<" if order == "little" else ">")
    return _pack(given, Pack() if stored == memory else Pack(stored, memory))


_VLEN = {"string": "vlen-utf8", "bytes": "vlen-bytes"}


def _vlen(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    ext.allow_only()
    if _VLEN.get(given.kind.variable) != ext.name:
        ext.member.fail(f"it takes elements of any length, not {given.kind.variable or given.dtype}")
    return _pack(given, Filter(numcodecs.get_codec({"id": ext.name})), Pack())


def _packbits(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    config = ext.allow_only("padding_encoding", "first_bit", "last_bit")
    dtype = given.dtype
    name = dtype.name
    if given.kind.variable or not (dtype.kind in "biufc" or is_ml_dtype(dtype)):
        ext.member.fail(f"it takes numbers and Booleans, not {dtype}")
    n_components = 2 if dtype.kind == "c" else 1
    n_bits = _BIT_COUNTS.get(name, 6 if name.startswith("float6_") else 8 * dtype.itemsize // n_components)
    first, last = (
        default
        if (member := config.get(key)) is None or member.value is None
        else member.integer(0, n_bits - 1)
        for key, default in (("first_bit", 0), ("last_bit", n_bits - 1))
    )
    if last < first:
        config.fail("'last_bit' must not be less than 'first_bit'")
    padding = config.get("padding_encoding")
    codec = PackBits(
        plain(dtype),
        signed=name.startswith("int"),
        n_bits=n_bits,
        n_components=n_components,
        first_bit=first,
        last_bit=last,
        padding="none" if padding is None else padding.choice("none", "first_byte", "last_byte"),
        n_elements=math.prod(given.shape),
    )
    return _pack(given, Filter(codec), Pack())


def _shard(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    config = ext.allow_only("chunk_shape", "codecs", "index_codecs", "index_location")
    member = config.require("chunk_shape")
    inner = member.integers(1)
    if len(inner) != len(given.shape) or any(n % m for n, m in zip(given.shape, inner, strict=True)):
        member.fail(f"it must divide the shape of the shard, {list(given.shape)}, along each axis")
    stages = parse_codecs(config.require("codecs"), replace(given, shape=inner, depth=given.depth + 1))
    index = config.require("index_codecs")
    counts = tuple(n // m for n, m in zip(given.shape, inner, strict=True))
    index_stages = parse_codecs(index, ChunkSpec((*counts, 2), DataType(np.dtype("u8")), given.depth + 1))
    if not all(
        isinstance(stage, Transpose | Pack)
        or (isinstance(stage, Compressor) and stage.added_nbytes is not None)
        for stage in index_stages
    ):
        index.fail(
            "an index must have the same length whatever is in it: only 'transpose', 'bytes', 'crc32c' and other "
            "checksums can stand here"
        )
    location = config.get("index_location")
    at_end = location is None or location.choice("start", "end") == "end"
    return _pack(given, Shard(inner, stages, index_stages, at_end, given.dtype))


# -- codecs of bytes -------------------------------------------------------------------------------


def _compressor(codec: Any, given: ChunkSpec) -> ParsedCodec:
    return ParsedCodec(BYTES, (Compressor(codec),), given)


def _blosc(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    config = ext.allow_only("cname", "clevel", "shuffle", "typesize", "blocksize")
    shuffle = config.require("shuffle").choice(*SHUFFLES)
    typesize, blocksize = config.get("typesize"), config.get("blocksize")
    if typesize is None and shuffle != "noshuffle":
        config.fail("it lacks 'typesize', which the shuffle needs")
    size = 1 if typesize is None else typesize.integer(1, 2**31 - 1)
    codec = blosc(
        config.require("cname").choice(*CNAMES),
        config.require("clevel").integer(0, 9),
        SHUFFLES.index(shuffle),
        # Blosc itself takes larger items for single bytes
        size if size < 256 else 1,
        0 if blocksize is None else blocksize.integer(0, 2**31 - 1),
    )
    return _compressor(codec, given)


def _gzip(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    level = ext.allow_only("level").get("level")
    return _compressor(numcodecs.GZip(1 if level is None else level.integer(0, 9)), given)


def _zstd(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    config = ext.allow_only("level", "checksum")
    level, checksum = config.get("level"), config.get("checksum")
    n = 0 if level is None else level.integer(-131072, 22)
    if checksum is not None and checksum.value is not None and checksum.boolean():
        return _compressor(numcodecs.Zstd(n, checksum=True), given)
    return _compressor(numcodecs.Zstd(n), given)


def _crc32c(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    ext.allow_only()
    return _compressor(CRC32C(), given)


def _crc32c_of_numcodecs(ext: Extension, given: ChunkSpec) -> ParsedCodec:
    location = ext.allow_only("location").get("location")
    if location is not None and location.choice("start", "end") == "start":
        location.fail("this version knows the checksum at the end only")
    return _compressor(CRC32C(), given)


# -- codecs of others ------------------------------------------------------------------------------

# What zarr-python puts into a configuration that lacks it.
_DTYPE_OF = {"delta": "dtype", "fixedscaleoffset": "dtype", "quantize": "dtype", "astype": "decode_dtype"}


_STORED_OF = {"delta": "astype", "fixedscaleoffset": "astype", "quantize": "astype", "astype": "encode_dtype"}


def _of_numcodecs(ext: Extension, name: str, given: ChunkSpec, packed: bool) -> ParsedCodec:
    config = {**ext.configuration.object(), "id": name}
    if name in _DTYPE_OF and config.get(_DTYPE_OF[name]) is None:
        config[_DTYPE_OF[name]] = given.dtype.str
    if name == "shuffle" and config.get("elementsize") is None:
        config["elementsize"] = given.dtype.itemsize
    try:
        codec = numcodecs.get_codec(config)
    except Exception as exc:
        ext.member.fail(f"the codec {name!r} of numcodecs does not take this ({type(exc).__name__}: {exc})")
    kind = _KINDS.get(name, BYTES if packed else ARRAY)
    if kind == BYTES:
        return _compressor(codec, given)
    if given.kind.variable:
        ext.member.fail(f"it takes elements of fixed length, not {given.kind.variable!r}")
    if kind == PACK:
        return _pack(given, Filter(codec), Pack())
    if name == "packbits":
        return _filter(codec, given, np.dtype("u1"), (1 + -(-math.prod(given.shape) // 8),))
    return _filter(codec, given, np.dtype(getattr(codec, _STORED_OF[name])) if name in _STORED_OF else None)


def _installed(ext: Extension, given: ChunkSpec, kind_of_codec: Any) -> ParsedCodec:
    """Make a codec that a package offers by an entry point.

    It is called with the configuration as keywords, and has what a codec of numcodecs has; ``kind`` says
    whether it is "array -> array", "array -> bytes" or "bytes -> bytes", which it is by default.
    """
    try:
        codec = kind_of_codec(**ext.configuration.object())
    except Exception as exc:
        ext.member.fail(f"the codec does not take this configuration ({type(exc).__name__}: {exc})")
    kind = getattr(codec, "kind", BYTES)
    if kind == BYTES:
        return _compressor(codec, given)
    if kind == PACK:
        return _pack(given, Filter(codec), Pack())
    return _filter(codec, given, getattr(codec, "stored_dtype", None))


_OWN: dict[str, Callable[[Extension, ChunkSpec], ParsedCodec]] = {
    "transpose": _transpose,
    "scale_offset": _scale_offset,
    "cast_value": _cast_value,
    "bytes": _bytes,
    # the name of "bytes" in drafts
    "endian": _bytes,
    "vlen-utf8": _vlen,
    "vlen-bytes": _vlen,
    "packbits": _packbits,
    "sharding_indexed": _shard,
    "blosc": _blosc,
    "gzip": _gzip,
    "zstd": _zstd,
    "crc32c": _crc32c,
    "numcodecs.crc32c": _crc32c_of_numcodecs,
}


def kind_of_numcodecs(name: str) -> str:
    """Return what a codec of numcodecs takes and makes; of one that is not known here, that it sees elements."""
    return _KINDS.get(name, ARRAY)


def stored_dtype_of(codec: Any) -> AnyDtype | None:
    """Return the data type of what a codec of numcodecs makes, in its byte order; None if it is what it was."""
    if codec.codec_id == "packbits":
        return np.dtype("u1")
    return np.dtype(getattr(codec, _STORED_OF[codec.codec_id])) if codec.codec_id in _STORED_OF else None


def is_only_of_numcodecs(name: str) -> bool:
    """Has the codec of this name no name of its own in v3?"""
    return name in _KINDS and name not in _OWN
