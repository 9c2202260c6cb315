/* Blocks of LZ4, as lz4_Block_format.md has them. What a block says is believed nowhere: every read
 * and write is checked against the end of its memory. */
#include "codec.h"

#ifdef RAWKIT_CHUNKS

/* Bytes of the shortest match, and those at the end that are never of one. A match begins no later
 * than LAST_MATCH bytes before the end; it and what follows take LEAST_AFTER bytes of input. */
enum { LEAST_MATCH = 4, LAST_LITERALS = 5, LAST_MATCH = 12, LEAST_AFTER = 2 + 1 + LAST_LITERALS };
/* Bytes that are copied at once where as many may be read and written. */
enum { STEP = 32 };

/* Copy in steps, one at least: up to STEP bytes more than asked for, for which both sides have room.
 * Most lengths are short, and the processor cannot guess which are zero. */
static inline void copy_steps(uint8_t *to, const uint8_t *from, size_t count)
{
    size_t at = 0;
    do {
        memcpy(to + at, from + at, STEP);
        at += STEP;
    } while (at < count);
}

/* A length of 15 goes on in bytes up to the first that is not 255; 0 if they end before. */
static int read_length(Input *input, size_t *length)
{
    uint8_t more;
    if (*length != 15)
        return 1;
    do {
        if (!left_of(input))
            return 0;
        *length += more = *input->at++;
    } while (more == 255);
    return 1;
}

/* LZ4's own decoder has a short way for sequences of few literals that begin with so much left to read
 * and to write; it then asks less of what follows them. The same is asked here, so that both take the
 * same blocks. `left` is to be read from the sequence's offset on. */
enum { SHORT_INPUT = 17, SHORT_OUTPUT = 32, SHORT_OFFSET = 8 };

static int is_short(uint8_t token, size_t left, size_t room)
{
    size_t literals = token >> 4;
    return literals < 15 && left + literals >= SHORT_INPUT && room + literals >= SHORT_OUTPUT;
}

/* Repeat what was written from `offset` bytes ago on. */
static inline void repeat(uint8_t *to, size_t offset, size_t count)
{
    /* What repeats grows with each copy, so the next may be as long as all of it. */
    for (size_t done = 0, part; done < count; done += part) {
        part = count - done < offset + done ? count - done : offset + done;
        memcpy(to + done, to - offset, part);
    }
}

/* The same, where `room` bytes are left to write: short ones in steps, which write more than that. */
static inline void copy_match(uint8_t *to, size_t offset, size_t count, size_t room)
{
    const uint8_t *from = to - offset;
    if (room < count + STEP)
        repeat(to, offset, count);
    else if (offset >= STEP)
        copy_steps(to, from, count);
    else if (offset <= 2) {
        /* Equal bytes, or pairs of them: what most of a dark frame's high bits are. */
        __m128i pairs = _mm_set1_epi16((short)(from[0] | from[offset - 1] << 8));
        for (size_t at = 0; at < count; at += UNIT)
            _mm_storeu_si128((__m128i *)(to + at), pairs);
    } else if (offset >= 8)
        for (size_t at = 0; at < count; at += 8)
            memcpy(to + at, from + at, 8);
    else
        repeat(to, offset, count);
}

#ifdef RAWKIT_AVX512
/* Bytes that such a processor copies at once. */
enum { WIDE = sizeof(__m512i) };

/* By offset, up to WIDE: which bytes from there on make a vector that repeats. */
static uint8_t repeating[WIDE + 1][WIDE];

/* The same with vectors that are stored whole: nothing is asked that processors guess wrong. */
AVX512 static inline void copy_match_wide(uint8_t *to, size_t offset, size_t count, size_t room)
{
    if (room < count + WIDE) {
        repeat(to, offset, count);
        return;
    }
    size_t period = offset < WIDE ? offset : WIDE;
    __m512i bytes = _mm512_permutexvar_epi8(_mm512_loadu_si512(repeating[period]),
                                            _mm512_loadu_si512(to - offset));
    _mm512_storeu_si512(to, bytes);
    if (count <= WIDE)
        return;
    if (offset < WIDE) {
        period = WIDE - WIDE % offset;
        for (size_t at = period; at < count; at += period)
            _mm512_storeu_si512(to + at, bytes);
    } else
        for (size_t at = WIDE; at < count; at += WIDE)
            _mm512_storeu_si512(to + at, _mm512_loadu_si512(to + at - offset));
}
#endif

typedef void (*CopyMatch)(uint8_t *to, size_t offset, size_t count, size_t room);

/* What `decode_lz4` does, with one way to copy. */
__attribute__((always_inline)) static inline int
decode_with(CopyMatch copy_match, Input input, uint8_t *out, size_t room)
{
    uint8_t *begin = out, *end = out + room;
    while (left_of(&input)) {
        uint8_t token = *input.at++;
        size_t count = token >> 4, left = (size_t)(end - out);
        if (!read_length(&input, &count) || count > left_of(&input) || count > left)
            return 0;
        if (left_of(&input) >= count + STEP && left >= count + STEP)
            copy_steps(out, input.at, count);
        else
            memcpy(out, input.at, count);
        input.at += count;
        out += count;
        if (!left_of(&input))
            return out == end;
        left = (size_t)(end - out);
        if ((left_of(&input) < LEAST_AFTER || left < LAST_MATCH) &&
            !is_short(token, left_of(&input), left))
            return 0;
        size_t offset = input.at[0] | (size_t)input.at[1] << 8;
        input.at += 2;
        count = token & 15;
        if (!read_length(&input, &count) || offset > (size_t)(out - begin))
            return 0;
        count += LEAST_MATCH;
        if (count + LAST_LITERALS > left &&
            (offset < SHORT_OFFSET || (token & 15) == 15 ||
             !is_short(token, left_of(&input) + 2, left)))
            return 0;
        if (offset)
            copy_match(out, offset, count, left);
        else /* which the format has no meaning for, and LZ4's own decoder this one */
            memset(out, 0, count);
        out += count;
    }
    return 0;
}

#ifdef RAWKIT_AVX512
AVX512 static int decode_wide(Input input, uint8_t *out, size_t room)
{
    return decode_with(copy_match_wide, input, out, room);
}
#endif

void lz4_prepare(void)
{
#ifdef RAWKIT_AVX512
    for (size_t period = 1; period <= WIDE; period++)
        for (size_t x = 0; x < WIDE; x++)
            repeating[period][x] = (uint8_t)(x % period);
#endif
}

int decode_lz4(Input input, uint8_t *out, size_t room)
{
#ifdef RAWKIT_AVX512
    if (has_avx512())
        return decode_wide(input, out, room);
#endif
    return decode_with(copy_match, input, out, room);
}
#endif
