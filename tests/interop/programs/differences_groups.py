"""Programs on groups and copies whose outcome differs from that of zarr-python 2 on purpose, with the reason."""

from __future__ import annotations

from .families import family
from .setups import empty_group, stored_tree, tree


@family(tree, reason="an assignment never deletes an array above the new one")
def an_assignment_never_deletes_an_array_above_the_new_one(g):
    g["x"] = [1, 2]
    g["x/y"] = [3]
    yield type(g["x"]).__name__


@family(tree, reason="arguments without a meaning raise TypeError")
def arguments_without_a_meaning_raise_typeerror(g):
    yield g.create_dataset("n", shape=3, mode="w")
    yield g.create_dataset("n", shape=3, foo=1).shape


@family(reason="group checks the given path, not the root")
def group_checks_the_given_path_not_the_root(zarr):
    s = {}
    zarr.group(s)
    yield zarr.group(s, path="a").name


@family(reason="a deletion also deletes from the chunk store")
def a_deletion_also_deletes_from_the_chunk_store(zarr):
    s, c = ({}, {})
    g = zarr.group(s, chunk_store=c)
    g["x"] = [1, 2]
    del g["x"]
    yield sorted(s), sorted(c)


@family(tree, reason="a group cannot move into itself, and the root cannot move")
def a_group_cannot_move_into_itself_and_the_root_cannot_move(g):
    g.move("a", "a/b")
    yield sorted(g.store)

    g.move("/", "n")
    yield sorted(g.store)


@family(stored_tree, reason="a group of groups can be loaded")
def a_group_of_groups_can_be_loaded(zarr, place, x):
    x = zarr.load(place)
    yield x["a"]["y"].shape


@family(reason="attributes are written in UTF-8")
def attributes_are_written_in_utf_8(zarr):
    s = {}
    g = zarr.group(s)
    g.attrs["œ"] = "œ"
    yield s[".zattrs"]

    s = {}
    zarr.group(s).attrs["œ"] = "œ"
    zarr.consolidate_metadata(s)
    yield s[".zmetadata"]

    z = zarr.zeros(3, store={}, compressor=None)
    z.attrs["œ"] = "œ"
    yield z.hexdigest()


@family(reason="consolidated metadata that are not JSON raise MetadataError")
def consolidated_metadata_that_are_not_json_raise_metadataerror(zarr):
    yield zarr.open_consolidated({".zmetadata": b"{"})


@family(tree, empty_group, reason="a copy creates neither documents nor chunks that the source lacks")
def a_copy_creates_neither_documents_nor_chunks_that_the_source_lacks(zarr, a, x, d):
    zarr.copy(x, d)
    yield ".zattrs" in str(list(d.store))

    zarr.copy(a, d)
    yield "a/y/0.0" in d.store


@family(tree, empty_group, reason="a copy keeps the separator and the requested data type, and needs a name")
def a_copy_keeps_the_separator_and_the_requested_data_type_and_needs_a_nam(zarr, g, x, d):
    z = g.zeros("z", shape=3, dimension_separator="/")
    zarr.copy(z, d)
    yield b'dimension_separator": "/"' in d.store["z/.zarray"]

    zarr.copy(x, d, dtype="f8")
    yield d["x"].dtype

    yield zarr.copy(x, d, foo=1)
    yield zarr.copy(zarr.array([1, 2]), d)


@family(tree, empty_group, reason="a dry run changes nothing, and without_attrs also applies to the group")
def a_dry_run_changes_nothing_and_without_attrs_also_applies_to_the_group(zarr, g, d):
    g.attrs["o"] = 1
    zarr.copy_all(g, d, dry_run=True)
    yield dict(d.attrs)

    g.attrs["o"] = 1
    zarr.copy_all(g, d, without_attrs=True)
    yield dict(d.attrs)


@family(reason="zarr-python 2 fails on valid input")
def zarr_python_2_fails_on_valid_input(zarr):
    yield zarr.array(zarr.array(["a", "bc"], dtype=str))[:]

    g = zarr.group()
    g["x"] = zarr.array(["a", "bc"], dtype=str)
    yield g["x"][:]


@family(reason="copy_store accepts paths")
def copy_store_accepts_paths(zarr, place):
    zarr.save(place, a=[1])
    d = {}
    zarr.copy_store(place, d)
    yield sorted(d)
