"""Interfaces and their addresses, by ioctls of sockets."""

from __future__ import annotations

import errno
import os
import socket
from fcntl import ioctl

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, VETH, initially
from conformance.plugin.refusal import refused
from conformance.plugin.setups.interfaces import (
    REQUESTS,
    add_ipv6_with_destination,
    ask_nowhere,
    hardware_broadcast,
    ipv6_addresses,
    ipv6_addresses_shown,
    ipv6_destinations,
    is_up,
    list_into_nowhere,
    listed,
    names_after_renaming,
    names_in_proc,
    set_address,
    set_ipv6,
    set_of,
    shown,
)
from conformance.plugin.setups.sockets import SOCKETS
from libsocket import Socket
from netns import Capability, only, without

SECTION = "Ioctls"
KINDS = pytest.mark.parametrize(
    "kind", ["tcp", "udp", "unix", "unix-datagram", "unix-seqpacket", "netlink", "packet", "raw", "udp6"]
)
SOME_MULTICAST = "01:00:5e:01:02:03"


@claim(
    "netdevice.7/privilege/euid-0-suffices",
    sentence="netdevice.7/privilege/eperm",
    section=SECTION,
    says="The effective user id 0 is enough to set the MTU of an interface (SIOCSIFMTU with a UDP socket), "
    "without any capability.",
    needs=[Capability.NET_ADMIN],
    expect=differs(
        "only the capability counts, not the user: it fails with EPERM",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"euid": 0, "errno": "EPERM"},
    ),
)
def test_user_0_suffices(ns, observe):
    euid = observe("euid", os.geteuid())
    with Socket.udp() as sock:
        set_of(sock, "SIOCSIFMTU", 1401)
        with only():
            set_of(sock, "SIOCSIFMTU", 1400)

        assert [euid, observe("mtu", shown(sock, "SIOCGIFMTU"))] == [0, 1400]


@claim(
    "netdevice.7/SIOCGIFFLAGS/unprivileged",
    sentence="netdevice.7/SIOCGIFFLAGS/any-process",
    section=SECTION,
    says="Without any capability a process reads the flags of an interface (SIOCGIFFLAGS with a UDP socket).",
)
def test_flags_are_read_without_privilege(ns, observe):
    with Socket.udp() as sock, only():
        flags = shown(sock, "SIOCGIFFLAGS")

        assert observe("flags", flags) == ["UP", "LOOPBACK", "RUNNING"]


@claim(
    "netdevice.7/SIOCSIFMETRIC/eopnotsupp",
    sentence="netdevice.7/SIOCSIFMETRIC/eopnotsupp",
    section=SECTION,
    says="The metric of an interface cannot be set: SIOCSIFMETRIC with a UDP socket fails with EOPNOTSUPP, "
    "and SIOCGIFMETRIC gives 0; the MTU is set with the same privilege.",
    needs=[Capability.NET_ADMIN],
)
def test_the_metric_cannot_be_set(ns, observe):
    with Socket.udp() as sock:
        with refused(errno.EOPNOTSUPP):
            set_of(sock, "SIOCSIFMETRIC", 3)
        set_of(sock, "SIOCSIFMTU", 1400)

        both = [shown(sock, "SIOCGIFMETRIC"), shown(sock, "SIOCGIFMTU")]
        assert observe("metric_and_mtu", both) == [0, 1400]


@claim(
    "netdevice.7/SIOCSIFNAME/renames",
    sentence="netdevice.7/SIOCSIFNAME/renames",
    section=SECTION,
    says="SIOCSIFNAME with a UDP socket gives an interface that is down another name with CAP_NET_ADMIN, "
    "and fails with EPERM without.",
    needs=[Capability.NET_ADMIN, VETH],
    survives={"no-op: ioctl(SIOCSIFFLAGS*": "since 6.2 one that is up has its name changed too"},
)
def test_an_interface_is_renamed(ns, observe):
    ns.add_veth("left", "right")
    with Socket.udp() as sock:
        set_of(sock, "SIOCSIFFLAGS", "", "left")
        before = shown(sock, "SIOCGIFINDEX", "left")
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            set_of(sock, "SIOCSIFNAME", "other", "left")
        set_of(sock, "SIOCSIFNAME", "other", "left")
        with refused(errno.ENODEV, "errno_of_old"):
            shown(sock, "SIOCGIFINDEX", "left")

        assert observe("same_index", shown(sock, "SIOCGIFINDEX", "other") == before) is True


