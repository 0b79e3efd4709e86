"""Operations that try again after a failure end in an error that names the key, however often they fail."""

import errno
import os
import time

import pytest

import zarrcy
from zarrcy.storage import DirectoryStore, N5Store, NestedDirectoryStore

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the file system has to have symbolic links")


@pytest.fixture(autouse=True)
def in_time():
    began = time.monotonic()
    yield
    assert time.monotonic() - began < 300


@pytest.mark.parametrize("mode", ["a", "w-", "x"])
@pytest.mark.parametrize("name", [".zarray", "zarr.json", ".zgroup", ".zattrs"])
@pytest.mark.parametrize("kind", ["array", "group"])
def test_a_document_that_is_a_dangling_link_ends_in_an_error_or_a_node(tmp_path, kind, name, mode):
    path = str(tmp_path / "a.zarr")
    os.mkdir(path)
    os.symlink("/nonexistent/annex", os.path.join(path, name))
    options = {"zarr_format": 3} if name == "zarr.json" else {}
    try:
        if kind == "array":
            zarrcy.open_array(path, mode=mode, shape=3, **options)
        else:
            zarrcy.open_group(path, mode=mode, **options)
    except (OSError, zarrcy.errors.ZarrcyError) as exc:
        assert name in str(exc)  # noqa: PT017 - some of the nodes can be created
    else:
        assert zarrcy.open(path, mode="r") is not None


@pytest.mark.parametrize("durability", ["none", "full"])
@pytest.mark.parametrize("target", ["/nonexistent/annex", "a/b", "loop"])
def test_claiming_a_key_that_is_a_link_to_no_file_is_an_error_with_the_key(tmp_path, target, durability):
    for kind in (DirectoryStore, NestedDirectoryStore):
        store = kind(tmp_path, durability=durability)
        link = tmp_path / "x"
        link.unlink(missing_ok=True)
        os.symlink(tmp_path / "x" if target == "loop" else target, link)
        with pytest.raises((OSError, zarrcy.errors.ZarrcyError), match="'x'"):
            store.setdefault("x", b"1")
        assert os.path.islink(link)
        assert os.listdir(tmp_path) == ["x"]


def test_a_key_of_other_keys_cannot_be_claimed(tmp_path):
    for store in (DirectoryStore(tmp_path / "d"), N5Store(tmp_path / "n")):
        store["a/b/c"] = b"1"
        with pytest.raises(zarrcy.errors.KeyPathError, match="'a/b'"):
            store.setdefault("a/b", b"1")


@pytest.mark.parametrize("call", ["open", "replace", "link"])
def test_a_directory_that_always_disappears_ends_in_an_error_with_the_key(
    tmp_path, monkeypatch, step_by_step, call
):
    store = DirectoryStore(tmp_path)

    def failing(*args, **options):
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), args[0])

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(FileNotFoundError, match="'a/0'"):
        store.setdefault("a/0", b"1") if call == "link" else store.__setitem__("a/0", b"1")


def test_a_system_that_writes_nothing_ends_in_an_error_with_the_key(tmp_path, monkeypatch, step_by_step):
    store = DirectoryStore(tmp_path)
    monkeypatch.setattr(os, "write", lambda fd, data: 0)
    with pytest.raises(OSError, match="'a/0'") as caught:
        store["a/0"] = b"1"
    assert caught.value.errno == errno.EIO


@pytest.mark.parametrize("number", [errno.ENOTEMPTY, errno.EBUSY, errno.EEXIST])
def test_deleting_a_directory_that_stays_full_ends(tmp_path, monkeypatch, number):
    store = DirectoryStore(tmp_path)
    store["a/b/0"] = b"1"

    def failing(path, **options):
        raise OSError(number, os.strerror(number), path)

    monkeypatch.setattr(os, "rmdir", failing)
    with pytest.warns(RuntimeWarning, match="remove that directory when no process uses them"):
        store.rmdir("a")
    monkeypatch.undo()
    assert list(store) == []
    assert store.listdir("a") == []
