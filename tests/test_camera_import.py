"""The files of the tool that came before: all that is readable in them is taken over, what is not is told."""

import json
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.cameras import importer
from exporter.cameras.importer import Imported
from exporter.cameras.model import AddressChange, Camera, Device, camera, merged
from exporter.cameras.registry import KIND
from exporter.foreign import MAX_SIZE, MAX_SKIPPED, ImportFault, Skipped
from exporter.state import Event

BERLIN = ZoneInfo("Europe/Berlin")
LOBBY = "02:00:5e:10:00:01"
DOOR = "02:00:5e:10:00:02"
RECORDER = "02:00:5e:10:00:03"

HISTORY: list[dict[str, object]] = [
    {"ip": "192.0.2.20", "timestamp": "2024-12-20T10:30:00.250000", "previous_ip": None},
    {"ip": "192.0.2.21", "timestamp": "2024-12-21T08:00:00", "previous_ip": "192.0.2.20"},
    {"ip": "192.0.2.22", "timestamp": "2024-12-22T12:00:00", "previous_ip": "192.0.2.21"},
]
TRACKED: dict[str, object] = {
    "mac_address": LOBBY,
    "serial_number": "EXA00001",
    "model_name": "EX1234-V1",
    "camera_name": "Lobby",
    "firmware_version": "9.87",
    "current_ip": "192.0.2.22",
    "current_subnet": "255.255.255.0",
    "current_gateway": "192.0.2.1",
    "current_port": 443,
    "current_network_mode": "Static",
    "first_seen": "2024-12-20T10:30:00.250000",
    "last_seen": "2024-12-22T14:15:00.500000",
    "ip_history": HISTORY,
    "total_discoveries": 57,
    "seen_in_last_discovery": True,
}
OLD_RECORD: dict[str, object] = {
    "mac_address": LOBBY,
    "model_name": "EX1234-V1",
    "ip_address": "192.0.2.22",
    "subnet_mask": "255.255.255.0",
    "gateway": "192.0.2.1",
    "http_port": 443,
    "firmware_version": "9.87",
    "camera_name": "Lobby",
    "serial_number": "EXA00001",
    "network_mode": "DHCP",
}
NEW_RECORD: dict[str, object] = {
    "device_type": "recorder",
    "mac_address": RECORDER,
    "model_name": "NX510",
    "ip_address": "192.0.2.31",
    "subnet_mask": "255.255.255.0",
    "gateway": "0.0.0.0",
    "http_port": 80,
    "firmware_version": "Unknown",
    "device_name": "Device",
    "serial_number": "EXR00001",
    "network_mode": "Auto (AutoIP)",
    "device_type_code": 146,
    "setup_window_open": True,
    "admin_password_set": True,
}
SITE_RECORD: dict[str, object] = {
    **{key: value for key, value in NEW_RECORD.items() if key not in {"device_type_code", "setup_window_open"}},
    "device_type": "camera",
    "mac_address": DOOR,
    "device_name": "Door",
    "model_name": "EX99",
    "status": "offline",
    "first_seen": "2025-01-01T00:00:00",
    "last_seen": "2025-02-01T00:00:00",
    "added_manually": False,
    "admin_password_set": False,
}

BAD_HISTORY = TRACKED | {"ip_history": [None] * (MAX_SKIPPED + 1)}


