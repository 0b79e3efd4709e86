"""Nodes whose kind is told by which document is there: find many of them with few questions to the store."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from zarrcy.types import Key

BATCH_KEYS = 1000
_FEW = 16


def find(
    prefixes: Sequence[str],
    key_of: Callable[[str, str], Key],
    ask: Callable[[list[str]], list[Any]],
    batched: bool,
) -> Iterator[tuple[str, Key, Any] | None]:
    """Iterate over the kind of what stands at prefixes of keys, the key of its document, and the answer for that.

    Parameters
    ----------
    prefixes : of nodes
    key_of : returns the key of the document of a prefix and a kind
    ask : returns an answer for each key, None where it is not there
    batched : to ask for many keys takes as long as for one
    """
    # a round trip costs more than a few keys that are not there
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
            others = [number for number, answer in enumerate(answers) if answer is None]
            asked = ask([key_of(batch[number], "group") for number in others]) if others else []
            for number, answer in zip(others, asked, strict=True):
                groups[number] = answer
        for prefix, key, array, group in zip(batch, keys, answers, groups, strict=False):
            if array is not None:
                yield "array", key, array
            elif group is not None:
                yield "group", key_of(prefix, "group"), group
            else:
                yield None
