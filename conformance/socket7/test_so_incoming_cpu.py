"""SO_INCOMING_CPU and SO_INCOMING_NAPI_ID: where packets arrive."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import BUSY_POLL
from conformance.plugin.setups.pairs import connected_udp_pair, udp_pair
from conformance.plugin.setups.processors import on_one_processor
from conformance.plugin.setups.reuse import OTHERS_IN_GROUP, arrivals, group
from conformance.plugin.timing import SOON
from libsocket import Socket


@claim(
    "socket.7/SO_INCOMING_CPU/last-packet",
    sentence="socket.7/SO_INCOMING_CPU/affinity",
    section="Socket options",
    says="SO_INCOMING_CPU of a connected UDP socket that nothing has reached is -1, and once a packet has "
    "come that of the processor on which it arrived.",
    since="3.19",
)
def test_the_processor_of_the_last_packet(ns, observe):
    with on_one_processor() as processor:
        sender, receiver = connected_udp_pair()
        with sender, receiver:
            receiver.rcvtimeo = SOON
            before = receiver.incoming_cpu
            sender.send(b"x")
            receiver.recv(1)

            assert observe("before_and_after", [before, receiver.incoming_cpu == processor]) == [-1, True]


@claim(
    "socket.7/SO_INCOMING_CPU/listener",
    sentence="socket.7/SO_INCOMING_CPU/affinity",
    section="Socket options",
    says="Of two TCP listeners or UDP sockets that share an address by SO_REUSEPORT the one whose "
    "SO_INCOMING_CPU is the processor on which 20 connections or datagrams arrive gets all.",
    since="4.4",
    survives=OTHERS_IN_GROUP,
    expect=[
        differs(
            "what comes is distributed as without it, UDP datagrams since 4.5 already",
            since=since,
            until=until,
            commit="c125e80b8868",
            observed={"all": 20, "others": True},
        )
        for since, until in [("4.6", "5.15.86"), ("5.16", "6.0.16"), ("6.1", "6.1.2")]
    ],
)
@pytest.mark.parametrize("make", [Socket.tcp, Socket.udp], ids=["tcp", "udp"])
@pytest.mark.parametrize("index", [0, 1])
def test_the_socket_of_the_processor_gets_all(ns, observe, make, index):
    with on_one_processor() as processor, group(2, make) as members:
        members[index].incoming_cpu = processor
        counts = arrivals(members)

        assert [observe("all", sum(counts)), observe("others", counts[1 - index] > 0)] == [20, False]


@claim(
    "socket.7/SO_INCOMING_NAPI_ID/loopback",
    sentence="socket.7/SO_INCOMING_NAPI_ID/value",
    section="Socket options",
    says="SO_INCOMING_NAPI_ID of a UDP socket whose last packet came by loopback, which has no queue that "
    "is polled, reads 0.",
    since="4.12",
    needs=[BUSY_POLL],
)
def test_loopback_has_no_queue(ns, observe):
    sender, receiver = udp_pair()
    with sender, receiver:
        receiver.rcvtimeo = SOON
        sender.send(b"x")
        data = receiver.recv(1).decode()

        assert observe("data_and_queue", [data, receiver.incoming_napi_id]) == ["x", 0]
