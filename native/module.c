/* rawkit._native: what Python sees of it. */
#include "native.h"

static PyMethodDef methods[] = {
    {"pack_counted", pack_counted, METH_VARARGS, pack_counted_doc},
    {"split_channels", split_channels, METH_VARARGS, split_channels_doc},
    {"place", place, METH_VARARGS, place_doc},
#ifdef RAWKIT_CHUNKS
    {"open_tail", open_tail, METH_VARARGS, open_tail_doc},
    {"announce", announce, METH_VARARGS, announce_doc},
    {"cut_chunks", cut_chunks, METH_VARARGS, cut_chunks_doc},
#endif
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "rawkit._native",
    .m_doc = "Loops over pixels at the speed of memory.",
    .m_methods = methods,
};

PyMODINIT_FUNC PyInit__native(void);
PyMODINIT_FUNC PyInit__native(void)
{
#ifdef RAWKIT_CHUNKS
    chunks_prepare();
#endif
    return PyModuleDef_Init(&definition);
}
