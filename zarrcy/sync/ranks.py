"""Which of several tasks or ranks this process is, as a communicator, a launcher or a batch scheduler says it."""

from __future__ import annotations

import operator
import re
import sys
from collections.abc import Callable
from typing import Protocol, SupportsIndex, TypeAlias, cast, runtime_checkable

from zarrcy import settings
from zarrcy.errors import PlaceError
from zarrcy.settings import Setting

PartLike: TypeAlias = tuple[SupportsIndex, SupportsIndex] | str
"""Part k of n, with k from 0: ``(k, n)`` or ``"k/n"``."""
# The name of a job array of LSF: name[1-100:2]%8.
_LSF_ARRAY = re.compile(r".*\[(\d+)-(\d+)(?::(\d+))?\](?:%\d+)?")


@runtime_checkable
class Communicator(Protocol):
    """A communicator of mpi4py."""

    Get_rank: Callable[[], int]
    Get_size: Callable[[], int]


def place_of(rank: SupportsIndex | Communicator | None, size: SupportsIndex | None) -> tuple[int, int]:
    """Return the number of this task, from 0, and the number of all tasks.

    Parameters
    ----------
    rank : int, communicator or None
        Number of the task, or a communicator of mpi4py. By default it is found.
    size : int, optional
        Number of all tasks.

    Raises
    ------
    PlaceError
        If the numbers do not fit each other, or if what a scheduler says is not enough.

    Examples
    --------
    >>> place_of(1, 4)
    (1, 4)
    """
    if isinstance(rank, Communicator):
        if size is not None:
            raise PlaceError("a communicator knows its size: leave out the number of tasks")
        return rank.Get_rank(), rank.Get_size()
    if rank is not None:
        if size is None:
            raise PlaceError(f"task {rank!r} of how many? Pass their number too, or leave out both")
        return _checked(operator.index(rank), operator.index(size), "rank is")
    return _found(None if size is None else operator.index(size))


def several_nodes() -> str:
    """Return what says that tasks of this job may run on several nodes, or an empty string.

    The tasks of a job array may run anywhere. Of a program that a launcher started, fewer ranks on this node than in
    all mean that there are other nodes.
    """
    for setting in (
        settings.SLURM_NODES,
        settings.TORQUE_NODES,
        settings.SGE_HOSTS,
        settings.SLURM_ARRAY_COUNT,
    ):
        if (_number(setting) or 1) > 1:
            return f"{setting.name} is {setting.text()}"
    for setting in (settings.PBS_TASK, settings.TORQUE_TASK, settings.SGE_TASK, settings.LSF_TASK):
        # 0 and "undefined" mean that there is no job array
        number = _number(setting)
        if number or (number == 0 and setting is not settings.LSF_TASK):
            return f"{setting.name} is {setting.text()}"
    if len((_text(settings.LSF_HOSTS) or "").split()) > 2:
        return f"{settings.LSF_HOSTS.name} names several nodes"
    on_node = (settings.OPEN_MPI_RANKS, settings.HYDRA_RANKS, settings.MVAPICH_RANKS)
    for (_, size), here in zip(settings.RANKS_AND_SIZES, on_node, strict=True):
        n, n_here = _number(size), _number(here)
        if n is not None and n_here is not None and n_here < n:
            return f"{size.name} is {n} and {here.name} is {n_here}"
    return ""


def part_of(part: PartLike) -> tuple[int, int]:
    """Return the number of a part, from 0, and the number of all parts.

    Raises
    ------
    PlaceError
        If there is no such part.

    Examples
    --------
    >>> part_of("1/4"), part_of((1, 4))
    ((1, 4), (1, 4))
    """
    try:
        number, of = map(int, part.split("/")) if isinstance(part, str) else map(operator.index, part)
    except (TypeError, ValueError):
        raise PlaceError(
            f"part is {part!r}; it must be (k, n) or 'k/n', part k of n, with k from 0"
        ) from None
    return _checked(number, of, "the number of a part is", "parts")


def _checked(rank: int, size: int, what: str, of: str = "writers") -> tuple[int, int]:
    if not 0 <= rank < size:
        raise PlaceError(f"{what} {rank}; of {size} {of} it must be 0 or more, and less than {size}")
    return rank, size


def _found(size: int | None) -> tuple[int, int]:
    """Return where this process is among the ranks of a program, and among the tasks of a job array."""
    ranks, tasks = _of_program(), _of_array(size)
    if tasks is None:
        if ranks is None:
            ranks = _of_dask() or (0, 1 if size is None else size)
            if size is not None and size > 1 and ranks == (0, size):
                raise PlaceError(
                    f"which of {size} tasks is this? No scheduler or launcher says it: pass the number of the task"
                )
        found = ranks
    else:
        # each task of the array starts a program of several ranks
        rank, n_ranks = ranks or (0, 1)
        found = tasks[0] * n_ranks + rank, tasks[1] * n_ranks
    if size is not None and found[1] != size:
        raise PlaceError(f"{size} tasks were passed, but there are {found[1]}: leave out their number")
    return found


