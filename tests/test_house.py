"""Rules of the code base: import order, laziness, directives, public names, types."""

import ast
import importlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import zarrcy
from zarrcy import _kernels

PACKAGE = Path(zarrcy.__file__).parent
REPO = Path(__file__).parent.parent
# A module imports only from rooms above it in this list; rooms of one entry do not know each other. A room is a
# module or a package; a module of a package that lives elsewhere is named with its path.
ORDER = [
    {"_kernels"},
    {"types", "_lazy"},
    {"errors", "_zarr2_modules", "_zarr3_modules"},
    {"settings", "keys", "archive_error"},
    {"sync", "codecs", "indexing"},
    {"storage"},
    {"metadata"},
    {"chunk_io"},
    {"hierarchy"},
    {"api"},
    {"zarr3"},
    {"cli", "testing", "compat", "dask", "xarray"},
]


def room_of(module):
    return module.split(".")[1] if "." in module else None


def imports_of(path):
    for found in ast.walk(ast.parse(path.read_text())):
        if isinstance(found, ast.ImportFrom) and found.module and found.module.split(".")[0] == "zarrcy":
            if found.module == "zarrcy":
                yield from (f"zarrcy.{alias.name}" for alias in found.names)
            else:
                yield found.module
        elif isinstance(found, ast.Import):
            yield from (alias.name for alias in found.names if alias.name.startswith("zarrcy."))


SOURCES = sorted(
    path for path in PACKAGE.rglob("*.py") if path not in (PACKAGE / "__init__.py", PACKAGE / "__main__.py")
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_module_imports_downwards_only(path):
    rank = {room: i for i, rooms in enumerate(ORDER) for room in rooms}
    place = path.relative_to(PACKAGE).with_suffix("").as_posix()
    own = place if place in rank else place.split("/")[0]
    assert own in rank, f"{own} is missing in ORDER"
    for module in imports_of(path):
        room = room_of(module)
        if own == "_kernels":
            assert room == "_kernels", "kernels must not import other modules of zarrcy"
        elif room in rank:
            assert room == own or rank[room] < rank[own], f"{own} imports {module}, which is not below it"


def test_the_compiled_kernels_are_loaded():
    """A library that is slow without a message would be worse than one that does not start."""
    if os.environ.get("ZARRCY_PURE", "") not in ("", "0"):
        assert not _kernels.COMPILED
        return
    assert _kernels.COMPILED, (
        "the kernels are not compiled; run `make test`, or set ZARRCY_PURE=1 to test without them"
    )
    assert _kernels.default is _kernels.compiled
    assert all(Path(module.__file__).suffix in (".so", ".pyd") for module in compiled_modules())


def compiled_modules():
    from zarrcy._kernels import (
        _crc32c,
        _fill,
        _gather_scatter,
        _json_scan,
        _json_write,
        _plan_outer,
        _plan_points,
        _touched_blocks,
    )

    return [
        _plan_outer,
        _plan_points,
        _gather_scatter,
        _crc32c,
        _json_scan,
        _json_write,
        _fill,
        _touched_blocks,
    ]


def test_both_kernels_have_the_same_names():
    if not _kernels.COMPILED:
        pytest.skip("a pure build has only the numpy twins")
    assert all(hasattr(_kernels.reference, name) for name in _kernels.compiled.__all__)


def test_a_kernel_that_exists_but_does_not_load_raises_an_error(tmp_path):
    script = (
        "import sys, types\n"
        "class Broken:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'zarrcy._kernels._plan_outer': raise ImportError('undefined symbol')\n"
        "sys.meta_path.insert(0, Broken())\n"
        "import zarrcy\n"
        "zarrcy.open\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "ZARRCY_PURE"}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, env=env
    )
    assert "undefined symbol" in done.stderr


def test_kernels_contain_no_directives():
    """Only setup.py sets directives: one in a .pyx would override those of the checked build."""
    for path in (REPO / "zarrcy" / "_kernels").glob("*.p[yx]*"):
        if path.suffix in (".pyx", ".pxd"):
            text = path.read_text()
            assert "# cython:" not in text, path
            assert "@cython." not in text, path


# NumPy functions whose integers have the width of the host: 32 bits on some, so they must be made 64 bits wide.
OF_HOST = {
    "argsort",
    "lexsort",
    "flatnonzero",
    "nonzero",
    "argwhere",
    "searchsorted",
    "bincount",
    "argmax",
    "argmin",
}
# These take the data type that they are to return.
TAKE_DTYPE = {"arange", "cumsum", "indices"}
# What is done with such a result directly: cast, made Python integers, or given back to NumPy as an order of axes.
CASTS = {"astype", "tolist", "int", "tuple", "transpose"}
# Modules that pass positions to kernels, or count elements and bytes.
OF_POSITIONS = [*(PACKAGE / "_kernels").glob("*.py"), *(PACKAGE / "chunk_io").rglob("*.py"),
                *(PACKAGE / "indexing").rglob("*.py"), PACKAGE / "codecs" / "shard_index.py"]  # fmt: skip


def platform_integers(tree):
    """Iterate over the calls of NumPy in a module whose results have integers of the width of the host."""
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    for call in ast.walk(tree):
        if not (isinstance(call, ast.Call) and ast.unparse(call.func).startswith("np.")):
            continue
        name = call.func.attr
        if name in TAKE_DTYPE and not any(keyword.arg == "dtype" for keyword in call.keywords):
            yield call
        if name not in OF_HOST:
            continue
        node = parents[call]
        while isinstance(node, (ast.Attribute, ast.Subscript, ast.BinOp, ast.IfExp)) and not (
            isinstance(node, ast.Attribute) and node.attr in CASTS
        ):
            node = parents[node]
        function = node.func if isinstance(node, ast.Call) else node
        if ast.unparse(function).split(".")[-1] not in CASTS and not is_loop_with_cast(node):
            yield call


def is_loop_with_cast(node):
    """Return whether a node is a loop of a comprehension that casts each of its items."""
    return isinstance(node, ast.comprehension) and ast.unparse(node.target) == "positions"


def test_positions_have_the_same_width_on_each_host():
    for path in OF_POSITIONS:
        for call in platform_integers(ast.parse(path.read_text())):
            raise AssertionError(
                f"{path.relative_to(REPO)}:{call.lineno}: {ast.unparse(call)} has 32 bits on some hosts"
            )


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("np.arange(3)", True),
        ("np.arange(3, dtype=np.int64)", False),
        ("x = np.argsort(a)[::-1]", True),
        ("x = np.argsort(a).astype(np.int64)", False),
        ("x = int(np.flatnonzero(a)[0])", False),
        ("x = a.transpose(np.argsort(b))", False),
        ("for x in np.nonzero(a): pass", True),
    ],
)
def test_integers_of_the_width_of_the_host_are_found(source, found):
    assert bool(list(platform_integers(ast.parse(source)))) == found


