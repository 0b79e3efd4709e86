"""Read parts of values. Generators yield the spans of bytes that they need, and the functions here send the bytes.

How the bytes are read depends on the store:

- A store that opens values: the file stays open until the generator ends, so all bytes come from the same value
  even if another writer replaces it.
- A store with `get_partial_values`: the spans of all generators are requested together. Spans that are at most
  `range_gap` bytes apart are joined to one range.
- Another store: the whole value is read, and the spans are cut out of it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable
from typing import TypeAlias, cast

from zarrcy.storage import access
from zarrcy.storage.capabilities import OpenFile, OpensFiles, ReadsRanges, has_capability
from zarrcy.types import Buffer, Key, Span, Store

Questions: TypeAlias = Generator[list[Span], list[Buffer], Buffer | None]
"""Yields the spans that it needs next, is sent their bytes, and returns a result."""
Begin: TypeAlias = Callable[[int, int | None, Hashable], Questions]
"""Start to read a value. The arguments are the position of its key, its length in bytes, and an identity that changes
when the value changes; length and identity are None if the store does not provide them."""
Done: TypeAlias = Callable[[int, bool, Buffer | None], None]
"""Accept a result. The arguments are the position of the key, whether the key exists, and the generator's result."""
PartsReader: TypeAlias = Callable[[list[Key], Begin, Done], None]

_DEFAULT_GAP = 2**20


def reads_ranges(store: Store) -> bool:
    """Return whether a store can read a part of a value without reading the whole value."""
    return hasattr(access.mapping_of(store), "get_partial_values")


def parts_reader(store: Store) -> PartsReader:
    """Return a function that reads parts of the values of keys."""
    store = access.mapping_of(store)
    if has_capability(type(store), "open_value"):
        files = cast(OpensFiles, store)
        gap = getattr(store, "range_gap", _DEFAULT_GAP)
        return lambda keys, begin, done: _read_files(files, gap, keys, begin, done)
    if reads_ranges(store):
        ranged = cast(ReadsRanges, store)
        return lambda keys, begin, done: _read_ranges(ranged, keys, begin, done)
    fetch, in_memory = access.reader(store), access.is_in_memory(store)
    return lambda keys, begin, done: _read_values(fetch, in_memory, keys, begin, done)


def read_spans(store: Store, key: Key, spans: list[Span]) -> list[Buffer] | None:
    """Read spans of one value; None if the key does not exist."""
    store = access.mapping_of(store)
    if reads_ranges(store):
        parts = list(cast(ReadsRanges, store).get_partial_values([(key, span) for span in spans]))
        return None if None in parts else parts
    (stored,) = access.reader(store)([key])
    return None if stored is None else [cut(memoryview(stored).cast("B"), span) for span in spans]


def _read_values(fetch: access.Reader, in_memory: bool, keys: list[Key], begin: Begin, done: Done) -> None:
    for place, stored in enumerate(fetch(keys)):
        if stored is None:
            done(place, False, None)
            continue
        view = memoryview(stored).cast("B")

        def read(spans: list[Span], view: memoryview = view) -> list[Buffer]:
            return [cut(view, span) for span in spans]

        done(place, True, _answer(begin(place, len(view), stored if in_memory else None), read))


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


def _answer(questions: Questions, read: Callable[[list[Span]], list[Buffer]]) -> Buffer | None:
    """Send a generator the bytes of all spans that it yields, and return its result."""
    try:
        spans = next(questions)
        while True:
            spans = questions.send(read(spans))
    except StopIteration as stop:
        result: Buffer | None = stop.value
        return result


def _read_ranges(store: ReadsRanges, keys: list[Key], begin: Begin, done: Done) -> None:
    """Read the spans that all generators need next with one request per round."""
    gap = getattr(store, "range_gap", _DEFAULT_GAP)
    running = {place: begin(place, None, None) for place in range(len(keys))}
    wanted = {place: next(questions) for place, questions in running.items()}
    while wanted:
        ranges: list[tuple[Key, Span]] = []
        joins = {}
        for place, spans in wanted.items():
            joins[place] = join = join_spans(spans, gap)
            ranges += [(keys[place], span) for span in join[0]]
        parts_read = iter(store.get_partial_values(ranges))
        answers = {place: [next(parts_read) for _ in join[0]] for place, join in joins.items()}
        following = {}
        for place, parts in answers.items():
            if any(part is None for part in parts):
                running[place].close()
                done(place, False, None)
                continue
            try:
                following[place] = running[place].send(cut_again(parts, joins[place][1]))
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
    """Read spans; those that are at most `gap` bytes apart are read together with the bytes between them."""
    ranges, places = join_spans(spans, gap)
    return cut_again(read(ranges), places)


def join_spans(spans: list[Span], gap: int) -> tuple[list[Span], list[tuple[int, int, int | None]]]:
    """Join spans that are at most `gap` bytes apart.

    Return the ranges to read, and for each span the number of its range, its start in the range, and its length.

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
            # only the store knows where this span starts or ends
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
    """Cut the ranges that were read into the requested spans."""
    views = [memoryview(part).cast("B") for part in parts]
    return [
        views[number] if nbytes is None else views[number][at : at + nbytes] for number, at, nbytes in places
    ]
