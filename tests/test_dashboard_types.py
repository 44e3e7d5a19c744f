"""The dashboards fit the types that Grafana publishes, in every version that is supported."""

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.sample_dashboard import planted, sample

GRAFANA = Path(__file__).with_name("grafana")
DASHBOARDS = sorted((Path(__file__).parents[1] / "dashboards" / "grafana").glob("*.json"))
VERSIONS = sorted(
    name.removeprefix("grafana-schema-")
    for name in json.loads((GRAFANA / "package.json").read_text())["dependencies"]
    if name.startswith("grafana-schema-")
)

pytestmark = pytest.mark.skipif(
    shutil.which("node") is None or not (GRAFANA / "node_modules").exists(),
    reason="npm did not install tests/grafana",
)

FAULTS: dict[str, tuple[str, Any, str]] = {
    "a misspelt key of a panel": ("panels.1.tittle", "x", "tittle"),
    "a misspelt option": ("panels.1.options.colourMode", "value", "colourMode"),
    "an option's value that is none": ("panels.1.options.graphMode", "lines", "lines"),
    "a number as text": ("panels.3.fieldConfig.defaults.custom.fillOpacity", "10", "fillOpacity|string"),
    "text as a number": ("panels.1.fieldConfig.defaults.unit", 5, "number"),
    "a panel that is none": ("panels.1.type", "singlestat", "singlestat"),
    "a query without refId": ("panels.1.targets.0.refId", ..., "refId"),
    "a panel without description": ("panels.1.description", ..., "description"),
    "a legend without calcs": ("panels.3.options.legend.calcs", ..., "calcs"),
    "a footer, which newer tables have elsewhere": ("panels.2.fieldConfig.defaults.footer", {}, "footer"),
    "a property that none has": ("panels.2.fieldConfig.overrides.-2.properties.0.id", "mapping", "mapping"),
    "a property of another panel": (
        "panels.2.fieldConfig.overrides.-2.properties.1",
        {"id": "custom.lineWidth", "value": 1},
        "lineWidth",
    ),
    "a property's value that is none": ("panels.2.fieldConfig.overrides.-2.properties.1.value", "wide", "string"),
    "a link without a title": ("panels.2.fieldConfig.overrides.-3.properties.0.value.0.title", ..., "url"),
    "a mapping without options": ("panels.5.fieldConfig.defaults.mappings.0.options", ..., "options"),
    "a color mode that is none": ("panels.1.fieldConfig.defaults.color", {"mode": "threshold"}, "threshold"),
    "a threshold without a color": ("panels.3.fieldConfig.defaults.thresholds.steps.0.color", ..., "color"),
    "a place without a width": ("panels.1.gridPos.w", ..., "'w'"),
    "a refresh that is no text": ("refresh", False, "boolean"),
    "a variable's kind that is none": ("templating.list.1.type", "list", "list"),
    "a variable's sort that is none": ("templating.list.1.sort", 9, "9"),
    "an annotation without expression": ("annotations.list.0.expr", ..., "expr"),
    "a transformation without id": ("panels.2.transformations.0.id", ..., "id"),
}


def faults_found(version: str, files: Sequence[Path]) -> dict[str, list[str]]:
    """Return what the types of a version say against each file, as "LINE: what", by the file's name."""
    command = ("node", str(GRAFANA / "types.mjs"), version, *map(str, files))
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found: dict[str, list[str]] = {file.name: [] for file in files}
    for line in lines:
        file, _, rest = line.partition(".json:")
        found[Path(f"{file}.json").name].append(rest)
    return found


def write_planted(folder: Path, fault: str) -> Path:
    path, value, _ = FAULTS[fault]
    file = folder / f"{fault}.json"
    file.write_text(json.dumps(planted(sample(), path, value), indent=2))
    return file


@pytest.mark.parametrize("version", VERSIONS)
def test_the_dashboards_fit_the_types_and_one_with_a_fault_does_not(version: str, tmp_path: Path) -> None:
    wrong = write_planted(tmp_path, "a misspelt option")
    found = faults_found(version, [*DASHBOARDS, wrong])
    (said,) = found.pop(wrong.name)
    assert "colourMode" in said
    assert '"colourMode": "value"' in wrong.read_text().splitlines()[int(said.split(":")[0]) - 1]
    assert found == {path.name: [] for path in DASHBOARDS}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What the newest version says of the sound sample and of those with a planted fault."""
    folder = tmp_path_factory.mktemp("planted")
    sound = folder / "sound.json"
    sound.write_text(json.dumps(sample(), indent=2))
    return faults_found(VERSIONS[-1], [sound, *(write_planted(folder, fault) for fault in FAULTS)])


def test_the_sample_has_no_fault(found: dict[str, list[str]]) -> None:
    assert found["sound.json"] == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found(found: dict[str, list[str]], fault: str) -> None:
    assert any(re.search(FAULTS[fault][2], said) for said in found[f"{fault}.json"])


def test_three_versions_are_checked_and_the_lock_names_no_registry() -> None:
    assert VERSIONS == ["11", "12", "13"]
    lock = json.loads((GRAFANA / "package-lock.json").read_text())
    assert all(
        "resolved" not in package and package.get("integrity") for name, package in lock["packages"].items() if name
    )
