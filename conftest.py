"""What pytest does not collect if a package is not installed: the examples in the modules for it."""

from importlib.util import find_spec

collect_ignore_glob = [
    place
    for package, place in (
        ("xarray", "zarrcy/xarray/*"),
        ("dask", "zarrcy/dask.py"),
        ("dask", "tests/datasets/cluster_job.py"),
    )
    if not find_spec(package)
]
