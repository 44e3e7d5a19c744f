"""Both engines do the same, and what one cannot do fails as docs/snmp-engines.md says.

Against net-snmp's snmpd where it can show it, else against the simulator or a socket that misbehaves.
"""

import asyncio
import gc
import itertools
import socket
import time
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import SecretStr

from exporter.config import AuthKey, CommunityCredentials, Credentials, EngineName, PrivKey, UserCredentials
from exporter.simulator.agent import Agent, Hook
from exporter.simulator.ber import (
    ErrorStatus,
    Integer,
    Kind,
    OctetString,
    Oid,
    Request,
    encode_null,
    encode_response,
    encode_varbind,
)
from exporter.simulator.ber import Value as SimulatedValue
from exporter.simulator.mib import Mib
from exporter.simulator.v3agent import User, V3Agent
from exporter.snmp import gufo, pysnmp
from exporter.snmp.engines import Engines
from exporter.snmp.errors import Auth, Protocol, Refused, SnmpError, Timeout
from exporter.snmp.session import Row, Session, Target, Walk
from tests.support.agents import SNMPD, free_port, open_sockets, own_address, snmpd

needs_snmpd = pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed")
both_engines = pytest.mark.parametrize("engine", ["gufo", "pysnmp"])

PATIENCE = 5.0
"""A timeout for requests that are answered."""
SILENCE = 0.2
"""A timeout for requests that are not."""

TABLE = "1.3.6.1.2.1.43.11.1.1.9.1"
VALUES: dict[str, tuple[tuple[str, object], int | str | bytes]] = {
    f"{TABLE}.1": (("integer", 42), 42),
    f"{TABLE}.2": (("integer", -3), -3),
    f"{TABLE}.3": (("counter", 4294967295), 4294967295),
    f"{TABLE}.4": (("uinteger", 4294967295), 4294967295),
    f"{TABLE}.5": (("timeticks", 77), 77),
    f"{TABLE}.6": (("octet_str", "SERIAL-1"), b"SERIAL-1"),
    f"{TABLE}.7": (("octet_str", ""), b""),
    f"{TABLE}.8": (("octet_str", "0x00ff0a"), b"\x00\xff\x0a"),
    f"{TABLE}.9": (("object_id", ".1.3.6.1.2.1.25.3.1.5"), "1.3.6.1.2.1.25.3.1.5"),
}
ROWS: list[Row] = [(oid, value) for oid, (_, value) in VALUES.items()]
ABSENT = f"{TABLE}.99"
SYS_NAME = "1.3.6.1.2.1.1.5.0"
SYSTEM = "1.3.6.1.2.1.1"
UPTIME = "1.3.6.1.2.1.1.3.0"
LOOPBACK = "1.3.6.1.2.1.4.20.1.1.127.0.0.1"
IN_PACKETS = "1.3.6.1.2.1.11.1.0"

AUTH = {"MD5": "MD5", "SHA": "SHA", "SHA224": "SHA-224", "SHA256": "SHA-256", "SHA384": "SHA-384", "SHA512": "SHA-512"}
PRIV = {
    "DES": "DES",
    "AES128": "AES",
    "AES192": "AES-192",
    "AES256": "AES-256",
    "AES192C": "AES-192-C",
    "AES256C": "AES-256-C",
}
PASSWORD, PRIVACY, WRONG = "auth-password", "priv-password", "not-the-password"
UMLAUTS = "fünf-Schlüssel"


def community(version: str, name: str = "public") -> CommunityCredentials:
    return CommunityCredentials.model_validate({"version": version, "community": name})


def user(
    name: str, auth: str = "", priv: str = "", *, password: str = PASSWORD, privacy: str = PRIVACY, context: str = ""
) -> UserCredentials:
    return UserCredentials(
        version="3",
        user=name,
        context=context,
        auth=AuthKey(protocol=auth, password=SecretStr(password)) if auth else None,
        priv=PrivKey(protocol=priv, password=SecretStr(privacy)) if priv else None,
    )


V2C = community("2c")
USERS = {
    "v3 plain": user("plain"),
    **{f"v3 {auth}": user(auth, auth) for auth in AUTH},
    **{f"v3 {auth} {priv}": user(f"{auth}{priv}", auth, priv) for auth, priv in itertools.product(AUTH, PRIV)},
}
CREDENTIALS: dict[str, Credentials] = {"v1": community("1"), "v2c": V2C, **USERS}
each_credentials = pytest.mark.parametrize("name", CREDENTIALS)
A_USER = USERS["v3 SHA256 AES128"]


def user_lines(credentials: UserCredentials) -> str:
    auth, priv = credentials.auth, credentials.priv
    keys = f' {AUTH[auth.protocol]} "{PASSWORD}"' if auth else ""
    keys += f' {PRIV[priv.protocol]} "{PRIVACY}"' if priv else ""
    level = "priv" if priv else "auth" if auth else "noauth"
    return f"createUser {credentials.user}{keys}\nrouser {credentials.user} {level}\n"


