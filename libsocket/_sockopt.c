/* What sockopt.py does, without a Python frame: getsockopt(2) and setsockopt(2) for one option.

   A call asks the socket for its descriptor and makes the system call, so that nothing of Python's has to be
   parsed or built but the value. As Python's own methods do, it keeps the interpreter's lock. Every failure is
   handed to a function that handles it in Python. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <limits.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "_exception.h"

typedef struct {
    PyObject_HEAD
    vectorcallfunc vectorcall;
    PyObject *failed;        /* takes an error of the kernel */
    PyObject *encode_failed; /* of a writer: takes a value that cannot be encoded */
    PyObject *convert;       /* decode or encode, for what is no plain number */
    Py_ssize_t size;         /* room for what is read */
    int level, number;
    char form; /* sockopt.FORMS: i int, n int that is not negative, I unsigned, ? flag, s bytes */
} Call;

static PyObject *fileno_method;
static PyObject *read_name, *write_name, *read_by_request; /* what get and set call of an option */
static PyObject *request_name;                             /* the keyword of get */

static int
descriptor(PyObject *sock)
{
    PyObject *stack[] = {NULL, sock};
    PyObject *number = PyObject_Vectorcall(fileno_method, stack + 1, 1 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL);
    if (number == NULL)
        return INT_MIN;
    int fd = (int)PyLong_AsLong(number);
    Py_DECREF(number);
    return fd;
}

/* The kernel failed the call, and left an errno. */
static PyObject *
failed(Call *call, PyObject *sock)
{
    PyErr_SetFromErrno(PyExc_OSError);
    PyObject *error = raised();
    PyObject *result = PyObject_CallFunctionObjArgs(call->failed, sock, error, NULL);
    Py_DECREF(error);
    return result;
}

/* Reading */

static PyObject *
read_number(Call *call, PyObject *sock, int fd)
{
    int word = 0;
    socklen_t size = sizeof word;
    if (getsockopt(fd, call->level, call->number, &word, &size) < 0)
        return failed(call, sock);
    switch (call->form) {
    case '?':
        return PyBool_FromLong(word);
    case 'I':
        return PyLong_FromUnsignedLong((unsigned int)word);
    default:
        return PyLong_FromLong(word);
    }
}

static PyObject *
read_bytes(Call *call, PyObject *sock, int fd)
{
    PyObject *data = PyBytes_FromStringAndSize(NULL, call->size);
    if (data == NULL)
        return NULL;
    /* some options read the buffer before they write there: it must not be an accident what they find */
    memset(PyBytes_AS_STRING(data), 0, call->size);
    socklen_t size = (socklen_t)call->size;
    if (getsockopt(fd, call->level, call->number, PyBytes_AS_STRING(data), &size) < 0) {
        Py_DECREF(data);
        return failed(call, sock);
    }
    /* NETLINK_LIST_MEMBERSHIPS returns how much room it would need, even beyond what it had */
    if ((Py_ssize_t)size < call->size && _PyBytes_Resize(&data, size) < 0)
        return NULL;
    PyObject *value = PyObject_CallOneArg(call->convert, data);
    Py_DECREF(data);
    return value;
}

static PyObject *
read_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Call *call = (Call *)self;
    if (PyVectorcall_NARGS(nargsf) != 1 || names != NULL) {
        PyErr_SetString(PyExc_TypeError, "an option is read from one socket");
        return NULL;
    }
    int fd = descriptor(args[0]);
    if (fd == INT_MIN)
        return NULL;
    return call->form == 's' ? read_bytes(call, args[0], fd) : read_number(call, args[0], fd);
}

/* Writing */

static PyObject *
not_encoded(Call *call, PyObject *sock, PyObject *value)
{
    if (!PyErr_ExceptionMatches(PyExc_Exception))
        return NULL;
    PyObject *reason = raised();
    PyObject *result = PyObject_CallFunctionObjArgs(call->encode_failed, sock, value, reason, NULL);
    Py_DECREF(reason);
    return result;
}

static PyObject *
put(Call *call, PyObject *sock, int fd, const void *data, Py_ssize_t size)
{
    if (setsockopt(fd, call->level, call->number, data, (socklen_t)size) < 0)
        return failed(call, sock);
    Py_RETURN_NONE;
}

