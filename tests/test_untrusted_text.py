"""What devices say, made as harmful as text can be, does nothing in any output: labels, pages, logs, the terminal."""

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter import logs
from exporter.cameras import easyip
from exporter.cameras.model import Device
from exporter.simulator.agent import Agent
from exporter.simulator.ber import OctetString, Value
from exporter.simulator.cameras import CameraSite, SimulatedCamera
from tests.support.agents import free_port, own_address
from tests.support.chaos import exporting
from tests.test_cli import fetch, run, serving
from tests.test_poll import BASE, MovingMib

# Breaks out of a label, begins lines of its own, styles and titles a terminal (in seven bits and in eight), runs in a
# browser, turns the direction of writing, hides and joins letters, and is a template.
HARMFUL = (
    '"} 1\nforged_total 7\r\nlevel=error msg="forged"\x1b[2J\x1b]0;forged\x07\x9b31m<script>alert(1)</script>'
    "\u202e\u2066\u200f\u200b\u2028\u2029\x85\x7f[red]{{7*7}}\\ü"
)
UTF_8 = HARMFUL.encode()
NOT_UTF_8 = b"\xff\xfe\xc0\x80" + HARMFUL.encode("latin-1", "ignore") + b"\xed\xa0\x80"
MAC = "02:00:5e:10:00:01"
OURS = "\n\N{NO-BREAK SPACE}\N{NARROW NO-BREAK SPACE}"


class HarmfulCamera(SimulatedCamera):
    """A camera whose every text is harmful."""

    def answer(self, requester: tuple[str, str], elapsed: float) -> bytes | None:
        """Answer a search."""
        sound = super().answer(requester, elapsed)
        assert sound
        datagram = easyip.parse(sound)
        texts = {0xA7: UTF_8, 0xA8: NOT_UTF_8, 0xA9: UTF_8, 0xD1: NOT_UTF_8}
        changed = tuple((tag, texts.get(tag, content)) for tag, content in datagram.tags)
        return easyip.encode(replace(datagram, tags=changed, checksum=None))


def harmful_printer() -> MovingMib:
    """Return a printer whose every text is harmful, in UTF-8 and not in turn."""
    texts = [at for at, found in BASE.items() if isinstance(found, OctetString)]
    said: dict[tuple[int, ...], Value] = {at: OctetString((UTF_8, NOT_UTF_8)[n % 2]) for n, at in enumerate(texts)}
    return MovingMib({**BASE, **said})


@dataclass
class Site:
    """A harmful printer and a harmful camera, and a config that finds them."""

    folder: Path
    printer: str
    text: str

    @property
    def config(self) -> Path:
        file = self.folder / "config.yaml"
        file.write_text(f'state: {{ path: ":memory:" }}\npolling: {{ min_interval: 0 }}\n{self.text}')
        return file

    async def page(self, path: str, **headers: str) -> str:
        """Return a page of an exporter that knows both devices."""
        async with exporting(self.text) as exporter:
            await exporter.scrape()
            async with exporter.client.get(path, headers=headers) as answer:
                return await answer.text()

    async def log(self, style: str) -> str:
        """Return all that an exporter writes to its log while it meets both devices, and loses them."""
        log = self.folder / "log"

        def serve() -> None:
            options = (f"--config.file={self.config}", f"--log.format={style}", "--log.level=debug")
            with serving(*options, log=log) as (_, url):
                assert "harmful" in fetch(f"{url}/metrics")

        await asyncio.to_thread(serve)
        return log.read_text()

    async def command(self, *arguments: str) -> str:
        """Return what a command prints."""
        done = await asyncio.to_thread(run, f"--config.file={self.config}", *arguments, cwd=self.folder)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    listen, device = free_port("127.0.0.1"), free_port("127.0.0.1")
    camera = HarmfulCamera(Device(MAC, "127.44.9.1", port=80, name="x", model="x", serial="x", firmware="x"))
    async with (
        Agent(harmful_printer(), own_address(), 0) as agent,
        CameraSite([camera], listen_port=listen, device_port=device),
    ):
        text = f"""
printers: [{{ name: harmful, host: "{agent.host}:{agent.port}" }}]
cameras:
  search:
    {{ interfaces: [lo], targets: [127.255.255.255], listen_port: {listen}, device_port: {device}, window: 300ms }}
"""
        yield Site(tmp_path, f"{agent.host}:{agent.port}", text)


def check_labels(text: str, parsed: Mapping[str, int]) -> None:
    """See that nothing was forged, and that all that was said stands in labels."""
    assert not any("forged" in name for name in parsed)
    assert parsed["printer_up"] == parsed["camera_up"] == 1
    assert "forged" in text


def check_text_format(text: str) -> None:
    check_labels(text, {sample.name: 1 for family in parse_text(text) for sample in family.samples})


def check_openmetrics(text: str) -> None:
    families = parse_openmetrics(text)  # type: ignore[no-untyped-call]
    check_labels(text, {sample.name: 1 for family in families for sample in family.samples})


