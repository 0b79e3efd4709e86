"""Test ``zarrcy import``: an imported array has the elements that h5py reads from the file."""

from __future__ import annotations

import json
import os
from pathlib import Path

import h5py
import numpy as np
import pytest
from numpy.testing import assert_array_equal

import zarrcy
from zarrcy.cli import main
from zarrcy.cli.errors import EXIT_PARTLY
from zarrcy.cli.import_netcdf import import_file


def strict_json(path: Path):
    """Parse a document strictly: reject NaN and Infinity, which JSON does not have."""

    def reject(name):
        raise AssertionError(f"{path} contains {name}")

    return json.loads(path.read_text(), parse_constant=reject)


@pytest.fixture
def source(tmp_path):
    return tmp_path / "source.nc"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target.zarr"


def opened(target, path):
    return zarrcy.open_array(target / path, mode="r")


def attributes(target, path=""):
    return strict_json(target / path / ".zattrs")


# -- elements ------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
PLAIN = {
    "f4": RNG.random((7, 11)).astype("f4"),
    "big_endian": RNG.integers(0, 999, (5, 4)).astype(">i4"),
    "special": np.array([np.nan, -0.0, np.inf, -np.inf, 5e-324]),
    "half": np.arange(5, dtype="f2"),
    "complex": np.array([1 + 2j, complex(np.nan, -0.0)], "c16"),
    "bool": np.array([[True, False], [False, False]]),
    "fixed_text": np.array([b"abc", b"", b"abcdefghij"], "S10"),
    "opaque": np.frombuffer(bytes(range(15)), "V5"),
    "scalar": np.array(2.5, "f8"),
    "empty": np.empty((0, 3), "i2"),
    "compound": np.array(
        [(1, 2.5, b"x", [1, 2])], [("a", "i1"), ("b", ">f8"), ("c", "S3"), ("d", "u2", (2,))]
    ),
    "large": RNG.integers(0, 9, (60, 80)),
}


@pytest.mark.parametrize("chunks", ["auto", "same", (2, 3)])
def test_elements_of_every_data_type_equal_those_of_the_file(source, target, chunks):
    with h5py.File(source, "w") as file:
        for name, values in PLAIN.items():
            file[name] = values
        file.create_dataset("chunked", data=PLAIN["large"], chunks=(7, 9), compression="gzip", shuffle=True)
    report = import_file(source, target, chunks=chunks)
    assert sorted(item.path for item in report.imported) == sorted([*PLAIN, "chunked"])
    with h5py.File(source) as file:
        for name, dataset in file.items():
            ours, expected = opened(target, name)[...], dataset[()]
            assert np.asarray(ours).dtype == np.asarray(expected).dtype, name
            assert np.asarray(ours).tobytes() == np.asarray(expected).tobytes(), name
            assert np.shape(ours) == dataset.shape, name


def test_strings_of_variable_length_become_str(source, target):
    texts = np.array([["a", "", "äöü"], ["long" * 50, "x\0y"[:1], "日本"]], object)
    with h5py.File(source, "w") as file:
        file.create_dataset("texts", data=texts, dtype=h5py.string_dtype())
        file.create_dataset("scalar", data="hello", dtype=h5py.string_dtype())
        file.create_dataset("latin", data=np.array([b"caf\xe9"], object), dtype=h5py.string_dtype("ascii"))
        file.create_dataset("unwritten", shape=(3,), dtype=h5py.string_dtype())
    report = import_file(source, target, chunks=(2, 2))
    assert_array_equal(opened(target, "texts")[:], texts)
    assert opened(target, "scalar")[()] == "hello"
    assert opened(target, "latin")[0] == "café"
    assert opened(target, "unwritten")[:].tolist() == ["", "", ""]
    sizes = {item.path: item.nbytes for item in report.imported}
    assert sizes["texts"] == sum(len(text.encode()) for text in texts.flat)
    assert [codec.codec_id for codec in opened(target, "texts").filters] == ["vlen-utf8"]


def test_an_enumeration_becomes_integers_and_keeps_its_names_as_attributes(source, target):
    kind = h5py.enum_dtype({"clear sky": 0, "cloudy": 7}, basetype="u1")
    with h5py.File(source, "w") as file:
        file.create_dataset("sky", data=np.array([7, 0, 7], "u1"), dtype=kind)
    import_file(source, target)
    array = opened(target, "sky")
    assert array.dtype == np.dtype("u1")
    assert array[:].tolist() == [7, 0, 7]
    assert array.attrs["flag_values"] == [0, 7]
    assert array.attrs["flag_meanings"] == "clear_sky cloudy"


def test_a_compound_type_loses_the_padding_between_its_fields(source, target):
    gaps = np.zeros(4, np.dtype([("a", "u1"), ("b", "f8"), ("c", bool)], align=True))
    gaps["a"], gaps["b"], gaps["c"] = range(4), np.arange(4) / 3, [1, 0, 0, 1]
    with h5py.File(source, "w") as file:
        file["x"] = gaps
    import_file(source, target)
    array = opened(target, "x")
    assert array.dtype == np.dtype([("a", "u1"), ("b", "<f8"), ("c", bool)])
    assert array[:].tolist() == gaps.tolist()


