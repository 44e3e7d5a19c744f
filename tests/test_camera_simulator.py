"""Simulated cameras: what they say when, and how they say it on a socket."""

import asyncio
import math
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from exporter.cameras import easyip
from exporter.cameras.model import Device
from exporter.simulator.cameras import OFFICE_CAMERAS, CameraSite, SimulatedCamera
from tests.support import timetravel

EVERYONE_HERE = "127.255.255.255"
REQUESTER = "02:aa:bb:cc:dd:ee", "192.0.2.10"
LOBBY = Device(
    "02:00:5e:10:00:01",
    address="127.44.2.1",
    netmask="255.0.0.0",
    gateway="127.0.0.1",
    port=80,
    name="Lobby",
    model="SIM1000",
    serial="SIM00001",
    firmware="1.00",
    network_mode="static",
    admin_password_set=True,
    setup_window_open=False,
)
NEW = SimulatedCamera(LOBBY, started=0.0)
OLD = SimulatedCamera(LOBBY)
LIMIT = 10.0


def parsed(data: bytes | None) -> easyip.Datagram:
    assert data is not None
    return easyip.parse(data)


def told(data: bytes | None) -> Device:
    device = easyip.device(parsed(data))
    assert device is not None
    return device


class TestACamera:
    def test_says_in_an_answer_what_it_is_and_echoes_who_asked(self) -> None:
        answer = parsed(OLD.answer(REQUESTER, 5.0))
        assert easyip.device(answer) == LOBBY
        assert (answer.type, answer.requester_mac, answer.requester_address) == (easyip.Type.ANSWER, *REQUESTER)
        assert (answer.role, answer.generation, answer.checksum) == (2, 2, None)

    def test_says_static_in_the_two_ways_of_answers_and_announcements(self) -> None:
        modes = [dict(parsed(data).tags)[0] for data in (NEW.answer(REQUESTER, 5.0), NEW.announcement(5.0))]
        assert modes == [b"\2", b"\3"]

    def test_announces_itself_for_20_minutes_after_a_start_with_its_window_open(self) -> None:
        announced = [NEW.announcement(elapsed) is not None for elapsed in (0, 1199, 1200, 9999)]
        assert announced == [True, True, False, False]
        assert told(NEW.announcement(5.0)) == replace(LOBBY, setup_window_open=True)
        assert parsed(NEW.announcement(5.0)).requester_mac == easyip.NO_MAC
        assert [told(NEW.answer(REQUESTER, elapsed)).setup_window_open for elapsed in (5, 1500)] == [True, False]

    def test_that_started_long_ago_does_not_announce_itself(self) -> None:
        assert OLD.announcement(0.0) is None

    def test_with_a_window_for_ever_never_ceases_to(self) -> None:
        assert SimulatedCamera(LOBBY, setup_window=math.inf).announcement(1e6) is not None

    def test_may_only_announce_or_only_answer(self) -> None:
        assert replace(NEW, answers=False).answer(REQUESTER, 5.0) is None
        assert replace(NEW, announces=False).announcement(5.0) is None

    def test_takes_its_addresses_in_turn_and_announces_each(self) -> None:
        moving = replace(OLD, moves=("127.44.2.1", "127.44.2.2"), moves_every=3000.0)
        addresses = [told(moving.answer(REQUESTER, elapsed)).address for elapsed in (0, 2999, 3000, 6000)]
        assert addresses == ["127.44.2.1", "127.44.2.1", "127.44.2.2", "127.44.2.1"]
        announced = [moving.announcement(elapsed) is not None for elapsed in (2999, 3000, 4199, 4200, 6000)]
        assert announced == [False, True, True, False, True]

    def test_is_off_at_the_end_of_each_span_and_starts_anew(self) -> None:
        flaky = replace(OLD, silent_every=3000.0, silent_for=600.0)
        spoke = [flaky.answer(REQUESTER, elapsed) is not None for elapsed in (0, 2399, 2400, 2999, 3000, 5400)]
        assert spoke == [True, True, False, False, True, False]
        announced = [flaky.announcement(elapsed) is not None for elapsed in (2399, 3000, 4199, 4200)]
        assert announced == [False, True, True, False]

    def test_answers_within_20_to_40_ms_always_the_same_for_one_and_different_for_many(self) -> None:
        delays = [replace(OLD, device=Device(f"02:00:5e:10:00:{n:02x}")).delay for n in range(100)]
        assert all(0.02 <= delay <= 0.04 for delay in delays)
        assert len(set(delays)) > 50
        assert OLD.delay == SimulatedCamera(LOBBY).delay

    def test_that_does_not_tell_of_password_and_window_keeps_silent_on_them(self) -> None:
        reticent = replace(LOBBY, admin_password_set=None, setup_window_open=None)
        assert told(SimulatedCamera(reticent).answer(REQUESTER, 5.0)) == reticent

    def test_may_be_a_recorder_with_the_header_and_the_tags_of_one(self) -> None:
        recorder = replace(LOBBY, kind="recorder", name="", firmware="")
        answer = parsed(SimulatedCamera(recorder).answer(REQUESTER, 5.0))
        assert answer.role == 0
        assert not {0xA0, 0xA1, 0xA2, 0xA7, 0xA9} & {tag for tag, _ in answer.tags}
        assert easyip.device(answer) == recorder


