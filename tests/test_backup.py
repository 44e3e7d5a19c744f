"""A backup and its restore: what was exported comes back as it was, and anything else is refused."""

import asyncio
import json
import os
import re
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import pytest

from exporter import backup, cli, config, yamlsource
from exporter.app import App
from exporter.backup import Backup
from exporter.cameras.model import camera
from exporter.cameras.registry import KIND
from exporter.cameras.stored import dump
from exporter.commands import backup as backups
from exporter.commands.errors import CommandError
from exporter.commands.listfiles import gathered, put_back
from exporter.config import ConfigFile
from exporter.configtypes import Surroundings
from exporter.discovery import files
from exporter.discovery.files import Read
from exporter.discovery.found import Found
from exporter.discovery.insertion import rendered
from exporter.discovery.sources import FILE, Sources
from exporter.foreign import ImportFault
from exporter.printers.imported import IMPORTED, Imported, dump_imported
from exporter.printers.lifecycle import Life
from exporter.printers.stored import dump_life
from exporter.simulator.agent import Agent
from exporter.state import Changes, Event, State, StateError
from tests.support.agents import own_address
from tests.test_app import scraped, shown_now
from tests.test_poll import BASE, MovingMib
from tests.test_stored import LIFE

LOBBY = "02:00:5e:10:00:01"


def inventory() -> dict[tuple[str, str], str | None]:
    """Return all that the state keeps of an inventory from a file and a print server."""
    settings = config.parse("printers: []\ndiscovery: { print_servers: [{ url: 'windows://dc3' }] }\n")
    text = "# of B1\n- { name: Hall, host: 192.0.2.9 }\n"
    of = Sources()
    of.told("windows://dc3", [Found("HP", "192.0.2.8")], 1.5, addresses={}, forget_after=9.0)
    of.take(settings, {"b1.yaml": Read("b1.yaml", None, files.parse(text, "b1.yaml", settings.shared), text)}, {}, 1.5)
    return {key: body for piece in of.changes() for key, body in piece.documents.items()}


CONTENTS = Changes(
    {
        ("engine", "A1"): dump_life(Life(months={"2026-10": 7}, pages_at=1.5)),
        (KIND, LOBBY): dump(camera(LOBBY)),
        (IMPORTED, "A1"): dump_imported(Imported("Accounting", "192.0.2.1", "B1", {"2020-01": 3})),
        **inventory(),
    },
    (Event("engine", "A1", 1.5, "jam", None, None), Event(KIND, LOBBY, 0.1, "address", None, "192.0.2.7")),
)
CONFIG = """\
# Not kept.
time_zone: Europe/Berlin
polling: { timeout: 500ms, retries: 0, min_interval: 0 }
thresholds: { warning: 0.30, error: 0.1 }
locations:
  - { network: 192.0.2.0/24, location: 010, labels: { floor: 1, open: "true", shut: True } }
snmp:
  credentials:
    default: { version: 2c, community: public }
    old: { version: 1, community: planted-old }
    number: { version: 2, community: 00123 }
    of-env: { version: 2c, community: "${PLANTED}" }
    mixed: { version: 2c, community: "planted-${PLANTED}" }
    in-file: { version: 2c, community_file: secret }
    hq-v3: &v3
      version: 3
      user: monitor
      auth: { protocol: SHA-256, password: planted-auth }
      priv: { protocol: AES, password_file: secret }
    hq_v3: *v3
printer_defaults: { maintenance: False, interval: 0 }
printers:
  - name: NO
    host: 192.0.2.1
    credentials: hq-v3
    expected_off: { nights: 19:00-07:00, weekends: true, dates: [2026-12-24] }
    supplies:
      - { match: { kind: toner }, thresholds: { warning: 1, error: 5e-2 } }
  - { name: "12:30", host: "[2001:db8::1]:1161", device: 0x2, credentials: of-env, labels: { cost: 1e3 } }
cameras:
  search: { listen_port: 10669 }
  known:
    - { mac: 0200.5e10.0001, name: Lobby }
    - { mac: "02:00:5e:10:00:02" }
supplies:
probe: {}
"""


