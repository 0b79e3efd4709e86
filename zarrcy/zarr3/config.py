"""The configuration of zarr-python 3: a mapping of names with dots, which `set` changes for a block.

The names that concern zarrcy take effect: see `docs/compat.md`. The others are kept, so that programs can set them.
"""

from __future__ import annotations

import ast
import copy
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager

from zarrcy.types import JSON

_NUMCODECS = {
    "bz2": "BZ2", "crc32": "CRC32", "crc32c": "CRC32C", "lz4": "LZ4", "lzma": "LZMA", "zfpy": "ZFPY",
    "adler32": "Adler32", "astype": "AsType", "bitround": "BitRound", "blosc": "Blosc", "delta": "Delta",
    "fixedscaleoffset": "FixedScaleOffset", "fletcher32": "Fletcher32", "gzip": "GZip",
    "jenkins_lookup3": "JenkinsLookup3", "pcodec": "PCodec", "packbits": "PackBits", "shuffle": "Shuffle",
    "quantize": "Quantize", "zlib": "Zlib", "zstd": "Zstd",
}  # fmt: skip
_DEFAULTS: dict[str, JSON] = {
    "default_zarr_format": 3,
    "array": {
        "order": "C",
        "write_empty_chunks": False,
        "read_missing_chunks": True,
        "target_shard_size_bytes": None,
        "rectilinear_chunks": True,
        "sharding_coalesce_max_gap_bytes": 2**20,
        "sharding_coalesce_max_bytes": 2**24,
        "allow_unsafe_pickle_decode": False,
    },
    "async": {"concurrency": 10, "timeout": None},
    "threading": {"max_workers": None},
    "json_indent": 2,
    "codec_pipeline": {
        "path": "zarr.core.codec_pipeline.BatchedCodecPipeline",
        "batch_size": 1,
        "max_workers": None,
    },
    "codecs": {
        "blosc": "zarr.codecs.blosc.BloscCodec",
        "gzip": "zarr.codecs.gzip.GzipCodec",
        "zstd": "zarr.codecs.zstd.ZstdCodec",
        "bytes": "zarr.codecs.bytes.BytesCodec",
        "endian": "zarr.codecs.bytes.BytesCodec",
        "crc32c": "zarr.codecs.crc32c_.Crc32cCodec",
        "sharding_indexed": "zarr.codecs.sharding.ShardingCodec",
        "transpose": "zarr.codecs.transpose.TransposeCodec",
        "vlen-utf8": "zarr.codecs.vlen_utf8.VLenUTF8Codec",
        "vlen-bytes": "zarr.codecs.vlen_utf8.VLenBytesCodec",
        **{f"numcodecs.{name}": f"zarr.codecs.numcodecs.{cls}" for name, cls in _NUMCODECS.items()},
    },
    "buffer": "zarr.buffer.cpu.Buffer",
    "ndbuffer": "zarr.buffer.cpu.NDBuffer",
}
_MISSING = object()
# Names of zarr-python 3.0 for the default codecs, which later versions refuse.
_REMOVED = re.compile(r"array\.v[23]_default_(compressor|compressors|filters|serializer)(\..*)?")


class BadConfigError(ValueError):
    """A value of the configuration is not valid."""


