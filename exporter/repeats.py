"""How often a trouble that does not end is logged: the metrics count it, a log line now and then reminds of it."""

import math
from collections.abc import Collection
from dataclasses import dataclass

_FIRST_PAUSE = 3600.0
_LONGEST_PAUSE = 86_400.0


@dataclass(slots=True)
class _Trouble:
    """Something that goes wrong again and again; `times` since the last line on it."""

    times: int = 0
    told_at: float = -math.inf
    pause: float = _FIRST_PAUSE
    goes_on: bool = False


class Repeats:
    """Which of many equal troubles get a line: the first, one an hour later, then one after twice as long, up to a day.

    What ends and begins anew within the hour is part of the same trouble.
    """

    def __init__(self) -> None:
        self._troubles: dict[str, _Trouble] = {}

    def failed(self, key: str, *, at: float) -> int:
        """Count a failure at a time in seconds; return how many a line is to tell of, 0 when it is not time for one."""
        trouble = self._troubles.setdefault(key, _Trouble())
        trouble.times += 1
        if trouble.told_at <= at < trouble.told_at + trouble.pause:  # a clock that was set back ends the pause
            return 0
        if trouble.goes_on:
            trouble.pause = min(2 * trouble.pause, _LONGEST_PAUSE)
        times, trouble.times = trouble.times, 0
        trouble.told_at, trouble.goes_on = at, True
        return times

    def ended(self, key: str) -> bool:
        """Tell whether there was a line on a trouble that is over now."""
        trouble = self._troubles.get(key)
        if trouble is None or not trouble.goes_on:
            return False
        trouble.pause, trouble.goes_on = _FIRST_PAUSE, False
        return True

    def keep_only(self, keys: Collection[str]) -> None:
        """Forget the troubles of what is no longer there."""
        self._troubles = {key: trouble for key, trouble in self._troubles.items() if key in keys}