def _text(setting: Setting) -> str | None:
    return setting.text() if setting.is_set() else None


def _number(setting: Setting) -> int | None:
    """Return what a variable states; None if it is not set, or if it is "undefined" as in Grid Engine."""
    text = _text(setting)
    return int(text) if text is not None and text.isdecimal() else None


def _of_program() -> tuple[int, int] | None:
    """Return the rank of this process in its program, and the number of ranks."""
    world = _world()
    if world is not None and world.Get_size() > 1:
        return world.Get_rank(), world.Get_size()
    for rank, size in settings.RANKS_AND_SIZES:
        number, of = _number(rank), _number(size)
        if number is not None and of is not None:
            return _checked(number, of, f"{rank.name} is")
    number, of = _number(settings.SLURM_RANK), _number(settings.SLURM_RANKS)
    if number is None or of is None:
        return None
    if of > 1 and _is_batch_script():
        raise PlaceError(
            f"SLURM_NTASKS is {of}, but this is the batch script, which Slurm starts once: start the program with srun"
            ", or pass the number of the task and of all tasks"
        )
    return _checked(number, of, f"{settings.SLURM_RANK.name} is")


def _world() -> Communicator | None:
    """Return the communicator of all ranks, if the program uses mpi4py."""
    mpi = sys.modules.get("mpi4py.MPI")
    if mpi is None or not mpi.Is_initialized() or mpi.Is_finalized():
        return None
    return cast(Communicator, mpi.COMM_WORLD)


def _is_batch_script() -> bool:
    """Return whether Slurm started this process as the script of a job, and not as a rank of a job step."""
    in_step = (settings.SLURM_STEP, settings.SLURM_STEP_TASKS)
    return settings.SLURM_JOB.is_set() and not any(setting.is_set() for setting in in_step)


def _of_array(size: int | None) -> tuple[int, int] | None:
    """Return the number of this task in a job array, from 0, and the number of tasks; None if there is no array."""
    return _of_slurm_array() or _of_lsf_array() or _of_sge_array() or _of_pbs_array(size)


def _of_slurm_array() -> tuple[int, int] | None:
    task, count = _number(settings.SLURM_ARRAY_TASK), _number(settings.SLURM_ARRAY_COUNT)
    if task is None or count is None:
        return None
    first = _number(settings.SLURM_ARRAY_MIN) or 0
    step = _number(settings.SLURM_ARRAY_STEP) or 1
    last = _number(settings.SLURM_ARRAY_MAX)
    if last is None:
        last = first + (count - 1) * step
    return _in_array(task, first, last, step, count, settings.SLURM_ARRAY_TASK.name)


def _of_lsf_array() -> tuple[int, int] | None:
    task = _number(settings.LSF_TASK)
    if not task:
        return None
    bounds = _LSF_ARRAY.fullmatch(_text(settings.LSF_NAME) or "")
    last = _number(settings.LSF_LAST)
    if bounds is not None:
        first, last, step = int(bounds[1]), int(bounds[2]), int(bounds[3] or 1)
    elif last is not None:
        first, step = 1, _number(settings.LSF_STEP) or 1
    else:
        return None
    return _in_array(task, first, last, step, None, settings.LSF_TASK.name)


def _of_sge_array() -> tuple[int, int] | None:
    task, last = _number(settings.SGE_TASK), _number(settings.SGE_LAST)
    if task is None or last is None:
        return None
    first, step = _number(settings.SGE_FIRST) or 1, _number(settings.SGE_STEP) or 1
    return _in_array(task, first, last, step, None, settings.SGE_TASK.name)


def _of_pbs_array(size: int | None) -> tuple[int, int] | None:
    for setting in (settings.PBS_TASK, settings.TORQUE_TASK):
        task = _number(setting)
        if task is None:
            continue
        if size is None:
            raise PlaceError(
                f"{setting.name} is {task}, but PBS does not say how many tasks the array has: pass their number, as n "
                "or size, and number the tasks from 0"
            )
        return _checked(task, size, f"{setting.name} is")
    return None


def _in_array(task: int, first: int, last: int, step: int, count: int | None, name: str) -> tuple[int, int]:
    """Return the place of a task in an array of tasks from `first` to `last`, `step` apart."""
    number, rest = divmod(task - first, step)
    n = (last - first) // step + 1
    if rest or not 0 <= number < n or count not in (None, n):
        raise PlaceError(
            f"{name} is {task}, but the tasks of the array are not evenly spaced: pass the number of the task, from 0, "
            "and the number of all tasks"
        )
    return number, n


def _of_dask() -> tuple[int, int] | None:
    """Return the number of the worker of dask in which this task runs, and the number of workers."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        worker = distributed.get_worker()
    except ValueError:
        # this is not the thread of a task
        return None
    workers = sorted(distributed.get_client().scheduler_info(n_workers=-1)["workers"])
    return workers.index(worker.address), len(workers)
