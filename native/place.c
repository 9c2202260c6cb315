/* Crops cut from a chunk, flipped and transposed: `rawkit.stream.augment` says how and why. */
#include "native.h"

enum { ACROSS = 1, DOWN = 2, TRANSPOSE = 4 };
enum { MOST_PLANES = 16 };

/* Where a plane of the chunk goes. */
typedef struct {
    uint8_t plane;        /* of the crop */
    uint8_t down, across; /* first row and column that it keeps, from the crop's own first ones */
} Move;

typedef struct {
    Py_buffer out;        /* the crop, shape (planes, side, side) */
    Py_ssize_t top, left; /* its first row and column in the chunk; negative if before it */
    int augmentation;
    Move moves[MOST_PLANES];
} Crop;

/* Pixels of a chunk's plane that a crop keeps, and the crop's plane. */
typedef struct {
    const uint8_t *from; /* the first pixel kept */
    uint8_t *to;         /* the first pixel of the crop's plane */
    size_t rows, columns, pitch, size, side;
    size_t row, column; /* where they go, before anything is turned */
    int augmentation;
    uint8_t *scratch; /* a panel, and a row behind it */
} Part;

/* Where `count` pixels from `begin` of a side lie once it is reversed. */
static size_t turned(size_t begin, size_t count, size_t side, int flip)
{
    return flip ? side - begin - count : begin;
}

static void write_row(const Part *part, size_t row, size_t column, const uint8_t *from,
                      size_t count, int flip, uint8_t *scratch)
{
    uint8_t *to = part->to + (row * part->side + column) * part->size;
    if (flip) {
        reverse_row(scratch, from, count, part->size);
        from = scratch;
    }
    stream_row(to, from, count * part->size);
}

static void place_upright(const Part *part)
{
    int across = part->augmentation & ACROSS, down = part->augmentation & DOWN;
    size_t column = turned(part->column, part->columns, part->side, across);
    for (size_t y = 0; y < part->rows; y++)
        write_row(part, turned(part->row + y, 1, part->side, down), column,
                  part->from + y * part->pitch, part->columns, across, part->scratch);
}

static void place_transposed(const Part *part)
{
    int across = part->augmentation & ACROSS, down = part->augmentation & DOWN;
    size_t column = turned(part->row, part->rows, part->side, down);
    size_t most = panel_columns(part->size);
    uint8_t *row = part->scratch + most * part->rows * part->size;
    for (size_t done = 0; done < part->columns;) {
        size_t left = part->columns - done;
        size_t count = left < most ? left : most;
        /* A last panel that is too narrow takes columns that are done already along. */
        size_t first = count < most && part->columns >= most ? part->columns - most : done;
        size_t width = done + count - first;
        transpose_panel(part->scratch, part->from + first * part->size, part->rows, width,
                        part->pitch, part->size);
        for (size_t x = done - first; x < width; x++)
            write_row(part, turned(part->column + first + x, 1, part->side, across), column,
                      part->scratch + x * part->rows * part->size, part->rows, down, row);
        done += count;
    }
}

static Py_ssize_t smaller(Py_ssize_t a, Py_ssize_t b) { return a < b ? a : b; }
static Py_ssize_t larger(Py_ssize_t a, Py_ssize_t b) { return a > b ? a : b; }

static void place_plane(const Py_buffer *chunk, const Crop *crop, Py_ssize_t plane,
                        uint8_t *scratch)
{
    const Move *move = &crop->moves[plane];
    Py_ssize_t height = chunk->shape[1], width = chunk->shape[2], side = crop->out.shape[2];
    Py_ssize_t top = crop->top + move->down, left = crop->left + move->across;
    Py_ssize_t first = larger(0, top), last = smaller(height, top + side);
    Py_ssize_t begin = larger(0, left), end = smaller(width, left + side);
    if (first >= last || begin >= end)
        return;
    Part part = {
        .from = (const uint8_t *)chunk->buf +
                ((plane * height + first) * width + begin) * chunk->itemsize,
        .to = (uint8_t *)crop->out.buf + move->plane * side * side * chunk->itemsize,
        .rows = (size_t)(last - first),
        .columns = (size_t)(end - begin),
        .pitch = (size_t)(width * chunk->itemsize),
        .size = (size_t)chunk->itemsize,
        .side = (size_t)side,
        .row = (size_t)(first - top),
        .column = (size_t)(begin - left),
        .augmentation = crop->augmentation,
        .scratch = scratch,
    };
    if (crop->augmentation & TRANSPOSE)
        place_transposed(&part);
    else
        place_upright(&part);
}