def unix(text: str, zone: tzinfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def read(document: object, zone: tzinfo = BERLIN) -> Imported:
    return importer.read(json.dumps(document).encode(), zone)


def tracked(**fields: object) -> Imported:
    """Read a tracker database with one record, some of its fields changed."""
    return read({LOBBY: TRACKED | fields})


def only(imported: Imported) -> Camera:
    """Return the one camera of a file in which everything could be read."""
    assert imported.skipped == ()
    (camera,) = imported.cameras
    return camera


def address_event(at: str, before: str | None, after: str, *, mac: str = LOBBY) -> Event:
    return Event(KIND, mac, unix(at), "address", before, after)


class TestShapes:
    def test_a_tracker_database_gives_all_that_it_knows_of_a_camera(self) -> None:
        imported = tracked()
        assert imported.shape == "tracker database"
        assert only(imported) == Camera(
            mac=LOBBY,
            device=Device(
                LOBBY,
                address="192.0.2.22",
                netmask="255.255.255.0",
                gateway="192.0.2.1",
                port=443,
                name="Lobby",
                model="EX1234-V1",
                serial="EXA00001",
                firmware="9.87",
                network_mode="static",
            ),
            label="Lobby",
            first_seen=unix("2024-12-20T10:30:00.250000"),
            last_seen=unix("2024-12-22T14:15:00.500000"),
            discoveries=0,
            earlier_discoveries=57,
            address_changes=0,
            earlier_address_changes=2,
            address_change=AddressChange(unix("2024-12-22T12:00:00"), "192.0.2.22", "192.0.2.21"),
        )
        assert imported.events == (
            address_event("2024-12-20T10:30:00.250000", None, "192.0.2.20"),
            address_event("2024-12-21T08:00:00", "192.0.2.20", "192.0.2.21"),
            address_event("2024-12-22T12:00:00", "192.0.2.21", "192.0.2.22"),
        )

    def test_an_old_scan_gives_facts_but_no_times_and_no_sightings(self) -> None:
        imported = read({"count": 1, "cameras": [OLD_RECORD]})
        assert imported.shape == "old scan"
        device = Device(
            LOBBY,
            address="192.0.2.22",
            netmask="255.255.255.0",
            gateway="192.0.2.1",
            port=443,
            name="Lobby",
            model="EX1234-V1",
            serial="EXA00001",
            firmware="9.87",
            network_mode="dhcp",
        )
        assert only(imported) == Camera(LOBBY, device, label="Lobby")
        assert imported.events == ()

    def test_a_new_scan_has_numbers_where_the_old_one_has_its_list(self) -> None:
        imported = read({"count": 1, "cameras": 0, "recorders": 1, "devices": [NEW_RECORD]})
        assert imported.shape == "new scan"
        device = Device(
            RECORDER,
            address="192.0.2.31",
            netmask="255.255.255.0",
            port=80,
            model="NX510",
            serial="EXR00001",
            network_mode="auto",
            kind="recorder",
            admin_password_set=True,
        )
        assert only(imported) == Camera(RECORDER, device)

    def test_a_site_file_gives_the_devices_of_all_its_groups(self) -> None:
        groups = [
            {"name": "Yard", "devices": [SITE_RECORD], "expanded": True},
            {"name": "Empty"},
            {"name": "House", "devices": [{**SITE_RECORD, "mac_address": LOBBY}], "expanded": False},
        ]
        imported = read({"name": "Plant", "groups": groups, "scan_frequency": 60, "last_scan": None})
        assert imported.shape == "site file"
        assert imported.skipped == ()
        door, lobby = imported.cameras
        assert (door.mac, lobby.mac) == (DOOR, LOBBY)
        assert (door.label, door.device.name, door.device.kind) == ("Door", "Door", "camera")
        assert (door.first_seen, door.last_seen) == (unix("2025-01-01T00:00:00"), unix("2025-02-01T00:00:00"))
        assert (door.device.admin_password_set, door.status) == (False, "unknown")
        assert imported.events == ()

    def test_what_the_tracker_lists_and_its_web_page_answers_keeps_times_and_counts(self) -> None:
        imported = read({"count": 1, "cameras": [TRACKED], "last_scan": None, "scan_in_progress": False})
        assert only(imported) == only(tracked())
        assert imported.events == tracked().events

    @pytest.mark.parametrize(
        ("document", "shape"),
        [
            ({}, "tracker database"),
            ({"count": 0, "cameras": []}, "old scan"),
            ({"count": 0, "cameras": 0, "recorders": 0, "devices": []}, "new scan"),
            ({"name": "Untitled Site", "groups": []}, "site file"),
        ],
    )
    def test_a_file_without_cameras_is_read_as_that(self, document: object, shape: str) -> None:
        imported = read(document)
        assert (imported.shape, imported.cameras, imported.events, imported.skipped) == (shape, (), (), ())

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
    def test_files_as_the_shells_of_windows_write_them_are_read(self, encoding: str) -> None:
        data = json.dumps({LOBBY: TRACKED | {"camera_name": "Türe"}}, ensure_ascii=False).encode(encoding)
        assert only(importer.read(data, BERLIN)).label == "Türe"

    def test_a_record_of_an_older_tracker_without_a_count_was_discovered_once(self) -> None:
        record = {key: value for key, value in TRACKED.items() if key != "total_discoveries"}
        assert only(read({LOBBY: record})).earlier_discoveries == 1

    def test_the_key_of_a_tracker_database_tells_whose_record_it_is(self) -> None:
        without = {key: value for key, value in TRACKED.items() if key != "mac_address"}
        imported = read({LOBBY: TRACKED, DOOR: without})
        assert [each.mac for each in imported.cameras] == [LOBBY, DOOR]
        assert {event.key for event in imported.events} == {LOBBY, DOOR}


class TestFaults:
    """The file as a whole cannot be used."""

    @pytest.mark.parametrize(
        ("data", "text"),
        [
            (b"", "it is empty"),
            (b" \r\n\t", "it is empty"),
            (b'{"a": 1,\n "b" 2}', "it is not JSON: line 2, column 6: Expecting ':' delimiter"),
            (b"\x89PNG\r\n\x1a\n", "it is not text in UTF-8: the octet at position 0 does not fit"),
            (b'{"name": "T\xfcre"}', "it is not text in UTF-8: the octet at position 11 does not fit"),
            (b"[" * 200_000, "it is not JSON that can be read: brackets are nested too deeply"),
            (b'{"a":' * 200_000, "it is not JSON that can be read: brackets are nested too deeply"),
            (b"9" * 5_000, "it is not JSON that can be read: a number has thousands of digits"),
            (b" " * MAX_SIZE + b"1", "it is larger than 64 MB, which no such file is"),
        ],
        ids=["empty", "blank", "syntax", "binary", "latin-1", "lists", "objects", "digits", "size"],
    )
    def test_a_file_that_cannot_be_read_is_explained(self, data: bytes, text: str) -> None:
        with pytest.raises(ImportFault) as caught:
            importer.read(data, BERLIN)
        assert str(caught.value) == text

    @pytest.mark.parametrize(
        ("document", "found"),
        [
            ([TRACKED], "a list"),
            ("Lobby", "a text"),
            (3, "a number"),
            (0.5, "a number"),
            (None, "a single word"),
            (True, "a single word"),
            ({"data": 1}, "an object with data"),
            ({"count": 1, "cameras": 1}, "an object with count, cameras"),
            ({"a": {}, "b\n": [], "c": None, "d": 1, "e": 2, "f": 3}, "an object with a, b, c, d, e, …"),
            ({"groups": {}, "devices": None, "cameras": "none"}, "an object with groups, devices, cameras"),
        ],
    )
    def test_a_file_of_another_shape_is_told_what_was_found_and_what_is_expected(
        self, document: object, found: str
    ) -> None:
        with pytest.raises(ImportFault) as caught:
            read(document)
        assert str(caught.value) == (
            f"it holds {found}; expected a tracker database (an object of cameras by MAC address), a scan (an object "
            "with a list under cameras or devices) or a site file (an object with a list under groups)"
        )

    def test_a_file_of_which_hardly_anything_can_be_read_is_refused_before_it_fills_the_memory(self) -> None:
        at_most = read({"cameras": [OLD_RECORD] + [1] * MAX_SKIPPED})
        assert (len(at_most.cameras), len(at_most.skipped)) == (1, MAX_SKIPPED)
        for document in ({"cameras": [OLD_RECORD] + [1] * (MAX_SKIPPED + 1)}, {LOBBY: TRACKED, DOOR: BAD_HISTORY}):
            with pytest.raises(ImportFault, match=r"^more than 10,000 parts of it cannot be read; the first is "):
                read(document)


class TestRecords:
    @pytest.mark.parametrize("written", [LOBBY.upper(), LOBBY.replace(":", "-"), f" {LOBBY} "])
    def test_every_spelling_of_a_mac_is_the_same_camera(self, written: str) -> None:
        assert only(read({"cameras": [OLD_RECORD | {"mac_address": written}]})).mac == LOBBY
        imported = read({written: TRACKED})
        assert only(imported) == only(tracked())
        assert {event.key for event in imported.events} == {LOBBY}

    @pytest.mark.parametrize(
        ("record", "why"),
        [
            (None, "expected an object"),
            ([OLD_RECORD], "expected an object"),
            ("Lobby", "expected an object"),
            ({}, "mac_address: there is none"),
            ({"mac_address": None}, "mac_address: there is none"),
            ({"mac_address": "Unknown"}, "mac_address: there is none"),
            ({"mac_address": 2}, "mac_address: expected a text"),
            ({"mac_address": "02:00:5e:10:00"}, "mac_address: expected a MAC address such as 02:00:5e:10:00:01"),
            ({"mac_address": "00:00:00:00:00:00"}, "mac_address: no device has this MAC address: it is all zeros"),
            *(
                (
                    {"mac_address": group},
                    "mac_address: this MAC address stands for several devices (a group or a broadcast), not for one",
                )
                for group in ("ff:ff:ff:ff:ff:ff", "01:00:5e:00:00:fb")
            ),
        ],
    )
    def test_a_record_that_cannot_be_read_is_skipped_and_the_others_are_taken(self, record: object, why: str) -> None:
        imported = read({"cameras": [OLD_RECORD, record, OLD_RECORD | {"mac_address": DOOR}]})
        assert [each.mac for each in imported.cameras] == [LOBBY, DOOR]
        assert imported.skipped == (Skipped("cameras[1]", why),)

    def test_what_is_skipped_is_named_by_where_it_stands(self) -> None:
        assert read({"devices": [1]}).skipped[0].where == "devices[0]"
        assert read({LOBBY: TRACKED, "my\nnotes": "x"}).skipped == (Skipped("my notes", "expected an object"),)
        groups = [7, {"devices": "none"}, {"devices": [SITE_RECORD, None]}]
        assert [each.where for each in read({"groups": groups}).skipped] == [
            "groups[0]",
            "groups[1].devices",
            "groups[2].devices[1]",
        ]

    @pytest.mark.parametrize("absent", ["Unknown", "Camera", "Device", "N/A", "", "  ", None])
    def test_words_for_nothing_are_nothing(self, absent: str | None) -> None:
        names = [key for key in TRACKED if key not in {"mac_address", "first_seen", "last_seen"}]
        expected = Camera(
            LOBBY,
            Device(LOBBY),
            first_seen=unix("2024-12-20T10:30:00.250000"),
            last_seen=unix("2024-12-22T14:15:00.500000"),
        )
        assert only(tracked(**dict.fromkeys(names, absent))) == expected

    def test_texts_are_made_fit_for_labels(self) -> None:
        record = only(tracked(camera_name="  Lobby\u202e\n left\x00 ", model_name="\ud800EX" + "x" * 300))
        assert record.label == record.device.name == "Lobby left"
        assert record.device.model == "EX" + "x" * 126

    @pytest.mark.parametrize(
        ("word", "mode"),
        [
            ("Static", "static"),
            ("DHCP", "dhcp"),
            ("Auto (AutoIP)", "auto"),
            ("auto_autoip", "auto"),
            ("Auto", "auto"),
            ("Auto Advanced", "auto_advanced"),
            ("Auto (Advanced)", "auto_advanced"),
            ("auto_advanced", "auto_advanced"),
            ("Unknown", ""),
            ("Unknown (3)", ""),
            ("something else", ""),
        ],
    )
    def test_network_modes_become_our_words_and_unknown_ones_nothing(self, word: str, mode: str) -> None:
        assert only(tracked(current_network_mode=word)).device.network_mode == mode

    @pytest.mark.parametrize(
        ("written", "port"), [(1, 1), (" 8080 ", 8080), (65535, 65535), (0, None), ("Unknown", None)]
    )
    def test_a_port_is_a_number_or_its_digits_and_zero_is_none(self, written: object, port: int | None) -> None:
        assert only(tracked(current_port=written)).device.port == port

    @pytest.mark.parametrize(
        ("field", "value", "why"),
        [
            ("current_port", 65536, "expected a number from 0 to 65535"),
            ("current_port", -1, "expected a number from 0 to 65535"),
            ("current_port", 80.5, "expected a number from 0 to 65535"),
            ("current_port", True, "expected a number from 0 to 65535"),
            ("current_port", "http", "expected a number from 0 to 65535"),
            ("current_port", "8" * 5_000, "expected a number from 0 to 65535"),
            ("total_discoveries", "many", f"expected a number from 0 to {2**53}"),
            ("total_discoveries", 2**53 + 1, f"expected a number from 0 to {2**53}"),
            ("total_discoveries", float("nan"), f"expected a number from 0 to {2**53}"),
            ("current_ip", "192.0.2.256", "expected an IPv4 address, found 192.0.2.256"),
            ("current_ip", "2001:db8::1", "expected an IPv4 address, found 2001:db8::1"),
            ("current_gateway", 3221225985, "expected a text"),
            ("camera_name", ["Lobby"], "expected a text"),
            ("admin_password_set", "yes", "expected true or false"),
            ("ip_history", {"ip": "192.0.2.1"}, "expected a list"),
            ("first_seen", "yesterday", "expected a date and time such as 2024-12-22T10:30:00, found yesterday"),
            ("last_seen", 1_700_000_000, "expected a text"),
            (
                "last_seen",
                "2024-02-30T00:00:00",
                "expected a date and time such as 2024-12-22T10:30:00, found 2024-02-30T00:00:00",
            ),
        ],
    )
    def test_a_field_that_cannot_be_read_is_told_and_left_out_alone(self, field: str, value: object, why: str) -> None:
        imported = tracked(**{field: value})
        assert imported.skipped == (Skipped(f"{LOBBY}: {field}", why),)
        assert imported.cameras == tracked(**{field: None}).cameras
        assert imported.cameras != tracked().cameras or field == "admin_password_set"

    @pytest.mark.parametrize(
        ("entry", "why"),
        [
            ("192.0.2.9", "expected an object"),
            ({"timestamp": "2024-12-21T09:00:00", "previous_ip": "192.0.2.21"}, "ip: there is none"),
            (
                {"ip": "here", "timestamp": "2024-12-21T09:00:00", "previous_ip": None},
                "ip: expected an IPv4 address, found here",
            ),
            (
                {"ip": "192.0.2.9", "timestamp": "2024-12-21T09:00:00", "previous_ip": "there"},
                "previous_ip: expected an IPv4 address, found there",
            ),
            ({"ip": "192.0.2.9", "previous_ip": "192.0.2.21"}, "timestamp: there is none"),
            (
                {"ip": "192.0.2.9", "timestamp": "noon", "previous_ip": "192.0.2.21"},
                "timestamp: expected a date and time such as 2024-12-22T10:30:00, found noon",
            ),
        ],
    )
    def test_an_entry_of_the_history_that_cannot_be_read_is_told_and_the_others_stay(
        self, entry: object, why: str
    ) -> None:
        imported = tracked(ip_history=[*HISTORY[:2], entry, *HISTORY[2:]])
        assert imported.skipped == (Skipped(f"{LOBBY}: ip_history[2]", why),)
        assert (imported.cameras, imported.events) == (tracked().cameras, tracked().events)

    def test_an_address_after_none_is_an_event_but_no_change(self) -> None:
        history = [
            {"ip": "192.0.2.20", "timestamp": "2024-12-20T10:30:00"},
            {"ip": "192.0.2.21", "timestamp": "2024-12-21T10:30:00", "previous_ip": "Unknown"},
            {"ip": "192.0.2.22", "timestamp": "2024-12-22T10:30:00", "previous_ip": ""},
        ]
        imported = tracked(ip_history=history)
        assert [event.before for event in imported.events] == [None, None, None]
        assert (only(imported).earlier_address_changes, only(imported).address_change) == (0, None)

    def test_events_stand_by_time_within_each_camera_and_cameras_as_in_the_file(self) -> None:
        imported = read({DOOR: TRACKED | {"ip_history": HISTORY[::-1]}, LOBBY: TRACKED})
        assert [event.key for event in imported.events] == [DOOR] * 3 + [LOBBY] * 3
        assert [event.after for event in imported.events] == ["192.0.2.20", "192.0.2.21", "192.0.2.22"] * 2
        assert imported.cameras[0].address_change == imported.cameras[1].address_change


class TestTimes:
    @pytest.mark.parametrize(
        ("text", "utc"),
        [
            ("2024-07-01T12:00:00", "2024-07-01T10:00:00"),
            ("2024-12-01T12:00:00.125", "2024-12-01T11:00:00.125"),
            ("2024-12-01 12:00:00", "2024-12-01T11:00:00"),
            ("2024-12-01T12:00:00Z", "2024-12-01T12:00:00"),
            ("2024-12-01T12:00:00-05:00", "2024-12-01T17:00:00"),
            # Summer time ended at 03:00, so that this came twice: the first is taken.
            ("2024-10-27T02:30:00", "2024-10-27T00:30:00"),
            # Summer time began at 02:00, so that this never came: as by a clock that was not set.
            ("2024-03-31T02:30:00", "2024-03-31T01:30:00"),
        ],
    )
    def test_local_times_are_those_of_the_zone_and_offsets_are_honoured(self, text: str, utc: str) -> None:
        assert only(tracked(first_seen=text, last_seen=text)).first_seen == unix(utc, UTC)

    def test_history_is_read_in_the_zone_too(self) -> None:
        assert read({LOBBY: TRACKED}, UTC).events[1].at == unix("2024-12-21T08:00:00", UTC)

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00", "9999-12-31T23:59:59.999999", "0001-01-01T00:00:00+23:59"])
    @pytest.mark.parametrize("zone", [BERLIN, UTC, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Etc/GMT+12")])
    def test_the_first_and_the_last_year_are_times_like_others(self, text: str, zone: tzinfo) -> None:
        assert only(read({LOBBY: TRACKED | {"first_seen": text, "last_seen": text}}, zone)).first_seen is not None

    def test_a_camera_first_seen_after_it_was_last_seen_is_told_and_put_right(self) -> None:
        imported = tracked(first_seen="2025-01-02T00:00:00", last_seen="2025-01-01T00:00:00")
        assert imported.skipped == (
            Skipped(f"{LOBBY}: first_seen", "it is later than last_seen: each was taken for the other"),
        )
        (camera,) = imported.cameras
        assert (camera.first_seen, camera.last_seen) == (unix("2025-01-01T00:00:00"), unix("2025-01-02T00:00:00"))

    @pytest.mark.parametrize(("broken", "other"), [("first_seen", "last_seen"), ("last_seen", "first_seen")])
    def test_one_broken_time_leaves_the_other_and_the_rest(self, broken: str, other: str) -> None:
        (camera,) = tracked(**{broken: "???"}).cameras
        assert getattr(camera, broken) is None
        assert getattr(camera, other) == getattr(only(tracked()), other)
        assert camera.earlier_discoveries == 57


class TestTwice:
    """The same camera twice: in a file, or in the state already."""

    @pytest.mark.parametrize("newer_first", [True, False])
    def test_two_records_of_one_camera_become_one_and_the_later_is_right(self, *, newer_first: bool) -> None:
        newer = TRACKED | {"total_discoveries": 3, "serial_number": "", "first_seen": "2024-12-21T00:00:00"}
        older = TRACKED | {
            "camera_name": "Old name",
            "current_ip": "192.0.2.20",
            "last_seen": "2024-12-20T23:00:00",
            "ip_history": HISTORY[:1],
        }
        records = {LOBBY: newer, LOBBY.upper(): older}
        imported = read(records if newer_first else dict(reversed(records.items())))
        merged_one = only(imported)
        assert (merged_one.device.name, merged_one.device.address) == ("Lobby", "192.0.2.22")
        assert merged_one.device.serial == "EXA00001"
        assert merged_one.first_seen == unix("2024-12-20T10:30:00.250000")
        assert merged_one.last_seen == unix("2024-12-22T14:15:00.500000")
        assert (merged_one.earlier_discoveries, merged_one.earlier_address_changes) == (57, 2)
        assert imported.events == tracked().events

    @pytest.mark.parametrize(
        "stored",
        [
            camera(LOBBY),
            Camera(
                LOBBY,
                Device(LOBBY, address="192.0.2.77", name="Renamed", kind="recorder"),
                label="First name",
                first_seen=unix("2025-03-01T00:00:00"),
                last_seen=unix("2025-03-02T00:00:00"),
                discoveries=12,
                address_changes=1,
                address_change=AddressChange(unix("2025-03-01T12:00:00"), "192.0.2.77", "192.0.2.22"),
                restarts=2,
                status="active",
            ),
        ],
        ids=["listed only", "heard"],
    )
    def test_importing_twice_is_the_same_as_once_and_loses_nothing(self, stored: Camera) -> None:
        imported = only(tracked())
        once = merged(stored, imported)
        assert merged(once, imported) == once
        assert (once.discoveries, once.earlier_discoveries) == (stored.discoveries, 57)
        assert (once.address_changes, once.earlier_address_changes) == (stored.address_changes, 2)
        assert once.first_seen == imported.first_seen
        assert once.last_seen == max(stored.last_seen or 0.0, imported.last_seen or 0.0)


TEXTS = st.one_of(
    st.sampled_from(
        [
            "",
            "Unknown",
            LOBBY,
            DOOR.upper(),
            "192.0.2.7",
            "0.0.0.0",
            "80",
            "2024-12-22T10:30:00",
            "2024-12-22T10:30:00Z",
        ]
    ),
    st.text(st.characters(exclude_categories=()), max_size=20),
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS)
NAMES = st.sampled_from(sorted({*TRACKED, *OLD_RECORD, *NEW_RECORD, *SITE_RECORD, "ip", "timestamp", "previous_ip"}))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES | TEXTS, inner, max_size=6),
    max_leaves=20,
)
RECORDS = st.lists(
    st.builds(
        lambda record, changed: {**record, **changed},
        st.sampled_from([TRACKED, OLD_RECORD, NEW_RECORD]),
        st.dictionaries(NAMES, VALUES, max_size=4),
    )
    | VALUES,
    max_size=4,
)
DOCUMENTS = st.one_of(
    VALUES,
    st.builds(lambda records: {"cameras": records}, RECORDS),
    st.builds(lambda records: {"devices": records}, RECORDS),
    st.builds(lambda groups: {"groups": groups}, st.lists(st.builds(lambda r: {"devices": r}, RECORDS) | VALUES)),
    st.builds(
        lambda keys, records: dict(zip(keys, records, strict=False)) | {RECORDER: TRACKED},
        st.lists(TEXTS, max_size=4),
        RECORDS,
    ),
)


def outcome(data: bytes, zone: tzinfo) -> Imported | ImportFault:
    try:
        return importer.read(data, zone)
    except ImportFault as fault:
        return fault


def check(outcome: Imported | ImportFault) -> None:
    """Assert what holds of every file: it is explained, or what was read of it is sound."""
    if isinstance(outcome, ImportFault):
        assert str(outcome).isprintable()
        return
    macs = [each.mac for each in outcome.cameras]
    assert len(macs) == len(set(macs))
    assert {event.key for event in outcome.events} <= set(macs)
    assert len(outcome.events) == len(set(outcome.events))
    assert all((each.where + each.why).isprintable() for each in outcome.skipped)
    for each in outcome.cameras:
        times = [event.at for event in outcome.events if event.key == each.mac]
        assert times == sorted(times)
        check_camera(each)


def check_camera(each: Camera) -> None:
    assert each.mac == each.device.mac == each.mac.lower()
    assert (each.discoveries, each.address_changes, each.restarts) == (0, 0, 0)
    assert (each.status, each.up, each.misses) == ("unknown", None, 0)
    assert each.first_seen is None or each.last_seen is None or each.first_seen <= each.last_seen
    assert (each.address_change is None) == (each.earlier_address_changes == 0)
    assert merged(each, each) == each


@settings(max_examples=400, deadline=None)
@given(DOCUMENTS, st.sampled_from([BERLIN, UTC]))
def test_whatever_json_a_file_holds_it_is_read_or_explained(document: object, zone: tzinfo) -> None:
    check(outcome(json.dumps(document).encode(), zone))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_octets_a_file_holds_it_is_read_or_explained(data: bytes) -> None:
    check(outcome(data, BERLIN))


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_file_that_was_cut_or_spoilt_is_read_or_explained(data: st.DataObject) -> None:
    whole = json.dumps({LOBBY: TRACKED, DOOR: TRACKED}).encode()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    check(outcome(whole[:start] + data.draw(st.binary(max_size=3)) + whole[end:], BERLIN))


@pytest.mark.parametrize("field", sorted(TRACKED.keys() - {"mac_address", "seen_in_last_discovery"}))
def test_a_deeply_nested_value_costs_its_own_field_only(field: str) -> None:
    nested = "[" * 300 + "]" * 300
    imported = importer.read(f'{{"cameras": [{{"mac_address": "{LOBBY}", "{field}": {nested}}}]}}'.encode(), UTC)
    assert imported.cameras == (camera(LOBBY),)
    assert len(imported.skipped) == 1
