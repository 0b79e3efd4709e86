"""The modules of zarr-python 3, and the modules of zarrcy that define the names that users import from them.

`zarrcy.compat.install(api=3)` builds the stand-in for `zarr` from this table. A name is loaded when it is first used.
"""

from __future__ import annotations

_FUNCTIONS = (
    "array consolidate_metadata create create_array create_group create_hierarchy empty empty_like from_array full "
    "full_like group load ones ones_like open open_array open_consolidated open_group open_like print_debug_info save "
    "save_array save_group tree zeros zeros_like"
)
_COPIES = "copy copy_all copy_store"
_DATA_TYPES = (
    "Bool Complex64 Complex128 DataTypeRegistry DateTime64 FixedLengthUTF32 Float16 Float32 Float64 Int8 Int16 Int32 "
    "Int64 NullTerminatedBytes RawBytes Struct Structured TimeDelta64 UInt8 UInt16 UInt32 UInt64 VariableLengthBytes "
    "VariableLengthUTF8 ZDType check_dtype_spec_no_object_codec_v2 check_dtype_spec_v2 data_type_registry "
    "parse_data_type parse_dtype"
)
_CODECS = (
    "BloscCname BloscCodec BloscShuffle BytesCodec CastValue Crc32cCodec Endian GzipCodec ScaleOffset ShardingCodec "
    "ShardingCodecIndexLocation SubchunkWriteOrder TransposeCodec VLenBytesCodec VLenUTF8Codec ZstdCodec"
)
_NUMCODECS = (
    "Adler32 AsType BZ2 BitRound Blosc CRC32 CRC32C Delta FixedScaleOffset Fletcher32 GZip JenkinsLookup3 LZ4 LZMA "
    "PCodec PackBits Quantize Shuffle ZFPY Zlib Zstd"
)
_ERRORS = (
    "ArrayIndexError ArrayNotFoundError BaseZarrError BoundsCheckError ChunkNotFoundError ContainsArrayAndGroupError "
    "ContainsArrayError ContainsGroupError DataTypeValidationError GroupNotFoundError MetadataValidationError "
    "NegativeStepError NodeNotFoundError NodeTypeValidationError PickleCodecDisabledError UnknownCodecError "
    "UnstableSpecificationWarning VindexInvalidSelectionError ZarrDeprecationWarning ZarrFutureWarning "
    "ZarrRuntimeWarning ZarrUserWarning"
)
_ARRAYS = {"zarrcy.zarr3.arrays": "Array", "zarrcy.zarr3.asynchronous": "AsyncArray"}
_GROUPS = {
    "zarrcy.zarr3.groups": "Group",
    "zarrcy.zarr3.asynchronous": "AsyncGroup",
    "zarrcy.zarr3.metadata": "ConsolidatedMetadata GroupMetadata",
}
_STORES = {
    "zarrcy.storage.zarr3.stores": (
        "FsspecStore LocalStore ManagedMemoryStore MemoryStore ObjectStore ZipStore"
    ),
    "zarrcy.storage.zarr3.wrappers": "LoggingStore WrapperStore",
    "zarrcy.storage.zarr3.store_path": "StorePath",
    "zarrcy.zarr3.places": "StoreLike",
}
_BUFFERS = {
    "zarrcy.zarr3.buffers": "Buffer BufferPrototype NDBuffer default_buffer_prototype numpy_buffer_prototype"
}

