"""Read parts of values: drive generators that ask for spans of bytes, in the way that suits the store.

A store offers parts of its values by `get_partial_values`, and says with `range_gap` how many bytes are as
cheap to read as one more range. A file is kept open between two questions, so that all answers
come from the same value, even if somebody replaces it meanwhile. Of a store that offers nothing the whole
value is taken, and what is asked for is cut out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias, cast

from zarrcy.storage import access
from zarrcy.storage.capabilities import OpenFile, OpensFiles, has_capability
from zarrcy.types import Buffer, Key, Span, Store

Questions: TypeAlias = Generator[list[Span], list[Buffer], Any]
Begin: TypeAlias = Callable[[int, int | None, Any], Questions]
"""Begin to read a value, given its place among the keys, its length, and what changes whenever the value does;
both are None where the store does not tell."""
Done: TypeAlias = Callable[[int, bool, Any], None]
"""Take what a generator returned: the place among the keys, whether there is such a value, the result."""
PartsReader: TypeAlias = Callable[[list[Key], Begin, Done], None]

_GAP_OF_A_NETWORK = 2**20


def reads_ranges(store: Store) -> bool:
    """Can parts of the values of a store be had for less than the whole?"""
    return hasattr(access.mapping_of(store), "get_partial_values")


def parts_reader(store: Store) -> PartsReader:
    """Return a function that reads parts of the values of keys."""
    store = access.mapping_of(store)
    if has_capability(type(store), "open_value"):
        files = cast(OpensFiles, store)
        gap = getattr(store, "range_gap", _GAP_OF_A_NETWORK)
        return lambda keys, begin, done: _read_files(files, gap, keys, begin, done)
    if reads_ranges(store):
        return lambda keys, begin, done: _read_ranges(store, keys, begin, done)
    fetch, held = access.reader(store), access.is_in_memory(store)
    return lambda keys, begin, done: _read_values(fetch, held, keys, begin, done)


def read_spans(store: Store, key: Key, spans: list[Span]) -> list[Buffer] | None:
    """Read some spans of one value; None if there is no such value."""
    store = access.mapping_of(store)
    if reads_ranges(store):
        parts = list(store.get_partial_values([(key, span) for span in spans]))  # type: ignore[attr-defined]
        return None if None in parts else parts
    (stored,) = access.reader(store)([key])
    return None if stored is None else [cut(memoryview(stored).cast("B"), span) for span in spans]


def _read_values(fetch: access.Reader, held: bool, keys: list[Key], begin: Begin, done: Done) -> None:
    for place, stored in enumerate(fetch(keys)):
        if stored is None:
            done(place, False, None)
            continue
        view = memoryview(stored).cast("B")

        def read(spans: list[Span], view: memoryview = view) -> list[Buffer]:
            return [cut(view, span) for span in spans]

        done(place, True, _answer(begin(place, len(view), stored if held else None), read))


def _read_files(store: OpensFiles, gap: int, keys: list[Key], begin: Begin, done: Done) -> None:
    for place, key in enumerate(keys):
        value = store.open_value(key)
        if value is None:
            done(place, False, None)
            continue
        with value:

            def read(spans: list[Span], value: OpenFile = value) -> list[Buffer]:
                return joined(spans, gap, lambda ranges: [value.read(*span) for span in ranges])

            result = _answer(begin(place, value.nbytes, value.identity), read)
        done(place, True, result)


def _answer(questions: Questions, read: Callable[[list[Span]], list[Buffer]]) -> Any:
    """Answer the questions of one generator, and return what it returns."""
    try:
        spans = next(questions)
        while True:
            spans = questions.send(read(spans))
    except StopIteration as stop:
        return stop.value


def _read_ranges(store: Any, keys: list[Key], begin: Begin, done: Done) -> None:
    """Ask for all that the generators want next at once: each round is one trip to the store."""
    gap = getattr(store, "range_gap", _GAP_OF_A_NETWORK)
    asking = {place: begin(place, None, None) for place in range(len(keys))}
    wanted = {place: next(questions) for place, questions in asking.items()}
    while wanted:
        ranges: list[tuple[Key, Span]] = []
        joins = {}
        for place, spans in wanted.items():
            joins[place] = join = join_spans(spans, gap)
            ranges += [(keys[place], span) for span in join[0]]
        found = iter(store.get_partial_values(ranges))
        answers = {place: [next(found) for _ in join[0]] for place, join in joins.items()}
        following = {}
        for place, parts in answers.items():
            if any(part is None for part in parts):
                asking[place].close()
                done(place, False, None)
                continue
            try:
                following[place] = asking[place].send(cut_again(parts, joins[place][1]))
            except StopIteration as stop:
                done(place, True, stop.value)
        wanted = following


def cut(view: memoryview, span: Span) -> memoryview:
    """Return a span of a value.

    >>> bytes(cut(memoryview(b"abcdef"), (1, 2))), bytes(cut(memoryview(b"abcdef"), (-2, None)))
    (b'bc', b'ef')
    """
    start, nbytes = span
    start = max(0, len(view) + start) if start < 0 else start
    return view[start:] if nbytes is None else view[start : start + nbytes]


def joined(spans: list[Span], gap: int, read: Callable[[list[Span]], list[Buffer]]) -> list[Buffer]:
    """Read spans, and with them the bytes between two that are not more than `gap` apart."""
    ranges, places = join_spans(spans, gap)
    return cut_again(read(ranges), places)


def join_spans(spans: list[Span], gap: int) -> tuple[list[Span], list[tuple[int, int, int | None]]]:
    """Join spans that are not more than `gap` apart.

    Returns the ranges to read, and for each span the number of its range, where in it it starts, and
    its length.

    >>> join_spans([(0, 4), (100, 4), (6, 2)], 8)
    ([(0, 8), (100, 4)], [(0, 0, 4), (1, 0, 4), (0, 6, 2)])
    """
    ranges: list[Span] = []
    end: int | None
    places: list[tuple[int, int, int | None]] = [(0, 0, 0)] * len(spans)
    start, end = 0, None
    for number in sorted(range(len(spans)), key=lambda number: spans[number][0]):
        first, nbytes = spans[number]
        if first < 0 or nbytes is None:
            # where it ends, or even starts, only the store knows
            ranges.append(spans[number])
            places[number] = (len(ranges) - 1, 0, nbytes)
            end = None
            continue
        if end is not None and first - end <= gap:
            end = max(end, first + nbytes)
            ranges[-1] = (start, end - start)
        else:
            start, end = first, first + nbytes
            ranges.append((start, nbytes))
        places[number] = (len(ranges) - 1, first - start, nbytes)
    return ranges, places


def cut_again(parts: list[Buffer], places: list[tuple[int, int, int | None]]) -> list[Buffer]:
    """Cut what was read into the spans that were asked for."""
    views = [memoryview(part).cast("B") for part in parts]
    return [
        views[number] if nbytes is None else views[number][at : at + nbytes] for number, at, nbytes in places
    ]
