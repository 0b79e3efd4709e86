"""Programs whose outcome differs from that of zarr-python 2 on purpose, with the reason."""

from __future__ import annotations

import pickle

import numcodecs
import numpy as np

from .families import family
from .setups import grid, point, records, row, state, stored, zeros


@family(row, reason="values broadcast as in NumPy")
def values_broadcast_as_in_numpy_with_row(z):
    z[2:5] = [9]
    yield state(z)

    z[2:5] = np.array([[1, 2, 3]])
    yield state(z)

    z[2:5] = (9,)
    yield state(z)

    z[0, ...] = np.array([7])
    yield state(z)


@family(grid, reason="values broadcast as in NumPy")
def values_broadcast_as_in_numpy_with_grid(z):
    z[...] = np.ones(5)
    yield state(z)

    z[1:3, 1:3] = [7, 8]
    yield state(z)

    z[0:1] = [7]
    yield state(z)

    z[...] = np.ones((1, 4, 5))
    yield state(z)


@family(reason="values broadcast as in NumPy")
def values_broadcast_as_in_numpy(zarr):
    v = np.empty(6, object)
    v[:] = [np.arange(n) for n in range(6)]
    z = zarr.create((3, 2), dtype=object, object_codec=numcodecs.VLenArray("i8"))
    z[...] = v.reshape(3, 2)
    z[2] = v[1]
    yield state(z)


@family(grid, reason="a flat list is not accepted for points with two axes, as in NumPy")
def a_flat_list_is_not_accepted_for_points_with_two_axes_as_in_numpy(z):
    z.set_coordinate_selection(([[0, 1], [2, 3]], [[0], [1]]), np.arange(4))
    yield state(z)


@family(records, reason="NumPy converts the value to an array")
def numpy_converts_the_value_to_an_array_with_records(z):
    z[:] = [(7, 8.5), (9, 0)]
    yield state(z)


@family(reason="NumPy converts the value to an array")
def numpy_converts_the_value_to_an_array(zarr):
    z = zarr.create(2, dtype=str)
    z[:] = ["a", "b" * 50]
    yield z[:]

    z = zarr.zeros(2)
    z[:] = None
    yield z[:]


@family(row, reason="a selection with an Ellipsis returns an array without axes, as in NumPy")
def a_selection_with_an_ellipsis_returns_an_array_without_axes_as_in_numpy_with_row(z):
    yield z[..., 1]
    yield z[1, ...]


@family(grid, reason="a selection with an Ellipsis returns an array without axes, as in NumPy")
def a_selection_with_an_ellipsis_returns_an_array_without_axes_as_in_numpy_with_grid(z):
    yield z[1, ..., 2]


@family(point, reason="a selection with an Ellipsis returns an array without axes, as in NumPy")
def a_selection_with_an_ellipsis_returns_an_array_without_axes_as_in_numpy_with_point(z):
    yield z.oindex[...]


@family(reason="a selection with an Ellipsis returns an array without axes, as in NumPy")
def a_selection_with_an_ellipsis_returns_an_array_without_axes_as_in_numpy(zarr):
    z = zarr.zeros((), dtype=[("a", "i4")])
    yield z["a"]


@family(grid, reason="a selection of integers returns a scalar, as in NumPy")
def a_selection_of_integers_returns_a_scalar_as_in_numpy(z):
    yield z[np.array(0), 1]


@family(reason="chunks accepts 'auto', as in zarr-python 3")
def chunks_accepts_auto_as_in_zarr_python_3(zarr):
    yield zarr.zeros((10, 20), chunks="auto").chunks


@family(reason="an axis without elements gets chunks of a useful size")
def an_axis_without_elements_gets_chunks_of_a_useful_size(zarr):
    yield zarr.zeros((0, 5)).chunks


@family(reason="structured types are stored as their fields, without gaps")
def structured_types_are_stored_as_their_fields_without_gaps(zarr):
    z = zarr.create(3, dtype=np.dtype([("a", "u1"), ("b", "<i4")], align=True))
    yield z.dtype.names


@family(grid, reason="the array given as out is returned")
def the_array_given_as_out_is_returned(z):
    yield type(z.get_basic_selection((0, 0), out=np.empty((), int)))


@family(grid, reason="out must have the data type of the array")
def out_must_have_the_data_type_of_the_array_with_grid(z):
    yield z.get_basic_selection(out=np.empty((4, 5), "f8"))
    yield z.get_basic_selection(out=np.empty((4, 5), "i2"))


@family(records, reason="out must have the data type of the array")
def out_must_have_the_data_type_of_the_array_with_records(z):
    yield z.get_basic_selection(slice(0, 2), fields="b", out=np.empty(2, "i4"))


@family(row, reason="True is not an integer")
def true_is_not_an_integer_with_row(z):
    yield z[True]


@family(grid, reason="True is not an integer")
def true_is_not_an_integer_with_grid(z):
    yield z.blocks[True]


@family(grid, reason="None adds an axis")
def none_adds_an_axis(z):
    yield z[None]
    yield z[None, 0]
    yield z[0, None]
    yield z[..., None]

    z[None, 0] = 7
    yield state(z)


