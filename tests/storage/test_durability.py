"""Durability: which files and directories are on disk when a write returns."""

import os
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest

import zarrcy
from zarrcy.storage import DirectoryStore, LMDBStore, NestedDirectoryStore, SQLiteStore, TempStore, access
from zarrcy.storage.local.atomic_files import partial_of

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no fsync of a directory")


class Disk:
    """Records the system calls, and which files a power failure would damage.

    Attributes
    ----------
    torn : set of str
        Files whose content was not on disk when they got their final name.
    unsure : set of str
        Directories with entries that are not on disk.
    """

    def __init__(self, monkeypatch):
        self.torn, self.unsure, self.dirty, self.paths, self.n_syncs = set(), set(), set(), {}, 0
        self.real = {name: getattr(os, name) for name in CALLS}
        for name in CALLS:
            monkeypatch.setattr(os, name, getattr(self, name))

    def open(self, path, flags, mode=0o777, **options):
        fd = self.real["open"](path, flags, mode, **options)
        self.paths[fd] = os.fspath(path)
        if flags & os.O_CREAT:
            self.unsure.add(os.path.dirname(path))
        return fd

    def write(self, fd, data):
        self.dirty.add(self.paths[fd])
        return self.real["write"](fd, data)

    def fdatasync(self, fd):
        self.n_syncs += 1
        self.dirty.discard(self.paths[fd])

    def fsync(self, fd):
        self.n_syncs += 1
        self.unsure.discard(self.paths[fd])

    def _put(self, call, source, target):
        if source in self.dirty:
            self.torn.add(target)
        self.unsure |= {os.path.dirname(source), os.path.dirname(target)}
        call(source, target)

    def replace(self, source, target):
        self._put(self.real["replace"], source, target)

    def link(self, source, target):
        self._put(self.real["link"], source, target)

    def rename(self, source, target):
        self._put(self.real["rename"], source, target)

    def unlink(self, path, **options):
        if not options:
            self.unsure.add(os.path.dirname(path))
        self.real["unlink"](path, **options)

    def mkdir(self, path, mode=0o777):
        self.real["mkdir"](path, mode)
        self.unsure.add(os.path.dirname(path))


CALLS = ["open", "write", "fdatasync", "fsync", "replace", "link", "rename", "unlink", "mkdir"]


@pytest.fixture
def disk(monkeypatch, step_by_step, tmp_path):  # after tmp_path, which creates directories
    if not hasattr(os, "fdatasync"):
        pytest.skip("this system does not have fdatasync")
    return Disk(monkeypatch)


def changes(store, format_number):
    """Change an array and its hierarchy in all ways; yield after each change."""
    group = zarrcy.open_group(store, mode="w", zarr_version=format_number)
    yield
    z = group.create_dataset("a/b", shape=6, chunks=2, dtype="i4")
    yield
    z[:] = 1
    yield
    z[1:4] = 2
    yield
    z.attrs["k"] = "v"
    yield
    z.append(np.arange(5))
    yield
    z.resize(3)
    yield
    group.move("a", "c/d")
    yield
    del group["c"]
    yield
    group.create_dataset("a", data=[1, 2], overwrite=True)
    yield


@pytest.mark.parametrize("format_number", [2, 3])
@pytest.mark.parametrize("kind", [DirectoryStore, NestedDirectoryStore])
def test_full_durability_loses_nothing_in_a_power_failure(disk, tmp_path, kind, format_number):
    n = 0
    for _ in changes(kind(tmp_path / "new" / "deep" / "a.zarr", durability="full"), format_number):
        assert not disk.torn
        deleted = {path for path in disk.unsure if not os.path.isdir(path)}
        assert disk.unsure == deleted, "all entries are on disk"
        n += 1
    assert n == 10


@pytest.mark.parametrize("format_number", [2, 3])
def test_data_durability_renames_only_complete_values(disk, tmp_path, format_number):
    for _ in changes(DirectoryStore(tmp_path / "a.zarr", durability="data"), format_number):
        assert not disk.torn
    assert disk.unsure


def test_durability_none_does_not_wait_for_the_disk(disk, tmp_path):
    for _ in changes(DirectoryStore(tmp_path / "a.zarr"), 2):
        assert disk.n_syncs == 0
    assert disk.torn


