"""Full disks, missing permissions, exhausted limits: errors have key and cause, and the old data stay."""

import contextlib
import errno
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

import zarrcy
from zarrcy.storage import DirectoryStore

WRITE_CALLS = {
    "open": [errno.EACCES, errno.EROFS, errno.EMFILE, errno.ENFILE, errno.EDQUOT, errno.ENAMETOOLONG],
    "write": [errno.ENOSPC, errno.EIO, errno.EFBIG, errno.EDQUOT],
    "close": [errno.ENOSPC, errno.EIO],
    "replace": [errno.EACCES, errno.EROFS, errno.ENOSPC, errno.EXDEV],
}
READ_CALLS = {
    "open": [errno.EACCES, errno.EMFILE, errno.ENFILE, errno.EIO, errno.ESTALE],
    "fstat": [errno.EIO, errno.ESTALE],
    "read": [errno.EIO, errno.ESTALE],
}
WRITES = [(name, number) for name, numbers in WRITE_CALLS.items() for number in numbers]
READS = [(name, number) for name, numbers in READ_CALLS.items() for number in numbers]


def ids(case):
    return f"{case[0]}-{errno.errorcode[case[1]]}"


@pytest.fixture
def break_call(monkeypatch, step_by_step):
    """Return a context manager in which a system call always fails."""

    @contextlib.contextmanager
    def broken(name, number):
        real = getattr(os, name)

        def fail(*args, **kwargs):
            if name == "close":
                real(*args)
            raise OSError(number, os.strerror(number))

        with monkeypatch.context() as patch:
            patch.setattr(os, name, fail)
            yield

    return broken


@pytest.mark.parametrize("durability", ["none", "full"])
@pytest.mark.parametrize("case", WRITES, ids=ids)
def test_a_failed_write_raises_an_error_with_key_and_cause_and_keeps_the_old_value(
    tmp_path, break_call, case, durability
):
    store = DirectoryStore(tmp_path, durability=durability)
    store["a/0.0"] = b"old"
    with break_call(*case), pytest.raises(OSError, match=r"value 'a/0.0' can't be written") as caught:
        store["a/0.0"] = b"new"
    assert caught.value.errno == case[1]
    assert type(caught.value) is type(OSError(case[1], ""))
    assert caught.value.filename == str(tmp_path / "a" / "0.0")
    assert os.strerror(case[1]) in str(caught.value)
    assert dict(store) == {"a/0.0": b"old"}
    assert list(store.leftovers()) == [], "no temporary file stays"


@pytest.mark.parametrize("case", WRITES, ids=ids)
def test_a_failed_write_of_a_new_value_leaves_no_key(tmp_path, break_call, case):
    store = DirectoryStore(tmp_path)
    with break_call(*case), pytest.raises(OSError, match="value '0' can't be written"):
        store["0"] = b"new"
    assert dict(store) == {}


@pytest.mark.parametrize("case", READS, ids=ids)
def test_a_failed_read_is_an_error_and_not_a_missing_chunk(tmp_path, break_call, case):
    z = zarrcy.create(4, chunks=2, dtype="i4", store=DirectoryStore(tmp_path))
    z[:] = 7
    # the native path makes its own system calls; this store is read on the fallback path
    fallback = zarrcy.open_array(DirectoryStore(tmp_path, normalize_keys=True), mode="r")
    with break_call(*case), pytest.raises(OSError, match=r"value '[01]' can't be read") as caught:
        fallback[:]
    assert caught.value.errno == case[1]
    assert fallback[:].tolist() == [7] * 4


def test_an_error_of_an_array_names_the_chunk_and_leaves_other_chunks_unchanged(tmp_path, monkeypatch):
    # the native path makes its own system calls; a store that waits for the disk does not use it
    store = DirectoryStore(tmp_path, durability="data")
    z = zarrcy.create(6, chunks=2, dtype="i4", store=store, path="deep/er")
    z[:] = 1
    write, n = os.write, iter(range(100))

    def full_after_one(fd, data):
        if next(n):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(fd, data)

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full_after_one)
        with pytest.raises(OSError, match=r"No space left on device.*'deep/er/1'"):
            z[:] = 2
    assert zarrcy.open_array(tmp_path, mode="r", path="deep/er")[:].tolist() == [2, 2, 1, 1, 1, 1]


