"""Agents that misbehave, polled through the real path: each costs its own data only, in bounded requests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from pydantic import SecretStr

from exporter.config import CommunityCredentials, EngineName
from exporter.printers.model import Failure, Snapshot
from exporter.printers.poll import PrinterPoller
from exporter.simulator.agent import Agent, Hook
from exporter.simulator.ber import (
    ErrorStatus,
    Integer,
    Kind,
    OctetString,
    Oid,
    Request,
    TimeTicks,
    Value,
    encode_null,
    encode_response,
    encode_varbind,
)
from exporter.simulator.mib import Mib
from exporter.snmp.client import MOST_REPETITIONS, Client
from exporter.snmp.engines import Engines
from tests.support.agents import own_address
from tests.support.fleet import printer, snapshot_of
from tests.test_poll import BASE, MovingMib, oid

ENGINES: tuple[EngineName, ...] = ("gufo", "pysnmp")
V2C = CommunityCredentials(version="2c", community=SecretStr("public"))
M = "1.3.6.1.2.1.43"
SUPPLIES = oid(f"{M}.11.1.1")
LEVEL = oid(f"{M}.11.1.1.9.1.1")
DESCRIPTION = oid(f"{M}.11.1.1.6.1.1")
ALERTS = oid(f"{M}.18.1.1")
# What the portable engine needs more on a busy machine, so that a timeout means silence.
SLOWNESS: dict[EngineName, float] = {"gufo": 1.0, "pysnmp": 4.0}
MOST_REQUESTS = 400
"""More than any misbehaviour may cost in one poll."""


@dataclass
class Peer:
    """A poller and its misbehaving agent."""

    poller: PrinterPoller
    client: Client
    agent: Agent
    mib: MovingMib
    now: list[float] = field(default_factory=lambda: [1000.0])

    async def snapshot(self) -> Snapshot:
        """Poll once; the poll must succeed."""
        poll = await self.poller.poll(limit=30)
        assert poll.requests <= MOST_REQUESTS
        return snapshot_of(poll)

    async def failure(self) -> Failure:
        """Poll once; the poll must fail."""
        poll = await self.poller.poll(limit=30)
        assert isinstance(poll.result, Failure)
        assert poll.requests <= MOST_REQUESTS
        return poll.result


@asynccontextmanager
async def misbehaving(
    engine: EngineName,
    hook: Hook | None = None,
    *,
    values: dict[Oid, Value] | None = None,
    timeout: float = 0.2,
    **options: object,
) -> AsyncIterator[Peer]:
    """Serve the values of a sound printer through the hook, and yield a poller for it."""
    mib = MovingMib(BASE if values is None else values)
    engines = Engines(engine)
    clock = [1000.0]
    async with Agent(mib, own_address(), 0, hook=hook, **options) as agent:  # type: ignore[arg-type]
        client = Client(engines.open, agent.host, agent.port, V2C, timeout=timeout * SLOWNESS[engine], retries=1)
        poller = PrinterPoller(printer(agent.host, agent.port, V2C), client, monotonic=lambda: clock[0])
        yield Peer(poller, client, agent, mib, clock)
        poller.close()
        engines.close()


def below(root: Oid, request: Request) -> bool:
    """Tell whether a request asks for something at or below `root`."""
    return any(asked[: len(root)] == root for asked in request.oids)


def error(request: Request, status: ErrorStatus) -> bytes:
    return encode_response(request, map(encode_null, request.oids), status, 1)


def rows(request: Request, *varbinds: tuple[Oid, Value]) -> bytes:
    return encode_response(request, [encode_varbind(*varbind) for varbind in varbinds])


def following(request: Request) -> Oid:
    """Return the instance behind the one asked for."""
    found = Mib(BASE).after(request.oids[0])
    assert found is not None
    return found


def next_row(request: Request) -> bytes:
    """Answer a walk with one row only."""
    return rows(request, (following(request), BASE[following(request)]))


def only(trouble: Callable[[Request, bytes], Iterable[tuple[float, bytes]] | None]) -> Hook:
    """Return a hook that lets pass whatever `trouble` returns None for."""

    def hook(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]]:
        changed = trouble(request, reply)
        return [(0, reply)] if changed is None else changed

    return hook


def is_walk(request: Request) -> bool:
    return request.kind in {Kind.GETNEXT, Kind.GETBULK}


def check_rest(snapshot: Snapshot) -> None:
    """Check what no misbehaviour around the supplies may cost."""
    assert snapshot.pages == 4321
    assert snapshot.identity.serial == "SNMPD-1"
    assert [tray.level for tray in snapshot.trays] == [125]
    assert [alert.code for alert in snapshot.alerts] == ["coverOpen"]


@pytest.mark.parametrize("engine", ENGINES)
async def test_one_object_missing_on_v1_costs_itself_only(engine: EngineName) -> None:
    async with misbehaving(engine, versions={"1"}, timeout=0.1) as peer:
        await peer.failure()
        found = snapshot_of(await peer.poller.poll(silent=True))
        assert found.supplies[0].ratio == 0.33
        del peer.mib.values[LEVEL]
        found = await peer.snapshot()
        assert found.supplies[0].ratio is None
        check_rest(found)


@pytest.mark.parametrize("engine", ENGINES)
async def test_too_big_is_asked_for_in_smaller_parts_and_remembered(engine: EngineName) -> None:
    async with misbehaving(engine, max_message=150) as peer:
        found = await peer.snapshot()
        check_rest(found)
        assert peer.client.learnt.chunk < 20
        before = peer.agent.requests
        await peer.snapshot()
        assert peer.agent.requests - before < 16


@pytest.mark.parametrize("engine", ENGINES)
async def test_generr_in_mid_walk_costs_the_column_that_fails_only(engine: EngineName) -> None:
    failing = oid(f"{M}.11.1.1.7")

    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]] | None:
        if not is_walk(request) or not below(SUPPLIES, request):
            return None
        reply = next_row(request)
        is_at_failing = request.oids[0][: len(failing)] == failing or following(request)[: len(failing)] == failing
        return [(0, error(request, ErrorStatus.GEN_ERR) if is_at_failing else reply)]

    async with misbehaving(engine, only(trouble)) as peer:
        found = await peer.snapshot()
        (supply,) = found.supplies
        assert (supply.row.unit, supply.ratio) == ("", 0.33), "the columns behind the failing one came"
        check_rest(found)
        _, requests = found, peer.agent.requests
        await peer.snapshot()
        assert peer.agent.requests - requests < 6


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_endless_walk_is_cut_off_and_costs_its_column_only(engine: EngineName) -> None:
    endless = oid(f"{M}.11.1.1.6")

    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]] | None:
        asked = request.oids[0]
        if not is_walk(request) or not below(SUPPLIES, request):
            return None
        if asked[: len(endless)] != endless and following(request)[: len(endless)] != endless:
            return [(0, next_row(request))]
        count = request.max_repetitions if request.kind is Kind.GETBULK else 1
        start = asked[-1] + 1 if len(asked) == len(DESCRIPTION) and asked[: len(endless)] == endless else 1
        made = [((*endless, 1, n), OctetString(b"more")) for n in range(start, start + count)]
        return [(0, rows(request, *made))]

    async with misbehaving(engine, only(trouble)) as peer:
        found = await peer.snapshot()
        assert len(found.supplies) == 64, "no more rows than any printer has"
        assert found.supplies[0].ratio == 0.33
        check_rest(found)
        before = peer.agent.requests
        await peer.snapshot()
        assert peer.agent.requests - before < 10


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_ragged_alert_table_is_asked_for_again_when_the_structure_is(engine: EngineName) -> None:
    severity, code = (oid(f"{M}.18.1.1.{column}.1.7") for column in (2, 7))

    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]] | None:
        if not is_walk(request) or request.oids[0] != ALERTS:
            return None
        behind = oid(f"{M}.19.1.0")
        return [(0, rows(request, *((at, BASE[at]) for at in (severity, code)), (behind, Integer(0))))]

    async with misbehaving(engine, only(trouble)) as peer:
        for _ in range(2):
            found = await peer.snapshot()
            assert [alert.description for alert in found.alerts] == ["Close the front"]
            await peer.snapshot()
            peer.mib.set(uptime=5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", ["repeats", "goes back"])
async def test_oids_that_do_not_increase_end_the_walk(engine: EngineName, way: str) -> None:
    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]] | None:
        if not is_walk(request) or request.oids[0] <= DESCRIPTION or not below(SUPPLIES, request):
            return None
        back = request.oids[0] if way == "repeats" else DESCRIPTION
        return [(0, rows(request, (back, OctetString(b"again"))))]

    def one_by_one(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]] | None:
        if not is_walk(request) or not below(SUPPLIES, request):
            return None
        changed = trouble(request, reply)
        return [(0, next_row(request))] if changed is None else changed

    async with misbehaving(engine, only(one_by_one)) as peer:
        poll = await peer.poller.poll(limit=30)
        check_rest(snapshot_of(poll))
        assert poll.faults > 0


@pytest.mark.parametrize("engine", ENGINES)
async def test_ignored_getbulk_is_replaced_by_getnext_remembered_and_forgotten_at_a_reboot(engine: EngineName) -> None:
    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]] | None:
        return [] if request.kind is Kind.GETBULK else None

    async with misbehaving(engine, only(trouble), timeout=0.1) as peer:
        found = await peer.snapshot()
        assert found.supplies[0].ratio == 0.33
        check_rest(found)
        assert peer.client.learnt.repetitions == 0
        peer.mib.set(uptime=5)
        peer.agent._hook = None
        check_rest(await peer.snapshot())
        assert peer.client.learnt.repetitions == MOST_REPETITIONS


@pytest.mark.parametrize("engine", ENGINES)
async def test_getbulk_cut_short_goes_on_from_the_last_row(engine: EngineName) -> None:
    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]] | None:
        is_last = Mib(BASE).after(request.oids[0]) is None
        return [(0, next_row(request))] if request.kind is Kind.GETBULK and not is_last else None

    async with misbehaving(engine, only(trouble)) as peer:
        found = await peer.snapshot()
        assert found.supplies[0].ratio == 0.33
        check_rest(found)


@pytest.mark.parametrize("engine", ENGINES)
async def test_getbulk_answered_with_other_columns_costs_that_table_only(engine: EngineName) -> None:
    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]] | None:
        if request.kind is not Kind.GETBULK or not below(SUPPLIES, request):
            return None
        return [(0, rows(request, (oid(f"{M}.6.1.1.3.1.1"), Integer(3))))]

    async with misbehaving(engine, only(trouble)) as peer:
        check_rest(await peer.snapshot())


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_wrong_request_id_and_a_late_answer_are_ignored(engine: EngineName) -> None:
    held: list[bytes] = []

    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]]:
        wrong = encode_response(replace(request, request_id=request.request_id ^ 0x55), [])
        sent = [(0.0, wrong), *((0.0, late) for late in held), (0.0, reply)]
        held[:] = [reply]
        return sent

    async with misbehaving(engine, trouble) as peer:
        found = await peer.snapshot()
        assert found.supplies[0].ratio == 0.33
        check_rest(found)


@pytest.mark.parametrize("engine", ENGINES)
async def test_garbage_before_some_answers_is_got_over(engine: EngineName) -> None:
    count = 0

    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]]:
        nonlocal count
        count += 1
        return [(0, b"\x30\x82garbage"), (0, reply)] if count % 5 == 0 else [(0, reply)]

    async with misbehaving(engine, trouble) as peer:
        found = await peer.snapshot()
        assert found.supplies[0].ratio == 0.33
        check_rest(found)


@pytest.mark.parametrize("engine", ENGINES)
async def test_nothing_but_garbage_is_a_failure_of_its_layer(engine: EngineName) -> None:
    async with misbehaving(engine, lambda request, reply: [(0, b"HTTP/1.1 400 Bad Request\r\n")]) as peer:
        assert (await peer.failure()).reason in {"protocol", "timeout"}


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_string_of_60_kilobytes_costs_itself_only(engine: EngineName) -> None:
    huge = BASE | {DESCRIPTION: OctetString(b"\xff" * 60_000)}
    async with misbehaving(engine, values=huge, max_message=65_000) as peer:
        found = await peer.snapshot()
        assert found.supplies[0].ratio == 0.33
        assert len(found.supplies[0].row.description) <= 128
        check_rest(found)


@pytest.mark.parametrize("engine", ENGINES)
async def test_ten_thousand_rows_cost_a_bounded_number_of_requests_and_rows(engine: EngineName) -> None:
    many = {(*ALERTS, c, 1, n): BASE[(*ALERTS, c, 1, 7)] for c in (2, 3, 4, 5, 7, 8) for n in range(1, 10_001)}
    mib = Mib(BASE | many)
    async with misbehaving(engine) as peer:
        peer.agent._mib = mib
        found = await peer.snapshot()
        assert len(found.alerts) == 64
        assert found.alerts[0].code == "coverOpen"
        before = peer.agent.requests
        await peer.snapshot()
        assert peer.agent.requests - before < 60


WRONG: dict[str, Value] = {
    "text for numbers": OctetString(b"100"),
    "nothing for numbers": OctetString(b""),
    "ticks for text": TimeTicks(5),
    "negative": Integer(-(2**31)),
    "binary": OctetString(bytes(range(256))),
}


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("engine", ENGINES)
async def test_wrong_types_everywhere_cost_their_own_cells_only(engine: EngineName, kind: str) -> None:
    printer_mib = oid(M)
    wrong = {at: WRONG[kind] if at[: len(printer_mib)] == printer_mib else value for at, value in BASE.items()}
    async with misbehaving(engine, values=wrong) as peer:
        found = await peer.snapshot()
        assert found.identity.model == "Example 1"
        ratios = [supply.ratio for supply in found.supplies if supply.ratio is not None]
        assert ratios == ([1.0] if kind == "ticks for text" else [])


def raw_integer(octets: bytes, tag: int = 0x02) -> bytes:
    """Return a binding of LEVEL with an INTEGER of exactly these octets."""
    name = encode_null(LEVEL)[2:-2]
    value = bytes([tag, len(octets)]) + octets
    return bytes([0x30, len(name) + len(value)]) + name + value


ODD = {
    "nine octets": raw_integer(b"\x01" * 9),
    "empty": raw_integer(b""),
    "a counter of 33 bits": raw_integer(b"\x01\x00\x00\x00\x00", 0x41),
    "a gauge with the sign bit": raw_integer(b"\xff\xff\xff\xff", 0x42),
    "an unknown tag": raw_integer(b"\x01", 0x4F),
    "an indefinite length": encode_null(LEVEL)[:-2] + b"\x24\x80\x00\x00",
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("engine", ENGINES)
async def test_an_odd_integer_costs_at_most_its_own_cell(engine: EngineName, kind: str) -> None:
    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]] | None:
        if request.kind is not Kind.GET or LEVEL not in request.oids:
            return None
        bindings = [ODD[kind] if asked == LEVEL else encode_varbind(asked, BASE[asked]) for asked in request.oids]
        return [(0, encode_response(request, bindings))]

    async with misbehaving(engine, only(trouble), timeout=0.1) as peer:
        found = await peer.snapshot()
        ratio = found.supplies[0].ratio
        assert ratio is None or 0 <= ratio <= 1
        check_rest(found)
        before = peer.agent.requests
        check_rest(await peer.snapshot())
        assert peer.agent.requests - before < 10, "and the next poll does not pay for it again"


@pytest.mark.parametrize("engine", ENGINES)
async def test_text_that_is_not_utf_8_anywhere_is_made_fit_for_labels(engine: EngineName) -> None:
    odd = {
        at: OctetString(b"\xfc\x00\x1b[31m\xe2\x80\xae") if isinstance(v, OctetString) else v for at, v in BASE.items()
    }
    async with misbehaving(engine, values=odd) as peer:
        found = await peer.snapshot()
        for text in (found.identity.serial, found.supplies[0].row.description, found.trays[0].row.tray):
            assert text.isprintable()
            assert text.startswith("ü")


@pytest.mark.parametrize("engine", ENGINES)
async def test_alerts_that_vanish_through_an_error_are_asked_for_again(engine: EngineName) -> None:
    failing = False

    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]] | None:
        if failing and is_walk(request) and request.oids[0] == ALERTS:
            return [(0, error(request, ErrorStatus.GEN_ERR))]
        return None

    async with misbehaving(engine, only(trouble)) as peer:
        check_rest(await peer.snapshot())
        failing = True
        check_rest(await peer.snapshot())


@pytest.mark.parametrize("engine", ENGINES)
async def test_lost_packets_fail_a_poll_in_place_of_changing_what_is_known(engine: EngineName) -> None:
    """Half of the alert table got lost: its rows would look like others. Silence that lasts is believed."""
    codes, is_lost = oid(f"{M}.18.1.1.7"), False

    def trouble(request: Request, reply: bytes) -> Iterable[tuple[float, bytes]] | None:
        return [] if is_lost and (below(codes, request) or request.oids[0] == ALERTS) else None

    async with misbehaving(engine, only(trouble), timeout=0.1) as peer:
        check_rest(await peer.snapshot())
        is_lost = True
        assert (await peer.failure()).reason == "timeout"
        is_lost = False
        check_rest(await peer.snapshot())
        is_lost = True
        await peer.failure()
        assert (await peer.snapshot()).pages == 4321


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_agent_that_dies_in_mid_poll_is_a_timeout_within_bounds(engine: EngineName) -> None:
    async with misbehaving(engine, timeout=0.05) as peer:
        check_rest(await peer.snapshot())
        peer.agent._hook = lambda request, reply: [(0, reply)] if peer.agent.requests % 3 == 0 else []
        peer.mib.set(config_changes=9)
        poll = await peer.poller.poll(limit=30)
        assert poll.requests <= MOST_REQUESTS
        peer.agent._hook = lambda request, reply: []
        assert (await peer.failure()).reason == "timeout"
        peer.agent._hook = None
        peer.now[0] += 301
        check_rest(snapshot_of(await peer.poller.poll(silent=True)))


async def test_one_bad_printer_does_not_slow_the_others() -> None:
    """The slow one waits out its timeouts while the others are answered at once."""

    async with misbehaving("gufo", lambda request, reply: [], timeout=2) as bad, misbehaving("gufo") as good:
        waiting = asyncio.create_task(bad.poller.poll(limit=30))
        check_rest(await good.snapshot())
        assert not waiting.done()
        waiting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await waiting
