"""Environment variables are read in one place, and the documentation lists them."""

import ast
import re
from pathlib import Path

import pytest

import zarrcy
from zarrcy import settings

PACKAGE = Path(zarrcy.__file__).parent
REPO = Path(__file__).parent.parent
# `import zarrcy` loads no module of it, and the kernels import no other room, so they read ZARRCY_PURE themselves.
# The names of zarr-python 3's variables follow from those of its settings.
READERS = {PACKAGE / "settings.py", PACKAGE / "__init__.py", PACKAGE / "_kernels" / "__init__.py"}
READERS.add(PACKAGE / "zarr3" / "config.py")


def test_only_the_settings_module_reads_environment_variables():
    for path in set(PACKAGE.rglob("*.py")) - READERS:
        for node in ast.walk(ast.parse(path.read_text())):
            reads = isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
            assert not (reads and ast.unparse(node).startswith("os.")), path


def test_each_variable_that_the_source_names_is_in_the_table():
    sources = [*PACKAGE.rglob("*.py"), REPO / "setup.py"]
    named = {name for path in sources for name in re.findall(r"\bZARRCY_[A-Z_]+[A-Z]\b", path.read_text())}
    macros = {"ZARRCY_ARCHIVE", "ZARRCY_CODECS", "ZARRCY_LIBDEFLATE"}
    assert named - macros == {
        setting.name for setting in settings.SETTINGS if setting.name.startswith("ZARRCY_")
    }


def test_the_page_about_settings_has_a_row_for_each_variable():
    rows = (REPO / "docs" / "settings.md").read_text().splitlines()
    for setting in settings.SETTINGS:
        cells = (
            f"`{setting.name}`",
            setting.kind,
            setting.default or "automatic",
            setting.read,
            setting.meaning,
        )
        assert f"| {' | '.join(cells)} |" in rows
    assert len([row for row in rows if row.startswith("| `")]) == len(settings.SETTINGS)


@pytest.mark.parametrize(
    ("setting", "text", "value"),
    [
        (settings.NATIVE, None, True),
        (settings.NATIVE, "0", False),
        (settings.NATIVE, "", False),
        (settings.ALLOW_PICKLE, None, False),
        (settings.ALLOW_PICKLE, "1", True),
        (settings.MAX_DOCUMENT_MIB, None, 64),
        (settings.MAX_DOCUMENT_MIB, "3", 3),
        (settings.V3_DRAFT, None, False),
        (settings.V3_DRAFT, "False", False),
        (settings.V3_DRAFT, "1", True),
        (settings.THREADS, None, ""),
    ],
)
def test_a_setting_is_parsed_from_the_environment(setting, text, value, monkeypatch):
    monkeypatch.delenv(setting.name, raising=False)
    if text is not None:
        monkeypatch.setenv(setting.name, text)
    assert setting.value() == value
    assert setting.is_set() is (text is not None)


@pytest.mark.parametrize("text", ["", "-1", "0", "many", "1.5"])
def test_a_value_that_is_not_valid_is_refused_with_the_name_of_the_variable(text, monkeypatch):
    monkeypatch.setenv("ZARRCY_MAX_DOCUMENT_MIB", text)
    with pytest.raises(ValueError, match=r"ZARRCY_MAX_DOCUMENT_MIB is .*positive integer"):
        settings.MAX_DOCUMENT_MIB.value()
