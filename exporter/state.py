"""What survives a restart: a JSON document for each device and the list of what happened to it, in one SQLite file."""

import asyncio
import logging
import os
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias, TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")
Key: TypeAlias = tuple[str, str]
"""Kind and key of a device: unique in the file."""

MEMORY = ":memory:"
BUSY_TIMEOUT = 1.0
"""Seconds to wait for another program's transaction; a stop waits for three of them at most and has five seconds."""
EVENTS_KEPT = 1000
"""For each device and `what`: the latest stay."""
PENDING_EVENTS = 10_000
"""Held in memory while the file cannot be written."""

APPLICATION_ID = int.from_bytes(b"pcam", "big")
MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        f"PRAGMA application_id = {APPLICATION_ID}",
        """CREATE TABLE document (
            kind TEXT NOT NULL, key TEXT NOT NULL, body TEXT NOT NULL, PRIMARY KEY (kind, key)
        ) STRICT, WITHOUT ROWID""",
        """CREATE TABLE event (
            id INTEGER PRIMARY KEY, kind TEXT NOT NULL, key TEXT NOT NULL, at REAL NOT NULL, what TEXT NOT NULL,
            before TEXT, after TEXT
        ) STRICT""",
        # NULLs are never equal to each other in a unique index
        "CREATE UNIQUE INDEX event_once ON event (kind, key, what, at, ifnull(before, ''), ifnull(after, ''))",
    ),
)
"""The statements that lead from each schema version to the next; the first make version 1 of an empty file."""

_PASSING = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
}
_BEGIN_ANEW = "or move it and its -wal and -shm files away to begin anew"
_REASONS = {
    sqlite3.SQLITE_BUSY: "another program keeps it locked: stop that program, or try again",
    sqlite3.SQLITE_CORRUPT: f"it is damaged: restore a backup, {_BEGIN_ANEW}",
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_IOERR: "the disk cannot be read or written: look into the system's log",
    sqlite3.SQLITE_NOTADB: f"it is not a SQLite database: set another state.path, {_BEGIN_ANEW}",
    sqlite3.SQLITE_READONLY: "it cannot be written: let this user write the file and its folder",
}


class StateError(Exception):
    """The state file cannot be used; the text names the file, says why, and what an administrator can do."""

    def __init__(self, path: Path | str, reason: str, *, passing: bool = False) -> None:
        super().__init__(f"state file {path}: {reason}")
        self.passing = passing
        """The cause may end by itself: a full disk, a lock."""


@dataclass(frozen=True, slots=True)
class Event:
    """What happened to a device, `at` in Unix seconds; stored once, None and "" being the same."""

    kind: str
    key: str
    at: float
    what: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """What one transaction writes; a document that is None is deleted with the events stored before."""

    documents: Mapping[Key, str | None] = field(default_factory=dict)
    events: Sequence[Event] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        return bool(self.documents or self.events)

    def kinds(self) -> set[str]:
        """Return the kinds of the devices that change."""
        return {kind for kind, _ in self.documents} | {event.kind for event in self.events}


@dataclass(frozen=True, slots=True)
class Conflict:
    """Another program wrote first, so `changes` were not written, and are no longer kept."""

    changes: Changes
    documents: Mapping[Key, str]
    """All that the file holds now of the kinds in `changes`."""


