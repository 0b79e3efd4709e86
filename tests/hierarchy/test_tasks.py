"""Arrays are filled by tasks that know what is missing, and the parts of an array follow the write grid."""

import itertools
import os
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import zarrcy
from zarrcy.errors import (
    MissingPiecesError,
    NotErasableError,
    PlaceError,
    ReadOnlyError,
    RegionError,
    SelectionError,
    ViewError,
)
from zarrcy.indexing.boxes import add_box, as_boxes, uncovered
from zarrcy.storage import (
    DirectoryStore,
    FSStore,
    KVStore,
    MemoryStore,
    N5Store,
    SQLiteStore,
    TempStore,
    ZipStore,
)

LAYOUTS = {
    "chunks": {"chunks": (4, 3)},
    "shards": {"chunks": (2, 3), "shards": (4, 6), "zarr_format": 3},
    "nested": {"chunks": (4, 3), "dimension_separator": "/"},
    "draft": {"chunks": (4, 3), "zarr_format": "3-draft", "path": "a"},
    "in a group": {"chunks": (4, 3), "path": "g/a", "zarr_format": 3},
}
SHAPE = (10, 7)
VALUES = np.arange(70).reshape(SHAPE)


def filled(array, n=1, **options):
    for k in range(n):
        with array.task(k, n, **options) as task:
            for region in task.remaining():
                task.write(region, VALUES[region])
    return array


def mask_of(regions, shape=SHAPE):
    """Return how often regions select each element."""
    counts = np.zeros(shape, int)
    for region in regions:
        counts[region] += 1
    return counts


