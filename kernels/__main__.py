"""The command line: ``python -m kernels list | fetch | run | shell | clean``."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kernels import backend, terminal
from kernels.archive import Archive
from kernels.backend import Backend, Kernel
from kernels.cache import Cache, size_of
from kernels.errors import EX_UNAVAILABLE, KernelError
from kernels.guest import Ending, Guest, Job, acceleration
from kernels.known import known
from kernels.progress import Progress
from kernels.scratch import scratch

EXPLAINED = """\
A KERNEL is a series (6.1), a backend's series (uml:6.12, virtme:7.3), a program that you built (uml:PATH,
virtme:PATH), or gvisor. A command runs as root of a throwaway guest: it reads this machine's files, writes
memory of its own, and is in the folder it was started from.

examples:
  python -m kernels list
  python -m kernels fetch 5.10 6.1 6.12 7.2
  python -m kernels run 6.1 -- uname -a
  python -m kernels run uml:./linux -- .venv/bin/python -m pytest conformance -p no:cacheprovider
  python -m kernels run 6.1 --shared /tmp/run -- sh -c 'dmesg > /tmp/run/dmesg'
  python -m kernels shell 7.2
  python -m kernels clean

exit status:
  run and shell return the command's own (0 to 255); the others return 0. Beside that:
    2    the command line is wrong
   69    a kernel cannot be had or started, or died before its command ended (EX_UNAVAILABLE)
  130    after Ctrl-C (SIGINT)
  143    after SIGTERM
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what was asked; the exit status."""
    asked = _parser().parse_args(arguments)
    archive = Archive(Cache.of_user(), progress=Progress(quiet=asked.quiet))
    archive.mirror = asked.mirror or archive.mirror
    archive.keyring = asked.keyring or archive.keyring
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return int(asked.action(asked, archive))
    except KernelError as error:
        print(f"kernels: {error}", file=sys.stderr)
        return EX_UNAVAILABLE
    except KeyboardInterrupt:
        return 130


def show(asked: argparse.Namespace, archive: Archive) -> int:
    """Every kernel that can be asked for, what the archive was last seen to hold, and what is here."""
    if asked.refresh:
        archive.max_age = 0
        with archive.cache.locked(archive.progress):
            for suite in known().suites:
                archive.packages(suite)
    print(f"{'KERNEL':14} {'IN THE ARCHIVE':24} {'DOWNLOAD':>9}  {'HERE':20} SIZE")
    for one in backend.backends().values():
        for name in one.names():
            print(_row(one, name, archive))
    if not asked.refresh:
        print(
            "\nWhat the archive holds is asked when a kernel is fetched; --refresh asks for all of them now."
        )
    return 0


def fetch(asked: argparse.Namespace, archive: Archive) -> int:
    """Bring kernels here."""
    for name in asked.kernel:
        image = backend.kernel(name).fetch(archive)
        print(f"{image.name} {image.release} {image.program}")
    return 0


def run(asked: argparse.Namespace, archive: Archive) -> int:
    """Run a command in a kernel, show what it prints, and return its exit status."""
    kernel = backend.kernel(asked.kernel)
    image = kernel.ready(archive)
    with _shared(asked.shared) as shared:
        job = Job(asked.command, shared, silence=asked.silence, **_machine(asked))
        with kernel.start(image, job) as guest:
            ending = _follow(guest)
            return _tell(kernel, guest, ending)


def shell(asked: argparse.Namespace, archive: Archive) -> int:
    """A root shell in a kernel, in this folder."""
    kernel = backend.kernel(asked.kernel)
    image = kernel.ready(archive)
    with _shared(asked.shared) as shared, terminal.pair() as (near, far):
        job = Job([asked.shell], shared, terminal=far, **_machine(asked))
        with kernel.start(image, job) as guest:
            return _tell(kernel, guest, terminal.lend(guest, near))


def clean(_asked: argparse.Namespace, archive: Archive) -> int:
    """Remove every fetched kernel and the cached indexes of the archive."""
    size = archive.cache.clean(archive.progress)
    print(f"removed {size >> 20} MiB from {archive.cache.root}")
    return 0


def _machine(asked: argparse.Namespace) -> dict[str, Any]:
    return {"memory": asked.memory, "cpus": asked.cpus, "accel": asked.accel}


def _row(one: Backend, name: str, archive: Archive) -> str:
    wanted = name.partition(":")[2]
    offer, image = one.remembered(wanted, archive), one.here(wanted, archive)
    version, download = (offer.version, f"{offer.size >> 20} MiB") if offer else ("none seen yet", "")
    here, size = (image.release, f"{size_of(image.folder) >> 20} MiB") if image else ("-", "")
    return f"{name:14} {version:24} {download:>9}  {here:20} {size}"


@contextmanager
def _shared(named: Path | None) -> Iterator[Path]:
    """The folder the guest may write: the user's, or one that goes when the guest goes."""
    if named is not None:
        named.mkdir(parents=True, exist_ok=True)
        yield named.absolute()
    else:
        with scratch() as made:
            yield Path(made)


