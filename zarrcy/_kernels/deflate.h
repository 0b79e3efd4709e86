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

/* Return about how many bytes an encoder keeps; the library does not tell. */
static int64_t zarrcy_deflater_nbytes(const zarrcy_deflater *d) { return d->library ? 1 << 20 : 0; }

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

static int64_t zarrcy_deflate_encode(zarrcy_deflater *d, int is_gzip, int level, int is_shuffled, const char *src,
                                     size_t n, char *dst, size_t room) {
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
} zarrcy_deflate_stream;

typedef struct {
    zarrcy_deflate_stream tuned, other;
} zarrcy_deflater;

static void zarrcy_inflater_free(zarrcy_inflater *d) {
    if (d->bits)
        zng_inflateEnd(&d->stream);
}

static void zarrcy_deflater_free(zarrcy_deflater *d) {
    if (d->tuned.kind)
        zng_deflateEnd(&d->tuned.stream);
    if (d->other.kind)
        zng_deflateEnd(&d->other.stream);
}

/* Return about how many bytes an encoder keeps; the library does not tell. */
static int64_t zarrcy_deflater_nbytes(const zarrcy_deflater *d) {
    return (int64_t)(!!d->tuned.kind + !!d->other.kind) * (384 << 10);
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

/* How zlib-ng encodes at a level of zlib. zlib-ng finds no matches of three bytes at levels 2 to 8, so chunks of
 * integers and floats are up to 1.7 times as long as zlib's. It finds them at level 9. There, the search has the
 * parameters that zlib has for the requested level, and takes as long as in zlib.
 *
 * That is enough from level 4 on; level 3 is level 4, which takes less time than zlib at level 3. At levels 1 and 2,
 * zlib does not index positions inside a match but zlib-ng does, and chunks of labels and steps are up to 5 times as
 * long. For those, level 2 of zlib-ng is as good as zlib's and faster. So both ways encode a part of the chunk, and
 * the one with fewer bytes encodes the chunk. Shuffled bytes have few matches of three bytes. Level 0 does not
 * compress.
 *
 * Slow waves and long steps become much shorter in zlib at levels 2 and 3. Where a part of the chunk becomes very short,
 * the search of level 5 is tried too: there are few matches then, so it takes little time. */
typedef struct {
    int good, lazy, nice, chain;
    int other;              /* the level of zlib-ng that is tried too; 0 for none */
    int longer;             /* the level whose way is tried where a part becomes very short; 0 for none */
} zarrcy_deflate_way;

static const zarrcy_deflate_way zarrcy_deflate_ways[] = {
    {0, 0, 0, 0, 0, 0}, {4, 3, 8, 1, 2, 0}, {4, 4, 8, 4, 2, 5}, {4, 4, 16, 16, 0, 5}, {4, 4, 16, 16, 0, 0},
    {8, 16, 32, 32, 0, 0}, {8, 16, 128, 128, 0, 0}, {8, 32, 128, 256, 0, 0}, {32, 128, 258, 1024, 0, 0},
    {32, 258, 258, 4096, 0, 0},
};

/* A part of a chunk is very short if it becomes this many times shorter. */
enum { ZARRCY_VERY_SHORT = 6 };

/* Of a longer chunk, this part is encoded in both ways: one eighth, between these bounds. */
enum { ZARRCY_LEAST_SAMPLE = 4096, ZARRCY_MOST_SAMPLE = 32768 };

/* Return whether chunks are encoded at a level, no longer on average than zlib's. */
static int zarrcy_can_deflate(int level) { return level >= 0 && level <= 9; }

/* Encode with one stream: with the search parameters of `way` at level 9 or, if it is NULL, at level `level`. */
static int64_t zarrcy_deflate_in_way(zarrcy_deflate_stream *d, int is_gzip, int level, const zarrcy_deflate_way *way,
                                     const char *src, size_t n, char *dst, size_t room) {
    zarrcy_zng_stream *s = &d->stream;
    /* streams of any format and level take turns in a workspace */
    int kind = 1 + 2 * (way ? 9 : level) + !!is_gzip;
    if (d->kind != kind) {
        if (d->kind)
            zng_deflateEnd(s);
        memset(s, 0, sizeof *s);
        d->kind = 0;
        /* method 8 is deflate; 8 is the default memory level, and 0 the default strategy */
        if (zng_deflateInit2(s, way ? 9 : level, 8, is_gzip ? 31 : 15, 8, 0) != 0)
            return -1;
        d->kind = kind;
    } else if (zng_deflateReset(s) != 0)
        return -1;
    if (way && zng_deflateTune(s, way->good, way->lazy, way->nice, way->chain) != 0)
        return -1;
    s->next_in = (const uint8_t *)src;
    s->avail_in = (uint32_t)n;
    s->next_out = (uint8_t *)dst;
    s->avail_out = room > 0xffffffffu ? 0xffffffffu : (uint32_t)room;
    /* 4: finish; 1: the whole stream fits */
    return zng_deflate(s, 4) == 1 ? (int64_t)s->total_out : -1;
}

static int64_t zarrcy_deflate_encode(zarrcy_deflater *d, int is_gzip, int level, int is_shuffled, const char *src,
                                     size_t n, char *dst, size_t room) {
    const zarrcy_deflate_way *way = &zarrcy_deflate_ways[level];
    size_t sample = way->other ? n / 8 : n / 16;
    int64_t tuned, other = -1, best, longer;
    const char *part;
    if (n > 0xffffffffu || !zarrcy_can_deflate(level))
        return -1;
    if (level == 0)
        return zarrcy_deflate_in_way(&d->tuned, is_gzip, 0, NULL, src, n, dst, room);
    if (way->other && is_shuffled)
        return zarrcy_deflate_in_way(&d->other, is_gzip, way->other, NULL, src, n, dst, room);
    if (way->other || (way->longer && !is_shuffled && n > ZARRCY_LEAST_SAMPLE)) {
        sample = sample > ZARRCY_MOST_SAMPLE ? ZARRCY_MOST_SAMPLE : sample < ZARRCY_LEAST_SAMPLE ? ZARRCY_LEAST_SAMPLE
                                                                                                  : sample;
        if (sample > n)
            sample = n;
        /* the middle of the chunk is more typical than an edge, where elements may be fill values */
        part = src + (n - sample) / 2;
        if (way->other)
            other = zarrcy_deflate_in_way(&d->other, is_gzip, way->other, NULL, part, sample, dst, room);
        best = tuned = zarrcy_deflate_in_way(&d->tuned, is_gzip, level, way, part, sample, dst, room);
        if (other >= 0 && (tuned < 0 || other < tuned))
            best = other;
        if (way->longer && sample < n && best >= 0 && best * ZARRCY_VERY_SHORT < (int64_t)sample) {
            longer = zarrcy_deflate_in_way(&d->tuned, is_gzip, level, &zarrcy_deflate_ways[way->longer], part, sample,
                                           dst, room);
            if (longer >= 0 && longer < best) {
                way = &zarrcy_deflate_ways[way->longer];
                best = tuned = longer;
            }
        }
        if (best == other && other != tuned)
            return zarrcy_deflate_in_way(&d->other, is_gzip, zarrcy_deflate_ways[level].other, NULL, src, n, dst, room);
        if (sample == n)
            return tuned;
    }
    return zarrcy_deflate_in_way(&d->tuned, is_gzip, level, way, src, n, dst, room);
}

#else

typedef struct {
    int none;
} zarrcy_inflater;
typedef zarrcy_inflater zarrcy_deflater;
static void zarrcy_inflater_free(zarrcy_inflater *d) {}
static void zarrcy_deflater_free(zarrcy_deflater *d) {}

static int64_t zarrcy_deflater_nbytes(const zarrcy_deflater *d) { return 0; }
static int zarrcy_deflate_decode(zarrcy_inflater *d, int is_gzip, const char *src, size_t n, char *dst, size_t nbytes) {
    return -1;
}
static int zarrcy_can_deflate(int level) { return 0; }
static int64_t zarrcy_deflate_encode(zarrcy_deflater *d, int is_gzip, int level, int is_shuffled, const char *src,
                                     size_t n, char *dst, size_t room) {
    return -1;
}

#endif

#endif
