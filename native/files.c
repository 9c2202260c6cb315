/* Files read and announced in one go: every call of the system made from Python hands the
 * interpreter's lock over and asks for it again, which others wait for. */
#include "native.h"

#ifdef RAWKIT_CHUNKS
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int read_fully(int handle, uint8_t *to, size_t count, int64_t offset)
{
    while (count) {
        ssize_t got = pread(handle, to, count, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return 0;
        to += got;
        offset += got;
        count -= (size_t)got;
    }
    return 1;
}

/* Open a file and read its last bytes, all where it has fewer; the handle, or -1 with errno. */
static int open_and_read(const char *path, uint8_t *tail, size_t *count)
{
    struct stat found;
    int handle;
    do
        handle = open(path, O_RDONLY | O_CLOEXEC);
    while (handle < 0 && errno == EINTR);
    if (handle < 0)
        return -1;
    if (!fstat(handle, &found)) {
        size_t size = found.st_size < 0 ? 0 : (size_t)found.st_size;
        if (size < *count)
            *count = size;
        errno = EIO; /* unless reading says something else, it came to an end */
        if (read_fully(handle, tail, *count, (int64_t)(size - *count)))
            return handle;
    }
    int reason = errno;
    close(handle);
    errno = reason;
    return -1;
}

const char open_tail_doc[] =
    "open_tail(path, count)\n--\n\n"
    "Open a file, a path of bytes, for reading; returns the handle and its last `count` bytes, all "
    "where it has fewer. Raises OSError.";

PyObject *open_tail(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *path, *tail;
    Py_ssize_t most;
    if (!PyArg_ParseTuple(arguments, "O&n", PyUnicode_FSConverter, &path, &most))
        return NULL;
    tail = PyBytes_FromStringAndSize(NULL, most);
    size_t count = (size_t)most;
    int handle = -1, reason = 0;
    if (tail) {
        Py_BEGIN_ALLOW_THREADS
        handle = open_and_read(PyBytes_AsString(path), (uint8_t *)PyBytes_AsString(tail), &count);
        reason = errno;
        Py_END_ALLOW_THREADS
    }
    PyObject *result = NULL;
    if (handle >= 0) {
        result = Py_BuildValue("iy#", handle, PyBytes_AsString(tail), (Py_ssize_t)count);
        if (!result)
            close(handle);
    } else if (tail) {
        errno = reason;
        PyErr_SetFromErrnoWithFilename(PyExc_OSError, PyBytes_AsString(path));
    }
    Py_XDECREF(tail);
    Py_DECREF(path);
    return result;
}

const char announce_doc[] =
    "announce(handle, places)\n--\n\n"
    "Have the system read pieces of an open file ahead, one by one, since it takes no more at once: "
    "`places` int64, offset and length in bytes of each in turn.";

PyObject *announce(PyObject *module, PyObject *arguments)
{
    (void)module;
    int handle;
    PyObject *places;
    Py_buffer table;
    if (!PyArg_ParseTuple(arguments, "iO", &handle, &places) ||
        PyObject_GetBuffer(places, &table, PyBUF_C_CONTIGUOUS))
        return NULL;
    int fits = table.itemsize == sizeof(int64_t) && table.len % (2 * sizeof(int64_t)) == 0;
    if (fits) {
        Py_BEGIN_ALLOW_THREADS
#ifdef POSIX_FADV_WILLNEED
        const int64_t *place = table.buf;
        const int64_t *end = place + table.len / sizeof(int64_t);
        for (; place < end; place += 2)
            (void)posix_fadvise(handle, (off_t)place[0], (off_t)place[1], POSIX_FADV_WILLNEED);
#else
        (void)handle;
#endif
        Py_END_ALLOW_THREADS
    }
    PyBuffer_Release(&table);
    if (!fits) {
        PyErr_SetString(PyExc_ValueError, "places of two numbers each, int64");
        return NULL;
    }
    Py_RETURN_NONE;
}
#endif
