"""Builds user-mode Linux from a source, out of its tree, with the claims' configuration.

A source is unpacked once, and each configuration of it compiled once, below it. A build with patches takes a
copy of both, hard links of the source and the objects as they are, so that make compiles what the patches
change. The copy is kept for the next such build, which puts back what the former one changed. Its objects
name no folder but their own: they are in a folder directly below the source, which Kbuild calls "..".
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import IO

from kernels import source
from kernels.archive import Archive
from kernels.backend import Image
from kernels.built import NOTES, Built, Facts, check_name, held, held_alone
from kernels.errors import BadPatch, BuildFailed, CacheUnwritable, MissingTools, NotConfigurable
from kernels.guest import REAPER
from kernels.packaged import ask

CONFIGURATION = Path(__file__).with_name("uml.config")
OPTIONS = {
    "gcov": ("CONFIG_GCOV_KERNEL=y", "CONFIG_DEBUG_FS=y"),
    "kasan": ("CONFIG_KASAN=y", "CONFIG_KASAN_GENERIC=y", "CONFIG_KASAN_VMALLOC=y"),
    "ubsan": (
        *("CONFIG_UBSAN=y", "CONFIG_UBSAN_BOUNDS=y", "CONFIG_UBSAN_SHIFT=y"),
        "CONFIG_UBSAN_SANITIZE_ALL=y",
    ),
    "lockdep": ("CONFIG_PROVE_LOCKING=y", "CONFIG_DEBUG_KERNEL=y"),
}
"""What can be asked for beside, and its configuration.

It is not to be had without the first line of each, nor without another one that the tree declares: older and
newer ones do not have all. So UBSAN is not to be had where it would look at no file (6.1).
"""
SPACE = 3 << 30
"""Bytes that the objects of a kernel and a copy may take."""

COUNTED = ("net", *(f"net/{name}" for name in ("core", "ipv4", "ipv6", "netlink", "packet", "unix")))
"""The folders whose files count with gcov, without those below: what socket calls and options come to.

All else would take time, in each test that reads the counters too.
"""
_GCOV_PROFILE = f"GCOV_PROFILE=$(if $(filter {' '.join(COUNTED)},$(obj)),y)"
"""What Kbuild asks for each folder, whose name is ``obj`` in its Makefile."""
_GCOV_FLAGS = ("-fprofile-arcs", "-ftest-coverage", "-fno-tree-loop-im", "-fno-early-inlining")
"""Those of the kernel's own CFLAGS_GCOV, and that a function which is inlined has lines of its own."""
_BEFORE_COUNTING = ("ccp1", "forwprop1", "fre1", "evrp", "ethread")
"""The compiler's passes that take lines away before it places counters.

After them ``err = -EINVAL; goto out;`` is no line but a value that another line chooses, so a quarter
of the lines of sk_setsockopt would have no counter. What comes after the counters is compiled as always.
"""
_ENVIRON = {
    "LC_ALL": "C",
    "LOCALVERSION": "",
    "KBUILD_BUILD_USER": "conformance",
    "KBUILD_BUILD_HOST": "kernels",
    "KBUILD_BUILD_TIMESTAMP": "1970-01-01",
    "KBUILD_BUILD_VERSION": "1",
}
"""So that the same source gives the same kernel."""
_MEANT_FOR_OTHERS = re.compile(
    r"MAKE.*|MFLAGS|ARCH|CROSS_COMPILE|O|V|W|C|K[A-Z]*FLAGS|KBUILD_.*|KCONFIG_.*|LLVM.*|GIT_.*"
)
"""Variables of the environment that would steer make, Kbuild or git."""
_TOOLS = {
    "gcc": "gcc",
    "make": "make",
    "ld": "binutils",
    "flex": "flex",
    "bison": "bison",
    "bc": "bc",
    "perl": "perl",
    "git": "git",
    "tar": "tar",
    "xz": "xz-utils",
    "find": "findutils",
}
"""Programs that a build needs, and Debian's packages of them."""
_RECIPE = "1"
"""Changed where the same source and configuration are to be built anew."""
_CHANGED = ".changed"
"""The file in a copy that lists what patches changed there; there is none while that is being made."""
_PATCHED = re.compile(
    rb"^(?:--- |\+\+\+ |rename from |rename to |copy to |diff --git \S+ )(\S+)", re.MULTILINE
)
_SYMBOL = re.compile(r"\bCONFIG_\w+")
_STEP = re.compile(r"^  [A-Z][A-Z0-9_ ]* +\S+")
"""A line that Kbuild prints of a file that it makes."""


