"""What a selection covers: pure computation on shapes and keys, without I/O.

The names that zarr-python 2 has in its module ``indexing`` can be imported from here too.
"""

from typing import Any

from zarrcy._lazy import find_zarr2_name, zarr2_names


def __getattr__(name: str) -> Any:
    return find_zarr2_name(__name__, __path__[0], name)


def __dir__() -> list[str]:
    return sorted({*globals(), *zarr2_names(__name__)[0]})
