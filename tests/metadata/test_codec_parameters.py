"""Each parameter of each known codec is checked for type and range before a codec is made of it."""

import inspect
import json

import numcodecs
import numpy as np
import pytest
from documents_v3 import PLAIN

import zarrcy
from zarrcy.errors import MetadataError
from zarrcy.metadata.codec_parameters import NUMCODECS, ZARR_V3

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
VALUES = np.arange(24, dtype="<i4").reshape(4, 6)
V2 = {
    "zarr_format": 2,
    "shape": [4, 6],
    "chunks": [4, 6],
    "dtype": "<i4",
    "compressor": None,
    "fill_value": 0,
    "filters": None,
    "order": "C",
}

# For each kind of parameter: values that documents may state, and values that are refused.
SIZES = ([0, 1, 4, "4", 4.0, 2**31 - 1], [-1, "-1", "x", "", 2.5, "2.5", True, [4], {}, 2**31, 1e300])
LEVELS = ([0, 9, "5", 5.0], [-2, 10, "ten", "1_0", 0.5, None, False, [1], {}, "9" * 40])
INTEGERS = ([-(2**31), 0, 7, "-7"], [2**31, -(2**31) - 1, "x", 1.5, None, True, [], {}])
SWITCHES = ([True, False], ["true", "no", 0, 1, None, [], {}])
CHECKSUM_PLACES = (["start", "end", None], ["middle", 0, True, [], {}])
TYPES = (["<i4", "<f8"], ["i4, f4", "", "x", "|V0", "O", "<U0", 4, True, ["<i4"], {}, "<i99", "(2,)i4"])
FLOATS = (["<f4", "<f8"], ["<i4", "O", "x", None, 8, [], {}])
NUMBERS = ([0, 1.5, -3, "1.5", "1e3"], ["x", "nan", float("nan"), float("inf"), True, None, [], {}, "0x10"])
TEXTS = (["utf-8"], ["no such encoding", 8, None, [], {}])
DEPENDS = ([], [])

