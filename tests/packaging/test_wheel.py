"""What gets installed: the library alone, needing nothing, with its compiled twins or without."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from dataclasses import dataclass
from pathlib import Path
from zipfile import ZipFile

import pytest

import libsocket

ROOT = Path(__file__).parents[2]
TWINS = ("_sockopt", "_addressing", "_messages")
DIST_INFO = f"libsocket_linux-{libsocket.__version__}.dist-info"
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check")
NO_COMPILER = "false"
SDIST = "import setuptools.build_meta as backend, sys; print(backend.build_sdist(sys.argv[1]))"
TRY = """\
from libsocket import Socket, compiled
with Socket.udp() as sock:
    sock.keepalive = True
    print(compiled.COMPILED, sock.keepalive)
"""


def compiler() -> str | None:
    """What extensions are built with, where it and Python's headers are here."""
    command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
    return (
        command
        if shutil.which(command.split()[0]) and Path(sysconfig.get_path("include"), "Python.h").exists()
        else None
    )


needs_compiler = pytest.mark.skipif(compiler() is None, reason="nothing can be compiled here")


@dataclass(frozen=True, slots=True)
class Wheel:
    """A wheel, what it was built in, and whether it is to have the compiled twins."""

    file: Path
    environment: dict[str, str]
    compiled: bool

    @property
    def names(self) -> list[str]:
        with ZipFile(self.file) as content:
            return sorted(content.namelist())

    @property
    def metadata(self) -> str:
        with ZipFile(self.file) as content:
            return content.read(f"{DIST_INFO}/METADATA").decode()


def run(*command: str, cwd: Path | None = None, environment: dict[str, str] | None = None) -> str:
    """What a program prints; its complaints are the test's where it fails."""
    # With PYTHONPATH set, what is in the clone would count as installed.
    variables = {**os.environ, "PYTHONPATH": "", **(environment or {})}
    done = subprocess.run(command, cwd=cwd, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def clone(folder: Path) -> Path:
    """A copy of this tree, since building leaves things behind that the next build takes."""
    hidden = shutil.ignore_patterns(".*", "*.so", "*.c", "*.egg-info", "__pycache__", "build", "local")
    return Path(shutil.copytree(ROOT, folder / "clone", ignore=hidden))


def build(source: Path, folder: Path, environment: dict[str, str]) -> Path:
    """A wheel from a tree or a source distribution."""
    command = ("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(source))
    run(*PIP, *command, environment=environment)
    [file] = folder.glob("*.whl")
    return file


@pytest.fixture(
    scope="module", params=[pytest.param(True, marks=needs_compiler), False], ids=["compiled", "plain"]
)
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Wheel:
    environment = {} if request.param else {"CC": NO_COMPILER}
    folder = tmp_path_factory.mktemp("wheel")
    return Wheel(build(clone(folder), folder, environment), environment, request.param)


@pytest.fixture
def venv(tmp_path: Path) -> Path:
    """The Python of a fresh virtual environment."""
    run(sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv"))
    return tmp_path / "venv" / "bin" / "python"


def test_wheel_holds_the_library_and_nothing_else(wheel: Wheel) -> None:
    assert {name.split("/")[0] for name in wheel.names} == {"libsocket", DIST_INFO}


def test_wheel_requires_nothing(wheel: Wheel) -> None:
    assert [line for line in wheel.metadata.splitlines() if line.startswith("Requires-Dist")] == []


def test_wheel_holds_every_module_its_types_and_no_compiled_source(wheel: Wheel) -> None:
    sources = {
        str(file.relative_to(ROOT))
        for file in (ROOT / "libsocket").rglob("*.py*")
        if file.suffix in {".py", ".pyi"}
    }

    held = {name for name in wheel.names if name.startswith("libsocket/") and not name.endswith(".so")}

    assert held == sources | {"libsocket/py.typed"}


def test_twins_are_compiled_where_there_is_a_compiler(wheel: Wheel) -> None:
    twins = {name.split("/")[1].split(".")[0] for name in wheel.names if name.endswith(".so")}

    assert twins == (set(TWINS) if wheel.compiled else set())


def test_installed_library_works_alone(wheel: Wheel, venv: Path, tmp_path: Path) -> None:
    run(*PIP, "--python", str(venv), "install", "--no-index", str(wheel.file))

    assert run(str(venv), "-I", "-c", TRY, cwd=tmp_path) == f"{wheel.compiled} True\n"


def test_source_distribution_holds_the_library_only_and_builds_the_same_wheel(
    wheel: Wheel, tmp_path: Path
) -> None:
    name = run(sys.executable, "-c", SDIST, str(tmp_path), cwd=clone(tmp_path)).splitlines()[-1]
    with tarfile.open(tmp_path / name) as content:
        programs = {member.split("/")[1] for member in content.getnames() if member.endswith(".py")}

    built = build(tmp_path / name, tmp_path, wheel.environment)

    assert (programs, Wheel(built, {}, wheel.compiled).names) == ({"setup.py", "libsocket"}, wheel.names)


@needs_compiler
def test_c_compiles_without_a_warning(tmp_path: Path) -> None:
    strict = f"{os.environ.get('CFLAGS', '')} -Wall -Wextra -Werror"
    places = ("--build-temp", str(tmp_path / "temp"), "--build-lib", str(tmp_path / "lib"))
    command = (sys.executable, "setup.py", "build_ext", "--force", *places)

    output = run(*command, cwd=clone(tmp_path), environment={"CFLAGS": strict})

    # The extensions are optional: one that does not compile is left out, and the command succeeds.
    assert {file.name.split(".")[0] for file in tmp_path.rglob("*.so")} == set(TWINS), output
