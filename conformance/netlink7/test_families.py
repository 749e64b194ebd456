"""The families of netlink: what each is for, and which are gone."""

from __future__ import annotations

import errno
import os
import socket

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import (
    CRYPTO_TEMPLATES,
    CRYPTO_USER,
    IPSEC,
    OWN_KERNEL,
    VETH,
    algorithm,
    initially,
    qdisc,
)
from conformance.plugin.refusal import refused
from conformance.plugin.setups.crypto_user import (
    SPARE,
    add_algorithm,
    algorithm_of,
    algorithms_in_proc,
    crypto_socket,
    prefer_algorithm,
    remove_algorithm,
)
from conformance.plugin.setups.netlink import (
    ACK,
    CREATE,
    DELLINK,
    EXCL,
    GETLINK,
    NETLINK_FIB_LOOKUP,
    NETLINK_GENERIC,
    NETLINK_KOBJECT_UEVENT,
    NETLINK_SOCK_DIAG,
    NETLINK_USERSOCK,
    NEWADDR,
    NEWLINK,
    NEWROUTE,
    REQUEST,
    RTNLGRP_IPV4_IFADDR,
    RTNLGRP_IPV4_ROUTE,
    RTNLGRP_LINK,
    acknowledged,
    addresses_in,
    asked,
    bound,
    drained,
    dumped,
    fifo,
    framed,
    generic_family,
    get_addresses,
    get_link,
    ipv6_route,
    link_name,
    looked_up,
    lookup,
    mtu_of,
    neighbour,
    netlink_socket,
    new_address,
    new_route,
    port_of,
    routes,
    set_mtu,
    types,
    waiting,
)
from libsocket import Netlink, Socket
from netns import Capability, Namespace, in_child, sock_diag


@claim(
    "netlink.7/DESCRIPTION/kernel-answers",
    sentence=("netlink.7/DESCRIPTION/transfer", "netlink.7/nlmsghdr/type"),
    section="DESCRIPTION",
    says="By a netlink socket of NETLINK_ROUTE a process asks the kernel for an interface with a message of "
    "the type RTM_GETLINK, and has one of the type RTM_NEWLINK.",
)
def test_the_kernel_answers_a_request(ns, observe):
    with netlink_socket() as sock:
        answer = asked(sock, get_link())

        assert observe("types", [GETLINK, *types(answer)]) == [GETLINK, NEWLINK]


@claim(
    "netlink.7/DESCRIPTION/socket-types",
    sentence="netlink.7/DESCRIPTION/types",
    section="DESCRIPTION",
    says="A netlink socket can be of the type SOCK_RAW and of the type SOCK_DGRAM, and has an answer of the "
    "kernel either way.",
)
@pytest.mark.parametrize("kind", [socket.SOCK_RAW, socket.SOCK_DGRAM])
def test_raw_and_datagram_are_valid(ns, observe, kind):
    with netlink_socket(type=kind) as sock:
        answer = asked(sock, get_link())

        assert observe(
            "type_and_answer", [sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE), types(answer)]
        ) == [kind, [NEWLINK]]


@claim(
    "netlink.7/DESCRIPTION/no-distinction",
    sentence="netlink.7/DESCRIPTION/no-distinction",
    section="DESCRIPTION",
    says="A netlink socket of the type SOCK_RAW and one of SOCK_DGRAM send to each other, in the family "
    "NETLINK_USERSOCK.",
)
def test_raw_and_datagram_sockets_send_to_each_other(ns, observe):
    with bound() as raw, netlink_socket(NETLINK_USERSOCK, type=socket.SOCK_DGRAM) as datagram:
        datagram.sendto(b"from datagram", Netlink(port_of(raw)))
        raw.sendto(b"from raw", Netlink(port_of(datagram)))

        assert observe("received", [*waiting(datagram), *waiting(raw)]) == ["from raw", "from datagram"]


