"""The command line, run as an administrator runs it: a process of its own."""

import asyncio
import errno
import json
import os
import re
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from unittest.mock import Mock
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from exporter import __version__, cli, config
from exporter.commands.errors import CommandError
from exporter.commands.files import create
from exporter.simulator.office import Office
from tests.support.agents import free_port, own_address

START_LIMIT = 30.0
GOOD = """
polling: {{ timeout: 500ms, retries: 0, min_interval: 0 }}
printers:
  - {{ name: One, host: "{host}" }}
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "exporter", *arguments]


def run(*arguments: str, cwd: Path | None = None, columns: int = 160) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"COLUMNS": str(columns)}
    return subprocess.run(
        command(*arguments), capture_output=True, text=True, timeout=60, check=False, cwd=cwd, env=environment
    )


async def run_beside(*arguments: str) -> tuple[int, str]:
    """Run a command while agents of this process answer; return exit code and output."""
    result = await asyncio.to_thread(run, *arguments)
    return result.returncode, result.stdout + result.stderr


def fetch(url: str, *, method: str = "GET", timeout: float = 30, headers: Mapping[str, str] | None = None) -> str:
    with urlopen(Request(url, method=method, headers=dict(headers or {})), timeout=timeout) as answer:
        return str(answer.read().decode())


@contextmanager
def serving(*arguments: str, log: Path, under: Sequence[str] = ()) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Start the exporter, by a command that runs another one if need be, and yield it with its URL once it answers."""
    address = f"{own_address()}:{free_tcp_port()}"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*under, *command(*arguments, f"--web.listen-address={address}")],
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
        )
        try:
            await_ready(process, f"http://{address}", log)
            yield process, f"http://{address}"
        finally:
            process.kill()
            process.wait(10)