# These kernels know the numbers of threads, which have the width of the host, and no elements.
OF_THREADS = {"_locks", "_shared_calls"}


def test_kernels_count_with_integers_of_64_bits():
    for path in (REPO / "zarrcy" / "_kernels").glob("*.p[yx]*"):
        if path.suffix not in (".pyx", ".pxd") or path.stem == "_json_scan":
            # that kernel counts the characters of a text in memory
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            code = line.split("#")[0]
            where = f"{path.name}:{number}: {code.strip()}"
            assert not re.search(r"PySlice_(Unpack|AdjustIndices|GetIndices\w*)\(", code), where
            if path.stem not in OF_THREADS:
                assert not re.search(r"cdef (unsigned )?(long|intptr_t|ptrdiff_t) \w", code), where
            # lengths of texts and tuples in memory
            assert "cdef Py_ssize_t" not in code or re.search(
                r"Py_ssize_t n_(items|prefix|separator)", code
            ), where
            if re.search(r"np\.(argsort|lexsort|flatnonzero|nonzero|searchsorted|bincount)\(", code):
                assert ".astype(np.int64" in code, where
            if re.search(r"np\.(arange|cumsum|empty|zeros)\(", code):
                assert "int64" in code or "uint8" in code, where
            # a length of an allocation loses its upper bits where `size_t` has 32; the number of axes is small
            if (
                re.search(r"(?<![a-z_])(PyMem_)?([Mm]alloc|[Rr]ealloc|[Cc]alloc)\(", code)
                and "cimport" not in code
            ):
                small = r"ndim|N_DIGITS|calloc\(1,|sizeof\((StoredChunk|Py_buffer|zarrcy_step)\)"
                assert "room_for(" in code or re.search(small, code), where


def test_no_format_version_is_tested_outside_metadata():
    for path in SOURCES:
        # the API of zarr-python 3 has arguments that depend on the version
        if "metadata" in path.parts or path.is_relative_to(PACKAGE / "zarr3"):
            continue
        for found in ast.walk(ast.parse(path.read_text())):
            if isinstance(found, ast.Compare):
                names = {ast.unparse(side) for side in (found.left, *found.comparators)}
                assert not any("zarr_format" in name or "zarr_version" in name for name in names), path


