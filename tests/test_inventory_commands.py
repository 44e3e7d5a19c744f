"""`check`, `probe` and serving with inventory files, as a person types them."""

import asyncio
from contextlib import closing
from pathlib import Path

import pytest

from exporter import config
from exporter.discovery.found import Found
from exporter.discovery.sources import Sources
from exporter.state import State
from tests.support.agents import own_address
from tests.test_chaos_printers import sound
from tests.test_cli import free_tcp_port, run, run_beside

HEAD = """\
snmp: { credentials: { default: { version: 2c, community: s3cret } } }
printers: [{ name: Hall, host: 192.0.2.1 }]
printers_files: [inventory.d/*.yaml]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "inventory.d").mkdir()
    (tmp_path / "config.yaml").write_text(HEAD)
    (tmp_path / "config.yaml").chmod(0o600)
    return tmp_path


def test_check_counts_the_printers_of_each_file_and_tells_who_is_left_out(folder: Path) -> None:
    (folder / "inventory.d/b1.yaml").write_text("- { name: A, host: 192.0.2.2 }\n- { name: B, host: 192.0.2.1 }\n")
    done = run("check", "config.yaml", cwd=folder)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        "config.yaml: valid, 1 printers, cameras are not searched for",
        "inventory.d/b1.yaml: valid, 2 printers",
        "warning: inventory.d/b1.yaml: the printer B is left out, since the config has one at the same host",
    ]


def test_check_names_every_fault_of_every_file_with_its_line(folder: Path) -> None:
    (folder / "inventory.d/b1.yaml").write_text("- { name: A }\n- { name: B, host: b, credentials: s3cre }\n")
    (folder / "inventory.d/b2.yaml").write_text("")
    done = run("check", "config.yaml", cwd=folder)
    no_such = "no such name in snmp.credentials of the config"
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines() == [
        "inventory.d/b1.yaml:1: printers[0].host: missing",
        f"inventory.d/b1.yaml:2: printers[1].credentials: {no_such}; known here: default",
        "inventory.d/b2.yaml:1: empty; a file without printers has [] in it",
    ]


def test_check_tells_that_a_pattern_leads_to_no_file_and_that_a_named_file_is_missing(folder: Path) -> None:
    done = run("check", "config.yaml", cwd=folder)
    assert done.stdout.splitlines()[1:] == ["no file yet fits inventory.d/*.yaml in printers_files"]
    (folder / "config.yaml").write_text(HEAD.replace("*", "b1"))
    done = run("check", "config.yaml", cwd=folder)
    assert (done.returncode, done.stderr) == (1, "inventory.d/b1.yaml: cannot be read: No such file or directory\n")


async def test_probe_knows_printers_of_files_and_those_that_a_print_server_told_of(folder: Path) -> None:
    async with sound() as one, sound() as two:
        text = HEAD.replace("s3cret", "public") + "discovery: { print_servers: [{ url: 'ipp://cups' }] }\n"
        (folder / "config.yaml").write_text(f"{text}state: {{ path: {folder}/state.db }}\n")
        (folder / "inventory.d/b1.yaml").write_text(f"- {{ name: Hall, host: '{one.host}:{one.port}' }}")
        await asyncio.to_thread(keep_told, folder, Found("Copier", two.host, two.port))
        for name in (f"Hall ({one.host})", "Copier"):
            code, output = await run_beside("probe", name, f"--config.file={folder}/config.yaml")
            assert (code, output.splitlines()[0].strip()) == (0, name)


def keep_told(folder: Path, found: Found) -> None:
    sources = Sources()
    sources.told("ipp://cups", [found], 1.0, addresses={}, forget_after=1.0)
    sources.take(config.load(folder / "config.yaml"), {}, {}, 1.0)
    with closing(State(folder / "state.db")) as state:
        for piece in sources.changes():
            for kind in piece.kinds():
                state.documents(kind)
            assert state.write(piece)


def test_probe_goes_on_though_a_file_is_bad(folder: Path) -> None:
    (folder / "inventory.d/b1.yaml").write_text("")
    done = run("probe", f"{own_address()}:9", "--config.file=config.yaml", cwd=folder)
    assert "inventory.d/b1.yaml:1: empty" in done.stderr
    assert "refused" in done.stdout


def test_an_audit_log_that_cannot_be_written_stops_the_start_with_one_line(folder: Path) -> None:
    (folder / "config.yaml").write_text(f"{HEAD}audit: {{ path: none/audit.jsonl }}\n")
    done = run("--config.file=config.yaml", f"--web.listen-address={own_address()}:{free_tcp_port()}", cwd=folder)
    assert done.returncode == 1
    assert done.stderr == "none/audit.jsonl: audit.path: cannot be written: No such file or directory\n"
