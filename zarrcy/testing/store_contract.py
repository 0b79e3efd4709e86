"""The contract of a store, as tests that pytest collects: derive a class that creates the store."""

from __future__ import annotations

import itertools
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol, TypeAlias, cast

import numpy as np

import zarrcy
from zarrcy.errors import MissingExtraError, ValueLengthError
from zarrcy.storage import access, listing
from zarrcy.storage.base import offers
from zarrcy.storage.capabilities import ReadsManyValues, ReadsRanges, has_capability
from zarrcy.testing.machine import ArrayMachine
from zarrcy.types import AnyArray, Span, Store

try:
    import pytest
    from hypothesis import HealthCheck, settings
    from hypothesis.stateful import run_state_machine_as_test
except ImportError as exc:
    raise MissingExtraError("pytest", "testing", "zarrcy.testing") from exc


class _DeclaresCapabilities(Protocol):
    """The methods in which a store of zarr-python 2 declares its capabilities."""

    def is_readable(self) -> bool: ...
    def is_writeable(self) -> bool: ...
    def is_listable(self) -> bool: ...
    def is_erasable(self) -> bool: ...


_MutableBuffer: TypeAlias = "bytearray | memoryview | AnyArray"

VALUES = {
    "nothing": b"",
    "one byte": b"\0",
    "every byte": bytes(range(256)) * 3,
    "5 MiB": np.random.default_rng(5).bytes(5 * 2**20),
}
BUFFERS: dict[str, Callable[[], _MutableBuffer]] = {
    "bytearray": lambda: bytearray(b"abc"),
    "memoryview": lambda: memoryview(bytearray(b"xabcx"))[1:-1],
    "array of bytes": lambda: np.arange(7, dtype="u1"),
    "array of numbers": lambda: np.arange(6, dtype=">f8").reshape(2, 3),
    "array in Fortran order": lambda: np.asfortranarray(np.arange(6, dtype="<i4").reshape(2, 3)),
    "array without elements": lambda: np.zeros((0, 3)),
    "array of dates": lambda: np.array(["2001-02-03"], "M8[D]"),
}
BAD_KEYS = ["../x", "a/../../x", "..", ".", "a/..", "/x", "a//b", "a/", "", "a\\b", "a/./b", "./a", "a\0b"]
# names that are a prefix of another name, or that contain characters of patterns
FOLDERS = ["a", "ab", "a.b", "a0", "a-", "A", "a_", "a%", "_", "%", "[a]", "a b", "é", "ünï"]
# byte ranges of a value of 10 bytes: from the start and from the end, empty, whole and beyond the end
RANGES: list[Span] = [
    (0, None),
    (0, 0),
    (0, 3),
    (5, 7),
    (9, 1),
    (9, 100),
    (10, None),
    (10, 5),
    (99, None),
    (99, 5),
]
RANGES += [(-1, None), (-4, None), (-4, 2), (-4, 99), (-10, None), (-99, None)]


