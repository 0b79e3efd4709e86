"""What every store promises, as tests that pytest collects: derive a class, say how a store is made."""

from __future__ import annotations

import itertools
import pickle
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

import zarrcy
from zarrcy.errors import MissingExtraError
from zarrcy.storage import access, listing
from zarrcy.storage.base import offers
from zarrcy.testing.machine import ArrayMachine

try:
    import pytest
    from hypothesis import HealthCheck, settings
    from hypothesis.stateful import run_state_machine_as_test
except ImportError as exc:
    raise MissingExtraError("pytest", "testing", "zarrcy.testing") from exc

VALUES = {
    "nothing": b"",
    "one byte": b"\0",
    "every byte": bytes(range(256)) * 3,
    "5 MiB": np.random.default_rng(5).bytes(5 * 2**20),
}
BUFFERS: dict[str, Callable[[], Any]] = {
    "bytearray": lambda: bytearray(b"abc"),
    "memoryview": lambda: memoryview(bytearray(b"xabcx"))[1:-1],
    "array of bytes": lambda: np.arange(7, dtype="u1"),
    "array of numbers": lambda: np.arange(6, dtype=">f8").reshape(2, 3),
    "array in Fortran order": lambda: np.asfortranarray(np.arange(6, dtype="<i4").reshape(2, 3)),
    "array without elements": lambda: np.zeros((0, 3)),
    "array of dates": lambda: np.array(["2001-02-03"], "M8[D]"),
}
BAD_KEYS = ["../x", "a/../../x", "..", ".", "a/..", "/x", "a//b", "a/", "", "a\\b", "a/./b", "./a", "a\0b"]
# names of which one is the beginning of another, or that mean something in a pattern
FOLDERS = ["a", "ab", "a.b", "a0", "a-", "A", "a_", "a%", "_", "%", "[a]", "a b", "é", "ünï"]
# of a value of 10 bytes: from the start and from the end, nothing of it, all of it and beyond
RANGES = [(0, None), (0, 0), (0, 3), (5, 7), (9, 1), (9, 100), (10, None), (10, 5), (99, None), (99, 5)]
RANGES += [(-1, None), (-4, None), (-4, 2), (-4, 99), (-10, None), (-99, None)]


