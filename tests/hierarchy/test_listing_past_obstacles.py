"""Listings go past names that are not keys, and past directories that may not be looked into."""

import contextlib
import io
import os
import subprocess
import tempfile
import warnings

import numpy as np
import pytest
from users import OTHER, as_other_user

import zarrcy
from zarrcy.errors import AccessWarning, NotAFileError, PartlyDoneError
from zarrcy.storage import DirectoryStore, NestedDirectoryStore

pytestmark = pytest.mark.skipif(
    os.name != "posix", reason="file names and permissions are those of POSIX systems"
)


def fill(path, zarr_format):
    g = zarrcy.open_group(path, mode="w", zarr_format=zarr_format)
    g["a"] = np.arange(3)
    g["closed/b"] = np.arange(4)
    g["z"] = np.arange(5)
    return g


OBSTACLES = {
    "not UTF-8": b"\xff\xfe",
    "latin-1": "caf\u00e9".encode("latin-1"),
    "backslash": b"a\\b",
    "system": b"lost+found",
    "snapshots": b".snapshot",
    "desktop": b".DS_Store",
    "deleted but open": b".nfs000000012",
}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("is_folder", [True, False])
@pytest.mark.parametrize("name", OBSTACLES.values(), ids=OBSTACLES)
def test_names_that_are_not_keys_make_no_listing_fail(tmp_path, name, is_folder, zarr_format):
    path = str(tmp_path / "g")
    g = fill(path, zarr_format)
    keys = sorted(DirectoryStore(path))
    for place in (path, f"{path}/closed", f"{path}/a"):
        obstacle = os.path.join(os.fsencode(place), name)
        if is_folder:
            os.mkdir(obstacle)
            obstacle = os.path.join(obstacle, b"0")
        with open(obstacle, "wb") as file:
            file.write(b"x")
    for kind in (DirectoryStore, NestedDirectoryStore):
        store = kind(path)
        assert sorted(store) == sorted(store.keys()) == keys
        assert len(store) == len(keys)
        assert store.listdir() == sorted({key.split("/")[0] for key in keys})
    assert list(g) == ["a", "closed", "z"]
    assert [array.path for _, array in g.arrays(recurse=True)] == ["a", "closed/b", "z"]
    names = []
    g.visit(names.append)
    assert names == ["a", "closed", "closed/b", "z"]
    assert "b (4,)" in str(g.tree())
    assert zarrcy.verify(path).ok
    assert g["a"].nchunks_initialized == 1
    zarrcy.consolidate_metadata(path)
    assert zarrcy.copy_all(g, zarrcy.group(store={}))[0] == 4
    assert zarrcy.copy_store(path, {})[0] >= len(keys)


def answers(path):
    """Return what listings of a hierarchy give whose group `closed` may not be looked into."""
    g = zarrcy.open_group(path, mode="r")
    visited = []

    def tree(group):
        return "z (5,)" in str(group.tree())

    found = []
    for listing in (
        list,
        lambda g: [name for name, _ in g.arrays(recurse=True)],
        tree,
        lambda g: g.visititems(lambda name, _: visited.append(name)),
    ):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found.append((listing(g), [str(w.message) for w in caught if w.category is AccessWarning]))
    report = [(problem.kind, problem.key) for problem in zarrcy.verify(path).problems]
    partly = []
    warnings.simplefilter("ignore", AccessWarning)
    for action in (
        lambda: zarrcy.copy_all(g, zarrcy.group(store={})),
        lambda: zarrcy.copy_store(path, {}),
        lambda: zarrcy.consolidate_metadata(path),
    ):
        try:
            action()
        except PartlyDoneError as exc:
            partly.append(exc.denied)
    try:
        g["closed/b"]
    except PermissionError:
        partly.append("PermissionError")
    return found, visited, report, partly


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("mode", [0o000, 0o600])
def test_a_directory_that_may_not_be_looked_into_is_left_out_and_named(mode, zarr_format):
    with tempfile.TemporaryDirectory() as top, warnings.catch_warnings():
        path = os.path.join(top, "g")
        fill(path, zarr_format)
        answers(path)
        fill(path, zarr_format)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", str(OTHER), top], check=True)
        closed = os.path.join(path, "closed")
        os.chmod(closed, mode)
        try:
            found, visited, report, partly = as_other_user(answers, path)
        finally:
            os.chmod(closed, 0o755)
    assert [answer for answer, _ in found] == [["a", "z"], ["a", "z"], True, None]
    assert visited == ["a", "z"]
    for _, messages in found:
        assert any("'closed'" in message for message in messages)
    assert ("unchecked", "closed") in report
    assert partly == [["closed"]] * 3 + ["PermissionError"]


