"""TCP_SAVE_SYN and TCP_SAVED_SYN: the packet with which a connection began."""

from __future__ import annotations

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.segments import ACK, SYN, segment
from libsocket import Socket

HOSTS = pytest.mark.parametrize("host", ["127.0.0.1", "::1"])


@claim(
    "tcp.7/TCP_SAVED_SYN/headers",
    sentence=(
        "tcp.7/TCP_SAVE_SYN/saves",
        "tcp.7/TCP_SAVED_SYN/reads",
        "tcp.7/TCP_SAVED_SYN/headers",
        "tcp.h/TCP_SAVED_SYN/gets",
    ),
    section="Socket options",
    says="An accepted TCP connection, over IPv4 and IPv6, of a listener with TCP_SAVE_SYN reads the headers "
    "of IP and TCP of its SYN with TCP_SAVED_SYN, and nothing where the listener has not.",
    since="4.3",
)
@HOSTS
def test_the_headers_are_saved(ns, observe, host):
    with listening(host) as plain, listening(host) as saving:
        saving.tcp_save_syn = 1
        with (
            pending_connection(plain),
            plain.accept()[0] as without,
            pending_connection(saving) as client,
            saving.accept()[0] as accepted,
        ):
            nothing = len(without.tcp_saved_syn)
            saved = segment(accepted.tcp_saved_syn)

            assert [
                observe("without", nothing),
                observe("of_client", saved.source == client.getsockname()[1]),
                observe("flags", saved.flags & (SYN | ACK)),
            ] == [0, True, SYN]


@claim(
    "tcp.7/TCP_SAVED_SYN/once",
    sentence=("tcp.7/TCP_SAVED_SYN/once", "tcp.7/TCP_SAVE_SYN/saves"),
    section="Socket options",
    says="TCP_SAVED_SYN gives the headers of an accepted TCP connection, over IPv4 and IPv6, once, and "
    "nothing from then on.",
    since="4.3",
)
@HOSTS
def test_they_are_read_once(ns, observe, host):
    with listening(host) as listener:
        listener.tcp_save_syn = 1
        with pending_connection(listener), listener.accept()[0] as accepted:
            sizes = [len(accepted.tcp_saved_syn) > 0, len(accepted.tcp_saved_syn)]

            assert observe("some_and_size", sizes) == [True, 0]


@claim(
    "tcp.7/TCP_SAVE_SYN/when",
    sentence=("tcp.7/TCP_SAVE_SYN/when", "tcp.h/TCP_SAVE_SYN/records"),
    section="Socket options",
    says="TCP_SAVE_SYN can be set on a TCP socket, over IPv4 and IPv6, before listen(2) and after: both keep "
    "the SYNs that come then.",
    since="4.3",
)
@HOSTS
def test_it_is_set_before_or_after(ns, observe, host):
    with listening(host) as late, Socket.tcp(late.family) as early:
        late.tcp_save_syn = 1
        early.tcp_save_syn = 1
        early.bind((host, 0))
        early.listen()
        with (
            pending_connection(early),
            early.accept()[0] as first,
            pending_connection(late),
            late.accept()[0] as second,
        ):
            saved = [segment(one.tcp_saved_syn).flags & SYN for one in (first, second)]

            assert observe("syns", saved) == [SYN, SYN]
