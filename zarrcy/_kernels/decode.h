/* Decode compressed chunks into memory of a known length. Stored bytes are untrusted: every length, offset and count is
 * checked before it is used. Functions return -1 for any frame that they cannot decode; the caller then uses the
 * fallback path, which reports what is wrong with the frame. */
#ifndef ZARRCY_DECODE_H
#define ZARRCY_DECODE_H

#include <stdlib.h>
#include <string.h>

#include "codec_libraries.h"
#include "checksums.h"
#include "deflate.h"

enum { ZARRCY_RAW, ZARRCY_BLOSC, ZARRCY_ZSTD, ZARRCY_LZ4, ZARRCY_GZIP, ZARRCY_ZLIB };

/* The decoder of one thread. Its memory is allocated once and reused for all chunks. */
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

/* Return how many bytes a decoder keeps, with the states of the libraries. */
static int64_t zarrcy_decoder_nbytes(const zarrcy_decoder *d) {
    int64_t nbytes = (int64_t)d->block_size;
#ifdef ZARRCY_CODECS
    if (d->zstd)
        nbytes += (int64_t)ZSTD_sizeof_DCtx(d->zstd);
#endif
    return nbytes;
}

#ifdef ZARRCY_CODECS

static int zarrcy_zstd_decode(zarrcy_decoder *d, const char *src, size_t n, char *dst, size_t nbytes) {
    size_t decoded;
    if (!d->zstd && !(d->zstd = ZSTD_createDCtx()))
        return -1;
    decoded = ZSTD_decompressDCtx(d->zstd, dst, nbytes, src, n);
    return ZSTD_isError(decoded) || decoded != nbytes ? -1 : 0;
}

/* LZ4 as numcodecs writes it: the decoded length as a little-endian integer, then one block. */
static int zarrcy_lz4_decode(const char *src, size_t n, char *dst, size_t nbytes) {
    if (n < 4 || n > 0x7fffffff || nbytes > 0x7fffffff || zarrcy_load_u32((const unsigned char *)src) != nbytes)
        return -1;
    return LZ4_decompress_safe(src + 4, dst, (int)(n - 4), (int)nbytes) == (int)nbytes ? 0 : -1;
}

/* The header of a Blosc-1 frame. Source: c-blosc 1.21, README_CHUNK_FORMAT.rst. `used` is the number of stored bytes
 * that were decoded: if many blocks shared the same bytes, a short frame would take very long. */
typedef struct {
    uint32_t nbytes, block_nbytes, stored, n_blocks;
    uint64_t used;
    int typesize, format, shuffle, bitshuffle, copied, split;
} zarrcy_blosc_frame;

/* Read and check the header of a frame of `n` bytes that decodes to `nbytes`. Returns 0, or -1. */
static int zarrcy_blosc_read_header(zarrcy_blosc_frame *f, const unsigned char *src, size_t n, size_t nbytes) {
    if (n < 16 || src[0] != 2)
        return -1;
    f->nbytes = zarrcy_load_u32(src + 4);
    f->block_nbytes = zarrcy_load_u32(src + 8);
    f->stored = zarrcy_load_u32(src + 12);
    f->typesize = src[3];
    f->shuffle = (src[2] & 1) && f->typesize > 1;
    f->copied = src[2] & 2;
    f->bitshuffle = src[2] & 4;
    f->split = !(src[2] & 16);
    f->used = 0;
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
    return f->format == 0 || f->format == 1 || f->format == 3 || f->format == 4 ? 0 : -1;
}

/* The streams of a block: the offset of the next one in the frame, the decoded length of the block, the number of
 * streams, and the decoded length of each. */
typedef struct {
    uint32_t at, size, streams, part;
} zarrcy_blosc_streams;

static int zarrcy_blosc_find_streams(const zarrcy_blosc_frame *f, const unsigned char *src, uint32_t number,
                                     zarrcy_blosc_streams *b) {
    int last_is_short = f->nbytes % f->block_nbytes != 0 && number == f->n_blocks - 1;
    b->at = zarrcy_load_u32(src + 16 + 4 * (size_t)number);
    b->size = last_is_short ? f->nbytes % f->block_nbytes : f->block_nbytes;
    if (b->at < 16 + 4 * (uint64_t)f->n_blocks || b->at > f->stored)
        return -1;
    b->streams = f->split && !last_is_short && f->typesize <= 16 && b->size / f->typesize >= 128 ? f->typesize : 1;
    b->part = b->size / b->streams;
    return b->part * b->streams == b->size ? 0 : -1;
}

