"""TCP-AO: what is in the segments, and which of them are taken."""

from __future__ import annotations

from dataclasses import replace

import pytest

from conformance.plugin.claim import claim, differs
from conformance.plugin.needs import IPV6, KERNEL_LOG, TCP_AO, TCP_AO_CMAC
from conformance.plugin.refusal import refused
from conformance.plugin.setups.kernel_log import kernel_log, logged_since
from conformance.plugin.setups.segments import RST, next_segment, segment, segments, waiting_segments
from conformance.plugin.setups.tcp_ao import (
    ANOTHER,
    AUTHENTICATION,
    HERE,
    KEY,
    SYN_SENT,
    authenticating,
    client_of,
    connecting,
    exchanged,
    keys_of,
    mac_due,
    mirrored,
    numbers_of,
    of,
)
from conformance.plugin.timing import SOON
from libsocket import Socket, TcpAoAdd, TcpMd5sig
from netns import Capability

SINCE = "6.7"
NEEDS = (TCP_AO, Capability.NET_RAW)
SIGNATURE = 19
"""The kind of TCP's option by which segments are signed with MD5."""
NOBODYS, ELSEWHERE = ("127.0.0.1", 9), "127.0.0.2"
SHA1, CMAC, SHA256 = "hmac(sha1)", "cmac(aes128)", "hmac(sha256)"


def next_option(arriving: Socket) -> bytes:
    """TCP-AO's option of the next segment that arrives, both numbers and the MAC; empty where it has none."""
    return next_segment(arriving).options.get(AUTHENTICATION, b"")


def connected_with(key: TcpAoAdd) -> list[object]:
    """How long the MAC in a SYN is, and what both ends of the connection receive then."""
    with segments() as arriving, authenticating(key) as listener, client_of(listener, key) as client:
        arriving.rcvtimeo = SOON
        client.connect(listener.getsockname())
        option = next_option(arriving)
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            return [len(option[2:]), *exchanged(client, server)]


@claim(
    "tcp_ao/option/in-the-segment",
    sentence=("tcp_ao/option/header", "tcp_ao/comparison/mac-12"),
    section="TCP-AO",
    says="The SYN of a TCP socket, over IPv4 and IPv6, with a key for the address has TCP's option 29: the "
    "key's SendID, the RecvID of the key that is asked for, and a MAC, of 12 bytes with hmac(sha1) if "
    "no other length was chosen. That of a socket without a key has none.",
    since=SINCE,
    needs=[*NEEDS, IPV6],
)
@pytest.mark.parametrize(("host", "version"), [("127.0.0.1", 4), ("::1", 6)], ids=["ipv4", "ipv6"])
def test_a_segment_has_the_option(ns, observe, host, version):
    nobodys = host, 9
    with segments(version) as arriving, connecting(nobodys, of(host)), connecting(nobodys):
        arriving.rcvtimeo = SOON
        option, without = next_option(arriving), next_option(arriving)

        assert observe("option", [*option[:2], len(option[2:]), len(without)]) == [100, 101, 12, 0]


@claim(
    "tcp_ao/comparison/md5-has-16-bytes",
    sentence="tcp_ao/comparison/md5-mac-length",
    section="Introduction",
    says="The SYN of a TCP socket over IPv4 that is signed by TCP_MD5SIG has a MAC of 16 bytes, and that of "
    "one with a key of hmac(sha1) has one of 12.",
    since=SINCE,
    needs=NEEDS,
)
def test_a_mac_of_md5_is_longer(ns, observe):
    with segments() as arriving, Socket.tcp() as old:
        arriving.rcvtimeo = SOON
        old.tcp_md5sig = TcpMd5sig(HERE, KEY.key)
        old.setblocking(False)
        old.connect_ex(NOBODYS)
        sizes = [len(next_segment(arriving).options.get(SIGNATURE, b""))]
        with connecting(NOBODYS, KEY):
            sizes.append(len(next_option(arriving)[2:]))

            assert observe("sizes", sizes) == [16, 12]


