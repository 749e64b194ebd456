"""Faults: what can be wrong about a call's answer, as strace(1) injects it.

What is left out, since no claim is about it:

- calls on netlink sockets of SOCK_DGRAM, on what is waited for beside them, and on sockets that serve for
  nothing but to ask for an index or a name of an interface, as if_nametoindex(3) does, or to bring loopback
  up, by which namespaces are furnished: a claim's own netlink sockets are of SOCK_RAW;
- polls of what is no socket, as the answer of a process that the test forked is awaited;
- the creation of sockets, without which no test goes on;
- getsockname with room for any address (128 bytes), by which the interpreter learns a descriptor's family,
  and SIOCGIFNAME after a call that gave it the address of a packet socket;
- closing a listener or an event loop, and closing what no older socket is used after: that is cleaning up,
  as is a TCP reset made by hand that nothing but closing follows;
- not binding to port 0: what listens or sends is given a port by itself;
- not setting a timeout of SOON seconds or more, which ends only what would never end;
- not sending one of the pieces that are sent until no more fits: the next takes its place;
- the address that accept gives beside the socket, which is thrown away but by a test of it;
- refusals of waits for readiness, and hiding it from a wait without a limit of time, which ends by it alone;
- of more than four calls that are alike but for numbers, as in a loop, all but the first and the last;
  segments made by hand are alike if their flags and lengths are.
"""

from __future__ import annotations

import ast
import re
import socket
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile

from conformance.plugin.strace import Call
from conformance.plugin.timing import SOON

TRACED = (
    "--trace=%network,poll,ppoll,select,pselect6,epoll_ctl,epoll_wait,epoll_pwait,"
    "close,fcntl,ioctl,read,readv,write,writev,kill",
    "--follow-forks",
    "--decode-fds=path",
    "--syscall-times=us",
    "--string-limit=65536",
)
"""The calls that faults are made of, as strace's options, and ``kill``, which marks where a test ends."""

_WRONG = "EIO"
"""The errno of faults: no page names it, and no test waits for it."""

_LOOP = 5
"""Calls that are alike from which on they are taken for the rounds of a loop."""
_LONGEST = 1024
"""Bytes that strace writes into memory at most."""

_NO_NETLINK_ADDRESS = "nl_pid=0, nl_groups=00000000"
"""As strace reads an address of a netlink socket that leaves the port to the kernel, and has no groups."""

_NO_FD = 1000
"""A descriptor that is none."""

_LONG_STRING = re.compile(r'("(?:\\.|[^"\\]){40})(?:\\.|[^"\\])+"')
"""What is longer than 40 characters is cut there."""

_CHANGING = re.compile(r"htons\(\d+\)|nl_pad=0x[0-9a-f]+|(?:nl|nlmsg)_pid=(?:-\d+|\d{3,})")
"""Ports, and padding that nobody sets, which are not the same on every run: the later ports of a process are
negative, as strace reads them."""

_PROTOCOL = 9
"""The place of the protocol in an IPv4 header."""
_TCP_FLAGS = 13
"""The place of the flags in a TCP header."""
_RST = 0x04

_O_NONBLOCK = 0o4000
_LONG_SIZE = 8
_MOST_SENT = 0x7FFF_F000
"""Bytes that one call sends at most: MAX_RW_COUNT, with the smallest pages."""
_MSGHDR = 56
"""The size of struct msghdr: name, buffers, control messages, each with its length, and flags."""

_SETTERS = {"setsockopt", "bind", "listen", "connect", "shutdown", "epoll_ctl"}
_SENDS = {"sendto", "sendmsg", "write", "writev"}
_RECEIVES = {"recvfrom", "recvmsg", "read", "readv"}
_ACCEPTS = {"accept", "accept4"}
_NAMES = {"getsockname", "getpeername"}
_SELECTS = {"select", "pselect6"}
_POLLS = {"poll", "ppoll"}
_EPOLLS = {"epoll_wait", "epoll_pwait"}
_READINESS = _SELECTS | _POLLS | _EPOLLS
_CONTROLS = {"ioctl", "fcntl"}
_SETTING_CONTROLS = {
    "FIONBIO",
    "FIOASYNC",
    "FIOCLEX",
    "FIONCLEX",
    "F_SETFD",
    "F_SETFL",
    "F_SETOWN",
    "SIOCSPGRP",
}
_INTERRUPTED = {"EINTR", "ERESTARTSYS", "ERESTARTNOINTR", "ERESTARTNOHAND", "ERESTART_RESTARTBLOCK"}


