"""Steps between chunk and codec do what numcodecs does, bit by bit, or fail; the NumPy steps do the same."""

import zlib

import numcodecs
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from zarrcy import _kernels
from zarrcy._kernels import _reference_chunk_steps as reference

native = _kernels.native
BUILDS = {"reference": reference} | ({"compiled": native} if native is not None else {})
on_both = pytest.mark.parametrize("kernels", list(BUILDS.values()), ids=list(BUILDS))

INTEGERS = ["i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"]
FLOATS = ["f4", "f8"]
LIMITS = [
    sign * 2**bits + more
    for sign in (-1, 1)
    for bits in (7, 8, 15, 16, 24, 31, 32, 53, 63)
    for more in (-1, 0, 1)
]
# lengths around the widths of vector registers, and odd tails
SIZES = st.integers(0, 70) | st.sampled_from([127, 128, 129, 255, 256, 257, 1023, 4097])


@st.composite
def numbers(draw, dtype, sizes=SIZES):
    """Draw an array of numbers with all bits, of small numbers, or of the limits of the types."""
    n, seed = draw(sizes), draw(st.integers(0, 2**32 - 1))
    rng, kind = np.random.default_rng(seed), np.dtype(dtype)
    if draw(st.booleans()):
        drawn = rng.integers(-3, 4, n) * draw(st.sampled_from([0.3, 1, 1, 1]))
    elif draw(st.booleans()):
        drawn = rng.choice(np.array(LIMITS, object), n)
    else:
        array = rng.integers(0, 256, n * kind.itemsize).astype("u1").view(kind)
        return array if kind.kind != "f" else np.where(np.isfinite(array), array, kind.type(1.5))
    if kind.kind != "f":
        low, high = np.iinfo(kind).min, np.iinfo(kind).max
        return np.array([min(max(int(x), low), high) for x in drawn], kind)
    return drawn.astype("f8").astype(kind)


def applied(kernels, steps, array):
    """Return the bytes of an array after some steps, or None."""
    # an address that is not aligned, as after a checksum
    moved = np.frombuffer(b"x" + array.tobytes(), np.uint8)[1:]
    made = kernels.Steps(array.nbytes, steps).apply(moved)
    return None if made is None else made.tobytes()


@on_both
@given(data=st.binary(max_size=2000), seed=st.integers(0, 2**32 - 1))
@example(data=b"", seed=0)
@example(data=b"\xff" * 2000, seed=2**32 - 1)
def test_checksums_are_those_of_zlib_and_numcodecs(kernels, data, seed):
    for by_tables in (False, True):
        assert kernels.checksum(data, "crc32", 0, by_tables) == zlib.crc32(data)
        assert kernels.checksum(data, "adler32", 0, by_tables) == zlib.adler32(data)
        assert kernels.checksum(data, "crc32c", 0, by_tables) == _kernels.default.crc32c(data)
    if data:
        encoded = numcodecs.JenkinsLookup3(seed).encode(data)
        assert kernels.checksum(data, "lookup3", seed).to_bytes(4, "little") == bytes(encoded[-4:])
        assert kernels.checksum(data, "fletcher32") == reference.checksum(data, "fletcher32")


@on_both
@pytest.mark.parametrize("n", [1, 2, 3, 719, 720, 721, 722, 1440, 100_001])
@pytest.mark.parametrize("byte", [0, 255, None])
def test_fletcher32_is_that_of_numcodecs(kernels, n, byte):
    data = bytes([byte]) * n if byte is not None else np.random.default_rng(n).bytes(n)
    expected = numcodecs.Fletcher32().encode(np.frombuffer(data, "u1"))
    assert kernels.checksum(data, "fletcher32").to_bytes(4, "little") == bytes(expected[-4:])