def test_the_first_error_is_raised_if_the_temporary_file_cannot_be_removed(
    tmp_path, monkeypatch, step_by_step
):
    store = DirectoryStore(tmp_path)
    with monkeypatch.context() as patch:
        for name, number in (("write", errno.ENOSPC), ("unlink", errno.EROFS)):

            def fail(*args, number=number):
                raise OSError(number, os.strerror(number))

            patch.setattr(os, name, fail)
        with pytest.raises(OSError, match="No space left on device"):
            store["a"] = b"new"
    assert dict(store) == {}
    (left,) = store.leftovers()
    store.remove_leftover(left)
    assert os.listdir(tmp_path) == []


def test_a_write_of_single_bytes_is_continued(tmp_path, monkeypatch, step_by_step):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:1]))
    z = zarrcy.create(20, chunks=10, dtype="i2", store=DirectoryStore(tmp_path))
    z[:] = np.arange(20)
    monkeypatch.undo()
    assert z[:].tolist() == list(range(20))


def test_a_read_of_single_bytes_is_continued(tmp_path, monkeypatch, step_by_step):
    zarrcy.create(20, chunks=10, dtype="i2", store=DirectoryStore(tmp_path))[:] = np.arange(20)
    read, pread = os.read, os.pread
    monkeypatch.setattr(os, "read", lambda fd, n: read(fd, min(n, 1)))
    monkeypatch.setattr(os, "pread", lambda fd, n, start: pread(fd, min(n, 1), start))
    store = DirectoryStore(tmp_path, normalize_keys=True)
    assert zarrcy.open_array(store, mode="r")[:].tolist() == list(range(20))
    with store.open_value(".zarray") as value:
        assert value.read(1, 5) == store[".zarray"][1:6]


def test_a_deleted_directory_reads_as_fill_value_and_is_created_again_by_a_write(tmp_path):
    z = zarrcy.create(4, chunks=2, dtype="i4", fill_value=9, store=DirectoryStore(tmp_path / "a"))
    z[:] = 1
    (tmp_path / "a").rename(tmp_path / "b")
    assert z[:].tolist() == [9] * 4
    z[:2] = 5
    assert os.listdir(tmp_path / "a") == ["0"]


def test_a_directory_that_cannot_be_created_again_is_an_error_with_the_key(tmp_path):
    store = DirectoryStore(tmp_path / "a" / "b")
    store["0"] = b"x"
    (tmp_path / "a").rename(tmp_path / "c")
    (tmp_path / "a").write_bytes(b"a file is in the way")
    with pytest.raises(OSError, match="value '0' can't be written"):
        store["0"] = b"y"
    assert store.get("0") is None
    assert dict(DirectoryStore(tmp_path / "c" / "b")) == {"0": b"x"}


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="Windows has no interval timers")
def test_signals_that_interrupt_system_calls_change_nothing(tmp_path):
    """After EINTR, Python or the native path repeats the call."""
    fired = []
    before = signal.signal(signal.SIGALRM, lambda *_: fired.append(1))
    values = np.random.default_rng(0).random(40_000)
    z = zarrcy.create(40_000, chunks=1000, store=DirectoryStore(tmp_path), compressor=None)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        for number in range(10):
            z[:] = values + number
            np.testing.assert_array_equal(z[:], values + number)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert fired


# -- real limits of the system --------------------------------------------------------------------


