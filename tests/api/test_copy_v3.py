"""Copies of v3 arrays keep the features of v3; copies between formats keep what both can represent."""

import json

import numcodecs
import numpy as np
import pytest

import zarrcy as zarr

VALUES = np.arange(30 * 24, dtype="i4").reshape(30, 24)
SHARD_AT_START = {
    "name": "sharding_indexed",
    "configuration": {
        "chunk_shape": [5, 4],
        "codecs": [
            {"name": "bytes", "configuration": {"endian": "big"}},
            {"name": "gzip", "configuration": {"level": 2}},
        ],
        "index_codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
        "index_location": "start",
    },
}  # fmt: skip
LIKES = {
    "shards": {"chunks": (5, 4), "shards": (10, 8), "dimension_names": ["y", None]},
    "v2 keys": {"chunks": (10, 8), "chunk_key_encoding": "v2"},
    "dots": {"chunks": 10, "chunk_key_encoding": {"name": "default", "configuration": {"separator": "."}}},
    "codecs": {"chunks": 10, "codecs": [{"name": "bytes", "configuration": {"endian": "big"}}, "zstd", "crc32c"]},
    "index at the start": {"chunks": (10, 8), "codecs": [SHARD_AT_START]},
    "filters": {"chunks": 10, "filters": [numcodecs.Delta("<i4")], "order": "F"},
}  # fmt: skip
every_kind = pytest.mark.parametrize("kwargs", list(LIKES.values()), ids=list(LIKES))


def made(**kwargs):
    array = zarr.group(zarr_format=3).create_dataset(
        "a", shape=VALUES.shape, dtype="i4", fill_value=-1, **kwargs
    )
    array[:20] = VALUES[:20]
    array.attrs["units"] = "K"
    return array


def stored(array):
    return {
        key.removeprefix(f"{array.path}/"): bytes(array.store[key])
        for key in array.store
        if key.startswith(f"{array.path}/")
    }


@every_kind
def test_the_copy_has_the_keys_and_values_of_its_source(kwargs):
    source = made(**kwargs)
    dest = zarr.group(zarr_format=3)
    zarr.copy(source, dest, name="b")
    assert stored(dest["b"]) == stored(source)


def test_arrays_of_texts_are_copied():
    source = zarr.group(zarr_format=3).create_dataset("a", shape=5, dtype=str, chunks=2)
    source[:] = np.array(["a", "", "œ", "bc", "d"], object)
    dest = zarr.group(zarr_format=3)
    zarr.copy(source, dest)
    assert stored(dest["a"]) == stored(source)


@every_kind
def test_the_command_copies_in_the_same_way(kwargs, tmp_path):
    from zarrcy.cli import main

    source = made(**kwargs)
    zarr.copy_store(source.store, str(tmp_path / "a"))
    assert main(["copy", str(tmp_path / "a"), str(tmp_path / "b"), "--if-exists", "raise"]) == 0
    assert stored(zarr.open(tmp_path / "b")["a"]) == stored(source)


def test_keywords_change_some_properties_of_the_copy_and_keep_the_others():
    source = made(**LIKES["shards"])
    dest = zarr.group(zarr_format=3)
    zarr.copy(source, dest, name="b", compressor=numcodecs.GZip(1))
    copied = dest["b"]
    assert (copied.shards, copied.chunks, copied.dimension_names) == ((10, 8), (5, 4), ("y", None))
    assert copied.compressor == numcodecs.GZip(1)
    zarr.copy(source, dest, name="c", chunks=(10, 4))
    assert (dest["c"].shards, dest["c"].chunks) == ((10, 8), (10, 4))
    zarr.copy(source, dest, name="d", chunks=7)
    assert (dest["d"].shards, dest["d"].chunks) == (None, (7, 7))
    zarr.copy(source, dest, name="e", shards=None)
    assert (dest["e"].shards, dest["e"].chunks) == (None, (5, 4))
    zarr.copy(source, dest, name="f", dimension_separator=".")
    assert "f/c.0.0" in dest.store
    for name in "bcdef":
        np.testing.assert_array_equal(dest[name][:], source[:])
        assert dest[name].attrs.asdict() == {"units": "K"}


def test_dimension_names_are_converted_between_formats():
    source = made(chunks=10, dimension_names=["y", "x"])
    two = zarr.group(zarr_format=2)
    zarr.copy(source, two)
    assert two["a"].attrs.asdict() == {"units": "K", "_ARRAY_DIMENSIONS": ["y", "x"]}
    three = zarr.group(zarr_format=3)
    zarr.copy(two["a"], three)
    assert three["a"].dimension_names == ("y", "x")
    assert three["a"].attrs.asdict() == {"units": "K"}
    zarr.copy(two["a"], zarr.group(), name="b")
    assert two["a"].attrs["_ARRAY_DIMENSIONS"] == ["y", "x"]


def test_each_shard_is_written_once():
    class Counting(zarr.MemoryStore):
        def __setitem__(self, key, value):
            written.append(key)
            super().__setitem__(key, value)

    written = []
    dest = zarr.group(Counting(), zarr_format=3)
    source = zarr.array(np.arange(64 * 64, dtype="f8").reshape(64, 64), chunks=3)
    zarr.copy(source, dest, name="a", chunks=(4, 4), shards=(16, 32))
    chunks = [key for key in written if "/c/" in key]
    assert len(chunks) == len(set(chunks)) == 8


@pytest.mark.parametrize("separator", [".", "/"])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_finding_stored_chunks_lists_only_the_folders_of_the_array(zarr_format, separator, tmp_path):
    class Listing(zarr.DirectoryStore):
        def listdir(self, path=None):
            listed.append(path)
            return super().listdir(path)

        def __iter__(self):
            pytest.fail("the whole store is listed")

    listed = []
    root = zarr.group(Listing(tmp_path), zarr_format=zarr_format)
    root.zeros("other", shape=3)
    array = root.create_dataset("a", data=VALUES, chunks=(10, 8), dimension_separator=separator)
    listed.clear()
    assert array.nchunks_initialized == 9
    assert all(path.startswith("a") for path in listed)
    assert json.dumps(listed).count("c/") == (3 if (zarr_format, separator) == (3, "/") else 0)
    scalar = root.create_dataset("s", data=5, dimension_separator=separator)
    assert scalar.nchunks_initialized == 1
