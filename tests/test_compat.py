"""`zarrcy.compat` makes ``import zarr`` of other packages return zarrcy, and never mixes two libraries.

It changes the whole process, so each test runs in a new process.
"""

import importlib
import subprocess
import sys
import textwrap

import pytest

import zarrcy
import zarrcy.compat


def run(script, *, fails=False, cwd=None):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False, cwd=cwd
    )
    assert (done.returncode != 0) is fails, done.stderr
    return done.stderr if fails else done.stdout


def test_code_written_for_zarr_python_2_runs_on_zarrcy(tmp_path):
    printed = run(
        """
        import zarrcy, zarrcy.compat
        zarrcy.compat.install()
        import numpy as np
        import zarr
        from zarr.core import Array
        from zarr.hierarchy import Group, open_group
        import zarr.storage as stores
        from zarr.errors import ContainsArrayError
        from zarr.util import json_loads
        root = open_group(stores.DirectoryStore("data.zarr"), mode="w")
        a = root.create_dataset("a", data=np.arange(6), chunks=4, compressor=stores.default_compressor)
        try:
            root.create_dataset("a", shape=3)
        except ContainsArrayError:
            print("contains")
        zarr.consolidate_metadata("data.zarr")
        print(isinstance(a, Array), isinstance(root, Group), Array is zarrcy.Array)
        print(zarr.open_consolidated("data.zarr")["a"][:].tolist())
        print(json_loads(root.store["a/.zarray"])["chunks"])
        """,
        cwd=tmp_path,
    )
    assert printed.splitlines() == ["contains", "True True True", "[0, 1, 2, 3, 4, 5]", "[4]"]


def test_the_version_is_2_18_or_later_and_names_zarrcy():
    printed = run(
        """
        import zarrcy.compat
        zarrcy.compat.install()
        import zarr
        print(zarr.__version__)
        """
    )
    public, _, local = printed.strip().partition("+")
    assert tuple(int(part) for part in public.split(".")) >= (2, 18)
    assert local.startswith("zarrcy")


def test_other_packages_find_zarr_but_no_module_that_zarrcy_does_not_have():
    printed = run(
        """
        import importlib, importlib.util
        import zarrcy.compat
        zarrcy.compat.install()
        print(importlib.util.find_spec("zarr").name, importlib.util.find_spec("zarr.core").name)
        try:
            import zarr._storage
        except ModuleNotFoundError as exc:
            print(exc.name)
        import zarr
        print(hasattr(zarr, "api"), hasattr(zarr.util, "TreeViewer"))
        """
    )
    assert printed.splitlines() == ["zarr zarr.core", "zarr._storage", "False False"]


def test_installing_twice_changes_nothing():
    printed = run(
        """
        import zarrcy.compat
        zarrcy.compat.install()
        import zarr
        zarrcy.compat.install()
        import sys
        print(sys.modules["zarr"] is zarr)
        """
    )
    assert printed.strip() == "True"


def test_installing_fails_if_another_zarr_is_already_imported(tmp_path):
    (tmp_path / "zarr.py").write_text("__version__ = '2.18.7'\n")
    stderr = run("import zarr, zarrcy.compat\nzarrcy.compat.install()\n", fails=True, cwd=tmp_path)
    assert "ImportError: zarrcy.compat.install() comes too late: 'zarr' is already imported from" in stderr
    assert "zarr.py" in stderr


def test_uninstalling_restores_the_other_zarr(tmp_path):
    (tmp_path / "zarr.py").write_text("origin = 'the other'\n")
    printed = run(
        """
        import sys
        import zarrcy.compat
        before = set(sys.modules)
        zarrcy.compat.install()
        zarrcy.compat.uninstall()
        print([name for name in set(sys.modules) - before if name.startswith("zarr.")])
        import zarr
        print(zarr.origin)
        try:
            zarrcy.compat.uninstall()
        except ImportError as exc:
            print(exc)
        """,
        cwd=tmp_path,
    )
    assert printed.splitlines() == [
        "[]",
        "the other",
        "zarrcy.compat is not installed, so there is nothing to undo",
    ]


def test_a_fill_value_with_object_fields_is_rejected():
    stderr = run(
        """
        import numpy as np
        import zarrcy.compat
        dtype = np.dtype([("a", object)])
        zarrcy.compat.encode_fill_value(np.zeros((), dtype)[()], dtype)
        """,
        fails=True,
    )
    assert "fields that are objects" in stderr


@pytest.mark.parametrize("module", sorted(zarrcy.compat.MODULES))
def test_each_module_of_zarr_python_2_can_be_imported_below_zarrcy(module):
    """Programs say ``import zarrcy as zarr; isinstance(x, zarr.core.Array)`` and ``from zarrcy.core import Array``."""
    imported = importlib.import_module(f"zarrcy.{module}")
    assert getattr(zarrcy, module) is imported
    names = [name for names in zarrcy.compat.MODULES[module].values() for name in names.split()]
    assert [name for name in names if not hasattr(imported, name)] == []
    assert set(names) <= set(dir(imported))
    with pytest.raises(AttributeError, match="no_such_name"):
        imported.no_such_name


def test_modules_of_zarr_python_2_are_loaded_when_they_are_used():
    printed = run(
        """
        import sys
        import zarrcy as zarr
        print([name for name in ("zarrcy.core", "zarrcy.hierarchy", "numpy") if name in sys.modules])
        a = zarr.zeros(3)
        print(isinstance(a, zarr.core.Array), zarr.hierarchy.group is zarr.group, zarr.hierarchy.Group is zarr.Group)
        from zarrcy.hierarchy import array, group, open_group
        print(callable(array), callable(group), callable(open_group))
        import pickle
        print(pickle.loads(pickle.dumps(zarr.core.Array)) is zarr.Array)
        try:
            import zarrcy.no_such_module
        except ModuleNotFoundError as exc:
            print(exc.name)
        """
    )
    assert printed.splitlines() == ["[]", "True True True", "True True True", "True", "zarrcy.no_such_module"]
