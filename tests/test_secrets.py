"""Secrets that are planted in every place a config may take them from appear in no output."""

import asyncio
import logging
import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.error import HTTPError

import pytest

from exporter import app as app_module
from exporter import config, logs
from exporter.app import App
from exporter.simulator.agent import Agent
from exporter.simulator.v3agent import User, V3Agent
from tests.support.agents import free_port, own_address
from tests.test_cli import command, fetch, serving
from tests.test_poll import BASE, MovingMib

LITERAL = "planted-literal"
VARIABLE = "planted-variable"
FILE = "planted-file"
CREDENTIAL = "planted-credential"
OLD = "planted-old"
AUTH = "planted-auth-password"
PRIV = "planted-priv-password"
WRONG = "planted-wrong-password"
MARK = "planted-"
NAMES = ("literal", "variable", "file", "credential", "old", "user")

CREDENTIALS = f"""\
snmp:
  engine: ENGINE
  credentials:
    literal: {{ version: 2c, community: {LITERAL} }}
    variable: {{ version: 2c, community: "${{PLANTED}}" }}
    file: {{ version: 2c, community_file: in-a-file }}
    credential: {{ version: 2c, community_file: of-systemd }}
    old: {{ version: 1, community: {OLD} }}
    user:
      version: 3
      user: monitor
      auth: {{ protocol: SHA256, password: {AUTH} }}
      priv: {{ protocol: AES128, password: {PRIV} }}
    wrong:
      version: 3
      user: monitor
      auth: {{ protocol: SHA256, password: {WRONG} }}
      priv: {{ protocol: AES128, password: {PRIV} }}
state: {{ path: kept.db }}
polling: {{ min_interval: 0, timeout: 1s, retries: 0 }}
printers:
"""


@dataclass
class Desk:
    """A folder with a config whose printers answer to its secrets only, and all that was said about it."""

    folder: Path
    environ: dict[str, str]
    file: Path
    said: list[str] = field(default_factory=list)

    def run(self, *arguments: str) -> int:
        """Run a command at the most talkative and keep what it says."""
        done = subprocess.run(
            command(*arguments, "--log.level=debug"),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=self.folder,
            env=self.environ,
        )
        self.said += [done.stdout, done.stderr]
        return done.returncode

    def fetch(self, url: str, method: str = "GET") -> str:
        """Fetch a page and keep it."""
        try:
            text = fetch(url, method=method)
        except HTTPError as error:
            text = error.read().decode()
        self.said.append(text)
        return text


@asynccontextmanager
async def desk(folder: Path, engine: str) -> AsyncIterator[Desk]:
    communities = {"literal": LITERAL, "variable": VARIABLE, "file": FILE, "credential": CREDENTIAL, "old": OLD}
    user = User("monitor", AUTH, PRIV)
    async with AsyncExitStack() as stack:
        agents: dict[str, Agent | V3Agent] = {}
        for name, community in communities.items():
            agents[name] = Agent(MovingMib(BASE), own_address(), 0, community=community)
        for name in ("user", "wrong"):
            agents[name] = V3Agent(MovingMib(BASE), own_address(), 0, user=user)
        for each in agents.values():
            await stack.enter_async_context(each)
        entries = (
            f'  - {{ name: {name}, host: "{each.host}:{each.port}", credentials: {name} }}\n'
            for name, each in agents.items()
        )
        (folder / "credentials").mkdir()
        (folder / "credentials/of-systemd").write_text(f"{CREDENTIAL}\n")
        (folder / "in-a-file").write_text(f"{FILE}\n")
        file = folder / "config.yaml"
        file.write_text(CREDENTIALS.replace("ENGINE", engine) + "".join(entries))
        environ = os.environ | {"PLANTED": VARIABLE, "CREDENTIALS_DIRECTORY": str(folder / "credentials")}
        yield Desk(folder, environ, file)


def spoiled(text: str) -> str:
    """Return the config with secrets where they do not belong."""
    return text.replace("community: planted", "comunity: planted").replace("password: ", "password:", 1)


