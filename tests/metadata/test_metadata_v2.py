"""The v2 documents have the bytes that zarr-python 2 writes, and every member survives a rewrite."""

import json

import numcodecs
import numpy as np
import pytest
from cases import DTYPES, STRUCTURED, same_bits

import zarrcy


def document(a):
    return json.loads(a.store[".zarray"])


def test_the_document_of_a_new_array_has_sorted_members_an_indent_of_four_and_utf_8():
    a = zarrcy.zeros((4, 6), chunks=(2, 3), dtype="<i4", store={})
    assert a.store[".zarray"] == (
        b'{\n    "chunks": [\n        2,\n        3\n    ],\n    "compressor": {\n        "blocksize": 0,\n'
        b'        "clevel": 5,\n        "cname": "lz4",\n        "id": "blosc",\n        "shuffle": 1\n    },\n'
        b'    "dtype": "<i4",\n    "fill_value": 0,\n    "filters": null,\n    "order": "C",\n    "shape": [\n'
        b'        4,\n        6\n    ],\n    "zarr_format": 2\n}'
    )
    a.attrs["name"] = "größe"
    assert a.store[".zattrs"] == '{\n    "name": "größe"\n}'.encode()


@pytest.mark.parametrize("dtype", [*DTYPES, STRUCTURED, "V5"], ids=str)
def test_every_data_type_survives_a_round_trip(dtype):
    a = zarrcy.zeros(3, dtype=dtype, store={})
    assert zarrcy.open_array(a.store).dtype == a.dtype == np.dtype(dtype)


FILLS = [
    ("f8", np.nan, "NaN"),
    ("f4", np.inf, "Infinity"),
    ("f2", -np.inf, "-Infinity"),
    ("f8", -0.0, -0.0),
    ("f4", 0.1, 0.10000000149011612),
    ("f8", None, None),
    ("c8", complex(-0.0, np.nan), [-0.0, "NaN"]),
    ("c16", complex(1, -np.inf), [1.0, "-Infinity"]),
    ("u8", 2**64 - 1, 18446744073709551615),
    ("i8", -(2**63), -9223372036854775808),
    ("?", True, True),
    ("S5", b"abc", "YWJj"),
    ("U3", "é", "é"),
    ("M8[ns]", np.datetime64("NaT", "ns"), -9223372036854775808),
    ("M8[D]", np.datetime64("2020-01-01"), 18262),
    ("m8[s]", np.timedelta64(-5, "s"), -5),
    ("V3", b"\1\2\3", "AQID"),
    ([("x", "<f4"), ("y", "<i2")], (1.5, 7), "AADAPwcA"),
]


@pytest.mark.parametrize(("dtype", "value", "json_value"), FILLS, ids=lambda x: str(x).replace(" ", ""))
def test_every_fill_value_survives_a_round_trip_bit_for_bit(dtype, value, json_value):
    a = zarrcy.full(4, value, dtype=dtype, chunks=2, store={})
    written = document(a)["fill_value"]
    assert written == json_value
    assert repr(written) == repr(json_value), "the sign of zero too"
    again = zarrcy.open_array(a.store, mode="r")
    if value is None:
        assert again.fill_value is None
    else:
        wanted = np.zeros(1, dtype)
        wanted[0] = np.void(value) if dtype == "V3" else value
        assert same_bits(again[:1], wanted)
        assert np.asarray(again.fill_value, dtype).tobytes() == wanted.tobytes()


@pytest.mark.parametrize(
    ("dtype", "json_value", "value"),
    [
        ("S3", "", b""),
        ("S3", 0, b""),
        ("S3", "abc", b"abc"),
        ("S3", "YWJj", b"abc"),
        ("f8", 5, 5.0),
        ("i4", 1.0, 1),
        ("?", 0, False),
    ],
)
def test_fill_values_of_old_writers_are_read(dtype, json_value, value):
    a = zarrcy.zeros(2, dtype=dtype, store={})
    a.store[".zarray"] = json.dumps(document(a) | {"fill_value": json_value}).encode()
    assert zarrcy.open_array(a.store)[0] == value


@pytest.mark.parametrize("member", ["compressor", "filters", "order", "fill_value"])
def test_missing_members_have_their_defaults(member):
    a = zarrcy.zeros((2, 2), dtype="i4", compressor=None, store={})
    a.store[".zarray"] = json.dumps({k: v for k, v in document(a).items() if k != member}).encode()
    again = zarrcy.open_array(a.store)
    assert (again[...] == 0).all()
    assert (again.order, again.compressor, again.filters) == ("C", None, None)


def test_unknown_members_survive_a_rewrite():
    a = zarrcy.zeros(4, store={})
    a.store[".zarray"] = json.dumps(document(a) | {"_nczarr_array": {"dimrefs": ["/x"]}}).encode()
    again = zarrcy.open_array(a.store)
    with pytest.warns(UserWarning, match="netCDF-C will refuse the array"):
        again.resize(8)
    assert document(again)["_nczarr_array"] == {"dimrefs": ["/x"]}
    assert document(again)["shape"] == [8]


