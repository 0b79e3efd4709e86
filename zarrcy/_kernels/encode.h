/* Encode chunks in memory, in the formats that `decode.h` decodes. Functions return -1 if a library refuses a chunk or
 * the result does not fit; the caller then uses the fallback path, which reports what is wrong. */
#ifndef ZARRCY_ENCODE_H
#define ZARRCY_ENCODE_H

#include "decode.h"

/* How chunks are encoded. Members that a codec does not use are 0. */
typedef struct {
    int codec;              /* ZARRCY_RAW ... */
    zarrcy_checksums sums;  /* the checksums of each chunk */
    int level;              /* of the codec; for LZ4, the acceleration */
    int own_checksum;       /* Zstandard: whether a frame has a checksum of its own */
    int inner;              /* Blosc: the codec of its streams, ZARRCY_INNER_LZ4 ... */
    int shuffle;            /* Blosc: 0 nothing, 1 bytes, 2 bits */
    int typesize;           /* Blosc: size of an element */
    int block_nbytes;       /* Blosc: size of a block; 0 chooses it as C-Blosc does */
} zarrcy_encoding;

enum { ZARRCY_INNER_LZ4, ZARRCY_INNER_LZ4HC, ZARRCY_INNER_ZSTD, ZARRCY_INNER_ZLIB };

/* The encoder of one thread. Its memory is allocated once and reused for all chunks. */
typedef struct {
    char *block;            /* one shuffled block of a Blosc frame */
    size_t block_size;
#ifdef ZARRCY_CODECS
    ZSTD_CCtx *zstd;
#endif
    zarrcy_deflater deflater;
} zarrcy_encoder;

static void zarrcy_encoder_free(zarrcy_encoder *e) {
    free(e->block);
#ifdef ZARRCY_CODECS
    if (e->zstd)
        ZSTD_freeCCtx(e->zstd);
#endif
    zarrcy_deflater_free(&e->deflater);
}

/* Return how many bytes an encoder keeps, with the states of the libraries: that of Zstandard may have 100 MB. */
static int64_t zarrcy_encoder_nbytes(const zarrcy_encoder *e) {
    int64_t nbytes = (int64_t)e->block_size + zarrcy_deflater_nbytes(&e->deflater);
#ifdef ZARRCY_CODECS
    if (e->zstd)
        nbytes += (int64_t)ZSTD_sizeof_CCtx(e->zstd);
#endif
    return nbytes;
}

#ifdef ZARRCY_CODECS

enum { ZARRCY_ZSTD_SESSION = 1, ZARRCY_ZSTD_LEVEL = 100, ZARRCY_ZSTD_CHECKSUM = 201 };

static int64_t zarrcy_zstd_encode(zarrcy_encoder *e, int level, int checksum, const char *src, size_t n, char *dst,
                                  size_t room) {
    size_t encoded;
    if (!e->zstd && !(e->zstd = ZSTD_createCCtx()))
        return -1;
    /* a chunk that did not fit left a session open, in which parameters cannot be set */
    if (ZSTD_isError(ZSTD_CCtx_reset(e->zstd, ZARRCY_ZSTD_SESSION))
            || ZSTD_isError(ZSTD_CCtx_setParameter(e->zstd, ZARRCY_ZSTD_LEVEL, level))
            || ZSTD_isError(ZSTD_CCtx_setParameter(e->zstd, ZARRCY_ZSTD_CHECKSUM, checksum)))
        return -1;
    encoded = ZSTD_compress2(e->zstd, dst, room, src, n);
    return ZSTD_isError(encoded) ? -1 : (int64_t)encoded;
}

static int64_t zarrcy_lz4_encode(int acceleration, const char *src, size_t n, char *dst, size_t room) {
    int encoded;
    if (n > 0x7e000000 || room < 4)
        return -1;
    if (room > 0x7fffffff)
        room = 0x7fffffff;
    zarrcy_store_u32(dst, (uint32_t)n);
    encoded = LZ4_compress_fast(src, dst + 4, (int)n, (int)(room - 4), acceleration);
    return encoded > 0 ? encoded + 4 : -1;
}

enum { ZARRCY_LEAST_SPLIT = 128, ZARRCY_MOST_SPLITS = 16, ZARRCY_L1 = 32768 };