def check_targets(text: str) -> None:
    (group,) = json.loads(text)
    assert group["targets"] == ["127.44.9.1:80"]
    assert set("".join(group["labels"].values())) & {"<"}, "the name is there"
    assert "".join(group["labels"].values()).isprintable()


def check_printers(text: str) -> None:
    (group,) = json.loads(text)
    assert "<" in group["labels"]["__meta_printer_model"]
    assert "".join(group["labels"].values()).isprintable()


def check_one_printer(text: str) -> None:
    names = {sample.name for family in parse_text(text) for sample in family.samples}
    assert "printer_up" in names
    assert {name for name in names if not name.startswith("printer_")} == set()


def check_page(text: str) -> None:
    """See that nothing became a tag, and that what was said is there."""
    assert "forged" in text
    assert "&lt;script&gt;" in text
    assert "<script" not in text
    assert "{{7*7}}" in text, "no template of ours"


def check_api(text: str) -> None:
    assert "forged" in text
    assert "".join(strings_of(json.loads(text))).isprintable()


def strings_of(value: object) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for each in pair for text in strings_of(each)]
    if isinstance(value, list):
        return [text for each in value for text in strings_of(each)]
    return [value] if isinstance(value, str) else []


def check_logfmt(text: str) -> None:
    assert "camera found" in text
    for line in text.splitlines():
        assert re.fullmatch(
            r'time=\S+Z level=\w+ logger=[\w.]+ msg=("(\\.|[^"\\])*"|\S+)( \w+=("(\\.|[^"\\])*"|\S*))*', line
        )
        assert "level=error" not in re.sub(r'"(\\.|[^"\\])*"', "", line)


def check_json_log(text: str) -> None:
    lines = [json.loads(line) for line in text.splitlines()]
    assert "camera found" in {line["msg"] for line in lines}
    assert "error" not in {line["level"] for line in lines}


def check_json(text: str) -> None:
    (camera,) = json.loads(text)
    assert camera["mac"] == MAC


def check_lines(text: str) -> None:
    """See that no line begins with what a device says."""
    assert "forged" in text
    assert not re.search(r"(?m)^\s*(forged_total|level=error)", text)


Output = tuple[Callable[[Site], Awaitable[str]], Callable[[str], None]]
OUTPUTS: dict[str, Output] = {
    "metrics": (lambda site: site.page("/metrics"), check_text_format),
    "openmetrics": (lambda site: site.page("/metrics", Accept="application/openmetrics-text"), check_openmetrics),
    "service discovery": (lambda site: site.page("/sd/cameras"), check_targets),
    "service discovery of printers": (lambda site: site.page("/sd/printers"), check_printers),
    "probe over HTTP": (lambda site: site.page(f"/probe?target={site.printer}"), check_one_printer),
    "status page": (lambda site: site.page("/"), check_page),
    "page of a printer": (lambda site: site.page("/printers/harmful"), check_page),
    "page of a camera": (lambda site: site.page(f"/cameras/{MAC}"), check_page),
    "API": (lambda site: site.page("/api/export"), check_api),
    "API of a printer": (lambda site: site.page("/api/printers/harmful"), check_api),
    "API of a camera": (lambda site: site.page(f"/api/cameras/{MAC}"), check_api),
    "log in logfmt": (lambda site: site.log("logfmt"), check_logfmt),
    "log in JSON": (lambda site: site.log("json"), check_json_log),
    "probe": (lambda site: site.command("probe", site.printer), check_lines),
    "probe --explain": (lambda site: site.command("probe", site.printer, "--explain"), check_lines),
    "cameras": (lambda site: site.command("cameras"), lambda text: None),
    "cameras --csv": (lambda site: site.command("cameras", "--csv"), check_lines),
    "cameras --json": (lambda site: site.command("cameras", "--json"), check_json),
}


@pytest.mark.parametrize("output", OUTPUTS)
async def test_no_output_shows_more_than_letters_of_what_devices_say(output: str, site: Site) -> None:
    make, check = OUTPUTS[output]
    text = await make(site)
    assert [char for char in set(text) if not char.isprintable() and char not in OURS] == []
    check(text)


@pytest.mark.parametrize("command", ["probe", "cameras"])
async def test_letters_that_the_terminal_does_not_have_are_written_in_those_that_it_has(
    command: str, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    text = await site.command(*([command, site.printer] if command == "probe" else [command]))
    assert text.isascii()
    assert "\\xfc" in text


@pytest.mark.parametrize("style", logs.FORMATS)
@pytest.mark.parametrize("where", ["message", "field", "exception"])
def test_a_log_line_is_one_line_of_letters_whatever_text_comes_to_it(style: str, where: str) -> None:
    record = logging.LogRecord(
        "exporter", logging.INFO, "x.py", 1, "%s", (HARMFUL if where == "message" else "x",), None
    )
    if where == "field":
        record.camera = HARMFUL
    if where == "exception":
        record.exc_info = ValueError, ValueError(HARMFUL), None
    line = logs.FORMATS[style]().format(record)
    assert line.isprintable()
    if style == "json":
        names = {"message": "msg", "field": "camera", "exception": "error"}
        assert HARMFUL in json.loads(line)[names[where]], "and nothing of it is lost"
