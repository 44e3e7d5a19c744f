"""The config file: what it means, what it defaults to, and every way to get it wrong with the line of each fault."""

import json
import re
import subprocess
import sys
import traceback
from dataclasses import FrozenInstanceError
from datetime import UTC, date, datetime, time, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from exporter import config, yamlsource
from exporter.config import (
    AuthKey,
    Cameras,
    CameraSearch,
    CommunityCredentials,
    Config,
    ConfigError,
    DayWindow,
    ExpectedOff,
    Fault,
    KnownCamera,
    LocationRule,
    Polling,
    PrivKey,
    Snmp,
    SupplyMatch,
    SupplyRule,
    Thresholds,
    UserCredentials,
    load,
    parse,
)
from exporter.configtypes import RESERVED_LABELS, mac, seconds

OTHER = "swordfish"
ROOT = Path(__file__).parent.parent
BAD = sorted((Path(__file__).parent / "badconfigs").glob("*.yaml"))
EXAMPLE = ROOT / "config.example.yaml"
SECRET = "hunter2hunter2"  # noqa: S105  (planted)
ONE = "printers: [{ name: A, host: 10.0.0.1 }]\n"
PUBLIC = CommunityCredentials(version="2c", community=SecretStr("public"))


def one(options: str = "", rest: str = "", **environ: str) -> config.Printer:
    """The only printer of a config, with these options beside its name and host."""
    return parse(f"printers: [{{ name: A, host: 10.0.0.1, {options} }}]\n{rest}", environ=environ).printers[0]


def faults(text: str, **environ: str) -> list[str]:
    """The faults of a text, without the name of its file."""
    with pytest.raises(ConfigError) as caught:
        parse(text, environ=environ)
    return [str(fault).removeprefix("config.yaml:") for fault in caught.value.faults]


# ---- bad configs


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_config_has_exactly_these_faults(path: Path) -> None:
    expected = re.findall(r"^# expect: (.*)$", path.read_text(), re.MULTILINE)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value).splitlines() == [f"{path}:{line}" for line in expected]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_no_fault_shows_a_secret_or_is_left_in_pydantics_words(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert "s3cret" not in str(caught.value)
    assert "not usable here" not in str(caught.value)
    assert not re.search(r"Input should|Value error|Field required", str(caught.value))


def test_faults_stand_in_the_order_of_their_lines() -> None:
    with pytest.raises(ConfigError) as caught:
        parse("printers: [1]\nsnmp: 1\npolling: 1\n")
    assert [fault.line for fault in caught.value.faults] == [1, 2, 3]
    assert caught.value.faults[0] == Fault("config.yaml", 1, "printers[0]", "expected keys and values")


def test_a_file_that_is_not_there_is_a_fault_without_a_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "none.yaml")
    assert str(caught.value) == f"{tmp_path}/none.yaml: cannot be read: No such file or directory"


def test_a_file_that_is_not_utf_8_is_a_fault_at_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("printers:\n  - { name: Büro, host: 10.0.0.1 }\n".encode("latin-1"))
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert str(caught.value) == f"{path}:2: not UTF-8 text"


def test_keys_that_look_like_our_own_marks_are_only_unknown() -> None:
    assert [line.partition(": unknown key")[0] for line in faults('"[key]": 1\n"<user>": 2\n' + ONE)] == [
        "1: …",
        "2: …",
    ]


def test_a_control_character_in_a_key_does_not_reach_the_message() -> None:
    assert "\x1b" not in "".join(faults('"pol\\e[31mling": 1\n' + ONE))


def test_pydantic_alone_names_no_input() -> None:
    with pytest.raises(ValidationError) as caught:
        AuthKey(protocol="SHA", password=SecretStr("s3cret"))
    assert "s3cret" not in str(caught.value)


# ---- defaults and inheritance


def test_without_options_a_printer_has_the_documented_defaults() -> None:
    assert one() == config.Printer(
        name="A",
        host="10.0.0.1",
        port=161,
        credentials=PUBLIC,
        location=None,
        labels=(),
        interval=0.0,
        maintenance=None,
        expected_off=None,
        supplies=(),
        thresholds=Thresholds(warning=0.2, error=0.1),
    )


def test_without_sections_a_config_has_the_documented_defaults() -> None:
    got = parse(ONE, environ={"TZ": "Europe/Berlin"})
    assert (got.zone, got.engine, got.locations) == (ZoneInfo("Europe/Berlin"), "auto", ())
    assert (got.state_path, got.cameras) == ("printcam.db", None)
    assert got.printers[0].thresholds == Thresholds(warning=0.2, error=0.1)
    assert got.polling.model_dump() == {
        "timeout": 2.0,
        "retries": 1,
        "min_interval": 25.0,
        "deadline": 20.0,
        "poll_limit": 60.0,
        "idle_interval": 300.0,
        "concurrency": 256,
        "offline_after": 3,
        "retain": 604800.0,
    }