@pytest.mark.parametrize("options", [{"zarr_format": 2}, {"zarr_format": 3}, {"zarr_format": 3, "shards": 4}])
def test_each_chunk_or_shard_is_synced(disk, tmp_path, options):
    store = DirectoryStore(tmp_path / "a.zarr", durability="data")
    z = zarrcy.create(12, chunks=2, dtype="i4", store=store, **options)
    n_values = 3 if z.shards else 6
    for selection in (slice(None), slice(1, 11)):
        before = disk.n_syncs
        z[selection] = np.ones(z[selection].shape, "i4")
        assert disk.n_syncs - before == n_values


def test_the_parents_of_a_directory_are_synced_once(disk, tmp_path):
    store = DirectoryStore(tmp_path / "a.zarr", durability="full")
    store["x/0"] = b"1"
    first = disk.n_syncs
    store["x/1"] = b"1"
    assert disk.n_syncs - first == 2, "the file and its directory"


def test_a_value_that_cannot_be_synced_does_not_replace_the_old_value(tmp_path, monkeypatch):
    store = DirectoryStore(tmp_path, durability="data")
    store["a"] = b"old"

    def fail(fd):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail, raising=False)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match=r"Input/output error.*'a'") as caught:
        store["a"] = b"new"
    assert caught.value.errno == 5
    assert dict(store) == {"a": b"old"}
    assert os.listdir(tmp_path) == ["a"]


def test_a_directory_that_cannot_be_synced_is_an_error(tmp_path, monkeypatch):
    store = DirectoryStore(tmp_path, durability="full")

    def fail(fd):
        raise OSError(22, "Invalid argument")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="the change is made, but may not be on disk yet"):
        store["a"] = b"new"


def test_parents_of_the_root_need_not_be_readable(tmp_path, monkeypatch):
    store = DirectoryStore(tmp_path / "a", durability="full")
    os.mkdir(tmp_path / "a")
    real, refused = os.open, []

    def open_below_root(path, *args, **kwargs):
        if path == str(tmp_path):
            refused.append(path)
            raise PermissionError(13, "Permission denied", path)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(os, "open", open_below_root)
    store["b/0"] = b"x"
    assert refused
    assert dict(store) == {"b/0": b"x"}


def test_a_new_value_stays_if_a_cleanup_removes_its_temporary_name(tmp_path, monkeypatch, step_by_step):
    store = DirectoryStore(tmp_path)
    link = os.link

    def link_and_clean(part, target):
        link(part, target)
        for leftover in list(store.leftovers()):
            store.remove_leftover(leftover)

    monkeypatch.setattr(os, "link", link_and_clean)
    assert access.set_if_absent(store, "a", b"x")
    assert dict(store) == {"a": b"x"}


def test_durability_comes_from_the_argument_or_the_environment(tmp_path, monkeypatch):
    assert access.durability(DirectoryStore(tmp_path)) == "none"
    assert access.durability({}) == access.durability(zarrcy.MemoryStore()) == "none"
    assert pickle.loads(pickle.dumps(DirectoryStore(tmp_path, durability="full"))).durability == "full"
    with pytest.raises(ValueError, match="durability is 'some'; it must be one of 'none', 'data', 'full'"):
        DirectoryStore(tmp_path, durability="some")
    monkeypatch.setenv("ZARRCY_DURABILITY", "data")
    assert zarrcy.open(tmp_path / "a", shape=1, mode="w").store.durability == "data"
    assert NestedDirectoryStore(tmp_path, durability="none").durability == "none"
    assert TempStore().durability == "none"
    monkeypatch.setenv("ZARRCY_DURABILITY", "always")
    with pytest.raises(ValueError, match="ZARRCY_DURABILITY is 'always'"):
        DirectoryStore(tmp_path)


@pytest.mark.parametrize(("durability", "pragma"), [("none", 0), ("data", 2), ("full", 3), (None, 2)])
def test_durability_sets_the_pragma_synchronous_of_sqlite(tmp_path, durability, pragma):
    with SQLiteStore(tmp_path / "a.db", durability=durability) as store:
        assert store.db.execute("PRAGMA synchronous").fetchone() == (pragma,)
        again = pickle.loads(pickle.dumps(store))
        assert again.durability == store.durability == (durability or "data")
        again.close()