@claim(
    "tcp_ao/TCP_AO_ADD_KEY/mac-length",
    sentence=(
        "tcp_ao/TCP_AO_ADD_KEY/selects",
        "tcp_ao/TCP_AO_ADD_KEY/algorithms",
        "tcp_ao/TCP_AO_ADD_KEY/mac-length",
        "tcp_ao/comparison/algorithms",
        "tcp_ao/comparison/mac-any",
    ),
    section="uAPI",
    says="A TCP-AO key's MAC over IPv4 may have any length from 4 to 16 bytes, which is what fits beside "
    "the other options of a SYN, with hmac(sha1) and hmac(sha256): a SYN has so many, and both ends "
    "connect; 17 are refused.",
    since=SINCE,
    needs=NEEDS,
)
@pytest.mark.parametrize("algorithm", [SHA1, SHA256])
@pytest.mark.parametrize("length", [4, 5, 15, 16])
def test_a_mac_has_the_length_that_was_chosen(ns, observe, algorithm, length):
    key = replace(KEY, algorithm=algorithm, maclen=length)
    with Socket.tcp() as sock, refused():
        sock.tcp_ao_add_key = replace(key, maclen=17)

    assert observe("length_and_received", connected_with(key)) == [length, "there", "back"]


@claim(
    "tcp_ao/TCP_AO_ADD_KEY/cmac",
    sentence=(
        "tcp_ao/TCP_AO_ADD_KEY/algorithms",
        "tcp_ao/TCP_AO_ADD_KEY/mac-length",
        "tcp_ao/comparison/algorithms",
        "tcp_ao/comparison/mac-12",
    ),
    section="uAPI",
    says="A TCP-AO key over IPv4 with cmac(aes128) has a MAC of 12 bytes, or of any length from 4 to 16 that "
    "was chosen: a SYN has so many, and both ends connect; 17 are refused.",
    since=SINCE,
    needs=[*NEEDS, TCP_AO_CMAC],
)
@pytest.mark.parametrize(("length", "has"), [(0, 12), (4, 4), (5, 5), (15, 15), (16, 16)])
def test_cmac_signs_too(ns, observe, length, has):
    key = replace(KEY, algorithm=CMAC, maclen=length)
    with Socket.tcp() as sock, refused():
        sock.tcp_ao_add_key = replace(key, maclen=17)

    assert observe("length_and_received", connected_with(key)) == [has, "there", "back"]


@claim(
    "tcp_ao/TCP_AO_ADD_KEY/mac-not-shorter",
    sentence="tcp_ao/TCP_AO_ADD_KEY/mac-length",
    section="uAPI",
    says="A TCP-AO key whose MAC would have fewer than 4 bytes is refused, and one of 4 is not.",
    since=SINCE,
    needs=[TCP_AO],
    expect=differs(
        "a MAC of 1 byte is taken, too",
        since=SINCE,
        commit="4954f17ddefc",
        observed={"lengths": [4], "errno": None},
    ),
    survives={"no-op: setsockopt(*": "the test ends with the call that is refused no more"},
)
@pytest.mark.parametrize("length", [1, 3])
def test_a_mac_is_not_shorter_than_four_bytes(ns, observe, length):
    with Socket.tcp() as sock:
        sock.tcp_ao_add_key = replace(KEY, maclen=4)
        lengths = observe("lengths", [key.maclen for key in keys_of(sock)])
        with refused():
            sock.tcp_ao_add_key = replace(ANOTHER, maclen=length)

        assert lengths == [4]


