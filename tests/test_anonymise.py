"""What a recording may not tell, in any form, and what it must go on telling."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.printers import vendors
from exporter.printers.anonymise import Anonymised, anonymise, is_address
from exporter.printers.explain import Fact, explain
from exporter.printers.vendors.maker import First, Rows, Source, Sum
from exporter.snmp.session import Row, Value
from tests.conftest import NO_WALKS
from tests.support.snmprec import RECORDINGS, read

SYSTEM = "1.3.6.1.2.1.1"
PRINTER = "1.3.6.1.2.1.43"
PRIVATE = "1.3.6.1.4.1.11"
CONTACT, NAME, LOCATION = f"{SYSTEM}.4.0", f"{SYSTEM}.5.0", f"{SYSTEM}.6.0"
SERIAL = f"{PRINTER}.5.1.1.17.1"
DESCRIPTION = f"{PRINTER}.11.1.1.6.1.1"
PRINTER_NAME = f"{PRINTER}.5.1.1.16.1"
PANEL = f"{PRINTER}.16.5.1.2.1.1"
MODEL = "1.3.6.1.2.1.25.3.2.1.3.1"
HARDWARE_ADDRESS = "1.3.6.1.2.1.2.2.1.6.1"
OWN_OBJECT = f"{PRIVATE}.1.0"
IDENTITY = {"serial", "hostname", "firmware"}
MAC = bytes.fromhex("3c2af40b1b2c")
WALKS = os.environ.get("PRINTCAM_WALKS", "")
# With letters and digits, as names of devices and serial numbers have them: none is its own mask or a printer's word.
SECRETS = st.from_regex(r"\A[A-Wa-w]{3}[0-9][A-Z][A-Za-z0-9-]{2,12}[13-9]\Z")
VALUES = st.one_of(
    st.integers(-(2**31), 2**32 - 1),
    st.binary(max_size=60),
    st.text(max_size=40).map(str.encode),
    st.text("abcdef0123456789:.-@ SNser=/", max_size=40).map(str.encode),
    st.text("Totalö1 ", max_size=20).map(lambda text: text.encode("utf-16-le")),
    st.sampled_from(["1.3.6.1.4.1.11.2", "10.10.5.28", "0.0"]),
)
OIDS = st.one_of(
    st.sampled_from([CONTACT, NAME, LOCATION, SERIAL, DESCRIPTION, PRINTER_NAME, PANEL, MODEL, HARDWARE_ADDRESS]),
    st.lists(st.integers(0, 130), min_size=1, max_size=6).map(lambda arcs: f"{PRIVATE}.{'.'.join(map(str, arcs))}"),
)


def masked(value: Value, *others: Row, at: str = OWN_OBJECT, known: tuple[str, ...] = ()) -> Value:
    """Return what becomes of one value beside other rows."""
    return dict(anonymise([*others, (at, value)], known).rows)[at]


def all_shown(result: Anonymised) -> bytes:
    return b"\n".join(value if isinstance(value, bytes) else str(value).encode() for _, value in result.rows)


def forms(secret: str) -> Iterator[bytes]:
    """Yield the ways in which a text may stand in an octet string."""
    for octets in (secret.encode(), secret.encode("utf-16-le"), secret.encode("utf-16-be")):
        yield from (octets, octets.lower(), octets.upper())
        yield from hex_forms(octets)


def hex_forms(octets: bytes) -> Iterator[bytes]:
    for by in ("", " ", ":", "-", "."):
        text = octets.hex(by) if by else octets.hex()
        yield from (text.encode(), text.upper().encode())
    yield " ".join(f"0x{octet:02x}" for octet in octets).encode()


def understood(facts: tuple[Fact, ...]) -> list[tuple[str, str, str, str]]:
    return [(fact.of, fact.what, fact.shown, fact.rule) for fact in facts if fact.what not in IDENTITY]


def walks() -> list[Path]:
    return sorted(Path(WALKS).glob("*.snmprec")) if WALKS else []


@pytest.mark.parametrize("recording", sorted(RECORDINGS.glob("*.snmprec")), ids=lambda path: path.stem)
def test_all_but_the_identity_of_a_printer_is_understood_as_before(recording: Path) -> None:
    values = read(recording)
    result = anonymise(values.items())
    assert understood(explain(dict(result.rows))) == understood(explain(values))
    assert result.dropped == 0
    assert values[NAME] not in all_shown(result).split(b"\n")


@pytest.mark.skipif(not WALKS, reason=NO_WALKS)
@pytest.mark.parametrize("recording", walks() or [Path("none")], ids=lambda path: path.stem)
def test_all_but_the_identity_of_a_real_printer_is_understood_as_before(recording: Path) -> None:
    values = read(recording)
    result = anonymise(values.items())
    assert understood(explain(dict(result.rows))) == understood(explain(values))
    assert anonymise(result.rows).rows == result.rows


@given(secret=SECRETS, own=st.sampled_from([CONTACT, NAME, LOCATION, SERIAL]), data=st.data())
def test_what_a_printer_is_called_appears_nowhere_in_any_form(secret: str, own: str, data: st.DataObject) -> None:
    planted = list(forms(secret))
    places = [DESCRIPTION, PRINTER_NAME, PANEL, OWN_OBJECT, f"{PRIVATE}.2.0", f"{SYSTEM}.1.0"]
    # A printer may be called by its model, which stays.
    elsewhere = st.sampled_from([*places, MODEL] if own == SERIAL else places)
    around = st.sampled_from([b"", b" ", b"(", b"/", b"\n", b"Total "])
    rows = {
        data.draw(elsewhere): data.draw(around) + data.draw(st.sampled_from(planted)) + data.draw(around)
        for _ in range(3)
    }
    shown = all_shown(anonymise([*rows.items(), (own, secret.encode())]))
    for form in planted:
        assert form not in shown


@given(st.dictionaries(OIDS, VALUES, max_size=8), st.lists(st.text(max_size=12), max_size=2))
def test_a_mask_is_its_own_mask(rows: dict[str, Value], known: list[str]) -> None:
    once = anonymise(rows.items(), known)
    assert anonymise(once.rows, known).rows == once.rows


@given(st.dictionaries(OIDS, VALUES, max_size=8))
def test_lengths_and_nuls_and_charsets_are_kept(rows: dict[str, Value]) -> None:
    for oid, value in anonymise(rows.items()).rows:
        before = rows[oid]
        assert type(value) is type(before)
        if isinstance(value, bytes) and isinstance(before, bytes) and oid != HARDWARE_ADDRESS:
            assert len(value) == len(before)
            assert [octet == 0 for octet in value] == [octet == 0 for octet in before]


@pytest.mark.parametrize("text", ["Müller 3. Stock", "印刷室", "Büro 印刷", "🖨 Lobby"])
def test_utf_8_stays_utf_8(text: str) -> None:
    mask = masked(text.encode(), at=LOCATION)
    assert isinstance(mask, bytes)
    assert len(mask.decode()) == len(text)
    assert not set(mask.decode()) & set("MülerStockbLoby印刷室🖨")


@pytest.mark.parametrize("form", [*hex_forms(MAC), MAC, MAC[::-1], *hex_forms(MAC[::-1])])
def test_a_hardware_address_is_masked_in_every_form(form: bytes) -> None:
    others = ((HARDWARE_ADDRESS, MAC),)
    for at in (OWN_OBJECT, DESCRIPTION):
        mask = masked(b"[" + form + b"]", *others, at=at)
        assert isinstance(mask, bytes)
        assert form not in mask
        assert len(mask) == len(form) + 2
    assert masked(MAC, at=HARDWARE_ADDRESS) == bytes.fromhex("2a2aa22a2a2a")


def test_a_hardware_address_with_zeros_is_masked_in_every_form() -> None:
    zeros = bytes.fromhex("008077000a0b")
    for form in (zeros, zeros[::-1], *hex_forms(zeros)):
        mask = masked(b"<" + form + b">", (HARDWARE_ADDRESS, zeros))
        assert isinstance(mask, bytes)
        assert form not in mask


@pytest.mark.parametrize(
    "part", [b"a", b"SN-", b"a@", b"1.1.1.1 ", b"v10.0.0.1 ", b"00 11-", b"a.", b"1:", b"\xe4", b"A\0", b"4a ", b"x://"]
)
def test_a_hostile_text_costs_little_time(part: bytes) -> None:
    text = part * (60_000 // len(part))
    started = time.process_time()
    masked(text, (NAME, text), (SERIAL, text), at=DESCRIPTION)
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    ("text", "mask"),
    [
        ("at 10.10.5.28, port 9100", "at 22.22.2.22, port 9100"),
        ("mask 255.255.255.0 and 0.0.0.0", "mask 255.255.255.0 and 0.0.0.0"),
        ("Version 10.1.2.3", "Version 10.1.2.3"),
        ("fe80::3e2a:f4ff:fe0b:1b2c", "aa22::2a2a:a2aa:aa2a:2a2a"),
        ("12:30:05", "12:30:05"),
        ("3C-2A-F4-0B-1B-2C", "2A-2A-A2-2A-2A-2A"),
        ("call +49 511 123-456", "call +22 222 222-222"),
        ("Tel. 0511/123456", "Tel. 2222/222222"),
        ("(800) 555-0199", "(222) 222-2222"),
        ("write to anna.b@corp.example", "write to xxxx.x@xxxx.xxxxxxx"),
        ("https://print.example.com/q?u=anna", "https://xxxxx.xxxxxxx.xxx/x?x=xxxx"),
        ("on srv7.corp.example.local", "on xxx2.xxxx.xxxxxxx.xxxxx"),
        ("Black Toner;SN4C0A7710A3B", "Black Toner;SN2X2X2222X2X"),
        ("Black Toner S/N:CRUM-140521", "Black Toner S/N:XXXX-222222"),
        ("HP ETHERNET,SN:VNB8K6Q02T,FN:T7B41QK,PID:HP M477", "HP ETHERNET,SN:XXX2X2X22X,FN:X2X22XX,PID:HP M477"),
        ("Cyan Cartridge HP CF411X", "Cyan Cartridge HP CF411X"),
        ("42 6C 61 63 6B 20 54 6F 6E 65 72", "42 6C 61 63 6B 20 54 6F 6E 65 72"),
        ("550e8400-e29b-41d4-a716-446655440000", "222a2222-a22a-22a2-a222-222222222222"),
    ],
)
def test_a_description_loses_what_looks_personal_and_nothing_else(text: str, mask: str) -> None:
    assert masked(text.encode(), at=DESCRIPTION) == mask.encode()
    assert masked(text.encode("utf-16-le"), at=DESCRIPTION) == mask.encode("utf-16-le")


@pytest.mark.parametrize("at", [OWN_OBJECT, PANEL, PRINTER_NAME])
def test_private_objects_and_the_panel_keep_only_words_of_printers(at: str) -> None:
    assert masked(b"Copy (Total 1) of salary.docx for Anna", at=at) == b"Copy (Total 1) of xxxxxx.xxxx xxx Xxxx"
    assert masked(b"Smith Total\0\0", at=at) == b"Xxxxx Total\0\0"
    assert masked("Müller".encode("latin-1"), at=at) == b"X\xf0xxxx"


def test_words_of_the_makers_own_descriptions_are_kept_in_its_private_objects() -> None:
    rows = ((MODEL, b"Example 3000i"), (DESCRIPTION, "Toner gelb für Büro".encode()))
    assert masked(b"Example 3000i gelb Anna 20261", *rows) == b"Example 3000i gelb Xxxx 22222"


def test_octets_that_are_no_text_are_kept_but_for_text_within() -> None:
    blob = bytes.fromhex("630104000000016f0104000021adff")
    assert masked(blob) == blob
    assert masked(blob + b"\0Schmidt\0" + blob) == blob + b"\0Xxxxxxx\0" + blob
    assert masked(b"\x01\x15EXHP000001\0\0") == b"\x01\x15XXXX222222\0\0"


def test_an_address_is_masked_as_value_as_text_and_as_octets() -> None:
    rows = ((f"{PRIVATE}.2.0", "10.10.5.28"),)
    assert masked("10.10.5.28") == "22.22.2.22"
    assert masked(bytes((1, 10, 10, 5, 28, 2)), *rows) == bytes((1, 22, 22, 2, 22, 2))
    assert masked(bytes((1, 10, 10, 5, 28, 2)), known=("10.10.5.28",)) == bytes((1, 22, 22, 2, 22, 2))
    assert masked("255.255.255.0") == "255.255.255.0"
    assert masked("1.3.6.1.4.1.11") == "1.3.6.1.4.1.11"


@pytest.mark.parametrize(
    ("address", "number", "mask"),
    [
        ("10.10.5.28", 168_428_828, int.from_bytes(bytes((22, 22, 2, 22)), "big")),
        ("192.168.5.28", 3_232_236_828, int.from_bytes(bytes((222, 222, 2, 22)), "big")),
        ("192.168.5.28", 3_232_236_828 - 2**32, int.from_bytes(bytes((222, 222, 2, 22)), "big") - 2**32),
    ],
)
def test_an_address_is_masked_as_a_number(address: str, number: int, mask: int) -> None:
    assert masked(number, known=(address,)) == mask
    assert masked(number + 1, known=(address,)) == number + 1


def test_a_hardware_address_is_masked_as_a_number_and_within_an_address_of_ipv6() -> None:
    hardware = (HARDWARE_ADDRESS, MAC)
    assert masked(int.from_bytes(MAC, "big"), hardware) == 0x2A2AA22A2A2A
    link_local = bytes.fromhex("fe800000000000003e2af4fffe0b1b2c")
    assert masked(link_local, hardware) == bytes.fromhex("fe800000000000002a2aa2aaaa2a2a2a")


def test_an_address_of_ipv6_that_is_told_as_text_is_masked_as_octets_too() -> None:
    told = (f"{PRIVATE}.2.0", b"2001:db8:1234::5")
    assert masked(bytes.fromhex("20010db8123400000000000000000005"), told, at=DESCRIPTION) == bytes.fromhex(
        "22222aa2222222222222222222222222"
    )


def test_objects_whose_value_spells_an_address_or_a_name_in_numbers_are_dropped() -> None:
    rows: list[Row] = [
        (f"{PRIVATE}.2.0", "1.3.6.1.2.1.4.20.1.2.10.10.5.28"),
        (f"{PRIVATE}.3.0", f"{PRIVATE}.65.110.110.97"),
        (f"{SYSTEM}.2.0", f"{PRIVATE}.2.3.9.1"),
    ]
    result = anonymise(rows, ("10.10.5.28",))
    assert (result.rows, result.dropped) == ((rows[2],), 2)


def test_a_model_that_sysobjectid_spells_stays() -> None:
    epson = ("1.3.6.1.2.1.1.2.0", "1.3.6.1.4.1.1248.1.1.2.1.3.5.69.69.80.83.50")
    assert anonymise([epson]).rows == (epson,)


def test_rows_whose_index_spells_a_name_or_an_address_are_dropped_and_counted() -> None:
    name = ".".join(str(octet) for octet in b"Anna")
    rows: list[Row] = [
        (f"{PRIVATE}.7.{name}", 3),
        (f"{PRIVATE}.8.10.10.5.28.1", 3),
        (f"{PRIVATE}.9.10.10.5.29", 4),
        ("1.3.6.1.2.1.43.11.1.1.9.1.1", 5),
    ]
    result = anonymise(rows, ("10.10.5.28",))
    assert [oid for oid, _ in result.rows] == ["1.3.6.1.2.1.43.11.1.1.9.1.1", f"{PRIVATE}.9.10.10.5.29"]
    assert result.dropped == 2


def test_a_serial_number_of_digits_is_masked_as_a_number_too() -> None:
    assert masked(12345678, (SERIAL, b"12345678")) == 22222222
    assert masked(12345679, (SERIAL, b"12345678")) == 12345679


@pytest.mark.parametrize("number", ["5.1.1.4.1", "5.1.1.5.1", "5.1.1.17.1", "8.2.1.17.1.1", "9.2.1.11.1.1"])
def test_operators_and_serial_numbers_of_parts_are_masked_where_they_stand_and_elsewhere(number: str) -> None:
    own = (f"{PRINTER}.{number}", b"QX4711Z")
    rows = dict(anonymise([own, (DESCRIPTION, b"of qx4711z")]).rows)
    assert (rows[own[0]], rows[DESCRIPTION]) == (b"XX2222X", b"of xx2222x")


@pytest.mark.parametrize("codec", ["utf-8", "utf-16-le", "utf-16-be"])
def test_a_name_beyond_latin_is_masked_in_every_encoding(codec: str) -> None:
    name = "印刷室の山田"
    mask = masked(b"(" + name.encode(codec) + b")", (LOCATION, name.encode()), at=DESCRIPTION)
    assert isinstance(mask, bytes)
    assert not [char for char in name if char.encode(codec) in mask]


@pytest.mark.parametrize(
    ("told", "elsewhere", "mask"),
    [
        (b"HP,SN:VNB8K6Q02T", b"of vnb8k6q02t", b"of xxx2x2x22x"),
        (b"by anna.marklin@corp.example", b"of Marklin", b"of Xxxxxxx"),
        (b"at 3C-2A-F4-0B-1B-2C", b"of " + MAC, b"of " + bytes.fromhex("2a2aa22a2a2a")),
        (b"at 10.10.5.28", b"of \x0a\x0a\x05\x1c", b"of " + bytes((22, 22, 2, 22))),
    ],
)
def test_what_is_recognised_in_one_place_is_masked_in_another(told: bytes, elsewhere: bytes, mask: bytes) -> None:
    assert masked(elsewhere, (f"{SYSTEM}.1.0", told), at=DESCRIPTION) == mask


@pytest.mark.parametrize("codec", ["utf-8", "latin-1", "utf-16-le", "utf-16-be"])
def test_a_name_beyond_ascii_is_masked_in_every_encoding(codec: str) -> None:
    name = "Jörg Müßig"
    mask = masked(b"(" + name.encode(codec) + b")", (CONTACT, name.encode()), at=DESCRIPTION)
    assert isinstance(mask, bytes)
    assert not {"J".encode(codec), "ö".encode(codec), "ß".encode(codec)} & {
        mask[at : at + size] for at in range(len(mask)) for size in (1, 2)
    }


def test_names_within_a_contact_are_masked_as_whole_words_elsewhere() -> None:
    contact = (CONTACT, b"Anna Marklin, 2nd floor")
    assert masked(b"Letterhead of Marklin and anna", contact, at=DESCRIPTION) == b"Letterhead of Xxxxxxx and xxxx"
    assert masked(b"Annapurna Marker", contact, at=DESCRIPTION) == b"Annapurna Marker"


def test_the_model_stays_where_a_printer_is_called_after_it() -> None:
    model = (MODEL, b"Example LaserJet M477")
    assert masked(b"Example LaserJet M477", model, at=PRINTER_NAME) == b"Example LaserJet M477"
    assert masked(b"Kyocera ECOSYS", at=MODEL, known=("kyocera",)) == b"Kyocera ECOSYS"
    rows = anonymise([model, (NAME, b"Example LaserJet M477")]).rows
    assert rows == ((NAME, b"Xxxxxxx XxxxxXxx X222"), model)


def test_serial_numbers_and_models_are_known_by_the_makers_own_objects_too() -> None:
    canon = "1.3.6.1.4.1.1602.1"
    serial, model = (f"{canon}.2.1.4.0", b"QXK04711"), (f"{canon}.1.1.1.0", b"iR-ADV C5235")
    rows = dict(anonymise([serial, model, (DESCRIPTION, b"Toner of qxk04711"), (OWN_OBJECT, b"a C5235")]).rows)
    assert rows[serial[0]] == b"XXX22222"
    assert rows[model[0]] == b"iR-ADV C5235"
    assert rows[DESCRIPTION] == b"Toner of xxx22222"
    assert rows[OWN_OBJECT] == b"a C5235"


def test_what_is_known_of_the_printer_is_masked_though_it_says_so_nowhere() -> None:
    assert masked(b"Hello lobby-7", at=DESCRIPTION, known=("Lobby-7",)) == b"Hello xxxxx-2"


def test_rows_come_in_the_order_of_their_oids() -> None:
    oids = [f"{PRIVATE}.10", f"{PRIVATE}.9", f"{PRIVATE}.9.1", f"{SYSTEM}.1.0"]
    ordered = [f"{SYSTEM}.1.0", f"{PRIVATE}.9", f"{PRIVATE}.9.1", f"{PRIVATE}.10"]
    assert [oid for oid, _ in anonymise([(oid, 1) for oid in oids]).rows] == ordered


@pytest.mark.parametrize("text", ["10.0.0.1", "0.0.0.0", "192.168.1.20"])
def test_dotted_quads_are_addresses(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize("value", ["1.3.6.1", "0.0", "1.3.6.1.4.1.11", "1.2.3.256", 4, b"10.0.0.1"])
def test_other_values_are_no_addresses(value: Value) -> None:
    assert not is_address(value)


def labels(source: Source | None) -> Iterator[str]:
    """Yield the words by which a maker's rows are found."""
    match source:
        case Rows(where=where):
            yield from (word for words in where.values() for word in words if isinstance(word, str))
        case Sum(parts) | First(parts):
            for part in parts:
                yield from labels(part)


def all_labels() -> set[str]:
    found: set[str] = set()
    for maker in vendors.MAKERS:
        for partition in maker.partitions:
            for source in (*partition.cells.values(), *partition.optional.values(), partition.check):
                found.update(labels(source))
        for source in (maker.scans, maker.duplex, maker.large):
            found.update(labels(source))
    return found


def test_every_label_that_a_makers_counters_are_found_by_is_kept() -> None:
    assert len(all_labels()) > 10
    for label in all_labels():
        assert masked(label.encode()) == label.encode()
