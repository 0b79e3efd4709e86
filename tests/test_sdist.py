"""The source distribution is complete: the tests run from an unpacked one."""

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent
# Tracked files that only a checkout needs.
ONLY_IN_A_CHECKOUT = {".gitignore"}


def tracked_files():
    if not (REPO / ".git").exists():
        pytest.skip("not a git checkout")
    command = ["git", "-c", f"safe.directory={REPO}", "ls-files"]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    return {name for name in done.stdout.splitlines() if (REPO / name).exists()}


@pytest.fixture(scope="module")
def packed_files(tmp_path_factory):
    pytest.importorskip("setuptools", minversion="77")
    folder = tmp_path_factory.mktemp("sdist")
    command = [
        sys.executable,
        "setup.py",
        "-q",
        "egg_info",
        "--egg-base",
        folder,
        "sdist",
        "--dist-dir",
        folder,
    ]
    # With ZARRCY_PURE, setup.py does not need Cython.
    env = {**os.environ, "ZARRCY_PURE": "1"}
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stderr
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        return {member.name.partition("/")[2] for member in tar if member.isfile()}


def test_the_sdist_contains_every_tracked_file(packed_files):
    missing = tracked_files() - packed_files - ONLY_IN_A_CHECKOUT
    assert not missing, "add them to MANIFEST.in"


def test_the_sdist_contains_no_compiled_file(packed_files):
    generated = {name for name in packed_files if name.startswith("zarrcy/") and name.endswith((".c", ".so"))}
    assert not generated
