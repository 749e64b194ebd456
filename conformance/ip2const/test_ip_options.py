"""IP_OPTIONS, IP_RECVOPTS and IP_RETOPTS: what is between the IP header and the data."""

from __future__ import annotations

from socket import inet_aton

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.control_messages import control_headers, control_messages
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.packets import next_header, packets
from conformance.plugin.setups.pairs import udp_across, udp_pair
from conformance.plugin.setups.sockets import raw_socket
from conformance.plugin.timing import SOON
from libsocket import IpOptions, ReturnOptions, Socket
from netns import Capability, Routed

IPPROTO_IP, IP_OPTIONS, IP_RECVOPTS, IP_RETOPTS = 0, 4, 6, 7
NOTHING = bytes([1, 1, 1, 1])
"""Four bytes of padding, as an option that changes nothing."""
RECORD_ROUTE = bytes([7, 19, 4, *bytes(16), 0])
"""Room for four addresses, and an end."""
TIMESTAMP = bytes([68, 12, 5, 0, *bytes(8)])
"""Room for two times."""


def recorded(*addresses: str) -> bytes:
    """The route with some addresses filled in."""
    filled = b"".join(map(inet_aton, addresses))
    return bytes([7, 19, 4 + len(filled)]) + filled.ljust(17, b"\0")


def through(hop: str) -> bytes:
    """A loose source route by one hop, whose room for the last address the kernel fills in, and an end."""
    return bytes([131, 7, 4, *inet_aton(hop), 0])


def accept_source_routes(hosts: Routed) -> None:
    """Let all three follow what packets say of their way."""
    for host in (hosts.left, hosts.router, hosts.router_right, hosts.right):
        for device in ("all", host.device):
            host.namespace.sysctl[f"net.ipv4.conf.{device}.accept_source_route"] = 1


@claim(
    "IP_OPTIONS.2const/IP_OPTIONS/every-packet",
    sentence=(
        "IP_OPTIONS.2const/IP_OPTIONS/every-packet",
        "IP_OPTIONS.2const/IP_OPTIONS/buffer",
        "IP_OPTIONS.2const/IP_OPTIONS/set",
        "IP_OPTIONS.2const/IP_OPTIONS/read",
    ),
    section="DESCRIPTION",
    says="Each packet of a UDP or raw socket has the IP options that its option was set to, and reads: none "
    "at first, four bytes or forty, and none again once it was set to none.",
    since="2.0",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [Socket.udp, raw_socket], ids=["udp", "raw"])
@pytest.mark.parametrize("options", [NOTHING, 10 * NOTHING], ids=["4", "40"])
def test_packets_have_them(ns, observe, make, options):
    with packets() as seen, make() as receiver, make() as sock:
        seen.rcvtimeo = SOON
        receiver.bind(("127.0.0.1", 0))
        sock.connect(("127.0.0.1", receiver.getsockname()[1]))
        held = [sock.ip_options.hex()]
        sock.send(b"without")
        sock.ip_options = options
        held.append(sock.ip_options.hex())
        sock.send(b"with")
        sock.send(b"again")
        sock.ip_options = b""
        held.append(sock.ip_options.hex())
        sock.send(b"without")
        sent = [next_header(seen).options.hex() for _ in range(4)]

        assert [observe("held", held), observe("sent", sent)] == [
            ["", options.hex(), ""],
            ["", options.hex(), options.hex(), ""],
        ]


@claim(
    "IP_OPTIONS.2const/IP_OPTIONS/streams",
    sentence="IP_OPTIONS.2const/IP_OPTIONS/every-packet",
    section="DESCRIPTION",
    says="The packet by which a TCP socket connects has the IP options that its option was set to.",
    since="2.0",
    needs=[Capability.NET_RAW],
)
def test_a_connection_is_asked_for_with_them(ns, observe):
    with packets() as seen, listening() as listener, Socket.tcp() as sock:
        seen.rcvtimeo = SOON
        sock.ip_options = NOTHING
        sock.connect(listener.getsockname())

        assert observe("sent", next_header(seen).options.hex()) == NOTHING.hex()


@claim(
    "IP_OPTIONS.2const/IP_OPTIONS/forty",
    sentence="IP_OPTIONS.2const/IP_OPTIONS/forty",
    section="DESCRIPTION",
    says="Setting IP_OPTIONS of a TCP, UDP or raw socket to more than 40 bytes is refused, and what it had "
    "stays.",
    since="2.0",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp, raw_socket], ids=["tcp", "udp", "raw"])
@pytest.mark.parametrize("size", [41, 44])
def test_they_are_at_most_forty_bytes(ns, observe, make, size):
    with make() as sock:
        sock.ip_options = 10 * NOTHING
        with refused():
            sock.ip_options = bytes([1]) * size

        assert observe("kept", sock.ip_options.hex()) == (10 * NOTHING).hex()


