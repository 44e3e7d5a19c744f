"""`/probe` and `/sd/printers`: one printer at a time, over HTTP, on agents."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import aiohttp
import pytest

from exporter import unlisted
from exporter.app import App
from exporter.cycle import Device
from exporter.printers import stored
from exporter.simulator.agent import Agent
from exporter.state import State
from exporter.web.listeners import listen
from exporter.web.server import TIMEOUT_HEADER, application, runner
from tests.support.agents import own_address
from tests.test_app import HEAD, agent, running, value
from tests.test_poll import BASE, MovingMib


@asynccontextmanager
async def serving(app: App) -> AsyncIterator[aiohttp.ClientSession]:
    served = await runner(application(app))
    await listen(served, [f"{own_address()}:0"])
    host, port = served.addresses[0][:2]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as client:
        yield client
    await served.cleanup()


async def probed(client: aiohttp.ClientSession, target: str, **headers: str) -> tuple[int, str]:
    async with client.get("/probe", params={"target": target}, headers=headers) as answer:
        return answer.status, await answer.text()


def polls(app: App, name: str) -> int:
    return app.cycle.devices[name].record.polls


def kept_of_printers(path: Path) -> dict[str, str]:
    with closing(State(path, read_only=True)) as state:
        return {key: text for kind in stored.KINDS for key, text in state.documents(kind).items()}


async def test_a_probe_polls_one_printer_and_returns_what_metrics_would_say_of_it() -> None:
    async with agent() as one, agent() as two:
        text = f'printers: [{{ name: One, host: "{one}", labels: {{ floor: "2" }} }}, {{ name: Two, host: "{two}" }}]'
        async with running(text) as (app, _), serving(app) as client:
            status, by_name = await probed(client, "One")
            assert (status, polls(app, "One"), polls(app, "Two")) == (200, 1, 0)
            async with client.get("/metrics", params={"collect[]": "printers"}) as answer:
                everything = await answer.text()
    assert value(by_name, r'printer_up\{printer="One",location="Unassigned",floor="2"\}') == "1"
    assert 'printer="Two"' not in by_name
    assert "printcam_exporter" not in by_name
    changing = ("printer_poll", "printer_last_success", "#")
    lasting = {line for line in by_name.splitlines() if not line.startswith(changing)}
    assert len(lasting) > 10
    assert lasting <= set(everything.splitlines())


async def test_a_printer_is_found_by_its_host_with_and_without_the_port() -> None:
    address = own_address()
    async with Agent(MovingMib(BASE), address, 0) as answering:
        text = f'printers: [{{ name: One, host: "{address}:{answering.port}" }}]'
        async with running(text) as (app, _), serving(app) as client:
            for target in (address, f"{address}:{answering.port}"):
                status, shown = await probed(client, target)
                assert status == 200
                assert 'printer_up{printer="One",location="Unassigned"} 1' in shown


async def test_a_port_behind_an_ipv6_address_is_no_part_of_it() -> None:
    text = 'printers: [{ name: Six, host: "fe80::1" }]\nprobe: { allow: [127.0.0.0/8] }'
    async with running(text) as (app, _):
        for target in ("fe80::1", "[fe80::1]:161"):
            assert app._listed(target) is app.cycle.devices["Six"]
        for elsewhere in ("fe80::1:161", "[fe80::1]:162"):
            assert app._listed(elsewhere) is None


async def test_a_host_with_several_printers_is_answered_with_their_names() -> None:
    address = own_address()
    text = f'printers: [{{ name: A, host: "{address}", device: 1 }}, {{ name: B, host: "{address}", device: 2 }}]'
    async with running(text) as (app, _), serving(app) as client:
        assert await probed(client, address) == (
            404,
            "target: several printers are there; ask for one by its name: A, B\n",
        )


async def test_a_silent_printer_is_no_http_error() -> None:
    text = f'printers: [{{ name: Dead, host: "{own_address()}" }}]'
    async with running(text) as (app, _), serving(app) as client:
        status, shown = await probed(client, "Dead")
    assert status == 200
    assert 'printer_up{printer="Dead",location="Unassigned"} 0' in shown


async def test_probes_at_once_and_soon_after_are_one_poll() -> None:
    async with agent() as host, running(f'printers: [{{ name: One, host: "{host}" }}]') as (app, source):
        source.head = HEAD.replace("min_interval: 0", "min_interval: 1h")
        await app.reload()
        async with serving(app) as client:
            answers = await asyncio.gather(*(probed(client, "One") for _ in range(20)))
            answers.append(await probed(client, "One"))
        assert polls(app, "One") == 1
    assert all(shown.count('printer_up{printer="One",location="Unassigned"} 1') == 1 for _, shown in answers)


async def test_an_answer_leaves_before_the_scraper_gives_up() -> None:
    silent = own_address()
    async with (
        Agent(MovingMib(BASE), silent, 0, silent=True) as mute,
        running(f'printers: [{{ name: Mute, host: "{silent}:{mute.port}" }}]') as (app, source),
        serving(app) as client,
    ):
        source.head = HEAD.replace("timeout: 100ms", "timeout: 60s")
        await app.reload()
        assert await probed(client, "Mute", **{TIMEOUT_HEADER: "0.6"}) == (200, "")


async def test_a_slow_name_server_takes_its_time_from_the_probes(monkeypatch: pytest.MonkeyPatch) -> None:
    left: list[float] = []

    async def slow(_host: str, _port: int) -> str:
        await asyncio.sleep(0.05)
        return "127.0.0.1"

    async def refresh(_device: Device, timeout: float) -> None:
        left.append(timeout)

    async with running("printers: []\nprobe: { allow: [127.0.0.0/8] }") as (app, _):
        app._unlisted._resolve = slow
        monkeypatch.setattr(app.cycle, "refresh", refresh)
        await app.probe("printer.test", 10)
        await app.probe("printer.test", 0.01)
    assert 0 < left[0] <= 9.96
    assert left[1] == 0


@pytest.mark.parametrize("query", ["", "?target=", "?target=a&target=b"])
async def test_a_probe_without_one_target_is_a_bad_request(query: str) -> None:
    async with running("printers: []") as (app, _), serving(app) as client, client.get(f"/probe{query}") as answer:
        assert (answer.status, await answer.text()) == (400, "target: give one name or host of a printer\n")


async def test_an_unlisted_host_is_not_asked_unless_the_config_allows_it() -> None:
    async with agent() as host, running("printers: []") as (app, _), serving(app) as client:
        status, said = await probed(client, host)
    assert status == 404
    assert said == "target: no printer of the config has this name or host, and probe.allow allows no others\n"


async def test_an_unlisted_host_is_asked_in_an_allowed_network_alone() -> None:
    async with agent() as host:
        allowed, elsewhere = f"{host.partition(':')[0]}/32", own_address()
        text = f"printers: []\nprobe: {{ allow: [{allowed}] }}\nlocations: [{{ network: {allowed}, location: Lab }}]"
        async with running(text) as (app, _), serving(app) as client:
            status, shown = await probed(client, host)
            again = await probed(client, host)
            refused = await probed(client, elsewhere)
            async with client.get("/metrics", params={"collect[]": "printers"}) as answer:
                listed = await answer.text()
    assert status == 200
    assert value(shown, rf'printer_up\{{printer="{host}",location="Lab"\}}') == "1"
    assert value(again[1], rf'printer_polls_total\{{printer="{host}",location="Lab"\}}') == "2"
    first, second = (int(value(text, r"printer_poll_requests\{.*\}") or 0) for text in (shown, again[1]))
    assert 0 < second < first, "the structure is read once"
    assert refused == (403, "target: this host is in no network of probe.allow\n")
    assert listed == ""


async def test_a_name_that_leads_out_of_the_allowed_networks_is_refused_whatever_it_led_to_before() -> None:
    leads_to = {"printer.test": "127.0.0.1"}

    async def resolve(host: str, port: int) -> str:
        return leads_to[host]

    async with running("printers: []\nprobe: { allow: [127.0.0.0/30] }") as (app, _):
        found = app._unlisted
        found._resolve = resolve
        first = await found.find("printer.test")
        assert (first.printer.name, first.printer.host, first.printer.port) == ("printer.test", "127.0.0.1", 161)
        assert await found.find("printer.test") is first
        leads_to["printer.test"] = "127.0.0.2"
        assert (await found.find("printer.test")).printer.host == "127.0.0.2"
        leads_to["printer.test"] = "192.0.2.1"
        with pytest.raises(unlisted.TargetError, match=r"in no network of probe\.allow"):
            await found.find("printer.test")


@pytest.mark.parametrize("target", ["no such host", "10.0.0.1:0", "[::1", "a" * 300, "x\x1b[31m"])
async def test_a_target_that_is_no_host_is_not_found(target: str) -> None:
    async with running("printers: []\nprobe: { allow: [10.0.0.0/8] }") as (app, _), serving(app) as client:
        status, said = await probed(client, target)
    assert status == 404
    assert said.startswith("target: no printer of the config has this name or host, nor is it a host: ")
    assert "\x1b" not in said


async def test_no_more_unlisted_hosts_are_kept_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlisted, "MAX_UNLISTED", 3)
    async with running("printers: []\nprobe: { allow: [127.0.0.0/8] }") as (app, _):
        devices = [await app._unlisted.find(f"127.0.0.{number}") for number in (1, 2, 3, 4, 3, 5, 6)]
        assert [app._unlisted.holds(device) for device in devices] == [False, False, True, False, True, True, True]


async def test_nothing_is_kept_of_unlisted_hosts_but_those_that_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unlisted, "MAX_UNLISTED", 2)
    async with running("printers: []\nprobe: { allow: [127.0.0.0/8] }") as (app, _):
        for _ in range(5):
            await app.probe(own_address(), 10)
        kept = {name: len(held) for name, held in vars(app).items() if isinstance(held, dict) and held}
        assert kept == {}
        assert len(app._unlisted._devices) == 2


async def test_an_unlisted_printer_takes_the_defaults_and_leaves_nothing_in_the_state(tmp_path: Path) -> None:
    text = "printers: []\nprinter_defaults: { labels: { floor: '1' } }\nprobe: { allow: [127.0.0.0/8] }"
    async with agent() as host, running(text, tmp_path / "state.db") as (app, _), serving(app) as client:
        _, shown = await probed(client, host)
    assert f'printer_up{{printer="{host}",location="Unassigned",floor="1"}} 1' in shown
    assert await asyncio.to_thread(kept_of_printers, tmp_path / "state.db") == {}


async def test_what_a_probe_has_found_is_kept_though_no_round_follows(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    async with agent() as host, running(f'printers: [{{ name: One, host: "{host}" }}]', path) as (app, _):
        assert app.saver
        await app.probe("One", 10)
        await app.saver.saved()
        assert app.cycle.rounds.finished == 0
        assert "One" in await asyncio.to_thread(kept_of_printers, path)


async def test_a_probe_after_the_end_neither_asks_nor_saves() -> None:
    async with agent() as host, running(f'printers: [{{ name: One, host: "{host}" }}]') as (app, _):
        await app.close()
        assert app.saver
        await app.probe("One", 10)
        assert app.saver._task
        assert app.saver._task.done()
        assert polls(app, "One") == 0


async def test_a_reload_forgets_unlisted_hosts_that_are_no_longer_allowed() -> None:
    allowing = "printers: []\nprobe: { allow: [127.0.0.0/8] }"
    async with agent() as host, running(allowing) as (app, source), serving(app) as client:
        assert (await probed(client, host))[0] == 200
        source.text = "printers: []"
        await app.reload()
        assert (await probed(client, host))[0] == 404


async def test_a_host_whose_name_is_looked_up_over_a_reload_is_not_asked_by_what_was_allowed_before() -> None:
    looked_up = asyncio.Event()

    async def resolve(_host: str, _port: int) -> str:
        await looked_up.wait()
        return "127.0.0.1"

    async with running("printers: []\nprobe: { allow: [127.0.0.0/8] }") as (app, source):
        before = app._unlisted
        before._resolve = resolve
        asked = asyncio.create_task(app.probe("printer.test", 10))
        await asyncio.sleep(0)
        source.text = "printers: []"
        await app.reload()
        looked_up.set()
        with pytest.raises(unlisted.TargetError, match="read again meanwhile"):
            await asked
        assert not before._devices


async def test_service_discovery_names_every_printer_with_what_is_known_of_it() -> None:
    async with agent() as host:
        address, _, port = host.partition(":")
        text = f"""
