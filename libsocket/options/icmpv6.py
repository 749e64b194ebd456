"""Options of raw ICMPv6 sockets: level IPPROTO_ICMPV6."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import raw
from libsocket.option import Option

IPPROTO_ICMPV6: Final = Level.IPPROTO_ICMPV6

ICMPV6_FILTER: Final = Option(
    "ICMPV6_FILTER",
    IPPROTO_ICMPV6,
    1,
    raw(32),
    since="2.2",
    source="RFC 3542, section 3.2",
    doc="""On a raw ICMPv6 socket: the types not to receive, 256 bits in eight 32-bit words.""",
)
