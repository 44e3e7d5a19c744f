"""The policy above the engines, against a session that misbehaves on demand."""

import asyncio
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from pydantic import SecretStr

from exporter.config import CommunityCredentials, Credentials, UserCredentials
from exporter.snmp.client import MAX_CHUNK, MAX_OCTETS, MAX_ROWS, MOST_REPETITIONS, Client, Learnt, Walked
from exporter.snmp.errors import Auth, Protocol, Refused, Resolve, SnmpError, Timeout
from exporter.snmp.resolve import MAX_LOOKUPS
from exporter.snmp.session import SYS_UPTIME, Row, Session, Target, Value, Walk

V2C = CommunityCredentials(version="2c", community=SecretStr("public"))
OIDS = [f"1.3.6.1.2.1.43.11.1.1.9.1.{row}" for row in range(1, 101)]
ROOT = "1.3.6.1.2.1.43.11.1.1"


@dataclass
class FakeAgent:
    """An agent and its session in one: `get_rule` and `pages` decide what it does; every request is noted."""

    objects: Mapping[str, Value] = field(default_factory=lambda: {SYS_UPTIME: 100} | dict.fromkeys(OIDS, 7))
    get_rule: Callable[[Sequence[str]], None] = lambda oids: None
    page_rule: Callable[[int], None] = lambda repetitions: None
    pages: Callable[[], list[list[Row]]] = list
    refuses: Callable[[Sequence[str]], bool] = lambda oids: False
    lose: int = 0
    requests: int = 0
    asked: list[list[str]] = field(default_factory=list)
    walks: list[int] = field(default_factory=list)
    targets: list[Target] = field(default_factory=list)
    closed: int = 0

    def open(self, target: Target) -> Session:
        self.targets.append(target)
        return self

    async def get(self, oids: Sequence[str], timeout: float) -> dict[str, Value]:
        self.asked.append(list(oids))
        self._send()
        self.get_rule(oids)
        return {} if self.refuses(oids) else {oid: self.objects[oid] for oid in oids if oid in self.objects}

    def walk(self, root: str, repetitions: int) -> Walk:
        self.walks.append(repetitions)
        return FakeWalk(self, deque(self.pages()), repetitions)

    def close(self) -> None:
        self.closed += 1

    def _send(self) -> None:
        self.requests += 1
        if self.lose:
            self.lose -= 1
            raise Timeout("lost")


@dataclass
class FakeWalk:
    agent: FakeAgent
    left: deque[list[Row]]
    repetitions: int

    async def page(self, timeout: float) -> list[Row]:
        self.agent._send()
        self.agent.page_rule(self.repetitions)
        return self.left.popleft() if self.left else []


async def begun(agent: FakeAgent, *, credentials: Credentials = V2C, retries: int = 1, silent: bool = False) -> Client:
    client = Client(agent.open, "192.0.2.1", 161, credentials, timeout=1, retries=retries)
    await client.begin(silent=silent)
    return client


def refuse_more_than(limit: int) -> Callable[[Sequence[str]], bool]:
    return lambda oids: len(oids) > limit


async def test_objects_are_asked_in_chunks_and_absent_ones_are_missing() -> None:
    agent = FakeAgent()
    client = await begun(agent)
    assert await client.get([*OIDS[:70], "1.3.6.1.2.1.99.0"]) == dict.fromkeys(OIDS[:70], 7)
    assert [len(oids) for oids in agent.asked] == [1 + MAX_CHUNK, 1 + 71 - MAX_CHUNK]
    assert client.requests == 2


async def test_a_lost_packet_is_asked_for_again() -> None:
    agent = FakeAgent(lose=1)
    client = await begun(agent)
    assert await client.get(OIDS[:2]) == dict.fromkeys(OIDS[:2], 7)
    assert client.requests == 2


@pytest.mark.parametrize(("lost", "sessions"), [("the first request", 2), ("a later one", 1)])
async def test_over_snmpv3_a_printer_that_is_not_heard_is_asked_again_in_a_new_session(
    lost: str, sessions: int
) -> None:
    agent = FakeAgent()
    client = await begun(agent, credentials=UserCredentials(version="3", user="monitor"))
    if lost == "a later one":
        await client.get(OIDS[:2])
    agent.lose = 1
    assert await client.get(OIDS[:2]) == dict.fromkeys(OIDS[:2], 7)
    assert (len(agent.targets), agent.closed) == (sessions, sessions - 1)
    assert client.requests == agent.requests


