from __future__ import annotations

import pytest

from kernels.backend import backends
from kernels.series import Series, series_table
from reports.ranges import version


def series(name: str) -> Series:
    return next(one for one in series_table().series if one.name == name)


def test_every_series_has_a_backend() -> None:
    assert {one.backend for one in series_table().series} == set(backends()) - {"built"}


@pytest.mark.parametrize("backend", ["uml", "virtme", "gvisor"])
def test_series_are_listed_oldest_first(backend: str) -> None:
    numbers = [version(one.number) for one in series_table().of(backend)]

    assert numbers == sorted(numbers)


@pytest.mark.parametrize(
    ("name", "package", "package_version"),
    [
        ("uml:6.1", "user-mode-linux", "6.1um4+b13"),
        ("virtme:5.10", "linux-image-5.10.0-46-amd64", "5.10.262-1"),
        ("virtme:6.12", "linux-image-6.12.90+deb13.1-amd64", "6.12.90-2"),
        ("virtme:6.12-rt", "linux-image-6.12.90+deb13.1-rt-amd64", "6.12.90-2"),
        ("virtme:7.3", "linux-image-7.3.4+deb13-amd64", "7.3.4-1~bpo13+1"),
        ("gvisor:2022", "runsc", "0.0~20221219.0-2+b3"),
    ],
)
def test_a_series_matches_its_packages(name: str, package: str, package_version: str) -> None:
    assert series(name).matches(package, package_version, "amd64")


@pytest.mark.parametrize(
    ("name", "package", "package_version"),
    [
        ("uml:6.1", "user-mode-linux", "6.12um1+b22"),
        ("uml:6.1", "user-mode-linux-doc", "6.1um4"),
        ("virtme:6.1", "linux-image-6.12.90+deb13-amd64", "6.12.90-1"),
        ("virtme:6.1", "linux-image-6.1.0-56-cloud-amd64", "6.1.192-2"),
        ("virtme:6.1", "linux-image-6.1.0-56-rt-amd64", "6.1.192-2"),
        ("virtme:6.1", "linux-image-6.1.0-56-amd64-dbg", "6.1.192-2"),
        ("virtme:6.1", "linux-image-6.1.0-56-amd64-unsigned", "6.1.192-2"),
        ("virtme:6.1", "linux-image-6.1.0-56-arm64", "6.1.192-2"),
        ("gvisor:2022", "runsc", "0.0~20240729.0-4+b7"),
    ],
)
def test_a_series_matches_no_other_package(name: str, package: str, package_version: str) -> None:
    assert not series(name).matches(package, package_version, "amd64")
