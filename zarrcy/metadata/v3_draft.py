"""The withdrawn draft of Zarr v3, as zarr-python 2 wrote it.

A hierarchy takes a whole store. ``zarr.json`` at its root states the layout. The documents of nodes are below
``meta/root/``, named by path and kind; chunks are below ``data/root/``. A group without a document exists if a node
is below it. The draft does not have filters: zarr-python 2 stored them as an attribute of the array, which is hidden
from users here.

The module implements `zarrcy.metadata.format.Format`.
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
from zarrcy.keys import without_own_names
from zarrcy.metadata import v2
from zarrcy.metadata.array_metadata import ArrayMetadata, ChunkKeys, NodeEntry
from zarrcy.metadata.array_spec import ArraySpec
from zarrcy.metadata.json_member import Member
from zarrcy.metadata.json_writer import UNSORTED_STYLE, V2_STYLE, dump_json, sorts_names
from zarrcy.metadata.node_lookup import Answer, find
from zarrcy.metadata.v2.documents import checked_filters, codec_of, config_of, stages_of
from zarrcy.metadata.v2.dtypes import decode_dtype, decode_fill_value, encode_dtype, encode_fill_value
from zarrcy.storage import access
from zarrcy.storage.base import offers
from zarrcy.storage.consolidated import ConsolidatedMetadataStore
from zarrcy.storage.json_reader import parse_json
from zarrcy.storage.listing import listdir
from zarrcy.types import JSON, AnyDtype, Buffer, Codec, Elements, Key, Store

ZARR_FORMAT = "3-draft"
ENTRY_KEY = "zarr.json"
CONSOLIDATED_KEY = ".zmetadata"

_META, _DATA = "meta/root/", "data/root/"
_SUFFIXES = (".array.json", ".group.json")
_SPECIFICATION = "https://purl.org/zarr/spec/protocol/core/3."
ENTRY: JSON = {
    "zarr_format": f"{_SPECIFICATION}0",
    "metadata_encoding": f"{_SPECIFICATION}0",
    "metadata_key_suffix": ".json",
    "extensions": [],
}
_LONGEST = 2**62 - 1
# Members that can change; all others are written again as they were read.
_MUTABLE = {"shape", "fill_value", "attributes"}
_FILTERS = "filters"
_CODEC = "https://purl.org/zarr/spec/codec/"
_CODECS = ("blosc", "bz2", "gzip", "lz4", "lzma", "zlib", "zstd")
_ONE_BYTE = {"|b1": "bool", "|i1": "i1", "|u1": "u1"}
_DTYPES = "https://zarr-specs.readthedocs.io/en/"
# The extensions that zarr-python 2 writes for data types outside of the draft itself.
_EXTENSION_OF = {
    "c": f"{_DTYPES}core-protocol-v3.0-dev/protocol/extensions/complex-dtypes/v1.0.html",
    "m": f"{_DTYPES}latest/extensions/data-types/datetime/v1.0.html",
    "M": f"{_DTYPES}latest/extensions/data-types/datetime/v1.0.html",
    "O": "TODO: object array protocol URL",
    "S": "TODO: bytestring array protocol URL",
    "U": "TODO: unicode array protocol URL",
    "V": "TODO: structured array protocol URL",
}


# -- keys ------------------------------------------------------------------------------------------


def document_key(prefix: str, kind: str) -> Key:
    """Return the key of the document of an array or a group.

    >>> document_key("a/b/", "array"), document_key("", "group")
    ('meta/root/a/b.array.json', 'meta/root.group.json')
    """
    return f"{_META}{prefix}"[:-1] + f".{kind}.json"


def documents_at(prefix: str) -> list[Key]:
    """Return the keys of all documents that a node may have."""
    return [document_key(prefix, kind) for kind in ("array", "group")]


def prefix_of_document(key: Key) -> str | None:
    """Return the prefix of the node whose document has a key; None if it is not the key of a document.

    >>> prefix_of_document("meta/root/a/b.array.json"), prefix_of_document("meta/root.group.json")
    ('a/b/', '')
    """
    for suffix in _SUFFIXES:
        path = key.removesuffix(suffix) + "/"
        if key.endswith(suffix) and path.startswith(_META):
            return path[len(_META) :]
    return None


def attributes_key(store: Store, prefix: str) -> Key:
    """Return the key of the document that holds the attributes of a node: the document of the node."""
    key = document_key(prefix, "array")
    return key if key in store else document_key(prefix, "group")


def storage_prefixes(path: str) -> tuple[list[str], list[Key]]:
    """Return the folders of a node and all nodes below it, and the keys outside of them.

    >>> storage_prefixes("a")
    (['meta/root/a', 'data/root/a'], ['meta/root/a.array.json', 'meta/root/a.group.json'])
    """
    if not path:
        # all keys of the store belong to the root
        return [""], []
    return [_META + path, _DATA + path], documents_at(f"{path}/")


@lru_cache
def _chunk_keys(separator: str) -> ChunkKeys:
    return ChunkKeys(lead="c", separator=separator, scalar="c0", stated=True, root=_DATA)


# -- the store -------------------------------------------------------------------------------------


def exists(store: Store, prefix: str = "") -> bool:
    """Return whether a store, and so all its nodes, have this format.

    Raises
    ------
    MetadataError
        If it has, and uses an extension that is not supported.
    """
    document = access.document(store, ENTRY_KEY)
    if document is None:
        # a store of the class that holds nothing else, before its first node
        return access.store_version(store) == 3
    entry = Member(ENTRY_KEY, "", parse_json(document, ENTRY_KEY))
    written = entry.get("zarr_format")
    if written is None or not isinstance(written.value, str):
        return False
    if not written.value.startswith(_SPECIFICATION):
        written.fail(f"it must be '{_SPECIFICATION}0' for the draft of Zarr v3, or 3 for the final version")
    entry.require("metadata_key_suffix").choice(".json")
    _refuse_extensions(entry)
    return True


def _refuse_extensions(members: Member) -> None:
    """Raise an error for extensions that must be understood."""
    extensions = members.get("extensions")
    for item in () if extensions is None else extensions.items():
        must_understand = item.get("must_understand")
        if must_understand is None or must_understand.boolean():
            item.fail("extensions of the draft are not supported; open it with the library that wrote it")


def prepare(store: Store) -> None:
    """Write the document that states the layout of the store, before its first node.

    Raises
    ------
    ContainsGroupError
        If the store already has the layout of the final version.
    """
    if not access.set_if_absent(store, ENTRY_KEY, dump_json(ENTRY)) and not exists(store):
        raise ContainsGroupError("")


def kinds_at(store: Store, prefixes: Sequence[str]) -> Iterator[str | None]:
    """Iterate over the kinds of nodes: "array", "group", or None if there is no node."""
    present = access.finder(store)
    nodes = _find(store, prefixes, lambda keys: [is_present or None for is_present in present(keys)])
    return (None if node is None else node[0] for node in nodes)


def load_at(
    store: Store, prefixes: Sequence[str], default_separator: str = "."
) -> Iterator[NodeEntry | None]:
    """Load nodes; None for each prefix without a node.

    Raises
    ------
    MetadataError
        If the document of a group is malformed.
    """
    for node in _find(store, prefixes, access.documents(store)):
        if node is None:
            yield None
            continue
        kind, key, document = node
        if kind == "array":
            yield NodeEntry(kind, parse_array, document, key)
        else:
            if document is not None:
                _attributes(Member(key, "", parse_json(document, key)))
            yield NodeEntry(kind)


def load_one(store: Store, prefix: str, default_separator: str = ".") -> NodeEntry | None:
    """Load a node, as `load_at` does; None if there is no node."""
    return next(load_at(store, [prefix]))


def _find(
    store: Store, prefixes: Sequence[str], ask: Callable[[list[str]], list[Answer | None]]
) -> Iterator[tuple[str, Key, Answer | None] | None]:
    """Iterate over nodes as `node_lookup.find` does; the answer is None for a group without a document."""
    if not prefixes or not exists(store):
        yield from repeat(None, len(prefixes))
        return
    documented = find(prefixes, document_key, ask, offers(store, "getitems"))
    for prefix, node in zip(prefixes, documented, strict=True):
        if node is None and any(name != CONSOLIDATED_KEY for name in listdir(store, _META + prefix)):
            # a group without a document, but with nodes below it
            yield "group", document_key(prefix, "group"), None
        else:
            yield node


def names_below(store: Store, prefix: str) -> list[str]:
    """Return the names directly below a node that may be those of nodes.

    >>> names_below({"meta/root/a.array.json": b"", "meta/root/b/c.array.json": b""}, "")
    ['a', 'b']
    """
    names = {_stem(name) for name in listdir(store, _META + prefix)}
    return sorted(without_own_names(names))


def _stem(name: str) -> str:
    return next((name[: -len(suffix)] for suffix in _SUFFIXES if name.endswith(suffix)), name)


def load_array(store: Store, prefix: str, default_separator: str = ".") -> ArrayMetadata | None:
    """Load the metadata of an array; None if there is no array."""
    key = document_key(prefix, "array")
    document = access.document(store, key) if exists(store) else None
    return None if document is None else parse_array(document, key)


# -- attributes ------------------------------------------------------------------------------------


def _load(store: Store, prefix: str) -> tuple[str, Member] | None:
    """Load the kind and the document of a node; None if it does not have one."""
    for kind in ("array", "group"):
        key = document_key(prefix, kind)
        document = access.document(store, key)
        if document is not None:
            return kind, Member(key, "", parse_json(document, key))
    return None


def _attributes(members: Member) -> dict[str, JSON]:
    attributes = members.get("attributes")
    return {} if attributes is None else attributes.object()


def load_attributes(store: Store, prefix: str) -> dict[str, JSON]:
    """Load the attributes of a node, except the one that holds filters."""
    node = _load(store, prefix)
    if node is None:
        return {}
    kind, members = node
    attributes = dict(_attributes(members))
    if kind == "array":
        attributes.pop(_FILTERS, None)
    return attributes


def save_attributes(
    store: Store, prefix: str, attributes: Mapping[str, JSON], before: Mapping[str, JSON] | None = None
) -> None:
    """Save the attributes of a node; the rest of its document does not change.

    Raises
    ------
    ValueError
        If an attribute of an array has the name of the one that holds filters.
    MetadataError
        If the node no longer exists.
    """
    node = _load(store, prefix)
    if node is None:
        if next(kinds_at(store, [prefix])) is None:
            raise MetadataError(
                document_key(prefix, "group"), "it no longer exists: another process deleted the node"
            )
        key = document_key(prefix, "group")
        store[key] = dump_json({"attributes": dict(attributes)}, key)
        return
    kind, members = node
    if kind == "array":
        filters = {name: value for name, value in _attributes(members).items() if name == _FILTERS}
        attributes = _with_filters(attributes, filters)
    members_now = {**members.object(), "attributes": dict(attributes)}
    style = V2_STYLE if sorts_names(members.object()) else UNSORTED_STYLE
    store[members.key] = dump_json(members_now, members.key, style)


def _with_filters(attributes: Mapping[str, JSON], filters: dict[str, JSON]) -> dict[str, JSON]:
    if _FILTERS in attributes:
        raise ValueError(
            f"an array in the draft of Zarr v3 cannot have an attribute {_FILTERS!r}, because it holds the filters; "
            "choose another name, or give zarr_format=3"
        )
    return {**attributes, **filters}


# -- parsing ---------------------------------------------------------------------------------------


def parse_array(document: Buffer, key: Key, default_separator: str = ".") -> ArrayMetadata:
    """Parse the document of an array.

    Raises
    ------
    MetadataError
        If the document is malformed, or has unknown extensions that must be understood.
    CodecNotAvailableError
        If it names a codec that is not installed.
    """
    members = Member(key, "", parse_json(document, key))
    shape = members.require("shape").integers(0, _LONGEST)
    if len(shape) > MAX_NDIM:
        members.require("shape").fail(f"an array has at most {MAX_NDIM} axes")
    _refuse_extensions(members)
    transformers = members.get("storage_transformers")
    if transformers is not None and transformers.value:
        from zarrcy.metadata.v3_draft_transformers import transformers_of  # few arrays have any

        transformers_of(members)
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
    try:
        dtype = parse_dtype(members.require("data_type"))
    except (ValueError, TypeError, OverflowError) as exc:
        raise MetadataError(key, str(exc)) from exc
    filters, itemsize = checked_filters(filters, dtype, key)
    codecs = [codec_of(config, key) for config in filters]
    try:
        object_codec = codecs[0].codec_id if codecs else ""
        fill_value = decode_fill_value(members.require("fill_value").value, dtype, object_codec)
    except (ValueError, TypeError, OverflowError) as exc:
        raise MetadataError(key, str(exc)) from exc
    return ArrayMetadata(
        shape=shape,
        # chunks may have length 0 along an axis without elements
        chunk_shape=tuple(n or 1 for n in chunk_shape),
        dtype=dtype,
        fill_value=fill_value,
        stages=stages_of(order, codecs, parse_compressor(members.get("compressor"), itemsize), len(shape)),
        chunk_keys=_chunk_keys(grid.require("separator").choice("/", ".")),
        extra_fields={name: value for name, value in members.object().items() if name not in _MUTABLE},
    )


def parse_dtype(member: Member) -> AnyDtype:
    """Return the data type that a member ``data_type`` spells."""
    value = member.require("type").value if isinstance(member.value, dict) else member.value
    if value in _ONE_BYTE.values():
        return np.dtype(value)
    match value:
        case [["", str() as typestring]] if typestring.startswith("|V"):
            # raw bytes, as zarr-python 2 writes them
            return decode_dtype(typestring)
    return decode_dtype(value)


def parse_compressor(member: Member | None, itemsize: int) -> Codec | None:
    """Return the codec of a member ``compressor``; None if there is none."""
    if member is None or member.value is None:
        return None
    codec = member.require("codec")
    name = codec.string().removeprefix(_CODEC).partition("/")[0]
    if name not in _CODECS:
        codec.fail(f"it must be one of {', '.join(f'{_CODEC}{name}/1.0' for name in _CODECS)}")
    from zarrcy.metadata.codec_parameters import numcodecs_config  # arrays in v2 do not need it

    config = numcodecs_config(member.require("configuration"), itemsize, name)
    return codec_of({**config, "id": name}, member.key)


# -- saving ----------------------------------------------------------------------------------------


def as_stored(array: ArrayMetadata, document: bytes, key: Key, default_separator: str = ".") -> ArrayMetadata:
    """Return the metadata of a new array as a reader parses them from its document."""
    return parse_array(document, key, default_separator)


def array_documents(
    prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> dict[Key, bytes]:
    """Return the documents of an array by their keys."""
    key = document_key(prefix, "array")
    return {key: dump_json(_members_of(description, attributes or {}), key)}


def _members_of(description: ArrayMetadata, attributes: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return the members of the document of an array."""
    filters = [config_of(stage.codec) for stage in description.stages if isinstance(stage, Filter)]
    return {
        **description.extra_fields,
        "attributes": _with_filters(attributes, {_FILTERS: filters} if filters else {}),
        "fill_value": encode_fill_value(description.fill_value, description.dtype),
        "shape": list(description.shape),
    }


