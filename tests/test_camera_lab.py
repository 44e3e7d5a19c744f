"""The whole exporter on real broadcast: it and the cameras are machines of a lab; its metrics tell the true story."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import TypeVar

import pytest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from exporter.cameras import model
from exporter.cameras.easyip import LISTEN_PORT
from exporter.cameras.registry import KIND
from exporter.cameras.stored import dump, load
from exporter.state import Changes, State
from tests.support.namespaces import Host, Lab, Switch, needs_namespaces

pytestmark = needs_namespaces

T = TypeVar("T")
LIMIT = 15.0
PORT = 10143
QUICK = {"attempts": 2, "window": "400ms"}
ABSENT = 99
HOUR = 3600.0


def until(holds: Callable[[], T]) -> T:
    """Wait until something holds, and return it."""
    limit = time.monotonic() + LIMIT
    while not (found := holds()):
        assert time.monotonic() < limit, "it does not come to hold"
        time.sleep(0.02)
    return found


def mac(number: int) -> str:
    return f"02:00:5e:10:00:{number:02x}"


def macs(cameras: Sequence["Camera"]) -> list[str]:
    return [camera.mac for camera in cameras]


def every(status: str, cameras: Sequence["Camera"]) -> dict[str, str]:
    return dict.fromkeys(macs(cameras), status)


class Page:
    """What one scrape said."""

    def __init__(self, text: str) -> None:
        self._samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]

    def samples(self, name: str, /, **labels: str) -> list[Sample]:
        """Return the samples of a metric that have these labels."""
        named = (sample for sample in self._samples if sample.name == name)
        return [sample for sample in named if labels.items() <= sample.labels.items()]

    def value(self, name: str, /, **labels: str) -> float | None:
        """Return the value of the one sample, None when there is none."""
        found = self.samples(name, **labels)
        assert len(found) <= 1
        return found[0].value if found else None

    def by(self, label: str, name: str) -> dict[str, float]:
        """Return the values of a metric by one of its labels."""
        return {sample.labels[label]: sample.value for sample in self.samples(name)}

    @property
    def statuses(self) -> dict[str, str]:
        """Return the one status that each camera has."""
        held = [sample.labels for sample in self.samples("camera_status") if sample.value == 1]
        found = {labels["mac"]: labels["status"] for labels in held}
        assert len(found) == len(held) == len(self.by("mac", "camera_listed"))
        return found

    @property
    def segments(self) -> dict[str, float]:
        """Return whether each interface sees."""
        return self.by("interface", "camera_segment_up")

    @property
    def up(self) -> dict[str, float]:
        """Return whether each camera was heard, where that can be told."""
        return self.by("mac", "camera_up")

    @property
    def history(self) -> dict[str, dict[str, float]]:
        """Return all that stands still while nothing is heard of a camera."""
        counters = [f"camera_{what}_total" for what in ("discoveries", "ip_changes", "restarts")]
        times = [f"camera_{what}_timestamp_seconds" for what in ("first_seen", "last_seen", "ip_changed")]
        return {name: self.by("mac", name) for name in (*counters, *times)}

    def discoveries(self, camera: "Camera") -> int:
        """Return in how many searches it was heard."""
        return int(self.by("mac", "camera_discoveries_total")[camera.mac])

    def since(self, camera: "Camera") -> float:
        """Return since when it has its status."""
        return self.by("mac", "camera_status_changed_timestamp_seconds")[camera.mac]


class Exporter:
    """The exporter as a process of its own on a machine, with a config and a state file; it keeps both when it ends."""

    def __init__(self, host: Host, folder: Path, settings: Mapping[str, object]) -> None:
        self.host = host
        self._config = folder / f"{host.name}.yaml"
        self.state = folder / f"{host.name}.db"
        self._process: subprocess.Popen[str] | None = None
        self._configure(settings)

    def _configure(self, settings: Mapping[str, object]) -> None:
        whole = {
            "polling": {"min_interval": 0},
            "state": {"path": str(self.state)},
            "cameras": {"search": QUICK, **settings},
        }
        self._config.write_text(json.dumps(whole))

    def start(self) -> Page:
        """Start it and return its first page; from now on, each scrape is one search."""
        command = [sys.executable, "-m", "exporter", f"--config.file={self._config}"]
        self._process = self.host.start(*command, f"--web.listen-address=127.0.0.1:{PORT}")
        until(self._is_ready)
        # Joins the search that the exporter begins with, or makes a second one.
        return self.scrape()

    def scrape(self) -> Page:
        """Search once, and return what is known then."""
        return Page(self._ask("GET", "/metrics"))

    def scrapes(self, number: int) -> list[Page]:
        """Search so often."""
        return [self.scrape() for _ in range(number)]

    def targets(self) -> dict[str, str]:
        """Return what service discovery says, by MAC; that takes no search."""
        groups = json.loads(self._ask("GET", "/sd/cameras"))
        return {group["labels"]["__meta_camera_mac"]: group["targets"][0] for group in groups}

    def reload(self, **settings: object) -> None:
        """Take over other settings while it runs."""
        self._configure(settings)
        self._ask("POST", "/-/reload")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the process."""
        assert self._process
        self._process.send_signal(how)
        self._process.communicate(timeout=LIMIT)

    def stored(self) -> dict[str, model.Camera]:
        """Return what the state file holds."""
        with closing(State(self.state, read_only=True)) as state:
            return {mac: load(mac, text) for mac, text in state.documents(KIND).items()}

    def addresses(self, camera: "Camera") -> list[tuple[str | None, str | None]]:
        """Return the history of a camera's addresses: before and after each change."""
        with closing(State(self.state, read_only=True)) as state:
            return [(event.before, event.after) for event in state.events(KIND, camera.mac) if event.what == "address"]

    def _is_ready(self) -> bool:
        assert self._process
        assert self._process.poll() is None, "the exporter ended"
        try:
            return bool(self._ask("GET", "/-/ready"))
        except ConnectionRefusedError:
            return False

    def _ask(self, method: str, path: str) -> str:
        with self.host.entered(), closing(HTTPConnection("127.0.0.1", PORT, timeout=LIMIT)) as connection:
            connection.request(method, path)
            answer = connection.getresponse()
            text = answer.read().decode()
        assert answer.status == 200, text
        return text


