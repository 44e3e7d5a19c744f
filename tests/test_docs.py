"""What the documents say is what the code does."""

import re
from pathlib import Path

import pytest

from exporter import cli, config
from exporter.metrics.exporter import Self, self_registry
from exporter.metrics.families import PRINTER_FAMILIES
from exporter.printers.record import FAILURE_REASONS
from exporter.printers.status import BIT_SEVERITY, Severity
from exporter.probe import HINTS

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")])


def code_blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", document.read_text(), re.DOTALL)


def test_every_metric_is_documented_with_its_type_and_no_other() -> None:
    rows = re.findall(r"(?m)^\| `(\w+)` \| (\w+) \|", (ROOT / "docs/metrics.md").read_text())
    state = Self(printers=1, cycles=1, cycle_duration=1.0, reload_succeeded=True, reload_success_at=1.0)
    own = {
        metric.name + ("_total" if metric.type == "counter" else ""): metric.type
        for metric in self_registry(lambda: state).collect()
        if metric.name.startswith("printcam_")
    }
    assert dict(rows) == {family.name: family.kind for family in PRINTER_FAMILIES} | own
    assert len(rows) == len(dict(rows))


def test_every_label_of_the_golden_file_is_documented() -> None:
    text = (ROOT / "docs/metrics.md").read_text()
    golden = (ROOT / "tests/golden/office.metrics").read_text()
    user_labels = {"printer", "location", "department"}
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


def test_the_commands_of_the_readme_exist(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "README.md").read_text()
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = capsys.readouterr().out
    for option in set(re.findall(r"--[\w.]+[\w-]*", text)):
        assert option in shown, option
    for command in set(re.findall(r"printcam-exporter (demo|check|probe)", text)):
        assert f"\n    {command} " in shown, command


def test_nothing_speaks_of_paths_of_one_machine() -> None:
    for document in [*DOCUMENTS, ROOT / "config.example.yaml", ROOT / "Makefile"]:
        assert not re.search(r"/work/|/root/|/home/\w", document.read_text()), document
