"""IPV6_ADDRFORM: a socket of IPv6 becomes one of IPv4."""

from __future__ import annotations

import errno
from socket import AF_INET, AF_INET6, AF_UNIX, MSG_MORE

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import IPV6, TLS
from conformance.plugin.refusal import refused
from conformance.plugin.setups.ipv6 import raw6, tcp6, udp6, udp6_pair
from conformance.plugin.setups.listeners import listening
from libsocket import IPV6_ADDRFORM, SO_DOMAIN
from netns import Capability

MAPPED = "::ffff:127.0.0.1"


@claim(
    "defacto/IPV6_ADDRFORM/errnos",
    says="Setting IPV6_ADDRFORM to AF_INET fails with ENOTCONN on a UDP socket that is not connected, and "
    "with EADDRNOTAVAIL on one connected to an IPv6 address. Set to another family, it fails with EINVAL.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_errnos_of_what_cannot_become_one_of_ipv4(ns, observe):
    with udp6() as sock:
        with refused(errno.ENOTCONN, "errno_unconnected"):
            sock.set(IPV6_ADDRFORM, AF_INET)
        sock.connect(("::1", 9))
        with refused(errno.EADDRNOTAVAIL, "errno_connected"):
            sock.set(IPV6_ADDRFORM, AF_INET)
        with refused(errno.EINVAL, "errno_family"):
            sock.set(IPV6_ADDRFORM, AF_UNIX)

        assert observe("peer", sock.getpeername()[0]) == "::1"


@claim(
    "defacto/IPV6_ADDRFORM/read",
    says="IPV6_ADDRFORM of a connected UDP socket reads as AF_INET6. It cannot be read of one that is not "
    "connected (ENOTCONN), nor of one that became one of IPv4 (EOPNOTSUPP).",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
)
def test_it_reads_as_the_family(ns, observe):
    with udp6() as sock:
        with refused(errno.ENOTCONN, "errno_unconnected"):
            sock.get(IPV6_ADDRFORM)
        sock.connect((MAPPED, 9))
        family = sock.get(IPV6_ADDRFORM)
        sock.ipv6_addrform = AF_INET
        with refused(errno.EOPNOTSUPP, "errno_turned"):
            sock.get(IPV6_ADDRFORM)

        assert observe("family", family) == AF_INET6


@claim(
    "defacto/IPV6_ADDRFORM/protocol-on-top",
    says="Setting IPV6_ADDRFORM to AF_INET fails with EBUSY on a TCP connection of a socket over IPv6 to an "
    "IPv4-mapped address once TCP_ULP is set to tls; one without becomes one of IPv4.",
    since="5.7",
    commit="82c9ae440857",
    needs=[IPV6, TLS],
)
def test_a_connection_with_tls_stays(ns, observe):
    with listening("127.0.0.1") as listener, tcp6() as plain, tcp6() as sock:
        plain.connect((MAPPED, listener.getsockname()[1]))
        sock.connect((MAPPED, listener.getsockname()[1]))
        sock.tcp_ulp = "tls"
        with refused(errno.EBUSY):
            sock.set(IPV6_ADDRFORM, AF_INET)
        plain.set(IPV6_ADDRFORM, AF_INET)

        assert observe("families", [sock.get(SO_DOMAIN), plain.get(SO_DOMAIN)]) == [AF_INET6, AF_INET]


@claim(
    "defacto/IPV6_ADDRFORM/pending",
    says="Setting IPV6_ADDRFORM to AF_INET fails with EBUSY on a UDP socket of IPv6 that is connected to an "
    "IPv6 address while data that was sent with MSG_MORE waits for more; once that is sent it fails with "
    "EADDRNOTAVAIL.",
    since="5.7",
    commit="82c9ae440857",
    needs=[IPV6],
)
def test_nothing_may_be_pending(ns, observe):
    sender, receiver = udp6_pair()
    with sender, receiver:
        sender.send(b"ab", MSG_MORE)
        with refused(errno.EBUSY):
            sender.set(IPV6_ADDRFORM, AF_INET)
        sender.send(b"cd")
        with refused(errno.EADDRNOTAVAIL, "errno_sent"):
            sender.set(IPV6_ADDRFORM, AF_INET)

        assert observe("received", receiver.recv(9).decode()) == "abcd"


@claim(
    "defacto/IPV6_ADDRFORM/raw",
    says="IPV6_ADDRFORM of a raw socket over IPv6, connected or not, can neither be set to AF_INET nor read: "
    "ENOPROTOOPT.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6, Capability.NET_RAW],
    survives={"no-op: connect(*": "it is refused whether it is connected or not"},
)
@pytest.mark.parametrize("connected", [False, True])
def test_a_raw_socket_stays_one_of_ipv6(ns, observe, connected):
    with raw6() as sock, udp6() as beside:
        beside.connect((MAPPED, 9))
        sock.connect(("::1" if connected else "::", 0))
        with refused(errno.ENOPROTOOPT):
            sock.set(IPV6_ADDRFORM, AF_INET)
        with refused(errno.ENOPROTOOPT, "errno_of_read"):
            sock.get(IPV6_ADDRFORM)

        assert observe("beside", beside.get(IPV6_ADDRFORM)) == AF_INET6