def test_zstd_states_its_checksum_only_if_it_has_one():
    plain = zarrcy.zeros(1, compressor=numcodecs.Zstd(3), store={})
    checked = zarrcy.zeros(1, compressor=numcodecs.Zstd(3, checksum=True), store={})
    assert document(plain)["compressor"] == {"id": "zstd", "level": 3}
    assert document(checked)["compressor"] == {"id": "zstd", "level": 3, "checksum": True}


def test_order_filters_and_compressor_are_parsed():
    filters = [numcodecs.Delta("<i4"), numcodecs.Shuffle(4)]
    a = zarrcy.zeros((2, 2), dtype="<i4", order="F", filters=filters, compressor=numcodecs.Zlib(3), store={})
    again = zarrcy.open_array(a.store)
    assert again.order == "F"
    assert again.filters == filters
    assert again.compressor == numcodecs.Zlib(3)
    assert again.compression == "zlib"
    assert again.compression_opts == {"id": "zlib", "level": 3}
    assert again[...].flags.f_contiguous


def test_fortran_order_is_the_fortran_dump_of_the_chunk():
    a = zarrcy.array(np.array([[0, 1, 2], [3, 4, 5]], "u1"), order="F", compressor=None, store={})
    assert a.store["0.0"] == bytes([0, 3, 1, 4, 2, 5])
    text = zarrcy.array(
        np.array([["a", "b"], ["c", "d"]], object),
        object_codec=numcodecs.VLenUTF8(),
        order="F",
        compressor=None,
        store={},
    )
    assert text.store["0.0"] == b"\4\0\0\0" + b"".join(b"\1\0\0\0" + c for c in (b"a", b"c", b"b", b"d"))


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1)])
def test_arrays_without_axes_or_elements_survive_a_round_trip(shape):
    a = zarrcy.create(shape, dtype="i4", store={}, fill_value=5)
    assert a[...].shape == shape
    a[...] = 7
    assert (a[...] == 7).all()
    assert zarrcy.open_array(a.store)[...].tolist() == np.full(shape, 7).tolist()
    assert a.nchunks_initialized == a.nchunks == (1 if np.prod(shape) else 0)


def test_a_sub_array_type_becomes_axes_of_the_array():
    a = zarrcy.zeros(3, dtype=("<i4", (2,)))
    assert (a.shape, a.dtype) == ((3, 2), np.dtype("<i4"))


def test_strings_that_were_never_written_are_empty():
    for dtype, empty in ((str, ""), (bytes, b"")):
        a = zarrcy.create(3, dtype=dtype, chunks=2, store={})
        assert a[:].tolist() == [empty] * 3
        a[0] = empty * 2 or empty
        assert zarrcy.open_array(a.store)[:].tolist() == [empty] * 3
    a = zarrcy.full(3, b"a\0", dtype=bytes, store={})
    assert zarrcy.open_array(a.store)[:].tolist() == [b"a\0"] * 3


def test_arrays_with_equal_documents_do_not_share_mutable_objects():
    store = {}
    for name in "ab":
        zarrcy.zeros((4, 4), chunks=2, dtype="i4", compressor=numcodecs.Zlib(1), store=store, path=name)
    assert store["a/.zarray"] == store["b/.zarray"]
    a, b = (zarrcy.open_array(store, path=name) for name in "ab")
    a.compressor.level = 9
    assert b.compressor.level == 1
    assert zarrcy.open_array(store, path="a").compressor.level == 1


def test_a_newly_registered_codec_applies_to_cached_documents():
    class Fashion(numcodecs.Zlib):
        codec_id = "fashion"

    class NewFashion(numcodecs.Zlib):
        codec_id = "fashion"

    store = {}
    numcodecs.register_codec(Fashion)
    try:
        zarrcy.zeros(4, dtype="i4", compressor=Fashion(1), store=store)
        assert type(zarrcy.open_array(store).compressor) is Fashion
        numcodecs.register_codec(NewFashion)
        assert type(zarrcy.open_array(store).compressor) is NewFashion
    finally:
        del numcodecs.registry.codec_registry["fashion"]
    with pytest.raises(zarrcy.errors.CodecNotAvailableError):
        zarrcy.open_array(store)


def test_the_default_separator_of_a_store_applies_to_cached_documents():
    document = zarrcy.zeros((2, 2), chunks=1, store={}, compressor=None).store[".zarray"]
    documents = {".zarray": document, "1.0": np.ones(1).tobytes(), "1/0": np.full(1, 2.0).tobytes()}
    for separator, value in ((".", 1.0), ("/", 2.0), (".", 1.0)):
        a = zarrcy.open_array(zarrcy.KVStore(dict(documents), dimension_separator=separator))
        assert a[1, 0] == value
