/* Vectors of a core, and what makes columns of rows in them. */
#ifndef RAWKIT_BLOCKS_H
#define RAWKIT_BLOCKS_H

#include "native.h"

#ifdef RAWKIT_SSE2
enum { UNIT = sizeof(__m128i) };

static inline __m128i load_unit(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

/* Make columns of the rows of a block: each round interleaves rows that lie half a block apart, and
 * SIDE is 2 to the power of ROUNDS. A vector of two units does so with two blocks. */
#define INTERLEAVE(VECTOR, SIDE, ROUNDS, LOW, HIGH, rows)                                          \
    for (int round = 0; round < ROUNDS; round++) {                                                 \
        VECTOR next[SIDE];                                                                         \
        for (size_t row = 0; row < SIDE / 2; row++) {                                              \
            next[2 * row] = LOW(rows[row], rows[row + SIDE / 2]);                                  \
            next[2 * row + 1] = HIGH(rows[row], rows[row + SIDE / 2]);                             \
        }                                                                                          \
        memcpy(rows, next, sizeof next);                                                           \
    }
#endif

/* A function that is called only where `has_avx2` says so. */
#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#define RAWKIT_AVX2 1
#define AVX2 __attribute__((target("avx2")))

static inline int has_avx2(void) { return __builtin_cpu_supports("avx2"); }
#endif

/* The same for `has_avx512`: what processors have since Ice Lake and Zen 4. */
#if defined(RAWKIT_AVX2) && (defined(__clang__) || __GNUC__ >= 8)
#define RAWKIT_AVX512 1
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vbmi,gfni,vpclmulqdq")))

static inline int has_avx512(void)
{
    return __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("gfni") && __builtin_cpu_supports("vpclmulqdq");
}
#endif

#endif
