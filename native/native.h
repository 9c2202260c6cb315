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

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define RAWKIT_SSE2 1
#endif

/* Has a plain loop compiled for the processors of the last years too; which one runs is decided when
 * the module is loaded. */
#if defined(__x86_64__) && defined(__gnu_linux__) && defined(__GNUC__) && !defined(__clang__)
#define FAST __attribute__((target_clones("arch=x86-64-v4", "avx2", "default")))
#else
#define FAST
#endif

/* Copy bytes to where nobody reads them soon, past the caches; `stream_end` makes them seen by
 * other cores. A store through the cache reads each line before it overwrites it. */
void stream_row(uint8_t *to, const uint8_t *from, size_t count);
void stream_end(void);

/* Copy `count` pixels of `size` bytes, 1 or 2, in reverse order. */
void reverse_row(uint8_t *to, const uint8_t *from, size_t count, size_t size);

/* Columns that `transpose_panel` takes at once. */
size_t panel_columns(size_t size);

/* Make rows of the columns of an array: up to `panel_columns` columns of `rows` rows that lie
 * `pitch` bytes apart become rows of `to`, `rows` pixels each. */
void transpose_panel(uint8_t *to, const uint8_t *from, size_t rows, size_t columns, size_t pitch,
                     size_t size);

extern const char place_doc[];
PyObject *place(PyObject *module, PyObject *arguments);

extern const char pack_counted_doc[];
PyObject *pack_counted(PyObject *module, PyObject *arguments);

extern const char split_channels_doc[];
PyObject *split_channels(PyObject *module, PyObject *arguments);

#endif
