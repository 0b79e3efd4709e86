"""Build the compiled kernels. This file is the only home of Cython directives and C flags.

These environment variables change the build:

ZARRCY_PURE=1       do not compile the kernels; the NumPy kernels in ``_kernels/_reference.py`` are used
ZARRCY_NO_CODECS=1  build the native path without codec libraries; numcodecs decodes
ZARRCY_CHECKED=1    compile bounds checks (``make checked`` runs the tests with them)
ZARRCY_COVERAGE=1   compile line tracing, so that coverage.py sees the lines of the kernels (``make coverage``)
ZARRCY_SANITIZE=1   compile for the address and undefined-behaviour sanitizers of GCC or Clang (``make sanitize``);
                    Python must be started with the library of the sanitizer preloaded

Without ZARRCY_PURE, a kernel that does not compile stops the installation. Otherwise users would get a slow package
without noticing. The error message names ZARRCY_PURE.
"""

import compileall
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext


def is_on(name):
    """Return whether an environment variable is set and is not 0."""
    return os.environ.get(name, "") not in ("", "0")


CHECKED = is_on("ZARRCY_CHECKED")
COVERAGE = is_on("ZARRCY_COVERAGE")
NO_CODECS = is_on("ZARRCY_NO_CODECS")
PURE = is_on("ZARRCY_PURE")
SANITIZE = is_on("ZARRCY_SANITIZE")

KERNELS = [
    "_plan_outer",
    "_plan_points",
    "_gather_scatter",
    "_crc32c",
    "_json_scan",
    "_json_write",
    "_fill",
    "_group_by_shard",
    "_locks",
    "_shared_calls",
    "_touched_blocks",
    "_vlen",
]
# These kernels make POSIX system calls.
POSIX_KERNELS = ["_chunk_steps", "_file_io", "_native_codec", "_native_read", "_native_write"]

SANITIZERS = "-fsanitize=address,undefined"
# The first fault ends the process: a fault that is only printed is easy to overlook.
SANITIZED = ["-O1", "-g", "-fno-omit-frame-pointer", SANITIZERS, "-fno-sanitize-recover=all"]

# Trace functions that run without the GIL too. The plugin of coverage.py does not see events of sys.monitoring, which
# Cython would use from Python 3.13 on.
TRACED = [("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]

# A `# cython: boundscheck=False` line in a .pyx file would override this table, and the checked build would check
# nothing there. `tests/test_house.py` refuses such lines.
DIRECTIVES = {
    "language_level": 3,
    "binding": True,
    "autotestdict": False,
    "cdivision": True,
    "wraparound": False,
    "boundscheck": CHECKED,
    "initializedcheck": CHECKED,
    "embedsignature": True,
    "freethreading_compatible": True,
    "linetrace": COVERAGE,
}


class BuildKernels(build_ext):
    """Build extensions; an error says what the user can do."""

    def run(self):
        super().run()
        if self.inplace:
            # pip compiles the Python files that it copies, but not those of an editable installation. Python may be
            # configured to write no bytecode.
            compileall.compile_dir("zarrcy", quiet=1)

    def build_extension(self, ext):
        try:
            super().build_extension(ext)
        except Exception as exc:
            raise RuntimeError(
                f"the kernel {ext.name} did not compile ({exc}). zarrcy needs a C compiler; "
                "to install the slower pure-Python build instead, set ZARRCY_PURE=1."
            ) from exc


def pkg_config_options(*packages):
    """Return the options of an extension that uses some libraries, or None if pkg-config does not know one of them."""
    try:
        command = ["pkg-config", "--cflags", "--libs", *packages]
        flags = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return None
    return {
        "extra_compile_args": [flag for flag in flags if not flag.startswith(("-l", "-L"))],
        "extra_link_args": [flag for flag in flags if flag.startswith(("-l", "-L"))],
    }


def blosc_options():
    """Return the options of an extension that uses C-Blosc2, LZ4 and Zstandard, or None if they are not found.

    The wheel ``blosc2`` holds these libraries and zlib-ng in one static archive. A system such as conda has shared
    libraries, which pkg-config finds.
    """
    spec = importlib.util.find_spec("blosc2")
    for folder in spec.submodule_search_locations if spec else ():
        archive, include = Path(folder, "lib", "libblosc2.a"), Path(folder, "include")
        if archive.exists() and (include / "blosc2.h").exists():
            return {
                "include_dirs": [str(include)],
                "define_macros": [("ZARRCY_ARCHIVE", "1")],
                "extra_objects": [str(archive)],
                # Other modules of the process may export functions with the same names.
                "extra_link_args": ["-Wl,--exclude-libs,ALL"] if sys.platform == "linux" else [],
            }
    return pkg_config_options("blosc2", "liblz4", "libzstd")


def codec_options():
    """Return the options of the extension that decodes chunks; empty if it must handle raw chunks only."""
    blosc = None if NO_CODECS else blosc_options()
    if blosc is None:
        print("zarrcy: C-Blosc2 was not found: numcodecs will decode all compressed chunks.")
        return {}
    options = [{"define_macros": [("ZARRCY_CODECS", "1")]}, blosc]
    deflate = pkg_config_options("libdeflate >= 1.2")
    if deflate is None:
        print("zarrcy: libdeflate was not found: gzip and zlib chunks will take two to four times as long.")
    else:
        options += [{"define_macros": [("ZARRCY_LIBDEFLATE", "1")]}, deflate]
    return merged(*options)


def merged(*options):
    """Return the union of several options of an extension; values with one name are concatenated."""
    keys = {key for some in options for key in some}
    return {key: [item for some in options for item in some.get(key, [])] for key in keys}


def optimization():
    """Return the compiler flags that choose the optimization and the instrumentation."""
    if SANITIZE:
        return SANITIZED
    return ["-O1"] if COVERAGE else ["-O3"]


def kernels():
    """Return the extensions to build."""
    if PURE:
        return []
    import numpy
    from Cython.Build import cythonize

    is_posix = sys.platform != "win32"
    options = {
        "include_dirs": [numpy.get_include(), "zarrcy/_kernels"],
        "define_macros": [
            ("NPY_NO_DEPRECATED_API", "NPY_1_23_API_VERSION"),
            ("NPY_TARGET_VERSION", "NPY_1_23_API_VERSION"),
            ("ZARRCY_CHECKED", "1" if CHECKED else "0"),
            *(TRACED if COVERAGE else []),
        ],
        # A multiplication and an addition that are fused round once: the result would differ from NumPy's.
        "extra_compile_args": [*optimization(), "-fvisibility=hidden", "-ffp-contract=off"]
        if is_posix
        else [],
        "extra_link_args": [SANITIZERS] if SANITIZE else [],
    }
    codec_libraries = codec_options() if is_posix else {}
    extra = {
        "_native_codec": codec_libraries,
        # Loops with comparisons of floats become vector loops only if comparisons need not raise a signal.
        "_chunk_steps": merged(codec_libraries, {"extra_compile_args": ["-fno-trapping-math"]}),
    }
    extensions = [
        Extension(
            f"zarrcy._kernels.{name}",
            [f"zarrcy/_kernels/{name}.pyx"],
            **merged(options, extra.get(name, {})),
        )
        for name in [*KERNELS, *(POSIX_KERNELS if is_posix else [])]
    ]
    # Without `force`, cythonize compares file times only and keeps C files that were made with other directives.
    return cythonize(extensions, compiler_directives=DIRECTIVES, force=True)


setup(ext_modules=kernels(), cmdclass={"build_ext": BuildKernels})
