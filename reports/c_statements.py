"""The calls of a transcript as statements of C, each with what it answered then."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from reports.notation import Bytes, Changed, Notation, Unreadable, parse
from reports.printable import one_line
from reports.transcript import Call, Transcript

SIGNAL: Final = "a signal, which interrupts a call or is sent by one"
PROCESS: Final = "another process, with another user or in a user namespace"
NETLINK: Final = "links, addresses, routes, rules or queueing that the test itself set up by netlink"

_INTERRUPTED: Final = {"EINTR", "ERESTARTSYS", "ERESTART_RESTARTBLOCK"}
_SEND_SIGNALS: Final = {"kill", "tgkill", "setitimer"}
_VARIES: Final = {"SO_PEERCRED", "SO_COOKIE", "SO_INCOMING_CPU", "SO_INCOMING_NAPI_ID", "SO_PEERPIDFD"}
"""Options whose value is another in every run."""
_UNWRITTEN: Final = {"TCGETS"}
"""Requests that Python makes by itself of every file."""
_REQUEST_GETS_NUMBER: Final = {"TIOCOUTQ", "TIOCINQ", "FIONREAD", "SIOCATMARK", "SIOCINQ", "SIOCOUTQ"}


_RESERVED: Final = {"host", "home", "left", "right", "router"}
"""What the program calls its namespaces."""


_ROLES: Final = {"listen": "listener", "connect": "client"}
_REQUESTS: Final = {"sendto": "request", "sendmsg": "request"}
"""A netlink socket that makes them is no test's subject."""
_DECLARED: Final = re.compile(r"^(?:int|in_port_t|struct sockaddr_un) (\w+) =", re.MULTILINE)


class _CannotWrite(Exception):
    """A call that has no C here; the message says what it takes."""


