"""Compare zarrcy and zarr-python 3 under xarray and dask: datasets are written, opened and read in turns.

python -m benchmarks.compare.datasets                  122 MiB in 20 variables; three minutes
python -m benchmarks.compare.datasets --quick          a tenth of it
python -m benchmarks.compare.datasets --rows "open"    rows whose name matches
python -m benchmarks.compare.datasets --json FILE      keep the numbers
"""

from __future__ import annotations

import argparse
import itertools
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from benchmarks.compare import machine, options, report
from benchmarks.compare.measure import Job, Pace
from benchmarks.compare.peers.peer import Peer
from benchmarks.compare.peers.zarr import Zarr3, Zarrcy
from benchmarks.compare.rounds import about_peer, ask, chosen_rows

N_VARIABLES = 20
N_STORES = 100
CHUNKS = (100, 100)


class Engine:
    """xarray with one of its engines for Zarr."""

    note, writes_zarr, is_limit, answers = "", True, False, True

    def __init__(self, peer: Peer, engine: str) -> None:
        import xarray

        self.name, self.version, self.settle, self.engine = peer.name, peer.version, peer.settle, engine
        self.xarray = xarray

    def write(self, dataset: Any, place: Path, **kwargs: Any) -> None:
        if self.engine == "zarrcy":
            import zarrcy.xarray

            zarrcy.xarray.to_zarr(dataset, place, **kwargs)
        else:
            dataset.to_zarr(place, **kwargs)

    def open(self, place: Path, **kwargs: Any) -> Any:
        return self.xarray.open_dataset(place, engine=self._backend(), **kwargs)

    def open_many(self, places: list[Path]) -> Any:
        return self.xarray.open_mfdataset(places, engine=self._backend(), combine="by_coords")

    def _backend(self) -> Any:
        if self.engine != "zarrcy":
            return self.engine
        from zarrcy.xarray import ZarrcyBackendEntrypoint

        # also without an installed entry point
        return ZarrcyBackendEntrypoint


def load_engines() -> tuple[list[Engine], dict[str, str]]:
    """Import the installed libraries, zarrcy first. Return them, and the reasons of the missing ones by name."""
    engines = [Engine(Zarrcy(), "zarrcy")]
    try:
        engines.append(Engine(Zarr3(), "zarr"))
    except ImportError as exc:
        return engines, {Zarr3.name: str(exc)}
    return engines, {}


class Bench:
    """A dataset, the store of it that zarrcy wrote for all, and many small stores."""

    def __init__(self, root: Path, n_rows: int, ours: Engine) -> None:
        xr = ours.xarray
        rng = np.random.default_rng(0)
        data = (rng.random((n_rows, 1000)) * 100).round(1).astype("f4")
        dims = ("time", "x")
        self.dataset = xr.Dataset(
            {f"v{i}": (dims, data + np.float32(i)) for i in range(N_VARIABLES)},
            coords={"time": np.arange(n_rows), "x": np.arange(1000)},
        )
        self.encoding = {f"v{i}": {"chunks": CHUNKS} for i in range(N_VARIABLES)}
        self.place, self.written = root / "dataset.zarr", root / "written"
        ours.write(self.dataset, self.place, encoding=self.encoding)
        small = self.dataset[["v0"]].isel(time=slice(10), x=slice(10))
        self.places = [root / "many" / f"{number:03d}.zarr" for number in range(N_STORES)]
        for number, place in enumerate(self.places):
            ours.write(small.assign_coords(time=np.arange(10) + 10 * number), place)
        self._numbers = itertools.count()

    def new_place(self) -> Path:
        return self.written / f"{next(self._numbers)}.zarr"

    def clean(self) -> None:
        shutil.rmtree(self.written, ignore_errors=True)


