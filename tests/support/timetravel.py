"""An event loop whose clock jumps to the next timer when there is nothing else to do.

Tests of waiting neither sleep nor depend on how fast the machine is.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.jumped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            if timeout is None:
                raise RuntimeError("the test waits for something that never comes")
            self.jumped += max(0.0, timeout)
        return events


class TimeTravelLoop(asyncio.SelectorEventLoop):
    """Starts at 0 s."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.jumped


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine on a loop of its own that starts at 0 s."""
    with asyncio.Runner(loop_factory=TimeTravelLoop) as runner:
        return runner.run(main)
