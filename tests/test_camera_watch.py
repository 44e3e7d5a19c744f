"""The camera side of the running exporter: real datagrams on loopback, a real state file, reloads and restarts."""

import asyncio
import logging
import re
import socket
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from exporter import config
from exporter.app import App
from exporter.cameras.model import AddressChange, Camera, Device, camera
from exporter.cameras.registry import KIND
from exporter.cameras.stored import dump, load
from exporter.config import Config, ConfigError
from exporter.simulator.cameras import CameraSite, SimulatedCamera
from exporter.state import Changes, Event, State, StateError
from exporter.web import discovery, exposition
from tests.support.agents import free_port

LOBBY, DOCK, YARD = (f"02:00:5e:10:00:0{number}" for number in (1, 2, 3))
NOW = 1_790_000_000.0


def simulated(mac: str, name: str, address: str) -> SimulatedCamera:
    return SimulatedCamera(Device(mac, address, port=80, name=name, model="M", firmware="1.0", network_mode="static"))


CAMERAS = (
    simulated(LOBBY, "Lobby", "127.44.9.1"),
    simulated(DOCK, "Dock", "127.44.9.2"),
    simulated(YARD, "Yard", "127.44.9.3"),
)


@dataclass
class Site:
    """Where the simulated cameras are, and a config that finds them there; the rest is for a test to change."""

    state: Path
    listen_port: int = field(default_factory=lambda: free_port("127.0.0.1"))
    device_port: int = field(default_factory=lambda: free_port("127.0.0.1"))
    cameras: str = ""
    enabled: str = "true"
    window: str = "250ms"
    now: float = NOW

    def load(self) -> Config:
        return config.parse(
            f"""
            polling: {{ min_interval: 0 }}
            state: {{ path: "{self.state}" }}
            cameras:
              enabled: {self.enabled}
              search:
                interfaces: [lo]
                targets: [127.255.255.255]
                listen_port: {self.listen_port}
                device_port: {self.device_port}
                attempts: 1
                window: {self.window}
              {self.cameras}
            printers: []
            """
        )

    @asynccontextmanager
    async def present(self, cameras: Sequence[SimulatedCamera] = CAMERAS) -> AsyncIterator[None]:
        """Have these cameras there."""
        async with CameraSite(cameras, listen_port=self.listen_port, device_port=self.device_port):
            yield

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[App]:
        """Run the exporter."""
        app = App(self.load, now=lambda: self.now)
        await app.start()
        try:
            yield app
        finally:
            await app.close()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path / "state.db")


async def scraped(app: App) -> str:
    """Search once more, wait until the state is written, and return the exposition."""
    await app.scrape(["cameras"], 10)
    assert app.saver
    await app.saver.saved()
    return b"".join(exposition.stream("", app.groups(["cameras"]), app.registry)).decode()


def value(text: str, name: str, mac: str = "", **labels: str) -> float | None:
    """Return the value of the one series with these labels, None when there is none."""
    wanted = ({"mac": mac} if mac else {}) | labels
    found = [
        float(number)
        for shown, number in re.findall(rf"(?m)^{name}(?:{{(.*)}})? (\S+)$", text)
        if all(f'{label}="{content}"' in shown for label, content in wanted.items())
    ]
    assert len(found) <= 1
    return found[0] if found else None


def status(text: str, mac: str) -> str:
    (name,) = re.findall(rf'(?m)^camera_status{{mac="{mac}".*status="(\w+)"}} 1$', text)
    return str(name)


@contextmanager
def other_program(path: Path) -> Iterator[State]:
    with closing(State(path)) as state:
        state.documents(KIND)
        yield state


async def beside(path: Path, changes: Changes) -> None:
    """Write to the state as a command does while the exporter runs."""

    def write() -> None:
        with other_program(path) as state:
            while not state.write(changes):  # the exporter was first
                state.documents(KIND)

    await asyncio.to_thread(write)


def stored(path: Path) -> dict[str, Camera]:
    with closing(State(path, read_only=True)) as state:
        return {mac: load(mac, text) for mac, text in state.documents(KIND).items()}


