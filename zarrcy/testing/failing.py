"""A hypothesis state machine whose store fails: an `ArrayMachine` with operations that raise or are interrupted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import zarrcy
from zarrcy.errors import MissingExtraError
from zarrcy.testing import strategies
from zarrcy.testing.machine import ArrayMachine
from zarrcy.testing.model import ArrayModel, bits_of, data_of, same_bits
from zarrcy.testing.stores import FaultyStore
from zarrcy.types import JSON, Store

try:
    from hypothesis import strategies as st
    from hypothesis.stateful import precondition, rule
except ImportError as exc:
    raise MissingExtraError("hypothesis", "testing", "zarrcy.testing") from exc

_FAULTS = st.sampled_from(["error", "crash", "unanswered", "interrupt"])
_FAIL_AT = st.integers(0, 2) | st.integers(0, 12)
_MAX_SIDE = 7


class FailingArrayMachine(ArrayMachine):
    """An `ArrayMachine` whose store also fails.

    After a write that fails or is interrupted, each stored chunk is the old or the new one. After a `resize` or an
    `append`, the array has its old or its new shape, no element that remains has changed, and what becomes visible
    later is the fill value. The array object and a new one show the same.

    See Also
    --------
    FaultyStore : The store that fails.

    Examples
    --------
    >>> from zarrcy.testing import FailingArrayMachine
    >>> class MyMachine(FailingArrayMachine):
    ...     def make_inner_store(self):
    ...         return {}
    >>> TestMyStore = MyMachine.TestCase
    """

    def make_inner_store(self) -> Store:
        """Return a new, empty store."""
        return {}

    def make_store(self) -> Store:
        """Return a new, empty store that can fail."""
        return FaultyStore(self.make_inner_store())

    def drop_store(self, store: Store) -> None:
        """Release a store that `make_store` created."""
        assert isinstance(store, FaultyStore)
        self.drop_inner_store(store.inner)

    def drop_inner_store(self, store: Store) -> None:
        """Release a store that `make_inner_store` created."""

    def _fails(self, fail_at: int, fault: str, change: Callable[[], object]) -> bool:
        """Perform an operation while the store fails, and return whether it raised."""
        store = self.array.store
        assert isinstance(store, FaultyStore)
        store.operations, store.fail_at, store.fault = 0, fail_at, fault
        try:
            change()
        except (OSError, KeyboardInterrupt):
            return True
        finally:
            store.fail_at = None
        return False

    def _opened(self) -> zarrcy.Array:
        return zarrcy.open_array(self.array.store, mode="r", path=self.array.path)

    # -- reading and writing -----------------------------------------------------------------------

    @rule(data=st.data(), fail_at=_FAIL_AT, fault=_FAULTS)
    def read_that_fails(self, data: st.DataObject, fail_at: int, fault: str) -> None:
        selection = self._draw_selection(data)
        expected, known = self.model.at(selection.positions)
        results = []
        get = getattr(self.array, f"get_{selection.kind}_selection")
        if not self._fails(fail_at, fault, lambda: results.append(get(selection.key))):
            assert same_bits(results[0], expected, known), f"read {results[0]!r} instead of {expected!r}"

    @rule(data=st.data(), fail_at=_FAIL_AT, fault=_FAULTS)
    def write_that_fails(self, data: st.DataObject, fail_at: int, fault: str) -> None:
        selection = self._draw_selection(data)
        value = data_of(selection.positions.shape, self.model.dtype, data.draw(st.integers(0, 60)))
        before, after = self.model, self.model.copy()
        after.write(selection.positions, value)
        set_selection = getattr(self.array, f"set_{selection.kind}_selection")
        if not self._fails(fail_at, fault, lambda: set_selection(selection.key, value)):
            self.model = after
            return
        values = self._opened()[...]
        self.model = before.copy()
        self.model.adopt(values, [after])
        for coords in np.ndindex(*before.counts):
            found, _ = self.model.chunk_inside(coords)
            assert any(same_bits(found, *model.chunk_inside(coords)) for model in (before, after)), (
                f"chunk {coords} is {found!r}, neither old nor new"
            )
        self._see_stored()

    @rule(name=st.sampled_from("ab"), value=strategies.json_values(), fail_at=_FAIL_AT, fault=_FAULTS)
    def set_an_attribute_that_fails(self, name: str, value: JSON, fail_at: int, fault: str) -> None:
        new = {**self.attributes, name: value}
        if self._fails(fail_at, fault, lambda: self.array.attrs.__setitem__(name, value)):
            found = dict(self._opened().attrs)
            assert found in (self.attributes, new), f"the attributes are {found}"
            self.attributes = found
            self._see_documents()
        else:
            self.attributes = new

    # -- changing the shape ------------------------------------------------------------------------

    @rule(data=st.data(), fail_at=_FAIL_AT, fault=_FAULTS)
    def resize_that_fails(self, data: st.DataObject, fail_at: int, fault: str) -> None:
        shape = tuple(data.draw(st.integers(0, _MAX_SIDE)) for _ in self.model.shape)
        before, after = self.model, self.model.copy()
        after.resize(shape)
        if self._fails(fail_at, fault, lambda: self.array.resize(shape)):
            self._take_over(before, after)
            # what a failed resize left does not disturb the next one
            self.array.resize(shape)
            self.model.resize(shape)
        else:
            self.model = after

    @precondition(lambda self: self.model.shape and max(self.model.shape) <= _MAX_SIDE)
    @rule(
        data=st.data(),
        fail_at=_FAIL_AT,
        fault=_FAULTS,
        then=st.sampled_from(["append again", "grow", "move away what is outside"]),
    )
    def append_that_fails(self, data: st.DataObject, fail_at: int, fault: str, then: str) -> None:
        axis = data.draw(st.integers(0, len(self.model.shape) - 1), label="axis")
        count = data.draw(st.integers(1, 4), label="rows")
        value = data_of(
            tuple(count if i == axis else n for i, n in enumerate(self.model.shape)), self.model.dtype, 3
        )
        before, after = self.model, self.model.copy()
        after.append(value, axis)
        if not self._fails(fail_at, fault, lambda: self.array.append(value, axis)):
            self.model = after
            return
        self._take_over(before, after)
        if self.model.shape == after.shape:
            return
        if then == "append again":
            self.array.append(value, axis)
            self.model.append(value, axis)
        elif then == "grow":
            self.array.resize(after.shape)
            self.model.resize(after.shape)
        else:
            zarrcy.repair(self.array.store, quarantine=True)
            for key in [key for key in self.array.store if key.startswith("__quarantine__/")]:
                del self.array.store[key]
        self._see_stored()

    def _take_over(self, before: ArrayModel, after: ArrayModel) -> None:
        """Check and take over what a `resize` or an `append` that failed has left."""
        found = self._opened()
        shapes = (before.shape, after.shape)
        assert found.shape in shapes, f"the shape is {found.shape} instead of one of {shapes}"
        assert self.array[...].shape == self.array.shape in shapes
        if self.array.shape != found.shape:
            # the answer of the write of the document was lost
            self._see_documents()
        values = np.asarray(found[...])
        self.model = (after if found.shape == after.shape else before).copy()
        if found.shape == after.shape:
            assert same_bits(values, self.model.values, self.model.known), "the change was carried out"
        else:
            inside = tuple(map(slice, map(min, *shapes))) if found.shape else ()
            kept = before.known[inside]
            assert same_bits(values[inside], before.values[inside], kept), "what remains is unchanged"
            cut_off = (bits_of(values) == bits_of(np.full(found.shape, before.fill, before.dtype))).all(-1)
            same = (bits_of(values) == bits_of(before.values)).all(-1) | ~before.known
            assert (cut_off | same).all(), "what is cut off is unchanged or the fill value"
        self.model.adopt(values, [before, after])
        self._see_stored()

    def _see_documents(self) -> None:
        """Open the array again, because its object may not know what the documents contain."""
        self.array = zarrcy.open_array(
            self.array.store,
            mode="r+",
            path=self.array.path,
            write_empty_chunks=self.array.write_empty_chunks,
        )

    def _see_stored(self) -> None:
        """Record which chunks are stored; a change that failed may have stored any of them."""
        names = self._stored_names()
        self.model.written = {
            coords for coords in np.ndindex(*self.model.counts) if self._chunk_name(coords) in names
        }