class Statements:
    """A test's calls as the body of a C function."""

    def __init__(self, transcript: Transcript) -> None:
        self.lines: list[str] = []
        self.obstacles: dict[str, None] = {}
        """What the program cannot do."""
        self.room = 1
        """Bytes that the largest buffer holds."""
        self.threads = any(call.thread for call in transcript.calls)
        self.namespaces: dict[str, None] = dict.fromkeys(transcript.begin.hosts)
        self._calls = transcript.calls
        self._place = 0
        self._names: dict[str, str] = {}
        self._taken = {*_RESERVED, *self.namespaces}
        self._netlink: set[str] = set()
        self._ports: dict[str, str] = {}
        self._unix: dict[bytes, str] = {}
        self._inside = transcript.begin.hosts[0] if transcript.begin.hosts == ("host",) else "home"
        self._thread = 0
        if self._inside == "home":
            self.namespaces["home"] = None
        for place, call in enumerate(self._calls):
            self._place = place
            self._write(call)
        self._use_all()
        if not any("CALL(" in line for line in self.lines):
            self.obstacles.setdefault("calls on sockets, of which the transcript has none")

    def _write(self, call: Call) -> None:
        if self._is_netlink(call):
            return
        if call.process:
            self.obstacles[PROCESS] = None
            return
        if call.name in _SEND_SIGNALS or call.errno in _INTERRUPTED or call.result is None:
            self._refuse(call, SIGNAL)
            return
        write = getattr(self, f"do_{call.name}", None)
        before = len(self.lines)
        try:
            if write is None:
                raise _CannotWrite(f"{call.name}, of which this program knows no form")
            self._stand(call)
            write(
                call, *(parse(one.partition("<")[0] if one[0].isdigit() else one) for one in call.arguments)
            )
        except (_CannotWrite, Unreadable, KeyError, TypeError, ValueError, IndexError) as error:
            del self.lines[before:]
            why = str(error) if isinstance(error, _CannotWrite) else f"a {call.name} of a form not known here"
            self._refuse(call, why)

    def _refuse(self, call: Call, why: str) -> None:
        self.obstacles[why] = None
        text = f"{call.name}({', '.join(call.arguments)}) = {call.errno or call.result}"
        self.lines.append(f"/* Not made: {comment(text[:160])} */")

    def _is_netlink(self, call: Call) -> bool:
        """Whether it is on a netlink socket, whose requests are no socket claims."""
        first = call.arguments[0] if call.arguments else ""
        if call.name == "socket":
            self._netlink.discard(str(call.result))
            if first == "AF_NETLINK" and self._fate(str(call.result), _REQUESTS):
                self._netlink.add(str(call.result))
                return True
        if first not in self._netlink:
            return False
        if call.name in {"sendto", "sendmsg"} and "NLM_F_ACK" in "".join(call.arguments[1:2]):
            self.obstacles[NETLINK] = None
        return True

    def _stand(self, call: Call) -> None:
        """In the namespace and, so far as a comment can, in the thread that it was made in."""
        if call.thread != self._thread:
            self._thread = call.thread
            self.lines.append(
                f"/* Thread {call.thread} */" if call.thread else "/* The first thread again */"
            )
        if call.namespace != self._inside and call.name != "unshare":
            self._inside = call.namespace
            self.namespaces.setdefault(call.namespace)
            self.lines.append(f"enter({call.namespace});")

    # Descriptors

    def _fd(self, value: Notation) -> str:
        if value == "-1":
            return "-1"
        if value in self._names:
            return self._names[str(value)]
        raise _CannotWrite("a descriptor that was not made by a call in the transcript")

    def _made(self, number: str, otherwise: str) -> str:
        """A variable for a new descriptor, called by what becomes of it."""
        name = self._fate(number, _ROLES) or otherwise
        count, free = 1, name
        while free in self._taken:
            count += 1
            free = f"{name}{count}"
        self._taken.add(free)
        self._names[number] = free
        return free

    def _fate(self, number: str, names: Mapping[str, str]) -> str:
        """The word for the first call of some that is made on a descriptor before it is closed."""
        for later in self._calls[self._place + 1 :]:
            if later.arguments[:1] == (number,):
                if later.name in names:
                    return names[later.name]
                if later.name == "close":
                    return ""
        return ""

    def _new(self, call: Call, name: str, text: str) -> None:
        if call.errno:
            self._call(call, text)
        else:
            self.lines.append(f"int {self._made(str(call.result), name)} = CALL(FD, {text});")

    def _call(self, call: Call, text: str) -> None:
        self.lines.append(f"CALL({f'-{call.errno}' if call.errno else call.result}, {text});")

    def do_socket(self, call: Call, family: Notation, kind: Notation, protocol: Notation) -> None:
        name = {"AF_UNIX": "unix_socket", "AF_PACKET": "packet", "AF_NETLINK": "netlink"}.get(
            str(family), "udp" if "SOCK_DGRAM" in str(kind) else "raw" if "SOCK_RAW" in str(kind) else "tcp"
        )
        self._new(call, name, f"socket({family}, {_or(kind)}, {protocol})")

    def do_socketpair(self, call: Call, *arguments: Notation) -> None:
        family, kind, protocol, pair = arguments
        left, right = (
            self._made(str(one), name) for one, name in zip(_items(pair), ("first", "second"), strict=True)
        )
        both = f"{left}_{right}"
        self.lines.append(f"int {both}[2];")
        self._call(call, f"socketpair({family}, {_or(kind)}, {protocol}, {both})")
        self.lines += [f"int {left} = {both}[0];", f"int {right} = {both}[1];"]

    def do_epoll_create1(self, call: Call, flags: Notation) -> None:
        self._new(call, "epoll", f"epoll_create1({flags})")

    def do_accept4(self, call: Call, *arguments: Notation) -> None:
        fd, address, size, flags = arguments
        head = f"accept4({self._fd(fd)}, "
        if address == "NULL":
            self._new(call, "accepted", f"{head}NULL, NULL, {flags})")
            return
        self._give_room(size)
        self._new(call, "accepted", f"{head}ADDRESS, {flags})")
        self._same_address(call, address, size)

    def do_accept(self, call: Call, fd: Notation, address: Notation, size: Notation) -> None:
        self.do_accept4(call, fd, address, size, "0")

    def do_dup(self, call: Call, fd: Notation) -> None:
        self._new(call, "duplicate", f"dup({self._fd(fd)})")

    def do_close(self, call: Call, fd: Notation) -> None:
        self._call(call, f"close({self._fd(fd)})")

    def do_fcntl(self, call: Call, fd: Notation, command: Notation, *rest: Notation) -> None:
        head = f"fcntl({self._fd(fd)}, {command}"
        if command in {"F_DUPFD_CLOEXEC", "F_DUPFD"}:
            self._new(call, "duplicate", f"{head}, {rest[0]})")
        elif command == "F_SETOWN":
            self._call(call, f"{head}, getpid())")
        else:
            self._call(call, f"{head}{''.join(f', {_or(one)}' for one in rest)})")

    def do_unshare(self, call: Call, flags: Notation) -> None:
        if flags != "CLONE_NEWNET":
            raise _CannotWrite(PROCESS)
        self._inside = call.namespace
        self._call(call, f"unshare({flags})")
        self.lines.append(f"int {call.namespace} = this_namespace();")
        self._taken.add(call.namespace)

    # Addresses

    def do_bind(self, call: Call, fd: Notation, address: Notation, size: Notation) -> None:
        self._call(call, f"{call.name}({self._fd(fd)}, {self._address(address)}, {size})")

    do_connect = do_bind

    def _address(self, value: Notation) -> str:
        if value == "NULL":
            return "NULL"
        value = _fields(value)
        family = value["sa_family"]
        if family == "AF_INET":
            return f"IPV4({_inside(value['sin_addr'])}, {self._port(value['sin_port'])})"
        if family == "AF_INET6":
            return f"IPV6({_ipv6(value)}, {self._port(value['sin6_port'])})"
        if family == "AF_UNIX":
            path = value.get("sun_path")
            if path is None:
                return 'UNIX("")'
            if not isinstance(path, Bytes):
                raise Unreadable(str(path))
            data = b"\0" * path.abstract + path.data
            return (
                f"(struct sockaddr *)&{self._unix[data]}" if data in self._unix else f"UNIX({quoted(data)})"
            )
        if family == "AF_UNSPEC":
            return "&(struct sockaddr){.sa_family = AF_UNSPEC}"
        raise _CannotWrite(f"an address of {family}")

    def _port(self, value: Notation) -> str:
        number = _inside(value)
        return self._ports.setdefault(number, number)

    def _give_room(self, size: Notation) -> None:
        before, _ = _before_after(size)
        self.lines.append(f"size = {before};")

    def _same_address(self, call: Call, value: Notation, size: Notation) -> None:
        """Compare an address that a call gave; what the kernel chose is kept for later calls."""
        if call.errno or isinstance(value, str):
            return
        value = _fields(value)
        _, after = _before_after(size)
        self.lines.append(f"SAME(size, {after});")
        family = value["sa_family"]
        if family in {"AF_INET", "AF_INET6"}:
            host = _inside(value["sin_addr"]) if family == "AF_INET" else _ipv6(value)
            port = _inside(value["sin_port" if family == "AF_INET" else "sin6_port"])
            if port in self._ports:
                self.lines.append(f"same_address({host}, {self._ports[port]});")
                return
            self.lines.append(f"same_address({host}, ANY_PORT);")
            if self._comes_again(f"htons({port})"):
                self._ports[port] = f"port{len(self._ports) + 1}"
                self.lines.append(f"in_port_t {self._ports[port]} = port_of_address();")
        elif isinstance(path := value.get("sun_path"), Bytes) and path.abstract:
            data = b"\0" + path.data
            if data not in self._unix and self._comes_again(f'@"{path.data.decode("latin-1")}"'):
                self._unix[data] = f"name{len(self._unix) + 1}"
                self.lines.append(f"struct sockaddr_un {self._unix[data]} = *(struct sockaddr_un *)&address;")

    def _comes_again(self, text: str) -> bool:
        return any(text in one for later in self._calls[self._place + 1 :] for one in later.arguments)

    def do_getsockname(self, call: Call, fd: Notation, address: Notation, size: Notation) -> None:
        self._give_room(size)
        self._call(call, f"{call.name}({self._fd(fd)}, ADDRESS)")
        self._same_address(call, address, size)

    do_getpeername = do_getsockname

    def do_listen(self, call: Call, fd: Notation, number: Notation) -> None:
        self._call(call, f"{call.name}({self._fd(fd)}, {number})")

    do_shutdown = do_listen

    # Options

    def do_setsockopt(self, call: Call, *arguments: Notation) -> None:
        fd, level, name, value, size = arguments
        head = f"setsockopt({self._fd(fd)}, {level}, {_current(name)}, "
        match value:
            case [str(number)]:
                self._call(call, f"{head}&(int){{{number}}}, {size})")
            case Bytes(data, False) if _is_timeval(name, size):
                self._call(call, f"{head}&(struct timeval){{{', '.join(_longs(data))}}}, {size})")
            case Bytes(data, False):
                self._call(call, f"{head}{quoted(data)}, {size})")
            case {"l_onoff": on, "l_linger": seconds}:
                self._call(call, f"{head}&(struct linger){{{on}, {seconds}}}, {size})")
            case {"len": length, "filter": list(code)}:
                self.lines.append("{")
                self.lines.append(f"    struct sock_filter code[] = {{{', '.join(map(str, code))}}};")
                self._call(call, f"{head}&(struct sock_fprog){{{length}, code}}, {size})")
                self.lines[-1] = f"    {self.lines[-1]}"
                self.lines.append("}")
            case "NULL":
                self._call(call, f"{head}NULL, {size})")
            case _:
                raise Unreadable

    def do_getsockopt(self, call: Call, *arguments: Notation) -> None:
        fd, level, name, value, size = arguments
        before, after = _before_after(size)
        head = f"getsockopt({self._fd(fd)}, {level}, {_current(name)}, "
        self.lines.append(f"size = {before};")
        match value:
            case [str(number)] if before == "4":
                self._call(call, f"{head}&value, &size)")
                compared = "" if name in _VARIES else f"SAME(value, {number});"
            case {"l_onoff": on, "l_linger": seconds}:
                self._declare("struct linger", "linger")
                self._call(call, f"{head}&linger, &size)")
                compared = f"SAME(linger.l_onoff, {on}); SAME(linger.l_linger, {seconds});"
            case Bytes(data, False) if _is_timeval(name, after):
                self._declare("struct timeval", "timeout")
                self._call(call, f"{head}&timeout, &size)")
                seconds, micro = _longs(data)
                compared = f"SAME(timeout.tv_sec, {seconds}); SAME(timeout.tv_usec, {micro});"
            case _:
                self.room = max(self.room, 16 * int(before))
                self._call(call, f"{head}data, &size)")
                compared = _same_bytes(value) if name not in _VARIES else ""
        if not call.errno:
            self.lines += [f"SAME(size, {after});", compared]

    def _declare(self, kind: str, name: str) -> None:
        if name not in self._taken:
            self._taken.add(name)
            self.lines.append(f"{kind} {name};")

    # Data

    def do_sendto(self, call: Call, *arguments: Notation) -> None:
        fd, data, size, flags, to, room = arguments
        text = self._data(data, str(size))
        if to == "NULL":
            self._call(call, f"send({self._fd(fd)}, {text}, {size}, {_or(flags)})")
        else:
            self._call(
                call, f"sendto({self._fd(fd)}, {text}, {size}, {_or(flags)}, {self._address(to)}, {room})"
            )

    def _data(self, data: Notation, size: str) -> str:
        """An expression for what is sent; what is long begins with what the transcript kept of it."""
        if not isinstance(data, Bytes):
            raise Unreadable
        if not data.cut:
            return quoted(data.data)
        self.room = max(self.room, int(size))
        self.lines.append(f"memset(data, {data.data[0] if data.data else 0}, {size});")
        return "data"

    def do_recvfrom(self, call: Call, *arguments: Notation) -> None:
        fd, data, size, flags, source, room = arguments
        self.room = max(self.room, int(str(size)))
        head = f"{self._fd(fd)}, data, {size}, {_or(flags)}"
        if source == "NULL":
            self._call(call, f"recv({head})")
        else:
            self._give_room(room)
            self._call(call, f"recvfrom({head}, ADDRESS)")
            self._same_address(call, source, room)
        self._same_data(call, data)

    def _same_data(self, call: Call, data: Notation) -> None:
        if call.result and not call.errno and isinstance(data, Bytes):
            kept = data.data[: min(call.result, 128)]
            self.lines.append(f"SAME_BYTES({quoted(kept)}, {len(kept)});")

    def do_recvmsg(self, call: Call, fd: Notation, message: Notation, flags: Notation) -> None:
        fields, vector, control = _message(message)
        source, given = fields["msg_name"], fields["msg_flags"]
        room = str(vector["iov_len"])
        self.room = max(self.room, int(room))
        cut = "MSG_CTRUNC" in str(given)
        space = fields["msg_controllen"] if cut else "sizeof(control)"
        self.lines.append(f"expect_message({room}, {space});")
        self._call(call, f"recvmsg({self._fd(fd)}, &message, {_or(flags)})")
        if call.errno:
            return
        self._same_data(call, vector["iov_base"])
        self.lines.append(f"SAME(message.msg_flags, {_or(given)});")
        for place, one in enumerate(map(_fields, control)):
            kind = _current(one["cmsg_type"])
            self.lines.append(f"same_control({place}, {one['cmsg_level']}, {kind}, {one['cmsg_len']});")
            match one.get("cmsg_data"):
                case [str(number)] if int(str(one["cmsg_len"])) >= 20 and kind != "SCM_RIGHTS":
                    self.lines.append(f"SAME(control_number({place}), {number});")
                case list(numbers) if kind == "SCM_RIGHTS":
                    if len(numbers) > 1:
                        raise _CannotWrite("a message with several descriptors")
                    received = self._made(str(numbers[0]), "received")
                    self.lines.append(f"int {received} = control_number({place});")
        if not control:
            self.lines.append("SAME(message.msg_controllen, 0);")
        if isinstance(source, dict) and source.get("sa_family") == "AF_INET":
            port = self._ports.get(_inside(source["sin_port"]), "ANY_PORT")
            self.lines.append(f"same_address({_inside(source['sin_addr'])}, {port});")

    def do_sendmsg(self, call: Call, fd: Notation, message: Notation, flags: Notation) -> None:
        fields, vector, control = _message(message)
        name = fields["msg_name"]
        size = str(vector["iov_len"])
        text = self._data(vector["iov_base"], size)
        to = "NULL, 0" if name == "NULL" else f"{self._address(name)}, {fields['msg_namelen']}"
        self.lines.append(f"prepare_message({to}, {text}, {size});")
        for one in map(_fields, control):
            if "cmsg_data" not in one:
                raise _CannotWrite(
                    f"a control message of type {one['cmsg_type']}, whose data strace does not show"
                )
            kind = f"{one['cmsg_level']}, {_current(one['cmsg_type'])}"
            match one["cmsg_data"]:
                case list(numbers):
                    fds = one["cmsg_type"] == "SCM_RIGHTS"
                    words = [self._fd(number) if fds else str(number) for number in numbers]
                    many = f"(int[]){{{', '.join(words)}}}, sizeof(int) * {len(words)}"
                    self.lines.append(f"add_control({kind}, {many});")
                case Bytes(data, False):
                    self.lines.append(f"add_control({kind}, {quoted(data)}, {len(data)});")
                case _:
                    raise _CannotWrite(f"a control message of type {one['cmsg_type']}")
        self._call(call, f"sendmsg({self._fd(fd)}, &message, {_or(flags)})")

    # Readiness

    def do_poll(self, call: Call, files: Notation, count: Notation, timeout: Notation) -> None:
        entered = [_fields(one) for one in _items(files)]
        ready = dict(re.findall(r"fd=(\d+), revents=([\w|]+)", call.note))
        entries = ", ".join(
            f"{{.fd = {self._fd(one['fd'])}, .events = {_or(one['events'])}}}" for one in entered
        )
        self.lines += ["{", f"    struct pollfd files[] = {{{entries}}};"]
        self._call(call, f"poll(files, {count}, {timeout})")
        for place, one in enumerate(entered):
            happened = ready.get(str(one["fd"]), "0")
            self.lines.append(f"SAME(files[{place}].revents, {_or(happened)});")
        self.lines.append("}")

    def do_pselect6(self, call: Call, *arguments: Notation) -> None:
        _, read, write, urgent, timeout, _ = arguments
        self.lines.append("{")
        words, highest = [], "0"
        for name, files in (("in", read), ("out", write), ("urgent", urgent)):
            if not isinstance(files, list):
                words.append("NULL")
                continue
            self.lines += [f"fd_set {name};", f"FD_ZERO(&{name});"]
            for one in files:
                highest = self._fd(one) if highest == "0" else f"MAX({highest}, {self._fd(one)})"
                self.lines.append(f"FD_SET({self._fd(one)}, &{name});")
            words.append(f"&{name}")
        match timeout:
            case {"tv_sec": seconds, "tv_nsec": nano}:
                words.append(f"&(struct timespec){{{seconds}, {nano}}}")
            case _:
                words.append("NULL")
        self._call(call, f"pselect({highest} + 1, {', '.join(words)}, NULL)")
        for name, label in (("in", "in"), ("out", "out"), ("urgent", "except")):
            for found in re.findall(rf"\b{label} \[([\d ]+)\]", call.note):
                self.lines += [f"SAME(FD_ISSET({self._fd(one)}, &{name}) != 0, 1);" for one in found.split()]
        self.lines.append("}")

    def do_epoll_ctl(self, call: Call, *arguments: Notation) -> None:
        epoll, action, fd, event = arguments
        text = "NULL"
        if isinstance(event, dict):
            text = f"&(struct epoll_event){{.events = {_or(event['events'])}}}"
        self._call(call, f"epoll_ctl({self._fd(epoll)}, {action}, {self._fd(fd)}, {text})")

    def do_epoll_wait(self, call: Call, *arguments: Notation) -> None:
        epoll, events, most, timeout = arguments
        self.lines += ["{", f"struct epoll_event events[{most}];"]
        self._call(call, f"epoll_wait({self._fd(epoll)}, events, {most}, {timeout})")
        for place, one in enumerate(map(_fields, _items(events))):
            self.lines.append(f"SAME(events[{place}].events, {_or(one['events'])});")
        self.lines.append("}")

    # Others

    def do_ioctl(self, call: Call, fd: Notation, request: Notation, argument: Notation) -> None:
        if request in _UNWRITTEN:
            return
        head = f"ioctl({self._fd(fd)}, {request}, "
        match argument:
            case [str(number)] if request == "FIONBIO":
                self._call(call, f"{head}&(int){{{number}}})")
            case [str(number)] if request in _REQUEST_GETS_NUMBER:
                self._call(call, f"{head}&value)")
                self.lines.append(f"SAME(value, {number});")
            case {"ifr_name": Bytes(name), "ifr_flags": str(flags)} if request == "SIOCSIFFLAGS":
                self._call(
                    call, f"{head}&(struct ifreq){{.ifr_name = {quoted(name)}, .ifr_flags = {_or(flags)}}})"
                )
            case {"ifr_name": Bytes(name)} if request == "SIOCGIFINDEX":
                self._call(call, f"{head}&(struct ifreq){{.ifr_name = {quoted(name)}}})")
            case {"ifr_index": str(index)} | {"ifr_ifindex": str(index)} if request == "SIOCGIFNAME":
                self._call(call, f"{head}&(struct ifreq){{.ifr_ifindex = {index}}})")
            case _:
                raise _CannotWrite(f"the request {request}")

    def do_write(self, call: Call, _: Notation, data: Notation, size: Notation) -> None:
        found = re.fullmatch(r"\d+</proc/sys/(.+)>", call.arguments[0])
        if found:
            self._call(call, f"set_sysctl({quoted(found[1].encode())}, {self._data(data, str(size))})")
        else:
            text = self._data(data, str(size))
            self._call(call, f"write({self._fd(parse(call.arguments[0]))}, {text}, {size})")

    def do_read(self, call: Call, fd: Notation, data: Notation, size: Notation) -> None:
        self.room = max(self.room, int(str(size)))
        self._call(call, f"read({self._fd(fd)}, data, {size})")
        self._same_data(call, data)

    def do_capset(self, call: Call, _: Notation, sets: Notation) -> None:
        effective, permitted = (
            _capabilities(str(_fields(sets)[name])) for name in ("effective", "permitted")
        )
        lost = permitted - effective
        if len(lost) < len(effective):
            mask = f"~({' | '.join(sorted(lost)) or '0ULL'})"
        else:
            mask = " | ".join(sorted(effective)) or "0ULL"
        self._call(call, f"set_effective({mask})")

    def _use_all(self) -> None:
        """A variable that no call uses any more is no error."""
        text = "\n".join(self.lines)
        self.lines = [line for line in self.lines if not _is_never_entered(line, text)]
        for name in _DECLARED.findall("\n".join(self.lines)):
            if len(re.findall(rf"\b{name}\b", text)) == 1:
                self.lines.append(f"(void){name};")
        self.lines = [line for line in self.lines if line]


