/* Rows of pixels: copied past the caches, reversed, and made of columns. */
#include "blocks.h"
#include "native.h"

#ifdef RAWKIT_SSE2
/* Ones in the middle: read from 32 - n it masks the first n bytes, from n the last n. */
static const uint8_t ONES[3 * UNIT] = {
    [UNIT] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};

/* Store the bytes of a unit that a mask has set, past the caches. */
static inline void stream_masked(uint8_t *to, const uint8_t *from, const uint8_t *mask)
{
    _mm_maskmoveu_si128(load_unit(from), load_unit(mask), (char *)to);
}
#endif

void stream_row(uint8_t *to, const uint8_t *from, size_t count)
{
#ifdef RAWKIT_SSE2
    if (count >= UNIT) {
        uint8_t *end = to + count;
        size_t head = (size_t)(-(uintptr_t)to & (UNIT - 1)), tail = (uintptr_t)end & (UNIT - 1);
        if (head)
            stream_masked(to, from, ONES + 2 * UNIT - head);
        if (tail)
            stream_masked(end - UNIT, from + count - UNIT, ONES + tail);
        for (to += head, from += head; to + UNIT <= end; to += UNIT, from += UNIT)
            _mm_stream_si128((__m128i *)to, load_unit(from));
        return;
    }
#endif
    memcpy(to, from, count);
}

void stream_end(void)
{
#ifdef RAWKIT_SSE2
    _mm_sfence();
#endif
}

#define REVERSE(NAME, TYPE)                                                                        \
    INLINED void NAME##_base(TYPE *restrict to, const TYPE *restrict from, size_t count)           \
    {                                                                                              \
        for (size_t x = 0; x < count; x++)                                                         \
            to[x] = from[count - 1 - x];                                                           \
    }                                                                                              \
    FOR_LEVELS(NAME, (TYPE *restrict to, const TYPE *restrict from, size_t count), (to, from, count))

REVERSE(reverse_8, uint8_t)
REVERSE(reverse_16, uint16_t)

void reverse_row(uint8_t *to, const uint8_t *from, size_t count, size_t size)
{
    if (size == 1)
        reverse_8(to, from, count);
    else
        reverse_16((uint16_t *)to, (const uint16_t *)from, count);
}

size_t panel_columns(size_t size)
{
    return 16 / size;
}

/* A block of SIDE rows of SIDE pixels, a row being a unit; or two of them below each other, for a
 * vector of two units. Pitches are in bytes. */
#define TRANSPOSE(TARGET, NAME, VECTOR, UNPACK, LOAD, STORE, SIDE, ROUNDS, BITS)                   \
    TARGET static void NAME(uint8_t *to, size_t to_pitch, const uint8_t *from, ptrdiff_t pitch)    \
    {                                                                                              \
        VECTOR rows[SIDE];                                                                         \
        for (ptrdiff_t row = 0; row < SIDE; row++)                                                 \
            rows[row] = LOAD(from + row * pitch, SIDE * pitch);                                    \
        INTERLEAVE(VECTOR, SIDE, ROUNDS, UNPACK##lo_##BITS, UNPACK##hi_##BITS, rows)               \
        for (size_t row = 0; row < SIDE; row++)                                                    \
            STORE((VECTOR *)(to + row * to_pitch), rows[row]);                                     \
    }

#ifdef RAWKIT_SSE2
#define SSE2 /* which every x86-64 has */

static inline __m128i load_one(const uint8_t *from, ptrdiff_t below)
{
    (void)below;
    return load_unit(from);
}

TRANSPOSE(SSE2, transpose_16x16, __m128i, _mm_unpack, load_one, _mm_storeu_si128, 16, 4, epi8)
TRANSPOSE(SSE2, transpose_8x8, __m128i, _mm_unpack, load_one, _mm_storeu_si128, 8, 3, epi16)
#endif

#ifdef RAWKIT_AVX2
AVX2 static inline __m256i load_two(const uint8_t *from, ptrdiff_t below)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load_unit(from)),
                                   load_unit(from + below), 1);
}

TRANSPOSE(AVX2, transpose_32x16, __m256i, _mm256_unpack, load_two, _mm256_storeu_si256, 16, 4, epi8)
TRANSPOSE(AVX2, transpose_16x8, __m256i, _mm256_unpack, load_two, _mm256_storeu_si256, 8, 3, epi16)
#endif

#ifdef RAWKIT_SSE2
typedef void (*Transpose)(uint8_t *to, size_t to_pitch, const uint8_t *from, ptrdiff_t pitch);

/* Transpose all rows of a panel with blocks of `side` rows. */
static void transpose_blocks(Transpose transpose, uint8_t *to, const uint8_t *from, size_t rows,
                             ptrdiff_t pitch, size_t size, size_t side)
{
    for (size_t row = 0; row < rows; row += side) {
        /* The last block begins where it ends with the last row: some rows are done twice. */
        size_t begin = row + side <= rows ? row : rows - side;
        transpose(to + begin * size, rows * size, from + (ptrdiff_t)begin * pitch, pitch);
    }
}
#endif

void transpose_panel(uint8_t *to, const uint8_t *from, size_t rows, size_t columns,
                     ptrdiff_t pitch, size_t size)
{
#ifdef RAWKIT_SSE2
    size_t side = panel_columns(size);
#endif
#ifdef RAWKIT_AVX2
    if (columns == side && rows >= 2 * side && has_avx2()) {
        transpose_blocks(size == 1 ? transpose_32x16 : transpose_16x8, to, from, rows, pitch, size,
                         2 * side);
        return;
    }
#endif
#ifdef RAWKIT_SSE2
    if (columns == side && rows >= side) {
        transpose_blocks(size == 1 ? transpose_16x16 : transpose_8x8, to, from, rows, pitch, size,
                         side);
        return;
    }
#endif
    for (size_t column = 0; column < columns; column++)
        for (size_t row = 0; row < rows; row++)
            memcpy(to + (column * rows + row) * size,
                   from + (ptrdiff_t)row * pitch + column * size, size);
}
