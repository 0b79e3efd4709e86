"""What verifying a hierarchy found: problems, and a tally for each array."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from zarrcy.types import JSON, Key


@dataclass(frozen=True, slots=True)
class Problem:
    """Something in a store that is not as it should be.

    Attributes
    ----------
    kind : ``"metadata"``: a document that is malformed, or at odds with another; ``"chunk"``: a stored value that
        is no chunk of its array; ``"unchecked"``: a value that can't be looked at here and now, so nothing is
        known of it; ``"outside"``: a chunk outside the shape of its array; ``"stray"``: a key that belongs to
        nothing; ``"leftover"``: what a killed writer left
    key : in the store
    text : what is wrong, and where that is to be said, what to do
    path : of the array that the key belongs to; None where it belongs to none
    inner : of a chunk that is kept in a shard, its number there
    """

    kind: str
    key: Key
    text: str
    path: str | None = None
    inner: int | None = None


@dataclass(slots=True)
class ArrayTally:
    """What was read of one array.

    Attributes
    ----------
    path : in the store
    n_values : stored chunks, or shards; of a chunk that is not stored nothing is read
    n_possible : chunks, or shards, that the grid has
    n_chunks : chunks that were decoded, those in shards one by one
    nbytes : of the stored values
    n_bad : values with a problem
    """

    path: str
    n_values: int = 0
    n_possible: int = 0
    n_chunks: int = 0
    nbytes: int = 0
    n_bad: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """What `verify` found.

    Attributes
    ----------
    path : that was looked at
    arrays : what was read of each
    n_groups : how many there are
    problems : what is wrong, in the order of the keys; empty if nothing is
    seconds : that it took
    """

    path: str
    arrays: tuple[ArrayTally, ...]
    n_groups: int
    problems: tuple[Problem, ...]
    seconds: float

    @property
    def ok(self) -> bool:
        """Is nothing wrong?"""
        return not self.problems

    def asdict(self) -> dict[str, JSON]:
        """Return the report as JSON can hold it."""
        return {"ok": self.ok, **asdict(self)}

    def __str__(self) -> str:
        n = sum(array.n_chunks for array in self.arrays)
        lines = [f"problems: {len(self.problems)}; chunks: {n}; arrays: {len(self.arrays)}"]
        return "\n".join(lines + [f"{p.kind}: {p.key!r}: {p.text}" for p in self.problems])
