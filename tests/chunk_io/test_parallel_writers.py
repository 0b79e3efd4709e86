"""Writers that share chunks or shards lose no update: threads always, processes with a synchronizer."""

import pickle
import subprocess
import sys
import textwrap
import threading
from multiprocessing import get_context

import numpy as np
import pytest
from concurrency import run_together

import zarrcy
from zarrcy import errors, sync
from zarrcy.storage import access
from zarrcy.storage.store_argument import normalize_store_arg
from zarrcy.sync import key_locks

# Python 3.12 and later warn about a fork while threads run, which these tests do on purpose
pytestmark = pytest.mark.filterwarnings("ignore:This process .*fork:DeprecationWarning")

LAYOUTS = {
    "chunks": {"chunks": 8},
    "raw chunks": {"chunks": 8, "compressor": None},
    "shards": {"chunks": 2, "shards": 8, "zarr_format": 3},
}


def add_one(array, positions, times):
    for _ in range(times):
        for i in positions:
            array[i] = array[i] + 1


@pytest.mark.parametrize("where", ["memory", "dict", "directory"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_eight_threads_that_share_chunks_lose_nothing_without_a_synchronizer(
    layout, where, tmp_path, eager_threads
):
    store = {"memory": zarrcy.MemoryStore(), "dict": {}, "directory": str(tmp_path)}[where]
    a = zarrcy.create(16, dtype="i4", store=store, **LAYOUTS[layout])
    times = 5 if where == "directory" else 20
    run_together([lambda n=n: add_one(a, [n, n + 8], times) for n in range(8)])
    assert a[:].tolist() == [times] * 16


def test_threads_that_opened_the_same_directory_in_different_ways_lose_nothing(tmp_path, eager_threads):
    (tmp_path / "link").symlink_to(tmp_path / "real")
    zarrcy.open_group(str(tmp_path / "real")).zeros("a", shape=4, chunks=4, dtype="i4")
    opened = [
        zarrcy.open_array(str(tmp_path / "real"), path="a"),
        zarrcy.open_array(str(tmp_path / "real" / "a")),
        zarrcy.open_array(str(tmp_path / "link"), path="a"),
        zarrcy.open_group(str(tmp_path / "link"))["a"],
    ]
    run_together([lambda n=n, a=a: add_one(a, [n], 25) for n, a in enumerate(opened)])
    assert opened[0][:].tolist() == [25] * 4


def ways_to_open(path):
    """Return stores of one directory that reach it in different ways."""
    fsspec = pytest.importorskip("fsspec")
    obstore = pytest.importorskip("obstore")
    link = path.parent / "link"
    link.symlink_to(path)

    class Counting(zarrcy.DirectoryStore):
        def __getitem__(self, key):
            return super().__getitem__(key)

    return {
        "path": lambda: str(path),
        "path of a link": lambda: str(link),
        "nested": lambda: zarrcy.NestedDirectoryStore(path),
        "subclass": lambda: Counting(path),
        "without links": lambda: zarrcy.DirectoryStore(path, follow_symlinks=False),
        "lower case": lambda: zarrcy.DirectoryStore(path, normalize_keys=True),
        "cache": lambda: zarrcy.LRUStoreCache(zarrcy.DirectoryStore(link), max_size=None),
        "FSStore": lambda: zarrcy.storage.FSStore(str(path)),
        "URL": lambda: zarrcy.storage.FSStore(f"file://{link}", normalize_keys=True),
        "DirFileSystem": lambda: zarrcy.storage.FSStore(
            path.name, fs=fsspec.filesystem("dir", path=str(path.parent), fs=fsspec.filesystem("file"))
        ),
        "obstore": lambda: zarrcy.storage.ObjectStore(obstore.store.LocalStore(str(path))),
    }


def test_all_ways_to_reach_an_array_share_its_locks(tmp_path, eager_threads):
    path = tmp_path / "data"
    zarrcy.open_group(str(path)).zeros("a", shape=100, chunks=100, dtype="i4")
    ways = ways_to_open(path)
    arrays = [zarrcy.open_array(way(), path="a", mode="r+") for way in ways.values()]
    arrays.append(zarrcy.open_array(str(path / "a"), mode="r+"))

    def write(n, a):
        # reads are not locked: obstore and fsspec's "dir" do not replace files in one step
        for i in range(n, 100, len(arrays)):
            a[i] = i + 1

    run_together([lambda n=n, a=a: write(n, a) for n, a in enumerate(arrays)])
    assert zarrcy.open_array(str(path), path="a")[:].tolist() == list(range(1, 101))


@pytest.mark.parametrize("prefix", ["", "a/"])
def test_all_ways_to_reach_a_directory_have_a_name_in_common(prefix, tmp_path):
    path = tmp_path / "data"
    (path / "a").mkdir(parents=True)
    names = [
        set(access.identities(normalize_store_arg(way()), prefix)) for way in ways_to_open(path).values()
    ]
    assert set.intersection(*names)
    assert access.identities(zarrcy.DirectoryStore(path), "a/") == access.identities(
        zarrcy.DirectoryStore(path / "a")
    )


def test_a_directory_that_is_mounted_or_linked_elsewhere_has_the_same_inode_name(tmp_path):
    """A hard-linked archive stands for a mount point, which only the superuser can create."""
    with zarrcy.ZipStore(tmp_path / "a.zip", mode="w") as store:
        store["x"] = b"1"
    (tmp_path / "b.zip").hardlink_to(tmp_path / "a.zip")
    with (
        zarrcy.ZipStore(tmp_path / "a.zip", mode="r") as first,
        zarrcy.ZipStore(tmp_path / "b.zip", mode="r") as other,
    ):
        assert len(set(access.identities(first)) & set(access.identities(other))) == 1


def test_stores_in_one_bucket_have_the_url_in_common():
    fsspec = pytest.importorskip("fsspec")
    store = zarrcy.storage.FSStore("memory://bucket/x")
    assert access.identities(store, "a/") == ("memory://bucket/x/a/",)
    other = zarrcy.storage.FSStore("/bucket/x/", fs=fsspec.filesystem("memory"))
    assert access.identities(store) == access.identities(other)


@pytest.mark.parametrize("options", [{}, {"zarr_format": 3}], ids=["v2", "v3"])
@pytest.mark.parametrize("change", ["append", "attributes"])
def test_threads_that_change_one_node_lose_no_change(change, options, tmp_path, eager_threads):
    a = zarrcy.create(0, chunks=4, dtype="i4", store=str(tmp_path / "a"), **options)

    def work(n):
        for k in range(20):
            if change == "append":
                a.append([n])
            else:
                a.attrs[f"{n}.{k}"] = n

    run_together([lambda n=n: work(n) for n in range(4)])
    again = zarrcy.open_array(str(tmp_path / "a"))
    if change == "append":
        assert sorted(again[:].tolist()) == sorted(list(range(4)) * 20)
    else:
        assert len(again.attrs) == 80


def test_writes_across_many_shared_chunks_lose_nothing_and_do_not_block_each_other(eager_threads):
    a = zarrcy.zeros((40, 40), chunks=(4, 4), dtype="i4")

    def write(n):
        for _ in range(5):
            # Both directions: locks that were taken one by one, in the order of the plan, would deadlock.
            a[n::8, :: 1 if n % 2 else -1] = n + 1
            a.vindex[np.arange(n, 40, 8), np.arange(n, 40, 8)] = n + 1

    run_together([lambda n=n: write(n) for n in range(8)])
    np.testing.assert_array_equal(a[:], np.tile((np.arange(40) % 8 + 1)[:, None], 40))


def test_a_whole_chunk_is_written_without_a_lock():
    a = zarrcy.zeros((4, 10), chunks=(2, 5), dtype="i4")
    with key_locks.KeyLock(
        [name + key for name in access.identities(a.store) for key in ("0/0", "0/1", "1/0", "1/1")]
    ):
        run_together([lambda: a.set_basic_selection(Ellipsis, 1)])
    assert (a[:] == 1).all()


def test_a_partial_write_waits_for_the_lock_of_its_chunk():
    a = zarrcy.zeros((4, 10), chunks=(2, 5), dtype="i4")
    thread = threading.Thread(target=a.set_basic_selection, args=((0, 0), 1))
    with key_locks.KeyLock([name + "0/0" for name in access.identities(a.store)]):
        thread.start()
        a[3, 9] = 7
        thread.join(0.05)
        assert thread.is_alive()
    thread.join(600)
    assert (a[0, 0], a[3, 9]) == (1, 7)


def test_unaligned_allow_takes_no_lock():
    a = zarrcy.zeros(5, chunks=5, unaligned="allow")
    with key_locks.KeyLock([name + "0" for name in access.identities(a.store)]):
        run_together([lambda: a.set_basic_selection(0, 1)])
    assert a[0] == 1


def test_a_failing_codec_releases_the_lock():
    a = zarrcy.create(4, chunks=4, store={})
    a[:] = 1
    a.store["0"] = b"damaged"
    with pytest.raises(errors.ChunkDecodeError):
        a[0] = 2
    del a.store["0"]
    run_together([lambda: a.set_basic_selection(0, 3)])
    assert a[0] == 3


class TestKeyLock:
    def test_a_thread_does_not_wait_for_itself(self):
        with key_locks.KeyLock(["x"]) as outer, key_locks.KeyLock(["x", "y"]) as inner:
            assert (list(outer.names), list(inner.names)) == (["x"], ["y"])
        assert not {"x", "y"} & key_locks.held_names()

    def test_an_inner_lock_releases_only_its_own_names(self):
        with key_locks.KeyLock(["x"]):
            with key_locks.KeyLock(["x", "y"]):
                pass
            assert "x" in key_locks.held_names()
            assert "y" not in key_locks.held_names()

    def test_any_overlapping_sets_of_names_exclude_each_other(self, eager_threads):
        names = [f"name {n}" for n in range(6)]
        counts, inside = [0] * 6, []

        def work(seed):
            random = np.random.default_rng(seed)
            for _ in range(200):
                mine = random.choice(6, size=random.integers(1, 5), replace=False)
                with key_locks.KeyLock([names[n] for n in mine]):
                    inside.append(not any(counts[n] for n in mine))
                    for n in mine:
                        counts[n] += 1
                    for n in mine:
                        counts[n] -= 1

        run_together([lambda n=n: work(n) for n in range(8)])
        assert len(inside) == 1600
        assert all(inside)
        assert not key_locks.held_names() & set(names)


# -- processes -------------------------------------------------------------------------------------


def spread(array, method, n, times):
    """Add to each element from `n` processes."""
    context = get_context(method)
    processes = [context.Process(target=add_one, args=(array, range(k, 8, n), times)) for k in range(n)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0] * n


@pytest.mark.slow
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_four_processes_with_file_locks_lose_nothing(method, layout, tmp_path):
    synchronizer = zarrcy.ProcessSynchronizer(tmp_path / "locks")
    a = zarrcy.create(8, dtype="i4", store=str(tmp_path / "a"), synchronizer=synchronizer, **LAYOUTS[layout])
    spread(a, method, 4, 25)
    assert a[:].tolist() == [25] * 8


def test_threads_of_several_forks_with_file_locks_lose_nothing(tmp_path):
    def threads_of(array, first):
        # each thread has a copy of the array, like a dask worker
        copies = [pickle.loads(pickle.dumps(array)) for _ in range(4)]
        run_together([lambda n=n, c=c: add_one(c, [first + n], 10) for n, c in enumerate(copies)])

    synchronizer = zarrcy.ProcessSynchronizer(tmp_path / "locks")
    a = zarrcy.create(8, chunks=8, dtype="i4", store=str(tmp_path / "a"), synchronizer=synchronizer)
    processes = [get_context("fork").Process(target=threads_of, args=(a, first)) for first in (0, 4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(600)
    assert [process.exitcode for process in processes] == [0, 0]
    assert a[:].tolist() == [10] * 8


def test_copies_of_a_thread_synchronizer_share_their_locks():
    locks_of_all = zarrcy.ThreadSynchronizer()
    a = zarrcy.zeros(8, chunks=8, dtype="i4", synchronizer=locks_of_all)
    copies = [pickle.loads(pickle.dumps(locks_of_all)) for _ in range(8)]
    assert all(copy["0"] is locks_of_all["0"] for copy in copies)
    arrays = [zarrcy.Array(a.store, synchronizer=copy) for copy in copies]
    run_together([lambda n=n, b=b: add_one(b, [n], 50) for n, b in enumerate(arrays)])
    assert a[:].tolist() == [50] * 8


@pytest.mark.parametrize("synchronizer", [None, "threads", "files", "cache"])
@pytest.mark.parametrize("layout", ["chunks", "shards"])
def test_a_fork_while_other_threads_read_and_write_does_not_hang(layout, synchronizer, tmp_path):
    array_synchronizer = {
        None: None,
        "threads": zarrcy.ThreadSynchronizer(),
        "files": sync.ProcessSynchronizer(tmp_path / "locks"),
        "cache": None,
    }[synchronizer]
    store = zarrcy.DirectoryStore(tmp_path / "a")
    if synchronizer == "cache":
        store = zarrcy.LRUStoreCache(store, None)
    a = zarrcy.create(16, dtype="i4", store=store, synchronizer=array_synchronizer, **LAYOUTS[layout])
    a[:] = 1
    done = threading.Event()

    def work(n):
        while not done.is_set():
            a[n] = int(a[n])
            a[:]

    workers = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(3):
            child = get_context("fork").Process(target=add_one, args=(a, [8, 9], 2))
            child.start()
            child.join(600)
            assert child.exitcode == 0
    finally:
        done.set()
        for worker in workers:
            worker.join(600)
    if synchronizer != "cache":
        # with a cache, the parent may or may not see what a child wrote when the next child starts
        assert zarrcy.open_array(str(tmp_path / "a"))[8:10].tolist() == [7, 7]


@pytest.mark.parametrize("layout", [{}, {"compressor": None}, {"shards": 2**17, "zarr_format": 3}])
def test_a_fork_while_reads_are_shared_among_threads_does_not_hang(layout, tmp_path, monkeypatch):
    monkeypatch.setenv("ZARRCY_THREADS", "4")
    a = zarrcy.create(2**19, chunks=2**15, dtype="i4", store=str(tmp_path), **layout)
    a[:] = np.arange(2**19)
    exitcodes = []

    def child_reads():
        np.testing.assert_array_equal(a[:], np.arange(2**19))

    def fork():
        for _ in range(3):
            child = get_context("fork").Process(target=child_reads)
            child.start()
            child.join(600)
            exitcodes.append(child.exitcode)

    forking = threading.Thread(target=fork)
    forking.start()
    while forking.is_alive():
        a[:]
    assert exitcodes == [0] * 3


def test_a_lock_that_is_held_during_a_fork_is_free_in_the_child():
    started, finish = threading.Event(), threading.Event()

    def hold():
        with key_locks.KeyLock(["held"]):
            started.set()
            finish.wait(600)

    holder = threading.Thread(target=hold)
    holder.start()
    started.wait(600)

    def take():
        with key_locks.KeyLock(["held"]):
            pass

    child = get_context("fork").Process(target=take)
    child.start()
    child.join(600)
    finish.set()
    holder.join(600)
    assert child.exitcode == 0


# -- where locks work, and locks of other packages ---------------------------------------------------


class TestFileLocksWork:
    def test_locks_work_in_a_temporary_directory_and_leave_no_file(self, tmp_path):
        assert sync.file_locks_work(tmp_path) is True
        assert list(tmp_path.iterdir()) == []

    def test_a_file_system_that_refuses_locks_is_detected(self, tmp_path, monkeypatch):
        import fasteners

        def refuse(*args, **kwargs):
            raise OSError(38, "Function not implemented")

        monkeypatch.setattr(fasteners.InterProcessLock, "acquire", refuse)
        assert sync.file_locks_work(tmp_path) is False

    def test_locks_that_do_not_exclude_are_detected(self, tmp_path, monkeypatch):
        import fasteners

        monkeypatch.setattr(fasteners.InterProcessLock, "acquire", lambda *args, **kwargs: True)
        monkeypatch.setattr(fasteners.InterProcessLock, "release", lambda *args: None)
        assert sync.file_locks_work(tmp_path) is False

    def test_a_missing_directory_is_an_error(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            sync.file_locks_work(tmp_path / "nowhere")


@pytest.mark.slow
def test_workers_of_a_dask_cluster_lose_nothing(tmp_path):
    """Run in a separate process, because a cluster leaves threads behind."""
    script = textwrap.dedent(
        """
        import sys
        import zarrcy
        from distributed import Client, LocalCluster
        from zarrcy.sync import DaskSynchronizer

        def add(array, i, times):
            for _ in range(times):
                array[i] = array[i] + 1

        if __name__ == "__main__":
            with LocalCluster(
                n_workers=2, threads_per_worker=2, processes=True, dashboard_address=None
            ) as cluster, Client(cluster) as client:
                a = zarrcy.create(8, chunks=8, dtype="i4", store=sys.argv[1], synchronizer=DaskSynchronizer())
                client.gather([client.submit(add, a, i, 10, pure=False) for i in range(8)])
                print(a[:].tolist())
        """
    )
    (tmp_path / "job.py").write_text(script)
    pytest.importorskip("distributed")
    done = subprocess.run(
        [sys.executable, str(tmp_path / "job.py"), str(tmp_path / "a")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stdout.strip() == str([10] * 8), done.stderr


@pytest.mark.parametrize(
    ("package", "extra", "kind"),
    [("mpi4py", "mpi", sync.MPISynchronizer), ("distributed", "dask", sync.DaskSynchronizer)],
)
def test_a_missing_package_is_named_with_its_extra(package, extra, kind, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(errors.MissingExtraError, match=rf"pip install 'zarrcy\[{extra}\]'"):
        kind()
