"""Printers recorded through the real path, and what is replayed from the file; endless, slow and dying agents."""

import asyncio
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import SecretStr

from exporter import config
from exporter.commands import probe
from exporter.config import CommunityCredentials, Credentials, EngineName, Polling, Printer
from exporter.printers.model import Identity, Snapshot
from exporter.printers.recorder import Heard, Walked, as_snmprec, walk_all
from exporter.simulator.agent import Agent
from exporter.simulator.ber import Integer, IpAddress, ObjectId, OctetString, Oid, Request, Value
from exporter.simulator.office import Office
from exporter.snmp.client import Client
from exporter.snmp.engines import Engines
from exporter.snmp.errors import Timeout
from exporter.snmp.session import Value as Answered
from tests.support.agents import SNMPD, own_address, snmpd, snmpsim
from tests.support.fleet import poll_once, printer, snapshot_of
from tests.test_poll import BASE, PRINTER, USER, V2C, V3, MovingMib, oid

POLLING = Polling(timeout=4, retries=1)
PRIVATE = "1.3.6.1.4.1.11"
SILENT = "asleep"


def known_by_all(snapshot: Snapshot) -> Snapshot:
    """Return a snapshot without what a recording must not tell."""
    identity = Identity(vendor=snapshot.identity.vendor, model=snapshot.identity.model)
    supplies = tuple(replace(each, row=replace(each.row, cartridge="")) for each in snapshot.supplies)
    alerts = tuple(replace(each, description=_without_serial(each.description)) for each in snapshot.alerts)
    return replace(snapshot, identity=identity, supplies=supplies, alerts=alerts)


def _without_serial(text: str) -> str:
    return re.sub(r";SN\w+", "", text)


async def recorded(entry: Printer, engine: EngineName = "auto") -> tuple[Snapshot, probe.Recording]:
    answer = await probe.ask(entry, engine, POLLING)
    return snapshot_of(answer.poll), await probe.record(answer, engine, POLLING, lambda _: None)


async def replayed(recordings: dict[str, probe.Recording], folder: Path) -> dict[str, Snapshot]:
    """Write the recordings, serve them and poll each."""
    data = folder / "data"
    data.mkdir()
    for name, recording in recordings.items():
        (data / f"{name}.snmprec").write_text(recording.text)
    with snmpsim(data, folder / "cache") as at:
        polls = {
            name: await poll_once(printer(*at, CommunityCredentials(version="2c", community=SecretStr(name))))
            for name in recordings
        }
    return {name: snapshot_of(poll) for name, poll in polls.items()}


async def test_the_printers_of_an_office_are_understood_from_their_recordings(tmp_path: Path) -> None:
    async with Office(base="127.76.1.1", port=0, clock=lambda: 0.0) as office:
        entries = config.parse(office.config_text()).printers
        asleep = {each.name for each in office.printers if SILENT in each.note}
        found = {
            f"p{number}": await recorded(entry) for number, entry in enumerate(entries) if entry.name not in asleep
        }
    assert len(found) == len(office.printers) - 1
    again = await replayed({name: recording for name, (_, recording) in found.items()}, tmp_path)
    for name, (snapshot, recording) in found.items():
        assert known_by_all(again[name]) == known_by_all(snapshot)
        assert snapshot.identity.serial not in recording.text
        assert snapshot.identity.hostname not in recording.text
        assert recording.cut == ()
        assert len(recording.text.splitlines()) == recording.rows > 50


SECRETS = {
    "name": "lobby-anna7",
    "contact": "Anna Q. Schmidtke",
    "location": "Werk 2 Haus 7",
    "serial": "SECRETSN42",
    "operator": "Bertram Kowalke",
    "host": "fileserver.corp.example.com",
    "mail": "anna.q@corp.example.com",
    "user": "kowalke-b",
}
PLANTED: dict[str, tuple[str, object]] = PRINTER | {
    "1.3.6.1.2.1.1.1.0": ("octet_str", f"Example SN:{SECRETS['serial']}"),
    "1.3.6.1.2.1.1.2.0": ("object_id", f"{PRIVATE}.2.3.9.1"),
    "1.3.6.1.2.1.25.3.2.1.2.1": ("object_id", "1.3.6.1.2.1.25.3.1.5"),
    "1.3.6.1.2.1.25.3.2.1.3.1": ("octet_str", "Example 3000"),
    "1.3.6.1.2.1.43.5.1.1.4.1": ("octet_str", SECRETS["operator"]),
    "1.3.6.1.2.1.43.5.1.1.17.1": ("octet_str", SECRETS["serial"]),
    "1.3.6.1.2.1.43.18.1.1.8.1.7": ("octet_str", f"Close the front, {SECRETS['operator']}"),
    f"{PRIVATE}.9.1": ("octet_str", f"Total for {SECRETS['user']}"),
    f"{PRIVATE}.9.2": ("octet_str", f"\\\\{SECRETS['host']}\\scans"),
    f"{PRIVATE}.9.3": ("octet_str", SECRETS["mail"]),
    f"{PRIVATE}.9.4": ("octet_str", SECRETS["serial"].encode().hex()),
    f"{PRIVATE}.9.5": ("octet_str", SECRETS["name"].upper()),
}
CONFIG = f"""{USER}
sysName {SECRETS["name"]}
sysContact {SECRETS["contact"]}
sysLocation {SECRETS["location"]}
"""


