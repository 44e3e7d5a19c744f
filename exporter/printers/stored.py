"""What is kept of printers: the record and the last snapshot by name, the life of each engine by serial number.

When each printer last answered moves with every poll, and often nothing else: all of that is one document.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from operator import attrgetter
from typing import Final, TypeVar

from pydantic import TypeAdapter, ValidationError

from exporter.config import Printer
from exporter.configtypes import DEFAULT_PORTS
from exporter.printers import lifecycle
from exporter.printers.lifecycle import Happening, Life
from exporter.printers.model import Snapshot
from exporter.printers.record import MOMENTARY, Record, lasting
from exporter.state import Changes, Event, Key

T = TypeVar("T")

RECORD: Final = "printer"
SNAPSHOT: Final = "snapshot"
ENGINE: Final = "engine"
HEARD: Final = "heard"
ALL: Final = "all"
"""The key of the one document of its kind."""
KINDS: Final = (RECORD, SNAPSHOT, ENGINE, HEARD)

MAX_ENGINES = 10_000
"""More are not remembered: a printer that makes up serial numbers must not fill the memory."""
# Documents made before the loop has its turn.
_SLICE = 50
_NAMED = "name:"


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of the printer behind a name, and the host and port that it was asked at."""

    host: str
    record: Record = field(default_factory=Record)


_KEPT, _SNAPSHOT, _LIFE = TypeAdapter(Kept), TypeAdapter(Snapshot), TypeAdapter(Life)
_HEARD = TypeAdapter(dict[str, float])
# These live in documents of their own, or end with the process.
_NOT_IN_RECORD = {"snapshot", "life", "poll", "happened", "doubts", "polls", "faults", "failures", "last_success"}
_IN_LIFE = attrgetter(*(field.name for field in fields(Life) if field.name != "pages_at"))
_IN_SNAPSHOT = attrgetter(*(field.name for field in fields(Snapshot) if field.name not in MOMENTARY))
_IN_RECORD = attrgetter(*(field.name for field in fields(Record) if field.name not in _NOT_IN_RECORD))


def dump_record(kept: Kept) -> str:
    """Return a record as the state keeps it, in JSON."""
    return _KEPT.dump_json(kept, exclude={"record": _NOT_IN_RECORD}, exclude_defaults=True).decode()


def dump_snapshot(snapshot: Snapshot) -> str:
    """Return the lasting part of a snapshot as the state keeps it, in JSON."""
    return _SNAPSHOT.dump_json(lasting(snapshot), exclude_defaults=True).decode()


def dump_life(life: Life) -> str:
    """Return a life as the state keeps it, in JSON."""
    return _LIFE.dump_json(life, exclude_defaults=True).decode()


def load_record(name: str, text: str) -> Kept:
    """Return a record from the state; raises ValueError for what `dump_record` did not write."""
    return _loaded(_KEPT, f"printer {name}", text)


def load_snapshot(name: str, text: str) -> Snapshot | None:
    """Return a snapshot from the state, None for one of an older exporter that lacks what this one shows.

    Raises ValueError for what `dump_snapshot` did not write.
    """
    try:
        return _SNAPSHOT.validate_json(text)
    except ValidationError as error:
        if all(each["type"] == "missing" and len(each["loc"]) > 1 for each in error.errors(include_url=False)):
            return None
        raise _refused(f"snapshot of printer {name}", error) from None


def load_life(key: str, text: str) -> Life:
    """Return a life from the state; raises ValueError for what `dump_life` did not write."""
    return _loaded(_LIFE, f"engine {key}", text)


def load_heard(text: str) -> dict[str, float]:
    """Return when each printer last answered, by name; raises ValueError for what was not written as such."""
    return _loaded(_HEARD, "times of answers", text)


def engine_of(name: str, serial: str) -> str:
    """Return the key of an engine: its serial number, else the name of the printer."""
    is_usable = lifecycle.is_distinct(serial) and not serial.startswith(_NAMED)
    return serial if is_usable else _NAMED + name


def name_of(engine: str) -> str | None:
    """Return the name of the printer that a key of an engine stands for; None for a serial number."""
    return engine.removeprefix(_NAMED) if engine.startswith(_NAMED) else None


def host_of(printer: Printer) -> str:
    """Return where a printer is asked, as its document has it: another protocol at its usual port is no other host."""
    device = "" if printer.device is None else f" device {printer.device}"
    port = DEFAULT_PORTS["snmp"] if printer.port == DEFAULT_PORTS[printer.protocol] else printer.port
    return f"{printer.host}:{port}{device}"