@claim(
    "netlink.7/DESCRIPTION/datagrams",
    sentence="netlink.7/DESCRIPTION/datagrams",
    section="DESCRIPTION",
    says="What a netlink socket of NETLINK_USERSOCK sends in two calls is received in two, each a datagram.",
)
def test_each_send_is_received_by_itself(ns, observe):
    with netlink_socket(NETLINK_USERSOCK) as sender, bound() as receiver:
        sender.sendto(b"first", Netlink(port_of(receiver)))
        sender.sendto(b"second", Netlink(port_of(receiver)))

        assert observe("received", waiting(receiver)) == ["first", "second"]


@claim(
    "netlink.7/DESCRIPTION/family",
    sentence="netlink.7/DESCRIPTION/family",
    section="DESCRIPTION",
    says="The netlink family chooses which part of the kernel has a message: of the type 16, with a body as "
    "RTM_NEWLINK has it, NETLINK_ROUTE makes a change, and NETLINK_GENERIC none.",
)
@pytest.mark.parametrize(("family", "mtu"), [(socket.NETLINK_ROUTE, 1400), (NETLINK_GENERIC, 65536)])
def test_the_family_chooses_the_part_of_the_kernel(ns, observe, family, mtu):
    with netlink_socket() as route, netlink_socket(family) as sock:
        sock.send(set_mtu(1400, REQUEST | ACK))

        assert observe("answers_and_mtu", [len(drained(sock)), mtu_of(route)]) == [1, mtu]


@claim(
    "netlink.7/NETLINK_ROUTE/updates",
    sentence="netlink.7/NETLINK_ROUTE/updates",
    section="DESCRIPTION",
    says="A netlink socket of NETLINK_ROUTE receives that an interface, an IPv4 address or an IPv4 route has "
    "changed, in the group for each.",
)
@pytest.mark.parametrize(
    ("group", "request_", "event"),
    [
        (RTNLGRP_LINK, set_mtu(1400, REQUEST | ACK), NEWLINK),
        (RTNLGRP_IPV4_IFADDR, new_address("10.8.0.1", REQUEST | ACK | CREATE | EXCL), NEWADDR),
        (RTNLGRP_IPV4_ROUTE, new_route(CREATE | ACK), NEWROUTE),
    ],
    ids=["link", "address", "route"],
)
def test_updates_are_received(ns, observe, group, request_, event):
    with bound(socket.NETLINK_ROUTE, groups=1 << group - 1) as listener, netlink_socket() as changer:
        before = len(drained(listener))
        error = acknowledged(changer, request_).error

        events = types(drained(listener))[:1]
        assert observe("before_error_and_event", [before, error, events]) == [0, 0, [event]]


@claim(
    "netlink.7/NETLINK_ROUTE/modifies",
    sentence=("netlink.7/NETLINK_ROUTE/modifies", "rtnetlink.7/DESCRIPTION/controls"),
    section="DESCRIPTION",
    says="By a netlink socket of NETLINK_ROUTE the parameters of an interface, IPv4 addresses and IPv4 "
    "routes are changed: what is asked for next is what was set.",
)
def test_links_addresses_and_routes_are_changed(ns, observe):
    with netlink_socket() as sock:
        sock.send(set_mtu(1400))
        sock.send(new_address("10.8.0.1"))
        sock.send(new_route(CREATE))

        listed = addresses_in(dumped(sock, get_addresses()))
        assert observe("mtu_addresses_routes", [mtu_of(sock), listed, routes(sock)]) == [
            1400,
            ["127.0.0.1", "10.8.0.1"],
            [[4, 7]],
        ]


