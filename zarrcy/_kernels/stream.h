/* Copy to memory that is not read soon, without taking its old content into the cache. */
#ifndef ZARRCY_STREAM_H
#define ZARRCY_STREAM_H

#include <stdint.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>

static inline int zarrcy_can_stream(void) {
    return 1;
}

/* `target` and `n` are multiples of 64. */
static inline void zarrcy_stream(char* target, const char* source, int64_t n) {
    int64_t at;
    for (at = 0; at < n; at += 64) {
        const __m128i* from = (const __m128i*)(source + at);
        __m128i* to = (__m128i*)(target + at);
        __m128i a = _mm_loadu_si128(from), b = _mm_loadu_si128(from + 1);
        __m128i c = _mm_loadu_si128(from + 2), d = _mm_loadu_si128(from + 3);
        _mm_stream_si128(to, a);
        _mm_stream_si128(to + 1, b);
        _mm_stream_si128(to + 2, c);
        _mm_stream_si128(to + 3, d);
    }
}

/* Other threads see what was copied, as after any other copy. */
static inline void zarrcy_end_stream(void) {
    _mm_sfence();
}
#else
#include <string.h>

static inline int zarrcy_can_stream(void) {
    return 0;
}

static inline void zarrcy_stream(char* target, const char* source, int64_t n) {
    memcpy(target, source, (size_t)n);
}

static inline void zarrcy_end_stream(void) {
}
#endif
#endif
