/* Square blocks of pixels, transposed in the registers of a core. */
#ifndef RAWKIT_BLOCKS_H
#define RAWKIT_BLOCKS_H

#include "native.h"

#ifdef RAWKIT_SSE2
enum { UNIT = sizeof(__m128i) };

static inline __m128i load_unit(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

/* A block of SIDE rows of SIDE pixels, a row being a unit; pitches are in bytes. Each round
 * interleaves rows that lie half a block apart, and SIDE is 2 to the power of ROUNDS. */
#define TRANSPOSE(NAME, SIDE, ROUNDS, UNPACK_LOW, UNPACK_HIGH)                                     \
    static inline void NAME(uint8_t *to, size_t to_pitch, const uint8_t *from, size_t pitch)       \
    {                                                                                              \
        __m128i a[SIDE], b[SIDE];                                                                  \
        for (size_t row = 0; row < SIDE; row++)                                                    \
            a[row] = load_unit(from + row * pitch);                                                \
        for (int round = 0; round < ROUNDS; round++) {                                             \
            for (size_t row = 0; row < SIDE / 2; row++) {                                          \
                b[2 * row] = UNPACK_LOW(a[row], a[row + SIDE / 2]);                                \
                b[2 * row + 1] = UNPACK_HIGH(a[row], a[row + SIDE / 2]);                           \
            }                                                                                      \
            memcpy(a, b, sizeof a);                                                                \
        }                                                                                          \
        for (size_t row = 0; row < SIDE; row++)                                                    \
            _mm_storeu_si128((__m128i *)(to + row * to_pitch), a[row]);                            \
    }

TRANSPOSE(transpose_16x16, 16, 4, _mm_unpacklo_epi8, _mm_unpackhi_epi8)
TRANSPOSE(transpose_8x8, 8, 3, _mm_unpacklo_epi16, _mm_unpackhi_epi16)
#endif

#endif
