"""Errors have the class that users expect and name the array, the key or axis, the value and the remedy."""

import json
import pickle

import numpy as np
import pytest

import zarrcy
from zarrcy import errors


@pytest.fixture
def a():
    return zarrcy.create((4, 6), chunks=(2, 3), dtype="i4", store={}, path="x/y", compressor=None)


@pytest.mark.parametrize("mode", ["r", "r+"])
def test_opening_a_missing_node_raises_an_error_with_its_path(mode, tmp_path):
    for store in ({}, tmp_path / "none.zarr"):
        with pytest.raises(errors.ArrayNotFoundError, match="no array at 'a/b'") as caught:
            zarrcy.open_array(store, mode=mode, path="/a//b/")
        assert isinstance(caught.value, ValueError)
        assert isinstance(caught.value, KeyError)
        with pytest.raises(errors.PathNotFoundError, match="nothing at the root"):
            zarrcy.open(store, mode=mode)
    assert not (tmp_path / "none.zarr").exists(), "opening does not create a directory"
    with pytest.raises(errors.ArrayNotFoundError):
        zarrcy.Array({})


def test_opening_an_array_to_create_it_needs_a_shape():
    with pytest.raises(TypeError, match="give a shape"):
        zarrcy.open_array({}, mode="a")
    with pytest.raises(TypeError, match="give a shape"):
        zarrcy.open_array({}, mode="w")


@pytest.mark.parametrize("mode", ["w-", "x"])
def test_modes_that_only_create_refuse_an_existing_node(a, mode):
    with pytest.raises(errors.ContainsArrayError, match="'x/y' already holds an array"):
        zarrcy.open_array(a.store, mode=mode, shape=1, path="x/y")
    with pytest.raises(errors.ContainsArrayError):
        zarrcy.create(1, store=a.store, path="x/y")
    with pytest.raises(errors.ContainsGroupError, match="'x' already holds a group"):
        zarrcy.open_array(a.store, mode=mode, shape=1, path="x")
    assert a[:].shape == (4, 6)


def test_a_node_cannot_be_created_below_an_array(a):
    with pytest.raises(errors.ContainsArrayError, match="'x/y'"):
        zarrcy.zeros(1, store=a.store, path="x/y/z")


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="mode is 'rw'"):
        zarrcy.open({}, mode="rw")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        (4, "index 4 is out of bounds for axis 0 with size 4"),
        (-5, "index -5 is out of bounds for axis 0 with size 4"),
        ((0, 6), "index 6 is out of bounds for axis 1 with size 6"),
        ((..., -7), "index -7 is out of bounds for axis 1 with size 6"),
        ((None, 0, 2**80), "axis 1 with size 6"),
        ((np.int64(9),), "index 9 is out of bounds for axis 0"),
    ],
)
def test_an_index_beyond_the_end_raises_an_error_with_axis_and_length(a, key, message):
    for access in (lambda: a[key], lambda: a.__setitem__(key, 0)):
        with pytest.raises(errors.BoundsCheckError, match=message) as caught:
            access()
        assert isinstance(caught.value, IndexError)
        assert "(4, 6)" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ((0, 0, 0), "too many indices.*2-dimensional, but 3"),
        ((..., ...), "single ellipsis"),
        (1.5, "1.5"),
        ("x", "'x'"),
        (True, "Boolean"),
    ],
)
def test_an_invalid_selection_is_an_index_error(a, key, message):
    with pytest.raises(IndexError, match=message):
        a[key]
    with pytest.raises(IndexError, match=message):
        a[key] = 0


def test_a_step_of_zero_and_a_fractional_bound_raise_the_errors_of_numpy(a):
    with pytest.raises(ValueError, match="step"):
        a[::0]
    with pytest.raises(TypeError, match="indices"):
        a[1.5:]


@pytest.mark.parametrize("shape", [(5, 6), (4,), (3,), (2, 4, 6), (0,), (4, 6, 1)])
def test_a_value_of_a_wrong_shape_is_refused_before_the_first_write(a, shape):
    before = dict(a.store)
    with pytest.raises(errors.ValueShapeError) as caught:
        a[...] = np.ones(shape)
    assert str(shape) in str(caught.value)
    assert "(4, 6)" in str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert dict(a.store) == before


