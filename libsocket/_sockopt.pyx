# cython: language_level=3, boundscheck=False, freethreading_compatible=True
"""What sockopt.py does, without a Python frame: getsockopt(2) and setsockopt(2) for one option.

A call asks the socket for its descriptor and makes the system call, so that nothing of Python's has to be
parsed or built but the value. As Python's own methods do, it keeps the interpreter's lock. Every failure is
handed to a function that handles it in Python.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.errno cimport errno
from libc.limits cimport INT_MAX, INT_MIN, UINT_MAX
from libc.string cimport memset

import os

import _socket

cdef extern from "<sys/socket.h>":
    ctypedef unsigned int socklen_t
    int getsockopt(int fd, int level, int number, void *value, socklen_t *size)
    int setsockopt(int fd, int level, int number, const void *value, socklen_t size)

cdef extern from "Python.h":
    long long PyLong_AsLongLongAndOverflow(object number, int *overflow) except? -1

cdef object fileno = _socket.socket.fileno


cdef object failure(int code):
    return OSError(code, os.strerror(code))


def reader(failed, int level, int number, str form, Py_ssize_t size, decode, /):
    """The call that reads an option from a socket; ``form`` is one of sockopt.FORMS, or BYTES."""
    cdef bint flag = form == "?", unsigned = form == "I"

    def read_number(sock, /):
        cdef int word = 0
        cdef socklen_t room = sizeof(word)
        if getsockopt(fileno(sock), level, number, &word, &room) < 0:
            return failed(sock, failure(errno))
        if flag:
            return word != 0
        return <unsigned int>word if unsigned else word

    def read_bytes(sock, /):
        cdef int fd = fileno(sock)
        cdef socklen_t given = <socklen_t>size
        cdef bytes data = PyBytes_FromStringAndSize(NULL, size)
        # Some options read the buffer before they write there: it must not be an accident what they find.
        memset(PyBytes_AS_STRING(data), 0, size)
        if getsockopt(fd, level, number, PyBytes_AS_STRING(data), &given) < 0:
            return failed(sock, failure(errno))
        # NETLINK_LIST_MEMBERSHIPS returns how much room it would need, even beyond what it had.
        if given < size:
            data = PyBytes_FromStringAndSize(PyBytes_AS_STRING(data), given)
        return decode(data)

    return read_bytes if form == "s" else read_number


def writer(failed, int level, int number, str form, Py_ssize_t size, encode, encode_failed, /):
    """The call that gives an option of a socket a value.

    An int that lies in a word as it is goes there at once; all other values are the codec's to judge.
    """
    cdef bint in_word = form != "s"
    cdef long long least = 0 if form == "n" or form == "I" else INT_MIN
    cdef long long most = UINT_MAX if form == "I" else INT_MAX

    def write(sock, value, /):
        cdef int fd = fileno(sock), word, overflow = 0, code
        cdef long long wide
        cdef Py_buffer view
        if in_word and isinstance(value, int):
            wide = PyLong_AsLongLongAndOverflow(value, &overflow)
            if not overflow and least <= wide <= most:
                word = <int>wide
                if setsockopt(fd, level, number, &word, sizeof(word)) < 0:
                    return failed(sock, failure(errno))
                return None
        try:
            data = encode(value)
        except Exception as reason:
            return encode_failed(sock, value, reason)
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        code = errno if setsockopt(fd, level, number, view.buf, <socklen_t>view.len) < 0 else 0
        PyBuffer_Release(&view)
        return failed(sock, failure(code)) if code else None

    return write


# Socket.get and Socket.set call what the option has, and not the property, which speaks of attributes.

cdef int check(option) except -1:
    if type(option) is property or not isinstance(option, property):
        raise TypeError(f"expected an Option, not {type(option).__name__}")


def get(self, option, /, *, request=None):
    """The value of an option; raises as ``Option`` says.

    Some options, such as IP_MSFILTER, are read by a request, a value of their own type that says
    what to read: the filter of which group? TypeError where one is missing, or given in vain.
    """
    check(option)
    return option.read(self) if request is None else option.read_by_request(self, request)


def set(self, option, value, /):
    """Give an option a value; raises as ``Option`` says."""
    check(option)
    option.write(self, value)
