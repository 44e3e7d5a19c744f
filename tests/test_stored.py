"""What is kept of printers: every document comes back as it was, and a restart changes no lasting line."""

import json
from collections.abc import Mapping
from dataclasses import fields, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import Printer
from exporter.metrics import families as f
from exporter.metrics.printers import render
from exporter.printers import stored
from exporter.printers.lifecycle import AlertCount, Doubt, Life, SupplyLife, Tally
from exporter.printers.model import Failure, Snapshot
from exporter.printers.record import Record, Since, after_poll, lasting
from exporter.printers.status import Severity
from exporter.printers.stored import (
    ALL,
    ENGINE,
    HEARD,
    KINDS,
    RECORD,
    SNAPSHOT,
    Kept,
    Printers,
    dump_life,
    dump_record,
    dump_snapshot,
    engine_of,
    load_life,
    load_record,
    load_snapshot,
)
from exporter.state import Changes, Event, Key
from tests.test_decode import random_snapshots
from tests.test_metrics_printers import SNAPSHOT as SMALL
from tests.test_metrics_printers import printer, result

AT = 1_790_000_000.0
MINUTE = 60.0
TIMEOUT = Failure("timeout", "")

LIFE = Life(
    supplies={
        "Black toner": SupplyLife(1.5, 2.5, 0.25, "1 inverted", "CF410X", "S1", doubted=True),
        "Fuser": SupplyLife(tracked=3.0),
    },
    pages=1000,
    pages_unit="impressions",
    pages_at=4.5,
    doubt=Doubt(5, 6, 2),
    months={"2026-09": 0, "2026-10": 20},
    month="2026-10",
    alerts=(("warning", "jam", "mediaPath", 0),),
    jammed=True,
    filled=("Fuser",),
)
RECORDED = Record(
    address="192.0.2.1",
    status=Since("warning", 1.5),
    supplies={"Black toner": Since(Severity.WARNING, 2.5)},
    excused=True,
    failures_in_row=3,
    levels_known={"Black toner": 3.5},
    silence=4.5,
    last_success=5.5,
    boot=6.5,
    serial="A1",
    identity_changed=7.5,
    tally=Tally({"Black toner": 0.75}, {"Black toner": 2}, 3, 4, (AlertCount("warning", "jam", "mediaPath", 5, 1),)),
)


def after(record: Record, outcome: Snapshot | Failure, at: float, lives: Mapping[str, Life] | None = None) -> Record:
    return after_poll(record, result(outcome, at), excused=False, offline_after=3, retain=604_800, lives=lives or {})


def polled(printers: Printers, of: Printer, outcome: Snapshot | Failure, at: float) -> Record:
    """Take the outcome of a poll up, as the exporter does."""
    record = after(printers.record_of(of), outcome, at, printers.lives)
    printers.settled(of, record)
    return record


def collected(printers: Printers) -> Changes:
    pieces = list(printers.changes())
    documents = {key: text for piece in pieces for key, text in piece.documents.items()}
    return Changes(documents, [event for piece in pieces for event in piece.events])


def in_file(changes: Changes) -> dict[Key, str]:
    return {key: text for key, text in changes.documents.items() if text is not None}


def of_serial(serial: str, pages: int = 1234) -> Snapshot:
    return replace(SMALL, identity=replace(SMALL.identity, serial=serial), pages=pages)


# ---- documents


def test_every_field_of_a_life_comes_back() -> None:
    assert load_life("A1", dump_life(LIFE)) == LIFE
    assert all(getattr(LIFE, each.name) != getattr(Life(), each.name) for each in fields(Life))


def test_every_field_of_a_record_comes_back_but_for_those_of_the_process() -> None:
    kept = Kept("printer:161", RECORDED)
    of_the_process = {"doubts", "poll", "polls", "failures", "faults", "happened"}
    elsewhere = {"snapshot", "life", "last_success"}
    assert load_record("P", dump_record(kept)).record == replace(RECORDED, last_success=None)
    for each in fields(Record):
        is_set = getattr(RECORDED, each.name) != getattr(Record(), each.name)
        assert is_set == (each.name not in (of_the_process | elsewhere) - {"last_success"}), each.name


def test_what_counts_polls_is_not_kept() -> None:
    record = after(after(Record(), SMALL, AT), TIMEOUT, AT + MINUTE)
    found = load_record("P", dump_record(Kept("h:161", record))).record
    assert (found.polls, found.failures, found.poll, found.up) == (0, {}, None, None)


