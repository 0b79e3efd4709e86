/* The steps between the elements of a chunk and the bytes that a codec compresses: each changes a whole chunk in
 * memory. A step works in one direction. Most steps read and write the same memory if they can.
 *
 * A step fails instead of computing something that other programs may compute differently, or that loses a value: an
 * overflow, a number that does not fit. The caller then uses the fallback path, which returns what numcodecs returns
 * or raises an error. */
#ifndef ZARRCY_STEPS_H
#define ZARRCY_STEPS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "checksums.h"

enum {
    ZARRCY_SWAP,            /* reverse the bytes of each element */
    ZARRCY_SHUFFLE,         /* first all first bytes of the elements, then all second ones ... */
    ZARRCY_UNSHUFFLE,
    ZARRCY_DIFFERENCE,      /* each element minus the one before it */
    ZARRCY_CUMULATE,
    ZARRCY_CAST,
    ZARRCY_SCALE,           /* (x - a) * b, rounded to the nearest integer if `flag` */
    ZARRCY_UNSCALE,         /* x / b + a */
    ZARRCY_RINT,            /* round to the nearest integer, halves to even */
    ZARRCY_QUANTIZE,        /* round x * a to the nearest integer, and multiply by b */
    ZARRCY_ROUND_BITS,      /* round floats to fewer bits */
    ZARRCY_PACK_BITS,       /* eight Booleans to a byte */
    ZARRCY_UNPACK_BITS,
    ZARRCY_TRANSPOSE,
    ZARRCY_ADD_CHECKSUM,
    ZARRCY_TAKE_CHECKSUM
};

enum { ZARRCY_I1, ZARRCY_U1, ZARRCY_I2, ZARRCY_U2, ZARRCY_I4, ZARRCY_U4, ZARRCY_I8, ZARRCY_U8, ZARRCY_F4, ZARRCY_F8 };

/* What a cast fails for, besides a number that is out of the range of the target:
 * nothing; a number that is not the same when it is cast back; a number that is not equal to its cast. */
enum { ZARRCY_WRAPS, ZARRCY_COMES_BACK, ZARRCY_IS_EQUAL };

/* Where the number of padding bits is stored. */
enum { ZARRCY_NO_PADDING_BYTE, ZARRCY_PADDING_FIRST, ZARRCY_PADDING_LAST };

enum { ZARRCY_STEP_MOST_NDIM = 8, ZARRCY_MOST_STEPS = 16, ZARRCY_N_PLACES = 3 };

typedef struct {
    int kind;
    int from, to;           /* types of the elements, ZARRCY_I1 ... */
    int flag;               /* cast: what it fails for; scale: whether it rounds; bits: whether the highest is first */
    int padding;            /* bits: where the number of padding bits is stored */
    int bits;               /* bits of a float that are rounded away */
    int64_t size;           /* of an element, in bytes */
    int64_t n_in, n_out;    /* length of the chunk before and after the step, in bytes */
    double a, b;
    int ndim;
    int64_t shape[ZARRCY_STEP_MOST_NDIM], strides[ZARRCY_STEP_MOST_NDIM];  /* of the output; strides in the input */
    zarrcy_checksum sum;
    int place;              /* number of the memory that the step writes: 0 is the target, others are scratch memory */
} zarrcy_step;

/* Loops over numbers are compiled twice, and the processor chooses when the module is loaded: wide registers halve the
 * time of casts. The C library must support this; the sanitizers do not. */
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && defined(__GNUC__)                   \
    && (!defined(__clang__) || __clang_major__ >= 15)
#define ZARRCY_FOR_EACH_CPU __attribute__((target_clones("avx2", "default")))
#else
#define ZARRCY_FOR_EACH_CPU
#endif

/* Elements may have any address: a checksum of four bytes may precede them, and results of users may be unaligned. */
#define ZARRCY_ANYWHERE __attribute__((aligned(1), may_alias))
typedef int8_t zarrcy_i1;
typedef uint8_t zarrcy_u1;
typedef int16_t zarrcy_i2 ZARRCY_ANYWHERE;
typedef uint16_t zarrcy_u2 ZARRCY_ANYWHERE;
typedef int32_t zarrcy_i4 ZARRCY_ANYWHERE;
typedef uint32_t zarrcy_u4 ZARRCY_ANYWHERE;
typedef int64_t zarrcy_i8 ZARRCY_ANYWHERE;
typedef uint64_t zarrcy_u8 ZARRCY_ANYWHERE;
typedef float zarrcy_f4 ZARRCY_ANYWHERE;
typedef double zarrcy_f8 ZARRCY_ANYWHERE;

