/* A slow and plain decoder of lossless JPEG. */
#ifndef RAWKIT_SLOW_LJPEG_H
#define RAWKIT_SLOW_LJPEG_H

#include "../../native/codec/ljpeg.h"

/* Decode what `read_ljpeg_size` has taken, rows without gaps; 0 where it is damaged. */
int slow_ljpeg(const uint8_t *data, size_t count, const LjpegSize *size, uint16_t *out);

#endif