@settings(deadline=None)
@given(random_snapshots())
def test_a_snapshot_comes_back_without_what_was_true_of_the_moment_only(snapshot: Snapshot) -> None:
    assert load_snapshot("P", dump_snapshot(snapshot)) == lasting(snapshot)


def test_a_document_is_small() -> None:
    record = after(Record(), SMALL, AT)
    assert len(dump_record(Kept("h:161", record))) < 1000
    assert len(dump_life(record.life)) < 1000


@pytest.mark.parametrize("text", ["{}", '{"host": "h:161"}', '{"host": "h:161", "record": {}, "new": 1}'])
def test_a_record_of_an_older_or_newer_exporter_is_taken_as_far_as_it_goes(text: str) -> None:
    if "host" not in text:
        with pytest.raises(ValueError, match="printer P: host: Field required"):
            load_record("P", text)
    else:
        assert load_record("P", text) == Kept("h:161", Record())


def test_a_life_of_an_older_exporter_is_taken_as_far_as_it_goes() -> None:
    assert load_life("A1", '{"pages": 7, "supplies": {"Fuser": {}}}') == Life(pages=7, supplies={"Fuser": SupplyLife()})


def test_a_snapshot_of_an_older_exporter_that_lacks_something_is_let_go() -> None:
    document = json.loads(dump_snapshot(SMALL))
    del document["supplies"][0]["row"]["part"]
    assert load_snapshot("P", json.dumps(document)) is None


@pytest.mark.parametrize("text", ["", "nonsense", "[]", '{"pages": "many"}', '{"months": 3}', "null", "7"])
def test_nonsense_is_refused_with_a_sentence_that_names_the_document(text: str) -> None:
    with pytest.raises(ValueError, match=r"^engine A1: .+"):
        load_life("A1", text)
    with pytest.raises(ValueError, match=r"^printer P: .+"):
        load_record("P", text)
    with pytest.raises(ValueError, match=r"^snapshot of printer P: .+"):
        load_snapshot("P", text)


@pytest.mark.parametrize(
    ("serial", "engine"),
    [("A1", "A1"), ("", "name:P"), ("0000", "name:P"), ("name:Other1", "name:P")],
)
def test_an_engine_is_known_by_its_serial_number_else_by_the_name(serial: str, engine: str) -> None:
    assert engine_of("P", serial) == engine


# ---- restarts

OF_THE_PROCESS = {
    f.UP, f.POLL_DURATION, f.POLL_REQUESTS, f.POLLS, f.POLL_FAILURES, f.POLL_FAULTS,
}  # fmt: skip
MOMENTARY = {f.OUTPUT_LEVEL, f.COVER_OPEN, f.ERROR, f.ALERT, f.ALERT_INFO, f.STATE}


def lines(record: Record) -> Mapping[f.Family, bytes]:
    return render(printer(), record, [("location", "B1")])


@settings(deadline=None, max_examples=50)
@given(st.lists(st.one_of(random_snapshots(), st.just(TIMEOUT)), min_size=1, max_size=6))
def test_a_restart_changes_no_line_that_lasts(outcomes: list[Snapshot | Failure]) -> None:
    printers, record = Printers(), Record()
    for minute, outcome in enumerate(outcomes):
        record = polled(printers, printer(), outcome, AT + minute * MINUTE)
    again = Printers(in_file(collected(printers))).record_of(printer())
    before, now = lines(record), lines(again)
    assert now == {family: before[family] for family in before if family not in OF_THE_PROCESS | MOMENTARY}


def test_after_a_restart_everything_goes_on_where_it_was() -> None:
    printers = Printers()
    polled(printers, printer(), SMALL, AT)
    again = Printers(in_file(collected(printers)))
    record = polled(again, printer(), replace(SMALL, pages=1300), AT + MINUTE)
    straight = polled(printers, printer(), replace(SMALL, pages=1300), AT + MINUTE)
    assert record == replace(straight, polls=1)


def test_an_offline_printer_stays_offline_over_a_restart_since_when_it_was() -> None:
    printers = Printers()
    outcomes: list[Snapshot | Failure] = [SMALL, TIMEOUT, TIMEOUT, TIMEOUT]
    for minute, outcome in enumerate(outcomes):
        polled(printers, printer(), outcome, AT + minute * MINUTE)
    again = Printers(in_file(collected(printers)))
    record = polled(again, printer(), TIMEOUT, AT + 10 * MINUTE)
    assert (record.status, record.last_success) == (Since("offline", AT + 3 * MINUTE), AT)


