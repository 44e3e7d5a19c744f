"""The stack of docker-compose.yml: its shape, what it mounts, and the image that it builds. No engine runs here."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.examples import uncommented

ROOT = Path(__file__).parents[1]
COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = (ROOT / "Dockerfile").read_text()
DOCKER_COMPOSE = shutil.which("docker-compose")
SERVICES: dict[str, Any] = yaml.safe_load(COMPOSE.read_text())["services"]
PROVISIONING = ROOT / "dashboards" / "grafana" / "provisioning"
# A volume's source, where it is mounted, and its mode.
BIND = re.compile(r"(\./[^:]*):([^:]+):(ro)")

each_service = pytest.mark.parametrize("name", SERVICES)


def with_examples() -> str:
    """Put every example of the file to use; an exporter in the host's network publishes no ports."""
    return uncommented(COMPOSE.read_text()).replace('    ports: ["127.0.0.1:10143:10143"]\n', "")


def mounted(service: str, path: str) -> Path:
    """Return the file of this repository that a service finds at a path."""
    for volume in SERVICES[service]["volumes"]:
        if (found := BIND.fullmatch(volume)) and path.startswith(f"{found[2]}/"):
            return ROOT / found[1] / path.removeprefix(f"{found[2]}/")
    raise LookupError(path)


