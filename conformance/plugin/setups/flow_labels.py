"""Flow labels of IPv6 as IPV6_FLOWLABEL_MGR reads them."""

from __future__ import annotations

import socket
import struct
from typing import Final

from conformance.plugin.setups.places import requested
from libsocket import IPV6_FLOWLABEL_MGR, Socket

FLOWLABEL_MGR: Final = (IPV6_FLOWLABEL_MGR.level, IPV6_FLOWLABEL_MGR.number)
_REQUEST: Final = struct.Struct("=16s4sBBHHHI")
"""struct in6_flowlabel_req"""
SIZE: Final = _REQUEST.size
REMOTE: Final = 8
"""IPV6_FL_F_REMOTE"""


def label_request(action: int = 0, flags: int = 0) -> bytes:
    """A request for a label, of an action, 0 to get one, with flags."""
    return _REQUEST.pack(bytes(16), bytes(4), action, 0, flags, 0, 0, 0)


def label_read(
    sock: Socket, *, action: int = 0, flags: int = 0, size: int = SIZE
) -> tuple[int, str, int, int]:
    """What a request gives: the label, for which destination, who shares it, and for how long it lingers."""
    given = requested(sock, FLOWLABEL_MGR, label_request(action, flags), size)
    destination, label, _, share, _, _, linger, _ = _REQUEST.unpack(given)
    return int.from_bytes(label, "big"), socket.inet_ntop(socket.AF_INET6, destination), share, linger
