from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

def method(families: dict[type, int], family: Any, standard: Callable[..., Any], plain: F, /) -> F: ...
