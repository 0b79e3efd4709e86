"""The progress bar is shown only on a terminal, and the work does not need it."""

from __future__ import annotations

import io
import sys

import pytest

from zarrcy.hierarchy.progress_bar import byte_progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_a_bar_with_label_and_size():
    stream = Terminal()
    with byte_progress(2048, "copying [bold]", stream) as advance:
        advance(2048)
    assert "copying [bold]" in stream.getvalue()
    assert "2.0/2.0 KiB" in stream.getvalue()


def test_nothing_is_drawn_without_a_terminal():
    stream = io.StringIO()
    with byte_progress(10, "copying", stream) as advance:
        advance(10)
    assert stream.getvalue() == ""


def test_quiet_draws_nothing():
    stream = Terminal()
    with byte_progress(10, "copying", stream, quiet=True) as advance:
        advance(10)
    assert stream.getvalue() == ""


def test_the_block_runs_without_rich(monkeypatch):
    monkeypatch.setitem(sys.modules, "rich", None)
    stream = Terminal()
    with byte_progress(10, "copying", stream) as advance:
        advance(10)
    assert stream.getvalue() == ""


def test_an_error_in_the_block_is_raised():
    with pytest.raises(KeyError, match="lost"), byte_progress(10, "copying", Terminal()):
        raise KeyError("lost")
