"""What pytest does not collect if a package is not installed: the examples in the modules for it."""

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("xarray") else ["zarrcy/xarray/*"]
