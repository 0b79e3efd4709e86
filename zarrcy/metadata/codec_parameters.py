"""The parameters of each known codec: one table of types and ranges, for documents of every format.

A parameter is checked before a codec is made of it. numcodecs checks some parameters when a chunk is encoded or
decoded, and others never: a wrong one would decode to wrong bytes.

A whole number may be spelled as text (netcdf-c writes ``"4"``) or as a float (``4.0``), which can have one meaning
only. A codec that a program registered under the name of a known one is not checked.
"""

from __future__ import annotations

import math
import numbers
import re
import sys
from codecs import lookup
from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from zarrcy.metadata.json_member import Member
from zarrcy.types import JSON

_NUMBER = re.compile(r"\s*[+-]?\d{1,30}(\.\d{0,30})?([eE][+-]?\d{1,3})?\s*")
_MOST_INT32 = 2**31 - 1
# The largest item of an element of a data type that a parameter names, in bytes.
_MOST_ITEMSIZE = 2**26


class Parameter(NamedTuple):
    """The type and the range of one parameter.

    Attributes
    ----------
    must_be : str
        What the value must be, for error messages.
    parse : callable
        Returns the value in the form that codecs take. It raises TypeError or ValueError
        if the value is not valid.
    takes_null : bool
        Whether null means that the codec chooses.
    """

    must_be: str
    parse: Callable[[JSON], JSON]
    takes_null: bool = False

    def or_null(self) -> Parameter:
        """Return the parameter, for which null is valid too."""
        return Parameter(f"{self.must_be}, or null", self.parse, takes_null=True)


def _number_of(value: JSON) -> JSON:
    """Return a number, given itself or as text."""
    if isinstance(value, str) and _NUMBER.fullmatch(value):
        value = float(value) if set(value) & set(".eE") else int(value)
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError("not a number")
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _whole_of(value: JSON) -> int:
    number = _number_of(value)
    if isinstance(number, float) and not number.is_integer():
        raise ValueError("not a whole number")
    return int(number)


def _whole(least: int, most: int) -> Parameter:
    def parse(value: JSON) -> JSON:
        number = _whole_of(value)
        if not least <= number <= most:
            raise ValueError("out of range")
        return number

    return Parameter(f"a whole number from {least} to {most}", parse)


def _number(*, may_be_zero: bool = True) -> Parameter:
    def parse(value: JSON) -> JSON:
        number = _number_of(value)
        if not math.isfinite(number) or not (number or may_be_zero):
            raise ValueError("not finite, or zero")
        return number

    return Parameter("a finite number" + ("" if may_be_zero else " other than 0"), parse)


def _choice(*choices: JSON) -> Parameter:
    def parse(value: JSON) -> JSON:
        if isinstance(value, bytes):
            value = value.decode()
        if type(choices[0]) is int:
            value = _whole_of(value)
        if isinstance(value, (list, dict)) or value not in choices:
            raise ValueError("none of the choices")
        return value

    return Parameter(" or ".join(map(repr, choices)), parse)


def _parse_shuffle(value: JSON) -> JSON:
    if isinstance(value, str) and value in _SHUFFLES:
        return _SHUFFLES[value]
    return _choice(-1, 0, 1, 2).parse(value)


_SHUFFLES = {"NONE": 0, "BYTE": 1, "BIT": 2}


def _parse_switch(value: JSON) -> JSON:
    if not isinstance(value, (bool, np.bool_)):
        raise TypeError("neither true nor false")
    return bool(value)


def _parse_text(value: JSON) -> JSON:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _parse_encoding(value: JSON) -> JSON:
    try:
        lookup(_parse_text(value))
    except LookupError as exc:
        raise ValueError(str(exc)) from exc
    return value


def _parse_texts(value: JSON) -> JSON:
    if not isinstance(value, (list, tuple)):
        raise TypeError("not a list")
    for item in value:
        _parse_text(item)
    return value


