"""Computing again only what has changed: most of what a printer says is what it said before."""

from collections.abc import Callable
from typing import Generic, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


class Memo(Generic[P, R]):
    """A pure function that remembers its last call: equal arguments, by position, give the very same object."""

    __slots__ = ("_arguments", "_function", "_result")

    _result: R

    def __init__(self, function: Callable[P, R]) -> None:
        self._function = function
        self._arguments: tuple[object, ...] | None = None

    def __call__(self, *arguments: P.args, **_none: P.kwargs) -> R:
        """Return what the function makes of these arguments."""
        if arguments != self._arguments:
            self._result = self._function(*arguments, **_none)
            self._arguments = arguments
        return self._result
