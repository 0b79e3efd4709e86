"""Codecs of numcodecs that the native path has are made on first use; users see no difference."""

import copy
import pickle
import subprocess
import sys
import threading

import numcodecs
import numpy as np
import pytest
from builds import needs_codecs

import zarrcy
from zarrcy import _kernels
from zarrcy.codecs import as_codec
from zarrcy.codecs.configured import ConfiguredCodec, complete, get_codec

CONFIGS = [
    {"id": "blosc"},
    {"id": "blosc", "cname": "zstd", "clevel": 9, "shuffle": 2, "blocksize": 256},
    {"id": "blosc", "cname": "blosclz", "shuffle": -1, "clevel": 0},
    {"id": "gzip"},
    {"id": "gzip", "level": 9},
    {"id": "lz4"},
    {"id": "lz4", "acceleration": 7},
    {"id": "zlib"},
    {"id": "zlib", "level": 0},
    {"id": "zstd"},
    {"id": "zstd", "level": -5},
    {"id": "zstd", "level": 22},
    {"id": "zstd", "level": 3, "checksum": False},
]
# Codecs that the native path does not have, and parameters that numcodecs itself must judge.
UNUSUAL = [
    {"id": "bz2"},
    {"id": "delta", "dtype": "<i4"},
    {"id": "blosc", "clevel": 5.0},
    {"id": "blosc", "clevel": True},
    {"id": "blosc", "clevel": 10},
    {"id": "blosc", "cname": "lz5"},
    {"id": "blosc", "shuffle": "BIT"},
    {"id": "blosc", "typesize": 4},
    {"id": "gzip", "level": "4"},
    {"id": "gzip", "level": 10},
    {"id": "lz4", "acceleration": 0},
    {"id": "zstd", "level": 23},
    {"id": "zstd", "checksum": True},
    {"id": "zstd", "checksum": 0},
    {"id": "zlib", "extra": 1},
    {"id": ["blosc"]},
    {},
]
ELEMENTS = np.arange(1000, dtype="<i4") % 7


@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_a_configured_codec_equals_the_one_of_numcodecs(config):
    codec, expected = get_codec(config), numcodecs.get_codec(dict(config))
    assert isinstance(codec, ConfiguredCodec)
    stated = expected.get_config()
    # versions before 0.14 do not have the parameter
    if "checksum" not in stated:
        stated |= {"checksum": False} if config["id"] == "zstd" else {}
    assert codec.get_config() == stated
    assert list(codec.get_config()) == list(stated)
    assert codec.codec_id == expected.codec_id
    assert repr(codec) == repr(expected)
    assert type(codec.actual()) is type(expected)
    assert codec.actual() is codec.actual()
    assert codec.actual() == expected
    decoded = codec.decode(expected.encode(ELEMENTS))
    assert np.array_equal(np.frombuffer(decoded, "<i4"), ELEMENTS)
    assert bytes(codec.encode(ELEMENTS)) == bytes(expected.encode(ELEMENTS))


@pytest.mark.parametrize("config", UNUSUAL, ids=str)
def test_numcodecs_judges_unusual_configurations(config):
    assert complete(config) is None


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("config", CONFIGS, ids=str)
def test_users_see_the_codec_of_numcodecs(config, zarr_format):
    store = {}
    given = numcodecs.get_codec(dict(config))
    if zarr_format == 3 and config["id"] not in ("blosc", "gzip", "zstd"):
        pytest.skip("v3 has this codec under another name")
    zarrcy.create((100,), chunks=10, dtype="i4", compressor=given, store=store, zarr_format=zarr_format)
    array = zarrcy.open_array(store, mode="r")
    assert isinstance(array.compressor, type(given))
    assert array.compressor is array.compressor
    assert array.compression == given.codec_id
    assert zarrcy.open_array(store, mode="r").compressor is not array.compressor


def test_a_change_of_the_codec_of_an_array_counts():
    store = {}
    zarrcy.create((1000,), chunks=1000, dtype="i4", compressor=numcodecs.Zlib(0), store=store)
    array = zarrcy.open_array(store)
    array.compressor.level = 9
    assert array.compression_opts == {"id": "zlib", "level": 9}
    other = copy.copy(as_codec({"id": "zlib", "level": 3}))
    assert other.level == 3


