"""Synchronizers for parallel writers, locks within this process, and the threads that share a read.

Each name is loaded from its module on first use.
"""

from zarrcy._lazy import lazy_names

# Module -> names; `__init__.pyi` gives type checkers the same.
_HOMES = {
    "zarrcy.sync.synchronizers": (
        "DaskSynchronizer MPISynchronizer ProcessSynchronizer Synchronizer ThreadSynchronizer file_locks_work"
    ),
    "zarrcy.sync.thread_pool": "use_threads",
}
_names, _find = lazy_names(__name__, _HOMES)
__all__ = [*_names]  # noqa: PLE0604


def __getattr__(name: str) -> object:
    value = globals()[name] = _find(name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