class TestTheOffice:
    def test_has_ten_cameras_and_a_recorder_each_with_a_mac_of_its_own(self) -> None:
        devices = [each.device for each in OFFICE_CAMERAS]
        assert Counter(device.kind for device in devices) == {"camera": 10, "recorder": 1}
        assert len({device.mac for device in devices}) == len(devices)

    def test_has_everyday_troubles(self) -> None:
        spans = [0.5 + 60 * minute for minute in range(60)]
        histories = [[each.device_at(elapsed) for elapsed in spans] for each in OFFICE_CAMERAS]
        addresses = [{device.address for device in history if device} for history in histories]
        assert sum(len(each) > 1 for each in addresses) == 1
        assert sum(None in history for history in histories) == 1
        assert [each.device.name for each in OFFICE_CAMERAS if not each.answers] == ["Stairwell"]
        now = [device for device, *_ in histories if device]
        assert sorted(Counter(device.address for device in now).values())[-2:] == [1, 2]
        assert [device.name for device in now if device.admin_password_set is False] == ["Server room"]
        assert "Workshop" in {device.name for device in now if device.setup_window_open}

    def test_stays_on_loopback(self) -> None:
        addresses = {each.device.address for each in OFFICE_CAMERAS} | {
            a for each in OFFICE_CAMERAS for a in each.moves
        }
        assert all(address.startswith("127.44.") for address in addresses)

    def test_says_on_the_wire_what_it_is(self) -> None:
        for each in OFFICE_CAMERAS:
            data = each.answer(REQUESTER, 5.0) or each.announcement(5.0)
            assert told(data) == each.device_at(5.0)