@dataclass
class Camera:
    """A simulated camera on a machine of its own."""

    host: Host
    number: int
    options: tuple[str, ...]
    address: str
    process: subprocess.Popen[str] | None = None

    @property
    def mac(self) -> str:
        return mac(self.number)

    @property
    def target(self) -> str:
        return f"{self.address}:80"

    def start(self) -> None:
        """Start it, without waiting for it."""
        what = ["--interface=lan0", f"--mac={self.mac}", f"--address={self.address}", f"--name=Camera {self.number}"]
        self.process = self.host.start(sys.executable, "-m", "exporter.simulator.cameras", *what, *self.options)

    def await_ready(self) -> None:
        """Return when it listens."""
        assert self.process
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready 1\n"

    def stop(self) -> None:
        """Switch it off."""
        assert self.process
        self.process.terminate()
        self.process.communicate(timeout=LIMIT)

    def move(self, address: str) -> None:
        """Give it another address, as DHCP might after a restart."""
        self.stop()
        self.address = address
        self.host.ip("address", "flush", "dev", "lan0")
        self.host.ip("address", "add", f"{address}/24", "dev", "lan0")
        self.start()
        self.await_ready()


class Site:
    """One switch, the machines that are connected to it, and what runs on them."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        self.switch = lab.switch()
        self._folder = folder
        self._exporters = 0

    def exporter(self, **settings: object) -> Exporter:
        """Return an exporter on a new machine, not yet started."""
        self._exporters += 1
        return Exporter(self.lab.host(self.switch, f"10.9.0.{self._exporters}/24"), self._folder, settings)

    def camera(self, number: int, *options: str, address: str = "", switch: Switch | None = None) -> Camera:
        """Return a camera on a new machine, not yet started; unless options say so it started long ago."""
        address = address or f"10.9.0.{20 + number}"
        host = self.lab.host(switch or self.switch, f"{address}/24")
        return Camera(host, number, options or ("--answer-only",), address)

    def cameras(self, *numbers: int) -> list[Camera]:
        """Return as many cameras, each on a new machine, started."""
        return switched_on(*map(self.camera, numbers))


def switched_on(*cameras: Camera) -> list[Camera]:
    """Start cameras, all at the same time."""
    for camera in cameras:
        camera.start()
    for camera in cameras:
        camera.await_ready()
    return list(cameras)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A lab of its own for each story."""
    with Lab() as lab:
        yield Site(lab, tmp_path)


