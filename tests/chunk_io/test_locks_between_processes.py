"""Processes that write parts of one value in a directory exclude each other, without a synchronizer."""

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import warnings
from multiprocessing import get_context
from pathlib import Path

import numcodecs
import numpy as np
import pytest
from forks import in_a_fork
from stripes_job import N_PROCESSES, write_stripes

import zarrcy
from zarrcy.errors import LockWarning
from zarrcy.sync import file_locks, key_locks

pytestmark = [
    pytest.mark.filterwarnings("ignore:This process .*fork:DeprecationWarning"),
    pytest.mark.skipif(os.name != "posix", reason="Windows has no locks of open files"),
]

N_ROWS = 96
LAYOUTS = {
    "format 2": {"chunks": (8, 8)},
    "raw": {"chunks": (8, 8), "compressor": None},
    "nested": {"chunks": (8, 8), "dimension_separator": "/"},
    "format 3": {"chunks": (8, 8), "zarr_format": 3},
    "shards": {"chunks": (2, 8), "shards": (8, 8), "zarr_format": 3},
    "shards of a codec in Python": {
        "chunks": (2, 8), "shards": (8, 8), "zarr_format": 3, "compressor": numcodecs.BZ2(),
    },
    "a filter in Python": {"chunks": (8, 8), "filters": [numcodecs.Quantize(6, "f8")], "dtype": "f8"},
    "objects": {"chunks": (8, 2), "dtype": object, "object_codec": numcodecs.JSON()},
    "fields": {"chunks": (8, 8), "dtype": [("n", "i4"), ("x", "f4")]},
    "without empty chunks": {"chunks": (8, 8), "write_empty_chunks": False, "fill_value": 0},
    "with each durability": {"chunks": (8, 8), "durability": "data"},
}  # fmt: skip


def create(path, dtype="i4", durability=None, **layout):
    store = zarrcy.DirectoryStore(path, durability=durability)
    n = 2 if dtype is object else 8
    return zarrcy.create((N_ROWS, n), dtype=dtype, store=store, overwrite=True, **layout)


def expected(a):
    rows = np.arange(N_ROWS)[:, None]
    if a.dtype == object:
        return np.array([[str(i + 1)] * a.shape[1] for i in range(N_ROWS)], object)
    if a.dtype.names:
        return np.broadcast_to(np.array([(i + 1, i + 1) for i in range(N_ROWS)], a.dtype)[:, None], a.shape)
    return np.broadcast_to(rows % 5, a.shape)


def run_in_processes(tasks):
    """Run each function in a forked process of its own."""
    for outcome in [in_a_fork(task) for task in tasks]:
        outcome()


def files_below(path):
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


@pytest.mark.parametrize("layout", LAYOUTS)
def test_processes_that_write_stripes_across_chunks_lose_nothing(layout, tmp_path):
    a = create(tmp_path / "a", **LAYOUTS[layout])
    run_in_processes([lambda k=k: write_stripes(a, k) for k in range(N_PROCESSES)])
    np.testing.assert_array_equal(a[:], expected(a))
    # no lock file and no temporary file stays
    assert sorted(a.store) == files_below(tmp_path / "a")


@pytest.mark.parametrize("variables", [{"ZARRCY_NATIVE": "0"}, {"ZARRCY_PURE": "1"}], ids=str)
def test_other_paths_exclude_processes_too(variables, tmp_path):
    """Half of the processes use the native path, if there is one."""
    layouts = ["raw", "shards", "without empty chunks"]
    arrays = [create(tmp_path / layout, **LAYOUTS[layout]) for layout in layouts]
    program = [sys.executable, str(Path(__file__).with_name("stripes_job.py")), str(tmp_path)]
    others = [
        subprocess.Popen([*program, str(k), *layouts], env=os.environ | (variables if k % 2 else {}))
        for k in range(N_PROCESSES)
    ]
    assert [other.wait(600) for other in others] == [0] * N_PROCESSES
    for a in arrays:
        np.testing.assert_array_equal(a[:], expected(a))


def test_windows_that_cross_in_opposite_orders_end(tmp_path):
    """A write of objects locks several chunks at once; the two arrays reach them in another order."""
    a = create(tmp_path / "a", dtype=object, chunks=(8, 2), object_codec=numcodecs.JSON())
    (tmp_path / "link").symlink_to(tmp_path / "a")
    b = zarrcy.open_array(str(tmp_path / "link"), mode="r+")

    def write(array, rows, text):
        for _ in range(50):
            array.oindex[rows] = text

    run_in_processes([lambda: write(a, [5, 13, 21], "a"), lambda: write(b, [22, 14, 6], "b")])
    assert a[[5, 13, 21, 6, 14, 22], 0].tolist() == ["a"] * 3 + ["b"] * 3