def save_array(
    store: Store, prefix: str, description: ArrayMetadata, attributes: Mapping[str, JSON] | None = None
) -> None:
    """Save the document of an array. Without `attributes`, it keeps those that it has at this moment."""
    stored = _load(store, prefix)
    members = _members_of(description, attributes or {})
    if stored is not None:
        if attributes is None and "attributes" in stored[1].object():
            # it also holds the filters
            members["attributes"] = stored[1].object()["attributes"]
        # the members keep their order
        members = {**stored[1].object(), **members}
    key = document_key(prefix, "array")
    store[key] = dump_json(members, key, V2_STYLE if stored is None else UNSORTED_STYLE)


def group_documents(prefix: str, attributes: Mapping[str, JSON] | None = None) -> dict[Key, bytes]:
    """Return the documents of a new group by their keys."""
    key = document_key(prefix, "group")
    return {key: dump_json({"attributes": dict(attributes or {})}, key)}


def parent_documents(prefix: str) -> dict[Key, bytes]:
    """Return the documents of a group above a new node.

    The root needs none: it is a group as soon as there is a node below it, and zarr-python 2 does not write one either.
    """
    return group_documents(prefix) if prefix else {}


# -- consolidated metadata -------------------------------------------------------------------------


def consolidate(store: Store, path: str, metadata_key: str = CONSOLIDATED_KEY) -> dict[Key, bytes]:
    """Write all documents of a store into one. `path` is not used in this format."""
    from zarrcy.metadata.v2.consolidated import consolidated_document  # reading does not need it

    key = _consolidated_key(metadata_key)
    document = store[key] = consolidated_document(_documents(store))
    return {key: document}


