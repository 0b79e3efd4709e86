"""What this zarrcy is and does: versions, what was compiled, codecs, threads, optional packages."""

from __future__ import annotations

from typing import Any, Literal, overload

from zarrcy import _kernels, settings
from zarrcy.chunk_io import native
from zarrcy.sync import thread_pool

# The optional packages that `pip install 'zarrcy[EXTRA]'` brings, by extra.
EXTRAS = {
    "netcdf": "h5py",
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
    "dask": "distributed",
}
_PYTHON_CODECS = ("blosc", "zstd", "lz4")


@overload
def show_config(mode: Literal["stdout"] = "stdout") -> None: ...
@overload
def show_config(mode: Literal["dicts"]) -> dict[str, dict[str, Any]]: ...
def show_config(mode: Literal["stdout", "dicts"] = "stdout") -> dict[str, dict[str, Any]] | None:
    """Print what this zarrcy is: versions, what was compiled, codecs, threads, optional packages.

    Parameters
    ----------
    mode : "stdout" prints, "dicts" returns the same as a mapping of mappings

    Examples
    --------
    >>> import zarrcy
    >>> zarrcy.show_config("dicts")["versions"]["zarrcy"] == zarrcy.__version__
    True
    """
    if mode not in ("stdout", "dicts"):
        raise ValueError(f"mode is {mode!r}; it must be 'stdout' or 'dicts'")
    found = {
        "versions": _versions(),
        "kernels": _compiled(),
        "codec libraries of numcodecs": _python_codecs(),
        "processor": _processor(),
        "threads": _threads(),
        "extras": {extra: _version(name) or f"not here ({name})" for extra, name in EXTRAS.items()},
        "settings": {
            setting.name: setting.text()
            if setting.is_set()
            else f"not set (default: {setting.default or 'automatic'})"
            for setting in settings.SETTINGS
            if setting.read != "build"
        },
    }
    if mode == "dicts":
        return found
    for section, rows in found.items():
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


def _versions() -> dict[str, str]:
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


def _compiled() -> dict[str, Any]:
    if not _kernels.COMPILED:
        why = "ZARRCY_PURE is set" if settings.PURE.value() else "a pure build"
        return {"kernels": f"numpy twins ({why})", "native lane": "not here"}
    from zarrcy._kernels import _plan_outer

    lane = "not built" if _kernels.native is None else "on" if native.enabled else "off (ZARRCY_NATIVE)"
    return {
        "kernels": "compiled, with bounds checks" if _plan_outer.CHECKED else "compiled",
        "native lane": lane,
        "codecs of the lane": list(native.codecs()),
        "deflate": "numcodecs" if _kernels.native is None else _kernels.native.DEFLATE_LIBRARY or "numcodecs",
    }


def _python_codecs() -> dict[str, str]:
    """Return the versions of the C libraries that decode what the lane does not."""
    found = {}
    for name in _PYTHON_CODECS:
        module = __import__(f"numcodecs.{name}", fromlist=["VERSION_STRING"])
        if hasattr(module, "VERSION_STRING"):
            found[name] = module.VERSION_STRING
        else:
            parts = (getattr(module, f"{part}_VERSION_NUMBER") for part in ("MAJOR", "MINOR", "MICRO"))
            found[name] = ".".join(map(str, parts))
    return found


def _processor() -> dict[str, Any]:
    """Return what the processor offers; the codecs, NumPy and the checksum choose at run time what they use."""
    import platform

    import numpy as np

    config: Any = np.show_config(mode="dicts")  # type: ignore[no-untyped-call, unused-ignore]
    simd = config.get("SIMD Extensions", {})
    return {
        "name": platform.processor() or platform.machine(),
        "SIMD": [*simd.get("baseline", ()), *simd.get("found", ())],
    }


def _threads() -> dict[str, Any]:
    choice = thread_pool.choice()
    return {"number": choice.n, "because of": choice.why}