def context_lines(other: tuple[str, int]) -> str:
    """Let the user `inner` see another agent in the context ctx."""
    return f"""
createUser inner SHA-256 "{PASSWORD}" AES "{PRIVACY}"
group inners usm inner
view all included .1
access inners "" usm priv exact all none none
access inners ctx usm priv exact all none none
proxy -Cn ctx -v 2c -c public {other[0]}:{other[1]} .1.3.6.1.2.1.1
"""


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """Run snmpd with all users, and another behind a context of it."""
    folders = [tmp_path_factory.mktemp(name) for name in ("snmpd", "other")]
    overrides = {oid: instance for oid, (instance, _) in VALUES.items()} | {SYS_NAME: ("octet_str", "outer")}
    with snmpd(folders[1], {SYS_NAME: ("octet_str", "inner")}) as other:
        extra = "".join(map(user_lines, USERS.values())) + context_lines(other)
        extra += f'createUser umlauts SHA "{UMLAUTS}" DES "{UMLAUTS}"\nrouser umlauts priv\nrocommunity {UMLAUTS}\n'
        with snmpd(folders[0], overrides, extra) as at:
            yield at


@asynccontextmanager
async def opened(
    engine: EngineName, at: tuple[str, int], credentials: Credentials = V2C, *, from_any: bool = False
) -> AsyncIterator[Session]:
    engines = Engines(engine)
    with closing(engines), closing(engines.open(Target(*at, credentials, from_any))) as session:
        yield session


def target(credentials: Credentials, address: str = "192.0.2.1") -> Target:
    return Target(address, 161, credentials)


async def walked(walk: Walk) -> list[Row]:
    found: list[Row] = []
    while page := await walk.page(PATIENCE):
        found += page
    return found