@dataclass(frozen=True)
class Operator:
    """A way in which an answer can be wrong."""

    name: str
    does: str
    calls: frozenset[str]
    injection: Callable[[Call], str | None]
    """What strace injects, as text; None where it makes no sense."""


@dataclass(frozen=True)
class Fault:
    """One answer changed in one way."""

    operator: str
    call: Call
    injection: str
    thread: bool
    """Whether another thread or process than the test's own makes the call."""

    @property
    def deletes(self) -> bool:
        """Whether it takes a stimulus away."""
        return self.operator == NO_OP

    @property
    def options(self) -> tuple[str, ...]:
        name = self.call.name
        follow = ("--follow-forks",) if self.thread else ()
        return (f"--trace={name}", f"--inject={name}:{self.injection}:when={self.call.number}", *follow)

    def __str__(self) -> str:
        return f"{self.operator}: {described(self.call)}"


def _succeeded(call: Call) -> bool:
    return call.result is not None and call.result >= 0


def _failed(call: Call) -> bool:
    return call.errno is not None and call.errno not in _INTERRUPTED


def _no_op(call: Call) -> str | None:
    if not _succeeded(call):
        return None
    if call.name in _CONTROLS and call.arguments[1] not in _SETTING_CONTROLS and not _is_of_interface(call):
        return None
    if call.name == "bind" and ("htons(0)" in call.arguments[1] or _NO_NETLINK_ADDRESS in call.arguments[1]):
        return None
    if call.name == "setsockopt" and _is_guard(call):
        return None
    return f"retval={call.result}"


def _is_guard(call: Call) -> bool:
    """Whether it is a timeout so long that only what would never end reaches it."""
    option, value = call.arguments[2:4]
    if option not in {"SO_RCVTIMEO_OLD", "SO_SNDTIMEO_OLD"} or not value.startswith('"'):
        return False
    seconds = ast.literal_eval(f"b{value}")[:_LONG_SIZE]
    return int.from_bytes(seconds, sys.byteorder, signed=True) >= SOON


def _refused(call: Call) -> str | None:
    return f"error={_WRONG}" if _succeeded(call) else None


def _granted(call: Call) -> str | None:
    if not _failed(call) or call.errno == "EINPROGRESS":
        return None
    if call.name in _SENDS:
        return f"retval={min(max(1, _length(call)), _MOST_SENT)}"
    return f"retval={_NO_FD if call.name in _ACCEPTS | {'socket'} else 0}"


def _length(call: Call) -> int:
    """How many bytes a call was to send."""
    found = re.search(r"iov_len=(\d+)", call.arguments[1])
    return int(found[1] if found else call.arguments[2] if call.arguments[2].isdigit() else 1)


def _another_errno(call: Call) -> str | None:
    return f"error={_WRONG}" if _failed(call) and call.errno != _WRONG else None


def _early(call: Call) -> str | None:
    """A wait that is over at once."""
    waited = call.seconds is not None and call.seconds >= 0.01
    return f"error={call.errno}" if _failed(call) and waited else None


def _integer(text: str) -> int | None:
    """``[8192]``"""
    found = re.fullmatch(r"\[(-?\d+)\]", text)
    return int(found[1]) if found else None


def _another_value(call: Call) -> str | None:
    """A number by one more, a flag the other way."""
    if not _succeeded(call):
        return None
    if call.name == "fcntl":
        return f"retval={(call.result or 0) ^ _O_NONBLOCK}" if call.arguments[1] == "F_GETFL" else None
    place = 4 if call.name == "getsockopt" else 3
    if len(call.arguments) < place or call.arguments[1] in _SETTING_CONTROLS:
        return None
    value = _integer(call.arguments[place - 1])
    if value is None:
        return None
    return _poked(place, _bytes(0 if value == 1 else value + 1, 4))


def _zeros(call: Call) -> str | None:
    """All of the value is 0."""
    value, length = call.arguments[3:5]
    size = int(re.findall(r"\d+", length)[-1]) if re.search(r"\d", length) else 0
    if not _succeeded(call) or not size or value in {"[0]", "[1]"} or value.startswith("0x"):
        return None  # a flag of 1 is 0 already where it is another value
    if re.fullmatch(r'"(\\0)*"\.*', value) or not re.search(r'[1-9"]', value):
        return None
    return _poked(4, bytes(size))


