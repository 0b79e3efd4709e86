"""Large results are allocated as zeros if the fill value is zero; the elements do not depend on it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrcy
from zarrcy.chunk_io import native
from zarrcy.chunk_io.policy import IOPolicy, overriding
from zarrcy.testing import CountingStore

STORES = {
    "memory": lambda path: zarrcy.MemoryStore(),
    "directory": zarrcy.DirectoryStore,
    "mapping": lambda path: CountingStore(),
}
FORMATS = {
    "v2": {"compressor": None},
    "v2-blosc": {"compressor": zarrcy.Blosc("lz4", 5, 1)},
    "v2-filter": {"filters": [zarrcy.Shuffle(4)], "compressor": zarrcy.Zlib(1)},
    "v3": {"zarr_format": 3},
    "shards": {"zarr_format": 3, "shards": (8, 6)},
    "shards-raw": {"zarr_format": 3, "shards": (8, 6), "codecs": [{"name": "bytes"}]},
}


@pytest.fixture(autouse=True)
def every_result_is_large():
    with overriding(IOPolicy(fresh_result_nbytes=0)):
        yield


@pytest.mark.parametrize("place", STORES)
@pytest.mark.parametrize("options", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("fill_value", [0.0, -0.0, 2.5])
@settings(max_examples=15)
@given(data=st.data())
def test_elements_that_are_not_stored_have_the_fill_value(tmp_path_factory, place, options, fill_value, data):
    shape = (13, 17)
    store = STORES[place](tmp_path_factory.mktemp("blank"))
    a = zarrcy.create(
        shape,
        chunks=(4, 3),
        dtype="f4",
        fill_value=fill_value,
        store=store,
        write_empty_chunks=False,
        **options,
    )
    model = np.full(shape, fill_value, "f4")
    for _ in range(data.draw(st.integers(0, 3))):
        at = tuple(data.draw(st.integers(0, n - 1)) for n in shape)
        key = tuple(slice(i, i + data.draw(st.integers(1, 6))) for i in at)
        a[key] = model[key] = data.draw(st.sampled_from([1.0, 0.0, -0.0, np.nan]))
    keys = [..., (slice(None, None, 3), slice(16, None, -5)), 5, (slice(3, 9), [1, 16, 4]), (slice(2, 2), 0)]
    for key in keys:
        wanted = model[key]
        found = a[key]
        assert found.dtype == wanted.dtype
        assert found.shape == wanted.shape
        assert found.tobytes() == wanted.tobytes()
    mask = model != 1.0
    assert a[mask].tobytes() == model[mask].tobytes()
    points = ([0, 12, 5], [16, 0, 5])
    assert a.vindex[points].tobytes() == model[points].tobytes()
    out = np.full(shape, 7, "f4")
    assert a.get_basic_selection(out=out).tobytes() == model.tobytes()


@pytest.mark.parametrize("place", STORES)
def test_fields_and_objects_are_read_into_a_prezeroed_result(tmp_path, place):
    a = zarrcy.create(
        10, chunks=3, dtype=[("x", "i2"), ("y", "f8")], store=STORES[place](tmp_path), fill_value=None
    )
    a[4] = (1, 2.0)
    assert a["y"].tolist() == [0, 0, 0, 0, 2.0, 0, 0, 0, 0, 0]
    assert a["y", "x"][4].item() == (2.0, 1)
    texts = zarrcy.create(5, chunks=2, dtype=str, fill_value="", store=STORES[place](tmp_path / "t"))
    texts[1] = "b"
    assert texts[:].tolist() == ["", "b", "", "", ""]


def test_a_damaged_chunk_is_an_error_with_a_prezeroed_result(tmp_path):
    a = zarrcy.create(10, chunks=5, dtype="i4", store=str(tmp_path), compressor=None)
    (tmp_path / "1").write_bytes(b"short")
    with pytest.raises(zarrcy.errors.ChunkDecodeError, match="'1'"):
        a[:]


def test_missing_chunks_are_masked_or_raise_if_requested(tmp_path):
    zarrcy.create(6, chunks=2, dtype="i4", store=str(tmp_path))[2:4] = 5
    masked = zarrcy.open_array(str(tmp_path), mode="r", read_missing="mask")[:]
    assert masked.tolist() == [None, None, 5, 5, None, None]
    with pytest.raises(zarrcy.errors.MissingChunkError):
        zarrcy.open_array(str(tmp_path), mode="r", read_missing="raise")[:]


def test_explaining_a_read_larger_than_memory_allocates_nothing():
    huge = zarrcy.zeros((2**20, 2**20), chunks=2**18, dtype="u1", compressor=None)
    assert huge.explain().n_chunks == 16


@pytest.mark.parametrize("shards", [None, (8,)])
def test_a_chunk_that_is_deleted_before_the_fallback_path_reads_it_is_filled(tmp_path, monkeypatch, shards):
    if not native.codecs():
        pytest.skip("this build has no native path")
    values = np.arange(16, dtype="i4")
    a = zarrcy.create(16, chunks=4, shards=shards, dtype="i4", store=tmp_path, zarr_format=3)
    a[:] = values
    name = "read_files" if shards is None else "read_spans"
    read = getattr(native.NativePath, name)

    def read_and_delete(*arguments):
        # as if decoding had failed half-way, and another process had deleted the chunk then
        assert read(*arguments) == []
        (tmp_path / "c" / "0").unlink()
        return [0]

    monkeypatch.setattr(native.NativePath, name, read_and_delete)
    b = zarrcy.open_array(tmp_path, mode="r")
    found = b[:4] if shards is None else b[:8]
    # a shard that was opened is read to the end, as it was
    assert found[:4].tolist() == ([0, 0, 0, 0] if shards is None else [0, 1, 2, 3])
