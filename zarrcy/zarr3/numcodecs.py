"""The codecs of numcodecs as codecs of format 3, with the class names of zarr-python 3."""

from __future__ import annotations

from typing import ClassVar, Self

from zarrcy.types import JSON
from zarrcy.types import Codec as NumCodec
from zarrcy.zarr3.codecs import (
    ArrayArrayCodec,
    ArrayBytesCodec,
    BloscCodec,
    BytesBytesCodec,
    Codec,
    Crc32cCodec,
    GzipCodec,
    VLenBytesCodec,
    VLenUTF8Codec,
    ZstdCodec,
    named,
)

_PREFIX = "numcodecs."


class _NumcodecsCodec(Codec):
    """A codec of numcodecs; its parameters are those of the class there.

    Parameters
    ----------
    **codec_config
        The parameters.
    """

    codec_name: ClassVar[str]

    def __init__(self, **codec_config: JSON) -> None:
        name = self.codec_name.removeprefix(_PREFIX)
        if codec_config.setdefault("id", name) != name:
            raise ValueError(f"the codec is {codec_config['id']!r}, not {name!r}")
        self.codec_config = codec_config

    @classmethod
    def from_dict(cls, data: dict[str, JSON]) -> Self:
        return cls(**named(data)[1])

    def to_dict(self) -> dict[str, JSON]:
        config = {name: value for name, value in self.codec_config.items() if name != "id"}
        return {"name": self.codec_name, "configuration": config}

    @property
    def _codec(self) -> NumCodec:
        from zarrcy.codecs import as_codec

        return as_codec(dict(self.codec_config))

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.codec_config == getattr(other, "codec_config", None)

    def __hash__(self) -> int:
        return hash((self.codec_name, repr(self.codec_config)))

    def __repr__(self) -> str:
        config = {name: value for name, value in self.codec_config.items() if name != "id"}
        return f"{type(self).__name__}(codec_name={self.codec_name!r}, codec_config={config!r})"


class _BytesBytes(_NumcodecsCodec, BytesBytesCodec):
    pass


class _ArrayArray(_NumcodecsCodec, ArrayArrayCodec):
    pass


class _ArrayBytes(_NumcodecsCodec, ArrayBytesCodec):
    pass


class Blosc(_BytesBytes):
    """Blosc of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.blosc"


class LZ4(_BytesBytes):
    """LZ4 of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.lz4"


class Zstd(_BytesBytes):
    """Zstandard of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.zstd"


class Zlib(_BytesBytes):
    """zlib of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.zlib"


class GZip(_BytesBytes):
    """gzip of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.gzip"


class BZ2(_BytesBytes):
    """bzip2 of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.bz2"


class LZMA(_BytesBytes):
    """LZMA of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.lzma"


class Shuffle(_BytesBytes):
    """Shuffle of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.shuffle"


class Delta(_ArrayArray):
    """Delta of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.delta"


class BitRound(_ArrayArray):
    """BitRound of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.bitround"


class FixedScaleOffset(_ArrayArray):
    """FixedScaleOffset of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.fixedscaleoffset"


class Quantize(_ArrayArray):
    """Quantize of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.quantize"


class PackBits(_ArrayArray):
    """PackBits of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.packbits"


class AsType(_ArrayArray):
    """AsType of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.astype"


class CRC32(_BytesBytes):
    """CRC-32 of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.crc32"


class CRC32C(_BytesBytes):
    """CRC-32C of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.crc32c"


class Adler32(_BytesBytes):
    """Adler-32 of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.adler32"


class Fletcher32(_BytesBytes):
    """Fletcher-32 of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.fletcher32"


class JenkinsLookup3(_BytesBytes):
    """Jenkins' lookup3 of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.jenkins_lookup3"


class PCodec(_ArrayBytes):
    """PCodec of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.pcodec"


class ZFPY(_ArrayBytes):
    """zfp of numcodecs."""

    codec_name: ClassVar[str] = "numcodecs.zfpy"


_COMPRESSORS = (Blosc, LZ4, Zstd, Zlib, GZip, BZ2, LZMA, Shuffle)
_FILTERS = (Delta, BitRound, FixedScaleOffset, Quantize, PackBits, AsType)
_CHECKSUMS = (CRC32, CRC32C, Adler32, Fletcher32, JenkinsLookup3)
CLASSES: tuple[type[_NumcodecsCodec], ...] = (*_COMPRESSORS, *_FILTERS, *_CHECKSUMS, PCodec, ZFPY)
_BY_ID = {kind.codec_name.removeprefix(_PREFIX): kind for kind in CLASSES}
_SHUFFLES = {0: "noshuffle", 1: "shuffle", 2: "bitshuffle"}


def of_numcodecs(codec: NumCodec) -> Codec:
    """Return a codec of numcodecs as a codec of format 3.

    >>> import numcodecs
    >>> of_numcodecs(numcodecs.GZip(level=2))
    GzipCodec(level=2)
    """
    config = dict(codec.get_config())
    name = config.pop("id")
    if name == "gzip":
        return GzipCodec(level=config["level"])
    if name == "zstd":
        return ZstdCodec(level=config["level"], checksum=bool(config.get("checksum", False)))
    if name == "blosc":
        config = {key: value for key, value in config.items() if value is not None}
        return BloscCodec(**config | {"shuffle": _SHUFFLES.get(config["shuffle"])})
    if name == "crc32c":
        return Crc32cCodec()
    if name == "vlen-utf8":
        return VLenUTF8Codec()
    if name == "vlen-bytes":
        return VLenBytesCodec()
    if name in _BY_ID:
        return _BY_ID[name](**config)
    raise ValueError(f"the codec {codec!r} has no form in Zarr v3")
