"""A codec of another package that returns something else than a chunk: the error names the codec and the key."""

import array

import numcodecs
import numpy as np
import pytest
from numcodecs.abc import Codec

import zarrcy
from zarrcy.errors import ChunkDecodeError, ChunkEncodeError


def as_bytes(buf):
    return np.ascontiguousarray(buf).reshape(-1).view("u1").tobytes()


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
    a = new(place, decoder=WRONG_LENGTH[name])
    a[...] = np.arange(16)
    for read in (lambda: a[:8], lambda: a[3], lambda: a.__setitem__(3, 1)):
        with pytest.raises(ChunkDecodeError, match=r"'0'.*'test_odd'"):
            read()