@claim(
    "netdevice.7/SIOCSIFNAME/only-down",
    sentence="netdevice.7/SIOCSIFNAME/down",
    section=SECTION,
    says="SIOCSIFNAME with a UDP socket does not rename an interface that is up.",
    needs=[Capability.NET_ADMIN, VETH],
    expect=differs(
        "an interface that is up is renamed, too",
        since="6.2",
        commit="bd039b5ea2a9",
        observed={"up": True, "names": ["other"]},
    ),
)
def test_an_interface_that_is_up_keeps_its_name(ns, observe):
    ns.add_veth("left", "right")
    with Socket.udp() as sock:
        set_of(sock, "SIOCSIFFLAGS", "UP", "left")
        up = observe("up", is_up(sock, "left"))
        names = names_after_renaming(sock, "left", "other")

        assert [up, observe("names", names)] == [True, ["left"]]


@claim(
    "netdevice.7/SIOCADDMULTI/privileged",
    sentence="netdevice.7/SIOCADDMULTI/privileged",
    section=SECTION,
    says="SIOCADDMULTI and SIOCDELMULTI with a UDP socket add a link-layer multicast address to an "
    "interface and delete it with CAP_NET_ADMIN, and fail with EPERM without; one that is not there is not "
    "deleted.",
    needs=[Capability.NET_ADMIN, VETH],
)
def test_a_multicast_address_is_added(ns, observe):
    ns.add_veth("left", "right")
    with Socket.udp() as sock:
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            set_of(sock, "SIOCADDMULTI", SOME_MULTICAST, "left")
        with refused(name="errno_before"):
            set_of(sock, "SIOCDELMULTI", SOME_MULTICAST, "left")
        set_of(sock, "SIOCADDMULTI", SOME_MULTICAST, "left")
        with without(Capability.NET_ADMIN), refused(errno.EPERM, "errno_of_delete"):
            set_of(sock, "SIOCDELMULTI", SOME_MULTICAST, "left")
        set_of(sock, "SIOCDELMULTI", SOME_MULTICAST, "left")
        with refused(name="errno_after"):
            set_of(sock, "SIOCDELMULTI", SOME_MULTICAST, "left")

        assert observe("index", shown(sock, "SIOCGIFINDEX")) == 1


@claim(
    "netdevice.7/SIOCSIFADDR/deleted-with-zero",
    sentence="netdevice.7/SIOCSIFADDR/zero",
    section=SECTION,
    says="SIOCSIFADDR with a UDP socket and the address 0.0.0.0 deletes the IPv4 address of an interface: "
    "SIOCGIFADDR fails with EADDRNOTAVAIL then.",
    needs=[Capability.NET_ADMIN, VETH],
)
def test_an_address_is_deleted_with_zero(ns, observe):
    ns.add_veth("left", "right")
    with Socket.udp() as sock:
        set_of(sock, "SIOCSIFADDR", "10.1.2.3", "left")
        before = shown(sock, "SIOCGIFADDR", "left")
        set_of(sock, "SIOCSIFADDR", "0.0.0.0", "left")
        with refused(errno.EADDRNOTAVAIL):
            shown(sock, "SIOCGIFADDR", "left")

        assert observe("before", before) == "10.1.2.3"


