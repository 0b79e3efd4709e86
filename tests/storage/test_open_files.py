"""Files of values that are opened to read parts of them, in compiled code and in Python."""

import errno
import gc
import os
import sys

import pytest

from zarrcy import _kernels
from zarrcy.storage.local import atomic_files

pytestmark = pytest.mark.skipif(_kernels.file_io is None, reason="a pure build has only the twin in Python")

CONTENT = bytes(range(10))
BIG = 2**70


@pytest.fixture
def path(tmp_path):
    (tmp_path / "value").write_bytes(CONTENT)
    return str(tmp_path / "value")


def open_in_python(path):
    descriptor, status = atomic_files.open_file(path)
    return atomic_files.OpenValue(
        descriptor, status.st_size, (status.st_ino, status.st_mtime_ns, status.st_size)
    )


@pytest.mark.parametrize("start", [0, 3, 9, 10, 11, BIG, -1, -10, -11, -BIG])
@pytest.mark.parametrize("nbytes", [None, 0, 1, 9, 10, 11, BIG])
def test_compiled_code_reads_the_same_parts_as_python(path, start, nbytes):
    with _kernels.file_io.open_file(path) as compiled, open_in_python(path) as twin:
        expected = CONTENT[max(0, len(CONTENT) + start) if start < 0 else start :]
        expected = expected if nbytes is None else expected[:nbytes]
        assert compiled.read(start, nbytes) == twin.read(start, nbytes) == expected
        assert (compiled.nbytes, compiled.identity) == (twin.nbytes, twin.identity)


def test_a_replaced_file_is_another_one_and_the_open_one_stays_readable(path):
    with _kernels.file_io.open_file(path) as old:
        assert atomic_files.replace_file(path, b"other")
        with _kernels.file_io.open_file(path) as new:
            assert (old.read(0, None), new.read(0, None)) == (CONTENT, b"other")
            assert old.identity != new.identity


def test_a_file_that_became_shorter_gives_the_bytes_that_it_has(path):
    with _kernels.file_io.open_file(path) as file:
        os.truncate(path, 4)
        assert file.read(2, 5) == CONTENT[2:4]
        assert file.nbytes == len(CONTENT)


@pytest.mark.parametrize("ends", ["with", "freed", "raised"])
def test_the_descriptor_is_closed_at_the_end(path, ends):
    file = _kernels.file_io.open_file(path)
    fd = file.fd
    os.fstat(fd)
    if ends == "freed":
        del file
        gc.collect()
    elif ends == "with":
        with file:
            pass
        assert file.fd == -1
        with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
            file.read(0, 1)
    else:
        with pytest.raises(KeyboardInterrupt), file:
            raise KeyboardInterrupt
    with pytest.raises(OSError, match=os.strerror(errno.EBADF)):
        os.fstat(fd)


def test_what_is_not_a_regular_file_is_left_to_python(tmp_path):
    os.symlink("nothing", tmp_path / "link")
    os.symlink("value", tmp_path / "good link")
    (tmp_path / "value").write_bytes(b"a")
    (tmp_path / "folder").mkdir()
    names = ["missing", "missing/below", "link", "folder", "value/below", "good link"]
    if sys.platform != "darwin":
        os.mkfifo(tmp_path / "fifo")
        names.append("fifo")
    opened = {name: _kernels.file_io.open_file(str(tmp_path / name)) for name in names}
    with opened.pop("good link") as file:
        assert file.read(0, None) == b"a"
    assert opened.pop("missing") is opened.pop("missing/below") is None
    assert set(opened.values()) == {False}


def test_a_link_to_nothing_or_a_directory_raises_an_error_if_the_caller_asks_for_that(tmp_path, monkeypatch):
    os.symlink("nothing", tmp_path / "link")
    (tmp_path / "folder").mkdir()
    for native in (_kernels.file_io, None):
        monkeypatch.setattr(atomic_files, "native", native)
        for name, number in (("link", errno.ENOENT), ("folder", errno.EISDIR), ("missing", None)):
            path = str(tmp_path / name)
            assert atomic_files.read_file(path) is None
            if number is None:
                assert atomic_files.read_file(path, strict=True) is None
                continue
            with pytest.raises(OSError, match=os.strerror(number)) as info:
                atomic_files.read_file(path, strict=True)
            assert info.value.errno == number
