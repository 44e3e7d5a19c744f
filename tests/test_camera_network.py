"""Searching and listening: real broadcast between network namespaces, and on loopback."""

import asyncio
import errno
import logging
import os
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence, Sized
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import replace
from functools import partial
from ipaddress import IPv4Network

import pytest

from exporter.cameras import easyip, network
from exporter.cameras.model import Device, Search, Sighting
from exporter.cameras.network import Address, Interface, Network, read_interfaces
from exporter.config import CameraSearch
from exporter.simulator.cameras import OFFICE_CAMERAS, CameraSite, SimulatedCamera
from tests.support.namespaces import Capture, Captured, Host, Lab, Switch, needs_namespaces

pytestmark = needs_namespaces

EVERYONE = "255.255.255.255"
QUICK = CameraSearch(window=0.3)
ONCE = CameraSearch(attempts=1, window=0.1)
LOOPBACK = CameraSearch(interfaces=("lo",), targets=("127.255.255.255",), attempts=1, window=0.1)
LIMIT = 10.0


@pytest.fixture
def lab() -> Iterator[Lab]:
    """A lab of its own for each test."""
    with Lab() as lab:
        yield lab


@pytest.fixture
def switch(lab: Lab) -> Switch:
    """The switch that everybody is connected to."""
    return lab.switch()


@pytest.fixture
def here(lab: Lab, switch: Switch) -> Iterator[Host]:
    """The exporter's machine, in which the test runs; it has no route but to its own network."""
    host = lab.host(switch, "10.9.0.1/24")
    with host.entered():
        yield host


class Ear:
    """Keeps what was heard."""

    def __init__(self) -> None:
        self.sightings: list[Sighting] = []

    def __call__(self, sighting: Sighting) -> None:
        self.sightings.append(sighting)

    @property
    def devices(self) -> dict[str, Device]:
        """What each MAC said last."""
        return {sighting.device.mac: sighting.device for sighting in self.sightings}


def mac(number: int) -> str:
    return f"02:00:5e:10:00:{number:02x}"


def camera(number: int, address: str = "", name: str = "") -> SimulatedCamera:
    device = Device(mac(number), address=address or f"10.9.0.{20 + number}", name=name or f"Camera {number}")
    return SimulatedCamera(replace(device, model="SIM1", network_mode="static", setup_window_open=False))


def once_on(*interfaces: str) -> CameraSearch:
    return ONCE.model_copy(update={"interfaces": interfaces})


@asynccontextmanager
async def at(host: Host, *cameras: SimulatedCamera, interface: str = "lan0") -> AsyncIterator[CameraSite]:
    """Run cameras on a machine."""
    site = CameraSite(cameras, interface)
    with host.entered():
        await site.start()
    try:
        yield site
    finally:
        await site.close()


async def search(watcher: Network, is_done: Callable[[], bool] = lambda: False) -> Search:
    return await asyncio.wait_for(watcher.search(is_done), LIMIT)


@contextmanager
def open_socket(host: Host, port: int = 0) -> Iterator[socket.socket]:
    """Yield a broadcasting socket of a machine, without SO_REUSEADDR."""
    with host.entered():
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lan0")
        opened.bind(("", port))
        yield opened


@contextmanager
def capture(host: Host, interface: str = "lan0") -> Iterator[Capture]:
    """Listen to all that passes an interface of a machine."""
    with host.entered():
        started = Capture(interface)
    with started:
        yield started


def datagram(number: int = 1, kind: easyip.Type = easyip.Type.ANNOUNCEMENT, requester: str = easyip.NO_MAC) -> bytes:
    device = replace(camera(1).device, mac=f"02:00:5e:11:{number // 256:02x}:{number % 256:02x}")
    said = easyip.tags(device, announced=kind is easyip.Type.ANNOUNCEMENT)
    return easyip.encode(easyip.Datagram(kind, device_mac=device.mac, requester_mac=requester, tags=said))


def say(source: socket.socket, *datagrams: bytes) -> None:
    for data in datagrams:
        source.sendto(data, (EVERYONE, easyip.LISTEN_PORT))


async def until(holds: Callable[[], object]) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(LIMIT):
        while not holds():
            await asyncio.sleep(0.005)


def messages(caplog: pytest.LogCaptureFixture, level: int = logging.INFO) -> list[str]:
    """Return what the network logged from a level on, with its reason."""
    records = [record for record in caplog.records if record.name == network.__name__ and record.levelno >= level]
    return [f"{record.getMessage()} {getattr(record, 'reason', '')}".strip() for record in records]


def requester(captured: Captured) -> tuple[str, str]:
    """Return whom a captured search is from."""
    found = easyip.requester_of(captured.data)
    assert found
    return found


def _has(things: Sized, number: int) -> bool:
    return len(things) >= number


async def asked(wire: Capture) -> tuple[str, str]:
    """Wait for a search and return whom it is from."""
    found: list[Captured] = []

    def look() -> bool:
        found.extend(wire.datagrams())
        return bool(found)

    await until(look)
    return requester(found[0])


