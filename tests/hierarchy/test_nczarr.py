"""Stores of netCDF-C: the lengths of dimensions in its documents stay those of the arrays."""

import json
import warnings

import numpy as np
import pytest

import zarrcy

# -- documents as netCDF-C 4.10 writes them, and as earlier versions do


def new_store():
    group = {
        "_nczarr_group": {
            "dimensions": {"t": {"size": 4, "unlimited": 1}, "x": 3},
            "arrays": ["v", "w"],
            "groups": ["g"],
        },
        "_nczarr_superblock": {"version": "2.0.0"},
    }
    below = {"_nczarr_group": {"dimensions": {"y": 2}, "arrays": ["q"], "groups": []}}
    store = {}
    for path, attributes in (("", group), ("g/", below)):
        store[f"{path}.zgroup"] = b'{"zarr_format": 2}'
        store[f"{path}.zattrs"] = json.dumps(attributes).encode()
    for path, names, shape in (
        ("v", ["/t", "/x"], [4, 3]),
        ("w", ["/t"], [4]),
        ("g/q", ["/g/y", "/x"], [2, 3]),
    ):
        attributes = {"_nczarr_array": {"dimension_references": names, "storage": "chunked"}}
        store[f"{path}/.zattrs"] = json.dumps(attributes).encode()
        store[f"{path}/.zarray"] = document(shape)
    return store


def old_store():
    store = new_store()
    for path in ("", "g/"):
        group = json.loads(store.pop(f"{path}.zattrs"))["_nczarr_group"]
        members = {"zarr_format": 2, "_NCZARR_GROUP": {"dims": group["dimensions"], "vars": group["arrays"]}}
        store[f"{path}.zgroup"] = json.dumps(members).encode()
    for path in ("v", "w", "g/q"):
        references = json.loads(store.pop(f"{path}/.zattrs"))["_nczarr_array"]["dimension_references"]
        members = json.loads(store[f"{path}/.zarray"])
        store[f"{path}/.zarray"] = json.dumps({**members, "_NCZARR_ARRAY": {"dimrefs": references}}).encode()
    return store


def document(shape):
    members = {
        "zarr_format": 2,
        "shape": shape,
        "chunks": shape,
        "dtype": "<i4",
        "fill_value": -1,
        "order": "C",
    }
    return json.dumps({**members, "compressor": None, "filters": None}).encode()


def lengths_of(store, path):
    for key, name, kind in ((".zattrs", "_nczarr_group", "dimensions"), (".zgroup", "_NCZARR_GROUP", "dims")):
        members = json.loads(store.get(path + key, b"{}"))
        if name in members:
            return members[name][kind]
    return None


@pytest.fixture(params=[new_store, old_store])
def store(request, tmp_path):
    # netCDF-C writes directories
    directory = zarrcy.DirectoryStore(tmp_path)
    directory.update(request.param())
    return directory


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def test_growing_and_shrinking_state_the_new_length(store):
    v = zarrcy.open_array(store, path="v")
    v.append(np.ones((2, 3), "i4"))
    assert lengths_of(store, "") == {"t": {"size": 6, "unlimited": 1}, "x": 3}
    zarrcy.open_group(store)["w"].resize(6)
    assert lengths_of(store, "") == {"t": {"size": 6, "unlimited": 1}, "x": 3}
    q = zarrcy.open_array(store, path="g/q")
    q.resize(5, 2)
    assert (lengths_of(store, "g/"), lengths_of(store, "")["x"]) == ({"y": 5}, 2)
    v.shape = (1, 2)
    assert lengths_of(store, "") == {"t": {"size": 1, "unlimited": 1}, "x": 2}


def test_the_rest_of_the_documents_stays_as_it_was(store):
    before = {key: json.loads(value) for key, value in store.items()}
    zarrcy.open_array(store, path="v").resize(9, 3)
    after = {key: json.loads(value) for key, value in store.items()}
    changed = {key for key in before if before[key] != after[key]}
    key = ".zattrs" if ".zattrs" in store else ".zgroup"
    assert changed == {key, "v/.zarray"}
    assert str(before[key]).replace("'size': 4", "'size': 9") == str(after[key])


def test_a_change_that_keeps_the_shape_changes_nothing(store):
    before = dict(store.items())
    v = zarrcy.open_array(store, path="v")
    v.resize(4, 3)
    v.append(np.ones((0, 3), "i4"))
    assert {key: store[key] for key in before if "/" not in key} == {
        key: value for key, value in before.items() if "/" not in key
    }


@pytest.mark.parametrize("lost", ["documents", "part of a store", "references"])
def test_a_length_that_cannot_be_stated_gives_a_warning(store, lost):
    if lost == "documents":
        store[".zgroup"] = b'{"zarr_format": 2}'
        store.pop(".zattrs", None)
    elif lost == "part of a store":
        store = zarrcy.DirectoryStore(f"{store.path}/v")
    path = "" if lost == "part of a store" else "v"
    if lost == "references":
        for key in ("v/.zattrs", "v/.zarray"):
            store[key] = store.get(key, b"{}").replace(b'["/t", "/x"]', b"5")
        zarrcy.open_array(store, path=path).resize(5, 3)
        return
    with pytest.warns(UserWarning, match="netCDF-C will refuse the array"):
        zarrcy.open_array(store, path=path).resize(5, 3)
    assert zarrcy.open_array(store, path=path).shape == (5, 3)


def test_other_arrays_are_not_concerned():
    store = {}
    z = zarrcy.open_array(store, path="a", shape=3)
    z.attrs["_ARRAY_DIMENSIONS"] = ["x"]
    z.append([1])
    assert z.shape == (4,)