# -- pieces ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_pieces_cover_an_array_once_and_each_lies_in_one_stored_value(layout):
    a = zarrcy.zeros(SHAPE, store={}, **LAYOUTS[layout])
    pieces = a.pieces()
    assert (mask_of(pieces) == 1).all()
    a.check_regions(pieces)
    cell = a.shards or a.chunks
    assert len(pieces) == -(-10 // cell[0]) * -(-7 // cell[1])
    assert pieces == list(pieces) == [pieces[i] for i in range(len(pieces))]
    assert pieces[-1] == list(pieces)[-1]
    assert pieces[1:3] == list(pieces)[1:3]
    with pytest.raises(IndexError):
        pieces[len(pieces)]


@given(st.data())
def test_the_pieces_of_a_region_cover_it_once(data):
    shape = tuple(data.draw(st.lists(st.integers(0, 9), min_size=1, max_size=3)))
    chunks = tuple(data.draw(st.integers(1, 5)) for _ in shape)
    a = zarrcy.zeros(shape, chunks=chunks, store={})
    region = tuple(
        slice(*sorted((data.draw(st.integers(0, n)), data.draw(st.integers(0, n))))) for n in shape
    )
    expected = mask_of([region], shape)
    n = data.draw(st.none() | st.integers(1, 7))
    pieces = a.pieces(region, n)
    assert (mask_of(pieces, shape) == expected).all()
    assert all(stop > start for piece in pieces for start, stop in ((p.start, p.stop) for p in piece))
    assert n is None or len(pieces) <= n
    values_of = [
        set(
            itertools.product(
                *(range(p.start // c, -(-p.stop // c)) for p, c in zip(piece, chunks, strict=True))
            )
        )
        for piece in pieces
    ]
    assert sum(map(len, values_of)) == len(set().union(*values_of)), (
        "no two hold elements of one stored value"
    )


def test_pieces_of_an_enormous_array_are_computed_when_they_are_asked_for():
    a = zarrcy.zeros((10**12, 10**5), chunks=(10, 10), store={})
    pieces = a.pieces()
    assert len(pieces) == 10**15
    assert pieces[-1] == (slice(10**12 - 10, 10**12), slice(10**5 - 10, 10**5))
    assert repr(pieces) == f"<{10**15} regions>"


def test_a_region_has_no_step_and_no_new_axes():
    a = zarrcy.zeros(SHAPE, chunks=(4, 3), store={})
    with pytest.raises(RegionError, match="has a step"):
        a.pieces(slice(0, 10, 2))
    with pytest.raises(SelectionError, match="new axes"):
        a.pieces((None, slice(0, 3)))
    with pytest.raises(ValueError, match="1 or more"):
        a.pieces(n=0)
    assert a.pieces((3, slice(0, 3))) == [(slice(3, 4), slice(0, 3))]


def test_an_array_without_axes_has_one_piece():
    a = zarrcy.zeros((), dtype="i8", store={})
    assert a.pieces() == a.missing() == [()]
    assert a.fill_missing(lambda region: 7) == []
    assert (a[()], a.missing()) == (7, [])
    a.finish()


# -- boxes -------------------------------------------------------------------------------------------

BOX = st.tuples(*[st.tuples(st.integers(0, 6), st.integers(0, 6)).map(sorted).map(tuple)] * 2)


@given(BOX, st.lists(BOX, max_size=6))
def test_what_boxes_leave_of_a_box_is_covered_once(box, holes):
    expected = np.zeros((6, 6), int)
    expected[tuple(slice(*span) for span in box)] = 1
    for hole in holes:
        expected[tuple(slice(*span) for span in hole)] = 0
    counts = np.zeros((6, 6), int)
    left = uncovered(box, as_boxes([h for h in holes if all(a < b for a, b in h)], 2))
    for part in left:
        counts[tuple(slice(*span) for span in part)] += 1
    assert (counts == expected).all()
    assert left == sorted(left)


@given(st.lists(BOX.filter(lambda box: all(a < b for a, b in box)), max_size=8))
def test_merged_boxes_hold_the_same_elements(boxes):
    merged = []
    counts, expected = np.zeros((6, 6), bool), np.zeros((6, 6), bool)
    for box in boxes:
        add_box(merged, box)
        expected[tuple(slice(*span) for span in box)] = True
    for box in merged:
        counts[tuple(slice(*span) for span in box)] = True
    assert (counts == expected).all()
    assert len(merged) <= len(boxes)


# -- tasks -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 2, 5, 40])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_tasks_fill_an_array_and_leave_no_record(layout, n):
    store, plain = {}, {}
    a = zarrcy.zeros(SHAPE, dtype="i8", store=store, **LAYOUTS[layout])
    zarrcy.zeros(SHAPE, dtype="i8", store=plain, **LAYOUTS[layout])[...] = VALUES
    assert a.missing() == list(a.pieces())
    filled(a, n)
    assert (a[:] == VALUES).all()
    assert a.missing() == []
    assert filled(a, n).missing() == []
    a.finish()
    assert store == plain


def test_the_record_of_a_task_is_small():
    store = {}
    a = zarrcy.zeros((1000, 100), chunks=(10, 10), store=store)
    a.fill_missing(lambda region: 1)
    assert {key: len(value) < 400 for key, value in store.items() if "progress" in key} == {
        ".zarrcy-progress/fill.job": True,
        ".zarrcy-progress/fill.0-of-1.json": True,
    }


def test_another_number_of_tasks_continues_the_work():
    a = zarrcy.zeros(SHAPE, chunks=(2, 2), dtype="i8", store={})
    written = []
    for n in (3, 5, 2):
        for k in range(n):
            with a.task(k, n) as task:
                for region in itertools.islice(task.remaining(), 1 if n > 2 else None):
                    task.write(region, VALUES[region])
                    written.append(region)
    assert (a[:] == VALUES).all()
    assert (mask_of(written) == 1).all()
    a.finish()


def test_regions_that_cut_stored_values_are_recorded_exactly():
    a = zarrcy.zeros(SHAPE, chunks=(4, 4), dtype="i8", store={})
    for rows in (slice(0, 3), slice(3, 7)):
        a.fill_missing(lambda region: VALUES[region], rows)
    assert (mask_of(a.missing()) == mask_of([slice(7, 10)])).all()
    assert a.missing(slice(1, 7)) == []
    assert a.missing(slice(6, 8)) == [(slice(7, 8), slice(0, 4)), (slice(7, 8), slice(4, 7))]
    a.finish(slice(0, 7))


def test_a_task_may_write_any_region():
    a = zarrcy.zeros(SHAPE, chunks=(4, 3), dtype="i8", store={})
    with a.task(0, 1) as task:
        task.write((slice(1, 9), Ellipsis), VALUES[1:9])
        task.write((0, slice(2, 2)), 5)
        assert (mask_of(task.remaining()) == mask_of([0, 9])).all()
        with pytest.raises(RegionError, match="has a step"):
            task.write(slice(0, 10, 3), 1)
        with pytest.raises(ValueError, match="shape"):
            task.write(0, [1, 2, 3])
    assert (mask_of(a.missing()) == mask_of([0, 9])).all()


def test_regions_that_fail_stay_missing():
    a = zarrcy.zeros(10, chunks=2, store={})
    seen = []

    def values_of(region):
        if region[0].start in (2, 6):
            raise OSError(region[0].start)
        return 1

    with pytest.raises(OSError, match="2"):
        a.fill_missing(values_of)
    assert a.missing() == a.pieces()[1:], "what was done before the error is recorded"
    failed = a.fill_missing(values_of, on_error="skip", progress=lambda *counts: seen.append(counts))
    assert failed == a.missing() == [(slice(2, 4),), (slice(6, 8),)]
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    errors = []
    a.fill_missing(values_of, on_error=lambda region, exc: errors.append((region[0].start, exc.args)))
    assert errors == [(2, (2,)), (6, (6,))]
    with pytest.raises(MissingPiecesError, match=r"2 regions are missing, the first is \[2:4\]") as caught:
        a.finish()
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)
    assert a.fill_missing(lambda region: 1) == []
    a.finish()
    assert (a[:] == 1).all()


def test_what_was_written_before_an_exception_in_the_block_is_recorded():
    a = zarrcy.zeros(10, chunks=2, store={})

    def interrupted():
        with a.task(0, 1, every=1e9) as task:
            task.write(slice(0, 2), 1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert a.missing() == a.pieces()[1:]


def test_jobs_of_other_names_do_not_count():
    a = zarrcy.zeros(10, chunks=5, store={})
    a.fill_missing(lambda region: 1)
    a.fill_missing(lambda region: 2, name="second-pass")
    assert (a[:] == 2).all()
    a.finish(name="second-pass")
    assert (a.missing(), a.missing(name="second-pass")) == ([], a.pieces())
    for name in ("", "a.b", "a/b", "x" * 65, None, "ä"):
        with pytest.raises(ValueError, match="name is"):
            a.task(0, 1, name=name)


# -- records that no longer count ----------------------------------------------------------------------


CHANGES = {
    "shrinks and grows again": lambda a: (a.resize(6, 7), a.resize(10, 7)),
    "shrinks along another axis": lambda a: (a.resize(10, 2), a.resize(10, 7)),
    "grows": lambda a: a.resize(11, 7),
    "grows by an append": lambda a: a.append(np.ones((1, 7))),
    "gets another fill value": lambda a: setattr(a, "fill_value", 5),
    "is replaced": lambda a: zarrcy.zeros(
        SHAPE, chunks=(4, 3), dtype="i8", store=a.store, path=a.path, overwrite=True
    ),
    "is opened with mode w": lambda a: zarrcy.open_array(
        a.store, mode="w", path=a.path, shape=SHAPE, chunks=(4, 3), dtype="i8"
    ),
    "is saved": lambda a: zarrcy.save_array(a.store, np.zeros(SHAPE, "i8"), path=a.path, chunks=(4, 3)),
    "is replaced by its own elements": lambda a: zarrcy.array(
        a, chunks=(4, 3), store=a.store, path=a.path, overwrite=True
    ),
    "is replaced by a copy": lambda a: zarrcy.copy(
        zarrcy.zeros(SHAPE, chunks=(4, 3), dtype="i8", store={}),
        zarrcy.open_group(a.store),
        name=a.path,
        if_exists="replace",
    ) if a.path else zarrcy.zeros(SHAPE, chunks=(4, 3), dtype="i8", store=a.store, overwrite=True),
    "is finished": lambda a: a.finish(),
}  # fmt: skip
STORES = {
    "dict": lambda path: {},
    "memory": lambda path: MemoryStore(),
    "mapping": lambda path: KVStore({}),
    "directory": lambda path: DirectoryStore(path / "a"),
    "sqlite": lambda path: SQLiteStore(str(path / "a.sqlite")),
    "fsspec": lambda path: FSStore(f"memory:/{path}"),
}


@pytest.mark.parametrize("path", ["", "g/a"], ids=["root", "member"])
@pytest.mark.parametrize("where", STORES)
@pytest.mark.parametrize("change", CHANGES)
def test_nothing_counts_as_done_after_an_array(change, where, path, tmp_path):
    if where == "fsspec" and change == "is replaced by its own elements":
        pytest.skip("such a store refuses that, because it can't move keys")
    store = STORES[where](tmp_path)
    a = filled(zarrcy.zeros(SHAPE, chunks=(4, 3), dtype="i8", store=store, path=path), 2)
    running = a.task(0, 1)
    CHANGES[change](a)
    # a task that was started before writes its record after the change
    running.write(slice(0, 4), VALUES[:4])
    running.record()
    a = zarrcy.open_array(store, path=path, mode="r+")
    assert a.missing() == list(a.pieces())
    a.fill_missing(lambda region: 3)
    assert (a[:] == 3).all()
    a.finish()


def test_a_task_reads_the_shape_that_is_stored_now():
    store = {}
    a = zarrcy.zeros(10, chunks=5, store=store)
    other = zarrcy.open_array(store)
    a.resize(20)
    a.fill_missing(lambda region: 1)
    assert other.missing() == []
    other.finish()


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"null", b"[]", b'{"job": 3}', b"\0" * 40, "half", "another job"]
)
@pytest.mark.parametrize("key", ["fill.job", "fill.0-of-1.json"])
def test_a_damaged_record_does_not_count(key, damage):
    store = {}
    a = zarrcy.zeros(10, chunks=2, store=store)
    a.fill_missing(lambda region: 1)
    key = f".zarrcy-progress/{key}"
    if damage == "half":
        damage = store[key][: len(store[key]) // 2]
    elif damage == "another job":
        damage = store[key].replace(b'"job": "', b'"job": "0')
    store[key] = damage
    assert a.missing() == list(a.pieces())
    a.fill_missing(lambda region: 2)
    assert (a[:] == 2).all()
    a.finish()


# -- what others see -----------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_records_are_hidden_from_listings_copies_and_checks(layout):
    store, target = {}, {}
    a = filled(zarrcy.zeros(SHAPE, dtype="i8", store=store, **LAYOUTS[layout]), 2)
    count = a.nchunks_initialized
    assert zarrcy.verify(store).ok
    assert a.verify().ok
    assert zarrcy.repair(store, quarantine=True) == []
    assert a.initialized_chunks().all()
    assert count == a.nchunks
    if a.path:
        group = zarrcy.open_group(store)
        names = []
        group.visit(names.append)
        assert all("progress" not in name for name in names)
        assert "progress" not in str(group.tree())
    zarrcy.copy_store(store, target)
    assert not [key for key in target if "progress" in key]
    if layout != "draft":
        target = zarrcy.open_group({})
        zarrcy.copy(a, target, name="b")
        assert not [key for key in target.store if "progress" in key]
    if layout == "in a group":
        zarrcy.consolidate_metadata(store)
        assert zarrcy.verify(store).ok


def test_zarr_python_ignores_the_records(tmp_path):
    zarr = pytest.importorskip("zarr")
    for zarr_format in (2, 3):
        path = str(tmp_path / str(zarr_format))
        group = zarrcy.open_group(path, zarr_format=zarr_format)
        a = filled(group.zeros("a", shape=SHAPE, chunks=(4, 3), dtype="i8"), 2)
        seen = zarr.open_group(path, mode="r+")
        assert [name for name, _ in seen.members()] == ["a"]
        assert (seen["a"][:] == VALUES).all()
        assert seen["a"].nchunks_initialized == a.nchunks
        seen["a"][:] = 5
        assert (a[:] == 5).all()


@pytest.mark.parametrize("where", ["directory", "sqlite", "temporary", "n5"])
def test_tasks_work_in_stores_on_disk(where, tmp_path):
    store = {
        "directory": lambda: DirectoryStore(tmp_path / "a"),
        "temporary": TempStore,
        "n5": lambda: N5Store(tmp_path / "n"),
        "sqlite": lambda: SQLiteStore(str(tmp_path / "b")),
    }[where]()
    a = zarrcy.zeros(SHAPE, dtype="i8", chunks=(4, 3), store=store, path="x/y")
    with a.task(0, 2, every=0) as task:
        for region in task.remaining():
            task.write(region, VALUES[region])
    assert (mask_of(a.missing()) == mask_of([a.region(1, 2)])).all()
    assert sorted(zarrcy.open_group(store)["x"]) == ["y"]
    filled(a)
    assert (a[:] == VALUES).all()
    a.finish()
    assert not [key for key in store if "progress" in key]
    if where == "directory":
        assert not (tmp_path / "a/x/y/.zarrcy-progress").exists()


def test_chunks_in_a_store_of_their_own():
    store, chunk_store = {}, {}
    a = filled(zarrcy.zeros(SHAPE, dtype="i8", chunks=(4, 3), store=store, chunk_store=chunk_store), 2)
    assert (a[:] == VALUES).all()
    assert not [key for key in chunk_store if "progress" in key]
    a.finish()
    assert list(store) == [".zarray"]


def test_tasks_are_refused_where_they_cannot_work(tmp_path):
    a = zarrcy.zeros(10, chunks=2, store={})
    with pytest.raises(ViewError):
        a.view(dtype="i8").task(0, 1)
    with pytest.raises(ViewError):
        a.view(dtype="i8").missing()
    read_only = zarrcy.open_array(a.store, mode="r")
    for call in (lambda: read_only.task(0, 1), lambda: read_only.fill_missing(lambda r: 1), read_only.finish):
        with pytest.raises(ReadOnlyError):
            call()
    with ZipStore(tmp_path / "a.zip", mode="w") as archive:
        b = zarrcy.zeros(10, chunks=2, store=archive)
        with pytest.raises(NotErasableError):
            b.task(0, 1)
    for k, n in ((2, 2), (-1, 2), (0, 0), (1, None)):
        with pytest.raises(PlaceError):
            a.task(k, n)


def test_a_read_only_array_can_show_what_is_missing():
    a = zarrcy.zeros(10, chunks=5, store={})
    a.fill_missing(lambda region: 1, slice(0, 5))
    assert zarrcy.open_array(a.store, mode="r").missing() == [(slice(5, 10),)]


# -- the disk --------------------------------------------------------------------------------------------


@pytest.fixture
def events(monkeypatch, tmp_path):
    """Return a list of what is written and flushed below a directory, in its order."""
    if not (hasattr(os, "fdatasync") and os.path.isdir("/proc/self/fd")):
        pytest.skip("needs fdatasync and /proc")
    found = []

    def noting(kind, call):
        def noted(fd):
            found.append((kind, os.path.relpath(os.readlink(f"/proc/self/fd/{int(fd)}"), tmp_path)))
            return call(fd)

        return noted

    monkeypatch.setattr(os, "fdatasync", noting("data", os.fdatasync))
    monkeypatch.setattr(os, "fsync", noting("names", os.fsync))
    return found


class NotingStore(DirectoryStore):
    """A directory that notes when a value was written."""

    events = ()

    def __setitem__(self, key, value):
        super().__setitem__(key, value)
        self.events.append(("write", os.path.basename(self.path) + "/" + key))


def test_a_record_is_written_after_its_files_and_their_directories_are_flushed(events, tmp_path):
    store = NotingStore(tmp_path / "a")
    store.events = events
    a = zarrcy.zeros(8, chunks=2, store=store, zarr_format=3)
    with a.task(0, 1, every=1e9) as task:
        for region in task.remaining():
            task.write(region, 1)
    record = events.index(("write", "a/.zarrcy-progress/fill.0-of-1.json"))
    for key in ("a/c/0", "a/c/1", "a/c/2", "a/c/3"):
        flushed = events.index(("data", key))
        assert events.index(("write", key)) < flushed < record
        for folder in ("a/c", "a", "."):
            assert ("names", folder) in events[flushed:record], "the directories are new, too"
    assert events.index(("data", "a/.zarrcy-progress/fill.job")) < events.index(("write", "a/c/0"))
    assert len(events) == len(set(events)) + 2 + tmp_path.as_posix().count("/"), (
        "each is flushed once for each record"
    )


def test_a_stored_value_that_is_recorded_in_part_is_flushed_before_it_is_replaced(events, tmp_path):
    a = zarrcy.zeros(12, chunks=4, dtype="i8", store=DirectoryStore(tmp_path / "a"))
    with a.task(0, 1, region=slice(0, 6), every=1e9) as task:
        events.clear()
        for region in task.remaining():
            task.write(region, 1)
        flushed = [name.partition(".")[0] for kind, name in events if kind == "data"]
    assert flushed == ["a/1"], "0 is written whole"
    with a.task(0, 1, region=slice(0, 6)) as task:
        events.clear()
        task.write(slice(0, 4), 2)
        flushed = [name.partition(".")[0] for kind, name in events if kind == "data"]
    assert flushed == ["a/0"], "it is recorded already"
    assert a[:].tolist() == [2] * 4 + [1] * 2 + [0] * 6


def test_a_value_that_cannot_be_flushed_is_not_recorded(monkeypatch, tmp_path):
    a = zarrcy.zeros(4, chunks=2, store=DirectoryStore(tmp_path / "a"))
    task = a.task(0, 1, every=1e9)
    task.write(slice(0, 2), 1)

    def refuse(fd):
        raise OSError(5, "Input/output error")

    if not hasattr(os, "fdatasync"):
        pytest.skip("needs fdatasync")
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", refuse)
        with pytest.raises(OSError, match="may not be on disk"):
            task.record()
        assert a.missing() == a.pieces()
    task.record()
    assert a.missing() == a.pieces()[1:]
