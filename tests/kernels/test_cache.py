from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier

import pytest

from kernels.cache import FOLDER, Cache
from kernels.errors import CacheUnwritable, NoSpace
from kernels.progress import Progress
from tests.kernels.processes import ROOT

QUIET = Progress(quiet=True)

HOLDER = """
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from kernels.cache import FOLDER, Cache
from kernels.progress import Progress
with Cache(Path(sys.argv[1])).locked(Progress(quiet=True)):
    print("held", flush=True)
    sys.stdin.read()
"""


def content(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def fill(cache: Cache, progress: Progress) -> None:
    with cache.locked(progress), cache.atomic_folder(cache.root / "uml") as folder:
        (folder / "linux").write_text("kernel")


def test_an_atomic_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    with cache.locked(QUIET), cache.atomic_folder(tmp_path / "uml" / "6.1") as making:
        (making / "linux").write_text("kernel")
        before = (tmp_path / "uml").exists()

    assert (before, content(tmp_path / "uml")) == (False, ["6.1/linux"])


def test_an_atomic_folder_replaces_the_former(tmp_path: Path) -> None:
    cache, folder = Cache(tmp_path), tmp_path / "tools"

    for name in ("former", "newer"):
        with cache.locked(QUIET), cache.atomic_folder(folder) as making:
            (making / name).touch()

    assert content(folder) == ["newer"]


def test_nothing_is_left_of_an_atomic_folder_that_failed(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    with (
        cache.locked(QUIET),
        pytest.raises(FileNotFoundError),
        cache.atomic_folder(tmp_path / "uml") as making,
    ):
        shutil.copytree("/nowhere", making / "half")

    assert content(tmp_path) == ["lock"]


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    left = tmp_path / "partial" / "abc" / "6.1" / "half"
    left.parent.mkdir(parents=True)
    left.touch()

    with Cache(tmp_path).locked(QUIET):
        pass

    assert content(tmp_path) == ["lock"]


@contextmanager
def held(root: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the cache's lock until its standard input is closed."""
    command, pipe = [sys.executable, "-c", HOLDER, str(root)], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout
        holder.stdout.readline()
        yield holder


@dataclass(frozen=True)
class Waiting(Progress):
    """Calls a function when a process reports that it waits for the lock."""

    then: Callable[[], object] = lambda: None
    lines: list[str] = field(default_factory=list)

    def line(self, text: str) -> None:
        self.lines.append(text)
        self.then()


def test_a_second_run_reports_that_it_waits_and_then_goes_on(tmp_path: Path) -> None:
    with held(tmp_path) as holder:
        assert holder.stdin
        waiting = Waiting(then=holder.stdin.close)
        with Cache(tmp_path).locked(waiting):
            pass

    assert waiting.lines == ["another run is fetching kernels; waiting for it to end"]


def test_a_killed_run_holds_the_lock_no_longer(tmp_path: Path) -> None:
    with held(tmp_path) as holder:
        holder.kill()
        holder.wait()
        waiting = Waiting()
        with Cache(tmp_path).locked(waiting):
            pass

    assert waiting.lines == []


def test_a_run_that_waited_for_clean_goes_on(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with held(cache.root) as holder, ThreadPoolExecutor() as pool:
        assert holder.stdin
        blocked = Barrier(3)
        waiting = Waiting(then=blocked.wait)
        cleaned = pool.submit(cache.clean, waiting)
        fetched = pool.submit(fill, cache, waiting)
        blocked.wait()
        holder.stdin.close()

    assert (cleaned.exception(), fetched.exception()) == (None, None)


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(CacheUnwritable, match="XDG_CACHE_HOME"),
        Cache(tmp_path / "file" / "cache").locked(QUIET),
    ):
        pass


def test_more_than_is_free_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoSpace, match="MiB are needed"):
        Cache(tmp_path).require_space(shutil.disk_usage(tmp_path).total * 2)


def test_clean_leaves_the_lock_only_and_returns_the_bytes_removed(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with cache.locked(QUIET), cache.atomic_folder(cache.root / "uml") as making:
        (making / "linux").write_bytes(bytes(1000))

    removed = cache.clean(QUIET)

    assert (removed, content(cache.root)) == (1000, ["lock"])


@pytest.mark.parametrize(
    ("named", "used"),
    [("/var/tmp/here", "/var/tmp/here"), ("", "/home/a/.cache"), ("here", "/home/a/.cache")],
)
def test_the_cache_follows_xdg(named: str, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setenv("HOME", "/home/a")

    assert Cache.of_user().root == Path(used) / FOLDER