def _is_never_entered(line: str, text: str) -> bool:
    found = re.fullmatch(r"int (\w+) = this_namespace\(\);", line)
    return bool(found and f"enter({found[1]});" not in text)


def _inside(value: Notation) -> str:
    """What stands in the parentheses of ``htons(80)`` and ``inet_addr("127.0.0.1")``."""
    found = re.fullmatch(r"\w+\((.*)\)", str(value))
    if found is None:
        raise Unreadable(str(value))
    return found[1]


def _ipv6(fields: dict[str, Notation]) -> str:
    for name in fields:
        if found := re.fullmatch(r'inet_pton\(AF_INET6, ("[^"]*"), .*\)', name):
            return found[1]
    raise Unreadable


def _before_after(size: Notation) -> tuple[str, str]:
    match size:
        case [Changed(before, after)]:
            return str(before), str(after)
        case [str(same)] | str(same):
            return same, same
    raise Unreadable


def _message(message: Notation) -> tuple[dict[str, Notation], dict[str, Notation], list[Notation]]:
    """A message's fields, its one vector, its control messages."""
    fields = _fields(message)
    vectors, control = _items(fields["msg_iov"]), fields.get("msg_control", [])
    if len(vectors) != 1:
        raise _CannotWrite("a message of several buffers")
    return fields, _fields(vectors[0]), control if isinstance(control, list) else []


