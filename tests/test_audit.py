"""The audit log: what a line says, and a file that is rotated, full or forbidden."""

import asyncio
import json
import logging
import os
import stat
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from exporter.config import ConfigError
from exporter.discovery import audit
from exporter.discovery.audit import AuditLog, first_line, lines
from exporter.discovery.inventory import Change

AT = 1_790_000_000.25
ADDED = Change("added", "Büro", "10.0.0.1 161", "file", "inventory.d/b1.yaml")


def read(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_line_says_what_changed_and_who_said_so() -> None:
    changes = [
        ADDED,
        Change("renamed", "New", "2001:db8::1 1161 2", "print_server", "windows://dc3", "Old"),
        Change("address_changed", "Moves", "hp3.example.com 161", "config", "", "10.0.0.3 161"),
        Change("address_changed", "Port", "10.0.0.4 631 /p 2", "config", "", "10.0.0.4 631 /p"),
    ]
    first, second, third, fourth = map(json.loads, lines(changes, AT, "reload"))
    when = {"time": "2026-09-21T14:13:20.250Z"}
    assert first == when | {
        "change": "added",
        "printer": "Büro",
        "host": "10.0.0.1",
        "port": 161,
        "by": "file",
        "source": "inventory.d/b1.yaml",
        "on": "reload",
    }
    assert second == when | {
        "change": "renamed",
        "printer": "New",
        "previous_name": "Old",
        "host": "2001:db8::1",
        "port": 1161,
        "device": 2,
        "by": "print_server",
        "source": "windows://dc3",
        "on": "reload",
    }
    assert third == when | {
        "change": "address_changed",
        "printer": "Moves",
        "host": "hp3.example.com",
        "port": 161,
        "previous_host": "10.0.0.3",
        "previous_port": 161,
        "by": "config",
        "on": "reload",
    }
    assert (fourth["ipp_path"], fourth["previous_ipp_path"]) == ("/p 2", "/p")


def test_the_first_start_is_one_line_however_many_printers_there_are() -> None:
    line = json.loads(first_line(2000, AT))
    assert line == {"time": "2026-09-21T14:13:20.250Z", "change": "began", "printers": 2000, "on": "start"}


def test_a_line_is_one_line_and_short_whatever_names_are_given() -> None:
    long = Change("renamed", "\n\x1b\x00ü" * 50_000, "h" * 253 + " 161", "file", "\n" * 9000, "\u2028" * 99_999)
    (line,) = lines([long], AT, "running")
    assert line.count("\n") == 1
    assert len(line.encode()) < 65_536
    assert json.loads(line)["change"] == "renamed"


async def test_lines_are_appended_to_a_file_that_others_cannot_read(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(str(path))
    await log.check()
    assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0
    for _ in range(2):
        log.add(lines([ADDED], AT, "start"))
        await log.flush(AT)
    assert [line["printer"] for line in read(path)] == ["Büro", "Büro"]


async def test_a_rotated_file_is_begun_anew(tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    log = AuditLog(str(path))
    for name in ("audit.jsonl.2", "audit.jsonl.1"):
        log.add(lines([ADDED], AT, "start"))
        await log.flush(AT)
        path.rename(tmp_path / name)
    assert not path.exists()
    assert len(read(tmp_path / "audit.jsonl.2")) == len(read(tmp_path / "audit.jsonl.1")) == 1


async def test_lines_wait_while_the_file_cannot_be_written_and_it_is_logged_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / "folder" / "audit.jsonl"
    log = AuditLog(str(path))
    for number in range(3):
        log.add(lines([ADDED], AT, "start"))
        await log.flush(AT + number)
    assert log.writable is False
    path.parent.mkdir()
    await log.flush(AT + 9)
    assert (len(read(path)), log.writable) == (3, True)
    assert caplog.messages == ["audit log not written, its lines wait", "audit log written again"]
    assert "No such file or directory" in str(vars(caplog.records[0])["error"])


async def test_a_full_disk_loses_no_line_and_leaves_none_half_written(small_disk: Path) -> None:
    path, hog = small_disk / "audit.jsonl", small_disk / "hog"
    log = AuditLog(str(path))
    hog.write_bytes(b"x" * 600_000)
    log.add(lines([ADDED] * 4000, AT, "start"))
    for _ in range(3):
        await log.flush(AT)
    assert log.writable is False
    assert 0 < path.stat().st_size < 600_000
    hog.unlink()
    await log.flush(AT)
    assert len(read(path)) == 4000


async def test_lines_are_written_once_though_who_writes_them_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, under_way, go_on = tmp_path / "audit.jsonl", threading.Event(), threading.Event()
    append = audit.append

    def slowly(to: str, data: bytes) -> int:
        under_way.set()
        go_on.wait(10)
        return append(to, data)

    monkeypatch.setattr(audit, "append", slowly)
    log = AuditLog(str(path))
    log.add(lines([ADDED], AT, "start"))
    writing = asyncio.create_task(log.flush(AT))
    await asyncio.to_thread(under_way.wait, 10)
    writing.cancel()
    with suppress(asyncio.CancelledError):
        await writing
    go_on.set()
    await log.flush(AT)
    assert len(read(path)) == 1


async def test_what_waits_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MAX_PENDING", 1000)
    log = AuditLog(str(tmp_path / "none" / "audit.jsonl"))
    log.add(lines([ADDED] * 100, AT, "start"))
    assert 800 < len(log._pending) <= 1000


async def test_ten_thousand_lines_are_taken_without_holding_up_a_scrape(tmp_path: Path) -> None:
    log, many = AuditLog(str(tmp_path / "audit.jsonl")), list(lines([ADDED] * 30_000, AT, "start"))
    began = time.process_time()
    log.add(many)
    assert time.process_time() - began < 0.5, "seconds where all that waits is copied for each line"
    await log.flush(AT)
    assert len(read(tmp_path / "audit.jsonl")) == 30_000


async def test_without_a_path_nothing_is_written_or_kept() -> None:
    log = AuditLog(None)
    await log.check()
    log.add(lines([ADDED], AT, "start"))
    await log.flush(AT)
    assert (log.writable, bytes(log._pending)) == (None, b"")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("a folder", "Is a directory"),
        ("no folder", "No such file or directory"),
        ("a pipe", "No such device or address"),
    ],
)
async def test_a_file_that_cannot_be_written_is_refused_at_start(kind: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "audit.jsonl"
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        path = tmp_path / "none" / "audit.jsonl"
    with pytest.raises(ConfigError) as caught:
        await AuditLog(str(path)).check()
    assert str(caught.value) == f"{path}: audit.path: cannot be written: {reason}"
