"""Where a value is expected, there is a link to nothing, a directory, a FIFO: never a missing value, never a wait."""

import os
import pickle
import socket

import numcodecs
import numpy as np
import obstore.store
import pytest

import zarrcy
from zarrcy.errors import MetadataError, NotAFileError
from zarrcy.storage import DirectoryStore
from zarrcy.storage.remote.fsspec import FSStore
from zarrcy.storage.remote.obstore import ObjectStore

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a POSIX system")

ARRAYS = {
    "raw": {"compressor": None},
    "large raw": {"compressor": None, "shape": (400, 400), "chunks": (200, 200)},
    "compressed": {"compressor": numcodecs.Zlib(1)},
    "filtered": {"filters": [numcodecs.Delta("i4")], "dimension_separator": "/"},
    "fortran": {"order": "F", "dimension_separator": "/"},
    "v3": {"zarr_format": 3},
    "shards": {"zarr_format": 3, "chunks": (1, 1), "shards": (2, 2)},
    "shards of filtered chunks": {
        "zarr_format": 3,
        "chunks": (1, 1),
        "shards": (2, 2),
        "codecs": ["bytes", "gzip"],
    },
}


def link_to_nothing(path):
    os.symlink("/nonexistent/annex/key", path)


def link_in_a_circle(path):
    os.symlink(path, path)


def directory(path):
    os.mkdir(path)
    with open(os.path.join(path, "x"), "w") as file:
        file.write("x" * 10)


def socket_file(path):
    server = socket.socket(socket.AF_UNIX)
    # the path of a socket is short
    above = os.open(os.path.dirname(path), os.O_RDONLY)
    try:
        server.bind(f"/proc/self/fd/{above}/{os.path.basename(path)}")
    finally:
        os.close(above)
        server.close()


KINDS = {
    "a link to nothing": link_to_nothing,
    "a link in a circle": link_in_a_circle,
    "a directory": directory,
    "a FIFO": os.mkfifo,
    "a socket": socket_file,
    "a device": lambda path: os.symlink("/dev/zero", path),
    "the null device": lambda path: os.symlink("/dev/null", path),
}


STORES = {
    "a directory": DirectoryStore,
    "fsspec": lambda path: FSStore(f"file://{path}"),
    "fsspec, read-only": lambda path: FSStore(str(path), mode="r"),
    "obstore": lambda path: ObjectStore(obstore.store.LocalStore(path, mkdir=True)),
    "a cache": lambda path: zarrcy.LRUStoreCache(DirectoryStore(path), None),
}


def made(path, kind, **kwargs):
    options = {"shape": (4, 4), "chunks": (2, 2), "dtype": "i4", "fill_value": 0, **ARRAYS[kind], **kwargs}
    a = zarrcy.create(store=path, **options)
    a[...] = 1
    return a


def key_of_first(a):
    names = [name for name in a.store if not name.endswith(("json", ".zarray", ".zattrs"))]
    return min(names)


def replace(path, put):
    os.remove(path)
    put(path)


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("kind", ARRAYS)
def test_a_chunk_that_is_not_a_file_is_an_error_and_not_a_missing_chunk(tmp_path, kind, what):
    a = made(str(tmp_path / "a"), kind)
    key = key_of_first(a)
    n = a.shape[0] // 2
    replace(os.path.join(a.store.path, key), KINDS[what])
    for selection in [(0, 0), (slice(0, n), slice(0, n)), ...]:
        with pytest.raises(OSError, match=f"(?s)the value '{key}' can't be read"):
            a[selection]
        with pytest.raises(OSError, match=f"(?s)the value '{key}' can't be read"):
            zarrcy.open_array(a.store, mode="r", cache_bytes=10**6)[selection]
    with pytest.raises(OSError, match=key):
        a[0, 0] = 5
    with pytest.raises(OSError, match=key):
        a.vindex[[0, 1], [0, 1]] = 5
    # what was there stays, and other chunks can be read and written
    assert os.path.lexists(os.path.join(a.store.path, key))
    assert (a[n:, n:] == 1).all()
    a[n:, n:] = 2
    assert (a[n:, n:] == 2).all()
    report = zarrcy.verify(a.store)
    assert key in str(report)
    assert not report.ok if hasattr(report, "ok") else True


