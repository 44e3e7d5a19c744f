"""A real Alertmanager on loopback with the shipped configuration; only its receivers and waits are the test's."""

import copy
import json
import shutil
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.support.durations import scaled
from tests.support.prometheus import free_port, running, wait_until_ready

ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
AMTOOL = shutil.which("amtool")
FOLDER = Path(__file__).parents[2] / "dashboards" / "alertmanager"


def shipped() -> Any:
    """Return the configuration as it is shipped."""
    return yaml.safe_load((FOLDER / "alertmanager.yml").read_text())


def redirected(config: Any, url: str, *, wait: float, interval: float) -> Any:
    """Return a configuration whose receivers all post to `url`/NAME, with waits and intervals times these factors.

    Beside the webhook there is a Slack message at `url`/NAME/text: what the templates make.
    """
    changed = copy.deepcopy(config)
    for receiver in changed["receivers"]:
        name = receiver["name"]
        receiver["webhook_configs"] = [{"url": f"{url}/{name}"}]
        receiver["slack_configs"] = [
            {
                "api_url": f"{url}/{name}/text",
                "send_resolved": True,
                "title": '{{ template "printcam.subject" . }}',
                "text": '{{ template "printcam.text" . }}',
            }
        ]
    for route in routes(changed["route"]):
        for key, factor in (("group_wait", wait), ("group_interval", interval)):
            if key in route:
                route[key] = scaled(route[key], factor)
    return changed


def with_digest_on(config: Any, *weekdays: str) -> Any:
    """Return a configuration whose weekly digest is due all day long on these days."""
    changed = copy.deepcopy(config)
    changed["time_intervals"][0]["time_intervals"] = [{"weekdays": list(weekdays)}]
    return changed


def routes(route: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a route and all below it."""
    yield route
    for child in route.get("routes", ()):
        yield from routes(child)


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """A running server."""

    url: str

    def post(self, alerts: Sequence[Mapping[str, str]], **times: str) -> None:
        """Raise alerts with these labels."""
        body = [
            {"labels": labels, "annotations": {"summary": "Something.", "description": "It is."}, **times}
            for labels in alerts
        ]
        request = urllib.request.Request(
            f"{self.url}/api/v2/alerts", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10):
            pass

    def alerts(self) -> list[dict[str, Any]]:
        """Return the alerts that it has, with their receivers and what inhibits them."""
        with urllib.request.urlopen(f"{self.url}/api/v2/alerts", timeout=10) as answer:
            return list(json.load(answer))


@contextmanager
def alertmanager(folder: Path, config: Any) -> Iterator[Alertmanager]:
    """Run a server with this configuration until the block ends; its log is `folder`/alertmanager.log."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(FOLDER / "printcam.tmpl", folder)
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    port = free_port()
    command = (
        str(ALERTMANAGER),
        f"--config.file={folder}/alertmanager.yml",
        f"--storage.path={folder}/data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=",
    )
    with (folder / "alertmanager.log").open("ab") as log, running(command, stdout=log, stderr=log) as process:
        wait_until_ready(f"http://127.0.0.1:{port}/-/ready", process)
        yield Alertmanager(f"http://127.0.0.1:{port}")