def _other_bytes(call: Call) -> str | None:
    """What is received begins with another byte."""
    if not call.result or call.result < 0:
        return None
    if call.name == "recvmsg":
        return f"retval={call.result}:{_poked(2, bytes(_MSGHDR))}"  # the buffers stay as they were
    if call.arguments[1].startswith(("{nlmsg_len=", "[{nlmsg_len=")):  # as strace reads netlink messages
        return _poked(2, bytes(4))
    if not call.arguments[1].startswith('"') or call.arguments[1] == '""':
        return None
    return _poked(2, b"!" if call.arguments[1].startswith('"~') else b"~")


def _shorter(call: Call) -> str | None:
    """The last byte of what is received is missing."""
    if not call.result or not 1 < call.result <= _LONGEST or not call.arguments[1].startswith('"'):
        return None
    try:
        received = ast.literal_eval(f"b{call.arguments[1]}")
    except (SyntaxError, ValueError):
        return None
    return f"retval={call.result - 1}:{_poked(2, received[: call.result - 1])}"


def _end(call: Call) -> str | None:
    """Nothing is received."""
    if not call.result or call.result < 0:
        return None
    return f"retval=0:{_poked(2, bytes(_MSGHDR))}" if call.name == "recvmsg" else "retval=0"


def _data(call: Call) -> str | None:
    """Something is received where nothing was."""
    if call.name == "recvmsg" or not (call.result == 0 or call.errno == "EAGAIN"):
        return None
    return f"retval=1:{_poked(2, b'~')}"


def _no_control(call: Call) -> str | None:
    """The control messages are gone, and the flags: what is written over the header has no pointers."""
    name = re.search(r"msg_namelen=(?:\d+ => )?(\d+)", call.arguments[1])
    if not _succeeded(call) or "msg_control=" not in call.arguments[1] or name is None:
        return None
    return _poked(2, bytes(8) + _bytes(int(name[1]), 4) + bytes(_MSGHDR - 12))


def _hidden(call: Call) -> str | None:
    """What is ready is not."""
    if not call.result or call.result < 0:
        return None
    if call.name in _SELECTS:
        timeless = call.arguments[4] == "NULL"
        sets = ",".join(
            f"@arg{place}={bytes(128).hex()}" for place in (2, 3, 4) if call.arguments[place - 1] != "NULL"
        )
        return None if timeless or not sets else f"retval=0:poke_exit={sets}"
    place = 2 if call.name in _POLLS else 3
    return None if call.arguments[place] in {"-1", "NULL"} else "retval=0"


def _invented(call: Call) -> str | None:
    """What is not ready is."""
    if call.result != 0:
        return None
    if call.name in _SELECTS:
        return "retval=1"  # the sets stay as they were asked
    found = re.search(r"fd=(\d+).*?events=([A-Z|]+)", call.arguments[0])
    if call.name in _EPOLLS or found is None:
        return None
    events = sum(_EVENTS.get(name, 0) for name in found[2].split("|"))
    return f"retval=1:{_poked(1, _bytes(int(found[1]), 4) + _bytes(events, 2) * 2)}"


_EVENTS = {
    "POLLIN": 0x1,
    "POLLPRI": 0x2,
    "POLLOUT": 0x4,
    "POLLERR": 0x8,
    "POLLHUP": 0x10,
    "POLLRDHUP": 0x2000,
}


def _another_address(call: Call) -> str | None:
    """The address has another port."""
    if not _succeeded(call):
        return None
    if netlink := re.search(
        r"sa_family=AF_NETLINK, nl_pid=(-?\d+), nl_groups=((?:0x)?[0-9a-f]+)", call.arguments[1]
    ):
        port, groups = int(netlink[1]) ^ 1, int(netlink[2], 16)
        return _poked(2, _bytes(socket.AF_NETLINK, 4) + _bytes(port, 4) + _bytes(groups, 4))
    found = re.search(r"sa_family=(AF_INET6?),.*sin6?_port=htons\((\d+)\)", call.arguments[1])
    if found is None:
        return None
    family = socket.AF_INET if found[1] == "AF_INET" else socket.AF_INET6
    return _poked(2, _bytes(family, 2) + (int(found[2]) ^ 1).to_bytes(2, "big"))


def _poked(place: int, data: bytes) -> str:
    return f"poke_exit=@arg{place}={data.hex()}"


def _bytes(value: int, size: int) -> bytes:
    return (value & ((1 << 8 * size) - 1)).to_bytes(size, sys.byteorder)


NO_OP = "no-op"
REFUSED = "refused"

_REFUSABLE = _SETTERS | _SENDS | _RECEIVES | _ACCEPTS | _CONTROLS | {"getsockopt"}

