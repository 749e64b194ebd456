"""rtnetlink(7): requests that are written as text, and what answers them as text.

A message is its type, flags, fields of the fixed part and attributes, in one line::

    RTM_NEWROUTE NLM_F_CREATE rtm_dst_len=24 RTA_DST=10.9.0.0 RTA_OIF=lo RTA_METRICS.RTAX_MTU=1300

What is not named is 0. A device is written by its name, a structure of counters by its size alone, and an
attribute of other bytes than its own as ``IFLA_MTU:raw=0578``. One that was received has its size:
``IFLA_MTU:4=1400``.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import Final, Literal

from conformance.plugin.refusal import errno_name
from conformance.plugin.setups.listeners import listening
from conformance.plugin.setups.netlink import (
    ACK,
    APPEND,
    CREATE,
    DUMP,
    ECHO,
    EXCL,
    MATCH,
    NLA_F_NESTED,
    NLMSG_ERROR,
    REPLACE,
    REQUEST,
    ROOT,
    Attributes,
    asked,
    bound,
    drained,
    dumped,
    framed,
    groups_of,
    netlink_socket,
    parsed,
)
from libsocket import Socket
from netns import Namespace
from netns.netlink import Message, attribute, attributes, receive

_FLAGS: Final = {
    "NLM_F_ACK": ACK,
    "NLM_F_ECHO": ECHO,
    "NLM_F_ROOT": ROOT,
    "NLM_F_MATCH": MATCH,
    "NLM_F_DUMP": DUMP,
    "NLM_F_REPLACE": REPLACE,
    "NLM_F_EXCL": EXCL,
    "NLM_F_CREATE": CREATE,
    "NLM_F_APPEND": APPEND,
}

_OBJECTS: Final = ("LINK", "ADDR", "ROUTE", "NEIGH", "RULE", "QDISC", "TCLASS", "TFILTER")
"""In the order of their numbers, four for each from 16 on."""
_VERBS: Final = ("RTM_NEW", "RTM_DEL", "RTM_GET", "RTM_SET")
_FIRST: Final = 16

_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBi")
_ROUTE = struct.Struct("=BBBBBBBBI")
_NEIGHBOUR = struct.Struct("=BxxxiHBB")
_TRAFFIC = struct.Struct("=BxxxiIII")
_INT = struct.Struct("=i")
_U32 = struct.Struct("=I")
_NEXT_HOP = struct.Struct("=HBBi")
_LIFETIMES = struct.Struct("=IIII")
_VIF = struct.Struct("=HBBIII")
"""struct vifctl: number, flags, threshold, rate limit, index, remote address."""
_MFC = struct.Struct("=4s4sH32s2xIIIi")
"""struct mfcctl: source, group, the interface it comes by, thresholds of the others, and counters."""
_MRT_ADD_VIF, _MRT_ADD_MFC = 202, 204
_VIFF_USE_IFINDEX: Final = 0x8
BY_ROUTE: Final = "10.9.0.1"
"""An address that is local by a route alone."""
_PACKETS = struct.Struct("=II")
_FOREVER: Final = 0xFFFF_FFFF
_RTA_GATEWAY: Final = 5

_OF_ROUTES = (
    "rtm_family",
    "rtm_dst_len",
    "rtm_src_len",
    "rtm_tos",
    "rtm_table",
    "rtm_protocol",
    "rtm_scope",
    "rtm_type",
    "rtm_flags",
)
_OF_TRAFFIC = ("tcm_family", "tcm_ifindex", "tcm_handle", "tcm_parent", "tcm_info")
_HEADS: Final[Mapping[str, tuple[struct.Struct, tuple[str, ...]]]] = {
    "LINK": (_LINK, ("ifi_family", "ifi_type", "ifi_index", "ifi_flags", "ifi_change")),
    "ADDR": (_ADDRESS, ("ifa_family", "ifa_prefixlen", "ifa_flags", "ifa_scope", "ifa_index")),
    "ROUTE": (_ROUTE, _OF_ROUTES),
    "NEIGH": (_NEIGHBOUR, ("ndm_family", "ndm_ifindex", "ndm_state", "ndm_flags", "ndm_type")),
    "RULE": (_ROUTE, _OF_ROUTES),
    "QDISC": (_TRAFFIC, _OF_TRAFFIC),
    "TCLASS": (_TRAFFIC, _OF_TRAFFIC),
    "TFILTER": (_TRAFFIC, _OF_TRAFFIC),
}

_FAMILIES = {"AF_UNSPEC": 0, "AF_INET": 2, "AF_BRIDGE": 7, "AF_INET6": 10, "RTNL_FAMILY_IPMR": 128}
_SCOPES = {
    "RT_SCOPE_UNIVERSE": 0,
    "RT_SCOPE_SITE": 200,
    "RT_SCOPE_LINK": 253,
    "RT_SCOPE_HOST": 254,
    "RT_SCOPE_NOWHERE": 255,
}
_WORDS: Final[Mapping[str, Mapping[str, int]]] = {
    "ifi_family": _FAMILIES,
    "ifa_family": _FAMILIES,
    "rtm_family": _FAMILIES,
    "ndm_family": _FAMILIES,
    "tcm_family": _FAMILIES,
    "ifi_type": {"ARPHRD_ETHER": 1, "ARPHRD_LOOPBACK": 772, "ARPHRD_TUNNEL": 768},
    "ifa_scope": _SCOPES,
    "rtm_scope": _SCOPES,
    "rtm_table": {
        "RT_TABLE_UNSPEC": 0,
        "RT_TABLE_COMPAT": 252,
        "RT_TABLE_DEFAULT": 253,
        "RT_TABLE_MAIN": 254,
        "RT_TABLE_LOCAL": 255,
    },
    "rtm_protocol": {
        "RTPROT_UNSPEC": 0,
        "RTPROT_REDIRECT": 1,
        "RTPROT_KERNEL": 2,
        "RTPROT_BOOT": 3,
        "RTPROT_STATIC": 4,
    },
    "rtm_type": {
        "RTN_UNSPEC": 0,
        "RTN_UNICAST": 1,
        "RTN_LOCAL": 2,
        "RTN_BROADCAST": 3,
        "RTN_ANYCAST": 4,
        "RTN_MULTICAST": 5,
        "RTN_BLACKHOLE": 6,
        "RTN_UNREACHABLE": 7,
        "RTN_PROHIBIT": 8,
        "RTN_THROW": 9,
        "RTN_NAT": 10,
        "RTN_XRESOLVE": 11,
    },
}
"""Fields that are one of some names."""
_BITS: Final[Mapping[str, Mapping[str, int]]] = {
    "ifi_flags": {
        "IFF_UP": 0x1,
        "IFF_BROADCAST": 0x2,
        "IFF_LOOPBACK": 0x8,
        "IFF_RUNNING": 0x40,
        "IFF_NOARP": 0x80,
        "IFF_PROMISC": 0x100,
        "IFF_MULTICAST": 0x1000,
        "IFF_LOWER_UP": 0x10000,
    },
    "ifa_flags": {
        "IFA_F_SECONDARY": 0x01,
        "IFA_F_NODAD": 0x02,
        "IFA_F_DEPRECATED": 0x20,
        "IFA_F_TENTATIVE": 0x40,
        "IFA_F_PERMANENT": 0x80,
    },
    "rtm_flags": {
        "RTNH_F_ONLINK": 0x4,
        "RTNH_F_LINKDOWN": 0x10,
        "RTM_F_NOTIFY": 0x100,
        "RTM_F_CLONED": 0x200,
        "RTM_F_EQUALIZE": 0x400,
        "RTM_F_LOOKUP_TABLE": 0x1000,
        "RTM_F_FIB_MATCH": 0x2000,
    },
    "ndm_state": {
        "NUD_INCOMPLETE": 0x01,
        "NUD_REACHABLE": 0x02,
        "NUD_STALE": 0x04,
        "NUD_DELAY": 0x08,
        "NUD_PROBE": 0x10,
        "NUD_FAILED": 0x20,
        "NUD_NOARP": 0x40,
        "NUD_PERMANENT": 0x80,
    },
    "ndm_flags": {"NTF_PROXY": 0x08, "NTF_ROUTER": 0x80},
}
"""Fields that are some of some names."""
_BITS_OF = {**_BITS, "ifi_change": _BITS["ifi_flags"]}
_DEVICES = frozenset({"ifi_index", "ifa_index", "ndm_ifindex", "tcm_ifindex"})
_HEXADECIMAL = frozenset({"tcm_handle", "tcm_parent", "tcm_info"})

_ATTRIBUTES: Final[Mapping[str, tuple[int, str]]] = {
    "IFLA_UNSPEC": (0, "u32"),
    "IFLA_ADDRESS": (1, "octets"),
    "IFLA_BROADCAST": (2, "octets"),
    "IFLA_IFNAME": (3, "text"),
    "IFLA_MTU": (4, "u32"),
    "IFLA_LINK": (5, "device"),
    "IFLA_QDISC": (6, "text"),
    "IFLA_STATS": (7, "size"),
    "IFLA_MASTER": (10, "device"),
    "IFLA_TXQLEN": (13, "u32"),
    "IFLA_LINKINFO": (18, "nest"),
    "IFLA_NET_NS_FD": (28, "u32"),
    "IFLA_PERM_ADDRESS": (54, "octets"),
    "IFLA_INFO_KIND": (1, "text"),
    "IFLA_INFO_DATA": (2, "nest"),
    "IFLA_VXLAN_ID": (1, "u32"),
    "IFA_UNSPEC": (0, "u32"),
    "IFA_ADDRESS": (1, "address"),
    "IFA_LOCAL": (2, "address"),
    "IFA_LABEL": (3, "text"),
    "IFA_BROADCAST": (4, "address"),
    "IFA_ANYCAST": (5, "address"),
    "IFA_CACHEINFO": (6, "lifetimes"),
    "IFA_FLAGS": (8, "u32"),
    "RTA_UNSPEC": (0, "u32"),
    "RTA_DST": (1, "address"),
    "RTA_SRC": (2, "address"),
    "RTA_IIF": (3, "device"),
    "RTA_OIF": (4, "device"),
    "RTA_GATEWAY": (5, "address"),
    "RTA_PRIORITY": (6, "u32"),
    "RTA_PREFSRC": (7, "address"),
    "RTA_METRICS": (8, "nest"),
    "RTA_MULTIPATH": (9, "multipath"),
    "RTA_PROTOINFO": (10, "u32"),
    "RTA_FLOW": (11, "u32"),
    "RTA_CACHEINFO": (12, "size"),
    "RTA_SESSION": (13, "u32"),
    "RTA_MP_ALGO": (14, "u32"),
    "RTA_TABLE": (15, "u32"),
    "RTA_MARK": (16, "u32"),
    "RTA_MFC_STATS": (17, "size"),
    "RTA_VIA": (18, "via"),
    "RTA_NEWDST": (19, "address"),
    "RTA_PREF": (20, "u8"),
    "RTA_ENCAP_TYPE": (21, "u16"),
    "RTA_ENCAP": (22, "nest"),
    "RTA_EXPIRES": (23, "u32"),
    "RTAX_UNSPEC": (0, "u32"),
    "RTAX_LOCK": (1, "u32"),
    "RTAX_MTU": (2, "u32"),
    "RTAX_WINDOW": (3, "u32"),
    "RTAX_RTT": (4, "u32"),
    "RTAX_RTTVAR": (5, "u32"),
    "RTAX_SSTHRESH": (6, "u32"),
    "RTAX_CWND": (7, "u32"),
    "RTAX_ADVMSS": (8, "u32"),
    "RTAX_REORDERING": (9, "u32"),
    "RTAX_HOPLIMIT": (10, "u32"),
    "RTAX_INITCWND": (11, "u32"),
    "RTAX_FEATURES": (12, "u32"),
    "RTAX_RTO_MIN": (13, "u32"),
    "RTAX_INITRWND": (14, "u32"),
    "RTAX_QUICKACK": (15, "u32"),
    "RTAX_CC_ALGO": (16, "text"),
    "RTAX_FASTOPEN_NO_COOKIE": (17, "u32"),
    "LWTUNNEL_IP_ID": (1, "u64"),
    "LWTUNNEL_IP_DST": (2, "address"),
    "LWTUNNEL_IP6_ID": (1, "u64"),
    "LWTUNNEL_IP6_DST": (2, "address"),
    "NDA_UNSPEC": (0, "u32"),
    "NDA_DST": (1, "address"),
    "NDA_LLADDR": (2, "octets"),
    "NDA_CACHEINFO": (3, "size"),
    "FRA_DST": (1, "address"),
    "FRA_SRC": (2, "address"),
    "FRA_IIFNAME": (3, "text"),
    "FRA_PRIORITY": (6, "u32"),
    "FRA_FWMARK": (10, "u32"),
    "FRA_TABLE": (15, "u32"),
    "TCA_UNSPEC": (0, "u32"),
    "TCA_KIND": (1, "text"),
    "TCA_OPTIONS": (2, "raw"),
    "TCA_STATS": (3, "size"),
    "TCA_XSTATS": (4, "size"),
    "TCA_RATE": (5, "raw"),
}
"""The number of an attribute, and what it holds."""

RTNLGRPS: Final[Mapping[str, int]] = {
    "RTNLGRP_LINK": 1,
    "RTNLGRP_NEIGH": 3,
    "RTNLGRP_TC": 4,
    "RTNLGRP_IPV4_IFADDR": 5,
    "RTNLGRP_IPV4_ROUTE": 7,
    "RTNLGRP_IPV4_RULE": 8,
    "RTNLGRP_IPV6_IFADDR": 9,
    "RTNLGRP_IPV6_ROUTE": 11,
    "RTNLGRP_IPV6_RULE": 19,
}
"""Groups of NETLINK_ROUTE, by name."""
_EVERY_GROUP: Final = 0xFFFF_FFFF


class TextError(LookupError):
    """A message is written with what is not there."""


@dataclass(frozen=True)
class _Written:
    """A message as it is written: type, flags, and what the words of the form ``name=value`` give."""

    type: int
    flags: int
    given: tuple[tuple[str, str], ...]

    @property
    def object(self) -> str:
        """``LINK``, ``ROUTE`` and so on."""
        return _OBJECTS[(self.type - _FIRST) // 4]


@cache
def written(text: str) -> _Written:
    """A message that is written as text. Raises: TextError."""
    name, *words = text.split()
    flags, given = 0, []
    for word in words:
        key, separator, value = word.partition("=")
        if separator or ":" in word:
            given.append((key, value))
        elif key in _FLAGS:
            flags |= _FLAGS[key]
        else:
            raise TextError(f"there is no flag {word}")
    return _Written(_type(name), flags, tuple(given))


def _type(name: str) -> int:
    verb, of = name[: len(_VERBS[0])], name[len(_VERBS[0]) :]
    if verb not in _VERBS or of not in _OBJECTS:
        raise TextError(f"there is no message {name}")
    return _FIRST + 4 * _OBJECTS.index(of) + _VERBS.index(verb)


def type_name(type: int) -> str:
    """``RTM_NEWLINK`` for 16."""
    of, verb = divmod(type - _FIRST, 4)
    return _VERBS[verb] + _OBJECTS[of] if of in range(len(_OBJECTS)) else str(type)


def request(text: str, flags: int = REQUEST) -> bytes:
    """A request, as it is written. Raises: TextError, and OSError for a device that is not there."""
    wanted = written(text)
    form, fields = _HEADS[wanted.object]
    named = dict(one for one in wanted.given if one[0] in fields)
    head = form.pack(*(_field(name, named.get(name, "0")) for name in fields))
    rest = [(*_attribute_name(name), value) for name, value in wanted.given if name not in fields]
    return framed(wanted.type, flags | wanted.flags, head + _encoded(rest))


def framed_short(text: str, size: int) -> bytes:
    """A request whose fixed part, of AF_INET, is cut to so many bytes."""
    wanted = written(text)
    return framed(wanted.type, REQUEST | ACK, bytes([socket.AF_INET, *bytes(size - 1)]))


def _field(name: str, value: str) -> int:
    if name in _DEVICES:
        return _index(value)
    if name in _BITS_OF:
        return sum(_number(one, _BITS_OF[name]) for one in value.split("|"))
    return _number(value, _WORDS.get(name, {}))


def _number(value: str, words: Mapping[str, int]) -> int:
    try:
        return words[value] if value in words else int(value, 0)
    except ValueError as error:
        raise TextError(f"there is no {value}") from error


def _index(device: str) -> int:
    """The number of a device; a number is one already."""
    return int(device) if device.lstrip("-").isdigit() else socket.if_nametoindex(device)


def _attribute_name(name: str) -> tuple[list[str], bool]:
    """The names of an attribute, outermost first, and whether its bytes are written."""
    path, _, form = name.partition(":")
    names = path.split(".")
    if unknown := sorted(set(names) - _ATTRIBUTES.keys()):
        raise TextError(f"there is no attribute {unknown[0]}")
    return names, form == "raw"


def _encoded(given: Sequence[tuple[list[str], bool, str]]) -> bytes:
    """Attributes; what stands side by side in one nest is put into one."""
    encoded, at = b"", 0
    while at < len(given):
        (outer, *inner), raw, value = given[at]
        number, form = _ATTRIBUTES[outer]
        if not inner:
            encoded += attribute(number, bytes.fromhex(value) if raw else _FORMS[form][0](value))
            at += 1
            continue
        end = at
        while end < len(given) and given[end][0][0] == outer and len(given[end][0]) > 1:
            end += 1
        nested = _encoded([(names[1:], *rest) for names, *rest in given[at:end]])  # type: ignore[misc]
        encoded += attribute(number | NLA_F_NESTED, nested)
        at = end
    return encoded


def _packed_address(value: str) -> bytes:
    family = socket.AF_INET6 if ":" in value else socket.AF_INET
    return socket.inet_pton(family, value)


def _address(value: bytes) -> str:
    family = {4: socket.AF_INET, 16: socket.AF_INET6}.get(len(value))
    return value.hex() if family is None else socket.inet_ntop(family, value)


def _packed_via(value: str) -> bytes:
    packed = _packed_address(value)
    return struct.pack("=H", socket.AF_INET6 if len(packed) == 16 else socket.AF_INET) + packed


def _via(value: bytes) -> str:
    (family,) = struct.unpack_from("=H", value)
    return f"{'AF_INET6' if family == socket.AF_INET6 else family},{_address(value[2:])}"


def _packed_multipath(value: str) -> bytes:
    """``left+4/3/10.7.0.2,lo/0``: device, flags if any, priority, and perhaps a gateway, of each next hop."""
    packed = b""
    for hop in value.split(","):
        device, hops, *gateway = hop.split("/")
        device, _, flags = device.partition("+")
        rest = b"".join(attribute(_RTA_GATEWAY, _packed_address(one)) for one in gateway)
        packed += (
            _NEXT_HOP.pack(_NEXT_HOP.size + len(rest), int(flags or 0), int(hops), _index(device)) + rest
        )
    return packed


def _multipath(value: bytes) -> str:
    told, at = [], 0
    while at < len(value):
        size, flags, hops, index = _NEXT_HOP.unpack_from(value, at)
        inner = dict(attributes(value[at + _NEXT_HOP.size : at + size]))
        gateway = [_address(inner[_RTA_GATEWAY])] if _RTA_GATEWAY in inner else []
        told.append("/".join([_device(index) + (f"+{flags}" if flags else ""), str(hops), *gateway]))
        at += -(-size // 4) * 4
    return ",".join(told)


def _device(index: int) -> str:
    with suppress(OSError):
        return socket.if_indextoname(index) if index > 0 else str(index)
    return str(index)


def _packed_lifetimes(value: str) -> bytes:
    """``100,infinite``: preferred and valid lifetime."""
    preferred, valid = (_FOREVER if one == "infinite" else int(one) for one in value.split(","))
    return _LIFETIMES.pack(preferred, valid, 0, 0)


def _lifetimes(value: bytes) -> str:
    """In whole hundreds of seconds, of which some may have passed."""
    preferred, valid, *_ = _LIFETIMES.unpack(value)
    return ",".join(
        "infinite" if one == _FOREVER else str(-(-one // 100) * 100) for one in (preferred, valid)
    )


_Form = tuple[Callable[[str], bytes], Callable[[bytes], str]]


def _of_size(size: int, order: Literal["little", "big"] = sys.byteorder) -> _Form:
    def packed(value: str) -> bytes:
        return (int(value, 0) % (1 << 8 * size)).to_bytes(size, order)

    def read(value: bytes) -> str:
        return str(int.from_bytes(value, order))

    return packed, read


_FORMS: Final[Mapping[str, _Form]] = {
    "u8": _of_size(1),
    "u16": _of_size(2),
    "u32": _of_size(4),
    "u64": _of_size(8, "big"),
    "text": (lambda value: os.fsencode(value) + b"\0", lambda value: os.fsdecode(value.rstrip(b"\0"))),
    "octets": (lambda value: bytes.fromhex(value.replace(":", "")), lambda value: value.hex(":")),
    "raw": (bytes.fromhex, bytes.hex),
    "address": (_packed_address, _address),
    "device": (lambda value: _INT.pack(_index(value)), lambda value: _device(_INT.unpack(value)[0])),
    "lifetimes": (_packed_lifetimes, _lifetimes),
    "multipath": (_packed_multipath, _multipath),
    "via": (_packed_via, _via),
    "nest": (bytes.fromhex, bytes.hex),
    "size": (bytes.fromhex, lambda _: ""),
}
"""How each form is written as bytes, and read from them."""


def shown(message: Message, names: Iterable[str]) -> str:
    """A message as text: its type, and these fields and attributes."""
    return " ".join([type_name(message.type), *(_shown(message, name) for name in names)])


def _shown(message: Message, name: str) -> str:
    form, fields = _HEADS[_OBJECTS[(message.type - _FIRST) // 4]]
    if name in fields:
        return f"{name}={_word(name, form.unpack_from(message.body)[fields.index(name)])}"
    path, _ = _attribute_name(name)
    value: bytes | None = message.body[form.size :]
    for one in path:
        value = None if value is None else dict(attributes(value)).get(_ATTRIBUTES[one][0])
    if value is None:
        return f"{name}=none"
    read = _FORMS[_ATTRIBUTES[path[-1]][1]][1](value)
    return f"{name}:{len(value)}" + (f"={read}" if read else "")


def _word(name: str, value: int) -> str:
    if name in _DEVICES:
        return _device(value)
    if name in _BITS_OF:
        known = [word for word, bit in _BITS_OF[name].items() if value & bit]
        rest = value & ~sum(_BITS_OF[name][word] for word in known)
        return "|".join([*known, *([hex(rest)] if rest or not known else [])])
    if name in _HEXADECIMAL:
        return hex(value)
    return next((word for word, number in _WORDS.get(name, {}).items() if number == value), str(value))


def names_in(text: str) -> list[str]:
    """The fields and attributes that a text shows, without their sizes."""
    return [name.partition(":")[0] for name, _ in written(text).given]


def listed(sock: Socket, wanted: str, where: Sequence[str] = (), names: Sequence[str] = ()) -> list[str]:
    """What answers a request, as text with these names: those messages that show all that is in ``where``.

    That is written as it is shown. The acknowledgement and the end of a dump are left out. Interfaces, which
    a kernel lists in no order of its own, are sorted, and addresses by their family.
    """
    packed = request(wanted)
    answers = dumped(sock, packed) if written(wanted).flags & DUMP else asked(sock, packed)
    object = written(wanted).object
    if object == "ADDR":
        answers = sorted(answers, key=lambda one: one.body[:1])
    told = _matching(answers, object, where, names)
    return sorted(told) if object == "LINK" else told


def _matching(
    messages: Iterable[Message], object: str, where: Sequence[str], names: Sequence[str]
) -> list[str]:
    return [shown(one, names) for one in messages if shown_all(one, object, where)]


def shown_all(message: Message, object: str, where: Sequence[str]) -> bool:
    """Whether a message is about an object, such as ``LINK``, and shows all that is in ``where``."""
    keys = [name.partition("=")[0].partition(":")[0] for name in where]
    return type_name(message.type).endswith(object) and [_shown(message, key) for key in keys] == list(where)


def held(sock: Socket, wanted: str, name: str, where: Sequence[str] = ()) -> bytes:
    """What an attribute holds, of the first answer that shows all that is in ``where``. LookupError: none."""
    packed = request(wanted)
    answers = dumped(sock, packed) if written(wanted).flags & DUMP else asked(sock, packed)
    rows = [one for one in answers if shown_all(one, written(wanted).object, where)]
    form, _ = _HEADS[written(wanted).object]
    return Attributes(attributes(rows[0].body[form.size :]))[_ATTRIBUTES[name][0]]


def packets(sock: Socket, device: str) -> list[int]:
    """How many packets an interface has received and sent, as its IFLA_STATS say."""
    return [*_PACKETS.unpack_from(held(sock, f"RTM_GETLINK ifi_index={device}", "IFLA_STATS"))]


def timestamps(sock: Socket, where: str) -> list[int]:
    """When an IPv4 address was created and updated, in hundredths of a second, as its IFA_CACHEINFO says."""
    *_, created, updated = _LIFETIMES.unpack(
        held(sock, "RTM_GETADDR NLM_F_DUMP ifa_family=AF_INET", "IFA_CACHEINFO", [where])
    )
    return [created, updated]


def carried_out(sock: Socket, wanted: str) -> list[str]:
    """Send a request, and have it acknowledged; the types of what answers it. Raises: OSError."""
    answers = asked(sock, request(wanted, REQUEST | ACK))
    for one in answers:
        if one.type == NLMSG_ERROR and (code := parsed(one).error):
            raise OSError(-code, os.strerror(-code))
    return [type_name(one.type) for one in answers if one.type >= _FIRST]


def answers(sock: Socket, wanted: str) -> list[str]:
    """Send a request; the types of what answers it at once, and of errors their errno: ``EPERM``."""
    sock.send(request(wanted))
    return [_name_of(one) for one in drained(sock)]


def _name_of(message: Message) -> str:
    if message.type != NLMSG_ERROR:
        return type_name(message.type)
    return errno_name(-parsed(message).error)


@contextmanager
def tcp_by_route(metrics: str) -> Iterator[tuple[Socket, Socket]]:
    """Two ends of a TCP connection within this host, to an address that a route with metrics leads to."""
    with netlink_socket() as sock:
        carried_out(
            sock,
            "RTM_NEWROUTE NLM_F_CREATE rtm_family=AF_INET rtm_dst_len=32 rtm_table=RT_TABLE_LOCAL "
            f"rtm_scope=RT_SCOPE_HOST rtm_type=RTN_LOCAL RTA_DST={BY_ROUTE} RTA_OIF=lo {metrics}",
        )
    with listening(BY_ROUTE) as listener, Socket.tcp() as client:
        client.connect(listener.getsockname())
        accepted, _ = listener.accept()
        with accepted:
            yield client, accepted


@contextmanager
def routing_multicast(device: str, source: str, group: str) -> Iterator[None]:
    """A route for IPv4 multicast, for what comes by a device from a source to a group, on to nobody."""
    to = [socket.inet_aton(source), socket.inet_aton(group)]
    with Socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_IGMP) as router:
        interface = _VIF.pack(0, _VIFF_USE_IFINDEX, 1, 0, socket.if_nametoindex(device), 0)
        router.setsockopt(socket.IPPROTO_IP, _MRT_ADD_VIF, interface)
        router.setsockopt(socket.IPPROTO_IP, _MRT_ADD_MFC, _MFC.pack(*to, 0, bytes(32), 0, 0, 0, 0))
        yield


def begin(ns: Namespace, scene: Iterable[str]) -> None:
    """Have a network namespace, in which the thread stands, begin with this: ``veth``, or requests in order.

    ``veth`` is a pair ``left`` and ``right``, of which the first is up. Raises: OSError.
    """
    with netlink_socket() as sock:
        for one in scene:
            if one == "veth":
                ns.add_veth("left", "right")
                ns.set_link("left", up=True)
            else:
                carried_out(sock, one)


@dataclass(frozen=True)
class Heard:
    """What three listeners heard of a change."""

    in_group: list[str]
    in_other_groups: list[str]
    """Of the same type and as the same text, in all of the other first 32 groups."""
    elsewhere: list[str]
    """In the same group, in another network namespace."""
    missing: bool
    """Whether one of them is not in the groups that it should be in."""


def heard(group: str, wanted: str, where: Sequence[str], names: Sequence[str]) -> Heard:
    """Have a request carried out; what is heard of it in a group, and where it should not be."""
    mask = 1 << RTNLGRPS[group] - 1
    with Namespace() as other, other.entered():
        elsewhere = bound(socket.NETLINK_ROUTE, groups=mask)
    with (
        elsewhere,
        bound(socket.NETLINK_ROUTE, groups=mask) as listener,
        bound(socket.NETLINK_ROUTE, groups=_EVERY_GROUP ^ mask) as others,
        netlink_socket() as changer,
    ):
        carried_out(changer, wanted)
        first = receive(listener)  # that of an IPv6 address comes later than its acknowledgement
        told = [first + drained(listener), drained(others), drained(elsewhere)]
        events = [_matching(one, written(wanted).object, where, names) for one in told]
        groups = [groups_of(one) for one in (listener, others, elsewhere)]
    missing = [mask, _EVERY_GROUP ^ mask, mask] != groups
    return Heard(events[0], [one for one in events[1] if one in events[0]], events[2], missing)
