"""SO_GET_FILTER: the classic program that a socket has."""

from __future__ import annotations

import errno

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.needs import EBPF
from conformance.plugin.refusal import refused
from conformance.plugin.setups.bpf import returning
from conformance.plugin.setups.filters import ALL, Step, instructions_told, program
from conformance.plugin.setups.listeners import listening, pending_connection
from conformance.plugin.setups.sockets import unix_datagram
from libsocket import Filter, Socket

SINCE, COMMIT = "3.8", "a8fc92778080"
MANY = 2000
"""Fewer than the most, 4096, for which older kernels have no room: their net.core.optmem_max is 20480."""
SOME: list[Step] = [("ldh [k]", 12), ("jeq #k", 0x0806, 0, 1), ALL, ("ret #k", 0)]
PROGRAMS = {"some": program(*SOME), "many": program(*[("ld #k", 1)] * (MANY - 1), ALL)}


@claim(
    "defacto/SO_ATTACH_FILTER/read",
    says="The classic program of a UDP or UNIX datagram socket, of 4 instructions or 2000, reads back as it "
    "was attached, and there is none before and once it is detached.",
    since=SINCE,
    commit=COMMIT,
)
@pytest.mark.parametrize("make", [Socket.udp, unix_datagram], ids=["udp", "unix"])
@pytest.mark.parametrize("attached", PROGRAMS.values(), ids=PROGRAMS)
def test_a_program_reads_back(ns, observe, make, attached):
    with make() as sock:
        seen = [sock.filter() is None]
        sock.attach_filter = attached
        seen.append(sock.filter() == attached)
        sock.detach_filter = 0
        seen.append(sock.filter() is None)

        assert observe("before_attached_detached", seen) == [True, True, True]


@claim(
    "defacto/SO_ATTACH_FILTER/read-room",
    says="Reading the classic program of a UDP socket, of 4 instructions, with room for 1 or 3 is "
    "refused with EINVAL; with room for 4 or 5 it is read, and with room for none its length is told.",
    since=SINCE,
    commit=COMMIT,
)
@pytest.mark.parametrize("room", [1, 3])
def test_a_program_has_to_have_room(ns, observe, room):
    with Socket.udp() as sock:
        sock.attach_filter = program(*SOME)
        with refused(errno.EINVAL):
            instructions_told(sock, room)

        assert observe("told", [instructions_told(sock, one) for one in (0, 4, 5)]) == [4, 4, 4]


@claim(
    "defacto/SO_ATTACH_FILTER/extended",
    says="Reading the classic program of a UDP socket that has an extended one is refused with EACCES.",
    since="4.3",
    commit="93d08b6966cf",
    needs=[EBPF],
)
def test_an_extended_program_is_not_read(ns, observe):
    with Socket.udp() as sock, returning(4) as extended:
        sock.attach_bpf = extended
        with refused(errno.EACCES):
            sock.filter()
        sock.attach_filter = Filter.accept(4)

        assert observe("classic", sock.filter() == Filter.accept(4)) is True


@claim(
    "defacto/SO_ATTACH_FILTER/inherited-by-accept",
    says="An accepted TCP connection over IPv4 has the classic program that its listener had when they "
    "connected, though the listener has another by then, and to detach it leaves that of the listener.",
    since="2.6.12",
    commit="1da177e4c3f4",
)
def test_an_accepted_connection_has_a_program(ns, observe):
    with listening() as listener:
        listener.attach_filter = Filter.accept(1000)
        with pending_connection(listener):
            listener.attach_filter = Filter.accept(2000)
            with listener.accept()[0] as accepted:
                seen = [accepted.filter() == Filter.accept(1000)]
                accepted.detach_filter = 0
                seen += [accepted.filter() is None, listener.filter() == Filter.accept(2000)]

                assert observe("accepted_detached_listener", seen) == [True, True, True]