@on_both
@pytest.mark.parametrize("location", ["start", "end"])
@pytest.mark.parametrize("name", list(reference.CHECKSUMS))
@given(array=numbers("u1"), bit=st.integers(0, 2**20))
def test_a_checksum_is_added_and_taken_and_a_changed_bit_fails(kernels, name, location, array, bit):
    encoded = applied(kernels, [("add_checksum", name, location, 7)], array)
    take = [("take_checksum", name, location, 7)]
    assert applied(kernels, take, np.frombuffer(encoded, "u1")) == array.tobytes()
    damaged = bytearray(encoded)
    damaged[bit // 8 % len(damaged)] ^= 1 << bit % 8
    # a Fletcher sum does not see a change of 0 to 0xffff, which takes 16 bits
    assert applied(kernels, take, np.frombuffer(bytes(damaged), "u1")) is None


@on_both
@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 12, 16, 17, 255, 256, 300])
@given(data=st.data())
@settings(max_examples=15)
def test_bytes_are_shuffled_as_numcodecs_shuffles_them(kernels, size, data):
    n = data.draw(st.integers(0, 40) | st.sampled_from([127, 128, 129, 1000]))
    array = np.random.default_rng(n).integers(0, 256, n * size).astype("u1")
    encoded = applied(kernels, [("shuffle", size)], array)
    assert encoded == bytes(numcodecs.Shuffle(size).encode(array)) or size == 1
    assert applied(kernels, [("unshuffle", size)], np.frombuffer(encoded, "u1")) == array.tobytes()


@on_both
@pytest.mark.parametrize("size", [1, 2, 4, 8])
@given(data=st.data())
def test_bytes_of_elements_are_reversed(kernels, size, data):
    array = data.draw(numbers(f"u{size}"))
    assert applied(kernels, [("swap", size)], array) == array.byteswap().tobytes()


@on_both
@pytest.mark.parametrize("dtype", INTEGERS + FLOATS)
@given(data=st.data())
@settings(max_examples=30)
def test_differences_are_those_of_numcodecs_or_fail(kernels, dtype, data):
    array = data.draw(numbers(dtype))
    encoded = applied(kernels, [("difference", dtype)], array)
    if not array.size:
        assert encoded == b""
        return
    codec = numcodecs.Delta(f"<{dtype}")
    with np.errstate(all="ignore"):
        expected = codec.encode(array)
    if dtype in FLOATS and not np.isfinite(expected).all():
        assert encoded is None
        return
    assert encoded == expected.tobytes()
    with np.errstate(all="ignore"):
        decoded = codec.decode(expected)
    found = applied(kernels, [("cumulate", dtype)], expected)
    assert found == decoded.tobytes() or (
        dtype in FLOATS and not np.isfinite(decoded).all() and found is None
    )


@on_both
@given(data=st.data(), old=st.sampled_from(INTEGERS + FLOATS), new=st.sampled_from(INTEGERS + FLOATS))
@settings(max_examples=400)
def test_casts_are_those_of_numpy_and_fail_for_what_is_lost(kernels, data, old, new):
    array = data.draw(numbers(old, st.integers(0, 20) | st.just(130)))
    modes = ("wraps", "comes_back", "is_equal")
    results = {mode: applied(kernels, [("cast", old, new, mode)], array) for mode in modes}
    with np.errstate(all="ignore"):
        cast = array.astype(f"<{new}")
    for mode, found in results.items():
        if found is not None:
            assert found == cast.tobytes()
        exact = array.tolist()
        if old in FLOATS and new in FLOATS:
            assert (found is None) == bool(np.isinf(cast).any())
        elif old in FLOATS:
            info = np.iinfo(new)
            assert (found is None) == any(not info.min <= int(x) <= info.max for x in exact)
        elif mode == "wraps":
            assert found is not None
        elif new in INTEGERS:
            info = np.iinfo(new)
            if mode == "is_equal":
                assert (found is None) == any(not info.min <= x <= info.max for x in exact)
            else:
                # -1 as a signed integer comes back as the largest unsigned one, which may be what it was
                assert (found is None) == bool((cast.astype(array.dtype) != array).any())
        else:
            assert (found is None) == any(int(float(y)) != x for x, y in zip(exact, cast, strict=True))


