"""Inventory files: what they may say, every way to get them wrong, and when they are read again."""

import json
import os
from pathlib import Path

import pytest

from exporter import config
from exporter.config import Config, ConfigError, Origin
from exporter.discovery import files
from exporter.discovery.files import Read, look, parse

CONFIG = """\
snmp: { credentials: { default: { version: 2c, community: s3cret }, own: { version: 1, community: s3cret } } }
printer_defaults: { labels: { a: b }, interval: 5m }
supplies: [{ match: { kind: fuser }, ignore: true }]
printers_files: [%s]
"""


def configured(folder: Path = Path(), patterns: str = "inventory.d/*.yaml, inventory.d/*.json") -> Config:
    return config.parse(CONFIG % patterns, folder=folder)


def parsed(text: str, name: str = "b1.yaml") -> list[tuple[str, str, int, str | None, dict[str, str]]]:
    printers = parse(text, name, configured().shared)
    return [(each.name, each.host, each.port, each.location, dict(each.labels)) for each in printers]


def faults(text: str, name: str = "b1.yaml") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(text, name, configured().shared)
    assert "s3cret" not in str(caught.value)
    return str(caught.value).splitlines()


# ---- what they may say


ENTRY = "{ name: Accounting, host: 10.0.0.1, location: B1, credentials: own }"


@pytest.mark.parametrize("text", [f"printers: [{ENTRY}]", f"[{ENTRY}]", f"- {ENTRY}", f"\ufeffprinters:\n- {ENTRY}\n"])
def test_entries_are_those_of_the_config_and_inherit_from_it(text: str) -> None:
    (printer,) = parse(text, "b1.yaml", configured().shared)
    as_listed = config.parse(CONFIG % "x" + f"printers: [{ENTRY}]").printers[0]
    assert printer.origin == Origin("file", "b1.yaml")
    assert as_listed.credentials == printer.credentials
    assert (printer.interval, printer.labels, printer.supplies) == (300.0, (("a", "b"),), as_listed.supplies)


@pytest.mark.parametrize("text", ["[]", "printers: []", "printers:"])
def test_a_file_may_say_that_it_has_none(text: str) -> None:
    assert parsed(text) == []


GROUPS = [
    {"targets": ["10.0.0.1:161", "hp2.example.com:1161"], "labels": {"location": "B1", "floor": "2", "empty": ""}},
    {"targets": ["10.0.0.3"], "labels": {"name": "Hall", "__meta_datacenter": "x", "__param_auth": "y"}},
    {"targets": ["[2001:db8::1]:161"], "labels": {"printer": "Six"}},
    {"targets": ["10.0.0.4"]},
    {"targets": []},
]


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_target_groups_of_file_sd_become_entries(indent: str | int | None) -> None:
    assert parsed(json.dumps(GROUPS, indent=indent), "b1.json") == [
        ("10.0.0.1", "10.0.0.1", 161, "B1", {"a": "b", "floor": "2"}),
        ("hp2.example.com:1161", "hp2.example.com", 1161, "B1", {"a": "b", "floor": "2"}),
        ("Hall", "10.0.0.3", 161, None, {"a": "b"}),
        ("Six", "2001:db8::1", 161, None, {"a": "b"}),
        ("10.0.0.4", "10.0.0.4", 161, None, {"a": "b"}),
    ]


def test_target_groups_are_read_in_yaml_too_and_beside_entries() -> None:
    text = "- targets: ['10.0.0.1:161']\n  labels:\n    floor: 2\n- { name: B, host: 10.0.0.2 }\n"
    assert [(name, labels.get("floor")) for name, *_, labels in parsed(text)] == [("10.0.0.1", "2"), ("B", None)]


def test_letters_that_json_writes_as_escapes_are_read() -> None:
    text = json.dumps([{"name": "Büro \\ud83d 😀 a/b", "host": "10.0.0.1"}]).replace("a/b", r"a\/b")
    assert r"\ud83d\ude00" in text
    assert parsed(text, "b1.json")[0][0] == "Büro \\ud83d 😀 a/b"


