/* Rows of pixels: copied past the caches, reversed, and made of columns. */
#include "native.h"

#ifdef RAWKIT_SSE2
enum { UNIT = sizeof(__m128i) };

/* Ones in the middle: read from 32 - n it masks the first n bytes, from n the last n. */
static const uint8_t ONES[3 * UNIT] = {
    [UNIT] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};

static inline __m128i load(const uint8_t *from)
{
    return _mm_loadu_si128((const __m128i *)from);
}

/* Store the bytes of a unit that a mask has set, past the caches. */
static inline void stream_masked(uint8_t *to, const uint8_t *from, const uint8_t *mask)
{
    _mm_maskmoveu_si128(load(from), load(mask), (char *)to);
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
            _mm_stream_si128((__m128i *)to, load(from));
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

FAST static void reverse_8(uint8_t *restrict to, const uint8_t *restrict from, size_t count)
{
    for (size_t x = 0; x < count; x++)
        to[x] = from[count - 1 - x];
}

FAST static void reverse_16(uint16_t *restrict to, const uint16_t *restrict from, size_t count)
{
    for (size_t x = 0; x < count; x++)
        to[x] = from[count - 1 - x];
}

void reverse_row(uint8_t *to, const uint8_t *from, size_t count, size_t size)
{
    if (size == 1)
        reverse_8(to, from, count);
    else
        reverse_16((uint16_t *)to, (const uint16_t *)from, count);
}

#ifdef RAWKIT_SSE2
/* A block of 16 x 16 pixels of one byte; each round interleaves rows n / 2 apart. */
static void transpose_16x16(uint8_t *to, size_t to_pitch, const uint8_t *from, size_t pitch)
{
    __m128i a[16], b[16];
    for (size_t row = 0; row < 16; row++)
        a[row] = load(from + row * pitch);
    for (int round = 0; round < 4; round++) {
        for (size_t row = 0; row < 8; row++) {
            b[2 * row] = _mm_unpacklo_epi8(a[row], a[row + 8]);
            b[2 * row + 1] = _mm_unpackhi_epi8(a[row], a[row + 8]);
        }
        memcpy(a, b, sizeof a);
    }
    for (size_t row = 0; row < 16; row++)
        _mm_storeu_si128((__m128i *)(to + row * to_pitch), a[row]);
}

/* A block of 8 x 8 pixels of two bytes. */
static void transpose_8x8(uint8_t *to, size_t to_pitch, const uint8_t *from, size_t pitch)
{
    __m128i a[8], b[8];
    for (size_t row = 0; row < 8; row++)
        a[row] = load(from + row * pitch);
    for (int round = 0; round < 3; round++) {
        for (size_t row = 0; row < 4; row++) {
            b[2 * row] = _mm_unpacklo_epi16(a[row], a[row + 4]);
            b[2 * row + 1] = _mm_unpackhi_epi16(a[row], a[row + 4]);
        }
        memcpy(a, b, sizeof a);
    }
    for (size_t row = 0; row < 8; row++)
        _mm_storeu_si128((__m128i *)(to + row * to_pitch), a[row]);
}
#endif

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
