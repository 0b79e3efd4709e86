"""Read parts of values. Generators yield the spans of bytes that they need, and the functions here send the bytes.

How the bytes are read depends on the store:

- A store that opens values: the file stays open until the generator ends, so all bytes come from the same value
  even if another writer replaces it.
- A store with `get_partial_values`: the spans of all generators are requested together. Spans that are at most
  `range_gap` bytes apart are joined to one range. If the store also has `get_versioned_values`, a generator whose value
  was replaced meanwhile is started again; if that happens often, the whole value is read with one request.
- Another store: the whole value is read, and the spans are cut out of it.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Collection, Generator, Hashable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, TypeAlias, cast

from zarrcy.errors import StoredTypeError
from zarrcy.storage import access
from zarrcy.storage.capabilities import (
    KeyRange,
    OpenFile,
    OpensFiles,
    ReadsRanges,
    ReadsVersions,
    has_capability,
)
from zarrcy.types import Buffer, Key, Span, Store

if TYPE_CHECKING:
    from zarrcy.sync.overlap import Steps

Questions: TypeAlias = Generator[list[Span], list[Buffer], Buffer | None]
"""Yields the spans that it needs next, is sent their bytes, and returns a result."""
Begin: TypeAlias = Callable[[int, int | None, Callable[[], bool]], Questions]
"""Start to read a value. The arguments are the position of its key, its length in bytes, which is None if the store
does not know it, and a function that returns whether all further bytes come from the version of those that the
generator got, even if another writer replaces the value. It is called again for a position if the value was replaced:
the bytes that the first generator got are then of no use."""
Done: TypeAlias = Callable[[int, bool, Buffer | None], None]
"""Accept a result. The arguments are the position of the key, whether the key exists, and the generator's result."""

_DEFAULT_GAP = 2**20
# Reading this many unwanted bytes takes no longer than another request.
_LEAST_WASTE = 2**20
# Attempts to read a value in parts. If it was replaced during each of them, it is read with one request.
_MOST_ATTEMPTS = 3


def reads_ranges(store: Store) -> bool:
    """Return whether a store can read a part of a value without reading the whole value."""
    return hasattr(access.mapping_of(store), "get_partial_values")


def pins_versions(store: Store) -> bool:
    """Return whether all parts of a value that several calls read can be of one version: see `PinnedValues`."""
    kind = type(access.mapping_of(store))
    is_ranged = reads_ranges(store) and not has_capability(kind, "open_value")
    return not is_ranged or has_capability(kind, "get_versioned_values")


class PartsReader:
    """Reads parts of the values of keys.

    Parameters
    ----------
    store : Store
        The store.
    fetch : callable, optional
        Reads whole values, where that is necessary; by default of any length.
    """

    def __init__(self, store: Store, fetch: access.Reader | None = None) -> None:
        self._store = store = access.mapping_of(store)
        self._gap = getattr(store, "range_gap", _DEFAULT_GAP)
        self._open = cast(OpensFiles, store).open_value if has_capability(type(store), "open_value") else None
        self._is_ranged = self._open is None and reads_ranges(store)
        self._fetch = fetch or access.value_reader(store)

    def __call__(self, keys: list[Key], begin: Begin, done: Done) -> None:
        """Read parts of values: see `Begin` and `Done`."""
        if self._open is not None:
            _read_files(self._open, self._gap, keys, begin, done)
        elif self._is_ranged:
            _RangesReader(self._store, self._fetch, keys, begin, done).run()
        else:
            _read_values(self._store, self._fetch, keys, begin, done)

    def steps(self, keys: list[Key], begin: Begin, done: Done) -> Steps:
        """Yield the requests that read parts of values, for a store that does not open values."""
        if self._is_ranged:
            return _RangesReader(self._store, self._fetch, keys, begin, done).steps()
        return _value_steps(self._store, self._fetch, keys, begin, done)


