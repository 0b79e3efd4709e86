"""The console script ``zarrcy``: import netCDF-4 and HDF5 files, look at arrays, copy and check them."""

from zarrcy.cli.console import main

__all__ = ["main"]