def test_sections_with_nothing_in_them_are_as_if_left_out() -> None:
    names = ("time_zone", "polling", "thresholds", "locations", "state", "snmp", "printer_defaults", "supplies")
    assert parse(ONE + "".join(f"{name}:\n" for name in names)) == parse(ONE)
    empty = "labels: , supplies: , location: , maintenance: , expected_off: , thresholds: "
    assert one(empty, "snmp:\n  credentials:\n") == one()


def test_a_list_without_printers_is_allowed_when_it_is_written() -> None:
    assert parse("printers: []").printers == ()


def test_an_option_of_a_printer_comes_before_printer_defaults_and_these_before_the_top_level() -> None:
    rest = """
printer_defaults:
  location: B1
  interval: 5m
  maintenance: true
  expected_off: { weekends: true }
  credentials: b
  thresholds: { warning: 0.3, error: 0.2 }
thresholds: { warning: 0.4, error: 0.3 }
snmp: { credentials: { a: { version: 1, community: x }, b: { version: 2c, community: y } } }
"""
    inherited = one("", rest)
    assert (inherited.location, inherited.interval, inherited.maintenance) == ("B1", 300.0, True)
    assert inherited.expected_off == ExpectedOff(weekends=True)
    assert inherited.credentials == CommunityCredentials(version="2c", community=SecretStr("y"))
    assert inherited.thresholds == Thresholds(warning=0.3, error=0.2)
    own = one(
        "location: ~, interval: 0, maintenance: false, expected_off: ~, credentials: a,"
        " thresholds: { warning: 0.1, error: 0.05 }",
        rest,
    )
    assert (own.location, own.interval, own.maintenance, own.expected_off) == (None, 0.0, False, None)
    assert own.credentials == CommunityCredentials(version="1", community=SecretStr("x"))
    assert own.thresholds == Thresholds(warning=0.1, error=0.05)
    assert one("", "thresholds: { warning: 0.4, error: 0.3 }").thresholds.warning == 0.4


def test_labels_of_printer_defaults_lie_under_the_printers_own() -> None:
    rest = "printer_defaults: { labels: { department: it, floor: 1 } }"
    assert one("labels: { floor: 2, room: 010 }", rest).labels == (
        ("department", "it"),
        ("floor", "2"),
        ("room", "010"),
    )


def test_supply_rules_come_from_the_printer_then_from_the_defaults_then_from_the_top() -> None:
    rule = "[{{ match: {{ kind: {} }}, ignore: true }}]".format
    printer = one(
        f"supplies: {rule('own')}",
        f"printer_defaults: {{ supplies: {rule('default')} }}\nsupplies: {rule('top')}",
    )
    assert [each.match.kind for each in printer.supplies] == ["own", "default", "top"]


def test_a_config_is_frozen_and_its_printers_are_hashable() -> None:
    got = parse(ONE)
    with pytest.raises(FrozenInstanceError):
        got.engine = "gufo"  # type: ignore[misc]
    with pytest.raises(ValidationError):
        got.polling.timeout = 1.0  # type: ignore[misc]
    assert {got.printers[0]: 1}[parse(ONE).printers[0]] == 1


# ---- values


@pytest.mark.parametrize("text", ["NO", "010", "1e3x", "on", "yes", "12:30", "true", "1.50", "0x1F", "Büro 2"])
def test_a_name_is_the_text_that_was_written(text: str) -> None:
    printer = parse(f"printers:\n  - name: {text}\n    host: a\n    location: {text}\n").printers[0]
    assert (printer.name, printer.location) == (text, text)
    assert type(printer.name) is str


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("printer", "printer", 161),
        ("printer.example.com.:1161", "printer.example.com.", 1161),
        ("drucker_2.büro.example", "drucker_2.büro.example", 161),
        ("10.10.5.28", "10.10.5.28", 161),
        ("10.10.5.28:65535", "10.10.5.28", 65535),
        ("2001:db8::1", "2001:db8::1", 161),
        ("::1", "::1", 161),
        ("'[2001:db8::1]'", "2001:db8::1", 161),
        ("'[2001:db8::1]:1161'", "2001:db8::1", 1161),
        ("fe80::1%eth0", "fe80::1%eth0", 161),
    ],
)
def test_hosts_and_ports(text: str, host: str, port: int) -> None:
    printer = parse(f"printers:\n  - name: A\n    host: {text}\n").printers[0]
    assert (printer.host, printer.port) == (host, port)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0", 0.0),
        ("0s", 0.0),
        ("500ms", 0.5),
        ("2s", 2.0),
        ("5m", 300.0),
        ("24h", 86_400.0),
        ("7d", 604_800.0),
        ("1w", 604_800.0),
        ("1y", 31_536_000.0),
        ("1h30m", 5400.0),
        ("1y2w3d4h5m6s7ms", 33_019_506.007),
    ],
)
def test_durations_are_those_of_prometheus(text: str, wanted: float) -> None:
    assert seconds(text) == wanted


