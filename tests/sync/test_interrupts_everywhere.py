"""An exception of a signal handler at any place of an operation leaves no file open, no lock held, no rest."""

import contextlib
import gc
import io
import os
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest
from injection import interrupt, places_of

import zarrcy
from zarrcy import _kernels
from zarrcy.cli import main
from zarrcy.sync import key_locks

pytestmark = [
    pytest.mark.skipif(not _kernels.COMPILED, reason="Python code can be interrupted anywhere"),
    pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="the system does not list open files"),
]
ROOTS = (str(Path(zarrcy.__file__).parent), zipfile.__file__, contextlib.__file__)
VALUES = np.arange(100.0).reshape(10, 10)


def source(folder):
    path = folder / "source"
    if not path.exists():
        group = zarrcy.open_group(path, mode="w")
        group.create_dataset("a", data=VALUES, chunks=(5, 5))
        group.create_dataset("b/c", data=np.arange(20), chunks=5)
        group.attrs["name"] = "source"
    return str(path)


def copy(folder):
    with contextlib.redirect_stdout(io.StringIO()):
        main(["copy", source(folder), str(folder / "copy"), "--overwrite"])


def copy_to_archive(folder):
    with contextlib.redirect_stdout(io.StringIO()):
        main(["copy", source(folder), str(folder / "copy.zip"), "--overwrite"])


def copy_all(folder):
    zarrcy.copy_all(
        zarrcy.open_group(source(folder), mode="r"),
        zarrcy.open_group(folder / "b", mode="w"),
        log=str(folder / "log"),
    )


def convert(folder):
    zarrcy.convert(source(folder), folder / "converted", overwrite=True)


def verify(folder):
    assert not zarrcy.verify(source(folder)).problems


def repair(folder):
    zarrcy.repair(source(folder))


def consolidate(folder):
    zarrcy.consolidate_metadata(source(folder))


def save(folder):
    zarrcy.save(folder / "saved.zip", a=VALUES, b=VALUES)
    zarrcy.save(folder / "saved", a=VALUES, b=VALUES)


def delete(folder):
    group = zarrcy.open_group(folder / "deleted", mode="a")
    group.create_dataset("a", data=VALUES, chunks=5, overwrite=True)
    group.create_dataset("b/c", data=VALUES, overwrite=True)
    del group["a"]
    zarrcy.open_group(folder / "deleted", mode="w")


def sqlite(folder):
    with zarrcy.SQLiteStore(folder / "a.sqlite") as store:
        use(store)


def lmdb(folder):
    pytest.importorskip("lmdb")
    with zarrcy.LMDBStore(folder / "a.lmdb", map_size=2**24) as store:
        use(store)


def import_netcdf(folder):
    h5py = pytest.importorskip("h5py")
    path = folder / "source.nc"
    if not path.exists():
        with h5py.File(path, "w") as file:
            file.create_dataset("a", data=VALUES, chunks=(5, 5))
            file.create_dataset("b/c", data=np.arange(20))
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["import", str(path), str(folder / "imported"), "--overwrite"]) == 0


def archive(folder):
    with zarrcy.ZipStore(folder / "a.zip", mode="w") as store:
        zarrcy.array(VALUES, chunks=5, store=store)
        store.flush()
        np.testing.assert_array_equal(zarrcy.open_array(store)[:], VALUES)


def chunks(folder):
    use(folder / "chunks", synchronizer=zarrcy.ProcessSynchronizer(folder / "locks"))


def shards(folder):
    use(folder / "shards", shards=10, zarr_format=3)


def use(store, **options):
    z = zarrcy.create((10, 10), chunks=5, dtype="f8", store=store, overwrite=True, **options)
    z[:] = VALUES
    z[3:9, 1:] = 1
    z.append(VALUES)
    z.resize(10, 10)
    z.attrs["a"] = 1
    assert z[2, 3] == VALUES[2, 3]


OPERATIONS = [
    copy, copy_to_archive, copy_all, convert, verify, repair, consolidate, save, delete, sqlite, lmdb, archive,
    chunks, shards, import_netcdf,
]  # fmt: skip


def open_files(folder):
    links = []
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/self/fd/{name}"))
    return [link for link in links if link.startswith(str(folder))]


def temporary_files(folder):
    return [name for _, _, names in os.walk(folder) for name in names if ".partial" in name]


def in_another_thread(call):
    """Call a function in another thread, which cannot take what this thread holds."""
    outcome = []

    def run():
        try:
            call()
        except BaseException as exc:
            outcome.append(exc)
        else:
            outcome.append(None)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(600)
    assert outcome, "a lock is held"
    if outcome[0] is not None:
        raise outcome[0]


def check_places(operation, folder, step):
    """Interrupt an operation at places in turn; after each, its traces are gone and it works again."""
    # twice: the first call imports what is loaded on first use
    operation(folder)
    operation(folder)
    n = places_of(lambda: operation(folder), ROOTS)
    assert n > 20
    for number in range(0, n, step):
        place = interrupt(lambda: operation(folder), number, ROOTS)
        assert not open_files(folder), place
        assert not [name for name in key_locks.held_names() if str(folder) in name], place
        # a directory whose deletion has begun stays under a temporary name, which `repair` knows
        assert not temporary_files(folder), place
        in_another_thread(lambda: operation(folder))


@pytest.fixture(autouse=True)
def no_collection():
    """Turn off the cycle collector: nothing may wait for it, and Python ignores exceptions of its callbacks."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_an_interrupt_at_some_places_leaves_no_trace(operation, tmp_path):
    check_places(operation, tmp_path, 29)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.__name__)
def test_an_interrupt_at_every_place_leaves_no_trace(operation, tmp_path):
    check_places(operation, tmp_path, 1)