def _follow(guest: Guest) -> Ending:
    """Show the command's output as it grows."""
    shown = 0

    def show_new() -> None:
        nonlocal shown
        if guest.output.exists():
            with guest.output.open("rb") as output:
                output.seek(shown)
                new = output.read()
            shown += os.write(sys.stdout.fileno(), new) if new else 0

    return guest.wait(show_new)


def _tell(kernel: Kernel, guest: Guest, ending: Ending) -> int:
    """The command's exit status; for a guest that died, why, and the last its console said."""
    if ending.exit_status is not None:
        return ending.exit_status
    if ending.error is not None:
        raise ending.error
    print(
        f"{guest.console_tail()}\nkernels: {kernel.name}: {ending.cause.value}: {ending.why}", file=sys.stderr
    )
    return EX_UNAVAILABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m kernels",
        description="Find, fetch and boot other kernels, and run commands in them.",
        epilog=EXPLAINED,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--mirror", metavar="URL", help="archive to fetch from (default: the one apt uses here)"
    )
    parser.add_argument("--keyring", metavar="FILE", help="keys its signature is verified with")
    parser.add_argument("--quiet", "-q", action="store_true", help="show no progress")
    verbs = parser.add_subparsers(required=True, metavar="list | fetch | run | shell | clean")

    listing = verbs.add_parser("list", help="what can be had, what is here, and sizes")
    listing.add_argument("--refresh", action="store_true", help="ask the archive for every series now")
    listing.set_defaults(action=show)

    fetching = verbs.add_parser("fetch", help="bring kernels here, the newest of each series")
    fetching.add_argument("kernel", nargs="+", metavar="KERNEL")
    fetching.set_defaults(action=fetch)

    running = verbs.add_parser("run", help="run a command in a kernel")
    running.add_argument("kernel", metavar="KERNEL")
    running.add_argument("command", nargs="+", metavar="COMMAND", help="after --")
    running.add_argument(
        "--silence", type=float, default=120, metavar="SECONDS", help="end a guest silent so long"
    )
    running.set_defaults(action=run)

    typing = verbs.add_parser("shell", help="a root shell in a kernel, in this folder")
    typing.add_argument("kernel", metavar="KERNEL")
    typing.add_argument("--shell", default="bash", metavar="PROGRAM", help="which shell (default: bash)")
    typing.set_defaults(action=shell)

    for verb in (running, typing):
        verb.add_argument(
            "--shared", type=Path, metavar="FOLDER", help="a folder here that the guest may write"
        )
        verb.add_argument("--memory", default="1G", help="the guest's memory (default: 1G)")
        verb.add_argument("--cpus", type=int, default=2, help="its processors, where the kernel has several")
        verb.add_argument(
            "--accel", choices=("auto", "kvm", "tcg"), default=acceleration(), help="for full kernels"
        )

    cleaning = verbs.add_parser("clean", help="remove everything that was fetched")
    cleaning.set_defaults(action=clean)
    return parser


if __name__ == "__main__":
    sys.exit(main())