# The parameters of each codec, with the other parameters that it needs.
PARAMETERS = {
    "adler32": ({}, {"location": CHECKSUM_PLACES}),
    "astype": (
        {"encode_dtype": "<i4", "decode_dtype": "<i4"},
        {"encode_dtype": TYPES, "decode_dtype": TYPES},
    ),
    "base64": ({}, {}),
    "bitround": ({"keepbits": 3}, {"keepbits": ([0, 23, "10"], [-1, 53, "x", 1.5, None, True, [], {}])}),
    "blosc": (
        {},
        {
            "cname": (["lz4", "zstd"], ["gz", "", 4, None, [], {}]),
            "clevel": LEVELS,
            "shuffle": ([-1, 0, 1, 2, "1"], [-2, 3, "shuffle", None, True, 0.5, [], {}]),
            "blocksize": SIZES,
            "typesize": ([1, 8, None, "8"], [0, -1, "x", 1.5, [], {}, True]),
        },
    ),
    "bz2": ({}, {"level": ([1, 9, "3"], [0, *LEVELS[1]])}),
    "categorize": (
        {"labels": ["a"], "dtype": "O"},
        {
            "labels": ([["a", "b"], []], ["ab", 5, None, [1], {}]),
            "dtype": (["O", "<U4"], ["<i4", "|S4", 5, None, []]),
            "astype": (["u1", "<i2"], ["O", "<U1", 5, None, []]),
        },
    ),
    "crc32": ({}, {"location": CHECKSUM_PLACES}),
    "crc32c": ({}, {"location": CHECKSUM_PLACES}),
    "delta": ({"dtype": "<i4"}, {"dtype": TYPES, "astype": ([*TYPES[0], None], TYPES[1])}),
    "fixedscaleoffset": (
        {"offset": 0, "scale": 1, "dtype": "<f4"},
        {
            "offset": NUMBERS,
            "scale": (NUMBERS[0][1:], [0, 0.0, "0", *NUMBERS[1]]),
            "dtype": TYPES,
            "astype": ([*TYPES[0], None], TYPES[1]),
        },
    ),
    "fletcher32": ({}, {}),
    "gzip": ({}, {"level": LEVELS}),
    "jenkins_lookup3": (
        {},
        {"initval": ([0, 2**32 - 1], [-1, 2**32, "x", None, []]), "prefix": ([None], ["ab", 5, [1]])},
    ),
    "json2": (
        {},
        {
            "encoding": TEXTS,
            "skipkeys": SWITCHES,
            "ensure_ascii": SWITCHES,
            "check_circular": SWITCHES,
            "allow_nan": SWITCHES,
            "sort_keys": SWITCHES,
            "strict": SWITCHES,
            "indent": ([None, 2, " "], [[], {}, 1.5, True]),
            "separators": ([[",", ":"]], [[","], ",:", 5, [1, 2]]),
        },
    ),
    "lz4": ({}, {"acceleration": INTEGERS}),
    "lzma": (
        {},
        {
            "format": ([1, 2, "1"], [0, 4, "xz", None, []]),
            "check": ([-1, 0, 1, 4, 10], [2, 11, "crc", None, []]),
            "preset": ([None, 0, 9, 2**31 + 9], [-1, 10, "x", []]),
            "filters": ([None, [{"id": 33, "preset": 1}]], [[], {}, "x", [33], [{"dist": 4}], [{"id": "x"}]]),
        },
    ),
    "msgpack2": ({}, dict.fromkeys(("use_single_float", "use_bin_type", "raw"), SWITCHES)),
    "n5_lz4": ({}, {"block_size": ([64, 65536, 2**25, "128"], [63, 2**25 + 1, "x", 1.5, None, True, []])}),
    "n5_wrapper": (
        {"dtype": "<i4", "chunk_shape": [4, 6]},
        {
            "dtype": (["<i4"], [*TYPES[1], "<U4"]),
            "chunk_shape": ([[4, 6], ["4", 6]], [[0, 6], [-4, 6], 4, None, [2**32, 6], ["x", 6]]),
            "compressor_config": ([None, {"id": "zlib", "level": 3}], [[], "zlib", 5, {"level": 3}]),
        },
    ),
    "packbits": ({}, {}),
    "pickle": ({}, {"protocol": ([0, 4], [-2, 99, "x", None, []])}),
    "quantize": (
        {"digits": 2, "dtype": "<f4"},
        {
            "digits": ([0, 5, -1, "3"], [301, -301, "x", 1.5, None, True, []]),
            "dtype": FLOATS,
            "astype": ([*FLOATS[0], None], [value for value in FLOATS[1] if value is not None]),
        },
    ),
    "shuffle": ({}, {"elementsize": ([*SIZES[0], None], SIZES[1])}),
    "vlen-array": ({"dtype": "<i4"}, {"dtype": TYPES}),
    "vlen-bytes": ({}, {}),
    "vlen-utf8": ({}, {}),
    "zlib": ({}, {"level": ([-1, *LEVELS[0]], LEVELS[1])}),
    # numcodecs lowers greater levels
    "zstd": ({}, {"level": ([100, -5, "5"], INTEGERS[1]), "checksum": SWITCHES}),
}
V3_PARAMETERS = {
    "blosc": (
        {"cname": "lz4", "clevel": 5, "shuffle": "noshuffle"},
        {
            "cname": (["lz4"], ["gz", 4, None, []]),
            "clevel": LEVELS,
            "shuffle": (["noshuffle"], [1, "x", None, []]),
            "typesize": ([1, 4, "4", 300, 0, None], [-1, "x", 1.5, []]),
            "blocksize": SIZES,
        },
    ),
    "gzip": ({}, {"level": (LEVELS[0], [-1, *LEVELS[1]])}),
    "zstd": (
        {},
        {
            "level": ([-131072, 22, "3"], [23, "x", None, []]),
            "checksum": ([True, False, None], [0, 1, "true", []]),
        },
    ),
    "numcodecs.crc32c": ({}, {"location": (["end", None], ["start", "middle", 5, []])}),
}
NOT_INSTALLED = {"zfpy", "pcodec"}


