"""What happens to a printer over the years, told as scenarios with the time of each reading."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import Thresholds
from exporter.printers import lifecycle
from exporter.printers.lifecycle import (
    MAX_EVENT_KINDS,
    MAX_SUPPLIES,
    AlertCount,
    Doubt,
    Happening,
    Life,
    SupplyLife,
    Tally,
    fits,
    is_distinct,
    merged,
)
from exporter.printers.model import Alert, Identity, Level, Snapshot, Supply, SupplyRow

START = 1_790_000_000.0
MINUTE, HOUR, DAY = 60.0, 3600.0, 86_400.0
BLACK = "Black toner"
BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")


def supply(
    level: float | Level,
    *,
    label: str = BLACK,
    row: int = 1,
    part: str = "",
    cartridge: str = "",
    inverted: bool = False,
    source: str = "",
) -> Supply:
    """Return a supply at this level, or one that says only this."""
    ratio = None if isinstance(level, Level) else level
    shape = SupplyRow(
        row=row,
        supply=label,
        kind="toner",
        color="black",
        description="",
        part=part,
        unit="percent",
        inverted=inverted,
        thresholds=Thresholds(),
        overridden=False,
        level_oid="",
        capacity_oid="",
        cartridge=cartridge,
    )
    return Supply(shape, level if isinstance(level, Level) else Level.KNOWN, ratio, None, 100, source)


def alert(code: str = "jam", *, level: str = "critical", group: str = "mediaPath", row: int | None = 1) -> Alert:
    return Alert(level, code, group, "untrained", "", row)


def answer(
    *supplies: Supply,
    pages: int | None = None,
    unit: str = "impressions",
    errors: Iterable[str] | None = (),
    alerts: Sequence[Alert] = (),
) -> Snapshot:
    return Snapshot(
        identity=Identity(serial="A1"),
        supplies=supplies,
        trays=(),
        bins=(),
        covers=(),
        alerts=tuple(alerts),
        errors=None if errors is None else frozenset(errors),
        state="idle",
        pages=pages,
        pages_unit=unit,
    )


@dataclass
class Story:
    """A printer that answers again and again."""

    life: Life = field(default_factory=Life)
    tally: Tally | None = None
    zone: tzinfo = UTC
    at: float = START
    happened: list[Happening] = field(default_factory=list)

    def hears(self, snapshot: Snapshot, at: float | None = None) -> "Story":
        """Take an answer in, an hour after the one before or at a moment of its own."""
        self.at = self.at + HOUR if at is None else at
        self.life, self.tally, happened = lifecycle.after_poll(self.life, self.tally, snapshot, self.at, self.zone)
        self.happened += happened
        return self

    @property
    def counts(self) -> Tally:
        assert self.tally
        return self.tally

    def supply(self, label: str = BLACK) -> tuple[float, int]:
        """Return how much was used, and how often it was replaced."""
        return round(self.counts.used[label], 6), self.counts.replaced[label]


def levels(*found: float | Level, **row: object) -> Story:
    """Tell of one supply, an hour between readings."""
    story = Story()
    for level in found:
        story.hears(answer(supply(level, **row)))  # type: ignore[arg-type]
    return story


# ---- supplies

UNKNOWN, SOME = Level.UNKNOWN, Level.SOME


@pytest.mark.parametrize(
    ("found", "used", "replaced"),
    [
        ([0.6], 0.0, 0),
        ([0.6, 0.5, 0.3], 0.3, 0),
        ([0.6, 0.5, 0.55, 0.5, 0.52, 0.45], 0.15, 0),  # levels wander up a little by themselves
        ([0.8, 0.7, 0.8, 0.7, 0.8, 0.7], 0.1, 0),  # tens, between two of which the level stands
        ([0.05, 1.0], 0.0, 1),
        ([0.3, 0.05, 1.0, 0.9], 0.35, 1),
        ([0.1, 0.8, 0.7], 0.1, 1),  # a refill to less than full
        ([0.5, 0.6, 0.7], 0.0, 1),  # what rises bit by bit is a rise all the same
        ([0.5, 0.59, 0.6], 0.0, 0),
        ([1.0, 0.1, 0.01, 1.0], 0.99, 1),  # 100, 10 and 1 are all that some devices tell
        ([1.0, 0.1, 0.01, 0.1, 0.01], 0.99, 0),
        ([0.6, UNKNOWN, UNKNOWN, 0.6, 0.5], 0.1, 0),  # taken out and put back
        ([0.6, SOME, 0.6], 0.0, 0),
        ([0.6, Level.EMPTY, Level.IMPLAUSIBLE, 0.6], 0.0, 0),
        ([0.6, 0.0, 0.6], 0.0, 0),  # taken out for one poll, on a device that says 0 then
        ([0.6, 0.0, 0.6, 0.0, 0.6], 0.0, 0),  # and once more
        ([0.6, 0.0, 0.0], 0.6, 0),  # it is empty
        ([0.6, 0.0, 0.55, 0.0, 0.0], 0.6, 0),
        ([0.08, 0.0], 0.08, 0),  # a level that was low anyway is believed at once
        ([0.6, 0.0, 1.0], 0.0, 1),
        ([0.6, UNKNOWN, 1.0], 0.0, 1),  # asleep while it was replaced
        ([UNKNOWN, SOME, 0.6, 0.5], 0.1, 0),
    ],
)
def test_use_is_what_the_level_fell_below_the_lowest_and_a_rise_is_a_replacement(
    found: list[float | Level], used: float, replaced: int
) -> None:
    assert levels(*found).supply() == (used, replaced)


def test_a_replacement_is_dated_and_told_with_both_levels() -> None:
    story = levels(0.3, 0.04, 1.0, 0.9)
    life = story.life.supplies[BLACK]
    assert (life.installed, life.tracked_since, life.lowest) == (START + 3 * HOUR, START + 3 * HOUR, 0.9)
    assert story.happened == [Happening("replaced Black toner", "4%", "100%")]


def test_a_supply_is_tracked_since_it_was_first_seen_until_a_replacement_is_witnessed() -> None:
    life = levels(0.6, 0.5).life.supplies[BLACK]
    assert (life.installed, life.tracked_since) == (None, START + HOUR)


def test_nothing_is_tracked_of_a_supply_that_never_told_anything() -> None:
    story = levels(SOME, UNKNOWN, SOME)
    assert (story.life.supplies, story.counts.used, story.counts.replaced) == ({}, {}, {})


@pytest.mark.parametrize(
    ("errors", "alerts"),
    [
        (["marker_supply_missing"], []),
        (["door_open"], []),
        ([], [alert("subunitMissing", group="markerSupplies", row=1)]),
        ([], [alert("markerTonerCartridgeMissing", group="markerSupplies", row=None)]),
    ],
)
def test_a_level_of_0_is_not_believed_while_the_cartridge_may_be_out(errors: list[str], alerts: list[Alert]) -> None:
    story = levels(0.6)
    for _ in range(5):
        story.hears(answer(supply(0.0), errors=errors, alerts=alerts))
    assert story.hears(answer(supply(0.6))).supply() == (0.0, 0)
    assert story.life.supplies[BLACK].installed is None


@pytest.mark.parametrize(
    "alerts",
    [[alert("subunitMissing", group="input", row=1)], [alert("subunitMissing", group="markerSupplies", row=2)]],
)
def test_another_part_that_is_missing_says_nothing_of_a_cartridge(alerts: list[Alert]) -> None:
    story = levels(0.6)
    for _ in range(2):
        story.hears(answer(supply(0.0), alerts=alerts))
    assert story.supply() == (0.6, 0)


@pytest.mark.parametrize(
    ("found", "replaced"),
    [
        ([supply(0.5, cartridge="S1"), supply(0.5, cartridge="S2")], 1),
        ([supply(SOME, cartridge="S1"), supply(SOME, cartridge="S2")], 1),
        ([supply(0.5, part="CF410A"), supply(0.5, part="CF410X")], 1),
        ([supply(0.5, cartridge="S1"), supply(0.5, cartridge="S1")], 0),
        ([supply(0.5, cartridge="S1"), supply(0.5)], 0),
        ([supply(0.5), supply(0.5, cartridge="S1")], 0),
        ([supply(0.5, cartridge="S1"), supply(UNKNOWN), supply(0.5, cartridge="S2")], 1),
        ([supply(0.5, part="CF410A"), supply(UNKNOWN), supply(0.5, part="CF410X")], 1),
    ],
)
def test_another_serial_or_part_number_is_a_replacement_whatever_the_level(found: list[Supply], replaced: int) -> None:
    story = Story()
    for each in found:
        story.hears(answer(each))
    assert story.counts.replaced == {BLACK: replaced}


def test_the_cartridge_that_comes_back_after_its_absence_is_known_by_its_serial() -> None:
    story = Story()
    for found in (supply(0.5, cartridge="S1"), supply(UNKNOWN), supply(0.5, cartridge="S1")):
        story.hears(answer(found))
    assert story.supply() == (0.0, 0)


def test_what_follows_a_replacement_belongs_to_it() -> None:
    """A level settles for minutes, and descriptions are read once an hour."""
    story = Story().hears(answer(supply(0.05, cartridge="S1")))
    for seconds, found in (
        (60, supply(0.6, cartridge="S1")),
        (120, supply(1.0, cartridge="S1")),
        (3600, supply(0.99, cartridge="S2")),
    ):
        story.hears(answer(found), START + DAY + seconds)
    assert story.supply() == (0.01, 1)
    assert story.life.supplies[BLACK].installed == START + DAY + 60
    story.hears(answer(supply(0.98, cartridge="S3")), START + 2 * DAY)
    assert story.supply() == (0.01, 2)


@pytest.mark.parametrize(
    ("new", "old", "later"),
    [
        (supply(1.0, cartridge="S2"), supply(0.3, cartridge="S1"), HOUR),
        (supply(1.0), supply(0.3), 5 * MINUTE),
    ],
)
def test_a_cartridge_that_is_put_back_in_place_of_a_new_one_used_nothing(
    new: Supply, old: Supply, later: float
) -> None:
    story = Story().hears(answer(old)).hears(answer(new), START + DAY).hears(answer(old), START + DAY + later)
    assert story.supply() == (0.0, 1)
    assert story.hears(answer(replace(old, ratio=0.28))).supply() == (0.02, 1)


def test_a_level_of_0_soon_after_a_replacement_waits_for_the_next_poll_too() -> None:
    story = levels(0.3, 1.0)
    for minutes, level in ((9, 0.0), (12, 1.0)):
        story.hears(answer(supply(level)), START + 2 * HOUR + minutes * MINUTE)
    assert story.supply() == (0.0, 1)


def test_a_clock_that_was_set_back_hides_no_replacement() -> None:
    story = levels(0.1, 1.0, 0.1)
    assert story.hears(answer(supply(1.0)), START - 300 * DAY).supply() == (0.9, 2)


def test_the_level_may_come_after_the_description() -> None:
    story = Story().hears(answer(supply(0.05, cartridge="S1")))
    story.hears(answer(supply(0.05, cartridge="S2")), START + DAY)
    story.hears(answer(supply(1.0, cartridge="S2")), START + DAY + 60)
    assert story.supply() == (0.0, 1)
    story.hears(answer(supply(0.1, cartridge="S2")), START + 2 * DAY)
    assert story.hears(answer(supply(1.0, cartridge="S2"))).supply() == (0.9, 2)


def test_a_waste_container_that_is_emptied_is_a_replacement_too() -> None:
    story = levels(0.9, 0.4, 0.1, 1.0, label="Waste toner", inverted=True)
    assert story.supply("Waste toner") == (0.8, 1)


@pytest.mark.parametrize(
    "now", [supply(0.8, inverted=True), supply(0.8, row=2), supply(0.8, source="brMaintenance"), supply(0.1, row=2)]
)
def test_a_level_that_is_measured_otherwise_now_is_neither_use_nor_a_replacement(now: Supply) -> None:
    story = levels(0.3).hears(answer(now))
    assert story.supply() == (0.0, 0)
    assert story.life.supplies[BLACK].lowest == now.ratio


def test_a_supply_that_vanishes_and_returns_goes_on_where_it_was() -> None:
    story = levels(0.6, 0.5)
    for _ in range(3):
        story.hears(answer())
    assert story.hears(answer(supply(0.45))).supply() == (0.15, 0)


def test_two_supplies_are_kept_apart() -> None:
    story = Story()
    for black, cyan in ((0.5, 0.1), (0.4, 1.0)):
        story.hears(answer(supply(black), supply(cyan, label="Cyan toner", row=2)))
    assert (story.supply(), story.supply("Cyan toner")) == ((0.1, 0), (0.0, 1))


def test_a_printer_that_renames_its_supplies_for_ever_is_remembered_in_part_only() -> None:
    story = Story()
    for number in range(3 * MAX_SUPPLIES):
        story.hears(answer(supply(0.5, label=f"Supply {number}"), supply(0.5)))
    assert len(story.life.supplies) == MAX_SUPPLIES
    assert BLACK in story.life.supplies
    assert story.counts.used.keys() == story.counts.replaced.keys() == story.life.supplies.keys()


READINGS = st.lists(
    st.tuples(
        st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.1, 0.5, 1.0, UNKNOWN, SOME, None])),
        st.sampled_from(["", "", "", "S1", "S2"]),
        st.floats(-DAY, 3 * DAY),
    ),
    max_size=40,
)


@settings(deadline=None)
@given(READINGS)
def test_whatever_the_order_of_readings_no_count_falls_and_no_more_is_used_than_fell(
    readings: list[tuple[float | Level | None, str, float]],
) -> None:
    story, fell, last = Story(), 0.0, None
    for level, cartridge, wait in readings:
        used, replaced = (story.counts.used, story.counts.replaced) if story.tally else ({}, {})
        story.hears(answer(*([] if level is None else [supply(level, cartridge=cartridge)])), story.at + wait)
        if isinstance(level, float):
            fell, last = fell + max(0.0, (level if last is None else last) - level), level
        assert all(story.counts.used[label] >= value for label, value in used.items())
        assert all(story.counts.replaced[label] >= value for label, value in replaced.items())
        assert sum(story.counts.used.values()) <= fell + 1e-6
        assert sum(story.counts.replaced.values()) == len(story.happened)


# ---- pages


def printed(*readings: int | None, story: Story | None = None, every: float = MINUTE) -> Story:
    """Tell of the page counter, a minute between readings."""
    story = story or Story()
    for reading in readings:
        story.hears(answer(pages=reading), story.at + every)
    return story


@pytest.mark.parametrize(
    ("readings", "shown", "month", "anomalies"),
    [
        ([1000], 1000, 0, 0),
        ([1000, 1000, 1030, 1100], 1100, 100, 0),
        ([1000, None, 1030], 1030, 30, 0),
        ([0, 5], 5, 5, 0),
        # HP stores every ten pages: never shown as a fall, until the counter has caught up
        ([1000, 991], 1000, 0, 1),
        ([1000, 991, 991, 991, 991, 991, 991], 1000, 0, 1),
        ([1000, 990, 990, 990, 990, 990, 990], 1000, 0, 1),
        ([1000, 989, 989, 989, 989], 989, 0, 1),
        ([1000, 991, 995, 999, 1000, 1003], 1003, 3, 1),
        ([1000, 991, 996, 990], 1000, 0, 2),  # the power fails twice
        # another board: held for 3 polls, then accepted
        ([1000, 5], 1000, 0, 1),
        ([1000, 5, 6, 7], 1000, 0, 1),
        ([1000, 5, 6, 7, 8], 8, 3, 1),
        ([1000, 5, 6, 7, 8, 10], 10, 5, 1),
        ([1000, 5, 1001], 1001, 1, 1),  # a glitch
        ([1000, 5, 1000, 5, 5, 5], 1000, 0, 2),  # which comes back: doubted anew
        ([1000, 5, 90, 1001, 1002], 1002, 2, 1),
        # more than an engine can print in a minute
        ([1000, 1400], 1400, 400, 0),
        ([1000, 1401], 1000, 0, 1),
        ([1000, 50_000, 50_001, 50_002], 1000, 0, 1),
        ([1000, 50_000, 50_001, 50_002, 50_003], 50_003, 3, 1),
        ([1000, 50_000, 90_000, 20, 60_000, 1001], 1001, 1, 4),  # noise
    ],
)
def test_pages_are_counted_where_the_counter_can_be_believed(
    readings: list[int | None], shown: int, month: int, anomalies: int
) -> None:
    story = printed(*readings)
    assert (story.life.pages, story.life.months, story.counts.anomalies) == (shown, {"2026-09": month}, anomalies)
    assert len([each for each in story.happened if each.what == "pages"]) == anomalies


def test_a_doubtful_reading_is_told_with_the_one_before() -> None:
    assert printed(1000, 5).happened == [Happening("pages", "1000", "5")]


def test_a_jump_does_not_become_possible_by_being_held() -> None:
    story = printed(1000, 1700, 1700)
    assert (story.life.pages, story.life.doubt) == (1000, Doubt(1700, 1700, 2))


def test_a_printer_that_was_idle_for_long_prints_no_faster_then() -> None:
    assert printed(*[1000] * 100, 1401).life.pages == 1000


def test_after_an_outage_as_much_is_believed_as_can_have_been_printed() -> None:
    assert printed(1000, 500_000, every=2 * DAY).life.pages == 500_000
    assert printed(1000, 600_000, every=2 * DAY).life.pages == 1000


def test_a_clock_that_was_set_back_makes_no_anomaly() -> None:
    story = printed(1000).hears(answer(pages=1010), START - 300 * DAY)
    assert (story.life.pages, story.counts.anomalies) == (1010, 0)


def test_a_counter_in_another_unit_is_another_counter() -> None:
    story = printed(1000).hears(answer(pages=500, unit="sheets"))
    assert (story.life.pages, story.life.pages_unit, story.counts.anomalies) == (500, "sheets", 0)
    assert story.life.months == {"2026-09": 0}


def moment(text: str, zone: tzinfo) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def by_month(zone: tzinfo, *readings: tuple[str, int]) -> dict[str, int]:
    story = Story(zone=zone)
    for text, pages in readings:
        story.hears(answer(pages=pages), moment(text, zone))
    assert story.counts.anomalies == 0
    return story.life.recent_months


def test_pages_belong_to_the_month_of_the_zone_in_which_they_were_read() -> None:
    assert by_month(BERLIN, ("2026-09-30 23:58", 1000), ("2026-09-30 23:59", 1010), ("2026-10-01 00:01", 1030)) == {
        "2026-09": 10,
        "2026-10": 20,
    }


def test_a_months_end_in_the_middle_of_an_outage_gives_the_pages_to_the_month_of_the_next_answer() -> None:
    found = by_month(BERLIN, ("2026-09-29 12:00", 1000), ("2026-09-29 12:01", 1010), ("2026-11-02 08:00", 1500))
    assert found == {"2026-09": 10, "2026-11": 490}


def test_an_hour_repeated_by_daylight_saving_counts_its_pages_once() -> None:
    """New York's clocks go from 02:00 to 01:00 on 1 November 2026."""
    story = Story(zone=NEW_YORK)
    midnight = moment("2026-11-01 00:00", NEW_YORK)
    for half_hour in range(-4, 10):
        story.hears(answer(pages=1000 + 10 * half_hour), midnight + half_hour * 1800)
    assert story.life.recent_months == {"2026-10": 30, "2026-11": 100}
    assert story.counts.anomalies == 0