@pytest.mark.parametrize("layout", ["format 2", "shards", "a filter in Python"])
def test_tasks_whose_regions_share_stored_values_end_exact(layout, tmp_path):
    a = create(tmp_path / "a", **LAYOUTS[layout])

    def fill(k):
        # regions of 7 rows cut through chunks of 8
        for start in range(7 * k, N_ROWS, 7 * N_PROCESSES):
            with a.task(0, 1, region=slice(start, start + 7), name=str(start)) as task:
                for region in task.remaining():
                    rows = np.arange(N_ROWS)[region[0]]
                    task.write(region, np.broadcast_to(rows[:, None], (len(rows), 8))[:, region[1]])

    run_in_processes([lambda k=k: fill(k) for k in range(N_PROCESSES)])
    np.testing.assert_array_equal(a[:], np.broadcast_to(np.arange(N_ROWS)[:, None], a.shape))


class _Holder:
    """Another process that has locked the file of a value."""

    def __init__(self, path):
        self.pipe, theirs = get_context("fork").Pipe()
        self.process = get_context("fork").Process(target=self._hold, args=(os.fsencode(path), theirs))
        self.process.start()
        assert self.pipe.poll(600)
        self.pipe.recv()

    @staticmethod
    def _hold(path, pipe):
        with key_locks.FilesLock(["held"], {"held": path}, 0, file_locks.on_wait) as lock:
            pipe.send(sorted(lock.missing))
            pipe.poll(600)

    def kill(self):
        self.process.kill()
        self.process.join(600)


@contextlib.contextmanager
def held(path):
    holder = _Holder(path)
    try:
        yield holder
    finally:
        holder.kill()


PATHS = {"native": {}, "fallback": {"filters": [numcodecs.Quantize(6, "f8")]}}


@pytest.fixture(params=PATHS)
def array(request, tmp_path):
    a = zarrcy.create(16, chunks=8, dtype="f8", store=str(tmp_path / "a"), **PATHS[request.param])
    a[:] = 1
    return a


def test_a_long_wait_warns_with_the_file_and_the_holder_and_goes_on_when_that_is_killed(
    array, tmp_path, monkeypatch
):
    monkeypatch.setenv("ZARRCY_LOCK_WARNING", "0.01")
    path = tmp_path / "a" / "0"
    with held(path) as holder:
        killed = []

        def show(message, category, *args):
            killed.append(str(message))
            holder.kill()

        with warnings.catch_warnings():
            warnings.simplefilter("always")
            monkeypatch.setattr(warnings, "showwarning", show)
            array[2] = 7
    assert len(killed) == 1
    assert str(path) in killed[0]
    if sys.platform == "linux":
        assert f"process {holder.process.pid}" in killed[0]
    assert array[:4].tolist() == [1, 1, 7, 1]


class _Interrupted(Exception):
    pass


def test_a_signal_ends_the_wait_and_nothing_is_held_afterwards(array, tmp_path):
    def interrupt(number, frame):
        raise _Interrupted

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        with held(tmp_path / "a" / "0"):
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(_Interrupted):
                array[2] = 7
            assert key_locks.held_names() == set()
    finally:
        signal.signal(signal.SIGALRM, before)
    array[2] = 8
    assert array[:4].tolist() == [1, 1, 8, 1]


@pytest.fixture
def refused_waits(monkeypatch):
    """Let a write that would wait for another process raise LockWarning."""
    monkeypatch.setenv("ZARRCY_LOCK_WARNING", "0")
    with warnings.catch_warnings():
        warnings.simplefilter("error", LockWarning)
        yield


def test_a_partial_write_waits_and_a_write_of_whole_chunks_or_without_locks_does_not(
    array, tmp_path, refused_waits
):
    unlocked = zarrcy.open_array(str(tmp_path / "a"), mode="r+", unaligned="allow")
    with held(tmp_path / "a" / "0"):
        with pytest.raises(LockWarning, match="waits for the lock"):
            array[2] = 7
        array[8:] = 2
        array[9] = 3
        unlocked[3] = 4
        assert array[:].tolist() == [1, 1, 1, 4, 1, 1, 1, 1, 2, 3, 2, 2, 2, 2, 2, 2]
        # this replaces the file that the other process has locked
        array[:8] = 5
        array[2] = 7
    assert array[:4].tolist() == [5, 5, 7, 5]


def test_a_synchronizer_replaces_the_locks_of_files(tmp_path, refused_waits):
    a = zarrcy.create(
        8, chunks=8, store=str(tmp_path / "a"), synchronizer=zarrcy.ThreadSynchronizer(), dtype="i4"
    )
    a[:] = 1
    with held(tmp_path / "a" / "0"):
        a[2] = 7
    assert a[2] == 7


class _Forking(numcodecs.abc.Codec):
    """A codec that forks a child, which lives on, when it encodes."""

    codec_id = "forking"
    children = ()

    def encode(self, buf):
        if self.children is not None:
            child = os.fork()
            if not child:
                while True:
                    signal.pause()
            _Forking.children = (*self.children, child)
        return buf

    def decode(self, buf, out=None):
        return numcodecs.compat.ndarray_copy(buf, out)


