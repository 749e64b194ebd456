"""What sysctls of TCP are at first, and which values they take."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import OWN_KERNEL, VETH, qdisc
from conformance.plugin.refusal import refused
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.made_peer import MADE, asking_for_cookie, made_peers
from conformance.plugin.setups.segments import (
    FAST_OPEN,
    WINDOW_SCALE,
    next_segment,
    segments,
)
from conformance.plugin.timing import SOON
from libsocket import Socket
from netns import Capability, Peers, SysctlRefused, initial_sysctl_set, only

AUTOCORKING, CONGESTION, FASTOPEN, KEY = (
    f"net.ipv4.tcp_{name}" for name in ("autocorking", "congestion_control", "fastopen", "fastopen_key")
)
ALLOWED = "net.ipv4.tcp_allowed_congestion_control"
SCALING = "net.ipv4.tcp_window_scaling"
ON_THE_WIRE = (Capability.NET_RAW, VETH)
WRITES = 8
SERVER = 2
"""A bit of net.ipv4.tcp_fastopen."""


def cookies(hosts: Peers, keys: list[str]) -> list[bytes]:
    """The Fast Open cookies that a server gives to one client with one key after another."""
    right = hosts.right.namespace
    right.sysctl[FASTOPEN] = SERVER
    given = []
    with made_peers(hosts, len(keys)) as ends, hosts.right.entered():
        for end, key in zip(ends, keys, strict=True):
            right.sysctl[KEY] = key
            with listening(hosts.right.address) as listener:
                listener.tcp_fastopen = 5
                given.append(end.ask(listener, asking_for_cookie()).options[FAST_OPEN])
    return given


def small_writes(hosts: Peers) -> tuple[int, int]:
    """Bytes written one by one, and the segments that are made of them while the first waits in the queue."""
    # Or else a connection whose round trips are slow has segments of its own wait: then it gathers anyhow.
    hosts.left.namespace.sysctl["net.ipv4.tcp_pacing_ss_ratio"] = 1000
    with (
        hosts.right.entered(),
        listening(hosts.right.address) as listener,
        hosts.left.entered(),
        Socket.tcp() as sock,
        Socket.udp() as filler,
    ):
        sock.connect(listener.getsockname())
        sock.tcp_nodelay = True
        hosts.left.namespace.add_qdisc(hosts.left.device, "tbf", rate="8kbit", burst=2000, limit=100_000)
        for _ in range(2):
            filler.sendto(bytes(1400), (hosts.right.address, 9))
        for _ in range(WRITES):
            sock.send(b"x")
        info = sock.tcp_info
        return info.bytes_sent + info.notsent_bytes, info.data_segs_out


@claim(
    "tcp.7/proc/boolean",
    sentence="tcp.7/proc/boolean",
    section="/proc interfaces",
    says="tcp_window_scaling, which is called boolean, can be 2 or 255, and the SYN of a TCP socket over "
    "IPv4 offers window scaling then as it does where it is 1.",
    needs=ON_THE_WIRE,
)
@pytest.mark.parametrize("value", [1, 2, 255])
def test_other_numbers_are_true(peers, observe, value):
    peers.left.namespace.sysctl[SCALING] = 0
    peers.left.namespace.sysctl[SCALING] = value
    with peers.left.entered(), Socket.tcp() as sock, peers.right.entered(), segments() as arriving:
        arriving.rcvtimeo = SOON
        with refused(errno.ECONNREFUSED):
            sock.connect((peers.right.address, 9))

        assert observe("offered", WINDOW_SCALE in next_segment(arriving).options) is True


@claim(
    "tcp.7/tcp_fastopen/default",
    sentence=("tcp.7/tcp_fastopen/default", "ip-sysctl/tcp_fastopen/default"),
    section="/proc interfaces",
    says="In a new network namespace a TCP socket over IPv4 may use Fast Open as a client: its SYN asks for "
    "a cookie; a listener with TCP_FASTOPEN gives none before the bit for servers is set.",
    since="3.13",
    needs=MADE,
    survives={"no-op: sendto(*, 44, 0*": "of the client only the SYN is looked at, which comes again"},
)
def test_fast_open_at_first(peers, observe):
    with (
        made_peers(peers, 3) as ends,
        peers.right.entered(),
        listening(peers.right.address) as listener,
        Socket.tcp() as client,
    ):
        listener.tcp_fastopen = 5
        given = [FAST_OPEN in ends[0].ask(listener, asking_for_cookie()).options]
        client.tcp_fastopen_connect = True
        asked = FAST_OPEN in ends[1].answer(client).options
        peers.right.namespace.sysctl[FASTOPEN] = SERVER
        given.append(FAST_OPEN in ends[2].ask(listener, asking_for_cookie()).options)

        assert observe("asks_and_gives", [asked, given]) == [True, [False, True]]


@claim(
    "tcp.7/tcp_fastopen_key/sets",
    sentence=("tcp.7/tcp_fastopen_key/sets", "ip-sysctl/tcp_fastopen_key/sets"),
    section="/proc interfaces",
    says="A TCP listener over IPv4 gives one client the same Fast Open cookie as long as tcp_fastopen_key "
    "of its network namespace is the same, and another with another key.",
    since="4.15",
    needs=MADE,
)
def test_the_key_makes_the_cookie(peers, observe):
    one, another = "00000001-00000002-00000003-00000004", "00000001-00000002-00000003-00000005"
    first, second, third = cookies(peers, [one, another, one])

    assert observe("same", [first == second, first == third, b"" in (first, second)]) == [False, True, False]


@claim(
    "tcp.7/tcp_autocorking/coalesces",
    sentence=(
        "tcp.7/tcp_autocorking/coalesces",
        "tcp.7/tcp_autocorking/queued",
        "ip-sysctl/tcp_autocorking/coalesces",
        "ip-sysctl/tcp_autocorking/queued",
    ),
    section="/proc interfaces",
    says="Of 8 small writes of a TCP connection over IPv4 with TCP_NODELAY, while the first waits in the "
    "queue of the interface, fewer than 4 segments are made where tcp_autocorking is 1, and 8 where it is 0.",
    since="3.14",
    needs=[VETH, qdisc("tbf")],
    survives={
        "no-op: setsockopt(*TCP_NODELAY*": "Nagle's rule holds back too; it is seen to be off with 0",
        "no-op: sendto(*= 1400": "with 0 nothing need wait in the queue; with 1 it is seen to do so",
    },
)
@pytest.mark.parametrize(("value", "fewer", "every"), [(0, False, True), (1, True, False)])
def test_small_writes_are_gathered(peers, observe, value, fewer, every):
    peers.left.namespace.sysctl[AUTOCORKING] = value
    written, made = small_writes(peers)

    seen = [written, made < WRITES // 2, made == WRITES]
    assert observe("written_fewer_and_every", seen) == [WRITES, fewer, every]


@claim(
    "tcp.7/tcp_autocorking/default",
    sentence=("tcp.7/tcp_autocorking/default", "ip-sysctl/tcp_autocorking/default"),
    section="/proc interfaces",
    says="In a new network namespace of 8 small writes of a TCP connection over IPv4 with TCP_NODELAY, "
    "while the first waits in the queue of the interface, fewer than 4 segments are made.",
    since="3.14",
    needs=[VETH, qdisc("tbf")],
    survives={"no-op: setsockopt(*TCP_NODELAY*": "Nagle's rule holds back too; it is seen to be off with 0"},
)
def test_small_writes_are_gathered_at_first(peers, observe):
    written, made = small_writes(peers)

    assert observe("written_and_fewer", [written, made < WRITES // 2]) == [WRITES, True]


@claim(
    "tcp.7/tcp_allowed_congestion_control/list",
    sentence=(
        "tcp.7/tcp_allowed_congestion_control/list",
        "ip-sysctl/tcp_allowed_congestion_control/choices",
    ),
    section="/proc interfaces",
    says='Where tcp_allowed_congestion_control is set to the line "cubic reno" a TCP socket takes either '
    "without CAP_NET_ADMIN.",
    since="2.6.20",
    needs=[OWN_KERNEL],
)
@pytest.mark.parametrize("name", ["cubic", "reno"])
def test_each_of_the_list_is_allowed(ns, observe, name):
    with initial_sysctl_set(ALLOWED, "cubic reno\n"), Socket.tcp() as sock:
        sock.tcp_congestion = {"cubic": "reno", "reno": "cubic"}[name]
        with only():
            sock.tcp_congestion = name

        assert observe("chosen", sock.tcp_congestion) == name


@claim(
    "tcp.7/tcp_allowed_congestion_control/default",
    sentence=(
        "tcp.7/tcp_allowed_congestion_control/default",
        "ip-sysctl/tcp_allowed_congestion_control/default",
    ),
    section="/proc interfaces",
    says="As the kernel begins a TCP socket takes reno without CAP_NET_ADMIN, and the algorithm that it "
    "begins with.",
    since="2.6.20",
    needs=[OWN_KERNEL],
)
def test_two_are_allowed_at_first(ns, observe):
    with Socket.tcp() as sock:
        first = sock.tcp_congestion
        with only():
            sock.tcp_congestion = "reno"
            second = sock.tcp_congestion
            sock.tcp_congestion = first

        assert observe("chosen", [second, sock.tcp_congestion == first]) == ["reno", True]


@claim(
    "tcp.7/tcp_allowed_congestion_control/subset",
    sentence=(
        "tcp.7/tcp_allowed_congestion_control/subset",
        "tcp.7/tcp_available_congestion_control/limits",
        "ip-sysctl/tcp_allowed_congestion_control/subset",
    ),
    section="/proc interfaces",
    says="tcp_allowed_congestion_control is not set to a name that is not in "
    "tcp_available_congestion_control, and what was allowed stays allowed: without CAP_NET_ADMIN a TCP "
    "socket takes reno.",
    since="2.6.20",
    needs=[OWN_KERNEL],
)
def test_what_is_not_there_is_not_allowed(ns, observe):
    with initial_sysctl_set(ALLOWED, "reno"), Socket.tcp() as sock:
        sock.tcp_congestion = "cubic"
        with pytest.raises(SysctlRefused) as refusal, initial_sysctl_set(ALLOWED, "no_such_name"):
            pass
        assert refusal.value.errno == errno.ENOENT
        with only():
            sock.tcp_congestion = "reno"

        assert observe("chosen", sock.tcp_congestion) == "reno"
