"""`show_config` tells the truth about this build and this process."""

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
# of those who work on zarrcy, or collections of other extras
NOT_FEATURES = {"demo", "test", "check", "testing", "docs", "bench", "fuzz"}


def test_what_is_printed_is_what_is_returned(capsys, monkeypatch):
    monkeypatch.setenv("ZARRCY_THREADS", "3")
    assert zarrcy.show_config() is None
    printed = capsys.readouterr().out
    found = zarrcy.show_config("dicts")
    assert capsys.readouterr().out == ""
    for section, rows in found.items():
        assert section in printed
        for name, value in rows.items():
            assert name in printed
            assert (" ".join(value) if isinstance(value, list) else str(value)) in printed
    assert found["threads"] == {"number": 3, "because of": "ZARRCY_THREADS in the environment"}
    assert found["settings"]["ZARRCY_THREADS"] == "3"
    with zarrcy.use_threads(2):
        assert zarrcy.show_config("dicts")["threads"]["number"] == 2 == thread_pool.n_threads()


def test_versions_and_codecs_are_those_that_are_loaded():
    found = zarrcy.show_config("dicts")
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["numcodecs"] == numcodecs.__version__
    assert found["codec libraries of numcodecs"]["blosc"] == numcodecs.blosc.VERSION_STRING
    assert found["kernels"]["kernels"].startswith("compiled" if _kernels.COMPILED else "numpy twins")
    if _kernels.native is not None:
        assert found["kernels"]["codecs of the lane"] == list(_kernels.native.CODECS)


def test_the_pure_twins_are_told():
    script = "import zarrcy; print(zarrcy.show_config('dicts')['kernels'])"
    env = {"ZARRCY_PURE": "1", "PYTHONPATH": str(Path(zarrcy.__file__).parent.parent)}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env)
    assert "numpy twins (ZARRCY_PURE is set)" in done.stdout


def test_the_extras_are_those_of_the_project():
    if not PROJECT.exists():
        pytest.skip("there is no source tree")
    extras = tomllib.loads(PROJECT.read_text())["project"]["optional-dependencies"]
    assert set(show_config.EXTRAS) == set(extras) - NOT_FEATURES
    for extra, name in show_config.EXTRAS.items():
        assert any(requirement.startswith(name) for requirement in extras[extra]), extra


def test_an_extra_that_is_not_installed_is_named(monkeypatch):
    monkeypatch.setitem(show_config.EXTRAS, "netcdf", "no-such-package")
    assert zarrcy.show_config("dicts")["extras"]["netcdf"] == "not here (no-such-package)"


def test_another_mode_is_refused():
    with pytest.raises(ValueError, match="'stdout' or 'dicts'"):
        zarrcy.show_config("json")
