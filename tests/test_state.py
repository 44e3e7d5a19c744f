"""The state file: what is written comes back, whole, whatever kills the writer, fills the disk or spoils the file."""

import asyncio
import logging
import os
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter import state as module
from exporter.state import APPLICATION_ID, EVENTS_KEPT, MIGRATIONS, Changes, Conflict, Event, Keeper, State, StateError

AT = 1_700_000_000.0
LOBBY = ("camera", "02:00:5e:10:00:01")
DOOR = ("camera", "02:00:5e:10:00:02")

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root mounts file systems")


def moved(number: float, *, of: tuple[str, str] = LOBBY, what: str = "address") -> Event:
    return Event(*of, AT + number, what, f"192.0.2.{number}", None)


def document(body: str | None, *, of: tuple[str, str] = LOBBY) -> Changes:
    return Changes({of: body})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "printcam.db"


@pytest.fixture
def state(path: Path) -> Iterator[State]:
    with closing(State(path, busy_timeout=0.05)) as opened:
        yield opened


@pytest.fixture
def other(state: State, path: Path) -> Iterator[State]:
    """Another program at the same file; its start was a write, which the first has seen."""
    with closing(State(path)) as opened:
        state.documents("camera")
        yield opened


def stored(path: Path | str, kind: str = "camera") -> dict[str, str]:
    with closing(State(path, read_only=True)) as reader:
        return reader.documents(kind)


def stored_events(path: Path | str, key: tuple[str, str] = LOBBY) -> list[Event]:
    with closing(State(path, read_only=True)) as reader:
        return reader.events(*key)


