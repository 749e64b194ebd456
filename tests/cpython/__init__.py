"""CPython's own tests of sockets, run with ``libsocket.Socket`` as ``socket.socket``."""
