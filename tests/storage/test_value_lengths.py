"""A stored value that is far longer than it can be is refused by its length, before it is read."""

import os
import zipfile

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy.errors import ChunkDecodeError, ValueLengthError
from zarrcy.storage import DirectoryStore, ZipStore

HUGE = 8 * 2**40  # more than memory and disk: files are sparse
ARRAYS = {
    "raw": {"compressor": None},
    "compressed": {"compressor": numcodecs.GZip(1)},
    "filtered": {"filters": [numcodecs.Delta("i4")]},
    "v3": {"zarr_format": 3},
    "shards": {"zarr_format": 3, "chunks": 16, "shards": 64, "codecs": ["bytes", "zstd", "crc32c", "gzip"]},
}


def lengthen(path):
    try:
        os.truncate(path, HUGE)
    except OSError:
        os.truncate(path, 2**40)


@pytest.mark.parametrize("kind", ARRAYS)
def test_a_chunk_far_longer_than_it_can_be_is_not_read(tmp_path, kind):
    options = {"shape": 128, "chunks": 64, "dtype": "i4", "store": DirectoryStore(tmp_path), **ARRAYS[kind]}
    a = zarrcy.create(**options)
    a[...] = 1
    key = min(key for key in a.store if not key.endswith(("json", ".zarray")))
    lengthen(tmp_path / key)
    for read in (lambda: a[0], lambda: a[:], lambda: a.vindex[[3, 4]]):
        with pytest.raises(ChunkDecodeError, match=key):
            read()
    with pytest.raises(ChunkDecodeError, match=key):
        a[3] = 5
    assert (a[64:] == 1).all()


@pytest.mark.parametrize("name", [".zarray", ".zattrs", "zarr.json"])
def test_a_document_far_longer_than_it_can_be_is_not_read(tmp_path, name):
    zarr_format = 3 if name == "zarr.json" else 2
    a = zarrcy.create(4, store=DirectoryStore(tmp_path), zarr_format=zarr_format)
    a.attrs["x"] = 1
    lengthen(tmp_path / name)
    with pytest.raises(ValueError, match=name):
        zarrcy.open_array(str(tmp_path), mode="r").attrs.asdict()


def test_a_member_of_a_zip_archive_far_longer_than_it_can_be_is_not_read(tmp_path):
    path = tmp_path / "a.zip"
    with ZipStore(path, mode="w") as store:
        zarrcy.create(64, chunks=64, dtype="i4", compressor=None, store=store)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", bytes(2**25))
    with ZipStore(path, mode="r") as store:
        with pytest.raises(ChunkDecodeError, match="'0'"):
            zarrcy.open_array(store, mode="r")[...]
        with pytest.raises(ValueLengthError, match="'0' has 33554432 bytes; at most 10 are read"):
            store.read_value("0", 10)
        assert len(store.read_value("0")) == 2**25


@pytest.mark.parametrize("codec", [numcodecs.GZip(0), numcodecs.BZ2(1), numcodecs.LZMA(), numcodecs.Blosc()])
def test_data_that_cannot_be_compressed_is_never_too_long(tmp_path, codec):
    noise = np.random.default_rng(0).integers(0, 256, 3_000_000, "u1")
    for chunk in (1, 100, 3_000_000):
        part = noise[: 100 * chunk]
        a = zarrcy.array(part, chunks=chunk, compressor=codec, store=DirectoryStore(tmp_path / str(chunk)))
        assert (a[...] == part).all()
