"""What is wrong with a config, in plain words and with the line to look at.

    findings = explained(error, document, schema)      # pydantic's findings, in our words
    raise ConfigError(faults(findings, document, source, schema))

No fault quotes what a key was set to: the value may be a secret, or one that landed on the wrong line.
"""

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from exporter.yamlsource import Document, Path

Place: TypeAlias = tuple[int | str, ...]  # as pydantic tells it: a path with union tags and marks of keys between
Schema: TypeAlias = dict[str, Any]

_MESSAGES = {
    "bool_type": "expected true or false",
    "date_type": "expected a date such as 2026-12-24",
    "dict_type": "expected keys and values",
    "float_type": "expected a number",
    "greater_than_equal": "must be at least {ge:g}",
    "int_type": "expected a whole number",
    "literal_error": "expected {expected}",
    "less_than_equal": "must be at most {le:g}",
    "model_type": "expected keys and values",
    "string_too_long": "too long: must have {max_length} or fewer characters",
    "string_too_short": "too short: must have {min_length} or more characters",
    "string_type": "expected text",
    "too_short": "too short: must have {min_length} or more characters",
    "tuple_type": "expected a list",
    "version": "expected keys, among them version: 1, 2c or 3",
}

_LOGGED = 50  # faults in a line of the log

_SECRETIVE = (
    "CommunityCredentials",
    "UserCredentials",
    "AuthKey",
    "PrivKey",
    "PrintServer",
    "Prometheus",
)  # models of what holds secrets
_TAGGED = {"<community>": "CommunityCredentials", "<user>": "UserCredentials"}  # models by their tag in the union


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong in a config file; `line` is 0 when the file could not be read at all."""

    source: str
    line: int
    path: str
    message: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}" if self.line else self.source
        return ": ".join(part for part in (place, self.path, self.message) if part)


class ConfigError(Exception):
    """The config cannot be used; `faults` says all that is wrong, in the order of the lines."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__(faults)
        self.faults = faults

    def __str__(self) -> str:
        return "\n".join(map(str, self.faults))

    @property
    def brief(self) -> str:
        """The first faults, and how many more there are, for the log."""
        more = len(self.faults) - _LOGGED
        rest = [f"and {more:,} more, which check tells"] if more > 0 else []
        return "\n".join([*map(str, self.faults[:_LOGGED]), *rest])


class KeysError(ValueError):
    """A fault found by looking at a whole model: it is of the first of these keys that the file has."""

    def __init__(self, message: str, *keys: str) -> None:
        super().__init__(message)
        self.keys = keys


class Finding(NamedTuple):
    """A fault to be: where in the document, and what."""

    path: Path
    message: str
    line: int | None = None  # where the path does not lead to it


def faults(findings: Iterable[Finding], document: Document, source: str, schema: Schema) -> tuple[Fault, ...]:
    """Findings with their lines, in the order of these, each once."""
    found = {
        Fault(source, line or document.line(path), _dotted(path, schema), message) for path, message, line in findings
    }
    return tuple(sorted(found, key=lambda fault: (fault.line, fault.path, fault.message)))


def explained(error: ValidationError, document: Document, schema: Schema) -> list[Finding]:
    """What pydantic found, in plain words; `schema` is the JSON schema of the model that it validated."""
    return [_finding(each, document, schema) for each in error.errors(include_url=False, include_input=False)]


def _finding(details: ErrorDetails, document: Document, schema: Schema) -> Finding:
    place, kind, context = details["loc"], details["type"], details.get("ctx", {})
    path = _path(place, document)
    if kind == "missing":
        return _missing(path, _keys_at(place[:-1], schema))
    if kind == "extra_forbidden":
        return Finding(path, _unknown_key(path, _keys_at(place[:-1], schema), schema))
    error = context.get("error")
    if isinstance(error, ValueError):
        keys = error.keys if isinstance(error, KeysError) else ()
        return Finding(_written(path, document, *keys), str(error))
    keys = ("version",) if kind == "version" else ()
    return Finding(_written(path, document, *keys), _MESSAGES.get(kind, "not usable here").format_map(context))


