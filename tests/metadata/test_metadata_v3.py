"""Zarr v3: documents are parsed and written; errors name the malformed member."""

import copy
import json
import math

import numcodecs
import numpy as np
import pytest
from documents_v3 import LITTLE, PLAIN, document, opened, text
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrcy
from zarrcy import errors
from zarrcy.codecs import Pack, Shard, Transpose
from zarrcy.metadata import v3


def parse(**changes):
    return v3.parse_array(text(**changes), "a/zarr.json")


def bits(value):
    return np.asarray(value).tobytes().hex()


class TestReading:
    def test_a_plain_document(self):
        parsed = parse()
        assert (parsed.shape, parsed.chunks, parsed.shards, parsed.dtype) == (
            (4, 6),
            (2, 3),
            None,
            np.dtype("i4"),
        )
        assert parsed.fill_value == 7
        assert parsed.stages == (Pack(),)
        assert parsed.chunk_keys.name((1, 0)) == "c/1/0"

    @pytest.mark.parametrize(
        ("encoding", "names"),
        [
            ("default", ("c/1/0", "c")),
            ({"name": "default"}, ("c/1/0", "c")),
            ({"name": "default", "configuration": {"separator": "."}}, ("c.1.0", "c")),
            ("v2", ("1.0", "0")),
            ({"name": "v2", "configuration": {"separator": "/"}}, ("1/0", "0")),
        ],
    )
    def test_chunk_keys(self, encoding, names):
        keys = parse(chunk_key_encoding=encoding).chunk_keys
        assert (keys.name((1, 0)), keys.name(())) == names
        assert keys.coords(names[0], 2) == (1, 0)
        assert keys.coords(names[1], 0) == ()

    def test_an_extension_can_be_a_name_or_an_object(self):
        short = parse(codecs=[LITTLE, "crc32c"], data_type={"name": "int32"})
        assert [stage.name for stage in short.stages] == ["bytes", "crc32c"]

    @pytest.mark.parametrize(
        ("data_type", "dtype"),
        [
            ("bool", "?"),
            *((f"{kind}{n}", f"{kind[0]}{n // 8}") for kind in ("int", "uint") for n in (8, 16, 32, 64)),
            *((f"float{n}", f"f{n // 8}") for n in (16, 32, 64)),
            ("complex64", "c8"),
            ("complex_float64", "c16"),
            ("r24", "V3"),
            ({"name": "raw_bytes", "configuration": {"length_bytes": 3}}, "V3"),
            ({"name": "null_terminated_bytes", "configuration": {"length_bytes": 5}}, "S5"),
            ({"name": "fixed_length_utf32", "configuration": {"length_bytes": 12}}, "U3"),
            ({"name": "numpy.datetime64", "configuration": {"unit": "ns", "scale_factor": 1}}, "M8[ns]"),
            ({"name": "numpy.timedelta64", "configuration": {"unit": "μs", "scale_factor": 25}}, "m8[25us]"),
        ],
        ids=str,
    )
    def test_data_types(self, data_type, dtype):
        dtype = np.dtype(dtype)
        fill = {"U": "", "b": False, "c": [0, 0]}.get(dtype.kind, 0)
        if dtype.kind in "SV":
            fill = [0] * dtype.itemsize
        parsed = parse(data_type=data_type, fill_value=fill)
        assert parsed.dtype == dtype
        assert parsed.dtype.isnative

    @pytest.mark.parametrize(
        "fields",
        [
            {"name": "struct", "configuration": {"fields": [{"name": "x", "data_type": "float32"}]}},
            {"name": "structured", "configuration": {"fields": [["x", "float32"]]}},
        ],
    )
    def test_structured_types_with_both_forms_of_fill_values(self, fields):
        for fill in ({"x": 1.5}, "AADAPw=="):
            parsed = parse(data_type=fields, fill_value=fill, codecs=["bytes"])
            assert parsed.fill_value["x"] == 1.5
            assert parsed.dtype == np.dtype([("x", "f4")])

    @pytest.mark.parametrize(
        ("data_type", "fill", "expected"),
        [
            ("float32", "NaN", "0000c07f"),
            ("float32", "0x7fc00001", "0100c07f"),
            ("float64", "0xfff8000000000000", "000000000000f8ff"),
            ("float32", -0.0, "00000080"),
            ("float16", "0x7e01", "017e"),
            ("float16", "-Infinity", "00fc"),
            ("complex64", ["-Infinity", "0x7fc00001"], "000080ff0100c07f"),
            ("complex64", [-0.0, -0.0], "0000008000000080"),
            ("uint64", 2**64 - 1, "ff" * 8),
            ("int64", -(2**63), "00" * 7 + "80"),
            ("int8", 1.0, "01"),
            ("bool", True, "01"),
            ("r16", [1, 255], "01ff"),
            ("r16", "Af8=", "01ff"),
            (
                {"name": "numpy.datetime64", "configuration": {"unit": "s", "scale_factor": 1}},
                "NaT",
                "00" * 7 + "80",
            ),
        ],
        ids=str,
    )
    def test_fill_values_survive_a_round_trip_bit_for_bit(self, data_type, fill, expected):
        parsed = parse(data_type=data_type, fill_value=fill)
        assert bits(parsed.fill_value) == expected
        again = v3.parse_array(v3.array_documents("", parsed)["zarr.json"], "zarr.json")
        assert bits(again.fill_value) == expected

    def test_names_of_axes(self):
        assert parse(dimension_names=["y", None]).dimension_names == ("y", None)
        assert parse(dimension_names=None).dimension_names is None

    def test_unknown_optional_codecs_are_ignored(self):
        parsed = parse(codecs=[LITTLE, {"name": "nonesuch", "must_understand": False}])
        assert parsed.stages == (Pack(),)

    def test_transposes_at_the_beginning_become_one_stage(self):
        order = [{"name": "transpose", "configuration": {"order": o}} for o in ([2, 0, 1], [1, 0, 2])]
        grid = {"name": "regular", "configuration": {"chunk_shape": [2, 3, 4]}}
        parsed = parse(shape=[4, 6, 8], chunk_grid=grid, codecs=[*order, LITTLE])
        assert parsed.stages == (Transpose((0, 2, 1)), Pack())
        assert np.ones((2, 3, 4)).transpose(2, 0, 1).transpose(1, 0, 2).shape == (2, 4, 3)

    def test_a_rectilinear_grid_with_equal_chunks_is_a_regular_grid(self):
        config = {"kind": "inline", "chunk_shapes": [2, [[3, 2]]]}
        a = opened(chunk_grid={"name": "rectilinear", "configuration": config})
        assert a.chunks == (2, 3)
        a.resize(8, 8)
        assert document(a)["chunk_grid"] == {"name": "regular", "configuration": {"chunk_shape": [2, 3]}}


