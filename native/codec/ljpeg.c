/* Lossless JPEG. Every length, code and count of the data is checked before it is used; the loop over
 * values never reads beyond the work memory, whatever the codes are. */
#include "ljpeg.h"

enum { COMPONENTS = 4, TABLES = 4, LONGEST_CODE = 16, CATEGORIES = 17 };
enum { MARKER = 0xFF, FRAME = 0xC3, HUFFMAN = 0xC4, START = 0xD8, SCAN = 0xDA, RESTARTS = 0xDD };
/* Bits that are looked up at once: a code with the bits of its difference, if they are no more. The
 * table then has a place in the core's nearest cache beside the pixels. */
enum { LOOKED_UP = 12 };

/* A code with its difference: `length` bits in all; 0 where it is longer than LOOKED_UP. */
typedef struct {
    int16_t difference;
    uint8_t length;
} Entry;

typedef struct {
    uint8_t counts[LONGEST_CODE + 1]; /* codes of each length, from 1 */
    uint8_t categories[CATEGORIES];   /* of all codes in their order */
    int is_there;
} Codes;

typedef struct {
    Entry entries[1 << LOOKED_UP];
    const Codes *codes;
} Table;

typedef struct {
    LjpegSize size;
    Codes codes[TABLES];
    uint8_t identifiers[COMPONENTS]; /* of the components, in the order of their values */
    uint8_t table[COMPONENTS];       /* that each has */
    int predictor;                   /* 1 to 7 */
    size_t scan;                     /* where the compressed bytes begin */
} Head;

static size_t big_16(const uint8_t *from) { return (size_t)from[0] << 8 | from[1]; }

/* Codes of one segment, which may have several tables; 0 if they are none. */
static int read_codes(Head *head, const uint8_t *at, const uint8_t *end)
{
    while (at < end) {
        const uint8_t number = *at++;
        if (number >= TABLES || end - at < LONGEST_CODE)
            return 0;
        Codes *codes = &head->codes[number];
        memset(codes, 0, sizeof *codes);
        size_t total = 0, room = 1; /* codes that are left, of the length that is looked at */
        for (int length = 1; length <= LONGEST_CODE; length++) {
            const uint8_t found = *at++;
            room = 2 * room;
            if (found > room)
                return 0;
            room -= found;
            codes->counts[length] = found;
            total += found;
        }
        if (!total || total > CATEGORIES || (size_t)(end - at) < total)
            return 0;
        for (size_t code = 0; code < total; code++) {
            if (at[code] > 16)
                return 0;
            codes->categories[code] = at[code];
        }
        codes->is_there = 1;
        at += total;
    }
    return 1;
}

/* Sizes of a frame; 0 if it is of another kind, or there was one before. */
static int read_frame(Head *head, const uint8_t *at, size_t count)
{
    if (head->size.components || count < 6)
        return 0;
    const size_t components = at[5];
    if (components < 1 || components > COMPONENTS || count != 6 + 3 * components)
        return 0;
    head->size = (LjpegSize){big_16(at + 1), big_16(at + 3) * components, components, at[0]};
    for (size_t number = 0; number < components; number++) {
        head->identifiers[number] = at[6 + 3 * number];
        if (at[7 + 3 * number] != 0x11)
            return 0;
    }
    return head->size.rows && head->size.columns && at[0] >= 2 && at[0] <= 16;
}

/* Which codes each component has; 0 if the scan is of another kind. */
static int read_scan(Head *head, const uint8_t *at, size_t count)
{
    const size_t components = head->size.components;
    if (!components || count != 4 + 2 * components || at[0] != components)
        return 0;
    for (size_t number = 0; number < components; number++) {
        const uint8_t table = at[2 + 2 * number] >> 4;
        if (at[1 + 2 * number] != head->identifiers[number] || table >= TABLES ||
            !head->codes[table].is_there)
            return 0;
        head->table[number] = table;
    }
    const uint8_t *last = at + 1 + 2 * components; /* predictor, a zero, transform */
    head->predictor = last[0];
    return last[0] >= 1 && last[0] <= 7 && last[1] == 0 && last[2] == 0;
}

static int read_head(const uint8_t *data, size_t count, Head *head)
{
    memset(head, 0, sizeof *head);
    if (count < 2 || data[0] != MARKER || data[1] != START)
        return 0;
    size_t at = 2;
    while (count - at >= 4) {
        const uint8_t marker = data[at + 1];
        const size_t length = big_16(data + at + 2);
        if (data[at] != MARKER || length < 2 || count - at - 2 < length)
            return 0;
        const uint8_t *body = data + at + 4;
        at += 2 + length;
        if (marker == SCAN) {
            head->scan = at;
            return read_scan(head, body, length - 2);
        }
        if (marker == HUFFMAN && !read_codes(head, body, body + length - 2))
            return 0;
        if (marker == FRAME && !read_frame(head, body, length - 2))
            return 0;
        const int other_frame = marker >= 0xC0 && marker <= 0xCF && marker != FRAME &&
                                marker != HUFFMAN && marker != 0xC8 && marker != 0xCC;
        if (other_frame || marker < 0xC0)
            return 0;
        if (marker == RESTARTS && (length != 4 || big_16(body)))
            return 0;
    }
    return 0;
}

