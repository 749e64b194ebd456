"""From what tests do to verdicts, answers, pytest's outcomes and the exit status."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.model import Answer, Footer, Verdict
from tests.conformance import suites

TESTS = """
import threading
from libsocket import UNSIGNED64
from netns import in_child

@claim("doc.7/plain/holds", says="It is so.")
@pytest.mark.parametrize("asked", [4096, 8192])
def test_holds(ns, observe, asked):
    with Socket.udp() as sock:
        sock.rcvbuf = asked

        assert observe("read_back", sock.rcvbuf) == 2 * asked


DECLARED = differs("it is four", since="2.6", commit="1da177e4c3f4", observed={"seen": 4})


@claim("doc.7/declared/differs", says="Two and two are five.", expect=DECLARED)
def test_declared(observe):
    assert observe("seen", 2 + 2) == 5


@claim("doc.7/declared/otherwise", says="Two and one are five.", expect=DECLARED)
def test_declared_otherwise(observe):
    assert observe("seen", 2 + 1) == 5


@claim("doc.7/declared/stale", says="Two and two are four.", expect=DECLARED)
def test_stale(observe):
    assert observe("seen", 2 + 2) == 4


@claim("doc.7/declared/elsewhere", says="It is so.",
       expect=differs("no", since="99.0", commit="1da177e4c3f4"))
def test_declared_for_other_kernels(ns):
    with Socket.udp() as sock:
        assert sock.rcvbuf > 0


@claim("doc.7/plain/differs", says="The smallest buffer is one byte.")
def test_differs(ns, observe):
    with Socket.udp() as sock:
        sock.rcvbuf = 1

        assert observe("minimum", sock.rcvbuf) == 1


@claim("doc.7/errno/of-an-attribute", says="A UNIX socket has TCP_NODELAY.")
def test_errno_of_an_attribute(ns):
    with Socket.unix() as sock:
        assert sock.tcp_nodelay


@claim("doc.7/errno/escapes", says="A send without an address succeeds.")
def test_errno(ns):
    with Socket.udp() as sock:
        sock.send(b"x")


@claim("doc.7/errno/refused-otherwise", says="A send without an address is ENOTCONN.",
       expect=differs("EDESTADDRREQ", since="2.6", commit="1da177e4c3f4", observed={"errno": "EDESTADDRREQ"}))
def test_refused_otherwise(ns):
    with Socket.udp() as sock, refused(errno.ENOTCONN):
        sock.send(b"x")


@claim("doc.7/errno/two-ways", says="A send without an address succeeds.")
def test_send(ns):
    with Socket.udp() as sock:
        sock.send(b"x")


@claim("doc.7/errno/two-ways", says="A send without an address succeeds.")
@pytest.mark.parametrize("size", [1, 2])
def test_send_of_a_size(ns, size):
    with Socket.udp() as sock:
        sock.send(bytes(size))


@claim("doc.7/errno/due", says="A send without an address is refused.")
def test_due(ns):
    with Socket.udp() as sock, refused():
        sock.send(b"x")


@claim("doc.7/errno/due-then-otherwise", says="It is refused, and two and two are five.", expect=DECLARED)
def test_due_then_otherwise(ns, observe):
    with Socket.udp() as sock, refused():
        sock.send(b"x")

    assert observe("seen", 2 + 2) == 5


@claim("doc.7/data/end-of-stream", says="Two bytes come.")
def test_end_of_stream(ns):
    left, right = Socket.pair()
    with left, right:
        left.send(b"1")
        left.close()

        assert right.read_exact(2)


@claim("doc.7/data/no-text", says="Text comes.")
def test_no_text(ns):
    left, right = Socket.pair()
    with left, right:
        left.send(bytes([255]))

        assert right.recv(1).decode()


@claim("doc.7/data/too-few", says="A control message comes.")
def test_too_few(ns):
    left, right = Socket.pair()
    with left, right:
        left.send(b"1")

        assert right.recvmsg(1, 100)[1][0]


