/* Decode compressed chunks into memory of a known length. Whatever comes from outside - a length, an offset, a
 * count - is compared with what there is before it is used. A frame that is odd in any way is refused with -1:
 * the caller then takes the general way, which says what is wrong with it. */
#ifndef ZARRCY_FRAMES_H
#define ZARRCY_FRAMES_H

#include <stdlib.h>
#include <string.h>

#include "codec_libraries.h"
#include "crc32c.h"
#include "deflate.h"

enum { ZARRCY_RAW, ZARRCY_BLOSC, ZARRCY_ZSTD, ZARRCY_LZ4, ZARRCY_GZIP, ZARRCY_ZLIB };

/* What one thread needs to decode; nothing of it is allocated per chunk. */
typedef struct {
    char *block;            /* one decoded block of a Blosc frame, before it is unshuffled */
    size_t block_size;
#ifdef ZARRCY_CODECS
    ZSTD_DCtx *zstd;
#endif
    zarrcy_inflater inflater;
} zarrcy_decoder;

static void zarrcy_decoder_free(zarrcy_decoder *d) {
    free(d->block);
#ifdef ZARRCY_CODECS
    if (d->zstd)
        ZSTD_freeDCtx(d->zstd);
#endif
    zarrcy_inflater_free(&d->inflater);
}

