"""A sweep of faults finds weak tests weak and good ones good, and leaves nothing behind."""

from __future__ import annotations

import os
import select
import signal
import sys
from pathlib import Path

import msgspec
import pytest

from conformance.plugin.fault_table import Outcome, Swept
from conformance.plugin.faults import faults
from conformance.plugin.strace import calls
from tests.conformance import suites

TESTS = """
@claim("doc.7/SO_KEEPALIVE/on", says="Keepalive can be set.")
def test_on(ns, observe):
    with Socket.tcp() as sock:
        sock.keepalive = True

        assert observe("keepalive", sock.keepalive) is True


@claim("doc.7/SO_KEEPALIVE/unlike-another", says="Keepalive of one socket is not another's.")
def test_unlike_another(ns):
    with Socket.tcp() as sock, Socket.tcp() as other:
        sock.keepalive = True

        assert other.keepalive is False


@claim("doc.7/SO_KEEPALIVE/anything", says="Keepalive has a value.")
def test_anything(ns):
    with Socket.tcp() as sock:
        assert sock.keepalive in (True, False)
"""

EXPLAINED = TESTS.replace(
    "another's.\"", 'another\'s.", survives={"no-op: setsockopt(*SO_KEEPALIVE*": "because", "x*": "never"}'
)

ON, UNLIKE, ANYTHING = (f"doc.7/SO_KEEPALIVE/{slug}" for slug in ("on", "unlike-another", "anything"))


def swept(folder: Path) -> dict[str, Swept]:
    lines = (folder / "build" / "faults.jsonl").read_bytes().splitlines()
    return {one.claim: one for one in (msgspec.json.decode(line, type=Swept) for line in lines)}


