"""One saver for all parts of the exporter: real files, another program beside it, files that fail, and no waiting."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from exporter.saving import Saver
from exporter.state import Changes, Event, Keeper, Key, State

AT = 1_790_000_000.0


class Shelf:
    """A source that keeps texts; what it cannot read says "nonsense"."""

    def __init__(self, kind: str, **things: str) -> None:
        self.kind = kind
        self.things: dict[str, str] = {}
        self.events: list[Event] = []
        self.forgotten: list[str] = []
        self.dirty: set[str] = set()
        for name, text in things.items():
            self.put(name, text)

    @property
    def kinds(self) -> tuple[str, ...]:
        return (self.kind,)

    def put(self, name: str, text: str, *, event: str = "") -> None:
        self.things[name] = text
        self.dirty.add(name)
        if event:
            self.events.append(Event(self.kind, name, AT, event, None, None))

    def changes(self) -> Iterator[Changes]:
        dirty, self.dirty = sorted(self.dirty), set()
        events, self.events = self.events, []
        yield Changes({}, events)
        for name in dirty:
            yield Changes({(self.kind, name): self.things.get(name)})

    def dump(self, key: Key) -> str | None:
        return self.things.get(key[1])

    def merge(self, key: Key, text: str) -> None:
        if text == "nonsense":
            raise ValueError(f"{self.kind} {key[1]}: nonsense")
        self.things.setdefault(key[1], text)

    def forget(self, key: Key) -> None:
        self.forgotten.append(key[1])
        self.things.pop(key[1], None)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@asynccontextmanager
async def saving(path: Path | str, *sources: Shelf) -> AsyncIterator[Saver]:
    keeper = Keeper(await asyncio.to_thread(State, path, busy_timeout=0.05))
    saver = Saver(keeper)
    for source in sources:
        await saver.load(source.kinds)
        saver.add(source)
    try:
        yield saver
    finally:
        await saver.close()
        await keeper.close()


async def save(saver: Saver) -> None:
    saver.start()
    await saver.saved()


async def written(path: Path, kind: str = "toy") -> dict[str, str]:
    def read() -> dict[str, str]:
        with closing(State(path, read_only=True)) as state:
            return state.documents(kind)

    return await asyncio.to_thread(read)


async def happened(path: Path, key: str) -> list[str]:
    def read() -> list[str]:
        with closing(State(path, read_only=True)) as state:
            return [event.what for event in state.events("toy", key)]

    return await asyncio.to_thread(read)


async def beside(path: Path, changes: Changes) -> None:
    """Write as a command does while the exporter runs."""

    def write() -> None:
        with closing(State(path)) as state:
            for kind in changes.kinds():
                state.documents(kind)
            assert state.write(changes)

    await asyncio.to_thread(write)


async def test_what_all_sources_know_is_written_and_loaded_again(path: Path) -> None:
    toys, books = Shelf("toy", ball="red"), Shelf("book", novel="long")
    toys.put("ball", "blue", event="painted")
    async with saving(path, toys, books) as saver:
        await save(saver)
        assert await written(path) == {"ball": "blue"}
        assert await written(path, "book") == {"novel": "long"}
        assert await happened(path, "ball") == ["painted"]
        assert await saver.load(["toy", "book"]) == {("toy", "ball"): "blue", ("book", "novel"): "long"}


async def test_only_what_changed_is_written_again(path: Path) -> None:
    toys = Shelf("toy", ball="red", kite="green")
    async with saving(path, toys) as saver:
        await save(saver)
        toys.things["ball"] = "changed without a word"
        toys.put("kite", "yellow")
        await save(saver)
    assert await written(path) == {"ball": "red", "kite": "yellow"}


async def test_starting_waits_for_nothing(path: Path) -> None:
    toys = Shelf("toy", ball="red")
    async with saving(path, toys) as saver:
        saver.start()
        assert toys.dirty == {"ball"}, "nothing is done before the loop has its turn"
        await saver.saved()
        assert toys.dirty == set()


async def test_what_changes_while_something_is_written_is_written_next(path: Path) -> None:
    toys = Shelf("toy", ball="red")
    async with saving(path, toys) as saver:
        for colour in ("red", "blue", "green"):
            toys.put("ball", colour)
            saver.start()
            await asyncio.sleep(0)
        await saver.saved()
        assert await written(path) == {"ball": "green"}


async def test_closing_writes_what_is_left(path: Path) -> None:
    async with saving(path, Shelf("toy", ball="red")):
        pass
    assert await written(path) == {"ball": "red"}


async def test_a_source_that_leaves_is_written_a_last_time(path: Path) -> None:
    toys = Shelf("toy", ball="red")
    async with saving(path, toys) as saver:
        await saver.remove(toys)
        toys.put("ball", "blue")
    assert await written(path) == {"ball": "red"}


async def test_what_another_program_dropped_is_dropped_with_its_events(path: Path) -> None:
    toys = Shelf("toy", ball="red", kite="green")
    async with saving(path, toys) as saver:
        await save(saver)
        await beside(path, Changes({("toy", "ball"): None}))
        toys.put("kite", "yellow", event="painted")
        toys.put("ball", "blue", event="painted")
        await save(saver)
    assert toys.forgotten == ["ball"]
    assert await written(path) == {"kite": "yellow"}
    assert (await happened(path, "ball"), await happened(path, "kite")) == ([], ["painted"])


async def test_what_another_program_wrote_is_taken_over(path: Path) -> None:
    toys = Shelf("toy", ball="red")
    async with saving(path, toys) as saver:
        await save(saver)
        await beside(path, Changes({("toy", "doll"): "new", ("toy", "ball"): "theirs"}))
        toys.put("ball", "blue")
        await save(saver)
    assert toys.things == {"ball": "blue", "doll": "new"}
    assert toys.forgotten == []
    assert await written(path) == {"ball": "blue", "doll": "new"}


async def test_what_was_dropped_here_does_not_come_back_because_another_program_wrote(path: Path) -> None:
    toys = Shelf("toy", ball="red")
    async with saving(path, toys) as saver:
        await save(saver)
        await beside(path, Changes({("toy", "doll"): "new"}))
        del toys.things["ball"]
        toys.dirty.add("ball")
        await save(saver)
    assert toys.things == await written(path) == {"doll": "new"}


async def test_what_another_program_spoilt_is_told_and_stops_nothing(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    toys = Shelf("toy", ball="red")
    async with saving(path, toys) as saver:
        await beside(path, Changes({("toy", "doll"): "nonsense"}))
        await save(saver)
        assert await written(path) == {"ball": "red", "doll": "nonsense"}
    assert "what another program stored cannot be used" in caplog.messages


async def test_the_kinds_of_other_sources_are_left_alone_by_a_conflict(path: Path) -> None:
    toys, books = Shelf("toy", ball="red"), Shelf("book", novel="long")
    async with saving(path, toys, books) as saver:
        await save(saver)
        await beside(path, Changes({("toy", "ball"): None}))
        books.put("novel", "longer")
        await save(saver)
        assert (toys.forgotten, books.forgotten) == ([], [])
        toys.put("kite", "green")
        await save(saver)
        assert (toys.forgotten, books.forgotten) == (["ball"], [])


async def test_what_a_locked_file_made_wait_is_written_later_and_is_then_known_to_be_there(path: Path) -> None:
    toys = Shelf("toy")
    async with saving(path, toys) as saver:
        with closing(await asyncio.to_thread(sqlite3.connect, path, check_same_thread=False)) as locker:
            await asyncio.to_thread(locker.execute, "BEGIN IMMEDIATE")
            toys.put("ball", "red", event="painted")
            await save(saver)
            assert await written(path) == {}
            await asyncio.to_thread(locker.rollback)
        await save(saver)
        assert await written(path) == {"ball": "red"}
        await beside(path, Changes({("toy", "ball"): None}))
        toys.put("kite", "green")
        await save(saver)
    assert toys.forgotten == ["ball"]


async def test_what_waits_of_a_source_that_left_survives_a_conflict(path: Path) -> None:
    toys, books = Shelf("toy"), Shelf("book")
    async with saving(path, toys, books) as saver:
        with closing(await asyncio.to_thread(sqlite3.connect, path, check_same_thread=False)) as locker:
            await asyncio.to_thread(locker.execute, "BEGIN IMMEDIATE")
            toys.put("ball", "red", event="painted")
            await saver.remove(toys)
            await asyncio.to_thread(locker.rollback)
        await beside(path, Changes({("book", "novel"): "theirs"}))
        await save(saver)
    assert await written(path) == {"ball": "red"}
    assert await happened(path, "ball") == ["painted"]


async def test_what_waits_of_a_source_that_left_does_not_bring_back_what_another_program_dropped(path: Path) -> None:
    toys, books = Shelf("toy", ball="red"), Shelf("book")
    async with saving(path, toys, books) as saver:
        await save(saver)
        with closing(await asyncio.to_thread(sqlite3.connect, path, check_same_thread=False)) as locker:
            await asyncio.to_thread(locker.execute, "BEGIN IMMEDIATE")
            toys.put("ball", "blue", event="painted")
            await saver.remove(toys)
            await asyncio.to_thread(locker.rollback)
        await beside(path, Changes({("toy", "ball"): None}))
        await save(saver)
    assert (await written(path), await happened(path, "ball")) == ({}, [])


async def test_a_source_that_fails_is_told_and_costs_the_others_nothing(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    toys, books = Shelf("toy", ball="red"), Shelf("book", novel="long")
    toys.dirty.add(7)  # type: ignore[arg-type]
    async with saving(path, toys, books) as saver:
        await save(saver)
        assert await written(path, "book") == {"novel": "long"}
        toys.dirty = {"ball"}
    errors = [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]
    assert errors == ["what changed could not be told"]
    assert await written(path) == {"ball": "red"}
