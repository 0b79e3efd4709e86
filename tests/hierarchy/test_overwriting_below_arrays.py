"""`overwrite=True` below an array makes the array a group; without it, nothing is made below an array."""

import numpy as np
import pytest

import zarrcy as zarr
from zarrcy.errors import ContainsArrayError, NotErasableError

FORMATS = [2, 3, "3-draft"]
WAYS = {
    "create_dataset": lambda g, **kw: g.create_dataset("foo/a/bar", shape=3, **kw),
    "create_dataset with elements": lambda g, **kw: g.create_dataset("foo/a/bar", data=np.zeros(3), **kw),
    "create_dataset with a list": lambda g, **kw: g.create_dataset("foo/a/bar", data=[0.0] * 3, **kw),
    "zeros": lambda g, **kw: g.zeros("foo/a/bar", shape=3, **kw),
    "create": lambda g, **kw: zarr.create(
        3, store=g.store, path="foo/a/bar", chunk_store=g.chunk_store, **kw
    ),
}


@pytest.fixture(params=FORMATS)
def zarr_format(request):
    return request.param


@pytest.fixture(params=["one store", "chunks apart"])
def group(request, zarr_format):
    chunk_store = {} if request.param == "chunks apart" else None
    g = zarr.open_group({}, mode="w", chunk_store=chunk_store, zarr_format=zarr_format)
    g.create_dataset("foo", data=np.arange(6), chunks=2)
    g.create_dataset("other", data=[7])
    return g


def keys_of(g):
    return {*g.store, *g.chunk_store}


@pytest.mark.parametrize("way", WAYS)
def test_overwriting_makes_the_array_above_a_group(group, way):
    array = WAYS[way](group, overwrite=True)
    assert array[:].tolist() == [0, 0, 0]
    assert isinstance(group["foo"], zarr.Group)
    assert list(group["foo"]) == ["a"]
    assert group["other"][:].tolist() == [7]
    assert not any("foo/c0" in key or "foo/0" in key or "foo/c/" in key for key in keys_of(group))


@pytest.mark.parametrize("way", WAYS)
def test_without_overwriting_nothing_is_made_below_an_array(group, way):
    before = keys_of(group)
    with pytest.raises(ContainsArrayError, match="foo"):
        WAYS[way](group)
    assert keys_of(group) == before


@pytest.mark.parametrize("method", ["create_group", "require_group"])
def test_a_group_can_overwrite_the_array_above_it(group, method):
    getattr(group, method)("foo/a", overwrite=True)
    assert list(group["foo"]) == ["a"]


@pytest.mark.parametrize("opener", [zarr.open_array, zarr.open_group])
def test_mode_w_overwrites_the_array_above(zarr_format, opener):
    store = {}
    zarr.array([1, 2, 3], store=store, zarr_format=zarr_format)
    kwargs = {"shape": 3} if opener is zarr.open_array else {}
    node = opener(store, mode="w", path="foo/bar", zarr_format=zarr_format, **kwargs)
    assert node.path == "foo/bar"
    assert list(zarr.open_group(store)) == ["foo"]


def test_the_new_array_may_be_made_of_the_array_above(group):
    group.create_dataset("foo/bar", data=group["foo"], overwrite=True)
    assert group["foo/bar"][:].tolist() == list(range(6))


@pytest.mark.parametrize("value", [1, [1, 2], np.arange(3)])
def test_an_assignment_does_not_delete_an_array_above(group, value):
    before = keys_of(group)
    with pytest.raises(ContainsArrayError, match="foo"):
        group["foo/bar"] = value
    assert keys_of(group) == before


def test_a_store_that_cannot_delete_refuses_before_anything_changes(tmp_path):
    with zarr.ZipStore(tmp_path / "s.zip", mode="w") as store:
        g = zarr.group(store)
        g["foo"] = [1, 2]
        with pytest.raises(NotErasableError):
            g.create_dataset("foo/bar", shape=3, overwrite=True)
        assert g["foo"][:].tolist() == [1, 2]


@pytest.mark.parametrize("zarr_format", FORMATS)
@pytest.mark.parametrize("start", ["", "a", "a/c", "foo_"])
@pytest.mark.parametrize("name", ["/foo/b", "/foo/b/c", "foo/b//", "a/foo/b"])
def test_an_assignment_from_any_group_and_path_does_not_delete_an_array_above(start, name, zarr_format):
    root = zarr.open_group({}, mode="w", zarr_format=zarr_format)
    for path in ("a/c", "foo_"):
        root.create_group(path)
    group = root[start] if start else root
    above = "foo" if name.startswith("/") else f"{start}/{name.split('/b')[0]}".strip("/")
    root[above] = [1, 2]
    with pytest.raises(ContainsArrayError, match=above):
        group[name] = [9]
    assert root[above][:].tolist() == [1, 2]
