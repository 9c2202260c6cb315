/* One input of the fuzzer: bytes that are decoded by native/codec, at each level, and by the library
 * that numcodecs is built with. Memory is exactly as long as the codec is told, so that the address
 * sanitizer sees the first byte too far; what is refused and what is taken, and the bytes that come of
 * it, must be the same for all.
 *
 * The first byte of an input says what the others are: a chunk of Blosc whose header is given the
 * right length, the same as it is, a block of LZ4, bytes to be summed, or from 128 on a lossless JPEG,
 * which is compared with a slow decoder. */
#include "../../native/codec/codec.h"
#include "slow_ljpeg.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

/* Longest thing that is decoded: a few blocks, with tiles of all levels and a rest. */
enum { MOST = 1 << 14 };
enum { HEADER = 16 };

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*run)(const uint8_t *data, size_t count));
int fuzz_prepare(const char *library);
int fuzz_one(const uint8_t *data, size_t count);
void fuzz_sweep(void);
int fuzz(int argc, char **argv);

static int (*blosc_decompress)(const void *from, void *to, size_t bytes, int threads);
static int (*lz4_decompress)(const char *from, char *to, int count, int room);
static Level highest;

static void must(int holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "\nfound: %s\n", what);
    abort();
}

/* Memory of exactly so many bytes, all of one value. */
static uint8_t *filled(size_t count, int value)
{
    uint8_t *memory = malloc(count ? count : 1);
    must(memory != NULL, "no memory");
    return memset(memory, value, count);
}

static uint8_t *copied(const uint8_t *from, size_t count)
{
    uint8_t *memory = filled(count, 0);
    if (count)
        memcpy(memory, from, count);
    return memory;
}

