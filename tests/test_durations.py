"""Rules that run faster than they are shipped, for tests that cannot wait."""

import pytest
import yaml

from tests.support.durations import scaled, scaled_rules, seconds
from tests.support.prometheus import RULES


@pytest.mark.parametrize(
    ("text", "length"), [("90s", 90), ("1h30m", 5_400), ("5m", 300), ("2w1d", 1_296_000), ("250ms", 0.25)]
)
def test_a_duration_is_read_in_seconds(text: str, length: float) -> None:
    assert seconds(text) == length


def test_a_scaled_duration_is_never_nothing() -> None:
    assert scaled("10m", 1 / 120) == "5000ms"
    assert scaled("1s", 1e-9) == "1ms"


def test_every_duration_of_a_rule_is_scaled_and_nothing_else() -> None:
    rule = {
        "alert": "Late",
        "expr": 'time() - max_over_time(x{interface="for 5m", cover=~"[0-9]"}[5m]) > 600 and y[14d:1h] offset 1h',
        "for": "10m",
        "keep_firing_for": "5m",
        "labels": {"severity": "warning"},
        "annotations": {"description": '{{ query "last_over_time(x[1h])" }} for 10m'},
    }
    [group] = scaled_rules({"groups": [{"name": "late", "interval": "1h", "rules": [rule]}]}, 1 / 10)["groups"]
    assert group == {
        "name": "late",
        "interval": "360000ms",
        "rules": [
            {
                "alert": "Late",
                "expr": 'time() - max_over_time(x{interface="for 5m", cover=~"[0-9]"}[30000ms]) > 600'
                " and y[120960000ms:360000ms] offset 1h",
                "for": "60000ms",
                "keep_firing_for": "30000ms",
                "labels": {"severity": "warning"},
                "annotations": {"description": '{{ query "last_over_time(x[360000ms])" }} for 10m'},
            }
        ],
    }


def test_the_shipped_rules_have_no_duration_that_is_not_scaled() -> None:
    for path in RULES.glob("*.yml"):
        assert " offset " not in yaml.safe_dump(yaml.safe_load(path.read_text()))
