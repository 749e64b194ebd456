"""Options of raw IPv4 sockets: level SOL_RAW."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.codecs import UNSIGNED
from libsocket.option import Option

SOL_RAW: Final = Level.SOL_RAW

ICMP_FILTER: Final = Option(
    "ICMP_FILTER",
    SOL_RAW,
    1,
    UNSIGNED,
    since="2.2",
    doc="""On a raw ICMP socket: the types not to receive, a bit each (1 << type). EOPNOTSUPP on other
raw sockets.""",
)