def stored_events(path: Path, mac: str) -> list[tuple[str, str | None, str | None]]:
    with closing(State(path, read_only=True)) as state:
        return [(event.what, event.before, event.after) for event in state.events(KIND, mac)]


async def test_cameras_that_answer_are_shown_with_the_exporter_and_to_service_discovery(site: Site) -> None:
    async with site.present(), site.watched() as app:
        text = await scraped(app)
        assert [status(text, mac) for mac in (LOBBY, DOCK, YARD)] == ["active"] * 3
        assert value(text, "camera_search_answers") == 3
        assert value(text, "camera_segment_up", interface="lo") == 1
        assert value(text, "camera_listener_up") == 1
        assert value(text, "printcam_exporter_devices", kind="camera") == 3
        assert value(text, "printcam_exporter_state_writable") == 1
        targets = [group["targets"] for group in discovery.camera_targets(app.camera_views())]
        assert targets == [["127.44.9.1:80"], ["127.44.9.2:80"], ["127.44.9.3:80"]]


async def test_the_first_search_needs_no_scrape(site: Site) -> None:
    async with site.present(), site.watched() as app:
        async with asyncio.timeout(5):
            while app.camera_count < len(CAMERAS):
                await asyncio.sleep(0.02)


async def test_a_restart_keeps_every_field_and_counts_on(site: Site) -> None:
    moved = replace(CAMERAS[0], moves=("127.44.9.9",), moves_every=1e9)
    async with site.watched() as app:
        async with site.present():
            await scraped(app)
        async with site.present([moved, *CAMERAS[1:]]):
            site.now += 60
            await scraped(app)
    before = await asyncio.to_thread(stored, site.state)
    assert before[LOBBY].address_changes == 1
    async with site.watched() as app:
        assert app.watch
        assert {mac: replace(each, up=None) for mac, each in app.watch.registry.cameras.items()} == before
        text = b"".join(exposition.stream("", app.groups(["cameras"]), None)).decode()
        assert status(text, LOBBY) == "ip_changed"
        assert value(text, "camera_up", LOBBY) is None, "nobody has looked yet"
        async with site.present([moved, *CAMERAS[1:]]):
            site.now += 3600
            text = await scraped(app)
    discoveries = before[LOBBY].discoveries
    assert value(text, "camera_discoveries_total", LOBBY) in {discoveries + 1, discoveries + 2}
    assert value(text, "camera_first_seen_timestamp_seconds", LOBBY) == NOW
    assert value(text, "camera_last_seen_timestamp_seconds", LOBBY) == NOW + 3660
    labels = {"address": "127.44.9.9", "previous_address": "127.44.9.1"}
    assert value(text, "camera_ip_changed_timestamp_seconds", LOBBY, **labels) == NOW + 60
    assert [event for event in await asyncio.to_thread(stored_events, site.state, LOBBY) if event[0] == "address"] == [
        ("address", None, "127.44.9.1"),
        ("address", "127.44.9.1", "127.44.9.9"),
    ]


async def test_a_camera_forgotten_by_a_command_is_gone_with_the_next_search(site: Site) -> None:
    async with site.watched() as app:
        async with site.present():
            await scraped(app)
        await beside(site.state, Changes({(KIND, DOCK): None}))
        async with site.present([CAMERAS[0], CAMERAS[2]]):
            await scraped(app)
            text = await scraped(app)
        assert f'mac="{DOCK}"' not in text
        assert status(text, LOBBY) == "active"
    assert DOCK not in await asyncio.to_thread(stored, site.state)


async def test_what_a_command_imports_is_taken_over_while_running(site: Site) -> None:
    imported = replace(camera(LOBBY), first_seen=NOW - 9e6, last_seen=NOW - 8e6, earlier_discoveries=70)
    new = replace(camera(YARD), device=Device(YARD, "127.44.9.3", name="Yard"), label="Yard")
    event = Event(KIND, LOBBY, NOW - 9e6, "address", None, "127.44.9.7")
    async with site.present(CAMERAS[:1]), site.watched() as app:
        await scraped(app)
        await beside(site.state, Changes({(KIND, LOBBY): dump(imported), (KIND, YARD): dump(new)}, [event]))
        await scraped(app)
        text = await scraped(app)
    assert value(text, "camera_first_seen_timestamp_seconds", LOBBY) == NOW - 9e6
    discoveries = value(text, "camera_discoveries_total", LOBBY)
    assert discoveries is not None
    assert discoveries > 70
    assert value(text, "camera_listed", YARD) == 0
    kept = await asyncio.to_thread(stored, site.state)
    assert kept[LOBBY].earlier_discoveries == 70
    assert kept[LOBBY].discoveries == discoveries - 70
    assert ("address", None, "127.44.9.7") in await asyncio.to_thread(stored_events, site.state, LOBBY)