@claim(
    "netdevice.7/SIOCSIFADDR/ipv6",
    sentence=(
        "netdevice.7/SIOCSIFADDR/families",
        "netdevice.7/DESCRIPTION/in6-ifreq",
        "netdevice.7/NOTES/ipv6-changed",
    ),
    section=SECTION,
    says="SIOCSIFADDR with a UDP socket of AF_INET6 adds the IPv6 address of a struct in6_ifreq to an "
    "interface with CAP_NET_ADMIN; without it fails with EPERM.",
    needs=[Capability.NET_ADMIN, IPV6],
)
def test_an_ipv6_address_is_added(ns, observe):
    with SOCKETS["udp6"]() as sock:
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            set_ipv6(sock, "SIOCSIFADDR", "fd00::7", 1)
        before = ipv6_addresses(ns)
        set_ipv6(sock, "SIOCSIFADDR", "fd00::7", 1)

        assert observe("addresses", [before, ipv6_addresses(ns)]) == [["::1"], ["::1", "fd00::7"]]


@claim(
    "netdevice.7/SIOCDIFADDR/ipv6",
    sentence=("netdevice.7/SIOCDIFADDR/families", "netdevice.7/NOTES/ipv6-changed"),
    section=SECTION,
    says="SIOCDIFADDR with a UDP socket of AF_INET6 deletes an IPv6 address with CAP_NET_ADMIN; without it "
    "fails with EPERM.",
    needs=[Capability.NET_ADMIN, IPV6],
)
def test_an_ipv6_address_is_deleted(ns, observe):
    with SOCKETS["udp6"]() as sock:
        set_ipv6(sock, "SIOCSIFADDR", "fd00::7", 1)
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            set_ipv6(sock, "SIOCDIFADDR", "fd00::7", 1)
        before = ipv6_addresses(ns)
        set_ipv6(sock, "SIOCDIFADDR", "fd00::7", 1)

        assert observe("addresses", [before, ipv6_addresses(ns)]) == [["::1", "fd00::7"], ["::1"]]


@claim(
    "netdevice.7/SIOCDIFADDR/not-ipv4",
    sentence="netdevice.7/SIOCDIFADDR/families",
    section=SECTION,
    says="SIOCDIFADDR with a UDP socket of AF_INET does not delete the IPv4 address of an interface, which "
    "SIOCSIFADDR with 0.0.0.0 does.",
    needs=[Capability.NET_ADMIN],
)
def test_an_ipv4_address_is_not_deleted(ns, observe):
    with Socket.udp() as sock:
        with refused():
            set_of(sock, "SIOCDIFADDR", "127.0.0.1")
        before = shown(sock, "SIOCGIFADDR")
        set_of(sock, "SIOCSIFADDR", "0.0.0.0")
        with refused(name="errno_deleted"):
            shown(sock, "SIOCGIFADDR")

        assert observe("before", before) == "127.0.0.1"


@claim(
    "netdevice.7/SIOCGIFCONF/list",
    sentence=("netdevice.7/SIOCGIFCONF/list", "netdevice.7/SIOCGIFCONF/structures"),
    section=SECTION,
    says="SIOCGIFCONF with a TCP, UDP or raw socket over IPv4, a UDP socket over IPv6, a UNIX stream, "
    "datagram or seqpacket, a netlink or a packet socket lists every IPv4 address with the name of its "
    "interface, where there is room for all.",
    needs=[Capability.NET_ADMIN, Capability.NET_RAW, VETH, IPV6],
)
@KINDS
def test_addresses_are_listed(ns, observe, kind):
    ns.add_veth("left", "right")
    with Socket.udp() as setting, SOCKETS[kind]() as sock:
        set_of(setting, "SIOCSIFADDR", "10.1.2.3", "left")
        found = listed(sock, 10)

        assert observe("listed", found) == (2, [["lo", "127.0.0.1"], ["left", "10.1.2.3"]])


@claim(
    "netdevice.7/SIOCGIFCONF/ipv4-only",
    sentence="netdevice.7/SIOCGIFCONF/ipv4",
    section=SECTION,
    says="SIOCGIFCONF with a UDP socket of AF_INET6 lists no IPv6 address, only those of IPv4.",
    needs=[Capability.NET_ADMIN, IPV6],
)
def test_no_ipv6_address_is_listed(ns, observe):
    with SOCKETS["udp6"]() as sock:
        set_ipv6(sock, "SIOCSIFADDR", "fd00::7", 1)
        found = listed(sock, 10)

        assert observe("ipv6_and_listed", [ipv6_addresses(ns), found]) == [
            ["::1", "fd00::7"],
            (1, [["lo", "127.0.0.1"]]),
        ]


