"""What is put into the text of a config, keeping every line that a person wrote.

    text = put(text, ("snmp", "credentials"), {"tonertrack": {"version": "2c", "community": "…"}})
    text = put(text, ("cameras", "known"), [{"mac": "02:00:5e:10:00:01"}])

New keys and items come first in their section, right below the line with its key, so that no comment changes what it
stands above.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import yaml
from yaml.nodes import CollectionNode, MappingNode, Node

from exporter import yamlsource
from exporter.discovery.entries import WriteError

Path: TypeAlias = tuple[str, ...]
Data: TypeAlias = "Mapping[str, Any] | Sequence[Any]"

_NOTHING = re.compile(r"\[\s*\]|\{\s*\}|null|Null|NULL|~")
_LINE_END = re.compile(r"\r\n|\r|\n|$")
_WIDTH = 2**31  # no line is broken


def rendered(data: Data, margin: str = "") -> str:
    """Return data in lines of YAML, each behind a margin."""
    text = yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=_WIDTH, default_flow_style=False)
    return "".join(f"{margin}{line}\n" for line in text.splitlines())


def put(text: str, path: Path, fresh: Data) -> str:
    """Return the text of a config with more keys or items in the section at a path; raises WriteError.

    The result was read again: it holds what it held before and what is new, and nothing else.
    """
    if not fresh:
        return text
    bare = text.removeprefix("\ufeff")
    newline = "\r\n" if "\r\n" in bare else "\n"
    result = _put(bare, path, fresh).replace("\r\n", "\n").replace("\n", newline)
    try:
        new = yamlsource.read(result)
        is_kept = not new.repeated and _plain(new.data) == _with(_plain(yamlsource.read(bare).data), path, fresh)
    except yamlsource.YamlError:
        is_kept = False
    if not is_kept:
        raise WriteError(f"{'.'.join(path)} is written in a way that nothing can be added to: write it in lines")
    return text[: len(text) - len(bare)] + result


def _put(text: str, path: Path, fresh: Data) -> str:
    node: Node | None = yaml.compose(text, Loader=yamlsource.LOADER)
    place, margin, depth = len(text), "", 0
    while depth < len(path) and (found := _child(node, path[depth])):
        key, node = found
        text = _without_nothing(text, node)
        place = _line_end(text, key.end_mark.index)
        is_filled = isinstance(node, CollectionNode) and bool(node.value)
        margin = " " * (node.start_mark.column if is_filled else key.start_mark.column + 2)
        depth += 1
    head = text[:place]
    gap = "" if not head or head.endswith(("\n", "\r")) else "\n"
    return head + gap + rendered(_nested(path[depth:], fresh), margin) + text[place:]


def _without_nothing(text: str, node: Node) -> str:
    """Return the text without the value of a key that is written, and says nothing."""
    start, end = node.start_mark.index, node.end_mark.index
    return text[:start].rstrip(" ") + text[end:] if _NOTHING.fullmatch(text, start, end) else text


def _child(node: Node | None, name: str) -> tuple[Node, Node] | None:
    pairs = node.value if isinstance(node, MappingNode) else []
    return next(((key, value) for key, value in pairs if key.value == name), None)


def _line_end(text: str, place: int) -> int:
    found = _LINE_END.search(text, place)
    return found.end() if found else len(text)


def _nested(path: Path, data: Data) -> Data:
    for key in reversed(path):
        data = {key: data}
    return data


def _with(data: Any, path: Path, fresh: Data) -> Any:
    """Return plain data with what is new in the section at a path."""
    if path:
        return {**(data or {}), path[0]: _with((data or {}).get(path[0]), path[1:], fresh)}
    new = _plain(yamlsource.read(rendered({"new": fresh})).data)["new"]
    return [*new, *(data or [])] if isinstance(fresh, Sequence) else {**(data or {}), **new}


def _plain(data: Any) -> Any:
    """Return data without what it knows of its lines."""
    if isinstance(data, dict):
        return {key: _plain(value) for key, value in data.items()}
    return [_plain(item) for item in data] if isinstance(data, list) else data
