"""The JSON API, over real connections to an exporter that watches a simulated office."""

import asyncio
import json
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema  # type: ignore[import-untyped]
import pytest
from aiohttp import web

from exporter.cameras.model import Status, View, camera
from exporter.config import Origin
from exporter.printers.model import Alert, Counters, Level
from exporter.printers.stored import ENGINE
from exporter.simulator.agent import Agent
from exporter.simulator.office import Office
from exporter.state import Changes, Event, Key
from exporter.web import records, server
from exporter.web.picture import MAX_WAITING, Picture, Workshop
from tests.support.agents import own_address
from tests.support.chaos import Exporter, exporting
from tests.support.fleets import many, picture, printer, snapshot, toner
from tests.support.lag import lag
from tests.test_poll import BASE, MovingMib
from tests.test_web import FakeExporter, serving

Json = dict[str, Any]
OPENAPI: Json = json.loads((Path(records.__file__).parent / "openapi.json").read_text())
ACTIONS = "web: { enable_actions: true }\n"
MAC = "02:00:5e:10:00:01"


async def ask(exporter: Exporter, path: str, method: str = "GET", **headers: str) -> tuple[int, Json]:
    """Return the status and the JSON of an answer, which must never be stored."""
    async with exporter.client.request(method, path, headers=headers) as answer:
        assert answer.content_type == "application/json", await answer.text()
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        return answer.status, await answer.json()


@asynccontextmanager
async def office(more: str = ACTIONS) -> AsyncIterator[Exporter]:
    """Run an exporter on the demo office, whose devices it has met."""
    async with Office(base=own_address(), port=0) as site:
        text = site.config_text()
        sections = text[text.index("snmp:") :]
        async with exporting(more + sections) as exporter:
            await exporter.scrape()
            yield exporter


@asynccontextmanager
async def one_printer(more: str = "", state: Path | str = ":memory:") -> AsyncIterator[tuple[Exporter, Agent]]:
    """Run an exporter on a single printer, named `A/B ?`, that it has met."""
    async with Agent(MovingMib(BASE), own_address(), 0) as agent:
        entry = f'printers: [{{ name: "A/B ?", host: "{agent.host}:{agent.port}" }}]\n'
        async with exporting(more + entry, state=state) as exporter:
            await exporter.scrape()
            yield exporter, agent


def check(document: object, schema: str) -> None:
    """Hold a document against a schema of the API's description."""
    jsonschema.Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": OPENAPI["components"]},
        format_checker=jsonschema.FormatChecker(),
    ).validate(document)


def answered(path: str, method: str) -> str:
    """Return the name of the schema that the description promises for an answer."""
    content = OPENAPI["paths"][path][method]["responses"]["200"]["content"]["application/json"]
    return str(content["schema"].get("$ref", "")).rpartition("/")[2]


def keys_of(document: object) -> Iterator[str]:
    """Yield every key anywhere in a document."""
    if isinstance(document, Mapping):
        yield from document
        for value in document.values():
            yield from keys_of(value)
    elif isinstance(document, Sequence) and not isinstance(document, str):
        for value in document:
            yield from keys_of(value)


# ---- the description


async def test_every_answer_is_as_described_and_every_described_field_is_answered() -> None:
    async with office() as exporter:
        answers: list[object] = []
        for path, methods in OPENAPI["paths"].items():
            for method in methods:
                asked = path.replace("{name}", "Meeting%20Room%201").replace("{mac}", MAC)
                status, answer = await ask(exporter, asked, method.upper())
                assert status == 200, (path, answer)
                if schema := answered(path, method):
                    check(answer, schema)
                    answers.append(answer)
        status, refusal = await ask(exporter, "/api/nothing")
        check(refusal, "Error")
    named = {key for each in OPENAPI["components"]["schemas"].values() for key in each.get("properties", ())}
    assert named - set(keys_of([*answers, refusal])) == {"function", "pages"}, "of makers' counters, see below"


