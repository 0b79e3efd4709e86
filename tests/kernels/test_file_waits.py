"""The compiled functions for files count how long a thread waits in system calls."""

import threading

import pytest

from zarrcy import _kernels

file_io = _kernels.file_io
pytestmark = pytest.mark.skipif(file_io is None, reason="a pure build has no compiled functions")


def test_each_file_that_is_read_opened_or_written_counts_once(tmp_path):
    path, partial = str(tmp_path / "a"), str(tmp_path / "b")
    file_io.take_waits()
    assert file_io.take_waits() == (0, 0, 0)
    assert file_io.replace_file(partial, path, b"abc")
    assert file_io.claim_file(partial, path, b"abc") == 0
    assert file_io.read_file(path) == b"abc"
    assert file_io.read_file(path + "x") is None
    with file_io.open_file(path) as opened:
        assert opened.read(0, None) == b"abc"
    n_files, least_ns, total_ns = file_io.take_waits()
    assert n_files == 5
    assert 0 < 5 * least_ns <= total_ns
    assert file_io.take_waits() == (0, 0, 0)


def test_each_thread_counts_its_own_files(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    file_io.take_waits()
    found = []

    def read():
        file_io.read_file(str(tmp_path / "a"))
        found.append(file_io.take_waits()[0])

    thread = threading.Thread(target=read)
    thread.start()
    thread.join()
    assert found == [1]
    assert file_io.take_waits()[0] == 0
