/* Lossless JPEG bit by bit, as T.81 says it, for the fuzzer to compare with: slow and plain. What is a
 * JPEG that is decoded at all is for `read_ljpeg_size` to say; here its head is believed. */
#include "slow_ljpeg.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
    const uint8_t *at, *end;
    int bit, marked; /* next bit of the byte, 7 to 0; whether a marker or the end was met */
    long beyond;     /* bits that were asked for after that */
} Stream;

static int next_bit(Stream *stream)
{
    if (stream->marked || stream->at == stream->end) {
        stream->marked = 1;
        stream->beyond++;
        return 0;
    }
    const int is_255 = *stream->at == 255;
    if (is_255 && (stream->end - stream->at < 2 || stream->at[1])) {
        stream->marked = 1;
        stream->beyond++;
        return 0;
    }
    const int bit = *stream->at >> stream->bit & 1;
    if (stream->bit-- == 0) {
        stream->bit = 7;
        stream->at += 1 + is_255;
    }
    return bit;
}

/* The category of the next code of a table, which begins with 16 counts; -1 if it is none. */
static int next_category(Stream *stream, const uint8_t *table)
{
    int code = 0, first = 0, number = 0;
    for (int length = 0; length < 16; length++) {
        code = code << 1 | next_bit(stream);
        if (code >= first && code - first < table[length])
            return table[16 + number + code - first];
        number += table[length];
        first = (first + table[length]) << 1;
    }
    return -1;
}

static int next_difference(Stream *stream, const uint8_t *table, int *good)
{
    const int category = next_category(stream, table);
    if (category < 0) {
        *good = 0;
        return 0;
    }
    if (category == 16)
        return -32768;
    int bits = 0;
    for (int bit = 0; bit < category; bit++)
        bits = bits << 1 | next_bit(stream);
    return category && bits < 1 << (category - 1) ? bits - (1 << category) + 1 : bits;
}

int slow_ljpeg(const uint8_t *data, size_t count, const LjpegSize *size, uint16_t *out)
{
    const uint8_t *tables[4] = {NULL}, *used[4] = {NULL}, *at = data + 2;
    int predictor = 0;
    for (;;) {
        const size_t length = (size_t)at[2] << 8 | at[3];
        const uint8_t *body = at + 4, *end = at + 2 + length;
        if (at[1] == 0xC4)
            while (body < end) {
                size_t codes = 0;
                for (int number = 1; number <= 16; number++)
                    codes += body[number];
                tables[body[0]] = body + 1;
                body += 17 + codes;
            }
        const int is_scan = at[1] == 0xDA;
        if (is_scan) {
            for (size_t component = 0; component < size->components; component++)
                used[component] = tables[body[2 + 2 * component] >> 4];
            predictor = body[1 + 2 * size->components];
        }
        at = end;
        if (is_scan)
            break;
    }
    Stream stream = {at, data + count, 7, 0, 0};
    const size_t columns = size->columns, step = size->components;
    int good = 1;
    for (size_t y = 0; y < size->rows; y++)
        for (size_t x = 0; x < columns; x++) {
            const uint16_t *here = out + y * columns + x;
            int expected;
            if (x < step)
                expected = y ? here[-(ptrdiff_t)columns] : 1 << (size->bits - 1);
            else if (!y || predictor == 1)
                expected = here[-(ptrdiff_t)step];
            else {
                const int left = here[-(ptrdiff_t)step], above = here[-(ptrdiff_t)columns];
                const int corner = here[-(ptrdiff_t)(columns + step)];
                const int by[] = {0, left, above, corner, left + above - corner,
                                  left + ((above - corner) >> 1), above + ((left - corner) >> 1),
                                  (left + above) >> 1};
                expected = by[predictor];
            }
            const int difference = next_difference(&stream, used[x % step], &good);
            out[y * columns + x] = (uint16_t)(expected + difference);
            if (!good || out[y * columns + x] >> size->bits)
                return 0;
        }
    return !stream.beyond;
}
