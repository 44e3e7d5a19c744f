"""The HTTP side, over real connections."""

import gzip
import json
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC

import aiohttp
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.cameras.model import Camera, Device, Status, View
from exporter.config import ConfigError, Fault, Prometheus
from exporter.metrics import families as f
from exporter.metrics.exporter import Self, self_registry
from exporter.metrics.lines import Lines, LineWriter, label_pairs
from exporter.state import Event, Key
from exporter.web.discovery import Entry
from exporter.web.exposition import Group
from exporter.web.listeners import listen
from exporter.web.picture import Picture
from exporter.web.server import COLLECTABLE, TIMEOUT_HEADER, application, runner, scrape_timeout
from tests.support.agents import own_address


def lines_of(name: str) -> Lines:
    writer = LineWriter(label_pairs([("printer", name)]))
    writer.add(f.UP, 1)
    writer.add(f.PAGES, 12345, serial="S", unit="impressions")
    writer.add(f.INFO, 1, model='a "quoted" \\ model')
    return writer.lines()


@dataclass
class FakeExporter:
    deadline: float = 20.0
    scrapes: list[float] = field(default_factory=list)
    faults: tuple[Fault, ...] = ()
    reloads: int = 0
    polled: tuple[str, ...] = ("one", "two")
    registry: CollectorRegistry = field(
        default_factory=lambda: self_registry(
            lambda: Self(
                printers=3,
                cameras=2,
                state_writable=True,
                cycles=7,
                cycle_duration=1.5,
                reload_succeeded=True,
                reload_success_at=1.79e9,
            )
        )
    )

    kinds: list[set[str]] = field(default_factory=list)
    views: tuple[View, ...] = ()

    async def scrape(self, kinds: Collection[str], timeout: float) -> None:
        self.kinds.append(set(kinds))
        self.scrapes.append(timeout)

    def groups(self, kinds: Collection[str]) -> list[Group]:
        printers = (f.PRINTER_FAMILIES, list(map(lines_of, self.polled)))
        cameras = (f.CAMERA_FAMILIES, [{f.CAMERA_LISTENER_UP: b"camera_listener_up 1\n"}])
        return [*([printers] if "printers" in kinds else []), *([cameras] if "cameras" in kinds else [])]

    async def probe(self, target: str, timeout: float) -> Lines:
        return lines_of(target)

    def printer_entries(self) -> tuple[Entry, ...]:
        return ()

    def camera_views(self) -> tuple[View, ...]:
        return self.views

    shown: Picture = field(default_factory=lambda: Picture(0.0, UTC, (), ()))
    allows_actions: bool = False
    prometheus: Prometheus | None = None

    async def picture(self) -> Picture:
        return self.shown

    def printer_entry(self, target: str) -> Entry | None:
        return next((entry for entry in self.shown.printers if entry.printer.name == target), None)

    async def events(self, devices: Iterable[Key]) -> dict[Key, list[Event]]:
        return {device: [] for device in devices}

    async def poll(self, name: str, timeout: float) -> None:
        self.scrapes.append(timeout)

    async def reload(self) -> None:
        self.reloads += 1
        if self.faults:
            raise ConfigError(self.faults)


@asynccontextmanager
async def serving(exporter: FakeExporter, telemetry_path: str = "/metrics") -> AsyncIterator[aiohttp.ClientSession]:
    served = await runner(application(exporter, telemetry_path=telemetry_path))
    await listen(served, [f"{own_address()}:0"])
    host, port = served.addresses[0][:2]
    async with aiohttp.ClientSession(f"http://{host}:{port}", auto_decompress=False) as client:
        yield client
    await served.cleanup()


async def fetch(client: aiohttp.ClientSession, path: str, **headers: str) -> tuple[int, str, bytes]:
    async with client.get(path, headers={"Accept-Encoding": "identity"} | headers) as answer:
        return answer.status, answer.headers["Content-Type"], await answer.read()


async def test_metrics_polls_and_answers_in_the_text_format() -> None:
    exporter = FakeExporter()
    async with serving(exporter) as client:
        status, kind, body = await fetch(client, "/metrics")
    assert (status, kind) == (200, "text/plain; version=0.0.4; charset=utf-8")
    names = [family.name for family in parse_text(body.decode())]
    assert names[:3] == ["printer_up", "printer_info", "printer_pages"]
    assert "printcam_exporter_cycles" in names
    assert "process_cpu_seconds" in names
    assert len(names) == len(set(names))
    assert exporter.scrapes == [20]


