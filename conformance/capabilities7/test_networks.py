"""Capabilities that operations on networks take, and which sockets are told of, receive or pass on."""

from __future__ import annotations

import errno
import os
import select
import socket
from functools import partial

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import (
    ANOTHER_USER,
    AUDIT,
    EBPF,
    EPOLL_WAKEUP,
    IPV6,
    MPTCP,
    NFTABLES,
    NOBODY,
    OWN_KERNEL,
    SCTP,
    USER_NAMESPACE,
    VETH,
    initially,
)
from conformance.plugin.refusal import refused
from conformance.plugin.setups.bpf import SK_REUSEPORT, returning
from conformance.plugin.setups.capabilities import (
    AUDIT_GET,
    AUDIT_NLGRP_READLOG,
    AUDIT_USER,
    EPOLLWAKEUP,
    NETLINK_AUDIT,
    addresses_in_proc,
    audit_told,
    descriptor_of_another,
    events_in_epoll,
    kernel_sysctl_set,
    outcomes,
    signals_from,
)
from conformance.plugin.setups.firewall import RULES_STAY, drop_all_that_arrives
from conformance.plugin.setups.interfaces import set_of, shown
from conformance.plugin.setups.namespaces import join, leave_network, network_of
from conformance.plugin.setups.netlink import (
    ACK,
    CREATE,
    LOOPBACK,
    REQUEST,
    acknowledged,
    drained,
    framed,
    groups_of,
    netlink_socket,
    new_route,
    parsed,
    routes,
)
from conformance.plugin.setups.packet_sockets import packet_socket
from conformance.plugin.setups.packets import ETH_P_IP, payload
from conformance.plugin.setups.pairs import await_those_before, udp_pair
from conformance.plugin.setups.processes import another_process
from conformance.plugin.setups.sockets import SOCKETS
from conformance.plugin.timing import SOON
from libsocket import IpMreqn, Netlink, Socket
from netns import (
    Capability,
    Namespace,
    as_user,
    in_child,
    in_user_namespace,
    in_user_namespace_alone,
    only,
    without,
)

USER, ANOTHER = 61041, 61042
"""Users that nothing here has."""
GROUP, BROADCAST, PORT = "239.1.2.3", "127.255.255.255", 4321
EPOLLIN_AND_ERRORS = select.EPOLLIN | select.EPOLLERR | select.EPOLLHUP


@claim(
    "capabilities.7/CAP_AUDIT_CONTROL/status",
    sentence=("capabilities.7/CAP_AUDIT_CONTROL/status", "netlink.7/NETLINK_AUDIT/auditing"),
    section="Capabilities list",
    says="A socket of NETLINK_AUDIT is told how auditing stands with CAP_AUDIT_CONTROL alone, and has EPERM "
    "with every other capability.",
    needs=[AUDIT],
)
def test_the_status_of_auditing(ns, observe):
    with without(Capability.AUDIT_CONTROL), refused(errno.EPERM):
        audit_told()
    with only(Capability.AUDIT_CONTROL):
        told = audit_told()

    assert observe("told", told) == AUDIT_GET


@claim(
    "capabilities.7/CAP_AUDIT_READ/multicast",
    sentence="capabilities.7/CAP_AUDIT_READ/multicast",
    section="Capabilities list",
    says="A socket of NETLINK_AUDIT is bound to the group of the audit log with CAP_AUDIT_READ alone, and "
    "has EPERM with every other capability.",
    needs=[AUDIT],
)
def test_the_audit_log_is_read(ns, observe):
    with netlink_socket(NETLINK_AUDIT) as sock:
        with without(Capability.AUDIT_READ), refused(errno.EPERM):
            sock.bind(Netlink(0, AUDIT_NLGRP_READLOG))
        before = groups_of(sock)
        with only(Capability.AUDIT_READ):
            sock.bind(Netlink(0, AUDIT_NLGRP_READLOG))

        assert observe("groups", [before, groups_of(sock)]) == [0, AUDIT_NLGRP_READLOG]