class State:
    """The file, for one thread at a time; every call may wait for the disk and raises only StateError."""

    def __init__(self, path: Path | str, *, read_only: bool = False, busy_timeout: float = BUSY_TIMEOUT) -> None:
        """Open the file, or make it; check it whole, and prove that it can be written unless `read_only`.

        ":memory:" keeps nothing.
        """
        self._path = path
        self._seen: dict[str, int] = {}
        with self._explained():
            self._connection = sqlite3.connect(
                _address(path, read_only=read_only),
                uri=True,
                timeout=busy_timeout,
                isolation_level=None,
                check_same_thread=False,
            )
            try:
                self._check()
                if read_only and str(path) != MEMORY:
                    self._check_current()
                else:
                    self._prepare()
                self._opened = self._number("data_version")
                self._inode = _inode(path)
            except BaseException:
                self._connection.close()
                raise

    def documents(self, kind: str) -> dict[str, str]:
        """Return all documents of a kind by key; from now on `write` looks for later changes by others."""
        with self._explained():
            # Before the documents: a write between the two is then refused once too often, and never overlooked.
            version = self._number("data_version")
            documents = dict(self._connection.execute("SELECT key, body FROM document WHERE kind = ?", (kind,)))
            self._seen[kind] = version
            return documents

    def events(self, kind: str, key: str) -> list[Event]:
        """Return the events of a device in the order in which they were written."""
        select = "SELECT kind, key, at, what, before, after FROM event WHERE kind = ? AND key = ? ORDER BY id"
        with self._explained():
            return [Event(*row) for row in self._connection.execute(select, (kind, key))]

    def contents(self) -> Changes:
        """Return all that the file holds, as of one moment, the events in the order in which they were written."""
        with self._explained(), self._connection as connection:
            connection.execute("BEGIN")
            rows = connection.execute("SELECT kind, key, body FROM document")
            documents = {(kind, key): body for kind, key, body in rows}
            select = "SELECT kind, key, at, what, before, after FROM event ORDER BY id"
            return Changes(documents, tuple(Event(*row) for row in connection.execute(select)))

    def replace(self, contents: Changes, copy: Path | None) -> None:
        """Put `contents` in place of all that the file holds, in one transaction; `copy` gets what it held.

        Raises StateError, too, when another program has the file open: a running exporter would write what it knows.
        """
        with self._explained():
            # Only who has a file for itself can leave WAL mode; the next to open it goes back there.
            self._connection.execute("PRAGMA journal_mode = DELETE").fetchone()
            if copy:
                self._connection.execute("VACUUM INTO ?", (str(copy),))
            with self._connection as connection:
                connection.execute("BEGIN EXCLUSIVE")
                connection.execute("DELETE FROM document")
                connection.execute("DELETE FROM event")
                _write_documents(connection, contents.documents)
                _write_events(connection, contents.events)

    def write(self, changes: Changes) -> bool:
        """Write all of `changes` in one transaction and return True, or none of them.

        False when another connection has written since `documents` was last called for one of the kinds in `changes`,
        or since the file was opened: call it again for each, merge, and write again.
        """
        if _inode(self._path) != self._inode:
            raise StateError(self._path, "it was moved or deleted while in use: start the exporter again")
        with self._explained(), self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            version = self._number("data_version")
            if any(self._seen.get(kind, self._opened) != version for kind in changes.kinds()):
                return False
            _write_documents(connection, changes.documents)
            _write_events(connection, changes.events)
        return True

    def close(self) -> None:
        """Close the file; safe to repeat."""
        self._connection.close()

    def _check(self) -> None:
        # As of one moment: another program may be making the file.
        with self._connection as connection:
            connection.execute("BEGIN")
            version = self._number("user_version")
            self._check_ours()
        if version > len(MIGRATIONS):
            reason = (
                f"it has schema version {version} of a newer printcam-exporter, and this one knows {len(MIGRATIONS)}: "
                "use the newer one, or restore a backup"
            )
            raise StateError(self._path, reason)
        # The whole check instead of the quick one: what the unique index holds decides which events are taken as
        # known, and a file of a few megabytes is read in milliseconds.
        (verdict,) = self._connection.execute("PRAGMA integrity_check(1)").fetchone()
        if verdict != "ok":
            raise StateError(self._path, f"{_REASONS[sqlite3.SQLITE_CORRUPT]} ({' '.join(verdict.split())})")

    def _check_ours(self) -> None:
        application = self._number("application_id")
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        is_new = application == 0 and tables == 0
        if application != APPLICATION_ID and not is_new:
            raise StateError(self._path, "it is a database of another application: set another state.path")

    def _check_current(self) -> None:
        if self._number("user_version") < len(MIGRATIONS):
            raise StateError(self._path, "it is empty or of an older printcam-exporter: start this one on it once")

    def _prepare(self) -> None:
        # The first transaction comes before WAL, so that a new file never stands there without its application_id.
        with self._connection as connection:
            connection.execute("BEGIN IMMEDIATE")
            for statements in MIGRATIONS[self._number("user_version") :]:
                for statement in statements:
                    connection.execute(statement)
            # An unchanged number is written too: the proof that the file can be.
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
        self._connection.execute("PRAGMA journal_mode = WAL").fetchone()
        # In WAL mode, NORMAL keeps the file whole through a loss of power, which may cost what the system has not
        # written out by itself (half a minute, less than a cycle). A kill costs nothing; FULL waits for the disk.
        self._connection.execute("PRAGMA synchronous = NORMAL")
        # The log is reused after 1,000 pages of 4 KiB; what one large transaction added is given back.
        self._connection.execute("PRAGMA journal_size_limit = 4096000").fetchone()

    def _number(self, pragma: str) -> int:
        (number,) = self._connection.execute(f"PRAGMA {pragma}").fetchone()
        return int(number)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            # 0 where the library did not fail but its Python side: a closed connection, text that is not UTF-8
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            reason = (
                _unopened(self._path) if code == sqlite3.SQLITE_CANTOPEN else _REASONS.get(code, "it cannot be used")
            )
            raise StateError(self._path, f"{reason} ({error})", passing=code in _PASSING) from error


