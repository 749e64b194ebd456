"""PACKET_FANOUT: sockets that share what an interface receives."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple
from functools import partial
from socket import PACKET_HOST, PACKET_OUTGOING, SOCK_DGRAM, SOCK_RAW

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import EBPF, VETH
from conformance.plugin.refusal import refused
from conformance.plugin.setups.bpf import returning
from conformance.plugin.setups.calls import option_set
from conformance.plugin.setups.filters import ending_with, fprog, program
from conformance.plugin.setups.frames import EXPERIMENTAL, HEADER, waiting_frames
from conformance.plugin.setups.ipv6 import index_of
from conformance.plugin.setups.packet_sockets import (
    ANOTHER,
    ETH_P_ALL,
    LOOPBACK,
    frame,
    name_of,
    packet_socket,
    sending_socket,
)
from conformance.plugin.setups.packets import ETH_P_IP, payload
from conformance.plugin.setups.pairs import await_those_across, await_those_before, udp_across, udp_pair
from conformance.plugin.setups.places import room
from conformance.plugin.setups.processors import on_one_processor
from libsocket import (
    PACKET_FANOUT,
    PACKET_FANOUT_DATA,
    PACKET_ROLLOVER_STATS,
    UNSIGNED,
    FanoutArgs,
    FanoutMode,
    Packet,
    Socket,
    raw,
)
from netns import Capability, Host, Peers

NEEDS = (Capability.NET_RAW, VETH)
SECTION = "Socket options"
GROUP, PORT = 7, 2000
HASH, LB, CPU, ROLLOVER = FanoutMode.HASH, FanoutMode.LB, FanoutMode.CPU, FanoutMode.ROLLOVER
MOST_INSTRUCTIONS = 4096
FEW = 8_000
"""What SO_RCVBUF is set to, for a buffer that takes few frames."""
CLOSED = {"no-op: close(*": "what was received does not change later"}


@contextmanager
def group(
    host: Host | None,
    count: int,
    mode: int,
    *,
    type: int = SOCK_RAW,
    protocol: int = EXPERIMENTAL,
    id_: int = GROUP,
) -> Iterator[list[Socket]]:
    """Packet sockets on a host that have joined a group, in their order."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(packet_socket(host, type, protocol)) for _ in range(count)]
        for sock in sockets:
            sock.packet_fanout = FanoutArgs(id_, FanoutMode(mode))
        yield sockets


def shares(hosts: Peers, sockets: Iterable[Socket], contents: Sequence[bytes]) -> list[list[str]]:
    """What each of the sockets on the right receives of frames that are sent from the left, in order."""
    with packet_socket(hosts.right, SOCK_RAW, ANOTHER) as last, sending_socket(hosts.left) as sender:
        address = Packet(index_of(hosts.left))
        with on_one_processor():
            for data in contents:
                sender.sendto(frame(data), address)
            sender.sendto(frame(b"last", protocol=ANOTHER), address)
        last.recv(100)
    return [[one[HEADER:].rstrip(b"\0").decode() for one in waiting_frames(sock)] for sock in sockets]


def numbered(count: int, size: int = 0) -> list[bytes]:
    """Contents of so many frames: their numbers, filled up with zeros."""
    return [str(number).encode().ljust(size, b"\0") for number in range(count)]


@contextmanager
def sender_to(hosts: Peers, sockets: Iterable[Socket]) -> Iterator[Socket]:
    """A UDP socket on the left, for one processor, whose first datagram waits for no neighbour."""
    await_those_across(hosts)
    for sock in sockets:
        waiting_frames(sock)
    with udp_across(hosts) as (sender, _), on_one_processor():
        yield sender


def datagrams(hosts: Peers, sockets: Sequence[Socket], ports: Iterable[int]) -> list[list[str]]:
    """What each of the packet sockets on the right receives of UDP datagrams to these ports from the left."""
    with sender_to(hosts, sockets) as sender:
        for number, port in enumerate(ports):
            sender.sendto(str(number).encode(), (hosts.right.address, port))
        shares(hosts, [], [])
    return [[payload(one) for one in waiting_frames(sock)] for sock in sockets]


def places(shares_: Sequence[list[str]]) -> dict[str, int]:
    """Which of some sockets received each packet."""
    return {one: place for place, share in enumerate(shares_) for one in share}