def _fields(value: Notation) -> dict[str, Notation]:
    if not isinstance(value, dict):
        raise Unreadable(str(value))
    return value


def _items(value: Notation) -> list[Notation]:
    if not isinstance(value, list):
        raise Unreadable(str(value))
    return value


def _current(name: Notation) -> str:
    """An option's name in the C library's headers."""
    return str(name).removesuffix("_OLD")


def _or(flags: Notation) -> str:
    return str(flags).replace("|", " | ")


def _same_bytes(value: Notation) -> str:
    """The comparison of a short option; a long one is a structure with counters and times."""
    if isinstance(value, Bytes) and not value.cut and len(value.data) <= 32:
        return f"SAME_BYTES({quoted(value.data)}, {len(value.data)});"
    return ""


def _is_timeval(name: Notation, size: Notation) -> bool:
    return "TIMEO" in str(name) and size == "16"


def _longs(data: bytes) -> tuple[str, str]:
    """A timeval's two numbers, of this machine's byte order, as strace shows memory."""
    first, second = (int.from_bytes(data[place : place + 8], "little", signed=True) for place in (0, 8))
    return str(first), str(second)


def _capabilities(text: str) -> set[str]:
    return {one.replace("1<<", "1ULL << ") for one in text.split("|") if one != "0"}


def comment(text: str) -> str:
    """Text that ends no comment of C, begins none and fits in a line."""
    return one_line(text.replace("/*", "/ *").replace("*/", "* /"))


def quoted(data: bytes) -> str:
    """A string literal of C."""
    out = []
    for byte in data:
        char = chr(byte)
        if char in '"\\':
            out.append(f"\\{char}")
        elif 32 <= byte < 127 and char != "?":
            out.append(char)
        else:
            out.append(f"\\{byte:03o}")
    return f'"{"".join(out)}"'