def test_a_value_with_too_many_axes_is_refused_even_for_an_empty_selection():
    with pytest.raises(errors.ValueShapeError):
        zarrcy.zeros((0,), dtype="i4")[...] = np.empty((2, 0))


def test_a_value_that_cannot_be_cast_is_refused_before_the_first_write(a):
    before = dict(a.store)
    with pytest.raises((ValueError, TypeError)):
        a[0] = "text"
    assert dict(a.store) == before


def test_a_read_only_array_refuses_all_changes(a):
    frozen = zarrcy.open_array(a.store, mode="r", path="x/y")
    before = dict(a.store)
    changes = [
        lambda: frozen.__setitem__(0, 1),
        lambda: frozen.set_basic_selection(0, 1),
        lambda: frozen.resize(1, 1),
        lambda: frozen.append(np.zeros((1, 6))),
        lambda: setattr(frozen, "fill_value", 3),
        lambda: setattr(frozen, "shape", (1, 1)),
        lambda: frozen.attrs.__setitem__("a", 1),
        lambda: frozen.attrs.update(a=1),
        lambda: frozen.attrs.put({}),
        lambda: frozen.attrs.__delitem__("a"),
    ]
    for change in changes:
        with pytest.raises(errors.ReadOnlyError, match=r"read-only.*'x/y'"):
            change()
    assert dict(a.store) == before
    assert issubclass(errors.ReadOnlyError, PermissionError)


def test_out_must_have_the_shape_and_data_type_of_the_selection(a):
    with pytest.raises(ValueError, match=r"out has shape \(4,\), the selection has shape \(4, 6\)"):
        a.get_basic_selection(out=np.zeros(4, "i4"))
    with pytest.raises(ValueError, match="data type float64"):
        a.get_basic_selection(out=np.zeros((4, 6)))
    with pytest.raises(TypeError, match="list"):
        a.get_basic_selection(out=[])
    frozen = np.zeros((4, 6), "i4")
    frozen.flags.writeable = False
    with pytest.raises(ValueError, match=r"read-only"):
        a.get_basic_selection(out=frozen)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"order": "K"}, "order is 'K'"),
        ({"dimension_separator": "-"}, "dimension_separator is '-'"),
        ({"chunks": 0}, "1 or more"),
        ({"chunks": (1, 2, 3)}, "more axes"),
        ({"compressor": 5}, "5 is not a codec"),
        ({"compressor": {"id": "nonesuch"}}, "nonesuch"),
        ({"filters": ["delta"]}, "is not a codec"),
        ({"fill_value": "x"}, "fill value 'x'"),
        ({"fill_value": 2**40, "dtype": "i4"}, "fill value 1099511627776.*int32"),
        ({"fill_value": 0.5, "dtype": "i4"}, "fill value 0.5"),
        ({"dtype": "O"}, "missing object_codec"),
        ({"dtype": "S"}, "0 bytes"),
        ({"dtype": [("a", "O")]}, "objects in fields"),
        ({"zarr_format": 7}, "zarr_format=7"),
        ({"zarr_version": 7}, "zarr_version=7"),
        ({"shape": -1}, "length must be 0 or more"),
        ({"path": "a/../b"}, "'..' segments"),
        ({"path": "./b"}, "'.'"),
    ],
    ids=str,
)
def test_an_invalid_argument_is_named_in_the_error(arguments, message):
    store = {}
    with pytest.raises(ValueError, match=message):
        zarrcy.create(**{"shape": (2, 2), "store": store} | arguments)
    assert store == {}, "a refused array writes nothing"


def test_an_unknown_data_type_is_a_type_error():
    with pytest.raises(TypeError, match=r"'nonesuch' is not a data type"):
        zarrcy.create(1, dtype="nonesuch")
    with pytest.raises(TypeError, match="shape is None"):
        zarrcy.create(None)


def test_an_object_that_is_not_a_store_is_refused():
    with pytest.raises(TypeError, match="is not a store"):
        zarrcy.zeros(1, store=5)
    with pytest.raises(ValueError, match="is not a store"):
        zarrcy.zeros(1, store=["a", "list"])


