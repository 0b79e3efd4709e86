"""Missing chunks are masked or raise instead of reading as fill value; listing finds the stored chunks."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

import zarrcy
from zarrcy import errors

LAYOUTS = {
    "compressed": {"chunks": (3, 4)},
    "raw": {"chunks": (3, 4), "compressor": None},
    "fortran": {"chunks": (3, 4), "order": "F"},
    "nested": {"chunks": (3, 4), "dimension_separator": "/"},
    "shards": {"chunks": (3, 2), "shards": (3, 4), "zarr_format": 3},
}
MODEL = np.arange(1, 111, dtype="i4").reshape(10, 11)


def partly_written(layout, stored, store=None, **options):
    """Write the chunks (or shards) of 3 x 4 where `stored` is true; return the array, and a mask of the others."""
    a = zarrcy.zeros((10, 11), dtype="i4", store=store, **LAYOUTS[layout])
    missing = np.ones((10, 11), bool)
    for i, j in np.argwhere(stored):
        where = np.s_[3 * i : 3 * i + 3, 4 * j : 4 * j + 4]
        a[where] = MODEL[where]
        missing[where] = False
    return zarrcy.Array(a.store, **options), missing


STORED = npst.arrays(bool, (4, 3))


@pytest.mark.parametrize("layout", LAYOUTS)
class TestMasked:
    @settings(deadline=None, max_examples=40)
    @given(stored=STORED, data=st.data())
    def test_basic_selections_match_a_masked_array(self, layout, stored, data):
        a, missing = partly_written(layout, stored, read_missing="mask")
        model = np.ma.MaskedArray(MODEL, missing)
        key = data.draw(npst.basic_indices((10, 11), allow_newaxis=True, allow_ellipsis=True))
        values, expected = a[key], model[key]
        np.testing.assert_array_equal(np.ma.getmaskarray(values), np.ma.getmaskarray(expected))
        np.testing.assert_array_equal(np.ma.filled(values, -1), np.ma.filled(expected, -1))

    def test_other_selections_match_a_masked_array(self, layout):
        stored = np.random.default_rng(0).random((4, 3)) < 0.5
        a, missing = partly_written(layout, stored, read_missing="mask")
        model = np.ma.MaskedArray(MODEL, missing)
        rows, columns = [9, 0, 4, 4], [0, 10, 5, 6]
        where = np.random.default_rng(1).random((10, 11)) < 0.3
        pairs = [
            (a.vindex[rows, columns], model[rows, columns]),
            (a.oindex[rows, columns], model[np.ix_(rows, columns)]),
            (a.vindex[where], model[where]),
            (a.blocks[1, 1], model[3:6, 2:4] if layout == "shards" else model[3:6, 4:8]),
            (np.ma.stack(list(a)), model),
            (a.astype("f8")[:], model.astype("f8")),
            (pickle.loads(pickle.dumps(a))[:], model),
        ]
        for values, expected in pairs:
            np.testing.assert_array_equal(values.mask, expected.mask)
            np.testing.assert_array_equal(values.filled(-1), expected.filled(-1))

    def test_out_is_filled_with_values_and_mask(self, layout):
        stored = np.eye(4, 3, dtype=bool)
        a, missing = partly_written(layout, stored, read_missing="mask")
        for out in (np.ma.empty((10, 11), "i4"), np.ma.masked_all((10, 11), "i4")):
            a.get_basic_selection(out=out)
            np.testing.assert_array_equal(out.mask, missing)
        with pytest.raises(TypeError, match="must be one"):
            a.get_basic_selection(out=np.empty((10, 11), "i4"))

    @settings(deadline=None, max_examples=25)
    @given(stored=STORED, data=st.data())
    def test_reading_a_missing_chunk_raises_if_requested(self, layout, stored, data):
        a, missing = partly_written(layout, stored, read_missing="raise")
        key = data.draw(npst.basic_indices((10, 11), allow_newaxis=False, allow_ellipsis=False))
        if missing[key].any():
            with pytest.raises(errors.MissingChunkError) as caught:
                a[key]
            assert caught.value.key not in a.store
        else:
            np.testing.assert_array_equal(a[key], MODEL[key])

    @pytest.mark.parametrize("where", ["memory", "directory"])
    def test_initialized_chunks_lists_the_stored_chunks(self, layout, where, tmp_path):
        stored = np.random.default_rng(2).random((4, 3)) < 0.5
        a, _ = partly_written(layout, stored, str(tmp_path) if where == "directory" else None)
        # 11 columns: the last shard has one whole inner chunk and a part of another
        expected = np.repeat(stored, 2, axis=1) if layout == "shards" else stored
        grid = a.initialized_chunks()
        assert grid.shape == a.cdata_shape
        np.testing.assert_array_equal(grid, expected[tuple(map(slice, a.cdata_shape))])
        assert grid.sum() == a.nchunks_initialized


def test_the_error_names_the_key_and_can_be_pickled():
    g = zarrcy.group()
    g.zeros("a/b", shape=4, chunks=2)
    a = zarrcy.Array(g.store, "a/b", read_missing="raise")
    with pytest.raises(KeyError, match=r"no chunk 'a/b/1'") as caught:
        a[3]
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.key, str(again)) == ("a/b/1", str(caught.value))


def test_a_written_chunk_of_fill_value_is_not_missing():
    a = zarrcy.zeros(4, chunks=2, read_missing="raise")
    a[:] = 0
    assert a[:].tolist() == [0] * 4


def test_a_part_of_a_missing_chunk_can_be_written():
    for layout in ({}, {"shards": 4, "zarr_format": 3}):
        a = zarrcy.zeros(8, chunks=2, read_missing="raise", **layout)
        a[1] = 5
        assert a[0:2].tolist() == [0, 5]


def test_large_missing_chunks_are_reported_if_a_part_is_read(tmp_path):
    for compressor in (None, "default"):
        a = zarrcy.create(
            2**18, chunks=2**17, dtype="i4", store=str(tmp_path / str(compressor)), compressor=compressor
        )
        a[: 2**17] = 3
        raising = zarrcy.Array(a.store, read_missing="raise")
        masking = zarrcy.Array(a.store, read_missing="mask")
        assert raising[7:9].tolist() == masking[7:9].tolist() == [3, 3]
        assert masking[2**17 - 1 : 2**17 + 1].tolist() == [3, None]
        with pytest.raises(errors.MissingChunkError):
            raising[-5:-1]


def test_fields_are_masked_as_in_numpy():
    dtype = [("x", "i4"), ("y", "f8"), ("z", "i2", (2,))]
    a = zarrcy.zeros(4, chunks=2, dtype=dtype, read_missing="mask")
    a[:2] = np.array([(1, 2, (3, 4)), (5, 6, (7, 8))], dtype)
    assert a["x"].tolist() == [1, 5, None, None]
    assert a.get_basic_selection(fields=["x", "y"]).mask.tolist() == [(False, False)] * 2 + [(True, True)] * 2
    assert a["z"].tolist() == [[3, 4], [7, 8], [None, None], [None, None]]
    mask = a[1:3].mask
    assert mask["x"].tolist() == mask["y"].tolist() == [False, True]
    assert mask["z"].tolist() == [[False, False], [True, True]]


def test_objects_are_masked():
    a = zarrcy.create(4, chunks=2, dtype=str, fill_value="", read_missing="mask")
    a[:2] = np.array(["a", "bc"], object)
    assert a[:].tolist() == ["a", "bc", None, None]


def test_an_array_without_axes_is_masked_until_it_is_written():
    a = zarrcy.zeros((), read_missing="mask")
    assert a[()] is np.ma.masked
    assert a.initialized_chunks().tolist() == [False]
    a[()] = 5
    assert a[()] == 5
    assert a.initialized_chunks().tolist() == [True]


def test_masks_and_a_meta_array_exclude_each_other():
    with pytest.raises(ValueError, match="leave out meta_array"):
        zarrcy.zeros(3, read_missing="mask", meta_array=np.empty(()))


def test_initialized_chunks_takes_one_listing():
    class Counting(zarrcy.MemoryStore):
        n_listings = 0

        def listdir(self, path=""):
            self.n_listings += 1
            return super().listdir(path)

        def __getitem__(self, key):
            assert not key[-1].isdigit(), "a chunk was read"
            return super().__getitem__(key)

    store = Counting()
    a = zarrcy.zeros((20, 20), chunks=1, store=store)
    a[3:7] = 1
    store.n_listings = 0
    assert a.initialized_chunks().sum() == 80
    assert store.n_listings == 1
