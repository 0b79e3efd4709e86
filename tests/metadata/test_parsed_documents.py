"""A document is parsed once, and arrays whose documents are equal share nothing that can change."""

import json
from collections import Counter

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.errors import MetadataError
from zarrcy.metadata.json_writer import V3_STYLE, dump_json

FORMATS = pytest.mark.parametrize("zarr_format", [2, 3])
CODECS = {
    "the default": {},
    "gzip": {"compressor": numcodecs.GZip(3)},
    "a filter": {"filters": [numcodecs.Delta("<i4")], "compressor": numcodecs.Zstd(1)},
    "a checksum": {"checksum": True},
}
PIPELINES = pytest.mark.parametrize("codecs", CODECS.values(), ids=CODECS)


def created(zarr_format, **kwargs):
    """Return a new array in a store of its own."""
    return zarrcy.create((8, 6), chunks=(4, 3), dtype="<i4", zarr_format=zarr_format, store={}, **kwargs)


def document_of(array):
    (document,) = [value for key, value in array.store.items() if key in (".zarray", "zarr.json")]
    return document


def codecs_of(array):
    return [*(array.filters or []), array.compressor]


@FORMATS
@PIPELINES
def test_each_array_has_codecs_of_its_own(zarr_format, codecs):
    created(zarr_format, **codecs)
    arrays = [created(zarr_format, **codecs), created(zarr_format, **codecs)]
    arrays += [zarrcy.open_array(array.store) for array in arrays for _ in range(2)]
    for kind in zip(*map(codecs_of, arrays), strict=True):
        assert len({id(codec) for codec in kind}) == len(kind)
        assert len({json.dumps(codec.get_config()) for codec in kind}) == 1


@FORMATS
def test_a_changed_codec_of_one_array_does_not_change_another(zarr_format):
    array = created(zarr_format, compressor=numcodecs.Zstd(7))
    for other in (created(zarr_format, compressor=numcodecs.Zstd(7)), zarrcy.open_array(array.store)):
        other.compressor.level = 1
    assert zarrcy.open_array(array.store).compressor.level == 7
    assert array.compressor.level == 7


@FORMATS
@PIPELINES
@pytest.mark.parametrize("attributes", [None, {"units": "K"}])
def test_a_new_array_is_what_a_reader_sees(zarr_format, codecs, attributes):
    array = created(zarr_format, attributes=attributes, fill_value=5, **codecs)
    read = zarrcy.open_array(array.store)
    assert repr(read.info_items()) == repr(array.info_items())
    assert (read.filters, read.compressor) == (array.filters, array.compressor)
    assert dict(read.attrs) == dict(array.attrs) == (attributes or {})
    array[...] = np.arange(48).reshape(8, 6)
    np.testing.assert_array_equal(read[...], array[...])


def test_attributes_of_equal_arrays_do_not_mix():
    arrays = [created(3, attributes={"number": n}) for n in range(3)]
    opened = [zarrcy.open_array(array.store) for array in arrays]
    opened[0].attrs["number"] = 7
    assert [dict(array.attrs) for array in opened] == [{"number": 7}, {"number": 1}, {"number": 2}]


@pytest.mark.parametrize("value", [True, 1.5, "1", None, [1]])
def test_a_value_of_another_type_is_refused_after_an_equal_one_was_parsed(value):
    array = created(3, compressor=numcodecs.GZip(1))
    document = json.loads(document_of(array))
    for _ in range(2):
        zarrcy.open_array({"zarr.json": json.dumps(document).encode()})
    document["codecs"][-1]["configuration"]["level"] = value
    if value == "1":
        assert zarrcy.open_array({"zarr.json": json.dumps(document).encode()}).compressor.level == 1
    else:
        with pytest.raises(MetadataError, match="level"):
            zarrcy.open_array({"zarr.json": json.dumps(document).encode()})


def test_malformed_attributes_are_refused_although_the_rest_was_parsed():
    document = json.loads(document_of(created(3)))
    zarrcy.open_array({"zarr.json": json.dumps(document).encode()})
    document["attributes"] = [1]
    with pytest.raises(MetadataError, match="attributes"):
        zarrcy.open_array({"zarr.json": json.dumps(document).encode()})


def test_a_codec_that_is_registered_later_is_used_for_the_next_array(monkeypatch):
    array = created(3, compressor=numcodecs.BZ2(3))
    zarrcy.open_array(array.store)

    class Other(numcodecs.BZ2):
        codec_id = "bz2"

    monkeypatch.setitem(numcodecs.registry.codec_registry, "bz2", Other)
    assert type(zarrcy.open_array(array.store).compressor) is Other


def test_values_of_numpy_in_the_arguments_become_those_of_json():
    codecs = [
        {"name": "transpose", "configuration": {"order": [1, 0]}},
        {"name": "bytes", "configuration": {"endian": "little"}},
        {"name": "gzip", "configuration": {"level": np.int32(2)}},
    ]
    array = created(3, codecs=codecs, dimension_names=("y", np.str_("x")))
    assert json.loads(document_of(array))["codecs"][2]["configuration"] == {"level": 2}
    read = zarrcy.open_array(array.store)
    assert (read.order, read.compressor, read.dimension_names) == ("F", array.compressor, ("y", "x"))
    copy = zarrcy.zeros_like(array, store={})
    assert copy.compressor.level == 2


@FORMATS
@pytest.mark.parametrize("n_levels", [126, 140])
def test_attributes_that_no_reader_accepts_are_refused_before_the_array_exists(zarr_format, n_levels):
    nested = 1
    for _ in range(n_levels):
        nested = [nested]
    store = {}
    if zarr_format == 3 and n_levels == 140:
        with pytest.raises(MetadataError, match="nested more than 128 deep"):
            zarrcy.zeros(3, store=store, zarr_format=3, attributes={"a": nested})
        assert not store
    elif zarr_format == 3:
        zarrcy.zeros(3, store=store, zarr_format=3, attributes={"a": nested})
        assert zarrcy.open_array(store).attrs["a"] == nested


@FORMATS
def test_creating_equal_arrays_parses_no_document(zarr_format, monkeypatch):
    counts = Counter()
    loads = json.loads

    def counted(*args, **kwargs):
        counts["json.loads"] += 1
        return loads(*args, **kwargs)

    created(zarr_format)
    monkeypatch.setattr(json, "loads", counted)
    for _ in range(3):
        created(zarr_format)
    assert not counts


@pytest.mark.parametrize(
    "value",
    [
        {"b": [1, (2.5, None)], "a": {"é": "\u2028", "": []}, "c": {}},
        {"shape": [True, float("inf"), -0.0, 2**70]},
        {1: {"not": ("a", "name")}, None: [[[]]]},
        [np.int64(4), np.arange(3), {"x": np.float32(0.5)}],
    ],
)
def test_a_document_of_v3_has_the_bytes_of_the_json_module(value):
    plain = json.dumps(value, indent=2, default=lambda item: item.tolist(), ensure_ascii=False)
    assert dump_json(value, "", V3_STYLE) == plain.encode()
