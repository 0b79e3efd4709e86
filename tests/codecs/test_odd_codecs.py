"""Codecs of other packages that return arrays of any layout, or something else than a chunk."""

import array

import numcodecs
import numpy as np
import pytest
from numcodecs.abc import Codec
from numcodecs.compat import ensure_bytes

import zarrcy
from zarrcy.errors import ChunkDecodeError, ChunkEncodeError


def as_bytes(buf):
    """Return the bytes of a chunk as numcodecs sees them."""
    return ensure_bytes(buf)


class Odd(Codec):
    codec_id = "test_odd"
    encoder = decoder = staticmethod(as_bytes)

    def encode(self, buf):
        return type(self).encoder(buf)

    def decode(self, buf, out=None):
        return type(self).decoder(buf)


# what holds the right bytes is taken, whatever its type
RIGHT = {
    "bytes": as_bytes,
    "bytearray": lambda buf: bytearray(as_bytes(buf)),
    "memoryview": lambda buf: memoryview(as_bytes(buf)),
    "memoryview of numbers": lambda buf: memoryview(np.frombuffer(as_bytes(buf), "i4")),
    "array": lambda buf: array.array("B", as_bytes(buf)),
    "two axes": lambda buf: np.frombuffer(as_bytes(buf), "u1").reshape(2, -1),
    "times": lambda buf: np.frombuffer(as_bytes(buf), "M8[s]"),
}
CHUNK_NBYTES = 4 * 6 * 4


def in_memory(dtype, shape, axes=None):
    """Return a function that views the bytes of a chunk as an array, with its axes in another order."""
    return lambda buf: np.frombuffer(as_bytes(buf), dtype).reshape(shape).transpose(axes)


def every_second(buf):
    elements = np.frombuffer(as_bytes(buf), "u1")
    return np.repeat(elements, 2)[::2]


def padded_rows(buf):
    return np.pad(np.frombuffer(as_bytes(buf), "i4").reshape(4, 6), ((0, 1), (0, 3)))[:4, :6]


# the same bytes in arrays of each layout and type
LAYOUTS = {
    "Fortran order": in_memory("i4", (6, 4), (1, 0)),
    "Fortran order of three axes": in_memory("i4", (4, 3, 2), (2, 1, 0)),
    "Fortran order of bytes": in_memory("u1", (16, 6), (1, 0)),
    "Fortran order of long items": in_memory("i8", (3, 4), (1, 0)),
    "Fortran order of times": in_memory("M8[s]", (3, 4), (1, 0)),
    "Fortran order in a memoryview": lambda buf: memoryview(in_memory("i4", (6, 4), (1, 0))(buf)),
    "neither order": lambda buf: in_memory("i4", (2, 3, 4), (1, 0, 2))(buf).copy().transpose(1, 0, 2),
    "a matrix in Fortran order": lambda buf: in_memory("i4", (6, 4), (1, 0))(buf).view(np.matrix),
    "gaps": every_second,
    "gaps in a memoryview": lambda buf: memoryview(every_second(buf)),
    "gaps between rows": padded_rows,
    "backwards": lambda buf: np.frombuffer(as_bytes(buf), "i4")[::-1].copy()[::-1],
    "masked": lambda buf: np.ma.array(np.frombuffer(as_bytes(buf), "i4"), mask=np.arange(24) % 2),
    "a record array": lambda buf: np.rec.array(np.frombuffer(as_bytes(buf), "i2,i2")),
    "the other byte order": in_memory(">i4", 24),
    "texts": in_memory("S4", 24),
    "one element": lambda buf: np.void(as_bytes(buf)),
    "read-only": lambda buf: memoryview(as_bytes(buf)).toreadonly(),
    "two axes in a memoryview": lambda buf: memoryview(as_bytes(buf)).cast("i", (4, 6)),
}
CREATE = {
    "compressor": {"compressor": Odd()},
    "compressor, order F": {"compressor": Odd(), "order": "F"},
    "compressor after a filter": {"compressor": Odd(), "filters": [numcodecs.Shuffle(4)]},
    "filter": {"compressor": None, "filters": [Odd()]},
    "filter before a compressor": {"compressor": numcodecs.Zlib(), "filters": [Odd()]},
    "filter, order F": {"compressor": numcodecs.Blosc(), "filters": [Odd()], "order": "F"},
    "format 3": {"zarr_format": 3, "codecs": [{"name": "bytes"}, {"name": "numcodecs.test_odd"}]},
    "format 3, filter": {"zarr_format": 3, "filters": [Odd()]},
    "shards": {"zarr_format": 3, "shards": (8, 12), "codecs": [{"name": "bytes"}, {"name": "numcodecs.test_odd"}]},
    "shards, filter": {"zarr_format": 3, "shards": (8, 12), "filters": [Odd()], "compressor": numcodecs.Zstd()},
}  # fmt: skip
NO_BYTES = {
    "None": None, "int": 5, "bool": True, "float": 1.5, "str": "x" * 32, "list": [1, 2], "dict": {}, "type": int,
    "objects": np.array([b"x", None], object), "generator": (i for i in ()),
}  # fmt: skip
WRONG_LENGTH = {
    "short": lambda buf: as_bytes(buf)[:-1],
    "long": lambda buf: as_bytes(buf) + b"1",
    "empty": lambda buf: b"",
    "one number": lambda buf: np.array(7, "i8"),
}


