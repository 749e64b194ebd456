"""The command line: ``python -m kernels list | fetch | build | run | shell | coverage | …``."""

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
from kernels.backend import Backend
from kernels.beneath import open_beneath
from kernels.built import PREFIX, Built
from kernels.cache import Cache, size_of
from kernels.errors import EX_UNAVAILABLE, FolderUnwritable, KernelError
from kernels.guest import Ending, Guest, Job, acceleration
from kernels.progress import Progress
from kernels.scratch import scratch
from reports.command import Parser, command
from reports.coverage.store import REACHED
from reports.printable import one_line, printable

EPILOG = """\
A KERNEL is a series (6.1), a backend's series (uml:6.12, virtme:7.3), one that the command build made
(built:NAME), a program that you built (uml:PATH, virtme:PATH), or gvisor. A command runs as root of a
throwaway guest: it reads this machine's files, writes memory of its own, and starts in the current folder.

examples:
  python -m kernels list
  python -m kernels fetch 5.10 6.1 6.12 7.2
  python -m kernels run 6.1 -- uname -a
  python -m kernels run uml:./linux -- .venv/bin/python -m pytest conformance -p no:cacheprovider
  python -m kernels run 6.1 --shared /tmp/run -- sh -c 'dmesg > /tmp/run/dmesg'
  python -m kernels shell 7.2
  python -m kernels build 6.1 --patch change.patch -o changed
  python -m kernels build ~/linux@v6.12 --kasan -o kasan
  python -m kernels coverage built:counting-7.2 build/coverage/counters
  python -m kernels clean

exit status:
  run and shell return the command's own (0 to 255); the others return 0. Beside that:
    2    the command line is wrong
   69    a kernel cannot be had or started, or died before its command ended (EX_UNAVAILABLE)
   73    a file or the output cannot be written
  130    after Ctrl-C (SIGINT)
  143    after SIGTERM
"""

BUILD = """\
Build user-mode Linux as the kernel built:NAME, which --kernel and the other commands then take.

SOURCE is a series (6.1: the distribution's package of its source), a tarball, a folder with a kernel's tree,
or TREE@COMMIT of a git repository, to which nothing is written. The kernel has the defconfig and what
kernels/uml.config adds to it.
"""

BUILD_EPILOG = """\
The first build of a source takes minutes; with patches it takes seconds, since only what they change is
compiled. What was built before is not built again. A kernel of --gcov (CONFIG_GCOV_KERNEL) shows its counters
in /sys/kernel/debug/gcov of its guests; "pytest conformance/ --counters DIR" keeps what each claim reaches.

examples:
  python -m kernels build 6.1 -o base
  python -m kernels build 6.1 --patch one.patch --patch two.patch -o patched
  python -m kernels build ~/linux@v6.12 --kasan -o kasan
  python -m kernels run built:patched -- uname -a
"""


COVERAGE = """\
Read the counters that a run on a kernel of "build --gcov" kept, by gcov(1), and keep in an SQLite database
which lines, branches and functions the claims reached, and which claims reach each line.
"""

COVERAGE_EPILOG = """\
examples:
  python -m kernels build 7.2 --gcov -o counting-7.2
  pytest conformance/ --kernel built:counting-7.2 --counters build/coverage/counters
  python -m kernels coverage built:counting-7.2 build/coverage/counters
  python -m reports coverage
  python -m reports coverage --reaching net/core/sock.c:1234
"""


