"""Print the oldest versions that pyproject.toml allows, as requirements of pip."""

import re
import sys
import tomllib
from pathlib import Path

PROJECT = Path(__file__).parents[2] / "pyproject.toml"
# Extras whose packages a user installs, and what the tests themselves need. The other packages of the extra `test`
# (zarr-python 3, tensorstore ...) need newer versions of numcodecs or NumPy; tests that use them are skipped.
EXTRAS = (
    "netcdf",
    "progress",
    "locks",
    "fsspec",
    "s3",
    "obstore",
    "lmdb",
    "redis",
    "mongodb",
    "azure",
    "ml-dtypes",
    "testing",
)


def oldest(requirement):
    """Return the requirement with its lower bound as the version; ``None`` if it names this project."""
    if requirement.startswith("zarrcy["):
        return None
    name, bound = re.fullmatch(r"([\w.-]+(?:\[\w+\])?)>=([\d.]+)", requirement).groups()
    return f"{name}=={bound}"


def requirements():
    """Return the oldest versions of the dependencies and of the optional packages."""
    project = tomllib.loads(PROJECT.read_text())["project"]
    extras = project["optional-dependencies"]
    found = [*project["dependencies"], *(item for extra in EXTRAS for item in extras[extra])]
    return sorted({version for item in found if (version := oldest(item)) is not None})


if __name__ == "__main__":
    sys.stdout.write("\n".join(requirements()) + "\n")
