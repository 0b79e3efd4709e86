"""`show_config` describes this build and this process."""

import subprocess
import sys
import tomllib
from pathlib import Path

import numcodecs
import numpy as np
import pytest

import zarrcy
from zarrcy import _kernels
from zarrcy.api import show_config
from zarrcy.sync import thread_pool

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
# Extras for work on zarrcy itself, or collections of other extras.
NOT_FEATURES = {"demo", "test", "check", "coverage", "testing", "docs", "bench", "fuzz", "writers", "release"}


def test_the_printed_text_has_every_row_of_the_returned_sections(capsys, monkeypatch):
    monkeypatch.setenv("ZARRCY_THREADS", "3")
    assert zarrcy.show_config() is None
    printed = capsys.readouterr().out
    sections = zarrcy.show_config("dicts")
    assert capsys.readouterr().out == ""
    for section, rows in sections.items():
        assert section in printed
        for name, value in rows.items():
            assert name in printed
            assert (" ".join(value) if isinstance(value, list) else str(value)) in printed
    assert sections["threads"] == {"number": 3, "because of": "ZARRCY_THREADS in the environment"}
    assert sections["settings"]["ZARRCY_THREADS"] == "3"
    with zarrcy.use_threads(2):
        assert zarrcy.show_config("dicts")["threads"]["number"] == 2 == thread_pool.n_threads()


def test_versions_and_codecs_are_those_that_are_loaded():
    sections = zarrcy.show_config("dicts")
    assert sections["versions"]["numpy"] == np.__version__
    assert sections["versions"]["numcodecs"] == numcodecs.__version__
    assert sections["codec libraries of numcodecs"]["blosc"] == numcodecs.blosc.VERSION_STRING
    kernels = sections["kernels"]["kernels"]
    assert kernels.startswith("compiled" if _kernels.COMPILED else "NumPy implementation")
    if _kernels.native is not None:
        assert sections["kernels"]["codecs of the native path"] == list(_kernels.native.CODECS)


def test_a_pure_process_reports_the_numpy_implementation():
    script = "import zarrcy; print(zarrcy.show_config('dicts')['kernels'])"
    env = {"ZARRCY_PURE": "1", "PYTHONPATH": str(Path(zarrcy.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env)
    assert "NumPy implementation (ZARRCY_PURE is set)" in done.stdout


def test_the_extras_are_those_of_the_project():
    if not PROJECT.exists():
        pytest.skip("there is no source tree")
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    assert set(show_config.EXTRAS) == set(extras) - NOT_FEATURES
    for extra, name in show_config.EXTRAS.items():
        assert any(requirement.startswith(name) for requirement in extras[extra]), extra


def test_an_extra_that_is_not_installed_is_reported(monkeypatch):
    monkeypatch.setitem(show_config.EXTRAS, "netcdf", "no-such-package")
    assert zarrcy.show_config("dicts")["extras"]["netcdf"] == "not installed (no-such-package)"


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValueError, match="'stdout' or 'dicts'"):
        zarrcy.show_config("json")