class PinnedValues:
    """Reads parts of values for one read that several threads share. All parts of a value come from one version.

    A value that the store opens, or returns whole, is asked for once and kept until each of its users has released
    it. From a store with `get_versioned_values`, all calls read the version that the first one found. If the value is
    replaced meanwhile, its key is added to `replaced`, and it is not read any more. From a store with
    `get_partial_values` only, the parts of each call are read as by `PartsReader`.

    Parameters
    ----------
    store : Store
        The store.
    n_uses : dict of str to int
        How often each key will be released.
    fetch : callable, optional
        Reads whole values, where that is necessary; by default of any length.
    shared : collection of str, optional
        The keys of which several calls read parts.
    whole : bool, default False
        Whether values that the store does not open are read whole, so that none can be replaced meanwhile.

    Attributes
    ----------
    replaced : set of str
        Keys of values whose parts must be read again, all of them.
    """

    def __init__(
        self,
        store: Store,
        n_uses: dict[Key, int],
        *,
        fetch: access.Reader | None = None,
        shared: Collection[Key] = (),
        whole: bool = False,
    ) -> None:
        store = access.mapping_of(store)
        self._gap = getattr(store, "range_gap", _DEFAULT_GAP)
        self._open = cast(OpensFiles, store).open_value if has_capability(type(store), "open_value") else None
        self._store, self._pins = store, _Pins(shared)
        self._is_ranged = self._open is None and reads_ranges(store) and not whole
        self._fetch = fetch or access.value_reader(store)
        self._n_uses = dict(n_uses)
        self._files: dict[Key, OpenFile | None] = {}
        self._values: dict[Key, Buffer | None] = {}
        self._lock = threading.Lock()
        self._opening = {key: threading.Lock() for key in n_uses}

    @property
    def replaced(self) -> set[Key]:
        return self._pins.replaced

    def read(self, keys: list[Key], begin: Begin, done: Done) -> None:
        """Read parts of values: see `PartsReader`."""
        if self._open is not None:
            _read_files(self.open_value, self._gap, keys, begin, done)
        elif self._is_ranged:
            _RangesReader(self._store, self._fetch, keys, begin, done, self._pins).run()
        else:
            _read_values(self._store, self._fetch_once, keys, begin, done)

    def steps(self, keys: list[Key], begin: Begin, done: Done) -> Steps:
        """Yield the requests that read parts of values: see `PartsReader.steps`."""
        if self._is_ranged:
            return _RangesReader(self._store, self._fetch, keys, begin, done, self._pins).steps()
        return _value_steps(self._store, self._fetch_once, keys, begin, done)

    def open_value(self, key: Key) -> OpenFile | None:
        """Return the open file of a value, which the caller must not close; None if the key does not exist."""
        assert self._open is not None, "the store opens values"
        with self._opening[key]:
            if key not in self._files:
                self._files[key] = self._open(key)
            value = self._files[key]
        return None if value is None else _KeptOpen(value)

    def _fetch_once(self, keys: list[Key]) -> list[Buffer | None]:
        missing = [key for key in keys if key not in self._values]
        for key, value in zip(missing, self._fetch(missing) if missing else (), strict=True):
            self._values.setdefault(key, value)
        return [self._values[key] for key in keys]

    def release(self, key: Key, n_uses: int) -> None:
        """Count some uses of a value as done, and close it after the last one."""
        with self._lock:
            self._n_uses[key] -= n_uses
            is_last = self._n_uses[key] <= 0
        if is_last:
            self._close(key)

    def close(self) -> None:
        """Close all values. No other thread may use this object any more."""
        for key in [*self._files, *self._values]:
            self._close(key)

    def _close(self, key: Key) -> None:
        self._values.pop(key, None)
        value = self._files.pop(key, None)
        if value is not None:
            value.__exit__(None, None, None)


class _Pins:
    """The versions of values of which several calls read parts, from several threads.

    Parameters
    ----------
    keys : collection of str
        The keys.
    """

    def __init__(self, keys: Collection[Key]) -> None:
        self.keys = frozenset(keys)
        self.versions: dict[Key, Hashable] = {}
        self.replaced: set[Key] = set()
        self._lock = threading.Lock()

    def agree(self, key: Key, version: Hashable) -> bool:
        """Return whether a version is the one that was read first; remember that the value was replaced if not.

        None stands for no version: the value was replaced while it was read.
        """
        with self._lock:
            is_same = version is not None and self.versions.setdefault(key, version) == version
            if not is_same:
                self.replaced.add(key)
        return is_same


class _KeptOpen:
    """An open value that stays open when its user is done with it."""

    def __init__(self, value: OpenFile) -> None:
        self.fd, self.nbytes, self.identity, self.read = value.fd, value.nbytes, value.identity, value.read

    def __enter__(self) -> _KeptOpen:
        return self

    def __exit__(self, *exc_info: object) -> None:
        return