def test_a_child_that_is_forked_while_a_lock_is_held_does_not_keep_it(tmp_path, refused_waits):
    numcodecs.register_codec(_Forking)
    _Forking.children = None
    a = zarrcy.create(8, chunks=8, dtype="i4", store=str(tmp_path / "a"), filters=[_Forking()])
    a[:] = 1
    try:
        _Forking.children = ()
        a[1] = 2
        children, _Forking.children = _Forking.children, None
        assert len(children) >= 1
        # with a lock that the child keeps, this would wait for it
        a[2] = 3
        in_a_fork(lambda: a.__setitem__(3, 4))()
    finally:
        for child in children:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
    assert a[:5].tolist() == [1, 2, 3, 4, 1]


def as_user(task):
    """Return a task that runs without the rights of the superuser."""

    def run():
        if os.getuid() == 0:
            os.setgid(65534)
            os.setuid(65534)
        return task()

    return run


def test_files_that_may_only_be_read_are_locked_too(array, tmp_path, refused_waits):
    """They can be replaced, because that depends on the directory."""
    os.chmod(tmp_path / "a" / "0", 0o444)
    for path in [tmp_path, *tmp_path.parents][:3]:
        path.chmod(path.stat().st_mode | 0o111)
    (tmp_path / "a").chmod(0o777)

    def hold_and_write():
        with held(tmp_path / "a" / "0"), pytest.raises(LockWarning):
            array[2] = 7
        array[2] = 8

    in_a_fork(as_user(hold_and_write))()
    assert array[:4].tolist() == [1, 1, 8, 1]


def test_a_directory_that_may_only_be_read_is_an_error_and_stays_as_it_is(array, tmp_path):
    for path in [tmp_path, *tmp_path.parents][:3]:
        path.chmod(path.stat().st_mode | 0o111)
    before = files_below(tmp_path)
    (tmp_path / "a").chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            in_a_fork(as_user(lambda: array.__setitem__(2, 7)))()
    finally:
        (tmp_path / "a").chmod(0o755)
    assert files_below(tmp_path) == before
    assert array[2] == 1


def test_a_write_locks_at_most_a_quarter_of_the_files_that_may_be_open(tmp_path):
    a = zarrcy.create(
        (400, 2), chunks=(1, 2), dtype=object, object_codec=numcodecs.JSON(), store=str(tmp_path / "a")
    )
    a[:] = "x"

    def write():
        few = len(os.listdir("/dev/fd")) + 60
        resource.setrlimit(resource.RLIMIT_NOFILE, (few, few))
        a[:, 0] = "y"

    in_a_fork(write)()
    assert set(a[:, 0]) == {"y"}
    assert set(a[:, 1]) == {"x"}


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_a_file_system_without_locks_gives_one_warning_and_writes(tmp_path):
    for path, options in PATHS.items():
        zarrcy.full(16, 1, chunks=8, dtype="f8", store=str(tmp_path / path), **options)
    script = (
        "import sys, zarrcy\n"
        "for path in sys.argv[1:]:\n"
        "    a = zarrcy.open_array(path, mode='r+')\n"
        "    a[1] = 2\n"
        "    a[6:9] = 3\n"
    )
    faults = ["strace", "-f", "-o", os.devnull, "-e", "trace=fcntl,flock"]
    faults += ["-e", "inject=fcntl:error=ENOLCK", "-e", "inject=flock:error=ENOLCK"]
    paths = [str(tmp_path / path) for path in PATHS]
    # only calls for the files of chunks fail
    for path in paths:
        faults += ["-P", f"{path}/0", "-P", f"{path}/1"]
    done = subprocess.run(
        [*faults, sys.executable, "-c", script, *paths], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("LockWarning") == 1
    assert "can't be locked" in done.stderr
    for path in paths:
        assert zarrcy.open_array(path)[:].tolist() == [1, 2, 1, 1, 1, 1, 3, 3, 3] + [1] * 7


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
@pytest.mark.parametrize("exists", [True, False])
def test_a_lock_takes_at_most_six_system_calls(exists, tmp_path):
    """Native and fallback path; a chunk that exists, and one that is created."""
    for path, options in PATHS.items():
        a = zarrcy.create(80, chunks=8, dtype="f8", store=str(tmp_path / path), **options)
        if exists:
            a[:] = 1
        counts = {}
        for unaligned in ("allow", "lock"):
            script = (
                f"import os, zarrcy; place, i = {str(tmp_path / path)!r}, {8 * (unaligned == 'lock')}; "
                f"a = zarrcy.open_array(place, mode='r+', unaligned={unaligned!r}); "
                "a[33 + i] = 1; os.write(2, b'begin'); a[1 + i] = 2; os.write(2, b'end')"
            )
            done = subprocess.run(
                ["strace", "-f", sys.executable, "-c", script], capture_output=True, text=True, check=True
            )
            inside = done.stderr.split("begin")[-1].split("end")[0].splitlines()
            names = [line.split("(")[0].split()[-1] for line in inside if "(" in line]
            counts[unaligned] = [
                name
                for name in names
                if name not in ("brk", "mmap", "munmap", "getpid", "clock_gettime", "futex")
            ]
        more = len(counts["lock"]) - len(counts["allow"])
        assert more <= 6, counts
