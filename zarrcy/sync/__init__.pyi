from zarrcy.sync.synchronizers import (
    DaskSynchronizer,
    MPISynchronizer,
    ProcessSynchronizer,
    Synchronizer,
    ThreadSynchronizer,
    file_locks_work,
)
from zarrcy.sync.thread_pool import use_threads

__all__ = [
    "DaskSynchronizer",
    "MPISynchronizer",
    "ProcessSynchronizer",
    "Synchronizer",
    "ThreadSynchronizer",
    "file_locks_work",
    "use_threads",
]