class TestCamerasAreFound:
    async def test_on_any_machine_of_the_segment_with_all_that_they_say(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        ear = Ear()
        with closing(Network(QUICK, ear)) as watcher:
            machines = [lab.host(switch, f"10.9.0.{20 + number}/24") for number in (1, 2, 3)]
            async with at(machines[0], camera(1)), at(machines[1], camera(2)), at(machines[2], camera(3)):
                result = await search(watcher)
            later = await search(watcher)
        assert {(each.mac, each.name, each.address) for each in ear.devices.values()} == {
            (mac(1), "Camera 1", "10.9.0.21"),
            (mac(2), "Camera 2", "10.9.0.22"),
            (mac(3), "Camera 3", "10.9.0.23"),
        }
        assert {each.interface for each in ear.sightings} == {"lan0"}
        assert (result.answers, result.segments) == (3, {"lan0": True})
        assert (later.answers, later.segments) == (0, {"lan0": True})
        assert not any(watcher.errors.values())

    async def test_with_an_address_of_another_network_and_with_none(self, lab: Lab, switch: Switch, here: Host) -> None:
        ear = Ear()
        other, without = lab.host(switch, "192.168.0.10/24"), lab.host(switch)
        with closing(Network(QUICK, ear)) as watcher:
            async with at(other, camera(1, "192.168.0.10")), at(without, camera(2, "169.254.7.7")):
                result = await search(watcher)
        assert {each.address for each in ear.devices.values()} == {"192.168.0.10", "169.254.7.7"}
        assert result.answers == 2

    async def test_on_every_interface_whichever_the_default_route_goes_through(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        second = lab.switch()
        here.connect(second, "lan1", "10.8.0.1/24")
        here.ip("route", "add", "default", "via", "10.8.0.254")
        ear = Ear()
        first = lab.host(switch, "10.9.0.21/24")
        with closing(Network(QUICK, ear)) as watcher:
            async with at(first, camera(1)), at(lab.host(second, "10.8.0.22/24"), camera(2)):
                result = await search(watcher)
        assert {(each.device.mac, each.interface) for each in ear.sightings} == {(mac(1), "lan0"), (mac(2), "lan1")}
        assert result.segments == {"lan0": True, "lan1": True}

    async def test_over_a_link_that_loses_three_datagrams_of_ten(self, lab: Lab, switch: Switch, here: Host) -> None:
        ear = Ear()
        machine = lab.host(switch, "10.9.0.21/24")
        machine.lose(30)
        here.lose(30)
        cameras = [camera(number) for number in range(1, 11)]
        async with at(machine, *cameras):
            with closing(Network(QUICK, ear)) as watcher:
                answers = [(await search(watcher)).answers for _ in range(6)]
        assert ear.devices.keys() == {each.device.mac for each in cameras}
        # Three attempts together reach 95 of 100; one alone would reach half of them.
        assert sum(answers) > 0.7 * 6 * 10

    async def test_at_their_new_address_by_the_next_search(self, lab: Lab, switch: Switch, here: Host) -> None:
        ear = Ear()
        machine = lab.host(switch, "10.9.0.21/24")
        with closing(Network(QUICK, ear)) as watcher:
            async with at(machine, camera(1)):
                await search(watcher)
            assert ear.devices[mac(1)].address == "10.9.0.21"
            machine.ip("address", "flush", "dev", "lan0")
            machine.ip("address", "add", "10.9.0.77/24", "dev", "lan0")
            async with at(machine, camera(1, "10.9.0.77")):
                await search(watcher)
        assert ear.devices[mac(1)].address == "10.9.0.77"

    async def test_by_an_announcement_between_two_searches(self, lab: Lab, switch: Switch, here: Host) -> None:
        ear = Ear()
        with closing(Network(ONCE, ear)) as watcher, open_socket(lab.host(switch)) as source:
            await search(watcher)
            say(source, datagram())
            await until(lambda: ear.sightings)
        assert [(each.device.name, each.interface, each.announced) for each in ear.sightings] == [
            ("Camera 1", "lan0", True)
        ]

    async def test_by_their_answers_to_another_tool_which_are_not_counted_as_ours(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        ear = Ear()
        with closing(Network(QUICK, ear)) as watcher, open_socket(lab.host(switch)) as source:
            searching = asyncio.create_task(search(watcher))
            await until(lambda: watcher.listening)
            say(source, datagram(1, easyip.Type.ANSWER, "02:00:00:00:00:99"))
            result = await searching
        assert [(each.device.mac, each.announced) for each in ear.sightings] == [("02:00:5e:11:00:01", False)]
        assert result.answers == 0

    async def test_by_two_exporters_on_one_machine_each_counting_its_own_answers(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        ears = Ear(), Ear()
        with closing(Network(QUICK, ears[0])) as first, closing(Network(QUICK, ears[1])) as second:
            async with at(lab.host(switch, "10.9.0.21/24"), camera(1), camera(2)):
                results = await asyncio.gather(search(first), search(second))
                await search(second)
        assert [result.answers for result in results] == [2, 2]
        assert [result.segments for result in results] == [{"lan0": True}, {"lan0": True}]
        # The first did not search again, and yet heard what the second was answered.
        assert [len(ear.sightings) for ear in ears] == [len(ears[0].sightings)] * 2
        assert len(ears[0].sightings) > 4


class TestWhatIsSent:
    async def test_are_searches_to_every_broadcast_address_and_to_all_and_nothing_else(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        here.ip("address", "add", "10.9.0.2/24", "dev", "lan0")
        here.ip("address", "add", "10.7.0.1/25", "dev", "lan0", "label", "lan0:old")
        here.ip("address", "add", "10.6.0.1/24", "broadcast", "10.6.0.254", "dev", "lan0")
        here.ip("address", "add", "10.5.0.1/32", "dev", "lan0")
        machine = lab.host(switch, "10.9.0.21/24")
        with closing(Network(QUICK, Ear())) as watcher, capture(here) as wire:
            async with at(machine, camera(1)):
                await search(watcher)
            sent = [each for each in wire.datagrams() if each.port != easyip.LISTEN_PORT]
        assert Counter((each.destination, each.source, requester(each)[1]) for each in sent) == {
            ("10.9.0.255", "10.9.0.1", "10.9.0.1"): 3,
            ("10.7.0.127", "10.7.0.1", "10.7.0.1"): 3,
            ("10.6.0.254", "10.6.0.1", "10.6.0.1"): 3,
            (EVERYONE, "10.9.0.1", "10.9.0.1"): 3,
        }
        (own,) = {requester(each)[0] for each in sent}
        assert own.startswith("02:")
        assert {each.port for each in sent} == {easyip.DEVICE_PORT}
        assert {easyip.parse(each.data).type for each in sent} == {easyip.Type.SEARCH}
        assert {easyip.parse(each.data).checksum for each in sent} == {None}

    async def test_is_nothing_but_searches_whatever_is_heard(self, lab: Lab, switch: Switch, here: Host) -> None:
        with (
            closing(Network(QUICK, Ear())) as watcher,
            open_socket(lab.host(switch)) as source,
            capture(here) as wire,
        ):
            searching = asyncio.create_task(search(watcher))
            await until(lambda: watcher.listening)
            for kind in easyip.Type:
                say(source, datagram(1, kind), datagram(1, kind)[:-3])
            await searching
            sent = [each for each in wire.datagrams() if each.source == "10.9.0.1"]
        assert [easyip.parse(each.data).type for each in sent] == [easyip.Type.SEARCH] * 6

    async def test_is_spread_over_the_window(self, here: Host) -> None:
        slots: list[tuple[float, int]] = []
        began = time.monotonic()
        with closing(Network(QUICK, Ear())) as watcher, capture(here) as wire:

            def note() -> bool:
                slots.append((time.monotonic() - began, len(wire.datagrams())))
                return False

            result = await search(watcher, note)
        assert [sent for _, sent in slots] == [2, 2, 2]
        assert all(ended >= 0.1 * number for number, (ended, _) in enumerate(slots, 1))
        assert result.duration >= QUICK.window

    async def test_ends_with_the_search_as_soon_as_all_expected_were_heard(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        ear = Ear()
        settings = CameraSearch(attempts=2, window=2.0)
        with closing(Network(settings, ear)) as watcher, capture(here) as wire:
            async with at(lab.host(switch, "10.9.0.21/24"), camera(1)):
                result = await search(watcher, lambda: mac(1) in ear.devices)
            sent = [each for each in wire.datagrams() if each.port == easyip.DEVICE_PORT]
        assert len(sent) == 2
        assert (result.answers, result.segments) == (1, {"lan0": True})
        assert result.duration < settings.window

    async def test_goes_to_targets_too_from_the_address_that_is_near_them(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        here.ip("address", "add", "10.7.0.1/24", "dev", "lan0")
        machine = lab.host(switch, "10.7.0.21/24")
        settings = CameraSearch(targets=("10.7.0.21",), attempts=1, window=0.1)
        with closing(Network(settings, Ear())) as watcher, capture(here) as wire:
            async with at(machine, camera(1, "10.7.0.21")):
                result = await search(watcher)
            (sent,) = [each for each in wire.datagrams() if each.destination == "10.7.0.21"]
        assert (sent.source, requester(sent)[1]) == ("10.7.0.1", "10.7.0.1")
        assert result.answers == 1

    async def test_that_fails_for_some_destinations_is_counted_and_searches_all_the_same(
        self, lab: Lab, switch: Switch, here: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        here.firewall("output", "ip daddr 255.255.255.255 drop")
        with closing(Network(QUICK, Ear())) as watcher:
            async with at(lab.host(switch, "10.9.0.21/24"), camera(1)):
                result = await search(watcher)
        assert (result.answers, result.segments) == (1, {"lan0": True})
        assert watcher.errors["send"] == 3
        assert messages(caplog, logging.WARNING) == ["cannot send a search for cameras Operation not permitted"]

    async def test_that_fails_altogether_makes_the_segment_blind(
        self, here: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        here.firewall("output", "drop")
        caplog.set_level(logging.INFO)
        with closing(Network(ONCE, Ear())) as watcher:
            blind = [(await search(watcher)).segments for _ in range(2)]
            here.no_firewall()
            seeing = await search(watcher)
        assert blind == [{"lan0": False}] * 2
        assert seeing.segments == {"lan0": True}
        assert messages(caplog)[1:4] == [
            "cannot send a search for cameras Operation not permitted",
            "cannot search for cameras no search could be sent",
            "searching for cameras again",
        ]

    async def test_to_a_target_that_no_socket_reaches_counts_once_a_search(self, lab: Lab, here: Host) -> None:
        here.connect(lab.switch(), "lan1", "10.8.0.1/24")
        here.firewall("output", "ip daddr 10.66.0.1 drop")
        settings = CameraSearch(targets=("10.66.0.1",), attempts=3, window=0.1)
        with closing(Network(settings, Ear())) as watcher:
            results = [await search(watcher), await search(watcher)]
        assert watcher.errors["send"] == 2
        assert [result.segments for result in results] == [{"lan0": True, "lan1": True}] * 2


class TestTheDemoOnLoopback:
    async def test_sends_only_to_its_own_broadcast_address_and_lets_nothing_leave(self, here: Host) -> None:
        ear = Ear()
        with closing(Network(LOOPBACK, ear)) as watcher, capture(here, "lo") as inside, capture(here) as outside:
            async with CameraSite(OFFICE_CAMERAS):
                result = await search(watcher)
            heard, left = inside.datagrams(), outside.datagrams()
        assert {each.destination for each in heard} == {"127.255.255.255"}
        assert left == []
        assert result.segments == {"lo": True}
        assert result.answers == sum(each.answers for each in OFFICE_CAMERAS)
        by_source = {each.source for each in heard if each.port == easyip.LISTEN_PORT}
        assert by_source == {each.address for each in ear.devices.values()}

    async def test_hears_no_real_camera_and_is_not_heard_by_a_real_exporter(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        demo_ear, real_ear = Ear(), Ear()
        real_camera = lab.host(switch, "10.9.0.21/24")
        with closing(Network(LOOPBACK, demo_ear)) as demo, closing(Network(QUICK, real_ear)) as real:
            async with CameraSite(OFFICE_CAMERAS[:3]), at(real_camera, camera(200)):
                results = await asyncio.gather(search(demo), search(real))
        assert demo_ear.devices.keys() == {each.device.mac for each in OFFICE_CAMERAS[:3]}
        assert real_ear.devices.keys() == {mac(200)}
        assert [result.segments for result in results] == [{"lo": True}, {"lan0": True}]

    async def test_is_not_searched_without_targets(self, here: Host) -> None:
        settings = LOOPBACK.model_copy(update={"targets": ()})
        with closing(Network(settings, Ear())) as watcher, capture(here, "lo") as wire:
            result = await search(watcher)
            assert wire.datagrams() == []
        assert result.segments == {"lo": False}


class TestInterfacesComeAndGo:
    @pytest.fixture(autouse=True)
    def all_lines(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO)

    async def test_one_that_is_down_is_a_blind_segment_until_it_is_up(
        self, here: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        here.ip("link", "set", "lan0", "down")
        with closing(Network(once_on("lan0"), Ear())) as watcher:
            down = [(await search(watcher)).segments for _ in range(2)]
            here.ip("link", "set", "lan0", "up")
            up = [(await search(watcher)).segments for _ in range(2)]
        assert (down, up) == ([{"lan0": False}] * 2, [{"lan0": True}] * 2)
        assert messages(caplog) == [
            "listening for cameras",
            "cannot search for cameras the interface is down or has no link",
            "searching for cameras again",
            "no longer listening for cameras",
        ]

    async def test_one_that_is_absent_is_a_blind_segment_until_it_is_made(
        self, lab: Lab, switch: Switch, here: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        with closing(Network(once_on("lan7", "lan0"), Ear())) as watcher:
            absent = await search(watcher)
            listening = watcher.listening
            here.connect(lab.switch(), "lan7", "10.7.0.1/24")
            made = await search(watcher)
            assert watcher.listening
        assert not listening
        assert absent.segments == {"lan7": False, "lan0": True}
        assert made.segments == {"lan7": True, "lan0": True}
        assert "cannot search for cameras there is no such interface" in messages(caplog)

    async def test_one_without_an_address_is_a_blind_segment_that_still_hears(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        here.ip("address", "flush", "dev", "lan0")
        ear = Ear()
        with (
            closing(Network(once_on("lan0"), ear)) as watcher,
            open_socket(lab.host(switch)) as source,
        ):
            result = await search(watcher)
            say(source, datagram())
            await until(lambda: ear.sightings)
        assert result.segments == {"lan0": False}

    async def test_one_named_by_its_address_keeps_its_name_when_the_address_goes(self, here: Host) -> None:
        with closing(Network(once_on("10.9.0.1", "10.9.9.9"), Ear())) as watcher:
            before = await search(watcher)
            here.ip("address", "flush", "dev", "lan0")
            after = await search(watcher)
        assert before.segments == {"lan0": True, "10.9.9.9": False}
        assert after.segments == {"lan0": False, "10.9.9.9": False}

    async def test_one_that_was_removed_and_made_again_is_searched_and_heard_again(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        ear = Ear()
        machine = lab.host(switch, "10.9.0.21/24")
        with closing(Network(QUICK, ear)) as watcher:
            async with at(machine, camera(1)):
                await search(watcher)
                here.ip("link", "delete", "lan0")
                here.connect(switch, "lan0", "10.9.0.1/24")
                ear.sightings.clear()
                result = await search(watcher)
        assert (result.answers, result.segments) == (1, {"lan0": True})
        assert ear.devices.keys() == {mac(1)}

    async def test_one_that_was_renamed_is_heard_under_its_new_name(self, lab: Lab, switch: Switch, here: Host) -> None:
        ear = Ear()
        with closing(Network(QUICK, ear)) as watcher:
            async with at(lab.host(switch, "10.9.0.21/24"), camera(1)):
                await search(watcher)
                for change in (("down",), ("name", "cctv"), ("up",)):
                    here.ip("link", "set", "cctv" if change == ("up",) else "lan0", *change)
                ear.sightings.clear()
                result = await search(watcher)
        assert result.segments == {"cctv": True}
        assert {each.interface for each in ear.sightings} == {"cctv"}

    async def test_without_any_there_is_nothing_to_listen_on_and_one_line_says_so(
        self, here: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        here.ip("link", "delete", "lan0")
        with closing(Network(ONCE, Ear())) as watcher:
            results = [await search(watcher) for _ in range(2)]
            assert not watcher.listening
        assert [result.segments for result in results] == [{}, {}]
        assert messages(caplog) == ["cannot search for cameras there is no interface that can broadcast"]

    @pytest.mark.parametrize("how", ["cable pulled", "removed", "made again"])
    async def test_one_that_is_lost_during_a_search_is_a_blind_segment(
        self, lab: Lab, switch: Switch, here: Host, caplog: pytest.LogCaptureFixture, how: str
    ) -> None:
        here.connect(lab.switch(), "lan1", "10.8.0.1/24")
        with closing(Network(QUICK, Ear())) as watcher, capture(here) as wire:
            searching = asyncio.create_task(search(watcher))
            await asked(wire)
            if how == "cable pulled":
                here.pull_cable("lan0")
            else:
                here.ip("link", "delete", "lan0")
            if how == "made again":
                here.connect(switch, "lan0", "10.9.0.1/24")
            during = await searching
            later = await search(watcher)
        is_back = how == "made again"
        assert during.segments == {"lan0": False, "lan1": True}
        assert later.segments == ({"lan0": True} if is_back else {}) | {"lan1": True}
        assert ("searching for cameras again" in messages(caplog)) is is_back

    async def test_one_named_twice_is_searched_though_one_of_its_addresses_goes(self, here: Host) -> None:
        here.ip("address", "add", "10.7.0.1/24", "dev", "lan0")
        with closing(Network(once_on("lan0", "10.7.0.1"), Ear())) as watcher:
            before = await search(watcher)
            here.ip("address", "delete", "10.7.0.1/24", "dev", "lan0")
            after = await search(watcher)
        assert (before.segments, after.segments) == ({"lan0": True}, {"lan0": True})

    async def test_a_cable_that_is_back_is_heard_at_once(self, lab: Lab, switch: Switch, here: Host) -> None:
        ear = Ear()
        with (
            closing(Network(once_on("lan0"), ear)) as watcher,
            open_socket(lab.host(switch)) as source,
        ):
            await search(watcher)
            here.pull_cable("lan0")
            assert (await search(watcher)).segments == {"lan0": False}
            here.plug_in("lan0")
            say(source, datagram())
            await until(lambda: ear.sightings)

    async def test_are_as_they_were_when_the_system_cannot_tell(
        self, here: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        answers: list[list[Interface]] = []

        def once() -> Sequence[Interface]:
            if answers:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            answers.append(read_interfaces())
            return answers[0]

        with closing(Network(ONCE, Ear(), interfaces=once)) as watcher:
            results = [await search(watcher) for _ in range(2)]
            assert watcher.listening
        assert [result.segments for result in results] == [{"lan0": True}] * 2
        assert messages(caplog, logging.WARNING) == ["cannot read the interfaces Too many open files"]

    def test_are_told_with_the_broadcast_address_of_every_network(self, lab: Lab, here: Host) -> None:
        here.ip("address", "add", "10.6.0.1/24", "broadcast", "10.6.0.254", "dev", "lan0", "label", "lan0:old")
        here.ip("address", "add", "10.5.0.1/31", "dev", "lan0")
        here.connect(lab.switch(), "lan1")
        found = {each.name: each for each in read_interfaces()}
        lan, bare, loopback = found["lan0"], found["lan1"], found["lo"]
        assert sorted((each.own, str(each.network), each.broadcast) for each in lan.addresses) == [
            ("10.5.0.1", "10.5.0.0/31", ""),
            ("10.6.0.1", "10.6.0.0/24", "10.6.0.254"),
            ("10.9.0.1", "10.9.0.0/24", "10.9.0.255"),
        ]
        assert (lan.trouble, bare.trouble) == ("", "the interface has no IPv4 address")
        assert (lan.is_loopback, lan.can_broadcast) == (False, True)
        assert (loopback.is_loopback, loopback.can_broadcast, loopback.destinations()) == (True, False, [])


class TestThePort:
    async def test_that_another_program_does_not_share_is_waited_for(
        self, here: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        with closing(Network(ONCE, Ear())) as watcher:
            with open_socket(here, easyip.LISTEN_PORT):
                taken = [(await search(watcher)).segments for _ in range(2)]
                listened = [watcher.listening]
            free = await search(watcher)
            listened.append(watcher.listening)
        assert listened == [False, True]
        assert (taken, free.segments) == ([{"lan0": False}] * 2, {"lan0": True})
        assert watcher.errors["listen"] == 2
        assert messages(caplog) == [
            "cannot search for cameras port 10669 is taken by a program that does not share it: stop that program",
            "listening for cameras",
            "searching for cameras again",
            "no longer listening for cameras",
        ]

    async def test_that_is_forbidden_is_explained(self, here: Host, caplog: pytest.LogCaptureFixture) -> None:
        settings = ONCE.model_copy(update={"listen_port": 669})
        with closing(Network(settings, Ear())) as watcher, unprivileged():
            result = await search(watcher)
        assert result.segments == {"lan0": False}
        assert watcher.errors["listen"] == 1
        assert messages(caplog) == [
            "cannot search for cameras listening on port 669 is not allowed: grant CAP_NET_RAW and CAP_NET_BIND_SERVICE"
        ]

    async def test_is_heard_on_without_any_privilege(self, lab: Lab, switch: Switch, here: Host) -> None:
        machine = lab.host(switch, "10.9.0.21/24")
        with closing(Network(QUICK, Ear())) as watcher:
            async with at(machine, camera(1)):
                with unprivileged():
                    result = await search(watcher)
        assert (result.answers, result.segments) == (1, {"lan0": True})

    async def test_whose_socket_fails_is_opened_again_by_the_next_search(
        self, lab: Lab, switch: Switch, here: Host, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        def fail(self: object) -> tuple[bytes, str, int]:
            raise OSError(errno.ENETDOWN, os.strerror(errno.ENETDOWN))

        with closing(Network(QUICK, Ear())) as watcher:
            async with at(lab.host(switch, "10.9.0.21/24"), camera(1)):
                with monkeypatch.context() as patch:
                    patch.setattr(network._Link, "receive", fail)
                    failed = await search(watcher)
                    assert not watcher.listening
                again = await search(watcher)
        assert (failed.segments, again.segments) == ({"lan0": False}, {"lan0": True})
        assert watcher.errors["listen"] == 1
        assert messages(caplog, logging.WARNING) == [
            "a listening socket failed Network is down",
            "cannot search for cameras the socket failed during the search",
        ]


@contextmanager
def unprivileged() -> Iterator[None]:
    """Give up root for a while, in all threads."""
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


class TestFloods:
    async def test_of_2000_answers_at_once_lose_nothing_though_the_loop_is_busy_beyond_the_window(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        ear = Ear()
        machine = lab.host(switch, "10.9.0.21/24")
        with closing(Network(ONCE, ear)) as watcher, open_socket(machine) as source, capture(machine) as wire:
            searching = asyncio.create_task(search(watcher))
            asker, _ = await asked(wire)
            say(source, *(datagram(number, easyip.Type.ANSWER, asker) for number in range(2000)))
            time.sleep(2 * ONCE.window)  # noqa: ASYNC251 - the loop is kept busy until the window is over
            result = await searching
        assert (result.answers, len(ear.devices)) == (2000, 2000)
        assert result.segments == {"lan0": True}
        assert not any(watcher.errors.values())

    async def test_leave_the_rest_of_the_loop_its_turn(self, lab: Lab, switch: Switch, here: Host) -> None:
        ear = Ear()
        with closing(Network(ONCE, ear)) as watcher, open_socket(lab.host(switch)) as source:
            await search(watcher)
            say(source, *[datagram()] * 500)
            turns = []
            for _ in range(50):
                before = len(ear.sightings)
                await asyncio.sleep(0)
                turns.append(len(ear.sightings) - before)
        assert sum(turns) == 500
        assert max(turns) <= 64

    async def test_that_the_kernel_drops_are_counted_to_the_last_datagram(
        self,
        lab: Lab,
        switch: Switch,
        here: Host,
        monkeypatch: pytest.MonkeyPatch,
        caplog: pytest.LogCaptureFixture,
    ) -> None:
        monkeypatch.setattr(network, "_BUFFER", 20_000)
        ear = Ear()
        with closing(Network(ONCE, ear)) as watcher, open_socket(lab.host(switch)) as source:
            await search(watcher)
            for flood in (300, 200):
                say(source, *[datagram()] * flood)
                await settled(ear)
                # The kernel tells with the next datagram that it takes.
                say(source, datagram())
                await settled(ear)
        assert 0 < watcher.errors["dropped"] < 502
        assert watcher.errors["dropped"] + len(ear.sightings) == 502
        assert messages(caplog, logging.WARNING) == ["datagrams dropped by the kernel"]

    async def test_are_counted_across_the_wrap_of_the_kernels_counter(
        self, lab: Lab, switch: Switch, here: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(network, "_BUFFER", 20_000)
        ear = Ear()
        with closing(Network(ONCE, ear)) as watcher, open_socket(lab.host(switch)) as source:
            await search(watcher)
            watcher._links["lan0"]._drops = 2**32 - 5
            say(source, *[datagram()] * 300)
            await settled(ear)
            say(source, datagram())
            await settled(ear)
        assert watcher.errors["dropped"] == 301 - len(ear.sightings) + 5

    async def test_of_garbage_are_counted_by_reason_and_told_once(
        self, lab: Lab, switch: Switch, here: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        ear = Ear()
        good = datagram()
        with closing(Network(ONCE, ear)) as watcher, open_socket(lab.host(switch)) as source:
            await search(watcher)
            for _ in range(500):
                say(source, b"", os.urandom(400), good[:-1], good + b"x", bytes(1473), bytes(3000))
            say(source, good[:-1] + bytes([good[-1] ^ 1]), good)
            await until(lambda: len(ear.sightings) == 2)
        assert watcher.errors == {
            "send": 0,
            "listen": 0,
            "dropped": 0,
            "checksum": 1,
            "truncated": 1000,
            "foreign": 500,
            "contradictory": 500,
            "oversized": 1000,
        }
        assert sorted(messages(caplog, logging.WARNING)) == [
            f"a bad datagram {reason}" for reason in ("checksum", "contradictory", "foreign", "oversized", "truncated")
        ]

    async def test_of_forged_answers_stop_being_counted_at_a_bound(
        self, lab: Lab, switch: Switch, here: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(network, "_MAX_ANSWERS", 10)
        machine = lab.host(switch, "10.9.0.21/24")
        with closing(Network(ONCE, Ear())) as watcher, open_socket(machine) as source, capture(machine) as wire:
            searching = asyncio.create_task(search(watcher))
            asker, _ = await asked(wire)
            say(source, *(datagram(number, easyip.Type.ANSWER, asker) for number in range(50)))
            result = await searching
        assert result.answers == 10


async def settled(ear: Ear) -> None:
    """Wait until everything that has arrived was read: on a veth pair it arrives while it is sent."""
    before = -1
    while len(ear.sightings) != before:
        before = len(ear.sightings)
        for _ in range(5):
            await asyncio.sleep(0)


class TestWhatIsHeard:
    async def test_never_ends_the_listening_though_judging_it_fails(
        self, lab: Lab, switch: Switch, here: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        heard = []

        def stumble(sighting: Sighting) -> None:
            heard.append(sighting)
            raise KeyError(sighting.device.mac)

        with closing(Network(ONCE, stumble)) as watcher, open_socket(lab.host(switch)) as source:
            await search(watcher)
            say(source, *[datagram()] * 3)
            await until(lambda: len(heard) == 3)
        assert messages(caplog, logging.WARNING) == ["a sighting was lost"]

    async def test_of_reconfigurations_is_told_once_within_an_hour_and_they_are_no_devices(
        self, lab: Lab, switch: Switch, here: Host, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO)
        ear = Ear()
        others = easyip.Type.ACK, easyip.Type.CONFIGURE, easyip.Type.COMMIT, easyip.Type.SEARCH
        with closing(Network(ONCE, ear)) as watcher, open_socket(lab.host(switch)) as source:
            for number in (1, 2):
                await search(watcher)
                say(source, *(datagram(number, kind) for kind in others), datagram(number))
                await until(partial(_has, ear.sightings, number))
        assert messages(caplog).count("a camera is being reconfigured") == 1
        assert {each.announced for each in ear.sightings} == {True}
        assert not any(watcher.errors.values())

    async def test_of_no_devices_mac_is_counted_as_a_contradiction(self, lab: Lab, switch: Switch, here: Host) -> None:
        ear = Ear()
        bad = easyip.encode(easyip.Datagram(easyip.Type.ANSWER, device_mac="ff:ff:ff:ff:ff:ff"))
        with closing(Network(ONCE, ear)) as watcher, open_socket(lab.host(switch)) as source:
            await search(watcher)
            say(source, bad, datagram())
            await until(lambda: ear.sightings)
        assert watcher.errors["contradictory"] == 1
        assert ear.devices.keys() == {"02:00:5e:11:00:01"}


class TestWhereSocketsCannotBeBoundToAnInterface:
    async def test_one_socket_serves_all_and_the_senders_network_tells_the_interface(
        self, lab: Lab, switch: Switch, here: Host, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(network, "_SO_BINDTODEVICE", None)
        second = lab.switch()
        here.connect(second, "lan1", "10.8.0.1/24")
        ear = Ear()
        first = lab.host(switch, "10.9.0.21/24")
        with closing(Network(QUICK, ear)) as watcher:
            async with at(first, camera(1)), at(lab.host(second, "10.8.0.22/24"), camera(2, "10.8.0.22")):
                result = await search(watcher)
            assert watcher.listening
            assert len(set(watcher._links.values())) == 1
            here.ip("link", "delete", "lan1")
            later = await search(watcher)
        assert {(each.device.mac, each.interface) for each in ear.sightings} == {(mac(1), "lan0"), (mac(2), "lan1")}
        assert result.segments == {"lan0": True, "lan1": True}
        assert later.segments == {"lan0": True}


class TestASearch:
    async def test_waits_for_the_one_before(self, here: Host) -> None:
        with closing(Network(ONCE, Ear())) as watcher, capture(here) as wire:
            results = await asyncio.gather(search(watcher), search(watcher))
            assert len(wire.datagrams()) == 4
        assert results[1].monotonic - results[0].monotonic >= ONCE.window

    async def test_is_dated_by_the_clocks_it_was_given(self, here: Host) -> None:
        watcher = Network(ONCE, Ear(), now=lambda: 1_700_000_000.0, monotonic=lambda: 7.0)
        with closing(watcher):
            result = await search(watcher)
        assert (result.at, result.monotonic, result.duration) == (1_700_000_000.0, 7.0, 0.0)

    async def test_that_is_cancelled_leaves_the_listening_and_the_next_search_alone(
        self, lab: Lab, switch: Switch, here: Host
    ) -> None:
        ear = Ear()
        with closing(Network(CameraSearch(window=0.9), ear)) as watcher, open_socket(lab.host(switch)) as source:
            searching = asyncio.create_task(search(watcher))
            await until(lambda: watcher.listening)
            searching.cancel()
            await asyncio.wait([searching])
            say(source, datagram())
            await until(lambda: ear.sightings)
            assert (await search(watcher, lambda: True)).segments == {"lan0": True}

    async def test_under_way_ends_by_itself_when_the_settings_change(self, here: Host) -> None:
        with closing(Network(QUICK, Ear())) as watcher, capture(here) as wire:
            searching = asyncio.create_task(search(watcher))
            await asked(wire)
            watcher.configure(ONCE.model_copy(update={"interfaces": ("lan0",), "listen_port": 10_671}))
            assert (await searching).segments == {}
            assert not watcher.listening
            assert (await search(watcher)).segments == {"lan0": True}
            sent = [each for each in wire.datagrams() if each.port == easyip.DEVICE_PORT]
        assert len(sent) == 2


def test_every_reason_is_counted_from_the_start() -> None:
    assert Network(ONCE, Ear()).errors == dict.fromkeys(
        ("send", "listen", "dropped", "checksum", "truncated", "oversized", "contradictory", "foreign"), 0
    )


def test_a_socket_that_was_never_opened_is_not_listening() -> None:
    watcher = Network(ONCE, Ear())
    assert not watcher.listening
    watcher.close()


def test_the_address_inside_a_search_is_of_the_network_it_goes_to() -> None:
    addresses = tuple(
        Address(own, IPv4Network(lan), broadcast)
        for own, lan, broadcast in (
            ("10.9.0.1", "10.9.0.0/24", "10.9.0.255"),
            ("10.9.0.2", "10.9.0.0/24", "10.9.0.255"),
            ("10.5.0.1", "10.5.0.1/32", ""),
            ("10.7.0.1", "10.7.0.0/25", "10.7.0.127"),
        )
    )
    lan = Interface("lan0", 2, is_up=True, is_loopback=False, can_broadcast=True, addresses=addresses)
    assert sorted(lan.destinations()) == [
        ("10.7.0.1", "10.7.0.127"),
        ("10.9.0.1", "10.9.0.255"),
        ("10.9.0.1", EVERYONE),
    ]
    assert [lan.towards(host) for host in ("10.7.0.9", "10.9.0.9", "172.16.0.1")] == [
        "10.7.0.1",
        "10.9.0.1",
        "10.9.0.1",
    ]