def test_a_month_without_pages_counts_0_and_one_without_answers_is_absent() -> None:
    found = by_month(UTC, ("2026-01-15", 1000), ("2026-02-15", 1000), ("2026-04-15", 1001))
    assert found == {"2026-01": 0, "2026-02": 0, "2026-04": 1}


def test_this_month_and_the_twelve_before_are_shown() -> None:
    story = Story()
    for month in range(30):
        story.hears(answer(pages=1000 + month), moment(f"{2024 + month // 12}-{month % 12 + 1:02}-10", UTC))
    assert list(story.life.recent_months) == [f"2025-{month:02}" for month in range(6, 13)] + [
        f"2026-{month:02}" for month in range(1, 7)
    ]
    assert len(story.life.months) == 13
    story.hears(answer(pages=2000), moment("2027-01-10", UTC))
    assert list(story.life.recent_months) == [f"2026-{month:02}" for month in range(1, 7)] + ["2027-01"]


@pytest.mark.parametrize("wrong", ["1970-01-01", "2099-01-01"])
def test_a_clock_that_was_wrong_for_a_while_costs_no_month(wrong: str) -> None:
    story = Story()
    for day in ("2026-08-10", "2026-09-10", wrong, "2026-09-11"):
        story.hears(answer(pages=1000), moment(day, UTC))
    assert list(story.life.recent_months) == ["2026-08", "2026-09"]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5000), st.floats(0, 2 * DAY)), min_size=1, max_size=40))
