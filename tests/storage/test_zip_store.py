"""ZipStore: archives only grow, can be read in parts, and can be unpacked safely."""

import copy
import io
import os
import pickle
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from forks import in_a_fork
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import zarrcy
from zarrcy import errors
from zarrcy.storage import DirectoryStore, ZipStore, access


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "data.zip")


@pytest.fixture
def archive(path):
    """Return the path of a closed archive with two keys."""
    with ZipStore(path, mode="w") as store:
        store["a/0"] = b"first"
        store["b"] = bytes(range(256)) * 4000
    return path


def test_the_mode_decides_whether_an_archive_is_created_read_or_replaced(archive, path):
    with ZipStore(archive) as store:
        store["c"] = b"added"
        assert sorted(store) == ["a/0", "b", "c"]
    with pytest.raises(FileExistsError, match=r"data\.zip"):
        ZipStore(archive, mode="x")
    with ZipStore(archive, mode="w") as store:
        assert list(store) == []
    os.unlink(archive)
    with pytest.raises(FileNotFoundError, match=r"data\.zip"):
        ZipStore(archive, mode="r")
    with ZipStore(archive, mode="x") as store:
        store["a"] = b"1"
    with ZipStore(archive, mode="r") as store:
        assert dict(store) == {"a": b"1"}
    with pytest.raises(ValueError, match="mode is 'r\\+'"):
        ZipStore(archive, mode="r+")


def test_an_archive_that_is_opened_read_only_is_not_changed(archive):
    before = Path(archive).read_bytes()
    with ZipStore(archive, mode="r") as store:
        assert not store.is_writeable()
        for change in (
            lambda: store.__setitem__("c", b""),
            lambda: store.__delitem__("b"),
            lambda: store.setdefault("c", b""),
            store.clear,
        ):
            with pytest.raises(errors.ReadOnlyError):
                change()
        store.flush()
        assert len(store) == 2
    assert Path(archive).read_bytes() == before


def test_an_archive_in_a_file_object_can_be_read(archive):
    in_memory = io.BytesIO(Path(archive).read_bytes())
    with open(archive, "rb") as opened:
        for file in (in_memory, opened):
            store = ZipStore(file, mode="r")
            assert store["a/0"] == b"first"
            assert store.get_partial_values([("b", (-3, None))]) == [b"\xfd\xfe\xff"]
            assert store.listdir() == ["a", "b"]
    with pytest.raises(ValueError, match="can only be read"):
        ZipStore(io.BytesIO())
    with pytest.raises(TypeError, match="neither a path nor a file object"):
        ZipStore(5, mode="r")


def test_an_array_can_be_read_from_an_archive_in_memory(path):
    with ZipStore(path, mode="w") as store:
        zarrcy.save_array(store, np.arange(100).reshape(10, 10), chunks=3)
    store = ZipStore(io.BytesIO(Path(path).read_bytes()), mode="r")
    again = pickle.loads(pickle.dumps(store))
    for each in (store, again):
        np.testing.assert_array_equal(zarrcy.open_array(each, mode="r")[4], np.arange(40, 50))


def test_rewriting_a_key_replaces_its_value_and_zipfile_warns_about_the_waste(path):
    with ZipStore(path, mode="w") as store:
        store["a/0"] = b"old"
        with pytest.warns(UserWarning, match="Duplicate name: 'a/0'"):
            store["a/0"] = b"newer"
        assert store["a/0"] == b"newer"
        assert list(store) == store.keylist() == ["a/0"]
        assert len(store) == 1
        assert store.getsize("a") == 5
    with ZipStore(path, mode="r") as store:
        assert dict(store) == {"a/0": b"newer"}
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["a/0", "a/0"]


def test_writing_the_same_value_again_does_not_change_the_archive(archive):
    size = os.path.getsize(archive)
    with warnings.catch_warnings(), ZipStore(archive) as store:
        warnings.simplefilter("error")
        store["a/0"] = bytearray(b"first")
    assert os.path.getsize(archive) == size


