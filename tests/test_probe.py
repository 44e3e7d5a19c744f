"""What `probe` tells a person when a printer cannot be read, against a real SNMPv3 agent."""

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr
from rich.console import Console

from exporter.commands import probe
from exporter.config import AuthKey, CommunityCredentials, Credentials, Polling, PrivKey, UserCredentials
from exporter.simulator.agent import Agent
from exporter.simulator.ber import Integer, IpAddress, OctetString
from tests.support.agents import SNMPD, own_address, snmpd
from tests.support.fleet import printer
from tests.test_poll import BASE, PASSWORD, PRINTER, USER, V2C, V3, MovingMib, oid

POLLING = Polling(timeout=0.4, retries=0)
WRONG = SecretStr("not-the-password")
SHA256 = AuthKey(protocol="SHA256", password=PASSWORD)


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    with snmpd(tmp_path_factory.mktemp("snmpd"), PRINTER, USER) as at:
        yield at


def shown(answer: probe.Answer) -> str:
    output = io.StringIO()
    probe.show(Console(file=output, width=200), answer)
    return output.getvalue()


def explained(answer: probe.Answer) -> str:
    output = io.StringIO()
    probe.explain_to(Console(file=output, width=80), answer)
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
    text = shown(await probe.ask(printer(*agent, credentials, name="Lobby"), "auto", POLLING))
    assert text.startswith(f"Lobby: {reason}: ")
    assert words in text
    assert "not-the-password" not in text


@pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed")
async def test_right_credentials_need_no_hint(agent: tuple[str, int]) -> None:
    answer = await probe.ask(printer(*agent, V3, name="Lobby"), "auto", POLLING)
    assert answer.hint == ""
    assert "SNMPD-1" in shown(answer)


async def test_a_printer_that_speaks_v1_only_is_read_as_such_and_says_so() -> None:
    async with Agent(MovingMib(BASE), own_address(), 0, versions={"1"}) as v1_only:
        entry = printer(v1_only.host, v1_only.port, V2C)
        answer = await probe.ask(entry, "auto", Polling(timeout=0.2, retries=0))
        recording = await probe.record(answer, "auto", Polling(timeout=1), lambda _: None)
    assert answer.poll.version == "1"
    assert "SNMPv1 only" in shown(answer)
    assert "Toner K" in recording.text


async def test_text_of_a_device_cannot_style_the_terminal() -> None:
    styled = OctetString(b"[red]bad[/red]\x1b[31m")
    values = {at: styled if isinstance(value, OctetString) else value for at, value in BASE.items()}
    async with Agent(MovingMib(values), own_address(), 0) as hostile:
        answer = await probe.ask(printer(hostile.host, hostile.port, V2C), "auto", Polling(timeout=1))
    for text in (shown(answer), explained(answer)):
        assert "[red]bad[/red]" in text
        assert "\x1b" not in text


def test_nothing_of_the_credentials_is_shown() -> None:
    assert "public" not in repr(CommunityCredentials(version="2c", community=SecretStr("public")))
    assert "a-long-password" not in repr(UserCredentials(version="3", user="u", auth=SHA256))


@pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed")
async def test_every_value_is_explained_by_its_objects_on_lines_of_their_own(agent: tuple[str, int]) -> None:
    text = explained(await probe.ask(printer(*agent, V3, name="Lobby"), "auto", POLLING))
    assert "\nBlack toner\n" in text
    assert "  level: 33%  (33 of 100)\n" in text
    assert "    prtMarkerSuppliesLevel.1.1 = integer 33  [1.3.6.1.2.1.43.11.1.1.9.1.1]\n" in text
    assert "a-long-password" not in text


async def test_the_progress_of_a_recording_is_told_and_what_was_left_out(tmp_path: Path) -> None:
    by_name = {oid("1.3.6.1.4.1.11.7.65.110.110.97"): Integer(1)}
    async with Agent(MovingMib(BASE | by_name), own_address(), 0) as one:
        answer = await probe.ask(printer(one.host, one.port, V2C), "auto", POLLING)
        told: list[int] = []
        recording = await probe.record(answer, "auto", POLLING, told.append)
    assert told == sorted(told)
    assert told[-1] > len(BASE) / 2
    assert recording.dropped == 1
    cut = replace(recording, cut=("the rest of 1.3",))
    summary = probe.summary(tmp_path / "lobby.snmprec", cut)
    assert f"lobby.snmprec: {recording.rows} rows, {len(recording.text)} octets" in summary
    assert "left out: the rest of 1.3" in summary
    assert "left out: 1 rows indexed by names or addresses" in summary
    assert "look at the file before you send it" in summary


async def test_the_addresses_of_a_printer_are_not_in_its_recording_though_their_table_is_left_out() -> None:
    more = {
        oid("1.3.6.1.2.1.4.20.1.1.10.10.5.28"): IpAddress(bytes((10, 10, 5, 28))),
        oid("1.3.6.1.4.1.11.7.1.0"): OctetString(b"\x01\x0a\x0a\x05\x1c\x02"),
    }
    async with Agent(MovingMib(BASE | more), own_address(), 0) as one:
        answer = await probe.ask(printer(one.host, one.port, V2C), "auto", POLLING)
        recording = await probe.record(answer, "auto", POLLING, lambda _: None)
    assert "1.3.6.1.4.1.11.7.1.0|4x|011616021602\n" in recording.text


@pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed")
async def test_the_credentials_are_not_in_a_recording(agent: tuple[str, int]) -> None:
    answer = await probe.ask(printer(*agent, V3, name="Front desk 3"), "auto", POLLING)
    said = {"1.3.6.1.2.1.43.11.1.1.6.1.1": b"for monitor at front desk 3"}
    recording = await probe.record(replace(answer, values={**answer.values, **said}), "auto", POLLING, lambda _: None)
    assert "for xxxxxxx at xxxxx xxxx 2" in recording.text
    assert "monitor" not in recording.text
    assert "a-long-password" not in recording.text
