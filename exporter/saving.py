"""Writes what all parts of the exporter know to the state: one transaction at a time, in the background."""

import asyncio
import logging
from collections.abc import Collection, Iterable, Iterator
from contextlib import suppress
from itertools import islice
from typing import Protocol

from exporter.repeats import Repeats
from exporter.state import Changes, Conflict, Event, Keeper, Key, StateError

log = logging.getLogger(__name__)

# Documents of another program taken over before the loop has its turn.
_SLICE = 50


class Source(Protocol):
    """A part of the exporter that has something to keep."""

    @property
    def kinds(self) -> Collection[str]:
        """The kinds of its documents, which no other source has."""
        ...

    def changes(self) -> Iterator[Changes]:
        """Yield what changed since this was last called, in pieces that do not take long to make."""
        ...

    def dump(self, key: Key) -> str | None:
        """Return a document as it is to be kept now; None for one that is to be dropped."""
        ...

    def merge(self, key: Key, text: str) -> None:
        """Take over what another program may have written; raises ValueError for what cannot be read."""
        ...

    def forget(self, key: Key) -> None:
        """Drop what another program has dropped."""
        ...


class Saver:
    """The one that saves through a Keeper; whoever has something new calls `start`, and nobody waits."""

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._sources: dict[str, Source] = {}
        self._stored: set[Key] = set()
        self._unconfirmed: dict[Key, str | None] = {}
        self._failures = Repeats()
        self._is_due = False
        self._task: asyncio.Task[None] | None = None

    async def load(self, kinds: Collection[str]) -> dict[Key, str]:
        """Return all documents of these kinds; raises StateError."""
        documents: dict[Key, str] = {}
        for kind in kinds:
            documents |= {(kind, key): text for key, text in (await self._keeper.documents(kind)).items()}
        self._stored = {key for key in self._stored if key[0] not in kinds} | documents.keys()
        return documents

    def add(self, source: Source) -> None:
        """Save what this source knows too, whose documents were loaded."""
        self._sources |= dict.fromkeys(source.kinds, source)

    async def remove(self, source: Source) -> None:
        """Save what this source knows a last time."""
        self.start()
        await self.saved()
        for kind in source.kinds:
            del self._sources[kind]

    def start(self) -> None:
        """Save in the background; again afterwards when that is under way."""
        self._is_due = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="state")

    async def saved(self) -> None:
        """Return when nothing is being written."""
        if self._task:
            await asyncio.wait({self._task})

    async def close(self) -> None:
        """Save a last time."""
        self.start()
        await self.saved()

    async def _run(self) -> None:
        while self._is_due:
            self._is_due = False
            await self._save()

    async def _save(self) -> None:
        changes = await self._collected()
        self._unconfirmed |= changes.documents
        while conflict := await self._keeper.save(changes):
            changes = await self._reconciled(conflict)
            self._unconfirmed = dict(changes.documents)
        if self._keeper.writable:
            self._stored = {key for key in self._stored if key not in self._unconfirmed}
            self._stored |= {key for key, text in self._unconfirmed.items() if text is not None}
            self._unconfirmed = {}

    async def _collected(self) -> Changes:
        """Return what changed, made with pauses: a scrape may be waiting for the loop."""
        documents: dict[Key, str | None] = {}
        events: list[Event] = []
        for source in dict.fromkeys(self._sources.values()):
            try:
                for piece in source.changes():
                    documents |= piece.documents
                    events += piece.events
                    await asyncio.sleep(0)
            except Exception:  # what the others know is to be kept all the same
                if times := self._failed("changes"):
                    log.exception("what changed could not be told", extra={"kinds": source.kinds, "failures": times})
        return Changes(documents, events)

    async def _reconciled(self, conflict: Conflict) -> Changes:
        """Take over what another program wrote meanwhile, and return what remains to be written."""
        mine, kinds, there = conflict.changes, conflict.changes.kinds(), dict(conflict.documents)
        # Who drops a device drops all of its documents, and there may be news for one of their kinds only.
        concerned = [self._sources[kind] for kind in kinds & self._sources.keys()]
        for kind in {kind for source in concerned for kind in source.kinds} - kinds:
            with suppress(StateError):  # writing finds that out too, and tells
                there |= {(kind, key): text for key, text in (await self._keeper.documents(kind)).items()}
                kinds.add(kind)
        gone = {key for key in self._stored - there.keys() if key[0] in kinds}
        self._stored = {key for key in self._stored if key[0] not in kinds} | there.keys()
        for key in gone:
            if source := self._sources.get(key[0]):
                source.forget(key)
        # What we have dropped does not come back because the other has not.
        await self._merge((key, text) for key, text in there.items() if mine.documents.get(key, "") is not None)
        now = await self._collected()
        documents = {key: self._current(key, None if key in gone else text) for key, text in mine.documents.items()}
        events = [event for event in (*mine.events, *now.events) if self._is_kept((event.kind, event.key), gone)]
        return Changes({**documents, **now.documents}, events)

    async def _merge(self, documents: Iterable[tuple[Key, str]]) -> None:
        remaining = iter(documents)
        while piece := list(islice(remaining, _SLICE)):
            for key, text in piece:
                try:
                    if source := self._sources.get(key[0]):
                        source.merge(key, text)
                except ValueError as error:
                    if times := self._failed("merge"):
                        fields = {"error": error, "failures": times}
                        log.warning("what another program stored cannot be used", extra=fields)
            await asyncio.sleep(0)

    def _failed(self, what: str) -> int:
        """Return how many failures a line is to tell of, 0 when it is not time for one."""
        return self._failures.failed(what, at=asyncio.get_running_loop().time())

    def _is_kept(self, key: Key, gone: Collection[Key]) -> bool:
        return key not in gone and self._current(key, "") is not None

    def _current(self, key: Key, text: str | None) -> str | None:
        """Return a document as it is now; `text` where its source is no longer there."""
        source = self._sources.get(key[0])
        return source.dump(key) if source else text
