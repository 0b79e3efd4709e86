"""The default number of threads follows what batch systems and launchers of ranks say about this node."""

import os

import pytest

import zarrcy
from zarrcy import settings
from zarrcy.sync import thread_pool

AFFINITY = 64
HOST = os.uname().nodename if hasattr(os, "uname") else "here"


@pytest.fixture(autouse=True)
def large_machine_without_a_scheduler(monkeypatch):
    for setting in (*settings.CPUS_AND_RANKS, settings.THREADS):
        monkeypatch.delenv(setting.name, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(AFFINITY)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: AFFINITY)
    monkeypatch.setattr(thread_pool, "cgroup_cpus", lambda root="": None)


CASES = [
    # environment, threads, variable that decides
    ({"SLURM_CPUS_PER_TASK": "3"}, 3, "SLURM_CPUS_PER_TASK"),
    ({"SLURM_CPUS_ON_NODE": "12"}, 12, "SLURM_CPUS_ON_NODE"),
    ({"SLURM_CPUS_ON_NODE": "12", "SLURM_NTASKS_PER_NODE": "4"}, 3, "SLURM_CPUS_ON_NODE"),
    ({"SLURM_CPUS_ON_NODE": "12", "SLURM_NTASKS_PER_NODE": "4"}, 3, "SLURM_NTASKS_PER_NODE"),
    ({"SLURM_CPUS_ON_NODE": "3", "SLURM_NTASKS_PER_NODE": "4"}, 1, "SLURM_CPUS_ON_NODE"),
    ({"SLURM_CPUS_ON_NODE": "12", "SLURM_CPUS_PER_TASK": "2"}, 2, "SLURM_CPUS_PER_TASK"),
    ({"SLURM_CPUS_ON_NODE": "12", "SLURM_CPUS_PER_TASK": "20"}, 12, "SLURM_CPUS_ON_NODE"),
    # CPUs of a rank are not shared by ranks
    ({"SLURM_CPUS_PER_TASK": "3", "SLURM_NTASKS_PER_NODE": "8"}, 3, "SLURM_CPUS_PER_TASK"),
    ({"SLURM_NTASKS_PER_NODE": "8"}, AFFINITY // 8, "SLURM_NTASKS_PER_NODE"),
    ({"SLURM_JOB_CPUS_PER_NODE": "9"}, 9, "SLURM_JOB_CPUS_PER_NODE"),
    ({"SLURM_JOB_CPUS_PER_NODE": "16(x2),6,8(x3)", "SLURM_NODEID": "0"}, 16, "SLURM_JOB_CPUS_PER_NODE"),
    ({"SLURM_JOB_CPUS_PER_NODE": "16(x2),6,8(x3)", "SLURM_NODEID": "2"}, 6, "SLURM_JOB_CPUS_PER_NODE"),
    ({"SLURM_JOB_CPUS_PER_NODE": "16(x2),6,8(x3)", "SLURM_NODEID": "5"}, 8, "SLURM_JOB_CPUS_PER_NODE"),
    ({"SLURM_JOB_CPUS_PER_NODE": "16(x2),6,8(x3)"}, 6, "SLURM_JOB_CPUS_PER_NODE"),
    (
        {"SLURM_CPUS_ON_NODE": "12", "SLURM_STEP_TASKS_PER_NODE": "4(x2),3", "SLURM_NODEID": "2"},
        4,
        "SLURM_STEP_TASKS_PER_NODE",
    ),
    # what a launcher started counts more than what the job asked for
    (
        {"SLURM_CPUS_ON_NODE": "12", "SLURM_STEP_TASKS_PER_NODE": "1", "MPI_LOCALNRANKS": "6"},
        2,
        "MPI_LOCALNRANKS",
    ),
    (
        {"SLURM_CPUS_ON_NODE": "12", "SLURM_STEP_TASKS_PER_NODE": "1", "SLURM_NTASKS_PER_NODE": "4"},
        12,
        "SLURM_CPUS_ON_NODE",
    ),
    ({"NCPUS": "7"}, 7, "NCPUS"),
    ({"PBS_NUM_PPN": "8", "OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, 2, "PBS_NUM_PPN"),
    ({"LSB_DJOB_NUMPROC": "10"}, 10, "LSB_DJOB_NUMPROC"),
    ({"LSB_DJOB_NUMPROC": "10", "LSB_MCPU_HOSTS": f"elsewhere 6 {HOST} 4"}, 4, "LSB_MCPU_HOSTS"),
    ({"LSB_DJOB_NUMPROC": "10", "LSB_MCPU_HOSTS": "elsewhere 6 there 4"}, 10, "LSB_DJOB_NUMPROC"),
    ({"NSLOTS": "6"}, 6, "NSLOTS"),
    ({"NSLOTS": "24", "NHOSTS": "3", "MV2_COMM_WORLD_LOCAL_SIZE": "2"}, 4, "NSLOTS"),
    ({"OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, AFFINITY // 4, "OMPI_COMM_WORLD_LOCAL_SIZE"),
]


@pytest.mark.parametrize(("environment", "n", "by"), CASES)
def test_the_smallest_number_that_a_scheduler_states_counts(environment, n, by, monkeypatch):
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    choice = thread_pool.choice()
    assert choice.n == n
    assert by in choice.why
    assert thread_pool.n_threads() == n
    assert zarrcy.show_config("dicts")["threads"] == {"number": n, "because of": choice.why}


@pytest.mark.parametrize(
    "environment",
    [
        {"SLURM_CPUS_PER_TASK": "0"},
        {"SLURM_CPUS_ON_NODE": "many"},
        {"SLURM_JOB_CPUS_PER_NODE": ""},
        {"SLURM_JOB_CPUS_PER_NODE": "4(x"},
        {"SLURM_JOB_CPUS_PER_NODE": "4(x2),"},
        {"SLURM_NTASKS_PER_NODE": "-2"},
        {"LSB_MCPU_HOSTS": f"{HOST}"},
        {"LSB_MCPU_HOSTS": f"{HOST} x"},
        {"NSLOTS": "0", "NHOSTS": "0"},
        {"OMP_NUM_THREADS": "1"},
        {"DASK_OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        {"SLURM_CPUS_ON_NODE": "200", "SLURM_NTASKS_PER_NODE": "1"},
    ],
)
def test_other_texts_and_variables_do_not_change_the_number(environment, monkeypatch):
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    assert thread_pool.choice() == (AFFINITY, "the CPUs that this process may run on")


def test_ranks_that_are_bound_to_cpus_keep_these(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.setenv("OMPI_COMM_WORLD_LOCAL_SIZE", "4")
    assert thread_pool.choice() == (16, "the CPUs that this process may run on")


def test_ranks_share_the_quota_of_the_control_group(monkeypatch):
    monkeypatch.setattr(thread_pool, "cgroup_cpus", lambda root="": 12)
    monkeypatch.setenv("MPI_LOCALNRANKS", "4")
    n, why = thread_pool.choice()
    assert n == 3
    assert why == "the CPU quota of the control group, shared by 4 ranks of MPI_LOCALNRANKS"


def test_reads_follow_changes_of_the_environment(monkeypatch):
    assert thread_pool.n_threads() == AFFINITY
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "12")
    assert thread_pool.n_threads() == 12
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "6")
    assert thread_pool.n_threads() == 6
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "2")
    assert thread_pool.n_threads() == 3
    monkeypatch.delenv("SLURM_CPUS_ON_NODE")
    assert thread_pool.n_threads() == AFFINITY // 2
    monkeypatch.setenv("ZARRCY_THREADS", "5")
    assert thread_pool.n_threads() == 5


def test_what_a_user_asks_for_is_not_shared(monkeypatch):
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "4")
    monkeypatch.setenv("SLURM_NTASKS_PER_NODE", "4")
    with zarrcy.use_threads(6):
        assert thread_pool.n_threads() == 6
    monkeypatch.setenv("ZARRCY_THREADS", "7")
    assert thread_pool.choice() == (7, "ZARRCY_THREADS in the environment")
