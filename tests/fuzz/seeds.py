"""Valid inputs, from which mutations start."""

import io
import json
import zipfile
from functools import cache

import numcodecs
import numpy as np

import zarrcy

N_ELEMENTS = 40
ELEMENTS = (np.arange(N_ELEMENTS, dtype="<i4") * 7 - 90).astype("<i4")
TEXTS = np.array([f"text {n}" * (n % 3) for n in range(N_ELEMENTS)], object)

# Keyword arguments of `zarrcy.create` for arrays of `ELEMENTS` in one chunk.
CHUNKS = {
    "raw": {"compressor": None},
    "big-endian": {"compressor": None, "dtype": ">i4"},
    "blosc-lz4": {"compressor": numcodecs.Blosc("lz4", 5, 1)},
    "blosc-zstd": {"compressor": numcodecs.Blosc("zstd", 1, 2)},
    "blosclz": {"compressor": numcodecs.Blosc("blosclz", 9, 0, 32)},
    "blosc-zlib": {"compressor": numcodecs.Blosc("zlib", 1, 1)},
    "zstd": {"compressor": numcodecs.Zstd(1)},
    "zstd-checksum": {"compressor": numcodecs.Zstd(1, checksum=True)},
    "lz4": {"compressor": numcodecs.LZ4()},
    "gzip": {"compressor": numcodecs.GZip(1)},
    "zlib": {"compressor": numcodecs.Zlib(1)},
    "bz2": {"compressor": numcodecs.BZ2(1)},
    "lzma": {"compressor": numcodecs.LZMA(preset=0)},
    "delta-zstd": {"compressor": numcodecs.Zstd(1), "filters": [numcodecs.Delta("<i4")]},
    "astype-zlib": {"compressor": numcodecs.Zlib(1), "filters": [numcodecs.AsType("<i8", "<i4")]},
    "scaled-blosc": {
        "compressor": numcodecs.Blosc(),
        "filters": [numcodecs.FixedScaleOffset(0, 1, "<i4", "<i2"), numcodecs.Shuffle(2)],
    },
    "filters-gzip": {
        "compressor": None,
        "filters": [numcodecs.Fletcher32(), numcodecs.CRC32(), numcodecs.GZip(1)],
    },
    "delta-lz4": {"compressor": numcodecs.LZ4(), "filters": [numcodecs.Delta("<i4", "<i2")]},
    "shuffle-checksums": {
        "compressor": numcodecs.LZ4(),
        "filters": [numcodecs.Shuffle(4), numcodecs.Adler32(location="end"), numcodecs.CRC32()],
    },
    "checksums": {"compressor": None, "filters": [numcodecs.JenkinsLookup3(3), numcodecs.Fletcher32()]},
    "cast-to-floats": {"compressor": None, "filters": [numcodecs.AsType("<f4", "<i4")]},
    "v3-crc32c": {"zarr_format": 3, "codecs": ["bytes", "crc32c"]},
    "v3-zstd-crc32c": {
        "zarr_format": 3,
        "codecs": ["bytes", {"name": "zstd", "configuration": {}}, "crc32c"],
    },
    "v3-gzip": {"zarr_format": 3, "codecs": ["bytes", {"name": "gzip", "configuration": {"level": 1}}]},
    "v3-gzip-twice": {
        "zarr_format": 3,
        "codecs": ["bytes", *[{"name": "gzip", "configuration": {"level": 1}}] * 2],
    },
    "v3-packbits": {
        "zarr_format": 3,
        "codecs": [{"name": "packbits", "configuration": {"padding_encoding": "first_byte"}}],
    },
    "v3-cast": {
        "zarr_format": 3,
        "codecs": [{"name": "cast_value", "configuration": {"data_type": "int16"}}, "bytes", "crc32c"],
    },
    "v3-nested-shards": {
        "zarr_format": 3,
        "codecs": [
            {
                "name": "sharding_indexed",
                "configuration": {
                    "chunk_shape": [10],
                    "codecs": ["bytes", "crc32c"],
                    "index_codecs": ["bytes"],
                },
            },
            {"name": "gzip", "configuration": {"level": 1}},
        ],
    },
}
OBJECTS = {
    "vlen-utf8": {"object_codec": numcodecs.VLenUTF8()},
    "vlen-utf8-zstd": {"object_codec": numcodecs.VLenUTF8(), "compressor": numcodecs.Zstd(1)},
    "vlen-utf8-blosc": {"object_codec": numcodecs.VLenUTF8(), "compressor": numcodecs.Blosc()},
    "vlen-bytes-lz4": {"object_codec": numcodecs.VLenBytes(), "compressor": numcodecs.LZ4()},
    "vlen-array-gzip": {"object_codec": numcodecs.VLenArray("<i4"), "compressor": numcodecs.GZip(1)},
    "json2": {"object_codec": numcodecs.JSON()},
    "json2-bz2": {"object_codec": numcodecs.JSON(), "compressor": numcodecs.BZ2(1)},
    "categorize": {"object_codec": numcodecs.Categorize(["text 0"], object)},
    "v3-string": {"zarr_format": 3},
}
# Codecs of inner chunks, and location and codecs of the index.
SHARDS = {
    "raw": {"codecs": ["bytes"]},
    "zstd": {"codecs": ["bytes", {"name": "zstd", "configuration": {}}]},
    "blosc": {
        "codecs": [
            "bytes",
            {
                "name": "blosc",
                "configuration": {
                    "cname": "lz4",
                    "clevel": 1,
                    "shuffle": "shuffle",
                    "typesize": 4,
                    "blocksize": 0,
                },
            },
        ]
    },
    "start": {"codecs": ["bytes", "crc32c"], "index_location": "start"},
    "unchecked": {
        "codecs": ["bytes", {"name": "gzip", "configuration": {"level": 1}}],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "big"}}],
    },
}