/* The difference that the bits of a category stand for. */
static inline int32_t extended(uint32_t bits, int category)
{
    return category && bits < 1u << (category - 1) ? (int32_t)bits - (1 << category) + 1
                                                   : (int32_t)bits;
}

static void make_table(Table *table, const Codes *codes)
{
    memset(table->entries, 0, sizeof table->entries);
    table->codes = codes;
    size_t number = 0;
    uint32_t code = 0;
    for (int length = 1; length <= LOOKED_UP; length++, code <<= 1)
        for (int left = codes->counts[length]; left; left--, code++) {
            const int category = codes->categories[number++];
            const int whole = length + (category == 16 ? 0 : category);
            if (whole > LOOKED_UP)
                continue;
            const int category_bits = whole - length, rest = LOOKED_UP - whole;
            for (uint32_t bits = 0; bits < 1u << category_bits; bits++) {
                const int32_t difference = category == 16 ? -32768 : extended(bits, category);
                const Entry entry = {(int16_t)difference, (uint8_t)whole};
                Entry *to = table->entries + ((code << category_bits | bits) << rest);
                for (uint32_t more = 0; more < 1u << rest; more++)
                    to[more] = entry;
            }
        }
}

/* Compressed bytes without the zeros that follow each 255; returns where they end, at a marker or at
 * the end of the data. */
static uint8_t *without_stuffing(const uint8_t *from, const uint8_t *end, uint8_t *to)
{
    while (from < end) {
        const uint8_t *marker = memchr(from, MARKER, (size_t)(end - from));
        const size_t before = (size_t)((marker ? marker : end) - from);
        memcpy(to, from, before);
        to += before;
        if (!marker || end - marker < 2 || marker[1])
            break;
        *to++ = MARKER;
        from = marker + 2;
    }
    return to;
}

/* The next bits, the first one highest; at least 56 of them after `refill`. */
typedef struct {
    uint64_t bits;
    int count;
    const uint8_t *at, *end; /* LJPEG_BEYOND bytes follow the end */
} Bits;

static inline void refill(Bits *input)
{
    uint64_t next;
    memcpy(&next, input->at, sizeof next);
#if defined __BYTE_ORDER__ && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    input->bits |= next >> input->count;
#elif defined _MSC_VER
    input->bits |= _byteswap_uint64(next) >> input->count;
#else
    input->bits |= __builtin_bswap64(next) >> input->count;
#endif
    const uint8_t *at = input->at + ((63 - input->count) >> 3);
    input->at = at < input->end ? at : input->end; /* zeros follow: what is too short is found below */
    input->count |= 56;
}

static inline uint32_t take(Bits *input, int count)
{
    /* In two steps: there is no shift by 64. */
    const uint32_t taken = (uint32_t)(input->bits >> 1 >> (63 - count));
    input->bits <<= count;
    input->count -= count;
    return taken;
}

/* A difference whose code was not looked up; `*good` becomes 0 where there is no such code. */
static int32_t long_difference(Bits *input, const Table *table, int *good)
{
    refill(input);
    const Codes *codes = table->codes;
    uint32_t code = 0, first = 0;
    size_t number = 0;
    for (int length = 1; length <= LONGEST_CODE; length++) {
        code = code << 1 | (uint32_t)(input->bits >> (64 - length) & 1);
        if (code - first < codes->counts[length]) {
            const int category = codes->categories[number + (code - first)];
            take(input, length);
            const int32_t difference =
                category == 16 ? -32768 : extended(take(input, category), category);
            refill(input);
            return difference;
        }
        number += codes->counts[length];
        first = (first + codes->counts[length]) << 1;
    }
    *good = 0;
    return 0;
}

static inline int32_t difference_of(Bits *input, const Table *table, int *good)
{
    const Entry entry = table->entries[input->bits >> (64 - LOOKED_UP)];
    if (!entry.length)
        return long_difference(input, table, good);
    input->bits <<= entry.length;
    input->count -= entry.length;
    return entry.difference;
}

/* So many values can be looked up after a `refill`. */
enum { AT_ONCE = 56 / LOOKED_UP };

/* Rows of values under way. */
typedef struct {
    Bits input;
    const Table *tables[COMPONENTS];
    size_t columns;
    uint32_t seen; /* bits of all values */
    int good;      /* whether all codes were such */
} Rows;