@dataclass(frozen=True)
class Row:
    """One question. `job` makes the job of one engine."""

    question: str
    detail: str
    job: Callable[[Engine, Bench], Job]
    per: Callable[[Bench], int] = lambda bench: 1
    group: ClassVar[str] = "dataset"

    @property
    def name(self) -> str:
        return f"{self.question} | {self.detail}"


def expect(is_right: bool) -> None:
    """Raise ValueError if an answer is wrong."""
    if not is_right:
        raise ValueError("wrong answer")


def _write(engine: Engine, bench: Bench) -> Job:
    last: list[Path] = []

    def prepare() -> Callable[[], None]:
        last[:] = [bench.new_place()]
        return lambda: engine.write(bench.dataset, last[0], encoding=bench.encoding)

    def check(_: Any) -> None:
        expect(engine.open(last[0]).load().identical(bench.dataset))

    return Job(prepare, check, fresh=True, settle=engine.settle)


def _call(
    call: Callable[[Engine, Bench], Any], is_right: Callable[[Bench, Any], bool]
) -> Callable[[Engine, Bench], Job]:
    def job(engine: Engine, bench: Bench) -> Job:
        return Job(
            lambda: lambda: call(engine, bench),
            lambda answer: expect(is_right(bench, answer)),
            settle=engine.settle,
        )

    return job


def all_rows() -> list[Row]:
    """Return the rows in the order of the table."""
    return [
        Row("write", "20 variables", _write),
        Row(
            "open",
            "20 variables, consolidated",
            _call(
                lambda engine, bench: engine.open(bench.place),
                lambda bench, answer: answer.sizes == bench.dataset.sizes,
            ),
        ),
        Row(
            "open and load",
            "20 variables",
            _call(
                lambda engine, bench: engine.open(bench.place).load(),
                lambda bench, answer: answer.identical(bench.dataset),
            ),
        ),
        Row(
            "sum",
            "chunks of dask",
            _call(
                lambda engine, bench: engine.open(bench.place, chunks={}).sum().compute(),
                lambda bench, answer: np.allclose(answer["v3"], bench.dataset["v3"].sum(), rtol=1e-3),
            ),
        ),
        Row(
            "one point",
            "series of 20 variables",
            _call(
                lambda engine, bench: engine.open(bench.place).isel(x=500).load(),
                lambda bench, answer: answer.equals(bench.dataset.isel(x=500)),
            ),
        ),
        Row(
            "open many",
            "100 stores, open_mfdataset",
            _call(
                lambda engine, bench: engine.open_many(bench.places),
                lambda bench, answer: answer["v0"].shape == (10 * N_STORES, 10),
            ),
        ),
    ]


def run(chosen: argparse.Namespace) -> report.Result:
    """Measure the chosen rows and return the report."""
    engines, missing = load_engines()
    engines = [one for one in engines if one.name == report.SUBJECT or re.search(chosen.peers, one.name)]
    rows = chosen_rows(all_rows(), chosen.rows)
    n_rows = 160 if chosen.quick else 1600
    pace = Pace(chosen.rounds or (3 if chosen.quick else 5), 0.01, 0.5 if chosen.quick else 5.0)
    with machine.working_directory(chosen.root) as place:
        root = Path(place).resolve()
        about = machine.machine(root)
        results = ask(rows, engines, Bench(root, n_rows, engines[0]), pace)
    return report.add_ratios(
        {
            "schema": report.SCHEMA,
            "machine": [about],
            "sizes": {"n_rows": n_rows},
            "about": f"xarray: {N_VARIABLES} variables of {n_rows} x 1000 float32 in chunks of 100 x 100, format 3",
            "peers": [about_peer(engine) for engine in engines],
            "missing": missing,
            "rows": results,
        }
    )


def main(argv: list[str] | None = None) -> int:
    parser = options.parser(__doc__, "a tenth of the data and few rounds")
    return options.answer(parser.parse_args(argv), lambda: [row.name for row in all_rows()], run)


if __name__ == "__main__":
    sys.exit(main())