static uint32_t little_32(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

typedef int (*Decode)(const uint8_t *data, size_t count, uint8_t *out, size_t bytes);

static int our_blosc(const uint8_t *data, size_t count, uint8_t *out, size_t bytes)
{
    uint8_t *work = filled(bytes, 0x55);
    int taken = decode_blosc(data, count, out, bytes, work);
    free(work);
    return taken;
}

static int our_lz4(const uint8_t *data, size_t count, uint8_t *out, size_t bytes)
{
    return decode_lz4((Input){data, data + count}, out, bytes);
}

/* What rawkit asks numcodecs to decode: chunks whose header tells the truth about both lengths. It
 * raises where the library returns no more than 0. */
static int their_blosc(const uint8_t *data, size_t count, uint8_t *out, size_t bytes)
{
    return bytes && count >= HEADER && little_32(data + 4) == bytes && little_32(data + 12) == count &&
           blosc_decompress(data, out, bytes, 1) == (int)bytes;
}

static int their_lz4(const uint8_t *data, size_t count, uint8_t *out, size_t bytes)
{
    return lz4_decompress((const char *)data, (char *)out, (int)count, (int)bytes) == (int)bytes;
}

/* Chunks that the codec leaves to the library, whole or not: of another format, compressor, filter or
 * size of values, or with a rest that the bitshuffle does not take. */
static int is_of_another_kind(const uint8_t *data, size_t count, size_t bytes)
{
    if (count < HEADER)
        return 0;
    const int bitshuffled = data[2] >> 2 & 1, shuffled = data[2] & 1, compressor = data[2] >> 5;
    const size_t block = little_32(data + 8);
    return data[0] != 2 || data[1] != 1 || data[3] != VALUE || compressor != 1 || !bitshuffled ||
           shuffled || data[2] & 8 || block % 16 || bytes % 16;
}

/* Decode in all ways; they must agree. `ours` may leave to `theirs` what is of another kind. */
static void compare(Decode ours, Decode theirs, const uint8_t *from, size_t count, size_t bytes,
                    int may_leave)
{
    uint8_t *data = copied(from, count), *expected = filled(bytes, 0x11);
    uint8_t *again = filled(bytes, 0xEE);
    const int taken = theirs(data, count, expected, bytes);
    must(taken == theirs(data, count, again, bytes), "the library changes its mind");
    must(!taken || !memcmp(expected, again, bytes), "the library shows what memory held before");
    for (Level level = LEVEL_BASE; level <= highest; level++) {
        uint8_t *out = filled(bytes, 0x33);
        processor_level = level;
        const int found = ours(data, count, out, bytes);
        must(taken || !found, "taken, but the library refuses it");
        must(found || !taken || may_leave, "refused, but the library takes it");
        must(!found || !memcmp(out, expected, bytes), "decoded to other bytes");
        free(out);
    }
    free(data);
    free(expected);
    free(again);
}

static void compare_chunk(const uint8_t *from, size_t count, int as_it_is)
{
    uint8_t *data = copied(from, count);
    size_t bytes = 0;
    if (count >= HEADER) {
        if (!as_it_is)
            for (int byte = 0; byte < 4; byte++)
                data[12 + byte] = (uint8_t)(count >> 8 * byte);
        bytes = little_32(data + 4);
    }
    if (bytes <= MOST)
        compare(our_blosc, their_blosc, data, count, bytes,
                is_of_another_kind(data, count, bytes));
    free(data);
}

static void compare_block(const uint8_t *from, size_t count)
{
    if (count < 2)
        return;
    const size_t bytes = 1 + (from[0] | (size_t)from[1] << 8) % MOST; /* no part of a chunk is empty */
    compare(our_lz4, their_lz4, from + 2, count - 2, bytes, 0);
}

static void compare_sums(const uint8_t *from, size_t count)
{
    uint8_t *data = copied(from, count);
    uint32_t expected = UINT32_MAX;
    for (size_t at = 0; at < count; at++) {
        expected ^= data[at];
        for (int bit = 0; bit < 8; bit++)
            expected = expected >> 1 ^ (expected & 1 ? 0x82F63B78 : 0);
    }
    for (Level level = LEVEL_BASE; level <= highest; level++) {
        processor_level = level;
        must(crc32c(data, count) == (uint32_t)~expected, "another sum");
    }
    free(data);
}

enum { MOST_VALUES = 1 << 12, BEYOND_ROWS = 3 };

/* Rows lie further apart than they are long; what lies between must stay as it is. */
static void compare_jpeg(const uint8_t *from, size_t count)
{
    LjpegSize size;
    uint8_t *data = copied(from, count);
    if (read_ljpeg_size(data, count, &size) && size.rows * size.columns <= MOST_VALUES) {
        const size_t stride = size.columns + BEYOND_ROWS, row = size.columns * sizeof(uint16_t);
        const size_t values = stride * (size.rows - 1) + size.columns;
        uint16_t *expected = (uint16_t *)filled(size.rows * row, 0x11);
        const int good = slow_ljpeg(data, count, &size, expected);
        for (int value = 0x33; value <= 0x55; value += 0x22) {
            uint16_t *out = (uint16_t *)filled(values * sizeof *out, value);
            uint8_t *work = filled(count + LJPEG_BEYOND, value);
            must(decode_ljpeg(data, count, out, stride, work) == good, "a JPEG taken by one alone");
            for (size_t y = 0; y < size.rows; y++) {
                must(!good || !memcmp(out + y * stride, expected + y * size.columns, row),
                     "a JPEG decoded to other values");
                for (size_t x = size.columns; x < stride && y + 1 < size.rows; x++)
                    must(out[y * stride + x] == (value | value << 8), "written beside a row");
            }
            free(work);
            free(out);
        }
        free(expected);
    }
    free(data);
}

int fuzz_one(const uint8_t *data, size_t count)
{
    if (!count)
        return 0;
    if (data[0] >= 128) {
        compare_jpeg(data + 1, count - 1);
        return 0;
    }
    switch (data[0] & 3) {
    case 0:
    case 1:
        compare_chunk(data + 1, count - 1, data[0] & 1);
        break;
    case 2:
        compare_block(data + 1, count - 1);
        break;
    default:
        compare_sums(data + 1, count - 1);
    }
    return 0;
}

/* Get ready; `library` is the file of numcodecs.blosc. Returns the levels there are, or 0. */
int fuzz_prepare(const char *library)
{
    void *numcodecs = dlopen(library, RTLD_NOW);
    if (!numcodecs || !processor_prepare(NULL) || !codec_prepare())
        return 0;
    blosc_decompress =
        (int (*)(const void *, void *, size_t, int))dlsym(numcodecs, "blosc_decompress_ctx");
    lz4_decompress =
        (int (*)(const char *, char *, int, int))dlsym(numcodecs, "LZ4_decompress_safe");
    highest = processor_level;
    return blosc_decompress && lz4_decompress ? 1 + (int)highest : 0;
}

/* Append a length as LZ4 has it: four bits of the token, and more bytes from 15 on. */
static uint8_t *put_length(uint8_t *at, size_t length)
{
    if (length < 15)
        return at;
    for (length -= 15; length >= 255; length -= 255)
        *at++ = 255;
    *at++ = (uint8_t)length;
    return at;
}

static uint8_t token(size_t literals, size_t match)
{
    return (uint8_t)((literals < 15 ? literals : 15) << 4 | (match < 15 ? match : 15));
}

/* All matches of lengths and distances around those where copying changes its way, with as many bytes
 * behind them: what no fuzzer finds in a minute, since three numbers must be right at once. */
void fuzz_sweep(void)
{
    static const uint8_t BEHIND[] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  12, 13, 29, 30,
                                     31, 32, 33, 34, 61, 62, 63, 64, 65, 66, 130};
    enum { DISTANCES = 70, LENGTHS = 200 };
    uint8_t block[1024];
    for (size_t distance = 1; distance <= DISTANCES; distance++)
        for (size_t length = 4; length <= LENGTHS; length++)
            for (size_t each = 0; each < sizeof BEHIND; each++) {
                uint8_t *at = block;
                *at++ = token(distance, length - 4);
                at = put_length(at, distance);
                for (size_t x = 0; x < distance; x++)
                    *at++ = (uint8_t)(x + 1);
                *at++ = (uint8_t)distance;
                *at++ = 0;
                at = put_length(at, length - 4);
                *at++ = token(BEHIND[each], 0);
                at = put_length(at, BEHIND[each]);
                memset(at, 0xAA, BEHIND[each]);
                compare(our_lz4, their_lz4, block, (size_t)(at - block) + BEHIND[each],
                        distance + length + BEHIND[each], 0);
            }
}

int fuzz(int argc, char **argv) { return LLVMFuzzerRunDriver(&argc, &argv, fuzz_one); }
