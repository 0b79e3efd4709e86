"""Deleting in directories: either everything is deleted, or everything is where it was, under its name."""

import errno
import os
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pytest
from users import OTHER, as_other_user

import zarrcy
from zarrcy.cli import main
from zarrcy.storage import DirectoryStore
from zarrcy.storage.local.atomic_files import PARTIAL, partial_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="file permissions are those of POSIX systems")


def tree(path):
    """Return the files below a path, with their contents."""
    return {
        str(place.relative_to(path)): place.read_bytes()
        for place in Path(path).rglob("*")
        if place.is_file() and not place.is_symlink()
    }


def fill(path):
    g = zarrcy.open_group(path, mode="w")
    g["x"] = np.arange(10)
    g["y/z"] = np.arange(5)


@pytest.fixture(scope="module", autouse=True)
def loaded(tmp_path_factory):
    """Load what the child processes need, because they may not be able to read the installed packages."""
    path = str(tmp_path_factory.mktemp("loaded"))
    for delete in DELETIONS.values():
        fill(path)
        delete(path)


@pytest.fixture
def path():
    """Path of a hierarchy that the other user owns."""
    # not below `tmp_path`, whose parents only the user who runs the tests may read
    with tempfile.TemporaryDirectory() as top:
        folder = os.path.join(top, "free")
        os.mkdir(folder)
        os.chmod(top, 0o755)
        name = os.path.join(folder, "d.zarr")
        fill(name)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", str(OTHER), top], check=True)
        yield name


DELETIONS = {
    "mode w of the root": lambda path: zarrcy.open_group(path, mode="w"),
    "open_array": lambda path: zarrcy.open_array(path, mode="w", shape=3),
    "overwrite": lambda path: zarrcy.open_group(path).create_dataset("x", shape=3, overwrite=True),
    "overwrite of a group": lambda path: zarrcy.open_group(path).create_group("y", overwrite=True),
    "del": lambda path: zarrcy.open_group(path).__delitem__("x"),
    "save": lambda path: zarrcy.save(path, np.ones(3)),
    "rmdir": lambda path: DirectoryStore(path).rmdir("y"),
    "rmdir of the root": lambda path: DirectoryStore(path).rmdir(),
    "del of a store": lambda path: DirectoryStore(path).__delitem__("y"),
    "clear": lambda path: DirectoryStore(path).clear(),
}


def refused(delete, path):
    """Return the class of the error, and whether all is as it was."""
    before = tree(os.path.dirname(path))
    try:
        delete(path)
    except OSError as exc:
        return type(exc).__name__, tree(os.path.dirname(path)) == before, "Traceback" in str(exc)
    return None, False, False


@pytest.mark.parametrize("read_only", ["all", "a directory deep below"])
@pytest.mark.parametrize("how", DELETIONS)
def test_what_may_not_be_deleted_stays_where_it_is(path, how, read_only):
    places = ["", "x", "y", "y/z"] if read_only == "all" else ["x", "y/z"]
    for name in places:
        os.chmod(os.path.join(path, name), 0o555)
    outcome = as_other_user(refused, DELETIONS[how], path)
    for name in places:
        os.chmod(os.path.join(path, name), 0o755)
    assert outcome == ("PermissionError", True, False)
    assert zarrcy.open_group(path, mode="r")["x"][:].tolist() == list(range(10))


@pytest.mark.parametrize("kind", ["link", "parent", "mount point"])
@pytest.mark.parametrize("how", [how for how in DELETIONS if "x" not in how])
def test_a_root_that_cannot_be_renamed_is_emptied(path, how, kind, request):
    place = path
    if kind == "link":
        place = os.path.join(os.path.dirname(path), "link.zarr")
        os.symlink(path, place)
    elif kind == "parent":
        os.chmod(os.path.dirname(path), 0o555)
        request.addfinalizer(lambda: os.chmod(os.path.dirname(path), 0o755))
    elif subprocess.run(["mount", "--bind", path, path], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    else:
        request.addfinalizer(lambda: subprocess.run(["umount", path], check=True))
    inode = os.stat(place).st_ino

    def delete():
        DELETIONS[how](place)
        return sorted(os.listdir(place))

    names = as_other_user(delete)
    assert os.stat(place).st_ino == inode
    assert os.path.islink(place) == (kind == "link")
    if how in ("rmdir of the root", "clear"):
        assert names == []
    assert not any(PARTIAL.search(name) for _, folders, files in os.walk(path) for name in folders + files)


def test_a_tree_with_a_mount_point_inside_stays_where_it_is(path, request):
    inner = os.path.join(path, "y", "z")
    if subprocess.run(["mount", "--bind", inner, inner], check=False, capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    request.addfinalizer(lambda: subprocess.run(["umount", inner], check=True))
    before = tree(path)
    with pytest.raises(OSError, match="contains the mount point") as caught:
        zarrcy.open_group(path, mode="w")
    assert caught.value.errno == errno.EBUSY
    assert tree(path) == before


CALLS = ["unlink", "rmdir", "rename"]


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EPERM, errno.EXDEV, errno.EIO])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("nth", [0, 1, 2, 5])
@pytest.mark.parametrize("how", ["mode w of the root", "del", "rmdir"])
def test_a_deletion_that_a_system_call_refuses_happens_or_changes_nothing(
    tmp_path, monkeypatch, how, nth, call, number
):
    path = str(tmp_path / "d.zarr")
    fill(path)
    before = tree(path)
    real, count = getattr(os, call), 0

    def failing(*args, **options):
        nonlocal count
        count += 1
        if count > nth:
            raise OSError(number, os.strerror(number), args[0])
        return real(*args, **options)

    monkeypatch.setattr(os, call, failing)
    gone = {"mode w of the root": "x/.zarray", "del": "x/.zarray", "rmdir": "y/z/.zarray"}[how]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            DELETIONS[how](path)
    except OSError:
        monkeypatch.undo()
        left = tree(tmp_path)
        assert left == {f"d.zarr/{name}": value for name, value in before.items()}
    else:
        monkeypatch.undo()
        assert gone not in tree(path)


