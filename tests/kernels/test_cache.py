from __future__ import annotations

import io
import shutil
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from kernels.cache import Cache, user_cache
from kernels.errors import CacheUnwritable, NoSpace
from kernels.progress import Progress
from tests.kernels.processes import ROOT

QUIET = Progress(quiet=True)

HOLDER = """
import sys
from pathlib import Path
from kernels.cache import Cache
from kernels.progress import Progress
with Cache(Path(sys.argv[1])).locked(Progress(quiet=True)):
    print("held", flush=True)
    sys.stdin.read()
"""


def content(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_folder_appears_when_it_is_whole(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    with cache.locked(QUIET), cache.filled(tmp_path / "uml" / "6.1") as making:
        (making / "linux").write_text("kernel")
        before = (tmp_path / "uml").exists()

    assert (before, content(tmp_path / "uml")) == (False, ["6.1/linux"])


def test_a_newer_folder_takes_the_place_of_the_former(tmp_path: Path) -> None:
    cache, folder = Cache(tmp_path), tmp_path / "tools"

    for name in ("former", "newer"):
        with cache.locked(QUIET), cache.filled(folder) as making:
            (making / name).touch()

    assert content(folder) == ["newer"]


def test_nothing_is_left_of_a_folder_that_was_not_finished(tmp_path: Path) -> None:
    cache = Cache(tmp_path)

    with cache.locked(QUIET), pytest.raises(FileNotFoundError), cache.filled(tmp_path / "uml") as making:
        shutil.copytree("/nowhere", making / "half")

    assert content(tmp_path) == ["lock"]


def test_the_next_run_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    left = tmp_path / "making" / "abc" / "6.1" / "half"
    left.parent.mkdir(parents=True)
    left.touch()

    with Cache(tmp_path).locked(QUIET):
        pass

    assert content(tmp_path) == ["lock"]


class Letting(io.StringIO):
    """Where a run says that it waits; that lets the holder of the lock go."""

    def __init__(self, holder: IO[str]) -> None:
        super().__init__()
        self._holder = holder

    def flush(self) -> None:
        self._holder.close()


def test_a_second_run_says_that_it_waits_and_then_goes_on(tmp_path: Path) -> None:
    command, pipe = [sys.executable, "-c", HOLDER, str(tmp_path)], subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as holder:
        assert holder.stdout
        assert holder.stdin
        holder.stdout.readline()
        said = Letting(holder.stdin)
        with Cache(tmp_path).locked(Progress(stream=said)):
            told = said.getvalue()

    assert "waiting" in told


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with (
        pytest.raises(CacheUnwritable, match="XDG_CACHE_HOME"),
        Cache(tmp_path / "file" / "cache").locked(QUIET),
    ):
        pass


def test_more_than_is_free_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoSpace, match="MiB are needed"):
        Cache(tmp_path).need(shutil.disk_usage(tmp_path).total * 2)


def test_clean_leaves_nothing_and_tells_how_much_it_was(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    with cache.locked(QUIET), cache.filled(cache.root / "uml") as making:
        (making / "linux").write_bytes(bytes(1000))

    removed = cache.clean(QUIET)

    assert (removed, cache.root.exists()) == (1000, False)


@pytest.mark.parametrize(
    ("named", "used"),
    [("/var/tmp/here", "/var/tmp/here"), ("", "/home/a/.cache"), ("here", "/home/a/.cache")],
)
def test_the_cache_follows_xdg(named: str, used: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", named)
    monkeypatch.setenv("HOME", "/home/a")

    assert user_cache() == Path(used)