static uint32_t zarrcy_u32(const unsigned char *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

#ifdef ZARRCY_CODECS

static int zarrcy_zstd(zarrcy_decoder *d, const char *src, size_t n, char *dst, size_t nbytes) {
    size_t found;
    if (!d->zstd && !(d->zstd = ZSTD_createDCtx()))
        return -1;
    found = ZSTD_decompressDCtx(d->zstd, dst, nbytes, src, n);
    return ZSTD_isError(found) || found != nbytes ? -1 : 0;
}

/* numcodecs' LZ4: the decoded length, little-endian, and one block. */
static int zarrcy_lz4(const char *src, size_t n, char *dst, size_t nbytes) {
    if (n < 4 || n > 0x7fffffff || nbytes > 0x7fffffff || zarrcy_u32((const unsigned char *)src) != nbytes)
        return -1;
    return LZ4_decompress_safe(src + 4, dst, (int)(n - 4), (int)nbytes) == (int)nbytes ? 0 : -1;
}

/* A Blosc-1 frame. Source: c-blosc 1.21, README_CHUNK_FORMAT.rst. */
typedef struct {
    uint32_t nbytes, block_nbytes, stored, n_blocks;
    int typesize, format, shuffle, bitshuffle, copied, split;
} zarrcy_blosc;

static int zarrcy_blosc_open(zarrcy_blosc *f, const unsigned char *src, size_t n, size_t nbytes) {
    if (n < 16 || src[0] != 2)
        return -1;
    f->nbytes = zarrcy_u32(src + 4);
    f->block_nbytes = zarrcy_u32(src + 8);
    f->stored = zarrcy_u32(src + 12);
    f->typesize = src[3];
    f->shuffle = (src[2] & 1) && f->typesize > 1;
    f->copied = src[2] & 2;
    f->bitshuffle = src[2] & 4;
    f->split = !(src[2] & 16);
    f->format = src[2] >> 5;
    if (f->nbytes != nbytes || nbytes == 0 || f->stored > n || f->typesize == 0)
        return -1;
    if (f->block_nbytes == 0 || f->block_nbytes > nbytes || f->block_nbytes > 0x7fffffff - 64)
        return -1;
    if (f->copied)
        return f->stored == nbytes + 16 ? 0 : -1;
    f->n_blocks = (uint32_t)((nbytes + f->block_nbytes - 1) / f->block_nbytes);
    if ((uint64_t)f->n_blocks * 4 + 16 > f->stored)
        return -1;
    return f->format == 0 || f->format == 1 || f->format == 4 ? 0 : -1;
}

/* The streams of a block: where it begins in the frame, how many bytes it has, and in how many streams. */
typedef struct {
    uint32_t at, size, streams, part;
} zarrcy_blosc_part;

static int zarrcy_blosc_find(const zarrcy_blosc *f, const unsigned char *src, uint32_t number, zarrcy_blosc_part *b) {
    int last_is_short = f->nbytes % f->block_nbytes != 0 && number == f->n_blocks - 1;
    b->at = zarrcy_u32(src + 16 + 4 * (size_t)number);
    b->size = last_is_short ? f->nbytes % f->block_nbytes : f->block_nbytes;
    if (b->at < 16 + 4 * (uint64_t)f->n_blocks || b->at > f->stored)
        return -1;
    b->streams = f->split && !last_is_short && f->typesize <= 16 && b->size / f->typesize >= 128 ? f->typesize : 1;
    b->part = b->size / b->streams;
    return b->part * b->streams == b->size ? 0 : -1;
}

/* Find the next stream of a block. Returns its bytes in the frame, and moves on behind them; NULL if they leave it. */
static const unsigned char *zarrcy_blosc_next(const zarrcy_blosc *f, const unsigned char *src, zarrcy_blosc_part *b,
                                              uint32_t *length) {
    uint32_t start = b->at + 4;
    if (f->stored - b->at < 4)
        return NULL;
    *length = zarrcy_u32(src + b->at);
    if (*length == 0 || *length > f->stored - start)
        return NULL;
    b->at = start + *length;
    return src + start;
}

/* Decode one stream to the `part` bytes at `dst`. */
static int zarrcy_blosc_stream(zarrcy_decoder *d, const zarrcy_blosc *f, const unsigned char *src, uint32_t length,
                               char *dst, uint32_t part) {
    if (length == part) {
        memcpy(dst, src, part);
        return 0;
    }
    if (length > 0x7fffffff)
        return -1;
    if (f->format == 1)
        return LZ4_decompress_safe((const char *)src, dst, (int)length, (int)part) == (int)part ? 0 : -1;
    if (f->format == 4)
        return zarrcy_zstd(d, (const char *)src, length, dst, part);
#ifdef ZARRCY_ARCHIVE
    return blosclz_decompress(src, (int)length, dst, (int)part) == (int)part ? 0 : -1;
#else
    return -1;
#endif
}

/* Decode one block to `dst`, which has room for it. */
static int zarrcy_blosc_block(zarrcy_decoder *d, const zarrcy_blosc *f, const unsigned char *src, uint32_t number,
                              char *dst) {
    zarrcy_blosc_part b;
    uint32_t length, k;
    const unsigned char *stream;
    char *to = dst;
    int unmix;
    if (zarrcy_blosc_find(f, src, number, &b) != 0)
        return -1;
    unmix = f->shuffle || (f->bitshuffle && b.size >= (uint32_t)f->typesize);
    if (unmix) {
        if (d->block_size < b.size) {
            free(d->block);
            d->block_size = 0;
            if (!(d->block = malloc(b.size)))
                return -1;
            d->block_size = b.size;
        }
        to = d->block;
    }
    for (k = 0; k < b.streams; k++)
        if (!(stream = zarrcy_blosc_next(f, src, &b, &length))
                || zarrcy_blosc_stream(d, f, stream, length, to + (size_t)k * b.part, b.part) != 0)
            return -1;
    if (f->shuffle)
        return blosc2_unshuffle(f->typesize, (int32_t)b.size, to, dst) == (int32_t)b.size ? 0 : -1;
    if (unmix) {
        /* frames of this version shuffle the bits of a block only if it has a multiple of eight elements */
        if (b.size / f->typesize % 8 == 0)
            return blosc2_bitunshuffle(f->typesize, (int32_t)b.size, to, dst) == (int32_t)b.size ? 0 : -1;
        memcpy(dst, to, b.size);
    }
    return 0;
}

/* Decode one block of shuffled bytes and leave them so: `rows[k]` is where the k-th bytes of its elements stand one
 * after the other. What was stored as it was is not moved at all; the rest goes to `dst`, which has room for it. */
static int zarrcy_blosc_rows(zarrcy_decoder *d, const zarrcy_blosc *f, const unsigned char *src, uint32_t number,
                             char *dst, const char **rows) {
    zarrcy_blosc_part b;
    uint32_t length, k, n_rows;
    const unsigned char *stream;
    const char *place;
    if (!f->shuffle || zarrcy_blosc_find(f, src, number, &b) != 0 || b.size % f->typesize != 0)
        return -1;
    for (k = 0; k < b.streams; k++) {
        if (!(stream = zarrcy_blosc_next(f, src, &b, &length)))
            return -1;
        place = (const char *)stream;
        if (length != b.part) {
            place = dst + (size_t)k * b.part;
            if (zarrcy_blosc_stream(d, f, stream, length, dst + (size_t)k * b.part, b.part) != 0)
                return -1;
        }
        if (b.streams == 1)
            for (n_rows = 0; n_rows < (uint32_t)f->typesize; n_rows++)
                rows[n_rows] = place + (size_t)n_rows * (b.size / f->typesize);
        else
            rows[k] = place;
    }
    return 0;
}

/* Where the bytes of a block stand. Blocks follow one another in any order: with several threads they are written
 * as they get ready, so a block ends where the next one in the file begins. -1 if it leaves the frame. */
static int zarrcy_blosc_span(const zarrcy_blosc *f, const unsigned char *src, uint32_t number, uint32_t *start,
                             uint32_t *end) {
    uint32_t k, other;
    *start = zarrcy_u32(src + 16 + 4 * (size_t)number);
    *end = f->stored;
    for (k = 0; k < f->n_blocks; k++) {
        other = zarrcy_u32(src + 16 + 4 * (size_t)k);
        if (other > *start && other < *end)
            *end = other;
    }
    return *start < 16 + 4 * (uint64_t)f->n_blocks || *end <= *start ? -1 : 0;
}

static int zarrcy_blosc_all(zarrcy_decoder *d, const char *src, size_t n, char *dst, size_t nbytes) {
    zarrcy_blosc f;
    uint32_t k;
    if (zarrcy_blosc_open(&f, (const unsigned char *)src, n, nbytes) != 0)
        return -1;
    if (f.copied) {
        memcpy(dst, src + 16, nbytes);
        return 0;
    }
    for (k = 0; k < f.n_blocks; k++)
        if (zarrcy_blosc_block(d, &f, (const unsigned char *)src, k, dst + (size_t)k * f.block_nbytes) != 0)
            return -1;
    return 0;
}

#else
typedef struct {
    uint32_t nbytes, block_nbytes, stored, n_blocks;
    int copied, shuffle, typesize;
} zarrcy_blosc;
static int zarrcy_blosc_open(zarrcy_blosc *f, const unsigned char *src, size_t n, size_t nbytes) { return -1; }
static int zarrcy_blosc_span(const zarrcy_blosc *f, const unsigned char *src, uint32_t number, uint32_t *start,
                             uint32_t *end) { return -1; }
static int zarrcy_blosc_block(zarrcy_decoder *d, const zarrcy_blosc *f, const unsigned char *src, uint32_t number,
                              char *dst) { return -1; }
static int zarrcy_blosc_rows(zarrcy_decoder *d, const zarrcy_blosc *f, const unsigned char *src, uint32_t number,
                             char *dst, const char **rows) { return -1; }
#endif

/* How many bytes of a stored chunk come before its checksum, if it has one; -1 if that is wrong. */
static int64_t zarrcy_check(int checksum, const char *src, size_t n) {
    if (!checksum)
        return (int64_t)n;
    if (n < 4 || zarrcy_crc32c(0, (const unsigned char *)src, n - 4, 0)
            != zarrcy_u32((const unsigned char *)src + n - 4))
        return -1;
    return (int64_t)n - 4;
}

/* Decode `n` stored bytes to exactly `nbytes`; -1 if that can't be done here. `checksum`: a CRC-32C follows. */
static int zarrcy_decode(zarrcy_decoder *d, int codec, int checksum, const char *src, size_t n, char *dst,
                         size_t nbytes) {
    int64_t before = zarrcy_check(checksum, src, n);
    if (before < 0)
        return -1;
    n = (size_t)before;
    switch (codec) {
    case ZARRCY_RAW:
        if (n != nbytes)
            return -1;
        memcpy(dst, src, n);
        return 0;
#ifdef ZARRCY_CODECS
    case ZARRCY_BLOSC:
        return zarrcy_blosc_all(d, src, n, dst, nbytes);
    case ZARRCY_ZSTD:
        return zarrcy_zstd(d, src, n, dst, nbytes);
    case ZARRCY_LZ4:
        return zarrcy_lz4(src, n, dst, nbytes);
#endif
    case ZARRCY_GZIP:
    case ZARRCY_ZLIB:
        return zarrcy_inflate(&d->inflater, codec == ZARRCY_GZIP, src, n, dst, nbytes);
    }
    return -1;
}

#endif
