"""Chunks in shards: the requests to the store, and the errors for damaged shards."""

import numpy as np
import pytest

import zarrcy
from zarrcy.codecs.crc32c import CRC32C
from zarrcy.errors import ChunkDecodeError
from zarrcy.storage.byte_ranges import cut
from zarrcy.testing import CountingStore


class RangedStore(CountingStore):
    """A store that serves byte ranges and records them."""

    range_gap = 0

    def __init__(self):
        super().__init__()
        self.trips = []

    def get_partial_values(self, key_ranges):
        self.trips.append([span for _, span in key_ranges])
        return [
            bytes(cut(memoryview(self.values[key]), span)) if key in self.values else None
            for key, span in key_ranges
        ]


MODEL = np.arange(64 * 64, dtype="i4").reshape(64, 64)
INDEX_NBYTES = 16 * 64 + 4


def sharded(store, **options):
    options = {"chunks": (4, 4), "shards": (32, 32), "compressor": None} | options
    a = zarrcy.create(MODEL.shape, dtype="i4", zarr_format=3, store=store, **options)
    a[...] = MODEL
    return a


def test_a_window_reads_the_index_and_one_range_per_run_of_chunks():
    a = sharded(RangedStore())
    assert a[5:7, 8:16].tolist() == MODEL[5:7, 8:16].tolist()
    index, chunks = a.store.trips
    assert index == [(-INDEX_NBYTES, None)]
    runs = [span for span in chunks if span[0] >= 0]
    assert runs == [(10 * 64, 2 * 64)], "two neighbouring chunks must be one range"
    assert a.store.gets == 0


def test_a_window_of_missing_chunks_reads_only_the_index():
    store = RangedStore()
    a = zarrcy.zeros((64, 64), chunks=(4, 4), shards=(32, 32), zarr_format=3, store=store)
    a[0, 0] = 1
    store.trips.clear()
    assert a[20:30, 20:30].sum() == 0
    assert store.trips == [[(-INDEX_NBYTES, None)]]


def test_the_index_of_a_file_is_read_once_until_the_file_changes(tmp_path, monkeypatch):
    from zarrcy.codecs.shard_index import IndexFormat

    a = sharded(tmp_path)
    parsed = []
    parse = IndexFormat.parse
    monkeypatch.setattr(IndexFormat, "parse", lambda *args: parsed.append(1) or parse(*args))
    for at in range(10):
        assert a[at, at] == MODEL[at, at]
    assert len(parsed) == 1
    other = zarrcy.open_array(str(tmp_path), mode="r+")
    other[0:2, 0:30] = -1
    # without this chunk, the index is another one wherever the writer puts the other chunks
    other[4:8, 4:8] = 0
    parsed.clear()
    assert a[0, 0] == -1
    assert a[4, 4] == 0
    assert a[9, 9] == MODEL[9, 9]
    assert len(parsed) == 1


def test_a_whole_shard_is_written_without_a_read():
    a = sharded(CountingStore())
    a.store.counts.clear()
    a[32:, :] = 7
    assert (a.store.gets, a.store.sets) == (0, 2)
    a.store.counts.clear()
    a[0, 0:40] = 7
    assert (a.store.gets, a.store.sets) == (2, 2)


def test_an_edge_shard_is_written_whole_if_all_of_it_inside_the_array_is_selected():
    a = zarrcy.zeros((10, 10), chunks=(3, 3), shards=(6, 6), zarr_format=3, store=CountingStore())
    a[6:, 6:] = 1
    assert (a.store.gets, a.store.sets) == (0, 1)


def test_a_shard_of_fill_value_is_deleted_and_a_chunk_of_fill_value_takes_no_space():
    a = sharded(CountingStore())
    before = len(a.store.values["c/0/0"])
    a[:4, :4] = 0
    assert len(a.store.values["c/0/0"]) == before - 64
    a[...] = 0
    assert sorted(a.store.values) == ["zarr.json"]


