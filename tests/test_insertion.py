"""Keys and items that are put into a config: where they belong, and every line of a person stays."""

from pathlib import Path
from typing import Any

import pytest

from exporter import config, yamlsource
from exporter.discovery.entries import WriteError
from exporter.discovery.insertion import put

SECTION = ("snmp", "credentials")
NEW = {"tracker": {"version": "2c", "community": "s3 cret: #1"}}
LINES = "tracker:\n{0}  version: 2c\n{0}  community: 's3 cret: #1'\n"


def indented(margin: str) -> str:
    return margin + LINES.format(margin)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "snmp:\n  credentials:\n" + indented("    ")),
        ("# only a comment", "# only a comment\nsnmp:\n  credentials:\n" + indented("    ")),
        ("printers: []\n", "printers: []\nsnmp:\n  credentials:\n" + indented("    ")),
        ("snmp:\nprinters: []\n", "snmp:\n  credentials:\n" + indented("    ") + "printers: []\n"),
        ("snmp: {}  # none\n", "snmp:  # none\n  credentials:\n" + indented("    ")),
        ("snmp:\n    engine: auto\n", "snmp:\n    credentials:\n" + indented("      ") + "    engine: auto\n"),
        ("snmp:\n  credentials: ~", "snmp:\n  credentials:\n" + indented("    ")),
        (
            "snmp:\n  credentials: # by name\n     # ours\n     hq: {version: 1, community: x}\n",
            "snmp:\n  credentials: # by name\n"
            + indented("     ")
            + "     # ours\n     hq: {version: 1, community: x}\n",
        ),
    ],
)
def test_keys_come_below_the_key_of_their_section(before: str, after: str) -> None:
    assert put(before, SECTION, NEW) == after


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_items_come_first_in_their_list_with_the_newline_and_the_mark_of_the_file(newline: str) -> None:
    before = "\ufeffcameras:\n  known:\n  # the door\n  - mac: 02:00:5e:10:00:02\n".replace("\n", newline)
    after = put(before, ("cameras", "known"), [{"mac": "02:00:5e:10:00:01", "labels": {"floor": "1"}}])
    fresh = "  - mac: 02:00:5e:10:00:01\n    labels:\n      floor: '1'\n".replace("\n", newline)
    assert after == before.replace(f"known:{newline}", f"known:{newline}{fresh}")


def test_a_comment_stays_with_what_it_stands_above_in_the_example() -> None:
    text = Path("config.example.yaml").read_text()
    after = put(text, SECTION, NEW)
    assert [line for line in after.splitlines() if line not in text.splitlines()] == [
        line for line in indented("    ").splitlines() if line not in text.splitlines()
    ]
    data: Any = yamlsource.read(after).data
    assert data["snmp"]["credentials"]["tracker"] == NEW["tracker"]


@pytest.mark.parametrize(
    "text",
    [
        "snmp: {credentials: {default: {version: 2c, community: x}}}\n",
        "{printers: []}\n",
        "snmp: &all\n  engine: auto\nprinters: []\n...\n",
        "snmp:\n  credentials: text\n",
        "snmp:\n  credentials:\n    tracker: {version: 2c, community: theirs}\n",
    ],
)
def test_what_cannot_be_added_to_is_named_and_not_guessed(text: str) -> None:
    with pytest.raises(WriteError, match=r"^snmp\.credentials is written in a way"):
        put(text, SECTION, NEW)


def test_nothing_new_changes_nothing() -> None:
    assert put("snmp: {}\n", SECTION, {}) == "snmp: {}\n"


@pytest.mark.parametrize("text", ["010", "NO", "1e3", "12:30", "2026-12-24", "~", "a: b # c", "ä'ö", "'\"", "=", "<<"])
def test_any_text_comes_back_as_it_was(text: str) -> None:
    after = put("", ("printers",), [{"name": text, "host": "192.0.2.1"}])
    assert config.parse(after).printers[0].name == text
