"""Arrays whose chunks differ in length: every selection reads and writes like NumPy."""

import itertools
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrcy
from zarrcy.codecs.crc32c import CRC32C
from zarrcy.indexing.axis_chunks import AxisChunks
from zarrcy.testing import CountingStore

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
GZIP = {"name": "gzip", "configuration": {"level": 1}}


def lengths_of(axis, n):
    """Return the chunk lengths that an item of a document stands for, by the specification."""
    if isinstance(axis, int):
        return [axis] * -(-n // axis)
    return [length for item in axis for length in ([item[0]] * item[1] if isinstance(item, list) else [item])]


def stored(model, axes, store=None, codecs=(LITTLE,), encode=bytes, absent=(), fill=0):
    """Store an array by the specification, without zarrcy."""
    store = {} if store is None else store
    store["zarr.json"] = json.dumps(
        {
            "zarr_format": 3,
            "node_type": "array",
            "shape": model.shape,
            "data_type": model.dtype.name,
            "chunk_grid": {
                "name": "rectilinear",
                "configuration": {"kind": "inline", "chunk_shapes": list(axes)},
            },
            "chunk_key_encoding": {"name": "default"},
            "fill_value": fill,
            "codecs": list(codecs),
        }
    ).encode()
    lengths = [lengths_of(axis, n) for axis, n in zip(axes, model.shape, strict=True)]
    starts = [[0, *itertools.accumulate(axis)][:-1] for axis in lengths]
    for coords in itertools.product(*map(range, map(len, lengths))):
        first = [starts[axis][i] for axis, i in enumerate(coords)]
        if coords in absent or any(at >= n for at, n in zip(first, model.shape, strict=True)):
            continue
        chunk = np.full([lengths[axis][i] for axis, i in enumerate(coords)], fill, model.dtype)
        part = model[tuple(slice(at, at + n) for at, n in zip(first, chunk.shape, strict=True))]
        chunk[tuple(map(slice, part.shape))] = part
        store["c/" + "/".join(map(str, coords))] = encode(chunk)
    return store


AXES = ([[3, 2], 1, 1, [5, 2], 9], [4, 2, 4, [1, 6], 30], 7)
MODEL = np.arange(25 * 22 * 9, dtype="i4").reshape(25, 22, 9)
RNG = np.random.default_rng(1)
BOXES = [
    (...,),
    (3,),
    (-1, -1, -1),
    (slice(2, 20, 3), slice(None, None, -2), slice(8, 2, -1)),
    (slice(5, 5), 3),
    (slice(None, None, 11), slice(9, 17)),
    (None, 4, slice(None), None, slice(1, 8)),
]
LISTS = [
    (RNG.permutation(25)[:9], slice(None), 3),
    ([3, 4, 5, 6], [0, 21, 0], slice(8, None, -3)),
    (slice(None, None, 2), np.arange(22) % 3 == 0, slice(None)),
    ([], slice(None), slice(None)),
]


def is_mask(item):
    return isinstance(item, np.ndarray) and item.dtype.kind == "b"


@pytest.fixture(params=["dict", "directory"])
def array(request, tmp_path):
    values = stored(MODEL, AXES)
    if request.param == "directory":
        store = zarrcy.DirectoryStore(str(tmp_path))
        store.update(values)
        return zarrcy.open_array(store)
    return zarrcy.open_array(values)


class TestReading:
    @pytest.mark.parametrize("key", BOXES, ids=str)
    def test_boxes(self, array, key):
        np.testing.assert_array_equal(array[key], MODEL[key])
        out = np.empty_like(MODEL[key])
        if out.ndim:
            array.get_basic_selection(key, out=out)
            np.testing.assert_array_equal(out, MODEL[key])

    @pytest.mark.parametrize("key", LISTS, ids=str)
    def test_lists(self, array, key):
        lists = [
            np.arange(n)[item]
            if isinstance(item, slice)
            else np.flatnonzero(item)
            if is_mask(item)
            else [item]
            for item, n in zip(key, MODEL.shape, strict=True)
        ]
        expected = MODEL[np.ix_(*(np.array(positions, int).reshape(-1) for positions in lists))]
        dropped = tuple(axis for axis, item in enumerate(key) if isinstance(item, int))
        np.testing.assert_array_equal(array.oindex[key], expected.squeeze(dropped))

    def test_points_and_masks(self, array):
        points = tuple(RNG.integers(0, n, (2, 50)) for n in MODEL.shape)
        np.testing.assert_array_equal(array.vindex[points], MODEL[points])
        mask = RNG.random(MODEL.shape) < 0.05
        np.testing.assert_array_equal(array.vindex[mask], MODEL[mask])
        assert array.vindex[np.zeros(MODEL.shape, bool)].shape == (0,)

    def test_blocks_are_the_chunks(self, array):
        np.testing.assert_array_equal(array.blocks[2, 1:4], MODEL[6:7, 4:11])
        np.testing.assert_array_equal(array.blocks[-1, -1, -1], MODEL[18:25, 16:, 7:])

    def test_rows(self, array):
        np.testing.assert_array_equal(list(array.islice(2, 23)), MODEL[2:23])

    def test_missing_chunks_read_as_fill_value(self):
        a = zarrcy.open_array(stored(MODEL, AXES, absent={(0, 0, 0), (4, 3, 1)}, fill=-7))
        expected = MODEL.copy()
        expected[:3, :4, :7] = -7
        expected[8:13, 10:11, 7:] = -7
        np.testing.assert_array_equal(a[...], expected)

    def test_only_touched_chunks_are_read_and_each_once(self):
        store = CountingStore()
        stored(MODEL, AXES, store)
        a = zarrcy.open_array(store)
        store.counts.clear()
        a[6:8, 3:5, 0]
        assert store.gets == 4
        store.counts.clear()
        a[...]
        assert store.gets == 7 * 10 * 2

    def test_codecs_may_depend_on_the_shape_of_a_chunk(self):
        flags = MODEL % 3 == 0

        def packed(chunk):
            return np.packbits(chunk.reshape(-1), bitorder="little").tobytes()

        a = zarrcy.open_array(stored(flags, AXES, codecs=[{"name": "packbits"}], encode=packed, fill=False))
        np.testing.assert_array_equal(a[...], flags)

    def test_a_transpose_and_a_compressor(self):
        import gzip

        order = {"name": "transpose", "configuration": {"order": [2, 0, 1]}}
        store = stored(
            MODEL,
            AXES,
            codecs=[order, LITTLE, GZIP],
            encode=lambda chunk: gzip.compress(chunk.transpose(2, 0, 1).tobytes()),
        )
        np.testing.assert_array_equal(zarrcy.open_array(store)[::2, 3:], MODEL[::2, 3:])

    def test_a_view_of_another_type(self):
        a = zarrcy.open_array(stored(MODEL, AXES))
        np.testing.assert_array_equal(a.astype("f8")[3:9], MODEL[3:9].astype("f8"))
        with pytest.raises(ValueError, match="differ in length"):
            a.view(shape=(3, 4, 5))


class TestShards:
    def sharded(self, model):
        inner = (2, 2)
        codec = {
            "name": "sharding_indexed",
            "configuration": {
                "chunk_shape": inner,
                "codecs": [LITTLE],
                "index_codecs": [LITTLE, {"name": "crc32c"}],
            },
        }

        def encode(shard):
            values, index, at = [], [], 0
            for i, j in itertools.product(*(range(0, n, 2) for n in shard.shape)):
                values.append(shard[i : i + 2, j : j + 2].tobytes())
                index += [at, len(values[-1])]
                at += len(values[-1])
            return b"".join(values) + CRC32C().encode(np.array(index, "<u8").tobytes())

        return stored(model, ([2, [6, 2]], [[4, 1], 8, 2]), codecs=[codec], encode=encode)

    def test_shards_of_different_lengths_have_equal_inner_chunks(self):
        model = np.arange(13 * 14, dtype="i4").reshape(13, 14)
        a = zarrcy.open_array(self.sharded(model))
        assert a.chunks == (2, 2)
        assert a.shards == (6, 8)
        assert a.cdata_shape == (7, 7)
        rows = dict(a.info_items())
        assert (rows["Chunk shape"], rows["Shard shape"]) == ("(2, 2)", "up to (6, 8)")
        assert a.nchunks_initialized == 49
        del a.store["c/2/1"]
        assert np.argwhere(~a.initialized_chunks()).min(axis=0).tolist() == [4, 2]
        assert a.nchunks_initialized == 37
        a = zarrcy.open_array(self.sharded(model))
        np.testing.assert_array_equal(a[...], model)
        np.testing.assert_array_equal(a[1:9:3, ::-1], model[1:9:3, ::-1])
        a[1:9, 3:7] = model[1:9, 3:7] = -1
        np.testing.assert_array_equal(a[...], model)

    def test_inner_chunks_must_divide_every_shard(self):
        store = self.sharded(np.zeros((13, 14), "i4"))
        document = json.loads(store["zarr.json"])
        document["chunk_grid"]["configuration"]["chunk_shapes"][0] = [3, 12]
        store["zarr.json"] = json.dumps(document).encode()
        with pytest.raises(zarrcy.MetadataError, match="must divide the shape of the shard"):
            zarrcy.open_array(store)[...]


class TestFacts:
    def test_properties_describe_all_chunks(self, array):
        assert array.chunks == (9, 30, 7)
        assert array.shards is None
        assert array.read_chunk_sizes == ((3, 3, 1, 1, 5, 5, 7), (4, 2, 4, 1, 1, 1, 1, 1, 1, 6), (7, 2))
        assert array.cdata_shape == (7, 10, 2)
        assert array.nchunks == array.nchunks_initialized == 140
        assert dict(array.info_items())["Chunk shape"] == "up to (9, 30, 7)"
        assert "svg" in array._repr_html_()

    def test_the_checksum_covers_all_chunks(self):
        store = stored(MODEL, AXES)
        before = zarrcy.open_array(store).hexdigest()
        assert before == zarrcy.open_array(dict(store)).hexdigest()
        store["c/6/9/1"] = bytes(len(store["c/6/9/1"]))
        assert before != zarrcy.open_array(store).hexdigest()

    def test_a_copy_has_equal_chunks(self):
        target = zarrcy.group({}, zarr_format=3)
        copied, _, _ = zarrcy.copy(zarrcy.open_array(stored(MODEL, AXES)), target, name="a")
        assert copied == 1
        np.testing.assert_array_equal(target["a"][...], MODEL)
        assert target["a"].read_chunk_sizes[0] == (9, 9, 7)


class TestWriting:
    def test_every_kind_of_selection(self, array):
        model = MODEL.copy()
        array[2:20:3, ::-2] = model[2:20:3, ::-2] = 5
        array[4, None, 3:9] = model[4, None, 3:9] = np.arange(6 * 9).reshape(6, 9)
        array.oindex[[3, 8, 3], 2:7] = np.arange(3).reshape(3, 1, 1)
        model[[3, 8, 3], 2:7] = np.arange(3).reshape(3, 1, 1)
        points = tuple(RNG.integers(0, n, 40) for n in MODEL.shape)
        array.vindex[points] = model[points] = 77
        mask = RNG.random(MODEL.shape) < 0.05
        array.vindex[mask] = model[mask] = -1
        np.testing.assert_array_equal(array[...], model)
        np.testing.assert_array_equal(zarrcy.open_array(array.store)[...], model)

    def test_chunks_keep_their_lengths(self):
        store = stored(MODEL, AXES)
        nbytes = {key: len(value) for key, value in store.items()}
        a = zarrcy.open_array(store)
        a[...] = MODEL + 1
        a.attrs["x"] = 1
        del nbytes["zarr.json"]
        assert {key: len(value) for key, value in store.items() if key != "zarr.json"} == nbytes
        grid = json.loads(store["zarr.json"])["chunk_grid"]
        assert grid["configuration"]["chunk_shapes"] == json.loads(json.dumps(AXES))

    def test_the_shape_cannot_exceed_the_chunks(self):
        a = zarrcy.open_array(stored(MODEL, AXES))
        with pytest.raises(ValueError, match="axis 0 differ in length, and end at element 27"):
            a.resize(28, 22, 9)
        with pytest.raises(ValueError, match="axis 1 differ"):
            a.append(np.zeros((25, 25, 9)), axis=1)
        assert a.append(np.full((2, 22, 9), 3, "i4")) == (27, 22, 9)
        assert a.append(np.full((27, 22, 6), 4, "i4"), axis=2) == (27, 22, 15)
        np.testing.assert_array_equal(a[:25, :, :9], MODEL)
        np.testing.assert_array_equal(a[25:, :, :9], 3)
        np.testing.assert_array_equal(a[..., 9:], 4)
        a.resize(7, 22, 15)
        assert a.nchunks_initialized == 3 * 10 * 3
        a.resize(8, 22, 15)
        np.testing.assert_array_equal(a[:7, :, :9], MODEL[:7])
        np.testing.assert_array_equal(a[7], 0)


LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=8)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), axes=st.lists(LENGTHS, min_size=1, max_size=3))
def test_any_grid_reads_like_numpy(data, axes):
    shape = tuple(data.draw(st.integers(0, sum(axis))) for axis in axes)
    model = np.arange(np.prod(shape), dtype="i4").reshape(shape) + 1
    a = zarrcy.open_array(stored(model, axes))
    np.testing.assert_array_equal(a[...], model)
    key = tuple(data.draw(st.slices(n)) for n in shape)
    np.testing.assert_array_equal(a[key], model[key])
    lists = tuple(data.draw(st.lists(st.integers(0, n - 1), max_size=9)) if n else [] for n in shape)
    np.testing.assert_array_equal(a.oindex[lists], model[np.ix_(*(np.array(x, int) for x in lists))])
    if all(shape):
        points = tuple(
            data.draw(st.lists(st.integers(0, n - 1), min_size=5, max_size=5).map(np.array)) for n in shape
        )
        np.testing.assert_array_equal(a.vindex[points], model[points])
    sizes = [np.diff(np.minimum(np.cumsum([0, *axis]), n)) for axis, n in zip(axes, shape, strict=True)]
    assert a.read_chunk_sizes == tuple(tuple(x[x > 0].tolist()) for x in sizes)


def test_positions_are_found_on_an_axis_with_many_runs():
    axis = AxisChunks(tuple((1 + i % 2, 10**9) for i in range(1000)))
    assert axis.chunk_at(3 * 10**9 - 1) == 2 * 10**9 - 1
    assert axis.start_of(2 * 10**9) == 3 * 10**9
    assert axis.count(3 * 10**9 + 1) == 2 * 10**9 + 1
    assert not axis.covers(1500 * 10**9 + 1)
