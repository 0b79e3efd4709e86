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
import re
import subprocess
import sys
from importlib import metadata
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
IS_POSIX = sys.platform != "win32"

KERNELS = [
    "_plan_outer",
    "_plan_points",
    "_gather_scatter",
    "_crc32c",
    "_json_scan",
    "_json_write",
    "_large_array",
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


# Members of the static archive of C-Blosc2 -> the text in LICENSES/ that covers them. The build reports a member that
# no pattern matches, and a test fails.
LICENSES = {
    "BITSHUFFLE": r"bitshuffle",
    "BLOSCLZ": r"blosclz",
    "LZ4": r"lz4",
    "ZLIB-NG": (
        r"adler32|chorba|chunkset|compare256|compress\.|cpu_features|crc32|deflate|functable|gz|infback|inffast|inflate"
        r"|inftrees|insert_string|slide_hash|trees|uncompr|zutil|(x86|arm|power|riscv|s390)_features"
    ),
    "ZSTD": r"zstd|huf_|fse_|hist\.|pool\.|debug\.|error_private|entropy_common|xxhash|zdict|cover|bitstream",
    "C-BLOSC2": (
        r"blosc2|b2nd|schunk|s?frame|stune|delta|bytedelta|shuffle|trunc-prec|int_trunc|timestamp|directories|fastcopy"
        r"|threading|ndcell|ndmean|(codecs|filters|tuners)-registry"
    ),
}


class BuildKernels(build_ext):
    """Build extensions; an error says what the user can do."""

    def finalize_options(self):
        super().finalize_options()
        # One compiler process per CPU: the kernels are independent of each other.
        if self.parallel is None:
            self.parallel = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()

    def run(self):
        if self.extensions:
            complete(self.extensions)
        super().run()
        if self.inplace:
            # pip compiles the Python files that it copies, but not those of an editable installation. Python may be
            # configured to write no bytecode.
            compileall.compile_dir("zarrcy", quiet=1)

    def build_extension(self, ext):
        link_map = Path(self.build_temp, f"{ext.name}.map")
        if ext.extra_objects and sys.platform == "linux":
            link_map.parent.mkdir(parents=True, exist_ok=True)
            ext.extra_link_args.append(f"-Wl,-Map={link_map}")
        if sys.platform == "linux" and not (
            self.inplace or self.editable_mode or CHECKED or COVERAGE or SANITIZE
        ):
            # Profilers and debuggers use the names of static functions; a wheel does not need them.
            ext.extra_link_args.append("-Wl,-s")
        try:
            super().build_extension(ext)
        except Exception as exc:
            raise RuntimeError(
                f"the kernel {ext.name} did not compile ({exc}). zarrcy needs a C compiler; "
                "to install the slower pure-Python build instead, set ZARRCY_PURE=1."
            ) from exc
        if link_map.exists():
            report_licenses(ext.name, link_map.read_text())


def report_licenses(name, link_map):
    """Print which of the texts in LICENSES/ cover the members of archives that an extension is linked with."""
    # What GCC adds of its own run-time library may be distributed under any license.
    archives = re.findall(r"^(\S+\.a)\((\S+)\)$", link_map, re.MULTILINE)
    members = {member for archive, member in archives if not archive.endswith("libgcc.a")}
    texts = {
        member: [text for text, pattern in LICENSES.items() if re.match(pattern, member)]
        for member in members
    }
    found = sorted({text for covering in texts.values() for text in covering})
    print(f"zarrcy: {name} is linked with code under {' '.join(found)} in LICENSES/.")
    if unknown := sorted(member for member, covering in texts.items() if not covering):
        print(f"zarrcy: LICENSES/ has no text for these members of an archive: {' '.join(unknown)}")


def pkg_config(*arguments):
    """Return the output of pkg-config, or None if it reports an error or does not exist."""
    try:
        done = subprocess.run(["pkg-config", *arguments], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return done.stdout.strip()


def pkg_config_options(*packages):
    """Return the options of an extension that uses some libraries, or None if pkg-config does not know the first.

    A library that exists, but is too old or lacks another one, stops the build: without it the package would be slow
    without a message.
    """
    flags = pkg_config("--cflags", "--libs", *packages)
    if flags is None:
        name = packages[0].split()[0]
        version = pkg_config("--modversion", name)
        if version is None:
            return None
        found = [
            f"{package.split()[0]} {pkg_config('--modversion', package.split()[0])}" for package in packages
        ]
        raise SystemExit(
            f"zarrcy: pkg-config finds {name} {version}, but this build needs {', '.join(packages)} (found: "
            f"{', '.join(found).replace('None', 'not installed')}). Install these versions, or install the wheel with "
            "pip install 'blosc2>=4', which has the codec libraries in one archive. To build without codec libraries, "
            "set ZARRCY_NO_CODECS=1: numcodecs then decodes all compressed chunks, more slowly."
        )
    flags = flags.split()
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
    # blosc2_shuffle, blosc2_bitshuffle and their inverses are public since 2.21.0.
    options = pkg_config_options("blosc2 >= 2.21", "liblz4", "libzstd")
    if options is None and spec is not None:
        raise SystemExit(
            f"zarrcy: the package blosc2 {metadata.version('blosc2')} is installed, but has no archive "
            "blosc2/lib/libblosc2.a; the wheels from 4.0 on have one. Run pip install 'blosc2>=4', or install "
            "C-Blosc2, LZ4 and Zstandard with their pkg-config files. To build without codec libraries, set "
            "ZARRCY_NO_CODECS=1: numcodecs then decodes all compressed chunks, more slowly."
        )
    return options


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
    # -g0: the flags of Python itself may contain -g, and debug information is most of the size of an extension.
    return ["-O1"] if COVERAGE else ["-O3", "-g0"]


def kernels():
    """Return the extensions to build, with their sources only."""
    if PURE:
        return []
    names = [*KERNELS, *(POSIX_KERNELS if IS_POSIX else [])]
    return [Extension(f"zarrcy._kernels.{name}", [f"zarrcy/_kernels/{name}.pyx"]) for name in names]


def complete(extensions):
    """Find the libraries, translate the kernels to C, and add the options of the compiler to the extensions.

    Only a build does this. Other commands, such as those for the metadata or the sdist, need the names only.
    """
    import numpy
    from Cython.Build import cythonize

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
        if IS_POSIX
        else [],
        "extra_link_args": [SANITIZERS] if SANITIZE else [],
    }
    codec_libraries = codec_options() if IS_POSIX else {}
    extra = {
        "_native_codec": codec_libraries,
        # Loops with comparisons of floats become vector loops only if comparisons need not raise a signal.
        "_chunk_steps": merged(codec_libraries, {"extra_compile_args": ["-fno-trapping-math"]}),
    }
    for ext in extensions:
        for option, value in merged(options, extra.get(ext.name.rpartition(".")[2], {})).items():
            setattr(ext, option, value)
    # Without `force`, cythonize compares file times only and keeps C files that were made with other directives.
    translated = {ext.name: ext for ext in cythonize(extensions, compiler_directives=DIRECTIVES, force=True)}
    for ext in extensions:
        ext.sources = translated[ext.name].sources


setup(ext_modules=kernels(), cmdclass={"build_ext": BuildKernels})
