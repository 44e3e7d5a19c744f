"""What the documents say is what the code does."""

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from docs import generate
from exporter import cli, config
from exporter.cameras import network
from exporter.cameras.model import Device, View, camera
from exporter.commands.probe import HINTS
from exporter.discovery.roster import Overview
from exporter.metrics.exporter import Self, add_web_config, self_registry
from exporter.metrics.families import CAMERA_FAMILIES, PRINTER_FAMILIES
from exporter.metrics.inventory import add_inventory
from exporter.metrics.printservers import add_print_servers
from exporter.metrics.reference import ABOUT, VALUES
from exporter.printers.record import FAILURE_REASONS
from exporter.printers.status import BIT_SEVERITY, Severity
from exporter.web import webfile
from exporter.web.discovery import camera_targets
from tests.support.pems import write_pair

PROMTOOL = shutil.which("promtool")
ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted(
    [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "dashboards" / "README.md", *(ROOT / "docs").glob("*.md")]
)


def code_blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(), re.DOTALL)


def test_every_metric_is_documented_with_its_type_and_no_other() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \| (\w+) \|", (ROOT / "docs/metrics.md").read_text())
    state = Self(
        printers=1,
        cameras=1,
        state_writable=True,
        cycles=1,
        cycle_duration=1.0,
        reload_succeeded=True,
        reload_success_at=1.0,
    )
    registry = self_registry(lambda: state)
    add_inventory(registry, lambda: Overview(audit_writable=True))
    add_print_servers(registry, dict)
    add_web_config(registry, lambda: True)
    own = {
        metric.name + ("_total" if metric.type == "counter" else ""): metric.type
        for metric in registry.collect()
        if metric.name.startswith("printcam_")
    }
    assert dict(rows) == {family.name: family.kind for family in PRINTER_FAMILIES + CAMERA_FAMILIES} | own
    assert len(rows) == len(dict(rows))