def exit_codes(path, target, other):
    """Return the exit codes of commands at a hierarchy, and what they print about errors."""
    from zarrcy.cli import main

    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as printed:
        codes = [
            main(command)
            for command in (
                ["verify", path],
                ["consolidate", path],
                ["copy", path, target],
                ["convert", path, f"{target}2", "--zarr-format", other],
            )
        ]
    return codes, printed.getvalue()


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_commands_name_what_they_may_not_look_into_and_end_as_partly_done(zarr_format):
    with tempfile.TemporaryDirectory() as top, warnings.catch_warnings():
        warnings.simplefilter("ignore", AccessWarning)
        path, other = os.path.join(top, "g"), str(5 - zarr_format)
        fill(path, zarr_format)
        # a child that is not root may be unable to import modules
        exit_codes(path, os.path.join(top, "first"), other)
        fill(path, zarr_format)
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", str(OTHER), top], check=True)
        closed = os.path.join(path, "closed")
        os.chmod(closed, 0o000)
        try:
            codes, printed = as_other_user(exit_codes, path, os.path.join(top, "copy"), other)
        finally:
            os.chmod(closed, 0o755)
        copied = zarrcy.open_group(os.path.join(top, "copy"), mode="r")["z"][:].tolist()
    assert codes == [3, 3, 3, 3]
    assert printed.count("partly done") == 3
    assert "'closed'" in printed
    assert copied == [0, 1, 2, 3, 4]


def lost_node(path, zarr_format):
    fill(path, zarr_format)
    os.rename(os.path.join(path, "closed"), path + "-elsewhere")
    os.symlink("/nonexistent/annex", os.path.join(path, "closed"))


STORES = {
    "a path": lambda path: path,
    "directory": DirectoryStore,
    "nested": NestedDirectoryStore,
    "fsspec": lambda path: zarrcy.storage.FSStore(f"file://{path}"),
    "obstore": lambda path: zarrcy.storage.ObjectStore(pytest.importorskip("obstore.store").LocalStore(path)),
}
USES = {
    "open": lambda store: zarrcy.open(store, path="closed", mode="r"),
    "array": lambda store: zarrcy.open_array(store, path="closed/b", mode="r"),
    "group": lambda store: zarrcy.open_group(store, path="closed", mode="r"),
    "create": lambda store: zarrcy.open_group(store, path="closed", mode="a"),
    "member": lambda store: zarrcy.open_group(store, mode="r")["closed"],
    "member below": lambda store: zarrcy.open_group(store, mode="r")["closed/b"],
    "contains": lambda store: "closed" in zarrcy.open_group(store, mode="r"),
    "require": lambda store: zarrcy.open_group(store, mode="r+").require_group("closed"),
    "delete": lambda store: zarrcy.open_group(store, mode="r+").__delitem__("closed"),
    "copy of keys": lambda store: zarrcy.copy_store(store, {}),
}


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("use", USES)
@pytest.mark.parametrize("kind", STORES)
def test_a_node_whose_directory_is_a_link_to_nothing_is_not_a_missing_node(tmp_path, kind, use, zarr_format):
    path = str(tmp_path / "g")
    lost_node(path, zarr_format)
    with pytest.raises(NotAFileError, match=r"closed.*is a symbolic link to '/nonexistent/annex'"):
        USES[use](STORES[kind](path))
    assert os.path.islink(os.path.join(path, "closed"))


@pytest.mark.parametrize("zarr_format", [2, 3])
@pytest.mark.parametrize("kind", [kind for kind in STORES if kind != "obstore"])
def test_a_node_whose_directory_is_a_link_to_nothing_is_left_out_of_listings_and_named(
    tmp_path, kind, zarr_format
):
    path = str(tmp_path / "g")
    lost_node(path, zarr_format)
    store = STORES[kind](path)
    group = zarrcy.open_group(store, mode="r")
    for listing in (list, lambda group: [name for name, _ in group.arrays(recurse=True)]):
        with pytest.warns(AccessWarning, match="'closed'"):
            assert listing(group) == ["a", "z"]
    with pytest.warns(AccessWarning, match="'closed'"):
        assert "z (5,)" in str(group.tree())
    assert "closed" in [problem.key for problem in zarrcy.verify(store).problems]
    copy = zarrcy.group(store={})
    with pytest.warns(AccessWarning), pytest.raises(PartlyDoneError) as raised:
        zarrcy.copy_all(group, copy)
    assert raised.value.denied == ["closed"]
    assert list(copy) == ["a", "z"]


@pytest.mark.parametrize("mode", ["r", "r+", "a", "w-", "w"])
def test_a_root_that_is_a_link_to_nothing_is_an_error_that_names_it(tmp_path, mode):
    os.symlink("/nonexistent/annex", tmp_path / "root")
    with pytest.raises(OSError, match=r"tmp.*root"):
        zarrcy.open_array(str(tmp_path / "root"), mode=mode, shape=3, zarr_format=2)
    assert os.path.islink(tmp_path / "root")
