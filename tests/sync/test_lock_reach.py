"""Whether locks reach other nodes follows from the mounts; whether there are several nodes, from the environment."""

import warnings

import pytest

import zarrcy
from zarrcy.errors import LockWarning, UnalignedWriteError
from zarrcy.sync import lock_reach, ranks

ROOT = "22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
MOUNTS = {
    # text of mountinfo for /data: whether locks reach the other nodes that have it
    "ext4": ("- ext4 /dev/sdb1 rw", True),
    "tmpfs": ("- tmpfs tmpfs rw,size=1024k", True),
    "overlay": ("- overlay overlay rw,lowerdir=/a", True),
    "NFS 4": ("- nfs4 server:/x rw,vers=4.2,hard,local_lock=none,addr=10.0.0.1", True),
    "NFS 3 with lockd": ("- nfs server:/x rw,vers=3,hard,local_lock=none", True),
    "NFS 3 without lockd": ("- nfs server:/x rw,vers=3,nolock,local_lock=all", False),
    "NFS with local POSIX locks": ("- nfs4 server:/x rw,vers=4.1,local_lock=posix", False),
    "NFS with local flock": ("- nfs4 server:/x rw,vers=4.1,local_lock=flock", True),
    "Lustre": ("- lustre 10.0.0.1@tcp:/x rw,checksum,flock,user_xattr", True),
    "Lustre within a node": ("- lustre 10.0.0.1@tcp:/x rw,checksum,localflock", False),
    "Lustre without locks": ("- lustre 10.0.0.1@tcp:/x rw,checksum,noflock", False),
    "Lustre without an option": ("- lustre 10.0.0.1@tcp:/x rw,checksum", False),
    "GPFS": ("- gpfs fs1 rw,relatime", True),
    "CephFS": ("- ceph 10.0.0.1:/ rw,acl", True),
    "BeeGFS": ("- beegfs beegfs_nodev rw", False),
    "SMB": ("- cifs //server/x rw,vers=3.0", True),
    "SMB without locks": ("- cifs //server/x rw,vers=3.0,nobrl", False),
    "FUSE of a server": ("- fuse.sshfs user@host:/x rw,user_id=0", False),
    "FUSE of an object store": ("- fuse.s3fs s3fs rw", False),
    "FUSE of a disk": ("- fuseblk /dev/sdb1 rw", True),
    "optional fields": ("shared:7 master:3 - lustre 10.0.0.1@tcp:/x rw,localflock", False),
}


def mounted(kind, at="/data"):
    return ROOT + f"40 22 0:35 / {at} rw,noatime {MOUNTS[kind][0]}\n"


@pytest.mark.parametrize("kind", MOUNTS)
def test_the_options_of_a_mount_say_whether_locks_reach_other_nodes(kind):
    problem = lock_reach.problem_at("/data/a", mounted(kind))
    assert bool(problem) is not MOUNTS[kind][1]
    if problem:
        assert "/data" in problem
    # other mounts do not count
    for path in ("/", "/database", "/home/data"):
        assert lock_reach.problem_at(path, mounted(kind)) == ""


def test_a_mount_inside_another_and_a_later_one_at_the_same_place_count():
    text = mounted("NFS 3 without lockd") + "41 40 0:36 / /data/local rw - ext4 /dev/sdc rw\n"
    assert lock_reach.problem_at("/data/a", text)
    assert not lock_reach.problem_at("/data/local/a", text)
    assert not lock_reach.problem_at("/data/a", text + "42 40 0:37 / /data rw - tmpfs tmpfs rw\n")


def test_a_path_with_white_space_is_found():
    text = ROOT + r"40 22 0:35 / /my\040data rw - nfs s:/x rw,nolock" + "\n"
    assert "/my data" in lock_reach.problem_at("/my data/a", text)


@pytest.mark.parametrize("text", ["", "garbage", "1 2 3", "40 1 0:35 / /"])
def test_without_a_list_of_mounts_there_is_no_problem(text):
    assert lock_reach.problem_at("/data", text) == ""


# -- several nodes ------------------------------------------------------------------------------------