# ---- where


def _path(place: Place, document: Document) -> Path:
    """Pydantic's place without what it adds of its own: the tag of a union, the mark of a key."""
    path: Path = ()
    for part in place:
        if part not in {*_TAGGED, "[key]"} or document.has((*path, part)):
            path = (*path, part)
    return path


def _written(path: Path, document: Document, *keys: str) -> Path:
    """The path as far as the file has it, or that of the first of the keys; `…_file` stands for a secret."""
    if not document.has(path) and document.has(beside := (*path[:-1], f"{path[-1]}_file")):
        return beside
    longer = next(((*path, key) for key in keys if document.has((*path, key))), path)
    while not document.has(longer):
        longer = longer[:-1]
    return longer


def _dotted(path: Path, schema: Schema) -> str:
    """The path as `printers[3].host`."""
    parts = (
        f"[{part}]" if isinstance(part, int) else f".{_shown(path[: depth + 1], schema)}"
        for depth, part in enumerate(path)
    )
    return "".join(parts).removeprefix(".")


def _shown(path: Path, schema: Schema) -> str:
    """The last key of the path; beside secrets only what looks like a key, since it may be one."""
    key = str(path[-1])
    name = name_in(key)
    is_in_list = path[:2] in {("snmp", "credentials"), ("discovery", "print_servers")}
    if (is_in_list and len(path) > 3) or (path[0] == "prometheus" and len(path) > 1):
        known = [known for model in _SECRETIVE for known in schema["$defs"][model]["properties"]]
        name = name if difflib.get_close_matches(name, known, n=1, cutoff=0.8) else ""
    return name if name and name == key else f"{name}…"


# ---- in plain words


def _missing(path: Path, known: frozenset[str]) -> Finding:
    key = path[-1]
    return Finding(path, f"missing: give {key} or {key}_file" if f"{key}_file" in known else "missing")


def _unknown_key(path: Path, known: frozenset[str], schema: Schema) -> str:
    key = str(path[-1])
    name = name_in(key)
    if name in known and key[len(name) :].startswith(":"):
        return f'a space is missing after "{name}:"'
    return f'unknown key "{_shown(path, schema)}"{meant_or_known(name, known)}'


def name_in(key: str) -> str:
    """The leading word of a key: the rest may be a value that lost the space after its colon."""
    match = re.match(r"[\w-]{0,60}", key)
    return match[0] if match else ""


def meant(word: str, choices: Iterable[str]) -> str:
    """The end of a message that offers the choice nearest to a word; empty when none is near."""
    near = difflib.get_close_matches(word[:60], list(choices), n=1)
    return f'; did you mean "{near[0]}"?' if near else ""


def meant_or_known(word: str, choices: Iterable[str]) -> str:
    """The end of a message that offers the choice nearest to a word, or else all of them."""
    return meant(word, choices) or f"; known here: {', '.join(sorted(choices))}"


# ---- what keys there are, from the JSON schema


def _keys_at(place: Place, schema: Schema) -> frozenset[str]:
    """Keys that the model at this place knows, `…_file` included."""
    nodes = [schema]
    for part in place:
        nodes = [child for node in nodes for child in _children(node, part, schema)]
    return frozenset(key for node in nodes for key in node.get("properties", ()))


def _children(node: Schema, part: int | str, schema: Schema) -> Iterator[Schema]:
    if isinstance(part, int):
        yield from _branches(node.get("items", {}), schema)
    elif part in _TAGGED:
        yield schema["$defs"][_TAGGED[part]]
    else:
        yield from _branches(node.get("properties", {}).get(part) or node.get("additionalProperties") or {}, schema)


def _branches(node: Schema, schema: Schema) -> Iterator[Schema]:
    if "$ref" in node:
        yield schema["$defs"][node["$ref"].rpartition("/")[2]]
    elif "anyOf" in node:
        for branch in node["anyOf"]:
            yield from _branches(branch, schema)
    else:
        yield node
