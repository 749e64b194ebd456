"""Options that are more than a number to set and read back, each doing what it is for."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator

import pytest
from pyroute2 import IPRoute

import libsocket as ls
from conformance.plugin.setups.repair import held, resume
from libsocket import (
    DmabufToken,
    FanoutArgs,
    FanoutMode,
    Filter,
    In6FlowlabelReq,
    In6Pktinfo,
    Instruction,
    Ip6Mtuinfo,
    Ipv6Preference,
    PacketMembership,
    PacketMreq,
    Socket,
    TcpMd5sig,
    TcpRepairWindow,
    TcpZerocopyReceive,
    TpacketReq,
    TpacketReq3,
    TpacketStats,
)
from netns import Capability, Namespace, without
from tests.libsocket.kernel import mptcp, numbers, old_enough

LOOPBACK = 1
BPF_LD_IMM, BPF_RET_A = 0x00, 0x16
ETH_P_802_EX1 = 0x88B5
PASS_ALL = struct.pack("@HBBI", 0x06, 0, 0, 0xFFFF_FFFF)
DROP_ALL = struct.pack("@HBBI", 0x06, 0, 0, 0)


@pytest.fixture
def tcp() -> Iterator[tuple[Socket, Socket]]:
    with Namespace():
        left, right = Socket.tcp_pair()
        with left, right:
            yield left, right


@pytest.fixture
def loopback() -> Iterator[Socket]:
    """A packet socket that is bound to the loopback interface of a namespace of its own."""
    with Namespace(), Socket.packet(protocol=0x0003) as sock:
        sock.bind(("lo", 0x0003))
        yield sock


# SOL_SOCKET


def test_filter_that_drops_lets_nothing_in() -> None:
    left, right = Socket.pair(socket.SOCK_DGRAM)
    with left, right:
        right.attach_filter = DROP_ALL
        left.send(b"dropped")
        right.detach_filter = 0
        left.send(b"seen")

        assert right.recv(10) == b"seen"


def test_filter_is_locked_for_good() -> None:
    with Socket.udp() as sock:
        sock.attach_filter = PASS_ALL
        sock.lock_filter = True

        with pytest.raises(PermissionError):
            sock.detach_filter = 0


def test_filter_is_not_read_into_a_buffer_that_it_would_overrun() -> None:
    with Socket.udp() as sock:
        sock.attach_filter = PASS_ALL * 32

        with pytest.raises(TypeError, match="SO_ATTACH_FILTER is read by a request"):
            sock.get(ls.SO_ATTACH_FILTER)
        with pytest.raises(TypeError, match="counted in instructions"):
            sock.get(ls.SO_ATTACH_FILTER, request=b"")


def test_part_of_an_instruction_is_refused() -> None:
    with Socket.udp() as sock, pytest.raises(ValueError, match="an instruction has 8 bytes"):
        sock.attach_filter = PASS_ALL[:5]


def test_descriptor_of_no_program_is_refused() -> None:
    with Socket.udp() as sock, pytest.raises(OSError, match="Bad file descriptor"):
        sock.attach_bpf = -1


def test_program_spreads_a_group_of_sockets() -> None:
    with Namespace(), Socket.udp() as first, Socket.udp() as second, Socket.udp() as sender:
        first.reuseport = second.reuseport = True
        first.bind(("127.0.0.1", 0))
        second.bind(first.getsockname())
        first.attach_reuseport_cbpf = struct.pack("@HBBI", 0x06, 0, 0, 1)
        sender.sendto(b"to the second", first.getsockname())

        assert second.recv(20) == b"to the second"


def test_program_of_a_group_is_taken_away() -> None:
    with Namespace(), Socket.udp() as sock:
        sock.reuseport = True
        sock.bind(("127.0.0.1", 0))
        sock.attach_reuseport_cbpf = PASS_ALL
        sock.detach_reuseport_bpf = 0

        with pytest.raises(OSError, match="No such file"):
            sock.detach_reuseport_bpf = 0


def test_descriptor_of_no_program_for_a_group_is_refused() -> None:
    with Socket.udp() as sock:
        sock.reuseport = True

        with pytest.raises(OSError, match="Bad file descriptor"):
            sock.attach_reuseport_ebpf = -1


def test_extensions_to_bpf_are_counted() -> None:
    with Socket.udp() as sock:
        assert sock.bpf_extensions >= 64


def test_budget_is_raised_with_the_capability_only() -> None:
    with Socket.udp() as sock, old_enough():
        sock.busy_poll_budget = 16
        with without(Capability.NET_ADMIN), pytest.raises(ls.NotPermitted, match="SO_BUSY_POLL_BUDGET"):
            sock.busy_poll_budget = 32


def test_budget_of_more_than_a_short_is_refused() -> None:
    with Socket.udp() as sock, old_enough():
        sock.busy_poll_budget = 1

        with pytest.raises(OSError, match="Invalid argument"):
            sock.busy_poll_budget = 65_536


def test_advice_about_a_connection_is_taken(tcp: tuple[Socket, Socket]) -> None:
    left, right = tcp
    left.cnx_advice = 1
    left.send(b"still")

    assert right.recv(5) == b"still"


def test_number_of_bytes_left_is_reported_on_unix_streams_alone() -> None:
    left, right = Socket.pair()
    with left, right, old_enough():
        right.inq = True
        left.send(b"four")
        _, [(level, kind, data)], _, _ = right.recvmsg(1, 100)

        assert (level, kind, struct.unpack("@i", data)) == (ls.SOL_SOCKET, ls.SO_INQ.number, (3,))


def test_device_memory_is_given_back_by_tcp_alone() -> None:
    left, right = Socket.pair()
    with left, right, pytest.raises(OSError, match=r"Bad file descriptor|no SO_DEVMEM_DONTNEED"):
        left.devmem_dontneed = (DmabufToken(1, 1),)


def test_groups_of_the_peer_are_this_process_groups() -> None:
    left, right = Socket.pair()
    with left, right:
        assert sorted(left.peergroups) == sorted(os.getgroups())


def test_name_of_the_peer_is_an_address(tcp: tuple[Socket, Socket]) -> None:
    left, _ = tcp

    assert left.peername[:4] == struct.pack("@HH", socket.AF_INET, socket.htons(left.getpeername()[1]))


def test_no_memory_is_reserved_at_first() -> None:
    with Socket.udp() as sock, old_enough():
        assert sock.reserve_mem == 0


def test_pacing_rate_of_the_largest_number_is_no_limit() -> None:
    with Socket.tcp() as sock:
        most = sock.max_pacing_rate
        sock.max_pacing_rate = 5_000_000_000
        sock.max_pacing_rate = most

        assert (most, sock.max_pacing_rate) == (2 ** (8 * struct.calcsize("L")) - 1, most)


# IPPROTO_TCP


def test_thin_duplicate_acknowledgements_are_history() -> None:
    with Socket.tcp() as sock:
        sock.tcp_thin_dupack = True

        assert sock.tcp_thin_dupack is False


def test_largest_segment_is_what_the_peer_announces() -> None:
    with Namespace(), Socket.tcp() as listener, Socket.tcp() as client:
        listener.tcp_maxseg = 1000
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())

        assert client.tcp_maxseg <= 1000


def test_signed_connection_carries_data() -> None:
    with Namespace(), Socket.tcp() as listener, Socket.tcp() as client:
        for sock in (listener, client):
            sock.tcp_md5sig = TcpMd5sig("127.0.0.1", b"secret")
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            client.send(b"signed")

            assert server.recv(6) == b"signed"


def test_key_for_a_network_is_taken_away_once() -> None:
    network = TcpMd5sig("10.0.0.0", b"secret", prefixlen=8, flags=1)
    with Namespace(), Socket.tcp() as sock:
        sock.tcp_md5sig_ext = network
        sock.tcp_md5sig_ext = TcpMd5sig("10.0.0.0", prefixlen=8, flags=1)

        with pytest.raises(OSError, match="No such file"):
            sock.tcp_md5sig_ext = TcpMd5sig("10.0.0.0", prefixlen=8, flags=1)


def test_key_that_is_too_long_is_refused() -> None:
    with Socket.tcp() as sock, pytest.raises(ValueError, match="81 bytes and the structure room for 80"):
        sock.tcp_md5sig = TcpMd5sig("10.0.0.1", bytes(81))


def test_connection_is_moved_to_another_socket(tcp: tuple[Socket, Socket]) -> None:
    left, right = tcp
    left.send(b"before")
    right.read_exact(6)
    connection = held(left)
    left.close()
    with Socket.tcp() as moved:
        resume(moved, connection)
        kept = moved.tcp_repair_window
        moved.tcp_repair = 0
        moved.send(b"after")

        assert (right.read_exact(5), type(kept)) == (b"after", TcpRepairWindow)


def test_headers_of_the_connection_request_are_kept_once() -> None:
    with Namespace(), Socket.tcp() as listener, Socket.tcp() as client:
        listener.tcp_save_syn = 1
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            headers, again = server.tcp_saved_syn, server.tcp_saved_syn

    assert (headers[0] >> 4, again) == (4, b"")


@pytest.mark.skipif(
    numbers(os.uname().release) < (6, 1), reason="older kernels want a mapping even for nothing"
)
def test_zero_bytes_are_mapped_of_what_is_not_there(tcp: tuple[Socket, Socket]) -> None:
    left, right = tcp
    left.send(b"few")
    right.recv(1, socket.MSG_PEEK)
    found = right.get(ls.TCP_ZEROCOPY_RECEIVE, request=TcpZerocopyReceive())

    assert (found.length, found.inq, found.err) == (0, 3, 0)


def test_protocol_on_top_that_is_unknown_is_refused(tcp: tuple[Socket, Socket]) -> None:
    left, _ = tcp

    with pytest.raises(OSError, match="No such file"):
        left.tcp_ulp = "none-such"
    assert left.tcp_ulp == ""


def test_congestion_control_reports_of_itself(tcp: tuple[Socket, Socket]) -> None:
    left, _ = tcp
    left.tcp_congestion = "reno"

    assert left.tcp_cc_info == b""


def test_plain_tcp_is_not_mptcp(tcp: tuple[Socket, Socket]) -> None:
    left, _ = tcp

    with old_enough():
        assert left.tcp_is_mptcp is False


# IPPROTO_IP and IPPROTO_IPV6


def test_path_mtu_is_the_interfaces() -> None:
    with Namespace(), Socket.udp() as sock, Socket.udp(socket.AF_INET6) as sock6:
        sock.connect(("127.0.0.1", 9))
        sock6.connect(("::1", 9))
        found = sock6.ipv6_pathmtu

        assert (sock.ip_mtu, sock6.ipv6_mtu, found) == (65_535, 65_536, Ip6Mtuinfo("::", 65_536))


def test_protocol_of_a_raw_socket_is_reported() -> None:
    with Socket.raw(socket.IPPROTO_ICMP) as sock, old_enough():
        assert sock.ip_protocol == socket.IPPROTO_ICMP


def test_address_of_the_connection_is_reported_for_a_stream(tcp: tuple[Socket, Socket]) -> None:
    left, _ = tcp
    left.ip_pktinfo = True

    assert socket.inet_aton("127.0.0.1") in left.ip_pktoptions


POLICIES = [(socket.AF_INET, ls.IP_XFRM_POLICY), (socket.AF_INET6, ls.IPV6_XFRM_POLICY)]


@pytest.mark.parametrize(("family", "option"), POLICIES)
def test_policy_that_is_none_is_refused(family: int, option: ls.Option[bytes]) -> None:
    with Namespace(), Socket.udp(family) as sock, pytest.raises(OSError, match="Invalid argument"):
        sock.set(option, b"none")


@pytest.mark.parametrize("option", [ls.IP_IPSEC_POLICY, ls.IPV6_IPSEC_POLICY], ids=lambda option: option.name)
def test_policy_needs_the_capability(option: ls.Option[bytes]) -> None:
    bare = without(Capability.NET_ADMIN)
    with Namespace(), Socket.udp(socket.AF_INET6) as sock, bare, pytest.raises(ls.NotPermitted) as refusal:
        sock.set(option, bytes(64))

    assert (refusal.value.option, refusal.value.capability) == (option.name, "CAP_NET_ADMIN")


@pytest.mark.parametrize(
    ("family", "option"), [(socket.AF_INET, ls.SO_ORIGINAL_DST), (socket.AF_INET6, ls.IP6T_SO_ORIGINAL_DST)]
)
def test_connection_that_was_not_redirected_has_no_other_destination(
    family: int, option: ls.Option[bytes]
) -> None:
    with Namespace(), Socket.tcp(family) as sock, pytest.raises(OSError, match=f"{option.name}|No such file"):
        sock.get(option)


def test_mapped_socket_becomes_an_ipv4_one() -> None:
    with Namespace(), Socket.udp(socket.AF_INET6) as sock:
        sock.connect(("::ffff:127.0.0.1", 9))
        before = sock.ipv6_addrform
        sock.ipv6_addrform = socket.AF_INET

        assert (before, sock.domain) == (socket.AF_INET6, socket.AF_INET)


def test_preferred_source_is_read_back_among_the_others() -> None:
    with Socket.udp(socket.AF_INET6) as sock:
        sock.ipv6_addr_preferences = Ipv6Preference.TMP

        assert Ipv6Preference.TMP in sock.ipv6_addr_preferences


def test_contradicting_preferences_are_refused() -> None:
    with Socket.udp(socket.AF_INET6) as sock, pytest.raises(OSError, match="Invalid argument"):
        sock.ipv6_addr_preferences = Ipv6Preference.TMP | Ipv6Preference.PUBLIC


def test_source_address_is_chosen() -> None:
    with Namespace(), Socket.udp(socket.AF_INET6) as sock, Socket.udp(socket.AF_INET6) as receiver:
        receiver.bind(("::1", 0))
        sock.ipv6_pktinfo = In6Pktinfo("::1", LOOPBACK)
        sock.sendto(b"from", receiver.getsockname())

        assert receiver.recvfrom(9)[1][0] == "::1"


def test_flow_label_is_leased() -> None:
    create, exclusive = 1, 1
    with Namespace(), Socket.udp(socket.AF_INET6) as sock:
        sock.ipv6_flowlabel_mgr = In6FlowlabelReq("::1", 0x12345, share=exclusive, flags=create)

        with pytest.raises(OSError, match="File exists"):
            sock.ipv6_flowlabel_mgr = In6FlowlabelReq("::1", 0x12345, share=exclusive, flags=create | 2)


def test_flow_label_is_asked_about() -> None:
    with Namespace(), Socket.tcp(socket.AF_INET6) as sock, pytest.raises(OSError) as refusal:  # noqa: PT011
        sock.get(ls.IPV6_FLOWLABEL_MGR, request=In6FlowlabelReq("::1"))

    assert refusal.value.errno in {errno.ENOENT, errno.ENOTCONN, errno.EINVAL}


def test_routing_header_of_no_known_type_is_refused() -> None:
    with Socket.udp(socket.AF_INET6) as sock, pytest.raises(OSError, match="Invalid argument"):
        sock.ipv6_rthdr = bytes([0, 2, 99, 1]) + bytes(20)


def test_anycast_address_is_joined_by_a_router_and_left() -> None:
    with Namespace() as ns, Socket.udp(socket.AF_INET6) as sock:
        ns.sysctl["net.ipv6.conf.all.forwarding"] = 1
        sock.ipv6_join_anycast = ls.Ipv6Mreq("2001:db8::1", LOOPBACK)
        sock.ipv6_leave_anycast = ls.Ipv6Mreq("2001:db8::1", LOOPBACK)

        with pytest.raises(OSError, match="No such file"):
            sock.ipv6_leave_anycast = ls.Ipv6Mreq("2001:db8::1", LOOPBACK)


def test_control_messages_of_streams_are_bytes() -> None:
    with Namespace():
        left, right = Socket.tcp_pair(socket.AF_INET6)
        with left, right:
            left.set(ls.IPV6_2292PKTINFO, True)

            assert struct.pack("@ii", 41, ls.IPV6_2292PKTINFO.number) in left.ipv6_2292pktoptions


# SOL_PACKET


def promiscuous() -> int:
    with IPRoute() as route:
        [link] = route.get_links(LOOPBACK)
    return int(link.get_attr("IFLA_PROMISCUITY"))


def test_everything_on_an_interface_is_wished_for(loopback: Socket) -> None:
    loopback.packet_add_membership = PacketMreq(LOOPBACK, PacketMembership.PROMISC)
    wished = promiscuous()
    loopback.packet_drop_membership = PacketMreq(LOOPBACK, PacketMembership.PROMISC)

    assert (wished, promiscuous()) == (1, 0)


def test_statistics_are_read_and_begin_anew(loopback: Socket) -> None:
    with Socket.udp() as sender:
        sender.sendto(b"counted", ("127.0.0.1", 9))
        loopback.recv(100)
    found = loopback.packet_statistics

    assert (found.packets >= 1, loopback.packet_statistics) == (True, TpacketStats(0, 0))


def test_version_three_rings_count_standing_still(loopback: Socket) -> None:
    loopback.packet_version = 2
    loopback.packet_rx_ring = TpacketReq3(1 << 16, 4, 2048, 128, 100)

    assert loopback.packet_statistics.freezes == 0


RINGS = pytest.mark.parametrize(
    "option", [ls.PACKET_RX_RING, ls.PACKET_TX_RING], ids=lambda option: option.name
)
REQUESTS: list[TpacketReq | TpacketReq3] = [
    TpacketReq(4096, 4, 2048, 8),
    TpacketReq(4096, 4, 2048, 8),
    TpacketReq3(1 << 16, 4, 2048, 128),
]
"""A ring for each PACKET_VERSION."""


@RINGS
@pytest.mark.parametrize("version", range(3))
def test_ring_takes_the_structure_of_its_version(
    loopback: Socket, option: ls.Option[object], version: int
) -> None:
    loopback.packet_version = version
    other = REQUESTS[0 if version == 2 else 2]
    with pytest.raises(TypeError, match=f"{option.name} .* it takes {type(REQUESTS[version]).__name__}, not"):
        loopback.set(option, other)
    loopback.set(option, REQUESTS[version])

    with pytest.raises(OSError, match="busy"):
        loopback.packet_version = 1


def test_ring_of_a_socket_that_has_none_is_the_kernels_to_refuse() -> None:
    with Socket.udp() as sock, pytest.raises(ls.UnsupportedOption, match="PACKET_RX_RING"):
        sock.packet_rx_ring = REQUESTS[2]


@RINGS
def test_ring_is_made_and_forbids_another_version(loopback: Socket, option: ls.Option[TpacketReq]) -> None:
    loopback.set(option, TpacketReq(4096, 4, 2048, 8))

    with pytest.raises(OSError, match="busy"):
        loopback.packet_version = 1


@pytest.mark.parametrize(("version", "size"), [(1, 32), (2, 48)])
def test_header_of_a_frame_has_a_size_by_version(version: int, size: int) -> None:
    with Socket.packet() as sock:
        assert sock.get(ls.PACKET_HDRLEN, request=version) == size


def test_group_shares_packets(loopback: Socket) -> None:
    group = FanoutArgs(7, FanoutMode.ROLLOVER | FanoutMode.FLAG_DEFRAG)
    loopback.packet_fanout = group
    rolled = loopback.packet_rollover_stats

    assert (loopback.packet_fanout, rolled.all) == (group, 0)


@pytest.mark.parametrize("chosen", [0, 1])
@pytest.mark.parametrize("steps", [1, 2])
def test_program_chooses_the_socket_of_a_group(loopback: Socket, chosen: int, steps: int) -> None:
    """Whatever its length: two instructions are as long as a struct sock_fprog."""
    load_and_return = [Instruction(BPF_LD_IMM, k=chosen), Instruction(BPF_RET_A)]
    program = Filter(load_and_return) if steps == 2 else Filter.returning(chosen)
    with Socket.packet(socket.SOCK_RAW, ETH_P_802_EX1) as first, Socket.packet() as second:
        for sock in (first, second):
            sock.bind(ls.Packet(LOOPBACK, ETH_P_802_EX1))
            sock.packet_fanout = FanoutArgs(7, FanoutMode.CBPF)
        first.packet_fanout_data = program
        frame = bytes(12) + struct.pack("!H", ETH_P_802_EX1) + b"data"
        loopback.sendto(frame, ls.Packet(LOOPBACK))
        receiver, other = (second, first) if chosen else (first, second)

        assert receiver.recv(100) == frame
        with pytest.raises(BlockingIOError):
            other.recv(100, socket.MSG_DONTWAIT)


def test_loaded_program_of_a_group_is_named_by_its_descriptor(loopback: Socket) -> None:
    loopback.packet_fanout = FanoutArgs(7, FanoutMode.EBPF)

    with pytest.raises(OSError, match="Bad file descriptor"):
        loopback.packet_fanout_data = -1


# AF_VSOCK and SOL_MPTCP


def test_whole_structures_pass_on_vsock() -> None:
    with Socket(socket.AF_VSOCK, socket.SOCK_STREAM) as sock:
        sock.linger = ls.Linger(True, 3)

        assert sock.linger == ls.Linger(True, 3)


def test_value_that_does_not_fit_is_refused_on_vsock_too() -> None:
    with Socket(socket.AF_VSOCK, socket.SOCK_STREAM) as sock, pytest.raises(OverflowError, match="SO_LINGER"):
        sock.linger = ls.Linger(True, 2**31)


def test_multipath_connection_reports_its_subflows() -> None:
    with Namespace(), mptcp() as listener, mptcp() as client, old_enough():
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        client.connect(listener.getsockname())
        [ends], [info] = client.mptcp_subflow_addrs, client.mptcp_tcpinfo

        assert (ends.local, ends.remote) == (client.getsockname(), client.getpeername())
        assert (info.state, client.mptcp_info.subflows) == (1, 0)


def test_full_information_is_bytes() -> None:
    with Namespace(), mptcp() as sock, old_enough():
        assert len(sock.get(ls.MPTCP_FULL_INFO, request=b"")) > 0