def tracer(pid: int) -> int:
    """The strace that is attached to a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("TracerPid:")[1].split()[0])


def injected(*lines: str) -> dict[str, str]:
    """What strace is asked to inject for the calls on its lines, by operator."""
    found = faults(list(calls(lines, 7)), 7)
    return {one.operator: one.injection for one in found}


def test_weak_claims_are_named_with_their_surviving_stimulus(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, TESTS, "--faults")

    assert (ended.code, {claim for claim, one in swept(tmp_path).items() if one.weak}) == (
        1,
        {UNLIKE, ANYTHING},
    )
    assert f"{UNLIKE} (test_suite.py:" in ended.said
    assert "no-op: setsockopt(SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0" in ended.said


def test_a_good_claim_notices_every_fault(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, TESTS, "--faults", "--claim", ON)

    outcomes = {(one.operator, one.call.split("(")[0]): one.outcome for one in swept(tmp_path)[ON].faults}
    assert ended.code == 0
    assert outcomes == {
        ("no-op", "setsockopt"): Outcome.DIFFERS,
        ("refused", "setsockopt"): Outcome.DIFFERS,
        ("refused", "getsockopt"): Outcome.DIFFERS,
        ("another value", "getsockopt"): Outcome.DIFFERS,
    }


def test_a_claim_says_which_faults_it_need_not_notice(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, EXPLAINED, "--faults", "--claim", UNLIKE)

    [one] = swept(tmp_path).values()
    assert (ended.code, one.weak, [tried.why for tried in one.faults if tried.why]) == (0, False, ["because"])
    assert one.stale == ("x*",)


def test_a_test_that_waits_for_what_never_comes_has_an_answer(tmp_path: Path) -> None:
    waits = """
    @claim("doc.7/recv/waits", says="What is sent is received.")
    def test_waits(ns):
        left, right = Socket.pair()
        with left, right:
            left.send(b"x")

            assert right.recv(1) == b"x"
    """

    suites.run(tmp_path, waits, "--faults")

    [one] = swept(tmp_path).values()
    outcomes = {tried.fault: tried.outcome for tried in one.faults}
    assert outcomes['no-op: sendto("x", 1, 0, 0) = 1'] is Outcome.DIFFERS


def test_the_calls_of_a_thread_are_swept(tmp_path: Path) -> None:
    threaded = """
    from conformance.plugin.setups.threads import in_thread

    @claim("doc.7/SO_KEEPALIVE/threads", says="A thread can set it.")
    def test_threads(ns):
        with Socket.tcp() as sock:
            with in_thread(lambda: setattr(sock, "keepalive", True)):
                pass

            assert sock.keepalive is True
    """

    ended = suites.run(tmp_path, threaded, "--faults")

    [one] = swept(tmp_path).values()
    assert (ended.code, {tried.outcome for tried in one.faults}) == (0, {Outcome.DIFFERS})


def test_a_claim_that_is_blocked_is_not_weak(tmp_path: Path) -> None:
    blocked = """
    @claim("doc.7/none/blocked", says="It is so.", needs=[Need("nothing", lambda: False)])
    def test_blocked(ns):
        assert 1 == 1
    """

    ended = suites.run(tmp_path, blocked, "--faults")

    [one] = swept(tmp_path).values()
    assert (ended.code, one.left_out, one.faults) == (0, True, ())


def test_a_claim_of_other_kernels_is_not_weak(tmp_path: Path) -> None:
    old = """
    @claim("doc.7/none/old", says="It is so.", until="2.6.32")
    def test_old(ns, observe):
        with Socket.udp() as sock:
            assert observe("keepalive", sock.keepalive) is True
    """

    ended = suites.run(tmp_path, old, "--faults")

    [one] = swept(tmp_path).values()
    assert (ended.code, one.left_out, one.faults) == (0, True, ())


def test_a_claim_of_a_file_says_that_there_is_no_fault_to_try(tmp_path: Path) -> None:
    of_a_file = """
    @claim("doc.7/none/file", says="It is so.", survives={"*": "because"})
    def test_file(ns, observe):
        assert observe("release", len(open("/proc/sys/kernel/osrelease").read())) > 0
    """

    ended = suites.run(tmp_path, of_a_file, "--faults")

    [one] = swept(tmp_path).values()
    assert (ended.code, one.weak, one.faults, one.why_none, one.stale) == (0, False, (), "because", ())


def test_samples_are_parts_of_the_whole(tmp_path: Path) -> None:
    parts: list[str] = []
    for part in ("1/2", "2/2"):
        suites.run(tmp_path, TESTS, "--faults", "--sample", part)
        parts += swept(tmp_path)

    assert sorted(parts) == sorted([ON, UNLIKE, ANYTHING])


def test_a_claim_is_left_when_a_fault_made_it_differ(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, EXPLAINED, "--faults", "--fault-first")

    found = swept(tmp_path)
    outcomes = {claim: [tried.outcome for tried in one.faults] for claim, one in found.items()}
    assert (ended.code, {claim for claim, one in found.items() if one.weak}) == (1, {ANYTHING})
    assert (outcomes[ON], outcomes[UNLIKE]) == ([Outcome.DIFFERS], [Outcome.DIFFERS])
    assert found[UNLIKE].stale == ()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("-n", "2"), "--fault-jobs"),
        (("--sample", "3/2"), "invalid"),
        (("--sample", "day/0"), "invalid"),
        (("--claim", "x/*"), "matches none"),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else None,
)
def test_options_that_mean_nothing_are_refused(tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    ended = suites.run(tmp_path, TESTS, "--faults", *arguments)

    assert ended.code == 4
    assert said in ended.said


def test_without_strace_the_sweep_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    ended = suites.run(tmp_path, TESTS, "--faults")

    assert ended.code == 69
    assert "apt install strace" in ended.said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_ended_sweep_leaves_no_process(tmp_path: Path, number: signal.Signals) -> None:
    noted = tmp_path / "pid"
    tests = f"""
    @claim("doc.7/recv/hangs", says="It never answers.")
    def test_hangs(ns):
        with Socket.udp() as sock, open({str(noted)!r}, "w") as file:
            file.write(str(os.getpid()))
            file.close()
            sock.recv(1)
    """
    os.mkfifo(noted)
    fifo = os.open(noted, os.O_RDONLY | os.O_NONBLOCK)  # opening it for reading alone would wait for ever
    process = suites.start(tmp_path, tests, "--faults")
    select.select([fifo], [], [], 60)
    pid = int(os.read(fifo, 16))
    os.close(fifo)
    watches = [os.pidfd_open(one) for one in (pid, tracer(pid))]

    suites.end(process, number)

    assert [bool(select.select([watch], [], [], 10)[0]) for watch in watches] == [True, True]


def test_a_piece_of_what_fills_a_buffer_is_no_stimulus() -> None:
    sent = 'sendto(3<socket:[9]>, "xx", 2, MSG_DONTWAIT, NULL, 0) = '

    assert injected(f"{sent}2", f"{sent}-1 EAGAIN (Try again)") == {
        "refused": "error=EIO",
        "granted": "retval=2",
        "another errno": "error=EIO",
    }


def test_a_send_is_granted_no_more_than_one_call_sends() -> None:
    sent = "sendmsg(3<socket:[9]>, {msg_iov=[{iov_base=NULL, iov_len=9223372036854775808}], msg_iovlen=1}, 0)"

    assert injected(f"{sent} = -1 EINVAL (Invalid argument)")["granted"] == f"retval={0x7FFF_F000}"


def test_what_an_event_loop_watches_beside_netlink_is_left_out() -> None:
    loop = "9<anon_inode:[eventpoll]>"

    assert not injected(
        "socket(AF_NETLINK, SOCK_DGRAM|SOCK_CLOEXEC, NETLINK_ROUTE) = 5<socket:[5]>",
        "socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC, 0, [6<socket:[6]>, 7<socket:[7]>]) = 0",
        "ioctl(6<socket:[6]>, FIONBIO, [1]) = 0",
        "ioctl(7<socket:[7]>, FIONBIO, [1]) = 0",
        f"epoll_ctl({loop}, EPOLL_CTL_ADD, 6<socket:[6]>, {{events=EPOLLIN}}) = 0",
        f"epoll_ctl({loop}, EPOLL_CTL_ADD, 5<socket:[5]>, {{events=EPOLLIN}}) = 0",
    )


def test_the_socket_that_only_asks_for_an_interface_is_left_out() -> None:
    connect = "connect(3<socket:[9]>, {sa_family=AF_INET}, 16) = -1 ECONNREFUSED (Connection refused)"

    assert injected(
        connect,
        "socket(AF_UNIX, SOCK_DGRAM|SOCK_CLOEXEC, 0) = 5<socket:[5]>",
        'ioctl(5<socket:[5]>, SIOCGIFINDEX, {ifr_name="veth1", ifr_ifindex=3}) = 0',
        "close(5<socket:[5]>) = 0",
        connect,
    ) == {"granted": "retval=0", "another errno": "error=EIO"}


def test_the_name_of_the_interface_by_which_something_came_is_left_out() -> None:
    asked = 'ioctl(3<socket:[9]>, SIOCGIFNAME, {ifr_ifindex=3, ifr_name="veth1"}) = 0'
    came = 'recvfrom(3<socket:[9]>, "x", 9, 0, {sa_family=AF_PACKET, sll_ifindex=3}, [20]) = 1'

    assert injected(came, asked) == injected(came)
    assert injected(came, asked, asked).keys() > injected(came).keys()


def test_a_wait_for_a_pipe_is_left_out() -> None:
    assert not injected("poll([{fd=3<pipe:[9]>, events=POLLIN}], 1, 4000) = 1 ([{fd=3, revents=POLLIN}])")


SIX = (6).to_bytes(4, sys.byteorder).hex()


@pytest.mark.parametrize(
    ("line", "injections"),
    [
        (
            "setsockopt(3<socket:[9]>, SOL_SOCKET, SO_MARK, [1], 4) = 0",
            {"no-op": "retval=0", "refused": "error=EIO"},
        ),
        (
            "setsockopt(3<socket:[9]>, SOL_SOCKET, SO_MARK, [1], 4) = -1 EPERM (Operation not permitted)",
            {"granted": "retval=0", "another errno": "error=EIO"},
        ),
        (
            "getsockopt(3<socket:[9]>, SOL_SOCKET, SO_RCVBUF, [8192], [4]) = 0",
            {
                "refused": "error=EIO",
                "another value": f"poke_exit=@arg4={(8193).to_bytes(4, sys.byteorder).hex()}",
                "zeros": "poke_exit=@arg4=00000000",
            },
        ),
        (
            "getsockopt(3<socket:[9]>, SOL_SOCKET, SO_LINGER, {l_onoff=1, l_linger=5}, [8]) = 0",
            {"refused": "error=EIO", "zeros": "poke_exit=@arg4=0000000000000000"},
        ),
        (
            'recvfrom(3<socket:[9]>, "abc", 9, 0, NULL, NULL) = 3',
            {
                "refused": "error=EIO",
                "other bytes": "poke_exit=@arg2=7e",
                "shorter": "retval=2:poke_exit=@arg2=6162",
                "end": "retval=0",
            },
        ),
        (
            "recvfrom(3<socket:[9]>, 0x7f, 9, 0, NULL, NULL) = -1 EAGAIN (Try again) <0.100001>",
            {
                "granted": "retval=0",
                "another errno": "error=EIO",
                "early": "error=EAGAIN",
                "data": "retval=1:poke_exit=@arg2=7e",
            },
        ),
        (
            "pselect6(4, [3<socket:[9]>], NULL, NULL, {tv_sec=0, tv_nsec=0}, NULL) = 0 (Timeout)",
            {"invented": "retval=1"},
        ),
        ("pselect6(4, [3<socket:[9]>], NULL, NULL, NULL, NULL) = 1 (in [3])", {}),
        (
            'setsockopt(3<socket:[9]>, SOL_SOCKET, SO_RCVTIMEO_OLD, "\\1\\0\\0\\0\\0\\0\\0\\0\\0", 16) = 0',
            {"no-op": "retval=0", "refused": "error=EIO"},
        ),
        (
            'setsockopt(3<socket:[9]>, SOL_SOCKET, SO_RCVTIMEO_OLD, "\\4\\0\\0\\0\\0\\0\\0\\0\\0", 16) = 0',
            {"refused": "error=EIO"},
        ),
        (
            "poll([{fd=3<socket:[9]>, events=POLLIN}], 1, 0) = 1 ([{fd=3, revents=POLLIN}])",
            {"hidden": "retval=0"},
        ),
        (
            "bind(3<socket:[9]>, {sa_family=AF_INET, sin_port=htons(9)}, 16) = 0",
            {"no-op": "retval=0", "refused": "error=EIO"},
        ),
        ("bind(3<socket:[9]>, {sa_family=AF_INET, sin_port=htons(0)}, 16) = 0", {"refused": "error=EIO"}),
        ("ioctl(3<socket:[9]>, FIOCLEX) = 0", {"no-op": "retval=0", "refused": "error=EIO"}),
        (
            "ioctl(3<socket:[9]>, FIONREAD, [5]) = 0",
            {"refused": "error=EIO", "another value": f"poke_exit=@arg3={SIX}"},
        ),
        ("close(3<socket:[9]>) = 0", {}),
        ("getsockname(3<socket:[9]>, {sa_family=AF_INET, sin_port=htons(9)}, [128 => 16]) = 0", {}),
        ('read(3</etc/passwd>, "abc", 9) = 3', {}),
        ("poll([{fd=3<pipe:[9]>, events=POLLIN}], 1, 0) = 1 ([{fd=3, revents=POLLIN}])", {}),
    ],
    ids=lambda value: value.split(" =")[-1] if isinstance(value, str) else None,
)
def test_an_answer_is_changed_in_every_way_that_makes_sense(line: str, injections: dict[str, str]) -> None:
    assert injected(line) == injections


def test_a_socket_that_is_closed_before_an_older_one_is_used_is_a_stimulus() -> None:
    found = injected(
        "getsockopt(3<socket:[8]>, SOL_SOCKET, SO_ERROR, NULL, [4]) = ?",
        "close(4<socket:[9]>) = 0",
        'recvfrom(3<socket:[8]>, "", 9, 0, NULL, NULL) = 0',
    )

    assert found["no-op"] == "retval=0"


@pytest.mark.parametrize(
    ("closed", "use"),
    [
        ("4<socket:[9]>", "listen({}, 1) = 0"),
        ("4<anon_inode:[eventpoll]>", "epoll_ctl({}, EPOLL_CTL_ADD, 3<socket:[8]>, {{events=EPOLLIN}}) = 0"),
    ],
    ids=["listener", "event-loop"],
)
def test_to_close_a_listener_or_an_event_loop_is_cleaning_up(closed: str, use: str) -> None:
    found = faults(
        list(
            calls(
                [
                    "connect(3<socket:[8]>, {sa_family=AF_UNIX}, 2) = 0",
                    use.format(closed),
                    f"close({closed}) = 0",
                    'recvfrom(3<socket:[8]>, "", 9, 0, NULL, NULL) = 0',
                ],
                7,
            )
        ),
        7,
    )

    assert "close" not in {one.call.name for one in found}


def test_what_furnishes_a_namespace_is_left_alone() -> None:
    found = injected(
        "socket(AF_NETLINK, SOCK_DGRAM|SOCK_CLOEXEC, NETLINK_ROUTE) = 3<socket:[9]>",
        'sendto(3<socket:[9]>, "x", 1, 0, NULL, 0) = 1',
        'ioctl(4<socket:[8]>, SIOCSIFFLAGS, {ifr_name="lo", ifr_flags=IFF_UP}) = 0',
    )

    assert found == {}


def test_what_a_claim_asks_of_netlink_is_changed() -> None:
    found = injected(
        "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_ROUTE) = 3<socket:[9]>",
        "bind(3<socket:[9]>, {sa_family=AF_NETLINK, nl_pid=0, nl_groups=00000000}, 12) = 0",
        'recvfrom(3<socket:[9]>, [{nlmsg_len=20, nlmsg_type=NLMSG_DONE}, "0"], 99, 0, NULL, NULL) = 20',
        "getsockname(3<socket:[9]>, {sa_family=AF_NETLINK, nl_pid=7, nl_groups=0x000002}, [12]) = 0",
    )

    assert found == {
        "refused": "error=EIO",
        "other bytes": "poke_exit=@arg2=00000000",
        "end": "retval=0",
        "another address": f"poke_exit=@arg2={_native(16, 4)}{_native(6, 4)}{_native(2, 4)}",
    }


@pytest.mark.parametrize("port", ["12345", "-1018603685"])
def test_a_port_of_netlink_is_not_in_what_a_call_is_named(port: str) -> None:
    address = f"{{sa_family=AF_NETLINK, nl_pid={port}, nl_groups=00000000}}"
    lines = [
        "socket(AF_NETLINK, SOCK_RAW|SOCK_CLOEXEC, NETLINK_USERSOCK) = 3<socket:[9]>",
        f'sendto(3<socket:[9]>, "x", 1, 0, {address}, 12) = 1',
    ]

    named = {str(fault).partition(": ")[2] for fault in faults(list(calls(lines, 7)), 7)}
    assert named == {'sendto("x", 1, 0, {sa_family=AF_NETLINK, port, nl_groups=00000000}, 12) = 1'}


def _native(number: int, size: int) -> str:
    return number.to_bytes(size, sys.byteorder).hex()


def test_of_the_rounds_of_a_loop_the_first_and_the_last_are_changed() -> None:
    lines = [f"setsockopt(3<socket:[9]>, SOL_SOCKET, SO_MARK, [{mark}], 4) = 0" for mark in range(10)]

    found = faults(list(calls(lines, 7)), 7)

    assert [one.call.number for one in found if one.deletes] == [1, 10]


def _sent_segment(flags: str) -> str:
    """As strace writes how a TCP segment that was made by hand is sent."""
    return (
        r'sendto(3<socket:[9]>, "E\0\0(\0\0\0\0@\6\0\0\n\0\t\1\n\0\1\2N \206s\0\0\3\350a\1xyP'
        rf'{flags}\377\377ab\0\0", 40, 0, {{sa_family=AF_INET}}, 16) = 40'
    )


@pytest.mark.parametrize(
    ("after", "counts"),
    [
        (["close(4<socket:[10]>) = 0"], False),
        ([_sent_segment(r"\24"), "close(3<socket:[9]>) = 0"], False),
        (['recvfrom(4<socket:[10]>, "x", 9, 0, NULL, NULL) = 1'], True),
    ],
)
def test_a_reset_that_nothing_but_closing_follows_is_cleaning_up(after: list[str], counts: bool) -> None:
    lines = [_sent_segment(r"\20"), _sent_segment(r"\24"), *after]

    found = faults(list(calls(lines, 7)), 7)

    deleted = [one.call.number for one in found if one.deletes and one.call.name == "sendto"]
    assert deleted == ([1, 2] if counts else [1])


def test_segments_are_alike_by_their_flags_and_not_by_their_numbers() -> None:
    numbers = [r"a\1", r"`\334", r"\22\375"]
    flags = [*[r"\20"] * 2, r"\21", r"\20", r"\4", *[r"\20"] * 2]
    lines = [
        r'sendto(3<socket:[9]>, "E\0\0(\0\0\0\0@\6\0\0\n\0\t\1\n\0\1\2N \206s\0\0\3\350'
        rf'{numbers[place % 3]}xyP{flag}\377\377ab\0\0", 40, 0, {{sa_family=AF_INET}}, 16) = 40'
        for place, flag in enumerate(flags)
    ]

    found = faults(list(calls(lines, 7)), 7)

    assert [one.call.number for one in found if one.deletes] == [1, 3, 5, 7]
