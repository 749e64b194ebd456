"""Netlink: messages made by hand, what answers them, and sockets that send to each other."""

from __future__ import annotations

import errno
import select
import socket
import struct
import sys
from dataclasses import dataclass
from typing import Final

from conformance.plugin.setups.control_messages import control_messages
from conformance.plugin.timing import SOON
from libsocket import NETLINK_LIST_MEMBERSHIPS, Netlink, Socket
from netns import Namespace
from netns.netlink import Message, attribute, attributes, receive

NETLINK_USERSOCK: Final = 2
NETLINK_GENERIC: Final = 16
NETLINK_KOBJECT_UEVENT: Final = 15
NETLINK_FIB_LOOKUP: Final = 10
NETLINK_SOCK_DIAG: Final = 4
MAX_LINKS: Final = 32
"""One more than the largest number of a netlink family."""
GROUPS: Final = 32
"""The multicast groups that an address has bits for, and all that NETLINK_USERSOCK has."""

NLMSG_NOOP: Final = 1
NLMSG_ERROR: Final = 2
NLMSG_DONE: Final = 3
NLMSG_OVERRUN: Final = 4
NLMSG_MIN_TYPE: Final = 0x10
HEADER: Final = 16
"""Bytes of struct nlmsghdr."""

REQUEST: Final = 0x1
MULTI: Final = 0x2
ACK: Final = 0x4
ECHO: Final = 0x8
DUMP_INTR: Final = 0x10
DUMP_FILTERED: Final = 0x20
ROOT, MATCH, ATOMIC, DUMP = 0x100, 0x200, 0x400, 0x300
REPLACE, EXCL, CREATE, APPEND = 0x100, 0x200, 0x400, 0x800
NONREC, BULK = 0x100, 0x200
CAPPED, ACK_TLVS = 0x100, 0x200
"""Flags of messages, ``NLM_F_REQUEST`` and so on; what those from 0x100 on mean depends on the type."""

NEWLINK, DELLINK, GETLINK, SETLINK = 16, 17, 18, 19
NEWADDR, DELADDR, GETADDR = 20, 21, 22
NEWROUTE, DELROUTE, GETROUTE = 24, 25, 26
NEWNEIGH, DELNEIGH, GETNEIGH, NEWQDISC = 28, 29, 30, 36
UNKNOWN: Final = 4000
"""A type that NETLINK_ROUTE does not have."""
RTNLGRP_LINK: Final = 1
RTNLGRP_IPV4_IFADDR: Final = 5
RTNLGRP_IPV4_ROUTE: Final = 7
RTNLGRP_NSID: Final = 28
"""Groups of NETLINK_ROUTE, by number."""
LOOPBACK: Final = 1
"""The number of loopback in every network namespace."""

IFLA_MTU, IFLA_IFNAME = 4, 3
IFA_ADDRESS, IFA_LOCAL = 1, 2
NLA_F_NESTED: Final = 0x8000
NLA_F_NET_BYTEORDER: Final = 0x4000

_MESSAGE = struct.Struct("=IHHII")
_LINK = struct.Struct("=BxHiII")
_IFLA_IFNAME = 3
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_NEIGHBOUR = struct.Struct("=BxxxiHBB")
_QDISC = struct.Struct("=BxxxiIII")
_GENERIC = struct.Struct("=BBH")
_LOOKUP = struct.Struct("=4sIBBBBBBBBi")
_IPV4 = 4
_INT = struct.Struct("=i")
_U32 = struct.Struct("=I")

_NEWNSID = 88
_NETNSA_NSID, _NETNSA_FD = 1, 3
_GENERATION = bytes(4)
"""struct rtgenmsg, padded."""
_CONTROLLER, _CTRL_CMD_GETFAMILY = 16, 3
_CTRL_ATTR_FAMILY_ID, _CTRL_ATTR_FAMILY_NAME = 1, 2
_RTA_DST, _RTA_OIF, _RTA_PRIORITY = 1, 4, 6
_NDA_DST, _NDA_LLADDR, _NUD_PERMANENT = 1, 2, 0x80
_NUD_NOARP, _NTF_SELF, _NTF_MASTER = 0x40, 0x02, 0x04
_TCA_KIND, _TC_H_ROOT = 1, 0xFFFF_FFFF
_ATTRIBUTES_OF_ERRORS = {1: "message", 2: "offset", 3: "cookie", 4: "policy", 5: "missing", 6: "nest"}


