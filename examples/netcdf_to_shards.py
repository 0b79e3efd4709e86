"""Convert a netCDF-4 or HDF5 file to Zarr format 3 with shards: ``python netcdf_to_shards.py FILE.nc OUT.zarr``.

Without arguments, the program makes a small file first. It needs the extra `netcdf`.
"""

import sys

import h5py
import numpy as np

import zarrcy
from zarrcy.cli import main as zarrcy_command


def make_file(path):
    """Write a small file as netCDF-4 does: variables with dimension scales and a fill value."""
    with h5py.File(path, "w") as file:
        for name, length in (("time", 40), ("lat", 60), ("lon", 60)):
            file[name] = np.arange(length, dtype="f8")
            file[name].make_scale(name)
        t = file.create_dataset("t", (40, 60, 60), "f4", chunks=(10, 30, 30), fillvalue=-999)
        t[:] = np.random.default_rng(0).random((40, 60, 60))
        t.attrs["units"] = "K"
        for axis, name in enumerate(("time", "lat", "lon")):
            t.dims[axis].attach_scale(file[name])


def run(source, target):
    """Import the file, then copy it with new chunks and shards. The copy runs in threads, piece by piece."""
    if zarrcy_command(["import", source, f"{target}.tmp"]):
        sys.exit("the import failed")
    options = ["--zarr-format", "3", "--chunks", "10x30x30", "--shards", "20x60x60"]
    root = zarrcy.open_group(target, mode="w", zarr_format=3)
    for name in zarrcy.open_group(f"{target}.tmp", mode="r").array_keys():
        array = zarrcy.open_array(f"{target}.tmp/{name}", mode="r")
        if zarrcy_command(
            [
                "copy",
                f"{target}.tmp/{name}",
                f"{target}/{name}",
                *(options if array.ndim == 3 else options[:2]),
            ]
        ):
            sys.exit("the copy failed")
    return root


if __name__ == "__main__":
    if len(sys.argv) == 1:
        make_file("small.nc")
    source, target = sys.argv[1:3] or ("small.nc", "small.zarr")
    root = run(source, target)
    print({name: (array.shape, array.chunks, array.shards) for name, array in root.arrays()})
    print(zarrcy.verify(target))
