"""A machine in want and a sandbox that forbids say nothing about the kernel: BROKEN, and nothing else."""

from __future__ import annotations

import errno
import platform
from pathlib import Path

import pytest

from reports.model import Verdict
from tests.conformance import suites
from tests.harm.surroundings import CALLS, forbidding

TESTS = """
from conformance.plugin.needs import ANOTHER_USER, KERNEL_LOG, USER_NAMESPACE, VETH
from netns import Capability, as_user, in_user_namespace, only, without

@claim("doc.7/here/first", says="It is so.")
def test_first(ns):
    assert ns.fd > 0

@claim("doc.7/here/user", says="It takes another user.", needs=[ANOTHER_USER])
def test_user(ns):
    assert ns.fd > 0

@claim("doc.7/here/user-namespace", says="It takes a user namespace.", needs=[USER_NAMESPACE])
def test_user_namespace(ns):
    assert ns.fd > 0

@claim("doc.7/here/wire", says="It takes a wire.", needs=[VETH])
def test_wire(peers):
    assert peers.left.device

@claim("doc.7/here/log", says="It takes the kernel's log.", needs=[KERNEL_LOG])
def test_log(ns):
    assert ns.fd > 0

@claim("doc.7/here/without", says="A mark takes CAP_NET_ADMIN or CAP_NET_RAW.")
def test_without(ns):
    with without(Capability.NET_ADMIN, Capability.NET_RAW), Socket.udp() as sock, refused(errno.EPERM):
        sock.mark = 7

@claim("doc.7/here/as-user", says="Another user may not mark.")
def test_as_user(ns):
    with refused(errno.EPERM):
        as_user(65534, Socket.udp)
"""

OUT_OF_DESCRIPTORS = """
import resource

@pytest.fixture(autouse=True, scope="module")
def no_descriptor_is_left():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)
"""

IN_REFUSED = """
import resource

@claim("doc.7/here/any", says="A datagram socket can be made by nobody.")
def test_any(ns):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with refused():
            Socket.udp()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

@claim("doc.7/here/asked-for", says="Where no descriptor is left, no socket is made: EMFILE.")
def test_asked_for(ns):
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, before[1]))
    try:
        with refused(errno.EMFILE):
            Socket.udp()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)

@claim("doc.7/here/file", says="It is in /proc.")
def test_file(ns):
    with refused():
        open("/proc/net/no_such_thing")
"""


def verdicts(ended: suites.Ended) -> dict[str, Verdict]:
    return {claim.rpartition("/")[2]: answer.verdict for claim, answer in ended.run.answers.items()}


def test_without_descriptors_all_is_broken(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, OUT_OF_DESCRIPTORS + TESTS)

    assert set(verdicts(ended).values()) == {Verdict.BROKEN}
    assert len(ended.run.answers) == TESTS.count("@claim")


def test_no_want_is_a_refusal_but_one_that_was_asked_for(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, IN_REFUSED)

    assert verdicts(ended) == {"any": Verdict.BROKEN, "asked-for": Verdict.HOLDS, "file": Verdict.BROKEN}
    assert ended.run.answers["doc.7/here/asked-for"].observations == {"errno": "EMFILE"}


@pytest.mark.skipif(platform.machine() not in CALLS, reason="the number of capset(2) is not known here")
def test_where_a_sandbox_forbids_capset_what_takes_it_is_broken(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, TESTS, before=forbidding("capset", errno.EPERM))

    assert verdicts(ended) == {
        "first": Verdict.HOLDS,
        "user": Verdict.BROKEN,
        "user-namespace": Verdict.HOLDS,
        "wire": Verdict.HOLDS,
        "log": Verdict.HOLDS,
        "without": Verdict.BROKEN,
        "as-user": Verdict.BROKEN,
    }
