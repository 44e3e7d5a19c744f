"""Printers found → entries of the inventory: named, rendered as YAML, and put into a config file.

    fresh = named(found, taken=[printer.name for printer in config.printers])
    print(as_yaml(fresh))
    backup = write(Path("config.yaml"), fresh)

What a person wrote into the file stays as it is, to the last blank: a round trip through a YAML library sets brackets
and comments in a way of its own, so new lines are put into the old text where the parser tells that the list ends.
"""

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, Final

import yaml
from yaml.events import CollectionEndEvent, CollectionStartEvent, Event, ScalarEvent, SequenceStartEvent

from exporter import yamlsource
from exporter.config import ConfigError, parse, read_text
from exporter.discovery.found import Found
from exporter.text import MAX_LENGTH, tidy

SECTION: Final = "printers"

_BY_HAND = (
    f"the entries do not fit into {SECTION} as it is written: add them by hand, or write it as a list with dashes"
)
_WIDTH = 10_000  # of a line of YAML, so that none is broken
_NOTHING = re.compile(r"|~|null|Null|NULL|\[\s*\]")
_DASH = re.compile(r"^( *)-\s", re.MULTILINE)
_LINE_END = re.compile(r"\r\n|\r|\n|$")


class WriteError(Exception):
    """The entries cannot be put into the file, which is as it was; the text says why."""


def named(found: Iterable[Found], taken: Collection[str]) -> list[Found]:
    """Return the printers under unique names of at most 128 characters; one that is taken becomes `name (host)`."""
    used = set(taken)
    result = []
    for each in found:
        name = next(name for name in _names(each) if name not in used)
        used.add(name)
        result.append(replace(each, name=name))
    return result


def _names(found: Found) -> Iterator[str]:
    name = found.name or found.spelled
    yield name[:MAX_LENGTH]
    for number in count(1):
        suffix = f" ({found.where})" if number == 1 else f" ({found.where}) {number}"
        yield f"{name[: MAX_LENGTH - len(suffix)]}{suffix}"


def entry(found: Found) -> dict[str, str | int]:
    """Return the keys and values of an entry; what is not known is left out."""
    known = {
        "name": found.name,
        "host": found.spelled,
        "device": found.device,
        "location": found.location,
        "credentials": found.credentials,
    }
    return {key: value for key, value in known.items() if value is not None and value != ""}


def as_yaml(found: Sequence[Found]) -> str:
    """Return a section `printers:` of these entries, each below a comment with what else is known of it."""
    return f"{SECTION}:\n{_listed(found, '  ')}" if found else f"{SECTION}: []\n"


def _listed(found: Iterable[Found], margin: str) -> str:
    return "".join(f"{margin}{line}\n" for each in found for line in _lines(each))


def _lines(found: Found) -> list[str]:
    comment = ", ".join(
        filter(None, (tidy(found.model), found.serial and f"serial {tidy(found.serial)}", tidy(found.remark)))
    )
    text = yaml.safe_dump([entry(found)], sort_keys=False, allow_unicode=True, width=_WIDTH)
    return [f"# {comment}"] * bool(comment) + text.splitlines()


# ---- into the text of a config


def merged(text: str, found: Sequence[Found]) -> str:
    """Return the text of a good config with entries behind those that it lists; raises WriteError.

    The result was read again: it holds what it held before and these entries, and nothing else.
    """
    bare = text.removeprefix("\ufeff")
    newline = "\r\n" if "\r\n" in bare else "\n"
    before, margin, after = _parted(bare)
    if not before.endswith(("\n", "\r")):
        before += newline
    result = before + _listed(found, margin).replace("\n", newline) + after
    if not _is_kept(bare, result, found):
        raise WriteError(_BY_HAND)
    return text[: len(text) - len(bare)] + result


def _is_kept(before: str, after: str, found: Iterable[Found]) -> bool:
    old = yamlsource.read(before).data
    listed = old.get(SECTION)
    fresh = [{key: str(value) for key, value in entry(each).items()} for each in found]
    try:
        new = yamlsource.read(after)
    except yamlsource.YamlError:
        return False
    return not new.repeated and new.data == {**old, SECTION: [*(listed if isinstance(listed, list) else ()), *fresh]}


def _parted(text: str) -> tuple[str, str, str]:
    """Return the text before new entries, the margin of their dashes, and the text behind them."""
    events: list[Any] = list(yaml.parse(text, Loader=yamlsource.LOADER))
    end = events[-2]  # of the document
    key, value = _section(events)
    if value and isinstance(value[0], SequenceStartEvent) and not value[0].flow_style:
        return _parted_list(text, value)
    margin = " " * (_start(key) - _line_start(text, _start(key)))
    if not value:
        place = _start(end) if end.explicit else len(text)
        newline = "" if text[:place].endswith(("\n", "\r")) else "\n"
        return f"{text[:place]}{newline}{margin}{SECTION}:\n", f"{margin}  ", text[place:]
    start, stop = _start(value[0]), _end(value[-1])
    if not _NOTHING.fullmatch(text, start, stop):
        raise WriteError(_BY_HAND)
    head, tail = text[:start].rstrip(" \t"), text[stop:]
    line_end = _line_end(tail, 0)
    return head + tail[:line_end], f"{margin}  ", tail[line_end:]


