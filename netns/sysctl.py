"""Network sysctls: of a Namespace, to read and set; of the initial namespace, to read."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from netns.errors import SysctlNotShown, SysctlRefused

_ROOT = Path("/proc/sys")
_INITIAL_ONLY = ("net/core/*", "net/ipv4/*_mem", "net/ipv4/tcp_max_orphans")
"""Some of these, such as rmem_max and tcp_mem, are shown in the initial network namespace only."""
_ENVIRONMENT = "NETNS_INITIAL_SYSCTLS"


def _path(name: str) -> Path:
    parts = name.split("/" if "/" in name else ".")
    if parts[0] != "net" or ".." in parts:
        raise ValueError(f"{name}: only net.* differs between network namespaces")
    return _ROOT.joinpath(*parts)


def _read(path: Path) -> str:
    """The value with single spaces, whatever the kernel puts between numbers."""
    return " ".join(path.read_text().split())


@contextmanager
def _at(name: str) -> Iterator[None]:
    """A block that reads or sets the sysctl: what goes wrong in it is told with the name."""
    try:
        yield
    except OSError as error:
        if not _path(name).exists():
            raise SysctlNotShown(name) from None
        raise SysctlRefused(name, error) from error  # ENOENT too: a value can name what is not there


class Sysctl:
    """The sysctls below ``net`` as one Namespace has them: ``ns.sysctl["net.ipv4.ip_forward"] = 1``.

    A name may be written with slashes, as for an interface with a dot in its name. Values are str; a number
    may be set as int. Raises SysctlNotShown, a KeyError, where the kernel shows no such sysctl in the
    namespace, and SysctlRefused with the kernel's errno where it is read-only (EACCES) or the value is
    refused (EINVAL, or ENOENT for a name).
    """

    def __init__(self, entered: Callable[[], AbstractContextManager[None]]) -> None:
        self._entered = entered

    def __getitem__(self, name: str) -> str:
        with self._entered(), _at(name):
            return _read(_path(name))

    def __setitem__(self, name: str, value: str | int) -> None:
        self.update({name: value})

    def update(self, values: Mapping[str, str | int]) -> None:
        """Set several, in order."""
        with self._entered():
            for name, value in values.items():
                with _at(name), open(_path(name), "wb", buffering=0) as file:
                    file.write(str(value).encode())

    def __contains__(self, name: object) -> bool:
        with self._entered():
            return isinstance(name, str) and _path(name).exists()


def _initial() -> Iterator[tuple[str, str]]:
    for path in (path for pattern in _INITIAL_ONLY for path in _ROOT.glob(pattern)):
        with suppress(OSError):
            yield ".".join(path.relative_to(_ROOT).parts), _read(path)


# Read on import, while every thread is still in the namespace of the process, unless the parent exported it.
_VALUES: dict[str, str] = json.loads(os.environ.get(_ENVIRONMENT, "null")) or dict(_initial())


def export_initial_sysctls() -> None:
    """Put the sysctls of the initial namespace into the environment of the programs started from here."""
    os.environ[_ENVIRONMENT] = json.dumps(_VALUES)


def initial_sysctl(name: str) -> str:
    """A sysctl of the whole kernel, ``net.core.rmem_max``, as it is in the namespace this process began in.

    Many kernels (5.10 and 6.1 among them) show those in the initial network namespace only. Covers all of
    net.core, and tcp_mem, udp_mem and tcp_max_orphans of net.ipv4.
    Raises SysctlNotShown, a KeyError, for others, and for what was not shown or not readable.
    """
    if name not in _VALUES:
        raise SysctlNotShown(name, "the initial network namespace of this process")
    return _VALUES[name]
