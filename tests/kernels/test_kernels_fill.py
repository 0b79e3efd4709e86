"""Fill-value checks compare bit for bit, for elements of any size."""

import numpy as np
import pytest
from builds import on_both_kernels
from hypothesis import given
from hypothesis import strategies as st


@on_both_kernels
@given(
    item=st.binary(min_size=1, max_size=40),
    n=st.one_of(st.integers(0, 40), st.integers(500, 4200)),
    data=st.data(),
)
def test_a_buffer_is_filled_if_every_element_has_the_bits_of_the_item(kernels, item, n, data):
    memory = np.frombuffer(item * n, "u1").copy()
    assert kernels.is_filled(memory, item)
    assert kernels.is_filled(memory.tobytes(), item)
    if n:
        at = data.draw(st.one_of(st.integers(0, memory.size - 1), st.just(memory.size - 1), st.just(0)))
        memory[at] ^= 1 << data.draw(st.integers(0, 7))
        assert not kernels.is_filled(memory, item)


@on_both_kernels
@given(item=st.binary(min_size=1, max_size=40), n=st.integers(0, 5000))
def test_filling_repeats_the_item(kernels, item, n):
    memory = np.zeros(len(item) * n, "u1")
    kernels.fill(memory, item)
    assert memory.tobytes() == item * n


@on_both_kernels
@pytest.mark.parametrize("dtype", ["<f2", "<f4", "<f8", "<c8", "<c16"])
def test_the_sign_of_zero_and_the_payload_of_nan_count(kernels, dtype):
    zeros = np.zeros(3000, dtype)
    assert not kernels.is_filled(-zeros, zeros[:1].tobytes())
    assert not kernels.is_filled(zeros, (-zeros[:1]).tobytes())
    nans = np.full(3000, np.nan, dtype)
    assert kernels.is_filled(nans, nans[:1].tobytes())
    other = nans[:1].copy()
    other.view("u1")[0] ^= 1
    assert not kernels.is_filled(nans, other.tobytes())


@on_both_kernels
def test_a_length_that_is_not_a_multiple_of_the_element_is_refused(kernels):
    with pytest.raises(ValueError, match="7 bytes"):
        kernels.is_filled(bytes(7), bytes(2))
    with pytest.raises(ValueError, match="7 bytes"):
        kernels.fill(bytearray(7), bytes(2))


@on_both_kernels
def test_dates_are_compared_bit_for_bit(kernels):
    assert kernels.is_filled(np.full(100, "NaT", "M8[ns]"), np.array("NaT", "M8[ns]").tobytes())
