"""Links and file names in the documentation refer to files that exist."""

import re
from pathlib import Path

import pytest

REPO = Path(__file__).parent.parent
PAGES = sorted(
    page
    for page in [*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md"), *(REPO / "benchmarks").rglob("*.md")]
    if "build" not in page.parts and "results" not in page.parts
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_each_relative_link_points_to_a_file(page):
    targets = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)[^)]*\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(REPO).as_posix())
def test_each_module_that_a_page_names_exists(page):
    """A name such as `storage/base.py` is a path below the repository, the package or one of its folders."""
    names = re.findall(r"`([a-z_0-9]+(?:/[a-z_0-9]+)*\.(?:py|pyx|pxd|h|c))`", page.read_text())
    files = [
        path.as_posix()
        for folder in ("zarrcy", "tests", "benchmarks", "docs")
        for path in (REPO / folder).rglob("*.*")
    ]
    files.append((REPO / "setup.py").as_posix())
    examples = {"_kernels/_verb.pyx"}
    assert [
        name for name in names if name not in examples and not any(f.endswith("/" + name) for f in files)
    ] == []


def test_the_index_of_decisions_lists_every_page():
    folder = REPO / "docs" / "decisions"
    pages = {page.name for page in folder.glob("*.md")} - {"README.md"}
    assert set(re.findall(r"\]\(([^)]+)\)", (folder / "README.md").read_text())) == pages


def test_the_architecture_page_names_every_folder_and_only_modules_that_exist():
    lines = (REPO / "docs" / "architecture.md").read_text().splitlines()
    named = set(re.findall(r"`([a-z_0-9]+)/?`", "\n".join(line for line in lines if line.startswith("| `"))))
    package = REPO / "zarrcy"
    folders = {path.parent.name for path in package.rglob("__init__.py")} - {"zarrcy"}
    modules = {path.stem for suffix in ("py", "pyx") for path in package.rglob(f"*.{suffix}")}
    assert folders <= named
    assert named <= folders | modules