async def test_openmetrics_is_answered_to_whoever_asks_for_it() -> None:
    async with serving(FakeExporter()) as client:
        accept = "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"
        _, kind, body = await fetch(client, "/metrics", Accept=accept)
    assert kind.startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert body.endswith(b"# EOF\n")
    assert body.count(b"# EOF") == 1
    families = {family.name: family for family in parse_openmetrics(body.decode())}  # type: ignore[no-untyped-call]
    assert families["printer_pages"].type == "counter"
    assert families["printer"].samples[0].labels["model"] == 'a "quoted" \\ model'


@pytest.mark.parametrize("offer", ["gzip", "deflate, gzip;q=0.9", "GZIP"])
async def test_gzip_is_used_where_it_is_offered(offer: str) -> None:
    async with serving(FakeExporter()) as client:
        headers = {"Accept-Encoding": offer}
        async with client.get("/metrics", headers=headers) as answer:
            assert answer.headers["Content-Encoding"] == "gzip"
            assert b"printer_up" in gzip.decompress(await answer.read())


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text;version=abc",
        "text/plain;version=1.x",
        "application/openmetrics-text;version=",
        "*/*",
    ],
)
async def test_an_odd_accept_header_is_answered_with_something(accept: str) -> None:
    async with serving(FakeExporter()) as client:
        status, _, body = await fetch(client, "/metrics", Accept=accept)
    assert status == 200
    assert b"printer_up" in body


async def test_head_is_refused_and_polls_nothing() -> None:
    exporter = FakeExporter()
    async with serving(exporter) as client, client.head("/metrics") as answer:
        assert answer.status == 405
    assert exporter.scrapes == []


@pytest.mark.parametrize("offer", ["identity", "", "br", "gzip;q=0", "gzip; q=0.0, identity"])
async def test_nothing_is_compressed_for_others(offer: str) -> None:
    headers = {"Accept-Encoding": offer}
    async with serving(FakeExporter()) as client, client.get("/metrics", headers=headers) as answer:
        assert "Content-Encoding" not in answer.headers
        assert b"printer_up" in await answer.read()


async def test_collect_limits_what_is_polled_and_returned() -> None:
    exporter = FakeExporter()
    async with serving(exporter) as client:
        _, _, own = await fetch(client, "/metrics?collect[]=self")
        assert exporter.scrapes == [], "nothing was polled"
        _, _, printers = await fetch(client, "/metrics?collect[]=printers")
        _, _, both = await fetch(client, "/metrics?collect[]=printers&collect[]=self")
    assert b"printer_up" not in own
    assert b"printcam_exporter_build_info" in own
    assert b"printcam_exporter" not in printers
    assert b"printer_up" in printers
    assert b"printer_up" in both
    assert b"printcam_exporter_build_info" in both
    assert b"camera_" not in both
    assert exporter.kinds == [{"printers"}, {"printers"}]


async def test_cameras_are_collected_with_the_rest_or_alone() -> None:
    exporter = FakeExporter()
    async with serving(exporter) as client:
        _, _, everything = await fetch(client, "/metrics")
        _, _, cameras = await fetch(client, "/metrics?collect[]=cameras")
    assert exporter.kinds == [{"printers", "cameras"}, {"cameras"}]
    assert b"camera_listener_up 1" in everything
    assert b"camera_listener_up 1" in cameras
    assert b"printer_up" not in cameras
    assert b"printcam_exporter" not in cameras


def seen(number: int, status: Status, address: str, *, port: int | None = 80) -> View:
    """Return a camera as it is shown."""
    mac = f"02:00:5e:10:00:{number:02x}"
    device = Device(mac, address, port=port, model="M", serial="S", firmware="1.2")
    return View(
        Camera(mac, device, interface="eth0", status=status), f"C{number}", "B1", (("floor", "1"),), listed=True
    )


async def test_service_discovery_leads_to_every_camera_where_it_is_now() -> None:
    exporter = FakeExporter(views=(seen(1, "active", "192.0.2.1"), seen(2, "ip_changed", "192.0.2.2", port=None)))
    async with serving(exporter) as client:
        status, kind, body = await fetch(client, "/sd/cameras")
    assert (status, kind) == (200, "application/json; charset=utf-8")
    first, second = json.loads(body)
    assert first["targets"] == ["192.0.2.1:80"]
    assert second["targets"] == ["192.0.2.2"]
    assert first["labels"] == {
        "__meta_camera_mac": "02:00:5e:10:00:01",
        "__meta_camera_name": "C1",
        "__meta_camera_location": "B1",
        "__meta_camera_status": "active",
        "__meta_camera_listed": "true",
        "__meta_camera_interface": "eth0",
        "__meta_camera_kind": "camera",
        "__meta_camera_address": "192.0.2.1",
        "__meta_camera_port": "80",
        "__meta_camera_model": "M",
        "__meta_camera_serial": "S",
        "__meta_camera_firmware": "1.2",
        "__meta_camera_label_floor": "1",
    }
    assert exporter.scrapes == [], "discovery waits for nothing"


