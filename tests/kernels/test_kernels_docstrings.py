"""Each compiled function has a docstring, and its stub has the same one."""

import ast
import inspect
from pathlib import Path

import pytest

from zarrcy import _kernels

FOLDER = Path(_kernels.__file__).parent
STUBS = sorted(FOLDER.glob("*.pyi"))

pytestmark = pytest.mark.skipif(not _kernels.COMPILED, reason="a pure build has no compiled functions")


def docstring_of(thing):
    """Return a docstring without the signature that Cython writes before it."""
    lines = inspect.cleandoc(thing.__doc__ or "").split("\n")
    if lines[0].split("(")[0].rpartition(".")[2] == getattr(thing, "__name__", None):
        del lines[0]
    return inspect.cleandoc("\n".join(lines))


def documented(node, thing):
    """Iterate over the classes, functions and properties of a stub, with the compiled object of each."""
    for child in node.body:
        if isinstance(child, (ast.ClassDef, ast.FunctionDef)) and not child.name.startswith("__"):
            compiled = inspect.getattr_static(thing, child.name)
            if not inspect.isgetsetdescriptor(compiled) or ast.get_docstring(child):
                yield child, compiled
            if isinstance(child, ast.ClassDef):
                yield from documented(child, compiled)


@pytest.mark.parametrize("path", STUBS, ids=lambda path: path.stem)
def test_a_stub_has_the_docstrings_of_the_compiled_module(path):
    module = pytest.importorskip(f"zarrcy._kernels.{path.stem}")
    stub = ast.parse(path.read_text())
    assert ast.get_docstring(stub) == inspect.cleandoc(module.__doc__)
    for node, compiled in documented(stub, module):
        assert ast.get_docstring(node) == docstring_of(compiled), node.name
        assert ast.get_docstring(node), f"{node.name} has no docstring"


def test_every_compiled_module_has_a_stub():
    compiled = {path.stem for path in FOLDER.glob("*.pyx")}
    assert compiled == {path.stem for path in STUBS}