@contextmanager
def unshared_port(host: Host) -> Iterator[None]:
    """Have a program on the listen port that shares it with nobody."""
    with host.entered():
        program = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with program:
        program.bind(("", LISTEN_PORT))
        yield


class TestCamerasThatAreThere:
    def test_are_found_wherever_they_are_on_the_segment_and_a_listed_one_that_is_not_there_is_missing(
        self, site: Site
    ) -> None:
        lobby, dock, yard = site.camera(1), site.camera(2), site.camera(3, "--answer-only", "--recorder")
        elsewhere = site.camera(4, address="192.168.0.10")
        cameras = switched_on(lobby, dock, yard, elsewhere)
        listed = {"mac": lobby.mac, "name": "Lobby", "location": "B1", "labels": {"floor": "1"}}
        exporter = site.exporter(known=[listed, {"mac": mac(ABSENT), "name": "Attic"}])
        began = time.time()
        exporter.start()
        page = exporter.scrapes(2)[-1]

        assert page.statuses == every("active", cameras) | {mac(ABSENT): "missing"}
        assert page.up == dict.fromkeys(macs(cameras), 1) | {mac(ABSENT): 0}
        assert page.by("mac", "camera_listed") == dict.fromkeys(macs(cameras), 0) | {lobby.mac: 1, mac(ABSENT): 1}
        (named,) = page.samples("camera_up", mac=lobby.mac)
        assert named.labels == {"mac": lobby.mac, "camera": "Lobby", "location": "B1", "floor": "1"}
        (unnamed,) = page.samples("camera_up", mac=dock.mac)
        assert unnamed.labels == {"mac": dock.mac, "camera": "Camera 2", "location": "Unassigned"}
        said = {"address": "192.168.0.10", "port": "80", "name": "Camera 4", "model": "SIM1000", "firmware": "1.00"}
        assert page.value("camera_info", mac=elsewhere.mac, interface="lan0", kind="camera", **said) == 1
        assert page.value("camera_info", mac=yard.mac, kind="recorder", name="") == 1
        assert page.value("camera_up", mac=yard.mac, camera=yard.mac) == 1

        assert page.segments == {"lan0": 1}
        assert page.value("camera_listener_up") == 1
        assert page.value("camera_search_answers") == 4
        assert set(page.by("reason", "camera_search_errors_total").values()) == {0}
        assert page.value("printcam_exporter_devices", kind="camera") == 5
        first, last = (page.by("mac", f"camera_{what}_seen_timestamp_seconds") for what in ("first", "last"))
        assert first.keys() == last.keys() == set(macs(cameras))
        assert all(began <= first[each] < last[each] <= time.time() for each in first)
        assert exporter.targets() == {camera.mac: camera.target for camera in cameras}

    def test_are_never_offline_though_a_link_loses_three_of_ten_datagrams_each_way(self, site: Site) -> None:
        """Wrong by chance in less than one of ten million runs.

        An attempt is two datagrams, of which one has to arrive (1 - 0.3²), and an answer (0.7): it fails with 0.363.
        A search is ten attempts and misses a camera with 0.363¹⁰ = 4e-5. Two in a row, of four cameras in eleven pairs
        of searches: 4 · 11 · 1.6e-9 = 7e-8.
        """
        cameras = site.cameras(1, 2, 3, 4)
        exporter = site.exporter(search={"attempts": 10, "window": "1s"})
        lossy = [exporter.host, *(camera.host for camera in cameras)]
        for host in lossy:
            host.firewall("input", "iifname lan0 numgen random mod 100 < 30 counter drop")
        exporter.start()
        until(lambda: len(exporter.scrape().statuses) == len(cameras))
        pages = exporter.scrapes(12)
        assert [page.statuses for page in pages] == [every("active", cameras)] * 12
        assert [page.segments for page in pages] == [{"lan0": 1}] * 12
        assert all(lost(host) for host in lossy)

    def test_are_not_offline_after_one_search_without_an_answer_which_only_the_raw_metric_shows(
        self, site: Site
    ) -> None:
        cameras = site.cameras(1, 2, 3, 4)
        exporter = site.exporter()
        exporter.start()
        before = exporter.scrape()
        cameras[0].host.firewall("input", "iifname lan0 drop")
        during = exporter.scrape()
        cameras[0].host.no_firewall()
        after = exporter.scrape()
        assert [page.up[cameras[0].mac] for page in (before, during, after)] == [1, 0, 1]
        assert [page.statuses for page in (before, during, after)] == [every("active", cameras)] * 3
        assert before.since(cameras[0]) == after.since(cameras[0])
        assert during.value("camera_search_answers") == 3

    def test_tell_the_same_to_two_exporters_on_the_segment(self, site: Site) -> None:
        cameras = site.cameras(1, 2, 3, 4)
        both = site.exporter(), site.exporter()
        for exporter in both:
            exporter.start()
        assert [exporter.scrape().value("camera_search_answers") for exporter in both] == [4, 4]
        cameras[0].host.pull_cable("lan0")
        # Each may have heard what was answered to the other since its own last search, and so misses one more.
        first, second = [[exporter.scrape() for exporter in both] for _ in range(3)][-1]
        gone = every("active", cameras) | {cameras[0].mac: "offline"}
        assert [first.statuses, second.statuses] == [gone, gone]
        assert first.segments == second.segments == {"lan0": 1}
        assert told(first) == told(second)
        assert len(told(first)) == len(cameras)
        assert both[0].targets() == both[1].targets()


