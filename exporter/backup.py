"""The config and all of the state in one JSON document: made, read, and held against a config. Pure.

It has the config as data, comments left out, its inventory files, and each document and event of the state. A secret
that stands in the config is left out unless asked for: in its place is the name of an environment variable, as a config
may have it.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, FiniteFloat, SecretStr, ValidationError

from exporter import foreign, yamlsource
from exporter.cameras.registry import KIND as CAMERA
from exporter.cameras.stored import load as load_camera
from exporter.config import PUBLIC, ConfigFile
from exporter.discovery.sources import KINDS as SOURCE_KINDS
from exporter.discovery.sources import Sources
from exporter.foreign import ImportFault
from exporter.printers.imported import IMPORTED, load_imported
from exporter.printers.stored import KINDS, Printers
from exporter.state import Changes, Event
from exporter.text import tidy

FORMAT: Final = "printcam-exporter backup"
VERSION: Final = 1
MAX_SIZE: Final = 512 * 2**20
"""Octets; 2,000 printers and 500 cameras have some 30 MB."""

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_EXPECTED = "expected what `printcam-exporter export` wrote"


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup holds."""

    config: dict[str, Any]
    contents: Changes
    """Documents and events; none is deleted."""
    files: Mapping[str, str] = field(default_factory=dict)
    """The text of inventory files, by their names below the folder of the config."""

    @property
    def variables(self) -> list[str]:
        """The environment variables that stand for secrets in the config."""
        return sorted({match[1] for text in _texts(self.config) if (match := _VARIABLE.fullmatch(text))})


class _State(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    documents: dict[str, dict[str, Any]]
    events: list[tuple[str, str, FiniteFloat, str, str | None, str | None]]


class _Snmp(BaseModel):
    credentials: dict[str, Any] | None = None


class _Cameras(BaseModel):
    known: list[dict[str, Any]] | None = None


class _Config(BaseModel):
    """As much of a config as has to be so; the rest is found out when it is used as one."""

    model_config = ConfigDict(hide_input_in_errors=True)

    snmp: _Snmp | None = None
    printers: list[dict[str, Any]] | None = None
    printers_files: list[str] | None = None
    cameras: _Cameras | None = None


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    config: dict[str, Any]
    files: dict[str, str]
    state: _State


def dumped(backup: Backup) -> str:
    """Return a backup as JSON; raises ValueError for a document of the state that is none."""
    documents: dict[str, dict[str, Any]] = {}
    for (kind, key), text in sorted(backup.contents.documents.items()):
        documents.setdefault(kind, {})[key] = _parsed(kind, key, text or "")
    events = [[each.kind, each.key, each.at, each.what, each.before, each.after] for each in backup.contents.events]
    state = {"documents": documents, "events": events}
    body = {"config": backup.config, "files": dict(sorted(backup.files.items())), "state": state}
    whole = {"format": FORMAT, "version": VERSION, "sha256": _digest(body), **body}
    return json.dumps(whole, indent=1) + "\n"  # in ASCII: a terminal may lack letters


def _parsed(kind: str, key: str, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise ValueError(f"{kind} {key}: not JSON") from None


def _digest(body: Mapping[Any, Any]) -> str:
    text = json.dumps(body, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def read(data: bytes) -> Backup:
    """Return what a backup holds; raises ImportFault unless it is whole, and a state with it would be readable."""
    document = foreign.document(data, MAX_SIZE)
    match document:
        case {"format": "printcam-exporter backup", "version": int(version), "sha256": str(digest), **body}:
            pass
        case _:
            raise ImportFault(f"it holds {foreign.described(document)}; {_EXPECTED}")
    if version > VERSION:
        raise ImportFault(f"it has version {version} of a newer printcam-exporter, and this one knows {VERSION}")
    try:
        is_whole = _digest(body) == digest
    except ValueError:  # numbers and text that JSON cannot have
        is_whole = False
    if not is_whole:
        raise ImportFault("it was damaged, or changed, after it was written")
    try:
        checked = _Body.model_validate(body)
        _Config.model_validate(checked.config)
        contents = _contents(checked.state)
        _check(contents)
        if outside := [name for name in checked.files if not is_below(name)]:
            raise ValueError(f"files: {tidy(outside[0])}: not a name of a file below the folder of the config")
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ImportFault(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from None
    except ValueError as error:
        raise ImportFault(str(error)) from None
    return Backup(checked.config, contents, checked.files)


def is_below(name: str) -> bool:
    """Tell whether a name leads to a file below the folder in which it is looked for."""
    path = PurePosixPath(name)
    return bool(path.parts) and name.isprintable() and not path.is_absolute() and ".." not in path.parts


def _contents(state: _State) -> Changes:
    documents = {
        (kind, key): json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        for kind, bodies in state.documents.items()
        for key, body in bodies.items()
    }
    return Changes(documents, [Event(*event) for event in state.events])


def _check(contents: Changes) -> None:
    """Raise ValueError for a document that the exporter would not start with."""
    documents = {key: text for key, text in contents.documents.items() if text}
    Printers({key: text for key, text in documents.items() if key[0] in KINDS})
    Sources({key: text for key, text in documents.items() if key[0] in SOURCE_KINDS})
    for (kind, key), text in documents.items():
        if kind == CAMERA:
            load_camera(key, text)
        elif kind == IMPORTED:
            load_imported(key, text)


# ---- the config as data


def plain(data: yamlsource.Mapping, sections: ConfigFile, *, with_secrets: bool) -> dict[str, Any]:
    """Return a config as written, as plain data; `sections` is what was read from it."""
    variables: set[str] = set()

    def kept(path: tuple[str, ...], text: str) -> str:
        if with_secrets or text == PUBLIC or _VARIABLE.fullmatch(text):
            return text
        name = re.sub(r"[^A-Z0-9]", "_", "_".join(path).upper())
        while name in variables:
            name += "_"
        variables.add(name)
        return f"${{{name}}}"

    def walk(value: object, read: object, path: tuple[str, ...]) -> object:
        if isinstance(value, dict):
            return {key: walk(each, _part(read, key), (*path, key)) for key, each in value.items()}
        if isinstance(value, list):
            return [walk(each, _part(read, number), (*path, str(number))) for number, each in enumerate(value)]
        if isinstance(value, str) and isinstance(read, SecretStr):
            return kept(path, str(value))
        return _native(value, read) if isinstance(value, yamlsource.Plain) else value

    return {key: walk(value, _part(sections, key), (key,)) for key, value in data.items()}


def _part(read: object, key: str | int) -> object:
    match read:
        case BaseModel():
            return getattr(read, str(key), None)
        case dict():
            return read.get(key)
        case tuple() | list() if isinstance(key, int) and key < len(read):
            return read[key]
        case _:
            return None


def _native(text: yamlsource.Plain, read: object) -> object:
    """Return what text without quotes stands for: as it was `read`, else a number or switch where it looks like one."""
    value = text.value
    if isinstance(read, str) or isinstance(value, str):
        return str(text)
    return value if isinstance(read, bool | int | float) or json.dumps(value) == text else str(text)


def _texts(data: object) -> Iterator[str]:
    if isinstance(data, str):
        yield data
    elif isinstance(data, dict | list):
        for each in data.values() if isinstance(data, dict) else data:
            yield from _texts(each)