@pytest.mark.parametrize("text", ["", "5", "1.5s", "-1s", "1s1m", "1m1m", " 1s", "1s\n", "1S", "1 s", "s", "00", "٣s"])
def test_what_prometheus_refuses_as_a_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="expected a duration such as"):
        seconds(text)


UNITS = {"y": 365 * 86_400_000, "w": 7 * 86_400_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}


@settings(deadline=None)
@given(st.lists(st.integers(0, 10**6) | st.none(), min_size=7, max_size=7).filter(any))
def test_a_duration_is_the_sum_of_its_parts(counts: list[int | None]) -> None:
    parts = [(count, unit) for count, unit in zip(counts, UNITS, strict=True) if count is not None]
    total = sum(count * UNITS[unit] for count, unit in parts)
    assert seconds("".join(f"{count}{unit}" for count, unit in parts)) == total / 1000


@settings(deadline=None)
@given(st.text(alphabet="0123456789ywdhms. -"))
def test_any_text_is_a_duration_or_a_value_error(text: str) -> None:
    try:
        assert seconds(text) >= 0
    except ValueError:
        assert not re.fullmatch(r"0|[0-9]{1,9}(ms|[ywdhms])", text)


def test_expected_off_takes_nights_weekends_and_dates() -> None:
    got = one("expected_off: { nights: 19:00-7:30, weekends: true, dates: [2026-12-24], grace: 30m }").expected_off
    assert got == ExpectedOff(
        nights=DayWindow(start=time(19), end=time(7, 30)), weekends=True, dates=(date(2026, 12, 24),), grace=1800.0
    )
    assert one("expected_off: { weekends: true }").expected_off == ExpectedOff(weekends=True, grace=7200.0)


@pytest.mark.parametrize(
    ("patterns", "matches"),
    [
        ({"kind": "toner"}, True),
        ({"kind": "TONER"}, True),
        ({"kind": "ton"}, False),
        ({"kind": "ton*", "color": "bl?ck"}, True),
        ({"kind": "toner", "color": "cyan"}, False),
        ({"description": "*[0-9]x*"}, True),
        ({"supply": "black TONER"}, True),
        ({"color": ""}, False),
    ],
)
def test_a_supply_matches_when_every_given_pattern_does(patterns: dict[str, str], matches: bool) -> None:
    match = SupplyMatch.model_validate(patterns)
    got = match.matches(kind="toner", color="black", description="HP 26X Black", supply="Black toner")
    assert got is matches


def test_supply_rules_carry_what_they_do() -> None:
    printer = one("supplies: [{ match: { kind: toner }, invert: true, thresholds: { warning: 0.5, error: 0 } }]")
    thresholds = Thresholds(warning=0.5, error=0.0)
    assert printer.supplies == (SupplyRule(match=SupplyMatch(kind="toner"), invert=True, thresholds=thresholds),)


LOCATIONS = """
locations:
  - { network: 10.10.5.0/28, location: B1, labels: { switch: s1 } }
  - { network: 10.10.0.0/16, location: B2 }
  - { network: 192.0.2.7, location: B3 }
  - { network: "2001:db8::/32", location: B4 }
"""


@pytest.mark.parametrize(
    ("address", "location"),
    [
        ("10.10.5.15", "B1"),
        ("10.10.5.16", "B2"),
        ("192.0.2.7", "B3"),
        ("2001:db8:1::5", "B4"),
        ("192.0.2.8", None),
        ("::1", None),
        ("printer", None),
        ("", None),
        ("10.10.5.15/28", None),
    ],
)
def test_the_first_network_that_holds_an_address_is_its_location(address: str, location: str | None) -> None:
    rule = parse(ONE + LOCATIONS).locate(address)
    assert (rule.location if rule else None) == location


def test_a_location_carries_labels() -> None:
    network = ip_network("10.10.5.0/28")
    rule = LocationRule(network=network, location="B1", labels={"switch": "s1"})
    assert parse(ONE + LOCATIONS).locations[0] == rule


def test_reserved_labels_are_those_of_every_metric_and_of_prometheus() -> None:
    assert {"printer", "location", "mac", "camera", "supply", "previous_address", "job", "replica"} < RESERVED_LABELS
    assert len(RESERVED_LABELS) == 44
    assert not {"department", "floor", "network", "switch"} & RESERVED_LABELS


