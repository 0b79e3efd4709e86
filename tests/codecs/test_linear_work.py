"""Decoders do work that is linear in the stored and the decoded bytes. The tests count bytes and never time."""

import bz2
import functools
import gzip
import io
import lzma
import struct
import zipfile
import zlib

import numcodecs
import numpy as np
import pytest
from builds import needs_codecs

import zarrcy
from zarrcy import _kernels
from zarrcy.codecs.bounded_decode import check_blosc_streams, decode_streams, new_decoder, new_stream
from zarrcy.errors import ChunkDecodeError
from zarrcy.storage.local.zip import ZipStore

CODECS = {
    "gzip": (numcodecs.GZip(), gzip.compress),
    "zlib": (numcodecs.Zlib(), zlib.compress),
    "bz2": (numcodecs.BZ2(), bz2.compress),
    "lzma": (numcodecs.LZMA(), functools.partial(lzma.compress, preset=0)),
}
MEMBERS = {
    "empty": [b""] * 400,
    "of one byte": [b"x"] * 400,
    "of growing length": [bytes(n) for n in range(200)],
    "long and empty": [np.random.default_rng(0).bytes(3000), b""] * 20,
}


class Counting:
    """A decompressor that counts the bytes that it gets and those that it copies."""

    n_bytes = 0

    def __init__(self, stream):
        self.stream = stream

    @property
    def eof(self):
        return self.stream.eof

    @property
    def unused_data(self):
        Counting.n_bytes += len(self.stream.unused_data)
        return self.stream.unused_data

    def decompress(self, data, max_length):
        Counting.n_bytes += len(data)
        return self.stream.decompress(data, max_length)


@pytest.mark.parametrize("members", MEMBERS.values(), ids=MEMBERS)
@pytest.mark.parametrize("name", CODECS)
def test_streams_in_a_row_are_decoded_in_linear_work(name, members):
    codec, compress = CODECS[name]
    new = new_stream(codec)

    def work(members):
        Counting.n_bytes = 0
        compressed = {member: compress(member) for member in set(members)}
        stored, decoded = b"".join(compressed[member] for member in members), b"".join(members)
        assert decode_streams(lambda: Counting(new()), stored, len(decoded)) == decoded
        return Counting.n_bytes, len(stored), len(members)

    for repeats in (1, 4, 16):
        n_bytes, n_stored, n_members = work(members * repeats)
        # the first stream gets all bytes and returns the rest; each other one gets at most twice its own
        assert n_bytes <= 2 * n_stored + 4 * n_stored + 130 * n_members


@pytest.mark.parametrize("name", CODECS)
def test_streams_in_a_row_decode_as_one(name):
    codec, compress = CODECS[name]
    new = new_stream(codec)
    rng = np.random.default_rng(1)
    for n in (1, 2, 3, 10):
        members = [rng.bytes(int(size)) for size in rng.integers(0, 300, n)]
        decoded, stored = b"".join(members), b"".join(map(compress, members))
        for padding in (b"", bytes(1), bytes(1000)):
            assert decode_streams(new, stored + padding, len(decoded)) == decoded
            assert decode_streams(new, memoryview(stored + padding), len(decoded) + 5) == decoded
        if decoded:
            with pytest.raises(ValueError, match="more than"):
                decode_streams(new, stored, len(decoded) - 1)
        for cut in range(1, 8):
            with pytest.raises((ValueError, EOFError)):
                decode_streams(new, stored[:-cut], len(decoded))
        with pytest.raises((ValueError, zlib.error, OSError, lzma.LZMAError)):
            decode_streams(new, stored + b"garbage", len(decoded))


# -- Blosc -------------------------------------------------------------------------------------------