def lost(host: Host) -> int:
    """Return how many packets the firewall of a machine dropped."""
    (packets,) = re.findall(r"counter packets (\d+)", host.run("nft", "list", "ruleset"))
    return int(packets)


def told(page: Page) -> list[dict[str, str]]:
    """Return what the cameras said of themselves."""
    return [sample.labels for sample in page.samples("camera_info")]


class TestACameraThatMoves:
    def test_is_shown_at_its_new_address_as_soon_as_it_announces_itself_there(self, site: Site) -> None:
        still, moving = switched_on(site.camera(1), site.camera(2, "--announce-every=0.1"))
        exporter = site.exporter()
        exporter.start()
        before = exporter.scrape()
        assert before.statuses == every("active", [still, moving])
        assert not before.samples("camera_ip_changed_timestamp_seconds")

        began = time.time()
        moving.move("10.9.0.77")
        until(lambda: exporter.targets()[moving.mac] == "10.9.0.77:80")
        after = exporter.scrape()
        assert after.discoveries(still) == before.discoveries(still) + 1, "no other search than that of this scrape"
        assert after.statuses == {still.mac: "active", moving.mac: "ip_changed"}
        assert after.by("mac", "camera_ip_changes_total") == {still.mac: 0, moving.mac: 1}
        (change,) = after.samples("camera_ip_changed_timestamp_seconds")
        assert (change.labels["mac"], change.labels["address"]) == (moving.mac, "10.9.0.77")
        assert change.labels["previous_address"] == "10.9.0.22"
        assert began <= change.value <= time.time()
        assert after.since(moving) == change.value
        assert after.samples("camera_info", mac=moving.mac, address="10.9.0.77")
        assert after.up[moving.mac] == 1

        exporter.reload(ip_changed_for="0s")
        later = exporter.scrape()
        assert later.statuses == every("active", [still, moving])
        assert later.by("mac", "camera_ip_changes_total") == {still.mac: 0, moving.mac: 1}
        assert later.samples("camera_ip_changed_timestamp_seconds") == [change]

    def test_to_the_address_of_another_one_makes_a_conflict_of_both_until_one_of_them_is_gone(self, site: Site) -> None:
        first, second = cameras = site.cameras(1, 2)
        exporter = site.exporter()
        assert not exporter.start().samples("camera_address_conflict")
        second.move(first.address)
        page = exporter.scrape()
        conflicts = page.samples("camera_address_conflict", address=first.address)
        assert {sample.labels["mac"]: sample.value for sample in conflicts} == {first.mac: 1, second.mac: 1}
        assert page.statuses == {first.mac: "active", second.mac: "ip_changed"}

        first.stop()
        page = exporter.scrapes(2)[-1]
        assert page.statuses == {first.mac: "offline", second.mac: "ip_changed"}
        assert not page.samples("camera_address_conflict")
        assert exporter.targets() == {second.mac: second.target}
        assert {camera.address for camera in cameras} == {"10.9.0.21"}


