/* Lossless JPEG of a raw file into the rows of a mosaic. */
#include "codec/ljpeg.h"

#include "native.h"

#include <stdlib.h>

/* A part of a buffer; 0, or -1 with an exception. */
static int part_of(const Py_buffer *file, Py_ssize_t offset, Py_ssize_t count)
{
    if (offset >= 0 && count >= 0 && offset <= file->len && count <= file->len - offset)
        return 0;
    PyErr_SetString(PyExc_ValueError, "bytes beyond the end of the file");
    return -1;
}

const char ljpeg_size_doc[] =
    "ljpeg_size(file, offset, count)\n--\n\n"
    "Rows, values in a row, components and bits of the lossless JPEG in some bytes of a file; None "
    "where `decode_ljpeg` does not take it.";

PyObject *ljpeg_size(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *object;
    Py_ssize_t offset, count;
    Py_buffer file;
    LjpegSize size;
    if (!PyArg_ParseTuple(arguments, "Onn", &object, &offset, &count) ||
        PyObject_GetBuffer(object, &file, PyBUF_SIMPLE))
        return NULL;
    const int bad = part_of(&file, offset, count);
    const int taken =
        !bad && read_ljpeg_size((const uint8_t *)file.buf + offset, (size_t)count, &size);
    PyBuffer_Release(&file);
    if (bad)
        return NULL;
    if (!taken)
        Py_RETURN_NONE;
    return Py_BuildValue("nnni", (Py_ssize_t)size.rows, (Py_ssize_t)size.columns,
                         (Py_ssize_t)size.components, size.bits);
}

static int fits(const Py_buffer *out, const LjpegSize *size)
{
    return out->ndim == 2 && out->itemsize == 2 && out->strides[1] == 2 && out->strides[0] > 0 &&
           out->strides[0] % 2 == 0 && (size_t)out->shape[0] == size->rows &&
           (size_t)out->shape[1] == size->columns;
}

const char decode_ljpeg_doc[] =
    "decode_ljpeg(file, offset, count, out)\n--\n\n"
    "Decode the lossless JPEG in some bytes of a file into `out`, uint16 of the rows and values that "
    "`ljpeg_size` says, its rows contiguous. False where it is damaged; `out` may then have been "
    "written to.";

PyObject *decode_ljpeg_into(PyObject *module, PyObject *arguments)
{
    (void)module;
    PyObject *objects[2];
    Py_ssize_t offset, count;
    Py_buffer file = {0}, out = {0};
    int whole = 0;
    if (!PyArg_ParseTuple(arguments, "OnnO", &objects[0], &offset, &count, &objects[1]))
        return NULL;
    if (PyObject_GetBuffer(objects[0], &file, PyBUF_SIMPLE) ||
        PyObject_GetBuffer(objects[1], &out, PyBUF_STRIDES | PyBUF_WRITABLE) ||
        part_of(&file, offset, count))
        goto done;
    const uint8_t *data = (const uint8_t *)file.buf + offset;
    LjpegSize size;
    if (!read_ljpeg_size(data, (size_t)count, &size) || !fits(&out, &size))
        PyErr_SetString(PyExc_ValueError, "a lossless JPEG and its pixels do not fit");
    else {
        uint8_t *work = malloc((size_t)count + LJPEG_BEYOND);
        if (work) {
            Py_BEGIN_ALLOW_THREADS
            whole = decode_ljpeg(data, (size_t)count, out.buf, (size_t)out.strides[0] / 2, work);
            Py_END_ALLOW_THREADS
        } else
            PyErr_NoMemory();
        free(work);
    }
done:
    PyBuffer_Release(&file);
    PyBuffer_Release(&out);
    if (PyErr_Occurred())
        return NULL;
    return PyBool_FromLong(whole);
}
