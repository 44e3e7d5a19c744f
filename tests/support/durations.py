"""Prometheus durations, and rules whose every duration is scaled: a test need not wait for hours."""

import re
from typing import Any

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
_PART = re.compile(r"(\d+)(ms|[smhdw])")
_WINDOW = re.compile(r"\[[\dsmhdw:]+\]")
_KEYS = ("for", "keep_firing_for", "interval")


def seconds(duration: str) -> float:
    """Read a duration such as 1h30m."""
    return sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(duration))


def scaled(duration: str, factor: float) -> str:
    """Return a duration times `factor`, in whole milliseconds and at least one."""
    return f"{max(1, round(seconds(duration) * factor * 1_000))}ms"


def scaled_rules(rules: Any, factor: float) -> Any:
    """Return a rules file's content with `for`, `keep_firing_for`, `interval` and every window times `factor`.

    Windows are those of expressions and of queries in annotations, such as [5m] and [14d:1h]. Seconds that expressions
    compare with stay as they are.
    """
    if isinstance(rules, dict):
        return {
            key: scaled(value, factor) if key in _KEYS else scaled_rules(value, factor) for key, value in rules.items()
        }
    if isinstance(rules, list):
        return [scaled_rules(one, factor) for one in rules]
    if isinstance(rules, str):
        return _WINDOW.sub(lambda window: _scaled_window(window[0], factor), rules)
    return rules


def _scaled_window(window: str, factor: float) -> str:
    return f"[{':'.join(scaled(part, factor) for part in window[1:-1].split(':'))}]"
