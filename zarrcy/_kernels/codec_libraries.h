/* Declarations for LZ4 and Zstandard and, in the static archive of C-Blosc2, for zlib-ng and BloscLZ. The archive comes
 * without their headers, so this file declares the functions that zarrcy uses. Their interfaces are stable. */
#ifndef ZARRCY_CODEC_LIBRARIES_H
#define ZARRCY_CODEC_LIBRARIES_H

#include <stddef.h>
#include <stdint.h>

#ifdef ZARRCY_CODECS
#include "blosc2.h"

int LZ4_decompress_safe(const char *source, char *target, int nbytes, int capacity);
int LZ4_compress_fast(const char *source, char *target, int nbytes, int capacity, int acceleration);
int LZ4_compress_HC(const char *source, char *target, int nbytes, int capacity, int level);

typedef struct ZSTD_DCtx_s ZSTD_DCtx;
ZSTD_DCtx *ZSTD_createDCtx(void);
size_t ZSTD_freeDCtx(ZSTD_DCtx *context);
size_t ZSTD_sizeof_DCtx(const ZSTD_DCtx *context);
size_t ZSTD_decompressDCtx(ZSTD_DCtx *context, void *target, size_t capacity, const void *source, size_t nbytes);
unsigned ZSTD_isError(size_t code);

typedef struct ZSTD_CCtx_s ZSTD_CCtx;
ZSTD_CCtx *ZSTD_createCCtx(void);
size_t ZSTD_freeCCtx(ZSTD_CCtx *context);
size_t ZSTD_sizeof_CCtx(const ZSTD_CCtx *context);
size_t ZSTD_CCtx_reset(ZSTD_CCtx *context, int directive);
size_t ZSTD_CCtx_setParameter(ZSTD_CCtx *context, int parameter, int value);
size_t ZSTD_compress2(ZSTD_CCtx *context, void *target, size_t capacity, const void *source, size_t nbytes);
int ZSTD_maxCLevel(void);

const char *LZ4_versionString(void);
const char *ZSTD_versionString(void);

#ifdef ZARRCY_ARCHIVE
int blosclz_decompress(const void *source, int nbytes, void *target, int capacity);

/* zlib-ng 2.x, native interface */
typedef struct {
    const uint8_t *next_in;
    uint32_t avail_in;
    size_t total_in;
    uint8_t *next_out;
    uint32_t avail_out;
    size_t total_out;
    const char *msg;
    void *state;
    void *(*zalloc)(void *, unsigned, unsigned);
    void (*zfree)(void *, void *);
    void *opaque;
    int data_type;
    uint32_t adler;
    unsigned long reserved;
} zarrcy_zng_stream;
int32_t zng_inflateInit2(zarrcy_zng_stream *stream, int32_t window_bits);
int32_t zng_inflate(zarrcy_zng_stream *stream, int32_t flush);
int32_t zng_inflateReset(zarrcy_zng_stream *stream);
int32_t zng_inflateEnd(zarrcy_zng_stream *stream);
int32_t zng_deflateInit2(zarrcy_zng_stream *stream, int32_t level, int32_t method, int32_t window_bits,
                         int32_t memory_level, int32_t strategy);
int32_t zng_deflateTune(zarrcy_zng_stream *stream, int32_t good, int32_t lazy, int32_t nice, int32_t chain);
int32_t zng_deflate(zarrcy_zng_stream *stream, int32_t flush);
int32_t zng_deflateReset(zarrcy_zng_stream *stream);
int32_t zng_deflateEnd(zarrcy_zng_stream *stream);
uint32_t zng_crc32_z(uint32_t crc, const uint8_t *source, size_t nbytes);
uint32_t zng_adler32_z(uint32_t adler, const uint8_t *source, size_t nbytes);
const char *zlibng_version(void);
#endif
#endif

#ifdef ZARRCY_LIBDEFLATE
#include <libdeflate.h>
#endif

#endif
