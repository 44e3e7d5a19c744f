"""What `probe` tells a person when a printer cannot be read, against a real SNMPv3 agent."""

import io
from collections.abc import Iterator

import pytest
from pydantic import SecretStr
from rich.console import Console

from exporter.commands import probe
from exporter.config import AuthKey, CommunityCredentials, Credentials, Polling, PrivKey, UserCredentials
from exporter.printers.model import Poll
from exporter.simulator.agent import Agent
from exporter.simulator.ber import OctetString
from tests.support.agents import SNMPD, own_address, snmpd
from tests.support.fleet import printer
from tests.test_poll import BASE, PASSWORD, PRINTER, USER, V2C, V3, MovingMib

POLLING = Polling(timeout=0.4, retries=0)
WRONG = SecretStr("not-the-password")
SHA256 = AuthKey(protocol="SHA256", password=PASSWORD)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with snmpd(tmp_path_factory.mktemp("snmpd"), PRINTER, USER) as at:
        yield at


def shown(poll: Poll, hint: str) -> str:
    output = io.StringIO()
    probe.show(Console(file=output, width=200), "Lobby", poll, hint)
    return output.getvalue()


@pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed")
@pytest.mark.parametrize(
    ("credentials", "reason", "words"),
    [
        (V3.model_copy(update={"user": "nobody"}), "auth", "user"),
        (V3.model_copy(update={"auth": AuthKey(protocol="SHA256", password=WRONG)}), "auth", "password"),
        (V3.model_copy(update={"priv": None}), "auth", "level"),
        (V3.model_copy(update={"priv": PrivKey(protocol="AES128", password=WRONG)}), "timeout", "privacy password"),
        (V3.model_copy(update={"priv": PrivKey(protocol="DES", password=PASSWORD)}), "timeout", "privacy password"),
        (V2C.model_copy(update={"community": SecretStr("wrong")}), "timeout", "community"),
    ],
    ids=["user", "auth password", "level", "privacy password", "privacy protocol", "community"],
)
async def test_the_wrong_part_of_the_credentials_is_named(
    credentials: Credentials, reason: str, words: str, agent: tuple[str, int]
) -> None:
    text = shown(*await probe.ask(printer(*agent, credentials, name="Lobby"), "auto", POLLING))
    assert text.startswith(f"Lobby: {reason}: ")
    assert words in text
    assert "not-the-password" not in text


@pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed")
async def test_right_credentials_need_no_hint(agent: tuple[str, int]) -> None:
    poll, hint = await probe.ask(printer(*agent, V3, name="Lobby"), "auto", POLLING)
    assert hint == ""
    assert "SNMPD-1" in shown(poll, hint)


async def test_a_printer_that_speaks_v1_only_is_read_as_such_and_says_so() -> None:
    async with Agent(MovingMib(BASE), own_address(), 0, versions={"1"}) as v1_only:
        entry = printer(v1_only.host, v1_only.port, V2C)
        poll, hint = await probe.ask(entry, "auto", Polling(timeout=0.2, retries=0))
    assert poll.version == "1"
    assert "SNMPv1 only" in shown(poll, hint)


async def test_text_of_a_device_cannot_style_the_terminal() -> None:
    styled = OctetString(b"[red]bad[/red]\x1b[31m")
    values = {at: styled if isinstance(value, OctetString) else value for at, value in BASE.items()}
    async with Agent(MovingMib(values), own_address(), 0) as hostile:
        poll, hint = await probe.ask(printer(hostile.host, hostile.port, V2C), "auto", Polling(timeout=1))
    text = shown(poll, hint)
    assert "[red]bad[/red]" in text
    assert "\x1b" not in text


def test_nothing_of_the_credentials_is_shown() -> None:
    assert "public" not in repr(CommunityCredentials(version="2c", community=SecretStr("public")))
    assert "a-long-password" not in repr(UserCredentials(version="3", user="u", auth=SHA256))