class Attributes(dict[int, bytes]):
    """Those of a message, by type. A kernel that leaves out one that is due differs."""

    def __missing__(self, type: int) -> bytes:
        raise AssertionError(f"the message has no attribute of type {type}")


@dataclass(frozen=True)
class Acknowledged:
    """What an NLMSG_ERROR says: struct nlmsgerr, and what follows it."""

    error: int
    """A negative errno, or 0."""
    length: int
    """Of the request, as its header says it, that the error repeats."""
    type: int
    flags: int
    sequence: int
    port: int
    """The rest of the header of the request."""
    request: bytes
    """The rest of the request, if it is there."""
    attributes: dict[str, bytes]
    """Those of an extended ack: ``message``, ``offset``, ``cookie``, ``policy``, ``missing``, ``nest``."""

    @property
    def text(self) -> str:
        """The message, without the zero byte that ends it; empty if there is none."""
        return self.attributes.get("message", b"").rstrip(b"\0").decode()

    @property
    def policy(self) -> dict[int, int]:
        """The numbers of the policy that an attribute broke, by their type."""
        policy = attributes(self.attributes.get("policy", b""))
        return {kind: int.from_bytes(value, sys.byteorder) for kind, value in policy}

    def number(self, name: str) -> int | None:
        """The number in an attribute, if it is there: ``offset``, ``missing`` or ``nest``."""
        found = self.attributes.get(name)
        return None if found is None else int.from_bytes(found, sys.byteorder)


def netlink_socket(protocol: int = 0, *, type: int = socket.SOCK_RAW) -> Socket:
    """A netlink socket whose receives end where the kernel stays silent."""
    sock = Socket(socket.AF_NETLINK, type, protocol)
    sock.rcvtimeo = SOON
    return sock


def bound(protocol: int = NETLINK_USERSOCK, *, groups: int = 0, port: int = 0) -> Socket:
    """A netlink socket that is bound: to these groups, and to a port that the kernel chooses if it is 0."""
    sock = netlink_socket(protocol)
    try:
        sock.bind(Netlink(port, groups))
    except OSError:
        sock.close()
        raise
    return sock


def type_of(sock: Socket) -> int:
    """SO_TYPE."""
    return sock.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)


def port_of(sock: Socket) -> int:
    """The port id of a netlink socket; 0 before it has one."""
    return int(sock.getsockname()[0])


def groups_of(sock: Socket) -> int:
    """The first 32 groups of a netlink socket, as a mask."""
    return int(sock.getsockname()[1])


def memberships(sock: Socket) -> list[int]:
    """All groups of a netlink socket, as words of 32 bits."""
    words: tuple[int, ...] = sock.get(NETLINK_LIST_MEMBERSHIPS)
    return [*words]


def framed(
    type: int,
    flags: int = REQUEST,
    body: bytes = b"",
    *,
    sequence: int = 0,
    port: int = 0,
    length: int | None = None,
) -> bytes:
    """A message with every field of its header as it is given; its length is its own, unless it lies."""
    size = HEADER + len(body) if length is None else length
    return _MESSAGE.pack(size, type, flags, sequence, port) + body


def asked(sock: Socket, request: bytes) -> list[Message]:
    """Send a request; the messages of the one datagram that answers it."""
    sock.send(request)
    return receive(sock)


def acknowledged(sock: Socket, request: bytes) -> Acknowledged:
    """Send a request; the acknowledgement or the error that is the first answer to it."""
    return parsed(asked(sock, request)[0])


