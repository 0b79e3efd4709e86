"""The native lane: which chunks it can read, and how its work is shared among threads.

It knows files of a directory, and chunks without a codec or with one that was built in. All else goes the
general way of `zarrcy.transfer`, and so does whatever the lane finds odd; the results are the same.
``ZARRCY_NATIVE=0`` in the environment turns it off.
"""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from numpy.typing import NDArray

from zarrcy import _kernels, threads
from zarrcy.codecs import Pipeline
from zarrcy.storage import access
from zarrcy.types import AnyDtype, Store

enabled = os.environ.get("ZARRCY_NATIVE", "1") not in ("", "0")

# What one thread does in the time that it takes to wake another.
_WORTH_THREADS_NBYTES = 512 * 1024
_WORTH_THREADS_PIECES = 64
# So many bytes are decoded between two looks at the common counter.
_STEP_NBYTES = 128 * 1024
_MOST_PIECES = 64


_lane = _kernels.lane


def codecs() -> tuple[str, ...]:
    """Return the names of the codecs that the lane has built in.

    >>> "raw" in codecs() or not codecs()
    True
    """
    return tuple(_lane.CODECS) if _lane is not None else ()


def lane(
    store: Store,
    prefix: str,
    separator: str,
    pipeline: Pipeline,
    layout: Any,
    dtype: AnyDtype,
    kernels: ModuleType,
) -> Any:
    """Return the lane for the chunks of an array; None if they must go the general way."""
    if _lane is None or not enabled or kernels is not _kernels.compiled or dtype.itemsize == 0:
        return None
    codec = pipeline.native_codec()
    root = access.directory_of(store)
    if codec is None or codec not in _lane.CODECS or root is None:
        return None
    start = os.fsencode(root) + os.fsencode(prefix)
    return _lane.Lane(start, os.fsencode(separator), layout.nbytes, dtype.itemsize, codec)


def read(lane: Any, plan: Any, layout: Any, out: NDArray[Any], item: bytes) -> list[int]:
    """Read the pieces of a plan; return the numbers of those that must be read in the general way."""
    assert _lane is not None
    n_pieces = plan.n_pieces
    step = max(1, min(_MOST_PIECES, _STEP_NBYTES // max(1, lane.nbytes)))
    job = _lane.Job(plan, step)
    n = 1
    if n_pieces > step and (n_pieces >= _WORTH_THREADS_PIECES or out.nbytes >= _WORTH_THREADS_NBYTES):
        n = min(threads.n_threads(), -(-n_pieces // step))
    rest: list[int] = []

    def work(first: int, last: int) -> None:
        while not job.done:
            rest.extend(lane.read(job, layout, out, item))

    if n == 1:
        work(0, 1)
    else:
        threads.share(lambda: work, ((number, number + 1) for number in range(n)), n)
    return rest
