/* Chunks as the store writes them: Blosc 1, LZ4, bitshuffle, values of two bytes.
 *
 * The format is that of c-blosc's README_CHUNK_FORMAT.rst and of LZ4's lz4_Block_format.md. A chunk
 * of any other kind is left to the library that wrote it; so is one that is damaged, and that
 * library says so. What a chunk's bytes say is believed nowhere: every read and write is checked
 * against the end of its memory.
 */
#include "codec.h"

#ifdef RAWKIT_CHUNKS

enum { HEADER = 16, VERSION = 2, LZ4_VERSION = 1 };
/* Flags: as it was, since it would grow; bitshuffled; not split into the bytes of a value; LZ4 in the
 * highest three bits. */
enum { PLAIN = 2, BITSHUFFLED = 4, WHOLE = 16, LZ4 = 1 << 5 };
/* Blocks of fewer values are not split. */
enum { LEAST_SPLIT = 128 };

static uint32_t little_32(const uint8_t *from)
{
    return from[0] | (uint32_t)from[1] << 8 | (uint32_t)from[2] << 16 | (uint32_t)from[3] << 24;
}

int codec_prepare(void)
{
    lz4_prepare();
    return crc32c_prepare();
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