def parsed(message: Message) -> Acknowledged:
    """What an NLMSG_ERROR says; ValueError for another message."""
    if message.type != NLMSG_ERROR:
        raise ValueError(f"a message of type {message.type} is no error")
    (code,) = _INT.unpack_from(message.body)
    length, type, flags, sequence, port = _MESSAGE.unpack_from(message.body, _INT.size)
    rest = message.body[_INT.size + HEADER :]
    repeated = 0 if message.flags & CAPPED or not code else -(-(length - HEADER) // 4) * 4
    told = attributes(rest[repeated:]) if message.flags & ACK_TLVS else ()
    named = {_ATTRIBUTES_OF_ERRORS.get(kind, str(kind)): value for kind, value in told}
    return Acknowledged(code, length, type, flags, sequence, port, rest[:repeated], named)


def dumped(sock: Socket, request: bytes) -> list[Message]:
    """Send a request for a dump; all that answers it, up to the message that ends it."""
    messages = asked(sock, request)
    while messages[-1].type not in {NLMSG_DONE, NLMSG_ERROR}:
        messages += receive(sock)
    return messages


def drained(sock: Socket) -> list[Message]:
    """All that waits to be received: an answer of the kernel is there when its request has been sent."""
    found: list[Message] = []
    while select.select([sock], [], [], 0)[0]:
        found += receive(sock)
    return found


def types(messages: list[Message]) -> list[int]:
    """What kinds of messages they are."""
    return [one.type for one in messages]


def link_name(message: Message) -> str:
    """The name of the interface that a message is about."""
    found = Attributes(attributes(message.body[_LINK.size :]))
    return found[_IFLA_IFNAME].rstrip(b"\0").decode()


def about(messages: list[Message], *links: str) -> list[Message]:
    """Those of a dump that are no interfaces, or these: a kernel may have some in every new namespace.

    Tunnels do that (net.core.fb_tunnels_only_for_init_net).
    """
    known = {socket.if_nametoindex(link) for link in links}
    return [one for one in messages if one.type != NEWLINK or _LINK.unpack_from(one.body)[2] in known]


def of_link(index: int = LOOPBACK, *extra: bytes, family: int = 0) -> bytes:
    """The body of a request about an interface: struct ifinfomsg, and attributes."""
    return _LINK.pack(family, 0, index, 0, 0) + b"".join(extra)


def get_link(flags: int = REQUEST, *, index: int = LOOPBACK, sequence: int = 0, port: int = 0) -> bytes:
    """A request for one interface, or with flags of a dump for all."""
    return framed(GETLINK, flags, of_link(index), sequence=sequence, port=port)


def set_mtu(mtu: int, flags: int = REQUEST, *, sequence: int = 0, short: bool = False) -> bytes:
    """A request that gives loopback another MTU, in four bytes or, which is wrong, in two."""
    wanted = attribute(IFLA_MTU, _U32.pack(mtu)[:2]) if short else number(IFLA_MTU, mtu)
    return framed(NEWLINK, flags, of_link(LOOPBACK, wanted), sequence=sequence)


def mtu_of(sock: Socket, index: int = LOOPBACK) -> int:
    """The MTU of an interface, as NETLINK_ROUTE tells it."""
    (link,) = asked(sock, get_link(index=index))
    return int(_U32.unpack(Attributes(attributes(link.body[_LINK.size :]))[IFLA_MTU])[0])


def of_address(host: str, *extra: bytes, index: int = LOOPBACK, prefix: int = 32) -> bytes:
    """The body of a request about an IPv4 address."""
    head = _ADDRESS.pack(socket.AF_INET, prefix, 0, 0, index)
    return head + attribute(IFA_LOCAL, socket.inet_aton(host)) + b"".join(extra)


def new_address(host: str, flags: int = REQUEST | CREATE | EXCL) -> bytes:
    """A request that gives loopback one more IPv4 address."""
    return framed(NEWADDR, flags, of_address(host))


def get_addresses(flags: int = REQUEST | DUMP, *, index: int = 0) -> bytes:
    """A request for the IPv4 addresses of an interface, or of all."""
    return framed(GETADDR, flags, _ADDRESS.pack(socket.AF_INET, 0, 0, 0, index))


def addresses_in(messages: list[Message]) -> list[str]:
    """The addresses that a dump lists; those of IPv6, which is not asked for, are the last."""
    rows = [one.body[_ADDRESS.size :] for one in messages if one.type == NEWADDR]
    return [
        _address(one) for one in sorted((Attributes(attributes(row))[IFA_LOCAL] for row in rows), key=len)
    ]


def _address(value: bytes) -> str:
    """An address as text; a kernel may list one of another family than it was asked for."""
    return socket.inet_ntop(socket.AF_INET if len(value) == _IPV4 else socket.AF_INET6, value)


def new_route(flags: int, *, scope: int = 253, metric: int = 7, protocol: int = 4) -> bytes:
    """A request about the IPv4 route to 10.9.0.0/24 by loopback, of a metric, in the main table."""
    head = _ROUTE.pack(socket.AF_INET, 24, 0, 0, 254, protocol, scope, 1, 0)
    to = attribute(_RTA_DST, socket.inet_aton("10.9.0.0"))
    by = number(_RTA_OIF, LOOPBACK) + number(_RTA_PRIORITY, metric)
    return framed(NEWROUTE, REQUEST | flags, head + to + by)


def routes(sock: Socket) -> list[list[int]]:
    """The protocol and the metric of each route to 10.9.0.0/24, in the order of the table."""
    listed = dumped(sock, framed(GETROUTE, REQUEST | DUMP, _ROUTE.pack(socket.AF_INET, *[0] * 8)))
    found = []
    for one in listed:
        told = Attributes(attributes(one.body[_ROUTE.size :]) if one.type == NEWROUTE else ())
        if told.get(_RTA_DST) == socket.inet_aton("10.9.0.0"):
            found.append([one.body[5], int(_U32.unpack(told[_RTA_PRIORITY])[0])])
    return found


@dataclass(frozen=True)
class Entry:
    """What can be added to a table of NETLINK_ROUTE: type, fixed part and attributes, the first its key."""

    type: int
    head: bytes
    attributes: bytes

    @property
    def new(self) -> bytes:
        """The request that adds it, and is acknowledged."""
        return framed(self.type, REQUEST | ACK | CREATE | EXCL, self.head + self.attributes)

    def listed(self, sock: Socket) -> int:
        """How many entries of the table have its key."""
        rows = dumped(sock, framed(self.type + 2, REQUEST | DUMP, self.head[:1] + bytes(len(self.head) - 1)))
        key = next(attributes(self.attributes))
        told = [attributes(one.body[len(self.head) :]) for one in rows if one.type == self.type]
        return [key in one for one in told].count(True)


def ipv6_route(index: int) -> Entry:
    """The route to fd00:9::/64 by an interface."""
    to = attribute(_RTA_DST, socket.inet_pton(socket.AF_INET6, "fd00:9::"))
    head = _ROUTE.pack(socket.AF_INET6, 64, 0, 0, 254, 4, 0, 1, 0)
    return Entry(NEWROUTE, head, to + number(_RTA_OIF, index))


def neighbour(index: int) -> Entry:
    """The permanent neighbour 10.7.0.2 of an interface."""
    address = attribute(_NDA_DST, socket.inet_aton("10.7.0.2"))
    head = _NEIGHBOUR.pack(socket.AF_INET, index, _NUD_PERMANENT, 0, 0)
    return Entry(NEWNEIGH, head, address + attribute(_NDA_LLADDR, bytes.fromhex("020000000001")))


def fifo(index: int) -> Entry:
    """The queueing discipline pfifo at the root of an interface."""
    return Entry(NEWQDISC, _QDISC.pack(0, index, 1 << 16, _TC_H_ROOT, 0), attribute(_TCA_KIND, b"pfifo\0"))


def number(type: int, value: int) -> bytes:
    """An attribute of 32 bits."""
    return attribute(type, _U32.pack(value))


def generic(family: int, command: int, body: bytes = b"", *, flags: int = REQUEST, version: int = 1) -> bytes:
    """A message of generic netlink."""
    return framed(family, flags, _GENERIC.pack(command, version, 0) + body)


def of_generic(message: Message) -> dict[int, bytes]:
    """The attributes of a message of generic netlink."""
    return dict(attributes(message.body[_GENERIC.size :]))


def generic_family(sock: Socket, name: str) -> int:
    """The number of a family of generic netlink."""
    wanted = attribute(_CTRL_ATTR_FAMILY_NAME, name.encode() + b"\0")
    (answer,) = asked(sock, generic(_CONTROLLER, _CTRL_CMD_GETFAMILY, wanted))
    return int.from_bytes(of_generic(answer)[_CTRL_ATTR_FAMILY_ID], sys.byteorder)


def forwarding_request(sock: Socket, type: int, device: str, place: int | None, flags: int) -> int:
    """The error of a request about a static entry of a bridge's forwarding database, or of all: None."""
    head = struct.pack(
        "=BxxxiHBB",
        socket.AF_BRIDGE,
        socket.if_nametoindex(device),
        _NUD_NOARP,
        _NTF_SELF if place is None else _NTF_MASTER,
        0,
    )
    named = b"" if place is None else attribute(_NDA_LLADDR, bytes([2, 0, 0, 0, 0, place]))
    return acknowledged(sock, framed(type, REQUEST | ACK | flags, head + named)).error


def forwarded(sock: Socket, device: str) -> list[str]:
    """The link-layer addresses 02:00:00:00:00:* in a bridge's forwarding database, by one of its ports.

    A kernel with VLAN filtering has one for each VLAN.
    """
    index = socket.if_nametoindex(device)
    rows = dumped(
        sock, framed(GETNEIGH, REQUEST | DUMP, bytes([socket.AF_BRIDGE]) + bytes(_NEIGHBOUR.size - 1))
    )
    found = {
        dict(attributes(one.body[_NEIGHBOUR.size :]))[_NDA_LLADDR].hex()
        for one in rows
        if one.type == NEWNEIGH and int.from_bytes(one.body[4:8], sys.byteorder) == index
    }
    return sorted(address for address in found if address.startswith("0200000000"))


def flags_of(data: bytes) -> dict[int, int]:
    """The flags, NLA_F_*, of each attribute, by its type."""
    found: dict[int, int] = {}
    while data:
        size, kind = struct.unpack_from("=HH", data)
        found[kind & 0x3FFF] = kind & 0xC000
        data = data[-(-size // 4) * 4 :]
    return found


def lookup(host: str) -> bytes:
    """A request to look an address up, struct fib_result_nl."""
    return framed(0, REQUEST, _LOOKUP.pack(socket.inet_aton(host), 0, 0, 0, 255, 0, 0, 0, 0, 0, 0))


def looked_up(message: Message) -> list[int]:
    """Table, prefix length, type and scope that were found, and the error."""
    _, _, _, _, _, table, prefix, _, kind, scope, error = _LOOKUP.unpack_from(message.body)
    return [table, prefix, kind, scope, error]


def multicast(sender: Socket, data: bytes, groups: int) -> None:
    """Send to groups, and to the sender, who takes its copy: not every family has a socket of the kernel."""
    sender.sendto(data, Netlink(port_of(sender), groups))
    sender.recv(len(data))


def waiting(sock: Socket) -> list[str]:
    """The texts that wait at a socket, one a datagram: what a socket has sent is there at once."""
    found: list[str] = []
    while select.select([sock], [], [], 0)[0]:
        found.append(sock.recv(65536).decode())
    return found


def numbers(sock: Socket, kind: type[int]) -> list[int]:
    """Those of one kind, groups or ids of namespaces, that come as control messages with the next message."""
    return [int(one) for one in control_messages(sock, kind)]


def give_id(namespace: Namespace, id: int) -> None:
    """Give another network namespace an id in the one this thread is in."""
    body = _GENERATION + number(_NETNSA_NSID, id) + number(_NETNSA_FD, namespace.fileno())
    with netlink_socket(type=socket.SOCK_DGRAM) as sock:
        if acknowledged(sock, framed(_NEWNSID, REQUEST | ACK, body)).error:
            raise OSError(errno.EEXIST, "the network namespace has an id already")


def word(group: int) -> int:
    """The bit that stands for a group in its word of a mask, from 1 to 32."""
    return 1 << (group - 1) % GROUPS
