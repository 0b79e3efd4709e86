"""The examples of the documentation run: as doctests where they are Python, and as far as the parser where not."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from zarrcy.cli import console

REPO = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(not (REPO / "docs").exists(), reason="there is no source tree")
PAGES = sorted(
    page
    for page in [REPO / "README.md", *(REPO / "docs").rglob("*.md")]
    if not {"build", "decisions"} & set(page.relative_to(REPO).parts)
)
# The blocks of this page change what `import zarr` means in the whole process; tests/test_compat.py runs them.
NOT_DOCTESTS = {"compat.md"}


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)


def name_of(page):
    return page.relative_to(REPO).as_posix()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_python_block_is_an_example_that_runs(page):
    found = blocks(page, "python")
    if page.name not in NOT_DOCTESTS:
        assert all(block.startswith(">>> ") for block in found)
    options = tomllib.loads((REPO / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]
    assert "--doctest-glob=*.md" in options["addopts"]
    assert {"README.md", "docs"} <= set(options["testpaths"])


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_command_of_a_page_is_one_that_the_parser_takes(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for block in blocks(page, "sh"):
        for line in block.replace("s3://bucket/", "").splitlines():
            words = shlex.split(line, comments=True)
            if words[:1] == ["zarrcy"]:
                # the files of the example do not exist, which is another message
                console.main(words[1:])
                assert "usage:" not in capsys.readouterr().err, line


def test_the_readme_is_short():
    assert len((REPO / "README.md").read_text().splitlines()) < 120


def test_each_page_is_in_the_contents_of_the_site():
    contents = (REPO / "docs" / "index.md").read_text()
    listed = set(re.findall(r"^([\w/-]+)$", contents, re.MULTILINE))
    docs = REPO / "docs"
    pages = {page.relative_to(docs).with_suffix("").as_posix() for page in PAGES if page.is_relative_to(docs)}
    assert pages - {"index"} <= listed
