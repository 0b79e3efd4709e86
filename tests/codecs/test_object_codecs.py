"""Arrays of Python objects: with every object codec, they behave like NumPy arrays of objects."""

import json
import pickle
from dataclasses import dataclass
from typing import Any

import numcodecs
import numpy as np
import pytest
from cases import CountingStore
from hypothesis import given
from hypothesis import strategies as st

import zarrcy
from zarrcy import errors
from zarrcy.testing import strategies

pytest.importorskip("msgpack", reason="numcodecs has msgpack2 where the package msgpack is")


@dataclass(frozen=True)
class Kind:
    """An object codec, objects for it, and a fill value with its form in a stored chunk."""

    codec: Any
    values: list[Any]
    fill: Any
    stored_fill: Any

    def __str__(self) -> str:
        return str(self.codec.codec_id)


ANYTHING = ["", "é", 1, -2.5, None, True, [], [1, ["x"]], {"a": [None, {"b": 0}]}, 2**40]
KINDS = [
    Kind(numcodecs.VLenUTF8(), ["é", "", "abc", "nul\0", "δ" * 40, "\U0001f600"], "fill", "fill"),
    Kind(numcodecs.VLenBytes(), [b"\0a", b"", b"abc\0", b"\xff" * 40], b"f\0", b"f\0"),
    # JSON cannot hold a fill value of this codec, and None is stored as an empty array
    Kind(
        numcodecs.VLenArray("<i4"),
        [np.arange(n, dtype="<i4") - 1 for n in (3, 0, 1, 40)],
        None,
        np.empty(0, "<i4"),
    ),
    Kind(numcodecs.VLenArray("<f8"), [np.full(n, np.nan) for n in (1, 0, 5)], None, np.empty(0, "<f8")),
    Kind(numcodecs.JSON(), ANYTHING, {"a": 1}, {"a": 1}),
    Kind(numcodecs.MsgPack(), [*ANYTHING, b"\0\xff"], "fill", "fill"),
    Kind(numcodecs.Categorize(["a", "é", "foo"], dtype=object), ["foo", "a", "", "é"], "a", "a"),
    Kind(numcodecs.Pickle(), [*ANYTHING, (1, "x"), {1, 2}, 1j, np.arange(3)], None, None),
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=str)


@pytest.fixture(autouse=True)
def pickle_is_allowed(monkeypatch):
    monkeypatch.setenv("ZARRCY_ALLOW_PICKLE", "1")


def objects(shape, values, start=0):
    """Return an array whose elements repeat the values."""
    out = np.empty(shape, object)
    for n, at in enumerate(np.ndindex(*shape), start):
        out[at] = values[n % len(values)]
    return out


def repeated(shape, value):
    return objects(shape, [value])


def plain(value):
    """Return a value that is equal for objects of equal type and content."""
    if isinstance(value, np.ndarray) and value.dtype != object:
        return str(value.dtype), value.tobytes(), value.shape
    if isinstance(value, np.ndarray):
        return value.shape, [plain(item) for item in value.flat]
    return type(value), repr(value)


def make(kind, shape, chunks, **kwargs):
    kwargs = {"store": {}, "fill_value": kind.fill} | kwargs
    return zarrcy.create(shape, chunks=chunks, dtype=object, object_codec=kind.codec, **kwargs)


@st.composite
def made(draw, kind, min_dims=0, **kwargs):
    """Draw an array and a NumPy array with the same elements."""
    shape = draw(st.sampled_from([s for s in [(), (5,), (0,), (3, 4), (2, 3, 2)] if len(s) >= min_dims]))
    a = make(
        kind,
        shape,
        draw(strategies.chunk_shapes(shape)),
        order=draw(st.sampled_from("CF")),
        compressor=draw(st.sampled_from([None, numcodecs.Zlib(1)])),
        dimension_separator=draw(st.sampled_from([".", "/"])),
        **kwargs,
    )
    model = objects(shape, kind.values)
    a[...] = model
    return a, model


@each_kind
@given(data=st.data())
def test_every_selection_reads_and_writes_objects(kind, data):
    a, model = data.draw(made(kind))
    flat = model.reshape(-1)
    for start in (1, 2):
        selection = data.draw(strategies.selections(a.shape, a.chunks))
        positions = selection.positions
        expected = objects(positions.shape, [flat[n] for n in positions.flat] or [None])
        way = {"basic": a, "orthogonal": a.oindex, "block": a.blocks}.get(selection.kind, a.vindex)
        result = way[selection.key]
        # if NumPy returns a scalar, the result is the object itself
        assert plain(result) in (plain(expected), plain(expected[()]))
        out = repeated(positions.shape, "not read")
        assert getattr(a, f"get_{selection.kind}_selection")(selection.key, out=out) is out
        assert plain(out) == plain(expected)
        value = objects(positions.shape, kind.values, start)
        one = kind.values[start]
        if isinstance(one, (str, bytes, int)) and data.draw(st.booleans()):
            value = repeated(positions.shape, one)
            way[selection.key] = one
        else:
            way[selection.key] = value
        for n, item in zip(positions.flat, value.flat, strict=True):
            flat[n] = item
        assert plain(a[...]) == plain(model)
    assert plain(zarrcy.open_array(a.store, mode="r")[...]) == plain(model)


