/* The exception that is being raised, taken from the interpreter: Python 3.12 has a call for it, 3.11 does not. */

#include <Python.h>

static inline PyObject *
raised(void)
{
#if PY_VERSION_HEX >= 0x030C0000
    return PyErr_GetRaisedException();
#else
    PyObject *kind, *exception, *traceback;
    PyErr_Fetch(&kind, &exception, &traceback);
    PyErr_NormalizeException(&kind, &exception, &traceback);
    Py_XDECREF(kind);
    Py_XDECREF(traceback);
    return exception;
#endif
}
