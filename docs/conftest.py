"""The examples of the pages run as tests, each page in an empty folder."""

import importlib.util

import pytest

# The examples of a page run where the packages that they use are installed.
NEEDS = {"xarray.md": "xarray", "migration.md": "h5py"}
collect_ignore = ["build", "conf.py", "demo"] + [
    page for page, module in NEEDS.items() if importlib.util.find_spec(module) is None
]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path, monkeypatch):
    """Let the examples of a page write files."""
    monkeypatch.chdir(tmp_path)
