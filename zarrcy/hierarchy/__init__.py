"""The objects that users hold: arrays, groups and their attributes.

The names that zarr-python 2 has in its module ``hierarchy`` can be imported from here too.
"""

from zarrcy._lazy import Loaded, find_zarr2_name, zarr2_names


def __getattr__(name: str) -> Loaded:
    return find_zarr2_name(__name__, __path__[0], name)


def __dir__() -> list[str]:
    return sorted({*globals(), *zarr2_names(__name__)[0]})
