"""A selection of a small part of a large chunk reads and decodes only a small part of it."""

import os
import struct

import numpy as np
import pytest
from builds import on_both_kernels, using
from cases import same_bits
from hypothesis import given, settings
from hypothesis import strategies as st
from numcodecs import Blosc, Zlib

import zarrcy
from zarrcy.chunk_io import policy
from zarrcy.codecs.partial_decode import BloscFrame
from zarrcy.errors import ChunkDecodeError
from zarrcy.storage.byte_ranges import cut, join_spans
from zarrcy.testing import CountingStore, strategies

BLOCK = 256
CODECS = {
    "raw": None,
    "lz4": Blosc("lz4", 5, Blosc.SHUFFLE, BLOCK),
    "zstd": Blosc("zstd", 1, Blosc.BITSHUFFLE, BLOCK),
    "plain": Blosc("zlib", 1, Blosc.NOSHUFFLE, BLOCK),
}


class RangedStore(CountingStore):
    """A store that serves byte ranges and counts them."""

    range_gap = 0

    def __init__(self):
        super().__init__()
        self.trips = self.ranges = self.nbytes_read = 0

    def get_partial_values(self, key_ranges):
        self.trips += 1
        parts = []
        for key, span in key_ranges:
            self.ranges += 1
            part = bytes(cut(memoryview(self.values[key]), span)) if key in self.values else None
            self.nbytes_read += len(part or b"")
            parts.append(part)
        return parts


@pytest.fixture(autouse=True)
def small_chunks_too():
    """Read parts of small chunks too, on the fallback path; test_native_read.py tests the native path."""
    io_policy = policy.IOPolicy(use_native_path=False, parts_min_chunk_nbytes=0, part_nbytes=48)
    with policy.overriding(io_policy):
        yield


def smooth(shape, dtype="f4"):
    rng = np.random.default_rng(0)
    return np.cumsum(rng.integers(0, 3, int(np.prod(shape)))).astype(dtype).reshape(shape)


