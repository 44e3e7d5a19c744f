"""`cameras`, `import` and `forget` as a person types them."""

import asyncio
import csv
import io
import json
import re
import subprocess
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from exporter.cameras.model import AddressChange, Camera, Device
from exporter.cameras.registry import KIND
from exporter.cameras.stored import dump, load
from exporter.simulator.cameras import OFFICE_CAMERAS, CameraSite
from exporter.state import Changes, Event, State
from tests.support.agents import free_port
from tests.test_cli import command, run
from tests.test_state import read_only_mount

LOBBY = "02:00:5e:10:00:01"
ROOF = "02:00:5e:10:00:99"
AT = 1_790_000_000.0


class Desk:
    """A folder with a config and a state, where commands are typed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = folder / "state.db"
        self.config = folder / "config.yaml"
        self.listen_port = free_port("127.0.0.1")
        self.device_port = free_port("127.0.0.1")
        self.write_config()

    def write_config(self, *, known: str = "[]", path: object = "") -> None:
        self.config.write_text(
            f"""
            time_zone: Europe/Berlin
            state: {{ path: "{path or self.state}" }}
            cameras:
              search:
                interfaces: [lo]
                targets: [127.255.255.255]
                listen_port: {self.listen_port}
                device_port: {self.device_port}
                window: 300ms
              known: {known}
            """
        )

    def run(self, *arguments: str, columns: int = 160) -> subprocess.CompletedProcess[str]:
        return run(f"--config.file={self.config}", *arguments, cwd=self.folder, columns=columns)

    def run_beside(self, *arguments: str, columns: int = 160) -> subprocess.CompletedProcess[str]:
        """Run a command with the demo's cameras there, of which the one that only announces itself does not for now."""

        async def both() -> subprocess.CompletedProcess[str]:
            async with CameraSite(
                OFFICE_CAMERAS, listen_port=self.listen_port, device_port=self.device_port, announce_every=3600
            ):
                return await asyncio.to_thread(self.run, *arguments, columns=columns)

        return asyncio.run(both())

    def keep(self, *cameras: Camera, events: tuple[Event, ...] = ()) -> None:
        with closing(State(self.state)) as state:
            state.documents(KIND)
            assert state.write(Changes({(KIND, camera.mac): dump(camera) for camera in cameras}, events))

    def kept(self) -> dict[str, Camera]:
        with closing(State(self.state, read_only=True)) as state:
            return {mac: load(mac, text) for mac, text in state.documents(KIND).items()}

    def events(self, mac: str) -> list[Event]:
        with closing(State(self.state, read_only=True)) as state:
            return state.events(KIND, mac)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def long_gone(mac: str = ROOF, name: str = "Roof") -> Camera:
    return Camera(
        mac,
        Device(mac, "192.0.2.9", name=name, model="M"),
        label=name,
        interface="lo",
        first_seen=AT,
        last_seen=AT,
        discoveries=3,
        misses=99,
        silence=1e6,
        status="missing",
        status_since=AT,
    )


# cameras


def test_cameras_shows_who_is_there_in_a_table(desk: Desk) -> None:
    done = desk.run_beside("cameras")
    assert done.returncode == 0, done.stderr
    row = next(line for line in done.stdout.splitlines() if LOBBY in line)
    for part in ("Lobby", "X22700-V2L", "127.44.0.1", "active"):
        assert part in row
    assert done.stdout.count("address used twice") == 2
    assert "no password set" in done.stdout
    assert "set-up window open" in done.stdout
    assert re.search(r"(?m)^10 answered a search of \d\.\d s on lo; 10 known\.$", done.stdout)
    assert done.stderr == ""


def test_cameras_knows_what_the_state_and_the_config_know(desk: Desk) -> None:
    desk.write_config(known=f'[{{ mac: "{LOBBY}", name: Entrance, location: B1 }}]')
    desk.keep(long_gone(), events=(Event(KIND, ROOF, AT, "address", None, "192.0.2.9"),))
    done = desk.run_beside("cameras")
    gone = next(line for line in done.stdout.splitlines() if ROOF in line)
    assert "missing" in gone
    assert "2026-09-21 16:13:20" in gone, "in the config's time zone"
    assert "not heard now" in gone
    assert next(line for line in done.stdout.splitlines() if LOBBY in line).startswith("Entrance")
    assert desk.kept()[ROOF] == long_gone(), "looking changes nothing"


def test_cameras_as_json_has_plain_values_and_earlier_addresses(desk: Desk) -> None:
    events = (
        Event(KIND, ROOF, AT, "address", None, "192.0.2.8"),
        Event(KIND, ROOF, AT + 1, "name", "A", "B"),
        Event(KIND, ROOF, AT + 60, "address", "192.0.2.8", "192.0.2.9"),
    )
    desk.keep(long_gone(), events=events)
    done = desk.run_beside("cameras", "--json")
    found = {each["mac"]: each for each in json.loads(done.stdout)}
    assert found[LOBBY]["port"] == 80
    assert found[LOBBY]["admin_password_set"] is True
    assert found[LOBBY]["duplicate_address"] is False
    assert found[ROOF]["serial"] is None
    assert found[ROOF]["last_seen"] == "2026-09-21T16:13:20+02:00"
    assert found[ROOF]["ip_history"] == [
        {"at": "2026-09-21T16:13:20+02:00", "address": "192.0.2.8", "previous_address": None},
        {"at": "2026-09-21T16:14:20+02:00", "address": "192.0.2.9", "previous_address": "192.0.2.8"},
    ]


