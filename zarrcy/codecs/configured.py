"""Codecs of numcodecs that the native path has: known by their configuration, and made on first use.

Importing numcodecs takes as long as importing the rest of what a first read needs. An array whose codecs are native
does not need it: a `ConfiguredCodec` stands for the codec until a chunk goes the fallback path, or a user asks for it.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Mapping

from zarrcy.types import JSON, Buffer, Codec

_CNAMES = ("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
# Parameters that every version of numcodecs takes as they are, with their defaults and ranges.
_PARAMETERS: dict[str, dict[str, tuple[JSON, int, int]]] = {
    "blosc": {
        "cname": ("lz4", 0, 0),
        "clevel": (5, 0, 9),
        "shuffle": (1, -1, 2),
        "blocksize": (0, 0, 2**31 - 1),
    },
    "gzip": {"level": (1, -1, 9)},
    "lz4": {"acceleration": (1, 1, 2**16)},
    "zlib": {"level": (1, -1, 9)},
    "zstd": {"level": (0, -(2**17), 22), "checksum": (False, 0, 0)},
}
_ATTRIBUTES = {"blosc": "Blosc", "gzip": "GZip", "lz4": "LZ4", "zlib": "Zlib", "zstd": "Zstd"}
DEFAULT: Mapping[str, JSON] = {"id": "blosc", "cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}
"""The configuration of the compressor of arrays that do not choose one."""


class ConfiguredCodec:
    """A codec of numcodecs that is made on first use.

    Parameters
    ----------
    config : dict
        The complete configuration, which must be valid.
    typesize : int, optional
        Size of the items that Blosc gets, in bytes.

    Examples
    --------
    >>> codec = get_codec({"id": "gzip"})
    >>> codec.get_config(), codec.actual()
    ({'id': 'gzip', 'level': 1}, GZip(level=1))
    """

    __slots__ = ("_actual", "_config", "codec_id", "typesize")

    def __init__(self, config: dict[str, JSON], typesize: int | None = None) -> None:
        self.codec_id: str = config["id"]
        self.typesize = typesize
        self._config = config
        self._actual: list[Codec] = []

    def get_config(self) -> dict[str, JSON]:
        """Return the configuration, with the changes that a user made to the codec."""
        return self._actual[0].get_config() if self._actual else dict(self._config)

    def actual(self) -> Codec:
        """Return the codec of numcodecs: each time the same one."""
        if not self._actual:
            # of two threads, the first decides
            self._actual.append(_make(self._config, self.typesize))
        return self._actual[0]

    def encode(self, buf: Buffer) -> Buffer:
        return self.actual().encode(buf)

    def decode(self, buf: Buffer, out: Buffer | None = None) -> Buffer:
        return self.actual().decode(buf, out)

    def __copy__(self) -> Codec:
        return copy.copy(self._actual[0]) if self._actual else ConfiguredCodec(self._config, self.typesize)

    def __repr__(self) -> str:
        return repr(self.actual())


def _make(config: dict[str, JSON], typesize: int | None) -> Codec:
    import numcodecs

    arguments = {name: value for name, value in config.items() if name != "id"}
    if typesize is not None:
        from zarrcy.codecs.sized_blosc import SizedBlosc

        return SizedBlosc(typesize, **arguments)
    if not arguments.get("checksum", True):
        # old versions of numcodecs do not have this parameter of Zstd
        del arguments["checksum"]
    made: Codec = getattr(numcodecs, _ATTRIBUTES[config["id"]])(**arguments)
    return made


def actual(codec: Codec) -> Codec:
    """Return the codec that a `ConfiguredCodec` stands for, or the codec itself."""
    return codec.actual() if isinstance(codec, ConfiguredCodec) else codec


def complete(config: Mapping[str, JSON]) -> dict[str, JSON] | None:
    """Return a configuration with the defaults; None unless it is that of a native codec with usual parameters.

    >>> complete({"id": "zlib"}), complete({"id": "zlib", "level": "6"}), complete({"id": "bz2"})
    ({'id': 'zlib', 'level': 1}, None, None)
    """
    name = config.get("id")
    parameters = _PARAMETERS.get(name) if type(name) is str else None
    if parameters is None or (len(config) > 1 and not config.keys() <= {"id", *parameters}):
        return None
    whole: dict[str, JSON] = {"id": name}
    for parameter, (default, least, most) in parameters.items():
        value = config.get(parameter, default)
        if type(value) is not type(default):
            return None
        if value not in _CNAMES if parameter == "cname" else not (least <= value <= most or value is False):
            return None
        whole[parameter] = value
    return whole


def get_codec(config: Mapping[str, JSON]) -> Codec:
    """Return the codec of a configuration, as ``numcodecs.get_codec`` does; a native one is made on first use.

    Raises
    ------
    ValueError
        If no codec with this name is registered, or the configuration is not valid.
    """
    whole = complete(config)
    if whole is not None and not is_replaced(whole["id"]):
        return ConfiguredCodec(whole)
    if config.get("id") in ("n5_wrapper", "n5_lz4"):
        # they register themselves
        import zarrcy.codecs.lz4_blocks
        import zarrcy.codecs.n5  # noqa: F401
    import numcodecs

    codec: Codec = numcodecs.get_codec(dict(config))
    return codec


def is_replaced(name: str) -> bool:
    """Return whether a program registered a codec of its own under the name of one of numcodecs."""
    registry = sys.modules.get("numcodecs.registry")
    if registry is None:
        return False
    registered = registry.codec_registry.get(name)
    return registered is None or not registered.__module__.startswith("numcodecs.")
