/* Chunks as the store writes them: Blosc 1, LZ4, bitshuffle, values of two bytes.
 *
 * The format is that of c-blosc's README_CHUNK_FORMAT.rst and of LZ4's lz4_Block_format.md. A chunk
 * of any other kind is left to the library that wrote it; so is one that is damaged, and that
 * library says so. What a chunk's bytes say is believed nowhere: every read and write is checked
 * against the end of its memory.
 */
#include "blocks.h"

#ifdef RAWKIT_CHUNKS

enum { HEADER = 16, VERSION = 2, LZ4_VERSION = 1, VALUE = 2 };
/* Flags: as it was, since it would grow; bitshuffled; not split into the bytes of a value; LZ4 in the
 * highest three bits. */
enum { PLAIN = 2, BITSHUFFLED = 4, WHOLE = 16, LZ4 = 1 << 5 };
/* Blocks of fewer values are not split. */
enum { LEAST_SPLIT = 128 };
/* Bytes of the shortest match, and those at the end that are never of one. A match begins no later
 * than LAST_MATCH bytes before the end; it and what follows take LEAST_AFTER bytes of input. */
enum { LEAST_MATCH = 4, LAST_LITERALS = 5, LAST_MATCH = 12, LEAST_AFTER = 2 + 1 + LAST_LITERALS };
/* Bytes that are copied at once where as many may be read and written. */
enum { STEP = 32 };
/* Bytes of each row of bits that are turned into values at a time: a line of the cache. */
enum { TILE = 64 };

typedef struct {
    const uint8_t *at, *end;
} Input;

static size_t left_of(const Input *input) { return (size_t)(input->end - input->at); }

static uint32_t little_32(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

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

/* Decode an LZ4 block of exactly `room` bytes; 0 if it is none. */
static int decode_lz4(Input input, uint8_t *out, size_t room)
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
        if (left_of(&input) < LEAST_AFTER || end - out < LAST_MATCH)
            return 0;
        size_t offset = input.at[0] | (size_t)input.at[1] << 8;
        input.at += 2;
        count = token & 15;
        if (!read_length(&input, &count) || !offset || offset > (size_t)(out - begin))
            return 0;
        count += LEAST_MATCH;
        left = (size_t)(end - out);
        if (count + LAST_LITERALS > left)
            return 0;
        copy_match(out, offset, count, left);
        out += count;
    }
    return 0;
}

/* Swap bits between a row and the one that lies `APART` behind it: those of MASK in the latter with
 * those that lie as many places higher in the former. */
#define SWAP(BITS, ROW, APART, MASK)                                                               \
    {                                                                                              \
        uint64_t swapped = ((BITS[ROW] >> APART) ^ BITS[ROW + APART]) & MASK;                      \
        BITS[ROW + APART] ^= swapped;                                                              \
        BITS[ROW] ^= swapped << APART;                                                             \
    }

/* Of 8 rows of bits, `pitch` bytes apart, make bytes: bit k of byte i of row r becomes bit r of
 * to[k][i]. */
FAST static void gather_bits(uint64_t to[8][TILE / 8], const uint8_t *rows, size_t pitch)
{
    const uint64_t m4 = 0x0F0F0F0F0F0F0F0F, m2 = 0x3333333333333333, m1 = 0x5555555555555555;
    uint64_t from[8][TILE / 8];
    for (size_t row = 0; row < 8; row++)
        memcpy(from[row], rows + row * pitch, TILE);
    for (size_t x = 0; x < TILE / 8; x++) {
        uint64_t bits[8];
        for (size_t row = 0; row < 8; row++)
            bits[row] = from[row][x];
        SWAP(bits, 0, 4, m4) SWAP(bits, 1, 4, m4) SWAP(bits, 2, 4, m4) SWAP(bits, 3, 4, m4)
        SWAP(bits, 0, 2, m2) SWAP(bits, 1, 2, m2) SWAP(bits, 4, 2, m2) SWAP(bits, 5, 2, m2)
        SWAP(bits, 0, 1, m1) SWAP(bits, 2, 1, m1) SWAP(bits, 4, 1, m1) SWAP(bits, 6, 1, m1)
        for (size_t row = 0; row < 8; row++)
            to[row][x] = bits[row];
    }
}

/* Values of two bytes, of TILE bytes of each of 16 rows of bits. */
static void unshuffle_tile(uint8_t *to, const uint8_t *rows, size_t pitch)
{
    uint64_t low[8][TILE / 8], high[8][TILE / 8];
    gather_bits(low, rows, pitch);
    gather_bits(high, rows + 8 * pitch, pitch);
    for (size_t x = 0; x < TILE; x += 8) {
        __m128i values[8];
        for (size_t row = 0; row < 8; row++)
            values[row] = _mm_unpacklo_epi8(_mm_loadl_epi64((const __m128i *)&low[row][x / 8]),
                                            _mm_loadl_epi64((const __m128i *)&high[row][x / 8]));
        INTERLEAVE(__m128i, 8, 3, _mm_unpacklo_epi16, _mm_unpackhi_epi16, values)
        for (size_t row = 0; row < 8; row++)
            _mm_storeu_si128((__m128i *)(to + UNIT * (x + row)), values[row]);
    }
}