@pytest.mark.parametrize("engine", ["auto", "pysnmp"])
async def test_no_output_of_a_running_exporter_shows_a_secret(
    engine: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, engine) as made:
        for key in ("PLANTED", "CREDENTIALS_DIRECTORY"):
            monkeypatch.setenv(key, made.environ[key])
        log = tmp_path / "log"

        def serve() -> str:
            with serving(f"--config.file={made.file}", "--log.level=debug", log=log) as (_, url):
                metrics = made.fetch(f"{url}/metrics")
                pages = ("/", "/printers/literal", "/printers/wrong", "/api/printers", "/api/printers/wrong")
                for path in (*pages, "/api/export", "/sd/cameras", "/-/healthy", "/none"):
                    made.fetch(f"{url}{path}")
                good = made.file.read_text()
                made.file.write_text(spoiled(good))
                refused = made.fetch(f"{url}/-/reload", "POST")
                assert "unknown key" in refused
                made.file.write_text(good)
                made.fetch(f"{url}/-/reload", "POST")
                made.fetch(f"{url}/metrics")
            return metrics

        metrics = await asyncio.to_thread(serve)
    ups = {name: f'printer_up{{printer="{name}",location="Unassigned"}} 1' in metrics for name in (*NAMES, "wrong")}
    assert ups == dict.fromkeys(NAMES, True) | {"wrong": False}
    assert "config not loaded" in log.read_text()
    assert MARK not in log.read_text()
    assert MARK not in "".join(made.said)
    assert MARK.encode() not in await asyncio.to_thread((tmp_path / "kept.db").read_bytes)


@pytest.mark.parametrize("engine", ["auto", "pysnmp"])
async def test_no_command_shows_a_secret(engine: str, tmp_path: Path) -> None:
    async with desk(tmp_path, engine) as made:

        def use() -> None:
            assert made.run("check", str(made.file)) == 0
            for name in NAMES:
                recording = tmp_path / f"{name}.snmprec"
                what = ("--explain", f"--record={recording}") if name in {"literal", "user"} else ()
                assert made.run("probe", name, f"--config.file={made.file}", *what) == 0, made.said
                if what:
                    made.said.append(recording.read_text())
            assert made.run("probe", "wrong", f"--config.file={made.file}") == 1
            made.file.write_text(spoiled(made.file.read_text()))
            assert made.run("check", str(made.file)) == 1
            assert made.run(f"--config.file={made.file}") == 1

        await asyncio.to_thread(use)
    assert "wrong" in "".join(made.said)
    assert MARK not in "".join(made.said)