def test_no_more_pages_are_counted_than_the_counter_rose(readings: list[tuple[int, float]]) -> None:
    story, rose, last, anomalies = Story(), 0, readings[0][0], 0
    for pages, wait in readings:
        before = story.life.months
        story.hears(answer(pages=pages), story.at + wait)
        rose, last = rose + max(0, pages - last), pages
        assert sum(story.life.months.values()) <= rose
        assert all(story.life.months[month] >= count for month, count in before.items() if month in story.life.months)
        assert story.counts.anomalies >= anomalies
        anomalies = story.counts.anomalies


# ---- jams and alerts

JAMMED, CLEAR = answer(errors=["jammed"]), answer()


@pytest.mark.parametrize(
    ("answers", "jams"),
    [
        ([CLEAR], 0),
        ([JAMMED, JAMMED], 0),  # it began before we looked
        ([JAMMED, CLEAR, JAMMED], 1),
        ([CLEAR, JAMMED, JAMMED, CLEAR], 1),
        ([CLEAR, JAMMED, CLEAR, JAMMED], 2),
        ([CLEAR, answer(alerts=[alert()])], 1),
        ([CLEAR, answer(errors=None, alerts=[alert()])], 1),
        ([CLEAR, answer(alerts=[alert("30208", group="finDevice")])], 1),  # a stapler
        ([CLEAR, answer(alerts=[alert("30213", group="finDevice")])], 0),  # which is empty
        ([CLEAR, answer(errors=["jammed"], alerts=[alert()])], 1),  # both witnesses
        ([CLEAR, JAMMED, answer(alerts=[alert()]), CLEAR], 1),  # one after the other
        ([CLEAR, JAMMED, answer(errors=["door_open"]), JAMMED, CLEAR], 1),  # the door is opened for it
        ([CLEAR, answer(errors=["door_open"]), JAMMED], 1),
        ([CLEAR, answer(alerts=[alert("subunitEmpty")])], 0),
    ],
)
def test_a_jam_counts_once_when_it_begins(answers: list[Snapshot], jams: int) -> None:
    story = Story()
    for each in answers:
        story.hears(each)
    assert story.counts.jams == jams
    assert story.happened == [Happening("jam")] * jams