@pytest.mark.parametrize("name", sorted(RESERVED_LABELS))
def test_a_reserved_label_is_refused_wherever_labels_stand(name: str) -> None:
    text = f"""\
printers: [{{ name: A, host: a, labels: {{ {name}: x }} }}]
printer_defaults: {{ labels: {{ {name}: x }} }}
locations: [{{ network: 10.0.0.0/8, location: B, labels: {{ {name}: x }} }}]
cameras: {{ known: [{{ mac: 02:00:5e:10:00:01, labels: {{ {name}: x }} }}] }}
"""
    assert [line.partition(".labels")[0] for line in faults(text)] == [
        "1: printers[0]",
        "2: printer_defaults",
        "3: locations[0]",
        "4: cameras.known[0]",
    ]


# ---- cameras and state


@pytest.mark.parametrize("section", ["cameras:", "cameras: {}", "cameras: { enabled: true, search: , known: }"])
def test_a_section_with_nothing_in_it_switches_cameras_on_with_the_documented_defaults(section: str) -> None:
    got = parse(ONE + section).cameras
    assert got is not None
    assert got.model_dump() == {
        "enabled": True,
        "search": {
            "interfaces": (),
            "targets": (),
            "listen_port": 10_669,
            "device_port": 10_670,
            "attempts": 3,
            "window": 2.0,
        },
        "offline_after": 2,
        "missing_after": 86_400.0,
        "ip_changed_for": 86_400.0,
        "blind_after": 600.0,
        "forget_after": 7_776_000.0,
        "known": (),
    }


def test_cameras_are_off_without_their_section_or_when_disabled() -> None:
    assert parse(ONE).cameras is None
    assert parse(ONE + "cameras: { enabled: false, known: [{ mac: 02:00:5e:10:00:01 }] }").cameras is None


@pytest.mark.parametrize("text", ["cameras:", "printers:\ncameras: {}", "printers: []\ncameras: {}"])
def test_an_exporter_for_cameras_needs_no_printers(text: str) -> None:
    got = parse(text)
    assert (got.printers, got.cameras) == ((), Cameras())


def test_every_option_of_cameras_reaches_the_config() -> None:
    text = """
cameras:
  search:
    interfaces: [eth0.100, 10.10.9.2, fifteen-letters]
    targets: [10.10.9.255, 127.255.255.255]
    listen_port: 20669
    device_port: 20670
    attempts: 10
    window: 20s
  offline_after: 1
  missing_after: 1h
  ip_changed_for: 0
  blind_after: 0
  forget_after: 1h
  known: [{ mac: 02:00:5e:10:00:01, name: Büro, location: B1, labels: { floor: 01 } }, { mac: 02:00:5e:10:00:02 }]
"""
    assert parse(text).cameras == Cameras(
        search=CameraSearch(
            interfaces=("eth0.100", "10.10.9.2", "fifteen-letters"),
            targets=("10.10.9.255", "127.255.255.255"),
            listen_port=20_669,
            device_port=20_670,
            attempts=10,
            window=20.0,
        ),
        offline_after=1,
        missing_after=3600.0,
        ip_changed_for=0.0,
        blind_after=0.0,
        forget_after=3600.0,
        known=(
            KnownCamera(mac="02:00:5e:10:00:01", name="Büro", location="B1", labels={"floor": "01"}),
            KnownCamera(mac="02:00:5e:10:00:02"),
        ),
    )


@pytest.mark.parametrize("loader", ["SafeLoader", "CSafeLoader"])
@pytest.mark.parametrize(
    "text",
    [
        "02:00:00:10:00:01",  # base 60 in YAML 1.1
        "02-00-00-10-00-01",
        "0200.0010.0001",
        "'02:00:00:10:00:01'",
    ],
)
def test_a_mac_needs_no_quotes(text: str, loader: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamlsource, "LOADER", getattr(yaml, loader, yaml.SafeLoader))
    for known in (f"[{{ mac: {text} }}]", f"\n    - mac: {text}\n"):
        got = parse(f"cameras:\n  known: {known}").cameras
        assert got is not None
        assert [camera.mac for camera in got.known] == ["02:00:00:10:00:01"]


@settings(deadline=None)
@given(st.binary(min_size=6, max_size=6).filter(lambda octets: any(octets) and not octets[0] & 1))
def test_every_spelling_of_a_mac_comes_to_the_same(octets: bytes) -> None:
    plain = octets.hex(":")
    for spelling in (plain, octets.hex("-"), octets.hex(".", 2)):
        assert mac(spelling) == mac(spelling.upper()) == plain


def test_the_deadline_bounds_the_window_of_a_search_only_where_there_is_one() -> None:
    assert parse(ONE + "polling: { deadline: 1s }").cameras is None
    assert parse("polling: { deadline: 2s }\ncameras:").cameras == Cameras()


def test_the_state_is_kept_where_the_config_says() -> None:
    assert parse(ONE + "state: { path: /var/lib/printcam/state.db }").state_path == "/var/lib/printcam/state.db"
    assert parse(ONE + "state: { path: ':memory:' }").state_path == ":memory:"


