/* Shared by the files of rawkit._native: what Python is shown, and the parts it is made of.
 *
 * The module holds the few loops over pixels that numpy and OpenCV cannot be told to run at the
 * speed of memory. It is built for the stable ABI of Python 3.11, so one build serves every later
 * one. Each function does what a plain one in Python beside its caller does, bit for bit; that one
 * runs where the module could not be built, and the tests compare the two.
 */
#ifndef RAWKIT_NATIVE_H
#define RAWKIT_NATIVE_H

/* Buffers belong to the stable ABI from Python 3.11 on. */
#define Py_LIMITED_API 0x030B0000
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "processor.h"

/* Copy bytes to where nobody reads them soon, past the caches; `stream_end` makes them seen by
 * other cores. A store through the cache reads each line before it overwrites it. */
void stream_row(uint8_t *to, const uint8_t *from, size_t count);
void stream_end(void);

/* Copy `count` pixels of `size` bytes, 1 or 2, in reverse order. */
void reverse_row(uint8_t *to, const uint8_t *from, size_t count, size_t size);

/* Columns that `transpose_panel` takes at once. */
size_t panel_columns(size_t size);

/* Make rows of the columns of an array: up to `panel_columns` columns of `rows` rows that lie
 * `pitch` bytes apart, which may be negative, become rows of `to`, `rows` pixels each. */
void transpose_panel(uint8_t *to, const uint8_t *from, size_t rows, size_t columns,
                     ptrdiff_t pitch, size_t size);

/* Pixels of a chunk, shape (planes, height, width), and where its first row and column lie. */
typedef struct {
    const uint8_t *pixels;
    Py_ssize_t planes, height, width, size; /* `size` is the bytes of a pixel */
    Py_ssize_t top, left;
} Chunk;

/* Refuse planes and pixels that crops cannot be cut from; 0, or -1 with an exception. */
int check_chunk(const Chunk *chunk);

/* A part of a line of the caches that waits for the rest of it. */
enum { LINE = 64 };
typedef struct {
    uint8_t *begin, *end; /* where it goes; nothing waits if `end` is NULL */
    uint8_t bytes[LINE];  /* each at its place in the line */
} Seam;

/* Write a row like `stream_row`, but of lines that are written in part only what nothing else of
 * them follows through this seam. Up to LINE bytes before and behind `from` may be read. */
void stream_seamed(Seam *seam, uint8_t *to, const uint8_t *from, size_t count);
void flush_seam(Seam *seam);

/* Crops that are cut from chunks. */
typedef struct Crop Crop;
typedef struct {
    Crop *items;
    Py_ssize_t count;
    uint8_t *scratch; /* to turn what lies in a chunk */
    Seam *seams;      /* for each row or column of a chunk, of each plane, of each crop; or NULL */
} Crops;

/* Seams that crops of chunks need. */
size_t seam_count(const Chunk *chunk, const Crops *crops);

/* Take crops from a list, to be cut from chunks of one shape; 0, or -1 with an exception. */
int read_crops(PyObject *list, const Chunk *chunk, Crops *crops);
void release_crops(Crops *crops);

/* Write what of crops lies in a chunk; `stream_end` is for whoever has no more to write. */
void place_chunk(const Chunk *chunk, const Crops *crops);

void chunks_prepare(void);

extern const char place_doc[];
PyObject *place(PyObject *module, PyObject *arguments);

/* Read so many bytes of an open file; 0, and errno if the system says why, where they end before. */
int read_fully(int handle, uint8_t *to, size_t count, int64_t offset);

extern const char open_tail_doc[];
PyObject *open_tail(PyObject *module, PyObject *arguments);

extern const char announce_doc[];
PyObject *announce(PyObject *module, PyObject *arguments);

extern const char cut_chunks_doc[];
PyObject *cut_chunks(PyObject *module, PyObject *arguments);

extern const char ljpeg_size_doc[];
PyObject *ljpeg_size(PyObject *module, PyObject *arguments);

extern const char decode_ljpeg_doc[];
PyObject *decode_ljpeg_into(PyObject *module, PyObject *arguments);

extern const char pack_counted_doc[];
PyObject *pack_counted(PyObject *module, PyObject *arguments);

extern const char make_short_doc[];
PyObject *make_short(PyObject *module, PyObject *arguments);

extern const char split_channels_doc[];
PyObject *split_channels(PyObject *module, PyObject *arguments);

#endif