/* What a value is expected to be, from the one before it, the one above it and the one above that:
 * T.81, table H.1. Sums may be negative. */
INLINED int32_t predicted(int predictor, int32_t left, int32_t above, int32_t corner)
{
    switch (predictor) {
    case 1: return left;
    case 2: return above;
    case 3: return corner;
    case 4: return left + above - corner;
    case 5: return left + ((above - corner) >> 1);
    case 6: return above + ((left - corner) >> 1);
    default: return (left + above) >> 1;
    }
}

/* A row from its second pixel on; `components` and `predictor` are known where this is built. */
INLINED void decode_row(Rows *rows, uint16_t *row, const uint16_t *above, size_t components,
                        int predictor)
{
    Bits input = rows->input; /* in registers */
    uint32_t seen = rows->seen;
    uint16_t left[COMPONENTS];
    memcpy(left, row, components * sizeof *row);
    size_t x = components;
    for (; x + AT_ONCE <= rows->columns; x += AT_ONCE) {
        refill(&input);
        for (size_t next = 0; next < AT_ONCE; next++) {
            const size_t component = next % components, at = x + next;
            const int32_t difference =
                difference_of(&input, rows->tables[component], &rows->good);
            left[component] = (uint16_t)(difference + predicted(predictor, left[component],
                                                                above[at], above[at - components]));
            row[at] = left[component];
            seen |= left[component];
        }
    }
    for (size_t component = 0; x < rows->columns; x++, component = (component + 1) % components) {
        refill(&input);
        const int32_t difference = difference_of(&input, rows->tables[component], &rows->good);
        left[component] = (uint16_t)(difference + predicted(predictor, left[component], above[x],
                                                            above[x - components]));
        row[x] = left[component];
        seen |= left[component];
    }
    rows->input = input;
    rows->seen = seen;
}

INLINED void decode_row_by(Rows *rows, uint16_t *row, const uint16_t *above, size_t components,
                           int predictor)
{
    switch (predictor) {
    case 1: decode_row(rows, row, above, components, 1); break;
    case 2: decode_row(rows, row, above, components, 2); break;
    case 3: decode_row(rows, row, above, components, 3); break;
    case 4: decode_row(rows, row, above, components, 4); break;
    case 5: decode_row(rows, row, above, components, 5); break;
    case 6: decode_row(rows, row, above, components, 6); break;
    default: decode_row(rows, row, above, components, 7); break;
    }
}

static int decode_values(Rows *rows, const LjpegSize *size, int predictor, uint16_t *out,
                         size_t stride)
{
    /* The first pixel follows half of the range; that of each later row the one above it. */
    uint16_t first[COMPONENTS];
    for (size_t component = 0; component < COMPONENTS; component++)
        first[component] = (uint16_t)(1u << (size->bits - 1));
    for (size_t y = 0; y < size->rows; y++) {
        uint16_t *row = out + y * stride;
        const uint16_t *above = y ? row - stride : row;
        const int by = y ? predictor : 1;
        for (size_t component = 0; component < size->components; component++) {
            refill(&rows->input);
            first[component] = (uint16_t)(first[component] +
                difference_of(&rows->input, rows->tables[component], &rows->good));
            row[component] = first[component];
            rows->seen |= first[component];
        }
        switch (size->components) {
        case 1: decode_row_by(rows, row, above, 1, by); break;
        case 2: decode_row_by(rows, row, above, 2, by); break;
        case 4: decode_row_by(rows, row, above, 4, by); break;
        default: return 0;
        }
        if (!rows->good || rows->seen >> size->bits)
            return 0;
    }
    return 1;
}

int read_ljpeg_size(const uint8_t *data, size_t count, LjpegSize *size)
{
    Head head;
    const int found = read_head(data, count, &head);
    *size = head.size;
    return found && size->components != 3;
}

int decode_ljpeg(const uint8_t *data, size_t count, uint16_t *out, size_t stride, uint8_t *work)
{
    Head head;
    if (!read_head(data, count, &head) || stride < head.size.columns)
        return 0;
    Table made[TABLES];
    Rows rows = {.columns = head.size.columns, .good = 1};
    for (size_t component = 0; component < head.size.components; component++) {
        const uint8_t number = head.table[component];
        rows.tables[component] = &made[number];
        size_t before = 0;
        while (head.table[before] != number)
            before++;
        if (before == component)
            make_table(&made[number], &head.codes[number]);
    }
    uint8_t *end = without_stuffing(data + head.scan, data + count, work);
    memset(end, 0, LJPEG_BEYOND);
    rows.input = (Bits){0, 0, work, end + 8};
    if (!decode_values(&rows, &head.size, head.predictor, out, stride))
        return 0;
    /* Bits that were taken must all have been there. */
    return 8 * (rows.input.at - work) - rows.input.count <= 8 * (end - work);
}
