/* Crops of a window: the chunks that they touch read from a shard, checked, decoded and cut, one by
 * one, while each is in the core's cache. */
#include "codec/codec.h"
#include "native.h"

#ifdef RAWKIT_CHUNKS

enum { CRC = 4 };
/* Encoded chunks are no longer than twice their pixels and this. */
enum { MOST_ADDED = 4096 };

/* A chunk of a shard, as Python says it. */
typedef struct {
    int64_t offset, length; /* of its bytes in the shard, with their checksum */
    int64_t top, left;      /* its first row and column in the window */
} Piece;

/* Where a window comes from, and the memory it goes through. */
typedef struct {
    int handle, compressed;
    Chunk chunk;
    size_t bytes;                      /* of a decoded chunk */
    uint8_t *encoded, *work, *decoded; /* with a margin before and behind each */
    int64_t longest;                   /* bytes that `encoded` has room for */
    Crops crops;
} Window;

static int can_sum;

void chunks_prepare(void)
{
    can_sum = codec_prepare();
}

/* Bring a chunk's pixels into memory; 0 if that takes more than is done here. */
static int load_chunk(Window *window, const Piece *piece)
{
    if (!can_sum || piece->length < CRC || piece->length > window->longest || piece->offset < 0 ||
        !read_fully(window->handle, window->encoded, (size_t)piece->length, piece->offset))
        return 0;
    size_t count = (size_t)piece->length - CRC;
    uint32_t sum;
    memcpy(&sum, window->encoded + count, CRC);
    if (sum != crc32c(window->encoded, count))
        return 0;
    if (!window->compressed)
        return count == window->bytes;
    return decode_blosc(window->encoded, count, window->decoded, window->bytes, window->work);
}

static Py_ssize_t cut_window(Window *window, const Piece *pieces, Py_ssize_t count)
{
    Py_ssize_t done = 0;
    size_t seams = seam_count(&window->chunk, &window->crops);
    for (size_t number = 0; number < seams; number++)
        window->crops.seams[number].end = NULL;
    for (; done < count && load_chunk(window, &pieces[done]); done++) {
        window->chunk.top = pieces[done].top;
        window->chunk.left = pieces[done].left;
        place_chunk(&window->chunk, &window->crops);
    }
    for (size_t number = 0; number < seams; number++)
        flush_seam(&window->crops.seams[number]);
    stream_end();
    return done;
}

/* Bytes that a part of the memory takes, so that the next begins with a line too. */
static size_t with_margin(size_t bytes) { return (bytes + LINE - 1) / LINE * LINE + LINE; }

/* Share out memory that grows with what windows need; 0, or -1 with an exception. */
static int take_memory(Window *window, PyObject *memory)
{
    size_t seams = seam_count(&window->chunk, &window->crops) * sizeof(Seam);
    size_t decoded = window->compressed ? with_margin(window->bytes) : 0;
    size_t encoded = with_margin((size_t)window->longest);
    size_t needed = 3 * LINE + encoded + 2 * decoded + seams;
    if ((size_t)PyByteArray_Size(memory) < needed &&
        PyByteArray_Resize(memory, (Py_ssize_t)needed))
        return -1;
    uint8_t *begin = (uint8_t *)PyByteArray_AsString(memory);
    begin += LINE - (uintptr_t)begin % LINE;
    window->crops.seams = (Seam *)begin;
    window->encoded = begin + (seams + LINE - 1) / LINE * LINE + LINE;
    window->work = window->encoded + encoded;
    window->decoded = window->work + decoded;
    window->chunk.pixels = window->compressed ? window->decoded : window->encoded;
    return 0;
}

static Py_ssize_t cut_pieces(Window *window, const Py_buffer *table, PyObject *memory)
{
    const Piece *pieces = table->buf;
    Py_ssize_t done, count = table->len / (Py_ssize_t)sizeof(Piece);
    const int64_t most = (int64_t)(2 * window->bytes + MOST_ADDED);
    for (Py_ssize_t number = 0; number < count; number++)
        if (pieces[number].length > window->longest && pieces[number].length <= most)
            window->longest = pieces[number].length;
    if (take_memory(window, memory))
        return -1;
    Py_BEGIN_ALLOW_THREADS
    done = cut_window(window, pieces, count);
    Py_END_ALLOW_THREADS
    return done;
}

const char cut_chunks_doc[] =
    "cut_chunks(handle, pieces, shape, compressed, crops, memory)\n--\n\n"
    "Read chunks of a shard one after another, and write what of crops lies in each into them.\n\n"
    "`handle` is an open file; `pieces` int64, of each in turn offset and length in bytes, and the "
    "first row and column that the crops' own count from; `shape` planes, rows, columns and bytes of "
    "a pixel. `crops` are those of `place`. `memory`, a bytearray, grows to what is needed, and "
    "nobody else may use it meanwhile. Returns how many pieces were done: the next is damaged, or "
    "of a kind that is not read here.";

PyObject *cut_chunks(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *pieces, *list, *memory;
    Py_buffer table;
    Window window = {0};
    Chunk *chunk = &window.chunk;
    if (!PyArg_ParseTuple(arguments, "iO(nnnn)pOO", &window.handle, &pieces, &chunk->planes,
                          &chunk->height, &chunk->width, &chunk->size, &window.compressed, &list,
                          &memory) ||
        check_chunk(chunk) || PyObject_GetBuffer(pieces, &table, PyBUF_C_CONTIGUOUS))
        return NULL;
    window.bytes = (size_t)(chunk->planes * chunk->height * chunk->width * chunk->size);
    Py_ssize_t done = -1;
    if (table.itemsize != sizeof(int64_t) || table.len % (Py_ssize_t)sizeof(Piece) ||
        !PyByteArray_Check(memory))
        PyErr_SetString(PyExc_ValueError, "pieces of four numbers, int64, and a bytearray");
    else if (!read_crops(list, chunk, &window.crops)) {
        done = cut_pieces(&window, &table, memory);
        release_crops(&window.crops);
    }
    PyBuffer_Release(&table);
    return done < 0 ? NULL : PyLong_FromSsize_t(done);
}
#endif