def stores(tmp_path):
    return {"mapping": {}, "ranges": RangedStore(), "directory": zarrcy.DirectoryStore(tmp_path)}


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("kind", ["mapping", "ranges", "directory"])
@on_both_kernels
def test_every_kind_of_selection_matches_numpy(kernels, kind, codec, tmp_path_factory):
    @settings(max_examples=12)
    @given(data=st.data(), order=st.sampled_from("CF"), dtype=st.sampled_from(["u1", "<i2", ">f4", "f8"]))
    def check(data, order, dtype):
        shape = data.draw(st.sampled_from([(40, 50), (900,), (6, 17, 20)]))
        chunks = tuple(data.draw(st.integers(max(1, n // 3), n)) for n in shape)
        model = smooth(shape, dtype)
        store = stores(tmp_path_factory.mktemp("store"))[kind]
        with using(kernels):
            a = zarrcy.array(model, chunks=chunks, order=order, compressor=CODECS[codec], store=store)
            for _ in range(3):
                selection = data.draw(strategies.selections(shape, chunks))
                values = getattr(a, f"get_{selection.kind}_selection")(selection.key)
                assert same_bits(
                    np.asarray(values, dtype), np.asarray(model.reshape(-1)[selection.positions], dtype)
                )

    check()


@pytest.mark.parametrize("codec", CODECS)
def test_a_small_window_reads_a_small_part_of_a_chunk(codec):
    model = smooth((64, 64, 64))
    a = zarrcy.array(model, chunks=model.shape, compressor=CODECS[codec], store=RangedStore())
    whole = len(a.store.values["0.0.0"])
    assert same_bits(a[30:32, 10, 5:9], model[30:32, 10, 5:9])
    assert a.store.gets == 0
    assert a.store.nbytes_read < whole / 8
    assert a.store.trips == (1 if codec == "raw" else 3), (
        "a header that is longer than the first request is read twice"
    )


def test_the_parts_of_many_chunks_are_requested_together():
    model = smooth((64, 64))
    a = zarrcy.array(model, chunks=(16, 16), compressor=None, store=RangedStore())
    assert same_bits(a[::16, 3], model[::16, 3])
    assert (a.store.trips, a.store.gets) == (1, 0)


def test_a_selection_of_most_of_a_chunk_reads_it_whole():
    model = smooth((64, 64))
    a = zarrcy.array(model, chunks=(64, 64), compressor=CODECS["lz4"], store=RangedStore())
    assert same_bits(a[:40], model[:40])
    assert (a.store.trips, a.store.gets) == (0, 1)


def test_missing_chunks_read_as_fill_value():
    a = zarrcy.full((64, 64), 7, chunks=(32, 32), compressor=CODECS["lz4"], store=RangedStore(), dtype="i4")
    a[:32, :32] = 1
    assert a[30:34, 5].tolist() == [1, 1, 7, 7]
    assert a.store.gets == 0


def test_other_codecs_and_filters_read_whole_chunks():
    model = smooth((64, 64), "i4")
    for options in ({"compressor": Zlib()}, {"filters": [{"id": "delta", "dtype": "<i4"}]}):
        a = zarrcy.array(model, chunks=(64, 64), store=RangedStore(), **options)
        assert same_bits(a[3, 4:6], model[3, 4:6])
        assert (a.store.trips, a.store.gets) == (0, 1)


def test_fields_are_read_from_the_blocks_that_hold_them(tmp_path):
    model = np.zeros(2000, [("x", "f8"), ("pad", "V400"), ("y", "i2")])
    model["x"], model["y"] = np.arange(2000), np.arange(2000) % 100
    a = zarrcy.array(model, chunks=2000, compressor=None, store=RangedStore())
    assert same_bits(a["y"], model["y"])
    assert a.store.nbytes_read < 2000 * 2 * 64


@pytest.mark.parametrize("kind", ["mapping", "ranges", "directory"])
def test_blocks_may_be_stored_in_any_order(kind, tmp_path):
    """With several threads, Blosc stores blocks in the order in which they are finished."""
    model = smooth(4096, "i4")
    store = stores(tmp_path)[kind]
    a = zarrcy.array(model, chunks=4096, compressor=CODECS["lz4"], store=store)
    stored = bytes(store["0"])
    frame = BloscFrame.parse(stored, model.nbytes)
    assert len(frame.spans) == 64
    order = np.random.default_rng(1).permutation(len(frame.spans))
    at, starts, blocks = 16 + 4 * len(order), [0] * len(order), []
    for number in order.tolist():
        start, length = frame.spans[number]
        starts[number] = at
        blocks.append(stored[start : start + length])
        at += length
    store["0"] = stored[:16] + struct.pack(f"<{len(starts)}I", *starts) + b"".join(blocks)
    assert same_bits(a[:], model)
    assert same_bits(a[1000:1700:3], model[1000:1700:3])
    assert same_bits(a[4090:], model[4090:])


@pytest.mark.parametrize("kind", ["mapping", "ranges", "directory"])
@pytest.mark.parametrize("codec", ["raw", "lz4"])
def test_a_truncated_chunk_is_an_error_if_the_part_is_missing(kind, codec, tmp_path):
    model = smooth(4096, "i4")
    store = stores(tmp_path)[kind]
    a = zarrcy.array(model, chunks=4096, compressor=CODECS[codec], store=store)
    whole = bytes(store["0"])
    for length in (0, 3, 15, 40, len(whole) // 2, len(whole) - 1):
        store["0"] = whole[:length]
        with pytest.raises(ChunkDecodeError, match="'0'"):
            a[4090:4096]


@pytest.mark.parametrize("kind", ["mapping", "ranges", "directory"])
def test_a_blosc_frame_with_any_byte_changed_never_crashes(kind, tmp_path):
    model = smooth(2048, "i4")
    store = stores(tmp_path)[kind]
    a = zarrcy.array(model, chunks=2048, compressor=CODECS["lz4"], store=store)
    whole = bytearray(store["0"])
    head = 16 + 4 * 32
    for at in range(head):
        for value in (0, 1, 127, 255):
            damaged = bytearray(whole)
            damaged[at] = value
            store["0"] = bytes(damaged)
            try:
                values = a[100:120]
            except ChunkDecodeError:
                continue
            assert values.shape == (20,)


def test_a_value_that_is_replaced_between_two_requests_is_read_again():
    """The header is of one value and the blocks of another; the result must belong to one of them."""
    old, new = smooth(4096, "i4"), smooth(4096, "i4")[::-1]
    store = RangedStore()
    a = zarrcy.array(old, chunks=4096, compressor=CODECS["lz4"], store=store)
    other = zarrcy.array(new, chunks=4096, compressor=CODECS["lz4"])
    read = store.get_partial_values

    def replacing(key_ranges):
        parts = read(key_ranges)
        store.values["0"] = other.store["0"]
        return parts

    store.get_partial_values = replacing
    assert a[100:120].tolist() == new[100:120].tolist()


def test_a_file_that_is_replaced_during_a_read_gives_the_old_value(tmp_path, monkeypatch):
    old, new = smooth(4096, "i4"), smooth(4096, "i4")[::-1]
    store = zarrcy.DirectoryStore(tmp_path)
    a = zarrcy.array(old, chunks=4096, compressor=CODECS["lz4"], store=store)
    other = zarrcy.array(new, chunks=4096, compressor=CODECS["lz4"])
    parse = BloscFrame.parse

    def replacing(head, nbytes):
        store["0"] = other.store["0"]
        return parse(head, nbytes)

    monkeypatch.setattr(BloscFrame, "parse", replacing)
    assert a[100:120].tolist() == old[100:120].tolist()
    assert a[100:120].tolist() == new[100:120].tolist()


def test_a_file_is_closed_when_its_chunk_is_damaged(tmp_path):
    a = zarrcy.array(smooth(4096, "i4"), chunks=4096, compressor=None, store=tmp_path)
    (tmp_path / "0").write_bytes(b"short")
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(ChunkDecodeError):
        a[5]
    assert len(os.listdir("/dev/fd")) == before


@given(
    spans=st.lists(st.tuples(st.integers(0, 90), st.none() | st.integers(0, 30)), max_size=8),
    suffix=st.booleans(),
    gap=st.integers(0, 20),
    least_waste=st.integers(0, 40),
)
def test_joined_spans_give_the_same_bytes_as_single_spans_and_little_more(spans, suffix, gap, least_waste):
    value = bytes(range(100))
    spans = [*spans, (-5, None)] if suffix else spans
    ranges, places = join_spans(spans, gap, least_waste)
    parts = [bytes(cut(memoryview(value), span)) for span in ranges]
    for span, (number, at, nbytes) in zip(spans, places, strict=True):
        part = parts[number][at:] if nbytes is None else parts[number][at : at + nbytes]
        assert part == bytes(cut(memoryview(value), span))
    assert len(ranges) <= len(spans)
    finite = [span for span in spans if span[1] is not None and span[0] >= 0]
    needed = {place for first, nbytes in finite for place in range(first, first + nbytes)}
    read = [span for span in ranges if span[1] is not None and span[0] >= 0]
    assert sum(nbytes for _, nbytes in read) - len(needed) <= max(
        sum(nbytes for _, nbytes in finite), least_waste
    )
