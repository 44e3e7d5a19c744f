"""The checks of PromQL find what they are for."""

import pytest

from tests.support import promql
from tests.support.questions import any_of, duration, filled

LABELS = {"up": {"printer", "location"}, "level": {"printer", "supply"}, "info": {"printer", "model"}, "plain": set()}


@pytest.mark.parametrize(
    ("expression", "label"),
    [
        ('up{printr="a"}', "printr"),
        ("sum by (printr) (up)", "printr"),
        ("sum by (supply) (max by (printer) (level))", "supply"),
        ("sum by (supply) (max without (supply) (level))", "supply"),
        ("max without (supplies) (level)", "supplies"),
        ("up and on (printer, supply) level", "supply"),
        ("level * on (printer) group_left (vendor) info", "vendor"),
        ("info * on (printer) group_right (vendor) level", "vendor"),
        ('sum by (new) (label_replace(up, "old", "$1", "printer", "(.*)"))', "new"),
        ("sum by (model) (level and on (printer) info)", "model"),
        ("topk by (modell) (3, info)", "modell"),
        ("count by (printer) (up == 1 and on () sum by (locatoin) (up))", "locatoin"),
        ('sum by (printer) (rate(up{jobs=~"a"}[5m]))', "jobs"),
        ("max_over_time(max by (supply) (up)[1h:1m])", "supply"),
        ("-sum by (supply) (up)", "supply"),
    ],
)
def test_a_label_that_no_series_can_have_is_found(expression: str, label: str) -> None:
    (fault,) = promql.label_faults(expression, LABELS.__getitem__)
    assert fault.startswith(f"{label}: ")


@pytest.mark.parametrize(
    "expression",
    [
        "sum by (printer, location) (max without (instance, job) (up))",
        "level * on (printer) group_left (model) info",
        "info * on (printer) group_right (model) level",
        "sum by (model) (level * on (printer) group_left (model) info)",
        "up or on (printer) level",
        "sum by (supply) (up or level)",
        "topk by (printer) (1, level) and on (supply) level",
        'sum by (new) (label_join(up, "new", "", "printer"))',
        'sum by (year) (count_values("year", plain))',
        '{__name__=~"up|level",supply="Black toner"}',
        "sum(up) or vector(0)",
    ],
)
def test_labels_that_series_can_have_are_none(expression: str) -> None:
    assert promql.label_faults(expression, LABELS.__getitem__) == []


def test_every_metric_of_an_expression_is_found() -> None:
    expression = (
        'sum(rate(a[5m])) / on () b{c="d"} unless max_over_time(c[1h:1m]) > bool {__name__=~"d|e"} or -topk(3, f)'
    )
    assert promql.metrics(expression) == {"a", "b", "c", "d", "e", "f"}


def test_a_join_of_series_that_still_have_their_target_is_found() -> None:
    scraped = {"level": {"printer", "supply", "instance"}, "info": {"printer", "model", "instance"}}
    join = "{} * on (printer) group_left (model) {}"
    assert (
        promql.label_faults(
            join.format("max without (instance) (level)", "max by (printer, model) (info)"), scraped.__getitem__
        )
        == []
    )
    for sides in (("level", "max by (printer, model) (info)"), ("max without (instance) (level)", "info")):
        (fault,) = promql.label_faults(join.format(*sides), scraped.__getitem__)
        assert fault.startswith("instance: not reduced")


@pytest.mark.parametrize(
    ("expression", "labels"),
    [
        ("max without (supply) (level)", {"printer"}),
        ("sum(level)", set()),
        ("level * on (printer) group_left (model) info", {"printer", "supply", "model"}),
        ("info and on (printer) level", {"printer", "model"}),
        ("time() - max by (printer) (level)", {"printer"}),
        ("topk(3, level)", {"printer", "supply"}),
    ],
)
def test_the_labels_of_a_result_are_known(expression: str, labels: set[str]) -> None:
    assert promql.result_labels(expression, LABELS.__getitem__) == labels


@pytest.mark.parametrize(
    ("expression", "is_early"),
    [
        ("increase(max without (instance) (a)[1h:1m])", True),
        ("sum(rate((sum by (b) (a))[1h:1m]))", True),
        ("max without (instance) (increase(a[1h]))", False),
        ("max_over_time(max without (instance) (a)[1h:1m])", False),
    ],
)
def test_counting_over_a_reduction_is_found(*, expression: str, is_early: bool) -> None:
    assert promql.reduced_too_early(expression) == is_early


def test_variables_are_filled_in_and_an_unknown_one_is_a_fault() -> None:
    assert filled('a{b=~"$b",c="${c:regex}"}[$__range] $1', {"b": "x|y", "c": "z", "__range": "60s"}) == (
        'a{b=~"x|y",c="z"}[60s] $1'
    )
    with pytest.raises(KeyError):
        filled("$missing", {})


def test_several_values_are_quoted_twice_for_promql() -> None:
    assert any_of(["a.b", "c"]) == r"(a\\.b|c)"


@pytest.mark.parametrize(
    ("text", "seconds"), [("30d", 2_592_000), ("now-6h", 21_600), ("now/d", 86_400), ("60s", 60), ("now/w", 604_800)]
)
def test_ranges_are_read(text: str, seconds: int) -> None:
    assert duration(text) == seconds
