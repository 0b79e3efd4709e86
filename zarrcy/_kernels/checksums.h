/* Checksums of 32 bits: CRC-32 and Adler-32 as in zlib, CRC-32C, Fletcher-32 as in HDF5, and lookup3 of Bob Jenkins.
 * CRC-32 and Adler-32 use the library that inflates chunks, if there is one, and otherwise the loops of this file. */
#ifndef ZARRCY_CHECKSUMS_H
#define ZARRCY_CHECKSUMS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "codec_libraries.h"
#include "crc32c.h"

enum { ZARRCY_CRC32C, ZARRCY_CRC32, ZARRCY_ADLER32, ZARRCY_FLETCHER32, ZARRCY_LOOKUP3 };

enum { ZARRCY_MOST_CHECKSUMS = 4 };

/* One checksum of stored bytes. */
typedef struct {
    int kind;
    int at_start;           /* whether it precedes the bytes, instead of following them */
    uint32_t seed;          /* initial value of lookup3 */
} zarrcy_checksum;

/* The checksums of a chunk, in the order of encoding. Each covers the bytes and the checksums before it. */
typedef struct {
    int n;
    int n_at_start;
    zarrcy_checksum each[ZARRCY_MOST_CHECKSUMS];
} zarrcy_checksums;

static uint32_t zarrcy_load_u32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void zarrcy_store_u32(char *p, uint32_t value) {
    p[0] = (char)value, p[1] = (char)(value >> 8), p[2] = (char)(value >> 16), p[3] = (char)(value >> 24);
}

static uint32_t zarrcy_crc32_table[8][256];

/* Fill the tables of CRC-32, for the reflected polynomial 0xEDB88320 (RFC 1952, section 8), and of CRC-32C. */
static void zarrcy_checksums_init(void) {
    zarrcy_crc32c_init();
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ 0xEDB88320u : crc >> 1;
        zarrcy_crc32_table[0][n] = crc;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 1; k < 8; k++)
            zarrcy_crc32_table[k][n] = (zarrcy_crc32_table[k - 1][n] >> 8)
                ^ zarrcy_crc32_table[0][zarrcy_crc32_table[k - 1][n] & 0xff];
}

/* "Slicing by 8" (Kounavis and Berry, 2005), as in crc32c.h. */
static uint32_t zarrcy_crc32_by_tables(const unsigned char *p, size_t n) {
    uint32_t crc = 0xffffffffu;
    for (; n >= 8; p += 8, n -= 8) {
        uint32_t low = crc ^ zarrcy_load_u32(p);
        crc = zarrcy_crc32_table[7][low & 0xff] ^ zarrcy_crc32_table[6][low >> 8 & 0xff]
            ^ zarrcy_crc32_table[5][low >> 16 & 0xff] ^ zarrcy_crc32_table[4][low >> 24]
            ^ zarrcy_crc32_table[3][p[4]] ^ zarrcy_crc32_table[2][p[5]]
            ^ zarrcy_crc32_table[1][p[6]] ^ zarrcy_crc32_table[0][p[7]];
    }
    while (n--)
        crc = crc >> 8 ^ zarrcy_crc32_table[0][(crc ^ *p++) & 0xff];
    return ~crc;
}

/* Source: RFC 1950, section 8.2. The sums of 5552 bytes fit in 32 bits. */
static uint32_t zarrcy_adler32_by_loop(const unsigned char *p, size_t n) {
    uint32_t a = 1, b = 0;
    while (n) {
        size_t part = n < 5552 ? n : 5552;
        n -= part;
        while (part--)
            b += a += *p++;
        a %= 65521, b %= 65521;
    }
    return b << 16 | a;
}

/* Source: H5_checksum_fletcher32 of HDF5. The sums of 360 words fit in 32 bits. Each reduction keeps a sum of 0xffff,
 * which is congruent to 0, so the order of the reductions is a part of the definition. */
static uint32_t zarrcy_fletcher32(const unsigned char *p, size_t n) {
    uint32_t sum1 = 0, sum2 = 0;
    size_t words = n / 2, part;
    while (words) {
        part = words < 360 ? words : 360;
        words -= part;
        for (; part; part--, p += 2)
            sum2 += sum1 += (uint32_t)p[0] << 8 | p[1];
        sum1 = (sum1 & 0xffff) + (sum1 >> 16);
        sum2 = (sum2 & 0xffff) + (sum2 >> 16);
    }
    if (n % 2) {
        sum1 += (uint32_t)p[0] << 8;
        sum2 += sum1;
        sum1 = (sum1 & 0xffff) + (sum1 >> 16);
        sum2 = (sum2 & 0xffff) + (sum2 >> 16);
    }
    sum1 = (sum1 & 0xffff) + (sum1 >> 16);
    sum2 = (sum2 & 0xffff) + (sum2 >> 16);
    return sum2 << 16 | sum1;
}

