"""Parse the codecs of a Zarr v3 document to the stages of a pipeline."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from zarrcy.codecs import Compressor, Filter, Pack, Shard, Stage, Transpose
from zarrcy.codecs.array_codecs import (
    ROUNDINGS,
    CastValue,
    PackBits,
    Reorder,
    ScaleOffset,
)
from zarrcy.codecs.configured import actual, complete, get_codec, is_replaced
from zarrcy.codecs.crc32c import CRC32C
from zarrcy.codecs.elements import is_ml_dtype, plain
from zarrcy.codecs.typed_blosc import blosc
from zarrcy.errors import CodecNotAvailableError
from zarrcy.metadata.codec_parameters import IGNORED, ZARR_V3, checked, numcodecs_config
from zarrcy.metadata.json_member import MAX_CODECS, MAX_DEPTH, Extension, Member
from zarrcy.metadata.v3 import fill_values
from zarrcy.metadata.v3.data_types import DataType, has_byte_order, parse_dtype
from zarrcy.types import JSON, AnyDtype, Codec, Elements, Shape

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

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
# Codecs of Python objects, for which v3 does not have a data type. One of them can run code in the data.
OF_OBJECTS = ("pickle", "json2", "msgpack2", "categorize", "vlen-array")
# Codecs array -> bytes, except those of numcodecs.
_PACKS = ("bytes", "endian", "vlen-utf8", "vlen-bytes", "packbits", "sharding_indexed", "n5_default")
_BIT_COUNTS = {"bool": 1, "int2": 2, "uint2": 2, "int4": 4, "uint4": 4, "float4_e2m1fn": 4}


@dataclass(frozen=True, slots=True)
class ChunkSpec:
    """The input of a codec.

    Attributes
    ----------
    shape : Shape
        Shape of a chunk, in elements.
    kind : DataType
        Data type of the elements.
    depth : int
        Number of shards around the chunk.
    """

    shape: Shape
    kind: DataType
    depth: int = 0

    @property
    def dtype(self) -> AnyDtype:
        return self.kind.dtype


@dataclass(frozen=True, slots=True)
class ParsedCodec:
    """A parsed codec.

    Attributes
    ----------
    kind : str
        `ARRAY`, `PACK` or `BYTES`.
    stages : tuple of Stage
        The stages of the pipeline.
    output : ChunkSpec
        The input of the next codec.
    """

    kind: str
    stages: tuple[Stage, ...]
    output: ChunkSpec


CodecParser: TypeAlias = Callable[[Extension, ChunkSpec], ParsedCodec]
"""Parses one codec, spec its name and configuration and its input."""


def parse_codecs(member: Member, spec: ChunkSpec) -> tuple[Stage, ...]:
    """Parse a list of codecs.

    Parameters
    ----------
    member : Member
        The list.
    spec : ChunkSpec
        The input of the first codec.

    Raises
    ------
    MetadataError
        If the list is malformed.
    CodecNotAvailableError
        If it names a codec that is not installed.
    """
    if spec.depth > MAX_DEPTH:
        member.fail("it is nested too deeply")
    stages: list[Stage] = []
    is_bytes = False
    items = list(member.items())
    if len(items) > MAX_CODECS:
        member.fail(f"there may be at most {MAX_CODECS} codecs")
    for item in items:
        codec = parse_codec(item, spec, is_bytes)
        if codec is None:
            continue
        if codec.kind == BYTES and not is_bytes and not _packs(items):
            # GDAL before 3.11 leaves out the codec "bytes", and writes elements in little-endian order
            stages.extend(_little_endian(member, spec).stages)
            is_bytes = True
        if (codec.kind == BYTES) != is_bytes:
            item.fail(
                f"it is a codec {codec.kind}; exactly one codec array -> bytes must be between the codecs "
                "array -> array and the codecs bytes -> bytes"
            )
        is_bytes = is_bytes or codec.kind == PACK
        stages.extend(codec.stages)
        spec = codec.output
    if not is_bytes:
        stages.extend(_little_endian(member, spec).stages)
    return _with_first_transposes_joined(stages)


def _packs(items: list[Member]) -> bool:
    """Return whether a list of codecs has one with the name of a codec array -> bytes."""
    return any(_is_pack(item.extension().name) for item in items)


def _is_pack(name: str) -> bool:
    if name in _entry_points():
        return getattr(_entry_points()[name].load(), "kind", BYTES) == PACK
    return name in _PACKS or _KINDS.get(name.removeprefix(PREFIX)) == PACK


def _little_endian(member: Member, spec: ChunkSpec) -> ParsedCodec:
    """Return the codec "bytes" of a list that has no codec array -> bytes."""
    if spec.kind.variable:
        member.fail(f"it must contain one codec array -> bytes, such as {_VLEN[spec.kind.variable]!r}")
    return _bytes(Member(member.key, member.place, little_endian(spec.dtype)).extension(), spec)


def little_endian(dtype: AnyDtype) -> JSON:
    """Return the configuration of the codec "bytes" in little-endian order."""
    configuration = {"configuration": {"endian": "little"}} if has_byte_order(dtype) else {}
    return {"name": "bytes", **configuration}


def _with_first_transposes_joined(stages: list[Stage]) -> tuple[Stage, ...]:
    """Join the transposes at the beginning to one `Transpose`, which costs nothing."""
    order: tuple[int, ...] | None = None
    n_joined = 0
    for stage in stages:
        if not (isinstance(stage, Filter) and isinstance(stage.codec, Reorder)):
            break
        after = stage.codec.order
        order = after if order is None else tuple(order[axis] for axis in after)
        n_joined += 1
    if order is None or order == tuple(range(len(order))):
        return tuple(stages[n_joined:])
    return (Transpose(order), *stages[n_joined:])


def parse_codec(item: Member, spec: ChunkSpec, is_bytes: bool) -> ParsedCodec | None:
    """Parse one codec; None for an unknown one that need not be understood.

    `is_bytes` means that a codec array -> bytes precedes it.
    """
    ext = item.extension()
    parse = _OWN.get(ext.name)
    if parse is not None:
        return parse(ext, spec)
    name = ext.name.removeprefix(PREFIX)
    if name in OF_OBJECTS:
        item.fail("Zarr v3 does not have a data type for its elements; store the array in Zarr v2")
    # a codec that users installed takes precedence over one of the same name in numcodecs
    if ext.name in _entry_points():
        return _installed(ext, spec, _entry_points()[ext.name].load())
    if _is_registered(name):
        return _of_numcodecs(ext, name, spec, is_bytes)
    if ext.must_understand:
        raise CodecNotAvailableError(item.key, ext.name)
    return None


def depends_on_registry(codecs: JSON) -> bool:
    """Return whether a valid list of codecs has one that is not of v3 itself, so that programs may replace it.

    >>> depends_on_registry(["bytes", {"name": "gzip"}]), depends_on_registry([{"name": "numcodecs.bz2"}])
    (False, True)
    """
    for codec in codecs:
        name = codec if isinstance(codec, str) else codec["name"]
        if name not in _OWN:
            return True
        if name == "sharding_indexed" and any(
            depends_on_registry(codec["configuration"][inner]) for inner in ("codecs", "index_codecs")
        ):
            return True
    return False


def _is_registered(name: str) -> bool:
    if complete({"id": name}) is not None and not is_replaced(name):
        return True
    if name == "n5_wrapper":
        # it registers itself
        import zarrcy.codecs.n5  # noqa: F401
    import numcodecs

    return name in numcodecs.registry.codec_registry or name in numcodecs.registry.entries


@cache
def _entry_points() -> dict[str, EntryPoint]:
    """Return the codecs of installed packages. The search takes milliseconds, so it happens once."""
    from importlib.metadata import entry_points

    return {entry.name: entry for entry in entry_points(group=ENTRY_POINTS)}


# -- codecs array -> array -------------------------------------------------------------------------


def _filter(
    codec: Codec, spec: ChunkSpec, dtype: AnyDtype | None = None, shape: Shape | None = None
) -> ParsedCodec:
    output = replace(
        spec,
        shape=spec.shape if shape is None else shape,
        kind=spec.kind if dtype is None else DataType(dtype),
    )
    return ParsedCodec(ARRAY, (Filter(codec),), output)


def _transpose(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    member = ext.allow_only("order").require("order")
    if isinstance(member.value, str):
        # the spelling of a draft of the specification
        order = tuple(range(len(spec.shape)))
        order = order[::-1] if member.choice("C", "F") == "F" else order
    else:
        order = member.integers(0)
    if sorted(order) != list(range(len(spec.shape))):
        member.fail(f"it must contain each of the {len(spec.shape)} axes once")
    reorder = Reorder(order, spec.shape, spec.dtype)
    return _filter(reorder, spec, shape=tuple(spec.shape[axis] for axis in order))


def _numbers_only(ext: Extension, spec: ChunkSpec) -> None:
    if spec.kind.variable or spec.dtype.kind not in "iuf" or is_ml_dtype(spec.dtype):
        ext.member.fail(f"it encodes integers and floats, not {spec.dtype}")


def _scale_offset(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    _numbers_only(ext, spec)
    config = ext.allow_only("offset", "scale")
    offset, scale = (fill_values.parse(config.require(name), spec.kind) for name in ("offset", "scale"))
    if scale == 0 or not (np.isfinite(scale) and np.isfinite(offset)):
        config.fail("the scale must not be 0, and both must be finite")
    return _filter(ScaleOffset(offset, scale, spec.dtype), spec)


def _cast_value(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    _numbers_only(ext, spec)
    config = ext.allow_only("data_type", "rounding", "out_of_range", "scalar_map")
    kind = parse_dtype(config.require("data_type"))
    _numbers_only(Extension(config.require("data_type"), ext.name, config, True), ChunkSpec((), kind))
    rounding, outside = config.get("rounding"), config.get("out_of_range")
    pairs = config.get("scalar_map")
    if pairs is not None:
        pairs.object(("encode", "decode"))
    codec = CastValue(
        spec.dtype,
        kind.dtype,
        "nearest-even" if rounding is None else rounding.choice(*ROUNDINGS),
        "error" if outside is None else outside.choice("clamp", "wrap", "error"),
        _pairs(pairs and pairs.get("encode"), spec.kind, kind),
        _pairs(pairs and pairs.get("decode"), kind, spec.kind),
    )
    return _filter(codec, spec, kind.dtype)


def _pairs(member: Member | None, old: DataType, new: DataType) -> tuple[tuple[Elements, Elements], ...]:
    pairs = []
    for item in member.items() if member is not None else ():
        pair = list(item.items())
        if len(pair) != 2:
            item.fail("it must be a pair: a value and its replacement")
        pairs.append((fill_values.parse(pair[0], old), fill_values.parse(pair[1], new)))
    return tuple(pairs)


# -- codecs array -> bytes -------------------------------------------------------------------------


def _pack(spec: ChunkSpec, *stages: Stage) -> ParsedCodec:
    return ParsedCodec(PACK, stages, spec)


def _bytes(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    config = ext.allow_only("endian")
    if spec.kind.variable:
        ext.member.fail(f"elements of type {spec.kind.variable!r} need {_VLEN[spec.kind.variable]!r}")
    member = config.get("endian")
    order = "little" if member is None or member.value is None else member.choice("little", "big")
    if not has_byte_order(spec.dtype):
        return _pack(spec, Pack())
    if member is None and spec.dtype.fields is None:
        ext.member.fail(f"it lacks 'endian', and elements of {spec.dtype} have a byte order")
    memory = plain(spec.dtype)
    stored = memory.newbyteorder("<" if order == "little" else ">")
    return _pack(spec, Pack() if stored == memory else Pack(stored, memory))


def _n5_default(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    """Parse the codec of N5 blocks: a header with the shape, then the elements in Fortran and big-endian order.

    Source: zarr-extensions, ``codecs/n5_default``.
    """
    _numbers_only(ext, spec)
    if spec.depth:
        ext.member.fail("N5 blocks in shards are not supported")
    member = ext.allow_only("codecs").require("codecs")
    names = [item.extension().name for item in member.items()]
    stages = parse_codecs(member, spec)
    ndim = len(spec.shape)
    orders = [stage.order for stage in stages if isinstance(stage, Transpose)]
    if names[:1] != ["transpose"] or (ndim > 1 and orders != [tuple(range(ndim))[::-1]]):
        member.fail("its first codec must be a transpose that reverses all axes")
    packed = [stage for stage in stages if isinstance(stage, Pack)]
    stored = spec.dtype if not packed or packed[0].stored is None else packed[0].stored
    if names[1:2] not in (["bytes"], ["endian"]) or stored.newbyteorder(">") != stored:
        member.fail("its second codec must be 'bytes' with the endian 'big'")
    inner = [stage.configured for stage in stages if isinstance(stage, Compressor)]
    if len(inner) > 1:
        member.fail("it may have one codec bytes -> bytes at most")
    from zarrcy.codecs.n5 import N5ChunkWrapper  # few arrays have N5 blocks

    codec = N5ChunkWrapper(
        plain(spec.dtype), spec.shape[::-1], compressor=actual(inner[0]) if inner else None
    )
    reversal = tuple(range(ndim))[::-1]
    first = (Filter(Reorder(reversal, spec.shape, spec.dtype)),) if ndim > 1 else ()
    return ParsedCodec(PACK, (*first, Pack(), Compressor(codec)), spec)


_VLEN = {"string": "vlen-utf8", "bytes": "vlen-bytes"}


def _vlen(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    ext.allow_only()
    if _VLEN.get(spec.kind.variable) != ext.name:
        ext.member.fail(f"it encodes elements of variable length, not {spec.kind.variable or spec.dtype}")
    return _pack(spec, Filter(get_codec({"id": ext.name})), Pack())


def _packbits(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    config = ext.allow_only("padding_encoding", "first_bit", "last_bit")
    dtype = spec.dtype
    name = dtype.name
    if spec.kind.variable or not (dtype.kind in "biufc" or is_ml_dtype(dtype)):
        ext.member.fail(f"it encodes numbers and Booleans, not {dtype}")
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
        n_elements=math.prod(spec.shape),
    )
    return _pack(spec, Filter(codec), Pack())


def _shard(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    config = ext.allow_only("chunk_shape", "codecs", "index_codecs", "index_location")
    member = config.require("chunk_shape")
    inner = member.integers(1)
    if len(inner) != len(spec.shape) or any(n % m for n, m in zip(spec.shape, inner, strict=True)):
        member.fail(f"it must divide the shape of the shard, {list(spec.shape)}, along each axis")
    stages = parse_codecs(config.require("codecs"), replace(spec, shape=inner, depth=spec.depth + 1))
    index = config.require("index_codecs")
    counts = tuple(n // m for n, m in zip(spec.shape, inner, strict=True))
    index_stages = parse_codecs(index, ChunkSpec((*counts, 2), DataType(np.dtype("u8")), spec.depth + 1))
    if not all(
        isinstance(stage, Transpose | Pack)
        or (isinstance(stage, Compressor) and stage.added_nbytes is not None)
        for stage in index_stages
    ):
        index.fail(
            "the encoded length of an index must not depend on its values: use only 'transpose', 'bytes', 'crc32c' "
            "and other checksums"
        )
    location = config.get("index_location")
    at_end = location is None or location.choice("start", "end") == "end"
    return _pack(spec, Shard(inner, stages, index_stages, at_end, spec.dtype))


# -- codecs bytes -> bytes -------------------------------------------------------------------------


def _compressor(codec: Codec, spec: ChunkSpec) -> ParsedCodec:
    return ParsedCodec(BYTES, (Compressor(codec),), spec)


def _config(ext: Extension) -> dict[str, JSON]:
    """Return the checked configuration of a codec whose parameters do not depend on its input."""
    ignored = IGNORED.get(ext.name, ())
    config = checked(ext.allow_only(*ZARR_V3[ext.name], *ignored), ext.name, ZARR_V3)
    return {name: value for name, value in config.items() if name not in ignored}


def _blosc(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    config = _config(ext)
    ext.configuration.require("shuffle")
    shuffle = config["shuffle"]
    # a frame states the size itself, so it matters for writing only
    typesize = config.get("typesize") or (spec.dtype.itemsize if shuffle != "noshuffle" else 1)
    for name in ("cname", "clevel"):
        ext.configuration.require(name)
    codec = blosc(
        config["cname"],
        config["clevel"],
        SHUFFLES.index(shuffle),
        # Blosc itself treats larger items as single bytes
        typesize if typesize < 256 and not spec.kind.variable else 1,
        config.get("blocksize", 0),
    )
    return _compressor(codec, spec)


def _gzip(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    return _compressor(get_codec({"id": "gzip", "level": _config(ext).get("level", 1)}), spec)


def _zstd(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    config = _config(ext)
    # older versions of numcodecs do not have the checksum
    checksum = {"checksum": True} if config.get("checksum") else {}
    return _compressor(get_codec({"id": "zstd", "level": config.get("level", 0), **checksum}), spec)


def _crc32c(ext: Extension, spec: ChunkSpec) -> ParsedCodec:
    if _config(ext).get("location") == "start":
        ext.configuration.require("location").fail("only a checksum at the end is supported")
    return _compressor(CRC32C(), spec)


# -- codecs of numcodecs and of installed packages -------------------------------------------------

# Members that zarr-python adds to a configuration without them.
_DTYPE_OF = {"delta": "dtype", "fixedscaleoffset": "dtype", "quantize": "dtype", "astype": "decode_dtype"}


_STORED_OF = {"delta": "astype", "fixedscaleoffset": "astype", "quantize": "astype", "astype": "encode_dtype"}


def in_order_of_host(config: Mapping[str, JSON], name: str, host: str) -> dict[str, JSON]:
    """Return the configuration of a filter of numcodecs for a host, ``"little"`` or ``"big"``.

    Filters get elements in the byte order of the host. Documents state data types as a host of little-endian memory
    sees them: a host of the other kind exchanges the orders.

    >>> in_order_of_host({"dtype": "<i4", "astype": ">i2"}, "delta", "big")
    {'dtype': '>i4', 'astype': '<i2'}
    """
    return _with_orders(config, name, "<>" if host == "little" else "><")


def in_order_of_documents(config: Mapping[str, JSON], name: str, host: str) -> dict[str, JSON]:
    """Return the configuration of a filter of numcodecs in the form of documents, which is the same for all hosts.

    >>> in_order_of_documents({"dtype": ">i4", "astype": "<i2"}, "delta", "big")
    {'dtype': '<i4', 'astype': '<i2'}
    """
    return _with_orders(config, name, "<>" if host == "little" else "<<")


def _with_orders(config: Mapping[str, JSON], name: str, orders: str) -> dict[str, JSON]:
    """Replace the byte orders ``<`` and ``>`` of the data types in a configuration by two others."""
    members = {_DTYPE_OF.get(name), _STORED_OF.get(name)}
    table = str.maketrans("<>", orders)
    return {
        key: value.translate(table) if key in members and isinstance(value, str) else value
        for key, value in config.items()
    }


def _of_numcodecs(ext: Extension, name: str, spec: ChunkSpec, is_bytes: bool) -> ParsedCodec:
    itemsize = 1 if spec.kind.variable else spec.dtype.itemsize
    config = in_order_of_host(numcodecs_config(ext.configuration, itemsize, name), name, sys.byteorder)
    config["id"] = name
    if name in _DTYPE_OF and config.get(_DTYPE_OF[name]) is None:
        config[_DTYPE_OF[name]] = spec.dtype.str
    if name == "shuffle":
        config.setdefault("elementsize", itemsize)
    try:
        codec = get_codec(config)
    except Exception as exc:
        ext.member.fail(f"the codec {name!r} of numcodecs does not accept this ({type(exc).__name__}: {exc})")
    kind = _KINDS.get(name, BYTES if is_bytes else ARRAY)
    if kind == BYTES:
        return _compressor(codec, spec)
    if spec.kind.variable:
        ext.member.fail(f"it encodes elements of fixed length, not {spec.kind.variable!r}")
    if kind == PACK:
        return _pack(spec, Filter(codec), Pack())
    if name == "packbits":
        return _filter(codec, spec, np.dtype("u1"), (1 + -(-math.prod(spec.shape) // 8),))
    return _filter(codec, spec, np.dtype(getattr(codec, _STORED_OF[name])) if name in _STORED_OF else None)


def _installed(ext: Extension, spec: ChunkSpec, make_codec: Callable[..., Codec]) -> ParsedCodec:
    """Make a codec that a package provides by an entry point.

    It is called with the configuration as keywords, and has the interface of a codec of numcodecs. Its attribute
    ``kind`` is "array -> array", "array -> bytes" or "bytes -> bytes", the default.
    """
    try:
        codec = make_codec(**ext.configuration.object())
    except Exception as exc:
        ext.member.fail(f"the codec does not accept this configuration ({type(exc).__name__}: {exc})")
    kind = getattr(codec, "kind", BYTES)
    if kind == BYTES:
        return _compressor(codec, spec)
    if kind == PACK:
        return _pack(spec, Filter(codec), Pack())
    return _filter(codec, spec, getattr(codec, "stored_dtype", None))


_OWN: dict[str, CodecParser] = {
    "transpose": _transpose,
    "scale_offset": _scale_offset,
    "cast_value": _cast_value,
    "bytes": _bytes,
    # the name of "bytes" in drafts
    "endian": _bytes,
    "vlen-utf8": _vlen,
    "vlen-bytes": _vlen,
    "n5_default": _n5_default,
    "packbits": _packbits,
    "sharding_indexed": _shard,
    "blosc": _blosc,
    "gzip": _gzip,
    "zstd": _zstd,
    "crc32c": _crc32c,
    "numcodecs.crc32c": _crc32c,
}


def kind_of_numcodecs(name: str) -> str:
    """Return the kind of a codec of numcodecs; `ARRAY` for an unknown one."""
    return _KINDS.get(name, ARRAY)


def stored_dtype_of(codec: Codec) -> AnyDtype | None:
    """Return the data type of the output of a codec of numcodecs; None if it is that of the input."""
    if codec.codec_id == "packbits":
        return np.dtype("u1")
    return np.dtype(getattr(codec, _STORED_OF[codec.codec_id])) if codec.codec_id in _STORED_OF else None


def is_only_of_numcodecs(name: str) -> bool:
    """Return whether a codec has a name in numcodecs, but none in v3."""
    return name in _KINDS and name not in _OWN
