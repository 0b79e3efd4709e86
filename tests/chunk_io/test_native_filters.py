"""Filters and checksums on the native path: the stored bytes, results and errors are those of the fallback path."""

import warnings
from itertools import product

import numcodecs
import numpy as np
import pytest
from cases import same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import (
    CRC32,
    LZ4,
    Adler32,
    AsType,
    BitRound,
    Blosc,
    Delta,
    FixedScaleOffset,
    Fletcher32,
    GZip,
    JenkinsLookup3,
    PackBits,
    Quantize,
    Shuffle,
    Zlib,
    Zstd,
)

import zarrcy
from zarrcy.chunk_io import native
from zarrcy.chunk_io.policy import IOPolicy, overriding
from zarrcy.errors import ChunkDecodeError, ChunkEncodeError
from zarrcy.testing import strategies

pytestmark = pytest.mark.skipif("blosc" not in native.codecs(), reason="no codec library was built in")

# name: data type of the array, filters
FILTERS = {
    "delta": ("i4", [Delta("i4")]),
    "delta of bytes": ("u1", [Delta("u1")]),
    "delta to a shorter type": ("i8", [Delta("i8", "i2")]),
    "delta, big-endian": (">i4", [Delta(">i4", ">i2")]),
    "delta to another byte order": ("<u2", [Delta("<u2", ">u2")]),
    "delta of floats": ("f8", [Delta("f8")]),
    "delta, then shuffle": ("i8", [Delta("i8", "i4"), Shuffle(4)]),
    "shuffle": ("f4", [Shuffle(4)]),
    "shuffle of elements that are long": ("S12", [Shuffle(12)]),
    "shuffle of single bytes": ("u1", [Shuffle(1)]),
    "astype": ("f8", [AsType("f4", "f8")]),
    "astype to a longer type": ("i2", [AsType("i4", "i2")]),
    "astype, integers to floats": ("i4", [AsType("f4", "i4")]),
    "astype, floats to integers": ("f4", [AsType("i2", "f4")]),
    "astype to the other byte order": ("<i4", [AsType(">i4", "<i4")]),
    "scaled": ("f8", [FixedScaleOffset(offset=-5, scale=10, dtype="f8", astype="i2")]),
    "scaled floats of four bytes": ("f4", [FixedScaleOffset(offset=0.5, scale=0.1, dtype="f4", astype="u1")]),
    "scaled to floats": ("f8", [FixedScaleOffset(offset=1000, scale=3, dtype="f8", astype="f4")]),
    "scaled, big-endian": (">f8", [FixedScaleOffset(offset=0, scale=10, dtype=">f8", astype=">i4")]),
    "quantized": ("f8", [Quantize(2, "f8")]),
    "quantized to a shorter type": ("f8", [Quantize(-1, "f8", "f4")]),
    "rounded": ("f4", [BitRound(9)]),
    "rounded floats of two bytes": ("f2", [BitRound(0)]),
    "rounded by nothing": ("f8", [BitRound(52)]),
    "bits": ("bool", [PackBits()]),
    "crc32": ("i4", [CRC32()]),
    "crc32 at the end": ("i4", [CRC32(location="end")]),
    "adler32": ("f8", [Adler32()]),
    "fletcher32": ("i2", [Fletcher32()]),
    "lookup3": ("S3", [JenkinsLookup3(7)]),
    "all checksums": ("M8[s]", [CRC32(), Adler32(), JenkinsLookup3(), Fletcher32()]),
    "shuffle, then a checksum": ("i4", [Shuffle(4), CRC32()]),
    "a checksum inside": ("i4", [Fletcher32(), Shuffle(4), Adler32(location="end")]),
    "a codec as a filter": ("i4", [Delta("i4"), Zlib(6), CRC32()]),
}
COMPRESSORS = {
    "raw": None,
    "blosc": Blosc("lz4", 5, Blosc.SHUFFLE, 512),
    "blosc, automatic shuffle": Blosc("lz4", 1, Blosc.AUTOSHUFFLE),
    "zstd": Zstd(1),
    "lz4": LZ4(),
    "gzip": GZip(6),
    "zlib": Zlib(4),
}
NUMCODECS = "numcodecs."