@claim(
    "tcp_ao/option/other-macs-dropped",
    sentence="tcp_ao/option/verifies",
    section="TCP-AO",
    says="A TCP listener over IPv4 with a key for an address does not answer a SYN from there whose MAC was "
    "made with another key of the same numbers, with another algorithm, or has another length, nor one "
    "without a MAC, and counts it; one with the same key connects.",
    since=SINCE,
    needs=[TCP_AO],
)
@pytest.mark.parametrize(
    ("wrong", "counters"),
    [
        ([replace(KEY, key=ANOTHER.key)], [True, False]),
        ([replace(KEY, algorithm=SHA256)], [True, False]),
        ([replace(KEY, maclen=16)], [True, False]),
        ([], [False, True]),
    ],
    ids=["key", "algorithm", "length", "none"],
)
def test_other_macs_are_dropped(ns, observe, wrong, counters):
    with (
        authenticating(KEY) as listener,
        connecting(listener.getsockname(), *wrong) as unable,
        client_of(listener, KEY) as able,
    ):
        able.connect(listener.getsockname())
        with listener.accept()[0] as server:
            accepted = server.getpeername() == able.getsockname()
            info = listener.tcp_ao_info
            seen = [accepted, unable.tcp_info.state, info.pkt_bad > 0, info.pkt_ao_required > 0]

            assert observe("accepted_state_bad_required", seen) == [True, SYN_SENT, *counters]


