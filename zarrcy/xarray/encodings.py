"""The encoding of a variable of xarray, as arguments of `zarrcy.create`, and back.

xarray's names for codecs are those of zarr-python 3: ``filters`` change elements, the ``serializer`` turns elements
into bytes, and ``compressors`` change bytes. Format 2 has no serializer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from zarrcy.codecs.configured import DEFAULT, get_codec
from zarrcy.hierarchy.arrays import Array
from zarrcy.metadata.json_member import Member
from zarrcy.metadata.v3.array_document import data_type_of
from zarrcy.metadata.v3.codecs import ARRAY, BYTES, ChunkSpec, parse_codec
from zarrcy.metadata.v3.data_types import DataType
from zarrcy.metadata.v3.document import KEY
from zarrcy.types import JSON, AnyDtype, Codec, Option, Shape, ZarrFormat
from zarrcy.xarray.variables import names_dimensions

# Keys that describe where a variable came from, not how it is to be stored.
_OF_THE_SOURCE = {"source", "original_shape", "preferred_chunks"}
_KEYS = {
    "chunks",
    "shards",
    "compressor",
    "compressors",
    "filters",
    "serializer",
    "cache_metadata",
    "write_empty_chunks",
    "chunk_key_encoding",
}
_AUTO = "auto"
_NOT_GIVEN: Option = object()
# Codecs that encode texts and bytes; format 3 has them as serializers, which it chooses by the data type.
_OF_TEXTS = {"vlen-utf8", "vlen-bytes"}


class StoredCodec:
    """A codec as the metadata of format 3 describe it. It is a value: it can be compared, hashed and pickled.

    Parameters
    ----------
    document : Mapping
        Name and configuration.

    Examples
    --------
    >>> codec = StoredCodec({"name": "zstd", "configuration": {"level": 3}})
    >>> codec, codec == StoredCodec(codec.to_dict())
    (StoredCodec('zstd', level=3), True)
    """

    def __init__(self, document: Mapping[str, JSON]) -> None:
        self.name = str(document["name"])
        self._has_configuration = "configuration" in document
        self._text = json.dumps(document.get("configuration") or {}, sort_keys=True)

    def to_dict(self) -> dict[str, JSON]:
        """Return the name and the configuration as in the metadata.

        Returns
        -------
        dict
            The members ``name`` and, if the metadata have it, ``configuration``.
        """
        members: dict[str, JSON] = {"name": self.name}
        if self._has_configuration:
            members["configuration"] = json.loads(self._text)
        return members

    def __getattr__(self, name: str) -> JSON:
        # parameters, as the codec classes of zarr-python have them
        if not name.startswith("_"):
            configuration = json.loads(self._text)
            if name in configuration:
                return configuration[name]
        raise AttributeError(f"the codec {self!r} has no parameter {name!r}" if name[:1] != "_" else name)

    def __repr__(self) -> str:
        parameters = (f"{name}={value!r}" for name, value in json.loads(self._text).items())
        return f"StoredCodec({', '.join([repr(self.name), *parameters])})"

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StoredCodec):
            return (self.name, self._text) == (other.name, other._text)
        document = other.to_dict() if hasattr(other, "to_dict") else other
        return (
            isinstance(document, Mapping)
            and "name" in document
            and self == StoredCodec(_plain_names(document))
        )

    def __hash__(self) -> int:
        return hash((self.name, self._text))


def _plain_names(document: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the document of a codec with plain texts instead of the members of enumerations."""
    members = {"name": document["name"]}
    if "configuration" in document:
        configuration = document["configuration"] or {}
        members["configuration"] = {
            name: getattr(value, "value", value) for name, value in configuration.items()
        }
    return members


# -- reading -----------------------------------------------------------------------------------------


