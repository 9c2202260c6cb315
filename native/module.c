/* rawkit._native: what Python sees of it. */
#include "native.h"

#include <stdlib.h>

static PyMethodDef methods[] = {
    {"pack_counted", pack_counted, METH_VARARGS, pack_counted_doc},
    {"split_channels", split_channels, METH_VARARGS, split_channels_doc},
    {"make_short", make_short, METH_VARARGS, make_short_doc},
    {"place", place, METH_VARARGS, place_doc},
    {"ljpeg_size", ljpeg_size, METH_VARARGS, ljpeg_size_doc},
    {"decode_ljpeg", decode_ljpeg_into, METH_VARARGS, decode_ljpeg_doc},
#ifdef RAWKIT_CHUNKS
    {"open_tail", open_tail, METH_VARARGS, open_tail_doc},
    {"announce", announce, METH_VARARGS, announce_doc},
    {"cut_chunks", cut_chunks, METH_VARARGS, cut_chunks_doc},
#endif
    {NULL, NULL, 0, NULL},
};

/* The highest level that the module may use, one of `level_name`: what tests compare levels with. */
static const char HIGHEST[] = "RAWKIT_NATIVE";

static int prepare(PyObject *module)
{
    const char *highest = getenv(HIGHEST);
    if (!processor_prepare(highest && *highest ? highest : NULL)) {
        PyErr_Format(PyExc_ValueError, "%s=%s", HIGHEST, highest);
        return -1;
    }
#ifdef RAWKIT_CHUNKS
    chunks_prepare();
#endif
    return PyModule_AddStringConstant(module, "LEVEL", level_name(processor_level));
}

static PyModuleDef_Slot slots[] = {
    {Py_mod_exec, (void *)prepare},
    {0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "rawkit._native",
    .m_doc = "Loops over pixels at the speed of memory.",
    .m_methods = methods,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__native(void);
PyMODINIT_FUNC PyInit__native(void)
{
    return PyModuleDef_Init(&definition);
}
