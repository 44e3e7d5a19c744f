"""When printers are polled, and who is waited for; the clock is moved, nothing sleeps."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from pydantic import SecretStr

from exporter.config import CommunityCredentials, Polling, Printer
from exporter.cycle import Cycle, Device, Rounds
from exporter.printers.model import Failure, Identity, Poll, Snapshot
from exporter.printers.record import after_poll
from tests.support.timetravel import run

SNAPSHOT = Snapshot(
    identity=Identity(),
    supplies=(),
    trays=(),
    bins=(),
    covers=(),
    alerts=(),
    errors=None,
    state=None,
    pages=None,
    pages_unit="",
)


@dataclass
class FakePoller:
    """Answers after `delay` seconds, or fails then."""

    delay: float = 0.0
    answers: bool = True
    asleep: bool = False
    asked: list[tuple[float, bool]] = field(default_factory=list)
    closed: bool = False
    under_way: int = 0
    gauge: Callable[[int], None] = lambda change: None

    async def poll(self, *, silent: bool, limit: float) -> Poll:
        now = asyncio.get_running_loop().time
        self.asked.append((now(), silent))
        self.under_way += 1
        assert self.under_way == 1, "two polls of one printer at once"
        self.gauge(1)
        try:
            async with asyncio.timeout(limit):
                await asyncio.sleep(self.delay)
        except TimeoutError:
            result: Snapshot | Failure = Failure("deadline", "")
        else:
            result = replace(SNAPSHOT, asleep=self.asleep) if self.answers else Failure("timeout", "")
        finally:
            self.under_way -= 1
            self.gauge(-1)
        return Poll(result, at=now(), duration=0, requests=1, address="", version="2c")

    def close(self) -> None:
        self.closed = True


class Gauge:
    """Counts what is under way, and remembers the most."""

    def __init__(self) -> None:
        self.running = 0
        self.most = 0

    def __call__(self, change: int) -> None:
        self.running += change
        self.most = max(self.most, self.running)


def printer(name: str, *, interval: float = 0.0) -> Printer:
    return Printer(
        name=name,
        host="192.0.2.1",
        port=161,
        credentials=CommunityCredentials(version="2c", community=SecretStr("public")),
        interval=interval,
    )


def settle(device: Device, poll: Poll) -> None:
    device.record = after_poll(device.record, poll, excused=False, offline_after=3, retain=1e6)


def office(pollers: dict[str, FakePoller], polling: Polling | None = None, *, interval: float = 0.0) -> Cycle:
    """Return a cycle over printers of these names; call it inside the loop."""
    cycle = Cycle(polling or Polling(), settle)
    devices = {name: Device(printer(name, interval=interval), poller) for name, poller in pollers.items()}
    cycle.replace(polling or Polling(), devices)
    return cycle


def now() -> float:
    return asyncio.get_running_loop().time()


def travel(scenario: Callable[[], Coroutine[Any, Any, None]]) -> None:
    run(scenario())


def test_a_scrape_polls_every_printer_and_returns_when_all_answered() -> None:
    async def scenario() -> None:
        pollers = {"a": FakePoller(1), "b": FakePoller(3)}
        cycle = office(pollers)
        await cycle.rounds.join(29.5)
        assert now() == 3
        assert [device.record.up for device in cycle.devices.values()] == [True, True]
        assert cycle.rounds.finished == 1
        assert cycle.rounds.last_duration == 3
        await cycle.close()

    travel(scenario)


def test_a_scrape_soon_after_the_last_cycle_started_reuses_its_result() -> None:
    async def scenario() -> None:
        pollers = {"a": FakePoller(1)}
        cycle = office(pollers, Polling(min_interval=25))
        await cycle.rounds.join(29.5)
        await asyncio.sleep(23.9)
        await cycle.rounds.join(29.5)
        assert now() == pytest.approx(24.9)
        assert len(pollers["a"].asked) == 1
        await asyncio.sleep(0.2)
        await cycle.rounds.join(29.5)
        assert len(pollers["a"].asked) == 2
        await cycle.close()

    travel(scenario)


def test_scrapes_at_the_same_time_join_one_cycle() -> None:
    async def scenario() -> None:
        pollers = {"a": FakePoller(5)}
        cycle = office(pollers)
        await asyncio.gather(*(cycle.rounds.join(29.5) for _ in range(5)))
        assert now() == 5
        assert len(pollers["a"].asked) == 1
        await cycle.close()

    travel(scenario)


def test_a_scraper_with_little_patience_gets_what_is_known_by_then() -> None:
    async def scenario() -> None:
        pollers = {"quick": FakePoller(1), "slow": FakePoller(8)}
        cycle = office(pollers)
        await cycle.rounds.join(4.5)
        assert now() == 4.5
        assert cycle.devices["quick"].record.up
        assert cycle.devices["slow"].record.up is None
        await cycle.close()

    travel(scenario)


def test_a_straggler_is_not_started_twice_and_counts_for_the_next_scrape() -> None:
    async def scenario() -> None:
        pollers = {"straggler": FakePoller(40)}
        cycle = office(pollers, Polling(deadline=20, min_interval=25))
        await cycle.rounds.join(29.5)
        assert now() == 20
        assert cycle.rounds.finished == 1
        await asyncio.sleep(10)
        await cycle.rounds.join(29.5)
        assert now() == 40
        assert cycle.devices["straggler"].record.up
        assert len(pollers["straggler"].asked) == 1
        await cycle.close()

    travel(scenario)


def test_a_straggler_is_given_up_at_the_poll_limit() -> None:
    async def scenario() -> None:
        cycle = office({"stuck": FakePoller(1000)}, Polling(poll_limit=60))
        await cycle.rounds.join(29.5)
        await asyncio.sleep(41)
        assert cycle.devices["stuck"].record.failures == {"deadline": 1}
        assert cycle.devices["stuck"].task is None
        await cycle.close()

    travel(scenario)


def test_a_scrape_waits_for_a_printer_never_asked_but_not_for_one_that_was_silent() -> None:
    async def scenario() -> None:
        pollers = {"live": FakePoller(1), "dead": FakePoller(4, answers=False)}
        cycle = office(pollers)
        await cycle.rounds.join(29.5)
        assert now() == 4, "the first time nobody knows that it is dead"
        await asyncio.sleep(26)
        await cycle.rounds.join(29.5)
        assert now() == 31, "now only the living are waited for"
        await cycle.close()

    travel(scenario)


def test_a_recovery_shows_one_scrape_later_at_the_latest() -> None:
    async def scenario() -> None:
        poller = FakePoller(2, answers=False)
        cycle = office({"a": poller, "live": FakePoller(0)})
        seen = []
        for _ in range(3):
            await cycle.rounds.join(29.5)
            seen.append(cycle.devices["a"].record.up)
            poller.answers = True
            await asyncio.sleep(30)
        assert seen == [False, False, True], "the second scrape did not wait for it"
        await cycle.close()

    travel(scenario)


def test_printers_are_asked_as_silent_until_they_answer() -> None:
    async def scenario() -> None:
        poller = FakePoller(1)
        cycle = office({"a": poller}, Polling(min_interval=1))
        for answers in (False, True, True, False):
            poller.answers = answers
            await cycle.poll(cycle.devices["a"])
        assert [silent for _, silent in poller.asked] == [True, True, False, False]
        await cycle.close()

    travel(scenario)


def test_silent_printers_take_a_quarter_of_the_slots() -> None:
    async def scenario() -> None:
        gauge = Gauge()
        pollers = {f"dead{i}": FakePoller(4, answers=False) for i in range(20)}
        cycle = office(pollers, Polling(concurrency=8, min_interval=1))
        await cycle.rounds.join(29.5)
        for poller in pollers.values():
            poller.gauge = gauge
        await cycle.rounds.join(29.5)
        await asyncio.sleep(60)
        assert gauge.most == 2
        await cycle.close()

    travel(scenario)


def test_no_more_printers_are_polled_at_once_than_configured() -> None:
    async def scenario() -> None:
        gauge = Gauge()
        pollers = {f"p{i}": FakePoller(1, gauge=gauge) for i in range(20)}
        cycle = office(pollers, Polling(concurrency=8))
        await cycle.rounds.join(29.5)
        assert (gauge.most, now()) == (8, 3)
        await cycle.close()

    travel(scenario)


def test_a_printer_with_an_interval_sits_cycles_out() -> None:
    async def scenario() -> None:
        poller = FakePoller()
        cycle = office({"a": poller}, interval=300)
        for _ in range(11):
            await cycle.rounds.join(29.5)
            await asyncio.sleep(60)
        assert [at for at, _ in poller.asked] == [0, 300, 600]
        await cycle.close()

    travel(scenario)


async def scrape_each_minute(cycle: Cycle, minutes: int) -> None:
    for _ in range(minutes):
        await cycle.rounds.join(29.5)
        await asyncio.sleep(60)


def test_a_printer_that_sleeps_is_asked_less_and_less_often_but_within_ten_minutes() -> None:
    async def scenario() -> None:
        sleeper, other = FakePoller(asleep=True), FakePoller()
        cycle = office({"sleeper": sleeper, "other": other}, Polling(min_interval=30))
        await scrape_each_minute(cycle, 40)
        assert [at for at, _ in sleeper.asked] == [0, 60, 180, 420, 900, 1500, 2100]
        assert len(other.asked) == 40
        assert cycle.devices["sleeper"].record.up
        await cycle.close()

    travel(scenario)


@pytest.mark.parametrize(("answers", "asleep"), [(True, False), (False, True)])
def test_the_first_poll_that_does_not_find_a_printer_asleep_ends_the_long_waits(*, answers: bool, asleep: bool) -> None:
    async def scenario() -> None:
        poller = FakePoller(asleep=True)
        cycle = office({"a": poller}, Polling(min_interval=30))
        await scrape_each_minute(cycle, 7)
        poller.answers, poller.asleep = answers, asleep
        await scrape_each_minute(cycle, 3)
        assert [at for at, _ in poller.asked] == [0, 60, 180, 420, 480, 540]
        await cycle.close()

    travel(scenario)


@pytest.mark.parametrize(("interval", "asked"), [(120, [0, 240, 720, 1320]), (900, [0, 900])])
def test_a_sleeping_printer_waits_from_its_own_interval_on_and_never_less_than_that(
    interval: float, asked: list[float]
) -> None:
    async def scenario() -> None:
        poller = FakePoller(asleep=True)
        cycle = office({"a": poller}, Polling(min_interval=30), interval=interval)
        await scrape_each_minute(cycle, 25)
        assert [at for at, _ in poller.asked] == asked
        await cycle.close()

    travel(scenario)


def test_a_sleeping_printer_that_somebody_asks_for_is_asked_at_once() -> None:
    async def scenario() -> None:
        poller = FakePoller(asleep=True)
        cycle = office({"a": poller}, Polling(min_interval=30))
        await scrape_each_minute(cycle, 8)
        await cycle.poll(cycle.devices["a"])
        assert [at for at, _ in poller.asked] == [0, 60, 180, 420, 480]
        await cycle.close()

    travel(scenario)


def test_a_cycle_starts_by_itself_when_nobody_scrapes() -> None:
    async def scenario() -> None:
        poller = FakePoller()
        cycle = office({"a": poller}, Polling(idle_interval=300))
        idle = asyncio.create_task(cycle.rounds.keep_going())
        await asyncio.sleep(100)
        await cycle.rounds.join(29.5)
        await asyncio.sleep(650)
        assert [at for at, _ in poller.asked] == [100, 400, 700]
        idle.cancel()
        await cycle.close()

    travel(scenario)


def test_who_is_asked_for_single_printers_leaves_the_others_alone() -> None:
    async def scenario() -> None:
        mine, of_another = FakePoller(), FakePoller()
        cycle = office({"mine": mine, "of another": of_another}, Polling(idle_interval=300))
        idle = asyncio.create_task(cycle.rounds.keep_going())
        for _ in range(10):
            await asyncio.sleep(200)
            await cycle.refresh(cycle.devices["mine"], 29.5)
        assert (len(mine.asked), len(of_another.asked)) == (10, 0)
        await asyncio.sleep(450)
        assert [at for at, _ in of_another.asked] == [2300], "nobody asks for anything any more"
        idle.cancel()
        await cycle.close()

    travel(scenario)


def test_whoever_asks_for_a_printer_joins_its_poll_under_way() -> None:
    async def scenario() -> None:
        poller = FakePoller(5)
        cycle = office({"a": poller})
        scrape = asyncio.create_task(cycle.rounds.join(29.5))
        await asyncio.sleep(1)
        await cycle.poll(cycle.devices["a"])
        assert now() == 5
        await scrape
        assert len(poller.asked) == 1
        await cycle.close()

    travel(scenario)


def test_a_printer_that_leaves_the_inventory_is_stopped_while_the_others_go_on() -> None:
    async def scenario() -> None:
        stays, goes = FakePoller(5), FakePoller(50)
        cycle = office({"stays": stays, "goes": goes})
        scrape = asyncio.create_task(cycle.rounds.join(29.5))
        await asyncio.sleep(1)
        cycle.replace(Polling(), {"stays": cycle.devices["stays"]})
        await scrape
        assert now() == 5
        assert goes.closed
        assert not stays.closed
        assert cycle.devices["stays"].record.up
        await cycle.close()

    travel(scenario)


def test_closing_stops_every_poll_at_once() -> None:
    async def scenario() -> None:
        poller = FakePoller(50)
        cycle = office({"a": poller})
        scrape = asyncio.create_task(cycle.rounds.join(29.5))
        await asyncio.sleep(1)
        await cycle.close()
        await scrape
        assert now() == 1
        assert poller.closed
        assert len(asyncio.all_tasks()) == 1

    travel(scenario)


def test_who_asks_for_a_printer_waits_for_its_poll_under_way_however_lately_that_began() -> None:
    async def scenario() -> None:
        poller = FakePoller(5)
        cycle = office({"a": poller})
        first = asyncio.create_task(cycle.refresh(cycle.devices["a"], 29.5))
        await asyncio.sleep(1)
        await cycle.refresh(cycle.devices["a"], 29.5)
        assert now() == 5
        await first
        assert len(poller.asked) == 1
        await cycle.close()

    travel(scenario)


def test_no_more_are_polled_at_once_over_a_reload_than_may_be() -> None:
    async def scenario() -> None:
        gauge = Gauge()
        polling = Polling(concurrency=4)
        cycle = office({name: FakePoller(5, gauge=gauge) for name in "abcde"}, polling)
        polls = [cycle.poll(cycle.devices[name]) for name in "abcd"]
        await asyncio.sleep(1)
        cycle.replace(polling, cycle.devices)
        polls.append(cycle.poll(cycle.devices["e"]))
        await asyncio.wait(polls)
        assert gauge.most == 4
        await cycle.close()

    travel(scenario)


def test_no_poll_begins_once_it_is_closed() -> None:
    async def scenario() -> None:
        poller = FakePoller()
        cycle = office({"a": poller})
        await cycle.close()
        await cycle.rounds.join(10)
        await cycle.refresh(cycle.devices["a"], 10)
        assert poller.asked == []
        assert len(asyncio.all_tasks()) == 1

    travel(scenario)


def test_an_outcome_that_cannot_be_used_costs_only_its_own_printer(caplog: pytest.LogCaptureFixture) -> None:
    async def scenario() -> None:
        def choke(device: Device, poll: Poll) -> None:
            if device.printer.name == "bad":
                raise ValueError("unusable")
            settle(device, poll)

        cycle = Cycle(Polling(), choke)
        cycle.replace(Polling(), {name: Device(printer(name), FakePoller(1)) for name in ("bad", "good")})
        await cycle.rounds.join(29.5)
        assert cycle.devices["good"].record.up
        assert cycle.devices["bad"].task is None
        await cycle.close()

    travel(scenario)
    assert "a poll could not be used" in caplog.text


def test_an_empty_inventory_is_no_fault() -> None:
    async def scenario() -> None:
        cycle = office({})
        await cycle.rounds.join(29.5)
        assert cycle.rounds.finished == 1
        await cycle.close()

    travel(scenario)


def test_a_round_that_outlasts_its_deadline_by_far_is_overdue_until_it_ends() -> None:
    async def main() -> None:
        stuck = asyncio.Event()

        async def wait() -> None:
            await stuck.wait()

        rounds = Rounds("stuck", wait, Polling(deadline=20, min_interval=0))
        before = rounds.overdue
        await rounds.join(79)
        in_time = rounds.overdue
        await asyncio.sleep(2)
        late = rounds.overdue
        stuck.set()
        await rounds.join(1)
        await asyncio.sleep(1000)
        assert (before, in_time, late, rounds.overdue) == (False, False, True, False)

    run(main())


def test_a_round_that_fails_each_time_is_told_of_now_and_then(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async def fail() -> None:
            raise RuntimeError

        rounds = Rounds("broken", fail, Polling(min_interval=0))
        for _ in range(120):
            await rounds.join(1)
            await asyncio.sleep(60)

    run(main())
    assert [vars(record)["failures"] for record in caplog.records] == [1, 60]