# ---- time zones


def test_the_configured_zone_is_used() -> None:
    assert parse("time_zone: Asia/Kolkata\n" + ONE).zone == ZoneInfo("Asia/Kolkata")


def test_the_systems_zone_is_tz_then_localtime_then_utc(tmp_path: Path) -> None:
    link = tmp_path / "localtime"
    link.symlink_to("/usr/share/zoneinfo/Europe/Paris")
    assert config.system_zone({"TZ": ":Asia/Tokyo"}, link) == ZoneInfo("Asia/Tokyo")
    assert config.system_zone({"TZ": "CET-1CEST"}, link) == ZoneInfo("Europe/Paris")
    assert config.system_zone({}, tmp_path / "none") is UTC


def test_a_copied_localtime_keeps_its_daylight_saving_rules(tmp_path: Path) -> None:
    copy = tmp_path / "localtime"
    copy.write_bytes(tzfile("CET-1CEST,M3.5.0,M10.5.0/3"))
    zone = config.system_zone({}, copy)
    assert datetime(2026, 1, 1, tzinfo=zone).utcoffset() == timedelta(hours=1)
    assert datetime(2026, 7, 1, tzinfo=zone).utcoffset() == timedelta(hours=2)


def tzfile(rule: str) -> bytes:
    """A TZif file (RFC 8536) that has no transitions, only a rule for ever."""
    header = b"TZif2" + bytes(15) + bytes([0, 0, 0, 0] * 4 + [0, 0, 0, 1, 0, 0, 0, 4])
    block = (3600).to_bytes(4, "big") + b"\0\0" + b"CET\0"
    return header + block + header + block + f"\n{rule}\n".encode()


# ---- credentials and secrets


CREDENTIALS = [
    ("version: 1, community: x", CommunityCredentials(version="1", community=SecretStr("x"))),
    ("version: '2c', community: 0815", CommunityCredentials(version="2c", community=SecretStr("0815"))),
    ("version: 2, community: no", CommunityCredentials(version="2c", community=SecretStr("no"))),
    ("version: 3, user: m", UserCredentials(version="3", user="m")),
    (
        "version: '3', user: 007, context: c, auth: { protocol: sha-256, password: 12345678 }",
        UserCredentials(
            version="3",
            user="007",
            context="c",
            auth=AuthKey(protocol="SHA256", password=SecretStr("12345678")),
        ),
    ),
    (
        (
            f"version: 3, user: m, auth: {{ protocol: SHA1, password: {SECRET} }},"
            f" priv: {{ protocol: AES, password: {OTHER} }}"
        ),
        UserCredentials(
            version="3",
            user="m",
            auth=AuthKey(protocol="SHA", password=SecretStr(SECRET)),
            priv=PrivKey(protocol="AES128", password=SecretStr(OTHER)),
        ),
    ),
]


@pytest.mark.parametrize(("text", "wanted"), CREDENTIALS)
def test_credentials(text: str, wanted: config.Credentials) -> None:
    assert one("credentials: x", f"snmp: {{ credentials: {{ x: {{ {text} }} }} }}").credentials == wanted


def test_without_credentials_there_is_the_public_community() -> None:
    assert Snmp().credentials == {"default": PUBLIC}


def community(written: str, **environ: str) -> str:
    """What a community comes to."""
    rest = f"snmp: {{ credentials: {{ default: {{ version: 2c, community: {written} }} }} }}"
    credentials = one("", rest, **environ).credentials
    assert isinstance(credentials, CommunityCredentials)
    return credentials.community.get_secret_value()


@pytest.mark.parametrize(
    ("written", "wanted"),
    [
        ("'${A}'", "apple"),
        ("'x${A}${B_2}y'", "xapplebeey"),
        ("'$A'", "$A"),
        ("'$${A}'", "${A}"),
        ("'$'", "$"),
        ("'${A}$${A}'", "apple${A}"),
        ("'${NESTED}'", "${A}"),
    ],
)
def test_variables_are_expanded_once_in_secrets(written: str, wanted: str) -> None:
    assert community(written, A="apple", B_2="bee", NESTED="${A}") == wanted


def test_variables_are_not_expanded_elsewhere() -> None:
    printer = one("location: '${A}', labels: { room: '${A}' }", A="apple")
    assert (printer.location, printer.labels) == ("${A}", (("room", "${A}"),))


def test_an_empty_variable_is_an_empty_secret() -> None:
    text = ONE + "snmp: { credentials: { default: { version: 1, community: '${A}' } } }"
    assert faults(text, A="") == ["2: snmp.credentials.default.community: too short: must have 1 or more characters"]


def test_a_variable_that_is_not_unicode_is_a_fault() -> None:
    text = ONE + "snmp: { credentials: { default: { version: 1, community: '${A}' } } }"
    assert faults(text, A="\udcff") == ["2: snmp.credentials.default.community: the secret is not valid UTF-8 text"]


