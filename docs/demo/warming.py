"""Import real climate data, compare them with h5py, and draw the warming of North America in two scenarios.

The data come with the package iris-sample-data: yearly means of the air temperature from 1860 to 2099 in the scenarios
A1B and E1 (Met Office), and ocean temperatures on two grids of NEMO. Run it with::

    python docs/demo/warming.py --output demo-output

The exit status is 1 if any bit that zarrcy reads differs from what h5py reads.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import zarrcy
from zarrcy.cli.import_netcdf import Imported, import_file
from zarrcy.cli.text import format_nbytes, format_ratio, format_shape, print_table
from zarrcy.errors import MissingExtraError
from zarrcy.hierarchy.progress_bar import byte_progress

SCENARIOS = ("A1B", "E1")
FILES = {
    "A1B": "A1B_north_america.nc",
    "E1": "E1_north_america.nc",
    "ORCA2": "orca2_votemper.nc",
    "NEMO": "NEMO/nemo_1m_20150101-20150201_grid-T.nc",
}
TEMPERATURE = "air_temperature"
DECADE = 10
# Smaller variables are imported and checked like the others, but have no row in the table.
ROW_NBYTES = 10 * 1024


@dataclass
class Checks:
    """Number of comparisons, and the comparisons that failed."""

    n_selections: int = 0
    n_variables: int = 0
    mismatches: list[str] = field(default_factory=list)

    def compare(self, what: str, ours: Any, expected: Any) -> None:
        if not same_bits(ours, expected):
            self.mismatches.append(what)


def same_bits(ours: Any, expected: Any) -> bool:
    """Return whether two results have the same type, shape and bits, NaN and signs of zeros included."""
    a, b = np.asarray(ours), np.asarray(expected)
    if a.dtype != b.dtype or a.shape != b.shape:
        return False
    return a.tolist() == b.tolist() if a.dtype.hasobject else a.tobytes() == b.tobytes()


# -- import and check ----------------------------------------------------------------------------


def sample_folder() -> Path:
    """Return the directory with the files of iris-sample-data."""
    import iris_sample_data

    return Path(iris_sample_data.__file__).parent / "sample_data"


def selections(shape: tuple[int, ...]) -> Iterator[tuple[str, Any]]:
    """Iterate over (name, selection) for each kind of selection of an array with this shape."""
    yield "whole", ...
    if not shape:
        yield "the element", ()
        return
    middle = tuple(n // 2 for n in shape)
    yield "one element", middle
    yield "last element", (-1,) * len(shape)
    yield "window", tuple(slice(n // 4, n // 4 + max(1, n // 2)) for n in shape)
    yield "strided", (slice(1, None, 3),) * len(shape)
    yield "backwards", (slice(None, None, -2),) * len(shape)
    yield "last rows", (slice(-5, None), ...)
    yield "last column", (..., -1)
    yield "nothing", slice(0, 0)
    if len(shape) > 1:
        yield "series at a point", (slice(None), *middle[1:])
        yield "map at a time", middle[0]


def check_file(name: str, source: Path, store: Path, checks: Checks) -> dict[str, float]:
    """Compare each variable of an imported file with h5py. Return the seconds that reading each of them takes."""
    import h5py

    seconds = {}
    with h5py.File(source) as file:
        paths = [path.name for path in store.iterdir() if (path / ".zarray").exists()]
        total = sum(file[path].nbytes for path in paths)
        with byte_progress(total, f"checking {name}") as advance:
            for path in paths:
                array = zarrcy.open_array(store / path, mode="r")
                expected = file[path][()]
                began = time.perf_counter()
                array[...]
                seconds[path] = time.perf_counter() - began
                checks.n_variables += 1
                for label, key in selections(array.shape):
                    checks.compare(f"{name} {path}: {label} {key}", array[key], expected[key])
                    checks.n_selections += 1
                advance(file[path].nbytes)
    return seconds


def row_of(name: str, item: Imported, seconds: dict[str, float]) -> tuple[str, ...]:
    return (
        f"{name} {item.path}",
        format_shape(item.shape),
        format_shape(item.chunks),
        item.dtype,
        format_nbytes(item.nbytes),
        format_nbytes(item.nbytes_in_file),
        format_nbytes(item.nbytes_stored),
        format_ratio(item.nbytes, item.nbytes_stored),
        f"{item.seconds * 1000:.1f}",
        f"{seconds[item.path] * 1000:.2f}",
    )


HEADINGS = (
    "variable",
    "shape",
    "chunks",
    "dtype",
    "size",
    "in file",
    "in store",
    "ratio",
    "import ms",
    "read ms",
)


# -- analysis ------------------------------------------------------------------------------------


def years_of(values: NDArray[Any], units: str, calendar: str) -> NDArray[np.int64]:
    """Return the calendar year of each time, from the CF units and calendar.

    >>> years_of(np.array([0.0, 8639.0, 8640.0]), "hours since 1970-01-01 00:00:00", "360_day")
    array([1970, 1970, 1971])
    """
    match = re.fullmatch(r"(days|hours|seconds) since (\d+)-(\d+)-(\d+)(?: 0+:0+:0+)?", units)
    if match is None or calendar != "360_day":
        raise ValueError(
            f"the calendar is {calendar!r} with units {units!r}; this demo supports only 360_day"
        )
    per_day = {"days": 1, "hours": 24, "seconds": 86400}[match[1]]
    year, month, day = (int(match[n]) for n in (2, 3, 4))
    origin = (year * 12 + month - 1) * 30 + day - 1
    return np.floor((origin + np.asarray(values, "f8") / per_day) / 360).astype("i8")


def decades(years: NDArray[np.int64]) -> tuple[slice, slice]:
    """Return the first and the last ten years as slices of the time axis."""
    if (np.diff(years) != 1).any():
        raise ValueError("the years are not consecutive; the data must have one value per year")
    first = np.flatnonzero(years < years[0] + DECADE)
    last = np.flatnonzero(years > years[-1] - DECADE)
    return slice(int(first[0]), int(first[-1]) + 1), slice(int(last[0]), int(last[-1]) + 1)


def warming_of(temperature: Any, times: Any) -> tuple[NDArray[np.float64], tuple[int, int]]:
    """Return mean(last decade) - mean(first decade) per grid cell, and the first years of the decades.

    Parameters
    ----------
    temperature : zarrcy.Array or h5py.Dataset
        Temperatures with the axes time, latitude, longitude.
    times : zarrcy.Array or h5py.Dataset
        Times, with the attributes ``units`` and ``calendar``.
    """
    years = years_of(times[...], as_text(times.attrs["units"]), as_text(times.attrs["calendar"]))
    first, last = decades(years)
    means = [temperature[decade].mean(axis=0, dtype="f8") for decade in (first, last)]
    return means[1] - means[0], (int(years[first.start]), int(years[last.start]))


def as_text(value: bytes | str) -> str:
    return value.decode() if isinstance(value, bytes) else value


def save_warming(output: Path, checks: Checks) -> tuple[Path, tuple[int, int]]:
    """Compute the warming from the imported arrays, store it, and compare it with h5py and NumPy."""
    import h5py

    store = output / "warming.zarr"
    maps, begins = [], set()
    for scenario in SCENARIOS:
        imported = output / f"{scenario}.zarr"
        warming, decades_begin = warming_of(
            zarrcy.open_array(imported / TEMPERATURE, mode="r"),
            zarrcy.open_array(imported / "time", mode="r"),
        )
        maps.append(warming)
        begins.add(decades_begin)
    if len(begins) != 1:
        raise ValueError(f"the scenarios have different decades: {sorted(begins)}")
    began = begins.pop()
    result = zarrcy.create(
        (len(SCENARIOS), *maps[0].shape),
        chunks=(1, *maps[0].shape),
        dtype="f8",
        fill_value=np.nan,
        store=store,
        path="air_temperature_change",
        overwrite=True,
        attributes={
            "_ARRAY_DIMENSIONS": ["scenario", "latitude", "longitude"],
            "long_name": "warming between the first and the last decade",
            "units": "K",
            "decades": [f"{year}-{year + DECADE - 1}" for year in began],
        },
    )
    for number, warming in enumerate(maps):
        result[number] = warming
    names = np.array(SCENARIOS, object)
    scenario_axis = {"_ARRAY_DIMENSIONS": ["scenario"]}
    zarrcy.array(
        names,
        dtype=str,
        fill_value="",
        store=store,
        path="scenario",
        overwrite=True,
        attributes=scenario_axis,
    )
    for axis in ("latitude", "longitude"):
        source = zarrcy.open_array(output / f"{SCENARIOS[0]}.zarr" / axis, mode="r")
        zarrcy.array(source, store=store, path=axis, overwrite=True, attributes=source.attrs.asdict())

    saved = zarrcy.open_array(store, path="air_temperature_change", mode="r")
    for number, scenario in enumerate(SCENARIOS):
        with h5py.File(sample_folder() / FILES[scenario]) as file:
            expected, _ = warming_of(file[TEMPERATURE], file["time"])
        checks.compare(f"warming map of {scenario}", saved[number], expected)
    return store, began


# -- picture -------------------------------------------------------------------------------------


def mean_over_area(values: NDArray[Any], latitude: NDArray[Any]) -> float:
    """Return the mean of a map, weighted with the areas of its cells."""
    return float(np.average(values.mean(axis=1), weights=np.cos(np.deg2rad(latitude))))


def edges_of(centres: NDArray[Any]) -> NDArray[np.float64]:
    """Return the edges of evenly spaced cells."""
    step = float(centres[1] - centres[0])
    return np.append(centres - step / 2, centres[-1] + step / 2).astype("f8")


def draw(store: Path, began: tuple[int, int], picture: Path) -> list[float]:
    """Draw both stored maps and return the mean warming of each."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import FuncFormatter, MultipleLocator

    latitude, longitude = (zarrcy.open_array(store / axis, mode="r")[:] for axis in ("latitude", "longitude"))
    maps = zarrcy.open_array(store / "air_temperature_change", mode="r")[:]
    scenarios = zarrcy.open_array(store / "scenario", mode="r")[:]
    top = float(np.ceil(maps.max()))
    figure, axes = plt.subplots(1, len(maps), figsize=(12, 4.7), sharey=True, layout="constrained")
    means = []
    for axis, scenario, values in zip(axes, scenarios, maps, strict=True):
        mesh = axis.pcolormesh(
            edges_of(longitude), edges_of(latitude), values, cmap="YlOrRd", vmin=0, vmax=top
        )
        lines = axis.contour(
            longitude, latitude, values, range(2, int(top), 2), colors="black", linewidths=0.6
        )
        axis.clabel(lines, fmt="%d K", fontsize=9)
        means.append(mean_over_area(values, latitude))
        axis.set_title(f"{scenario}: {means[-1]:+.1f} K on average", fontsize=13)
        axis.set_xlabel("longitude")
        axis.set_aspect(1 / np.cos(np.deg2rad(latitude.mean())))
        axis.xaxis.set_major_locator(MultipleLocator(20))
        axis.yaxis.set_major_locator(MultipleLocator(15))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{360 - x:.0f}°W"))
        axis.yaxis.set_major_formatter(FuncFormatter(lambda y, _: f"{y:.0f}°N"))
    axes[0].set_ylabel("latitude")
    figure.colorbar(mesh, ax=axes, label="change of the air temperature (K)", shrink=0.8, pad=0.02)
    spans = [f"{year}\N{EN DASH}{year + DECADE - 1}" for year in began]
    figure.suptitle(f"Warming over North America, {spans[0]} to {spans[1]}", fontsize=15)
    figure.savefig(picture, dpi=150)
    plt.close(figure)
    return means