def _parse_separators(value: JSON) -> JSON:
    texts = _parse_texts(value)
    if len(texts) != 2:
        raise ValueError("not a pair")
    return texts


def _parse_indent(value: JSON) -> JSON:
    return value if isinstance(value, str) else _whole_of(value)


def _parse_lengths(value: JSON) -> JSON:
    if not isinstance(value, (list, tuple)):
        raise TypeError("not a list")
    lengths = [_whole_of(item) for item in value]
    if not all(0 < n < 2**32 for n in lengths):
        raise ValueError("out of range")
    return lengths


def _parse_lzma_filters(value: JSON) -> JSON:
    if not isinstance(value, (list, tuple)) or not 0 < len(value) <= 4:
        raise ValueError("not a list of 1 to 4 filters")
    return [{name: _whole_of(number) for name, number in _with_id(item).items()} for item in value]


def _with_id(value: JSON) -> Mapping[str, JSON]:
    if not isinstance(value, Mapping) or "id" not in value:
        raise ValueError("not an object with an 'id'")
    return value


def _parse_octets(value: JSON) -> JSON:
    if not isinstance(value, (bytes, np.ndarray)):
        raise TypeError("not bytes, which a JSON document cannot hold")
    return value


def _dtype(kinds: str) -> Parameter:
    def parse(value: JSON) -> JSON:
        try:
            dtype = np.dtype(_parse_text(value))
        except (TypeError, SyntaxError, OverflowError) as exc:
            raise ValueError(str(exc)) from exc
        if dtype.kind not in kinds or not 0 < dtype.itemsize <= _MOST_ITEMSIZE or dtype.subdtype is not None:
            raise ValueError("another kind of data type")
        return value

    names = ", ".join(_KINDS[kind] for kind in kinds)
    return Parameter(f"a data type of NumPy as text, of {names}", parse)


_KINDS = {
    "b": "Booleans",
    "i": "integers",
    "u": "unsigned integers",
    "f": "floats",
    "c": "complex numbers",
    "m": "time differences",
    "M": "times",
    "S": "bytes of fixed length",
    "U": "text of fixed length",
    "V": "raw bytes",
    "O": "objects",
}
_NUMBERS, _FLOATS, _WITH_TIMES = _dtype("biufc"), _dtype("f"), _dtype("biufcmM")
_SIZED = _dtype("biufcmMSU")
_SWITCH = Parameter("true or false", _parse_switch)
_TEXT = Parameter("a text", _parse_text)
_INT32 = _whole(-(2**31), _MOST_INT32)
_LOCATION = {"location": _choice("start", "end").or_null()}
_CNAME = _choice("blosclz", "lz4", "lz4hc", "snappy", "zlib", "zstd")
_BLOSC = {
    "cname": _CNAME,
    "clevel": _whole(0, 9),
    "blocksize": _whole(0, _MOST_INT32),
}

