"""Failing system calls in compiled code: the error has key and cause, and the old data stay. See faulty_calls.c."""

import errno
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

    def run(*cases):
        env = os.environ | {"LD_PRELOAD": str(library)}
        command = [sys.executable, "-c", SCRIPT, str(tmp_path), json.dumps(cases)]
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
