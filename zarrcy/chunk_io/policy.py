"""The tuning constants of chunk I/O: thresholds and batch sizes, each with the reason for its value."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from zarrcy.types import Record


class IOPolicy(Record):
    """Thresholds and batch sizes of chunk I/O. A policy is chosen when the chunk I/O of an array is opened.

    Sizes are in bytes and, unless the comment says otherwise, those of decoded chunks.
    """

    # Whether the native path may be used. The tests of the fallback path turn it off.
    use_native_path: bool = True
    # The native path allocates a chunk before it sees the stored bytes. Metadata alone must not make it allocate
    # more than this.
    native_max_chunk_nbytes: int = 2**31 - 1
    # Before a chunk of this size is allocated, the stored value is checked: a few bytes must not make zarrcy
    # allocate a huge chunk.
    checked_chunk_nbytes: int = 2**26

    # Most keys in one request to a store. Values of a batch are bounded too, see `zarrcy.storage.access.batch_nbytes`.
    batch_keys: int = 1024
    # Bytes per batch when several threads share a read, or when a larger batch gains nothing: a writer that holds
    # the locks of many chunks keeps other writers waiting.
    shared_batch_nbytes: int = 2**20
    # Bytes per batch of a store that only one thread may call, such as a zip archive: several threads decode or encode
    # a batch. A few times as many as they can work on at once.
    coded_batch_nbytes: int = 8 * 2**20
    # Below this chunk size, threads on the fallback path wait longer for the GIL than they work.
    thread_min_chunk_nbytes: int = 64 * 1024
    # Waking a thread costs as much as copying some hundred KiB. A smaller read or write uses one thread.
    threads_min_nbytes: int = 512 * 1024

    # A call with fewer files, or shards, does not find out how long threads wait for them: two of them are samples,
    # which are read in batches of their own. With eight shards, that costs 3 % more instructions.
    measured_files: int = 4
    measured_shards: int = 16
    # Decoding less than this takes no longer than starting the threads that send further requests meanwhile.
    ahead_min_nbytes: int = 2 * 2**20

    # Reading a smaller chunk costs no more than finding out which parts of it a selection touches.
    parts_min_chunk_nbytes: int = 64 * 1024
    # The same for a compressed chunk in a store where every request is a trip over a network, and for a whole shard:
    # this many bytes take no longer than another request.
    remote_parts_min_chunk_nbytes: int = 2**20
    # Unit of parts that are read, and first request for the header of a Blosc frame: a page of the file cache.
    part_nbytes: int = 4096
    # The same for a compressed inner chunk of a shard. The limit is higher: the shard is open already, so decoding
    # all of a smaller chunk costs no more than finding its blocks and decoding some of them.
    parts_min_inner_chunk_nbytes: int = 2**20

    # Decoded bytes of inner chunks requested at once, from a shard in a local store and from a shard in a store
    # where every request is a trip over a network.
    shard_batch_nbytes: int = 2**20
    remote_shard_batch_nbytes: int = 64 * 2**20
    # Most pieces of one shard file that a thread takes at once, unless `shard_batch_nbytes` allows more: the thread
    # opens the file seldom, and the other threads still get their share.
    shard_file_pieces: int = 256
    # How often a read starts again because the shard was replaced meanwhile. More replacements during one read
    # indicate a faulty writer.
    shard_read_attempts: int = 10
    # The same if several batches read a shard from a store that does not keep it open. The last attempt reads the whole
    # shard with one request.
    split_shard_attempts: int = 3
    # Of a larger shard index with a checksum, a read checks the checksum and what the store knows about the value
    # before it uses the parsed index of an earlier read. A shorter index is read and compared: that takes no longer.
    checked_index_nbytes: int = 16 * 1024
    # Most memory for shard indexes, stored and parsed, for each array.
    index_cache_nbytes: int = 64 * 2**20
    # Bytes per read when kept chunks of a shard are copied and the kernel cannot copy between files.
    copy_nbytes: int = 2**20

    # Only larger N5 chunks are written as truncated blocks. Programs that do not truncate blocks write smaller ones
    # as whole chunks; zarrcy writes the same bytes.
    truncated_block_min_nbytes: int = 64 * 2**20
    # Chunk shapes of a rectilinear grid whose chunk I/O is kept open.
    rectilinear_chunk_shapes: int = 1024

    # From this size on, memory comes fresh from the operating system: glibc keeps and reuses smaller blocks. A result
    # of this size is made of zeros if missing chunks read as zeros.
    fresh_result_nbytes: int = 2**25 + 2**16
    # A value of another data type is cast at once if it is smaller, else piece by piece as the pieces are written.
    cast_by_piece_nbytes: int = 2**20


_default: ContextVar[IOPolicy] = ContextVar("zarrcy_io_policy", default=IOPolicy())  # noqa: B039 - frozen


def default_policy() -> IOPolicy:
    """Return the policy of arrays whose chunk I/O is opened now."""
    return _default.get()


@contextmanager
def overriding(policy: IOPolicy) -> Iterator[None]:
    """Use `policy` in a ``with`` block for arrays whose chunk I/O is opened in it.

    An array opens its chunk I/O at the first read or write. The block applies to the thread that entered it.

    >>> with overriding(IOPolicy(use_native_path=False)):
    ...     default_policy().use_native_path
    False
    >>> default_policy().use_native_path
    True
    """
    token = _default.set(policy)
    try:
        yield
    finally:
        _default.reset(token)
