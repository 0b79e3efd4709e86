"""Build the compiled kernels. The only home of Cython directives and C flags.

ZARRCY_PURE=1     build without the kernels: the numpy twins in ``_reference`` do the work
ZARRCY_NO_CODECS=1  build the native lane without codec libraries: numcodecs decodes
ZARRCY_CHECKED=1  build with bounds checks on (``make checked`` runs the tests on it)
ZARRCY_SANITIZE=1 build for GCC's or Clang's address and undefined-behaviour sanitizers (``make sanitize``);
                  Python must be started with the sanitizer's library preloaded

Without ZARRCY_PURE a kernel that fails to compile fails the installation: a library that is
silently slow would be worse. The message says how to ask for the pure build.
"""

import compileall
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CHECKED = os.environ.get("ZARRCY_CHECKED", "") not in ("", "0")
NO_CODECS = os.environ.get("ZARRCY_NO_CODECS", "") not in ("", "0")
PURE = os.environ.get("ZARRCY_PURE", "") not in ("", "0")
SANITIZE = os.environ.get("ZARRCY_SANITIZE", "") not in ("", "0")

KERNELS = [
    "_plan_outer",
    "_plan_points",
    "_gather_scatter",
    "_crc32c",
    "_json_scan",
    "_fill",
    "_group_by_shard",
    "_touched_blocks",
]

SANITIZERS = "-fsanitize=address,undefined"
# the first fault ends the process: one that is only printed would be overlooked
SANITIZED = ["-O1", "-g", "-fno-omit-frame-pointer", SANITIZERS, "-fno-sanitize-recover=all"]

# A `# cython: boundscheck=False` line in a .pyx would outrank this table, and a checked build
# would check nothing there; so no .pyx holds one (tests/test_house.py looks).
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
}


class BuildKernels(build_ext):
    """``build_ext`` whose failure says what the user can do."""

    def run(self):
        super().run()
        if self.inplace:
            # pip compiles what it copies, but not what is used where it stands; Python may be told to write no bytecode
            compileall.compile_dir("zarrcy", quiet=1)

    def build_extension(self, ext):
        try:
            super().build_extension(ext)
        except Exception as exc:
            raise RuntimeError(
                f"the kernel {ext.name} did not compile ({exc}). zarrcy needs a C compiler; "
                "to install the slower pure-Python build instead, set ZARRCY_PURE=1."
            ) from exc


def of_pkg_config(*packages):
    """Return what an extension needs for the libraries of some packages; None if one of them is not known."""
    try:
        command = ["pkg-config", "--cflags", "--libs", *packages]
        flags = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    except (OSError, subprocess.CalledProcessError):
        return None
    return {
        "extra_compile_args": [flag for flag in flags if not flag.startswith(("-l", "-L"))],
        "extra_link_args": [flag for flag in flags if flag.startswith(("-l", "-L"))],
    }


def blosc_libraries():
    """Find C-Blosc2, LZ4 and Zstandard.

    The wheel ``blosc2`` has all of it in one static archive, with zlib-ng; a system (conda) has shared libraries,
    which pkg-config knows. Returns what an extension needs; None where there is neither.
    """
    found = importlib.util.find_spec("blosc2")
    for folder in found.submodule_search_locations if found else ():
        archive, include = Path(folder, "lib", "libblosc2.a"), Path(folder, "include")
        if archive.exists() and (include / "blosc2.h").exists():
            return {
                "include_dirs": [str(include)],
                "define_macros": [("ZARRCY_ARCHIVE", "1")],
                "extra_objects": [str(archive)],
                # the same functions in other modules of the process must not be mixed with these
                "extra_link_args": ["-Wl,--exclude-libs,ALL"] if sys.platform == "linux" else [],
            }
    return of_pkg_config("blosc2", "liblz4", "libzstd")


def codec_libraries():
    """Return what the extension that decodes needs; nothing where it must read chunks without a codec only."""
    blosc = None if NO_CODECS else blosc_libraries()
    if blosc is None:
        print("zarrcy: no C-Blosc2 was found: compressed chunks will be decoded by numcodecs alone.")
        return {}
    found = [{"define_macros": [("ZARRCY_CODECS", "1")]}, blosc]
    deflate = of_pkg_config("libdeflate >= 1.2")
    if deflate is None:
        print("zarrcy: no libdeflate was found: chunks of gzip and zlib will take two to four times as long.")
    else:
        found += [{"define_macros": [("ZARRCY_LIBDEFLATE", "1")]}, deflate]
    return joined(*found)


def joined(*options):
    """Return the options of an extension that needs all of several things."""
    keys = {key for some in options for key in some}
    return {key: [item for some in options for item in some.get(key, [])] for key in keys}


def extension(name, extra, **options):
    """A kernel, built with `options` and with what it needs beside them."""
    return Extension(f"zarrcy._kernels.{name}", [f"zarrcy/_kernels/{name}.pyx"], **joined(options, extra))


def kernels():
    if PURE:
        return []
    import numpy
    from Cython.Build import cythonize

    unix = sys.platform != "win32"
    # files are asked for in the words of Unix
    names = [*KERNELS, "_file_io", "_native_codec", "_native_read", "_native_write"] if unix else KERNELS
    extra = {"_native_codec": codec_libraries()} if unix else {}
    extensions = [
        extension(
            name,
            extra.get(name, {}),
            include_dirs=[numpy.get_include(), "zarrcy/_kernels"],
            define_macros=[
                ("NPY_NO_DEPRECATED_API", "NPY_1_23_API_VERSION"),
                ("NPY_TARGET_VERSION", "NPY_1_23_API_VERSION"),
                ("ZARRCY_CHECKED", "1" if CHECKED else "0"),
            ],
            extra_compile_args=[*(SANITIZED if SANITIZE else ["-O3"]), "-fvisibility=hidden"] if unix else [],
            extra_link_args=[SANITIZERS] if SANITIZE else [],
        )
        for name in names
    ]
    # force: cythonize looks at times of change only, and would keep C files made with other directives
    return cythonize(extensions, compiler_directives=DIRECTIVES, force=True)


setup(ext_modules=kernels(), cmdclass={"build_ext": BuildKernels})