@contextmanager
def watcher() -> Iterator[socket.socket]:
    """Yield a socket that hears what cameras broadcast on loopback, at a port of its own."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        opened.bind((EVERYONE_HERE, 0))
        opened.setblocking(False)
        yield opened


def site(
    ear: socket.socket,
    *cameras: SimulatedCamera,
    announce_every: float = 5.0,
    clock: Callable[[], float] = time.monotonic,
) -> CameraSite:
    """Return cameras that speak to a watcher, and listen on a port that is free."""
    with watcher() as free:
        ports = ear.getsockname()[1], free.getsockname()[1]
    return CameraSite(cameras, listen_port=ports[0], device_port=ports[1], announce_every=announce_every, clock=clock)


def ask(ear: socket.socket, cameras: CameraSite, search: bytes | None = None) -> None:
    ear.sendto(search or easyip.search(*REQUESTER), (EVERYONE_HERE, cameras._device_port))


def heard(ear: socket.socket) -> list[tuple[easyip.Datagram, str]]:
    """Return what has come so far, and from which address."""
    found: list[tuple[easyip.Datagram, str]] = []
    while True:
        try:
            data, (source, _) = ear.recvfrom(2048)
        except BlockingIOError:
            return found
        found.append((easyip.parse(data), source))


async def answers(ear: socket.socket, count: int) -> list[tuple[easyip.Datagram, str]]:
    """Wait for so many datagrams."""
    found: list[tuple[easyip.Datagram, str]] = []
    async with asyncio.timeout(LIMIT):
        while len(found) < count:
            await asyncio.sleep(0.005)
            found += heard(ear)
    return found


class TestASite:
    async def test_answers_a_search_by_broadcast_each_camera_from_its_own_address(self) -> None:
        cameras = [
            replace(OLD, device=replace(LOBBY, mac=f"02:00:5e:10:00:0{n}", address=f"127.44.2.{n}")) for n in (1, 2)
        ]
        with watcher() as ear:
            async with site(ear, *cameras) as running:
                ask(ear, running)
                found = await answers(ear, 2)
        assert {(datagram.device_mac, source) for datagram, source in found} == {
            ("02:00:5e:10:00:01", "127.44.2.1"),
            ("02:00:5e:10:00:02", "127.44.2.2"),
        }
        assert {datagram.requester_mac for datagram, _ in found} == {REQUESTER[0]}
        assert running.answered == 2

    async def test_answers_the_searches_of_older_tools_too(self) -> None:
        good = easyip.search(*REQUESTER)
        wrong_checksum = good[:-1] + bytes([good[-1] ^ 1])
        # The length is a count of tags, as one old tool writes it.
        old = good[:2] + b"\0\x13" + good[4:]
        with watcher() as ear:
            async with site(ear, OLD) as running:
                for search in (wrong_checksum, old):
                    ask(ear, running, search)
                    await answers(ear, 1)
        assert running.answered == 2

    async def test_answers_nothing_but_searches(self) -> None:
        search = easyip.search(*REQUESTER)
        with watcher() as ear:
            async with site(ear, OLD) as running:
                for junk in (b"junk", search[:40], OLD.answer(REQUESTER, 0.0) or b"", search):
                    ask(ear, running, junk)
                await answers(ear, 1)
            assert heard(ear) == []
        assert running.answered == 1

    async def test_answers_once_for_searches_that_come_while_the_answer_is_under_way(self) -> None:
        with watcher() as ear:
            async with site(ear, OLD) as running:
                for _ in range(20):
                    ask(ear, running)
                other = easyip.search("02:00:00:00:00:07", "192.0.2.11")
                ask(ear, running, other)
                found = await answers(ear, 2)
            assert heard(ear) == []
        assert {datagram.requester_mac for datagram, _ in found} == {REQUESTER[0], "02:00:00:00:00:07"}

    async def test_that_is_closed_sends_nothing_more(self) -> None:
        with watcher() as ear:
            async with site(ear, NEW, announce_every=0.02) as running:
                ask(ear, running)
                await answers(ear, 1)
            said = running.answered + running.announced
            await asyncio.sleep(0.1)
            assert running.answered + running.announced == said

    def test_announces_240_times_in_20_minutes_and_then_no_more(self) -> None:
        async def listen() -> int:
            loop = asyncio.get_running_loop()
            count = 0
            with watcher() as ear:
                async with site(ear, NEW, clock=loop.time) as running:
                    while loop.time() < 3000:
                        await asyncio.sleep(60)
                        count += len(heard(ear))
                    assert running.announced == count
            return count

        assert timetravel.run(listen()) == 240

    def test_loses_the_share_that_it_is_told_to(self) -> None:
        async def listen() -> int:
            loop = asyncio.get_running_loop()
            count = 0
            with watcher() as ear:
                async with site(ear, *[replace(NEW, loss=0.3)] * 10, clock=loop.time):
                    while loop.time() < 1200:
                        await asyncio.sleep(60)
                        count += len(heard(ear))
            return count

        assert 0.65 * 2400 < timetravel.run(listen()) < 0.75 * 2400


@contextmanager
def command(*options: str) -> Iterator["subprocess.Popen[str]"]:
    """Run the command line, at most until the end of the block."""
    line = [sys.executable, "-m", "exporter.simulator.cameras", *options]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def stop(process: "subprocess.Popen[str]") -> str:
    """Stop it as a service manager does, and return what it said at its end."""
    process.terminate()
    last, _ = process.communicate(timeout=LIMIT)
    assert process.returncode == 0
    return last.strip()


def said(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def await_datagrams(ear: socket.socket, count: int) -> list[easyip.Datagram]:
    ear.settimeout(LIMIT)
    return [easyip.parse(ear.recv(2048)) for _ in range(count)]


class TestTheCommand:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            (
                ("--count", "2", "--mac", "02:00:5e:30:00:ff", "--address", "127.44.1.255"),
                [
                    ("02:00:5e:30:00:ff", "127.44.1.255", "Camera 1", "camera"),
                    ("02:00:5e:30:01:00", "127.44.2.0", "Camera 2", "camera"),
                ],
            ),
            (("--name", "Lobby"), [("02:00:5e:20:00:01", "127.44.1.1", "Lobby", "camera")]),
            (("--recorder",), [("02:00:5e:20:00:01", "127.44.1.1", "", "recorder")]),
        ],
    )
    def test_runs_cameras_until_it_is_stopped_and_says_what_they_sent(
        self, options: tuple[str, ...], expected: list[tuple[str, str, str, str]]
    ) -> None:
        with watcher() as ear:
            aside = site(ear)
            with command(*options, *ports(aside), "--answer-only") as process:
                assert said(process) == f"ready {len(expected)}"
                ask(ear, aside)
                found = await_datagrams(ear, len(expected))
                assert stop(process) == f"answered {len(expected)} announced 0"
        devices = [device for device in map(easyip.device, found) if device]
        assert sorted((each.mac, each.address, each.name, each.kind) for each in devices) == expected

    def test_announces_without_being_asked_and_may_keep_to_that(self) -> None:
        with watcher() as ear:
            aside = site(ear)
            with command(*ports(aside), "--announce-only", "--announce-every", "0.05") as process:
                assert said(process) == "ready 1"
                ask(ear, aside)
                found = await_datagrams(ear, 5)
                assert stop(process).startswith("answered 0 announced ")
        assert {datagram.type for datagram in found} == {easyip.Type.ANNOUNCEMENT}


def ports(aside: CameraSite) -> tuple[str, ...]:
    return "--listen-port", str(aside._listen_port), "--device-port", str(aside._device_port)