/* The same, of two groups of 8 bytes of each row at once. */
AVX2 static void unshuffle_tile_avx2(uint8_t *to, const uint8_t *rows, size_t pitch)
{
    uint64_t low[8][TILE / 8], high[8][TILE / 8];
    gather_bits(low, rows, pitch);
    gather_bits(high, rows + 8 * pitch, pitch);
    for (size_t x = 0; x < TILE; x += UNIT) {
        __m256i values[8];
        for (size_t row = 0; row < 8; row++) {
            __m128i a = load_unit((const uint8_t *)&low[row][x / 8]);
            __m128i b = load_unit((const uint8_t *)&high[row][x / 8]);
            values[row] = _mm256_inserti128_si256(
                _mm256_castsi128_si256(_mm_unpacklo_epi8(a, b)), _mm_unpackhi_epi8(a, b), 1);
        }
        INTERLEAVE(__m256i, 8, 3, _mm256_unpacklo_epi16, _mm256_unpackhi_epi16, values)
        for (size_t row = 0; row < 8; row++) {
            _mm_storeu_si128((__m128i *)(to + UNIT * (x + row)),
                             _mm256_castsi256_si128(values[row]));
            _mm_storeu_si128((__m128i *)(to + UNIT * (x + 8 + row)),
                             _mm256_extracti128_si256(values[row], 1));
        }
    }
}

/* Undo the bitshuffle of `pitch` times 8 values. */
static void unshuffle(uint8_t *to, const uint8_t *rows, size_t pitch)
{
    size_t done = 0;
    void (*tile)(uint8_t *, const uint8_t *, size_t) =
        has_avx2() ? unshuffle_tile_avx2 : unshuffle_tile;
    for (; done + TILE <= pitch; done += TILE)
        tile(to + 8 * VALUE * done, rows + done, pitch);
    for (; done < pitch; done++)
        for (size_t bit = 0; bit < 8; bit++) {
            unsigned value = 0;
            for (size_t row = 0; row < 8 * VALUE; row++)
                value |= (unsigned)(rows[row * pitch + done] >> bit & 1) << row;
            to[VALUE * (8 * done + bit)] = (uint8_t)value;
            to[VALUE * (8 * done + bit) + 1] = (uint8_t)(value >> 8);
        }
}

/* Decode the parts of a block, each with its length before it; a part that would grow is as it was. */
static int decode_parts(Input input, uint8_t *out, size_t bytes, size_t parts)
{
    size_t room = bytes / parts;
    for (size_t part = 0; part < parts; part++, out += room) {
        if (left_of(&input) < 4)
            return 0;
        size_t count = little_32(input.at);
        input.at += 4;
        if (count > left_of(&input))
            return 0;
        if (count == room)
            memcpy(out, input.at, room);
        else if (!decode_lz4((Input){input.at, input.at + count}, out, room))
            return 0;
        input.at += count;
    }
    return 1;
}

int decode_blosc(const uint8_t *data, size_t count, uint8_t *out, size_t bytes, uint8_t *work)
{
    if (count < HEADER || data[0] != VERSION || data[1] != LZ4_VERSION || data[3] != VALUE ||
        (data[2] & ~(WHOLE | PLAIN)) != (BITSHUFFLED | LZ4) || little_32(data + 4) != bytes ||
        little_32(data + 12) != count)
        return 0;
    size_t block = little_32(data + 8);
    if (!block || block > bytes)
        return 0;
    if (data[2] & PLAIN) {
        if (count != HEADER + bytes)
            return 0;
        memcpy(out, data + HEADER, bytes);
        return 1;
    }
    if (block % (8 * VALUE) || bytes % (8 * VALUE))
        return 0;
    size_t blocks = (bytes + block - 1) / block;
    if ((count - HEADER) / 4 < blocks)
        return 0;
    for (size_t number = 0; number < blocks; number++) {
        size_t begin = little_32(data + HEADER + 4 * number), at = number * block;
        size_t size = bytes - at < block ? bytes - at : block;
        int split = !(data[2] & WHOLE) && size == block && block / VALUE >= LEAST_SPLIT;
        if (begin > count ||
            !decode_parts((Input){data + begin, data + count}, work, size, split ? VALUE : 1))
            return 0;
        unshuffle(out + at, work, size / (8 * VALUE));
    }
    return 1;
}
#endif