@each_kind
@pytest.mark.parametrize("order", ["C", "F"])
def test_elements_that_were_never_written_have_the_fill_value(kind, order):
    a = make(kind, (4, 3), (2, 2), order=order)
    assert plain(a[...]) == plain(repeated((4, 3), kind.fill))
    a[0, 0] = kind.values[0]
    expected = repeated((4, 3), kind.fill)
    expected[:2, :2] = repeated((2, 2), kind.stored_fill)
    expected[0, 0] = kind.values[0]
    assert plain(a[...]) == plain(expected)
    assert plain(zarrcy.open_array(a.store).fill_value) == plain(kind.fill)


@each_kind
@given(data=st.data())
def test_resizing_keeps_the_objects_inside_the_new_shape(kind, data):
    a, model = data.draw(made(kind, min_dims=1))
    shape = tuple(data.draw(st.integers(0, n + 3)) for n in a.shape)
    a.resize(shape)
    common = tuple(slice(min(n, m)) for n, m in zip(model.shape, shape, strict=True))
    assert plain(a[common]) == plain(model[common])
    model = a[...]
    axis = data.draw(st.integers(0, a.ndim - 1))
    more = objects((*shape[:axis], data.draw(st.integers(0, 4)), *shape[axis + 1 :]), kind.values, 2)
    a.append(more, axis=axis)
    # appending may store chunks that were missing
    assert plain(normal(kind, a[...])) == plain(normal(kind, np.concatenate([model, more], axis)))


def normal(kind, array):
    """Replace the fill value by its form in a stored chunk."""
    out = array.copy()
    for at in np.ndindex(*out.shape):
        if out[at] is None:
            out[at] = kind.stored_fill
    return out


@each_kind
def test_arrays_of_objects_can_be_pickled(kind):
    a = make(kind, (3, 2), (2, 2), write_empty_chunks=False)
    a[...] = model = objects((3, 2), kind.values)
    again = pickle.loads(pickle.dumps(a))
    assert plain(again[...]) == plain(model)
    again[2] = value = objects((2,), kind.values, 1)
    model[2] = value
    assert plain(again[...]) == plain(model)
    assert again.filters == a.filters == [kind.codec]


@each_kind
def test_views_of_objects_share_the_chunks(kind):
    a = make(kind, (3, 2), (2, 2))
    a[...] = model = objects((3, 2), kind.values)
    view = a.view()
    view[0] = value = objects((2,), kind.values, 1)
    model[0] = value
    assert plain(a[...]) == plain(view[...]) == plain(model)
    assert plain(a.view(read_only=True)[1:]) == plain(model[1:])


@each_kind
def test_a_chunk_of_objects_that_is_overwritten_completely_is_not_read(kind):
    a = make(kind, (6,), (2,), store=CountingStore())
    a[...] = objects((6,), kind.values)
    a.store.counts.clear()
    a[1:6] = objects((5,), kind.values, 1)
    assert (a.store.gets, a.store.sets) == (1, 3)


# without a fill value all chunks must be stored: other readers may return any value for a missing one
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind.fill is not None], ids=str)
def test_chunks_that_consist_of_the_fill_value_are_not_stored(kind):
    a = make(kind, (6,), (2,), write_empty_chunks=False)
    a[...] = objects((6,), kind.values)
    a[:4] = repeated((4,), kind.fill)
    assert a.nchunks_initialized == 1
    assert plain(a[:4]) == plain(repeated((4,), kind.fill))


@pytest.mark.parametrize(
    ("fill", "value"),
    [
        (0, False),
        (1, 1.0),
        (0, 0.0),
        ("", b""),
        (0.0, -0.0),
        ([1], [True]),
    ],
    ids=repr,
)
def test_objects_that_equal_the_fill_value_but_differ_in_type_are_stored(fill, value):
    a = zarrcy.create(
        4, chunks=2, dtype=object, object_codec=numcodecs.MsgPack(), fill_value=fill, write_empty_chunks=False
    )
    a[:2] = repeated((2,), value)
    assert a.nchunks_initialized == 1
    assert plain(a[...]) == plain(objects((4,), [value, value, fill, fill]))


@each_kind
def test_a_single_object_can_be_assigned(kind):
    a = make(kind, (2, 2), (1, 2))
    for value in kind.values:
        a[1, 0] = value
        assert plain(a[1, 0]) == plain(value)


@pytest.mark.parametrize("key", [(0, None), (None, 0), (None, 0, None)])
def test_a_new_axis_does_not_turn_an_object_into_an_array(key):
    a, model = zarrcy.create(2, dtype=str), np.array(["", ""], object)
    for target in (a, model):
        target[key] = np.array(["x"], object)
    assert a[:].tolist() == model.tolist()