def folder_with(path: Path, text: str = CONFIG, contents: Changes = CONTENTS) -> Path:
    """Return a folder with a config and a state."""
    path.mkdir(exist_ok=True)
    (path / "config.yaml").write_text(text)
    (path / "secret").write_text("planted-in-a-file")
    with closing(State(path / "printcam.db")) as state:
        assert state.write(contents)
    return path


def contents_of(folder: Path) -> Changes:
    with closing(State(folder / "printcam.db", read_only=True)) as state:
        return state.contents()


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Return a way to run commands in a folder, which gives the exit code and what was printed."""
    monkeypatch.setenv("PLANTED", "planted-variable")

    def run(folder: Path, *arguments: str) -> tuple[int, str, str]:
        monkeypatch.chdir(folder)
        code = cli.main(arguments)
        return code, *capsys.readouterr()

    return run


Run = Callable[..., tuple[int, str, str]]


# there and back


@pytest.mark.parametrize("options", [[], ["--with-secrets"]])
def test_what_was_restored_in_an_empty_folder_is_exported_as_the_same(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    old, new = folder_with(tmp_path / "old"), tmp_path / "new"
    assert run(old, "export", "../backup.json", *options)[0] == 0
    new.mkdir()
    (new / "secret").write_text("planted-in-a-file")
    code, out, err = run(new, "import", "../backup.json")
    assert (code, err) == (0, "")
    assert "planted" not in out
    for name in re.findall(r"SNMP_[A-Z0-9_]+", out):
        monkeypatch.setenv(name, "planted-again")
    assert run(new, "export", "../again.json", *options)[0] == 0
    assert (tmp_path / "again.json").read_text() == (tmp_path / "backup.json").read_text()
    assert contents_of(new).events == CONTENTS.events
    assert run(new, "import", "../backup.json")[1].count("holds just that") == 1


def sections(text: str, folder: Path) -> ConfigFile:
    environ = {"PLANTED": "planted-variable"}
    return ConfigFile.model_validate(yamlsource.read(text).data, context=Surroundings(environ, folder))


def test_every_value_of_a_config_means_the_same_afterwards(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("planted-in-a-file")
    before = sections(CONFIG, tmp_path)
    data = backup.plain(yamlsource.read(CONFIG).data, before, with_secrets=True)
    text = rendered(json.loads(json.dumps(data)))
    assert sections(text, tmp_path) == before
    again = backup.plain(yamlsource.read(text).data, before, with_secrets=True)
    assert again == data


def test_every_key_of_the_example_comes_back(tmp_path: Path) -> None:
    text = Path("config.example.yaml").read_text()
    data = yamlsource.read(text).data
    read = ConfigFile.model_validate(data, context=Surroundings({}, tmp_path))
    plain = backup.plain(data, read, with_secrets=True)
    assert ConfigFile.model_validate(yamlsource.read(rendered(plain)).data, context=Surroundings({}, tmp_path)) == read


async def test_an_exporter_on_a_restored_state_shows_the_same_lasting_values(tmp_path: Path) -> None:
    async with Agent(MovingMib(BASE), own_address(), 0) as answering:
        text = (
            f"state: {{ path: '{tmp_path}/printcam.db' }}\npolling: {{ timeout: 1s }}\n"
            f"printers: [{{ name: P, host: '{answering.host}:{answering.port}' }}]\n"
        )
        async with exporter(text) as app:
            await scraped(app)
    async with exporter(text) as app:
        before = shown_now(app)
    await asyncio.to_thread(through_a_backup, tmp_path, text)
    async with exporter(text) as app:
        assert shown_now(app) == before
    for family in ("printer_supply_level_ratio", "printer_pages_total", "printer_month_pages", "printer_info"):
        assert f"\n{family}{{" in before


@asynccontextmanager
async def exporter(text: str) -> AsyncIterator[App]:
    app = App(lambda: config.parse(text))
    await app.start()
    try:
        yield app
    finally:
        await app.close()


def through_a_backup(folder: Path, text: str) -> None:
    """Export, lose everything but the backup, and restore."""
    path, file = folder / "config.yaml", folder / "b.json"
    path.write_text(text)
    backups.write(file, backups.export(path, with_secrets=False)[0], force=False)
    for each in folder.iterdir():
        if each != file:
            each.unlink()
    backups.restore(file, path, replace=False)
    assert config.load(path).printers == config.parse(text).printers


# secrets


def test_no_secret_is_in_a_backup_unless_asked_for(run: Run, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "a")
    code, out, err = run(folder, "export")
    assert (code, err) == (0, "")
    assert "planted" not in out
    assert '"community": "public"' in out
    assert '"community": "${PLANTED}"' in out
    passwords = re.findall(r'"password": "(.*)"', out)
    assert passwords == ["${SNMP_CREDENTIALS_HQ_V3_AUTH_PASSWORD}", "${SNMP_CREDENTIALS_HQ_V3_AUTH_PASSWORD_}"]
    code, out, err = run(folder, "export", "--with-secrets")
    assert set(re.findall("planted[-a-z]*", out)) == {"planted-old", "planted-auth", "planted-"}
    assert err == "warning: this backup holds the secrets of the config: keep it from others\n"


def test_a_backup_is_for_nobody_else_and_overwrites_nothing_unasked(run: Run, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "a")
    file = folder / "b.json"
    assert run(folder, "export", "b.json", "--with-secrets")[0] == 0
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    code, _, err = run(folder, "export", "b.json")
    assert (code, err) == (1, "printcam-exporter: b.json exists already; --force overwrites it\n")
    assert run(folder, "export", "--force", "b.json")[0] == 0
    assert "planted-old" not in file.read_text()
    assert "it is not a file" in run(folder, "export", "--force", "/dev/null")[2]
    assert "cannot be written: No such file or directory" in run(folder, "export", "no/b.json")[2]
    assert sorted(each.name for each in folder.iterdir()) == ["b.json", "config.yaml", "printcam.db", "secret"]


# the state


def test_a_state_that_holds_something_is_replaced_only_where_asked_for_and_copied_before(
    run: Run, tmp_path: Path
) -> None:
    old, new = folder_with(tmp_path / "a"), tmp_path / "b"
    assert run(old, "export", "../b.json")[0] == 0
    other = Changes({("engine", "B2"): "{}", ("engine", "A1"): "{}"}, (Event("gone", "x", 1.0, "y", None, None),))
    folder_with(new, contents=other)
    code, _, err = run(new, "import", "../b.json")
    assert (code, contents_of(new)) == (1, other)
    assert "printcam.db holds a state already: --replace" in err
    code, out, _ = run(new, "import", "../b.json", "--replace")
    assert code == 0
    assert "printcam.db: restored; what it held is in printcam.db.bak1" in out
    assert contents_of(new).documents.keys() == CONTENTS.documents.keys()
    assert contents_of(new).events == CONTENTS.events
    with closing(State(new / "printcam.db.bak1", read_only=True)) as state:
        assert state.contents() == other
    assert stat.S_IMODE((new / "printcam.db.bak1").stat().st_mode) == 0o600


@pytest.mark.parametrize("held", [Changes(), Changes({("engine", "B2"): "{}"})])
def test_a_state_that_a_running_exporter_has_open_is_left_alone(run: Run, tmp_path: Path, held: Changes) -> None:
    old, new = folder_with(tmp_path / "a", "cameras: {}\n"), folder_with(tmp_path / "b", "cameras: {}\n", held)
    run(old, "export", "../b.json")
    with closing(State(new / "printcam.db")) as running:
        code, _, err = run(new, "import", "../b.json", "--replace")
        assert (code, running.contents()) == (1, held)
    assert "another program keeps it locked: stop that program" in err
    assert sorted(each.name for each in new.iterdir()) == ["config.yaml", "printcam.db", "secret"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_a_state_that_root_restores_belongs_to_whom_its_folder_does(run: Run, tmp_path: Path) -> None:
    run(folder_with(tmp_path / "a", "cameras: {}\n"), "export", "../b.json")
    new = tmp_path / "b"
    new.mkdir()
    os.chown(new, 12345, 54321)
    assert run(new, "import", "../b.json")[0] == 0
    found = (new / "printcam.db").stat()
    assert (found.st_uid, found.st_gid) == (12345, 54321)
    assert sorted(each.name for each in new.iterdir()) == ["config.yaml", "printcam.db"]


def test_a_folder_without_a_state_is_no_empty_state(run: Run, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "a")
    (folder / "printcam.db").unlink()
    code, out, err = run(folder, "export")
    assert (code, out) == (1, "")
    assert "there is no state file printcam.db: run this in the folder in which the exporter runs" in err


def test_a_state_that_keeps_nothing_has_only_its_config(run: Run, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "a", "state: { path: ':memory:' }\nprinters: []\n")
    code, *_ = run(folder, "export", "b.json")
    assert (code, json.loads((folder / "b.json").read_text())["state"]) == (0, {"documents": {}, "events": []})
    assert "keeps nothing" in run(folder, "import", "b.json")[2]


def test_a_state_that_holds_no_json_is_named(run: Run, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "a", contents=Changes({("engine", "A1"): "nonsense"}))
    code, _, err = run(folder, "export")
    assert (code, err) == (1, "state file printcam.db: engine A1: not JSON\n")


# the inventory


def test_a_config_that_is_there_gets_what_it_lacks_and_keeps_every_line(run: Run, tmp_path: Path) -> None:
    run(folder_with(tmp_path / "a"), "export", "../b.json", "--with-secrets")
    text = (
        "# ours\nsnmp:\n  credentials:\n    default: { version: 2c, community: public }\n"
        "    of-env: { version: 2c, community: ours }\n"
        'printers:\n  # by name\n  - { name: "12:30", host: 192.0.2.99 }\n'
    )
    new = folder_with(tmp_path / "b", text, Changes())
    code, out, err = run(new, "import", "../b.json")
    assert (code, err) == (0, "")
    assert "config.yaml: has what it lacked; what it was is in" in out
    now = (new / "config.yaml").read_text()
    assert [line for line in now.splitlines() if line in text.splitlines()] == text.splitlines()
    loaded = config.load(new / "config.yaml")
    assert [printer.name for printer in loaded.printers] == ["NO", "12:30"]
    restored = loaded.printers[0]
    assert restored.credentials.version == "3"
    assert restored.expected_off == sections(CONFIG, new).printers[0].expected_off
    assert loaded.cameras
    assert [known.mac for known in loaded.cameras.known] == [LOBBY, "02:00:5e:10:00:02"]
    assert run(new, "import", "../b.json")[1].count("config.yaml: has all printers and cameras of the backup") == 1


def test_what_somebody_writes_into_the_config_meanwhile_stays(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(folder_with(tmp_path / "a", "printers: [{ name: A, host: 192.0.2.1 }]\n"), "export", "../b.json")
    new = folder_with(tmp_path / "b", "printers: []\n", Changes())

    def restored(*_: object, **__: object) -> str:
        (new / "config.yaml").write_text("printers: []\n# meanwhile\n")
        return ""

    monkeypatch.setattr(backups, "_restored", restored)
    assert run(new, "import", "../b.json")[0] == 0
    text = (new / "config.yaml").read_text()
    assert ("# meanwhile" in text, "name: A" in text) == (True, True)


def test_a_printer_that_is_listed_under_another_name_is_not_written_again(run: Run, tmp_path: Path) -> None:
    run(folder_with(tmp_path / "a", "printers: [{ name: A, host: '2001:db8::1' }]\n"), "export", "../b.json")
    text = "printers: [{ name: B, host: '[2001:DB8:0::1]:161' }]\n"
    new = folder_with(tmp_path / "b", text, Changes())
    assert run(new, "import", "../b.json")[0] == 0
    assert (new / "config.yaml").read_text() == text


def test_entries_that_are_none_are_refused_with_their_place(run: Run, tmp_path: Path) -> None:
    entry = {"name": ["x"], "host": {}, "device": [], "credentials": {}}
    folder = folder_with(tmp_path / "a", "printers: []\n", Changes())
    data = text_of(lambda whole: whole["config"].update(printers=[entry], cameras={"known": [{"mac": 5}]}), signed=True)
    (folder / "b.json").write_bytes(data)
    code, _, err = run(folder, "import", "b.json")
    assert code == 1
    assert re.search(r"(?m)^config\.yaml:\d+: printers\[0\]\.host: ", err)
    assert contents_of(folder) == Changes()
    assert (folder / "config.yaml").read_text() == "printers: []\n"


def test_a_config_that_would_be_faulty_changes_nothing(run: Run, tmp_path: Path) -> None:
    run(folder_with(tmp_path / "a"), "export", "../b.json")
    new = tmp_path / "b"
    new.mkdir()
    code, _, err = run(new, "import", "../b.json")
    assert code == 1
    assert err.startswith("config.yaml:")
    assert "snmp.credentials.in-file.community_file: the file cannot be read: No such file or directory" in err
    assert list(new.iterdir()) == []


def test_inventory_files_come_back_where_they_were_and_no_other_is_touched(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for name, text in {"lists/a.yaml": "# a\n[]\n", "lists/b.json": "[]", "c.yaml": "[]"}.items():
        (old / name).parent.mkdir(parents=True, exist_ok=True)
        (old / name).write_text(text)
    files, elsewhere = gathered(["lists/*", "**/*.yaml", f"{old}/c.*", "lists", "none.yaml"], old)
    assert (list(files), elsewhere) == (["c.yaml", "lists/a.yaml", "lists/b.json"], [f"{old}/c.yaml"])
    found = backup.read(backup.dumped(Backup({}, Changes(), files)).encode())
    new.mkdir()
    (new / "c.yaml").write_text("ours")
    assert put_back(found.files, new) == ["lists/a.yaml", "lists/b.json"]
    assert (new / "lists/a.yaml").read_text() == "# a\n[]\n"
    assert (new / "c.yaml").read_text() == "ours"
    with pytest.raises(CommandError, match=r"c\.yaml/d: cannot be written: "):
        put_back({"c.yaml/d": ""}, new)


@pytest.mark.parametrize("name", ["/etc/passwd", "..", "a/../../b", "", "a\nb"])
def test_a_backup_leads_to_no_file_outside_the_folder_of_the_config(name: str) -> None:
    with pytest.raises(ImportFault, match="not a name of a file below"):
        backup.read(backup.dumped(Backup({}, Changes(), {name: ""})).encode())


# what is no backup


def text_of(change: Callable[[dict[str, Any]], object] = lambda _: None, *, signed: bool = False) -> bytes:
    """Return a backup in which something was changed; `signed` makes the digest right again."""
    whole = json.loads(backup.dumped(Backup({"printers": []}, CONTENTS)))
    change(whole)
    if signed:
        body = {key: value for key, value in whole.items() if key not in {"format", "version", "sha256"}}
        whole["sha256"] = backup._digest(body)
    return json.dumps(whole).encode()


def test_a_backup_is_read_as_it_was_written() -> None:
    found = backup.read(text_of())
    assert found.config == {"printers": []}
    assert backup.dumped(found) == backup.dumped(Backup({"printers": []}, CONTENTS))
    life = backup.dumped(
        Backup({}, Changes({("engine", "A1"): __import__("exporter").printers.stored.dump_life(LIFE)}))
    )
    assert backup.dumped(Backup({}, backup.read(life.encode()).contents)) == life


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (text_of()[:-100], "it is not JSON: line 1"),
        (text_of().replace(b"192.0.2.7", b"192.0.2.8"), "it was damaged, or changed, after it was written"),
        (text_of(lambda whole: whole.update(version=2)), "it has version 2 of a newer printcam-exporter, and this one"),
        (text_of(lambda whole: whole.update(format="other")), "it holds an object with format, version, sha256"),
        (
            text_of(lambda whole: whole.pop("sha256")),
            "it holds an object with format, version, config, files, state; exp",
        ),
        (b"[]", "it holds a list; expected what `printcam-exporter export` wrote"),
        (b'{"192.0.2.1": {"ip": "192.0.2.1"}}', "it holds an object with 192.0.2.1; expected"),
        (text_of(lambda whole: whole.update(config=float("nan"))), "it was damaged"),
        (text_of(lambda whole: whole.update(more="\ud800")), "it was damaged"),
        (
            text_of(lambda whole: whole["config"].update(printers=[5]), signed=True),
            "printers.0: Input should be",
        ),
        (text_of(lambda whole: whole["config"].update(cameras=[]), signed=True), "cameras: Input should be a valid"),
        (text_of(lambda whole: whole.update(more=1), signed=True), "more: Extra inputs are not permitted"),
        (text_of(lambda whole: whole["files"].update({"../a": ""}), signed=True), "files: ../a: not a name of a file"),
        (text_of(lambda whole: whole["state"].update(events=[[1]]), signed=True), "state.events.0.0: Input should be"),
        (
            text_of(lambda whole: whole["state"]["documents"]["engine"].update(A1={"months": 5}), signed=True),
            "engine A1: months: Input should be",
        ),
        (
            text_of(lambda whole: whole["state"]["documents"].update({KIND: {LOBBY: {}}}), signed=True),
            f"camera {LOBBY}: mac: Field required",
        ),
        (
            text_of(lambda whole: whole["state"]["documents"][IMPORTED].update(A1=7), signed=True),
            "months of A1: Input should be",
        ),
        (text_of(lambda whole: whole["state"]["documents"][FILE].update({"b1.yaml": 7}), signed=True), "b1.yaml: "),
        (text_of(lambda whole: whole["state"]["documents"].update(told={"x": {}}), signed=True), "printer x: "),
        (text_of(lambda whole: whole["state"]["documents"].update(inventory={"all": []}), signed=True), "inventory: "),
    ],
)
def test_what_is_no_whole_backup_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(ImportFault, match=re.escape(why)):
        backup.read(data)


@pytest.mark.parametrize("data", [b"", text_of()[:-100], b"[]"])
def test_a_refused_backup_changes_nothing(run: Run, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "b.json").write_bytes(data)
    code, out, err = run(tmp_path, "import", "b.json", "--replace")
    assert (code, out) == (1, "")
    assert err.startswith("printcam-exporter: b.json: it ")
    assert [each.name for each in tmp_path.iterdir()] == ["b.json"]


# typing


def test_a_file_alone_is_a_backup_and_two_words_are_told_apart(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = folder_with(tmp_path / "a")
    run(folder, "export", "b.json")
    for arguments in (
        ["b.json"],
        ["backup", "b.json"],
        ["--config.file=config.yaml", "b.json"],
        ["b.json", "--replace"],
    ):
        assert run(folder, "import", *arguments)[0] == 0
    with pytest.raises(SystemExit):
        cli.main(["import", "toasters", "b.json"])
    assert "invalid choice: 'toasters' (choose from 'cameras', 'tonertrack', 'backup')" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main(["import"])
    assert "the following arguments are required: WHAT" in capsys.readouterr().err


def test_a_state_file_that_is_damaged_says_what_to_do(run: Run, tmp_path: Path) -> None:
    folder = folder_with(tmp_path / "a")
    run(folder, "export", "b.json")
    (folder / "printcam.db").write_bytes(b"x" * 4096)
    code, _, err = run(folder, "import", "b.json", "--replace")
    assert code == 1
    assert "move it and its -wal and -shm files away to begin anew" in err
    with pytest.raises(StateError):
        State(folder / "printcam.db")


def test_a_backup_holds_the_printers_of_inventory_files(run: Run, tmp_path: Path) -> None:
    text = "printers_files: ['lists/*.yaml', '/nonesuch/*.yaml']\nprinters: [{ name: A, host: 192.0.2.1 }]\n"
    old = folder_with(tmp_path / "old", text)
    (old / "lists").mkdir()
    (old / "lists/b.yaml").write_text("# kept\n- { name: B, host: 192.0.2.2 }\n")
    assert run(old, "export", "../b.json") == (0, "", "")
    new = tmp_path / "new"
    new.mkdir()
    code, out, _ = run(new, "import", "../b.json")
    assert (code, out.splitlines()[-1]) == (0, "  inventory files: 1, written: 1")
    assert (new / "lists/b.yaml").read_text() == (old / "lists/b.yaml").read_text()
    assert run(new, "export", "../again.json")[0] == 0
    assert (tmp_path / "again.json").read_text() == (tmp_path / "b.json").read_text()
    third = folder_with(tmp_path / "third", "printers: []\n", Changes())
    assert run(third, "import", "../b.json")[0] == 0
    assert yamlsource.read((third / "config.yaml").read_text()).data["printers_files"] == [
        "lists/*.yaml",
        "/nonesuch/*.yaml",
    ]