OPERATORS = tuple(
    Operator(name, does, frozenset(calls), injection)
    for name, does, calls, injection in [
        (NO_OP, "succeeds and does nothing", _SETTERS | _SENDS | _CONTROLS | {"close"}, _no_op),
        (REFUSED, f"fails with {_WRONG} instead of succeeding", _REFUSABLE, _refused),
        ("granted", "succeeds instead of failing", _REFUSABLE - _READINESS | {"socket"}, _granted),
        ("another errno", f"fails with {_WRONG} instead", _REFUSABLE | {"socket"} | _NAMES, _another_errno),
        ("early", "times out at once", _SENDS | _RECEIVES | _ACCEPTS | {"connect"}, _early),
        (
            "another value",
            "a number one more, a flag the other way",
            _CONTROLS | {"getsockopt"},
            _another_value,
        ),
        ("zeros", "the value is all zeros", {"getsockopt"}, _zeros),
        ("other bytes", "other bytes are received", _RECEIVES - {"readv"}, _other_bytes),
        ("shorter", "a byte less is received", {"recvfrom", "read"}, _shorter),
        ("end", "nothing is received", _RECEIVES, _end),
        ("data", "a byte is received where none was", _RECEIVES - {"readv"}, _data),
        ("no control message", "control messages and flags are gone", {"recvmsg"}, _no_control),
        ("hidden", "what is ready is not", _READINESS, _hidden),
        ("invented", "what is not ready is", _READINESS, _invented),
        ("another address", "the address has another port", _NAMES, _another_address),
    ]
)
"""Every way in which an answer is changed, and the calls it applies to."""


def faults(calls: Sequence[Call], main: int) -> list[Fault]:
    """The faults of a test's own calls; ``main`` is the thread it runs in."""
    fillings = _fillings(calls)
    return [
        Fault(operator.name, call, injection, call.pid != main)
        for call in _sampled(list(_relevant(calls)))
        for operator in OPERATORS
        if call.name in operator.calls and (injection := operator.injection(call))
        if not (operator.name == NO_OP and _sending(call) in fillings)
    ]


def _fillings(calls: Sequence[Call]) -> set[tuple[str, ...]]:
    """The sends that go on until no more fits."""
    return {_sending(call) for call in calls if call.name in _SENDS and call.errno == "EAGAIN"}


def _sending(call: Call) -> tuple[str, ...]:
    """Which socket sends, and how; what it sends may be cut."""
    return (call.name, call.referent, *call.arguments[3:])


def described(call: Call) -> str:
    """A call in a word or two, the same on every run: no descriptors, no addresses that change."""
    words = [
        _CHANGING.sub("port", re.sub(r"<(?:->|[^>])*>", "", _LONG_STRING.sub(r'\1..."', one)))
        for one in (call.arguments if call.name in _READINESS | {"socket"} else call.arguments[1:])
    ]
    text = ", ".join(word for word in words if not re.fullmatch(r"0x[0-9a-f]+|NULL|\d{4,}", word))
    short = text if len(text) <= 100 else f"{text[:97]}..."
    return f"{call.name}({short}) = {call.errno or call.result}"


def _relevant(calls: Sequence[Call]) -> Iterator[Call]:
    furnishing = _furnishing(calls)
    calls = _without_last_resets(calls, furnishing)
    listeners_and_loops = {one.referent for one in calls if one.name in {"listen", "epoll_ctl"}}
    for place, call in enumerate(calls):
        if call.referent in furnishing or not _on_socket(call) or call.result is None:
            continue
        if call.name == "epoll_ctl" and _watched(call) in furnishing:
            continue
        if call.name in _NAMES and "[128" in call.arguments[2]:
            continue
        if place and _names_its_interface(call, calls[place - 1]):
            continue
        if call.name == "close" and (call.referent in listeners_and_loops or not _used_after(calls, place)):
            continue
        yield call


def _without_last_resets(calls: Sequence[Call], furnishing: Collection[str]) -> Sequence[Call]:
    """Calls without the resets that nothing but closing sockets comes after: none can tell of them."""
    own = [one for one in calls if one.referent not in furnishing and _on_socket(one)]
    last = takewhile(lambda one: one.name == "close" or _is_reset(one), reversed(own))
    resets = [one for one in last if one.name != "close"]
    return [one for one in calls if one not in resets]


