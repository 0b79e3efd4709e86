"""CPUs of this node that a batch scheduler and a launcher of ranks leave to this process."""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass

from zarrcy import settings
from zarrcy.settings import Setting

# How Slurm abbreviates equal numbers: 4(x2),1 is 4,4,1.
_REPEATED = re.compile(r"(\d+)(?:\(x(\d+)\))?")


@dataclass(frozen=True, slots=True)
class NodeShare:
    """What the environment says about the CPUs of this process.

    Attributes
    ----------
    limits : tuple of (int, str)
        Numbers of CPUs for this process, and the reason for each.
    n_ranks : int
        Ranks of the program on this node; 1 if the environment does not name a number.
    ranks_by : str
        The variable that names the ranks.
    seen : dict of Setting to str
        Texts of the variables that are set.
    """

    limits: tuple[tuple[int, str], ...]
    n_ranks: int
    ranks_by: str
    seen: dict[Setting, str]

    def is_current(self) -> bool:
        """Return whether the variables that were set have the same values now."""
        return all(setting.text() == text for setting, text in self.seen.items())

    def share_of(self, n: int, why: str) -> tuple[int, str]:
        """Return the part of `n` CPUs of this node that is left to each of its ranks."""
        if self.n_ranks == 1:
            return n, why
        return max(1, n // self.n_ranks), f"{why}, shared by {self.n_ranks} ranks of {self.ranks_by}"


def node_share() -> NodeShare:
    """Read from the environment what schedulers and launchers say about the CPUs of this process."""
    seen = {setting: setting.text() for setting in settings.CPUS_AND_RANKS if setting.is_set()}
    n_ranks, ranks_by = _ranks(seen)
    share = NodeShare((), n_ranks, ranks_by, seen)
    limits = [share.share_of(n, f"{setting.name} in the environment") for setting, n in _of_node(seen)]
    per_rank = _positive(seen.get(settings.SLURM_CPUS))
    if per_rank:
        limits.insert(0, (per_rank, f"{settings.SLURM_CPUS.name} in the environment"))
    return NodeShare(tuple(limits), n_ranks, ranks_by, seen)


def known_share() -> NodeShare:
    """Return what `node_share` returns.

    Hot path: a variable that is not set takes longer to look up than one that is. Those that were not set before are
    looked up again when the number of all variables has changed.
    """
    n = settings.n_variables()
    share = _share_of(n)
    if not share.is_current():
        _share_of.cache_clear()
        share = _share_of(n)
    return share


@functools.lru_cache(maxsize=1)
def _share_of(n_variables: int) -> NodeShare:
    return node_share()


def _ranks(seen: dict[Setting, str]) -> tuple[int, str]:
    """Return the number of ranks on this node, and the variable that names it.

    A launcher knows best what it started; the number in the request of a job is used last.
    """
    for setting in (settings.OPEN_MPI_RANKS, settings.HYDRA_RANKS, settings.MVAPICH_RANKS):
        if n := _positive(seen.get(setting)):
            return n, setting.name
    if n := _at_this_node(seen, settings.SLURM_STEP_TASKS):
        return n, settings.SLURM_STEP_TASKS.name
    if n := _positive(seen.get(settings.SLURM_TASKS)):
        return n, settings.SLURM_TASKS.name
    return 1, ""


def _of_node(seen: dict[Setting, str]) -> Iterator[tuple[Setting, int]]:
    """Iterate over the numbers of CPUs that jobs have on this node."""
    for setting in (settings.SLURM_CPUS_ON_NODE, settings.PBS_CPUS, settings.PBS_PPN, settings.LSF_SLOTS):
        if n := _positive(seen.get(setting)):
            yield setting, n
    if n := _at_this_node(seen, settings.SLURM_JOB_CPUS):
        yield settings.SLURM_JOB_CPUS, n
    if n := _slots_by_host(seen.get(settings.LSF_HOSTS, "")):
        yield settings.LSF_HOSTS, n
    if n := _positive(seen.get(settings.SGE_SLOTS)):
        yield settings.SGE_SLOTS, max(1, n // (_positive(seen.get(settings.SGE_HOSTS)) or 1))


def _positive(text: str | None) -> int | None:
    """Return a number that a variable states; None if it is not set, or not a positive number."""
    return (int(text) or None) if text is not None and text.isdecimal() else None


def _at_this_node(seen: dict[Setting, str], setting: Setting) -> int | None:
    """Return the number for this node in a list of Slurm; the smallest number if this node is not known."""
    parts = [_REPEATED.fullmatch(part) for part in seen.get(setting, "").split(",")]
    numbers = [
        int(part[1]) for part in parts if part is not None for _ in range(min(int(part[2] or 1), 2**20))
    ]
    if None in parts or not all(numbers):
        return None
    node = seen.get(settings.SLURM_NODE, "")
    return numbers[int(node)] if node.isdecimal() and int(node) < len(numbers) else min(numbers)


def _slots_by_host(text: str) -> int | None:
    """Return the slots that LSF lists for this node: names of nodes, each followed by a number."""
    words = text.split()
    own = getattr(os, "uname", lambda: None)()
    name = "" if own is None else own.nodename.partition(".")[0]
    slots = zip(words[::2], words[1::2], strict=False)
    return next((_positive(n) for host, n in slots if host.partition(".")[0] == name), None)
