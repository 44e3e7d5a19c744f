"""The status page in a real browser: nothing in the way of anybody, at every width and in both color schemes."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.support.chaos import LIMIT, Exporter, exporting
from tests.support.chromium import AXE, CHROMIUM, Tab, chromium
from tests.test_api import MAC, office, one_printer

pytestmark = pytest.mark.skipif(CHROMIUM is None or not AXE.exists(), reason="chromium or axe-core is not installed")

PAGES = {
    "overview": "/",
    "chosen": "/?q=hp&status=error&refresh=0",
    "nothing chosen": "/?q=nothing-is-like-that",
    "printer": "/printers/Engineering",
    "silent printer": "/printers/Archive",
    "camera": f"/cameras/{MAC}",
    "missing": "/printers/none",
}
# What a content security policy keeps a page from doing is told to the page.
LISTEN = "window.refused = []; addEventListener('securitypolicyviolation', e => refused.push(e.violatedDirective))"


async def go(tab: Tab, exporter: Exporter, path: str) -> None:
    await tab.open(f"{exporter.client._base_url}".rstrip("/") + path)


@asynccontextmanager
async def browsing(exporter: Exporter, path: str = "/", *, width: int = 1280) -> AsyncIterator[Tab]:
    async with chromium() as tab:
        await tab.show(width=width)
        await go(tab, exporter, path)
        yield tab


async def found_wrong(tab: Tab, exporter: Exporter, path: str) -> list[str]:
    """Return what is wrong with a page at every width and in both color schemes."""
    wrong = []
    for width in (320, 1280, 2560):
        for dark in (False, True):
            await tab.show(width=width, dark=dark)
            await go(tab, exporter, path)
            told = [f"{width} {'dark' if dark else 'light'} {fault}" for fault in await tab.faults()]
            if await tab.run("document.documentElement.scrollWidth > window.innerWidth"):
                told.append(f"{width}: is wider than the screen")
            wrong += told
    return wrong


async def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone() -> None:
    async with office("grafana: { url: https://grafana.example.com }\n") as exporter, chromium() as tab:
        await tab.send("Page.addScriptToEvaluateOnNewDocument", source=LISTEN)
        for name, path in PAGES.items():
            assert await found_wrong(tab, exporter, path) == [], name
            assert await tab.run("refused") == [], name
            assert await tab.run("document.styleSheets.length") == 1


async def test_axe_finds_nothing_where_there_is_nothing_to_show() -> None:
    async with exporting("printers: []") as exporter, chromium() as tab:
        assert await found_wrong(tab, exporter, "/") == []


async def test_no_level_runs_into_the_next_at_any_width() -> None:
    async with office() as exporter, chromium() as tab:
        for width in (320, 390, 700, 970, 1024, 1180, 1280, 1440, 1920, 2200, 2560, 3200, 3840):
            await tab.show(width=width)
            await go(tab, exporter, "/")
            wide = "[...document.querySelectorAll('.supplies li, .devices td, .devices thead th')]"
            wide += ".filter(each => each.scrollWidth > each.clientWidth + 1).map(each => each.textContent)"
            assert await tab.run(wide) == [], width


async def test_axe_and_the_browser_would_find_something() -> None:
    async with one_printer() as (exporter, _), browsing(exporter) as tab:
        await tab.run("document.querySelector('[for=status]').remove(); document.body.style.color = '#ccc'")
        found = " ".join(await tab.faults())
        await tab.run(f"{LISTEN}; document.body.setAttribute('style', 'color: red')")
        assert await tab.run("new Promise(done => setTimeout(() => done(refused), 50))") == ["style-src-attr"]
    assert "color-contrast" in found
    assert "select-name" in found


async def test_the_keyboard_leads_over_the_skip_link_to_every_link_and_the_form() -> None:
    async with one_printer() as (exporter, _), browsing(exporter) as tab:
        await tab.press("Tab")
        assert await tab.run("document.activeElement.textContent") == "Skip to the content"
        assert await tab.run("document.activeElement.getBoundingClientRect().top") >= 0, "it shows itself"
        await tab.press("Enter")
        assert await tab.run("location.hash") == "#main"
        met = []
        for _ in range(40):
            await tab.press("Tab")
            met.append(await tab.run("document.activeElement.textContent || document.activeElement.name"))
            outline = await tab.run("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", met[-1]
            if met[-1] == "Readiness":
                break
    assert [name for name in met if name in {"q", "Show", "A/B ?", "Metrics", "Readiness"}] == [
        "q",
        "Show",
        "A/B ?",
        "Metrics",
        "Readiness",
    ]


async def test_the_form_chooses_without_a_script() -> None:
    async with office() as exporter, browsing(exporter, "/?refresh=0") as tab:
        await tab.send("Emulation.setScriptExecutionDisabled", value=True)
        await tab.run("document.querySelector('#q').focus()")
        await tab.send("Input.insertText", text="lobby")
        await tab.press("Enter")
        async with asyncio.timeout(LIMIT):
            while "q=lobby" not in (url := str(await tab.run("location.href"))):
                await asyncio.sleep(0.02)
        await tab.open(url)
        assert re.search(r"/\?q=lobby&status=&location=&refresh=0$", url)
        names = await tab.run("[...document.querySelectorAll('.name a')].map(link => link.textContent)")
        assert names == ["Lobby"]


async def test_a_bar_is_as_long_as_its_supply_is_full() -> None:
    async with office() as exporter, browsing(exporter) as tab:
        row = "[...document.querySelectorAll('tr')].find(row => row.textContent.includes('Accounting'))"
        script = """.querySelectorAll('.meter')].map(meter => {
            const full = meter.getBoundingClientRect().width, part = meter.firstChild.getBoundingClientRect().width
            return Math.round(100 * part / full) + '%'})"""
        drawn = await tab.run(f"[...{row}{script}")
        told = await tab.run(f"[...{row}.querySelectorAll('.level')].map(level => level.textContent)")
    assert drawn == told
    assert len(drawn) == 4


async def test_the_page_comes_anew_by_itself_with_what_was_chosen() -> None:
    async with one_printer() as (exporter, _), browsing(exporter, "/?q=a&refresh=1") as tab:
        await tab.run("window.isOld = true")
        async with asyncio.timeout(LIMIT):
            while await tab.run("window.isOld === true"):
                await asyncio.sleep(0.05)
        assert str(await tab.run("location.search")) == "?q=a&refresh=1"