# ---- every way to get them wrong


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "1: empty; a file without printers has [] in it"),
        (" \n\n", "1: empty; a file without printers has [] in it"),
        ("{}", "1: printers: missing"),
        ("7", '1: expected keys such as "printers:"'),
        ("printers: 7", "1: printers: expected a list"),
        ("- 7", "1: printers[0]: expected keys and values"),
        ("- { name: A\n- { name: B }", "2: a { or [ is not closed, or a comma is missing (opened in line 1)"),
        ("snmp: {}\nprinters: []", '1: snmp: unknown key "snmp"; known here: printers'),
        (
            "- { name: A, host: a }\n- { nam: B, host: b }",
            '2: printers[1].nam: unknown key "nam"; did you mean "name"?',
        ),
        (
            "- { name: A, host: a }\n- { name: A, host: b }",
            "2: printers[1].name: the printer in line 1 has the same name",
        ),
        (
            "- { name: A, host: a }\n- { name: B, host: 'a:161' }",
            "2: printers[1].host: the printer in line 1 has the same host and port",
        ),
        ("- { name: A, host: a, host: b }", "1: [0].host: the same key stands in line 1"),
        (
            "- { name: A, host: a, credentials: onw }",
            '1: printers[0].credentials: no such name in snmp.credentials of the config; did you mean "own"?',
        ),
        (
            "- { name: A, host: a, protocol: ipp, credentials: own }",
            "1: printers[0].credentials: needs protocol: snmp, and this printer is asked over ipp",
        ),
        (
            "- { name: A, host: a, ipp_path: /ipp }",
            "1: printers[0].ipp_path: needs protocol: ipp or ipps, and this printer is asked over snmp",
        ),
        ("- targets: 7", "1: targets: expected a list of hosts"),
        ("- targets:\n  - [a]", "1: targets: expected a list of hosts"),
        ("- targets: [a]\n  label: { x: y }", '2: unknown key "label" beside targets; known here: labels, targets'),
        ("- targets: [a]\n  labels: 7", "2: labels: expected keys and values"),
        ("- targets: [a, b]\n  labels: { name: X }", "1: a name is for one target, and this group has 2"),
        ("- targets:\n  - a\n  - 'http://b/'", "3: host: expected a host name or an IP address"),
        (
            "- targets: [a]\n  labels:\n    job: x",
            "3: labels.job: this label name is taken: the exporter, Prometheus or Alertmanager sets it",
        ),
        (
            "- targets: [a]\n- targets: [a]",
            "2: host: the printer in line 1 has the same host and port",
        ),
    ],
)
def test_a_bad_file_has_these_faults(text: str, fault: str) -> None:
    assert f"b1.yaml:{fault}" in faults(text)
    assert not any("not usable here" in line for line in faults(text))


def test_all_faults_of_a_file_are_told_in_the_order_of_their_lines() -> None:
    found = faults("- { name: A }\n- { name: B, host: b, interval: soon }\n- { name: B, host: c }\n")
    assert [fault.partition(": ")[0] for fault in found] == ["b1.yaml:1", "b1.yaml:2", "b1.yaml:3"]


def test_printers_that_name_no_credentials_need_a_default() -> None:
    shared = config.parse("snmp: { credentials: { own: { version: 1, community: x } } }\nprinters: []\n").shared
    with pytest.raises(ConfigError, match=r"b1.yaml:1: printers\[0\].*: no such name in snmp.credentials"):
        parse("- { name: A, host: a }", "b1.yaml", shared)
    (printer,) = parse("- { name: A, host: a, protocol: ipp }", "b1.yaml", shared)
    assert printer.protocol == "ipp"


def test_what_a_protocol_has_no_use_for_and_which_printers_are_one_is_seen_with_the_defaults_of_the_config() -> None:
    no_default = "snmp: { credentials: { own: { version: 1, community: x } } }\nprinters: []\n"
    shared = config.parse(f"{no_default}printer_defaults: {{ protocol: ipps }}\n").shared
    with pytest.raises(ConfigError) as caught:
        parse("- { name: A, host: a, device: 1 }\n- { name: B, host: 'a:631' }\n", "b1.yaml", shared)
    assert [(fault.line, fault.path) for fault in caught.value.faults] == [
        (1, "printers[0].device"),
        (2, "printers[1].host"),
    ]


# ---- when they are read


def written(folder: Path, name: str, text: str) -> Path:
    """Write a file as editors do: another one in its place."""
    (folder / "inventory.d").mkdir(exist_ok=True)
    new = folder / f"{name}.new"
    new.write_text(text)
    return new.replace(folder / "inventory.d" / name)


def a(host: str = "10.0.0.1", name: str = "A") -> str:
    return f"- {{ name: {name}, host: {host} }}\n"


def hosts(found: dict[str, Read]) -> list[str]:
    return [printer.host for file in found.values() for printer in file.printers]