@dataclass(frozen=True)
class Order:
    """What is to be built."""

    name: str
    source: str
    commit: str | None = None
    patches: Sequence[Path] = ()
    options: Sequence[str] = ()


def build(order: Order, archive: Archive) -> Image:
    """Build a kernel, unless just this one was built before.

    Raises what finding its source raises, BadName, BadPatch, MissingTools, NotConfigurable, BuildFailed and
    NoSpace.
    """
    check_name(order.name)
    patches = [_read(patch) for patch in order.patches]
    _require_tools()
    built = Built.of(archive.cache)
    with built.building(archive.progress):
        found = source.find(order.source, order.commit, archive)
        configuration = _configuration(order.options)
        counted = _counting() if "gcov" in order.options else []
        objects = _digest(found.digest, configuration, _compiler(), _RECIPE, *counted)
        made_of = _digest(objects, *patches)
        if same := built.made_of(made_of):
            archive.progress.line(f"{order.name} is made of what is built already")
            facts, folder = built.facts(same), built.folder(same)
            return built.image(same) if same == order.name else built.keep(order.name, facts, _linked(folder))
        archive.cache.require_space(SPACE)
        with _Builder(order, found, built, archive, f"objects-{objects[:12]}") as builder:
            return builder.run(configuration, patches, made_of)


