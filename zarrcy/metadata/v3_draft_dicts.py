"""The documents of the draft of v3 as dictionaries, for programs that use the class ``Metadata3`` of zarr-python 2.

zarrcy itself reads and writes these documents with `zarrcy.metadata.v3_draft`.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from zarrcy.codecs import Compressor, Filter
from zarrcy.errors import MetadataError
from zarrcy.metadata.json_member import Member
from zarrcy.metadata.json_writer import dump_json
from zarrcy.metadata.v2.documents import config_of
from zarrcy.metadata.v2.dtypes import decode_fill_value, encode_fill_value
from zarrcy.metadata.v3_draft import (
    ENTRY,
    ENTRY_KEY,
    compressor_to_json,
    dtype_to_json,
    parse_array,
    parse_compressor,
    parse_dtype,
)
from zarrcy.storage.json_reader import parse_json
from zarrcy.types import JSON, AnyDtype, Buffer, Codec, Elements, Store

_ENTRY_MEMBERS = frozenset(ENTRY)


class Metadata3:
    """Encodes and decodes the documents of the draft of v3.

    A document is a dictionary with the members of the draft. Data types are those of NumPy, and codecs and storage
    transformers are objects. Members that do not exist are left out.
    """

    ZARR_FORMAT = 3

    @classmethod
    def encode_array_metadata(cls, meta: Mapping[str, Elements]) -> bytes:
        """Return the document of an array.

        Parameters
        ----------
        meta : mapping
            Its members. The axes of a sub-array type become axes of the array.

        Returns
        -------
        bytes
            The document.

        Raises
        ------
        ValueError
            If the draft does not have the data type or the compressor.
        """
        dtype: AnyDtype = np.dtype(meta["data_type"])
        attributes = dict(meta.get("attributes") or {})
        if meta.get("filters"):
            attributes["filters"] = [config_of(codec) for codec in meta["filters"]]
        members = {
            "shape": [*meta["shape"], *dtype.shape],
            "chunk_grid": {**meta["chunk_grid"], "chunk_shape": list(meta["chunk_grid"]["chunk_shape"])},
            "data_type": dtype_to_json(dtype.base),
            "fill_value": encode_fill_value(meta["fill_value"], dtype.base),
            "chunk_memory_layout": meta["chunk_memory_layout"],
            "extensions": meta.get("extensions", []),
            "attributes": attributes,
        }
        if meta.get("compressor") is not None:
            members["compressor"] = compressor_to_json(meta["compressor"])
        if meta.get("storage_transformers"):
            from zarrcy.metadata.v3_draft_transformers import (
                config_of as transformer_json,
            )  # few documents need it

            members["storage_transformers"] = [transformer_json(one) for one in meta["storage_transformers"]]
        return dump_json(members)

    @classmethod
    def decode_array_metadata(cls, document: Buffer | str | Mapping[str, JSON]) -> dict[str, Elements]:
        """Return the members of the document of an array.

        Parameters
        ----------
        document : bytes, str or mapping
            The document.

        Returns
        -------
        dict
            Its members; "compressor" and "storage_transformers" only if it has them.

        Raises
        ------
        MetadataError
            If the document is malformed.
        """
        members = _members(document)
        grid = members.require("chunk_grid").object()
        shape = members.require("shape").integers(0)
        lengths = members.require("chunk_grid").require("chunk_shape").integers(0)
        # the axes of a sub-array type are axes of the array, but have no chunk length here
        padded = {**grid, "chunk_shape": [*lengths, *shape[len(lengths) :]]}
        # every member is checked
        array = parse_array(dump_json({**members.object(), "chunk_grid": padded}), members.key)
        object_codec = next((stage.codec.codec_id for stage in array.stages if isinstance(stage, Filter)), "")
        compressor = next((stage.codec for stage in array.stages if isinstance(stage, Compressor)), None)
        meta: dict[str, Elements] = {
            **members.object(),
            "shape": array.shape,
            "chunk_grid": {**grid, "chunk_shape": lengths},
            "data_type": array.dtype,
            "fill_value": decode_fill_value(members.require("fill_value").value, array.dtype, object_codec),
            "attributes": members.object().get("attributes", {}),
        }
        meta.pop("compressor", None)
        if compressor is not None:
            meta["compressor"] = compressor
        if meta.get("storage_transformers"):
            from zarrcy.metadata.v3_draft_transformers import transformers_of  # few documents need it

            meta["storage_transformers"] = transformers_of(members)
        return meta

    @classmethod
    def encode_group_metadata(cls, meta: Mapping[str, JSON] | None = None) -> bytes:
        """Return the document of a group.

        Parameters
        ----------
        meta : mapping, optional
            Its members: "attributes".

        Returns
        -------
        bytes
            The document.
        """
        return dump_json({"attributes": dict((meta or {}).get("attributes", {}))})

    @classmethod
    def decode_group_metadata(cls, document: Buffer | str | Mapping[str, JSON]) -> dict[str, JSON]:
        """Return the members of the document of a group.

        Parameters
        ----------
        document : bytes, str or mapping
            The document.

        Returns
        -------
        dict
            Its members.
        """
        return dict(_members(document).object())

    @classmethod
    def encode_hierarchy_metadata(cls, meta: Mapping[str, JSON]) -> bytes:
        """Return the document that states the layout of a store.

        Parameters
        ----------
        meta : mapping
            Its members.

        Returns
        -------
        bytes
            The document.

        Raises
        ------
        MetadataError
            If a member is missing, or is not known.
        """
        return dump_json(_entry(meta))

    @classmethod
    def decode_hierarchy_metadata(cls, document: Buffer | str | Mapping[str, JSON]) -> dict[str, JSON]:
        """Return the members of the document that states the layout of a store.

        Parameters
        ----------
        document : bytes, str or mapping
            The document.

        Returns
        -------
        dict
            Its members.

        Raises
        ------
        MetadataError
            If a member is missing, or is not known.
        """
        return _entry(_members(document, ENTRY_KEY).object())

    @classmethod
    def encode_dtype(cls, dtype: AnyDtype) -> JSON:
        """Return how the draft spells a data type.

        Parameters
        ----------
        dtype : dtype
            The data type.

        Returns
        -------
        str or dict
            The member ``data_type``.
        """
        return dtype_to_json(np.dtype(dtype))

    @classmethod
    def decode_dtype(cls, value: JSON) -> AnyDtype:
        """Return the data type that the draft spells so.

        Parameters
        ----------
        value : str or dict
            The member ``data_type``.

        Returns
        -------
        dtype
            The data type.

        Raises
        ------
        KeyError
            If an object does not have the member "type".
        """
        if isinstance(value, dict) and "type" not in value:
            raise KeyError("type")
        return parse_dtype(Member("", "data_type", value))

    @classmethod
    def _decode_codec_metadata(cls, value: JSON) -> Codec | None:
        try:
            return parse_compressor(Member("", "compressor", value), 1)
        except MetadataError as exc:
            raise NotImplementedError(exc.problem) from exc


def _members(document: Buffer | str | Mapping[str, JSON], key: str = "") -> Member:
    if isinstance(document, Mapping):
        return Member(key, "", dict(document))
    text = document.encode() if isinstance(document, str) else document
    return Member(key, "", parse_json(text, key))


def _entry(members: Mapping[str, JSON]) -> dict[str, JSON]:
    if members.keys() != _ENTRY_MEMBERS:
        wrong = ", ".join(sorted(members.keys() ^ _ENTRY_MEMBERS))
        raise MetadataError(ENTRY_KEY, f"it must have the members {sorted(_ENTRY_MEMBERS)}; see {wrong}")
    return dict(members)


# Names of zarr-python 2 that programs import for the draft.
_default_entry_point_metadata_v3 = ENTRY
_v3_complex_types = {f"{order}c{size}" for order in "<>" for size in (8, 16)}
_v3_datetime_types = {
    f"{order}{kind}8[{unit}]" for order in "<>" for kind in "mM" for unit in ("s", "ms", "us", "ns")
}


def get_extended_dtype_info(dtype: AnyDtype) -> JSON:
    """Return the member ``data_type`` for a data type that is an extension of the draft.

    Parameters
    ----------
    dtype : dtype
        The data type.

    Returns
    -------
    dict
        The extension, the type and the fallback.

    Raises
    ------
    ValueError
        If the data type is not that of an extension.
    """
    info = dtype_to_json(dtype) if isinstance(dtype, np.dtype) else None
    if not isinstance(info, dict):
        raise ValueError(f"{dtype!r} is not a data type of an extension of the draft of v3")  # noqa: TRY004
    return info


def _get_metadata_suffix(store: Store) -> str:
    return ".json"


def _get_hierarchy_metadata(store: Store) -> dict[str, JSON]:
    if ENTRY_KEY not in store:
        raise MetadataError(ENTRY_KEY, "it does not exist, so the store does not hold the draft of v3")
    return Metadata3.decode_hierarchy_metadata(store[ENTRY_KEY])
