"""Describe this installation: versions, compiled parts, codecs, threads, optional packages and settings."""

from __future__ import annotations

from typing import Literal, TypeAlias, overload

from zarrcy import _kernels, settings
from zarrcy.chunk_io import native
from zarrcy.sync import thread_pool

Section: TypeAlias = dict[str, str | int | list[str]]

# The optional packages that `pip install 'zarrcy[EXTRA]'` installs, by extra.
EXTRAS = {
    "netcdf": "h5py",
    "netcdf3": "scipy",
    "progress": "rich",
    "locks": "fasteners",
    "fsspec": "fsspec",
    "s3": "s3fs",
    "obstore": "obstore",
    "lmdb": "lmdb",
    "redis": "redis",
    "mongodb": "pymongo",
    "azure": "azure-storage-blob",
    "ml-dtypes": "ml_dtypes",
    "mpi": "mpi4py",
    "xarray": "xarray",
    "dask": "distributed",
}
# The license of each library that the compiled modules can be linked with; LICENSES/ in the distribution has the texts.
LICENSES = {
    "C-Blosc2": "BSD-3-Clause",
    "BloscLZ": "MIT",
    "bitshuffle": "MIT",
    "LZ4": "BSD-2-Clause",
    "Zstandard": "BSD-3-Clause",
    "zlib-ng": "Zlib",
    "libdeflate": "MIT",
}
_CODEC_MODULES = ("blosc", "zstd", "lz4")


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, Section]: ...
def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, Section] | None:
    """Print the versions, compiled parts, codecs, threads, optional packages and settings of this installation.

    Parameters
    ----------
    mode : {"stdout", "dicts"}, optional
        "stdout" prints the description, "dicts" returns it.

    Returns
    -------
    dict of dict or None
        The sections by name, each a mapping of labels to values; None if `mode` is "stdout".

    Raises
    ------
    ValueError
        If `mode` is another string.

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.show_config("dicts")["versions"]["zarrcy"] == zarrcy.__version__
    True
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode is {mode!r}; it must be 'stdout' or 'dicts'")
    sections: dict[str, Section] = {
        "versions": _versions(),
        "kernels": _compiled(),
        "libraries of the native path": _native_libraries(),
        "codec libraries of numcodecs": _codec_libraries(),
        "processor": _processor(),
        "threads": _threads(),
        "values in flight": _values_in_flight(),
        "extras": {extra: _version(name) or f"not installed ({name})" for extra, name in EXTRAS.items()},
        "settings": {
            setting.name: setting.text()
            if setting.is_set()
            else f"not set (default: {setting.default or 'automatic'})"
            for setting in settings.SETTINGS
            if setting.read != "build"
        },
    }
    if mode == "dicts":
        return sections
    for section, rows in sections.items():
        print(section if rows else f"{section}: nothing set")
        width = max(map(len, rows), default=0)
        for name, value in rows.items():
            print(f"  {name:<{width}} : {' '.join(value) if isinstance(value, list) else value}")
    return None


def _version(distribution: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return None


def _versions() -> Section:
    import platform

    import numcodecs
    import numpy as np

    import zarrcy

    python = f"{platform.python_implementation()} {platform.python_version()}"
    return {
        "zarrcy": zarrcy.__version__,
        "Python": f"{python} on {platform.system()} {platform.machine()}",
        "numpy": np.__version__,
        "numcodecs": numcodecs.__version__,
    }


def _compiled() -> Section:
    if not _kernels.COMPILED:
        why = "ZARRCY_PURE is set" if settings.PURE.value() else "a pure build"
        return {"kernels": f"NumPy implementation ({why})", "native path": "not built"}
    from zarrcy._kernels import _plan_outer

    state = "not built" if _kernels.native is None else "on" if native.enabled else "off (ZARRCY_NATIVE)"
    return {
        "kernels": "compiled, with bounds checks" if _plan_outer.CHECKED else "compiled",
        "native path": state,
        "codecs of the native path": list(native.codecs()),
        "deflate": "numcodecs" if _kernels.native is None else _kernels.native.DEFLATE_LIBRARY or "numcodecs",
    }


def _native_libraries() -> Section:
    """Return the version and the license of each library that the compiled modules are linked with."""
    if _kernels.native is None:
        return {}
    return {name: f"{version} ({LICENSES[name]})" for name, version in _kernels.native.libraries().items()}


def _codec_libraries() -> Section:
    """Return the versions of the C libraries that numcodecs uses for chunks outside the native path."""
    versions: Section = {}
    for name in _CODEC_MODULES:
        module = __import__(f"numcodecs.{name}", fromlist=["VERSION_STRING"])
        if hasattr(module, "VERSION_STRING"):
            versions[name] = module.VERSION_STRING
        else:
            parts = (getattr(module, f"{part}_VERSION_NUMBER") for part in ("MAJOR", "MINOR", "MICRO"))
            versions[name] = ".".join(map(str, parts))
    return versions


def _processor() -> Section:
    """Return the name and the vector instructions of the processor; codecs and NumPy choose from them at run time."""
    import platform

    import numpy as np

    config = np.show_config(mode="dicts")  # type: ignore[no-untyped-call, unused-ignore]
    simd = config.get("SIMD Extensions", {})
    return {
        "name": platform.processor() or platform.machine(),
        "SIMD": [*simd.get("baseline", ()), *simd.get("found", ())],
    }


def _threads() -> Section:
    choice = thread_pool.choice()
    return {"number": choice.n, "because of": choice.why}


def _values_in_flight() -> Section:
    """Return how many stored values may be in flight where a store is slow, and how many bytes of them."""
    from zarrcy.sync import io_depth

    return {
        "files, where they are slow": io_depth.values_at_once(io_depth.FILES_AT_ONCE),
        "requests to a server": io_depth.values_at_once(io_depth.REQUESTS_AT_ONCE),
        "bytes": io_depth.most_nbytes(),
    }