def shard_codecs(name):
    given = {"chunk_shape": [5], "index_codecs": ["bytes", "crc32c"], **SHARDS[name]}
    codecs = [
        {"name": "bytes", "configuration": {"endian": "little"}} if c == "bytes" else c
        for c in given["codecs"]
    ]
    index = [
        {"name": "bytes", "configuration": {"endian": "little"}} if c == "bytes" else c
        for c in given["index_codecs"]
    ]
    return [{"name": "sharding_indexed", "configuration": {**given, "codecs": codecs, "index_codecs": index}}]


def _complete(options):
    """Return keyword arguments of `zarrcy.create` with complete v3 codecs."""
    little = {"name": "bytes", "configuration": {"endian": "little"}}

    def full(codec):
        if codec == "bytes":
            return little
        if isinstance(codec, dict) and "codecs" in codec.get("configuration", {}):
            config = codec["configuration"]
            lists = {name: [full(c) for c in config[name]] for name in ("codecs", "index_codecs")}
            return {**codec, "configuration": {**config, **lists}}
        return codec

    return {**options, "codecs": [full(c) for c in options["codecs"]]} if "codecs" in options else options


def new_array(store, name):
    """Create an array with the named codecs. Its only chunk is not written."""
    if name in SHARDS:
        return zarrcy.create(
            N_ELEMENTS, chunks=N_ELEMENTS, dtype="<i4", store=store, zarr_format=3, codecs=shard_codecs(name)
        )
    if name in CHUNKS:
        return zarrcy.create(
            N_ELEMENTS, **{"chunks": N_ELEMENTS, "dtype": "<i4", "store": store, **_complete(CHUNKS[name])}
        )
    options = OBJECTS[name]
    dtype = str if "v3" in name else object
    fill = "" if "v3" in name else None
    return zarrcy.create(
        N_ELEMENTS, **{"chunks": N_ELEMENTS, "dtype": dtype, "store": store, "fill_value": fill, **options}
    )


def values_of(name):
    if name not in OBJECTS:
        return ELEMENTS
    if "array" in name:
        values = np.empty(N_ELEMENTS, object)
        values[:] = [np.arange(n % 4, dtype="<i4") for n in range(N_ELEMENTS)]
        return values
    if "bytes" in name:
        return np.array([text.encode() for text in TEXTS], object)
    return np.full(N_ELEMENTS, "text 0", object) if name == "categorize" else TEXTS


def chunk_key(array):
    return "c/0" if array.zarr_format == 3 else "0"


