"""The withdrawn draft of Zarr v3, as zarr-python 2 wrote it: ``meta/root/`` and ``data/root/`` <-> descriptions.

A hierarchy takes a whole store. ``zarr.json`` at its root says which layout it has; the documents of the
nodes stand below ``meta/root/``, named by path and kind, and chunks below ``data/root/``. A group need
not have a document: it is there if something is below it. Filters, for which the draft had no place,
stand among the attributes of the array, and are not shown there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import repeat
from typing import Any

import numpy as np

from zarrcy.codecs import Compressor, Filter
from zarrcy.errors import ContainsGroupError, MetadataError
from zarrcy.indexing.chunk_shapes import MAX_NDIM
from zarrcy.metadata import v2
from zarrcy.metadata.array_metadata import ArrayMetadata, ChunkKeys, Names, NodeEntry
from zarrcy.metadata.array_spec import ArraySpec
from zarrcy.metadata.json_member import Member
from zarrcy.metadata.json_writer import dump_json
from zarrcy.metadata.node_lookup import find
from zarrcy.metadata.v2.dtypes import decode_dtype, decode_fill_value, encode_dtype, encode_fill_value
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.storage.json_reader import parse_json
from zarrcy.storage.listing import listdir
from zarrcy.types import JSON, AnyDtype, Key, Store

ZARR_FORMAT = "3-draft"
ENTRY_KEY = "zarr.json"
CONSOLIDATED_KEY = ".zmetadata"

_META, _DATA = "meta/root/", "data/root/"
_SUFFIXES = (".array.json", ".group.json")
_SPECIFICATION = "https://purl.org/zarr/spec/protocol/core/3."
_ENTRY: JSON = {
    "zarr_format": f"{_SPECIFICATION}0",
    "metadata_encoding": f"{_SPECIFICATION}0",
    "metadata_key_suffix": ".json",
    "extensions": [],
}
_LONGEST = 2**62 - 1
# Members that change; all others are written again as they were read.
_CHANGING = {"shape", "fill_value", "attributes"}
_FILTERS = "filters"
_CODEC = "https://purl.org/zarr/spec/codec/"
_CODECS = ("blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd")
_ONE_BYTE = {"|b1": "bool", "|i1": "i1", "|u1": "u1"}
_DTYPES = "https://zarr-specs.readthedocs.io/en/"
# What zarr-python 2 writes for the data types that the draft left to extensions.
_EXTENSION_OF = {
    "c": f"{_DTYPES}core-protocol-v3.0-dev/protocol/extensions/complex-dtypes/v1.0.html",
    "m": f"{_DTYPES}latest/extensions/data-types/datetime/v1.0.html",
    "M": f"{_DTYPES}latest/extensions/data-types/datetime/v1.0.html",
    "O": "TODO: object array protocol URL",
    "S": "TODO: bytestring array protocol URL",
    "U": "TODO: unicode array protocol URL",
    "V": "TODO: structured array protocol URL",
}


# -- places ----------------------------------------------------------------------------------------


def document_key(prefix: str, kind: str) -> Key:
    """Return the key of the document of an array or a group.

    >>> document_key("a/b/", "array"), document_key("", "group")
    ('meta/root/a/b.array.json', 'meta/root.group.json')
    """
    return f"{_META}{prefix}"[:-1] + f".{kind}.json"


def documents_at(prefix: str) -> list[Key]:
    """Return the keys of all documents that a node may have."""
    return [document_key(prefix, kind) for kind in ("array", "group")]


def attributes_key(store: Store, prefix: str) -> Key:
    """Return the key of the document that holds the attributes of a node: that of the node."""
    key = document_key(prefix, "array")
    return key if key in store else document_key(prefix, "group")


def storage_prefixes(path: str) -> tuple[list[str], list[Key]]:
    """Return the folders that hold a node and all below it, and the keys beside them.

    >>> storage_prefixes("a")
    (['meta/root/a', 'data/root/a'], ['meta/root/a.array.json', 'meta/root/a.group.json'])
    """
    if not path:
        # what is below the root is the store
        return [""], []
    return [_META + path, _DATA + path], documents_at(f"{path}/")


@lru_cache
def _chunk_keys(separator: str) -> ChunkKeys:
    return ChunkKeys(lead="c", separator=separator, scalar="c0", stated=True, root=_DATA)


# -- the store -------------------------------------------------------------------------------------


def exists(store: Store, prefix: str = "") -> bool:
    """Is a store laid out in this format? So are all its nodes then.

    Raises
    ------
    MetadataError : it is, and needs something that is not known here
    """
    document = access.get(store, ENTRY_KEY)
    if document is None:
        return False
    entry = Member(ENTRY_KEY, "", parse_json(document, ENTRY_KEY))
    written = entry.get("zarr_format")
    if written is None or not isinstance(written.value, str):
        return False
    if not written.value.startswith(_SPECIFICATION):
        written.fail(f"a draft of Zarr v3 has '{_SPECIFICATION}0', the final version has 3")
    entry.require("metadata_key_suffix").choice(".json")
    _refuse_extensions(entry)
    return True


def _refuse_extensions(members: Member) -> None:
    """Refuse extensions that must be understood."""
    extensions = members.get("extensions")
    for item in () if extensions is None else extensions.items():
        must = item.get("must_understand")
        if must is None or must.boolean():
            item.fail("extensions of the draft are not known here; open it with the library that wrote it")


def prepare(store: Store) -> None:
    """Say in the store what its layout is, before its first node.

    Raises
    ------
    ContainsGroupError : it is that of the final version already
    """
    if not access.set_if_absent(store, ENTRY_KEY, dump_json(_ENTRY)) and not exists(store):
        raise ContainsGroupError("")


def kinds_at(store: Store, prefixes: Sequence[str]) -> Iterator[str | None]:
    """Iterate over what stands at prefixes of keys: "array", "group" or None."""
    present = access.finder(store)
    found = _find(store, prefixes, lambda keys: [there or None for there in present(keys)])
    return (None if one is None else one[0] for one in found)


def load_at(
    store: Store, prefixes: Sequence[str], default_separator: str = "."
) -> Iterator[NodeEntry | None]:
    """Iterate over what stands at prefixes of keys: the kind, and for an array what parses its document.

    Raises
    ------
    MetadataError : the document of a group is malformed
    """
    for found in _find(store, prefixes, access.reader(store)):
        if found is None:
            yield None
            continue
        kind, key, document = found
        if kind == "array":
            yield NodeEntry(kind, parse_array, document, key)
        else:
            if document is not None:
                _attributes(Member(key, "", parse_json(document, key)))
            yield NodeEntry(kind)


def load_one(store: Store, prefix: str, default_separator: str = ".") -> NodeEntry | None:
    """Return what stands at a prefix of keys, as `load_at` does."""
    return next(load_at(store, [prefix]))


def _find(
    store: Store, prefixes: Sequence[str], ask: Callable[[list[str]], list[Any]]
) -> Iterator[tuple[str, Key, Any] | None]:
    if not prefixes or not exists(store):
        yield from repeat(None, len(prefixes))
        return
    stated = find(prefixes, document_key, ask, offers(store, "getitems"))
    for prefix, found in zip(prefixes, stated, strict=True):
        if found is None and any(name != CONSOLIDATED_KEY for name in listdir(store, _META + prefix)):
            # a group that is there because of what is below it
            yield "group", document_key(prefix, "group"), None
        else:
            yield found


def names_below(store: Store, prefix: str) -> list[str]:
    """Return the names directly below a node that may be those of nodes.

    >>> names_below({"meta/root/a.array.json": b"", "meta/root/b/c.array.json": b""}, "")
    ['a', 'b']
    """
    return sorted({_stem(name) for name in listdir(store, _META + prefix)})


def _stem(name: str) -> str:
    return next((name[: -len(suffix)] for suffix in _SUFFIXES if name.endswith(suffix)), name)


def load_array(store: Store, prefix: str, default_separator: str = ".") -> ArrayMetadata | None:
    """Load the description of the array at a prefix of keys; None if there is none."""
    key = document_key(prefix, "array")
    document = access.get(store, key) if exists(store) else None
    return None if document is None else parse_array(document, key)


# -- attributes ------------------------------------------------------------------------------------


def _load(store: Store, prefix: str) -> tuple[str, Member] | None:
    """Load the kind and the document of a node; None if it has none."""
    for kind in ("array", "group"):
        key = document_key(prefix, kind)
        document = access.get(store, key)
        if document is not None:
            return kind, Member(key, "", parse_json(document, key))
    return None


def _attributes(members: Member) -> dict[str, JSON]:
    attributes = members.get("attributes")
    return {} if attributes is None else attributes.object()


def load_attributes(store: Store, prefix: str) -> dict[str, JSON]:
    """Load the user attributes of the node at a prefix of keys: those that are no filters."""
    found = _load(store, prefix)
    if found is None:
        return {}
    attributes = dict(_attributes(found[1]))
    if found[0] == "array":
        attributes.pop(_FILTERS, None)
    return attributes


def save_attributes(store: Store, prefix: str, attributes: Mapping[str, JSON]) -> None:
    """Save the attributes of a node; the rest of its document stays as it is.

    Raises
    ------
    ValueError : an array has no attribute of the name under which its filters stand
    """
    found = _load(store, prefix)
    if found is None:
        if next(kinds_at(store, [prefix])) is None:
            raise MetadataError(document_key(prefix, "group"), "it is gone: somebody deleted the node")
        store[document_key(prefix, "group")] = dump_json({"attributes": dict(attributes)})
        return
    kind, members = found
    if kind == "array":
        kept = {name: value for name, value in _attributes(members).items() if name == _FILTERS}
        attributes = _with_filters(attributes, kept)
    store[members.key] = dump_json({**members.object(), "attributes": dict(attributes)})


def _with_filters(attributes: Mapping[str, JSON], filters: dict[str, JSON]) -> dict[str, JSON]:
    if _FILTERS in attributes:
        raise ValueError(
            f"an array in the draft of Zarr v3 can't have an attribute {_FILTERS!r}: its codecs stand there; "
            "choose another name, or give zarr_format=3"
        )
    return {**attributes, **filters}


# -- parsing ---------------------------------------------------------------------------------------


def parse_array(document: Any, key: Key, default_separator: str = ".") -> ArrayMetadata:
    """Parse the document of an array.

    Raises
    ------
    MetadataError : the document is malformed, or has extensions that must be understood and are not
    CodecNotAvailableError : it names a codec that is not installed
    """
    members = Member(key, "", parse_json(document, key))
    shape = members.require("shape").integers(0, _LONGEST)
    if len(shape) > MAX_NDIM:
        members.require("shape").fail(f"an array has at most {MAX_NDIM} axes")
    _refuse_extensions(members)
    transformers = members.get("storage_transformers")
    for item in () if transformers is None else transformers.items():
        item.fail("the shards of the draft are not known here; open the array with zarr-python 2")
    grid = members.require("chunk_grid")
    grid.require("type").choice("regular")
    lengths = grid.require("chunk_shape")
    chunk_shape = lengths.integers(0, _LONGEST)
    if len(chunk_shape) != len(shape):
        lengths.fail(f"it must have a length for each axis of the shape {list(shape)}")
    order = members.require("chunk_memory_layout").choice("C", "F")
    filters = _attributes(members).get(_FILTERS) or []
    if not isinstance(filters, list):
        members.require("attributes").require(_FILTERS).fail("it must be a list of codecs")
    chain = [v2.codec_of(config, key) for config in filters]
    try:
        dtype = _parse_dtype(members.require("data_type"))
        object_codec = chain[0].codec_id if chain else ""
        fill_value = decode_fill_value(members.require("fill_value").value, dtype, object_codec)
    except (ValueError, TypeError, OverflowError) as exc:
        raise MetadataError(key, str(exc)) from exc
    return ArrayMetadata(
        shape=shape,
        # an axis without elements may have been given chunks without elements
        chunk_shape=tuple(n or 1 for n in chunk_shape),
        dtype=dtype,
        fill_value=fill_value,
        stages=v2.stages_of(order, chain, _parse_compressor(members.get("compressor")), len(shape)),
        chunk_keys=_chunk_keys(grid.require("separator").choice("/", ".")),
        extra_fields={name: value for name, value in members.object().items() if name not in _CHANGING},
    )


def _parse_dtype(member: Member) -> AnyDtype:
    spelled = member.require("type").value if isinstance(member.value, dict) else member.value
    if spelled in _ONE_BYTE.values():
        return np.dtype(spelled)
    match spelled:
        case [["", str() as only]] if only.startswith("|V"):
            # how zarr-python 2 spells bytes without fields
            return decode_dtype(only)
    return decode_dtype(spelled)


def _parse_compressor(member: Member | None) -> Any:
    if member is None or member.value is None:
        return None
    codec = member.require("codec")
    name = codec.string().removeprefix(_CODEC).partition("/")[0]
    if name not in _CODECS:
        codec.fail(f"known are {', '.join(f'{_CODEC}{name}/1.0' for name in _CODECS)}")
    return v2.codec_of({**member.require("configuration").object(), "id": name}, member.key)


# -- saving ----------------------------------------------------------------------------------------


def array_documents(
    prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> dict[Key, bytes]:
    """Return the documents that describe an array, by their keys."""
    chain = [v2.config_of(stage.codec) for stage in description.stages if isinstance(stage, Filter)]
    members = {
        **description.extra_fields,
        "attributes": _with_filters(attributes or {}, {_FILTERS: chain} if chain else {}),
        "fill_value": encode_fill_value(description.fill_value, description.dtype),
        "shape": list(description.shape),
    }
    return {document_key(prefix, "array"): dump_json(members)}


def save_array(
    store: Store, prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> None:
    """Save the document of an array; without `attributes`, it keeps those that it has at that moment."""
    if attributes is None:
        attributes = load_attributes(store, prefix)
    for key, document in array_documents(prefix, description, attributes).items():
        store[key] = document


def group_documents(prefix: str, attributes: Mapping[str, JSON] | None = None) -> dict[Key, bytes]:
    """Return the documents of a new group, by their keys."""
    return {document_key(prefix, "group"): dump_json({"attributes": dict(attributes or {})})}


# -- consolidated metadata -------------------------------------------------------------------------


def consolidate(store: Store, path: str, metadata_key: str = CONSOLIDATED_KEY) -> None:
    """Write all documents of a store into one; `path` says nothing here."""
    store[_consolidated_key(metadata_key)] = v2.consolidated_document(_documents(store))


def open_consolidated(store: Store, path: str, metadata_key: str = CONSOLIDATED_KEY) -> Store | None:
    """Return a store of the documents that one key holds; None if there is no such key.

    Raises
    ------
    MetadataError : what is there are no consolidated metadata, or of another version
    """
    key = _consolidated_key(metadata_key)
    document = access.get(store, key)
    return None if document is None else ConsolidatedMetadataStore({key: document}, key)


def _consolidated_key(metadata_key: str) -> Key:
    return metadata_key if metadata_key.startswith(_META) else f"{_META}consolidated/{metadata_key}"


def consolidated_among(store: Store, prefixes: Sequence[str]) -> list[str]:
    """Return the prefixes at which a change below has to be told: none, as in format 2."""
    return []


def drop_consolidated(store: Store, prefix: str) -> None:
    """Do nothing: see `consolidated_among`."""


def _documents(store: Store) -> Iterator[tuple[Key, Any]]:
    """Iterate over all documents of a store and their keys."""
    fetch = access.reader(store)
    keys, folders = [ENTRY_KEY], ["meta"]
    while folders:
        folder = folders.pop()
        names = listdir(store, folder)
        keys += [f"{folder}/{name}" for name in names if name.endswith(_SUFFIXES)]
        folders += [f"{folder}/{name}" for name in names if not name.endswith(_SUFFIXES)]
    return ((k, value) for k, value in zip(keys, fetch(keys), strict=True) if value is not None)


# -- creating --------------------------------------------------------------------------------------


def describe_array(request: ArraySpec) -> ArrayMetadata:
    """Describe a new array, after the words of `zarrcy.create`.

    Raises
    ------
    ValueError : a word that the draft can't write down
    """
    words = ("codecs", "chunk_key_encoding", "dimension_names", "shards")
    request.refuse(*words, version=ZARR_FORMAT, remedy="give zarr_format=3")
    return _in_the_draft(v2.describe_array(request), request.dimension_separator or "/")


def translate(description: ArrayMetadata) -> ArrayMetadata:
    """Describe an array of another format in the words of this one, so that its stored chunks stay as they are.

    Raises
    ------
    ValueError : they can't
    """
    return _in_the_draft(v2.translate(description), description.chunk_keys.separator)


def _in_the_draft(described: ArrayMetadata, separator: str) -> ArrayMetadata:
    """Describe an array of format 2, which has the same codecs, in the words of the draft."""
    chunk_keys = _chunk_keys(separator)
    kept = {
        "chunk_grid": {
            "chunk_shape": list(described.chunk_shape),
            "separator": chunk_keys.separator,
            "type": "regular",
        },
        "chunk_memory_layout": described.order,
        "data_type": _dtype_to_json(described.dtype),
        "extensions": [],
    }
    for stage in described.stages:
        if isinstance(stage, Compressor):
            kept["compressor"] = _compressor_to_json(stage.codec)
    return replace(described, chunk_keys=chunk_keys, extra_fields=kept)


def _dtype_to_json(dtype: AnyDtype) -> JSON:
    if dtype.str in _ONE_BYTE:
        return _ONE_BYTE[dtype.str]
    if dtype.kind in "iuf" and dtype.itemsize <= 8:
        return dtype.str
    of_one_unit = dtype.kind not in "mM" or np.datetime_data(dtype)[1] == 1
    if dtype.kind not in _EXTENSION_OF or (dtype.itemsize > 16 and dtype.kind == "c") or not of_one_unit:
        raise ValueError(f"the draft of Zarr v3 has no data type {dtype.str!r}; give zarr_format=2")
    return {"extension": _EXTENSION_OF[dtype.kind], "fallback": None, "type": encode_dtype(dtype)}


def _compressor_to_json(codec: Any) -> JSON:
    config = v2.config_of(codec)
    name = config.pop("id")
    if name not in _CODECS:
        raise ValueError(
            f"the draft of Zarr v3 has no compressor {name!r}, only {', '.join(_CODECS)}; give it as the last of "
            "the filters, with compressor=None"
        )
    return {"codec": f"{_CODEC}{name}/1.0", "configuration": config}


def create_kwargs_like(description: ArrayMetadata, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the words that make an array like another, beyond those that all formats have: none."""
    return {}


def place_names(names: Names, attributes: Mapping[str, JSON], ndim: int) -> tuple[Names, dict[str, JSON]]:
    """Return the names of dimensions that the document has a place for, none, and the attributes with them."""
    return v2.place_names(names, attributes, ndim)


def normalize_fill_value(description: ArrayMetadata, value: Any) -> Any:
    """Return a fill value that a user gave for an array that exists."""
    return v2.normalize_fill_value(description, value)


def codecs_of(description: ArrayMetadata) -> list[JSON]:
    """Return the configurations of the codecs, in the order of encoding."""
    return v2.codecs_of(description)
