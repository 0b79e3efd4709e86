"""Find many nodes with few requests to the store, in formats with one key for arrays and one for groups."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from zarrcy.types import Key

Answer = TypeVar("Answer")

BATCH_KEYS = 1000
_FEW = 16


def find(
    prefixes: Sequence[str],
    key_of: Callable[[str, str], Key],
    ask: Callable[[list[str]], list[Answer | None]],
    batched: bool,
) -> Iterator[tuple[str, Key, Answer] | None]:
    """Iterate over the kind of each node, the key of its document and the answer for this key; None for no node.

    Parameters
    ----------
    prefixes : Sequence of str
        Prefixes of the nodes.
    key_of : callable
        Returns the key of the document, given a prefix and a kind.
    ask : callable
        Returns an answer for each key; None if the key does not exist.
    batched : bool
        Whether a request for many keys takes as long as one for a single key.
    """
    # one more request takes longer than asking for a few missing keys
    both = batched and len(prefixes) <= _FEW
    size = BATCH_KEYS if batched else _FEW
    for first in range(0, len(prefixes), size):
        batch = prefixes[first : first + size]
        keys = [key_of(prefix, "array") for prefix in batch]
        if both:
            answers = ask(keys + [key_of(prefix, "group") for prefix in batch])
            groups = answers[len(batch) :]
        else:
            answers = ask(keys)
            groups = [None] * len(batch)
            no_arrays = [number for number, answer in enumerate(answers) if answer is None]
            more = ask([key_of(batch[number], "group") for number in no_arrays]) if no_arrays else []
            for number, answer in zip(no_arrays, more, strict=True):
                groups[number] = answer
        for prefix, key, array, group in zip(batch, keys, answers, groups, strict=False):
            if array is not None:
                yield "array", key, array
            elif group is not None:
                yield "group", key_of(prefix, "group"), group
            else:
                yield None
