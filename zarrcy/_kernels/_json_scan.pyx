"""Cut a JSON document at the members of one of its objects: all of it is checked, nothing is parsed.

The document comes from outside: no byte is read before its place is known to be in it, and what is open is
kept in a table of fixed length. `_reference_json_scan` says the same by parsing.
"""

import json

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    MOST_LEVELS = 256                # objects and lists that may lie in one another
    MOST_NBYTES = 0x7FFFFFFF         # of a document: a span is one integer, a quarter of a tuple of two
    MOST_DIGITS = 600                # of a whole number: Python can be told to refuse more than 640

cdef object _parse = json.loads

cdef uint64_t ONES = 0x0101010101010101
cdef uint64_t HIGHS = 0x8080808080808080
cdef uint64_t SPACES = 0x2020202020202020


cdef inline uint64_t _word(const uint8_t* p) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, p, 8)
    return word


cdef inline bint _is_plain(uint64_t word) noexcept nogil:
    """Are eight bytes of a string neither quotes, backslashes nor below a space?

    Each term sets the highest bit of the bytes that it is about, and may set those of bytes behind one.
    """
    cdef uint64_t quotes = word ^ (ONES * 0x22), slashes = word ^ (ONES * 0x5C)
    cdef uint64_t found = (quotes - ONES) & ~quotes | (slashes - ONES) & ~slashes | (word - SPACES) & ~word
    return found & HIGHS == 0


