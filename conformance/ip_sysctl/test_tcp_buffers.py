"""The sizes with which TCP's buffers and tables begin, and what bounds them."""

from __future__ import annotations

import errno
from contextlib import suppress
from socket import MSG_DONTWAIT

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import MEMORY, OWN_KERNEL, VETH, sysctl
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, SEGMENT, MadePeer, made_peers, replies_to
from conformance.plugin.setups.resting import RESTING, RESTING_ENDS, resting_sender
from conformance.plugin.setups.segments import ACK, SYN, next_segment, segments
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Namespace, NetnsError, Peers

RMEM, WMEM, APP_WIN, NOTSENT, CHILDREN, BACKLOG, COOKIES, BUCKETS = (
    f"net.ipv4.{name}"
    for name in (
        "tcp_rmem",
        "tcp_wmem",
        "tcp_app_win",
        "tcp_notsent_lowat",
        "tcp_child_ehash_entries",
        "tcp_max_syn_backlog",
        "tcp_syncookies",
        "tcp_max_tw_buckets",
    )
)
ROOM, LARGEST_BUFFER = 200_000, 65_536
"""Bytes of a send buffer, and of a buffer in the queue that may still be filled up."""


@claim(
    "ip-sysctl/tcp_rmem/initial-window",
    sentence="ip-sysctl/tcp_rmem/initial-window",
    section="TCP variables",
    says="With 131072 as the second number of tcp_rmem, its default, the SYN of a TCP socket over IPv4 on a "
    "link whose MTU is 1500 announces a window of 65535.",
    since="4.20",
    needs=[Capability.NET_RAW, VETH],
    expect=differs(
        "it is 64240, which are whole segments of 1460 bytes",
        since="4.20",
        commit="a337531b942b",
        observed={"window": 64_240},
    ),
)
def test_the_window_at_first(peers, observe):
    peers.left.namespace.sysctl[RMEM] = "4096 131072 6291456"
    with peers.left.entered(), Socket.tcp() as sock, peers.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        with refused(errno.ECONNREFUSED, "errno_connect"):
            sock.connect((peers.right.address, 9))

        assert observe("window", next_segment(arriving).window) == 65_535