#ifdef ZARRCY_CODECS
#include "blosc2.h"
#endif

/* -- bytes -- */

static uint8_t zarrcy_swapped_u1(uint8_t x) { return x; }
static uint16_t zarrcy_swapped_u2(uint16_t x) { return __builtin_bswap16(x); }
static uint32_t zarrcy_swapped_u4(uint32_t x) { return __builtin_bswap32(x); }
static uint64_t zarrcy_swapped_u8(uint64_t x) { return __builtin_bswap64(x); }

#define ZARRCY_SWAP_LOOP(T)                                                                                            \
    ZARRCY_FOR_EACH_CPU                                                                                                \
    static void zarrcy_swap_##T(const char *src, char *dst, int64_t n) {                                               \
        const zarrcy_##T *from = (const zarrcy_##T *)src;                                                              \
        zarrcy_##T *to = (zarrcy_##T *)dst;                                                                            \
        for (int64_t i = 0; i < n; i++)                                                                                \
            to[i] = zarrcy_swapped_##T(from[i]);                                                                       \
    }
ZARRCY_SWAP_LOOP(u1)
ZARRCY_SWAP_LOOP(u2)
ZARRCY_SWAP_LOOP(u4)
ZARRCY_SWAP_LOOP(u8)

static void zarrcy_swap(const zarrcy_step *s, const char *src, char *dst) {
    switch (s->size) {
    case 2: zarrcy_swap_u2(src, dst, s->n_in / 2); break;
    case 4: zarrcy_swap_u4(src, dst, s->n_in / 4); break;
    case 8: zarrcy_swap_u8(src, dst, s->n_in / 8); break;
    default: zarrcy_swap_u1(src, dst, s->n_in);
    }
}

static void zarrcy_shuffle_bytes(const zarrcy_step *s, const char *restrict src, char *restrict dst) {
    int64_t n = s->n_in / s->size, i, k;
#ifdef ZARRCY_CODECS
    if (s->size < 256 && s->n_in <= 0x7fffffff
            && blosc2_shuffle((int32_t)s->size, (int32_t)s->n_in, src, dst) == (int32_t)s->n_in)
        return;
#endif
    for (k = 0; k < s->size; k++)
        for (i = 0; i < n; i++)
            dst[k * n + i] = src[i * s->size + k];
}

static void zarrcy_unshuffle_bytes(const zarrcy_step *s, const char *restrict src, char *restrict dst) {
    int64_t n = s->n_in / s->size, i, k;
#ifdef ZARRCY_CODECS
    if (s->size < 256 && s->n_in <= 0x7fffffff
            && blosc2_unshuffle((int32_t)s->size, (int32_t)s->n_in, src, dst) == (int32_t)s->n_in)
        return;
#endif
    for (k = 0; k < s->size; k++)
        for (i = 0; i < n; i++)
            dst[i * s->size + k] = src[k * n + i];
}