FILES = """\
snmp:
  credentials:
    default: { version: 2c, community_file: secrets/community }
    v3:
      version: 3
      user: monitor
      auth: { protocol: SHA, password_file: secrets/auth }
      priv: { protocol: DES, password_file: secrets/priv }
printers:
  - { name: A, host: 10.0.0.1 }
  - { name: B, host: 10.0.0.2, credentials: v3 }
"""


def written(folder: Path, **secrets: bytes) -> Path:
    """A config that takes its secrets from files."""
    (folder / "secrets").mkdir()
    for name, content in secrets.items():
        (folder / "secrets" / name).write_bytes(content)
    path = folder / "config.yaml"
    path.write_text(FILES)
    return path


def test_secret_files_lie_beside_the_config_and_lose_one_line_end(tmp_path: Path) -> None:
    path = written(tmp_path, community=b"${A} \n\n", auth=b"12345678\r\n", priv="Schlüssel".encode())
    first, second = load(path, {}).printers
    assert first.credentials == CommunityCredentials(version="2c", community=SecretStr("${A} \n"))
    assert second.credentials == UserCredentials(
        version="3",
        user="monitor",
        auth=AuthKey(protocol="SHA", password=SecretStr("12345678")),
        priv=PrivKey(protocol="DES", password=SecretStr("Schlüssel")),
    )


def test_bad_secret_files_are_faults_at_their_key(tmp_path: Path) -> None:
    path = written(tmp_path, community=b"\n", auth=b"x" * 70_000, priv=b"\xff" * 8)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert str(caught.value).replace(f"{path}:", "").splitlines() == [
        "3: snmp.credentials.default.community_file: too short: must have 1 or more characters",
        "7: snmp.credentials.v3.auth.password_file: the file is too large for a secret",
        "8: snmp.credentials.v3.priv.password_file: the file cannot be read as UTF-8 text",
    ]


GOOD_SECRETS = f"""\
snmp:
  credentials:
    default: {{ version: 2c, community: {SECRET} }}
    env: {{ version: 2c, community: "${{{{A}}}}" }}
    v3:
      version: 3
      user: monitor
      auth: {{ protocol: SHA, password: {SECRET} }}
      priv: {{ protocol: AES, password: {SECRET} }}
printers:
  - {{ name: A, host: 10.0.0.1 }}
  - {{ name: B, host: 10.0.0.2, credentials: v3 }}
  - {{ name: C, host: 10.0.0.3, credentials: env }}
""".replace("{{A}}", "{A}")

SPOILED = [  # how a secret gets where it does not belong: (what to replace, with what)
    ("version: 2c", "version: 4"),
    ("version: 3", "version: 2c"),
    ("version: 2c", "version: 3"),
    ("community: h", "comunity: h"),
    ("community: h", "community:h"),
    ("community: h", "h"),
    ("community: h", "community_file: h"),
    ("community: h", "community=h"),
    ("community: h", "community: [h"),
    ("community: h", "community: *h"),
    ("community: h", "community: &h"),
    ("community: h", "community: !h"),
    ("community: h", "community: '${UNSET}h"),
    ("community: h", "community: x, community: h"),
    ("community: h", "community: { h"),
    ("community: h", "<<: h"),
    ("password: h", "password:h"),
    ("password: h", "passwd: h"),
    ("password: h", "h"),
    ("password: h", "password_file: h"),
    ("password: h", "password: [h"),
    ("password: h", "password: x, password_file: h"),
    ("protocol: SHA", f"protocol: {SECRET}"),
    ("auth: {", "auth: [{"),
    ("user: monitor", f"user: {SECRET * 4}"),
    ("user: monitor", f"{SECRET}: monitor\n      {SECRET}: x"),
    ("version: 3", f"version: {SECRET}"),
    ("env: {", f"env: {SECRET} {{"),
    ("  credentials:", f"  credentials: {SECRET}"),
    ("name: A", f"name: A, interval: {SECRET}"),
    ("name: A", f"name: A, community: {SECRET}"),
    ("name: A", f"name: A, community:{SECRET}"),
    ("name: A", f"name: A, credentials: {SECRET}"),
    ("printers:", f"polling: {{ timeout: {SECRET} }}\nprinters:"),
    *(
        ("printers:", f"prometheus: {{ {spoiled} }}\nprinters:")
        for spoiled in (
            f"url: {SECRET}",
            f"url: 'http://me:{SECRET}@h'",
            f"url: 'http://h', token: {SECRET}",
            f"url: 'http://h', {SECRET}: x",
            f"url: 'http://h', user: me, password: [{SECRET}]",
            f"url: 'http://h', user: me, password_file: {SECRET}",
            f"url: 'http://h', bearer_token: 'ü{SECRET}'",
            f"url: 'http://h', ca_file: {SECRET}",
            f"url: 'http://h', headers: {{ X-Key: 'ü{SECRET}' }}",
            f"url: 'http://h', headers: {{ {SECRET}: [] }}",
            f"url: 'http://h', headers: {SECRET}",
        )
    ),
]


