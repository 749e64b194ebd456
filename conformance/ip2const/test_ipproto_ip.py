"""IPPROTO_IP: the options that IP has."""

from __future__ import annotations

from socket import IP_TTL, IPPROTO_IP

import pytest

from conformance.plugin.claim import claim
from conformance.plugin.refusal import refused
from conformance.plugin.setups.sockets import raw_socket
from libsocket import OPTIONS, Socket
from netns import Capability

NO_LEVEL = 9999
LISTED = (
    "IP_ADD_MEMBERSHIP",
    "IP_ADD_SOURCE_MEMBERSHIP",
    "IP_BIND_ADDRESS_NO_PORT",
    "IP_BLOCK_SOURCE",
    "IP_DROP_MEMBERSHIP",
    "IP_DROP_SOURCE_MEMBERSHIP",
    "IP_FREEBIND",
    "IP_HDRINCL",
    "IP_MSFILTER",
    "IP_MTU",
    "IP_MTU_DISCOVER",
    "IP_MULTICAST_ALL",
    "IP_MULTICAST_IF",
    "IP_MULTICAST_LOOP",
    "IP_MULTICAST_TTL",
    "IP_NODEFRAG",
    "IP_OPTIONS",
    "IP_PASSSEC",
    "IP_PKTINFO",
    "IP_RECVERR",
    "IP_RECVOPTS",
    "IP_RECVORIGDSTADDR",
    "IP_RECVTOS",
    "IP_RECVTTL",
    "IP_RETOPTS",
    "IP_ROUTER_ALERT",
    "IP_TOS",
    "IP_TRANSPARENT",
    "IP_TTL",
    "IP_UNBLOCK_SOURCE",
)
BY_NAME = {option.name: option for option in OPTIONS if option.level == IPPROTO_IP}


@claim(
    "IPPROTO_IP.2const/IPPROTO_IP/supported",
    sentence="IPPROTO_IP.2const/IPPROTO_IP/supported",
    section="DESCRIPTION",
    says="A raw socket knows each option that is listed but IP_LOCAL_PORT_RANGE, which is newer.",
    since="4.2",
    needs=[Capability.NET_RAW],
    survives={"*": "no fault is a refusal as unknown; what becomes of an option is claimed by its own page"},
)
@pytest.mark.parametrize("name", LISTED)
def test_a_listed_option_is_known(ns, observe, name):
    with raw_socket() as sock:
        assert observe("known", sock.supported(BY_NAME[name])) is True


@claim(
    "IPPROTO_IP.2const/IPPROTO_IP/level",
    sentence=("IPPROTO_IP.2const/IPPROTO_IP/set-and-read", "IPPROTO_IP.2const/IPPROTO_IP/level"),
    section="DESCRIPTION",
    says="IP_TTL of a UDP or TCP socket, set at level IPPROTO_IP, reads there as it was set; at a level that "
    "there is not it is refused.",
)
@pytest.mark.parametrize("make", [Socket.udp, Socket.tcp], ids=["udp", "tcp"])
def test_the_level_is_that_of_ip(ns, observe, make):
    with make() as sock:
        sock.setsockopt(IPPROTO_IP, IP_TTL, 33)
        with refused():
            sock.setsockopt(NO_LEVEL, IP_TTL, 44)

        assert observe("ttl", sock.getsockopt(IPPROTO_IP, IP_TTL)) == 33
