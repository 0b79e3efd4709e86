"""Settings of the process (environment variables) and options of an open array. No document stores them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, TypeAlias, TypedDict, cast, get_args

import numpy as np

from zarrcy.types import Elements, Option, Record

# No file system is slow with fewer files, and most arrays have fewer, so creating them does not read the setting.
FEWEST_WARNED = 10_000


def _number_of_files(text: str) -> int:
    if not text.isdecimal() or 0 < int(text) < FEWEST_WARNED:
        raise ValueError(f"it must be 0 or an integer, at least {FEWEST_WARNED}")
    return int(text)


def _flag(text: str) -> bool:
    return text not in ("", "0")


def _draft_flag(text: str) -> bool:
    """Parse a flag as zarr-python 2 does: the empty string is on."""
    return text.lower() not in ("0", "false")


def _positive_integer(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise ValueError("it must be a positive integer")
    return int(text)


def _seconds(text: str) -> float:
    if not text.replace(".", "", 1).isdecimal():
        raise ValueError("it must be a number of seconds")
    return float(text)


class Setting(Record):
    """An environment variable that changes how zarrcy works.

    Parameters
    ----------
    name : str
        Name of the variable.
    kind : str
        What a value may be, for documentation.
    default : str
        Value if the environment does not have the variable; "" if it depends on the computer or the caller.
    meaning : str
        Effect of the variable, in one sentence.
    read : {"import", "call", "build"}
        When the variable is read: once at the import of zarrcy, by each call, or by ``setup.py``.
    parse : callable
        Convert the text; raise ValueError if the text is not valid.
    """

    name: str
    kind: str
    default: str
    meaning: str
    read: Literal["import", "call", "build"]
    parse: Callable[[str], object] = str

    def text(self) -> str:
        """Return the text of the variable, or the default."""
        return os.environ.get(self.name, self.default)

    def is_set(self) -> bool:
        """Return whether the environment has the variable."""
        return self.name in os.environ

    def value(self) -> object:
        """Return the parsed value.

        Raises
        ------
        ValueError
            If the variable has a value that is not valid.
        """
        text = self.text()
        try:
            return self.parse(text)
        except ValueError as exc:
            raise ValueError(f"{self.name} is {text!r}; {exc}") from None


THREADS = Setting(
    name="ZARRCY_THREADS",
    kind="positive integer",
    default="",
    meaning="Most threads that read and write chunks at the same time, callers and helpers together; by default the "
    "CPUs that the process may use, or its share of them if there are several ranks on its node.",
    read="call",
)
IO_DEPTH = Setting(
    name="ZARRCY_IO_DEPTH",
    kind="positive integer",
    default="",
    meaning="Most stored values that are read or written at the same time where the store is slow to answer, on "
    "however few CPUs; by default 32 for files and 64 for object stores.",
    read="call",
    parse=_positive_integer,
)
DURABILITY = Setting(
    name="ZARRCY_DURABILITY",
    kind='"none", "data" or "full"',
    default="",
    meaning="What local stores wait for before a write returns; by default each store class decides.",
    read="call",
)
LOCK_WARNING = Setting(
    name="ZARRCY_LOCK_WARNING",
    kind="number of seconds",
    default="60",
    meaning="How long a write waits for another process, which has locked a file of the store, before it warns.",
    read="call",
    parse=_seconds,
)
ALLOW_PICKLE = Setting(
    name="ZARRCY_ALLOW_PICKLE",
    kind="0 or 1",
    default="0",
    meaning="Allow the codec pickle, which runs code that is in the data.",
    read="call",
    parse=_flag,
)
MAX_DOCUMENT_MIB = Setting(
    name="ZARRCY_MAX_DOCUMENT_MIB",
    kind="positive integer",
    default="64",
    meaning="Largest metadata document that is read, in MiB; consolidated documents may be 16 times as large.",
    read="import",
    parse=_positive_integer,
)
WARN_FILES = Setting(
    name="ZARRCY_WARN_FILES",
    kind="0 or an integer, at least 10000",
    default="1000000",
    meaning="Number of files, once it is full, from which the creation of an array in a directory warns; 0 for never.",
    read="call",
    parse=_number_of_files,
)
STRICT_JSON = Setting(
    name="ZARRCY_STRICT_JSON",
    kind="0 or 1",
    default="0",
    meaning="Refuse to write NaN and infinities into JSON documents as bare words, which many readers refuse.",
    read="call",
    parse=_flag,
)
NATIVE = Setting(
    name="ZARRCY_NATIVE",
    kind="0 or 1",
    default="1",
    meaning="Use the native path, which reads, decodes, encodes and writes chunks without the GIL.",
    read="import",
    parse=_flag,
)
PURE = Setting(
    name="ZARRCY_PURE",
    kind="0 or 1",
    default="0",
    meaning="Use the slower NumPy implementation of the kernels; at build time, do not compile the kernels.",
    read="import",
    parse=_flag,
)
V3_DRAFT = Setting(
    name="ZARR_V3_EXPERIMENTAL_API",
    kind="0, false or 1",
    default="0",
    meaning="Let zarr_version=3 mean the withdrawn draft of version 3, as in zarr-python 2.",
    read="call",
    parse=_draft_flag,
)


def _of_launcher(name: str, kind: str, launcher: str, meaning: str) -> Setting:
    """Return a variable that a batch scheduler or a launcher of ranks sets, and that each call reads."""
    return Setting(name=name, kind=kind, default="", meaning=f"Set by {launcher}: {meaning}", read="call")


_NUMBER, _BY_NODE = "positive integer", "numbers by node, as 4(x2),1"
_SHARED = "CPUs of the job on this node, which its ranks share."
SLURM_CPUS = _of_launcher(
    "SLURM_CPUS_PER_TASK", _NUMBER, "Slurm", "upper bound of the default number of threads."
)
SLURM_CPUS_ON_NODE = _of_launcher("SLURM_CPUS_ON_NODE", _NUMBER, "Slurm", _SHARED)
SLURM_JOB_CPUS = _of_launcher("SLURM_JOB_CPUS_PER_NODE", _BY_NODE, "Slurm", _SHARED)
SLURM_NODE = _of_launcher("SLURM_NODEID", "integer", "Slurm", "number of this node in the job.")
SLURM_STEP_TASKS = _of_launcher(
    "SLURM_STEP_TASKS_PER_NODE", _BY_NODE, "Slurm", "ranks of the job step on this node."
)
SLURM_TASKS = _of_launcher("SLURM_NTASKS_PER_NODE", _NUMBER, "Slurm", "ranks of the job on each node.")
PBS_CPUS = _of_launcher("NCPUS", _NUMBER, "PBS", _SHARED)
PBS_PPN = _of_launcher("PBS_NUM_PPN", _NUMBER, "Torque", _SHARED)
LSF_SLOTS = _of_launcher("LSB_DJOB_NUMPROC", _NUMBER, "LSF", "slots of the job, which its ranks share.")
LSF_HOSTS = _of_launcher(
    "LSB_MCPU_HOSTS", "names of nodes, each with its slots", "LSF", "slots of the job on each node."
)
SGE_SLOTS = _of_launcher(
    "NSLOTS", _NUMBER, "Grid Engine", "slots of the job, which its nodes and ranks share."
)
SGE_HOSTS = _of_launcher("NHOSTS", _NUMBER, "Grid Engine", "nodes of the job.")
OPEN_MPI_RANKS = _of_launcher(
    "OMPI_COMM_WORLD_LOCAL_SIZE", _NUMBER, "mpiexec of Open MPI", "ranks on this node."
)
HYDRA_RANKS = _of_launcher(
    "MPI_LOCALNRANKS", _NUMBER, "mpiexec of MPICH and Intel MPI", "ranks on this node."
)
MVAPICH_RANKS = _of_launcher(
    "MV2_COMM_WORLD_LOCAL_SIZE", _NUMBER, "the launchers of MVAPICH", "ranks on this node."
)
CPUS_AND_RANKS: tuple[Setting, ...] = (
    SLURM_CPUS,
    SLURM_CPUS_ON_NODE,
    SLURM_JOB_CPUS,
    SLURM_NODE,
    SLURM_STEP_TASKS,
    SLURM_TASKS,
    PBS_CPUS,
    PBS_PPN,
    LSF_SLOTS,
    LSF_HOSTS,
    SGE_SLOTS,
    SGE_HOSTS,
    OPEN_MPI_RANKS,
    HYDRA_RANKS,
    MVAPICH_RANKS,
)
"""The variables from which the default number of threads follows; `zarrcy.sync.node_cpus` reads them."""

_RANK, _RANKS = "number of this process, from 0.", "number of processes of the program."
RANKS_AND_SIZES: tuple[tuple[Setting, Setting], ...] = (
    (
        _of_launcher("OMPI_COMM_WORLD_RANK", "integer", "mpiexec of Open MPI", _RANK),
        _of_launcher("OMPI_COMM_WORLD_SIZE", _NUMBER, "mpiexec of Open MPI", _RANKS),
    ),
    (
        _of_launcher("PMI_RANK", "integer", "mpiexec of MPICH and Intel MPI", _RANK),
        _of_launcher("PMI_SIZE", _NUMBER, "mpiexec of MPICH and Intel MPI", _RANKS),
    ),
    (
        _of_launcher("MV2_COMM_WORLD_RANK", "integer", "the launchers of MVAPICH", _RANK),
        _of_launcher("MV2_COMM_WORLD_SIZE", _NUMBER, "the launchers of MVAPICH", _RANKS),
    ),
)
SLURM_RANK = _of_launcher("SLURM_PROCID", "integer", "Slurm", _RANK)
SLURM_RANKS = _of_launcher("SLURM_NTASKS", _NUMBER, "Slurm", _RANKS)
SLURM_JOB = _of_launcher("SLURM_JOB_ID", "integer", "Slurm", "the job.")
SLURM_STEP = _of_launcher(
    "SLURM_STEP_ID", "integer", "Slurm", "the job step, which a batch script does not have."
)
_TASK, _FIRST, _LAST = (
    "number of this task in a job array.",
    "first task of the array.",
    "last task of the array.",
)
_STEP = "distance of the numbers of tasks."
SLURM_ARRAY_TASK = _of_launcher("SLURM_ARRAY_TASK_ID", "integer", "Slurm", _TASK)
SLURM_ARRAY_COUNT = _of_launcher("SLURM_ARRAY_TASK_COUNT", _NUMBER, "Slurm", "number of tasks of the array.")
SLURM_ARRAY_MIN = _of_launcher("SLURM_ARRAY_TASK_MIN", "integer", "Slurm", _FIRST)
SLURM_ARRAY_MAX = _of_launcher("SLURM_ARRAY_TASK_MAX", "integer", "Slurm", _LAST)
SLURM_NODES = _of_launcher("SLURM_JOB_NUM_NODES", _NUMBER, "Slurm", "nodes of the job.")
TORQUE_NODES = _of_launcher("PBS_NUM_NODES", _NUMBER, "Torque", "nodes of the job.")
SLURM_ARRAY_STEP = _of_launcher("SLURM_ARRAY_TASK_STEP", _NUMBER, "Slurm", _STEP)
PBS_TASK = _of_launcher("PBS_ARRAY_INDEX", "integer", "PBS", _TASK)
TORQUE_TASK = _of_launcher("PBS_ARRAYID", "integer", "Torque", _TASK)
LSF_TASK = _of_launcher("LSB_JOBINDEX", "integer", "LSF", _TASK)
LSF_NAME = _of_launcher(
    "LSB_JOBNAME", "name[first-last:step]", "LSF", "name of the job, with the tasks of the array."
)
LSF_LAST = _of_launcher("LSB_JOBINDEX_END", "integer", "LSF", _LAST)
LSF_STEP = _of_launcher("LSB_JOBINDEX_STEP", _NUMBER, "LSF", _STEP)
SGE_TASK = _of_launcher("SGE_TASK_ID", "integer", "Grid Engine", _TASK)
SGE_FIRST = _of_launcher("SGE_TASK_FIRST", "integer", "Grid Engine", _FIRST)
SGE_LAST = _of_launcher("SGE_TASK_LAST", "integer", "Grid Engine", _LAST)
SGE_STEP = _of_launcher("SGE_TASK_STEPSIZE", _NUMBER, "Grid Engine", _STEP)
PLACES: tuple[Setting, ...] = (
    *(setting for pair in RANKS_AND_SIZES for setting in pair),
    SLURM_RANK,
    SLURM_RANKS,
    SLURM_JOB,
    SLURM_STEP,
    SLURM_ARRAY_TASK,
    SLURM_ARRAY_COUNT,
    SLURM_ARRAY_MIN,
    SLURM_ARRAY_MAX,
    SLURM_ARRAY_STEP,
    SLURM_NODES,
    TORQUE_NODES,
    PBS_TASK,
    TORQUE_TASK,
    LSF_TASK,
    LSF_NAME,
    LSF_LAST,
    LSF_STEP,
    SGE_TASK,
    SGE_FIRST,
    SGE_LAST,
    SGE_STEP,
)
"""The variables that say which of several tasks a process is; `zarrcy.sync.ranks` reads them."""


def n_variables() -> int:
    """Return the number of variables in the environment: a fast test of whether it has changed."""
    return len(os.environ)


HDF5_VDS_PREFIX = Setting(
    name="HDF5_VDS_PREFIX",
    kind="path",
    default="",
    meaning="Set for HDF5: directory of the source files of virtual datasets that `zarrcy import` reads.",
    read="call",
)
SETTINGS: tuple[Setting, ...] = (
    THREADS,
    IO_DEPTH,
    DURABILITY,
    LOCK_WARNING,
    ALLOW_PICKLE,
    MAX_DOCUMENT_MIB,
    WARN_FILES,
    STRICT_JSON,
    NATIVE,
    PURE,
    V3_DRAFT,
    *CPUS_AND_RANKS,
    *PLACES,
    HDF5_VDS_PREFIX,
    Setting(
        name="ZARRCY_NO_CODECS",
        kind="0 or 1",
        default="0",
        meaning="Build the native path without codec libraries; numcodecs decodes.",
        read="build",
        parse=_flag,
    ),
    Setting(
        name="ZARRCY_CHECKED",
        kind="0 or 1",
        default="0",
        meaning="Build the kernels with bounds checks.",
        read="build",
        parse=_flag,
    ),
    Setting(
        name="ZARRCY_COVERAGE",
        kind="0 or 1",
        default="0",
        meaning="Build the kernels with line tracing, for coverage.py.",
        read="build",
        parse=_flag,
    ),
    Setting(
        name="ZARRCY_SANITIZE",
        kind="0 or 1",
        default="0",
        meaning="Build the kernels for the address and undefined-behaviour sanitizers.",
        read="build",
        parse=_flag,
    ),
)
"""Every environment variable that the package or ``setup.py`` reads; ``docs/settings.md`` lists them."""

ReadMissing: TypeAlias = Literal["fill", "raise", "mask"]
Unaligned: TypeAlias = Literal["lock", "error", "allow"]
_READ_MISSING = get_args(ReadMissing)
_UNALIGNED = get_args(Unaligned)


class ExtraOptions(TypedDict, total=False):
    """Options that zarr-python 2 does not have. Each function that opens or creates arrays takes them."""

    read_missing: ReadMissing
    unaligned: Unaligned
    threads: int | None
    cache_bytes: int


@dataclass(frozen=True, slots=True, repr=False, eq=False, match_args=False)
class ArrayConfig:
    """The options of an open array. A group holds the options of its members.

    `zarrcy.Array` documents each option. A new option is a field here and in `ExtraOptions`.

    The class is a dataclass without ``repr`` and comparison, which would cost time at each import.

    Raises
    ------
    ValueError
        If an option has a value that is not valid.

    Examples
    --------
    >>> ArrayConfig(cache_attrs=False).write_empty_chunks
    True
    """

    read_only: bool = False
    cache_metadata: bool = True
    cache_attrs: bool = True
    partial_decompress: bool = False
    write_empty_chunks: bool = True
    meta_array: Elements = None
    read_missing: ReadMissing = "fill"
    unaligned: Unaligned = "lock"
    threads: int | None = None
    cache_bytes: int = 0

    def __post_init__(self) -> None:
        _check("read_missing", self.read_missing, _READ_MISSING)
        _check("unaligned", self.unaligned, _UNALIGNED)
        if self.threads is not None:
            check_n_threads(self.threads)
        if self.cache_bytes:
            _check_cache_bytes(self.cache_bytes)
        if self.read_missing == "mask" and self.meta_array is not None:
            raise ValueError(
                "read_missing is 'mask', so results are masked arrays: leave out meta_array or read_missing"
            )

    @property
    def like(self) -> Elements:
        """Array that results are allocated like; None for plain NumPy arrays."""
        return np.ma.empty(()) if self.read_missing == "mask" else self.meta_array

    def more(self) -> ExtraOptions:
        """Return the options that `ExtraOptions` names."""
        return cast(ExtraOptions, {name: getattr(self, name) for name in ExtraOptions.__annotations__})


def array_config(meta_array: Elements = None, **options: Option) -> ArrayConfig:
    """Return the options of an open array: the same object as before if the options are the same.

    Making one takes a tenth of the time that opening a group takes.

    Parameters
    ----------
    meta_array : array-like, optional
        See `ArrayConfig`. Options with such an array are not kept, because they would keep the array too.
    **options
        Other fields of `ArrayConfig`.

    Examples
    --------
    >>> array_config(read_only=True) is array_config(read_only=True)
    True
    """
    if meta_array is not None:
        return ArrayConfig(meta_array=meta_array, **options)
    try:
        return _kept_config(**options)
    except TypeError:
        # an option that is not hashable, or not an option: the class knows the error
        return ArrayConfig(**options)


def _check(name: str, value: object, possible: tuple[str, ...]) -> None:
    if value not in possible:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, possible))}")


# 1, 1.0 and True are different options
_kept_config = lru_cache(maxsize=64, typed=True)(ArrayConfig)


def _check_cache_bytes(n: object) -> None:
    if isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 0:
        raise ValueError(f"cache_bytes is {n!r}; it must be a number of bytes, or 0 for no cache")


def take_options(kwargs: dict[str, Option]) -> ExtraOptions:
    """Remove the options of an open array from keyword arguments, and return them.

    Examples
    --------
    >>> kwargs = {"shape": 3, "unaligned": "error"}
    >>> take_options(kwargs), kwargs
    ({'unaligned': 'error'}, {'shape': 3})
    """
    options = {name: kwargs.pop(name) for name in ExtraOptions.__annotations__ if name in kwargs}
    return cast(ExtraOptions, options)


def check_n_threads(n: object) -> int:
    """Return a number of threads as an int.

    Raises
    ------
    ValueError
        If it is not a positive integer.

    Examples
    --------
    >>> check_n_threads(0)
    Traceback (most recent call last):
    ValueError: threads is 0; it must be a positive integer
    """
    if isinstance(n, bool) or not hasattr(n, "__index__") or n.__index__() < 1:
        raise ValueError(f"threads is {n!r}; it must be a positive integer")
    return int(n.__index__())
