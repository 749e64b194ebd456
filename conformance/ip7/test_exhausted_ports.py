"""When no port is left to be chosen, and what the calls that would choose one say."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from conformance.plugin.claim import claim
from conformance.plugin.refusal import errno_name
from libsocket import Socket
from netns import Namespace

HERE = "127.0.0.1"
SUCCEEDED = "success"


def errno_without_a_port(ns: Namespace, make: Callable[[], Socket], call: Callable[[Socket], object]) -> str:
    """How a call fails on an unbound socket, once another has the only port that may be chosen."""
    ns.sysctl["net.ipv4.ip_local_port_range"] = "40000 40000"
    with ExitStack() as sockets:
        holder, sock = (sockets.enter_context(make()) for _ in range(2))
        holder.bind(("0.0.0.0", 40_000))
        try:
            call(sock)
        except OSError as error:
            return errno_name(error.errno)
        return SUCCEEDED


CALLS: Final[list[tuple[Callable[[], Socket], Callable[[Socket], object]]]] = [
    (Socket.tcp, lambda sock: sock.bind((HERE, 0))),
    (Socket.tcp, lambda sock: sock.listen()),
    (Socket.tcp, lambda sock: sock.connect((HERE, 9))),
    (Socket.udp, lambda sock: sock.bind((HERE, 0))),
    (Socket.udp, lambda sock: sock.connect((HERE, 9))),
    (Socket.udp, lambda sock: sock.sendto(b"hello", (HERE, 9))),
]


@claim(
    "ip.7/bugs/exhausted-ports",
    sentence=("ip.7/bugs/exhausted-ports", "proc_sys_net_ipv4.5/ip_local_port_range/exhausted"),
    section="BUGS",
    says="When all ports that may be chosen are taken, bind, listen and connect of TCP, and bind, connect "
    "and sendto of UDP, fail, and not all with the same errno.",
)
def test_calls_without_a_port_fail_each_in_its_way(ns, observe):
    errnos = [errno_without_a_port(ns, make, call) for make, call in CALLS]

    assert [errnos.count(SUCCEEDED), len(set(observe("errnos", errnos))) > 1] == [0, True]
