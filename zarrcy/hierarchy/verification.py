"""The report of `verify`: problems, and a tally for each array."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from zarrcy.types import JSON, Key


@dataclass(frozen=True, slots=True)
class Problem:
    """A fault in a store.

    Attributes
    ----------
    kind : str
        ``"metadata"``: a document that is malformed, or contradicts another document.
        ``"chunk"``: a stored value that does not decode to a chunk of its array.
        ``"unchecked"``: a value that could not be read or decoded here, so that its state is not known.
        ``"outside"``: a chunk outside the shape of its array.
        ``"stray"``: a key that belongs to no array and no group.
        ``"unfinished"``: the marker of a copy that was interrupted, or is not completed yet.
        ``"leftover"``: a temporary file of a writer that was killed.
    key : str
        Key in the store.
    text : str
        What is wrong and, where there is a remedy, what to do.
    path : str or None
        Path of the array that the key belongs to; None if it belongs to none.
    inner : int or None
        Number of a chunk in its shard; None if the problem concerns the whole value.
    """

    kind: str
    key: Key
    text: str
    path: str | None = None
    inner: int | None = None


@dataclass(slots=True)
class ArrayTally:
    """The number of chunks of one array that `verify` checked.

    Attributes
    ----------
    path : str
        Path in the store.
    n_values : int
        Stored chunks, or shards, that were read.
    n_possible : int
        Chunks, or shards, in the chunk grid.
    n_chunks : int
        Chunks that were decoded; each chunk in a shard counts.
    nbytes : int
        Size of the stored values, in bytes.
    n_bad : int
        Stored values with a problem.
    """

    path: str
    n_values: int = 0
    n_possible: int = 0
    n_chunks: int = 0
    nbytes: int = 0
    n_bad: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """The result of `verify`.

    Attributes
    ----------
    path : str
        Path at which the check began.
    arrays : tuple of ArrayTally
        What was read of each array.
    n_groups : int
        Number of groups.
    problems : tuple of Problem
        The problems, in the order of their keys; empty if there are none.
    seconds : float
        Duration of the check.
    """

    path: str
    arrays: tuple[ArrayTally, ...]
    n_groups: int
    problems: tuple[Problem, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether there are no problems."""
        return not self.problems

    def asdict(self) -> dict[str, JSON]:
        """Return the report as a dictionary that JSON can represent.

        Returns
        -------
        dict
            The attributes by name, and "ok".

        Examples
        --------
        >>> import zarrcy
        >>> zarrcy.array([1, 2, 3]).verify().asdict()["ok"]
        True
        """
        return {"ok": self.ok, **asdict(self)}

    def __str__(self) -> str:
        n_chunks = sum(array.n_chunks for array in self.arrays)
        lines = [f"problems: {len(self.problems)}; chunks: {n_chunks}; arrays: {len(self.arrays)}"]
        return "\n".join(lines + [f"{p.kind}: {p.key!r}: {p.text}" for p in self.problems])