static PyObject *
write_bytes(Call *call, PyObject *sock, int fd, PyObject *value)
{
    PyObject *data = PyObject_CallOneArg(call->convert, value);
    if (data == NULL)
        return not_encoded(call, sock, value);
    PyObject *result = NULL;
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) == 0) {
        result = put(call, sock, fd, view.buf, view.len);
        PyBuffer_Release(&view);
    }
    Py_DECREF(data);
    return result;
}

/* Whether a value is a number as it lies in a word; all others are the codec's to judge. */
static int
in_word(char form, PyObject *value, uint32_t *word)
{
    if (form == 's' || !PyLong_Check(value))
        return 0;
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    *word = (uint32_t)number;
    return !overflow && number >= (form == 'n' || form == 'I' ? 0 : INT_MIN) &&
           number <= (form == 'I' ? (long long)UINT_MAX : INT_MAX);
}

static PyObject *
write_call(PyObject *self, PyObject *const *args, size_t nargsf, PyObject *names)
{
    Call *call = (Call *)self;
    if (PyVectorcall_NARGS(nargsf) != 2 || names != NULL) {
        PyErr_SetString(PyExc_TypeError, "an option is written to one socket, with one value");
        return NULL;
    }
    int fd = descriptor(args[0]);
    if (fd == INT_MIN)
        return NULL;
    uint32_t word;
    if (in_word(call->form, args[1], &word))
        return put(call, args[0], fd, &word, sizeof word);
    return write_bytes(call, args[0], fd, args[1]);
}

/* The type of both, and how one is made */

static int
call_traverse(PyObject *self, visitproc visit, void *arg)
{
    Py_VISIT(((Call *)self)->failed);
    Py_VISIT(((Call *)self)->encode_failed);
    Py_VISIT(((Call *)self)->convert);
    return 0;
}

static int
call_clear(PyObject *self)
{
    Py_CLEAR(((Call *)self)->failed);
    Py_CLEAR(((Call *)self)->encode_failed);
    Py_CLEAR(((Call *)self)->convert);
    return 0;
}

static void
call_dealloc(PyObject *self)
{
    PyObject_GC_UnTrack(self);
    call_clear(self);
    PyObject_GC_Del(self);
}

static PyTypeObject CallType = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "libsocket._sockopt.Call",
    .tp_basicsize = sizeof(Call),
    .tp_flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_HAVE_GC | Py_TPFLAGS_HAVE_VECTORCALL |
                Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .tp_vectorcall_offset = offsetof(Call, vectorcall),
    .tp_call = PyVectorcall_Call,
    .tp_traverse = call_traverse,
    .tp_clear = call_clear,
    .tp_dealloc = call_dealloc,
};

/* A reader's format has no encode_failed, which is then NULL. */
static PyObject *
made(vectorcallfunc function, const char *format, PyObject *args)
{
    PyObject *failed, *convert, *encode_failed = NULL;
    int level, number, form;
    Py_ssize_t size;
    if (!PyArg_ParseTuple(args, format, &failed, &level, &number, &form, &size, &convert, &encode_failed))
        return NULL;
    Call *call = PyObject_GC_New(Call, &CallType);
    if (call == NULL)
        return NULL;
    call->vectorcall = function;
    call->failed = Py_NewRef(failed);
    call->encode_failed = Py_XNewRef(encode_failed);
    call->convert = Py_NewRef(convert);
    call->size = size;
    call->level = level;
    call->number = number;
    call->form = (char)form;
    PyObject_GC_Track(call);
    return (PyObject *)call;
}

static PyObject *
reader(PyObject *Py_UNUSED(module), PyObject *args)
{
    return made(read_call, "OiiCnO", args);
}

static PyObject *
writer(PyObject *Py_UNUSED(module), PyObject *args)
{
    return made(write_call, "OiiCnOO", args);
}

/* Socket.get and Socket.set: they call what the option has, and not the property, which speaks of attributes */

static int
is_option(PyObject *option)
{
    if (PyObject_TypeCheck(option, &PyProperty_Type))
        return 1;
    PyErr_Format(PyExc_TypeError, "expected an Option, not %.100s", Py_TYPE(option)->tp_name);
    return 0;
}

static PyObject *
read_option(PyObject *sock, PyObject *option)
{
    PyObject *read = PyObject_GetAttr(option, read_name);
    PyObject *value = read ? PyObject_CallOneArg(read, sock) : NULL;
    Py_XDECREF(read);
    return value;
}