@claim(
    "capabilities.7/CAP_AUDIT_WRITE/records",
    sentence=("capabilities.7/CAP_AUDIT_WRITE/records", "netlink.7/NETLINK_AUDIT/auditing"),
    section="Capabilities list",
    says="A record for the audit log that is sent by a socket of NETLINK_AUDIT is accepted with "
    "CAP_AUDIT_WRITE alone, and answered with EPERM with every other capability.",
    needs=[AUDIT, OWN_KERNEL],
)
def test_the_audit_log_is_written(ns, observe):
    record = framed(AUDIT_USER, REQUEST | ACK, b"of a test")
    with without(Capability.AUDIT_WRITE), netlink_socket(NETLINK_AUDIT) as sock:
        errors = [acknowledged(sock, record).error]
    with only(Capability.AUDIT_WRITE), netlink_socket(NETLINK_AUDIT) as sock:
        errors.append(acknowledged(sock, record).error)

    assert observe("errors", errors) == [-errno.EPERM, 0]


@claim(
    "defacto/NETLINK_AUDIT/first-user-namespace",
    says="Root of another user namespace is not told by a socket of NETLINK_AUDIT how auditing stands, as "
    "if there were none: ECONNREFUSED; who has CAP_AUDIT_CONTROL in the initial one is.",
    sentence=("capabilities.7/CAP_AUDIT_CONTROL/status", "user_namespaces.7/Effect/no-namespace"),
    since="3.14",
    commit="aa4af831bb4f",
    needs=[AUDIT, USER_NAMESPACE],
)
def test_auditing_is_the_initial_user_namespaces(ns, observe):
    told = audit_told()
    with refused(errno.ECONNREFUSED):
        in_user_namespace(audit_told)

    assert observe("told", told) == AUDIT_GET


@claim(
    "capabilities.7/CAP_BLOCK_SUSPEND/epollwakeup",
    sentence=("capabilities.7/CAP_BLOCK_SUSPEND/epollwakeup", "epoll_ctl.2/BUGS/wakeup-ignored"),
    section="Capabilities list",
    says="EPOLLWAKEUP, with which a UDP socket is added to an epoll instance, is kept with "
    "CAP_BLOCK_SUSPEND alone, and is forgotten with every other capability.",
    needs=[EPOLL_WAKEUP],
)
def test_the_system_is_kept_awake(ns, observe):
    with Socket.udp() as sock:
        with without(Capability.BLOCK_SUSPEND):
            without_it = events_in_epoll(select.EPOLLIN | EPOLLWAKEUP, sock)
        with only(Capability.BLOCK_SUSPEND):
            with_it = events_in_epoll(select.EPOLLIN | EPOLLWAKEUP, sock)

    assert observe("events", [without_it, with_it]) == [EPOLLIN_AND_ERRORS, EPOLLIN_AND_ERRORS | EPOLLWAKEUP]


def loaded() -> None:
    """Load a program that selects sockets of a group, and close it."""
    with returning(1, SK_REUSEPORT):
        pass


@claim(
    "capabilities.7/CAP_BPF/programs",
    sentence=(
        "capabilities.7/CAP_BPF/operations",
        "capabilities.7/CAP_BPF/separated",
        "capabilities.7/CAP_SYS_ADMIN/bpf",
    ),
    section="Capabilities list",
    says="A program that selects a socket of a group with SO_REUSEPORT (BPF_PROG_TYPE_SK_REUSEPORT) is "
    "loaded with CAP_BPF alone, or CAP_SYS_ADMIN alone, and is refused with EPERM where there is every "
    "capability but these.",
    since="5.8",
    needs=[EBPF],
    survives={"*": "bpf is no call of sockets"},
)
@pytest.mark.parametrize("capability", [Capability.BPF, Capability.SYS_ADMIN])
def test_a_program_is_loaded(ns, observe, capability):
    with without(Capability.BPF, Capability.SYS_ADMIN), refused(errno.EPERM):
        loaded()
    with only(capability):
        made = outcomes(loaded)

    assert observe("outcomes", made) == ["done"]


@claim(
    "defacto/BPF_PROG_TYPE_SK_REUSEPORT/first-user-namespace",
    says="Root of another user namespace cannot load a program that selects a socket of a group with "
    "SO_REUSEPORT: EPERM; root of the initial one can.",
    sentence=("capabilities.7/CAP_BPF/operations", "user_namespaces.7/Effect/no-namespace"),
    since="4.19",
    commit="2dbb9b9e6df6",
    needs=[EBPF, USER_NAMESPACE],
    survives={"*": "bpf is no call of sockets"},
)
def test_programs_are_the_initial_user_namespaces(ns, observe):
    made = outcomes(loaded)
    with refused(errno.EPERM):
        in_user_namespace(loaded)

    assert observe("outcomes", made) == ["done"]