@claim(
    "netdevice.7/SIOCGIFCONF/size",
    sentence="netdevice.7/SIOCGIFCONF/null",
    section=SECTION,
    says="SIOCGIFCONF with a UDP socket and no buffer gives the size that all addresses need.",
    needs=[Capability.NET_ADMIN, VETH],
)
def test_the_size_that_is_needed(ns, observe):
    ns.add_veth("left", "right")
    with Socket.udp() as sock:
        before = listed(sock)[0]
        set_of(sock, "SIOCSIFADDR", "10.1.2.3", "left")

        assert observe("addresses", [before, listed(sock)[0]]) == [1, 2]


@claim(
    "netdevice.7/SIOCGIFCONF/exceeding",
    sentence="netdevice.7/SIOCGIFCONF/insufficient",
    section=SECTION,
    says="SIOCGIFCONF with a UDP socket and room for one address of two gives the first, and succeeds; "
    "with room for two it gives both.",
    needs=[Capability.NET_ADMIN, VETH],
)
def test_what_does_not_fit_is_skipped(ns, observe):
    ns.add_veth("left", "right")
    with Socket.udp() as sock:
        set_of(sock, "SIOCSIFADDR", "10.1.2.3", "left")
        found = [listed(sock, 1), listed(sock, 2)]

        assert observe("listed", found) == [
            (1, [["lo", "127.0.0.1"]]),
            (2, [["lo", "127.0.0.1"], ["left", "10.1.2.3"]]),
        ]


@claim(
    "netdevice.7/SIOCGIFCONF/efault",
    sentence="netdevice.7/EFAULT/address",
    section=SECTION,
    says="SIOCGIFCONF with a UDP socket fails with EFAULT where its struct ifconf is no memory of the "
    "process, and where its buffer is none.",
)
def test_a_list_into_nowhere(ns, observe):
    with Socket.udp() as sock:
        with refused(errno.EFAULT):
            list_into_nowhere(sock)
        with refused(errno.EFAULT, "errno_of_ifconf"):
            ask_nowhere(sock, "SIOCGIFCONF")

        assert observe("listed", listed(sock, 1)) == (1, [["lo", "127.0.0.1"]])


@claim(
    "netdevice.7/EFAULT/ifreq",
    sentence="netdevice.7/EFAULT/address",
    section=SECTION,
    says="SIOCGIFMTU and SIOCGIFADDR with a UDP socket, and SIOCGIFMTU with a UNIX stream or netlink "
    "socket, fail with EFAULT where their struct ifreq is no memory of the process.",
)
@pytest.mark.parametrize(
    ("kind", "request_name"),
    [("udp", "SIOCGIFMTU"), ("udp", "SIOCGIFADDR"), ("unix", "SIOCGIFMTU"), ("netlink", "SIOCGIFMTU")],
)
def test_an_interface_nowhere(ns, observe, kind, request_name):
    with SOCKETS[kind]() as sock:
        with refused(errno.EFAULT):
            ask_nowhere(sock, request_name)

        assert observe("mtu", shown(sock, "SIOCGIFMTU")) == 65_536