def read_spans(store: Store, key: Key, spans: list[Span]) -> list[Buffer] | None:
    """Read spans of one value; None if the key does not exist."""
    store = access.mapping_of(store)
    if reads_ranges(store):
        parts, versions = _versions_reader(store)([(key, span) for span in spans], {})
        if versions.get(key, 0) is not None:
            found = [part for part in parts if part is not None]
            return found if len(found) == len(spans) else None
    (stored,) = access.checked_reader(store)([key])
    return None if stored is None else [cut(memoryview(stored).cast("B"), span) for span in spans]


def _read_values(store: Store, fetch: access.Reader, keys: list[Key], begin: Begin, done: Done) -> None:
    _take_values(store, fetch(keys), keys, begin, done)


def _value_steps(store: Store, fetch: access.Reader, keys: list[Key], begin: Begin, done: Done) -> Steps:
    from zarrcy.sync.overlap import Request

    request = Request(partial(fetch, keys))
    yield request
    _take_values(store, request.answer, keys, begin, done)


def _take_values(
    store: Store, values: list[Buffer | None], keys: list[Key], begin: Begin, done: Done
) -> None:
    for place, stored in enumerate(values):
        if stored is None:
            done(place, False, None)
            continue
        view = memoryview(access.buffer_of(store, keys[place], stored)).cast("B")
        done(place, True, read_value(view, begin(place, len(view), _is_one_version)))


def read_value(view: memoryview, questions: Questions) -> Buffer | None:
    """Send a generator the bytes of the spans of a value in memory that it yields, and return its result."""
    return _answer(questions, lambda spans: [cut(view, span) for span in spans])


def _is_one_version() -> bool:
    return True


def _read_files(
    open_value: Callable[[Key], OpenFile | None], gap: int, keys: list[Key], begin: Begin, done: Done
) -> None:
    for place, key in enumerate(keys):
        value = open_value(key)
        if value is None:
            done(place, False, None)
            continue
        with value:
            result = read_open(value, gap, begin(place, value.nbytes, _is_one_version))
        done(place, True, result)


def read_open(value: OpenFile, gap: int, questions: Questions) -> Buffer | None:
    """Send a generator the bytes of the spans of an open value that it yields, and return its result."""

    def read(spans: list[Span]) -> list[Buffer]:
        return joined(spans, gap, lambda ranges: [value.read(*span) for span in ranges])

    return _answer(questions, read)


def _answer(questions: Questions, read: Callable[[list[Span]], list[Buffer]]) -> Buffer | None:
    """Send a generator the bytes of all spans that it yields, and return its result."""
    try:
        spans = next(questions)
        while True:
            spans = questions.send(read(spans))
    except StopIteration as stop:
        result: Buffer | None = stop.value
        return result


JoinedSpans: TypeAlias = tuple[list[Span], list[tuple[int, int, int | None]]]
"""What `join_spans` returns."""
_VersionsReader: TypeAlias = Callable[
    [Sequence[KeyRange], Mapping[Key, Hashable]], tuple[Sequence[Buffer | None], Mapping[Key, Hashable]]
]


def _versions_reader(store: Store) -> _VersionsReader:
    """Return a function that reads ranges of one version; a store without versions returns none."""
    read: _VersionsReader
    if has_capability(type(store), "get_versioned_values"):
        read = cast(ReadsVersions, store).get_versioned_values
        if access.is_own(store):
            return read
    else:
        ranged = cast(ReadsRanges, store)
        read = lambda ranges, _: (ranged.get_partial_values(ranges), {})  # noqa: E731

    def read_checked(
        ranges: Sequence[KeyRange], versions: Mapping[Key, Hashable]
    ) -> tuple[Sequence[Buffer | None], Mapping[Key, Hashable]]:
        parts, found = read(ranges, versions)
        parts = list(parts)
        if len(parts) != len(ranges):
            raise StoredTypeError(
                ranges[0][0], type(store).__name__, f"{len(parts)} parts of values instead of {len(ranges)}"
            )
        return access.buffers(store, [key for key, _ in ranges], parts), found

    return read_checked


# In place of the version of a value that does not exist, and of one whose version the store does not know.
_MISSING, _UNKNOWN = "missing", "unknown"