@claim("doc.7/data/short-structure", says="A buffer's size is eight bytes.")
def test_short_structure(ns):
    with Socket.udp() as sock:
        assert sock.get(Socket.rcvbuf.through(UNSIGNED64))


@claim("doc.7/range/over", says="It was so.", until="2.4")
def test_over(ns):
    assert 2304 == 256


@claim("doc.7/range/still", says="It was so and is.", until="2.4")
def test_still(ns):
    with Socket.udp() as sock:
        assert sock.rcvbuf > 0


@claim("doc.7/needs/missing", says="With a moon it is so.", needs=[Need("moon:full", lambda: False)])
def test_blocked(ns):
    raise AssertionError("must not run")


@claim("doc.7/needs/met", says="With a sun it is so.", needs=[Need("sun", lambda: True)])
def test_met(ns):
    assert ns.fd > 0


@claim("doc.7/needs/sysctl", says="With a sysctl it is so.")
def test_sysctl_that_cannot_be_set(ns):
    ns.sysctl["net.ipv4.no_such_thing"] = 1


@claim("doc.7/needs/sysctl-and-not", says="With a sysctl it is so, and without.")
@pytest.mark.parametrize("name", ["no_such_thing", "ip_default_ttl"])
def test_sysctl_that_cannot_be_set_once(ns, name):
    ns.sysctl[f"net.ipv4.{name}"] = 7


@claim("doc.7/broken/sysctl", says="It is so.")
def test_sysctl_cannot_be_set_so(ns):
    ns.sysctl["net.ipv4.ip_default_ttl"] = 0


@claim("doc.7/broken/body", says="It is so.")
def test_body_breaks():
    {}["key"]


@claim("doc.7/broken/value", says="It is so.")
def test_value_makes_no_sense(ns):
    with Socket.udp() as sock:
        sock.bindtodevice = "longer than any interface"


@claim("doc.7/broken/skip", says="It is so.")
def test_skips():
    pytest.skip("no probe earned this")


@claim("doc.7/broken/setup", says="It is so.")
def test_setup_breaks(no_such_fixture):
    pass


@pytest.fixture
def nowhere(ns):
    with Socket.udp() as sock:
        sock.send(b"x")


@claim("doc.7/errno/in-a-fixture", says="A send without an address succeeds.")
def test_in_a_fixture(nowhere):
    pass


@claim("doc.7/errno/in-a-child", says="A UNIX socket has TCP_NODELAY.")
def test_in_a_child(ns):
    with Socket.unix() as sock:
        assert in_child(lambda: sock.tcp_nodelay)


@claim("doc.7/plain/left-open", says="Binding to a port that is taken succeeds.")
def test_leaves_a_socket_open(ns):
    taken, another = Socket.udp(), Socket.udp()
    taken.bind(("127.0.0.1", 0))
    another.bind(taken.getsockname())
    another.close()
    taken.close()


@pytest.fixture
def leaky():
    yield
    raise RuntimeError("left something")


@claim("doc.7/broken/teardown", says="It is so.")
def test_teardown_breaks(leaky):
    pass