class Config(Mapping[str, JSON]):
    """A mapping of names to values. Names with dots reach into nested mappings.

    The environment variable ``ZARR_ARRAY__ORDER`` sets the name ``array.order``.

    Examples
    --------
    >>> config.get("array.order")
    'C'
    >>> with config.set({"array.order": "F"}):
    ...     config["array.order"]
    'F'
    """

    def __init__(self) -> None:
        self.defaults = [copy.deepcopy(_DEFAULTS)]
        self.config: dict[str, JSON] = {}
        self.refresh()

    def __getitem__(self, key: str) -> JSON:
        found = self.get(key, _MISSING)
        if found is _MISSING:
            raise KeyError(key)
        return found

    def __iter__(self) -> Iterator[str]:
        return iter(self.config)

    def __len__(self) -> int:
        return len(self.config)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and self.get(key, None) is not None

    def get(self, key: str, default: JSON = _MISSING) -> JSON:
        """Return a value.

        Parameters
        ----------
        key : str
            Its name.
        default : object, optional
            Result if there is no such name.

        Returns
        -------
        object
            The value.

        Raises
        ------
        KeyError
            If there is no such name and no default.
        """
        value: JSON = self.config
        rest = key
        while rest:
            if not isinstance(value, Mapping):
                break
            if rest in value:
                return value[rest]
            name, _, rest = rest.partition(".")
            if name not in value:
                break
            value = value[name]
        if default is _MISSING:
            raise KeyError(key)
        return default

    def set(self, arg: Mapping[str, JSON] | None = None, **kwargs: JSON) -> AbstractContextManager[Config]:
        """Set values at once; as a context manager, until the end of the block.

        Parameters
        ----------
        arg : mapping, optional
            The values by name.
        **kwargs
            More values; two underscores in a name stand for a dot.

        Returns
        -------
        context manager
            It restores the values that were there before.
        """
        values = dict(arg or {}) | {name.replace("__", "."): value for name, value in kwargs.items()}
        before = copy.deepcopy(self.config)
        for name in values:
            if _REMOVED.fullmatch(name):
                raise ValueError(f"the configuration has no {name!r} any more: give the codecs of each array")
        for name, value in values.items():
            self._assign(name, value)
        return _Restores(self, before)

    def _assign(self, name: str, value: JSON) -> None:
        place = self.config
        first, _, rest = name.partition(".")
        while rest and rest not in place.get(first, {}) and first not in ("codecs",):
            place = place.setdefault(first, {})
            first, _, rest = rest.partition(".")
        if rest:
            place.setdefault(first, {})[rest] = value
        elif isinstance(value, Mapping) and isinstance(place.get(first), dict):
            place[first] = place[first] | dict(value)
        else:
            place[first] = value

    def update(self, new: Mapping[str, JSON]) -> None:
        """Set values.

        Parameters
        ----------
        new : mapping
            The values by name.
        """
        for name, value in new.items():
            self._assign(name, value)

    def refresh(self) -> None:
        """Set all values to the defaults, and to those of the environment."""
        self.config = copy.deepcopy(self.defaults[0])
        for variable, text in os.environ.items():
            if variable.startswith("ZARR_") and variable != "ZARR_V3_EXPERIMENTAL_API":
                try:
                    value = ast.literal_eval(text)
                except (ValueError, SyntaxError):
                    value = text
                self._assign(variable.removeprefix("ZARR_").lower().replace("__", "."), value)

    def reset(self) -> None:
        """Set all values to the defaults, and to those of the environment."""
        self.refresh()

    def clear(self) -> None:
        """Remove all values."""
        self.config = {}

    def pprint(self) -> None:
        """Print all values."""
        from pprint import pprint

        pprint(self.config)

    def to_dict(self) -> dict[str, JSON]:
        """Return a copy of all values.

        Returns
        -------
        dict
            The values, nested.
        """
        return copy.deepcopy(self.config)

    def enable_gpu(self) -> AbstractContextManager[Config]:
        """Raise an error: zarrcy has no code for GPUs.

        Raises
        ------
        NotImplementedError
            Always.
        """
        raise NotImplementedError(
            "zarrcy reads into memory of the host; give meta_array for results on a GPU"
        )

    def __repr__(self) -> str:
        return f"Config({self.config!r})"


class _Restores(AbstractContextManager[Config]):
    """Restores the values of a configuration at the end of a block."""

    def __init__(self, config: Config, before: dict[str, JSON]) -> None:
        self._config, self._before = config, before

    def __enter__(self) -> Config:
        return self._config

    def __exit__(self, *exc_info: object) -> None:
        self._config.config = self._before


config = Config()