class Keeper:
    """The state of a running exporter: files may fail, the exporter goes on from memory and catches up later.

    Calls of the file run in threads, one at a time. One caller saves, since a conflict hands back all that is pending.
    """

    def __init__(self, state: State) -> None:
        """Take over `state`, which nothing else may use until `close`."""
        self._state = state
        self._lock = asyncio.Lock()
        self._pending = Changes()
        self._trouble: StateError | None = None
        self._has_dropped = False

    @property
    def writable(self) -> bool:
        """Whether the last attempt to write was successful."""
        return self._trouble is None

    async def documents(self, kind: str) -> dict[str, str]:
        """Return all documents of a kind by key; raises StateError."""
        return await self._alone(lambda: asyncio.to_thread(self._state.documents, kind))

    async def events(self, devices: Iterable[Key]) -> dict[Key, list[Event]]:
        """Return what was written of each device, the oldest first; raises StateError."""
        wanted = tuple(devices)

        def read() -> dict[Key, list[Event]]:
            return {device: self._state.events(*device) for device in wanted}

        return await self._alone(lambda: asyncio.to_thread(read))

    async def save(self, changes: Changes) -> Conflict | None:
        """Write `changes` and all that could not be written before; never raises for what is wrong with the file.

        None: everything is written, or waits in memory for the next call (not `writable`). A conflict: another program
        wrote meanwhile, so the caller decides what of its changes still holds, and saves that:

            while conflict := await keeper.save(changes):
                changes = merge(conflict)

        A cancelled call leaves its transaction to end by itself; `close` waits for it.
        """
        self._pending = _merged(self._pending, changes)
        return await self._alone(self._write_pending)

    async def close(self) -> None:
        """Try once more to write what is pending, and close the file."""
        await self._alone(self._finish)

    async def _alone(self, step: Callable[[], Awaitable[T]]) -> T:
        """Run `step` when no other runs; the lock stays taken until its thread has ended, though the caller has not."""

        async def run() -> T:
            async with self._lock:
                return await step()

        return await asyncio.shield(asyncio.create_task(run()))

    async def _write_pending(self) -> Conflict | None:
        batch, self._pending = self._pending, Changes()
        try:
            conflict = await asyncio.to_thread(self._write, batch)
        except StateError as error:
            self._keep(_merged(batch, self._pending))
            self._failed(error)
            return None
        if conflict is None:
            self._succeeded()
        return conflict

    def _write(self, changes: Changes) -> Conflict | None:
        if self._state.write(changes):
            return None
        stored = {(kind, key): body for kind in changes.kinds() for key, body in self._state.documents(kind).items()}
        return Conflict(changes, stored)

    async def _finish(self) -> None:
        if self._pending:
            conflict = await self._write_pending()
            lost = conflict.changes if conflict else self._pending
            if lost:
                log.warning("state lost", extra={"documents": len(lost.documents), "events": len(lost.events)})
        await asyncio.to_thread(self._state.close)

    def _keep(self, changes: Changes) -> None:
        self._pending = Changes(changes.documents, changes.events[-PENDING_EVENTS:])
        if len(changes.events) > PENDING_EVENTS and not self._has_dropped:
            log.warning("too many events to keep in memory, dropping the oldest", extra={"kept": PENDING_EVENTS})
            self._has_dropped = True

    def _failed(self, error: StateError) -> None:
        if self._trouble is None or (self._trouble.passing and not error.passing):
            level = logging.WARNING if error.passing else logging.ERROR
            log.log(level, "state not written, going on from memory", extra={"error": error})
            self._trouble = error

    def _succeeded(self) -> None:
        if self._trouble is not None:
            log.info("state written again")
        self._trouble = None
        self._has_dropped = False


