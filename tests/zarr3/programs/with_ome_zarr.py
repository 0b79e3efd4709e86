"""ome-zarr without zarr-python: images are written and read in both formats."""

import sys
import warnings
from pathlib import Path

import zarrcy.compat

zarrcy.compat.install(api=3)

import numpy as np  # noqa: E402
import zarr  # noqa: E402
from ome_zarr.format import FormatV04, FormatV05  # noqa: E402
from ome_zarr.io import parse_url  # noqa: E402
from ome_zarr.reader import Reader  # noqa: E402
from ome_zarr.writer import write_image  # noqa: E402

warnings.simplefilter("ignore")
folder = Path(sys.argv[1])
image = np.random.default_rng(0).integers(0, 255, (2, 64, 64), dtype="u1")
for number, form in ((2, FormatV04()), (3, FormatV05())):
    place = str(folder / f"{number}.zarr")
    root = zarr.group(store=parse_url(place, mode="w", fmt=form).store, zarr_format=number)
    write_image(image, root, axes="cyx", fmt=form, storage_options={"chunks": (1, 32, 32)})
    node = next(iter(Reader(parse_url(place))()))
    assert np.array_equal(node.data[0].compute(), image)