class TestACameraThatIsUnplugged:
    def test_is_offline_after_two_searches_and_back_with_the_next_one_that_it_answers(self, site: Site) -> None:
        cameras = site.cameras(1, 2, 3, 4)
        exporter = site.exporter()
        exporter.start()
        before = exporter.scrape()
        unplugged, others = cameras[0], cameras[1:]
        unplugged.host.pull_cable("lan0")
        first, second = exporter.scrapes(2)
        assert first.statuses == every("active", cameras)
        assert second.statuses == every("active", others) | {unplugged.mac: "offline"}
        assert [page.up[unplugged.mac] for page in (before, first, second)] == [1, 0, 0]
        assert first.since(unplugged) == before.since(unplugged) < second.since(unplugged)
        for name, counted in second.history.items():
            assert counted.get(unplugged.mac) == before.history[name].get(unplugged.mac)
        assert second.discoveries(others[0]) == before.discoveries(others[0]) + 2
        assert second.segments == {"lan0": 1}

        unplugged.host.plug_in("lan0")
        back = exporter.scrape()
        assert back.statuses == every("active", cameras)
        assert back.up[unplugged.mac] == 1
        assert back.discoveries(unplugged) == before.discoveries(unplugged) + 1
        assert back.by("mac", "camera_ip_changes_total")[unplugged.mac] == 0


