"""`report` as an administrator types it."""

import csv
import io
import json
import re
import shlex
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from exporter import cli
from exporter import config as config_module
from exporter.commands import report
from exporter.printers.imported import IMPORTED, Imported, dump_imported
from exporter.state import Changes, State
from tests.support import history, printed
from tests.support.prometheus import Prometheus, free_port
from tests.test_docs import ROOT

Run = Callable[..., tuple[int, str, str]]
DOCUMENT = ROOT / "docs" / "reports.md"
CONFIG = """
time_zone: Europe/Berlin
prometheus: {{ url: "{url}" }}
state: {{ path: "{folder}/state.db" }}
printers:
  - {{ name: Plain, host: 10.0.0.1, location: B1, labels: {{ department: finance }} }}
"""


@pytest.fixture
def config(fleet: Prometheus, tmp_path: Path) -> Path:
    """A config with the fleet's Prometheus, and a state file that is not there yet."""
    file = tmp_path / "config.yaml"
    file.write_text(CONFIG.format(url=fleet.url, folder=tmp_path))
    return file


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a report of the fleet as of `at`; returns exit code, output and errors."""
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.chdir(config.parent)

    def ran(*arguments: str, at: float = printed.NOW) -> tuple[int, str, str]:
        monkeypatch.setattr(report, "time", SimpleNamespace(time=lambda: at))
        try:
            code = cli.main(["report", *arguments])
        except SystemExit as error:
            code = int(str(error.code))
        return code, *capsys.readouterr()

    return ran


def samples() -> list[tuple[str, str]]:
    """Return the commands of the document, each with what it shows there."""
    blocks = re.findall(r"```\n\$ printcam-exporter report (.*)\n((?:.*\n)*?)```", DOCUMENT.read_text())
    assert len(blocks) == 3
    return blocks


@pytest.mark.parametrize(("command", "shown"), samples(), ids=[command for command, _ in samples()])
def test_the_samples_of_the_document_are_what_the_command_shows(
    run: Run, seeded: Prometheus, command: str, shown: str, *, update_golden: bool
) -> None:
    asked, at = ([f"--prometheus.url={seeded.url}"], history.END) if "order" in command else ([], printed.NOW)
    code, out, _ = run(*shlex.split(command), *asked, "--config.file=config.yaml", at=at)
    assert code == 0
    lines = "".join(f"{line.rstrip()}\n" for line in out.splitlines())
    if update_golden:
        DOCUMENT.write_text(DOCUMENT.read_text().replace(shown, lines))
    else:
        assert lines == shown


def test_csv_is_read_back_as_it_was_meant(run: Run) -> None:
    code, out, told = run("pages", "--month=2026-10", "--by=department", "--format=csv")
    assert code == 0
    assert out.endswith("\r\n")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows[1] == {
        "department": "finance",
        "unit": "impressions",
        "pages": "14900",
        "from_state": "0",
        "from": "2026-10-01T00:00:00+02:00",
        "to": "2026-11-01T00:00:00+01:00",
        "time_zone": "Europe/Berlin",
    }
    assert "First read after the time began; what they printed before is not in it: Late\n" in told


def test_json_has_rows_facts_and_notes(run: Run) -> None:
    found = json.loads(run("pages", "--from=2026-10-01", "--to=2026-10-31", "--format=json")[1])
    assert found["time_zone"] == "Europe/Berlin"
    assert {"printer": "Plain", "location": "B1", "unit": "impressions", "pages": 7450, "from_state": 0} in found[
        "rows"
    ]
    assert any(note.endswith(": Late") for note in found["notes"])
    usage = json.loads(run("usage", "Plain", "--format=json")[1])
    assert usage["last_month"] == 7450
    assert usage["time_zone"] == "Europe/Berlin"
    assert "rows" not in usage


def test_without_a_month_it_is_the_last_whole_one(run: Run) -> None:
    assert run("pages", "--format=csv")[1] == run("pages", "--month=2026-10", "--format=csv")[1]


def test_this_month_ends_now(run: Run) -> None:
    found = json.loads(run("pages", "--month=2026-11", "--format=json")[1])
    assert found["to"] == "2026-11-05T12:00:00+01:00"
    assert run("pages", "--month=2026-11")[1].startswith(
        "Pages from 2026-11-01 to 2026-11-05, so far; days of Europe/B"
    )


def test_imported_months_are_in_the_report_with_the_location_of_the_config(run: Run, tmp_path: Path) -> None:
    imported = {
        "SN-001": Imported("Plain", "10.0.0.1", "elsewhere", {"2026-05": 500}),
        "name:Gone": Imported("Gone", "10.0.0.9", "B7", {"2026-05": 40}),
    }
    with closing(State(tmp_path / "state.db")) as state:
        assert state.write(Changes({(IMPORTED, key): dump_imported(each) for key, each in imported.items()}))
    code, out, told = run("pages", "--month=2026-05", "--format=csv")
    assert (code, told) == (0, "")  # and nothing of a state file that is missing
    assert [line.split(",")[:5] for line in out.splitlines()] == [
        ["printer", "location", "unit", "pages", "from_state"],
        ["Plain", "B1", "unknown", "500", "500"],
        ["Gone", "B7", "unknown", "40", "40"],
    ]
    assert "From the state" in run("pages", "--month=2026-05")[1]
    assert run("pages", "--month=2026-05", "--by=department", "--format=csv")[1].count("finance,unknown,500,500,") == 1
    usage = json.loads(run("usage", "Gone", "--format=json")[1])
    assert (usage["pages_history"], usage["unit"]) == ({"2026-05": 40}, "unknown")


@pytest.mark.parametrize(
    ("arguments", "code", "reason"),
    [
        (["pages", "--month=2026-13"], 2, "argument --month: expected a month such as 2026-10"),
        (["pages", "--month=0001-01"], 2, "argument --month: expected a year of this age"),
        (["pages", "--from=2026-10-01"], 2, "--from and --to need each other"),
        (["pages", "--from=1.10.2026", "--to=2026-10-02"], 2, "argument --from: expected a date such as 2026-10-31"),
        (["pages", "--from=2026-10-02", "--to=2026-10-01"], 2, "--from is after --to"),
        (["pages", "--month=2026-10", "--from=2026-10-01", "--to=2026-10-02"], 2, "give --month, or --from and --to"),
        (["pages", "--month=2026-12"], 2, "2026-12-01 is still to come"),
        (["pages", "--by=serial"], 2, "expected printer, location or a label of your own, such as department"),
        (["pages", "--by=from"], 2, "expected printer, location or a label of your own, such as department"),
        (["pages", "--prometheus.url=localhost:9090"], 2, "expected a URL such as https://server.example.com"),
        (["order", "--days=soon"], 2, "expected a number of days from 0 to 999"),
        (["order"], 1, "this Prometheus knows no supplies of printers now: does it scrape the exporter?"),
        (
            ["usage", "Plane"],
            1,
            'neither Prometheus nor the state knows pages of a printer "Plane"; did you mean "Plain"?',
        ),
        (["pages", "--month=2024-01"], 1, "no page counter was read from 2024-01-01T00:00:00+01:00 to 2024-02-01"),
        (["pages", "--config.file=none.yaml"], 1, "none.yaml: cannot be read: No such file or directory"),
        ([], 2, "the following arguments are required: REPORT"),
    ],
)
def test_what_cannot_be_told_is_one_clear_line(run: Run, arguments: list[str], code: int, reason: str) -> None:
    found, out, told = run(*arguments)
    assert (found, out) == (code, "")
    assert reason in told
    assert "Traceback" not in told
    lines = [line for line in told.splitlines() if not line.startswith("There is no state file ")]
    assert len(lines) == 1 or told.startswith("usage: ")


def test_a_prometheus_that_is_not_there_is_named(run: Run) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    told = f"printcam-exporter: {url}: it cannot be reached: Connection refused\n"
    for name in ("pages", "usage Plain", "order"):
        code, out, found = run(*name.split(), f"--prometheus.url={url}")
        assert (code, out) == (1, "")
        assert found.endswith(told)


def test_somebody_has_to_be_asked(run: Run, config: Path) -> None:
    config.write_text("cameras: {}\n")
    assert run("pages") == (1, "", f"printcam-exporter: {report.NOBODY_TO_ASK}\n")


def test_a_state_file_that_is_not_there_is_told(run: Run, config: Path) -> None:
    missing = f"There is no state file {config.parent}/state.db here: months before Prometheus are not in this.\n"
    assert missing in run("pages")[2]
    config.write_text(config.read_text().replace(f"{config.parent}/state.db", ":memory:"))
    assert "state file" not in run("pages")[2]


def test_a_url_is_enough_without_a_config(run: Run, config: Path, fleet: Prometheus) -> None:
    config.unlink()
    code, out, _ = run("pages", "--month=2026-10", f"--prometheus.url={fleet.url}", "--format=json")
    assert code == 0
    assert len(json.loads(out)["rows"]) == 19


def test_the_password_of_the_config_is_not_sent_to_another_server() -> None:
    loaded = config_module.parse(
        "cameras: {}\nprometheus: { url: http://a, user: me, password: planted, headers: { X-Key: planted } }\n"
    )
    assert report.asked(loaded, None) == loaded.prometheus
    assert report.asked(loaded, "http://b") == config_module.Prometheus(url="http://b")


def test_a_damaged_state_file_is_named(run: Run, tmp_path: Path) -> None:
    (tmp_path / "state.db").write_text("no database, but long enough to be looked at" * 10)
    code, out, told = run("pages")
    assert (code, out) == (1, "")
    assert told.startswith(f"state file {tmp_path}/state.db: it is not a SQLite database")