async def test_what_was_to_be_written_in_a_conflict_is_written_with_what_the_other_wrote(site: Site) -> None:
    moved = replace(CAMERAS[0], moves=("127.44.9.9",), moves_every=1e9)
    imported = replace(camera(LOBBY), first_seen=NOW - 9e6, earlier_discoveries=70)
    async with site.watched() as app:
        async with site.present(CAMERAS[:1]):
            await scraped(app)
        await beside(site.state, Changes({(KIND, LOBBY): dump(imported), (KIND, YARD): dump(camera(YARD))}))
        site.now += 60
        async with site.present([moved, CAMERAS[1]]):
            await scraped(app)
    kept = await asyncio.to_thread(stored, site.state)
    assert kept[LOBBY].address_change == AddressChange(NOW + 60, "127.44.9.9", "127.44.9.1")
    assert (kept[LOBBY].first_seen, kept[LOBBY].earlier_discoveries) == (NOW - 9e6, 70)
    assert kept[DOCK].last_seen == NOW + 60
    assert ("address", "127.44.9.1", "127.44.9.9") in await asyncio.to_thread(stored_events, site.state, LOBBY)


async def test_a_camera_forgotten_while_it_changed_leaves_nothing(site: Site) -> None:
    moved = replace(CAMERAS[0], moves=("127.44.9.9",), moves_every=1e9)
    async with site.watched() as app:
        async with site.present(CAMERAS[:1]):
            await scraped(app)
        async with site.present([moved]):
            await beside(site.state, Changes({(KIND, LOBBY): None}))
            await scraped(app)
    assert await asyncio.to_thread(stored, site.state) == {}
    assert await asyncio.to_thread(stored_events, site.state, LOBBY) == []


async def test_a_listed_camera_that_is_no_longer_does_not_come_back_in_a_conflict(site: Site) -> None:
    site.cameras = f'known: [{{ mac: "{YARD}" }}]'
    async with site.watched() as app:
        await scraped(app)
        await beside(site.state, Changes({(KIND, DOCK): dump(replace(camera(DOCK), first_seen=NOW))}))
        site.cameras = ""
        await app.reload()
        await scraped(app)
        await scraped(app)
        assert app.watch
        assert list(app.watch.registry.cameras) == [DOCK]
    assert list(await asyncio.to_thread(stored, site.state)) == [DOCK]


async def test_closing_writes_what_was_heard_since_the_last_search(site: Site) -> None:
    announcing = replace(CAMERAS[0], started=0.0, answers=False)
    async with site.watched() as app:
        await scraped(app)
        async with CameraSite(
            [announcing], listen_port=site.listen_port, device_port=site.device_port, announce_every=0.05
        ):
            async with asyncio.timeout(5):
                while app.camera_count == 0:
                    await asyncio.sleep(0.02)
    assert list(await asyncio.to_thread(stored, site.state)) == [LOBBY]