def cases(parameters):
    return [
        pytest.param(codec, others, name, value, is_valid, id=f"{codec}-{name}-{value!r:.30}-{is_valid}")
        for codec, (others, names) in parameters.items()
        for name, values in names.items()
        for is_valid, some in zip((True, False), values, strict=True)
        for value in some
    ]


def store_of(format_number, codec, config):
    if format_number == 2:
        return {".zarray": json.dumps({**V2, "filters": [{"id": codec, **config}]}).encode()}
    codecs = [LITTLE, {"name": codec, "configuration": config}]
    return {"zarr.json": json.dumps({**PLAIN, "codecs": codecs}).encode()}


def check(store, codec, name, is_valid):
    if is_valid:
        zarrcy.open_array(store, mode="r")
        return
    with pytest.raises(MetadataError) as caught:
        zarrcy.open_array(store, mode="r")
    assert caught.value.key in store
    assert repr(name) in str(caught.value) or f".{name}" in str(caught.value)
    assert repr(codec) in str(caught.value) or "at the end" in str(caught.value)


@pytest.mark.parametrize(("codec", "others", "name", "value", "is_valid"), cases(PARAMETERS))
def test_a_parameter_in_v2_is_valid_or_refused_with_codec_and_parameter(codec, others, name, value, is_valid):
    if codec not in numcodecs.registry.codec_registry:
        pytest.skip(f"this version of numcodecs does not have {codec!r}")
    if is_valid and name not in inspect.signature(numcodecs.registry.codec_registry[codec]).parameters:
        pytest.skip(f"this version of numcodecs does not have {name!r}")
    if codec == "categorize" and is_valid and name != "dtype":
        others = {**others, "dtype": "<U4"}
    check(store_of(2, codec, {**others, name: value}), codec, name, is_valid)


@pytest.mark.parametrize(("codec", "others", "name", "value", "is_valid"), cases(V3_PARAMETERS))
def test_a_parameter_in_v3_is_valid_or_refused_with_codec_and_parameter(codec, others, name, value, is_valid):
    check(store_of(3, codec, {**others, name: value}), codec, name, is_valid)


@pytest.mark.parametrize(
    ("codec", "others", "name", "value", "is_valid"),
    cases({name: PARAMETERS[name] for name in ("zlib", "bz2", "lz4", "shuffle", "adler32", "lzma")}),
)
def test_codecs_of_numcodecs_in_v3_have_the_same_table(codec, others, name, value, is_valid):
    config = {**others, name: value}
    check(store_of(3, f"numcodecs.{codec}", config), codec, name, is_valid)


def test_the_table_has_each_parameter_of_each_codec_of_numcodecs():
    for codec, made in numcodecs.registry.codec_registry.items():
        if not made.__module__.startswith(("numcodecs.", "zarrcy.")):
            continue
        names = {
            name
            for name, parameter in inspect.signature(made).parameters.items()
            if parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        }
        assert names - {"compressor"} <= set(NUMCODECS[codec]), codec
    for table, parameters in ((NUMCODECS, PARAMETERS), (ZARR_V3, V3_PARAMETERS)):
        for codec in set(table) - NOT_INSTALLED - {"crc32c"}:
            assert set(table[codec]) == set(parameters[codec][1]), codec


@pytest.mark.parametrize("format_number", [2, 3])
def test_new_arrays_are_refused_with_the_same_parameters(format_number):
    for config, words in (
        ({"id": "shuffle", "elementsize": -1}, "elementsize"),
        ({"id": "zlib", "level": 99}, "level"),
        ({"id": "delta", "dtype": "<U0"}, "dtype"),
    ):
        store = {}
        with pytest.raises(ValueError, match=words):
            zarrcy.create(4, dtype="<i4", filters=[config], store=store, zarr_format=format_number)
        assert store == {}
    for codec in (numcodecs.Shuffle(-1), numcodecs.Zlib(99)):
        with pytest.raises(ValueError, match=str(codec.codec_id)):
            zarrcy.create(4, dtype="<i4", filters=[codec], zarr_format=format_number)


