"""Values to exchange, and a comparison bit by bit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

# NaNs with a payload and a sign, negative zero, infinities, and the smallest positive number
SPECIAL_BITS = {
    2: (0x7E01, 0xFE00, 0x8000, 0x7C00, 0xFC00, 1),
    4: (0x7FC00123, 0xFFC00000, 0x80000000, 0x7F800000, 0xFF800000, 1),
    8: (0x7FF8000000000123, 0xFFF8 << 48, 1 << 63, 0x7FF << 52, 0xFFF << 52, 1),
}
LETTERS = list("ab \u0153\xe9\U0001f600")


def make_values(dtype: np.dtype[Any], shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """Return values in which a wrong element, byte or bit is detected."""
    out = np.zeros(shape, dtype)
    if dtype.fields is not None:
        for name, (field, *_) in dtype.fields.items():
            base, inner = field.subdtype or (field, ())
            out[name] = make_values(base, shape + inner, rng)
        return out
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(dtype)
    if dtype.kind == "U":
        n = dtype.itemsize // 4
        flat = ["".join(rng.choice(LETTERS, rng.integers(0, n + 1))) for _ in range(out.size)]
        return np.array(flat, dtype).reshape(shape)
    if dtype.kind in "fc":
        part = dtype.itemsize // (2 if dtype.kind == "c" else 1)
        flat_parts = rng.normal(size=(*shape, dtype.itemsize // part)).astype(f"{dtype.str[0]}f{part}")
        words = flat_parts.view(f"{dtype.str[0]}u{part}")
        special = rng.choice(np.array(SPECIAL_BITS[part], "u8"), words.shape)
        words[...] = np.where(rng.random(words.shape) < 0.4, special, words)
        return flat_parts.view(dtype).reshape(shape)
    flat_bytes = rng.integers(0, 256, (*shape, dtype.itemsize), dtype=np.uint8)
    # make some elements zero, like most fill values
    flat_bytes[rng.random(shape) < 0.2] = 0
    values = flat_bytes.view(dtype).reshape(shape)
    if dtype.kind in "mM":
        values[rng.random(shape) < 0.2] = "NaT"
    return values


def make_quarters(dtype: np.dtype[Any], shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """Return values that lossy codecs do not change: small multiples of 1/4, or whole numbers."""
    whole = rng.integers(0, 50, shape)
    return np.asarray(whole / 4 if dtype.kind == "f" else whole % 2 if dtype.kind == "b" else whole).astype(
        dtype
    )


TEXTS = ["", "a", "\u0153", "\U0001f600b", "nul\0", "foo"]
OBJECTS: dict[str, list[Any]] = {
    "vlen-utf8": TEXTS,
    "vlen-bytes": [b"", b"a", b"\x00\xff", b"x\x00", b"a longer one"],
    "vlen-array": [np.arange(n, dtype="<i4") - 1 for n in (0, 1, 2, 5)],
    "json2": [*TEXTS, 1, None, True, 2.5, [], [1, "x"], {"a": [1, {"b": None}]}],
    "msgpack2": [*TEXTS, 1, None, True, 2.5, [], [1, "x"], {"a": [1, {"b": None}]}, b"\x00\xff"],
    "categorize": ["", "a", "\u0153", "foo"],
    "pickle": [*TEXTS, 1, None, 2.5, 1j, (1, "x"), {2}, {"a": [1]}, b"\x00"],
}


def make_objects(codec: str, shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[Any]:
    """Return Python objects that an object codec can store."""
    flat = np.empty(math.prod(shape), object)
    for i in range(flat.size):
        flat[i] = OBJECTS[codec][rng.integers(len(OBJECTS[codec]))]
    return flat.reshape(shape)


def assert_same_bits(actual: NDArray[Any], expected: NDArray[Any]) -> None:
    """Check that two arrays have the same bits; this distinguishes NaNs with different payloads and zeros by sign."""
    assert actual.dtype == expected.dtype
    assert actual.shape == expected.shape
    if actual.dtype.hasobject:
        assert [plain(item) for item in actual.flat] == [plain(item) for item in expected.flat]
    elif actual.tobytes() != expected.tobytes():
        pairs = zip(np.ndindex(actual.shape), actual.flat, expected.flat, strict=True)
        wrong = [(at, a, b) for at, a, b in pairs if a.tobytes() != b.tobytes()]
        pytest.fail(f"{len(wrong)} of {actual.size} elements differ; (index, actual, expected): {wrong[:3]}")


def plain(item: Any) -> Any:
    """Return an object that compares equal only to an object of the same type and content."""
    return (str(item.dtype), item.tolist()) if isinstance(item, np.ndarray) else (type(item).__name__, item)