NUMCODECS: Mapping[str, Mapping[str, Parameter]] = {
    "adler32": _LOCATION,
    "astype": {"encode_dtype": _SIZED, "decode_dtype": _SIZED},
    "base64": {},
    "bitround": {"keepbits": _whole(0, 52)},
    "blosc": {
        **_BLOSC,
        # GDAL writes names
        "shuffle": Parameter("-1 or 0 or 1 or 2", _parse_shuffle),
        "typesize": _whole(1, _MOST_INT32).or_null(),
    },
    "bz2": {"level": _whole(1, 9)},
    "categorize": {
        "labels": Parameter("a list of texts", _parse_texts),
        "dtype": _dtype("UO"),
        "astype": _NUMBERS,
    },
    "crc32": _LOCATION,
    "crc32c": _LOCATION,
    "delta": {"dtype": _WITH_TIMES, "astype": _WITH_TIMES.or_null()},
    "fixedscaleoffset": {
        "offset": _number(),
        "scale": _number(may_be_zero=False),
        "dtype": _NUMBERS,
        "astype": _NUMBERS.or_null(),
    },
    "fletcher32": {},
    "gzip": {"level": _whole(-1, 9)},
    "jenkins_lookup3": {
        "initval": _whole(0, 2**32 - 1),
        "prefix": Parameter("bytes, which only programs can give", _parse_octets).or_null(),
    },
    "json2": {
        "encoding": Parameter("the name of a text encoding", _parse_encoding),
        **dict.fromkeys(
            ("skipkeys", "ensure_ascii", "check_circular", "allow_nan", "sort_keys", "strict"), _SWITCH
        ),
        "indent": Parameter("a text or a whole number", _parse_indent).or_null(),
        "separators": Parameter("a list of two texts", _parse_separators).or_null(),
    },
    # numcodecs takes the default for 0 and less
    "lz4": {"acceleration": _INT32},
    "lzma": {
        "format": _choice(1, 2, 3),
        "check": _choice(-1, 0, 1, 4, 10),
        # bit 31 asks for more effort
        "preset": _choice(*range(10), *range(2**31, 2**31 + 10)).or_null(),
        "filters": Parameter(
            "a list of 1 to 4 objects with an 'id' and whole numbers", _parse_lzma_filters
        ).or_null(),
    },
    "msgpack2": dict.fromkeys(("use_single_float", "use_bin_type", "raw"), _SWITCH),
    "n5_lz4": {"block_size": _whole(64, 2**25)},
    "n5_wrapper": {
        "dtype": _dtype("biuf"),
        "chunk_shape": Parameter("a list of whole numbers from 1 to 2**32 - 1", _parse_lengths),
        "compressor_config": Parameter("the configuration of a codec", _with_id).or_null(),
    },
    "packbits": {},
    "pcodec": {"level": _whole(0, 12), "delta_encoding_order": _whole(0, 7).or_null()},
    "pickle": {"protocol": _whole(-1, 5)},
    "quantize": {"digits": _whole(-300, 300), "dtype": _FLOATS, "astype": _FLOATS.or_null()},
    # 0 and null are the size of the elements: netcdf-c writes 0
    "shuffle": {"elementsize": _whole(0, _MOST_INT32).or_null()},
    "vlen-array": {"dtype": _SIZED},
    "vlen-bytes": {},
    "vlen-utf8": {},
    "zfpy": {"mode": _whole(0, 5), "tolerance": _number(), "rate": _number(), "precision": _INT32},
    "zlib": {"level": _whole(-1, 9)},
    # numcodecs lowers greater levels to the greatest of the library
    "zstd": {"level": _INT32, "checksum": _SWITCH},
}
"""The parameters of the codecs of numcodecs: ``filters`` and ``compressor`` in v2, ``numcodecs.*`` in v3."""

ZARR_V3: Mapping[str, Mapping[str, Parameter]] = {
    "blosc": {
        **_BLOSC,
        "shuffle": _choice("noshuffle", "shuffle", "bitshuffle"),
        # 0 and null are the size of the elements
        "typesize": _whole(0, _MOST_INT32).or_null(),
    },
    "crc32c": {},
    "gzip": {"level": _whole(0, 9)},
    "numcodecs.crc32c": _LOCATION,
    "zstd": {"level": _whole(-131072, 22), "checksum": _SWITCH.or_null()},
}
"""The parameters of the codecs that v3 itself names; other codecs of v3 depend on their input."""

IGNORED: Mapping[str, tuple[str, ...]] = {
    "blosc": ("nthreads", "numThreads"),
    "gzip": ("useZlib",),
    # the frame states the filters that decode it
    "lzma": ("delta",),
    "zlib": ("useZlib",),
    "zstd": ("nbWorkers",),
}
"""Parameters of other writers that do not change what a codec decodes: numbers of threads, the choice of a library."""
# The first version of numcodecs whose Blosc takes the size of an element.
_TYPESIZE_SINCE = (0, 16)

