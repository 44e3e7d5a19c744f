"""YAML text → plain data that remembers its lines.

PyYAML scans; the rest is here, because a config reader needs what a general loader drops: the line of every
key, the text of every plain scalar (a printer may be called `NO` or `010`), repeated keys as faults, and a
bound on what aliases expand to. Scalars follow the YAML 1.2 core schema. No message quotes a value, an anchor
or a tag: it may be a secret.
"""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

MAX_NODES: Final = 500_000  # with aliases expanded; 2,000 printers with most options set are some 100,000
MAX_DEPTH: Final = 32

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is twenty times faster, where it is built in

Path: TypeAlias = tuple[str | int, ...]
Value: TypeAlias = "str | Mapping | Sequence | None"

_NULL = re.compile(r"null|Null|NULL|~|")
_BOOL = re.compile(r"(true|True|TRUE)|false|False|FALSE")
# A hundred digits hold any number that means something and stay clear of the interpreter's limit for int().
_INT = re.compile(r"[-+]?[0-9]{1,100}")
_OTHER_BASE = re.compile(r"0o[0-7]{1,100}|0x[0-9a-fA-F]{1,100}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

# NEL, LS and PS among them: YAML 1.1 breaks lines there, which no editor does.
_UNREADABLE = re.compile("[^\t\n\r -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")

_INDENT = "check the indentation and the quotes here and in the line before"
_TAB = "a tab cannot indent: use spaces"
_BRACKET = "a { or [ is not closed, or a comma is missing"
_TAGS = (None, "!", "tag:yaml.org,2002:str")
_TAGGED = "a value that starts with ! needs quotes (YAML tags are not supported)"
_SYNTAX = (  # what libyaml and PyYAML say → what we say; the first that occurs wins
    ("tab character", _TAB),
    (
        "mapping values are not allowed",
        'a ": " is not expected here: quote a value that contains it, or mend the line before',
    ),
    ("entries are not allowed", 'a "- " is not expected here: a list starts on a line of its own'),
    ("cannot start any token", "a value that starts with @, % or ` needs quotes"),
    ("',' or", _BRACKET),
    ("node content", _BRACKET),
    ("end of stream", "a quote is opened here and never closed"),
    ("expected ':'", 'expected "key: value"'),
    ("escape", "unknown escape in double quotes: use single quotes, or write \\\\ for \\"),
    ("expected key", _INDENT),
    ("block end", _INDENT),
    ("'-' indicator", _INDENT),
    ("tag", _TAGGED),
    ("document start", "nothing may follow the closing bracket"),
)


class Plain(str):
    """Text written without quotes: a field that wants text takes it as it is, any other takes its `value`."""

    __slots__ = ()

    @property
    def value(self) -> bool | int | float | str:
        """What YAML 1.2 takes it for."""
        if match := _BOOL.fullmatch(self):
            return match[1] is not None
        if _INT.fullmatch(self):
            return int(self)
        if _OTHER_BASE.fullmatch(self):
            return int(self, 0)
        if _FLOAT.fullmatch(self):
            return float(self)
        return float(self.replace(".", "")) if _NOT_FINITE.fullmatch(self) else str(self)


class Mapping(dict[str, Value]):
    """A mapping that knows the line of each key."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: dict[str, int] = {}

    def add(self, key: str, value: Value, line: int) -> None:
        """Take one more key."""
        self[key] = value
        self.lines[key] = line

    def at(self, part: str | int) -> tuple[Value, int] | None:
        """Value and line of a key."""
        return (self[part], self.lines[part]) if isinstance(part, str) and part in self else None


class Sequence(list[Value]):
    """A list that knows the line of each item."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[int] = []

    def add(self, value: Value, line: int) -> None:
        """Take one more item."""
        self.append(value)
        self.lines.append(line)

    def at(self, part: str | int) -> tuple[Value, int] | None:
        """Value and line of an item."""
        return (self[part], self.lines[part]) if isinstance(part, int) and part < len(self) else None


class YamlError(Exception):
    """The text is no document we read: where, and why in plain words."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"line {line}: {message}")
        self.line = line
        self.message = message


@dataclass(frozen=True, slots=True)
class Repeated:
    """A key that its mapping already had."""

    line: int
    first: int
    path: Path


@dataclass(frozen=True, slots=True)
class Document:
    """The data of one YAML document (a mapping; empty when the text is) and the keys it repeats."""

    data: Mapping
    repeated: tuple[Repeated, ...] = ()

    def has(self, path: Path) -> bool:
        """Whether something is written at the path."""
        return len(self._lines(path)) == len(path)

    def line(self, path: Path) -> int:
        """Line of the key or the item at the path; of its nearest parent where the path leads nowhere."""
        return [1, *self._lines(path)][-1]

    def _lines(self, path: Path) -> list[int]:
        lines: list[int] = []
        value: Value = self.data
        for part in path:
            found = value.at(part) if isinstance(value, Mapping | Sequence) else None
            if found is None:
                break
            value = found[0]
            lines.append(found[1])
        return lines


def read(text: str, *, list_is: str = "") -> Document:
    """Read one document that is a mapping, or with `list_is` a list, which is taken as that key; raises YamlError."""
    text = text.removeprefix("\ufeff")
    if unreadable := _UNREADABLE.search(text):
        code = ord(unreadable[0])
        raise YamlError(text.count("\n", 0, unreadable.start()) + 1, f"character U+{code:04X} is not allowed")
    composer = _Composer(_events(text), list_is)
    return Document(composer.document(), tuple(composer.repeated))


def _events(text: str) -> Iterator[Event]:
    trouble: YamlError
    try:
        yield from yaml.parse(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        trouble = _plain_english(error, text.splitlines())
    except yaml.YAMLError:
        trouble = YamlError(1, "not valid YAML")
    else:
        return
    raise trouble


def _plain_english(error: yaml.MarkedYAMLError, lines: list[str]) -> YamlError:
    """One short sentence at the line a person has to look at."""
    problem = error.problem or ""
    message = next((ours for theirs, ours in _SYNTAX if theirs in problem), "not valid YAML")
    starts_there = message.startswith(("a quote", "expected"))
    mark = (starts_there and error.context_mark) or error.problem_mark or error.context_mark
    line = min(mark.line + 1 if mark else 1, max(len(lines), 1))
    here = lines[line - 1] if lines else ""
    if "cannot start" in problem and mark and here[mark.column : mark.column + 1] == "\t":
        message = _TAB
    elif message is _BRACKET:
        message = _bracket(error, here, line)
    return YamlError(line, message)


def _bracket(error: yaml.MarkedYAMLError, here: str, line: int) -> str:
    if re.search(r"[^\"']\$\{", here):
        return 'inside { } or [ ] put quotes around "${…}"'
    opened = error.context_mark.line + 1 if error.context_mark else line
    return _BRACKET if opened == line else f"{_BRACKET} (opened in line {opened})"


class _Composer:
    """Events of the scanner → values; recursion is bounded by MAX_DEPTH, work and memory by MAX_NODES."""

    def __init__(self, events: Iterator[Event], list_is: str) -> None:
        self.repeated: list[Repeated] = []
        self._list_is = list_is
        self._events = events
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._count = 0

    def document(self) -> Mapping:
        """Compose the only document of the stream."""
        if self._next_document() is None:
            return Mapping()
        first = next(self._events)
        value = self._node(first, ())
        if second := self._next_document():
            raise YamlError(_line(second), "a second document starts here: only one is read")
        if value is None:
            return Mapping()
        if self._list_is and isinstance(value, Sequence):
            listed = Mapping()
            listed.add(self._list_is, value, _line(first))
            return listed
        if not isinstance(value, Mapping):
            raise YamlError(_line(first), 'expected keys such as "printers:"')
        return value

    def _next_document(self) -> Event | None:
        return next((event for event in self._events if isinstance(event, DocumentStartEvent)), None)

    def _until(self, end: type[Event]) -> Iterator[Event]:
        return itertools.takewhile(lambda event: not isinstance(event, end), self._events)

    def _node(self, event: Event, path: Path) -> Value:
        self._spend(1, event)
        if len(path) > MAX_DEPTH:
            raise YamlError(_line(event), f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(event, AliasEvent):
            return self._alias(event)
        before = self._count
        value = self._fresh(event, path)
        if isinstance(event, NodeEvent) and event.anchor:
            self._anchors[event.anchor] = (value, self._count - before)
        return value

    def _spend(self, nodes: int, event: Event) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            raise YamlError(_line(event), f"more than {MAX_NODES:,} values, aliases expanded")

    def _alias(self, event: AliasEvent) -> Value:
        # An anchor counts from the end of its node, so that an alias can never lead into itself.
        if event.anchor not in self._anchors:
            raise YamlError(_line(event), "no such anchor above (a value that starts with * needs quotes)")
        value, size = self._anchors[event.anchor]
        self._spend(size, event)
        return value

    def _fresh(self, event: Event, path: Path) -> Value:
        if not isinstance(event, ScalarEvent | CollectionStartEvent) or event.tag not in _TAGS:
            raise YamlError(_line(event), _TAGGED)
        if isinstance(event, ScalarEvent):
            return _scalar(event)
        return self._sequence(path) if isinstance(event, SequenceStartEvent) else self._mapping(path)

    def _sequence(self, path: Path) -> Sequence:
        items = Sequence()
        for event in self._until(SequenceEndEvent):
            items.add(self._node(event, (*path, len(items))), _line(event))
        return items

    def _mapping(self, path: Path) -> Mapping:
        own = Mapping()
        bases: list[Mapping] = []
        for event in self._until(MappingEndEvent):
            key, merges, line = *self._key(event, path), _line(event)
            value = self._node(next(self._events), (*path, key))
            if merges:
                bases += _bases(value, line)
            elif key in own:
                self.repeated.append(Repeated(line, own.lines[key], (*path, key)))
            else:
                own.add(key, value, line)
        return _merged(own, bases)

    def _key(self, event: Event, path: Path) -> tuple[str, bool]:
        """The text of a key, and whether it is the merge key."""
        self._node(event, path)
        if not isinstance(event, ScalarEvent):
            raise YamlError(_line(event), "a key must be plain text (put quotes around { } and [ ] in keys)")
        return str(event.value), event.value == "<<" and event.implicit[0]


def _scalar(event: ScalarEvent) -> str | None:
    if event.tag or not event.implicit[0]:
        return str(event.value)
    return None if _NULL.fullmatch(event.value) else Plain(event.value)


def _bases(value: Value, line: int) -> list[Mapping]:
    """Mappings that a merge key names, the strongest first."""
    bases = value if isinstance(value, Sequence) else [value]
    if not all(isinstance(base, Mapping) for base in bases):
        raise YamlError(line, '"<<" takes a mapping or a list of mappings')
    return [base for base in bases if isinstance(base, Mapping)]


def _merged(own: Mapping, bases: list[Mapping]) -> Mapping:
    for base in bases:
        for key, value in base.items():
            if key not in own:
                own.add(key, value, base.lines[key])
    return own


def _line(event: Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