@pytest.mark.parametrize("name", ["configuration.md", "metrics.md"])
def test_the_references_are_made_from_the_code(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == generate.made()[name], "run make docs"


def test_every_key_of_the_config_has_a_meaning_in_its_reference() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \| (.*) \|$", (ROOT / "docs/configuration.md").read_text())
    assert len(rows) > 70
    assert [key for key, rest in rows if not rest.rpartition("|")[2].strip()] == []


def test_every_section_of_the_config_that_is_linked_to_is_there() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    titles = {title.lower() for title in re.findall(r"(?m)^### (\w+)$", text)}
    assert set(re.findall(r"\]\(#(\w+)\)", text)) == titles


def test_what_is_said_of_metrics_is_said_of_each_family_and_its_labels() -> None:
    assert ABOUT.keys() == set(PRINTER_FAMILIES + CAMERA_FAMILIES)
    assert all(label in ABOUT[family].labels for family, label in VALUES)


def test_troubleshooting_knows_every_reason_of_a_failure_and_only_those() -> None:
    text = (ROOT / "docs/troubleshooting.md").read_text()
    table = text.partition("| reason |")[2].partition("\n\n")[0]
    assert tuple(re.findall(r"(?m)^\| `(\w+)` \|", table)) == FAILURE_REASONS


def test_documents_name_only_metrics_that_there_are() -> None:
    known = {family.name for family in PRINTER_FAMILIES + CAMERA_FAMILIES}
    for name in ("troubleshooting.md", "upgrade.md", "install.md", "configuration.md"):
        found = set(re.findall(r"`((?:printer|camera)_\w+)[`{]", (ROOT / "docs" / name).read_text()))
        assert found - known <= {"printer_defaults", "camera_database"}, name


def test_every_label_of_the_golden_file_is_documented() -> None:
    text = (ROOT / "docs/metrics.md").read_text()
    golden = (ROOT / "tests/golden/office.metrics").read_text()
    user_labels = {"printer", "mac", "camera", "location", "department", "floor"}
    for name, labels in set(re.findall(r"(?m)^(\w+)\{(.*)\} \S+$", golden)):
        row = next(line for line in text.splitlines() if line.startswith(f"| `{name}` "))
        same = f"{row} `level` `code` `group` `training`" if "the same and" in row else row
        for label in set(re.findall(r'(\w+)="', labels)) - user_labels:
            assert f"`{label}`" in same, (name, label)


def test_every_reason_of_a_failure_is_documented_and_has_a_hint() -> None:
    text = (ROOT / "docs/printers.md").read_text()
    for reason in FAILURE_REASONS:
        assert f"| {reason} |" in text
        assert HINTS[reason]


def test_the_table_of_error_bits_is_that_of_the_code() -> None:
    row = next(line for line in (ROOT / "docs/printers.md").read_text().splitlines() if line.startswith("| error bits"))
    _, _, errors, warnings, _ = row.split("|")
    assert {bit.strip() for bit in errors.split(",")} == {b for b, s in BIT_SEVERITY.items() if s is Severity.ERROR}
    assert {bit.strip() for bit in warnings.split(",")} == {b for b, s in BIT_SEVERITY.items() if s is Severity.WARNING}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\((?!http)([^)#]+)", document.read_text()):
        assert (document.parent / target).exists(), target


def test_the_config_of_the_readme_is_valid() -> None:
    first = code_blocks(ROOT / "README.md", "yaml")[0]
    assert [printer.name for printer in config.parse(first).printers] == ["Accounting", "Front desk"]


def test_the_snippets_about_printers_are_valid_options_of_a_printer() -> None:
    for snippet in code_blocks(ROOT / "docs/printers.md", "yaml"):
        indented = "".join(f"    {line}\n" for line in snippet.splitlines())
        assert config.parse(f"printers:\n  - name: P\n    host: 192.0.2.1\n{indented}").printers


def test_every_reason_of_a_search_error_is_documented() -> None:
    rows = (ROOT / "docs/metrics.md").read_text().splitlines()
    row = next(line for line in rows if line.startswith("| `camera_search_errors_total`"))
    for reason in (*network.ERRORS, "too_many"):
        assert re.search(rf"\b{reason}\b", row), reason


def test_every_label_of_service_discovery_is_documented() -> None:
    text = (ROOT / "docs/cameras.md").read_text()
    (target,) = camera_targets([View(replace(camera("02:00:5e:10:00:01"), device=Device("", "192.0.2.1")), "C", "B1")])
    labels = target["labels"]
    assert isinstance(labels, dict)
    for label in labels:
        assert f"`{label.removeprefix('__meta_camera_')}`" in text, label


def test_the_snippets_about_cameras_are_valid_configs() -> None:
    snippets = [text for text in code_blocks(ROOT / "docs/cameras.md", "yaml") if text.startswith("cameras:")]
    assert len(snippets) >= 2
    for snippet in snippets:
        assert config.parse(snippet).cameras


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_the_example_of_service_discovery_is_a_valid_prometheus_config(tmp_path: Path) -> None:
    (example,) = [text for text in code_blocks(ROOT / "docs/cameras.md", "yaml") if text.startswith("scrape_configs:")]
    file = tmp_path / "prometheus.yml"
    file.write_text(example)
    done = subprocess.run([str(PROMTOOL), "check", "config", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_example_of_a_web_config_is_valid_and_every_key_is_described(tmp_path: Path) -> None:
    document = ROOT / "docs/security.md"
    (example,) = [text for text in code_blocks(document, "yaml") if text.startswith("tls_server_config:")]
    write_pair(tmp_path)
    file = tmp_path / "web.yml"
    file.write_text(example)
    loaded = webfile.load(file)
    assert loaded.tls
    assert loaded.users
    rows = "\n".join(line for line in document.read_text().splitlines() if line.startswith("| `"))
    for model in (webfile.WebFile, webfile.TlsServer, webfile.HttpServer, webfile.RateLimit):
        for key in model.model_fields:
            assert f"`{key}`" in rows, key


@pytest.mark.skipif(PROMTOOL is None, reason="promtool is not installed")
def test_the_example_of_a_scrape_with_a_password_is_a_valid_prometheus_config(tmp_path: Path) -> None:
    (example,) = [t for t in code_blocks(ROOT / "docs/security.md", "yaml") if t.startswith("scrape_configs:")]
    write_pair(tmp_path, stem="client-")
    (tmp_path / "password").write_text("x")
    file = tmp_path / "prometheus.yml"
    file.write_text(example)
    done = subprocess.run([str(PROMTOOL), "check", "config", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_commands_of_the_readme_exist(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "README.md").read_text()
    for words in (
        *("", "probe", "cameras", "discover", "export", "report pages", "report order"),
        *("import cameras", "import tonertrack", "import backup"),
    ):
        with pytest.raises(SystemExit):
            cli.main([*words.split(), "--help"])
    shown = capsys.readouterr().out
    for option in set(re.findall(r"--[\w.]+[\w-]*", text)):
        assert option in shown, option
    names = "demo|check|probe|cameras|discover|import|export|report|forget"
    for command in set(re.findall(rf"printcam-exporter ({names})", text)):
        assert f"\n    {command} " in shown, command


def test_nothing_speaks_of_paths_of_one_machine() -> None:
    for document in [*DOCUMENTS, ROOT / "config.example.yaml", ROOT / "Makefile"]:
        assert not re.search(r"/work/|/root/|/home/\w", document.read_text()), document