def whole_and_fragmented(
    hosts: Peers, sockets: Sequence[Socket], whole: int, fragmented: int
) -> list[list[int]]:
    """The sizes of what each of the packet sockets receives: of datagrams of one sender to so many ports.

    Those of 10 bytes go to more ports, one of 2000 to the first ones.
    """
    with sender_to(hosts, sockets) as sender:
        for port in range(whole):
            sender.sendto(bytes(10), (hosts.right.address, PORT + port))
        for port in range(fragmented):
            sender.sendto(bytes(2000), (hosts.right.address, PORT + port))
        shares(hosts, [], [])
    return [[len(one) for one in waiting_frames(sock)] for sock in sockets]


def compare(number: int, other: int) -> int:
    """-1 for fewer, 0 for as many, 1 for more."""
    return (number > other) - (number < other)


def give_program(sock: Socket, number: int) -> None:
    """PACKET_FANOUT_DATA: a program of so many instructions that chooses the second socket."""
    with room(ending_with(1) * max(number, 1)) as where:
        option = PACKET_FANOUT_DATA.level, PACKET_FANOUT_DATA.number
        option_set(sock.fileno(), option, fprog(number, where))


def value_of(sock: Socket) -> str:
    """PACKET_FANOUT as a number."""
    return hex(sock.get(PACKET_FANOUT.through(UNSIGNED)))


def joined(host: Host | None, id_: int, mode: int, max_num_members: int = 0) -> Socket:
    """A packet socket on a host that has joined a group."""
    sock = packet_socket(host)
    try:
        sock.packet_fanout = FanoutArgs(id_, FanoutMode(mode), max_num_members)
    except OSError:
        sock.close()
        raise
    return sock


@claim(
    "packet.7/PACKET_FANOUT/one-socket",
    sentence=(
        *("packet.7/PACKET_FANOUT/group", "packet.7/PACKET_FANOUT/one-socket"),
        *("packet.7/PACKET_FANOUT/joins", "packet.7/PACKET_FANOUT/lb"),
    ),
    section=SECTION,
    says="Each frame that comes by a wire is received by one socket of a group of three packet sockets of "
    "SOCK_RAW with PACKET_FANOUT_LB, one after the other, and by a socket outside the group.",
    since="3.1",
    needs=NEEDS,
    survives=CLOSED,
)
def test_one_socket_after_the_other_gets_a_frame(peers, observe):
    with group(peers.right, 3, LB) as sockets, packet_socket(peers.right) as outside:
        *inside, all_ = shares(peers, [*sockets, outside], numbered(6))

    assert observe("shares_and_outside", [sorted(inside), all_]) == [
        [["0", "3"], ["1", "4"], ["2", "5"]],
        ["0", "1", "2", "3", "4", "5"],
    ]


@claim(
    "packet.7/PACKET_FANOUT/hash",
    sentence="packet.7/PACKET_FANOUT/hash",
    section=SECTION,
    says="With PACKET_FANOUT_HASH, which is 0, eight UDP datagrams over IPv4 of one flow go to one socket of "
    "a group of four packet sockets, in their order, and those to a hundred ports to all four.",
    since="3.1",
    needs=NEEDS,
    survives=CLOSED,
)
def test_a_flow_goes_to_one_socket(peers, observe):
    with group(peers.right, 4, 0, type=SOCK_DGRAM, protocol=ETH_P_IP) as sockets:
        of_one = datagrams(peers, sockets, [PORT] * 8)
        of_many = datagrams(peers, sockets, range(PORT, PORT + 100))

    seen = [[share for share in of_one if share], list(map(bool, of_many)), sum(map(len, of_many))]
    assert observe("of_one_flow_and_of_many", seen) == [[list("01234567")], [True] * 4, 100]