def test_what_prometheus_is_asked_with_is_kept_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("abc\n")
    (tmp_path / "ca.pem").touch()
    settings = parse(
        "cameras: {}\nprometheus: { url: http://h:9090/x/, bearer_token_file: token, ca_file: ca.pem,"
        " headers: { X-Key: '${KEY}' } }",
        environ={"KEY": SECRET},
        folder=tmp_path,
    ).prometheus
    assert settings is not None
    assert settings.bearer_token is not None
    assert (settings.url, settings.bearer_token.get_secret_value()) == ("http://h:9090/x", "abc")
    assert settings.ca_file == str(tmp_path / "ca.pem")
    assert settings.headers["X-Key"].get_secret_value() == SECRET
    assert SECRET not in f"{settings!r} {settings.model_dump_json()}"


def test_passwords_for_prometheus_that_stand_in_the_file_are_told_by_line() -> None:
    text = "cameras: {}\nprometheus:\n  url: http://h\n  user: a\n  password: b\n"
    assert parse(text).secret_lines == (5,)
    assert parse(text.replace(": b", ": '${B}'"), environ={"B": "b"}).secret_lines == ()
    assert parse(text.replace("user: a\n  password: b", "bearer_token: b")).secret_lines == (4,)
    headers = "headers:\n    X-Scope-OrgID: office\n    X-Api-Key: b\n"
    assert parse(text.replace("user: a\n  password: b\n", headers)).secret_lines == (6,)


def test_a_config_never_shows_its_secrets() -> None:
    got = parse(GOOD_SECRETS, environ={"A": SECRET})
    assert SECRET not in repr(got)
    assert SECRET not in str(got.printers)
    assert SECRET not in "".join(str(printer.credentials.model_dump_json()) for printer in got.printers)


@pytest.mark.parametrize(("good", "bad"), SPOILED)
def test_no_fault_and_no_traceback_shows_a_secret(good: str, bad: str) -> None:
    text = GOOD_SECRETS.replace(good, bad)
    assert text != GOOD_SECRETS
    with pytest.raises(ConfigError) as caught:
        parse(text, environ={"A": SECRET})
    assert caught.value.faults
    assert SECRET[1:] not in repr(caught.value)
    assert SECRET[1:] not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__cause__ is None
    assert not isinstance(caught.value.__context__, ValidationError)


# ---- any text


KEYS = st.sampled_from(
    [
        *("printers", "name", "host", "labels", "snmp", "credentials", "default", "version", "community"),
        *("community_file", "auth", "priv", "protocol", "password", "user", "polling", "timeout", "deadline"),
        *("thresholds", "warning", "error", "locations", "network", "location", "printer_defaults", "supplies"),
        *("match", "kind", "expected_off", "nights", "dates", "weekends", "time_zone", "<user>", "[key]", "<<"),
        *("cameras", "search", "window", "interfaces", "enabled", "known", "mac", "state", "path"),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.sampled_from(
        [
            "1",
            "2c",
            "3",
            "5m",
            "10.0.0.1",
            "10.0.0.0/8",
            "SHA",
            "19:00-07:00",
            "2026-12-24",
            "${A}",
            "02:00:5e:10:00:01",
        ]
    ),
)
ANYTHING = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6), max_leaves=30
)


def outcome(text: str) -> Config | ConfigError:
    """Parse; anything but a config or a ConfigError fails the test that asks."""
    try:
        return parse(text, environ={})
    except ConfigError as error:
        return error


@settings(deadline=None)
@given(st.text())
def test_any_text_parses_or_raises_config_error(text: str) -> None:
    got = outcome(text)
    assert isinstance(got, Config) or (got.faults and str(got))


@settings(deadline=None, max_examples=300)
@given(st.dictionaries(KEYS, ANYTHING, max_size=8))
def test_any_document_parses_or_raises_config_error(data: dict[str, Any]) -> None:
    text = yaml.safe_dump(data, allow_unicode=True, sort_keys=False)
    got = outcome(text)
    if isinstance(got, ConfigError):
        assert all(1 <= fault.line <= text.count("\n") + 1 for fault in got.faults)


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_good_config_with_any_line_spoiled_parses_or_raises_config_error(data: st.DataObject) -> None:
    lines = EXAMPLE.read_text().splitlines()
    index = data.draw(st.integers(0, len(lines) - 1))
    cut = data.draw(st.integers(0, len(lines[index])))
    lines[index] = lines[index][:cut] + data.draw(st.text(alphabet=" :-[]{}'\"&*!#x0\t", max_size=3))
    outcome("\n".join(lines))


