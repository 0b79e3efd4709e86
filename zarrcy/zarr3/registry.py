"""The registry of codec classes of zarr-python 3. Arrays are encoded with zarrcy's own codecs."""

from __future__ import annotations

from zarrcy.errors import CodecNotAvailableError
from zarrcy.types import JSON, Option
from zarrcy.types import Codec as NumCodec

_REGISTERED: dict[str, dict[str, Option]] = {}


def _built_in() -> dict[str, Option]:
    from zarrcy.zarr3 import codecs, numcodecs

    named: dict[str, Option] = {
        "blosc": codecs.BloscCodec,
        "bytes": codecs.BytesCodec,
        "endian": codecs.BytesCodec,
        "cast_value": codecs.CastValue,
        "crc32c": codecs.Crc32cCodec,
        "gzip": codecs.GzipCodec,
        "scale_offset": codecs.ScaleOffset,
        "sharding_indexed": codecs.ShardingCodec,
        "transpose": codecs.TransposeCodec,
        "vlen-bytes": codecs.VLenBytesCodec,
        "vlen-utf8": codecs.VLenUTF8Codec,
        "zstd": codecs.ZstdCodec,
    }
    return named | {kind.codec_name: kind for kind in numcodecs.CLASSES}


def fully_qualified_name(cls: type) -> str:
    """Return the module and the name of a class.

    Parameters
    ----------
    cls : type
        The class.

    Returns
    -------
    str
        Both, with a dot between them.

    Examples
    --------
    >>> from collections import Counter
    >>> fully_qualified_name(Counter)
    'collections.Counter'
    """
    return f"{cls.__module__}.{cls.__qualname__}"


def register_codec(key: str, codec_cls: Option, *, qualname: str | None = None) -> None:
    """Register a class of codecs. It describes codecs; arrays are encoded with zarrcy's own code.

    Parameters
    ----------
    key : str
        Name of the codec in format 3.
    codec_cls : type
        The class.
    qualname : str, optional
        Name of the class; its own by default.
    """
    _REGISTERED.setdefault(key, {})[qualname or fully_qualified_name(codec_cls)] = codec_cls


def find_codec_class(key: str) -> Option:
    """Return the class of a codec; None if there is none.

    >>> find_codec_class("gzip").__name__
    'GzipCodec'
    """
    from zarrcy.zarr3.config import config

    chosen = _REGISTERED.get(key, {}).get(config.get(f"codecs.{key}", None) or "")
    if chosen is not None:
        return chosen
    return _built_in().get(key) or next(iter(_REGISTERED.get(key, {}).values()), None)


def get_codec_class(key: str, reload_config: bool = False) -> Option:
    """Return the class of a codec.

    Parameters
    ----------
    key : str
        Name of the codec in format 3.
    reload_config : bool, optional
        Read the environment variables of the configuration again.

    Returns
    -------
    type
        The class.

    Raises
    ------
    KeyError
        If there is none.
    """
    if reload_config:
        from zarrcy.zarr3.config import config

        config.refresh()
    found = find_codec_class(key)
    if found is None:
        raise KeyError(key)
    return found


def get_codec(key: str, request: dict[str, JSON]) -> Option:
    """Return a codec, given its name and its description.

    Parameters
    ----------
    key : str
        Name of the codec in format 3.
    request : dict
        Its ``name`` and ``configuration``.

    Returns
    -------
    Codec
        The codec.
    """
    return get_codec_class(key).from_dict(request)


def get_numcodec(data: dict[str, JSON]) -> NumCodec:
    """Return a codec of numcodecs.

    Parameters
    ----------
    data : dict
        Its configuration.

    Returns
    -------
    codec
        The codec.

    Raises
    ------
    UnknownCodecError
        If there is none of this name.
    """
    from zarrcy.codecs import as_codec

    try:
        return as_codec(dict(data))
    except ValueError as exc:
        raise CodecNotAvailableError("", str(data.get("id"))) from exc
