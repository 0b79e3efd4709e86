"""DirectoryStore: four system calls per value, complete values only, and no key outside the root."""

import os
import threading
from collections import Counter

import numpy as np
import pytest

import zarrcy
from zarrcy import errors
from zarrcy.storage import DirectoryStore


@pytest.fixture
def store(tmp_path):
    return DirectoryStore(tmp_path / "root")


CALLS = [
    "open",
    "fstat",
    "read",
    "close",
    "write",
    "replace",
    "rename",
    "stat",
    "lstat",
    "mkdir",
    "makedirs",
    "unlink",
]


@pytest.fixture
def calls(monkeypatch, step_by_step):
    """Count the system calls that are made through ``os``."""
    counts = Counter()

    def counted(name, function):
        def call(*args, **kwargs):
            counts[name] += 1
            return function(*args, **kwargs)

        return call

    for name in CALLS:
        monkeypatch.setattr(os, name, counted(name, getattr(os, name)))
    return counts


@pytest.mark.parametrize("nbytes", [0, 1, 100_000])
def test_reading_a_value_takes_four_system_calls(store, calls, nbytes):
    store["a/0.0"] = bytes(nbytes)
    calls.clear()
    assert store["a/0.0"] == bytes(nbytes)
    assert calls == {"open": 1, "fstat": 1, "read": 1, "close": 1}


def test_reading_a_missing_value_takes_one_system_call(store, calls):
    store["a/0"] = b""
    calls.clear()
    assert store.get("a/1") is None
    assert calls == {"open": 1}


def test_writing_a_value_to_an_existing_directory_takes_four_system_calls(store, calls):
    store["a/0.0"] = b"x"
    calls.clear()
    store["a/0.1"] = b"y"
    assert calls == {"open": 1, "write": 1, "close": 1, "replace": 1}


def test_a_directory_store_is_a_mapping_of_files(store):
    assert len(store) == 0
    assert "a" not in store
    store["a/b/0"] = bytearray(b"x")
    store["a/.zarray"] = memoryview(b"yz")
    store["c"] = np.frombuffer(b"1234", "u1")
    assert sorted(store) == sorted(store.keys()) == ["a/.zarray", "a/b/0", "c"]
    assert dict(store) == {"a/b/0": b"x", "a/.zarray": b"yz", "c": b"1234"}
    assert store.listdir("a") == [".zarray", "b"]
    assert store.listdir("nonesuch") == store.listdir("c") == []
    assert store.getsize("a") == 2
    assert store.getsize("c") == 4
    assert store.getsize("nonesuch") == 0
    store.rename("a", "d/e")
    assert sorted(store) == ["c", "d/e/.zarray", "d/e/b/0"]
    store.rmdir("d")
    del store["c"]
    assert list(store) == []
    with pytest.raises(KeyError):
        del store["c"]
    with pytest.raises(KeyError, match="'c'"):
        store["c"]


def test_a_directory_is_not_a_value(store):
    store["a/b"] = b"x"
    assert "a" not in store
    assert store.get("a") is None
    assert store.get("a/b/c") is None
    with pytest.raises(errors.KeyPathError, match="it is the path of other keys"):
        store["a"] = b"y"
    assert dict(store) == {"a/b": b"x"}


HOSTILE = [
    "../x",
    "a/../../x",
    "..",
    ".",
    "a/..",
    "/etc/passwd",
    "a//b",
    "a/",
    "",
    "a\\b",
    "a/./b",
    "./a",
    "a\0b",
]


@pytest.mark.parametrize("key", HOSTILE)
def test_no_key_leaves_the_root(store, key, tmp_path):
    (tmp_path / "x").write_bytes(b"secret")
    for access in (
        lambda: store[key],
        lambda: store.get(key),
        lambda: store.__setitem__(key, b""),
        lambda: store.__delitem__(key),
        *([] if key == "a/" else [lambda: key in store]),
    ):
        with pytest.raises(ValueError, match=r"key|null"):
            access()
    assert sorted(os.listdir(tmp_path)) == ["x"]
    assert (tmp_path / "x").read_bytes() == b"secret"


