"""What is known of a printer between its polls: silence, recovery, windows, held levels, reboots and counts."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import Thresholds
from exporter.printers.model import Alert, Bin, Counters, Failure, Identity, Level, Poll, Snapshot, Supply, SupplyRow
from exporter.printers.names import ALERT_GROUPS, GROUP_MARKER_SUPPLIES
from exporter.printers.record import Record, Since, after_poll, boot_time
from exporter.printers.status import Severity

START = 1_000_000.0
WRAP = 2**32 / 100
DAY = 86_400.0


def supply(says: Level = Level.KNOWN, ratio: float | None = 0.5, *, description: str = "TK-1", row: int = 1) -> Supply:
    if says is not Level.KNOWN:
        ratio = None
    shape = SupplyRow(
        row=row,
        supply="Black toner",
        kind="toner",
        color="black",
        description=description,
        part="",
        unit="percent",
        inverted=False,
        thresholds=Thresholds(),
        overridden=False,
        level_oid="",
        capacity_oid="",
    )
    return Supply(shape, says, ratio, None if ratio is None else round(ratio * 100), 100)


def snapshot(*supplies: Supply, serial: str = "A1", errors: frozenset[str] | None = frozenset()) -> Snapshot:
    return Snapshot(
        identity=Identity(serial=serial),
        supplies=supplies or (supply(),),
        trays=(),
        bins=(Bin("Top", 0.5),),
        covers=(("Front", True),),
        alerts=(Alert("information", "powerUp", "generalPrinter", "unknown", "", None),),
        errors=errors,
        state="idle",
        pages=7,
        pages_unit="impressions",
    )


def poll(result: Snapshot | Failure, at: float) -> Poll:
    return Poll(result, at=at, duration=0.1, requests=3, address="192.0.2.1", version="2c")


TIMEOUT = Failure("timeout", "")


def answer(record: Record, at: float, result: Snapshot | None = None, *, excused: bool = False) -> Record:
    return after_poll(record, poll(result or snapshot(), at), excused=excused, offline_after=3, retain=7 * DAY)


def fail(record: Record, *moments: float, excused: bool = False, retain: float = 7 * DAY) -> Record:
    for at in moments:
        record = after_poll(record, poll(TIMEOUT, at), excused=excused, offline_after=3, retain=retain)
    return record


def answered(result: Snapshot | None = None) -> Record:
    return answer(Record(), START, result)


def status(record: Record) -> str:
    assert record.status
    return record.status.status


# ---- status


def test_before_the_first_poll_nothing_is_known() -> None:
    record = Record()
    assert (record.up, record.status, record.snapshot, record.polls) == (None, None, None, 0)


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        (snapshot(), "ok"),
        (snapshot(supply(ratio=0.15)), "warning"),
        (snapshot(errors=frozenset({"jammed"})), "error"),
    ],
)
def test_an_answer_gives_the_status_that_it_says(result: Snapshot, expected: str) -> None:
    record = answered(result)
    assert (record.up, record.status) == (True, Since(expected, START))


def test_a_status_lasts_since_it_began() -> None:
    record = answer(answered(), START + 60)
    assert record.status == Since("ok", START)
    record = answer(record, START + 120, snapshot(errors=frozenset({"jammed"})))
    assert record.status == Since("error", START + 120)
    record = answer(record, START + 180)
    assert record.status == Since("ok", START + 180)


def test_a_supplys_status_lasts_since_it_began() -> None:
    record = answered()
    assert record.supplies == {"Black toner": Since(Severity.OK, START)}
    record = answer(record, START + 60, snapshot(supply(ratio=0.3)))
    assert record.supplies == {"Black toner": Since(Severity.OK, START)}
    record = answer(record, START + 120, snapshot(supply(ratio=0.15)))
    assert record.supplies == {"Black toner": Since(Severity.WARNING, START + 120)}


def test_a_supply_without_a_status_has_none_since() -> None:
    assert answered(snapshot(supply(Level.UNKNOWN))).supplies == {}
    assert answered(snapshot(supply(Level.SOME))).supplies == {"Black toner": Since(Severity.OK, START)}


# ---- silence


def test_up_falls_at_once_and_the_status_after_three_failures() -> None:
    record = fail(answered(), START + 60)
    assert (record.up, record.status) == (False, Since("ok", START))
    record = fail(record, START + 120)
    assert record.status == Since("ok", START)
    record = fail(record, START + 180)
    assert (record.up, record.status) == (False, Since("offline", START + 180))
    assert fail(record, START + 240).status == Since("offline", START + 180)


def test_a_printer_that_never_answered_is_unknown_then_offline() -> None:
    record = fail(Record(), START, START + 60)
    assert (record.up, record.status, record.snapshot) == (False, Since("unknown", START), None)
    assert fail(record, START + 120).status == Since("offline", START + 120)


def test_an_answer_between_failures_starts_their_count_afresh() -> None:
    record = answer(fail(answered(), START + 60, START + 120), START + 180)
    assert status(fail(record, START + 240, START + 300)) == "ok"


def test_recovery_shows_with_the_first_answer() -> None:
    record = answer(fail(answered(), START + 60, START + 120, START + 180), START + 240)
    assert (record.up, record.status, record.failures_in_row) == (True, Since("ok", START + 240), 0)
    assert record.last_success == START + 240


def test_a_printer_that_says_the_same_after_a_silence_has_the_status_that_it_says() -> None:
    same = snapshot(supply(ratio=0.15))
    before = answered(same)
    for silent in (fail(before, START + 60, excused=True), fail(before, START + 60, START + 120, START + 180)):
        assert status(silent) in {"unknown", "offline"}
        assert status(answer(silent, START + 600, same)) == "warning"


def test_a_sudden_0_is_confirmed_where_the_same_is_said_again() -> None:
    empty = snapshot(supply(ratio=0.0))
    record = answer(answer(answered(), START + 60, empty), START + 120, empty)
    assert record.tally
    assert list(record.tally.used.values()) == [0.5]


def test_a_level_of_0_counts_once_no_alert_says_any_more_that_the_cartridge_is_out() -> None:
    missing = Alert("critical", "subunitMissing", ALERT_GROUPS[GROUP_MARKER_SUPPLIES], "unknown", "", 1)
    empty = snapshot(supply(ratio=0.0))
    record = answer(answered(), START + 60, replace(empty, alerts=(missing,)))
    record = answer(answer(record, START + 120, empty), START + 180, empty)
    assert record.tally
    assert list(record.tally.used.values()) == [0.5]


def test_the_supplies_of_another_engine_are_watched_though_they_say_the_same() -> None:
    one, other = (replace(snapshot(), identity=Identity(serial=serial)) for serial in ("A1", "B2"))
    assert answer(answered(one), START + 60, replace(other, supplies=one.supplies)).life.supplies


def test_momentary_values_stay_until_offline_and_lasting_ones_beyond() -> None:
    record = fail(answered(), START + 60, START + 120)
    assert record.snapshot == snapshot()
    record = fail(record, START + 180)
    assert record.snapshot == replace(snapshot(), bins=(), covers=(), alerts=(), errors=None, state=None)


def test_momentary_values_that_went_do_not_come_back_in_a_window() -> None:
    offline = fail(answered(), START + 60, START + 120, START + 180)
    record = fail(offline, START + 240, excused=True)
    assert status(record) == "unknown"
    assert record.snapshot == offline.snapshot


def test_lasting_values_go_when_the_silence_is_longer_than_retain() -> None:
    record = fail(answered(), START + DAY, START + 7 * DAY)
    assert record.snapshot
    assert record.supplies
    record = fail(record, START + 7 * DAY + 1)
    assert (record.snapshot, record.supplies, record.last_success) == (None, {}, START)
    assert answer(record, START + 8 * DAY).snapshot == snapshot()


def test_nothing_is_retained_where_retain_is_0() -> None:
    assert fail(answered(), START + 60, retain=0).snapshot is None


def test_a_clock_set_back_makes_nobody_older() -> None:
    record = fail(answered(), START - 10 * DAY, START - 10 * DAY + 60)
    assert record.silence == 60
    assert record.snapshot


# ---- expected_off


def test_a_clock_that_starts_in_1970_and_is_set_later_makes_nobody_older() -> None:
    now = START + 50 * 365 * DAY
    kept = replace(answer(Record(), now), poll=None)
    record = fail(kept, 60, 120, now + 60, now + 120)
    assert (record.silence, record.snapshot is None) == (120, False)


def test_in_a_window_a_silent_printer_is_unknown_at_once_and_its_failures_do_not_count() -> None:
    record = fail(answered(), START + 60, START + 120, START + 180, START + 240, excused=True)
    assert (record.up, record.status, record.excused) == (False, Since("unknown", START + 60), True)
    assert (record.failures_in_row, record.failures) == (0, {"timeout": 4})
    record = fail(record, START + 300, START + 360)
    assert (record.status, record.excused) == (Since("unknown", START + 60), False)
    assert fail(record, START + 420).status == Since("offline", START + 420)


def test_an_offline_printer_is_unknown_in_a_window_and_offline_with_the_first_failure_after_it() -> None:
    record = fail(answered(), START + 60, START + 120, START + 180)
    record = fail(record, START + 240, excused=True)
    assert record.status == Since("unknown", START + 240)
    assert fail(record, START + 300).status == Since("offline", START + 300)


def test_a_printer_that_answers_in_a_window_has_the_status_that_it_says() -> None:
    record = answer(Record(), START, excused=True)
    assert (record.status, record.excused) == (Since("ok", START), True)


def test_only_unexcused_silence_lets_lasting_values_expire() -> None:
    record = fail(answered(), *(START + day * DAY for day in range(1, 40)), excused=True)
    assert record.silence == 0
    assert record.snapshot == snapshot()
    record = fail(record, START + 40 * DAY, START + 46 * DAY)
    assert record.snapshot
    assert fail(record, START + 46 * DAY + 1).snapshot is None


# ---- levels that sleep


def held(before: Snapshot, now: Snapshot) -> Supply:
    """Return the first supply after an answer `before` and one `now`."""
    record = answer(answered(before), START + 60, now)
    assert record.snapshot
    return record.snapshot.supplies[0]


def test_a_sleeping_printers_unknown_does_not_replace_a_known_level() -> None:
    found = held(snapshot(supply(ratio=0.15)), snapshot(supply(Level.UNKNOWN)))
    assert (found.says, found.ratio, found.level) == (Level.KNOWN, 0.15, 15)
    record = answered(snapshot(supply(ratio=0.15)))
    for minute in range(1, 10):
        record = answer(record, START + minute * 60, snapshot(supply(Level.UNKNOWN)))
    assert record.status == Since("warning", START)
    assert record.supplies == {"Black toner": Since(Severity.WARNING, START)}


@pytest.mark.parametrize(
    "now",
    [
        snapshot(supply(Level.UNKNOWN), serial="B2"),
        snapshot(supply(Level.UNKNOWN, description="TK-2")),
    ],
)
def test_an_unknown_of_another_printer_or_cartridge_replaces_a_known_level(now: Snapshot) -> None:
    assert held(snapshot(supply(ratio=0.15)), now).says is Level.UNKNOWN


@pytest.mark.parametrize("says", [Level.SOME, Level.UNRESTRICTED, Level.EMPTY, Level.IMPLAUSIBLE])
def test_whatever_a_printer_does_say_replaces_a_known_level(says: Level) -> None:
    assert held(snapshot(supply()), snapshot(supply(says))).says is says


def test_a_held_level_is_judged_by_what_its_row_is_now() -> None:
    now = supply(Level.UNKNOWN, row=4)
    now = replace(now, row=replace(now.row, thresholds=Thresholds(warning=0.6, error=0.55)))
    found = held(snapshot(supply(ratio=0.5)), snapshot(now))
    assert (found.ratio, found.row) == (0.5, now.row)
    record = answer(answered(), START + 60, snapshot(now))
    assert status(record) == "error"


def test_a_level_is_held_for_as_long_as_lasting_values_are_retained() -> None:
    record = answered()
    for days, ratio in ((4, 0.5), (7, 0.5), (8, None)):
        record = answer(record, START + days * DAY, snapshot(supply(Level.UNKNOWN)))
        assert record.snapshot
        assert record.snapshot.supplies[0].ratio == ratio


def test_a_printer_without_a_serial_number_keeps_its_life_where_its_snapshot_was_kept_a_poll_later() -> None:
    record = answer(Record(), START, replace(snapshot(serial=""), pages=1000))
    later = replace(record, poll=None, snapshot=replace(snapshot(serial=""), pages=1010))
    again = answer(later, START + 60, replace(snapshot(serial=""), pages=1020))
    assert list(again.life.months.values()) == [20]


def test_a_printer_that_tells_no_pages_for_once_is_no_other() -> None:
    record = Record()
    for minute, pages in enumerate((1000, None, 1030)):
        record = answer(record, START + minute * 60, replace(snapshot(serial="A1"), pages=pages))
    assert list(record.life.months.values()) == [30]


@pytest.mark.parametrize("says", [Level.KNOWN, Level.LOW])
def test_a_level_that_the_maker_told_is_held_while_only_the_standard_says_that_some_is_left(says: Level) -> None:
    own = replace(supply(says, 0.04), source="brInfoMaintenance")
    found = held(snapshot(own), snapshot(supply(Level.SOME)))
    assert (found.says, found.ratio) == (own.says, own.ratio)
    told = replace(supply(Level.SOME), source="brInfoMaintenance")
    assert held(snapshot(own), snapshot(told)) is told
    assert held(snapshot(own), snapshot(supply(ratio=0.5))).ratio == 0.5
    assert held(snapshot(supply()), snapshot(supply(Level.SOME))).says is Level.SOME


def test_a_level_is_not_held_when_a_rule_turned_its_direction() -> None:
    now = supply(Level.UNKNOWN)
    now = replace(now, row=replace(now.row, inverted=True))
    assert held(snapshot(supply(ratio=0.9)), snapshot(now)).says is Level.UNKNOWN


def test_a_level_that_was_never_known_stays_unknown() -> None:
    assert held(snapshot(supply(Level.UNKNOWN)), snapshot(supply(Level.UNKNOWN))).says is Level.UNKNOWN
    assert held(snapshot(supply(Level.SOME)), snapshot(supply(Level.UNKNOWN))).says is Level.UNKNOWN


# ---- pages that are not believed


def test_a_reading_of_the_page_counter_that_is_held_back_does_not_show() -> None:
    record = answered()
    for minute, pages in enumerate((7, 9_000_000, 9, 9_000_000), 1):
        record = answer(record, START + minute * 60, replace(snapshot(), pages=pages))
        assert record.snapshot
        assert record.snapshot.pages == (7 if minute < 3 else 9)
    record = answer(record, START + 300, replace(snapshot(), pages=None))
    assert record.snapshot
    assert record.snapshot.pages is None
    assert record.tally
    assert record.tally.anomalies == 2


# ---- addresses


def test_the_address_stays_while_a_name_cannot_be_resolved() -> None:
    record = after_poll(
        answered(),
        replace(poll(Failure("resolve", ""), START + 60), address=""),
        excused=False,
        offline_after=3,
        retain=DAY,
    )
    assert record.address == "192.0.2.1"


# ---- reboots


@pytest.mark.parametrize(
    ("before", "uptime", "at", "boot"),
    [
        (None, None, START, None),
        (None, 100.0, START, START - 100),
        (START, None, START + 500, START),
        (START, 500.0, START + 500, START),
        (START, 440.0, START + 500, START),  # 60 s of jitter
        (START, 560.0, START + 500, START),
        (START, 439.0, START + 500, START + 61),
        (START, 561.0, START + 500, START - 61),
        (START, 5.0, START + DAY, START + DAY - 5),  # a reboot
        (START, 5.0, START + WRAP + 5, START),  # a wrap after 497 days
        (START, 5.0, START + WRAP + 600, START),  # with a clock that drifts
        (START, 5.0, START + WRAP + 5 + DAY, START + WRAP + DAY),  # a reboot a day after the wrap
        (START, 7.0, START + 2 * WRAP + 7, START),  # a second wrap
        (START, DAY, START + 1.5 * WRAP, START + 1.5 * WRAP - DAY),  # a wrap and a reboot
    ],
)
def test_the_boot_time_moves_with_a_reboot_only(
    before: float | None, uptime: float | None, at: float, boot: float | None
) -> None:
    assert boot_time(before, uptime, at) == boot


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.floats(1, 90 * DAY), st.floats(-25, 25)), min_size=1, max_size=60),
    st.floats(1.5e9, 2e9),
)
def test_a_printer_that_never_reboots_keeps_its_boot_time_over_jitter_and_wraps(
    steps: list[tuple[float, float]], booted: float
) -> None:
    at, boot = booted + 100, boot_time(None, 100.0, booted + 100)
    for wait, jitter in steps:
        at += wait
        moved = boot_time(boot, (at - booted + jitter) % WRAP, at)
        assert moved == boot


# ---- identity


def serials(*heard: str) -> list[float | None]:
    """Return when the identity last changed, after each of these serials was heard a minute apart."""
    record, changes = Record(), []
    for minute, serial in enumerate(heard):
        record = answer(record, START + minute * 60, snapshot(serial=serial))
        changes.append(record.identity_changed)
    return changes


@pytest.mark.parametrize(
    ("heard", "changes"),
    [
        (["A1", "A1"], [None, None]),
        (["A1", "B2"], [None, START + 60]),
        (["A1", "B2", "B2", "A1"], [None, START + 60, START + 60, START + 180]),
        (["", "A1"], [None, None]),
        (["A1", "", "A1"], [None, None, None]),
        (["A1", "", "B2"], [None, None, START + 120]),
        (["", ""], [None, None]),
        (["XXXXXXXX", "A1"], [None, None]),  # what many printers tell is none
        (["A1", "0000000000", "A1"], [None, None, None]),
        (["N/A", "0"], [None, None]),
    ],
)
def test_the_identity_changes_when_another_serial_answers(heard: list[str], changes: list[float | None]) -> None:
    assert serials(*heard) == changes


def test_another_serial_is_noticed_after_the_lasting_values_went() -> None:
    record = fail(answered(), START + 8 * DAY)
    assert record.snapshot is None
    record = answer(record, START + 9 * DAY, snapshot(serial="B2"))
    assert record.identity_changed == START + 9 * DAY


# ---- counts


def test_polls_and_failures_by_reason_are_counted() -> None:
    record = answered()
    for reason in ("timeout", "auth", "timeout", "internal"):
        record = after_poll(record, poll(Failure(reason, ""), START), excused=False, offline_after=3, retain=DAY)
    record = answer(record, START)
    assert record.polls == 6
    assert record.failures == {"timeout": 2, "auth": 1, "internal": 1}


RESULTS = st.one_of(
    st.builds(Failure, st.sampled_from(["timeout", "auth", "deadline", "internal"]), st.just("")),
    st.builds(
        snapshot,
        st.builds(supply, st.sampled_from(Level), st.floats(0, 1), description=st.sampled_from(["TK-1", "TK-2"])),
        serial=st.sampled_from(["", "A1", "B2"]),
        errors=st.sampled_from([None, frozenset[str](), frozenset({"jammed"})]),
    ),
)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(RESULTS, st.floats(0, 3 * DAY), st.booleans(), st.one_of(st.none(), st.floats(0, WRAP))), max_size=30
    ),
    st.integers(1, 4),
    st.floats(0, 10 * DAY),
)
def test_whatever_happens_counters_never_fall_and_the_record_is_of_one_piece(
    polls: list[tuple[Snapshot | Failure, float, bool, float | None]], offline_after: int, retain: float
) -> None:
    record, at = Record(), START
    for number, (result, wait, excused, uptime) in enumerate(polls, 1):
        before, at = record, at + wait
        done = replace(poll(result, at), uptime=uptime)
        record = after_poll(record, done, excused=excused, offline_after=offline_after, retain=retain)
        is_answer = isinstance(result, Snapshot)
        assert record.polls == number
        assert sum(record.failures.values()) == sum(before.failures.values()) + (not is_answer)
        assert all(record.failures[reason] >= count for reason, count in before.failures.items())
        assert record.status
        assert record.status.status in {"ok", "warning", "error", "offline", "unknown"}
        assert before.status is None or record.status.at in {before.status.at, at}
        assert record.up is is_answer
        if is_answer:
            assert record.status.status in {"ok", "warning", "error"}
            assert (record.last_success, record.silence, record.failures_in_row) == (at, 0, 0)
        elif excused:
            assert record.status.status == "unknown"
            assert (record.silence, record.failures_in_row) == (before.silence, before.failures_in_row)
            assert record.snapshot == before.snapshot
        assert (record.status.status == "offline") == (
            not is_answer and not excused and record.failures_in_row >= offline_after
        )
        assert record.snapshot is None or record.silence <= retain


# ---- supplies that may not be there


def test_a_supply_that_was_never_above_0_has_neither_ratio_nor_status() -> None:
    record = answer(answered(snapshot(supply(ratio=0.0))), START + 60, snapshot(supply(ratio=0.0)))
    assert record.snapshot
    assert (record.snapshot.supplies[0].ratio, record.snapshot.supplies[0].level) == (None, 0)
    assert (record.supplies, status(record)) == ({}, "ok")


def test_a_supply_that_falls_to_0_is_an_error_at_once() -> None:
    record = answer(answered(), START + 60, snapshot(supply(ratio=0.0)))
    assert record.supplies == {"Black toner": Since(Severity.ERROR, START + 60)}


def test_a_supply_that_said_some_left_and_then_0_is_an_error_at_once_and_stays_one() -> None:
    record = answered(snapshot(supply(Level.SOME)))
    for at in (START + 60, START + 120):
        record = answer(record, at, snapshot(supply(ratio=0.0)))
        assert record.supplies == {"Black toner": Since(Severity.ERROR, START + 60)}


def test_a_new_printer_whose_toner_is_empty_is_an_error_as_soon_as_a_bit_says_so() -> None:
    empty = snapshot(supply(ratio=0.0), errors=frozenset({"no_toner"}))
    record = answer(answered(snapshot(supply(ratio=0.0))), START + 60, empty)
    assert record.supplies == {"Black toner": Since(Severity.ERROR, START + 60)}


def test_an_empty_supply_is_unknown_again_when_nothing_speaks_of_it_any_more_and_it_was_never_filled() -> None:
    record = answered(snapshot(supply(ratio=0.0), errors=frozenset({"no_toner"})))
    assert answer(record, START + 60, snapshot(supply(ratio=0.0))).supplies == {}


def test_what_was_filled_is_known_of_an_engine_wherever_it_moves() -> None:
    life = answered().life
    moved = after_poll(
        answered(snapshot(serial="B2")),
        poll(snapshot(supply(ratio=0.0)), START + 60),
        excused=False,
        offline_after=3,
        retain=7 * DAY,
        lives={"A1": life},
    )
    assert moved.supplies == {"Black toner": Since(Severity.ERROR, START + 60)}


def test_a_silent_printer_is_not_said_to_sleep_when_it_is_offline() -> None:
    record = fail(answered(replace(snapshot(), asleep=True)), START + 60, START + 120, START + 180)
    assert record.snapshot
    assert not record.snapshot.asleep


# ---- the maker's counters


def counting(mono: int | None, scans: int | None = 500, *, serial: str = "A1") -> Snapshot:
    functions = () if mono is None else (("all", "mono", mono), ("all", "color", 70))
    return replace(snapshot(serial=serial), counters=Counters(functions, scans=scans))


def shown_counters(*readings: Snapshot, every: float = 60) -> list[tuple[int | None, int | None]]:
    """Return what is shown of mono pages and of scans after each answer."""
    record, found = Record(), []
    for number, reading in enumerate(readings):
        record = answer(record, START + number * every, reading)
        assert record.snapshot
        functions = {(function, color): pages for function, color, pages in record.snapshot.counters.functions}
        assert functions.get(("all", "color"), 70) == 70
        found.append((functions.get(("all", "mono")), record.snapshot.counters.scans))
    return found


@pytest.mark.parametrize(
    ("readings", "shown"),
    [
        ([100, 110, 110, 150], [100, 110, 110, 150]),
        ([100, 91, 92, 95, 99, 99, 101], [100, 100, 100, 100, 100, 100, 101]),  # lost with the power
        ([100, 0, 5, 6, 7, 8], [100, 100, 100, 100, 7, 8]),  # another board
        ([100, 0, 103], [100, 100, 103]),
        ([100, 9_000_000, 101], [100, 100, 101]),
        ([100, 9_000_000, 9_000_001, 9_000_002, 9_000_003], [100, 100, 100, 100, 9_000_003]),
    ],
)
def test_a_makers_counter_that_went_astray_is_held_for_three_polls_as_that_of_pages_is(
    readings: list[int], shown: list[int]
) -> None:
    assert [mono for mono, _ in shown_counters(*(counting(one) for one in readings))] == shown
    scans = shown_counters(*(counting(None, one) for one in readings))
    assert scans == [(None, one) for one in shown]


def test_each_of_the_makers_counters_is_held_by_itself() -> None:
    readings = counting(100, 500), counting(0, 510), counting(None, 520), counting(120, None)
    assert shown_counters(*readings) == [(100, 500), (100, 510), (None, 520), (120, None)]


def test_the_counters_of_another_printer_are_believed_at_once() -> None:
    assert shown_counters(counting(100), counting(3, serial="B2")) == [(100, 500), (3, 500)]


def test_after_a_long_silence_a_makers_counter_may_have_gone_far() -> None:
    assert shown_counters(counting(100), counting(90_000), every=DAY) == [(100, 500), (90_000, 500)]