async def test_service_discovery_is_an_empty_list_where_no_camera_is_known() -> None:
    async with serving(FakeExporter()) as client:
        assert (await fetch(client, "/sd/cameras"))[2] == b"[]"


async def test_service_discovery_leaves_out_who_is_missing_nowhere_or_lost_its_address_to_another() -> None:
    views = (
        seen(1, "active", "192.0.2.1"),
        seen(2, "offline", "192.0.2.1"),
        seen(3, "offline", "192.0.2.3"),
        seen(4, "missing", "192.0.2.4"),
        seen(5, "unknown", ""),
    )
    async with serving(FakeExporter(views=views)) as client:
        groups = json.loads((await fetch(client, "/sd/cameras"))[2])
    assert [group["labels"]["__meta_camera_name"] for group in groups] == ["C1", "C3"]


async def test_an_unknown_collector_is_a_bad_request_that_names_the_known() -> None:
    exporter = FakeExporter()
    async with serving(exporter) as client:
        status, _, body = await fetch(client, "/metrics?collect[]=printer")
    assert status == 400
    assert body.decode() == f"collect[]=printer: not one of {', '.join(sorted(COLLECTABLE))}\n"
    assert exporter.scrapes == []


@pytest.mark.parametrize(
    ("header", "deadline", "expected"),
    [
        (None, 20, 20),
        ("30", 20, 20),
        ("10", 20, 9.5),
        ("10.25", 20, 9.75),
        ("0.6", 20, 0.3),
        ("0.1", 20, 0.05),
        ("0", 20, 20),
        ("-5", 20, 20),
        ("soon", 20, 20),
        ("nan", 20, 20),
        ("inf", 20, 20),
        ("", 20, 20),
    ],
)
def test_the_answer_leaves_before_the_scraper_gives_up(header: str | None, deadline: float, expected: float) -> None:
    assert scrape_timeout(header, deadline) == pytest.approx(expected)


async def test_the_scrapers_timeout_is_passed_on() -> None:
    exporter = FakeExporter()
    async with serving(exporter) as client:
        await fetch(client, "/metrics", **{TIMEOUT_HEADER: "10"})
    assert exporter.scrapes == [9.5]


async def test_the_status_page_leads_to_the_metrics() -> None:
    async with serving(FakeExporter(), telemetry_path="/m<e>trics") as client:
        status, kind, body = await fetch(client, "/")
        assert (status, kind) == (200, "text/html; charset=utf-8")
        assert b'href="./m&lt;e&gt;trics"' in body
        assert (await fetch(client, "/m<e>trics"))[0] == 200
        assert (await fetch(client, "/metrics"))[0] == 404


@pytest.mark.parametrize("path", ["/-/healthy", "/-/ready"])
async def test_health_and_readiness_are_answered_without_a_poll(path: str) -> None:
    exporter = FakeExporter()
    async with serving(exporter) as client:
        assert (await fetch(client, path))[0] == 200
    assert exporter.scrapes == []


async def test_reload_answers_with_every_fault_and_only_to_post_and_put() -> None:
    faults = (Fault("c.yaml", 3, "printers[0].host", "wrong"), Fault("c.yaml", 5, "", "also wrong"))
    exporter = FakeExporter()
    async with serving(exporter) as client:
        async with client.post("/-/reload") as answer:
            assert answer.status == 200
        exporter.faults = faults
        async with client.put("/-/reload") as answer:
            assert answer.status == 500
            text = await answer.text()
        assert (await fetch(client, "/-/reload"))[0] == 405
    assert "c.yaml:3: printers[0].host: wrong" in text
    assert "c.yaml:5: also wrong" in text
    assert exporter.reloads == 2


async def test_a_client_that_leaves_in_mid_answer_harms_nobody(caplog: pytest.LogCaptureFixture) -> None:
    exporter = FakeExporter(polled=tuple(f"printer {n}" for n in range(20_000)))
    async with serving(exporter) as client:
        for _ in range(3):
            answer = await client.get("/metrics")
            answer.close()
        assert (await fetch(client, "/-/healthy"))[0] == 200
    assert caplog.records == []