cdef inline Py_ssize_t _after_space(const uint8_t* p, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    """Return the place of the next byte that is no space; `n` if there is none."""
    while i < n:
        if p[i] > 0x20:
            return i
        # documents are indented
        while n - i >= 8 and _word(p + i) == SPACES:
            i += 8
        if i == n:
            return n
        if p[i] != 0x20 and p[i] != 0x0A and p[i] != 0x0D and p[i] != 0x09:
            return i
        i += 1
    return n


cdef inline bint _is_hex(uint8_t c) noexcept nogil:
    return 0x30 <= c <= 0x39 or 0x41 <= c <= 0x46 or 0x61 <= c <= 0x66


cdef Py_ssize_t _string_end(const uint8_t* p, Py_ssize_t n, Py_ssize_t i, bint* escaped) noexcept nogil:
    """Return the place of the quote that ends the string whose first byte is at `i`; -1 if it is none."""
    cdef uint8_t c
    while True:
        while n - i >= 8 and _is_plain(_word(p + i)):
            i += 8
        if i >= n:
            return -1
        c = p[i]
        if c == 0x22:
            return i
        if c < 0x20:
            return -1
        i += 1
        if c != 0x5C:
            continue
        escaped[0] = True
        if i >= n:
            return -1
        c = p[i]
        i += 1
        if c == 0x75:                # u
            if n - i < 4 or not (_is_hex(p[i]) and _is_hex(p[i + 1]) and _is_hex(p[i + 2]) and _is_hex(p[i + 3])):
                return -1
            i += 4
        elif not (
            c == 0x22 or c == 0x5C or c == 0x2F                                          # " \ /
            or c == 0x62 or c == 0x66 or c == 0x6E or c == 0x72 or c == 0x74             # b f n r t
        ):
            return -1


cdef inline Py_ssize_t _after_digits(const uint8_t* p, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    while i < n and 0x30 <= p[i] <= 0x39:
        i += 1
    return i


cdef Py_ssize_t _after_word(const uint8_t* p, Py_ssize_t n, Py_ssize_t i, const char* word, int length) noexcept nogil:
    """Return the place behind a word; -1 if another one is at `i`."""
    cdef int k
    if n - i < length:
        return -1
    for k in range(length):
        if p[i + k] != <uint8_t> word[k]:
            return -1
    return i + length


cdef Py_ssize_t _after_plain(const uint8_t* p, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    """Return the place behind the number or the literal at `i`, which is in the text; -1 if there is none."""
    cdef uint8_t c = p[i]
    cdef Py_ssize_t first
    if c == 0x74:
        return _after_word(p, n, i, b"true", 4)
    if c == 0x66:
        return _after_word(p, n, i, b"false", 5)
    if c == 0x6E:
        return _after_word(p, n, i, b"null", 4)
    if c == 0x4E:
        return _after_word(p, n, i, b"NaN", 3)
    if c == 0x49:
        return _after_word(p, n, i, b"Infinity", 8)
    if c == 0x2D:
        i += 1
        if i >= n:
            return -1
        if p[i] == 0x49:
            return _after_word(p, n, i, b"Infinity", 8)
    first = i
    i = _after_digits(p, n, i)
    if i == first or i - first > MOST_DIGITS or (p[first] == 0x30 and i - first > 1):
        return -1
    if i < n and p[i] == 0x2E:
        first = i + 1
        i = _after_digits(p, n, first)
        if i == first:
            return -1
    if i < n and (p[i] == 0x65 or p[i] == 0x45):
        i += 1
        if i < n and (p[i] == 0x2B or p[i] == 0x2D):
            i += 1
        first = i
        i = _after_digits(p, n, first)
        if i == first:
            return -1
    return i


cdef bint _is_utf8(bytes document) except -1:
    if document.isascii():
        return True
    try:
        document.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def scan_members(bytes document not None, tuple path not None, int most_levels):
    cdef const uint8_t* p = document
    cdef Py_ssize_t n = len(document)
    cdef uint8_t closing[MOST_LEVELS]        # of each object or list that is open, the bracket that will close it
    cdef uint8_t seen[MOST_LEVELS]           # did a name of the path come already?
    cdef dict found = {}
    cdef Py_ssize_t i = 0, quote, start = -1, stop = -1, first = 0
    cdef int n_names = len(path)
    cdef int depth = 0
    cdef int along = 0                       # the objects of the path that are open: all above this level
    cdef bint follows = True                 # is the next value an object of the path?
    cdef bint holds = False                  # is it one of those that are cut?
    cdef bint escaped
    cdef str name, member = None
    if not n_names < most_levels <= MOST_LEVELS:
        raise ValueError(f"{most_levels} levels; at most {MOST_LEVELS} are counted, and the path needs {n_names + 1}")
    if n > MOST_NBYTES or not _is_utf8(document):
        return None
    for depth in range(n_names):
        seen[depth] = False
    depth = 0
    while True:
        # a value begins, in an object its name before it
        i = _after_space(p, n, i)
        if depth and closing[depth - 1] == 0x7D:
            if i >= n or p[i] != 0x22:
                return None
            quote = i
            escaped = False
            i = _string_end(p, n, i + 1, &escaped)
            if i < 0:
                return None
            follows = holds = False
            if depth == along:
                name = _parse(document[quote:i + 1]) if escaped else document[quote + 1:i].decode("utf-8")
                holds = along > n_names
                follows = not holds and name == path[along - 1]
                if follows:
                    if seen[along - 1]:
                        return None
                    seen[along - 1] = True
            i = _after_space(p, n, i + 1)
            if i >= n or p[i] != 0x3A:
                return None
            i = _after_space(p, n, i + 1)
        if i >= n:
            return None
        if (follows or holds) and p[i] != 0x7B:
            return None
        if holds:
            member = name
            first = i
            holds = False
        if p[i] == 0x7B or p[i] == 0x5B:
            if depth == most_levels:
                return None
            closing[depth] = <uint8_t> (p[i] + 2)
            depth += 1
            if follows:
                follows = False
                along += 1
                if along > n_names:
                    start = i
            i = _after_space(p, n, i + 1)
            if i >= n:
                return None
            if p[i] != closing[depth - 1]:
                continue
        elif p[i] == 0x22:
            i = _string_end(p, n, i + 1, &escaped)
            if i < 0:
                return None
            i += 1
        else:
            i = _after_plain(p, n, i)
            if i < 0:
                return None
        # a value has ended, or an empty one is at its end
        while depth:
            i = _after_space(p, n, i)
            if i >= n:
                return None
            if p[i] == 0x2C:
                i += 1
                break
            if p[i] != closing[depth - 1]:
                return None
            i += 1
            if depth == along:
                if along > n_names:
                    stop = i
                along -= 1
            depth -= 1
            if depth == along > n_names:
                found[member] = (<uint64_t> first << 32) | <uint64_t> (i - first)
        if depth == 0:
            if start < 0 or _after_space(p, n, i) != n:
                return None
            return start, stop, found
