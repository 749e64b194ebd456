/* What control/wire.py and batch.py do to what the kernel gave, without a Python frame for each message.

   A table of decoders is a dict by level of dicts by type of pairs: (class of tuples, what gives the numbers in
   one), or (None, what gives the value). What is in no table, or has the wrong bytes, goes to a function in Python. */

#define PY_SSIZE_T_CLEAN
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <Python.h>
#include <string.h>
#include <sys/socket.h>

#include "_exception.h"

#define MSG_KINDS 4 /* data, control messages, flags, address */

typedef struct {
    PyObject *table;
    PyObject *unknown; /* called with level, type, data and, if there was one, the exception */
} Decoders;

/* Control messages */

/* A tuple of a class of its own: what tuple.__new__ makes, without a second tuple on the way. */
static PyObject *
as_class(PyObject *kind, PyObject *numbers)
{
    if (!PyTuple_Check(numbers))
        return PyErr_Format(PyExc_TypeError, "numbers are a tuple, not %.100s", Py_TYPE(numbers)->tp_name);
    Py_ssize_t count = PyTuple_GET_SIZE(numbers);
    PyObject *value = ((PyTypeObject *)kind)->tp_alloc((PyTypeObject *)kind, count);
    for (Py_ssize_t at = 0; value != NULL && at < count; at++)
        PyTuple_SET_ITEM(value, at, Py_NewRef(PyTuple_GET_ITEM(numbers, at)));
    return value;
}

/* The pair for a level and a type, borrowed; NULL without an exception where there is none. */
static PyObject *
decoder_for(PyObject *table, PyObject *level, PyObject *number)
{
    PyObject *types = PyDict_GetItemWithError(table, level);
    return types == NULL ? NULL : PyDict_GetItemWithError(types, number);
}

static PyObject *
value_by(PyObject *decoder, PyObject *data)
{
    PyObject *kind = PyTuple_GET_ITEM(decoder, 0);
    PyObject *value = PyObject_CallOneArg(PyTuple_GET_ITEM(decoder, 1), data);
    if (value == NULL || kind == Py_None)
        return value;
    PyObject *whole = as_class(kind, value);
    Py_DECREF(value);
    return whole;
}

static PyObject *
value_of(Decoders *decoders, PyObject *level, PyObject *number, PyObject *data)
{
    PyObject *decoder = decoder_for(decoders->table, level, number);
    PyObject *value = decoder ? value_by(decoder, data) : NULL;
    if (value != NULL)
        return value;
    PyObject *error = PyErr_Occurred() ? raised() : NULL;
    value = PyObject_CallFunctionObjArgs(decoders->unknown, level, number, data, error, NULL);
    Py_XDECREF(error);
    return value;
}

static PyObject *
value_of_item(Decoders *decoders, PyObject *item)
{
    if (!PyTuple_Check(item) || PyTuple_GET_SIZE(item) != 3) {
        PyErr_SetString(PyExc_TypeError, "a control message is a tuple of level, type and data");
        return NULL;
    }
    PyObject *level = PyTuple_GET_ITEM(item, 0), *number = PyTuple_GET_ITEM(item, 1);
    return value_of(decoders, level, number, PyTuple_GET_ITEM(item, 2));
}

static PyObject *
values_of(Decoders *decoders, PyObject *given)
{
    PyObject *items = PySequence_Fast(given, "control messages are a sequence");
    if (items == NULL)
        return NULL;
    Py_ssize_t count = PySequence_Fast_GET_SIZE(items);
    PyObject *values = PyTuple_New(count);
    for (Py_ssize_t at = 0; values != NULL && at < count; at++) {
        PyObject *value = value_of_item(decoders, PySequence_Fast_GET_ITEM(items, at));
        if (value == NULL)
            Py_CLEAR(values);
        else
            PyTuple_SET_ITEM(values, at, value);
    }
    Py_DECREF(items);
    return values;
}

static PyObject *
decoded(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    if (count != 3 || !PyDict_Check(args[0])) {
        PyErr_SetString(PyExc_TypeError, "expected a table of decoders, what else to call, and control messages");
        return NULL;
    }
    Decoders decoders = {args[0], args[1]};
    return values_of(&decoders, args[2]);
}

/* A batch */

static int
append_control(Decoders *decoders, PyObject *values, const struct cmsghdr *head, size_t size)
{
    PyObject *level = PyLong_FromLong(head->cmsg_level);
    PyObject *number = PyLong_FromLong(head->cmsg_type);
    PyObject *data = PyBytes_FromStringAndSize((const char *)CMSG_DATA(head), (Py_ssize_t)size);
    PyObject *value = level && number && data ? value_of(decoders, level, number, data) : NULL;
    int failed = value == NULL || PyList_Append(values, value) < 0;
    Py_XDECREF(level);
    Py_XDECREF(number);
    Py_XDECREF(data);
    Py_XDECREF(value);
    return failed ? -1 : 0;
}

/* As wire.split does: in order, up to what makes no sense, the last one as far as it goes. */
static PyObject *
controls(Decoders *decoders, const char *place, size_t left)
{
    if (left < sizeof(struct cmsghdr))
        return PyTuple_New(0);
    PyObject *values = PyList_New(0);
    while (values != NULL && left >= sizeof(struct cmsghdr)) {
        const struct cmsghdr *head = (const struct cmsghdr *)place;
        size_t size = head->cmsg_len;
        if (size < CMSG_LEN(0))
            break;
        size_t here = size < left ? size : left;
        if (append_control(decoders, values, head, here - CMSG_LEN(0)) < 0)
            Py_CLEAR(values);
        size_t step = size < left ? CMSG_ALIGN(size) : left;
        step = step < left ? step : left;
        place += step;
        left -= step;
    }
    if (values == NULL)
        return NULL;
    PyObject *whole = PyList_AsTuple(values);
    Py_DECREF(values);
    return whole;
}

