"""``--counters``: what of a kernel each claim reaches, kept between its tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from zipfile import ZipFile

import pytest

from conformance.plugin import counters
from conformance.plugin.counters import CounterWatch, counted
from conformance.plugin.exit_status import Stopped
from conformance.plugin.guest_share import Ground, Share
from tests.conformance import suites

PLACE = "root/tree/objects-1/net/core/sock.gcda"
SESSION = cast(
    pytest.Session, SimpleNamespace(config=SimpleNamespace(option=SimpleNamespace(collectonly=False)))
)


class Kernel:
    """A folder in the place of /sys/kernel/debug/gcov, with two files that count."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.kept = folder / "gcov", folder / "kept"
        self.resets = 0
        for name in (
            PLACE,
            "root/tree/objects-1/net/socket.gcda",
            "root/tree/objects-1/drivers/net/tun.gcda",
        ):
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_bytes(b"zero")
        self.watch = CounterWatch(self.kept, self.folder)

    def test(self, claim: str, body: Callable[[Path], object], following: str = "") -> None:
        """Run a test of a claim, with the hook around it; the kernel's reset is made up for."""
        item = cast(Any, SimpleNamespace(claim=claim))
        nextitem = cast(Any, SimpleNamespace(claim=following)) if following else None
        around = self.watch.pytest_runtest_protocol(item, nextitem)
        (self.folder / "reset").write_text("")
        next(around)
        if (self.folder / "reset").read_text():
            (self.folder / PLACE).write_bytes(b"zero")
        body(self.folder / PLACE)
        with pytest.raises(StopIteration):
            around.send(True)


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kernel:
    monkeypatch.setattr(
        counters, "stated", lambda item: SimpleNamespace(claim=SimpleNamespace(id=item.claim))
    )
    made = Kernel(tmp_path)
    made.watch.pytest_collection_finish(SESSION)
    return made


def kept(kernel: Kernel, claim: str) -> dict[str, bytes]:
    with ZipFile(kernel.kept / f"{claim}.zip") as file:
        return {name: file.read(name) for name in file.namelist()}


def test_what_a_test_changes_is_kept_by_its_place_in_the_tree(kernel: Kernel) -> None:
    kernel.test("socket.7/SO_MARK/value", lambda file: file.write_bytes(b"some"))

    assert kept(kernel, "socket.7/SO_MARK/value") == {"1/net/core/sock.gcda": b"some"}
    assert (kernel.folder / "reset").read_text() == "0"


def test_tests_of_a_claim_that_follow_each_other_are_read_once(kernel: Kernel) -> None:
    claim = "socket.7/SO_MARK/value"
    kernel.test(claim, lambda file: file.write_bytes(b"some"), claim)
    kernel.test(claim, lambda file: file.write_bytes(file.read_bytes() + b"more"), "socket.7/SO_TYPE/value")

    assert kept(kernel, claim) == {"1/net/core/sock.gcda": b"somemore"}


def test_a_claim_has_a_folder_for_each_time_that_it_is_tried(kernel: Kernel) -> None:
    kernel.test("socket.7/SO_MARK/value", lambda file: file.write_bytes(b"some"))
    kernel.test("socket.7/SO_TYPE/value", lambda file: file.write_bytes(b"else"))
    kernel.test("socket.7/SO_MARK/value", lambda file: file.write_bytes(b"more"))

    assert kept(kernel, "socket.7/SO_MARK/value") == {
        "1/net/core/sock.gcda": b"some",
        "2/net/core/sock.gcda": b"more",
    }


def test_a_test_that_reaches_nothing_says_so(kernel: Kernel) -> None:
    kernel.test("socket.7/SO_MARK/value", lambda _: None)

    assert kept(kernel, "socket.7/SO_MARK/value") == {}


def test_a_kernel_without_counters_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(Stopped, match=r"--gcov"):
        CounterWatch(tmp_path / "kept", tmp_path / "none").pytest_collection_finish(SESSION)


def test_a_folder_that_cannot_be_written_ends_the_run(kernel: Kernel) -> None:
    kernel.kept.write_text("a file")

    with pytest.raises((Stopped, RuntimeError), match="cannot be kept"):
        kernel.test("socket.7/SO_MARK/value", lambda _: None)


def test_a_run_goes_on_with_the_claims_that_have_no_counters_yet(kernel: Kernel) -> None:
    kernel.test("socket.7/SO_MARK/value", lambda _: None)
    items = [cast(Any, SimpleNamespace(claim=f"socket.7/SO_MARK/{slug}")) for slug in ("value", "other")]

    assert counted(items, kernel.kept) == (items[:1], items[1:])


@pytest.mark.parametrize(
    "other", [["-n", "2"], ["--faults"], ["--transcript", "there"]], ids=lambda one: one[0]
)
def test_tests_are_counted_one_at_a_time(tmp_path: Path, other: list[str]) -> None:
    ended = suites.run(tmp_path, "def test(): pass", "--counters", str(tmp_path / "counters"), *other)

    assert ended.code == 4
    assert "one test at a time" in ended.said


def test_the_host_takes_a_guest_s_counters_and_follows_no_link(tmp_path: Path) -> None:
    kernel = cast(Any, SimpleNamespace(name="built:tiny"))
    ground = Ground(kernel, cast(Any, None), tmp_path, tmp_path / "kept")
    share = Share(ground, [], [], tmp_path, cast(Any, None))
    there = tmp_path / "0" / "counters" / "socket.7" / "SO_MARK"
    there.mkdir(parents=True)
    (there / "value.zip").write_bytes(b"zip")
    (there / "link.zip").symlink_to("/etc/hostname")

    for claim in ("value", "link", "none"):
        share._counted = f"socket.7/SO_MARK/{claim}"
        share._keep_counters()

    assert [file.name for file in (tmp_path / "kept").rglob("*.zip")] == ["value.zip"]