@pytest.mark.parametrize("style", logs.FORMATS)
async def test_a_fault_of_ours_that_tells_all_it_knows_tells_no_secret(
    style: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    text = CREDENTIALS.replace("ENGINE", "auto").replace("kept.db", '":memory:"')
    text = text.replace("community_file: in-a-file", "community: x").replace(
        "community_file: of-systemd", "community: x"
    )
    address = own_address()
    text += f'  - {{ name: user, host: "{address}:{free_port(address)}", credentials: user }}\n'
    app = App(lambda: config.parse(text, environ={"PLANTED": VARIABLE}))

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError(f"{app.cycle.devices} {app._config!r} {app._config}")

    monkeypatch.setattr(app_module, "after_poll", fail)
    await app.start()
    await app.cycle.poll(app.cycle.devices["user"])
    await app.close()
    (record,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    shown = logs.FORMATS[style]().format(record)
    assert "Traceback" in shown
    assert "SecretStr" in shown
    assert MARK not in shown


# ---- where secrets are taken from


def community(file: Path, environ: dict[str, str]) -> str:
    credentials = config.load(file, environ).printers[0].credentials
    assert credentials.version != "3"
    return credentials.community.get_secret_value()


def config_file(folder: Path, secret: str) -> Path:
    file = folder / "config.yaml"
    credentials = f"{{ default: {{ version: 2c, {secret} }} }}"
    file.write_text(f"snmp: {{ credentials: {credentials} }}\nprinters: [{{ name: A, host: 192.0.2.1 }}]\n")
    return file


def test_a_bare_name_is_a_credential_of_systemd_before_it_is_a_file_beside_the_config(tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (tmp_path / "one").write_text("beside")
    file = config_file(tmp_path, "community_file: one")
    environ = {"CREDENTIALS_DIRECTORY": str(credentials)}
    assert community(file, environ) == "beside"
    (credentials / "one").write_text("of systemd\n")
    assert community(file, environ) == "of systemd"
    assert community(file, {}) == "beside"
    assert community(config_file(tmp_path, "community_file: ./one"), environ) == "beside"
    assert community(config_file(tmp_path, f"community_file: {tmp_path}/one"), environ) == "beside"


def test_a_credential_that_is_nowhere_is_a_fault_without_its_content(tmp_path: Path) -> None:
    file = config_file(tmp_path, "community_file: none")
    with pytest.raises(config.ConfigError, match="community_file: the file cannot be read: No such file or directory"):
        config.load(file, {"CREDENTIALS_DIRECTORY": str(tmp_path)})


# ---- who may read the config


@pytest.mark.parametrize(
    ("mode", "secret", "is_warned"),
    [
        (0o644, f"community: {LITERAL}", True),
        (0o640, f"community: {LITERAL}", False),
        (0o600, f"community: {LITERAL}", False),
        (0o644, 'community: "x${PLANTED}"', True),
        (0o644, 'community: "${PLANTED}"', False),
        (0o644, "community_file: one", False),
        (0o644, "community: public", False),
    ],
)
def test_a_config_with_secrets_that_everybody_can_read_is_warned_of(
    mode: int, secret: str, is_warned: bool, tmp_path: Path
) -> None:
    (tmp_path / "one").write_text("x")
    file = config_file(tmp_path, secret)
    file.chmod(mode)
    loaded = config.load(file, {"PLANTED": VARIABLE})
    told = f"{file} holds secrets (line 1) and everybody on this machine can read it: chmod o-r"
    assert loaded.warnings == ((told,) if is_warned else ())
    assert (f"warning: {told}" in config.remarks(loaded, ())) is is_warned


def test_every_line_with_a_secret_is_named() -> None:
    text = CREDENTIALS.replace("ENGINE", "auto").replace("_file:", ":") + "  - { name: A, host: h, credentials: user }"
    lines = text.splitlines()
    found = config.parse(text, environ={"PLANTED": VARIABLE}).secret_lines
    assert [lines[line - 1].split()[0] for line in found] == [
        *("literal:", "file:", "credential:", "old:"),
        *("auth:", "priv:") * 2,
    ]


async def test_start_and_reload_warn_of_a_config_that_everybody_can_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = config_file(tmp_path, f"community: {LITERAL}")
    file.write_text(file.read_text() + 'state: { path: ":memory:" }\n')
    app = App(lambda: config.load(file))
    await app.start()
    assert [record.getMessage() for record in caplog.records] == list(config.load(file).warnings) != []
    caplog.clear()
    await app.reload()
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == list(config.load(file).warnings)
    file.chmod(0o600)
    caplog.clear()
    await app.reload()
    assert [r for r in caplog.records if r.levelno == logging.WARNING] == []
    await app.close()


# ---- the community that everybody knows


def test_check_names_the_printers_that_are_asked_with_public() -> None:
    text = """
snmp: { credentials: { default: { version: 1, community: public }, own: { version: 2c, community: own } } }
printers:
"""
    entries = [f"  - {{ name: P{number}, host: 192.0.2.{number} }}\n" for number in range(1, 24)]
    own = "  - { name: Own, host: 192.0.2.99, credentials: own }\n"

    def remarks(listed: str) -> list[str]:
        loaded = config.parse(text + listed)
        return list(config.remarks(loaded, loaded.printers))

    (few,) = remarks(entries[0] + own + entries[1])
    assert few == 'asked with the community "public", which everybody knows: P1, P2'
    (many,) = remarks("".join(entries))
    assert many.endswith("P19, P20 and 3 more")
    assert remarks(own) == []
