"""Options of Multipath TCP sockets: level SOL_MPTCP."""

from __future__ import annotations

from typing import Final

from libsocket.arch import Level
from libsocket.layouts.mptcp import FULL_INFO, MPTCP_INFO_LAYOUT, SUBFLOW_ADDRS, SUBFLOW_TCP_INFO
from libsocket.option import Access, Option

SOL_MPTCP: Final = Level.SOL_MPTCP

MPTCP_INFO: Final = Option(
    "MPTCP_INFO",
    SOL_MPTCP,
    1,
    MPTCP_INFO_LAYOUT,
    since="5.16",
    access=Access.GET,
    source="include/uapi/linux/mptcp.h",
    doc="""The state of the connection, as far as this kernel gives it.""",
)
MPTCP_TCPINFO: Final = Option(
    "MPTCP_TCPINFO",
    SOL_MPTCP,
    2,
    SUBFLOW_TCP_INFO,
    since="5.16",
    access=Access.GET,
    source="include/uapi/linux/mptcp.h",
    doc="""The TcpInfo of each subflow, at most 32.""",
)
MPTCP_SUBFLOW_ADDRS: Final = Option(
    "MPTCP_SUBFLOW_ADDRS",
    SOL_MPTCP,
    3,
    SUBFLOW_ADDRS,
    since="5.16",
    access=Access.GET,
    source="include/uapi/linux/mptcp.h",
    doc="""Both ends of each subflow, at most 32.""",
)
MPTCP_FULL_INFO: Final = Option(
    "MPTCP_FULL_INFO",
    SOL_MPTCP,
    4,
    FULL_INFO,
    since="6.5",
    access=Access.GET,
    source="include/uapi/linux/mptcp.h",
    doc="""Everything at once. Asked with a struct mptcp_full_info, as bytes, whose pointers the
kernel writes to.""",
)