@claim(
    "capabilities.7/CAP_KILL/sigio",
    sentence="capabilities.7/CAP_KILL/signals",
    section="Capabilities list",
    says="SIGIO of a UNIX stream socket comes to a process of another user whom a process with CAP_KILL has "
    "made its owner by F_SETOWN, as that process may send it other signals.",
    needs=[ANOTHER_USER, Capability.KILL],
    expect=differs(
        "only users count: that of the owner, or user 0",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"signals": [["SIGIO"], []]},
    ),
)
def test_signals_of_a_socket(ns, observe):
    seen = [signals_from(user, [Capability.KILL], to=ANOTHER) for user in (0, USER)]

    assert observe("signals", seen) == [["SIGIO"], ["SIGIO"]]


@claim(
    "capabilities.7/CAP_NET_ADMIN/flags",
    sentence=(
        "capabilities.7/CAP_NET_ADMIN/promiscuous",
        "capabilities.7/CAP_NET_ADMIN/multicasting",
        "capabilities.7/CAP_NET_ADMIN/interfaces",
    ),
    section="Capabilities list",
    says="With CAP_NET_ADMIN alone an interface is made promiscuous, to receive all multicasts, or to know "
    "multicasting, by SIOCSIFFLAGS of a UDP socket; with every other capability it is refused with EPERM.",
    needs=[Capability.NET_ADMIN, VETH],
)
@pytest.mark.parametrize("flag", ["PROMISC", "ALLMULTI", "MULTICAST"])
def test_flags_of_an_interface(ns, observe, flag):
    ns.add_veth("made", "peer")
    with Socket.udp() as sock:
        set_of(sock, "SIOCSIFFLAGS", "BROADCAST", "made")
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            set_of(sock, "SIOCSIFFLAGS", f"BROADCAST {flag}", "made")
        seen = [shown(sock, "SIOCGIFFLAGS", "made")]
        with only(Capability.NET_ADMIN):
            set_of(sock, "SIOCSIFFLAGS", f"BROADCAST {flag}", "made")
        seen.append(shown(sock, "SIOCGIFFLAGS", "made"))

        assert observe("flags", seen) == [["BROADCAST"], ["BROADCAST", flag]]


@claim(
    "capabilities.7/CAP_NET_ADMIN/routing-tables",
    sentence="capabilities.7/CAP_NET_ADMIN/routing-tables",
    section="Capabilities list",
    says="With CAP_NET_ADMIN alone an IPv4 route is added by NETLINK_ROUTE, with every other capability it "
    "is answered with EPERM.",
    needs=[Capability.NET_ADMIN],
)
def test_a_routing_table(ns, observe):
    with without(Capability.NET_ADMIN), netlink_socket() as sock:
        seen = [errors_of(sock, new_route(CREATE | ACK)), routes(sock)]
    with only(Capability.NET_ADMIN), netlink_socket() as sock:
        seen += [errors_of(sock, new_route(CREATE | ACK)), routes(sock)]

    assert observe("errors_and_routes", seen) == [[-errno.EPERM], [], [0], [[4, 7]]]


def errors_of(sock: Socket, request: bytes) -> list[int]:
    """The errors, or 0, with which NETLINK_ROUTE answers a request at once."""
    sock.send(request)
    return [parsed(one).error for one in drained(sock)]


@claim(
    "capabilities.7/CAP_NET_ADMIN/firewall",
    sentence=("capabilities.7/CAP_NET_ADMIN/firewall", "netlink.7/NETLINK_NETFILTER/netfilter"),
    section="Capabilities list",
    says="With CAP_NET_ADMIN alone a rule that drops what arrives over IPv4 is made by NETLINK_NETFILTER, "
    "with every other capability it is refused with EPERM and a datagram still arrives.",
    needs=[NFTABLES, IPV6, Capability.NET_RAW],
    survives=RULES_STAY,
)
def test_the_firewall(ns, observe):
    left, right = udp_pair()
    with left, right:
        right.rcvtimeo = SOON
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            drop_all_that_arrives()
        left.send(b"arrives")
        arrived = right.recv(9).decode()
        with only(Capability.NET_ADMIN):
            drop_all_that_arrives()
        with packet_socket(None, socket.SOCK_DGRAM, ETH_P_IP) as witness:
            left.send(b"dropped")
            dropped = payload(witness.recv(99))
        await_those_before(partial(udp_pair, "::1"))
        waits = bool(select.select([right], [], [], 0)[0])

        assert observe("arrived_dropped_waits", [arrived, dropped, waits]) == ["arrives", "dropped", False]