@claim(
    "netlink.7/NETLINK_ROUTE/modifies-ipv6-and-neighbours",
    sentence=("netlink.7/NETLINK_ROUTE/modifies", "rtnetlink.7/DESCRIPTION/controls"),
    section="DESCRIPTION",
    says="By a netlink socket of NETLINK_ROUTE an IPv6 route and an IPv4 neighbour are added, and listed "
    "then.",
)
@pytest.mark.parametrize("entry", [ipv6_route, neighbour], ids=["ipv6_route", "neighbour"])
def test_ipv6_routes_and_neighbours_are_added(ns, observe, entry):
    ns.add_veth("left", "right")
    ns.set_link("left", up=True)
    added = entry(socket.if_nametoindex("left"))
    with netlink_socket() as sock:
        before = added.listed(sock)
        error = acknowledged(sock, added.new).error

        assert observe("before_error_after", [before, error, added.listed(sock)]) == [0, 0, 1]


@claim(
    "netlink.7/NETLINK_ROUTE/modifies-queueing",
    sentence=("netlink.7/NETLINK_ROUTE/modifies", "rtnetlink.7/DESCRIPTION/controls"),
    section="DESCRIPTION",
    says="By a netlink socket of NETLINK_ROUTE the queueing discipline pfifo is added to an interface, and "
    "listed then.",
    needs=[qdisc("pfifo")],
)
def test_queueing_disciplines_are_added(ns, observe):
    ns.add_veth("left", "right")
    added = fifo(socket.if_nametoindex("left"))
    with netlink_socket() as sock:
        before = added.listed(sock)
        error = acknowledged(sock, added.new).error

        assert observe("before_error_after", [before, error, added.listed(sock)]) == [0, 0, 1]


@claim(
    "netlink.7/NETLINK_USERSOCK/user-mode",
    sentence=("netlink.7/NETLINK_USERSOCK/reserved", "netlink.h/NETLINK_USERSOCK/reserved"),
    section="DESCRIPTION",
    says="In the family NETLINK_USERSOCK two processes speak to each other whatever they like, and there is "
    "no kernel to speak to: ECONNREFUSED.",
)
def test_processes_speak_to_each_other(ns, observe):
    with bound() as receiver, netlink_socket(NETLINK_USERSOCK) as sender:
        in_child(lambda: sender.sendto(b"no netlink message", Netlink(port_of(receiver))))
        with refused(errno.ECONNREFUSED):
            sender.sendto(b"no netlink message", Netlink(0))

        assert observe("received", waiting(receiver)) == ["no netlink message"]


TCP_LISTEN = 10
"""The state of what listens, in every protocol family."""
GONE = (
    "A netlink socket of {}, the family {}, cannot be made, as one of NETLINK_USERSOCK can: EPROTONOSUPPORT."
)


def made_beside(gone: int) -> int:
    """The family of a socket that can be made, where one of another family cannot."""
    with refused(errno.EPROTONOSUPPORT):
        netlink_socket(gone)
    with netlink_socket(NETLINK_USERSOCK) as other:
        return other.proto


@claim(
    "netlink.7/NETLINK_W1/gone",
    sentence="netlink.7/NETLINK_W1/until",
    section="DESCRIPTION",
    says=GONE.format("NETLINK_W1", 1),
    since="2.6.18",
)
def test_netlink_w1_is_gone(ns, observe):
    assert observe("family_of_another", made_beside(1)) == NETLINK_USERSOCK


@claim(
    "netlink.7/NETLINK_FIREWALL/gone",
    sentence="netlink.7/NETLINK_FIREWALL/removed",
    section="DESCRIPTION",
    says=GONE.format("NETLINK_FIREWALL", 3),
    since="3.5",
)
def test_netlink_firewall_is_gone(ns, observe):
    assert observe("family_of_another", made_beside(3)) == NETLINK_USERSOCK


@claim(
    "netlink.7/NETLINK_NFLOG/gone",
    sentence="netlink.7/NETLINK_NFLOG/until",
    section="DESCRIPTION",
    says=GONE.format("NETLINK_NFLOG", 5),
    since="3.17",
)
def test_netlink_nflog_is_gone(ns, observe):
    assert observe("family_of_another", made_beside(5)) == NETLINK_USERSOCK


