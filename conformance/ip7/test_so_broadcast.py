"""SO_BROADCAST as ip(7) describes it."""

from __future__ import annotations

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import VETH
from conformance.plugin.setups.pairs import received_until, udp_across
from netns import effective, only

RECEIVED_BY_ALL = differs(
    "the flag is asked for in sending only (and has been since before the kernel's history in git)",
    since="2.6.12",
    commit="1da177e4c3f4",
    observed={"first_received": "to everyone"},
)


@claim(
    "ip.7/SO_BROADCAST/needed-to-receive",
    sentence="ip.7/addresses/broadcast-flag",
    section="Address format",
    says="A UDP socket without SO_BROADCAST receives no datagrams to a broadcast address.",
    needs=[VETH],
    expect=RECEIVED_BY_ALL,
)
def test_it_does_not_receive_what_is_for_everyone(peers, observe):
    with udp_across(peers) as (sender, receiver):
        port = receiver.getsockname()[1]
        sender.broadcast = True
        sender.sendto(b"to everyone", ("10.0.1.255", port))
        sender.sendto(b"to one", (peers.right.address, port))

        assert observe("first_received", received_until("to one", receiver)[0]) == "to one"


@claim(
    "ip.7/SO_BROADCAST/unprivileged",
    sentence=("ip.7/notes/broadcast-unprivileged", "capabilities.7/CAP_NET_BROADCAST/unused"),
    section="NOTES",
    says="A UDP socket of a process without any capability can have SO_BROADCAST and send to every host of "
    "its network.",
    needs=[VETH],
)
def test_it_takes_no_capability(peers, observe):
    with udp_across(peers) as (sender, receiver):
        with only():
            held = [str(one) for one in effective()]
            sender.broadcast = True
            sender.sendto(b"to everyone", ("10.0.1.255", receiver.getsockname()[1]))

        assert [observe("capabilities", held), observe("received", receiver.recv(20).decode())] == [
            [],
            "to everyone",
        ]
