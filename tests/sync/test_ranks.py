"""A process finds out which of several tasks it is, from a communicator, a launcher, a scheduler or dask."""

import sys
import types

import pytest

import zarrcy
from zarrcy import settings
from zarrcy.errors import PlaceError
from zarrcy.sync.ranks import place_of


@pytest.fixture(autouse=True)
def without_a_scheduler(monkeypatch):
    for setting in (*settings.PLACES, *settings.CPUS_AND_RANKS):
        monkeypatch.delenv(setting.name, raising=False)
    for name in ("mpi4py.MPI", "distributed"):
        monkeypatch.delitem(sys.modules, name, raising=False)


class World:
    """What this package uses of a communicator of mpi4py."""

    def __init__(self, rank, size):
        self.rank, self.size = rank, size

    def Get_rank(self):
        return self.rank

    def Get_size(self):
        return self.size


def slurm_array(task, count, first=0, step=1, last=None):
    names = {"ID": task, "COUNT": count, "MIN": first, "STEP": step}
    if last is not None:
        names["MAX"] = last
    return {f"SLURM_ARRAY_TASK_{name}": str(value) for name, value in names.items()}


FOUND = [
    ({}, (0, 1)),
    (slurm_array(3, 10), (3, 10)),
    (slurm_array(1, 10, first=1), (0, 10)),
    (slurm_array(10, 10, first=1, last=10), (9, 10)),
    (slurm_array(9, 4, first=3, step=2), (3, 4)),
    (slurm_array(9, 4, first=3, step=2, last=9), (3, 4)),
    ({"SLURM_PROCID": "2", "SLURM_NTASKS": "5"}, (2, 5)),
    ({"SLURM_PROCID": "0", "SLURM_NTASKS": "1", "SLURM_JOB_ID": "7"}, (0, 1)),
    ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_JOB_ID": "7", "SLURM_STEP_ID": "0"}, (0, 4)),
    # each task of an array starts ranks
    ({**slurm_array(2, 3), "SLURM_PROCID": "1", "SLURM_NTASKS": "4"}, (9, 12)),
    ({**slurm_array(2, 3), "SLURM_PROCID": "0", "SLURM_NTASKS": "1"}, (2, 3)),
    # in a job of Slurm, mpiexec knows the ranks
    ({"SLURM_PROCID": "0", "SLURM_NTASKS": "2", "PMI_RANK": "5", "PMI_SIZE": "8"}, (5, 8)),
    ({"OMPI_COMM_WORLD_RANK": "1", "OMPI_COMM_WORLD_SIZE": "2"}, (1, 2)),
    ({"MV2_COMM_WORLD_RANK": "1", "MV2_COMM_WORLD_SIZE": "3"}, (1, 3)),
    ({"LSB_JOBINDEX": "4", "LSB_JOBNAME": "fill[2-8:2]%3"}, (1, 4)),
    ({"LSB_JOBINDEX": "3", "LSB_JOBINDEX_END": "12", "LSB_JOBNAME": "fill"}, (2, 12)),
    ({"LSB_JOBINDEX": "0", "LSB_JOBNAME": "fill"}, (0, 1)),
    (
        {"SGE_TASK_ID": "5", "SGE_TASK_FIRST": "1", "SGE_TASK_LAST": "9", "SGE_TASK_STEPSIZE": "2"},
        (2, 5),
    ),
    ({"SGE_TASK_ID": "undefined", "SGE_TASK_LAST": "undefined"}, (0, 1)),
]


@pytest.mark.parametrize(("environment", "place"), FOUND)
def test_the_place_of_a_process_is_found_in_the_environment(environment, place, monkeypatch):
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    assert place_of(None, None) == place
    a = zarrcy.zeros(1000, chunks=3, store={})
    assert a.region() == a.region(*place)
    assert (a.task().number, a.task().of) == place
    assert a.region() == tuple(slice(*span) for span in [(part.start, part.stop) for part in a.task().region])


NOT_FOUND = [
    ({"PBS_ARRAY_INDEX": "3"}, "how many tasks"),
    ({"PBS_ARRAYID": "3"}, "how many tasks"),
    (slurm_array(2, 3, last=7), "not evenly spaced"),
    (slurm_array(7, 3, last=7), "not evenly spaced"),
    (slurm_array(4, 5, first=3, step=2), "not evenly spaced"),
    (slurm_array(12, 5), "not evenly spaced"),
    ({"SLURM_PROCID": "0", "SLURM_NTASKS": "4", "SLURM_JOB_ID": "7"}, "start the program with srun"),
    ({"SLURM_PROCID": "5", "SLURM_NTASKS": "4"}, "SLURM_PROCID is 5"),
]