def test_keys_cannot_be_deleted_but_the_whole_archive_can_be_cleared(archive):
    with ZipStore(archive) as store:
        with pytest.raises(KeyError, match="c"):
            del store["c"]
        with pytest.raises(errors.NotErasableError, match="'b' can't be deleted or moved: a ZipStore"):
            del store["b"]
        with pytest.raises(errors.NotErasableError, match="'a'"):
            store.rmdir("a")
        store.rmdir("c")
        store.clear()
        assert list(store) == []
        store["d"] = b"x"
    with ZipStore(archive, mode="r") as store:
        assert dict(store) == {"d": b"x"}


def test_overwriting_a_node_in_an_archive_is_refused(path):
    with ZipStore(path, mode="w") as store:
        array = zarrcy.create(6, chunks=2, store=store, path="a", overwrite=True, write_empty_chunks=False)
        array[:] = [0, 0, 1, 0, 0, 0]
        assert array.nchunks_initialized == 1
        with pytest.raises(NotImplementedError, match="'a' can't be deleted"):
            zarrcy.create(6, store=store, path="a", overwrite=True)


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "a/../../evil", "a//b", "folder/", "a/./b", "a\\b"])
def test_a_member_whose_name_is_not_a_valid_key_is_ignored(path, name):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("good/0", b"x")
        archive.writestr(zipfile.ZipInfo(name), b"" if name.endswith("/") else b"evil")
    with ZipStore(path, mode="r") as store:
        assert dict(store) == {"good/0": b"x"}
        assert store.listdir() == ["good"]
        assert store.getsize() == 0
        with pytest.raises(errors.KeyPathError):
            store[name]


def test_an_archive_can_be_unpacked_to_a_directory_store_and_packed_again(path, tmp_path):
    data = np.arange(24.0).reshape(4, 6)
    with ZipStore(path, mode="w") as store:
        zarrcy.array(data, chunks=(2, 4), store=store, path="group/a")
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path / "folder")
    folder = DirectoryStore(tmp_path / "folder")
    np.testing.assert_array_equal(zarrcy.open_array(folder, path="group/a")[...], data)
    assert os.stat(folder.dir_path(".zgroup")).st_mode & 0o777 == 0o644
    packed = str(tmp_path / "packed.zip")
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for folder_name, names, files in os.walk(folder.path):
            for name in names + files:
                full = os.path.join(folder_name, name)
                made.write(full, os.path.relpath(full, folder.path))
    with ZipStore(packed, mode="r") as store:
        assert dict(store) == dict(folder)
        np.testing.assert_array_equal(zarrcy.open_array(store, mode="r", path="group/a")[...], data)


COMPRESSIONS = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


@pytest.mark.parametrize("compression", COMPRESSIONS)
def test_compressed_members_can_be_read_whole_and_in_parts(path, compression):
    value = bytes(range(256)) * 100
    with ZipStore(path, compression, mode="w") as store:
        store["k"] = value
    with zipfile.ZipFile(path) as archive:
        assert archive.getinfo("k").compress_type == compression
    with ZipStore(path, mode="r") as store:
        assert store["k"] == value
        assert store.get_partial_values([("k", (1000, 10)), ("k", (-5, 3))]) == [
            value[1000:1010],
            value[-5:-2],
        ]


class Counted(io.BytesIO):
    n_read = 0

    def read(self, size=-1):
        value = super().read(size)
        self.n_read += len(value)
        return value


def test_reading_a_part_of_a_member_does_not_read_the_whole_member(path):
    with ZipStore(path, mode="w") as store:
        store["k"] = bytes(10**6)
    file = Counted(Path(path).read_bytes())
    store = ZipStore(file, mode="r")
    file.n_read = 0
    assert store.get_partial_values([("k", (500_000, 100))]) == [bytes(100)]
    assert file.n_read < 200