def _furnishing(calls: Sequence[Call]) -> set[str]:
    """Netlink sockets of SOCK_DGRAM, what an event loop watches beside, and what only asks for interfaces."""
    netlink = {one.returned for one in calls if _is_furnisher(one)}
    watches = [(one.arguments[0], _watched(one)) for one in calls if one.name == "epoll_ctl"]
    loops = {loop for loop, watched in watches if watched in netlink}
    beside = {watched for loop, watched in watches if loop in loops}
    pairs = [
        set(re.findall(r"\d+<(socket:[^>]*)>", one.arguments[3])) for one in calls if one.name == "socketpair"
    ]
    local = {one.returned for one in calls if one.name == "socket" and one.arguments[0] == "AF_UNIX"}
    asking = {one.referent for one in calls if _asks_for_interface(one) and one.referent in local}
    asking |= {one.referent for one in calls if _raises_loopback(one)}
    serving = {one.referent for one in calls if one.name != "close" and not _is_of_interface(one)}
    return netlink.union(beside, asking - serving, *(pair for pair in pairs if pair & beside))


def _is_furnisher(call: Call) -> bool:
    """Whether it makes a netlink socket such as netns and pyroute2 have."""
    made = call.name == "socket" and call.arguments[0] == "AF_NETLINK"
    return made and call.arguments[1].startswith("SOCK_DGRAM")


def _is_of_interface(call: Call) -> bool:
    """Whether it is an ioctl of netdevice(7)."""
    return call.name == "ioctl" and "IF" in call.arguments[1]


def _asks_for_interface(call: Call) -> bool:
    """As if_nametoindex(3) and if_indextoname(3) do, by a local socket."""
    return call.name == "ioctl" and call.arguments[1] in {"SIOCGIFINDEX", "SIOCGIFNAME"}


def _names_its_interface(call: Call, before: Call) -> bool:
    """Whether the interpreter asks by it for the name of an interface whose number it was just given."""
    named = call.name == "ioctl" and call.arguments[1] == "SIOCGIFNAME"
    return named and before.referent == call.referent and before.name in _RECEIVES | _NAMES


def _raises_loopback(call: Call) -> bool:
    """As netns does, by a socket of its own."""
    return (
        call.name == "ioctl" and call.arguments[1] == "SIOCSIFFLAGS" and 'ifr_name="lo"' in call.arguments[2]
    )


def _watched(call: Call) -> str:
    """What the descriptor in the third argument of epoll_ctl refers to."""
    found = re.search(r"<(.*)>", call.arguments[2])
    return found[1] if found else ""


def _on_socket(call: Call) -> bool:
    if call.name in _SELECTS | _POLLS:  # another is how a child's answer is awaited
        return any("<socket:" in word for word in call.arguments)
    return call.name == "socket" or call.referent.startswith(("socket:", "anon_inode:[eventpoll"))


def _used_after(calls: Sequence[Call], place: int) -> bool:
    """Whether a socket that was there when another was closed is used after that."""
    older = {one.referent for one in calls[:place] if one.name != "close"}
    return any(
        one.referent in older and one.referent.startswith("socket:")
        for one in calls[place + 1 :]
        if one.name != "close" and one.name not in _NAMES
    )


def _sampled(calls: Sequence[Call]) -> list[Call]:
    """Of the rounds of a loop the first and the last."""
    alike: defaultdict[tuple[bool, str], list[Call]] = defaultdict(list)
    for call in calls:
        alike[call.pid == calls[0].pid, _segment(call) or re.sub(r"\d+", "", described(call))].append(call)
    rounds = (group if len(group) < _LOOP else (group[0], group[-1]) for group in alike.values())
    chosen = {(call.pid, call.name, call.number) for group in rounds for call in group}
    return [call for call in calls if (call.pid, call.name, call.number) in chosen]


def _segment(call: Call) -> str:
    """The flags and the length of a TCP segment over IPv4 that a call carries, whose bytes are chance."""
    packet = _packet(call)
    flags = _tcp_flags(packet)
    return "" if flags is None else f"{call.name} {flags:#x} {len(packet)}"


def _is_reset(call: Call) -> bool:
    """Whether it sends a TCP reset over IPv4 that was made by hand."""
    return call.name in _SENDS and bool((_tcp_flags(_packet(call)) or 0) & _RST)


def _packet(call: Call) -> bytes:
    """The IPv4 packet that a call carries, or nothing."""
    text = call.arguments[1] if len(call.arguments) > 1 else ""
    return ast.literal_eval(f"b{text.rstrip('.')}") if text.startswith('"E') else b""


def _tcp_flags(packet: bytes) -> int | None:
    """Those of the TCP segment in an IPv4 packet; None where it has none."""
    size = 4 * (packet[0] & 0xF) if packet else 0
    if len(packet) < size + _TCP_FLAGS + 1 or packet[_PROTOCOL] != socket.IPPROTO_TCP:
        return None
    return packet[size + _TCP_FLAGS]