def test_files_are_read_at_once_where_that_is_asked_for_and_else_at_the_second_look(tmp_path: Path) -> None:
    of = configured(tmp_path)
    written(tmp_path, "b1.yaml", a())
    assert hosts(look({}, of, at_once=True)) == ["10.0.0.1"]
    first = look({}, of, at_once=False)
    assert (hosts(first), [file.is_read for file in first.values()]) == ([], [False])
    assert hosts(look(first, of, at_once=False)) == ["10.0.0.1"]


def test_a_file_that_goes_on_changing_is_left_alone_until_it_rests(tmp_path: Path) -> None:
    of = configured(tmp_path)
    path = written(tmp_path, "b1.yaml", a())
    found = look({}, of, at_once=True)
    for number in range(2, 5):
        path.write_text(a("10.0.0.1") + a(f"10.0.0.{number}", "B") * number)  # half of a long one
        found = look(found, of, at_once=False)
        assert hosts(found) == ["10.0.0.1"]
        assert found[str(path)].fault is None
    path.write_text(a("10.0.0.9"))
    found = look(look(found, of, at_once=False), of, at_once=False)
    assert hosts(found) == ["10.0.0.9"]


def test_an_unchanged_file_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = configured(tmp_path)
    written(tmp_path, "b1.yaml", a())
    found = look({}, of, at_once=True)
    monkeypatch.setattr(files, "parse", None)
    assert look(found, of, at_once=False) == found


def test_a_bad_file_keeps_what_it_said_before_and_the_others_are_read(tmp_path: Path) -> None:
    of = configured(tmp_path)
    path = written(tmp_path, "b1.yaml", a())
    found = look({}, of, at_once=True)
    path.write_text("- { name: A")
    written(tmp_path, "b2.json", '[{"targets": ["10.0.0.2"]}]')
    found = look(found, of, at_once=True)
    assert hosts(found) == ["10.0.0.1", "10.0.0.2"]
    assert str(found[str(path)].fault) == f"{path}:1: a {{ or [ is not closed, or a comma is missing"
    path.write_text(a("10.0.0.3"))
    found = look(found, of, at_once=True)
    assert (hosts(found), found[str(path)].fault) == (["10.0.0.3", "10.0.0.2"], None)


def test_what_a_bad_file_said_before_takes_what_the_config_says_now(tmp_path: Path) -> None:
    path = written(tmp_path, "b1.yaml", a())
    found = look({}, configured(tmp_path), at_once=True)
    path.write_text("")
    other = config.parse(f"{CONFIG % 'inventory.d/*'}thresholds: {{ warning: 0.5, error: 0.4 }}\n", folder=tmp_path)
    found = look(found, other, at_once=True)
    assert found[str(path)].printers[0].thresholds.warning == 0.5


def test_a_bad_file_after_a_restart_has_what_the_state_kept_of_it(tmp_path: Path) -> None:
    path = written(tmp_path, "b1.yaml", "nonsense")
    found = look({str(path): Read(str(path), text=a("10.0.0.7"))}, configured(tmp_path), at_once=True)
    assert (hosts(found), found[str(path)].fault is None) == (["10.0.0.7"], False)


def test_a_file_that_is_gone_at_two_looks_takes_its_printers_with_it(tmp_path: Path) -> None:
    of = configured(tmp_path)
    path = written(tmp_path, "b1.yaml", a())
    found = look({}, of, at_once=True)
    path.rename(tmp_path / "aside")
    once = look(found, of, at_once=False)
    assert hosts(once) == ["10.0.0.1"], "an editor may be saving it"
    assert look(once, of, at_once=False) == {}
    assert look(found, of, at_once=True) == {}
    (tmp_path / "aside").rename(path)
    assert hosts(look(look(once, of, at_once=False), of, at_once=False)) == ["10.0.0.1"]


def test_a_file_that_is_named_without_a_pattern_ought_to_be_there(tmp_path: Path) -> None:
    of = configured(tmp_path, "b1.yaml")
    path = tmp_path / "b1.yaml"
    found = look({}, of, at_once=True)
    assert str(found[str(path)].fault) == f"{path}: cannot be read: No such file or directory"
    path.write_text(a())
    found = look(found, of, at_once=True)
    path.unlink()
    for _ in range(3):
        found = look(found, of, at_once=False)
    assert (hosts(found), found[str(path)].fault is None) == (["10.0.0.1"], False)