LOW = alert("markerTonerAlmostEmpty", level="warning", group="markerSupplies", row=1)
OPEN = alert("coverOpen", group="cover", row=2)


@pytest.mark.parametrize(
    ("tables", "counts"),
    [
        ([[]], {}),
        ([[LOW]], {"markerTonerAlmostEmpty": 0}),  # it stood there before
        ([[], [LOW]], {"markerTonerAlmostEmpty": 0}),  # a counter has to be seen at 0 first
        ([[], [LOW], [LOW], [LOW]], {"markerTonerAlmostEmpty": 1}),
        ([[], [LOW], []], {"markerTonerAlmostEmpty": 1}),
        ([[], [LOW], [], [LOW]], {"markerTonerAlmostEmpty": 2}),
        ([[LOW], [OPEN, LOW]], {"markerTonerAlmostEmpty": 0, "coverOpen": 0}),
        ([[LOW], [OPEN, LOW], [LOW]], {"markerTonerAlmostEmpty": 0, "coverOpen": 1}),
        ([[LOW], [LOW, LOW]], {"markerTonerAlmostEmpty": 1}),
        ([[], [LOW, alert(LOW.code, level=LOW.level, group=LOW.group, row=2)], []], {"markerTonerAlmostEmpty": 2}),
    ],
)
def test_an_alert_row_counts_when_it_appears(tables: list[list[Alert]], counts: dict[str, int]) -> None:
    story = Story()
    for rows in tables:
        story.hears(answer(alerts=rows))
    assert {each.code: each.count for each in story.counts.alerts} == counts


