"""IP_FREEBIND: addresses that this host does not have."""

from __future__ import annotations

from socket import AF_INET6

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability

NOT_LOCAL, NOT_LOCAL_6 = "192.0.2.1", "2001:db8::1"

TRANSPORTS = pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])

RAW_ONLY_LOCAL = differs(
    "raw sockets are bound to local addresses only, whatever is set (older than the history in git)",
    since="2.6.12",
    until="5.17",
    commit="1da177e4c3f4",
    observed={"errno_without": "EADDRNOTAVAIL", "errno": "EADDRNOTAVAIL"},
)


@claim(
    "IP_FREEBIND.2const/IP_FREEBIND/nonlocal",
    sentence="IP_FREEBIND.2const/IP_FREEBIND/nonlocal",
    section="DESCRIPTION",
    says="A TCP or UDP socket with IP_FREEBIND can be bound to an address that this host does not have, and "
    "one without it cannot.",
    since="2.4",
)
@TRANSPORTS
def test_the_address_need_not_be_local(ns, observe, make):
    with make() as sock:
        with refused():
            sock.bind((NOT_LOCAL, 0))
        sock.ip_freebind = True
        sock.bind((NOT_LOCAL, 0))

        assert observe("address", sock.getsockname()[0]) == NOT_LOCAL


@claim(
    "IP_FREEBIND.2const/IP_FREEBIND/nonlocal-ipv6",
    sentence="IP_FREEBIND.2const/IP_FREEBIND/nonlocal",
    section="DESCRIPTION",
    says="A TCP or UDP socket over IPv6 with IP_FREEBIND can be bound to an IPv6 address that this host "
    "does not have, and one without it cannot.",
    since="2.4",
    needs=[IPV6],
    expect=differs(
        "the option does not count for IPv6 addresses (older than the history in git)",
        since="2.6.12",
        until="3.3",
        commit="1da177e4c3f4",
        observed={"errno_without": "EADDRNOTAVAIL", "errno": "EADDRNOTAVAIL"},
    ),
)
@TRANSPORTS
def test_the_address_of_ipv6_need_not_be_local(ns, observe, make):
    with make(AF_INET6) as sock:
        with refused(name="errno_without"):
            sock.bind((NOT_LOCAL_6, 0))
        sock.ip_freebind = True
        sock.bind((NOT_LOCAL_6, 0))

        assert observe("address", sock.getsockname()[0]) == NOT_LOCAL_6


@claim(
    "IP_FREEBIND.2const/IP_FREEBIND/listens-before-the-address-is-there",
    sentence="IP_FREEBIND.2const/IP_FREEBIND/listens",
    section="DESCRIPTION",
    says="A TCP socket with IP_FREEBIND can listen at an address before the host has it. Once it has, "
    "clients connect.",
    since="2.4",
)
def test_it_listens_before_the_address_is_there(ns, observe):
    with Socket.tcp() as listener, Socket.tcp() as early, Socket.tcp() as client:
        listener.rcvtimeo = SOON
        listener.ip_freebind = True
        listener.bind((NOT_LOCAL, 0))
        listener.listen()
        with refused():
            early.connect(listener.getsockname())
        ns.add_address("lo", f"{NOT_LOCAL}/32")
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            client.send(b"hello")

            assert observe("received", server.recv(9).decode()) == "hello"


@claim(
    "IP_FREEBIND.2const/IP_FREEBIND/sysctl",
    sentence=(
        "IP_FREEBIND.2const/IP_FREEBIND/sysctl",
        "proc_sys_net_ipv4.5/ip_nonlocal_bind/binds",
        "ip-sysctl/ip_nonlocal_bind/allows",
    ),
    section="DESCRIPTION",
    says="With net.ipv4.ip_nonlocal_bind a TCP or UDP socket without IP_FREEBIND can be bound to an address "
    "that this host does not have.",
    since="2.4",
)
@TRANSPORTS
def test_the_sysctl_does_so_for_all_sockets(ns, observe, make):
    with make() as sock:
        with refused():
            sock.bind((NOT_LOCAL, 0))
        ns.sysctl["net.ipv4.ip_nonlocal_bind"] = 1
        sock.bind((NOT_LOCAL, 0))

        assert observe("option_and_address", [sock.ip_freebind, sock.getsockname()[0]]) == [False, NOT_LOCAL]


@claim(
    "IP_FREEBIND.2const/IP_FREEBIND/nonlocal-raw",
    sentence="IP_FREEBIND.2const/IP_FREEBIND/nonlocal",
    section="DESCRIPTION",
    says="A raw socket with IP_FREEBIND can be bound to an address that this host does not have, and one "
    "without it cannot.",
    since="2.4",
    needs=[Capability.NET_RAW],
    expect=RAW_ONLY_LOCAL,
)
def test_the_address_of_a_raw_socket_need_not_be_local(ns, observe):
    with Socket.raw(253) as sock:
        with refused(name="errno_without"):
            sock.bind((NOT_LOCAL, 0))
        sock.ip_freebind = True
        sock.bind((NOT_LOCAL, 0))

        assert observe("address", sock.getsockname()[0]) == NOT_LOCAL


@claim(
    "IP_FREEBIND.2const/IP_FREEBIND/sysctl-raw",
    sentence=(
        "IP_FREEBIND.2const/IP_FREEBIND/sysctl",
        "proc_sys_net_ipv4.5/ip_nonlocal_bind/binds",
        "ip-sysctl/ip_nonlocal_bind/allows",
    ),
    section="DESCRIPTION",
    says="With net.ipv4.ip_nonlocal_bind a raw socket without IP_FREEBIND can be bound to an address that "
    "this host does not have.",
    since="2.4",
    needs=[Capability.NET_RAW],
    expect=RAW_ONLY_LOCAL,
)
def test_the_sysctl_does_so_for_raw_sockets(ns, observe):
    with Socket.raw(253) as sock:
        with refused(name="errno_without"):
            sock.bind((NOT_LOCAL, 0))
        ns.sysctl["net.ipv4.ip_nonlocal_bind"] = 1
        sock.bind((NOT_LOCAL, 0))

        assert observe("address", sock.getsockname()[0]) == NOT_LOCAL
