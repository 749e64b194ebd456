# cython: language_level=3, freethreading_compatible=True
"""A method of addressing.py that costs no Python frame where the standard library's own does as well."""

from cpython.object cimport Py_TYPE

from functools import update_wrapper

cdef object MISSING = object()


def method(dict families not None, family, standard, plain, /):
    """The standard library's method for an address in Python's form, or of the class that it takes on a socket of
    this family; for all others the plain one. The address is the last of one, two or three arguments.
    ``family`` is the descriptor of a socket's family.
    """

    def call(sock, first, second=MISSING, third=MISSING, /, *more):
        if more:  # which no method takes: the standard library's says so
            return standard(sock, first, second, third, *more)
        if second is MISSING:
            return (standard if taken(sock, first, families, family) else plain)(sock, first)
        if third is MISSING:
            return (standard if taken(sock, second, families, family) else plain)(sock, first, second)
        return (standard if taken(sock, third, families, family) else plain)(sock, first, second, third)

    return update_wrapper(call, plain)


cdef bint taken(sock, address, dict families, family):
    kind = type(address)
    if kind is tuple or kind is str or kind is bytes:
        return True
    wanted = families.get(kind)
    return wanted is not None and wanted == Py_TYPE(family).tp_descr_get(family, sock, type(sock))
