"""What a kernel says in its log of its being wrong, from its messages to verdicts.

A guest's kernel is made to say it by a process whose name is what such a message begins with: the kernel puts
that before its note that caches were dropped.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from conformance.plugin.guest_share import Ground, Share
from conformance.plugin.splats import Splat, SplatWatch, first_splat, messages, splat_on_console
from conformance.plugin.verdict import blocked, judge, splatted
from kernels.archive import Archive
from kernels.backend import kernel
from kernels.cache import Cache
from kernels.progress import Progress
from reports.model import Answer, Header, Run, Verdict
from reports.store import reference
from tests.conformance import suites

GUEST = "uml:6.1"
SEEDED = "UBSAN: seeded (N): drop_caches: N"

TESTS = """
from ctypes import CDLL
from pathlib import Path

SIZE_BUFFER = 10


def log_size():
    return CDLL(None).klogctl(SIZE_BUFFER, None, 0)


def log_as(name):
    Path("/proc/self/comm").write_text(name)
    Path("/proc/sys/vm/drop_caches").write_text("1")


def splat():
    log_as("UBSAN: seeded")
    return True


@claim("doc.7/splat/holds", says="It is so.")
@pytest.mark.parametrize("asked", [1, 2])
def test_holds(observe, asked):
    assert observe("done", splat())


@claim("doc.7/splat/differs", says="It is so.", expect=differs("no", since="2.6", commit="1da177e4c3f4",
       observed={"done": True}))
def test_differs(observe):
    assert not observe("done", splat())


@claim("doc.7/splat/declared", says="It is so.", expect=differs("no", since="2.6", commit="1da177e4c3f4",
       observed={"splat": "UBSAN: seeded (N): drop_caches: N"}))
def test_declared():
    assert splat()


@claim("doc.7/splat/unclaimed", says="It is so.", since="99.0")
def test_unclaimed():
    assert splat()


@claim("doc.7/splat/blocked", says="It is so.", needs=[Need("a probe's", lambda: not splat())])
def test_blocked():
    assert True


@pytest.fixture
def late():
    yield
    splat()


@claim("doc.7/splat/teardown", says="It is so.")
def test_teardown(late):
    assert True


