"""Print servers while the exporter serves: when they are asked, what joins the inventory, what a failure does."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from exporter import config
from exporter.app import App
from exporter.config import Config, ConfigError
from exporter.discovery import cups, servers, windows
from exporter.discovery.answer import Answer, LeftOut, ServerError
from exporter.discovery.found import Found
from exporter.discovery.servers import Servers
from exporter.metrics.printservers import add_print_servers
from exporter.simulator.agent import Agent
from tests.support import timetravel
from tests.support.agents import own_address
from tests.support.printservers import PASSWORD, USER, Share, cupsd, free_port, needs_cups, needs_samba, samba
from tests.test_app import running, scraped, value
from tests.test_poll import BASE, MovingMib

MARK = "planted-"


def configured(*entries: str, more: str = "printers: []") -> Config:
    return config.parse(f"{more}\ndiscovery:\n  print_servers: [{', '.join(entries)}]\n", environ={"A": MARK})


@dataclass
class Stage:
    """Servers whose answers are made here, and what came of them; times are those of the loop."""

    answers: dict[str, Callable[[], Answer]] = field(default_factory=dict)
    asked: list[tuple[float, str]] = field(default_factory=list)
    told: list[tuple[str, list[Found]]] = field(default_factory=list)
    takes: float = 0.0
    at_once: int = 0
    most_at_once: int = 0

    async def ask(self, host: str, _port: int, **_: object) -> Answer:
        """Answer as a print server."""
        self.asked.append((asyncio.get_running_loop().time(), host))
        self.at_once += 1
        self.most_at_once = max(self.at_once, self.most_at_once)
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.at_once -= 1
        return self.answers[host]()

    async def tell(self, url: str, found: Collection[Found]) -> None:
        """Take what a server told."""
        self.told.append((url, list(found)))

    def servers(self) -> Servers:
        """Return what asks them."""
        return Servers(self.tell, lambda: asyncio.get_running_loop().time())


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    for module in (cups, windows):
        monkeypatch.setattr(module, "ask", made.ask)
    return made


def failing(reason: str = "auth") -> Callable[[], Answer]:
    def fail() -> Answer:
        raise ServerError(reason, "refused with STATUS_LOGON_FAILURE")  # type: ignore[arg-type]

    return fail


def answering(*names: str, left_out: Sequence[LeftOut] = ()) -> Callable[[], Answer]:
    return lambda: Answer(tuple(Found(name, name.lower()) for name in names), tuple(left_out))


def exposed(asking: Servers) -> str:
    registry = CollectorRegistry()
    add_print_servers(registry, lambda: asking.statuses)
    return generate_latest(registry).decode()


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.name == servers.__name__]


def test_a_server_is_what_the_config_says_of_it(tmp_path: Path) -> None:
    (tmp_path / "dc3").write_text(f"{MARK}file\n")
    text = """
