"""The status page over HTTP, with the demo office and without."""

import asyncio
import json
import re
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import SecretStr
from yarl import URL

from exporter.config import ConfigError, Origin, Prometheus
from exporter.printers.lifecycle import Life
from exporter.printers.model import Counters, Poll
from exporter.state import Changes, Event
from exporter.web import forecasts
from exporter.web.detail import MAX_LINES, printer_detail
from exporter.web.forecasts import NOT_CONFIGURED, Forecasts, Left
from exporter.web.rows import printer_row
from tests.support import history
from tests.support.agents import own_address
from tests.support.chaos import LIMIT, Exporter, exporting
from tests.support.fleets import NOW, many, picture, printer, snapshot
from tests.support.lag import lag
from tests.support.prometheus import Prometheus as PrometheusServer
from tests.test_api import MAC, office, one_printer
from tests.test_web import FakeExporter, serving

HTML = {"Accept": "text/html,*/*;q=0.8"}


async def get(exporter: Exporter, path: str, status: int = 200) -> str:
    """Return a page as a browser asks for it."""
    async with exporter.client.get(path, headers=HTML) as answer:
        text = await answer.text()
        assert answer.status == status, text
        assert answer.content_type == "text/html"
        return text


def root(exporter: Exporter) -> URL:
    base = exporter.client._base_url
    assert base
    return base