def codecs_of(array: Array) -> dict[str, Option]:
    """Return the codecs of an array, and the shape of its shards, as an encoding has them."""
    if not names_dimensions(array.zarr_format):
        compressor = array.compressor
        return {
            "compressors": () if compressor is None else (compressor,),
            "filters": tuple(array.filters or ()),
            "shards": None,
        }
    description = array.description
    # a dataset has many variables with the same codecs
    codecs = _split(json.dumps(array.codecs), description.chunks, data_type_of(description))
    shards = description.shards
    if shards is not None and description.rectilinear_axes is not None:
        return {**codecs, "shards": stored_lengths(array)}
    return {**codecs, "shards": shards}


def stored_lengths(array: Array) -> tuple[int | tuple[int, ...], ...]:
    """Return the length of the stored values, chunks or shards, along each axis: all lengths where they differ.

    Parameters
    ----------
    array : Array
        The array.

    Returns
    -------
    tuple of int or tuple of int
        One item for each axis.
    """
    metadata = array.description
    sizes = (tuple(axis.sizes(n)) or (0,) for axis, n in zip(metadata.stored_axes, array.shape, strict=True))
    return tuple(
        lengths[0] if len(set(lengths[:-1])) <= 1 and lengths[-1] <= lengths[0] else lengths
        for lengths in sizes
    )


@lru_cache(maxsize=256)
def _split(text: str, chunks: Shape, kind: DataType) -> dict[str, Option]:
    """Return the codecs of a chunk in three parts: before the serializer, the serializer, and after it.

    Parameters
    ----------
    text : str
        The codecs of the array, as JSON.
    chunks : tuple of int
        Shape of a chunk, in elements.
    kind : DataType
        Data type of the elements.
    """
    codecs: list[JSON] = [{"name": codec} if isinstance(codec, str) else codec for codec in json.loads(text)]
    for codec in codecs:
        if codec["name"] == "sharding_indexed":
            codecs = [
                {"name": inner} if isinstance(inner, str) else inner
                for inner in codec["configuration"]["codecs"]
            ]
            break
    spec = ChunkSpec(chunks, kind)
    filters: list[StoredCodec] = []
    compressors: list[StoredCodec] = []
    serializer: StoredCodec | None = None
    for i, codec in enumerate(codecs):
        parsed = parse_codec(Member(KEY, f"codecs[{i}]", codec), spec, serializer is not None)
        if parsed is None:
            continue
        if serializer is not None or parsed.kind == BYTES:
            compressors.append(StoredCodec(codec))
        elif parsed.kind == ARRAY:
            filters.append(StoredCodec(codec))
        else:
            serializer = StoredCodec(codec)
        spec = parsed.output
    return {"compressors": tuple(compressors), "filters": tuple(filters), "serializer": serializer}


# -- writing -----------------------------------------------------------------------------------------


def checked_encoding(
    encoding: Mapping[str, Option], *, is_strict: bool, zarr_format: ZarrFormat
) -> dict[str, Option]:
    """Return those keys of an encoding that the formats know.

    Parameters
    ----------
    encoding : Mapping
        The encoding of a variable.
    is_strict : bool
        Whether other keys are an error: the user gave the encoding for this write.
    zarr_format : {2, 3}
        The format that is written.

    Raises
    ------
    ValueError
        If there are other keys.
    """
    known = {*_KEYS, "fill_value"} if names_dimensions(zarr_format) else _KEYS
    # without a fill value: the key has done its work when the variable was encoded
    passed_over = (
        _OF_THE_SOURCE if encoding.get("_FillValue") is not None else {*_OF_THE_SOURCE, "_FillValue"}
    )
    unknown = [key for key in encoding if key not in known and key not in passed_over]
    if is_strict and unknown:
        hint = ""
        if "fill_value" in unknown:
            hint = " Use `_FillValue` to set the Zarr array `fill_value`"
        raise ValueError(f"unexpected encoding parameters for zarr backend:  {unknown!r}.{hint}")
    return {key: value for key, value in encoding.items() if key in known}


