"""Printers and networks at their worst, against the whole exporter: each costs its own data only, and is counted."""

import itertools
import random
import re
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from exporter.simulator.agent import Agent, Hook
from exporter.simulator.ber import (
    ErrorStatus,
    Integer,
    Kind,
    OctetString,
    Oid,
    Request,
    Value,
    encode_null,
    encode_response,
    encode_varbind,
)
from tests.support.agents import free_port, own_address
from tests.support.chaos import HASTY_HEAD, HEAD, Answers, Exporter, Relay, exporting, failures, problems, told, value
from tests.test_poll import BASE, M, MovingMib, oid

SOUND = ("Sound 1", "Sound 2")
BAD = "Bad"
SERIAL = oid(f"{M}.5.1.1.17.1")
_numbers = itertools.count(100)
# What is said of a printer that never answered: whether it is up, since when, and what it is held to.
OURS = re.compile(r"printer_(up|status|supply_threshold_ratio|status_changed_timestamp_seconds)\{")


@dataclass
class Scene:
    """An exporter with two sound printers and a bad one, and what it was told of a sound one."""

    exporter: Exporter
    truth: set[str]

    async def last(self, scrapes: int = 3) -> str:
        """Scrape some times: the sound printers are complete in each answer; return the last one."""
        for _ in range(scrapes):
            text = await self.exporter.scrape()
            self.check(text)
        return text

    def check(self, text: str) -> None:
        """See that the sound printers are complete."""
        for name in SOUND:
            assert told(text, name) == self.truth
            assert failures(text, name) == {}

    def invented(self, text: str) -> set[str]:
        """Return what is shown of the bad printer and is not true of it."""
        return {line for line in told(text, BAD) - self.truth if not OURS.match(line)}


@asynccontextmanager
async def sound(hook: Hook | None = None, **options: Any) -> AsyncIterator[Agent]:
    """Serve a printer; each says the same."""
    async with Agent(numbered(), own_address(), 0, hook=hook, **options) as agent:
        yield agent


def numbered(values: Mapping[Oid, Value] = BASE) -> MovingMib:
    """Return what a printer says, under a serial number that no other has."""
    return MovingMib({**values, SERIAL: OctetString(f"SN-{next(_numbers)}".encode())})


@asynccontextmanager
async def scene(host: str, options: str = "", *, head: str = HEAD) -> AsyncIterator[Scene]:
    """Run the exporter on two sound printers and on the bad one at `host`."""
    async with sound() as one, sound() as two:
        entries = [
            f'{{ name: {name}, host: "{at.host}:{at.port}" }}' for name, at in zip(SOUND, (one, two), strict=True)
        ]
        truth = await _truth(entries[0])
        entries.append(f'{{ name: {BAD}, host: "{host}", {options} }}')
        async with exporting(f"printers: [{', '.join(entries)}]", head=head) as exporter:
            yield Scene(exporter, truth)


async def _truth(entry: str) -> set[str]:
    async with exporting(f"printers: [{entry}]") as exporter:
        found = told(await exporter.scrape(), SOUND[0])
    assert any("printer_pages_total" in line for line in found)
    return found


def at(agent: Agent | Relay) -> str:
    return f"{agent.host}:{agent.port}"


def garbage() -> Hook:
    """Answer with octets of every length."""
    dice = random.Random(7)
    return lambda request, reply: [(0, dice.randbytes(dice.randrange(1400)))]