@claim(
    "capabilities.7/CAP_NET_BIND_SERVICE/mptcp",
    sentence="capabilities.7/CAP_NET_BIND_SERVICE/ports",
    section="Capabilities list",
    says="With CAP_NET_BIND_SERVICE alone an MPTCP socket over IPv4 is bound to port 1023, with every other "
    "capability it is refused with EACCES; for port 1024 it takes none.",
    needs=[MPTCP, Capability.NET_BIND_SERVICE],
)
def test_a_port_of_a_service(ns, observe):
    assert observe("ports", ports_bound("mptcp")) == [1023, 1024]


@claim(
    "capabilities.7/CAP_NET_BIND_SERVICE/sctp",
    sentence="capabilities.7/CAP_NET_BIND_SERVICE/ports",
    section="Capabilities list",
    says="With CAP_NET_BIND_SERVICE alone an SCTP socket over IPv4, of one association or of many, is bound "
    "to port 1023, with every other capability it is refused with EACCES; for port 1024 it takes none.",
    needs=[SCTP, Capability.NET_BIND_SERVICE],
)
@pytest.mark.parametrize("kind", ["sctp", "sctp-seqpacket"])
def test_a_port_of_an_sctp_service(ns, observe, kind):
    assert observe("ports", ports_bound(kind)) == [1023, 1024]


def ports_bound(kind: str) -> list[int]:
    """The ports of two sockets: one with the capability, for which it is refused without, and one without."""
    with SOCKETS[kind]() as sock, SOCKETS[kind]() as free:
        with without(Capability.NET_BIND_SERVICE), refused(errno.EACCES):
            sock.bind(("127.0.0.1", 1023))
        with only(Capability.NET_BIND_SERVICE):
            sock.bind(("127.0.0.1", 1023))
        with only():
            free.bind(("127.0.0.1", 1024))

        return [one.getsockname()[1] for one in (sock, free)]


@claim(
    "capabilities.7/CAP_NET_BROADCAST/multicasts",
    sentence="capabilities.7/CAP_NET_BROADCAST/unused",
    section="Capabilities list",
    says="A UDP socket over IPv4 joins a multicast group and receives what is sent to it without any "
    "capability, CAP_NET_BROADCAST among them.",
)
def test_a_multicast_takes_no_capability(ns, observe):
    with Socket.udp() as sender, Socket.udp() as receiver, only():
        receiver.rcvtimeo = SOON
        receiver.bind((GROUP, PORT))
        receiver.ip_add_membership = IpMreqn(GROUP, ifindex=LOOPBACK)
        sender.ip_multicast_if = IpMreqn(ifindex=LOOPBACK)
        sender.sendto(b"sent", (GROUP, PORT))

        assert observe("received", receiver.recv(9).decode()) == "sent"


@claim(
    "capabilities.7/CAP_SYS_ADMIN/new-network-namespace",
    sentence=("capabilities.7/CAP_SYS_ADMIN/new-namespaces", "user_namespaces.7/Interaction/others"),
    section="Capabilities list",
    says="A process makes a network namespace by unshare(2) with CAP_SYS_ADMIN alone, and has EPERM with "
    "every other capability.",
    needs=[Capability.SYS_ADMIN],
    survives={"*": "no socket has a part in it"},
)
def test_a_network_namespace_is_made(ns, observe):
    here = network_of("self")
    with without(Capability.SYS_ADMIN):
        without_it = in_child(lambda: outcomes(leave_network))
    with only(Capability.SYS_ADMIN):
        with_it = in_child(lambda: [*outcomes(leave_network), network_of("self") == here])

    assert observe("without_and_with", [without_it, with_it]) == [["EPERM"], ["done", False]]


@claim(
    "capabilities.7/CAP_SYS_ADMIN/setns",
    sentence="capabilities.7/CAP_SYS_ADMIN/setns",
    section="Capabilities list",
    says="A process joins a network namespace by setns(2) with CAP_SYS_ADMIN alone, and has EPERM with "
    "every other capability.",
    needs=[Capability.SYS_ADMIN],
    survives={"*": "no socket has a part in it"},
)
def test_a_network_namespace_is_joined(ns, observe):
    here = network_of("self")
    with without(Capability.SYS_ADMIN):
        without_it = in_child(lambda: outcomes(partial(join, ns)))
    with Namespace() as another, only(Capability.SYS_ADMIN):
        with_it = in_child(lambda: [*outcomes(partial(join, another)), network_of("self") == here])
        back = in_child(lambda: [*outcomes(partial(join, ns)), network_of("self") == here])

    assert observe("without_and_with", [without_it, with_it, back]) == [
        ["EPERM"],
        ["done", False],
        ["done", True],
    ]