@on_both
@pytest.mark.parametrize("dtype", FLOATS)
@given(
    data=st.data(),
    a=st.sampled_from([0.0, 1000.0, 273.15, -0.1]),
    b=st.sampled_from([1.0, 10.0, 0.01, -3.0, 1 / 3]),
)
def test_floats_are_scaled_as_numcodecs_scales_them(kernels, dtype, data, a, b):
    array = data.draw(numbers(dtype))
    with np.errstate(all="ignore"):
        expected = {
            ("scale", dtype, a, b, True): np.around((array - a) * b),
            ("scale", dtype, a, b, False): (array - a) * b,
            ("unscale", dtype, a, b): array / b + a,
            ("rint", dtype): np.around(array),
            ("quantize", dtype, 1024.0): np.around(1024.0 * array) / 1024.0,
        }
    for step, result in expected.items():
        found = applied(kernels, [step], array)
        assert found == (result.tobytes() if np.isfinite(result).all() else None), step


@on_both
@pytest.mark.parametrize("dtype", FLOATS)
def test_floats_that_are_not_finite_stay_as_they_are(kernels, dtype):
    array = np.array(
        [np.nan, -np.nan, np.inf, -np.inf, -0.0, 0.5, 1.5, 2.5, -0.5, 2.0**52 + 1, 2.0**23 + 1], dtype
    )
    assert applied(kernels, [("rint", dtype)], array) == np.rint(array).tobytes()
    assert applied(kernels, [("scale", dtype, 0.0, 1.0, True)], array) == np.rint(array).tobytes()


@on_both
@pytest.mark.parametrize(("dtype", "n_bits"), [("f2", 10), ("f4", 23), ("f8", 52)])
@given(data=st.data())
def test_bits_are_rounded_as_numcodecs_rounds_them(kernels, dtype, n_bits, data):
    words = data.draw(numbers(f"u{dtype[1]}"))
    keep = data.draw(st.integers(0, n_bits - 1))
    with np.errstate(all="ignore"):
        expected = numcodecs.BitRound(keep).encode(words.view(dtype)).tobytes()
    assert applied(kernels, [("round_bits", int(dtype[1]), n_bits - keep)], words) == expected


@on_both
@given(array=SIZES.flatmap(lambda n: npst.arrays(bool, n)))
def test_booleans_are_packed_as_numcodecs_packs_them(kernels, array):
    for highest_first in (True, False):
        for where in ("none", "first_byte", "last_byte"):
            encoded = applied(kernels, [("pack_bits", highest_first, where)], array)
            if (highest_first, where) == (True, "first_byte"):
                assert encoded == numcodecs.PackBits().encode(array).tobytes()
            order = "big" if highest_first else "little"
            assert np.packbits(array, bitorder=order).tobytes() in encoded
            unpack = [("unpack_bits", highest_first, where, array.size)]
            assert applied(kernels, unpack, np.frombuffer(encoded, "u1")) == array.tobytes()
            if where != "none":
                damaged = np.frombuffer(encoded, "u1").copy()
                damaged[0 if where == "first_byte" else -1] ^= 8
                assert applied(kernels, unpack, damaged) is None


@on_both
@given(array=numbers("u1"))
def test_a_byte_that_is_not_a_boolean_is_not_packed(kernels, array):
    found = applied(kernels, [("pack_bits", True, "none")], array)
    assert (found is None) == bool((array > 1).any())


@on_both
@pytest.mark.parametrize("size", [1, 2, 3, 4, 8, 16])
@given(data=st.data())
def test_axes_are_reordered_as_numpy_reorders_them(kernels, size, data):
    shape = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=5))
    order = data.draw(st.permutations(range(len(shape))))
    flat = np.random.default_rng(0).integers(0, 256, int(np.prod(shape)) * size).astype("u1")
    expected = np.ascontiguousarray(flat.view(f"V{size}").reshape(shape).transpose(order)).tobytes()
    assert applied(kernels, [("transpose", size, shape, order)], flat) == expected


