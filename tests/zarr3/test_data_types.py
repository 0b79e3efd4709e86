"""The data types of zarr-python 3: descriptions, fill values and the registry."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from zarrcy.zarr3 import dtypes
from zarrcy.zarr3.errors import DataTypeValidationError, UnstableSpecificationWarning

KINDS = [
    dtypes.Bool(), dtypes.Int8(), dtypes.UInt8(),
    *(kind(endianness=order) for order in ("little", "big") for kind in (
        dtypes.Int16, dtypes.Int32, dtypes.Int64, dtypes.UInt16, dtypes.UInt32, dtypes.UInt64,
        dtypes.Float16, dtypes.Float32, dtypes.Float64, dtypes.Complex64, dtypes.Complex128,
    )),
    dtypes.NullTerminatedBytes(length=5), dtypes.RawBytes(length=3),
    dtypes.FixedLengthUTF32(length=4, endianness="big"),
    dtypes.DateTime64(unit="ns"), dtypes.TimeDelta64(unit="s", scale_factor=10),
    dtypes.Struct(fields=(("a", dtypes.Int32()), ("b", dtypes.Struct(fields=(("c", dtypes.Float64()),))))),
    dtypes.VariableLengthUTF8(), dtypes.VariableLengthBytes(),
]  # fmt: skip
every_kind = pytest.mark.parametrize("kind", KINDS, ids=str)
pytestmark = pytest.mark.filterwarnings("ignore::zarrcy.zarr3.errors.UnstableSpecificationWarning")


@every_kind
def test_a_data_type_is_found_again_by_each_of_its_descriptions(kind):
    assert dtypes.parse_dtype(kind.to_json(zarr_format=2), zarr_format=2) == kind
    found = dtypes.parse_dtype(kind.to_json(zarr_format=3), zarr_format=3)
    # documents of format 3 have no byte order
    assert type(found) is type(kind)
    assert found.to_json(zarr_format=3) == kind.to_json(zarr_format=3)
    if kind.to_native_dtype().kind not in "OT":
        assert dtypes.parse_dtype(kind.to_native_dtype(), zarr_format=3) == kind
    assert pickle.loads(pickle.dumps(kind)) == kind
    assert hash(kind) == hash(pickle.loads(pickle.dumps(kind)))


@every_kind
@pytest.mark.parametrize("version", [2, 3])
def test_the_default_fill_value_survives_a_document(kind, version):
    value = kind.default_scalar()
    stored = kind.to_json_scalar(value, zarr_format=version)
    again = kind.from_json_scalar(stored, zarr_format=version)
    assert kind.to_json_scalar(again, zarr_format=version) == stored


@given(dtype=npst.scalar_dtypes(), data=st.data())
def test_each_scalar_survives_a_document(dtype, data):
    if dtype.kind in "mM" and np.datetime_data(dtype)[0] == "generic":
        return
    if dtype.itemsize == 0 or dtype.name in ("float128", "complex256", "longdouble", "clongdouble"):
        return
    kind = dtypes.parse_dtype(dtype, zarr_format=3)
    assert kind.to_native_dtype() == dtype
    value = data.draw(npst.from_dtype(dtype))
    for version in (2, 3):
        stored = kind.to_json_scalar(value, zarr_format=version)
        again = kind.from_json_scalar(stored, zarr_format=version)
        assert again == value or (again != again and value != value) or np.isnat(value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("NaN", math.nan), ("Infinity", math.inf), ("-Infinity", -math.inf), ("0x3f800000", 1.0)],
)
def test_floats_are_read_from_each_spelling_of_documents(text, value):
    found = dtypes.Float32().from_json_scalar(text, zarr_format=3)
    assert found == value or (math.isnan(found) and math.isnan(value))


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (dtypes.Int8(), {"a"}), (dtypes.Int8(), "a"), (dtypes.Float64(), [1.0]), (dtypes.Complex64(), {}),
        (dtypes.RawBytes(length=1), 1.0), (dtypes.NullTerminatedBytes(length=1), 1.0),
        (dtypes.VariableLengthBytes(), 1.0), (dtypes.DateTime64(unit="s"), 1.5),
        (dtypes.Struct(fields=(("a", dtypes.Int8()),)), "text"),
    ],
    ids=str,
)  # fmt: skip
def test_a_value_of_another_kind_is_refused(kind, value):
    with pytest.raises(TypeError, match="Cannot convert object"):
        kind.cast_scalar(value)


@pytest.mark.parametrize("kind", [dtypes.RawBytes(length=2), dtypes.FixedLengthUTF32(length=2)], ids=str)
def test_a_data_type_without_specification_gives_a_warning(kind):
    with pytest.warns(UnstableSpecificationWarning):
        kind.to_json(zarr_format=3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: dtypes.RawBytes(length=0), lambda: dtypes.Int16(endianness="middle"),
        lambda: dtypes.DateTime64(unit="fortnight"), lambda: dtypes.DateTime64(scale_factor=0),
        lambda: dtypes.Struct(fields=()),
    ],
)  # fmt: skip
def test_a_parameter_out_of_range_is_refused(make):
    with pytest.raises(ValueError, match=r"must|endianness"):
        make()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("<b1", dtypes.Bool()), (">u1", dtypes.UInt8()), (">V4", dtypes.RawBytes(length=4))],
)
def test_spellings_of_other_writers_are_read(name, expected):
    assert dtypes.parse_dtype({"name": name, "object_codec_id": None}, zarr_format=2) == expected


def test_a_registry_knows_the_classes_that_were_registered():
    class Own(dtypes.Int8):
        _zarr_v3_name = "own"

    registry = dtypes.DataTypeRegistry()
    registry.register("own", Own)
    assert type(registry.match_json("own", zarr_format=3)) is Own
    assert registry.get("own") is Own
    with pytest.raises(ValueError, match="No Zarr data type"):
        registry.match_json("int8", zarr_format=3)
    with pytest.raises(DataTypeValidationError):
        dtypes.Int8.from_json("own", zarr_format=3)
    registry.unregister("own")
    with pytest.raises(KeyError):
        registry.get("own")
    with pytest.raises(ValueError, match="object"):
        dtypes.data_type_registry.match_dtype(np.dtype(object))
