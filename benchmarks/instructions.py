"""Count the machine instructions of zarrcy's operations, with ``valgrind --tool=callgrind``.

python benchmarks/instructions.py                                count this checkout
python benchmarks/instructions.py --before DIR --after DIR       compare two checkouts
python benchmarks/instructions.py --before DIR --json FILE       keep the counts
python benchmarks/instructions.py --after DIR --against FILE     compare with counts that were kept

Counts show a change of one percent, which timing cannot. They do not include cache misses, waiting for the disk or the
work of a second thread, so they are not speeds. They depend on the processor (libraries choose kernels by it), on
Python and on NumPy: compare counts from one machine only. Two runs on the same files agree to 20 in a million. The
position of objects in memory matters, so an unrelated change may change a row by up to 0.3 %. The kernels of each
checkout must be built.

The arrays have 64^3 float32 in chunks of 16^3, with Blosc: *files* is a directory in format 2, *shards* a directory in
format 3 with shards of 32^3, *memory* a MemoryStore in format 2.

One process imports numpy and zarrcy and is forked for each operation. The fork calls the operation until it is warm,
then in two batches of a fixed number of calls. Calls of a libc function that nothing else calls mark the begin and the
end of the batches, and callgrind counts from mark to mark. The result is the count of the second batch minus that of
an empty batch. `~` after a count means that the first batch differs by more than 0.5 %: the count is not steady. Rows
that begin with *first* are one call in a process that has imported numpy and not zarrcy. Whole processes are counted in
processes of their own, with existing bytecode. The garbage collector and the threads of zarrcy are off. The threads of
Blosc in numcodecs are off too, because it uses none in a fork.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import version
from itertools import count, repeat
from pathlib import Path
from typing import Any

Call = Callable[[], object]

MODULES = "modules"
_SCRIPT = str(Path(__file__).resolve())
_MARK = "getpgrp"
_STEADY = 0.005
_WARM_UP = 20
_EMPTY = "empty batch"
_SIDE, _CHUNK, _SHARD = 64, 16, 32
_ELEMENT = (10, 20, 30)
_WINDOW = (slice(10, 22), slice(10, 22), slice(2, 12))
_LISTS = ([3, 17, 40], [5, 30, 60], [2, 33])
_N_ARRAYS = 50
_N_SMALL = 1000
_FILES = "files.zarr"
_SHARDS = "shards.zarr"
_GROUP = "group.zarr"
_SETTINGS = {
    "PYTHONHASHSEED": "0",
    "PYTHONNOUSERSITE": "1",
    "ZARRCY_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "OMP_NUM_THREADS": "1",
}
# Environment variables that an interpreter may need to start.
_INHERITED = ("HOME", "LANG", "LD_LIBRARY_PATH", "PATH")


# -- operations --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Operation:
    """An operation whose instructions are counted.

    Parameters
    ----------
    name : str
        Name of the row.
    prepare : callable
        Return the call to count. Its own instructions do not count.
    calls : int
        Number of calls in one batch. A few more calls warm up the process.
    first : bool
        Whether the operation is counted once, in a process that has imported numpy and not zarrcy.
    """

    name: str
    prepare: Callable[[], Call]
    calls: int = 50
    first: bool = False


@dataclass(frozen=True)
class Process:
    """A program that is counted from the start of the interpreter to its end.

    Parameters
    ----------
    name : str
        Name of the row.
    program : str
        Program for ``python -c``.
    """

    name: str
    program: str


_OPEN_ARRAY_AND_READ = f"import zarrcy; zarrcy.open_array({_FILES!r}, mode='r')[{_ELEMENT}]"
_OPEN_AND_READ = f"import zarrcy; zarrcy.open({_FILES!r}, mode='r')[{_ELEMENT}]"
PROCESSES = [
    Process("process: import zarrcy", "import zarrcy"),
    Process("process: import, open_array, read an element", _OPEN_ARRAY_AND_READ),
    Process("process: import, open, read an element", _OPEN_AND_READ),
]
_COUNT_MODULES = "; import sys; print(sum(name.split('.')[0] == 'zarrcy' for name in sys.modules))"
# The rows of these programs hold the number of loaded modules instead of instructions.
LOADED = [
    Process(f"{MODULES} of zarrcy after: import, open_array, read an element", _OPEN_ARRAY_AND_READ),
    Process(f"{MODULES} of zarrcy after: import, open, read an element", _OPEN_AND_READ),
]


def _numbers() -> Any:
    import numpy as np

    ramp = np.linspace(0, 6, _SIDE)
    smooth = np.sin(ramp)[:, None, None] + np.cos(ramp)[:, None] + ramp
    return (smooth + np.random.default_rng(0).normal(0, 1e-3, smooth.shape)).astype("f4")


def _new(store: object, zarr_format: int = 2) -> Any:
    import zarrcy

    return zarrcy.create(
        (_SIDE,) * 3,
        chunks=(_CHUNK,) * 3,
        shards=(_SHARD,) * 3 if zarr_format == 3 else None,
        dtype="f4",
        compressor=zarrcy.Blosc("lz4", 5, zarrcy.Blosc.SHUFFLE),
        store=store,
        overwrite=True,
        zarr_format=zarr_format,
    )


def _filled(store: object, zarr_format: int = 2) -> Any:
    array = _new(store, zarr_format)
    array[...] = _numbers()
    return array


def _in_memory() -> Any:
    import zarrcy

    return _filled(zarrcy.MemoryStore())


def _opened(path: str) -> Any:
    import zarrcy

    return zarrcy.open_array(path, mode="r")


def _opened_group() -> Any:
    import zarrcy

    return zarrcy.open_group(_GROUP, mode="r")


def _written(zarr_format: int) -> Any:
    return _filled(f"written-{zarr_format}.zarr", zarr_format)


def prepare_files() -> None:
    """Write the arrays that the operations read into the current directory."""
    import zarrcy

    _filled(_FILES).attrs["units"] = "K"
    _filled(_SHARDS, 3)
    group = zarrcy.open_group(_GROUP, mode="w", zarr_format=2)
    for number in range(_N_ARRAYS):
        group.create(f"array-{number:02}", shape=(_SIDE,), chunks=(_CHUNK,), dtype="f4")


def _read(array: Callable[[], Any], selection: Any) -> Callable[[], Call]:
    return lambda: partial(array().__getitem__, selection)


def _write(array: Callable[[], Any], selection: Any, value: Callable[[], Any]) -> Callable[[], Call]:
    return lambda: partial(array().__setitem__, selection, value())


def _read_points() -> Call:
    import numpy as np

    points = tuple(np.random.default_rng(1).integers(0, _SIDE, (3, 100)))
    return partial(_opened(_FILES).vindex.__getitem__, points)


def _read_lists() -> Call:
    return partial(_opened(_FILES).oindex.__getitem__, _LISTS)


def _read_mask() -> Call:
    import numpy as np

    return partial(_opened(_FILES).__getitem__, np.random.default_rng(2).random((_SIDE,) * 3) < 0.01)


def _open(function: str, path: str) -> Callable[[], Call]:
    def prepare() -> Call:
        import zarrcy

        return partial(getattr(zarrcy, function), path)

    return prepare


def _create_in_memory() -> Call:
    import zarrcy

    return lambda: _new(zarrcy.MemoryStore())


def _create_in_directory(zarr_format: int) -> Callable[[], Call]:
    def prepare() -> Call:
        numbers = count()
        return lambda: _new(f"created-{zarr_format}-{next(numbers):04}.zarr", zarr_format)

    return prepare


def _create_in_group(zarr_format: int) -> Callable[[], Call]:
    def prepare() -> Call:
        import zarrcy

        group = zarrcy.open_group(f"members-{zarr_format}.zarr", mode="w", zarr_format=zarr_format)
        numbers = count()
        return lambda: group.create(f"array-{next(numbers):04}", shape=(_SIDE,), chunks=(_CHUNK,), dtype="f4")

    return prepare


def _write_small_chunks() -> Call:
    import numpy as np

    import zarrcy

    n_elements = 256
    store = f"small-{os.getpid()}.zarr"
    array = zarrcy.create(
        (_N_SMALL * n_elements,),
        chunks=(n_elements,),
        dtype="f4",
        compressor=None,
        store=store,
        zarr_format=3,
    )
    return partial(array.__setitem__, ..., np.arange(_N_SMALL * n_elements, dtype="f4"))


def _list_arrays() -> Call:
    group = _opened_group()
    return lambda: list(group.arrays())


def _list_names() -> Call:
    group = _opened_group()
    return lambda: list(group)


def _read_attribute() -> Call:
    array = _opened(_FILES)
    return lambda: array.attrs["units"]


def _import() -> None:
    import zarrcy  # noqa: F401


def _import_and_read() -> None:
    _ = _opened(_FILES)[_ELEMENT]


def operations() -> list[Operation]:
    """Return the operations in the order of the table."""
    files, shards = partial(_opened, _FILES), partial(_opened, _SHARDS)
    return [
        Operation(_EMPTY, lambda: lambda: None),
        Operation("read an element: files", _read(files, _ELEMENT)),
        Operation("read an element: shards", _read(shards, _ELEMENT)),
        Operation("read an element: memory", _read(_in_memory, _ELEMENT)),
        Operation("read a window of 4 chunks: files", _read(files, _WINDOW)),
        Operation("read a window of 4 chunks: shards", _read(shards, _WINDOW)),
        Operation("read a row: files", _read(files, _ELEMENT[:2])),
        Operation("read all: files", _read(files, ...), 10),
        Operation("read all: shards", _read(shards, ...), 10),
        Operation("read all: memory", _read(_in_memory, ...), 10),
        Operation("write all: files", _write(lambda: _written(2), ..., _numbers), 10),
        Operation("write all: shards", _write(lambda: _written(3), ..., _numbers), 10),
        Operation("write all: memory", _write(_in_memory, ..., _numbers), 10),
        Operation(f"write {_N_SMALL} chunks of 1 KiB: format 3", _write_small_chunks, 10),
        Operation("write an element: files", _write(lambda: _written(2), _ELEMENT, lambda: 1)),
        Operation("write an element: shards", _write(lambda: _written(3), _ELEMENT, lambda: 1)),
        Operation("vindex of 100 points: files", _read_points, 10),
        Operation("oindex of lists: files", _read_lists, 10),
        Operation("mask: files", _read_mask, 10),
        Operation("open: files", _open("open", _FILES)),
        Operation("open: shards", _open("open", _SHARDS), 20),
        Operation("open_group: files", _open("open_group", _GROUP)),
        Operation("create: files", _create_in_directory(2)),
        Operation("create: shards", _create_in_directory(3), 20),
        Operation("create: memory", _create_in_memory),
        Operation("create in a group: files", _create_in_group(2)),
        Operation("create in a group: format 3", _create_in_group(3), 20),
        Operation(f"list(group.arrays()), {_N_ARRAYS} arrays: files", _list_arrays, 20),
        Operation(f"list(group), {_N_ARRAYS} arrays: files", _list_names, 20),
        Operation("read an attribute: files", _read_attribute),
        Operation("first: import zarrcy", lambda: _import, 1, first=True),
        Operation("first: import, open_array, read an element", lambda: _import_and_read, 1, first=True),
    ]


def row_names() -> list[str]:
    """Return the names of all rows, in the order of the table."""
    names = [row.name for row in operations() if row.name != _EMPTY]
    return names + [row.name for row in (*PROCESSES, *LOADED)]


# -- inside callgrind --------------------------------------------------------------------------------


def _batch(call: Call, calls: int) -> None:
    for _ in repeat(None, calls):
        call()


def _count(operation: Operation) -> None:
    call = operation.prepare()
    if not operation.first:
        # Python specializes its bytecode during the first calls.
        _batch(call, _WARM_UP + operation.calls)
    gc.collect()
    gc.disable()
    os.getpgrp()
    _batch(call, operation.calls)
    os.getpgrp()
    if not operation.first:
        _batch(call, operation.calls)
        os.getpgrp()


def _fork(operation: Operation) -> int:
    """Count an operation in a fork of this process. Return the process id."""
    sys.stdout.flush()
    if child := os.fork():
        if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
            raise SystemExit(f"{operation.name!r} failed")
        return child
    status = 1
    try:
        _count(operation)
        status = 0
    except Exception:
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(status)


def count_inside(flags: str) -> None:
    """Run as the process that callgrind watches. Print the process id of each operation.

    The memory layout is the same for each choice of operations, because it affects the counts.

    Parameters
    ----------
    flags : str
        "1" for each chosen operation, "0" for each of the others.
    """
    import numpy as np  # noqa: F401

    rows = operations()
    processes = dict.fromkeys([row.name for row in rows], 0)
    for first in (True, False):
        if not first:
            _import_and_read()
        for row, flag in zip(rows, flags, strict=True):
            if flag == "1" and row.first is first:
                processes[row.name] = _fork(row)
    print(json.dumps(processes))


def try_outside(flags: str) -> None:
    """Write the files, call each operation once so that its bytecode exists, and print the folder of zarrcy."""
    prepare_files()
    for row, flag in zip(operations(), flags, strict=True):
        if flag == "1":
            row.prepare()()
    package = str(Path(str(sys.modules["zarrcy"].__file__)).resolve().parent)
    loaded = [module for name, module in sys.modules.items() if name.split(".")[0] == "zarrcy"]
    if not any(str(module.__file__).endswith(tuple(EXTENSION_SUFFIXES)) for module in loaded):
        raise SystemExit(f"the kernels of {package} are not built; run `make test` there")
    print(package)


_INSIDE = {"count": count_inside, "try": try_outside}


# -- around callgrind --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Count:
    """A number of instructions per call, or of modules.

    Parameters
    ----------
    number : float
        Count of the second batch.
    drift : float
        First batch divided by second batch, minus 1.
    """

    number: float
    drift: float = 0.0


Counts = dict[str, Count]


class _Place:
    """A directory with the files, the bytecode and the results of one checkout."""

    def __init__(self, path: Path, checkout: Path) -> None:
        self.path = path
        # The paths of all checkouts have the same length.
        (path / "checkout").symlink_to(checkout.resolve(), target_is_directory=True)
        (path / "data").mkdir()
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        paths = {"PYTHONPATH": str(path / "checkout"), "PYTHONPYCACHEPREFIX": str(path / "bytecode")}
        self._environment = inherited | paths | _SETTINGS

    def run(self, *arguments: str, valgrind: tuple[str, ...] = ()) -> str:
        """Run Python in the folder of the data and return its output."""
        done = subprocess.run(
            [*valgrind, sys.executable, "-P", *arguments],
            cwd=self.path / "data",
            env=self._environment,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if done.returncode:
            log = "".join(file.read_text() for file in self.path.glob("valgrind.*"))
            raise SystemExit(f"{' '.join(done.args)}\nended with {done.returncode}\n{log}")
        return done.stdout

    def run_counted(self, *arguments: str) -> str:
        """Run Python under callgrind, which writes one file for each process and mark."""
        options = (
            f"--callgrind-out-file={self.path}/counts.%p",
            f"--log-file={self.path}/valgrind.%p",
            f"--dump-before={_MARK}",
            "--vgdb=no",
        )
        return self.run(*arguments, valgrind=("valgrind", "--tool=callgrind", *options))

    def counted(self, process: int, part: int) -> int:
        """Return the instructions of a process from one mark to the next."""
        file = self.path / f"counts.{process}.{part}"
        if not file.exists():
            raise SystemExit(f"callgrind saw no calls of {_MARK}, which mark the batches")
        return _total(file)

    def counted_whole(self) -> int:
        """Return the instructions of the process that was counted since the last call, and remove its files."""
        files = list(self.path.glob("counts.*"))
        total = sum(map(_total, files))
        for file in files:
            file.unlink()
        return total


def _total(file: Path) -> int:
    with file.open() as lines:
        for line in lines:
            if line.startswith(("summary:", "totals:")):
                return int(line.split()[1])
    raise SystemExit(f"{file} has no total")


@contextmanager
def _place(checkout: Path, root: str | None) -> Iterator[_Place]:
    if root is None and os.access("/dev/shm", os.W_OK):
        root = "/dev/shm"
    with tempfile.TemporaryDirectory(prefix="zarrcy-instructions-", dir=root) as path:
        yield _Place(Path(path), checkout)


def measure(checkout: Path, names: list[str], root: str | None) -> Counts:
    """Count the named rows.

    Parameters
    ----------
    checkout : Path
        Directory that holds the package.
    names : list of str
        Names of the rows.
    root : str, optional
        Directory for temporary files; /dev/shm by default if it exists.

    Returns
    -------
    dict of str to Count
        The counts by name of the row.
    """
    counts: Counts = {}
    flags = "".join("01"[row.name in (_EMPTY, *names)] for row in operations())
    with _place(checkout, root) as place:
        package = Path(place.run(_SCRIPT, "--inside", "try", flags).strip())
        if checkout.resolve() not in package.parents:
            raise SystemExit(f"{checkout} does not contain zarrcy: Python imported {package}")
        if flags.count("1") > 1:
            counts |= _measure_operations(place, flags)
        for row in PROCESSES:
            if row.name in names:
                place.run("-c", row.program)
                place.run_counted("-c", row.program)
                counts[row.name] = Count(place.counted_whole())
        for row in LOADED:
            if row.name in names:
                counts[row.name] = Count(int(place.run("-c", row.program + _COUNT_MODULES)))
    return counts


def _measure_operations(place: _Place, flags: str) -> Counts:
    processes = json.loads(place.run_counted(_SCRIPT, "--inside", "count", flags))
    counts: Counts = {}
    empty = 0.0
    for row in operations():
        if not processes[row.name]:
            continue
        # The first part of a process ends at the first mark.
        first = place.counted(processes[row.name], 2)
        second = first if row.first else place.counted(processes[row.name], 3)
        number = second / row.calls
        if row.name == _EMPTY:
            empty = number
        else:
            counts[row.name] = Count(round(number - (0 if row.first else empty), 1), first / second - 1)
    place.counted_whole()
    return counts


def about() -> dict[str, str]:
    """Return the versions and the processor that the counts depend on."""
    tool = subprocess.run(
        ["valgrind", "--version"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()
    packages = {name: version(name) for name in ("numpy", "numcodecs")}
    return {"python": platform.python_version(), **packages, "valgrind": tool, "processor": _processor()}


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    return next(
        (line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine()
    )


# -- the table ---------------------------------------------------------------------------------------


def render(sides: dict[str, Counts]) -> str:
    """Return the table.

    Parameters
    ----------
    sides : dict of str to dict
        The counts by name ("before", "after").
    """
    names = [name for name in row_names() if any(name in counts for counts in sides.values())]
    width = max(map(len, names))
    ratio = len(sides) == 2
    lines = [
        f"{'instructions per call':{width}}" + "".join(f"{side:>15} " for side in sides) + "  ratio" * ratio
    ]
    for name in names:
        cells = [counts.get(name) for counts in sides.values()]
        line = f"{name:{width}}" + "".join(_cell(one) for one in cells)
        if ratio and cells[0] and cells[1]:
            line += f"{cells[1].number / cells[0].number:7.3f}"
        lines.append(line.rstrip())
    return "\n".join(lines)


def _cell(one: Count | None) -> str:
    if one is None:
        return f"{'-':>15} "
    return f"{one.number:15,.0f}" + ("~" if abs(one.drift) > _STEADY else " ")


def save(path: Path, sides: dict[str, Counts]) -> None:
    """Write the counts and the versions that they depend on."""
    rows = {side: {name: asdict(one) for name, one in counts.items()} for side, counts in sides.items()}
    path.write_text(json.dumps({"about": about(), **rows}, indent=1) + "\n")


def load(path: Path) -> Counts:
    """Return kept counts: those of `after`, or of `before` if the file has no others.

    Print a warning to standard error if they were made with other versions or on another processor.
    """
    kept = json.loads(path.read_text())
    for name, now in about().items():
        if kept["about"].get(name) != now:
            print(f"{path}: {name} was {kept['about'].get(name)}, now it is {now}", file=sys.stderr)
    return {name: Count(**one) for name, one in kept.get("after", kept.get("before")).items()}


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    before = parser.add_mutually_exclusive_group()
    before.add_argument("--before", metavar="DIR", type=Path, help="checkout with built kernels")
    before.add_argument(
        "--against", metavar="FILE", type=Path, help="counts that --json wrote, instead of --before"
    )
    parser.add_argument(
        "--after", metavar="DIR", type=Path, help="other checkout (default without --before: this one)"
    )
    parser.add_argument(
        "--only",
        metavar="PATTERN",
        default="",
        help="rows whose name matches this regular expression; see --list",
    )
    parser.add_argument("--list", action="store_true", help="print the names of the rows")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the counts to FILE")
    parser.add_argument("--root", metavar="DIR", help="directory for files (default: /dev/shm if it exists)")
    chosen = parser.parse_args(argv)
    if not (chosen.before or chosen.after):
        chosen.after = Path(_SCRIPT).parent.parent
    return chosen


def main(argv: list[str] | None = None) -> int:
    """Measure and print. Return the exit status."""
    chosen = arguments(argv)
    names = [name for name in row_names() if re.search(chosen.only, name)]
    if chosen.list or not names:
        print("\n".join(names) or f"no row matches {chosen.only!r}", file=sys.stdout if names else sys.stderr)
        return not names
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed (Debian package: valgrind)")
    sides: dict[str, Counts] = {}
    if chosen.against:
        sides["before"] = {name: one for name, one in load(chosen.against).items() if name in names}
    for side in ("before", "after"):
        if checkout := getattr(chosen, side):
            sides[side] = measure(checkout, names, chosen.root)
    print(render(sides))
    if chosen.json:
        save(chosen.json, sides)
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--inside"]:
        _INSIDE[sys.argv[2]](sys.argv[3])
    else:
        sys.exit(main())