@pytest.mark.skipif(SNMPD is None, reason="snmpd is not installed")
@pytest.mark.parametrize("engine", ["gufo", "pysnmp"])
@pytest.mark.parametrize(
    "credentials", [V2C.model_copy(update={"version": "1"}), V2C, V3], ids=["v1", "v2c", "v3 authPriv"]
)
async def test_what_was_planted_in_a_real_agent_is_not_in_its_recording(
    credentials: Credentials, engine: EngineName, tmp_path: Path
) -> None:
    with snmpd(tmp_path, PLANTED, CONFIG) as at:
        snapshot, recording = await recorded(printer(*at, credentials), engine)
    assert snapshot.identity.hostname == SECRETS["name"]
    for secret in SECRETS.values():
        for form in (secret, secret.encode().hex(), secret.encode().hex().encode().hex(), secret.upper()):
            assert form.lower() not in recording.text.lower(), form
    assert at[0] not in recording.text
    again = (await replayed({"again": recording}, tmp_path))["again"]
    words = {alert.description for alert in again.alerts}
    assert words == {"Close the front, Xxxxxxx Xxxxxxx"}
    before, after = (replace(known_by_all(each), alerts=()) for each in (snapshot, again))
    assert after == before


async def walked(
    agent: Agent, *, limit: float = 60.0, timeout: float = 1.0, heard: dict[str, Answered] | None = None
) -> Walked:
    engines = Engines()
    listening = Heard(engines.open, heard)
    client = Client(listening.open, agent.host, agent.port, V2C, timeout=timeout, retries=0)
    try:
        return await walk_all(client, listening, lambda _: None, limit=limit)
    finally:
        engines.close()


def private(*rows: tuple[str, int]) -> dict[Oid, Value]:
    return {oid(f"{PRIVATE}.{below}"): Integer(value) for below, value in rows}


def below(rows: Iterable[tuple[str, object]], root: str) -> list[str]:
    return [name for name, _ in rows if name.startswith(f"{root}.")]


async def test_an_endless_private_table_is_cut_and_what_lies_behind_it_is_found() -> None:
    endless = private(*((f"2.3.63.1.{number}", number) for number in range(1, 6_000)))
    behind = private(("2.3.63.0", 1), ("2.3.70.1", 7), ("2.5.1.0", 8), ("4.1", 9))
    async with Agent(MovingMib(BASE | endless | behind), own_address(), 0) as agent:
        result = await walked(agent)
        assert agent.requests < 700
    table = f"{PRIVATE}.2.3.63.1"
    assert len(below(result.rows, table)) == 200
    assert result.cut == (f"the rest of {table} behind 200 rows",)
    assert {f"{PRIVATE}.{name}" for name in ("2.3.63.0", "2.3.70.1", "2.5.1.0", "4.1")} <= dict(result.rows).keys()


async def test_what_a_poll_asked_for_is_kept_though_its_table_is_cut() -> None:
    endless = private(*((f"2.3.{number}", number) for number in range(1, 6_000)))
    async with Agent(MovingMib(BASE | endless), own_address(), 0) as agent:
        result = await walked(agent, heard={f"{PRIVATE}.2.3.5999": 1})
    assert f"{PRIVATE}.2.3.5999" in dict(result.rows)
    assert len(below(result.rows, f"{PRIVATE}.2.3")) == 201


async def test_private_objects_are_bounded_in_all() -> None:
    large = private(*((f"{table}.1.{number}", 1) for table in range(1, 12) for number in range(1, 1_200)))
    async with Agent(MovingMib(BASE | large), own_address(), 0) as agent:
        result = await walked(agent)
    assert len(result.cut) > 3
    assert result.cut[-1].startswith("more private objects than")
    assert len(below(result.rows, PRIVATE)) < 8_000


