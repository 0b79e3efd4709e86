/* Encode and decode gzip and zlib (RFC 1951) with libdeflate, if it was found at build time, or else with zlib-ng,
 * which the archive of C-Blosc2 contains. Values with a second member or with padding after the stream are left to the
 * fallback path. */
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

static int zarrcy_deflate_decode(zarrcy_inflater *d, int is_gzip, const char *src, size_t n, char *dst, size_t nbytes) {
    size_t consumed = 0, decoded = 0;
    if (!d->library && !(d->library = libdeflate_alloc_decompressor()))
        return -1;
    /* 0: the stream ended and its own checksum is right */
    return (is_gzip ? libdeflate_gzip_decompress_ex(d->library, src, n, dst, nbytes, &consumed, &decoded)
                    : libdeflate_zlib_decompress_ex(d->library, src, n, dst, nbytes, &consumed, &decoded)) == 0
            && consumed == n && decoded == nbytes ? 0 : -1;
}

/* Return whether chunks are encoded at a level, no longer on average than zlib's. */
static int zarrcy_can_deflate(int level) { return level >= 0 && level <= 9; }

static int64_t zarrcy_deflate_encode(zarrcy_deflater *d, int is_gzip, int level, const char *src, size_t n, char *dst,
                                     size_t room) {
    size_t encoded;
    if (d->library && d->level != level) {
        libdeflate_free_compressor(d->library);
        d->library = NULL;
    }
    /* One level above zlib's takes half the time that zlib takes, and chunks are shorter on average. */
    if (!d->library && !(d->library = libdeflate_alloc_compressor(level && level < 9 ? level + 1 : level)))
        return -1;
    d->level = level;
    encoded = is_gzip ? libdeflate_gzip_compress(d->library, src, n, dst, room)
                      : libdeflate_zlib_compress(d->library, src, n, dst, room);
    return encoded ? (int64_t)encoded : -1;
}

#elif defined(ZARRCY_ARCHIVE)

typedef struct {
    zarrcy_zng_stream stream;
    int bits;               /* window bits of the stream; 0 before it is created */
} zarrcy_inflater;

typedef struct {
    zarrcy_zng_stream stream;
    int kind;               /* format and level of the stream, see below; 0 before it is created */
} zarrcy_deflater;

static void zarrcy_inflater_free(zarrcy_inflater *d) {
    if (d->bits)
        zng_inflateEnd(&d->stream);
}

static void zarrcy_deflater_free(zarrcy_deflater *d) {
    if (d->kind)
        zng_deflateEnd(&d->stream);
}

static int zarrcy_deflate_decode(zarrcy_inflater *d, int is_gzip, const char *src, size_t n, char *dst, size_t nbytes) {
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
    /* 4: finish; 1: the stream ended and its own checksum is right */
    return zng_inflate(s, 4) == 1 && s->avail_out == 0 && s->avail_in == 0 ? 0 : -1;
}

/* Parameters of zlib-ng, by level. At levels 2 to 8, zlib-ng does not find matches of three bytes, so chunks of
 * integers are up to 1.7 times as long as zlib's; at level 1 it uses fixed codes, and they are 3 times as long. At
 * level 9 it finds such matches. So every stream uses level 9 with the parameters that zlib has for the requested
 * level, and takes as long as zlib. This works from level 4 on. At levels 1 to 3, zlib does not index positions inside
 * a match but zlib-ng does, and chunks of labels and steps are up to 1.7 times as long with any parameters. These
 * levels are left to zlib. Level 0 does not use parameters. */
typedef struct {
    int good, lazy, nice, chain;
} zarrcy_deflate_tuning;

static const zarrcy_deflate_tuning zarrcy_deflate_parameters[] = {
    {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {0, 0, 0, 0}, {4, 4, 16, 16},
    {8, 16, 32, 32}, {8, 16, 128, 128}, {8, 32, 128, 256}, {32, 128, 258, 1024}, {32, 258, 258, 4096},
};

/* Return whether chunks are encoded at a level, no longer on average than zlib's. */
static int zarrcy_can_deflate(int level) { return level == 0 || (level >= 4 && level <= 9); }

static int64_t zarrcy_deflate_encode(zarrcy_deflater *d, int is_gzip, int level, const char *src, size_t n, char *dst,
                                     size_t room) {
    zarrcy_zng_stream *s = &d->stream;
    const zarrcy_deflate_tuning *tuning;
    /* streams of any format and level take turns in a workspace */
    int kind = 1 + 2 * level + !!is_gzip;
    if (n > 0xffffffffu || !zarrcy_can_deflate(level))
        return -1;
    if (d->kind != kind) {
        if (d->kind)
            zng_deflateEnd(s);
        memset(s, 0, sizeof *s);
        d->kind = 0;
        /* method 8 is deflate; 8 is the default memory level, and 0 the default strategy */
        if (zng_deflateInit2(s, level ? 9 : 0, 8, is_gzip ? 31 : 15, 8, 0) != 0)
            return -1;
        d->kind = kind;
    } else if (zng_deflateReset(s) != 0)
        return -1;
    tuning = &zarrcy_deflate_parameters[level];
    if (level && zng_deflateTune(s, tuning->good, tuning->lazy, tuning->nice, tuning->chain) != 0)
        return -1;
    s->next_in = (const uint8_t *)src;
    s->avail_in = (uint32_t)n;
    s->next_out = (uint8_t *)dst;
    s->avail_out = room > 0xffffffffu ? 0xffffffffu : (uint32_t)room;
    /* 4: finish; 1: the whole stream fits */
    return zng_deflate(s, 4) == 1 ? (int64_t)s->total_out : -1;
}

#else

typedef struct {
    int none;
} zarrcy_inflater;
typedef zarrcy_inflater zarrcy_deflater;
static void zarrcy_inflater_free(zarrcy_inflater *d) {}
static void zarrcy_deflater_free(zarrcy_deflater *d) {}
static int zarrcy_deflate_decode(zarrcy_inflater *d, int is_gzip, const char *src, size_t n, char *dst, size_t nbytes) {
    return -1;
}
static int zarrcy_can_deflate(int level) { return 0; }
static int64_t zarrcy_deflate_encode(zarrcy_deflater *d, int is_gzip, int level, const char *src, size_t n, char *dst,
                                     size_t room) {
    return -1;
}

#endif

#endif
