/* CRC-32C (Castagnoli): reflected polynomial 0x82F63B78, initial value and final xor of all ones.
 * Source: RFC 3720, appendix B.4. Uses the CRC instruction of the processor if there is one, else tables for eight
 * bytes at a time ("slicing by 8", Kounavis and Berry, 2005). */
#ifndef ZARRCY_CRC32C_H
#define ZARRCY_CRC32C_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

static uint32_t zarrcy_crc32c_table[8][256];

static void zarrcy_crc32c_init(void) {
    for (uint32_t n = 0; n < 256; n++) {
        uint32_t crc = n;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? (crc >> 1) ^ 0x82F63B78u : crc >> 1;
        zarrcy_crc32c_table[0][n] = crc;
    }
    for (uint32_t n = 0; n < 256; n++)
        for (int k = 1; k < 8; k++)
            zarrcy_crc32c_table[k][n] = (zarrcy_crc32c_table[k - 1][n] >> 8)
                ^ zarrcy_crc32c_table[0][zarrcy_crc32c_table[k - 1][n] & 0xff];
}

static uint32_t zarrcy_crc32c_tables(uint32_t crc, const unsigned char *p, size_t n) {
    while (n >= 8) {
        /* words are assembled from bytes, so the byte order of the machine does not matter */
        uint32_t low = crc ^ ((uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24);
        crc = zarrcy_crc32c_table[7][low & 0xff] ^ zarrcy_crc32c_table[6][low >> 8 & 0xff]
            ^ zarrcy_crc32c_table[5][low >> 16 & 0xff] ^ zarrcy_crc32c_table[4][low >> 24]
            ^ zarrcy_crc32c_table[3][p[4]] ^ zarrcy_crc32c_table[2][p[5]]
            ^ zarrcy_crc32c_table[1][p[6]] ^ zarrcy_crc32c_table[0][p[7]];
        p += 8;
        n -= 8;
    }
    while (n--)
        crc = crc >> 8 ^ zarrcy_crc32c_table[0][(crc ^ *p++) & 0xff];
    return crc;
}

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#include <nmmintrin.h>
__attribute__((target("sse4.2")))
static uint32_t zarrcy_crc32c_hardware(uint32_t crc, const unsigned char *p, size_t n) {
    uint64_t wide = crc, word;
    while (n >= 8) {
        memcpy(&word, p, 8);
        wide = _mm_crc32_u64(wide, word);
        p += 8;
        n -= 8;
    }
    crc = (uint32_t)wide;
    while (n--)
        crc = _mm_crc32_u8(crc, *p++);
    return crc;
}
#define ZARRCY_HAS_CRC32C() __builtin_cpu_supports("sse4.2")
#elif defined(__aarch64__) && (defined(__linux__) || defined(__APPLE__)) && (defined(__GNUC__) || defined(__clang__))
/* The instructions are optional in ARMv8.0, so the kernel of the system is asked whether the processor has them. They
 * are written as assembly, because compilers differ in how one function gets instructions that the others do not have. */
static uint32_t zarrcy_crc32c_hardware(uint32_t crc, const unsigned char *p, size_t n) {
    uint64_t word;
    while (n >= 8) {
        memcpy(&word, p, 8);
#ifdef __AARCH64EB__
        word = __builtin_bswap64(word);
#endif
        __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(crc) : "r"(word));
        p += 8;
        n -= 8;
    }
    while (n--) {
        uint32_t byte = *p++;
        __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(crc) : "r"(byte));
    }
    return crc;
}
#ifdef __APPLE__
#define ZARRCY_HAS_CRC32C() 1   /* each processor of Apple with 64 bits that runs macOS has them */
#else
#include <sys/auxv.h>
#define ZARRCY_HAS_CRC32C() ((getauxval(AT_HWCAP) & 1ul << 7) != 0)     /* HWCAP_CRC32 of asm/hwcap.h */
#endif
#else
#define zarrcy_crc32c_hardware zarrcy_crc32c_tables
#define ZARRCY_HAS_CRC32C() 0
#endif

/* Return the checksum of bytes that follow others whose checksum is `crc`; 0 if there are none before. */
static uint32_t zarrcy_crc32c(uint32_t crc, const unsigned char *p, size_t n, int by_tables) {
    crc = ~crc;
    crc = !by_tables && ZARRCY_HAS_CRC32C() ? zarrcy_crc32c_hardware(crc, p, n) : zarrcy_crc32c_tables(crc, p, n);
    return ~crc;
}

#endif
