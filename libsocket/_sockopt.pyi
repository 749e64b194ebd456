from collections.abc import Callable
from socket import socket
from typing import Any

from libsocket.sockopt import EncodeFailed, Failed

def reader(
    failed: Failed, level: int, number: int, form: str, size: int, decode: Callable[[bytes], Any], /
) -> Callable[[socket], Any]: ...
def writer(
    failed: Failed,
    level: int,
    number: int,
    form: str,
    size: int,
    encode: Callable[[Any], bytes],
    encode_failed: EncodeFailed,
    /,
) -> Callable[[socket, Any], None]: ...
def get(self: socket, option: Any, /, *, request: Any = ...) -> Any: ...
def set(self: socket, option: Any, value: Any, /) -> None: ...