@needs_snmpd
@each_credentials
@both_engines
class TestSoundAgent:
    """What holds on both engines for every version, user and key."""

    async def test_get_returns_values_as_int_bytes_and_dotted_text(
        self, engine: EngineName, name: str, agent: tuple[str, int]
    ) -> None:
        async with opened(engine, agent, CREDENTIALS[name]) as session:
            answer = await session.get([*VALUES, LOOPBACK], PATIENCE)
            assert answer == dict(ROWS) | {LOOPBACK: "127.0.0.1"}

    async def test_an_absent_object_is_missing_and_refuses_the_request_on_v1(
        self, engine: EngineName, name: str, agent: tuple[str, int]
    ) -> None:
        async with opened(engine, agent, CREDENTIALS[name]) as session:
            answer = await session.get([ABSENT, ROWS[0][0]], PATIENCE)
            assert answer == ({} if name == "v1" else dict(ROWS[:1]))

    async def test_a_walk_gives_the_rows_below_its_root_one_page_a_request(
        self, engine: EngineName, name: str, agent: tuple[str, int]
    ) -> None:
        async with opened(engine, agent, CREDENTIALS[name]) as session:
            await session.get([UPTIME], PATIENCE)
            for repetitions in (0, 4, 25):
                walk = session.walk(TABLE, repetitions)
                size = 1 if name == "v1" else max(repetitions, 1)
                found: list[Row] = []
                before = session.requests
                while page := await walk.page(PATIENCE):
                    found += page
                    assert len(page) <= size
                    assert session.requests - before == -(-len(found) // size)
                assert found == ROWS

    async def test_every_datagram_is_counted(self, engine: EngineName, name: str, agent: tuple[str, int]) -> None:
        """Those that make the agent's SNMP engine known among them: the agent counts too."""
        async with opened(engine, agent) as counting, opened(engine, agent, CREDENTIALS[name]) as session:
            before = (await counting.get([IN_PACKETS], PATIENCE))[IN_PACKETS]
            after = (await session.get([IN_PACKETS], PATIENCE))[IN_PACKETS]
            assert isinstance(before, int)
            assert after == before + session.requests
            if name.startswith("v3"):
                assert session.requests == (3 if engine == "gufo" and name != "v3 plain" else 2)


@needs_snmpd
@both_engines
@pytest.mark.parametrize(
    "credentials", [community("2c", UMLAUTS), user("umlauts", "SHA", "DES", password=UMLAUTS, privacy=UMLAUTS)]
)
async def test_secrets_are_sent_as_utf_8(engine: EngineName, credentials: Credentials, agent: tuple[str, int]) -> None:
    async with opened(engine, agent, credentials) as session:
        assert UPTIME in await session.get([UPTIME], PATIENCE)


# What an agent rejects: the credentials, and the detail that pysnmp gives.
REJECTED = {
    "unknown user": (user("nobody"), "unknown user"),
    "unknown user with auth": (user("nobody", "SHA256"), "unknown user"),
    "unknown user with privacy": (user("nobody", "SHA256", "AES128"), "unknown user"),
    "wrong auth password": (user("SHA256", "SHA256", password=WRONG), "wrong auth password or protocol"),
    "wrong auth protocol": (user("SHA256", "SHA512"), "wrong auth password or protocol"),
    "wrong auth password under privacy": (
        user("SHA256AES128", "SHA256", "AES128", password=WRONG),
        "wrong auth password or protocol",
    ),
    "no auth where wanted": (user("SHA256"), "security level not allowed for this user"),
    "no privacy where wanted": (user("SHA256AES128", "SHA256"), "security level not allowed for this user"),
    "auth of a user without": (user("plain", "SHA256"), "security level not allowed for this user"),
    "privacy of a user without": (user("SHA256", "SHA256", "AES128"), "security level not allowed for this user"),
}
UNHEARD: dict[str, Credentials] = {
    "wrong community": community("2c", "wrong"),
    "wrong privacy password": user("SHA256AES128", "SHA256", "AES128", privacy=WRONG),
    "wrong privacy protocol": user("SHA256AES128", "SHA256", "DES"),
    "Blumenthal's key for Cisco's": user("MD5AES192C", "MD5", "AES192"),
    "Cisco's key for Blumenthal's": user("SHAAES256", "SHA", "AES256C"),
    "Cisco's key for Blumenthal's, SHA224": user("SHA224AES256", "SHA224", "AES256C"),
}


@needs_snmpd
@both_engines
class TestRejection:
    """What a person learns of wrong credentials."""

    @pytest.mark.parametrize("case", REJECTED)
    async def test_is_an_auth_error_with_detail_from_pysnmp(
        self, engine: EngineName, case: str, agent: tuple[str, int]
    ) -> None:
        credentials, detail = REJECTED[case]
        async with opened(engine, agent, credentials) as session:
            with pytest.raises(Auth) as caught:
                await session.get([UPTIME], PATIENCE)
        assert str(caught.value) == ("user, keys or security level rejected" if engine == "gufo" else detail)

    @pytest.mark.parametrize("case", UNHEARD)
    async def test_is_silence_where_the_agent_says_nothing(
        self, engine: EngineName, case: str, agent: tuple[str, int]
    ) -> None:
        async with opened(engine, agent, UNHEARD[case]) as session:
            with pytest.raises(Timeout):
                await session.get([UPTIME], SILENCE)

    @pytest.mark.parametrize(("auth", "priv"), [("SHA256", "AES256"), ("SHA224", "AES192")])
    async def test_does_not_come_where_the_auth_key_needs_no_expansion(
        self, engine: EngineName, auth: str, priv: str, agent: tuple[str, int]
    ) -> None:
        """The two names of an expansion are one where there is nothing to expand."""
        async with opened(engine, agent, user(f"{auth}{priv}", auth, f"{priv}C")) as session:
            assert UPTIME in await session.get([UPTIME], PATIENCE)


@needs_snmpd
class TestContext:
    """An SNMPv3 context is for pysnmp."""

    INNER = user("inner", "SHA256", "AES128", context="ctx")

    @pytest.mark.parametrize("setting", ["pysnmp", "auto"])
    async def test_is_served_by_pysnmp(self, setting: EngineName, agent: tuple[str, int]) -> None:
        async with opened(setting, agent, self.INNER) as session:
            assert await session.get([SYS_NAME], PATIENCE) == {SYS_NAME: b"inner"}
        async with opened(setting, agent, user("inner", "SHA256", "AES128")) as session:
            assert await session.get([SYS_NAME], PATIENCE) == {SYS_NAME: b"outer"}

    async def test_that_the_agent_does_not_know_is_met_with_silence(self, agent: tuple[str, int]) -> None:
        async with opened("pysnmp", agent, user("inner", "SHA256", "AES128", context="nope")) as session:
            with pytest.raises(Timeout):
                await session.get([SYS_NAME], SILENCE)

    def test_is_refused_by_gufo_when_the_session_opens(self) -> None:
        assert not gufo.can_serve(target(self.INNER))
        with pytest.raises(Protocol, match="to auto or pysnmp"):
            Engines("gufo").open(Target("127.0.0.1", 161, self.INNER))


ENGINE_ID = "80001f8880aabbccdd11223344"


@needs_snmpd
@both_engines
class TestRestart:
    """The agent comes back on its address as another boot, or as another agent."""

    async def test_with_more_boots_goes_unnoticed_in_the_same_session(self, engine: EngineName, tmp_path: Path) -> None:
        at = own_address(), free_port("127.0.0.1")
        async with opened(engine, at, A_USER) as session:
            for boots in (3, 8, 1):
                with snmpd(tmp_path, {}, user_lines(A_USER), at=at, engine=(ENGINE_ID, boots)):
                    for repetitions in (0, 2):
                        before = session.requests
                        assert await session.walk(SYSTEM, repetitions).page(PATIENCE)
                        is_first = repetitions == 0
                        assert session.requests - before == (2 if is_first else 1) or boots == 3

    async def test_as_another_engine_needs_another_session(self, engine: EngineName, tmp_path: Path) -> None:
        engines = Engines(engine)
        with closing(engines):
            with snmpd(tmp_path, {}, user_lines(A_USER), engine=(ENGINE_ID, 3)) as at:
                session = engines.open(Target(*at, A_USER))
                assert UPTIME in await session.get([UPTIME], PATIENCE)
            with snmpd(tmp_path, {}, user_lines(A_USER), at=at, engine=(ENGINE_ID[:-2] + "45", 3)):
                with closing(session), pytest.raises(Timeout):
                    await session.get([UPTIME], SILENCE)
                with closing(engines.open(Target(*at, A_USER))) as another:
                    assert UPTIME in await another.get([UPTIME], PATIENCE)


@both_engines
@pytest.mark.parametrize("pause", [140, 200, 1000, 10_000])
async def test_a_session_outlives_the_time_window(
    engine: EngineName, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 150 s an agent wants to be told the time anew (RFC 3414 section 2.2.3)."""
    real, monotonic, offset = time.time, time.monotonic, 0.0
    monkeypatch.setattr(time, "time", lambda: real() + offset)
    monkeypatch.setattr(pysnmp, "time", SimpleNamespace(monotonic=lambda: monotonic() + offset))
    credentials = User("someone", PASSWORD, PRIVACY)
    async with (
        V3Agent(mib(), own_address(), 0, user=credentials) as agent,
        opened(engine, (agent.host, agent.port), user("someone", "SHA256", "AES128")) as session,
    ):
        first = await session.get([OBJECT], PATIENCE)
        for _ in range(3):
            offset += pause
            before = session.requests
            assert await session.get([OBJECT], PATIENCE) == first
            assert session.requests - before <= 2
            if engine == "gufo":  # the other one also forgets the time of what it met 300 s ago
                assert session.requests - before == (1 if pause < 150 else 2)


async def test_the_time_given_ends_before_the_next_datagram_where_it_ran_out_as_the_last_answer_came() -> None:
    """With gufo, which meets an agent of SNMPv3 within the first request; both come up in one turn of the loop."""
    loop, timeout = asyncio.get_running_loop(), 0.1
    with closing(socket.socket(type=socket.SOCK_DGRAM)) as between:
        between.bind((own_address(), 0))
        between.setblocking(False)
        async with (
            V3Agent(mib(), own_address(), 0, user=User("someone", PASSWORD, PRIVACY)) as agent,
            opened("gufo", between.getsockname(), user("someone", "SHA256", "AES128")) as session,
        ):
            asking = asyncio.create_task(session.get([OBJECT], timeout))
            datagram, peer = await loop.sock_recvfrom(between, 65_535)
            between.sendto(datagram, (agent.host, agent.port))
            answer = await loop.sock_recv(between, 65_535)
            until = time.monotonic() + timeout
            while time.monotonic() < until:
                pass  # a loop that has no time
            between.sendto(answer, peer)
            with pytest.raises(Timeout):
                await asyncio.wait_for(asking, 1)
            assert session.requests == 1


@both_engines
async def test_a_request_has_all_of_its_time_whatever_was_left_to_the_one_before(engine: EngineName) -> None:
    delay = 0.0
    async with simulated(engine, lambda _, reply: [(delay, reply)]) as (session, _):
        assert await session.get([OBJECT], 0.2) == {OBJECT: 1}
        delay = 0.4
        assert await session.get([OTHER], PATIENCE) == {OTHER: 2}


async def test_an_agent_that_speaks_out_of_turn_is_not_listened_to_until_it_is_asked() -> None:
    """With gufo, whose sockets keep what is not read: the loop would look there again and again."""
    async with simulated("gufo", lambda _, reply: [(0, reply), (0, reply)]) as (session, _):
        assert isinstance(session, gufo._GufoSession)
        for oid, expected in ((OBJECT, 1), (OTHER, 2)):
            assert await session.get([oid], PATIENCE) == {oid: expected}
            async with asyncio.timeout(PATIENCE):
                while session._listens:
                    await asyncio.sleep(0)


def dotted(oid: Oid) -> str:
    return ".".join(map(str, oid))


COLUMN: Oid = (1, 3, 6, 1, 4, 1, 9, 9, 1)
OBJECT = dotted((*COLUMN, 1))
OTHER = dotted((*COLUMN, 2))


@dataclass(frozen=True, slots=True)
class Raw(SimulatedValue):
    """Any octets under any tag."""

    tag: int  # type: ignore[misc]
    octets: bytes

    def content(self) -> bytes:
        return self.octets


def mib(*values: SimulatedValue) -> Mib:
    """Return a MIB of one column."""
    return Mib({(*COLUMN, n): value for n, value in enumerate(values or (Integer(1), Integer(2), Integer(3)), 1)})


@asynccontextmanager
async def simulated(
    engine: EngineName, hook: Hook | None = None, values: Iterable[SimulatedValue] = (), version: str = "2c"
) -> AsyncIterator[tuple[Session, Agent]]:
    async with (
        Agent(mib(*values), own_address(), 0, hook=hook, max_message=65_000) as agent,
        opened(engine, (agent.host, agent.port), community(version)) as session,
    ):
        yield session, agent


def wrong_id(request: Request) -> bytes:
    return encode_response(replace(request, request_id=request.request_id ^ 0x55), [])


def failing(status: ErrorStatus) -> Callable[[Request], bytes]:
    return lambda request: encode_response(request, map(encode_null, request.oids), status, 1)


GARBAGE = (b"\x30", b"\x30\x82garbage", b"HTTP/1.1 400 Bad Request\r\n\r\n", b"\xff" * 2000, bytes(1400))


@both_engines
class TestBothEngines:
    """What a bad agent or network does to either engine."""

    @pytest.mark.parametrize("version", ["1", "2c"])
    @pytest.mark.parametrize("status", [ErrorStatus.TOO_BIG, ErrorStatus.GEN_ERR])
    async def test_an_error_status_shows_as_an_empty_answer_and_on_gufo_as_the_end_of_a_walk(
        self, engine: EngineName, status: ErrorStatus, version: str
    ) -> None:
        async with simulated(engine, lambda r, _: [(0, failing(status)(r))], version=version) as (session, _):
            assert await session.get([OBJECT], PATIENCE) == {}
            walk = session.walk(dotted(COLUMN), 0)
            if engine == "gufo":
                assert await walk.page(PATIENCE) == []
            else:
                with pytest.raises(Protocol, match="broke the walk off"):
                    await walk.page(PATIENCE)

    async def test_a_wrong_request_id_and_a_late_answer_are_ignored(self, engine: EngineName) -> None:
        held: list[bytes] = []

        def hook(request: Request, reply: bytes) -> list[tuple[float, bytes]]:
            held.append(reply)
            return [(0, wrong_id(request)), *((0, late) for late in held[-2:])] if len(held) > 1 else []

        async with simulated(engine, hook) as (session, _):
            with pytest.raises(Timeout):
                await session.get([OBJECT], SILENCE)
            assert await session.get([OTHER], PATIENCE) == {OTHER: 2}

    async def test_a_flood_of_wrong_answers_does_not_stretch_a_request(self, engine: EngineName) -> None:
        def hook(request: Request, _: bytes) -> list[tuple[float, bytes]]:
            return [(n * 0.02, wrong_id(request)) for n in range(1, 100)]

        async with simulated(engine, hook) as (session, _):
            started = asyncio.get_running_loop().time()
            with pytest.raises(Timeout):
                await session.get([OBJECT], 0.3)
            assert asyncio.get_running_loop().time() - started < 1

    async def test_an_ignored_getbulk_is_a_timeout_and_getnext_goes_on(self, engine: EngineName) -> None:
        async with simulated(engine, lambda r, reply: [] if r.kind is Kind.GETBULK else [(0, reply)]) as (session, _):
            with pytest.raises(Timeout):
                await session.walk(dotted(COLUMN), 25).page(SILENCE)
            assert len(await walked(session.walk(dotted(COLUMN), 0))) == 3

    async def test_a_walk_that_does_not_move_on_is_the_callers_to_end(self, engine: EngineName) -> None:
        def hook(request: Request, _: bytes) -> list[tuple[float, bytes]]:
            return [(0, encode_response(request, [encode_varbind((*COLUMN, 1), Integer(7))]))]

        async with simulated(engine, hook) as (session, _):
            walk = session.walk(dotted(COLUMN), 5)
            assert [await walk.page(PATIENCE) for _ in range(4)] == [[(OBJECT, 7)]] * 4
            assert session.requests == 4

    async def test_null_is_left_out_and_ends_a_walk_that_meets_nothing_else(self, engine: EngineName) -> None:
        async with simulated(engine, values=[Integer(1), Raw(5, b""), Integer(3)]) as (session, _):
            assert await session.get([OBJECT, OTHER], PATIENCE) == {OBJECT: 1}
            assert [value for _, value in await walked(session.walk(dotted(COLUMN), 25))] == [1, 3]
            assert [value for _, value in await walked(session.walk(dotted(COLUMN), 0))] == [1]

    async def test_what_the_system_will_not_send_is_refused_at_once(self, engine: EngineName) -> None:
        """A broadcast stands here for a network without a route: the error of the system comes the same way."""
        with pytest.raises(Refused, match="Permission denied"):
            async with opened(engine, ("255.255.255.255", 161)) as session:
                await session.get([OBJECT], PATIENCE)

    @pytest.mark.parametrize("address", ["printer.example", "192.0.2.1:x", "", "fe80::1%nowhere"])
    async def test_what_is_not_an_address_is_refused_without_a_look_up(self, engine: EngineName, address: str) -> None:
        with pytest.raises(Refused, match="not an address"):
            Engines(engine).open(Target(address, 161, V2C))

    @needs_snmpd
    async def test_ipv6_works(self, engine: EngineName, tmp_path: Path) -> None:
        with snmpd(tmp_path, {}, user_lines(A_USER), at=("::1", free_port("::1"))) as at:
            for credentials in (V2C, A_USER):
                async with opened(engine, at, credentials) as session:
                    assert UPTIME in await session.get([UPTIME], PATIENCE)


@dataclass(frozen=True, slots=True)
class Odd:
    """A value off the standard, and what becomes of it; None where the whole answer is lost."""

    value: SimulatedValue
    on_gufo: int | str | bytes | None
    on_pysnmp: int | str | bytes | None


ODD = {
    "INTEGER of 5 octets": Odd(Raw(2, b"\x01\0\0\0\0"), 2**32, None),
    "INTEGER of 9 octets becomes another": Odd(Raw(2, b"\1" * 9), 0x0101_0101_0101_0101, None),
    "INTEGER without octets": Odd(Raw(2, b""), 0, 0),
    "Counter32 of 5 octets wraps": Odd(Raw(0x41, b"\x01\0\0\0\0"), 0, None),
    "Gauge32 that is negative in BER": Odd(Raw(0x42, b"\xff" * 4), 2**32 - 1, None),
    "BOOLEAN": Odd(Raw(1, b"\xff"), 1, None),
    "IpAddress of 5 octets": Odd(Raw(0x40, b"\x0a\1\2\3\4"), None, None),
    "OBJECT IDENTIFIER without octets": Odd(Raw(6, b""), None, None),
    "OBJECT IDENTIFIER that breaks off": Odd(Raw(6, b"\x2b\x86"), "1.3", None),
    "constructed OCTET STRING": Odd(Raw(0x24, b"\x04\2ab"), None, b"ab"),
    "unknown tag": Odd(Raw(0x5F, b"abc"), None, None),
    "Opaque": Odd(Raw(0x44, b"\x9f\x78\4\x3f\x80\0\0"), b"\x9f\x78\4\x3f\x80\0\0", b"\x9f\x78\4\x3f\x80\0\0"),
    "Counter64": Odd(Raw(0x46, b"\0" + b"\xff" * 8), 2**64 - 1, 2**64 - 1),
}
# The error that stands for a lost answer: gufo says so, pysnmp drops it and waits.
LOST: dict[EngineName, type[SnmpError]] = {"gufo": Protocol, "pysnmp": Timeout}


class TestWhereTheEnginesDiffer:
    """The rows of the table in docs/snmp-engines.md that are not the same for both."""

    @pytest.mark.parametrize("case", ODD)
    @both_engines
    async def test_an_odd_value_is_read_leniently_or_loses_the_answer(self, engine: EngineName, case: str) -> None:
        odd = ODD[case]
        expected = odd.on_gufo if engine == "gufo" else odd.on_pysnmp
        async with simulated(engine, values=[odd.value]) as (session, _):
            if expected is None:
                with pytest.raises(LOST[engine]):
                    await session.get([OBJECT], SILENCE)
            else:
                assert await session.get([OBJECT], PATIENCE) == {OBJECT: expected}

    @pytest.mark.parametrize(("size", "lost"), [(4000, False), (5000, True), (60_000, True)])
    @both_engines
    async def test_an_answer_over_4_kb_is_beyond_gufo(self, engine: EngineName, size: int, *, lost: bool) -> None:
        async with simulated(engine, values=[OctetString(b"x" * size), Integer(2)]) as (session, _):
            if lost and engine == "gufo":
                with pytest.raises(Protocol, match="malformed or oversized"):
                    await session.get([OBJECT], PATIENCE)
            else:
                assert await session.get([OBJECT], PATIENCE) == {OBJECT: b"x" * size}
            assert await session.get([OTHER], PATIENCE) == {OTHER: 2}

    @both_engines
    async def test_a_request_for_300_objects_is_beyond_gufo(self, engine: EngineName) -> None:
        many = [dotted((*COLUMN, n)) for n in range(1, 301)]
        async with simulated(engine, values=[Integer(n) for n in range(300)]) as (session, _):
            if engine == "gufo":
                with pytest.raises(Protocol, match="cannot be written"):
                    await session.get(many, PATIENCE)
            else:
                assert len(await session.get(many, PATIENCE)) == 300
            assert len(await session.get(many[:40], PATIENCE)) == 40

    @pytest.mark.parametrize("garbage", GARBAGE, ids=lambda octets: repr(octets[:12]))
    @both_engines
    async def test_garbage_before_the_answer_fails_on_gufo_and_is_counted_by_pysnmp(
        self, engine: EngineName, garbage: bytes
    ) -> None:
        troubles: list[Any] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, trouble: troubles.append(trouble))
        engines = Engines(engine)

        def hook(request: Request, reply: bytes) -> list[tuple[float, bytes]]:
            return [(0, garbage), (0, reply)] if dotted(request.oids[0]) == OBJECT else [(0, reply)]

        async with Agent(mib(), own_address(), 0, hook=hook) as agent:
            with closing(engines), closing(engines.open(Target(agent.host, agent.port, V2C))) as session:
                if engine == "gufo":
                    with pytest.raises(Protocol):
                        await session.get([OBJECT], PATIENCE)
                else:
                    assert await session.get([OBJECT], PATIENCE) == {OBJECT: 1}
                    assert strays(engines) == 1
                assert await session.get([OTHER], PATIENCE) == {OTHER: 2}, "the next request is sound"
        assert troubles == []

    @both_engines
    async def test_a_closed_port_is_told_from_silence_by_gufo(self, engine: EngineName) -> None:
        at = own_address(), free_port("127.0.0.1")
        async with opened(engine, at) as session:
            for _ in range(2):
                with pytest.raises(Refused if engine == "gufo" else Timeout):
                    await session.get([OBJECT], SILENCE)

    @needs_snmpd
    @both_engines
    async def test_an_answer_from_another_address_is_not_heard(
        self, engine: EngineName, agent: tuple[str, int]
    ) -> None:
        async with answering_from_elsewhere(agent) as at:
            for credentials in (V2C, A_USER):
                async with opened(engine, at, credentials) as session:
                    with pytest.raises(Timeout):
                        await session.get([SYS_NAME], SILENCE)

    @needs_snmpd
    async def test_an_answer_from_another_address_is_heard_by_pysnmp_where_it_is_wanted_but_for_v3(
        self, agent: tuple[str, int]
    ) -> None:
        async with answering_from_elsewhere(agent) as at:
            async with opened("auto", at, from_any=True) as session:
                assert await session.get([SYS_NAME], PATIENCE) == {SYS_NAME: b"outer"}
            async with opened("auto", at, A_USER, from_any=True) as session:
                with pytest.raises(Protocol):
                    await session.get([SYS_NAME], PATIENCE)
        with pytest.raises(Protocol, match="to auto or pysnmp"):
            Engines("gufo").open(Target("192.0.2.1", 161, V2C, accept_other_address=True))

    @both_engines
    async def test_nosuchinstance_in_a_getnext_breaks_the_codec_of_gufo(
        self, engine: EngineName, capfd: pytest.CaptureFixture[str]
    ) -> None:
        """It panics, and says so on stderr; nothing but the answer is lost."""
        async with simulated(engine, values=[Raw(0x81, b""), Integer(2)]) as (session, _):
            walk = session.walk(dotted(COLUMN), 0)
            if engine == "gufo":
                with pytest.raises(Protocol, match="the SNMP library failed"):
                    await walk.page(PATIENCE)
                assert await walk.page(PATIENCE) == [(OTHER, 2)]
            else:
                assert await walk.page(PATIENCE) == []
        assert ("panicked" in capfd.readouterr().err) == (engine == "gufo")

    @both_engines
    async def test_requests_side_by_side_in_one_session_are_for_pysnmp(self, engine: EngineName) -> None:
        async with simulated(engine) as (session, _):
            timeout = SILENCE if engine == "gufo" else PATIENCE
            results = await asyncio.gather(
                *(session.get([oid], timeout) for oid in (OBJECT, OTHER, OBJECT)), return_exceptions=True
            )
            lost = [result for result in results if isinstance(result, SnmpError)]
            assert (len(lost) > 0) == (engine == "gufo")

    async def test_a_link_local_ipv6_address_is_for_pysnmp(self) -> None:
        address = "fe80::1%lo"
        assert not gufo.can_serve(target(V2C, address))
        assert Engines("auto").name_for(target(V2C, address)) == "pysnmp"
        with pytest.raises(Refused, match="not an address"):
            Engines("gufo").open(Target(address, 161, V2C))
        async with opened("auto", (address, 161)) as session:
            with pytest.raises((Refused, Timeout)):
                await session.get([OBJECT], SILENCE)
            assert session.requests == 1


@asynccontextmanager
async def answering_from_elsewhere(agent: tuple[str, int]) -> AsyncIterator[tuple[str, int]]:
    """Pass on what an agent is asked, and its answers from an address that was not asked."""
    loop = asyncio.get_running_loop()
    peers: list[Any] = []
    with ExitStack() as stack:
        asked, elsewhere, behind = (stack.enter_context(socket.socket(type=socket.SOCK_DGRAM)) for _ in range(3))
        for end in (asked, elsewhere, behind):
            end.bind((own_address(), 0))
            end.setblocking(False)

        def ask() -> None:
            datagram, peer = asked.recvfrom(65_535)
            peers.append(peer)
            behind.sendto(datagram, agent)

        loop.add_reader(asked, ask)
        loop.add_reader(behind, lambda: elsewhere.sendto(behind.recv(65_535), peers[-1]))
        yield asked.getsockname()
        loop.remove_reader(asked)
        loop.remove_reader(behind)


def strays(engines: Engines) -> int:
    engine = engines._made["pysnmp"]
    assert isinstance(engine, pysnmp.PysnmpEngine)
    return engine.strays


async def settled() -> None:
    """Let everything that is ready to run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


@both_engines
class TestLeftovers:
    """Nothing is left of a session; the fixtures of conftest.py look for tasks, threads and descriptors besides."""

    async def test_close_gives_the_socket_back_at_once(self, engine: EngineName) -> None:
        """Also when the walk and an error of the session are still held."""
        engines = Engines(engine)
        async with Agent(mib(), own_address(), 0) as agent:
            before = open_sockets()
            session = engines.open(Target(agent.host, agent.port, V2C))
            walk = session.walk(dotted(COLUMN), 2)
            await walk.page(PATIENCE)
            with pytest.raises(SnmpError) as held:
                await session.get(["no OID"], PATIENCE)
            assert open_sockets() == before + 1
            session.close()
            engines.close()
            assert open_sockets() == before
            for use in (lambda: session.get([OBJECT], SILENCE), lambda: walk.page(SILENCE)):
                with pytest.raises(Timeout, match="closed"):
                    await use()
            assert open_sockets() == before
            assert held.value.__context__ is None

    @pytest.mark.parametrize("what", ["session", "engine"])
    async def test_close_ends_the_request_under_way(self, engine: EngineName, what: str) -> None:
        engines = Engines(engine)
        async with Agent(mib(), own_address(), 0, silent=True) as agent:
            before = open_sockets()
            session = engines.open(Target(agent.host, agent.port, V2C))
            asking = asyncio.create_task(session.get([OBJECT], 60))
            while not session.requests:
                await asyncio.sleep(0)
            await settled()
            if what == "session" or engine == "gufo":
                session.close()
            engines.close()
            with pytest.raises(Timeout):
                await asyncio.wait_for(asking, 1)
            assert open_sockets() == before

    async def test_a_cancelled_request_leaves_nothing_and_the_session_usable(self, engine: EngineName) -> None:
        silent = True
        async with simulated(engine, lambda r, reply: [] if silent else [(0, reply)]) as (session, agent):
            for n in range(1, 21):
                asking = asyncio.create_task(session.get([OBJECT], 60))
                while agent.requests < n:
                    await asyncio.sleep(0)
                asking.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await asking
            silent = False
            assert await session.get([OTHER], PATIENCE) == {OTHER: 2}
            if isinstance(session, pysnmp._PysnmpSession):
                assert not session._link._waiting

    async def test_many_sessions_cost_a_socket_each_on_gufo_and_one_in_all_on_pysnmp(self, engine: EngineName) -> None:
        engines = Engines(engine)
        async with Agent(mib(), own_address(), 0) as agent:
            before = open_sockets()
            sessions = [engines.open(Target(agent.host, agent.port, V2C)) for _ in range(20)]
            answers = [await session.get([OBJECT], PATIENCE) for session in sessions]
            assert answers == [{OBJECT: 1}] * 20
            assert open_sockets() - before == (20 if engine == "gufo" else 1)
            for session in sessions:
                session.close()
            engines.close()
            assert open_sockets() == before

    async def test_the_number_of_agents_asked_costs_no_memory(self, engine: EngineName) -> None:
        engines = Engines(engine)

        async def ask(count: int) -> None:
            for _ in range(count):
                with closing(engines.open(Target(own_address(), 161, V2C))) as session, pytest.raises(SnmpError):
                    await session.get([OBJECT], 0.001)
            gc.collect()

        with closing(engines):
            await ask(20)
            tracemalloc.start()
            before = tracemalloc.get_traced_memory()[0]
            await ask(200)
            growth = tracemalloc.get_traced_memory()[0] - before
            tracemalloc.stop()
        assert growth < 200 * 1000, "the library's own tables would take 20 kB for each"


class TestPysnmpHygiene:
    """What the portable engine is kept from."""

    async def test_a_worn_library_engine_is_replaced_when_idle(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pysnmp, "MAX_WEAR", 5)
        async with simulated("pysnmp", lambda _, reply: [(0, b"?"), (0, reply)]) as (session, _):
            assert isinstance(session, pysnmp._PysnmpSession)
            seen = set()
            for _ in range(20):
                assert await session.get([OBJECT], PATIENCE) == {OBJECT: 1}
                seen.add(id(session._link._engine))
            assert len(seen) > 1

    async def test_strangers_get_no_answer(self) -> None:
        """SNMP engines report to those who ask them; this one is no agent."""
        async with simulated("pysnmp") as (session, _):
            assert isinstance(session, pysnmp._PysnmpSession)
            await session.get([OBJECT], PATIENCE)
            port = session._link._sockets[2][0].getsockname()[1]
            discovery = bytes.fromhex(
                "303a020103300f02024a69020300ffe30401040201030410300e0400020100020100040004000400"
                "30120400 0400 a00c0202372e0201000201003000".replace(" ", "")
            )
            with socket.socket(type=socket.SOCK_DGRAM) as stranger:
                stranger.setblocking(False)
                stranger.sendto(discovery, ("127.0.0.1", port))
                while not session._link.strays:
                    await asyncio.sleep(0)
                with pytest.raises(BlockingIOError):
                    stranger.recv(1)

    async def test_no_more_than_so_many_requests_are_in_flight(self) -> None:
        engines = Engines("pysnmp")
        in_flight = most = 0

        def hook(request: Request, reply: bytes) -> list[tuple[float, bytes]]:
            nonlocal in_flight, most
            in_flight += 1
            most = max(most, in_flight)
            asyncio.get_running_loop().call_later(0.02, leave)
            return [(0.02, reply)]

        def leave() -> None:
            nonlocal in_flight
            in_flight -= 1

        async with Agent(mib(), own_address(), 0, hook=hook) as agent:
            with closing(engines):
                sessions = [engines.open(Target(agent.host, agent.port, V2C)) for _ in range(60)]
                await asyncio.gather(*(session.get([OBJECT], PATIENCE) for session in sessions))
        assert 1 < most <= pysnmp.CONCURRENCY


def test_auto_takes_the_fast_engine_but_for_v3_contexts() -> None:
    engines = Engines("auto")
    assert {engines.name_for(target(credentials)) for credentials in CREDENTIALS.values()} == {"gufo"}
    assert engines.name_for(target(user("someone", context="Jetdirect"))) == "pysnmp"
    assert engines.name_for(Target("192.0.2.1", 161, V2C, accept_other_address=True)) == "pysnmp"


def test_the_engine_of_the_config_is_taken_for_all() -> None:
    for setting in ("gufo", "pysnmp"):
        assert {Engines(setting).name_for(target(credentials)) for credentials in CREDENTIALS.values()} == {setting}


def test_without_gufo_auto_is_pysnmp_and_gufo_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.snmp.engines.HAS_GUFO", False)
    assert Engines("auto").name_for(target(V2C)) == "pysnmp"
    with pytest.raises(ValueError, match="no build for this platform"):
        Engines("gufo")


def test_secrets_stay_out_of_representations() -> None:
    shown = repr(Target("192.0.2.1", 161, A_USER))
    assert PASSWORD not in shown
    assert PRIVACY not in shown


async def test_what_other_credentials_shared_is_given_back() -> None:
    engines = Engines("pysnmp")
    others = [CommunityCredentials(version="2c", community=SecretStr(f"secret-{n}")) for n in range(20)]
    before = open_sockets()
    for credentials in (V2C, *others):
        session = engines.open(target(credentials, own_address()))
        with pytest.raises(Timeout):
            await session.get([OBJECT], 0.01)
    assert open_sockets() - before == 21
    engines.keep_only([V2C])
    assert open_sockets() - before == 1
    engines.close()