class _RangesReader:
    """Read the spans that the generators of all keys need next with one request per round."""

    def __init__(
        self,
        store: Store,
        read_whole: access.Reader,
        keys: list[Key],
        begin: Begin,
        done: Done,
        pins: _Pins | None = None,
    ) -> None:
        self.store, self.read_whole = store, read_whole
        self.keys, self.begin, self.done = keys, begin, done
        self.pins = pins or _Pins(())
        self.gap = getattr(store, "range_gap", _DEFAULT_GAP)
        self.read = _versions_reader(store)
        self.running: dict[int, Questions] = {}
        self.n_attempts: dict[int, int] = {}
        self.n_rounds: dict[int, int] = {}
        self.versions: dict[int, Hashable] = {}

    def run(self) -> None:
        wanted = self._begin()
        while wanted:
            ranges, known, joins = self._round(wanted)
            wanted = self._take(joins, *self.read(ranges, known))

    def steps(self) -> Steps:
        """Yield the request of each round."""
        from zarrcy.sync.overlap import Request

        wanted = self._begin()
        while wanted:
            ranges, known, joins = self._round(wanted)
            request = Request(partial(self.read, ranges, known))
            yield request
            wanted = self._take(joins, *request.answer)

    def _begin(self) -> dict[int, list[Span]]:
        """Start the generators of all keys, and return the spans that they need first."""
        replaced = self.pins.replaced
        return {place: self._start(place) for place, key in enumerate(self.keys) if key not in replaced}

    def _start(self, place: int) -> list[Span]:
        """Start the generator of a key, and return the spans that it needs first."""
        self.n_attempts[place] = self.n_attempts.get(place, 0) + 1
        self.n_rounds[place] = 0
        self.versions.pop(place, None)
        self.running[place] = questions = self.begin(place, None, partial(self._is_pinned, place))
        return next(questions)

    def _is_pinned(self, place: int) -> bool:
        """Return whether a later request finds out if the value is not the one of which parts were read."""
        return getattr(self.versions.get(place), "is_exact", False)

    def _round(
        self, wanted: dict[int, list[Span]]
    ) -> tuple[list[KeyRange], dict[Key, Hashable], dict[int, JoinedSpans]]:
        """Return the ranges to read for spans, the versions of which they must be, and how the spans are joined."""
        ranges: list[KeyRange] = []
        joins = {}
        for place, spans in wanted.items():
            joins[place] = join = join_spans(spans, self.gap)
            ranges += [(self.keys[place], span) for span in join[0]]
        known = {self.keys[place]: self.versions[place] for place in wanted if place in self.versions}
        pinned = self.pins.keys.intersection(self.keys[place] for place in wanted)
        known |= dict.fromkeys(pinned) | {
            key: self.pins.versions[key]
            for key in pinned
            if self.pins.versions.get(key, _MISSING) != _MISSING
        }
        return ranges, known, joins

    def _take(
        self,
        joins: dict[int, JoinedSpans],
        parts_read: Sequence[Buffer | None],
        versions: Mapping[Key, Hashable],
    ) -> dict[int, list[Span]]:
        """Send the generators what was read, and return the spans that are needed next."""
        following, remaining = {}, iter(parts_read)
        for place, (spans, places) in joins.items():
            key = self.keys[place]
            parts = [next(remaining) for _ in spans]
            is_missing = any(part is None for part in parts)
            version = versions.get(key, _UNKNOWN)
            if is_missing and version is not None and not self.n_rounds[place]:
                version = _MISSING
            if key in self.pins.keys and not self.pins.agree(key, version):
                self.running[place].close()
                continue
            if version is None or (is_missing and self.n_rounds[place]):
                self.running[place].close()
                if self.n_attempts[place] < _MOST_ATTEMPTS:
                    following[place] = self._start(place)
                else:
                    self._read_whole(place)
                continue
            if is_missing:
                self.running[place].close()
                self.done(place, False, None)
                continue
            if key in versions:
                self.versions[place] = versions[key]
            self.n_rounds[place] += 1
            try:
                following[place] = self.running[place].send(cut_again(parts, places))
            except StopIteration as stop:
                self.done(place, True, stop.value)
        return following

    def _read_whole(self, place: int) -> None:
        """Read a value that was replaced repeatedly with one request."""

        def begin(_: int, nbytes: int | None, is_one_version: Callable[[], bool]) -> Questions:
            return self.begin(place, nbytes, is_one_version)

        def done(_: int, present: bool, result: Buffer | None) -> None:
            self.done(place, present, result)

        _read_values(self.store, self.read_whole, [self.keys[place]], begin, done)


