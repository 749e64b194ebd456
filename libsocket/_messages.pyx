# cython: language_level=3, boundscheck=False, wraparound=False, freethreading_compatible=True
"""What control/wire.py and batch.py do to what the kernel gave, without a Python frame for each message.

A table of decoders is a dict by level of dicts by type of pairs: (class of tuples, what gives the numbers in
one), or (None, what gives the value). What is in no table, or has the wrong bytes, goes to a function in Python.
"""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_SET_ITEM
from libc.string cimport memcmp

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/socket.h>

    static PyObject *room(PyTypeObject *kind, Py_ssize_t count)
    {
        return kind->tp_alloc(kind, count);
    }
    """
    struct iovec:
        void *iov_base
    struct msghdr:
        void *msg_name
        unsigned int msg_namelen
        iovec *msg_iov
        void *msg_control
        size_t msg_controllen
        int msg_flags
    struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    struct cmsghdr:
        size_t cmsg_len
        int cmsg_level
        int cmsg_type
    unsigned char *CMSG_DATA(const cmsghdr *head)
    size_t CMSG_LEN(size_t size)
    size_t CMSG_ALIGN(size_t size)
    int MSG_CMSG_CLOEXEC
    tuple room(type kind, Py_ssize_t count)


cdef tuple as_class(type kind, numbers):
    """A tuple of a class of its own: what tuple.__new__ makes, without a second tuple on the way."""
    if not isinstance(numbers, tuple):
        raise TypeError(f"numbers are a tuple, not {type(numbers).__name__}")
    cdef Py_ssize_t at, count = len(<tuple>numbers)
    cdef tuple value = room(kind, count)
    for at in range(count):
        number = (<tuple>numbers)[at]
        Py_INCREF(number)  # the tuple takes it
        PyTuple_SET_ITEM(value, at, number)
    return value


cdef object value_of(dict table, unknown, level, number, data):
    try:
        types = table.get(level)
        decoder = None if types is None else (<dict>types).get(number)
        if decoder is not None:
            kind, decode = <tuple>decoder
            value = decode(data)
            return value if kind is None else as_class(kind, value)
    except Exception as error:
        return unknown(level, number, data, error)
    return unknown(level, number, data)


def decoded(dict table not None, unknown, items, /):
    """Values for control messages, by a table of decoders."""
    return values_of(table, unknown, items)


cdef tuple values_of(dict table, unknown, items):
    cdef list values = []
    for item in items:
        if not isinstance(item, tuple) or len(<tuple>item) != 3:
            raise TypeError("a control message is a tuple of level, type and data")
        level, number, data = <tuple>item
        values.append(value_of(table, unknown, level, number, data))
    return tuple(values)


cdef tuple controls(dict table, unknown, const char *place, size_t left):
    """As wire.split does: in order, up to what makes no sense, the last one as far as it goes."""
    cdef const cmsghdr *head
    cdef size_t size, step
    if left < sizeof(cmsghdr):
        return ()
    cdef list values = []
    while left >= sizeof(cmsghdr):
        head = <const cmsghdr *>place
        size = head.cmsg_len
        if size < CMSG_LEN(0):
            break
        data = PyBytes_FromStringAndSize(<const char *>CMSG_DATA(head), min(size, left) - CMSG_LEN(0))
        values.append(value_of(table, unknown, head.cmsg_level, head.cmsg_type, data))
        step = min(CMSG_ALIGN(size), left) if size < left else left
        place += step
        left -= step
    return tuple(values)


def messages(
    dict table not None, unknown, type kind not None, from_raw, Py_ssize_t size, unsigned int count, heads, /
):
    """What recvmmsg(2) left in a batch."""
    cdef Py_buffer view
    PyObject_GetBuffer(heads, &view, PyBUF_SIMPLE)
    try:
        count = min(count, view.len // sizeof(mmsghdr))
        return read(table, unknown, kind, from_raw, size, count, <const mmsghdr *>view.buf)
    finally:
        PyBuffer_Release(&view)


cdef list read(
    dict table, unknown, type kind, from_raw, Py_ssize_t size, unsigned int count, const mmsghdr *each
):
    cdef const msghdr *head
    cdef const msghdr *before = NULL
    cdef unsigned int at
    cdef list received = []
    peer = None
    for at in range(count):
        head = &each[at].msg_hdr
        # Senders repeat: the address before, if this is the same.
        if before == NULL or not same_name(head, before):
            peer = from_raw(PyBytes_FromStringAndSize(<const char *>head.msg_name, head.msg_namelen))
        before = head
        # With MSG_TRUNC the kernel gives how long a datagram was, not how much of it is here.
        data = PyBytes_FromStringAndSize(
            <const char *>head.msg_iov.iov_base, min(<Py_ssize_t>each[at].msg_len, size)
        )
        control = controls(table, unknown, <const char *>head.msg_control, head.msg_controllen)
        received.append(as_class(kind, (data, control, head.msg_flags & ~MSG_CMSG_CLOEXEC, peer)))
    return received


cdef bint same_name(const msghdr *one, const msghdr *other):
    return one.msg_namelen == other.msg_namelen and not memcmp(one.msg_name, other.msg_name, one.msg_namelen)


def assembled(
    dict table not None, unknown, type kind not None, dict tuples not None, sock, family, tuple got not None, /
):
    """The message that Python's recvmsg gave.

    An address is of its class: a tuple of Python's where the family has one, or else what the socket says it is.
    """
    data, items, flags, address = got
    peer_class = tuples.get(family) if isinstance(address, tuple) else None
    if peer_class is not None:
        address = as_class(peer_class, address)
    elif address is not None:
        address = sock._peer(address)
    control = values_of(table, unknown, items) if items else ()
    return as_class(kind, (data, control, <int>flags & ~MSG_CMSG_CLOEXEC, address))
