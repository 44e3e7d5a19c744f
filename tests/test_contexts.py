"""Printers that an agent shows in a context only, and several printers behind one address, through the real path."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from exporter.commands import probe
from exporter.config import CommunityCredentials, Credentials, UserCredentials
from exporter.printers.model import Failure, Poll
from exporter.printers.poll import PrinterPoller
from exporter.simulator.agent import Agent
from exporter.simulator.ber import Integer, OctetString, Oid, Value
from exporter.snmp.client import Client, in_context, in_use
from exporter.snmp.errors import Auth, Protocol, Refused, Timeout
from exporter.snmp.session import Row, Session, Target
from tests.support.agents import SNMPD, own_address, snmpd
from tests.support.fleet import poll_once, printer, snapshot_of
from tests.test_poll import BASE, PRINTER, USER, V2C, V3, Clock, M, MovingMib, engines, oid
from tests.test_probe import POLLING, explained, shown

V1 = V2C.model_copy(update={"version": "1"})
ANYBODY = UserCredentials(version="3", user="u")
BARE = {name: value for name, value in BASE.items() if name[:7] != oid(M)}
needs_snmpd = pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed")


@contextmanager
def hiding(folder: Path, context: str) -> Iterator[tuple[str, int]]:
    """Run an snmpd that shows a printer in the context only, and there also to the community with that suffix."""
    (folder / "printer").mkdir()
    (folder / "front").mkdir()
    with snmpd(folder / "printer", PRINTER) as (address, port):
        extra = f"""{USER}