def test_another_host_behind_a_name_starts_afresh_after_a_restart_too() -> None:
    printers = Printers()
    polled(printers, printer(), SMALL, AT)
    again = Printers(in_file(collected(printers)))
    assert again.record_of(replace(printer(), host="192.0.2.99")) == Record()
    assert again.record_of(replace(printer(), device=2)) == Record()
    assert again.record_of(replace(printer(), name="Another")) == Record()


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_that_cannot_be_read_is_refused_at_the_start(kind: str) -> None:
    printers = Printers()
    polled(printers, printer(), SMALL, AT)
    documents = in_file(collected(printers))
    spoilt = next(key for key in documents if key[0] == kind)
    with pytest.raises(ValueError, match="Invalid JSON"):
        Printers(documents | {spoilt: "nonsense"})


# ---- what is written


def keys(changes: Changes) -> set[Key]:
    return set(changes.documents)


ANSWERED = (HEARD, ALL)
MINE = {(RECORD, "Accounting"), (SNAPSHOT, "Accounting"), (ENGINE, "VNB3J00001"), ANSWERED}


def test_only_what_changed_is_written_and_of_idle_printers_only_when_they_answered() -> None:
    printers = Printers()
    polled(printers, printer(), SMALL, AT)
    assert keys(collected(printers)) == MINE
    assert keys(collected(printers)) == set()
    polled(printers, printer(), SMALL, AT + MINUTE)
    assert collected(printers).documents == {ANSWERED: f'{{"Accounting": {AT + MINUTE}}}'}
    polled(printers, printer(), replace(SMALL, pages=1240), AT + 2 * MINUTE)
    assert keys(collected(printers)) == MINE
    polled(printers, printer(), TIMEOUT, AT + 3 * MINUTE)
    assert keys(collected(printers)) == {(RECORD, "Accounting")}


def test_when_an_idle_printer_answered_last_survives_a_restart() -> None:
    printers = Printers()
    documents: dict[Key, str] = {}
    for minute in range(3):
        polled(printers, printer(), SMALL, AT + minute * MINUTE)
        documents |= in_file(collected(printers))
    assert Printers(documents).record_of(printer()).last_success == AT + 2 * MINUTE


def test_times_of_answers_that_cannot_be_read_are_an_error() -> None:
    with pytest.raises(ValueError, match="times of answers: "):
        Printers({ANSWERED: '{"Accounting": "yesterday"}'})


def test_many_documents_are_made_in_small_pieces() -> None:
    printers = Printers()
    for number in range(300):
        polled(printers, printer(f"P{number}"), of_serial(f"A{number}"), AT)
    sizes = [len(piece.documents) for piece in printers.changes()]
    assert sum(sizes) == 901
    assert max(sizes) <= 50


def test_lasting_values_that_expired_are_dropped_from_the_file() -> None:
    printers = Printers()
    polled(printers, printer(), SMALL, AT)
    collected(printers)
    polled(printers, printer(), TIMEOUT, AT + 8 * 86_400)
    assert collected(printers).documents[SNAPSHOT, "Accounting"] is None


def test_a_printer_that_never_answered_has_no_engine() -> None:
    printers = Printers()
    polled(printers, printer(), TIMEOUT, AT)
    assert keys(collected(printers)) == {(RECORD, "Accounting")}
    assert printers.lives == {}


def test_what_happened_is_written_with_its_time_to_the_engine_and_another_serial_to_the_name() -> None:
    printers = Printers()
    polled(printers, printer(), of_serial("A1"), AT)
    assert collected(printers).events == []
    polled(printers, printer(), of_serial("A1", pages=3), AT + MINUTE)
    polled(printers, printer(), of_serial("B2"), AT + 2 * MINUTE)
    assert collected(printers).events == [
        Event(ENGINE, "A1", AT + MINUTE, "pages", "1234", "3"),
        Event(RECORD, "Accounting", AT + 2 * MINUTE, "serial", "A1", "B2"),
    ]


def test_a_failed_poll_repeats_nothing_that_happened() -> None:
    printers = Printers()
    outcomes: list[Snapshot | Failure] = [of_serial("A1"), of_serial("A1", pages=3), TIMEOUT]
    for minute, outcome in enumerate(outcomes):
        polled(printers, printer(), outcome, AT + minute * MINUTE)
    assert [event.what for event in collected(printers).events] == ["pages"]