@pytest.fixture(params=["memory", "files"])
def new(request, tmp_path, monkeypatch):
    """Return a function that creates an array with a codec of given functions, as its compressor or its filter."""
    numcodecs.register_codec(Odd)

    def create(place, encoder=as_bytes, decoder=as_bytes):
        monkeypatch.setattr(Odd, "encoder", staticmethod(encoder))
        monkeypatch.setattr(Odd, "decoder", staticmethod(decoder))
        codecs = {"compressor": Odd()} if place == "compressor" else {"compressor": None, "filters": [Odd()]}
        return zarrcy.create(
            16, chunks=8, dtype="i4", store={} if request.param == "memory" else tmp_path / "a", **codecs
        )

    return create


@pytest.mark.parametrize("place", ["compressor", "filter"])
@pytest.mark.parametrize("name", RIGHT)
def test_each_object_with_the_right_bytes_is_taken(new, place, name):
    a = new(place, encoder=RIGHT[name])
    a[...] = np.arange(16)
    assert a[...].tolist() == list(range(16))
    Odd.encoder, Odd.decoder = staticmethod(as_bytes), staticmethod(RIGHT[name])
    assert a[...].tolist() == list(range(16))


@pytest.mark.parametrize("direction", ["encoder", "decoder"])
@pytest.mark.parametrize("kind", CREATE)
@pytest.mark.parametrize("name", LAYOUTS)
def test_the_bytes_of_a_codec_are_those_of_its_memory_as_in_numcodecs(
    name, kind, direction, tmp_path, monkeypatch
):
    numcodecs.register_codec(Odd)
    monkeypatch.setattr(Odd, direction, staticmethod(LAYOUTS[name]))
    store = tmp_path / "a" if "3" in kind or "filter" in kind else {}
    a = zarrcy.create((8, 12), chunks=(4, 6), dtype="i4", store=store, **CREATE[kind])
    expected = np.arange(96, dtype="i4").reshape(8, 12) * 1001
    a[...] = expected
    assert a[...].tolist() == expected.tolist()
    assert a[5, 7] == expected[5, 7]
    assert a[2:5, ::5].tolist() == expected[2:5, ::5].tolist()
    a[1:6, 3:9] = expected[1:6, 3:9] = -7
    a[6, 10] = expected[6, 10] = 5
    assert a[...].tolist() == expected.tolist()


@pytest.mark.parametrize("place", ["compressor", "filter"])
@pytest.mark.parametrize("kind", ["bytearray", "memoryview", "ndarray"])
def test_a_codec_may_use_the_memory_of_its_output_again(place, kind, monkeypatch):
    class Reusing(Odd):
        codec_id = "test_reusing"
        memory = bytearray(CHUNK_NBYTES)

        def encode(self, buf):
            self.memory[:] = as_bytes(buf)
            return {"bytearray": self.memory, "memoryview": memoryview(self.memory)}.get(
                kind, np.frombuffer(self.memory, "i4")
            )

        decode = encode

    numcodecs.register_codec(Reusing)
    codecs = (
        {"compressor": Reusing()} if place == "compressor" else {"compressor": None, "filters": [Reusing()]}
    )
    expected = np.arange(240, dtype="i4").reshape(24, 10)
    store = {}
    zarrcy.create((24, 10), chunks=(24, 1), dtype="i4", store=store, **codecs)
    for a in (zarrcy.open_array(store), zarrcy.open_array(store, cache_bytes=10**6)):
        a[...] = expected
        for _ in range(2):
            assert a[...].tolist() == expected.tolist()
        a[3:5] = expected[3:5] = -1
        assert a[...].tolist() == expected.tolist()
        expected = expected + 1


@pytest.mark.parametrize("place", ["compressor", "filter"])
@pytest.mark.parametrize("name", NO_BYTES)
def test_a_codec_that_does_not_return_bytes_is_an_error_that_names_it(new, place, name):
    a = new(place, encoder=lambda buf: NO_BYTES[name])
    for write in (lambda: a.__setitem__(slice(0, 8), np.arange(8)), lambda: a.__setitem__(3, 1)):
        with pytest.raises(ChunkEncodeError, match=r"'0'.*'test_odd'"):
            write()
    assert a.nchunks_initialized == 0
    Odd.encoder = staticmethod(as_bytes)
    a[...] = np.arange(16)
    Odd.decoder = staticmethod(lambda buf: NO_BYTES[name])
    for read in (lambda: a[:8], lambda: a[3], lambda: a.__setitem__(3, 1)):
        with pytest.raises(ChunkDecodeError, match=r"'0'.*'test_odd'"):
            read()
    Odd.decoder = staticmethod(as_bytes)
    assert a[...].tolist() == list(range(16))