def codec(name, **configuration):
    return {"name": name, "configuration": configuration}


BYTES, BIG = codec("bytes", endian="little"), codec("bytes", endian="big")
ZSTD = codec("zstd", level=1, checksum=False)
BLOSC = codec("blosc", cname="lz4", clevel=5, shuffle="shuffle", typesize=4, blocksize=0)
# name: data type of the array, codecs
V3_CODECS = {
    "big-endian": ("i4", [BIG, BLOSC]),
    "big-endian complex numbers": ("c8", [BIG, ZSTD, "crc32c"]),
    "big-endian, raw": ("f8", [BIG]),
    "checksum of raw bytes": ("i4", [BYTES, "crc32c"]),
    "two checksums": ("i2", [BYTES, ZSTD, codec(NUMCODECS + "crc32"), "crc32c"]),
    "adler32": ("i2", [BYTES, codec(NUMCODECS + "adler32", location="end")]),
    "fletcher32": ("i2", [BYTES, codec(NUMCODECS + "fletcher32"), codec(NUMCODECS + "zlib", level=6)]),
    "lookup3": ("i2", [BYTES, codec(NUMCODECS + "jenkins_lookup3", initval=1)]),
    "delta": ("i4", [codec(NUMCODECS + "delta", dtype="<i4", astype="<i2"), BYTES, ZSTD]),
    "shuffle": ("i4", [BYTES, codec(NUMCODECS + "shuffle", elementsize=4), BLOSC]),
    "delta, transpose": ("i4", [codec(NUMCODECS + "delta", dtype="<i4"), codec("transpose", order=[1, 0]), BYTES]),
    "transpose, bitround": ("f4", [codec("transpose", order=[1, 0]), codec(NUMCODECS + "bitround", keepbits=3), BYTES]),
    "cast": ("f8", [codec("cast_value", data_type="int16"), BYTES, ZSTD]),
    "cast, towards zero": ("f4", [codec("cast_value", data_type="uint8", rounding="towards-zero"), BYTES]),
    "cast of integers": ("i4", [codec("cast_value", data_type="uint16"), BYTES, "crc32c"]),
    "cast, wraps": ("i4", [codec("cast_value", data_type="int8", out_of_range="wrap"), BIG]),
    "cast, clamps": ("i4", [codec("cast_value", data_type="int8", out_of_range="clamp"), BYTES]),
    "scaled": ("f8", [codec("scale_offset", offset=1.5, scale=0.1), BYTES, BLOSC]),
    "packbits": ("bool", [codec("packbits"), ZSTD]),
    "packbits with a byte at the end": ("bool", [codec("packbits", padding_encoding="last_byte"), "crc32c"]),
}  # fmt: skip


@pytest.fixture(autouse=True)
def one_thread_of_blosc():
    """Let Blosc of numcodecs use one thread: several threads order the blocks of a frame as they finish."""
    before, numcodecs.blosc.use_threads = numcodecs.blosc.use_threads, False
    yield
    numcodecs.blosc.use_threads = before


def values_of(shape, dtype, seed=0):
    """Return small numbers, which every filter of the tables stores."""
    numbers = np.random.default_rng(seed).integers(0, 2 if np.dtype(dtype).kind == "b" else 9, shape)
    return (numbers * 0.25 if np.dtype(dtype).kind == "f" else numbers).astype(dtype)


def created(options, is_native, store):
    """Create an array on one of the paths. The native path must have it."""
    with overriding(IOPolicy(use_native_path=is_native)):
        a = zarrcy.create(store=store, **options)
        native_path = a.chunk_io.context.native_path
    assert (native_path is not None and native_path.encodes) == is_native
    return a


def is_comparable(options):
    """Return whether both paths encode to the same bytes. Versions of Zstandard and of deflate differ."""
    text = str(options.get("compressor")) + str(options.get("codecs")) + str(options.get("filters"))
    return not any(name in text.lower() for name in ("zstd", "gzip", "zlib"))


