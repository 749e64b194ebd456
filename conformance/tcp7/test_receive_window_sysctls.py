"""The sysctls that make a window of a receive buffer, and a larger buffer of a small one."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import MEMORY, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, made_peer
from conformance.plugin.setups.segments import ACK, SYN, next_segment, segments
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Peers

ON_THE_WIRE = (Capability.NET_RAW, VETH)
SCALE, APP_WIN, MODERATE, RMEM, WORKAROUND = (
    f"net.ipv4.tcp_{name}"
    for name in ("adv_win_scale", "app_win", "moderate_rcvbuf", "rmem", "workaround_signed_windows")
)
SIZE = 16_384
"""The receive buffer of these sockets, in bytes."""
SEGMENT = 1460
"""Bytes of a segment here, of which a window is a multiple."""
LARGEST = 400_000


def offered_window(hosts: Peers) -> int:
    """The window in the SYN that a socket of the left host sends, in segments."""
    with hosts.left.entered(), Socket.tcp() as sock, hosts.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        with refused(errno.ECONNREFUSED, "errno_connect"):
            sock.connect((hosts.right.address, 9))
        return next_segment(arriving).window // SEGMENT


def reserved(hosts: Peers) -> int:
    """How many bytes of the space for a window a connection without timestamps reserves."""
    hosts.right.namespace.sysctl.update(
        {SCALE: 1, RMEM: f"4096 {2 * LARGEST} {2 * LARGEST}", "net.ipv4.tcp_timestamps": 0}
    )
    with (
        hosts.right.entered(),
        listening(hosts.right.address) as listener,
        hosts.left.entered(),
        Socket.tcp() as client,
    ):
        client.connect(listener.getsockname())
        with listener.accept()[0] as sock:
            return sock.rcvbuf // 2 - sock.tcp_window_clamp


def move(sender: Socket, receiver: Socket, times: int, size: int = 8192) -> None:
    """Send and receive so many bytes some times."""
    for _ in range(times):
        sender.sendall(bytes(size))
        receiver.read_exact(size)


def buffers(hosts: Peers) -> list[int]:
    """The receive buffer of a connection of the right host, before and after it has read two megabytes."""
    with (
        hosts.right.entered(),
        listening(hosts.right.address) as listener,
        hosts.left.entered(),
        Socket.tcp() as sender,
    ):
        sender.connect(listener.getsockname())
        with listener.accept()[0] as sock:
            sock.rcvtimeo = SOON
            before = sock.rcvbuf
            # More at once than a first window: a machine may be so slow that each time is a round trip.
            move(sender, sock, 64, 32768)
            return [before, sock.rcvbuf]


@claim(
    "tcp.7/tcp_adv_win_scale/overhead",
    sentence=("tcp.7/tcp_adv_win_scale/formula", "tcp.7/tcp_adv_win_scale/shared"),
    section="/proc interfaces",
    says="Of a TCP socket's receive buffer of 16384 bytes the SYN over IPv4 advertises, in whole segments "
    "of 1460 bytes, what tcp_adv_win_scale leaves: three quarters with 2, all of it with 0, and a quarter "
    "with -2.",
    since="2.4",
    needs=ON_THE_WIRE,
    expect=differs(
        "the setting does not count: half of the buffer is advertised",
        since="6.6",
        commit="dfa2f0483360",
        observed={"window": 5},
    ),
)
@pytest.mark.parametrize(("value", "space"), [(2, SIZE * 3 // 4), (0, SIZE), (-2, SIZE // 4)])
def test_so_much_is_overhead(peers, observe, value, space):
    peers.left.namespace.sysctl.update({SCALE: value, RMEM: f"4096 {SIZE} {SIZE}"})

    assert observe("window", offered_window(peers)) == space // SEGMENT


@claim(
    "tcp.7/tcp_adv_win_scale/one",
    sentence=("tcp.7/tcp_adv_win_scale/formula", "tcp.7/buffer-sizes/overhead"),
    section="/proc interfaces",
    says="Where tcp_adv_win_scale is 1 the SYN of a TCP socket over IPv4 advertises half of its receive "
    "buffer of 16384, or of 32768, bytes, in whole segments of 1460 bytes.",
    since="2.4",
    needs=ON_THE_WIRE,
)
@pytest.mark.parametrize("size", [SIZE, 2 * SIZE])
def test_half_is_overhead(peers, observe, size):
    peers.left.namespace.sysctl.update({SCALE: 1, RMEM: f"4096 {size} {size}"})

    assert observe("window", offered_window(peers)) == size // 2 // SEGMENT


@claim(
    "tcp.7/tcp_adv_win_scale/default",
    sentence="tcp.7/tcp_adv_win_scale/default",
    section="/proc interfaces",
    says="In a new network namespace the SYN of a TCP socket over IPv4 advertises three quarters of its "
    "receive buffer of 16384 bytes, in whole segments of 1460 bytes.",
    since="2.4",
    needs=ON_THE_WIRE,
    expect=differs(
        "half of it is: tcp_adv_win_scale is 1 at first, and without effect since Linux 6.6",
        since="3.4",
        commit="b49960a05e32",
        observed={"window": 5},
    ),
)
def test_overhead_at_first(peers, observe):
    peers.left.namespace.sysctl[RMEM] = f"4096 {SIZE} {SIZE}"

    assert observe("window", offered_window(peers)) == SIZE * 3 // 4 // SEGMENT


@claim(
    "tcp.7/tcp_app_win/reserved",
    sentence=("tcp.7/tcp_app_win/reserved", "tcp.7/tcp_app_win/formula", "ip-sysctl/tcp_app_win/reserves"),
    section="/proc interfaces",
    says="Of what the receive buffer of a TCP connection over IPv4 leaves for the window, 400000 bytes, the "
    "TCP_WINDOW_CLAMP with which it begins leaves out half with a tcp_app_win of 1 and an eighth with 3.",
    since="2.4",
    needs=[VETH],
)
@pytest.mark.parametrize(("value", "left_out"), [(1, LARGEST // 2), (3, LARGEST // 8)])
def test_so_much_is_reserved(peers, observe, value, left_out):
    peers.right.namespace.sysctl[APP_WIN] = value

    assert observe("reserved", reserved(peers)) == left_out


@claim(
    "tcp.7/tcp_app_win/nothing",
    sentence=("tcp.7/tcp_app_win/zero", "ip-sysctl/tcp_app_win/zero"),
    section="/proc interfaces",
    says="With a tcp_app_win of 0 the TCP_WINDOW_CLAMP with which a TCP connection over IPv4 begins leaves "
    "out nothing of what its receive buffer leaves for the window.",
    since="2.4",
    needs=[VETH],
)
def test_nothing_is_reserved(peers, observe):
    peers.right.namespace.sysctl[APP_WIN] = 0

    assert observe("reserved", reserved(peers)) == 0


@claim(
    "tcp.7/tcp_app_win/default",
    sentence=("tcp.7/tcp_app_win/default", "tcp.7/tcp_app_win/formula", "ip-sysctl/tcp_app_win/default"),
    section="/proc interfaces",
    says="In a new network namespace the TCP_WINDOW_CLAMP with which a TCP connection over IPv4 without "
    "timestamps begins leaves out a segment, 1460 bytes, of what its receive buffer leaves for the window, "
    "as it does with a tcp_app_win of 31.",
    since="2.4",
    needs=[VETH],
)
@pytest.mark.parametrize("settings", [{}, {APP_WIN: 31}], ids=["at-first", "31"])
def test_a_segment_is_reserved_at_first(peers, observe, settings):
    peers.right.namespace.sysctl.update(settings)

    assert observe("reserved", reserved(peers)) == SEGMENT


@claim(
    "tcp.7/tcp_moderate_rcvbuf/grows",
    sentence=(
        "tcp.7/tcp_moderate_rcvbuf/tunes",
        "tcp.7/tcp_rmem/range",
        "tcp.7/tcp_rmem/most",
        "ip-sysctl/tcp_moderate_rcvbuf/tunes",
        "ip-sysctl/tcp_rmem/max",
    ),
    section="/proc interfaces",
    says="The receive buffer of a TCP connection over IPv4 that reads much grows where tcp_moderate_rcvbuf "
    "is 1, to no more than the third number of tcp_rmem, and stays where it is 0.",
    since="2.6.7",
    needs=[VETH],
)
@pytest.mark.parametrize(("value", "grows"), [(0, False), (1, True)])
def test_a_receive_buffer_grows(peers, observe, value, grows):
    peers.right.namespace.sysctl.update({MODERATE: value, RMEM: f"4096 65536 {LARGEST}"})
    before, after = buffers(peers)

    assert [observe("grows", after > before), observe("no_more", after <= LARGEST)] == [grows, True]


@claim(
    "tcp.7/tcp_moderate_rcvbuf/default",
    sentence=(
        "tcp.7/tcp_moderate_rcvbuf/default",
        "tcp.7/tcp_moderate_rcvbuf/tunes",
        "ip-sysctl/tcp_moderate_rcvbuf/default",
    ),
    section="/proc interfaces",
    says="In a new network namespace the receive buffer of a TCP connection over IPv4 that reads much grows.",
    since="2.6.7",
    needs=[VETH],
)
def test_a_receive_buffer_grows_at_first(peers, observe):
    before, after = buffers(peers)

    assert observe("grows", after > before) is True


@claim(
    "tcp.7/tcp_rmem/most-at-first",
    sentence="tcp.7/tcp_rmem/most-default",
    section="/proc interfaces",
    says="In a new network namespace the third number of tcp_rmem, half of which is the largest SO_RCVLOWAT "
    "of a TCP socket, is 4 MB at most.",
    since="2.6.17",
    needs=[MEMORY],
    expect=[
        differs(
            "it is 6 MB at most",
            since="3.4",
            until="6.16",
            commit="b49960a05e32",
            observed={"at_most": False},
        ),
        differs("it is 32 MB at most", since="6.16", commit="572be9bf9d0d", observed={"at_most": False}),
    ],
)
def test_the_largest_receive_buffer_at_first(ns, observe):
    with Socket.tcp() as sock:
        sock.rcvlowat = 2**31 - 1

        assert observe("at_most", sock.rcvlowat <= 4 * 2**20 // 2) is True


@claim(
    "tcp.7/tcp_workaround_signed_windows/default",
    sentence=(
        "tcp.7/tcp_workaround_signed_windows/default",
        "ip-sysctl/tcp_workaround_signed_windows/default",
    ),
    section="/proc interfaces",
    says="In a new network namespace the SYN of a TCP socket over IPv4 with a large receive buffer "
    "advertises a window of more than 32767 bytes.",
    since="2.6.26",
    needs=ON_THE_WIRE,
)
def test_windows_are_unsigned_at_first(peers, observe):
    assert observe("larger", offered_window(peers) * SEGMENT > 32_767) is True


@claim(
    "tcp.7/tcp_workaround_signed_windows/unsigned",
    sentence=(
        "tcp.7/tcp_workaround_signed_windows/signed",
        "tcp.7/tcp_workaround_signed_windows/unsigned",
        "ip-sysctl/tcp_workaround_signed_windows/signed",
        "ip-sysctl/tcp_workaround_signed_windows/unsigned",
    ),
    section="/proc interfaces",
    says="A listener over IPv4 with a large receive buffer answers a client that offers no window scaling "
    "with a window of more than 32767 bytes where tcp_workaround_signed_windows is 0, and of no more where "
    "it is 1.",
    since="2.6.26",
    needs=MADE,
)
@pytest.mark.parametrize(("value", "larger"), [(0, True), (1, False)])
def test_a_client_without_scaling(peers, observe, value, larger):
    peers.right.namespace.sysctl[WORKAROUND] = value
    with made_peer(peers) as peer, peers.right.entered(), listening(peers.right.address) as listener:
        answer = peer.ask(listener)

        assert observe("flags_and_larger", [answer.flags, answer.window > 32_767]) == [SYN | ACK, larger]


@claim(
    "tcp.7/tcp_wmem/grows",
    sentence=(
        "tcp.7/tcp_wmem/range",
        "tcp.7/tcp_wmem/most",
        "tcp.7/tcp_wmem/increase",
        "ip-sysctl/tcp_wmem/max",
    ),
    section="/proc interfaces",
    says="The send buffer of a TCP connection over IPv4 that sends much grows from the second number of "
    "tcp_wmem to no more than the third.",
    since="2.6.12",
    needs=[VETH],
)
@pytest.mark.parametrize(("most", "grows"), [(SIZE, False), (10 * SIZE, True)])
def test_a_send_buffer_grows(peers, observe, most, grows):
    peers.left.namespace.sysctl["net.ipv4.tcp_wmem"] = f"4096 {SIZE} {most}"
    with (
        peers.right.entered(),
        listening(peers.right.address) as listener,
        peers.left.entered(),
        Socket.tcp() as sender,
    ):
        before = sender.sndbuf
        sender.connect(listener.getsockname())
        with listener.accept()[0] as sock:
            sock.rcvtimeo = SOON
            move(sender, sock, 64)

            sizes = [observe("before", before), observe("grows", sender.sndbuf > SIZE), sender.sndbuf <= most]
            assert sizes == [SIZE, grows, True]