def open_consolidated(
    store: Store, path: str, metadata_key: str = CONSOLIDATED_KEY, source: Store | None = None
) -> Store | None:
    """Return a store of the consolidated documents at a key; None if there is no such key.

    Raises
    ------
    MetadataError
        If the value is not consolidated metadata of a known version.
    """
    key = _consolidated_key(metadata_key)
    document = access.document(store, key)
    source = store if source is None else source
    if document is None:
        return None
    if access.store_version(source) == 3:
        # other programs do not need this import
        from zarrcy.storage.draft_stores import ConsolidatedMetadataStoreV3

        return ConsolidatedMetadataStoreV3({key: document}, key, source=source)
    return ConsolidatedMetadataStore({key: document}, key, source=source)


def held_copies(store: Store, prefix: str) -> tuple[Key, Mapping[Key, JSON]] | None:
    """Return the key of the consolidated document, and the copies in it; None if there is none, or below the root."""
    key = _consolidated_key(CONSOLIDATED_KEY)
    document = None if prefix else access.document(store, key)
    return None if document is None else (key, ConsolidatedMetadataStore({key: document}, key))


def _consolidated_key(metadata_key: str) -> Key:
    return metadata_key if metadata_key.startswith(_META) else f"{_META}consolidated/{metadata_key}"