@claim("doc.7/broken/thread", says="It is so.")
def test_a_thread_breaks(ns):
    thread = threading.Thread(target=lambda: 1 // 0)
    thread.start()
    thread.join()


@claim("doc.7/broken/open", says="It is so.")
def test_sockets_are_left_open(ns):
    for _ in range(2):
        socket.socket(socket.AF_UNIX)


@claim("doc.7/broken/descriptors", says="It is so.")
def test_no_descriptors():
    raise OSError(errno.EMFILE, "too many open files")


@claim("doc.7/broken/place", says="It is so.")
def test_no_place(ns):
    ns.set_link("eth7", up=True)


@claim("doc.7/mixed/one-differs", says="All of them hold.")
@pytest.mark.parametrize("number", [1, 2])
def test_mixed(observe, number):
    assert observe("number", number) == 1
"""

VERDICTS = {
    "plain/holds": (Verdict.HOLDS, True),
    "declared/differs": (Verdict.DIFFERS, True),
    "declared/otherwise": (Verdict.DIFFERS, False),
    "declared/stale": (Verdict.HOLDS, False),
    "declared/elsewhere": (Verdict.HOLDS, True),
    "plain/differs": (Verdict.DIFFERS, False),
    "errno/of-an-attribute": (Verdict.DIFFERS, False),
    "errno/escapes": (Verdict.DIFFERS, False),
    "errno/refused-otherwise": (Verdict.DIFFERS, True),
    "errno/two-ways": (Verdict.DIFFERS, False),
    "errno/due": (Verdict.HOLDS, True),
    "errno/due-then-otherwise": (Verdict.DIFFERS, True),
    "data/end-of-stream": (Verdict.DIFFERS, False),
    "data/no-text": (Verdict.DIFFERS, False),
    "data/too-few": (Verdict.DIFFERS, False),
    "data/short-structure": (Verdict.DIFFERS, False),
    "range/over": (Verdict.UNCLAIMED, True),
    "range/still": (Verdict.UNCLAIMED, True),
    "needs/missing": (Verdict.BLOCKED, True),
    "needs/met": (Verdict.HOLDS, True),
    "needs/sysctl": (Verdict.BLOCKED, True),
    "needs/sysctl-and-not": (Verdict.BLOCKED, True),
    "broken/sysctl": (Verdict.BROKEN, False),
    "broken/body": (Verdict.BROKEN, False),
    "broken/value": (Verdict.BROKEN, False),
    "broken/skip": (Verdict.BROKEN, False),
    "broken/setup": (Verdict.BROKEN, False),
    "errno/in-a-fixture": (Verdict.DIFFERS, False),
    "errno/in-a-child": (Verdict.DIFFERS, False),
    "plain/left-open": (Verdict.DIFFERS, False),
    "broken/teardown": (Verdict.BROKEN, False),
    "broken/thread": (Verdict.BROKEN, False),
    "broken/open": (Verdict.BROKEN, False),
    "broken/descriptors": (Verdict.BROKEN, False),
    "broken/place": (Verdict.BROKEN, False),
    "mixed/one-differs": (Verdict.DIFFERS, False),
}


@pytest.fixture(scope="module", params=[(), ("-n", "2")], ids=["alone", "distributed"])
def ended(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> suites.Ended:
    return suites.run(tmp_path_factory.mktemp("suite"), TESTS, *request.param)


def answer(ended: suites.Ended, slug: str) -> Answer:
    return ended.run.answers[f"doc.7/{slug}"]


@pytest.mark.parametrize("slug", VERDICTS)
def test_each_way_a_test_can_end_has_its_verdict(ended: suites.Ended, slug: str) -> None:
    assessed = ended.assessment(f"doc.7/{slug}")

    assert (assessed.verdict, assessed.expected) == VERDICTS[slug]


def test_the_header_lists_every_claim_in_the_order_of_the_tests(ended: suites.Ended) -> None:
    assert list(ended.run.header.asked) == [f"doc.7/{slug}" for slug in VERDICTS]


def test_parameters_tell_observations_of_one_claim_apart(ended: suites.Ended) -> None:
    assert answer(ended, "plain/holds").observations == {"read_back[4096]": 8192, "read_back[8192]": 16384}


def test_an_errno_that_escapes_is_an_observation(ended: suites.Ended) -> None:
    assert answer(ended, "errno/escapes").observations == {"errno": "EDESTADDRREQ"}


def test_an_errno_of_several_functions_is_told_apart_by_their_names(ended: suites.Ended) -> None:
    assert answer(ended, "errno/two-ways").observations == {
        "errno[test_send]": "EDESTADDRREQ",
        "errno[test_send_of_a_size-1]": "EDESTADDRREQ",
        "errno[test_send_of_a_size-2]": "EDESTADDRREQ",
    }


def test_an_errno_that_was_due_is_an_observation(ended: suites.Ended) -> None:
    assert answer(ended, "errno/due").observations == {"errno": "EDESTADDRREQ"}


def test_an_errno_that_was_due_makes_no_difference(ended: suites.Ended) -> None:
    assert answer(ended, "errno/due-then-otherwise").observations == {"seen": 4}


@pytest.mark.parametrize(
    ("slug", "error"),
    [
        ("end-of-stream", "libsocket.UnexpectedEof"),
        ("no-text", "UnicodeDecodeError"),
        ("too-few", "IndexError"),
        ("short-structure", "struct.error"),
    ],
)
def test_data_that_makes_no_sense_is_named_by_its_error(ended: suites.Ended, slug: str, error: str) -> None:
    assert answer(ended, f"data/{slug}").observations == {"raised": error}


def test_a_missing_need_is_named(ended: suites.Ended) -> None:
    assert answer(ended, "needs/missing").need == "moon:full"


def test_what_was_expected_and_seen_is_the_detail(ended: suites.Ended) -> None:
    assert answer(ended, "declared/differs").detail == "4 == 5"


def test_an_error_in_another_thread_is_named_with_its_place(ended: suites.Ended) -> None:
    assert "ZeroDivisionError: " in answer(ended, "broken/thread").detail
    assert " in <lambda>, line " in answer(ended, "broken/thread").detail


def test_each_error_that_nobody_could_be_told_is_named(ended: suites.Ended) -> None:
    assert answer(ended, "broken/open").detail.count("ResourceWarning: unclosed ") == 2


def test_an_unclaimed_kernel_is_tried_all_the_same(ended: suites.Ended) -> None:
    verdicts = [answer(ended, f"range/{slug}").verdict for slug in ("over", "still")]

    assert verdicts == [Verdict.DIFFERS, Verdict.HOLDS]


def test_the_footer_counts_the_answers(ended: suites.Ended) -> None:
    assert ended.run.footer == Footer(len(VERDICTS))


def test_pytest_agrees(ended: suites.Ended) -> None:
    assert ended.code == 1
    assert "the expectation is stale" in ended.said
    assert "3 xfailed" in ended.said


def test_the_documents_alone_count_on_request(tmp_path: Path) -> None:
    chosen = ["--claim", "doc.7/declared/differs", "--claim", "doc.7/range/*"]

    ended = suites.run(tmp_path, TESTS, "--as-documented", *chosen)

    verdicts = {claim: ended.assessment(claim).verdict for claim in ended.run.answers}
    assert (ended.code, verdicts) == (
        1,
        {
            "doc.7/declared/differs": Verdict.DIFFERS,
            "doc.7/range/over": Verdict.DIFFERS,
            "doc.7/range/still": Verdict.HOLDS,
        },
    )


def test_a_suite_whose_differences_are_declared_passes(tmp_path: Path) -> None:
    ended = suites.run(tmp_path, TESTS, "--claim", "doc.7/declared/differs", "--claim", "doc.7/range/*")

    assert ended.code == 0
    assert "2 passed" in ended.said
    assert "1 xfailed" in ended.said


def test_a_claim_whose_tests_disagree_is_not_as_declared(tmp_path: Path) -> None:
    tests = """
    @claim("doc.7/mixed/both", says="It is one.",
           expect=differs("two", since="2.6", commit="1da177e4c3f4", observed={"number": 2}))
    @pytest.mark.parametrize("number", [1, 2])
    def test_mixed(observe, number):
        assert observe("number", number) == 1
    """

    ended = suites.run(tmp_path, tests)

    assert (ended.code, ended.assessment("doc.7/mixed/both").expected) == (1, False)


def test_two_tests_that_observe_the_same_fail_the_run_though_each_passes(tmp_path: Path) -> None:
    tests = """
    @claim("doc.7/twice/same", says="It is one.")
    def test_first(observe):
        assert observe("number", 1) == 1

    @claim("doc.7/twice/same", says="It is one.")
    def test_second(observe):
        assert observe("number", 1) == 1
    """

    ended = suites.run(tmp_path, tests)

    assert "2 passed" in ended.said
    assert (ended.code, ended.run.answers["doc.7/twice/same"].verdict) == (1, Verdict.BROKEN)