/* Return the bytes of the next stream of a block, and move to the one after it. NULL if they are not in the frame, or
 * if the streams so far have more bytes than the frame. */
static const unsigned char *zarrcy_blosc_next_stream(zarrcy_blosc_frame *f, const unsigned char *src,
                                                     zarrcy_blosc_streams *b, uint32_t *length) {
    uint32_t start = b->at + 4;
    if (f->stored - b->at < 4)
        return NULL;
    *length = zarrcy_load_u32(src + b->at);
    if (*length == 0 || *length > f->stored - start)
        return NULL;
    b->at = start + *length;
    f->used += *length;
    return f->used > f->stored ? NULL : src + start;
}

/* Decode one stream to `part` bytes at `dst`. */
static int zarrcy_blosc_decode_stream(zarrcy_decoder *d, const zarrcy_blosc_frame *f, const unsigned char *src,
                                      uint32_t length, char *dst, uint32_t part) {
    if (length == part) {
        memcpy(dst, src, part);
        return 0;
    }
    if (length > 0x7fffffff)
        return -1;
    if (f->format == 1)
        return LZ4_decompress_safe((const char *)src, dst, (int)length, (int)part) == (int)part ? 0 : -1;
    if (f->format == 3)
        return zarrcy_deflate_decode(&d->inflater, 0, (const char *)src, length, dst, part);
    if (f->format == 4)
        return zarrcy_zstd_decode(d, (const char *)src, length, dst, part);
#ifdef ZARRCY_ARCHIVE
    return blosclz_decompress(src, (int)length, dst, (int)part) == (int)part ? 0 : -1;
#else
    return -1;
#endif
}