def test_rows_known_before_a_restart_are_not_new_after_it() -> None:
    story = Story().hears(answer(alerts=[LOW])).hears(answer(alerts=[LOW, OPEN]))
    again = Story(life=story.life, tally=story.tally, at=story.at).hears(answer(alerts=[OPEN, LOW]))
    assert {each.code: each.count for each in again.counts.alerts} == {LOW.code: 0, OPEN.code: 1}
    assert again.life == story.life, "nothing new is to be written because rows come in another order"


def test_a_printer_that_makes_up_alert_codes_gets_few_series() -> None:
    story = Story().hears(CLEAR)
    for number in range(3 * MAX_EVENT_KINDS):
        story.hears(answer(alerts=[alert(str(40_000 + number), group=str(number))]))
    assert len(story.counts.alerts) == MAX_EVENT_KINDS + 1
    story.hears(CLEAR)
    assert story.counts.alerts[-1] == AlertCount("critical", "other", "other", 2 * MAX_EVENT_KINDS)


def test_alert_codes_that_are_made_up_all_at_once_get_no_more_series() -> None:
    rows = [alert(str(40_000 + number)) for number in range(3 * MAX_EVENT_KINDS)]
    assert len(Story().hears(CLEAR).hears(answer(alerts=rows)).counts.alerts) == MAX_EVENT_KINDS + 1