ROWS = [
    [
        ("difference", "i4"),
        ("cast", "i4", "i2", "wraps"),
        ("shuffle", 2),
        ("add_checksum", "crc32", "start", 0),
    ],
    [
        ("take_checksum", "crc32", "start", 0),
        ("unshuffle", 2),
        ("cast", "i2", "i4", "wraps"),
        ("cumulate", "i4"),
    ],
    [("add_checksum", "adler32", "end", 0), ("add_checksum", "crc32", "start", 0), ("swap", 4)],
    [
        ("swap", 4),
        ("take_checksum", "crc32", "start", 0),
        ("take_checksum", "adler32", "end", 0),
        ("swap", 4),
    ],
    [("take_checksum", "crc32", "start", 0), ("shuffle", 4), ("take_checksum", "lookup3", "end", 5)],
    [("swap", 4), ("swap", 2), ("difference", "u8"), ("swap", 8), ("cumulate", "u8")],
    [("shuffle", 4), ("shuffle", 2), ("shuffle", 8), ("unshuffle", 4)],
    [],
]


@pytest.mark.skipif(native is None, reason="this build has no native path")
@pytest.mark.parametrize("steps", ROWS, ids=lambda steps: " ".join(step[0] for step in steps) or "nothing")
@given(array=numbers("i8"))
@settings(max_examples=30)
def test_a_row_of_steps_is_one_step_after_another(steps, array):
    flat = array.view("u1")
    for kind, *parameters in reversed(steps):
        # begin with bytes whose checksums are right
        if kind == "take_checksum":
            flat = np.frombuffer(applied(reference, [("add_checksum", *parameters)], flat), "u1")
        elif kind in ("swap", "shuffle"):
            back = {"swap": "swap", "shuffle": "unshuffle"}[kind]
            if flat.size % parameters[0]:
                return
            flat = np.frombuffer(applied(reference, [(back, *parameters)], flat), "u1")
    expected = flat
    try:
        for step in steps:
            expected = np.frombuffer(applied(reference, [step], expected), "u1")
    except ValueError:
        with pytest.raises(ValueError, match="bytes"):
            native.Steps(flat.nbytes, steps)
        return
    before = flat.tobytes()
    assert applied(native, steps, flat) == expected.tobytes() == applied(reference, steps, flat)
    assert flat.tobytes() == before, "the source does not change"


INVALID = [
    (8, [("no such step",)]),
    (8, [("swap", 3)]),
    (7, [("swap", 2)]),
    (7, [("shuffle", 2)]),
    (7, [("difference", "i2")]),
    (7, [("cast", "i2", "i4", "wraps")]),
    (8, [("scale", "i4", 0.0, 1.0, True)]),
    (8, [("quantize", "f8", 3.0)]),
    (8, [("quantize", "f8", 2.0**200)]),
    (8, [("round_bits", 4, 31)]),
    (8, [("round_bits", 3, 1)]),
    (8, [("unpack_bits", True, "none", 65)]),
    (8, [("unpack_bits", True, "none", -1)]),
    (8, [("transpose", 1, (2, 3), (1, 0))]),
    (8, [("transpose", 1, (2, 4), (1, 1))]),
    (3, [("take_checksum", "crc32", "start", 0)]),
    (8, [("add_checksum", "crc32", "middle", 0)]),
    (8, [("swap", 2)] * 17),
]


@on_both
@pytest.mark.parametrize(("nbytes", "steps"), INVALID)
def test_a_step_that_does_not_fit_is_refused(kernels, nbytes, steps):
    with pytest.raises(ValueError):
        kernels.Steps(nbytes, steps).apply(bytes(nbytes))


@on_both
def test_a_chunk_of_another_length_is_refused(kernels):
    with pytest.raises(ValueError, match="has 9 bytes; the steps take 8"):
        kernels.Steps(8, [("swap", 2)]).apply(bytes(9))