/* Copy elements with the last axis of the output fastest. */
#define ZARRCY_TRANSPOSE_ROW(T)                                                                                        \
    for (int64_t i = 0; i < n; i++)                                                                                    \
        ((zarrcy_##T *)dst)[i] = *(const zarrcy_##T *)(from + i * step);

static void zarrcy_transpose(const zarrcy_step *s, const char *restrict src, char *restrict dst) {
    int64_t at[ZARRCY_STEP_MOST_NDIM] = {0};
    int64_t n = s->shape[s->ndim - 1], step = s->strides[s->ndim - 1];
    const char *from = src;
    int axis;
    if (s->n_in == 0)
        return;
    for (;;) {
        switch (s->size) {
        case 1: ZARRCY_TRANSPOSE_ROW(u1) break;
        case 2: ZARRCY_TRANSPOSE_ROW(u2) break;
        case 4: ZARRCY_TRANSPOSE_ROW(u4) break;
        case 8: ZARRCY_TRANSPOSE_ROW(u8) break;
        default:
            for (int64_t i = 0; i < n; i++)
                memcpy(dst + i * s->size, from + i * step, (size_t)s->size);
        }
        dst += n * s->size;
        for (axis = s->ndim - 2; axis >= 0; axis--) {
            from += s->strides[axis];
            if (++at[axis] < s->shape[axis])
                break;
            from -= s->strides[axis] * s->shape[axis];
            at[axis] = 0;
        }
        if (axis < 0)
            return;
    }
}

/* -- numbers -- */

#define ZARRCY_DIFFERENCE_LOOP(T, IS_FINITE)                                                                           \
    ZARRCY_FOR_EACH_CPU                                                                                                \
    static int zarrcy_difference_##T(const char *src, char *dst, int64_t n) {                                          \
        const zarrcy_##T *from = (const zarrcy_##T *)src;                                                              \
        zarrcy_##T *to = (zarrcy_##T *)dst;                                                                            \
        int fails = 0;                                                                                                 \
        if (src == dst)                                                                                                \
            for (int64_t i = n - 1; i > 0; i--) {                                                                      \
                to[i] = (zarrcy_##T)(to[i] - to[i - 1]);                                                               \
                fails |= !IS_FINITE(to[i]);                                                                            \
            }                                                                                                          \
        else                                                                                                           \
            for (int64_t i = 1; i < n; i++) {                                                                          \
                to[i] = (zarrcy_##T)(from[i] - from[i - 1]);                                                           \
                fails |= !IS_FINITE(to[i]);                                                                            \
            }                                                                                                          \
        if (n)                                                                                                         \
            to[0] = from[0];                                                                                           \
        return -fails;                                                                                                 \
    }                                                                                                                  \
    static int zarrcy_cumulate_##T(const char *src, char *dst, int64_t n) {                                            \
        const zarrcy_##T *from = (const zarrcy_##T *)src;                                                              \
        zarrcy_##T *to = (zarrcy_##T *)dst;                                                                            \
        zarrcy_##T sum = 0;                                                                                            \
        if (n)                                                                                                         \
            to[0] = sum = from[0];                                                                                     \
        for (int64_t i = 1; i < n; i++)                                                                                \
            to[i] = sum = (zarrcy_##T)(sum + from[i]);                                                                 \
        return IS_FINITE(sum) ? 0 : -1;                                                                                \
    }
#define ZARRCY_ALWAYS(x) 1
#define ZARRCY_FINITE(x) ((x) - (x) == 0)
ZARRCY_DIFFERENCE_LOOP(u1, ZARRCY_ALWAYS)
ZARRCY_DIFFERENCE_LOOP(u2, ZARRCY_ALWAYS)
ZARRCY_DIFFERENCE_LOOP(u4, ZARRCY_ALWAYS)
ZARRCY_DIFFERENCE_LOOP(u8, ZARRCY_ALWAYS)
ZARRCY_DIFFERENCE_LOOP(f4, ZARRCY_FINITE)
ZARRCY_DIFFERENCE_LOOP(f8, ZARRCY_FINITE)

/* Integers wrap around, so their sign does not matter. */
#define ZARRCY_OF_TYPE(type, call)                                                                                     \
    switch (type) {                                                                                                    \
    case ZARRCY_I1: case ZARRCY_U1: return call(u1);                                                                   \
    case ZARRCY_I2: case ZARRCY_U2: return call(u2);                                                                   \
    case ZARRCY_I4: case ZARRCY_U4: return call(u4);                                                                   \
    case ZARRCY_I8: case ZARRCY_U8: return call(u8);                                                                   \
    case ZARRCY_F4: return call(f4);                                                                                   \
    default: return call(f8);                                                                                          \
    }

static int zarrcy_difference(const zarrcy_step *s, const char *src, char *dst) {
#define ZARRCY_CALL(T) zarrcy_difference_##T(src, dst, s->n_in / (int64_t)sizeof(zarrcy_##T))
    ZARRCY_OF_TYPE(s->from, ZARRCY_CALL)
#undef ZARRCY_CALL
}

static int zarrcy_cumulate(const zarrcy_step *s, const char *src, char *dst) {
#define ZARRCY_CALL(T) zarrcy_cumulate_##T(src, dst, s->n_in / (int64_t)sizeof(zarrcy_##T))
    ZARRCY_OF_TYPE(s->from, ZARRCY_CALL)
#undef ZARRCY_CALL
}

/* Integers to integers. */
#define ZARRCY_CAST_II(S, D)                                                                                           \
    ZARRCY_FOR_EACH_CPU                                                                                                \
    static int zarrcy_cast_##S##_##D(int mode, const char *restrict src, char *restrict dst, int64_t n) {              \
        const zarrcy_##S *from = (const zarrcy_##S *)src;                                                              \
        zarrcy_##D *to = (zarrcy_##D *)dst;                                                                            \
        int fails = 0;                                                                                                 \
        if (mode == ZARRCY_WRAPS)                                                                                      \
            for (int64_t i = 0; i < n; i++)                                                                            \
                to[i] = (zarrcy_##D)from[i];                                                                           \
        else if (mode == ZARRCY_COMES_BACK)                                                                            \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                zarrcy_##S x = from[i];                                                                                \
                zarrcy_##D y = (zarrcy_##D)x;                                                                          \
                to[i] = y;                                                                                             \
                fails |= (zarrcy_##S)y != x;                                                                           \
            }                                                                                                          \
        else                                                                                                           \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                zarrcy_##S x = from[i];                                                                                \
                zarrcy_##D y = (zarrcy_##D)x;                                                                          \
                to[i] = y;                                                                                             \
                fails |= ((zarrcy_##S)y != x) | ((x < 0) != (y < 0));                                                  \
            }                                                                                                          \
        return -fails;                                                                                                 \
    }

/* Floats to integers, towards zero: fails for numbers that are out of range, and for NaN. */
#define ZARRCY_CAST_FI(S, D, IS_IN_RANGE)                                                                              \
    ZARRCY_FOR_EACH_CPU                                                                                                \
    static int zarrcy_cast_##S##_##D(int mode, const char *restrict src, char *restrict dst, int64_t n) {              \
        const zarrcy_##S *from = (const zarrcy_##S *)src;                                                              \
        zarrcy_##D *to = (zarrcy_##D *)dst;                                                                            \
        int fails = 0;                                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            zarrcy_##S x = from[i];                                                                                    \
            int fits = IS_IN_RANGE(x, zarrcy_##S);                                                                     \
            fails |= !fits;                                                                                            \
            to[i] = (zarrcy_##D)(fits ? x : 0);                                                                        \
        }                                                                                                              \
        return -fails;                                                                                                 \
    }
/* The limits are numbers of both types of floats: below -2**31, the next float of four bytes is far away. */
#define ZARRCY_IN_I1(x, T) (((x) > (T)-129.0) & ((x) < (T)128.0))
#define ZARRCY_IN_U1(x, T) (((x) > (T)-1.0) & ((x) < (T)256.0))
#define ZARRCY_IN_I2(x, T) (((x) > (T)-32769.0) & ((x) < (T)32768.0))
#define ZARRCY_IN_U2(x, T) (((x) > (T)-1.0) & ((x) < (T)65536.0))
#define ZARRCY_IN_I4(x, T)                                                                                             \
    ((sizeof(T) == 4 ? (x) >= (T)-2147483648.0 : (x) > -2147483649.0) & ((x) < (T)2147483648.0))
#define ZARRCY_IN_U4(x, T) (((x) > (T)-1.0) & ((x) < (T)4294967296.0))
#define ZARRCY_IN_I8(x, T) (((x) >= (T)-9223372036854775808.0) & ((x) < (T)9223372036854775808.0))
#define ZARRCY_IN_U8(x, T) (((x) > (T)-1.0) & ((x) < (T)18446744073709551616.0))

/* Integers to floats. To come back, the float must be in the range of the integer too. */
#define ZARRCY_CAST_IF(S, D, IS_IN_RANGE)                                                                              \
    ZARRCY_FOR_EACH_CPU                                                                                                \
    static int zarrcy_cast_##S##_##D(int mode, const char *restrict src, char *restrict dst, int64_t n) {              \
        const zarrcy_##S *from = (const zarrcy_##S *)src;                                                              \
        zarrcy_##D *to = (zarrcy_##D *)dst;                                                                            \
        int fails = 0;                                                                                                 \
        if (mode == ZARRCY_WRAPS)                                                                                      \
            for (int64_t i = 0; i < n; i++)                                                                            \
                to[i] = (zarrcy_##D)from[i];                                                                           \
        else                                                                                                           \
            for (int64_t i = 0; i < n; i++) {                                                                          \
                zarrcy_##D y = (zarrcy_##D)from[i];                                                                    \
                int fits = IS_IN_RANGE(y, zarrcy_##D);                                                                 \
                to[i] = y;                                                                                             \
                fails |= !fits | ((zarrcy_##S)(fits ? y : 0) != from[i]);                                              \
            }                                                                                                          \
        return -fails;                                                                                                 \
    }

/* Floats to floats: fails if a finite number becomes infinite. */
#define ZARRCY_CAST_FF(S, D)                                                                                           \
    ZARRCY_FOR_EACH_CPU                                                                                                \
    static int zarrcy_cast_##S##_##D(int mode, const char *restrict src, char *restrict dst, int64_t n) {              \
        const zarrcy_##S *from = (const zarrcy_##S *)src;                                                              \
        zarrcy_##D *to = (zarrcy_##D *)dst;                                                                            \
        int fails = 0;                                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            zarrcy_##D y = (zarrcy_##D)from[i];                                                                        \
            to[i] = y;                                                                                                 \
            if (sizeof(zarrcy_##D) < sizeof(zarrcy_##S))                                                               \
                fails |= !ZARRCY_FINITE(y) & ZARRCY_FINITE(from[i]);                                                   \
        }                                                                                                              \
        return -fails;                                                                                                 \
    }

#define ZARRCY_CASTS_OF_INTEGER(S, IN)                                                                                 \
    ZARRCY_CAST_II(S, i1) ZARRCY_CAST_II(S, u1) ZARRCY_CAST_II(S, i2) ZARRCY_CAST_II(S, u2)                            \
    ZARRCY_CAST_II(S, i4) ZARRCY_CAST_II(S, u4) ZARRCY_CAST_II(S, i8) ZARRCY_CAST_II(S, u8)                            \
    ZARRCY_CAST_IF(S, f4, IN) ZARRCY_CAST_IF(S, f8, IN)
#define ZARRCY_CASTS_OF_FLOAT(S)                                                                                       \
    ZARRCY_CAST_FI(S, i1, ZARRCY_IN_I1) ZARRCY_CAST_FI(S, u1, ZARRCY_IN_U1) ZARRCY_CAST_FI(S, i2, ZARRCY_IN_I2)        \
    ZARRCY_CAST_FI(S, u2, ZARRCY_IN_U2) ZARRCY_CAST_FI(S, i4, ZARRCY_IN_I4) ZARRCY_CAST_FI(S, u4, ZARRCY_IN_U4)        \
    ZARRCY_CAST_FI(S, i8, ZARRCY_IN_I8) ZARRCY_CAST_FI(S, u8, ZARRCY_IN_U8)                                            \
    ZARRCY_CAST_FF(S, f4) ZARRCY_CAST_FF(S, f8)
ZARRCY_CASTS_OF_INTEGER(i1, ZARRCY_IN_I1)
ZARRCY_CASTS_OF_INTEGER(u1, ZARRCY_IN_U1)
ZARRCY_CASTS_OF_INTEGER(i2, ZARRCY_IN_I2)
ZARRCY_CASTS_OF_INTEGER(u2, ZARRCY_IN_U2)
ZARRCY_CASTS_OF_INTEGER(i4, ZARRCY_IN_I4)
ZARRCY_CASTS_OF_INTEGER(u4, ZARRCY_IN_U4)
ZARRCY_CASTS_OF_INTEGER(i8, ZARRCY_IN_I8)
ZARRCY_CASTS_OF_INTEGER(u8, ZARRCY_IN_U8)
ZARRCY_CASTS_OF_FLOAT(f4)
ZARRCY_CASTS_OF_FLOAT(f8)

typedef int (*zarrcy_cast_loop)(int mode, const char *src, char *dst, int64_t n);
#define ZARRCY_CASTS_FROM(S)                                                                                           \
    {zarrcy_cast_##S##_i1, zarrcy_cast_##S##_u1, zarrcy_cast_##S##_i2, zarrcy_cast_##S##_u2, zarrcy_cast_##S##_i4,     \
     zarrcy_cast_##S##_u4, zarrcy_cast_##S##_i8, zarrcy_cast_##S##_u8, zarrcy_cast_##S##_f4, zarrcy_cast_##S##_f8}
static const zarrcy_cast_loop zarrcy_casts[10][10] = {
    ZARRCY_CASTS_FROM(i1), ZARRCY_CASTS_FROM(u1), ZARRCY_CASTS_FROM(i2), ZARRCY_CASTS_FROM(u2), ZARRCY_CASTS_FROM(i4),
    ZARRCY_CASTS_FROM(u4), ZARRCY_CASTS_FROM(i8), ZARRCY_CASTS_FROM(u8), ZARRCY_CASTS_FROM(f4), ZARRCY_CASTS_FROM(f8),
};

/* Round to the nearest integer, halves to even, without a call of a library: adding 2 to the power of the number of
 * mantissa bits leaves no bits for a fraction. Larger numbers are integers already. */
static float zarrcy_nearest_f4(float x) {
    float size = fabsf(x);
    return size < 8388608.0f ? copysignf((size + 8388608.0f) - 8388608.0f, x) : x;
}
static double zarrcy_nearest_f8(double x) {
    double size = fabs(x);
    return size < 4503599627370496.0 ? copysign((size + 4503599627370496.0) - 4503599627370496.0, x) : x;
}

/* A loop over floats, which fails if a result is infinite or not a number and its source is not. */
#define ZARRCY_FLOAT_LOOP(NAME, T, EXPRESSION)                                                                         \
    ZARRCY_FOR_EACH_CPU                                                                                                \
    static int zarrcy_##NAME##_##T(const zarrcy_step *s, const char *src, char *dst, int64_t n) {                      \
        const zarrcy_##T *from = (const zarrcy_##T *)src;                                                              \
        zarrcy_##T *to = (zarrcy_##T *)dst;                                                                            \
        zarrcy_##T a = (zarrcy_##T)s->a, b = (zarrcy_##T)s->b;                                                         \
        int fails = 0;                                                                                                 \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            zarrcy_##T x = from[i], y = EXPRESSION;                                                                    \
            to[i] = y;                                                                                                 \
            fails |= !ZARRCY_FINITE(y) & ZARRCY_FINITE(x);                                                             \
        }                                                                                                              \
        (void)a, (void)b;                                                                                              \
        return -fails;                                                                                                 \
    }
#define ZARRCY_FLOAT_LOOPS(T)                                                                                          \
    ZARRCY_FLOAT_LOOP(scale, T, (x - a) * b)                                                                           \
    ZARRCY_FLOAT_LOOP(scale_to_integers, T, zarrcy_nearest_##T((x - a) * b))                                           \
    ZARRCY_FLOAT_LOOP(unscale, T, x / b + a)                                                                           \
    ZARRCY_FLOAT_LOOP(rint, T, zarrcy_nearest_##T(x))                                                                  \
    ZARRCY_FLOAT_LOOP(quantize, T, zarrcy_nearest_##T(a * x) * b)
ZARRCY_FLOAT_LOOPS(f4)
ZARRCY_FLOAT_LOOPS(f8)

#define ZARRCY_OF_FLOAT(NAME)                                                                                          \
    (s->from == ZARRCY_F4 ? zarrcy_##NAME##_f4(s, src, dst, s->n_in / 4) : zarrcy_##NAME##_f8(s, src, dst, s->n_in / 8))

#define ZARRCY_ROUND_BITS_LOOP(T)                                                                                      \
    ZARRCY_FOR_EACH_CPU                                                                                                \
    static void zarrcy_round_bits_##T(const char *src, char *dst, int64_t n, int bits) {                               \
        const zarrcy_##T *from = (const zarrcy_##T *)src;                                                              \
        zarrcy_##T *to = (zarrcy_##T *)dst;                                                                            \
        zarrcy_##T one = 1, half = (zarrcy_##T)((one << (bits - 1)) - 1);                                              \
        zarrcy_##T mask = (zarrcy_##T)~((zarrcy_##T)(one << bits) - 1);                                                \
        for (int64_t i = 0; i < n; i++)                                                                                \
            to[i] = (zarrcy_##T)(from[i] + (from[i] >> bits & 1) + half) & mask;                                       \
    }
ZARRCY_ROUND_BITS_LOOP(u2)
ZARRCY_ROUND_BITS_LOOP(u4)
ZARRCY_ROUND_BITS_LOOP(u8)

static void zarrcy_round_bits(const zarrcy_step *s, const char *src, char *dst) {
    switch (s->size) {
    case 2: zarrcy_round_bits_u2(src, dst, s->n_in / 2, s->bits); break;
    case 4: zarrcy_round_bits_u4(src, dst, s->n_in / 4, s->bits); break;
    default: zarrcy_round_bits_u8(src, dst, s->n_in / 8, s->bits);
    }
}

/* -- Booleans -- */

/* One bit for each byte, at its place in a product: the highest byte of the product has the bits of all bytes. */
static const uint64_t ZARRCY_LOW_BITS = 0x0101010101010101u;
static const uint64_t ZARRCY_GATHER_HIGHEST_FIRST = 0x8040201008040201u;
static const uint64_t ZARRCY_GATHER_LOWEST_FIRST = 0x0102040810204080u;

static uint64_t zarrcy_load_word(const unsigned char *p) {
    return (uint64_t)zarrcy_load_u32(p) | (uint64_t)zarrcy_load_u32(p + 4) << 32;
}

/* Fails for a byte that is neither 0 nor 1. */
static int zarrcy_pack_bits(const zarrcy_step *s, const char *restrict src, char *restrict dst) {
    const unsigned char *from = (const unsigned char *)src;
    unsigned char rest[8] = {0};
    uint64_t gather = s->flag ? ZARRCY_GATHER_HIGHEST_FIRST : ZARRCY_GATHER_LOWEST_FIRST, word, all = 0;
    int64_t n = s->n_in / 8, left = s->n_in % 8, i;
    unsigned char *to = (unsigned char *)dst + (s->padding == ZARRCY_PADDING_FIRST);
    for (i = 0; i < n; i++) {
        word = zarrcy_load_word(from + 8 * i);
        all |= word;
        to[i] = (unsigned char)((word & ZARRCY_LOW_BITS) * gather >> 56);
    }
    if (left) {
        memcpy(rest, from + 8 * n, (size_t)left);
        word = zarrcy_load_word(rest);
        all |= word;
        to[n] = (unsigned char)((word & ZARRCY_LOW_BITS) * gather >> 56);
    }
    if (s->padding != ZARRCY_NO_PADDING_BYTE)
        dst[s->padding == ZARRCY_PADDING_FIRST ? 0 : s->n_out - 1] = (char)(left ? 8 - left : 0);
    return all & ~ZARRCY_LOW_BITS ? -1 : 0;
}

/* Fails if another number of padding bits is stored. */
static int zarrcy_unpack_bits(const zarrcy_step *s, const char *restrict src, char *restrict dst) {
    const unsigned char *from = (const unsigned char *)src + (s->padding == ZARRCY_PADDING_FIRST);
    uint64_t mask = s->flag ? 0x0102040810204080u : 0x8040201008040201u, word;
    int64_t n = s->n_out / 8, left = s->n_out % 8, i, k;
    if (s->padding != ZARRCY_NO_PADDING_BYTE
            && src[s->padding == ZARRCY_PADDING_FIRST ? 0 : s->n_in - 1] != (left ? 8 - left : 0))
        return -1;
    for (i = 0; i < n; i++) {
        /* each byte keeps one bit, and becomes 1 if that is set */
        word = from[i] * ZARRCY_LOW_BITS & mask;
        word = (word + 0x7f7f7f7f7f7f7f7fu) >> 7 & ZARRCY_LOW_BITS;
        zarrcy_store_u32(dst + 8 * i, (uint32_t)word);
        zarrcy_store_u32(dst + 8 * i + 4, (uint32_t)(word >> 32));
    }
    for (k = 0; k < left; k++)
        dst[8 * n + k] = (char)(from[n] >> (s->flag ? 7 - k : k) & 1);
    return 0;
}

/* -- a row of steps -- */

/* Return whether a step may write the memory that it reads. */
static int zarrcy_step_is_in_place(const zarrcy_step *s) {
    switch (s->kind) {
    case ZARRCY_SWAP: case ZARRCY_DIFFERENCE: case ZARRCY_CUMULATE: case ZARRCY_SCALE: case ZARRCY_UNSCALE:
    case ZARRCY_RINT: case ZARRCY_QUANTIZE: case ZARRCY_ROUND_BITS:
        return 1;
    case ZARRCY_ADD_CHECKSUM:
        return !s->sum.at_start;
    }
    return 0;
}

/* Choose the memory that each step writes. The last step writes the target, place 0. Returns the place of the memory
 * that the first step reads, if it is not that of the caller. */
static int zarrcy_steps_choose_places(zarrcy_step *steps, int n) {
    int k, place = 0, is_left_in_place;
    for (k = n - 1; k >= 0; k--) {
        steps[k].place = place;
        /* a checksum that is taken leaves the bytes inside its input, which must not be what the next step writes */
        is_left_in_place = steps[k].kind == ZARRCY_TAKE_CHECKSUM && k < n - 1 && place != steps[k + 1].place;
        if (!zarrcy_step_is_in_place(&steps[k]) && !is_left_in_place)
            place = place == 1 ? 2 : 1;
    }
    return place;
}

/* Do one step. A checksum that is taken leaves the bytes where they are: `*result` points to them. */
static int zarrcy_step_run(const zarrcy_step *s, const char *src, char *dst, const char **result) {
    const char *payload;
    zarrcy_checksums sums;
    *result = dst;
    switch (s->kind) {
    case ZARRCY_SWAP: zarrcy_swap(s, src, dst); return 0;
    case ZARRCY_SHUFFLE: zarrcy_shuffle_bytes(s, src, dst); return 0;
    case ZARRCY_UNSHUFFLE: zarrcy_unshuffle_bytes(s, src, dst); return 0;
    case ZARRCY_TRANSPOSE: zarrcy_transpose(s, src, dst); return 0;
    case ZARRCY_ROUND_BITS: zarrcy_round_bits(s, src, dst); return 0;
    case ZARRCY_DIFFERENCE: return zarrcy_difference(s, src, dst);
    case ZARRCY_CUMULATE: return zarrcy_cumulate(s, src, dst);
    case ZARRCY_CAST: return zarrcy_casts[s->from][s->to](s->flag, src, dst, s->n_in / s->size);
    case ZARRCY_SCALE: return s->flag ? ZARRCY_OF_FLOAT(scale_to_integers) : ZARRCY_OF_FLOAT(scale);
    case ZARRCY_UNSCALE: return ZARRCY_OF_FLOAT(unscale);
    case ZARRCY_RINT: return ZARRCY_OF_FLOAT(rint);
    case ZARRCY_QUANTIZE: return ZARRCY_OF_FLOAT(quantize);
    case ZARRCY_PACK_BITS: return zarrcy_pack_bits(s, src, dst);
    case ZARRCY_UNPACK_BITS: return zarrcy_unpack_bits(s, src, dst);
    case ZARRCY_ADD_CHECKSUM:
        dst += s->sum.at_start ? 4 : 0;
        if (src != dst)
            memcpy(dst, src, (size_t)s->n_in);
        sums.n = 1, sums.each[0] = s->sum;
        zarrcy_add_checksums(&sums, dst, (size_t)s->n_in);
        return 0;
    case ZARRCY_TAKE_CHECKSUM:
        sums.n = 1, sums.each[0] = s->sum;
        if (zarrcy_take_checksums(&sums, src, (size_t)s->n_in, &payload) < 0)
            return -1;
        *result = payload;
        return 0;
    }
    return -1;
}

/* Do all steps of a chunk at `src`, which does not change unless it is the place that `zarrcy_steps_choose_places`
 * returned. The result of `nbytes` bytes is at `places[0]`. Returns 0, or -1 if a step fails. */
static int zarrcy_steps_run(const zarrcy_step *steps, int n, const char *src, char *const *places, size_t nbytes) {
    int k;
    for (k = 0; k < n; k++)
        if (zarrcy_step_run(&steps[k], src, places[steps[k].place], &src) != 0)
            return -1;
    if (src != places[0])
        memmove(places[0], src, nbytes);
    return 0;
}

#endif
