"""Cameras as sample lines, read back with the parsers of the Prometheus client library."""

from dataclasses import replace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.cameras.model import STATUSES, AddressChange, Camera, Device, View, camera
from exporter.metrics.cameras import render, render_search
from exporter.metrics.families import CAMERA_FAMILIES
from exporter.metrics.lines import Lines
from exporter.web.exposition import stream

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
MAC = "02:00:5e:10:00:01"
DEVICE = Device(
    MAC,
    address="192.0.2.21",
    netmask="255.255.255.0",
    gateway="192.0.2.1",
    port=443,
    name='Lobby "A"',
    model="X22700-V2L",
    serial="S1",
    firmware="3.67",
    network_mode="static",
    admin_password_set=False,
    setup_window_open=True,
)
CAMERA = Camera(
    MAC,
    DEVICE,
    label="Lobby",
    interface="eth0",
    first_seen=1000.0,
    last_seen=2000.0,
    discoveries=5,
    earlier_discoveries=50,
    address_changes=1,
    earlier_address_changes=2,
    address_change=AddressChange(1500.0, "192.0.2.21", "192.0.2.20"),
    restarts=3,
    restarted=1400.0,
    status="active",
    status_since=1300.0,
    up=True,
)
VIEW = View(CAMERA, "Lobby", "B1", (("floor", "1"),), listed=True)


def exposition(*devices: Lines, accept: str = "") -> str:
    return b"".join(stream(accept, [(CAMERA_FAMILIES, devices)], None)).decode()


def samples(text: str) -> dict[str, list[tuple[dict[str, str], float]]]:
    """Return labels and value of all samples by name, and hold that each series stands once."""
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in parse_text(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    series = [(name, tuple(sorted(labels.items()))) for name, all_ in found.items() for labels, _ in all_]
    assert len(series) == len(set(series))
    return found


def one(text: str, name: str) -> float:
    ((_, value),) = samples(text)[name]
    return value


def test_every_series_of_a_camera_carries_mac_name_place_and_the_users_labels() -> None:
    expected = {"mac": MAC, "camera": "Lobby", "location": "B1", "floor": "1"}
    for all_ in samples(exposition(render(VIEW))).values():
        for labels, _ in all_:
            assert expected.items() <= labels.items()


def test_a_camera_shows_all_that_is_known_of_it() -> None:
    text = exposition(render(VIEW))
    assert one(text, "camera_up") == 1
    assert one(text, "camera_listed") == 1
    assert one(text, "camera_status_changed_timestamp_seconds") == 1300
    assert one(text, "camera_first_seen_timestamp_seconds") == 1000
    assert one(text, "camera_last_seen_timestamp_seconds") == 2000
    assert one(text, "camera_discoveries_total") == 55
    assert one(text, "camera_ip_changes_total") == 3
    assert one(text, "camera_restarts_total") == 3
    assert one(text, "camera_restart_timestamp_seconds") == 1400
    assert one(text, "camera_admin_password_set") == 0
    assert one(text, "camera_setup_window_open") == 1
    ((info, value),) = samples(text)["camera_info"]
    assert value == 1
    assert {name: info[name] for name in info.keys() - {"mac", "camera", "location", "floor"}} == {
        "address": "192.0.2.21",
        "port": "443",
        "name": 'Lobby "A"',
        "model": "X22700-V2L",
        "serial": "S1",
        "firmware": "3.67",
        "network_mode": "static",
        "netmask": "255.255.255.0",
        "gateway": "192.0.2.1",
        "interface": "eth0",
        "kind": "camera",
    }
    ((change, at),) = samples(text)["camera_ip_changed_timestamp_seconds"]
    assert (change["address"], change["previous_address"], at) == ("192.0.2.21", "192.0.2.20", 1500)


@pytest.mark.parametrize("status", STATUSES)
def test_exactly_one_status_holds(status: str) -> None:
    view = replace(VIEW, camera=replace(CAMERA, status=status))  # type: ignore[arg-type]
    found = {labels["status"]: value for labels, value in samples(exposition(render(view)))["camera_status"]}
    assert found == {each: float(each == status) for each in STATUSES}


def test_what_is_not_known_has_no_series() -> None:
    listed = View(replace(camera(MAC), status_since=900.0), "Roof", "B1", listed=True)
    assert set(samples(exposition(render(listed)))) == {
        "camera_status",
        "camera_status_changed_timestamp_seconds",
        "camera_listed",
        "camera_discoveries_total",
        "camera_ip_changes_total",
        "camera_restarts_total",
    }


def test_what_a_camera_does_not_say_is_absent_or_empty() -> None:
    bare = replace(CAMERA, device=Device(MAC, address="192.0.2.9"))
    text = exposition(render(replace(VIEW, camera=bare)))
    assert "camera_admin_password_set" not in text
    assert "camera_setup_window_open" not in text
    ((info, _),) = samples(text)["camera_info"]
    assert (info["port"], info["name"]) == ("", "")


def test_a_conflict_is_shown_with_the_address() -> None:
    assert "camera_address_conflict" not in exposition(render(VIEW))
    ((labels, value),) = samples(exposition(render(replace(VIEW, conflict="192.0.2.21"))))["camera_address_conflict"]
    assert (labels["address"], value) == ("192.0.2.21", 1)


def test_searches_have_series_of_their_own_without_the_labels_of_a_camera() -> None:
    lines = render_search(
        segments={"eth0": True, "eth1": False},
        listening=False,
        answers=7,
        duration=2.5,
        errors={"send": 1, "foreign": 0},
    )
    found = samples(exposition(lines))
    assert found["camera_segment_up"] == [({"interface": "eth0"}, 1), ({"interface": "eth1"}, 0)]
    assert found["camera_listener_up"] == [({}, 0)]
    assert found["camera_search_answers"] == [({}, 7)]
    assert found["camera_search_duration_seconds"] == [({}, 2.5)]
    assert found["camera_search_errors_total"] == [({"reason": "send"}, 1), ({"reason": "foreign"}, 0)]


def test_before_the_first_search_ends_it_has_neither_answers_nor_a_duration() -> None:
    found = samples(exposition(render_search(segments={}, listening=False, answers=None, duration=None, errors={})))
    assert set(found) == {"camera_listener_up"}


def test_a_search_that_nobody_answered_has_0_answers() -> None:
    found = samples(exposition(render_search(segments={}, listening=True, answers=0, duration=2.0, errors={})))
    assert found["camera_search_answers"] == [({}, 0)]


def test_openmetrics_reads_the_same() -> None:
    lines = render_search(segments={"eth0": True}, listening=True, answers=1, duration=2.0, errors={"send": 0})
    text = exposition(render(replace(VIEW, conflict="192.0.2.21")), lines, accept=OPENMETRICS)
    families = {family.name: family for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call]
    assert families["camera"].type == "info"
    assert families["camera_discoveries"].samples[0].value == 55
    assert families["camera_listener_up"].samples[0].labels == {}
