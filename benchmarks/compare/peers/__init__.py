"""The libraries that take part in the comparison: one class each. `peer` defines what each of them provides."""

from __future__ import annotations

from benchmarks.compare.peers.limits import Limit, Numpy
from benchmarks.compare.peers.other_formats import Blosc2, H5py
from benchmarks.compare.peers.peer import Peer
from benchmarks.compare.peers.zarr import TensorStore, Z5py, Zarr2, Zarr3, Zarr3Fused, Zarrcy, Zarrs

# In the order of the table; the limits come last.
PEERS: tuple[type[Peer], ...] = (
    *(Zarr2, Zarr3, Zarr3Fused, Zarrs, TensorStore, Z5py),
    *(H5py, Blosc2),
    *(Numpy, Limit),
)


def load_peers(z5py_threads: int = 1) -> tuple[list[Peer], dict[str, str]]:
    """Import the installed libraries.

    Returns
    -------
    peers : list of Peer
        The installed libraries, zarrcy first.
    missing : dict of str to str
        The reasons why the others are missing, by name.
    """
    try:
        peers: list[Peer] = [Zarrcy()]
    except ModuleNotFoundError as exc:
        if exc.name != "zarrcy":
            raise
        remedy = "install it, or set PYTHONPATH to the source tree"
        raise SystemExit(f"zarrcy is not importable: {remedy}") from exc
    missing = {}
    for kind in PEERS:
        try:
            peers.append(Z5py(z5py_threads) if kind is Z5py else kind())
        except ImportError as exc:
            missing[kind.name] = str(exc)
    return peers, missing