@claim(
    "IP_OPTIONS.2const/IP_OPTIONS/from-request",
    sentence="IP_OPTIONS.2const/IP_OPTIONS/from-request",
    section="DESCRIPTION",
    says="A TCP connection that was asked for by a loose source route through a router has when it is "
    "accepted the IP option of a route back through it, where all three accept source routes.",
    since="2.0",
    needs=[VETH],
)
def test_a_route_is_reversed(routed, observe):
    accept_source_routes(routed)
    with routed.left.entered():
        client = Socket.tcp()
    with routed.right.entered(), listening(routed.right.address) as listener, client:
        listener.rcvtimeo = SOON
        client.ip_options = through(routed.router.address)
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            options = server.ip_options.hex()

            assert observe("options", options) == through(routed.router_right.address).hex()


@claim(
    "IP_OPTIONS.2const/IP_OPTIONS/not-later",
    sentence="IP_OPTIONS.2const/IP_OPTIONS/not-later",
    section="DESCRIPTION",
    says="An accepted TCP connection keeps the IP options with which it was asked for, whatever options the "
    "packets have that come later.",
    since="2.0",
    needs=[Capability.NET_RAW],
)
def test_options_that_come_later_change_nothing(ns, observe):
    with listening() as listener, Socket.tcp() as client:
        client.ip_options = RECORD_ROUTE
        client.connect(listener.getsockname())
        with packets() as seen, listener.accept()[0] as server:
            seen.rcvtimeo = server.rcvtimeo = SOON
            before = server.ip_options
            client.ip_options = TIMESTAMP
            client.send(bytes(100))
            server.recv(100)
            later = next(one for one in iter(lambda: next_header(seen), None) if one.length > 150)
            kinds = [before[0], later.options[0], server.ip_options[0]]

            assert observe("kinds_before_and_sent_and_kept", kinds) == [7, 68, 7]


@claim(
    "IP_OPTIONS.2const/IP_OPTIONS/source-route",
    sentence=(
        "IP_OPTIONS.2const/IP_OPTIONS/source-route-off",
        "IP_OPTIONS.2const/IP_OPTIONS/source-route-on",
        "ip-sysctl/accept_source_route/accepts",
    ),
    section="DESCRIPTION",
    says="A UDP datagram with a loose source route through a router does not get beyond it, as is the "
    "default, and does once all hosts have accept_source_route.",
    since="2.0",
    needs=[VETH, Capability.NET_RAW],
)
def test_source_routes_are_followed_if_wanted(routed, observe):
    with routed.router.entered():
        seen = packets()
    with seen, udp_across(routed) as (sender, receiver):
        seen.rcvtimeo = SOON
        address = routed.right.address, receiver.getsockname()[1]
        sender.ip_options = through(routed.router.address)
        sender.sendto(b"by default", address)
        arrived = [next_header(seen).options.hex()]
        accept_source_routes(routed)
        sender.sendto(b"wanted", address)
        arrived.append(next_header(seen).options.hex())

        assert [observe("at_router", arrived), observe("received", receiver.recv(20).decode())] == [
            [through(routed.right.address).hex()] * 2,
            "wanted",
        ]


@claim(
    "IP_OPTIONS.2const/IP_OPTIONS/others-handled",
    sentence="IP_OPTIONS.2const/IP_OPTIONS/others-handled",
    section="DESCRIPTION",
    says="A UDP datagram with an option for two timestamps arrives with both filled in, by its sender "
    "and by its receiver, where neither follows source routes.",
    since="2.0",
)
def test_timestamps_are_filled_in(ns, observe):
    ns.sysctl["net.ipv4.conf.all.accept_source_route"] = 0
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.ip_recvopts = True
        sender.ip_options = TIMESTAMP
        sender.send(b"hello")
        [options] = control_messages(receiver, IpOptions)
        kind, size, pointer, overflow = options[:4]

        assert observe("kind_size_pointer_overflow", [kind, size, pointer, overflow]) == [68, 12, 13, 0]


@claim(
    "IP_OPTIONS.2const/IP_OPTIONS/datagrams",
    sentence="IP_OPTIONS.2const/IP_OPTIONS/datagrams",
    section="DESCRIPTION",
    says="IP options with which a datagram comes are not those of the UDP socket that receives it, and not "
    "of its answer.",
    since="2.0",
    needs=[Capability.NET_RAW],
)
def test_datagrams_do_not_set_them(ns, observe):
    sender, receiver = udp_pair()
    with packets() as seen, sender, receiver:
        seen.rcvtimeo = receiver.rcvtimeo = SOON
        sender.ip_options = NOTHING
        sender.send(b"hello")
        _, address = receiver.recvfrom(9)
        receiver.sendto(b"answer", address)
        sent = [next_header(seen).options.hex(), next_header(seen).options.hex()]

        assert [observe("sent", sent), observe("of_receiver", receiver.ip_options.hex())] == [
            [NOTHING.hex(), ""],
            "",
        ]