@claim(
    "tcp_ao/option/without-a-key",
    sentence="tcp_ao/option/verifies",
    section="TCP-AO",
    says="A TCP listener over IPv4 with a key for one address connects to another one without a MAC.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_other_peers_need_no_key(ns, observe):
    with authenticating(KEY) as listener, client_of(listener) as client:
        client.bind((ELSEWHERE, 0))
        client.connect(listener.getsockname())
        with listener.accept()[0] as server:
            server.rcvtimeo = SOON
            seen = [numbers_of(listener), exchanged(client, server)]

            assert observe("keys_and_received", seen) == [[101], ["there", "back"]]


@claim(
    "tcp_ao/comparison/no-connectionless-resets",
    sentence="tcp_ao/comparison/resets",
    section="Introduction",
    says="A SYN with TCP-AO's option over IPv4 to a port that nobody has is answered with no reset, as one "
    "without it is.",
    since=SINCE,
    needs=NEEDS,
)
def test_nobody_resets(ns, observe):
    with segments() as arriving, connecting(NOBODYS, KEY) as client, Socket.tcp() as plain:
        with refused():
            plain.connect(NOBODYS)
        resets = [one.destination for one in waiting_segments(arriving) if one.flags & RST]
        reset = [resets.count(sock.getsockname()[1]) for sock in (client, plain)]

        assert observe("resets", [*reset, client.tcp_info.state]) == [0, 1, SYN_SENT]


def is_discarded(unknown: Socket, listener: Socket) -> bool:
    """Whether a socket with a key that a listener has not is passed over, when another one is accepted."""
    with client_of(listener, KEY) as known:
        known.connect(listener.getsockname())
        with listener.accept()[0] as server:
            seen = [server.getpeername(), unknown.tcp_info.state, listener.tcp_ao_info.pkt_key_not_found > 0]
            return seen == [known.getsockname(), SYN_SENT, True]


@claim(
    "tcp_ao/FAQ/unknown-key-discarded",
    sentence="tcp_ao/FAQ/unknown-discarded",
    section="FAQ",
    says="A TCP listener over IPv4 with a key discards a SYN with TCP-AO's option whose SendID is the RecvID "
    "of none of its keys for that address, and counts it as one of an unknown key.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_an_unknown_key_is_discarded(ns, observe):
    with authenticating(KEY) as listener, connecting(listener.getsockname(), ANOTHER) as unknown:
        assert observe("discarded_and_counted", is_discarded(unknown, listener)) is True


@claim(
    "tcp_ao/FAQ/no-keys-discarded",
    sentence="tcp_ao/FAQ/unknown-discarded",
    section="FAQ",
    says="A TCP listener over IPv4 without any key discards a SYN with TCP-AO's option, and connects to one "
    "without.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_it_is_discarded_without_any_key(ns, observe):
    with (
        authenticating() as listener,
        connecting(listener.getsockname(), KEY) as unknown,
        client_of(listener) as plain,
    ):
        plain.connect(listener.getsockname())
        with listener.accept()[0] as server:
            seen = [server.getpeername() == plain.getsockname(), unknown.tcp_info.state]

            assert observe("accepted_and_state", seen) == [True, SYN_SENT]


@claim(
    "tcp_ao/FAQ/unknown-key-logged",
    sentence="tcp_ao/FAQ/unknown-logged",
    section="FAQ",
    says="When a TCP listener over IPv4 discards a SYN whose key it does not know, the kernel's log has a "
    "warning of it.",
    since=SINCE,
    needs=[TCP_AO, KERNEL_LOG],
    expect=differs(
        "there is a trace event instead",
        since="6.11",
        commit="78b1b27db91c",
        observed={"discarded": True, "logged": False},
    ),
)
def test_an_unknown_key_is_logged(ns, observe):
    with (
        kernel_log() as log,
        authenticating(KEY) as listener,
        connecting(listener.getsockname(), ANOTHER) as unknown,
    ):
        discarded = observe("discarded", is_discarded(unknown, listener))
        logged = observe("logged", "AO" in logged_since(log))

        assert [discarded, logged] == [True, True]


@claim(
    "tcp_ao/TCP_AO_ADD_KEY/any-port",
    sentence="tcp_ao/TCP_AO_ADD_KEY/no-ports",
    section="uAPI",
    says="A TCP-AO key over IPv4 counts for every port of its address: two clients with ports of their own "
    "connect to a listener with one key.",
    since=SINCE,
    needs=[TCP_AO],
)
def test_a_key_is_for_every_port(ns, observe):
    with (
        authenticating(KEY) as listener,
        client_of(listener, KEY) as first,
        client_of(listener, KEY) as second,
    ):
        first.connect(listener.getsockname())
        second.connect(listener.getsockname())
        with listener.accept()[0] as server, listener.accept()[0] as other:
            ids = [one.tcp_ao_info.current_key for one in (server, other)]

        assert observe("current_keys", ids) == [mirrored(KEY).sndid] * 2


@claim(
    "tcp_ao/comparison/mac-of-ports-and-numbers",
    sentence=("tcp_ao/comparison/crossing", "tcp_ao/comparison/replay", "tcp_ao/option/header"),
    section="Introduction",
    says="The MAC of the SYN and of the SYN-ACK of a TCP connection over IPv4, with hmac(sha1), is that of "
    "RFC 5925 and 5926: made with the ports, both initial sequence numbers and an SNE of 0, it is another "
    "for another one of them.",
    since=SINCE,
    needs=NEEDS,
)
def test_a_mac_is_of_ports_and_numbers(ns, observe):
    with segments() as arriving, authenticating(KEY) as listener, client_of(listener, KEY) as client:
        arriving.rcvtimeo = SOON
        client.connect(listener.getsockname())
        asked, answered = arriving.recv(1000), arriving.recv(1000)
        first, second = segment(asked), segment(answered)
        theirs, ours = (first.sequence, 0), (second.sequence, first.sequence)
        due = [
            mac_due(answered, KEY, isns=ours),
            mac_due(answered, KEY, isns=ours, port=9),
            mac_due(answered, KEY, isns=(second.sequence, 0)),
            mac_due(answered, KEY, isns=(0, first.sequence)),
            mac_due(answered, KEY, isns=ours, sne=1),
        ]
        macs = [one.options[AUTHENTICATION][2:] for one in (first, second)]
        seen = [mac_due(asked, KEY, isns=theirs) == macs[0], *(mac == macs[1] for mac in due)]

        assert observe("equal", seen) == [True, True, False, False, False, False]