def test_every_route_is_described_and_no_other() -> None:
    app = server.application(FakeExporter())
    routes = {
        (route.resource.canonical, route.method.lower())
        for route in app.router.routes()
        if route.resource and route.resource.canonical.startswith("/api/") and route.method != "HEAD"
    }
    assert routes == {(path, method) for path, methods in OPENAPI["paths"].items() for method in methods}


def test_the_description_follows_its_own_specification_where_it_matters() -> None:
    assert OPENAPI["openapi"].startswith("3.1.")
    for name, schema in OPENAPI["components"]["schemas"].items():
        jsonschema.Draft202012Validator.check_schema(schema)
        if "properties" in schema:
            assert set(schema["required"]) == set(schema["properties"]), name
            assert schema["additionalProperties"] is False, name
    references = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(OPENAPI)))
    assert references == set(OPENAPI["components"]["schemas"]), "none is missing, none is left over"


# ---- printers


async def test_a_printer_is_told_in_the_words_of_the_toner_tracker() -> None:
    async with office() as exporter:
        _, answer = await ask(exporter, "/api/printers")
    printer = answer["printers"]["Canteen"]
    assert answer["count"] == len(answer["printers"]) == 16
    assert (printer["status"], printer["location"], printer["last_total_pages"]) == (
        "Error",
        "B2",
        int(printer["total_pages"]),
    )
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", printer["timestamp"])
    assert printer["toner_cartridges"] == {"Black Cartridge HP CF259A": "0%"}
    assert list(printer["errors"].values()) == ["Critical"]
    assert answer["printers"]["Warehouse"]["location"] == "", "one without a location"
    assert answer["printers"]["Archive"]["timestamp"] == "Never"
    assert answer["printers"]["Archive"]["model"] == answer["printers"]["Archive"]["total_pages"] == "N/A"


async def test_a_printer_that_fails_says_why() -> None:
    async with one_printer() as (exporter, agent):
        await agent.close()
        await exporter.scrape()
        _, printer = await ask(exporter, "/api/printers/A%2FB%20%3F")
    check(printer, "PrinterWithHistory")
    assert printer["failure"]["reason"] == "refused"
    assert printer["up"] is False
    assert printer["offline_attempts"] == 1
    assert printer["last_total_pages"], "what it said before is there"


async def test_a_printer_is_found_by_its_name_and_by_its_host() -> None:
    async with one_printer() as (exporter, _):
        _, by_name = await ask(exporter, "/api/printers/A%2FB%20%3F")
        _, by_host = await ask(exporter, f"/api/printers/{by_name['host']}")
        assert by_host == by_name
        assert (await ask(exporter, "/api/printers/A"))[0] == 404


async def test_a_printer_without_a_poll_is_unknown_and_has_a_number_for_nothing() -> None:
    async with exporting("printers: [{ name: New, host: 127.0.0.1 }]") as exporter:
        _, printer = await ask(exporter, "/api/printers/New")
    check(printer, "PrinterWithHistory")
    assert (printer["status"], printer["timestamp"], printer["up"], printer["jams"]) == ("Unknown", "Never", None, None)


@pytest.mark.parametrize(
    ("says", "ratio", "word"),
    [
        (Level.KNOWN, 0.634, "63%"),
        (Level.SOME, None, "OK"),
        (Level.UNKNOWN, None, "Unknown"),
        (Level.IMPLAUSIBLE, None, "Unknown"),
        (Level.LOW, None, "Unknown"),
        (Level.EMPTY, None, "0%"),
    ],
)
def test_a_level_is_told_as_the_toner_tracker_told_it(says: Level, ratio: float | None, word: str) -> None:
    supply = toner("Black", ratio, says=says)
    entry = printer(said=snapshot(supply, replace(supply, row=replace(supply.row, supply="Black toner 2"))))
    told = records.printer(entry, picture([entry]))
    assert told["toner_cartridges"] == {"Toner": word, "Black toner 2": word}, "two with one description are two"


