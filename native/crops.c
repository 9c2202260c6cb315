/* Crops cut from a chunk, flipped and transposed: `rawkit.stream.augment` says how and why. */
#include "native.h"

enum { ACROSS = 1, DOWN = 2, TRANSPOSE = 4 };
enum { MOST_PLANES = 16, LONGEST_SIDE = 1 << 16 };
/* What may be read before and behind a row. */
enum { MARGIN = LINE };

/* Where a plane of the chunk goes. */
typedef struct {
    uint8_t plane;        /* of the crop */
    uint8_t down, across; /* first row and column that it keeps, from the crop's own first ones */
} Move;

struct Crop {
    Py_buffer out; /* the crop, shape (planes, side, side) */
    /* Its first row and column, counted from where the rows and columns of chunks are. */
    Py_ssize_t top, left;
    int augmentation;
    Move moves[MOST_PLANES];
};

/* Pixels of a chunk's plane that a crop keeps, and the crop's plane. */
typedef struct {
    const uint8_t *from; /* the first pixel kept */
    uint8_t *to;         /* the first pixel of the crop's plane */
    size_t rows, columns, pitch, size, side;
    size_t row, column; /* where they go, before anything is turned */
    int augmentation;
    uint8_t *scratch; /* a panel, or a row */
    Seam *seams;      /* for each row of the part, or column if it is transposed; or NULL */
} Part;

/* Where `count` pixels from `begin` of a side lie once it is reversed. */
static size_t turned(size_t begin, size_t count, size_t side, int flip)
{
    return flip ? side - begin - count : begin;
}

/* Write row `number` of a part, or column if it is transposed, into a row of the crop. */
static void write_row(const Part *part, size_t number, size_t row, size_t column,
                      const uint8_t *from, size_t count)
{
    uint8_t *to = part->to + (row * part->side + column) * part->size;
#ifdef RAWKIT_CHUNKS
    if (part->seams) {
        stream_seamed(part->seams + number, to, from, count * part->size);
        return;
    }
#else
    (void)number;
#endif
    stream_row(to, from, count * part->size);
}

static void place_upright(const Part *part)
{
    int across = part->augmentation & ACROSS, down = part->augmentation & DOWN;
    size_t column = turned(part->column, part->columns, part->side, across);
    for (size_t y = 0; y < part->rows; y++) {
        const uint8_t *row = part->from + y * part->pitch;
        if (across) {
            reverse_row(part->scratch, row, part->columns, part->size);
            row = part->scratch;
        }
        write_row(part, y, turned(part->row + y, 1, part->side, down), column, row, part->columns);
    }
}

static void place_transposed(const Part *part)
{
    int across = part->augmentation & ACROSS, down = part->augmentation & DOWN;
    size_t column = turned(part->row, part->rows, part->side, down);
    size_t most = panel_columns(part->size);
    /* Columns that begin with the last row are rows reversed. */
    const uint8_t *from = part->from + (down ? (part->rows - 1) * part->pitch : 0);
    ptrdiff_t pitch = down ? -(ptrdiff_t)part->pitch : (ptrdiff_t)part->pitch;
    for (size_t done = 0; done < part->columns;) {
        size_t left = part->columns - done;
        size_t count = left < most ? left : most;
        /* A last panel that is too narrow takes columns that are done already along. */
        size_t first = count < most && part->columns >= most ? part->columns - most : done;
        size_t width = done + count - first;
        transpose_panel(part->scratch, from + first * part->size, part->rows, width, pitch,
                        part->size);
        for (size_t x = done - first; x < width; x++)
            write_row(part, first + x, turned(part->column + first + x, 1, part->side, across),
                      column, part->scratch + x * part->rows * part->size, part->rows);
        done += count;
    }
}

static Py_ssize_t smaller(Py_ssize_t a, Py_ssize_t b) { return a < b ? a : b; }
static Py_ssize_t larger(Py_ssize_t a, Py_ssize_t b) { return a > b ? a : b; }

/* Rows or columns of a chunk, whichever are more: each ends in a seam of its own. */
static Py_ssize_t longer_side(const Chunk *chunk) { return larger(chunk->height, chunk->width); }

size_t seam_count(const Chunk *chunk, const Crops *crops)
{
    return (size_t)(crops->count * chunk->planes * longer_side(chunk));
}

static void place_plane(const Chunk *chunk, const Crop *crop, Py_ssize_t plane, uint8_t *scratch,
                        Seam *seams)
{
    const Move *move = &crop->moves[plane];
    Py_ssize_t height = chunk->height, width = chunk->width, side = crop->out.shape[2];
    Py_ssize_t top = crop->top - chunk->top + move->down;
    Py_ssize_t left = crop->left - chunk->left + move->across;
    Py_ssize_t first = larger(0, top), last = smaller(height, top + side);
    Py_ssize_t begin = larger(0, left), end = smaller(width, left + side);
    if (first >= last || begin >= end)
        return;
    Part part = {
        .from = chunk->pixels + ((plane * height + first) * width + begin) * chunk->size,
        .to = (uint8_t *)crop->out.buf + move->plane * side * side * chunk->size,
        .rows = (size_t)(last - first),
        .columns = (size_t)(end - begin),
        .pitch = (size_t)(width * chunk->size),
        .size = (size_t)chunk->size,
        .side = (size_t)side,
        .row = (size_t)(first - top),
        .column = (size_t)(begin - left),
        .augmentation = crop->augmentation,
        .scratch = scratch,
    };
    if (seams)
        part.seams = seams + (crop->augmentation & TRANSPOSE ? begin : first);
    if (crop->augmentation & TRANSPOSE)
        place_transposed(&part);
    else
        place_upright(&part);
}