def test_engines_are_remembered_up_to_a_number_and_those_not_used_for_longest_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stored, "MAX_ENGINES", 3)
    printers = Printers()
    for number in range(6):
        polled(printers, printer(), of_serial(f"A{number}"), AT + number * MINUTE)
        polled(printers, printer("Steady"), of_serial("S1"), AT + number * MINUTE)
        documents = collected(printers).documents
    assert list(printers.lives) == ["A4", "A5", "S1"]
    assert documents[ENGINE, "A3"] is None


# ---- engines that move


def test_the_life_follows_the_serial_number_to_another_name_and_is_counted_from_0_there() -> None:
    printers = Printers()
    old, new = printer("Old"), printer("New")
    polled(printers, old, of_serial("A1", pages=1000), AT)
    polled(printers, old, of_serial("A1", pages=1100), AT + MINUTE)
    polled(printers, old, of_serial("A1", pages=3), AT + 2 * MINUTE)
    polled(printers, old, of_serial("B2", pages=50), AT + 3 * MINUTE)
    again = Printers(in_file(collected(printers)))
    moved = polled(again, new, of_serial("A1", pages=1110), AT + 4 * MINUTE)
    assert moved.life.recent_months == {"2026-09": 110}
    assert moved.life.supplies["Black toner"].tracked_since == AT
    assert moved.tally
    assert moved.tally.anomalies == 0
    stayed = again.record_of(old)
    assert (stayed.serial, stayed.identity_changed) == ("B2", AT + 3 * MINUTE)
    assert stayed.life.recent_months == {"2026-09": 0}


def test_an_engine_that_comes_back_behind_its_name_invents_no_increase() -> None:
    printers = Printers()
    counts = []
    for minute, (serial, pages) in enumerate(
        [("A1", 1000), ("A1", 3), ("B2", 500), ("B2", 1), ("A1", 1001), ("A1", 3)]
    ):
        record = polled(printers, printer(), of_serial(serial, pages), AT + minute * MINUTE)
        assert record.tally
        counts.append(record.tally.anomalies)
    assert counts == [0, 1, 0, 1, 0, 1]
    assert record.snapshot
    assert record.snapshot.pages == 1001


def test_two_printers_with_one_serial_number_are_not_taken_for_one_where_their_counters_tell() -> None:
    printers = Printers()
    polled(printers, printer("One"), of_serial("123456", pages=90_000), AT)
    other = polled(printers, printer("Two"), of_serial("123456", pages=400), AT + 1)
    assert (other.life.pages, other.life.doubt) == (400, None)


def test_two_printers_with_one_serial_number_keep_their_own_counters_over_a_restart() -> None:
    printers = Printers()
    pages = {"One": 90_000, "Two": 400}
    for name, count in pages.items():
        polled(printers, printer(name), of_serial("123456", pages=count), AT)
    again = Printers(in_file(collected(printers)))
    for name, count in pages.items():
        record = polled(again, printer(name), of_serial("123456", pages=count + 1), AT + MINUTE)
        assert record.snapshot
        assert record.snapshot.pages == count + 1
        assert record.identity_changed is None


def test_a_silent_name_takes_nothing_from_the_engine_that_answers_behind_another() -> None:
    printers = Printers()
    polled(printers, printer("Old"), of_serial("A1", pages=1000), AT)
    polled(printers, printer("New"), of_serial("A1", pages=1100), AT + MINUTE)
    polled(printers, printer("Old"), TIMEOUT, AT + 2 * MINUTE)
    assert printers.lives["A1"].pages == 1100
    again = Printers(in_file(collected(printers)))
    back = polled(again, printer("Old"), of_serial("A1", pages=1110), AT + 3 * MINUTE)
    assert back.life.recent_months == {"2026-09": 110}


def test_a_printer_that_is_listed_twice_uses_its_supplies_up_behind_both_names() -> None:
    printers = Printers()
    for minute, ratio in enumerate((0.5, 0.4, 0.3)):
        supply = replace(SMALL.supplies[0], ratio=ratio)
        for name in ("One", "Two"):
            record = polled(printers, printer(name), replace(SMALL, supplies=(supply,)), AT + minute * MINUTE)
            assert record.tally
            assert record.tally.used[supply.row.supply] == pytest.approx(0.5 - ratio)


def test_another_address_of_the_same_printer_is_no_other_serial_number() -> None:
    printers = Printers()
    for minute, serial in enumerate(("A1", "B2")):
        polled(printers, printer(), of_serial(serial), AT + minute * MINUTE)
    collected(printers)
    polled(printers, replace(printer(), host="192.0.2.99"), of_serial("B2"), AT + 2 * MINUTE)
    assert collected(printers).events == []


