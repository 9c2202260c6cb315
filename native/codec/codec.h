/* What decodes bytes that others may have written: chunks of Blosc, and their sums.
 *
 * Nothing else in `native` believes or disbelieves what a file says. These files know nothing of
 * Python and of the other ones but for the processor's instructions, so that they can be built alone,
 * with sanitizers, and fuzzed. */
#ifndef RAWKIT_CODEC_H
#define RAWKIT_CODEC_H

#include "../blocks.h"

#ifdef RAWKIT_CHUNKS

/* Bytes of the values whose chunks are decoded. */
enum { VALUE = 2 };

/* Decode a chunk of `count` bytes, as the store compresses packed planes, into exactly `bytes`
 * bytes; 0 if it is another kind of chunk, or damaged. `work` has room for as much. */
int decode_blosc(const uint8_t *data, size_t count, uint8_t *out, size_t bytes, uint8_t *work);

/* CRC-32C of some bytes. */
uint32_t crc32c(const uint8_t *data, size_t count);

/* Get ready for all of this, once; 0 where the processor cannot make sums. */
int codec_prepare(void);

/* Below: parts of the above. */

/* What is left to read. */
typedef struct {
    const uint8_t *at, *end;
} Input;

static inline size_t left_of(const Input *input) { return (size_t)(input->end - input->at); }

/* Get ready to decode. */
void lz4_prepare(void);

/* Get ready for sums; 0 where the processor cannot make them. */
int crc32c_prepare(void);

/* Decode an LZ4 block of exactly `room` bytes; 0 if it is none. */
int decode_lz4(Input input, uint8_t *out, size_t room);

/* Undo the bitshuffle of `pitch` times 8 values of two bytes: of 16 rows of bits, `pitch` bytes each,
 * row r has the bits r of the values. */
void unshuffle(uint8_t *to, const uint8_t *rows, size_t pitch);

#endif
#endif
