"""Security labels that come with messages on UNIX sockets, and sockets made with another label."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from conformance.plugin.setups.control_messages import control_messages
from libsocket import Security, Socket

OTHER_LABEL: Final = "unlabeled"
"""A label that SELinux knows without a policy; processes have "kernel" there."""
_OF_NEW_SOCKETS: Final = Path("/proc/thread-self/attr/sockcreate")


def labels(sock: Socket) -> list[bytes]:
    """The data of each SCM_SECURITY that comes with the next message, or the next bytes of a stream."""
    return [bytes(one) for one in control_messages(sock, Security)]


def label_names(sock: Socket) -> list[str]:
    """The same, as text without the null byte that may end it."""
    return [one.rstrip(b"\0").decode() for one in labels(sock)]


@contextmanager
def sockets_made_with(label: str) -> Iterator[None]:
    """Sockets that this thread makes meanwhile have a label of their own, of SELinux. Raises: OSError."""
    _OF_NEW_SOCKETS.write_bytes(label.encode() + b"\0")
    try:
        yield
    finally:
        _OF_NEW_SOCKETS.write_bytes(b"\n")


def labelled_sender(label: str, kind: int) -> tuple[Socket, Socket]:
    """A UNIX socket that SELinux gives this label, and one without it that it sends to. Raises: OSError."""
    with sockets_made_with(label):
        sender = Socket.unix(kind)
    receiver = Socket.unix(kind)
    receiver.bind("")
    if kind == socket.SOCK_DGRAM:
        sender.connect(receiver.getsockname())
        return sender, receiver
    with receiver as listener:
        listener.listen()
        sender.connect(listener.getsockname())
        return sender, listener.accept()[0]