@command("kernels")
def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line. Returns the exit status."""
    options = _parser().parse_args(arguments)
    archive = Archive(Cache.of_user(), progress=Progress(quiet=options.quiet))
    archive.mirror = options.mirror or archive.mirror
    archive.keyring = options.keyring or archive.keyring
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return int(options.action(options, archive))
    except KernelError as error:
        if error.details:
            print(printable(error.details), file=sys.stderr)
        print(one_line(f"kernels: {error}"), file=sys.stderr)
        return EX_UNAVAILABLE


def list_kernels(options: argparse.Namespace, archive: Archive) -> int:
    """Print every kernel that has a name: its version in the archive, and its local image."""
    if options.refresh:
        archive.max_age = 0
        with archive.cache.locked(archive.progress):
            archive.packages(*archive.table.suites)
    print(f"{'KERNEL':14} {'IN THE ARCHIVE':24} {'DOWNLOAD':>9}  {'LOCAL':20} {'SIZE':9} FROM")
    for one in backend.backends().values():
        for name in one.names():
            print(_row(one, name, archive))
    if not options.refresh:
        print("\nThe archive's versions are those of the cached indexes; --refresh updates all of them.")
    return 0


def fetch(options: argparse.Namespace, archive: Archive) -> int:
    """Fetch kernels."""
    for name in options.kernel:
        image = backend.kernel(name).fetch(archive)
        print(f"{image.name} {image.release} {image.program}")
    return 0


def run(options: argparse.Namespace, archive: Archive) -> int:
    """Run a command in a kernel, and print its output. Returns its exit status."""
    kernel = backend.kernel(options.kernel)
    image = kernel.obtain(archive)
    with _shared(options.shared) as shared:
        job = Job(options.command, shared, idle_timeout=options.idle_timeout, **_machine(options))
        with kernel.start(image, job) as guest:
            return _exit_status(guest, _print_output(guest))


def shell(options: argparse.Namespace, archive: Archive) -> int:
    """Run a root shell in a kernel, in the current folder. Returns its exit status."""
    kernel = backend.kernel(options.kernel)
    image = kernel.obtain(archive)
    with _shared(options.shared) as shared, terminal.pty() as (master, slave):
        job = Job([options.shell], shared, terminal=slave, **_machine(options))
        with kernel.start(image, job) as guest:
            return _exit_status(guest, terminal.attach(guest, master))


def build(options: argparse.Namespace, archive: Archive) -> int:
    """Build a kernel."""
    # Imported here: only this command builds.
    from kernels.build import OPTIONS, Order, build

    chosen = [name for name in OPTIONS if getattr(options, name)]
    image = build(Order(options.name, options.source, options.commit, options.patches, chosen), archive)
    print(f"{image.name} {image.release} {image.program}")
    return 0


def coverage(options: argparse.Namespace, archive: Archive) -> int:
    """Read what claims reached of a kernel, and keep it for reports."""
    # Imported here: only this command reads counters.
    from kernels.coverage import coverage as read
    from reports.coverage.store import write

    image = backend.kernel(options.kernel).obtain(archive)
    write(read(image, options.counters, archive.progress), options.output)
    print(options.output)
    return 0


def remove(options: argparse.Namespace, archive: Archive) -> int:
    """Remove kernels that were built."""
    for name in options.name:
        size = Built.of(archive.cache).remove(name.removeprefix(f"{PREFIX}:"))
        print(f"removed {name}, {_mebibytes(size)}")
    return 0


def clean(_options: argparse.Namespace, archive: Archive) -> int:
    """Remove every fetched and every built kernel, and the cached indexes of the archive."""
    with Built.of(archive.cache).idle(archive.progress):
        size = archive.cache.clean(archive.progress)
    print(f"removed {_mebibytes(size)} from {archive.cache.root}")
    return 0


def _machine(options: argparse.Namespace) -> dict[str, Any]:
    return {"memory": options.memory, "cpus": options.cpus, "accel": options.accel}


def _row(one: Backend, name: str, archive: Archive) -> str:
    spec = name.partition(":")[2]
    candidate, image = one.candidate(spec, archive), one.local(spec, archive)
    version, download = (candidate.version, _mebibytes(candidate.size)) if candidate else ("-", "")
    release, size = (image.release, _mebibytes(size_of(image.folder))) if image else ("-", "")
    origin = image.origin if image else ""
    return f"{name:14} {version:24} {download:>9}  {release:20} {size:9} {origin}".rstrip()


def _mebibytes(size: int) -> str:
    return f"{size >> 20} MiB"


@contextmanager
def _shared(folder: Path | None) -> Iterator[Path]:
    """The folder the guest may write: the user's, or a temporary one."""
    if folder is not None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise FolderUnwritable(folder, error) from error
        yield folder.absolute()
    else:
        with scratch() as made:
            yield Path(made)


def _print_output(guest: Guest) -> Ending:
    """Print the command's output as it grows, until the guest ends."""
    printed = 0

    def print_new() -> None:
        nonlocal printed
        if output := open_beneath(guest.job.shared, guest.output):
            with output:
                output.seek(printed)
                new = output.read()
            printed += os.write(sys.stdout.fileno(), new) if new else 0

    return guest.wait(print_new)


