"""Read a part of an array from a server: ``python cloud_read.py s3://bucket/data.zarr temperature``.

Only the chunks that the selection touches are fetched, many at the same time. Without arguments, the program uses a
file system in memory. It needs the extra `fsspec`, and `s3` for S3.
"""

import sys

import numpy as np

import zarrcy


def make_data(url):
    """Write something to read, with consolidated metadata: a reader then needs one request for all of them."""
    root = zarrcy.open_group(url, mode="w", zarr_format=3)
    root.create_dataset(
        "temperature", data=np.arange(1e6).reshape(1000, 1000), chunks=(50, 50), shards=(500, 500)
    )
    zarrcy.consolidate_metadata(url)


def run(url, name, **storage_options):
    """Print what a read of a window does, and read it."""
    root = zarrcy.open_group(url, mode="r", storage_options=storage_options)
    array = root[name]
    window = np.s_[..., :60, :60]
    print(array.explain(window))
    return array[window]


if __name__ == "__main__":
    if len(sys.argv) == 1:
        make_data("memory://data.zarr")
        print("mean:", run("memory://data.zarr", "temperature").mean())
    else:
        print("mean:", run(sys.argv[1], sys.argv[2], anon=True).mean())
