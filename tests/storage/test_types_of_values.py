"""Stores may return any object with the buffer protocol; what else they return is an error that names key and store."""

import array
import ctypes
import functools
import io
import mmap
from collections.abc import MutableMapping

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.errors import StoredTypeError
from zarrcy.storage import KVStore


def numbers(value):
    return np.frombuffer(value, "u1")


def in_mmap(value):
    memory = mmap.mmap(-1, len(value))
    memory.write(value)
    return memory


class OtherBytes(bytes):
    pass


BUFFERS = {
    "bytes": bytes,
    "a subclass of bytes": OtherBytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
    "memoryview of characters": lambda value: memoryview(value).cast("c"),
    "memoryview of integers": lambda value: memoryview(value).cast("h" if len(value) % 2 == 0 else "b"),
    "memoryview with two axes": lambda value: memoryview(value).cast("B", (1, len(value))),
    "reversed memoryview": lambda value: memoryview(value[::-1])[::-1],
    "strided memoryview": lambda value: memoryview(bytes(2 * len(value)) + value)[2 * len(value) :],
    "every second byte": lambda value: memoryview(bytes(x for byte in value for x in (byte, 0)))[::2],
    "array of integers": numbers,
    "array of texts": lambda value: numbers(value).view("S1"),
    "array in order F": lambda value: numbers(value).reshape((1, -1), order="F"),
    "array of times": lambda value: numbers(value).view("M8[s]") if len(value) % 8 == 0 else numbers(value),
    "reversed array": lambda value: numbers(value[::-1])[::-1],
    "array of records": lambda value: numbers(value).view([("a", "u1")]),
    "array.array": lambda value: array.array("B", value),
    "mmap": in_mmap,
    "ctypes": lambda value: (ctypes.c_char * len(value)).from_buffer_copy(value),
}
OTHERS = {
    "str": lambda value: value.decode("latin-1"),
    "int": len,
    "float": lambda value: 1.5,
    "list": list,
    "dict": lambda value: {},
    "iterator": iter,
    "object": lambda value: object(),
    "array of objects": lambda value: np.array(list(value), object),
    "BytesIO": io.BytesIO,
}
DOCUMENTS = (".zarray", ".zattrs", "zarr.json")


class Mapping(MutableMapping):
    """A mapping that returns the values of some keys as other objects."""

    def __init__(self, values, convert, is_converted):
        self.values_, self.convert, self.is_converted = dict(values), convert, is_converted

    def converted(self, key, value):
        return self.convert(value) if self.is_converted(key) and value else value

    def __getitem__(self, key):
        return self.converted(key, self.values_[key])

    def __setitem__(self, key, value):
        self.values_[key] = value

    def __delitem__(self, key):
        del self.values_[key]

    def __iter__(self):
        return iter(self.values_)

    def __len__(self):
        return len(self.values_)


class Batches(Mapping):
    def getitems(self, keys):
        return {key: self[key] for key in keys if key in self}


class Parts(Mapping):
    def get_partial_values(self, key_ranges):
        parts = []
        for key, (start, nbytes) in key_ranges:
            value = self.values_.get(key)
            part = None if value is None else value[start:][:nbytes]
            parts.append(part if part is None else self.converted(key, part))
        return parts


def dictionary(values, convert, is_converted):
    return {key: convert(value) if is_converted(key) else value for key, value in values.items()}


STORES = {
    "a dictionary": (dictionary, "dict"),
    "a mapping": (Mapping, "Mapping"),
    "a mapping with getitems": (Batches, "Batches"),
    "a mapping with parts": (Parts, "Parts"),
    "a KVStore": (lambda *args: KVStore(Mapping(*args)), "Mapping"),
    "a cache": (lambda *args: zarrcy.LRUStoreCache(Mapping(*args), None), "Mapping"),
}
ARRAYS = {
    "raw": {"compressor": None},
    "compressed": {"compressor": numcodecs.Blosc()},
    "filtered": {"compressor": numcodecs.GZip(1), "filters": [numcodecs.Delta("i4")]},
    "large raw chunks": {"compressor": None, "shape": 2**16, "chunks": 2**15},
    "large compressed chunks": {
        "compressor": numcodecs.Blosc("lz4", blocksize=4096),
        "shape": 2**16,
        "chunks": 2**15,
    },
    "v3": {"zarr_format": 3},
    "shards": {"zarr_format": 3, "chunks": 4, "shards": 32},
    "shards on the fallback path": {
        "zarr_format": 3,
        "chunks": 4,
        "shards": 32,
        "codecs": ["bytes", "zstd", "crc32c", "gzip"],
    },
    "texts": {"dtype": str},
}
READS = {
    "all": lambda a: a[...],
    "an element": lambda a: a[3],
    "every second element": lambda a: a[::2],
    "points": lambda a: a.vindex[[3, 40]],
}