@pytest.mark.parametrize("levels", [("critical", "warning"), ("warning", "critical")])
def test_of_two_alerts_with_one_description_the_worse_is_told(levels: Sequence[str]) -> None:
    said = snapshot(alerts=tuple(Alert(level, "x", "y", "z", "Jam", None) for level in levels))
    assert records.printer(printer(said=said), picture())["errors"] == {"Jam": "Critical"}


def test_makers_counters_are_told_as_described() -> None:
    entry = printer(said=snapshot(counters=Counters((("print", "mono", 7),), scans=3)))
    told = records.printer(entry, picture([entry]))
    check(told, "Printer")
    assert told["function_pages"] == [{"function": "print", "color": "mono", "pages": 7}]
    assert told["scans"] == 3


def test_a_printer_tells_where_it_comes_from_and_since_when_it_is_gone_there() -> None:
    entry = printer()
    gone = replace(entry.printer, origin=Origin("print_server", "ipp://cups", vanished=0.0), protocol="ipp")
    told = records.printer(entry._replace(printer=gone), picture())
    assert (told["protocol"], told["source"], told["vanished"]) == ("ipp", "ipp://cups", "1970-01-01T01:00:00+01:00")
    told = records.printer(entry, picture())
    assert (told["protocol"], told["source"], told["vanished"]) == ("snmp", None, None)


async def test_what_happened_to_a_printer_comes_from_the_state_the_latest_first() -> None:
    async with one_printer() as (exporter, _):
        (engine,) = exporter.app._printers.lives
        happened = [Event(ENGINE, engine, at, "jam", None, str(at)) for at in (10.0, 30.0, 20.0)]
        assert exporter.app._keeper
        await exporter.app._keeper.save(Changes({}, happened))
        _, printer = await ask(exporter, "/api/printers/A%2FB%20%3F")
    assert [event["after"] for event in printer["events"]] == ["30.0", "20.0", "10.0"]
    assert printer["events"][0]["at"] == "1970-01-01T01:00:30+01:00"


# ---- cameras


async def test_a_camera_is_told_in_the_words_of_the_camera_tracker() -> None:
    async with office() as exporter:
        _, answer = await ask(exporter, "/api/cameras")
        _, camera_ = await ask(exporter, "/api/cameras/02-00-5E-10-00-01")
        assert (await ask(exporter, "/api/cameras/02:00:5e:10:ff:ff"))[0] == 404
        assert (await ask(exporter, "/api/cameras/lobby"))[0] == 404
    lobby = next(each for each in answer["cameras"] if each["mac_address"] == MAC)
    assert answer["count"] == len(answer["cameras"]) > 5
    assert answer["last_scan"]
    assert (lobby["camera_name"], lobby["status"], lobby["seen_in_last_discovery"]) == ("Lobby", "Active", True)
    assert [change["previous_ip"] for change in camera_["ip_history"]] == [None]
    assert camera_["ip_history"][0]["ip"] == camera_["current_ip"]


@pytest.mark.parametrize(
    ("status", "word"), [("missing", "MISSING"), ("ip_changed", "IP Changed"), ("offline", "Offline")]
)
def test_a_status_of_a_camera_is_told_as_the_camera_tracker_told_it(status: Status, word: str) -> None:
    view = View(replace(camera(MAC), status=status, last_seen=3600.0), "Lobby", "B1")
    told = records.camera(view, Picture(0.0, ZoneInfo("Europe/Berlin"), (), [view]))
    check(told, "Camera")
    assert told["status"] == word
    assert told["last_seen"] == "1970-01-01T02:00:00", "local time, without offset"
    assert told["current_ip"] == told["model_name"] == "Unknown"


# ---- both


def test_the_addresses_of_a_camera_are_told_however_often_it_restarted_since() -> None:
    moves = [Event("camera", MAC, float(at), "address", None, f"{at}") for at in range(1, records.MAX_EVENTS + 2)]
    restarts = [Event("camera", MAC, 1e6 + at, "restart", None, None) for at in range(records.MAX_EVENTS)]
    told = records.addresses([*restarts, *moves], picture())
    assert [told[0]["ip"], told[-1]["ip"], len(told)] == ["2", f"{records.MAX_EVENTS + 1}", records.MAX_EVENTS]
    assert len(records.events([*moves, *restarts], picture())) == records.MAX_EVENTS


