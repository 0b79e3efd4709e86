/* Streams of gzip and zlib (RFC 1951): by libdeflate if it was found at build time, or else by zlib-ng, which comes with
 * the archive of C-Blosc2. Another member behind a stream, or padding, is left to the general way. */
#ifndef ZARRCY_DEFLATE_H
#define ZARRCY_DEFLATE_H

#include <stdint.h>
#include <string.h>

#include "codec_libraries.h"

#if defined(ZARRCY_LIBDEFLATE)

typedef struct {
    struct libdeflate_decompressor *library;
} zarrcy_inflater;

typedef struct {
    struct libdeflate_compressor *library;
    int level;
} zarrcy_deflater;

static void zarrcy_inflater_free(zarrcy_inflater *d) { libdeflate_free_decompressor(d->library); }

static void zarrcy_deflater_free(zarrcy_deflater *d) { libdeflate_free_compressor(d->library); }

static int zarrcy_inflate(zarrcy_inflater *d, int is_gzip, const char *src, size_t n, char *dst, size_t nbytes) {
    size_t taken = 0, made = 0;
    if (!d->library && !(d->library = libdeflate_alloc_decompressor()))
        return -1;
    /* 0: the stream ended, and its own checksum was right */
    return (is_gzip ? libdeflate_gzip_decompress_ex(d->library, src, n, dst, nbytes, &taken, &made)
                    : libdeflate_zlib_decompress_ex(d->library, src, n, dst, nbytes, &taken, &made)) == 0
            && taken == n && made == nbytes ? 0 : -1;
}

/* The level above zlib's takes half the time of that, and its chunks are shorter in the mean of all kinds of data. */
static int zarrcy_can_deflate(int level) { return level >= 0 && level <= 9; }

static int64_t zarrcy_to_deflate(zarrcy_deflater *d, int is_gzip, int level, const char *src, size_t n, char *dst,
                                 size_t room) {
    size_t found;
    if (d->library && d->level != level) {
        libdeflate_free_compressor(d->library);
        d->library = NULL;
    }
    if (!d->library && !(d->library = libdeflate_alloc_compressor(level && level < 9 ? level + 1 : level)))
        return -1;
    d->level = level;
    found = is_gzip ? libdeflate_gzip_compress(d->library, src, n, dst, room)
                    : libdeflate_zlib_compress(d->library, src, n, dst, room);
    return found ? (int64_t)found : -1;
}

#elif defined(ZARRCY_ARCHIVE)

typedef struct {
    zarrcy_zng_stream stream;
    int bits;               /* 0 until the stream was made */
} zarrcy_inflater;

typedef struct {
    zarrcy_zng_stream stream;
    int level;              /* -1 - level once the stream was made */
} zarrcy_deflater;

static void zarrcy_inflater_free(zarrcy_inflater *d) {
    if (d->bits)
        zng_inflateEnd(&d->stream);
}

static void zarrcy_deflater_free(zarrcy_deflater *d) {
    if (d->level)
        zng_deflateEnd(&d->stream);
}

static int zarrcy_inflate(zarrcy_inflater *d, int is_gzip, const char *src, size_t n, char *dst, size_t nbytes) {
    zarrcy_zng_stream *s = &d->stream;
    int bits = is_gzip ? 31 : 15;
    if (n > 0xffffffffu || nbytes > 0xffffffffu)
        return -1;
    if (d->bits != bits) {
        if (d->bits)
            zng_inflateEnd(s);
        memset(s, 0, sizeof *s);
        d->bits = 0;
        if (zng_inflateInit2(s, bits) != 0)
            return -1;
        d->bits = bits;
    } else if (zng_inflateReset(s) != 0)
        return -1;
    s->next_in = (const uint8_t *)src;
    s->avail_in = (uint32_t)n;
    s->next_out = (uint8_t *)dst;
    s->avail_out = (uint32_t)nbytes;
    /* 4: finish; 1: the stream ended, and its own checksum was right */
    return zng_inflate(s, 4) == 1 && s->avail_out == 0 && s->avail_in == 0 ? 0 : -1;
}

/* How hard zlib-ng tries, by level. At levels 2 to 8 it finds no match of three bytes, so chunks of integers are up to
 * 1.7 times as long as zlib's (at level 1 it uses fixed codes: 3 times). At level 9 it does, and zlib's own numbers make
 * it as quick as zlib at the level that was asked for. They do so from 4 on: below, zlib does not note the places inside
 * a match, and zlib-ng does, whose chunks of labels and stairs then are up to 1.7 times as long, whatever the numbers.
 * So 1 to 3 are left to zlib, and 0 needs no numbers. */
static const struct {
    int good, lazy, nice, chain;
} zarrcy_tunings[] = {
    {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {4, 4, 16, 16},
    {8, 16, 32, 32}, {8, 16, 128, 128}, {8, 32, 128, 256}, {32, 128, 258, 1024}, {32, 258, 258, 4096},
};

static int zarrcy_can_deflate(int level) { return level == 0 || (level >= 4 && level <= 9); }

static int64_t zarrcy_to_deflate(zarrcy_deflater *d, int is_gzip, int level, const char *src, size_t n, char *dst,
                                 size_t room) {
    zarrcy_zng_stream *s = &d->stream;
    if (n > 0xffffffffu || !zarrcy_can_deflate(level))
        return -1;
    if (d->level != -1 - level) {
        if (d->level)
            zng_deflateEnd(s);
        memset(s, 0, sizeof *s);
        d->level = 0;
        /* 8: deflate; the usual memory; the usual strategy */
        if (zng_deflateInit2(s, level ? 9 : 0, 8, is_gzip ? 31 : 15, 8, 0) != 0)
            return -1;
        d->level = -1 - level;
    } else if (zng_deflateReset(s) != 0)
        return -1;
    if (level && zng_deflateTune(s, zarrcy_tunings[level].good, zarrcy_tunings[level].lazy, zarrcy_tunings[level].nice,
                                 zarrcy_tunings[level].chain) != 0)
        return -1;
    s->next_in = (const uint8_t *)src;
    s->avail_in = (uint32_t)n;
    s->next_out = (uint8_t *)dst;
    s->avail_out = room > 0xffffffffu ? 0xffffffffu : (uint32_t)room;
    /* 4: finish; 1: all of it fitted */
    return zng_deflate(s, 4) == 1 ? (int64_t)s->total_out : -1;
}

#else

typedef struct {
    int none;
} zarrcy_inflater;
typedef zarrcy_inflater zarrcy_deflater;
static void zarrcy_inflater_free(zarrcy_inflater *d) {}
static void zarrcy_deflater_free(zarrcy_deflater *d) {}
static int zarrcy_inflate(zarrcy_inflater *d, int is_gzip, const char *src, size_t n, char *dst, size_t nbytes) {
    return -1;
}
static int zarrcy_can_deflate(int level) { return 0; }
static int64_t zarrcy_to_deflate(zarrcy_deflater *d, int is_gzip, int level, const char *src, size_t n, char *dst,
                                 size_t room) {
    return -1;
}

#endif

#endif