@pytest.mark.parametrize("store", [dict, RangedStore, "directory"])
def test_a_damaged_shard_names_its_key(store, tmp_path):
    a = sharded(tmp_path if store == "directory" else store())
    values = a.store.values if isinstance(a.store, RangedStore) else a.store
    whole = bytes(values["c/0/0"])
    for damaged in (b"", whole[:10], whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        values["c/0/0"] = damaged
        with pytest.raises(ChunkDecodeError, match=r"'c/0/0"):
            a[3, 3]
    # a valid checksum of an index with wrong entries
    from zarrcy import _kernels

    for entry in ((2**63, 64), (0, 2**40), (len(whole), 64), (2**64 - 2, 5), (0, 3)):
        index = bytearray(whole[-INDEX_NBYTES:-4])
        index[:16] = np.array(entry, "<u8").tobytes()
        crc = _kernels.default.crc32c(bytes(index)).to_bytes(4, "little")
        values["c/0/0"] = whole[:-INDEX_NBYTES] + bytes(index) + crc
        with pytest.raises(ChunkDecodeError, match=r"'c/0/0"):
            a[3, 3]
        with pytest.raises(ChunkDecodeError, match=r"'c/0/0"):
            a[3, 3:5] = 1


def test_every_kind_of_selection_reads_and_writes(tmp_path):
    a, model = sharded(tmp_path, compressor="default"), MODEL.copy()
    rng = np.random.default_rng(0)
    points = tuple(rng.integers(0, 64, (2, 100)))
    mask = rng.random((64, 64)) < 0.1
    rows = rng.integers(0, 64, 20)
    np.testing.assert_array_equal(a.vindex[points], model[points])
    np.testing.assert_array_equal(a.vindex[mask], model[mask])
    np.testing.assert_array_equal(a.oindex[rows, 3:60:7], model[rows, 3:60:7])
    np.testing.assert_array_equal(a[::-3, ::5], model[::-3, ::5])
    np.testing.assert_array_equal(a.blocks[2, 1:3], model[8:12, 4:12])
    a.vindex[points] = model[points] = -5
    a.vindex[mask] = model[mask] = -6
    a.oindex[rows, 3:60:7] = model[np.ix_(rows, range(3, 60, 7))] = -7
    a[::-3, ::5] = model[::-3, ::5] = 9
    np.testing.assert_array_equal(a[...], model)


CRC = {"name": "crc32c"}
LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
BIG = {"name": "bytes", "configuration": {"endian": "big"}}
TURNED = {"name": "transpose", "configuration": {"order": [2, 1, 0]}}
INDEX_CODECS = {
    "none behind bytes": [LITTLE],
    "two checksums": [LITTLE, CRC, CRC],
    "transposed": [TURNED, BIG, CRC],
    "another checksum": [LITTLE, {"name": "numcodecs.crc32", "configuration": {}}, CRC],
}


def index_bytes(index, codecs):
    """Encode the index of a shard, of shape (chunks, chunks, 2), with its codecs."""
    import zlib

    if TURNED in codecs:
        index = index.transpose(2, 1, 0)
    data = index.astype(">u8" if BIG in codecs else "<u8").tobytes()
    for codec in codecs:
        if codec["name"] == "numcodecs.crc32":
            data = zlib.crc32(data).to_bytes(4, "little") + data
        elif codec is CRC:
            data = CRC32C().encode(data)
    return data


@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("codecs", INDEX_CODECS.values(), ids=INDEX_CODECS)
def test_an_index_may_have_any_codecs_with_a_fixed_length(codecs, location):
    config = {"chunk_shape": [2, 2], "codecs": [LITTLE], "index_codecs": codecs, "index_location": location}
    shard = [{"name": "sharding_indexed", "configuration": config}]
    model = np.arange(24, dtype="i4").reshape(4, 6)
    a = zarrcy.create((4, 6), chunks=(4, 6), dtype="i4", codecs=shard, zarr_format=3, store={})
    index = np.zeros((2, 3, 2), "u8")
    nbytes = len(index_bytes(index, codecs))
    parts = []
    for i, j in np.ndindex(2, 3):
        index[i, j] = (nbytes if location == "start" else 0) + 16 * len(parts), 16
        parts.append(model[2 * i : 2 * i + 2, 2 * j : 2 * j + 2].tobytes())
    index[0, 1] = 2**64 - 1
    expected = np.where((model % 6 // 2 == 1) & (model < 12), 0, model)
    data, values = index_bytes(index, codecs), b"".join(parts)
    a.store["c/0/0"] = data + values if location == "start" else values + data
    np.testing.assert_array_equal(a[...], expected)
    assert a[3, 5] == 23
    a[0, 3] = 7
    expected[0, 3] = 7
    np.testing.assert_array_equal(zarrcy.open_array(a.store)[...], expected)
    if CRC in codecs:
        damaged = bytearray(a.store["c/0/0"])
        damaged[8 if location == "start" else -12] ^= 1
        a.store["c/0/0"] = bytes(damaged)
        with pytest.raises(ChunkDecodeError, match="its index is damaged"):
            a[...]


@pytest.mark.parametrize("compressor", [None, "default"])
@pytest.mark.parametrize("dtype", [str, bytes])
def test_shards_hold_elements_of_any_length(dtype, compressor):
    texts = np.array(["", "a", "ü" * 300, "nul\0"] * 25, object).reshape(10, 10)
    model = texts if dtype is str else np.vectorize(str.encode, otypes=[object])(texts)
    store = CountingStore()
    options = {"chunks": (2, 3), "shards": (6, 6), "dtype": dtype, "compressor": compressor}
    a = zarrcy.create((10, 10), zarr_format=3, store=store, fill_value=dtype(), **options)
    a[...] = model
    np.testing.assert_array_equal(zarrcy.open_array(store)[...], model)
    np.testing.assert_array_equal(a[3:7, ::-2], model[3:7, ::-2])
    np.testing.assert_array_equal(a.vindex[[9, 0], [2, 2]], model[[9, 0], [2, 2]])
    a[4, 2:9] = model[4, 2:9] = model[0, 2]
    np.testing.assert_array_equal(a[...], model)
    a[...] = dtype()
    assert sorted(store.values) == ["zarr.json"]


@pytest.mark.parametrize("nested", [False, True])
def test_shards_that_are_read_whole_hold_elements_of_any_length(nested):
    vlen = {"name": "vlen-utf8", "configuration": {}}

    def shard(chunk_shape, codecs):
        config = {"chunk_shape": chunk_shape, "codecs": codecs, "index_codecs": [LITTLE, CRC]}
        return {"name": "sharding_indexed", "configuration": config}

    inner = [{"name": "transpose", "configuration": {"order": [1, 0]}}, vlen]
    codecs = [shard([4, 4], [shard([2, 4], inner)])] if nested else [shard([2, 4], inner), {"name": "gzip"}]
    a = zarrcy.create((7, 9), chunks=(4, 8), dtype=str, codecs=codecs, fill_value="?", zarr_format=3)
    model = np.full((7, 9), "?", object)
    np.testing.assert_array_equal(a[...], model)
    a[1:6, 3:] = model[1:6, 3:] = np.arange(30).astype(str).astype(object).reshape(5, 6)
    np.testing.assert_array_equal(a[...], model)
    np.testing.assert_array_equal(a[5, 2:5], model[5, 2:5])


LARGE = np.arange(256 * 1024, dtype="i4").reshape(256, 1024)


@pytest.mark.parametrize("compressor", [None, "default"])
@pytest.mark.parametrize("store", [dict, RangedStore, "directory"])
def test_windows_of_large_chunks_are_read_in_part(store, compressor, tmp_path):
    # chunks of 1 MiB of noise, which Blosc stores as several blocks
    model = LARGE ^ np.random.default_rng(0).integers(0, 2**12, LARGE.shape, "i4")
    model = np.tile(model, (2, 2))
    a = zarrcy.create(
        model.shape,
        chunks=LARGE.shape,
        shards=model.shape,
        dtype="i4",
        zarr_format=3,
        compressor=compressor,
        store=tmp_path if store == "directory" else store(),
    )
    a[...] = model
    a[:256, :1024] = 0
    expected = model.copy()
    expected[:256, :1024] = 0
    a = zarrcy.open_array(a.store)
    for key in [np.s_[250:260, 1020:1030], np.s_[300, 5], np.s_[::100, ::-512], np.s_[256:, 3:1030]]:
        if store is RangedStore:
            a.store.trips.clear()
        np.testing.assert_array_equal(a[key], expected[key])
    points = tuple(np.random.default_rng(1).integers(0, n, 30) for n in model.shape)
    np.testing.assert_array_equal(a.vindex[points], expected[points])
    if store is RangedStore:
        a.store.trips.clear()
        assert a[300, 5] == expected[300, 5]
        nbytes_read = sum(nbytes for trip in a.store.trips for start, nbytes in trip if start >= 0)
        assert nbytes_read < LARGE.nbytes // 2


def test_a_shard_that_is_replaced_between_two_requests_is_read_again():
    class Replaced(RangedStore):
        then = None

        def get_partial_values(self, key_ranges):
            answer = super().get_partial_values(key_ranges)
            if self.then is not None and len(self.trips) == 2:
                self.values["c/0/0"], self.then = self.then, None
            return answer

    a = zarrcy.create(
        LARGE.shape, chunks=LARGE.shape, shards=LARGE.shape, dtype="i4", zarr_format=3, store=Replaced()
    )
    a[...] = LARGE
    old = a.store.values["c/0/0"]
    a[...] = LARGE[::-1] * 2
    a.store.values["c/0/0"], a.store.then = old, a.store.values["c/0/0"]
    a.store.trips.clear()
    assert a[250, 3:5].tolist() in (LARGE[250, 3:5].tolist(), (LARGE[::-1] * 2)[250, 3:5].tolist())
    assert a.store.then is None
    assert a[250, 3:5].tolist() == (LARGE[::-1] * 2)[250, 3:5].tolist()
