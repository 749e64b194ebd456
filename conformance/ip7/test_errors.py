"""The other errors that ip(7) names."""

from __future__ import annotations

import errno
import fcntl
import sys
from socket import AF_INET, IPPROTO_IGMP, IPPROTO_IP, SOCK_STREAM

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, IPTABLES, MULTICAST_ROUTING, NOBODY, VETH
from conformance.plugin.refusal import errno_name, refused
from conformance.plugin.setups.listeners import full_backlog, listening
from conformance.plugin.setups.pairs import (
    AWAITED,
    await_those_before,
    connected_udp_pair,
    udp_across,
    udp_pair,
)
from conformance.plugin.setups.readiness import await_end, await_error, await_readable
from conformance.plugin.timing import SOON
from libsocket import IP_HDRINCL, IP_MTU, IP_NODEFRAG, IpMreqn, Linger, Shutdown, Socket
from netns import Capability, as_user, without

SOCK_RDM, UNKNOWN_TYPE, LARGEST_TYPE, TYPE_MASK = 4, 9, 10, 15
UNKNOWN_OPTION = 9999
SYN_SENT = 2
IPT_SO_SET_REPLACE, MRT_VERSION = 64, 206
SIOCGIFFLAGS, SIOCSIFFLAGS, IFF_UP = 0x8913, 0x8914, 1
NOT_LOCAL = "192.0.2.1"
NO_INTERFACE = 999


def set_lo(sock: Socket, flags: int) -> None:
    """Set the flags of the loopback interface, by an ioctl of netdevice(7)."""
    fcntl.ioctl(sock, SIOCSIFFLAGS, b"lo".ljust(16, b"\0") + flags.to_bytes(2, sys.byteorder) + bytes(22))


def lo_is_up(sock: Socket) -> bool:
    """Whether the loopback interface has the flag."""
    request = fcntl.ioctl(sock, SIOCGIFFLAGS, b"lo".ljust(40, b"\0"))
    return bool(int.from_bytes(request[16:18], sys.byteorder) & IFF_UP)


def raw_socket() -> Socket:
    return Socket.raw(253)


@claim(
    "ip.7/EACCES/firewall",
    sentence="ip.7/errors/eacces-firewall",
    section="ERRORS",
    says="Setting the rules of the firewall (IPT_SO_SET_REPLACE) without CAP_NET_ADMIN fails with EACCES.",
    needs=[IPTABLES, Capability.NET_ADMIN],
    expect=differs(
        "it fails with EPERM (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EPERM"},
    ),
)
def test_the_firewall_takes_the_capability(ns, observe):
    with Socket.udp() as sock, without(Capability.NET_ADMIN), refused(errno.EACCES):
        sock.setsockopt(IPPROTO_IP, IPT_SO_SET_REPLACE, bytes(100))


@claim(
    "ip.7/EADDRNOTAVAIL/source-not-local",
    sentence="ip.7/errors/eaddrnotavail",
    section="ERRORS",
    says="Binding a TCP, UDP or raw socket to an address that is not local fails with EADDRNOTAVAIL, where "
    "neither IP_FREEBIND nor net.ipv4.ip_nonlocal_bind allows it.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, raw_socket], ids=["tcp", "udp", "raw"])
def test_an_address_must_be_local(ns, observe, make):
    with make() as sock:
        with refused(errno.EADDRNOTAVAIL):
            sock.bind((NOT_LOCAL, 0))
        sock.bind(("127.0.0.1", 0))

        assert observe("address", sock.getsockname()[0]) == "127.0.0.1"


@claim(
    "ip.7/EADDRNOTAVAIL/no-interface-to-send-by",
    sentence="ip.7/errors/eaddrnotavail-interface",
    section="ERRORS",
    says="Choosing an interface that there is not for multicast, IP_MULTICAST_IF, or for all that a UDP "
    "socket sends, IP_UNICAST_IF, fails with EADDRNOTAVAIL.",
)
@pytest.mark.parametrize(
    ("option", "missing", "given"),
    [
        (Socket.ip_multicast_if, IpMreqn(ifindex=NO_INTERFACE), IpMreqn(address="127.0.0.1")),
        (Socket.ip_multicast_if, IpMreqn(address=NOT_LOCAL), IpMreqn(address="127.0.0.1")),
        (Socket.ip_unicast_if, NO_INTERFACE, 1),
    ],
    ids=["by-index", "by-address", "unicast"],
)
def test_an_interface_to_send_by_must_exist(ns, observe, option, missing, given):
    with Socket.udp() as sock:
        with refused(errno.EADDRNOTAVAIL):
            sock.set(option, missing)
        sock.set(option, given)

        assert observe("interface", str(sock.get(option))) == str(given)


@claim(
    "ip.7/EADDRNOTAVAIL/no-interface-to-join-on",
    sentence="ip.7/errors/eaddrnotavail-interface",
    section="ERRORS",
    says="Joining a group on an interface that there is not, IP_ADD_MEMBERSHIP, fails with EADDRNOTAVAIL.",
    expect=differs(
        "it fails with ENODEV (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ENODEV"},
    ),
)
@pytest.mark.parametrize(
    "interface", [{"ifindex": NO_INTERFACE}, {"address": NOT_LOCAL}], ids=["by-index", "by-address"]
)
def test_an_interface_to_join_on_must_exist(ns, observe, interface):
    with Socket.udp() as sock, refused(errno.EADDRNOTAVAIL):
        sock.ip_add_membership = IpMreqn("239.1.2.3", **interface)