class TestRoundTrip:
    def test_documents_and_events_come_back_after_a_restart(self, path: Path) -> None:
        events = [moved(2), moved(1), Event(*LOBBY, AT + 0.25, "name", None, "Empfang 玄関 🎥")]
        with closing(State(path)) as first:
            assert first.write(Changes({LOBBY: '{"name": "Empfang 玄関 🎥"}', DOOR: "{}"}, events))
        with closing(State(path)) as second:
            assert second.documents("camera") == {LOBBY[1]: '{"name": "Empfang 玄関 🎥"}', DOOR[1]: "{}"}
            assert second.events(*LOBBY) == events
            assert second.events(*DOOR) == []

    @settings(max_examples=30, deadline=None)
    @given(st.dictionaries(st.tuples(st.text(), st.text()), st.text()), st.floats(allow_nan=False), st.text())
    def test_any_text_and_any_time_come_back_as_they_were(
        self, documents: dict[tuple[str, str], str], at: float, text: str
    ) -> None:
        event = Event("kind", text, at, text, text, None)
        with closing(State(":memory:")) as state:
            assert state.write(Changes(documents, [event]))
            kinds = {kind for kind, _ in documents}
            assert documents == {(kind, key): body for kind in kinds for key, body in state.documents(kind).items()}
            assert state.events("kind", text) == [event]

    def test_a_document_is_replaced_and_the_rest_stays(self, state: State) -> None:
        state.write(Changes({LOBBY: "1", DOOR: "1"}, [moved(1)]))
        state.write(document("2"))
        assert state.documents("camera") == {LOBBY[1]: "2", DOOR[1]: "1"}
        assert state.events(*LOBBY) == [moved(1)]

    def test_kinds_do_not_meet(self, state: State) -> None:
        state.write(Changes({("camera", "a"): "1", ("printer", "a"): "2"}, [moved(1, of=("printer", "a"))]))
        state.write(document(None, of=("camera", "a")))
        assert state.documents("camera") == {}
        assert state.documents("printer") == {"a": "2"}
        assert state.events("printer", "a") == [moved(1, of=("printer", "a"))]

    def test_a_deleted_document_takes_its_events_along(self, state: State) -> None:
        state.write(Changes({LOBBY: "1", DOOR: "1"}, [moved(1), moved(1, of=DOOR)]))
        state.write(document(None))
        assert state.documents("camera") == {DOOR[1]: "1"}
        assert state.events(*LOBBY) == []
        assert state.events(*DOOR) == [moved(1, of=DOOR)]

    @pytest.mark.parametrize("before", [None, "", "192.0.2.1"])
    @pytest.mark.parametrize("after", [None, "", "192.0.2.2"])
    def test_an_event_written_again_changes_nothing(self, state: State, before: str | None, after: str | None) -> None:
        event = Event(*LOBBY, AT, "address", before, after)
        state.write(Changes(events=[event, event]))
        state.write(Changes(events=[event]))
        assert state.events(*LOBBY) == [event]

    def test_events_that_differ_in_one_field_are_different(self, state: State) -> None:
        events = [
            Event(*LOBBY, AT, "address", "a", "b"),
            Event(*LOBBY, AT + 1e-6, "address", "a", "b"),
            Event(*LOBBY, AT, "name", "a", "b"),
            Event(*LOBBY, AT, "address", None, "b"),
            Event(*LOBBY, AT, "address", "a", None),
            Event(*LOBBY, AT, "address", "b", "a"),
        ]
        state.write(Changes(events=events))
        assert state.events(*LOBBY) == events

    def test_only_the_latest_events_of_each_device_and_sort_stay(self, state: State) -> None:
        crowd = [moved(number) for number in range(EVENTS_KEPT + 5)]
        state.write(Changes(events=[moved(-1, what="name"), moved(-1, of=DOOR)]))
        state.write(Changes(events=crowd))
        assert state.events(*LOBBY) == [moved(-1, what="name"), *crowd[5:]]
        assert state.events(*DOOR) == [moved(-1, of=DOOR)]

    def test_older_events_that_arrive_late_push_out_no_later_ones(self, state: State) -> None:
        crowd = [moved(number) for number in range(EVENTS_KEPT)]
        state.write(Changes(events=crowd))
        state.write(Changes(events=[moved(-2), moved(-1)]))
        assert state.events(*LOBBY) == crowd

    def test_memory_keeps_nothing(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        for _ in range(2):
            with closing(State(":memory:")) as state:
                assert state.documents("camera") == {}
                assert state.write(document("1"))
                assert state.documents("camera") == {LOBBY[1]: "1"}
        assert list(tmp_path.iterdir()) == []

    def test_memory_can_be_read_only_and_is_empty(self) -> None:
        with closing(State(Path(":memory:"), read_only=True)) as state:
            assert state.documents("camera") == {}

    @pytest.mark.parametrize("name", ["a b#c?mode=memory&x=%41.db", "état 玄関.db", "file:x.db"])
    def test_any_file_name_is_taken_literally(self, tmp_path: Path, name: str) -> None:
        State(tmp_path / name).close()
        assert [file.name for file in tmp_path.iterdir()] == [name]

    def test_a_relative_path_leads_from_the_working_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        State("printcam.db").close()
        assert (tmp_path / "printcam.db").is_file()

    def test_the_log_beside_the_file_stays_bounded(self, state: State, path: Path) -> None:
        big = "x" * 3_000_000
        for number in range(5):
            state.write(document(f"{number}{big}"))
        for number in range(50):
            state.write(document(str(number)))
        assert path.with_name("printcam.db-wal").stat().st_size < 5_000_000

    def test_a_second_close_is_harmless_and_later_calls_are_explained(self, state: State, path: Path) -> None:
        state.close()
        state.close()
        with pytest.raises(StateError, match=r"printcam\.db: it cannot be used \(Cannot operate on a closed database"):
            state.documents("camera")


class TestTwoPrograms:
    def test_a_write_is_refused_once_when_another_wrote(self, state: State, other: State) -> None:
        assert other.write(document("other's"))
        assert not state.write(Changes({LOBBY: "ours", DOOR: "ours"}, [moved(1)]))
        assert state.documents("camera") == {LOBBY[1]: "other's"}
        assert state.events(*LOBBY) == []
        assert state.write(document("merged"))
        assert state.write(document("merged again"))
        assert state.documents("camera") == {LOBBY[1]: "merged again"}

    def test_a_refused_write_stays_refused_until_the_documents_are_read(self, state: State, other: State) -> None:
        other.write(document("other's"))
        assert not state.write(document("ours"))
        state.events(*LOBBY)
        assert not state.write(document("ours"))

    def test_events_alone_are_refused_too(self, state: State, other: State) -> None:
        other.write(document("other's", of=DOOR))
        assert not state.write(Changes(events=[moved(1)]))
        assert state.events(*LOBBY) == []

    def test_reading_one_kind_does_not_make_another_current(self, state: State, other: State) -> None:
        printer = ("printer", "A1")
        state.documents("camera")
        state.documents("printer")
        other.write(Changes({LOBBY: "1", printer: "1"}))
        state.documents("printer")
        assert state.write(document("2", of=printer))
        assert not state.write(Changes({LOBBY: "2", printer: "3"}))
        assert state.documents("printer") == {"A1": "2"}

    def test_readers_are_no_writers(self, state: State, path: Path) -> None:
        state.write(document("1"))
        assert stored(path) == {LOBBY[1]: "1"}
        assert state.write(document("2"))

    def test_a_reader_sees_what_a_running_writer_committed(self, state: State, path: Path) -> None:
        state.write(Changes({LOBBY: "1"}, [moved(1)]))
        with closing(State(path, read_only=True)) as reader:
            assert reader.documents("camera") == {LOBBY[1]: "1"}
            state.write(document("2"))
            assert reader.documents("camera") == {LOBBY[1]: "2"}
            with pytest.raises(StateError, match="it cannot be written"):
                reader.write(document("3"))

    def test_a_locked_file_is_explained_at_start(self, state: State, path: Path) -> None:
        with locked(path), pytest.raises(StateError, match="another program keeps it locked") as caught:
            State(path, busy_timeout=0.01)
        assert caught.value.passing

    def test_a_write_while_the_documents_are_read_is_not_overlooked(self, state: State, other: State) -> None:
        statements: list[str] = []

        def write_between(statement: str) -> None:
            statements.append(statement)
            if len(statements) == 2:
                other.write(document("other's"))

        state._connection.set_trace_callback(write_between)
        state.documents("camera")
        state._connection.set_trace_callback(None)
        assert len(statements) == 2
        assert not state.write(document("ours"))

    def test_programs_that_start_together_on_a_new_file_succeed_or_are_told_to_try_again(self, path: Path) -> None:
        script = "import sys; from exporter.state import State; sys.stdin.readline(); State(sys.argv[1])"
        command = [sys.executable, "-c", script, str(path)]
        children = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in "1234"]
        for child in children:
            assert child.stdin
            child.stdin.write("go\n")
            child.stdin.flush()
        for child in children:
            _, errors = child.communicate(timeout=60)
            assert child.returncode == 0 or "another program keeps it locked" in errors
        with closing(State(path)) as state:
            assert state.write(document("1"))

    def test_a_file_that_another_program_is_making_is_not_taken_for_a_foreign_one(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        number = State._number

        def make_after(state: State, pragma: str) -> int:
            found = number(state, pragma)
            if pragma == "application_id":
                monkeypatch.setattr(State, "_number", number)
                with suppress(StateError):
                    State(path, busy_timeout=0).close()
            return found

        monkeypatch.setattr(State, "_number", make_after)
        with closing(State(path)) as state:
            assert state.write(document("1"))

    def test_a_locked_file_is_waited_for_as_long_as_told(self, state: State) -> None:
        assert state._number("busy_timeout") == 50


@contextmanager
def locked(path: Path | str) -> Iterator[None]:
    """Let another connection hold the write lock."""
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield


WRITER = """
import itertools, sys
from exporter.state import Changes, Event, State
sys.stdin.readline()
state = State(sys.argv[1])
run = sys.argv[2]
last = int(state.documents("number").get("a", "0"))
for number in itertools.count(last + 1):
    event = Event("number", run, float(number), f"{number // 500}", None, str(number))
    assert state.write(Changes({("number", "a"): str(number), ("number", "b"): str(number)}, [event]))
    print(number, flush=True)
"""


def start_writer(path: Path, run: int) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", WRITER, str(path), str(run)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def kill_after(writer: "subprocess.Popen[str]", delay: float, *, first_commit: bool) -> list[int]:
    """Kill the writer `delay` seconds after its start, or its first commit, and return the numbers that it printed."""
    assert writer.stdin
    assert writer.stdout
    with writer:
        writer.stdin.write("go\n")
        writer.stdin.flush()
        output = writer.stdout.readline() if first_commit else ""
        with suppress(subprocess.TimeoutExpired):
            writer.wait(delay)
        writer.kill()
        output += writer.stdout.read()
    assert writer.returncode == -signal.SIGKILL
    return [int(line) for line in output.splitlines(keepends=True) if line.endswith("\n")]


def test_a_writer_killed_a_hundred_times_leaves_every_committed_transaction_whole(path: Path) -> None:
    chance = random.Random(4)
    last = 0
    next_writer = start_writer(path, 0)
    try:
        for run in range(100):
            # one starts up while the other writes
            writer, next_writer = next_writer, start_writer(path, run + 1)
            printed = kill_after(writer, chance.uniform(0.0, 0.05), first_commit=run % 2 == 1)
            last = check_after_kill(path, run, last, printed)
    finally:
        next_writer.kill()
        next_writer.communicate()
    assert last, "the writers have written"


def check_after_kill(path: Path, run: int, before: int, printed: list[int]) -> int:
    """Hold what the file has against the numbers that were printed, and return the last number in it."""
    with closing(State(path)) as state:
        numbers = state.documents("number")
        events = [int(event.after or 0) for event in state.events("number", str(run))]
    now = int(numbers.get("a", "0"))
    assert numbers.get("b", "0") == numbers.get("a", "0")
    assert printed == list(range(before + 1, before + 1 + len(printed)))
    assert now - before - len(printed) in {0, 1}
    assert events == list(range(before + 1, now + 1))
    return now


def other_application(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE printer (name TEXT)")
        connection.commit()


def only_an_application_id(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id = 7")


def newer_version(path: Path) -> None:
    State(path).close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")


def filled(path: Path) -> int:
    """Make a file of many pages and return how many."""
    with closing(State(path)) as state:
        documents = {("camera", str(number)): "x" * 100 for number in range(1000)}
        state.write(Changes(documents, [moved(number) for number in range(500)]))
    return path.stat().st_size // 4096


def random_pages(path: Path) -> None:
    pages = filled(path)
    chance = random.Random(1)
    with path.open("r+b") as file:
        for page in range(2, pages, 3):
            file.seek(page * 4096)
            file.write(chance.randbytes(4096))


def index_without_a_row(path: Path) -> None:
    filled(path)
    with closing(sqlite3.connect(path)) as connection:
        (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = 'event_once'").fetchone()
        connection.execute("PRAGMA writable_schema = 1")
        connection.execute("UPDATE sqlite_schema SET sql = replace(sql, 'what, at', 'at, what') WHERE sql = ?", (sql,))
        connection.commit()


def cut(size: int) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        filled(path)
        os.truncate(path, size)

    return make


def clobbered_first_page(path: Path) -> None:
    filled(path)
    with path.open("r+b") as file:
        file.write(bytes(4096))


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_text("Lobby,02:00:5e:10:00:01\n" * 500), "it is not a SQLite database"),
        (lambda path: path.write_bytes(b"\n\n"), "it is not a SQLite database"),
        (lambda path: path.write_bytes(random.Random(2).randbytes(50_000)), "it is not a SQLite database"),
        (cut(60), "it is damaged"),
        (clobbered_first_page, "it is not a SQLite database"),
        (cut(2 * 4096), "it is damaged"),
        (cut(5 * 4096 + 100), "it is damaged"),
        (random_pages, "it is damaged"),
        (index_without_a_row, "it is damaged"),
        (other_application, "it is a database of another application: set another state.path"),
        (only_an_application_id, "it is a database of another application: set another state.path"),
        (newer_version, "it has schema version 2 of a newer printcam-exporter, and this one knows 1"),
    ],
)
@pytest.mark.parametrize("read_only", [False, True])
def test_a_file_that_cannot_be_used_is_explained_and_left_alone(
    path: Path, make: Callable[[Path], None], reason: str, read_only: bool
) -> None:
    make(path)
    before = path.read_bytes()
    with pytest.raises(StateError) as caught:
        State(path, read_only=read_only)
    assert str(caught.value).startswith(f"state file {path}: {reason}")
    assert not caught.value.passing
    assert path.read_bytes() == before


class TestStart:
    def test_an_empty_file_is_taken_as_new(self, path: Path) -> None:
        path.touch()
        with closing(State(path)) as state:
            assert state.write(document("1"))
        assert stored(path) == {LOBBY[1]: "1"}

    def test_a_folder_is_no_file(self, path: Path) -> None:
        path.mkdir()
        with pytest.raises(StateError, match=r"printcam\.db: it is a folder: set state\.path to a file"):
            State(path)

    @pytest.mark.parametrize("read_only", [False, True])
    def test_a_missing_folder_is_named_as_the_reason_and_not_made(self, tmp_path: Path, read_only: bool) -> None:
        with pytest.raises(StateError, match=r"printcam\.db: its folder does not exist: make it"):
            State(tmp_path / "missing" / "printcam.db", read_only=read_only)
        assert not (tmp_path / "missing").exists()

    def test_a_folder_where_nothing_can_be_made_is_explained(self) -> None:
        with pytest.raises(StateError, match=r"/proc/printcam\.db: it does not exist, or this user may not write it"):
            State("/proc/printcam.db")

    def test_a_reader_makes_no_file(self, path: Path) -> None:
        with pytest.raises(StateError, match=r"printcam\.db: it does not exist"):
            State(path, read_only=True)
        assert not path.exists()

    def test_a_reader_refuses_an_empty_file_and_leaves_it_empty(self, path: Path) -> None:
        path.touch()
        with pytest.raises(StateError, match="it is empty or of an older printcam-exporter: start this one on it once"):
            State(path, read_only=True)
        assert path.read_bytes() == b""

    def test_a_failed_start_leaves_no_descriptor(self, path: Path) -> None:
        other_application(path)
        before = len(list(Path("/proc/self/fd").iterdir()))
        with pytest.raises(StateError):
            State(path)
        assert len(list(Path("/proc/self/fd").iterdir())) == before

    def test_the_file_tells_what_it_is_before_anything_is_in_its_log(self, path: Path) -> None:
        with closing(State(path)) as state:
            state.write(document("1"))
            header = path.read_bytes()[:100]
        assert int.from_bytes(header[68:72], "big") == APPLICATION_ID
        assert int.from_bytes(header[60:64], "big") == len(MIGRATIONS)

    @needs_root
    def test_a_file_on_a_read_only_file_system_is_explained(self, small_disk: Path) -> None:
        path = small_disk / "printcam.db"
        State(path).close()
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        before = path.read_bytes()
        with pytest.raises(StateError, match=r"this user may not write it and its folder|it cannot be written"):
            State(path)
        assert path.read_bytes() == before

    @needs_root
    def test_a_file_that_alone_is_read_only_is_explained(self, path: Path) -> None:
        State(path).close()
        with (
            read_only_mount(path),
            pytest.raises(StateError, match="it cannot be written: let this user write") as caught,
        ):
            State(path)
        assert caught.value.passing

    @needs_root
    def test_a_full_disk_is_explained(self, small_disk: Path) -> None:
        State(small_disk / "printcam.db").close()
        fill(small_disk)
        with pytest.raises(StateError, match=r"the disk is full: free some space|the disk cannot be read or written"):
            State(small_disk / "printcam.db")


ONE = (*MIGRATIONS, ("ALTER TABLE document ADD COLUMN note TEXT", "UPDATE document SET note = 'from ' || body"))
BAD = (*ONE, ("CREATE TABLE half (x TEXT)", "INSERT INTO missing VALUES (1)"))


class TestMigrations:
    def test_an_older_file_is_brought_up_to_date(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with closing(State(path)) as state:
            state.write(Changes({LOBBY: "1"}, [moved(1)]))
        monkeypatch.setattr(module, "MIGRATIONS", ONE)
        State(path).close()
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("SELECT note FROM document").fetchall() == [("from 1",)]
            assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert stored_events(path) == [moved(1)]

    def test_a_new_file_goes_through_all_versions(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "MIGRATIONS", ONE)
        State(path).close()
        State(path).close()
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA user_version").fetchone() == (2,)

    def test_a_failed_migration_leaves_the_older_version_untouched(
        self, path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with closing(State(path)) as state:
            state.write(Changes({LOBBY: "1"}, [moved(1)]))
        before = path.read_bytes()
        with monkeypatch.context() as newer:
            newer.setattr(module, "MIGRATIONS", BAD)
            with pytest.raises(StateError, match=r"it cannot be used \(no such table: missing\)"):
                State(path)
        assert path.read_bytes() == before
        with closing(State(path)) as state:
            assert state.documents("camera") == {LOBBY[1]: "1"}
            assert state.write(document("2"))

    def test_a_reader_leaves_an_older_file_to_the_exporter(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        State(path).close()
        monkeypatch.setattr(module, "MIGRATIONS", ONE)
        with pytest.raises(StateError, match="of an older printcam-exporter: start this one on it once"):
            State(path, read_only=True)


@contextmanager
def read_only_mount(path: Path) -> Iterator[None]:
    subprocess.run(["mount", "--bind", path, path], check=True)
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", path], check=True)
        yield
    finally:
        subprocess.run(["umount", "--lazy", path], check=True)


def fill(folder: Path) -> Path:
    """Take the last byte of a file system."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)) == 4096:
            pass
    assert shutil.disk_usage(folder).free == 0
    return ballast


@contextmanager
def no_file_grows() -> Iterator[None]:
    """Let the system refuse every write to a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def query_only(state: State) -> Iterator[None]:
    state._connection.execute("PRAGMA query_only = 1")
    try:
        yield
    finally:
        state._connection.execute("PRAGMA query_only = 0")


def messages(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    return [(record.levelname, record.getMessage()) for record in caplog.records]


@pytest.fixture(autouse=True)
def every_line(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "exporter.state")


@pytest.fixture
async def keeper(state: State) -> AsyncIterator[Keeper]:
    opened = Keeper(state)
    yield opened
    await opened.close()


STARTED = ("WARNING", "state not written, going on from memory")
ENDED = ("INFO", "state written again")


class TestKeeper:
    async def test_saved_changes_are_in_the_file(self, keeper: Keeper, path: Path) -> None:
        assert keeper.writable
        assert await keeper.save(Changes({LOBBY: "1"}, [moved(1)])) is None
        assert keeper.writable
        assert await asyncio.to_thread(stored, path) == {LOBBY[1]: "1"}
        assert await asyncio.to_thread(stored_events, path) == [moved(1)]

    @needs_root
    async def test_documents_are_read_as_they_are_in_the_file(self, keeper: Keeper) -> None:
        await keeper.save(document("{}"))
        assert await keeper.documents(LOBBY[0]) == {LOBBY[1]: "{}"}

    async def test_a_full_disk_is_survived_in_memory_and_caught_up_with(
        self, small_disk: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        path = small_disk / "printcam.db"
        keeper = Keeper(await asyncio.to_thread(State, path))
        await keeper.save(Changes({LOBBY: "0", DOOR: "0"}, [moved(0)]))
        ballast = await asyncio.to_thread(fill, small_disk)
        for number in range(1, 5):
            await keeper.save(Changes({LOBBY: f"{number}" + "x" * 50_000}, [moved(number)]))
            assert not keeper.writable
        await keeper.save(document(None, of=DOOR))
        assert messages(caplog) == [STARTED]
        assert "the disk is full" in str(vars(caplog.records[0])["error"])
        assert (await asyncio.to_thread(stored, path)) == {LOBBY[1]: "0", DOOR[1]: "0"}
        ballast.unlink()
        await keeper.save(Changes(events=[moved(5)]))
        assert keeper.writable
        assert messages(caplog) == [STARTED, ENDED]
        await keeper.close()
        assert await asyncio.to_thread(stored, path) == {LOBBY[1]: "4" + "x" * 50_000}
        assert await asyncio.to_thread(stored_events, path) == [moved(number) for number in range(6)]

    @pytest.mark.parametrize(
        ("trouble", "reason"),
        [
            (lambda state: locked(state._path), "another program keeps it locked"),
            (lambda state: no_file_grows(), "the disk cannot be read or written"),
            (query_only, "it cannot be written"),
        ],
        ids=["busy", "ioerr", "readonly"],
    )
    async def test_passing_trouble_is_told_once_and_what_waited_is_written(
        self,
        keeper: Keeper,
        state: State,
        caplog: pytest.LogCaptureFixture,
        trouble: Callable[[State], AbstractContextManager[None]],
        reason: str,
    ) -> None:
        await keeper.save(document("0"))
        with trouble(state):
            for number in range(1, 4):
                assert await keeper.save(Changes({LOBBY: str(number)}, [moved(number)])) is None
                assert not keeper.writable
        assert messages(caplog) == [STARTED]
        assert reason in str(vars(caplog.records[0])["error"])
        await keeper.save(Changes())
        assert keeper.writable
        assert messages(caplog) == [STARTED, ENDED]
        assert await asyncio.to_thread(stored, state._path) == {LOBBY[1]: "3"}
        assert await asyncio.to_thread(stored_events, state._path) == [moved(1), moved(2), moved(3)]

    async def test_a_file_damaged_while_running_is_told_once_at_error_and_never_raised(
        self, keeper: Keeper, state: State, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        await asyncio.to_thread(damage, state, path)
        for number in range(3):
            assert await keeper.save(Changes({LOBBY: str(number)}, [moved(number)])) is None
            assert not keeper.writable
        assert messages(caplog) == [("ERROR", "state not written, going on from memory")]

    async def test_lasting_trouble_is_told_after_passing_trouble(
        self, keeper: Keeper, state: State, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with locked(path):
            await keeper.save(document("1"))
        await asyncio.to_thread(state.close)
        await keeper.save(document("2"))
        await keeper.save(document("3"))
        assert messages(caplog) == [STARTED, ("ERROR", STARTED[1])]

    async def test_events_that_wait_are_bounded(
        self, keeper: Keeper, path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "PENDING_EVENTS", 3)
        with locked(path):
            for number in range(6):
                await keeper.save(Changes(events=[moved(number)]))
        dropping = ("WARNING", "too many events to keep in memory, dropping the oldest")
        assert sorted(messages(caplog)) == sorted([STARTED, dropping])
        await keeper.save(Changes(events=[moved(number) for number in range(6, 12)]))
        assert await asyncio.to_thread(stored_events, path) == [moved(number) for number in range(3, 12)]
        caplog.clear()
        with locked(path):
            await keeper.save(Changes(events=[moved(number) for number in range(20, 24)]))
        assert sorted(messages(caplog)) == sorted([STARTED, dropping])

    async def test_a_device_deleted_while_it_waits_leaves_no_event(self, keeper: Keeper, path: Path) -> None:
        with locked(path):
            await keeper.save(Changes({LOBBY: "1"}, [moved(1), moved(1, of=DOOR)]))
            await keeper.save(document(None))
        await keeper.save(Changes())
        assert await asyncio.to_thread(stored, path) == {}
        assert await asyncio.to_thread(stored_events, path) == []
        assert await asyncio.to_thread(stored_events, path, DOOR) == [moved(1, of=DOOR)]

    async def test_what_another_program_wrote_comes_back_with_all_that_waited(
        self, keeper: Keeper, other: State, path: Path
    ) -> None:
        await keeper.save(Changes({LOBBY: "1", DOOR: "1"}))
        with locked(path):
            await keeper.save(Changes({LOBBY: "2"}, [moved(2)]))
        await asyncio.to_thread(write_as_another, other, document(None))
        conflict = await keeper.save(document("3", of=DOOR))
        assert conflict == Conflict(Changes({LOBBY: "2", DOOR: "3"}, (moved(2),)), {DOOR: "1"})
        assert not keeper.writable
        assert await keeper.save(document("3", of=DOOR)) is None
        assert await asyncio.to_thread(stored, path) == {DOOR[1]: "3"}
        assert await asyncio.to_thread(stored_events, path) == []

    async def test_closing_writes_what_waited(
        self, keeper: Keeper, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with locked(path):
            await keeper.save(document("1"))
        await keeper.close()
        assert await asyncio.to_thread(stored, path) == {LOBBY[1]: "1"}
        assert messages(caplog) == [STARTED, ENDED]

    async def test_closing_tells_what_is_lost(
        self, keeper: Keeper, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        with locked(path):
            await keeper.save(Changes({LOBBY: "1"}, [moved(1), moved(2)]))
            await keeper.close()
        assert messages(caplog) == [STARTED, ("WARNING", "state lost")]
        assert (vars(caplog.records[1])["documents"], vars(caplog.records[1])["events"]) == (1, 2)

    async def test_a_cancelled_save_ends_by_itself_and_closing_waits_for_it(
        self, path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        keeper = Keeper(await asyncio.to_thread(State, path, busy_timeout=30))
        with locked(path):
            saving = asyncio.create_task(keeper.save(document("1")))
            await until(keeper._lock.locked)
            saving.cancel()
            with pytest.raises(asyncio.CancelledError):
                await saving
            waiting = asyncio.create_task(keeper.save(document("2", of=DOOR)))
            closing_ = asyncio.create_task(keeper.close())
            await asyncio.sleep(0)
            waiting.cancel()
            assert not closing_.done()
        await closing_
        assert await asyncio.to_thread(stored, path) == {LOBBY[1]: "1", DOOR[1]: "2"}
        assert messages(caplog) == []

    async def test_what_is_saved_while_a_write_fails_is_the_later_of_the_two(self, keeper: Keeper, path: Path) -> None:
        with locked(path):
            first = asyncio.create_task(keeper.save(Changes({LOBBY: "1"}, [moved(1)])))
            await until(keeper._lock.locked)
            await keeper.save(Changes({LOBBY: "2"}, [moved(2)]))
            await first
        await keeper.save(Changes())
        assert await asyncio.to_thread(stored, path) == {LOBBY[1]: "2"}
        assert await asyncio.to_thread(stored_events, path) == [moved(1), moved(2)]

    async def test_saves_at_once_are_written_one_after_another(self, keeper: Keeper, path: Path) -> None:
        await asyncio.gather(*(keeper.save(Changes({LOBBY: str(n)}, [moved(n)])) for n in range(20)))
        assert await asyncio.to_thread(stored, path) == {LOBBY[1]: "19"}
        assert await asyncio.to_thread(stored_events, path) == [moved(n) for n in range(20)]


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0)


def write_as_another(other: State, changes: Changes) -> None:
    other.documents("camera")
    assert other.write(changes)


def damage(state: State, path: Path) -> None:
    """Spoil every page but the first, where the open connection no longer remembers them."""
    pages = filled(path)
    state.documents("camera")
    state._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    state._connection.execute("PRAGMA shrink_memory")
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xa5" * 4096 * (pages - 1))