DELTA = {"id": "delta", "dtype": "<i4", "astype": "<i2"}
POINTS = {
    "first": ([], 4),
    "after a delta to two bytes": ([DELTA], 2),
    "after an astype to eight bytes": ([{"id": "astype", "encode_dtype": "<i8", "decode_dtype": "<i4"}], 8),
    "after a checksum": ([{"id": "crc32"}], 4),
    "after a shuffle": ([{"id": "shuffle", "elementsize": 2}], 4),
}


@pytest.mark.parametrize("written", [0, "0", "size", None])
@pytest.mark.parametrize(("before", "size"), POINTS.values(), ids=POINTS)
@pytest.mark.parametrize("place", ["filters", "compressor", "v3", "draft"])
def test_a_shuffle_without_a_size_has_that_of_the_elements_at_its_point(place, before, size, written):
    written = str(size) if written == "size" else written
    shuffle = {"id": "shuffle", "elementsize": size}
    store = {}
    if place == "v3":
        # in v3 a codec array -> array cannot follow one bytes -> bytes
        filters = [*before, shuffle]
        array = zarrcy.create(VALUES.shape, chunks=VALUES.shape, dtype="<i4", filters=filters, store=store,
                              compressor=None, zarr_format=3)  # fmt: skip
        key = "zarr.json"
    elif place == "compressor":
        array = zarrcy.create(VALUES.shape, chunks=VALUES.shape, dtype="<i4", filters=before, store=store,
                              compressor=shuffle)  # fmt: skip
        key = ".zarray"
    else:
        format_number = "3-draft" if place == "draft" else 2
        array = zarrcy.create(VALUES.shape, chunks=VALUES.shape, dtype="<i4", filters=[*before, shuffle],
                              store=store, compressor=None, zarr_format=format_number)  # fmt: skip
        key = "meta/root.array.json" if place == "draft" else ".zarray"
    array[...] = VALUES
    document = json.loads(bytes(store[key]))
    config = {
        "filters": lambda: document["filters"][-1],
        "compressor": lambda: document["compressor"],
        "v3": lambda: document["codecs"][-1]["configuration"],
        "draft": lambda: document["attributes"]["filters"][-1],
    }[place]()
    assert config["elementsize"] == size
    config["elementsize"] = written
    store[key] = json.dumps(document).encode()
    again = zarrcy.open_array(store, mode="r")
    np.testing.assert_array_equal(again[...], VALUES)


def test_a_new_array_states_the_size_of_a_shuffle():
    for filters, sizes in (
        ([numcodecs.Shuffle(0)], [4]),
        ([DELTA, {"id": "shuffle", "elementsize": 0}], [2]),
    ):
        array = zarrcy.create(4, dtype="<i4", filters=filters)
        assert [codec.elementsize for codec in array.filters if codec.codec_id == "shuffle"] == sizes


def test_a_shuffle_whose_size_does_not_divide_the_chunk_is_reported():
    store = store_of(2, "shuffle", {"elementsize": 7})
    store["0.0"] = VALUES.tobytes()
    with pytest.raises(zarrcy.errors.ChunkDecodeError, match="elementsize 7"):
        zarrcy.open_array(store, mode="r")[...]


def test_a_codec_of_a_program_under_a_known_name_is_not_checked():
    class Own(numcodecs.abc.Codec):
        codec_id = "zlib"

        def __init__(self, level):
            self.level = level

        def encode(self, buf):
            return buf

        def decode(self, buf, out=None):
            return buf

    known = numcodecs.registry.codec_registry["zlib"]
    numcodecs.register_codec(Own)
    try:
        array = zarrcy.open_array(store_of(2, "zlib", {"level": "best"}), mode="r")
    finally:
        numcodecs.register_codec(known)
    assert array.filters[0].level == "best"
