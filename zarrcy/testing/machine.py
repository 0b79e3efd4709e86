"""A hypothesis state machine that applies random operations to an array and to a NumPy model, and compares them."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import DTypeLike

import zarrcy
from zarrcy.errors import MissingExtraError, ReadOnlyError
from zarrcy.indexing.fields import record_fields
from zarrcy.testing import strategies
from zarrcy.testing.model import ArrayModel, Grid, data_of, same_bits
from zarrcy.types import JSON, Coords, Elements, Selection, Shape, Store, ZarrFormat

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
except ImportError as exc:
    raise MissingExtraError("hypothesis", "testing", "zarrcy.testing") from exc

_DOCUMENTS = (".zarray", ".zattrs", ".zgroup", "zarr.json")
# Data types of each version of the format.
_DTYPES: dict[ZarrFormat, tuple[DTypeLike, ...]] = {
    2: (*strategies.DTYPES, strategies.STRUCTURED),
    3: (*strategies.DTYPES, strategies.FLAT_STRUCTURED),
    "3-draft": (*strategies.DTYPES, strategies.STRUCTURED),
}
# Value of the member zarr_format in documents, if it is not the version itself.
_FORMAT_MEMBERS: dict[ZarrFormat, str] = {"3-draft": "https://purl.org/zarr/spec/protocol/core/3.0"}
_ACCESSORS = {"orthogonal": "oindex", "coordinate": "vindex", "mask": "vindex", "block": "blocks"}
_MAX_SIDE = 7
# Lengths of chunks that are together longer than an axis becomes.
_LENGTHS = st.lists(st.integers(1, 5), max_size=8).map(lambda lengths: [*lengths, 3, 1, 4, 2, 2])


class ArrayMachine(RuleBasedStateMachine):
    """A state machine that creates, reads, writes, resizes and reopens an array and a NumPy model.

    After each step, the whole array is compared bit for bit with the model, and the keys in the store with the
    chunks that were written. To test your own store, override `make_store`, or use `machine_for`.

    Attributes
    ----------
    survives_pickling : bool, default True
        Also pickle and unpickle arrays in this store.
    erases : bool, default True
        Whether the store can delete keys. If not, arrays never shrink.
    writes_empty_chunks : bool or None, default None
        Value of ``write_empty_chunks``; None tries both.
    zarr_format : {2, 3, "3-draft"}, default 2
        Version of the format.
    sharded : bool, default False
        Store chunks in shards.
    rectilinear : bool, default False
        Use chunks of different lengths; needs format 3.

    See Also
    --------
    machine_for : Make a machine from a function that creates stores.

    Examples
    --------
    >>> from zarrcy.testing import ArrayMachine
    >>> class MyMachine(ArrayMachine):
    ...     def make_store(self):
    ...         return {}
    >>> TestMyStore = MyMachine.TestCase
    """

    survives_pickling = True
    erases = True
    writes_empty_chunks: bool | None = None
    zarr_format: ZarrFormat = 2
    sharded = False
    rectilinear = False

    def make_store(self) -> Store:
        """Return a new, empty store."""
        return {}

    def drop_store(self, store: Store) -> None:
        """Release a store that `make_store` created."""

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.drop_store(self.store)

    # -- creating ----------------------------------------------------------------------------------

    @initialize(
        data=st.data(),
        path=st.sampled_from([None, "a", "group/a"]),
        flag=st.booleans(),
        filled=st.booleans(),
    )
    def create(self, data: st.DataObject, path: str | None, flag: bool, filled: bool) -> None:
        layout = data.draw(
            strategies.layouts(max_dims=3, max_side=6, dtypes=_DTYPES[self.zarr_format]), label="layout"
        )
        self.store = self.make_store()
        if self.writes_empty_chunks is not None:
            flag = self.writes_empty_chunks
        # the store contains shards; block selections count chunks
        stored: Grid = layout["chunks"]
        shards: dict[str, Any] = {}
        if self.sharded:
            stored = tuple(
                n * data.draw(st.integers(1, 3), label="chunks of a shard") for n in layout["chunks"]
            )
            shards = {"shards": stored}
        self.array = zarrcy.create(
            store=self.store,
            path=path,
            write_empty_chunks=flag,
            zarr_format=self.zarr_format,
            **shards,
            **layout,
        )
        self.chunks: Grid = tuple(layout["chunks"])
        if self.rectilinear and self.chunks:
            self.chunks = stored = tuple(data.draw(_LENGTHS, label="chunk lengths") for _ in self.chunks)
            self._make_rectilinear()
        # some formats do not store the byte order, and some always have a fill value
        fill = self.array.fill_value if layout["fill_value"] is None else layout["fill_value"]
        dtypes = (np.dtype(layout["dtype"]), np.dtype(layout["dtype"]).newbyteorder("="))
        assert self.array.dtype in dtypes
        self.model = ArrayModel(layout["shape"], stored, self.array.dtype, fill)
        self.attributes: dict[str, JSON] = {}
        # without a fill value every chunk is stored, because readers do not agree on the value of missing chunks
        self.stores_all = (flag and not self.sharded) or self.array.fill_value is None
        if filled:
            self.write_all(1)

    def _make_rectilinear(self) -> None:
        """Give the array, which has no chunks yet, chunks of different lengths."""
        array = self.array
        key = f"{array.path}/zarr.json" if array.path else "zarr.json"
        document = self._json(key)
        grid = {"kind": "inline", "chunk_shapes": self.chunks}
        document["chunk_grid"] = {"name": "rectilinear", "configuration": grid}
        array.store[key] = json.dumps(document).encode()
        self.array = zarrcy.open_array(
            array.store, mode="r+", path=array.path, write_empty_chunks=array.write_empty_chunks
        )

    # -- reading -----------------------------------------------------------------------------------

    def _draw_selection(self, data: st.DataObject) -> strategies.Selection:
        return data.draw(strategies.selections(self.model.shape, self.chunks), label="selection")

    @rule(data=st.data(), brackets=st.booleans())
    def read(self, data: st.DataObject, brackets: bool) -> None:
        selection = self._draw_selection(data)
        expected, known = self.model.at(selection.positions)
        if brackets:
            elements = _brackets(self.array, selection.kind)[selection.key]
        else:
            elements = getattr(self.array, f"get_{selection.kind}_selection")(selection.key)
        assert same_bits(elements, expected, known), f"read {elements!r} instead of {expected!r}"
        if selection.kind == "basic":
            is_array = isinstance(self.model.values[selection.key], np.ndarray)
            assert isinstance(elements, np.ndarray) == is_array, "a scalar exactly if NumPy returns a scalar"

    @rule(data=st.data(), order=st.sampled_from("CF"))
    def read_into(self, data: st.DataObject, order: Literal["C", "F"]) -> None:
        selection = self._draw_selection(data)
        expected, known = self.model.at(selection.positions)
        out = np.full(expected.shape, data_of((), self.model.dtype, 5), self.model.dtype, order)
        get = getattr(self.array, f"get_{selection.kind}_selection")
        assert get(selection.key, out=out) is out, "the array out is returned"
        assert same_bits(out, expected, known), f"read {out!r} instead of {expected!r}"

    @rule(data=st.data(), start=st.integers(0, 3))
    def read_into_the_memory_of_the_selection(self, data: st.DataObject, start: int) -> None:
        selection = self._draw_selection(data)
        expected, known = self.model.at(selection.positions)
        size = expected.nbytes
        memory = np.zeros(8 * start + size + 8 + strategies.key_nbytes(selection.key), np.uint8)
        key = strategies.key_in_memory(selection.key, memory[: 8 * (memory.size // 8)])
        out = memory[8 * start : 8 * start + size].view(self.model.dtype).reshape(expected.shape)
        getattr(self.array, f"get_{selection.kind}_selection")(key, out=out)
        assert same_bits(out, expected, known), f"read {out!r} instead of {expected!r}"

    @precondition(lambda self: self.model.dtype.fields is not None)
    @rule(data=st.data())
    def read_fields(self, data: st.DataObject) -> None:
        selection = self._draw_selection(data)
        names: list[str] = list(self.model.dtype.names or ())
        fields = data.draw(
            st.sampled_from(names) | st.lists(st.sampled_from(names), min_size=1, unique=True), label="fields"
        )
        whole, known = self.model.at(selection.positions)
        dtype = record_fields(self.model.dtype, fields)[0]
        if isinstance(fields, str):
            expected = whole[fields]
            known = known.reshape(known.shape + (1,) * len(dtype.shape))
        else:
            expected = np.empty(whole.shape, dtype)
            for name in fields:
                expected[name] = whole[name]
        elements = getattr(self.array, f"get_{selection.kind}_selection")(selection.key, fields=fields)
        assert same_bits(elements, expected, known), f"read {elements!r} instead of {expected!r}"

    @precondition(lambda self: self.model.shape)
    @rule(start=st.integers(0, _MAX_SIDE + 1), end=st.none() | st.integers(0, _MAX_SIDE + 1))
    def read_rows(self, start: int, end: int | None) -> None:
        rows = list(self.array.islice(start, end))
        expected, known = self.model.values[start:end], self.model.known[start:end]
        assert len(rows) == len(expected)
        for row, expected_row, is_known in zip(rows, expected, known, strict=True):
            assert same_bits(row, expected_row, is_known), f"row {row!r} instead of {expected_row!r}"

    # -- writing -----------------------------------------------------------------------------------

    def _draw_value(self, data: st.DataObject, shape: Shape) -> Elements:
        return data.draw(strategies.values(shape, self.model.dtype, self.model.fill), label="value")

    @rule(data=st.data(), brackets=st.booleans(), through_view=st.booleans())
    def write(self, data: st.DataObject, brackets: bool, through_view: bool) -> None:
        selection = self._draw_selection(data)
        value = self._draw_value(data, selection.positions.shape)
        target = self.array.view() if through_view else self.array
        if brackets:
            self._assign(_brackets(target, selection.kind).__setitem__, selection, value)
        else:
            self._assign(getattr(target, f"set_{selection.kind}_selection"), selection, value)

    def _assign(
        self, assign: Callable[[Selection, Elements], None], selection: strategies.Selection, value: Elements
    ) -> None:
        """Assign a value, which must be taken or refused as NumPy does."""
        positions = selection.positions
        if selection.kind == "mask" and np.ndim(value) > 1:
            _must_raise(ValueError, lambda: assign(selection.key, value))
            return
        if positions.ndim:
            assign(selection.key, value)
            self.model.write(positions, _fit(value, positions.ndim))
            return
        element = np.zeros((), self.model.dtype)
        items = selection.key if isinstance(selection.key, tuple) else (selection.key,)
        try:
            element[... if any(item is Ellipsis for item in items) else ()] = value
        except (TypeError, ValueError):
            _must_raise(ValueError, lambda: assign(selection.key, value))
            return
        assign(selection.key, value)
        self.model.write(positions, element)

    @precondition(lambda self: math.prod(self.model.shape))
    @rule(data=st.data(), start=st.integers(0, 60), n_axes=st.integers(0, 2), is_list=st.booleans())
    def write_a_sequence_to_one_element(
        self, data: st.DataObject, start: int, n_axes: int, is_list: bool
    ) -> None:
        key = tuple(data.draw(st.integers(0, n - 1)) for n in self.model.shape)
        numbers = np.arange(math.prod(self.model.shape)).reshape(self.model.shape)
        kind = data.draw(st.sampled_from(["basic", "orthogonal"]))
        has_ellipsis = kind == "basic" and data.draw(st.booleans())
        selection = strategies.Selection(kind, (*key, ...) if has_ellipsis else key, np.asarray(numbers[key]))
        value = data_of((1,) * n_axes, self.model.dtype, start)
        set_selection = getattr(self.array, f"set_{kind}_selection")
        self._assign(set_selection, selection, value.tolist() if is_list else value)

    @precondition(lambda self: self.model.dtype.kind in "iufc")
    @rule(data=st.data(), start=st.integers(0, 3))
    def write_a_value_in_the_memory_of_the_selection(self, data: st.DataObject, start: int) -> None:
        selection = self._draw_selection(data)
        shape = selection.positions.shape
        size = math.prod(shape) * self.model.dtype.itemsize
        memory = np.arange(8 * start + size + 8 + strategies.key_nbytes(selection.key)).astype(np.uint8)
        key = strategies.key_in_memory(selection.key, memory[: 8 * (memory.size // 8)])
        value = memory[8 * start : 8 * start + size].view(self.model.dtype).reshape(shape)
        before = value.copy()
        getattr(self.array, f"set_{selection.kind}_selection")(key, value)
        assert same_bits(value, before), "the value is unchanged"
        self.model.write(selection.positions, before)

    @precondition(lambda self: self.model.shape)
    @rule(data=st.data(), through_view=st.booleans())
    def write_the_array_to_itself(self, data: st.DataObject, through_view: bool) -> None:
        key = tuple(
            data.draw(st.sampled_from([slice(None), slice(None, None, -1)])) for _ in self.model.shape
        )
        numbers = np.arange(self.model.values.size).reshape(self.model.shape)
        value, known = self.model.at(numbers)
        self.array[key] = self.array.view() if through_view else self.array
        self.model.write(numbers[key], value)
        self.model.forget(numbers[key][~known])

    @rule(start=st.integers(0, 60))
    def write_all(self, start: int) -> None:
        value = data_of(self.model.shape, self.model.dtype, start)
        self.array[...] = value
        self.model.write(np.arange(value.size).reshape(value.shape), value)

    @precondition(lambda self: self.model.dtype.fields is not None)
    @rule(data=st.data())
    def write_field(self, data: st.DataObject) -> None:
        selection = self._draw_selection(data)
        name = data.draw(st.sampled_from(self.model.dtype.names or ()), label="field")
        start = data.draw(st.integers(0, 60))
        value = data_of((), self.model.dtype, start)[name]
        getattr(self.array, f"set_{selection.kind}_selection")(selection.key, value, fields=name)
        self.model.write(selection.positions, value, name)

    @rule(data=st.data())
    def write_a_value_that_does_not_fit(self, data: st.DataObject) -> None:
        selection = self._draw_selection(data)
        if not selection.positions.size:
            return
        value = data_of((2, *selection.positions.shape), self.model.dtype)
        set_selection = getattr(self.array, f"set_{selection.kind}_selection")
        _must_raise(ValueError, lambda: set_selection(selection.key, value))

    # -- changing the shape ------------------------------------------------------------------------

    @precondition(lambda self: self.erases)
    @rule(
        data=st.data(), how=st.sampled_from(["a shape", "lengths", "None for unchanged axes", "assignment"])
    )
    def resize(self, data: st.DataObject, how: str) -> None:
        shape = tuple(data.draw(st.integers(0, _MAX_SIDE) | st.just(n)) for n in self.model.shape)
        if how == "assignment":
            self.array.shape = shape
        elif how == "lengths" and shape:
            self.array.resize(*shape)
        elif how == "None for unchanged axes":
            self.array.resize(
                tuple(None if a == b else a for a, b in zip(shape, self.model.shape, strict=True))
            )
        else:
            self.array.resize(shape)
        self.model.resize(shape)

    @precondition(lambda self: self.erases and self.model.shape)
    @rule(data=st.data())
    def shrink_and_grow_back(self, data: st.DataObject) -> None:
        old = self.model.shape
        for shape in (tuple(data.draw(st.integers(0, n)) for n in old), old):
            self.array.resize(shape)
            self.model.resize(shape)
            self.the_store_contains_the_chunks_that_were_written()

    @precondition(lambda self: self.model.shape and max(self.model.shape) <= _MAX_SIDE)
    @rule(data=st.data(), count=st.integers(0, 4))
    def append(self, data: st.DataObject, count: int) -> None:
        ndim = len(self.model.shape)
        axis = data.draw(st.integers(-ndim, ndim - 1), label="axis")
        shape = tuple(count if i == axis % ndim else n for i, n in enumerate(self.model.shape))
        value = data_of(shape, self.model.dtype, data.draw(st.integers(0, 60)))
        shape = self.array.append(value, axis)
        self.model.append(value, axis % ndim)
        assert shape == self.model.shape

    # -- other array objects of the same array -----------------------------------------------------

    @rule(
        cache_metadata=st.booleans(),
        cache_attrs=st.booleans(),
        cache_bytes=st.sampled_from([0, 1, 64, 10**6]),
        threads=st.sampled_from([None, 1, 2]),
        unaligned=st.sampled_from(["lock", "allow"]),
        synchronized=st.booleans(),
        becomes_the_array=st.booleans(),
    )
    def open_another(
        self,
        cache_metadata: bool,
        cache_attrs: bool,
        cache_bytes: int,
        threads: int | None,
        unaligned: Literal["lock", "allow"],
        synchronized: bool,
        becomes_the_array: bool,
    ) -> None:
        other = zarrcy.Array(
            self.array.store,
            path=self.array.path,
            write_empty_chunks=self.array.write_empty_chunks,
            cache_metadata=cache_metadata,
            cache_attrs=cache_attrs,
            cache_bytes=cache_bytes,
            threads=threads,
            unaligned=unaligned,
            synchronizer=zarrcy.ThreadSynchronizer() if synchronized else None,
        )
        others = self._others()
        if becomes_the_array:
            others.append((self.array, True))
            self.array = other
        else:
            others.append((other, cache_metadata))
        del others[:-3]

    def _others(self) -> list[tuple[zarrcy.Array, bool]]:
        """Return the other objects that see the same store, and whether they may cache the metadata.

        A pickled array in a dictionary has another store.
        """
        others: list[tuple[zarrcy.Array, bool]] = self.__dict__.setdefault("_other_arrays", [])
        others[:] = [pair for pair in others if pair[0].store is self.array.store]
        return others

    def _draw_another(self, data: st.DataObject) -> zarrcy.Array:
        other, _ = data.draw(st.sampled_from(self._others()), label="array object")
        return other

    def _draw_another_with_the_shape(self, data: st.DataObject) -> zarrcy.Array | None:
        """Draw an object that knows the present shape: one that caches the metadata may show the shape that it had."""
        other, may_cache = data.draw(st.sampled_from(self._others()), label="array object")
        assert may_cache or other.shape == self.model.shape
        return other if other.shape == self.model.shape else None

    @precondition(lambda self: self._others())
    @rule(data=st.data())
    def read_through_another(self, data: st.DataObject) -> None:
        other = self._draw_another_with_the_shape(data)
        # writes of other objects are not seen while the chunk is in the cache
        if other is None or other.cache_info().max_nbytes:
            return
        selection = self._draw_selection(data)
        expected, known = self.model.at(selection.positions)
        elements = getattr(other, f"get_{selection.kind}_selection")(selection.key)
        assert same_bits(elements, expected, known), f"read {elements!r} instead of {expected!r}"

    @precondition(lambda self: self._others())
    @rule(data=st.data())
    def write_through_another(self, data: st.DataObject) -> None:
        other = self._draw_another_with_the_shape(data)
        if other is None:
            return
        selection = self._draw_selection(data)
        value = self._draw_value(data, selection.positions.shape)
        self._assign(getattr(other, f"set_{selection.kind}_selection"), selection, value)
        self._forget_what_others_wrote()

    @precondition(lambda self: self._others() and self.model.shape and max(self.model.shape) <= _MAX_SIDE)
    @rule(data=st.data(), count=st.integers(0, 4), shrinks=st.booleans())
    def change_the_shape_through_another(self, data: st.DataObject, count: int, shrinks: bool) -> None:
        # an append or a resize reads the shape again, also if the object caches it
        other = self._draw_another(data)
        shape = (count, *self.model.shape[1:])
        if shrinks and self.erases:
            other.resize(shape)
            self.model.resize(shape)
        else:
            value = data_of(shape, self.model.dtype, data.draw(st.integers(0, 60)))
            other.append(value)
            self.model.append(value, 0)
        assert other.shape == self.model.shape
        self._forget_what_others_wrote(documents=True)

    @precondition(lambda self: self._others())
    @rule(data=st.data(), name=st.sampled_from(["a", "b"]), value=st.integers())
    def set_an_attribute_through_another(self, data: st.DataObject, name: str, value: int) -> None:
        other = self._draw_another(data)
        other.attrs[name] = value
        self.attributes[name] = value
        assert dict(other.attrs) == self.attributes
        self._forget_what_others_wrote(documents=True)

    def _forget_what_others_wrote(self, documents: bool = False) -> None:
        """Open the array again if its object caches what another object has changed."""
        if documents or self.array.cache_info().max_nbytes:
            self.array = zarrcy.Array(
                self.array.store, path=self.array.path, write_empty_chunks=self.array.write_empty_chunks
            )

    # -- opening again, and views ------------------------------------------------------------------

    @rule(cached=st.booleans(), by_class=st.booleans())
    def reopen(self, cached: bool, by_class: bool) -> None:
        options: dict[str, Any] = {
            "path": self.array.path,
            "write_empty_chunks": self.array.write_empty_chunks,
            "cache_metadata": cached,
            "cache_attrs": cached,
        }
        if by_class:
            self.array = zarrcy.Array(self.array.store, **options)
        else:
            self.array = zarrcy.open_array(self.array.store, mode="r+", **options)

    @rule()
    def open_to_read(self) -> None:
        array = zarrcy.open_array(self.array.store, mode="r", path=self.array.path)
        assert same_bits(array[...], self.model.values, self.model.known)
        _must_raise(ReadOnlyError, lambda: array.__setitem__(Ellipsis, 0))
        _must_raise(ReadOnlyError, lambda: array.resize(array.shape))
        _must_raise(ReadOnlyError, lambda: array.append(array))
        _must_raise(ReadOnlyError, lambda: array.attrs.__setitem__("a", 0))

    @precondition(lambda self: self.survives_pickling)
    @rule()
    def pickle(self) -> None:
        again = pickle.loads(pickle.dumps(self.array))
        assert again == self.array
        self.array = again

    @precondition(lambda self: self.model.dtype.kind in "iu" and not self.array.filters)
    @rule(data=st.data())
    def view_with_the_other_signedness(self, data: st.DataObject) -> None:
        dtype = np.dtype(self.model.dtype.str.replace(*("iu" if self.model.dtype.kind == "i" else "ui")))
        selection = self._draw_selection(data)
        expected, known = self.model.at(selection.positions)
        elements = _brackets(self.array.view(dtype=dtype), selection.kind)[selection.key]
        assert same_bits(elements, expected.view(dtype), known)

    @precondition(lambda self: self.model.dtype.kind in "biufc")
    @rule(data=st.data())
    def convert(self, data: st.DataObject) -> None:
        dtype = np.dtype(
            ">c16" if self.model.dtype.kind == "c" else data.draw(st.sampled_from(["<f8", ">c16"]))
        )
        selection = self._draw_selection(data)
        expected, known = self.model.at(selection.positions)
        elements = _brackets(self.array.astype(dtype), selection.kind)[selection.key]
        assert same_bits(elements, expected.astype(dtype), known)

    # -- attributes --------------------------------------------------------------------------------

    _names = st.sampled_from(["a", "b", "é", ""])

    @rule(name=_names, value=strategies.json_values())
    def set_attribute(self, name: str, value: JSON) -> None:
        self.array.attrs[name] = value
        self.attributes[name] = value

    @rule(values=st.dictionaries(_names, strategies.json_values(), max_size=3), put=st.booleans())
    def set_attributes(self, values: dict[str, JSON], put: bool) -> None:
        if put:
            self.array.attrs.put(values)
            self.attributes = dict(values)
        else:
            self.array.attrs.update(values)
            self.attributes.update(values)

    @rule(name=_names)
    def delete_attribute(self, name: str) -> None:
        try:
            del self.array.attrs[name]
        except KeyError:
            assert name not in self.attributes
        else:
            del self.attributes[name]

    # -- invariants --------------------------------------------------------------------------------

    @invariant()
    def the_store_contains_the_chunks_that_were_written(self) -> None:
        model, array = self.model, self.array
        name_of = {coords: self._chunk_name(coords) for coords in np.ndindex(*model.counts)}
        stored = self._stored_names()
        assert stored <= set(name_of.values()), "every stored chunk lies inside the array"
        if not self.sharded:
            assert array.nchunks_initialized == len(stored)
            assert array.nchunks == len(name_of)
        written = {name_of[coords] for coords in model.written}
        assert stored <= written, "every stored chunk was written"
        if self.stores_all:
            assert stored == written
        for coords, name in name_of.items():
            if name not in stored:
                model.see_missing(coords)
            elif not self.stores_all:
                assert not model.is_fill(coords), f"chunk {name} is stored but contains only the fill value"

    @invariant()
    def nothing_in_the_store_is_damaged(self) -> None:
        if self._is_draft:
            return
        report = zarrcy.verify(self.array.store)
        assert report.ok, f"verify reports {report.problems}"

    @rule(quarantine=st.booleans())
    def repair(self, quarantine: bool) -> None:
        if not self._is_draft:
            repairs = zarrcy.repair(self.array.store, quarantine=quarantine)
            assert not repairs, f"nothing is to be repaired, but repair did {repairs}"

    def _stored_names(self) -> set[str]:
        """Return the keys of the chunks in the store, relative to the array."""
        array = self.array
        prefix = ("data/root/" if self._is_draft else "") + (f"{array.path}/" if array.path else "")
        return {key[len(prefix) :] for key in array.chunk_store if key.startswith(prefix)} - set(_DOCUMENTS)

    @property
    def _draft_key(self) -> str:
        """Key of the document of the array in the draft of version 3."""
        return f"meta/root/{self.array.path}.array.json" if self.array.path else "meta/root.array.json"

    @property
    def _is_draft(self) -> bool:
        return self._draft_key in self.array.store

    def _document(self) -> JSON:
        """Return the metadata document of the array."""
        prefix = f"{self.array.path}/" if self.array.path else ""
        return (
            self._json(self._draft_key) or self._json(f"{prefix}.zarray") or self._json(f"{prefix}zarr.json")
        )

    def _chunk_name(self, coords: Coords) -> str:
        """Return the key of a chunk, relative to the array, as the document of the array defines it."""
        document = self._document()
        encoding = document.get("chunk_key_encoding", {})
        options = encoding.get("configuration", {})
        separator: str
        if self._is_draft:
            separator = document["chunk_grid"]["separator"]
            return "c" + separator.join(map(str, coords or (0,)))
        if encoding.get("name") == "default":
            separator = options.get("separator", "/")
            return separator.join(["c", *map(str, coords)])
        separator = options.get("separator", document.get("dimension_separator", "."))
        return separator.join(map(str, coords or (0,)))

    @invariant()
    def the_array_equals_its_model(self) -> None:
        array, model = self.array, self.model
        assert array.shape == model.shape
        assert array.dtype == model.dtype
        assert array.chunks == tuple(c if isinstance(c, int) else max(c) for c in self.chunks)
        assert array.size == model.values.size
        fill = (
            np.zeros((), model.dtype) if array.fill_value is None else np.array(array.fill_value, model.dtype)
        )
        assert same_bits(fill, model.fill), f"fill value {fill!r} instead of {model.fill!r}"
        elements = array[...]
        assert same_bits(elements, model.values, model.known), f"contains {elements!r}, not {model.values!r}"

    @invariant()
    def the_documents_equal_the_model(self) -> None:
        prefix = f"{self.array.path}/" if self.array.path else ""
        document = self._document()
        attributes = document.get("attributes") or self._json(f"{prefix}.zattrs")
        if self._is_draft:
            # the draft also stores filters in the attributes
            attributes = {name: value for name, value in attributes.items() if name != "filters"}
        root = self._json("zarr.json") if self._is_draft else document
        version, expected = root["zarr_format"], _FORMAT_MEMBERS.get(self.zarr_format, self.zarr_format)
        assert version == expected
        assert document["shape"] == list(self.model.shape)
        grid = document.get("chunk_grid", document)
        grid = grid.get("configuration", grid)
        lengths = grid.get("chunks", grid.get("chunk_shape", grid.get("chunk_shapes")))
        assert lengths == list(self.model.chunks)
        assert dict(self.array.attrs) == attributes == self.attributes

    def _json(self, key: str) -> JSON:
        """Return a document, or an empty one if the key does not exist."""
        text = self.array.store.get(key)
        return {} if text is None else json.loads(bytes(text), parse_constant=_reject)


def _brackets(array: zarrcy.Array, kind: str) -> Any:
    """Return the object that accepts selections of this kind between brackets."""
    return getattr(array, _ACCESSORS[kind]) if kind in _ACCESSORS else array


def _fit(value: Elements, ndim: int) -> Elements:
    """Drop the leading axes of length 1 that a selection with `ndim` axes does not have."""
    extra = max(0, np.ndim(value) - ndim)
    return value.reshape(value.shape[extra:]) if extra else value


def _must_raise(error: type[Exception], change: Callable[[], object]) -> None:
    """Check that a change raises; the invariants check that nothing changed."""
    try:
        change()
    except error:
        return
    raise AssertionError(f"{error.__name__} was not raised")


def _reject(constant: str) -> float:
    raise ValueError(f"{constant} is not valid JSON")


def machine_for(make_store: Callable[[], Store]) -> type[ArrayMachine]:
    """Return an `ArrayMachine` that creates its arrays in the stores of a function.

    Parameters
    ----------
    make_store : callable
        Called without arguments; returns a new, empty store.

    Returns
    -------
    type
        Subclass of `ArrayMachine`; its attribute ``TestCase`` is a test that pytest collects.

    See Also
    --------
    hierarchy_machine_for : The same for hierarchies.

    Examples
    --------
    >>> from zarrcy.testing import machine_for
    >>> TestMyStore = machine_for(dict).TestCase
    """

    class Machine(ArrayMachine):
        def make_store(self) -> Store:
            return make_store()

    Machine.__name__ = Machine.__qualname__ = f"ArrayMachine_{getattr(make_store, '__name__', 'store')}"
    return Machine