def test_a_copy_of_a_configured_codec_is_independent():
    codec = get_codec({"id": "gzip", "level": 3})
    before = copy.copy(codec)
    codec.actual().level = 4
    after = copy.copy(codec)
    codec.actual().level = 5
    levels = [one.get_config()["level"] for one in (before, after, codec)]
    assert levels == [3, 4, 5]
    assert pickle.loads(pickle.dumps(codec)).get_config() == codec.get_config()


def test_threads_that_use_a_codec_first_at_the_same_time_get_one_codec():
    codec, barrier, found = get_codec({"id": "blosc"}), threading.Barrier(8), []

    def use():
        barrier.wait()
        found.append(codec.actual())

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert all(one is found[0] for one in found)


@pytest.mark.parametrize("zarr_format", [2, "3-draft"])
def test_a_codec_that_a_program_registered_replaces_the_one_of_the_same_name(zarr_format):
    class Reversed(numcodecs.zlib.Zlib):
        def encode(self, buf):
            return super().encode(buf)[::-1]

        def decode(self, buf, out=None):
            return super().decode(bytes(buf)[::-1], out)

    known = numcodecs.registry.codec_registry["zlib"]
    store = {}
    zarrcy.create((10,), dtype="i4", compressor=numcodecs.Zlib(), store=store, zarr_format=zarr_format)
    numcodecs.register_codec(Reversed)
    try:
        array = zarrcy.open_array(store)
        assert type(array.compressor) is Reversed
        array[:] = 5
        assert zarrcy.open_array(store)[:].tolist() == [5] * 10
    finally:
        numcodecs.register_codec(known)
    with pytest.raises(zarrcy.errors.ChunkDecodeError):
        zarrcy.open_array(store)[:]


# What a process does with an array; numcodecs is imported only if a codec needs it.
PROGRAM = """
import sys, tempfile, zarrcy
with tempfile.TemporaryDirectory() as path:
    array = zarrcy.open(path, mode="w", shape=(32, 32), chunks=(8, 8), dtype="f4", {arguments})
    array[...] = 1.5
    array[1, 2] = 3
    array.attrs["units"] = "K"
    array.resize(33, 32)
    again = zarrcy.open(path, mode="r")
    assert again[1, 2] == 3 and again[5].tolist() == [1.5] * 32 and again.attrs["units"] == "K"
    print("numcodecs" in sys.modules)
"""


needs_native = pytest.mark.skipif(
    _kernels.native is None, reason="a build without the native path decodes with numcodecs"
)


@needs_codecs
@needs_native
@pytest.mark.parametrize(
    ("arguments", "is_needed"),
    [
        ("", False),
        ("zarr_format=3", False),
        ("zarr_format=3, shards=(16, 16)", False),
        ("compressor=None", False),
        ("compressor={'id': 'bz2'}", True),
    ],
)
def test_numcodecs_is_imported_only_where_a_codec_needs_it(arguments, is_needed):
    program = PROGRAM.format(arguments=arguments)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(is_needed)]


@needs_codecs
@needs_native
@pytest.mark.parametrize("codec", [{"id": "gzip"}, {"id": "zstd"}, {"id": "lz4"}, {"id": "zlib"}], ids=str)
def test_reading_an_array_with_a_native_codec_does_not_import_numcodecs(codec, tmp_path):
    zarrcy.create((32,), chunks=8, dtype="i4", compressor=codec, store=str(tmp_path))[:] = 7
    program = (
        f"import sys, zarrcy; a = zarrcy.open({str(tmp_path)!r}, mode='r'); "
        "print(a[3], a[::5].tolist() == [7] * 7, 'numcodecs' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["7", "True", "False"]


def test_the_codec_of_n5_blocks_is_found_by_its_name():
    program = (
        "import zarrcy; from zarrcy.codecs import as_codec; "
        "print(type(as_codec({'id': 'n5_wrapper', 'dtype': '<i2', 'chunk_shape': [2]})).__name__, "
        "zarrcy.codecs.N5ChunkWrapper.codec_id)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["N5ChunkWrapper", "n5_wrapper"]
