"""What zarrcy writes is read, equal, by zarr-python 2, zarr-python 3 and tensorstore, and the reverse."""
