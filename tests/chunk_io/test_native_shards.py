"""Shards that are files are read and written on the native path, with the bytes and errors of the fallback path."""

import numpy as np
import pytest
from cases import same_bits
from hypothesis import given, settings
from hypothesis import strategies as st

import zarrcy
from zarrcy import _kernels
from zarrcy._kernels import _reference
from zarrcy.chunk_io import native
from zarrcy.errors import ChunkDecodeError
from zarrcy.testing import strategies

needs_native_path = pytest.mark.skipif("blosc" not in native.codecs(), reason="this build has no native path")

BYTES = {"name": "bytes", "configuration": {"endian": "little"}}
CODECS = {
    "raw": [BYTES],
    "raw with checksums": [BYTES, {"name": "crc32c"}],
    "zstd with checksums": [
        BYTES,
        {"name": "zstd", "configuration": {"level": 1, "checksum": False}},
        {"name": "crc32c"},
    ],
    "blosc": [
        BYTES,
        {
            "name": "blosc",
            "configuration": {
                "cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4, "blocksize": 0,
            },
        },
    ],
    "turned": [{"name": "transpose", "configuration": {"order": [1, 0]}}, BYTES],
}  # fmt: skip


def sharded(store, codecs, shape=(60, 70), chunks=(5, 7), shards=(20, 35), dtype="<f4"):
    return zarrcy.create(
        shape, chunks=chunks, shards=shards, dtype=dtype, codecs=codecs, store=store, zarr_format=3
    )


@needs_native_path
@pytest.mark.parametrize("codecs", CODECS)
def test_every_selection_of_shards_reads_and_writes_as_numpy_does(codecs, tmp_path_factory):
    @settings(max_examples=25)
    @given(data=st.data(), large=st.booleans())
    def check(data, large):
        shape, chunks, shards = (
            ((600, 700), (150, 175), (300, 350)) if large else ((60, 70), (5, 7), (20, 35))
        )
        a = sharded(tmp_path_factory.mktemp("store"), CODECS[codecs], shape, chunks, shards)
        assert a.chunk_io.context.native_path is not None
        assert a.chunk_io.context.files is not None
        model = np.zeros(shape, "<f4")
        rng = np.random.default_rng(0)
        for _ in range(3):
            target = data.draw(strategies.selections(shape, chunks))
            value = rng.integers(0, 3, target.positions.shape).astype("<f4")
            model.reshape(-1)[target.positions] = value
            getattr(a, f"set_{target.kind}_selection")(target.key, value)
            selection = data.draw(strategies.selections(shape, chunks))
            found = getattr(a, f"get_{selection.kind}_selection")(selection.key)
            assert same_bits(np.asarray(found, "<f4"), model.reshape(-1)[selection.positions])
        assert same_bits(zarrcy.open_array(a.store)[...], model)

    check()


@needs_native_path
@pytest.mark.parametrize("codecs", ["raw", "zstd with checksums"])
def test_the_error_for_a_truncated_shard_names_it(codecs, tmp_path):
    a = sharded(tmp_path, CODECS[codecs])
    a[:] = np.arange(4200, dtype="f4").reshape(60, 70)
    (path,) = tmp_path.glob("c/0/0")
    whole = path.read_bytes()
    for n in (0, 3, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:n])
        with pytest.raises(ChunkDecodeError, match="c/0/0"):
            zarrcy.open_array(tmp_path)[:30, :30]


@needs_native_path
def test_a_changed_bit_of_an_inner_chunk_is_found_by_its_checksum_and_the_others_can_be_read(tmp_path):
    a = sharded(tmp_path, CODECS["raw with checksums"])
    model = np.arange(4200, dtype="f4").reshape(60, 70)
    a[:] = model
    (path,) = tmp_path.glob("c/0/0")
    stored = bytearray(path.read_bytes())
    stored[stored.index(model[0, 1].tobytes())] ^= 1
    path.write_bytes(stored)
    with pytest.raises(ChunkDecodeError, match="inner chunk 0"):
        a[0, 0]
    assert np.array_equal(a[:, 7:], model[:, 7:])


@given(data=st.data())
@settings(max_examples=60)
def test_both_kernels_sort_pieces_by_shard_alike(data):
    if _kernels.compiled is None:
        pytest.skip("a pure build has only the NumPy twins")
    ndim = data.draw(st.integers(1, 3))
    chunks = tuple(data.draw(st.integers(1, 4)) for _ in range(ndim))
    counts = tuple(data.draw(st.integers(1, 3)) for _ in range(ndim))
    shape = tuple(data.draw(st.integers(1, 20)) for _ in range(ndim))
    axes = tuple(data.draw(st.permutations(range(ndim))))
    mask = np.random.default_rng(data.draw(st.integers(0, 99))).random(shape) < 0.3
    found = []
    for kernels in (_kernels.compiled, _reference):
        plan = kernels.split_mask(mask, kernels.Grid(shape, chunks))
        pieces, numbers, *rest = kernels.group_by_shard(plan, counts, axes)
        found.append([pieces.tolist(), numbers.tolist(), *rest])
    assert found[0] == found[1]


@needs_native_path
def test_a_part_of_a_shard_is_written_without_touching_the_bytes_of_its_other_chunks(tmp_path):
    a = sharded(tmp_path, CODECS["raw with checksums"])
    model = np.arange(4200, dtype="f4").reshape(60, 70)
    a[:] = model
    (path,) = tmp_path.glob("c/0/0")
    stored = bytearray(path.read_bytes())
    # a damaged chunk that is not selected is not decoded, and is copied as it is
    stored[stored.index(model[19, 34].tobytes())] ^= 1
    path.write_bytes(stored)
    a[2:13, 3:9] = -1
    model[2:13, 3:9] = -1
    assert np.array_equal(zarrcy.open_array(tmp_path)[:15], model[:15])
    assert np.array_equal(a[20:], model[20:])
    with pytest.raises(ChunkDecodeError, match="inner chunk 19"):
        a[19, 34]


@needs_native_path
def test_a_shard_that_has_only_the_fill_value_is_deleted(tmp_path):
    a = sharded(tmp_path, CODECS["blosc"])
    a[:] = 1
    a[:20, :30] = 0
    assert len(list(tmp_path.glob("c/*/*"))) == 6
    a[:20, 30:35] = 0
    assert len(list(tmp_path.glob("c/*/*"))) == 5
    assert a[:20, :36].sum() == 20


@needs_native_path
def test_a_failed_write_keeps_the_old_shard_and_leaves_no_other_file(tmp_path, monkeypatch):
    a = sharded(tmp_path, CODECS["raw"])
    a[:] = 1
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", full)
    with pytest.raises(OSError, match="No space left"):
        a[3:5] = 2
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