@claim(
    "IP_RECVOPTS.2const/IP_RECVOPTS/message",
    sentence="IP_RECVOPTS.2const/IP_RECVOPTS/message",
    section="DESCRIPTION",
    says="With IP_RECVOPTS a UDP socket receives with a datagram the IP options that it has, as a control "
    "message IP_OPTIONS.",
    since="2.2",
    expect=differs(
        "the control message is called IP_RECVOPTS (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"messages": [[IPPROTO_IP, IP_RECVOPTS, len(NOTHING)]]},
    ),
)
def test_options_come_with_a_datagram(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        receiver.ip_recvopts = True
        sender.ip_options = NOTHING
        sender.send(b"hello")

        assert observe("messages", control_headers(receiver)) == [[IPPROTO_IP, IP_OPTIONS, len(NOTHING)]]


@claim(
    "IP_RECVOPTS.2const/IP_RECVOPTS/filled-in",
    sentence=("IP_RECVOPTS.2const/IP_RECVOPTS/message", "IP_RECVOPTS.2const/IP_RECVOPTS/filled-in"),
    section="DESCRIPTION",
    says="With IP_RECVOPTS a UDP socket receives with a datagram the route that it recorded, which ends "
    "with this host. Without it, as at first, none; and none comes with a datagram that has no IP options.",
    since="2.2",
    needs=[VETH],
)
def test_the_recorded_route_ends_here(peers, observe):
    with udp_across(peers) as (sender, receiver):
        address = peers.right.address, receiver.getsockname()[1]
        sender.ip_options = RECORD_ROUTE
        sender.sendto(b"without", address)
        none = control_headers(receiver)
        receiver.ip_recvopts = True
        sender.sendto(b"with", address)
        routes = control_messages(receiver, IpOptions)
        sender.ip_options = b""
        sender.sendto(b"without options", address)
        none += control_headers(receiver)

        assert [observe("without", none), observe("routes", [bytes(one).hex() for one in routes])] == [
            [],
            [recorded(peers.left.address, peers.right.address).hex()],
        ]


@claim(
    "IP_RETOPTS.2const/IP_RETOPTS/message",
    sentence="IP_RETOPTS.2const/IP_RETOPTS/unprocessed",
    section="DESCRIPTION",
    says="With IP_RETOPTS a UDP socket receives with a datagram the IP options that it has, as a control "
    "message IP_OPTIONS, as IP_RECVOPTS is said to do. Without it, as at first, none.",
    since="2.2",
    expect=differs(
        "the control message is called IP_RETOPTS (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"without": [], "messages": [[IPPROTO_IP, IP_RETOPTS, len(RECORD_ROUTE)]]},
    ),
)
def test_options_to_return_come_with_a_datagram(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.ip_options = RECORD_ROUTE
        sender.send(b"without")
        without = control_headers(receiver)
        receiver.ip_retopts = True
        sender.send(b"with")

        assert [observe("without", without), observe("messages", control_headers(receiver))] == [
            [],
            [[IPPROTO_IP, IP_OPTIONS, len(RECORD_ROUTE)]],
        ]


@claim(
    "IP_RETOPTS.2const/IP_RETOPTS/unprocessed",
    sentence="IP_RETOPTS.2const/IP_RETOPTS/unprocessed",
    section="DESCRIPTION",
    says="The route that comes with IP_RETOPTS is as the last host sent it, without this one.",
    since="2.2",
    needs=[VETH],
    expect=differs(
        "this host is in it, as with IP_RECVOPTS (older than the history in git)",
        since="2.6.12",
        commit="1da177e4c3f4",
        observed={"routes": [recorded("10.0.1.1", "10.0.1.2").hex()]},
    ),
)
def test_the_recorded_route_ends_before(peers, observe):
    with udp_across(peers) as (sender, receiver):
        receiver.ip_retopts = True
        sender.ip_options = RECORD_ROUTE
        sender.sendto(b"hello", (peers.right.address, receiver.getsockname()[1]))
        routes = control_messages(receiver, ReturnOptions)

        assert observe("routes", [bytes(one).hex() for one in routes]) == [recorded(peers.left.address).hex()]


@claim(
    "IP_RECVOPTS.2const/IP_RECVOPTS/streams",
    sentence=("IP_RECVOPTS.2const/IP_RECVOPTS/streams", "IP_RETOPTS.2const/IP_RETOPTS/streams"),
    section="DESCRIPTION",
    says="On a TCP socket neither IP_RECVOPTS nor IP_RETOPTS brings a control message, though what comes has "
    "IP options.",
    since="2.2",
    needs=[Capability.NET_RAW],
)
def test_no_options_come_with_a_stream(ns, observe):
    sender, receiver = Socket.tcp_pair()
    with packets() as seen, sender, receiver:
        seen.rcvtimeo = receiver.rcvtimeo = SOON
        receiver.ip_recvopts = receiver.ip_retopts = True
        sender.ip_options = NOTHING
        sender.send(b"hello")
        sent = next_header(seen).options
        data, control, _, _ = receiver.recvmsg(9, 100)
        on = [receiver.ip_recvopts, receiver.ip_retopts]

        assert [on, sent, data, observe("control", len(control))] == [[True, True], NOTHING, b"hello", 0]
