/* A mosaic taken apart into planes and counted, and a picture taken apart into its channels. */
#include "native.h"

#include <stdlib.h>

enum { LEVELS = 1 << 16, PLANES = 4, CHANNELS = 3 };

/* Two tables for each plane: a counter is then seldom needed again while its last sum is still on
 * its way to the cache, which is what counting dark frames waits for. */
typedef uint32_t Table[LEVELS];
enum { TABLES = 2 };

INLINED void split_pairs_base(uint16_t *restrict first, uint16_t *restrict second,
                              const uint16_t *restrict from, size_t count)
{
    for (size_t x = 0; x < count; x++) {
        first[x] = from[2 * x];
        second[x] = from[2 * x + 1];
    }
}

FOR_LEVELS(split_pairs,
           (uint16_t *restrict first, uint16_t *restrict second, const uint16_t *restrict from,
            size_t count),
           (first, second, from, count))

static void count_pairs(Table *first, Table *second, const uint16_t *from, size_t count)
{
    size_t x = 0;
    for (; x + 2 <= count; x += 2) {
        first[0][from[2 * x]]++;
        second[0][from[2 * x + 1]]++;
        first[1][from[2 * x + 2]]++;
        second[1][from[2 * x + 3]]++;
    }
    for (; x < count; x++) {
        first[0][from[2 * x]]++;
        second[0][from[2 * x + 1]]++;
    }
}

/* Planes of the two colours of even and of odd rows: R G1, then G2 B. */
static const int PLANE_OF[2][2] = {{0, 1}, {3, 2}};

/* Two rows of planes while they are in the core's cache; then they go past it to their place. */
static void split_bayer(const Py_buffer *mosaic, const Py_buffer *planes, Table *tables,
                        uint16_t *rows)
{
    size_t height = (size_t)planes->shape[1], width = (size_t)planes->shape[2];
    uint16_t *out = planes->buf;
    for (size_t y = 0; y < 2 * height; y++) {
        const uint16_t *row =
            (const uint16_t *)((const char *)mosaic->buf + (Py_ssize_t)y * mosaic->strides[0]);
        const int *plane = PLANE_OF[y % 2];
        split_pairs(rows, rows + width, row, width);
        for (size_t colour = 0; colour < 2; colour++) {
            uint16_t *to = out + ((size_t)plane[colour] * height + y / 2) * width;
            stream_row((uint8_t *)to, (uint8_t *)(rows + colour * width), 2 * width);
        }
        count_pairs(tables + TABLES * plane[0], tables + TABLES * plane[1], row, width);
    }
    stream_end();
}

static void add_tables(int64_t *sums, const Table *tables)
{
    for (size_t plane = 0; plane < PLANES; plane++)
        for (size_t level = 0; level < LEVELS; level++)
            for (size_t table = 0; table < TABLES; table++)
                sums[plane * LEVELS + level] += tables[TABLES * plane + table][level];
}

static int fits_bayer(const Py_buffer *mosaic, const Py_buffer *planes, const Py_buffer *counts)
{
    return mosaic->ndim == 2 && planes->ndim == 3 && planes->shape[0] == PLANES &&
           mosaic->itemsize == 2 && planes->itemsize == 2 && mosaic->strides[1] == 2 &&
           mosaic->strides[0] % 2 == 0 && mosaic->shape[0] == 2 * planes->shape[1] &&
           mosaic->shape[1] == 2 * planes->shape[2] && counts->ndim == 2 &&
           counts->shape[0] == PLANES && counts->shape[1] == LEVELS && counts->itemsize == 8;
}

const char pack_counted_doc[] =
    "pack_counted(mosaic, planes, counts)\n--\n\n"
    "Pack a Bayer mosaic whose first pixel is red and count the levels of each plane.\n\n"
    "`mosaic` is uint16 (2h, 2w), its rows contiguous; `planes` uint16 (4, h, w) is filled; to "
    "`counts`, int64 (4, 65536), the pixels are added. At most 2^32 pixels a plane.";