ARRAY = {
    "zarr_format": 2,
    "shape": [4],
    "chunks": [2],
    "dtype": "<i4",
    "compressor": None,
    "filters": None,
    "fill_value": 0,
    "order": "C",
}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"zarr_format": 3}, "'zarr_format' is 3"),
        ({"shape": None}, "'shape' is None; it must be a list"),
        ({"shape": [-1]}, "whole number"),
        ({"shape": [1.5]}, "whole number"),
        ({"shape": [True]}, "whole number"),
        ({"shape": [2**70]}, "whole number"),
        ({"shape": [4, 4]}, "differ in length"),
        ({"shape": [1] * 65, "chunks": [1] * 65}, "65"),
        ({"chunks": "all"}, "'chunks' is 'all'"),
        ({"dtype": "<i3"}, "i3"),
        ({"dtype": "int32, float"}, "is not a data type"),
        ({"dtype": []}, "is not a data type"),
        ({"dtype": [["a"]]}, "is not a field"),
        ({"dtype": [["a", "<i4", [-1]]]}, "is not the shape of a field"),
        ({"dtype": None}, "is not a data type"),
        ({"dtype": "|S0"}, "0 bytes"),
        ({"fill_value": "x"}, "'x'"),
        ({"fill_value": []}, "shape"),
        ({"fill_value": 1e40}, "out of range"),
        ({"order": "A"}, "'order' is 'A'"),
        ({"dimension_separator": "-"}, "'dimension_separator' is '-'"),
        ({"filters": 3}, "'filters' is 3"),
        ({"compressor": "zlib"}, "'zlib' is not the configuration of a codec"),
        ({"compressor": {"id": 5}}, "is not the configuration of a codec"),
        ({"compressor": {"id": "zlib", "nonesuch": 1}}, "zlib"),
    ],
    ids=str,
)
def test_malformed_metadata_raise_an_error_with_key_and_member(change, message):
    store = {"a/.zarray": json.dumps(ARRAY | change).encode()}
    with pytest.raises(errors.MetadataError, match=message) as caught:
        zarrcy.Array(store, path="a")
    assert caught.value.key == "a/.zarray"
    assert "'a/.zarray'" in str(caught.value)


@pytest.mark.parametrize("missing", ["zarr_format", "shape", "chunks", "dtype"])
def test_a_missing_member_is_named_in_the_error(missing):
    members = {name: value for name, value in ARRAY.items() if name != missing}
    with pytest.raises(errors.MetadataError, match=f"lacks '{missing}'"):
        zarrcy.Array({".zarray": json.dumps(members).encode()})


@pytest.mark.parametrize(
    "document", [b"", b"{", b"[]", b"5", b"\xff\xfe", b"[" * 100000], ids=lambda b: repr(b[:6])
)
def test_a_document_that_is_not_a_json_object_is_refused(document):
    with pytest.raises(errors.MetadataError, match=r"'\.zarray'"):
        zarrcy.Array({".zarray": document})
    store = {".zarray": json.dumps(ARRAY).encode(), ".zattrs": document}
    with pytest.raises(errors.MetadataError, match=r"'\.zattrs'"):
        zarrcy.Array(store).attrs.asdict()


def test_the_error_for_an_unknown_codec_advises_what_to_install():
    store = {".zarray": json.dumps(ARRAY | {"compressor": {"id": "nonesuch"}}).encode()}
    with pytest.raises(errors.CodecNotAvailableError, match=r"'nonesuch'.*Install") as caught:
        zarrcy.Array(store)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("compressor", [None, "blosc", "zstd", "lz4", "zlib", "gzip", "bz2", "lzma"])
def test_a_damaged_chunk_raises_an_error_with_key_and_codec(compressor):
    config = None if compressor is None else {"id": compressor}
    a = zarrcy.create(1000, chunks=500, dtype="i4", store={}, path="p", compressor=config)
    a[...] = np.arange(1000)
    good = a.store["p/1"]
    for bad in [b"", good[:1], good[:20], good[:-1], bytes(len(good)), b"\xff" * len(good), bytes(7)]:
        if len(bad) == 2000 and compressor is None:
            continue
        a.store["p/1"] = bad
        assert a[0] == 0, "other chunks can still be read"
        for access in (lambda: a[...], lambda: a[501], lambda: a.__setitem__(501, 1)):
            with pytest.raises(errors.ChunkDecodeError, match=r"'p/1'.*codec") as caught:
                access()
            assert caught.value.nbytes == len(bad)
            assert caught.value.expected == 2000
            assert isinstance(caught.value, (ValueError, RuntimeError))
    a.store["p/1"] = good
    assert a[999] == 999


