"""Programs that zarr-python 2 and zarrcy run alike, and those whose outcomes differ on purpose; see `families`."""