PyObject *pack_counted(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *objects[3];
    Py_buffer mosaic = {0}, planes = {0}, counts = {0};
    const int writable = PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE;
    if (!PyArg_ParseTuple(arguments, "OOO", &objects[0], &objects[1], &objects[2]))
        return NULL;
    if (PyObject_GetBuffer(objects[0], &mosaic, PyBUF_STRIDES) ||
        PyObject_GetBuffer(objects[1], &planes, writable) ||
        PyObject_GetBuffer(objects[2], &counts, writable))
        goto done;
    if (!fits_bayer(&mosaic, &planes, &counts))
        PyErr_SetString(PyExc_ValueError, "a mosaic, its planes and their counts do not fit");
    else {
        Table *tables = calloc(PLANES * TABLES, sizeof(Table));
        uint16_t *rows = malloc((size_t)(2 * planes.shape[2] + 1) * sizeof *rows);
        if (tables && rows) {
            Py_BEGIN_ALLOW_THREADS
            split_bayer(&mosaic, &planes, tables, rows);
            add_tables(counts.buf, tables);
            Py_END_ALLOW_THREADS
        } else
            PyErr_NoMemory();
        free(rows);
        free(tables);
    }
done:
    PyBuffer_Release(&mosaic);
    PyBuffer_Release(&planes);
    PyBuffer_Release(&counts);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}

#define SPLIT(NAME, TYPE)                                                                          \
    INLINED void NAME##_base(TYPE *restrict red, TYPE *restrict green, TYPE *restrict blue,        \
                             const TYPE *restrict from, size_t count)                              \
    {                                                                                              \
        for (size_t x = 0; x < count; x++) {                                                       \
            red[x] = from[CHANNELS * x];                                                           \
            green[x] = from[CHANNELS * x + 1];                                                     \
            blue[x] = from[CHANNELS * x + 2];                                                      \
        }                                                                                          \
    }                                                                                              \
    FOR_LEVELS(NAME,                                                                               \
               (TYPE *restrict red, TYPE *restrict green, TYPE *restrict blue,                     \
                const TYPE *restrict from, size_t count),                                          \
               (red, green, blue, from, count))

SPLIT(split_row_8, uint8_t)
SPLIT(split_row_16, uint16_t)

static void split_picture(const Py_buffer *picture, const Py_buffer *planes)
{
    size_t size = (size_t)picture->itemsize, width = (size_t)picture->shape[1];
    size_t pitch = (size_t)planes->shape[2] * size, area = pitch * (size_t)planes->shape[1];
    for (Py_ssize_t y = 0; y < picture->shape[0]; y++) {
        const char *row = (const char *)picture->buf + y * picture->strides[0];
        char *to = (char *)planes->buf + (size_t)y * pitch;
        if (size == 1)
            split_row_8((uint8_t *)to, (uint8_t *)(to + area), (uint8_t *)(to + 2 * area),
                        (const uint8_t *)row, width);
        else
            split_row_16((uint16_t *)to, (uint16_t *)(to + area), (uint16_t *)(to + 2 * area),
                         (const uint16_t *)row, width);
    }
}

static int fits_picture(const Py_buffer *picture, const Py_buffer *planes)
{
    Py_ssize_t size = picture->itemsize;
    return picture->ndim == 3 && planes->ndim == 3 && (size == 1 || size == 2) &&
           picture->shape[2] == CHANNELS && planes->shape[0] == CHANNELS &&
           planes->itemsize == size && picture->strides[2] == size &&
           picture->strides[1] == CHANNELS * size && picture->strides[0] % size == 0 &&
           (uintptr_t)planes->buf % (size_t)size == 0 &&
           picture->shape[0] <= planes->shape[1] && picture->shape[1] <= planes->shape[2];
}

const char split_channels_doc[] =
    "split_channels(picture, planes)\n--\n\n"
    "Write the channels of a picture into the first rows and columns of planes.\n\n"
    "`picture` is uint8 or uint16 (h, w, 3), its rows contiguous; `planes`, of the same type, is "
    "(3, H, W) with H >= h and W >= w.";

PyObject *split_channels(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *from, *to;
    Py_buffer picture = {0}, planes = {0};
    if (!PyArg_ParseTuple(arguments, "OO", &from, &to))
        return NULL;
    if (!PyObject_GetBuffer(from, &picture, PyBUF_STRIDES) &&
        !PyObject_GetBuffer(to, &planes, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE)) {
        if (fits_picture(&picture, &planes)) {
            Py_BEGIN_ALLOW_THREADS
            split_picture(&picture, &planes);
            Py_END_ALLOW_THREADS
        } else
            PyErr_SetString(PyExc_ValueError, "a picture and its planes do not fit");
    }
    PyBuffer_Release(&picture);
    PyBuffer_Release(&planes);
    if (PyErr_Occurred())
        return NULL;
    Py_RETURN_NONE;
}