SHARD = {
    "chunk_shape": [2, 3],
    "codecs": [{"name": "transpose", "configuration": {"order": [1, 0]}}, LITTLE],
    "index_codecs": [LITTLE, {"name": "crc32c"}],
}
GRID = {"name": "regular", "configuration": {"chunk_shape": [4, 6]}}


def sharded(*before, **changes):
    return [*before, {"name": "sharding_indexed", "configuration": {**SHARD, **changes}}]


class TestShards:
    def test_the_shard_stage_has_the_configuration_of_the_document(self):
        parsed = parse(chunk_grid=GRID, codecs=sharded(index_location="start"))
        (shard,) = parsed.stages
        assert isinstance(shard, Shard)
        assert (shard.chunk_shape, shard.stages, shard.index_at_end) == (
            (2, 3),
            (Transpose((1, 0)), Pack()),
            False,
        )
        assert [stage.name for stage in shard.index_stages] == ["bytes", "crc32c"]
        assert (parsed.chunks, parsed.shards, parsed.chunk_shape) == ((2, 3), (4, 6), (4, 6))

    def test_the_shape_of_inner_chunks_has_the_axes_of_the_array(self):
        turn = {"name": "transpose", "configuration": {"order": [1, 0]}}
        parsed = parse(chunk_grid=GRID, codecs=sharded(turn, chunk_shape=[3, 2]))
        assert (parsed.chunks, parsed.shards) == ((2, 3), (4, 6))

    def test_shards_in_shards(self):
        inner = sharded(chunk_shape=[1, 1], codecs=[LITTLE])
        parsed = parse(chunk_grid=GRID, codecs=sharded(codecs=inner))
        assert parsed.chunks == (2, 3)
        assert isinstance(parsed.stages[0].stages[0], Shard)

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            (
                {"chunk_shape": [3, 3]},
                r"chunk_shape' is \[3, 3\]; it must divide the shape of the shard, \[4, 6\]",
            ),
            ({"chunk_shape": [0, 3]}, r"chunk_shape\[0\]' is 0"),
            ({"chunk_shape": [2]}, "must divide"),
            ({"codecs": [{"name": "gzip"}, LITTLE]}, "exactly one codec array -> bytes"),
            ({"codecs": 5}, "configuration.codecs' is 5; it must be a list"),
            ({"index_codecs": [LITTLE, {"name": "zstd"}]}, "only 'transpose', 'bytes', 'crc32c' and other"),
            ({"index_location": "middle"}, "'middle'; it must be 'start' or 'end'"),
            ({"more": 1}, "'more' is not supported"),
        ],
        ids=str,
    )
    def test_a_malformed_shard_configuration_is_named_in_the_error(self, changes, words):
        with pytest.raises(errors.MetadataError, match=words):
            parse(chunk_grid=GRID, codecs=sharded(**changes))

    def test_create_writes_a_shard_configuration(self):
        a = zarrcy.create((8, 8), chunks=(2, 2), shards=(4, 8), dtype="u2", zarr_format=3, store={})
        assert (a.chunks, a.shards) == ((2, 2), (4, 8))
        assert document(a)["chunk_grid"]["configuration"] == {"chunk_shape": [4, 8]}
        config = document(a)["codecs"][0]["configuration"]
        assert config["index_codecs"] == [LITTLE, {"name": "crc32c"}]
        with pytest.raises(ValueError, match="must be a multiple"):
            zarrcy.create((8, 8), chunks=(3, 2), shards=(4, 8), zarr_format=3)