PUBLIC = {
    "ABSStore", "Adler32", "Array", "ArrayNotFoundError", "AsType", "Attributes", "BZ2", "Base64",
    "BitRound", "Blosc", "CRC32", "Categorize", "ConsolidatedMetadataStore", "ContainsArrayError",
    "ContainsGroupError", "CopyError", "DBMStore", "Delta", "DictStore", "DirectoryStore", "FSStore",
    "FixedScaleOffset", "Fletcher32", "GZip", "Group", "GroupNotFoundError", "JSON", "JenkinsLookup3",
    "KVStore", "LMDBStore", "LRUStoreCache", "LZ4", "LZMA", "MemoryStore", "MetadataError",
    "MongoDBStore", "N5FSStore", "N5Store", "NestedDirectoryStore", "ObjectStore", "PackBits",
    "PathNotFoundError", "Pickle", "ProcessSynchronizer", "Quantize", "ReadOnlyError", "RedisStore",
    "SQLiteStore", "Shuffle", "TempStore", "ThreadSynchronizer", "VLenArray", "VLenBytes", "VLenUTF8",
    "ZipStore", "Zlib", "Zstd", "__version__", "array", "blosc", "codec_registry", "config",
    "consolidate_metadata", "convert", "copy", "copy_all", "copy_store", "create", "create_array", "create_group",
    "empty", "empty_like", "from_array", "full", "full_like", "get_codec",
    "group", "load", "ones", "ones_like", "open", "open_array", "open_consolidated", "open_group",
    "open_like", "register_codec", "repair", "save", "save_array", "save_group", "show_config", "tree",
    "use_threads", "verify", "zeros", "zeros_like",
}  # fmt: skip


def test_the_public_names_do_not_change():
    assert set(zarrcy.__all__) == PUBLIC
    assert all(hasattr(zarrcy, name) for name in PUBLIC)
    assert set(dir(zarrcy)) >= PUBLIC


@pytest.mark.parametrize("package", [zarrcy, zarrcy.storage], ids=["zarrcy", "storage"])
def test_the_stubs_have_exactly_the_public_names(package):
    stub = ast.parse(Path(package.__file__).with_suffix(".pyi").read_text())
    homes = {}
    for found in stub.body:
        if isinstance(found, ast.ImportFrom):
            homes |= {alias.name: found.module for alias in found.names}
        elif isinstance(found, (ast.Assign, ast.AnnAssign)):
            target = found.targets[0] if isinstance(found, ast.Assign) else found.target
            homes[target.id] = package.__name__
    del homes["__all__"]
    assert set(homes) - {"OPTIONAL_CODECS"} == set(package.__all__)
    for name, home in homes.items():
        assert getattr(package, name) is getattr(importlib.import_module(home), name)


def test_a_missing_name_raises_an_attribute_error():
    with pytest.raises(AttributeError, match="'zarrcy' has no attribute 'opne'"):
        zarrcy.opne
    with pytest.raises(ImportError, match="BlueStore"):
        exec("from zarrcy.storage import BlueStore")


def test_importing_starts_no_thread_and_loads_no_optional_package():
    script = (
        "import sys, threading, zarrcy; print(threading.active_count(), "
        "[m for m in ('h5py', 'rich', 'fsspec', 'asyncio', 'concurrent.futures', 'multiprocessing', 'matplotlib', "
        "'argparse', 'zarr') if m in sys.modules and m not in before])"
    )
    script = "import sys, numpy, numcodecs; before = set(sys.modules)\n" + script
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "[]"]


# Reading an array from a directory needs none of these.
UNUSED = (
    "zarr3.arrays", "storage.zarr3.stores", "api.copy", "api.convert", "api.verify", "hierarchy.groups",
    "hierarchy.explain", "hierarchy.report",
    "chunk_io.cached", "chunk_io.sharding.sharded", "storage.remote.azure", "storage.n5.store", "storage.local.zip",
    "storage.local.sqlite",
)  # fmt: skip