@claim(
    "ip-sysctl/tcp_rmem/max-default",
    sentence="ip-sysctl/tcp_rmem/max-default",
    section="TCP variables",
    says="On a kernel that nobody has set up the third number of tcp_rmem, half of which is the largest "
    "SO_RCVLOWAT of a TCP socket, is from 131072 to 33554432.",
    since="6.16",
    needs=[MEMORY, OWN_KERNEL],
)
def test_the_largest_receive_buffer_at_first(ns, observe):
    with Socket.tcp() as sock:
        sock.rcvlowat = 2**31 - 1

        assert observe("within", 131_072 // 2 <= sock.rcvlowat <= 2**25 // 2) is True


@claim(
    "ip-sysctl/tcp_rmem/least",
    sentence="ip-sysctl/tcp_rmem/least",
    section="TCP variables",
    says="None of the three numbers of tcp_rmem can be 4095, and each 4096: then a TCP socket over IPv4 "
    "begins with a receive buffer of 4096, and its largest SO_RCVLOWAT is 2048.",
    since="7.3",
    backports=("5.10.271", "5.15.222", "6.1.189", "6.6.158", "6.12.112", "6.18.54", "7.2.8"),
)
@pytest.mark.parametrize("numbers", ["4095 8192 8192", "4096 4095 8192", "4096 8192 4095"])
def test_a_receive_buffer_has_a_least_size(ns, observe, numbers):
    with pytest.raises(NetnsError):
        ns.sysctl[RMEM] = numbers
    ns.sysctl[RMEM] = "4096 4096 4096"
    with Socket.tcp() as sock:
        sock.rcvlowat = 2**31 - 1

        assert observe("rcvbuf_and_rcvlowat", [sock.rcvbuf, sock.rcvlowat]) == [4096, 2048]


@claim(
    "ip-sysctl/tcp_app_win/values",
    sentence="ip-sysctl/tcp_app_win/values",
    section="TCP variables",
    says="A tcp_app_win of -1 or 32 is refused. The TCP_WINDOW_CLAMP with which a TCP connection over IPv4 "
    "begins is a segment smaller, 1448 bytes, with 31 than with 0.",
    since="6.3",
    backports=("6.1.25",),
    needs=[VETH],
)
def test_the_reserve_has_bounds(peers, observe):
    with pytest.raises(NetnsError):
        peers.right.namespace.sysctl[APP_WIN] = -1
    with pytest.raises(NetnsError):
        peers.right.namespace.sysctl[APP_WIN] = 32
    clamps = [first_clamp(peers, value) for value in (0, 31)]

    assert observe("reserved", clamps[0] - clamps[1]) == 1448


def first_clamp(hosts: Peers, value: int) -> int:
    """The TCP_WINDOW_CLAMP with which a connection begins, with a tcp_app_win."""
    hosts.right.namespace.sysctl[APP_WIN] = value
    with (
        hosts.right.entered(),
        listening(hosts.right.address) as listener,
        hosts.left.entered(),
        Socket.tcp() as client,
    ):
        client.connect(listener.getsockname())
        with listener.accept()[0] as sock:
            return sock.tcp_window_clamp


@claim(
    "ip-sysctl/tcp_wmem/max-default",
    sentence="ip-sysctl/tcp_wmem/max-default",
    section="TCP variables",
    says="On a kernel that nobody has set up a TCP connection over IPv4 that begins with as large a send "
    "buffer as there may be, by a tcp_reordering of 300, has one of the third number of tcp_wmem, which is "
    "from 65536 to 4194304.",
    needs=[OWN_KERNEL],
)
def test_the_largest_send_buffer_at_first(ns, observe):
    ns.sysctl["net.ipv4.tcp_reordering"] = 300
    largest = int(ns.sysctl[WMEM].split()[2])
    left, right = Socket.tcp_pair()
    with left, right:
        assert [
            observe("largest", left.sndbuf == largest),
            observe("within", 65_536 <= largest <= 4_194_304),
        ] == [True, True]


@claim(
    "ip-sysctl/tcp_wmem/lower",
    sentence=("ip-sysctl/tcp_wmem/lower", "ip-sysctl/tcp_wmem/default"),
    section="TCP variables",
    says="On a kernel that nobody has set up the send buffer of a TCP socket over IPv4 is smaller than that "
    "of a UDP socket, which is net.core.wmem_default.",
    needs=[OWN_KERNEL],
)
def test_a_send_buffer_is_smaller(ns, observe):
    with Socket.tcp() as tcp, Socket.udp() as udp:
        assert observe("smaller", tcp.sndbuf < udp.sndbuf) is True


@claim(
    "ip-sysctl/tcp_notsent_lowat/sendmsg",
    sentence=("ip-sysctl/tcp_notsent_lowat/sendmsg", "ip-sysctl/tcp_notsent_lowat/option"),
    section="TCP variables",
    says="A TCP connection over IPv4 with room for 200000 bytes in its send buffer (SO_SNDBUF), whose peer "
    "does not acknowledge, takes no more unsent bytes than one buffer of 65536 beyond a tcp_notsent_lowat "
    "or a TCP_NOTSENT_LOWAT of 2000, and more without.",
    since="4.6",
    needs=RESTING,
    survives={
        **RESTING_ENDS,
        "no-op: setsockopt(*TCP_NOTSENT_LOWAT, ?0?*": "it is 0 at first",
        "no-op: setsockopt(*SO_SNDBUF*": "where there is a limit no more room is needed",
    },
)
@pytest.mark.parametrize(
    ("setting", "option", "more"),
    [(2**32 - 1, 0, True), (2000, 0, False), (2**32 - 1, 2000, False)],
    ids=["none", "sysctl", "option"],
)
def test_no_more_is_added_beyond_the_limit(peers, observe, setting, option, more):
    peers.right.namespace.sysctl[NOTSENT] = setting
    with resting_sender(peers) as (sock, _):
        sock.sndbuf = ROOM
        sock.tcp_notsent_lowat = option
        fill(sock)

        assert observe("more", sock.tcp_info.notsent_bytes > 2000 + LARGEST_BUFFER) is more


def fill(sock: Socket) -> None:
    """Send until no more is taken."""
    with suppress(BlockingIOError):
        while True:
            sock.send(bytes(SEGMENT), MSG_DONTWAIT)


@claim(
    "ip-sysctl/tcp_child_ehash_entries/defaults",
    sentence=("ip-sysctl/tcp_child_ehash_entries/defaults", "ip-sysctl/tcp_max_syn_backlog/least"),
    section="TCP variables",
    says="In a network namespace that was made from one with a tcp_child_ehash_entries of 16384 or 65536 "
    "tcp_max_tw_buckets is half of that, and tcp_max_syn_backlog a 128th, though not less than 128, as with "
    "1024.",
    since="6.1",
    needs=[sysctl(CHILDREN)],
    survives={"*": "no socket is asked: files of /proc/sys are read"},
)
@pytest.mark.parametrize(
    ("entries", "buckets", "backlog"), [(1024, 512, 128), (16_384, 8192, 128), (65_536, 32_768, 512)]
)
def test_defaults_depend_on_the_table(ns, observe, entries, buckets, backlog):
    ns.sysctl[CHILDREN] = entries
    with Namespace() as child:
        defaults = [child.sysctl[BUCKETS], child.sysctl[BACKLOG]]

        assert observe("buckets_and_backlog", defaults) == [str(buckets), str(backlog)]


@claim(
    "ip-sysctl/tcp_max_syn_backlog/per-listener",
    sentence="ip-sysctl/tcp_max_syn_backlog/per-listener",
    section="TCP variables",
    says="With a tcp_max_syn_backlog of 4 and a tcp_syncookies of 0 each of two TCP listeners over IPv4 "
    "answers 4 SYNs that are not followed up, and no more.",
    since="2.4",
    needs=[*MADE, sysctl(COOKIES)],
    survives={"no-op: sendto(*": "each listener is asked more often than it answers"},
)
def test_each_listener_has_a_queue(peers, observe):
    peers.right.namespace.sysctl.update({COOKIES: 0, BACKLOG: 4})
    with (
        made_peers(peers, 12) as ends,
        peers.right.entered(),
        listening(peers.right.address) as one,
        listening(peers.right.address) as other,
    ):
        assert observe("answered", [answered(ends[:6], one), answered(ends[6:], other)]) == [4, 4]


def answered(ends: list[MadePeer], listener: Socket) -> int:
    """How many of the SYNs of some ends are answered, be it once or again after a second."""
    for end in ends:
        end.send(SYN, to=listener.getsockname()[1])
    ports = {one.destination for one in replies_to(ends) if one.flags == SYN | ACK}
    return sum(end.port in ports for end in ends)