class StoreContract:
    """Tests of one kind of store. Override `make_store`, and the attributes where they are not true.

    Attributes
    ----------
    erases : keys can be deleted and moved
    refuses_bad_keys : keys that would leave the root are refused; otherwise they are keys like any other
    knows_sizes : ``getsize`` tells the bytes that were stored; False: it says -1; None: it tells those
        of another form of the values, such as a compressed one
    survives_pickling : a store that is pickled and loaded holds what it held
    persists : what was stored is there when the store was closed and is opened again
    is_thread_safe : several threads may use one store
    n_values : how many values the larger tests store; a slow store may do with fewer
    machine_examples, machine_steps : how long `ArrayMachine` tries the store
    folder : of the test: new, empty, and deleted later

    Examples
    --------
    >>> from zarrcy.testing import StoreContract
    >>> class TestMyStore(StoreContract):
    ...     def make_store(self):
    ...         return zarrcy.DirectoryStore(self.new_path())
    """

    erases = True
    refuses_bad_keys = True
    knows_sizes: bool | None = True
    survives_pickling = True
    persists = True
    is_thread_safe = True
    n_values = 1200
    machine_examples = 20
    machine_steps = 20
    folder: Path
    _numbers: Iterator[int]

    def make_store(self) -> Any:
        """Return a new, empty store; more than one of them may be in use at a time."""
        raise NotImplementedError("say how a store is made")

    def drop_store(self, store: Any) -> None:
        """Clean up after a store that `make_store` made, or that was pickled and loaded."""
        close = getattr(store, "close", None)
        if close is not None:
            close()

    def new_path(self, ending: str = "") -> str:
        """Return the path of a file or folder that does not exist yet."""
        return str(self.folder / f"{next(self._numbers)}{ending}")

    @pytest.fixture(autouse=True)
    def _own_folder(self, tmp_path: Path) -> None:
        self.folder, self._numbers = tmp_path, itertools.count()

    @pytest.fixture
    def store(self, _own_folder: None) -> Iterator[Any]:
        store = self.make_store()
        yield store
        self.drop_store(store)

    # -- a mapping ---------------------------------------------------------------------------------

    def test_a_new_store_is_empty(self, store: Any) -> None:
        assert len(store) == 0
        assert list(store) == []
        assert "a" not in store
        assert store.get("a") is None
        assert store.get("a", b"x") == b"x"
        with pytest.raises(KeyError, match="a"):
            store["a"]
        with pytest.raises(KeyError, match="a"):
            del store["a"]

    @pytest.mark.parametrize("value", list(VALUES.values()), ids=list(VALUES))
    def test_a_value_is_read_as_it_was_stored(self, store: Any, value: bytes) -> None:
        store["a/b/0.0"] = value
        assert bytes(store["a/b/0.0"]) == value
        assert bytes(store.get("a/b/0.0")) == value

    @pytest.mark.parametrize("make", list(BUFFERS.values()), ids=list(BUFFERS))
    def test_any_bytes_like_value_can_be_stored_and_its_memory_used_again(
        self, store: Any, make: Callable[[], Any]
    ) -> None:
        value = make()
        expected = value.tobytes("A") if hasattr(value, "tobytes") else bytes(value)
        if getattr(store, "consumes_values", False):
            store["a"] = value
        else:
            access.writer(store)({"a": np.frombuffer(expected, "u1")})
        if isinstance(value, np.ndarray):
            value[...] = 0
        else:
            value[:] = bytes(len(value))
        assert bytes(store["a"]) == expected

    @pytest.mark.parametrize("value", ["text", 5, None, [1, 2]])
    def test_what_is_not_bytes_like_is_refused(self, store: Any, value: Any) -> None:
        if not getattr(store, "consumes_values", False):
            pytest.skip("the store does not say that it copies values: arrays give it bytes only")
        with pytest.raises(TypeError):
            store["a"] = value
        assert "a" not in store

    def test_a_value_that_was_read_does_not_change_later(self, store: Any) -> None:
        store["a"] = bytes(5000)
        value = store["a"]
        for i in range(1, 20):
            store["a"] = bytes([i]) * 5000
            store[f"b/{i}"] = bytes([i]) * 5000
            assert bytes(store[f"b/{i}"]) == bytes([i]) * 5000
        assert bytes(value) == bytes(5000)

    def test_a_value_that_is_stored_again_replaces_the_older(self, store: Any) -> None:
        for value in (b"some bytes", b"", b"more bytes than before", b"few"):
            store["a/0"] = value
            assert bytes(store["a/0"]) == value
            assert list(store) == ["a/0"]

    def test_it_is_a_mapping(self, store: Any) -> None:
        expected = {"a/0": b"0", "a/.zarray": b"1", "b/c/0.0": b"2", ".zgroup": b"3"}
        store.update(expected)
        assert len(store) == 4
        assert sorted(store) == sorted(store.keys()) == sorted(expected)
        assert {key: bytes(value) for key, value in store.items()} == expected
        assert sorted(map(bytes, store.values())) == [b"0", b"1", b"2", b"3"]
        assert all(key in store for key in expected)
        assert not any(key in store for key in ("a/1", "a/0/0", "b/c", "b", "c", "zgroup"))
        assert store.get("b") is None

    def test_a_default_is_stored_where_there_is_no_value(self, store: Any) -> None:
        assert bytes(store.setdefault("a/0", b"new")) == b"new"
        assert bytes(store.setdefault("a/0", b"newer")) == b"new"
        assert {key: bytes(value) for key, value in store.items()} == {"a/0": b"new"}

    def test_a_key_that_is_deleted_is_gone(self, store: Any) -> None:
        store.update({"a/0": b"0", "a/1": b"1", "a/10": b"2", "b": b"3"})
        if not self.erases:
            with pytest.raises(NotImplementedError, match="a/1"):
                del store["a/1"]
            assert bytes(store["a/1"]) == b"1"
            return
        del store["a/1"]
        assert "a/1" not in store
        assert sorted(store) == ["a/0", "a/10", "b"]
        with pytest.raises(KeyError, match="a/1"):
            del store["a/1"]
        assert bytes(store.pop("b")) == b"3"
        assert store.pop("b", None) is None
        store.clear()
        assert list(store) == []
        store["a/1"] = b"again"
        assert bytes(store["a/1"]) == b"again"

    @pytest.mark.parametrize("key", BAD_KEYS)
    def test_a_key_that_would_leave_the_root_does_not(self, store: Any, key: str) -> None:
        if not self.refuses_bad_keys:
            store[key] = b"x"
            assert list(store) == [key]
            return
        with pytest.raises(ValueError, match=r"key|null"):
            store[key] = b"x"
        assert list(store) == []

    # -- names below a path ------------------------------------------------------------------------

    def test_names_are_listed_level_by_level(self, store: Any) -> None:
        for key in (".zgroup", "a/.zarray", "a/0.0", "a/0.1", "b/c/.zgroup", "b/c/d/0", "b/.zgroup"):
            store[key] = b"x"
        assert listing.listdir(store) == [".zgroup", "a", "b"]
        assert listing.listdir(store, "a") == [".zarray", "0.0", "0.1"]
        assert listing.listdir(store, "/b/") == [".zgroup", "c"]
        assert listing.listdir(store, "b//c") == listing.listdir(store, "b\\c") == [".zgroup", "d"]
        assert listing.listdir(store, "a/0.0") == listing.listdir(store, "nonesuch") == []

    def test_a_name_that_begins_like_another_is_another(self, store: Any) -> None:
        for number, name in enumerate(FOLDERS):
            store[f"g/{name}/0"] = store[f"g/{name}/sub/0"] = bytes(number)
        assert listing.listdir(store, "g") == sorted(FOLDERS)
        for number, name in enumerate(FOLDERS):
            assert listing.listdir(store, f"g/{name}") == ["0", "sub"]
            self._check_size(store, f"g/{name}", number)
        if not self.erases:
            return
        left = {f"g/{name}/{rest}" for name in FOLDERS for rest in ("0", "sub/0")}
        for name in FOLDERS[::2]:
            listing.rmdir(store, f"g/{name}")
            left -= {f"g/{name}/0", f"g/{name}/sub/0"}
            assert set(store) == left
        for name in FOLDERS[1::2]:
            listing.rename(store, f"g/{name}", f"moved/{name}")
            left = left - {f"g/{name}/0", f"g/{name}/sub/0"} | {f"moved/{name}/0", f"moved/{name}/sub/0"}
            assert set(store) == left

    def test_all_below_a_path_is_deleted_and_nothing_else(self, store: Any) -> None:
        store.update({"a/b/0": b"0", "a/b/c/0": b"1", "a/d": b"2", "ab": b"3"})
        listing.rmdir(store, "nonesuch")
        if not self.erases:
            with pytest.raises(NotImplementedError):
                listing.rmdir(store, "a")
            assert len(store) == 4
            return
        listing.rmdir(store, "a/b")
        assert sorted(store) == ["a/d", "ab"]
        listing.rmdir(store)
        assert list(store) == []

    def test_all_below_a_path_is_moved(self, store: Any) -> None:
        store.update({"a/b/0": b"0", "a/b/c/0": b"1", "a/bb": b"2"})
        if not self.erases:
            with pytest.raises(NotImplementedError):
                listing.rename(store, "a/b", "d")
            assert sorted(store) == ["a/b/0", "a/b/c/0", "a/bb"]
            return
        listing.rename(store, "a/b", "d/e")
        listing.rename(store, "a/bb", "f")
        expected = {"d/e/0": b"0", "d/e/c/0": b"1", "f": b"2"}
        assert {key: bytes(value) for key, value in store.items()} == expected
        with pytest.raises((KeyError, FileNotFoundError)):
            listing.rename(store, "nonesuch", "x")

    def test_a_size_is_that_of_what_is_stored(self, store: Any) -> None:
        store.update({".zgroup": bytes(3), "a/0": bytes(5), "a/1": bytes(7), "a/b/0": bytes(11)})
        for path, size in {"": 3, "a": 12, "a/1": 7, "a/b": 11, "nonesuch": 0}.items():
            self._check_size(store, path, size)

    def _check_size(self, store: Any, path: str, size: int) -> None:
        found = listing.getsize(store, path)
        if self.knows_sizes is None:
            assert found > 0 or size == 0
        else:
            assert found == (size if self.knows_sizes else -1)

    # -- many at once, and parts -------------------------------------------------------------------

    def test_many_values_are_written_read_and_deleted(self, store: Any) -> None:
        values = {f"a/{i // 100}/{i}": str(i).encode() for i in range(self.n_values)}
        access.writer(store)(dict(values))
        keys = [*values, "a/nonesuch"]
        assert len(store) == self.n_values
        found = access.reader(store)(keys)
        assert found[-1] is None
        assert [value is not None and bytes(value) for value in found[:-1]] == list(values.values())
        if self.erases:
            access.deleter(store)([*keys[::2], "b"])
            assert set(store) == set(list(values)[1::2])

    def test_asking_for_many_gives_those_that_are_there(self, store: Any) -> None:
        if not hasattr(store, "getitems"):
            pytest.skip("the store has no getitems")
        store.update({"a": b"1", "b": b"2"})
        found = store.getitems(["b", "nonesuch", "a"])
        assert {key: bytes(value) for key, value in found.items()} == {"a": b"1", "b": b"2"}
        assert dict(store.getitems([])) == {}

    def test_a_part_of_a_value_is_what_a_slice_of_it_is(self, store: Any) -> None:
        if not offers(store, "get_partial_values"):
            pytest.skip("the store has no get_partial_values")
        values = {"a/0": bytes(range(10)), "a/1": b"", "a/2": bytes(range(250)) * 5000}
        store.update(values)
        asked = [(key, key_range) for key in (*values, "nonesuch") for key_range in RANGES]
        found = store.get_partial_values(asked)
        assert [None if part is None else bytes(part) for part in found] == [
            _part(values.get(key), *key_range) for key, key_range in asked
        ]
        assert store.get_partial_values([]) == []
        with pytest.raises(ValueError, match="negative"):
            store.get_partial_values([("a/0", (0, -1))])

    # -- its life ----------------------------------------------------------------------------------

    def test_it_says_what_can_be_done_with_it(self, store: Any) -> None:
        if not hasattr(store, "is_erasable"):
            pytest.skip("the store is a plain mapping")
        assert store.is_readable()
        assert store.is_writeable()
        assert store.is_listable()
        assert store.is_erasable() == self.erases

    def test_it_survives_pickling(self, store: Any) -> None:
        if not self.survives_pickling:
            pytest.skip("the store can't be pickled")
        store["a/0"] = b"x"
        again = pickle.loads(pickle.dumps(store))
        try:
            assert type(again) is type(store)
            assert again == store
            assert {key: bytes(value) for key, value in again.items()} == {"a/0": b"x"}
        finally:
            self.drop_store(again)
        store["a/1"] = b"y"
        assert sorted(store) == ["a/0", "a/1"]

    def test_what_was_stored_is_there_after_it_was_closed(self, store: Any) -> None:
        if not self.persists or not self.survives_pickling:
            pytest.skip("the store is gone when it is closed, or can't be opened again by pickling")
        pickled = pickle.dumps(store)
        with store as entered:
            assert entered is store
            store["a/0"] = b"x"
        again = pickle.loads(pickled)
        try:
            assert bytes(again["a/0"]) == b"x"
        finally:
            self.drop_store(again)

    def test_several_threads_may_use_it(self, store: Any) -> None:
        if not self.is_thread_safe:
            pytest.skip("the store is for one thread at a time")
        failures: list[BaseException] = []
        steps = self.n_values // 40

        def use(number: int) -> None:
            try:
                for i in range(steps):
                    value = bytes([number, i]) * 1000
                    store[f"{number}/{i}"] = value
                    assert bytes(store[f"{number}/{i}"]) == value
                    assert len(listing.listdir(store, str(number))) == i + 1
                    if self.erases and i % 3 == 2:
                        del store[f"{number}/{i}"]
                        store[f"{number}/{i}"] = value
            except BaseException as exc:
                failures.append(exc)

        threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert sorted(store) == sorted(f"{number}/{i}" for number in range(4) for i in range(steps))
        assert all(
            bytes(store[f"{number}/{i}"]) == bytes([number, i]) * 1000
            for number in range(4)
            for i in range(steps)
        )

    # -- arrays ------------------------------------------------------------------------------------

    @pytest.mark.parametrize("separator", [".", "/"])
    @pytest.mark.parametrize("path", [None, "group/array"])
    def test_an_array_is_read_as_it_was_written(self, store: Any, separator: str, path: str | None) -> None:
        data = np.arange(60.0).reshape(6, 10)
        array = zarrcy.array(data, chunks=(4, 3), store=store, path=path, dimension_separator=separator)
        array.attrs["unit"] = "m"
        assert array.nchunks_initialized == array.nchunks == 8
        assert array.nbytes_stored == -1 if self.knows_sizes is False else array.nbytes_stored > 0
        again = zarrcy.open_array(store, mode="r", path=path)
        np.testing.assert_array_equal(again[...], data)
        assert dict(again.attrs) == {"unit": "m"}
        if self.erases:
            array.resize(3, 3)
            assert array.nchunks_initialized == 1
            np.testing.assert_array_equal(array[...], data[:3, :3])
            zarrcy.create(5, store=store, path=path, overwrite=True)
            assert zarrcy.open_array(store, mode="r", path=path).nchunks_initialized == 0

    def test_arrays_in_it_are_as_numpy_says_after_any_steps(self) -> None:
        machine = self._machine()
        tries = settings(
            max_examples=self.machine_examples,
            stateful_step_count=self.machine_steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(machine, settings=tries)

    def _machine(self) -> type[ArrayMachine]:
        contract = self

        class Machine(ArrayMachine):
            survives_pickling = contract.survives_pickling
            writes_empty_chunks = None if contract.erases else True

            def make_store(self) -> Any:
                return contract.make_store()

            def drop_store(self, store: Any) -> None:
                contract.drop_store(store)

        class GrowingMachine(Machine):
            # what deletes chunks can't be done
            resize = shrink_and_grow_back = None  # type: ignore[assignment]

        return Machine if self.erases else GrowingMachine


def _part(value: bytes | None, start: int, nbytes: int | None) -> bytes | None:
    if value is None:
        return None
    first = max(0, len(value) + start) if start < 0 else start
    return value[first : None if nbytes is None else first + nbytes]