@claim("doc.7/splat/overwritten", says="It is so.")
def test_overwritten():
    splat()
    Path("/proc/sys/kernel/printk_devkmsg").write_text("on\\n")
    with open("/dev/kmsg", "w") as log:
        for _ in range(log_size() // 900 + 100):
            print("<7>" + "x" * 900, file=log, flush=True)

    assert splat()


@claim("doc.7/quiet/ordinary", says="It is so.")
def test_ordinary():
    log_as("TCP")

    assert True


@claim("doc.7/quiet/program", says="It is so.")
def test_program():
    with open("/dev/kmsg", "w") as log:
        print("<0>WARNING: CPU: 0 PID: 1 at net/core/sock.c:1 f+0x1/0x2", file=log)

    assert True
"""


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> suites.Ended:
    folder = tmp_path_factory.mktemp("guest")
    inside = [sys.executable, "-m", "kernels", "run", GUEST, "--shared", str(folder), "--"]
    return suites.run(folder, TESTS, before=inside, cwd=suites.ROOT)


def _answer(ended: suites.Ended, slug: str) -> Answer:
    return ended.run.answers[f"doc.7/{slug}"]


def test_the_first_splat_in_a_test_is_observed(ended: suites.Ended) -> None:
    answer = _answer(ended, "splat/holds")

    assert answer.verdict is Verdict.DIFFERS
    assert answer.observations == {"done[1]": True, "done[2]": True, "splat[1]": SEEDED, "splat[2]": SEEDED}


@pytest.mark.parametrize(
    ("slug", "expected"),
    [("holds", False), ("differs", False), ("declared", True), ("unclaimed", False), ("blocked", False)],
)
def test_a_splat_is_a_difference_that_nothing_but_its_own_declaration_allows(
    ended: suites.Ended, slug: str, expected: bool
) -> None:
    assessment = ended.assessment(f"doc.7/splat/{slug}")

    assert (assessment.verdict, assessment.expected) == (Verdict.DIFFERS, expected)
    assert _answer(ended, f"splat/{slug}").need is None


def test_a_splat_of_what_is_done_after_a_test_is_the_tests(ended: suites.Ended) -> None:
    answer = _answer(ended, "splat/teardown")

    assert (answer.verdict, answer.also) == (Verdict.DIFFERS, (Verdict.HOLDS,))
    assert answer.observations == {"splat[teardown]": SEEDED}
    assert not ended.assessment("doc.7/splat/teardown").expected


def test_what_comes_after_an_overflow_of_the_log_is_read(ended: suites.Ended) -> None:
    assert _answer(ended, "splat/overwritten").observations == {"splat": SEEDED}


@pytest.mark.parametrize("slug", ["ordinary", "program"])
def test_what_is_no_splat_leaves_no_trace(ended: suites.Ended, slug: str) -> None:
    answer = _answer(ended, f"quiet/{slug}")

    assert (answer.verdict, answer.observations, answer.detail) == (Verdict.HOLDS, {}, "")


def test_the_run_fails_and_names_the_splat(ended: suites.Ended) -> None:
    assert ended.code == 1
    assert f'splat = "{SEEDED}"' in " ".join(ended.said.split())


PANICKING = """
@claim("doc.7/a/panics", says="It is so.")
def test_panics():
    Path("/proc/sysrq-trigger").write_text("c")

@claim("doc.7/b/holds", says="It is so.")
def test_holds():
    assert True
"""
WRITE_AND_RUN = 'mkdir /tmp/suite && printf %s "$1" > /tmp/suite/test_suite.py && shift && exec "$@"'


def test_a_guest_that_a_panic_ends_is_broken_by_it_and_another_goes_on(tmp_path: Path) -> None:
    one = kernel(GUEST)
    image = one.obtain(Archive(Cache.of_user(), progress=Progress(quiet=True)))
    run = suites.command(Path("/tmp/suite"), "--run-record", os.devnull)
    write = ["sh", "-c", WRITE_AND_RUN, "sh", f"{suites.HEAD}\nfrom pathlib import Path\n{PANICKING}"]
    taken: list[Header | Answer] = []
    asked = ["doc.7/a/panics", "doc.7/b/holds"]
    guest = Share(Ground(one, image, suites.ROOT), [*write, *run], asked, tmp_path / "guests", taken.append)

    guest.start()
    while guest.running:
        guest.poll()
        time.sleep(0.05)
    guest.stop()

    panicked, held = (one for one in taken if isinstance(one, Answer))
    assert (panicked.claim, panicked.verdict) == (asked[0], Verdict.BROKEN)
    assert panicked.observations == {"splat": "Kernel panic - not syncing: sysrq triggered crash"}
    assert (held.claim, held.verdict) == (asked[1], Verdict.HOLDS)


def test_a_hosts_log_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KERNELS_GUEST", raising=False)
    monkeypatch.setattr("conformance.plugin.splats.kernel_log", pytest.fail)

    assert SplatWatch().splat() is None


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            "WARNING: CPU: 1 PID: 412 at net/ipv4/af_inet.c:154 inet_sock_destruct+0x1b8/0x230 [tcp_bbr]",
            "WARNING: net/ipv4/af_inet.c:154 at inet_sock_destruct [tcp_bbr]",
        ),
        ("WARNING: CPU: 0 PID: 9 at sk_free+0x1/0x2", "WARNING: at sk_free"),
        (
            "WARNING: net/core/sock.c:1331 at sk_setsockopt+0x9e/0x14f0, CPU#3: my test/412",
            "WARNING: net/core/sock.c:1331 at sk_setsockopt",
        ),
        ("WARNING: possible circular locking dependency detected", None),
        ("WARNING: python3/512 still has locks held!", "WARNING: python3/N still has locks held!"),
        (
            "BUG: KASAN: slab-out-of-bounds in sk_setsockopt+0x1c4/0x1000",
            "BUG: KASAN: slab-out-of-bounds in sk_setsockopt",
        ),
        (
            "BUG: kernel NULL pointer dereference, address: 0000000000000010",
            "BUG: kernel NULL pointer dereference, address: N",
        ),
        (
            "BUG: scheduling while atomic: python/77/0x00000002",
            "BUG: scheduling while atomic: python/N/N",
        ),
        (
            "BUG: sleeping function called from invalid context at net/core/sock.c:3537",
            None,
        ),
        (
            "Kernel panic - not syncing: Kernel mode fault at addr 0x68, ip 0x6052f8d4",
            "Kernel panic - not syncing: Kernel mode fault at addr N, ip N",
        ),
        (
            "Kernel panic - not syncing: Segfault with no mm",
            "Kernel panic - not syncing: Kernel mode fault at addr N, ip N",
        ),
        ("BUG: Bad page state in process python  pfn:1a2b3", "BUG: Bad page state in process python  pfn:N"),
        ("kernel BUG at net/core/skbuff.c:213!", None),
        (
            "UBSAN: shift-out-of-bounds in net/ipv4/tcp.c:3921:17",
            "UBSAN: shift-out-of-bounds in net/ipv4/tcp.c:3921:N",
        ),
        ("refcount_t: underflow; use-after-free.", None),
        (
            "list_del corruption. prev->next should be ffff888006b2c0e8, but was dead000000000122",
            "list_del corruption. prev->next should be N, but was N",
        ),
        ("Oops: general protection fault: 0000 [#1] SMP", "Oops: general protection fault: N [#N] SMP"),
        (
            "IPv4: Attempt to release TCP socket in state 1 00000000c0ffee12",
            "IPv4: Attempt to release TCP socket in state N N",
        ),
        ("INFO: trying to register non-static key.", None),
    ],
)
def test_a_kernel_that_is_wrong_is_heard_and_its_words_are_the_same_each_time(
    message: str, line: str | None
) -> None:
    splat = first_splat(["------------[ cut here ]------------", message, "Call Trace:"])

    assert splat == Splat(line or message, f"{message}\nCall Trace:")


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("rcu: INFO: rcu_preempt self-detected stall on CPU", None),
        ("rcu: INFO: rcu_sched detected stalls on CPUs/tasks:", None),
        ("INFO: rcu_tasks detected stalls on tasks:", None),
        (
            "INFO: task kworker/u8:3:61 blocked for more than 122 seconds.",
            "INFO: task kworker blocked for more than N seconds.",
        ),
        (
            "watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [python:412]",
            "watchdog: BUG: soft lockup - CPU#N stuck for N! [python:N]",
        ),
        (
            "unregister_netdevice: waiting for lo to become free. Usage count = 2",
            "unregister_netdevice: waiting for lo to become free. Usage count = N",
        ),
    ],
)
def test_what_only_takes_too_long_is_told_apart_and_not_heard_where_the_machine_is_slow(
    message: str, line: str | None
) -> None:
    assert first_splat([message]) == Splat(line or message, message, stalled=True)
    assert first_splat([message], stalls=False) is None
    assert first_splat([message, "UBSAN: x"], stalls=False) == Splat("UBSAN: x", "UBSAN: x")


@pytest.mark.parametrize(
    "message",
    [
        "TCP: request_sock_TCP: Possible SYN flooding on port 127.0.0.1:8080. Sending cookies.",
        "TCP: out of memory -- consider tuning tcp_mem",
        "warning: `python' uses wireless extensions which will stop working for Wi-Fi 7 hardware",
        "process `python' is using obsolete setsockopt SO_BSDCOMPAT",
        "traps: python[99] general protection fault ip:401000 sp:7ffd error:0 in python[401000+1000]",
        "python[99]: segfault at 0 ip 0000000000401000 sp 00007ffd error 4",
        "python invoked oom-killer: gfp_mask=0xcc0, order=0, oom_score_adj=0",
        "Spectre V2 : WARNING: Unprivileged eBPF is enabled with eIBRS on",
        "device left entered promiscuous mode",
        "IPv4: martian source 192.0.2.1 from 127.0.0.1, on dev left",
        "TCP: AO key not found for (192.0.2.1, 1)->(192.0.2.2, 2) S L3index: 0",
        "INFO: lockdep is turned off.",
        "",
    ],
)
def test_ordinary_messages_are_no_splats(message: str) -> None:
    assert first_splat([message]) is None


def test_records_of_the_log_become_messages() -> None:
    logged = (
        "4,12,5140900,-;WARNING: at f\n SUBSYSTEM=net\n"
        "4,13,5140901,c,caller=T1;second\n"
        "12,14,5140902,-;BUG: of a program\n"
    )

    assert messages(logged) == ["WARNING: at f", "second"]


def test_a_console_is_read_with_and_without_times() -> None:
    console = "[    1.5] BUG: one\n[    1.6][   T12] BUG: two\nUBSAN: three\n"

    known: set[str] = set()
    while splat := splat_on_console(console, known):
        known.add(splat.line)

    assert known == {"BUG: one", "BUG: two", "UBSAN: three"}


def test_a_stall_breaks_the_test_whatever_it_saw() -> None:
    answer = splatted(
        judge("a/b/c", None, {"seen": 1}, ""), Splat("BUG: soft lockup", "BUG: soft lockup", True)
    )

    assert (answer.verdict, answer.observations) == (Verdict.BROKEN, {"seen": 1, "splat": "BUG: soft lockup"})


def test_a_reference_run_keeps_the_line_and_not_the_text(ended: suites.Ended) -> None:
    stalled = splatted(blocked("a/b/c", "link:vrf"), Splat("BUG: N", "BUG: 12", stalled=True))

    stored = reference(Run(ended.run.header, {"a/b/c": stalled}))

    assert '"splat":"BUG: N"' in stored
    assert "BUG: 12" not in stored