def test_archives_of_other_programs_can_be_read(path):
    with zipfile.ZipFile(path, "w") as made:
        # the header of the member is longer than the directory of the archive states
        with made.open("zip64", "w", force_zip64=True) as member:
            member.write(b"abc")
        extra = zipfile.ZipInfo("padded")
        extra.extra = b"\xca\xfe\x04\x00pads"
        made.writestr(extra, b"def")
        made.writestr("é", b"ghi")
        made.comment = b"a comment"
    held = Path(path).read_bytes()
    # data before the archive, as in a self-extracting archive
    Path(path).write_bytes(b"#!something" + held)
    with ZipStore(path, mode="r") as store:
        assert dict(store) == {"zip64": b"abc", "padded": b"def", "é": b"ghi"}
        assert store.get_partial_values([("zip64", (1, None)), ("padded", (-1, None))]) == [b"bc", b"f"]


def test_damage_in_an_archive_is_an_error(path):
    with ZipStore(path, mode="w") as store:
        store["a"] = b"0123456789" * 100
        store["b"] = b"x"
    held = bytearray(Path(path).read_bytes())
    held[held.index(b"0123456789") + 500] ^= 1
    with pytest.raises(zipfile.BadZipFile, match=r"'a' of .*CRC-32"):
        ZipStore(io.BytesIO(held), mode="r")["a"]
    held[0] ^= 1
    with pytest.raises(zipfile.BadZipFile, match=r"'a' of .* incomplete"):
        ZipStore(io.BytesIO(held), mode="r").get_partial_values([("a", (0, 1))])
    with pytest.raises(zipfile.BadZipFile):
        ZipStore(io.BytesIO(held[:-30]), mode="r")


def test_other_readers_can_read_the_archive_after_flush(path):
    with ZipStore(path, mode="w") as store:
        store["a"] = b"1"
        with pytest.raises(zipfile.BadZipFile):
            ZipStore(path, mode="r")
        store.flush()
        with ZipStore(path, mode="r") as other:
            assert dict(other) == {"a": b"1"}
        store["b"] = b"2"
        assert dict(store) == {"a": b"1", "b": b"2"}
        store.flush()
        with ZipStore(path, mode="r") as other:
            assert sorted(other) == ["a", "b"]


def test_using_a_closed_archive_is_an_error(archive):
    store = ZipStore(archive, mode="r")
    store.close()
    store.close()
    for use in (lambda: store["a/0"], lambda: store.get_partial_values([("a/0", (0, 1))])):
        with pytest.raises(ValueError, match=r"data\.zip' is closed"):
            use()
    writer = ZipStore(archive)
    writer.close()
    with pytest.raises(ValueError, match="closed"):
        writer["c"] = b""


def test_a_pickled_writer_continues_with_the_same_archive(path):
    store = ZipStore(path, compression=zipfile.ZIP_DEFLATED, mode="w", dimension_separator="/")
    store["a"] = b"1"
    pickled = pickle.dumps(store)
    store.close()
    with pickle.loads(pickled) as again:
        assert again == store
        assert access.dimension_separator(again) == "/"
        again["b"] = b"2"
    with ZipStore(path, mode="r") as reader:
        assert dict(reader) == {"a": b"1", "b": b"2"}
    assert again != ZipStore(path, mode="r")


def reads_correctly(store):
    return all(store["b"] == bytes(range(256)) * 4000 for _ in range(200))


def test_forked_children_and_their_parent_can_read_one_archive(archive):
    with ZipStore(archive, mode="r") as store:
        assert store["a/0"] == b"first"
        answers = [in_a_fork(reads_correctly, store) for _ in range(3)]
        assert reads_correctly(store)
        assert [answer() for answer in answers] == [True] * 3


def test_a_forked_child_cannot_write_to_the_archive_of_its_parent(archive):
    with ZipStore(archive) as store:
        with pytest.raises(RuntimeError, match="opened for writing before this process was forked"):
            in_a_fork(store.setdefault, "c", b"of the child")()
        store["c"] = b"of the parent"
    with ZipStore(archive, mode="r") as store:
        assert store["c"] == b"of the parent"


# -- several writers of one archive ---------------------------------------------------------------------


def pickled(store):
    return pickle.loads(pickle.dumps(store))


COPIES = {
    "pickled": pickled,
    "opened again": lambda store: ZipStore(store.path),
    "deep copy": copy.deepcopy,
    "opened by a link": lambda store: ZipStore(store.path + ".link"),
}


