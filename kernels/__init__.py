"""Other kernels: find, fetch and boot them, and run a command in each as root of a throwaway guest.

A kernel has a name: a series (``6.1``), a backend's series (``uml:6.1``, ``virtme:7.3``), a program that the
user built (``uml:PATH``, ``virtme:PATH``) or an implementation of its own (``gvisor``). ``kernels.backend``
holds the one interface; each file in ``kernels.backends`` is one way to start a kernel.
"""