@pytest.mark.parametrize("compressor", ["blosc", "zstd", "lz4", "zlib", "gzip", "bz2", "lzma"])
@pytest.mark.parametrize("length", [100, 499, 501, 100000])
def test_a_chunk_that_decodes_to_another_length_is_refused(compressor, length):
    a = zarrcy.create(1000, chunks=500, dtype="i4", store={}, compressor={"id": compressor})
    other = zarrcy.create(length, chunks=length, dtype="i4", store={}, compressor={"id": compressor})
    other[...] = 7
    a.store["0"] = other.store["0"]
    with pytest.raises(errors.ChunkDecodeError, match="'0'"):
        a[...]


def test_a_decompression_bomb_does_not_expand():
    import tracemalloc
    import zlib

    a = zarrcy.create(100, chunks=100, dtype="u1", store={}, compressor={"id": "zlib"})
    a.store["0"] = zlib.compress(bytes(200_000_000))
    tracemalloc.start()
    with pytest.raises(errors.ChunkDecodeError, match="more than 100 bytes"):
        a[...]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1_000_000


def test_the_old_value_stays_if_a_codec_refuses_a_chunk():
    a = zarrcy.create(4, chunks=2, dtype=str, store={})
    a[...] = "old"
    with pytest.raises(errors.ChunkEncodeError, match=r"'0'.*vlen-utf8"):
        a[0] = 5
    assert a[:].tolist() == ["old"] * 4


@pytest.mark.parametrize(
    "error",
    [
        errors.MetadataError("k", "p"),
        errors.StrictJSONError("the attribute 'a'", 1e999, "k"),
        errors.CodecNotAvailableError("k", "c"),
        errors.ArrayNotFoundError("a"),
        errors.ContainsGroupError("a"),
        errors.ReadOnlyError("a"),
        errors.SelectionError("p", (1,)),
        errors.BoundsCheckError(3, 0, (1,)),
        errors.ValueShapeError((1,), (2,), "a"),
        errors.ChunkDecodeError("k", "zlib", 1, 2, "p"),
        errors.ChunkEncodeError("k", "zlib", "p"),
        errors.KeyPathError("k", "p"),
        errors.MissingExtraError("h5py", "netcdf", "this"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_errors_can_be_pickled(error):
    back = pickle.loads(pickle.dumps(error))
    assert type(back) is type(error)
    assert str(back) == str(error)
    assert vars(back) == vars(error)


@pytest.mark.parametrize(
    ("codec", "package"),
    [
        ("imagecodecs_jpeg2k", "imagecodecs"),
        ("szip", "imagecodecs"),
        ("numcodecs.imagecodecs_lzw", "imagecodecs"),
        ("grib", "kerchunk"),
        ("gribscan.rawgrib", "gribscan"),
        ("FITSAscii", "kerchunk"),
        ("flac", "flac-numcodecs"),
        ("wavpack", "wavpack-numcodecs"),
        ("zfpy", "zfpy"),
        ("nonesuch", None),
    ],
)
def test_the_error_of_a_codec_that_is_missing_names_its_package(codec, package):
    error = errors.CodecNotAvailableError("a/.zarray", codec)
    assert error.package == package
    assert codec in str(error)
    assert f"Install the package {package or 'that provides it'}" in str(error)
    assert pickle.loads(pickle.dumps(error)).package == package


def test_opening_an_array_of_a_codec_that_is_missing_names_its_package():
    document = {"zarr_format": 2, "shape": [3], "chunks": [3], "dtype": "|u1", "fill_value": 0, "order": "C"}
    for member in ({"compressor": {"id": "imagecodecs_jpeg"}}, {"filters": [{"id": "imagecodecs_delta"}]}):
        full = {"compressor": None, "filters": None, **document, **member}
        with pytest.raises(errors.CodecNotAvailableError, match="Install the package imagecodecs and call"):
            zarrcy.open_array({".zarray": json.dumps(full).encode()}, mode="r")
