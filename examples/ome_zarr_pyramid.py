"""Write an image as an OME-Zarr pyramid (version 0.4): ``python ome_zarr_pyramid.py image.ome.zarr``.

Each level has half of the resolution of the one before. It is computed from chunks of that level, so the image may be
larger than the memory.
"""

import sys

import numpy as np

import zarrcy


def halve(tile):
    """Return the means of squares of 2 by 2 pixels."""
    rows, columns = (length // 2 * 2 for length in tile.shape)
    squares = tile[:rows, :columns].reshape(rows // 2, 2, columns // 2, 2)
    return squares.mean(axis=(1, 3)).astype(tile.dtype)


def run(path, shape=(1024, 1536), n_levels=4, tile=256):
    """Write an image of random blobs and its levels."""
    root = zarrcy.open_group(path, mode="w")
    y, x = np.ogrid[: shape[0], : shape[1]]
    image = root.create_dataset("0", shape=shape, chunks=(tile, tile), dtype="u2", dimension_separator="/")
    image[:] = (1000 * (2 + np.sin(y / 50) + np.cos(x / 70))).astype("u2")
    for level in range(1, n_levels):
        fine = root[str(level - 1)]
        coarse = root.create_dataset(
            str(level),
            shape=tuple(n // 2 for n in fine.shape),
            chunks=(tile, tile),
            dtype="u2",
            dimension_separator="/",
        )
        for rows, columns in coarse.write_regions(16):
            coarse[rows, columns] = halve(
                fine[2 * rows.start : 2 * rows.stop, 2 * columns.start : 2 * columns.stop]
            )
    scales = [[{"type": "scale", "scale": [2.0**level, 2.0**level]}] for level in range(n_levels)]
    root.attrs["multiscales"] = [
        {
            "version": "0.4",
            "name": "blobs",
            "axes": [
                {"name": "y", "type": "space", "unit": "micrometer"},
                {"name": "x", "type": "space", "unit": "micrometer"},
            ],
            "datasets": [
                {"path": str(level), "coordinateTransformations": scale} for level, scale in enumerate(scales)
            ],
        }
    ]
    return root


if __name__ == "__main__":
    root = run(sys.argv[1] if len(sys.argv) > 1 else "image.ome.zarr")
    print({name: array.shape for name, array in root.arrays()})
