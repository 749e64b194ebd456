/* A method of addressing.py that costs no Python frame where the standard library's own does as well: for an address
   in Python's form, or of a class that it takes on a socket of this family. All others the plain method judges. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stddef.h>

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *standard, *plain;
    PyObject *families; /* by class of address */
    PyObject *family;   /* the descriptor of a socket's */
} Method;

static int
in_pythons_form(PyObject *address)
{
    return PyTuple_CheckExact(address) || PyUnicode_CheckExact(address) || PyBytes_CheckExact(address);
}

static int
of_its_family(Method *self, PyObject *sock, PyObject *address)
{
    PyObject *kind = (PyObject *)Py_TYPE(address), *wanted = PyDict_GetItemWithError(self->families, kind);
    if (wanted == NULL)
        return PyErr_Occurred() ? -1 : 0;
    PyObject *own = Py_TYPE(self->family)->tp_descr_get(self->family, sock, (PyObject *)Py_TYPE(sock));
    int same = own ? PyObject_RichCompareBool(own, wanted, Py_EQ) : -1;
    Py_XDECREF(own);
    return same;
}

static PyObject *
call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Method *method = (Method *)self;
    Py_ssize_t count = PyVectorcall_NARGS(nargsf);
    PyObject *address = count > 1 && names == NULL ? args[count - 1] : NULL;
    int standard = address != NULL && (in_pythons_form(address) || of_its_family(method, args[0], address));
    if (PyErr_Occurred())
        return NULL;
    return PyObject_Vectorcall(standard ? method->standard : method->plain, args, nargsf, names);
}

/* As a function in a class becomes a bound method. */
static PyObject *
bound(PyObject *self, PyObject *sock, PyObject *Py_UNUSED(kind))
{
    return sock == NULL || sock == Py_None ? Py_NewRef(self) : PyMethod_New(self, sock);
}

static int
method_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((Method *)self)->standard);
    Py_VISIT(((Method *)self)->plain);
    Py_VISIT(((Method *)self)->families);
    Py_VISIT(((Method *)self)->family);
    return 0;
}

static int
method_clear(PyObject *self)
{
    Py_CLEAR(((Method *)self)->standard);
    Py_CLEAR(((Method *)self)->plain);
    Py_CLEAR(((Method *)self)->families);
    Py_CLEAR(((Method *)self)->family);
    return 0;
}

static void
method_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    method_clear(self);
    PyObject_GC_Del(self);
}

/* Its name, documentation and signature are the plain method's. */
static PyObject *
of_plain(PyObject *self, void *name)
{
    return PyObject_GetAttrString(((Method *)self)->plain, name);
}

static PyObject *
wrapped(PyObject *self, void *Py_UNUSED(closure))
{
    return Py_NewRef(((Method *)self)->plain);
}

static PyGetSetDef attributes[] = {
    {"__doc__", of_plain, NULL, NULL, "__doc__"},
    {"__module__", of_plain, NULL, NULL, "__module__"},
    {"__name__", of_plain, NULL, NULL, "__name__"},
    {"__qualname__", of_plain, NULL, NULL, "__qualname__"},
    {"__wrapped__", wrapped, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyTypeObject MethodType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "libsocket._addressing.Method",
    .tp_basicsize = sizeof(Method),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL | Py_TPFLAGS_METHOD_DESCRIPTOR |
                Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_vectorcall_offset = offsetof(Method, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_descr_get = bound,
    .tp_getset = attributes,
    .tp_traverse = method_traverse,
    .tp_clear = method_clear,
    .tp_dealloc = method_dealloc,
};

static PyObject *
method(PyObject *Py_UNUSED(module), PyObject *args)
{
    PyObject *families, *family, *standard, *plain;
    if (!PyArg_ParseTuple(args, "O!OOO", &PyDict_Type, &families, &family, &standard, &plain))
        return NULL;
    if (Py_TYPE(family)->tp_descr_get == NULL)
        return PyErr_Format(PyExc_TypeError, "expected a descriptor, not %.100s", Py_TYPE(family)->tp_name);
    Method *made = PyObject_GC_New(Method, &MethodType);
    if (made == NULL)
        return NULL;
    made->vectorcall = call;
    made->standard = Py_NewRef(standard);
    made->plain = Py_NewRef(plain);
    made->families = Py_NewRef(families);
    made->family = Py_NewRef(family);
    PyObject_GC_Track(made);
    return (PyObject *)made;
}

static PyMethodDef functions[] = {
    {"method", method, METH_VARARGS, PyDoc_STR("The standard library's method, or else the plain one.")},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "libsocket._addressing",
    .m_doc = PyDoc_STR("Methods that take an address, without a Python frame."),
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC
PyInit__addressing(void)
{
    PyObject *module = PyType_Ready(&MethodType) < 0 ? NULL : PyModule_Create(&definition);
#ifdef Py_GIL_DISABLED
    if (module != NULL)
        PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    return module;
}