@pytest.mark.skipif(DOCKER_COMPOSE is None, reason="docker-compose is not installed")
@pytest.mark.parametrize("examples", [False, True], ids=["as it is", "with its examples"])
def test_docker_compose_takes_the_file(examples: bool, tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(with_examples() if examples else COMPOSE.read_text())
    command = [str(DOCKER_COMPOSE), "--file", str(file), "config"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert yaml.safe_load(done.stdout)["services"].keys() == SERVICES.keys()


@pytest.mark.parametrize("examples", [False, True], ids=["as it is", "with its examples"])
def test_the_file_follows_the_compose_specification(examples: bool, tmp_path: Path) -> None:
    file = tmp_path / "docker-compose.yml"
    file.write_text(with_examples() if examples else COMPOSE.read_text())
    check = Path(sys.executable).with_name("check-jsonschema")
    command = [str(check), "--builtin-schema", "vendor.compose-spec", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@each_service
def test_a_service_can_write_to_its_volume_only_and_is_not_root(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - inside the container
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not service["user"].startswith(("0", "root"))
    assert "privileged" not in service
    volumes = yaml.safe_load(COMPOSE.read_text())["volumes"]
    writable = [volume for volume in service["volumes"] if not volume.endswith(":ro")]
    assert [volume.split(":")[0] in volumes for volume in writable] == [True]


@each_service
def test_a_service_comes_back_and_tells_whether_it_is_healthy(name: str) -> None:
    service = SERVICES[name]
    assert service["restart"] == "unless-stopped"
    if "build" in service:
        assert re.search(r"(?m)^HEALTHCHECK ", DOCKERFILE)
    else:
        assert service["healthcheck"]["test"][0] == "CMD"


@each_service
def test_an_image_is_pinned_to_a_whole_version(name: str) -> None:
    service = SERVICES[name]
    bases = re.findall(r"(?m)^FROM (\S+)", DOCKERFILE)
    for image in bases if "build" in service else [service["image"]]:
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+(-[\w-]+)?", image)
    assert len(set(bases)) == 1


@each_service
def test_what_is_mounted_exists_and_is_read_only(name: str) -> None:
    for volume in SERVICES[name]["volumes"]:
        if volume.startswith((".", "/")):
            found = BIND.fullmatch(volume)
            assert found, volume
            assert (ROOT / found[1]).exists()


@each_service
def test_a_port_is_open_to_this_machine_only(name: str) -> None:
    assert all(port.startswith("127.0.0.1:") for port in SERVICES[name]["ports"])


def test_prometheus_keeps_more_than_a_year_and_finds_its_files() -> None:
    command = SERVICES["prometheus"]["command"]
    assert "--storage.tsdb.retention.time=400d" in command
    config = next(option.split("=")[1] for option in command if option.startswith("--config.file="))
    assert mounted("prometheus", config).is_file()
    for pattern in yaml.safe_load(mounted("prometheus", config).read_text())["rule_files"]:
        assert list(mounted("prometheus", config).parent.glob(pattern)), pattern


def test_every_target_of_prometheus_is_a_port_of_a_service() -> None:
    config = yaml.safe_load((ROOT / "dashboards/prometheus/prometheus.yml").read_text())
    sections = [*config["scrape_configs"], *config["alerting"]["alertmanagers"]]
    targets = {target for one in sections for static in one["static_configs"] for target in static["targets"]}
    offered = {f"{name}:{port.split(':')[-1]}" for name, service in SERVICES.items() for port in service["ports"]}
    assert {target.replace("localhost", "prometheus") for target in targets} == offered


def test_the_scrape_is_what_the_exporter_is_made_for() -> None:
    config = yaml.safe_load((ROOT / "dashboards/prometheus/prometheus.yml").read_text())
    job = config["scrape_configs"][0]
    assert (job["job_name"], job["scrape_interval"], job["scrape_timeout"]) == ("printcam", "60s", "30s")


def test_alertmanager_finds_its_files() -> None:
    config = next(o.split("=")[1] for o in SERVICES["alertmanager"]["command"] if o.startswith("--config.file="))
    path = mounted("alertmanager", config)
    for template in yaml.safe_load(path.read_text())["templates"]:
        assert (path.parent / template).is_file()


def test_grafana_finds_prometheus_the_dashboards_and_its_home() -> None:
    environment = SERVICES["grafana"]["environment"]
    provisioning = mounted("grafana", environment["GF_PATHS_PROVISIONING"])
    assert provisioning == PROVISIONING
    [source] = yaml.safe_load((PROVISIONING / "datasources/printcam.yml").read_text())["datasources"]
    assert source["isDefault"] is True
    assert source["uid"]
    assert source["url"] == "http://prometheus:9090"
    [provider] = yaml.safe_load((PROVISIONING / "dashboards/printcam.yml").read_text())["providers"]
    assert (provider["type"], provider["allowUiUpdates"], provider["disableDeletion"]) == ("file", False, True)
    home = mounted("grafana", environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert home.parent == mounted("grafana", provider["options"]["path"] + "/")
    assert json.loads(home.read_text())["uid"] == "printcam-office"


def test_the_image_is_made_of_files_that_the_build_may_see() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert "*" in ignored
    copied = [line.split()[1:-1] for line in DOCKERFILE.splitlines() if re.match(r"COPY (?!--from)", line)]
    for source in (source for sources in copied for source in sources):
        assert (ROOT / source).exists()
        assert f"!{source}" in ignored


def test_the_exporter_runs_as_the_user_who_owns_the_folder_that_the_volume_is_made_of() -> None:
    made = re.search(r"useradd .*--uid (\d+) --user-group --create-home --home-dir (\S+)", DOCKERFILE)
    assert made
    uid, home = made.groups()
    assert re.findall(r"(?m)^USER (.*)$", DOCKERFILE) == [f"{uid}:{uid}"] == [SERVICES["exporter"]["user"]]
    assert re.findall(r"(?m)^(?:WORKDIR|VOLUME) (.*)$", DOCKERFILE)[-2:] == [home, home]
    assert f"state:{home}" in SERVICES["exporter"]["volumes"]


def test_the_image_asks_for_its_health_where_the_exporter_tells_it() -> None:
    [url] = re.findall(r"urlopen\('(\S+)'", DOCKERFILE)
    assert url == "http://127.0.0.1:10143/-/healthy"


def test_prometheus_reaches_an_exporter_in_the_hosts_network() -> None:
    services = yaml.safe_load(with_examples())["services"]
    assert services["exporter"]["network_mode"] == "host"
    assert services["prometheus"]["extra_hosts"] == ["exporter:host-gateway"]


@pytest.mark.parametrize(
    ("has_config", "arguments", "run"),
    [
        (False, [], "demo"),
        (True, [], "--config.file={}"),
        (False, ["probe", "10.10.5.28"], "probe 10.10.5.28"),
        (True, ["probe", "Sales"], "--config.file={} probe Sales"),
        (False, ["--version"], "--version"),
    ],
)
def test_the_image_serves_the_demo_office_without_a_config(
    has_config: bool, arguments: list[str], run: str, tmp_path: Path
) -> None:
    config = tmp_path / "config.yaml"
    if has_config:
        config.touch()
    exporter = tmp_path / "printcam-exporter"
    exporter.write_text('#!/bin/sh\necho "$@"\n')
    exporter.chmod(0o755)
    [line] = re.findall(r"(?m)^ENTRYPOINT (.*)$", DOCKERFILE)
    entry = [part.replace("/etc/printcam/config.yaml", str(config)) for part in json.loads(line)]
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([*entry, *arguments], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == run.format(config)