def test_importing_loads_no_module_and_reading_an_array_only_the_modules_for_reading(tmp_path):
    assert all((PACKAGE / name.replace(".", "/")).with_suffix(".py").exists() for name in UNUSED)
    zarrcy.save_array(tmp_path / "a", [1, 2, 3])
    script = (
        "import sys, zarrcy\n"
        "print('numpy' in sys.modules, 'numcodecs' in sys.modules)\n"
        f"print(zarrcy.open_array({str(tmp_path / 'a')!r}, mode='r')[1])\n"
        f"print([name for name in {UNUSED} if 'zarrcy.' + name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:3] == ["False False", "2", "[]"]


def test_opening_an_array_and_reading_an_element_loads_few_modules(tmp_path):
    """Each module costs start-up time on a parallel file system; lower the numbers if you can, do not raise them."""
    zarrcy.save_array(tmp_path / "a", [1, 2, 3])
    for function, most in (("open_array", 72), ("open", 76)):
        script = (
            "import sys, zarrcy\n"
            f"zarrcy.{function}({str(tmp_path / 'a')!r}, mode='r')[1]\n"
            "print(len([name for name in sys.modules if name.partition('.')[0] == 'zarrcy']))"
        )
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
        assert int(done.stdout) <= most


def path_system_calls(program, cache):
    """Return how many system calls a process makes that take a path, or list a directory; with existing bytecode."""
    env = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache), "PYTHONDONTWRITEBYTECODE": ""}
    subprocess.run([sys.executable, "-c", program], env=env, check=True)
    counts = cache / "counts"
    calls = ["strace", "-f", "-c", "-o", str(counts), "-e", "trace=%file,getdents64,fstat"]
    subprocess.run([*calls, sys.executable, "-c", program], env=env, check=True, stdout=subprocess.DEVNULL)
    return next(int(line.split()[3]) for line in counts.read_text().splitlines() if line.endswith("total"))


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_a_first_read_needs_few_system_calls_with_paths(tmp_path):
    """They are slow on a parallel file system that many ranks use at once; lower the ratio if you can."""
    zarrcy.save_array(tmp_path / "a", [1, 2, 3])
    read = f"import zarrcy; zarrcy.open_array({str(tmp_path / 'a')!r}, mode='r')[1]"
    ratio = path_system_calls(read, tmp_path) / path_system_calls("import numpy", tmp_path)
    assert ratio <= 1.6


def annotations_of(tree):
    """Iterate over the annotations of parameters, results and variables."""
    for node in ast.walk(tree):
        if isinstance(node, ast.AnnAssign):
            yield node.annotation
        elif isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            args = node.args
            named = [*args.posonlyargs, *args.args, *args.kwonlyargs, args.vararg, args.kwarg]
            yield from (arg.annotation for arg in named if arg is not None and arg.annotation is not None)
            if node.returns is not None:
                yield node.returns


# Annotations that are exactly `Any`. The number only falls: the aim is 120, for values of users.
MOST_ANY = 3


def test_no_attribute_is_computed_under_a_lock_of_all_instances():
    """`functools.cached_property` of Python 3.11 has one; a child that is forked meanwhile would wait for it."""
    found = [path for path in PACKAGE.rglob("*.py") if "import cached_property" in path.read_text()]
    assert not found, "use zarrcy.types.LazyAttribute"


def test_few_annotations_are_any():
    paths = [*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")]
    found = [a for path in paths for a in annotations_of(ast.parse(path.read_text()))]
    n = sum(isinstance(annotation, ast.Name) and annotation.id == "Any" for annotation in found)
    assert n <= MOST_ANY, f"{n} annotations are Any; use an alias or a protocol of zarrcy/types.py"


def test_a_build_without_compiled_modules_works_without_a_setting(tmp_path):
    done = run_without_compiled_modules(tmp_path)
    assert done.stdout.strip() == f"{tmp_path / 'zarrcy' / '__init__.py'} False [0.0, 1.0, 1.0, 1.0, 1.0]"


def test_a_build_without_compiled_modules_warns_once_and_names_the_remedy(tmp_path):
    lines = run_without_compiled_modules(tmp_path).stderr
    assert lines.count("RuntimeWarning") == 1
    assert "pip install --no-cache-dir --force-reinstall zarrcy" in lines
    assert "ZARRCY_PURE=1" in lines
    # the place in the program of the user
    assert "<string>:1" in lines


@pytest.mark.parametrize("pure", ["1", "yes"])
def test_a_build_without_compiled_modules_does_not_warn_if_that_is_what_the_user_asks_for(tmp_path, pure):
    assert run_without_compiled_modules(tmp_path, ZARRCY_PURE=pure).stderr == ""


@pytest.mark.skipif(not _kernels.COMPILED, reason="a pure build warns")
def test_a_build_with_compiled_modules_does_not_warn():
    env = {name: value for name, value in os.environ.items() if name != "ZARRCY_PURE"}
    subprocess.run([sys.executable, "-W", "error", "-c", "import zarrcy"], env=env, check=True)


def run_without_compiled_modules(tmp_path, **variables):
    left_out = shutil.ignore_patterns("*.so", "*.pyd", "__pycache__")
    shutil.copytree(PACKAGE, tmp_path / "zarrcy", ignore=left_out)
    program = (
        "import zarrcy; import zarrcy.storage; from zarrcy import _kernels; a = zarrcy.zeros(5, chunks=2); a[1:] = 1; "
        "print(zarrcy.__file__, _kernels.COMPILED, a[:].tolist())"
    )
    env = {name: value for name, value in os.environ.items() if name not in ("ZARRCY_PURE", "PYTHONWARNINGS")}
    env |= {"PYTHONPATH": str(tmp_path), **variables}
    return subprocess.run(
        [sys.executable, "-c", program], env=env, cwd=tmp_path, capture_output=True, text=True, check=True
    )
