"""A copy that fails or is killed is reported as unfinished, and the same command completes it."""

import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import zarrcy
from zarrcy import storage
from zarrcy.__main__ import main

VALUES = np.arange(40).reshape(8, 5)
OPTIONS = [
    [],
    ["--chunks", "3x5"],
    ["--zarr-format", "3"],
    ["--if-exists", "skip"],
    ["--if-exists", "replace"],
]


class Interrupted(KeyboardInterrupt):
    pass


@pytest.fixture
def source(tmp_path):
    path = str(tmp_path / "source")
    group = zarrcy.open_group(path, mode="w")
    for name in ("a", "g/b", "g/h/c", "z"):
        group.create_dataset(name, data=VALUES, chunks=(2, 5), attributes={"unit": "K"})
    group.attrs["title"] = "sea"
    return path


def assert_is_copy(location, options=()):
    with zarrcy.open(location, mode="r") as root:
        assert root.attrs["title"] == "sea"
        for name in ("a", "g/b", "g/h/c", "z"):
            np.testing.assert_array_equal(root[name][...], VALUES)
            assert root[name].attrs["unit"] == "K"
    report = zarrcy.verify(location)
    assert report.ok, report
    assert not any("unfinished" in key for key in zarrcy.open_group(location, mode="r").store)


def interrupt_writes(monkeypatch, after):
    """Interrupt a copy before one of its writes, by an exception that no `except Exception` catches."""
    left = [after]

    def interrupting(write):
        def interrupted(self, *args):
            left[0] -= 1
            if left[0] < 0:
                raise Interrupted
            return write(self, *args)

        return interrupted

    for kind, names in (
        (storage.DirectoryStore, ("__setitem__", "setdefault")),
        (storage.SQLiteStore, ("__setitem__", "setdefault")),
        (storage.ZipStore, ("__setitem__",)),
        (storage.MemoryStore, ("__setitem__", "setdefault")),
    ):
        for name in names:
            monkeypatch.setattr(kind, name, interrupting(getattr(kind, name)))
    monkeypatch.setattr(zarrcy.Array, "__setitem__", interrupting(zarrcy.Array.__setitem__))


def interrupted(monkeypatch, after, call):
    """Interrupt a call before one of its writes; return whether it was interrupted."""
    with monkeypatch.context() as patch:
        interrupt_writes(patch, after)
        try:
            # the exit code that a shell gives to a program that ended by an interrupt
            return call() == 130
        except Interrupted:
            return True


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
@pytest.mark.parametrize("after", [1, 2, 3, 5, 8, 13, 18])
def test_an_interrupted_copy_is_reported_and_completed_by_the_same_command(
    source, tmp_path, monkeypatch, capsys, options, after
):
    location = str(tmp_path / "copy")
    assert interrupted(monkeypatch, after, lambda: main(["copy", source, location, *options]))
    assert not zarrcy.verify(location).ok
    assert "unfinished" in {problem.kind for problem in zarrcy.verify(location).problems}
    assert main(["verify", location]) == 1
    assert "a copy to this place was not completed" in capsys.readouterr().out
    assert main(["copy", source, location, *options]) == 0
    assert_is_copy(location)


@pytest.mark.parametrize("first", OPTIONS, ids=" ".join)
@pytest.mark.parametrize(
    "second", [[], ["--chunks", "7x2"], ["--if-exists", "skip"], ["--overwrite"]], ids=" ".join
)
def test_another_rule_completes_it_as_well(source, tmp_path, monkeypatch, first, second):
    location = str(tmp_path / "copy")
    assert interrupted(monkeypatch, 9, lambda: main(["copy", source, location, *first]))
    more = first if "--zarr-format" in first else []
    assert main(["copy", source, location, *more, *second]) == 0
    assert_is_copy(location)


def test_arrays_that_existed_before_an_interrupted_copy_are_kept(source, tmp_path, monkeypatch):
    location = str(tmp_path / "copy")
    zarrcy.save(location, a=[7, 8], other=[9])
    assert interrupted(monkeypatch, 6, lambda: main(["copy", source, location, "--if-exists", "skip"]))
    assert main(["copy", source, location, "--if-exists", "skip"]) == 0
    copied = zarrcy.open(location, mode="r")
    assert (copied["a"][:].tolist(), copied["other"][:].tolist()) == ([7, 8], [9])
    np.testing.assert_array_equal(copied["z"][...], VALUES)
    assert zarrcy.verify(location).ok