def _exit_status(guest: Guest, ending: Ending) -> int:
    """The command's exit status; for a guest that died, print why, and the end of its console."""
    if ending.exit_status is not None:
        return ending.exit_status
    if ending.error is not None:
        raise ending.error
    why = f"kernels: {guest.kernel}: {ending.cause.value}: {ending.why}"
    print(guest.console_tail(), why, sep="\n", file=sys.stderr)
    return EX_UNAVAILABLE


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="python -m kernels",
        description="Fetch and boot other kernels, and run commands in them.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--mirror", metavar="URL", help="archive to fetch from (default: those of apt's sources here)"
    )
    parser.add_argument("--keyring", metavar="FILE", help="keys to verify it with (default: those sources')")
    parser.add_argument("--quiet", "-q", action="store_true", help="show no progress")
    verbs = "list | fetch | build | run | shell | coverage | remove | clean"
    commands = parser.add_subparsers(required=True, metavar=verbs)

    listing = commands.add_parser("list", help="show the kernels that can be fetched, and the local ones")
    listing.add_argument("--refresh", action="store_true", help="update the archive's indexes first")
    listing.set_defaults(action=list_kernels)

    fetching = commands.add_parser("fetch", help="fetch kernels, the newest of each series")
    fetching.add_argument("kernel", nargs="+", metavar="KERNEL")
    fetching.set_defaults(action=fetch)

    building = commands.add_parser(
        "build",
        help="build user-mode Linux from source",
        description=BUILD,
        epilog=BUILD_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    building.add_argument("source", metavar="SOURCE", help="a series, a tarball or a tree")
    building.add_argument("--output", "-o", dest="name", required=True, metavar="NAME", help="its name")
    building.add_argument("--commit", help="build this commit of the git tree SOURCE")
    building.add_argument(
        "--patch",
        dest="patches",
        type=Path,
        action="append",
        default=[],
        metavar="FILE",
        help="apply a patch first; several in this order",
    )
    building.add_argument(
        "--gcov", action="store_true", help="count what runs of net/, for the command coverage"
    )
    building.add_argument("--kasan", action="store_true", help="find wrong uses of memory")
    building.add_argument("--ubsan", action="store_true", help="find undefined behaviour")
    building.add_argument("--lockdep", action="store_true", help="find wrong orders of locks")
    building.set_defaults(action=build)

    running = commands.add_parser("run", help="run a command in a kernel")
    running.add_argument("kernel", metavar="KERNEL")
    running.add_argument("command", nargs="+", metavar="COMMAND", help="after --")
    running.add_argument(
        "--idle-timeout",
        type=float,
        default=120,
        metavar="SECONDS",
        help="end a guest that writes nothing for so long (default: 120)",
    )
    running.set_defaults(action=run)

    interactive = commands.add_parser("shell", help="run a root shell in a kernel, in the current folder")
    interactive.add_argument("kernel", metavar="KERNEL")
    interactive.add_argument("--shell", default="bash", metavar="PROGRAM", help="which shell (default: bash)")
    interactive.set_defaults(action=shell)

    for one in (running, interactive):
        one.add_argument("--shared", type=Path, metavar="FOLDER", help="the folder that a guest may write")
        one.add_argument("--memory", default="1G", help="the guest's memory (default: 1G)")
        one.add_argument("--cpus", type=int, default=2, help="its processors, if the kernel has SMP")
        one.add_argument(
            "--accel", choices=("auto", "kvm", "tcg"), default=acceleration(), help="for full kernels"
        )

    reading = commands.add_parser(
        "coverage",
        help="read what claims reached of a kernel that counts",
        description=COVERAGE,
        epilog=COVERAGE_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    reading.add_argument("kernel", metavar="KERNEL", help="the kernel that counted: built:NAME")
    reading.add_argument("counters", type=Path, metavar="COUNTERS", help="the folder of --counters")
    reading.add_argument(
        "--output",
        "-o",
        type=Path,
        default=REACHED,
        metavar="FILE",
        help=f"where it is kept (default: {REACHED})",
    )
    reading.set_defaults(action=coverage)

    removing = commands.add_parser("remove", help="remove kernels that were built, and their sources")
    removing.add_argument("name", nargs="+", metavar="NAME")
    removing.set_defaults(action=remove)

    cleaning = commands.add_parser("clean", help="remove every kernel, fetched or built, and every index")
    cleaning.set_defaults(action=clean)
    return parser


if __name__ == "__main__":
    sys.exit(main())
