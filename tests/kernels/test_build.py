"""Building kernels, from trees of a few lines that make as Kbuild does: out of tree, by what is newer."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kernels import build as building
from kernels.archive import Archive
from kernels.backend import kernel
from kernels.build import Order, build, changed_by, unset, useful
from kernels.built import NOTES, Built
from kernels.cache import FOLDER, Cache
from kernels.errors import (
    EX_UNAVAILABLE,
    BadName,
    BadPatch,
    BuildFailed,
    MissingTools,
    NotASource,
    NotBuilt,
    NotConfigurable,
    UnknownSource,
)
from kernels.progress import Progress
from tests.kernels.processes import kernels, wait_until_gone

MAKEFILE = """\
VERSION = 6
PATCHLEVEL = 1
SUBLEVEL = 7
EXTRAVERSION =
objects = $(patsubst %.c,$(O)/%.o,$(wildcard *.c))
.DELETE_ON_ERROR:
defconfig:
\techo CONFIG_NET=y > $(O)/.config
olddefconfig:
\tsed -i -e /KASAN/d -e /TCP_AO/d $(O)/.config
linux: $(objects)
\tcat $(sort $^) > $(O)/linux
\tchmod +x $(O)/linux
$(O)/%.o: %.c
\t@echo '  CC      $@'
\tsh -n $<
\tcp $< $@
"""
"""The objects are shell scripts, and the kernel is all of them, one after the other."""

CHMOD = "\tchmod +x $(O)/linux\n"

FILES = {"Makefile": MAKEFILE, "a.c": "#!/bin/sh\n", "one.c": "echo 6.1.7\n", "two.c": "exit\n"}


@pytest.fixture(autouse=True)
def _tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Kbuild calls and these trees do not: present, whatever this machine has."""
    for name in ("flex", "bison", "bc"):
        (tmp_path / "bin").mkdir(exist_ok=True)
        (tmp_path / "bin" / name).symlink_to("/bin/true")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{tmp_path / 'bin'}")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "arch/um").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def archive(tmp_path: Path) -> Archive:
    """An archive of nothing, and a cache of its own."""
    return Archive(Cache(tmp_path / "cache"), "file:/nowhere", progress=Progress(quiet=True))


def patch(folder: Path, name: str, *changes: tuple[str, str | None, str | None]) -> Path:
    """A patch that turns the text of each file into another; None is no file."""
    path = folder / f"{name}.patch"
    path.write_text("".join(_diff(folder, *change) for change in changes))
    return path


def _diff(folder: Path, name: str, old: str | None, new: str | None) -> str:
    sides = []
    for side, text in (("a", old), ("b", new)):
        file = folder / "diff" / side / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.unlink(missing_ok=True)
        if text is not None:
            file.write_text(text)
        sides.append(f"{side}/{name}" if text is not None else "/dev/null")
    command = ["git", "diff", "--no-index", "--no-prefix", *sides]
    return subprocess.run(command, cwd=folder / "diff", capture_output=True, text=True, check=False).stdout


def says(folder: Path, text: str) -> Path:
    """A patch after which the kernel gives another version."""
    return patch(folder, text, ("one.c", FILES["one.c"], f"echo {text}\n"))


def compiled(archive: Archive, name: str) -> list[str]:
    """What the last build under a name compiled."""
    log = Built.of(archive.cache).log(name).read_text()
    return [line.split("/")[-1] for line in log.splitlines() if line.startswith("  CC ")]


def there(archive: Archive) -> list[str]:
    return Built.of(archive.cache).names()


def test_a_tree_becomes_a_kernel_that_has_a_name(tree: Path, archive: Archive) -> None:
    made = build(Order("base", str(tree)), archive)

    assert (made, made.release, made.version) == (kernel("built:base").obtain(archive), "6.1.7", "6.1.7")
    assert subprocess.run([made.program], capture_output=True, text=True, check=True).stdout == "6.1.7\n"


def test_nothing_is_written_to_the_tree(tree: Path, archive: Archive) -> None:
    before = sorted(tree.rglob("*"))

    build(Order("base", str(tree)), archive)

    assert sorted(tree.rglob("*")) == before


