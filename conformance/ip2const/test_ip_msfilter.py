"""IP_MSFILTER: which senders to a group are heard."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.pairs import received_until
from conformance.plugin.timing import SOON
from libsocket import IP_MSFILTER, IpMreqn, IpMsfilter, Socket

GROUP, HERE = "239.1.2.3", "127.0.0.1"
ONE, ANOTHER = "127.0.0.2", "127.0.0.3"


@claim(
    "IP_MSFILTER.2const/IP_MSFILTER/full-state",
    sentence=("IP_MSFILTER.2const/IP_MSFILTER/full-state", "IP_MSFILTER.2const/IP_MSFILTER/modes"),
    section="DESCRIPTION",
    says="A UDP socket that joined a group hears after it set a filter of mode MCAST_INCLUDE the senders "
    "that it names only, with MCAST_EXCLUDE all but those; it reads back as it was set.",
    since="2.4.22",
)
@pytest.mark.parametrize(
    ("include", "heard"),
    [
        (True, ["before: one", "before: another", "one"]),
        (False, ["before: one", "before: another", "another"]),
    ],
    ids=["include", "exclude"],
)
def test_senders_are_heard_as_the_filter_says(ns, observe, include, heard):
    ns.add_route("224.0.0.0/4", dev="lo")
    chosen = IpMsfilter(GROUP, HERE, include, (ONE,))
    with Socket.udp() as receiver, Socket.udp() as all_, Socket.udp() as one, Socket.udp() as another:
        receiver.rcvtimeo = all_.rcvtimeo = SOON
        receiver.reuseaddr = all_.reuseaddr = True
        receiver.bind(("0.0.0.0", 0))
        all_.bind((GROUP, receiver.getsockname()[1]))
        one.bind((ONE, 0))
        another.bind((ANOTHER, 0))
        receiver.ip_add_membership = all_.ip_add_membership = IpMreqn(GROUP, address=HERE)
        to_group = GROUP, receiver.getsockname()[1]
        one.sendto(b"before: one", to_group)
        another.sendto(b"before: another", to_group)
        before = [receiver.recv(20).decode() for _ in range(2)]
        receiver.set(IP_MSFILTER, chosen)
        held = receiver.get(IP_MSFILTER, request=IpMsfilter(GROUP, HERE))
        one.sendto(b"one", to_group)
        another.sendto(b"another", to_group)
        one.sendto(b"to one host", (HERE, to_group[1]))
        received = [*before, *received_until("to one host", receiver)]
        by_all = [all_.recv(20).decode() for _ in range(4)]

        assert [held, observe("received", received), observe("without_filter", by_all)] == [
            chosen,
            [*heard, "to one host"],
            ["before: one", "before: another", "one", "another"],
        ]