def run(script, *args):
    done = subprocess.run(
        [sys.executable, "-c", script, *map(str, args)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


_FILE_LIMIT = """
import errno, os, resource, sys, numpy, zarrcy
z = zarrcy.create(4000, chunks=1000, dtype="i8", compressor=None, store=sys.argv[1])
z[:] = 1
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))
try:
    z[:] = 2
except OSError as exc:
    assert exc.errno == errno.EFBIG and "'0'" in str(exc), exc
    print("refused")
assert (z[:] == 1).all()
assert list(z.store.leftovers()) == []
"""

_DESCRIPTOR_LIMIT = """
import errno, os, resource, sys, numpy, zarrcy
z = zarrcy.create(4000, chunks=1000, dtype="i8", store=sys.argv[1])
z[:] = 1
z[5] = 1  # imports what partial writes need; an import opens files
z.append([1])
z.resize(4000)
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
held = []
try:
    while True:
        held.append(os.open(os.devnull, os.O_RDONLY))
except OSError:
    pass
for act in (lambda: z[:], lambda: z.__setitem__(slice(None), 2), lambda: z.__setitem__(5, 2), lambda: z.append([1])):
    try:
        act()
    except OSError as exc:
        assert exc.errno == errno.EMFILE and "the value '" in str(exc), exc
        print("refused")
for fd in held:
    os.close(fd)
assert (z[:] == 1).all() and z.shape == (4000,)
assert list(z.store.leftovers()) == []
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_exceeding_the_file_size_limit_keeps_the_old_data(tmp_path):
    assert run(_FILE_LIMIT, tmp_path / "a").split() == ["refused"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limits")
def test_exceeding_the_open_files_limit_keeps_the_old_data(tmp_path):
    assert run(_DESCRIPTOR_LIMIT, tmp_path / "a").split() == ["refused"] * 4


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 256 KiB, and return its path."""
    place = tmp_path / "small"
    place.mkdir()
    if sys.platform != "linux" or os.geteuid():
        pytest.skip("mounting a file system needs root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


@pytest.mark.parametrize("format_number", [2, 3])
def test_a_full_disk_is_an_error_and_keeps_the_old_data(small_disk, format_number):
    values = np.random.default_rng(0).integers(0, 255, 150_000, "u1")
    z = zarrcy.create(
        values.size, chunks=50_000, dtype="u1", store=str(small_disk / "a"), zarr_format=format_number
    )
    z[:] = values
    z.attrs["k"] = 1
    with pytest.raises(OSError, match=r"No space left on device.*can't be written"):
        z.append(values)
    again = zarrcy.open_array(str(small_disk / "a"), mode="r+")
    assert again.shape == values.shape
    np.testing.assert_array_equal(again[:], values)
    assert list(again.store.leftovers()) == []


def test_a_full_database_is_an_error_and_keeps_the_old_data(small_disk):
    values = np.random.default_rng(0).integers(0, 255, 300_000, "u1")
    with zarrcy.SQLiteStore(small_disk / "a.db") as store:
        z = zarrcy.create(300_000, chunks=50_000, dtype="u1", store=store, compressor=None)
        z[:100_000] = values[:100_000]
        with pytest.raises(Exception, match="full") as caught:
            z[50_000:] = values[50_000:]
        assert "can't be written; the store still has the previous values" in caught.value.__notes__[0]
        assert z.verify().ok
        np.testing.assert_array_equal(z[:100_000], values[:100_000])


def test_a_full_lmdb_map_is_an_error_and_keeps_the_old_data(tmp_path):
    lmdb = pytest.importorskip("lmdb")
    with zarrcy.LMDBStore(tmp_path / "a.lmdb", map_size=2**17) as store:
        z = zarrcy.create(100_000, chunks=10_000, dtype="u1", store=store, compressor=None)
        z[:20_000] = 1
        with pytest.raises(lmdb.MapFullError) as caught:
            z[:] = 2
        assert "'0' to '9' can't be written" in caught.value.__notes__[0]
        assert z[:].tolist() == [1] * 20_000 + [0] * 80_000


def test_a_disk_that_became_read_only_refuses_writes_and_can_still_be_read(small_disk):
    z = zarrcy.create(4, chunks=2, dtype="i4", store=str(small_disk / "a"))
    z[:] = 1
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    with pytest.raises(OSError, match=r"Read-only file system.*value '0' can't be written"):
        z[:] = 2
    with pytest.raises(OSError, match=r"Read-only file system.*'\.zattrs'"):
        z.attrs["k"] = 1
    assert z[:].tolist() == [1] * 4