def chunk_shape(
    given: Option, var_chunks: tuple[tuple[int, ...], ...] | None, ndim: int, name: object
) -> tuple[int, ...] | None:
    """Return the shape of the stored chunks of a variable; None if the encoding and the variable state none.

    Parameters
    ----------
    given : int, sequence of int, "auto" or None
        The key ``chunks`` of the encoding.
    var_chunks : tuple of tuple of int or None
        Lengths of the chunks of a variable of dask.
    ndim : int
        Number of axes.
    name : object
        Name of the variable, for errors.

    Raises
    ------
    ValueError
        If the chunks of dask cannot be those of an array, because they differ in length.
    TypeError
        If the encoding does not have one integer for each axis.
    """
    if isinstance(given, str):
        given = None
    if isinstance(given, (int, np.integer)):
        given = (int(given),) * ndim
    stated = () if given is None else tuple(given)
    if len(stated) != ndim or not stated:
        # chunks of another number of axes are those of another variable
        return _chunks_of_dask(var_chunks, name) if var_chunks else None
    for length in stated:
        if isinstance(length, (list, tuple)):
            raise _rectilinear("chunks", stated, name)
        if not isinstance(length, (int, np.integer)):
            raise TypeError(
                "zarr chunk sizes specified in `encoding['chunks']` must be an int or a tuple of ints. "
                f"Instead found encoding['chunks']={stated!r} for variable named {name!r}."
            )
    return tuple(map(int, stated))


def _chunks_of_dask(var_chunks: tuple[tuple[int, ...], ...], name: object) -> tuple[int, ...]:
    if any(len(set(lengths[:-1])) > 1 for lengths in var_chunks):
        raise ValueError(
            "Zarr requires uniform chunk sizes except for final chunk. "
            f"Variable named {name!r} has incompatible dask chunks: {var_chunks!r}. Consider rechunking using "
            "`chunk()`."
        )
    if any(lengths[0] < lengths[-1] for lengths in var_chunks):
        raise ValueError(
            "Final chunk of Zarr array must be the same size or smaller than the first. "
            f"Variable named {name!r} has incompatible Dask chunks {var_chunks!r}. Consider either rechunking "
            "using `chunk()` or instead deleting or modifying `encoding['chunks']`."
        )
    return tuple(max(1, lengths[0]) for lengths in var_chunks)


def shard_shape(given: Option, ndim: int, name: object) -> Option:
    """Return the shape of the shards that an encoding asks for, or "auto" or None.

    Raises
    ------
    TypeError
        If the shards differ in length.
    """
    if isinstance(given, (int, np.integer)):
        return (int(given),) * ndim
    if isinstance(given, (list, tuple)):
        if any(isinstance(length, (list, tuple)) for length in given):
            raise _rectilinear("shards", given, name)
        return tuple(given)
    return given


def _rectilinear(key: str, value: object, name: object) -> TypeError:
    return TypeError(
        f"encoding[{key!r}]={value!r} for variable {name!r} is a rectilinear (variable-sized) grid, which can be "
        f"read but not written. Delete the encoding (`del ds[{name!r}].encoding[{key!r}]`) and make the chunks of "
        "the variable uniform (`ds.chunk({dim: size})`)."
    )


def creation_arguments(
    encoding: Mapping[str, Option], zarr_format: ZarrFormat, dtype: AnyDtype | type
) -> dict[str, Option]:
    """Return the arguments of `zarrcy.create` for the chunks and codecs of an encoding.

    Parameters
    ----------
    encoding : Mapping
        What `checked_encoding` returned.
    zarr_format : {2, 3}
        The format that is written.
    dtype : data-type
        Data type of the elements; ``str`` and ``bytes`` for texts of any length.

    Raises
    ------
    ValueError
        If format 2 cannot store the codecs.
    """
    arguments: dict[str, Option] = {}
    chunks = encoding.get("chunks")
    arguments["chunks"] = True if chunks is None or isinstance(chunks, str) else chunks
    if "cache_metadata" in encoding:
        arguments["cache_metadata"] = encoding["cache_metadata"]
    if encoding.get("chunk_key_encoding") is not None:
        arguments |= _chunk_keys(encoding["chunk_key_encoding"], zarr_format)
    if encoding.get("shards") is not None:
        arguments["shards"] = encoding["shards"]
    compressors = _codecs(encoding.get("compressors", encoding.get("compressor", _AUTO)))
    filters = _codecs(encoding.get("filters", _AUTO))
    serializer = _codecs(encoding.get("serializer", _AUTO))
    if names_dimensions(zarr_format):
        return arguments | _codecs_of_v3(filters, serializer, compressors, dtype)
    return arguments | _codecs_of_v2(filters, compressors, dtype)