@claim(
    "ip.7/EALREADY/connecting",
    sentence="ip.7/errors/ealready",
    section="ERRORS",
    says="Connecting a non-blocking TCP socket again while it is being connected fails with EALREADY.",
)
def test_it_is_being_connected(ns, observe):
    with listening(backlog=0) as listener, full_backlog(listener) as client:
        client.nonblocking = True
        with refused(errno.EINPROGRESS, "errno_first"):
            client.connect(listener.getsockname())
        with refused(errno.EALREADY):
            client.connect(listener.getsockname())

        assert observe("state", client.tcp_info.state) == SYN_SENT


@claim(
    "ip.7/ECONNABORTED/reset-before-accept",
    sentence="ip.7/errors/econnaborted",
    section="ERRORS",
    says="Accepting a TCP connection that its client has reset fails with ECONNABORTED.",
    expect=differs(
        "accept succeeds, and the error is that of the new socket (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "error_of_the_new": "ECONNRESET"},
    ),
    survives=AWAITED,
)
def test_a_connection_is_closed_before_it_is_accepted(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.connect(listener.getsockname())
        await_readable(listener)
        client.linger = Linger(True, 0)
        client.close()
        await_those_before(udp_pair)
        with refused(errno.ECONNABORTED):
            server = listener.accept()[0]
            with server:
                observe("error_of_the_new", errno_name(server.error))


@claim(
    "ip.7/ENOBUFS/send-buffer",
    sentence="ip.7/errors/enobufs",
    section="ERRORS",
    says="Sending a UDP datagram whose fragments take more memory than the send buffer (SO_SNDBUF) allows "
    "fails with ENOBUFS, though it is no longer than datagrams may be.",
    needs=[VETH],
)
def test_fragments_need_a_buffer(peers, observe):
    with udp_across(peers) as (sender, receiver):
        default = sender.sndbuf
        sender.connect((peers.right.address, receiver.getsockname()[1]))
        sender.sndbuf = 0
        with refused(errno.ENOBUFS):
            sender.send(bytes(60_000))
        sender.sndbuf = default
        sender.send(bytes(60_000))

        assert observe("received", len(receiver.recv(65_535))) == 60_000


@claim(
    "ip.7/ENOPROTOOPT/unknown",
    sentence=(
        "ip.7/errors/enoprotoopt",
        "IPPROTO_IP.2const/IPPROTO_IP/enoprotoopt",
    ),
    section="ERRORS",
    says="Setting or reading an option of level IPPROTO_IP that there is not, on a TCP, UDP or raw socket, "
    "fails with ENOPROTOOPT.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, raw_socket], ids=["tcp", "udp", "raw"])
def test_an_option_must_exist(ns, observe, make):
    with make() as sock:
        with refused(errno.ENOPROTOOPT):
            sock.setsockopt(IPPROTO_IP, UNKNOWN_OPTION, 1)
        with refused(errno.ENOPROTOOPT, "errno_reading"):
            sock.getsockopt(IPPROTO_IP, UNKNOWN_OPTION)
        sock.ip_ttl = 7

        assert observe("known", sock.ip_ttl) == 7


@claim(
    "ip.7/ENOPROTOOPT/of-raw-sockets",
    sentence=(
        "ip.7/errors/enoprotoopt",
        "IP_HDRINCL.2const/IP_HDRINCL/raw-only",
        "IP_NODEFRAG.2const/IP_NODEFRAG/raw-only",
    ),
    section="ERRORS",
    says="Setting an option of raw sockets, IP_HDRINCL or IP_NODEFRAG, on a TCP or UDP socket fails with "
    "ENOPROTOOPT.",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
@pytest.mark.parametrize("option", [IP_HDRINCL, IP_NODEFRAG], ids=["IP_HDRINCL", "IP_NODEFRAG"])
def test_an_option_is_of_raw_sockets(ns, observe, make, option):
    with make() as sock, raw_socket() as raw:
        with refused(errno.ENOPROTOOPT):
            sock.set(option, True)
        raw.set(option, True)

        assert observe("of_the_raw_socket", raw.get(option)) is True


@claim(
    "ip.7/EOPNOTSUPP/of-igmp-sockets",
    sentence="ip.7/errors/enoprotoopt",
    section="ERRORS",
    says="Reading an option of IGMP sockets, MRT_VERSION, on a TCP or UDP socket fails with EOPNOTSUPP where "
    "the kernel routes multicast.",
    needs=[Capability.NET_RAW, MULTICAST_ROUTING],
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
def test_an_option_is_of_igmp_sockets(ns, observe, make):
    with make() as sock, Socket.raw(IPPROTO_IGMP) as igmp:
        with refused(errno.EOPNOTSUPP):
            sock.getsockopt(IPPROTO_IP, MRT_VERSION)

        assert observe("version", hex(igmp.getsockopt(IPPROTO_IP, MRT_VERSION))) == "0x305"


@claim(
    "ip.7/ENOTCONN/not-connected",
    sentence="ip.7/errors/enotconn",
    section="ERRORS",
    says="Receiving on a TCP socket, shutting it down, asking for the peer of a TCP or UDP socket, and for "
    "the path MTU of a UDP socket (IP_MTU) fail with ENOTCONN while it is not connected.",
    survives={
        "no-op: sendto(*": "only where it receives must something come to the connected socket",
        "no-op: shutdown(*": "that a connected socket is then shut down is not what is said",
    },
)
@pytest.mark.parametrize(
    ("make", "pair", "call"),
    [
        (Socket.tcp, Socket.tcp_pair, lambda sock: sock.recv(1)),
        (Socket.tcp, Socket.tcp_pair, lambda sock: sock.shutdown(Shutdown.BOTH)),
        (Socket.tcp, Socket.tcp_pair, lambda sock: sock.getpeername()),
        (Socket.udp, connected_udp_pair, lambda sock: sock.getpeername()),
        (Socket.udp, connected_udp_pair, lambda sock: sock.get(IP_MTU)),
    ],
    ids=["tcp-recv", "tcp-shutdown", "tcp-getpeername", "udp-getpeername", "udp-ip_mtu"],
)
def test_it_must_be_connected(ns, observe, make, pair, call):
    connected, peer = pair()
    with make() as unconnected, connected, peer:
        unconnected.rcvtimeo = SOON
        address = connected.getpeername()
        peer.send(b"x")
        call(connected)
        with refused(errno.ENOTCONN):
            call(unconnected)

        assert observe("peer_of_the_connected", address == peer.getsockname()) is True


@claim(
    "ip.7/ENOTCONN/send",
    sentence="ip.7/errors/enotconn",
    section="ERRORS",
    says="Sending on a TCP socket that was never connected fails with ENOTCONN.",
    expect=differs(
        "it fails with EPIPE (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EPIPE"},
    ),
)
def test_tcp_must_be_connected_to_send(ns, observe):
    with Socket.tcp() as sock, refused(errno.ENOTCONN):
        sock.send(b"hello")


@claim(
    "ip.7/ENOTCONN/send-datagram",
    sentence="ip.7/errors/enotconn",
    section="ERRORS",
    says="Sending to no address on a UDP or raw socket that is not connected fails with ENOTCONN.",
    needs=[Capability.NET_RAW],
    expect=differs(
        "it fails with EDESTADDRREQ (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EDESTADDRREQ"},
    ),
)
@pytest.mark.parametrize("make", [Socket.udp, raw_socket], ids=["udp", "raw"])
def test_a_datagram_needs_a_destination(ns, observe, make):
    with make() as sock, refused(errno.ENOTCONN):
        sock.send(b"hello")


@claim(
    "ip.7/EPERM/configuration",
    sentence="ip.7/errors/eperm-configuration",
    section="ERRORS",
    says="Changing the flags of an interface (SIOCSIFFLAGS of netdevice(7)) without CAP_NET_ADMIN fails with "
    "EPERM, and changes nothing.",
    needs=[Capability.NET_ADMIN],
)
def test_configuration_takes_the_capability(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        with without(Capability.NET_ADMIN), refused(errno.EPERM):
            set_lo(sender, 0)
        sender.send(b"up")
        received = receiver.recv(9).decode()
        set_lo(sender, 0)

        assert [observe("received", received), observe("lo_up", lo_is_up(sender))] == ["up", False]


@claim(
    "ip.7/EPERM/signals-to-another-user",
    sentence="ip.7/errors/eperm-signals",
    section="ERRORS",
    says="Asking for the signals of a UDP socket to be sent to a process that the caller may send none, one "
    "of another user, fails with EPERM.",
    needs=[ANOTHER_USER],
    expect=differs(
        "any process can be named: whether it may be sent the signal counts when there is one (older than "
        "the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "owner": 1},
    ),
)
def test_an_owner_must_be_ones_own(ns, observe):
    with Socket.udp() as sock, refused(errno.EPERM):
        as_user(NOBODY, lambda: fcntl.fcntl(sock, fcntl.F_SETOWN, 1))
        observe("owner", fcntl.fcntl(sock, fcntl.F_GETOWN))


@claim(
    "ip.7/EPIPE/closed-by-peer",
    sentence="ip.7/errors/epipe",
    section="ERRORS",
    says="Sending on a TCP connection that the peer has closed fails with EPIPE, once its reset has come.",
)
def test_nothing_is_sent_to_a_peer_that_is_gone(ns, observe):
    sock, peer = Socket.tcp_pair()
    with sock, peer:
        peer.close()
        await_end(sock)
        first = sock.send(b"first")
        await_error(sock)
        with refused(errno.EPIPE):
            sock.send(b"second")

        assert observe("sent_before_the_reset", first) == 5


@claim(
    "ip.7/EPIPE/shut-down-by-peer",
    sentence="ip.7/errors/epipe",
    section="ERRORS",
    says="Sending on a TCP connection that the peer has shut down for sending fails with EPIPE.",
    expect=differs(
        "it succeeds: a shutdown ends what the peer sends, not what it receives (older than the history in "
        "git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": None, "received": "after"},
    ),
)
def test_nothing_is_sent_to_a_peer_that_shut_down(ns, observe):
    sock, peer = Socket.tcp_pair()
    with sock, peer:
        peer.rcvtimeo = SOON
        peer.shutdown(Shutdown.WRITE)
        await_end(sock)
        with refused(errno.EPIPE):
            sock.send(b"after")
            observe("received", peer.recv(9).decode())


@claim(
    "ip.7/EPIPE/reset-by-peer",
    sentence="ip.7/errors/epipe",
    section="ERRORS",
    says="Sending on a TCP connection fails with EPIPE once the peer has closed it by a reset.",
    expect=differs(
        "it fails with ECONNRESET first, and only then with EPIPE (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "ECONNRESET"},
    ),
)
def test_nothing_is_sent_once_the_peer_has_reset(ns, observe):
    sock, peer = Socket.tcp_pair()
    with sock, peer:
        peer.linger = Linger(True, 0)
        peer.close()
        await_error(sock)
        with refused(errno.EPIPE):
            sock.send(b"hello")


@claim(
    "ip.7/ESOCKTNOSUPPORT/unknown-type",
    sentence="ip.7/errors/esocktnosupport",
    section="ERRORS",
    says="Asking for an IP socket of a type that there is not fails with ESOCKTNOSUPPORT.",
)
@pytest.mark.parametrize("type_", [SOCK_RDM, UNKNOWN_TYPE])
def test_a_type_must_exist(ns, observe, type_):
    with refused(errno.ESOCKTNOSUPPORT):
        Socket(AF_INET, type_, 0)
    with Socket(AF_INET, SOCK_STREAM, 0) as sock:
        assert observe("known", sock.so_type) == SOCK_STREAM


@claim(
    "ip.7/ESOCKTNOSUPPORT/no-number-of-a-type",
    sentence="ip.7/errors/esocktnosupport",
    section="ERRORS",
    says="Asking for an IP socket of a type beyond all numbers of types, 11 to 15, fails with "
    "ESOCKTNOSUPPORT.",
    expect=differs(
        "it fails with EINVAL (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"errno": "EINVAL"},
    ),
)
@pytest.mark.parametrize("beyond", [LARGEST_TYPE + 1, TYPE_MASK])
def test_a_type_has_a_small_number(ns, observe, beyond):
    with refused(errno.ESOCKTNOSUPPORT):
        Socket(AF_INET, beyond, 0)