printers:
  - {{ name: "Front desk", host: "{host}", location: B1, labels: {{ floor: "2" }}, maintenance: true }}
  - {{ name: Dead, host: {own_address()} }}
"""
        async with running(text) as (app, _), serving(app) as client:
            async with client.get("/sd/printers") as answer:
                before = json.loads(await answer.text())
                assert answer.content_type == "application/json"
            assert polls(app, "Front desk") == 0, "discovery waits for nothing"
            await probed(client, "Front desk")
            async with client.get("/sd/printers") as answer:
                first, second = json.loads(await answer.text())
    assert [group["targets"] for group in before] == [["Front desk"], ["Dead"]]
    assert first["labels"] == {
        "__meta_printer_name": "Front desk",
        "__meta_printer_location": "B1",
        "__meta_printer_host": address,
        "__meta_printer_port": port,
        "__meta_printer_address": address,
        "__meta_printer_vendor": first["labels"]["__meta_printer_vendor"],
        "__meta_printer_model": first["labels"]["__meta_printer_model"],
        "__meta_printer_serial": app._printers.record_of(app.cycle.devices["Front desk"].printer).serial,
        "__meta_printer_source": "",
        "__meta_printer_maintenance": "true",
        "__meta_printer_label_floor": "2",
    }
    assert first["labels"]["__meta_printer_model"]
    assert second["labels"]["__meta_printer_maintenance"] == "false"