@claim(
    "packet.7/PACKET_FANOUT/hash-modulo",
    sentence="packet.7/PACKET_FANOUT/hash-modulo",
    section=SECTION,
    says="With PACKET_FANOUT_HASH the place of the socket that receives a flow, of a hundred flows of UDP "
    "over IPv4 to different ports, is a hash modulo the number of sockets: in a group of two packet "
    "sockets it is what its place in one of four, which the same frames come to, is modulo two.",
    since="3.1",
    needs=NEEDS,
    survives=CLOSED,
    expect=differs(
        "the upper bits of the hash choose, as it is multiplied by the number: the place among two is "
        "half that among four",
        since="3.12",
        commit="f55d112e5293",
        observed={"together_modulo_and_half": [100, 100, False, True]},
    ),
)
def test_a_flow_goes_by_its_hash_modulo_the_sockets(peers, observe):
    of_ip = partial(group, peers.right, mode=HASH, type=SOCK_DGRAM, protocol=ETH_P_IP)
    with of_ip(count=4) as four, of_ip(count=2, id_=GROUP + 1) as two:
        received = datagrams(peers, [*four, *two], range(PORT, PORT + 100))

    of_four, of_two = places(received[:4]), places(received[4:])
    modulo = all(place % 2 == of_two[one] for one, place in of_four.items())
    half = all(place // 2 == of_two[one] for one, place in of_four.items())
    seen = [len(of_four), len(of_two), modulo, half]
    assert observe("together_modulo_and_half", seen) == [100, 100, True, False]


@claim(
    "packet.7/PACKET_FANOUT/fragments",
    sentence=("packet.7/PACKET_FANOUT/fragments", "packet.7/PACKET_FANOUT/hash-modulo"),
    section=SECTION,
    says="With PACKET_FANOUT_HASH UDP datagrams over IPv4 of one sender to a hundred ports go to all of a "
    "group of four packet sockets, as their hash is over ports too; the fragments of larger ones to "
    "ten of these ports all go to one of the sockets, whichever their port is.",
    since="3.1",
    needs=NEEDS,
    survives=CLOSED,
)
def test_fragments_have_another_hash_than_their_flow(peers, observe):
    with group(peers.right, 4, 0, type=SOCK_DGRAM, protocol=ETH_P_IP) as sockets:
        received = whole_and_fragmented(peers, sockets, 100, 10)

    whole = [share.count(38) for share in received]
    fragments = [[share.count(1500), share.count(548)] for share in received if max(share) > 38]
    assert observe("to_all_and_fragments", [sum(whole), all(whole), fragments]) == [100, True, [[10, 10]]]


@claim(
    "packet.7/PACKET_FANOUT/cpu",
    sentence="packet.7/PACKET_FANOUT/cpu",
    section=SECTION,
    says="With PACKET_FANOUT_CPU frames on loopback go to the socket, of a group of two packet sockets, "
    "whose place is the number of the processor that sends them, modulo two.",
    since="3.1",
    needs=[Capability.NET_RAW],
    survives=CLOSED,
)
def test_a_processor_has_its_socket(ns, observe):
    with group(None, 2, CPU) as sockets, Socket.packet() as sender, on_one_processor() as processor:
        sender.sendto(frame(b"0"), Packet(LOOPBACK))
        sender.sendto(frame(b"1"), Packet(LOOPBACK))
        await_those_before(udp_pair)
        there, elsewhere = sockets[processor % 2], sockets[(processor + 1) % 2]

        received = [[one[HEADER:].decode() for one in waiting_frames(sock)] for sock in (there, elsewhere)]
        assert observe("there_and_elsewhere", received) == [["0", "1"], []]


@claim(
    "packet.7/PACKET_FANOUT/rollover",
    sentence="packet.7/PACKET_FANOUT/rollover",
    section=SECTION,
    says="With PACKET_FANOUT_ROLLOVER the first of two packet sockets in a group gets all frames until its "
    "buffer fills up, and the second those that come then.",
    since="3.10",
    needs=NEEDS,
    survives=CLOSED,
)
def test_the_next_socket_gets_what_the_first_cannot_take(peers, observe):
    with group(peers.right, 2, ROLLOVER) as sockets:
        sockets[0].rcvbuf = FEW
        first, second = shares(peers, sockets, numbered(60, size=200))

    in_order = first + second == [str(number) for number in range(60)]
    assert observe("some_to_each_and_in_order", [len(first) > 1, len(second) > 0, in_order]) == [True] * 3


@claim(
    "packet.7/PACKET_FANOUT/rnd",
    sentence="packet.7/PACKET_FANOUT/rnd",
    section=SECTION,
    says="With PACKET_FANOUT_RND each of a hundred frames goes to one of two packet sockets in a group, some "
    "to each, and not in turn.",
    since="3.12",
    needs=NEEDS,
    survives=CLOSED,
)
def test_chance_chooses_the_socket(peers, observe):
    with group(peers.right, 2, FanoutMode.RND) as sockets:
        first, second = shares(peers, sockets, numbered(100))

    turns = [[str(number) for number in range(start, 100, 2)] for start in (0, 1)]
    seen = [len(first) + len(second), bool(first), bool(second), sorted([first, second]) == turns]
    assert observe("together_and_some_and_in_turn", seen) == [100, True, True, False]


@claim(
    "packet.7/PACKET_FANOUT/qm",
    sentence="packet.7/PACKET_FANOUT/qm",
    section=SECTION,
    says="With PACKET_FANOUT_QM all packets that come by a wire with one receive queue go to one of three "
    "packet sockets in a group, whatever their flow: UDP datagrams over IPv4 to twenty ports.",
    since="3.14",
    needs=NEEDS,
    survives=CLOSED,
)
def test_the_queue_chooses_the_socket(peers, observe):
    with group(peers.right, 3, FanoutMode.QM, type=SOCK_DGRAM, protocol=ETH_P_IP) as sockets:
        received = datagrams(peers, sockets, range(PORT, PORT + 20))

    assert observe("shares", [share for share in received if share]) == [list(map(str, range(20)))]


@claim(
    "defacto/PACKET_FANOUT/cbpf",
    says="With PACKET_FANOUT_CBPF what a classic program returns for a frame, modulo the size of the group "
    "of packet sockets of SOCK_RAW, is the place of the socket that gets it; the program sees the frame "
    "without its link-layer header. Without a program all go to the first.",
    since="4.3",
    commit="47dceb8ecdc1",
    needs=NEEDS,
    survives=CLOSED,
)
def test_a_program_chooses_the_socket(peers, observe):
    with group(peers.right, 3, FanoutMode.CBPF) as sockets:
        without = shares(peers, sockets, [bytes([number]) for number in (48, 49, 50)])
        sockets[1].packet_fanout_data = program(("ldb [k]", 0), ("ret a",))
        received = shares(peers, sockets, [bytes([number]) for number in (50, 48, 49, 51)])

    assert observe("without_and_with", [without, received]) == [
        [["0", "1", "2"], [], []],
        [["0", "3"], ["1"], ["2"]],
    ]


@claim(
    "defacto/PACKET_FANOUT/cbpf-instructions",
    says="A program for PACKET_FANOUT_CBPF may have 4096 instructions; with none or 4097 it is refused with "
    "EINVAL.",
    since="4.3",
    commit="47dceb8ecdc1",
    needs=[Capability.NET_RAW],
    survives=CLOSED,
)
@pytest.mark.parametrize("number", [0, MOST_INSTRUCTIONS + 1])
def test_a_program_has_so_many_instructions(ns, observe, number):
    with group(None, 2, FanoutMode.CBPF, protocol=ANOTHER) as (first, second):
        give_program(first, MOST_INSTRUCTIONS)
        with refused(errno.EINVAL):
            give_program(first, number)
        with packet_socket(protocol=0) as sender:
            sender.sendto(frame(b"hello", protocol=ANOTHER), Packet(LOOPBACK))

        received = [second.recv(100)[HEADER:].decode(), *map(str, waiting_frames(first))]
        assert observe("by_second_and_first", received) == ["hello"]


@claim(
    "defacto/PACKET_FANOUT/ebpf",
    says="With PACKET_FANOUT_EBPF an extended program of type BPF_PROG_TYPE_SOCKET_FILTER chooses the socket "
    "of a group of three packet sockets: one that returns 5 the third.",
    since="4.3",
    commit="f2e520956a1a",
    needs=[*NEEDS, EBPF],
    survives=CLOSED,
)
def test_an_extended_program_chooses_the_socket(peers, observe):
    with group(peers.right, 3, FanoutMode.EBPF) as sockets, returning(5) as descriptor:
        sockets[0].packet_fanout_data = descriptor
        received = shares(peers, sockets, numbered(2))

    assert observe("shares", received) == [[], [], ["0", "1"]]


@claim(
    "defacto/PACKET_FANOUT_DATA/refused",
    says="PACKET_FANOUT_DATA of a packet socket is refused with EINVAL outside a group and in one of another "
    "mode than PACKET_FANOUT_CBPF and PACKET_FANOUT_EBPF.",
    since="4.3",
    commit="47dceb8ecdc1",
    needs=NEEDS,
    survives=CLOSED,
)
@pytest.mark.parametrize(
    "mode",
    [HASH, LB, CPU, ROLLOVER, FanoutMode.RND, FanoutMode.QM],
    ids=["hash", "lb", "cpu", "rollover", "rnd", "qm"],
)
def test_a_program_takes_its_mode(peers, observe, mode):
    chosen = program(("ret #k", 1))
    with packet_socket(peers.right) as outside, refused(errno.EINVAL):
        outside.packet_fanout_data = chosen
    with group(peers.right, 2, mode) as sockets, refused(errno.EINVAL, "errno_of_another_mode"):
        groups = [value_of(sock) for sock in sockets]
        sockets[0].packet_fanout_data = chosen
    with group(peers.right, 2, FanoutMode.CBPF) as sockets:
        sockets[0].packet_fanout_data = chosen
        received = shares(peers, sockets, numbered(2))

    assert observe("refused_group_and_shares", [groups, received]) == [
        [hex((mode << 16) + GROUP)] * 2,
        [[], ["0", "1"]],
    ]


@claim(
    "packet.7/PACKET_FANOUT/value",
    sentence=("packet.7/PACKET_FANOUT/id", "packet.7/PACKET_FANOUT/mode-bits"),
    section=SECTION,
    says="The value of PACKET_FANOUT is an int whose lower 16 bits are the group and whose upper 16 bits are "
    "mode and flags: two packet sockets of SOCK_RAW, of which one sets 0x80011234 and another the group "
    "0x1234 with PACKET_FANOUT_LB and PACKET_FANOUT_FLAG_DEFRAG, are in one group, and both read it.",
    since="3.1",
    needs=NEEDS,
    survives=CLOSED,
)
def test_the_value_is_id_and_mode(peers, observe):
    with packet_socket(peers.right) as one, packet_socket(peers.right) as other:
        one.set(PACKET_FANOUT.through(UNSIGNED), 0x80011234)
        other.packet_fanout = FanoutArgs(0x1234, LB | FanoutMode.FLAG_DEFRAG)
        received = shares(peers, [one, other], numbered(4))
        values = [value_of(sock) for sock in (one, other)]

    assert observe("values_and_shares", [values, sorted(received)]) == [
        ["0x80011234", "0x80011234"],
        [["0", "2"], ["1", "3"]],
    ]


@claim(
    "packet.7/PACKET_FANOUT/same",
    sentence=("packet.7/PACKET_FANOUT/same", "packet.7/PACKET_FANOUT/created"),
    section=SECTION,
    says="A packet socket of SOCK_RAW joins a group that is there with the protocol, the interface, the mode "
    "and the flags of those in it, and is refused with any other.",
    since="3.1",
    needs=NEEDS,
    survives={"no-op: bind(*sll_ifindex=0*": "a socket that is not bound stays as it is"},
)
@pytest.mark.parametrize(
    ("protocol", "interface", "mode"),
    [
        (ANOTHER, index_of, LB),
        (EXPERIMENTAL, lambda _: 0, LB),
        (EXPERIMENTAL, lambda _: LOOPBACK, LB),
        (EXPERIMENTAL, index_of, HASH),
        (EXPERIMENTAL, index_of, LB | FanoutMode.FLAG_DEFRAG),
    ],
    ids=["protocol", "no-interface", "interface", "mode", "flags"],
)
def test_those_in_a_group_are_alike(peers, observe, protocol, interface, mode):
    first, same, other = (packet_socket(peers.right) for _ in range(3))
    here, there = Packet(index_of(peers.right), EXPERIMENTAL), Packet(interface(peers.right), protocol)
    with first, same, other:
        first.bind(here)
        first.packet_fanout = FanoutArgs(GROUP, LB)
        other.bind(there)
        with refused():
            other.packet_fanout = FanoutArgs(GROUP, FanoutMode(mode))
        same.bind(here)
        same.packet_fanout = FanoutArgs(GROUP, LB)
        groups = [value_of(sock) for sock in (first, other, same)]
        name = name_of(other)

    assert [name.ifindex, observe("other_protocol_and_groups", [name.protocol, groups])] == [
        there.ifindex,
        [protocol, ["0x10007", "0x0", "0x10007"]],
    ]


@claim(
    "packet.7/PACKET_FANOUT/groups",
    sentence="packet.7/PACKET_FANOUT/groups-per-namespace",
    section=SECTION,
    says="The groups of a network namespace, from 0 to 65535, do not depend on those of others: with the "
    "same number there is one of another mode in each.",
    since="3.1",
    needs=NEEDS,
    survives=CLOSED,
)
@pytest.mark.parametrize("id_", [0, 65535])
def test_groups_belong_to_their_namespace(peers, observe, id_):
    with joined(peers.left, id_, LB) as here, joined(peers.right, id_, CPU) as there:
        with refused():
            joined(peers.left, id_, CPU)
        with joined(peers.left, id_, LB) as another:
            groups = [value_of(sock) for sock in (here, there, another)]

    assert observe("groups", groups) == [hex(mode + id_) for mode in (0x10000, 0x20000, 0x10000)]


@claim(
    "packet.7/PACKET_FANOUT/leave",
    sentence="packet.7/PACKET_FANOUT/leave",
    section=SECTION,
    says="A packet socket of SOCK_RAW that is in a group joins no other, nor the same again, and is not "
    "bound anew: it goes on to get its share, until it is closed.",
    since="3.1",
    needs=NEEDS,
    survives=CLOSED,
)
def test_a_socket_stays_in_its_group(peers, observe):
    with group(peers.right, 2, LB) as (first, second):
        with refused(name="errno_of_another"):
            first.packet_fanout = FanoutArgs(GROUP + 1, LB)
        with refused(name="errno_of_the_same"):
            first.packet_fanout = FanoutArgs(GROUP, LB)
        with refused(name="errno_of_bind"):
            first.bind(Packet(0, ANOTHER))
        received = sorted(shares(peers, [first, second], numbered(4)))
        first.close()
        received += shares(peers, [second], numbered(4))

    assert observe("both_and_the_one_left", received) == [["0", "2"], ["1", "3"], ["0", "1", "2", "3"]]


@claim(
    "defacto/PACKET_FANOUT/already",
    says="Joining a group is refused with EALREADY on a packet socket that is in one, and bind(2) with "
    "EINVAL, to what it was bound to before as well.",
    since="3.1",
    commit="dc99f600698d",
    needs=[Capability.NET_RAW],
)
def test_a_socket_joins_once(ns, observe):
    with packet_socket() as sock:
        sock.bind(Packet(LOOPBACK, EXPERIMENTAL))
        sock.packet_fanout = FanoutArgs(GROUP, LB)
        with refused(errno.EALREADY):
            sock.packet_fanout = FanoutArgs(GROUP + 1, LB)
        with refused(errno.EINVAL, "errno_of_bind"):
            sock.bind(Packet(LOOPBACK, EXPERIMENTAL))

        assert observe("ifindex_and_group", [name_of(sock).ifindex, value_of(sock)]) == [LOOPBACK, "0x10007"]


@claim(
    "packet.7/PACKET_FANOUT/deleted",
    sentence="packet.7/PACKET_FANOUT/deleted",
    section=SECTION,
    says="A group of packet sockets stays while one of its sockets is open, and is gone with the last: then "
    "its number is free for another mode.",
    since="3.1",
    needs=NEEDS,
)
def test_a_group_ends_with_its_last_socket(peers, observe):
    first, second = joined(peers.right, GROUP, LB), joined(peers.right, GROUP, LB)
    with second:
        groups = [value_of(first), value_of(second)]
        first.close()
        with refused():
            joined(peers.right, GROUP, HASH)
    with joined(peers.right, GROUP, HASH) as new:
        assert observe("groups", [*groups, value_of(new)]) == ["0x10007", "0x10007", "0x7"]


@claim(
    "packet.7/PACKET_FANOUT/defrag",
    sentence="packet.7/PACKET_FANOUT/defrag",
    section=SECTION,
    says="With PACKET_FANOUT_FLAG_DEFRAG a UDP datagram over IPv4 that comes in fragments is one packet to "
    "PACKET_FANOUT_LB, and goes to one of two packet sockets in a group; without the flag its fragments go "
    "to both.",
    since="3.1",
    needs=NEEDS,
    survives=CLOSED,
)
@pytest.mark.parametrize(
    ("flag", "sizes"),
    [(0, [[1500], [1500, 68]]), (FanoutMode.FLAG_DEFRAG, [[], [3028]])],
    ids=["without", "with"],
)
def test_fragments_are_put_together(peers, observe, flag, sizes):
    with group(peers.right, 2, LB | flag, type=SOCK_DGRAM, protocol=ETH_P_IP) as sockets:
        with udp_across(peers) as (sender, receiver), on_one_processor():
            sender.sendto(bytes(3000), (peers.right.address, receiver.getsockname()[1]))
            whole = len(receiver.recv(4000))
            shares(peers, [], [])
        received = sorted([len(one) for one in waiting_frames(sock)] for sock in sockets)
        mode = value_of(sockets[0])

    assert observe("group_datagram_and_packets", [mode, whole, received]) == [
        hex(((LB | flag) << 16) + GROUP),
        3000,
        sizes,
    ]


@claim(
    "packet.7/PACKET_FANOUT/flag-rollover",
    sentence="packet.7/PACKET_FANOUT/flag-rollover",
    section=SECTION,
    says="With PACKET_FANOUT_FLAG_ROLLOVER what PACKET_FANOUT_LB would give to a packet socket whose buffer "
    "is full goes to the other of the group; without the flag it is dropped.",
    since="3.10",
    needs=NEEDS,
    survives=CLOSED,
)
@pytest.mark.parametrize(
    ("flag", "others", "all_"), [(0, 0, -1), (FanoutMode.FLAG_ROLLOVER, 1, 0)], ids=["without", "with"]
)
def test_a_full_socket_is_passed_over(peers, observe, flag, others, all_):
    with group(peers.right, 2, LB | flag) as sockets:
        sockets[0].rcvbuf = FEW
        first, second = shares(peers, sockets, numbered(60, size=200))

    compared = [compare(len(second), 30), compare(len(first) + len(second), 60)]
    assert observe("second_and_both_beside_what_was_sent", compared) == [others, all_]


@claim(
    "defacto/PACKET_FANOUT/ignore-outgoing",
    says="A group with PACKET_FANOUT_FLAG_IGNORE_OUTGOING does not receive what its host sends, though its "
    "packet sockets have the protocol ETH_P_ALL; without the flag it does.",
    since="6.2",
    commit="58ba426388d9",
    needs=[Capability.NET_RAW],
    survives=CLOSED,
)
@pytest.mark.parametrize(
    ("flag", "kinds"),
    [
        (0, [PACKET_OUTGOING, PACKET_HOST]),
        (FanoutMode.FLAG_IGNORE_OUTGOING, [PACKET_HOST]),
    ],
    ids=["without", "with"],
)
def test_outgoing_frames_are_left_out(ns, observe, flag, kinds):
    with group(None, 1, LB | flag, protocol=ETH_P_ALL) as (sock,), Socket.packet() as sender:
        sender.sendto(frame(b"x", to=bytes(6)), Packet(LOOPBACK))
        received = [sock.recvfrom(100) for _ in kinds]
        mode = value_of(sock)

    seen = [[data[HEADER:].decode(), address[2]] for data, address in received]
    assert observe("group_and_received", [mode, seen]) == [
        hex(((LB | flag) << 16) + GROUP),
        [["x", kind] for kind in kinds],
    ]


@claim(
    "defacto/PACKET_FANOUT/max-num-members",
    says="A group of packet sockets whose first has set max_num_members to 2 in struct fanout_args takes a "
    "second one and no third: ENOSPC. Another number than the group's is refused with EINVAL, 0 is not.",
    since="5.11",
    commit="9c661b0b8544",
    backports=("5.10.37",),
    needs=[Capability.NET_RAW],
    survives=CLOSED,
)
def test_a_group_has_a_largest_size(ns, observe):
    with joined(None, GROUP, LB, 2):
        with refused(errno.EINVAL):
            joined(None, GROUP, LB, 3)
        with joined(None, GROUP, LB, 0) as second:
            with refused(errno.ENOSPC, "errno_of_third"):
                joined(None, GROUP, LB, 2)

            assert observe("group", value_of(second)) == "0x10007"


@claim(
    "defacto/PACKET_FANOUT/most-members",
    says="max_num_members of struct fanout_args may be 65536 where a packet socket begins a group, and not "
    "65537: EINVAL.",
    since="5.11",
    commit="9c661b0b8544",
    backports=("5.10.37",),
    needs=[Capability.NET_RAW],
)
def test_the_largest_size_has_a_limit(ns, observe):
    with refused(errno.EINVAL):
        joined(None, GROUP, LB, 65537)
    with joined(None, GROUP, LB, 65536) as sock:
        assert observe("group", value_of(sock)) == "0x10007"


@claim(
    "defacto/PACKET_FANOUT/unique-id",
    says="With PACKET_FANOUT_FLAG_UNIQUEID and the number 0 each packet socket begins a group of its own, "
    "whose number is one that is free, and reads it without the flag; another number is refused with EINVAL.",
    since="4.12",
    commit="4a69a864209e",
    needs=[Capability.NET_RAW],
)
def test_the_kernel_finds_a_number(ns, observe):
    mode = LB | FanoutMode.FLAG_UNIQUEID
    with refused(errno.EINVAL):
        joined(None, 1, mode)
    with joined(None, 0, mode) as first, joined(None, 0, mode) as second:
        groups = [sock.packet_fanout for sock in (first, second)]
        with joined(None, groups[0].id, LB) as third:
            same = third.packet_fanout == groups[0]

    seen = [[one.mode.name for one in groups], groups[0].id != groups[1].id, same]
    assert observe("modes_differ_and_joined", seen) == [["LB", "LB"], True, True]


@claim(
    "defacto/PACKET_FANOUT/refused",
    says="PACKET_FANOUT of a packet socket is refused with EINVAL where the socket has the protocol 0, for "
    "the mode 8, and for PACKET_FANOUT_ROLLOVER with PACKET_FANOUT_FLAG_ROLLOVER.",
    since="4.3",
    commit="47dceb8ecdc1",
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize(
    ("protocol", "mode"),
    [(0, LB), (EXPERIMENTAL, 8), (EXPERIMENTAL, ROLLOVER | FanoutMode.FLAG_ROLLOVER)],
    ids=["protocol-0", "mode-8", "rollover-twice"],
)
def test_some_groups_are_refused(ns, observe, protocol, mode):
    with Socket.packet(SOCK_RAW, protocol) as sock:
        with refused(errno.EINVAL):
            sock.packet_fanout = FanoutArgs(GROUP, FanoutMode(mode))
        sock.bind(Packet(LOOPBACK, EXPERIMENTAL))
        sock.packet_fanout = FanoutArgs(GROUP, ROLLOVER)

        assert observe("ifindex_and_group", [name_of(sock).ifindex, value_of(sock)]) == [LOOPBACK, "0x30007"]


@claim(
    "defacto/PACKET_FANOUT/optlen",
    says="PACKET_FANOUT of a packet socket takes an int of four bytes or a struct fanout_args of eight, and "
    "refuses any other number of bytes with EINVAL.",
    since="5.11",
    commit="9c661b0b8544",
    backports=("5.10.37",),
    needs=[Capability.NET_RAW],
)
@pytest.mark.parametrize("size", [0, 3, 5, 7, 9])
@pytest.mark.parametrize("taken", [4, 8])
def test_it_takes_one_of_two_sizes(ns, observe, size, taken):
    octets = PACKET_FANOUT.codec.encode(FanoutArgs(GROUP, LB)).ljust(9, b"\0")
    with packet_socket() as sock:
        with refused(errno.EINVAL):
            sock.set(PACKET_FANOUT.through(raw(size)), octets[:size])
        sock.set(PACKET_FANOUT.through(raw(taken)), octets[:taken])

        assert observe("group", value_of(sock)) == "0x10007"


@claim(
    "defacto/PACKET_ROLLOVER_STATS/outside",
    says="PACKET_ROLLOVER_STATS of a packet socket is refused with EINVAL outside a group and in one that "
    "does not roll over.",
    since="4.2",
    commit="a9b6391814d5",
    needs=[Capability.NET_RAW],
)
def test_rollover_is_counted_where_there_is_some(ns, observe):
    with packet_socket() as sock:
        with refused(errno.EINVAL):
            sock.get(PACKET_ROLLOVER_STATS)
        sock.packet_fanout = FanoutArgs(GROUP, LB)
        with refused(errno.EINVAL, "errno_in_group"):
            sock.get(PACKET_ROLLOVER_STATS)
        groups = [value_of(sock)]
    with group(None, 1, LB | FanoutMode.FLAG_ROLLOVER) as (rolling,):
        groups.append(value_of(rolling))
        counted = [groups, *astuple(rolling.packet_rollover_stats)]

        assert observe("groups_and_counted", counted) == [["0x10007", "0x10010007"], 0, 0, 0]


@claim(
    "defacto/PACKET_ROLLOVER_STATS/all",
    says="PACKET_ROLLOVER_STATS of a packet socket counts in tp_all the frames that PACKET_FANOUT_LB would "
    "give to it, and that go to the other of the group because its buffer is full or nearly.",
    since="4.2",
    commit="a9b6391814d5",
    needs=NEEDS,
    survives=CLOSED,
)
def test_what_rolls_over_is_counted(peers, observe):
    with group(peers.right, 2, LB | FanoutMode.FLAG_ROLLOVER) as sockets:
        sockets[0].rcvbuf = FEW
        first, second = shares(peers, sockets, numbered(60, size=200))
        moved = [sock.packet_rollover_stats.all for sock in sockets]

    assert observe("moved", [moved[0] > 0, moved == [len(second) - 30, 0], len(first + second)]) == [
        True,
        True,
        60,
    ]