static int zarrcy_blosc_is_split(const zarrcy_encoding *c, uint32_t typesize, uint32_t block) {
    return c->inner != ZARRCY_INNER_ZSTD && typesize <= ZARRCY_MOST_SPLITS && block / typesize >= ZARRCY_LEAST_SPLIT;
}

/* Choose the size of blocks as C-Blosc 1.21 does, so that frames are identical to those of other programs. */
static uint32_t zarrcy_blosc_choose_block_nbytes(const zarrcy_encoding *c, uint32_t nbytes, uint32_t typesize) {
    static const uint8_t eighths[] = {2, 4, 8, 16, 32, 32, 64, 64, 64, 64};
    uint32_t block = nbytes, per_stream;
    int is_slow = c->inner != ZARRCY_INNER_LZ4;
    if (nbytes < typesize)
        return 1;
    if (c->block_nbytes > 0)
        block = c->block_nbytes < ZARRCY_LEAST_SPLIT ? ZARRCY_LEAST_SPLIT : (uint32_t)c->block_nbytes;
    else if (nbytes >= ZARRCY_L1) {
        block = ZARRCY_L1 / 8 * eighths[c->level] << is_slow;
        if (c->level == 9 && is_slow)
            block *= 2;
    }
    if (c->level > 0 && zarrcy_blosc_is_split(c, typesize, block)) {
        per_stream = block > (1 << 18) ? (1 << 18) : block;
        block = per_stream * typesize;
        if (block < (1 << 16))
            block = 1 << 16;
        if (block > (1 << 20))
            block = 1 << 20;
    }
    if (block > nbytes)
        block = nbytes;
    return block > typesize ? block / typesize * typesize : block;
}

static int64_t zarrcy_blosc_encode_stream(zarrcy_encoder *e, const zarrcy_encoding *c, const char *src, uint32_t n,
                                          char *dst, size_t room) {
    int level = c->level;
    if (room > n - 1)
        /* a decoder takes a stream as long as its source for an uncompressed one */
        room = n - 1;
    if (c->inner == ZARRCY_INNER_LZ4)
        return LZ4_compress_fast(src, dst, (int)n, (int)room, 10 - level);
    if (c->inner == ZARRCY_INNER_LZ4HC)
        return n > 2u << 30 ? 0 : LZ4_compress_HC(src, dst, (int)n, (int)room, level);
    if (c->inner == ZARRCY_INNER_ZLIB)
        return zarrcy_deflate_encode(&e->deflater, 0, level, c->shuffle, src, n, dst, room);
    level = level < 9 ? 2 * level - 1 : ZSTD_maxCLevel();
    return zarrcy_zstd_encode(e, level, 0, src, n, dst, room);
}

/* Encode one block: its streams, each after its length. Returns the encoded length, or 0 if it is more
 * than `room`, or -1. */
static int64_t zarrcy_blosc_encode_block(zarrcy_encoder *e, const zarrcy_encoding *c, uint32_t typesize, int splits,
                                         const char *src, uint32_t size, char *dst, size_t room) {
    uint32_t streams = splits ? typesize : 1, part = size / streams, k;
    size_t at = 0;
    int64_t encoded;
    if (c->shuffle == 1 && typesize > 1) {
        if (blosc2_shuffle((int32_t)typesize, (int32_t)size, src, e->block) != (int32_t)size)
            return -1;
        src = e->block;
    } else if (c->shuffle == 2 && size >= typesize && size / typesize % 8 == 0) {
        if (blosc2_bitshuffle((int32_t)typesize, (int32_t)size, src, e->block) != (int32_t)size)
            return -1;
        src = e->block;
    }
    for (k = 0; k < streams; k++, src += part) {
        if (room - at < 4 || room - at - 4 < 1)
            return 0;
        encoded = part < 2 ? 0 : zarrcy_blosc_encode_stream(e, c, src, part, dst + at + 4, room - at - 4);
        if (encoded <= 0) {
            /* it does not become smaller: store it uncompressed */
            if (part > room - at - 4)
                return 0;
            memcpy(dst + at + 4, src, part);
            encoded = part;
        }
        zarrcy_store_u32(dst + at, (uint32_t)encoded);
        at += 4 + (size_t)encoded;
    }
    return (int64_t)at;
}

