"""CRC-32C, the checksum of shard indexes and of chunks with the codec ``crc32c``. `_reference` is the same in NumPy."""

from zarrcy._kernels.protocols import Buffer

def crc32c(data: Buffer, before: int = 0, by_tables: bool = False) -> int:
    """Return the CRC-32C of a buffer.

    Parameters
    ----------
    data : buffer
        Contiguous memory.
    before : int, optional
        The checksum of the bytes that precede the buffer; 0 if there are none.
    by_tables : bool, optional
        Do not use the CRC instruction of the processor. For tests.
    """
