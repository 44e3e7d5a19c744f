"""A reload while scrapes run: what changed is taken over, what did not goes on as it was, a bad file does nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from exporter import config
from exporter.printers.poll import PrinterPoller
from exporter.simulator.agent import Agent
from tests.support.chaos import Exporter, exporting, failures, problems, told, value
from tests.test_chaos_printers import sound


@dataclass
class Site:
    """Three printers, each entry of the config by name, and what else the config says."""

    agents: dict[str, Agent]
    entries: dict[str, str] = field(default_factory=dict)
    more: str = ""

    def __post_init__(self) -> None:
        self.entries = {name: self.entry(name) for name in self.agents}

    def entry(self, agent: str, options: str = "", *, name: str = "") -> str:
        """Return the entry of the printer that this agent is."""
        at = self.agents[agent]
        return f'{{ name: {name or agent}, host: "{at.host}:{at.port}", {options} }}'

    @property
    def text(self) -> str:
        return f"{self.more}\nprinters: [{', '.join(self.entries.values())}]\n"


@asynccontextmanager
async def site() -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        yield Site({name: await stack.enter_async_context(sound()) for name in ("Stays", "Other", "Spare")})


def session_of(exporter: Exporter, name: str) -> object:
    poller = exporter.app.cycle.devices[name].poller
    assert isinstance(poller, PrinterPoller)
    return poller._client._session


async def reloaded(exporter: Exporter, site: Site) -> str:
    """Reload in the middle of a scrape, and return what is known one scrape later."""
    exporter.source.text = site.text
    scraping = asyncio.create_task(exporter.scrape())
    for _ in range(30):
        await asyncio.sleep(0)
    await exporter.fetch("/-/reload", method="POST")
    assert "printer_up" in await scraping
    await exporter.scrape()
    return await exporter.scrape()


def add(site: Site) -> None:
    site.entries["New"] = site.entry("Spare", name="New")


def remove(site: Site) -> None:
    del site.entries["Other"]


def rename(site: Site) -> None:
    site.entries["Other"] = site.entry("Other", name="Renamed")


def change_credentials(site: Site) -> None:
    site.more = (
        "snmp: { credentials: { default: { version: 2c, community: public }, b: { version: 2c, community: wrong } } }"
    )
    site.entries["Other"] = site.entry("Other", "credentials: b")


def change_thresholds(site: Site) -> None:
    site.entries["Other"] = site.entry("Other", "thresholds: { warning: 0.9, error: 0.5 }")


def change_labels(site: Site) -> None:
    site.entries["Other"] = site.entry("Other", "location: B9, labels: { floor: '4' }")


def change_order(site: Site) -> None:
    site.entries = dict(reversed(site.entries.items()))


def change_nothing(site: Site) -> None:
    pass


def was_added(text: str) -> None:
    assert value(text, "printer_up", printer="New") == 1
    assert value(text, "printer_polls_total", printer="Other") == 5


def was_removed(text: str) -> None:
    assert 'printer="Other"' not in text
    assert value(text, "printcam_exporter_devices", kind="printer") == 1


def was_renamed(text: str) -> None:
    assert 'printer="Other"' not in text
    assert value(text, "printer_pages_total", printer="Renamed") == 4321
    assert (value(text, "printer_polls_total", printer="Renamed") or 9) <= 3, "what is counted of a name begins at 0"


def were_credentials_changed(text: str) -> None:
    assert failures(text, "Other").keys() == {"timeout"}
    assert value(text, "printer_pages_total", printer="Other") == 4321, "what it said stays while it is silent"


def were_thresholds_changed(text: str) -> None:
    assert value(text, "printer_supply_threshold_ratio", printer="Other", level="error") == 0.5
    assert value(text, "printer_supply_status", printer="Other") == 2
    assert value(text, "printer_supply_threshold_ratio", printer="Stays", level="error") == 0.1
    assert (value(text, "printer_polls_total", printer="Other") or 0) >= 4


def were_labels_changed(text: str) -> None:
    assert text.count('printer_up{printer="Other",location="B9",floor="4"} 1') == 1
    assert 'printer="Other",location="Unassigned"' not in text
    assert (value(text, "printer_polls_total", printer="Other") or 0) >= 4


def is_unchanged(text: str) -> None:
    assert value(text, "printer_polls_total", printer="Other") == 5


CHANGES: dict[str, tuple[Callable[[Site], None], Callable[[str], None]]] = {
    "a printer is added": (add, was_added),
    "one is removed": (remove, was_removed),
    "one is renamed": (rename, was_renamed),
    "its credentials change": (change_credentials, were_credentials_changed),
    "its thresholds change": (change_thresholds, were_thresholds_changed),
    "its labels change": (change_labels, were_labels_changed),
    "the order changes": (change_order, is_unchanged),
    "nothing changes": (change_nothing, is_unchanged),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_what_changed_is_taken_over_and_the_rest_keeps_its_session_counters_and_history(
    what: str, caplog: pytest.LogCaptureFixture
) -> None:
    change, check = CHANGES[what]
    async with site() as here:
        del here.entries["Spare"]
        async with exporting(here.text) as exporter:
            await exporter.scrape()
            before = await exporter.scrape()
            session, asked = session_of(exporter, "Stays"), here.agents["Stays"].requests
            change(here)
            text = await reloaded(exporter, here)
            assert told(text, "Stays") == told(before, "Stays")
            assert value(text, "printer_polls_total", printer="Stays") == 5
            assert failures(text, "Stays") == {}
            assert session_of(exporter, "Stays") is session
            assert here.agents["Stays"].requests - asked < 15, "its structure is not read again"
            assert value(text, "printcam_exporter_config_last_reload_successful") == 1
            check(text)
    assert problems(caplog.messages) == []


async def test_other_settings_of_polling_close_a_session_only_where_it_is_used_otherwise() -> None:
    async with site() as here, exporting(here.text) as exporter:
        await exporter.scrape()
        session = session_of(exporter, "Stays")
        exporter.source.head = exporter.source.head.replace("min_interval: 0", "min_interval: 0, idle_interval: 9m")
        await reloaded(exporter, here)
        assert session_of(exporter, "Stays") is session
        exporter.source.head = exporter.source.head.replace("retries: 1", "retries: 3")
        text = await reloaded(exporter, here)
        assert session_of(exporter, "Stays") is not session
        assert (value(text, "printer_polls_total", printer="Stays") or 0) >= 6, "and it counts on"


BAD: dict[str, bytes] = {
    "broken YAML": b"printers: [",
    "unknown key": b"printer: []\n",
    "printer twice": b"printers: [{ name: A, host: a }, { name: A, host: b }]\n",
    "wrong type": b"printers: 7\n",
    "no text": b"\xff\xfe\x00\x80\x81",
    "control characters": b"printers: [{ name: 'a\x00\x1b', host: a }]\n",
    "secret that is not there": b"snmp: { credentials: { default: { version: 2c, community_file: /no/such } } }\n",
    "variable that is not there": b"snmp: { credentials: { default: { version: 2c, community: '${NO_SUCH}' } } }\n",
    "endless nesting": b"printers: " + b"[" * 100_000,
    "aliases of aliases": b"a: &a [x,x,x,x,x,x,x,x,x]\n"
    + b"".join(b"%c: &%c [%s]\n" % (n, n, b",".join([b"*%c" % (n - 1)] * 9)) for n in b"bcdefghi"),
    "a file that is cut off": b"printers:\n  - { name: A, host: a }\n  - { name: B, ho",
    "a document of another kind": b"\x7fELF\x02\x01\x01",
}


@pytest.mark.parametrize("kind", [*BAD, "no file", "a folder"])
async def test_a_file_that_cannot_be_used_changes_nothing(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    async with site() as here, exporting(here.text) as exporter:
        before = await exporter.scrape()
        devices = dict(exporter.app.cycle.devices)
        if kind == "a folder":
            file.mkdir()
        elif kind in BAD:
            file.write_bytes(BAD[kind])
        exporter.app._load = lambda: config.load(file)
        async with exporter.client.post("/-/reload") as answer:
            assert answer.status == 500
            assert "config.yaml" in await answer.text()
        text = await exporter.scrape()
        assert dict(exporter.app.cycle.devices) == devices
        assert all(told(text, name) == told(before, name) for name in here.agents)
        assert value(text, "printer_polls_total", printer="Stays") == 2
        assert value(text, "printcam_exporter_config_last_reload_successful") == 0
        exporter.app._load = exporter.source.load
        await exporter.fetch("/-/reload", method="POST")
        assert value(await exporter.scrape(), "printcam_exporter_config_last_reload_successful") == 1