/* Encode a Blosc-1 frame. Source: c-blosc 1.21, README_CHUNK_FORMAT.rst. */
static int64_t zarrcy_blosc_encode(zarrcy_encoder *e, const zarrcy_encoding *c, const char *src, size_t n, char *dst,
                                   size_t room) {
    uint32_t nbytes = (uint32_t)n, typesize = c->typesize, block, n_blocks, k, size, most;
    int splits, format = c->inner == ZARRCY_INNER_ZSTD ? 4 : c->inner == ZARRCY_INNER_ZLIB ? 3 : 1;
    int64_t at, encoded = -1;
    if (n == 0 || n > 0x7fffffff - 16 || room < n + 16)
        return -1;
    most = nbytes + 16;
    if (typesize < 1 || typesize > 255)
        typesize = 1;
    block = zarrcy_blosc_choose_block_nbytes(c, nbytes, typesize);
    n_blocks = (nbytes + block - 1) / block;
    splits = zarrcy_blosc_is_split(c, typesize, block);
    dst[0] = 2;
    dst[1] = 1;
    dst[2] = (char)(format << 5 | (splits ? 0 : 16) | (c->shuffle == 1 ? 1 : c->shuffle == 2 ? 4 : 0));
    dst[3] = (char)typesize;
    zarrcy_store_u32(dst + 4, nbytes);
    zarrcy_store_u32(dst + 8, block);
    if (e->block_size < block) {
        free(e->block);
        e->block_size = 0;
        if (!(e->block = malloc(block)))
            return -1;
        e->block_size = block;
    }
    at = 16 + 4 * (int64_t)n_blocks;
    if (c->level > 0 && nbytes >= ZARRCY_LEAST_SPLIT && at <= most)
        for (k = 0; k < n_blocks; k++) {
            size = k == n_blocks - 1 ? nbytes - k * block : block;
            zarrcy_store_u32(dst + 16 + 4 * (size_t)k, (uint32_t)at);
            encoded = zarrcy_blosc_encode_block(e, c, typesize, splits && size == block, src + (size_t)k * block, size,
                                                dst + at, (size_t)(most - at));
            if (encoded <= 0)
                break;
            at += encoded;
        }
    if (encoded <= 0) {
        /* it does not become smaller: the frame holds a copy */
        dst[2] |= 2;
        memcpy(dst + 16, src, n);
        at = most;
    }
    zarrcy_store_u32(dst + 12, (uint32_t)at);
    return at;
}

#endif

/* Encode `n` bytes to `dst`. Returns the encoded length, or -1. `src` is four bytes for each checksum at the start
 * after `dst` if the bytes of a raw codec already are in their place. */
static int64_t zarrcy_encode(zarrcy_encoder *e, const zarrcy_encoding *c, const char *src, size_t n, char *dst,
                             size_t room) {
    int64_t encoded = -1;
    size_t added = 4 * (size_t)c->sums.n;
    if (room < added)
        return -1;
    room -= added;
    dst += 4 * (size_t)c->sums.n_at_start;
    switch (c->codec) {
    case ZARRCY_RAW:
        if (n > room)
            return -1;
        if (src != dst)
            memcpy(dst, src, n);
        encoded = (int64_t)n;
        break;
#ifdef ZARRCY_CODECS
    case ZARRCY_BLOSC:
        encoded = zarrcy_blosc_encode(e, c, src, n, dst, room);
        break;
    case ZARRCY_ZSTD:
        encoded = zarrcy_zstd_encode(e, c->level, c->own_checksum, src, n, dst, room);
        break;
    case ZARRCY_LZ4:
        encoded = zarrcy_lz4_encode(c->level, src, n, dst, room);
        break;
#endif
    case ZARRCY_GZIP:
    case ZARRCY_ZLIB:
        encoded = zarrcy_deflate_encode(&e->deflater, c->codec == ZARRCY_GZIP, c->level, 0, src, n, dst, room);
        break;
    }
    return encoded >= 0 && c->sums.n ? zarrcy_add_checksums(&c->sums, dst, (size_t)encoded) : encoded;
}

#endif