REGULAR = {"name": "regular", "configuration": {"chunk_shape": [2, 3]}}
MALFORMED = [
    ({"zarr_format": 4}, "'zarr_format' is 4"),
    ({"node_type": "thing"}, "'thing'; it must be 'array' or 'group'"),
    ({"shape": 5}, "'shape' is 5; it must be a list"),
    ({"shape": [4, -1]}, r"'shape\[1\]' is -1"),
    ({"shape": [4, True]}, r"'shape\[1\]' is True"),
    ({"shape": [4, 2**63]}, r"'shape\[1\]'"),
    ({"shape": [4]}, "for each axis of the shape"),
    ({"data_type": "int33"}, "'data_type' is 'int33'"),
    ({"data_type": 5}, "'data_type' is 5"),
    ({"data_type": {"name": "int32", "must_understand": False}}, "'must_understand' cannot be false"),
    ({"data_type": {"name": "int32", "configuration": {"a": 1}}}, "'a' is not supported"),
    ({"data_type": "r7"}, "multiple of 8"),
    ({"data_type": {"name": "fixed_length_utf32", "configuration": {"length_bytes": 6}}}, "multiple of 4"),
    ({"data_type": {"name": "null_terminated_bytes"}}, "lacks 'length_bytes'"),
    ({"data_type": {"name": "numpy.datetime64", "configuration": {"unit": "q", "scale_factor": 1}}}, "'q'"),
    ({"data_type": {"name": "struct", "configuration": {"fields": []}}}, "at least one field"),
    (
        {"data_type": {"name": "struct", "configuration": {"fields": [["a", "int8"], ["a", "int8"]]}}},
        "must differ",
    ),
    ({"data_type": {"name": "struct", "configuration": {"fields": [["a", "string"]]}}}, "fixed length"),
    ({"chunk_grid": {"name": "regular"}}, "lacks 'chunk_shape'"),
    ({"chunk_grid": {"name": "hexagonal"}}, "'regular' and 'rectilinear' are"),
    ({"chunk_grid": {**REGULAR, "must_understand": False}}, "cannot be false"),
    ({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2, 0]}}}, "1 or more"),
    ({"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [2**40, 2**40]}}}, r"2\*\*62"),
    (
        {"chunk_grid": {"name": "rectilinear", "configuration": {"chunk_shapes": [2, [3]]}}},
        "must cover the 6",
    ),
    ({"chunk_grid": {"name": "rectilinear", "configuration": {"chunk_shapes": [2]}}}, "for each axis"),
    ({"chunk_grid": {"name": "rectilinear", "configuration": {"chunk_shapes": [2, [[3]]]}}}, "pair"),
    ({"chunk_key_encoding": "suffix"}, "'default' and 'v2' are"),
    ({"chunk_key_encoding": {"name": "v2", "configuration": {"separator": "-"}}}, "'-'; it must be"),
    ({"fill_value": {}}, "'fill_value' is {}"),
    ({"fill_value": 1.5}, "'fill_value' is 1.5; it must be a whole number"),
    ({"fill_value": 2**31}, "'fill_value' is 2147483648"),
    ({"fill_value": "NaN"}, "whole number"),
    ({"data_type": "bool", "fill_value": 2}, "true or false"),
    ({"data_type": "float32", "fill_value": "nan"}, "'NaN'"),
    ({"data_type": "float32", "fill_value": "0x7fc0"}, "8 hexadecimal digits"),
    ({"data_type": "float16", "fill_value": 1e6}, "can't hold it"),
    ({"data_type": "complex64", "fill_value": [1]}, "real and the imaginary"),
    ({"data_type": "r16", "fill_value": [1]}, "it has 1 bytes; the elements have 2"),
    ({"data_type": "r8", "fill_value": [256]}, "from 0 to 255"),
    ({"data_type": "r8", "fill_value": "?"}, "base64"),
    (
        {"codecs": [], "data_type": "string", "fill_value": ""},
        "one codec array -> bytes, such as 'vlen-utf8'",
    ),
    ({"codecs": [{"name": "gzip"}, LITTLE]}, "exactly one codec array -> bytes"),
    (
        {"codecs": [{"name": "gzip"}, {"name": "transpose", "configuration": {"order": "F"}}]},
        "exactly one codec",
    ),
    ({"codecs": None}, "'codecs' is None"),
    ({"codecs": [5]}, r"'codecs\[0\]' is 5"),
    ({"codecs": [LITTLE, LITTLE]}, "exactly one codec array -> bytes"),
    ({"codecs": [{"name": "gzip"}, LITTLE]}, "it is a codec bytes -> bytes"),
    ({"codecs": [LITTLE, {"name": "transpose", "configuration": {"order": [1, 0]}}]}, "array -> array"),
    ({"codecs": ["bytes"]}, "lacks 'endian'"),
    ({"codecs": [{"name": "bytes", "configuration": {"endian": "middle"}}]}, "'middle'"),
    ({"codecs": [{"name": "transpose", "configuration": {"order": "FC"}}, LITTLE]}, "must be .C. or .F."),
    ({"codecs": [{"name": "transpose", "configuration": {"order": [0, 0]}}, LITTLE]}, "2 axes once"),
    ({"codecs": [LITTLE, {"name": "gzip", "configuration": {"level": 10}}]}, "from 0 to 9"),
    ({"codecs": [LITTLE, {"name": "zstd", "configuration": {"level": 99}}]}, "to 22"),
    ({"codecs": [LITTLE, {"name": "zstd", "configuration": {"checksum": 1}}]}, "true or false"),
    ({"codecs": [LITTLE, {"name": "blosc", "configuration": {"shuffle": "shuffle"}}]}, "lacks 'cname'"),
    ({"codecs": ["vlen-utf8"]}, "elements of variable length"),
    ({"data_type": "string", "fill_value": "", "codecs": [LITTLE]}, "need 'vlen-utf8'"),
    ({"codecs": [{"name": "numcodecs.pickle"}]}, "not have a data type for its elements"),
    (
        {"codecs": [{"name": "numcodecs.delta", "configuration": {"dtype": "x"}}, LITTLE]},
        "parameter 'dtype' of the codec 'delta'",
    ),
    ({"codecs": [{"name": "packbits", "configuration": {"first_bit": 4, "last_bit": 3}}]}, "less than"),
    ({"codecs": [{"name": "scale_offset", "configuration": {"offset": 0, "scale": 0}}, LITTLE]}, "not be 0"),
    (
        {"codecs": [{"name": "cast_value", "configuration": {"data_type": "string"}}, LITTLE]},
        "integers and floats",
    ),
    ({"dimension_names": ["x"]}, "2 axes"),
    ({"dimension_names": ["x", 5]}, r"'dimension_names\[1\]' is 5"),
    ({"storage_transformers": [{"name": "t"}]}, "not supported"),
    ({"attributes": [1]}, "'attributes' is"),
    ({"more": 1}, "'more' is 1; this member is not supported"),
    ({"more": {"must_understand": True}}, "not supported"),
    ({"more": None}, "not supported"),
]


class TestRefusing:
    @pytest.mark.parametrize(("changes", "words"), MALFORMED, ids=str)
    def test_an_error_names_key_member_and_value(self, changes, words):
        with pytest.raises(errors.MetadataError, match=words) as caught:
            parse(**changes)
        assert caught.value.key == "a/zarr.json"

    @pytest.mark.parametrize("member", sorted(set(PLAIN) - {"attributes", "codecs"}))
    def test_a_missing_member_is_named_in_the_error(self, member):
        members = {name: value for name, value in PLAIN.items() if name != member}
        with pytest.raises(errors.MetadataError, match=f"lacks '{member}'"):
            v3.parse_array(json.dumps(members).encode(), "zarr.json")

    @pytest.mark.parametrize("document", [b"", b"[]", b"{", b"\xff", b'"x"', b"[" * 100_000])
    def test_a_document_that_is_not_a_json_object_is_refused(self, document):
        with pytest.raises(errors.MetadataError):
            v3.parse_array(document, "zarr.json")

    def test_a_codec_that_is_not_installed_is_named_in_the_error(self):
        with pytest.raises(errors.CodecNotAvailableError, match="'nonesuch'"):
            parse(codecs=[LITTLE, {"name": "nonesuch"}])

    @settings(max_examples=300)
    @given(st.data())
    def test_any_value_in_any_member_gives_an_array_or_a_zarrcy_error(self, data):
        members = copy.deepcopy({**PLAIN, "codecs": [*sharded()], "chunk_grid": GRID})
        place = members
        while True:
            key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
            if isinstance(place[key], (dict, list)) and place[key] and data.draw(st.booleans()):
                place = place[key]
                continue
            break
        scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3)
        place[key] = data.draw(scalars | st.lists(scalars, max_size=3) | st.dictionaries(st.text(), scalars))
        try:
            parsed = v3.parse_array(json.dumps(members).encode(), "zarr.json")
        except (errors.MetadataError, NotImplementedError):
            return
        assert math.prod(parsed.chunk_shape) >= 1

    @pytest.mark.parametrize(
        ("words", "problem"),
        [
            ({"dtype": object, "object_codec": numcodecs.JSON()}, "not have a data type for Python objects"),
            ({"dtype": [("a", "f4", (2,))]}, "not have a data type for the fields of shape"),
            ({"codecs": [LITTLE], "filters": [numcodecs.Delta("f8")]}, "codecs replace filters"),
            ({"codecs": ["nonesuch"]}, "nonesuch"),
            ({"dimension_names": ["a", "b"]}, "1 axes"),
            ({"chunk_key_encoding": "x"}, "'default' and 'v2' are"),
            ({"dimension_separator": "-"}, "'-'"),
            ({"fill_value": "x"}, "fill value 'x'"),
            ({"dtype": str, "fill_value": 5}, "not a str"),
            ({"order": "K"}, "'C' or 'F'"),
        ],
        ids=str,
    )
    def test_arguments_that_v3_cannot_store_are_refused(self, words, problem):
        store = {}
        with pytest.raises(ValueError, match=problem):
            zarrcy.create(4, zarr_format=3, store=store, **words)
        assert not store

    @pytest.mark.parametrize(
        ("word", "value"),
        [
            ("codecs", ["bytes"]),
            ("shards", [4]),
            ("shards", "auto"),
            ("dimension_names", ["x"]),
            ("chunk_key_encoding", "v2"),
        ],
    )
    def test_arguments_that_v2_cannot_store_are_refused(self, word, value):
        with pytest.raises(ValueError, match=f"{word}=.*Zarr v2 cannot store it"):
            zarrcy.create(4, zarr_format=2, **{word: value})
