from collections.abc import Callable
from socket import socket
from typing import Any

from libsocket.option import Option

def reader(
    option: Option[Any], level: int, number: int, form: str, size: int, decode: Callable[[bytes], Any], /
) -> Callable[[socket], Any]: ...
def writer(
    option: Option[Any], level: int, number: int, form: str, size: int, encode: Callable[[Any], bytes], /
) -> Callable[[socket, Any], None]: ...
def get(self: socket, option: Option[Any], /) -> Any: ...
def set(self: socket, option: Option[Any], value: Any, /) -> None: ...
