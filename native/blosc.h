/* What a chunk of Blosc is decoded with. */
#ifndef RAWKIT_BLOSC_H
#define RAWKIT_BLOSC_H

#include "blocks.h"

#ifdef RAWKIT_CHUNKS

/* What is left to read. */
typedef struct {
    const uint8_t *at, *end;
} Input;

static inline size_t left_of(const Input *input) { return (size_t)(input->end - input->at); }

/* Get ready to decode. */
void lz4_prepare(void);

/* Decode an LZ4 block of exactly `room` bytes; 0 if it is none. */
int decode_lz4(Input input, uint8_t *out, size_t room);

/* Undo the bitshuffle of `pitch` times 8 values of two bytes: of 16 rows of bits, `pitch` bytes each,
 * row r has the bits r of the values. */
void unshuffle(uint8_t *to, const uint8_t *rows, size_t pitch);

#endif
#endif