def cut_short(request: Request, reply: bytes) -> Answers:
    return [(0, reply[: len(reply) * 2 // 3])]


def general_error(request: Request, reply: bytes) -> Answers:
    return [(0, encode_response(request, map(encode_null, request.oids), ErrorStatus.GEN_ERR, 1))]


def forged(request: Request, reply: bytes) -> Answers:
    """Answer a request that was never sent."""
    at_ = request.request_id.to_bytes(4)
    return [(0, reply.replace(at_, bytes(4), 1))]


HOSTILE: dict[str, tuple[Callable[[], Hook], set[str]]] = {
    "random octets": (garbage, {"protocol", "timeout"}),
    "another protocol": (
        lambda: lambda request, reply: [(0, b"HTTP/1.1 400 Bad Request\r\n\r\n")],
        {"protocol", "timeout"},
    ),
    "answers cut short": (lambda: cut_short, {"protocol", "timeout"}),
    "nothing but errors": (lambda: general_error, {"protocol"}),
    "answers after the timeout": (lambda: lambda request, reply: [(0.6, reply)], {"timeout"}),
    "silence": (lambda: lambda request, reply: [], {"timeout"}),
    "answers to what was not asked": (lambda: forged, {"protocol", "timeout"}),
}


@pytest.mark.parametrize("kind", HOSTILE)
async def test_a_printer_that_cannot_be_read_is_down_for_its_reason_and_nothing_is_invented(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    hook, reasons = HOSTILE[kind]
    async with sound(hook()) as bad, scene(at(bad)) as here:
        text = await here.last()
        assert value(text, "printer_up", printer=BAD) == 0
        assert value(text, "printer_pages_total", printer=BAD) is None
        assert here.invented(text) == set()
        counted = failures(text, BAD)
        assert counted
        assert counted.keys() <= reasons
        bad._hook = None
        assert told(await here.last(), BAD) == here.truth, "and all is well when it answers"
    assert problems(caplog.messages) == []


async def test_a_port_that_nothing_listens_on_is_refused() -> None:
    address = own_address()
    async with scene(f"{address}:{free_port(address)}") as here:
        text = await here.last()
        assert value(text, "printer_up", printer=BAD) == 0
        assert failures(text, BAD).keys() == {"refused"}
        assert here.invented(text) == set()


async def test_an_answer_from_another_address_counts_only_where_the_config_accepts_it() -> None:
    async with sound() as agent, Relay((agent.host, agent.port), lambda a: [(0, a)], elsewhere=own_address()) as relay:
        async with scene(at(relay)) as here:
            text = await here.last()
            assert failures(text, BAD).keys() == {"timeout"}
            assert here.invented(text) == set()
        async with scene(at(relay), "accept_other_address: true") as here:
            assert told(await here.last(), BAD) == here.truth


def twice(answer: bytes) -> Answers:
    return [(0, answer), (0, answer)]


def reordered() -> Callable[[bytes], Answers]:
    """Let each answer be overtaken: it arrives a second time behind the next one, and a third time much later."""
    last: list[bytes] = []

    def ways(answer: bytes) -> Answers:
        sent = [(0.0, late) for late in last] + [(0.001, answer), (0.05, answer)]
        last[:] = [answer]
        return sent

    return ways


@pytest.mark.parametrize("ways", [lambda: twice, reordered], ids=["duplicates", "reordering"])
async def test_what_the_network_does_to_the_order_of_answers_changes_nothing(
    ways: Callable[[], Callable[[bytes], Answers]],
) -> None:
    async with sound() as agent, Relay((agent.host, agent.port), ways()) as relay, scene(at(relay)) as here:
        text = await here.last(5)
        assert told(text, BAD) == here.truth
        assert failures(text, BAD) == {}


# ---- too much of everything


def endless(request: Request, reply: bytes) -> Answers:
    """Answer every walk with one more row, for ever."""
    if request.kind is Kind.GET:
        return [(0, reply)]
    asked = request.oids[0]
    following = (*asked[:-1], asked[-1] + 1) if len(asked) > 12 else (*asked, 1, 1)
    return [(0, encode_response(request, [encode_varbind(following, Integer(1))]))]


HUGE = OctetString(b"\xff<b>\n" * 12_000)
ALERT_COLUMNS = (2, 3, 4, 5, 7, 8)


def huge_strings() -> dict[Oid, Value]:
    return {at_: HUGE if isinstance(found, OctetString) else found for at_, found in BASE.items()}


def many_rows() -> dict[Oid, Value]:
    """Return the printer with 10,000 rows in each of three tables."""
    rows = dict(BASE)
    for table, row, columns in (
        ("18.1.1", 7, ALERT_COLUMNS),
        ("11.1.1", 1, (3, 5, 6, 7, 8, 9)),
        ("8.2.1", 1, (9, 10, 13)),
    ):
        for column in columns:
            cell = oid(f"{M}.{table}.{column}.1")
            rows |= {(*cell, n): BASE[(*cell, row)] for n in range(1, 10_001)}
    return rows


@pytest.mark.parametrize("kind", ["endless walks", "strings of 60 kilobytes", "10,000 rows"])
async def test_too_much_is_cut_off_within_bounds(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    values = {"strings of 60 kilobytes": huge_strings, "10,000 rows": many_rows}.get(kind, lambda: BASE)()
    hook = endless if kind == "endless walks" else None
    async with AsyncExitStack() as stack:
        bad = await stack.enter_async_context(Agent(MovingMib({}), own_address(), 0, hook=hook, max_message=65_000))
        bad._mib = numbered(values).now()
        here = await stack.enter_async_context(scene(at(bad), head=HASTY_HEAD if hook else HEAD))
        text = await here.last()
        shown = [line for line in text.splitlines() if f'printer="{BAD}"' in line]
        assert len(shown) < 2_000
        assert all(len(label) <= 128 for line in shown for label in re.findall(r'="((?:[^"\\]|\\.)*)"', line))
        if kind == "endless walks":
            assert failures(text, BAD).keys() <= {"deadline", "protocol"}
        else:
            assert value(text, "printer_up", printer=BAD) == 1
            assert value(text, "printer_pages_total", printer=BAD) == 4321
            assert failures(text, BAD) == {}
    assert problems(caplog.messages) == []


# ---- names


class NameServer:
    """Answers for names below .test: an address, or the error that it has none, or nothing at all."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.names: dict[str, str] = {}
        self._ask_system = socket.getaddrinfo
        monkeypatch.setattr(socket, "getaddrinfo", self._ask)

    def _ask(self, host: Any, *arguments: Any, **options: Any) -> Any:
        if not str(host).endswith(".test"):
            return self._ask_system(host, *arguments, **options)
        if host not in self.names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return self._ask_system(self.names[host], *arguments, **options)


@pytest.fixture
def name_server(monkeypatch: pytest.MonkeyPatch) -> NameServer:
    return NameServer(monkeypatch)


async def test_a_name_without_an_address_is_counted_as_such_until_it_has_one(name_server: NameServer) -> None:
    async with sound() as agent, scene(f"lobby.test:{agent.port}") as here:
        text = await here.last()
        assert failures(text, BAD).keys() == {"resolve"}
        assert here.invented(text) == set()
        name_server.names["lobby.test"] = agent.host
        assert told(await here.last(), BAD) == here.truth


async def test_a_printer_that_moves_is_found_where_its_name_leads_now_and_keeps_its_history(
    name_server: NameServer,
) -> None:
    async with sound() as after:
        before = Agent(after._mib, own_address(), after.port)
        name_server.names["lobby.test"] = before.host
        async with scene(f"lobby.test:{after.port}") as here:
            async with before:
                text = await here.last()
                assert f'address="{before.host}"' in text
            name_server.names["lobby.test"] = after.host
            text = await here.last(4)
            assert f'address="{after.host}"' in text
            assert told(text, BAD) == here.truth
            assert value(text, "printer_identity_changed_timestamp_seconds", printer=BAD) is None


async def test_a_name_server_that_fails_does_not_take_away_a_printer_that_answers(name_server: NameServer) -> None:
    async with sound() as agent:
        name_server.names["lobby.test"] = agent.host
        async with scene(f"lobby.test:{agent.port}") as here:
            await here.last()
            name_server.names.clear()
            text = await here.last()
            assert told(text, BAD) == here.truth
            assert failures(text, BAD) == {}


# ---- half of a fleet


async def test_a_printer_that_dies_in_mid_scrape_keeps_what_it_said_and_loses_what_was_of_the_moment() -> None:
    async with sound() as agent, scene(at(agent)) as here:
        await here.last()
        agent._hook = lambda request, reply: []
        text = await here.last(5)
        assert value(text, "printer_up", printer=BAD) == 0
        assert value(text, "printer_pages_total", printer=BAD) == 4321
        assert value(text, "printer_status", printer=BAD, status="offline") == 1
        assert value(text, "printer_cover_open", printer=BAD) is None
        assert here.invented(text) == set()
