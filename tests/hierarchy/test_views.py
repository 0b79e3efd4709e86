"""Views, digests, reports and the type of results."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from builds import on_both_kernels, using

import zarrcy
from zarrcy import errors


def test_a_view_and_its_array_see_the_writes_of_each_other():
    a = zarrcy.array(np.arange(6, dtype="u1"), chunks=4)
    view = a.view(dtype="i1")
    assert view.is_view
    assert not a.is_view
    a[0] = 255
    assert view[0] == -1
    view[1] = -2
    assert a[1] == 254


@pytest.mark.parametrize(
    "change", [lambda v: v.resize(9), lambda v: v.append([1]), lambda v: setattr(v, "shape", 3)]
)
def test_a_view_cannot_change_the_shape_of_its_array(change):
    a = zarrcy.array([1, 2, 3])
    with pytest.raises(errors.ViewError, match="not permitted for views") as caught:
        change(a.view())
    assert isinstance(caught.value, PermissionError)
    assert a.shape == (3,)


def test_a_view_cannot_change_the_metadata_of_its_array():
    a = zarrcy.array(np.arange(6, dtype="u1"), store={})
    before = a.store[".zarray"]
    with pytest.raises(errors.ViewError):
        a.view(dtype="i1").fill_value = -1
    assert a.store[".zarray"] == before


def test_a_view_whose_chunks_would_have_another_size_is_refused():
    with pytest.raises(ValueError, match="4 bytes; the stored chunks have 8 bytes"):
        zarrcy.zeros(4, chunks=2, dtype="i4").view(dtype="i2")


@on_both_kernels
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("compressor", [None, "default"])
def test_astype_converts_stored_and_missing_elements(kernels, order, compressor):
    with using(kernels):
        a = zarrcy.full((5, 4), 2.5, chunks=(2, 3), order=order, compressor=compressor)
        a[:2] = np.arange(8).reshape(2, 4) + 0.75
        b = a.astype("i2")
    np.testing.assert_array_equal(b[...], a[...].astype("i2"))
    assert b[4, 3] == 2
    assert b.dtype == np.int16
    with pytest.raises(errors.ReadOnlyError):
        b[0] = 1
    assert a[...].dtype == np.float64


def test_views_can_be_pickled():
    a = zarrcy.array(np.arange(6, dtype="u1"), store={})
    again = pickle.loads(pickle.dumps(a.view(dtype="i1", shape=6, read_only=True)))
    assert again.is_view
    assert again.read_only
    assert again.dtype == np.int8
    assert again[:].tolist() == list(range(6))


def test_a_digest_depends_on_chunks_metadata_and_attributes():
    a = zarrcy.zeros(4, chunks=2, store={})
    seen = [a.hexdigest()]
    for change in (
        lambda: a.__setitem__(0, 1),
        lambda: a.__setitem__(3, 1),
        lambda: a.resize(3),
        lambda: a.attrs.put({"x": 1}),
    ):
        change()
        seen.append(a.hexdigest())
    assert all(one != other for one, other in pairwise(seen))
    assert a.digest("md5") != a.digest("sha1")
    assert a.digest().hex() == a.hexdigest()


def test_an_info_report_prints_as_text_and_as_a_table():
    a = zarrcy.zeros((4, 4), chunks=2, path="a<b", store={}, filters=[{"id": "delta", "dtype": "<f8"}])
    a[0, 0] = 1
    text = repr(a.info)
    assert "Name               : /a<b" in text
    assert "Filter [0]         : Delta(dtype='<f8')" in text
    assert "Chunks initialized : 1/4" in text
    table = a.info._repr_html_()
    assert table.startswith("<table")
    assert "/a&lt;b" in table, "names are escaped"


class Marked(np.ndarray):
    """A type of arrays that results can be allocated like."""


def test_results_have_the_type_of_the_meta_array():
    store = zarrcy.array(np.arange(10), chunks=3).store
    like = np.empty(()).view(Marked)
    a = zarrcy.Array(store, meta_array=like)
    assert a.meta_array is like
    for result in (a[2:5], a.oindex[[1, 4]], a.vindex[[1, 4]], a.get_basic_selection()):
        assert type(result) is Marked
    assert a[2:5].tolist() == [2, 3, 4]
    assert type(zarrcy.Array(store)[2:5]) is np.ndarray


class Labelled(zarrcy.Array):
    """An array with an attribute of its own."""

    def __init__(self, *args, label, **kwargs):
        super().__init__(*args, **kwargs)
        self.label = label


def test_a_view_of_a_subclass_has_its_class_and_attributes():
    a = Labelled(zarrcy.array([1, 2], store={}).store, label="x")
    view = a.astype("f4")
    assert (type(view), view.label, view.is_view, a.is_view) == (Labelled, "x", True, False)
    assert view[:].tolist() == [1.0, 2.0]
    assert type(pickle.loads(pickle.dumps(a))) is Labelled


def test_an_array_has_one_class_besides_the_properties_of_nodes():
    assert [cls.__name__ for cls in zarrcy.Array.__mro__] == ["Array", "NodeProperties", "object"]


def test_setting_read_only_applies_to_elements_and_attributes():
    a = zarrcy.array([1, 2])
    a.attrs["k"] = 1
    a.read_only = True
    for change in (lambda: a.__setitem__(0, 5), lambda: a.attrs.update(k=2), lambda: a.resize(3)):
        with pytest.raises(errors.ReadOnlyError):
            change()
    a.read_only = False
    a[0] = 5
    a.attrs["k"] = 2
    assert (a[:].tolist(), a.attrs["k"]) == ([5, 2], 2)
