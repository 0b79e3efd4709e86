"""Arrays in Zarr v3 are created, changed and opened; changes keep all other members of their documents."""

import json

import numcodecs
import numpy as np
import pytest
from documents_v3 import LITTLE, PLAIN, document, opened
from hypothesis import given
from hypothesis import strategies as st

import zarrcy
from zarrcy import _kernels, errors
from zarrcy.codecs.array_codecs import CastValue, PackBits, ScaleOffset
from zarrcy.metadata import detect, of_version, v2, v3
from zarrcy.testing.model import data_of, same_bits
from zarrcy.testing.strategies import DTYPES, FLAT_STRUCTURED, fill_values


class TestDocuments:
    def test_a_new_document_has_the_form_that_most_readers_accept(self):
        a = zarrcy.create((4, 6), chunks=(2, 3), dtype=">i4", zarr_format=3, store={}, order="F")
        blosc = {"typesize": 4, "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "blocksize": 0}
        assert document(a) == {
            **PLAIN,
            "fill_value": 0,
            "codecs": [
                {"name": "transpose", "configuration": {"order": [1, 0]}},
                LITTLE,
                {"name": "blosc", "configuration": blosc},
            ],
            "attributes": {},
        }

    def test_changes_keep_all_other_members_as_they_were_written(self):
        more = {
            "_other": {"must_understand": False, "x": [1]},
            "codecs": [LITTLE, "crc32c", {"name": "skipped", "must_understand": False}],
            "chunk_key_encoding": "v2",
            "dimension_names": ["y", None],
            "storage_transformers": [],
        }
        a = opened(**more)
        before = document(a)
        a.resize(9, 6)
        a.attrs["k"] = "v"
        a.append(np.ones((1, 6)))
        a.fill_value = 3
        after = document(a)
        assert after == {**before, "shape": [10, 6], "fill_value": 3, "attributes": {"u": 1, "k": "v"}}

    def test_a_change_of_shape_keeps_attributes_that_another_writer_changed_meanwhile(self):
        a = opened()
        b = zarrcy.open_array(a.store, mode="r+")
        b.attrs["theirs"] = 1
        a.resize(2, 2)
        assert document(a)["attributes"] == {"u": 1, "theirs": 1}
        b.attrs["more"] = 2
        assert document(a)["shape"] == [2, 2]

    @pytest.mark.parametrize("dtype", [*DTYPES, FLAT_STRUCTURED, "V3"], ids=str)
    def test_each_data_type_is_read_back(self, dtype):
        for fill in (0, None):
            a = zarrcy.create(5, chunks=2, dtype=dtype, fill_value=fill, zarr_format=3, store={})
            a[1:4] = data_of((3,), a.dtype, 1)
            b = zarrcy.open_array(a.store)
            assert b.dtype == np.dtype(dtype).newbyteorder("=")
            assert same_bits(b[...], a[...])
            assert same_bits(b[1:4], data_of((3,), a.dtype, 1))

    @given(data=st.data())
    def test_fill_values_are_read_back_bit_for_bit(self, data):
        dtype = np.dtype(data.draw(st.sampled_from([d for d in DTYPES if np.dtype(d).kind not in "mMSU"])))
        raw = data.draw(st.binary(min_size=dtype.itemsize, max_size=dtype.itemsize))
        fill = (
            np.frombuffer(raw, dtype.newbyteorder("="))[0]
            if dtype.kind != "b"
            else data.draw(fill_values("?"))
        )
        a = zarrcy.create(2, dtype=dtype, fill_value=fill, zarr_format=3, store={})
        b = zarrcy.open_array(a.store)
        assert np.asarray(b.fill_value).tobytes() == np.asarray(fill or 0, b.dtype).tobytes()
        assert same_bits(b[...], np.full(2, fill or 0, b.dtype)) or fill is None

    def test_a_node_is_found_in_either_format_and_the_newer_format_takes_precedence(self):
        store = {}
        zarrcy.create(2, store=store, path="old", zarr_format=2)
        zarrcy.create(3, store=store, path="new", zarr_format=3)
        assert (detect(store, ["old/"]), detect(store, ["new/"]), detect(store, ["none/"])) == (v2, v3, v2)
        assert detect(store, ["none/", "new/", "old/"]) == v3
        store["old/zarr.json"] = store["new/zarr.json"]
        assert zarrcy.open(store, path="old", mode="r").shape == (3,)
        assert zarrcy.open_array(store, path="old", mode="r", zarr_format=2).shape == (2,)

    def test_a_format_is_found_by_its_version(self):
        assert (of_version(2), of_version(3), of_version(None)) == (v2, v3, None)
        with pytest.raises(ValueError, match="zarr_format=4"):
            of_version(4)

    def test_a_new_array_has_the_format_of_its_parent(self):
        store = {}
        zarrcy.create(1, store=store, path="g/a", zarr_format=3)
        assert zarrcy.create(1, store=store, path="g/b").zarr_format == 3
        assert sorted(store) == ["g/a/zarr.json", "g/b/zarr.json", "g/zarr.json", "zarr.json"]
        assert json.loads(store["g/zarr.json"]) == {"zarr_format": 3, "node_type": "group", "attributes": {}}

    def test_a_node_of_the_other_format_is_not_overwritten_unless_asked(self):
        store = {}
        zarrcy.create(1, store=store, zarr_format=2)
        with pytest.raises(errors.ContainsArrayError):
            zarrcy.create(1, store=store, zarr_format=3)
        zarrcy.create(1, store=store, zarr_format=3, overwrite=True)
        assert list(store) == ["zarr.json"]

    def test_a_damaged_document_can_be_overwritten(self):
        store = {"zarr.json": b"{"}
        with pytest.raises(errors.MetadataError):
            zarrcy.open_array(store, mode="r")
        assert zarrcy.open_array(store, mode="w", shape=2).shape == (2,)

    @pytest.mark.parametrize(("dtype", "values"), [(str, ["é", "", "abc"]), (bytes, [b"\0", b"", b"abc"])])
    def test_texts_and_bytes_of_any_length_are_read_back(self, dtype, values):
        a = zarrcy.create(4, chunks=2, dtype=dtype, zarr_format=3, store={})
        a[:3] = np.array(values, object)
        b = zarrcy.open_array(a.store)
        assert b[:].tolist() == [*values, dtype()]
        assert document(b)["data_type"] == {str: "string", bytes: "bytes"}[dtype]
        assert document(b)["fill_value"] == ""


def stored(codecs, dtype="i4", shape=(5, 4), chunks=(2, 3), values=None, **words):
    """Return an array with the given codecs, after a check that its elements are read back."""
    a = zarrcy.create(shape, chunks=chunks, dtype=dtype, zarr_format=3, codecs=codecs, store={}, **words)
    values = data_of(shape, a.dtype) if values is None else values
    a[...] = values
    assert same_bits(zarrcy.open_array(a.store)[...], values)
    values = values.copy()
    a[1:3, 1] = values[1:3, 1] = values[1:3, 0]
    assert same_bits(zarrcy.open_array(a.store)[...], values)
    assert same_bits(zarrcy.open_array(a.store)[-1, 1:], values[-1, 1:])
    return a


BIG = {"name": "bytes", "configuration": {"endian": "big"}}
TURN = {"name": "transpose", "configuration": {"order": [1, 0]}}
ZSTD = {"name": "zstd", "configuration": {"level": 1, "checksum": True}}
DELTA = {"name": "numcodecs.delta", "configuration": {"dtype": "<i4", "astype": "<i8"}}


class TestCodecs:
    @pytest.mark.parametrize(
        "codecs",
        [
            ["crc32c"],
            [BIG],
            [BIG, "crc32c"],
            [TURN, BIG, ZSTD],
            [BIG, ZSTD, "crc32c"],
            [BIG, "crc32c", {"name": "gzip", "configuration": {"level": 3}}],
            [DELTA, BIG, "crc32c"],
            [DELTA, TURN, BIG],
            [TURN, DELTA, TURN, TURN],
            [{"name": "cast_value", "configuration": {"data_type": "uint8"}}],
            [{"name": "scale_offset", "configuration": {"offset": 3, "scale": 7}}, BIG],
            [{"name": "packbits", "configuration": {"first_bit": 0, "last_bit": 6}}],
            [numcodecs.Delta("<i4"), numcodecs.LZ4(), numcodecs.Adler32()],
            [numcodecs.Shuffle(4), numcodecs.BZ2(1)],
            [numcodecs.FixedScaleOffset(offset=1, scale=2, dtype="<i4", astype="<i8")],
            ["lz4"],
        ],
        ids=str,
    )
    def test_codec_pipelines_decode_what_they_encoded(self, codecs):
        stored(codecs)

    @pytest.mark.parametrize(
        "dtype", ["?", "u1", "i2", "f2", "f8", "c8", "U3", "S3", "M8[s]", FLAT_STRUCTURED], ids=str
    )
    @pytest.mark.parametrize("codecs", [[BIG], [TURN, BIG, ZSTD]], ids=["raw", "zstd"])
    def test_each_type_is_stored_in_the_other_byte_order(self, codecs, dtype):
        a = stored(codecs, dtype)
        if codecs == [BIG]:
            chunk = np.frombuffer(a.store["c/0/0"], a.dtype.newbyteorder(">")).reshape(2, 3)
            assert same_bits(chunk.astype(a.dtype), a[:2, :3])

    def test_defaults_of_codecs_are_written_to_the_document(self):
        a = stored(["bytes", "blosc", "zstd", "lz4"])
        assert document(a)["codecs"] == [
            LITTLE,
            {
                "name": "blosc",
                "configuration": {
                    "typesize": 4,
                    "cname": "lz4",
                    "clevel": 5,
                    "shuffle": "shuffle",
                    "blocksize": 0,
                },
            },
            {"name": "zstd", "configuration": {"level": 0, "checksum": False}},
            {"name": "numcodecs.lz4", "configuration": {}},
        ]

    def test_axes_are_transposed_by_any_permutation(self):
        for order in ([0, 1, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]):
            turn = {"name": "transpose", "configuration": {"order": order}}
            a = stored([turn], shape=(3, 4, 5), chunks=(2, 3, 4))
            chunk = np.frombuffer(a.store["c/0/0/0"], "<i4").reshape([(2, 3, 4)[i] for i in order])
            assert (chunk == a[:2, :3, :4].transpose(order)).all()

    def test_bits_are_packed_from_the_lowest_bit(self):
        values = np.array([[1, 0, 1], [1, 0, 0]], bool)
        a = stored(["packbits"], "?", (2, 3), (2, 3), values)
        a[...] = values
        assert a.store["c/0/0"] == bytes([0b001101])
        first = {"name": "packbits", "configuration": {"padding_encoding": "first_byte"}}
        b = zarrcy.create((2, 3), dtype="?", zarr_format=3, codecs=[first], store={})
        b[...] = values
        assert b.store["c/0/0"] == bytes([2, 0b001101])

    @pytest.mark.parametrize("dtype", ["i1", "u2", "i4", "f4", "f8", "c8"])
    def test_packed_bits_of_any_numeric_type_are_read_back(self, dtype):
        stored(["packbits"], dtype)

    def test_the_sign_is_extended_to_bits_that_are_not_stored(self):
        codec = PackBits(np.dtype("i2"), True, 16, 1, 0, 3, "none", 3)
        assert codec.decode(codec.encode(np.array([-1, 7, -8], "i2"))).tolist() == [-1, 7, -8]

    def test_a_wrong_checksum_is_an_error_that_names_the_chunk(self):
        a = stored(["crc32c"])
        a.store["c/1/0"] = a.store["c/1/0"][:-1] + b"?"
        with pytest.raises(errors.ChunkDecodeError, match=r"'c/1/0'.*'crc32c'.*checksum of its bytes"):
            a[...]
        a.store["c/1/0"] = b"abc"
        with pytest.raises(errors.ChunkDecodeError, match="shorter than a checksum"):
            a[...]

    @given(st.binary(max_size=3000))
    def test_the_numpy_twin_computes_the_same_checksum_as_google_crc32c(self, data):
        google = pytest.importorskip("google_crc32c")
        assert _kernels.reference.crc32c(data) == google.value(data)

    def test_blosc_frames_have_the_typesize_of_the_configuration(self):
        config = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 2, "blocksize": 0}
        a = stored([{"name": "blosc", "configuration": config}], shape=(40, 40), chunks=(40, 40))
        assert a.store["c/0/0"][3] == 2

    def test_zstd_frames_without_a_content_size_are_read_and_bounded(self):
        a = zarrcy.create(1000, dtype="u1", zarr_format=3, codecs=[ZSTD], store={})
        a[...] = 5
        frame = a.store["c/0"]

        # a frame with a window descriptor and without a content size; its only block repeats one byte
        def bare(n):
            block = (n << 3 | 0b011).to_bytes(3, "little") + b"\x07"
            return frame[:4] + b"\x00\x58" + block

        a.store["c/0"] = bare(1000)
        assert (a[...] == 7).all()
        for wrong in (999, 1001, 100_000):
            a.store["c/0"] = bare(wrong)
            with pytest.raises(errors.ChunkDecodeError):
                a[...]

    def test_types_of_ml_dtypes_are_read_back(self):
        ml_dtypes = pytest.importorskip("ml_dtypes")
        for name in ("bfloat16", "float8_e4m3fn", "int4", "uint2"):
            dtype = np.dtype(getattr(ml_dtypes, name))
            for codecs in ([LITTLE], [BIG, ZSTD], ["packbits"]):
                a = zarrcy.create(
                    7, chunks=3, dtype=dtype, zarr_format=3, codecs=codecs, fill_value=1, store={}
                )
                values = np.array([0, 1, 2, 3, 1, 0, 2]).astype(dtype)
                assert a[:].tolist() == np.ones(7).astype(dtype).tolist()
                a[:] = values
                b = zarrcy.open_array(a.store)
                assert b[:].tobytes() == values.tobytes()
                assert (document(b)["data_type"], document(b)["fill_value"]) == (name, 1)

    def test_a_codec_of_an_installed_package_is_found(self, monkeypatch):
        from zarrcy.metadata.v3 import codecs

        class Inverted:
            codec_id = "inverted"
            kind = "bytes -> bytes"

            def __init__(self, mask):
                self.mask = mask

            def encode(self, data):
                return bytes(np.frombuffer(data, np.uint8) ^ self.mask)

            decode = encode

            def get_config(self):
                return {"id": "inverted", "mask": self.mask}

        class Entry:
            def load(self):
                return Inverted

        monkeypatch.setattr(codecs, "_entry_points", lambda: {"org.inverted": Entry()})
        a = stored([{"name": "org.inverted", "configuration": {"mask": 255}}], "u1")
        assert a.store["c/0/0"][0] == 255 - a[0, 0]