ENVIRONMENTS = {
    "nothing": ({}, False),
    "one node of Slurm": ({"SLURM_JOB_ID": "1", "SLURM_JOB_NUM_NODES": "1", "SLURM_NTASKS": "8"}, False),
    "nodes of Slurm": ({"SLURM_JOB_ID": "1", "SLURM_JOB_NUM_NODES": "2"}, True),
    "a job array of Slurm": ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"}, True),
    "a job array of one task": ({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "1"}, False),
    "a job array of PBS": ({"PBS_ARRAY_INDEX": "3"}, True),
    "nodes of Torque": ({"PBS_NUM_NODES": "4"}, True),
    "a job array of LSF": ({"LSB_JOBINDEX": "3"}, True),
    "no job array of LSF": ({"LSB_JOBINDEX": "0"}, False),
    "nodes of LSF": ({"LSB_MCPU_HOSTS": "a 4 b 4"}, True),
    "one node of LSF": ({"LSB_MCPU_HOSTS": "a 4"}, False),
    "a job array of Grid Engine": ({"SGE_TASK_ID": "3"}, True),
    "no job array of Grid Engine": ({"SGE_TASK_ID": "undefined", "NHOSTS": "1"}, False),
    "nodes of Grid Engine": ({"NHOSTS": "2"}, True),
    "Open MPI on two nodes": ({"OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_LOCAL_SIZE": "4"}, True),
    "Open MPI on one node": ({"OMPI_COMM_WORLD_SIZE": "8", "OMPI_COMM_WORLD_LOCAL_SIZE": "8"}, False),
    "MPICH on two nodes": ({"PMI_SIZE": "8", "MPI_LOCALNRANKS": "4"}, True),
    "MPICH on one node": ({"PMI_SIZE": "4", "MPI_LOCALNRANKS": "4"}, False),
    "MVAPICH on two nodes": ({"MV2_COMM_WORLD_SIZE": "8", "MV2_COMM_WORLD_LOCAL_SIZE": "4"}, True),
}


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_environment_says_whether_tasks_may_run_on_several_nodes(name, set_environment):
    variables, several = ENVIRONMENTS[name]
    set_environment(variables)
    assert bool(ranks.several_nodes()) is several


@pytest.fixture
def set_environment(monkeypatch):
    """Set variables of schedulers; the others are not set."""

    def set_only(variables):
        for setting in zarrcy.settings.SETTINGS:
            if setting.meaning.startswith("Set by"):
                monkeypatch.delenv(setting.name, raising=False)
        for name, text in variables.items():
            monkeypatch.setenv(name, text)

    set_only({})
    return set_only


# -- what a write does there ---------------------------------------------------------------------------

LAYOUTS = {
    "chunks": {"chunks": 8},
    "fallback path": {"chunks": 8, "dtype": [("x", "i4")]},
    "shards": {"chunks": 2, "shards": 8, "zarr_format": 3},
}


@pytest.fixture(params=LAYOUTS)
def array(request, tmp_path, monkeypatch, set_environment):
    """An array in a directory whose locks, the kernel says, do not reach other nodes."""
    mounts = tmp_path / "mountinfo"
    mounts.write_text(mounted("NFS 3 without lockd", str(tmp_path / "data")))
    monkeypatch.setattr(lock_reach, "MOUNTS", str(mounts))
    options = {"dtype": "i4", **LAYOUTS[request.param]}
    a = zarrcy.create(32, store=str(tmp_path / "data" / request.param), **options)
    return a


def test_a_partial_write_there_warns_once_and_writes(array):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        array[8:16] = 1
        assert not caught
        array[1] = 2
        array[20] = 3
        zarrcy.open_array(array.store, mode="r+")[21] = 4
    assert [w.category for w in caught] == [LockWarning]
    assert "nolock" in str(caught[0].message)
    assert array[20].tolist() in (3, (3,))


def test_a_partial_write_of_tasks_on_several_nodes_is_an_error_that_names_the_aligned_slices(
    array, set_environment
):
    set_environment({"SLURM_ARRAY_TASK_ID": "3", "SLURM_ARRAY_TASK_COUNT": "8"})
    with pytest.raises(UnalignedWriteError, match=r"nolock.*SLURM_ARRAY_TASK_COUNT.*8:24") as caught:
        array[10:22] = 1
    assert caught.value.nearest == (slice(8, 24),)
    array[8:24] = 1
    assert array[10].tolist() in (1, (1,))


def test_without_locks_there_is_no_error(array, set_environment):
    set_environment({"SLURM_JOB_NUM_NODES": "2"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        zarrcy.open_array(array.store, mode="r+", unaligned="allow")[1] = 1
        zarrcy.open_array(array.store, mode="r+", synchronizer=zarrcy.ThreadSynchronizer())[1] = 1