def test_creating_an_array_of_objects_without_a_codec_is_refused():
    store = {}
    for filters in (None, []):
        with pytest.raises(ValueError, match="missing object_codec"):
            zarrcy.create(3, dtype=object, filters=filters, store=store)
    with pytest.raises(ValueError, match="missing object_codec"):
        zarrcy.array(np.array(["a", 1], object), store=store)
    assert store == {}


@pytest.mark.parametrize(
    "access", [lambda a: a[:], lambda a: a.__setitem__(0, "x"), lambda a: a.__setitem__(slice(None), "x")]
)
def test_reading_and_writing_objects_without_a_codec_are_refused(access):
    a = zarrcy.create(2, dtype=str, compressor=None, store={})
    a.store[".zarray"] = json.dumps(json.loads(a.store[".zarray"]) | {"filters": None}).encode()
    a.store["0"] = bytes(16)
    broken = zarrcy.Array(a.store)
    with pytest.raises(RuntimeError, match="object"):
        access(broken)
    assert a.store["0"] == bytes(16)


def test_strings_that_were_never_written_are_empty_as_another_type():
    a = zarrcy.create(3, dtype=str, chunks=2)
    a[0] = "x"
    assert a.astype("U1")[:].tolist() == ["x", "", ""]


def test_an_error_for_an_object_that_a_codec_refuses_names_key_and_codec():
    for codec, bad in [
        (numcodecs.VLenUTF8(), 5),
        (numcodecs.VLenBytes(), "text"),
        (numcodecs.JSON(), {1, 2}),
        (numcodecs.MsgPack(), object()),
        (numcodecs.Pickle(), lambda: None),
    ]:
        a = zarrcy.create(
            2, dtype=object, object_codec=codec, fill_value="" if codec.codec_id != "vlen-bytes" else b""
        )
        with pytest.raises(errors.ChunkEncodeError, match=rf"'0'.*{codec.codec_id}"):
            a[0] = bad
        assert a.nchunks_initialized == 0


@each_kind
def test_an_error_for_a_damaged_chunk_of_objects_names_its_key(kind):
    a = make(kind, (4,), (2,), compressor=None, path="p")
    a[...] = objects((4,), kind.values)
    good = a.store["p/1"]
    three = make(kind, (3,), (3,), compressor=None)
    three[...] = objects((3,), kind.values)
    for bad in [b"", good[:1], good[: len(good) // 2], three.store["0"]]:
        a.store["p/1"] = bad
        with pytest.raises(errors.ChunkDecodeError, match=r"'p/1'"):
            a[...]
        assert plain(a[0]) == plain(kind.values[0]), "the other chunks can still be read"


@each_kind
def test_the_codec_is_the_first_filter_of_the_document(kind):
    config = json.loads(json.dumps(kind.codec.get_config()))
    for argument in ({"object_codec": kind.codec}, {"filters": [kind.codec]}):
        a = zarrcy.create(2, dtype=object, fill_value=kind.fill, store={}, **argument)
        document = json.loads(a.store[".zarray"])
        assert (document["dtype"], document["filters"]) == ("|O", [config])
        assert a.filters == zarrcy.open_array(a.store).filters == [kind.codec]


DAMAGED_TEXTS = {
    "invalid UTF-8": b"\x02\0\0\0\x01\0\0\0a\x02\0\0\0\xc3\x28",
    "half of a pair": b"\x02\0\0\0\x01\0\0\0a\x03\0\0\0\xed\xa0\x80",
    "an item that is longer than the value": b"\x02\0\0\0\x01\0\0\0a\xff\xff\xff\xffa",
    "a value that is too short": b"\x02\0\0\0\x01\0\0\0a",
    "another number of items": b"\x03\0\0\0" + 3 * b"\x01\0\0\0a",
    "nothing": b"",
}


@pytest.mark.parametrize("name", DAMAGED_TEXTS)
@pytest.mark.parametrize(
    "compressor", [None, numcodecs.Blosc(), numcodecs.Zstd()], ids=["raw", "blosc", "zstd"]
)
def test_damaged_texts_are_errors_that_name_the_key_and_the_codec(name, compressor):
    store = {}
    a = zarrcy.create(2, dtype=str, chunks=2, store=store, compressor=compressor, zarr_format=2)
    store["0"] = (
        DAMAGED_TEXTS[name] if compressor is None else compressor.encode(DAMAGED_TEXTS[name] or b"\0")
    )
    with pytest.raises(errors.ChunkDecodeError, match="vlen-utf8") as caught:
        a[:]
    assert caught.value.key == "0"


@pytest.mark.parametrize("compressor", [numcodecs.Blosc(), numcodecs.Blosc("zstd", 3, 0), None])
def test_texts_are_stored_as_numcodecs_stores_them(compressor):
    texts = np.array(["é", "", "abc" * 1000, "\U0001f600"], object)
    store = {}
    zarrcy.create(4, dtype=str, chunks=4, store=store, compressor=compressor, zarr_format=2)[:] = texts
    plain_bytes = bytes(numcodecs.VLenUTF8().encode(texts))
    assert bytes(store["0"] if compressor is None else compressor.decode(store["0"])) == plain_bytes