def _codecs(given: Option) -> list[Option] | None:
    """Return codecs as a list; None if zarrcy chooses them."""
    if isinstance(given, str) and given == _AUTO:
        return None
    if given is None:
        return []
    return list(given) if isinstance(given, (list, tuple)) else [given]


def _codecs_of_v3(
    filters: list[Option] | None,
    serializer: list[Option] | None,
    compressors: list[Option] | None,
    dtype: AnyDtype | type,
) -> dict[str, Option]:
    first = [codec for codec in filters or () if getattr(codec, "codec_id", None) not in _OF_TEXTS]
    pack = [] if dtype in (str, bytes) else [codec for codec in serializer or () if codec is not None]
    if not first and not pack and compressors is None:
        return {}
    last = [get_codec(DEFAULT)] if compressors is None else compressors
    return {"codecs": [_for_v3(codec) for codec in (*first, *pack, *last)]}


def _for_v3(codec: Option) -> Option:
    """Return a codec as `zarrcy.create` takes it in format 3."""
    if hasattr(codec, "codec_id") or not hasattr(codec, "to_dict"):
        return codec
    document = _plain_names(codec.to_dict())
    # zarr-python chooses these parameters when it creates an array, and so does zarrcy if they are missing
    for name in getattr(codec, "_tunable_attrs", ()):
        document.get("configuration", {}).pop(name, None)
    return document


def _codecs_of_v2(
    filters: list[Option] | None, compressors: list[Option] | None, dtype: AnyDtype | type
) -> dict[str, Option]:
    arguments: dict[str, Option] = {}
    if filters:
        first = [_for_v2(codec) for codec in filters]
        if dtype in (str, bytes):
            # the data type says it
            first = [codec for codec in first if getattr(codec, "codec_id", None) not in _OF_TEXTS]
        arguments["filters"] = first or None
    if compressors is not None:
        if len(compressors) > 1:
            raise ValueError(
                f"Zarr v2 stores one compressor, not {compressors!r}; give one, or zarr_format=3"
            )
        arguments["compressor"] = _for_v2(compressors[0]) if compressors else None
    return arguments


def _for_v2(codec: Option) -> Codec | Option:
    """Return a codec of numcodecs for one of format 3."""
    if codec is None or hasattr(codec, "codec_id") or not (hasattr(codec, "to_dict") or "name" in codec):
        return codec
    document = _plain_names(codec if isinstance(codec, Mapping) else codec.to_dict())
    name = document["name"].removeprefix("numcodecs.")
    config = {key: value for key, value in document.get("configuration", {}).items() if value is not None}
    if name == "blosc":
        shuffles = {"noshuffle": 0, "shuffle": 1, "bitshuffle": 2}
        config["shuffle"] = shuffles.get(config.get("shuffle", "shuffle"), 1)
        config.pop("typesize", None)
    return get_codec({"id": name, **config})


def _chunk_keys(given: Option, zarr_format: ZarrFormat) -> dict[str, Option]:
    document = given.to_dict() if hasattr(given, "to_dict") else given
    if isinstance(document, str):
        document = {"name": document}
    configuration = dict(document.get("configuration") or {})
    if "separator" in document:
        configuration["separator"] = document["separator"]
    if not names_dimensions(zarr_format):
        return {"dimension_separator": configuration.get("separator", ".")}
    return {"chunk_key_encoding": {"name": document["name"], "configuration": configuration}}