@pytest.mark.parametrize("path", ["..", "a/../..", "."])
def test_no_path_leaves_the_root(store, path):
    for access in (store.listdir, store.rmdir, store.getsize, store.dir_path, lambda p: store.rename(p, "b")):
        with pytest.raises(errors.KeyPathError):
            access(path)


def test_a_key_that_is_not_a_str_is_refused(store):
    with pytest.raises(ValueError, match="int"):
        store[5]


def test_temporary_files_of_a_failed_write_are_not_keys(store, monkeypatch, step_by_step):
    store["a/0"] = b"old"

    def fail(*args):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", fail)
        with pytest.raises(OSError, match="No space"):
            store["a/0"] = b"new"
    assert dict(store) == {"a/0": b"old"}
    assert os.listdir(store.dir_path("a")) == ["0"], "the temporary file is removed"
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", fail)
        patch.setattr(os, "unlink", lambda path: None)
        with pytest.raises(OSError, match="No space"):
            store["a/0"] = b"new"
    assert len(os.listdir(store.dir_path("a"))) == 2, "an interrupted writer leaves its temporary file"
    assert list(store) == ["a/0"]
    assert store.listdir("a") == ["0"]
    assert store.getsize("a") == 3


def test_a_reader_sees_a_complete_value_while_it_is_replaced(store):
    values = [bytes([i]) * 200_000 for i in range(4)]
    store["k"] = values[0]
    stop = threading.Event()

    def rewrite():
        while not stop.is_set():
            for value in values:
                store["k"] = value

    thread = threading.Thread(target=rewrite)
    thread.start()
    try:
        assert all(store["k"] in values for _ in range(300))
    finally:
        stop.set()
        thread.join()


def test_many_writers_of_one_key_leave_one_complete_value(store):
    threads = [
        threading.Thread(target=lambda i=i: [store.__setitem__("k", bytes([i]) * 1000) for _ in range(50)])
        for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store["k"] in [bytes([i]) * 1000 for i in range(8)]
    assert os.listdir(store.path) == ["k"]


def test_a_short_read_is_continued(store, monkeypatch, step_by_step):
    store["k"] = bytes(range(256)) * 10
    read = os.read
    monkeypatch.setattr(os, "read", lambda fd, n: read(fd, min(n, 100)))
    assert store["k"] == bytes(range(256)) * 10


def test_a_short_write_is_continued(store, monkeypatch, step_by_step):
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:100]))
    store["k"] = bytes(range(256)) * 10
    monkeypatch.undo()
    assert store["k"] == bytes(range(256)) * 10


def test_stores_of_one_directory_are_equal_and_a_file_is_refused(store, tmp_path):
    assert store == DirectoryStore(str(tmp_path / "root"))
    assert store != DirectoryStore(tmp_path / "other")
    (tmp_path / "file").write_text("x")
    with pytest.raises(NotADirectoryError, match="file"):
        DirectoryStore(tmp_path / "file")


def test_keys_can_be_converted_to_lower_case(tmp_path):
    store = DirectoryStore(tmp_path, normalize_keys=True)
    store["A/B"] = b"x"
    assert os.listdir(tmp_path) == ["a"]
    assert store["a/b"] == store["A/B"] == b"x"


def test_array_operations_work_in_a_directory(tmp_path):
    path = tmp_path / "data.zarr"
    model = np.arange(60.0).reshape(6, 10)
    zarrcy.save_array(str(path), model, chunks=(4, 4))
    a = zarrcy.open(path, mode="r+")
    np.testing.assert_array_equal(a[::-1, 3:9:2], model[::-1, 3:9:2])
    a[1:5, 2] = -1
    model[1:5, 2] = -1
    a.append(model)
    a.resize(9, None)
    np.testing.assert_array_equal(zarrcy.load(path), np.concatenate([model, model])[:9])
    assert a.nchunks == a.nchunks_initialized == 9
    assert a.nbytes_stored == sum(f.stat().st_size for f in path.iterdir())
    zarrcy.open(path, mode="w", shape=3)
    assert sorted(os.listdir(path)) == [".zarray"], "mode w deletes the existing array"