class _Builder:
    """One build, and its log."""

    def __init__(
        self, order: Order, found: source.Source, built: Built, archive: Archive, objects: str
    ) -> None:
        self._order, self._source, self._built, self._archive = order, found, built, archive
        self._progress = archive.progress
        self._objects = objects
        self._folder = built.source(found.digest)
        self._tree = self._folder / "tree"
        self._log_path = built.log(order.name)
        self._log_path.parent.mkdir(parents=True, exist_ok=True)
        self._log: IO[str] = self._log_path.open("w", buffering=1, errors="replace")

    def __enter__(self) -> _Builder:
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()

    def run(self, configuration: str, patches: Sequence[bytes], made_of: str) -> Image:
        waiting = f"another build of {self._source.name} is under way; waiting for it"
        with held(self._folder, fcntl.LOCK_EX, self._progress, waiting):
            self._unpack()
            self._check(patches)
            self._compile_once(configuration)
        if not patches:
            return self._keep(self._tree, made_of)
        with self._copy() as copy:
            if error := _git_apply(patches, copy):
                raise BadPatch(self._order.patches[-1], error)
            self._make_again(copy, patches)
            return self._keep(copy, made_of)

    def _unpack(self) -> None:
        for left in self._folder.glob("new-*"):
            shutil.rmtree(left)
        if self._tree.exists():
            return
        self._archive.cache.require_space(source.SPACE)
        with _whole(self._tree) as tree:
            self._source.unpack(tree)
            source.version(tree, self._source.name)

    def _compile_once(self, configuration: str) -> None:
        """Compile the source as it is, in this configuration."""
        objects, done = self._tree / self._objects, self._tree / self._objects / "done"
        if done.exists():
            return
        if shutil.which("ccache") is None:
            self._progress.line("ccache is not installed: what was compiled before is compiled again")
        shutil.rmtree(objects, ignore_errors=True)
        objects.mkdir()
        try:
            with self._progress.work(f"configuring {self._source.name}") as update:
                self._configure(objects, configuration, update)
            with self._progress.work(f"compiling {self._source.name}, which takes minutes") as update:
                self._make(self._tree, "linux", update)
            done.touch()
        except BaseException:
            shutil.rmtree(objects, ignore_errors=True)
            raise

    def _configure(self, objects: Path, configuration: str, update: Callable[[str], None]) -> None:
        self._make(self._tree, "defconfig", update)
        with (objects / ".config").open("a") as file:
            file.write(configuration)
        self._make(self._tree, "olddefconfig", update)
        lacking = unset(configuration, (objects / ".config").read_text())
        for option in self._order.options:
            first, *others = OPTIONS[option]
            for line in (first, *(line for line in others if declares(self._tree, line))):
                if line in lacking:
                    symbol = line.partition("=")[0]
                    raise NotConfigurable(source.version(self._tree, self._source.name), option, symbol)
        if lacking:
            names = " ".join(line.removeprefix("CONFIG_").partition("=")[0] for line in lacking)
            self._progress.line(f"{self._source.name} has no {names}")
            self._log.write(f"not in this kernel: {names}\n")

    def _check(self, patches: Sequence[bytes]) -> None:
        """Raise BadPatch for the first patch that does not apply, before anything is compiled."""
        for number, patch in enumerate(self._order.patches, 1):
            if error := _git_apply(patches[:number], self._tree, "--check"):
                raise BadPatch(patch, error)

    @contextmanager
    def _copy(self) -> Iterator[Path]:
        """A copy of the source and its objects that nobody else uses, as make left it the last time."""
        for number in count():
            copy = self._folder / f"{self._objects}-{number}"
            with held_alone(copy) as alone:
                if alone:
                    self._restore(copy)
                    yield copy
                    return

    def _restore(self, copy: Path) -> None:
        """Put back what the last patches changed; where that is not known, copy all.

        What is put back is newer than what was made of it, so make makes that again.
        """
        changed = copy / _CHANGED
        try:
            paths = json.loads(changed.read_text())
        except (FileNotFoundError, ValueError):
            with self._progress.work(f"copying the objects of {self._source.name}"):
                self._copy_all(copy)
            return
        changed.unlink()
        for path in paths:
            (copy / path).unlink(missing_ok=True)
            if (self._tree / path).exists():
                (copy / path).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(self._tree / path, copy / path)

    def _copy_all(self, copy: Path) -> None:
        for path in copy.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        content = [str(path) for path in self._tree.iterdir() if not path.name.startswith("objects-")]
        for command in (
            ["cp", "-al", *content, str(copy)],
            ["cp", "-a", "--reflink=auto", str(self._tree / self._objects), str(copy)],
        ):
            copied = subprocess.run(command, capture_output=True, text=True, check=False)
            if copied.returncode != 0:
                raise CacheUnwritable(copy, copied.stderr.strip().rpartition("\n")[2])

    def _make_again(self, copy: Path, patches: Sequence[bytes]) -> None:
        """Make what patches changed in a copy, and note what that is, unless make was killed."""
        changed = sorted({path for patch in patches for path in changed_by(patch)})
        try:
            with self._progress.work(f"compiling what changes in {self._order.name}") as update:
                self._make(copy, "linux", update)
        except BuildFailed:
            (copy / _CHANGED).write_text(json.dumps(changed))
            raise
        (copy / _CHANGED).write_text(json.dumps(changed))

    def _make(self, tree: Path, target: str, update: Callable[[str], None]) -> None:
        """Make a target of a tree's. Raises BuildFailed."""
        command = ["make", f"-j{len(os.sched_getaffinity(0))}", "ARCH=um", f"O={self._objects}"]
        compiler = "ccache gcc" if shutil.which("ccache") else "gcc"
        command += [f"CC={compiler}", f"HOSTCC={compiler}"]
        if "gcov" in self._order.options:
            command += _counting()
        command.append(target)
        self._log.write(f"$ {' '.join(command)}\n")
        if _run(command, tree, self._log, update) != 0:
            said = useful(self._log_path.read_text(errors="replace"))
            raise BuildFailed(self._order.name, f"make {target}", self._log_path, said)

    def _keep(self, tree: Path, made_of: str) -> Image:
        objects = tree / self._objects
        release = ask(objects / "linux", "--version", "a tree whose 'make linux' leaves one").stdout.strip()
        facts = Facts(
            release,
            source.version(tree, self._source.name),
            self._source.name,
            self._source.digest,
            made_of,
            self._order.options,
            [patch.name for patch in self._order.patches],
        )

        def fill(folder: Path) -> None:
            shutil.copy(objects / "linux", folder / "linux")
            shutil.copy(objects / ".config", folder / "config")
            for notes in objects.glob("net/**/*.gcno"):
                place = folder / NOTES / notes.relative_to(objects)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(notes, place)
                text = (tree / notes.relative_to(objects)).with_suffix(".c")
                shutil.copy(text, place.parent)

        return self._built.keep(self._order.name, facts, fill)


def unset(asked: str, configuration: str) -> list[str]:
    """The lines of a configuration that did not come out as they were asked for, the last of each name."""
    there = set(configuration.splitlines())
    last = {found[0]: line for line in asked.splitlines() if (found := _SYMBOL.search(line))}
    return [line for line in last.values() if not line.startswith("#") and line not in there]


def declares(tree: Path, line: str) -> bool:
    """Whether what a line of a configuration sets is in a tree's Kconfig of debugging or user-mode Linux."""
    symbol = line.removeprefix("CONFIG_").partition("=")[0]
    files = [*tree.glob("lib/Kconfig*"), *tree.glob("arch/um/Kconfig*")]
    return any(re.search(rf"^\s*config {symbol}$", file.read_text(), re.MULTILINE) for file in files)