def check_both_paths(data, options, folder):
    """Write and read random selections on both paths, and compare values and stored bytes."""
    stores = [
        zarrcy.DirectoryStore(folder / str(number)) if folder is not None else {} for number in range(2)
    ]
    shape, dtype = options["shape"], options["dtype"]
    arrays = [created(options, number == 0, store) for number, store in enumerate(stores)]
    model = np.zeros(shape, dtype)
    for round_ in range(3):
        selection = data.draw(strategies.selections(shape, options["chunks"]))
        value = values_of(selection.positions.shape, dtype, round_)
        # some filters lose precision: the fallback path is the model
        for a in arrays:
            getattr(a, f"set_{selection.kind}_selection")(selection.key, value)
        results = [np.asarray(a[...]) for a in arrays]
        assert same_bits(*results)
        read = [getattr(a, f"get_{selection.kind}_selection")(selection.key) for a in arrays]
        assert same_bits(*map(np.asarray, read))
        model.reshape(-1)[selection.positions] = value
    assert np.allclose(results[0], model, atol=5) if model.dtype.kind == "f" else same_bits(results[0], model)
    keys = [sorted(store) for store in stores]
    assert keys[0] == keys[1]
    # the chunks of a shard that is written in part may have another order
    if is_comparable(options) and "shards" not in options:
        for key in keys[0]:
            assert bytes(stores[0][key]) == bytes(stores[1][key]), key


