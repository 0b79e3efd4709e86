"""Compare the cost of large groups: thousands of arrays in one group, and in a tree of groups.

python -m benchmarks.compare.groups                    2,000 arrays; two minutes
python -m benchmarks.compare.groups --quick            200 arrays
python -m benchmarks.compare.groups --rows "list"      rows whose name matches
python -m benchmarks.compare.groups --json FILE        keep the numbers
python -m benchmarks.compare.groups --merge FILE FILE  one table from the numbers of several interpreters
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

from benchmarks.compare import machine, options, report
from benchmarks.compare.measure import Job, Pace
from benchmarks.compare.peers.peer import Peer
from benchmarks.compare.peers.zarr import Zarr2, Zarr3, Zarrcy
from benchmarks.compare.rounds import about_peer, ask, chosen_rows


def attributes_of(number: int) -> dict[str, Any]:
    return {"units": "K", "number": number, "valid_range": [0.0, 1.5 * number]}


def shape_of(number: int) -> tuple[int, int]:
    """Return the shape of an array. All arrays differ in shape, so their documents differ as in real data."""
    return (100 + number, 200)


class Hierarchy:
    """The calls of zarrcy and zarr-python 2."""

    note, writes_zarr, is_limit, answers = "", True, False, True

    def __init__(self, peer: Peer, library: Any) -> None:
        self.name, self.version, self.settle = peer.name, peer.version, peer.settle
        self.library = library

    def create(self, path: Path, names: list[str]) -> None:
        group = self.library.open_group(str(path), mode="w")
        for number, name in enumerate(names):
            array = group.create_dataset(name, shape=shape_of(number), chunks=(10, 10), dtype="f4")
            array.attrs.put(attributes_of(number))

    def open(self, path: Path) -> Any:
        return self.library.open_group(str(path), mode="r")

    def list_members(self, group: Any) -> list[str]:
        return list(group)

    def list_arrays(self, group: Any) -> list[str]:
        return list(group.array_keys())

    def arrays(self, group: Any) -> dict[str, Any]:
        return dict(group.arrays())

    def walk(self, group: Any) -> dict[str, Any]:
        nodes: dict[str, Any] = {}
        group.visititems(nodes.__setitem__)
        return nodes

    def consolidate(self, path: Path) -> None:
        self.library.consolidate_metadata(str(path))

    def open_consolidated(self, path: Path) -> Any:
        return self.library.open_consolidated(str(path), mode="r")


class Hierarchy3(Hierarchy):
    """The calls of zarr-python 3, for format 2."""

    def create(self, path: Path, names: list[str]) -> None:
        group = self.library.open_group(str(path), mode="w", zarr_format=2)
        for number, name in enumerate(names):
            array = group.create_array(name, shape=shape_of(number), chunks=(10, 10), dtype="f4")
            array.attrs.put(attributes_of(number))

    def open(self, path: Path) -> Any:
        return self.library.open_group(str(path), mode="r", zarr_format=2, use_consolidated=False)

    def list_members(self, group: Any) -> list[str]:
        return list(group.keys())

    def walk(self, group: Any) -> dict[str, Any]:
        return dict(group.members(max_depth=None))

    def consolidate(self, path: Path) -> None:
        self.library.consolidate_metadata(str(path), zarr_format=2)

    def open_consolidated(self, path: Path) -> Any:
        return self.library.open_consolidated(str(path), mode="r", zarr_format=2)


def load_libraries() -> tuple[list[Hierarchy], dict[str, str]]:
    """Import the installed libraries, zarrcy first. Return them, and the reasons of the missing ones by name."""
    zarrcy = Zarrcy()
    hierarchies: list[Hierarchy] = [Hierarchy(zarrcy, zarrcy.library)]
    missing = {}
    for kind, hierarchy in ((Zarr2, Hierarchy), (Zarr3, Hierarchy3)):
        try:
            peer: Any = kind()
        except ImportError as exc:
            missing[kind.name] = str(exc)
        else:
            hierarchies.append(hierarchy(peer, peer.library))
    return hierarchies, missing


class Bench:
    """The hierarchies that zarrcy wrote for all libraries: many arrays in one group, and a tree of groups."""

    def __init__(self, root: Path, n: int) -> None:
        self.root, self.n = root, n
        self.names = [f"a{number:06d}" for number in range(n)]
        side = max(1, round(n**0.5))
        self.paths = [f"g{number // side:03d}/a{number % side:03d}" for number in range(n)]
        self.flat, self.tree, self.written = root / "flat.zarr", root / "tree.zarr", root / "written"
        ours = load_libraries()[0][0]
        ours.create(self.flat, self.names)
        ours.consolidate(self.flat)
        ours.create(self.tree, self.paths)
        self._numbers = itertools.count()

    def attributes(self) -> dict[str, dict[str, Any]]:
        return {name: attributes_of(number) for number, name in enumerate(self.names)}

    def new_place(self) -> Path:
        return self.written / str(next(self._numbers))

    def clean(self) -> None:
        shutil.rmtree(self.written, ignore_errors=True)


def expect(answer: Any, expected: Any) -> None:
    """Raise ValueError if an answer is wrong."""
    if answer != expected:
        raise ValueError(f"wrong answer: {str(answer)[:100]}, not {str(expected)[:100]}")


@dataclass(frozen=True)
class Row:
    """One question. `job` makes the job of one library."""

    question: str
    detail: str
    job: Callable[[Hierarchy, Bench], Job]
    per: Callable[[Bench], int] = lambda bench: 1
    group: ClassVar[str] = "group"

    @property
    def name(self) -> str:
        return f"{self.question} | {self.detail}"


def _create(library: Hierarchy, bench: Bench) -> Job:
    last: list[Path] = []

    def prepare() -> Callable[[], None]:
        last[:] = [bench.new_place()]
        return lambda: library.create(last[0], bench.names)

    def check(_: Any) -> None:
        expect(sorted(library.list_members(library.open(last[0]))), bench.names)

    return Job(prepare, check, fresh=True, settle=library.settle)


def _consolidate(library: Hierarchy, bench: Bench) -> Job:
    def prepare() -> Callable[[], None]:
        place = bench.new_place()
        shutil.copytree(bench.flat, place)
        return lambda: library.consolidate(place)

    return Job(prepare, lambda _: None, fresh=True, settle=library.settle)


def _open(consolidated: bool) -> Callable[[Hierarchy, Bench], Job]:
    def job(library: Hierarchy, bench: Bench) -> Job:
        call = library.open_consolidated if consolidated else library.open

        def check(group: Any) -> None:
            expect(dict(group[bench.names[-1]].attrs), attributes_of(bench.n - 1))

        return Job(lambda: lambda: call(bench.flat), check, settle=library.settle)

    return job


def _list(what: str, consolidated: bool) -> Callable[[Hierarchy, Bench], Job]:
    def job(library: Hierarchy, bench: Bench) -> Job:
        group = (library.open_consolidated if consolidated else library.open)(bench.flat)
        calls = {
            "members": lambda: library.list_members(group),
            "arrays": lambda: library.list_arrays(group),
            "opened": lambda: library.arrays(group),
            "shapes": lambda: {k: array.shape for k, array in library.arrays(group).items()},
            "attributes": lambda: {k: dict(array.attrs) for k, array in library.arrays(group).items()},
        }

        def check(answer: Any) -> None:
            if what == "attributes":
                expect(answer, bench.attributes())
            elif what == "shapes":
                expect(answer, {name: shape_of(number) for number, name in enumerate(bench.names)})
            else:
                expect(sorted(answer), bench.names)

        return Job(lambda: calls[what], check, settle=library.settle)

    return job


def _walk(library: Hierarchy, bench: Bench) -> Job:
    group = library.open(bench.tree)
    n_groups = len({path.partition("/")[0] for path in bench.paths})
    return Job(
        lambda: lambda: library.walk(group),
        lambda nodes: expect(len(nodes), bench.n + n_groups),
        settle=library.settle,
    )


def all_rows() -> list[Row]:
    """Return the rows in the order of the table."""
    rows = [Row("create", "arrays with attributes", _create)]
    for consolidated, detail in ((False, "directory"), (True, "consolidated")):
        if consolidated:
            rows.append(Row("consolidate", "directory", _consolidate))
        rows += [
            Row("open the group", detail, _open(consolidated)),
            Row("list the members", detail, _list("members", consolidated)),
            Row("list the arrays", detail, _list("arrays", consolidated)),
            Row("open all arrays", detail, _list("opened", consolidated)),
            Row("read all shapes", detail, _list("shapes", consolidated)),
            Row("read all attributes", detail, _list("attributes", consolidated)),
        ]
    return [*rows, Row("walk", "as many arrays in a tree of groups", _walk)]


def run(chosen: argparse.Namespace) -> report.Result:
    """Measure the chosen rows and return the report."""
    libraries, missing = load_libraries()
    libraries = [lib for lib in libraries if lib.name == report.SUBJECT or re.search(chosen.peers, lib.name)]
    rows = chosen_rows(all_rows(), chosen.rows)
    n = chosen.arrays or (200 if chosen.quick else 2_000)
    pace = Pace(chosen.rounds or (3 if chosen.quick else 5), 0.01, 0.3 if chosen.quick else 1.5)
    with machine.working_directory(chosen.root) as place:
        root = Path(place).resolve()
        about = machine.machine(root)
        results = ask(rows, libraries, Bench(root, n), pace)
    return report.add_ratios(
        {
            "schema": report.SCHEMA,
            "machine": [about],
            "sizes": {"n_arrays": n},
            "about": f"{n} arrays in one group of a directory store, format 2, 3 attributes each; no elements",
            "peers": [about_peer(library) for library in libraries],
            "missing": missing,
            "rows": results,
        }
    )


def main(argv: list[str] | None = None) -> int:
    parser = options.parser(__doc__, "200 arrays and few rounds")
    parser.add_argument(
        "--arrays", metavar="N", type=int, help="number of arrays (default: 2000; --quick: 200)"
    )
    return options.answer(parser.parse_args(argv), lambda: [row.name for row in all_rows()], run)


if __name__ == "__main__":
    sys.exit(main())