class StoreContract:
    """Tests of a store class. Override `make_store`, and each attribute whose default is wrong for the store.

    Attributes
    ----------
    erases : bool, default True
        Keys can be deleted and renamed.
    refuses_bad_keys : bool, default True
        Keys that would leave the root raise ValueError. If False, they are keys like any other.
    knows_sizes : bool or None, default True
        ``getsize`` returns the number of stored bytes. If False, it returns -1; if None, it returns the size of
        another representation of the values, for example compressed.
    survives_pickling : bool, default True
        An unpickled store has the same contents.
    persists : bool, default True
        Values are still there after the store is closed and opened again.
    is_thread_safe : bool, default True
        Several threads may use one store.
    n_values : int, default 1200
        Number of values in the larger tests; choose fewer for a slow store.
    machine_examples, machine_steps : int, default 20
        Number of examples and of steps for `ArrayMachine`.
    folder : pathlib.Path
        Folder of the test: new, empty, and deleted later.

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

    def make_store(self) -> Store:
        """Return a new, empty store. Several of them may be in use at the same time.

        Returns
        -------
        mapping of str to bytes
            The store.
        """
        raise NotImplementedError("override make_store: return a new, empty store")

    def drop_store(self, store: Store) -> None:
        """Release a store that `make_store` created or that was unpickled; close it by default.

        Parameters
        ----------
        store : mapping of str to bytes
            The store.
        """
        close = getattr(store, "close", None)
        if close is not None:
            close()

    def new_path(self, ending: str = "") -> str:
        """Return a path in the folder of the test that does not exist yet.

        Parameters
        ----------
        ending : str, optional
            End of the name, for example ".zip".

        Returns
        -------
        str
            The path.
        """
        return str(self.folder / f"{next(self._numbers)}{ending}")

    @pytest.fixture(autouse=True)
    def _own_folder(self, tmp_path: Path) -> None:
        self.folder, self._numbers = tmp_path, itertools.count()

    @pytest.fixture
    def store(self, _own_folder: None) -> Iterator[Store]:
        store = self.make_store()
        yield store
        self.drop_store(store)

    # -- a mapping ---------------------------------------------------------------------------------

    def test_a_new_store_is_empty(self, store: Store) -> None:
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
    def test_a_value_reads_back_unchanged(self, store: Store, value: bytes) -> None:
        store["a/b/0.0"] = value
        assert bytes(store["a/b/0.0"]) == value
        assert bytes(store.get("a/b/0.0", b"missing")) == value

    @pytest.mark.parametrize("make", list(BUFFERS.values()), ids=list(BUFFERS))
    def test_any_bytes_like_value_can_be_stored_and_its_memory_reused(
        self, store: Store, make: Callable[[], _MutableBuffer]
    ) -> None:
        value = make()
        expected = bytes(value) if isinstance(value, bytearray) else value.tobytes("A")
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
    def test_a_value_that_is_not_bytes_like_is_rejected(self, store: Store, value: object) -> None:
        if not getattr(store, "consumes_values", False):
            pytest.skip("the store does not declare that it copies values, so arrays pass only bytes to it")
        with pytest.raises(TypeError):
            store["a"] = value
        assert "a" not in store

    def test_a_value_that_was_read_never_changes(self, store: Store) -> None:
        store["a"] = bytes(5000)
        value = store["a"]
        for i in range(1, 20):
            store["a"] = bytes([i]) * 5000
            store[f"b/{i}"] = bytes([i]) * 5000
            assert bytes(store[f"b/{i}"]) == bytes([i]) * 5000
        assert bytes(value) == bytes(5000)

    def test_storing_a_value_again_replaces_it(self, store: Store) -> None:
        for value in (b"some bytes", b"", b"more bytes than before", b"few"):
            store["a/0"] = value
            assert bytes(store["a/0"]) == value
            assert list(store) == ["a/0"]

    def test_the_store_is_a_mapping(self, store: Store) -> None:
        expected = {"a/0": b"0", "a/.zarray": b"1", "b/c/0.0": b"2", ".zgroup": b"3"}
        store.update(expected)
        assert len(store) == 4
        assert sorted(store) == sorted(store.keys()) == sorted(expected)
        assert {key: bytes(value) for key, value in store.items()} == expected
        assert sorted(map(bytes, store.values())) == [b"0", b"1", b"2", b"3"]
        assert all(key in store for key in expected)
        assert not any(key in store for key in ("a/1", "a/0/0", "b/c", "b", "c", "zgroup"))
        assert store.get("b") is None

    def test_setdefault_stores_only_a_missing_value(self, store: Store) -> None:
        assert bytes(store.setdefault("a/0", b"new")) == b"new"
        assert bytes(store.setdefault("a/0", b"newer")) == b"new"
        assert {key: bytes(value) for key, value in store.items()} == {"a/0": b"new"}

    def test_a_deleted_key_is_gone(self, store: Store) -> None:
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
    def test_a_key_that_would_leave_the_root_is_rejected(self, store: Store, key: str) -> None:
        if not self.refuses_bad_keys:
            store[key] = b"x"
            assert list(store) == [key]
            return
        with pytest.raises(ValueError, match=r"key|null"):
            store[key] = b"x"
        assert list(store) == []

    # -- listing -----------------------------------------------------------------------------------

    def test_a_listing_has_the_names_of_one_level(self, store: Store) -> None:
        for key in (".zgroup", "a/.zarray", "a/0.0", "a/0.1", "b/c/.zgroup", "b/c/d/0", "b/.zgroup"):
            store[key] = b"x"
        assert listing.listdir(store) == [".zgroup", "a", "b"]
        assert listing.listdir(store, "a") == [".zarray", "0.0", "0.1"]
        assert listing.listdir(store, "/b/") == [".zgroup", "c"]
        assert listing.listdir(store, "b//c") == listing.listdir(store, "b\\c") == [".zgroup", "d"]
        assert listing.listdir(store, "a/0.0") == listing.listdir(store, "nonesuch") == []

    def test_a_name_that_is_a_prefix_of_another_is_a_different_name(self, store: Store) -> None:
        for number, name in enumerate(FOLDERS):
            store[f"g/{name}/0"] = store[f"g/{name}/sub/0"] = bytes(number)
        assert listing.listdir(store, "g") == sorted(FOLDERS)
        for number, name in enumerate(FOLDERS):
            assert listing.listdir(store, f"g/{name}") == ["0", "sub"]
            self._check_size(store, f"g/{name}", number)
        if not self.erases:
            return
        keys = {f"g/{name}/{end}" for name in FOLDERS for end in ("0", "sub/0")}
        for name in FOLDERS[::2]:
            listing.rmdir(store, f"g/{name}")
            keys -= {f"g/{name}/0", f"g/{name}/sub/0"}
            assert set(store) == keys
        for name in FOLDERS[1::2]:
            listing.rename(store, f"g/{name}", f"moved/{name}")
            keys = keys - {f"g/{name}/0", f"g/{name}/sub/0"} | {f"moved/{name}/0", f"moved/{name}/sub/0"}
            assert set(store) == keys

    def test_rmdir_deletes_all_keys_below_a_path_and_no_others(self, store: Store) -> None:
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

    def test_rename_moves_all_keys_below_a_path(self, store: Store) -> None:
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

    def test_getsize_returns_the_size_of_the_stored_values(self, store: Store) -> None:
        store.update({".zgroup": bytes(3), "a/0": bytes(5), "a/1": bytes(7), "a/b/0": bytes(11)})
        for path, size in {"": 3, "a": 12, "a/1": 7, "a/b": 11, "nonesuch": 0}.items():
            self._check_size(store, path, size)

    def _check_size(self, store: Store, path: str, size: int) -> None:
        stored_size = listing.getsize(store, path)
        if self.knows_sizes is None:
            assert stored_size > 0 or size == 0
        else:
            assert stored_size == (size if self.knows_sizes else -1)

    # -- batches and byte ranges -------------------------------------------------------------------

    def test_many_values_are_written_read_and_deleted(self, store: Store) -> None:
        values = {f"a/{i // 100}/{i}": str(i).encode() for i in range(self.n_values)}
        access.writer(store)(dict(values))
        keys = [*values, "a/nonesuch"]
        assert len(store) == self.n_values
        read = access.reader(store)(keys)
        assert read[-1] is None
        assert [value is not None and bytes(value) for value in read[:-1]] == list(values.values())
        if self.erases:
            access.deleter(store)([*keys[::2], "b"])
            assert set(store) == set(list(values)[1::2])

    def test_getitems_returns_the_existing_values(self, store: Store) -> None:
        if not hasattr(store, "getitems"):
            pytest.skip("the store has no getitems")
        store.update({"a": b"1", "b": b"2"})
        values = store.getitems(["b", "nonesuch", "a"])
        assert {key: bytes(value) for key, value in values.items()} == {"a": b"1", "b": b"2"}
        assert dict(store.getitems([])) == {}

    def test_a_value_longer_than_a_limit_is_refused(self, store: Store) -> None:
        if not has_capability(type(store), "read_values"):
            pytest.skip("the store has no read_values")
        store["a"], store["b"] = b"1234", b""
        read = cast(ReadsManyValues, store).read_values
        for most in (-1, 4, 2**40):
            values = read(["b", "nonesuch", "a"], most)
            assert [value if value is None else bytes(value) for value in values] == [b"", None, b"1234"]
        assert list(read([], 4)) == []
        with pytest.raises(ValueLengthError, match="'a'") as caught:
            read(["b", "a"], 3)
        assert caught.value.nbytes == 4

    def test_a_byte_range_equals_a_slice_of_the_value(self, store: Store) -> None:
        if not offers(store, "get_partial_values"):
            pytest.skip("the store has no get_partial_values")
        values = {"a/0": bytes(range(10)), "a/1": b"", "a/2": bytes(range(250)) * 5000}
        store.update(values)
        requests = [(key, span) for key in (*values, "nonesuch") for span in RANGES]
        reader = cast(ReadsRanges, store)
        parts = reader.get_partial_values(requests)
        assert [None if part is None else bytes(part) for part in parts] == [
            _part(values.get(key), *span) for key, span in requests
        ]
        assert reader.get_partial_values([]) == []
        with pytest.raises(ValueError, match="negative"):
            reader.get_partial_values([("a/0", (0, -1))])

    # -- capabilities, pickling, closing, threads --------------------------------------------------

    def test_the_store_declares_its_capabilities(self, store: Store) -> None:
        if not hasattr(store, "is_erasable"):
            pytest.skip("the store is a plain mapping")
        declared = cast(_DeclaresCapabilities, store)
        assert declared.is_readable()
        assert declared.is_writeable()
        assert declared.is_listable()
        assert declared.is_erasable() == self.erases

    def test_the_store_survives_pickling(self, store: Store) -> None:
        if not self.survives_pickling:
            pytest.skip("the store cannot be pickled")
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

    def test_values_persist_after_the_store_is_closed(self, store: Store) -> None:
        if not self.persists or not self.survives_pickling:
            pytest.skip("the contents do not outlive the store, or the store cannot be unpickled")
        pickled = pickle.dumps(store)
        with cast(AbstractContextManager[object], store) as entered:
            assert entered is store
            store["a/0"] = b"x"
        again = pickle.loads(pickled)
        try:
            assert bytes(again["a/0"]) == b"x"
        finally:
            self.drop_store(again)

    def test_several_threads_can_use_the_store(self, store: Store) -> None:
        if not self.is_thread_safe:
            pytest.skip("the store is not thread-safe")
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
    def test_an_array_reads_back_unchanged(self, store: Store, separator: str, path: str | None) -> None:
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

    def test_arrays_equal_a_numpy_model_after_random_steps(self) -> None:
        machine = self._machine()
        run_settings = settings(
            max_examples=self.machine_examples,
            stateful_step_count=self.machine_steps,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        run_state_machine_as_test(machine, settings=run_settings)

    def _machine(self) -> type[ArrayMachine]:
        contract = self

        class Machine(ArrayMachine):
            survives_pickling = contract.survives_pickling
            erases = contract.erases
            writes_empty_chunks = None if contract.erases else True

            def make_store(self) -> Store:
                return contract.make_store()

            def drop_store(self, store: Store) -> None:
                contract.drop_store(store)

        return Machine


def _part(value: bytes | None, start: int, nbytes: int | None) -> bytes | None:
    if value is None:
        return None
    first = max(0, len(value) + start) if start < 0 else start
    return value[first : None if nbytes is None else first + nbytes]