def test_a_renamed_file_is_another_one_with_the_same_printers(tmp_path: Path) -> None:
    of = configured(tmp_path)
    path = written(tmp_path, "b1.yaml", a())
    found = look({}, of, at_once=True)
    path.rename(path.with_name("b2.yaml"))
    found = look(look(found, of, at_once=False), of, at_once=False)
    assert ([Path(name).name for name in found], hosts(found)) == (["b2.yaml"], ["10.0.0.1"])


def test_leavings_of_editors_are_no_files_of_the_pattern(tmp_path: Path) -> None:
    for name in (".b1.yaml.swp", "b1.yaml~", "#b1.yaml#", ".#b1.yaml", "4913", ".hidden.yaml"):
        written(tmp_path, name, a())
    assert look({}, configured(tmp_path), at_once=True) == {}


def test_patterns_begin_at_the_folder_of_the_config_whatever_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "[a] * b?"
    folder.mkdir()
    (folder / "deep").mkdir()
    (folder / "deep" / "x.yaml").write_text(a())
    (tmp_path / "abs.yaml").write_text(a("10.0.0.2", "B"))
    of = configured(folder, f"'**/*.yaml', '{tmp_path}/*.yaml', '{tmp_path}/abs.yaml'")
    assert sorted(hosts(look({}, of, at_once=True))) == ["10.0.0.1", "10.0.0.2"]


@pytest.mark.parametrize("kind", ["a folder", "a pipe", "too large", "not text", "forbidden name"])
def test_what_is_no_file_of_text_is_named_and_holds_nothing_up(kind: str, tmp_path: Path) -> None:
    path = written(tmp_path, "b1.yaml", a())
    path.unlink()
    expected = {
        "a folder": "not a file",
        "a pipe": "not a file",
        "too large": "larger than 8 MB",
        "not text": "not UTF-8 text",
    }
    if kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    elif kind == "too large":
        path.write_bytes(b"#" * (files.MAX_SIZE + 1))
    elif kind == "not text":
        path.write_bytes(b"- { name: \xff }")
    else:
        Path(os.fsdecode(bytes(path.parent) + b"/\xff.yaml")).write_text(a())
    found = look({}, configured(tmp_path), at_once=True)
    assert [file.fault.faults[0].message for file in found.values() if file.fault] == [
        message for name, message in expected.items() if name == kind
    ]


def test_the_file_that_is_one_too_many_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 2)
    *_, last, _ = [written(tmp_path, f"b{number}.yaml", a(f"10.0.0.{number}", f"P{number}")) for number in range(4)]
    for found in (look({}, configured(tmp_path), at_once=True), look({}, configured(tmp_path), at_once=False)):
        assert [file.path for file in found.values() if file.fault] == [str(last)]
        assert "not read, nor those after it: there are more than 2 files" in str(found[str(last)].fault)
    assert len(found) == 3


def test_files_together_have_a_bound_and_the_one_that_leads_beyond_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_PRINTERS", 3)
    written(tmp_path, "b1.yaml", a("10.0.0.1", "A") + a("10.0.0.2", "B"))
    path = written(tmp_path, "b2.yaml", a("10.0.0.3", "C") + a("10.0.0.4", "D"))
    written(tmp_path, "b3.yaml", a("10.0.0.5", "E"))
    found = look({}, configured(tmp_path), at_once=True)
    assert hosts(found) == ["10.0.0.1", "10.0.0.2", "10.0.0.5"]
    assert str(found[str(path)].fault) == f"{path}: leads beyond 3 printers in all files"


def test_a_file_that_led_beyond_is_read_again_when_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "MAX_PRINTERS", 3)
    of = configured(tmp_path)
    first = written(tmp_path, "b1.yaml", a("10.0.0.1", "A") + a("10.0.0.2", "B"))
    written(tmp_path, "b2.yaml", a("10.0.0.3", "C") + a("10.0.0.4", "D"))
    found = look({}, of, at_once=True)
    before = look(found, of, at_once=False)
    assert hosts(before) == ["10.0.0.1", "10.0.0.2"]
    first.write_text(a("10.0.0.1", "A"))
    found = look(look(before, of, at_once=False), of, at_once=False)
    assert hosts(found) == ["10.0.0.1", "10.0.0.3", "10.0.0.4"]
    assert not any(file.fault for file in found.values())
    monkeypatch.setattr(files, "parse", None)
    assert look(found, of, at_once=False) == found
