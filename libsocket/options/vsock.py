"""Options of sockets between virtual machines and their host: level AF_VSOCK."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import SECONDS, SECONDS64, UNSIGNED64
from libsocket.option import Option

AF_VSOCK: Final = Level.AF_VSOCK

SO_VM_SOCKETS_BUFFER_SIZE: Final = Option(
    "SO_VM_SOCKETS_BUFFER_SIZE",
    AF_VSOCK,
    0,
    UNSIGNED64,
    since="3.9",
    source="include/uapi/linux/vm_sockets.h",
    doc="""Bytes of buffer, cut to the two bounds.""",
)
SO_VM_SOCKETS_BUFFER_MIN_SIZE: Final = Option(
    "SO_VM_SOCKETS_BUFFER_MIN_SIZE",
    AF_VSOCK,
    1,
    UNSIGNED64,
    since="3.9",
    source="include/uapi/linux/vm_sockets.h",
    doc="""The smallest buffer; raising it raises the buffer.""",
)
SO_VM_SOCKETS_BUFFER_MAX_SIZE: Final = Option(
    "SO_VM_SOCKETS_BUFFER_MAX_SIZE",
    AF_VSOCK,
    2,
    UNSIGNED64,
    since="3.9",
    source="include/uapi/linux/vm_sockets.h",
    doc="""The largest buffer; lowering it lowers the buffer.""",
)
SO_VM_SOCKETS_CONNECT_TIMEOUT: Final = Option(
    "SO_VM_SOCKETS_CONNECT_TIMEOUT",
    AF_VSOCK,
    6,
    SECONDS,
    since="3.9",
    source="include/uapi/linux/vm_sockets.h",
    doc="""Seconds after which a connect gives up, 2 at first; a fraction of a microsecond is rounded
up. 0 is the default again, ERANGE for what is negative.""",
)
SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW: Final = Option(
    "SO_VM_SOCKETS_CONNECT_TIMEOUT_NEW",
    AF_VSOCK,
    8,
    SECONDS64,
    since="5.16",
    source="include/uapi/linux/vm_sockets.h",
    doc="""The same with 64-bit seconds on every machine.""",
)