static PyObject *
get_by_request(PyObject *sock, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    int right = count == 1 && names != NULL && PyTuple_GET_SIZE(names) == 1 &&
                PyUnicode_Compare(PyTuple_GET_ITEM(names, 0), request_name) == 0;
    if (!right) {
        PyErr_SetString(PyExc_TypeError, "expected an option, and at most a request by that keyword");
        return NULL;
    }
    return args[1] == Py_None ? read_option(sock, args[0])
                              : PyObject_CallMethodObjArgs(args[0], read_by_request, sock, args[1], NULL);
}

static PyObject *
get(PyObject *sock, PyObject *const *args, Py_ssize_t count, PyObject *names)
{
    if (count > 0 && !is_option(args[0]))
        return NULL;
    if (count != 1 || names != NULL)
        return get_by_request(sock, args, count, names);
    return read_option(sock, args[0]);
}

static PyObject *
set(PyObject *sock, PyObject *const *args, Py_ssize_t count)
{
    if (count != 2) {
        PyErr_SetString(PyExc_TypeError, "expected an option and its value");
        return NULL;
    }
    PyObject *write = is_option(args[0]) ? PyObject_GetAttr(args[0], write_name) : NULL;
    PyObject *stack[] = {NULL, sock, args[1]};
    PyObject *result = write ? PyObject_Vectorcall(write, stack + 1, 2 | PY_VECTORCALL_ARGUMENTS_OFFSET, NULL) : NULL;
    Py_XDECREF(write);
    return result;
}

PyDoc_STRVAR(get_doc, "get($self, option, /, *, request=None)\n--\n\n"
                      "The value of an option; raises as ``Option`` says.\n\n"
                      "Some options, such as IP_MSFILTER, are read by a request, a value of their own type that says\n"
                      "what to read: the filter of which group? TypeError where one is missing, or given in vain.");

static PyMethodDef get_method = {
    "get", (PyCFunction)(void (*)(void))get, METH_FASTCALL | METH_KEYWORDS, get_doc};
static PyMethodDef set_method = {
    "set", (PyCFunction)(void (*)(void))set, METH_FASTCALL,
    PyDoc_STR("set($self, option, value, /)\n--\n\nGive an option a value; raises as ``Option`` says.")};

static PyMethodDef functions[] = {
    {"reader", reader, METH_VARARGS, PyDoc_STR("The call that reads an option from a socket.")},
    {"writer", writer, METH_VARARGS, PyDoc_STR("The call that gives an option of a socket a value.")},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "libsocket._sockopt",
    .m_doc = PyDoc_STR("What sockopt.py does, without a Python frame."),
    .m_size = -1,
    .m_methods = functions,
};

static int
add_methods(PyObject *module)
{
    PyObject *standard = PyImport_ImportModule("_socket");
    PyObject *kind = standard ? PyObject_GetAttrString(standard, "socket") : NULL;
    Py_XDECREF(standard);
    if (kind == NULL)
        return -1;
    fileno_method = PyObject_GetAttrString(kind, "fileno");
    PyObject *methods[] = {PyDescr_NewMethod((PyTypeObject *)kind, &get_method),
                           PyDescr_NewMethod((PyTypeObject *)kind, &set_method)};
    Py_DECREF(kind);
    int failed = fileno_method == NULL || PyModule_AddObjectRef(module, "get", methods[0]) < 0 ||
                 PyModule_AddObjectRef(module, "set", methods[1]) < 0;
    Py_XDECREF(methods[0]);
    Py_XDECREF(methods[1]);
    return failed ? -1 : 0;
}

static int
add_names(void)
{
    read_name = PyUnicode_InternFromString("read");
    write_name = PyUnicode_InternFromString("write");
    request_name = PyUnicode_InternFromString("request");
    read_by_request = PyUnicode_InternFromString("read_by_request");
    return read_name && write_name && request_name && read_by_request ? 0 : -1;
}

PyMODINIT_FUNC
PyInit__sockopt(void)
{
    PyObject *module = PyType_Ready(&CallType) < 0 ? NULL : PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
#ifdef Py_GIL_DISABLED
    PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    if (add_methods(module) < 0 || add_names() < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