def test_the_axes_of_an_array_type_become_axes_of_the_array(source, target):
    values = RNG.random((6, 2, 3)).astype("f4")
    with h5py.File(source, "w") as file:
        dataset = file.create_dataset("x", shape=(6,), dtype=np.dtype(("f4", (2, 3))), fillvalue=None)
        dataset[...] = values
    import_file(source, target, chunks=(4, 1, 2))
    assert opened(target, "x").chunks == (4, 1, 2)
    assert_array_equal(opened(target, "x")[:], values)


def test_an_unlimited_axis_gets_its_current_length(source, target):
    with h5py.File(source, "w") as file:
        grown = file.create_dataset("x", shape=(0, 3), maxshape=(None, 3), chunks=(1024, 3), dtype="i4")
        grown.resize(5, axis=0)
        grown[...] = np.arange(15).reshape(5, 3)
        file.create_dataset("never", shape=(0,), maxshape=(None,), dtype="f8")
    import_file(source, target, chunks="same")
    assert opened(target, "x").chunks == (5, 3)
    assert_array_equal(opened(target, "x")[:], np.arange(15).reshape(5, 3))
    assert opened(target, "never").shape == (0,)


@pytest.mark.parametrize("block_nbytes", [1, 4 * 3 * 5 * 8 * 2, 2**20])
def test_each_chunk_is_written_once_whatever_the_size_of_the_blocks(
    source, target, monkeypatch, block_nbytes
):
    values = RNG.integers(0, 99, (23, 17, 5))
    with h5py.File(source, "w") as file:
        file.create_dataset("x", data=values, chunks=(1, 17, 5))
    writes = np.zeros((6, 6, 1), int)
    set_elements = zarrcy.Array.__setitem__

    def count(array, block, value):
        # a block that is not made of whole chunks writes the chunks at its border twice
        writes[
            tuple(slice(s.start // n, -(-s.stop // n)) for s, n in zip(block, (4, 3, 5), strict=True))
        ] += 1
        set_elements(array, block, value)

    monkeypatch.setattr(zarrcy.Array, "__setitem__", count)
    import_file(source, target, chunks=(4, 3, 5), block_nbytes=block_nbytes)
    assert (writes == 1).all()
    assert_array_equal(opened(target, "x")[:], values)


def test_an_import_has_the_requested_chunks_and_compressor(source, target):
    with h5py.File(source, "w") as file:
        file["x"] = np.arange(60).reshape(6, 10)
        file["y"] = np.arange(6)
    options = ["--chunks", "4x100", "--compressor", "zstd", "--level", "7"]
    assert main(["import", str(source), str(target), *options]) == 0
    assert opened(target, "x").chunks == (4, 10)
    assert opened(target, "y").chunks == (6,)
    assert opened(target, "x").compressor.get_config()["level"] == 7
    assert main(["import", str(source), str(target), "--overwrite", "--compressor", "none"]) == 0
    assert opened(target, "x").compressor is None
    assert_array_equal(opened(target, "x")[:], np.arange(60).reshape(6, 10))


@pytest.mark.parametrize(
    ("name", "codec"), [("blosc-lz4", "blosc"), ("blosc-zstd", "blosc"), ("zstd", "zstd"), ("zlib", "zlib")]
)
def test_elements_survive_every_compressor(source, target, name, codec):
    with h5py.File(source, "w") as file:
        file["x"] = np.arange(1000.0)
    assert main(["import", str(source), str(target), "--compressor", name, "--quiet"]) == 0
    assert opened(target, "x").compressor.codec_id == codec
    assert_array_equal(opened(target, "x")[:], np.arange(1000.0))


# -- fill values ---------------------------------------------------------------------------------


def test_only_the_attribute_fill_value_says_that_elements_are_missing(source, target):
    with h5py.File(source, "w") as file:
        file.create_dataset("attribute", data=[1.0], fillvalue=5.0).attrs["_FillValue"] = np.array([1e20])
        file.create_dataset("nan", data=[1.0]).attrs["_FillValue"] = np.nan
        file.create_dataset("dataset", shape=(3,), dtype="i4", fillvalue=-7)
        file.create_dataset("unset", shape=(3,), dtype="i4")
        file.create_dataset("text", shape=(2,), dtype=h5py.string_dtype(), fillvalue="none")
        file.create_dataset("letters", data=np.array([b"a"], "S1")).attrs["_FillValue"] = np.bytes_(b"?")
        words = file.create_dataset("words", shape=(2,), dtype=h5py.string_dtype(), fillvalue="none")
        words.attrs["_FillValue"] = "none"
        file.create_dataset("other", shape=(2,), dtype="i4", fillvalue=5).attrs["_FillValue"] = np.int32(9)
    import_file(source, target)
    assert opened(target, "attribute").fill_value == 1e20
    assert np.isnan(opened(target, "nan").fill_value)
    # readers such as xarray treat elements that equal the fill value as missing
    assert opened(target, "dataset").fill_value is None
    assert opened(target, "dataset")[:].tolist() == [-7, -7, -7]
    assert opened(target, "unset").fill_value is None
    assert opened(target, "text").fill_value is None
    assert opened(target, "text")[:].tolist() == ["none", "none"]
    assert opened(target, "letters").fill_value == b"?"
    assert opened(target, "words").fill_value == "none"
    assert opened(target, "other").fill_value == 9
    assert opened(target, "other")[:].tolist() == [5, 5]


def test_a_fill_value_that_does_not_fit_the_data_type_is_reported(source, target, capsys):
    with h5py.File(source, "w") as file:
        file.create_dataset("x", data=np.array([1], "u1"), fillvalue=9).attrs["_FillValue"] = -1.5
    assert main(["import", str(source), str(target)]) == 0
    assert opened(target, "x").fill_value is None
    assert opened(target, "x").attrs["_FillValue"] == -1.5
    assert "skipped the attribute _FillValue of /x" in capsys.readouterr().err


NETCDF_DEFAULTS = {
    "i1": -127,
    "i2": -32767,
    ">i4": -2147483647,
    "i8": -9223372036854775806,
    "u1": 255,
    "u2": 65535,
    "u4": 4294967295,
    "u8": 18446744073709551614,
    "f4": np.float32(9.9692099683868690e36),
    ">f8": 9.9692099683868690e36,
    "S1": b"",
    "str": "",
}


def create_in_file(file, name, dtype, **options):
    kind = h5py.string_dtype() if dtype == "str" else np.dtype(dtype)
    return file.create_dataset(name, dtype=kind, **options)


def elements(values):
    return [value.decode() if isinstance(value, bytes) else value for value in np.asarray(values).tolist()]


@pytest.mark.parametrize("dtype", list(NETCDF_DEFAULTS))
def test_the_default_fill_value_of_netcdf_is_data(source, target, dtype):
    default = NETCDF_DEFAULTS[dtype]
    with h5py.File(source, "w") as file:
        # netCDF-C sets the fill value of each dataset
        never = create_in_file(file, "never", dtype, shape=(7,), chunks=(2,), fillvalue=default)
        part = create_in_file(file, "part", dtype, shape=(7,), chunks=(2,), fillvalue=default)
        part[3] = "x" if dtype == "str" else b"x" if dtype == "S1" else 1
        expected = elements(never[:]), elements(part[:])
    import_file(source, target, chunks="same")
    for name, values in zip(("never", "part"), expected, strict=True):
        array = opened(target, name)
        assert array.fill_value is None
        assert array.nchunks_initialized == array.nchunks
        assert elements(array[:]) == values
        assert "_FillValue" not in array.attrs


@pytest.mark.parametrize("dtype", list(NETCDF_DEFAULTS))
@pytest.mark.parametrize("sets_fill_value", [True, False])
@pytest.mark.parametrize("chunks", ["auto", (2,)])
def test_variables_shorter_than_an_unlimited_dimension_are_padded(
    source, target, dtype, sets_fill_value, chunks
):
    default = NETCDF_DEFAULTS[dtype]
    options = {"fillvalue": default} if sets_fill_value else {}
    one = "x" if dtype == "str" else b"x" if dtype == "S1" else 1
    with h5py.File(source, "w") as file:
        time = file.create_dataset("time", data=np.arange(3.0), maxshape=(None,), fillvalue=-1.0)
        time.make_scale("time")
        for name, shape in {"empty": (0,), "short": (2,), "group/table": (4, 2), "long": (5,)}.items():
            variable = create_in_file(
                file, name, dtype, shape=shape, maxshape=(None, *shape[1:]), chunks=(2, *shape[1:]), **options
            )
            variable[...] = np.full(shape, one, object if dtype == "str" else dtype)
            variable.dims[0].attach_scale(time)
    import_file(source, target, chunks=chunks)
    (text,), (pad,) = elements([one]), elements(np.array([default]))
    assert opened(target, "time")[:].tolist() == [0, 1, 2, -1, -1]
    assert elements(opened(target, "empty")[:]) == [pad] * 5
    assert elements(opened(target, "short")[:]) == [text] * 2 + [pad] * 3
    assert elements(opened(target, "long")[:]) == [text] * 5
    assert opened(target, "group/table").shape == (5, 2)
    assert elements(opened(target, "group/table")[:, 1]) == [text] * 4 + [pad]
    assert opened(target, "group/table").attrs["_ARRAY_DIMENSIONS"] == ["time", "dim_1"]


def test_an_unlimited_dimension_is_as_long_as_its_longest_variable(source, target):
    with h5py.File(source, "w") as file:
        # netCDF-C writes a dimension without a variable as a dataset whose length may be out of date
        time = file.create_dataset("time", shape=(0,), maxshape=(None,), chunks=(1,), dtype="f4")
        time.make_scale("This is a netCDF dimension but not a netCDF variable.         0")
        time.attrs["_Netcdf4Dimid"] = np.int32(0)
        level = file.create_dataset("level", data=np.arange(2.0))
        level.make_scale("level")
        level.attrs["_Netcdf4Dimid"] = np.int32(1)
        # a coordinate variable of two axes
        names = file.create_dataset("names", data=np.full((1, 2), b"n"), maxshape=(None, 2), chunks=(1, 2))
        names.make_scale("names")
        names.attrs["_Netcdf4Coordinates"] = np.array([0, 1], "i4")
        x = file.create_dataset("x", data=np.ones((3, 2), "i4"), maxshape=(None, 2), fillvalue=-7)
        y = file.create_dataset("y", data=np.ones((2, 1), "i4"), maxshape=(2, None), fillvalue=-7)
        for variable, scales in ((x, (time, level)), (y, (level, time))):
            for axis, scale in enumerate(scales):
                variable.dims[axis].attach_scale(scale)
        fixed = file.create_dataset("fixed", data=[1, 2, 3])
        fixed.make_scale("fixed")
        file["shorter"] = [1]
        file["shorter"].dims[0].attach_scale(fixed)
    import_file(source, target)
    assert opened(target, "x")[:].tolist() == [[1, 1]] * 3
    assert opened(target, "y")[:].tolist() == [[1, -7, -7]] * 2
    assert opened(target, "names")[:].tolist() == [[b"n", b"n"], [b"", b""], [b"", b""]]
    assert opened(target, "names").attrs["_ARRAY_DIMENSIONS"] == ["time", "level"]
    # only an unlimited dimension can be longer than a variable
    assert opened(target, "shorter").shape == (1,)


def test_a_variable_with_a_fill_value_is_padded_with_it(source, target):
    record = np.dtype([("a", "i4"), ("b", "f8")])
    with h5py.File(source, "w") as file:
        time = file.create_dataset("time", data=np.arange(4), maxshape=(None,))
        time.make_scale("time")
        for name, values, fill in (
            ("x", np.array([1], "i4"), -9),
            ("y", np.array([1.5]), np.nan),
            ("records", np.array([(1, 2)], record), np.array((3, 4), record)),
            ("flags", np.array([True]), None),
        ):
            variable = file.create_dataset(name, data=values, maxshape=(None,), fillvalue=fill)
            variable.dims[0].attach_scale(time)
            if name in "xy":
                variable.attrs["_FillValue"] = np.array([fill], values.dtype)
    import_file(source, target)
    assert opened(target, "x")[:].tolist() == [1, -9, -9, -9]
    assert opened(target, "x").fill_value == -9
    assert_array_equal(opened(target, "y")[:], [1.5, np.nan, np.nan, np.nan])
    assert opened(target, "records")[:].tolist() == [(1, 2), (3, 4), (3, 4), (3, 4)]
    assert opened(target, "flags")[:].tolist() == [True, False, False, False]


# -- attributes, dimension names, groups ---------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f2", "f4", ">f8", "c8"])
@pytest.mark.parametrize("name", ["_FillValue", "missing_value", "valid_range"])
def test_nan_and_infinities_in_attributes_stay_numbers(source, target, dtype, name):
    special = np.array([np.nan, np.inf, -np.inf, 1.5], dtype)
    with h5py.File(source, "w") as file:
        dataset = file.create_dataset("x", data=np.ones(2, dtype))
        dataset.attrs[name] = np.array([np.nan], dtype)
        dataset.attrs["many"] = special
        dataset.attrs["table"] = special.reshape(2, 2)
        dataset.attrs["record"] = np.array((np.nan, [np.inf, 1]), [("a", "f4"), ("b", "f8", (2,))])
        file.attrs["scalar"] = np.nan
    import_file(source, target)
    array = opened(target, "x")

    def parts(values):
        return np.stack([values.real, values.imag], -1) if values.dtype.kind == "c" else values

    assert_array_equal(array.attrs[name], parts(np.array(np.nan, dtype)))
    assert_array_equal(array.attrs["many"], parts(special))
    assert_array_equal(array.attrs["table"], parts(special.reshape(2, 2)))
    assert_array_equal(array.attrs["record"]["a"], np.nan)
    assert_array_equal(array.attrs["record"]["b"], [np.inf, 1])
    assert_array_equal(zarrcy.open_group(target).attrs["scalar"], np.nan)
    assert np.isnan(array.fill_value) if name == "_FillValue" else array.fill_value is None


def test_attributes_become_valid_json(source, target, capsys):
    with h5py.File(source, "w") as file:
        attrs = file.create_dataset("x", data=[1]).attrs
        attrs["bytes"] = np.bytes_(b"caf\xc3\xa9")
        attrs["latin"] = np.bytes_(b"caf\xe9")
        attrs["text"] = "Kelvin"
        attrs["texts"] = ["a", "bc"]
        attrs["one"] = np.array([3], "i2")
        attrs["many"] = np.array([1, 2, 3], "u8")
        attrs["table"] = np.array([[1.5], [2.5]])
        attrs["flag"] = True
        attrs["complex"] = 1 + 2j
        attrs["fields"] = np.array((1, 2.5), [("a", "i4"), ("b", "f8")])
        attrs["nothing"] = h5py.Empty("S1")
        attrs["no_numbers"] = h5py.Empty("f8")
        attrs["reference"] = file["x"].ref
        attrs["opaque"] = np.void(b"abc")
        file.attrs["title"] = np.bytes_(b"a file")
    assert main(["import", str(source), str(target)]) == 0
    assert attributes(target, "x") == {
        "_ARRAY_DIMENSIONS": ["dim_0"],
        "bytes": "café",
        "latin": "café",
        "text": "Kelvin",
        "texts": ["a", "bc"],
        "one": 3,
        "many": [1, 2, 3],
        "table": [[1.5], [2.5]],
        "flag": True,
        "complex": [1.0, 2.0],
        "fields": {"a": 1, "b": 2.5},
        "nothing": "",
        "no_numbers": [],
    }
    assert attributes(target) == {"title": "a file"}
    notices = capsys.readouterr().err.splitlines()
    assert [line for line in notices if "skipped attribute 'reference' of /x" in line]
    assert [line for line in notices if "skipped attribute 'opaque' of /x" in line]
    assert len(notices) == 2


def write_like_netcdf(source):
    """Write a file as libnetcdf does: scales, a dimension without a variable, bookkeeping attributes."""
    with h5py.File(source, "w") as file:
        file.attrs["_NCProperties"] = "version=2"
        file.attrs["Conventions"] = "CF-1.8"
        time = file.create_dataset("time", data=np.arange(4.0), maxshape=(None,), chunks=(1,))
        time.make_scale("time")
        time.attrs["_Netcdf4Dimid"] = np.int32(0)
        bounds = file.create_dataset("bnds", shape=(2,), dtype=">f4")
        bounds.make_scale("This is a netCDF dimension but not a netCDF variable.         2")
        bounds.attrs["_Netcdf4Dimid"] = np.int32(1)
        time_bounds = file.create_dataset("time_bnds", data=np.arange(8.0).reshape(4, 2))
        for axis, scale in enumerate((time, bounds)):
            time_bounds.dims[axis].attach_scale(scale)
        # a coordinate variable of two axes is a scale itself, so HDF5 cannot attach a scale to it
        names = file.create_dataset("names", data=np.zeros((4, 2), "S1"))
        names.make_scale("names")
        names.attrs["_Netcdf4Coordinates"] = np.array([0, 1], "i4")
        names.attrs["_Netcdf4Dimid"] = np.int32(0)
        clash = file.create_dataset("_nc4_non_coord_bnds", data=np.arange(4.0))
        clash.dims[0].attach_scale(time)
        inner = file.create_group("model/run")
        inner.attrs["member"] = 3
        inner["speed"] = np.arange(4.0)
        inner["speed"].dims[0].attach_scale(time)


def test_a_netcdf_file_keeps_its_dimension_names_and_loses_bookkeeping_attributes(source, target):
    write_like_netcdf(source)
    report = import_file(source, target)
    names = {item.path: opened(target, item.path).attrs["_ARRAY_DIMENSIONS"] for item in report.imported}
    assert names == {
        "time": ["time"],
        "time_bnds": ["time", "bnds"],
        "names": ["time", "bnds"],
        "bnds": ["time"],
        "model/run/speed": ["time"],
    }
    for path in names:
        assert set(attributes(target, path)) == {"_ARRAY_DIMENSIONS"}
    assert attributes(target) == {"Conventions": "CF-1.8"}
    assert attributes(target, "model/run") == {"member": 3}
    assert opened(target, "bnds").shape == (4,)


def test_groups_without_attributes_have_metadata_documents(source, target):
    with h5py.File(source, "w") as file:
        file.create_group("a/b")
    report = import_file(source, target)
    assert report.imported == []
    for path in ("", "a", "a/b"):
        assert strict_json(target / path / ".zgroup") == {"zarr_format": 2}
        assert not (target / path / ".zattrs").exists()


def test_axes_without_a_scale_are_named_by_label_or_number_and_equal_names_imply_equal_lengths(
    source, target
):
    with h5py.File(source, "w") as file:
        file["a"] = np.zeros((3, 4))
        file["b"] = np.zeros((3, 5))
        file["c"] = np.zeros(3)
        file["c"].dims[0].label = "level"
        file["d/e"] = np.zeros(8)
        file["gone"] = np.arange(3)
        file["gone"].make_scale()
        file["f"] = np.zeros(3)
        file["f"].dims[0].attach_scale(file["gone"])
        del file["gone"]
    import_file(source, target)
    names = {path: opened(target, path).attrs.asdict() for path in ("a", "b", "c", "d/e", "f")}
    assert names == {
        "a": {"_ARRAY_DIMENSIONS": ["dim_0", "dim_1"]},
        "b": {"_ARRAY_DIMENSIONS": ["dim_0", "dim_1_5"]},
        "c": {"_ARRAY_DIMENSIONS": ["level"]},
        "d/e": {"_ARRAY_DIMENSIONS": ["dim_0"]},
        "f": {"_ARRAY_DIMENSIONS": ["dim_0"]},
    }


def test_attributes_named_class_and_name_are_kept_on_datasets_that_are_not_scales(source, target):
    with h5py.File(source, "w") as file:
        file.create_dataset("image", data=np.zeros((2, 2))).attrs["CLASS"] = np.bytes_(b"IMAGE")
        file.attrs["NAME"] = "mine"
    import_file(source, target)
    assert attributes(target, "image")["CLASS"] == "IMAGE"
    assert attributes(target)["NAME"] == "mine"


def test_zarr_python_reads_an_import(source, target):
    reference = pytest.importorskip("zarr")
    write_like_netcdf(source)
    import_file(source, target)
    group = reference.open_group(str(target), mode="r", zarr_format=2)
    with h5py.File(source) as file:
        assert_array_equal(group["time_bnds"][:], file["time_bnds"][:])
        assert_array_equal(group["model/run/speed"][:], file["model/run/speed"][:])
    assert dict(group["model/run"].attrs) == {"member": 3}


# -- objects that cannot be imported ----------------------------------------------------------------------


def test_objects_that_zarr_cannot_represent_are_skipped_and_reported(source, target, capsys):
    with h5py.File(source, "w") as file:
        file["kept"] = np.arange(3)
        file.create_dataset("reference", data=np.array([file.ref, file.ref], object), dtype=h5py.ref_dtype)
        file.create_dataset("ragged texts", shape=(2,), dtype=h5py.vlen_dtype(h5py.string_dtype()))
        file.create_dataset("mixed", shape=(2,), dtype=np.dtype([("n", "i4"), ("t", h5py.string_dtype())]))
        file["nothing"] = h5py.Empty("f4")
        file["elsewhere"] = h5py.ExternalLink("other.h5", "/x")
        file["again"] = h5py.SoftLink("/kept")
        file[".zattrs"] = np.arange(2)
        file["group/loop"] = file["/"]
        file["type"] = np.dtype("f8")
    assert main(["import", str(source), str(target)]) == EXIT_PARTLY
    captured = capsys.readouterr()
    skipped = {"reference", "ragged texts", "mixed", "nothing", "elsewhere", "again", ".zattrs", "group/loop"}
    for path in skipped:
        assert f"zarrcy: skipped /{path}: " in captured.err
    assert len(captured.err.splitlines()) == len(skipped)
    assert "imported 1 array " in captured.out
    summary = captured.out.splitlines()[-1]
    assert summary.startswith("skipped 8 objects: ")
    assert {path.removeprefix("/") for path in summary.partition(": ")[2].split(", ")} == skipped
    assert_array_equal(opened(target, "kept")[:], np.arange(3))


def add_virtual(file, name, sources, shape=(4,), fill=-1):
    """Add a virtual dataset whose n-th element comes from the n-th source; one source gives all elements."""
    layout = h5py.VirtualLayout(shape, "i4")
    for row, (source_file, path) in enumerate(sources):
        if len(sources) == 1:
            layout[...] = h5py.VirtualSource(source_file, path, shape=shape, dtype="i4")
        else:
            layout[row : row + 1] = h5py.VirtualSource(source_file, path, shape=shape, dtype="i4")[:1]
    file.create_virtual_dataset(name, layout, fillvalue=fill)


def add_blocks(file, name, source_file, path):
    """Add a virtual dataset that has one element from each of any number of sources, named with %b."""
    one, all_blocks = h5py.h5s.create_simple((1,)), h5py.h5s.create_simple((3,), (h5py.h5s.UNLIMITED,))
    all_blocks.select_hyperslab((0,), (h5py.h5s.UNLIMITED,), stride=(1,), block=(1,))
    properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    properties.set_virtual(all_blocks, source_file.encode(), path.encode(), one)
    h5py.h5d.create(file.id, name.encode(), h5py.h5t.STD_I32LE, all_blocks, properties)


def test_elements_in_external_raw_files_are_left_out_and_reported(source, target, capsys):
    secret = source.parent / "secret.txt"
    secret.write_bytes(b"password12345678")
    with h5py.File(source, "w") as file:
        file["kept"] = np.arange(3)
        file.create_dataset("raw", shape=(4,), dtype="i4", external=[(str(secret), 0, 16)])
        file.create_dataset("many", shape=(4,), dtype="i4", external=[("a", 0, 8), ("b", 0, 8)])
        add_virtual(file, "through_virtual", [(".", "/raw")])
        add_virtual(file, "through_two", [(".", "/through_virtual")])
        with h5py.File(source.parent / "other.h5", "w") as other:
            other.create_dataset("raw", shape=(4,), dtype="i4", external=[(str(secret), 0, 16)])
        add_virtual(file, "through_file", [("other.h5", "/raw")])
    assert main(["import", str(source), str(target)]) == EXIT_PARTLY
    notices = capsys.readouterr().err
    for path in ("raw", "many", "through_virtual", "through_two", "through_file"):
        assert f"skipped /{path}: its elements are in other files" in notices
        assert not (target / path).exists()
    assert all(b"password" not in path.read_bytes() for path in target.rglob("*") if path.is_file())
    assert_array_equal(opened(target, "kept")[:], np.arange(3))


def test_a_virtual_dataset_without_its_source_is_left_out_and_reported(source, target, capsys):
    folder = source.parent
    with h5py.File(folder / "other.h5", "w") as other:
        other["x"] = np.arange(4, dtype="i4")
        other.create_group("group")
        add_virtual(other, "broken", [("gone.h5", "/x")])
        add_virtual(other, "loop", [(source.name, "/loop")])
    (folder / "text.h5").write_text("this is not HDF5")
    os.mkfifo(folder / "fifo.h5")
    bad = {
        "no_file": [("gone.h5", "/x")],
        "no_dataset": [("other.h5", "/y")],
        "a_group": [("other.h5", "/group")],
        "no_hdf5": [("text.h5", "/x")],
        "a_fifo": [("fifo.h5", "/x")],
        "a_folder": [("..", "/x")],
        "here": [(".", "/y")],
        "one_of_four": [("other.h5", "/x")] * 3 + [("gone.h5", "/x")],
        "second_hand": [("other.h5", "/broken")],
        "itself": [(".", "/itself")],
        "loop": [("other.h5", "/loop")],
    }
    with h5py.File(source, "w") as file:
        file["kept"] = np.arange(3)
        for name, sources in bad.items():
            add_virtual(file, name, sources)
        add_blocks(file, "no_block", "part%b.h5", "/x")
    assert main(["import", str(source), str(target)]) == EXIT_PARTLY
    notices = capsys.readouterr().err
    for name in [*bad, "no_block"]:
        assert f"skipped /{name}: it is a virtual dataset " in notices
        assert not (target / name).exists()
    assert_array_equal(opened(target, "kept")[:], np.arange(3))


def test_a_virtual_dataset_with_all_its_sources_is_imported(source, target, capsys):
    folder = source.parent
    (folder / "parts").mkdir()
    with h5py.File(folder / "parts" / "other.h5", "w") as other:
        other["x"] = np.arange(4, dtype="i4")
        add_virtual(other, "again", [(".", "/x")])
    with h5py.File(source, "w") as file:
        file["x"] = np.arange(4, dtype="i4")
        for name, sources in {
            "relative": [("parts/other.h5", "/x")],
            "absolute": [(str(folder / "parts" / "other.h5"), "/x")],
            "moved": [("/gone/source.nc", "/x")],
            "here": [(".", "/x")],
            "this_file": [(source.name, "/x")],
            "second_hand": [("parts/other.h5", "/again")],
        }.items():
            add_virtual(file, name, sources)
        for block in range(3):
            file[f"block{block}"] = np.array([block], "i4")
        add_blocks(file, "blocks", ".", "/block%b")
    assert main(["import", str(source), str(target)]) == 0
    assert capsys.readouterr().err == ""
    for name in ("relative", "absolute", "moved", "here", "this_file", "second_hand"):
        assert opened(target, name)[:].tolist() == [0, 1, 2, 3], name
    assert opened(target, "blocks")[:].tolist() == [0, 1, 2]


def test_an_object_with_many_paths_is_imported_once(source, target, capsys):
    with h5py.File(source, "w") as file:
        group = file
        # 2**40 paths lead to the last group
        for number in range(40):
            child = group.create_group("a")
            group["b"] = child
            group = child
            if number == 5:
                group["back"] = file
        group["x"] = np.arange(3)
        file["x"] = group["x"]
        file["z"] = group
    assert main(["import", str(source), str(target)]) == EXIT_PARTLY
    captured = capsys.readouterr()
    assert "imported 1 array " in captured.out
    # each second path of the 40 groups, a third one, the path back to the root, and the second path of the dataset
    assert len(captured.err.splitlines()) == 40 + 1 + 1 + 1
    assert "skipped /b: it is another name of /a" in captured.err
    assert opened(target, "x")[:].tolist() == [0, 1, 2]


def test_a_source_that_is_not_a_regular_file_is_refused(source, target, capsys):
    os.mkfifo(source)
    assert main(["import", str(source), str(target)]) == 2
    assert "is not a regular file" in capsys.readouterr().err
    assert not target.exists()


def test_a_dataset_whose_filter_is_not_installed_is_skipped(source, target, capsys, monkeypatch):
    with h5py.File(source, "w") as file:
        file["kept"] = np.arange(3)
        file.create_dataset("x", data=np.arange(9), compression="gzip")
    monkeypatch.setattr(h5py.h5z, "filter_avail", lambda code: code != h5py.h5z.FILTER_DEFLATE)
    assert main(["import", str(source), str(target)]) == EXIT_PARTLY
    assert "skipped /x: it is compressed with the HDF5 filter 1 (deflate)" in capsys.readouterr().err


def test_an_import_without_any_importable_object_fails_and_creates_nothing(source, target, capsys):
    with h5py.File(source, "w") as file:
        file.create_dataset("texts", shape=(2,), dtype=h5py.vlen_dtype(h5py.string_dtype()))
    assert main(["import", str(source), str(target)]) == 2
    assert "none of its 1 objects can be imported" in capsys.readouterr().err
    assert list(source.parent.iterdir()) == [source]


def test_one_odd_object_or_name_does_not_stop_an_import(source, target, capsys):
    with h5py.File(source, "w") as file:
        file["kept"] = [1, 2]
        file.create_dataset(b"caf\xe9", data=[1])
        file.create_group(b"groupe\xe9")["x"] = [1]
        file["n" * 256] = [1]
        file["n" * 255] = [3]
        file["zarr.json"] = [1]
        file["quad"] = np.array([1.5], np.longdouble)
        file["empty"] = h5py.Empty("f4")
        file["soft"] = h5py.SoftLink("/nowhere")
        opaque = h5py.h5t.create(h5py.h5t.OPAQUE, 4)
        opaque.set_tag(b"my tag")
        h5py.h5d.create(file.id, b"opaque", opaque, h5py.h5s.create_simple((3,)))
        file.create_dataset("outside", shape=(3,), dtype="i4", external=[("/gone", 0, h5py.h5f.UNLIMITED)])
        file["kept"].attrs["empty"] = h5py.Empty("f4")
    assert main(["import", str(source), str(target)]) == EXIT_PARTLY
    lines = capsys.readouterr().err
    for text in (
        "skipped /caf\\xe9: its name is not UTF-8",
        "skipped /groupe\\xe9: its name is not UTF-8",
        ": its name has more than 255 bytes",
        "skipped /zarr.json: its name is not valid",
        "skipped /empty: ",
        "skipped /soft: ",
        "skipped /opaque: its elements are opaque, with the tag 'my tag'",
        "skipped /outside: ",
    ):
        assert text in lines.replace("\\\\", "\\"), lines
    assert opened(target, "kept")[:].tolist() == [1, 2]
    assert opened(target, "n" * 255)[:].tolist() == [3]
    assert opened(target, "quad")[:].tolist() == [1.5]


@pytest.mark.parametrize("number", [37, 95, 524])
def test_a_file_that_cannot_be_locked_is_read_without_a_lock(source, target, number, monkeypatch):
    with h5py.File(source, "w") as file:
        file["x"] = [1, 2]
    original, asked = h5py.File, []

    class Unlockable(original):
        def __init__(self, *args, **kwargs):
            asked.append(kwargs.get("locking"))
            if kwargs.get("locking") is None:
                raise OSError(f"Unable to synchronously open file (unable to lock file, errno = {number})")
            super().__init__(*args, **kwargs)

    monkeypatch.setattr(h5py, "File", Unlockable)
    assert main(["import", str(source), str(target)]) == 0
    assert asked == [None, False]
    assert opened(target, "x")[:].tolist() == [1, 2]


# -- sequences of varying length ---------------------------------------------------------------------


@pytest.mark.parametrize("code", ["u1", "=i4", "=u8", "=f4", "=f8"])
@pytest.mark.parametrize("chunks", [None, (2,)])
def test_sequences_of_numbers_become_arrays_of_varying_length(source, target, code, chunks, capsys):
    rows = [[], [1], [2, 3, 4], [5] * 300, [6, 7]]
    with h5py.File(source, "w") as file:
        dataset = file.create_dataset("ragged", shape=(5,), chunks=chunks, dtype=h5py.vlen_dtype(code))
        for number, row in enumerate(rows):
            dataset[number] = np.array(row, code)
        dataset.attrs["units"] = "K"
    assert main(["import", str(source), str(target)]) == 0
    assert f"array:{np.dtype(code).str}" in capsys.readouterr().out
    array = opened(target, "ragged")
    assert [codec.codec_id for codec in array.filters] == ["vlen-array"]
    assert [item.tolist() for item in array[:]] == rows
    assert {item.dtype for item in array[:]} == {np.dtype(code)}
    assert array.attrs["units"] == "K"


def test_sequences_in_another_byte_order_are_left_out_because_h5py_misreads_them(source, target, capsys):
    with h5py.File(source, "w") as file:
        file["kept"] = [1]
        file.create_dataset("ragged", shape=(2,), dtype=h5py.vlen_dtype(np.dtype("i4").newbyteorder()))
    assert main(["import", str(source), str(target)]) == EXIT_PARTLY
    assert "skipped /ragged: its elements are sequences of" in capsys.readouterr().err


def test_sequences_may_have_many_axes_one_element_or_none_and_be_unwritten(source, target):
    kind = h5py.vlen_dtype("i4")
    with h5py.File(source, "w") as file:
        file.create_dataset("grid", shape=(2, 3), chunks=(1, 2), dtype=kind)[1, 2] = [1, 2]
        file.create_dataset("one", shape=(), dtype=kind)[()] = np.array([4, 5], "i4")
        file.create_dataset("none", shape=(0,), maxshape=(None,), dtype=kind)
        file.create_dataset("unwritten", shape=(3,), chunks=(1,), dtype=kind)
    assert main(["import", str(source), str(target)]) == 0
    assert [item.tolist() for item in opened(target, "grid")[:].reshape(-1)] == [[]] * 5 + [[1, 2]]
    assert opened(target, "one")[()].tolist() == [4, 5]
    assert opened(target, "none").shape == (0,)
    assert [item.tolist() for item in opened(target, "unwritten")[:]] == [[], [], []]


# -- exit codes ----------------------------------------------------------------------------------------


def test_the_exit_code_says_whether_objects_were_left_out(source, target):
    with h5py.File(source, "w") as file:
        file["kept"] = [1]
    assert main(["import", str(source), str(target)]) == 0
    with h5py.File(source, "a") as file:
        file["gone"] = h5py.SoftLink("/nowhere")
    for options in ([], ["--quiet"]):
        assert main(["import", str(source), str(target), "--overwrite", *options]) == EXIT_PARTLY == 3
        assert opened(target, "kept")[:].tolist() == [1]
    with h5py.File(source, "a") as file:
        del file["kept"]
    assert main(["import", str(source), str(target), "--overwrite"]) == 2