@pytest.mark.parametrize("name", FILTERS)
def test_filters_of_format_2_store_and_read_the_same_on_both_paths(name, tmp_path_factory):
    dtype, filters = FILTERS[name]
    lossless = [filters] if any(isinstance(f, Zlib) for f in filters) else None

    @settings(max_examples=15)
    @given(
        data=st.data(),
        compressor=st.sampled_from(sorted(COMPRESSORS) if lossless is None else ["raw"]),
        shape=st.sampled_from([(13,), (30, 50), (90, 110), (7, 8, 9)]),
        order=st.sampled_from("CF"),
        in_files=st.booleans(),
    )
    def check(data, compressor, shape, order, in_files):
        chunks = tuple(data.draw(st.integers(max(1, n // 3), n)) for n in shape)
        options = {
            "shape": shape, "chunks": chunks, "dtype": dtype, "filters": filters, "order": order, "zarr_format": 2,
            "compressor": COMPRESSORS[compressor], "write_empty_chunks": data.draw(st.booleans()),
        }  # fmt: skip
        if name.startswith("shuffle of elements") or np.prod(chunks) % 2 == 0 or "fletcher" not in name:
            check_both_paths(data, options, tmp_path_factory.mktemp("stores") if in_files else None)

    check()


@pytest.mark.parametrize("in_shards", [False, True], ids=["chunks", "shards"])
@pytest.mark.parametrize("name", V3_CODECS)
def test_codecs_of_format_3_store_and_read_the_same_on_both_paths(name, in_shards, tmp_path_factory):
    dtype, codecs = V3_CODECS[name]

    @settings(max_examples=10)
    @given(data=st.data(), chunks=st.sampled_from([(5, 7), (20, 30)]), in_files=st.booleans())
    def check(data, chunks, in_files):
        options = {"shape": (40, 60), "chunks": chunks, "dtype": dtype, "codecs": codecs, "zarr_format": 3}
        if in_shards:
            options |= {"shards": tuple(2 * n for n in chunks)}
        check_both_paths(data, options, tmp_path_factory.mktemp("stores") if in_files else None)

    check()


@pytest.mark.parametrize("dtype", ["i1", "u1", "<i2", ">i2", "u4", "<i8", ">u8", "<f4", ">f8"])
@pytest.mark.parametrize("n", [1, 2, 3, 7, 8, 9, 255, 256, 257])
def test_chunks_of_every_length_and_type_are_the_same_on_both_paths(dtype, n):
    size = np.dtype(dtype).itemsize
    for filters in (
        [Delta(dtype)],
        [Shuffle(size)],
        [AsType(dtype.replace("u", "i"), dtype)],
        [Delta(dtype), Shuffle(size), CRC32()],
        [JenkinsLookup3(1), Adler32(location="end")],
    ):
        options = {
            "shape": n,
            "chunks": n,
            "dtype": dtype,
            "filters": filters,
            "compressor": LZ4(),
            "zarr_format": 2,
        }
        stores = [{}, {}]
        for number, store in enumerate(stores):
            created(options, number == 0, store)[:] = values_of(n, dtype)
        assert bytes(stores[0]["0"]) == bytes(stores[1]["0"])
        assert same_bits(zarrcy.open_array(stores[0])[:], values_of(n, dtype))


# name: data type of the array, filters, values that the filters lose or compute with a warning
EXCEPTIONAL = {
    "difference that wraps": ("i4", [Delta("i4", "i1")], [0, 1000, 3]),
    "first element that wraps": ("i4", [Delta("i4", "i1")], [1000, 1000, 1001]),
    "integer out of range": ("i4", [AsType("i2", "i4")], [1, 2**20, 3]),
    "negative integer": ("i4", [AsType("u4", "i4")], [-1, 2, 3]),
    "integer that is not a float": ("i8", [AsType("f4", "i8")], [2**24 + 1, 0, 0]),
    "largest integer": ("i8", [AsType("f8", "i8")], [2**63 - 1, 0, 0]),
    "float out of range": ("f8", [AsType("f4", "f8")], [1e300, -1e300, 1]),
    "not a number to an integer": ("f8", [AsType("i4", "f8")], [np.nan, np.inf, 1]),
    "scaled out of range": ("f8", [FixedScaleOffset(0, 10, "f8", "u1")], [1, 100, -5]),
    "scaled to infinity": ("f8", [FixedScaleOffset(0, 1e20, "f8", "f8")], [1e300, np.inf, np.nan]),
    "quantized to infinity": ("f8", [Quantize(9, "f8")], [1e308, np.inf, -np.nan]),
    "difference that is infinite": ("f8", [Delta("f8")], [1e308, -1e308, np.inf]),
    "differences of infinity": ("f4", [Delta("f4")], [np.inf, np.inf, np.nan]),
    "rounded not-a-number": ("f4", [BitRound(3)], [np.nan, np.inf, -np.inf]),
    "byte that is not a Boolean": ("u1", [PackBits()], [0, 1, 2]),
}


def outcome(action):
    """Return the result of an action, or its error, with its warnings. The error does not name the path."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = action()
        except (ChunkDecodeError, ChunkEncodeError) as exc:
            return type(exc), str(exc), exc.key
    return result, sorted({str(warning.message) for warning in caught})


@pytest.mark.parametrize("name", EXCEPTIONAL)
@pytest.mark.parametrize("compressor", [None, LZ4()], ids=["raw", "lz4"])
def test_values_that_a_filter_loses_give_the_same_error_or_warning_on_both_paths(name, compressor):
    dtype, filters, values = EXCEPTIONAL[name]
    options = {
        "shape": 3,
        "chunks": 3,
        "dtype": dtype,
        "filters": filters,
        "compressor": compressor,
        "zarr_format": 2,
    }
    outcomes, stores = [], [{}, {}]
    for number, store in enumerate(stores):
        a = created(options, number == 0, store)

        def write_and_read(a=a):
            a[:] = np.array(values, dtype)
            return a[:].tobytes()

        outcomes.append(outcome(write_and_read))
    assert outcomes[0] == outcomes[1]
    assert [bytes(store.get("0", b"")) for store in stores] == [bytes(stores[0].get("0", b""))] * 2


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("compressor", ["raw", "blosc", "zlib"])
def test_damaged_chunks_give_the_same_result_or_error_on_both_paths(name, compressor):
    dtype, filters = FILTERS[name]
    if any(isinstance(f, Zlib) for f in filters):
        compressor = "raw"
    n = 60
    store = {}
    a = zarrcy.create(
        n, chunks=n, dtype=dtype, filters=filters, compressor=COMPRESSORS[compressor], store=store
    )
    a[:] = values_of(n, dtype)
    good = bytes(store["0"])
    rng = np.random.default_rng(len(good))
    damaged = [good[:length] for length in (0, 1, 3, 4, 5, len(good) - 1)] + [good + b"\0", bytes(len(good))]
    damaged += [
        good[:at] + bytes([good[at] ^ (1 << int(rng.integers(8)))]) + good[at + 1 :]
        for at in rng.integers(0, len(good), 40).tolist()
    ]
    for value in damaged:
        store["0"] = value
        outcomes = []
        for is_native in (True, False):
            with overriding(IOPolicy(use_native_path=is_native)):
                b = zarrcy.open_array(store, mode="r")
                # NumPy warns of a NaN that is signalling
                with np.errstate(invalid="ignore"):
                    outcomes.append(outcome(lambda b=b: b[:].tobytes()))
        assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("make", [CRC32, Adler32, Fletcher32, JenkinsLookup3])
@pytest.mark.parametrize("compressor", ["raw", "blosc", "zstd"])
def test_a_wrong_checksum_names_the_key_and_the_codec(make, location, compressor, tmp_path):
    codec = make(location=location) if make in (CRC32, Adler32) else make()
    options = {"shape": (4, 6), "chunks": (2, 3), "dtype": "i4", "filters": [codec], "zarr_format": 2}
    a = zarrcy.create(**options, compressor=COMPRESSORS[compressor], store=tmp_path)
    a[:] = 7
    assert a.chunk_io.context.native_path is not None
    path = tmp_path / "1.0"
    data = bytearray(path.read_bytes())
    data[-6] ^= 64
    path.write_bytes(bytes(data))
    with pytest.raises(ChunkDecodeError) as caught:
        a[:]
    assert caught.value.key == "1.0"
    if compressor == "raw":
        assert codec.codec_id in str(caught.value)
    assert (a[:2] == 7).all(), "other chunks are read"


@pytest.mark.parametrize(
    "options",
    [
        {"filters": [numcodecs.Categorize(["a", "b"], "U1")], "dtype": "U1"},
        {"filters": [Delta("i4")], "compressor": numcodecs.BZ2()},
        {"filters": [FixedScaleOffset(0, 10, "i4", "i4")]},
        {"filters": [BitRound(3)], "dtype": "f8", "compressor": numcodecs.LZMA()},
        {"filters": [AsType("M8[ms]", "M8[s]")], "dtype": "M8[s]"},
        {"filters": [Zlib(1)], "compressor": LZ4()},
    ],
    ids=str,
)
def test_other_pipelines_use_the_fallback_path(options):
    a = zarrcy.create(
        **{"shape": 20, "chunks": 8, "dtype": "i4", "zarr_format": 2, "fill_value": None} | options
    )
    assert a.chunk_io.context.native_path is None
    value = np.array(["a"] * 20) if a.dtype.kind == "U" else np.arange(20).astype(a.dtype)
    a[:] = value
    assert same_bits(a[:], value) or a.dtype.kind == "f"


def test_threads_share_the_chunks_of_an_array_with_filters(tmp_path):
    values = np.cumsum(np.ones((512, 512), "i4"), axis=1, dtype="i4")
    a = zarrcy.create(
        (512, 512), chunks=(32, 512), dtype="i4", filters=[Delta("i4"), Shuffle(4)], store=tmp_path
    )
    assert a.chunk_io.context.is_shareable
    for number_of_threads in (1, 4):
        with zarrcy.use_threads(number_of_threads):
            a[:] = values * number_of_threads
            assert np.array_equal(a[:], values * number_of_threads)


def test_pairs_of_filters_and_compressors_are_native():
    for (dtype, filters), compressor in product(FILTERS.values(), COMPRESSORS.values()):
        options = {"shape": 24, "chunks": 24, "dtype": dtype, "zarr_format": 2}
        if compressor is None or not any(isinstance(f, Zlib) for f in filters):
            created({**options, "filters": filters, "compressor": compressor}, True, {})
