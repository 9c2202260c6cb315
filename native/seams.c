/* Lines of the caches that two chunks share, put together before they are written.
 *
 * A line that is written past the caches in two halves costs the memory two reads and two writes.
 * Chunks meet at any pixel, so without this most rows of a crop would have such lines: half the
 * time that writing them takes. */
#include "blocks.h"
#include "native.h"

#ifdef RAWKIT_CHUNKS

/* From LINE - n on: n zeros, then ones. */
static const uint8_t FROM[2 * LINE] = {
    [LINE] = 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255,          255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255,          255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
    255,          255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
};

/* Write a line: of its bytes the first `count` from one place, and those behind from another. */
static inline void stream_joined(uint8_t *line, const uint8_t *first, const uint8_t *second,
                                 size_t count)
{
    for (size_t x = 0; x < LINE; x += UNIT) {
        __m128i mask = load_unit(FROM + LINE - count + x);
        __m128i a = load_unit(first + x), b = load_unit(second + x);
        _mm_stream_si128((__m128i *)(line + x),
                         _mm_or_si128(_mm_andnot_si128(mask, a), _mm_and_si128(mask, b)));
    }
}

/* Write what waits. */
void flush_seam(Seam *seam)
{
    if (seam->end)
        stream_row(seam->begin, seam->bytes + (uintptr_t)seam->begin % LINE,
                   (size_t)(seam->end - seam->begin));
    seam->end = NULL;
}

/* Have a part of a line wait; `from` is where the line would begin. */
static inline void keep_part(Seam *seam, uint8_t *begin, uint8_t *end, const uint8_t *from)
{
    flush_seam(seam);
    seam->begin = begin;
    seam->end = end;
    for (size_t x = 0; x < LINE; x += UNIT)
        _mm_store_si128((__m128i *)(seam->bytes + x), load_unit(from + x));
}

void stream_seamed(Seam *seam, uint8_t *to, const uint8_t *from, size_t count)
{
    uint8_t *end = to + count;
    size_t head = (uintptr_t)to % LINE, tail = (uintptr_t)end % LINE;
    if (head && count < LINE - head) {
        stream_row(to, from, count);
        return;
    }
    int head_waits = head > 0, tail_waits = tail > 0;
    if (head_waits && seam->begin == to - head && seam->end == to) {
        stream_joined(to - head, seam->bytes, from - head, head);
        seam->end = NULL;
        head_waits = 0;
    } else if (tail_waits && seam->begin == end && seam->end == end - tail + LINE) {
        stream_joined(end - tail, from + count - tail, seam->bytes, tail);
        seam->end = NULL;
        tail_waits = 0;
    }
    size_t whole = head ? LINE - head : 0;
    for (size_t at = whole; at + LINE <= count; at += LINE)
        for (size_t x = 0; x < LINE; x += UNIT)
            _mm_stream_si128((__m128i *)(to + at + x), load_unit(from + at + x));
    if (head_waits && tail_waits)
        stream_row(to, from, whole);
    if (tail_waits)
        keep_part(seam, end - tail, end, from + count - tail);
    else if (head_waits)
        keep_part(seam, to, to + whole, from - head);
}
#endif