class Printers:
    """All that is known of printers, those that left the config included, and what of it is not written yet.

    `documents` is what the state holds, by kind and key; raises ValueError when that was never written there.
    `on_change` is called with the name of each printer of which another program dropped or wrote something.
    """

    def __init__(
        self, documents: Mapping[Key, str] | None = None, on_change: Callable[[str], None] = lambda _: None
    ) -> None:
        self.lives: dict[str, Life] = {}
        """By key of the engine; those last used come last."""
        self._kept: dict[str, Kept] = {}
        self._on_change = on_change
        self._dirty: set[Key] = set()
        self._events: list[Event] = []
        stored = documents or {}
        for (kind, key), text in stored.items():
            if kind == ENGINE:
                self.lives[key] = load_life(key, text)
        heard = load_heard(stored.get((HEARD, ALL), "{}"))
        for (kind, name), text in stored.items():
            if kind == RECORD:
                kept = self._whole(load_record(name, text), name, stored.get((SNAPSHOT, name)))
                self._kept[name] = replace(kept, record=replace(kept.record, last_success=heard.get(name)))

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds of documents that are kept here."""
        return KINDS

    def record_of(self, printer: Printer) -> Record:
        """Return what is known of a printer; nothing where its name led to another host so far."""
        kept = self._kept.get(printer.name)
        if kept is None:  # months by its name may have been imported
            return Record(life=self.lives.get(engine_of(printer.name, ""), Life()))
        return kept.record if kept.host == host_of(printer) else Record()

    def settled(self, printer: Printer, record: Record) -> None:
        """Take over what a poll has led to."""
        name = printer.name
        kept = self._kept.get(name) or Kept("")
        before, now = kept.record, Kept(host_of(printer), record)
        self._kept[name] = now
        if kept.host != now.host or _IN_RECORD(before) != _IN_RECORD(record):
            self._dirty.add((RECORD, name))
        if before.last_success != record.last_success:
            self._dirty.add((HEARD, ALL))
        if not _says_alike(before.snapshot, record.snapshot):
            self._dirty.add((SNAPSHOT, name))
        engine = engine_of(name, record.serial)
        if record.up:  # a silent one says nothing of an engine that may answer behind another name
            if _has_moved(self.lives.pop(engine, None), record.life):
                self._dirty.add((ENGINE, engine))
            self.lives[engine] = record.life
            self._drop_surplus()
        self._events += (_event(ENGINE, engine, record, happening) for happening in record.happened)
        if record.identity_changed not in {None, before.identity_changed}:
            changed = Happening("serial", before.serial, record.serial)
            self._events.append(_event(RECORD, name, record, changed))

    def changes(self) -> Iterator[Changes]:
        """Yield what changed since this was last called, in pieces that do not take long to make."""
        keys, self._dirty = iter(sorted(self._dirty)), set()
        events, self._events = self._events, []
        yield Changes({}, events)
        while piece := list(islice(keys, _SLICE)):
            yield Changes({key: self.dump(key) for key in piece})

    def dump(self, key: Key) -> str | None:
        """Return a document as it is to be kept now; None for one that is to be dropped."""
        kind, name = key
        if kind == ENGINE:
            return dump_life(self.lives[name]) if name in self.lives else None
        if kind == HEARD:
            heard = {label: kept.record.last_success for label, kept in self._kept.items()}
            return json.dumps({label: at for label, at in heard.items() if at is not None})
        kept = self._kept.get(name)
        if kind == RECORD:
            return dump_record(kept) if kept else None
        return dump_snapshot(kept.record.snapshot) if kept and kept.record.snapshot else None

    def merge(self, key: Key, text: str) -> None:
        """Take over the months that another program has written of an engine; of the rest we know better."""
        kind, name = key
        if kind != ENGINE:
            return
        stored = load_life(name, text)
        ours = self.lives.get(name)
        life = lifecycle.merged(ours, stored) if ours else stored
        if life == ours:
            return
        self.lives[name] = life
        self._dirty.add(key)
        for label, kept in self._kept.items():
            if engine_of(label, kept.record.serial) == name:
                own = lifecycle.merged(kept.record.life, stored)
                self._kept[label] = replace(kept, record=replace(kept.record, life=own))
                self._on_change(label)

    def forget(self, key: Key) -> None:
        """Drop what another program has dropped."""
        kind, name = key
        if kind == ENGINE:
            self.lives.pop(name, None)
        elif kind == RECORD and (kept := self._kept.pop(name, None)):
            engine = engine_of(name, kept.record.serial)
            if not any(engine_of(other, each.record.serial) == engine for other, each in self._kept.items()):
                self.lives.pop(engine, None)
            self._on_change(name)

    def _whole(self, kept: Kept, name: str, snapshot: str | None) -> Kept:
        """Put together what stands in several documents."""
        record = replace(
            kept.record,
            snapshot=load_snapshot(name, snapshot) if snapshot else None,
            life=self.lives.get(engine_of(name, kept.record.serial), Life()),
        )
        return replace(kept, record=record)

    def _drop_surplus(self) -> None:
        while len(self.lives) > MAX_ENGINES:
            oldest = next(iter(self.lives))
            del self.lives[oldest]
            self._dirty.add((ENGINE, oldest))


def _says_alike(before: Snapshot | None, after: Snapshot | None) -> bool:
    """Tell whether two snapshots are the same but for what is true of the moment only."""
    if before is None or after is None or before is after:
        return before is after
    return bool(_IN_SNAPSHOT(before) == _IN_SNAPSHOT(after))


def _has_moved(before: Life | None, after: Life) -> bool:
    """Tell whether there is more to keep than that the page counter was read once more."""
    return before is None or _IN_LIFE(before) != _IN_LIFE(after)


def _event(kind: str, key: str, record: Record, happening: Happening) -> Event:
    at = record.last_success or 0.0
    return Event(kind, key, at, happening.what, happening.before, happening.after)


def _loaded(adapter: TypeAdapter[T], what: str, text: str) -> T:
    try:
        return adapter.validate_json(text)
    except ValidationError as error:
        raise _refused(what, error) from None


def _refused(what: str, error: ValidationError) -> ValueError:
    first = error.errors(include_url=False, include_input=False)[0]
    return ValueError(f"{what}: {'.'.join(map(str, first['loc']))}: {first['msg']}")
