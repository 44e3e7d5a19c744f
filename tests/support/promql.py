"""What a PromQL expression names: its metrics, and the labels that it takes for granted."""

from collections.abc import Callable, Iterator

import promql_parser as p

AnyExpr = p.Expr
Labels = Callable[[str], set[str]]
"""The labels that a metric can have."""
COUNTING = {"rate", "irate", "increase", "changes", "resets"}
SET_OPERATORS = {"and", "or", "unless"}
TARGET = {"instance", "job"}
WITHOUT = "AggModifierType.Without"


def metrics(expression: str) -> set[str]:
    """Return the metrics that it selects; an empty name stands for a selector without one."""
    selectors = (node for node in _below(p.parse(expression)) if isinstance(node, p.VectorSelector))
    return {name for selector in selectors for name in _names(selector)}


def reduced_too_early(expression: str) -> bool:
    """Return whether it counts over a maximum or sum, which falls where one of two exporters begins anew."""
    return any(
        isinstance(node, p.Call)
        and node.func.name in COUNTING
        and any(isinstance(below, p.AggregateExpr) for below in _below(node))
        for node in _below(p.parse(expression))
    )


def result_labels(expression: str, labels: Labels) -> set[str]:
    """Return the labels that its result can have."""
    return _available(p.parse(expression), labels, [])


def label_faults(expression: str, labels: Labels) -> list[str]:
    """Return each label that is selected, grouped or matched by, and which its series cannot have.

    A target's labels are named too where series are joined that still have them: two exporters make many-to-many.
    """
    faults: list[str] = []
    _available(p.parse(expression), labels, faults)
    return faults


def _names(selector: p.VectorSelector) -> list[str]:
    """Return the metrics that a selector names, also in {__name__=~"a|b"}."""
    named = [matcher.value for matcher in selector.matchers.matchers if matcher.name == "__name__"]
    return [selector.name] if selector.name else "|".join(named).split("|")


def _below(expr: AnyExpr) -> Iterator[AnyExpr]:
    """Yield the expression and all that it is made of."""
    yield expr
    for child in _children(expr):
        yield from _below(child)


def _children(expr: AnyExpr) -> list[AnyExpr]:
    match expr:
        case p.BinaryExpr():
            return [expr.lhs, expr.rhs]
        case p.Call():
            return list(expr.args)
        case p.AggregateExpr():
            return [expr.expr, *([expr.param] if isinstance(expr.param, p.Expr) else [])]
        case p.MatrixSelector():
            return [expr.vector_selector]
        case p.SubqueryExpr() | p.ParenExpr() | p.UnaryExpr():
            return [expr.expr]
    return []


def _available(expr: AnyExpr, labels: Labels, faults: list[str]) -> set[str]:
    """Return the labels that the result can have; adds to `faults` what is taken for granted below it."""
    match expr:
        case p.VectorSelector():
            names = _names(expr)
            known = set().union(*map(labels, names))
            _check({matcher.name for matcher in expr.matchers.matchers}, known | {"__name__"}, "|".join(names), faults)
            return known
        case p.AggregateExpr():
            return _aggregated(expr, labels, faults)
        case p.BinaryExpr():
            return _combined(expr, labels, faults)
        case p.Call() if expr.func.name in {"label_replace", "label_join"}:
            made = expr.args[1]
            assert isinstance(made, p.StringLiteral)
            return _available(expr.args[0], labels, faults) | {made.val}
    return set().union(*(_available(child, labels, faults) for child in _children(expr)))


def _aggregated(expr: p.AggregateExpr, labels: Labels, faults: list[str]) -> set[str]:
    below = _available(expr.expr, labels, faults)
    chooses = str(expr.op) in {"topk", "bottomk"}
    made = {expr.param.val} if isinstance(expr.param, p.StringLiteral) else set()
    if expr.modifier is None:
        return below if chooses else made
    named = set(expr.modifier.labels)
    if str(expr.modifier.type) == WITHOUT:
        _check(named, below | TARGET, f"without {expr.prettify()}", faults)
        return below if chooses else below - named | made
    _check(named, below | made, f"by {expr.prettify()}", faults)
    return below if chooses else named | made


def _combined(expr: p.BinaryExpr, labels: Labels, faults: list[str]) -> set[str]:
    left, right = (_available(side, labels, faults) for side in (expr.lhs, expr.rhs))
    operator, modifier = str(expr.op), expr.modifier
    matching = modifier.matching if modifier else None
    if matching:
        both = left & right if operator != "or" else left | right
        _check(set(matching.labels), both, f"matched in {expr.prettify()}", faults)
        if operator not in SET_OPERATORS:
            _check((left | right) & TARGET, set(matching.labels), f"not reduced in {expr.prettify()}", faults)
    if operator == "or":
        return left | right
    taken = set(modifier.group_labels or ()) if modifier else set()
    if modifier and str(modifier.card) == "VectorMatchCardinality.OneToMany":
        left, right = right, left
    _check(taken, right, f"taken over in {expr.prettify()}", faults)
    return (left or right) | taken


def _check(named: set[str], known: set[str], where: str, faults: list[str]) -> None:
    faults.extend(f"{label}: {where}" for label in sorted(named - known))