# Module of zarr-python 3 -> where its names come from -> the names.
MODULES: dict[str, dict[str, str]] = {
    "zarr": {
        "zarrcy.zarr3.functions": _FUNCTIONS,
        "zarrcy.api.copy": _COPIES,
        "zarrcy.zarr3.arrays": "Array",
        "zarrcy.zarr3.groups": "Group",
        "zarrcy.zarr3.asynchronous": "AsyncArray AsyncGroup",
        "zarrcy.zarr3.config": "config",
    },
    "zarr.api": {},
    "zarr.api.synchronous": {
        "zarrcy.zarr3.functions": _FUNCTIONS,
        "zarrcy.api.copy": _COPIES,
        "zarrcy.zarr3.arrays": "Array",
        "zarrcy.zarr3.groups": "Group",
    },
    "zarr.api.asynchronous": {"zarrcy.zarr3.asynchronous": _FUNCTIONS.replace("print_debug_info ", "")},
    "zarr.attrs": {"zarrcy.zarr3.attributes": "Attributes"},
    "zarr.abc": {},
    "zarr.abc.codec": {
        "zarrcy.zarr3.codecs": "ArrayArrayCodec ArrayBytesCodec BytesBytesCodec Codec",
    },
    "zarr.abc.store": {
        "zarrcy.storage.zarr3.byte_requests": "ByteRequest OffsetByteRequest RangeByteRequest SuffixByteRequest",
        "zarrcy.zarr3.abc": "Store",
    },
    "zarr.buffer": _BUFFERS,
    "zarr.buffer.cpu": _BUFFERS,
    "zarr.codecs": {"zarrcy.zarr3.codecs": _CODECS, "zarrcy.zarr3.numcodecs": _NUMCODECS},
    "zarr.codecs.numcodecs": {"zarrcy.zarr3.numcodecs": _NUMCODECS},
    **{
        f"zarr.codecs.{module}": {"zarrcy.zarr3.codecs": names}
        for module, names in {
            "blosc": "BloscCname BloscCodec BloscShuffle",
            "bytes": "BytesCodec Endian",
            "cast_value": "CastValue",
            "crc32c_": "Crc32cCodec",
            "gzip": "GzipCodec",
            "scale_offset": "ScaleOffset",
            "sharding": "ShardingCodec ShardingCodecIndexLocation SubchunkWriteOrder",
            "transpose": "TransposeCodec",
            "vlen_utf8": "VLenBytesCodec VLenUTF8Codec",
            "zstd": "ZstdCodec",
        }.items()
    },
    "zarr.core": {},
    "zarr.core.array": _ARRAYS | {"zarrcy.zarr3.functions": "create_array from_array"},
    "zarr.core.array_spec": {"zarrcy.zarr3.arrays": "ArrayConfig ArrayConfigLike ArrayConfigParams"},
    "zarr.core.attributes": {"zarrcy.zarr3.attributes": "Attributes"},
    "zarr.core.buffer": _BUFFERS,
    "zarr.core.buffer.core": _BUFFERS,
    "zarr.core.buffer.cpu": _BUFFERS,
    "zarr.core.common": {"zarrcy.types": "JSON ZarrFormat"},
    "zarr.core.config": {"zarrcy.zarr3.config": "BadConfigError Config config"},
    "zarr.core.dtype": {"zarrcy.zarr3.dtypes": _DATA_TYPES},
    "zarr.core.group": _GROUPS,
    "zarr.core.indexing": {"zarrcy.hierarchy.accessors": "BlockIndex OIndex VIndex"},
    "zarr.core.metadata": {"zarrcy.zarr3.metadata": "ArrayV2Metadata ArrayV3Metadata"},
    "zarr.core.metadata.v2": {"zarrcy.zarr3.metadata": "ArrayV2Metadata"},
    "zarr.core.metadata.v3": {
        "zarrcy.zarr3.metadata": (
            "ArrayV3Metadata RectilinearChunkGridMetadata RegularChunkGridMetadata V3JsonEncoder"
        )
    },
    "zarr.core.sync": {"zarrcy.zarr3.asynchronous": "sync"},
    "zarr.core.sync_group": {"zarrcy.zarr3.functions": "create_hierarchy get_node"},
    "zarr.dtype": {"zarrcy.zarr3.dtypes": _DATA_TYPES},
    "zarr.errors": {"zarrcy.zarr3.errors": _ERRORS},
    "zarr.hierarchy": {"zarrcy.zarr3.groups": "Group"},
    "zarr.registry": {
        "zarrcy.zarr3.registry": "fully_qualified_name get_codec get_codec_class get_numcodec register_codec"
    },
    "zarr.storage": _STORES,
    "zarr.storage._common": {
        "zarrcy.storage.zarr3.store_path": "StorePath",
        "zarrcy.zarr3.asynchronous": "make_store make_store_path",
        "zarrcy.zarr3.places": "StoreLike",
    },
    "zarr.types": {"zarrcy.zarr3.asynchronous": "AnyArray AnyAsyncArray"},
}