discovery:
  print_servers:
    - { url: "WINDOWS://DC3:445/", user: 'OFFICE\\printcam', password_file: dc3, location: B2 }
    - { url: "ipps://[2001:DB8::7]:1631", user: joe, password: "${CUPS}", interval: 5m, verify: false }
    - { url: ipp://cups.example.com:631 }
"""
    loaded = config.parse(text, environ={"CUPS": f"{MARK}variable"}, folder=tmp_path)
    one, two, three = loaded.discovery.print_servers
    assert [each.url for each in (one, two, three)] == [
        "windows://dc3",
        "ipps://[2001:db8::7]:1631",
        "ipp://cups.example.com",
    ]
    assert (one.user, one.password and one.password.get_secret_value()) == ("OFFICE\\printcam", f"{MARK}file")
    assert (one.location, one.interval, three.password, three.interval) == ("B2", 900, None, 900)
    assert two.password
    assert two.password.get_secret_value() == f"{MARK}variable"
    assert MARK not in repr(loaded)
    assert loaded.secret_lines == ()


def test_a_password_in_the_config_is_a_secret_in_it() -> None:
    loaded = configured(
        "{ url: windows://dc3, user: joe, password: x }", "{ url: ipp://a, user: joe, password: '${A}' }"
    )
    assert loaded.secret_lines == (3,)


def test_check_tells_of_a_password_that_anyone_on_the_way_can_read() -> None:
    options = "user: joe, password: x"
    loaded = configured(f"{{ url: ipp://a, {options} }}", f"{{ url: ipps://b, {options} }}", "{ url: ipp://c }")
    assert list(config.remarks(loaded, [])) == ["ipp://a is sent its password in clear text, which ipps:// would hide"]


def test_a_windows_server_without_impacket_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(ConfigError) as caught:
        configured("{ url: windows://dc3 }", "{ url: ipp://cups }")
    (fault,) = caught.value.faults
    assert (fault.line, fault.message) == (3, "impacket is not installed: pip install 'printcam-exporter[windows]'")


def test_each_server_is_asked_at_once_and_then_on_its_interval(stage: Stage) -> None:
    stage.answers = {"dc3": answering("A"), "cups": answering("B")}

    async def act() -> None:
        asking = stage.servers()
        await asking.configure(configured("{ url: windows://dc3 }", "{ url: ipp://cups, interval: 5m }"))
        stage.takes = 7  # which moves no later question
        await asyncio.sleep(1801)
        await asking.close()

    timetravel.run(act())
    assert [at for at, host in stage.asked if host == "dc3"] == [0, 900, 1800]
    assert [at for at, host in stage.asked if host == "cups"] == [0, 300, 600, 900, 1200, 1500, 1800]
    assert stage.told[0][0] == "windows://dc3"


def test_a_server_that_takes_longer_than_its_interval_is_not_asked_twice_at_once_nor_to_catch_up(stage: Stage) -> None:
    stage.answers, stage.takes = {"dc3": answering("A")}, 100

    async def act() -> None:
        asking = stage.servers()
        await asking.configure(configured("{ url: windows://dc3, interval: 1m }"))
        await asyncio.sleep(250)
        stage.takes = 1
        await asyncio.sleep(180)
        await asking.close()

    timetravel.run(act())
    assert [at for at, _ in stage.asked] == [0, 100, 200, 300, 360, 420]


def test_only_so_many_servers_are_asked_at_once(stage: Stage) -> None:
    stage.answers, stage.takes = {f"dc{number}": answering("A") for number in range(9)}, 10

    async def act() -> None:
        asking = stage.servers()
        await asking.configure(configured(*(f"{{ url: windows://dc{number} }}" for number in range(9))))
        await asyncio.sleep(60)
        await asking.close()

    timetravel.run(act())
    assert (len(stage.told), stage.most_at_once) == (9, 4)


def test_a_failure_keeps_what_was_told_and_is_named_once_until_it_ends(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    stage.answers = {"dc3": answering("A", "B"), "dc4": answering("C")}

    async def act() -> tuple[str, str]:
        asking = stage.servers()
        await asking.configure(
            configured("{ url: windows://dc3, interval: 1m }", "{ url: windows://dc4, interval: 1m }")
        )
        await asyncio.sleep(90)
        stage.answers["dc3"] = failing()
        await asyncio.sleep(300)
        broken = exposed(asking)
        stage.answers["dc3"] = answering("A", "B")
        await asyncio.sleep(60)
        await asking.close()
        return broken, exposed(asking)

    broken, mended = timetravel.run(act())
    server = 'server="windows://dc3"'
    assert f"printcam_exporter_print_server_up{{{server}}} 0.0" in broken
    assert f"printcam_exporter_print_server_printers{{{server}}} 2.0" in broken
    assert f"printcam_exporter_print_server_last_success_timestamp_seconds{{{server}}} 60.0" in broken
    assert f'printcam_exporter_print_server_poll_failures_total{{reason="auth",{server}}} 5.0' in broken
    assert f"printcam_exporter_print_server_polls_total{{{server}}} 7.0" in broken
    assert 'printcam_exporter_print_server_up{server="windows://dc4"} 1.0' in broken
    assert f"printcam_exporter_print_server_up{{{server}}} 1.0" in mended
    assert [len(found) for url, found in stage.told if url == "windows://dc3"] == [2, 2, 2]
    assert lines(caplog)[2:] == [
        "print server does not tell its printers, those known stay",
        "print server tells its printers again",
    ]


def test_before_its_first_answer_a_server_is_neither_up_nor_down(stage: Stage) -> None:
    stage.takes = 30

    async def act() -> str:
        asking = stage.servers()
        await asking.configure(configured("{ url: windows://dc3 }"))
        await asyncio.sleep(1)
        shown = exposed(asking)
        await asking.close()
        return shown

    shown = timetravel.run(act())
    assert "print_server_up{" not in shown
    assert 'printcam_exporter_print_server_polls_total{server="windows://dc3"} 1.0' in shown
    assert 'poll_failures_total{reason="timeout",server="windows://dc3"} 0.0' in shown


def test_a_fault_of_ours_costs_one_server_one_turn(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    def stumble() -> Answer:
        raise RuntimeError("oops")

    stage.answers = {"dc3": stumble}

    async def act() -> str:
        asking = stage.servers()
        await asking.configure(configured("{ url: windows://dc3 }"))
        await asyncio.sleep(1)
        stage.answers["dc3"] = answering("A")
        await asyncio.sleep(900)
        await asking.close()
        return exposed(asking)

    shown = timetravel.run(act())
    assert 'printcam_exporter_print_server_up{server="windows://dc3"} 1.0' in shown
    assert 'poll_failures_total{reason="protocol",server="windows://dc3"} 1.0' in shown
    (warning,) = [record for record in caplog.records if record.name == servers.__name__]
    assert warning.exc_info


def test_a_reload_asks_what_is_new_or_changed_ends_what_is_gone_and_leaves_the_rest(stage: Stage) -> None:
    stage.answers = {host: answering(host) for host in ("stays", "goes", "changes", "comes")}

    async def act() -> set[str]:
        asking = stage.servers()
        await asking.configure(
            configured("{ url: windows://stays }", "{ url: windows://goes }", "{ url: windows://changes }")
        )
        await asyncio.sleep(100)
        changed = "{ url: windows://changes, user: joe, password: x }"
        await asking.configure(configured("{ url: windows://stays }", changed, "{ url: windows://comes }"))
        await asyncio.sleep(850)
        await asking.close()
        return set(asking.statuses)

    known = timetravel.run(act())
    assert sorted(stage.asked) == [
        (0, "changes"),
        (0, "goes"),
        (0, "stays"),
        (100, "changes"),
        (100, "comes"),
        (900, "stays"),
    ]
    assert known == {"windows://stays", "windows://changes", "windows://comes"}


def test_only_locations_that_the_config_knows_are_taken_from_a_server(stage: Stage) -> None:
    places = {"a": "B1", "b": "b7", "c": "B3", "d": "behind the door"}
    stage.answers = {"dc3": lambda: Answer(tuple(Found(name, name, location=place) for name, place in places.items()))}
    more = """
locations: [{ network: 10.0.0.0/8, location: B1 }]
printers: [{ name: One, host: one, location: B3 }]
"""

    async def act() -> None:
        asking = stage.servers()
        await asking.configure(configured("{ url: windows://dc3 }", "{ url: windows://dc4, location: B7 }", more=more))
        await asyncio.sleep(1)
        await asking.close()

    stage.answers["dc4"] = answering()
    timetravel.run(act())
    told = dict(stage.told)["windows://dc3"]
    assert [found.location for found in told] == ["B1", "B7", "B3", ""]


def test_queues_without_a_printer_are_counted_and_those_without_an_address_named(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    lost = [LeftOut(f"Q{number:02}", "no_address") for number in range(22)]
    stage.answers = {"dc3": answering("A", left_out=[LeftOut("PDF", "virtual"), *lost])}

    async def act() -> str:
        asking = stage.servers()
        await asking.configure(configured("{ url: windows://dc3 }"))
        await asyncio.sleep(1000)
        await asking.close()
        return exposed(asking)

    shown = timetravel.run(act())
    assert 'queues_left_out{server="windows://dc3",why="no_address"} 22.0' in shown
    assert 'queues_left_out{server="windows://dc3",why="local"} 0.0' in shown
    (record,) = [record for record in caplog.records if record.name == servers.__name__]
    named = vars(record)["without_address"]
    assert named == f"{', '.join(f'Q{number:02}' for number in range(20))} and 2 more"


# ---- the whole of it, with servers that no one here wrote


async def until(is_so: Callable[[], bool]) -> None:
    limit = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < limit, "it never comes"
        await asyncio.sleep(0.02)


@asynccontextmanager
async def printer() -> AsyncIterator[str]:
    async with Agent(MovingMib(BASE), own_address(), 161) as agent:
        yield agent.host


def asked_once(app: App) -> Callable[[], bool]:
    return lambda: all(status.up is not None for status in app.servers.statuses.values())


@pytest.fixture
def no_log_secrets(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    caplog.set_level(logging.DEBUG)
    yield caplog
    assert MARK not in caplog.text + "".join(str(vars(record)) for record in caplog.records)


@needs_samba
@needs_cups
async def test_printers_of_both_kinds_of_server_join_the_inventory_and_are_polled(
    no_log_secrets: pytest.LogCaptureFixture,
) -> None:
    async with printer() as one, printer() as shared, printer() as listed:
        shares = {"Accounting": Share(f"IP_{one}"), "Hall": Share(f"IP_{shared}"), "PDF": Share("PORTPROMPT:")}
        queues = {"Hall-CUPS": (f"socket://{shared}:9100", "", ""), "Office-CUPS": (f"socket://{listed}", "", "")}
        with samba(shares) as dc3, cupsd(queues) as cups_port:
            text = f"""
printers: [{{ name: Office, host: "{listed}", location: B9 }}]
discovery:
  print_servers:
    - {{ url: "windows://127.0.0.1:{dc3}", location: B2, user: {USER}, password: {PASSWORD} }}
    - {{ url: "ipp://127.0.0.1:{cups_port}", location: B1 }}
    - {{ url: "windows://127.0.0.1:{free_port()}", user: {USER}, password: {PASSWORD} }}
"""
            async with running(text) as (app, _):
                await until(asked_once(app))
                shown = await scraped(app)
                metrics = generate_latest(app.registry).decode()
    assert {
        name: value(shown, rf'printer_up\{{printer="{name}",location="(?:B.)"\}}') for name in app.cycle.devices
    } == {
        "Office": "1",
        "Accounting": "1",
        "Hall": "1",
    }
    assert 'printer_up{printer="Hall",location="B2"} 1' in shown
    assert 'printer_up{printer="Office",location="B9"} 1' in shown
    assert f'print_server_up{{server="windows://127.0.0.1:{dc3}"}} 1.0' in metrics
    assert f'print_server_printers{{server="ipp://127.0.0.1:{cups_port}"}} 2.0' in metrics
    assert 'poll_failures_total{reason="unreachable"' in metrics
    assert MARK not in shown + metrics
    (warning,) = [
        record for record in no_log_secrets.records if record.name == servers.__name__ and record.levelno > 20
    ]
    assert (vars(warning)["reason"], str(vars(warning)["detail"])) == ("unreachable", "Connection refused")


@needs_samba
async def test_printers_stay_while_the_server_is_gone_and_over_a_restart(tmp_path: Path) -> None:
    async with printer() as one:
        with samba({"Accounting": Share(f"IP_{one}")}) as dc3:
            text = f'discovery: {{ print_servers: [{{ url: "windows://127.0.0.1:{dc3}", location: B2 }}] }}'
            async with running(text, tmp_path / "kept.db") as (app, _):
                await until(asked_once(app))
                assert list(app.cycle.devices) == ["Accounting"]
        async with running(text, tmp_path / "kept.db") as (app, _):
            await until(asked_once(app))
            assert not app.servers.statuses[f"windows://127.0.0.1:{dc3}"].up
            assert 'printer_up{printer="Accounting",location="B2"} 1' in await scraped(app)


async def test_a_server_that_hangs_does_not_hold_up_the_end() -> None:
    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.set()
        await reader.read()
        writer.close()

    came = asyncio.Event()
    server = await asyncio.start_server(hang, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        urls = f'{{ url: "windows://127.0.0.1:{port}" }}, {{ url: "ipp://127.0.0.1:{port}" }}'
        async with running(f"discovery: {{ print_servers: [{urls}] }}"):
            await asyncio.wait_for(came.wait(), 10)
            started = time.monotonic()
        assert time.monotonic() - started < 2