def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def await_ready(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    limit = time.monotonic() + START_LIMIT
    while time.monotonic() < limit:
        assert process.poll() is None, log.read_text()
        try:
            fetch(f"{url}/-/ready", timeout=5)
        except OSError:
            continue
        return
    raise TimeoutError(log.read_text())


def test_version_and_help() -> None:
    assert run("--version").stdout == f"printcam-exporter {__version__}\n"
    shown = run("--help").stdout
    for word in (
        "demo",
        "check",
        "probe",
        "--config.file",
        "--web.listen-address",
        "--web.systemd-socket",
        "--web.config.file",
        "--web.telemetry-path",
        "--log.level",
    ):
        assert word in shown


def test_the_examples_of_the_help_can_be_typed(capsys: pytest.CaptureFixture[str]) -> None:
    for command_ in ("", "demo", "check", "probe", "cameras", "discover", "import", "export", "report", "forget"):
        with pytest.raises(SystemExit):
            cli._parser().parse_args([*command_.split(), "--help"])
        examples = re.findall(r"(?m)^  printcam-exporter (.*?)(?:   .*)?$", capsys.readouterr().out)
        assert examples, command_
        for example in examples:
            cli._parser().parse_args(shlex.split(example))


def test_check_accepts_a_good_config(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(GOOD.format(host="192.0.2.1"))
    done = run("check", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.splitlines() == [
        "config.yaml: valid, 1 printers, cameras are not searched for",
        'asked with the community "public", which everybody knows: One',
    ]


@pytest.mark.parametrize(
    "where", [["check", "bad.yaml"], ["check", "--config.file=bad.yaml"], ["--config.file=bad.yaml"]]
)
def test_every_fault_of_a_bad_config_is_reported_with_its_line(where: list[str], tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text("pollin: {}\nprinters:\n  - { name: One }\n  - { name: One, host: 1.2.3.4 }\n")
    done = run(*where, cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        'bad.yaml:1: pollin: unknown key "pollin"; did you mean "polling"?',
        "bad.yaml:3: printers[0].host: missing",
        "bad.yaml:4: printers[1].name: the printer in line 3 has the same name",
    ]


def test_a_missing_config_is_a_clear_error(tmp_path: Path) -> None:
    done = run(cwd=tmp_path)
    assert done.returncode == 1
    assert "config.yaml" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_option_is_refused() -> None:
    assert run("--web.listen-adress=:1").returncode == 2


@pytest.mark.parametrize(
    ("output", "code", "said"),
    [
        ("/dev/full", 1, "printcam-exporter: the output cannot be written: No space left on device\n"),
        ("&-", 0, ""),
    ],
)
def test_an_output_that_takes_nothing_is_told_in_one_line_and_a_closed_one_is_no_fault(
    output: str, code: int, said: str, tmp_path: Path
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("cameras: {}\n")
    line = f"{shlex.join(command('check', str(path)))} >{output}"
    done = subprocess.run(["sh", "-c", line], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (code, said)


def test_a_fault_of_the_system_elsewhere_is_not_taken_for_one_of_the_output(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (OSError(errno.ENOSPC, "full", "elsewhere"), OSError(errno.EACCES, "no")):
        monkeypatch.setattr("exporter.config.load", Mock(side_effect=error))
        with pytest.raises(OSError, match=r"full|no"):
            cli.main(["check"])


async def test_probe_shows_a_printer_to_a_person() -> None:
    async with Office(base="127.78.1.1", port=0, clock=lambda: 0.0) as office:
        first = office.printers[0]
        code, shown = await run_beside("probe", f"{first.host}:{first.port}")
    assert code == 0, shown
    for words in (
        "HP Color LaserJet MFP M477fdw",
        "VNB8K6Q02T",
        "Black toner",
        "83%",
        "CF410X",
        "Tray 2",
        "Front Door",
    ):
        assert words in shown


async def test_probe_finds_printers_of_the_config_by_name_and_speaks_v3(tmp_path: Path) -> None:
    async with Office(base="127.78.2.1", port=0, clock=lambda: 0.0) as office:
        config = tmp_path / "config.yaml"
        config.write_text(office.config_text())
        v3 = next(p for p in office.printers if p.credentials == "office-v3")
        code, shown = await run_beside("probe", v3.name, f"--config.file={config}")
    assert code == 0, shown
    assert "SNMP v3" in shown


async def test_probe_explains_and_records_a_printer_and_does_not_overwrite_a_recording(tmp_path: Path) -> None:
    file = tmp_path / "odd.snmprec"
    async with Office(base="127.78.4.1", port=0, clock=lambda: 0.0) as office:
        first = office.printers[0]
        host = f"{first.host}:{first.port}"
        code, shown = await run_beside("probe", host, "--explain", f"--record={file}")
        assert code == 0, shown
        asked = office.agents[0].requests
        recorded = file.read_text()
        file.write_text("mine")
        refused, why = await run_beside("probe", host, f"--record={file}")
        assert office.agents[0].requests == asked, "it refuses before it asks"
        assert (refused, file.read_text()) == (1, "mine")
        forced, _ = await run_beside("probe", host, f"--record={file}", "--force")
        assert (forced, file.read_text()) == (0, recorded)
    assert "prtMarkerSuppliesLevel.1.1 = integer" in shown
    assert f"{file}: {len(recorded.splitlines())} rows" in shown
    assert "exists already; --force overwrites it" in why
    assert "VNB8K6Q02T" not in recorded
    assert "Black Cartridge HP CF410X" in recorded


def test_nothing_is_recorded_where_nothing_answers(tmp_path: Path) -> None:
    address, file = own_address(), tmp_path / "none.snmprec"
    done = run("probe", f"{address}:{free_port(address)}", f"--record={file}")
    assert done.returncode == 1
    assert not file.exists()
    assert "Traceback" not in done.stderr


async def test_a_recording_that_cannot_be_written_is_a_clear_error(tmp_path: Path) -> None:
    async with Office(base="127.78.5.1", port=0, clock=lambda: 0.0) as office:
        first = office.printers[0]
        file = tmp_path / "no" / "folder"
        code, shown = await run_beside("probe", f"{first.host}:{first.port}", f"--record={file}")
        assert office.agents[0].requests == 0, "it refuses before it asks"
    assert code == 1
    assert f"{file}: cannot be written: no folder that this user may write to" in shown
    assert "Traceback" not in shown


@pytest.mark.parametrize("force", [False, True])
def test_no_half_of_a_recording_is_left_behind(tmp_path: Path, force: bool) -> None:
    file = tmp_path / "odd.snmprec"
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(CommandError, match="cannot be written: File too large"):
            create(file, "1.3|2|1\n" * 100_000, force=force)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not file.exists()


def test_what_cannot_be_overwritten_stays(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="Is a directory"):
        create(tmp_path, "text", force=True)
    assert tmp_path.is_dir()


ONE_ADDRESS = """
printers:
- {name: Labels, host: 192.0.2.1, device: 1}
- {name: Receipts, host: 192.0.2.1, device: 2}
- {name: 192.0.2.1, host: 192.0.2.9}
- {name: Alone, host: 192.0.2.5}
"""


@pytest.mark.parametrize(
    ("arguments", "name", "device"),
    [
        (["Receipts"], "Receipts", 2),
        (["192.0.2.1"], "192.0.2.1", None),  # a name comes before addresses
        (["192.0.2.1:161"], "Labels", 1),
        (["192.0.2.1:161", "--device=2"], "Receipts", 2),
        (["192.0.2.1:161", "--device=3"], "Labels", 3),
        (["Alone", "--device=2"], "Alone", 2),
        (["192.0.2.7", "--device=2"], "192.0.2.7", 2),
    ],
)
def test_probe_asks_for_one_of_several_printers_behind_an_address(
    arguments: list[str], name: str, device: int | None
) -> None:
    options = cli._parser().parse_args(["probe", *arguments])
    found = cli._printer_to_probe(options, config.parse(ONE_ADDRESS))
    assert (found.name, found.device) == (name, device)


async def test_probe_tries_v1_where_v2c_meets_silence() -> None:
    async with Office(base="127.78.3.1", port=0, clock=lambda: 0.0) as office:
        v1_only = next(p for p in office.printers if "v1" in p.note)
        code, shown = await run_beside("probe", f"{v1_only.host}:{v1_only.port}")
    assert code == 0, shown
    assert "SNMP v1" in shown


@pytest.mark.parametrize(("host", "reason"), [("no-such-host.invalid", "resolve"), ("PORT", "refused")])
def test_probe_says_why_a_printer_cannot_be_asked(host: str, reason: str) -> None:
    address = own_address()
    done = run("probe", host.replace("PORT", f"{address}:{free_port(address)}"))
    assert done.returncode == 1
    assert f": {reason}: " in done.stdout
    assert "Traceback" not in done.stderr


def test_probe_refuses_a_community_that_is_none() -> None:
    done = run("probe", "127.0.0.1", "--snmp.community=")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("argument --snmp.community: expected printable text")


def test_probe_refuses_what_is_no_host() -> None:
    done = run("probe", "printer:99999")
    assert done.returncode in {1, 2}
    assert "Traceback" not in done.stderr


def test_the_demo_serves_an_office_that_lives(tmp_path: Path) -> None:
    log = tmp_path / "log"
    with serving("demo", log=log) as (_, url):
        first = fetch(f"{url}/metrics")
        assert first.count("\nprinter_up{") >= 12
        assert len(re.findall(r"\nprinter_up\{.*\} 1", first)) >= 12
        assert "/metrics" in log.read_text()
        pages = re.compile(r'printer_pages_total\{printer="Accounting".*\} (\d+)')
        limit = time.monotonic() + START_LIMIT
        while pages.findall(fetch(f"{url}/metrics")) == pages.findall(first):
            assert time.monotonic() < limit, "the page counter stands still"


def test_sigterm_stops_within_five_seconds_in_the_middle_of_a_scrape(tmp_path: Path) -> None:
    address = own_address()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind((address, 0))
        config = tmp_path / "config.yaml"
        host = f"{address}:{silent.getsockname()[1]}"
        config.write_text(f'polling: {{ timeout: 30s }}\nprinters: [{{ name: Silent, host: "{host}" }}]\n')
        with serving(f"--config.file={config}", log=tmp_path / "log") as (process, url):
            host_, _, port = url.removeprefix("http://").partition(":")
            with socket.create_connection((host_, int(port))) as scrape:
                scrape.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
                silent.settimeout(10)
                assert silent.recv(2000), "the poll is under way"
                process.send_signal(signal.SIGTERM)
                started = time.monotonic()
                assert process.wait(10) == 0, (tmp_path / "log").read_text()
                assert time.monotonic() - started < 5
    assert "Traceback" not in (tmp_path / "log").read_text()


def reload_state(url: str) -> str:
    found = re.search(
        r"(?m)^printcam_exporter_config_last_reload_successful (\S+)", fetch(f"{url}/metrics?collect[]=self")
    )
    assert found
    return found[1]


def devices(url: str) -> str:
    found = re.search(r'devices\{kind="printer"\} (\S+)', fetch(f"{url}/metrics?collect[]=self"))
    assert found
    return found[1]


@pytest.mark.parametrize("way", ["SIGHUP", "POST"])
def test_a_reload_takes_the_new_config_or_changes_nothing(way: str, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(GOOD.format(host=own_address()))
    log = tmp_path / "log"

    def reload(process: subprocess.Popen[bytes], url: str) -> None:
        if way == "SIGHUP":
            process.send_signal(signal.SIGHUP)
            return
        with suppress(HTTPError):
            fetch(f"{url}/-/reload", method="POST")

    def eventually(url: str, state: str, count: str) -> None:
        limit = time.monotonic() + START_LIMIT
        while (reload_state(url), devices(url)) != (state, count):
            assert time.monotonic() < limit, log.read_text()

    with serving(f"--config.file={config}", log=log) as (process, url):
        assert (reload_state(url), devices(url)) == ("1.0", "1.0")
        good = config.read_text()
        config.write_text(good + f'  - {{ name: Two, host: "{own_address()}" }}\n')
        reload(process, url)
        eventually(url, "1.0", "2.0")
        config.write_text("printers:\n  - { name: One, host: x }\n  - { name: One }\n")
        reload(process, url)
        eventually(url, "0.0", "2.0")
        config.write_text(good)
        reload(process, url)
        eventually(url, "1.0", "1.0")


def test_a_port_in_use_ends_the_start_with_a_clear_line(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(GOOD.format(host=own_address()))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = run(f"--config.file={config}", f"--web.listen-address=127.0.0.1:{taken.getsockname()[1]}", cwd=tmp_path)
    assert done.returncode == 1
    assert "cannot listen" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_state_file_that_cannot_be_used_stops_the_start_and_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(GOOD.format(host=own_address()))
    state = tmp_path / "printcam.db"
    state.write_text("not a database " * 100)
    done = run("--web.listen-address=127.0.0.1:0", cwd=tmp_path)
    assert done.returncode == 1
    assert "state file printcam.db: it is not a SQLite database" in done.stderr
    assert "Traceback" not in done.stderr
    assert state.read_text() == "not a database " * 100


def test_log_lines_can_be_json(tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(GOOD.format(host=own_address()))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = run(f"--config.file={config}", f"--web.listen-address={address}", "--log.format=json", cwd=tmp_path)
    line = json.loads(done.stderr.splitlines()[-1])
    assert (line["level"], line["msg"], line["address"]) == ("error", "cannot listen", address)


def test_a_bad_listen_address_is_refused_with_a_hint(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(GOOD.format(host=own_address()))
    done = run("--web.listen-address=nonsense", cwd=tmp_path)
    assert done.returncode == 2
    assert "'nonsense' is not an address to listen on; write host:port, :port or unix:/path" in done.stderr


@pytest.mark.parametrize("path", ["metrics", "/{x", "/-/healthy", "/a?b"])
def test_a_telemetry_path_that_cannot_work_is_refused(path: str) -> None:
    assert run(f"--web.telemetry-path={path}").returncode == 2


def test_a_second_demo_runs_beside_the_first_and_says_where(tmp_path: Path) -> None:
    with serving("demo", log=tmp_path / "one") as (_, one), serving("demo", log=tmp_path / "two") as (_, two):
        assert f"  {two}/metrics" in (tmp_path / "two").read_text()
        assert one not in (tmp_path / "two").read_text()
        assert len(re.findall(r"\nprinter_up\{.*\} 1", fetch(f"{two}/metrics"))) >= 12