def agreed_versions(
    known: Mapping[Key, Hashable], answers: Iterable[tuple[Key, Hashable]]
) -> dict[Key, Hashable]:
    """Return the version of which all answers for a key are; None if they differ.

    Parameters
    ----------
    known : mapping
        Versions of which the answers must be; None for any.
    answers : iterable of (str, hashable)
        The key and the version of each answer; None if the key was missing.

    Returns
    -------
    dict
        Versions by keys, without keys that were missing throughout.

    Examples
    --------
    >>> agreed_versions({"a": 1}, [("a", 1), ("b", 2), ("b", 3), ("c", None)])
    {'a': 1, 'b': None}
    """
    seen: dict[Key, set[Hashable]] = {key: {version} for key, version in known.items() if version is not None}
    for key, version in answers:
        seen.setdefault(key, set()).add(version)
    return {
        key: next(iter(versions)) if len(versions) == 1 else None
        for key, versions in seen.items()
        if versions - {None}
    }


def parts_of_one_version(
    store: ReadsVersions, key_ranges: Sequence[KeyRange], read_whole: access.Reader
) -> list[Buffer | None]:
    """Return parts of values; read them again if a value was replaced, and at last cut them from whole values."""
    parts: list[Buffer | None] = [None] * len(key_ranges)
    places = list(range(len(key_ranges)))
    for _ in range(_MOST_ATTEMPTS):
        read, versions = store.get_versioned_values([key_ranges[place] for place in places], {})
        for place, part in zip(places, read, strict=True):
            parts[place] = part
        places = [place for place in places if versions.get(key_ranges[place][0], 0) is None]
        if not places:
            return parts
    keys = list(dict.fromkeys(key_ranges[place][0] for place in places))
    values = dict(zip(keys, read_whole(keys), strict=True))
    for place in places:
        key, span = key_ranges[place]
        value = values[key]
        parts[place] = None if value is None else cut(memoryview(value).cast("B"), span).tobytes()
    return parts


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


def join_spans(spans: list[Span], gap: int, least_waste: int = _LEAST_WASTE) -> JoinedSpans:
    """Join spans that are at most `gap` bytes apart, the nearest first.

    All gaps that are read are at most as long together as the spans, or `least_waste` bytes if that is more. Return the
    ranges to read, and for each span the number of its range, its start in the range, and its length.

    >>> join_spans([(0, 4), (100, 4), (6, 2)], 8)
    ([(0, 8), (100, 4)], [(0, 0, 4), (1, 0, 4), (0, 6, 2)])
    >>> join_spans([(0, 4), (10, 4), (16, 4)], 8, 0)
    ([(0, 20)], [(0, 0, 4), (0, 10, 4), (0, 16, 4)])
    >>> join_spans([(0, 1), (8, 1), (10, 1)], 8, 0)
    ([(0, 1), (8, 3)], [(0, 0, 1), (1, 0, 1), (1, 2, 1)])
    """
    ordered = sorted(range(len(spans)), key=lambda number: spans[number][0])
    gap = _longest_gap([spans[number] for number in ordered], gap, least_waste)
    ranges: list[Span] = []
    end: int | None
    places: list[tuple[int, int, int | None]] = [(0, 0, 0)] * len(spans)
    start, end = 0, None
    for number in ordered:
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


def _longest_gap(ordered: list[Span], gap: int, least_waste: int) -> int:
    """Return the length of the longest gap that is read between spans in the order of their starts."""
    gaps, needed, end = [], 0, None
    for first, nbytes in ordered:
        if first < 0 or nbytes is None:
            end = None
            continue
        needed += nbytes
        if end is not None and 0 < first - end <= gap:
            gaps.append(first - end)
        end = first + nbytes if end is None else max(end, first + nbytes)
    most = max(needed, least_waste)
    if sum(gaps) <= most:
        return gap
    gaps.sort()
    for place, total in enumerate(itertools.accumulate(gaps)):
        if total > most:
            # of several gaps of this length, only some would fit
            return gaps[place] - 1
    return gap


def cut_again(parts: list[Buffer], places: list[tuple[int, int, int | None]]) -> list[Buffer]:
    """Cut the ranges that were read into the requested spans."""
    views = [memoryview(part).cast("B") for part in parts]
    return [
        views[number] if nbytes is None else views[number][at : at + nbytes] for number, at, nbytes in places
    ]