def test_the_same_is_not_built_again(tree: Path, archive: Archive, tmp_path: Path) -> None:
    order = Order("one", str(tree), patches=[says(tmp_path, "1.2.3")])
    first = build(order, archive)
    log = Built.of(archive.cache).log("one").stat().st_mtime_ns

    again = build(order, archive)
    other = build(Order("other", str(tree), patches=order.patches), archive)

    assert (again, other.release) == (first, "1.2.3")
    assert Built.of(archive.cache).log("one").stat().st_mtime_ns == log
    assert not Built.of(archive.cache).log("other").exists()


def test_of_a_patched_source_only_what_changed_is_compiled(
    tree: Path, archive: Archive, tmp_path: Path
) -> None:
    build(Order("base", str(tree)), archive)

    made = build(Order("one", str(tree), patches=[says(tmp_path, "1.2.3")]), archive)

    assert (made.release, compiled(archive, "one")) == ("1.2.3", ["one.o"])


def test_a_patch_is_not_in_the_next_kernel(tree: Path, archive: Archive, tmp_path: Path) -> None:
    """Files that it changed, made and removed, and a patch with an error."""
    wild = patch(
        tmp_path,
        "wild",
        ("one.c", FILES["one.c"], "echo wild\n"),
        ("new.c", None, "echo new\n"),
        ("two.c", FILES["two.c"], None),
    )
    wrong = patch(tmp_path, "wrong", ("a.c", FILES["a.c"], "#!/bin/sh\n(\n"))
    other = patch(tmp_path, "other", ("two.c", FILES["two.c"], "echo two; exit\n"))
    build(Order("base", str(tree)), archive)
    build(Order("wild", str(tree), patches=[wild]), archive)
    with pytest.raises(BuildFailed):
        build(Order("wrong", str(tree), patches=[wrong]), archive)

    made = build(Order("other", str(tree), patches=[other]), archive)

    assert made.program.read_text() == "#!/bin/sh\necho 6.1.7\necho two; exit\n"
    assert build(Order("base2", str(tree)), archive).release == "6.1.7"


def test_patches_are_applied_in_their_order(tree: Path, archive: Archive, tmp_path: Path) -> None:
    first = says(tmp_path, "1.0.0")
    second = patch(tmp_path, "second", ("one.c", "echo 1.0.0\n", "echo 2.0.0\n"))

    made = build(Order("both", str(tree), patches=[first, second]), archive)

    assert (made.release, made.origin) == ("2.0.0", f"{tree}, 1.0.0.patch, second.patch")
    with pytest.raises(BadPatch, match=r"second\.patch"):
        build(Order("wrong", str(tree), patches=[second, first]), archive)


def test_a_patch_that_does_not_apply_is_named_before_anything_is_compiled(
    tree: Path, archive: Archive, tmp_path: Path
) -> None:
    stale = patch(tmp_path, "stale", ("one.c", "echo 5\n", "echo 6\n"))

    with pytest.raises(BadPatch, match=r"stale\.patch.*patch failed: one\.c:1"):
        build(Order("stale", str(tree), patches=[stale]), archive)

    assert (there(archive), compiled(archive, "stale")) == ([], [])


@pytest.mark.parametrize("text", ["", "no patch\n"])
def test_a_file_that_is_no_patch_is_refused(text: str, tree: Path, archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "none.patch").write_text(text)

    with pytest.raises(BadPatch, match=r"none\.patch"):
        build(Order("none", str(tree), patches=[tmp_path / "none.patch"]), archive)


def test_a_patch_outside_the_tree_is_refused(tree: Path, archive: Archive, tmp_path: Path) -> None:
    outside = tmp_path / "outside.patch"
    outside.write_text("--- a/../../x\n+++ b/../../x\n@@ -0,0 +1 @@\n+x\n")

    with pytest.raises(BadPatch, match=r"outside\.patch"):
        build(Order("outside", str(tree), patches=[outside]), archive)


def test_what_a_patch_names_is_in_the_tree() -> None:
    text = (
        b"diff --git a/o.c b/n.c\nrename from o.c\nrename to n.c\n--- a/o.c\n+++ b/n.c\n"
        b"--- /dev/null\n+++ b/made.c\t2026\n--- a/../../etc/passwd\n"
    )

    assert changed_by(text) == {"o.c", "n.c", "made.c"}