/* Senders repeat: the address before, if this is the same. */
static PyObject *
address(PyObject *from_raw, const struct msghdr *head, const struct msghdr *before, PyObject *last)
{
    if (before != NULL && head->msg_namelen == before->msg_namelen &&
        memcmp(head->msg_name, before->msg_name, head->msg_namelen) == 0)
        return Py_NewRef(last);
    PyObject *name = PyBytes_FromStringAndSize(head->msg_name, head->msg_namelen);
    PyObject *value = name ? PyObject_CallOneArg(from_raw, name) : NULL;
    Py_XDECREF(name);
    return value;
}

/* Takes the parts for itself, also where it fails. */
static PyObject *
message(PyObject *kind, PyObject *parts[MSG_KINDS])
{
    int whole = parts[0] && parts[1] && parts[2] && parts[3];
    PyObject *made = whole ? ((PyTypeObject *)kind)->tp_alloc((PyTypeObject *)kind, MSG_KINDS) : NULL;
    for (int at = 0; at < MSG_KINDS; at++) {
        if (made != NULL)
            PyTuple_SET_ITEM(made, at, parts[at]);
        else
            Py_XDECREF(parts[at]);
    }
    return made;
}

static PyObject *
messages(PyObject *Py_UNUSED(module), PyObject *args)
{
    Decoders decoders;
    PyObject *kind, *from_raw;
    Py_ssize_t size;
    unsigned int count;
    Py_buffer memory;
    if (!PyArg_ParseTuple(args, "O!OO!OnIy*", &PyDict_Type, &decoders.table, &decoders.unknown, &PyType_Type, &kind,
                          &from_raw, &size, &count, &memory))
        return NULL;
    const struct mmsghdr *heads = memory.buf;
    count = Py_MIN(count, memory.len / sizeof *heads);
    PyObject *list = PyList_New(count), *peer = NULL;
    for (unsigned int at = 0; list != NULL && at < count; at++) {
        const struct msghdr *head = &heads[at].msg_hdr;
        /* the message before holds on to its address */
        peer = address(from_raw, head, at ? &heads[at - 1].msg_hdr : NULL, peer);
        PyObject *parts[MSG_KINDS] = {
            /* with MSG_TRUNC the kernel gives how long a datagram was, not how much of it is here */
            PyBytes_FromStringAndSize(head->msg_iov->iov_base, Py_MIN((Py_ssize_t)heads[at].msg_len, size)),
            controls(&decoders, head->msg_control, head->msg_controllen),
            PyLong_FromLong(head->msg_flags & ~MSG_CMSG_CLOEXEC),
            peer,
        };
        PyObject *one = message(kind, parts);
        if (one == NULL)
            Py_CLEAR(list);
        else
            PyList_SET_ITEM(list, at, one);
    }
    PyBuffer_Release(&memory);
    return list;
}

/* What recvmsg, as Python has it, gave */

/* An address as its class: a tuple of Python's where the family has one, or else what the socket says it is. */
static PyObject *
peer_of(PyObject *tuples, PyObject *sock, PyObject *family, PyObject *address)
{
    if (PyTuple_Check(address)) {
        PyObject *kind = PyDict_GetItemWithError(tuples, family);
        if (kind != NULL)
            return as_class(kind, address);
        if (PyErr_Occurred())
            return NULL;
    }
    PyObject *name = PyUnicode_FromString("_peer");
    PyObject *value = name ? PyObject_CallMethodOneArg(sock, name, address) : NULL;
    Py_XDECREF(name);
    return value;
}

static PyObject *
assembled(PyObject *Py_UNUSED(module), PyObject *const *args, Py_ssize_t count)
{
    if (count != 7 || !PyDict_Check(args[0]) || !PyType_Check(args[2]) || !PyDict_Check(args[3]) ||
        !PyTuple_Check(args[6]) || PyTuple_GET_SIZE(args[6]) != MSG_KINDS) {
        PyErr_SetString(PyExc_TypeError, "expected decoders, what else to call, two classes, a socket, its family "
                                         "and what recvmsg gave");
        return NULL;
    }
    Decoders decoders = {args[0], args[1]};
    PyObject *got = args[6], *address = PyTuple_GET_ITEM(got, 3);
    PyObject *parts[MSG_KINDS] = {
        Py_NewRef(PyTuple_GET_ITEM(got, 0)),
        values_of(&decoders, PyTuple_GET_ITEM(got, 1)),
        PyLong_FromLong(PyLong_AsLong(PyTuple_GET_ITEM(got, 2)) & ~MSG_CMSG_CLOEXEC),
        NULL,
    };
    if (parts[1] != NULL)
        parts[3] = address == Py_None ? Py_NewRef(address) : peer_of(args[3], args[4], args[5], address);
    return message(args[2], parts);
}

static PyMethodDef functions[] = {
    {"decoded", (PyCFunction)(void (*)(void))decoded, METH_FASTCALL,
     PyDoc_STR("Values for control messages, by a table of decoders.")},
    {"messages", messages, METH_VARARGS, PyDoc_STR("What recvmmsg(2) left in a batch.")},
    {"assembled", (PyCFunction)(void (*)(void))assembled, METH_FASTCALL,
     PyDoc_STR("The message that Python's recvmsg gave.")},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "libsocket._messages",
    .m_doc = PyDoc_STR("What the kernel gave, as messages, without a Python frame for each."),
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC
PyInit__messages(void)
{
    PyObject *module = PyModule_Create(&definition);
#ifdef Py_GIL_DISABLED
    if (module != NULL)
        PyUnstable_Module_SetGIL(module, Py_MOD_GIL_NOT_USED);
#endif
    return module;
}
