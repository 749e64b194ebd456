"""Keys that the kernel keeps: add_key(2), on the keyring of this thread alone, and gone with the block."""

from __future__ import annotations

import ctypes
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

_ADD_KEY: Final = {"x86_64": 248, "i686": 286}.get(platform.machine(), 217)
_KEYCTL: Final = {"x86_64": 250, "i686": 288}.get(platform.machine(), 219)
_THREAD_KEYRING: Final = -1
_SETPERM, _UNLINK = 5, 9
ALL: Final = 0x3F3F_0000
"""Every permission, for who possesses a key and for its owner."""
SEARCH: Final = 0x0808_0000
"""To find it, for both: KEY_POS_SEARCH and KEY_USR_SEARCH."""
POSSESSOR, OWNER = 0x3F00_0000, 0x003F_0000
_NAME, _MASTER = b"conformance:key", b"conformance:master"

_libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def stored_key(kind: str, data: bytes, *, permissions: int = ALL, name: bytes = _NAME) -> Iterator[int]:
    """The serial number of a key of a type, with such permissions. Raises: OSError."""
    serial = _called(_ADD_KEY, kind.encode(), name, data, ctypes.c_size_t(len(data)), _THREAD_KEYRING)
    try:
        _called(_KEYCTL, _SETPERM, ctypes.c_long(serial), ctypes.c_ulong(permissions))
        yield serial
    finally:
        with suppress(OSError):
            _called(_KEYCTL, _UNLINK, ctypes.c_long(serial), ctypes.c_long(_THREAD_KEYRING))


@contextmanager
def encrypted_keys() -> Iterator[tuple[int, int]]:
    """The serial numbers of two keys of the type ``encrypted``, whose data the kernel chose.

    Raises: OSError.
    """
    wanted = b"new user:" + _MASTER + b" 32"
    with (
        stored_key("user", bytes(32), name=_MASTER),
        stored_key("encrypted", wanted) as first,
        stored_key("encrypted", wanted, name=_NAME + b"2") as second,
    ):
        yield first, second


def try_key(kind: str) -> None:
    """That there is such a type of keys. Raises: OSError."""
    if kind == "encrypted":
        with encrypted_keys():
            return
    with stored_key(kind, b"" if kind == "keyring" else b"data"):
        pass


def _called(number: int, *given: object) -> int:
    returned = int(_libc.syscall(number, *given))
    if returned < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return returned
