"""Which kernels support an option, in words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from libsocket import OPTIONS, Option
from libsocket.probe import KINDS
from reports.markdown import escape
from reports.ranges import version
from reports.site.options import Statement
from tools.probes import Probe, labels
from tools.remarks import BACKPORTS, silence
from tools.wording import listed, names, table

METHOD: Final = """\
Each was asked about every option on a fresh, unconnected socket of each kind, in a network namespace or a
guest of its own, by `python -m libsocket`; results/probes holds the answers. An
option is *answered* where setting it (a flag to true, others to what they hold), or reading what cannot be
set, meets anything but ENOPROTOOPT, EOPNOTSUPP and ENOTSUPP: to be refused for another reason is an
answer. Where a kernel has no sockets of a kind, that kind is judged by the other kernels."""


class Support:
    """Probes, oldest kernel first."""

    def __init__(self, probes: Sequence[Probe]) -> None:
        self.probes = dict(zip(labels(probes), probes, strict=True))
        made = {label: probe.kinds for label, probe in self.probes.items()}
        self.able = {kind: [label for label, kinds in made.items() if kind in kinds] for kind in KINDS}
        """The kernels that have sockets of each kind."""
        self.kinds = [kind for kind, kernels in self.able.items() if kernels]

    def line(self, option: Option[Any]) -> str:
        """The kernels, the kinds of socket, and why others may not have answered."""
        found = self.found(option)
        if not found:
            return f"Answered on none of the kernels: {self.remark(option)}."
        on = (f"on {self._span(on)} by {self._kinds(kinds)}" for on, kinds in found.items())
        return " ".join((f"Answered {'; '.join(on)}.", *asides(option.constant)))

    def found(self, option: Option[Any]) -> dict[tuple[str, ...], list[str]]:
        """Kernels, and the kinds of socket by which they know an option.

        A kind that some kernels lack stands with the others where it agrees with them as far as it goes.
        """
        found: dict[tuple[str, ...], list[str]] = {}
        for kind in sorted(self.kinds, key=lambda kind: -len(self.able[kind])):
            able = self.able[kind]
            on = tuple(label for label in able if kind in self.probes[label].know(option.constant))
            agreeing = (others for others in found if on == tuple(filter(able.__contains__, others)))
            if on:
                found.setdefault(next(agreeing, on), []).append(kind)
        return dict(sorted(found.items(), key=lambda one: -len(one[0])))

    def added(self, option: Option[Any]) -> tuple[Statement, dict[str, Statement]]:
        """Since when Linux has an option, and since when each kind of socket has it.

        A declaration knows no kinds; one is known to have it by the first kernel that answers, at the latest.
        """
        if not self.found(option):
            return Statement(
                option.since, notes=(f"No kernel that was probed answers: {self.remark(option)}.",)
            ), {}
        notes = tuple(one.replace("`", "") for one in asides(option.constant))
        kinds = {kind: self._added(option, kind) for kind in self.kinds}
        gone = {one.version_removed for one in kinds.values() if one.version_added}
        return Statement(option.since, gone.pop() if len(gone) == 1 else "", notes), kinds

    def _added(self, option: Option[Any], kind: str) -> Statement:
        able = [self.probes[label] for label in self.able[kind]]
        knows = [kind in probe.know(option.constant) for probe in able]
        if not any(knows):
            return Statement(False)
        first = version(able[knows.index(True)].base)[:2]
        added = option.since if first <= version(option.since)[:2] else f"≤{_dotted(first)}"
        after = len(knows) - knows[::-1].index(True)
        if after == len(able) or silence(option.constant):
            return Statement(added)
        return Statement(added, f"≤{_dotted(version(able[after].base)[:2])}")

    def remark(self, option: Option[Any]) -> str:
        """Why no kernel answers to an option."""
        newer = all(version(option.since) > version(probe.base) for probe in self.probes.values())
        return "newer than all of them" if newer else silence(option.constant) or "not known why"

    def kernels(self) -> Iterator[str]:
        """The kernels that were probed."""
        yield METHOD
        yield ""
        yield table("here", "release", "asked for as", "machine", "kinds of socket it has not")
        yield table(*["---"] * 5)
        for label, probe in self.probes.items():
            refused = ", ".join(f"{kind} ({errno})" for kind, errno in probe.refused.items())
            yield table(*map(escape, (label, probe.release, probe.kernel, probe.machine, refused)))

    def unanswered(self) -> Iterator[str]:
        """The options that no kernel answers to, by the reason."""
        reasons: dict[str, list[str]] = {}
        for option in OPTIONS:
            if not self.found(option):
                reasons.setdefault(self.remark(option), []).append(option.constant)
        for reason, constants in reasons.items():
            yield f"- {names(constants)}: {reason}."

    def _span(self, kernels: Sequence[str]) -> str:
        order = list(self.probes)
        first, last = order.index(kernels[0]), order.index(kernels[-1]) + 1
        if len(kernels) == len(order):
            return "every kernel"
        return f"{kernels[0]} to {kernels[-1]}" if last - first == len(kernels) > 2 else listed(kernels)

    def _kinds(self, kinds: Sequence[str]) -> str:
        missing = [kind for kind in self.kinds if kind not in kinds]
        if not missing:
            return "every kind of socket"
        few = len(missing) <= len(kinds) // 4
        return (
            f"every kind of socket but {listed(missing)}"
            if few
            else listed(sorted(kinds, key=self.kinds.index))
        )


def _dotted(numbers: Sequence[int]) -> str:
    return ".".join(map(str, numbers))


def asides(constant: str) -> Iterator[str]:
    """What explains that a kernel answers before its time, or not at all."""
    for one in BACKPORTS.get(constant, ()):
        yield f"Stable {one.release} has it before its time (`{one.commit}`): {one.reason}."
    if reason := silence(constant):
        yield f"Elsewhere: {reason}."
