"""What is understood of a printer that is asked over IPP, from what it says to the snapshot."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import SupplyMatch, SupplyRule, Thresholds
from exporter.ipp.codec import parse
from exporter.printers.explain import explain
from exporter.printers.ipp.objects import ATTRIBUTES, objects, uptime
from exporter.printers.ipp.reader import Reader
from exporter.printers.model import Alert, Identity, Level, Snapshot
from exporter.printers.status import Severity, supply_statuses, witness_status
from tests.support.ipp import Told, message

# As an HP LaserJet tells them.
HP: Told = {
    "printer-make-and-model": "HP LaserJet Pro MFP 4101fdw",
    "printer-device-id": "MFG:HP;CMD:PJL,PCL;MDL:HP LaserJet Pro MFP 4101-4104;SN:VNBRT12345;",
    "printer-uuid": "urn:uuid:564e4252-5431-3233-3435-e073e7aabbcc",
    "printer-firmware-string-version": "6.17.6.10-202306232014",
    "printer-uri-supported": ["ipp://NPIAABBCC.local:631/ipp/print", "ipps://NPIAABBCC.local:443/ipp/print"],
    "printer-state": 3,
    "printer-state-reasons": "none",
    "printer-up-time": 86_400,
    "printer-supply": [
        "type=tonerCartridge;maxcapacity=100;level=40;class=supplyThatIsConsumed;unit=percent;colorantname=black;",
        "type=wasteToner;maxcapacity=100;level=-2;class=receptacleThatIsFilled;unit=percent;colorantname=none;",
    ],
    "printer-supply-description": ["Black Cartridge W1510A", "Waste Container"],
    "marker-names": ["black cartridge", "waste"],
    "marker-levels": [41, 3],
    "printer-input-tray": [
        "type=sheetFeedManual;dimunit=micrometers;maxcapacity=1;level=0;status=0;name=Manual Feed;",
        "type=sheetFeedAutoRemovableTray;maxcapacity=250;level=-3;status=0;name=Tray 2;medianame=na_letter;",
    ],
    "printer-output-tray": ["type=unRemovableBin;maxcapacity=150;remaining=150;status=0;name=FaceDown;"],
    "printer-impressions-completed": 12_345,
    "printer-media-sheets-completed": 7_000,
}


def said(told: Told, *rules: SupplyRule) -> Snapshot:
    """What a reader that knows nothing yet makes of an answer."""
    return Reader(rules, Thresholds()).snapshot(parse(message(told), ATTRIBUTES).attributes)


def levels(snapshot: Snapshot) -> dict[str, float | Level]:
    return {s.row.supply: s.says if s.ratio is None else round(s.ratio, 2) for s in snapshot.supplies}


def test_a_printer_is_understood_as_over_snmp() -> None:
    snapshot = said(HP)
    assert snapshot.identity == Identity(
        vendor="HP",
        model="HP LaserJet Pro MFP 4101fdw",
        serial="VNBRT12345",
        firmware="6.17.6.10-202306232014",
        hostname="NPIAABBCC",
    )
    assert levels(snapshot) == {"Black toner": 0.4, "Waste toner": Level.UNKNOWN}
    assert snapshot.supplies[0].row.part == "W1510A"
    assert [(t.row.tray, t.row.kind, t.media, t.level, t.row.capacity) for t in snapshot.trays] == [
        ("Manual Feed", "manual", "", 0, 1),
        ("Tray 2", "removable", "na_letter", None, 250),
    ]
    assert all(tray.row.in_sheets for tray in snapshot.trays)
    assert [(bin_.bin, bin_.ratio) for bin_ in snapshot.bins] == [("FaceDown", 1.0)]
    assert (snapshot.pages, snapshot.pages_unit) == (12_345, "impressions")
    assert (snapshot.state, snapshot.errors, snapshot.alerts, snapshot.covers) == ("idle", frozenset(), (), ())
    assert not snapshot.asleep


def test_what_a_printer_does_not_say_is_not_invented() -> None:
    snapshot = said({"printer-state": 3})
    assert snapshot == Snapshot(
        Identity(), (), (), (), (), (), errors=None, state="idle", pages=None, pages_unit="impressions"
    )


# ---- supplies


def test_markers_count_where_printer_supply_is_missing() -> None:
    snapshot = said(
        {
            "marker-names": ["Black ink", "Cyan", "", "Tri-color ink", "Gray"],
            "marker-types": ["ink-cartridge"] * 5,
            "marker-colors": ["#000000", "#00CFFF", "#FF00FF", "#00FFFF#FF00FF#FFFF00", "#808080"],
            "marker-levels": [57, -3, -1, -2, 100],
        }
    )
    assert levels(snapshot) == {
        "Black ink": 0.57,
        "Cyan ink": Level.SOME,
        "Magenta ink": Level.UNKNOWN,
        "Ink": Level.UNKNOWN,
        "Gray ink": 1.0,
    }


def test_the_level_of_a_marker_that_fills_is_turned_into_the_room_that_is_left() -> None:
    told: Told = {
        "marker-names": ["Waste", "Box that tells what is left", "Waste of unknown level"],
        "marker-types": ["waste-ink", "waste-toner", "wasteToner"],
        "marker-levels": [10, 80, -2],
        "marker-low-levels": [0, 5, 0],
    }
    assert levels(said(told)) == {"Waste ink": 0.9, "Waste toner": 0.8, "Waste toner 2": Level.UNKNOWN}
    rule = SupplyRule(match=SupplyMatch(kind="waste_ink"), invert=True)
    assert levels(said(told, rule))["Waste ink"] == 0.1


def test_lists_of_different_length_make_no_level_of_another_supply() -> None:
    short = said({"marker-names": ["Black toner", "Cyan toner"], "marker-types": "toner", "marker-levels": [5]})
    assert levels(short) == {"Black toner": 0.05, "Cyan toner": Level.UNKNOWN}
    wordy = said({"printer-supply": "type=toner;level=5;maxcapacity=10;", "printer-supply-description": ["A", "B"]})
    assert [supply.row.description for supply in wordy.supplies] == ["A"]


def test_rows_are_in_the_order_and_of_the_number_that_the_printer_tells() -> None:
    told = ["index=7;type=toner;level=1;maxcapacity=10;colorantname=black;", "index=2;type=opc;level=5;maxcapacity=10"]
    rows = [supply.row for supply in (said({"printer-supply": told})).supplies]
    assert [(row.row, row.supply) for row in rows] == [(2, "Drum"), (7, "Black toner")]
    twice = [value.replace("index=7", "index=2") for value in told]
    rows = [supply.row for supply in (said({"printer-supply": twice})).supplies]
    assert [(row.row, row.supply) for row in rows] == [(1, "Black toner"), (2, "Drum")]
    for index in ("", "index=0;", "index=-1;"):
        [supply] = said({"printer-supply": f"{index}type=toner;level=1;maxcapacity=10;"}).supplies
        assert supply.row.row == 1


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("type=toner;level=11;maxcapacity=10;", Level.IMPLAUSIBLE),
        ("type=toner;level=five;maxcapacity=10;", Level.UNKNOWN),
        ("type=toner;level=99999999999999999999;", Level.UNKNOWN),
        ("type=toner;level=-1;", Level.UNRESTRICTED),
        ("level=-3", Level.SOME),
        ("level=", Level.UNKNOWN),
    ],
)
def test_an_odd_level_has_no_ratio(value: str, says: Level) -> None:
    assert [supply.says for supply in (said({"printer-supply": value})).supplies] == [says]


def test_text_that_is_no_utf_8_is_read_as_latin_1_and_cleaned() -> None:
    told = {"printer-supply": "type=other;level=5;", "printer-supply-description": "Gef\udce4\udcdf\x1b[31m"}
    assert [supply.row.supply for supply in (said(told)).supplies] == ["Gefäß[31m"]


# ---- who it is


@pytest.mark.parametrize(
    ("told", "serial"),
    [
        ({"printer-device-id": "MFG:EPSON;MDL:WF-2630;SERN:X3B1;"}, "X3B1"),
        ({"printer-device-id": "mfg : Kyocera ; serialnumber : LXA 1"}, "LXA 1"),
        ({"printer-device-id": "MFG:X;SN:;", "printer-uuid": "urn:uuid:564e-1"}, "564e-1"),
        ({"printer-device-id": ";;:;=", "printer-uuid": ""}, ""),
    ],
)
def test_the_serial_number_is_in_the_device_id_else_the_uuid_stands_for_it(told: Told, serial: str) -> None:
    assert (said({"printer-state": 3, **told})).identity.serial == serial


@pytest.mark.parametrize(
    ("told", "model"),
    [
        ({"printer-device-id": "MFG:Brother;MDL:HL-L2350DW series;"}, "Brother HL-L2350DW series"),
        ({"printer-device-id": "MFG:HP;MDL:HP LaserJet 4;"}, "HP LaserJet 4"),
        ({"printer-device-id": "CMD:PCL;"}, ""),
    ],
)
def test_the_model_is_in_the_device_id_where_it_stands_nowhere_else(told: Told, model: str) -> None:
    assert (said({"printer-state": 3, **told})).identity.model == model


def test_the_maker_is_in_the_device_id_where_the_model_does_not_name_it() -> None:
    told: Told = {"printer-make-and-model": "WF-2630 Series", "printer-device-id": "MFG:EPSON;MDL:WF-2630;"}
    identity = said(told).identity
    assert (identity.vendor, identity.model) == ("Epson", "WF-2630 Series")


@pytest.mark.parametrize(
    ("uri", "hostname"),
    [
        ("ipp://NPI1.local.:631/ipp/print", "NPI1"),
        ("ipp://printer.example.com/ipp/print", "printer.example.com"),
        ("ipp://10.0.0.1:631/ipp/print", ""),
        ("ipp://[fe80::1]:631/ipp/print", ""),
        ("ipp://localhost/ipp/print", ""),
        ("ipp://[/", ""),
        ("no uri", ""),
    ],
)
def test_the_host_name_is_what_the_printer_calls_itself(uri: str, hostname: str) -> None:
    assert (said({"printer-state": 3, "printer-uri-supported": uri})).identity.hostname == hostname


@pytest.mark.parametrize(("told", "seconds"), [(86_400, 86_400), (0, 0), (1_790_000_000, None), (None, None)])
def test_the_time_of_day_is_no_uptime(told: int | None, seconds: int | None) -> None:
    attributes: Told = {} if told is None else {"printer-up-time": told}
    assert uptime(parse(message(attributes), ATTRIBUTES).attributes) == seconds


def test_sheets_are_counted_where_impressions_are_not_and_pages_never() -> None:
    snapshot = said({"printer-media-sheets-completed": 7, "printer-pages-completed": 9})
    assert (snapshot.pages, snapshot.pages_unit) == (7, "sheets")
    assert (said({"printer-state": 3, "printer-pages-completed": 9})).pages is None


# ---- how it is


def told(*reasons: str, state: int = 3, **rest: int | str | list[str]) -> Told:
    return {"printer-state": state, "printer-state-reasons": list(reasons), **rest}


@pytest.mark.parametrize(
    ("reason", "bit"),
    [
        ("media-low-warning", "low_paper"),
        ("media-needed-error", "no_paper"),
        ("media-empty-error", "no_paper"),
        ("media-empty-warning", "input_tray_empty"),
        ("media-jam-error", "jammed"),
        ("toner-low-report", "low_toner"),
        ("toner-empty-error", "no_toner"),
        ("marker-supply-low-warning", "low_toner"),
        ("marker-supply-empty-error", "no_toner"),
        ("marker-toner-cartridge-missing-error", "marker_supply_missing"),
        ("cover-open-error", "door_open"),
        ("door-open", "door_open"),
        ("interlock-open-warning", "door_open"),
        ("input-tray-missing-error", "input_tray_missing"),
        ("output-tray-missing-error", "output_tray_missing"),
        ("output-area-almost-full-warning", "output_near_full"),
        ("output-area-full-error", "output_full"),
        ("paused", "taken_offline"),
    ],
)
def test_a_reason_sets_the_error_bit_that_says_the_same(reason: str, bit: str) -> None:
    assert (said(told(reason))).errors == frozenset({bit})


@pytest.mark.parametrize(
    ("reason", "state", "level", "code", "group"),
    [
        ("media-jam-error", 5, "critical", "jam", "mediaPath"),
        ("media-jam", 5, "critical", "jam", "mediaPath"),
        ("media-jam-warning", 5, "warning", "jam", "mediaPath"),
        ("toner-low", 5, "warning", "markerTonerAlmostEmpty", "markerSupplies"),
        ("toner-low-report", 3, "warning", "markerTonerAlmostEmpty", "markerSupplies"),
        ("marker-waste-full-warning", 3, "warning", "markerWasteTonerReceptacleFull", "markerSupplies"),
        ("opc-near-eol", 3, "warning", "markerOpcLifeAlmostOver", "markerSupplies"),
        ("fuser-over-temp-error", 5, "critical", "markerFuserOverTemperature", "marker"),
        ("subunit-life-over-error", 5, "critical", "subunitLifeOver", "generalPrinter"),
        ("motor-failure-error", 5, "critical", "subunitMotorFailure", "generalPrinter"),
        ("paused", 5, "warning", "subunitOffline", "generalPrinter"),
        ("warming-up", 4, "information", "subunitWarmingUp", "generalPrinter"),
        ("acme-drum-shifted-error", 3, "critical", "other", "generalPrinter"),
        ("acme-drum-shifted", 5, "critical", "other", "generalPrinter"),
        ("acme-drum-shifted-warning", 3, "warning", "other", "generalPrinter"),
    ],
)
def test_a_reason_is_an_alert_row_in_the_words_of_the_standard(
    reason: str, state: int, level: str, code: str, group: str
) -> None:
    assert (said(told(reason, state=state))).alerts == (Alert(level, code, group, "unknown", reason, None),)


@pytest.mark.parametrize(
    "reason", ["none", "identify-printer-requested", "cups-waiting-report", "wifi-report", "", "-"]
)
def test_a_keyword_of_no_standard_that_stops_nothing_is_no_alert(reason: str) -> None:
    snapshot = said(told(reason))
    assert (snapshot.errors, snapshot.alerts) == (frozenset(), ())


def test_reasons_without_a_value_say_nothing_of_errors() -> None:
    assert Reader((), Thresholds()).snapshot({"printer-state": [3], "printer-state-reasons": []}).errors is None


def test_a_stopped_printer_is_in_another_state_and_its_jam_an_error() -> None:
    snapshot = said(told("media-jam", state=5))
    assert snapshot.state == "other"
    assert witness_status(snapshot, supply_statuses(snapshot)) is Severity.ERROR


def test_a_printer_that_saves_power_is_left_alone() -> None:
    assert (said(told("power-saver-report"))).asleep
    assert not (said(told("power-saver-report", state=4))).asleep


def test_printers_with_ink_have_no_toner_codes() -> None:
    ink: Told = {"marker-names": "Black ink", "marker-types": "ink", "marker-levels": 50}
    codes = {alert.code for alert in (said({**told("marker-waste-full-error", "toner-low"), **ink})).alerts}
    assert codes == {"markerWasteInkReceptacleFull", "markerInkAlmostEmpty"}


def test_the_printers_own_alert_table_goes_before_its_reasons() -> None:
    snapshot = said(
        {
            **told("cover-open-error", "media-jam-error", "media-low-warning"),
            "printer-alert": [
                "code=coverOpen;index=3;severity=critical;training=untrained;group=cover;groupindex=2;location=1",
                "code=inputMediaSupplyLow;severity=warning;group=input;groupindex=1;time=5",
            ],
            "printer-alert-description": ["Front door is open", ""],
        }
    )
    assert snapshot.alerts == (
        Alert("critical", "coverOpen", "cover", "untrained", "Front door is open", 2),
        Alert("warning", "inputMediaSupplyLow", "input", "unknown", "", 1),
        Alert("critical", "jam", "mediaPath", "unknown", "media-jam-error", None),
    )
    assert snapshot.errors == frozenset({"door_open", "jammed", "low_paper"})


def test_alert_rows_that_say_nothing_hide_no_reason() -> None:
    alerts = [
        "code=unknown;severity=other;group=cover",
        "code=subunitPowerSaver;severity=warning;group=generalPrinter",
        "",
        "code=jam",
    ]
    snapshot = said({**told("cover-open-error", "acme-error"), "printer-alert": alerts})
    assert [(alert.level, alert.code) for alert in snapshot.alerts] == [
        ("information", "subunitPowerSaver"),
        ("warning", "jam"),
        ("critical", "coverOpen"),
        ("critical", "other"),
    ]


def test_a_supply_as_low_as_the_printer_calls_low_is_the_one_that_a_reason_means() -> None:
    markers: Told = {
        "marker-names": ["Black toner", "Cyan toner"],
        "marker-types": ["toner", "toner"],
        "marker-levels": [60, 25],
        "marker-low-levels": [30, 30],
    }
    snapshot = said({**told("toner-empty-error"), **markers})
    assert [alert.row for alert in snapshot.alerts] == [2]
    assert supply_statuses(snapshot) == {"Black toner": Severity.OK, "Cyan toner": Severity.ERROR}
    neither = said({**told("toner-empty-error"), **markers, "marker-levels": [60, 40]})
    assert [alert.row for alert in neither.alerts] == [None]


# ---- from poll to poll


def test_what_has_not_moved_is_the_very_object_of_the_poll_before() -> None:
    reader = Reader((), Thresholds())

    def next_poll(**changes: int | str) -> Snapshot:
        told = {**HP, **{name.replace("_", "-"): value for name, value in changes.items()}}
        return reader.snapshot(parse(message(told), ATTRIBUTES).attributes)

    first = next_poll()
    second = next_poll(printer_impressions_completed=12_346, printer_up_time=86_460)
    assert second.pages == 12_346
    for part in ("supplies", "trays", "bins", "alerts"):
        assert getattr(second, part) is getattr(first, part), part
    assert next_poll(printer_impressions_completed=12_346, printer_up_time=86_520) is second
    assert next_poll(printer_firmware_string_version="7").identity.firmware == "7"


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(sorted(HP.keys() | {"marker-types", "marker-colors", "marker-low-levels", "printer-alert"})),
        st.lists(
            st.integers(-(2**31), 2**31 - 1)
            | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace").decode())
            | st.sampled_from(["type=toner;level=5;", "index=1", "#12345", "toner-low", "code=jam;severity=critical"]),
            min_size=1,
            max_size=5,
        ),
        min_size=1,
    )
)
def test_whatever_a_printer_says_makes_a_snapshot_and_can_be_explained(told: dict[str, list[int | str]]) -> None:
    assert isinstance(said(told), Snapshot)
    assert explain(objects(parse(message(told), ATTRIBUTES).attributes))


def test_no_more_of_an_attribute_is_kept_than_a_printer_can_have() -> None:
    flood = [f"type=toner;level={number % 100};maxcapacity=100;" + "x" * 5000 for number in range(2000)]
    assert len((said({"printer-supply": flood})).supplies) == 64
