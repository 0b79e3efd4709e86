"""The build: what it does when a library is found that it cannot use, and that options do not depend on the machine."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not (REPO / "setup.py").exists(), reason="there is no source tree")


def build(tmp_path, versions, **variables):
    """Start a build with a pkg-config that knows these versions; the compiler fails at once."""
    for module in ("setuptools", "Cython", "numpy"):
        if importlib.util.find_spec(module) is None:
            pytest.skip(f"a build needs {module}")
    program = tmp_path / "pkg-config"
    program.write_text(f"""#!{sys.executable}
import sys
versions = {versions!r}
arguments = [a for argument in sys.argv[1:] for a in argument.split(" >= ")[:1] if not a.startswith("--")]
if any(name not in versions for name in arguments):
    sys.exit("Package was not found")
if "--modversion" in sys.argv:
    print(versions[arguments[0]])
for argument in sys.argv:
    name, _, least = argument.partition(" >= ")
    if least and [int(n) for n in versions[name].split(".")] < [int(n) for n in least.split(".")]:
        sys.exit("Requested " + argument)
""")
    program.chmod(0o755)
    # The build must not find an installed wheel blosc2.
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.modules['blosc2'] = None\n")
    env = {
        **os.environ,
        "PATH": f"{tmp_path}:/usr/bin:/bin",
        "PYTHONPATH": str(tmp_path),
        "CC": "false",
        **variables,
    }
    env.pop("ZARRCY_PURE", None)
    command = [
        sys.executable,
        "setup.py",
        "build_ext",
        "--build-temp",
        tmp_path / "t",
        "--build-lib",
        tmp_path / "l",
    ]
    done = subprocess.run(command, cwd=REPO, env=env, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    return done.stdout + done.stderr


TOO_OLD = {"blosc2": "2.17.1", "liblz4": "1.10.0", "libzstd": "1.5.7"}


@pytest.mark.parametrize(
    ("versions", "found"),
    [
        (TOO_OLD, "blosc2 2.17.1"),
        ({"blosc2": "2.23.0", "libzstd": "1.5.7"}, "liblz4 not installed"),
        ({"blosc2": "2.23.0", "liblz4": "1.10.0"}, "libzstd not installed"),
        ({**TOO_OLD, "blosc2": "2.23.0", "libdeflate": "1.1"}, "libdeflate 1.1"),
    ],
)
def test_a_library_that_is_found_but_cannot_be_used_stops_the_build_with_a_remedy(tmp_path, versions, found):
    output = build(tmp_path, versions)
    assert found in output
    assert "pip install 'blosc2>=4'" in output
    assert "ZARRCY_NO_CODECS=1" in output
    assert "did not compile" not in output


@pytest.mark.slow
@pytest.mark.parametrize("versions", [{}, {**TOO_OLD, "blosc2": "2.21.0"}])
def test_a_build_with_usable_libraries_or_none_reaches_the_compiler(tmp_path, versions):
    output = build(tmp_path, versions)
    assert "did not compile" in output
    assert ("C-Blosc2 was not found" in output) == (not versions)


def test_the_compiler_flags_are_not_those_of_the_machine_that_builds():
    text = (
        (REPO / "setup.py").read_text()
        + (REPO / "Makefile").read_text()
        + (REPO / "pyproject.toml").read_text()
    )
    assert not re.search(r"-m(arch|tune|cpu)=|-mavx|-msse4", text)


def test_the_version_is_written_in_one_place():
    import tomllib

    project = tomllib.loads((REPO / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "zarrcy.__version__"}
