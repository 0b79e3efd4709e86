"""Names that begin with two underscores are names of nodes like all others; only the package's own files are hidden.

The specification of Zarr v3 reserves the prefix, but xarray stores an array without a name under such a name.
"""

import numpy as np
import pytest

import zarrcy
from zarrcy import errors

NAMES = ["__xarray_dataarray_variable__", "__", "___", "__0", "__init__", "_zarrcy", "__zarr", "_"]
OWN = ["__quarantine__", ".zarrcy-unfinished", "__zarrcy_progress"]


@pytest.fixture(params=["dict", "directory"])
def store(request, tmp_path):
    return {} if request.param == "dict" else zarrcy.DirectoryStore(str(tmp_path / "store"))


def hierarchy(store, zarr_format):
    group = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    for i, name in enumerate(NAMES):
        group.create_dataset(name, data=np.arange(3) + i, chunks=2)
        group.create_group(f"{name}g").create_dataset(name, data=np.arange(3) - i, chunks=2)
    return group


def contents(group):
    """Return the path of each node that a walk finds, with the elements of arrays."""
    found = {}
    group.visititems(
        lambda path, node: found.update({path: None if not hasattr(node, "dtype") else node[:].tolist()})
    )
    return found


EXPECTED = {
    **{name: [i, i + 1, i + 2] for i, name in enumerate(NAMES)},
    **{f"{name}g": None for name in NAMES},
    **{f"{name}g/{name}": [-i, 1 - i, 2 - i] for i, name in enumerate(NAMES)},
}


@pytest.mark.parametrize("zarr_format", [2, 3, "3-draft"])
def test_nodes_whose_names_begin_with_underscores_are_listed_walked_and_copied(store, zarr_format):
    group = hierarchy(store, zarr_format)
    assert sorted(group.array_keys()) == sorted(NAMES)
    assert sorted(group.group_keys()) == sorted(f"{name}g" for name in NAMES)
    assert len(group) == 2 * len(NAMES)
    assert contents(group) == EXPECTED
    assert all(name in str(group.tree()) for name in NAMES)
    for target_format in (2, 3):
        target = zarrcy.open_group({}, mode="w", zarr_format=target_format)
        zarrcy.copy_all(group, target)
        assert contents(target) == EXPECTED
    report = zarrcy.verify(store)
    assert (report.ok, len(report.arrays)) == (True, 2 * len(NAMES))


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_consolidated_metadata_hold_nodes_whose_names_begin_with_underscores(store, zarr_format):
    hierarchy(store, zarr_format)
    zarrcy.consolidate_metadata(store)
    assert contents(zarrcy.open_consolidated(store)) == EXPECTED


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_conversion_keeps_nodes_whose_names_begin_with_underscores(store, zarr_format):
    hierarchy(store, zarr_format)
    target = {}
    zarrcy.convert(store, target, zarr_format=5 - zarr_format)
    assert contents(zarrcy.open_group(target, mode="r")) == EXPECTED


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("own", OWN)
def test_files_of_the_package_are_neither_listed_nor_consolidated_even_if_they_hold_documents(
    store, own, zarr_format
):
    group = hierarchy(store, zarr_format)
    for key in [key for key in store if key.startswith("__0")]:
        store[f"{own}/{key}"] = store[key]
        store[f"{own}/{key.removeprefix('__0/')}"] = store[key]
    assert contents(group) == EXPECTED
    zarrcy.consolidate_metadata(store)
    assert contents(zarrcy.open_consolidated(store)) == EXPECTED


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("own", OWN)
def test_a_node_can_not_take_the_name_of_a_file_of_the_package(own, zarr_format):
    store = {}
    group = zarrcy.open_group(store, mode="w", zarr_format=zarr_format)
    before = dict(store)
    for create in (group.create_group, lambda path: group.zeros(path, shape=3)):
        for path in (own, f"{own}/a", f"a/{own}"):
            with pytest.raises(errors.KeyPathError, match=own.replace(".", r"\.")):
                create(path)
    assert store == before
