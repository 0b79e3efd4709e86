"""A fork does not come in the middle of an import by another thread: the child could not use the module."""

import importlib
import importlib.abc
import os
import sys
import threading
import time

import pytest
from forks import in_a_fork

import zarrcy

pytestmark = pytest.mark.skipif(not hasattr(os, "register_at_fork"), reason="the system has no fork")
# modules that zarrcy imports on first use: name, and a call that imports it
MODULES = {
    "sqlite3": lambda: list(zarrcy.SQLiteStore(":memory:")),
    "zarrcy.api.show_config": lambda: zarrcy.show_config.__name__,
    "zarrcy.storage.local.sqlite": lambda: zarrcy.storage.SQLiteStore.__name__,
}


class SlowImport(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Makes the next import of one module wait until it may go on, while its module lock is held."""

    def __init__(self, name):
        self.name, self.begun, self.may_end = name, threading.Event(), threading.Event()

    def find_spec(self, name, path=None, target=None):
        if name != self.name or self.begun.is_set():
            return None
        finders = [finder for finder in sys.meta_path if finder is not self]
        spec = next(spec for finder in finders if (spec := finder.find_spec(name, path, target)) is not None)
        self.loader, spec.loader = spec.loader, self
        return spec

    def create_module(self, spec):
        return self.loader.create_module(spec)

    def exec_module(self, module):
        self.begun.set()
        assert self.may_end.wait(600)
        self.loader.exec_module(module)


@pytest.fixture
def slow_import(monkeypatch):
    """Return a function that makes the next import of a module slow."""

    def forget(name):
        finder = SlowImport(name)
        monkeypatch.delitem(sys.modules, name, raising=False)
        package, _, attribute = name.rpartition(".")
        if package:
            monkeypatch.delattr(sys.modules[package], attribute, raising=False)
        for own in ("SQLiteStore", "show_config"):
            monkeypatch.delitem(vars(zarrcy), own, raising=False)
            monkeypatch.delitem(vars(zarrcy.storage), own, raising=False)
        monkeypatch.setattr(sys, "meta_path", [finder, *sys.meta_path])
        return finder

    return forget


def end_during_the_fork(finder):
    """Start a thread that lets an import end some time after the fork was asked for."""
    asked = threading.Event()

    def end():
        asked.wait(600)
        # a fork that does not wait is over by then; if it is not, the test passes without a test
        time.sleep(0.3)
        finder.may_end.set()

    threading.Thread(target=end).start()
    return asked


@pytest.mark.parametrize("name", MODULES)
def test_a_fork_waits_for_an_import_of_another_thread(name, slow_import):
    use = MODULES[name]
    use()
    finder = slow_import(name)
    results = []
    thread = threading.Thread(target=lambda: results.append(use()))
    thread.start()
    assert finder.begun.wait(600)
    end_during_the_fork(finder).set()
    outcome = in_a_fork(use)
    assert outcome() == use()
    thread.join()
    assert results == [use()]


def test_a_fork_does_not_wait_for_the_imports_of_the_program(slow_import, tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "module_of_a_user.py").write_text("")
    finder = slow_import("module_of_a_user")
    thread = threading.Thread(target=lambda: importlib.import_module("module_of_a_user"))
    thread.start()
    assert finder.begun.wait(600)
    outcome = in_a_fork(lambda: len(zarrcy.ones(3)))
    # the import ends only after the fork
    finder.may_end.set()
    assert outcome() == 3
    thread.join()


def test_a_fork_in_an_import_does_not_wait_for_the_import_itself(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "module_that_forks.py").write_text(
        "from forks import in_a_fork\nimport zarrcy\nresult = in_a_fork(lambda: len(zarrcy.ones(4)))()\n"
    )
    assert importlib.import_module("module_that_forks").result == 4