@pytest.mark.parametrize("what", KINDS)
@pytest.mark.parametrize("kind", ["raw", "filtered", "shards"])
@pytest.mark.parametrize("store", ["fsspec", "fsspec, read-only", "obstore"])
def test_a_chunk_that_is_not_a_file_is_an_error_in_a_local_store_of_another_package(
    tmp_path, store, kind, what
):
    made(str(tmp_path / "a"), kind)
    a = zarrcy.open_array(STORES[store](tmp_path / "a"), mode="r" if "read-only" in store else "r+")
    key = key_of_first(a)
    replace(os.path.join(tmp_path, "a", key), KINDS[what])
    for selection in [(0, 0), (slice(0, 2), slice(0, 2)), ...]:
        with pytest.raises(OSError, match=f"(?s)the value '{key}' can't be read"):
            a[selection]
    if "read-only" not in store:
        with pytest.raises(OSError, match=key):
            a[0, 0] = 5
    assert os.path.lexists(tmp_path / "a" / key)
    assert (a[2:, 2:] == 1).all()
    # the store itself does not wait, either
    for use in (a.store.get, lambda key: a.store.get_partial_values([(key, (0, 1))])):
        if what in ("a link to nothing", "a directory"):
            assert use(key) in (None, [None])
        else:
            with pytest.raises(OSError, match=key):
                use(key)


@pytest.mark.parametrize("kind", ["v3", "shards", "fortran", "filtered"])
@pytest.mark.parametrize("what", ["a file", "a link to nothing", "a FIFO"])
def test_something_else_than_a_directory_on_the_way_to_a_chunk_is_an_error(tmp_path, kind, what):
    a = made(str(tmp_path / "a"), kind)
    key = key_of_first(a)
    folder = os.path.join(a.store.path, os.path.dirname(key))
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    os.rmdir(folder)
    if what == "a file":
        with open(folder, "w") as file:
            file.write("x")
    else:
        KINDS[what](folder)
    for selection in [(0, 0), (slice(0, 2), slice(2, 4)), ...]:
        with pytest.raises(NotAFileError, match=f"the value '{os.path.dirname(key)}"):
            a[selection]
    with pytest.raises(OSError):
        a[0, 0] = 5
    assert (a[2:, 2:] == 1).all()


@pytest.mark.parametrize("what", KINDS)
def test_the_store_itself_counts_links_to_nothing_and_directories_as_missing(tmp_path, what):
    store = DirectoryStore(tmp_path)
    KINDS[what](str(tmp_path / "a"))
    if what in ("a link to nothing", "a directory"):
        assert store.get("a") is None
        assert "a" not in store
        assert store.get_partial_values([("a", (0, 1))]) == [None]
        with pytest.raises(KeyError):
            store["a"]
    else:
        with pytest.raises(OSError, match="the value 'a' can't be read"):
            store["a"]
        with pytest.raises(OSError, match="the value 'a' can't be read"):
            store.get_partial_values([("a", (0, 1))])
    with pytest.raises(OSError, match="the value 'a' can't be read"):
        store.open_value("a")


@pytest.mark.parametrize("kind", ARRAYS)
def test_a_missing_chunk_below_linked_directories_is_still_the_fill_value(tmp_path, kind):
    os.mkdir(tmp_path / "real")
    os.symlink(tmp_path / "real", tmp_path / "link")
    a = made(str(tmp_path / "link" / "a"), kind, fill_value=7)
    del a.store[key_of_first(a)]
    n = a.shape[0] // 2
    assert (a[:n, :n] == 7).all()
    assert (a[n:] == 1).all()
    a[0, 0] = 3
    assert a[0, 0] == 3
    assert a[0, 1] == 7


@pytest.mark.parametrize("appears", ["before", "after"])
def test_a_file_that_appears_around_the_check_for_links_to_nothing_does_not_raise(
    tmp_path, monkeypatch, appears
):
    """The first attempt to open the file fails; another writer creates it before or after the check."""
    store, exists = DirectoryStore(tmp_path), os.path.lexists

    def check(path):
        missing = not exists(path)
        (tmp_path / "c").mkdir(exist_ok=True)
        (tmp_path / "c" / "0").write_bytes(b"value")
        return appears == "before" or not missing

    # the compiled code makes the check in one system call
    monkeypatch.setattr("zarrcy.storage.local.directory.native", None)
    monkeypatch.setattr(os.path, "lexists", check)
    opened = store.open_value("c/0")
    if appears == "after":
        assert opened is None
        opened = store.open_value("c/0")
    with opened:
        assert opened.read(0, None) == b"value"


@pytest.mark.parametrize("what", ["a FIFO", "a socket", "a device", "the null device", "a link in a circle"])
@pytest.mark.parametrize("kind", ["raw", "v3"])
def test_a_document_that_is_not_a_file_is_an_error(tmp_path, kind, what):
    a = made(str(tmp_path / "a"), kind)
    name = "zarr.json" if kind == "v3" else ".zarray"
    replace(os.path.join(a.store.path, name), KINDS[what])
    with pytest.raises((OSError, MetadataError)) as raised:
        zarrcy.open_array(str(tmp_path / "a"), mode="r")
    assert name in str(raised.value)


