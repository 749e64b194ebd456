"""What kernels answered to every option: ``python -m libsocket --json | python -m tools.probes KERNEL``.

KERNEL is ``host``, or what the ``kernels`` command calls it (``6.1``, ``virtme:7.3``). That keeps in
``results/probes/`` which kinds of socket know an option, and whether reading and writing succeeded or
with which errno they were refused. Values are not kept: cookies, clocks and memory are accidents of a
run, the defaults are those of one machine's sysctls, and what a value should be is for the claims to
say.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from reports.atomic_write import atomic_write
from reports.command import command, parser
from reports.errors import FileError
from reports.printable import one_line
from reports.ranges import base, version
from reports.reading import LARGEST, contents

_MALFORMED = (ValueError, LookupError, TypeError, AttributeError, StopIteration, RecursionError)
KEPT = Path(__file__).parents[1] / "results" / "probes"


@dataclass(frozen=True, slots=True)
class Probe:
    """One kernel's answers."""

    kernel: str
    """How the kernel was asked for: ``host``, ``uml:6.1``."""
    release: str
    version: str
    machine: str
    refused: Mapping[str, str]
    """The kinds of socket that cannot be made there, with the errno."""
    options: Mapping[str, Mapping[str, tuple[str, ...]]]
    """For each option what was said, and the kinds that said it; nothing where no kind knows it."""

    @property
    def base(self) -> str:
        """The stable release that the kernel is made from."""
        return base(self.release, self.version)

    @property
    def stem(self) -> str:
        """What its file is called; a machine's own kernel is told apart by its release."""
        numbers = ".".join(map(str, version(self.base)))
        return f"host-{numbers}" if self.kernel == "host" else re.sub(r"[^\w.-]+", "-", self.kernel)

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds that could be made."""
        said = (kinds for answers in self.options.values() for kinds in answers.values())
        return frozenset(kind for kinds in said for kind in kinds)

    def know(self, constant: str) -> frozenset[str]:
        """The kinds of socket that know an option."""
        return frozenset(kind for kinds in self.options[constant].values() for kind in kinds)

    @classmethod
    def of(cls, kernel: str, printed: Mapping[str, Any]) -> Self:
        """From what ``python -m libsocket --json`` printed on a kernel."""
        refused = {kind: said["refused"] for kind, said in printed["kinds"].items() if _unmade(said)}
        made = {kind: said for kind, said in printed["kinds"].items() if kind not in refused}
        names = next(iter(made.values()))
        options = {name: _grouped({kind: said[name] for kind, said in made.items()}) for name in names}
        return cls(kernel, printed["release"], printed["version"], printed["machine"], refused, options)

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file in ``results/probes/``. Raises: FileError."""
        try:
            kept = json.loads(contents(path, "the probe"))
            options = {
                name: {said: tuple(kinds) for said, kinds in answers.items()}
                for name, answers in kept.pop("options").items()
            }
            probe = cls(**kept, options=options)
            version(probe.base)
        except _MALFORMED as error:
            raise FileError(f"this is not a probe: {error}", path) from error
        return probe

    def lines(self) -> Iterator[str]:
        """The file: JSON with a line for each option, so that a change of the kernel's is a changed line."""
        facts = ("kernel", "release", "version", "machine", "refused")
        yield "{"
        yield from (f"{json.dumps(fact)}: {json.dumps(getattr(self, fact))}," for fact in facts)
        yield '"options": {'
        yield ",\n".join(f"{json.dumps(name)}: {json.dumps(said)}" for name, said in self.options.items())
        yield "}"
        yield "}"


def _unmade(said: Mapping[str, Any]) -> bool:
    return set(said) == {"refused"}


def _grouped(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    grouped: dict[str, tuple[str, ...]] = {}
    for kind, answer in answers.items():
        if answer["known"]:
            grouped[_words(answer)] = (*grouped.get(_words(answer), ()), kind)
    return grouped


def _words(answer: Mapping[str, Any]) -> str:
    """``get ok, set EPERM``, without what the option's access leaves out."""
    said = {access: answer[access] for access in ("get", "set") if answer[access] is not None}
    return ", ".join(f"{access} {_outcome(one)}" for access, one in said.items())


def _outcome(said: Any) -> str:
    return str(said["refused"]) if isinstance(said, dict) else "ok"


def kept() -> list[Probe]:
    """The probes that the project publishes, oldest kernel first."""
    probes = [Probe.read(path) for path in KEPT.glob("*.json")]
    return sorted(probes, key=lambda probe: (version(probe.base), probe.kernel))


def labels(probes: Sequence[Probe]) -> list[str]:
    """The series of each, or its whole release where two are of one series."""
    series = [".".join(map(str, version(probe.base)[:2])) for probe in probes]
    count = Counter(series)
    return [one if count[one] == 1 else probe.release for one, probe in zip(series, probes, strict=True)]


@command("probes")
def main(arguments: Sequence[str] | None = None) -> int:
    """Keep what standard input holds; the exit status."""
    line = parser("tools.probes", __doc__)
    line.add_argument("kernel", metavar="KERNEL")
    kernel = line.parse_args(arguments).kernel
    bare = kernel[:1].isdecimal()  # a bare series is user-mode Linux, as for ``kernels``
    try:
        probe = Probe.of(f"uml:{kernel}" if bare else kernel, json.loads(sys.stdin.read(LARGEST)))
        path = KEPT / f"{probe.stem}.json"
    except _MALFORMED as error:
        raise FileError(f"standard input is not what python -m libsocket --json prints: {error}") from error
    KEPT.mkdir(exist_ok=True)
    atomic_write("\n".join(probe.lines()) + "\n", path)
    print(one_line(os.path.relpath(path)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
