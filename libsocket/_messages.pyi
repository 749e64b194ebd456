from collections.abc import Callable, Iterable
from typing import Any

from libsocket.addresses import Address
from libsocket.control.wire import Control, Decoders, Item
from libsocket.message import Message
from libsocket.messaging import Messaging

def decoded(
    table: Decoders, unknown: Callable[..., Control], items: Iterable[Item], /
) -> tuple[Control, ...]: ...
def messages(
    table: Decoders,
    unknown: Callable[..., Control],
    kind: type[Message],
    from_raw: Callable[[bytes], Address | None],
    size: int,
    count: int,
    heads: bytearray,
    /,
) -> list[Message]: ...
def assembled(
    table: Decoders,
    unknown: Callable[..., Control],
    kind: type[Message],
    tuples: dict[int, type[Address]],
    sock: Messaging,
    family: int,
    got: tuple[bytes, list[Item], int, Any],
    /,
) -> Message: ...