@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_an_interrupted_copy_does_not_change_an_archive(source, tmp_path, monkeypatch, options):
    location = str(tmp_path / "copy.zip")
    for before in ((), ("other",)):
        if before:
            zarrcy.save(location, other=[9], zarr_format=3 if "--zarr-format" in options else 2)
            if "--if-exists" not in options:
                options = [*options, "--overwrite"]
            elif "replace" in options:
                return
        assert interrupted(monkeypatch, 9, lambda: main(["copy", source, location, *options]))
        assert sorted(os.listdir(tmp_path)) == (["copy.zip", "source"] if before else ["source"])
        if before:
            assert list(zarrcy.open(location, mode="r")) == ["other"]
            assert main(["copy", source, location, *options]) == 0
            with zarrcy.open(location, mode="r") as root:
                np.testing.assert_array_equal(root["g/h/c"][...], VALUES)


@pytest.mark.parametrize("zarr_format", [2, 3, "3-draft"])
@pytest.mark.parametrize("store", ["memory", "directory", "sqlite"])
def test_functions_complete_a_copy_that_was_interrupted(source, tmp_path, monkeypatch, store, zarr_format):
    places = {
        "memory": storage.MemoryStore,
        "directory": lambda: str(tmp_path / "d"),
        "sqlite": lambda: storage.SQLiteStore(tmp_path / "s"),
    }
    place = places[store]()
    dest = zarrcy.open_group(place, mode="w", zarr_format=zarr_format)
    root = zarrcy.open_group(source, mode="r")
    for call in (
        lambda: zarrcy.copy(root, dest, name="n"),
        lambda: zarrcy.copy(root, dest, name="m", chunks=4),
        lambda: zarrcy.copy_all(root, dest.require_group("all"), if_exists="skip"),
    ):
        assert interrupted(monkeypatch, 4, call)
        assert any("unfinished" in key for key in dest.store)
        if zarr_format != "3-draft":
            assert "unfinished" in {problem.kind for problem in zarrcy.verify(dest.store).problems}
        call()
        assert not any("unfinished" in key for key in dest.store)
    for name in ("n", "m", "all"):
        for path in ("a", "g/b", "g/h/c", "z"):
            np.testing.assert_array_equal(dest[name][path][...], VALUES)
    with pytest.raises(zarrcy.errors.CopyError):
        zarrcy.copy(root, dest, name="n")


def test_the_documents_of_keys_that_are_copied_come_after_their_chunks(source):
    class Interrupting(dict):
        def __setitem__(self, key, value):
            if key == "g/b/.zarray":
                raise Interrupted
            super().__setitem__(key, value)

    dest = Interrupting()
    with pytest.raises(Interrupted):
        zarrcy.copy_store(source, dest)
    assert zarrcy.load(dest) is None
    assert not any(key.endswith(".zgroup") and key.count("/") < 2 for key in dest)
    whole = dict(dest)
    assert zarrcy.copy_store(source, whole)[1] == len(dest) - 1
    assert set(whole) == set(zarrcy.DirectoryStore(source))


@pytest.mark.slow
@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_a_killed_copy_is_completed_by_the_same_command(tmp_path, options):
    source, location = str(tmp_path / "source"), str(tmp_path / "copy")
    group = zarrcy.open_group(source, mode="w")
    for number in range(20):
        group.create_dataset(f"a{number}", data=np.arange(4000), chunks=10)
    command = [sys.executable, "-m", "zarrcy", "copy", source, location, *options]
    for delay in (0.3, 0.5, 0.7, 0.9):
        child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            child.wait(delay)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.wait()
            if os.path.isdir(location):
                assert not zarrcy.verify(location).ok
    subprocess.run([*command, *([] if "--if-exists" in options else ["--if-exists", "skip"])], check=True)
    copied = zarrcy.open_group(location, mode="r")
    for number in range(20):
        np.testing.assert_array_equal(copied[f"a{number}"][:], np.arange(4000))
    assert zarrcy.verify(location).ok