def test_a_file_that_a_process_has_open_on_a_network_file_system_does_not_stop_a_deletion(
    tmp_path, monkeypatch
):
    path = str(tmp_path / "d.zarr")
    fill(path)
    real = os.unlink

    def silly_rename(place, **options):
        name = os.path.basename(place)
        if name.startswith(".nfs"):
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), place)
        if name == "0":
            descriptor = options.get("dir_fd")
            os.rename(place, f"{os.path.dirname(place)}.nfs1", src_dir_fd=descriptor, dst_dir_fd=descriptor)
        else:
            real(place, **options)

    monkeypatch.setattr(os, "unlink", silly_rename)
    with pytest.warns(RuntimeWarning, match="can't be removed from the disk yet"):
        del zarrcy.open_group(path)["x"]
    monkeypatch.undo()
    assert "x" not in zarrcy.open_group(path)
    assert [problem.kind for problem in zarrcy.verify(path, "y").problems] == []
    assert "leftover" in [problem.kind for problem in zarrcy.verify(path).problems]


# -- what an interrupted deletion left -------------------------------------------------------------------


@pytest.mark.parametrize("inside", [False, True])
def test_a_directory_whose_deletion_was_killed_before_it_began_gets_its_name_back(tmp_path, inside):
    path = str(tmp_path / "d.zarr")
    fill(path)
    before = tree(path)
    if inside:
        doomed = partial_of(os.path.join(path, ""))
        os.mkdir(doomed)
        for name in set(os.listdir(path)) - {os.path.basename(doomed)}:
            os.rename(os.path.join(path, name), os.path.join(doomed, name))
    else:
        doomed = partial_of(path)
        os.rename(path, doomed)
    (planned,) = zarrcy.repair(path, dry_run=True)
    assert (planned.action, planned.target) == ("restore", "")
    assert zarrcy.repair(path) == [planned]
    assert tree(path) == before
    assert zarrcy.repair(path) == []


def test_a_node_whose_deletion_was_killed_gets_its_name_back_unless_it_is_taken(tmp_path):
    path = str(tmp_path / "d.zarr")
    fill(path)
    values = tree(os.path.join(path, "x"))
    os.rename(os.path.join(path, "x"), doomed := partial_of(os.path.join(path, "x")))
    g = zarrcy.open_group(path)
    g["x"] = np.arange(3)
    assert [problem.kind for problem in zarrcy.verify(path).problems] == ["leftover"]
    (done,) = zarrcy.repair(path)
    assert (done.action, done.key) == ("move", os.path.basename(doomed))
    assert tree(os.path.join(path, done.target)) == values
    assert sorted(g) == ["x", "y"]
    assert zarrcy.verify(path).ok
    os.rename(os.path.join(path, "x"), partial_of(os.path.join(path, "x")))
    (done,) = zarrcy.repair(path)
    assert (done.action, done.target) == ("restore", "x")
    assert g["x"][:].tolist() == [0, 1, 2]


def test_what_remains_of_a_deletion_that_was_killed_in_the_middle_is_kept_aside(tmp_path):
    path = str(tmp_path / "d.zarr")
    fill(path)
    os.rename(os.path.join(path, "x"), doomed := partial_of(os.path.join(path, "x")))
    os.unlink(os.path.join(doomed, ".zarray"))
    (done,) = zarrcy.repair(path)
    assert done.action == "move"
    assert os.listdir(os.path.join(path, done.target)) == ["0"]
    assert sorted(zarrcy.open_group(path)) == ["y"]
    assert main(["repair", path]) == 0


def test_the_command_restores_a_root_that_has_only_its_temporary_name(tmp_path, capsys):
    path = str(tmp_path / "d.zarr")
    fill(path)
    os.rename(path, partial_of(path))
    assert main(["repair", path]) == 0
    assert "restored as the root" in capsys.readouterr().out
    assert zarrcy.verify(path).ok