def test_a_tree_that_does_not_build_is_reported_with_the_lines_that_say_why(
    tree: Path, archive: Archive
) -> None:
    (tree / "one.c").write_text("(\n")

    with pytest.raises(BuildFailed, match="make linux") as failed:
        build(Order("wrong", str(tree)), archive)

    log = Built.of(archive.cache).log("wrong")
    assert "Syntax error" in failed.value.details
    assert (str(log) in str(failed.value), log.exists(), there(archive)) == (True, True, [])


def test_what_failed_is_built_when_it_is_mended(tree: Path, archive: Archive, tmp_path: Path) -> None:
    wrong = patch(tmp_path, "wrong", ("one.c", FILES["one.c"], "(\n"))
    with pytest.raises(BuildFailed):
        build(Order("one", str(tree), patches=[wrong]), archive)

    made = build(Order("one", str(tree), patches=[says(tmp_path, "1.2.3")]), archive)

    assert made.release == "1.2.3"


def test_a_failed_build_leaves_a_former_kernel_of_that_name(
    tree: Path, archive: Archive, tmp_path: Path
) -> None:
    former = build(Order("one", str(tree)), archive)
    wrong = patch(tmp_path, "wrong", ("one.c", FILES["one.c"], "(\n"))

    with pytest.raises(BuildFailed):
        build(Order("one", str(tree), patches=[wrong]), archive)

    assert kernel("built:one").obtain(archive) == former


def test_a_name_can_be_given_to_another_kernel(tree: Path, archive: Archive, tmp_path: Path) -> None:
    for text in ("1.0.0", "2.0.0"):
        build(Order("one", str(tree), patches=[says(tmp_path, text)]), archive)

    assert (kernel("built:one").obtain(archive).release, there(archive)) == ("2.0.0", ["one"])


def test_builds_side_by_side_do_not_disturb_each_other(tree: Path, archive: Archive, tmp_path: Path) -> None:
    orders = [
        Order(f"m{number}", str(tree), patches=[says(tmp_path, f"{number}.0.0")]) for number in range(12)
    ]
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda order: build(order, archive), orders))

    assert [image.release for image in made] == [f"{number}.0.0" for number in range(12)]


def test_a_source_is_compiled_once_by_builds_side_by_side(
    tree: Path, archive: Archive, tmp_path: Path
) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda name: build(Order(name, str(tree)), archive), ["a", "b", "c", "d"]))

    assert sorted(object for name in "abcd" for object in compiled(archive, name)) == [
        *("a.o", "one.o", "two.o"),
    ]


@dataclass(frozen=True)
class Interrupted(Progress):
    """Ctrl-C, as soon as a file is compiled."""

    compiling: list[str] = field(default_factory=list)

    @contextmanager
    def work(self, text: str) -> Iterator[Callable[[str], None]]:  # noqa: ARG002
        def update(now: str) -> None:
            self.compiling.append(now)
            raise KeyboardInterrupt

        yield update


@pytest.mark.parametrize("patched", [False, True])
def test_an_interrupted_build_ends_make_and_keeps_nothing_half_made(
    patched: bool, tree: Path, archive: Archive, tmp_path: Path
) -> None:
    sleeping = FILES["Makefile"].replace(
        "\tcp $<", f"\techo $$$$ >> {tmp_path}/pids; exec sleep 1000\n\tcp $<"
    )
    slow = patch(tmp_path, "slow", ("Makefile", MAKEFILE, sleeping), ("one.c", FILES["one.c"], "echo 1\n"))
    order = Order("one", str(tree), patches=[slow])
    if patched:
        build(Order("base", str(tree)), archive)
    else:
        (tree / "Makefile").write_text(sleeping)
        order = Order("one", str(tree))

    with pytest.raises(KeyboardInterrupt):
        build(order, Archive(archive.cache, progress=Interrupted()))
    pids = tmp_path / "pids"
    wait_until_gone([int(pid) for pid in pids.read_text().split()] if pids.exists() else [])

    assert there(archive) == (["base"] if patched else [])
    (tree / "Makefile").write_text(MAKEFILE)
    assert build(Order("next", str(tree), patches=[says(tmp_path, "1.2.3")]), archive).release == "1.2.3"