view everything included .1
rouser monitor priv -V everything {context}
rocommunity public@{context} default -V everything {context}
proxy -Cn {context} -v 2c -c public {address}:{port} .1.3.6.1.2.1"""
        with snmpd(folder / "front", {}, extra) as at:
            yield at


@pytest.fixture(scope="module")
def hidden(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with hiding(tmp_path_factory.mktemp("jetdirect"), "Jetdirect") as at:
        yield at


@pytest.fixture(scope="module")
def toshiba(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with hiding(tmp_path_factory.mktemp("mfp"), "MFP") as at:
        yield at


@needs_snmpd
@pytest.mark.parametrize("credentials", [V1, V2C, V3], ids=["v1", "v2c", "v3"])
async def test_a_printer_in_the_context_jetdirect_is_found_without_a_setting(
    credentials: Credentials, hidden: tuple[str, int]
) -> None:
    poll = await poll_once(printer(*hidden, credentials), timeout=1.0)
    assert [(s.row.supply, s.ratio) for s in snapshot_of(poll).supplies] == [("Black toner", 0.33)]
    assert [alert.code for alert in snapshot_of(poll).alerts] == ["coverOpen"]
    assert (poll.context, poll.version) == ("Jetdirect", credentials.version)


@needs_snmpd
async def test_a_toshiba_is_found_in_the_context_mfp_after_jetdirect_met_silence(toshiba: tuple[str, int]) -> None:
    poll = await poll_once(printer(*toshiba, V3), timeout=0.5)
    assert (snapshot_of(poll).pages, poll.context) == (4321, "MFP")


@needs_snmpd
async def test_the_engine_that_knows_no_contexts_reads_what_there_is_without(hidden: tuple[str, int]) -> None:
    poll = await poll_once(printer(*hidden, V3), engine="gufo", timeout=0.5)
    assert (snapshot_of(poll).supplies, poll.context) == ((), "")


@needs_snmpd
async def test_the_probe_names_the_context_and_a_recording_is_made_in_it(hidden: tuple[str, int]) -> None:
    answer = await probe.ask(printer(*hidden, V2C), "auto", POLLING)
    assert "SNMP v2c in context Jetdirect, " in shown(answer)
    recording = await probe.record(replace(answer, values={}), "auto", POLLING, lambda _: None)
    assert f"{M}.11.1.1.9.1.1|2|33" in recording.text


class TwoViews:
    """Opens sessions to a simulated agent by what they would be asked with: each suffix has its own agent."""

    def __init__(self, open_session: object, ports: Mapping[str, int]) -> None:
        self.opened: list[str] = []
        self.ports = dict(ports)
        self._open = open_session

    def open(self, target: Target) -> Session:
        assert isinstance(target.credentials, CommunityCredentials)
        community, _, context = target.credentials.community.get_secret_value().partition("@")
        self.opened.append(context)
        plain = target.credentials.model_copy(update={"community": SecretStr(community)})
        return self._open(replace(target, port=self.ports[context], credentials=plain))  # type: ignore[operator,no-any-return]


@contextmanager
def polled(views: TwoViews, agent: Agent, clock: Clock) -> Iterator[PrinterPoller]:
    client = Client(views.open, agent.host, agent.port, V2C, timeout=0.2, retries=0)
    one = PrinterPoller(printer(agent.host, agent.port, V2C), client, now=lambda: 1e9, monotonic=clock)
    yield one
    one.close()


async def test_the_context_is_remembered_until_it_was_silent_for_ten_polls() -> None:
    host, clock = own_address(), Clock()
    with engines() as made:
        async with (
            Agent(MovingMib(BARE), host, 0) as outside,
            Agent(MovingMib(BASE), host, 0) as inside,
            Agent(MovingMib(BASE), host, 0, silent=True) as gone,
        ):
            views = TwoViews(made.open, {"": outside.port, "Jetdirect": inside.port})
            with polled(views, outside, clock) as one:
                assert snapshot_of(await one.poll()).pages == 4321
                asked = outside.requests
                again = await one.poll()
                assert (snapshot_of(again).pages, again.requests, outside.requests) == (4321, 2, asked)
                views.ports["Jetdirect"] = gone.port
                one.close()
                silent = [await one.poll(silent=True) for _ in range(10)]
                assert {poll.result.reason for poll in silent if isinstance(poll.result, Failure)} == {"timeout"}
                assert outside.requests == asked
                bare = await one.poll()
                assert (snapshot_of(bare).pages, bare.context) == (None, "")
                views.ports["Jetdirect"] = inside.port
                clock.now += 301
                assert snapshot_of(await one.poll()).pages == 4321


async def test_a_printer_that_leaves_its_context_is_found_outside_again() -> None:
    host, clock, front, back = own_address(), Clock(), MovingMib(BARE), MovingMib(BASE)
    with engines() as made:
        async with Agent(front, host, 0) as outside, Agent(back, host, 0) as inside:
            views = TwoViews(made.open, {"": outside.port, "Jetdirect": inside.port})
            with polled(views, outside, clock) as one:
                assert (await one.poll()).context == "Jetdirect"
                front.values, back.values = back.values, front.values
                clock.now += 3601
                moved = await one.poll()
                assert (snapshot_of(moved).pages, moved.context) == (4321, "")


async def test_a_printer_in_a_context_is_called_as_it_calls_itself_there() -> None:
    host, name = own_address(), oid("1.3.6.1.2.1.1.5.0")
    with engines() as made:
        async with (
            Agent(MovingMib(BARE | {name: OctetString(b"card")}), host, 0) as outside,
            Agent(MovingMib(BASE | {name: OctetString(b"printer")}), host, 0) as inside,
        ):
            views = TwoViews(made.open, {"": outside.port, "Jetdirect": inside.port})
            with polled(views, outside, Clock()) as one:
                assert snapshot_of(await one.poll()).identity.hostname == "printer"


async def test_a_printer_with_tables_is_never_asked_for_a_context() -> None:
    host = own_address()
    with engines() as made:
        async with Agent(MovingMib(BASE), host, 0) as outside:
            views = TwoViews(made.open, {"": outside.port})
            with polled(views, outside, Clock()) as one:
                assert (await one.poll()).context == ""
    assert views.opened == [""]


async def test_an_agent_without_a_printer_is_asked_once_for_each_reading_of_its_structure() -> None:
    host, clock = own_address(), Clock()
    with engines() as made:
        async with Agent(MovingMib(BARE), host, 0) as outside, Agent(MovingMib(BARE), host, 0, silent=True) as inside:
            views = TwoViews(made.open, {"": outside.port, "Jetdirect": inside.port})
            with polled(views, outside, clock) as one:
                for _ in range(3):
                    poll = await one.poll()
                    assert (snapshot_of(poll).supplies, poll.context) == ((), "")
                assert views.opened == ["", "Jetdirect"]
                clock.now += 3601
                await one.poll()
                assert views.opened == ["", "Jetdirect", "", "Jetdirect"]


class Refusing:
    """Opens sessions that answer a walk only with these credentials, and otherwise fail in one way."""

    def __init__(self, right: Credentials | None = None, error: type[Exception] = Timeout) -> None:
        self.asked: list[Credentials] = []
        self.closed: list[Credentials] = []
        self.right, self.error = right, error

    def open(self, target: Target) -> "_RefusingSession":
        return _RefusingSession(self, target.credentials)


class _RefusingSession:
    def __init__(self, agent: Refusing, credentials: Credentials) -> None:
        self.requests = 0
        self._agent, self._credentials = agent, credentials

    async def get(self, oids: Sequence[str], timeout: float) -> dict[str, int | str | bytes]:
        self.requests += 1
        return dict.fromkeys(oids, 1)

    def walk(self, root: str, repetitions: int) -> "_RefusingSession":
        return self

    async def page(self, timeout: float) -> list[Row]:
        self.requests += 1
        self._agent.asked.append(self._credentials)
        if self._credentials == self._agent.right:
            return [(f"{M}.5.1.1.1.1", 1)]
        raise self._agent.error("no")

    def close(self) -> None:
        self._agent.closed.append(self._credentials)


async def begun(agent: Refusing, credentials: Credentials) -> Client:
    client = Client(agent.open, "192.0.2.1", 161, credentials, timeout=1, retries=3)
    await client.begin(silent=False)
    return client


@pytest.mark.parametrize("error", [Timeout, Auth, Protocol, Refused])
async def test_each_context_costs_one_request_and_its_failure_leaves_all_as_it_was(error: type[Exception]) -> None:
    agent = Refusing(error=error)
    client = await begun(agent, ANYBODY)
    assert not await client.find_context(M)
    assert [getattr(one, "context", "") for one in agent.asked] == ["Jetdirect", "MFP"]
    assert (client.requests, client.context) == (2, "")
    assert agent.closed == agent.asked
    assert await client.get(["1.3.6.1.2.1.1.5.0"]), "the session goes on"
    assert client.requests == 3


@pytest.mark.parametrize(
    "own",
    [ANYBODY.model_copy(update={"context": "tray"}), V2C.model_copy(update={"community": SecretStr("public@x")})],
    ids=["v3", "v2c"],
)
async def test_credentials_with_a_context_of_their_own_are_left_alone(own: Credentials) -> None:
    agent = Refusing()
    assert not await (await begun(agent, own)).find_context(M)
    assert agent.asked == []


async def test_a_context_that_is_refused_is_given_up_at_once_and_one_that_is_lost_is_not() -> None:
    client = await begun(Refusing(in_context(ANYBODY, "MFP")), ANYBODY)
    assert await client.find_context(M)
    client.end("timeout")
    assert client.context == "MFP"
    client.end("auth")
    assert client.context == ""


async def test_where_a_context_is_found_the_session_outside_is_closed_and_ten_polls_in_a_row_have_to_be_lost() -> None:
    agent = Refusing(in_context(ANYBODY, "Jetdirect"))
    client = await begun(agent, ANYBODY)
    await client.get(["1.3.6.1.2.1.1.5.0"])
    assert await client.find_context(M)
    assert (agent.closed, client.requests) == ([ANYBODY], 2)
    for _ in range(2):
        for _ in range(9):
            client.end("timeout")
            await client.begin(silent=True)
        await client.get(["1.3.6.1.2.1.1.5.0"])
        client.end()
        await client.begin(silent=False)
    assert client.context == "Jetdirect"


def test_what_contexts_are_tried_with_is_in_use() -> None:
    kept = {(one.version, one.community.get_secret_value()) for one in in_use([V2C]) if one.version != "3"}
    assert kept == {("2c", "public"), ("1", "public"), ("2c", "public@Jetdirect"), ("1", "public@Jetdirect")}
    assert {getattr(one, "context", None) for one in in_use([ANYBODY])} == {"", "Jetdirect", "MFP"}


# ---- several printers behind one address


def second_device() -> dict[Oid, Value]:
    """Return BASE with another printer as device 3, of other numbers, without a cover."""
    values = dict(BASE)
    for name, value in BASE.items():
        if name[:7] == oid(M) and name[7] != 6:
            values[(*name[:11], 3, *name[12:])] = value  # group, table, entry and column come before the device
    values[oid("1.3.6.1.2.1.25.3.2.1.2.3")] = values[oid("1.3.6.1.2.1.25.3.2.1.2.1")]
    values[oid("1.3.6.1.2.1.25.3.2.1.3.3")] = OctetString(b"Example 3")
    values[oid(f"{M}.5.1.1.17.3")] = OctetString(b"SECOND")
    values[oid(f"{M}.8.2.1.13.3.1")] = OctetString(b"Roll")
    values[oid(f"{M}.11.1.1.9.3.1")] = Integer(80)
    values[oid(f"{M}.18.1.1.7.3.7")] = Integer(8)
    return values


async def ask(device: int | None, values: Mapping[Oid, Value]) -> Poll:
    async with Agent(MovingMib(values), own_address(), 0) as agent:
        return await poll_once(replace(printer(agent.host, agent.port, V2C), device=device), timeout=0.5)


@pytest.mark.parametrize(
    ("device", "told"),
    [
        (None, ("Example 1", "SNMPD-1", "Tray 1", 0.33, ["coverOpen"], 1)),
        (1, ("Example 1", "SNMPD-1", "Tray 1", 0.33, ["coverOpen"], 1)),
        (3, ("Example 3", "SECOND", "Roll", 0.8, ["jam"], 0)),
    ],
)
async def test_each_of_two_printers_behind_one_address_shows_only_what_is_its_own(
    device: int | None, told: tuple[object, ...]
) -> None:
    found = snapshot_of(await ask(device, second_device()))
    assert (
        found.identity.model,
        found.identity.serial,
        *(tray.row.tray for tray in found.trays),
        *(supply.ratio for supply in found.supplies),
        [alert.code for alert in found.alerts],
        len(found.covers),
    ) == told


@pytest.mark.parametrize(("device", "asleep"), [(1, False), (3, True)])
async def test_a_printer_does_not_sleep_because_the_one_beside_it_does(device: int, *, asleep: bool) -> None:
    sleeping = second_device() | {oid(f"{M}.18.1.1.7.3.7"): Integer(23)}
    assert snapshot_of(await ask(device, sleeping)).asleep is asleep


@pytest.mark.parametrize(
    ("values", "detail"),
    [
        (second_device(), "no printer here is device 2; the printers are: 1, 3"),
        (
            {oid("1.3.6.1.2.1.1.3.0"): BASE[oid("1.3.6.1.2.1.1.3.0")]},
            "no printer here is device 2; none is shown at all",
        ),
    ],
    ids=["others", "none"],
)
async def test_a_device_that_is_not_there_is_a_failure_that_tells_those_that_are(
    values: dict[Oid, Value], detail: str
) -> None:
    assert (await ask(2, values)).result == Failure("protocol", detail)


async def test_the_explanation_is_of_the_chosen_device() -> None:
    async with Agent(MovingMib(second_device()), own_address(), 0) as agent:
        chosen = replace(printer(agent.host, agent.port, V2C), device=3)
        text = explained(await probe.ask(chosen, "auto", POLLING))
    assert "hrDeviceIndex: 3  (as configured)" in text
    assert "Alert row 3.7" in text
    assert "Alert row 1.7" not in text