def useful(log: str, lines: int = 12) -> str:
    """The last lines of a build's log that say what went wrong."""
    noise = re.compile(rf"{_STEP.pattern}|make\[|\$ |.*Waiting for unfinished jobs")
    return "\n".join([line for line in log.splitlines() if line and not noise.match(line)][-lines:])


def changed_by(patch: bytes) -> set[str]:
    """The files that a patch names, which are those it changes and perhaps more."""
    names = {name.removeprefix(b"a/").removeprefix(b"b/") for name in _PATCHED.findall(patch)}
    return {
        os.fsdecode(name) for name in names if not name.startswith(b"/") and b".." not in name.split(b"/")
    }


def _configuration(options: Sequence[str]) -> str:
    lines = [CONFIGURATION.read_text(), *(line for option in options for line in OPTIONS[option])]
    return "\n".join([*lines, ""])


def _read(patch: Path) -> bytes:
    try:
        return patch.read_bytes()
    except OSError as error:
        raise BadPatch(patch, error.strerror or str(error)) from error


def _require_tools() -> None:
    """Raise MissingTools, with all that is missing."""
    missing = {name: package for name, package in _TOOLS.items() if shutil.which(name) is None}
    if "gcc" not in missing:
        include = ["gcc", "-E", "-include", "stdio.h", "-x", "c", "/dev/null"]
        if subprocess.run(include, capture_output=True, check=False).returncode != 0:
            missing["the headers of the C library"] = "libc6-dev"
    if missing:
        raise MissingTools(missing, missing.values())


def _compiler() -> str:
    return subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout


def _counting() -> list[str]:
    """Variables of make for a kernel that counts."""
    without = [flag for name in _BEFORE_COUNTING if _compiles(flag := f"-fdisable-tree-{name}")]
    return [_GCOV_PROFILE, f"CFLAGS_GCOV={' '.join((*_GCOV_FLAGS, *without))}"]


def _compiles(flag: str) -> bool:
    """Whether the compiler knows a flag; the names of its passes are no promise."""
    command = ["gcc", "-O2", flag, "-x", "c", "-S", "-o", os.devnull, os.devnull]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _digest(*texts: str | bytes) -> str:
    """Of texts, each by its own digest: where one ends and the next begins counts too."""
    parts = [text if isinstance(text, bytes) else text.encode() for text in texts]
    return hashlib.sha256(b"".join(hashlib.sha256(part).digest() for part in parts)).hexdigest()


def _git_apply(patches: Sequence[bytes], tree: Path, *options: str) -> str:
    """Apply patches to a tree, all or none. Returns what git has against it."""
    done = subprocess.run(
        ["git", "apply", "--whitespace=nowarn", *options, "-"],
        cwd=tree,
        env=_environ() | {"GIT_CEILING_DIRECTORIES": str(tree.parent)},
        input=b"\n".join(patches),
        capture_output=True,
        check=False,
    )
    said = done.stderr.decode(errors="replace").strip().removeprefix("error: ")
    return said.replace("\nerror: ", "; ") if done.returncode != 0 else ""


def _run(command: Sequence[str], folder: Path, log: IO[str], update: Callable[[str], None]) -> int:
    """Run make, and note what it prints. However this process ends, all that make started ends with it."""
    ours, reapers = socket.socketpair()
    reaper = [sys.executable, "-I", "-S", str(REAPER), str(reapers.fileno()), *command]
    with reapers:
        process = subprocess.Popen(
            reaper,
            cwd=folder,
            env=_environ() | _ENVIRON,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            pass_fds=[reapers.fileno()],
            start_new_session=True,
        )
    try:
        assert process.stdout
        for line in process.stdout:
            log.write(line)
            if _STEP.match(line):
                update(" ".join(line.split()))
        return process.wait()
    finally:
        ours.close()
        process.communicate()


def _environ() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not _MEANT_FOR_OTHERS.fullmatch(name)}


def _linked(folder: Path) -> Callable[[Path], object]:
    """Fills a folder with the files of another, without a copy of them."""
    return lambda into: shutil.copytree(folder, into, copy_function=os.link, dirs_exist_ok=True)


@contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """An empty folder that becomes ``folder`` if the block succeeds, and is removed otherwise."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="new-") as made:
        content = Path(made, "new")
        content.mkdir()
        yield content
        content.rename(folder)