void place_chunk(const Chunk *chunk, const Crops *crops)
{
    Seam *seams = crops->seams;
    for (Py_ssize_t number = 0; number < crops->count; number++)
        for (Py_ssize_t plane = 0; plane < chunk->planes; plane++) {
            place_plane(chunk, &crops->items[number], plane, crops->scratch + MARGIN, seams);
            seams = seams ? seams + longer_side(chunk) : NULL;
        }
}

int check_chunk(const Chunk *chunk)
{
    if (chunk->planes < 1 || chunk->planes > MOST_PLANES || chunk->height < 0 ||
        chunk->height > LONGEST_SIDE || chunk->width < 0 || chunk->width > LONGEST_SIDE ||
        (chunk->size != 1 && chunk->size != 2)) {
        PyErr_SetString(PyExc_ValueError,
                        "a chunk of up to 16 planes and 65536 a side, of 1 or 2 bytes a pixel");
        return -1;
    }
    return 0;
}

/* Get the buffer of a chunk; 0, or -1 with an exception. */
static int read_chunk(PyObject *pixels, Py_buffer *buffer, Chunk *chunk)
{
    if (PyObject_GetBuffer(pixels, buffer, PyBUF_C_CONTIGUOUS))
        return -1;
    *chunk = (Chunk){.pixels = buffer->buf, .size = buffer->itemsize};
    if (buffer->ndim == 3) {
        chunk->planes = buffer->shape[0];
        chunk->height = buffer->shape[1];
        chunk->width = buffer->shape[2];
    }
    if (check_chunk(chunk)) {
        PyBuffer_Release(buffer);
        return -1;
    }
    return 0;
}

/* Fill a crop from (out, top, left, augmentation, moves); 0, or -1 with an exception. */
static int read_crop(PyObject *item, const Chunk *chunk, Crop *crop)
{
    PyObject *out;
    const char *moves;
    Py_ssize_t count;
    if (!PyArg_ParseTuple(item, "Onniy#", &out, &crop->top, &crop->left, &crop->augmentation,
                          &moves, &count))
        return -1;
    if (PyObject_GetBuffer(out, &crop->out, PyBUF_C_CONTIGUOUS | PyBUF_WRITABLE))
        return -1;
    int fits = crop->out.ndim == 3 && crop->out.shape[0] == chunk->planes &&
               crop->out.shape[1] == crop->out.shape[2] && crop->out.itemsize == chunk->size &&
               count == chunk->planes * (Py_ssize_t)sizeof(Move);
    if (fits) {
        memcpy(crop->moves, moves, (size_t)count);
        for (Py_ssize_t plane = 0; plane < chunk->planes; plane++)
            fits = fits && crop->moves[plane].plane < chunk->planes;
    }
    if (!fits) {
        PyBuffer_Release(&crop->out);
        PyErr_SetString(PyExc_ValueError, "a crop needs the chunk's planes, pixels and moves");
        return -1;
    }
    return 0;
}

/* Bytes that the widest crop needs to be turned: a panel, with a margin before and behind it. */
static size_t scratch_bytes(const Chunk *chunk)
{
    size_t size = (size_t)chunk->size;
    return panel_columns(size) * (size_t)longer_side(chunk) * size + 2 * MARGIN;
}

int read_crops(PyObject *list, const Chunk *chunk, Crops *crops)
{
    *crops = (Crops){0};
    if (!PyList_Check(list)) {
        PyErr_SetString(PyExc_ValueError, "a list of crops");
        return -1;
    }
    Py_ssize_t count = PyList_Size(list);
    crops->items = PyMem_Calloc((size_t)count + 1, sizeof(Crop));
    crops->scratch = PyMem_Malloc(scratch_bytes(chunk));
    int failed = !crops->items || !crops->scratch;
    if (failed)
        PyErr_NoMemory();
    for (; !failed && crops->count < count; crops->count += !failed)
        failed = read_crop(PyList_GetItem(list, crops->count), chunk, crops->items + crops->count);
    if (failed)
        release_crops(crops);
    return failed ? -1 : 0;
}

void release_crops(Crops *crops)
{
    while (crops->count > 0)
        PyBuffer_Release(&crops->items[--crops->count].out);
    PyMem_Free(crops->items);
    PyMem_Free(crops->scratch);
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
    PyObject *pixels, *list;
    Py_buffer buffer;
    Chunk chunk;
    Crops crops;
    if (!PyArg_ParseTuple(arguments, "OO", &pixels, &list) ||
        read_chunk(pixels, &buffer, &chunk))
        return NULL;
    int failed = read_crops(list, &chunk, &crops);
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        place_chunk(&chunk, &crops);
        stream_end();
        Py_END_ALLOW_THREADS
        release_crops(&crops);
    }
    PyBuffer_Release(&buffer);
    if (failed)
        return NULL;
    Py_RETURN_NONE;
}
