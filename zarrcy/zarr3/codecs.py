"""The codec classes of zarr-python 3: values that describe a codec of format 3. Arrays encode with zarrcy's own code.

Sources: the specifications of the codecs (zarr-specs, ``docs/v3/codecs``; zarr-extensions, ``codecs``).
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import ClassVar, Self

from zarrcy.types import JSON, Option
from zarrcy.zarr3.dtypes import ZDType, data_type_registry

_CNAMES = ("lz4", "lz4hc", "blosclz", "snappy", "zlib", "zstd")
_SHUFFLES = ("noshuffle", "shuffle", "bitshuffle")
ARRAY, PACK, BYTES = "array -> array", "array -> bytes", "bytes -> bytes"


def named(data: JSON, name: str | None = None) -> tuple[str, dict[str, JSON]]:
    """Return the name and the configuration of a codec of format 3.

    Parameters
    ----------
    data : str or dict
        The codec, as in documents.
    name : str, optional
        The name that it must have.

    Raises
    ------
    TypeError
        If the value is not a text or a dict.
    ValueError
        If it is not a codec, or has another name.

    Examples
    --------
    >>> named({"name": "gzip", "configuration": {"level": 1}}), named("crc32c")
    (('gzip', {'level': 1}), ('crc32c', {}))
    """
    if isinstance(data, str):
        data = {"name": data}
    if not isinstance(data, Mapping):
        raise TypeError(f"{data!r} is not a codec; give an object of zarr.codecs, or a dict with a name")
    if not isinstance(data.get("name"), str):
        raise ValueError(f"the codec {dict(data)!r} has no name")  # noqa: TRY004
    found: str = data["name"]
    if name is not None and found != name:
        raise ValueError(f"the codec is named {found!r}, not {name!r}")
    configuration = data.get("configuration", {})
    if not isinstance(configuration, Mapping):
        raise TypeError(f"the configuration of the codec {found!r} is {configuration!r}; it must be a dict")
    return found, dict(configuration)


def _plain(value: Option) -> Option:
    """Return the value of a member of an enumeration; other values as they are."""
    return value.value if isinstance(value, Enum) else value


def _check(what: str, value: Option, possible: tuple[str, ...]) -> None:
    if not isinstance(value, str) or value not in possible:
        raise ValueError(f"{what} must be one of {list(possible)!r}. Got {value!r}.")


def _integer(what: str, value: Option) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"{what} is {value!r}; it must be an int")
    return value


class Codec:
    """A codec of format 3."""

    kind: ClassVar[str] = BYTES
    is_fixed_size: ClassVar[bool] = False

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        """Return the codec that a document describes.

        Parameters
        ----------
        data : dict
            Its ``name`` and ``configuration``.

        Returns
        -------
        Codec
            The codec.
        """
        raise NotImplementedError

    def to_dict(self) -> dict[str, JSON]:
        """Return the codec as documents describe it.

        Returns
        -------
        dict
            Its ``name`` and ``configuration``.
        """
        raise NotImplementedError


class ArrayArrayCodec(Codec):
    """A codec that encodes elements to elements."""

    kind: ClassVar[str] = ARRAY


class ArrayBytesCodec(Codec):
    """A codec that encodes elements to bytes."""

    kind: ClassVar[str] = PACK


class BytesBytesCodec(Codec):
    """A codec that encodes bytes to bytes."""

    kind: ClassVar[str] = BYTES


@dataclass(frozen=True, init=False)
class BytesCodec(ArrayBytesCodec):
    """Elements one after the other.

    Parameters
    ----------
    endian : {"little", "big"} or None, optional
        The byte order; None for elements of one byte.

    Examples
    --------
    >>> BytesCodec(endian="big").to_dict()
    {'name': 'bytes', 'configuration': {'endian': 'big'}}
    """

    is_fixed_size: ClassVar[bool] = True
    endian: str | None

    def __init__(self, *, endian: str | None = sys.byteorder) -> None:
        endian = _plain(endian)
        if endian is not None:
            _check("endian", endian, ("little", "big"))
        object.__setattr__(self, "endian", endian)

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        return cls(**{"endian": None, **named(data, "bytes")[1]})

    def to_dict(self) -> dict[str, JSON]:
        if self.endian is None:
            return {"name": "bytes"}
        return {"name": "bytes", "configuration": {"endian": self.endian}}


@dataclass(frozen=True, init=False)
class BloscCodec(BytesBytesCodec):
    """Blosc.

    Parameters
    ----------
    typesize : int, optional
        Size of an element, in bytes. By default it is that of the array.
    cname : {"zstd", "lz4", "lz4hc", "blosclz", "snappy", "zlib"}, optional
        The compressor.
    clevel : int, optional
        The level, from 0 to 9.
    shuffle : {"noshuffle", "shuffle", "bitshuffle"}, optional
        The shuffle. By default it follows from the size of an element.
    blocksize : int, optional
        Size of a block, in bytes; 0 lets Blosc choose.

    Examples
    --------
    >>> BloscCodec(cname="lz4", shuffle="shuffle", typesize=4).to_dict()["configuration"]
    {'typesize': 4, 'cname': 'lz4', 'clevel': 5, 'shuffle': 'shuffle', 'blocksize': 0}
    """

    typesize: int
    cname: str
    clevel: int
    shuffle: str
    blocksize: int
    _tunable_attrs: frozenset[str] = field(compare=False, repr=False)

    def __init__(
        self,
        *,
        typesize: int | None = None,
        cname: str = "zstd",
        clevel: int = 5,
        shuffle: str | None = None,
        blocksize: int = 0,
    ) -> None:
        open_ = frozenset(name for name, v in (("typesize", typesize), ("shuffle", shuffle)) if v is None)
        typesize = 1 if typesize is None else _integer("typesize", typesize)
        if typesize < 1:
            raise ValueError(f"typesize is {typesize}; it must be greater than 0")
        cname, shuffle = _plain(cname), _plain("bitshuffle" if shuffle is None else shuffle)
        _check("cname", cname, _CNAMES)
        _check("shuffle", shuffle, _SHUFFLES)
        values = (
            typesize,
            cname,
            _integer("clevel", clevel),
            shuffle,
            _integer("blocksize", blocksize),
            open_,
        )
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        return cls(**named(data, "blosc")[1])

    def to_dict(self) -> dict[str, JSON]:
        names = ("typesize", "cname", "clevel", "shuffle", "blocksize")
        return {"name": "blosc", "configuration": {name: getattr(self, name) for name in names}}

    def completed(self, itemsize: int) -> BloscCodec:
        """Return the codec for elements of a size, which decides what the user left open.

        Parameters
        ----------
        itemsize : int
            Size of an element, in bytes.

        Returns
        -------
        BloscCodec
            The codec.
        """
        typesize = itemsize if "typesize" in self._tunable_attrs else self.typesize
        shuffle = self.shuffle
        if "shuffle" in self._tunable_attrs:
            shuffle = "bitshuffle" if itemsize == 1 else "shuffle"
        return BloscCodec(
            typesize=max(1, typesize),
            cname=self.cname,
            clevel=self.clevel,
            shuffle=shuffle,
            blocksize=self.blocksize,
        )


@dataclass(frozen=True, init=False)
class GzipCodec(BytesBytesCodec):
    """gzip.

    Parameters
    ----------
    level : int, optional
        The level, from 0 to 9.

    Examples
    --------
    >>> GzipCodec(level=1).to_dict()
    {'name': 'gzip', 'configuration': {'level': 1}}
    """

    level: int

    def __init__(self, *, level: int = 5) -> None:
        if not 0 <= _integer("level", level) <= 9:
            raise ValueError(f"level is {level}; it must be from 0 to 9")
        object.__setattr__(self, "level", level)

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        return cls(**named(data, "gzip")[1])

    def to_dict(self) -> dict[str, JSON]:
        return {"name": "gzip", "configuration": {"level": self.level}}


@dataclass(frozen=True, init=False)
class ZstdCodec(BytesBytesCodec):
    """Zstandard.

    Parameters
    ----------
    level : int, optional
        The level, up to 22; 0 is the default of Zstandard.
    checksum : bool, optional
        Store a checksum with each chunk.

    Examples
    --------
    >>> ZstdCodec().to_dict()
    {'name': 'zstd', 'configuration': {'level': 0, 'checksum': False}}
    """

    level: int
    checksum: bool

    def __init__(self, *, level: int = 0, checksum: bool = False) -> None:
        if _integer("level", level) > 22:
            raise ValueError(f"level is {level}; it must be at most 22")
        if not isinstance(checksum, bool):
            raise TypeError(f"checksum is {checksum!r}; it must be a bool")
        object.__setattr__(self, "level", level)
        object.__setattr__(self, "checksum", checksum)

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        return cls(**named(data, "zstd")[1])

    def to_dict(self) -> dict[str, JSON]:
        return {"name": "zstd", "configuration": {"level": self.level, "checksum": self.checksum}}


@dataclass(frozen=True)
class Crc32cCodec(BytesBytesCodec):
    """The checksum CRC-32C behind the bytes.

    Examples
    --------
    >>> Crc32cCodec().to_dict()
    {'name': 'crc32c'}
    """

    is_fixed_size: ClassVar[bool] = True

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        named(data, "crc32c")
        return cls()

    def to_dict(self) -> dict[str, JSON]:
        return {"name": "crc32c"}


@dataclass(frozen=True, init=False)
class TransposeCodec(ArrayArrayCodec):
    """Another order of the axes.

    Parameters
    ----------
    order : iterable of int
        The axes.

    Examples
    --------
    >>> TransposeCodec(order=[1, 0])
    TransposeCodec(order=(1, 0))
    """

    is_fixed_size: ClassVar[bool] = True
    order: tuple[int, ...]

    def __init__(self, *, order: Iterable[int]) -> None:
        if not hasattr(order, "__iter__") or hasattr(order, "encode"):
            raise TypeError(f"order is {order!r}; it must be a sequence of axes")
        axes = tuple(order)
        if not all(isinstance(axis, int) for axis in axes):
            raise TypeError(f"order is {order!r}; each axis must be an int")
        object.__setattr__(self, "order", axes)

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        return cls(**named(data, "transpose")[1])

    def to_dict(self) -> dict[str, JSON]:
        return {"name": "transpose", "configuration": {"order": self.order}}


@dataclass(frozen=True)
class VLenUTF8Codec(ArrayBytesCodec):
    """Texts of any length.

    Examples
    --------
    >>> VLenUTF8Codec().to_dict()
    {'name': 'vlen-utf8', 'configuration': {}}
    """

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        named(data, "vlen-utf8")
        return cls()

    def to_dict(self) -> dict[str, JSON]:
        return {"name": "vlen-utf8", "configuration": {}}


@dataclass(frozen=True)
class VLenBytesCodec(ArrayBytesCodec):
    """Bytes of any length."""

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        named(data, "vlen-bytes")
        return cls()

    def to_dict(self) -> dict[str, JSON]:
        return {"name": "vlen-bytes", "configuration": {}}


@dataclass(frozen=True, init=False)
class ScaleOffset(ArrayArrayCodec):
    """Numbers minus an offset, times a scale.

    Parameters
    ----------
    offset, scale : int, float or str, optional
        The numbers; texts are fill values of documents, such as "NaN".

    Examples
    --------
    >>> ScaleOffset(offset=3).to_dict()
    {'name': 'scale_offset', 'configuration': {'offset': 3}}
    """

    is_fixed_size: ClassVar[bool] = True
    offset: int | float | str
    scale: int | float | str

    def __init__(self, *, offset: Option = 0, scale: Option = 1) -> None:
        for name, value in (("offset", offset), ("scale", scale)):
            if not isinstance(value, (int, float, str)):
                raise TypeError(f"{name} must be a number or string, got {type(value).__name__}")
            object.__setattr__(self, name, value)

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        return cls(**named(data, "scale_offset")[1])

    def to_dict(self) -> dict[str, JSON]:
        config = {
            name: getattr(self, name)
            for name, default in (("offset", 0), ("scale", 1))
            if getattr(self, name) != default
        }
        return {"name": "scale_offset", **({"configuration": config} if config else {})}


_NUMBERS = {
    *(f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)),
    *("float16", "float32", "float64"),
}


@dataclass(frozen=True, init=False)
class CastValue(ArrayArrayCodec):
    """Numbers of another data type.

    Parameters
    ----------
    data_type : str or ZDType
        The data type in which the numbers are stored.
    rounding : str, optional
        How numbers are rounded.
    out_of_range : {"clamp", "wrap"} or None, optional
        What numbers become that are out of range; None for an error.
    scalar_map : dict, optional
        Pairs of numbers that are replaced, for ``encode`` and ``decode``.

    Examples
    --------
    >>> CastValue(data_type="uint8", out_of_range="clamp").to_dict()["configuration"]
    {'data_type': 'uint8', 'out_of_range': 'clamp'}
    """

    is_fixed_size: ClassVar[bool] = True
    dtype: ZDType
    rounding: str
    out_of_range: str | None
    scalar_map: dict[str, dict[Option, Option]] | None = field(hash=False)

    def __init__(
        self,
        *,
        data_type: str | ZDType,
        rounding: str = "nearest-even",
        out_of_range: str | None = None,
        scalar_map: Option = None,
    ) -> None:
        kind = (
            data_type_registry.match_json(data_type, zarr_format=3)
            if isinstance(data_type, str)
            else data_type
        )
        if kind.to_json(zarr_format=3) not in _NUMBERS:
            raise ValueError(
                f"Invalid target data type {data_type!r}: cast_value stores integers and floats only"
            )
        pairs = None
        if scalar_map is not None:
            pairs = {way: dict(some) for way, some in scalar_map.items()}
        values = {"dtype": kind, "rounding": rounding, "out_of_range": out_of_range, "scalar_map": pairs}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        return cls(**named(data, "cast_value")[1])

    def to_dict(self) -> dict[str, JSON]:
        config: dict[str, JSON] = {"data_type": self.dtype.to_json(zarr_format=3)}
        if self.rounding != "nearest-even":
            config["rounding"] = self.rounding
        if self.out_of_range is not None:
            config["out_of_range"] = self.out_of_range
        if self.scalar_map is not None:
            config["scalar_map"] = {way: [*pairs.items()] for way, pairs in self.scalar_map.items()}
        return {"name": "cast_value", "configuration": config}


@dataclass(frozen=True, init=False)
class ShardingCodec(ArrayBytesCodec):
    """Chunks in a shard.

    Parameters
    ----------
    chunk_shape : tuple of int
        Shape of a chunk, in elements.
    codecs : iterable of codec, optional
        The codecs of the chunks.
    index_codecs : iterable of codec, optional
        The codecs of the index.
    index_location : {"end", "start"}, optional
        Where the index is in the shard.
    subchunk_write_order : str, optional
        Has no effect: chunks are written in the order of their coordinates.

    Examples
    --------
    >>> ShardingCodec(chunk_shape=(2, 2)).codecs
    (BytesCodec(endian='little'),)
    """

    chunk_shape: tuple[int, ...]
    codecs: tuple[Codec, ...]
    index_codecs: tuple[Codec, ...]
    index_location: str
    subchunk_write_order: str = field(compare=False)

    def __init__(
        self,
        *,
        chunk_shape: Option,
        codecs: Iterable[Option] = (BytesCodec(endian="little"),),
        index_codecs: Iterable[Option] = (BytesCodec(endian="little"), Crc32cCodec()),
        index_location: str = "end",
        subchunk_write_order: str = "morton",
    ) -> None:
        index_location = _plain(index_location)
        _check("index_location", index_location, ("start", "end"))
        _check(
            "subchunk_write_order",
            subchunk_write_order,
            ("morton", "unordered", "lexicographic", "colexicographic"),
        )
        lengths = (chunk_shape,) if isinstance(chunk_shape, int) else tuple(chunk_shape)
        if not all(hasattr(n, "__index__") and not isinstance(n, bool) for n in lengths):
            raise TypeError(f"chunk_shape is {chunk_shape!r}; each length must be an int")
        if not all(int(n) > 0 for n in lengths):
            raise ValueError(f"chunk_shape is {chunk_shape!r}; each length must be greater than 0")
        inner, index = tuple(map(as_codec, codecs)), tuple(map(as_codec, index_codecs))
        if not all(codec.is_fixed_size for codec in index):
            raise ValueError(f"index_codecs are {index}; the encoded size of an index must not vary")
        values = (tuple(map(int, lengths)), inner, index, index_location, subchunk_write_order)
        for name, value in zip(self.__dataclass_fields__, values, strict=True):
            object.__setattr__(self, name, value)

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        return cls(**named(data, "sharding_indexed")[1])

    def to_dict(self) -> dict[str, JSON]:
        return {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": self.chunk_shape,
                "codecs": tuple(codec.to_dict() for codec in self.codecs),
                "index_codecs": tuple(codec.to_dict() for codec in self.index_codecs),
                "index_location": self.index_location,
            },
        }


class UnknownCodec(BytesBytesCodec):
    """A codec that no class describes: one that another package registered.

    Parameters
    ----------
    name : str
        Its name.
    configuration : dict
        Its configuration.
    """

    def __init__(self, name: str, configuration: dict[str, JSON]) -> None:
        self.name, self.configuration = name, configuration

    def to_dict(self) -> dict[str, JSON]:
        return {"name": self.name, "configuration": dict(self.configuration)}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, UnknownCodec) and self.to_dict() == other.to_dict()

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"UnknownCodec({self.name!r}, {self.configuration!r})"


def as_codec(codec: Option) -> Codec:
    """Return a codec as an object, given one or its description in documents.

    >>> as_codec({"name": "gzip", "configuration": {"level": 3}})
    GzipCodec(level=3)
    """
    from zarrcy.zarr3 import registry

    if isinstance(codec, (Mapping, str)):
        name, configuration = named(codec)
        kind = registry.find_codec_class(name)
        if kind is None:
            return UnknownCodec(name, configuration)
        data = {"name": name, "configuration": configuration}
        found: Codec = kind.from_dict(data)
        return found
    if hasattr(codec, "to_dict"):
        described: Codec = codec
        return described
    if hasattr(codec, "get_config"):
        from zarrcy.zarr3 import numcodecs

        return numcodecs.of_numcodecs(codec)
    raise TypeError(f"{codec!r} is not a codec; give an object of zarr.codecs, or a dict with a name")


class _Names(type):
    """Names of values that zarr-python had as members of enumerations."""

    def __iter__(cls) -> Option:
        return iter([value for name, value in vars(cls).items() if name[0] != "_" and isinstance(value, str)])


class Endian(metaclass=_Names):
    """The byte orders."""

    little = "little"
    big = "big"


class BloscShuffle(metaclass=_Names):
    """The shuffles of Blosc."""

    noshuffle = "noshuffle"
    shuffle = "shuffle"
    bitshuffle = "bitshuffle"

    @staticmethod
    def from_int(num: int) -> str:
        """Return the shuffle with a number of numcodecs.

        Parameters
        ----------
        num : int
            The number.

        Returns
        -------
        str
            The shuffle.
        """
        if num not in (0, 1, 2):
            raise ValueError(f"Value must be between 0 and 2. Got {num}.")
        return _SHUFFLES[num]


class BloscCname(metaclass=_Names):
    """The compressors of Blosc."""

    lz4 = "lz4"
    lz4hc = "lz4hc"
    blosclz = "blosclz"
    snappy = "snappy"
    zstd = "zstd"
    zlib = "zlib"


class ShardingCodecIndexLocation(metaclass=_Names):
    """The places of the index of a shard."""

    start = "start"
    end = "end"


SubchunkWriteOrder = str
