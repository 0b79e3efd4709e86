"""Replacing what a store holds never deletes files that Zarr did not write."""

import os
import zipfile

import numpy as np
import pytest

import zarrcy
from zarrcy.cli import main
from zarrcy.errors import ForeignDataError
from zarrcy.storage.local.atomic_files import partial_of

REPLACEMENTS = {
    "save": lambda place: zarrcy.save(place, np.ones(3)),
    "save with names": lambda place: zarrcy.save(place, a=np.ones(3)),
    "save_array": lambda place: zarrcy.save_array(place, np.ones(3)),
    "save_group": lambda place: zarrcy.save_group(place, np.ones(3)),
    "open": lambda place: zarrcy.open(place, mode="w", shape=3),
    "open a group": lambda place: zarrcy.open(place, mode="w"),
    "open_group": lambda place: zarrcy.open_group(place, mode="w"),
    "open_group in format 3": lambda place: zarrcy.open_group(place, mode="w", zarr_format=3),
    "open_group in the draft": lambda place: zarrcy.open_group(place, mode="w", zarr_format="3-draft"),
    "open_array": lambda place: zarrcy.open_array(place, mode="w", shape=3),
    "create": lambda place: zarrcy.create(3, store=place, overwrite=True),
    "zeros": lambda place: zarrcy.zeros(3, store=place, overwrite=True, zarr_format=3),
    "array": lambda place: zarrcy.array([1], store=place, overwrite=True),
    "group": lambda place: zarrcy.group(place, overwrite=True),
}
SOME = ["save", "open_group in format 3", "open_array"]
FOREIGN = ["photo.jpg", "texts/a.txt", "2024/05/photo.jpg", "c/notes.txt", "deep/er/group.h5", "0/.hidden"]


def put(path, name):
    os.makedirs(os.path.dirname(os.path.join(path, name)), exist_ok=True)
    with open(os.path.join(path, name), "w", encoding="ascii") as file:
        file.write("precious")


@pytest.mark.parametrize(
    ("how", "name"),
    [(how, FOREIGN[0]) for how in REPLACEMENTS] + [(how, name) for how in SOME for name in FOREIGN[1:]],
)
def test_files_that_zarr_did_not_write_are_in_the_way(tmp_path, how, name):
    path = str(tmp_path / "data")
    put(path, name)
    with pytest.raises(ForeignDataError, match=name.split("/")[0]) as caught:
        REPLACEMENTS[how](path)
    assert isinstance(caught.value, FileExistsError)
    assert [os.path.join(folder, *files) for folder, _, files in os.walk(path) if files] == [
        os.path.join(path, name)
    ]


@pytest.mark.parametrize("place", ["root", "path"])
@pytest.mark.parametrize("kind", ["dict", "memory URL", "file URL", "cache", "chunk store"])
def test_foreign_keys_of_any_store_are_in_the_way(tmp_path, kind, place):
    path = "" if place == "root" else "some/folder"
    store = {"dict": dict, "cache": lambda: zarrcy.LRUStoreCache({}, None), "chunk store": dict}.get(
        kind, lambda: None
    )()
    url = f"memory://{tmp_path.name}-{place}" if kind == "memory URL" else f"local://{tmp_path}/d"
    if store is None:
        store = zarrcy.storage.FSStore(url, mode="w")
    key = "/".join(filter(None, [path, "photo.jpg"]))
    store[key] = b"precious"
    metadata = {} if kind == "chunk store" else store
    chunks = store if kind == "chunk store" else None
    with pytest.raises(ForeignDataError, match=r"photo\.jpg"):
        zarrcy.open_array(metadata, mode="w", shape=3, path=path, chunk_store=chunks)
    with pytest.raises(ForeignDataError, match=r"photo\.jpg"):
        zarrcy.open_group(metadata, mode="w", path=path, chunk_store=chunks)
    assert bytes(store[key]) == b"precious"


def leave(path, what):
    """Leave what is not in the way."""
    match what:
        case "a node":
            zarrcy.open_group(path, mode="w")
            put(path, "photo.jpg")
        case "a damaged node":
            put(path, ".zgroup")
        case "nodes below":
            zarrcy.open_group(os.path.join(path, "a", "b"), mode="w")["x"] = [1]
            zarrcy.open_group(os.path.join(path, "c"), mode="w", zarr_format=3)
            put(os.path.join(path, "c"), "photo.jpg")
        case "a killed write":
            put(path, os.path.relpath(partial_of(os.path.join(path, "0.0")), path))
        case "a killed deletion":
            put(path, os.path.relpath(partial_of(os.path.join(path, "x")), path) + "/0.0")
        case "chunks":
            for name in ("0.0", "12", "c/0/1", "1/2"):
                put(path, name)
        case "empty directories":
            os.makedirs(os.path.join(path, "some", "thing"))
        case _:
            put(path, what)


@pytest.mark.parametrize(
    "what",
    ["a node", "a damaged node", "nodes below", "a killed write", "a killed deletion", "chunks", "empty directories",
     ".DS_Store", ".nfs0001", "lost+found/x", ".zattrs", ".zmetadata", "__quarantine__/a/0.0"],
)  # fmt: skip
@pytest.mark.parametrize("how", SOME)
def test_what_zarr_wrote_and_what_never_counts_is_replaced(tmp_path, how, what):
    path = str(tmp_path / "data")
    leave(path, what)
    REPLACEMENTS[how](path)
    assert zarrcy.open(path, mode="r") is not None
    REPLACEMENTS[how](path)


@pytest.mark.parametrize("how", ["save", "open", "open_group", "create", "group"])
@pytest.mark.parametrize("content", ["photos", "no archive"])
def test_an_archive_that_zarr_did_not_write_is_in_the_way(tmp_path, how, content):
    path = str(tmp_path / "a.zip")
    if content == "photos":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("photo.jpg", "precious")
    else:
        put(str(tmp_path), "a.zip")
    before = (tmp_path / "a.zip").read_bytes()
    with pytest.raises(ForeignDataError):
        REPLACEMENTS[how](path)
    assert (tmp_path / "a.zip").read_bytes() == before


@pytest.mark.parametrize("whole", [True, False])
def test_an_archive_that_zarr_wrote_is_replaced_even_if_its_writer_was_killed(tmp_path, whole):
    path = tmp_path / "a.zip"
    zarrcy.save(str(path), a=[1, 2], b=[3])
    if not whole:
        path.write_bytes(path.read_bytes()[:100])
    zarrcy.save(str(path), [4])
    assert zarrcy.load(str(path)).tolist() == [4]


def test_creating_an_array_in_an_archive_keeps_what_is_there_unless_it_is_overwritten(tmp_path):
    path = str(tmp_path / "a.zip")
    zarrcy.save(path, [1, 2])
    with pytest.raises(zarrcy.errors.ContainsArrayError):
        zarrcy.create(3, store=path)
    assert zarrcy.load(path).tolist() == [1, 2]


def test_the_commands_refuse_a_destination_with_other_files(tmp_path, capsys):
    source, target = str(tmp_path / "s"), str(tmp_path / "t")
    zarrcy.save(source, [1])
    put(target, "photo.jpg")
    for command in ("copy", "convert"):
        assert main([command, source, target, "--overwrite"]) != 0
    assert os.listdir(target) == ["photo.jpg"]
    capsys.readouterr()