def frame_of_shared_streams(n_blocks, n_shared, typesize=1, block_nbytes=16, cname_flag=4):
    """Return a Blosc frame whose blocks all have the same long stream: skippable frames of Zstandard, then a block."""
    skippable = struct.pack("<II", 0x184D2A50, n_shared) + bytes(n_shared)
    one = skippable + bytes(numcodecs.Zstd().encode(bytes(block_nbytes)))
    start = 16 + 4 * n_blocks
    body = struct.pack("<I", len(one)) + one
    head = struct.pack(
        "<BBBBIII",
        2,
        1,
        cname_flag << 5 | 0x10,
        typesize,
        n_blocks * block_nbytes,
        block_nbytes,
        start + len(body),
    )
    return head + struct.pack(f"<{n_blocks}I", *[start] * n_blocks) + body


@needs_codecs
@pytest.mark.parametrize("n_blocks", [2, 10, 1000])
def test_a_blosc_frame_whose_blocks_share_a_stream_is_refused(n_blocks):
    frame = frame_of_shared_streams(n_blocks, 8000)
    nbytes = 16 * n_blocks
    with pytest.raises(ValueError, match="share stored bytes"):
        check_blosc_streams(frame)
    with pytest.raises(ValueError, match="share stored bytes"):
        new_decoder(numcodecs.Blosc())(frame, nbytes)
    if _kernels.native is not None:
        assert not _kernels.native.Decoder("blosc").decode_into(frame, np.empty(nbytes, "u1"))
    store = {}
    a = zarrcy.create(nbytes, chunks=nbytes, dtype="u1", store=store, compressor=numcodecs.Blosc("zstd"))
    store["0"] = frame
    with pytest.raises(ChunkDecodeError, match="share stored bytes"):
        a[:]


def test_parts_of_a_blosc_frame_whose_blocks_share_a_stream_are_refused(tmp_path):
    """Chunks that are read in parts are long, from a file and from memory."""
    n_blocks, block_nbytes = 256, 4096
    nbytes = n_blocks * block_nbytes
    frame = frame_of_shared_streams(n_blocks, 2**16, block_nbytes=block_nbytes)
    for store in ({}, zarrcy.DirectoryStore(tmp_path)):
        a = zarrcy.create(nbytes, chunks=nbytes, dtype="u1", store=store, compressor=numcodecs.Blosc("zstd"))
        store["0"] = frame
        with pytest.raises(ChunkDecodeError):
            a[:: block_nbytes * 2]


@pytest.mark.parametrize("cname", ["blosclz", "lz4", "lz4hc", "zlib", "zstd"])
@pytest.mark.parametrize("shuffle", [0, 1, 2])
def test_frames_of_blosc_pass_the_check_of_their_streams(cname, shuffle):
    rng = np.random.default_rng(2)
    values = rng.integers(0, 1000, 20000)
    for typesize in (1, 2, 4, 8, 16, 17, 24):
        for blocksize in (0, 256, 4096):
            codec = numcodecs.Blosc(cname, 5, shuffle, blocksize)
            data = values.astype("i8").view(f"V{typesize}") if values.nbytes % typesize == 0 else values
            for part in (data, data[: len(data) // 3], data[:1], rng.bytes(5000)):
                frame = codec.encode(part)
                check_blosc_streams(frame)
                assert bytes(codec.decode(frame)) == bytes(
                    memoryview(part).cast("B") if isinstance(part, bytes) else part.tobytes()
                )


# -- zip members -------------------------------------------------------------------------------------


class CountingFile(io.BytesIO):
    n_read = 0

    def read(self, size=-1):
        data = super().read(size)
        self.n_read += len(data)
        return data


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_ranges_of_a_compressed_zip_member_are_decoded_together(compression):
    value = np.random.default_rng(3).integers(0, 16, 2**18).astype("u1").tobytes()
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", compression) as file:
        file.writestr("a", value)
    file = CountingFile(archive.getvalue())
    with ZipStore(file, mode="r") as store:
        store["a"]
        file.n_read = 0
        store["a"]
        whole, file.n_read = file.n_read, 0
        spans = [(start, 8) for start in range(0, len(value), len(value) // 100)] + [(-8, None), (4, 0)]
        parts = store.get_partial_values([("a", span) for span in spans])
        assert file.n_read <= whole
        assert parts == [value[start:][:nbytes] for start, nbytes in spans]
