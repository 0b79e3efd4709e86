"""A copy or conversion onto its own source is refused, however the place is spelled; nothing is lost."""

import os
import shutil
import subprocess

import numpy as np
import pytest

import zarrcy
from zarrcy import errors
from zarrcy.__main__ import main

VALUES = np.arange(10)


def link(path, folder):
    os.symlink(path, folder / "link")
    return str(folder / "link")


SPELLINGS = {
    "path": lambda path, folder: path,
    "slash": lambda path, folder: f"{path}/",
    "dots": lambda path, folder: f"{folder}/./other/../X",
    "link": link,
    "link to the parent": lambda path, folder: link(folder, folder) + "/X",
    "file": lambda path, folder: f"file://{path}",
    "local": lambda path, folder: f"local://{path}",
    "cache": lambda path, folder: f"simplecache::file://{path}",
    "another cache": lambda path, folder: f"filecache::local://{path}",
}
INSIDE = {"the same": ("", ""), "a member": ("", "/a"), "a parent": ("/a", ""), "a new member": ("", "/new")}


@pytest.fixture
def place(tmp_path):
    path = str(tmp_path / "X")
    (tmp_path / "other").mkdir()
    group = zarrcy.open_group(path, mode="w")
    group["a"] = VALUES
    group["b"] = VALUES * 2
    return path


def assert_complete(path):
    group = zarrcy.open_group(path, mode="r")
    assert sorted(group) == ["a", "b"]
    np.testing.assert_array_equal(group["a"][:], VALUES)
    np.testing.assert_array_equal(group["b"][:], VALUES * 2)


@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_copy_onto_its_source_is_refused_in_every_spelling(place, tmp_path, capsys, spelling, inside):
    above, below = INSIDE[inside]
    other = SPELLINGS[spelling](place, tmp_path)
    for source, destination in ((place + above, other + below), (other + above, place + below)):
        for option in (["--overwrite"], ["--overwrite", "--chunks", "3"], ["--if-exists", "replace"]):
            assert main(["copy", source, destination, *option]) == 2
            assert "are the same location, or one contains the other" in capsys.readouterr().err
            assert_complete(place)
        with pytest.raises(errors.ConversionError, match="same place"):
            zarrcy.convert(source, destination, overwrite=True)
        assert_complete(place)


@pytest.mark.parametrize(
    "source", ["memory://places/X", "memory:///places/X", "simplecache::memory://places/X"]
)
@pytest.mark.parametrize(
    "destination", ["memory://places/X", "memory:///places/X/", "memory://places", "memory:///places/X/a"]
)
def test_urls_of_one_place_are_recognized(capsys, source, destination):
    zarrcy.storage.FSStore("memory://places").clear()
    group = zarrcy.open_group("memory://places/X", mode="w")
    group["a"], group["b"] = VALUES, VALUES * 2
    assert main(["copy", source, destination, "--overwrite"]) == 2
    assert "are the same location" in capsys.readouterr().err
    with pytest.raises(errors.ConversionError, match="same place"):
        zarrcy.convert(source, destination, overwrite=True)
    assert_complete("memory://places/X")


def test_places_with_similar_names_are_different(place, tmp_path):
    for name in ("XX", "X2", "x"):
        assert main(["copy", place, f"local://{tmp_path}/{name}"]) == 0
        assert main(["copy", place, f"local://{tmp_path}/{name}", "--overwrite"]) == 0
        assert_complete(str(tmp_path / name))
        zarrcy.convert(place, str(tmp_path / name), overwrite=True)
        assert_complete(str(tmp_path / name))


def test_a_hard_link_to_an_archive_is_the_same_place(place, tmp_path, capsys):
    archive, other = str(tmp_path / "z.zip"), str(tmp_path / "y.zip")
    assert main(["copy", place, archive]) == 0
    os.link(archive, other)
    assert main(["copy", archive, other, "--overwrite"]) == 2
    assert "are the same location" in capsys.readouterr().err
    with pytest.raises(errors.ConversionError, match="same place"):
        zarrcy.convert(archive, other, overwrite=True)
    assert_complete(archive)


def mount(path, folder):
    folder.mkdir()
    if (
        shutil.which("mount") is None
        or subprocess.run(["mount", "--bind", path, folder], check=False).returncode
    ):
        pytest.skip("this test needs the right to mount a directory")
    return str(folder)


@pytest.mark.parametrize("inside", INSIDE)
@pytest.mark.parametrize("mounted", ["", "/a"])
def test_a_bind_mount_is_the_same_place(place, tmp_path, capsys, mounted, inside):
    above, below = INSIDE[inside]
    mount_point = mount(place + mounted, tmp_path / "white space")
    try:
        pairs = (
            [(place + above, mount_point + below), (mount_point + above, place + below)]
            if not mounted
            else [(place, mount_point), (mount_point, place), (mount_point, place + mounted)]
        )
        for source, destination in pairs:
            assert main(["copy", source, destination, "--overwrite"]) == 2
            assert "are the same location" in capsys.readouterr().err
            with pytest.raises(errors.ConversionError, match="same place"):
                zarrcy.convert(source, destination, overwrite=True)
            assert_complete(place)
    finally:
        subprocess.run(["umount", mount_point], check=True)


@pytest.mark.parametrize("options", [["--chunks", "3"], ["--zarr-format", "3"]])
@pytest.mark.parametrize("name", ["d.zarr", "d.zip", "parent.zarr/d"])
def test_an_overwrite_that_fails_keeps_the_old_destination(place, tmp_path, monkeypatch, name, options):
    destination = str(tmp_path / name)
    if "/" in name:
        zarrcy.open_group(os.path.dirname(destination), mode="w")
    zarrcy.save(destination, old=[7, 8])
    before = sorted(os.listdir(os.path.dirname(destination)))
    os.remove(f"{place}/b/0")
    os.mkdir(f"{place}/b/0")
    with open(f"{place}/b/.zarray", "w") as file:
        file.write("{")
    assert main(["copy", place, destination, "--overwrite", *options]) == 2
    with pytest.raises(errors.MetadataError):
        zarrcy.convert(place, destination, overwrite=True)
    np.testing.assert_array_equal(zarrcy.load(destination)["old"], [7, 8])
    assert sorted(os.listdir(os.path.dirname(destination))) == before
    if not destination.endswith(".zip"):
        assert sorted(os.listdir(destination)) == [".zgroup", "old"]