@cache
def chunks(names):
    """Return stored values, each after a byte with the index of its name."""
    inputs = []
    for number, name in enumerate(names):
        array = new_array({}, name)
        array[:] = values_of(name)
        inputs.append(bytes([number]) + bytes(array.store[chunk_key(array)]))
    return inputs


@cache
def documents(zarr_format):
    """Return documents of arrays and groups of all kinds."""
    end = "zarr.json" if zarr_format == 3 else ".zarray"
    inputs = []
    for name in (*CHUNKS, *SHARDS, *OBJECTS):
        array = new_array({}, name)
        if array.zarr_format == zarr_format:
            array.attrs["about"] = {"unit": "m", "levels": [1, 2.5, None]}
            inputs.append(bytes(array.store[end]))
    dtypes = [
        "?",
        "u1",
        "f2",
        "f4",
        "f8",
        "c8",
        "c16",
        "S5",
        "U3",
        "M8[ns]",
        "m8[s]",
        "V3",
        [("a", "f4"), ("b", "i2")],
    ]
    for dtype in dtypes:
        store = {}
        zarrcy.create((4, 6), chunks=(2, 3), dtype=dtype, store=store, zarr_format=zarr_format, order="F")
        inputs.append(bytes(store[end]))
    store = {}
    zarrcy.create(
        (4, 6, 2), chunks=(2, 3, 1), dtype="f4", fill_value=np.nan, store=store, zarr_format=zarr_format
    )
    inputs.append(bytes(store[end]))
    if zarr_format == 3:
        grid = {
            "name": "rectilinear",
            "configuration": {"kind": "inline", "chunk_shapes": [[[2, 2]], 3, [1, 1]]},
        }
        inputs.append(json.dumps({**json.loads(inputs[-1]), "chunk_grid": grid}).encode())
        names = {"dimension_names": ["x", None, "y"], "storage_transformers": []}
        inputs.append(json.dumps({**json.loads(inputs[-2]), **names}).encode())
        inputs.append(b'{"zarr_format": 3, "node_type": "group", "attributes": {"a": 1}}')
    return inputs


def _hierarchy(store):
    root = zarrcy.open_group(store, mode="w")
    root.attrs["title"] = "seed"
    root.create_group("a/b").create_dataset("c", data=ELEMENTS, chunks=10)
    root["a"].create_dataset("d", data=np.eye(3), chunks=2, compressor=None).attrs["unit"] = "m"
    return root


@cache
def consolidated():
    store = {}
    _hierarchy(store)
    zarrcy.consolidate_metadata(store)
    return [bytes(store[".zmetadata"])]


@cache
def archives():
    inputs = []
    for compression in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA):
        held = io.BytesIO()
        with zipfile.ZipFile(held, "w", compression) as archive:
            store = {}
            _hierarchy(store)
            for key, value in store.items():
                archive.writestr(zipfile.ZipInfo(key), bytes(value), compression)
        inputs.append(held.getvalue())
    return inputs


@cache
def n5():
    """Return N5 documents with a block each, after the length of the document."""
    from zarrcy.storage.n5.store import N5Files

    inputs = []
    for compressor in (None, numcodecs.Zlib(1), numcodecs.GZip(1), numcodecs.BZ2(1), numcodecs.Blosc()):
        files = {}
        store = N5Files(files)
        zarrcy.create((4, 6), chunks=(2, 3), dtype="i4", compressor=compressor, store=store)[...] = 5
        document = bytes(files["attributes.json"])
        inputs.append(len(document).to_bytes(2, "little") + document + bytes(files["0/0"]))
        # A chunk shape far larger than the array, and a block far smaller than the chunk.
        large = json.dumps({**json.loads(document), "blockSize": [2**17, 2**17]}).encode()
        inputs.append(len(large).to_bytes(2, "little") + large + bytes(files["0/0"]))
    return inputs


KEYS = [
    b"a",
    b"a/b",
    b".zarray",
    b"c/0/0",
    b"../x",
    b"/etc/x",
    b"a/../../x",
    b"a\\..\\x",
    b"C:\\x",
    b"a\0b",
    b"\xed\xa0\x80",
    b"a/./b",
    "é/ü".encode(),
    b"x" * 300,
]
