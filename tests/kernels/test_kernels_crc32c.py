"""CRC-32C has the values of the standard."""

import pytest
from builds import on_both_kernels
from hypothesis import given
from hypothesis import strategies as st

from zarrcy import _kernels

# RFC 3720, appendix B.4, and the check value of the catalogue of CRC algorithms
KNOWN = {
    b"": 0,
    b"123456789": 0xE3069283,
    bytes(32): 0x8A9136AA,
    b"\xff" * 32: 0x62A8AB43,
    bytes(range(32)): 0x46DD794E,
    bytes(range(31, -1, -1)): 0x113FDB5C,
}


@on_both_kernels
@pytest.mark.parametrize("data", KNOWN, ids=repr)
def test_checksums_have_the_published_values(kernels, data):
    assert kernels.crc32c(data) == KNOWN[data]
    assert kernels.crc32c(data, by_tables=True) == KNOWN[data]


@on_both_kernels
@given(data=st.binary(max_size=200), cut=st.integers(0, 200), offset=st.integers(0, 9))
def test_a_checksum_continues_that_of_preceding_bytes(kernels, data, cut, offset):
    view = memoryview(bytes(offset) + data)[offset:]
    whole = kernels.crc32c(view)
    assert kernels.crc32c(view[cut:], kernels.crc32c(view[:cut])) == whole
    assert kernels.crc32c(view, by_tables=True) == whole == _kernels.reference.crc32c(data)