@claim(
    "defacto/SIOCGIFMTU/enodev",
    says="SIOCGIFMTU with a UDP, UNIX or netlink socket fails with ENODEV for an interface that does not "
    "exist.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize("kind", ["udp", "unix", "netlink"])
def test_an_interface_that_does_not_exist(ns, observe, kind):
    with SOCKETS[kind]() as sock:
        with refused(errno.ENODEV):
            shown(sock, "SIOCGIFMTU", "nothing")

        assert observe("mtu", shown(sock, "SIOCGIFMTU")) == 65_536


@claim(
    "netdevice.7/EFAULT/every-request",
    sentence="netdevice.7/EFAULT/address",
    section=SECTION,
    says="Each SIOCGIF* and SIOCSIF* of netdevice(7) with a UDP socket fails with EFAULT where its struct "
    "ifreq is no memory of the process.",
)
@pytest.mark.parametrize("request_name", sorted(REQUESTS))
def test_every_structure_nowhere(ns, observe, request_name):
    with Socket.udp() as sock:
        with refused(errno.EFAULT):
            ask_nowhere(sock, request_name)

        assert observe("mtu", shown(sock, "SIOCGIFMTU")) == 65_536


@claim(
    "defacto/SIOCGIFADDR/no-address",
    says="SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFBRDADDR and SIOCGIFNETMASK with a UDP socket fail with "
    "EADDRNOTAVAIL for an interface that has no IPv4 address; of one that has they tell it.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
@pytest.mark.parametrize(
    ("request_name", "of_lo"),
    [
        ("SIOCGIFADDR", "127.0.0.1"),
        ("SIOCGIFDSTADDR", "127.0.0.1"),
        ("SIOCGIFBRDADDR", "0.0.0.0"),
        ("SIOCGIFNETMASK", "255.0.0.0"),
    ],
)
def test_an_interface_without_an_address(ns, observe, request_name, of_lo):
    ns.add_veth("left", "right")
    with Socket.udp() as sock:
        with refused(errno.EADDRNOTAVAIL):
            shown(sock, request_name, "left")

        assert observe("of_lo", shown(sock, request_name)) == of_lo


@claim(
    "defacto/SIOCGIFFLAGS/enodev",
    says="SIOCGIFFLAGS, SIOCGIFADDR, SIOCGIFDSTADDR, SIOCGIFBRDADDR, SIOCGIFNETMASK, SIOCGIFMETRIC, "
    "SIOCGIFHWADDR, SIOCGIFINDEX, SIOCGIFTXQLEN and SIOCGIFMAP with a UDP socket fail with ENODEV for an "
    "interface that does not exist.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    "request_name",
    [
        "SIOCGIFFLAGS",
        "SIOCGIFADDR",
        "SIOCGIFDSTADDR",
        "SIOCGIFBRDADDR",
        "SIOCGIFNETMASK",
        "SIOCGIFMETRIC",
        "SIOCGIFHWADDR",
        "SIOCGIFINDEX",
        "SIOCGIFTXQLEN",
        "SIOCGIFMAP",
    ],
)
def test_nothing_is_shown_of_an_interface_that_does_not_exist(ns, observe, request_name):
    with Socket.udp() as sock:
        with refused(errno.ENODEV):
            shown(sock, request_name, "nothing")

        assert observe("mtu", shown(sock, "SIOCGIFMTU")) == 65_536


@claim(
    "defacto/SIOCSIFFLAGS/enodev",
    says="SIOCSIFFLAGS, SIOCSIFADDR, SIOCSIFMTU, SIOCSIFNAME and SIOCSIFTXQLEN with a UDP socket fail with "
    "ENODEV for an interface that does not exist.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    ("request_name", "value"),
    [
        ("SIOCSIFFLAGS", "UP"),
        ("SIOCSIFADDR", "10.1.2.3"),
        ("SIOCSIFMTU", 1400),
        ("SIOCSIFNAME", "other"),
        ("SIOCSIFTXQLEN", 10),
    ],
)
def test_nothing_is_set_of_an_interface_that_does_not_exist(ns, observe, request_name, value):
    with Socket.udp() as sock:
        with refused(errno.ENODEV):
            set_of(sock, request_name, value, "nothing")

        assert observe("mtu_of_lo", shown(sock, "SIOCGIFMTU")) == 65_536


@claim(
    "defacto/SIOCSIFADDR/family",
    says="SIOCSIFADDR, SIOCSIFDSTADDR, SIOCSIFBRDADDR and SIOCSIFNETMASK with a UDP socket fail with "
    "EINVAL where the family of the address is AF_UNSPEC, AF_UNIX or AF_INET6, and the address stays.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[VETH],
)
@pytest.mark.parametrize("family", [socket.AF_UNSPEC, socket.AF_UNIX, socket.AF_INET6])
@pytest.mark.parametrize(
    ("request_name", "shown_by"),
    [
        ("SIOCSIFADDR", "SIOCGIFADDR"),
        ("SIOCSIFDSTADDR", "SIOCGIFDSTADDR"),
        ("SIOCSIFBRDADDR", "SIOCGIFBRDADDR"),
        ("SIOCSIFNETMASK", "SIOCGIFNETMASK"),
    ],
)
def test_an_address_of_another_family(ns, observe, family, request_name, shown_by):
    ns.add_veth("left", "right")
    with Socket.udp() as sock:
        set_of(sock, "SIOCSIFADDR", "10.1.2.3", "left")
        before = shown(sock, shown_by, "left")
        with refused(errno.EINVAL):
            set_address(sock, request_name, family, "255.255.0.0", "left")
        after = shown(sock, shown_by, "left")
        set_address(sock, request_name, socket.AF_INET, "255.255.0.0", "left")

        assert [after == before, observe("of_inet", shown(sock, shown_by, "left"))] == [True, "255.255.0.0"]


EVERY_KIND = pytest.mark.parametrize(
    "kind",
    [
        *("tcp", "tcp6", "udp", "udp6", "raw", "raw6"),
        *("unix", "unix-datagram", "unix-seqpacket", "netlink", "packet"),
    ],
)


@claim(
    "netdevice.7/SIOCSIFHWBROADCAST/privileged",
    sentence=(
        *("netdevice.7/SIOCSIFHWBROADCAST/privileged", "netdevice.7/privilege/eperm"),
        "netdevice.7/DESCRIPTION/any-socket",
    ),
    section=SECTION,
    says="SIOCSIFHWBROADCAST with a TCP, UDP or raw socket, over IPv4 and IPv6, a UNIX stream, datagram or "
    "seqpacket, a netlink or a packet socket sets the hardware broadcast address of an interface with "
    "CAP_NET_ADMIN, and fails with EPERM without, though the effective user id is 0.",
    needs=[Capability.NET_ADMIN, Capability.NET_RAW, VETH, IPV6],
    survives={"no-op: close(*": "what was told does not change later"},
)
@EVERY_KIND
def test_a_hardware_broadcast_address_is_set(ns, observe, kind):
    ns.add_veth("left", "right")
    with SOCKETS[kind]() as sock:
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            set_of(sock, "SIOCSIFHWBROADCAST", "02:00:00:00:00:07", "left")
        before = hardware_broadcast("left")
        set_of(sock, "SIOCSIFHWBROADCAST", "02:00:00:00:00:07", "left")

        seen = [before, hardware_broadcast("left")]
        assert observe("before_and_after", seen) == ["ff:ff:ff:ff:ff:ff", "02:00:00:00:00:07"]


@claim(
    "netdevice.7/SIOCSIFMAP/privileged",
    sentence=("netdevice.7/SIOCSIFMAP/privileged", "netdevice.7/privilege/eperm"),
    section=SECTION,
    says="SIOCSIFMAP with a TCP, UDP or raw socket, over IPv4 and IPv6, a UNIX stream, datagram or "
    "seqpacket, a netlink or a packet socket fails with EPERM without CAP_NET_ADMIN, though the "
    "effective user id is 0; with it an interface of type veth, which has no such parameters, has "
    "EOPNOTSUPP.",
    needs=[initially(Capability.NET_ADMIN), Capability.NET_RAW, VETH, IPV6],
)
@EVERY_KIND
def test_hardware_parameters_take_a_privilege(ns, observe, kind):
    ns.add_veth("left", "right")
    with SOCKETS[kind]() as sock:
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            set_of(sock, "SIOCSIFMAP", 1, "left")
        with refused(errno.EOPNOTSUPP, "errno_with"):
            set_of(sock, "SIOCSIFMAP", 1, "left")

        assert observe("map", shown(sock, "SIOCGIFMAP", "left")) == [0] * 6


@claim(
    "netdevice.7/NOTES/proc",
    sentence="netdevice.7/NOTES/proc",
    section="NOTES",
    says="/proc/net/dev has the names of two interfaces of type veth that have no address and are not "
    "running, beside lo, which SIOCGIFCONF with a UDP socket lists alone.",
    needs=[VETH],
)
def test_interfaces_without_addresses_are_named(ns, observe):
    before = names_in_proc()
    ns.add_veth("left", "right")
    with Socket.udp() as sock:
        flags = str(shown(sock, "SIOCGIFFLAGS", "left"))
        added = sorted(set(names_in_proc()) - set(before))
        seen = ["lo" in before, added, [name for name, _ in listed(sock, 9)[1]], "RUNNING" in flags]

    assert observe("lo_added_listed_running", seen) == [True, ["left", "right"], ["lo"], False]


@claim(
    "netdevice.7/NOTES/ipv6-read",
    sentence="netdevice.7/NOTES/ipv6-read",
    section="NOTES",
    says="An IPv6 address that SIOCSIFADDR has added to lo is in /proc/net/if_inet6 and in what "
    "NETLINK_ROUTE lists.",
    needs=[Capability.NET_ADMIN, IPV6],
)
def test_ipv6_addresses_are_read(ns, observe):
    with SOCKETS["udp6"]() as sock:
        before = [ipv6_addresses_shown(), ipv6_addresses(ns)]
        set_ipv6(sock, "SIOCSIFADDR", "fd00::7", 1)

    seen = [before, ipv6_addresses_shown(), ipv6_addresses(ns)]
    both = ["::1", "fd00::7"]
    assert observe("before_proc_and_rtnetlink", seen) == [[["::1"], ["::1"]], both, both]


@claim(
    "netdevice.7/NOTES/ipv6-dstaddr",
    sentence="netdevice.7/NOTES/ipv6-dstaddr",
    section="NOTES",
    says="The destination of an IPv6 address of an interface of type veth is set and given by NETLINK_ROUTE; "
    "SIOCSIFDSTADDR with a UDP socket of AF_INET6, which is given a struct in6_ifreq as SIOCSIFADDR is, "
    "does not set it, and SIOCGIFDSTADDR does not give it: ENODEV and ENOTTY.",
    needs=[Capability.NET_ADMIN, IPV6, VETH],
)
def test_ipv6_destinations_are_of_rtnetlink(ns, observe):
    ns.add_veth("left", "right")
    index = socket.if_nametoindex("left")
    with SOCKETS["udp6"]() as sock:
        error = add_ipv6_with_destination("fd00::1", "fd00::2", index)
        set_ipv6(sock, "SIOCSIFADDR", "fd00::7", index)
        with refused(errno.ENODEV):
            set_ipv6(sock, "SIOCSIFDSTADDR", "fd00::3", index)
        with refused(errno.ENOTTY, "errno_of_get"):
            shown(sock, "SIOCGIFDSTADDR", "left")

    seen = [error, ipv6_destinations(index), "fd00::7" in ipv6_addresses(ns, index)]
    assert observe("error_destinations_added", seen) == [0, [["fd00::1", "fd00::2"]], True]


@claim(
    "defacto/SIOCGIFINDEX/alias",
    says="The ioctls of a UDP socket that show the flags, metric, MTU, index, map, hardware address or "
    "length of the transmit queue of an interface take what is behind a colon of the name for that of an "
    "alias, which need not be there: they show what the interface has, and leave the whole name as it was.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
@pytest.mark.parametrize(
    "request_",
    [
        *("SIOCGIFFLAGS", "SIOCGIFMETRIC", "SIOCGIFMTU", "SIOCGIFINDEX"),
        *("SIOCGIFMAP", "SIOCGIFHWADDR", "SIOCGIFTXQLEN"),
    ],
)
def test_an_alias_is_the_interface(ns, observe, request_):
    with Socket.udp() as sock:
        found = [
            ioctl(sock, REQUESTS[request_], name.ljust(16, b"\0") + b"\xff" * 24) for name in (b"lo", b"lo:a")
        ]
        names = [one[:16].rstrip(b"\0").decode() for one in found]
        same = found[0][16:] == found[1][16:] != b"\xff" * 24

        assert observe("names_and_same", [names, same]) == [["lo", "lo:a"], True]