@pytest.mark.parametrize("place", ["compressor", "filter"])
@pytest.mark.parametrize("name", WRONG_LENGTH)
def test_a_codec_that_decodes_to_another_length_is_an_error_that_names_it(new, place, name):
    a = new(place)
    a[...] = np.arange(16)
    Odd.decoder = staticmethod(WRONG_LENGTH[name])
    for read in (lambda: a[:8], lambda: a[3], lambda: a.__setitem__(3, 1)):
        with pytest.raises(ChunkDecodeError, match=r"'0'.*'test_odd'"):
            read()


@pytest.mark.parametrize("kind", CREATE)
@pytest.mark.parametrize("name", WRONG_LENGTH)
def test_what_a_codec_encodes_to_a_wrong_length_is_not_stored(name, kind, tmp_path, monkeypatch):
    numcodecs.register_codec(Odd)
    monkeypatch.setattr(Odd, "encoder", staticmethod(as_bytes))
    monkeypatch.setattr(Odd, "decoder", staticmethod(as_bytes))
    store = zarrcy.DirectoryStore(tmp_path)
    a = zarrcy.create((8, 12), chunks=(4, 6), dtype="i4", store=store, **CREATE[kind])
    for expected in (np.zeros((8, 12)), np.arange(96).reshape(8, 12)):
        before = dict(store.items())
        Odd.encoder = staticmethod(WRONG_LENGTH[name])
        changes = [
            lambda: a.__setitem__(..., 7),
            lambda: a.__setitem__((slice(0, 4), slice(0, 6)), np.ones((4, 6))),
            lambda: a.__setitem__((1, 2), 7),
            lambda: a.oindex.__setitem__([1, 6], 7),
        ]
        for change in changes:
            with pytest.raises(ChunkEncodeError, match=r"0.*'test_odd'.*decodes to"):
                change()
        assert dict(store.items()) == before
        Odd.encoder = staticmethod(as_bytes)
        assert (a[...] == expected).all()
        a[...] = np.arange(96).reshape(8, 12)


def test_objects_of_which_a_codec_loses_one_are_not_stored():
    class Losing(numcodecs.JSON):
        codec_id = "test_losing"

        def encode(self, buf):
            return super().encode(np.asarray(buf)[:-1])

    numcodecs.register_codec(Losing)
    a = zarrcy.create(4, chunks=2, dtype=object, object_codec=Losing(), store={}, fill_value=None)
    with pytest.raises(ChunkEncodeError, match=r"'test_losing'.*decodes to 1"):
        a[:2] = ["a", "b"]
    assert a.nchunks_initialized == 0


def test_a_codec_that_cannot_decode_what_it_encoded_is_an_error_at_the_write():
    class OneWay(Odd):
        codec_id = "test_one_way"

        def decode(self, buf, out=None):
            raise RuntimeError("no decoder")

    numcodecs.register_codec(OneWay)
    a = zarrcy.create(4, chunks=2, dtype="i4", compressor=OneWay(), store={})
    with pytest.raises(ChunkEncodeError, match=r"'test_one_way'.*no decoder"):
        a[:2] = 1
    assert a.nchunks_initialized == 0


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("shards", [None, 2000])
def test_a_blosc_frame_with_snappy_is_an_error_that_names_snappy(zarr_format, shards):
    if "snappy" in numcodecs.blosc.list_compressors():
        pytest.skip("this build of Blosc has Snappy")
    if shards and zarr_format == 2:
        pytest.skip("format 2 has no shards")
    store = {}
    array = zarrcy.create(
        2000,
        chunks=1000,
        shards=shards,
        dtype="u2",
        store=store,
        zarr_format=zarr_format,
        compressor=numcodecs.Blosc(),
    )
    array[:] = np.arange(2000)
    for key in [key for key in store if key[-1].isdecimal()]:
        frames = bytearray(store[key])
        for start in range(len(frames) - 3):
            if frames[start : start + 2] == b"\x02\x01":
                # the codec inside is the highest three bits of the third byte
                frames[start + 2] = frames[start + 2] & 0x1F | 2 << 5
                break
        store[key] = bytes(frames)
    with pytest.raises(
        zarrcy.errors.ChunkDecodeError, match="compressed with Snappy, which the Blosc of numcodecs"
    ):
        array[:]
