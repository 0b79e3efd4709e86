"""CRC-32C, the checksum of shard indexes and of chunks that ask for it."""

from zarrcy._kernels.protocols import Buffer

def crc32c(data: Buffer, before: int = 0, by_tables: bool = False) -> int:
    """Checksum of a contiguous buffer that goes on after bytes whose checksum is `before`.

    `by_tables` does without the processor's own instruction, for the tests.
    """