def is_document(key):
    return key.rsplit("/", 1)[-1] in DOCUMENTS


def is_chunk(key):
    return not is_document(key)


@functools.cache
def stored(name):
    """Return the stored values of an array, and its elements."""
    values = {}
    options = {"shape": 64, "chunks": 32, "dtype": "i4", "store": values, **ARRAYS[name]}
    a = zarrcy.create(**options)
    a.attrs["x"] = 1
    elements = np.arange(1, a.shape[0] + 1)
    a[...] = elements.astype(str).astype(object) if a.dtype == object else elements
    return {key: bytes(value) for key, value in values.items()}, a[...]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("name", ARRAYS)
def test_every_buffer_is_a_value(name, store):
    values, elements = stored(name)
    make_store, _ = STORES[store]
    for convert in BUFFERS.values():
        for is_converted in (is_document, is_chunk):
            a = zarrcy.open_array(make_store(values, convert, is_converted), mode="r+")
            assert dict(a.attrs) == {"x": 1}
            for read in READS.values():
                assert np.array_equal(read(a), read(Points(elements)))
            a[5] = elements[7]
            assert a[4:7].tolist() == [elements[4], elements[7], elements[6]]


class Points:
    """Elements in memory that are selected like those of an array."""

    def __init__(self, elements):
        self.vindex = self.elements = elements

    def __getitem__(self, selection):
        return self.elements[selection]


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("name", ARRAYS)
def test_what_is_not_a_buffer_is_an_error_that_names_the_key_and_the_store(name, store):
    values, elements = stored(name)
    make_store, store_name = STORES[store]
    for convert in OTHERS.values():
        a = zarrcy.open_array(make_store(values, convert, is_chunk), mode="r+")
        uses = [
            *READS.values(),
            lambda a: a.__setitem__(3, elements[0]),
            lambda a: zarrcy.copy_store(a.store, {}),
            lambda a: zarrcy.open_array(a.store, mode="r", read_missing="mask")[...],
            lambda a: zarrcy.open_array(a.store, mode="r", cache_bytes=2**20)[...],
        ]
        for use in uses:
            with pytest.raises(StoredTypeError) as caught:
                use(a)
            assert caught.value.key in values
            assert repr(caught.value.key) in str(caught.value)
            assert f"the store {store_name} returned an object of the class" in str(caught.value)
        problems = zarrcy.verify(a.store).problems
        assert {problem.key for problem in problems} <= {*values}
        assert "StoredTypeError" in str(problems)


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("kind", {*OTHERS} - {"str", "dict"})
def test_a_document_that_is_not_a_buffer_is_an_error_that_names_the_key_and_the_store(kind, store):
    for zarr_format, key in ((2, ".zarray"), (3, "zarr.json")):
        values = {}
        zarrcy.create(3, store=values, zarr_format=zarr_format)
        make_store, name = STORES[store]
        with pytest.raises(StoredTypeError, match=f"the store {name} returned .* for the key '{key}'"):
            zarrcy.open_array(make_store(values, OTHERS[kind], is_document), mode="r")


def test_a_document_may_be_a_text_or_a_parsed_document():
    for convert in (bytes.decode, lambda value: zarrcy.storage.json_reader.parse_json(value, "key")):
        values = {}
        zarrcy.create(3, store=values)
        assert zarrcy.open_array(Mapping(values, convert, is_document), mode="r").shape == (3,)


def test_none_is_a_missing_value_only_where_the_store_says_so():
    """`get` and `get_partial_values` return None for a key that does not exist; a mapping raises KeyError."""
    values = {}
    zarrcy.create(4, chunks=2, store=values, fill_value=7)[...] = 1
    assert zarrcy.open_array({**values, "0": None}, mode="r")[...].tolist() == [7, 7, 1, 1]
    a = zarrcy.open_array(Mapping(values, lambda value: None, is_chunk), mode="r")
    with pytest.raises(StoredTypeError, match="the store Mapping returned None for the key '0'"):
        a[...]


def test_methods_for_many_keys_that_return_something_else_are_errors():
    values = {}
    zarrcy.create(2**16, chunks=2**15, compressor=None, store=values, dtype="i4")[...] = 1

    class Lists(Batches):
        def getitems(self, keys):
            return [self.get(key) for key in keys]

    class TooFewParts(Parts):
        def get_partial_values(self, key_ranges):
            return super().get_partial_values(key_ranges)[1:]

    for kind, problem in ((Lists, "Lists returned a list"), (TooFewParts, "TooFewParts returned 0 parts")):
        with pytest.raises(StoredTypeError, match=problem):
            zarrcy.open_array(kind(values, bytes, is_chunk), mode="r")[:: 2**14]