def _merged(earlier: Changes, later: Changes) -> Changes:
    """Return both as one; where a document was to be deleted and is new again, its old events stay in the file."""
    deleted = {key for key, body in later.documents.items() if body is None}
    kept = [event for event in earlier.events if (event.kind, event.key) not in deleted]
    return Changes({**earlier.documents, **later.documents}, (*kept, *later.events))


def _write_documents(connection: sqlite3.Connection, documents: Mapping[Key, str | None]) -> None:
    deleted = [key for key, body in documents.items() if body is None]
    connection.executemany("DELETE FROM document WHERE kind = ? AND key = ?", deleted)
    connection.executemany("DELETE FROM event WHERE kind = ? AND key = ?", deleted)
    connection.executemany(
        "INSERT INTO document VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET body = excluded.body",
        [(*key, body) for key, body in documents.items() if body is not None],
    )


def _write_events(connection: sqlite3.Connection, events: Sequence[Event]) -> None:
    connection.executemany(
        "INSERT OR IGNORE INTO event (kind, key, at, what, before, after) VALUES (?, ?, ?, ?, ?, ?)",
        [(event.kind, event.key, event.at, event.what, event.before, event.after) for event in events],
    )
    connection.executemany(
        "DELETE FROM event WHERE id IN ("
        "SELECT id FROM event WHERE kind = ? AND key = ? AND what = ? ORDER BY at DESC, id DESC LIMIT -1 OFFSET ?)",
        {(event.kind, event.key, event.what, EVENTS_KEPT) for event in events},
    )


def _address(path: Path | str, *, read_only: bool) -> str:
    if str(path) == MEMORY:
        return "file::memory:"
    # Where nobody has the file open, reading one in WAL mode would make files beside it, which takes the right to.
    is_at_rest = not os.path.exists(f"{path}-wal")  # noqa: PTH110 - as below
    mode = "rwc" if not read_only else "ro&immutable=1" if is_at_rest else "ro"
    return f"{Path(path).absolute().as_uri()}?mode={mode}"


def _inode(path: Path | str) -> tuple[int, int] | None:
    """Tell the file at a path from another one; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 - as below
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _unopened(path: Path | str) -> str:
    """Say why a file could not be opened; SQLite gives one reason for all."""
    # pathlib raises where a folder may not be looked into.
    if os.path.isdir(path):  # noqa: PTH112
        return "it is a folder: set state.path to a file"
    if not os.path.isdir(Path(path).parent):  # noqa: PTH112
        return "its folder does not exist: make it, or set another state.path"
    return "it does not exist, or this user may not write it and its folder: allow that, or set another state.path"