async def test_stats_count_each_device_once() -> None:
    async with office() as exporter:
        _, stats = await ask(exporter, "/api/stats")
        _, printers = await ask(exporter, "/api/printers")
    counts = stats["printers"]
    assert counts.pop("total") == sum(counts.values()) == 16
    told = [each["status"].lower() for each in printers["printers"].values()]
    assert counts == {status: told.count(status) for status in counts}
    assert stats["cameras"]["total_cameras"] == sum(
        stats["cameras"][status] for status in ("active", "ip_changed", "offline", "missing", "unknown")
    )


async def test_the_export_has_every_device_with_its_addresses() -> None:
    async with office() as exporter:
        _, answer = await ask(exporter, "/api/export")
        _, printers = await ask(exporter, "/api/printers")
    assert answer["printers"] == printers["printers"]
    assert answer["cameras"][MAC]["ip_history"]


async def test_an_export_that_must_end_in_the_middle_is_no_json_and_no_second_answer() -> None:
    class Busy(FakeExporter):
        asked = 0

        async def events(self, devices: Iterable[Key]) -> dict[Key, list[Event]]:
            self.asked += 1
            if self.asked > 1:
                raise web.HTTPServiceUnavailable
            return await super().events(devices)

    async with serving(Busy(shown=many(300))) as client, client.get("/api/export") as answer:
        text = await answer.text()
    assert text.startswith('{"exported":')
    assert text.count('"mac_address"') == 100
    assert not text.endswith("}}\n")


async def test_no_answer_holds_a_community() -> None:
    async with office() as exporter:
        for path in ("printers", "export", "printers/Human%20Resources"):
            text = await exporter.fetch(f"/api/{path}")
            assert "community" not in text
            assert "office-demo" not in text


async def test_a_state_that_cannot_be_read_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "state.db"
    async with one_printer(state=file) as (exporter, _):
        with closing(sqlite3.connect(file)) as other:
            other.execute("DROP TABLE event")
        status, answer = await ask(exporter, "/api/printers/A%2FB%20%3F")
        assert (status, answer["error"]) == (503, "the history cannot be read; the log says why")
    assert any("no such table" in str(record.__dict__.get("error")) for record in caplog.records)


# ---- actions


@pytest.mark.parametrize("path", ["/api/poll", "/api/scan", "/api/printers/A%2FB%20%3F/poll"])
async def test_nothing_can_be_started_unless_the_config_allows_it(path: str) -> None:
    async with one_printer() as (exporter, _):
        status, answer = await ask(exporter, path, "POST")
        assert (status, "web.enable_actions" in answer["error"]) == (403, True)
        check(answer, "Error")
        assert exporter.app.cycle.rounds.finished == 1


async def test_a_printer_is_polled_now_where_actions_are_allowed() -> None:
    async with one_printer(ACTIONS) as (exporter, _):
        polls = exporter.app.cycle.devices["A/B ?"].record.polls
        status, answer = await ask(exporter, "/api/printers/A%2FB%20%3F/poll", "POST")
        assert (status, answer["success"]) == (200, True)
        assert exporter.app.cycle.devices["A/B ?"].record.polls == polls + 1
        assert (await ask(exporter, "/api/printers/none/poll", "POST"))[0] == 404


async def test_a_printer_that_was_just_asked_is_left_alone_and_its_last_answer_given() -> None:
    slow = ACTIONS + "polling: { min_interval: 1h }\n"
    async with Agent(MovingMib(BASE), own_address(), 0) as agent:
        text = f'{slow}printers: [{{ name: P, host: "{agent.host}:{agent.port}" }}]\n'
        async with exporting(text, head='time_zone: Europe/Berlin\nstate: {{ path: "{state}" }}\n') as exporter:
            await exporter.scrape()
            _, answer = await ask(exporter, "/api/printers/P/poll", "POST")
            assert exporter.app.cycle.devices["P"].record.polls == 1
    assert answer["success"] is False
    assert answer["printer"]["up"] is True