@claim(
    "capabilities.7/CAP_SYS_ADMIN/setns-target",
    sentence=(
        "capabilities.7/CAP_SYS_ADMIN/setns",
        "user_namespaces.7/Interaction/capabilities-in-the-owner",
    ),
    section="Capabilities list",
    says="A process that has CAP_SYS_ADMIN in its own user namespace joins by setns(2) a network namespace "
    "that this owns, and has EPERM for one that its parent owns.",
    needs=[USER_NAMESPACE],
    survives={"*": "no socket has a part in it"},
)
def test_the_capability_is_to_be_had_in_the_target(ns, observe):
    outside = in_user_namespace_alone(lambda: outcomes(partial(join, ns)))
    inside = in_user_namespace(joined_again)

    assert observe("outside_and_inside", [outside, inside]) == [["EPERM"], ["done"]]


def joined_again() -> list[object]:
    """What comes of joining a network namespace of this user namespace, that this process had left."""
    with Namespace() as own:
        return in_child(lambda: outcomes(leave_network, partial(join, own)))[1:]


@claim(
    "capabilities.7/CAP_SYS_PTRACE/descriptors",
    sentence="capabilities.7/CAP_SYS_PTRACE/proc",
    section="Capabilities list",
    says="With CAP_SYS_PTRACE a user who may search the directory reads of a link in /proc/pid/fd of "
    "another that it is a UDP socket, without it has EACCES.",
    needs=[ANOTHER_USER, Capability.SYS_PTRACE, Capability.DAC_READ_SEARCH],
    survives={"*": "the socket does nothing"},
)
def test_links_of_descriptors(ns, observe):
    with Socket.udp() as sock, another_process() as other:
        read = partial(os.readlink, f"/proc/{other}/fd/{sock.fileno()}")
        without_it = as_user(NOBODY, lambda: outcomes(read), [Capability.DAC_READ_SEARCH])
        link = as_user(NOBODY, read, [Capability.DAC_READ_SEARCH, Capability.SYS_PTRACE])

        assert observe(
            "without_and_with", [without_it, link == os.readlink(f"/proc/self/fd/{sock.fileno()}")]
        ) == [
            ["EACCES"],
            True,
        ]


@claim(
    "capabilities.7/CAP_SYS_PTRACE/pidfd-getfd",
    sentence="capabilities.7/CAP_SYS_PTRACE/uses-of-ptrace-may-access",
    section="Capabilities list",
    says="With CAP_SYS_PTRACE alone a user has a descriptor of another's UDP socket by pidfd_getfd(2), "
    "without it EPERM.",
    since="5.6",
    needs=[ANOTHER_USER, Capability.SYS_PTRACE],
)
def test_a_descriptor_is_taken(ns, observe):
    with Socket.udp() as sock, another_process() as other:
        sock.bind(("127.0.0.1", PORT))
        take = partial(port_of_taken, other, sock.fileno())
        without_it = as_user(NOBODY, lambda: outcomes(take))
        with_it = as_user(NOBODY, take, [Capability.SYS_PTRACE])

    assert observe("without_and_port", [without_it, with_it]) == [["EPERM"], PORT]


def port_of_taken(process: int, fd: int) -> int:
    """The port of a socket that is taken from another process."""
    with Socket.from_fd(descriptor_of_another(process, fd)) as sock:
        port: int = sock.getsockname()[1]
        return port


@claim(
    "capabilities.7/CAP_SYSLOG/addresses",
    sentence="capabilities.7/CAP_SYSLOG/addresses",
    section="Capabilities list",
    says="While kernel.kptr_restrict is 1 a process with CAP_SYSLOG alone sees addresses of the kernel in "
    "/proc/net/unix, and one with every other capability zeros.",
    needs=[OWN_KERNEL, initially(Capability.SYSLOG)],
    survives={"*": "the socket does nothing"},
)
def test_addresses_of_the_kernel(ns, observe):
    with Socket.unix() as sock, kernel_sysctl_set("kernel/kptr_restrict", "1"):
        sock.bind(b"\0name")
        with without(Capability.SYSLOG):
            hidden = addresses_in_proc("@name")
        with only(Capability.SYSLOG):
            told = addresses_in_proc("@name")

    assert observe("hidden_and_told", [hidden, [one != 0 for one in told]]) == [[0], [True]]