# Parameters that name the data type of a codec's output. Without it the output has the type of the input.
_STORED = {
    "delta": ("astype", "dtype"),
    "fixedscaleoffset": ("astype", "dtype"),
    "quantize": ("astype", "dtype"),
    "astype": ("encode_dtype",),
    "categorize": ("astype",),
}
# Codecs whose output is bytes that are not elements.
_TO_OCTETS = ("base64", "json2", "msgpack2", "packbits", "pickle", "vlen-array", "vlen-bytes", "vlen-utf8")


def checked(member: Member, codec: str, table: Mapping[str, Mapping[str, Parameter]]) -> dict[str, JSON]:
    """Return the configuration of a codec, with each parameter in the form that codecs take.

    Parameters that the table does not have are returned as they are.

    Parameters
    ----------
    member : Member
        The configuration.
    codec : str
        Name of the codec.
    table : Mapping
        `NUMCODECS` or `ZARR_V3`.

    Raises
    ------
    MetadataError
        If a parameter has another type, or is out of range. The error names the codec and the parameter.

    >>> checked(Member(".zarray", "compressor", {"id": "zlib", "level": "4"}), "zlib", NUMCODECS)
    {'id': 'zlib', 'level': 4}
    """
    config = dict(member.object())
    for name, parameter in table.get(codec, {}).items():
        if name not in config or (parameter.takes_null and config[name] is None):
            continue
        try:
            config[name] = parameter.parse(config[name])
        except (TypeError, ValueError, OverflowError):
            member.require(name).fail(
                f"the parameter {name!r} of the codec {codec!r} must be {parameter.must_be}"
            )
    return config


def numcodecs_config(member: Member, itemsize: int, codec: str | None = None) -> dict[str, JSON]:
    """Return the configuration of a codec of numcodecs, which must be valid.

    Parameters
    ----------
    member : Member
        The configuration.
    itemsize : int
        Size of the elements that the codec gets, in bytes: that of a shuffle which does not state it.
    codec : str, optional
        Name of the codec; by default the ``id`` in the configuration.

    Raises
    ------
    MetadataError
        If a parameter is not valid.
    """
    name = codec if codec is not None else member.require("id").string()
    registry = sys.modules.get("numcodecs.registry")
    registered = None if registry is None else registry.codec_registry.get(name)
    if registered is not None and not registered.__module__.startswith(("numcodecs.", "zarrcy.")):
        return dict(member.object())
    config = checked(member, name, NUMCODECS)
    for ignored in IGNORED.get(name, ()):
        config.pop(ignored, None)
    if name == "blosc" and "typesize" in config and _numcodecs_version() < _TYPESIZE_SINCE:
        # a frame states the size itself
        del config["typesize"]
    if name == "shuffle" and not config.get("elementsize", 1):
        config["elementsize"] = itemsize
    elif name == "n5_wrapper" and config.get("compressor_config") is not None:
        config["compressor_config"] = numcodecs_config(member.require("compressor_config"), itemsize)
    return config


def _numcodecs_version() -> tuple[int, ...]:
    import numcodecs

    return tuple(int(part) for part in re.findall(r"\d+", numcodecs.__version__)[:2])


def stored_itemsize(config: Mapping[str, JSON], itemsize: int) -> int:
    """Return the size of the elements that a codec of numcodecs puts out, in bytes, for elements of `itemsize`.

    >>> stored_itemsize({"id": "delta", "dtype": "<i8", "astype": "<i2"}, 8)
    2
    """
    name = config.get("id")
    if name in _TO_OCTETS:
        return 1
    for parameter in _STORED.get(str(name), ()):
        if config.get(parameter) is not None:
            stored: int = np.dtype(config[parameter]).itemsize
            return stored
    return 1 if name == "categorize" else itemsize