@claim(
    "netlink.7/NETLINK_IP6_FW/gone",
    sentence="netlink.7/NETLINK_IP6_FW/until",
    section="DESCRIPTION",
    says=GONE.format("NETLINK_IP6_FW", 13),
    since="3.5",
)
def test_netlink_ip6_fw_is_gone(ns, observe):
    assert observe("family_of_another", made_beside(13)) == NETLINK_USERSOCK


@claim(
    "netlink.7/NETLINK_SOCK_DIAG/queries",
    sentence=("netlink.7/NETLINK_SOCK_DIAG/queries", "sock_diag.7/VERSIONS/renamed"),
    section="DESCRIPTION",
    says="By NETLINK_SOCK_DIAG the kernel tells of sockets of several protocol families: of a TCP socket "
    "over IPv4 or IPv6 that listens, and of a UNIX stream socket that does.",
    since="3.3",
)
@pytest.mark.parametrize(
    ("make", "address"),
    [
        (Socket.tcp, ("127.0.0.1", 0)),
        (lambda: Socket.tcp(socket.AF_INET6), ("::1", 0)),
        (Socket.unix, ""),
    ],
    ids=["tcp", "tcp6", "unix"],
)
def test_sockets_are_told_of(ns, observe, make, address):
    with make() as sock, netlink_socket(NETLINK_SOCK_DIAG):
        sock.bind(address)
        sock.listen()
        told = sock_diag(sock)

        inode = os.fstat(sock.fileno()).st_ino
        assert observe("another_inode_and_state", [told.inode - inode, told.state]) == [0, TCP_LISTEN]


@claim(
    "netlink.7/NETLINK_XFRM/ipsec",
    sentence="netlink.7/NETLINK_XFRM/ipsec",
    section="DESCRIPTION",
    says="NETLINK_XFRM is IPsec's: asked for the number of policies with XFRM_MSG_GETSPDINFO, it answers "
    "with XFRM_MSG_NEWSPDINFO.",
    needs=[IPSEC],
)
def test_ipsec_answers(ns, observe):
    with netlink_socket(socket.NETLINK_XFRM) as sock:
        answer = asked(sock, framed(0x25, REQUEST, bytes(4)))

        assert observe("types", types(answer)) == [0x24]


@claim(
    "netlink.7/NETLINK_FIB_LOOKUP/lookup",
    sentence="netlink.7/NETLINK_FIB_LOOKUP/lookup",
    section="DESCRIPTION",
    says="NETLINK_FIB_LOOKUP looks an address up in the routing table that is asked for: in that of local "
    "addresses (255) it finds 127.0.0.1, with a prefix of 32 bits, the type RTN_LOCAL (2) and the scope of "
    "this host (254), and 127.0.0.2 with a prefix of 8.",
    since="2.6.13",
)
def test_an_address_is_looked_up(ns, observe):
    with netlink_socket(NETLINK_FIB_LOOKUP) as sock:
        found = [looked_up(asked(sock, lookup(host))[0]) for host in ("127.0.0.1", "127.0.0.2")]

        assert observe("table_prefix_type_scope_error", found) == [[255, 32, 2, 254, 0], [255, 8, 2, 254, 0]]


@claim(
    "netlink.7/NETLINK_KOBJECT_UEVENT/messages",
    sentence="netlink.7/NETLINK_KOBJECT_UEVENT/messages",
    section="DESCRIPTION",
    says="By NETLINK_KOBJECT_UEVENT, in its first group, the kernel tells that a network interface was "
    "added: with text, and without a header of netlink.",
    since="2.6.10",
)
def test_the_kernel_tells_of_a_new_interface(ns, observe):
    with bound(NETLINK_KOBJECT_UEVENT, groups=1) as sock:
        ns.add_veth("left", "right")

        heard = [one.split("\0")[0] for one in waiting(sock)]  # also of modules that are loaded meanwhile
        of_left = [one for one in heard if one.endswith("/net/left")]
        assert observe("events", of_left) == ["add@/devices/virtual/net/left"]