async def test_all_printers_are_polled_where_actions_are_allowed() -> None:
    async with one_printer(ACTIONS) as (exporter, _):
        assert (await ask(exporter, "/api/poll", "POST"))[1]["success"] is True
        assert exporter.app.cycle.rounds.finished == 2
        status, answer = await ask(exporter, "/api/scan", "POST")
        assert (status, "no cameras section" in answer["error"]) == (409, True)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": "OWN"}, 200),
        ({"Origin": "OWN", "Sec-Fetch-Site": "cross-site"}, 403),
    ],
)
@pytest.mark.parametrize("path", ["/api/poll", "/-/reload"])
async def test_a_page_of_another_site_starts_nothing(path: str, headers: dict[str, str], status: int) -> None:
    async with one_printer(ACTIONS) as (exporter, _):
        own = str(exporter.client._base_url).rstrip("/")
        sent = {name: own if value == "OWN" else value for name, value in headers.items()}
        async with exporter.client.post(path, headers=sent) as answer:
            assert answer.status == status
        async with exporter.client.get("/api/stats", headers=sent) as answer:
            assert answer.status == 200, "reading changes nothing"


# ---- errors and load


async def test_errors_are_told_in_json() -> None:
    async with one_printer() as (exporter, _):
        for path, method, status in (
            ("/api/x", "GET", 404),
            ("/api/printers", "DELETE", 405),
            ("/api/poll", "GET", 405),
        ):
            found, answer = await ask(exporter, path, method)
            assert (found, answer["status"]) == (status, status)
            check(answer, "Error")
        async with exporter.client.get("/api/poll") as refusal:
            assert refusal.headers["Allow"] == "POST", "what HTTP wants to be said is said still"


async def test_a_fault_of_ours_is_an_error_in_json_and_a_line_in_the_log(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with one_printer() as (exporter, _):
        monkeypatch.setattr(records, "stats", lambda picture: 1 / 0)
        status, answer = await ask(exporter, "/api/stats")
    assert (status, answer["error"]) == (500, "the exporter failed; its log says why")
    assert "ZeroDivisionError" in caplog.text


async def test_only_so_many_answers_wait_to_be_made() -> None:
    workshop = Workshop()
    await workshop._turn.acquire()
    waiting = [asyncio.create_task(workshop.make(int, "7")) for _ in range(MAX_WAITING)]
    await asyncio.sleep(0)
    with pytest.raises(web.HTTPServiceUnavailable):
        await workshop.make(int, "7")
    workshop._turn.release()
    assert await asyncio.gather(*waiting) == [7] * MAX_WAITING
    assert await workshop.make(int, "7") == 7


@pytest.mark.parametrize("path", ["printers", "cameras", "export"])
async def test_the_loop_goes_on_while_thousands_of_devices_are_told(path: str) -> None:
    exporter = FakeExporter(shown=many(10_000))
    async with serving(exporter) as client:
        started = time.monotonic()
        async with lag() as seen, client.get(f"/api/{path}") as answer:
            body = await answer.read()
        took = time.monotonic() - started
    assert body.count(b'"status"') >= 10_000
    assert seen.longest < took / 3


async def test_the_loop_has_its_turn_while_a_picture_is_taken() -> None:
    printers = "".join(f"  - {{ name: P{n}, host: 127.0.{n // 250}.{n % 250 + 1} }}\n" for n in range(1000))
    async with exporting(f"printers:\n{printers}") as exporter:
        await exporter.fetch("/-/healthy")
        turns = 0

        async def count() -> None:
            nonlocal turns
            while True:
                await asyncio.sleep(0)
                turns += 1

        counting = asyncio.create_task(count())
        picture = await exporter.app.picture()
        counting.cancel()
    assert len(picture.printers) == 1000
    assert turns >= 5