@pytest.mark.parametrize("how", COPIES)
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(steps=st.lists(st.tuples(st.integers(0, 1), st.sampled_from(["write", "flush", "read"])), max_size=12))
def test_writers_of_one_archive_lose_nothing(tmp_path, how, steps):
    folder = tempfile.mkdtemp(dir=tmp_path)
    path = os.path.join(folder, "a.zip")
    os.symlink(path, path + ".link")
    first = ZipStore(path, mode="w")
    first.flush()
    stores = [first, COPIES[how](first)]
    written, refused = {}, 0
    for number, (which, step) in enumerate(steps):
        store = stores[which]
        if step == "flush":
            store.flush()
        elif step == "write":
            try:
                store[f"k{number}"] = bytes([number]) * 100
            except errors.ArchiveInUseError:
                refused += 1
            else:
                written[f"k{number}"] = bytes([number]) * 100
        else:
            assert all(value == written[key] for key, value in store.items())
    for store in stores:
        store.close()
    with ZipStore(path, mode="r") as store:
        assert dict(store) == written
    assert refused == 0 or len({which for which, step in steps if step == "write"}) == 2


@pytest.mark.parametrize("how", COPIES)
def test_a_second_writer_is_refused_until_the_first_is_closed(path, how):
    os.symlink(path, str(path) + ".link")
    with ZipStore(path, mode="w") as store:
        store.flush()
        other = COPIES[how](store)
        store["a"] = b"1"
        for write in (
            lambda: other.__setitem__("b", b"2"),
            lambda: other.setdefault("b", b"2"),
            other.clear,
            lambda: ZipStore(path, mode="w"),
        ):
            with pytest.raises(errors.ArchiveInUseError, match="closed or flushed"):
                write()
    other["b"] = b"2"
    other.close()
    with ZipStore(path, mode="r") as reader:
        assert dict(reader) == {"a": b"1", "b": b"2"}


def test_an_archive_that_another_program_changed_is_not_overwritten(path):
    store = ZipStore(path, mode="w")
    store["a"] = b"1"
    store.flush()
    store["b"] = b"2"
    with open(path, "ab") as file:
        file.write(b"of another program")
    with pytest.raises(errors.ArchiveInUseError, match="another program changed it"):
        store["c"] = b"3"
    before = Path(path).read_bytes()
    with pytest.raises(errors.ArchiveInUseError, match="another program changed it"):
        store.close()
    assert Path(path).read_bytes() == before
    store.close()


def test_an_archive_that_was_replaced_while_it_was_written_is_an_error(path, tmp_path):
    with ZipStore(tmp_path / "other.zip", mode="w") as store:
        store["a"] = b"1"
    store = ZipStore(path, mode="w")
    store["b"] = b"2"
    os.replace(tmp_path / "other.zip", path)
    before = Path(path).read_bytes()
    with pytest.raises(errors.ArchiveInUseError, match="replaced it"):
        store.flush()
    assert Path(path).read_bytes() == before


def test_an_archive_without_a_directory_is_not_appended_to(path):
    with ZipStore(path, mode="w") as store:
        store["a"] = b"1" * 1000
        with pytest.raises(errors.ArchiveError, match="it has no directory"):
            ZipStore(path)
    with ZipStore(path) as store:
        assert list(store) == ["a"]


def use_and_close(store):
    for use in (lambda: store["a"], lambda: store.__setitem__("c", b"3"), store.flush):
        with pytest.raises(RuntimeError, match="before this process was forked"):
            use()
    store.close()
    store.zf.close()


def test_a_forked_child_that_closes_a_store_changes_nothing(path):
    with ZipStore(path, mode="w") as store:
        for key in "abcdefgh":
            store[key] = key.encode() * 5000
            answer = in_a_fork(use_and_close, store)
            store[key * 2] = b"meanwhile"
            assert answer() is None
        store.flush()
        # the child does not keep the lock
        with pickled(store) as other:
            other["later"] = b"1"
    with ZipStore(path, mode="r") as reader:
        assert len(reader) == 17
        assert all(reader[key] == key.encode() * 5000 for key in "abcdefgh")