async def test_over_v2c_a_lost_packet_costs_no_session() -> None:
    agent = FakeAgent(lose=1)
    await (await begun(agent)).get(OIDS[:2])
    assert (len(agent.targets), agent.closed) == (1, 0)


async def test_a_printer_that_was_silent_is_asked_once_only() -> None:
    agent = FakeAgent(lose=1)
    client = await begun(agent, silent=True)
    with pytest.raises(Timeout):
        await client.get(OIDS[:2])
    assert client.requests == 1


async def test_a_printer_that_was_silent_has_its_retries_once_it_is_heard() -> None:
    agent = FakeAgent()
    client = await begun(agent, silent=True)
    await client.get(OIDS[:2])
    agent.lose = 1
    assert await client.get(OIDS[2:4]) == dict.fromkeys(OIDS[2:4], 7)
    assert client.requests == 3


async def test_a_dead_printer_costs_the_tries_of_one_request() -> None:
    agent = FakeAgent(lose=1000)
    client = await begun(agent, retries=2)
    with pytest.raises(Timeout):
        await client.get(OIDS)
    assert client.requests == 3


@pytest.mark.parametrize("limit", [21, 11, 4, 2])
async def test_a_request_that_is_too_big_is_halved_and_the_size_remembered(limit: int) -> None:
    agent = FakeAgent(refuses=refuse_more_than(limit))
    client = await begun(agent)
    assert await client.get(OIDS[:40]) == dict.fromkeys(OIDS[:40], 7)
    first = client.requests
    assert client.learnt.chunk < limit
    assert await client.get(OIDS[:40]) == dict.fromkeys(OIDS[:40], 7)
    assert client.requests - first == -(-40 // client.learnt.chunk)


async def test_a_reboot_makes_it_forget_sizes() -> None:
    agent = FakeAgent(refuses=refuse_more_than(11))
    client = await begun(agent)
    await client.get(OIDS[:40])
    assert client.learnt.chunk < MAX_CHUNK
    client.forget()
    assert client.learnt == Learnt()


@pytest.mark.parametrize(("speaks", "found"), [(["1"], "1"), (["1", "2c"], "2c")], ids=["still v1 only", "v2c now"])
async def test_after_a_reboot_the_configured_version_is_tried_once_without_a_failed_poll(
    speaks: list[str], found: str
) -> None:
    client = await begun(speaking(*speaks))
    client.learnt.version = "1"
    client.forget()
    for requests in (2, 1):
        await client.begin(silent=False)
        assert await client.get(OIDS[:1]) == {OIDS[0]: 7}
        client.end()
        assert (client.version, client.requests) == (found, requests)


async def test_sizes_that_lost_packets_taught_are_learnt_anew() -> None:
    client = await begun(FakeAgent(refuses=refuse_more_than(11)))
    await client.get(OIDS[:40])
    client.learnt.repetitions = 0
    client.forget_sizes()
    assert (client.learnt.chunk, client.learnt.repetitions) == (MAX_CHUNK, MOST_REPETITIONS)


async def test_an_empty_walk_is_doubted_until_getbulk_has_brought_a_row() -> None:
    def refuse_bulk() -> list[list[Row]]:
        return [] if agent.walks[-1] else [rows(1)]

    agent = FakeAgent(pages=refuse_bulk)
    client = await begun(agent)
    assert (await client.walk(ROOT)).rows == rows(1)
    assert (await client.walk(ROOT)).rows == rows(1)
    assert agent.walks == [25, 0, 0]

    agent = FakeAgent(pages=lambda: [rows(1)] if len(agent.walks) == 1 else [])
    client = await begun(agent)
    assert [len((await client.walk(ROOT)).rows) for _ in range(3)] == [1, 0, 0]
    assert agent.walks == [25, 25, 25], "it is believed"


async def test_a_missing_object_on_v1_costs_itself_only_and_teaches_no_size() -> None:
    missing = OIDS[17]
    agent = FakeAgent(refuses=lambda oids: missing in oids)
    client = await begun(agent)
    assert await client.get(OIDS[:40]) == dict.fromkeys([oid for oid in OIDS[:40] if oid != missing], 7)
    assert client.learnt.chunk == MAX_CHUNK
    assert client.requests < 20


async def test_an_agent_without_sysuptime_is_read_all_the_same() -> None:
    agent = FakeAgent(objects=dict.fromkeys(OIDS, 7), refuses=lambda oids: SYS_UPTIME in oids)
    client = await begun(agent)
    assert await client.get([SYS_UPTIME, *OIDS[:3]]) == dict.fromkeys(OIDS[:3], 7)
    before = client.requests
    assert await client.get(OIDS[:3]) == dict.fromkeys(OIDS[:3], 7)
    assert client.requests - before == 1, "it is known by now"


async def test_silence_on_many_objects_is_answered_with_fewer() -> None:
    def ignore_large(oids: Sequence[str]) -> None:
        if len(oids) > 12:
            raise Timeout("no answer")

    agent = FakeAgent(get_rule=ignore_large)
    client = await begun(agent)
    await client.get(OIDS[:1])
    assert await client.get(OIDS[:40]) == dict.fromkeys(OIDS[:40], 7)
    assert client.learnt.chunk == 10


async def test_a_printer_that_dies_in_mid_poll_costs_a_bounded_number_of_requests() -> None:
    agent = FakeAgent()
    client = await begun(agent)
    await client.get(OIDS[:1])
    agent.lose = 10_000
    with pytest.raises(Timeout):
        await client.get(OIDS)
    assert client.requests <= 1 + 2 * 7 + 1, "a halving for each power of two below the chunk, and a last question"


async def test_an_unreadable_value_costs_its_own_object_only() -> None:
    def break_one(oids: Sequence[str]) -> None:
        if OIDS[5] in oids:
            raise Protocol("malformed")

    agent = FakeAgent(get_rule=break_one)
    client = await begun(agent, retries=0)
    await client.get(OIDS[:1])
    assert (await client.get(OIDS[:40])).keys() == set(OIDS[:40]) - {OIDS[5]}
    assert client.faults == 1
    before = client.requests
    assert (await client.get(OIDS[:40])).keys() == set(OIDS[:40]) - {OIDS[5]}
    assert client.requests - before == 1, "it is left out by now"


async def test_an_object_that_is_never_answered_costs_itself_only() -> None:
    def ignore_one(oids: Sequence[str]) -> None:
        if OIDS[0] in oids:
            raise Timeout("no answer")

    agent = FakeAgent(get_rule=ignore_one)
    client = await begun(agent, retries=0)
    await client.get([SYS_UPTIME])
    assert (await client.get(OIDS[:40])).keys() == set(OIDS[:40]) - {OIDS[0]}
    assert client.learnt.unreadable == {OIDS[0]}


async def test_a_page_that_is_never_answered_cuts_the_walk_off_where_it_is() -> None:
    agent = FakeAgent(pages=lambda: [rows(1), rows(2)])
    asked = 0

    def ignore_the_second(repetitions: int) -> None:
        nonlocal asked
        asked += 1
        if repetitions or asked > 2:
            raise Timeout("no answer")

    agent.page_rule = ignore_the_second
    client = await begun(agent, retries=0)
    await client.get([SYS_UPTIME])
    assert await client.walk(ROOT) == Walked(rows(1), whole=False)


async def test_rejected_credentials_end_the_poll_at_once() -> None:
    def reject(oids: Sequence[str]) -> None:
        raise Auth("rejected")

    agent = FakeAgent(get_rule=reject)
    client = await begun(agent, retries=5)
    with pytest.raises(Auth):
        await client.get(OIDS[:2])
    assert client.requests == 1


async def test_a_refused_port_ends_the_poll_at_once() -> None:
    def refuse(oids: Sequence[str]) -> None:
        raise Refused("nothing listens")

    agent = FakeAgent(get_rule=refuse)
    client = await begun(agent)
    with pytest.raises(Refused):
        await client.get(OIDS[:2])
    assert client.requests == 1


def rows(*numbers: int) -> list[Row]:
    return [(f"{ROOT}.9.1.{number}", number) for number in numbers]


async def test_an_agent_that_answers_a_walk_with_its_root_loses_no_rows() -> None:
    column = f"{ROOT}.9"
    found = [(column, 1), *rows(1, 2)]
    client = await begun(FakeAgent(pages=lambda: [found]))
    assert await client.walk(column) == Walked(found, whole=True)


async def test_a_walk_returns_the_rows_of_all_its_pages() -> None:
    agent = FakeAgent(pages=lambda: [rows(1, 2), rows(3)])
    client = await begun(agent)
    assert await client.walk(ROOT) == Walked(rows(1, 2, 3), whole=True)
    assert client.faults == 0


@pytest.mark.parametrize(
    ("pages", "expected"),
    [
        ([rows(1, 2), rows(2, 3)], rows(1, 2)),
        ([rows(1, 5), rows(4)], rows(1, 5)),
        ([rows(1, 1, 1)], rows(1)),
        ([rows(9, 10), rows(11)], rows(9, 10, 11)),
    ],
    ids=["repeats", "goes back", "stands still", "numbers are compared as numbers"],
)
async def test_a_walk_ends_where_oids_cease_to_increase(pages: list[list[Row]], expected: list[Row]) -> None:
    client = await begun(FakeAgent(pages=lambda: pages))
    is_whole = expected == [row for page in pages for row in page]
    assert await client.walk(ROOT) == Walked(expected, whole=is_whole)
    assert client.faults == (not is_whole)


async def test_an_endless_walk_is_cut_off() -> None:
    agent = FakeAgent(pages=lambda: [rows(*range(n, n + 100)) for n in range(1, 100_000, 100)])
    client = await begun(agent)
    assert len((await client.walk(ROOT)).rows) == MAX_ROWS
    assert client.requests <= MAX_ROWS // 100 + 1
    assert client.faults == 1


async def test_a_walk_through_huge_strings_is_cut_off() -> None:
    page: list[Row] = [(f"{ROOT}.6.1.{number}", b"x" * 65_000) for number in range(1, 100)]
    client = await begun(FakeAgent(pages=lambda: [page]))
    octets = sum(len(value) for _, value in (await client.walk(ROOT)).rows if isinstance(value, bytes))
    assert octets <= MAX_OCTETS
    assert client.faults == 1


async def test_a_lost_page_is_asked_for_again() -> None:
    agent = FakeAgent(pages=lambda: [rows(1, 2), rows(3)], lose=1)
    client = await begun(agent)
    assert (await client.walk(ROOT)).rows == rows(1, 2, 3)


async def test_ignored_getbulk_is_replaced_by_getnext_and_remembered() -> None:
    def ignore_bulk(repetitions: int) -> None:
        if repetitions:
            raise Timeout("no answer")

    agent = FakeAgent(pages=lambda: [rows(1)], page_rule=ignore_bulk)
    client = await begun(agent)
    await client.get(OIDS[:1])
    assert (await client.walk(ROOT)).rows == rows(1)
    assert (await client.walk(ROOT)).rows == rows(1)
    assert agent.walks == [25, 0, 0]


async def test_pages_too_large_to_read_are_halved_and_the_size_remembered() -> None:
    def too_large(repetitions: int) -> None:
        if repetitions > 6:
            raise Protocol("oversized")

    agent = FakeAgent(pages=lambda: [rows(1)], page_rule=too_large)
    client = await begun(agent, retries=0)
    await client.get(OIDS[:1])
    assert (await client.walk(ROOT)).rows == rows(1)
    assert (await client.walk(ROOT)).rows == rows(1)
    assert agent.walks == [25, 12, 6, 6]


async def test_a_walk_that_brings_what_was_known_ends_with_its_first_answer() -> None:
    agent = FakeAgent(pages=lambda: [rows(*range(1, 31))])
    client = await begun(agent)
    known = (await client.walk(ROOT)).rows
    before = client.requests
    assert await client.walk(ROOT, known=known) == Walked(rows(*range(1, 31)), whole=True)
    assert client.requests - before == 1
    assert agent.walks == [25, 31], "with room for a row more"


@pytest.mark.parametrize("pages", [[rows(1), rows(2, 3)], [rows(1, 2, 3)], [rows(1), rows(2)], [rows(2)]])
async def test_a_walk_that_brings_anything_else_goes_on_to_the_end(pages: list[list[Row]]) -> None:
    client = await begun(FakeAgent(pages=lambda: pages))
    assert (await client.walk(ROOT, known=rows(1, 2))).rows == [row for page in pages for row in page]


async def test_a_table_of_one_known_row_is_walked_on_where_rows_come_one_by_one() -> None:
    agent = FakeAgent(pages=lambda: [rows(1), rows(2)])
    client = await begun(agent, credentials=V2C.model_copy(update={"version": "1"}))
    assert (await client.walk(ROOT, known=rows(1))).rows == rows(1, 2)


async def test_v1_walks_with_getnext() -> None:
    agent = FakeAgent(pages=lambda: [rows(1)])
    client = await begun(agent, credentials=V2C.model_copy(update={"version": "1"}))
    await client.walk(ROOT)
    assert agent.walks == [0]


async def versions_tried(agent: FakeAgent, polls: int, credentials: Credentials = V2C) -> list[str]:
    client = Client(agent.open, "192.0.2.1", 161, credentials, timeout=1, retries=0)
    tried: list[str] = []
    failure = ""
    for _ in range(polls):
        await client.begin(silent=bool(failure))
        tried.append(client.version)
        try:
            await client.get(OIDS[:1])
            failure = ""
        except SnmpError as error:
            failure = error.reason
        client.end(failure)
    return tried


def speaking(*versions: str) -> FakeAgent:
    """Return an agent that is silent in other versions."""
    agent = FakeAgent()

    def ignore_others(oids: Sequence[str]) -> None:
        if agent.targets[-1].credentials.version not in versions:
            raise Timeout("no answer")

    agent.get_rule = ignore_others
    return agent


async def test_a_printer_silent_on_v2c_is_tried_as_v1_every_other_time() -> None:
    assert await versions_tried(FakeAgent(lose=100), 5) == ["2c", "1", "2c", "1", "2c"]


async def test_a_v1_only_printer_is_found_and_kept() -> None:
    assert await versions_tried(speaking("1"), 4) == ["2c", "1", "1", "1"]


async def test_a_v2c_printer_does_not_become_a_v1_printer_by_a_lost_packet() -> None:
    assert await versions_tried(FakeAgent(lose=1), 4) == ["2c", "1", "2c", "2c"]


async def test_a_printer_that_was_heard_on_v2c_is_asked_so_until_it_was_silent_for_long() -> None:
    agent = FakeAgent()

    def stop_after_first(oids: Sequence[str]) -> None:
        if agent.requests > 1:
            raise Timeout("no answer")

    agent.get_rule = stop_after_first
    tried = await versions_tried(agent, 14)
    assert tried == ["2c"] * 11 + ["1", "2c", "1"]


async def test_only_silence_makes_it_try_another_version() -> None:
    def refuse(oids: Sequence[str]) -> None:
        raise Refused("nothing listens")

    assert await versions_tried(FakeAgent(get_rule=refuse), 3) == ["2c", "2c", "2c"]


async def test_v3_never_falls_back() -> None:
    user = UserCredentials(version="3", user="u")
    assert await versions_tried(FakeAgent(lose=100), 3, user) == ["3", "3", "3"]


async def test_a_failed_poll_drops_the_session_and_a_good_one_keeps_it() -> None:
    agent = FakeAgent()
    client = await begun(agent)
    await client.get(OIDS[:1])
    client.end()
    await client.begin(silent=False)
    assert (len(agent.targets), agent.closed) == (1, 0)
    client.end("timeout")
    assert agent.closed == 1
    await client.begin(silent=True)
    assert len(agent.targets) == 2


async def test_requests_are_counted_for_each_poll() -> None:
    client = await begun(FakeAgent())
    await client.get(OIDS[:1])
    client.end("timeout")
    assert client.requests == 1
    await client.begin(silent=False)
    assert client.requests == 0
    await client.get(OIDS[:1])
    assert client.requests == 1


async def test_a_name_without_address_is_a_failure_of_its_own() -> None:
    client = Client(FakeAgent().open, "no-such-printer.invalid", 161, V2C, timeout=5, retries=0)
    with pytest.raises(Resolve, match=r"no-such-printer\.invalid"):
        await client.begin(silent=False)


@pytest.mark.parametrize("host", ["a" * 300, "bad\x00name", "ü" * 80, ".", ""])
async def test_no_host_name_breaks_the_resolver(host: str) -> None:
    client = Client(FakeAgent().open, host, 161, V2C, timeout=5, retries=0)
    try:
        await client.begin(silent=False)
    except Resolve:
        pass
    else:
        assert client.address


async def test_a_name_is_resolved_to_the_address_that_is_asked() -> None:
    agent = FakeAgent()
    client = Client(agent.open, "localhost", 161, V2C, timeout=5, retries=0)
    await client.begin(silent=False)
    assert client.address in {"127.0.0.1", "::1"}
    assert agent.targets == [Target(client.address, 161, V2C)]


async def test_a_name_server_that_hangs_costs_the_timeout_and_a_bounded_number_of_threads(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released = threading.Event()

    def hang(*arguments: object, **options: object) -> list[object]:
        released.wait(30)
        raise OSError("too late")

    monkeypatch.setattr(socket, "getaddrinfo", hang)
    before = threading.active_count()
    clients = [Client(FakeAgent().open, "printer.example", 161, V2C, timeout=0.2, retries=0) for _ in range(40)]
    failed = await asyncio.gather(*(client.begin(silent=False) for client in clients), return_exceptions=True)
    assert {str(error) for error in failed} == {"printer.example: the name server did not answer"}
    assert threading.active_count() - before <= MAX_LOOKUPS
    released.set()
    while threading.active_count() > before:
        await asyncio.sleep(0)