def test_a_printer_that_tells_its_serial_number_late_keeps_what_was_known_of_it() -> None:
    printers = Printers()
    polled(printers, printer(), of_serial("", pages=1000), AT)
    polled(printers, printer(), of_serial("", pages=1010), AT + MINUTE)
    record = polled(printers, printer(), of_serial("A1", pages=1020), AT + 2 * MINUTE)
    assert record.life.recent_months == {"2026-09": 20}
    assert printers.lives["A1"] is record.life


def test_a_printer_without_a_serial_number_is_known_by_its_name_after_a_restart() -> None:
    printers = Printers()
    polled(printers, printer(), of_serial(""), AT)
    again = Printers(in_file(collected(printers)))
    assert again.record_of(printer()).life.pages == 1234
    assert list(again.lives) == ["name:Accounting"]


# ---- beside another program


def test_a_forgotten_printer_is_gone_with_its_engine_and_begins_anew() -> None:
    told: list[str] = []
    first = Printers()
    polled(first, printer(), SMALL, AT)
    printers = Printers(in_file(collected(first)), told.append)
    printers.forget((RECORD, "Accounting"))
    assert told == ["Accounting"]
    assert (printers.record_of(printer()), printers.lives) == (Record(), {})
    assert [printers.dump(key) for key in sorted(MINE - {ANSWERED})] == [None] * 3
    record = polled(printers, printer(), replace(SMALL, pages=2000), AT + MINUTE)
    assert record.life.recent_months == {"2026-09": 0}


def test_the_engine_of_a_forgotten_printer_stays_where_another_name_leads_to_it() -> None:
    printers = Printers()
    polled(printers, printer("One"), SMALL, AT)
    polled(printers, printer("Two"), SMALL, AT)
    printers.forget((RECORD, "One"))
    assert list(printers.lives) == ["VNB3J00001"]


def test_months_that_another_program_wrote_are_taken_over_at_once() -> None:
    told: list[str] = []
    printers = Printers({}, told.append)
    polled(printers, printer(), SMALL, AT)
    collected(printers)
    printers.merge((ENGINE, "VNB3J00001"), dump_life(Life(months={"2026-08": 700, "2026-09": 9})))
    assert told == ["Accounting"]
    assert printers.record_of(printer()).life.recent_months == {"2026-08": 700, "2026-09": 0}
    assert keys(collected(printers)) == {(ENGINE, "VNB3J00001")}
    printers.merge((ENGINE, "VNB3J00001"), dump_life(Life(months={"2026-08": 9})))
    assert (told, keys(collected(printers))) == (["Accounting"], set())


def test_months_that_another_program_wrote_wait_for_a_printer_that_was_silent_so_far() -> None:
    printers = Printers()
    polled(printers, printer(), TIMEOUT, AT)
    printers.merge((ENGINE, "name:Accounting"), dump_life(Life(months={"2026-08": 700})))
    record = polled(printers, printer(), of_serial(""), AT + MINUTE)
    assert record.life.recent_months == {"2026-08": 700, "2026-09": 0}


def test_months_that_another_program_wrote_come_to_each_of_two_printers_with_one_serial_number() -> None:
    printers = Printers()
    for name, pages in (("One", 90_000), ("Two", 400)):
        polled(printers, printer(name), of_serial("123456", pages=pages), AT)
    printers.merge((ENGINE, "123456"), dump_life(Life(months={"2026-08": 700})))
    lives = [printers.record_of(printer(name)).life for name in ("One", "Two")]
    assert [(life.pages, life.months["2026-08"]) for life in lives] == [(90_000, 700), (400, 700)]


def test_what_another_program_wrote_of_an_engine_that_never_answered_waits_for_it() -> None:
    printers = Printers()
    printers.merge((ENGINE, "VNB3J00001"), dump_life(Life(months={"2026-08": 700})))
    assert polled(printers, printer(), SMALL, AT).life.recent_months == {"2026-08": 700, "2026-09": 0}


def test_of_a_record_we_know_better_and_nonsense_is_refused() -> None:
    printers = Printers()
    record = polled(printers, printer(), SMALL, AT)
    printers.merge((RECORD, "Accounting"), dump_record(Kept("h:161", RECORDED)))
    assert printers.record_of(printer()) == record
    with pytest.raises(ValueError, match="engine A1"):
        printers.merge((ENGINE, "A1"), "nonsense")
