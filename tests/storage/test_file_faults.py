"""Failing system calls in compiled code: the error has key and cause, and the old data stay. See faulty_calls.c."""

import errno
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from zarrcy import _kernels

pytestmark = [
    pytest.mark.skipif(_kernels.file_io is None, reason="a pure build makes its system calls in Python"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs LD_PRELOAD and the error numbers of Linux"),
]

# For each key, the child stores a value, makes a system call fail, runs the action, and prints the outcome.
SCRIPT = """
import json, os, sys
import zarrcy
from zarrcy.storage import access

root, cases = sys.argv[1], json.loads(sys.argv[2])
store = zarrcy.DirectoryStore(root)
outcomes = []
for number, (action, faults) in enumerate(cases):
    key = f"faulty{number}/a"
    new = bytes(range(256)) * 40
    if action != "claim":
        store[key] = b"old"
    if action == "read whole":
        store[key] = new
    os.environ.update(faults, FAULT_PATH=f"faulty{number}/")
    error = None
    answer = None
    try:
        if action == "write":
            store[key] = new
        elif action == "claim":
            answer = access.set_if_absent(store, key, new)
        else:
            answer = len(store[key])
    except OSError as exc:
        error = [type(exc).__name__, exc.errno, str(exc), exc.filename]
    for name in ("FAULT_CALL", "FAULT_ERRNO", "FAULT_SHORT", "FAULT_TIMES", "FAULT_PATH"):
        os.environ.pop(name, None)
    value = store.get(key)
    left = [name for name in os.listdir(os.path.join(root, f"faulty{number}")) if name != "a"] \\
        if os.path.isdir(os.path.join(root, f"faulty{number}")) else []
    outcomes.append([answer, error, None if value is None else "new" if value == new else value.decode(), left])
print(json.dumps(outcomes))
"""


CHUNKS = """
import ctypes, json, os, sys
import numpy as np
import zarrcy

root, faults = sys.argv[1], json.loads(sys.argv[2])
place = os.path.join(root, "faulty.zarr")
array = zarrcy.full((64, 8), 0, chunks=(1, 8), dtype="i4", compressor=None, store=place, threads=1)
array[...] = 1
new = np.arange(2, 514, dtype="i4").reshape(64, 8)
os.environ.update(faults, FAULT_PATH="faulty.zarr")
before = {call: ctypes.CDLL(None).fault_count(call.encode()) for call in ("open", "create", "write", "close", "rename")}
error = None
try:
    array[...] = new
except OSError as exc:
    error = exc.errno
after = {call: ctypes.CDLL(None).fault_count(call.encode()) for call in before}
for name in ("FAULT_CALL", "FAULT_ERRNO", "FAULT_SHORT", "FAULT_TIMES", "FAULT_AFTER", "FAULT_PATH"):
    os.environ.pop(name, None)
rows = array[...]
print(json.dumps({
    "error": error,
    "new": int((rows == new).all(axis=1).sum()),
    "old": int((rows == 1).all(axis=1).sum()),
    "left": [name for name in os.listdir(place) if "partial" in name],
    "calls": {call: after[call] - n for call, n in before.items()},
}))
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    target = tmp_path_factory.mktemp("faults") / "faulty_calls.so"
    source = Path(__file__).parents[1] / "faulty_calls.c"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(target), str(source), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return target


@pytest.fixture
def outcome(library, tmp_path):
    """Return a function that runs actions with faults, each in its own directory, and returns the outcomes."""

    return lambda *cases, pure=False: run_script(library, SCRIPT, tmp_path, cases, pure)


@pytest.fixture
def run_shards(library, tmp_path):
    """Return a function that writes shards with faults."""
    return lambda cases, pure: run_script(library, SHARD_SCRIPT, tmp_path / "shards", cases, pure)


def run_script(library, script, folder, cases, pure):
    env = os.environ | {"LD_PRELOAD": str(library)} | ({"ZARRCY_PURE": "1"} if pure else {})
    command = [sys.executable, "-c", script, str(folder), json.dumps(cases)]
    # an endless loop must not stop the other tests
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.fixture
def write_chunks(library, tmp_path):
    """Return a function that replaces 64 chunks of one directory, with faults."""
    places = itertools.count()

    def run(variables):
        place = tmp_path / str(next(places))
        place.mkdir()
        command = [sys.executable, "-c", CHUNKS, str(place), json.dumps(variables)]
        env = os.environ | {"LD_PRELOAD": str(library)}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


def faults(call, number=None, **more):
    variables = {"FAULT_CALL": call} | {f"FAULT_{name.upper()}": str(value) for name, value in more.items()}
    return variables if number is None else variables | {"FAULT_ERRNO": str(number)}


WRITES = [
    *(("create", number) for number in (errno.EACCES, errno.EMFILE, errno.EDQUOT, errno.EROFS)),
    *(("write", number) for number in (errno.ENOSPC, errno.EIO, errno.EFBIG)),
    *(("close", number) for number in (errno.ENOSPC, errno.EIO)),
    *(("rename", number) for number in (errno.EACCES, errno.ENOSPC)),
]
READS = [
    *(("open", number) for number in (errno.EACCES, errno.EMFILE, errno.EIO, errno.ESTALE)),
    *(("fstat", number) for number in (errno.EIO, errno.ESTALE)),
    *(("read", number) for number in (errno.EIO, errno.ESTALE)),
]


def test_a_failed_write_raises_an_error_with_key_and_cause_and_keeps_the_old_value(outcome):
    outcomes = outcome(*(("write", faults(*case)) for case in WRITES))
    for (call, number), (_, error, value, left) in zip(WRITES, outcomes, strict=True):
        assert error is not None, (call, errno.errorcode[number])
        kind, error_number, text, _ = error
        assert (kind, error_number) == (type(OSError(number, "")).__name__, number)
        assert "/a' can't be written; the key still has its previous value" in text
        assert (value, left) == ("old", []), (call, errno.errorcode[number])


def test_a_failed_claim_leaves_no_file(outcome):
    cases = [case for case in WRITES if case[0] != "rename"]
    for (call, number), (_, error, value, left) in zip(
        cases, outcome(*(("claim", faults(*case)) for case in cases)), strict=True
    ):
        assert error is not None, (call, errno.errorcode[number])
        assert error[1] == number
        assert (value, left) == (None, [])


def test_a_failed_read_is_an_error_and_not_a_missing_value(outcome):
    outcomes = outcome(*(("read", faults(*case)) for case in READS))
    for (call, number), (_, error, value, _) in zip(READS, outcomes, strict=True):
        assert error is not None, (call, errno.errorcode[number])
        assert error[1] == number
        assert "/a' can't be read" in error[2]
        assert value == "old"


def test_interrupted_and_short_calls_are_continued(outcome):
    again = errno.EINTR
    outcomes = outcome(
        ("read", faults("open", again, times=2)),
        ("read", faults("read", again, times=2)),
        ("read", faults("read", short=1)),
        ("read whole", faults("read", short=1000)),
        ("read whole", faults("read", again, times=3)),
        ("write", faults("write", short=100)),
        ("write", faults("write", again, times=2)),
        ("claim", faults("write", short=100)),
    )
    assert [answer for answer, *_ in outcomes] == [3, 3, 3, 10240, 10240, None, None, True]
    assert [error for _, error, *_ in outcomes] == [None] * 8
    assert [value for *_, value, _ in outcomes] == ["old"] * 3 + ["new"] * 5


def test_a_hard_link_claims_a_value_where_renaming_without_replacing_is_not_supported(outcome):
    outcomes = outcome(
        ("claim", faults("renameat2", errno.EINVAL)),
        ("claim", faults("renameat2", errno.ENOSYS)),
        ("claim", faults("renameat2", errno.EPERM)),
    )
    assert outcomes == [[True, None, "new", []]] * 3


def test_each_chunk_takes_four_system_calls_and_a_directory_is_opened_for_many_of_them(write_chunks):
    calls = write_chunks({})["calls"]
    n_opened = calls.pop("open")
    # the native path returns after some milliseconds to handle signals, and then begins anew
    assert n_opened <= 64 // 16
    assert calls == {"create": 64, "write": 64, "close": 64 + n_opened, "rename": 64}


@pytest.mark.parametrize("call", ["create", "write", "close", "rename", "open"])
@pytest.mark.parametrize("after", [0, 3, 40])
def test_a_chunk_whose_write_failed_once_is_written_again(write_chunks, call, after):
    written = write_chunks(faults(call, errno.EIO, times=1, after=after))
    assert (written["error"], written["new"], written["left"]) == (None, 64, [])


@pytest.mark.parametrize("case", WRITES, ids=lambda case: f"{case[0]}-{errno.errorcode[case[1]]}")
def test_after_a_failed_write_each_chunk_is_old_or_new(write_chunks, case):
    written = write_chunks(faults(*case, after=40))
    assert (written["error"], written["left"]) == (case[1], [])
    assert written["new"] + written["old"] == 64
    assert written["old"] > 0


def test_short_writes_of_chunks_are_continued(write_chunks):
    assert write_chunks(faults("write", short=7))["new"] == 64


# Each case writes a new array of one shard, or a part of a stored one, and prints the error and what is stored then.
SHARD_SCRIPT = """
import json, os, sys
import numpy as np
import zarrcy

root, cases = sys.argv[1], json.loads(sys.argv[2])
outcomes = []
for number, (part, codec, faults) in enumerate(cases):
    path = f"{root}/faulty{number}"
    z = zarrcy.create(
        4000, chunks=1000, shards=4000, dtype="u1", zarr_format=3, store=path, compressor=codec
    )
    if part:
        z[:] = 1
    os.environ.update(faults, FAULT_PATH=f"faulty{number}/c")
    error = None
    try:
        z[:3000 if part else None] = 2
    except OSError as exc:
        error = [exc.errno, str(exc)]
    for name in faults:
        os.environ.pop(name)
    left = [name for _, _, names in os.walk(path) for name in names if name.endswith(".partial")]
    outcomes.append([error, np.unique(z[:]).tolist(), left])
print(json.dumps(outcomes))
"""

# The compiled code writes chunks of the first two, and Python those of the last one.
CODECS = [None, {"id": "zlib", "level": 6}, {"id": "bz2", "level": 1}]


@pytest.mark.parametrize("kernels", ["compiled", "pure"])
def test_a_write_that_accepts_no_bytes_ends_in_an_error(outcome, run_shards, kernels):
    no_bytes = [
        ("write", faults("write", short=0)),
        ("claim", faults("write", short=0)),
        # the compiled code gives up after a number of interrupted calls; Python repeats them without an end
        *([("write", faults("write", errno.EINTR, times=1500))] if kernels == "compiled" else []),
    ]
    outcomes = outcome(*no_bytes, pure=kernels == "pure")
    assert [error and error[1] for _, error, _, _ in outcomes] == [errno.EIO, errno.EIO, None][
        : len(no_bytes)
    ]
    assert [(value, left) for _, _, value, left in outcomes] == [("old", []), (None, []), ("new", [])][
        : len(no_bytes)
    ]

    cases = [(part, codec, faults("write", short=0)) for part in (0, 1) for codec in CODECS]
    for (part, *case), (error, values, left) in zip(cases, run_shards(cases, kernels == "pure"), strict=True):
        assert error is not None, (part, case)
        assert (error[0], values, left) == (errno.EIO, [part], []), (part, case)
        assert "c/0" in error[1]


@pytest.mark.parametrize("kernels", ["compiled", "pure"])
def test_short_and_interrupted_writes_of_shards_are_continued(run_shards, kernels):
    cases = [
        (part, codec, fault)
        for part in (0, 1)
        for codec in CODECS
        for fault in (faults("write", short=7), faults("write", errno.EINTR, times=3))
    ]
    for (part, *case), (error, values, left) in zip(cases, run_shards(cases, kernels == "pure"), strict=True):
        assert (error, values, left) == (None, [1, 2] if part else [2], []), (part, case)
