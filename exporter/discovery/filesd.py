"""Target groups of Prometheus' file_sd, `[{"targets": ["10.1.2.3:161"], "labels": {"location": "B1"}}]`, as entries."""

import json
import re
from collections.abc import Iterator
from typing import Final

from exporter.configfaults import Finding, name_in
from exporter.configtypes import split_host
from exporter.yamlsource import Document, Mapping, Sequence, Value

_NAMES: Final = ("printer", "name")
# JSON writes a character beyond the first plane as two escapes, which YAML does not read.
_PAIR = re.compile(r"(?<!\\)((?:\\\\)*)(\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})")


def as_yaml(text: str, source: str) -> str:
    """Return the text of a file as YAML reads it, line by line: JSON is nearly that."""
    if not source.endswith(".json"):
        return text
    # Inside of JSON's strings there are no tabs.
    return _PAIR.sub(lambda match: match[1] + json.loads(f'"{match[2]}"'), text.replace("\t", " "))


def has_groups(document: Document) -> bool:
    """Tell whether there are target groups below `printers`."""
    return any(map(_is_group, _listed(document)))


def expanded(document: Document) -> tuple[Document, list[Finding]]:
    """Return a document with an entry for each target, and what is wrong with its target groups."""
    entries, findings = Sequence(), list[Finding]()
    listed = _listed(document)
    for item, line in zip(listed, listed.lines, strict=True):
        if isinstance(item, Mapping) and _is_group(item):
            findings += _faults(item, line)
            for entry, at in _entries(item):
                entries.add(entry, at)
        else:
            entries.add(item, line)
    whole = Mapping()
    for key, value in document.data.items():
        whole.add(key, entries if value is listed else value, document.data.lines[key])
    return Document(whole, document.repeated), findings


def _listed(document: Document) -> Sequence:
    listed = document.data.get("printers")
    return listed if isinstance(listed, Sequence) else Sequence()


def _is_group(item: Value) -> bool:
    return isinstance(item, Mapping) and "targets" in item


def _faults(group: Mapping, line: int) -> Iterator[Finding]:
    targets, labels = group["targets"], group.get("labels")
    for key in group.keys() - {"targets", "labels"}:
        yield Finding((), f'unknown key "{name_in(key)}" beside targets; known here: labels, targets', group.lines[key])
    if not isinstance(targets, Sequence) or not all(isinstance(target, str) for target in targets):
        yield Finding((), "targets: expected a list of hosts", group.lines["targets"])
    elif len(targets) > 1 and _name(group):
        yield Finding((), f"a name is for one target, and this group has {len(targets)}", line)
    if labels is not None and not isinstance(labels, Mapping):
        yield Finding((), "labels: expected keys and values", group.lines["labels"])


def _entries(group: Mapping) -> Iterator[tuple[Mapping, int]]:
    """Yield an entry for each target that can be one, and its line."""
    targets = group["targets"]
    if not isinstance(targets, Sequence):
        return
    for target, line in zip(targets, targets.lines, strict=True):
        if isinstance(target, str):
            yield _entry(target, line, group), line


def _entry(target: str, line: int, group: Mapping) -> Mapping:
    labels = _labels(group)
    entry, own = Mapping(), Mapping()
    entry.add("name", _name(group) or _host(target), line)
    entry.add("host", target, line)
    if location := labels.get("location"):
        entry.add("location", location, labels.lines["location"])
    for key, value in labels.items():
        # An empty label is none to Prometheus, and those with __ end with its relabelling.
        if value and key not in {*_NAMES, "location"} and not key.startswith("__"):
            own.add(key, value, labels.lines[key])
    entry.add("labels", own, line)
    return entry


def _labels(group: Mapping) -> Mapping:
    labels = group.get("labels")
    return labels if isinstance(labels, Mapping) else Mapping()


def _name(group: Mapping) -> Value:
    labels = _labels(group)
    return next((labels[key] for key in _NAMES if labels.get(key)), None)


def _host(target: str) -> str:
    """Return a target without the port that goes without saying."""
    try:
        host, port = split_host(target)
    except ValueError:
        return target
    return host if port == 161 else target