# ---- engines and names


def test_behind_another_name_everything_is_counted_from_0_and_what_is_known_stays() -> None:
    before = levels(0.5, 0.4).hears(answer(supply(1.0), pages=1000, alerts=[alert()]))
    moved = Story(life=before.life, at=before.at).hears(answer(supply(0.95), pages=1010, alerts=[alert(), OPEN]))
    assert (moved.supply(), moved.counts.jams) == ((0.0, 0), 0)
    assert {each.count for each in moved.counts.alerts} == {0}
    assert moved.life.supplies[BLACK].installed == before.life.supplies[BLACK].installed
    assert moved.life.months == {"2026-09": 10}


def test_what_happened_on_the_way_to_another_name_is_not_counted_there() -> None:
    before = levels(0.5).hears(answer(supply(0.4), pages=1000))
    moved = Story(life=before.life, at=before.at).hears(answer(supply(1.0), pages=991))
    assert (moved.supply(), moved.counts.anomalies) == ((0.0, 0), 0)
    assert moved.life.supplies[BLACK].installed == moved.at


@pytest.mark.parametrize(
    ("pages", "unit", "expected"),
    [
        (1000, "impressions", True),
        (1400, "impressions", True),
        (991, "impressions", True),
        (989, "impressions", False),
        (1401, "impressions", False),
        (7, "sheets", True),
        (None, "impressions", True),
    ],
)
def test_a_life_fits_an_answer_whose_counter_can_be_that_of_the_same_engine(
    pages: int | None, unit: str, expected: bool
) -> None:
    story = printed(1000)
    assert fits(story.life, answer(pages=pages, unit=unit), story.at + MINUTE) is expected
    assert fits(Life(), answer(pages=pages, unit=unit), story.at)


