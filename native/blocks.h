/* Vectors of a core, and what makes columns of rows in them. */
#ifndef RAWKIT_BLOCKS_H
#define RAWKIT_BLOCKS_H

#include "processor.h"

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

#endif