@family(grid, reason="negative steps and axes work as in NumPy")
def negative_steps_and_axes_work_as_in_numpy_with_grid(z):
    yield z[::-1]
    yield z[3:0:-1, ::-2]
    yield z.get_orthogonal_selection((slice(3, None, -1),))
    yield z.append(np.ones((4, 2)), axis=-1)


@family(row, reason="negative steps and axes work as in NumPy")
def negative_steps_and_axes_work_as_in_numpy_with_row(z):
    z[::-1] = np.arange(10)
    yield state(z)


@family(grid, reason="nested lists and masks select as in NumPy")
def nested_lists_and_masks_select_as_in_numpy(z):
    yield z[[[0], [1]], [[1, 2]]]
    yield z[np.arange(20).reshape(4, 5) > 7]
    yield z[np.array([True, False, True, False])]
    yield z[[0, 1], ..., 0]


@family(grid, reason="an empty list selects nothing")
def an_empty_list_selects_nothing_with_grid(z):
    yield z[[]]
    yield z.oindex[[], 2]
    yield z.vindex[[], []]

    z.oindex[[]] = 7
    yield state(z)


@family(reason="an empty list selects nothing")
def an_empty_list_selects_nothing(zarr):
    z = zarr.zeros((3, 0, 2))
    yield z.oindex[[0], [], [1]]


@family(grid, reason="a slice may start after the last chunk")
def a_slice_may_start_after_the_last_chunk(z):
    yield z.blocks[5:9]
    yield z.blocks[2:]


@family(grid, reason="NumPy converts the index to an array")
def numpy_converts_the_index_to_an_array(z):
    yield z.vindex[(0, 1), (0, 1)]
    yield z.vindex[range(3), range(3)]
    yield z.oindex[np.array(2), [0]]


@family(point, reason="points and masks work without axes")
def points_and_masks_work_without_axes(z):
    yield z.vindex[()]
    yield z.get_mask_selection(np.array(True))


@family(grid, reason="coordinates that do not broadcast raise an IndexError, as in NumPy")
def coordinates_that_do_not_broadcast_raise_an_indexerror_as_in_numpy(z):
    yield z.vindex[[0, 1], [0, 1, 2]]


@family(reason="unwritten elements read as zeros or empty strings")
def unwritten_elements_read_as_zeros_or_empty_strings(zarr):
    yield zarr.create(10, dtype=str)[0]
    yield zarr.create(10, dtype=bytes)[0]
    yield zarr.create(3, dtype=str, fill_value=None)[:]


@family(reason="a fill value has the data type of the array")
def a_fill_value_has_the_data_type_of_the_array(zarr, place):
    yield zarr.create(3, dtype="U3", fill_value="abcdef").fill_value

    zarr.create(3, dtype="f4", fill_value=np.nan, store=place)
    yield zarr.open_array(place).fill_value

    zarr.create(3, dtype="f4", fill_value=np.inf, store=place)
    yield zarr.open_array(place).fill_value

    zarr.create(3, dtype="U3", fill_value="ab", store=place)
    yield zarr.open_array(place).fill_value

    zarr.create(3, dtype="U3", fill_value="", store=place)
    yield zarr.open_array(place).fill_value

    zarr.create(3, dtype="U3", fill_value=0, store=place)
    yield zarr.open_array(place).fill_value


@family(grid, reason="a fill value has the data type of the array")
def a_fill_value_has_the_data_type_of_the_array_with_grid(z):
    yield z.view(fill_value=7).fill_value
    yield z.astype("U2").fill_value
    yield z.astype("f4").fill_value


@family(reason="a fill value that does not fit the data type is rejected")
def a_fill_value_that_does_not_fit_the_data_type_is_rejected(zarr):
    yield zarr.create(3, dtype="i4", fill_value=1.5)


@family(reason="arguments without a meaning are rejected")
def arguments_without_a_meaning_are_rejected(zarr):
    yield zarr.zeros((10, 20), chunks=(0, 1)).chunks
    yield zarr.zeros((10, 20), chunks=(-2, 3)).chunks
    yield zarr.create(-1)
    yield zarr.create((-1, 2))
    yield zarr.create("10")
    yield zarr.create(3, dtype="S")
    yield zarr.create(3, dtype="U")
    yield zarr.create(3, foo=1)

    z = zarr.zeros((3, 3))
    yield z.resize(2.5, 2)

    z = zarr.zeros((3, 3))
    yield z.resize(2.5, 2)

    z = zarr.zeros((3, 3))
    yield z.resize("22")

    z = zarr.zeros((3, 3))
    yield z.append(np.ones((3, 2)), axis=1.0)

    z = zarr.zeros((3, 3))
    yield z.view(shape=20)

    z = zarr.zeros((3, 3))
    yield z.view(chunks=4)

    z = zarr.zeros(3)
    z.attrs[1, 2] = 5
    yield

    z = zarr.zeros(3)
    z.attrs[b"a"] = 2
    yield


@family(point, reason="arguments without a meaning are rejected")
def arguments_without_a_meaning_are_rejected_with_point(z):
    yield z.append(5)