@claim(
    "netlink.7/NETLINK_GENERIC/family",
    sentence="netlink.7/NETLINK_GENERIC/simplified",
    section="DESCRIPTION",
    says="NETLINK_GENERIC tells the number of a family by its name: that of nlctrl, which is asked, is 16.",
    since="2.6.15",
)
def test_generic_netlink_tells_a_family(ns, observe):
    with netlink_socket(NETLINK_GENERIC) as sock:
        assert observe("number", generic_family(sock, "nlctrl")) == 16


@claim(
    "netlink.7/NETLINK_ROUTE/made-and-removed",
    sentence="netlink.7/NETLINK_ROUTE/updates",
    section="DESCRIPTION",
    says="A netlink socket of NETLINK_ROUTE in RTNLGRP_LINK is told of each interface of a veth pair that is "
    "made in its network namespace, RTM_NEWLINK, and of each that is removed, RTM_DELLINK; not of what is "
    "made in another one.",
    needs=[VETH],
)
def test_interfaces_come_and_go(ns, observe):
    with (
        bound(socket.NETLINK_ROUTE, groups=1 << RTNLGRP_LINK - 1) as listener,
        Namespace() as other,
        other.iproute() as elsewhere,
        ns.iproute() as here,
    ):
        other.add_veth("far", "away")
        early = link_events(listener)
        ns.add_veth("near", "end")
        made = link_events(listener)
        elsewhere.link("delete", ifname="far")
        here.link("delete", ifname="near")
        removed = link_events(listener)

        assert observe("early_made_removed", [early, made, removed]) == [
            [],
            ["NEW end", "NEW near"],
            ["DEL end", "DEL near"],
        ]


def link_events(listener: Socket) -> list[str]:
    """Which interfaces were made or are gone, as messages tell that have come by now."""
    kinds = {NEWLINK: "NEW", DELLINK: "DEL"}
    return sorted({f"{kinds[one.type]} {link_name(one)}" for one in drained(listener)})


@claim(
    "netlink.7/NETLINK_CRYPTO/information",
    sentence="netlink.7/NETLINK_CRYPTO/ciphers",
    section="DESCRIPTION",
    says="By a netlink socket of NETLINK_CRYPTO a process asks for the hash sha1, which the crypto API has, "
    "by its name, and is told name, driver and priority as /proc/crypto has them; an algorithm that there "
    "is not is an error.",
    since="3.2",
    needs=[CRYPTO_USER, algorithm("hash", "sha1")],
)
def test_the_crypto_api_is_told_of(ns, observe):
    with crypto_socket() as sock:
        told, none = algorithm_of(sock, "sha1"), algorithm_of(sock, "none such")

        seen = [told.name, told in algorithms_in_proc(), none.error]
        assert observe("name_same_error", seen) == ["sha1", True, -errno.ENOENT]


@claim(
    "netlink.7/NETLINK_CRYPTO/configuration",
    sentence="netlink.7/NETLINK_CRYPTO/ciphers",
    section="DESCRIPTION",
    says="By a netlink socket of NETLINK_CRYPTO a process with CAP_NET_ADMIN in the initial user namespace "
    "adds the hash hmac(blake2b-160) to the crypto API, gives it the priority 77, and removes it.",
    since="3.2",
    needs=[initially(Capability.NET_ADMIN), OWN_KERNEL, CRYPTO_USER, CRYPTO_TEMPLATES],
)
def test_the_crypto_api_is_configured(ns, observe):
    with crypto_socket() as sock:
        found = [algorithm_of(sock, SPARE)]
        errors = [add_algorithm(sock, SPARE), prefer_algorithm(sock, SPARE, 77)]
        found.append(algorithm_of(sock, SPARE))
        errors.append(remove_algorithm(sock, SPARE))
        found.append(algorithm_of(sock, SPARE))

        seen = [errors, [[one.name, one.priority, one.error] for one in found]]
        gone = ["", 0, -errno.ENOENT]
        assert observe("errors_and_told", seen) == [[0, 0, 0], [gone, [SPARE, 77, 0], gone]]
