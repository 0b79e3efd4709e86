"""Mutate bytes and JSON documents in ways that parsers do not expect, with the standard library only."""

import json
import math

INTERESTING = (
    *(0, 1, -1, 2, 7, 31, 32, 33, 63, 64, 65, 127, 128, 255, 256, 2**15, 2**16, 2**20, 2**24),
    *(
        2**31 - 1,
        2**31,
        2**32 - 1,
        2**32,
        2**40,
        2**53,
        2**60,
        2**61,
        2**62 - 1,
        2**62,
        2**63 - 1,
        2**63,
        2**64 - 1,
    ),
    *(2**64, -(2**31), -(2**63), 10**30, 10**400),
)
TEXTS = (
    *(
        "",
        "/",
        ".",
        "..",
        "../..",
        "a/../b",
        "\\",
        "\0",
        "C:",
        "é",
        "\ud800",
        "C",
        "F",
        "A",
        "K",
        "c",
        "x" * 300,
    ),
    *(
        "<i4",
        "<f8",
        ">f4",
        "|S9",
        "|S999999999",
        "<U4",
        "<U999999999",
        "|O",
        "|V4",
        "|b1",
        "<M8[ns]",
        "<m8",
        "<c16",
    ),
    *(
        "int8",
        "uint64",
        "float16",
        "float64",
        "bool",
        "complex64",
        "string",
        "bytes",
        "r8",
        "r99999999999",
        "bfloat16",
    ),
    *(
        "numpy.datetime64",
        "fixed_length_utf32",
        "null_terminated_bytes",
        "raw_bytes",
        "struct",
        "int4",
        "float8_e5m2",
    ),
    *("NaN", "Infinity", "-Infinity", "0x7fc00000", "0x", "AAAA", "AAAAAAAAAAA=", "NaT", "!"),
    *(
        "zstd",
        "blosc",
        "lz4",
        "gzip",
        "zlib",
        "bz2",
        "lzma",
        "pickle",
        "json2",
        "vlen-utf8",
        "vlen-bytes",
        "delta",
    ),
    *(
        "astype",
        "packbits",
        "fixedscaleoffset",
        "quantize",
        "bitround",
        "categorize",
        "shuffle",
        "crc32c",
        "n5_wrapper",
    ),
    *(
        "transpose",
        "sharding_indexed",
        "endian",
        "little",
        "big",
        "cast_value",
        "scale_offset",
        "start",
        "end",
    ),
    *("id", "name", "configuration", "codecs", "must_understand", "regular", "rectilinear", "default", "v2"),
)
NUMBERS = (0.0, -0.0, 0.5, 1e300, -1e-300, 3.0, math.nan, math.inf, -math.inf)


def mutate(random, data, others=(), most=4096):
    """Return bytes with a few mutations. A part of `others` may be inserted."""
    data = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 5, 8))):
        at = random.randrange(len(data) + 1)
        kind = random.randrange(9)
        if kind == 0 and data:
            data[at % len(data)] ^= 1 << random.randrange(8)
        elif kind == 1 and data:
            data[at % len(data)] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))
        elif kind == 2:
            data[at:at] = random.randbytes(random.choice((1, 2, 4, 16)))
        elif kind == 3:
            del data[at : at + random.choice((1, 1, 2, 4, 16, len(data)))]
        elif kind == 4:
            size = random.choice((1, 2, 4, 8))
            number = random.choice(INTERESTING) % 2 ** (8 * size)
            data[at : at + size] = number.to_bytes(size, random.choice(("little", "big")))
        elif kind == 5:
            stop = random.randrange(len(data) + 1)
            start = random.randrange(len(data) + 1)
            data[at:at] = data[min(start, stop) : max(start, stop)]
        elif kind == 6 and others:
            other = random.choice(others)
            cut = random.randrange(len(other) + 1)
            data[at:] = other[cut:]
        elif kind == 7:
            del data[at:]
        elif data:
            size = random.choice((1, 2, 4))
            place = slice(at, at + size)
            number = int.from_bytes(data[place], "little") + random.choice((-1, 1, -8, 8, 16))
            data[place] = (number % 2 ** (8 * size)).to_bytes(size, "little")
    return bytes(data[:most])


def mutate_json(random, data, others=()):
    """Return a JSON document with changed, removed, moved or extreme values; sometimes invalid JSON."""
    if random.random() < 0.1:
        return mutate(random, data, others)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, (dict, list)):
        return mutate(random, data, others)
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        places = list(_places(document))
        if not places:
            return json.dumps(_anything(random)).encode()
        holder, name = random.choice(places)
        kind = random.randrange(7)
        if kind == 0:
            del holder[name]
        elif kind == 1 and isinstance(holder, list):
            holder.insert(name, holder[name])
        elif kind == 1:
            holder[random.choice(TEXTS)] = holder[name]
        elif kind == 2:
            source, other = random.choice(places)
            if not _is_within(source[other], holder):
                holder[name] = source[other]
        elif kind == 3 and isinstance(holder[name], int):
            holder[name] = random.choice(INTERESTING)
        else:
            holder[name] = _anything(random)
    try:
        return json.dumps(document).encode()
    except (ValueError, RecursionError):
        return data


def _places(value):
    """Iterate over (container, name or index) for each value of a document."""
    todo = [value]
    while todo:
        holder = todo.pop()
        for name, inner in list(holder.items() if isinstance(holder, dict) else enumerate(holder)):
            yield holder, name
            if isinstance(inner, (dict, list)):
                todo.append(inner)


def _is_within(value, holder):
    """Return whether `value` contains `holder`, so that storing it there makes a cycle."""
    todo = [value]
    while todo:
        at = todo.pop()
        if at is holder:
            return True
        if isinstance(at, (dict, list)):
            todo += at.values() if isinstance(at, dict) else at
    return False


def _anything(random, depth=0):
    kind = random.randrange(12 if depth < 2 else 8)
    if kind < 3:
        return random.choice(INTERESTING)
    if kind < 6:
        return random.choice(TEXTS)
    if kind == 6:
        return random.choice(NUMBERS)
    if kind == 7:
        return random.choice((None, True, False))
    if kind == 8:
        return [_anything(random, depth + 1) for _ in range(random.choice((0, 1, 2, 4, 70)))]
    if kind == 9:
        return {random.choice(TEXTS): _anything(random, depth + 1) for _ in range(random.choice((0, 1, 2)))}
    deep = random.choice(([], {}, 1))
    for _ in range(random.choice((3, 40, 200))):
        deep = [deep] if kind == 10 else {"name": "struct", "configuration": deep}
    return deep
