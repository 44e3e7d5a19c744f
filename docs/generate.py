"""Writes the parts of the references that are made from the code: `python -m docs.generate`, or `make docs`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exporter import config
from exporter.discovery.roster import Overview
from exporter.discovery.servers import Status
from exporter.metrics.exporter import Self, add_web_config, self_registry
from exporter.metrics.families import CAMERA_FAMILIES, PRINTER_FAMILIES, Family
from exporter.metrics.inventory import add_inventory
from exporter.metrics.printservers import add_print_servers
from exporter.metrics.reference import ABOUT, VALUES

DOCS = Path(__file__).parent
BEGIN = "<!-- made by `make docs` from here on -->"
END = "<!-- up to here -->"

_WORDS = {
    "boolean": "true or false",
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "object": "labels",
}
_NO_DEVICE = Self(
    printers=0, cameras=0, state_writable=True, cycles=0, cycle_duration=0, reload_succeeded=True, reload_success_at=0
)


_ONE_FILE = Overview(files={"b1.yaml": (True, 0)}, audit_writable=True)


def main() -> None:
    """Write them."""
    for name, text in made().items():
        (DOCS / name).write_text(text)


def made() -> dict[str, str]:
    """Return the documents, by name, as they ought to be."""
    parts = {"configuration.md": "\n".join(_sections()), "metrics.md": "\n".join(_metrics())}
    return {name: _replaced((DOCS / name).read_text(), part) for name, part in parts.items()}


def _replaced(text: str, part: str) -> str:
    before, _, rest = text.partition(f"{BEGIN}\n")
    _, _, after = rest.partition(f"{END}\n")
    return f"{before}{BEGIN}\n\n{part}\n\n{END}\n{after}"


# ---- metrics


def _metrics() -> Iterator[str]:
    yield "| metric | type | labels | stays | meaning |"
    yield "| --- | --- | --- | --- | --- |"
    for family in PRINTER_FAMILIES + CAMERA_FAMILIES:
        about = ABOUT[family]
        labels = " ".join(_label(family, label) for label in about.labels)
        meaning = f"{family.help} {about.more}".strip()
        yield _row(f"`{family.name}`", family.kind, labels, about.stays, meaning)
    registry = self_registry(lambda: _NO_DEVICE)
    add_inventory(registry, lambda: _ONE_FILE)
    add_print_servers(registry, lambda: {"windows://dc3": Status(up=True, last_success=0.0)})
    add_web_config(registry, lambda: True)
    for metric in registry.collect():
        if metric.name.startswith("printcam_"):
            name = metric.name + "_total" * (metric.type == "counter")
            labels = " ".join(f"`{label}`" for label in metric.samples[0].labels)
            yield _row(f"`{name}`", metric.type, labels, "", metric.documentation)


def _label(family: Family, label: str) -> str:
    values = VALUES.get((family, label))
    return f"`{label}` ({', '.join(values)})" if values else f"`{label}`"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |".replace("|  |", "| |").replace("|  |", "| |")


# ---- the config


def _sections() -> Iterator[str]:
    """Yield a section for the whole file, and one for each kind of section in it, as they come up."""
    schema = config.json_schema()
    models = dict(schema["$defs"])
    yield from _section("The whole file", schema, schema["$defs"])
    met = dict.fromkeys(_models_in(schema))
    while left := [name for name in met if name in models]:
        name = left[0]
        node = models.pop(name)
        yield from _section(name, node, schema["$defs"])
        met |= dict.fromkeys(_models_in(node))


def _section(title: str, node: dict[str, Any], models: dict[str, Any]) -> Iterator[str]:
    yield f"### {title}\n"
    yield f"{node.get('description', '')}\n"
    yield "| key | value | default | meaning |"
    yield "| --- | --- | --- | --- |"
    needed = node.get("required", ())
    either = {key for choice in node.get("oneOf", ()) for key in choice["required"]}
    for key, value in node["properties"].items():
        default = "needed" if key in needed else "this or the other" if key in either else _default(value)
        # pydantic leaves out what the section says of itself.
        meaning = value.get("description") or models[_name(value)]["description"]
        yield _row(f"`{key}`", _value(value), default, meaning)
    yield ""


def _default(node: dict[str, Any]) -> str:
    value = node.get("default")
    if value in (None, [], {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    # A section's default is told by the section.
    return "" if isinstance(value, dict) else f"`{value}`" if value != "" else '`""`'


def _value(node: dict[str, Any]) -> str:
    """Return what may stand behind a key, in words, with links to the sections."""
    if "$ref" in node:
        return f"[{_name(node)}](#{_name(node).lower()})"
    if choices := node.get("anyOf") or node.get("oneOf"):
        is_duration = any("ms)?" in choice.get("pattern", "") for choice in choices)
        words = (_value(choice) for choice in choices if choice.get("type") != "null")
        return "duration" if is_duration else " or ".join(words)
    if "enum" in node:
        return ", ".join(f"`{choice}`" for choice in dict.fromkeys(map(str, node["enum"])))
    return _plain(node)


def _plain(node: dict[str, Any]) -> str:
    if node["type"] == "array":
        return f"list of {_value(node['items'])}"
    if node["type"] == "object" and _models_in(node):
        return f"by name: {_value(node['additionalProperties'])}"
    return _WORDS[node["type"]] + _bounds(node)


def _bounds(node: dict[str, Any]) -> str:
    low, high = node.get("minimum"), node.get("maximum")
    return f" {low:g} to {high:g}" if low is not None and high is not None else ""


def _models_in(node: Any) -> list[str]:
    """Return the sections that a part of the schema leads to, in order."""
    return re.findall(r"'#/\$defs/(\w+)'", str({key: value for key, value in node.items() if key != "$defs"}))


def _name(node: dict[str, str]) -> str:
    return node["$ref"].rpartition("/")[2]


if __name__ == "__main__":
    main()
