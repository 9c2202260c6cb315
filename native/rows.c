/* Rows of pixels: copied past the caches, reversed, and made of columns. */
#include "blocks.h"

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
    FAST static void NAME(TYPE *restrict to, const TYPE *restrict from, size_t count)              \
    {                                                                                              \
        for (size_t x = 0; x < count; x++)                                                         \
            to[x] = from[count - 1 - x];                                                           \
    }

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

void transpose_panel(uint8_t *to, const uint8_t *from, size_t rows, size_t columns, size_t pitch,
                     size_t size)
{
#ifdef RAWKIT_SSE2
    size_t side = panel_columns(size);
    if (columns == side && rows >= side) {
        for (size_t row = 0; row < rows; row += side) {
            /* The last block begins where it ends with the last row: some rows are done twice. */
            size_t begin = row + side <= rows ? row : rows - side;
            if (size == 1)
                transpose_16x16(to + begin, rows, from + begin * pitch, pitch);
            else
                transpose_8x8(to + 2 * begin, 2 * rows, from + begin * pitch, pitch);
        }
        return;
    }
#endif
    for (size_t column = 0; column < columns; column++)
        for (size_t row = 0; row < rows; row++)
            memcpy(to + (column * rows + row) * size, from + row * pitch + column * size, size);
}
