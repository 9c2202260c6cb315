/* Lossless JPEG, as cameras and DNG files compress mosaics: ITU-T T.81, process 14 (annex H).
 *
 * Like the rest of `codec` this decodes what others wrote, knows nothing of Python, and is built alone
 * to be fuzzed. What cameras do not write is left to LibRaw: restart intervals, point transforms,
 * components that are sampled coarser. */
#ifndef RAWKIT_LJPEG_H
#define RAWKIT_LJPEG_H

#include "../processor.h"

/* Bytes that `decode_ljpeg` needs to work in, beyond those of the data. */
enum { LJPEG_BEYOND = 16 };

/* What a lossless JPEG holds. */
typedef struct {
    size_t rows;
    size_t columns;    /* values in a row: those of all components of all its pixels */
    size_t components; /* 1 to 4, one after the other in each pixel */
    int bits;          /* of each value, 2 to 16 */
} LjpegSize;

/* Read what the head says; 0 where that is no lossless JPEG, or one of a kind that is not decoded. */
int read_ljpeg_size(const uint8_t *data, size_t count, LjpegSize *size);

/* Decode all values, rows `stride` values apart, in `count` + LJPEG_BEYOND bytes of `work`; 0 where
 * the data is damaged, ends before, has a value of more bits than it says, or is of another kind. `out`
 * may then have been written to. */
int decode_ljpeg(const uint8_t *data, size_t count, uint16_t *out, size_t stride, uint8_t *work);

#endif