@pytest.mark.parametrize(
    "url", ["https://grafana.example.com/", "http://10.0.0.5:3000/sub/", "http://[2001:db8::1]:3000"]
)
def test_the_url_of_grafana_is_taken_without_its_last_slash(url: str) -> None:
    assert parse(f'grafana: {{ url: "{url}" }}\n' + ONE).grafana_url == url.rstrip("/")


def test_nothing_may_be_started_and_nothing_is_linked_unless_it_is_said() -> None:
    plain = parse(ONE)
    assert (plain.web.enable_actions, plain.grafana_url) == (False, "")


# ---- the files in the repository


def test_the_example_loads_without_its_environment() -> None:
    example = load(EXAMPLE, {})
    assert [printer.name for printer in example.printers] == [
        "Accounting",
        "Front desk",
        "Warehouse",
        "Copy shop",
        "Labels",
        "Receipts",
        "Reception",
        "Plotter",
    ]
    assert [(printer.host, printer.device) for printer in example.printers[4:6]] == [
        ("10.10.7.20", 1),
        ("10.10.7.20", 2),
    ]
    assert [(printer.protocol, printer.port, printer.ipp_path) for printer in example.printers[6:]] == [
        ("ipps", 631, ""),
        ("ipp", 631, "/ipp/port1"),
    ]
    assert example.printers[0].device is None
    assert example.cameras is not None
    assert [camera.name for camera in example.cameras.known] == ["Lobby", "Gate"]


def test_the_example_shows_every_key_there_is() -> None:
    text = EXAMPLE.read_text()
    keys = {key for model in config.json_schema()["$defs"].values() for key in model["properties"]}
    assert [key for key in sorted(keys) if not re.search(rf"\b{key}\b", text)] == []


def test_the_example_says_the_defaults_of_the_code() -> None:
    data = yaml.safe_load(EXAMPLE.read_text())
    example, bare = load(EXAMPLE, {}), parse(ONE)
    assert (example.polling, example.engine) == (bare.polling, bare.engine)
    assert example.state_path == bare.state_path
    assert example.cameras is not None
    assert example.cameras.model_copy(update={"known": ()}) == Cameras()
    assert set(data["cameras"]) == set(Cameras.model_fields)
    assert set(data["cameras"]["search"]) == set(CameraSearch.model_fields)
    assert example.printers[0].thresholds == bare.printers[0].thresholds
    assert set(data["polling"]) == set(Polling.model_fields)
    assert one("credentials: default", yaml.safe_dump({"printer_defaults": data["printer_defaults"]})) == one()
    assert example.printers[0].credentials == bare.printers[0].credentials
    warehouse = example.printers[2].expected_off
    assert warehouse is not None
    assert warehouse.grace == ExpectedOff(weekends=True).grace


def test_the_schema_in_the_repository_is_the_one_of_the_models() -> None:
    assert json.loads((ROOT / "config.schema.json").read_text()) == config.json_schema()


def test_the_schema_is_written_by_a_command() -> None:
    command = [sys.executable, "-m", "exporter.config", "--schema"]
    written = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout
    assert json.loads(written) == json.loads((ROOT / "config.schema.json").read_text())


def test_the_schema_names_defaults_as_a_person_writes_them() -> None:
    polling = config.json_schema()["$defs"]["Polling"]["properties"]
    assert {key: polling[key]["default"] for key in ("timeout", "retain", "retries")} == {
        "timeout": "2s",
        "retain": "7d",
        "retries": 1,
    }
    assert re.fullmatch(polling["timeout"]["anyOf"][0]["pattern"], "1h30m")
    assert not re.fullmatch(polling["timeout"]["anyOf"][0]["pattern"], "")


def test_the_schema_wants_printers_from_somewhere_or_cameras() -> None:
    schema = config.json_schema()
    wanted = [["printers"], ["printers_files"], ["discovery"], ["cameras"]]
    assert [choice["required"] for choice in schema["anyOf"]] == wanted
    assert "required" not in schema


@pytest.mark.parametrize(
    ("text", "fits"), [("02:00:5E:10:00:01", True), ("0200.5e10.0001", True), ("02:00:5e-10:00:01", False)]
)
def test_the_schema_knows_what_a_mac_looks_like(text: str, *, fits: bool) -> None:
    pattern = config.json_schema()["$defs"]["KnownCamera"]["properties"]["mac"]["pattern"]
    assert bool(re.search(pattern, text)) is fits


def test_the_schema_takes_a_secret_or_its_file() -> None:
    schema = config.json_schema()["$defs"]["CommunityCredentials"]
    assert schema["oneOf"] == [{"required": ["community"]}, {"required": ["community_file"]}]
    assert schema["required"] == ["version"]
