"""The progress bar: on a terminal only, and never needed."""

from __future__ import annotations

import io
import sys

import pytest

from zarrcy.api.progress import byte_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_on_a_terminal_and_names_the_work_and_its_size():
    stream = Terminal()
    with byte_progress(2048, "copying [bold]", stream) as advance:
        advance(2048)
    assert "copying [bold]" in stream.getvalue()
    assert "2.0/2.0 KiB" in stream.getvalue()


def test_nothing_is_drawn_where_there_is_no_terminal():
    stream = io.StringIO()
    with byte_progress(10, "copying", stream) as advance:
        advance(10)
    assert stream.getvalue() == ""


def test_nothing_is_drawn_for_those_who_want_quiet():
    stream = Terminal()
    with byte_progress(10, "copying", stream, quiet=True) as advance:
        advance(10)
    assert stream.getvalue() == ""


def test_work_is_done_without_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    stream = Terminal()
    with byte_progress(10, "copying", stream) as advance:
        advance(10)
    assert stream.getvalue() == ""


def test_an_error_in_the_work_is_passed_on():
    with pytest.raises(KeyError, match="lost"), byte_progress(10, "copying", Terminal()):
        raise KeyError("lost")
