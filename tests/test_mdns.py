"""Printers that announce themselves, on a network of their own: real announcements, heard by the command itself."""

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager

import pytest
from zeroconf._dns import DNSPointer
from zeroconf._protocol.outgoing import DNSOutgoing
from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf
from zeroconf.const import _CLASS_IN, _FLAGS_AA, _FLAGS_QR_RESPONSE, _TYPE_PTR

from exporter.discovery import mdns
from exporter.discovery.found import Announced
from exporter.simulator.agent import Agent
from tests.support.namespaces import Host, Lab, needs_namespaces
from tests.test_sweep import a_printer

pytestmark = needs_namespaces

IPP = "_ipp._tcp.local."
EXPORTER, PRINTER = "10.9.0.1", "10.9.0.21"


@pytest.fixture
def hosts() -> Iterator[tuple[Host, Host]]:
    with Lab() as lab:
        switch = lab.switch()
        yield lab.host(switch, f"{EXPORTER}/24"), lab.host(switch, f"{PRINTER}/24")


def service(kind: str, name: str, addresses: Sequence[str], **said: str) -> AsyncServiceInfo:
    packed = [socket.inet_pton(socket.AF_INET6 if ":" in each else socket.AF_INET, each) for each in addresses]
    return AsyncServiceInfo(
        f"{kind}._tcp.local.", f"{name}.{kind}._tcp.local.", port=631, addresses=packed, properties=said
    )


@asynccontextmanager
async def announced(host: Host, *services: AsyncServiceInfo) -> AsyncIterator[None]:
    """Announce services from a machine."""
    with host.entered():
        network = AsyncZeroconf(interfaces=[PRINTER])
        await network.zeroconf.async_wait_for_start()
    try:
        await asyncio.gather(*(network.async_register_service(each, cooperating_responders=True) for each in services))
        yield
    finally:
        await network.async_close()


@asynccontextmanager
async def agent(host: Host, address: str) -> AsyncIterator[None]:
    """Let a simulated printer answer SNMP on a machine."""
    one = Agent(a_printer(), address, 161)
    with host.entered():
        await one.start()
    try:
        yield
    finally:
        await one.close()


async def discover(host: Host, *arguments: str) -> str:
    command = (sys.executable, "-m", "exporter", "discover", "--mdns", *arguments)
    return await asyncio.to_thread(host.run, *command)


async def test_what_announces_itself_is_asked_and_what_is_silent_to_snmp_is_named(hosts: tuple[Host, Host]) -> None:
    exporter, printer = hosts
    printer.ip("address", "add", "10.9.0.22/24", "dev", "lan0")
    lobby = service("_ipp", "Lobby", [PRINTER], ty="Example 1", note="B1")
    again = service("_pdl-datastream", "Lobby", [PRINTER], ty="Example 1", note="B1")
    mute = service("_printer", "Mute", ["10.9.0.22"], ty="Old one", note="Cellar")
    async with agent(printer, PRINTER), announced(printer, lobby, again, mute):
        as_yaml = await discover(exporter)
        as_json = json.loads(await discover(exporter, "--json"))
    assert as_yaml == (
        "printers:\n"
        '  # Example 1, serial SNMPD-1, says it is in "B1"\n'
        "  - name: printer-1\n"
        f"    host: {PRINTER}\n"
        '# silent to SNMP: "Mute" at 10.9.0.22, Old one\n'
    )
    assert [(one["name"], one["host"], one["snmp"]) for one in as_json] == [
        ("printer-1", PRINTER, True),
        ("Mute", "10.9.0.22", False),
    ]


async def heard(host: Host, *services: AsyncServiceInfo) -> tuple[list[Announced], list[int]]:
    """Return what `listen` hears on one machine of what another announces, and what it told."""
    told: list[int] = []
    with host.entered():
        listening = asyncio.create_task(mdns.listen(told.append, 1.5))
        await asyncio.sleep(0)
        return await listening, told


async def test_hostile_words_are_cleaned_and_addresses_that_lead_nowhere_are_left_out(
    hosts: tuple[Host, Host],
) -> None:
    exporter, printer = hosts
    services = [
        service("_ipp", "Evil \u202ename", ["10.9.0.30"], ty="x" * 200, note="\x1b[31m\x07B1"),
        service("_ipp", "Group", ["224.0.0.1"]),
        service("_ipp", "Link only", ["fe80::1"]),
        service("_ipps", "Both", ["2001:db8::1", "10.9.0.31"]),
        service("_ipp", "Six", ["2001:db8::2"]),
    ]
    async with announced(printer, *services):
        found, told = await heard(exporter)
    assert found == [
        Announced("10.9.0.30", "Evil name", "x" * 128, "[31mB1"),
        Announced("10.9.0.31", "Both"),
        Announced("2001:db8::2", "Six"),
    ]
    assert max(told) == 5


async def test_a_name_that_no_printer_can_have_ends_nothing(hosts: tuple[Host, Host]) -> None:
    exporter, printer = hosts
    with printer.entered(), socket.socket(type=socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(PRINTER))
        evil = DNSOutgoing(_FLAGS_QR_RESPONSE | _FLAGS_AA)
        evil.add_answer_at_time(DNSPointer(IPP, _TYPE_PTR, _CLASS_IN, 120, f"\x1b[31m.{IPP}"), 0)

        async def shout() -> None:
            while True:
                sender.sendto(evil.packets()[0], ("224.0.0.251", 5353))
                await asyncio.sleep(0.1)

        task = asyncio.create_task(shout())
        try:
            found, told = await heard(exporter)
        finally:
            task.cancel()
    assert (found, told) == ([], [1])


async def test_a_flood_of_announcements_is_bounded(hosts: tuple[Host, Host], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mdns, "MAX_ANNOUNCED", 3)
    exporter, printer = hosts
    services = [service("_ipp", f"Printer {number}", [f"10.9.0.{number}"]) for number in range(30, 36)]
    async with announced(printer, *services):
        found, _ = await heard(exporter)
    assert len(found) == 3


async def test_without_any_network_nothing_is_heard_and_no_traceback_shown() -> None:
    with Lab() as lab:
        alone = lab.switch()
        command = ("sh", "-c", f"{sys.executable} -m exporter discover --mdns 2>&1")
        said = await asyncio.to_thread(alone.run, *command)
    assert said.splitlines()[:2] == ["printers: []", "0 addresses announce a printer"]