def git(folder: Path, *arguments: str) -> str:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "init.defaultBranch=main"]
    command = ["git", *identity, "-C", str(folder), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def repository(tree: Path) -> Path:
    git(tree, "init")
    (tree / ".gitignore").write_text("*.o\n")
    (tree / "arch/um/Kconfig").touch()
    for text in ("1.0.0", "2.0.0"):
        (tree / "one.c").write_text(f"echo {text}\n")
        git(tree, "add", ".")
        git(tree, "commit", "-m", text)
        git(tree, "tag", f"v{text}")
    return tree


def test_a_commit_of_a_git_tree_is_built(repository: Path, archive: Archive) -> None:
    named = build(Order("named", f"{repository}@v1.0.0"), archive)
    chosen = build(Order("chosen", str(repository), commit="HEAD~1"), archive)

    assert (named.release, chosen.release) == ("1.0.0", "1.0.0")
    assert named.origin == f"{repository} {git(repository, 'rev-parse', '--short=12', 'v1.0.0')}"


def test_a_git_tree_is_built_with_what_is_not_committed(repository: Path, archive: Archive) -> None:
    clean = build(Order("clean", str(repository)), archive)
    (repository / "one.c").write_text("echo 3.0.0\n")
    (repository / "new.c").write_text(":\n")
    (repository / "left.o").touch()

    changed = build(Order("changed", str(repository)), archive)

    assert (clean.release, changed.release) == ("2.0.0", "3.0.0")
    assert ("with changes" in clean.origin, "with changes" in changed.origin) == (False, True)
    tree = Built.of(archive.cache).source(Built.of(archive.cache).facts("changed").digest) / "tree"
    assert ((tree / "new.c").exists(), (tree / "left.o").exists()) == (True, False)


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_is_written_to_a_repository(repository: Path, archive: Archive) -> None:
    (repository / "one.c").write_text("echo 3.0.0\n")
    before = contents(repository)

    build(Order("changed", str(repository)), archive)
    build(Order("former", f"{repository}@v1.0.0"), archive)

    assert contents(repository) == before


def test_a_commit_that_is_not_there_is_reported(repository: Path, archive: Archive) -> None:
    with pytest.raises(NotASource, match="git"):
        build(Order("none", f"{repository}@v9"), archive)


@pytest.mark.parametrize(("suffix", "how"), [("gz", "-z"), ("xz", "-J"), ("zst", "--zstd")])
@pytest.mark.parametrize("top", [True, False])
def test_a_tarball_is_built(top: bool, suffix: str, how: str, tree: Path, archive: Archive) -> None:
    if shutil.which({"gz": "gzip", "zst": "zstd"}.get(suffix, suffix)) is None:
        pytest.skip(f"nothing packs .{suffix} here")
    tarball = tree.parent / f"linux.tar.{suffix}"
    inside = ["-C", str(tree.parent), tree.name] if top else ["-C", str(tree), "."]
    subprocess.run(["tar", how, "-cf", str(tarball), *inside], check=True)

    assert build(Order("one", str(tarball)), archive).release == "6.1.7"


def test_what_is_no_source_is_refused_and_leaves_nothing(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "text.tar.xz").write_text("no tarball\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "program").mkdir()
    (tmp_path / "program/Makefile").write_text("all:\n\ttrue\n")
    (tmp_path / "old").mkdir()
    (tmp_path / "old/Makefile").write_text("VERSION = 2\nPATCHLEVEL = 4\nSUBLEVEL = 1\n")

    for name in ("text.tar.xz", "empty", "program", "old", "program@v1"):
        with pytest.raises(NotASource, match=rf"{name.partition('@')[0]}.*arch/um, or a tarball"):
            build(Order("one", str(tmp_path / name)), archive)

    assert list(archive.cache.root.glob("built/sources/*/*")) == []


@pytest.mark.parametrize("name", ["9.9", "", "no such tree", "linux@v1", "/nowhere"])
def test_an_unknown_source_is_refused_with_the_known_series(name: str, archive: Archive) -> None:
    with pytest.raises(UnknownSource, match=r"6\.1, 6\.12"):
        build(Order("one", name), archive)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a/b", "..", "-o", "a,b", "ä", "a\n"])
def test_what_is_no_name_is_refused(name: str, tree: Path, archive: Archive) -> None:
    with pytest.raises(BadName, match="letters, digits"):
        build(Order(name, str(tree)), archive)


def test_all_missing_tools_are_named_with_their_packages_before_anything_is_fetched(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("gcc", "make", "ld", "perl", "git", "tar", "find"):
        (tools / name).symlink_to(shutil.which(name) or "/nowhere")
    monkeypatch.setenv("PATH", str(tools))

    with pytest.raises(
        MissingTools, match=r"without: flex, bison, bc, xz\..*install .*flex bison bc xz-utils"
    ):
        build(Order("one", "6.1"), archive)


def test_an_option_that_a_tree_cannot_have_is_refused(tree: Path, archive: Archive) -> None:
    with pytest.raises(NotConfigurable, match=r"6\.1\.7 cannot be built with --kasan: CONFIG_KASAN"):
        build(Order("one", str(tree), options=["kasan"]), archive)

    assert (there(archive), list(archive.cache.root.glob("built/sources/*/tree/objects-*"))) == ([], [])


def test_only_some_folders_count_and_what_is_read_beside_counters_is_kept(
    tree: Path, archive: Archive
) -> None:
    for name in ("net/core", "net/ipv4/netfilter", "fs"):
        (tree / name).mkdir(parents=True)
        (tree / name / "file.c").write_text("int file;\n")
    rules = (
        "folders = net/core net/ipv4/netfilter fs",
        "counts = $(foreach obj,$(folders),$(if $(GCOV_PROFILE),$(obj)))",
    )
    recipe = (
        "\tfor folder in $(counts); do mkdir -p $(O)/$$folder &&",
        "gcc $(CFLAGS_GCOV) -c $$folder/file.c -o $(O)/$$folder/file.o; done",
    )
    lines = MAKEFILE.replace("linux: ", f"{rules[0]}\n{rules[1]}\nlinux: ")
    (tree / "Makefile").write_text(f"{lines.replace(CHMOD, f'{CHMOD}{recipe[0]} {recipe[1]}' + chr(10))}")

    made = build(Order("one", str(tree), options=["gcov"]), archive)

    notes = made.folder / NOTES
    assert sorted(str(file.relative_to(notes)) for file in notes.rglob("*.*")) == [
        *("net/core/file.c", "net/core/file.gcno")
    ]


@pytest.fixture
def without_a_sanitizer(tree: Path) -> Path:
    """A tree that is never set to look at all of its files."""
    (tree / "Makefile").write_text(MAKEFILE.replace("/KASAN/d", "/UBSAN_SANITIZE_ALL/d"))
    (tree / "lib").mkdir()
    (tree / "lib/Kconfig.ubsan").write_text("config UBSAN\n")
    return tree


def test_an_option_without_a_part_that_the_tree_declares_is_refused(
    without_a_sanitizer: Path, archive: Archive
) -> None:
    (without_a_sanitizer / "lib/Kconfig.ubsan").write_text("config UBSAN\n\nconfig UBSAN_SANITIZE_ALL\n")

    with pytest.raises(NotConfigurable, match="--ubsan: CONFIG_UBSAN_SANITIZE_ALL"):
        build(Order("one", str(without_a_sanitizer), options=["ubsan"]), archive)


def test_a_part_of_an_option_that_no_tree_of_the_series_declares_is_left_out(
    without_a_sanitizer: Path, archive: Archive
) -> None:
    made = build(Order("one", str(without_a_sanitizer), options=["ubsan"]), archive)

    assert made.origin == f"{without_a_sanitizer}, ubsan"


@dataclass(frozen=True)
class Lines(Progress):
    """Keeps what a person is told."""

    told: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        self.told.append(text)


def test_what_a_tree_does_not_know_of_the_configuration_is_told(
    tree: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "CONFIGURATION", tree.parent / "asked")
    (tree.parent / "asked").write_text("# comment\nCONFIG_TCP_AO=y\nCONFIG_NET=y\n")
    progress = Lines()

    build(Order("one", str(tree)), Archive(archive.cache, progress=progress))

    assert f"{tree} has no TCP_AO" in progress.told


def test_a_machine_without_ccache_is_told_of(
    tree: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = shutil.which
    monkeypatch.setattr(
        shutil, "which", lambda name, **more: None if name == "ccache" else known(name, **more)
    )
    progress = Lines()

    build(Order("one", str(tree)), Archive(archive.cache, progress=progress))

    assert [line for line in progress.told if "ccache is not installed" in line] != []


def test_the_callers_environment_does_not_steer_make(
    tree: Path, archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"ARCH": "x86", "MAKEFLAGS": "-n", "O": "/nowhere", "GIT_DIR": "/nowhere"}.items():
        monkeypatch.setenv(name, value)

    assert build(Order("one", str(tree)), archive).release == "6.1.7"


def test_unset_lists_what_did_not_come_out() -> None:
    asked = "# CONFIG_A is not set\nCONFIG_B=y\nCONFIG_C=y\nCONFIG_D=y\n# CONFIG_D is not set\n"

    assert unset(asked, "CONFIG_A=y\nCONFIG_B=m\nCONFIG_C=y\n") == ["CONFIG_B=y"]


def test_useful_lines_of_a_log_are_the_errors() -> None:
    log = (
        "$ make linux\n  CC      net/core/sock.o\n../net/core/sock.c:7:1: error: expected ';'\n"
        "make[3]: *** [../scripts/Makefile.build:243: net/core/sock.o] Error 1\n"
        "make[3]: *** Waiting for unfinished jobs....\n  AR      lib/lib.a\n"
    )

    assert useful(log) == "../net/core/sock.c:7:1: error: expected ';'"


def test_a_removed_kernel_is_gone_and_its_source_with_the_last_one(
    tree: Path, archive: Archive, tmp_path: Path
) -> None:
    built = Built.of(archive.cache)
    for number in (1, 2):
        build(Order(f"m{number}", str(tree), patches=[says(tmp_path, f"{number}.0.0")]), archive)
    source = built.source(built.facts("m1").digest)

    built.remove("m1")
    after_the_first = source.exists()
    built.remove("m2")

    assert (after_the_first, source.exists(), there(archive)) == (True, False, [])
    with pytest.raises(NotBuilt, match="m2"):
        built.remove("m2")


def test_a_source_stays_while_something_is_built(tree: Path, archive: Archive) -> None:
    built = Built.of(archive.cache)
    build(Order("one", str(tree)), archive)
    source = built.source(built.facts("one").digest)

    with built.building(Progress(quiet=True)):
        built.remove("one")

    assert (source.exists(), there(archive)) == (True, [])


def test_clean_waits_for_a_build(tree: Path, archive: Archive) -> None:
    built = Built.of(archive.cache)
    waiting = threading.Event()

    @dataclass(frozen=True)
    class Waiting(Progress):
        def line(self, text: str) -> None:  # noqa: ARG002
            waiting.set()

    def clean() -> None:
        with built.idle(Waiting()):
            archive.cache.clean(Progress(quiet=True))

    with ThreadPoolExecutor() as pool:
        with built.building(Progress(quiet=True)):
            cleaned = pool.submit(clean)
            waited = waiting.wait(10)
            build(Order("one", str(tree)), archive)
        cleaned.result()

    assert (waited, there(archive)) == (True, [])


@pytest.fixture
def command(tree: Path, tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """The command line, with a cache of its own."""
    return lambda *arguments: kernels(*arguments, XDG_CACHE_HOME=str(tmp_path / "xdg"))


def test_the_command_line_builds_lists_and_removes(
    command: Callable[..., subprocess.CompletedProcess[str]], tree: Path, tmp_path: Path
) -> None:
    change = says(tmp_path, "1.2.3")
    program = tmp_path / "xdg" / FOLDER / "built/images/one/linux"

    made = command("build", tree, "--patch", change, "-o", "one")
    listed = command("list").stdout.splitlines()
    removed = command("remove", "built:one")

    assert (made.returncode, made.stdout) == (0, f"built:one 1.2.3 {program}\n"), made.stderr
    rows = [line.split() for line in listed if line.startswith("built:one")]
    assert [(row[2], row[-2:]) for row in rows] == [("1.2.3", [f"{tree},", "1.2.3.patch"])]
    assert (removed.returncode, program.exists()) == (0, False)


def test_the_command_line_shows_why_a_build_failed(
    command: Callable[..., subprocess.CompletedProcess[str]], tree: Path
) -> None:
    (tree / "one.c").write_text("(\n")

    ran = command("build", tree, "-o", "one")

    assert ran.returncode == EX_UNAVAILABLE
    assert "Syntax error" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith("kernels: one could not be built: 'make linux' failed")
    assert "Traceback" not in ran.stderr


def test_a_kernel_that_was_not_built_is_reported(
    command: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    ran = command("run", "built:none", "--", "true")

    assert (ran.returncode, "python -m kernels build" in ran.stderr) == (EX_UNAVAILABLE, True)
