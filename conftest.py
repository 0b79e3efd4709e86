"""What pytest does not collect, and where the examples of the pages in docs/ run."""

from importlib.util import find_spec

import pytest

# Modules, pages and programs for packages that are not installed.
PLACES = (
    ("xarray", "zarrcy/xarray/*"),
    ("xarray", "docs/xarray.md"),
    ("dask", "docs/xarray.md"),
    ("dask", "zarrcy/dask.py"),
    ("dask", "tests/datasets/cluster_job.py"),
    ("h5py", "docs/migration.md"),
)
collect_ignore_glob = [
    "docs/conf.py",
    "docs/build/*",
    "docs/demo/*",
    *(place for package, place in PLACES if not find_spec(package)),
]


@pytest.fixture(autouse=True)
def empty_folder(request):
    """Let the examples of a page write files into a folder of their own."""
    if request.node.path.suffix == ".md":
        request.getfixturevalue("monkeypatch").chdir(request.getfixturevalue("tmp_path"))
