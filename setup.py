"""Build the compiled kernels. The only home of Cython directives and C flags.

ZARRCY_PURE=1     build without the kernels: the numpy twins in ``_reference`` do the work
ZARRCY_CHECKED=1  build with bounds checks on (``make checked`` runs the tests on it)

Without ZARRCY_PURE a kernel that fails to compile fails the installation: a library that is
silently slow would be worse. The message says how to ask for the pure build.
"""

import os
import sys

from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

CHECKED = os.environ.get("ZARRCY_CHECKED", "") not in ("", "0")
PURE = os.environ.get("ZARRCY_PURE", "") not in ("", "0")

KERNELS = ["_split", "_points", "_copy", "_crc32c", "_fill", "_touch"]

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

    def build_extension(self, ext):
        try:
            super().build_extension(ext)
        except Exception as exc:
            raise RuntimeError(
                f"the kernel {ext.name} did not compile ({exc}). zarrcy needs a C compiler; "
                "to install the slower pure-Python build instead, set ZARRCY_PURE=1."
            ) from exc


def kernels():
    if PURE:
        return []
    import numpy
    from Cython.Build import cythonize

    unix = sys.platform != "win32"
    extensions = [
        Extension(
            f"zarrcy._kernels.{name}",
            [f"zarrcy/_kernels/{name}.pyx"],
            include_dirs=[numpy.get_include(), "zarrcy/_kernels"],
            define_macros=[
                ("NPY_NO_DEPRECATED_API", "NPY_1_23_API_VERSION"),
                ("NPY_TARGET_VERSION", "NPY_1_23_API_VERSION"),
                ("ZARRCY_CHECKED", "1" if CHECKED else "0"),
            ],
            extra_compile_args=["-O3", "-fvisibility=hidden"] if unix else [],
        )
        for name in KERNELS
    ]
    # force: cythonize looks at times of change only, and would keep C files made with other directives
    return cythonize(extensions, compiler_directives=DIRECTIVES, force=True)


setup(ext_modules=kernels(), cmdclass={"build_ext": BuildKernels})