@pytest.mark.parametrize(("environment", "problem"), NOT_FOUND)
def test_what_is_not_known_is_an_error_and_not_a_guess(environment, problem, monkeypatch):
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    a = zarrcy.zeros(100, chunks=3, store={})
    for call in (a.region, a.task, lambda: a.fill_missing(lambda region: 1)):
        with pytest.raises(PlaceError, match=problem):
            call()
    assert not [key for key in a.store if "progress" in key]
    # numbers that are passed do not ask the environment
    assert a.region(1, 2) == a.task(1, 2).region
    assert a.fill_missing(lambda region: 1, slice(0, 3)) == []


def test_the_number_of_tasks_completes_what_pbs_says(monkeypatch):
    monkeypatch.setenv("PBS_ARRAY_INDEX", "3")
    assert place_of(None, 10) == (3, 10)
    with pytest.raises(PlaceError, match="PBS_ARRAY_INDEX is 3; of 3 writers it"):
        place_of(None, 3)


def test_numbers_that_contradict_each_other_are_errors(monkeypatch):
    with pytest.raises(PlaceError, match="pass the number of the task"):
        place_of(None, 4)
    with pytest.raises(PlaceError, match="of how many"):
        place_of(1, None)
    for rank, size in ((4, 4), (-1, 4), (0, 0), (0, -1)):
        with pytest.raises(PlaceError, match="less than"):
            place_of(rank, size)
    monkeypatch.setenv("SLURM_PROCID", "2")
    monkeypatch.setenv("SLURM_NTASKS", "4")
    assert place_of(None, 4) == (2, 4)
    with pytest.raises(PlaceError, match="there are 4"):
        place_of(None, 5)
    with pytest.raises(TypeError):
        place_of(1.5, 4)


def test_a_communicator_knows_its_rank_and_size(monkeypatch):
    monkeypatch.setenv("SLURM_PROCID", "0")
    monkeypatch.setenv("SLURM_NTASKS", "2")
    a = zarrcy.zeros(100, chunks=3, store={})
    assert a.region(World(2, 5)) == a.region(2, 5)
    task = a.task(World(2, 5))
    assert (task.number, task.of) == (2, 5)
    with pytest.raises(PlaceError, match="leave out the number"):
        a.region(World(2, 5), 5)


@pytest.mark.parametrize(
    ("is_initialized", "is_finalized", "size", "place"),
    [(True, False, 6, (1, 6)), (True, True, 6, (0, 1)), (False, False, 6, (0, 1)), (True, False, 1, (0, 1))],
)
def test_a_program_with_mpi4py_asks_its_communicator(is_initialized, is_finalized, size, place, monkeypatch):
    mpi = types.ModuleType("mpi4py.MPI")
    mpi.Is_initialized, mpi.Is_finalized = (lambda: is_initialized), (lambda: is_finalized)
    mpi.COMM_WORLD = World(min(1, size - 1), size)
    monkeypatch.setitem(sys.modules, "mpi4py.MPI", mpi)
    assert place_of(None, None) == place


def test_a_task_of_dask_asks_its_worker(monkeypatch):
    distributed = types.ModuleType("distributed")
    worker = types.SimpleNamespace(address="tcp://b:1")
    client = types.SimpleNamespace(
        scheduler_info=lambda n_workers: {"workers": {"tcp://c:1": {}, "tcp://a:1": {}, "tcp://b:1": {}}}
    )
    distributed.get_worker, distributed.get_client = (lambda: worker), (lambda: client)
    monkeypatch.setitem(sys.modules, "distributed", distributed)
    assert place_of(None, None) == (1, 3)

    def refuse():
        raise ValueError("No worker found")

    distributed.get_worker = refuse
    assert place_of(None, None) == (0, 1)


def test_the_region_of_one_of_many_tasks_takes_a_fraction_of_the_time_of_all():
    a = zarrcy.zeros((2**30, 100), chunks=(64, 10), store={})
    whole = [a.region(k, 2**22) for k in (0, 17, 2**22 - 1)]
    assert [part[0].start for part in whole] == sorted(part[0].start for part in whole)
    assert a.region(2**24 - 1, 2**24)[0].stop == 2**30