@pytest.mark.parametrize(
    ("serial", "expected"),
    [("VNB3J00001", True), ("12", True), ("", False), ("0000000000", False), ("N/A", False), ("XXXXXXXX", False)],
)
def test_a_serial_number_that_many_printers_tell_is_none(serial: str, expected: bool) -> None:
    assert is_distinct(serial) is expected


def test_months_that_only_another_program_knows_are_taken_over() -> None:
    ours = Life(months={"2026-09": 10, "2026-10": 20}, month="2026-10")
    theirs = Life(months={"2026-08": 5, "2026-09": 999}, supplies={BLACK: SupplyLife()})
    assert merged(ours, theirs).recent_months == {"2026-08": 5, "2026-09": 10, "2026-10": 20}
    assert merged(ours, Life()) is ours
    assert merged(ours, theirs).supplies == {}


def test_nobody_has_months_before_the_counter_was_read() -> None:
    assert Story().hears(CLEAR).life.recent_months == {}


# ---- supplies that were not empty once


def filled_after(*supplies: Supply, life: Life | None = None) -> tuple[str, ...]:
    return lifecycle.after_poll(life or Life(), None, answer(*supplies), START, UTC).life.filled


@pytest.mark.parametrize("level", [0.01, 1.0, Level.SOME, Level.LOW])
def test_a_supply_that_holds_something_is_remembered_as_one_that_was_filled(level: float | Level) -> None:
    assert filled_after(supply(level)) == (BLACK,)


@pytest.mark.parametrize("level", [0.0, Level.UNKNOWN, Level.EMPTY, Level.UNRESTRICTED])
def test_a_supply_that_tells_of_nothing_in_it_is_not_yet_one_that_was_filled(level: float | Level) -> None:
    assert filled_after(supply(level)) == ()


def test_a_full_container_counted_the_other_way_round_is_filled() -> None:
    assert filled_after(replace(supply(0.0, inverted=True), level=100)) == (BLACK,)


def test_a_supply_stays_one_that_was_filled_when_it_runs_empty_or_is_gone() -> None:
    life = Life(filled=(BLACK,))
    assert filled_after(supply(0.0), life=life) == (BLACK,)
    assert filled_after(supply(0.5, label="Fuser"), life=life) == (BLACK, "Fuser")


def test_a_printer_that_renames_its_supplies_for_ever_does_not_fill_the_memory() -> None:
    life = Life()
    for number in range(MAX_SUPPLIES + 9):
        life = lifecycle.after_poll(life, None, answer(supply(0.5, label=f"Toner {number}")), START, UTC).life
    assert len(life.filled) == MAX_SUPPLIES
    assert life.filled[-1] == f"Toner {MAX_SUPPLIES + 8}"