def consolidated_among(store: Store, prefixes: Sequence[str]) -> list[str]:
    """Return the prefixes whose consolidated metadata become stale; as in v2, there are none."""
    return []


def drop_consolidated(store: Store, prefix: str) -> None:
    """Do nothing: see `consolidated_among`."""


def _documents(store: Store) -> Iterator[tuple[Key, Buffer]]:
    """Iterate over all documents of a store and their keys."""
    fetch = access.documents(store)
    keys, folders = [ENTRY_KEY], ["meta"]
    while folders:
        folder = folders.pop()
        names = listdir(store, folder)
        keys += [f"{folder}/{name}" for name in names if name.endswith(_SUFFIXES)]
        folders += [f"{folder}/{name}" for name in names if not name.endswith(_SUFFIXES)]
    return ((k, value) for k, value in zip(keys, fetch(keys), strict=True) if value is not None)


# -- creating --------------------------------------------------------------------------------------


def describe_array(request: ArraySpec) -> ArrayMetadata:
    """Return the metadata of a new array.

    Raises
    ------
    ValueError
        If the draft cannot describe the array.
    """
    names = ("codecs", "chunk_key_encoding", "dimension_names", "shards")
    request.refuse(*names, version=ZARR_FORMAT, remedy="give zarr_format=3")
    return _from_v2(v2.describe_array(request), request.dimension_separator or "/")


