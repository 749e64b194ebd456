"""``--transcript``: each test's body under strace, and its socket calls kept, a file for each claim.

The calls travel on the test's report, so that under xdist the controller alone writes.
"""

from __future__ import annotations

import os
import re
from collections.abc import Generator, Iterable, Iterator
from pathlib import Path

import pytest

from conformance.plugin import strace
from conformance.plugin.claim import stated
from conformance.plugin.exit_status import NO_RECORD, NO_STRACE, Stopped
from conformance.plugin.strace import NotTraced, Strace, StraceMissing
from netns import Namespace, Peers, Routed
from reports.model import SCHEMA
from reports.transcript import Begin, Call, encode, transcript_path

_OPTIONS = (
    "--follow-forks",
    "--decode-fds=path",
    "--strings-in-hex=non-ascii-chars",
    "--string-limit=512",
    "--abbrev=none",
    "--signal=none",
    "--trace=%network,poll,ppoll,select,pselect6,epoll_create1,epoll_ctl,epoll_wait,epoll_pwait,"
    "close,dup,fcntl,ioctl,read,readv,write,writev,setns,unshare,"
    # What else a program would have to do first, or could not do at all.
    "capset,setresuid,getsid,kill,tgkill,setitimer,clone,clone3,fork,vfork",
)
_ON_ANYTHING = {"close", "dup", "fcntl", "ioctl", "read", "readv", "write", "writev"}
"""Calls that a test's own surroundings make too; kept where they are made on a socket."""
_SYSCTLS = "/proc/sys/"
_KEPT = re.compile(rf"socket:\[|anon_inode:\[eventpoll\]|{_SYSCTLS}")
_REFERENT = re.compile(r'("(?:\\.|[^"\\])*")|(?<=\d)<(?:socket|anon_inode|pipe|net):\[[^>]*>')
_THREAD_NETNS = "/proc/thread-self/ns/net"

_LINES = pytest.StashKey[str]()


class Tracer:
    """Where tests run: traces the body of each that states a claim."""

    def __init__(self) -> None:
        strace.print_sockets_silently()

    @pytest.hookimpl(wrapper=True, trylast=True)  # innermost: the calls are the test's own
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        marked = stated(pyfuncitem)
        if marked is None:
            return (yield)
        hosts = dict(_hosts(pyfuncitem.funcargs))
        home = os.stat(_THREAD_NETNS).st_ino
        with Strace(os.getpid(), *_OPTIONS) as tracing:
            _mark()
            try:
                return (yield)
            finally:
                _mark()
                tracing.detach()
                calls = _Reading(os.getpid(), home, {home: "home", **hosts}).read(_marked(tracing.calls()))
                begin = Begin(
                    SCHEMA, marked.claim.id, pyfuncitem.name, os.uname().release, tuple(hosts.values())
                )
                pyfuncitem.stash[_LINES] = encode([begin, *calls])

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        report = yield
        if call.when == "call" and (lines := item.stash.get(_LINES, None)):
            report.transcript = lines, stated(item).claim.id  # type: ignore[attr-defined,union-attr]
        return report


class TranscriptWriter:
    """Writes what comes with reports: the first test of a claim begins its file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun: set[Path] = set()

    def pytest_sessionstart(self) -> None:
        """Refuse at once what would fail in every test."""
        try:
            strace.require()
            Strace(os.getpid()).close()
        except (StraceMissing, NotTraced) as error:
            raise Stopped(f"--transcript takes strace; {error}", NO_STRACE) from error

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if carried := getattr(report, "transcript", None):
            lines, claim = carried
            path = transcript_path(self._folder, claim)
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                with path.open("a" if path in self._begun else "w", encoding="utf-8") as file:
                    file.write(lines)
            except OSError as error:
                raise Stopped(
                    f"{path}: the transcript cannot be written: {error.strerror}", NO_RECORD
                ) from error
            self._begun.add(path)


def _mark() -> None:
    """A call that no test makes: what is before the first and behind the last is pytest's."""
    os.getsid(0)


def _marked(calls: list[strace.Call]) -> list[strace.Call]:
    marks = [place for place, call in enumerate(calls) if call.name == "getsid"]
    return calls[marks[0] + 1 : marks[-1]]


def _hosts(arguments: dict[str, object]) -> Iterator[tuple[int, str]]:
    """The namespaces that a test's fixtures made, by inode."""
    for value in arguments.values():
        match value:
            case Namespace():
                yield _inode(value), "host"
            case Peers() | Routed():
                for name in ("left", "router", "right"):
                    if host := getattr(value, name, None):
                        yield _inode(host.namespace), name


def _inode(namespace: Namespace) -> int:
    with namespace.entered():
        return os.stat(_THREAD_NETNS).st_ino


class _Reading:
    """strace's calls as a transcript's: those on sockets, each with its thread and its namespace."""

    def __init__(self, pid: int, home: int, names: dict[int, str]) -> None:
        self._main = pid
        self._names = names
        self._made = 0
        self._unnamed: list[str] = []
        self._threads = {pid: 0}
        self._processes = {pid: 0}
        self._inside = {pid: self._name(home)}

    def read(self, calls: Iterable[strace.Call]) -> list[Call]:
        return [call for call in map(self._call, calls) if call]

    def _call(self, call: strace.Call) -> Call | None:
        """The call, if it is kept; what only says where the next ones are made is none."""
        inside = self._inside.setdefault(call.pid, self._inside[self._main])
        if call.name == "close" and call.referent.startswith("net:"):
            self._forget(_number(call.referent), inside)
        if call.name in _ON_ANYTHING and not _KEPT.match(call.referent):
            return None
        if call.referent.startswith(_SYSCTLS) and call.name != "write":
            return None
        if call.name in {"clone", "clone3", "fork", "vfork"}:
            self._begin(call)
            return None
        if call.name == "setns":
            self._inside[call.pid] = self._name(_number(call.referent))
            return None
        if call.name == "unshare":
            self._made += 1
            inside = self._inside[call.pid] = f"made{self._made}"
            self._unnamed.append(inside)
        return Call(
            call.name,
            tuple(_REFERENT.sub(lambda found: found[1] or "", one) for one in call.arguments),
            call.result,
            call.errno,
            call.note,
            self._threads.setdefault(call.pid, len(self._threads)),
            self._processes.setdefault(call.pid, 0),
            inside,
        )

    def _begin(self, call: strace.Call) -> None:
        """A thread is its maker's, a process is another."""
        if call.result is not None and call.result > 0:
            flags = " ".join(call.arguments)
            mine = self._processes.setdefault(call.pid, 0)
            number = mine if "CLONE_THREAD" in flags else max(self._processes.values()) + 1
            self._processes[call.result] = number
            self._inside[call.result] = self._inside.get(call.pid, self._inside[self._main])

    def _name(self, inode: int) -> str:
        """What the namespace is called; a new one is of the first unshare that has none yet."""
        if inode not in self._names:
            self._names[inode] = self._unnamed.pop(0) if self._unnamed else f"other{len(self._names)}"
        return self._names[inode]

    def _forget(self, inode: int, inside: str) -> None:
        """A namespace that is closed from outside may be gone, and its inode another's next."""
        if self._names.get(inode) != inside:
            self._names.pop(inode, None)


def _number(referent: str) -> int:
    """``net:[4026531833]``"""
    return int(referent.removeprefix("net:[").removesuffix("]"))