@family(reason="a value of a wrong type raises TypeError, a wrong mode raises ValueError")
def a_value_of_a_wrong_type_raises_typeerror_a_wrong_mode_raises_valueerro(zarr, place):
    yield zarr.create((3, "a"))

    z = zarr.zeros((3, 3))
    yield z.resize("a", 2)

    yield zarr.open(place, mode="z")
    yield zarr.open_array(place, mode="z")


@family(reason="a damaged document raises a MetadataError that names its key")
def a_damaged_document_raises_a_metadataerror_that_names_its_key(zarr):
    yield zarr.Array({".zarray": b"{"})


@family(stored, reason="read-only also protects the fill value and the attributes")
def read_only_also_protects_the_fill_value_and_the_attributes_with_stored(zarr, place):
    zarr.open_array(place, mode="r").fill_value = 1
    yield


@family(zeros, reason="read-only also protects the fill value and the attributes")
def read_only_also_protects_the_fill_value_and_the_attributes_with_zeros(z):
    z.read_only = True
    z.attrs["a"] = 1
    yield


@family(grid, reason="a wrong argument of an iterator raises at once")
def a_wrong_argument_of_an_iterator_raises_at_once_with_grid(z):
    yield type(z.islice(1.5))
    yield type(z.islice("a"))
    yield type(z.islice(-1, 2))
    yield type(z.islice(0, -1))


@family(point, reason="a wrong argument of an iterator raises at once")
def a_wrong_argument_of_an_iterator_raises_at_once_with_point(z):
    yield type(iter(z))


@family(stored, reason="a pickled view stays a view")
def a_pickled_view_stays_a_view(zarr, place):
    yield pickle.loads(pickle.dumps(zarr.Array(place).view(dtype="u4"))).dtype


@family(reason="a resize changes only the shape in the document")
def a_resize_changes_only_the_shape_in_the_document(zarr):
    z = zarr.zeros(3, compressor=None)
    z.resize(2)
    yield z.hexdigest()


@family(reason="attributes read back as the store returns them")
def attributes_read_back_as_the_store_returns_them(zarr):
    z = zarr.zeros(3)
    z.attrs["a"] = (1, 2)
    yield z.attrs["a"]

    z = zarr.zeros(3)
    z.attrs["a"] = np.int64(5)
    yield z.attrs["a"]

    z = zarr.zeros(3)
    z.attrs["a"] = np.bool_(True)
    yield z.attrs["a"]


@family(reason="a chunk of NaT equals the fill value NaT")
def a_chunk_of_nat_equals_the_fill_value_nat(zarr):
    z = zarr.full(4, np.datetime64("NaT"), dtype="M8[s]", write_empty_chunks=False)
    z[:] = "NaT"
    yield z.nchunks_initialized


@family(point, reason="zarr-python 2 counts keys that are not chunks, and misses nested chunks")
def zarr_python_2_counts_keys_that_are_not_chunks_and_misses_nested_chunks_with_point(z):
    yield z.nchunks_initialized


@family(reason="zarr-python 2 counts keys that are not chunks, and misses nested chunks")
def zarr_python_2_counts_keys_that_are_not_chunks_and_misses_nested_chunks(zarr, place):
    yield dict(zarr.zeros(()).info_items())["Chunks initialized"]

    z = zarr.zeros((5, 5), chunks=2, store=place, dimension_separator="/")
    z[4] = 1
    yield z.nchunks_initialized


@family(reason="zarr-python 2 fails on valid input")
def zarr_python_2_fails_on_valid_input(zarr, place):
    yield zarr.full(3, "foo")[:]
    yield zarr.zeros(3).compression
    yield zarr.zeros(3).compression_opts
    yield zarr.create(3, dtype=bytes, fill_value=b"x").fill_value

    z = zarr.array([1, 2])
    z.append(z)
    yield z[:]

    zarr.array([1, 2, 3, 4], chunks=2, store=place)
    yield zarr.Array(place, partial_decompress=True)[1:2]


@family(reason="values of NumPy that JSON can hold are attributes")
def values_of_numpy_are_attributes(zarr):
    z = zarr.zeros(3)
    z.attrs["a"] = np.datetime64("2020-01-01")
    yield z.attrs["a"]

    z = zarr.zeros(3)
    z.attrs["a"] = np.arange(3)
    yield z.attrs["a"]


@family(reason="an object codec that is given twice is used once")
def an_object_codec_is_used_once(zarr):
    z = zarr.create(3, dtype=str, filters=[numcodecs.VLenUTF8()])
    yield [f.codec_id for f in z.filters]


@family(reason="without cached metadata, properties are read again")
def properties_are_read_again(zarr):
    store = {}
    zarr.zeros(3, store=store)
    z = zarr.Array(store, cache_metadata=False)
    zarr.Array(store).fill_value = 7
    yield z.fill_value


@family(reason="an array that grows shows the fill value that it has then")
def growth_shows_the_fill_value(zarr):
    z = zarr.zeros((3, 4), chunks=(2, 3))
    z[...] = 1
    z.fill_value = 7
    z.resize(5, 4)
    yield z[...]