#define ZARRCY_ROTATE(x, k) ((x) << (k) | (x) >> (32 - (k)))

/* Source: hashlittle of lookup3.c, Bob Jenkins, 2006, public domain; it is H5_checksum_lookup3 of HDF5. */
static uint32_t zarrcy_lookup3(const unsigned char *p, size_t n, uint32_t seed) {
    uint32_t a, b, c;
    unsigned char last[12] = {0};
    a = b = c = 0xdeadbeefu + (uint32_t)n + seed;
    if (n == 0)
        return c;
    for (; n > 12; p += 12, n -= 12) {
        a += zarrcy_load_u32(p), b += zarrcy_load_u32(p + 4), c += zarrcy_load_u32(p + 8);
        a -= c, a ^= ZARRCY_ROTATE(c, 4), c += b;
        b -= a, b ^= ZARRCY_ROTATE(a, 6), a += c;
        c -= b, c ^= ZARRCY_ROTATE(b, 8), b += a;
        a -= c, a ^= ZARRCY_ROTATE(c, 16), c += b;
        b -= a, b ^= ZARRCY_ROTATE(a, 19), a += c;
        c -= b, c ^= ZARRCY_ROTATE(b, 4), b += a;
    }
    memcpy(last, p, n);
    a += zarrcy_load_u32(last), b += zarrcy_load_u32(last + 4), c += zarrcy_load_u32(last + 8);
    c ^= b, c -= ZARRCY_ROTATE(b, 14);
    a ^= c, a -= ZARRCY_ROTATE(c, 11);
    b ^= a, b -= ZARRCY_ROTATE(a, 25);
    c ^= b, c -= ZARRCY_ROTATE(b, 16);
    a ^= c, a -= ZARRCY_ROTATE(c, 4);
    b ^= a, b -= ZARRCY_ROTATE(a, 14);
    c ^= b, c -= ZARRCY_ROTATE(b, 24);
    return c;
}

/* Return a checksum of bytes. `by_tables`: use the loops of this file and of crc32c.h, and no library or
 * instruction. */
static uint32_t zarrcy_checksum_of(const zarrcy_checksum *sum, const unsigned char *p, size_t n, int by_tables) {
    switch (sum->kind) {
    case ZARRCY_CRC32:
#if defined(ZARRCY_LIBDEFLATE)
        if (!by_tables)
            return libdeflate_crc32(0, p, n);
#elif defined(ZARRCY_CODECS) && defined(ZARRCY_ARCHIVE)
        if (!by_tables)
            return zng_crc32_z(0, p, n);
#endif
        return zarrcy_crc32_by_tables(p, n);
    case ZARRCY_ADLER32:
#if defined(ZARRCY_LIBDEFLATE)
        if (!by_tables)
            return libdeflate_adler32(1, p, n);
#elif defined(ZARRCY_CODECS) && defined(ZARRCY_ARCHIVE)
        if (!by_tables)
            return zng_adler32_z(1, p, n);
#endif
        return zarrcy_adler32_by_loop(p, n);
    case ZARRCY_FLETCHER32:
        return zarrcy_fletcher32(p, n);
    case ZARRCY_LOOKUP3:
        return zarrcy_lookup3(p, n, sum->seed);
    }
    return zarrcy_crc32c(0, p, n, by_tables);
}

/* Remove the checksums of `n` bytes at `src`. Returns the length of what is left, and its place in `payload`; -1 if
 * a checksum is wrong or missing. */
static int64_t zarrcy_take_checksums(const zarrcy_checksums *sums, const char *src, size_t n, const char **payload) {
    const unsigned char *p = (const unsigned char *)src, *stored;
    int k;
    for (k = sums->n - 1; k >= 0; k--) {
        if (n < 4)
            return -1;
        n -= 4;
        stored = p + n;
        if (sums->each[k].at_start) {
            stored = p;
            p += 4;
        }
        if (zarrcy_checksum_of(&sums->each[k], p, n, 0) != zarrcy_load_u32(stored))
            return -1;
    }
    *payload = (const char *)p;
    return (int64_t)n;
}

/* Add the checksums of `n` bytes, around them. There is room for four bytes for each: `n_at_start` of them before `p`.
 * Returns the whole length. */
static int64_t zarrcy_add_checksums(const zarrcy_checksums *sums, char *p, size_t n) {
    uint32_t value;
    int k;
    for (k = 0; k < sums->n; k++) {
        value = zarrcy_checksum_of(&sums->each[k], (const unsigned char *)p, n, 0);
        if (sums->each[k].at_start)
            p -= 4;
        zarrcy_store_u32(sums->each[k].at_start ? p : p + n, value);
        n += 4;
    }
    return (int64_t)n;
}

#endif