async def test_jobs_and_addresses_are_left_out_and_addresses_told_apart() -> None:
    jobs = oid(f"{PRIVATE}.2.3.9.4.2.1.1.6.5.1")
    more = {jobs: OctetString(b"salary"), oid("1.3.6.1.2.1.4.20.1.1.10.0.0.7"): IpAddress(bytes((10, 0, 0, 7)))}
    async with Agent(MovingMib(BASE | more), own_address(), 0) as agent:
        result = await walked(agent)
    assert result.addresses == ("10.0.0.7",)
    assert below(result.rows, "1.3.6.1.2.1.4") == below(result.rows, f"{PRIVATE}.2.3.9.4") == []
    assert f"{PRIVATE}.2.3.9.1.1.7.0" in dict(result.rows)


async def test_the_tree_of_every_enterprise_that_the_printer_names_is_walked() -> None:
    badge = {
        oid("1.3.6.1.2.1.25.3.2.1.4.1"): ObjectId(oid("1.3.6.1.4.1.236.1")),
        oid("1.3.6.1.4.1.236.5"): Integer(1),
        oid("1.3.6.1.4.1.999.5"): Integer(1),
    }
    async with Agent(MovingMib(BASE | badge), own_address(), 0) as agent:
        names = dict((await walked(agent)).rows)
    assert "1.3.6.1.4.1.236.5" in names
    assert "1.3.6.1.4.1.999.5" not in names


async def test_a_printer_that_ceases_to_answer_is_recorded_as_far_as_it_did() -> None:
    answered = 0

    def hook(_: Request, reply: bytes) -> Iterable[tuple[float, bytes]]:
        nonlocal answered
        answered += 1
        return [(0, reply)] if answered < 20 else []

    async with Agent(MovingMib(BASE), own_address(), 0, hook=hook) as agent:
        result = await walked(agent, timeout=0.2)
    assert result.rows
    assert result.cut[-1].startswith("what the printer did not answer any more")


async def test_a_slow_printer_is_recorded_for_a_bounded_time() -> None:
    def hook(_: Request, reply: bytes) -> Iterable[tuple[float, bytes]]:
        return [(0.05, reply)]

    async with Agent(MovingMib(BASE), own_address(), 0, hook=hook) as agent:
        loop = asyncio.get_running_loop()
        started = loop.time()
        result = await walked(agent, limit=0.5)
        assert loop.time() - started < 5
    assert result.rows
    assert result.cut == ("what was not read after 0.5 s",)


async def test_a_silent_printer_has_no_recording() -> None:
    async with Agent(MovingMib(BASE), own_address(), 0, silent=True) as agent:
        with pytest.raises(Timeout):
            await walked(agent, timeout=0.2)


@pytest.mark.parametrize(
    ("name", "value", "line"),
    [
        ("1.3.6.1.2.1.1.1.0", b"Example 3000", "4|Example 3000"),
        ("1.3.6.1.2.1.1.1.0", b"", "4|"),
        ("1.3.6.1.2.1.1.1.0", b"a|b\\", "4|a|b\\"),
        ("1.3.6.1.2.1.1.1.0", b" blank", "4x|20626c616e6b"),
        ("1.3.6.1.2.1.1.1.0", b"two\nlines", "4x|74776f0a6c696e6573"),
        ("1.3.6.1.2.1.1.1.0", "f\xfcr".encode("latin-1"), "4x|66fc72"),
        ("1.3.6.1.2.1.1.2.0", "1.3.6.1.4.1.11", "6|1.3.6.1.4.1.11"),
        (f"{PRIVATE}.1", "10.0.0.1", "64|10.0.0.1"),
        ("1.3.6.1.2.1.1.3.0", 100, "67|100"),
        ("1.3.6.1.2.1.43.18.1.1.9.1.7", 100, "67|100"),
        ("1.3.6.1.2.1.43.10.2.1.4.1.1", 4321, "65|4321"),
        ("1.3.6.1.2.1.43.10.2.1.4.1.1", -1, "2|-1"),
        ("1.3.6.1.2.1.43.11.1.1.9.1.1", -3, "2|-3"),
        (f"{PRIVATE}.1", 2**31, "66|2147483648"),
        (f"{PRIVATE}.1", 2**40, "70|1099511627776"),
    ],
)
def test_a_value_is_written_with_a_type_that_holds_it(name: str, value: Answered, line: str) -> None:
    assert as_snmprec([(name, value)]) == f"{name}|{line}\n"
