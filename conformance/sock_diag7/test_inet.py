"""What sock_diag tells of TCP sockets over IPv4 and IPv6, and of UDP sockets beside them."""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import ANOTHER_USER, IPV6
from conformance.plugin.refusal import refused
from conformance.plugin.setups.inet_diag import (
    CONG,
    INFO,
    KEEPALIVE,
    MEMINFO,
    NO_TIMER,
    RETRANSMIT,
    SKMEMINFO,
    SKV6ONLY,
    TCLASS,
    TOS,
    Told,
    exact,
    id_of,
    listed,
    nobody,
)
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.readiness import await_readable
from conformance.plugin.setups.unix_diag import (
    ASKER_MAY_STAY,
    CLOSE,
    ESTABLISHED,
    FWD_ALLOC,
    LISTEN,
    RCVBUF,
    RMEM_ALLOC,
    SNDBUF,
    WMEM_QUEUED,
    inode_of,
)
from conformance.plugin.timing import TICK
from libsocket import Filter, Socket
from netns import Capability, in_child

IDLE = 0.3
"""Seconds for which a connection receives nothing."""
FAMILIES = pytest.mark.parametrize(
    ("family", "host"), [(socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")], ids=["ipv4", "ipv6"]
)
BOTH_MEMORIES = pytest.mark.parametrize(
    ("kind", "place"), [(MEMINFO, 1), (SKMEMINFO, WMEM_QUEUED)], ids=["meminfo", "sk"]
)
NOBODY_ELSE = 61_007
"""A user that nothing here has."""
EXTENSIONS = {MEMINFO, INFO, CONG, TOS, TCLASS, SKMEMINFO}
"""The attributes that are told where they are asked for."""


def words(octets: bytes) -> list[int]:
    """Numbers of 32 bits."""
    return [int.from_bytes(octets[at : at + 4], sys.byteorder) for at in range(0, len(octets), 4)]


def of_list(sock: Socket, *attributes: int) -> Told:
    """What a list tells of a socket."""
    (one,) = (told for told in listed(sock, *attributes) if told.inode == inode_of(sock))
    return one


@claim(
    "sock_diag.7/inet_diag_req_v2/by-id",
    sentence=(
        "sock_diag.7/inet_diag_req_v2/struct",
        "sock_diag.7/inet_diag_req_v2/sockid",
        "sock_diag.7/inet_diag_req_v2/id",
        "sock_diag.7/inet_diag_req_v2/id-addresses",
        "sock_diag.7/inet_diag_req_v2/id-order",
        "sock_diag.7/inet_diag_sockid/idiag-sport",
        "sock_diag.7/inet_diag_sockid/idiag-dport",
        "sock_diag.7/inet_diag_sockid/idiag-src",
        "sock_diag.7/inet_diag_sockid/idiag-dst",
        "sock_diag.7/inet_diag_msg/struct",
        "sock_diag.7/inet_diag_msg/idiag-family",
        "sock_diag.7/inet_diag_msg/idiag-inode",
    ),
    section="IPv4 and IPv6 sockets",
    says="A TCP socket over IPv4 or IPv6, each end of a connection, is told of by its address and port and "
    "those of its peer, in network byte order, and the answer has them, too, and its inode number.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_a_socket_is_known_by_its_addresses(ns, observe, family, host):
    left, right = Socket.tcp_pair(family)
    with left, right:
        told = [exact(sock) for sock in (left, right)]
        same = [
            one.id.of_cookie((0, 0)) == id_of(sock).of_cookie((0, 0))
            for one, sock in zip(told, (left, right), strict=True)
        ]

        found = [one.inode - inode_of(sock) for one, sock in zip(told, (left, right), strict=True)]
        assert observe("other_inodes_and_same_ids", [found, same]) == [[0, 0], [True, True]]


@claim(
    "sock_diag.7/inet_diag_sockid/cookie",
    sentence=(
        "sock_diag.7/inet_diag_sockid/idiag-cookie",
        "sock_diag.7/inet_diag_sockid/idiag-cookie-ignored",
    ),
    section="IPv4 and IPv6 sockets",
    says="Asked for with the cookie of an earlier answer or with -1 in both parts, a TCP socket over IPv4 "
    "or IPv6 is told of, and with the cookie of its peer it is refused; a list has both whatever the cookie.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_a_cookie_names_one_socket(ns, observe, family, host):
    left, right = Socket.tcp_pair(family)
    with left, right:
        own, others = exact(left).id.cookie, exact(right).id.cookie
        with refused():
            exact(left, id=id_of(left).of_cookie(others))

        found = exact(left, id=id_of(left).of_cookie(own)).inode - inode_of(left)
        every = listed(left, id=nobody(family).of_cookie(others))
        assert observe("another_inode_and_list", [found, names_of(every, left=left, right=right)]) == [
            0,
            ["left", "right"],
        ]


def names_of(found: list[Told], **sockets: Socket) -> list[str]:
    """Sockets by the names that they are given here, in the order of the alphabet; ``?`` for another."""
    names = {inode_of(sock): name for name, sock in sockets.items()}
    return sorted(names.get(one.inode, "?") for one in found)


@claim(
    "sock_diag.7/DESCRIPTION/filters-port",
    sentence="sock_diag.7/DESCRIPTION/filters",
    section="DESCRIPTION",
    says="A list of TCP sockets over IPv4 or IPv6 that listen is filtered by nothing but their state: a port "
    "in idiag_sport changes nothing.",
    needs=[IPV6],
    expect=differs(
        "sockets with another port are left out",
        since="2.6.14",
        commit="1da177e4c3f4",
        observed={"told_of": [["one", "two"], ["one"]]},
    ),
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_a_list_knows_no_port(ns, observe, family, host):
    with listening(host) as one, listening(host) as two:
        any_, port = nobody(family), one.getsockname()[1]
        asked = [any_, replace(any_, source=(any_.source[0], port))]
        found = [names_of(listed(one, states=1 << LISTEN, id=id), one=one, two=two) for id in asked]

        assert observe("told_of", found) == [["one", "two"], ["one", "two"]]


@claim(
    "sock_diag.7/DESCRIPTION/named-only-tcp",
    sentence="sock_diag.7/DESCRIPTION/named-only",
    section="DESCRIPTION",
    says="Of TCP sockets over IPv4 or IPv6 that neither listen nor are connected, a list has the one that is "
    "bound by bind(2), and not one that is not.",
    needs=[IPV6],
    expect=differs(
        "the one that is bound is not told of before it listens or is connected",
        since="2.6.14",
        until="6.8",
        commit="1da177e4c3f4",
        observed={"told_of": ["listener"]},
    ),
    survives={"no-op: listen(*": "what is bound is told of as well"},
)
@FAMILIES
def test_a_bound_socket_is_told_of(ns, observe, family, host):
    with Socket.tcp(family) as bound, Socket.tcp(family) as unbound, listening(host) as listener:
        bound.bind((host, 0))
        found = names_of(listed(bound), bound=bound, unbound=unbound, listener=listener)

        assert observe("told_of", found) == ["bound", "listener"]


@claim(
    "sock_diag.7/idiag_states/filter",
    sentence=(
        "sock_diag.7/inet_diag_req_v2/idiag-states",
        "sock_diag.7/inet_diag_req_v2/idiag-states-only",
        "sock_diag.7/inet_diag_req_v2/idiag-states-ignored",
        "sock_diag.7/inet_diag_msg/idiag-state",
    ),
    section="IPv4 and IPv6 sockets",
    says="A list of TCP sockets over IPv4 or IPv6 has those whose state is in idiag_states, TCP_LISTEN or "
    "TCP_ESTABLISHED, and the answer has it; where one socket is asked for the mask is ignored.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
@pytest.mark.parametrize(
    ("states", "names"),
    [
        (1 << ESTABLISHED, ["left", "right"]),
        (1 << LISTEN, ["listener"]),
        (1 << ESTABLISHED | 1 << LISTEN, ["left", "listener", "right"]),
        (0, []),
    ],
    ids=["established", "listen", "both", "none"],
)
def test_a_mask_of_states_filters(ns, observe, *, family, host, states, names):
    left, right = Socket.tcp_pair(family)
    with left, right, listening(host) as listener:
        one_by_one = [exact(sock, states=0).state for sock in (left, right, listener)]
        told = names_of(listed(listener, states=states), left=left, right=right, listener=listener)

        assert observe("states_and_told_of", [one_by_one, told]) == [
            [ESTABLISHED, ESTABLISHED, LISTEN],
            names,
        ]


@claim(
    "sock_diag.7/idiag_ext/attributes",
    sentence=(
        "sock_diag.7/inet_diag_req_v2/idiag-ext",
        "sock_diag.7/inet_diag_req_v2/idiag-ext-attributes",
        "sock_diag.7/INET_DIAG_TCLASS/ipv6-only",
    ),
    section="IPv4 and IPv6 sockets",
    says="Of a connected TCP socket each attribute is told that idiag_ext asks for, by the bit below its "
    "number: INET_DIAG_MEMINFO (1), INET_DIAG_INFO (2), INET_DIAG_CONG (4), INET_DIAG_TOS (5), "
    "INET_DIAG_SKMEMINFO (7), and over IPv6 INET_DIAG_TCLASS (6), which over IPv4 is not.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
@pytest.mark.parametrize("wanted", sorted(EXTENSIONS))
def test_each_bit_has_its_attribute(ns, observe, *, family, host, wanted):
    left, right = Socket.tcp_pair(family)
    with left, right:
        found = [sorted(EXTENSIONS & set(told.attributes)) for told in (exact(left), exact(left, wanted))]

        expected = [] if wanted == TCLASS and family == socket.AF_INET else [wanted]
        assert observe("without_and_with", found) == [[], expected]


@claim(
    "sock_diag.7/INET_DIAG_TOS/payload",
    sentence="sock_diag.7/INET_DIAG_TOS/payload",
    section="IPv4 and IPv6 sockets",
    says="INET_DIAG_TOS of a TCP socket over IPv4 is a byte, its IP_TOS.",
    survives=ASKER_MAY_STAY,
)
def test_the_tos_is_told(ns, observe):
    left, right = Socket.tcp_pair()
    with left, right:
        before = exact(left, TOS).attributes[TOS].hex()
        left.ip_tos = 0x28

        assert observe("before_and_set", [before, exact(left, TOS).attributes[TOS].hex()]) == ["00", "28"]


@claim(
    "sock_diag.7/INET_DIAG_TCLASS/payload",
    sentence="sock_diag.7/INET_DIAG_TCLASS/payload",
    section="IPv4 and IPv6 sockets",
    says="INET_DIAG_TCLASS of a TCP socket over IPv6 is a byte, its IPV6_TCLASS.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
def test_the_traffic_class_is_told(ns, observe):
    left, right = Socket.tcp_pair(socket.AF_INET6)
    with left, right:
        before = exact(left, TCLASS).attributes[TCLASS].hex()
        left.ipv6_tclass = 0x28

        assert observe("before_and_set", [before, exact(left, TCLASS).attributes[TCLASS].hex()]) == [
            "00",
            "28",
        ]


@claim(
    "sock_diag.7/INET_DIAG_SKV6ONLY/listening",
    sentence="sock_diag.7/INET_DIAG_TCLASS/skv6only",
    section="IPv4 and IPv6 sockets",
    says="Of a TCP socket over IPv6 that listens INET_DIAG_SKV6ONLY (11) is told, a byte, 1 with "
    "IPV6_V6ONLY and 0 without; of one that is connected it is not.",
    needs=[IPV6],
    survives={**ASKER_MAY_STAY, "no-op: setsockopt(SOL_IPV6, IPV6_V6ONLY, ?0?*": "it is so at first"},
)
@pytest.mark.parametrize("only", [False, True], ids=["both", "ipv6-only"])
def test_whether_it_is_for_ipv6_alone_is_told(ns, observe, only):
    left, right = Socket.tcp_pair(socket.AF_INET6)
    with left, right, Socket.tcp(socket.AF_INET6) as listener:
        listener.ipv6_v6only = only
        listener.bind(("::", 0))
        listener.listen()
        found = [exact(sock, TCLASS).attributes.get(SKV6ONLY, b"").hex() for sock in (listener, left)]

        assert observe("listener_and_connected", found) == [f"0{only:d}", ""]


@claim(
    "sock_diag.7/INET_DIAG_SKV6ONLY/close",
    sentence="sock_diag.7/INET_DIAG_TCLASS/skv6only",
    section="IPv4 and IPv6 sockets",
    says="Of a bound UDP socket over IPv6, whose state is TCP_CLOSE, INET_DIAG_SKV6ONLY (11) is told, a "
    "byte, 1 with IPV6_V6ONLY and 0 without; once it is connected, its state TCP_ESTABLISHED, it is not.",
    needs=[IPV6],
    survives={**ASKER_MAY_STAY, "no-op: setsockopt(SOL_IPV6, IPV6_V6ONLY, ?0?*": "it is so at first"},
)
@pytest.mark.parametrize("only", [False, True], ids=["both", "ipv6-only"])
def test_whether_it_is_for_ipv6_alone_is_told_of_udp(ns, observe, only):
    with Socket.udp(socket.AF_INET6) as sock:
        sock.ipv6_v6only = only
        sock.bind(("::", 0))
        told = listed(sock, TCLASS)
        sock.connect(("::1", 9))
        told += listed(sock, TCLASS)

        found = [[one.state, one.attributes.get(SKV6ONLY, b"").hex()] for one in told]
        assert observe("states_and_bytes", found) == [[CLOSE, f"0{only:d}"], [ESTABLISHED, ""]]


@claim(
    "sock_diag.7/INET_DIAG_CONG/name",
    sentence="sock_diag.7/INET_DIAG_CONG/payload",
    section="IPv4 and IPv6 sockets",
    says="INET_DIAG_CONG of a TCP socket over IPv4 or IPv6 is the name of its algorithm, which "
    "TCP_CONGESTION sets.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_the_algorithm_is_told(ns, observe, family, host):
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.tcp_congestion = "reno"

        assert observe("name", exact(left, CONG).attributes[CONG].rstrip(b"\0").decode()) == "reno"


@claim(
    "sock_diag.7/INET_DIAG_INFO/tcp",
    sentence=("sock_diag.7/INET_DIAG_INFO/payload", "sock_diag.7/INET_DIAG_INFO/tcp"),
    section="IPv4 and IPv6 sockets",
    says="INET_DIAG_INFO of a TCP socket over IPv4 or IPv6 is a struct tcp_info: its first byte is the "
    "state, and it has as many bytes as TCP_INFO.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_tcp_info_is_told(ns, observe, family, host):
    left, right = Socket.tcp_pair(family)
    with left, right, listening(host) as listener:
        infos = [exact(sock, INFO).attributes[INFO] for sock in (left, listener)]
        more = [len(one) - len(left.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1000)) for one in infos]

        found = [[one[0] for one in infos], more]
        assert observe("states_and_more_bytes", found) == [[ESTABLISHED, LISTEN], [0, 0]]


@claim(
    "sock_diag.7/INET_DIAG_MEMINFO/struct",
    sentence=("sock_diag.7/INET_DIAG_MEMINFO/payload", "sock_diag.7/INET_DIAG_MEMINFO/idiag-rmem"),
    section="IPv4 and IPv6 sockets",
    says="INET_DIAG_MEMINFO of a TCP socket over IPv4 or IPv6 is four numbers of 32 bits, the first of "
    "which is 0 where nothing has come, and at least as much as has.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_memory_is_told(ns, observe, family, host):
    left, right = Socket.tcp_pair(family)
    with left, right:
        before = words(exact(right, MEMINFO).attributes[MEMINFO])
        left.send(b"hello")
        await_readable(right)
        after = words(exact(right, MEMINFO).attributes[MEMINFO])

        assert observe("sizes_and_rmem", [len(before), before[0], after[0] >= 5]) == [4, 0, True]


@contextmanager
def unacknowledged(family: int) -> Iterator[Socket]:
    """A TCP socket whose peer has got five bytes, and which takes no acknowledgement: a filter drops it."""
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.attach_filter = Filter.accept(0)
        left.send(b"hello")
        await_readable(right)
        yield left


@claim(
    "sock_diag.7/INET_DIAG_MEMINFO/wmem-unsent",
    sentence=("sock_diag.7/INET_DIAG_MEMINFO/idiag-wmem", "sock_diag.7/memory/sk-meminfo-wmem-queued"),
    section="Socket memory information",
    says="idiag_wmem of INET_DIAG_MEMINFO, and SK_MEMINFO_WMEM_QUEUED of INET_DIAG_SKMEMINFO, of a TCP "
    "socket over IPv4 or IPv6 are 0 at first, and at least as much as it was given that it cannot send: "
    "loopback is down.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
@BOTH_MEMORIES
def test_what_cannot_be_sent_is_told(ns, observe, *, family, host, kind, place):
    left, right = Socket.tcp_pair(family)
    with left, right:
        before = words(exact(left, kind).attributes[kind])[place]
        ns.set_link("lo", up=False)
        left.send(b"hello")
        after = words(of_list(left, kind).attributes[kind])[place]

        assert observe("before_and_enough", [before, after >= 5]) == [0, True]


@claim(
    "sock_diag.7/INET_DIAG_MEMINFO/wmem-sent",
    sentence=("sock_diag.7/INET_DIAG_MEMINFO/idiag-wmem", "sock_diag.7/memory/sk-meminfo-wmem-queued"),
    section="Socket memory information",
    says="idiag_wmem of INET_DIAG_MEMINFO, and SK_MEMINFO_WMEM_QUEUED of INET_DIAG_SKMEMINFO, of a TCP "
    "socket over IPv4 or IPv6 are 0 once all that it was given is sent.",
    needs=[IPV6],
    expect=differs(
        "what was sent and is not acknowledged counts as well",
        since="2.6.14",
        commit="1da177e4c3f4",
        observed={"counts": True},
    ),
    survives=ASKER_MAY_STAY,
)
@FAMILIES
@BOTH_MEMORIES
def test_what_is_sent_is_not_told(ns, observe, *, family, host, kind, place):
    with unacknowledged(family) as sock:
        assert observe("counts", words(exact(sock, kind).attributes[kind])[place] >= 5) is False


@claim(
    "sock_diag.7/INET_DIAG_MEMINFO/tmem",
    sentence="sock_diag.7/INET_DIAG_MEMINFO/idiag-tmem",
    section="IPv4 and IPv6 sockets",
    says="idiag_tmem of a TCP socket over IPv4 or IPv6 is not 0 while its send queue has what was sent and "
    "is not acknowledged.",
    needs=[IPV6],
    expect=differs(
        "it is the memory of packets that an interface has not yet sent: 0 where the peer has got them",
        since="2.6.14",
        commit="1da177e4c3f4",
        observed={"wqueue_and_tmem": [5, 0]},
    ),
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_the_send_queue_is_told(ns, observe, family, host):
    with unacknowledged(family) as sock:
        told = exact(sock, MEMINFO)
        memory = observe("wqueue_and_tmem", [told.wqueue, words(told.attributes[MEMINFO])[3]])

        assert memory[1] > 0


@claim(
    "sock_diag.7/INET_DIAG_MEMINFO/fmem-udp",
    sentence=("sock_diag.7/INET_DIAG_MEMINFO/idiag-fmem", "sock_diag.7/memory/sk-meminfo-fwd-alloc"),
    section="Socket memory information",
    says="idiag_fmem of INET_DIAG_MEMINFO, and SK_MEMINFO_FWD_ALLOC of INET_DIAG_SKMEMINFO, which are TCP's, "
    "are 0 for a UDP socket over IPv4 or IPv6 at which a datagram waits.",
    needs=[IPV6],
    expect=differs(
        "UDP takes whole pages for what waits as well, and the rest of them counts",
        since="2.6.25",
        commit="95766fff6b9a",
        observed={"rmem_and_some": [True, True]},
    ),
    survives=ASKER_MAY_STAY,
)
@FAMILIES
@pytest.mark.parametrize(
    ("kind", "places"), [(MEMINFO, (0, 2)), (SKMEMINFO, (RMEM_ALLOC, FWD_ALLOC))], ids=["meminfo", "sk"]
)
def test_udp_has_no_memory_for_later(ns, observe, *, family, host, kind, places):
    with Socket.udp(family) as receiver, Socket.udp(family) as sender:
        receiver.bind((host, 0))
        sender.sendto(b"hello", receiver.getsockname())
        await_readable(receiver)
        memory = words(of_list(receiver, kind).attributes[kind])
        rmem, fmem = (memory[place] > 0 for place in places)

        assert observe("rmem_and_some", [rmem, fmem]) == [True, False]


@claim(
    "sock_diag.7/INET_DIAG_SKMEMINFO/buffers",
    sentence=(
        "sock_diag.7/INET_DIAG_SKMEMINFO/payload",
        "sock_diag.7/memory/array",
        "sock_diag.7/memory/sk-meminfo-rcvbuf",
        "sock_diag.7/memory/sk-meminfo-sndbuf",
    ),
    section="Socket memory information",
    says="INET_DIAG_SKMEMINFO of a TCP socket over IPv4 or IPv6 is an array of eight numbers of 32 bits at "
    "least, the second what SO_RCVBUF reads and the fourth what SO_SNDBUF reads.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_the_buffers_are_told(ns, observe, family, host):
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.rcvbuf, left.sndbuf = 9_000, 11_000
        memory = words(exact(left, SKMEMINFO).attributes[SKMEMINFO])

        assert observe("enough_and_buffers", [len(memory) >= 8, memory[RCVBUF], memory[SNDBUF]]) == [
            True,
            18_000,
            22_000,
        ]


@claim(
    "sock_diag.7/idiag_rqueue/listening",
    sentence=(
        "sock_diag.7/inet_diag_msg/idiag-rqueue-listening",
        "sock_diag.7/inet_diag_msg/idiag-wqueue-listening",
    ),
    section="IPv4 and IPv6 sockets",
    says="idiag_rqueue of a TCP socket over IPv4 or IPv6 that listens is the number of connections that "
    "wait, and idiag_wqueue its backlog.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_the_backlog_is_told(ns, observe, family, host):
    with listening(host, backlog=7) as listener:
        counts = [[told.rqueue, told.wqueue] for told in [exact(listener)]]
        with pending_connection(listener):
            counts += [[told.rqueue, told.wqueue] for told in [exact(listener)]]

        assert observe("before_and_waiting", counts) == [[0, 7], [1, 7]]


@claim(
    "sock_diag.7/idiag_rqueue/connected",
    sentence="sock_diag.7/inet_diag_msg/idiag-rqueue",
    section="IPv4 and IPv6 sockets",
    says="idiag_rqueue of a connected TCP socket over IPv4 or IPv6 is the number of bytes that wait to be "
    "received.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_what_has_come_is_counted(ns, observe, family, host):
    left, right = Socket.tcp_pair(family)
    with left, right:
        counts = [exact(right).rqueue]
        left.send(b"hello")
        await_readable(right)
        counts += [exact(right).rqueue]
        right.recv(2)

        assert observe("new_sent_received", [*counts, exact(right).rqueue]) == [0, 5, 3]


@claim(
    "sock_diag.7/idiag_wqueue/connected",
    sentence="sock_diag.7/inet_diag_msg/idiag-wqueue",
    section="IPv4 and IPv6 sockets",
    says="idiag_wqueue of a connected TCP socket over IPv4 or IPv6 that has sent nothing is not 0: there is "
    "memory for sending.",
    needs=[IPV6],
    expect=differs(
        "it is the number of bytes that were sent and are not acknowledged: at first 0",
        since="2.6.14",
        commit="1da177e4c3f4",
        observed={"new": 0},
    ),
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_the_memory_to_send_is_told(ns, observe, family, host):
    left, right = Socket.tcp_pair(family)
    with left, right:
        assert observe("new", exact(left).wqueue) > 0


@claim(
    "sock_diag.7/idiag_timer/keepalive",
    sentence=(
        "sock_diag.7/inet_diag_msg/idiag-timer",
        "sock_diag.7/inet_diag_msg/idiag-expires",
        "sock_diag.7/inet_diag_msg/idiag-expires-others",
        "sock_diag.7/inet_diag_msg/idiag-retrans",
        "sock_diag.7/inet_diag_msg/idiag-retrans-others",
    ),
    section="IPv4 and IPv6 sockets",
    says="idiag_timer of a TCP socket over IPv4 or IPv6 that is connected and idle is 0, and idiag_expires "
    "and idiag_retrans, too; with SO_KEEPALIVE and TCP_KEEPIDLE of 1,000 seconds it is 2, idiag_expires as "
    "many milliseconds at most and more than nine tenths of them, and idiag_retrans 0.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_a_timer_is_told(ns, observe, family, host):
    left, right = Socket.tcp_pair(family)
    with left, right:
        idle = exact(left)
        left.tcp_keepidle = 1000
        left.keepalive = True
        kept = exact(left)

        found = [[told.timer, told.retrans] for told in (idle, kept)]
        expires = [idle.expires, 900_000 < kept.expires <= 1_000_000]
        assert observe("timers_and_expires", [found, expires]) == [[[NO_TIMER, 0], [KEEPALIVE, 0]], [0, True]]


@claim(
    "defacto/TCP_KEEPIDLE/moves-the-timer",
    says="Setting TCP_KEEPIDLE of a TCP connection, over IPv4 and IPv6, that has received no data, with "
    "SO_KEEPALIVE and nothing unsent or unacknowledged, sets anew when it is first probed, to earlier "
    "or later: so many seconds after it last received an acknowledgement, where they have not passed "
    "yet, as idiag_expires of sock_diag(7) says in milliseconds.",
    since="2.6.12",
    commit="1da177e4c3f4",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_another_idle_time_moves_the_timer(ns, observe, family, host):
    left, right = Socket.tcp_pair(family)
    with left, right:
        left.keepalive = True
        left.rcvtimeo = IDLE
        with refused(errno.EAGAIN):
            left.recv(1)
        moved = []
        for seconds in (1000, 5000, 100):
            left.tcp_keepidle = seconds
            told = exact(left)
            moved.append([told.timer, 900 * seconds < told.expires <= 1000 * (seconds - IDLE + TICK)])

        assert observe("timer_and_moved", moved) == [[KEEPALIVE, True]] * 3


@claim(
    "sock_diag.7/idiag_timer/retransmit",
    sentence="sock_diag.7/inet_diag_msg/idiag-timer",
    section="IPv4 and IPv6 sockets",
    says="idiag_timer of a TCP socket over IPv4 or IPv6 is 1 while what it has sent is not acknowledged.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_a_timer_to_send_again_is_told(ns, observe, family, host):
    with unacknowledged(family) as sock:
        assert observe("timer", exact(sock).timer) == RETRANSMIT


@claim(
    "sock_diag.7/idiag_uid/owner",
    sentence="sock_diag.7/inet_diag_msg/idiag-uid",
    section="IPv4 and IPv6 sockets",
    says="idiag_uid of a TCP socket over IPv4 that listens is the user who made it.",
    needs=[ANOTHER_USER],
    survives=ASKER_MAY_STAY,
)
def test_the_user_is_told(ns, observe):
    def users() -> list[int]:
        with listening() as ours:
            os.seteuid(NOBODY_ELSE)
            with listening() as theirs:
                os.seteuid(0)
                return [exact(sock).uid for sock in (ours, theirs)]

    assert observe("users", in_child(users)) == [0, NOBODY_ELSE]


@claim(
    "sock_diag.7/sdiag_protocol/tcp-or-udp",
    sentence=(
        "sock_diag.7/request/sdiag-protocol",
        "sock_diag.7/INET_DIAG_CONG/tcp-only",
        "sock_diag.7/inet_diag_msg/idiag-timer-others",
    ),
    section="Request",
    says="A list for IPPROTO_TCP has the TCP socket over IPv4 or IPv6 that is bound and listens, and one "
    "for IPPROTO_UDP the UDP socket that is bound, without INET_DIAG_CONG and with the idiag_timer 0.",
    needs=[IPV6],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_a_protocol_is_asked_for(ns, observe, family, host):
    with listening(host) as tcp, Socket.udp(family) as udp:
        udp.bind((host, 0))
        names = {inode_of(tcp): "tcp", inode_of(udp): "udp"}
        of_tcp, of_udp = listed(tcp, CONG), listed(udp, CONG)

        found = [[names.get(one.inode, "?") for one in told] for told in (of_tcp, of_udp)]
        told = [CONG in of_tcp[0].attributes, CONG in of_udp[0].attributes, of_udp[0].timer]
        assert observe("told_of", [found, told]) == [[["tcp"], ["udp"]], [True, False, 0]]


@claim(
    "sock_diag.7/idiag_if/device",
    sentence="sock_diag.7/inet_diag_sockid/idiag-if",
    section="IPv4 and IPv6 sockets",
    says="idiag_if of a TCP socket over IPv4 or IPv6 that listens is 0, and with SO_BINDTODEVICE the number "
    "of the interface.",
    needs=[IPV6, Capability.NET_RAW],
    survives=ASKER_MAY_STAY,
)
@FAMILIES
def test_the_interface_is_told(ns, observe, family, host):
    with Socket.tcp(family) as sock:
        sock.bind((host, 0))
        sock.listen()
        told = listed(sock)
        sock.bindtodevice = "lo"
        told += listed(sock)

        found = [[one.state, one.id.interface] for one in told]
        assert observe("without_and_with", found) == [[LISTEN, 0], [LISTEN, socket.if_nametoindex("lo")]]