def translate(description: ArrayMetadata) -> ArrayMetadata:
    """Return the metadata in the draft of an array of another format with the same stored chunks.

    Raises
    ------
    ValueError
        If the stored chunks would have to change.
    """
    return _from_v2(v2.translate(description), description.chunk_keys.separator)


def _from_v2(array: ArrayMetadata, separator: str) -> ArrayMetadata:
    """Return the metadata in the draft of an array in v2, which has the same codecs."""
    chunk_keys = _chunk_keys(separator)
    members = {
        "chunk_grid": {
            "chunk_shape": list(array.chunk_shape),
            "separator": chunk_keys.separator,
            "type": "regular",
        },
        "chunk_memory_layout": array.order,
        "data_type": dtype_to_json(array.dtype),
        "extensions": [],
    }
    for stage in array.stages:
        if isinstance(stage, Compressor):
            members["compressor"] = compressor_to_json(stage.codec)
    return replace(array, chunk_keys=chunk_keys, extra_fields=members)


def dtype_to_json(dtype: AnyDtype) -> JSON:
    """Return how a document spells a data type."""
    if dtype.str in _ONE_BYTE:
        return _ONE_BYTE[dtype.str]
    if dtype.kind in "iuf" and dtype.itemsize <= 8:
        return dtype.str
    has_plain_unit = dtype.kind not in "mM" or np.datetime_data(dtype)[1] == 1
    if dtype.kind not in _EXTENSION_OF or (dtype.itemsize > 16 and dtype.kind == "c") or not has_plain_unit:
        raise ValueError(
            f"the draft of Zarr v3 does not have the data type {dtype.str!r}; give zarr_format=2"
        )
    return {"extension": _EXTENSION_OF[dtype.kind], "fallback": None, "type": encode_dtype(dtype)}


def compressor_to_json(codec: Codec) -> JSON:
    """Return how a document spells a compressor."""
    config = config_of(codec)
    name = config.pop("id")
    if name not in _CODECS:
        raise ValueError(
            f"the draft of Zarr v3 does not have the compressor {name!r}, only {', '.join(_CODECS)}; give it as the "
            "last of the filters, with compressor=None"
        )
    return {"codec": f"{_CODEC}{name}/1.0", "configuration": config}


def create_kwargs_like(description: ArrayMetadata, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return the format-specific arguments of `zarrcy.create` for an array like another; the draft has none."""
    return {}


def apply_conventions(
    description: ArrayMetadata, attributes: Mapping[str, JSON]
) -> tuple[ArrayMetadata, dict[str, JSON]]:
    """Return the metadata and attributes of an array of another format, as xarray spells them in this one."""
    return v2.apply_conventions(description, attributes)


def normalize_fill_value(description: ArrayMetadata, value: Elements) -> Elements:
    """Return a user's fill value as a scalar of the array's data type."""
    return v2.normalize_fill_value(description, value)


def codecs_of(description: ArrayMetadata) -> list[JSON]:
    """Return the configurations of the codecs, in the order of encoding."""
    return v2.codecs_of(description)
