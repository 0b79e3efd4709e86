"""A new array whose codecs cannot hold its chunks is refused before it exists."""

import numcodecs
import numpy as np
import pytest

import zarrcy

GIB = 2**30
BLOSC_MOST, LZ4_MOST = 2**31 - 17, 0x7E000000
FORMATS = [2, 3, "3-draft"]
each_format = pytest.mark.parametrize("zarr_format", FORMATS)


def create(zarr_format=2, **kwargs):
    """Create an array; nothing must be stored if it is refused."""
    store = {}
    kwargs = {"shape": 5, "fill_value": None if kwargs.get("dtype") is object else 0, **kwargs}
    try:
        return zarrcy.create(**kwargs, store=store, zarr_format=zarr_format)
    except ValueError:
        assert store == {}
        raise


@each_format
@pytest.mark.parametrize(
    ("codec", "most"), [(numcodecs.Blosc(), BLOSC_MOST), (numcodecs.LZ4(), LZ4_MOST)], ids=["blosc", "lz4"]
)
@pytest.mark.parametrize("itemsize", [1, 8])
def test_a_chunk_longer_than_a_codec_takes_is_refused(zarr_format, codec, most, itemsize):
    n = most // itemsize
    for chunks, is_refused in (((n,), False), ((n + 1,), True), ((1, n + 1), True), ((n // 3, 3), False)):
        kwargs = {"shape": chunks, "chunks": chunks, "dtype": f"u{itemsize}", "compressor": codec}
        if zarr_format == "3-draft" and codec.codec_id == "blosc":
            kwargs["filters"] = None
        if is_refused:
            with pytest.raises(ValueError, match=f"{codec.codec_id}.*at most {most}; choose smaller chunks"):
                create(zarr_format, **kwargs)
        else:
            create(zarr_format, **kwargs)


def test_the_length_at_the_point_of_the_codec_counts():
    blosc = numcodecs.Blosc()
    kwargs = {"shape": GIB, "chunks": GIB, "compressor": blosc}
    create(dtype="u8", filters=[numcodecs.AsType("u1", "u8")], **kwargs)
    with pytest.raises(ValueError, match="blosc"):
        create(dtype="u1", filters=[numcodecs.AsType("u8", "u1")], **kwargs)
    with pytest.raises(ValueError, match="blosc"):
        create(dtype="u1", filters=[blosc], shape=3 * GIB, chunks=3 * GIB, compressor=None)


def test_inside_shards_the_length_of_an_inner_chunk_counts():
    create(3, shape=4 * GIB, chunks=GIB, shards=4 * GIB, dtype="u1")
    with pytest.raises(ValueError, match="blosc"):
        create(3, shape=8 * GIB, chunks=4 * GIB, shards=8 * GIB, dtype="u1")


def test_more_elements_than_an_object_codec_counts_are_refused():
    for codec in (numcodecs.VLenUTF8(), numcodecs.VLenBytes(), numcodecs.VLenArray("i4")):
        with pytest.raises(ValueError, match="elements"):
            create(dtype=object, object_codec=codec, shape=2**31, chunks=2**31)


@pytest.mark.parametrize("zarr_format", FORMATS[:2])
@pytest.mark.parametrize("kind", ["zstd", "zlib", "gzip", "bz2", "lzma", None])
def test_codecs_without_a_limit_take_chunks_above_2_gib(zarr_format, kind):
    create(zarr_format, shape=3 * GIB, chunks=3 * GIB, dtype="u1", compressor=kind and {"id": kind})


DELTA, PACKED = numcodecs.Delta("<i4"), numcodecs.PackBits()
CANNOT_HOLD = {
    "bits of integers": ("i4", [numcodecs.BitRound(3)]),
    "more bits than a float has": ("f4", [numcodecs.BitRound(30)]),
    "text of numbers": ("i4", [numcodecs.VLenUTF8()]),
    "objects for text of fixed length": ("U5", [numcodecs.VLenUTF8()]),
    "elements that do not divide the chunk": ("i4", [numcodecs.Quantize(3, "f8")]),
    "digits beyond a float": ("f4", [numcodecs.Quantize(200, "f4")]),
    "an offset beyond an integer": ("u1", [numcodecs.FixedScaleOffset(1000, 1, "u1")]),
    "a shuffle that does not divide the chunk": ("i4", [numcodecs.Shuffle(3)]),
    "a shuffle of packed bits": ("?", [PACKED, numcodecs.Shuffle(4)]),
    "differences of text": (str, [DELTA]),
    "the second of two": ("f4", [numcodecs.AsType("i4", "f4"), numcodecs.BitRound(3)]),
}
CAN_HOLD = {
    "bits of floats": ("f4", [numcodecs.BitRound(10)]),
    "differences": ("i4", [DELTA]),
    "differences of an array in the other byte order": (">i4", [DELTA]),
    "differences of structures": ([("x", "i4")], [DELTA]),
    "differences of times": ("M8[s]", [numcodecs.Delta("<i8")]),
    "numbers in text": ("U5", [numcodecs.AsType("i4", "U5")]),
    "packed bits": ("?", [PACKED]),
    "packed bits with a checksum": ("?", [PACKED, numcodecs.CRC32()]),
    "a shuffle after a compressor": ("i4", [numcodecs.Zlib(), numcodecs.Shuffle(1)]),
    "an offset": ("f8", [numcodecs.FixedScaleOffset(1000, 10, "f8", "u1")]),
}


@pytest.mark.parametrize("zarr_format", FORMATS[:2])
@pytest.mark.parametrize(("dtype", "filters"), CANNOT_HOLD.values(), ids=CANNOT_HOLD)
def test_filters_that_cannot_hold_the_elements_are_refused(zarr_format, dtype, filters):
    with pytest.raises(ValueError, match=str(filters[-1].codec_id)):
        create(zarr_format, dtype=dtype, filters=filters)


@pytest.mark.parametrize("shape", [1, 5, 5000, 0])
@pytest.mark.parametrize(("dtype", "filters"), CAN_HOLD.values(), ids=CAN_HOLD)
def test_filters_that_hold_the_elements_are_accepted(dtype, filters, shape):
    create(dtype=dtype, filters=filters, shape=shape)


@pytest.mark.parametrize(
    "codec", [numcodecs.VLenArray(str), numcodecs.VLenArray("S0"), numcodecs.VLenArray("M8[s]")], ids=repr
)
def test_an_object_codec_whose_chunks_cannot_be_decoded_is_refused(codec):
    with pytest.raises(ValueError, match="vlen-array"):
        create(dtype=object, object_codec=codec)
    with pytest.raises(ValueError, match="vlen-array"):
        create(dtype=object, filters=[codec])


TEXTS, OCTETS = np.array(["a", "b", "", "ü", "x"], object), np.array([b"a", b"", b"\0", b"c", b"d"], object)


@each_format
@pytest.mark.parametrize("zlib", [[], [numcodecs.Zlib()]], ids=["alone", "and another"])
@pytest.mark.parametrize(
    ("dtype", "codec", "values"),
    [
        (str, numcodecs.VLenUTF8(), TEXTS),
        (bytes, numcodecs.VLenBytes(), OCTETS),
        (str, {"id": "vlen-utf8"}, TEXTS),
    ],
    ids=["str", "bytes", "configuration"],
)
def test_the_codec_of_a_text_type_may_be_among_the_filters(zarr_format, dtype, codec, values, zlib):
    if zarr_format == "3-draft" and dtype is bytes:
        pytest.skip("the draft has no data type for bytes of any length")
    array = create(zarr_format, dtype=dtype, filters=[codec, *zlib], fill_value=dtype())
    array[:] = values
    assert array[:].tolist() == values.tolist()
    names = [codec.codec_id for codec in array.filters]
    assert names.count("vlen-utf8") + names.count("vlen-bytes") == 1
    again = zarrcy.open_array(array.store, mode="r")
    assert again[:].tolist() == values.tolist()


def test_an_object_codec_given_twice_is_used_once():
    codec = numcodecs.VLenArray("i4")
    array = create(dtype=object, object_codec=codec, filters=[codec])
    array[0] = np.array([1, 2], "i4")
    assert len(array.filters) == 1
    assert array[0].tolist() == [1, 2]


def test_two_different_object_codecs_are_refused():
    for first, second in (
        (numcodecs.VLenUTF8(), numcodecs.VLenBytes()),
        (numcodecs.VLenArray("i4"), numcodecs.VLenArray("i8")),
        (numcodecs.VLenUTF8(), numcodecs.JSON()),
    ):
        with pytest.raises(ValueError, match="both encode objects; give one of them"):
            create(dtype=object, object_codec=first, filters=[second])
