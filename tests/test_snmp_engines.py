"""Both engines against net-snmp's snmpd, an agent that no one here wrote."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from pydantic import SecretStr

from exporter.config import AuthKey, CommunityCredentials, Credentials, EngineName, PrivKey, UserCredentials
from exporter.snmp.engines import Engines
from exporter.snmp.errors import Auth, Refused, SnmpError, Timeout
from exporter.snmp.session import Row, Session, Target
from tests.support.agents import SNMPD, free_port, own_address, snmpd

pytestmark = pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed")

ENGINES: tuple[EngineName, ...] = ("gufo", "pysnmp")
LEVEL = "1.3.6.1.2.1.43.11.1.1.9.1"
INSTANCES = {
    f"{LEVEL}.1": ("integer", 42),
    f"{LEVEL}.2": ("integer", -3),
    "1.3.6.1.2.1.43.5.1.1.17.1": ("octet_str", "SERIAL-1"),
    "1.3.6.1.2.1.43.10.2.1.4.1.1": ("counter", 123456),
    "1.3.6.1.2.1.25.3.2.1.2.1": ("object_id", ".1.3.6.1.2.1.25.3.1.5"),
}
USERS = """
createUser plain
rouser plain noauth
createUser auth SHA-256 "auth-password"
rouser auth auth
createUser both SHA-256 "auth-password" AES "priv-password"
rouser both priv
createUser strong SHA-512 "auth-password" AES-256 "priv-password"
rouser strong priv
"""
SECRET = SecretStr("auth-password")
PRIVACY = SecretStr("priv-password")


def community(version: str, name: str = "public") -> CommunityCredentials:
    return CommunityCredentials.model_validate({"version": version, "community": name})


def user(name: str, auth: AuthKey | None = None, priv: PrivKey | None = None) -> UserCredentials:
    return UserCredentials(version="3", user=name, auth=auth, priv=priv)


SHA256 = AuthKey(protocol="SHA256", password=SECRET)
CREDENTIALS: dict[str, Credentials] = {
    "v1": community("1"),
    "v2c": community("2c"),
    "v3 noAuthNoPriv": user("plain"),
    "v3 authNoPriv": user("auth", SHA256),
    "v3 authPriv": user("both", SHA256, PrivKey(protocol="AES128", password=PRIVACY)),
    "v3 SHA-512 AES-256": user(
        "strong",
        AuthKey(protocol="SHA512", password=SECRET),
        PrivKey(protocol="AES256", password=PRIVACY),
    ),
}


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with snmpd(tmp_path_factory.mktemp("snmpd"), INSTANCES, USERS) as at:
        yield at


@asynccontextmanager
async def opened(engine: EngineName, at: tuple[str, int], credentials: Credentials) -> AsyncIterator[Session]:
    engines = Engines(engine)
    session = engines.open(Target(*at, credentials))
    try:
        yield session
    finally:
        session.close()
        engines.close()


@pytest.mark.parametrize("name", CREDENTIALS)
@pytest.mark.parametrize("engine", ENGINES)
async def test_get_returns_values_as_int_bytes_and_dotted_text(
    engine: EngineName, name: str, agent: tuple[str, int]
) -> None:
    async with opened(engine, agent, CREDENTIALS[name]) as session:
        answer = await session.get(list(INSTANCES), 5)
        assert answer == {
            f"{LEVEL}.1": 42,
            f"{LEVEL}.2": -3,
            "1.3.6.1.2.1.43.5.1.1.17.1": b"SERIAL-1",
            "1.3.6.1.2.1.43.10.2.1.4.1.1": 123456,
            "1.3.6.1.2.1.25.3.2.1.2.1": "1.3.6.1.2.1.25.3.1.5",
        }


async def walked(session: Session, root: str, repetitions: int) -> list[Row]:
    walk = session.walk(root, repetitions)
    found: list[Row] = []
    while page := await walk.page(5):
        found += page
    return found


@pytest.mark.parametrize("repetitions", [0, 1, 25])
@pytest.mark.parametrize("name", CREDENTIALS)
@pytest.mark.parametrize("engine", ENGINES)
async def test_a_walk_returns_the_rows_below_its_root_and_no_others(
    engine: EngineName, name: str, repetitions: int, agent: tuple[str, int]
) -> None:
    async with opened(engine, agent, CREDENTIALS[name]) as session:
        bulk = 0 if name == "v1" else repetitions
        assert await walked(session, LEVEL, bulk) == [(f"{LEVEL}.1", 42), (f"{LEVEL}.2", -3)]


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_page_is_one_request(engine: EngineName, agent: tuple[str, int]) -> None:
    async with opened(engine, agent, CREDENTIALS["v2c"]) as session:
        walk = session.walk("1.3.6.1.2.1.43", 3)
        pages = []
        while page := await walk.page(5):
            pages.append(len(page))
            assert session.requests == len(pages)
        assert sum(pages) == 4
        assert max(pages) <= 3


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_absent_object_is_missing_on_v2c_and_refuses_the_request_on_v1(
    engine: EngineName, agent: tuple[str, int]
) -> None:
    asked = [f"{LEVEL}.1", f"{LEVEL}.99"]
    async with opened(engine, agent, CREDENTIALS["v2c"]) as session:
        assert await session.get(asked, 5) == {f"{LEVEL}.1": 42}
    async with opened(engine, agent, CREDENTIALS["v1"]) as session:
        assert await session.get(asked, 5) == {}


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_wrong_community_is_met_with_silence(engine: EngineName, agent: tuple[str, int]) -> None:
    async with opened(engine, agent, community("2c", "wrong")) as session:
        with pytest.raises(Timeout):
            await session.get([f"{LEVEL}.1"], 0.3)


@pytest.mark.parametrize(
    "credentials",
    [
        user("nobody", SHA256),
        user("auth", AuthKey(protocol="SHA256", password=SecretStr("not-the-password"))),
        user("both"),
    ],
    ids=["unknown user", "wrong password", "level too low"],
)
@pytest.mark.parametrize("engine", ENGINES)
async def test_rejected_v3_credentials_are_told_from_silence(
    engine: EngineName, credentials: Credentials, agent: tuple[str, int]
) -> None:
    async with opened(engine, agent, credentials) as session:
        with pytest.raises(Auth):
            await session.get([f"{LEVEL}.1"], 5)


@pytest.mark.parametrize(("engine", "error"), [("gufo", Refused), ("pysnmp", Timeout)])
async def test_a_closed_port_is_told_from_silence_by_the_fast_engine_only(
    engine: EngineName, error: type[Exception]
) -> None:
    address = own_address()
    async with opened(engine, (address, free_port(address)), CREDENTIALS["v2c"]) as session:
        with pytest.raises(error):
            await session.get([f"{LEVEL}.1"], 0.3)


@pytest.mark.parametrize("engine", ENGINES)
async def test_a_flood_of_foreign_datagrams_does_not_stretch_a_request(engine: EngineName) -> None:
    """The deadline of a request stands even when something keeps sending to its socket."""
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as agent:
        agent.bind((own_address(), 0))
        agent.setblocking(False)

        async def flood() -> None:
            _, peer = await loop.sock_recvfrom(agent, 65535)
            wrong_id = bytes.fromhex(
                "302902010004067075626c6963a21c02047fffffff020100020100300e300c06082b0601020101030002010100"
            )
            while True:
                await loop.sock_sendto(agent, wrong_id, peer)
                await asyncio.sleep(0.05)

        flooding = asyncio.create_task(flood())
        started = loop.time()
        async with opened(engine, agent.getsockname(), CREDENTIALS["v2c"]) as session:
            with pytest.raises(SnmpError):
                await session.get([f"{LEVEL}.1"], 0.5)
        assert loop.time() - started < 5
        flooding.cancel()
        with suppress(asyncio.CancelledError):
            await flooding


def test_auto_takes_the_fast_engine_but_for_v3_contexts() -> None:
    engines = Engines("auto")
    assert {name: engines.name_for(credentials) for name, credentials in CREDENTIALS.items()} == dict.fromkeys(
        CREDENTIALS, "gufo"
    )
    assert engines.name_for(UserCredentials(version="3", user="u", context="Jetdirect")) == "pysnmp"


def test_the_engine_of_the_config_is_taken_for_all() -> None:
    assert {Engines("pysnmp").name_for(credentials) for credentials in CREDENTIALS.values()} == {"pysnmp"}


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_address_that_is_none_is_an_error_of_ours(engine: EngineName) -> None:
    engines = Engines(engine)
    with pytest.raises(SnmpError):
        await engines.open(Target("192.0.2.1:x", 161, CREDENTIALS["v2c"])).get(["1.3.6"], 0.2)
    engines.close()


def test_secrets_stay_out_of_representations(tmp_path: Path) -> None:
    shown = repr(Target("192.0.2.1", 161, CREDENTIALS["v3 authPriv"]))
    assert "auth-password" not in shown
    assert "priv-password" not in shown