@pytest.mark.parametrize(
    ("durability", "flags"),
    [("none", (False, False)), ("data", (True, False)), ("full", (True, True)), (None, (False, False))],
)
def test_durability_sets_the_option_sync_of_lmdb(tmp_path, durability, flags):
    pytest.importorskip("lmdb")
    with LMDBStore(tmp_path / "a.lmdb", durability=durability, map_size=2**20) as store:
        options = store.db.flags()
        assert (options["sync"], options["metasync"]) == flags
        assert pickle.loads(pickle.dumps(store)).durability == store.durability == (durability or "none")
    assert LMDBStore(tmp_path / "b.lmdb", sync=True, map_size=2**20).durability == "data"


_KILLED = """
import os, sys, numpy, zarrcy
from zarrcy.storage import *
kind, path, act = sys.argv[1:]
store = eval(kind)(path)
z = zarrcy.open_array(
    store, mode="w" if act == "create" else "r+", shape=8000, chunks=4000, dtype="i4", compressor=None
)
z[:] = 1 if act == "create" else 2
sys.stdout.write("written")
sys.stdout.flush()
os._exit(9)
"""


def run_killed(kind, path, act):
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, kind, str(path), act], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (9, "written"), done.stderr


@pytest.mark.parametrize("kind", ["DirectoryStore", "SQLiteStore", "LMDBStore"])
def test_a_crash_of_the_program_loses_no_written_value(tmp_path, kind):
    if kind == "LMDBStore":
        pytest.importorskip("lmdb")
    path = tmp_path / "a"
    run_killed(kind, path, "create")
    run_killed(kind, path, "change")
    with getattr(zarrcy, kind)(path) as store:
        assert zarrcy.open_array(store, mode="r")[:].tolist() == [2] * 8000


def test_an_archive_is_complete_only_after_close(tmp_path):
    """The documentation of `ZipStore` states this limit."""
    path = tmp_path / "a.zip"
    with zarrcy.ZipStore(path, mode="w") as store:
        zarrcy.create(8000, chunks=4000, dtype="i4", compressor=None, store=store)[:] = 1
    with zarrcy.ZipStore(path, mode="r") as store:
        assert zarrcy.open_array(store, mode="r")[:].tolist() == [1] * 8000
    run_killed("ZipStore", path, "change")
    with pytest.raises(zipfile.BadZipFile):
        zarrcy.ZipStore(path, mode="r")


def test_leftovers_of_interrupted_writers_are_not_keys_and_can_be_removed(tmp_path):
    store = DirectoryStore(tmp_path)
    store["a/0"] = b"x"
    left = [os.path.relpath(partial_of(str(tmp_path / name)), tmp_path) for name in ("a/1", "b")]
    (tmp_path / left[0]).write_bytes(b"half")
    (tmp_path / left[1] / "deep").mkdir(parents=True)
    (tmp_path / left[1] / "deep" / "0").write_bytes(b"doomed")
    assert list(store) == ["a/0"]
    assert (store.listdir(), store.listdir("a"), store.getsize("a")) == (["a"], ["0"], 1)
    assert sorted(store.leftovers()) == sorted(left)
    for path in left:
        store.remove_leftover(path)
    assert list(store.leftovers()) == []
    # a file is deleted, and a directory of data is kept
    kept = "__quarantine__/" + left[1].removesuffix(".partial") + "/deep/0"
    assert dict(store) == {"a/0": b"x", kept: b"doomed"}
    store.rmdir("__quarantine__")
    for path in ("a/0", f"../{left[1]}"):
        with pytest.raises(zarrcy.errors.KeyPathError):
            store.remove_leftover(path)
    assert dict(store) == {"a/0": b"x"}


def test_a_writer_starts_again_if_a_cleanup_removes_its_temporary_file(tmp_path, monkeypatch, step_by_step):
    store = DirectoryStore(tmp_path)
    replace, cleaned = os.replace, []

    def clean_first(part, target):
        if not cleaned:
            cleaned.extend(store.leftovers())
            store.remove_leftover(cleaned[0])
        replace(part, target)

    monkeypatch.setattr(os, "replace", clean_first)
    store["a"] = b"value"
    assert cleaned
    assert dict(store) == {"a": b"value"}
