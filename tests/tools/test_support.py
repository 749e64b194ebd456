"""Which kernels support an option, in words, and that no answer contradicts a declaration."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from libsocket import OPTIONS, SO_DEBUG, SO_RIGHTS_NOTRUNC, TCP_AO_INFO, TLS_TX, Option
from reports.ranges import Range
from reports.site.options import Statement
from tools.probes import Probe, kept
from tools.remarks import BACKPORTS, LEFT_OUT, SILENT, silence
from tools.support import Support

KEPT = kept()
CONSTANTS = [option.constant for option in OPTIONS]


def named(value: object) -> str | None:
    return value.kernel if isinstance(value, Probe) else None


def has(probe: Probe, option: Option[Any]) -> bool:
    """Whether a kernel is new enough for an option."""
    backports = tuple(one.release for one in BACKPORTS.get(option.constant, ()))
    return probe.base in Range(option.since, backports=backports)


def silent(probe: Probe) -> set[str]:
    """What a kernel does not answer to, though it is new enough."""
    return {option.constant for option in OPTIONS if has(probe, option) and not probe.know(option.constant)}


@pytest.mark.parametrize("probe", KEPT, ids=named)
def test_no_kernel_has_an_option_before_it_was_there(probe: Probe) -> None:
    early = {option.constant for option in OPTIONS if probe.know(option.constant) and not has(probe, option)}

    assert early == set(), "the declared since is too late, or a backport belongs into tools/remarks.py"


@pytest.mark.parametrize("probe", KEPT, ids=named)
def test_kernel_that_should_have_an_option_answers_or_it_is_known_why(probe: Probe) -> None:
    assert {constant for constant in silent(probe) if silence(constant) is None} == set()


def test_every_silence_that_is_explained_was_met() -> None:
    explained = {constant for constants in SILENT for constant in constants.split()}

    assert explained - set().union(*map(silent, KEPT)) == set()


@pytest.mark.parametrize(
    "option", [one for one in OPTIONS if one.constant in BACKPORTS], ids=lambda one: one.name
)
def test_every_backport_was_met(option: Option[Any]) -> None:
    early = [
        probe.base for probe in KEPT if probe.know(option.constant) and probe.base not in Range(option.since)
    ]

    assert [one for one in BACKPORTS[option.constant] if not met(one.release, early)] == []


def met(release: str, early: list[str]) -> bool:
    """Whether a release explains one of those that have an option early."""
    return any(base in Range("999", backports=(release,)) for base in early)


def test_remarks_are_about_options_that_are_there() -> None:
    remarked = {*BACKPORTS, *(constant for constants in SILENT for constant in constants.split())}
    left_out = {name for names in LEFT_OUT for name in names.split()}

    assert (remarked - set(CONSTANTS), left_out & set(CONSTANTS)) == (set(), set())


def kernel(series: str, *know: str, lacks: str = "") -> Probe:
    """A kernel with three kinds of socket, some of which know SO_DEBUG."""
    kinds = tuple(kind for kind in ("tcp", "udp", "mptcp") if kind != lacks)
    every: dict[str, dict[str, tuple[str, ...]]] = {constant: {} for constant in CONSTANTS}
    options = {**every, "SO_TYPE": {"get ok": kinds}, "SO_DEBUG": {"get ok": know} if know else {}}
    refused = {lacks: "EPROTONOSUPPORT"} if lacks else {}
    return Probe(f"uml:{series}", f"{series}.1", "#1 SMP", "x86_64", refused, options)


def knowing(constant: str, series: str) -> Probe:
    """A kernel of which TCP knows another option."""
    probe = kernel(series)
    return replace(probe, options={**probe.options, constant: {"get ok": ("tcp",)}})


def line(*probes: Probe) -> str:
    return Support(probes).line(SO_DEBUG)


ALL = ("tcp", "udp", "mptcp")


def test_kernels_and_kinds_that_agree_stand_together() -> None:
    assert line(kernel("5.10", *ALL), kernel("6.1", *ALL)) == (
        "Answered on every kernel by every kind of socket."
    )


def test_kinds_that_differ_stand_apart() -> None:
    assert line(kernel("5.10", "tcp"), kernel("6.1", "tcp", "udp"), kernel("7.2", "tcp", "udp")) == (
        "Answered on every kernel by tcp; on 6.1 and 7.2 by udp."
    )


def test_neighbouring_kernels_are_a_span() -> None:
    found = [kernel("5.10"), kernel("6.1", "udp"), kernel("6.12", "udp"), kernel("7.2", "udp")]

    assert line(*found) == "Answered on 6.1 to 7.2 by udp."


def test_kernels_with_a_gap_are_a_list() -> None:
    found = [kernel("5.10", "udp"), kernel("6.1", "udp"), kernel("6.12"), kernel("7.2", "udp")]

    assert line(*found) == "Answered on 5.10, 6.1 and 7.2 by udp."


def test_kind_that_few_kernels_have_goes_with_those_it_agrees_with() -> None:
    assert line(kernel("5.10", "tcp", lacks="mptcp"), kernel("6.1", "tcp", "mptcp")) == (
        "Answered on every kernel by tcp and mptcp."
    )


def test_kind_that_agrees_with_no_other_has_its_own_kernels() -> None:
    assert line(kernel("5.10", lacks="mptcp"), kernel("6.1", "mptcp")) == "Answered on 6.1 by mptcp."


def test_kernel_without_a_security_module_is_explained() -> None:
    labelled = knowing("SO_PEERSEC", "6.1")

    assert Support([kernel("5.10"), labelled]).line(option("SO_PEERSEC")) == (
        "Answered on 6.1 by tcp. Elsewhere: a security module that labels sockets answers it."
    )


def option(constant: str) -> Option[Any]:
    return next(one for one in OPTIONS if one.constant == constant)


@pytest.mark.parametrize(
    ("option", "remark"),
    [
        (SO_RIGHTS_NOTRUNC, "newer than all of them"),
        (TCP_AO_INFO, "needs CONFIG_TCP_AO"),
        (SO_DEBUG, "not known why"),
    ],
    ids=lambda value: value.name if isinstance(value, Option) else "",
)
def test_option_that_nobody_answers_to_has_a_remark(option: Option[Any], remark: str) -> None:
    answers = Support([kernel("5.10"), kernel("7.2")])

    assert answers.line(option) == f"Answered on none of the kernels: {remark}."
    assert answers.added(option) == (
        Statement(option.since, notes=(f"No kernel that was probed answers: {remark}.",)),
        {},
    )
    assert [one for one in answers.unanswered() if f"`{option.constant}`" in one and remark in one]


def test_kind_has_an_option_by_the_first_kernel_that_answers_at_the_latest() -> None:
    probes = [kernel("5.10", "tcp"), kernel("6.1", "tcp", "udp"), kernel("7.2", "tcp", "udp")]

    whole, kinds = Support(probes).added(SO_DEBUG)

    assert (whole, kinds) == (
        Statement(SO_DEBUG.since),
        {"tcp": Statement("≤5.10"), "udp": Statement("≤6.1"), "mptcp": Statement(False)},
    )


def test_kind_has_an_option_since_it_is_there_where_the_first_kernel_with_it_answers() -> None:
    probes = [kernel("6.12"), knowing("SO_RCVPRIORITY", "6.14")]

    _, kinds = Support(probes).added(option("SO_RCVPRIORITY"))

    assert kinds == {"tcp": Statement("6.14"), "udp": Statement(False), "mptcp": Statement(False)}


def test_kind_that_does_not_answer_any_more_has_lost_the_option() -> None:
    _, kinds = Support([kernel("5.10", *ALL), kernel("6.1", *ALL), kernel("7.2", "udp")]).added(SO_DEBUG)

    assert (kinds["udp"], kinds["tcp"]) == (Statement("≤5.10"), Statement("≤5.10", "≤7.2"))


def test_kernel_of_another_configuration_has_lost_nothing() -> None:
    probes = [knowing("SO_PEERSEC", "6.1"), kernel("7.2")]

    whole, kinds = Support(probes).added(option("SO_PEERSEC"))

    assert kinds["tcp"] == Statement("≤6.1")
    assert whole.notes == ("Elsewhere: a security module that labels sockets answers it.",)


def test_what_tcp_lost_is_published() -> None:
    _, kinds = Support(KEPT).added(option("SO_PASSCRED"))

    assert kinds["tcp"].version_removed == "≤6.18"
    assert not kinds["unix"].version_removed


def test_nothing_published_is_without_an_explanation() -> None:
    assert {one.constant for one in OPTIONS if Support(KEPT).line(one).endswith(": not known why.")} == set()


def test_published_kernels_are_listed_with_what_they_lack() -> None:
    lines = list(Support(KEPT).kernels())

    assert "| 5.10 | 5.10.46 | uml:5.10 | x86_64 | mptcp (EPROTONOSUPPORT) |" in lines
    assert TLS_TX.constant in "".join(Support(KEPT).unanswered())
