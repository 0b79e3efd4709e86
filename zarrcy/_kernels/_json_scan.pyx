"""Find the members of one object of a JSON document. The kernel checks the whole document and builds no values.

The document is untrusted: every position is compared with its length before a byte is read, and open objects and lists
are kept in a table of fixed length. `_reference_json_scan` gets the same result by parsing.
"""

import json

from libc.stdint cimport uint8_t, uint64_t
from libc.string cimport memcpy

cdef enum:
    MOST_LEVELS = 256                # nested objects and lists
    MOST_NBYTES = 0x7FFFFFFF         # of a document, so that both halves of a span fit in one integer
    MOST_DIGITS = 600                # of an integer: Python can be configured to refuse more than 640

    TAB = 0x09
    NEWLINE = 0x0A
    RETURN = 0x0D
    SPACE = 0x20
    QUOTE = 0x22
    COMMA = 0x2C
    MINUS = 0x2D
    COLON = 0x3A
    BACKSLASH = 0x5C
    LEFT_BRACKET = 0x5B
    LEFT_BRACE = 0x7B
    RIGHT_BRACE = 0x7D
    # from an opening bracket or brace to the closing one
    TO_CLOSING = 2

cdef object _parse = json.loads

# a byte, eight times
cdef uint64_t ONES = 0x0101010101010101
cdef uint64_t HIGH_BITS = 0x8080808080808080
cdef uint64_t SPACES = 0x2020202020202020


cdef inline uint64_t _word(const uint8_t* p) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, p, 8)
    return word


cdef inline bint _is_plain(uint64_t word) noexcept nogil:
    """Return whether none of eight bytes of a string is a quote, a backslash or a control character.

    Each term sets the high bit of the bytes it looks for, and maybe of bytes after such a byte.
    """
    cdef uint64_t quotes = word ^ (ONES * QUOTE), slashes = word ^ (ONES * BACKSLASH)
    cdef uint64_t special = (quotes - ONES) & ~quotes | (slashes - ONES) & ~slashes | (word - SPACES) & ~word
    return special & HIGH_BITS == 0