/* Fill a crop from (out, top, left, augmentation, moves); 0, or -1 with an exception. */
static int read_crop(PyObject *item, const Py_buffer *chunk, Crop *crop)
{
    PyObject *out;
    const char *moves;
    Py_ssize_t count;
    if (!PyArg_ParseTuple(item, "Onniy#", &out, &crop->top, &crop->left, &crop->augmentation,
                          &moves, &count))
        return -1;
    if (PyObject_GetBuffer(out, &crop->out, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE))
        return -1;
    Py_ssize_t planes = chunk->shape[0];
    int fits = crop->out.ndim == 3 && crop->out.shape[0] == planes &&
               crop->out.shape[1] == crop->out.shape[2] && crop->out.itemsize == chunk->itemsize &&
               count == planes * (Py_ssize_t)sizeof(Move);
    if (fits) {
        memcpy(crop->moves, moves, (size_t)count);
        for (Py_ssize_t plane = 0; plane < planes; plane++)
            fits = fits && crop->moves[plane].plane < planes;
    }
    if (!fits) {
        PyBuffer_Release(&crop->out);
        PyErr_SetString(PyExc_ValueError, "a crop needs the chunk's planes, pixels and moves");
        return -1;
    }
    return 0;
}

/* Bytes that the widest crop needs to be turned: a panel and a row. */
static size_t scratch_bytes(const Py_buffer *chunk)
{
    size_t size = (size_t)chunk->itemsize;
    size_t longer = (size_t)larger(chunk->shape[1], chunk->shape[2]);
    return (panel_columns(size) + 1) * longer * size;
}

static PyObject *place_crops(const Py_buffer *chunk, PyObject *list)
{
    Py_ssize_t count = PyList_Size(list), ready = 0;
    Crop *crops = PyMem_Calloc((size_t)count + 1, sizeof(Crop));
    uint8_t *scratch = PyMem_Malloc(scratch_bytes(chunk) + 1);
    int failed = !crops || !scratch;
    if (failed)
        PyErr_NoMemory();
    for (; !failed && ready < count; ready += !failed)
        failed = read_crop(PyList_GetItem(list, ready), chunk, &crops[ready]);
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        for (Py_ssize_t number = 0; number < count; number++)
            for (Py_ssize_t plane = 0; plane < chunk->shape[0]; plane++)
                place_plane(chunk, &crops[number], plane, scratch);
        stream_end();
        Py_END_ALLOW_THREADS
    }
    while (ready-- > 0)
        PyBuffer_Release(&crops[ready].out);
    PyMem_Free(crops);
    PyMem_Free(scratch);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}

const char place_doc[] =
    "place(chunk, crops)\n--\n\n"
    "Write what of crops lies in a chunk into them.\n\n"
    "`chunk` has the shape (planes, h, w) and pixels of 1 or 2 bytes; `crops` is a list of (out, "
    "top, left, augmentation, moves), where moves has three bytes for each plane of the chunk: "
    "the crop's plane, and the first row and column it keeps. All arrays are C-contiguous.";

PyObject *place(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *pixels, *list, *result = NULL;
    Py_buffer chunk;
    if (!PyArg_ParseTuple(arguments, "OO", &pixels, &list) ||
        PyObject_GetBuffer(pixels, &chunk, PyBUF_C_CONTIGUOUS))
        return NULL;
    if (chunk.ndim == 3 && chunk.shape[0] <= MOST_PLANES && PyList_Check(list) &&
        (chunk.itemsize == 1 || chunk.itemsize == 2))
        result = place_crops(&chunk, list);
    else
        PyErr_SetString(PyExc_ValueError, "a chunk of 3 axes and of 1 or 2 bytes, and a list");
    PyBuffer_Release(&chunk);
    return result;
}