# -- all of it -----------------------------------------------------------------------------------


def main(argv: list[str] | None = None) -> int:
    """Run the demo and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("demo-output"),
        help="directory for all files (default: demo-output)",
    )
    output: Path = parser.parse_args(argv).output
    for package in ("h5py", "iris_sample_data", "matplotlib"):
        if importlib.util.find_spec(package) is None:
            print(MissingExtraError(package, "demo", "the demo"), file=sys.stderr)
            return 1
    output.mkdir(parents=True, exist_ok=True)
    checks = Checks()
    rows, n_small = [], 0
    for name, file_name in FILES.items():
        source, store = sample_folder() / file_name, output / f"{name}.zarr"
        report = import_file(source, store, overwrite=True)
        seconds = check_file(name, source, store, checks)
        large = [item for item in report.imported if item.nbytes >= ROW_NBYTES]
        n_small += len(report.imported) - len(large)
        rows += [row_of(name, item, seconds) for item in large]
    print_table(HEADINGS, rows, left=4, title=f"imported into {output}:")
    print(f"and {n_small} variables below {format_nbytes(ROW_NBYTES)}")
    store, began = save_warming(output, checks)
    picture = output / "warming.png"
    means = draw(store, began, picture)
    for scenario, mean in zip(SCENARIOS, means, strict=True):
        print(f"{scenario}: North America warms by {mean:.2f} K from the {began[0]}s to the {began[1]}s")
    print(f"maps: {store} and {picture}")
    if checks.mismatches:
        for mismatch in checks.mismatches:
            print(f"MISMATCH: {mismatch}", file=sys.stderr)
        return 1
    print(
        f"verified: {checks.n_selections} selections of {checks.n_variables} variables equal h5py bit for bit; "
        f"{len(SCENARIOS)} warming maps equal numpy"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
