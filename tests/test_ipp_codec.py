"""IPP's messages: what is read of them, and that nothing a printer may send does harm."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.ipp.codec import Value, get_printer_attributes, parse
from tests.support.ipp import INTEGER, OCTETS, TEXT, item, message

NAMES = ("marker-levels", "marker-names", "media-col", "printer-info", "printer-state", "printer-up-time", "r")
HEAD = struct.pack(">BBHI", 2, 0, 0, 1) + b"\x01"
COLLECTION, MEMBER, END_COLLECTION = 0x34, 0x4A, 0x37


def values(*items: bytes) -> dict[str, list[Value]]:
    """What is read of the attributes of a printer, of those below."""
    answer = parse(HEAD + b"\x04" + b"".join(items) + b"\x03", NAMES)
    return {name: list(told) for name, told in answer.attributes.items()}


def test_a_request_has_the_attributes_that_it_must_have_in_their_order() -> None:
    assert get_printer_attributes("ipp://h/ipp", ["a", "bc"]) == (
        b"\x01\x01\x00\x0b\x00\x00\x00\x01\x01"
        b"\x47\x00\x12attributes-charset\x00\x05utf-8"
        b"\x48\x00\x1battributes-natural-language\x00\x02en"
        b"\x45\x00\x0bprinter-uri\x00\x0bipp://h/ipp"
        b"\x44\x00\x14requested-attributes\x00\x01a"
        b"\x44\x00\x00\x00\x02bc"
        b"\x03"
    )


def test_all_values_of_an_attribute_are_read_with_texts_as_octets() -> None:
    levels = [item(INTEGER, "marker-levels", struct.pack(">i", 7)), item(INTEGER, "", struct.pack(">i", -3))]
    assert values(*levels, item(TEXT, "marker-names", b"gr\xfcn")) == {
        "marker-levels": [7, -3],
        "marker-names": [b"gr\xfcn"],
    }


def test_a_text_with_a_language_is_read_without_it() -> None:
    text = b"\x00\x02de\x00\x04Lila"
    assert values(item(0x35, "marker-names", text), item(0x36, "printer-info", text)) == {
        "marker-names": [b"Lila"],
        "printer-info": [b"Lila"],
    }


def test_collections_are_passed_over_whatever_is_in_them() -> None:
    inner = [
        item(MEMBER, "", b"x"),
        item(COLLECTION, "", b""),
        item(INTEGER, "", b"\0\0\0\1"),
        item(END_COLLECTION, "", b""),
    ]
    nested = [item(COLLECTION, "media-col", b""), *inner, item(END_COLLECTION, "", b"")]
    assert values(*nested, item(INTEGER, "printer-up-time", b"\0\0\0\5"))["printer-up-time"] == [5]
    assert values(*nested, item(INTEGER, "printer-up-time", b"\0\0\0\5")).get("media-col", []) == []


def test_only_what_is_said_of_the_printer_counts() -> None:
    job = b"\x02" + item(INTEGER, "printer-state", b"\0\0\0\5")
    refused = b"\x05" + item(0x10, "printer-supply", b"")
    assert parse(HEAD + item(INTEGER, "printer-state", b"\0\0\0\4") + job + refused + b"\x03", NAMES).attributes == {}


def test_a_value_that_is_unknown_or_of_the_wrong_size_is_none() -> None:
    told = values(item(0x12, "printer-info", b""), item(INTEGER, "printer-state", b"\0\3"), item(0x32, "r", b"12345"))
    assert told == {"printer-info": [], "printer-state": [], "r": []}


def test_the_status_code_is_read() -> None:
    assert parse(message({}, status=0x0406), NAMES).status == 0x0406


def test_an_answer_that_ends_too_early_is_refused_wherever_it_was_cut() -> None:
    whole = message({"printer-state": 3, "marker-names": ["Black", "Cyan"]})
    parse(whole, NAMES)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match="the answer"):
            parse(whole[:length], NAMES)


@pytest.mark.parametrize(
    "octets", [b"", b"<html>not here</html>", b"HTTP/1.1 200 OK\r\n\r\n", b"\x04\x00" + HEAD[2:] + b"\x03"]
)
def test_what_is_no_message_of_a_known_version_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match="no IPP message"):
        parse(octets, NAMES)


def test_a_length_beyond_the_sign_of_two_octets_leads_nowhere() -> None:
    with pytest.raises(ValueError, match="ends in the middle"):
        values(struct.pack(">BH", OCTETS, 1) + b"a" + b"\xff\xf9" + b"xxxx")


def test_ten_thousand_collections_in_one_another_are_read_in_one_pass() -> None:
    assert values(item(COLLECTION, "media-col", b""), *[item(COLLECTION, "", b"")] * 10_000) == {}


def test_what_was_not_asked_for_is_not_kept_nor_more_values_than_a_printer_can_have() -> None:
    state = item(INTEGER, "printer-state", b"\0\0\0\3")
    more = [item(INTEGER, "", b"\0\0\0\4")] * 1000
    assert values(item(TEXT, "printer-geo-location", b"x"), state, *more) == {"printer-state": [3] + [4] * 63}


@pytest.mark.parametrize("flood", [b"\x44\0\0\0\0", b"\x04", b"\x34\0\0\0\0"], ids=["values", "groups", "collections"])
def test_an_answer_of_a_great_many_values_is_not_read_to_its_end(flood: bytes) -> None:
    with pytest.raises(ValueError, match="more than 20000 values"):
        values(flood * 20_001)


@given(st.binary(max_size=400))
def test_garbage_is_refused_or_read_and_nothing_else(garbage: bytes) -> None:
    for octets in (garbage, HEAD + b"\x04" + garbage):
        try:
            parse(octets, NAMES)
        except ValueError as error:
            assert "the answer" in str(error)  # noqa: PT017  (it may as well be read)