async def test_what_is_heard_between_two_searches_is_logged_by_the_next(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    announcing = replace(CAMERAS[0], started=0.0, answers=False)
    async with site.watched() as app:
        await scraped(app)
        async with CameraSite(
            [announcing], listen_port=site.listen_port, device_port=site.device_port, announce_every=0.05
        ):
            async with asyncio.timeout(5):
                while app.camera_count == 0:
                    await asyncio.sleep(0.02)
        await scraped(app)
    assert caplog.messages.count("camera found") == 1


async def test_a_search_that_a_reload_breaks_off_leaves_no_trace_and_a_new_one_begins(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.window = "10s"
    async with site.present(), site.watched() as app:
        async with asyncio.timeout(5):
            while app.camera_count < len(CAMERAS):
                await asyncio.sleep(0.02)
        site.window = "250ms"
        await app.reload()
        text = await scraped(app)
        assert value(text, "camera_segment_up", interface="lo") == 1
        assert 'interface=""' not in text
        assert value(text, "camera_search_answers") == 3
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


async def test_a_reload_that_ceases_to_watch_during_a_search_ends_it(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.window = "10s"
    async with site.present(), site.watched() as app:
        async with asyncio.timeout(5):
            while app.camera_count < len(CAMERAS):
                await asyncio.sleep(0.02)
        site.enabled = "false"
        await app.reload()
        assert app.groups(["cameras"]) == []
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert len(await asyncio.to_thread(stored, site.state)) == len(CAMERAS), "what was heard is kept"


async def test_a_search_goes_on_over_a_reload_that_changes_only_names(site: Site) -> None:
    site.window = "1s"
    async with site.present(), site.watched() as app:
        search = asyncio.create_task(app.scrape(["cameras"], 10))
        async with asyncio.timeout(5):
            while app.camera_count < len(CAMERAS):
                await asyncio.sleep(0.02)
        site.cameras = f'known: [{{ mac: "{LOBBY}", name: Entrance }}]'
        await app.reload()
        await search
        assert app.watch
        assert app.watch.last
        assert app.watch.last.answers == len(CAMERAS)
        assert app.camera_views()[0].name == "Entrance"


async def test_a_reload_takes_thresholds_to_the_judgement(site: Site) -> None:
    site.cameras = "offline_after: 1000"
    async with site.watched() as app:
        async with site.present():
            await scraped(app)
        await scraped(app)
        text = await scraped(app)
        assert status(text, LOBBY) == "active", "with two others as silent, the segment would be blind"
        async with site.present(CAMERAS[1:]):
            site.cameras = "offline_after: 1"
            await app.reload()
            text = await scraped(app)
            text = await scraped(app)
        assert status(text, LOBBY) == "offline"


async def test_a_state_file_that_is_taken_away_is_told(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    async with site.present(), site.watched() as app:
        await scraped(app)
        await asyncio.to_thread(site.state.rename, site.state.with_name("moved.db"))
        text = await scraped(app)
        assert value(text, "printcam_exporter_state_writable") == 0
        assert status(text, LOBBY) == "active"
    assert any("moved or deleted" in str(record.__dict__.get("error")) for record in caplog.records)


async def test_a_stored_camera_that_another_program_spoilt_does_not_stop_the_others(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async with site.present(), site.watched() as app:
        await scraped(app)
        await beside(site.state, Changes({(KIND, "nonsense"): "{}"}))
        assert status(await scraped(app), LOBBY) == "active"
    assert "what another program stored cannot be used" in caplog.messages


async def test_while_the_state_cannot_be_written_everything_goes_on_and_is_written_later(site: Site) -> None:
    async with site.present(), site.watched() as app:
        await scraped(app)
        with closing(await asyncio.to_thread(sqlite3.connect, site.state, check_same_thread=False)) as locker:
            await asyncio.to_thread(locker.execute, "BEGIN IMMEDIATE")
            site.now += 100
            text = await scraped(app)
            assert value(text, "printcam_exporter_state_writable") == 0
            assert value(text, "camera_last_seen_timestamp_seconds", LOBBY) == NOW + 100
            await asyncio.to_thread(locker.rollback)
        text = await scraped(app)
        assert value(text, "printcam_exporter_state_writable") == 1
    assert (await asyncio.to_thread(stored, site.state))[LOBBY].last_seen == NOW + 100


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("{}", f"camera {LOBBY}: mac: Field required"),
        ("nonsense", f"camera {LOBBY}: : Invalid JSON"),
        (dump(camera(DOCK)), f"camera {LOBBY}: it is stored as {DOCK}"),
    ],
)
async def test_a_stored_camera_that_cannot_be_read_stops_the_start(site: Site, body: str, why: str) -> None:
    await beside(site.state, Changes({(KIND, LOBBY): body}))
    app = App(site.load)
    with pytest.raises(StateError, match=re.escape(why)):
        await app.start()
    await app.close()


async def test_a_reload_takes_names_and_thresholds_over_and_keeps_what_was_counted(site: Site) -> None:
    async with site.present(), site.watched() as app:
        before = value(await scraped(app), "camera_discoveries_total", LOBBY)
        site.cameras = f'known: [{{ mac: "{LOBBY}", name: Entrance, location: B7, labels: {{ floor: "2" }} }}]'
        await app.reload()
        text = b"".join(exposition.stream("", app.groups(["cameras"]), None)).decode()
    labels = {"camera": "Entrance", "location": "B7", "floor": "2"}
    assert value(text, "camera_discoveries_total", LOBBY, **labels) == before
    assert value(text, "camera_listed", LOBBY) == 1


async def test_a_reload_can_cease_to_watch_and_begin_again(site: Site) -> None:
    async with site.present(), site.watched() as app:
        await scraped(app)
        site.enabled = "false"
        await app.reload()
        assert app.groups(["cameras"]) == []
        assert app.camera_views() == []
        assert app.camera_count == 0
        await app.scrape(["cameras"], 1)
        site.enabled = "true"
        await app.reload()
        text = await scraped(app)
    assert status(text, LOBBY) == "active"
    assert value(text, "camera_first_seen_timestamp_seconds", LOBBY) == NOW


async def test_a_reload_moves_the_search_to_other_ports(site: Site) -> None:
    async with site.watched() as app:
        await scraped(app)
        site.listen_port, site.device_port = free_port("127.0.0.1"), free_port("127.0.0.1")
        await app.reload()
        async with site.present():
            text = await scraped(app)
            text = await scraped(app)
    assert value(text, "camera_search_answers") == 3


async def test_a_reload_that_cannot_read_the_cameras_kept_changes_nothing(site: Site) -> None:
    site.enabled = "false"
    async with site.watched() as app:
        await beside(site.state, Changes({(KIND, LOBBY): "{}"}))
        site.enabled = "true"
        with pytest.raises(ConfigError, match=f"camera {LOBBY}"):
            await app.reload()
        assert app.watch is None


async def test_another_path_of_the_state_takes_effect_at_the_next_start(
    site: Site, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    async with site.present(), site.watched() as app:
        first, site.state = site.state, tmp_path / "other.db"
        await app.reload()
        await scraped(app)
    assert "state.path has changed, which takes effect at the next start" in caplog.messages
    assert LOBBY in await asyncio.to_thread(stored, first)
    assert not site.state.exists()


async def test_a_port_that_another_program_holds_is_told_and_tried_again(site: Site) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as selfish:
        selfish.bind(("", site.listen_port))
        async with site.present(), site.watched() as app:
            text = await scraped(app)
            assert value(text, "camera_listener_up") == 0
            assert value(text, "camera_segment_up", interface="lo") == 0
            selfish.close()
            text = await scraped(app)
            assert value(text, "camera_listener_up") == 1
            assert status(text, LOBBY) == "active"


async def test_changes_are_logged_once_each(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    site.cameras = "offline_after: 1"
    async with site.watched() as app:
        async with site.present():
            await scraped(app)
            await scraped(app)
        async with site.present(CAMERAS[:2]):
            await scraped(app)
            await scraped(app)
    lines = [record for record in caplog.records if record.name == "exporter.cameras.watch"]
    assert [record.getMessage() for record in lines].count("camera found") == 3
    changed = [record.__dict__ for record in lines if record.getMessage() == "camera status changed"]
    assert [(line["mac"], line["from"], line["to"]) for line in changed] == [(YARD, "active", "offline")]


def test_a_camera_survives_the_state_with_every_field() -> None:
    full = Camera(
        LOBBY,
        Device(
            LOBBY, "192.0.2.1", "255.255.255.0", "192.0.2.254", 80, "N", "M", "S", "F", "dhcp", "recorder", True, False
        ),
        label="N",
        interface="eth0",
        first_seen=1.5,
        last_seen=2.25,
        discoveries=1,
        earlier_discoveries=2,
        address_changes=3,
        earlier_address_changes=4,
        restarts=5,
        restarted=6.0,
        announced=7.0,
        misses=8,
        silence=9.5,
        status="missing",
        status_since=10.0,
    )
    assert load(LOBBY, str(dump(full))) == full