def _section(events: Sequence[Any]) -> tuple[Event, Sequence[Event]]:
    """Return the key `printers` of the document and the events of its value; any key and none where it has no such."""
    place = first = 3  # behind the starts of the stream, of the document and of its mapping
    while not isinstance(events[place], CollectionEndEvent):
        value = _behind_node(events, place)
        following = _behind_node(events, value)
        if isinstance(events[place], ScalarEvent) and events[place].value == SECTION:
            return events[place], events[value:following]
        place = following
    return events[first], ()


def _behind_node(events: Sequence[Event], place: int) -> int:
    """Return the index of what follows the node that begins at an index."""
    depth = 0
    for index in range(place, len(events)):
        depth += isinstance(events[index], CollectionStartEvent) - isinstance(events[index], CollectionEndEvent)
        if not depth:
            return index + 1
    raise AssertionError("the parser ends every collection")


def _parted_list(text: str, value: Sequence[Event]) -> tuple[str, str, str]:
    """Part a text behind the last entry of a list with dashes, and behind the comments that are indented as it is."""
    dash = _DASH.search(text, _line_start(text, _start(value[0])))
    margin = dash[1] if dash else ""
    last = next(_end(event) for event in reversed(value) if _is_written(event, text))
    place = last if text[last - 1] in "\r\n" else _line_end(text, last)  # a text behind | ends with its line
    own_comment = re.compile(rf"{margin} +#.*")
    while comment := own_comment.match(text, place):
        place = _line_end(text, comment.end())
    return text[:place], margin, text[place:]


def _is_written(event: Event, text: str) -> bool:
    """Tell whether an event stands where it says: the end of a list with dashes stands where the next key does."""
    return not isinstance(event, CollectionEndEvent) or text[_start(event) : _end(event)] in {"]", "}"}


def _start(event: Event) -> int:
    return event.start_mark.index if event.start_mark else 0


def _end(event: Event) -> int:
    return event.end_mark.index if event.end_mark else 0


def _line_start(text: str, place: int) -> int:
    return max(text.rfind("\n", 0, place), text.rfind("\r", 0, place)) + 1


def _line_end(text: str, place: int) -> int:
    """Return the index behind the line that holds a place."""
    found = _LINE_END.search(text, place)
    return found.end() if found else len(text)


# ---- into the file


def check(path: Path) -> None:
    """Refuse at once what `write` could not do after minutes of asking; raises ConfigError and WriteError."""
    merged(read_text(path), [Found("", "")])
    if not os.access(path.resolve().parent, os.W_OK | os.X_OK):
        raise WriteError(f"{path}: cannot be written: this user may not write to its folder")


def write(path: Path, found: Sequence[Found], environ: Mapping[str, str] = os.environ) -> Path:
    """Put entries into a config file and return where its old self is kept; raises ConfigError and WriteError."""
    return rewrite(path, lambda text: merged(text, found), environ)


def rewrite(path: Path, change: Callable[[str], str], environ: Mapping[str, str] = os.environ) -> Path:
    """Change the text of a config file and return where its old self is kept; raises ConfigError and WriteError.

    The file is replaced as a whole, with the mode and the owner that it had, unless somebody changed it meanwhile.
    """
    old = read_text(path)
    parse(old, str(path), environ, path.parent)
    new = change(old)
    try:
        parse(new, str(path), environ, path.parent)
    except ConfigError as error:
        raise WriteError(f"with these entries the config would be faulty: {error.faults[0].message}") from None
    try:
        return _replace(path.resolve(), old.encode(), new.encode())
    except OSError as error:
        raise WriteError(f"{path}: cannot be written: {error.strerror}") from None


def _replace(path: Path, old: bytes, new: bytes) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    fresh = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(new)
            stream.flush()
            os.fsync(stream.fileno())
        _resemble(fresh, path)
        backup = _keep(path)
        if backup.read_bytes() != old:
            backup.unlink()
            raise WriteError(f"{path} was changed meanwhile: nothing is written")
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return backup


def _resemble(fresh: Path, path: Path) -> None:
    """Give a new file mode, owner and extended attributes (SELinux, access lists) of another."""
    like = path.stat()
    os.chown(fresh, like.st_uid, like.st_gid)
    shutil.copystat(path, fresh)
    os.utime(fresh)


def _keep(path: Path) -> Path:
    """Keep the file under a name that was free: a second name of the very file, so that nobody reads more of it."""
    for number in count(1):
        backup = path.with_name(f"{path.name}.bak{number}")
        with suppress(FileExistsError):
            backup.hardlink_to(path)
            break
    return backup