class TestValues:
    @pytest.mark.parametrize(
        ("rounding", "expected"),
        [
            ("nearest-even", [0, 2, -2, 2]),
            ("towards-zero", [0, 1, -2, 2]),
            ("towards-positive", [1, 2, -2, 3]),
            ("towards-negative", [0, 1, -3, 2]),
            ("nearest-away", [1, 2, -3, 2]),
        ],
    )
    def test_floats_are_rounded_as_asked(self, rounding, expected):
        codec = CastValue(np.dtype("f8"), np.dtype("i2"), rounding)
        assert codec.encode(np.array([0.5, 1.5, -2.5, 2.25])).tolist() == expected

    @pytest.mark.parametrize(
        ("stored", "value", "clamped", "wrapped"),
        [
            ("u1", 300.0, 255, 44),
            ("u1", -1.0, 0, 255),
            ("i1", 128.0, 127, -128),
            ("i8", 2.0**63, 2**63 - 1, -(2**63)),
            ("u8", -1.0, 0, 2**64 - 1),
        ],
    )
    def test_values_out_of_range_are_clamped_wrapped_or_refused(self, stored, value, clamped, wrapped):
        values = np.array([value])
        for how, expected in (("clamp", clamped), ("wrap", wrapped)):
            codec = CastValue(np.dtype("f8"), np.dtype(stored), out_of_range=how)
            assert codec.encode(values).tolist() == [expected]
        with pytest.raises(ValueError, match=r"out of range|cannot be stored"):
            CastValue(np.dtype("f8"), np.dtype(stored)).encode(values)

    def test_nan_is_mapped_to_a_stored_value(self):
        there, back = ((np.float64("nan"), np.uint8(255)),), ((np.uint8(255), np.float64("nan")),)
        codec = CastValue(np.dtype("f8"), np.dtype("u1"), to_stored=there, from_stored=back)
        encoded = codec.encode(np.array([1.0, np.nan]))
        assert encoded.tolist() == [1, 255]
        assert np.array_equal(codec.decode(encoded), [1, np.nan], equal_nan=True)
        with pytest.raises(ValueError, match="NaN cannot be stored"):
            CastValue(np.dtype("f8"), np.dtype("u1")).encode(np.array([np.nan]))

    def test_integers_are_clamped_or_wrapped(self):
        values = np.array([-1, 300])
        assert CastValue(values.dtype, np.dtype("u1"), out_of_range="clamp").encode(values).tolist() == [
            0,
            255,
        ]
        assert CastValue(values.dtype, np.dtype("u1"), out_of_range="wrap").encode(values).tolist() == [
            255,
            44,
        ]

    def test_a_scaled_value_that_is_out_of_range_is_an_error(self):
        codec = ScaleOffset(np.int8(100), np.int8(2), np.dtype("i1"))
        assert codec.decode(codec.encode(np.array([60, 127], "i1"))).tolist() == [60, 127]
        with pytest.raises(ValueError, match=r"out of range|cannot be stored"):
            codec.encode(np.array([0], "i1"))
        with pytest.raises(ValueError, match="not a multiple"):
            codec.decode(np.array([3], "i1"))
