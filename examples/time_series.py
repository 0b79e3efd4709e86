"""Append to an array, day by day, while others read it: ``python time_series.py``.

`append` writes the data first and the shape last, so a reader never sees rows that are not complete.
"""

import numpy as np

import zarrcy


def run(path, n_days=5):
    """Append some days of hourly values."""
    z = zarrcy.open_array(path, mode="a", shape=(0, 50, 100), chunks=(24, 50, 100), dtype="f4")
    reader = zarrcy.open_array(path, mode="r", cache_metadata=False)
    for day in range(n_days):
        z.append(np.full((24, 50, 100), day, "f4"))
        assert reader.shape[0] == z.shape[0]
        assert reader[-1, 0, 0] == day
    return reader.shape


if __name__ == "__main__":
    print("shape:", run("series.zarr"))