cdef inline Py_ssize_t _after_space(const uint8_t* p, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    """Return the position of the next byte that is not white space; `n` if there is none."""
    while i < n:
        if p[i] > SPACE:
            return i
        # documents are often indented by many spaces
        while n - i >= 8 and _word(p + i) == SPACES:
            i += 8
        if i == n:
            return n
        if p[i] != SPACE and p[i] != NEWLINE and p[i] != RETURN and p[i] != TAB:
            return i
        i += 1
    return n


cdef inline bint _is_digit(uint8_t c) noexcept nogil:
    return c'0' <= c <= c'9'


cdef inline bint _is_hex(uint8_t c) noexcept nogil:
    return _is_digit(c) or c'A' <= c <= c'F' or c'a' <= c <= c'f'


cdef inline bint _is_escape(uint8_t c) noexcept nogil:
    """Return whether a byte may follow a backslash; not for u."""
    return (
        c == QUOTE or c == BACKSLASH or c == c'/'
        or c == c'b' or c == c'f' or c == c'n' or c == c'r' or c == c't'
    )


cdef Py_ssize_t _string_end(const uint8_t* p, Py_ssize_t n, Py_ssize_t i, bint* escaped) noexcept nogil:
    """Return the position of the quote that ends the string whose first byte is at `i`; -1 if it is not valid.

    `escaped` is set if the string has a backslash.
    """
    cdef uint8_t c
    while True:
        while n - i >= 8 and _is_plain(_word(p + i)):
            i += 8
        if i >= n:
            return -1
        c = p[i]
        if c == QUOTE:
            return i
        if c < SPACE:
            return -1
        i += 1
        if c != BACKSLASH:
            continue
        escaped[0] = True
        if i >= n:
            return -1
        c = p[i]
        i += 1
        if c == c'u':
            if n - i < 4 or not (_is_hex(p[i]) and _is_hex(p[i + 1]) and _is_hex(p[i + 2]) and _is_hex(p[i + 3])):
                return -1
            i += 4
        elif not _is_escape(c):
            return -1


cdef inline Py_ssize_t _after_digits(const uint8_t* p, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    while i < n and _is_digit(p[i]):
        i += 1
    return i


cdef Py_ssize_t _after_word(const uint8_t* p, Py_ssize_t n, Py_ssize_t i, const char* word, int length) noexcept nogil:
    """Return the position after a word; -1 if it is not at `i`."""
    cdef int k
    if n - i < length:
        return -1
    for k in range(length):
        if p[i + k] != <uint8_t> word[k]:
            return -1
    return i + length


cdef Py_ssize_t _after_number(const uint8_t* p, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    """Return the position after the number without a sign at `i`; -1 if there is none."""
    cdef Py_ssize_t first = i
    i = _after_digits(p, n, i)
    if i == first or i - first > MOST_DIGITS or (p[first] == c'0' and i - first > 1):
        return -1
    if i < n and p[i] == c'.':
        first = i + 1
        i = _after_digits(p, n, first)
        if i == first:
            return -1
    if i < n and (p[i] == c'e' or p[i] == c'E'):
        i += 1
        if i < n and (p[i] == c'+' or p[i] == MINUS):
            i += 1
        first = i
        i = _after_digits(p, n, first)
        if i == first:
            return -1
    return i


cdef Py_ssize_t _after_scalar(const uint8_t* p, Py_ssize_t n, Py_ssize_t i) noexcept nogil:
    """Return the position after the number or literal at `i`, which is in the document; -1 if there is none."""
    cdef uint8_t c = p[i]
    if c == c't':
        return _after_word(p, n, i, b"true", 4)
    if c == c'f':
        return _after_word(p, n, i, b"false", 5)
    if c == c'n':
        return _after_word(p, n, i, b"null", 4)
    if c == c'N':
        return _after_word(p, n, i, b"NaN", 3)
    if c == MINUS:
        i += 1
    if i < n and p[i] == c'I':
        return _after_word(p, n, i, b"Infinity", 8)
    return _after_number(p, n, i)


cdef bint _is_utf8(bytes document) except -1:
    if document.isascii():
        return True
    try:
        document.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


cdef class _Scan:
    """The state of a scan. Its methods return False if the document must be parsed instead."""
    cdef bytes document
    cdef tuple path
    cdef const uint8_t* p
    cdef Py_ssize_t n
    cdef Py_ssize_t i                        # the present position
    cdef uint8_t closing[MOST_LEVELS]        # per open object or list: the byte that closes it
    cdef uint8_t seen[MOST_LEVELS]           # per name of the path: did it occur?
    cdef int most_levels
    cdef int n_names
    cdef int depth                           # number of open objects and lists
    cdef int n_entered                       # number of open objects along the path, the outermost included
    cdef bint is_on_path                     # the next value is an object of the path
    cdef bint is_member                      # the next value is a member of the object at the end of the path
    cdef str name                            # of the next value
    cdef str member                          # name and position of the present member
    cdef Py_ssize_t member_start
    cdef Py_ssize_t start, stop              # of the object at the end of the path
    cdef dict spans

    def __cinit__(self, bytes document, tuple path, int most_levels):
        cdef int k
        self.document, self.path, self.most_levels = document, path, most_levels
        self.p, self.n = document, len(document)
        self.n_names = len(path)
        for k in range(self.n_names):
            self.seen[k] = False
        self.is_on_path = True
        self.start = self.stop = -1
        self.spans = {}

    cdef inline void skip_space(self) noexcept:
        self.i = _after_space(self.p, self.n, self.i)

    cdef inline bint is_at(self, uint8_t c) noexcept:
        return self.i < self.n and self.p[self.i] == c

    cdef bint scan_name(self) except -1:
        """Scan the name of a member and the colon after it, and decide what the value is."""
        cdef Py_ssize_t quote = self.i
        cdef bint escaped = False
        if not self.is_at(QUOTE):
            return False
        self.i = _string_end(self.p, self.n, quote + 1, &escaped)
        if self.i < 0:
            return False
        self.is_on_path = self.is_member = False
        if self.depth == self.n_entered:
            if escaped:
                self.name = _parse(self.document[quote:self.i + 1])
            else:
                self.name = self.document[quote + 1:self.i].decode("utf-8")
            self.is_member = self.n_entered > self.n_names
            self.is_on_path = not self.is_member and self.name == self.path[self.n_entered - 1]
            if self.is_on_path:
                if self.seen[self.n_entered - 1]:
                    return False
                self.seen[self.n_entered - 1] = True
        self.i += 1
        self.skip_space()
        if not self.is_at(COLON):
            return False
        self.i += 1
        self.skip_space()
        return True

    cdef bint scan_value(self) except -1:
        """Scan a string, a number or a literal, or open an object or a list."""
        cdef bint escaped
        cdef uint8_t c
        if self.i >= self.n:
            return False
        c = self.p[self.i]
        if c == LEFT_BRACE or c == LEFT_BRACKET:
            return self.open_value(c)
        if self.is_on_path or self.is_member:
            return False
        if c == QUOTE:
            self.i = _string_end(self.p, self.n, self.i + 1, &escaped)
            if self.i < 0:
                return False
            self.i += 1
            return True
        self.i = _after_scalar(self.p, self.n, self.i)
        return self.i >= 0

    cdef bint open_value(self, uint8_t c) noexcept:
        """Open an object or a list."""
        if self.depth == self.most_levels:
            return False
        if self.is_on_path or self.is_member:
            if c != LEFT_BRACE:
                return False
        if self.is_member:
            self.member, self.member_start = self.name, self.i
            self.is_member = False
        if self.is_on_path:
            self.is_on_path = False
            self.n_entered += 1
            if self.n_entered > self.n_names:
                self.start = self.i
        self.closing[self.depth] = <uint8_t> (c + TO_CLOSING)
        self.depth += 1
        self.i += 1
        return True

    cdef bint close_value(self) except -1:
        """Close the innermost object or list."""
        self.i += 1
        if self.depth == self.n_entered:
            if self.n_entered > self.n_names:
                self.stop = self.i
            self.n_entered -= 1
        self.depth -= 1
        if self.depth == self.n_entered and self.n_entered > self.n_names:
            self.spans[self.member] = (<uint64_t> self.member_start << 32) | <uint64_t> (self.i - self.member_start)
        return True

    cdef bint close_values(self) except -1:
        """Close all objects and lists that end here, up to a comma or the end of the document."""
        while self.depth:
            self.skip_space()
            if self.is_at(COMMA):
                self.i += 1
                return True
            if not self.is_at(self.closing[self.depth - 1]):
                return False
            self.close_value()
        return True

    cdef bint run(self) except -1:
        """Scan the whole document."""
        cdef int before
        while True:
            self.skip_space()
            if self.depth and self.closing[self.depth - 1] == RIGHT_BRACE and not self.scan_name():
                return False
            before = self.depth
            if not self.scan_value():
                return False
            if self.depth > before:
                self.skip_space()
                if not self.is_at(self.closing[self.depth - 1]):
                    # it is not empty: its first member or element follows
                    if self.i >= self.n:
                        return False
                    continue
            if not self.close_values():
                return False
            if self.depth == 0:
                self.skip_space()
                return self.start >= 0 and self.i == self.n


def scan_members(bytes document not None, tuple path not None, int most_levels):
    """Check that a document is JSON in UTF-8, and find the members of one of its objects.

    Parameters
    ----------
    document : bytes
        The document.
    path : tuple of str
        The names that lead from the outermost object to the object; empty for the outermost object itself.
    most_levels : int
        The largest number of nested objects and lists that is accepted, at most 256.

    Returns
    -------
    tuple of (int, int, dict) or None
        Where the object begins and ends, in bytes, and the spans of its members by name, in the order of `json.loads`.
        If a name occurs twice, the last one counts. A span is one integer: the offset of the first byte times 2**32
        plus the number of bytes. The bytes of a span are valid JSON.

        None if the caller must parse the document with `json.loads`: it is not JSON in UTF-8, has 2 GiB or more, or has
        too many levels; there is no such object; a member of the object is not an object; a name of the path occurs
        twice; or an integer has more than 600 digits.

    Raises
    ------
    ValueError
        If `most_levels` is more than 256, or not enough for the path.
    """
    cdef _Scan scan
    if not len(path) < most_levels <= MOST_LEVELS:
        raise ValueError(
            f"most_levels is {most_levels}; it must be at most {MOST_LEVELS} and, for this path, more than {len(path)} "
            "levels"
        )
    if len(document) > MOST_NBYTES or not _is_utf8(document):
        return None
    scan = _Scan(document, path, most_levels)
    return (scan.start, scan.stop, scan.spans) if scan.run() else None