def test_addresses_are_whole_in_a_narrow_terminal(desk: Desk) -> None:
    done = desk.run_beside("cameras", columns=80)
    assert "127.44.0.56" in done.stdout
    assert "02:00:5e:10:00:0a" in done.stdout


def test_the_state_is_read_by_who_may_not_write_it(desk: Desk) -> None:
    desk.keep(long_gone())
    with read_only_mount(desk.folder):
        done = desk.run_beside("cameras")
    assert done.returncode == 0, done.stderr
    assert ROOF in done.stdout


def test_cameras_as_csv_has_a_line_each(desk: Desk) -> None:
    done = desk.run_beside("cameras", "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert len(rows) == 10
    assert {row["address"] for row in rows if row["duplicate_address"] == "true"} == {"127.44.0.56"}


def test_cameras_without_any_says_what_to_look_at_and_is_no_failure(desk: Desk) -> None:
    done = desk.run("cameras")
    assert done.returncode == 0
    assert "0 answered" in done.stdout
    assert "broadcast domain" in done.stdout
    assert json.loads(desk.run("cameras", "--json").stdout) == []
    assert desk.run("cameras", "--csv").stdout.startswith("mac,name,status,")


def test_cameras_that_could_not_search_anywhere_fails_and_says_why(desk: Desk) -> None:
    done = desk.run("cameras", "--interface=nonesuch0")
    assert done.returncode == 1
    assert "Not searched on: nonesuch0" in done.stdout
    assert "there is no such interface" in done.stderr


def test_cameras_needs_no_config(tmp_path: Path) -> None:
    done = run("cameras", "--interface=lo", "--target=127.255.255.255", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == [], "and keeps nothing"


def test_cameras_with_a_state_that_cannot_be_read_says_so(desk: Desk) -> None:
    desk.state.write_text("this is no database, but long enough to be looked at " * 20)
    done = desk.run("cameras")
    assert done.returncode == 1
    assert "it is not a SQLite database" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("option", ["--target=nonsense", "--target=2001:db8::1"])
def test_cameras_refuses_what_is_no_address(desk: Desk, option: str) -> None:
    done = desk.run("cameras", option)
    assert done.returncode == 2
    assert "not an IPv4 address" in done.stderr


def test_a_reader_that_leaves_early_is_no_error_to_speak_of(desk: Desk) -> None:
    desk.keep(*(long_gone(f"02:00:5e:11:{n // 256:02x}:{n % 256:02x}", f"Camera {n}") for n in range(3000)))
    shell = f"{' '.join(run_command(desk))} | head -n 1"
    done = subprocess.run(["sh", "-c", shell], capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "[\n"
    assert done.stderr == ""


def run_command(desk: Desk) -> list[str]:
    return command(f"--config.file={desk.config}", "cameras", "--json")


# import


def tracker(**changes: object) -> dict[str, object]:
    """Return one record of the tracker's database."""
    record: Mapping[str, object] = {
        "mac_address": LOBBY,
        "serial_number": "S1",
        "model_name": "X1",
        "camera_name": "Lobby",
        "firmware_version": "1.0",
        "current_ip": "192.0.2.2",
        "current_port": 80,
        "current_subnet": "255.255.255.0",
        "current_gateway": "192.0.2.1",
        "current_network_mode": "Static",
        "first_seen": "2025-01-01T12:00:00.500000",
        "last_seen": "2026-09-01T12:00:00",
        "ip_history": [
            {"ip": "192.0.2.1", "timestamp": "2025-01-01T12:00:00.500000", "previous_ip": None},
            {"ip": "192.0.2.2", "timestamp": "2025-06-01T12:00:00", "previous_ip": "192.0.2.1"},
        ],
        "total_discoveries": 812,
        "seen_in_last_discovery": True,
    }
    return {**record, **changes}


def imported(desk: Desk, content: object, *options: str) -> subprocess.CompletedProcess[str]:
    file = desk.folder / "camera_database.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return desk.run("import", "cameras", str(file), *options)


def test_import_loses_nothing_and_is_no_sighting(desk: Desk) -> None:
    done = imported(desk, {LOBBY: tracker()})
    assert done.returncode == 0, done.stderr
    assert "tracker database, cameras read: 1, of which new or better known now: 1" in done.stdout
    camera = desk.kept()[LOBBY]
    assert camera.first_seen == 1_735_729_200.5, "12:00 in Berlin, in winter"
    assert camera.last_seen == 1_788_256_800.0
    assert (camera.earlier_discoveries, camera.discoveries) == (812, 0)
    assert (camera.earlier_address_changes, camera.address_changes) == (1, 0)
    assert camera.address_change == AddressChange(1_748_772_000.0, "192.0.2.2", "192.0.2.1")
    assert [(event.before, event.after) for event in desk.events(LOBBY)] == [
        (None, "192.0.2.1"),
        ("192.0.2.1", "192.0.2.2"),
    ]


def test_importing_twice_changes_nothing(desk: Desk) -> None:
    imported(desk, {LOBBY: tracker()})
    before, events = desk.kept(), desk.events(LOBBY)
    done = imported(desk, {LOBBY: tracker()})
    assert "of which new or better known now: 0" in done.stdout
    assert (desk.kept(), desk.events(LOBBY)) == (before, events)


def test_import_adds_to_what_is_known_and_contradicts_nothing(desk: Desk) -> None:
    ours = replace(long_gone(LOBBY, "Entrance"), device=Device(LOBBY, "192.0.2.3", name="Entrance"))
    desk.keep(ours)
    imported(desk, {LOBBY: tracker()})
    camera = desk.kept()[LOBBY]
    assert camera.label == "Entrance"
    assert (camera.device.address, camera.device.serial) == ("192.0.2.3", "S1")
    assert (camera.first_seen, camera.last_seen) == (1_735_729_200.5, AT)
    assert (camera.discoveries, camera.earlier_discoveries) == (3, 812)
    assert camera.status == "missing"


def test_import_takes_a_time_zone(desk: Desk) -> None:
    imported(desk, {LOBBY: tracker()}, "--time-zone=Asia/Tokyo")
    assert desk.kept()[LOBBY].first_seen == 1_735_729_200.5 - 8 * 3600


def test_import_names_what_it_leaves_out(desk: Desk) -> None:
    done = imported(desk, {LOBBY: tracker(), "no mac": tracker(mac_address="no mac")})
    assert done.returncode == 0
    assert "left out no mac: " in done.stdout
    assert list(desk.kept()) == [LOBBY]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{ broken", "it is not JSON: line 1, column 3"),
        ('{"count": 3}', "expected a tracker database"),
        ("", "it is empty"),
    ],
)
def test_import_of_a_broken_file_explains_it_and_changes_nothing(desk: Desk, content: str, why: str) -> None:
    done = imported(desk, content)
    assert done.returncode == 1
    assert why in done.stderr
    assert "camera_database.json" in done.stderr
    assert not desk.state.exists()


def test_import_says_what_is_wrong_with_where_things_are(desk: Desk) -> None:
    assert "cannot be read: No such file" in desk.run("import", "cameras", "nonesuch.json").stderr
    assert "no such time zone" in desk.run("import", "cameras", "x", "--time-zone=Nowhere").stderr
    assert "invalid choice" in desk.run("import", "toasters", "x").stderr
    desk.write_config(path=":memory:")
    assert "keeps nothing" in imported(desk, {LOBBY: tracker()}).stderr


# forget


@pytest.mark.parametrize("how", [ROOF, ROOF.upper(), "0200.5e10.0099", "Roof"])
def test_forget_drops_a_camera_with_its_history(desk: Desk, how: str) -> None:
    desk.keep(long_gone(), long_gone(LOBBY, "Lobby"), events=(Event(KIND, ROOF, AT, "address", None, "192.0.2.9"),))
    done = desk.run("forget", how)
    assert done.returncode == 0, done.stderr
    assert f"{ROOF} is forgotten" in done.stdout
    assert list(desk.kept()) == [LOBBY]
    assert desk.events(ROOF) == []


def test_forget_takes_the_configured_name_and_tells_that_it_is_still_listed(desk: Desk) -> None:
    desk.write_config(known=f'[{{ mac: "{ROOF}", name: Tower }}]')
    desk.keep(long_gone())
    done = desk.run("forget", "Tower")
    assert "still listed in cameras.known" in done.stdout
    assert desk.kept() == {}


@pytest.mark.parametrize(
    ("what", "why"),
    [
        ("Twin", f"2 devices have the name 'Twin', say which by MAC or serial number: {LOBBY}, {ROOF}"),
        ("Nobody", "no camera or printer 'Nobody' in the state"),
        ("02:00:5e:10:00:77", "no camera or printer '02:00:5e:10:00:77' in the state"),
    ],
)
def test_forget_drops_nothing_where_it_is_not_clear_what(desk: Desk, what: str, why: str) -> None:
    desk.keep(long_gone(name="Twin"), long_gone(LOBBY, "Twin"))
    done = desk.run("forget", what)
    assert done.returncode == 1
    assert why in done.stderr
    assert len(desk.kept()) == 2


def test_forget_without_a_state_says_so_and_makes_none(desk: Desk) -> None:
    done = desk.run("forget", "Roof")
    assert done.returncode == 1
    assert "there is no state file" in done.stderr
    assert not desk.state.exists()