def words(page: str) -> str:
    """Return what a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page.partition("<body>")[2]))


# ---- the overview


async def test_the_page_has_every_device_with_its_status_and_levels() -> None:
    async with office() as exporter:
        page = await get(exporter, "/")
        shown = words(page)
        for name in ("Accounting", "Meeting Room 1", "Archive", "Lobby", "Roof"):
            assert f">{name}</a>" in page
    assert "16 printers" in shown
    assert re.search(r"Canteen HP LaserJet Pro M404dn · \S+ Black ✕ Error: 0% no toner Black Cartridge", shown)
    assert "Paper jam" in shown
    assert "in maintenance" in shown
    assert "There is no forecast: prometheus.url is not configured." in shown


async def test_a_query_chooses_and_the_form_shows_what_was_chosen() -> None:
    async with office() as exporter:
        page = await get(exporter, "/?q=hp&status=error&location=B2&refresh=15")
    assert ">Canteen</a>" in page
    assert ">Accounting</a>" not in page
    assert 'value="hp"' in page
    assert '<option value="error" selected>' in page
    assert '<option value="B2" selected>' in page
    assert '<input type="hidden" name="refresh" value="15">' in page
    assert "1 of 16 printers and 0 of " in words(page)


async def test_the_page_refreshes_itself_until_it_is_paused() -> None:
    async with one_printer() as (exporter, _):
        for path, after in (
            ("/", "60"),
            ("/?refresh=15", "15"),
            ("/?refresh=0", None),
            ("/printers/A%2FB%20%3F", "60"),
        ):
            async with exporter.client.get(path) as answer:
                assert answer.headers.get("Refresh") == after
        page = await get(exporter, "/?q=x&status=ok")
        assert '<a href="?q=x&amp;status=ok&amp;refresh=0">Pause</a>' in page
        page = await get(exporter, "/?q=x&refresh=0")
        assert '<a href="?q=x">Resume</a>' in page
        page = await get(exporter, "/?refresh=0")
        assert 'href="printers/A%2FB%20%3F?refresh=0"' in page, "and stays paused behind a link"


async def test_an_empty_inventory_says_what_to_do() -> None:
    async with exporting("printers: []") as exporter:
        shown = words(await get(exporter, "/"))
    assert "No printers are listed. Add them under printers: in the config" in shown
    assert "Cameras are not searched for" in shown


async def test_nothing_that_is_chosen_says_so() -> None:
    async with one_printer() as (exporter, _):
        shown = words(await get(exporter, "/?q=nowhere"))
    assert "No printer is like that." in shown
    assert "No camera is like that." in shown


async def test_troubles_of_the_exporter_itself_stand_on_top() -> None:
    async with one_printer() as (exporter, _):
        assert "reload failed" not in await get(exporter, "/")
        exporter.source.text = "printers: wrong"
        with pytest.raises(ConfigError):
            await exporter.app.reload()
        for path in ("/", "/printers/A%2FB%20%3F"):
            assert "The last reload failed, an older config runs" in words(await get(exporter, path))


# ---- pages of devices


async def test_a_printer_has_a_page_with_everything_known() -> None:
    async with office() as exporter:
        shown = words(await get(exporter, "/printers/Engineering"))
    for text in (
        "Waste toner",
        "Service requested",
        "Tray 5 (Bypass)",
        "XL7710233",
        "Xerox",
        "By month",
        "engineering",
    ):
        assert text in shown or text.lower() in shown, text


def test_makers_counters_stand_with_what_is_counted_apart_from_them() -> None:
    counters = Counters((("print", "mono", 7), ("copy", "color", 8)), scans=9, large=1)
    shown = printer_detail(printer(said=snapshot(counters=counters)), (), NOT_CONFIGURED)
    assert shown.functions == [("print", "mono", 7), ("copy", "color", 8), ("scans", "", 9), ("large", "", 1)]


async def test_pages_of_this_month_are_not_those_of_the_month_in_which_it_last_answered() -> None:
    now, before = (
        printer(month, life=Life(months={month: pages}, month=month))
        for month, pages in (("2026-09", 7), ("2026-08", 8))
    )
    async with serving(FakeExporter(shown=picture([now, before]))) as client, client.get("/") as answer:
        shown = words(await answer.text())
    assert "7 this month" in shown
    assert shown.count("this month") == 1


@pytest.mark.parametrize(
    ("changes", "version", "facts"),
    [
        ({}, "2c", {"Host": "192.0.2.1", "Protocol": "SNMP v2c", "Source": "config"}),
        ({"protocol": "ipps", "port": 631}, "ipps", {"Host": "192.0.2.1", "Protocol": "IPPS"}),
        ({"protocol": "ipp", "port": 8631}, None, {"Host": "192.0.2.1, port 8631", "Protocol": "IPP"}),
        ({"port": 1161}, None, {"Host": "192.0.2.1, port 1161", "Protocol": "SNMP"}),
        ({"origin": Origin("file", "b1.yaml")}, "1", {"Source": "b1.yaml"}),
        ({"origin": Origin("print_server", "ipp://cups")}, "1", {"Source": "ipp://cups"}),
    ],
)
def test_a_printer_tells_how_it_is_asked_and_where_it_comes_from(
    changes: dict[str, Any], version: str | None, facts: dict[str, str]
) -> None:
    poll = Poll(snapshot(), NOW, 0.2, 1, "192.0.2.1", version) if version else None
    entry = printer(poll=poll)
    entry = entry._replace(printer=replace(entry.printer, **changes))
    told = {fact.name: fact.text for fact in printer_detail(entry, (), NOT_CONFIGURED).facts}
    assert {name: told.get(name) for name in facts} == facts


def test_months_are_bars_the_latest_first() -> None:
    entry = printer(life=Life(months={"2026-09": 50, "2026-10": 200}, month="2026-10"))
    months = printer_detail(entry, (), NOT_CONFIGURED).months
    assert [(each.month, each.pages, each.width) for each in months] == [("2026-10", 200, 100), ("2026-09", 50, 25)]


async def test_what_happened_is_told_in_words_the_latest_first() -> None:
    async with one_printer() as (exporter, _):
        (engine,) = exporter.app._printers.lives
        happened = [
            Event("engine", engine, 1000.0, "replaced Black toner", "3%", "100%"),
            Event("engine", engine, 2000.0, "jam", None, None),
            Event("printer", "A/B ?", 3000.0, "serial", "OLD", "NEW"),
        ]
        assert exporter.app._keeper
        await exporter.app._keeper.save(Changes({}, happened))
        page = await get(exporter, "/printers/A%2FB%20%3F")
        shown = words(page).partition("History")[2]
    assert re.search(r"Another printer answered OLD NEW .* Paper jam .* Black toner replaced 3% 100%", shown)
    assert "1970-01-01 01:50" in shown, "in the time zone of the config"


def test_a_long_history_is_told_as_far_as_a_person_reads() -> None:
    jams = [Event("printer", "P", float(at), "jam", None, None) for at in range(MAX_LINES + 1)]
    lines = printer_detail(printer(), jams, NOT_CONFIGURED).history
    assert (len(lines), lines[0].at, lines[-1].at) == (MAX_LINES, MAX_LINES, 1)


async def test_a_camera_has_a_page_with_its_addresses() -> None:
    async with office() as exporter:
        page = await get(exporter, f"/cameras/{MAC.upper()}")
        assert "Address first heard" in words(page)
        assert "SIM00001" in page
        assert f'href="../api/cameras/{MAC}"' in page
        await exporter.fetch(f"/api/cameras/{MAC}")


async def test_a_history_that_cannot_be_read_is_told_and_the_rest_is_shown(tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    async with one_printer(state=file) as (exporter, _):
        with closing(sqlite3.connect(file)) as other:
            other.execute("DROP TABLE event")
        shown = words(await get(exporter, "/printers/A%2FB%20%3F"))
    assert "the history cannot be read; the log says why" in shown
    assert "Supplies" in shown


@pytest.mark.parametrize("path", ["/printers/none", "/cameras/none", f"/cameras/{MAC}", "/none", "/a/b/c"])
async def test_a_page_that_is_not_there_is_a_page_for_a_person_and_a_line_for_a_script(path: str) -> None:
    async with one_printer() as (exporter, _):
        page = await get(exporter, path, 404)
        assert "Not found" in page
        (back,) = re.findall(r'<a href="([^"]*)">All printers and cameras</a>', page)
        assert ">A/B ?</a>" in await get(exporter, str(root(exporter).join(URL(path)).join(URL(back))))
        async with exporter.client.get(path) as answer:
            assert (answer.status, answer.content_type) == (404, "text/plain")


async def test_a_page_that_is_not_there_leads_back_though_a_slash_is_in_its_name() -> None:
    path = URL("/printers/a%2Fb", encoded=True)
    async with serving(FakeExporter()) as client, client.get(path, headers=HTML) as answer:
        assert 'href="../">All printers and cameras</a>' in await answer.text(), "and not above a proxy's path"


@pytest.mark.parametrize("name", ["A/B", "A{1}", "100%", "a%2Fb", "<i>&amp;", "\N{SNOWMAN}"])
async def test_a_printer_is_reached_whatever_its_name_is_made_of(name: str) -> None:
    shown = picture([printer(name)])
    async with serving(FakeExporter(shown=shown)) as client:
        url = printer_row(shown.printers[0], NOT_CONFIGURED).url
        for path in (url, f"api/{url}"):
            async with client.get(URL(f"/{path}", encoded=True)) as answer:
                assert answer.status == 200, path


# ---- links and headers


async def test_pages_lead_to_grafana_where_it_is_known() -> None:
    async with office("grafana: { url: https://grafana.example.com/g/ }\n") as exporter:
        assert 'href="https://grafana.example.com/g/d/printcam-office"' in await get(exporter, "/")
        page = await get(exporter, "/printers/Meeting%20Room%201")
        assert 'href="https://grafana.example.com/g/d/printcam-printer?var-printer=Meeting+Room+1"' in page
        page = await get(exporter, f"/cameras/{MAC}")
        assert 'href="https://grafana.example.com/g/d/printcam-cameras?var-camera=Lobby"' in page
    async with one_printer() as (exporter, _):
        assert "Grafana" not in await get(exporter, "/")


def test_the_dashboards_that_are_linked_to_exist_and_have_the_variables() -> None:
    for uid, variable in (
        ("printcam-office", "printer"),
        ("printcam-printer", "printer"),
        ("printcam-cameras", "camera"),
    ):
        file = Path(__file__).parent.parent / "dashboards/grafana" / f"{uid}.json"
        dashboard = json.loads(file.read_text())
        assert dashboard["uid"] == uid
        assert variable in {each["name"] for each in dashboard["templating"]["list"]}


async def test_every_link_of_every_page_leads_somewhere() -> None:
    async with office() as exporter:
        for path in ("/", "/printers/Canteen", f"/cameras/{MAC}", "/?status=error", "/printers/none"):
            page = await (await exporter.client.get(path, headers=HTML)).text()
            base = root(exporter).join(URL(path))
            links = set(re.findall(r'(?:href|action)="([^"]*)"', page)) - {"#main"}
            assert len(links) > 5
            for link in links:
                if "metrics" not in link:
                    async with exporter.client.get(base.join(URL(link.replace("&amp;", "&"))), headers=HTML) as answer:
                        assert answer.status == 200, link


@pytest.mark.parametrize("path", ["/", "/printers/A%2FB%20%3F", "/printers/none"])
async def test_a_page_runs_no_script_and_is_neither_stored_nor_framed(path: str) -> None:
    async with one_printer() as (exporter, _), exporter.client.get(path, headers=HTML) as answer:
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        page = await answer.text()
    assert "default-src 'none'" in policy
    assert "script" not in policy
    assert "unsafe" not in policy
    assert "<script" not in page
    assert " style=" not in page


async def test_a_path_of_thousands_of_slashes_costs_no_large_page() -> None:
    async with serving(FakeExporter()) as client, client.get("/a" * 3000, headers=HTML) as answer:
        assert (answer.status, len(await answer.text()) < 20_000) == (404, True)


async def test_the_style_may_be_kept_and_has_a_url_of_its_own_for_each_version() -> None:
    async with one_printer() as (exporter, _):
        (link,) = re.findall(r'href="(static/status.css\?\w+)"', await get(exporter, "/"))
        async with exporter.client.get(f"/{link}") as answer:
            assert (answer.status, answer.content_type) == (200, "text/css")
            assert answer.headers["Cache-Control"] == "max-age=86400"
        async with exporter.client.get("/static/pages.py") as answer:
            assert answer.status == 404


# ---- load


async def test_the_loop_goes_on_while_the_page_of_thousands_is_made() -> None:
    exporter = FakeExporter(shown=many(10_000))
    async with serving(exporter) as client:
        async with client.get("/") as answer:  # which compiles the templates
            await answer.read()
        started = time.monotonic()
        async with lag() as seen, client.get("/?q=p") as answer:
            page = await answer.text()
        took = time.monotonic() - started
    assert page.count("<tr") < 500
    assert "Page 1 of 50" in words(page)
    assert seen.longest < took / 3


async def test_a_scrape_does_not_wait_for_a_page() -> None:
    exporter = FakeExporter(shown=many(10_000))
    async with serving(exporter) as client:
        pages = [asyncio.create_task(client.get("/")) for _ in range(5)]
        await asyncio.sleep(0)
        async with client.get("/metrics") as answer:
            assert answer.status == 200
        assert not all(page.done() for page in pages)
        for page in pages:
            (await page).release()


# ---- forecasts


@asynccontextmanager
async def prometheus(*answers: object) -> AsyncIterator[tuple[str, list[str], asyncio.Event]]:
    """Run what answers as Prometheus does, in turn; yield its URL, what it was asked, and what lets it answer."""
    asked: list[str] = []
    go = asyncio.Event()
    left = list(answers)

    async def answer(request: web.Request) -> web.Response:
        asked.append(str((await request.post())["query"]))
        await go.wait()
        told = left.pop(0)
        return web.json_response(told) if told else web.Response(status=500, text="broken")

    app = web.Application()
    app.router.add_post("/api/v1/query", answer)
    runner = web.AppRunner(app, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, own_address(), 0)
    await site.start()
    try:
        host, port = runner.addresses[0][:2]
        yield f"http://{host}:{port}", asked, go
    finally:
        await runner.cleanup()


def vector(**values: str) -> object:
    result = [{"metric": {"printer": "A/B ?", "supply": name}, "value": [1, value]} for name, value in values.items()]
    return {"status": "success", "data": {"resultType": "vector", "result": result}}


async def known(wanted: Forecasts) -> forecasts.Forecast:
    """Return the forecast once it was fetched."""
    wanted.current()
    assert wanted._task
    await asyncio.wait({wanted._task}, timeout=LIMIT)
    return wanted.current()


async def test_a_page_never_waits_for_prometheus_and_has_the_forecast_later() -> None:
    async with (
        prometheus(vector(**{"Black toner": "12.4", "Drum": "NaN"}), vector(**{"Black toner": "1"})) as (
            url,
            asked,
            go,
        ),
        one_printer(f"prometheus: {{ url: {url} }}\n") as (exporter, _),
    ):
        assert "The forecast is on its way." in words(await get(exporter, "/"))
        go.set()
        async with asyncio.timeout(LIMIT):
            while "on its way" in (page := await get(exporter, "/printers/A%2FB%20%3F")):
                await asyncio.sleep(0.01)
        assert "There is no forecast" not in page
        assert "12 d" in words(page)
        assert len(asked) == 2, "once for all pages of five minutes"


async def test_a_forecast_has_days_and_whether_they_can_be_trusted() -> None:
    async with prometheus(vector(a="12.4", b="3", c="-1", d="+Inf"), vector(a="1", b="0")) as (url, _, go):
        go.set()
        asked = Forecasts(lambda: Prometheus(url=url))
        found = await known(asked)
        await asked.close()
    assert found.left == {("A/B ?", "a"): Left(12.4, trusted=True), ("A/B ?", "b"): Left(3.0, trusted=False)}
    assert found.remark == ""


async def test_a_prometheus_without_the_rules_is_told() -> None:
    async with prometheus(vector(), vector()) as (url, _, go):
        go.set()
        asked = Forecasts(lambda: Prometheus(url=url))
        assert "the recording rules are not loaded" in (await known(asked)).remark
        await asked.close()


async def test_a_prometheus_that_fails_is_told_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    async with prometheus(None, None) as (url, _, go):
        go.set()
        asked = Forecasts(lambda: Prometheus(url=url))
        for _ in range(2):
            assert "Prometheus cannot be asked" in (await known(asked)).remark
            asked._begun = float("-inf")
        await asked.close()
    assert [record.msg for record in caplog.records] == ["no forecast"]


async def test_another_prometheus_is_asked_at_once_and_the_old_answer_forgotten() -> None:
    settings: list[Prometheus | None] = [None]
    async with prometheus(vector(a="1"), vector(), vector(b="2"), vector()) as (url, _, go):
        go.set()
        asked = Forecasts(lambda: settings[0])
        assert asked.current() is NOT_CONFIGURED
        settings[0] = Prometheus(url=url)
        assert set((await known(asked)).left) == {("A/B ?", "a")}
        settings[0] = Prometheus(url=url, user="reports", password=SecretStr("secret"))
        assert not asked.current().left
        assert set((await known(asked)).left) == {("A/B ?", "b")}
        await asked.close()


async def test_what_the_old_prometheus_answers_late_is_not_taken_for_the_new_one() -> None:
    async with prometheus(vector(a="1"), vector(), vector(b="2"), vector()) as (url, questions, go):
        settings = [Prometheus(url=url)]
        asked = Forecasts(lambda: settings[0])
        asked.current()
        async with asyncio.timeout(LIMIT):
            while not questions:
                await asyncio.sleep(0.01)
        settings[0] = Prometheus(url=url, user="reports", password=SecretStr("secret"))
        asked.current()
        go.set()
        assert not (await known(asked)).left
        assert set((await known(asked)).left) == {("A/B ?", "b")}
        await asked.close()


async def test_the_rules_of_a_real_prometheus_give_a_forecast(seeded: PrometheusServer) -> None:
    asked = Forecasts(lambda: Prometheus(url=seeded.url), now=lambda: history.END)
    found = await known(asked)
    await asked.close()
    assert found.remark == ""
    assert all(0 <= left.days < 10_000 for left in found.left.values())
    assert {left.trusted for left in found.left.values()} == {True, False}
    assert all(printer and supply for printer, supply in found.left)