USES_OF_DOCUMENTS = {
    ".zgroup": ["open", "group", "list", "tree", "mode a", "mode w", "create", "copy"],
    ".zattrs": ["attributes", "change attributes", "copy"],
    "a/.zarray": ["array", "member", "contains", "list", "tree", "create", "replace", "overwrite", "copy"],
    "a/.zattrs": ["attributes of a", "change attributes of a", "copy"],
    "s/.zgroup": ["subgroup", "list", "tree", "require subgroup", "copy"],
    "zarr.json": ["open", "group", "list", "tree", "mode a", "mode w", "create", "copy"],
    "a/zarr.json": ["array", "member", "contains", "list", "tree", "create", "replace", "overwrite", "copy"],
    "s/zarr.json": ["subgroup", "list", "tree", "require subgroup", "copy"],
}
USES = {
    "open": lambda store: zarrcy.open(store, mode="r"),
    "group": lambda store: zarrcy.open_group(store, mode="r"),
    "mode a": lambda store: zarrcy.open_group(store, mode="a"),
    "mode w": lambda store: zarrcy.open_group(store, mode="w"),
    "array": lambda store: zarrcy.open_array(store, path="a", mode="r"),
    "member": lambda store: zarrcy.open_group(store, mode="r")["a"],
    "contains": lambda store: "a" in zarrcy.open_group(store, mode="r"),
    "subgroup": lambda store: zarrcy.open_group(store, mode="r")["s"],
    "require subgroup": lambda store: zarrcy.open_group(store, mode="r+").require_group("s"),
    "list": lambda store: list(zarrcy.open_group(store, mode="r")),
    "tree": lambda store: str(zarrcy.open_group(store, mode="r").tree()),
    "create": lambda store: zarrcy.open_group(store, mode="r+").create_dataset("a", shape=3),
    "replace": lambda store: zarrcy.open_group(store, mode="r+").__setitem__("a", [1]),
    "overwrite": lambda store: zarrcy.open_group(store, mode="r+").create_dataset(
        "a", shape=3, overwrite=True
    ),
    "attributes": lambda store: zarrcy.open_group(store, mode="r").attrs.asdict(),
    "change attributes": lambda store: zarrcy.open_group(store, mode="r+").attrs.update(x=2),
    "attributes of a": lambda store: zarrcy.open_group(store, mode="r")["a"].attrs.asdict(),
    "change attributes of a": lambda store: zarrcy.open_group(store, mode="r+")["a"].attrs.update(x=2),
    "copy": lambda store: zarrcy.copy_store(store, {}),
}


@pytest.mark.parametrize("store", ["a directory", "fsspec", "obstore", "a cache"])
@pytest.mark.parametrize("key", USES_OF_DOCUMENTS)
def test_a_document_that_is_a_link_to_nothing_is_not_a_missing_document(tmp_path, key, store):
    path = str(tmp_path / "h")
    group = zarrcy.open_group(path, mode="w", zarr_format=3 if key.endswith("json") else 2)
    group.attrs["x"] = 1
    group.create_dataset("a", shape=4, chunks=2)[...] = 1
    group["a"].attrs["x"] = 1
    group.create_group("s")
    replace(os.path.join(path, key), link_to_nothing)
    for use in USES_OF_DOCUMENTS[key]:
        with pytest.raises(NotAFileError, match=f"the value '{key}' can't be read"):
            USES[use](STORES[store](path))
        assert os.path.islink(os.path.join(path, key))
        assert os.path.exists(os.path.join(path, "a"))
    assert [problem.key for problem in zarrcy.verify(STORES[store](path)).problems] == [key]
    # the store itself counts it as missing
    opened = STORES[store](path)
    assert opened.get(key) is None
    assert key not in opened
    with pytest.raises(KeyError):
        opened[key]


@pytest.mark.parametrize("what", KINDS)
def test_a_document_is_not_created_where_something_else_is(tmp_path, what):
    os.mkdir(tmp_path / "a")
    KINDS[what](str(tmp_path / "a" / ".zarray"))
    for mode in ("a", "w-"):
        with pytest.raises((OSError, ValueError)):
            zarrcy.open_array(str(tmp_path / "a"), mode=mode, shape=3, zarr_format=2)
    assert os.path.lexists(tmp_path / "a" / ".zarray")


def test_a_fifo_with_a_writer_and_data_is_refused_too(tmp_path):
    a = made(str(tmp_path / "a"), "raw")
    path = os.path.join(a.store.path, key_of_first(a))
    replace(path, os.mkfifo)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(path, os.O_WRONLY | os.O_NONBLOCK)
    try:
        for content in (b"", np.ones(4, "i4").tobytes()):
            os.write(writer, content)
            with pytest.raises(NotAFileError, match="a FIFO, not a file"):
                a[0, 0]
    finally:
        os.close(reader)
        os.close(writer)


def test_the_error_survives_pickling():
    error = pickle.loads(pickle.dumps(NotAFileError("a/0", "/x/a/0", "there is a FIFO, not a file")))
    assert (error.key, error.path) == ("a/0", "/x/a/0")
    assert isinstance(error, OSError)
