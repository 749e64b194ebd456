"""What no declaration, claim or probe can tell of an option, said by hand."""

from __future__ import annotations

from typing import Final, NamedTuple

LEFT_OUT: Final = {
    "SO_SECURITY_AUTHENTICATION SO_SECURITY_ENCRYPTION_TRANSPORT SO_SECURITY_ENCRYPTION_NETWORK "
    "IPV6_NEXTHOP IPV6_AUTHHDR IPV6_USE_MIN_MTU PACKET_RECV_OUTPUT SO_VM_SOCKETS_PEER_HOST_VM_ID "
    "SO_VM_SOCKETS_TRUSTED SO_VM_SOCKETS_NONBLOCK_TXRX": "have a number, but no kernel answers to them",
    "NETLINK_RX_RING NETLINK_TX_RING": "went with memory-mapped netlink in Linux 4.6",
    "SO_DEVMEM_LINEAR SO_DEVMEM_DMABUF IPV6_HOPLIMIT PACKET_TX_TIMESTAMP": "are control messages only",
    "SO_GET_FILTER SO_DETACH_BPF TCP_CM_INQ IP_RECVRETOPTS IP_ORIGDSTADDR IPV6_ORIGDSTADDR "
    "IPV6_ADD_MEMBERSHIP IPV6_DROP_MEMBERSHIP SO_VM_SOCKETS_CONNECT_TIMEOUT_OLD": (
        "are other names of options that are here"
    ),
}
"""Names in the kernel's headers that are no options of ours, by the reason."""

SILENT: Final = {
    "SO_RESERVE_MEM": "only where a memory control group accounts for the socket",
    "SO_PEERSEC": "a security module that labels sockets answers it",
    "TCP_AO_ADD_KEY TCP_AO_DEL_KEY TCP_AO_INFO TCP_AO_GET_KEYS TCP_AO_REPAIR": "needs CONFIG_TCP_AO",
    "IP_IPSEC_POLICY IPV6_IPSEC_POLICY": "needs CONFIG_NET_KEY where another key manager is there",
    "SO_ORIGINAL_DST IP6T_SO_ORIGINAL_DST": "connection tracking (nf_conntrack) answers it, once loaded",
    "IPV6_ROUTER_ALERT": "only raw sockets of IPPROTO_RAW set it",
    "MPTCP_INFO MPTCP_TCPINFO MPTCP_SUBFLOW_ADDRS MPTCP_FULL_INFO": "needs CONFIG_MPTCP",
    "TLS_TX TLS_RX TLS_TX_ZEROCOPY_RO TLS_RX_EXPECT_NO_PAD TLS_TX_MAX_PAYLOAD_LEN": (
        "needs a connection to which TCP_ULP has given tls, and the probe connects nothing"
    ),
}
"""Why a kernel that is new enough for an option does not answer to it."""


class Backport(NamedTuple):
    """A stable release that has an option before its series would, and what brought it there."""

    release: str
    commit: str
    reason: str


_RAW_PROTOCOL = "3632679d9e4f"
BACKPORTS: Final = {
    "IP_LOCAL_PORT_RANGE": (Backport("6.1.32", _RAW_PROTOCOL, "a fix of raw sockets depends on it"),),
    "IP_PROTOCOL": (Backport("6.1.32", _RAW_PROTOCOL, "it came with a fix of raw sockets"),),
}
"""Options that a probed kernel older than their ``since`` has; another one is a wrong ``since``."""


def silence(constant: str) -> str | None:
    """Why new enough kernels may not answer to an option, where that is known."""
    return next((reason for names, reason in SILENT.items() if constant in names.split()), None)