/* Decode one block to `dst`, which has room for it, and undo the shuffle. */
static int zarrcy_blosc_decode_block(zarrcy_decoder *d, zarrcy_blosc_frame *f, const unsigned char *src,
                                     uint32_t number, char *dst) {
    zarrcy_blosc_streams b;
    uint32_t length, k;
    const unsigned char *stream;
    char *to = dst;
    int is_shuffled;
    if (zarrcy_blosc_find_streams(f, src, number, &b) != 0)
        return -1;
    is_shuffled = f->shuffle || (f->bitshuffle && b.size >= (uint32_t)f->typesize);
    if (is_shuffled) {
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
        if (!(stream = zarrcy_blosc_next_stream(f, src, &b, &length))
                || zarrcy_blosc_decode_stream(d, f, stream, length, to + (size_t)k * b.part, b.part) != 0)
            return -1;
    if (f->shuffle)
        return blosc2_unshuffle(f->typesize, (int32_t)b.size, to, dst) == (int32_t)b.size ? 0 : -1;
    if (is_shuffled) {
        /* frames of this version shuffle the bits of a block only if its number of elements is a multiple of eight */
        if (b.size / f->typesize % 8 == 0)
            return blosc2_bitunshuffle(f->typesize, (int32_t)b.size, to, dst) == (int32_t)b.size ? 0 : -1;
        memcpy(dst, to, b.size);
    }
    return 0;
}

/* Decode one block of shuffled bytes, and leave them shuffled. `rows[k]` points to byte k of each element of the block.
 * Streams that are stored without compression stay where they are; the others are decoded to `dst`, which has room for
 * the whole block. */
static int zarrcy_blosc_decode_rows(zarrcy_decoder *d, zarrcy_blosc_frame *f, const unsigned char *src,
                                    uint32_t number, char *dst, const char **rows) {
    zarrcy_blosc_streams b;
    uint32_t length, k, n_rows;
    const unsigned char *stream;
    const char *place;
    if (!f->shuffle || zarrcy_blosc_find_streams(f, src, number, &b) != 0 || b.size % f->typesize != 0)
        return -1;
    for (k = 0; k < b.streams; k++) {
        if (!(stream = zarrcy_blosc_next_stream(f, src, &b, &length)))
            return -1;
        place = (const char *)stream;
        if (length != b.part) {
            place = dst + (size_t)k * b.part;
            if (zarrcy_blosc_decode_stream(d, f, stream, length, dst + (size_t)k * b.part, b.part) != 0)
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

static int zarrcy_compare_u32(const void *a, const void *b) {
    uint32_t left = *(const uint32_t *)a, right = *(const uint32_t *)b;
    return (left > right) - (left < right);
}

/* Write the offsets of all blocks in ascending order to `sorted`. Blocks may have any order, because several threads
 * write them. Returns 0, or -1 if two blocks have the same offset or one is not in the frame. */
static int zarrcy_blosc_sort_starts(const zarrcy_blosc_frame *f, const unsigned char *src, uint32_t *sorted) {
    uint32_t k;
    int ascends = 1;
    for (k = 0; k < f->n_blocks; k++) {
        sorted[k] = zarrcy_load_u32(src + 16 + 4 * (size_t)k);
        ascends &= k == 0 || sorted[k] > sorted[k - 1];
    }
    if (!ascends) {
        qsort(sorted, f->n_blocks, sizeof *sorted, zarrcy_compare_u32);
        for (k = 1; k < f->n_blocks; k++)
            if (sorted[k] == sorted[k - 1])
                return -1;
    }
    return sorted[0] < 16 + 4 * (uint64_t)f->n_blocks || sorted[f->n_blocks - 1] >= f->stored ? -1 : 0;
}

/* Find the bytes of a block in its frame. A block ends where the next one in the frame begins. */
static int zarrcy_blosc_block_span(const zarrcy_blosc_frame *f, const unsigned char *src, const uint32_t *sorted,
                                   uint32_t number, uint32_t *start, uint32_t *end) {
    uint32_t low = 0, high = f->n_blocks, middle;
    *start = zarrcy_load_u32(src + 16 + 4 * (size_t)number);
    while (high - low > 1) {
        middle = low + (high - low) / 2;
        if (sorted[middle] <= *start)
            low = middle;
        else
            high = middle;
    }
    *end = low + 1 < f->n_blocks ? sorted[low + 1] : f->stored;
    return sorted[low] == *start ? 0 : -1;
}

static int zarrcy_blosc_decode(zarrcy_decoder *d, const char *src, size_t n, char *dst, size_t nbytes) {
    zarrcy_blosc_frame f;
    uint32_t k;
    if (zarrcy_blosc_read_header(&f, (const unsigned char *)src, n, nbytes) != 0)
        return -1;
    if (f.copied) {
        memcpy(dst, src + 16, nbytes);
        return 0;
    }
    for (k = 0; k < f.n_blocks; k++)
        if (zarrcy_blosc_decode_block(d, &f, (const unsigned char *)src, k, dst + (size_t)k * f.block_nbytes) != 0)
            return -1;
    return 0;
}

#else
/* a build without codec libraries */
typedef struct {
    uint32_t nbytes, block_nbytes, stored, n_blocks;
    uint64_t used;
    int copied, shuffle, typesize;
} zarrcy_blosc_frame;
static int zarrcy_blosc_read_header(zarrcy_blosc_frame *f, const unsigned char *src, size_t n, size_t nbytes) {
    return -1;
}
static int zarrcy_blosc_sort_starts(const zarrcy_blosc_frame *f, const unsigned char *src, uint32_t *sorted) {
    return -1;
}
static int zarrcy_blosc_block_span(const zarrcy_blosc_frame *f, const unsigned char *src, const uint32_t *sorted,
                                   uint32_t number, uint32_t *start, uint32_t *end) {
    return -1;
}
static int zarrcy_blosc_decode_block(zarrcy_decoder *d, zarrcy_blosc_frame *f, const unsigned char *src,
                                     uint32_t number, char *dst) {
    return -1;
}
static int zarrcy_blosc_decode_rows(zarrcy_decoder *d, zarrcy_blosc_frame *f, const unsigned char *src,
                                    uint32_t number, char *dst, const char **rows) {
    return -1;
}
#endif

/* Decode `n` stored bytes to exactly `nbytes`. Returns 0, or -1. `sums`: the checksums of the chunk; NULL for none. */
static int zarrcy_decode(zarrcy_decoder *d, int codec, const zarrcy_checksums *sums, const char *src, size_t n,
                         char *dst, size_t nbytes) {
    if (sums && sums->n) {
        int64_t encoded_nbytes = zarrcy_take_checksums(sums, src, n, &src);
        if (encoded_nbytes < 0)
            return -1;
        n = (size_t)encoded_nbytes;
    }
    switch (codec) {
    case ZARRCY_RAW:
        if (n != nbytes)
            return -1;
        memcpy(dst, src, n);
        return 0;
#ifdef ZARRCY_CODECS
    case ZARRCY_BLOSC:
        return zarrcy_blosc_decode(d, src, n, dst, nbytes);
    case ZARRCY_ZSTD:
        return zarrcy_zstd_decode(d, src, n, dst, nbytes);
    case ZARRCY_LZ4:
        return zarrcy_lz4_decode(src, n, dst, nbytes);
#endif
    case ZARRCY_GZIP:
    case ZARRCY_ZLIB:
        return zarrcy_deflate_decode(&d->inflater, codec == ZARRCY_GZIP, src, n, dst, nbytes);
    }
    return -1;
}

#endif
