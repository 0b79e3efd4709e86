"""Each library that the compiled modules are linked with is named with its version, its license and the text of it."""

import re
import tomllib
from pathlib import Path

import pytest

import zarrcy
from zarrcy import _kernels
from zarrcy.api.show_config import LICENSES

REPO = Path(__file__).parents[2]


@pytest.mark.skipif(_kernels.native is None, reason="this build has no compiled modules")
def test_each_linked_library_is_shown_with_version_and_license():
    linked = _kernels.native.libraries()
    shown = zarrcy.show_config("dicts")["libraries of the native path"]
    assert list(shown) == list(linked)
    for name, text in shown.items():
        assert re.fullmatch(rf"\d+\.\d+[\w.]* \({LICENSES[name]}\)", text), text
    assert bool(linked) == (len(_kernels.native.CODECS) > 1)
    if _kernels.native.DEFLATE_LIBRARY:
        assert _kernels.native.DEFLATE_LIBRARY in linked


@pytest.mark.skipif(not (REPO / "LICENSES").exists(), reason="there is no source tree")
@pytest.mark.parametrize("library", LICENSES)
def test_the_source_tree_has_the_license_of_each_library(library):
    text = (REPO / "LICENSES" / f"{library.replace('Zstandard', 'zstd').upper()}.txt").read_text()
    assert "opyright" in text or "(C)" in text
    project = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]
    assert LICENSES[library] in project["license"].split(" AND ")
    assert "LICENSES/*.txt" in project["license-files"]