class TestABlindSegment:
    @pytest.mark.parametrize("how", ["the switch is dead", "the exporter's cable is pulled"])
    def test_freezes_its_cameras_then_makes_them_unknown_and_never_offline(self, site: Site, how: str) -> None:
        cameras = site.cameras(1, 2, 3, 4)
        exporter = site.exporter(known=[{"mac": mac(ABSENT)}])
        other = site.lab.switch()
        exporter.host.connect(other, "lan1", "10.8.0.1/24")
        (elsewhere,) = switched_on(site.camera(9, address="10.8.0.29", switch=other))
        exporter.start()
        before = exporter.scrapes(2)[-1]
        frozen = every("active", [*cameras, elsewhere]) | {mac(ABSENT): "missing"}
        assert before.statuses == frozen

        if how == "the switch is dead":
            site.switch.ip("link", "set", "bridge", "down")
        else:
            exporter.host.pull_cable("lan0")
        cameras[3].stop()
        pages = exporter.scrapes(3)
        assert [page.statuses for page in pages] == [frozen] * 3
        assert [page.segments for page in pages] == [{"lan0": 0, "lan1": 1}] * 3
        assert all(unheard(page, cameras) == unheard(before, cameras) for page in pages)
        # Over a dead switch it was searched and listened for; without a link nothing can be said.
        silent = dict.fromkeys(macs(cameras), 0) if how == "the switch is dead" else {}
        assert [page.up for page in pages] == [silent | {elsewhere.mac: 1}] * 3
        assert pages[-1].discoveries(elsewhere) == before.discoveries(elsewhere) + 3

        # It has been blind for more than two whole searches.
        exporter.reload(blind_after="500ms", known=[{"mac": mac(ABSENT)}])
        unknown = exporter.scrape()
        assert unknown.statuses == every("unknown", cameras) | {mac(ABSENT): "unknown", elsewhere.mac: "active"}
        assert unheard(unknown, cameras) == unheard(before, cameras)

        if how == "the switch is dead":
            site.switch.ip("link", "set", "bridge", "up")
        else:
            exporter.host.plug_in("lan0")
        back, later = exporter.scrapes(2)
        seen = every("active", [*cameras[:3], elsewhere])
        assert back.statuses == seen | {cameras[3].mac: "unknown", mac(ABSENT): "unknown"}
        assert later.statuses == seen | {cameras[3].mac: "offline", mac(ABSENT): "missing"}
        assert back.segments == {"lan0": 1, "lan1": 1}
        assert back.discoveries(cameras[0]) == before.discoveries(cameras[0]) + 1

    @pytest.mark.parametrize("how", ["down", "removed"])
    def test_of_an_exporter_without_its_interface_is_told_and_ends_without_a_restart(
        self, site: Site, how: str
    ) -> None:
        cameras = site.cameras(1, 2)
        search = QUICK if how == "down" else {**QUICK, "interfaces": ["lan0"]}
        exporter = site.exporter(search=search)
        exporter.start()
        before = exporter.scrape()
        assert before.value("camera_listener_up") == 1

        exporter.host.ip("link", *(("set", "lan0", "down") if how == "down" else ("delete", "lan0")))
        pages = exporter.scrapes(3)
        assert [page.value("camera_listener_up") for page in pages] == [0] * 3
        assert [page.segments["lan0"] for page in pages] == [0] * 3
        assert [page.statuses for page in pages] == [every("active", cameras)] * 3
        assert [page.up for page in pages] == [{}] * 3
        assert pages[-1].history == before.history
        assert pages[-1].value("camera_search_answers") == 0

        if how == "down":
            exporter.host.set_up("lan0")
        else:
            exporter.host.connect(site.switch, "lan0", "10.9.0.1/24")
        back = exporter.scrape()
        assert (back.value("camera_listener_up"), back.segments) == (1, {"lan0": 1})
        assert back.statuses == every("active", cameras)
        assert back.discoveries(cameras[0]) == before.discoveries(cameras[0]) + 1

    def test_of_an_exporter_whose_port_was_taken_before_it_started_keeps_what_the_state_knew(self, site: Site) -> None:
        cameras = site.cameras(1, 2)
        exporter = site.exporter(known=[{"mac": mac(ABSENT)}])
        exporter.start()
        before = exporter.scrape()
        exporter.stop()
        with unshared_port(exporter.host):
            exporter.start()
            page = exporter.scrapes(3)[-1]
            assert page.value("camera_listener_up") == 0
            assert page.segments == {"lan0": 0}
            assert page.by("reason", "camera_search_errors_total")["listen"] >= 4
            assert page.statuses == before.statuses
            assert page.statuses.items() >= every("active", cameras).items()
            assert page.history == before.history
            assert page.up == {}
        back = exporter.scrape()
        assert (back.value("camera_listener_up"), back.segments) == (1, {"lan0": 1})
        assert back.statuses.items() >= every("active", cameras).items()
        assert back.discoveries(cameras[0]) == before.discoveries(cameras[0]) + 1


def unheard(page: Page, cameras: Sequence[Camera]) -> dict[str, list[float | None]]:
    """Return what was counted of these cameras."""
    return {name: [counted.get(camera.mac) for camera in cameras] for name, counted in page.history.items()}


class TestARestartOfTheExporter:
    def test_by_a_kill_loses_nothing_and_the_time_until_then_counts_for_nobody(self, site: Site) -> None:
        cameras = stays, moved, gone, moves_meanwhile = site.cameras(1, 2, 3, 4)
        exporter = site.exporter()
        exporter.start()
        moved.move("10.9.0.72")
        before = exporter.scrape()
        assert before.statuses == every("active", cameras) | {moved.mac: "ip_changed"}
        counted = before.by("mac", "camera_discoveries_total")
        until(lambda: {mac: each.discoveries for mac, each in exporter.stored().items()} == counted)
        exporter.stop(signal.SIGKILL)
        gone.stop()
        moves_meanwhile.move("10.9.0.74")

        # The first page may come with the first search after the start, or with the second.
        pages = [exporter.start(), *exporter.scrapes(2)]
        searches = {page.discoveries(stays) - before.discoveries(stays): page for page in pages}
        assert {number: page.statuses[gone.mac] for number, page in searches.items()} == {
            number: "offline" if number >= 2 else "active" for number in searches
        }
        assert {2, 3} <= searches.keys() <= {1, 2, 3, 4}
        first_seen = "camera_first_seen_timestamp_seconds"
        for page in pages:
            assert page.history[first_seen] == before.history[first_seen]
            assert unheard(page, [gone]) == unheard(before, [gone])
            assert page.since(stays) == before.since(stays)
        last = pages[-1]
        assert last.statuses == {
            stays.mac: "active",
            gone.mac: "offline",
            **every("ip_changed", [moved, moves_meanwhile]),
        }
        changes = {stays.mac: 0, moved.mac: 1, gone.mac: 0, moves_meanwhile.mac: 1}
        assert last.by("mac", "camera_ip_changes_total") == changes
        changed = "camera_ip_changed_timestamp_seconds"
        assert last.samples(changed, mac=moved.mac) == before.samples(changed, mac=moved.mac)
        assert last.samples(changed, address="10.9.0.74", previous_address="10.9.0.24")

        exporter.stop()
        assert exporter.addresses(moved) == [(None, "10.9.0.22"), ("10.9.0.22", "10.9.0.72")]
        assert exporter.addresses(moves_meanwhile) == [(None, "10.9.0.24"), ("10.9.0.24", "10.9.0.74")]
        assert exporter.addresses(gone) == [(None, "10.9.0.23")]


class TestACameraThatStartsAgain:
    def test_after_an_hours_silence_is_counted_once_though_it_goes_on_to_announce_itself(self, site: Site) -> None:
        again, steady, quiet = switched_on(
            *(site.camera(number, "--announce-every=0.1") for number in (1, 2)), site.camera(3)
        )
        exporter = site.exporter()
        exporter.start()
        assert set(exporter.scrape().by("mac", "camera_restarts_total").values()) == {0}, "they are new, not started"
        exporter.stop()
        make_older(exporter, again, quiet)

        began = time.time()
        exporter.start()
        restarts = {again.mac: 1, steady.mac: 0, quiet.mac: 0}
        until(lambda: exporter.scrape().by("mac", "camera_restarts_total") == restarts)
        until(lambda: exporter.scrape().history["camera_last_seen_timestamp_seconds"][again.mac] > began + 1)
        page = exporter.scrape()
        assert page.by("mac", "camera_restarts_total") == restarts
        (restarted,) = page.samples("camera_restart_timestamp_seconds")
        assert restarted.labels["mac"] == again.mac
        assert began <= restarted.value <= time.time()


def make_older(exporter: Exporter, *cameras: Camera) -> None:
    """Date in the state what is known of these cameras an hour back: nothing was heard of them since."""
    with closing(State(exporter.state)) as state:
        known = {mac: load(mac, text) for mac, text in state.documents(KIND).items()}
        older = [
            replace(
                each,
                first_seen=earlier(each.first_seen),
                last_seen=earlier(each.last_seen),
                announced=earlier(each.announced),
            )
            for each in (known[camera.mac] for camera in cameras)
        ]
        assert state.write(Changes({(KIND, each.mac): dump(each) for each in older}))


def earlier(at: float | None) -> float | None:
    return at - HOUR if at is not None else None
